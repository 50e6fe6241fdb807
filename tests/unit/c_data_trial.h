/* SPDX-License-Identifier: Apache-2.0 */
/* c_data_trial.h - batches that cross the Arrow C Data Interface, and values
 * compared one by one.
 */
#ifndef OA_TESTS_UNIT_C_DATA_TRIAL_H
#define OA_TESTS_UNIT_C_DATA_TRIAL_H

#include "arrow/c_data.h"
#include "otlp_trial.h"

/* --- telemetry --- */

static inline void read_file(const char *path, oa_buf *out) {
  uint8_t chunk[4096];
  size_t n;
  FILE *file = fopen(path, "rb");
  assert_non_null(file); /* run it at the top of the tree */
  while ((n = fread(chunk, 1, sizeof chunk, file)) > 0) {
    assert_int_equal(oa_buf_put(out, chunk, n), OA_OK);
  }
  fclose(file);
}

/* A recorded request of SIGNAL as columns, taken TIMES times. */
static inline oa_otlp_builder *golden(oa_signal signal, int times,
                                      _Atomic uint64_t *ords) {
  oa_otlp_builder *builder = NULL;
  oa_otlp_result result;
  oa_buf bytes = {0};
  char path[64];
  snprintf(path, sizeof path, "tests/golden/%s.pb", oa_signal_name(signal));
  read_file(path, &bytes);
  assert_int_equal(oa_otlp_builder_new(&builder, signal, ords), OA_OK);
  for (int i = 0; i < times; i++) {
    assert_int_equal(
        oa_otlp_decode(builder, bytes.data, bytes.len, &result, NULL), OA_OK);
  }
  oa_buf_free(&bytes);
  return builder;
}

/* --- values --- */

static inline int64_t offset_at(const oa_array *array, bool large, int64_t i) {
  if (array->offsets == NULL) {
    return 0;
  }
  return large ? ((const int64_t *)array->offsets)[i]
               : ((const int32_t *)array->offsets)[i];
}

static inline void expect_bytes(const oa_array *a, int64_t i, const oa_array *b,
                                int64_t k, bool large) {
  const int64_t from = offset_at(a, large, i);
  const int64_t at = offset_at(b, large, k);
  const int64_t len = offset_at(a, large, i + 1) - from;
  assert_int_equal(offset_at(b, large, k + 1) - at, len);
  if (len > 0) {
    assert_memory_equal((const uint8_t *)a->values + from,
                        (const uint8_t *)b->values + at, (size_t)len);
  }
}

static inline void expect_same(const oa_field *field, const oa_array *a,
                               int64_t i, const oa_array *b, int64_t k);

static inline void expect_same_items(const oa_field *field, const oa_array *a,
                                     int64_t i, const oa_array *b, int64_t k) {
  int64_t at, end, other, other_end;
  oa_array_range(a, i, &at, &end);
  oa_array_range(b, k, &other, &other_end);
  assert_int_equal(end - at, other_end - other);
  for (; at < end; at++, other++) {
    expect_same(field->children, a->children, at, b->children, other);
  }
}

static inline uint64_t raw_at(const oa_array *array, size_t width, int64_t i) {
  uint64_t value = 0;
  if (array->values != NULL) {
    memcpy(&value, (const uint8_t *)array->values + (size_t)i * width, width);
  }
  return value;
}

static inline void expect_same_fixed(size_t width, const oa_array *a, int64_t i,
                                     const oa_array *b, int64_t k) {
  static const uint8_t zeros[64];
  const uint8_t *first = a->values;
  const uint8_t *second = b->values;
  assert_true(width <= sizeof zeros);
  assert_memory_equal(first == NULL ? zeros : first + (size_t)i * width,
                      second == NULL ? zeros : second + (size_t)k * width,
                      width);
}

static inline void expect_same_plain(const oa_field *field, const oa_array *a,
                                     int64_t i, const oa_array *b, int64_t k) {
  switch (field->type) {
    case OA_TYPE_BOOL:
      assert_int_equal(a->values != NULL && oa_bit(a->values, i),
                       b->values != NULL && oa_bit(b->values, k));
      break;
    case OA_TYPE_UTF8:
    case OA_TYPE_BINARY:
      expect_bytes(a, i, b, k, false);
      break;
    case OA_TYPE_LARGE_UTF8:
    case OA_TYPE_LARGE_BINARY:
      expect_bytes(a, i, b, k, true);
      break;
    case OA_TYPE_LIST:
      expect_same_items(field, a, i, b, k);
      break;
    case OA_TYPE_STRUCT:
      for (size_t c = 0; c < field->child_count; c++) {
        expect_same(&field->children[c], &a->children[c], i, &b->children[c],
                    k);
      }
      break;
    default:
      expect_same_fixed(oa_field_width(field), a, i, b, k);
      break;
  }
}

