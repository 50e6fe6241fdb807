/* SPDX-License-Identifier: Apache-2.0 */
/* otlp_trial.h - requests written field by field, a builder that takes them,
 * and what its columns then hold.
 *
 * For the tests of the decoders.
 */
#ifndef OA_TESTS_UNIT_OTLP_TRIAL_H
#define OA_TESTS_UNIT_OTLP_TRIAL_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "otlp/builder_impl.h"
#include "otlp/message.h"
#include "otlp/otlp.h"
#include "wire/emit.h"

static const uint8_t ID16[] = "0123456789abcdef";
static const uint8_t ID8[] = "stuvwxyz";

/* --- requests --- */

typedef struct request {
  oa_emit e;
  oa_emit_nest resource, scope;
} request;

static inline void request_free(request *r) {
  oa_buf_free(&r->e.out);
  *r = (request){0};
}

static inline void put_text(oa_emit *e, uint32_t field, const char *text) {
  oa_emit_bytes(e, field, (const uint8_t *)text, strlen(text));
}

static inline void put_double(oa_emit *e, uint32_t field, double value) {
  uint64_t bits;
  memcpy(&bits, &value, sizeof bits);
  oa_emit_fixed64(e, field, bits);
}

/* Opens a ResourceX with a ScopeX, each without its owner. */
static inline void open_records(request *r) {
  r->resource = oa_emit_open(&r->e, 1, 2);
  r->scope = oa_emit_open(&r->e, 2, 2);
}

static inline void close_records(request *r) {
  oa_emit_close(&r->e, r->scope);
  oa_emit_close(&r->e, r->resource);
  assert_int_equal(r->e.status, OA_OK);
}

static inline oa_emit_nest open_record(request *r) {
  return oa_emit_open(&r->e, 2, 1);
}

/* A KeyValue whose value the caller writes. */
typedef struct pair {
  oa_emit_nest entry, value;
} pair;

static inline pair open_pair(oa_emit *e, uint32_t field, const char *key) {
  pair p;
  p.entry = oa_emit_open(e, field, 1);
  put_text(e, 1, key);
  p.value = oa_emit_open(e, 2, 1);
  return p;
}

static inline void close_pair(oa_emit *e, pair p) {
  oa_emit_close(e, p.value);
  oa_emit_close(e, p.entry);
}

static inline void put_str_attr(oa_emit *e, uint32_t field, const char *key,
                                const char *text) {
  const pair p = open_pair(e, field, key);
  put_text(e, 1, text);
  close_pair(e, p);
}

static inline void put_int_attr(oa_emit *e, uint32_t field, const char *key,
                                int64_t value) {
  const pair p = open_pair(e, field, key);
  oa_emit_varint(e, 3, (uint64_t)value);
  close_pair(e, p);
}

/* A value in DEPTH arrays. */
static inline void put_deep_value(oa_emit *e, unsigned depth) {
  if (depth == 0) {
    oa_emit_varint(e, 3, 7);
    return;
  }
  const oa_emit_nest array = oa_emit_open(e, 5, 1);
  const oa_emit_nest value = oa_emit_open(e, 1, 1);
  put_deep_value(e, depth - 1);
  oa_emit_close(e, value);
  oa_emit_close(e, array);
}

static inline void put_deep_attr(oa_emit *e, uint32_t field, unsigned depth) {
  const pair p = open_pair(e, field, "deep");
  put_deep_value(e, depth);
  close_pair(e, p);
}

