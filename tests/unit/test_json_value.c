/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "otlp/json_text.h"
#include "wire/json_value.h"

static oa_scan_number number_of(const char *text) {
  oa_scan scan = oa_scan_over((const uint8_t *)text, strlen(text));
  oa_scan_number out = {0};
  assert_int_equal(oa_scan_number_at(&scan, &out), OA_OK);
  assert_ptr_equal(scan.at, scan.end);
  return out;
}

/* --- strings --- */

static void assert_unescaped(const char *text, const char *want, size_t len) {
  uint8_t out[128];
  const oa_scan_text in = {.at = (const uint8_t *)text, .len = strlen(text)};
  assert_int_equal(oa_scan_unescape(&in, out), len);
  assert_memory_equal(out, want, len);
  /* The same in place. */
  memcpy(out, text, in.len);
  const oa_scan_text same = {.at = out, .len = in.len};
  assert_int_equal(oa_scan_unescape(&same, out), len);
  assert_memory_equal(out, want, len);
}

static void escapes_become_their_characters(void **state) {
  (void)state;
  assert_unescaped("", "", 0);
  assert_unescaped("plain", "plain", 5);
  assert_unescaped("a\\\"\\\\\\/\\b\\f\\n\\r\\tz", "a\"\\/\b\f\n\r\tz", 10);
  assert_unescaped("\\u0000\\u0041\\u00e9\\u20AC", "\0A\xc3\xa9\xe2\x82\xac",
                   7);
  assert_unescaped("\\u007f\\u0080\\u07ff\\u0800\\uffff",
                   "\x7f\xc2\x80\xdf\xbf\xe0\xa0\x80\xef\xbf\xbf", 11);
  assert_unescaped("<\\ud83d\\ude00>", "<\xf0\x9f\x98\x80>", 6);
  assert_unescaped("\\uD800\\uDC00\\uDBFF\\uDFFF",
                   "\xf0\x90\x80\x80\xf4\x8f\xbf\xbf", 8);
}

static void half_of_a_pair_becomes_the_replacement_character(void **state) {
  (void)state;
  assert_unescaped("\\ud83d", "\xef\xbf\xbd", 3);
  assert_unescaped("\\ude00", "\xef\xbf\xbd", 3);
  assert_unescaped("\\ud83dx", "\xef\xbf\xbdx", 4);
  assert_unescaped("\\ud83d\\n", "\xef\xbf\xbd\n", 4);
  assert_unescaped("\\ud83d\\u0041",
                   "\xef\xbf\xbd"
                   "A",
                   4);
  assert_unescaped("\\ud83d\\ud83d\\ude00", "\xef\xbf\xbd\xf0\x9f\x98\x80", 7);
  assert_unescaped("\\ude00\\ud83d", "\xef\xbf\xbd\xef\xbf\xbd", 6);
}

static void hex_is_taken_in_either_case(void **state) {
  (void)state;
  uint8_t out[16];
  assert_true(oa_scan_hex((const uint8_t *)"00fFAa9b", 8, out));
  assert_memory_equal(out, "\x00\xff\xaa\x9b", 4);
  assert_true(oa_scan_hex(NULL, 0, out));
  assert_false(oa_scan_hex((const uint8_t *)"abc", 3, out));
  for (unsigned byte = 0; byte < 256; byte++) {
    const uint8_t text[4] = {'0', (uint8_t)byte, (uint8_t)byte, '0'};
    const bool digit =
        byte != 0 && strchr("0123456789abcdefABCDEF", (int)byte) != NULL;
    assert_int_equal(oa_scan_hex(text, 2, out), digit);
    assert_int_equal(oa_scan_hex(text + 2, 2, out), digit);
  }
}

static void base64_of_every_length_comes_back(void **state) {
  (void)state;
  uint8_t bytes[50];
  for (size_t i = 0; i < sizeof bytes; i++) {
    bytes[i] = (uint8_t)(0xFB + 13 * i);
  }
  for (size_t len = 0; len < sizeof bytes; len++) {
    oa_buf text = {0};
    assert_int_equal(oa_json_put_bytes(&text, bytes, len), OA_OK);
    uint8_t *at = text.data + 1; /* between the quotes */
    size_t text_len = text.len - 2;
    uint8_t out[80];
    for (int manner = 0; manner < 2; manner++) {
      size_t out_len = 99;
      assert_true(oa_scan_base64(at, text_len, out, &out_len));
      assert_int_equal(out_len, len);
      assert_memory_equal(out, bytes, len);
      /* And URL-safe without padding. */
      for (size_t i = 0; i < text_len; i++) {
        at[i] = at[i] == '+' ? '-' : at[i] == '/' ? '_' : at[i];
      }
      while (text_len > 0 && at[text_len - 1] == '=') {
        text_len--;
      }
    }
    oa_buf_free(&text);
  }
}

static void what_is_no_base64_is_refused(void **state) {
  (void)state;
  static const char *const cases[] = {"A",    "AAAAA", "A=",    "A===",
                                      "=",    "====",  "AA=A",  "AA A",
                                      "AA*A", "A=AA",  "AAA\n", "AAAA="};
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    uint8_t out[16];
    size_t len;
    assert_false(
        oa_scan_base64((const uint8_t *)cases[i], strlen(cases[i]), out, &len));
  }
}

/* --- numbers --- */

