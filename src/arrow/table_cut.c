/* SPDX-License-Identifier: Apache-2.0 */
/* Rows are forgotten: the last ones, or all of them. */
#include "arrow/table_impl.h"

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
  const size_t end = oa_bits_size(to);
  if (end > first) {
    memset(bits + first, 0, end - first);
  }
}

/* Values of the rows from FROM on that are filled become zero again. */
static void clear_values(oa_column *column, uint32_t from) {
  if (column->values == NULL || oa_field_has_offsets(column->field)) {
    return;
  }
  if (column->field->type == OA_TYPE_BOOL) {
    clear_bits(column->values, from, column->filled);
    return;
  }
  const size_t width = oa_values_size(column->field, 1);
  memset(column->values + from * width, 0, (column->filled - from) * width);
  if (column->clean < column->filled) {
    column->clean =
        column->filled < column->dirty ? column->filled : UINT32_MAX;
  }
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
  if (oa_field_is_variable(column->field) && !column->field->dictionary) {
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

/* The values stay: those of the next batch are written over them, and zeroing
 * waits until a row is passed over. */
static void leave_values(oa_column *column) {
  if (column->filled > 0) {
    column->dirty =
        column->filled > column->dirty ? column->filled : column->dirty;
    column->clean = 0;
  }
}

static void clear_column(oa_column *column) {
  if (column->field->type == OA_TYPE_BOOL) {
    clear_values(column, 0);
  } else if (!oa_field_has_offsets(column->field)) {
    leave_values(column);
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
    clear_column(column);
    if (column->dict != NULL) {
      oa_dict_clear(column->dict);
    }
    if (column->child != NULL) {
      oa_table_clear(column->child);
    }
  }
  table->length = 0;
}
