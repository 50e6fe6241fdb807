/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "otlp_rows.h"

static void assert_item(rows *r, const char *want) {
  requests all;
  oa_error error = {0};
  end_row(&r->table);
  if (encode_rows(r, &all, &error) != OA_OK) {
    fail_msg("%s", error.text);
  }
  assert_hex(first_item(&all), want);
  requests_free(&all);
  rows_free(r);
}

static void all_fields_of_a_record_are_written(void **state) {
  (void)state;
  rows r;
  rows_init(&r, OA_LOGS);
  oa_table *t = &r.table;
  set_u64(t, OA_LOG_COL_TIME, 1);
  set_u64(t, OA_LOG_COL_OBSERVED_TIME, 2);
  set_i32(t, OA_LOG_COL_SEVERITY_NUMBER, 9);
  set_text(t, OA_LOG_COL_SEVERITY_TEXT, "I");
  set_text(t, OA_LOG_COL_EVENT_NAME, "e");
  set_u8(t, OA_LOG_COL_BODY_TYPE, OA_VALUE_STR);
  set_bytes(t, OA_LOG_COL_BODY, "b", 1);
  set_u32(t, OA_LOG_COL_DROPPED_ATTRIBUTES, 3);
  set_u32(t, OA_LOG_COL_FLAGS, 4);
  set_id(t, OA_LOG_COL_TRACE_ID, 5, 16);
  set_id(t, OA_LOG_COL_SPAN_ID, 6, 8);
  end_row(attribute(t, OA_LOG_COL_ATTRIBUTES, "k", OA_VALUE_EMPTY));
  set_list(t, OA_LOG_COL_ATTRIBUTES);
  assert_item(&r,
              "09 0100000000000000 1009 1a0149 2a03 0a0162 3203 0a016b 3803"
              "45 04000000 4a10 05050505050505050505050505050505"
              "5208 0606060606060606 59 0200000000000000 620165");
}

static void a_record_of_defaults_is_empty(void **state) {
  (void)state;
  rows r;
  rows_init(&r, OA_LOGS);
  assert_item(&r, "");
}

static void bodies_of_every_type_are_written(void **state) {
  (void)state;
  rows r;
  rows_init(&r, OA_LOGS);
  set_u8(&r.table, OA_LOG_COL_BODY_TYPE, OA_VALUE_EMPTY);
  assert_item(&r, "2a00");

  rows_init(&r, OA_LOGS);
  set_u8(&r.table, OA_LOG_COL_BODY_TYPE, OA_VALUE_STR);
  set_bytes(&r.table, OA_LOG_COL_BODY, "", 0);
  assert_item(&r, "2a02 0a00");

  rows_init(&r, OA_LOGS);
  set_u8(&r.table, OA_LOG_COL_BODY_TYPE, OA_VALUE_INT);
  set_u64(&r.table, OA_LOG_COL_BODY_INT, 0);
  set_bytes(&r.table, OA_LOG_COL_BODY, "0", 1); /* derived: not read */
  assert_item(&r, "2a02 1800");

  rows_init(&r, OA_LOGS);
  set_u8(&r.table, OA_LOG_COL_BODY_TYPE, OA_VALUE_DOUBLE);
  set_double(&r.table, OA_LOG_COL_BODY_DOUBLE, 2.5);
  assert_item(&r, "2a09 21 0000000000000440");

  rows_init(&r, OA_LOGS);
  set_u8(&r.table, OA_LOG_COL_BODY_TYPE, OA_VALUE_BOOL);
  set_bool(&r.table, OA_LOG_COL_BODY_BOOL, false);
  assert_item(&r, "2a02 1000");

  rows_init(&r, OA_LOGS);
  set_u8(&r.table, OA_LOG_COL_BODY_TYPE, OA_VALUE_BYTES);
  assert_item(&r, "2a02 3a00");

  rows_init(&r, OA_LOGS);
  set_u8(&r.table, OA_LOG_COL_BODY_TYPE, OA_VALUE_BYTES);
  set_bytes(&r.table, OA_LOG_COL_BODY_BYTES, "\0", 1);
  assert_item(&r, "2a03 3a0100");

  rows_init(&r, OA_LOGS);
  set_u8(&r.table, OA_LOG_COL_BODY_TYPE, OA_VALUE_MAP);
  set_bytes(&r.table, OA_LOG_COL_BODY_SER, "\xa1\x61k\x01", 4);
  assert_item(&r, "2a0b 3209 0a07 0a016b 1202 1801");

  rows_init(&r, OA_LOGS);
  set_u8(&r.table, OA_LOG_COL_BODY_TYPE, OA_VALUE_SLICE);
  set_bytes(&r.table, OA_LOG_COL_BODY_SER, "\x9f\xff", 2);
  assert_item(&r, "2a02 2a00");
}

static void bodies_that_contradict_themselves_are_refused(void **state) {
  (void)state;
  static const uint8_t types[] = {OA_VALUE_STR,
                                  OA_VALUE_INT,
                                  OA_VALUE_DOUBLE,
                                  OA_VALUE_BOOL,
                                  OA_VALUE_MAP,
                                  OA_VALUE_SLICE,
                                  8,
                                  200};
  for (size_t i = 0; i < sizeof types; i++) {
    rows r;
    requests all;
    oa_error error = {0};
    rows_init(&r, OA_LOGS);
    set_u8(&r.table, OA_LOG_COL_BODY_TYPE, types[i]);
    end_row(&r.table);
    assert_int_equal(encode_rows(&r, &all, &error), OA_ERR_MALFORMED);
    assert_non_null(strstr(error.text, "row 0: the body"));
    requests_free(&all);
    rows_free(&r);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(all_fields_of_a_record_are_written),
      cmocka_unit_test(a_record_of_defaults_is_empty),
      cmocka_unit_test(bodies_of_every_type_are_written),
      cmocka_unit_test(bodies_that_contradict_themselves_are_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
