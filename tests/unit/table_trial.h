/* SPDX-License-Identifier: Apache-2.0 */
/* table_trial.h - a table with every kind of column, beside a model of its rows
 * that is too simple to be wrong.
 */
#ifndef OA_TESTS_UNIT_TABLE_TRIAL_H
#define OA_TESTS_UNIT_TABLE_TRIAL_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "arrow/table.h"
#include "base/mem.h"

/* --- a schema with every kind of column --- */

enum { BOOL, U8, U32, U64, ID, TEXT, RAW, NAME, TAG, LEAVES };
enum { BOTH = 2 * LEAVES, COUNTS = BOTH, SPARE, PAIRS, COLUMNS };

static const oa_field count_item = {.name = "item", .type = OA_TYPE_UINT64};
static const oa_field pair_fields[] = {
    {.name = "key",
     .type = OA_TYPE_UTF8,
     .dictionary = true,
     .index_type = OA_TYPE_INT32},
    {.name = "value", .type = OA_TYPE_UTF8, .nullable = true},
    {.name = "on", .type = OA_TYPE_BOOL, .nullable = true},
};
static const oa_field pair_item = {.name = "item",
                                   .type = OA_TYPE_STRUCT,
                                   .children = pair_fields,
                                   .child_count = 3};

/* Every type twice: nullable first. */
#define LEAF(NULLABLE)                                                 \
  {.name = "b", .type = OA_TYPE_BOOL, .nullable = (NULLABLE)},         \
      {.name = "u8", .type = OA_TYPE_UINT8, .nullable = (NULLABLE)},   \
      {.name = "u32", .type = OA_TYPE_UINT32, .nullable = (NULLABLE)}, \
      {.name = "u64", .type = OA_TYPE_UINT64, .nullable = (NULLABLE)}, \
      {.name = "id",                                                   \
       .type = OA_TYPE_FIXED_BINARY,                                   \
       .width = 16,                                                    \
       .nullable = (NULLABLE)},                                        \
      {.name = "text", .type = OA_TYPE_UTF8, .nullable = (NULLABLE)},  \
      {.name = "raw", .type = OA_TYPE_BINARY, .nullable = (NULLABLE)}, \
      {.name = "name",                                                 \
       .type = OA_TYPE_UTF8,                                           \
       .dictionary = true,                                             \
       .index_type = OA_TYPE_INT32,                                    \
       .nullable = (NULLABLE)},                                        \
  {                                                                    \
    .name = "tag", .type = OA_TYPE_BINARY, .dictionary = true,         \
    .index_type = OA_TYPE_INT32, .nullable = (NULLABLE)                \
  }

static const oa_field fields[COLUMNS] = {
    LEAF(true),
    LEAF(false),
    {.name = "counts",
     .type = OA_TYPE_LIST,
     .nullable = true,
     .children = &count_item,
     .child_count = 1},
    {.name = "spare", .type = OA_TYPE_TIMESTAMP, .nullable = true},
    {.name = "pairs",
     .type = OA_TYPE_LIST,
     .children = &pair_item,
     .child_count = 1},
};

/* --- the model: rows of small numbers, -1 for nothing --- */

enum { ROWS = 3000, ITEMS = 4, NOTHING = -1, CHANCES = BOTH + 2 };

/* Every value is made from one number, so the model keeps that only. */
typedef struct row {
  int leaf[BOTH];
  int counts; /* items; their values are made from the row's seed */
  int pairs;
  uint32_t seed;
} row;

typedef struct world {
  oa_table_tree tree;
  oa_table table;
  row *rows;
  uint32_t count;
  uint64_t seed;
  /* What is put at the moment: in a dense column nobody leaves gaps. */
  uint32_t percent[CHANCES];
} world;

static inline uint32_t draw(world *w) {
  w->seed ^= w->seed << 13;
  w->seed ^= w->seed >> 7;
  w->seed ^= w->seed << 17;
  return (uint32_t)(w->seed >> 20);
}

static inline oa_column *column(world *w, size_t i) {
  return &w->table.columns[i];
}

/* Bytes for number V: of many lengths, also none; V % 9 == 0 is no UTF-8. */
static inline size_t bytes_of(int v, bool text, uint8_t out[64]) {
  size_t len = (size_t)v % 23;
  for (size_t i = 0; i < len; i++) {
    out[i] = (uint8_t)('a' + (v + (int)i) % 26);
  }
  if (len > 0 && v % 9 == 0) {
    out[0] = 0xFF;
  }
  if (len > 0 && v % 9 == 0 && text) {
    /* As it will be stored. */
    memmove(out + 3, out + 1, len - 1);
    memcpy(out, "\xEF\xBF\xBD", 3);
    len += 2;
  }
  return len;
}

