/* SPDX-License-Identifier: Apache-2.0 */
/* Values: of the row to come, and of many rows at once. */
#include "arrow/bits.h"
#include "arrow/table_impl.h"
#include "base/text.h"

void oa_put_bool(oa_table *table, oa_column *column, bool v) {
  const uint32_t row = table->length;
  if (oa_column_begin(table, column, row) && v) {
    oa_bits_set(column->values, row);
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
  if (column->gaps) {
    oa_bits_fill(column->validity, from, to);
  }
}

void oa_fill_bool(oa_table *table, oa_column *column, uint32_t from,
                  bool value) {
  const uint32_t to = table->length;
  if (from == to || !oa_column_catch_up(table, column, from)) {
    return;
  }
  if (value) {
    oa_bits_fill(column->values, from, to);
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

/* The place of row FROM of a run that is written next; NULL: there is none, or
 * no memory. */
static uint8_t *open_rows(oa_table *table, oa_column *column, uint32_t from,
                          uint32_t to, size_t size) {
  if (from == to || !oa_column_catch_up(table, column, from)) {
    return NULL;
  }
  mark_valid(column, from, to);
  return column->values + (size_t)from * size;
}

void oa_fill_u32(oa_table *table, oa_column *column, uint32_t from,
                 uint32_t value) {
  oa_fill_u32_to(table, column, from, table->length, value);
}

void oa_fill_u32_to(oa_table *table, oa_column *column, uint32_t from,
                    uint32_t to, uint32_t value) {
  uint8_t *at = open_rows(table, column, from, to, sizeof value);
  const uint32_t count = at == NULL ? 0 : to - from;
  for (uint32_t i = 0; i < count; i++) {
    memcpy(at + i * sizeof value, &value, sizeof value);
  }
}

void oa_fill_u64(oa_table *table, oa_column *column, uint32_t from,
                 uint64_t value) {
  oa_fill_u64_to(table, column, from, table->length, value);
}

void oa_fill_u64_to(oa_table *table, oa_column *column, uint32_t from,
                    uint32_t to, uint64_t value) {
  uint8_t *at = open_rows(table, column, from, to, sizeof value);
  const uint32_t count = at == NULL ? 0 : to - from;
  for (uint32_t i = 0; i < count; i++) {
    memcpy(at + i * sizeof value, &value, sizeof value);
  }
}
