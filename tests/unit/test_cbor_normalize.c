/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "otlp/cbor_normalize.h"
#include "otlp/cbor_read.h"

/* Bytes of a literal, zero bytes too. */
#define BYTES(TEXT) (const uint8_t *)(TEXT), sizeof(TEXT) - 1

static void expect(const uint8_t *in, size_t len, const uint8_t *out,
                   size_t out_len) {
  oa_buf buf = {0};
  uint64_t repaired = 0;
  assert_int_equal(oa_cbor_normalize(in, len, OA_OTLP_MAX_DEPTH, &buf,
                                     &repaired, NULL, NULL),
                   OA_OK);
  assert_int_equal(buf.len, out_len);
  assert_memory_equal(buf.data, out, out_len);
  assert_int_equal(repaired, 0);
  /* What comes out stays as it is. */
  oa_buf again = {0};
  assert_int_equal(oa_cbor_normalize(buf.data, buf.len, OA_OTLP_MAX_DEPTH,
                                     &again, &repaired, NULL, NULL),
                   OA_OK);
  assert_int_equal(again.len, buf.len);
  assert_memory_equal(again.data, buf.data, buf.len);
  oa_buf_free(&again);
  oa_buf_free(&buf);
}

static void lengths_become_indefinite(void **state) {
  (void)state;
  expect(BYTES("\x80"), BYTES("\x9f\xff"));
  expect(BYTES("\xa0"), BYTES("\xbf\xff"));
  expect(BYTES("\x82\x01\x81\x02"), BYTES("\x9f\x01\x9f\x02\xff\xff"));
  expect(BYTES("\xb8\x01\x61\x6b\x98\x00"), BYTES("\xbf\x61\x6b\x9f\xff\xff"));
  expect(BYTES("\x9f\x01\x61\x61\xf6\x9f\xf5\xff\xff"),
         BYTES("\x9f\x01\x61\x61\xf6\x9f\xf5\xff\xff"));
}

static void order_and_keys_that_stand_twice_stay(void **state) {
  (void)state;
  expect(BYTES("\xa3\x61z\x01\x61"
               "a\x02\x61z\x03"),
         BYTES("\xbf\x61z\x01\x61"
               "a\x02\x61z\x03\xff"));
}

static void numbers_have_one_form(void **state) {
  (void)state;
  expect(BYTES("\x84\x18\x05\x19\x00\xff\x39\x00\x00\x1b\0\0\0\0\0\1\0\0"),
         BYTES("\x9f\x05\x18\xff\x20\x1a\0\1\0\0\xff"));
  expect(BYTES("\x81\x3b\x7f\xff\xff\xff\xff\xff\xff\xff"),
         BYTES("\x9f\x3b\x7f\xff\xff\xff\xff\xff\xff\xff\xff"));
  /* 1.5 in half, single and double precision. */
  expect(BYTES("\x83\xf9\x3e\0\xfa\x3f\xc0\0\0\xfb\x3f\xf8\0\0\0\0\0\0"),
         BYTES("\x9f\xfb\x3f\xf8\0\0\0\0\0\0\xfb\x3f\xf8\0\0\0\0\0\0"
               "\xfb\x3f\xf8\0\0\0\0\0\0\xff"));
  /* Infinity, -0.0 and the smallest half. */
  expect(BYTES("\x83\xf9\x7c\0\xf9\x80\0\xf9\0\1"),
         BYTES("\x9f\xfb\x7f\xf0\0\0\0\0\0\0\xfb\x80\0\0\0\0\0\0\0"
               "\xfb\x3e\x70\0\0\0\0\0\0\xff"));
}

static void simple_values_and_strings_stay(void **state) {
  (void)state;
  expect(BYTES("\x84\xf4\xf5\xf6\xf7"), BYTES("\x9f\xf4\xf5\xf6\xf6\xff"));
  expect(BYTES("\x82\x58\x02\x00\xff\x78\x01x"),
         BYTES("\x9f\x42\x00\xff\x61x\xff"));
}

static void text_is_repaired_and_counted(void **state) {
  (void)state;
  oa_buf buf = {0};
  uint64_t repaired = 3;
  assert_int_equal(
      oa_cbor_normalize(BYTES("\xa1\x61\xff\x62\xc3\x28"), OA_OTLP_MAX_DEPTH,
                        &buf, &repaired, NULL, NULL),
      OA_OK);
  assert_int_equal(repaired, 5);
  assert_int_equal(buf.len, 11);
  assert_memory_equal(buf.data, "\xbf\x63\xef\xbf\xbd\x64\xef\xbf\xbd(\xff",
                      11);
  oa_buf_free(&buf);
}

