/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "otlp/text.h"
#include "otlp_rows.h"

static void assert_line(rows *r, const char *want) {
  oa_buf line = {0};
  end_row(&r->table);
  assert_int_equal(
      oa_otlp_text_line(&line, r->signal, oa_table_finish(&r->table), 0),
      OA_OK);
  assert_int_equal(oa_buf_put_byte(&line, '\0'), OA_OK);
  assert_string_equal((const char *)line.data, want);
  oa_buf_free(&line);
  rows_free(r);
}

static void times_are_utc_with_nanoseconds(void **state) {
  (void)state;
  static const struct {
    uint64_t time;
    const char *text;
  } cases[] = {
      {1, "1970-01-01T00:00:00.000000001Z"},
      {UINT64_C(1714564800123456789), "2024-05-01T12:00:00.123456789Z"},
      {UINT64_MAX, "2554-07-21T23:34:33.709551615Z"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    oa_buf out = {0};
    assert_int_equal(oa_otlp_text_time(&out, cases[i].time), OA_OK);
    oa_buf_put_byte(&out, '\0');
    assert_string_equal((const char *)out.data, cases[i].text);
    oa_buf_free(&out);
  }
}

static void a_span_has_all_that_people_look_for(void **state) {
  (void)state;
  rows r;
  rows_init(&r, OA_TRACES);
  oa_table *t = &r.table;
  set_text(t, OA_COL_SERVICE_NAME, "shop");
  set_text(t, OA_SPAN_NAME, "GET /");
  set_i32(t, OA_SPAN_KIND, 2);
  set_u64(t, OA_SPAN_START_TIME, 1);
  set_u64(t, OA_SPAN_END_TIME, 1234568);
  set_i32(t, OA_SPAN_STATUS_CODE, 2);
  set_text(t, OA_SPAN_STATUS_MESSAGE, "no way");
  set_id(t, OA_SPAN_TRACE_ID, 0xAB, 16);
  set_id(t, OA_SPAN_SPAN_ID, 1, 8);
  oa_table *items = attribute(t, OA_SPAN_ATTRIBUTES, "code", OA_VALUE_INT);
  set_u64(items, OA_ATTR_INT, 500);
  end_row(items);
  set_list(t, OA_SPAN_ATTRIBUTES);
  assert_line(&r,
              "1970-01-01T00:00:00.000000001Z span shop \"GET /\" 1.234ms "
              "kind=server status=error message=\"no way\" "
              "trace=abababababababababababababababab "
              "span=0101010101010101 {\"code\":500}");
}

static void a_log_record_shows_severity_and_body(void **state) {
  (void)state;
  rows r;
  rows_init(&r, OA_LOGS);
  set_u64(&r.table, OA_LOG_COL_OBSERVED_TIME, 1); /* when time is not set */
  set_i32(&r.table, OA_LOG_COL_SEVERITY_NUMBER, 18);
  set_u8(&r.table, OA_LOG_COL_BODY_TYPE, OA_VALUE_STR);
  set_bytes(&r.table, OA_LOG_COL_BODY, "\x1b[31mred", 8);
  assert_line(&r,
              "1970-01-01T00:00:00.000000001Z log - ERROR "
              "\"\\u001b[31mred\"");

  rows_init(&r, OA_LOGS);
  set_text(&r.table, OA_LOG_COL_SEVERITY_TEXT, "Warning");
  set_u8(&r.table, OA_LOG_COL_BODY_TYPE, OA_VALUE_MAP);
  set_bytes(&r.table, OA_LOG_COL_BODY_SER, "\xa1\x61k\xf6", 4);
  set_bytes(&r.table, OA_LOG_COL_BODY, "\x1b", 1); /* not what is shown */
  assert_line(&r, "- log - Warning {\"k\":null}");
}

static void a_point_shows_its_value(void **state) {
  (void)state;
  rows r;
  rows_init(&r, OA_METRICS);
  oa_table *t = &r.table;
  set_text(t, OA_POINT_METRIC_NAME, "http.count");
  set_text(t, OA_POINT_UNIT, "{requests}");
  set_u8(t, OA_POINT_METRIC_TYPE, OA_METRIC_SUM);
  set_u32(t, OA_POINT_POINT_ORD, 0);
  set_u64(t, OA_POINT_VALUE_INT, (uint64_t)-5);
  assert_line(&r, "- sum - http.count value=-5 unit={requests}");

  rows_init(&r, OA_METRICS);
  t = &r.table;
  set_text(t, OA_POINT_METRIC_NAME, "h");
  set_u8(t, OA_POINT_METRIC_TYPE, OA_METRIC_HISTOGRAM);
  set_u32(t, OA_POINT_POINT_ORD, 0);
  set_u64(t, OA_POINT_COUNT_COL, 3);
  set_double(t, OA_POINT_SUM, 1.5);
  assert_line(&r, "- histogram - h count=3 sum=1.5");

  rows_init(&r, OA_METRICS);
  set_text(&r.table, OA_POINT_METRIC_NAME, "h");
  assert_line(&r, "- metric - h (no points)");
}

static void running_out_of_memory_is_a_status(void **state) {
  (void)state;
  rows r;
  rows_init(&r, OA_TRACES);
  set_text(&r.table, OA_SPAN_NAME, "a name that takes some room of its own");
  set_id(&r.table, OA_SPAN_TRACE_ID, 1, 16);
  end_row(&r.table);
  const oa_array *columns = oa_table_finish(&r.table);
  for (int64_t n = 0;; n++) {
    oa_buf line = {0};
    oa_mem_fail_after(n);
    const oa_status status = oa_otlp_text_line(&line, OA_TRACES, columns, 0);
    oa_mem_fail_after(-1);
    oa_buf_free(&line);
    if (status == OA_OK) {
      assert_true(n > 1);
      break;
    }
    assert_int_equal(status, OA_ERR_NOMEM);
  }
  rows_free(&r);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(times_are_utc_with_nanoseconds),
      cmocka_unit_test(a_span_has_all_that_people_look_for),
      cmocka_unit_test(a_log_record_shows_severity_and_body),
      cmocka_unit_test(a_point_shows_its_value),
      cmocka_unit_test(running_out_of_memory_is_a_status),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
