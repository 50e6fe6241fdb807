/* SPDX-License-Identifier: Apache-2.0 */
/* append.h - whole arrays to the end of a table's columns.
 *
 * The arrays come from elsewhere and are first described by sources, one for
 * each column of the table, children too.  Rows are then copied in ranges, a
 * column at a time: bytes as they lie, validity by words, offsets moved, and
 * dictionary indices renumbered, with each distinct value looked up once.
 *
 * Sources are made by coerce.h.  One thread at a time.
 */
#ifndef OA_ARROW_APPEND_H
#define OA_ARROW_APPEND_H

#include "arrow/array.h"
#include "arrow/table.h"

/* Numbers of values that were not looked up yet, and of those that become
 * null. */
enum { OA_NUMBER_UNKNOWN = -1, OA_NUMBER_NULL = -2, OA_NUMBER_WANTED = -3 };

/* What goes into one column.
 *
 * ARRAY has the layout of FIELD, with offsets or values wherever any value is
 * valid, but for these: dictionary columns have int32 indices, or none
 * (`plain`), and offsets of text may be 64 bits wide (`large`).  What lies
 * under nulls may be anything. */
typedef struct oa_source {
  const oa_field *field;
  oa_array array;
  bool absent;        /* nothing comes: the rows are passed over */
  bool plain;         /* for a dictionary column: the texts row by row */
  bool large;         /* 64-bit offsets, of the texts or their dictionary */
  bool empty_is_null; /* an empty text of a dictionary column */
  bool zero_is_null;  /* of 8-byte values */
  bool has_null_text; /* a number is OA_NUMBER_NULL */
  int32_t *numbers;   /* dictionary columns: of each value, in the table's */
  int32_t *wanted;    /* room for as many */
  struct oa_source *children; /* lists: of the child table's columns */
} oa_source;

/* Text I of VALUES, whose offsets are LARGE or not. */
OA_INLINE const uint8_t *oa_text_of(const oa_array *values, bool large,
                                    int64_t i, size_t *len) {
  int64_t from = 0;
  int64_t to = 0;
  if (values->offsets != NULL && large) {
    from = ((const int64_t *)values->offsets)[i];
    to = ((const int64_t *)values->offsets)[i + 1];
  } else if (values->offsets != NULL) {
    from = ((const int32_t *)values->offsets)[i];
    to = ((const int32_t *)values->offsets)[i + 1];
  }
  *len = (size_t)(to - from);
  return *len == 0 ? (const uint8_t *)""
                   : (const uint8_t *)values->values + from;
}

/* The same for row I of SOURCE, of any column with texts; it must hold one. */
OA_INLINE const uint8_t *oa_source_text(const oa_source *source, int64_t i,
                                        size_t *len) {
  const oa_array *array = &source->array;
  if (source->field->dictionary && !source->plain) {
    return oa_text_of(array->dictionary, source->large,
                      ((const int32_t *)array->values)[i], len);
  }
  return oa_text_of(array, source->large, i, len);
}

/* Appends the rows [BEGIN, END) of SOURCES, as many as TABLE has columns, and
 * the items of their lists.  On failure the caller truncates TABLE, and
 * SOURCES are of no use any more.
 * OA_ERR_NOMEM, OA_ERR_LIMIT (32-bit offsets or counts would overflow). */
oa_status oa_table_append(oa_table *table, oa_source *sources, int64_t begin,
                          int64_t end);

/* The dictionary columns' part of it (append_text.c): the rows from ROW on of
 * a column that is filled up to there. */
oa_status oa_column_append_text(oa_table *table, oa_column *column,
                                oa_source *source, uint32_t row, int64_t begin,
                                int64_t count);

#endif