static void refuse(const uint8_t *in, size_t len, oa_status status, size_t at) {
  oa_buf buf = {0};
  uint64_t repaired = 0;
  const char *problem = NULL;
  size_t where = 0;
  assert_int_equal(oa_cbor_normalize(in, len, OA_OTLP_MAX_DEPTH, &buf,
                                     &repaired, &problem, &where),
                   status);
  assert_true(problem != NULL && problem[0] != '\0');
  assert_int_equal(where, at);
  oa_buf_free(&buf);
}

static void what_is_no_value_is_refused(void **state) {
  (void)state;
  refuse(BYTES(""), OA_ERR_TRUNCATED, 0);
  refuse(BYTES("\x01"), OA_ERR_MALFORMED, 0);     /* neither */
  refuse(BYTES("\x80\x00"), OA_ERR_MALFORMED, 1); /* bytes follow */
  refuse(BYTES("\x9f"), OA_ERR_TRUNCATED, 1);
  refuse(BYTES("\x82\x01"), OA_ERR_TRUNCATED, 1);     /* fewer than said */
  refuse(BYTES("\x81\x19\x01"), OA_ERR_TRUNCATED, 2); /* half a number */
  refuse(BYTES("\x81\x63yz"), OA_ERR_TRUNCATED, 2);   /* half a string */
  refuse(BYTES("\x81\xc0\x00"), OA_ERR_MALFORMED, 2); /* a tag */
  refuse(BYTES("\x81\x1c"), OA_ERR_MALFORMED, 2);     /* reserved */
  refuse(BYTES("\x81\xf8\x20"), OA_ERR_MALFORMED, 2); /* simple value 32 */
  refuse(BYTES("\x81\xff"), OA_ERR_MALFORMED, 2);     /* a break too much */
  refuse(BYTES("\x81\x7f\x61x\xff"), OA_ERR_MALFORMED, 2);
  refuse(BYTES("\xa1\x01\x01"), OA_ERR_MALFORMED, 1); /* a key of 1 */
  refuse(BYTES("\xbf\x61k\xff"), OA_ERR_MALFORMED, 4);
  refuse(BYTES("\x81\x1b\x80\0\0\0\0\0\0\0"), OA_ERR_MALFORMED, 10);
}

static void nesting_has_a_bound(void **state) {
  (void)state;
  uint8_t deep[OA_OTLP_MAX_DEPTH + 1];
  uint8_t most[2 * OA_OTLP_MAX_DEPTH];
  memset(deep, 0x9f, sizeof deep);
  refuse(deep, sizeof deep, OA_ERR_LIMIT, sizeof deep);
  memset(most, 0x9f, OA_OTLP_MAX_DEPTH);
  memset(most + OA_OTLP_MAX_DEPTH, 0xff, OA_OTLP_MAX_DEPTH);
  expect(most, sizeof most, most, sizeof most);
}

static void no_memory_is_a_status(void **state) {
  (void)state;
  oa_status status = OA_ERR_NOMEM;
  for (int64_t n = 0; status != OA_OK; n++) {
    oa_buf buf = {0};
    uint64_t repaired = 0;
    oa_mem_fail_after(n);
    status = oa_cbor_normalize(BYTES("\xa1\x61\xff\x62\xc3\x28"),
                               OA_OTLP_MAX_DEPTH, &buf, &repaired, NULL, NULL);
    oa_mem_fail_after(-1);
    assert_true(status == OA_OK || status == OA_ERR_NOMEM);
    assert_true(n < 20);
    assert_true(n > 0 || status == OA_ERR_NOMEM);
    oa_buf_free(&buf);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(lengths_become_indefinite),
      cmocka_unit_test(order_and_keys_that_stand_twice_stay),
      cmocka_unit_test(numbers_have_one_form),
      cmocka_unit_test(simple_values_and_strings_stay),
      cmocka_unit_test(text_is_repaired_and_counted),
      cmocka_unit_test(what_is_no_value_is_refused),
      cmocka_unit_test(nesting_has_a_bound),
      cmocka_unit_test(no_memory_is_a_status),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
