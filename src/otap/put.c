/* SPDX-License-Identifier: Apache-2.0 */
#include "otap/put.h"

static void set_bits(uint8_t *bits, uint32_t from, uint32_t to) {
  for (; from < to && (from & 7) != 0; from++) {
    bits[from >> 3] |= (uint8_t)(1U << (from & 7));
  }
  const uint32_t whole = (to - from) >> 3;
  memset(bits + (from >> 3), 0xFF, whole);
  for (from += whole * 8; from < to; from++) {
    bits[from >> 3] |= (uint8_t)(1U << (from & 7));
  }
}

static size_t width_of(const oa_column *column) {
  return column->field->dictionary ? sizeof(int32_t)
                                   : oa_field_width(column->field);
}

uint8_t *oa_otap_open_full(oa_table *table, oa_column *column, uint32_t base,
                           uint32_t count) {
  if (!oa_column_catch_up(table, column, base)) {
    return NULL;
  }
  column->filled = base + count;
  column->valid += count;
  if (column->gaps) {
    set_bits(column->validity, base, base + count);
  }
  return column->values + (size_t)base * width_of(column);
}

uint8_t *oa_otap_open_gaps(oa_table *table, oa_column *column, uint32_t base,
                           uint32_t count) {
  return oa_column_catch_up(table, column, base + count) ? column->values
                                                         : NULL;
}

/* --- numbers --- */

void oa_otap_put_times(oa_table *table, oa_column *column, uint32_t base,
                       uint32_t count, const uint64_t *values) {
  uint32_t valid = 0;
  for (uint32_t i = 0; i < count; i++) {
    valid += values[i] != 0;
  }
  if (valid == 0) {
    return;
  }
  if (valid == count) {
    uint8_t *to = oa_otap_open_full(table, column, base, count);
    if (to != NULL) {
      memcpy(to, values, count * sizeof *values);
    }
    return;
  }
  uint8_t *to = oa_otap_open_gaps(table, column, base, count);
  for (uint32_t i = 0; to != NULL && i < count; i++) {
    if (values[i] != 0) {
      memcpy(to + (size_t)(base + i) * sizeof *values, &values[i],
             sizeof *values);
      oa_otap_set_valid(column, base + i);
    }
  }
}

void oa_otap_put_u32s(oa_table *table, oa_column *column, uint32_t base,
                      uint32_t count, const uint32_t *values) {
  uint32_t any = 0;
  for (uint32_t i = 0; i < count; i++) {
    any |= values[i];
  }
  if (any != 0) {
    uint8_t *to = oa_otap_open_full(table, column, base, count);
    if (to != NULL) {
      memcpy(to, values, count * sizeof *values);
    }
  }
}

static uint32_t count_valid(const uint8_t *valid, uint32_t count) {
  uint32_t sum = 0;
  for (uint32_t i = 0; valid != NULL && i < count; i++) {
    sum += valid[i];
  }
  return sum;
}

/* WIDTH is 4 or 8. */
OA_INLINE void put_optional(oa_table *table, oa_column *column, uint32_t base,
                            uint32_t count, const void *values,
                            const uint8_t *valid, size_t width) {
  const uint32_t some = count_valid(valid, count);
  if (some == 0) {
    return;
  }
  const uint8_t *from = values;
  if (some == count) {
    uint8_t *to = oa_otap_open_full(table, column, base, count);
    if (to != NULL) {
      memcpy(to, from, count * width);
    }
    return;
  }
  uint8_t *to = oa_otap_open_gaps(table, column, base, count);
  for (uint32_t i = 0; to != NULL && i < count; i++) {
    if (valid[i] != 0) {
      memcpy(to + (base + i) * width, from + i * width, width);
      oa_otap_set_valid(column, base + i);
    }
  }
}

void oa_otap_put_optional64(oa_table *table, oa_column *column, uint32_t base,
                            uint32_t count, const uint64_t *values,
                            const uint8_t *valid) {
  put_optional(table, column, base, count, values, valid, sizeof *values);
}

void oa_otap_put_optional32(oa_table *table, oa_column *column, uint32_t base,
                            uint32_t count, const uint32_t *values,
                            const uint8_t *valid) {
  put_optional(table, column, base, count, values, valid, sizeof *values);
}

/* --- texts --- */

