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
  for (uint32_t i = 0; i < count; i++) {
    sum += valid[i];
  }
  return sum;
}

/* COUNT bytes that are 0 or 1, at most 64, as bits. */
static uint64_t word_of(const uint8_t *valid, unsigned count) {
  uint64_t eight;
  uint64_t word = 0;
  unsigned i = 0;
  for (; i + sizeof eight <= count; i += sizeof eight) {
    memcpy(&eight, valid + i, sizeof eight);
    word |= (eight * UINT64_C(0x0102040810204080) >> 56) << i;
  }
  for (; i < count; i++) {
    word |= (uint64_t)valid[i] << i;
  }
  return word;
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
    put_valid(column, base + i, part, word_of(valid + i, part));
  }
  return to == NULL ? NULL : to + (size_t)base * width_of(column);
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
  for (uint32_t i = 0; to != NULL && i < count; i += OA_WORD) {
    const unsigned part = oa_word_count(count - i);
    uint64_t word = 0;
    for (unsigned j = 0; j < part; j++) {
      word |= (uint64_t)(values[i + j] != 0) << j;
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

void oa_otap_put_optional64(oa_table *table, oa_column *column, uint32_t base,
                            uint32_t count, const uint64_t *values,
                            const uint8_t *valid) {
  uint8_t *to = oa_otap_open_some(table, column, base, count, valid);
  for (uint32_t i = 0; to != NULL && i < count; i++) {
    const uint64_t value = values[i] & (0U - (uint64_t)valid[i]);
    memcpy(to + i * sizeof value, &value, sizeof value);
  }
}

void oa_otap_put_optional32(oa_table *table, oa_column *column, uint32_t base,
                            uint32_t count, const uint32_t *values,
                            const uint8_t *valid) {
  uint8_t *to = oa_otap_open_some(table, column, base, count, valid);
  for (uint32_t i = 0; to != NULL && i < count; i++) {
    const uint32_t value = values[i] & (0U - (uint32_t)valid[i]);
    memcpy(to + i * sizeof value, &value, sizeof value);
  }
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
  for (uint32_t i = 0; to != NULL && i < count; i += OA_WORD) {
    const unsigned part = oa_word_count(count - i);
    uint64_t word = 0;
    for (unsigned j = 0; j < part; j++) {
      const int32_t number = numbers[i + j];
      const bool set = number >= 0 && number != empty;
      const int32_t value = set ? number : 0;
      memcpy(to + (size_t)(base + i + j) * sizeof value, &value, sizeof value);
      word |= (uint64_t)set << j;
    }
    put_valid(column, base + i, part, word);
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

/* Ids that stand one after the other, of which some are not set.  All are
 * written, those as zeros, as where they are is not to be foreseen. */
OA_INLINE void put_some_ids(oa_table *table, oa_column *column, uint32_t base,
                            uint32_t count, const oa_otap_column *from,
                            size_t width) {
  const uint8_t *ids = from->array->values;
  uint8_t *to = NULL;
  for (uint32_t i = 0; i < count; i += OA_WORD) {
    const unsigned part = oa_word_count(count - i);
    const uint64_t given = oa_otap_valid_word(from, i, part);
    uint64_t cells[OA_WORD * 2];
    uint64_t word = 0;
    for (unsigned j = 0; j < part; j++) {
      uint64_t head;
      uint64_t tail;
      const uint8_t *id = ids + (size_t)(i + j) * width;
      memcpy(&head, id, sizeof head);
      memcpy(&tail, id + width - sizeof tail, sizeof tail);
      const uint64_t set = ((head | tail) != 0) & given >> j;
      cells[j * width / sizeof head] = head & (0U - set);
      cells[(j + 1) * width / sizeof tail - 1] = tail & (0U - set);
      word |= set << j;
    }
    if (word == 0) {
      continue; /* without any there is no column */
    }
    if (to == NULL) {
      to = oa_otap_open_gaps(table, column, base, count);
    }
    if (to == NULL) {
      return;
    }
    memcpy(to + (size_t)(base + i) * width, cells, part * width);
    put_valid(column, base + i, part, word);
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
