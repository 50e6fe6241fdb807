/* SPDX-License-Identifier: Apache-2.0 */
/* coerce.h - columns of other types to the sources that append.h takes.
 *
 * A type is taken when its values can be held without loss: integers of any
 * width, times of any unit, texts with or without a dictionary and with
 * offsets of either width, ids as fixed or variable bytes, floats as doubles.
 * A single value that does not fit is told to the caller, who leaves its row
 * out.  Columns that have the table's layout are not copied.
 *
 * One thread at a time.
 */
#ifndef OA_ARROW_COERCE_H
#define OA_ARROW_COERCE_H

#include "arrow/append.h"
#include "base/arena.h"

typedef struct oa_coercion {
  oa_arena *arena; /* for copies; they live as long as the sources are used */
  /* Row ROW of the column must be left out; TEXT says why. */
  void (*refuse)(void *context, int64_t row, const char *text);
  void *context;
} oa_coercion;

/* Describes the first ROWS rows of ARRAY, of type HAVE, as a source for a
 * column WANT, which is no list or struct.  ARRAY must be valid and outlive
 * the source.  OA_ERR_UNSUPPORTED: values of that type cannot be taken.
 * OA_ERR_NOMEM; OA_ERR_LIMIT: the copies pass the arena's bound or 2 GiB. */
oa_status oa_source_make(oa_source *out, const oa_field *want,
                         const oa_field *have, const oa_array *array,
                         int64_t rows, const oa_coercion *how);

/* The same for a LIST and its offsets alone; children are the caller's. */
oa_status oa_source_make_list(oa_source *out, const oa_field *want,
                              const oa_array *array, int64_t rows,
                              const oa_coercion *how);

/* ARRAY cut to ROWS rows, with no bitmap when all rows are alike. */
oa_array oa_array_head(const oa_array *array, int64_t rows);

/* Zeroes what lies under the nulls of SOURCE, in a copy, so that bits of its
 * rows may be set afterwards.  An absent one gets zeros for ROWS rows. */
oa_status oa_source_clean(oa_source *source, int64_t rows, oa_arena *arena);

/* --- coerce_number.c --- */

/* ARRAY of type HAVE, without a dictionary, as values of WANT: an integer, a
 * time or a double.  OA_ERR_UNSUPPORTED and others as above. */
oa_status oa_coerce_number(oa_array *array, const oa_field *want,
                           const oa_field *have, const oa_coercion *how);

/* Indices of type TYPE as int32, 0 under nulls. */
oa_status oa_coerce_indices(oa_array *array, oa_type type, oa_arena *arena);

/* --- coerce_text.c --- */

/* A dictionary that is large beside its rows, cut down to the values used. */
oa_status oa_coerce_small_dictionary(oa_array *array, bool large,
                                     oa_arena *arena);

/* Rows of a dictionary (with int32 indices) as plain texts; or plain texts as
 * a clean copy when there is no dictionary. */
oa_status oa_coerce_flat_text(oa_array *array, bool *large, oa_arena *arena);

/* Texts as fixed values of WIDTH bytes; an empty one is null. */
oa_status oa_coerce_text_to_fixed(oa_array *array, bool large, size_t width,
                                  const oa_coercion *how);

/* Fixed values of WIDTH bytes as texts. */
oa_status oa_coerce_fixed_to_text(oa_array *array, size_t width,
                                  oa_arena *arena);

#endif
