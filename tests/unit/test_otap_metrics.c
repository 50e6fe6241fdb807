/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "otap_trial.h"

/* Metrics "a", "b", ... with ids 0, 1, ... */
static void named_metrics(table *t, const uint8_t *types, size_t count) {
  static const uint16_t ids[] = {0, 1, 1, 1, 1, 1};
  static const int32_t offsets[] = {0, 1, 2, 3, 4, 5, 6};
  add(t, "id", OA_TYPE_UINT16, ids, count * sizeof ids[0]);
  add(t, "metric_type", OA_TYPE_UINT8, types, count);
  add_text(t, "name", "abcdef", offsets, (count + 1) * sizeof offsets[0],
           count);
}

static oa_emit_nest open_metric(request *r, int metric, uint32_t kind) {
  const char name[2] = {(char)('a' + metric), '\0'};
  put_text(&r->e, 1, name);
  return oa_emit_open(&r->e, kind, 2);
}

static const oa_array *finished(const stream *s) {
  const oa_array *columns = NULL;
  assert_int_equal(oa_otlp_builder_columns(s->builder, &columns), OA_OK);
  return columns;
}

static double double_at(const oa_array *array, int64_t i) {
  double value;
  const uint64_t bits = u64_at(array, i);
  memcpy(&value, &bits, sizeof value);
  return value;
}

/* --- points --- */

static void put_point(oa_emit *e, uint64_t time, int64_t value) {
  const oa_emit_nest point = oa_emit_open(e, 1, 1);
  oa_emit_fixed64(e, 3, time);
  oa_emit_fixed64(e, 6, (uint64_t)value);
  oa_emit_close(e, point);
}

/* A gauge with two points, a metric without, a sum with one: the parents of
 * points are differences all along. */
static void points_become_the_rows_of_their_metric(void **state) {
  (void)state;
  stream s;
  request r = {0};
  message m = {0};
  table metrics = {0};
  table points = {0};
  const uint8_t types[] = {OA_METRIC_GAUGE, OA_METRIC_NONE, OA_METRIC_SUM};
  named_metrics(&metrics, types, 3);
  set_valid(
      add(&metrics, "aggregation_temporality", VALUES(INT32, int32_t, 0, 0, 2)),
      VALID(4), 3);
  add(&metrics, "is_monotonic", OA_TYPE_BOOL, "\x04", 1);
  add(&points, "id", VALUES(UINT32, uint32_t, 0, 1, 1));
  add(&points, "parent_id", VALUES(UINT16, uint16_t, 0, 2, 65534));
  add(&points, "time_unix_nano", VALUES(TIMESTAMP, uint64_t, 10, 30, 11));
  add(&points, "int_value", VALUES(INT64, int64_t, 1, -3, 2));
  put_table(&m, OA_PAYLOAD_METRICS, &metrics, 3);
  put_table(&m, OA_PAYLOAD_NUMBER_POINTS, &points, 3);
  stream_init(&s, OA_METRICS, NULL);
  expect_taken(&s, &m);
  assert_int_equal(s.batch.result.accepted, 3);
  open_records(&r);
  oa_emit_nest metric = open_record(&r);
  oa_emit_nest data = open_metric(&r, 0, 5);
  put_point(&r.e, 10, 1);
  put_point(&r.e, 11, 2);
  oa_emit_close(&r.e, data);
  oa_emit_close(&r.e, metric);
  metric = open_record(&r);
  put_text(&r.e, 1, "b");
  oa_emit_close(&r.e, metric);
  metric = open_record(&r);
  data = open_metric(&r, 2, 7);
  put_point(&r.e, 30, -3);
  oa_emit_varint(&r.e, 2, 2);
  oa_emit_varint(&r.e, 3, 1);
  oa_emit_close(&r.e, data);
  oa_emit_close(&r.e, metric);
  close_records(&r);
  /* With the numbers of metrics and points, so exactly. */
  oa_otlp_builder *expected = NULL;
  oa_otlp_result result;
  _Atomic uint64_t ords = 0;
  assert_int_equal(oa_otlp_builder_new(&expected, OA_METRICS, &ords), OA_OK);
  assert_int_equal(
      oa_otlp_decode(expected, r.e.out.data, r.e.out.len, &result, NULL),
      OA_OK);
  expect_same_rows(s.builder, 0, expected, false);
  oa_otlp_builder_free(expected);
  request_free(&r);
  stream_free(&s);
}

