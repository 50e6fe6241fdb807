/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#include "base/mem.h"
#include "wire/emit.h"

static void assert_bytes(const oa_emit *emit, const uint8_t *want, size_t len) {
  assert_int_equal(emit->status, OA_OK);
  assert_int_equal(emit->out.len, len);
  assert_true(memcmp(emit->out.data, want, len) == 0);
}

#define ASSERT_BYTES(EMIT, ...)                \
  do {                                         \
    const uint8_t want_[] = {__VA_ARGS__};     \
    assert_bytes((EMIT), want_, sizeof want_); \
  } while (0)

static void varints_take_as_few_bytes_as_they_need(void **state) {
  (void)state;
  for (unsigned bits = 0; bits < 64; bits++) {
    const uint64_t edge = UINT64_C(1) << bits;
    const uint64_t values[] = {edge - 1, edge, edge + 1};
    for (size_t i = 0; i < 3; i++) {
      uint8_t bytes[OA_EMIT_VARINT_MAX];
      const uint8_t *end = oa_varint_write(bytes, values[i]);
      oa_cursor cursor = oa_cursor_over(bytes, (size_t)(end - bytes));
      uint64_t back;
      assert_int_equal(oa_varint_size(values[i]), end - bytes);
      assert_int_equal(oa_cursor_varint(&cursor, &back), OA_OK);
      assert_true(oa_cursor_done(&cursor));
      assert_true(back == values[i]);
      assert_true(end - bytes == 1 || end[-1] != 0);
    }
  }
  assert_int_equal(oa_varint_size(UINT64_MAX), 10);
}

static void zigzag_keeps_small_numbers_small(void **state) {
  (void)state;
  assert_int_equal(oa_zigzag32(0), 0);
  assert_int_equal(oa_zigzag32(-1), 1);
  assert_int_equal(oa_zigzag32(1), 2);
  assert_true(oa_zigzag32(INT32_MAX) == UINT32_MAX - 1);
  assert_true(oa_zigzag32(INT32_MIN) == UINT32_MAX);
}

static void fields_have_tag_and_value(void **state) {
  (void)state;
  oa_emit emit = {0};
  oa_emit_varint(&emit, 1, 300);
  oa_emit_fixed64(&emit, 2, UINT64_C(0x0102030405060708));
  oa_emit_fixed32(&emit, 16, 0x01020304);
  oa_emit_bytes(&emit, 15, (const uint8_t *)"ab", 2);
  ASSERT_BYTES(&emit, 0x08, 0xAC, 0x02, 0x11, 8, 7, 6, 5, 4, 3, 2, 1, 0x85,
               0x01, 4, 3, 2, 1, 0x7A, 2, 'a', 'b');
  oa_buf_free(&emit.out);
}

static void defaults_are_left_out_by_set_and_written_otherwise(void **state) {
  (void)state;
  oa_emit emit = {0};
  oa_emit_varint_set(&emit, 1, 0);
  oa_emit_fixed64_set(&emit, 1, 0);
  oa_emit_fixed32_set(&emit, 1, 0);
  oa_emit_bytes_set(&emit, 1, NULL, 0);
  oa_emit_packed64(&emit, 1, NULL, 0);
  oa_emit_packed_varint(&emit, 1, NULL, 0);
  assert_int_equal(emit.out.len, 0);
  oa_emit_varint(&emit, 1, 0);
  oa_emit_bytes(&emit, 2, (const uint8_t *)"", 0);
  oa_emit_fixed64_set(&emit, 3, UINT64_C(1) << 63); /* -0.0 */
  ASSERT_BYTES(&emit, 0x08, 0, 0x12, 0, 0x19, 0, 0, 0, 0, 0, 0, 0, 0x80);
  oa_buf_free(&emit.out);
}

static void packed_fields_hold_all_values(void **state) {
  (void)state;
  const uint64_t values[] = {1, 300};
  oa_emit emit = {0};
  oa_emit_packed_varint(&emit, 2, values, 2);
  oa_emit_packed64(&emit, 6, values, 1);
  oa_emit_packed_varint(&emit, 2, NULL, 3);
  oa_emit_packed64(&emit, 6, NULL, 1);
  ASSERT_BYTES(&emit, 0x12, 3, 1, 0xAC, 2, 0x32, 8, 1, 0, 0, 0, 0, 0, 0, 0,
               0x12, 3, 0, 0, 0, 0x32, 8, 0, 0, 0, 0, 0, 0, 0, 0);
  oa_buf_free(&emit.out);
}

