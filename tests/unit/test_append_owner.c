/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "append_trial.h"

/* Resources as bytes: {"service.name": "a"} and {"service.name": "b"}. */
#define SERVICE(NAME) "\x0A\x13\x0A\x0Cservice.name\x12\x03\x0A\x01" NAME
static const char *const resources[] = {SERVICE("a"), SERVICE("b"), "\x0A\x7F",
                                        "\x0A\x01"};

static uint64_t ord(trial *t, size_t column, int64_t row) {
  return u64_at(&columns_of(t)[column], row);
}

/* Rows from FROM on are in groups as WANT says, counted from its first. */
static void assert_ords(trial *t, size_t column, int64_t from,
                        const uint64_t *want, int64_t rows) {
  const uint64_t first = ord(t, column, from);
  for (int64_t i = 0; i < rows; i++) {
    assert_int_equal(ord(t, column, from + i) - first, want[i]);
  }
}

static void ords_are_replaced_and_keep_their_groups(void **state) {
  (void)state;
  const uint64_t resource[] = {900, 900, 901, 907};
  const uint64_t scope[] = {5, 6, 7, 7};
  const uint64_t want_resource[] = {0, 0, 1, 3}; /* another request */
  const uint64_t want_scope[] = {0, 1, 2, 3};
  trial t;
  trial_init(&t, OA_TRACES);
  for (int64_t i = 0; i < 2; i++) {
    batch b = spans(4);
    add_values(&b, "resource_ord", OA_TYPE_UINT64, resource, ALL_VALID);
    add_values(&b, "scope_ord", OA_TYPE_UINT64, scope, ALL_VALID);
    append_all(&t, &b);
    assert_ords(&t, OA_COL_RESOURCE_ORD, 4 * i, want_resource, 4);
    assert_ords(&t, OA_COL_SCOPE_ORD, 4 * i, want_scope, 4);
  }
  /* The second batch is another request, too. */
  assert_int_equal(ord(&t, OA_COL_RESOURCE_ORD, 4),
                   ord(&t, OA_COL_RESOURCE_ORD, 3) + 2);
  assert_int_equal(ord(&t, OA_COL_SCOPE_ORD, 4),
                   ord(&t, OA_COL_SCOPE_ORD, 3) + 1);
  trial_free(&t);
}

static void rows_left_out_do_not_part_a_request(void **state) {
  (void)state;
  const uint64_t resource[] = {1, 2, 3, 9};
  static const char *const ids[] = {NULL, "bad", NULL, NULL};
  const uint64_t want[] = {0, 1, 3};
  trial t;
  batch b = spans(4);
  add_values(&b, "resource_ord", OA_TYPE_UINT64, resource, ALL_VALID);
  add_texts(&b, "parent_span_id", OA_TYPE_BINARY, ids);
  trial_init(&t, OA_TRACES);
  append_refused(&t, &b, 1, "row 1, column parent_span_id: 3 bytes, not 8");
  assert_ords(&t, OA_COL_RESOURCE_ORD, 0, want, 3);
  trial_free(&t);
}

static void without_ords_equal_owners_make_a_group(void **state) {
  (void)state;
  const uint8_t indices[] = {0, 0, 1, 1};
  static const char *const urls[] = {"u", "u", "u", ""};
  static const char *const scopes[] = {"\x0A\x01x", "\x0A\x01y", "\x0A\x01y",
                                       "\x0A\x01y"};
  const uint64_t want_resource[] = {0, 0, 1, 2};
  const uint64_t want_scope[] = {0, 1, 2, 3};
  trial t;
  batch b = spans(4);
  add_dictionary(&b, "resource", OA_TYPE_BINARY, OA_TYPE_UINT8, indices,
                 ALL_VALID, resources, 4);
  add_texts(&b, "resource_schema_url", OA_TYPE_UTF8, urls);
  add_texts(&b, "scope", OA_TYPE_LARGE_BINARY, scopes);
  trial_init(&t, OA_TRACES);
  append_all(&t, &b);
  assert_ords(&t, OA_COL_RESOURCE_ORD, 0, want_resource, 4);
  assert_ords(&t, OA_COL_SCOPE_ORD, 0, want_scope, 4);
  const oa_array *columns = columns_of(&t);
  assert_text(&columns[OA_COL_SERVICE_NAME], 1, "a");
  assert_text(&columns[OA_COL_SERVICE_NAME], 3, "b");
  assert_text(&columns[OA_COL_RESOURCE_ATTRIBUTES], 3,
              "{\"service.name\":\"b\"}");
  assert_text(&columns[OA_COL_RESOURCE_SCHEMA_URL], 2, "u");
  assert_null_at(&columns[OA_COL_RESOURCE_SCHEMA_URL], 3);
  assert_text(&columns[OA_COL_SCOPE_NAME], 0, "x");
  assert_text(&columns[OA_COL_SCOPE_NAME], 3, "y");
  trial_free(&t);
}

