/* SPDX-License-Identifier: Apache-2.0 */
#include "arrow/table.h"

#include "base/mem.h"
#include "base/text.h"

/* Offsets and dictionary indices are 32 bits wide. */
enum { FIRST_ROWS = 64, MAX_ROWS = INT32_MAX / 2 };

/* Rows are copied when a table grows, and room that is not used costs nothing:
 * so it grows in few and large steps. */
enum { GROWTH = 4 };

/* --- make --- */

static bool is_variable(const oa_field *field) {
  return field->type == OA_TYPE_UTF8 || field->type == OA_TYPE_BINARY;
}

/* Bytes that ROWS values take in the values buffer. */
static size_t values_size(const oa_field *field, uint32_t rows) {
  if (field->dictionary) {
    return (size_t)rows * sizeof(int32_t);
  }
  if (field->type == OA_TYPE_BOOL) {
    return ((size_t)rows + 7) / 8;
  }
  return (size_t)rows * oa_field_width(field);
}

static bool has_offsets(const oa_field *field) {
  return field->type == OA_TYPE_LIST ||
         (is_variable(field) && !field->dictionary);
}

static oa_status init_child(oa_column *column, oa_table_tree *tree,
                            uint64_t seed) {
  const oa_field *item = column->field->children;
  const bool is_struct = item->type == OA_TYPE_STRUCT;

  column->child = oa_calloc(1, sizeof *column->child);
  if (column->child == NULL) {
    return OA_ERR_NOMEM;
  }
  return oa_table_init(column->child, is_struct ? item->children : item,
                       is_struct ? item->child_count : 1, tree, seed);
}

oa_status oa_table_init(oa_table *table, const oa_field *fields, size_t count,
                        oa_table_tree *tree, uint64_t seed) {
  *table = (oa_table){.column_count = count, .tree = tree};
  table->columns = oa_calloc(count, sizeof *table->columns);
  table->arrays = oa_calloc(count, sizeof *table->arrays);
  table->dictionaries = oa_calloc(count, sizeof *table->dictionaries);
  if (table->columns == NULL || table->arrays == NULL ||
      table->dictionaries == NULL) {
    return OA_ERR_NOMEM;
  }
  for (size_t i = 0; i < count; i++) {
    oa_column *column = &table->columns[i];
    column->field = &fields[i];
    column->starts_gaps = fields[i].nullable;
    if (fields[i].type == OA_TYPE_LIST) {
      OA_TRY(init_child(column, tree, seed));
    } else if (fields[i].dictionary) {
      column->dict = oa_calloc(1, sizeof *column->dict);
      if (column->dict == NULL) {
        return OA_ERR_NOMEM;
      }
      column->dict->seed = seed;
    }
  }
  return OA_OK;
}

/* --- grow --- */

/* A zeroed block of SIZE bytes that begins with the USED bytes of BLOCK.  NULL
 * and a failed table when there is no memory, and then BLOCK is as it was.
 * Zeroed pages fresh from the system are not even touched. */
static void *resize(oa_table *table, void *block, size_t used, size_t size) {
  void *bigger = oa_calloc(1, size);
  if (bigger == NULL) {
    table->tree->failed = true;
    return NULL;
  }
  if (used > 0) {
    memcpy(bigger, block, used);
  }
  oa_free(block);
  return bigger;
}

static size_t bits_size(uint32_t rows) {
  return ((size_t)rows + 7) / 8;
}

static size_t offsets_size(uint32_t rows) {
  return ((size_t)rows + 1) * sizeof(int32_t);
}

