/* SPDX-License-Identifier: Apache-2.0 */
#include "otlp/value.h"

#include "otlp_trial.h"

/* The CBOR of an array or map value. */
static void assert_cbor(const char *value, size_t len, const char *want,
                        size_t want_len) {
  oa_any any;
  oa_buf out = {0};
  uint64_t repaired = 0;
  assert_int_equal(oa_any_read(oa_cursor_over(value, len), &any), OA_OK);
  assert_int_equal(oa_any_put_cbor(&any, 0, &out, &repaired), OA_OK);
  assert_bytes(out.data, out.len, want, want_len);
  assert_int_equal(repaired, 0);
  oa_buf_free(&out);
}

#define CBOR(VALUE, WANT) \
  assert_cbor(VALUE, sizeof(VALUE) - 1, WANT, sizeof(WANT) - 1)

static void containers_become_cbor(void **state) {
  (void)state;
  CBOR("\x2A\x00", "\x9F\xFF");
  CBOR("\x32\x00", "\xBF\xFF");
  CBOR("\x2A\x04\x0A\x02\x18\x17", "\x9F\x17\xFF");
  CBOR("\x2A\x04\x0A\x02\x18\x18", "\x9F\x18\x18\xFF");
  CBOR("\x2A\x05\x0A\x03\x18\x80\x02", "\x9F\x19\x01\x00\xFF");
  CBOR("\x2A\x0D\x0A\x0B\x18\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x01",
       "\x9F\x20\xFF");
  CBOR("\x2A\x04\x0A\x02\x10\x05", "\x9F\xF5\xFF");
  CBOR("\x2A\x02\x0A\x00", "\x9F\xF6\xFF");
  CBOR("\x2A\x05\x0A\x03\x3A\x01\xFF", "\x9F\x41\xFF\xFF");
  CBOR("\x2A\x0B\x0A\x09\x21\x00\x00\x00\x00\x00\x00\xF0\x3F",
       "\x9F\xFB\x3F\xF0\x00\x00\x00\x00\x00\x00\xFF");
  CBOR("\x32\x09\x0A\x07\x0A\x01k\x12\x02\x18\x01", "\xBF\x61k\x01\xFF");
  CBOR("\x32\x02\x0A\x00", "\xBF\x60\xF6\xFF"); /* neither key nor value */
  /* In pieces, with an unknown field between them. */
  CBOR("\x2A\x04\x0A\x02\x18\x01\x98\x06\x07\x2A\x04\x0A\x02\x18\x02",
       "\x9F\x01\x02\xFF");
  /* The map takes the place of the array, and a new array that of the map. */
  CBOR("\x2A\x04\x0A\x02\x18\x01\x32\x00\x2A\x00", "\x9F\xFF");
}

static void the_last_member_of_the_oneof_counts(void **state) {
  (void)state;
  static const char bytes[] = "\x0A\x01x\x18\x05\x10\x01";
  oa_any any;
  assert_int_equal(oa_any_read(oa_cursor_over(bytes, 0), &any), OA_OK);
  assert_int_equal(any.tag, 0);
  assert_int_equal(oa_any_read(oa_cursor_over(bytes, 3), &any), OA_OK);
  assert_int_equal(any.tag, OA_ANY_STRING);
  assert_int_equal(oa_any_read(oa_cursor_over(bytes, 5), &any), OA_OK);
  assert_int_equal(any.tag, OA_ANY_INT);
  assert_int_equal(any.bits, 5);
  assert_int_equal(oa_any_read(oa_cursor_over(bytes, 7), &any), OA_OK);
  assert_int_equal(any.tag, OA_ANY_BOOL);
  assert_int_equal(oa_any_read(oa_cursor_over(bytes, 2), &any),
                   OA_ERR_TRUNCATED);
}

static void values_are_nested_so_deep_and_no_deeper(void **state) {
  (void)state;
  for (unsigned depth = 60; depth < 70; depth++) {
    oa_emit e = {0};
    oa_any any;
    oa_buf out = {0};
    uint64_t repaired = 0;
    put_deep_value(&e, depth);
    assert_int_equal(oa_any_read(oa_cursor_over(e.out.data, e.out.len), &any),
                     OA_OK);
    assert_int_equal(oa_any_put_cbor(&any, 0, &out, &repaired),
                     depth <= OA_OTLP_MAX_DEPTH ? OA_OK : OA_ERR_LIMIT);
    oa_buf_free(&out);
    oa_buf_free(&e.out);
  }
}

/* Two pieces with SIZE bytes of text each. */
static oa_status read_pieces(size_t size) {
  oa_emit e = {0};
  oa_buf joined = {0};
  oa_cursor key;
  oa_cursor value;
  uint8_t *text = calloc(1, size);
  assert_non_null(text);
  for (int i = 0; i < 2; i++) {
    const oa_emit_nest piece = oa_emit_open(&e, 2, 3);
    oa_emit_bytes(&e, 1, text, size);
    oa_emit_close(&e, piece);
  }
  assert_int_equal(e.status, OA_OK);
  const oa_status status = oa_key_value_read(
      oa_cursor_over(e.out.data, e.out.len), &key, &value, &joined);
  if (status == OA_OK) {
    oa_any any;
    assert_int_equal(oa_any_read(value, &any), OA_OK);
    assert_int_equal(oa_cursor_left(&any.bytes), size);
    assert_true(oa_cursor_done(&key));
  }
  free(text);
  oa_buf_free(&joined);
  oa_buf_free(&e.out);
  return status;
}

static void pieces_are_joined_up_to_a_limit(void **state) {
  (void)state;
  assert_int_equal(read_pieces(1), OA_OK);
  assert_int_equal(read_pieces(500000), OA_OK);
  assert_int_equal(read_pieces(600000), OA_ERR_LIMIT);
  oa_mem_fail_after(1); /* the request itself takes one */
  assert_int_equal(read_pieces(1), OA_ERR_NOMEM);
  oa_mem_fail_after(-1);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(containers_become_cbor),
      cmocka_unit_test(the_last_member_of_the_oneof_counts),
      cmocka_unit_test(values_are_nested_so_deep_and_no_deeper),
      cmocka_unit_test(pieces_are_joined_up_to_a_limit),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
