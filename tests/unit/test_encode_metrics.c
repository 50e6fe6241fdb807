/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "otlp_rows.h"

/* Encodes the rows, which are one request, and checks its first metric. */
static void assert_metric(rows *r, const char *want) {
  requests all;
  oa_error error = {0};
  if (encode_rows(r, &all, &error) != OA_OK) {
    fail_msg("%s", error.text);
  }
  assert_int_equal(all.count, 1);
  assert_hex(first_item(&all), want);
  requests_free(&all);
  rows_free(r);
}

/* Begins a row of a metric without name. */
static oa_table *begin(rows *r, uint8_t type) {
  rows_init(r, OA_METRICS);
  set_text(&r->table, OA_POINT_METRIC_NAME, "");
  set_u8(&r->table, OA_POINT_METRIC_TYPE, type);
  return &r->table;
}

static void put_items(oa_table *table, size_t column, const uint64_t *values,
                      size_t count) {
  oa_table *items = child_of(table, column);
  for (size_t i = 0; i < count; i++) {
    set_u64(items, 0, values[i]);
    end_row(items);
  }
  set_list(table, column);
}

static void a_metric_without_data_has_its_texts_alone(void **state) {
  (void)state;
  rows r;
  oa_table *t = begin(&r, OA_METRIC_NONE);
  end_row(t);
  assert_metric(&r, "");

  rows_init(&r, OA_METRICS);
  t = &r.table;
  set_text(t, OA_POINT_METRIC_NAME, "n");
  set_text(t, OA_POINT_DESCRIPTION, "d");
  set_text(t, OA_POINT_UNIT, "u");
  end_row(attribute(t, OA_POINT_METADATA, "k", OA_VALUE_EMPTY));
  set_list(t, OA_POINT_METADATA);
  end_row(t);
  assert_metric(&r, "0a016e 120164 1a0175 6203 0a016b");
}

static void data_without_points_is_there_all_the_same(void **state) {
  (void)state;
  static const struct {
    uint8_t type;
    const char *want;
  } cases[] = {{OA_METRIC_GAUGE, "2a00"},
               {OA_METRIC_SUM, "3a04 1002 1801"},
               {OA_METRIC_HISTOGRAM, "4a02 1002"},
               {OA_METRIC_EXP_HISTOGRAM, "5202 1002"},
               {OA_METRIC_SUMMARY, "5a00"}};
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    rows r;
    oa_table *t = begin(&r, cases[i].type);
    set_i32(t, OA_POINT_TEMPORALITY, 2);
    set_bool(t, OA_POINT_IS_MONOTONIC, true);
    end_row(t);
    assert_metric(&r, cases[i].want);
  }
}

static void negative_enums_take_ten_bytes(void **state) {
  (void)state;
  rows r;
  oa_table *t = begin(&r, OA_METRIC_SUM);
  set_i32(t, OA_POINT_TEMPORALITY, INT32_MIN);
  end_row(t);
  assert_metric(&r, "3a0b 10 80808080f8ffffffff01");
}

static void points_of_one_metric_stay_together(void **state) {
  (void)state;
  rows r;
  oa_table *t = begin(&r, OA_METRIC_GAUGE);
  for (uint32_t i = 0; i < 4; i++) {
    set_text(t, OA_POINT_METRIC_NAME, i < 3 ? "a" : "b");
    set_u8(t, OA_POINT_METRIC_TYPE, OA_METRIC_GAUGE);
    set_u64(t, OA_POINT_METRIC_ORD, i < 3 ? 10 : 12);
    set_u32(t, OA_POINT_POINT_ORD, i < 3 ? i : 0);
    if (i == 0) {
      set_u64(t, OA_POINT_VALUE_INT, 0);
    } else if (i == 1) {
      set_double(t, OA_POINT_VALUE_DOUBLE, 0.0);
    } /* the others have no value */
    end_row(t);
  }
  requests all;
  assert_int_equal(encode_rows(&r, &all, NULL), OA_OK);
  assert_int_equal(all.count, 1);
  const oa_cursor scope = inside(inside(request_at(&all, 0), 1, 0), 2, 0);
  assert_int_equal(count_of(scope, 2), 2);
  assert_hex(inside(scope, 2, 0),
             "0a0161 2a18 0a09 31 0000000000000000"
             "0a09 21 0000000000000000 0a00");
  assert_hex(inside(scope, 2, 1), "0a0162 2a02 0a00");
  requests_free(&all);
  rows_free(&r);
}