/* Gives COLUMN's buffers, those that it has, room for ROWS rows. */
static bool resize_column(oa_table *table, oa_column *column, uint32_t rows) {
  const uint32_t used = column->filled;

  if (column->validity != NULL) {
    uint8_t *validity =
        resize(table, column->validity, bits_size(used), bits_size(rows));
    if (validity == NULL) {
      return false;
    }
    column->validity = validity;
  }
  if (column->offsets != NULL) {
    int32_t *offsets =
        resize(table, column->offsets, offsets_size(used), offsets_size(rows));
    if (offsets == NULL) {
      return false;
    }
    column->offsets = offsets;
    column->values = (uint8_t *)offsets;
  } else if (column->values != NULL) {
    uint8_t *values =
        resize(table, column->values, values_size(column->field, used),
               values_size(column->field, rows));
    if (values == NULL) {
      return false;
    }
    column->values = values;
    column->dirty = 0;
  }
  return true;
}

oa_status oa_table_grow(oa_table *table) {
  return oa_table_reserve_rows(table, 1);
}

oa_status oa_table_reserve_rows(oa_table *table, size_t more) {
  const size_t need = more > MAX_ROWS ? more : table->length + more;
  uint32_t rows = table->capacity;

  if (need <= rows) {
    return OA_OK;
  }
  while (rows < need && rows <= MAX_ROWS) {
    rows = rows == 0 ? FIRST_ROWS : rows * GROWTH;
  }
  if (rows > MAX_ROWS) {
    table->tree->failed = true;
    return OA_ERR_LIMIT;
  }
  for (size_t i = 0; i < table->column_count; i++) {
    if (!resize_column(table, &table->columns[i], rows)) {
      return OA_ERR_NOMEM;
    }
  }
  table->capacity = rows;
  return OA_OK;
}

/* First value of a column: its buffers, for as many rows as the table has. */
static bool materialize(oa_table *table, oa_column *column) {
  const oa_field *field = column->field;
  if (has_offsets(column->field)) {
    column->offsets = resize(table, NULL, 0, offsets_size(table->capacity));
    /* Not NULL says that the buffers are there; nothing reads through it. */
    column->values = (uint8_t *)column->offsets;
    column->dirty = UINT32_MAX; /* offsets of passed rows must be written */
  } else {
    column->values =
        resize(table, NULL, 0, values_size(column->field, table->capacity));
  }
  if (column->values == NULL) {
    return false;
  }
  const bool bits = field->type == OA_TYPE_BOOL;
  table->row_bits += has_offsets(field) ? 32
                     : bits             ? 1
                                        : (uint32_t)values_size(field, 1) * 8;
  return true;
}

/* Rows so far all hold values; from now on bits say which do. */
static bool start_gaps(oa_table *table, oa_column *column) {
  const uint32_t rows = column->filled;
  if (column->validity == NULL) {
    column->validity = resize(table, NULL, 0, bits_size(table->capacity));
  }
  if (column->validity == NULL) {
    return false;
  }
  memset(column->validity, 0xFF, rows >> 3);
  if ((rows & 7) != 0) {
    column->validity[rows >> 3] = (uint8_t)((1U << (rows & 7)) - 1);
  }
  column->gaps = true;
  column->starts_gaps = false;
  return true;
}

bool oa_column_open_gaps(oa_table *table, oa_column *column) {
  return !column->starts_gaps || start_gaps(table, column);
}

bool oa_column_catch_up(oa_table *table, oa_column *column, uint32_t row) {
  if (column->values == NULL && !materialize(table, column)) {
    return false;
  }
  const uint32_t from = column->filled;
  if (from >= row) {
    return true;
  }
  if (column->starts_gaps && !start_gaps(table, column)) {
    return false;
  }
  if (has_offsets(column->field)) {
    const int32_t end = column->offsets[from];
    for (uint32_t i = from; i < row; i++) {
      column->offsets[i + 1] = end;
    }
  } else if (from < column->dirty) {
    const uint32_t to = row < column->dirty ? row : column->dirty;
    const size_t width = values_size(column->field, 1);
    memset(column->values + from * width, 0, (to - from) * width);
  }
  column->filled = row;
  return true;
}

/* --- put --- */

static void set_bit(uint8_t *bits, uint32_t row) {
  bits[row >> 3] |= (uint8_t)(1U << (row & 7));
}

