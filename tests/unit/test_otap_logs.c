/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "otap_trial.h"

enum { BODIES = 9 };

static void put_any(oa_emit *e, int type) {
  oa_emit_nest nested;
  switch (type) {
    case OA_VALUE_STR:
      put_text(e, 1, "text");
      break;
    case OA_VALUE_INT:
      oa_emit_varint(e, 3, (uint64_t)-5);
      break;
    case OA_VALUE_DOUBLE:
      put_double(e, 4, 0.5);
      break;
    case OA_VALUE_BOOL:
      oa_emit_varint(e, 2, 1);
      break;
    case OA_VALUE_MAP:
      nested = oa_emit_open(e, 6, 1);
      put_int_attr(e, 1, "a", 1);
      oa_emit_close(e, nested);
      break;
    case OA_VALUE_SLICE:
      nested = oa_emit_open(e, 5, 1);
      oa_emit_close(e, nested);
      break;
    case OA_VALUE_BYTES:
      oa_emit_bytes(e, 7, (const uint8_t *)"", 0);
      break;
    default:
      break;
  }
}

/* Records whose bodies are of type 0 to 7, and one without a body. */
static void put_bodies(request *r) {
  open_records(r);
  for (int i = 0; i < BODIES; i++) {
    const oa_emit_nest record = open_record(r);
    oa_emit_fixed64(&r->e, 1, 50);
    if (i < 8) {
      const oa_emit_nest body = oa_emit_open(&r->e, 5, 1);
      put_any(&r->e, i);
      oa_emit_close(&r->e, body);
    }
    oa_emit_close(&r->e, record);
  }
  close_records(r);
}

static void body_columns(table *body) {
  static const double doubles[BODIES] = {0, 0, 0, 0.5};
  add(body, "type", VALUES(UINT8, uint8_t, 0, 1, 2, 3, 4, 5, 6, 7, 0));
  set_valid(
      add_text(body, "str", "text", OFFSETS(0, 0, 4, 4, 4, 4, 4, 4, 4, 4), 4),
      VALID(0x02, 0), BODIES);
  set_valid(
      add(body, "int", VALUES(INT64, int64_t, 0, 0, -5, 0, 0, 0, 0, 0, 0)),
      VALID(0x04, 0), BODIES);
  add(body, "double", OA_TYPE_DOUBLE, doubles, sizeof doubles);
  add(body, "bool", OA_TYPE_BOOL, "\x10\x00", 2);
  add_text(body, "ser", "\xbf\x61\x61\x01\xff\x9f\xff",
           OFFSETS(0, 0, 0, 0, 0, 0, 5, 7, 7, 7), 7)
      ->field.type = OA_TYPE_BINARY;
}

static void expect_exactly(stream *s, request *r) {
  oa_otlp_builder *expected = NULL;
  oa_otlp_result result;
  _Atomic uint64_t ords = 0;
  assert_int_equal(oa_otlp_builder_new(&expected, OA_LOGS, &ords), OA_OK);
  assert_int_equal(
      oa_otlp_decode(expected, r->e.out.data, r->e.out.len, &result, NULL),
      OA_OK);
  expect_same_rows(s->builder, 0, expected, false);
  oa_otlp_builder_free(expected);
  request_free(r);
}

static void bodies_of_every_type_are_read(void **state) {
  (void)state;
  stream s;
  request r = {0};
  message m = {0};
  table logs = {0};
  table body = {0};
  static const uint64_t times[BODIES] = {50, 50, 50, 50, 50, 50, 50, 50, 50};
  body_columns(&body);
  add(&logs, "time_unix_nano", OA_TYPE_TIMESTAMP, times, sizeof times);
  set_valid(add_struct(&logs, "body", &body), VALID(0xff, 0), BODIES);
  put_table(&m, OA_PAYLOAD_LOGS, &logs, BODIES);
  stream_init(&s, OA_LOGS, NULL);
  expect_taken(&s, &m);
  put_bodies(&r);
  expect_exactly(&s, &r);
  free_structs(&logs);
  stream_free(&s);
}

