/* SPDX-License-Identifier: Apache-2.0 */
/* otap_trial.h - OTAP messages put together by hand, table by table.
 *
 * A column is its name and its values.  Tables are written by our own IPC
 * writer, which has its own tests.
 */
#ifndef OA_TESTS_UNIT_OTAP_TRIAL_H
#define OA_TESTS_UNIT_OTAP_TRIAL_H

#include "arrow/ipc_format.h"
#include "arrow/ipc_write.h"
#include "otap/otap.h"
#include "otap/payload.h"
#include "otap_text.h"
#include "otlp_trial.h"

/* --- columns --- */

typedef struct column {
  oa_field field;
  oa_array array;
  uint8_t valid[2];
} column;

enum { TABLE_COLUMNS = 24, TABLE_BYTES = 8192 };

typedef struct table {
  column columns[TABLE_COLUMNS];
  size_t count;
  uint64_t bytes[TABLE_BYTES / sizeof(uint64_t)]; /* what columns hold */
  size_t used;
} table;

/* A copy of BYTES that lives as long as T. */
static inline const void *keep_bytes(table *t, const void *bytes, size_t size) {
  uint8_t *to = (uint8_t *)t->bytes + t->used;
  assert_true(size + 8 <= TABLE_BYTES - t->used);
  if (size > 0) {
    memcpy(to, bytes, size);
  }
  t->used += (size + 7) / 8 * 8;
  return to;
}

static inline column *add(table *t, const char *name, oa_type type,
                          const void *values, size_t size) {
  assert_true(t->count < TABLE_COLUMNS);
  column *c = &t->columns[t->count++];
  *c = (column){
      .field = {.name = name, .type = type, .nullable = true},
      .array = {.values = keep_bytes(t, values, size), .values_size = size}};
  c->field.unit = OA_UNIT_NANO;
  return c;
}

/* add(t, "x", VALUES(UINT16, uint16_t, 1, 2)) */
#define VALUES(TYPE, C, ...) \
  OA_TYPE_##TYPE, (const C[]){__VA_ARGS__}, sizeof((const C[]){__VA_ARGS__})

/* Which rows hold a value, from the lowest bit on; ROWS of them. */
static inline void set_valid(column *c, const uint8_t *bits, int64_t rows) {
  assert_true(rows <= 16);
  memcpy(c->valid, bits, (size_t)(rows + 7) / 8);
  c->array.validity = c->valid;
  c->array.null_count = rows;
  for (int64_t i = 0; i < rows; i++) {
    c->array.null_count -= oa_bit(bits, i);
  }
}
#define VALID(...) ((const uint8_t[]){__VA_ARGS__})

/* Strings one after the other, with the offsets between them. */
static inline column *add_text(table *t, const char *name, const char *text,
                               const int32_t *offsets, size_t size,
                               size_t len) {
  column *c = add(t, name, OA_TYPE_UTF8, text, len);
  c->array.offsets = keep_bytes(t, offsets, size);
  return c;
}
#define OFFSETS(...) \
  (const int32_t[]){__VA_ARGS__}, sizeof((const int32_t[]){__VA_ARGS__})

static inline column *add_fixed(table *t, const char *name, const void *ids,
                                int32_t width, size_t rows) {
  column *c = add(t, name, OA_TYPE_FIXED_BINARY, ids, (size_t)width * rows);
  c->field.width = width;
  return c;
}

/* Makes C a dictionary column: its values become DICTIONARY's. */
static inline void encode(column *c, oa_array *dictionary, int64_t count,
                          oa_type index_type, const void *indices) {
  *dictionary = c->array;
  dictionary->length = count;
  c->array = (oa_array){.values = indices, .dictionary = dictionary};
  c->field.dictionary = true;
  c->field.index_type = index_type;
}

