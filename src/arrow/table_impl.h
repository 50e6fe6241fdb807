/* SPDX-License-Identifier: Apache-2.0 */
/* table_impl.h - what the files of the table share. */
#ifndef OA_ARROW_TABLE_IMPL_H
#define OA_ARROW_TABLE_IMPL_H

#include "arrow/table.h"

OA_INLINE bool oa_field_is_variable(const oa_field *field) {
  return field->type == OA_TYPE_UTF8 || field->type == OA_TYPE_BINARY;
}

/* Whether the column of FIELD has offsets instead of values. */
OA_INLINE bool oa_field_has_offsets(const oa_field *field) {
  return field->type == OA_TYPE_LIST ||
         (oa_field_is_variable(field) && !field->dictionary);
}

OA_INLINE size_t oa_bits_size(uint32_t rows) {
  return ((size_t)rows + 7) / 8;
}

OA_INLINE size_t oa_offsets_size(uint32_t rows) {
  return ((size_t)rows + 1) * sizeof(int32_t);
}

/* Bytes that ROWS values take in the values buffer. */
OA_INLINE size_t oa_values_size(const oa_field *field, uint32_t rows) {
  if (field->dictionary) {
    return (size_t)rows * sizeof(int32_t);
  }
  if (field->type == OA_TYPE_BOOL) {
    return oa_bits_size(rows);
  }
  return (size_t)rows * oa_field_width(field);
}

OA_INLINE void oa_bits_set(uint8_t *bits, uint32_t row) {
  bits[row >> 3] |= (uint8_t)(1U << (row & 7));
}

/* Frees the buffers of COLUMN's rows and gives what was paid for them back. */
void oa_column_release_rows(oa_table *table, oa_column *column);

/* Gives COLUMN's buffers, those that it has, room for ROWS rows.  False and a
 * failed table when there is no memory. */
bool oa_column_resize(oa_table *table, oa_column *column, uint32_t rows);

/* Lets as many rows be written as the pack has slots for, and pays for what
 * lies outside of it.  False and a failed table when there is no memory. */
bool oa_table_open_packed(oa_table *table);

/* --- buffers (table_pack.c) --- */

/* As oa_pages_resize() and oa_pages_free(), also for buffers in the pack. */
void *oa_buffer_resize(oa_table_tree *tree, void *block, size_t old_size,
                       size_t used, size_t size);
void oa_buffer_free(oa_table_tree *tree, void *block, size_t size);

/* BLOCK lies in the pack. */
bool oa_buffer_packed(const oa_table_tree *tree, const void *block);

#endif