/* Or the rows behind the first would take over its resource. */
static void equal_ords_do_not_join_what_differs(void **state) {
  (void)state;
  const uint64_t zeros[] = {0, 0, 0, 0};
  const uint8_t indices[] = {0, 1, 1, 0};
  const uint64_t want[] = {0, 1, 1, 2};
  trial t;
  batch b = spans(4);
  add_values(&b, "resource_ord", OA_TYPE_UINT64, zeros, ALL_VALID);
  add_values(&b, "scope_ord", OA_TYPE_UINT64, zeros, ALL_VALID);
  add_dictionary(&b, "resource", OA_TYPE_BINARY, OA_TYPE_UINT8, indices, 7,
                 resources, 4);
  trial_init(&t, OA_TRACES);
  append_all(&t, &b);
  assert_ords(&t, OA_COL_RESOURCE_ORD, 0, want, 4);
  assert_ords(&t, OA_COL_SCOPE_ORD, 0, want, 4);
  assert_null_at(&columns_of(&t)[OA_COL_RESOURCE], 3);
  trial_free(&t);
}

static void the_copies_of_a_resource_are_made_anew(void **state) {
  (void)state;
  const char *const given[] = {resources[0], NULL};
  static const char *const lies[] = {"lie", "lie"};
  const uint64_t numbers[] = {1, 2};
  trial t;
  batch b = spans(2);
  add_texts(&b, "resource", OA_TYPE_BINARY, given);
  add_texts(&b, "service_name", OA_TYPE_UTF8, lies);
  add_values(&b, "resource_attributes", OA_TYPE_INT64, numbers, ALL_VALID);
  trial_init(&t, OA_TRACES);
  append_all(&t, &b);
  const oa_array *columns = columns_of(&t);
  assert_text(&columns[OA_COL_SERVICE_NAME], 0, "a");
  assert_null_at(&columns[OA_COL_SERVICE_NAME], 1);
  assert_null_at(&columns[OA_COL_RESOURCE], 1);
  trial_free(&t);
}

static void a_resource_that_is_missing_is_made_of_its_copies(void **state) {
  (void)state;
  static const char *const services[] = {"a", "a", NULL};
  static const char *const instances[] = {NULL, "i", NULL};
  static const char *const names[] = {"scope", "scope", NULL};
  static const char *const versions[] = {NULL, "1", NULL};
  trial t;
  batch b = spans(3);
  add_texts(&b, "service_name", OA_TYPE_UTF8, services);
  add_texts(&b, "service_instance_id", OA_TYPE_LARGE_UTF8, instances);
  add_texts(&b, "scope_name", OA_TYPE_UTF8, names);
  add_texts(&b, "scope_version", OA_TYPE_UTF8, versions);
  trial_init(&t, OA_TRACES);
  append_all(&t, &b);
  const oa_array *columns = columns_of(&t);
  assert_text(&columns[OA_COL_RESOURCE], 0, resources[0]);
  assert_text(&columns[OA_COL_SERVICE_NAME], 1, "a");
  assert_text(&columns[OA_COL_SERVICE_INSTANCE_ID], 1, "i");
  assert_null_at(&columns[OA_COL_RESOURCE], 2);
  assert_text(&columns[OA_COL_SCOPE], 1, "\x0A\x05scope\x12\x01\x31");
  assert_text(&columns[OA_COL_SCOPE_VERSION], 1, "1");
  assert_null_at(&columns[OA_COL_SCOPE], 2);
  trial_free(&t);
}

static void a_resource_is_not_made_of_one_text_without_end(void **state) {
  (void)state;
  enum { ROWS = 16, SIZE = 40 * 1000 * 1000 };
  static const uint64_t times[ROWS];
  static const uint8_t indices[ROWS];
  static const char *const no_texts[ROWS] = {0};
  const int32_t offsets[] = {0, SIZE};
  char *text = malloc(SIZE);
  assert_non_null(text);
  memset(text, 'x', SIZE);
  const oa_array texts = {
      .length = 1, .offsets = offsets, .values = text, .values_size = SIZE};
  for (int64_t rows = 8; rows <= ROWS; rows += 8) {
    trial t;
    batch b = {.rows = rows};
    add_values(&b, "time_unix_nano", OA_TYPE_UINT64, times, ALL_VALID);
    add_texts(&b, "body", OA_TYPE_UTF8, no_texts);
    add_dictionary(&b, "service_name", OA_TYPE_UTF8, OA_TYPE_UINT8, indices,
                   ALL_VALID, no_texts, 1)
        ->dictionary = &texts;
    trial_init(&t, OA_LOGS);
    assert_int_equal(append(&t, &b), rows < ROWS ? OA_OK : OA_ERR_LIMIT);
    trial_free(&t);
    batch_free(&b);
  }
  free(text);
}

