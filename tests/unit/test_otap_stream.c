/* SPDX-License-Identifier: Apache-2.0 */
/* What lives from message to message: schemas, dictionaries, bounds; and what
 * rows have in common: resources and scopes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "arrow/flat.h"
#include "otap_trial.h"

/* Two spans whose names are indices into NAMES (LEN bytes, one a name). */
static void named_spans(table *t, oa_array *dictionary, const char *names,
                        const uint8_t *indices) {
  static const int32_t offsets[] = {0, 1, 2, 3, 4};
  two_spans(t);
  column *c = &t->columns[5];
  c->array.values = names;
  c->array.offsets = offsets;
  c->array.values_size = strlen(names);
  encode(c, dictionary, (int64_t)strlen(names), OA_TYPE_UINT8, indices);
}

static void expect_name(const stream *s, int64_t row, char name) {
  const oa_array *columns = NULL;
  size_t len;
  assert_int_equal(oa_otlp_builder_columns(s->builder, &columns), OA_OK);
  const uint8_t *text = oa_array_dict_bytes(&columns[OA_SPAN_NAME], row, &len);
  assert_int_equal(len, 1);
  assert_int_equal(text[0], name);
}

static void put_named(message *m, const char *schema_id, bool schema,
                      const char *names, const uint8_t *indices,
                      oa_coding codec) {
  table spans = {0};
  oa_array dictionary;
  named_spans(&spans, &dictionary, names, indices);
  put_table_as(m, OA_PAYLOAD_SPANS, schema_id, &spans, 2, codec, schema);
}

static void a_dictionary_that_is_replaced_counts_from_then_on(void **state) {
  (void)state;
  static const oa_coding codecs[] = {OA_CODING_NONE, OA_CODING_LZ4,
                                     OA_CODING_ZSTD};
  for (size_t i = 0; i < 3; i++) {
    stream s;
    message first = {0};
    message second = {0};
    stream_init(&s, OA_TRACES, NULL);
    put_named(&first, "0", true, "ab", (const uint8_t *)"\x00\x01", codecs[i]);
    put_named(&second, "0", false, "cd", (const uint8_t *)"\x00\x01",
              codecs[i]);
    expect_taken(&s, &first);
    expect_taken(&s, &second);
    expect_name(&s, 0, 'a');
    expect_name(&s, 1, 'b');
    expect_name(&s, 2, 'c');
    expect_name(&s, 3, 'd');
    stream_free(&s);
  }
}

static void another_schema_id_is_another_stream(void **state) {
  (void)state;
  stream s;
  message first = {0};
  message second = {0};
  message third = {0};
  table plain = {0};
  stream_init(&s, OA_TRACES, NULL);
  put_named(&first, "0", true, "ab", (const uint8_t *)"\x00\x01",
            OA_CODING_NONE);
  two_spans(&plain); /* names without a dictionary */
  put_table_as(&second, OA_PAYLOAD_SPANS, "1", &plain, 2, OA_CODING_NONE, true);
  put_table_as(&third, OA_PAYLOAD_SPANS, "0", &plain, 2, OA_CODING_NONE, false);
  expect_taken(&s, &first);
  expect_taken(&s, &second);
  expect_name(&s, 2, 'a');
  /* The state of "0" went when "1" came. */
  expect_refused(&s, &third, OA_ERR_MALFORMED, "does not start with a schema");
  assert_false(s.batch.in_step);
  stream_free(&s);
}

static void two_tables_may_share_a_schema_id(void **state) {
  (void)state;
  stream s;
  message m = {0};
  table spans = {0};
  table attrs = {0};
  stream_init(&s, OA_TRACES, NULL);
  two_spans(&spans);
  add(&attrs, "parent_id", VALUES(UINT16, uint16_t, 1));
  add_text(&attrs, "key", "k", OFFSETS(0, 1), 1);
  add(&attrs, "type", VALUES(UINT8, uint8_t, 0));
  put_table_as(&m, OA_PAYLOAD_SPANS, "", &spans, 2, OA_CODING_NONE, true);
  put_table_as(&m, OA_PAYLOAD_SPAN_ATTRS, "", &attrs, 1, OA_CODING_NONE, true);
  expect_taken(&s, &m);
  assert_int_equal(s.builder->attributes.table->length, 1);
  stream_free(&s);
}

