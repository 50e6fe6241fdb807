/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>

#include "otap_trial.h"

static void expect_spans(message *m, void (*rest)(oa_emit *e, int span)) {
  stream s;
  request r = {0};
  stream_init(&s, OA_TRACES, NULL);
  expect_taken(&s, m);
  assert_int_equal(s.batch.result.accepted, 2);
  put_two_spans(&r, rest);
  expect_request(&s, 0, &r);
  stream_free(&s);
}

static void columns_that_are_left_out_are_absent(void **state) {
  (void)state;
  message m = {0};
  table spans = {0};
  two_spans(&spans);
  put_table(&m, OA_PAYLOAD_SPANS, &spans, 2);
  expect_spans(&m, NULL);
}

/* --- attributes --- */

static void four_strings(oa_emit *e, int span) {
  put_str_attr(e, 9, "k", "v");
  put_str_attr(e, 9, "k", span == 0 ? "w" : "x");
}

/* Rows (k, v, 0), (k, v, 1), (k, w, 0), (k, x, 1): a run of equal values is
 * a difference, all else stands by itself. */
static void string_attributes(table *t) {
  add(t, "parent_id", VALUES(UINT16, uint16_t, 0, 1, 0, 1));
  add_text(t, "key", "kkkk", OFFSETS(0, 1, 2, 3, 4), 4);
  add(t, "type", VALUES(UINT8, uint8_t, 1, 1, 1, 1));
  add_text(t, "str", "vvwx", OFFSETS(0, 1, 2, 3, 4), 4);
}

static void parents_of_attributes_are_differences_in_runs(void **state) {
  (void)state;
  message m = {0};
  table spans = {0};
  table attrs = {0};
  two_spans(&spans);
  string_attributes(&attrs);
  put_table(&m, OA_PAYLOAD_SPANS, &spans, 2);
  put_table(&m, OA_PAYLOAD_SPAN_ATTRS, &attrs, 4);
  expect_spans(&m, four_strings);
}

static void dictionaries_of_all_widths_say_the_same(void **state) {
  (void)state;
  static const oa_type types[] = {OA_TYPE_UINT8, OA_TYPE_UINT16, OA_TYPE_UINT32,
                                  OA_TYPE_INT32, OA_TYPE_UINT64};
  for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
    message m = {0};
    table spans = {0};
    table attrs = {0};
    oa_array keys;
    oa_array strings;
    two_spans(&spans);
    string_attributes(&attrs);
    const uint64_t wide[] = {0, 0, 1, 2};
    const uint32_t middle[] = {0, 0, 1, 2};
    const uint16_t narrow[] = {0, 0, 1, 2};
    const uint8_t small[] = {0, 0, 1, 2};
    const void *indices = i == 0   ? (const void *)small
                          : i == 1 ? (const void *)narrow
                          : i == 4 ? (const void *)wide
                                   : (const void *)middle;
    const uint64_t zeros[4] = {0};
    encode(&attrs.columns[1], &keys, 1, types[i], zeros);
    attrs.columns[3].array.offsets = (const int32_t[]){0, 1, 2, 3};
    attrs.columns[3].array.values = "vwx";
    attrs.columns[3].array.values_size = 3;
    encode(&attrs.columns[3], &strings, 3, types[i], indices);
    put_table(&m, OA_PAYLOAD_SPANS, &spans, 2);
    put_table(&m, OA_PAYLOAD_SPAN_ATTRS, &attrs, 4);
    expect_spans(&m, four_strings);
  }
}

/* A dictionary may hold a text twice: runs go by value, not by index. */
static void equal_texts_with_two_indices_are_a_run(void **state) {
  (void)state;
  static const uint8_t indices[] = {0, 1, 2, 3};
  for (size_t i = 0; i < 2; i++) {
    message m = {0};
    table spans = {0};
    table attrs = {0};
    oa_array texts;
    two_spans(&spans);
    string_attributes(&attrs);
    encode(&attrs.columns[i == 0 ? 1 : 3], &texts, 4, OA_TYPE_UINT8, indices);
    put_table(&m, OA_PAYLOAD_SPANS, &spans, 2);
    put_table(&m, OA_PAYLOAD_SPAN_ATTRS, &attrs, 4);
    expect_spans(&m, four_strings);
  }
}

