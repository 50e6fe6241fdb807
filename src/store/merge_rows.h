/* SPDX-License-Identifier: Apache-2.0 */
/* merge_rows.h - rows of many small batches gathered into one large batch.
 *
 * Nothing about a row may change on the way, so what a table would only hold
 * with a change (a null where none is allowed, a text that is not UTF-8) is
 * refused: the file that it came from is then better left alone.
 *
 * One thread at a time.
 */
#ifndef OA_STORE_MERGE_ROWS_H
#define OA_STORE_MERGE_ROWS_H

#include <stdbool.h>
#include <stdint.h>

#include "arrow/append.h"
#include "arrow/table.h"
#include "base/arena.h"

typedef struct oa_merge_rows {
  const oa_schema *schema;
  int64_t max_rows; /* of a large batch */
  oa_table_tree tree;
  oa_table table;
  oa_arena arena;     /* what describes the batch that rows are taken from */
  oa_source *sources; /* of it; NULL: it must be described (again) */
  bool refused;       /* a value cannot be taken as it is */
} oa_merge_rows;

/* A large batch takes at most about so many bytes of memory: enough to be
 * compressed as well as any, and a bound for those whose rows are large. */
enum { OA_MERGE_BYTES = 16 << 20 };

/* Whether columns of such a schema can be gathered. */
bool oa_merge_rows_fit(const oa_schema *schema);

/* SCHEMA fits and is borrowed; ROWS is freed also after a failure.
 * OA_ERR_NOMEM. */
oa_status oa_merge_rows_init(oa_merge_rows *rows, const oa_schema *schema,
                             int64_t max_rows);
void oa_merge_rows_free(oa_merge_rows *rows);

/* Says that another batch comes. */
void oa_merge_rows_next(oa_merge_rows *rows);

/* Whether a batch of COUNT rows, BYTES of memory, may join what was gathered.
 * One that may not begins the next large batch: what one request brought stands
 * in one batch, before and after, so that it can be given back as it came. */
bool oa_merge_rows_fits(const oa_merge_rows *rows, int64_t count, size_t bytes);

/* Takes the batch COLUMNS of COUNT rows, all of it.  OA_ERR_NOMEM,
 * OA_ERR_LIMIT; OA_ERR_UNSUPPORTED: see above.  After a failure ROWS can only
 * be freed. */
oa_status oa_merge_rows_take(oa_merge_rows *rows, const oa_array *columns,
                             int64_t count);

/* The same with the rows [FROM, END) of it alone. */
oa_status oa_merge_rows_take_part(oa_merge_rows *rows, const oa_array *columns,
                                  int64_t count, int64_t from, int64_t end);

bool oa_merge_rows_full(const oa_merge_rows *rows);

/* The large batch; NULL when there is no memory. */
const oa_array *oa_merge_rows_finish(oa_merge_rows *rows, int64_t *count);

/* Begins with the next large batch. */
void oa_merge_rows_clear(oa_merge_rows *rows);

#endif
