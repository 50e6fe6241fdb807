/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "wire/json_scan.h"

/* TEXT in memory that ends where it ends, so that a sanitizer sees a read
 * behind it. */
typedef struct sample {
  uint8_t *bytes;
  oa_scan scan;
} sample;

static sample take(const void *text, size_t len) {
  sample s = {.bytes = malloc(len > 0 ? len : 1)};
  assert_non_null(s.bytes);
  memcpy(s.bytes, text, len);
  s.scan = oa_scan_over(s.bytes, len);
  return s;
}

static sample take_text(const char *text) {
  return take(text, strlen(text));
}

static size_t place(const sample *s) {
  return (size_t)(s->scan.at - s->bytes);
}

static void white_space_is_what_json_says(void **state) {
  (void)state;
  sample s = take_text(" \t\r\n x");
  assert_int_equal(oa_scan_next(&s.scan), 'x');
  assert_int_equal(place(&s), 5);
  free(s.bytes);
  s = take("  ", 2);
  assert_int_equal(oa_scan_next(&s.scan), 0);
  assert_ptr_equal(s.scan.at, s.scan.end);
  free(s.bytes);
  s = take_text(" \v ");
  assert_int_equal(oa_scan_next(&s.scan), '\v');
  free(s.bytes);
  s = take("", 0);
  assert_int_equal(oa_scan_next(&s.scan), 0);
  free(s.bytes);
}

/* The end is found wherever it stands in a word of eight bytes, and so is a
 * byte that must not be there. */
static void strings_of_every_length_end_at_their_quote(void **state) {
  (void)state;
  for (size_t len = 0; len < 40; len++) {
    char text[64];
    oa_scan_text out;
    memset(text, 0xE9, sizeof text); /* bytes above 0x7F are plain */
    text[0] = '"';
    text[len + 1] = '"';
    sample s = take(text, len + 2);
    assert_int_equal(oa_scan_string(&s.scan, &out), OA_OK);
    assert_int_equal(out.len, len);
    assert_ptr_equal(out.at, s.bytes + 1);
    assert_false(out.escaped);
    assert_int_equal(place(&s), len + 2);
    free(s.bytes);

    s = take(text, len + 1);
    assert_int_equal(oa_scan_string(&s.scan, &out), OA_ERR_MALFORMED);
    assert_string_equal(s.scan.problem, "the string has no end");
    assert_ptr_equal(s.scan.at, s.scan.end);
    free(s.bytes);

    for (size_t i = 1; i <= len; i++) {
      s = take(text, len + 2);
      s.bytes[i] = (uint8_t)(i % 0x20);
      assert_int_equal(oa_scan_string(&s.scan, &out), OA_ERR_MALFORMED);
      assert_int_equal(place(&s), i);
      free(s.bytes);
    }
  }
}

static void escapes_are_checked(void **state) {
  (void)state;
  static const struct {
    const char *text;
    size_t wrong_at; /* 0 = it is right */
  } cases[] = {
      {"\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", 0},
      {"\"\\u00e9\\uD83D\\uDE00\\udc00\"", 0},
      {"\"ab\\x\"", 3},
      {"\"ab\\U0041\"", 3},
      {"\"\\u12g4\"", 1},
      {"\"\\u123\"", 1},
      {"\"\\", 2},
      {"\"\\u12", 5},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    oa_scan_text out;
    sample s = take_text(cases[i].text);
    const oa_status status = oa_scan_string(&s.scan, &out);
    if (cases[i].wrong_at == 0) {
      assert_int_equal(status, OA_OK);
      assert_true(out.escaped);
      assert_int_equal(out.len, strlen(cases[i].text) - 2);
    } else {
      assert_int_equal(status, OA_ERR_MALFORMED);
      assert_int_equal(place(&s), cases[i].wrong_at);
    }
    free(s.bytes);
  }
}

static void numbers_are_taken_apart(void **state) {
  (void)state;
  static const struct {
    const char *text;
    size_t len;
    uint64_t digits;
    int64_t exponent;
    bool negative, exact;
  } cases[] = {
      {"0", 1, 0, 0, false, true},
      {"-0", 2, 0, 0, true, true},
      {"17,", 2, 17, 0, false, true},
      {"-12.50e3 ", 8, 1250, 1, true, true},
      {"1E+2", 4, 1, 2, false, true},
      {"5e-324", 6, 5, -324, false, true},
      {"0.00012", 7, 12, -5, false, true},
      {"9999999999999999999", 19, UINT64_C(9999999999999999999), 0, false,
       true},
      {"10000000000000000000", 20, UINT64_C(1000000000000000000), 1, false,
       true},
      {"18446744073709551615", 20, UINT64_C(1844674407370955161), 1, false,
       false},
      {"0.12345678901234567890", 22, UINT64_C(1234567890123456789), -19, false,
       true},
      {"0.123456789012345678901", 23, UINT64_C(1234567890123456789), -19, false,
       false},
      {"1e999999999999999999999", 23, 1, 9999999999, false, true},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    oa_scan_number out;
    sample s = take_text(cases[i].text);
    assert_int_equal(oa_scan_number_at(&s.scan, &out), OA_OK);
    assert_int_equal(out.len, cases[i].len);
    assert_int_equal(out.digits, cases[i].digits);
    if (cases[i].exponent < 1000) {
      assert_int_equal(out.exponent, cases[i].exponent);
    } else {
      assert_true(out.exponent > 1000000);
    }
    assert_int_equal(out.negative, cases[i].negative);
    assert_int_equal(out.exact, cases[i].exact);
    free(s.bytes);
  }
}

