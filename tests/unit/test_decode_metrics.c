/* SPDX-License-Identifier: Apache-2.0 */
#include "otlp_trial.h"

enum { GAUGE = 5, SUM = 7, HISTOGRAM = 9, EXPONENTIAL = 10, SUMMARY = 11 };

/* The rows of put_rich_request(): two of each kind. */
enum {
  GAUGE_ROW = 0,
  SUM_ROW = 2,
  HISTOGRAM_ROW = 4,
  EXPONENTIAL_ROW = 6,
  SUMMARY_ROW = 8
};

static void assert_numbers(const oa_array *list, int64_t row,
                           const uint64_t *want, int64_t count) {
  int64_t begin;
  int64_t end;
  oa_array_range(list, row, &begin, &end);
  assert_int_equal(end - begin, count);
  for (int64_t i = 0; i < count; i++) {
    assert_int_equal(u64_at(&list->children[0], begin + i), want[i]);
  }
}

static void assert_double(const oa_array *array, int64_t row, double want) {
  const uint64_t bits = u64_at(array, row);
  assert_memory_equal(&bits, &want, sizeof want);
}

static void every_field_of_a_point_has_its_column(void **state) {
  (void)state;
  static const uint64_t counts[] = {1, 0, UINT64_MAX};
  static const uint64_t buckets[] = {1, 300, 0};
  static const uint8_t types[] = {1, 2, 3, 4, 5};
  trial t;
  request r = {0};
  trial_init(&t, OA_METRICS);
  put_rich_request(&r, OA_METRICS, "one");
  take(&t, &r);
  const oa_array *c = columns_of(&t);
  const oa_array *items;
  int64_t at;
  const uint64_t ord = u64_at(&c[OA_POINT_METRIC_ORD], 0);
  for (int64_t i = 0; i < 10; i++) {
    assert_int_equal(u64_at(&c[OA_POINT_METRIC_ORD], i), ord + (uint64_t)i / 2);
    assert_int_equal(u32_at(&c[OA_POINT_POINT_ORD], i), i % 2);
    assert_text(&c[OA_POINT_METRIC_NAME], i, "metric");
    assert_text(&c[OA_POINT_DESCRIPTION], i, "description");
    assert_text(&c[OA_POINT_UNIT], i, "unit");
    assert_int_equal(u8_at(&c[OA_POINT_METRIC_TYPE], i), types[i / 2]);
    assert_int_equal(items_at(&c[OA_POINT_METADATA], i, &items, &at), 8);
    assert_int_equal(u64_at(&c[OA_POINT_START_TIME], i), 20);
    assert_int_equal(u64_at(&c[OA_POINT_TIME], i), 21);
    assert_int_equal(items_at(&c[OA_POINT_ATTRIBUTES], i, &items, &at), 8);
    assert_int_equal(u32_at(&c[OA_POINT_FLAGS], i), 1);
    assert_int_equal(items_at(&c[OA_POINT_EXEMPLARS], i, &items, &at),
                     i < SUMMARY_ROW ? 1 : 0);
    const bool temporal = i >= SUM_ROW && i < SUMMARY_ROW;
    assert_int_equal(oa_array_is_null(&c[OA_POINT_TEMPORALITY], i), !temporal);
    assert_int_equal(oa_array_is_null(&c[OA_POINT_IS_MONOTONIC], i),
                     i / 2 != SUM_ROW / 2);
    assert_int_equal(oa_array_is_null(&c[OA_POINT_VALUE_INT], i),
                     i >= HISTOGRAM_ROW);
    assert_null_at(&c[OA_POINT_VALUE_DOUBLE], i);
  }
  assert_int_equal(u64_at(&c[OA_POINT_VALUE_INT], SUM_ROW), (uint64_t)-9);
  assert_int_equal(u32_at(&c[OA_POINT_TEMPORALITY], SUM_ROW), 2);
  assert_int_equal(u64_at(&c[OA_POINT_COUNT_COL], HISTOGRAM_ROW), 22);
  assert_double(&c[OA_POINT_SUM], HISTOGRAM_ROW, 1.5);
  assert_double(&c[OA_POINT_MIN], HISTOGRAM_ROW, 0);
  assert_double(&c[OA_POINT_MAX], HISTOGRAM_ROW, 9);
  assert_numbers(&c[OA_POINT_BUCKET_COUNTS], HISTOGRAM_ROW, counts, 3);
  assert_numbers(&c[OA_POINT_EXPLICIT_BOUNDS], HISTOGRAM_ROW, counts, 2);
  assert_int_equal(u32_at(&c[OA_POINT_SCALE], EXPONENTIAL_ROW), (uint32_t)-10);
  assert_int_equal(u64_at(&c[OA_POINT_ZERO_COUNT], EXPONENTIAL_ROW), 23);
  assert_double(&c[OA_POINT_ZERO_THRESHOLD], EXPONENTIAL_ROW, 0.5);
  assert_int_equal(u32_at(&c[OA_POINT_POSITIVE_OFFSET], EXPONENTIAL_ROW),
                   (uint32_t)-3);
  assert_numbers(&c[OA_POINT_POSITIVE_BUCKET_COUNTS], EXPONENTIAL_ROW, buckets,
                 3);
  assert_numbers(&c[OA_POINT_NEGATIVE_BUCKET_COUNTS], EXPONENTIAL_ROW, buckets,
                 3);
  assert_int_equal(items_at(&c[OA_POINT_QUANTILES], SUMMARY_ROW, &items, &at),
                   1);
  assert_double(&items[OA_QUANTILE_QUANTILE], at, 0.99);
  assert_double(&items[OA_QUANTILE_VALUE], at, 7);
  assert_int_equal(items_at(&c[OA_POINT_EXEMPLARS], 0, &items, &at), 1);
  assert_int_equal(u64_at(&items[OA_EXEMPLAR_TIME], at), 40);
  assert_double(&items[OA_EXEMPLAR_VALUE_DOUBLE], at, 0.25);
  assert_null_at(&items[OA_EXEMPLAR_VALUE_INT], at);
  assert_id(&items[OA_EXEMPLAR_SPAN_ID], at, ID8, 8);
  assert_id(&items[OA_EXEMPLAR_TRACE_ID], at, ID16, 16);
  trial_free(&t);
}

