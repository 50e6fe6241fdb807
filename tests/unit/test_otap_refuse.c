/* SPDX-License-Identifier: Apache-2.0 */
/* What no message may be, and what the refusal says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "otap_trial.h"

static void refuse(oa_signal signal, message *m, const char *words) {
  stream s;
  stream_init(&s, signal, NULL);
  expect_refused(&s, m, OA_ERR_MALFORMED, words);
  stream_free(&s);
}

static void spans_and(message *m, uint64_t type, table *t, int64_t rows) {
  table spans = {0};
  two_spans(&spans);
  put_table(m, OA_PAYLOAD_SPANS, &spans, 2);
  put_table(m, type, t, rows);
}

/* --- the message around the tables --- */

static void a_message_needs_its_root_once(void **state) {
  (void)state;
  message none = {0};
  message rootless = {0};
  message twice = {0};
  message child = {0};
  table spans = {0};
  table attrs = {0};
  oa_emit_varint(&none.e, 1, 5);
  refuse(OA_TRACES, &none, "it has no payload");
  add(&attrs, "parent_id", VALUES(UINT16, uint16_t, 0));
  put_table(&rootless, OA_PAYLOAD_SPAN_ATTRS, &attrs, 0);
  refuse(OA_TRACES, &rootless, "no payload is the root table SPANS");
  two_spans(&spans);
  put_table(&twice, OA_PAYLOAD_SPANS, &spans, 2);
  put_table(&twice, OA_PAYLOAD_SPANS, &spans, 2);
  refuse(OA_TRACES, &twice, "SPANS: the message has this table twice");
  put_table(&child, OA_PAYLOAD_SPANS, &spans, 0);
  table full = {0};
  add(&full, "parent_id", VALUES(UINT16, uint16_t, 0));
  add_text(&full, "key", "k", OFFSETS(0, 1), 1);
  add(&full, "type", VALUES(UINT8, uint8_t, 0));
  put_table(&child, OA_PAYLOAD_SPAN_ATTRS, &full, 1);
  refuse(OA_TRACES, &child, "SPAN_ATTRS: row 0: the root table has no rows");
}