static void a_resource_that_is_none_costs_its_rows(void **state) {
  (void)state;
  const uint8_t indices[] = {0, 2, 3, 2};
  trial t;
  batch b = spans(4);
  add_dictionary(&b, "resource", OA_TYPE_BINARY, OA_TYPE_UINT8, indices,
                 ALL_VALID, resources, 4);
  trial_init(&t, OA_TRACES);
  append_refused(&t, &b, 3,
                 "row 1, column resource: no valid Resource message, or "
                 "nested too deep");
  trial_free(&t);
}

/* --- metrics --- */

static void points_of_a_metric_stand_together(void **state) {
  (void)state;
  const uint8_t types[] = {OA_METRIC_SUM, OA_METRIC_SUM, OA_METRIC_SUM,
                           OA_METRIC_GAUGE};
  static const char *const names[] = {"m", "m", "n", "n"};
  const uint64_t want[] = {0, 0, 1, 2};
  const uint32_t want_points[] = {0, 1, 0, 0};
  const uint64_t zeros[] = {0, 0, 0, 0};
  for (int i = 0; i < 2; i++) {
    trial t;
    batch b = points(4, types);
    b.count -= 2;
    add_texts(&b, "metric_name", OA_TYPE_UTF8, names);
    add_values(&b, "metric_type", OA_TYPE_UINT8, types, ALL_VALID);
    if (i == 1) {
      add_values(&b, "metric_ord", OA_TYPE_UINT64, zeros, ALL_VALID);
    }
    trial_init(&t, OA_METRICS);
    append_all(&t, &b);
    assert_int_equal(t.result.accepted, 4);
    assert_ords(&t, OA_POINT_METRIC_ORD, 0, want, 4);
    for (int64_t row = 0; row < 4; row++) {
      assert_int_equal(u32_at(&columns_of(&t)[OA_POINT_POINT_ORD], row),
                       want_points[row]);
    }
    oa_buf bytes = encoded(&t);
    oa_buf_free(&bytes);
    trial_free(&t);
  }
}

static void other_metadata_is_another_metric(void **state) {
  (void)state;
  const uint8_t types[] = {OA_METRIC_GAUGE, OA_METRIC_GAUGE, OA_METRIC_GAUGE};
  static const char *const names[] = {"m", "m", "m"};
  const int64_t ints[] = {1, 1, 2};
  const uint8_t kinds[] = {OA_VALUE_INT, OA_VALUE_INT, OA_VALUE_INT};
  const int32_t offsets[] = {0, 1, 2, 3};
  const attribute_columns c = {
      .types = kinds, .ints = ints, .ints_valid = ALL_VALID};
  const uint64_t want[] = {0, 0, 1};
  trial t;
  batch b = points(3, types);
  b.count -= 2;
  add_texts(&b, "metric_name", OA_TYPE_UTF8, names);
  add_values(&b, "metric_type", OA_TYPE_UINT8, types, ALL_VALID);
  add_attributes(&b, "metadata", offsets, &c);
  trial_init(&t, OA_METRICS);
  append_all(&t, &b);
  assert_ords(&t, OA_POINT_METRIC_ORD, 0, want, 3);
  trial_free(&t);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(ords_are_replaced_and_keep_their_groups),
      cmocka_unit_test(rows_left_out_do_not_part_a_request),
      cmocka_unit_test(without_ords_equal_owners_make_a_group),
      cmocka_unit_test(equal_ords_do_not_join_what_differs),
      cmocka_unit_test(the_copies_of_a_resource_are_made_anew),
      cmocka_unit_test(a_resource_that_is_missing_is_made_of_its_copies),
      cmocka_unit_test(a_resource_is_not_made_of_one_text_without_end),
      cmocka_unit_test(a_resource_that_is_none_costs_its_rows),
      cmocka_unit_test(points_of_a_metric_stand_together),
      cmocka_unit_test(other_metadata_is_another_metric),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