/* Rows of two bytes each; the bytes of one character may stand in two. */
static void texts_are_repaired_each_for_itself(void **state) {
  enum { ROWS = 150, SPLIT = 70 };
  (void)state;
  stream s;
  request r = {0};
  message m = {0};
  table logs = {0};
  table body = {0};
  uint8_t types[ROWS];
  int32_t offsets[ROWS + 1] = {0};
  char text[2 * ROWS + 1];
  memset(types, OA_VALUE_STR, sizeof types);
  memset(text, 't', sizeof text);
  memcpy(text + (size_t)2 * SPLIT, "a\xc3\xa9z", 4);
  for (int i = 0; i < ROWS; i++) {
    offsets[i + 1] = 2 * (i + 1);
  }
  add(&body, "type", OA_TYPE_UINT8, types, sizeof types);
  add_text(&body, "str", text, offsets, sizeof offsets, (size_t)2 * ROWS);
  add_struct(&logs, "body", &body);
  put_table(&m, OA_PAYLOAD_LOGS, &logs, ROWS);
  stream_init(&s, OA_LOGS, NULL);
  expect_taken(&s, &m);
  assert_int_equal(s.batch.result.repaired, 2);
  open_records(&r);
  for (size_t i = 0; i < ROWS; i++) {
    const oa_emit_nest record = open_record(&r);
    const oa_emit_nest any = oa_emit_open(&r.e, 5, 1);
    oa_emit_bytes(&r.e, 1, (const uint8_t *)text + 2 * i, 2);
    oa_emit_close(&r.e, any);
    oa_emit_close(&r.e, record);
  }
  close_records(&r);
  expect_exactly(&s, &r);
  free_structs(&logs);
  stream_free(&s);
}