void oa_put_bool(oa_table *table, oa_column *column, bool v) {
  const uint32_t row = table->length;
  if (oa_column_begin(table, column, row) && v) {
    set_bit(column->values, row);
  }
}

/* Replaces TEXT by a repaired copy when it is not UTF-8. */
static bool repair(oa_table *table, const uint8_t **text, size_t *len) {
  if (oa_utf8_valid(*text, *len)) {
    return true;
  }
  oa_buf *scratch = &table->tree->scratch;
  scratch->len = 0;
  if (oa_utf8_repair(scratch, *text, *len) != OA_OK) {
    table->tree->failed = true;
    return false;
  }
  table->tree->repaired++;
  *text = scratch->data;
  *len = scratch->len;
  return true;
}

void oa_put_bytes(oa_table *table, oa_column *column, const uint8_t *bytes,
                  size_t len) {
  const uint32_t row = table->length;
  if (column->field->type == OA_TYPE_UTF8 && !repair(table, &bytes, &len)) {
    return;
  }
  const size_t cap = column->bytes.cap;
  if (len > (size_t)INT32_MAX - column->bytes.len ||
      oa_buf_reserve(&column->bytes, len) != OA_OK) {
    table->tree->failed = true;
    return;
  }
  table->tree->text += column->bytes.cap - cap;
  if (oa_column_begin(table, column, row)) {
    if (len > 0) {
      memcpy(column->bytes.data + column->bytes.len, bytes, len);
      column->bytes.len += len;
    }
    column->offsets[row + 1] = (int32_t)column->bytes.len;
  }
}

int32_t oa_column_intern_hashed(oa_table *table, oa_column *column,
                                const uint8_t *bytes, size_t len,
                                uint32_t hash) {
  oa_dict *dict = column->dict;
  int32_t number = oa_dict_find(dict, bytes, len, hash);
  if (number >= 0) {
    return number;
  }
  if (column->field->type == OA_TYPE_UTF8) {
    const uint8_t *given = bytes;
    if (!repair(table, &bytes, &len)) {
      return -1;
    }
    if (bytes != given) {
      hash = oa_dict_hash(dict, bytes, len);
      number = oa_dict_find(dict, bytes, len, hash);
      if (number >= 0) {
        return number;
      }
    }
  }
  number = oa_dict_add(dict, bytes, len, hash);
  if (number < 0) {
    table->tree->failed = true;
  }
  return number;
}

int32_t oa_column_intern(oa_table *table, oa_column *column,
                         const uint8_t *bytes, size_t len) {
  if (len == 0) {
    bytes = (const uint8_t *)""; /* it may have been NULL */
  }
  return oa_column_intern_hashed(table, column, bytes, len,
                                 oa_dict_hash(column->dict, bytes, len));
}

void oa_put_text(oa_table *table, oa_column *column, const uint8_t *bytes,
                 size_t len) {
  const int32_t number = oa_column_intern(table, column, bytes, len);
  if (number >= 0) {
    oa_put_u32(table, column, (uint32_t)number);
  }
}

void oa_put_list(oa_table *table, oa_column *column) {
  const uint32_t row = table->length;
  if (oa_column_begin(table, column, row)) {
    column->offsets[row + 1] = (int32_t)column->child->length;
  }
}

/* Validity of rows that were just given a value all at once. */
static void mark_valid(oa_column *column, uint32_t from, uint32_t to) {
  column->valid += to - from;
  column->filled = to;
  for (uint32_t row = from; column->gaps && row < to; row++) {
    set_bit(column->validity, row);
  }
}

void oa_fill_bool(oa_table *table, oa_column *column, uint32_t from,
                  bool value) {
  const uint32_t to = table->length;
  if (from == to || !oa_column_catch_up(table, column, from)) {
    return;
  }
  for (uint32_t row = from; value && row < to; row++) {
    set_bit(column->values, row);
  }
  mark_valid(column, from, to);
}