/* What a stream knows of one builder's dictionaries is nothing in another. */
static void builders_may_change_between_messages(void **state) {
  (void)state;
  stream s;
  stream_init(&s, OA_TRACES, NULL);
  for (int i = 0; i < 4; i++) {
    message m = {0};
    put_named(&m, "0", i == 0, "xab",
              (const uint8_t *)(i == 3 ? "\x02\x00" : "\x01\x02"),
              OA_CODING_NONE);
    expect_taken(&s, &m);
    const int64_t row = oa_otlp_builder_rows(s.builder) - 2;
    expect_name(&s, row, i == 3 ? 'b' : 'a');
    expect_name(&s, row + 1, i == 3 ? 'x' : 'b');
    if (i == 0) {
      oa_otlp_builder_reset(s.builder, SIZE_MAX);
    } else if (i == 1) {
      oa_otlp_builder_free(s.builder);
      assert_int_equal(oa_otlp_builder_new(&s.builder, OA_TRACES, &s.ords),
                       OA_OK);
    }
  }
  stream_free(&s);
}

/* A message that fails in its rows takes back the strings that it added. */
static void a_failed_message_leaves_no_strings(void **state) {
  (void)state;
  stream s;
  message bad = {0};
  message good = {0};
  table attrs = {0};
  stream_init(&s, OA_TRACES, NULL);
  put_named(&bad, "0", true, "ab", (const uint8_t *)"\x00\x01", OA_CODING_NONE);
  add(&attrs, "parent_id", VALUES(UINT16, uint16_t, 7));
  add_text(&attrs, "key", "k", OFFSETS(0, 1), 1);
  add(&attrs, "type", VALUES(UINT8, uint8_t, 0));
  put_table(&bad, OA_PAYLOAD_SPAN_ATTRS, &attrs, 1);
  expect_refused(&s, &bad, OA_ERR_MALFORMED,
                 "SPAN_ATTRS: row 0 has parent_id 7");
  assert_true(s.batch.in_step); /* the rows are bad, not the stream */
  for (size_t i = 0; i < s.builder->dict_count; i++) {
    assert_int_equal(s.builder->dicts[i]->count, 0);
  }
  put_named(&good, "0", false, "cd", (const uint8_t *)"\x01\x00",
            OA_CODING_NONE);
  expect_taken(&s, &good);
  expect_name(&s, 0, 'd');
  stream_free(&s);
}

static void without_a_builder_the_stream_keeps_in_step(void **state) {
  (void)state;
  stream s;
  message first = {0};
  message second = {0};
  oa_otap_batch batch;
  stream_init(&s, OA_TRACES, NULL);
  put_named(&first, "0", true, "ab", (const uint8_t *)"\x00\x01",
            OA_CODING_NONE);
  put_named(&second, "0", false, "cd", (const uint8_t *)"\x00\x01",
            OA_CODING_NONE);
  oa_emit_varint(&first.e, 1, 41);
  oa_emit_bytes(&first.e, 3, (const uint8_t *)"\x82", 1);
  assert_int_equal(oa_otap_decode(s.otap, NULL, first.e.out.data,
                                  first.e.out.len, &batch, NULL),
                   OA_OK);
  assert_int_equal(batch.batch_id, 41);
  assert_int_equal(batch.headers_len, 1);
  assert_int_equal(batch.headers[0], 0x82);
  assert_true(batch.in_step);
  expect_taken(&s, &second);
  expect_name(&s, 0, 'c');
  message_free(&first);
  stream_free(&s);
}

static void rows_behind_the_first_batch_are_reported(void **state) {
  (void)state;
  static const uint8_t end[] = {0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0};
  stream s;
  message m = {0};
  message again = {0};
  table spans = {0};
  oa_buf bytes = {0};
  stream_init(&s, OA_TRACES, NULL);
  two_spans(&spans);
  table_bytes(&spans, 2, OA_CODING_NONE, true, &bytes);
  assert_int_equal(oa_buf_put(&bytes, end, sizeof end), OA_OK);
  put_payload(&m, OA_PAYLOAD_SPANS, "0", bytes.data, bytes.len);
  expect_taken(&s, &m); /* an end of stream is no loss */
  assert_int_equal(s.batch.result.rejected, 0);
  assert_string_equal(s.batch.result.reason, "");
  bytes.len = 0;
  table_bytes(&spans, 2, OA_CODING_NONE, false, &bytes);
  table_bytes(&spans, 2, OA_CODING_NONE, false, &bytes);
  put_payload(&again, OA_PAYLOAD_SPANS, "0", bytes.data, bytes.len);
  expect_taken(&s, &again);
  assert_int_equal(s.batch.result.accepted, 2);
  assert_int_equal(s.batch.result.rejected, 2);
  assert_non_null(strstr(s.batch.result.reason, "SPANS: 2 rows"));
  oa_buf_free(&bytes);
  stream_free(&s);
}

