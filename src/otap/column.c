/* SPDX-License-Identifier: Apache-2.0 */
#include "otap/column.h"

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

/* --- texts --- */

void oa_otap_map_free(oa_otap_map *map) {
  oa_free(map->numbers);
  *map = (oa_otap_map){0};
}

/* Makes MAP hold for the dictionaries as they are now. */
static oa_status update(oa_otap_map *map, size_t count, uint64_t generation,
                        uint64_t replacements) {
  if (map->generation != generation || map->replacements != replacements) {
    map->known = 0;
    map->repaired = false;
    map->generation = generation;
    map->replacements = replacements;
  }
  if (count > map->capacity) {
    const size_t capacity = count + count / 2;
    int32_t *numbers = oa_realloc(map->numbers, capacity * sizeof *numbers);
    if (numbers == NULL) {
      return OA_ERR_NOMEM;
    }
    map->numbers = numbers;
    map->capacity = capacity;
  }
  if (count > map->known) {
    memset(map->numbers + map->known, 0xFF,
           (count - map->known) * sizeof *map->numbers);
    map->known = count;
  }
  return OA_OK;
}

oa_status oa_otap_texts_open(oa_otap_texts *out, const oa_otap_table *table,
                             const oa_otap_column *column,
                             oa_otlp_builder *builder, oa_table *into,
                             oa_column *to) {
  *out = (oa_otap_texts){.column = column,
                         .builder = builder,
                         .into = into,
                         .to = to,
                         .repaired = builder->tree.repaired};
  if (column->index_width == 0) {
    return OA_OK;
  }
  OA_TRY(update(column->map, (size_t)column->array->dictionary->length,
                builder->generation, table->replacements));
  out->numbers = column->map->numbers;
  return OA_OK;
}

__attribute__((noinline)) int32_t oa_otap_text_look_up(
    const oa_otap_texts *texts, uint32_t i) {
  size_t len;
  const size_t place = oa_otap_place(texts->column, i);
  const uint8_t *text =
      oa_array_bytes(oa_otap_values(texts->column), (int64_t)place, &len);
  const int32_t number = oa_column_intern(texts->into, texts->to, text, len);
  if (texts->numbers != NULL) {
    texts->numbers[place] = number;
  }
  return number;
}

void oa_otap_texts_read(const oa_otap_texts *texts, uint32_t rows,
                        int32_t *out) {
  const oa_otap_texts t = *texts; /* OUT may be anything, this not */
  if (!oa_otap_has(t.column)) {
    memset(out, 0xFF, rows * sizeof *out);
  } else if (oa_otap_has_nulls(t.column)) {
    for (uint32_t i = 0; i < rows; i++) {
      out[i] = oa_otap_is_null(t.column, i) ? -1 : oa_otap_text_at(&t, i);
    }
  } else if (t.column->index_width == 1) {
    const uint8_t *indices = t.column->array->values;
    for (uint32_t i = 0; i < rows; i++) {
      const int32_t number = t.numbers[indices[i]];
      out[i] = number >= 0 ? number : oa_otap_text_look_up(&t, i);
    }
  } else {
    for (uint32_t i = 0; i < rows; i++) {
      out[i] = oa_otap_text_at(&t, i);
    }
  }
}

oa_status oa_otap_texts_close(const oa_otap_texts *texts, bool *repaired) {
  bool here = texts->builder->tree.repaired != texts->repaired;
  if (texts->column->index_width > 0) {
    texts->column->map->repaired |= here;
    here = texts->column->map->repaired;
  }
  if (repaired != NULL) {
    *repaired = here;
  }
  return texts->builder->tree.failed ? OA_ERR_NOMEM : OA_OK;
}