/* A struct of the COUNT last columns of T. */
static inline column *add_struct(table *t, const char *name, table *members) {
  column *c = add(t, name, OA_TYPE_STRUCT, NULL, 0);
  oa_field *fields = oa_calloc(TABLE_COLUMNS, sizeof *fields);
  oa_array *arrays = oa_calloc(TABLE_COLUMNS, sizeof *arrays);
  assert_true(fields != NULL && arrays != NULL);
  for (size_t i = 0; i < members->count; i++) {
    fields[i] = members->columns[i].field;
    arrays[i] = members->columns[i].array;
  }
  c->field.children = fields;
  c->field.child_count = members->count;
  c->array.children = arrays;
  return c;
}

/* --- messages --- */

typedef struct message {
  oa_emit e;
} message;

static inline void set_rows(oa_array *array, const oa_field *field,
                            int64_t rows) {
  array->length = rows;
  if (field->type == OA_TYPE_STRUCT) {
    for (size_t i = 0; i < field->child_count; i++) {
      oa_array *child = (oa_array *)(uintptr_t)&array->children[i];
      set_rows(child, &field->children[i], rows);
    }
  }
}

static inline void free_structs(table *t) {
  for (size_t i = 0; i < t->count; i++) {
    column *c = &t->columns[i];
    if (c->field.type == OA_TYPE_STRUCT) {
      oa_free((void *)(uintptr_t)c->field.children);
      oa_free((void *)(uintptr_t)c->array.children);
    }
  }
}

static inline void keep_pieces(oa_buf *out, const oa_ipc_pieces *pieces) {
  for (size_t i = 0; i < pieces->count; i++) {
    assert_int_equal(
        oa_buf_put(out, pieces->iov[i].iov_base, pieces->iov[i].iov_len),
        OA_OK);
  }
}

/* The bytes of T's IPC stream: schema (when asked for), dictionaries, batch. */
static inline void table_bytes(table *t, int64_t rows, oa_coding codec,
                               bool schema, oa_buf *out) {
  oa_field fields[TABLE_COLUMNS];
  oa_array arrays[TABLE_COLUMNS];
  const oa_schema s = {.fields = fields, .field_count = t->count};
  oa_ipc_writer *writer = NULL;
  oa_ipc_pieces pieces;
  for (size_t i = 0; i < t->count; i++) {
    fields[i] = t->columns[i].field;
    arrays[i] = t->columns[i].array;
    set_rows(&arrays[i], &fields[i], rows);
  }
  assert_int_equal(oa_ipc_writer_new(&writer, &s, codec, 0), OA_OK);
  assert_int_equal(oa_ipc_write_schema(writer, &pieces), OA_OK);
  if (schema) {
    keep_pieces(out, &pieces);
  }
  assert_int_equal(oa_ipc_write_batch(writer, arrays, rows, &pieces), OA_OK);
  keep_pieces(out, &pieces);
  oa_ipc_writer_free(writer);
}

static inline void put_payload(message *m, uint64_t type, const char *schema_id,
                               const uint8_t *bytes, size_t len) {
  const oa_emit_nest payload = oa_emit_open(&m->e, 2, 3);
  put_text(&m->e, 1, schema_id);
  oa_emit_varint(&m->e, 2, type);
  oa_emit_bytes(&m->e, 3, len == 0 ? (const uint8_t *)"" : bytes, len);
  oa_emit_close(&m->e, payload);
}

static inline void put_table_as(message *m, uint64_t type,
                                const char *schema_id, table *t, int64_t rows,
                                oa_coding codec, bool schema) {
  oa_buf bytes = {0};
  table_bytes(t, rows, codec, schema, &bytes);
  put_payload(m, type, schema_id, bytes.data, bytes.len);
  oa_buf_free(&bytes);
}

/* T as the first table of its type in a stream. */
static inline void put_table(message *m, uint64_t type, table *t,
                             int64_t rows) {
  char schema_id[16];
  snprintf(schema_id, sizeof schema_id, "%u", (unsigned)type);
  put_table_as(m, type, schema_id, t, rows, OA_CODING_NONE, true);
}

static inline void message_free(message *m) {
  oa_buf_free(&m->e.out);
}

/* --- streams --- */

