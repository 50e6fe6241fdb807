/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "wire/cursor.h"

/* Bytes in a heap block of their own size: one read too many is found. */
typedef struct input {
  uint8_t *block;
  oa_cursor cursor;
} input;

static input input_of(const uint8_t *bytes, size_t len) {
  input in = {.block = oa_malloc(len > 0 ? len : 1)};
  assert_non_null(in.block);
  if (len > 0) {
    memcpy(in.block, bytes, len);
  }
  in.cursor = oa_cursor_over(in.block, len);
  return in;
}

static size_t used(const input *in) {
  return (size_t)(in->cursor.at - in->block);
}

static void expect_varint(const uint8_t *bytes, size_t len, uint64_t want,
                          size_t want_used) {
  input in = input_of(bytes, len);
  uint64_t value = 0;
  assert_int_equal(oa_cursor_varint(&in.cursor, &value), OA_OK);
  assert_true(value == want);
  assert_int_equal(used(&in), want_used);
  oa_free(in.block);
}

/* A failed read moves nothing and writes nothing. */
static void expect_no_varint(const uint8_t *bytes, size_t len, oa_status want) {
  input in = input_of(bytes, len);
  uint64_t value = 4711;
  assert_int_equal(oa_cursor_varint(&in.cursor, &value), want);
  assert_int_equal(value, 4711);
  assert_int_equal(used(&in), 0);
  oa_free(in.block);
}

#define BYTES(...) \
  (const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__})

static void varints_of_one_byte_are_their_byte(void **state) {
  (void)state;
  for (unsigned v = 0; v < 0x80; v++) {
    expect_varint(BYTES((uint8_t)v, 0xFF), v, 1);
  }
}

static void varints_of_every_length_are_read(void **state) {
  (void)state;
  for (unsigned len = 1; len <= 10; len++) {
    uint8_t bytes[11];
    memset(bytes, 0xFF, sizeof bytes);
    bytes[len - 1] = len == 10 ? 0x01 : 0x7F;
    const uint64_t want =
        len >= 10 ? UINT64_MAX : (UINT64_C(1) << (7 * len)) - 1;
    expect_varint(bytes, len, want, len);
    expect_varint(bytes, sizeof bytes, want, len);
    for (unsigned cut = 0; cut < len; cut++) {
      expect_no_varint(bytes, cut, OA_ERR_TRUNCATED);
    }
  }
}

/* Other encoders pad with zeros; protobuf's own parser takes that too. */
static void overlong_varints_have_their_value(void **state) {
  (void)state;
  expect_varint(BYTES(0x80, 0x00), 0, 2);
  expect_varint(BYTES(0x81, 0x80, 0x00), 1, 3);
  expect_varint(
      BYTES(0xAC, 0x82, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x00), 300,
      10);
}

static void the_tenth_byte_holds_one_bit(void **state) {
  (void)state;
  uint8_t bytes[12];
  memset(bytes, 0x80, sizeof bytes);
  bytes[9] = 1;
  expect_varint(bytes, 10, UINT64_C(1) << 63, 10);
  for (unsigned last = 2; last < 0x100; last++) {
    bytes[9] = (uint8_t)last;
    bytes[10] = 0;
    expect_no_varint(bytes, 10, OA_ERR_MALFORMED);
    expect_no_varint(bytes, 12, OA_ERR_MALFORMED);
  }
}

static void tags_have_a_field_number_and_fit_32_bits(void **state) {
  (void)state;
  uint32_t tag = 0;
  input in = input_of(BYTES(0xF8, 0xFF, 0xFF, 0xFF, 0x0F));
  assert_int_equal(oa_cursor_tag(&in.cursor, &tag), OA_OK);
  assert_true(tag == OA_TAG(0x1FFFFFFF, OA_WIRE_VARINT));
  assert_true(oa_cursor_done(&in.cursor));
  oa_free(in.block);

  for (uint8_t wire = 0; wire < 8; wire++) {
    in = input_of(BYTES(wire));
    assert_int_equal(oa_cursor_tag(&in.cursor, &tag), OA_ERR_MALFORMED);
    oa_free(in.block);
  }
  in = input_of(BYTES(0x80, 0x80, 0x80, 0x80, 0x10));
  assert_int_equal(oa_cursor_tag(&in.cursor, &tag), OA_ERR_MALFORMED);
  oa_free(in.block);
  in = input_of(BYTES(0x88));
  assert_int_equal(oa_cursor_tag(&in.cursor, &tag), OA_ERR_TRUNCATED);
  oa_free(in.block);
}

