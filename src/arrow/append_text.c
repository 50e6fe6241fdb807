/* SPDX-License-Identifier: Apache-2.0 */
/* Texts to the numbers that a column's own dictionary has for them. */
#include "arrow/append.h"
#include "arrow/bits.h"

/* Texts between having their hash and being searched for: as long as memory
 * takes to come near. */
enum { AHEAD = 8 };

/* The value of row I.  What lies under a null may be no index at all. */
OA_INLINE uint32_t value_at(const int32_t *indices, int64_t i, uint32_t mask) {
  return (indices == NULL ? (uint32_t)i : (uint32_t)indices[i]) & mask;
}

OA_INLINE uint32_t mask_of(uint64_t word, unsigned i) {
  return (uint32_t)(0 - (word >> i & 1));
}

static const int32_t *indices_of(const oa_source *source) {
  return source->plain ? NULL : source->array.values;
}

/* Notes the values that are not numbered yet, each once; returns how many. */
static size_t collect(oa_source *source, int64_t begin, int64_t count) {
  const int32_t *indices = indices_of(source);
  int32_t *numbers = source->numbers;
  int32_t *wanted = source->wanted;
  size_t found = 0;

  for (int64_t i = 0; i < count; i += OA_WORD) {
    const unsigned rows = oa_word_count(count - i);
    const uint64_t word = oa_valid_word(&source->array, begin + i, rows);
    for (unsigned j = 0; j < rows && word != 0; j++) {
      const uint32_t mask = mask_of(word, j);
      const uint32_t value = value_at(indices, begin + i + j, mask);
      if (numbers[value] == OA_NUMBER_UNKNOWN && mask != 0) {
        numbers[value] = OA_NUMBER_WANTED;
        wanted[found++] = (int32_t)value;
      }
    }
  }
  return found;
}

/* Numbers the first WANTED of source->wanted. */
static oa_status number(oa_table *table, oa_column *column, oa_source *source,
                        size_t wanted) {
  const oa_array *values =
      source->plain ? &source->array : source->array.dictionary;
  uint32_t hashes[AHEAD] = {0};
  size_t len;

  for (size_t i = 0; i < wanted + AHEAD; i++) {
    if (i >= AHEAD && i - AHEAD < wanted) {
      const int32_t value = source->wanted[i - AHEAD];
      const uint8_t *text = oa_text_of(values, source->large, value, &len);
      int32_t found = OA_NUMBER_NULL;
      if (len > 0 || !source->empty_is_null) {
        found = oa_column_intern_hashed(table, column, text, len,
                                        hashes[i % AHEAD]);
        if (found < 0) {
          return OA_ERR_NOMEM;
        }
      } else {
        source->has_null_text = true;
      }
      source->numbers[value] = found;
    }
    if (i < wanted) {
      const uint8_t *text =
          oa_text_of(values, source->large, source->wanted[i], &len);
      hashes[i % AHEAD] = oa_dict_hash(column->dict, text, len);
      oa_dict_prefetch(column->dict, hashes[i % AHEAD]);
    }
  }
  return OA_OK;
}

/* Every row holds a text that has a number. */
static void put_all(const oa_source *source, int32_t *to, int64_t begin,
                    int64_t count) {
  const int32_t *indices = indices_of(source);
  const int32_t *numbers = source->numbers;
  if (indices == NULL) {
    memcpy(to, numbers + begin, (size_t)count * sizeof *to);
    return;
  }
  for (int64_t i = 0; i < count; i++) {
    to[i] = numbers[indices[begin + i]];
  }
}

/* The numbers of COUNT rows, REST for those without; the word of those with. */
OA_INLINE uint64_t put_word(const oa_source *source, int32_t *to, int64_t begin,
                            unsigned count, int32_t rest) {
  const int32_t *indices = indices_of(source);
  const uint64_t word = oa_valid_word(&source->array, begin, count);
  uint64_t valid = word;

  if (word == 0) {
    for (unsigned i = 0; i < count; i++) {
      to[i] = rest;
    }
    return 0;
  }
  if (rest == 0 && !source->has_null_text) {
    for (unsigned i = 0; i < count; i++) {
      const uint32_t mask = mask_of(word, i);
      const uint32_t value = value_at(indices, begin + i, mask);
      to[i] = (int32_t)((uint32_t)source->numbers[value] & mask);
    }
    return word;
  }
  for (unsigned i = 0; i < count; i++) {
    const uint32_t mask = mask_of(word, i);
    const int32_t found = source->numbers[value_at(indices, begin + i, mask)];
    const bool holds = mask != 0 && found >= 0;
    to[i] = holds ? found : rest;
    valid &= ~((uint64_t)!holds << i);
  }
  return valid;
}

/* The number that rows without a text have: 0 under nulls, and that of the
 * empty text where the column is not nullable. */
static oa_status find_rest(oa_table *table, oa_column *column, int32_t *out) {
  *out = 0;
  if (!column->field->nullable) {
    *out = oa_column_intern(table, column, (const uint8_t *)"", 0);
  }
  return *out < 0 ? OA_ERR_NOMEM : OA_OK;
}

static oa_status put_some(oa_table *table, oa_column *column,
                          const oa_source *source, uint32_t row, int64_t begin,
                          int64_t count) {
  int32_t *to = (int32_t *)(void *)column->values + row;
  const bool nullable = column->field->nullable;
  int32_t rest;

  OA_TRY(find_rest(table, column, &rest));
  if (!oa_column_open_gaps(table, column)) {
    return OA_ERR_NOMEM;
  }
  for (int64_t i = 0; i < count; i += OA_WORD) {
    const unsigned rows = oa_word_count(count - i);
    const uint64_t word = put_word(source, to + i, begin + i, rows, rest);
    if (nullable) {
      oa_bits_put(column->validity, row + i, rows, word);
      column->valid += (uint32_t)__builtin_popcountll(word);
    }
  }
  return OA_OK;
}

oa_status oa_column_append_text(oa_table *table, oa_column *column,
                                oa_source *source, uint32_t row, int64_t begin,
                                int64_t count) {
  const bool none =
      source->array.validity == NULL && source->array.null_count != 0;
  if (none && column->field->nullable) {
    return OA_OK;
  }
  if (!none) {
    OA_TRY(number(table, column, source, collect(source, begin, count)));
  }
  if (!oa_column_catch_up(table, column, row)) {
    return OA_ERR_NOMEM;
  }
  if (source->array.validity == NULL && !none && !source->has_null_text &&
      !column->gaps) {
    put_all(source, (int32_t *)(void *)column->values + row, begin, count);
    column->valid += (uint32_t)count;
  } else {
    OA_TRY(put_some(table, column, source, row, begin, count));
  }
  column->filled = row + (uint32_t)count;
  return OA_OK;
}