static void an_integer_goes_before_a_double(void **state) {
  (void)state;
  stream s;
  message m = {0};
  table metrics = {0};
  table points = {0};
  const double doubles[] = {1.5, 2.5, 3.5};
  named_metrics(&metrics, (const uint8_t[]){OA_METRIC_GAUGE}, 1);
  add(&points, "parent_id", VALUES(UINT16, uint16_t, 0, 0, 0));
  set_valid(add(&points, "int_value", VALUES(INT64, int64_t, 7, 0, 0)),
            VALID(1), 3);
  set_valid(
      add(&points, "double_value", OA_TYPE_DOUBLE, doubles, sizeof doubles),
      VALID(3), 3);
  put_table(&m, OA_PAYLOAD_METRICS, &metrics, 1);
  put_table(&m, OA_PAYLOAD_NUMBER_POINTS, &points, 3);
  stream_init(&s, OA_METRICS, NULL);
  expect_taken(&s, &m);
  const oa_array *columns = finished(&s);
  assert_false(oa_array_is_null(&columns[OA_POINT_VALUE_INT], 0));
  assert_true(oa_array_is_null(&columns[OA_POINT_VALUE_DOUBLE], 0));
  assert_true(oa_array_is_null(&columns[OA_POINT_VALUE_INT], 1));
  assert_true(double_at(&columns[OA_POINT_VALUE_DOUBLE], 1) > 2.4);
  assert_true(oa_array_is_null(&columns[OA_POINT_VALUE_INT], 2));
  assert_true(oa_array_is_null(&columns[OA_POINT_VALUE_DOUBLE], 2));
  stream_free(&s);
}

static column *add_list(table *t, const char *name, const oa_field *item,
                        const oa_array *items, const int32_t *offsets,
                        size_t size) {
  column *c = add(t, name, OA_TYPE_LIST, NULL, 0);
  c->field.children = item;
  c->field.child_count = 1;
  c->array.offsets = keep_bytes(t, offsets, size);
  c->array.children = items;
  return c;
}

static const oa_field double_item = {
    .name = "item", .type = OA_TYPE_DOUBLE, .nullable = true};
static const oa_field u64_item = {
    .name = "item", .type = OA_TYPE_UINT64, .nullable = true};