/* Value I of A is value K of B. */
static inline void expect_same(const oa_field *field, const oa_array *a,
                               int64_t i, const oa_array *b, int64_t k) {
  const bool null = oa_array_is_null(a, i);
  assert_int_equal(null, oa_array_is_null(b, k));
  if (null) {
    return;
  }
  if (field->dictionary) {
    const size_t width = oa_type_width(field->index_type);
    oa_field values = *field;
    values.dictionary = false;
    expect_same_plain(&values, a->dictionary, (int64_t)raw_at(a, width, i),
                      b->dictionary, (int64_t)raw_at(b, width, k));
    return;
  }
  expect_same_plain(field, a, i, b, k);
}

/* COUNT rows of HAVE are those of WANT from FROM on. */
static inline void expect_rows(const oa_schema *schema, const oa_array *have,
                               int64_t count, const oa_array *want,
                               int64_t from) {
  for (size_t c = 0; c < schema->field_count; c++) {
    assert_int_equal(have[c].length, count);
    for (int64_t i = 0; i < count; i++) {
      expect_same(&schema->fields[c], &have[c], i, &want[c], from + i);
    }
  }
}

/* --- structs of somebody else --- */

/* A batch that has crossed once, with what it crossed by. */
typedef struct crossed {
  struct ArrowSchema c_schema;
  struct ArrowArray c_array;
  oa_arena arena;
  oa_schema schema;
  const oa_array *columns;
  int64_t rows;
  oa_error error;
} crossed;

static inline void export_rows(crossed *x, const oa_schema *schema,
                               const oa_array *columns, int64_t from,
                               int64_t count) {
  const oa_c_rows rows = {
      .schema = schema, .columns = columns, .from = from, .count = count};
  *x = (crossed){.rows = 0};
  oa_arena_init(&x->arena, (size_t)1 << 30);
  assert_int_equal(oa_c_schema_export(&x->c_schema, schema), OA_OK);
  assert_int_equal(oa_c_array_export(&x->c_array, &rows, (oa_c_owner){0}),
                   OA_OK);
}

static inline oa_status import_rows(crossed *x) {
  OA_TRY(oa_c_schema_import(&x->schema, &x->c_schema, &x->arena, &x->error));
  return oa_c_array_import(&x->columns, &x->rows, &x->schema, &x->c_array,
                           &x->arena, &x->error);
}

static inline void crossed_free(crossed *x) {
  oa_arena_free(&x->arena);
  if (x->c_schema.release != NULL) {
    x->c_schema.release(&x->c_schema);
  }
  if (x->c_array.release != NULL) {
    x->c_array.release(&x->c_array);
  }
}

/* --- a batch with a column of each type --- */

enum { EACH_ROWS = 11, EACH_COLUMNS = 23 };

#define EACH_PLAIN(NAME, TYPE) \
  { .name = (NAME), .type = (TYPE), .nullable = true }