static void tables_without_rows_are_fine(void **state) {
  (void)state;
  stream s;
  message m = {0};
  message none = {0};
  table spans = {0};
  table attrs = {0};
  table empty = {0};
  stream_init(&s, OA_TRACES, NULL);
  two_spans(&spans);
  add(&attrs, "parent_id", VALUES(UINT16, uint16_t, 0));
  add(&empty, "unknown", VALUES(UINT16, uint16_t, 0));
  put_table(&m, OA_PAYLOAD_SPANS, &spans, 2);
  put_table(&m, OA_PAYLOAD_SPAN_ATTRS, &attrs, 0); /* no key, no type */
  expect_taken(&s, &m);
  put_table_as(&none, OA_PAYLOAD_SPANS, "x", &empty, 0, OA_CODING_NONE, true);
  expect_taken(&s, &none);
  assert_int_equal(oa_otlp_builder_rows(s.builder), 2);
  stream_free(&s);
}

/* --- resources and scopes --- */

static void put_span(request *r, int i) {
  const oa_emit_nest span = open_record(r);
  oa_emit_bytes(&r->e, 1, ID16, 16);
  oa_emit_bytes(&r->e, 2, (const uint8_t *)(i == 0 ? "stuvwxyz" : "abcdefgh"),
                8);
  put_text(&r->e, 5, i == 0 ? "a" : "b");
  oa_emit_fixed64(&r->e, 7, i == 0 ? 100 : 200);
  oa_emit_fixed64(&r->e, 8, i == 0 ? 105 : 206);
  oa_emit_close(&r->e, span);
}

static void put_owners(request *r) {
  for (int i = 0; i < 2; i++) {
    r->resource = oa_emit_open(&r->e, 1, 2);
    oa_emit_nest owner = oa_emit_open(&r->e, 1, 1);
    put_str_attr(&r->e, 1, "service.name", i == 0 ? "A" : "B");
    oa_emit_varint_set(&r->e, 2, i == 0 ? 4 : 0);
    oa_emit_close(&r->e, owner);
    r->scope = oa_emit_open(&r->e, 2, 2);
    if (i == 1) {
      owner = oa_emit_open(&r->e, 1, 1);
      put_text(&r->e, 1, "lib");
      put_int_attr(&r->e, 3, "n", 5);
      oa_emit_close(&r->e, owner);
    }
    put_span(r, i);
    put_text(&r->e, 3, "scope-url");
    oa_emit_close(&r->e, r->scope);
    if (i == 0) {
      put_text(&r->e, 3, "url");
    }
    oa_emit_close(&r->e, r->resource);
  }
}

