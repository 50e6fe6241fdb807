/* SPDX-License-Identifier: Apache-2.0 */
/* A few bytes that stand for any number: what rows share may be read again for
 * each of them only so often, and the stream goes on. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "otap_trial.h"

enum { MEMORY = 32 * 1024, LONG = 3000, MOST = 300 };

static const uint64_t zeros[MOST];
static int32_t steps[MOST + 1];
static uint8_t turns[MOST]; /* 0, 1, 0, ... */
static uint16_t wide_turns[MOST];

static int fill_columns(void **state) {
  (void)state;
  for (int i = 0; i < MOST; i++) {
    steps[i + 1] = i + 1;
    turns[i] = (uint8_t)(i % 2);
    wide_turns[i] = (uint16_t)(i % 2);
  }
  return 0;
}

/* What the dictionary columns below share: two long texts that are equal. */
static char equal[2 * LONG];
static oa_array texts;

static column *add_turns(table *t, const char *name) {
  memset(equal, 'x', sizeof equal);
  column *c =
      add_text(t, name, equal, OFFSETS(0, LONG, 2 * LONG), sizeof equal);
  encode(c, &texts, 2, OA_TYPE_UINT8, turns);
  return c;
}

static column *add_zeros(table *t, const char *name, oa_type type,
                         size_t rows) {
  return add(t, name, type, zeros, rows * (type == OA_TYPE_UINT8 ? 1 : 2));
}

/* Refuses REPEATED and takes what comes then. */
static void refuse_then_take(oa_signal signal, message *repeated,
                             message *next) {
  stream s;
  const oa_otap_limits limits = {
      .max_memory = MEMORY, .max_payloads = 8, .max_rows = 4096};
  stream_init(&s, signal, &limits);
  expect_refused(&s, repeated, OA_ERR_LIMIT, "stand for more than 4 times");
  expect_taken(&s, next);
  stream_free(&s);
}

/* T with a schema of its own, as a stream has two messages here. */
static void put_new(message *m, uint64_t type, table *t, int64_t rows) {
  static unsigned schemas;
  char schema_id[16];
  snprintf(schema_id, sizeof schema_id, "%u", schemas++);
  put_table_as(m, type, schema_id, t, rows, OA_CODING_NONE, true);
}

static void put_logs(message *m, table *t, int64_t rows) {
  put_new(m, OA_PAYLOAD_LOGS, t, rows);
  free_structs(t);
}

/* Rows of two resources in turns, of which one has COUNT attributes. */
static message resources_in_turns(int64_t rows, size_t count) {
  table root = {0};
  table id = {0};
  table attrs = {0};
  message m = {0};
  column *c = add(&id, "id", OA_TYPE_UINT16, wide_turns, (size_t)rows * 2);
  static const oa_key_value plain = {"encoding", "plain"};
  c->field.metadata = &plain;
  c->field.metadata_count = 1;
  add_struct(&root, "resource", &id);
  put_logs(&m, &root, rows);
  add_zeros(&attrs, "parent_id", OA_TYPE_UINT16, count);
  add_text(&attrs, "key", (const char *)zeros, steps,
           (count + 1) * sizeof *steps, count);
  add_zeros(&attrs, "type", OA_TYPE_UINT8, count);
  put_new(&m, OA_PAYLOAD_RESOURCE_ATTRS, &attrs, (int64_t)count);
  return m;
}

static void an_owner_is_not_made_again_without_end(void **state) {
  (void)state;
  message many = resources_in_turns(100, MOST);
  message some = resources_in_turns(100, 3);
  refuse_then_take(OA_LOGS, &many, &some);
}

/* One resource with COUNT attributes that are one long text. */
static message long_resource(size_t count) {
  table root = {0};
  table id = {0};
  table attrs = {0};
  message m = {0};
  oa_array text;
  memset(equal, 'x', sizeof equal);
  add_zeros(&id, "id", OA_TYPE_UINT16, 1);
  add_struct(&root, "resource", &id);
  put_logs(&m, &root, 1);
  add_zeros(&attrs, "parent_id", OA_TYPE_UINT16, count);
  add_text(&attrs, "key", (const char *)zeros, steps,
           (count + 1) * sizeof *steps, count);
  column *type = add_zeros(&attrs, "type", OA_TYPE_UINT8, count);
  memset((void *)(uintptr_t)type->array.values, OA_VALUE_STR, count);
  encode(add_text(&attrs, "str", equal, OFFSETS(0, LONG), LONG), &text, 1,
         OA_TYPE_UINT8, zeros);
  put_new(&m, OA_PAYLOAD_RESOURCE_ATTRS, &attrs, (int64_t)count);
  return m;
}