static void broken_strings(oa_emit *e, int span) {
  if (span == 1) {
    put_str_attr(e, 9, "k", "\xEF\xBF\xBD");
    put_str_attr(e, 9, "k", "\xEF\xBF\xBD");
  }
}

static void no_keys(oa_emit *e, int span) {
  if (span == 1) {
    put_str_attr(e, 9, "", "v");
    put_str_attr(e, 9, "", "v");
    put_str_attr(e, 9, "k", "\xEF\xBF\xBD");
  }
}

/* A null key is the empty one, also when texts are compared as they came. */
static void rows_without_a_key_are_a_run(void **state) {
  (void)state;
  message m = {0};
  table spans = {0};
  table attrs = {0};
  two_spans(&spans);
  add(&attrs, "parent_id", VALUES(UINT16, uint16_t, 1, 0, 1));
  set_valid(add_text(&attrs, "key", "k", OFFSETS(0, 0, 0, 1), 1), VALID(4), 3);
  add(&attrs, "type", VALUES(UINT8, uint8_t, 1, 1, 1));
  add_text(&attrs, "str", "vv\xff", OFFSETS(0, 1, 2, 3), 3);
  put_table(&m, OA_PAYLOAD_SPANS, &spans, 2);
  put_table(&m, OA_PAYLOAD_SPAN_ATTRS, &attrs, 3);
  expect_spans(&m, no_keys);
}

/* "\xff" and "\xfe" are repaired to one string, but are not a run. */
static void repaired_strings_are_compared_as_they_came(void **state) {
  (void)state;
  message m = {0};
  table spans = {0};
  table attrs = {0};
  stream s;
  request r = {0};
  two_spans(&spans);
  add(&attrs, "parent_id", VALUES(UINT16, uint16_t, 1, 1));
  add_text(&attrs, "key", "kk", OFFSETS(0, 1, 2), 2);
  add(&attrs, "type", VALUES(UINT8, uint8_t, 1, 1));
  add_text(&attrs, "str", "\xff\xfe", OFFSETS(0, 1, 2), 2);
  put_table(&m, OA_PAYLOAD_SPANS, &spans, 2);
  put_table(&m, OA_PAYLOAD_SPAN_ATTRS, &attrs, 2);
  stream_init(&s, OA_TRACES, NULL);
  expect_taken(&s, &m);
  assert_int_equal(s.batch.result.repaired, 2);
  put_two_spans(&r, broken_strings);
  expect_request(&s, 0, &r);
  stream_free(&s);
}

static void put_double_attr(oa_emit *e, double value) {
  const pair p = open_pair(e, 9, "d");
  put_double(e, 4, value);
  close_pair(e, p);
}

static void doubles(oa_emit *e, int span) {
  put_double_attr(e, span == 0 ? 0.0 : -0.0);
  if (span == 1) {
    put_double_attr(e, (double)NAN);
    put_double_attr(e, (double)NAN);
  }
}

/* 0.0 equals -0.0, so its parent is 0 + 1; NaN equals nothing, so 1 and 1. */
static void doubles_are_compared_as_numbers(void **state) {
  (void)state;
  message m = {0};
  table spans = {0};
  table attrs = {0};
  const double values[] = {0.0, -0.0, (double)NAN, (double)NAN};
  two_spans(&spans);
  add(&attrs, "parent_id", VALUES(UINT16, uint16_t, 0, 1, 1, 1));
  add_text(&attrs, "key", "dddd", OFFSETS(0, 1, 2, 3, 4), 4);
  add(&attrs, "type", VALUES(UINT8, uint8_t, 3, 3, 3, 3));
  add(&attrs, "double", OA_TYPE_DOUBLE, values, sizeof values);
  put_table(&m, OA_PAYLOAD_SPANS, &spans, 2);
  put_table(&m, OA_PAYLOAD_SPAN_ATTRS, &attrs, 4);
  expect_spans(&m, doubles);
}

