/* SPDX-License-Identifier: Apache-2.0 */
/* More points than fit into one word of validity bits. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "otap_trial.h"

enum { POINTS = 150, FIRST = 70, LAST = POINTS - FIRST };

/* What stands in row I of the table of points. */
typedef struct point {
  uint16_t metric;
  uint64_t time;
  int64_t value;
  bool has_time;
  bool has_value;
} point;

/* Garbage under nulls, and times that are 0. */
static point point_at(uint32_t i, bool sorted) {
  const uint32_t place = sorted ? i : i * 7 % POINTS;
  return (point){.metric = place < FIRST ? 0 : 2,
                 .time = i % 5 == 0 ? 0 : 1000 + i,
                 .value = (int64_t)i * 3 - 60,
                 .has_time = i % 7 != 0,
                 .has_value = i < 64 || i % 3 != 0};
}

static void set_bits(column *c, const uint8_t *bits) {
  c->array.validity = bits;
  c->array.null_count = POINTS;
  for (uint32_t i = 0; i < POINTS; i++) {
    c->array.null_count -= oa_bit(bits, i);
  }
}

static void add_points(table *t, bool sorted) {
  static uint8_t bits[2][POINTS / 8 + 1];
  uint16_t parents[POINTS];
  uint64_t times[POINTS];
  int64_t values[POINTS];
  uint16_t before = 0;
  memset(bits, 0, sizeof bits);
  for (uint32_t i = 0; i < POINTS; i++) {
    const point p = point_at(i, sorted);
    parents[i] = (uint16_t)(p.metric - before);
    before = p.metric;
    times[i] = p.time;
    values[i] = p.value;
    bits[0][i / 8] |= (uint8_t)(p.has_time << i % 8);
    bits[1][i / 8] |= (uint8_t)(p.has_value << i % 8);
  }
  add(t, "parent_id", OA_TYPE_UINT16, parents, sizeof parents);
  set_bits(add(t, "time_unix_nano", OA_TYPE_TIMESTAMP, times, sizeof times),
           bits[0]);
  set_bits(add(t, "int_value", OA_TYPE_INT64, values, sizeof values), bits[1]);
}

/* A gauge and a sum with an empty metric between, and one unit for both. */
static void add_metrics(table *t) {
  add(t, "id", VALUES(UINT16, uint16_t, 0, 1, 1));
  add(t, "metric_type",
      VALUES(UINT8, uint8_t, OA_METRIC_GAUGE, OA_METRIC_NONE, OA_METRIC_SUM));
  add_text(t, "name", "abc", OFFSETS(0, 1, 2, 3), 3);
  set_valid(add_text(t, "unit", "ss", OFFSETS(0, 1, 1, 2), 2), VALID(5), 3);
  set_valid(add(t, "aggregation_temporality", VALUES(INT32, int32_t, 0, 0, 2)),
            VALID(4), 3);
}

static void expect_number(const oa_array *array, int64_t row, bool has,
                          uint64_t value) {
  assert_int_equal(oa_array_is_null(array, row), !has);
  if (has) {
    assert_int_equal(u64_at(array, row), value);
  }
}

static void expect_points(const oa_array *columns, bool sorted) {
  int64_t next[] = {0, 0, FIRST + 1};
  for (uint32_t i = 0; i < POINTS; i++) {
    const point p = point_at(i, sorted);
    const int64_t row = next[p.metric]++;
    expect_number(&columns[OA_POINT_TIME], row, p.has_time && p.time != 0,
                  p.time);
    expect_number(&columns[OA_POINT_VALUE_INT], row, p.has_value,
                  (uint64_t)p.value);
    assert_false(oa_array_is_null(&columns[OA_POINT_UNIT], row));
    assert_false(oa_array_is_null(&columns[OA_POINT_POINT_ORD], row));
    assert_int_equal(oa_array_is_null(&columns[OA_POINT_TEMPORALITY], row),
                     p.metric == 0);
  }
  assert_int_equal(next[0], FIRST);
  assert_int_equal(next[2], FIRST + 1 + LAST);
  assert_true(oa_array_is_null(&columns[OA_POINT_TIME], FIRST));
  assert_true(oa_array_is_null(&columns[OA_POINT_VALUE_INT], FIRST));
  assert_true(oa_array_is_null(&columns[OA_POINT_UNIT], FIRST));
  assert_true(oa_array_is_null(&columns[OA_POINT_POINT_ORD], FIRST));
  assert_true(oa_array_is_null(&columns[OA_POINT_TEMPORALITY], FIRST));
  assert_int_equal(columns[OA_POINT_VALUE_DOUBLE].null_count, POINTS + 1);
}

static void many_points_are_taken_in_any_order(void **state) {
  (void)state;
  for (int sorted = 0; sorted < 2; sorted++) {
    stream s;
    message m = {0};
    table metrics = {0};
    table points = {0};
    const oa_array *columns = NULL;
    add_metrics(&metrics);
    add_points(&points, sorted != 0);
    put_table(&m, OA_PAYLOAD_METRICS, &metrics, 3);
    put_table(&m, OA_PAYLOAD_NUMBER_POINTS, &points, POINTS);
    stream_init(&s, OA_METRICS, NULL);
    expect_taken(&s, &m);
    assert_int_equal(s.batch.result.accepted, POINTS);
    assert_int_equal(oa_otlp_builder_columns(s.builder, &columns), OA_OK);
    assert_int_equal(oa_otlp_builder_rows(s.builder), POINTS + 1);
    expect_points(columns, sorted != 0);
    stream_free(&s);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(many_points_are_taken_in_any_order),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
