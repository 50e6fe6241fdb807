/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "otlp_rows.h"

static void encode(rows *r, requests *out) {
  oa_error error = {0};
  if (encode_rows(r, out, &error) != OA_OK) {
    fail_msg("%s", error.text);
  }
}

/* Adds a span whose ords are these. */
static void add_span(rows *r, uint64_t resource, uint64_t scope) {
  set_u64(&r->table, OA_COL_RESOURCE_ORD, resource);
  set_u64(&r->table, OA_COL_SCOPE_ORD, scope);
  end_row(&r->table);
}

static void no_rows_make_no_request(void **state) {
  (void)state;
  rows r;
  requests all;
  rows_init(&r, OA_TRACES);
  encode(&r, &all);
  assert_int_equal(all.count, 0);
  requests_free(&all);
  rows_free(&r);
}

static void a_span_of_defaults_is_empty_but_there(void **state) {
  (void)state;
  rows r;
  requests all;
  rows_init(&r, OA_TRACES);
  end_row(&r.table);
  encode(&r, &all);
  assert_int_equal(all.count, 1);
  assert_hex(request_at(&all, 0), "0a04 1202 1200");
  requests_free(&all);
  rows_free(&r);
}

static void ords_give_requests_resources_and_scopes_back(void **state) {
  (void)state;
  rows r;
  requests all;
  rows_init(&r, OA_TRACES);
  add_span(&r, 5, 50); /* request 1, resource 1, scope 1 */
  add_span(&r, 5, 50);
  add_span(&r, 5, 51); /* scope 2 */
  add_span(&r, 6, 52); /* resource 2: the number after */
  add_span(&r, 8, 53); /* request 2: a number is left out */
  add_span(&r, 7, 60); /* request 3: a number before */
  add_span(&r, 7, 59); /* another scope, whatever its number */
  encode(&r, &all);
  assert_int_equal(all.count, 3);
  const oa_cursor first = request_at(&all, 0);
  assert_int_equal(count_of(first, 1), 2);
  assert_int_equal(count_of(inside(first, 1, 0), 2), 2);
  assert_int_equal(count_of(inside(inside(first, 1, 0), 2, 0), 2), 2);
  assert_int_equal(count_of(inside(inside(first, 1, 0), 2, 1), 2), 1);
  assert_int_equal(count_of(inside(first, 1, 1), 2), 1);
  assert_hex(request_at(&all, 1), "0a04 1202 1200");
  assert_hex(request_at(&all, 2), "0a08 1202 1200 1202 1200");
  requests_free(&all);
  rows_free(&r);
}

static void resource_and_scope_are_written_as_they_came(void **state) {
  (void)state;
  rows r;
  requests all;
  rows_init(&r, OA_TRACES);
  set_text(&r.table, OA_COL_RESOURCE, "\x10\x07");
  set_text(&r.table, OA_COL_RESOURCE_SCHEMA_URL, "u");
  set_text(&r.table, OA_COL_SCOPE, "\x0a\x01s");
  set_text(&r.table, OA_COL_SCOPE_SCHEMA_URL, "v");
  /* Not read: these are copies for people. */
  set_text(&r.table, OA_COL_RESOURCE_ATTRIBUTES, "{}");
  set_text(&r.table, OA_COL_SCOPE_NAME, "other");
  add_span(&r, 1, 1);
  /* Present but empty. */
  set_text(&r.table, OA_COL_RESOURCE, "");
  set_text(&r.table, OA_COL_SCOPE, "");
  add_span(&r, 3, 3);
  encode(&r, &all);
  assert_int_equal(all.count, 2);
  assert_hex(request_at(&all, 0),
             "0a13 0a021007 120a 0a03 0a0173 1200 1a0176 1a0175");
  assert_hex(request_at(&all, 1), "0a08 0a00 1204 0a00 1200");
  requests_free(&all);
  rows_free(&r);
}

static void all_fields_of_a_span_are_written(void **state) {
  (void)state;
  rows r;
  requests all;
  rows_init(&r, OA_TRACES);
  oa_table *t = &r.table;
  set_id(t, OA_SPAN_TRACE_ID, 0xAB, 16);
  set_id(t, OA_SPAN_SPAN_ID, 0xCD, 8);
  set_id(t, OA_SPAN_PARENT_SPAN_ID, 0xEF, 8);
  set_text(t, OA_SPAN_TRACE_STATE, "t");
  set_u32(t, OA_SPAN_FLAGS, 257);
  set_text(t, OA_SPAN_NAME, "n");
  set_i32(t, OA_SPAN_KIND, -1);
  set_u64(t, OA_SPAN_START_TIME, 1);
  set_u64(t, OA_SPAN_END_TIME, UINT64_MAX);
  set_u32(t, OA_SPAN_DROPPED_ATTRIBUTES, 4);
  set_u32(t, OA_SPAN_DROPPED_EVENTS, 5);
  set_u32(t, OA_SPAN_DROPPED_LINKS, UINT32_MAX);
  set_i32(t, OA_SPAN_STATUS_CODE, 2);
  set_text(t, OA_SPAN_STATUS_MESSAGE, "m");
  end_row(t);
  encode(&r, &all);
  assert_hex(first_item(&all),
             "0a10 abababababababababababababababab"
             "1208 cdcdcdcdcdcdcdcd 1a0174 2208 efefefefefefefef 2a016e"
             "30 ffffffffffffffffff01"
             "39 0100000000000000 41 ffffffffffffffff"
             "50 04 60 05 70 ffffffff0f 7a05 12016d 1802 8501 01010000");
  requests_free(&all);
  rows_free(&r);
}