static void fixed_values_are_little_endian_and_whole(void **state) {
  (void)state;
  input in = input_of(BYTES(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12));
  uint64_t wide = 0;
  uint32_t narrow = 0;
  assert_int_equal(oa_cursor_fixed64(&in.cursor, &wide), OA_OK);
  assert_true(wide == UINT64_C(0x0807060504030201));
  assert_int_equal(oa_cursor_fixed64(&in.cursor, &wide), OA_ERR_TRUNCATED);
  assert_int_equal(oa_cursor_left(&in.cursor), 4);
  assert_int_equal(oa_cursor_fixed32(&in.cursor, &narrow), OA_OK);
  assert_true(narrow == UINT32_C(0x0C0B0A09));
  assert_int_equal(oa_cursor_fixed32(&in.cursor, &narrow), OA_ERR_TRUNCATED);
  assert_true(oa_cursor_done(&in.cursor));
  oa_free(in.block);
}

static void bytes_are_a_window_on_the_same_memory(void **state) {
  (void)state;
  input in = input_of(BYTES(3, 'a', 'b', 'c', 0, 1, 'd'));
  oa_cursor inner = {0};
  assert_int_equal(oa_cursor_bytes(&in.cursor, &inner), OA_OK);
  assert_ptr_equal(inner.at, in.block + 1);
  assert_int_equal(oa_cursor_left(&inner), 3);
  assert_int_equal(oa_cursor_bytes(&in.cursor, &inner), OA_OK);
  assert_true(oa_cursor_done(&inner));
  assert_int_equal(oa_cursor_bytes(&in.cursor, &inner), OA_OK);
  assert_ptr_equal(inner.at, in.block + 6);
  assert_int_equal(oa_cursor_left(&inner), 1);
  assert_int_equal(oa_cursor_bytes(&in.cursor, &inner), OA_ERR_TRUNCATED);
  oa_free(in.block);
}

static void lengths_past_the_end_are_truncated(void **state) {
  (void)state;
  static const uint8_t huge[] = {0xFF, 0xFF, 0xFF, 0xFF, 0xFF,
                                 0xFF, 0xFF, 0xFF, 0xFF, 0x01};
  oa_cursor inner = {0};
  input in = input_of(BYTES(4, 'a', 'b', 'c'));
  assert_int_equal(oa_cursor_bytes(&in.cursor, &inner), OA_ERR_TRUNCATED);
  oa_free(in.block);
  in = input_of(huge, sizeof huge); /* at + len would wrap around */
  assert_int_equal(oa_cursor_bytes(&in.cursor, &inner), OA_ERR_TRUNCATED);
  oa_free(in.block);
}

static void expect_skip(const uint8_t *bytes, size_t len, uint32_t tag,
                        size_t want) {
  for (size_t cut = 0; cut <= len; cut++) {
    input in = input_of(bytes, cut);
    const oa_status status = oa_cursor_skip(&in.cursor, tag);
    if (cut < want) {
      assert_int_equal(status, OA_ERR_TRUNCATED);
    } else {
      assert_int_equal(status, OA_OK);
      assert_int_equal(used(&in), want);
    }
    oa_free(in.block);
  }
}

static void values_of_every_wire_type_are_skipped_whole(void **state) {
  (void)state;
  expect_skip(BYTES(0x80, 0x80, 1, 0xEE), OA_TAG(1, OA_WIRE_VARINT), 3);
  expect_skip(BYTES(1, 2, 3, 4, 5, 6, 7, 8, 9), OA_TAG(1, OA_WIRE_FIXED64), 8);
  expect_skip(BYTES(2, 'a', 'b', 'c'), OA_TAG(1, OA_WIRE_BYTES), 3);
  expect_skip(BYTES(1, 2, 3, 4, 5), OA_TAG(1, OA_WIRE_FIXED32), 4);
}

