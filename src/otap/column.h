/* SPDX-License-Identifier: Apache-2.0 */
/* column.h - reads a column of a received table, whatever form it came in.
 *
 * A sender may leave a column out, write it plain or with a dictionary of any
 * index type, and put it into a struct that is null itself.  All of that ends
 * here: the decoder asks for numbers, bytes, or numbers in the builder's
 * dictionary, for a whole column at once where it matters.
 *
 * One thread at a time.
 */
#ifndef OA_OTAP_COLUMN_H
#define OA_OTAP_COLUMN_H

#include "arrow/bits.h"
#include "otap/payload.h"
#include "otlp/builder_impl.h"

/* Numbers that a dictionary's values have in a builder's dictionary, -1 where
 * it was not looked up yet.  Kept as long as both dictionaries only grow, so
 * a string is looked up once and not once a row. */
typedef struct oa_otap_map {
  int32_t *numbers;
  size_t capacity;
  size_t known;          /* numbers[0..known) are set */
  size_t missing;        /* so many of them are -1 */
  uint64_t generation;   /* of the builder */
  uint64_t replacements; /* of the reader's dictionaries */
  bool repaired;   /* two strings may have one number: they were not UTF-8 */
  oa_purse *purse; /* borrowed; counts the memory; NULL = nobody does */
} oa_otap_map;

typedef struct oa_otap_column {
  const oa_field *field; /* NULL: the table has no such column */
  const oa_array *array;
  const oa_array *outer; /* the struct around it, or NULL */
  oa_otap_map *map;
  uint8_t index_width; /* bytes of an index; 0: there is no dictionary */
  oa_payload_encoding encoding; /* of an id column */
} oa_otap_column;

/* A table of the message that is being decoded. */
typedef struct oa_otap_table {
  oa_payload_type type;
  const oa_payload_info *info;
  uint32_t rows;
  uint64_t replacements; /* see oa_ipc_reader_replacements() */
  oa_otap_column columns[OA_PAYLOAD_MAX_COLUMNS]; /* as in info */
} oa_otap_table;

static inline bool oa_otap_has(const oa_otap_column *column) {
  return column->field != NULL;
}

/* True when some row may be null.  An absent column is all null. */
static inline bool oa_otap_has_nulls(const oa_otap_column *column) {
  return column->field == NULL || column->array->null_count != 0 ||
         (column->outer != NULL && column->outer->null_count != 0);
}

static inline bool oa_otap_is_null(const oa_otap_column *column, uint32_t i) {
  return column->field == NULL || oa_array_is_null(column->array, i) ||
         (column->outer != NULL && oa_array_is_null(column->outer, i));
}

/* Which of the COUNT rows from AT on, at most 64, are not null. */
static inline uint64_t oa_otap_valid_word(const oa_otap_column *column,
                                          uint32_t at, unsigned count) {
  if (column->field == NULL) {
    return 0;
  }
  const uint64_t word = oa_valid_word(column->array, at, count);
  return column->outer == NULL ? word
                               : word & oa_valid_word(column->outer, at, count);
}

/* True when none of the rows [BEGIN, END) is null. */
bool oa_otap_all_set(const oa_otap_column *column, uint32_t begin,
                     uint32_t end);

/* The place of row I, which is not null, in the values: its index in the
 * dictionary, or I itself. */
OA_INLINE size_t oa_otap_place(const oa_otap_column *column, uint32_t i) {
  const void *indices = column->array->values;
  switch (column->index_width) {
    case 0:
      return i;
    case 1:
      return ((const uint8_t *)indices)[i];
    case 2:
      return ((const uint16_t *)indices)[i];
    case 4:
      return ((const uint32_t *)indices)[i];
    default:
      return (size_t)((const uint64_t *)indices)[i];
  }
}

/* The array that holds the values. */
static inline const oa_array *oa_otap_values(const oa_otap_column *column) {
  return column->index_width > 0 ? column->array->dictionary : column->array;
}

/* The bytes of row I of a text or binary column; NULL when it is null. */
static inline const uint8_t *oa_otap_bytes(const oa_otap_column *column,
                                           uint32_t i, size_t *len) {
  *len = 0;
  return oa_otap_is_null(column, i)
             ? NULL
             : oa_array_bytes(oa_otap_values(column),
                              (int64_t)oa_otap_place(column, i), len);
}

/* The bytes of row I of a FIXED_BINARY column; NULL when it is null. */
static inline const uint8_t *oa_otap_fixed(const oa_otap_column *column,
                                           uint32_t i) {
  if (oa_otap_is_null(column, i)) {
    return NULL;
  }
  return (const uint8_t *)oa_otap_values(column)->values +
         oa_otap_place(column, i) * (size_t)column->field->width;
}

static inline bool oa_otap_bool(const oa_otap_column *column, uint32_t i) {
  return !oa_otap_is_null(column, i) &&
         oa_bit(oa_otap_values(column)->values,
                (int64_t)oa_otap_place(column, i));
}

/* Rows I and J hold equal bytes; nulls equal nothing. */
bool oa_otap_same_bytes(const oa_otap_column *column, uint32_t i, uint32_t j);
bool oa_otap_same_fixed(const oa_otap_column *column, uint32_t i, uint32_t j);

/* All values of an integer column of up to 32 bits; null is 0. */
void oa_otap_read_u32(const oa_otap_column *column, uint32_t rows,
                      uint32_t *out);

/* The bits of all values of a 64-bit column; null is 0. */
void oa_otap_read_u64(const oa_otap_column *column, uint32_t rows,
                      uint64_t *out);

/* The bits of row I of a 64-bit column; null is 0. */
OA_INLINE uint64_t oa_otap_u64(const oa_otap_column *column, uint32_t i) {
  return oa_otap_is_null(column, i) ? 0
                                    : ((const uint64_t *)oa_otap_values(column)
                                           ->values)[oa_otap_place(column, i)];
}

uint32_t oa_otap_u32(const oa_otap_column *column, uint32_t i);

void oa_otap_map_free(oa_otap_map *map);

#endif
