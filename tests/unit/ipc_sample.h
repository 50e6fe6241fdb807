/* SPDX-License-Identifier: Apache-2.0 */
/* ipc_sample.h - seeded arrays for any schema, and their comparison.
 *
 * For the tests of the IPC writer and reader.
 */
#ifndef OA_TESTS_UNIT_IPC_SAMPLE_H
#define OA_TESTS_UNIT_IPC_SAMPLE_H

#include <stdlib.h>
#include <string.h>

#include "arrow/array.h"
#include "arrow/ipc_write.h"
#include "base/arena.h"
#include "base/buf.h"

typedef enum sample_style {
  SAMPLE_MIXED,    /* some values null where the field allows it */
  SAMPLE_FULL,     /* no nulls */
  SAMPLE_ALL_NULL, /* the short-hand: nothing but counts */
  SAMPLE_ZERO,     /* the other one: buffers of zeros */
  SAMPLE_STYLES
} sample_style;

typedef struct sampler {
  oa_arena arena;
  uint64_t state;
  sample_style style;
  int max_items; /* of a list */
} sampler;

static inline uint64_t sample_next(sampler *s) {
  s->state ^= s->state << 13;
  s->state ^= s->state >> 7;
  s->state ^= s->state << 17;
  return s->state;
}

static inline void *sample_take(sampler *s, size_t size) {
  void *block = NULL;
  if (oa_arena_get_zeroed(&s->arena, size + 1, 1, &block) != OA_OK) {
    abort();
  }
  return block;
}

static inline void sample_validity(sampler *s, oa_array *out, bool nullable) {
  if (s->style != SAMPLE_MIXED || !nullable) {
    return;
  }
  uint8_t *bits = sample_take(s, (size_t)out->length / 8 + 1);
  for (int64_t i = 0; i < out->length; i++) {
    if (sample_next(s) % 4 != 0) {
      bits[i / 8] |= (uint8_t)(1U << (i % 8));
    } else {
      out->null_count++;
    }
  }
  out->validity = out->null_count == 0 ? NULL : bits;
}

static inline void sample_fixed(sampler *s, oa_array *out, size_t width) {
  out->values_size = (size_t)out->length * width;
  uint8_t *bytes = sample_take(s, out->values_size);
  for (size_t i = 0; i < out->values_size; i++) {
    bytes[i] = (uint8_t)(sample_next(s) >> 32);
  }
  out->values = bytes;
}

/* Finite numbers and times that every reader can hold. */
static inline void sample_numbers(sampler *s, const oa_field *field,
                                  oa_array *out) {
  sample_fixed(s, out, oa_field_width(field));
  uint8_t *bytes = sample_take(s, out->values_size);
  for (int64_t i = 0; i < out->length; i++) {
    if (field->type == OA_TYPE_DOUBLE) {
      const double value = (double)(sample_next(s) % 1000) / 8;
      memcpy(bytes + i * 8, &value, 8);
    } else if (field->type == OA_TYPE_FLOAT) {
      const float value = (float)(sample_next(s) % 1000) / 8;
      memcpy(bytes + i * 4, &value, 4);
    } else {
      const int64_t value =
          INT64_C(1700000000000000000) + (int64_t)(sample_next(s) % 1000000000);
      memcpy(bytes + i * 8, &value, 8);
    }
  }
  out->values = bytes;
}

static inline void sample_strings(sampler *s, oa_array *out, bool large,
                                  bool distinct) {
  const size_t width = large ? 8 : 4;
  uint8_t *offsets = sample_take(s, ((size_t)out->length + 1) * width);
  uint8_t *bytes = sample_take(s, (size_t)out->length * 24);
  int64_t at = 0;
  for (int64_t i = 0; i < out->length; i++) {
    char text[24];
    const size_t len = sample_next(s) % 12;
    memset(text, 'a' + (int)(i % 26), len);
    memcpy(bytes + at, text, len);
    at += (int64_t)len;
    if (distinct) {
      for (int64_t rest = i + 1; rest > 0; rest /= 10) {
        bytes[at++] = (uint8_t)('0' + rest % 10);
      }
    }
    memcpy(offsets + (size_t)(i + 1) * width, &at, width);
  }
  out->offsets = offsets;
  out->values = bytes;
  out->values_size = (size_t)at;
}

static inline oa_array sample_array(sampler *s, const oa_field *field,
                                    int64_t length);