static void integers_are_exact_in_every_way_to_write_them(void **state) {
  (void)state;
  static const struct {
    const char *text;
    uint64_t want;
  } cases[] = {
      {"0", 0},
      {"-0", 0},
      {"-0.000e-5", 0},
      {"0e999999999999", 0},
      {"1e3", 1000},
      {"1.5e1", 15},
      {"1500E-2", 15},
      {"1.000", 1},
      {"18446744073709551615", UINT64_MAX},
      {"18446744073709551615.000", UINT64_MAX},
      {"1844674407370955161.5e1", UINT64_MAX},
      {"1844674407370955161500e-2", UINT64_MAX},
      {"18446744073709551610", UINT64_MAX - 5},
      {"10000000000000000000", UINT64_C(10000000000000000000)},
      {"1e19", UINT64_C(10000000000000000000)},
      {"9007199254740993", UINT64_C(9007199254740993)},
      {"0.00000000000000000000000000000001e32", 1},
      {"1.0000000000000000000000000000000000", 1},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    const oa_scan_number number = number_of(cases[i].text);
    uint64_t value = 99;
    assert_null(oa_scan_uint64(&number, &value));
    assert_int_equal(value, cases[i].want);
  }
  int64_t value = 99;
  oa_scan_number number = number_of("-9223372036854775808");
  assert_null(oa_scan_int64(&number, &value));
  assert_true(value == INT64_MIN);
  number = number_of("9223372036854775807");
  assert_null(oa_scan_int64(&number, &value));
  assert_true(value == INT64_MAX);
  number = number_of("-2.5e1");
  assert_null(oa_scan_int64(&number, &value));
  assert_int_equal(value, -25);
}

static void what_does_not_fit_is_refused(void **state) {
  (void)state;
  static const struct {
    const char *text;
    const char *problem;
  } cases[] = {
      {"18446744073709551616", "the number is out of range"},
      {"18446744073709551620", "the number is out of range"},
      {"184467440737095516150", "the number is out of range"},
      {"1844674407370955161512345", "the number is out of range"},
      {"1e20", "the number is out of range"},
      {"1e999999999999999999999", "the number is out of range"},
      {"-1", "the number is out of range"},
      {"1.5", "the number is not an integer"},
      {"1e-1", "the number is not an integer"},
      {"1e-999999999999999999999", "the number is not an integer"},
      {"18446744073709551615.1", "the number is not an integer"},
      {"1844674407370955161.1111", "the number is not an integer"},
      {"0.12345678901234567890123", "the number is not an integer"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    const oa_scan_number number = number_of(cases[i].text);
    uint64_t value = 99;
    const char *problem = oa_scan_uint64(&number, &value);
    assert_non_null(problem);
    assert_string_equal(problem, cases[i].problem);
    assert_int_equal(value, 99);
  }
  int64_t value = 99;
  oa_scan_number number = number_of("9223372036854775808");
  assert_non_null(oa_scan_int64(&number, &value));
  number = number_of("-9223372036854775809");
  assert_non_null(oa_scan_int64(&number, &value));
  assert_int_equal(value, 99);
}

static void assert_double(const char *text) {
  const oa_scan_number number = number_of(text);
  const double want = strtod(text, NULL);
  double value = 99;
  if (isinf(want)) {
    assert_string_equal(oa_scan_double(&number, &value),
                        "the number is out of range");
    return;
  }
  assert_null(oa_scan_double(&number, &value));
  assert_memory_equal(&value, &want, sizeof value);
}

static void doubles_are_the_nearest_ones(void **state) {
  (void)state;
  static const char *const cases[] = {
      "0",
      "-0",
      "-0.0",
      "0e5",
      "1",
      "-1.5",
      "0.1",
      "1e22",
      "1e23",
      "1e-22",
      "1e-23",
      "9007199254740993",
      "9007199254740992.5",
      "1.7976931348623157e308",
      "1.7976931348623159e308",
      "1e309",
      "-1e400",
      "5e-324",
      "2e-324",
      "3e-324",
      "1e-400",
      "0.000000000000000000000000000000000000000000000000000001e54",
      "123456789012345678901234567890",
      "1e999999999999",
      "1e-999999999999",
      "2.2250738585072011e-308",
      "2.2250738585072014e-308",
      "0.1000000000000000055511151231257827021181583404541015625",
      "1.00000000000000011102230246251565404236316680908203125",
      "1.00000000000000011102230246251565404236316680908203124",
      "1.00000000000000011102230246251565404236316680908203126",
      "100000000000000000000000000000000000000000000000000000000000000000e-60"};
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    assert_double(cases[i]);
  }
  uint64_t bits = 1;
  for (int i = 0; i < 20000; i++) {
    bits = bits * UINT64_C(6364136223846793005) + 1442695040888963407U;
    double value;
    char text[40];
    memcpy(&value, &bits, sizeof value);
    if (isfinite(value)) {
      snprintf(text, sizeof text, "%.*g", 1 + i % 20, value);
      assert_double(text);
    }
  }
}

/* Exactly between two doubles, but for a digit behind the last that is kept:
 * that digit decides. */
static void a_digit_far_behind_still_rounds_up(void **state) {
  (void)state;
  char text[1200] = "1.00000000000000011102230246251565404236316680908203125";
  const size_t len = strlen(text);
  memset(text + len, '0', 1000);
  assert_double(text);
  const double down = strtod(text, NULL);
  text[len + 1000] = '1';
  assert_double(text);
  assert_true(strtod(text, NULL) > down);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(escapes_become_their_characters),
      cmocka_unit_test(half_of_a_pair_becomes_the_replacement_character),
      cmocka_unit_test(hex_is_taken_in_either_case),
      cmocka_unit_test(base64_of_every_length_comes_back),
      cmocka_unit_test(what_is_no_base64_is_refused),
      cmocka_unit_test(integers_are_exact_in_every_way_to_write_them),
      cmocka_unit_test(what_does_not_fit_is_refused),
      cmocka_unit_test(doubles_are_the_nearest_ones),
      cmocka_unit_test(a_digit_far_behind_still_rounds_up),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