static void tables_of_other_services_are_refused(void **state) {
  (void)state;
  static const struct {
    oa_signal signal;
    uint64_t type;
    const char *words;
  } cases[] = {
      {OA_TRACES, 0, "payload type 0 (unknown)"},
      {OA_TRACES, 99, "payload type 99 (unknown)"},
      {OA_TRACES, UINT64_MAX, "(unknown)"},
      {OA_TRACES, OA_PAYLOAD_LOGS,
       "30 (LOGS) is not one that a stream of "
       "traces"},
      {OA_LOGS, OA_PAYLOAD_SPAN_ATTRS, "41 (SPAN_ATTRS)"},
      {OA_METRICS, OA_PAYLOAD_LOG_ATTRS, "31 (LOG_ATTRS)"},
      {OA_METRICS, OA_PAYLOAD_MULTIVARIATE_METRICS, "(MULTIVARIATE_METRICS)"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    message m = {0};
    put_payload(&m, cases[i].type, "0", NULL, 0);
    refuse(cases[i].signal, &m, cases[i].words);
  }
}

static void after_a_message_that_broke_off_the_stream_is_over(void **state) {
  (void)state;
  stream s;
  message bad = {0};
  message good = {0};
  table spans = {0};
  oa_buf bytes = {0};
  stream_init(&s, OA_TRACES, NULL);
  two_spans(&spans);
  table_bytes(&spans, 2, OA_CODING_NONE, true, &bytes);
  oa_emit_varint(&bad.e, 1, 7);
  put_payload(&bad, OA_PAYLOAD_SPANS, "0", bytes.data, bytes.len - 8);
  expect_refused(&s, &bad, OA_ERR_TRUNCATED, "SPANS: Arrow message");
  assert_int_equal(s.batch.batch_id, 7);
  assert_false(s.batch.in_step);
  put_payload(&good, OA_PAYLOAD_SPANS, "1", bytes.data, bytes.len);
  expect_refused(&s, &good, OA_ERR_MALFORMED, "open a new stream");
  oa_buf_free(&bytes);
  stream_free(&s);
}

static void a_second_schema_is_refused(void **state) {
  (void)state;
  stream s;
  message m = {0};
  message again = {0};
  table spans = {0};
  stream_init(&s, OA_TRACES, NULL);
  two_spans(&spans);
  put_table(&m, OA_PAYLOAD_SPANS, &spans, 2);
  put_table(&again, OA_PAYLOAD_SPANS, &spans, 2);
  expect_taken(&s, &m);
  expect_refused(&s, &again, OA_ERR_MALFORMED, "a second schema");
  stream_free(&s);
}

static void a_schema_id_has_a_bound(void **state) {
  (void)state;
  stream s;
  message m = {0};
  char id[300];
  memset(id, 'x', sizeof id - 1);
  id[sizeof id - 1] = '\0';
  put_payload(&m, OA_PAYLOAD_SPANS, id, NULL, 0);
  stream_init(&s, OA_TRACES, NULL);
  expect_refused(&s, &m, OA_ERR_LIMIT, "SPANS: the schema_id is longer");
  stream_free(&s);
}

/* --- columns --- */

static void required_columns_must_be_there(void **state) {
  (void)state;
  for (size_t i = 1; i < 6; i++) {
    message m = {0};
    table spans = {0};
    char words[80];
    two_spans(&spans);
    snprintf(words, sizeof words, "SPANS: column \"%s\" is missing",
             spans.columns[i].field.name);
    spans.columns[i].field.name = "other";
    put_table(&m, OA_PAYLOAD_SPANS, &spans, 2);
    refuse(OA_TRACES, &m, words);
  }
}

static void columns_must_have_their_types(void **state) {
  (void)state;
  message m = {0};
  table spans = {0};
  two_spans(&spans);
  spans.columns[1].field.type = OA_TYPE_INT64;
  put_table(&m, OA_PAYLOAD_SPANS, &spans, 2);
  refuse(OA_TRACES, &m, "SPANS: column \"start_time_unix_nano\" has type");
  two_spans(memset(&spans, 0, sizeof spans));
  spans.columns[1].field.unit = OA_UNIT_MICRO;
  put_table(&m, OA_PAYLOAD_SPANS, &spans, 2);
  refuse(OA_TRACES, &m, "\"start_time_unix_nano\" has type");
  two_spans(memset(&spans, 0, sizeof spans));
  spans.columns[3].field.width = 8;
  spans.columns[3].array.values_size = 16;
  put_table(&m, OA_PAYLOAD_SPANS, &spans, 2);
  refuse(OA_TRACES, &m, "\"trace_id\" has type");
}

static void an_unknown_encoding_is_refused(void **state) {
  (void)state;
  static const oa_key_value odd = {"encoding", "zigzag"};
  message m = {0};
  table spans = {0};
  stream s;
  two_spans(&spans);
  spans.columns[0].field.metadata = &odd;
  spans.columns[0].field.metadata_count = 1;
  put_table(&m, OA_PAYLOAD_SPANS, &spans, 2);
  stream_init(&s, OA_TRACES, NULL);
  expect_refused(&s, &m, OA_ERR_UNSUPPORTED, "encoding \"zigzag\"");
  stream_free(&s);
}

/* Points have no columns that a quasi delta could look at. */
static void a_quasi_delta_of_points_is_refused(void **state) {
  (void)state;
  static const oa_key_value quasi = {"encoding", "quasidelta"};
  message m = {0};
  table metrics = {0};
  table points = {0};
  stream s;
  add(&metrics, "id", VALUES(UINT16, uint16_t, 0));
  add(&metrics, "metric_type", VALUES(UINT8, uint8_t, 1));
  add_text(&metrics, "name", "m", OFFSETS(0, 1), 1);
  column *parent = add(&points, "parent_id", VALUES(UINT16, uint16_t, 0));
  parent->field.metadata = &quasi;
  parent->field.metadata_count = 1;
  put_table(&m, OA_PAYLOAD_METRICS, &metrics, 1);
  put_table(&m, OA_PAYLOAD_NUMBER_POINTS, &points, 1);
  stream_init(&s, OA_METRICS, NULL);
  expect_refused(&s, &m, OA_ERR_UNSUPPORTED, "\"parent_id\": encoding");
  stream_free(&s);
}

/* --- ids --- */

static void one_attribute(table *t, uint16_t parent, uint8_t type) {
  add(t, "parent_id", VALUES(UINT16, uint16_t, parent));
  add_text(t, "key", "k", OFFSETS(0, 1), 1);
  add(t, "type", VALUES(UINT8, uint8_t, type));
}

static void a_parent_must_exist(void **state) {
  (void)state;
  static const oa_payload_type owners[] = {OA_PAYLOAD_RESOURCE_ATTRS,
                                           OA_PAYLOAD_SCOPE_ATTRS};
  message m = {0};
  table attrs = {0};
  table events = {0};
  one_attribute(&attrs, 2, 0);
  spans_and(&m, OA_PAYLOAD_SPAN_ATTRS, &attrs, 1);
  refuse(OA_TRACES, &m, "SPAN_ATTRS: row 0 has parent_id 2");
  for (size_t i = 0; i < 2; i++) {
    message other = {0};
    spans_and(&other, owners[i], &attrs, 1);
    refuse(OA_TRACES, &other, "_ATTRS: row 0: it has parent_id 2");
  }
  message event = {0};
  add(&events, "parent_id", VALUES(UINT16, uint16_t, 65535));
  add_text(&events, "name", "e", OFFSETS(0, 1), 1);
  spans_and(&event, OA_PAYLOAD_SPAN_EVENTS, &events, 1);
  refuse(OA_TRACES, &event, "SPAN_EVENTS: row 0 has parent_id 65535");
  message attr = {0};
  table far = {0};
  add(&far, "parent_id", VALUES(UINT32, uint32_t, 0));
  add_text(&far, "key", "k", OFFSETS(0, 1), 1);
  add(&far, "type", VALUES(UINT8, uint8_t, 0));
  spans_and(&attr, OA_PAYLOAD_SPAN_LINK_ATTRS, &far, 1);
  refuse(OA_TRACES, &attr, "SPAN_LINK_ATTRS: row 0 has parent_id 0");
}

static void two_rows_must_not_have_one_id(void **state) {
  (void)state;
  message m = {0};
  table spans = {0};
  two_spans(&spans);
  spans.columns[0].array.values = (const uint16_t[]){4, 0};
  put_table(&m, OA_PAYLOAD_SPANS, &spans, 2);
  refuse(OA_TRACES, &m, "SPANS: row 1 has id 4");
}

/* Ids that lie far apart are looked up another way. */
static void two_rows_far_apart_must_not_have_one_id(void **state) {
  (void)state;
  message m = {0};
  table events = {0};
  add(&events, "id", VALUES(UINT32, uint32_t, 5, 4000000000U, 294967296U));
  add(&events, "parent_id", VALUES(UINT16, uint16_t, 0, 0, 0));
  add_text(&events, "name", "abc", OFFSETS(0, 1, 2, 3), 3);
  spans_and(&m, OA_PAYLOAD_SPAN_EVENTS, &events, 3);
  refuse(OA_TRACES, &m, "SPAN_EVENTS: row 2 has id 5");
}

static void a_parent_id_must_not_be_null(void **state) {
  (void)state;
  message m = {0};
  table attrs = {0};
  one_attribute(&attrs, 0, 0);
  set_valid(&attrs.columns[0], VALID(0), 1);
  spans_and(&m, OA_PAYLOAD_SPAN_ATTRS, &attrs, 1);
  refuse(OA_TRACES, &m, "SPAN_ATTRS: a parent_id is null");
}

/* --- values --- */

static void types_of_values_end_at_seven(void **state) {
  (void)state;
  static const oa_payload_type tables[] = {OA_PAYLOAD_SPAN_ATTRS,
                                           OA_PAYLOAD_RESOURCE_ATTRS};
  for (size_t i = 0; i < 2; i++) {
    message m = {0};
    table attrs = {0};
    one_attribute(&attrs, 0, 8);
    spans_and(&m, tables[i], &attrs, 1);
    refuse(OA_TRACES, &m, "_ATTRS: row 0: 8 is no type of value");
  }
}

static void nested_values_must_be_cbor_of_their_type(void **state) {
  (void)state;
  static const struct {
    uint8_t type;
    const char *cbor;
    const char *words;
  } cases[] = {
      {5, "\x9f\xff", "the CBOR is no map"},
      {6, "\xbf\xff", "the CBOR is no array"},
      {6, "\x9f\x01", "at byte 2: it ends where"},
      {6, "\x9f\xff\x01", "bytes follow the value"},
      {5, "\xbf\x01\x01\xff", "a map key that is not text"},
      {6, "\x01", "neither an array nor a map"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    message m = {0};
    table attrs = {0};
    const int32_t len = (int32_t)strlen(cases[i].cbor);
    one_attribute(&attrs, 0, cases[i].type);
    add_text(&attrs, "ser", cases[i].cbor, OFFSETS(0, len), (size_t)len)
        ->field.type = OA_TYPE_BINARY;
    spans_and(&m, OA_PAYLOAD_SPAN_ATTRS, &attrs, 1);
    refuse(OA_TRACES, &m, cases[i].words);
  }
}

/* --- metrics --- */

static void points_must_be_of_their_metrics_kind(void **state) {
  (void)state;
  message kind = {0};
  message type = {0};
  table metrics = {0};
  table points = {0};
  add(&metrics, "id", VALUES(UINT16, uint16_t, 0));
  add_text(&metrics, "name", "m", OFFSETS(0, 1), 1);
  column *c = add(&metrics, "metric_type", VALUES(UINT8, uint8_t, 3));
  add(&points, "parent_id", VALUES(UINT16, uint16_t, 0));
  put_table(&kind, OA_PAYLOAD_METRICS, &metrics, 1);
  put_table(&kind, OA_PAYLOAD_NUMBER_POINTS, &points, 1);
  refuse(OA_METRICS, &kind,
         "NUMBER_DATA_POINTS: row 0: its metric has "
         "metric_type 3");
  c->array.values = "\x06";
  put_table(&type, OA_PAYLOAD_METRICS, &metrics, 1);
  refuse(OA_METRICS, &type, "UNIVARIATE_METRICS: row 0: 6 is no metric_type");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_message_needs_its_root_once),
      cmocka_unit_test(tables_of_other_services_are_refused),
      cmocka_unit_test(after_a_message_that_broke_off_the_stream_is_over),
      cmocka_unit_test(a_second_schema_is_refused),
      cmocka_unit_test(a_schema_id_has_a_bound),
      cmocka_unit_test(required_columns_must_be_there),
      cmocka_unit_test(columns_must_have_their_types),
      cmocka_unit_test(an_unknown_encoding_is_refused),
      cmocka_unit_test(a_quasi_delta_of_points_is_refused),
      cmocka_unit_test(a_parent_must_exist),
      cmocka_unit_test(two_rows_must_not_have_one_id),
      cmocka_unit_test(two_rows_far_apart_must_not_have_one_id),
      cmocka_unit_test(a_parent_id_must_not_be_null),
      cmocka_unit_test(types_of_values_end_at_seven),
      cmocka_unit_test(nested_values_must_be_cbor_of_their_type),
      cmocka_unit_test(points_must_be_of_their_metrics_kind),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