/* A point whose only field is this time. */
static void put_point(oa_emit *e, uint64_t time) {
  const oa_emit_nest point = oa_emit_open(e, 1, 1);
  oa_emit_fixed64(e, 3, time);
  oa_emit_close(e, point);
}

static void a_sum_may_come_in_pieces(void **state) {
  (void)state;
  trial t;
  request r = {0};
  trial_init(&t, OA_METRICS);
  open_records(&r);
  const oa_emit_nest metric = open_record(&r);
  for (uint64_t i = 0; i < 4; i++) {
    const oa_emit_nest sum = oa_emit_open(&r.e, SUM, 1);
    if (i == 1) {
      oa_emit_varint(&r.e, 3, 1);
    } else {
      oa_emit_varint(&r.e, 2, i);
      put_point(&r.e, i + 1);
    }
    oa_emit_close(&r.e, sum);
    put_text(&r.e, 1, "name"); /* between the pieces */
  }
  oa_emit_close(&r.e, metric);
  close_records(&r);
  take(&t, &r);
  const oa_array *c = columns_of(&t);
  assert_int_equal(rows_of(&t), 3);
  for (int64_t i = 0; i < 3; i++) {
    assert_int_equal(u32_at(&c[OA_POINT_POINT_ORD], i), i);
    assert_int_equal(u32_at(&c[OA_POINT_TEMPORALITY], i), 3);
    assert_true(oa_bit(c[OA_POINT_IS_MONOTONIC].values, i));
    assert_text(&c[OA_POINT_METRIC_NAME], i, "name");
  }
  trial_free(&t);
}

static void of_two_kinds_the_last_one_counts(void **state) {
  (void)state;
  static const uint32_t order[] = {SUM, GAUGE, SUM, SUM};
  trial t;
  request r = {0};
  trial_init(&t, OA_METRICS);
  open_records(&r);
  const oa_emit_nest metric = open_record(&r);
  for (uint64_t i = 0; i < 4; i++) {
    const oa_emit_nest data = oa_emit_open(&r.e, order[i], 1);
    put_point(&r.e, i + 1);
    oa_emit_close(&r.e, data);
  }
  oa_emit_close(&r.e, metric);
  close_records(&r);
  take(&t, &r);
  /* The gauge wiped the first sum out. */
  assert_int_equal(rows_of(&t), 2);
  const oa_array *c = columns_of(&t);
  assert_int_equal(u8_at(&c[OA_POINT_METRIC_TYPE], 0), OA_METRIC_SUM);
  assert_int_equal(u64_at(&c[OA_POINT_TIME], 0), 3);
  assert_int_equal(u64_at(&c[OA_POINT_TIME], 1), 4);
  trial_free(&t);
}