/* 0 is a sum, null is none; a null item of a list is 0. */
static void histograms_keep_what_is_zero_and_what_is_absent(void **state) {
  (void)state;
  stream s;
  message m = {0};
  table metrics = {0};
  table points = {0};
  const double zeros[] = {0, 0};
  const double bounds[] = {9, 5};
  const uint64_t counts[] = {1, 2, 3};
  const oa_array bound_items = {.length = 2,
                                .null_count = 1,
                                .validity = VALID(2),
                                .values = bounds,
                                .values_size = sizeof bounds};
  const oa_array count_items = {
      .length = 3, .values = counts, .values_size = sizeof counts};
  named_metrics(&metrics, (const uint8_t[]){OA_METRIC_HISTOGRAM}, 1);
  add(&points, "parent_id", VALUES(UINT16, uint16_t, 0, 0));
  add(&points, "count", VALUES(UINT64, uint64_t, 6, 0));
  set_valid(add(&points, "sum", OA_TYPE_DOUBLE, zeros, sizeof zeros), VALID(1),
            2);
  add_list(&points, "explicit_bounds", &double_item, &bound_items,
           OFFSETS(0, 2, 2));
  add_list(&points, "bucket_counts", &u64_item, &count_items, OFFSETS(0, 3, 3));
  put_table(&m, OA_PAYLOAD_METRICS, &metrics, 1);
  put_table(&m, OA_PAYLOAD_HISTOGRAM_POINTS, &points, 2);
  stream_init(&s, OA_METRICS, NULL);
  expect_taken(&s, &m);
  const oa_array *columns = finished(&s);
  assert_false(oa_array_is_null(&columns[OA_POINT_SUM], 0));
  assert_true(oa_array_is_null(&columns[OA_POINT_SUM], 1));
  assert_int_equal(columns[OA_POINT_MIN].null_count, 2);
  assert_int_equal(columns[OA_POINT_COUNT_COL].null_count, 0);
  assert_int_equal(u64_at(&columns[OA_POINT_COUNT_COL], 0), 6);
  const oa_array *list = &columns[OA_POINT_EXPLICIT_BOUNDS];
  int64_t begin;
  int64_t end;
  oa_array_range(list, 0, &begin, &end);
  assert_int_equal(end - begin, 2);
  assert_int_equal(u64_at(list->children, 0), 0);
  assert_true(double_at(list->children, 1) > 4.9);
  oa_array_range(list, 1, &begin, &end);
  assert_int_equal(end - begin, 0);
  assert_int_equal(u64_at(columns[OA_POINT_BUCKET_COUNTS].children, 2), 3);
  stream_free(&s);
}

static void expect_counts(const oa_array *list, int64_t row, size_t count,
                          const uint64_t *counts) {
  int64_t begin;
  int64_t end;
  oa_array_range(list, row, &begin, &end);
  assert_int_equal(end - begin, count);
  for (size_t i = 0; i < count; i++) {
    assert_int_equal(u64_at(list->children, begin + (int64_t)i), counts[i]);
  }
}

/* Three points with the buckets (1, 2), none and (3), whose parents are two
 * metrics, in the metrics' order or against it. */
static void buckets_follow_their_points_in_any_order(void **state) {
  (void)state;
  static const uint16_t parents[2][3] = {{0, 0, 1}, {1, 0, UINT16_MAX}};
  const uint64_t counts[] = {1, 2, 3};
  const oa_array items = {
      .length = 3, .values = counts, .values_size = sizeof counts};
  for (size_t backwards = 0; backwards < 2; backwards++) {
    stream s;
    message m = {0};
    table metrics = {0};
    table points = {0};
    named_metrics(&metrics,
                  (const uint8_t[]){OA_METRIC_HISTOGRAM, OA_METRIC_HISTOGRAM},
                  2);
    add(&points, "parent_id", OA_TYPE_UINT16, parents[backwards],
        sizeof parents[backwards]);
    add(&points, "count", VALUES(UINT64, uint64_t, 3, 0, 3));
    add_list(&points, "bucket_counts", &u64_item, &items, OFFSETS(0, 2, 2, 3));
    put_table(&m, OA_PAYLOAD_METRICS, &metrics, 2);
    put_table(&m, OA_PAYLOAD_HISTOGRAM_POINTS, &points, 3);
    stream_init(&s, OA_METRICS, NULL);
    expect_taken(&s, &m);
    const oa_array *columns = finished(&s);
    const oa_array *list = &columns[OA_POINT_BUCKET_COUNTS];
    const int64_t first = backwards == 0 ? 0 : 1;
    expect_counts(list, first, 2, counts);
    expect_counts(list, first + 1, 0, NULL);
    expect_counts(list, backwards == 0 ? 2 : 0, 1, counts + 2);
    assert_int_equal(u64_at(&columns[OA_POINT_COUNT_COL], first), 3);
    assert_int_equal(u64_at(&columns[OA_POINT_COUNT_COL], first + 1), 0);
    stream_free(&s);
  }
}