static void what_is_no_number_is_refused(void **state) {
  (void)state;
  static const struct {
    const char *text;
    size_t wrong_at;
  } cases[] = {{"", 0},     {"-", 1},  {"+1", 0},  {".5", 0},       {"1.", 2},
               {"1.e3", 2}, {"1e", 2}, {"1e+", 3}, {"01", 1},       {"-00", 2},
               {"x", 0},    {"-x", 1}, {"NaN", 0}, {"-Infinity", 1}};
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    oa_scan_number out;
    sample s = take_text(cases[i].text);
    assert_int_equal(oa_scan_number_at(&s.scan, &out), OA_ERR_MALFORMED);
    assert_int_equal(place(&s), cases[i].wrong_at);
    assert_non_null(s.scan.problem);
    free(s.bytes);
  }
}

static const char skipped[] =
    " { \"a\" : [1, -2.5e3, true, false, null, \"x\\n\", {}, [], [[{}]]], "
    "\"\" : {\"b\":{\"c\":[{\"d\":[0]}]}} } ";

static void any_value_is_skipped(void **state) {
  (void)state;
  sample s = take_text(skipped);
  assert_int_equal(oa_scan_skip(&s.scan), OA_OK);
  assert_int_equal(place(&s), sizeof skipped - 2); /* the last space is left */
  free(s.bytes);
  static const char *const scalars[] = {"1",    "\"\"", "true",
                                        "null", "[]",   "{}"};
  for (size_t i = 0; i < sizeof scalars / sizeof scalars[0]; i++) {
    s = take_text(scalars[i]);
    assert_int_equal(oa_scan_skip(&s.scan), OA_OK);
    assert_int_equal(place(&s), strlen(scalars[i]));
    free(s.bytes);
  }
}

static void every_cut_of_a_value_ends_at_its_end(void **state) {
  (void)state;
  const size_t value_end = sizeof skipped - 2;
  for (size_t len = 0; len < value_end; len++) {
    sample s = take(skipped, len);
    assert_int_equal(oa_scan_skip(&s.scan), OA_ERR_MALFORMED);
    assert_ptr_equal(s.scan.at, s.scan.end);
    free(s.bytes);
  }
}

static void what_is_no_json_is_refused_where_it_stands(void **state) {
  (void)state;
  static const struct {
    const char *text;
    size_t wrong_at;
    const char *problem;
  } cases[] = {
      {"[1,]", 3, "expected a value"},
      {"[,1]", 1, "expected a value"},
      {"[1 2]", 3, "expected ',' or ']'"},
      {"[1}", 2, "expected ',' or ']'"},
      {"{\"a\":1]", 6, "expected ',' or '}'"},
      {"{\"a\":1,}", 7, "expected a name in quotes"},
      {"{\"a\" 1}", 5, "expected ':'"},
      {"{a:1}", 1, "expected a name in quotes"},
      {"{1:1}", 1, "expected a name in quotes"},
      {"{\"a\":}", 5, "expected a value"},
      {"{'a':1}", 1, "expected a name in quotes"},
      {"[tru]", 1, "expected a value"},
      {"[True]", 1, "expected a value"},
      {"[nul\x01]", 1, "expected a value"},
      {"[// x\n1]", 1, "expected a value"},
      {"[01]", 2, "a number has no zeros in front"},
      {"]", 0, "expected a value"},
      {"undefined", 0, "expected a value"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    sample s = take_text(cases[i].text);
    assert_int_equal(oa_scan_skip(&s.scan), OA_ERR_MALFORMED);
    assert_int_equal(place(&s), cases[i].wrong_at);
    assert_string_equal(s.scan.problem, cases[i].problem);
    free(s.bytes);
  }
}

static void nesting_is_bounded(void **state) {
  (void)state;
  for (int object = 0; object < 2; object++) {
    const char *open = object ? "{\"a\":" : "[";
    const size_t len = strlen(open);
    const size_t most = OA_SCAN_MAX_DEPTH;
    char *text = malloc((most + 1) * (len + 1) + 1);
    assert_non_null(text);
    for (size_t depth = most; depth <= most + 1; depth++) {
      char *at = text;
      for (size_t i = 0; i < depth; i++, at += len) {
        memcpy(at, open, len);
      }
      *at++ = '0';
      memset(at, object ? '}' : ']', depth);
      sample s = take(text, (size_t)(at - text) + depth);
      assert_int_equal(oa_scan_skip(&s.scan),
                       depth == most ? OA_OK : OA_ERR_LIMIT);
      assert_int_equal(
          place(&s), depth == most ? (size_t)(at - text) + depth : most * len);
      free(s.bytes);
    }
    free(text);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(white_space_is_what_json_says),
      cmocka_unit_test(strings_of_every_length_end_at_their_quote),
      cmocka_unit_test(escapes_are_checked),
      cmocka_unit_test(numbers_are_taken_apart),
      cmocka_unit_test(what_is_no_number_is_refused),
      cmocka_unit_test(any_value_is_skipped),
      cmocka_unit_test(every_cut_of_a_value_ends_at_its_end),
      cmocka_unit_test(what_is_no_json_is_refused_where_it_stands),
      cmocka_unit_test(nesting_is_bounded),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