static void a_metric_without_points_is_a_row(void **state) {
  (void)state;
  static const uint32_t kinds[] = {0,         GAUGE,       SUM,
                                   HISTOGRAM, EXPONENTIAL, SUMMARY};
  trial t;
  request r = {0};
  trial_init(&t, OA_METRICS);
  open_records(&r);
  for (size_t i = 0; i < 6; i++) {
    const oa_emit_nest metric = open_record(&r);
    put_text(&r.e, 1, "m");
    if (kinds[i] != 0) {
      oa_emit_bytes(&r.e, kinds[i], ID8, 0);
    }
    put_int_attr(&r.e, 12, "meta", 1);
    oa_emit_close(&r.e, metric);
  }
  close_records(&r);
  const size_t len = r.e.out.len;
  take(&t, &r);
  assert_int_equal(rows_of(&t), 6);
  assert_int_equal(t.result.accepted, 0);
  const oa_array *c = columns_of(&t);
  for (int64_t i = 0; i < 6; i++) {
    const oa_array *items;
    int64_t at;
    assert_null_at(&c[OA_POINT_POINT_ORD], i);
    assert_int_equal(u8_at(&c[OA_POINT_METRIC_TYPE], i), i);
    assert_int_equal(items_at(&c[OA_POINT_METADATA], i, &items, &at), 1);
  }
  oa_buf all = encoded(&t);
  assert_int_equal(all.len, len + sizeof len);
  oa_buf_free(&all);
  trial_free(&t);
}

static void a_bad_point_is_rejected_alone_with_its_path(void **state) {
  (void)state;
  static const struct {
    uint32_t kind, attributes;
    const char *name;
  } kinds[] = {{GAUGE, 7, "gauge"},
               {SUM, 7, "sum"},
               {HISTOGRAM, 9, "histogram"},
               {EXPONENTIAL, 1, "exponential_histogram"},
               {SUMMARY, 7, "summary"}};
  for (size_t i = 0; i < 5; i++) {
    trial t;
    request r = {0};
    trial_init(&t, OA_METRICS);
    open_records(&r);
    oa_emit_close(&r.e, open_record(&r));
    const oa_emit_nest metric = open_record(&r);
    const oa_emit_nest data = oa_emit_open(&r.e, kinds[i].kind, 2);
    for (uint64_t p = 0; p < 5; p++) {
      const oa_emit_nest point = oa_emit_open(&r.e, 1, 2);
      oa_emit_fixed64(&r.e, 3, p + 1);
      put_deep_attr(&r.e, kinds[i].attributes, p % 2 == 1 ? 65 : 64);
      oa_emit_close(&r.e, point);
    }
    oa_emit_close(&r.e, data);
    oa_emit_close(&r.e, metric);
    close_records(&r);
    take(&t, &r);
    assert_int_equal(t.result.accepted, 3);
    assert_int_equal(t.result.rejected, 2);
    char want[192];
    snprintf(want, sizeof want,
             "resource_metrics[0].scope_metrics[0].metrics[1].%s.data_points[1]"
             ": an attribute's value is nested deeper than 64",
             kinds[i].name);
    assert_string_equal(t.result.reason, want);
    const oa_array *c = columns_of(&t);
    for (int64_t row = 1; row < 4; row++) {
      const oa_array *items;
      int64_t at;
      assert_int_equal(u64_at(&c[OA_POINT_TIME], row), 2 * row - 1);
      assert_int_equal(u32_at(&c[OA_POINT_POINT_ORD], row), row - 1);
      assert_int_equal(items_at(&c[OA_POINT_ATTRIBUTES], row, &items, &at), 1);
    }
    trial_free(&t);
  }
}

static void metadata_that_is_too_deep_takes_the_metric_along(void **state) {
  (void)state;
  for (uint64_t points = 0; points < 3; points++) {
    trial t;
    request r = {0};
    trial_init(&t, OA_METRICS);
    open_records(&r);
    const oa_emit_nest metric = open_record(&r);
    const oa_emit_nest gauge = oa_emit_open(&r.e, GAUGE, 1);
    for (uint64_t p = 0; p < points; p++) {
      put_point(&r.e, p + 1);
    }
    oa_emit_close(&r.e, gauge);
    put_deep_attr(&r.e, 12, 65);
    oa_emit_close(&r.e, metric);
    close_records(&r);
    take(&t, &r);
    assert_int_equal(rows_of(&t), 0);
    assert_int_equal(t.result.rejected, points);
    assert_string_equal(t.result.reason,
                        "resource_metrics[0].scope_metrics[0].metrics[0]: an "
                        "attribute's value is nested deeper than 64");
    const oa_builder_mark mark = mark_of(&t);
    for (size_t i = 0; i < OA_BUILDER_MAX_TABLES; i++) {
      assert_int_equal(mark.lengths[i], 0);
    }
    trial_free(&t);
  }
}