static void status_is_there_when_its_code_is_not_null(void **state) {
  (void)state;
  rows r;
  requests all;
  rows_init(&r, OA_TRACES);
  set_i32(&r.table, OA_SPAN_STATUS_CODE, 0);
  end_row(&r.table);
  encode(&r, &all);
  assert_hex(first_item(&all), "7a00");
  requests_free(&all);
  rows_free(&r);
}

static void events_and_links_keep_their_fields_and_order(void **state) {
  (void)state;
  rows r;
  requests all;
  rows_init(&r, OA_TRACES);
  oa_table *events = child_of(&r.table, OA_SPAN_EVENTS);
  set_u64(events, OA_EVENT_TIME, 7);
  set_text(events, OA_EVENT_NAME, "e");
  set_u32(events, OA_EVENT_DROPPED_ATTRIBUTES, 1);
  oa_table *items = attribute(events, OA_EVENT_ATTRIBUTES, "k", OA_VALUE_BOOL);
  set_bool(items, OA_ATTR_BOOL, true);
  end_row(items);
  set_list(events, OA_EVENT_ATTRIBUTES);
  end_row(events);
  set_text(events, OA_EVENT_NAME, ""); /* one without anything */
  end_row(events);
  set_list(&r.table, OA_SPAN_EVENTS);
  oa_table *links = child_of(&r.table, OA_SPAN_LINKS);
  set_id(links, OA_LINK_TRACE_ID, 1, 16);
  set_id(links, OA_LINK_SPAN_ID, 2, 8);
  set_text(links, OA_LINK_TRACE_STATE, "s");
  set_u32(links, OA_LINK_FLAGS, 3);
  set_u32(links, OA_LINK_DROPPED_ATTRIBUTES, 200);
  end_row(links);
  set_list(&r.table, OA_SPAN_LINKS);
  end_row(&r.table);
  encode(&r, &all);
  assert_hex(first_item(&all),
             "5a17 09 0700000000000000 120165 1a07 0a016b 1202 1001 2001 5a00"
             "6a27 0a10 01010101010101010101010101010101"
             "1208 0202020202020202 1a0173 28c801 35 03000000");
  requests_free(&all);
  rows_free(&r);
}

/* Adds one attribute of every type, each with the default of its type. */
static void add_default_attributes(oa_table *table, size_t column) {
  oa_table *items = attribute(table, column, "a", OA_VALUE_EMPTY);
  end_row(items);
  items = attribute(table, column, "a", OA_VALUE_STR);
  set_text(items, OA_ATTR_STR, "");
  end_row(items);
  items = attribute(table, column, "a", OA_VALUE_INT);
  set_u64(items, OA_ATTR_INT, 0);
  end_row(items);
  items = attribute(table, column, "a", OA_VALUE_DOUBLE);
  set_double(items, OA_ATTR_DOUBLE, 0.0);
  end_row(items);
  items = attribute(table, column, "a", OA_VALUE_BOOL);
  set_bool(items, OA_ATTR_BOOL, false);
  end_row(items);
  items = attribute(table, column, "a", OA_VALUE_MAP);
  set_bytes(items, OA_ATTR_SER, "\xbf\xff", 2);
  end_row(items);
  items = attribute(table, column, "a", OA_VALUE_SLICE);
  set_bytes(items, OA_ATTR_SER, "\x80", 1);
  end_row(items);
  items = attribute(table, column, "a", OA_VALUE_BYTES); /* null is empty */
  end_row(items);
  items = attribute(table, column, "", OA_VALUE_BYTES);
  set_bytes(items, OA_ATTR_BYTES, "\x01", 1);
  end_row(items);
  set_list(table, column);
}