static inline void sample_dictionary(sampler *s, const oa_field *field,
                                     oa_array *out) {
  const int64_t count = out->length < 100 ? out->length + 1 : 100;
  oa_field values = *field;
  oa_array *dictionary = sample_take(s, sizeof *dictionary);
  const sample_style style = s->style;
  values.dictionary = false;
  values.nullable = false;
  s->style = SAMPLE_FULL;
  *dictionary = sample_array(s, &values, count);
  s->style = style;
  const size_t width = oa_type_width(field->index_type);
  uint8_t *indices = sample_take(s, (size_t)out->length * width);
  for (int64_t i = 0; i < out->length; i++) {
    const uint64_t index = sample_next(s) % (uint64_t)count;
    memcpy(indices + (size_t)i * width, &index, width);
  }
  out->dictionary = dictionary;
  out->values = indices;
  out->values_size = (size_t)out->length * width;
}

static inline void sample_children(sampler *s, const oa_field *field,
                                   int64_t length, oa_array *out) {
  oa_array *children = sample_take(s, field->child_count * sizeof *children);
  for (size_t i = 0; i < field->child_count; i++) {
    children[i] = sample_array(s, &field->children[i], length);
  }
  out->children = children;
}

static inline void sample_list(sampler *s, const oa_field *field,
                               oa_array *out) {
  int32_t *offsets = sample_take(s, ((size_t)out->length + 1) * 4);
  int32_t at = 0;
  for (int64_t i = 0; i < out->length; i++) {
    at += (int32_t)(sample_next(s) % (unsigned)(s->max_items + 1));
    offsets[i + 1] = at;
  }
  out->offsets = offsets;
  sample_children(s, field, at, out);
}

/* The short-hands: no buffers at all. */
static inline void sample_short(sampler *s, const oa_field *field,
                                oa_array *out) {
  if (s->style == SAMPLE_ALL_NULL && field->nullable) {
    out->null_count = out->length;
  }
  if (field->type == OA_TYPE_LIST) {
    sample_children(s, field, 0, out);
  } else if (field->type == OA_TYPE_STRUCT) {
    sample_children(s, field, out->length, out);
  } else if (field->dictionary && out->null_count < out->length) {
    sample_dictionary(s, field, out);
    out->values = NULL;
  }
}

static inline oa_array sample_array(sampler *s, const oa_field *field,
                                    int64_t length) {
  oa_array out = {.length = length};
  if (field->type == OA_TYPE_NULL) {
    out.null_count = length;
    return out;
  }
  if (s->style == SAMPLE_ALL_NULL || s->style == SAMPLE_ZERO) {
    sample_short(s, field, &out);
    return out;
  }
  sample_validity(s, &out, field->nullable);
  if (field->dictionary) {
    sample_dictionary(s, field, &out);
    return out;
  }
  switch (field->type) {
    case OA_TYPE_BOOL:
      out.length = (length + 7) / 8;
      sample_fixed(s, &out, 1);
      out.length = length;
      break;
    case OA_TYPE_UTF8:
    case OA_TYPE_BINARY:
      sample_strings(s, &out, false, true);
      break;
    case OA_TYPE_LARGE_UTF8:
    case OA_TYPE_LARGE_BINARY:
      sample_strings(s, &out, true, true);
      break;
    case OA_TYPE_LIST:
      sample_list(s, field, &out);
      break;
    case OA_TYPE_STRUCT:
      sample_children(s, field, length, &out);
      break;
    case OA_TYPE_FLOAT:
    case OA_TYPE_DOUBLE:
    case OA_TYPE_TIMESTAMP:
    case OA_TYPE_DURATION:
      sample_numbers(s, field, &out);
      break;
    default:
      sample_fixed(s, &out, oa_field_width(field));
      break;
  }
  return out;
}

static inline oa_array *sample_columns(sampler *s, const oa_schema *schema,
                                       int64_t rows, sample_style style) {
  oa_array *columns = sample_take(s, schema->field_count * sizeof *columns);
  s->style = style;
  for (size_t i = 0; i < schema->field_count; i++) {
    columns[i] = sample_array(s, &schema->fields[i], rows);
  }
  return columns;
}

static inline sampler sample_open(uint64_t seed) {
  sampler s = {.state = seed * 2654435761U + 1, .max_items = 5};
  oa_arena_init(&s.arena, SIZE_MAX);
  return s;
}

/* --- comparison --- */

static inline const uint8_t *sample_bytes(const oa_field *field,
                                          const oa_array *array, int64_t i,
                                          size_t *len) {
  if (field->type == OA_TYPE_LARGE_UTF8 ||
      field->type == OA_TYPE_LARGE_BINARY) {
    const int64_t *offsets = array->offsets;
    *len = offsets == NULL ? 0 : (size_t)(offsets[i + 1] - offsets[i]);
    return *len == 0 ? (const uint8_t *)""
                     : (const uint8_t *)array->values + offsets[i];
  }
  return oa_array_bytes(array, i, len);
}

