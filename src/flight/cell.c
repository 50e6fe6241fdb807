/* SPDX-License-Identifier: Apache-2.0 */
#include "flight/cell.h"

#include <string.h>

static bool is_integer(oa_type type) {
  return type >= OA_TYPE_INT8 && type <= OA_TYPE_UINT64;
}

bool oa_cell_fits(const oa_field *field, oa_cell_kind kind) {
  const oa_type type = field->type;
  const bool text = type == OA_TYPE_UTF8 || type == OA_TYPE_LARGE_UTF8;
  switch (kind) {
    case OA_CELL_INTEGER:
      return is_integer(type) || type == OA_TYPE_TIMESTAMP;
    case OA_CELL_NUMBER:
      return is_integer(type) || type == OA_TYPE_FLOAT ||
             type == OA_TYPE_DOUBLE;
    case OA_CELL_TEXT:
      return text;
    case OA_CELL_BYTES:
      return text || type == OA_TYPE_BINARY || type == OA_TYPE_LARGE_BINARY ||
             type == OA_TYPE_FIXED_BINARY;
  }
  return false;
}

/* Value ROW of integers as they lie in memory; buffers may be absent (zeros)
 * and need not be aligned. */
static uint64_t load(const void *values, oa_type type, int64_t row) {
  const size_t width = oa_type_width(type);
  const bool is_signed =
      type == OA_TYPE_INT8 || type == OA_TYPE_INT16 || type == OA_TYPE_INT32;
  uint64_t bits = 0;
  if (values == NULL) {
    return 0;
  }
  memcpy(&bits, (const uint8_t *)values + (size_t)row * width, width);
  if (is_signed && (bits >> (width * 8 - 1)) != 0) {
    bits |= UINT64_MAX << (width * 8);
  }
  return bits;
}

/* The array that has the values, and moves *ROW to the place there: into the
 * dictionary, when there is one.  For a row that is not null in the column. */
static const oa_array *place(const oa_cells *cells, int64_t *row) {
  if (!cells->field->dictionary) {
    return cells->array;
  }
  *row = (int64_t)load(cells->array->values, cells->field->index_type, *row);
  return cells->array->dictionary;
}

bool oa_cell_is_null(const oa_cells *cells, int64_t row) {
  if (cells->field == NULL || cells->field->type == OA_TYPE_NULL ||
      oa_array_is_null(cells->array, row)) {
    return true;
  }
  const oa_array *array = place(cells, &row);
  return oa_array_is_null(array, row);
}

bool oa_cell_integer(const oa_cells *cells, int64_t row, uint64_t *out) {
  static const int64_t scale[] = {
      [OA_UNIT_SECOND] = 1000000000,
      [OA_UNIT_MILLI] = 1000000,
      [OA_UNIT_MICRO] = 1000,
      [OA_UNIT_NANO] = 1,
  };
  const oa_field *field = cells->field;
  const oa_array *array = place(cells, &row);
  const uint64_t bits = load(array->values, field->type, row);
  int64_t scaled;
  *out = bits;
  if (field->type != OA_TYPE_TIMESTAMP || field->unit == OA_UNIT_NANO) {
    return true;
  }
  if (__builtin_mul_overflow((int64_t)bits, scale[field->unit], &scaled)) {
    return false;
  }
  *out = (uint64_t)scaled;
  return true;
}

double oa_cell_number(const oa_cells *cells, int64_t row) {
  const oa_type type = cells->field->type;
  const oa_array *array = place(cells, &row);
  if (type == OA_TYPE_DOUBLE || type == OA_TYPE_FLOAT) {
    const uint64_t bits = load(array->values, type, row);
    double wide;
    float narrow;
    memcpy(&narrow, &bits, sizeof narrow);
    memcpy(&wide, &bits, sizeof wide);
    return type == OA_TYPE_DOUBLE ? wide : (double)narrow;
  }
  const uint64_t bits = load(array->values, type, row);
  return type >= OA_TYPE_UINT8 ? (double)bits : (double)(int64_t)bits;
}

oa_cursor oa_cell_bytes(const oa_cells *cells, int64_t row) {
  const oa_field *field = cells->field;
  const oa_array *array = place(cells, &row);
  const uint8_t *values = array->values;
  const oa_cursor none = {0};
  size_t len = 0;
  if (field->type == OA_TYPE_FIXED_BINARY) {
    len = (size_t)field->width;
    return values == NULL || len == 0
               ? none
               : oa_cursor_over(values + (size_t)row * len, len);
  }
  if (field->type == OA_TYPE_LARGE_UTF8 ||
      field->type == OA_TYPE_LARGE_BINARY) {
    const int64_t *offsets = array->offsets;
    len = offsets == NULL ? 0 : (size_t)(offsets[row + 1] - offsets[row]);
    return len == 0 ? none : oa_cursor_over(values + offsets[row], len);
  }
  const uint8_t *bytes = oa_array_bytes(array, row, &len);
  return oa_cursor_over(bytes, len);
}

uint64_t oa_cells_bytes(const oa_cells *cells) {
  uint64_t sum = 0;
  for (int64_t row = 0; row < cells->array->length; row++) {
    if (!oa_cell_is_null(cells, row)) {
      const oa_cursor bytes = oa_cell_bytes(cells, row);
      sum += oa_cursor_left(&bytes);
    }
  }
  return sum;
}
