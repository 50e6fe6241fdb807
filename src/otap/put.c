/* SPDX-License-Identifier: Apache-2.0 */
#include "otap/put.h"

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
    oa_bits_fill(column->validity, base, base + count);
  }
  return column->values + (size_t)base * width_of(column);
}

uint8_t *oa_otap_open_gaps(oa_table *table, oa_column *column, uint32_t base,
                           uint32_t count) {
  return oa_column_catch_up(table, column, base + count) ? column->values
                                                         : NULL;
}

/* Of the COUNT rows from ROW on, at most 64, those in WORD hold a value. */
OA_INLINE void put_valid(oa_column *column, uint32_t row, unsigned count,
                         uint64_t word) {
  if (column->gaps) {
    oa_bits_put(column->validity, row, count, word);
  }
  column->valid += (uint32_t)__builtin_popcountll(word);
}

static uint32_t count_valid(const uint8_t *valid, uint32_t count) {
  uint32_t sum = 0;
  for (uint32_t i = 0; i < count; i += OA_WORD) {
    sum += (uint32_t)__builtin_popcountll(
        oa_bits_get(valid, i, oa_word_count(count - i)));
  }
  return sum;
}

uint8_t *oa_otap_open_some(oa_table *table, oa_column *column, uint32_t base,
                           uint32_t count, const uint8_t *valid) {
  const uint32_t some = count_valid(valid, count);
  if (some == 0) {
    return NULL;
  }
  if (some == count) {
    return oa_otap_open_full(table, column, base, count);
  }
  uint8_t *to = oa_otap_open_gaps(table, column, base, count);
  for (uint32_t i = 0; to != NULL && i < count; i += OA_WORD) {
    const unsigned part = oa_word_count(count - i);
    put_valid(column, base + i, part, oa_bits_get(valid, i, part));
  }
  return to == NULL ? NULL : to + (size_t)base * width_of(column);
}

/* --- numbers --- */

bool oa_otap_none_zero(const uint64_t *values, uint32_t count) {
  uint64_t all = UINT64_MAX; /* its highest bit: all were something */
  for (uint32_t i = 0; i < count; i++) {
    all &= values[i] | (0 - values[i]);
  }
  return all >> 63 != 0;
}