static void buckets_without_members_are_present(void **state) {
  (void)state;
  stream s;
  message m = {0};
  table metrics = {0};
  table points = {0};
  table none = {0};
  named_metrics(&metrics, (const uint8_t[]){OA_METRIC_EXP_HISTOGRAM}, 1);
  add(&points, "parent_id", VALUES(UINT16, uint16_t, 0, 0));
  set_valid(add_struct(&points, "positive", &none), VALID(2), 2);
  put_table(&m, OA_PAYLOAD_METRICS, &metrics, 1);
  put_table(&m, OA_PAYLOAD_EXP_HISTOGRAM_POINTS, &points, 2);
  stream_init(&s, OA_METRICS, NULL);
  expect_taken(&s, &m);
  const oa_array *columns = finished(&s);
  assert_true(oa_array_is_null(&columns[OA_POINT_POSITIVE_OFFSET], 0));
  assert_false(oa_array_is_null(&columns[OA_POINT_POSITIVE_OFFSET], 1));
  assert_int_equal(columns[OA_POINT_NEGATIVE_OFFSET].null_count, 2);
  assert_int_equal(columns[OA_POINT_SCALE].null_count, 0);
  assert_int_equal(columns[OA_POINT_ZERO_COUNT].null_count, 0);
  assert_int_equal(columns[OA_POINT_SUM].null_count, 2);
  free_structs(&points);
  stream_free(&s);
}

static void quantiles_are_read_by_name(void **state) {
  (void)state;
  static const oa_field members[] = {
      {.name = "value", .type = OA_TYPE_DOUBLE, .nullable = true},
      {.name = "quantile", .type = OA_TYPE_DOUBLE, .nullable = true}};
  static const oa_field item = {.name = "item",
                                .type = OA_TYPE_STRUCT,
                                .nullable = true,
                                .children = members,
                                .child_count = 2};
  stream s;
  message m = {0};
  table metrics = {0};
  table points = {0};
  const double values[] = {7, 8};
  const double quantiles[] = {9, 0.5};
  const oa_array arrays[] = {
      {.length = 2, .values = values, .values_size = sizeof values},
      {.length = 2,
       .null_count = 1,
       .validity = VALID(2),
       .values = quantiles,
       .values_size = sizeof quantiles}};
  const oa_array items = {.length = 2, .children = arrays};
  named_metrics(&metrics, (const uint8_t[]){OA_METRIC_SUMMARY}, 1);
  add(&points, "parent_id", VALUES(UINT16, uint16_t, 0));
  add_list(&points, "quantile", &item, &items, OFFSETS(0, 2));
  put_table(&m, OA_PAYLOAD_METRICS, &metrics, 1);
  put_table(&m, OA_PAYLOAD_SUMMARY_POINTS, &points, 1);
  stream_init(&s, OA_METRICS, NULL);
  expect_taken(&s, &m);
  const oa_array *columns = finished(&s);
  const oa_array *got = columns[OA_POINT_QUANTILES].children->children;
  assert_int_equal(u64_at(&got[OA_QUANTILE_QUANTILE], 0), 0);
  assert_true(double_at(&got[OA_QUANTILE_QUANTILE], 1) > 0.4);
  assert_true(double_at(&got[OA_QUANTILE_VALUE], 1) > 7.9);
  assert_int_equal(columns[OA_POINT_SUM].null_count, 0); /* not optional */
  stream_free(&s);
}

/* --- attributes, metadata, exemplars --- */