static void groups_are_skipped_with_all_that_is_in_them(void **state) {
  (void)state;
  /* 1 { 2: 7  3: "ab"  4 { 5: fixed32 }  6: fixed64 } */
  expect_skip(BYTES(0x10, 7, 0x1A, 2, 'a', 'b', 0x23, 0x2D, 1, 2, 3, 4, 0x24,
                    0x31, 1, 2, 3, 4, 5, 6, 7, 8, 0x0C, 0xFF),
              OA_TAG(1, OA_WIRE_GROUP), 23);
  expect_skip(BYTES(0x0C), OA_TAG(1, OA_WIRE_GROUP), 1);
}

static void expect_bad_skip(const uint8_t *bytes, size_t len, uint32_t tag) {
  input in = input_of(bytes, len);
  assert_int_equal(oa_cursor_skip(&in.cursor, tag), OA_ERR_MALFORMED);
  oa_free(in.block);
}

static void groups_that_do_not_match_are_malformed(void **state) {
  (void)state;
  expect_bad_skip(BYTES(0x14), OA_TAG(1, OA_WIRE_GROUP));
  /* 1 { 2 { } of 1 comes before } of 2 */
  expect_bad_skip(BYTES(0x13, 0x0C, 0x14), OA_TAG(1, OA_WIRE_GROUP));
  /* A field number 0 and a wire type that is none, inside. */
  expect_bad_skip(BYTES(0x00, 0x0C), OA_TAG(1, OA_WIRE_GROUP));
  expect_bad_skip(BYTES(0x16, 0x0C), OA_TAG(1, OA_WIRE_GROUP));
}

static void ends_without_begin_and_unknown_types_are_malformed(void **state) {
  (void)state;
  expect_bad_skip(BYTES(0x0C), OA_TAG(1, OA_WIRE_END_GROUP));
  expect_bad_skip(BYTES(1, 2, 3), OA_TAG(1, 6));
  expect_bad_skip(BYTES(1, 2, 3), OA_TAG(1, 7));
}

static oa_status skip_nested(size_t depth) {
  uint8_t bytes[512];
  /* The first group's tag is read by the caller. */
  memset(bytes, 0x0B, depth - 1);
  memset(bytes + depth - 1, 0x0C, depth);
  input in = input_of(bytes, 2 * depth - 1);
  const oa_status status = oa_cursor_skip(&in.cursor, OA_TAG(1, OA_WIRE_GROUP));
  assert_true(status != OA_OK || oa_cursor_done(&in.cursor));
  oa_free(in.block);
  return status;
}

static void groups_nest_up_to_the_limit(void **state) {
  (void)state;
  for (size_t depth = 1; depth <= OA_WIRE_MAX_GROUPS; depth++) {
    assert_int_equal(skip_nested(depth), OA_OK);
  }
  assert_int_equal(skip_nested(OA_WIRE_MAX_GROUPS + 1), OA_ERR_MALFORMED);
  assert_int_equal(skip_nested(200), OA_ERR_MALFORMED);
}

static void zigzag_gives_signed_numbers_back(void **state) {
  (void)state;
  assert_true(oa_zigzag(0) == 0);
  assert_true(oa_zigzag(1) == -1);
  assert_true(oa_zigzag(2) == 1);
  assert_true(oa_zigzag(UINT64_MAX - 1) == INT64_MAX);
  assert_true(oa_zigzag(UINT64_MAX) == INT64_MIN);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(varints_of_one_byte_are_their_byte),
      cmocka_unit_test(varints_of_every_length_are_read),
      cmocka_unit_test(overlong_varints_have_their_value),
      cmocka_unit_test(the_tenth_byte_holds_one_bit),
      cmocka_unit_test(tags_have_a_field_number_and_fit_32_bits),
      cmocka_unit_test(fixed_values_are_little_endian_and_whole),
      cmocka_unit_test(bytes_are_a_window_on_the_same_memory),
      cmocka_unit_test(lengths_past_the_end_are_truncated),
      cmocka_unit_test(values_of_every_wire_type_are_skipped_whole),
      cmocka_unit_test(groups_are_skipped_with_all_that_is_in_them),
      cmocka_unit_test(groups_that_do_not_match_are_malformed),
      cmocka_unit_test(ends_without_begin_and_unknown_types_are_malformed),
      cmocka_unit_test(groups_nest_up_to_the_limit),
      cmocka_unit_test(zigzag_gives_signed_numbers_back),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