typedef struct stream {
  oa_signal signal;
  _Atomic uint64_t ords;
  oa_otap_stream *otap;
  oa_otlp_builder *builder;
  oa_otap_batch batch;
  oa_error error;
} stream;

static inline void stream_init(stream *s, oa_signal signal,
                               const oa_otap_limits *limits) {
  memset(s, 0, sizeof *s);
  s->signal = signal;
  assert_int_equal(oa_otap_stream_new(&s->otap, signal, limits), OA_OK);
  assert_int_equal(oa_otlp_builder_new(&s->builder, signal, &s->ords), OA_OK);
}

static inline void stream_free(stream *s) {
  oa_otap_stream_free(s->otap);
  oa_otlp_builder_free(s->builder);
}

static inline oa_status take_message(stream *s, const message *m) {
  s->error = (oa_error){0};
  return oa_otap_decode(s->otap, s->builder, m->e.out.data, m->e.out.len,
                        &s->batch, &s->error);
}

/* Takes M and frees it. */
static inline void expect_taken(stream *s, message *m) {
  const oa_status status = take_message(s, m);
  assert_string_equal(s->error.text, "");
  assert_int_equal(status, OA_OK);
  assert_true(s->batch.in_step);
  message_free(m);
}

/* Refuses M with a text that has WORDS in it, and frees it. */
static inline void expect_refused(stream *s, message *m, oa_status status,
                                  const char *words) {
  const int64_t rows = oa_otlp_builder_rows(s->builder);
  assert_int_equal(take_message(s, m), status);
  if (strstr(s->error.text, words) == NULL) {
    assert_string_equal(s->error.text, words);
  }
  assert_int_equal(oa_otlp_builder_rows(s->builder), rows);
  message_free(m);
}

/* The rows from FROM on are those of request R, which is freed. */
static inline void expect_request(stream *s, int64_t from, request *r) {
  oa_otlp_builder *expected = NULL;
  oa_otlp_result result;
  assert_int_equal(oa_otlp_builder_new(&expected, s->signal, &s->ords), OA_OK);
  assert_int_equal(
      oa_otlp_decode(expected, r->e.out.data, r->e.out.len, &result, NULL),
      OA_OK);
  /* The numbers of resources and scopes are those of this builder. */
  const oa_array *columns = NULL;
  assert_int_equal(oa_otlp_builder_columns(expected, &columns), OA_OK);
  expect_same_rows(s->builder, from, expected, true);
  oa_otlp_builder_free(expected);
  request_free(r);
}

/* --- the smallest tables --- */

/* Two spans with ids 0 and 1, and what a span must have. */
static inline void two_spans(table *t) {
  add(t, "id", VALUES(UINT16, uint16_t, 0, 1));
  add(t, "start_time_unix_nano", VALUES(TIMESTAMP, uint64_t, 100, 200));
  add(t, "duration_time_unix_nano", VALUES(DURATION, int64_t, 5, 6));
  add_fixed(t, "trace_id", "0123456789abcdef0123456789abcdef", 16, 2);
  add_fixed(t, "span_id", "stuvwxyzabcdefgh", 8, 2);
  add_text(t, "name", "ab", OFFSETS(0, 1, 2), 2);
}

/* The same as a request; ATTRS adds the rest of span I. */
static inline void put_two_spans(request *r,
                                 void (*rest)(oa_emit *e, int span)) {
  open_records(r);
  for (int i = 0; i < 2; i++) {
    const oa_emit_nest span = open_record(r);
    oa_emit_bytes(&r->e, 1, ID16, 16);
    oa_emit_bytes(&r->e, 2, (const uint8_t *)(i == 0 ? "stuvwxyz" : "abcdefgh"),
                  8);
    put_text(&r->e, 5, i == 0 ? "a" : "b");
    oa_emit_fixed64(&r->e, 7, i == 0 ? 100 : 200);
    oa_emit_fixed64(&r->e, 8, i == 0 ? 105 : 206);
    if (rest != NULL) {
      rest(&r->e, i);
    }
    oa_emit_close(&r->e, span);
  }
  close_records(r);
}

#endif
