/* SPDX-License-Identifier: Apache-2.0 */
/* First and alone, as a user's source would have it. */
#include "otlp_arrow.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Runs COMPILER on the header, or skips the test where there is none. */
static void compile(const char *compiler, const char *flags) {
  char command[512];
  snprintf(command, sizeof command, "command -v %s >/dev/null 2>&1", compiler);
  if (system(command) != 0) {
    skip();
  }
  snprintf(command, sizeof command,
           "%s %s -Wall -Wextra -Wpedantic -pedantic-errors -Werror "
           "-Wno-pragma-once-outside-header -fsyntax-only -Iinclude "
           "include/otlp_arrow.h",
           compiler, flags);
  assert_int_equal(system(command), 0);
}

static void the_header_is_c99(void **state) {
  (void)state;
  compile("gcc", "-std=c99 -x c -Wstrict-prototypes -Wmissing-prototypes");
}

static void the_header_is_c99_for_clang(void **state) {
  (void)state;
  compile("clang-14", "-std=c99 -x c -Wstrict-prototypes");
}

static void the_header_is_cxx17(void **state) {
  (void)state;
  compile("g++", "-std=c++17 -x c++");
}

static oa_status collect(void *context, const char *text, size_t len) {
  char *out = context;
  const size_t used = strlen(out);
  assert_true(used + len < 65536);
  memcpy(out + used, text, len);
  out[used + len] = '\0';
  return OA_OK;
}

static oa_status give_up(void *context, const char *text, size_t len) {
  (void)context;
  (void)text;
  (void)len;
  return OA_ERR_BUSY;
}

static void the_version_is_three_numbers(void **state) {
  unsigned parts[3];
  char rest;
  (void)state;
  assert_int_equal(sscanf(oa_version(), "%u.%u.%u%c", &parts[0], &parts[1],
                          &parts[2], &rest),
                   3);
}

static void a_configuration_is_set_checked_and_printed(void **state) {
  static char text[65536];
  oa_config *config;
  oa_error error = {OA_OK, ""};
  (void)state;
  text[0] = '\0';
  assert_int_equal(oa_config_new(&config, &error), OA_OK);
  assert_int_equal(setenv("OTLP_LOG_FORMAT", "json", 1), 0);
  assert_int_equal(oa_config_load_env(config, &error), OA_OK);
  assert_int_equal(unsetenv("OTLP_LOG_FORMAT"), 0);
  assert_int_equal(oa_config_set(config, "output_dir", "/data", &error), OA_OK);
  assert_int_equal(oa_config_check(config, &error), OA_OK);
  assert_int_equal(oa_config_print(config, collect, text), OA_OK);
  assert_non_null(strstr(text, "output_dir: \"/data\"  # --set\n"));
  assert_non_null(strstr(text, "format: json  # OTLP_LOG_FORMAT\n"));
  assert_int_equal(oa_config_print(config, give_up, NULL), OA_ERR_BUSY);
  assert_int_equal(oa_config_describe(give_up, NULL), OA_ERR_BUSY);

  assert_int_equal(oa_config_set(config, "output_dirr", "x", &error),
                   OA_ERR_CONFIG);
  assert_int_equal(error.code, OA_ERR_CONFIG);
  assert_string_equal(error.text,
                      "output_dirr: unknown key; did you mean output_dir?");
  assert_int_equal(oa_config_load_file(config, "/no/such", &error),
                   OA_ERR_NOT_FOUND);
  oa_config_free(config);
  oa_config_free(NULL);
}

static void null_is_refused_and_not_followed(void **state) {
  oa_config *config;
  oa_error error;
  (void)state;
  assert_int_equal(oa_config_new(NULL, NULL), OA_ERR_CONFIG);
  assert_int_equal(oa_config_new(&config, NULL), OA_OK);
  assert_int_equal(oa_config_set(NULL, "a", "b", &error), OA_ERR_CONFIG);
  assert_int_equal(oa_config_set(config, NULL, "b", &error), OA_ERR_CONFIG);
  assert_int_equal(oa_config_set(config, "a", NULL, &error), OA_ERR_CONFIG);
  assert_int_equal(oa_config_set(config, "a", "b", NULL), OA_ERR_CONFIG);
  assert_int_equal(oa_config_load_env(NULL, &error), OA_ERR_CONFIG);
  assert_int_equal(oa_config_load_file(config, NULL, &error), OA_ERR_CONFIG);
  assert_int_equal(oa_config_check(NULL, &error), OA_ERR_CONFIG);
  assert_int_equal(oa_config_print(NULL, collect, NULL), OA_ERR_CONFIG);
  assert_int_equal(oa_config_print(config, NULL, NULL), OA_ERR_CONFIG);
  assert_int_equal(oa_config_describe(NULL, NULL), OA_ERR_CONFIG);
  assert_int_equal(oa_service_start(NULL, config, &error), OA_ERR_CONFIG);
  assert_int_equal(oa_service_flush(NULL, 1, &error), OA_ERR_CONFIG);
  assert_int_equal(oa_service_port(NULL, OA_LISTENER_PROTOBUF), 0);
  assert_int_equal(oa_service_stop(NULL, &error), OA_OK);
  oa_config_free(config);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_header_is_c99),
      cmocka_unit_test(the_header_is_c99_for_clang),
      cmocka_unit_test(the_header_is_cxx17),
      cmocka_unit_test(the_version_is_three_numbers),
      cmocka_unit_test(a_configuration_is_set_checked_and_printed),
      cmocka_unit_test(null_is_refused_and_not_followed),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