static void all_types(oa_emit *e, int span) {
  put_int_attr(e, 9, "k", 7);
  pair p = open_pair(e, 9, "k");
  oa_emit_varint(e, 2, 1);
  close_pair(e, p);
  p = open_pair(e, 9, "k");
  oa_emit_bytes(e, 7, (const uint8_t *)"b", span == 0 ? 1 : 0);
  close_pair(e, p);
  p = open_pair(e, 9, "k");
  const oa_emit_nest map = oa_emit_open(e, 6, 1);
  put_int_attr(e, 1, "a", 1);
  oa_emit_close(e, map);
  close_pair(e, p);
  p = open_pair(e, 9, "k");
  const oa_emit_nest array = oa_emit_open(e, 5, 1);
  oa_emit_close(e, array);
  close_pair(e, p);
}

/* Integers and booleans run on; a null for bytes is empty bytes, and like maps
 * and slices no run.  The CBOR has definite lengths. */
static void every_type_of_value_is_read(void **state) {
  (void)state;
  message m = {0};
  table spans = {0};
  table attrs = {0};
  two_spans(&spans);
  add(&attrs, "parent_id",
      VALUES(UINT16, uint16_t, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1));
  add_text(&attrs, "key", "kkkkkkkkkk",
           OFFSETS(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10), 10);
  add(&attrs, "type", VALUES(UINT8, uint8_t, 2, 2, 4, 4, 7, 7, 5, 5, 6, 6));
  add(&attrs, "int", VALUES(INT64, int64_t, 7, 7, 0, 0, 0, 0, 0, 0, 0, 0));
  add(&attrs, "bool", OA_TYPE_BOOL, "\x0c\x00", 2);
  column *c = add_text(&attrs, "bytes", "b",
                       OFFSETS(0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1), 1);
  c->field.type = OA_TYPE_BINARY;
  set_valid(c, VALID(0x10, 0), 10);
  c = add_text(&attrs, "ser",
               "\xa1\x61\x61\x01\xa1\x61\x61\x18\x01\x80\x9f\xff",
               OFFSETS(0, 0, 0, 0, 0, 0, 0, 4, 9, 10, 12), 12);
  c->field.type = OA_TYPE_BINARY;
  put_table(&m, OA_PAYLOAD_SPANS, &spans, 2);
  put_table(&m, OA_PAYLOAD_SPAN_ATTRS, &attrs, 10);
  expect_spans(&m, all_types);
}

static void empty_value(oa_emit *e, int span) {
  const pair p = open_pair(e, 9, span == 0 ? "n" : "a");
  close_pair(e, p);
}

/* Neither a null nor a column that is left out is a 0 or "". */
static void a_null_is_the_empty_value(void **state) {
  (void)state;
  message m = {0};
  table spans = {0};
  table attrs = {0};
  stream s;
  two_spans(&spans);
  add(&attrs, "parent_id", VALUES(UINT16, uint16_t, 0, 1));
  add_text(&attrs, "key", "na", OFFSETS(0, 1, 2), 2);
  add(&attrs, "type", VALUES(UINT8, uint8_t, 2, 1));
  set_valid(add(&attrs, "int", VALUES(INT64, int64_t, 5, 5)), VALID(0), 2);
  put_table(&m, OA_PAYLOAD_SPANS, &spans, 2);
  put_table(&m, OA_PAYLOAD_SPAN_ATTRS, &attrs, 2);
  stream_init(&s, OA_TRACES, NULL);
  expect_taken(&s, &m);
  const uint8_t *types = s.builder->attributes.column[OA_ATTR_TYPE].values;
  assert_int_equal(s.builder->attributes.table->length, 2);
  assert_int_equal(types[0], OA_VALUE_EMPTY);
  assert_int_equal(types[1], OA_VALUE_EMPTY);
  request r = {0};
  put_two_spans(&r, empty_value);
  expect_request(&s, 0, &r);
  stream_free(&s);
}