static void all_fields_of_a_number_point_are_written(void **state) {
  (void)state;
  rows r;
  oa_table *t = begin(&r, OA_METRIC_SUM);
  set_u32(t, OA_POINT_POINT_ORD, 0);
  set_u64(t, OA_POINT_START_TIME, 1);
  set_u64(t, OA_POINT_TIME, 2);
  set_u64(t, OA_POINT_VALUE_INT, (uint64_t)INT64_C(-3));
  set_u32(t, OA_POINT_FLAGS, 300);
  end_row(attribute(t, OA_POINT_ATTRIBUTES, "k", OA_VALUE_EMPTY));
  set_list(t, OA_POINT_ATTRIBUTES);
  oa_table *exemplars = child_of(t, OA_POINT_EXEMPLARS);
  set_u64(exemplars, OA_EXEMPLAR_TIME, 4);
  set_double(exemplars, OA_EXEMPLAR_VALUE_DOUBLE, 0.0);
  set_id(exemplars, OA_EXEMPLAR_SPAN_ID, 5, 8);
  set_id(exemplars, OA_EXEMPLAR_TRACE_ID, 6, 16);
  end_row(attribute(exemplars, OA_EXEMPLAR_ATTRIBUTES, "x", OA_VALUE_EMPTY));
  set_list(exemplars, OA_EXEMPLAR_ATTRIBUTES);
  end_row(exemplars);
  set_u64(exemplars, OA_EXEMPLAR_VALUE_INT, 0);
  end_row(exemplars);
  end_row(exemplars); /* no value */
  set_list(t, OA_POINT_EXEMPLARS);
  end_row(t);
  assert_metric(&r,
                "3a67 0a65 11 0100000000000000 19 0200000000000000"
                "2a33 11 0400000000000000 19 0000000000000000"
                "2208 0505050505050505 2a10 06060606060606060606060606060606"
                "3a03 0a0178"
                "2a09 31 0000000000000000 2a00"
                "31 fdffffffffffffff 3a03 0a016b 40 ac02");
}

static void all_fields_of_a_histogram_point_are_written(void **state) {
  (void)state;
  static const uint64_t counts[] = {1, UINT64_MAX};
  static const uint64_t bounds[] = {UINT64_C(0x3FF0000000000000)};
  rows r;
  oa_table *t = begin(&r, OA_METRIC_HISTOGRAM);
  set_i32(t, OA_POINT_TEMPORALITY, 1);
  set_u32(t, OA_POINT_POINT_ORD, 0);
  set_u64(t, OA_POINT_COUNT_COL, 7);
  set_double(t, OA_POINT_SUM, 0.0);
  set_double(t, OA_POINT_MIN, -0.0);
  set_double(t, OA_POINT_MAX, 1.0);
  set_u32(t, OA_POINT_FLAGS, 1);
  put_items(t, OA_POINT_BUCKET_COUNTS, counts, 2);
  put_items(t, OA_POINT_EXPLICIT_BOUNDS, bounds, 1);
  end_row(t);
  assert_metric(&r,
                "4a46 0a42 21 0700000000000000 29 0000000000000000"
                "3210 0100000000000000 ffffffffffffffff"
                "3a08 000000000000f03f 5001 59 0000000000000080"
                "61 000000000000f03f 1001");

  /* Absent sum, min and max; count 0 has no presence. */
  t = begin(&r, OA_METRIC_HISTOGRAM);
  set_u32(t, OA_POINT_POINT_ORD, 0);
  set_u64(t, OA_POINT_COUNT_COL, 0);
  end_row(t);
  assert_metric(&r, "4a02 0a00");
}

static void bucket_counts_of_zero_are_counted(void **state) {
  (void)state;
  rows r;
  oa_table *t = begin(&r, OA_METRIC_EXP_HISTOGRAM);
  set_u32(t, OA_POINT_POINT_ORD, 0);
  set_i32(t, OA_POINT_POSITIVE_OFFSET, 0);
  /* Three items that nobody wrote: zeros without a buffer. */
  oa_table *items = child_of(t, OA_POINT_POSITIVE_BUCKET_COUNTS);
  items->length += 3;
  set_list(t, OA_POINT_POSITIVE_BUCKET_COUNTS);
  end_row(t);
  assert_metric(&r, "5209 0a07 4205 1203 000000");
}