static void values_in_a_oneof_are_written_even_when_default(void **state) {
  (void)state;
  rows r;
  requests all;
  rows_init(&r, OA_TRACES);
  add_default_attributes(&r.table, OA_SPAN_ATTRIBUTES);
  end_row(&r.table);
  encode(&r, &all);
  assert_hex(first_item(&all),
             "4a03 0a0161"
             "4a07 0a0161 1202 0a00"
             "4a07 0a0161 1202 1800"
             "4a0e 0a0161 1209 21 0000000000000000"
             "4a07 0a0161 1202 1000"
             "4a07 0a0161 1202 3200"
             "4a07 0a0161 1202 2a00"
             "4a07 0a0161 1202 3a00"
             "4a05 1203 3a0101");
  requests_free(&all);
  rows_free(&r);
}

static void nan_payloads_and_negative_zero_stay_bit_for_bit(void **state) {
  (void)state;
  rows r;
  requests all;
  rows_init(&r, OA_TRACES);
  oa_table *items =
      attribute(&r.table, OA_SPAN_ATTRIBUTES, "", OA_VALUE_DOUBLE);
  set_u64(items, OA_ATTR_DOUBLE, UINT64_C(0x7FF4000000000001));
  end_row(items);
  items = attribute(&r.table, OA_SPAN_ATTRIBUTES, "", OA_VALUE_DOUBLE);
  set_u64(items, OA_ATTR_DOUBLE, UINT64_C(1) << 63);
  end_row(items);
  set_list(&r.table, OA_SPAN_ATTRIBUTES);
  end_row(&r.table);
  encode(&r, &all);
  assert_hex(first_item(&all),
             "4a0b 1209 21 010000000000f47f 4a0b 1209 21 0000000000000080");
  requests_free(&all);
  rows_free(&r);
}

/* The content of an attribute's AnyValue made from CBOR. */
static oa_status encode_cbor(uint8_t type, const void *cbor, size_t len,
                             const char *want, oa_error *error) {
  rows r;
  requests all;
  rows_init(&r, OA_TRACES);
  oa_table *items = attribute(&r.table, OA_SPAN_ATTRIBUTES, "", type);
  set_bytes(items, OA_ATTR_SER, cbor, len);
  end_row(items);
  set_list(&r.table, OA_SPAN_ATTRIBUTES);
  end_row(&r.table);
  const oa_status status = encode_rows(&r, &all, error);
  if (status == OA_OK) {
    assert_hex(inside(inside(first_item(&all), 9, 0), 2, 0), want);
  }
  requests_free(&all);
  rows_free(&r);
  return status;
}

static void nested_values_become_protobuf_again(void **state) {
  (void)state;
  /* [1, "a", null, [true], {}, -1, 2.5, h'00'] */
  static const uint8_t array[] = {
      0x9f, 0x01, 0x61, 'a', 0xf6, 0x9f, 0xf5, 0xff, 0xbf, 0xff, 0x20, 0xfb,
      0x40, 0x04, 0,    0,   0,    0,    0,    0,    0x41, 0,    0xff};
  assert_int_equal(
      encode_cbor(OA_VALUE_SLICE, array, sizeof array,
                  "2a34 0a02 1801 0a03 0a0161 0a00 0a06 2a04 0a02 1001"
                  "0a02 3200 0a0b 18 ffffffffffffffffff01"
                  "0a09 21 0000000000000440 0a03 3a0100",
                  NULL),
      OA_OK);
  /* {"b": 1, "a": {"x": null}, "": [], "b": 2} */
  static const uint8_t map[] = {0xa4, 0x61, 'b',  0x01, 0x61, 'a', 0xa1, 0x61,
                                'x',  0xf6, 0x60, 0x80, 0x61, 'b', 0x02};
  assert_int_equal(encode_cbor(OA_VALUE_MAP, map, sizeof map,
                               "3226 0a07 0a0162 1202 1801"
                               "0a0c 0a0161 1207 3205 0a03 0a0178"
                               "0a04 1202 2a00 0a07 0a0162 1202 1802",
                               NULL),
                   OA_OK);
}

static void long_nested_values_have_long_lengths(void **state) {
  (void)state;
  uint8_t cbor[3 + 3 + 200] = {0x81, 0x81, 0x78, 200};
  char want[512] = "2ad401 0ad101 2ace01 0acb01 0ac801 ";
  memset(cbor + 4, 'x', 200);
  for (size_t i = 0, at = strlen(want); i < 200; i++, at += 2) {
    memcpy(want + at, "78", 3);
  }
  assert_int_equal(encode_cbor(OA_VALUE_SLICE, cbor, 204, want, NULL), OA_OK);
}