static inline uint64_t sample_word(const oa_array *array, int64_t i,
                                   size_t width) {
  uint64_t word = 0;
  if (array->values != NULL) {
    memcpy(&word, (const uint8_t *)array->values + (size_t)i * width, width);
  }
  return word;
}

/* The value of row I, valid in both. */
static inline bool sample_same_value(const oa_field *field, const oa_array *a,
                                     int64_t i, const oa_array *b, int64_t j) {
  if (field->dictionary) {
    oa_field plain = *field;
    plain.dictionary = false;
    const size_t width = oa_type_width(field->index_type);
    return sample_same_value(&plain, a->dictionary,
                             (int64_t)sample_word(a, i, width), b->dictionary,
                             (int64_t)sample_word(b, j, width));
  }
  if (field->type == OA_TYPE_BOOL) {
    const bool x = a->values != NULL && oa_bit(a->values, i);
    const bool y = b->values != NULL && oa_bit(b->values, j);
    return x == y;
  }
  if (field->type == OA_TYPE_UTF8 || field->type == OA_TYPE_BINARY ||
      field->type == OA_TYPE_LARGE_UTF8 ||
      field->type == OA_TYPE_LARGE_BINARY) {
    size_t x = 0;
    size_t y = 0;
    const uint8_t *left = sample_bytes(field, a, i, &x);
    const uint8_t *right = sample_bytes(field, b, j, &y);
    return x == y && memcmp(left, right, x) == 0;
  }
  const size_t width = oa_field_width(field);
  for (size_t k = 0; k < width; k++) {
    const size_t at = (size_t)i * width + k;
    const size_t to = (size_t)j * width + k;
    const uint8_t x = a->values == NULL ? 0 : ((const uint8_t *)a->values)[at];
    const uint8_t y = b->values == NULL ? 0 : ((const uint8_t *)b->values)[to];
    if (x != y) {
      return false;
    }
  }
  return true;
}

static inline bool sample_equal(const oa_field *field, const oa_array *a,
                                const oa_array *b) {
  if (a->length != b->length || a->null_count != b->null_count) {
    return false;
  }
  for (int64_t i = 0; i < a->length && field->type != OA_TYPE_NULL; i++) {
    if (oa_array_is_null(a, i) != oa_array_is_null(b, i)) {
      return false;
    }
    if (field->type == OA_TYPE_LIST) {
      int64_t x[2];
      int64_t y[2];
      oa_array_range(a, i, &x[0], &x[1]);
      oa_array_range(b, i, &y[0], &y[1]);
      if (x[0] != y[0] || x[1] != y[1]) {
        return false;
      }
    } else if (field->type != OA_TYPE_STRUCT && !oa_array_is_null(a, i) &&
               !sample_same_value(field, a, i, b, i)) {
      return false;
    }
  }
  for (size_t i = 0; i < field->child_count; i++) {
    if (!sample_equal(&field->children[i], &a->children[i], &b->children[i])) {
      return false;
    }
  }
  return true;
}

static inline bool sample_all_equal(const oa_schema *schema, const oa_array *a,
                                    const oa_array *b) {
  for (size_t i = 0; i < schema->field_count; i++) {
    if (!sample_equal(&schema->fields[i], &a[i], &b[i])) {
      return false;
    }
  }
  return true;
}

/* --- a schema with every type --- */

#define SAMPLE_PLAIN(NAME, TYPE) \
  { .name = (NAME), .type = (TYPE), .nullable = true }
#define SAMPLE_DICT(NAME, TYPE, INDEX)                                    \
  {                                                                       \
    .name = (NAME), .type = (TYPE), .nullable = true, .dictionary = true, \
    .index_type = (INDEX)                                                 \
  }

static const oa_field sample_inner_fields[] = {
    SAMPLE_DICT("key", OA_TYPE_UTF8, OA_TYPE_INT32),
    SAMPLE_PLAIN("flag", OA_TYPE_BOOL),
    SAMPLE_PLAIN("bytes", OA_TYPE_BINARY),
};
static const oa_field sample_inner = {.name = "item",
                                      .type = OA_TYPE_STRUCT,
                                      .nullable = true,
                                      .children = sample_inner_fields,
                                      .child_count = 3};
static const oa_field sample_outer_fields[] = {
    {.name = "attributes",
     .type = OA_TYPE_LIST,
     .nullable = true,
     .children = &sample_inner,
     .child_count = 1},
    {.name = "id", .type = OA_TYPE_FIXED_BINARY, .nullable = true, .width = 8},
};
static const oa_field sample_outer = {.name = "item",
                                      .type = OA_TYPE_STRUCT,
                                      .nullable = false,
                                      .children = sample_outer_fields,
                                      .child_count = 2};
