/* SPDX-License-Identifier: Apache-2.0 */
/* append_trial.h - batches of other writers, put together column by column.
 *
 * For the tests of oa_otlp_append().  Arrays live as long as the batch and
 * stand in heap blocks of exactly their size: reading past one is found.
 */
#ifndef OA_TESTS_UNIT_APPEND_TRIAL_H
#define OA_TESTS_UNIT_APPEND_TRIAL_H

#include "otlp_trial.h"

enum { BATCH_COLUMNS = 24, BATCH_BLOCKS = 160, ALL_VALID = -1 };

typedef struct batch {
  int64_t rows;
  oa_field fields[BATCH_COLUMNS];
  oa_array columns[BATCH_COLUMNS];
  size_t count;
  void *blocks[BATCH_BLOCKS];
  size_t block_count;
} batch;

static inline void batch_free(batch *b) {
  for (size_t i = 0; i < b->block_count; i++) {
    free(b->blocks[i]);
  }
  *b = (batch){0};
}

static inline void *keep(batch *b, const void *bytes, size_t size) {
  void *block = malloc(size > 0 ? size : 1);
  assert_non_null(block);
  assert_true(b->block_count < BATCH_BLOCKS);
  b->blocks[b->block_count++] = block;
  if (size > 0) {
    memcpy(block, bytes, size);
  }
  return block;
}

/* VALID holds a bit for each row, the first one lowest. */
static inline void set_valid(batch *b, oa_array *array, int valid) {
  const uint64_t all = (UINT64_C(1) << array->length) - 1;
  const uint64_t bits = (uint64_t)(int64_t)valid & all;
  const uint8_t bytes[8] = {(uint8_t)bits, (uint8_t)(bits >> 8)};
  assert_true(array->length <= 16);
  array->null_count = array->length - __builtin_popcountll(bits);
  if (array->null_count != 0) {
    array->validity = keep(b, bytes, ((size_t)array->length + 7) / 8);
  }
}

static inline oa_array *add(batch *b, oa_field field, oa_array array) {
  assert_true(b->count < BATCH_COLUMNS);
  b->fields[b->count] = field;
  b->columns[b->count] = array;
  return &b->columns[b->count++];
}

/* WIDTH bytes for each of ROWS values. */
static inline oa_array values_array(batch *b, int64_t rows, const void *values,
                                    size_t width, int valid) {
  oa_array array = {.length = rows,
                    .values = keep(b, values, (size_t)rows * width),
                    .values_size = (size_t)rows * width};
  set_valid(b, &array, valid);
  return array;
}

static inline oa_array *add_values(batch *b, const char *name, oa_type type,
                                   const void *values, int valid) {
  const oa_field field = {.name = name, .type = type, .nullable = true};
  return add(b, field,
             values_array(b, b->rows, values, oa_type_width(type), valid));
}

static inline oa_array *add_fixed(batch *b, const char *name, int32_t width,
                                  const void *values, int valid) {
  const oa_field field = {.name = name,
                          .type = OA_TYPE_FIXED_BINARY,
                          .nullable = true,
                          .width = width};
  return add(b, field, values_array(b, b->rows, values, (size_t)width, valid));
}

/* NULL in TEXTS is a null, with bytes under it all the same. */
static inline oa_array texts_array(batch *b, int64_t rows, bool large,
                                   const char *const *texts) {
  int32_t narrow[64] = {0};
  int64_t wide[64] = {0};
  char bytes[4096];
  size_t used = 0;
  int valid = 0;
  assert_in_range(rows, 0, 63);
  for (int64_t i = 0; i < rows; i++) {
    const char *text = texts[i] == NULL ? "under null" : texts[i];
    valid |= texts[i] == NULL ? 0 : 1 << i;
    memcpy(bytes + used, text, strlen(text));
    used += strlen(text);
    wide[i + 1] = (int64_t)used;
    narrow[i + 1] = (int32_t)used;
  }
  const size_t ends = (size_t)rows + 1;
  oa_array array = {.length = rows,
                    .offsets = large ? keep(b, wide, ends * sizeof *wide)
                                     : keep(b, narrow, ends * sizeof *narrow),
                    .values = keep(b, bytes, used),
                    .values_size = used};
  set_valid(b, &array, valid);
  return array;
}

static inline bool is_large(oa_type type) {
  return type == OA_TYPE_LARGE_UTF8 || type == OA_TYPE_LARGE_BINARY;
}

static inline oa_array *add_texts(batch *b, const char *name, oa_type type,
                                  const char *const *texts) {
  const oa_field field = {.name = name, .type = type, .nullable = true};
  return add(b, field, texts_array(b, b->rows, is_large(type), texts));
}

/* Indices of INDEX_TYPE into COUNT texts. */
static inline oa_array *add_dictionary(batch *b, const char *name, oa_type type,
                                       oa_type index_type, const void *indices,
                                       int valid, const char *const *texts,
                                       int64_t count) {
  const oa_field field = {.name = name,
                          .type = type,
                          .nullable = true,
                          .dictionary = true,
                          .index_type = index_type};
  const oa_array values = texts_array(b, count, is_large(type), texts);
  oa_array array =
      values_array(b, b->rows, indices, oa_type_width(index_type), valid);
  array.dictionary = keep(b, &values, sizeof values);
  return add(b, field, array);
}

/* A list of structs whose FIELDS and COLUMNS the caller has made; OFFSETS are
 * rows + 1. */