/* --- ids --- */

static void encodings_are_honored(void **state) {
  (void)state;
  static const oa_key_value plain = {"encoding", "plain"};
  static const oa_key_value delta = {"encoding", "delta"};
  static const uint16_t far[] = {3, 7};
  static const uint16_t near[] = {3, 4};
  for (int i = 0; i < 2; i++) {
    message m = {0};
    table spans = {0};
    table attrs = {0};
    two_spans(&spans);
    string_attributes(&attrs);
    column *ids = &spans.columns[0];
    column *parents = &attrs.columns[0];
    /* 3 and 7, or 3 and 4, as they are; parents as they are, or each to the one
     * before. */
    ids->array.values = i == 0 ? far : near;
    ids->field.metadata = &plain;
    ids->field.metadata_count = 1;
    static const uint16_t as_plain[] = {3, 7, 3, 7};
    static const uint16_t as_delta[] = {3, 1, 65535, 1};
    parents->array.values = i == 0 ? as_plain : as_delta;
    parents->field.metadata = i == 0 ? &plain : &delta;
    parents->field.metadata_count = 1;
    put_table(&m, OA_PAYLOAD_SPANS, &spans, 2);
    put_table(&m, OA_PAYLOAD_SPAN_ATTRS, &attrs, 4);
    expect_spans(&m, four_strings);
  }
}

static void only_second(oa_emit *e, int span) {
  if (span == 1) {
    put_str_attr(e, 9, "k", "v");
  }
}

static void a_null_id_neither_uses_nor_changes_the_sum(void **state) {
  (void)state;
  message m = {0};
  table spans = {0};
  table attrs = {0};
  two_spans(&spans);
  spans.columns[0].array.values = (const uint16_t[]){9, 0};
  set_valid(&spans.columns[0], VALID(0x02), 2);
  add(&attrs, "parent_id", VALUES(UINT16, uint16_t, 0));
  add_text(&attrs, "key", "k", OFFSETS(0, 1), 1);
  add(&attrs, "type", VALUES(UINT8, uint8_t, 1));
  add_text(&attrs, "str", "v", OFFSETS(0, 1), 1);
  put_table(&m, OA_PAYLOAD_SPANS, &spans, 2);
  put_table(&m, OA_PAYLOAD_SPAN_ATTRS, &attrs, 1);
  expect_spans(&m, only_second);
}

/* Ids are differences, those of the attributes' parents in runs. */
static void expect_ids(const uint16_t *ids, const uint16_t *parents) {
  message m = {0};
  table spans = {0};
  table attrs = {0};
  two_spans(&spans);
  string_attributes(&attrs);
  spans.columns[0].array.values = ids;
  attrs.columns[0].array.values = parents;
  put_table(&m, OA_PAYLOAD_SPANS, &spans, 2);
  put_table(&m, OA_PAYLOAD_SPAN_ATTRS, &attrs, 4);
  expect_spans(&m, four_strings);
}

static void ids_wrap_at_sixteen_bits(void **state) {
  (void)state;
  /* 65535, then 65535 + 2 = 1, or 65535 + 1 = 0. */
  expect_ids((const uint16_t[]){65535, 2},
             (const uint16_t[]){65535, 2, 65535, 1});
  expect_ids((const uint16_t[]){65535, 1},
             (const uint16_t[]){65535, 1, 65535, 0});
}