static inline void id_of(int v, uint8_t out[16]) {
  for (int i = 0; i < 16; i++) {
    out[i] = (uint8_t)(v * 7 + i + 1);
  }
}

/* --- put --- */

static inline void put_leaf(world *w, size_t i, int v) {
  oa_table *table = &w->table;
  oa_column *to = column(w, i);
  uint8_t bytes[64];
  switch (i % LEAVES) {
    case BOOL:
      oa_put_bool(table, to, v % 2 != 0);
      break;
    case U8:
      oa_put_u8(table, to, (uint8_t)(v % 251));
      break;
    case U32:
      oa_put_u32(table, to, (uint32_t)v * 65537);
      break;
    case U64:
      oa_put_u64(table, to, (uint64_t)v * UINT64_C(0x100000001));
      break;
    case ID:
      id_of(v, bytes);
      oa_put_fixed(table, to, bytes, 16);
      break;
    case TEXT:
    case RAW:
      oa_put_bytes(table, to, bytes, bytes_of(v, false, bytes));
      break;
    default:
      oa_put_text(table, to, bytes, bytes_of(v, false, bytes));
      break;
  }
}

static inline uint64_t count_value(const row *r, int i) {
  return r->seed * UINT64_C(3) + (uint64_t)i;
}

static inline void put_counts(world *w, const row *r) {
  oa_table *child = column(w, COUNTS)->child;
  const uint32_t before = child->length;
  for (int i = 0; i < r->counts; i++) {
    if (oa_table_reserve(child) != OA_OK) {
      return;
    }
    oa_put_u64(child, &child->columns[0], count_value(r, i));
    child->length++;
  }
  /* An empty list is a value too, in a nullable column. */
  if (r->counts == 0) {
    oa_put_list(&w->table, column(w, COUNTS));
  }
  oa_put_list_since(&w->table, column(w, COUNTS), before);
}

static inline void put_pairs(world *w, const row *r) {
  oa_table *child = column(w, PAIRS)->child;
  const uint32_t before = child->length;
  for (int i = 0; i < r->pairs; i++) {
    uint8_t bytes[64];
    const int v = (int)(r->seed % 1000) + i;
    if (oa_table_reserve(child) != OA_OK) {
      return;
    }
    oa_put_text(child, &child->columns[0], bytes, bytes_of(v, false, bytes));
    if (v % 3 != 0) {
      oa_put_bytes(child, &child->columns[1], bytes,
                   bytes_of(v + 1, false, bytes));
    }
    if (v % 5 != 0) {
      oa_put_bool(child, &child->columns[2], v % 2 != 0);
    }
    child->length++;
  }
  oa_put_list_since(&w->table, column(w, PAIRS), before);
}

static inline bool chosen(world *w, size_t i) {
  return draw(w) % 100 < w->percent[i];
}

/* FILLED: the columns that are filled afterwards are left out. */
static inline void add_row(world *w, bool filled) {
  row *r = &w->rows[w->count];
  *r = (row){.counts = NOTHING, .seed = draw(w)};
  if (oa_table_reserve(&w->table) != OA_OK) {
    return;
  }
  for (size_t i = 0; i < BOTH; i++) {
    const bool later = filled && i % LEAVES <= U64;
    r->leaf[i] = !later && chosen(w, i) ? (int)(draw(w) % 500) : NOTHING;
    if (r->leaf[i] != NOTHING) {
      put_leaf(w, i, r->leaf[i]);
    }
  }
  if (chosen(w, BOTH)) {
    r->counts = (int)(draw(w) % ITEMS);
    put_counts(w, r);
  }
  if (chosen(w, BOTH + 1)) {
    r->pairs = (int)(draw(w) % ITEMS);
    put_pairs(w, r);
  }
  w->table.length++;
  w->count++;
}

static inline void fill_leaf(world *w, size_t i, uint32_t from, int v) {
  oa_table *table = &w->table;
  oa_column *to = column(w, i);
  switch (i % LEAVES) {
    case BOOL:
      oa_fill_bool(table, to, from, v % 2 != 0);
      break;
    case U8:
      oa_fill_u8(table, to, from, (uint8_t)(v % 251));
      break;
    case U32:
      oa_fill_u32(table, to, from, (uint32_t)v * 65537);
      break;
    default:
      oa_fill_u64(table, to, from, (uint64_t)v * UINT64_C(0x100000001));
      break;
  }
}

