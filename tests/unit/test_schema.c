/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "otlp/schema.h"

/* What every field must be, however deep. */
static void check_fields(const oa_field *fields, size_t count) {
  for (size_t i = 0; i < count; i++) {
    const oa_field *field = &fields[i];
    assert_non_null(field->name);
    for (size_t j = 0; j < i; j++) {
      assert_string_not_equal(field->name, fields[j].name);
    }
    if (field->dictionary) {
      assert_int_equal(field->index_type, OA_TYPE_INT32);
      assert_true(field->type == OA_TYPE_UTF8 || field->type == OA_TYPE_BINARY);
    }
    if (field->type == OA_TYPE_TIMESTAMP) {
      assert_int_equal(field->unit, OA_UNIT_NANO);
      assert_string_equal(field->timezone, "UTC");
    }
    if (field->type == OA_TYPE_FIXED_BINARY) {
      assert_true(field->width == 8 || field->width == 16);
    }
    assert_int_equal(field->child_count > 0, field->type == OA_TYPE_LIST ||
                                                 field->type == OA_TYPE_STRUCT);
    assert_true(field->type != OA_TYPE_LIST || field->child_count == 1);
    check_fields(field->children, field->child_count);
  }
}

static void every_field_is_of_a_kind_that_the_tables_know(void **state) {
  (void)state;
  for (int signal = 0; signal < OA_SIGNAL_COUNT; signal++) {
    const oa_schema *schema = oa_otlp_schema((oa_signal)signal);
    check_fields(schema->fields, schema->field_count);
  }
}

static void signals_have_names_and_the_same_first_columns(void **state) {
  (void)state;
  assert_string_equal(oa_signal_name(OA_TRACES), "traces");
  assert_string_equal(oa_signal_name(OA_METRICS), "metrics");
  assert_string_equal(oa_signal_name(OA_LOGS), "logs");
  const oa_schema *traces = oa_otlp_schema(OA_TRACES);
  for (int signal = 0; signal < OA_SIGNAL_COUNT; signal++) {
    const oa_schema *schema = oa_otlp_schema((oa_signal)signal);
    assert_true(schema->field_count > OA_COL_COMMON_COUNT);
    for (size_t i = 0; i < OA_COL_COMMON_COUNT; i++) {
      assert_string_equal(schema->fields[i].name, traces->fields[i].name);
      assert_int_equal(schema->fields[i].type, traces->fields[i].type);
    }
  }
  assert_int_equal(traces->field_count, OA_SPAN_COUNT);
  assert_int_equal(oa_otlp_schema(OA_METRICS)->field_count, OA_POINT_COUNT);
  assert_int_equal(oa_otlp_schema(OA_LOGS)->field_count, OA_LOG_COL_COUNT);
}

/* The enums number the columns; some at the ends and where lists begin. */
static void the_enums_point_at_their_columns(void **state) {
  (void)state;
  static const struct {
    oa_signal signal;
    size_t column;
    const char *name;
  } columns[] = {
      {OA_TRACES, OA_COL_RESOURCE_ORD, "resource_ord"},
      {OA_TRACES, OA_COL_SCOPE_SCHEMA_URL, "scope_schema_url"},
      {OA_TRACES, OA_SPAN_TRACE_ID, "trace_id"},
      {OA_TRACES, OA_SPAN_EVENTS, "events"},
      {OA_TRACES, OA_SPAN_DROPPED_LINKS, "dropped_links_count"},
      {OA_METRICS, OA_POINT_METRIC_ORD, "metric_ord"},
      {OA_METRICS, OA_POINT_ATTRIBUTES, "attributes"},
      {OA_METRICS, OA_POINT_EXEMPLARS, "exemplars"},
      {OA_LOGS, OA_LOG_COL_TIME, "time_unix_nano"},
      {OA_LOGS, OA_LOG_COL_BODY, "body"},
      {OA_LOGS, OA_LOG_COL_SPAN_ID, "span_id"},
  };
  for (size_t i = 0; i < sizeof columns / sizeof columns[0]; i++) {
    const oa_schema *schema = oa_otlp_schema(columns[i].signal);
    assert_string_equal(schema->fields[columns[i].column].name,
                        columns[i].name);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_field_is_of_a_kind_that_the_tables_know),
      cmocka_unit_test(signals_have_names_and_the_same_first_columns),
      cmocka_unit_test(the_enums_point_at_their_columns),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