static void hostile_cbor_is_refused_with_its_row(void **state) {
  (void)state;
  static const struct {
    uint8_t type;
    const char *cbor;
    size_t len;
  } cases[] = {
      {OA_VALUE_SLICE, "", 0},
      {OA_VALUE_SLICE, "\x01", 1},         /* a scalar */
      {OA_VALUE_SLICE, "\xa0", 1},         /* a map */
      {OA_VALUE_MAP, "\x80", 1},           /* an array */
      {OA_VALUE_MAP, "\xa1\x61k", 3},      /* no value */
      {OA_VALUE_SLICE, "\x9f\x01", 2},     /* no end */
      {OA_VALUE_SLICE, "\x80\x01", 2},     /* more behind it */
      {OA_VALUE_SLICE, "\x81\x61\xff", 3}, /* not UTF-8 */
      {OA_VALUE_SLICE, "\x9b\xff\xff\xff\xff\xff\xff\xff\xff", 9},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    oa_error error = {0};
    assert_int_equal(
        encode_cbor(cases[i].type, cases[i].cbor, cases[i].len, "", &error),
        OA_ERR_MALFORMED);
    assert_non_null(strstr(error.text, "row 0: "));
  }
  uint8_t deep[1000];
  memset(deep, 0x81, sizeof deep);
  assert_int_equal(encode_cbor(OA_VALUE_SLICE, deep, sizeof deep, "", NULL),
                   OA_ERR_MALFORMED);
}

static void attributes_that_contradict_themselves_are_refused(void **state) {
  (void)state;
  static const uint8_t types[] = {OA_VALUE_STR,
                                  OA_VALUE_INT,
                                  OA_VALUE_DOUBLE,
                                  OA_VALUE_BOOL,
                                  OA_VALUE_MAP,
                                  OA_VALUE_SLICE,
                                  8,
                                  255};
  for (size_t i = 0; i < sizeof types; i++) {
    rows r;
    requests all;
    oa_error error = {0};
    rows_init(&r, OA_TRACES);
    end_row(attribute(&r.table, OA_SPAN_ATTRIBUTES, "k", types[i]));
    set_list(&r.table, OA_SPAN_ATTRIBUTES);
    end_row(&r.table);
    assert_int_equal(encode_rows(&r, &all, &error), OA_ERR_MALFORMED);
    assert_int_equal(error.code, OA_ERR_MALFORMED);
    requests_free(&all);
    rows_free(&r);
  }
}

static oa_status refuse(void *context, const uint8_t *message, size_t len) {
  (void)message;
  (void)len;
  ++*(int *)context;
  return OA_ERR_BUSY;
}

static void a_sink_that_refuses_ends_it(void **state) {
  (void)state;
  rows r;
  int calls = 0;
  rows_init(&r, OA_TRACES);
  add_span(&r, 1, 1);
  add_span(&r, 3, 3);
  assert_int_equal(oa_otlp_encode(OA_TRACES, oa_table_finish(&r.table), 2,
                                  refuse, &calls, NULL),
                   OA_ERR_BUSY);
  assert_int_equal(calls, 1);
  rows_free(&r);
}

static void running_out_of_memory_is_a_status(void **state) {
  (void)state;
  rows r;
  rows_init(&r, OA_TRACES);
  for (int i = 0; i < 20; i++) {
    set_text(&r.table, OA_SPAN_NAME, "a name that takes some room");
    add_default_attributes(&r.table, OA_SPAN_ATTRIBUTES);
    end_row(&r.table);
  }
  const oa_array *columns = oa_table_finish(&r.table);
  for (int64_t n = 0;; n++) {
    requests all = {0};
    oa_mem_fail_after(n);
    const oa_status status = oa_otlp_encode(OA_TRACES, columns, r.table.length,
                                            keep_request, &all, NULL);
    oa_mem_fail_after(-1);
    requests_free(&all);
    if (status == OA_OK) {
      assert_true(n > 2);
      break;
    }
    assert_int_equal(status, OA_ERR_NOMEM);
  }
  rows_free(&r);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(no_rows_make_no_request),
      cmocka_unit_test(a_span_of_defaults_is_empty_but_there),
      cmocka_unit_test(ords_give_requests_resources_and_scopes_back),
      cmocka_unit_test(resource_and_scope_are_written_as_they_came),
      cmocka_unit_test(all_fields_of_a_span_are_written),
      cmocka_unit_test(status_is_there_when_its_code_is_not_null),
      cmocka_unit_test(events_and_links_keep_their_fields_and_order),
      cmocka_unit_test(values_in_a_oneof_are_written_even_when_default),
      cmocka_unit_test(nan_payloads_and_negative_zero_stay_bit_for_bit),
      cmocka_unit_test(nested_values_become_protobuf_again),
      cmocka_unit_test(long_nested_values_have_long_lengths),
      cmocka_unit_test(hostile_cbor_is_refused_with_its_row),
      cmocka_unit_test(attributes_that_contradict_themselves_are_refused),
      cmocka_unit_test(a_sink_that_refuses_ends_it),
      cmocka_unit_test(running_out_of_memory_is_a_status),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
