/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "append_trial.h"

static const uint8_t GAUGE = OA_METRIC_GAUGE;

/* --- attributes --- */

static void values_of_other_types_are_dropped(void **state) {
  (void)state;
  static const char *const texts[] = {"a", "b", ""};
  const int64_t ints[] = {7, 8, 9};
  const uint8_t types[] = {OA_VALUE_STR, OA_VALUE_INT, OA_VALUE_STR};
  const int32_t offsets[] = {0, 2, 3};
  const attribute_columns c = {
      .types = types, .str = texts, .ints = ints, .ints_valid = ALL_VALID};
  trial t;
  batch b = spans(2);
  const oa_array *items;
  int64_t first;
  add_attributes(&b, "attributes", offsets, &c);
  trial_init(&t, OA_TRACES);
  append_all(&t, &b);
  assert_int_equal(
      items_at(&columns_of(&t)[OA_SPAN_ATTRIBUTES], 0, &items, &first), 2);
  assert_text(&items[OA_ATTR_STR], 0, "a");
  assert_null_at(&items[OA_ATTR_INT], 0);
  assert_null_at(&items[OA_ATTR_STR], 1);
  assert_int_equal(u64_at(&items[OA_ATTR_INT], 1), 8);
  assert_text(&items[OA_ATTR_STR], 2, ""); /* empty, and yet there */
  assert_null_at(&items[OA_ATTR_INT], 2);
  trial_free(&t);
}

static void bytes_that_are_null_are_empty(void **state) {
  (void)state;
  static const char *const bytes[] = {"x", NULL, "z"};
  const uint8_t types[] = {OA_VALUE_BYTES, OA_VALUE_BYTES, OA_VALUE_EMPTY};
  const int32_t offsets[] = {0, 3};
  const attribute_columns c = {.types = types, .bytes = bytes};
  trial t;
  batch b = spans(1);
  const oa_array *items;
  int64_t first;
  add_attributes(&b, "attributes", offsets, &c);
  trial_init(&t, OA_TRACES);
  append_all(&t, &b);
  items_at(&columns_of(&t)[OA_SPAN_ATTRIBUTES], 0, &items, &first);
  assert_plain(&items[OA_ATTR_BYTES], 0, "x");
  assert_plain(&items[OA_ATTR_BYTES], 1, "");
  assert_null_at(&items[OA_ATTR_BYTES], 2);
  trial_free(&t);
}

static void cbor_is_brought_into_one_form(void **state) {
  (void)state;
  static const char *const sers[] = {"\xA1\x61k\x01", "\x81\xF9\x3C",
                                     "\x9F\xFF"};
  const uint8_t types[] = {OA_VALUE_MAP, OA_VALUE_EMPTY, OA_VALUE_SLICE};
  const int32_t offsets[] = {0, 3};
  const attribute_columns c = {.types = types, .ser = sers};
  trial t;
  batch b = spans(1);
  const oa_array *items;
  int64_t first;
  add_attributes(&b, "attributes", offsets, &c);
  trial_init(&t, OA_TRACES);
  append_all(&t, &b);
  items_at(&columns_of(&t)[OA_SPAN_ATTRIBUTES], 0, &items, &first);
  assert_plain(&items[OA_ATTR_SER], 0, "\xBF\x61k\x01\xFF");
  assert_null_at(&items[OA_ATTR_SER], 1); /* and is not looked at */
  assert_plain(&items[OA_ATTR_SER], 2, "\x9F\xFF");
  trial_free(&t);
}

/* Of a sender that cut its arrays: items before and behind those in use. */
static void only_items_of_the_rows_are_taken(void **state) {
  (void)state;
  const int64_t ints[] = {0, 1, 2, 3, 4, 5};
  const uint8_t types[] = {9, 2, 2, 9, 2, 9};
  const int32_t offsets[] = {1, 3, 4, 5, 6}; /* the row of item 3 is null */
  attribute_columns c = {.types = types, .ints = ints, .ints_valid = 0x16};
  trial t;
  batch b = spans(4);
  oa_array *list = add_attributes(&b, "attributes", offsets, &c);
  b.rows = 3;
  for (size_t i = 0; i < b.count; i++) {
    b.columns[i].length = 3;
  }
  const oa_array *items;
  int64_t first;
  set_valid(&b, list, 5);
  trial_init(&t, OA_TRACES);
  append_all(&t, &b);
  list = NULL;
  const oa_array *have = &columns_of(&t)[OA_SPAN_ATTRIBUTES];
  assert_int_equal(items_at(have, 0, &items, &first), 2);
  assert_int_equal(u64_at(&items[OA_ATTR_INT], first), 1);
  assert_int_equal(u64_at(&items[OA_ATTR_INT], first + 1), 2);
  assert_int_equal(items_at(have, 1, &items, &first), 0);
  assert_int_equal(items_at(have, 2, &items, &first), 1);
  assert_int_equal(u64_at(&items[OA_ATTR_INT], first), 4);
  trial_free(&t);
}