/* Some rows, of which some columns get one value for all at the end. */
static inline void add_filled_rows(world *w, uint32_t rows) {
  const uint32_t from = w->count;
  for (uint32_t i = 0; i < rows; i++) {
    add_row(w, true);
  }
  for (size_t i = 0; i < BOTH; i++) {
    if (i % LEAVES > U64 || !chosen(w, i)) {
      continue;
    }
    const int v = (int)(draw(w) % 500);
    fill_leaf(w, i, from, v);
    for (uint32_t k = from; k < w->count; k++) {
      w->rows[k].leaf[i] = v;
    }
  }
}

/* --- compare --- */

static inline void expect_bytes(const uint8_t *have, size_t have_len, int v,
                                bool text) {
  uint8_t want[64];
  const size_t len = v == NOTHING ? 0 : bytes_of(v, text, want);
  assert_int_equal(have_len, len);
  if (len > 0) {
    assert_memory_equal(have, want, len);
  }
}

static inline uint64_t number_at(const oa_array *array, size_t at,
                                 size_t width) {
  uint64_t value = 0;
  if (array->values != NULL) {
    memcpy(&value, (const uint8_t *)array->values + at * width, width);
  }
  return value;
}

static inline void expect_leaf(const oa_array *array, size_t i, uint32_t at,
                               int v) {
  static const uint8_t no_id[16];
  const bool nothing = v == NOTHING;
  const uint64_t n = nothing ? 0 : (uint64_t)v;
  uint8_t id[16] = {0};
  size_t len = 0;
  const uint8_t *bytes;
  switch (i % LEAVES) {
    case BOOL:
      assert_int_equal(array->values != NULL && oa_bit(array->values, at),
                       n % 2);
      break;
    case U8:
      assert_int_equal(number_at(array, at, 1), n % 251);
      break;
    case U32:
      assert_int_equal(number_at(array, at, 4), n * 65537);
      break;
    case U64:
      assert_true(number_at(array, at, 8) == n * UINT64_C(0x100000001));
      break;
    case ID:
      if (!nothing) {
        id_of(v, id);
      }
      bytes = array->values == NULL
                  ? no_id
                  : (const uint8_t *)array->values + (size_t)at * 16;
      assert_memory_equal(bytes, id, 16);
      break;
    case TEXT:
    case RAW:
      bytes = oa_array_bytes(array, at, &len);
      expect_bytes(bytes, len, v, i % LEAVES == TEXT);
      break;
    default:
      if (nothing) {
        assert_int_equal(number_at(array, at, 4), 0);
      } else {
        bytes = oa_array_dict_bytes(array, at, &len);
        expect_bytes(bytes, len, v, i % LEAVES == NAME);
      }
      break;
  }
}

/* What holds of a column as a whole, whatever is in it. */
static inline void expect_whole(const oa_field *field, const oa_array *array,
                                int64_t length) {
  int64_t nulls = 0;
  assert_int_equal(array->length, length);
  assert_true(array->null_count == 0 || field->nullable);
  for (int64_t i = 0; i < length; i++) {
    nulls += oa_array_is_null(array, i);
  }
  assert_int_equal(array->null_count, nulls);
  assert_true(array->validity != NULL || nulls == 0 || nulls == length);
  /* Bits behind the last row are zero: they go into files. */
  for (int64_t i = length; i % 8 != 0; i++) {
    assert_true(array->validity == NULL || !oa_bit(array->validity, i));
    assert_true(field->type != OA_TYPE_BOOL || array->values == NULL ||
                !oa_bit(array->values, i));
  }
  const int32_t *offsets = array->offsets;
  for (int64_t i = 0; offsets != NULL && i < length; i++) {
    assert_true(offsets[i] <= offsets[i + 1]);
  }
  if (offsets != NULL) {
    assert_int_equal(offsets[0], 0);
    const int64_t end = field->type == OA_TYPE_LIST
                            ? array->children[0].length
                            : (int64_t)array->values_size;
    assert_int_equal(offsets[length], end);
  }
  for (int64_t i = 0; field->dictionary && i < length; i++) {
    assert_true(oa_array_is_null(array, i) ||
                number_at(array, (size_t)i, 4) <
                    (uint64_t)array->dictionary->length ||
                number_at(array, (size_t)i, 4) == 0);
  }
}