/* Where absent and empty are the same, both are null. */
static void put_nullable_texts(oa_table *table, oa_column *column,
                               uint32_t base, uint32_t count,
                               const int32_t *numbers) {
  const uint8_t nothing = 0;
  const oa_dict *dict = column->dict;
  const int32_t empty =
      oa_dict_find(dict, &nothing, 0, oa_dict_hash(dict, &nothing, 0));
  uint32_t some = 0;
  for (uint32_t i = 0; i < count; i++) {
    some += numbers[i] >= 0 && numbers[i] != empty;
  }
  if (some == 0) {
    return;
  }
  if (some == count) {
    uint8_t *to = oa_otap_open_full(table, column, base, count);
    if (to != NULL) {
      memcpy(to, numbers, count * sizeof *numbers);
    }
    return;
  }
  uint8_t *to = oa_otap_open_gaps(table, column, base, count);
  for (uint32_t i = 0; to != NULL && i < count; i++) {
    if (numbers[i] >= 0 && numbers[i] != empty) {
      memcpy(to + (size_t)(base + i) * sizeof *numbers, &numbers[i],
             sizeof *numbers);
      oa_otap_set_valid(column, base + i);
    }
  }
}

static void put_required_texts(oa_table *table, oa_column *column,
                               uint32_t base, uint32_t count,
                               const int32_t *numbers) {
  int32_t empty = -1;
  uint8_t *to = oa_otap_open_full(table, column, base, count);
  for (uint32_t i = 0; to != NULL && i < count; i++) {
    int32_t number = numbers[i];
    if (number < 0) {
      empty = empty < 0 ? oa_column_intern(table, column, NULL, 0) : empty;
      number = empty;
    }
    memcpy(to + (size_t)i * sizeof number, &number, sizeof number);
  }
}

void oa_otap_put_texts(oa_table *table, oa_column *column, uint32_t base,
                       uint32_t count, const int32_t *numbers) {
  if (count == 0) {
    return;
  }
  if (column->field->nullable) {
    put_nullable_texts(table, column, base, count, numbers);
  } else {
    put_required_texts(table, column, base, count, numbers);
  }
}

/* --- ids --- */

/* The id at row I, or NULL when it is not set. */
OA_INLINE const uint8_t *id_at(const oa_otap_column *from, uint32_t i,
                               size_t width) {
  const uint8_t *id = oa_otap_fixed(from, i);
  uint64_t head;
  uint64_t tail;
  if (id == NULL) {
    return NULL;
  }
  memcpy(&head, id, sizeof head);
  memcpy(&tail, id + width - sizeof tail, sizeof tail);
  return (head | tail) == 0 ? NULL : id;
}

/* True when all ids are set, and stand one after the other. */
OA_INLINE bool all_ids(const oa_otap_column *from, uint32_t count,
                       size_t width) {
  const uint8_t *ids = from->array->values;
  bool all = from->index_width == 0 && !oa_otap_has_nulls(from);
  for (uint32_t i = 0; i < count && all; i++, ids += width) {
    uint64_t head;
    uint64_t tail;
    memcpy(&head, ids, sizeof head);
    memcpy(&tail, ids + width - sizeof tail, sizeof tail);
    all = (head | tail) != 0;
  }
  return all;
}

OA_INLINE void put_ids(oa_table *table, oa_column *column, uint32_t base,
                       uint32_t count, const oa_otap_column *from,
                       const uint32_t *order, size_t width) {
  if (order == NULL && count > 0 && all_ids(from, count, width)) {
    uint8_t *to = oa_otap_open_full(table, column, base, count);
    if (to != NULL) {
      memcpy(to, from->array->values, count * width);
    }
    return;
  }
  /* One after the other, as most columns have none that is not set. */
  for (uint32_t i = 0; i < count; i++) {
    const uint8_t *id = id_at(from, order == NULL ? i : order[i], width);
    if (id != NULL) {
      if (!oa_column_begin(table, column, base + i)) {
        return;
      }
      memcpy(column->values + (size_t)(base + i) * width, id, width);
    }
  }
}

void oa_otap_put_ids(oa_table *table, oa_column *column, uint32_t base,
                     uint32_t count, const oa_otap_column *from,
                     const uint32_t *order) {
  if (!oa_otap_has(from)) {
    return;
  }
  if (from->field->width == OA_TRACE_ID_SIZE) {
    put_ids(table, column, base, count, from, order, OA_TRACE_ID_SIZE);
  } else {
    put_ids(table, column, base, count, from, order, OA_SPAN_ID_SIZE);
  }
}

void oa_otap_put_one_id(oa_table *table, oa_column *column, uint32_t row,
                        const oa_otap_column *from, uint32_t i) {
  const size_t width = (size_t)column->field->width;
  const uint8_t *id = id_at(from, i, width);
  if (id != NULL && oa_column_begin(table, column, row)) {
    memcpy(column->values + (size_t)row * width, id, width);
  }
}