static void ids_may_rise_by_one_from_anywhere(void **state) {
  (void)state;
  expect_ids((const uint16_t[]){5, 1}, (const uint16_t[]){5, 1, 5, 6});
  expect_ids((const uint16_t[]){65532, 1},
             (const uint16_t[]){65532, 1, 65532, 65533});
  expect_ids((const uint16_t[]){65534, 1},
             (const uint16_t[]){65534, 1, 65534, 65535});
}

/* --- events and links --- */

static void put_event(oa_emit *e, const char *name, uint64_t time,
                      const char *value) {
  const oa_emit_nest event = oa_emit_open(e, 11, 1);
  oa_emit_fixed64_set(e, 1, time);
  put_text(e, 2, name);
  if (value != NULL) {
    put_str_attr(e, 3, "k", value);
  }
  oa_emit_close(e, event);
}

static void put_link(oa_emit *e, const char *trace_id) {
  const oa_emit_nest link = oa_emit_open(e, 13, 1);
  oa_emit_bytes(e, 1, (const uint8_t *)trace_id, 16);
  oa_emit_bytes(e, 2, ID8, 8);
  oa_emit_close(e, link);
}

static void items(oa_emit *e, int span) {
  put_event(e, "e", span == 0 ? 1 : 2, span == 0 ? NULL : "x");
  if (span == 0) {
    put_event(e, "f", 0, "y");
  }
  put_link(e, "0123456789abcdef");
  if (span == 1) {
    put_link(e, "fedcba9876543210");
  }
}

static void events_and_links_go_by_name_and_trace_id(void **state) {
  (void)state;
  message m = {0};
  table spans = {0};
  table events = {0};
  table attrs = {0};
  table links = {0};
  oa_array parents;
  two_spans(&spans);
  /* The second and the third have attributes: ids 10 and 11. */
  set_valid(add(&events, "id", VALUES(UINT32, uint32_t, 0, 10, 1)), VALID(0x06),
            3);
  add(&events, "parent_id", VALUES(UINT16, uint16_t, 0, 1, 0));
  set_valid(
      add(&events, "time_unix_nano", VALUES(TIMESTAMP, uint64_t, 1, 2, 9)),
      VALID(0x03), 3);
  add_text(&events, "name", "eef", OFFSETS(0, 1, 2, 3), 3);
  /* Dictionaries hold the ids as they are encoded. */
  column *c = add(&attrs, "parent_id", VALUES(UINT32, uint32_t, 10, 11));
  encode(c, &parents, 2, OA_TYPE_UINT8, "\x00\x01");
  add_text(&attrs, "key", "kk", OFFSETS(0, 1, 2), 2);
  add(&attrs, "type", VALUES(UINT8, uint8_t, 1, 1));
  add_text(&attrs, "str", "xy", OFFSETS(0, 1, 2), 2);
  add(&links, "parent_id", VALUES(UINT16, uint16_t, 0, 1, 1));
  add_fixed(&links, "trace_id",
            "0123456789abcdef0123456789abcdeffedcba9876543210", 16, 3);
  add_fixed(&links, "span_id", "stuvwxyzstuvwxyzstuvwxyz", 8, 3);
  put_table(&m, OA_PAYLOAD_SPAN_LINKS, &links, 3);
  put_table(&m, OA_PAYLOAD_SPAN_EVENT_ATTRS, &attrs, 2);
  put_table(&m, OA_PAYLOAD_SPAN_EVENTS, &events, 3);
  put_table(&m, OA_PAYLOAD_SPANS, &spans, 2); /* the root may come last */
  expect_spans(&m, items);
}

/* --- spans --- */

static void statuses_are_present_without_members(void **state) {
  (void)state;
  message m = {0};
  table spans = {0};
  table none = {0};
  stream s;
  two_spans(&spans);
  column *status = add_struct(&spans, "status", &none);
  set_valid(status, VALID(0x01), 2);
  put_table(&m, OA_PAYLOAD_SPANS, &spans, 2);
  stream_init(&s, OA_TRACES, NULL);
  expect_taken(&s, &m);
  const oa_array *columns = NULL;
  assert_int_equal(oa_otlp_builder_columns(s.builder, &columns), OA_OK);
  assert_false(oa_array_is_null(&columns[OA_SPAN_STATUS_CODE], 0));
  assert_true(oa_array_is_null(&columns[OA_SPAN_STATUS_CODE], 1));
  free_structs(&spans);
  stream_free(&s);
}