/* One attribute of every kind. */
static inline void put_attrs(oa_emit *e, uint32_t field) {
  put_str_attr(e, field, "str", "text");
  put_int_attr(e, field, "int", -5);
  pair p = open_pair(e, field, "double");
  put_double(e, 4, -0.0);
  close_pair(e, p);
  p = open_pair(e, field, "bool");
  oa_emit_varint(e, 2, 0);
  close_pair(e, p);
  p = open_pair(e, field, "bytes");
  oa_emit_bytes(e, 7, (const uint8_t *)"\x00\xff", 2);
  close_pair(e, p);
  const oa_emit_nest entry = oa_emit_open(e, field, 1);
  put_text(e, 1, "empty");
  oa_emit_close(e, entry);
  p = open_pair(e, field, "map");
  const oa_emit_nest map = oa_emit_open(e, 6, 1);
  put_str_attr(e, 1, "a", "b");
  put_deep_attr(e, 1, 3);
  oa_emit_close(e, map);
  close_pair(e, p);
  p = open_pair(e, field, "slice");
  const oa_emit_nest array = oa_emit_open(e, 5, 1);
  for (uint64_t i = 0; i < 3; i++) {
    const oa_emit_nest value = oa_emit_open(e, 1, 1);
    oa_emit_varint(e, 3, i);
    oa_emit_close(e, value);
  }
  oa_emit_close(e, array);
  close_pair(e, p);
}

/* --- a rich request of each signal: every field of every message --- */

static inline void put_rich_event(oa_emit *e) {
  const oa_emit_nest event = oa_emit_open(e, 11, 2);
  oa_emit_fixed64(e, 1, 30);
  put_text(e, 2, "event");
  put_attrs(e, 3);
  oa_emit_varint(e, 4, 31);
  oa_emit_close(e, event);
}

static inline void put_rich_link(oa_emit *e) {
  const oa_emit_nest link = oa_emit_open(e, 13, 2);
  oa_emit_bytes(e, 1, ID16, 16);
  oa_emit_bytes(e, 2, ID8, 8);
  put_text(e, 3, "link=state");
  put_attrs(e, 4);
  oa_emit_varint(e, 5, 32);
  oa_emit_fixed32(e, 6, 33);
  oa_emit_close(e, link);
}

static inline void put_rich_span(oa_emit *e) {
  oa_emit_bytes(e, 1, ID16, 16);
  oa_emit_bytes(e, 2, ID8, 8);
  put_text(e, 3, "trace=state");
  oa_emit_bytes(e, 4, ID8, 8);
  put_text(e, 5, "span");
  oa_emit_varint(e, 6, 2);
  oa_emit_fixed64(e, 7, 20);
  oa_emit_fixed64(e, 8, UINT64_MAX);
  put_attrs(e, 9);
  oa_emit_varint(e, 10, 21);
  put_rich_event(e);
  put_rich_event(e);
  oa_emit_varint(e, 12, 22);
  put_rich_link(e);
  oa_emit_varint(e, 14, 23);
  const oa_emit_nest status = oa_emit_open(e, 15, 1);
  put_text(e, 2, "message");
  oa_emit_varint(e, 3, 2);
  oa_emit_close(e, status);
  oa_emit_fixed32(e, 16, 257);
}

static inline void put_rich_log(oa_emit *e) {
  oa_emit_fixed64(e, 1, 20);
  oa_emit_varint(e, 2, 9);
  put_text(e, 3, "INFO");
  const oa_emit_nest body = oa_emit_open(e, 5, 1);
  const oa_emit_nest map = oa_emit_open(e, 6, 1);
  put_str_attr(e, 1, "k", "v");
  put_deep_attr(e, 1, 2);
  oa_emit_close(e, map);
  oa_emit_close(e, body);
  put_attrs(e, 6);
  oa_emit_varint(e, 7, 21);
  oa_emit_fixed32(e, 8, 1);
  oa_emit_bytes(e, 9, ID16, 16);
  oa_emit_bytes(e, 10, ID8, 8);
  oa_emit_fixed64(e, 11, 22);
  put_text(e, 12, "event");
}

static inline void put_rich_exemplar(oa_emit *e, uint32_t field) {
  const oa_emit_nest exemplar = oa_emit_open(e, field, 2);
  oa_emit_fixed64(e, 2, 40);
  put_double(e, 3, 0.25);
  oa_emit_bytes(e, 4, ID8, 8);
  oa_emit_bytes(e, 5, ID16, 16);
  put_attrs(e, 7);
  oa_emit_close(e, exemplar);
}

static inline void put_rich_number(oa_emit *e) {
  const oa_emit_nest point = oa_emit_open(e, 1, 2);
  oa_emit_fixed64(e, 2, 20);
  oa_emit_fixed64(e, 3, 21);
  put_rich_exemplar(e, 5);
  oa_emit_fixed64(e, 6, (uint64_t)-9);
  put_attrs(e, 7);
  oa_emit_varint(e, 8, 1);
  oa_emit_close(e, point);
}