static const oa_key_value sample_pairs[] = {{"who", "test"}, {"empty", ""}};
static const oa_field sample_fields[] = {
    SAMPLE_PLAIN("nothing", OA_TYPE_NULL),
    SAMPLE_PLAIN("bool", OA_TYPE_BOOL),
    SAMPLE_PLAIN("i8", OA_TYPE_INT8),
    SAMPLE_PLAIN("i16", OA_TYPE_INT16),
    SAMPLE_PLAIN("i32", OA_TYPE_INT32),
    SAMPLE_PLAIN("i64", OA_TYPE_INT64),
    SAMPLE_PLAIN("u8", OA_TYPE_UINT8),
    SAMPLE_PLAIN("u16", OA_TYPE_UINT16),
    SAMPLE_PLAIN("u32", OA_TYPE_UINT32),
    SAMPLE_PLAIN("u64", OA_TYPE_UINT64),
    SAMPLE_PLAIN("f32", OA_TYPE_FLOAT),
    SAMPLE_PLAIN("f64", OA_TYPE_DOUBLE),
    {.name = "at",
     .type = OA_TYPE_TIMESTAMP,
     .nullable = true,
     .unit = OA_UNIT_NANO,
     .timezone = "UTC"},
    {.name = "local",
     .type = OA_TYPE_TIMESTAMP,
     .nullable = true,
     .unit = OA_UNIT_NANO},
    {.name = "took",
     .type = OA_TYPE_DURATION,
     .nullable = true,
     .unit = OA_UNIT_NANO},
    SAMPLE_PLAIN("text", OA_TYPE_UTF8),
    SAMPLE_PLAIN("data", OA_TYPE_BINARY),
    SAMPLE_PLAIN("large_text", OA_TYPE_LARGE_UTF8),
    SAMPLE_PLAIN("large_data", OA_TYPE_LARGE_BINARY),
    {.name = "trace_id",
     .type = OA_TYPE_FIXED_BINARY,
     .nullable = true,
     .width = 16,
     .metadata = sample_pairs,
     .metadata_count = 2},
    {.name = "required", .type = OA_TYPE_INT64},
    SAMPLE_DICT("d_i8", OA_TYPE_UTF8, OA_TYPE_INT8),
    SAMPLE_DICT("d_u8", OA_TYPE_UTF8, OA_TYPE_UINT8),
    SAMPLE_DICT("d_i16", OA_TYPE_UTF8, OA_TYPE_INT16),
    SAMPLE_DICT("d_u16", OA_TYPE_BINARY, OA_TYPE_UINT16),
    SAMPLE_DICT("d_u32", OA_TYPE_INT64, OA_TYPE_UINT32),
    SAMPLE_DICT("d_i64", OA_TYPE_LARGE_UTF8, OA_TYPE_INT64),
    SAMPLE_DICT("d_u64", OA_TYPE_DURATION, OA_TYPE_UINT64),
    {.name = "events",
     .type = OA_TYPE_LIST,
     .nullable = true,
     .children = &sample_outer,
     .child_count = 1},
    {.name = "hollow", .type = OA_TYPE_STRUCT, .nullable = true},
};
enum { SAMPLE_FIELDS = sizeof sample_fields / sizeof sample_fields[0] };
static const oa_schema sample_schema = {.fields = sample_fields,
                                        .field_count = SAMPLE_FIELDS,
                                        .metadata = sample_pairs,
                                        .metadata_count = 2};

static inline void sample_append(oa_buf *out, const oa_ipc_pieces *pieces) {
  uint64_t size = 0;
  for (size_t i = 0; i < pieces->count; i++) {
    if (oa_buf_put(out, pieces->iov[i].iov_base, pieces->iov[i].iov_len) !=
        OA_OK) {
      abort();
    }
    size += pieces->iov[i].iov_len;
  }
  if (size != pieces->size) {
    abort();
  }
}

/* A stream of BATCHES batches, committed, with its end. */
static inline oa_buf sample_stream(const oa_schema *schema, oa_coding codec,
                                   const oa_array *const *batches, size_t count,
                                   int64_t rows) {
  oa_ipc_writer *writer = NULL;
  oa_ipc_pieces pieces;
  oa_buf out = {0};
  if (oa_ipc_writer_new(&writer, schema, codec, 0) != OA_OK ||
      oa_ipc_write_schema(writer, &pieces) != OA_OK) {
    abort();
  }
  sample_append(&out, &pieces);
  for (size_t i = 0; i < count; i++) {
    if (oa_ipc_write_batch(writer, batches[i], rows, &pieces) != OA_OK) {
      abort();
    }
    sample_append(&out, &pieces);
    oa_ipc_writer_commit(writer);
  }
  oa_ipc_write_end(&pieces);
  sample_append(&out, &pieces);
  oa_ipc_writer_free(writer);
  return out;
}

#endif