/* The ids of the resources are differences, or plain. */
static void expect_owners(bool plain) {
  static const oa_key_value encoding = {"encoding", "plain"};
  stream s;
  request r = {0};
  message m = {0};
  table spans = {0};
  table resource = {0};
  table scope = {0};
  table resource_attrs = {0};
  table scope_attrs = {0};
  stream_init(&s, OA_TRACES, NULL);
  two_spans(&spans);
  const uint16_t ids[] = {3, plain ? 4 : 1};
  column *id = add(&resource, "id", OA_TYPE_UINT16, ids, sizeof ids);
  id->field.metadata = &encoding;
  id->field.metadata_count = plain ? 1 : 0;
  set_valid(add_text(&resource, "schema_url", "url", OFFSETS(0, 3, 3), 3),
            VALID(1), 2);
  set_valid(add(&resource, "dropped_attributes_count",
                VALUES(UINT32, uint32_t, 4, 0)),
            VALID(1), 2);
  add_struct(&spans, "resource", &resource);
  add(&scope, "id", VALUES(UINT16, uint16_t, 0, 1));
  set_valid(add_text(&scope, "name", "lib", OFFSETS(0, 0, 3), 3), VALID(2), 2);
  add_struct(&spans, "scope", &scope);
  add_text(&spans, "schema_url", "scope-urlscope-url", OFFSETS(0, 9, 18), 18);
  add(&resource_attrs, "parent_id", VALUES(UINT16, uint16_t, 3, 4));
  add_text(&resource_attrs, "key", "service.nameservice.name",
           OFFSETS(0, 12, 24), 24);
  add(&resource_attrs, "type", VALUES(UINT8, uint8_t, 1, 1));
  add_text(&resource_attrs, "str", "AB", OFFSETS(0, 1, 2), 2);
  add(&scope_attrs, "parent_id", VALUES(UINT16, uint16_t, 1));
  add_text(&scope_attrs, "key", "n", OFFSETS(0, 1), 1);
  add(&scope_attrs, "type", VALUES(UINT8, uint8_t, 2));
  add(&scope_attrs, "int", VALUES(INT64, int64_t, 5));
  put_table(&m, OA_PAYLOAD_SPANS, &spans, 2);
  put_table(&m, OA_PAYLOAD_RESOURCE_ATTRS, &resource_attrs, 2);
  put_table(&m, OA_PAYLOAD_SCOPE_ATTRS, &scope_attrs, 1);
  expect_taken(&s, &m);
  put_owners(&r);
  oa_otlp_builder *expected = NULL;
  oa_otlp_result result;
  _Atomic uint64_t ords = 0;
  assert_int_equal(oa_otlp_builder_new(&expected, OA_TRACES, &ords), OA_OK);
  assert_int_equal(
      oa_otlp_decode(expected, r.e.out.data, r.e.out.len, &result, NULL),
      OA_OK);
  expect_same_rows(s.builder, 0, expected, false); /* to the last bit */
  oa_otlp_builder_free(expected);
  request_free(&r);
  free_structs(&spans);
  stream_free(&s);
}

static void resources_and_scopes_become_messages_again(void **state) {
  (void)state;
  expect_owners(false);
  expect_owners(true);
}

/* --- bounds --- */

/* Says of the DictionaryBatch at BYTES that it only adds. */
static void set_delta(uint8_t *bytes) {
  uint32_t len = 0;
  uint16_t offset = 0;
  oa_flat_table flat;
  oa_flat_table head;
  memcpy(&len, bytes + 4, sizeof len);
  assert_true(oa_flat_root(bytes + 8, len, &flat));
  assert_true(oa_flat_get_table(&flat, OA_MESSAGE_HEADER, &head));
  memcpy(&offset,
         head.bytes + head.vtable + 4 + 2 * (size_t)OA_DICTIONARY_IS_DELTA,
         sizeof offset);
  assert_true(offset != 0);
  bytes[8 + head.at + offset] = 1;
}

static void dictionaries_grow_to_the_bound_and_no_further(void **state) {
  (void)state;
  const oa_otap_limits limits = {
      .max_memory = 128 * 1024, .max_payloads = 64, .max_rows = 1000};
  static char names[4096];
  stream s;
  oa_status status = OA_OK;
  memset(names, 'n', sizeof names);
  stream_init(&s, OA_TRACES, &limits);
  for (unsigned i = 0; status == OA_OK; i++) {
    message m = {0};
    table spans = {0};
    oa_array dictionary;
    oa_buf bytes = {0};
    two_spans(&spans);
    column *c = &spans.columns[5];
    snprintf(names, sizeof names, "%u", i);
    c->array.values = names;
    c->array.offsets = (const int32_t[]){0, (int32_t)sizeof names};
    c->array.values_size = sizeof names;
    encode(c, &dictionary, 1, OA_TYPE_UINT16, (const uint16_t[]){0, 0});
    table_bytes(&spans, 2, OA_CODING_NONE, i == 0, &bytes);
    if (i > 0) {
      /* The dictionary is an addition: its flag stands in the first message. */
      set_delta(bytes.data);
    }
    put_payload(&m, OA_PAYLOAD_SPANS, "0", bytes.data, bytes.len);
    status = take_message(&s, &m);
    assert_true(i < 64);
    assert_true(oa_otap_stream_memory(s.otap) < 2 * limits.max_memory);
    oa_buf_free(&bytes);
    message_free(&m);
  }
  assert_int_equal(status, OA_ERR_LIMIT);
  assert_non_null(strstr(s.error.text, "limit of"));
  assert_true(oa_otlp_builder_rows(s.builder) >= 40);
  stream_free(&s);
}