static void an_owner_does_not_grow_without_end(void **state) {
  (void)state;
  message many = long_resource(50);
  message some = long_resource(4);
  refuse_then_take(OA_LOGS, &many, &some);
}

static message long_bodies(int64_t rows) {
  table root = {0};
  table body = {0};
  message m = {0};
  column *type = add_zeros(&body, "type", OA_TYPE_UINT8, (size_t)rows);
  memset((void *)(uintptr_t)type->array.values, OA_VALUE_STR, (size_t)rows);
  memset(equal, 'x', sizeof equal);
  oa_array text;
  encode(add_text(&body, "str", equal, OFFSETS(0, LONG), LONG), &text, 1,
         OA_TYPE_UINT8, zeros);
  add_struct(&root, "body", &body);
  put_logs(&m, &root, rows);
  return m;
}

static void a_body_is_not_copied_without_end(void **state) {
  (void)state;
  message many = long_bodies(100);
  message some = long_bodies(10);
  refuse_then_take(OA_LOGS, &many, &some);
}

static void a_schema_url_is_not_looked_for_without_end(void **state) {
  (void)state;
  message many = {0};
  message some = {0};
  table t = {0};
  add_turns(&t, "schema_url");
  put_new(&many, OA_PAYLOAD_LOGS, &t, 100);
  put_new(&some, OA_PAYLOAD_LOGS, &t, 10);
  refuse_then_take(OA_LOGS, &many, &some);
}

/* Two spans, of which one has events with equal names. */
static message events(int64_t rows) {
  table spans = {0};
  table t = {0};
  message m = {0};
  two_spans(&spans);
  put_new(&m, OA_PAYLOAD_SPANS, &spans, 2);
  add_zeros(&t, "parent_id", OA_TYPE_UINT16, 100);
  add_turns(&t, "name");
  put_new(&m, OA_PAYLOAD_SPAN_EVENTS, &t, rows);
  return m;
}

static void names_are_not_compared_without_end(void **state) {
  (void)state;
  message many = events(100);
  message some = events(10);
  refuse_then_take(OA_TRACES, &many, &some);
}

/* A summary with COUNT quantiles that have no members, and so no bytes. */
static message quantiles(int32_t count) {
  static const oa_field item = {.name = "item", .type = OA_TYPE_STRUCT};
  const oa_array items = {.length = count};
  table metrics = {0};
  table points = {0};
  message m = {0};
  add(&metrics, "id", VALUES(UINT16, uint16_t, 0));
  add(&metrics, "metric_type", VALUES(UINT8, uint8_t, 5));
  add_text(&metrics, "name", "s", OFFSETS(0, 1), 1);
  put_new(&m, OA_PAYLOAD_METRICS, &metrics, 1);
  add(&points, "parent_id", VALUES(UINT16, uint16_t, 0));
  add(&points, "time_unix_nano", VALUES(TIMESTAMP, uint64_t, 1));
  column *list = add(&points, "quantile", OA_TYPE_LIST, NULL, 0);
  list->field.children = &item;
  list->field.child_count = 1;
  list->array.children = &items;
  list->array.offsets =
      keep_bytes(&points, (const int32_t[]){0, count}, 2 * sizeof count);
  put_new(&m, OA_PAYLOAD_SUMMARY_POINTS, &points, 1);
  return m;
}

static void items_without_bytes_are_not_made_without_end(void **state) {
  (void)state;
  message many = quantiles(1 << 24);
  message some = quantiles(100);
  refuse_then_take(OA_METRICS, &many, &some);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(an_owner_is_not_made_again_without_end),
      cmocka_unit_test(an_owner_does_not_grow_without_end),
      cmocka_unit_test(a_body_is_not_copied_without_end),
      cmocka_unit_test(a_schema_url_is_not_looked_for_without_end),
      cmocka_unit_test(names_are_not_compared_without_end),
      cmocka_unit_test(items_without_bytes_are_not_made_without_end),
  };
  return cmocka_run_group_tests(tests, fill_columns, NULL);
}