static inline void put_rich_histogram(oa_emit *e) {
  static const uint64_t counts[] = {1, 0, UINT64_MAX};
  const oa_emit_nest point = oa_emit_open(e, 1, 2);
  oa_emit_fixed64(e, 2, 20);
  oa_emit_fixed64(e, 3, 21);
  oa_emit_fixed64(e, 4, 22);
  put_double(e, 5, 1.5);
  oa_emit_packed64(e, 6, counts, 3);
  oa_emit_packed64(e, 7, counts, 2);
  put_rich_exemplar(e, 8);
  put_attrs(e, 9);
  oa_emit_varint(e, 10, 1);
  put_double(e, 11, 0);
  put_double(e, 12, 9);
  oa_emit_close(e, point);
}

static inline void put_rich_buckets(oa_emit *e, uint32_t field) {
  static const uint64_t counts[] = {1, 300, 0};
  const oa_emit_nest buckets = oa_emit_open(e, field, 1);
  oa_emit_varint(e, 1, oa_zigzag32(-3));
  oa_emit_packed_varint(e, 2, counts, 3);
  oa_emit_close(e, buckets);
}

static inline void put_rich_exponential(oa_emit *e) {
  const oa_emit_nest point = oa_emit_open(e, 1, 2);
  put_attrs(e, 1);
  oa_emit_fixed64(e, 2, 20);
  oa_emit_fixed64(e, 3, 21);
  oa_emit_fixed64(e, 4, 22);
  put_double(e, 5, 1.5);
  oa_emit_varint(e, 6, oa_zigzag32(-10));
  oa_emit_fixed64(e, 7, 23);
  put_rich_buckets(e, 8);
  put_rich_buckets(e, 9);
  oa_emit_varint(e, 10, 1);
  put_rich_exemplar(e, 11);
  put_double(e, 12, 0);
  put_double(e, 13, 9);
  put_double(e, 14, 0.5);
  oa_emit_close(e, point);
}

static inline void put_rich_summary(oa_emit *e) {
  const oa_emit_nest point = oa_emit_open(e, 1, 2);
  oa_emit_fixed64(e, 2, 20);
  oa_emit_fixed64(e, 3, 21);
  oa_emit_fixed64(e, 4, 22);
  put_double(e, 5, 1.5);
  const oa_emit_nest quantile = oa_emit_open(e, 6, 1);
  put_double(e, 1, 0.99);
  put_double(e, 2, 7);
  oa_emit_close(e, quantile);
  put_attrs(e, 7);
  oa_emit_varint(e, 8, 1);
  oa_emit_close(e, point);
}

/* KIND is the number of a metric's field: 5, 7, 9, 10, 11. */
static inline void put_rich_metric(oa_emit *e, uint32_t kind) {
  put_text(e, 1, "metric");
  put_text(e, 2, "description");
  put_text(e, 3, "unit");
  const oa_emit_nest data = oa_emit_open(e, kind, 2);
  for (int i = 0; i < 2; i++) {
    switch (kind) {
      case 9:
        put_rich_histogram(e);
        break;
      case 10:
        put_rich_exponential(e);
        break;
      case 11:
        put_rich_summary(e);
        break;
      default:
        put_rich_number(e);
        break;
    }
  }
  if (kind == 7 || kind == 9 || kind == 10) {
    oa_emit_varint(e, 2, 2);
  }
  if (kind == 7) {
    oa_emit_varint(e, 3, 1);
  }
  oa_emit_close(e, data);
  put_attrs(e, 12);
}

static inline void put_rich_records(request *r, oa_signal signal) {
  static const uint32_t kinds[] = {5, 7, 9, 10, 11};
  for (size_t i = 0; i < (signal == OA_METRICS ? 5 : 2); i++) {
    const oa_emit_nest record = oa_emit_open(&r->e, 2, 2);
    if (signal == OA_TRACES) {
      put_rich_span(&r->e);
    } else if (signal == OA_LOGS) {
      put_rich_log(&r->e);
    } else {
      put_rich_metric(&r->e, kinds[i]);
    }
    oa_emit_close(&r->e, record);
  }
}