static void records_and_their_attributes_are_read(void **state) {
  (void)state;
  stream s;
  request r = {0};
  message m = {0};
  table logs = {0};
  table attrs = {0};
  add(&logs, "id", VALUES(UINT16, uint16_t, 0, 1));
  add(&logs, "time_unix_nano", VALUES(TIMESTAMP, uint64_t, 0, 2));
  add(&logs, "observed_time_unix_nano", VALUES(TIMESTAMP, uint64_t, 3, 0));
  add(&logs, "severity_number", VALUES(INT32, int32_t, 9, 0));
  add_text(&logs, "severity_text", "INFO", OFFSETS(0, 4, 4), 4);
  add_text(&logs, "event_name", "ev", OFFSETS(0, 0, 2), 2);
  add(&logs, "flags", VALUES(UINT32, uint32_t, 0, 257));
  add(&logs, "dropped_attributes_count", VALUES(UINT32, uint32_t, 4, 0));
  add_fixed(&logs, "trace_id",
            "0123456789abcdef\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 16, 2);
  add_fixed(&logs, "span_id", "\0\0\0\0\0\0\0\0stuvwxyz", 8, 2);
  add(&attrs, "parent_id", VALUES(UINT16, uint16_t, 0, 1));
  add_text(&attrs, "key", "kk", OFFSETS(0, 1, 2), 2);
  add(&attrs, "type", VALUES(UINT8, uint8_t, 1, 1));
  add_text(&attrs, "str", "vv", OFFSETS(0, 1, 2), 2);
  put_table(&m, OA_PAYLOAD_LOGS, &logs, 2);
  put_table(&m, OA_PAYLOAD_LOG_ATTRS, &attrs, 2);
  stream_init(&s, OA_LOGS, NULL);
  expect_taken(&s, &m);
  assert_int_equal(s.batch.result.accepted, 2);
  open_records(&r);
  oa_emit_nest record = open_record(&r);
  oa_emit_fixed64(&r.e, 11, 3);
  oa_emit_varint(&r.e, 2, 9);
  put_text(&r.e, 3, "INFO");
  oa_emit_varint(&r.e, 7, 4);
  oa_emit_bytes(&r.e, 9, ID16, 16);
  put_str_attr(&r.e, 6, "k", "v");
  oa_emit_close(&r.e, record);
  record = open_record(&r);
  oa_emit_fixed64(&r.e, 1, 2);
  put_text(&r.e, 12, "ev");
  oa_emit_fixed32(&r.e, 8, 257);
  oa_emit_bytes(&r.e, 10, ID8, 8);
  put_str_attr(&r.e, 6, "k", "v");
  oa_emit_close(&r.e, record);
  close_records(&r);
  expect_exactly(&s, &r);
  stream_free(&s);
}

static void a_body_has_a_known_type_and_good_cbor(void **state) {
  (void)state;
  static const struct {
    uint8_t type;
    const char *words;
  } cases[] = {{8, "LOGS: row 0: body: 8 is no type of value"},
               {5, "LOGS: row 0: bad CBOR in \"ser\" at byte 1"}};
  for (size_t i = 0; i < 2; i++) {
    stream s;
    message m = {0};
    table logs = {0};
    table body = {0};
    add(&body, "type", VALUES(UINT8, uint8_t, cases[i].type));
    add_text(&body, "ser", "\xbf", OFFSETS(0, 1), 1)->field.type =
        OA_TYPE_BINARY;
    add_struct(&logs, "body", &body);
    put_table(&m, OA_PAYLOAD_LOGS, &logs, 1);
    stream_init(&s, OA_LOGS, NULL);
    expect_refused(&s, &m, OA_ERR_MALFORMED, cases[i].words);
    free_structs(&logs);
    stream_free(&s);
  }
}

/* Of the ids every third is null and every fifth is all zero, which says the
 * same; what stands under a null is not read. */
enum { RECORDS = 150 };
static bool has_id(int64_t i) {
  return i % 3 != 0 && i % 5 != 0;
}

static void add_ids(table *logs, const char *name, size_t width,
                    const uint8_t *valid, int64_t nulls) {
  uint8_t ids[RECORDS * 16] = {0};
  for (size_t i = 0; i < RECORDS; i++) {
    if (i % 5 != 0) {
      memset(ids + i * width, (int)i + 1, width);
    }
  }
  column *c = add_fixed(logs, name, ids, (int32_t)width, RECORDS);
  c->array.validity = valid;
  c->array.null_count = nulls;
}

static void ids_that_are_not_set_may_stand_anywhere(void **state) {
  (void)state;
  stream s;
  message m = {0};
  table logs = {0};
  uint64_t times[RECORDS];
  uint8_t valid[(RECORDS + 7) / 8] = {0};
  int64_t nulls = 0;
  for (size_t i = 0; i < RECORDS; i++) {
    times[i] = i % 4 == 0 ? 0 : i;
    valid[i / 8] |= (uint8_t)((i % 3 != 0) << i % 8);
    nulls += i % 3 == 0;
  }
  add(&logs, "time_unix_nano", OA_TYPE_TIMESTAMP, times, sizeof times);
  add_ids(&logs, "trace_id", 16, valid, nulls);
  add_ids(&logs, "span_id", 8, valid, nulls);
  put_table(&m, OA_PAYLOAD_LOGS, &logs, RECORDS);
  stream_init(&s, OA_LOGS, NULL);
  expect_taken(&s, &m);
  const oa_array *columns = NULL;
  assert_int_equal(oa_otlp_builder_columns(s.builder, &columns), OA_OK);
  const uint8_t *traces = columns[OA_LOG_COL_TRACE_ID].values;
  const uint8_t *spans = columns[OA_LOG_COL_SPAN_ID].values;
  int64_t unset = 0;
  for (int64_t i = 0; i < RECORDS; i++) {
    const uint8_t byte = has_id(i) ? (uint8_t)(i + 1) : 0;
    unset += !has_id(i);
    assert_int_equal(oa_array_is_null(&columns[OA_LOG_COL_TRACE_ID], i),
                     !has_id(i));
    assert_int_equal(oa_array_is_null(&columns[OA_LOG_COL_SPAN_ID], i),
                     !has_id(i));
    for (int64_t j = 0; j < 16; j++) {
      assert_int_equal(traces[i * 16 + j], byte);
      assert_int_equal(spans[i * 8 + j / 2], byte);
    }
    assert_int_equal(oa_array_is_null(&columns[OA_LOG_COL_TIME], i),
                     i % 4 == 0);
    if (i % 4 != 0) {
      assert_int_equal(u64_at(&columns[OA_LOG_COL_TIME], i), i);
    }
  }
  assert_int_equal(columns[OA_LOG_COL_TRACE_ID].null_count, unset);
  assert_int_equal(columns[OA_LOG_COL_SPAN_ID].null_count, unset);
  stream_free(&s);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(bodies_of_every_type_are_read),
      cmocka_unit_test(texts_are_repaired_each_for_itself),
      cmocka_unit_test(records_and_their_attributes_are_read),
      cmocka_unit_test(a_body_has_a_known_type_and_good_cbor),
      cmocka_unit_test(ids_that_are_not_set_may_stand_anywhere),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