void oa_otap_put_times(oa_table *table, oa_column *column, uint32_t base,
                       uint32_t count, const uint64_t *values) {
  uint8_t *to = NULL;
  if (count > 0 && oa_otap_none_zero(values, count)) {
    to = oa_otap_open_full(table, column, base, count);
    if (to != NULL) {
      memcpy(to, values, count * sizeof *values);
    }
    return;
  }
  for (uint32_t i = 0; i < count; i += OA_WORD) {
    const unsigned part = oa_word_count(count - i);
    const uint64_t word = oa_otap_some_word(values + i, part);
    if (word == 0) {
      continue; /* without any there is no column */
    }
    if (to == NULL) {
      to = oa_otap_open_gaps(table, column, base, count);
    }
    if (to == NULL) {
      return;
    }
    memcpy(to + (size_t)(base + i) * sizeof *values, values + i,
           part * sizeof *values);
    put_valid(column, base + i, part, word);
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

void oa_otap_put_optional32(oa_table *table, oa_column *column, uint32_t base,
                            uint32_t count, const uint32_t *values,
                            const uint8_t *valid) {
  uint8_t *to = oa_otap_open_some(table, column, base, count, valid);
  if (to != NULL) {
    memcpy(to, values, count * sizeof *values);
  }
}

/* --- texts --- */

/* Where absent and empty are the same, both are null. */
static uint32_t drop_empty(const oa_dict *dict, uint32_t count,
                           int32_t *numbers) {
  const uint8_t nothing = 0;
  const int32_t empty =
      oa_dict_find(dict, &nothing, 0, oa_dict_hash(dict, &nothing, 0));
  uint32_t some = 0;
  for (uint32_t i = 0; i < count; i++) {
    numbers[i] = numbers[i] == empty ? -1 : numbers[i];
    some += numbers[i] >= 0;
  }
  return some;
}

/* Where a text must be, absent is empty. */
static uint32_t add_empty(oa_table *table, oa_column *column, uint32_t count,
                          int32_t *numbers) {
  int32_t all = 0;
  for (uint32_t i = 0; i < count; i++) {
    all |= numbers[i];
  }
  if (all < 0) {
    const int32_t empty = oa_column_intern(table, column, NULL, 0);
    for (uint32_t i = 0; i < count; i++) {
      numbers[i] = numbers[i] < 0 ? empty : numbers[i];
    }
  }
  return count;
}

/* How many of the NUMBERS are not null. */
static uint32_t settle(oa_table *table, oa_column *column, uint32_t count,
                       int32_t *numbers) {
  return column->field->nullable ? drop_empty(column->dict, count, numbers)
                                 : add_empty(table, column, count, numbers);
}

void oa_otap_put_texts(oa_table *table, oa_column *column, uint32_t base,
                       uint32_t count, int32_t *numbers) {
  const uint32_t some = settle(table, column, count, numbers);
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
  for (uint32_t i = 0; to != NULL && i < count; i += OA_WORD) {
    const unsigned part = oa_word_count(count - i);
    uint64_t word = 0;
    for (unsigned j = 0; j < part; j++) {
      const bool set = numbers[i + j] >= 0;
      const int32_t value = set ? numbers[i + j] : 0;
      memcpy(to + (size_t)(base + i + j) * sizeof value, &value, sizeof value);
      word |= (uint64_t)set << j;
    }
    put_valid(column, base + i, part, word);
  }
}

void oa_otap_put_repeated_texts(oa_table *table, oa_column *column,
                                uint32_t base, uint32_t count, int32_t *numbers,
                                const uint32_t *ends) {
  const uint32_t some = settle(table, column, count, numbers);
  uint8_t *to = NULL;
  if (some > 0 && some == count) {
    to = oa_otap_open_full(table, column, base, ends[count - 1]);
  } else if (some > 0) {
    to = oa_otap_open_gaps(table, column, base, ends[count - 1]);
    to = to == NULL ? NULL : to + (size_t)base * sizeof *numbers;
  }
  for (uint32_t i = 0, row = 0; to != NULL && i < count; i++) {
    if (i + 1 < count && numbers[i] == numbers[i + 1]) {
      continue; /* they are written together */
    }
    const bool set = numbers[i] >= 0;
    const int32_t value = set ? numbers[i] : 0;
    const uint32_t end = ends[i];
    if (set && some < count) {
      oa_bits_fill(column->validity, base + row, base + end);
      column->valid += end - row;
    }
    for (; row < end; row++) {
      memcpy(to + row * sizeof value, &value, sizeof value);
    }
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

/* Which of the COUNT ids, at most 64, are not all zero. */
OA_INLINE uint64_t ids_word(const uint8_t *ids, unsigned count, size_t width) {
  uint64_t word = 0;
  for (unsigned i = 0; i < count; i++) {
    uint64_t head;
    uint64_t tail;
    const uint8_t *id = ids + i * width;
    memcpy(&head, id, sizeof head);
    memcpy(&tail, id + width - sizeof tail, sizeof tail);
    word |= (uint64_t)((head | tail) != 0) << i;
  }
  return word;
}

/* Ids that stand one after the other, of which some are not set. */
OA_INLINE void put_some_ids(oa_table *table, oa_column *column, uint32_t base,
                            uint32_t count, const oa_otap_column *from,
                            size_t width) {
  const uint8_t *ids = from->array->values;
  uint8_t *to = NULL;
  for (uint32_t i = 0; i < count; i += OA_WORD, ids += OA_WORD * width) {
    const unsigned part = oa_word_count(count - i);
    const uint64_t some = ids_word(ids, part, width);
    const uint64_t word = some & oa_otap_valid_word(from, i, part);
    if (to == NULL && word == 0) {
      continue; /* without any there is no column */
    }
    if (to == NULL) {
      to = oa_otap_open_gaps(table, column, base, count);
      if (to == NULL) {
        return;
      }
      to += base * width;
      memcpy(to + i * width, ids, (count - i) * width);
    }
    put_valid(column, base + i, part, word);
    for (unsigned j = 0; word != some && j < part; j++) {
      if ((word >> j & 1) == 0) { /* something may stand under null */
        memset(to + (i + j) * width, 0, width);
      }
    }
  }
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
  if (order == NULL && from->index_width == 0) {
    put_some_ids(table, column, base, count, from, width);
    return;
  }
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