static inline oa_array *add_structs(batch *b, const char *name,
                                    const int32_t *offsets,
                                    const oa_field *fields,
                                    const oa_array *columns, size_t count) {
  const oa_field item = {.name = "element",
                         .type = OA_TYPE_STRUCT,
                         .children = keep(b, fields, count * sizeof *fields),
                         .child_count = count};
  const oa_field field = {.name = name,
                          .type = OA_TYPE_LIST,
                          .nullable = true,
                          .children = keep(b, &item, sizeof item),
                          .child_count = 1};
  const oa_array items = {
      .length = offsets[b->rows],
      .children = keep(b, columns, count * sizeof *columns)};
  const oa_array array = {
      .length = b->rows,
      .offsets = keep(b, offsets, ((size_t)b->rows + 1) * sizeof *offsets),
      .children = keep(b, &items, sizeof items)};
  return add(b, field, array);
}

/* Attributes "k" of TYPES, as many as OFFSETS (rows + 1) say; each value column
 * is given by its texts or values, or left out. */
typedef struct attribute_columns {
  const uint8_t *types;
  const char *const *str;
  const int64_t *ints;
  int ints_valid;
  const char *const *bytes;
  const char *const *ser;
} attribute_columns;

static inline oa_array *add_attributes(batch *b, const char *name,
                                       const int32_t *offsets,
                                       const attribute_columns *c) {
  static const char *const keys[] = {"k", "k", "k", "k", "k", "k", "k", "k"};
  const int64_t items = offsets[b->rows];
  oa_field fields[6] = {{.name = "key", .type = OA_TYPE_UTF8},
                        {.name = "type", .type = OA_TYPE_UINT8}};
  oa_array columns[6] = {texts_array(b, items, false, keys),
                         values_array(b, items, c->types, 1, ALL_VALID)};
  size_t count = 2;
  if (c->str != NULL) {
    fields[count] =
        (oa_field){.name = "str", .type = OA_TYPE_UTF8, .nullable = true};
    columns[count++] = texts_array(b, items, false, c->str);
  }
  if (c->ints != NULL) {
    fields[count] =
        (oa_field){.name = "int", .type = OA_TYPE_INT64, .nullable = true};
    columns[count++] = values_array(b, items, c->ints, 8, c->ints_valid);
  }
  if (c->bytes != NULL) {
    fields[count] =
        (oa_field){.name = "bytes", .type = OA_TYPE_BINARY, .nullable = true};
    columns[count++] = texts_array(b, items, false, c->bytes);
  }
  if (c->ser != NULL) {
    fields[count] =
        (oa_field){.name = "ser", .type = OA_TYPE_BINARY, .nullable = true};
    columns[count++] = texts_array(b, items, false, c->ser);
  }
  return add_structs(b, name, offsets, fields, columns, count);
}

/* The columns that every batch of spans must have, for up to four rows. */
static inline batch spans(int64_t rows) {
  static const char *const names[] = {"one", "two", "three", "four"};
  static const uint8_t ids[65] =
      "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
  batch b = {.rows = rows};
  add_fixed(&b, "trace_id", 16, ids, ALL_VALID);
  add_fixed(&b, "span_id", 8, ids, ALL_VALID);
  add_texts(&b, "name", OA_TYPE_UTF8, names);
  return b;
}

static inline batch logs(int64_t rows) {
  static const char *const bodies[] = {"one", "two", "three", "four"};
  static const uint64_t times[] = {1, 2, 3, 4};
  batch b = {.rows = rows};
  add_values(&b, "time_unix_nano", OA_TYPE_UINT64, times, ALL_VALID);
  add_texts(&b, "body", OA_TYPE_UTF8, bodies);
  return b;
}

/* TYPES are rows metric types. */
static inline batch points(int64_t rows, const uint8_t *types) {
  static const char *const names[] = {"one", "two", "three", "four"};
  static const uint64_t times[] = {1, 2, 3, 4};
  batch b = {.rows = rows};
  add_values(&b, "time_unix_nano", OA_TYPE_UINT64, times, ALL_VALID);
  add_texts(&b, "metric_name", OA_TYPE_UTF8, names);
  add_values(&b, "metric_type", OA_TYPE_UINT8, types, ALL_VALID);
  return b;
}

static inline oa_status append(trial *t, const batch *b) {
  const oa_schema schema = {.fields = b->fields, .field_count = b->count};
  t->error = (oa_error){0};
  return oa_otlp_append(t->builder, &schema, b->columns, b->rows, &t->result,
                        &t->error);
}

/* Appends B, of which nothing may be left out, and frees it. */
static inline void append_all(trial *t, batch *b) {
  if (append(t, b) != OA_OK) {
    fail_msg("%s", t->error.text);
  }
  if (t->result.reason[0] != '\0') {
    fail_msg("%s", t->result.reason);
  }
  batch_free(b);
}

/* Appends B and frees it: ROWS rows are left out, for REASON. */
static inline void append_refused(trial *t, batch *b, uint64_t rows,
                                  const char *reason) {
  const int64_t before = rows_of(t);
  const int64_t given = b->rows;
  if (append(t, b) != OA_OK) {
    fail_msg("%s", t->error.text);
  }
  batch_free(b);
  assert_string_equal(t->result.reason, reason);
  assert_int_equal(t->result.rejected, rows);
  assert_int_equal(rows_of(t), before + given - (int64_t)rows);
  oa_buf bytes = encoded(t); /* what is left is whole */
  oa_buf_free(&bytes);
}

/* A batch that is not taken at all; frees it. */
static inline void append_fails(trial *t, batch *b, oa_status want,
                                const char *text) {
  const oa_builder_mark mark = mark_of(t);
  assert_int_equal(append(t, b), want);
  batch_free(b);
  assert_string_equal(t->error.text, text);
  assert_mark(t, &mark);
}

#endif