static void metadata_stands_at_each_point(void **state) {
  (void)state;
  stream s;
  message m = {0};
  table metrics = {0};
  table points = {0};
  table attrs = {0};
  named_metrics(&metrics, (const uint8_t[]){OA_METRIC_GAUGE, OA_METRIC_SUM}, 2);
  add(&points, "parent_id", VALUES(UINT16, uint16_t, 0, 0));
  add(&attrs, "parent_id", VALUES(UINT16, uint16_t, 1, 0, 0));
  add_text(&attrs, "key", "xyz", OFFSETS(0, 1, 2, 3), 3);
  add(&attrs, "type", VALUES(UINT8, uint8_t, 1, 2, 4));
  add_text(&attrs, "str", "v", OFFSETS(0, 1, 1, 1), 1);
  add(&attrs, "int", VALUES(INT64, int64_t, 0, 5, 0));
  add(&attrs, "bool", OA_TYPE_BOOL, "\x04", 1);
  put_table(&m, OA_PAYLOAD_METRICS, &metrics, 2);
  put_table(&m, OA_PAYLOAD_NUMBER_POINTS, &points, 2);
  put_table(&m, OA_PAYLOAD_METRIC_ATTRS, &attrs, 3);
  stream_init(&s, OA_METRICS, NULL);
  expect_taken(&s, &m);
  const oa_array *list = &finished(&s)[OA_POINT_METADATA];
  const int32_t *offsets = list->offsets;
  assert_int_equal(list->length, 3);
  assert_int_equal(offsets[1], 2);
  assert_int_equal(offsets[2], 4);
  assert_int_equal(offsets[3], 5);
  const uint8_t *types = list->children->children[OA_ATTR_TYPE].values;
  assert_memory_equal(types, "\x02\x04\x02\x04\x01", 5);
  stream_free(&s);
}

static void metadata_times_points_is_bounded(void **state) {
  (void)state;
  const oa_otap_limits limits = {
      .max_memory = 1 << 20, .max_payloads = 8, .max_rows = 10};
  stream s;
  message m = {0};
  table metrics = {0};
  table points = {0};
  table attrs = {0};
  named_metrics(&metrics, (const uint8_t[]){OA_METRIC_GAUGE}, 1);
  add(&points, "parent_id", VALUES(UINT16, uint16_t, 0, 0, 0, 0));
  add(&attrs, "parent_id", VALUES(UINT16, uint16_t, 0, 0, 0));
  add_text(&attrs, "key", "xyz", OFFSETS(0, 1, 2, 3), 3);
  add(&attrs, "type", VALUES(UINT8, uint8_t, 0, 0, 0));
  put_table(&m, OA_PAYLOAD_METRICS, &metrics, 1);
  put_table(&m, OA_PAYLOAD_NUMBER_POINTS, &points, 4);
  put_table(&m, OA_PAYLOAD_METRIC_ATTRS, &attrs, 3);
  stream_init(&s, OA_METRICS, &limits);
  expect_refused(&s, &m, OA_ERR_MALFORMED, "its metadata, once for each");
  stream_free(&s);
}

static void put_exemplar(oa_emit *e, uint32_t field, uint64_t time,
                         const char *key) {
  const oa_emit_nest exemplar = oa_emit_open(e, field, 1);
  oa_emit_fixed64(e, 2, time);
  oa_emit_fixed64(e, 6, 7);
  oa_emit_bytes(e, 4, ID8, 8);
  if (key != NULL) {
    put_str_attr(e, 7, key, "v");
  }
  oa_emit_close(e, exemplar);
}