/* Whatever was guessed, the length is in its shortest form and the body whole.
 */
static void lengths_are_shortest_for_every_guess(void **state) {
  (void)state;
  const size_t sizes[] = {0, 1, 127, 128, 16383, 16384, 2097151, 2097152};
  for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
    for (size_t guess = 1; guess <= 5; guess++) {
      oa_emit emit = {0};
      const oa_emit_nest nest = oa_emit_open(&emit, 2, guess);
      uint8_t *at = oa_emit_room(&emit, sizes[i] + 1);
      assert_non_null(at);
      for (size_t k = 0; k < sizes[i]; k++) {
        at[k] = (uint8_t)(k * 7);
      }
      oa_emit_wrote(&emit, at + sizes[i]);
      oa_emit_close(&emit, nest);
      assert_int_equal(emit.status, OA_OK);
      const size_t head = 1 + oa_varint_size(sizes[i]);
      assert_int_equal(emit.out.len, head + sizes[i]);
      assert_int_equal(emit.out.data[0], 0x12);
      oa_cursor cursor = oa_cursor_over(emit.out.data + 1, emit.out.len - 1);
      oa_cursor body = {0};
      assert_int_equal(oa_cursor_bytes(&cursor, &body), OA_OK);
      assert_int_equal(oa_cursor_left(&body), sizes[i]);
      for (size_t k = 0; k < sizes[i]; k++) {
        if (body.at[k] != (uint8_t)(k * 7)) {
          fail_msg("byte %zu of %zu moved wrongly", k, sizes[i]);
        }
      }
      oa_buf_free(&emit.out);
    }
  }
}

static void nested_messages_close_inside_out(void **state) {
  (void)state;
  oa_emit emit = {0};
  const oa_emit_nest outer = oa_emit_open(&emit, 1, 3);
  const oa_emit_nest inner = oa_emit_open(&emit, 2, 2);
  oa_emit_varint(&emit, 3, 5);
  oa_emit_close(&emit, inner);
  oa_emit_varint(&emit, 4, 6);
  oa_emit_close(&emit, outer);
  ASSERT_BYTES(&emit, 0x0A, 6, 0x12, 2, 0x18, 5, 0x20, 6);
  oa_buf_free(&emit.out);
}

static void a_failure_sticks_until_the_reset(void **state) {
  (void)state;
  oa_emit emit = {0};
  oa_mem_fail_after(0);
  oa_emit_varint(&emit, 1, 1);
  oa_mem_fail_after(-1);
  assert_int_equal(emit.status, OA_ERR_NOMEM);
  oa_emit_varint(&emit, 1, 1);
  oa_emit_close(&emit, oa_emit_open(&emit, 1, 1));
  oa_emit_packed_varint(&emit, 1, NULL, 1);
  assert_int_equal(emit.out.len, 0);
  oa_emit_reset(&emit);
  oa_emit_varint(&emit, 1, 1);
  ASSERT_BYTES(&emit, 0x08, 1);
  oa_buf_free(&emit.out);
}

/* Every allocation on the way may fail; then there is a status, no crash. */
static void running_out_of_memory_is_a_status(void **state) {
  (void)state;
  uint8_t bytes[300] = {0};
  for (int64_t n = 0;; n++) {
    oa_emit emit = {0};
    oa_mem_fail_after(n);
    const oa_emit_nest nest = oa_emit_open(&emit, 1, 1);
    for (int i = 0; i < 50; i++) {
      oa_emit_bytes(&emit, 2, bytes, sizeof bytes);
    }
    oa_emit_close(&emit, nest);
    oa_mem_fail_after(-1);
    const oa_status status = emit.status;
    oa_buf_free(&emit.out);
    if (status == OA_OK) {
      assert_true(n > 1);
      return;
    }
    assert_int_equal(status, OA_ERR_NOMEM);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(varints_take_as_few_bytes_as_they_need),
      cmocka_unit_test(zigzag_keeps_small_numbers_small),
      cmocka_unit_test(fields_have_tag_and_value),
      cmocka_unit_test(defaults_are_left_out_by_set_and_written_otherwise),
      cmocka_unit_test(packed_fields_hold_all_values),
      cmocka_unit_test(lengths_are_shortest_for_every_guess),
      cmocka_unit_test(nested_messages_close_inside_out),
      cmocka_unit_test(a_failure_sticks_until_the_reset),
      cmocka_unit_test(running_out_of_memory_is_a_status),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
