/* SPDX-License-Identifier: Apache-2.0 */
/* source.h - the rows of one stored file, from any of them on.
 *
 * The file may still be written: only rows are asked for that are known to be
 * in it.  It may also be replaced or removed; who has it open reads the old one
 * to its end.  One batch is in memory at a time, or none.
 *
 * One thread at a time.
 */
#ifndef OA_FORWARD_SOURCE_H
#define OA_FORWARD_SOURCE_H

#include "arrow/array.h"
#include "base/account.h"
#include "base/error.h"
#include "otlp/schema.h"

typedef struct oa_forward_source oa_forward_source;

/* A batch with the columns of oa_otlp_schema(). */
typedef struct oa_forward_batch {
  const oa_array *columns;
  int64_t first; /* which row of the file its first one is */
  int64_t rows;
  size_t bytes; /* about as many of memory */
} oa_forward_batch;

/* Opens PATH.  PURSE, which is borrowed, counts the memory.
 * OA_ERR_NOT_FOUND; OA_ERR_IO, OA_ERR_NOMEM: try again; OA_ERR_UNSUPPORTED: it
 * has other columns than SIGNAL; OA_ERR_MALFORMED and others: damaged. */
oa_status oa_forward_source_open(oa_forward_source **out, const char *path,
                                 oa_signal signal, oa_purse *purse,
                                 oa_error *error);

/* NULL is allowed. */
void oa_forward_source_close(oa_forward_source *source);

/* The batch with row ROW, which is not before that of an earlier call; valid
 * until the next one.  OA_END: the file has no such row.  OA_ERR_IO,
 * OA_ERR_NOMEM: the same can be asked again; others: damaged. */
oa_status oa_forward_source_load(oa_forward_source *source, int64_t row,
                                 oa_forward_batch *out, oa_error *error);

/* Gives the memory of the batch back; it can be loaded again.  NULL is
 * allowed. */
void oa_forward_source_drop(oa_forward_source *source);

#endif
