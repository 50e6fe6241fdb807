/* SPDX-License-Identifier: Apache-2.0 */
/* unify.h - one dictionary a column for many batches.
 *
 * In a stream every batch may bring new dictionaries; the Arrow IPC file
 * format allows only one for each column.  A unifier renumbers the indices of
 * each batch against dictionaries that grow, and gives those out at the end.
 *
 * Dictionaries of UTF8 and BINARY with INT32 indices.  One thread at a time.
 */
#ifndef OA_ARROW_UNIFY_H
#define OA_ARROW_UNIFY_H

#include "arrow/array.h"
#include "base/error.h"

typedef struct oa_unifier oa_unifier;

/* SCHEMA is borrowed until oa_unifier_free().  OA_ERR_UNSUPPORTED names a
 * column whose dictionary is of another kind. */
oa_status oa_unifier_new(oa_unifier **out, const oa_schema *schema,
                         oa_error *error);
void oa_unifier_free(oa_unifier *unifier);

/* The same columns with new indices and with dictionaries of no values.  *OUT
 * borrows from COLUMNS and lives until the next call.
 * OA_ERR_LIMIT: a dictionary would pass 2 GiB; OA_ERR_UNSUPPORTED: it holds a
 * null; OA_ERR_NOMEM. */
oa_status oa_unifier_renumber(oa_unifier *unifier, const oa_array *columns,
                              const oa_array **out, oa_error *error);

/* Columns without rows that have the whole dictionaries; they live until the
 * next call. */
const oa_array *oa_unifier_dictionaries(oa_unifier *unifier);

#endif