/* --- status --- */

static void a_status_message_makes_a_status(void **state) {
  (void)state;
  static const char *const texts[] = {"m", "", NULL, "n"};
  const int32_t codes[] = {7, 7, 7, 2};
  for (int i = 0; i < 2; i++) {
    trial t;
    batch b = spans(4);
    add_texts(&b, "status_message", OA_TYPE_UTF8, texts);
    if (i == 0) {
      add_values(&b, "status_code", OA_TYPE_INT32, codes, 8);
    }
    trial_init(&t, OA_TRACES);
    append_all(&t, &b);
    const oa_array *code = &columns_of(&t)[OA_SPAN_STATUS_CODE];
    assert_int_equal(u32_at(code, 0), 0);
    assert_null_at(code, 1);
    assert_null_at(code, 2);
    assert_int_equal(u32_at(code, 3), i == 0 ? 2 : 0);
    trial_free(&t);
  }
}

/* --- bodies --- */

static void a_body_is_text_made_of_its_value(void **state) {
  (void)state;
  static const char *const texts[] = {"kept", "wrong", NULL, "wrong"};
  static const char *const sers[] = {"junk", NULL, NULL, "\xA1\x61k\xF5"};
  const uint8_t types[] = {OA_VALUE_STR, OA_VALUE_INT, 77, OA_VALUE_MAP};
  const int64_t ints[] = {1, -7, 3, 4};
  trial t;
  batch b = logs(4);
  b.count--;
  add_texts(&b, "body", OA_TYPE_UTF8, texts);
  add_values(&b, "body_type", OA_TYPE_UINT8, types, 11);
  add_values(&b, "body_int", OA_TYPE_INT64, ints, ALL_VALID);
  add_texts(&b, "body_ser", OA_TYPE_BINARY, sers);
  trial_init(&t, OA_LOGS);
  append_all(&t, &b);
  const oa_array *columns = columns_of(&t);
  assert_plain(&columns[OA_LOG_COL_BODY], 0, "kept");
  assert_plain(&columns[OA_LOG_COL_BODY], 1, "-7");
  assert_null_at(&columns[OA_LOG_COL_BODY], 2);
  assert_plain(&columns[OA_LOG_COL_BODY], 3, "{\"k\":true}");
  assert_null_at(&columns[OA_LOG_COL_BODY_INT], 0);
  assert_int_equal((int64_t)u64_at(&columns[OA_LOG_COL_BODY_INT], 1), -7);
  assert_null_at(&columns[OA_LOG_COL_BODY_SER], 0);
  assert_null_at(&columns[OA_LOG_COL_BODY_TYPE], 2);
  trial_free(&t);
}

static void a_body_without_its_value_costs_its_record(void **state) {
  (void)state;
  static const char *const texts[] = {"one", NULL, NULL, NULL};
  const uint8_t types[] = {1, 1, 2, 8};
  trial t;
  batch b = logs(4);
  b.count--;
  add_texts(&b, "body", OA_TYPE_UTF8, texts);
  add_values(&b, "body_type", OA_TYPE_UINT8, types, ALL_VALID);
  trial_init(&t, OA_LOGS);
  append_refused(&t, &b, 3, "row 3, column body_type: the type 8 is not known");
  assert_plain(&columns_of(&t)[OA_LOG_COL_BODY], 0, "one");
  trial_free(&t);
}

/* --- points --- */

static void columns_of_other_metric_types_are_dropped(void **state) {
  (void)state;
  const uint8_t types[] = {OA_METRIC_GAUGE, OA_METRIC_SUM, OA_METRIC_SUMMARY,
                           OA_METRIC_HISTOGRAM};
  const uint64_t values[] = {1, 2, 3, 4};
  const int32_t numbers[] = {1, 2, 1, 2};
  trial t;
  batch b = points(4, types);
  add_values(&b, "count", OA_TYPE_UINT64, values, ALL_VALID);
  add_values(&b, "value_int", OA_TYPE_UINT64, values, ALL_VALID);
  add_values(&b, "scale", OA_TYPE_INT32, numbers, ALL_VALID);
  add_values(&b, "aggregation_temporality", OA_TYPE_INT32, numbers, 3);
  trial_init(&t, OA_METRICS);
  append_all(&t, &b);
  const oa_array *columns = columns_of(&t);
  assert_null_at(&columns[OA_POINT_COUNT_COL], 0);
  assert_null_at(&columns[OA_POINT_COUNT_COL], 1);
  assert_int_equal(u64_at(&columns[OA_POINT_COUNT_COL], 2), 3);
  assert_int_equal(u64_at(&columns[OA_POINT_COUNT_COL], 3), 4);
  assert_int_equal(u64_at(&columns[OA_POINT_VALUE_INT], 1), 2);
  assert_null_at(&columns[OA_POINT_VALUE_INT], 2);
  assert_null_at(&columns[OA_POINT_SCALE], 3);
  assert_null_at(&columns[OA_POINT_TEMPORALITY], 0);
  assert_int_equal(u32_at(&columns[OA_POINT_TEMPORALITY], 1), 2);
  assert_int_equal(u32_at(&columns[OA_POINT_TEMPORALITY], 3), 0);
  assert_null_at(&columns[OA_POINT_IS_MONOTONIC], 0);
  assert_false(oa_array_is_null(&columns[OA_POINT_IS_MONOTONIC], 1));
  assert_int_equal(u64_at(&columns[OA_POINT_SUM], 2), 0);
  assert_null_at(&columns[OA_POINT_SUM], 3);
  trial_free(&t);
}