static void all_fields_of_an_exponential_point_are_written(void **state) {
  (void)state;
  static const uint64_t counts[] = {1, 300};
  rows r;
  oa_table *t = begin(&r, OA_METRIC_EXP_HISTOGRAM);
  set_i32(t, OA_POINT_TEMPORALITY, 2);
  set_u32(t, OA_POINT_POINT_ORD, 0);
  set_u64(t, OA_POINT_COUNT_COL, 1);
  set_i32(t, OA_POINT_SCALE, -1);
  set_u64(t, OA_POINT_ZERO_COUNT, 2);
  set_double(t, OA_POINT_ZERO_THRESHOLD, 1.0);
  set_i32(t, OA_POINT_POSITIVE_OFFSET, -2);
  put_items(t, OA_POINT_POSITIVE_BUCKET_COUNTS, counts, 2);
  set_i32(t, OA_POINT_NEGATIVE_OFFSET, 0); /* present but empty */
  set_double(t, OA_POINT_SUM, 1.0);
  set_double(t, OA_POINT_MIN, 1.0);
  set_double(t, OA_POINT_MAX, 1.0);
  set_u32(t, OA_POINT_FLAGS, 1);
  end_row(attribute(t, OA_POINT_ATTRIBUTES, "k", OA_VALUE_EMPTY));
  set_list(t, OA_POINT_ATTRIBUTES);
  end_row(t);
  assert_metric(&r,
                "524e 0a4a 0a03 0a016b 21 0100000000000000"
                "29 000000000000f03f 3001 39 0200000000000000"
                "4207 0803 1203 01ac02 4a00 5001 61 000000000000f03f"
                "69 000000000000f03f 71 000000000000f03f 1002");
}

static void all_fields_of_a_summary_point_are_written(void **state) {
  (void)state;
  rows r;
  oa_table *t = begin(&r, OA_METRIC_SUMMARY);
  set_u32(t, OA_POINT_POINT_ORD, 0);
  set_u64(t, OA_POINT_COUNT_COL, 1);
  set_double(t, OA_POINT_SUM, 1.0);
  oa_table *quantiles = child_of(t, OA_POINT_QUANTILES);
  set_double(quantiles, OA_QUANTILE_QUANTILE, 0.5);
  set_double(quantiles, OA_QUANTILE_VALUE, 0.0);
  end_row(quantiles);
  set_list(t, OA_POINT_QUANTILES);
  set_u32(t, OA_POINT_FLAGS, 1);
  end_row(t);
  assert_metric(&r,
                "5a21 0a1f 21 0100000000000000 29 000000000000f03f"
                "3209 09 000000000000e03f 4001");
}

static void rows_that_contradict_themselves_are_refused(void **state) {
  (void)state;
  for (int i = 0; i < 4; i++) {
    static const uint64_t counts[] = {1};
    rows r;
    requests all;
    oa_error error = {0};
    oa_table *t = begin(&r, i == 0   ? 6
                            : i == 3 ? OA_METRIC_EXP_HISTOGRAM
                                     : OA_METRIC_GAUGE);
    set_u32(t, OA_POINT_POINT_ORD, 0);
    if (i == 1) {
      set_u64(t, OA_POINT_VALUE_INT, 0);
      set_u64(t, OA_POINT_VALUE_DOUBLE, 0);
    }
    if (i == 3) {
      put_items(t, OA_POINT_POSITIVE_BUCKET_COUNTS, counts, 1);
    }
    end_row(t);
    if (i == 2) { /* the same metric with another type */
      set_text(t, OA_POINT_METRIC_NAME, "");
      set_u8(t, OA_POINT_METRIC_TYPE, OA_METRIC_SUM);
      set_u32(t, OA_POINT_POINT_ORD, 1);
      end_row(t);
    }
    assert_int_equal(encode_rows(&r, &all, &error), OA_ERR_MALFORMED);
    assert_non_null(strstr(error.text, i == 2 ? "row 1: " : "row 0: "));
    requests_free(&all);
    rows_free(&r);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_metric_without_data_has_its_texts_alone),
      cmocka_unit_test(data_without_points_is_there_all_the_same),
      cmocka_unit_test(negative_enums_take_ten_bytes),
      cmocka_unit_test(points_of_one_metric_stay_together),
      cmocka_unit_test(all_fields_of_a_number_point_are_written),
      cmocka_unit_test(all_fields_of_a_histogram_point_are_written),
      cmocka_unit_test(bucket_counts_of_zero_are_counted),
      cmocka_unit_test(all_fields_of_an_exponential_point_are_written),
      cmocka_unit_test(all_fields_of_a_summary_point_are_written),
      cmocka_unit_test(rows_that_contradict_themselves_are_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