static void too_many_rows_and_payloads_are_refused(void **state) {
  (void)state;
  const oa_otap_limits limits = {
      .max_memory = 1 << 20, .max_payloads = 1, .max_rows = 3};
  stream s;
  message m = {0};
  message two = {0};
  table spans = {0};
  table attrs = {0};
  two_spans(&spans);
  add(&attrs, "parent_id", VALUES(UINT16, uint16_t, 0));
  put_table(&two, OA_PAYLOAD_SPANS, &spans, 2);
  put_table(&two, OA_PAYLOAD_SPAN_ATTRS, &attrs, 0);
  stream_init(&s, OA_TRACES, &limits);
  expect_refused(&s, &two, OA_ERR_LIMIT, "2 payloads");
  stream_free(&s);
  stream_init(&s, OA_TRACES,
              &(const oa_otap_limits){
                  .max_memory = 1 << 20, .max_payloads = 1, .max_rows = 1});
  put_table(&m, OA_PAYLOAD_SPANS, &spans, 2);
  expect_refused(&s, &m, OA_ERR_LIMIT, "more than 1 rows");
  stream_free(&s);
}

static void a_stream_is_counted_and_borrows_what_decompresses(void **state) {
  (void)state;
  oa_account account;
  oa_purse purse = {.account = &account};
  oa_otap_limits limits = oa_otap_limits_default;
  oa_otap_stream *refused = NULL;
  oa_buf bytes = {0};
  message m = {0};
  table spans = {0};
  stream s[2];
  oa_account_init(&account, 1 << 20);
  assert_int_equal(oa_inflater_new(&limits.inflater), OA_OK);
  limits.purse = &purse;
  two_spans(&spans);
  table_bytes(&spans, 2, OA_CODING_ZSTD, true, &bytes);
  put_payload(&m, OA_PAYLOAD_SPANS, "0", bytes.data, bytes.len);
  for (int i = 0; i < 2; i++) {
    const size_t before = purse.used;
    stream_init(&s[i], OA_TRACES, &limits);
    assert_true(purse.used > before);
    assert_int_equal(oa_otap_stream_memory(s[i].otap), purse.used - before);
    assert_int_equal(take_message(&s[i], &m), OA_OK);
    /* The first has left the inflater to the second. */
    assert_int_equal(oa_otlp_builder_rows(s[i].builder), 2);
    stream_free(&s[i]);
    assert_int_equal(purse.used, 0);
  }
  purse.max = 64;
  assert_int_equal(oa_otap_stream_new(&refused, OA_TRACES, &limits),
                   OA_ERR_NOMEM);
  assert_null(refused);
  assert_int_equal(purse.used, 0);
  oa_purse_close(&purse);
  oa_inflater_free(limits.inflater);
  message_free(&m);
  oa_buf_free(&bytes);
}

/* Log records need no column, so a few bytes could claim any number. */
static void rows_without_bytes_are_bounded(void **state) {
  (void)state;
  stream s;
  message m = {0};
  table logs = {0};
  column *c = add(&logs, "unknown", OA_TYPE_NULL, NULL, 0);
  c->array.null_count = 1000000;
  put_table(&m, OA_PAYLOAD_LOGS, &logs, 1000000);
  stream_init(&s, OA_LOGS, NULL);
  expect_refused(&s, &m, OA_ERR_LIMIT, "1000000 rows in");
  stream_free(&s);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_dictionary_that_is_replaced_counts_from_then_on),
      cmocka_unit_test(another_schema_id_is_another_stream),
      cmocka_unit_test(a_stream_is_counted_and_borrows_what_decompresses),
      cmocka_unit_test(two_tables_may_share_a_schema_id),
      cmocka_unit_test(builders_may_change_between_messages),
      cmocka_unit_test(a_failed_message_leaves_no_strings),
      cmocka_unit_test(without_a_builder_the_stream_keeps_in_step),
      cmocka_unit_test(rows_behind_the_first_batch_are_reported),
      cmocka_unit_test(tables_without_rows_are_fine),
      cmocka_unit_test(resources_and_scopes_become_messages_again),
      cmocka_unit_test(dictionaries_grow_to_the_bound_and_no_further),
      cmocka_unit_test(too_many_rows_and_payloads_are_refused),
      cmocka_unit_test(rows_without_bytes_are_bounded),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