static const oa_field each_item = {.name = "item", .type = OA_TYPE_INT16};
static const oa_field each_parts[] = {
    EACH_PLAIN("a", OA_TYPE_INT8),
    {.name = "t", .type = OA_TYPE_UTF8},
};
static const oa_key_value each_metadata[] = {{"k", "v"}, {"", "empty key"}};
static const oa_field each_fields[EACH_COLUMNS] = {
    EACH_PLAIN("null", OA_TYPE_NULL),
    EACH_PLAIN("bool", OA_TYPE_BOOL),
    EACH_PLAIN("i8", OA_TYPE_INT8),
    EACH_PLAIN("i16", OA_TYPE_INT16),
    EACH_PLAIN("i32", OA_TYPE_INT32),
    EACH_PLAIN("i64", OA_TYPE_INT64),
    EACH_PLAIN("u8", OA_TYPE_UINT8),
    EACH_PLAIN("u16", OA_TYPE_UINT16),
    EACH_PLAIN("u32", OA_TYPE_UINT32),
    EACH_PLAIN("u64", OA_TYPE_UINT64),
    EACH_PLAIN("f32", OA_TYPE_FLOAT),
    EACH_PLAIN("f64", OA_TYPE_DOUBLE),
    {.name = "ts", .type = OA_TYPE_TIMESTAMP, .unit = OA_UNIT_MICRO},
    {.name = "tz",
     .type = OA_TYPE_TIMESTAMP,
     .nullable = true,
     .unit = OA_UNIT_NANO,
     .timezone = "Europe/Berlin"},
    {.name = "d", .type = OA_TYPE_DURATION, .unit = OA_UNIT_SECOND},
    EACH_PLAIN("u", OA_TYPE_UTF8),
    EACH_PLAIN("z", OA_TYPE_BINARY),
    EACH_PLAIN("U", OA_TYPE_LARGE_UTF8),
    EACH_PLAIN("Z", OA_TYPE_LARGE_BINARY),
    {.name = "w",
     .type = OA_TYPE_FIXED_BINARY,
     .nullable = true,
     .width = 5,
     .metadata = each_metadata,
     .metadata_count = 2},
    {.name = "l",
     .type = OA_TYPE_LIST,
     .nullable = true,
     .children = &each_item,
     .child_count = 1},
    {.name = "s",
     .type = OA_TYPE_STRUCT,
     .nullable = true,
     .children = each_parts,
     .child_count = 2},
    {.name = "dict",
     .type = OA_TYPE_LARGE_UTF8,
     .nullable = true,
     .dictionary = true,
     .index_type = OA_TYPE_UINT8},
};
static const oa_schema each_schema = {each_fields, EACH_COLUMNS, each_metadata,
                                      2};

/* Buffers that all columns share: what counts is how they are read. */
typedef struct each {
  uint8_t bits[2];
  uint8_t bytes[EACH_ROWS * 8];
  int32_t narrow[EACH_ROWS + 1];
  int64_t wide[EACH_ROWS + 1];
  uint8_t indices[EACH_ROWS];
  oa_array parts[2], item, values;
  oa_array columns[EACH_COLUMNS];
} each;

static inline oa_array each_array(const each *e, const oa_field *field) {
  oa_array array = {.length = EACH_ROWS, .values = e->bytes};
  if (field->nullable) {
    array.validity = e->bits;
    array.null_count = 3;
  }
  switch (field->type) {
    case OA_TYPE_NULL:
      return (oa_array){.length = EACH_ROWS, .null_count = EACH_ROWS};
    case OA_TYPE_LARGE_UTF8:
    case OA_TYPE_LARGE_BINARY:
      array.offsets = e->wide;
      array.values_size = sizeof e->bytes;
      break;
    case OA_TYPE_UTF8:
    case OA_TYPE_BINARY:
    case OA_TYPE_LIST:
      array.offsets = e->narrow;
      array.values_size = sizeof e->bytes;
      break;
    default:
      array.values_size = EACH_ROWS * oa_field_width(field);
      break;
  }
  if (field->type == OA_TYPE_LIST || field->type == OA_TYPE_STRUCT) {
    array.values = NULL;
    array.children = field->type == OA_TYPE_LIST ? &e->item : e->parts;
  }
  return array;
}

static inline void each_init(each *e) {
  *e = (each){.bits = {0xB7, 0x06}}; /* rows 3, 6 and 8 are null */
  for (size_t i = 0; i < sizeof e->bytes; i++) {
    e->bytes[i] = (uint8_t)('a' + i % 26);
  }
  for (int i = 0; i <= EACH_ROWS; i++) {
    e->narrow[i] = i * 7 / 2;
    e->wide[i] = e->narrow[i];
  }
  for (size_t i = 0; i < EACH_ROWS; i++) {
    e->indices[i] = (uint8_t)(i % 4);
  }
  e->item = (oa_array){.length = EACH_ROWS * 4, .values = e->bytes};
  e->values = (oa_array){.length = 4, .offsets = e->wide, .values = e->bytes};
  for (size_t i = 0; i < 2; i++) {
    e->parts[i] = each_array(e, &each_parts[i]);
  }
  for (size_t i = 0; i < EACH_COLUMNS; i++) {
    e->columns[i] = each_array(e, &each_fields[i]);
  }
  e->columns[EACH_COLUMNS - 1] = (oa_array){.length = EACH_ROWS,
                                            .null_count = 3,
                                            .validity = e->bits,
                                            .values = e->indices,
                                            .values_size = EACH_ROWS,
                                            .dictionary = &e->values};
}

#endif