static inline void expect_counts(const oa_array *list, uint32_t at,
                                 const row *r) {
  int64_t begin = 0;
  int64_t end = 0;
  oa_array_range(list, at, &begin, &end);
  assert_int_equal(oa_array_is_null(list, at), r->counts == NOTHING);
  assert_int_equal(end - begin, r->counts == NOTHING ? 0 : r->counts);
  for (int i = 0; i < end - begin; i++) {
    assert_true(number_at(&list->children[0], (size_t)(begin + i), 8) ==
                count_value(r, i));
  }
}

static inline void expect_pairs(const oa_array *list, uint32_t at,
                                const row *r) {
  const oa_array *items = list->children[0].children;
  int64_t begin = 0;
  int64_t end = 0;
  oa_array_range(list, at, &begin, &end);
  assert_int_equal(end - begin, r->pairs);
  for (int i = 0; i < r->pairs; i++) {
    const int v = (int)(r->seed % 1000) + i;
    const int64_t item = begin + i;
    size_t len = 0;
    const uint8_t *bytes = oa_array_dict_bytes(&items[0], item, &len);
    expect_bytes(bytes, len, v, true);
    assert_int_equal(oa_array_is_null(&items[1], item), v % 3 == 0);
    bytes = oa_array_bytes(&items[1], item, &len);
    expect_bytes(bytes, len, v % 3 == 0 ? NOTHING : v + 1, true);
    assert_int_equal(oa_array_is_null(&items[2], item), v % 5 == 0);
    assert_int_equal(items[2].values != NULL && oa_bit(items[2].values, item),
                     v % 5 != 0 && v % 2 != 0);
  }
}

static inline void expect_rows(world *w) {
  const oa_array *arrays = oa_table_finish(&w->table);
  assert_false(w->tree.failed);
  assert_int_equal(w->table.length, w->count);
  for (size_t i = 0; i < COLUMNS; i++) {
    expect_whole(&fields[i], &arrays[i], w->count);
  }
  for (size_t i = 0; i < 3; i++) {
    const oa_array *item = &arrays[PAIRS].children[0];
    expect_whole(&pair_fields[i], &item->children[i], item->length);
  }
  for (size_t i = 0; i < BOTH; i++) {
    for (uint32_t k = 0; k < w->count; k++) {
      const int v = w->rows[k].leaf[i];
      assert_int_equal(oa_array_is_null(&arrays[i], k),
                       fields[i].nullable && v == NOTHING);
      expect_leaf(&arrays[i], i, k, v);
    }
  }
  for (uint32_t k = 0; k < w->count; k++) {
    expect_counts(&arrays[COUNTS], k, &w->rows[k]);
    expect_pairs(&arrays[PAIRS], k, &w->rows[k]);
  }
  /* A column that nobody ever put anything into has no memory. */
  assert_int_equal(arrays[SPARE].null_count, w->count);
  assert_null(w->table.columns[SPARE].values);
}

/* --- cut --- */

static inline void cut(world *w, uint32_t length) {
  uint32_t counts = 0;
  uint32_t pairs = 0;
  for (uint32_t i = 0; i < length; i++) {
    counts += w->rows[i].counts == NOTHING ? 0 : (uint32_t)w->rows[i].counts;
    pairs += (uint32_t)w->rows[i].pairs;
  }
  oa_table_truncate(&w->table, length);
  oa_table_truncate(column(w, COUNTS)->child, counts);
  oa_table_truncate(column(w, PAIRS)->child, pairs);
  w->count = length;
}

static inline void choose_percents(world *w) {
  static const uint32_t percents[] = {0, 2, 50, 98, 100, 100, 100};
  for (size_t i = 0; i < CHANCES; i++) {
    w->percent[i] = percents[draw(w) % 7];
  }
}

static inline void world_init(world *w, uint64_t seed) {
  *w = (world){.seed = seed, .rows = oa_calloc(ROWS, sizeof(row))};
  assert_non_null(w->rows);
  assert_int_equal(oa_table_init(&w->table, fields, COLUMNS, &w->tree, seed),
                   OA_OK);
  choose_percents(w);
}

static inline void world_free(world *w) {
  oa_table_free(&w->table);
  oa_buf_free(&w->tree.scratch);
  oa_free(w->rows);
}

#endif