/* Exemplars and attributes of points of two kinds end in the same columns. */
static void kinds_of_points_meet_in_one_list(void **state) {
  (void)state;
  stream s;
  request r = {0};
  message m = {0};
  table metrics = {0};
  table numbers = {0};
  table histograms = {0};
  table exemplars = {0};
  table others = {0};
  table attrs = {0};
  table exemplar_attrs = {0};
  oa_array parents;
  named_metrics(&metrics,
                (const uint8_t[]){OA_METRIC_HISTOGRAM, OA_METRIC_GAUGE}, 2);
  add(&numbers, "id", VALUES(UINT32, uint32_t, 5));
  add(&numbers, "parent_id", VALUES(UINT16, uint16_t, 1));
  add(&histograms, "id", VALUES(UINT32, uint32_t, 5));
  add(&histograms, "parent_id", VALUES(UINT16, uint16_t, 0));
  /* The second has the same value, so its parent is 5 + 0. */
  add(&exemplars, "id", VALUES(UINT32, uint32_t, 1, 1));
  column *c = add(&exemplars, "parent_id", VALUES(UINT32, uint32_t, 5, 0));
  encode(c, &parents, 2, OA_TYPE_UINT16, (const uint16_t[]){0, 1});
  add(&exemplars, "time_unix_nano", VALUES(TIMESTAMP, uint64_t, 1, 2));
  add(&exemplars, "int_value", VALUES(INT64, int64_t, 7, 7));
  add_fixed(&exemplars, "span_id", "stuvwxyzstuvwxyz", 8, 2);
  add(&others, "parent_id", VALUES(UINT32, uint32_t, 5));
  add(&others, "time_unix_nano", VALUES(TIMESTAMP, uint64_t, 3));
  add(&others, "int_value", VALUES(INT64, int64_t, 7));
  add_fixed(&others, "span_id", "stuvwxyz", 8, 1);
  add(&attrs, "parent_id", VALUES(UINT32, uint32_t, 5));
  add_text(&attrs, "key", "p", OFFSETS(0, 1), 1);
  add(&attrs, "type", VALUES(UINT8, uint8_t, 1));
  add_text(&attrs, "str", "v", OFFSETS(0, 1), 1);
  add(&exemplar_attrs, "parent_id", VALUES(UINT32, uint32_t, 2));
  add_text(&exemplar_attrs, "key", "f", OFFSETS(0, 1), 1);
  add(&exemplar_attrs, "type", VALUES(UINT8, uint8_t, 1));
  add_text(&exemplar_attrs, "str", "v", OFFSETS(0, 1), 1);
  put_table(&m, OA_PAYLOAD_METRICS, &metrics, 2);
  put_table(&m, OA_PAYLOAD_NUMBER_POINTS, &numbers, 1);
  put_table(&m, OA_PAYLOAD_HISTOGRAM_POINTS, &histograms, 1);
  put_table(&m, OA_PAYLOAD_NUMBER_EXEMPLARS, &exemplars, 2);
  put_table(&m, OA_PAYLOAD_HISTOGRAM_EXEMPLARS, &others, 1);
  put_table(&m, OA_PAYLOAD_HISTOGRAM_POINT_ATTRS, &attrs, 1);
  put_table(&m, OA_PAYLOAD_NUMBER_EXEMPLAR_ATTRS, &exemplar_attrs, 1);
  stream_init(&s, OA_METRICS, NULL);
  expect_taken(&s, &m);
  open_records(&r);
  oa_emit_nest metric = open_record(&r);
  oa_emit_nest data = open_metric(&r, 0, 9);
  oa_emit_nest point = oa_emit_open(&r.e, 1, 1);
  put_exemplar(&r.e, 8, 3, NULL);
  put_str_attr(&r.e, 9, "p", "v");
  oa_emit_close(&r.e, point);
  oa_emit_close(&r.e, data);
  oa_emit_close(&r.e, metric);
  metric = open_record(&r);
  data = open_metric(&r, 1, 5);
  point = oa_emit_open(&r.e, 1, 1);
  put_exemplar(&r.e, 5, 1, NULL);
  put_exemplar(&r.e, 5, 2, "f");
  oa_emit_close(&r.e, point);
  oa_emit_close(&r.e, data);
  oa_emit_close(&r.e, metric);
  close_records(&r);
  expect_request(&s, 0, &r);
  stream_free(&s);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(points_become_the_rows_of_their_metric),
      cmocka_unit_test(an_integer_goes_before_a_double),
      cmocka_unit_test(histograms_keep_what_is_zero_and_what_is_absent),
      cmocka_unit_test(buckets_follow_their_points_in_any_order),
      cmocka_unit_test(buckets_without_members_are_present),
      cmocka_unit_test(quantiles_are_read_by_name),
      cmocka_unit_test(metadata_stands_at_each_point),
      cmocka_unit_test(metadata_times_points_is_bounded),
      cmocka_unit_test(kinds_of_points_meet_in_one_list),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