/* One byte more in the request would cost a mebibyte for each point. */
static void metadata_is_not_repeated_without_bound(void **state) {
  (void)state;
  enum { POINTS = 80, LENGTH = 1024 * 1024 };
  trial t;
  request r = {0};
  uint8_t *text = oa_calloc(1, LENGTH);
  assert_non_null(text);
  memset(text, 'x', LENGTH);
  trial_init(&t, OA_METRICS);
  open_records(&r);
  const oa_emit_nest metric = open_record(&r);
  const oa_emit_nest gauge = oa_emit_open(&r.e, GAUGE, 3);
  for (uint64_t p = 0; p < POINTS; p++) {
    put_point(&r.e, p + 1);
  }
  oa_emit_close(&r.e, gauge);
  const oa_emit_nest entry = oa_emit_open(&r.e, 12, 3);
  oa_emit_bytes(&r.e, 1, text, LENGTH);
  oa_emit_close(&r.e, entry);
  oa_emit_close(&r.e, metric);
  close_records(&r);
  take(&t, &r);
  assert_int_equal(t.result.accepted, 63);
  assert_int_equal(t.result.rejected, POINTS - 63);
  assert_non_null(strstr(t.result.reason, "metadata"));
  oa_free(text);
  trial_free(&t);
}

static void an_exemplars_ids_have_their_length(void **state) {
  (void)state;
  for (uint32_t field = 4; field <= 5; field++) {
    trial t;
    request r = {0};
    trial_init(&t, OA_METRICS);
    open_records(&r);
    const oa_emit_nest metric = open_record(&r);
    const oa_emit_nest gauge = oa_emit_open(&r.e, GAUGE, 1);
    put_point(&r.e, 1);
    const oa_emit_nest point = oa_emit_open(&r.e, 1, 1);
    const oa_emit_nest exemplar = oa_emit_open(&r.e, 5, 1);
    put_str_attr(&r.e, 7, "k", "v");
    oa_emit_bytes(&r.e, field, ID16, 15);
    oa_emit_close(&r.e, exemplar);
    oa_emit_close(&r.e, point);
    oa_emit_close(&r.e, gauge);
    oa_emit_close(&r.e, metric);
    close_records(&r);
    take(&t, &r);
    assert_int_equal(t.result.accepted, 1);
    assert_int_equal(t.result.rejected, 1);
    assert_string_equal(
        t.result.reason,
        field == 4 ? "resource_metrics[0].scope_metrics[0].metrics[0].gauge."
                     "data_points[1]: an exemplar's trace_id and span_id have "
                     "0 and 15 "
                     "bytes, not 16 and 8"
                   : "resource_metrics[0].scope_metrics[0].metrics[0].gauge."
                     "data_points[1]: an exemplar's trace_id and span_id have "
                     "15 and 0 "
                     "bytes, not 16 and 8");
    trial_free(&t);
  }
}

/* sum, min and max say whether they are there; a value's kind is kept. */
static void presence_is_kept(void **state) {
  (void)state;
  trial t;
  request r = {0};
  trial_init(&t, OA_METRICS);
  open_records(&r);
  oa_emit_nest metric = open_record(&r);
  oa_emit_nest data = oa_emit_open(&r.e, HISTOGRAM, 1);
  put_point(&r.e, 1);
  oa_emit_nest point = oa_emit_open(&r.e, 1, 1);
  put_double(&r.e, 5, 0);
  put_double(&r.e, 11, -0.0);
  oa_emit_close(&r.e, point);
  oa_emit_close(&r.e, data);
  oa_emit_close(&r.e, metric);
  metric = open_record(&r);
  data = oa_emit_open(&r.e, GAUGE, 1);
  put_point(&r.e, 1);
  point = oa_emit_open(&r.e, 1, 1);
  oa_emit_fixed64(&r.e, 6, 0);
  put_double(&r.e, 4, 0); /* the last one counts */
  oa_emit_close(&r.e, point);
  oa_emit_close(&r.e, data);
  oa_emit_close(&r.e, metric);
  close_records(&r);
  take(&t, &r);
  const oa_array *c = columns_of(&t);
  assert_null_at(&c[OA_POINT_SUM], 0);
  assert_null_at(&c[OA_POINT_MIN], 0);
  assert_double(&c[OA_POINT_SUM], 1, 0);
  assert_double(&c[OA_POINT_MIN], 1, -0.0);
  assert_null_at(&c[OA_POINT_MAX], 1);
  assert_null_at(&c[OA_POINT_VALUE_DOUBLE], 2);
  assert_null_at(&c[OA_POINT_VALUE_INT], 2);
  assert_double(&c[OA_POINT_VALUE_DOUBLE], 3, 0);
  assert_null_at(&c[OA_POINT_VALUE_INT], 3);
  trial_free(&t);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_field_of_a_point_has_its_column),
      cmocka_unit_test(a_sum_may_come_in_pieces),
      cmocka_unit_test(of_two_kinds_the_last_one_counts),
      cmocka_unit_test(a_metric_without_points_is_a_row),
      cmocka_unit_test(a_bad_point_is_rejected_alone_with_its_path),
      cmocka_unit_test(metadata_that_is_too_deep_takes_the_metric_along),
      cmocka_unit_test(metadata_is_not_repeated_without_bound),
      cmocka_unit_test(an_exemplars_ids_have_their_length),
      cmocka_unit_test(presence_is_kept),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