/* Items that put_rich_request() makes. */
static inline uint64_t rich_items(oa_signal signal) {
  return signal == OA_METRICS ? 10 : 2;
}

/* The rest of a request behind its resource, which it closes. */
static inline void put_rich_scope(request *r, oa_signal signal,
                                  const char *name) {
  oa_emit *e = &r->e;
  r->scope = oa_emit_open(e, 2, 2);
  const oa_emit_nest scope = oa_emit_open(e, 1, 1);
  put_text(e, 1, name);
  put_text(e, 2, "version");
  put_attrs(e, 3);
  oa_emit_varint(e, 4, 11);
  oa_emit_close(e, scope);
  put_rich_records(r, signal);
  put_text(e, 3, "scope-url");
  oa_emit_close(e, r->scope);
  put_text(e, 3, "resource-url");
  oa_emit_close(e, r->resource);
  assert_int_equal(e->status, OA_OK);
}

/* NAME goes into texts, so that requests differ. */
static inline void put_rich_request(request *r, oa_signal signal,
                                    const char *name) {
  oa_emit *e = &r->e;
  r->resource = oa_emit_open(e, 1, 2);
  const oa_emit_nest resource = oa_emit_open(e, 1, 2);
  put_str_attr(e, 1, "service.name", name);
  put_str_attr(e, 1, "service.namespace", "space");
  put_str_attr(e, 1, "service.instance.id", "instance");
  put_attrs(e, 1);
  oa_emit_varint(e, 2, 10);
  const oa_emit_nest entity = oa_emit_open(e, 3, 1);
  put_text(e, 1, "url");
  put_text(e, 2, "type");
  put_text(e, 3, "service.name");
  put_text(e, 4, "str");
  oa_emit_close(e, entity);
  oa_emit_close(e, resource);
  put_rich_scope(r, signal, name);
}

/* --- a builder --- */

typedef struct trial {
  oa_signal signal;
  _Atomic uint64_t ords;
  oa_otlp_builder *builder;
  oa_otlp_result result;
  oa_error error;
} trial;

static inline void trial_init(trial *t, oa_signal signal) {
  *t = (trial){.signal = signal};
  assert_int_equal(oa_otlp_builder_new(&t->builder, signal, &t->ords), OA_OK);
}

static inline void trial_free(trial *t) {
  oa_otlp_builder_free(t->builder);
}

/* From a heap block of exactly that size: reading past it is found. */
static inline oa_status give(trial *t, const uint8_t *bytes, size_t len) {
  uint8_t *copy = malloc(len > 0 ? len : 1);
  assert_non_null(copy);
  if (len > 0) {
    memcpy(copy, bytes, len);
  }
  t->error = (oa_error){0};
  const oa_status status =
      oa_otlp_decode(t->builder, copy, len, &t->result, &t->error);
  memset(copy, 0xAA, len); /* they are not needed any more */
  free(copy);
  return status;
}

/* Decodes R, which must work, and frees it. */
static inline void take(trial *t, request *r) {
  if (give(t, r->e.out.data, r->e.out.len) != OA_OK) {
    fail_msg("%s", t->error.text);
  }
  request_free(r);
}

static inline int64_t rows_of(const trial *t) {
  return oa_otlp_builder_rows(t->builder);
}

static inline const oa_array *columns_of(trial *t) {
  const oa_array *columns = NULL;
  assert_int_equal(oa_otlp_builder_columns(t->builder, &columns), OA_OK);
  return columns;
}

static inline oa_status keep_message(void *context, const uint8_t *message,
                                     size_t len) {
  OA_TRY(oa_buf_put(context, &len, sizeof len));
  return oa_buf_put(context, message, len);
}

/* All rows as the requests that they came from, each behind its length. */
static inline oa_buf encoded(trial *t) {
  oa_buf out = {0};
  oa_error error = {0};
  if (oa_otlp_encode(t->signal, columns_of(t), rows_of(t), keep_message, &out,
                     &error) != OA_OK) {
    fail_msg("%s", error.text);
  }
  return out;
}