static void ends_are_sums_that_wrap(void **state) {
  (void)state;
  message m = {0};
  table spans = {0};
  stream s;
  oa_array durations;
  two_spans(&spans);
  spans.columns[1].array.values = (const uint64_t[]){10, 5};
  spans.columns[1].field.timezone = "Europe/Berlin";
  spans.columns[2].array.values = (const int64_t[]){-11, -5};
  encode(&spans.columns[2], &durations, 2, OA_TYPE_UINT16,
         (const uint16_t[]){0, 1});
  put_table(&m, OA_PAYLOAD_SPANS, &spans, 2);
  stream_init(&s, OA_TRACES, NULL);
  expect_taken(&s, &m);
  const oa_array *columns = NULL;
  assert_int_equal(oa_otlp_builder_columns(s.builder, &columns), OA_OK);
  const uint64_t *ends = columns[OA_SPAN_END_TIME].values;
  assert_true(ends[0] == UINT64_MAX);
  assert_true(oa_array_is_null(&columns[OA_SPAN_END_TIME], 1)); /* 0 */
  stream_free(&s);
}

static void ids_of_zeros_are_absent(void **state) {
  (void)state;
  message m = {0};
  table spans = {0};
  stream s;
  oa_array ids;
  uint8_t zeros[32] = {0};
  zeros[31] = 1;
  two_spans(&spans);
  spans.columns[3].array.values = zeros;
  encode(&spans.columns[4], &ids, 2, OA_TYPE_UINT8, "\x01\x00");
  column *c = add_fixed(&spans, "parent_span_id", zeros, 8, 2);
  c->field.nullable = true;
  put_table(&m, OA_PAYLOAD_SPANS, &spans, 2);
  stream_init(&s, OA_TRACES, NULL);
  expect_taken(&s, &m);
  const oa_array *columns = NULL;
  assert_int_equal(oa_otlp_builder_columns(s.builder, &columns), OA_OK);
  assert_true(oa_array_is_null(&columns[OA_SPAN_TRACE_ID], 0));
  assert_false(oa_array_is_null(&columns[OA_SPAN_TRACE_ID], 1));
  assert_int_equal(columns[OA_SPAN_PARENT_SPAN_ID].null_count, 2);
  assert_memory_equal(columns[OA_SPAN_SPAN_ID].values, "abcdefghstuvwxyz", 16);
  stream_free(&s);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(columns_that_are_left_out_are_absent),
      cmocka_unit_test(parents_of_attributes_are_differences_in_runs),
      cmocka_unit_test(dictionaries_of_all_widths_say_the_same),
      cmocka_unit_test(equal_texts_with_two_indices_are_a_run),
      cmocka_unit_test(rows_without_a_key_are_a_run),
      cmocka_unit_test(repaired_strings_are_compared_as_they_came),
      cmocka_unit_test(doubles_are_compared_as_numbers),
      cmocka_unit_test(every_type_of_value_is_read),
      cmocka_unit_test(a_null_is_the_empty_value),
      cmocka_unit_test(encodings_are_honored),
      cmocka_unit_test(a_null_id_neither_uses_nor_changes_the_sum),
      cmocka_unit_test(ids_wrap_at_sixteen_bits),
      cmocka_unit_test(ids_may_rise_by_one_from_anywhere),
      cmocka_unit_test(events_and_links_go_by_name_and_trace_id),
      cmocka_unit_test(statuses_are_present_without_members),
      cmocka_unit_test(ends_are_sums_that_wrap),
      cmocka_unit_test(ids_of_zeros_are_absent),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
