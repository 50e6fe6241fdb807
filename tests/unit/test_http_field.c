/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "net/http_field.h"

static bool is_json(const char *value) {
  return oa_field_is_type(value, strlen(value), "application/json");
}

static void a_type_has_parameters_and_no_case(void **state) {
  static const char *const good[] = {
      "application/json", "Application/JSON", "application/json; charset=utf-8",
      "application/json;charset=utf-8", " application/json ;x"};
  static const char *const bad[] = {"",
                                    ";",
                                    "application/jso",
                                    "application/jsonx",
                                    "application/json, text/plain",
                                    "text/plain; a=application/json"};
  (void)state;
  for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
    assert_true(is_json(good[i]));
  }
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    assert_false(is_json(bad[i]));
  }
  assert_false(oa_field_is_type(NULL, 0, "application/json"));
}

static void gzip_is_accepted_by_its_weight(void **state) {
  static const struct {
    const char *value;
    bool gzip;
    bool plain;
  } cases[] = {
      {"gzip", true, true},
      {"GZip", true, true},
      {"x-gzip", true, true},
      {"deflate, gzip;q=1.0, *;q=0.5", true, true},
      {"gzip;q=0", false, true},
      {"gzip;q=0.000", false, true},
      {"gzip; q=0.001", true, true},
      {"gzip ; Q = 0", false, true},
      {"*", true, true},
      {"*;q=0", false, false},
      {"*;q=0, gzip", true, false},
      {"identity;q=0, gzip", true, false},
      {"*;q=0, identity", false, true},
      {"identity", false, true},
      {"", false, true},
      {",,;,=,;q=", false, true},
      {"br", false, true},
  };
  bool plain = false;
  (void)state;
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    const bool gzip =
        oa_field_accepts_gzip(cases[i].value, strlen(cases[i].value), &plain);
    if (gzip != cases[i].gzip || plain != cases[i].plain) {
      fail_msg("%s", cases[i].value);
    }
  }
  assert_false(oa_field_accepts_gzip(NULL, 0, &plain));
  assert_true(plain);
}

static void names_and_nothing_else_are_repeated(void **state) {
  (void)state;
  assert_true(oa_field_is_name_list("content-type, x-a", 17));
  assert_false(oa_field_is_name_list("", 0));
  assert_false(oa_field_is_name_list("a\r\nb", 4));
  assert_false(oa_field_is_name_list("a\0b", 3));
  assert_false(oa_field_is_name_list("a: b", 4));
  assert_false(oa_field_is_name_list("\xc3\xa9", 2));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_type_has_parameters_and_no_case),
      cmocka_unit_test(gzip_is_accepted_by_its_weight),
      cmocka_unit_test(names_and_nothing_else_are_repeated),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