void oa_fill_u8(oa_table *table, oa_column *column, uint32_t from,
                uint8_t value) {
  const uint32_t to = table->length;
  if (from == to || !oa_column_catch_up(table, column, from)) {
    return;
  }
  memset(column->values + from, value, to - from);
  mark_valid(column, from, to);
}

void oa_fill_u32(oa_table *table, oa_column *column, uint32_t from,
                 uint32_t value) {
  oa_fill_u32_to(table, column, from, table->length, value);
}

void oa_fill_u32_to(oa_table *table, oa_column *column, uint32_t from,
                    uint32_t to, uint32_t value) {
  if (from == to || !oa_column_catch_up(table, column, from)) {
    return;
  }
  uint8_t *at = column->values + (size_t)from * sizeof value;
  for (uint32_t row = from; row < to; row++, at += sizeof value) {
    memcpy(at, &value, sizeof value);
  }
  mark_valid(column, from, to);
}

void oa_fill_u64(oa_table *table, oa_column *column, uint32_t from,
                 uint64_t value) {
  oa_fill_u64_to(table, column, from, table->length, value);
}

void oa_fill_u64_to(oa_table *table, oa_column *column, uint32_t from,
                    uint32_t to, uint64_t value) {
  if (from == to || !oa_column_catch_up(table, column, from)) {
    return;
  }
  uint8_t *at = column->values + (size_t)from * sizeof value;
  for (uint32_t row = from; row < to; row++, at += sizeof value) {
    memcpy(at, &value, sizeof value);
  }
  mark_valid(column, from, to);
}

/* --- cut --- */

static uint32_t count_bits(const uint8_t *bits, uint32_t rows) {
  uint32_t count = 0;
  for (uint32_t i = 0; i < rows; i++) {
    count += ((uint32_t)bits[i >> 3] >> (i & 7)) & 1U;
  }
  return count;
}

/* Zeroes the bits of the rows [from, to). */
static void clear_bits(uint8_t *bits, uint32_t from, uint32_t to) {
  size_t first = from >> 3;
  if ((from & 7) != 0) {
    bits[first++] &= (uint8_t)((1U << (from & 7)) - 1);
  }
  const size_t end = bits_size(to);
  if (end > first) {
    memset(bits + first, 0, end - first);
  }
}

/* Values of the rows from FROM on become zero again. */
static void clear_values(oa_column *column, uint32_t from) {
  if (column->values == NULL || has_offsets(column->field)) {
    return;
  }
  const uint32_t to =
      column->filled > column->dirty ? column->filled : column->dirty;
  if (column->field->type == OA_TYPE_BOOL) {
    clear_bits(column->values, from, to);
  } else {
    const size_t width = values_size(column->field, 1);
    memset(column->values + from * width, 0, (to - from) * width);
  }
  column->dirty = 0;
}

static void truncate_column(oa_column *column, uint32_t length) {
  if (column->filled <= length) {
    return;
  }
  clear_values(column, length);
  if (column->gaps) {
    clear_bits(column->validity, length, column->filled);
    column->valid = count_bits(column->validity, length);
  } else {
    column->valid = length;
  }
  if (is_variable(column->field) && !column->field->dictionary) {
    column->bytes.len = (size_t)column->offsets[length];
  }
  column->filled = length;
}

/* Where the items of the rows before LENGTH end in COLUMN's child. */
static uint32_t items_end(const oa_column *column, uint32_t length) {
  if (column->offsets == NULL) {
    return 0;
  }
  return (uint32_t)
      column->offsets[column->filled < length ? column->filled : length];
}

void oa_table_truncate(oa_table *table, uint32_t length) {
  for (size_t i = 0; i < table->column_count; i++) {
    oa_column *column = &table->columns[i];
    if (column->child != NULL) {
      oa_table_truncate(column->child, items_end(column, length));
    }
    truncate_column(column, length);
  }
  table->length = length;
}