static void points_that_contradict_themselves_are_left_out(void **state) {
  (void)state;
  const uint8_t types[] = {OA_METRIC_GAUGE, OA_METRIC_NONE, 6, OA_METRIC_SUM};
  const uint64_t values[] = {1, 2, 3, 4};
  const uint32_t ords[] = {0, 0, 0, 0};
  trial t;
  batch b = points(4, types);
  add_values(&b, "value_int", OA_TYPE_INT64, values, 9);
  add_values(&b, "value_double", OA_TYPE_DOUBLE, values, 1);
  add_values(&b, "point_ord", OA_TYPE_UINT32, ords, ALL_VALID);
  trial_init(&t, OA_METRICS);
  append_refused(&t, &b, 3,
                 "row 2, column metric_type: the type 6 is not known");
  assert_text(&columns_of(&t)[OA_POINT_METRIC_NAME], 0, "four");
  trial_free(&t);
}

static void bucket_counts_need_their_offset(void **state) {
  (void)state;
  const uint8_t types[] = {OA_METRIC_EXP_HISTOGRAM, OA_METRIC_EXP_HISTOGRAM,
                           OA_METRIC_GAUGE};
  const int32_t ends[] = {0, 1, 3, 4};
  const uint32_t counts[] = {5, 6, 7, 8};
  const int32_t offsets[] = {1, 2, 3};
  trial t;
  batch b = points(3, types);
  const oa_field item = {.name = "anything", .type = OA_TYPE_UINT32};
  const oa_array items = values_array(&b, 4, counts, 4, ALL_VALID);
  const oa_field field = {.name = "positive_bucket_counts",
                          .type = OA_TYPE_LIST,
                          .children = &item,
                          .child_count = 1};
  add(&b, field, (oa_array){.length = 3, .offsets = ends, .children = &items});
  add_values(&b, "positive_offset", OA_TYPE_INT32, offsets, 1);
  trial_init(&t, OA_METRICS);
  append_refused(&t, &b, 1,
                 "row 1, column positive_bucket_counts: bucket counts without "
                 "an offset");
  const oa_array *list = &columns_of(&t)[OA_POINT_POSITIVE_BUCKET_COUNTS];
  int64_t from;
  int64_t to;
  oa_array_range(list, 0, &from, &to);
  assert_int_equal(to - from, 1);
  assert_int_equal(u64_at(list->children, from), 5);
  oa_array_range(list, 1, &from, &to); /* a gauge has none */
  assert_int_equal(to - from, 0);
  trial_free(&t);
}

static void a_metric_without_points_has_no_columns_of_points(void **state) {
  (void)state;
  const uint8_t types[] = {GAUGE, GAUGE};
  const uint64_t values[] = {1, 2};
  const uint32_t ords[] = {0, 5};
  trial t;
  batch b = points(2, types);
  add_values(&b, "value_int", OA_TYPE_INT64, values, ALL_VALID);
  add_values(&b, "point_ord", OA_TYPE_UINT32, ords, 1);
  add_values(&b, "flags", OA_TYPE_UINT32, ords, ALL_VALID);
  trial_init(&t, OA_METRICS);
  append_all(&t, &b);
  assert_int_equal(t.result.accepted, 1);
  const oa_array *columns = columns_of(&t);
  assert_int_equal(u64_at(&columns[OA_POINT_VALUE_INT], 0), 1);
  assert_null_at(&columns[OA_POINT_VALUE_INT], 1);
  assert_null_at(&columns[OA_POINT_TIME], 1);
  assert_null_at(&columns[OA_POINT_POINT_ORD], 1);
  assert_int_equal(u32_at(&columns[OA_POINT_FLAGS], 1), 0);
  trial_free(&t);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(values_of_other_types_are_dropped),
      cmocka_unit_test(bytes_that_are_null_are_empty),
      cmocka_unit_test(cbor_is_brought_into_one_form),
      cmocka_unit_test(only_items_of_the_rows_are_taken),
      cmocka_unit_test(a_status_message_makes_a_status),
      cmocka_unit_test(a_body_is_text_made_of_its_value),
      cmocka_unit_test(a_body_without_its_value_costs_its_record),
      cmocka_unit_test(columns_of_other_metric_types_are_dropped),
      cmocka_unit_test(points_that_contradict_themselves_are_left_out),
      cmocka_unit_test(bucket_counts_need_their_offset),
      cmocka_unit_test(a_metric_without_points_has_no_columns_of_points),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
