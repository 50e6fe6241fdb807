/* SPDX-License-Identifier: Apache-2.0 */
#include "otap/column.h"

#include "arrow/bits.h"
#include "base/mem.h"

bool oa_otap_same_bytes(const oa_otap_column *column, uint32_t i, uint32_t j) {
  size_t a_len;
  size_t b_len;
  const uint8_t *a = oa_otap_bytes(column, i, &a_len);
  const uint8_t *b = oa_otap_bytes(column, j, &b_len);
  return a != NULL && b != NULL && a_len == b_len &&
         (a == b || memcmp(a, b, a_len) == 0);
}

bool oa_otap_same_fixed(const oa_otap_column *column, uint32_t i, uint32_t j) {
  const uint8_t *a = oa_otap_fixed(column, i);
  const uint8_t *b = oa_otap_fixed(column, j);
  return a != NULL && b != NULL &&
         memcmp(a, b, (size_t)column->field->width) == 0;
}

/* --- nulls --- */

static bool all_set(const oa_array *array, uint32_t begin, uint32_t end) {
  for (uint32_t i = begin; array->null_count != 0 && i < end; i += OA_WORD) {
    const unsigned count = oa_word_count(end - i);
    if (oa_valid_word(array, i, count) != oa_ones(count)) {
      return false;
    }
  }
  return true;
}

bool oa_otap_all_set(const oa_otap_column *column, uint32_t begin,
                     uint32_t end) {
  return column->field != NULL && all_set(column->array, begin, end) &&
         (column->outer == NULL || all_set(column->outer, begin, end));
}

/* --- numbers --- */

static uint32_t load32(const void *values, oa_type type, size_t at) {
  switch (oa_type_width(type)) {
    case 1:
      return ((const uint8_t *)values)[at];
    case 2:
      return ((const uint16_t *)values)[at];
    default:
      return ((const uint32_t *)values)[at];
  }
}

uint32_t oa_otap_u32(const oa_otap_column *column, uint32_t i) {
  return oa_otap_is_null(column, i)
             ? 0
             : load32(oa_otap_values(column)->values, column->field->type,
                      oa_otap_place(column, i));
}

void oa_otap_read_u32(const oa_otap_column *column, uint32_t rows,
                      uint32_t *out) {
  if (!oa_otap_has(column)) {
    memset(out, 0, rows * sizeof *out);
    return;
  }
  const void *values = column->array->values;
  if (oa_otap_has_nulls(column) || column->index_width > 0) {
    for (uint32_t i = 0; i < rows; i++) {
      out[i] = oa_otap_u32(column, i);
    }
    return;
  }
  switch (oa_type_width(column->field->type)) {
    case 1:
      for (uint32_t i = 0; i < rows; i++) {
        out[i] = ((const uint8_t *)values)[i];
      }
      break;
    case 2:
      for (uint32_t i = 0; i < rows; i++) {
        out[i] = ((const uint16_t *)values)[i];
      }
      break;
    default:
      if (rows > 0) {
        memcpy(out, values, rows * sizeof *out);
      }
  }
}

void oa_otap_read_u64(const oa_otap_column *column, uint32_t rows,
                      uint64_t *out) {
  if (!oa_otap_has(column)) {
    memset(out, 0, rows * sizeof *out);
  } else if (oa_otap_has_nulls(column) || column->index_width > 0) {
    for (uint32_t i = 0; i < rows; i++) {
      out[i] = oa_otap_u64(column, i);
    }
  } else if (rows > 0) {
    memcpy(out, column->array->values, rows * sizeof *out);
  }
}

void oa_otap_map_free(oa_otap_map *map) {
  oa_free(map->numbers);
  oa_purse_give(map->purse, map->capacity * sizeof *map->numbers);
  *map = (oa_otap_map){.purse = map->purse};
}