static void clear_column(oa_column *column, uint32_t length) {
  const bool bits = column->field->type == OA_TYPE_BOOL;
  if (!bits && !column->gaps && column->filled == length &&
      !has_offsets(column->field)) {
    /* Every row had a value, and so it will be in the next batch: zeroing
     * waits until a row is passed over. */
    if (column->dirty < length) {
      column->dirty = length;
    }
  } else {
    clear_values(column, 0);
  }
  if (column->gaps) {
    clear_bits(column->validity, 0, column->filled);
  }
  column->gaps = false;
  column->starts_gaps = column->field->nullable;
  column->filled = 0;
  column->valid = 0;
  column->bytes.len = 0;
}

void oa_table_clear(oa_table *table) {
  for (size_t i = 0; i < table->column_count; i++) {
    oa_column *column = &table->columns[i];
    clear_column(column, table->length);
    if (column->dict != NULL) {
      oa_dict_clear(column->dict);
    }
    if (column->child != NULL) {
      oa_table_clear(column->child);
    }
  }
  table->length = 0;
}

/* --- end --- */

static void finish_column(oa_table *table, size_t i) {
  oa_column *column = &table->columns[i];
  oa_array *array = &table->arrays[i];
  const oa_field *field = column->field;
  const uint32_t length = table->length;

  *array = (oa_array){.length = length};
  if (field->nullable) {
    array->null_count = (int64_t)length - column->valid;
  }
  if (field->type == OA_TYPE_LIST) {
    const oa_array *items = oa_table_finish(column->child);
    const oa_field *item = field->children;
    if (item->type == OA_TYPE_STRUCT) {
      column->child->item =
          (oa_array){.length = column->child->length, .children = items};
      items = &column->child->item;
    }
    array->children = items;
  }
  if (field->dictionary) {
    oa_array *values = &table->dictionaries[i];
    *values = (oa_array){.length = column->dict->count,
                         .offsets = column->dict->offsets,
                         .values = column->dict->bytes.data,
                         .values_size = column->dict->bytes.len};
    array->dictionary = values;
  }
  /* Nothing was ever put since the last clear: all null, or all zero. */
  if (column->filled == 0 || !oa_column_catch_up(table, column, length)) {
    return;
  }
  array->validity = array->null_count == 0 ? NULL : column->validity;
  if (has_offsets(field)) {
    array->offsets = column->offsets;
    array->values = is_variable(field) ? column->bytes.data : NULL;
    array->values_size = column->bytes.len;
  } else {
    array->values = column->values;
    array->values_size = values_size(field, length);
  }
}

const oa_array *oa_table_finish(oa_table *table) {
  for (size_t i = 0; i < table->column_count; i++) {
    finish_column(table, i);
  }
  return table->arrays;
}

static void release_column(oa_column *column) {
  if (!has_offsets(column->field)) {
    oa_free(column->values);
  }
  oa_free(column->validity);
  oa_free(column->offsets);
  oa_buf_free(&column->bytes);
  column->values = NULL;
  column->validity = NULL;
  column->offsets = NULL;
  column->dirty = 0;
  if (column->dict != NULL) {
    oa_dict_free(column->dict);
  }
  if (column->child != NULL) {
    oa_table_release(column->child);
  }
}

void oa_table_release(oa_table *table) {
  oa_table_clear(table);
  for (size_t i = 0; i < table->column_count; i++) {
    release_column(&table->columns[i]);
  }
  table->capacity = 0;
  table->row_bits = 0;
  table->tree->text = 0;
}

void oa_table_free(oa_table *table) {
  for (size_t i = 0; table->columns != NULL && i < table->column_count; i++) {
    oa_column *column = &table->columns[i];
    if (column->field == NULL) {
      continue; /* making the table failed before this column */
    }
    if (column->child != NULL) {
      oa_table_free(column->child);
    }
    release_column(column);
    oa_free(column->dict);
    oa_free(column->child);
  }
  oa_free(table->columns);
  oa_free(table->arrays);
  oa_free(table->dictionaries);
  *table = (oa_table){.tree = table->tree};
}