/* Frees both. */
static inline void assert_same(oa_buf a, oa_buf b) {
  assert_int_equal(a.len, b.len);
  if (a.len > 0) {
    assert_memory_equal(a.data, b.data, a.len);
  }
  oa_buf_free(&a);
  oa_buf_free(&b);
}

/* Where all tables and dictionaries stand. */
/* Where all tables and dictionaries stand. */
typedef struct oa_builder_mark {
  uint32_t lengths[OA_BUILDER_MAX_TABLES];
  uint32_t dicts[OA_BUILDER_MAX_DICTS];
} oa_builder_mark;

static inline oa_builder_mark mark_of(const trial *t) {
  oa_builder_mark mark = {0};
  for (size_t i = 0; i < t->builder->table_count; i++) {
    mark.lengths[i] = t->builder->tables[i]->length;
  }
  for (size_t i = 0; i < t->builder->dict_count; i++) {
    mark.dicts[i] = t->builder->dicts[i]->count;
  }
  return mark;
}

static inline void assert_mark(const trial *t, const oa_builder_mark *mark) {
  const oa_builder_mark now = mark_of(t);
  assert_memory_equal(&now, mark, sizeof now);
}

/* --- values --- */

static inline uint64_t u64_at(const oa_array *array, int64_t row) {
  uint64_t value = 0;
  assert_in_range(row, 0, array->length - 1);
  assert_false(oa_array_is_null(array, row));
  if (array->values != NULL) {
    memcpy(&value, (const uint8_t *)array->values + 8 * row, sizeof value);
  }
  return value;
}

static inline uint32_t u32_at(const oa_array *array, int64_t row) {
  uint32_t value = 0;
  assert_in_range(row, 0, array->length - 1);
  assert_false(oa_array_is_null(array, row));
  if (array->values != NULL) {
    memcpy(&value, (const uint8_t *)array->values + 4 * row, sizeof value);
  }
  return value;
}

static inline uint8_t u8_at(const oa_array *array, int64_t row) {
  assert_in_range(row, 0, array->length - 1);
  assert_false(oa_array_is_null(array, row));
  return array->values == NULL ? 0 : ((const uint8_t *)array->values)[row];
}

static inline void assert_null_at(const oa_array *array, int64_t row) {
  assert_in_range(row, 0, array->length - 1);
  assert_true(oa_array_is_null(array, row));
}

static inline void assert_bytes(const uint8_t *have, size_t len,
                                const char *want, size_t want_len) {
  assert_int_equal(len, want_len);
  assert_memory_equal(have, want, len);
}

/* Of a plain column; WANT may hold no NUL. */
static inline void assert_plain(const oa_array *array, int64_t row,
                                const char *want) {
  size_t len;
  assert_in_range(row, 0, array->length - 1);
  assert_false(oa_array_is_null(array, row));
  const uint8_t *have = oa_array_bytes(array, row, &len);
  assert_bytes(have, len, want, strlen(want));
}

/* Of a dictionary column. */
static inline void assert_text(const oa_array *array, int64_t row,
                               const char *want) {
  size_t len;
  assert_in_range(row, 0, array->length - 1);
  assert_false(oa_array_is_null(array, row));
  const uint8_t *have = oa_array_dict_bytes(array, row, &len);
  assert_bytes(have, len, want, strlen(want));
}

static inline void assert_id(const oa_array *array, int64_t row,
                             const uint8_t *want, size_t width) {
  assert_in_range(row, 0, array->length - 1);
  assert_false(oa_array_is_null(array, row));
  assert_memory_equal((const uint8_t *)array->values + (size_t)row * width,
                      want, width);
}

/* Items of list ROW; *ITEMS are the columns of the items, *FIRST the first. */
static inline int64_t items_at(const oa_array *list, int64_t row,
                               const oa_array **items, int64_t *first) {
  int64_t end;
  assert_in_range(row, 0, list->length - 1);
  oa_array_range(list, row, first, &end);
  *items = list->children[0].children;
  return end - *first;
}

#endif
