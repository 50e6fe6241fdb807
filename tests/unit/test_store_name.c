/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "store/name.h"

static const oa_name_rule rule = {"otlp", "traces", "arrow"};

static void a_name_tells_stream_time_and_counter(void **state) {
  (void)state;
  char text[OA_NAME_SIZE];
  oa_name name;
  oa_name_make(&name, UINT64_C(1709618828999999999), 42);
  oa_name_text(&rule, &name, text);
  assert_string_equal(text, "otlp_traces_20240305_060708_000042.arrow");
}

static void a_name_reads_back_as_it_was_made(void **state) {
  (void)state;
  const uint64_t times[] = {0, 1, UINT64_C(4102444800000000000), UINT64_MAX};
  const uint64_t seqs[] = {0, 1, 999999, 1000000, UINT64_C(999999999999)};
  for (size_t i = 0; i < sizeof times / sizeof times[0]; i++) {
    for (size_t k = 0; k < sizeof seqs / sizeof seqs[0]; k++) {
      char text[OA_NAME_SIZE];
      oa_name made;
      oa_name read;
      oa_name_make(&made, times[i], seqs[k]);
      oa_name_text(&rule, &made, text);
      assert_true(oa_name_parse(&rule, text, &read));
      assert_true(oa_name_equal(&made, &read));
      assert_true(read.seq == seqs[k]);
    }
  }
}

static void names_of_others_are_not_ours(void **state) {
  (void)state;
  static const char *const foreign[] = {
      "",
      "otlp",
      "otlp_traces_",
      "otlp_traces_20240305_060708_.arrow",
      "otlp_traces_20240305_060708_1",
      "otlp_traces_20240305_060708_1.",
      "otlp_traces_20240305_060708_1.arrow.corrupt",
      "otlp_traces_20240305_060708_1.arrow~",
      "otlp_traces_20240305_060708_1.parquet",
      "otlp_traces_20240305_060708_1x.arrow",
      "otlp_traces_20240305_060708_-1.arrow",
      "otlp_traces_20240305_060708_1234567890123.arrow",
      "otlp_traces_20240305060708_1.arrow",
      "otlp_traces_2024030a_060708_1.arrow",
      "otlp_traces_backup.arrow",
      "otlp_metrics_20240305_060708_1.arrow",
      "xotlp_traces_20240305_060708_1.arrow",
      ".otlp_traces_20240305_060708_1.arrow",
      "otlp_traces_20240305_060708_1.ARROW",
  };
  for (size_t i = 0; i < sizeof foreign / sizeof foreign[0]; i++) {
    oa_name name;
    assert_false(oa_name_parse(&rule, foreign[i], &name));
  }
}

static void earlier_extensions_are_told_apart(void **state) {
  (void)state;
  const oa_name_rule other = {"otlp", "traces", "ipc"};
  oa_name name;
  char text[OA_NAME_SIZE];
  assert_true(
      oa_name_parse(&other, "otlp_traces_20240305_060708_7.arrows", &name));
  assert_int_equal(name.kind, OA_NAME_ARROWS);
  oa_name_text(&other, &name, text);
  assert_string_equal(text, "otlp_traces_20240305_060708_7.arrows");
  assert_true(
      oa_name_parse(&other, "otlp_traces_20240305_060708_7.arrow", &name));
  assert_int_equal(name.kind, OA_NAME_ARROW);
  assert_true(
      oa_name_parse(&other, "otlp_traces_20240305_060708_7.ipc", &name));
  assert_int_equal(name.kind, OA_NAME_CONFIGURED);
  assert_true(
      oa_name_parse(&rule, "otlp_traces_20240305_060708_7.arrow", &name));
  assert_int_equal(name.kind, OA_NAME_CONFIGURED);
}

static void parts_that_could_leave_the_directory_are_refused(void **state) {
  (void)state;
  static const oa_name_rule bad[] = {
      {"../x", "traces", "arrow"},
      {"a/b", "traces", "arrow"},
      {"", "traces", "arrow"},
      {"otlp", "", "arrow"},
      {"otlp", "traces", ""},
      {"otlp", ".", "arrow"},
      {"otlp", "traces", "a b"},
      {"otlp", "tr\nces", "arrow"},
      {NULL, "traces", "arrow"},
      {"otlp", "traces", "12345678901234567"},
      {"1234567890123456789012345678901234567890123456789", "t", "arrow"},
  };
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    oa_error error = {0};
    assert_int_equal(oa_name_rule_check(&bad[i], &error), OA_ERR_CONFIG);
    assert_true(strlen(error.text) > 0);
  }
  assert_int_equal(oa_name_rule_check(&rule, NULL), OA_OK);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_name_tells_stream_time_and_counter),
      cmocka_unit_test(a_name_reads_back_as_it_was_made),
      cmocka_unit_test(names_of_others_are_not_ours),
      cmocka_unit_test(earlier_extensions_are_told_apart),
      cmocka_unit_test(parts_that_could_leave_the_directory_are_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
