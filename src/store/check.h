/* SPDX-License-Identifier: Apache-2.0 */
/* check.h - reads a stream file to its last byte and says all that is wrong.
 *
 * Recovery walks frames alone, to be quick; this decompresses every buffer of
 * every batch and validates all values: offsets, indices, lengths, UTF-8,
 * nulls where none may be.  In files that begin exactly as ours do, the rest
 * must have our form too, so that damage shows wherever it is not inside of
 * values.  Values that are changed to other valid ones cannot be seen: Arrow
 * has no checksums.
 *
 * Each byte is read once; memory is bounded by the largest message and what it
 * decompresses to.  Any bytes may stand in the file.  Any thread may check,
 * one file each.
 */
#ifndef OA_STORE_CHECK_H
#define OA_STORE_CHECK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "arrow/type.h"
#include "base/error.h"

typedef enum oa_check_state {
  OA_CHECK_WHOLE, /* it ends with the end mark */
  OA_CHECK_OPEN,  /* whole messages without the end mark */
  OA_CHECK_TORN,  /* the same, and part of a message behind them */
  OA_CHECK_DAMAGED,
} oa_check_state;

typedef struct oa_check_options {
  /* The schema that a file must have which begins with FOUND; NULL = any. */
  const oa_schema *(*choose)(void *context, const oa_schema *found);
  /* Something is wrong at byte OFFSET, which belongs to batch number BATCH
   * (the first is 1; 0: it stands before all batches). */
  void (*problem)(void *context, uint64_t offset, uint64_t batch,
                  const char *what);
  /* BYTES more were looked at; false ends it all with OA_ERR_BUSY. */
  bool (*progress)(void *context, uint64_t bytes);
  void *context; /* each function may be NULL */
  /* Bytes to be taken for the first ones of the file, whatever stands there:
   * to see whether the rest is well. */
  const uint8_t *head;
  size_t head_len;
  uint64_t
      limit; /* as if the file ended there at the latest; 0 = it does not */
} oa_check_options;

typedef struct oa_check {
  oa_check_state state;
  uint64_t size;     /* of the file */
  uint64_t whole;    /* up to the first byte that cannot be read as a message */
  uint64_t complete; /* up to the end of the last batch, or of the schema, with
                        nothing wrong in it or before it */
  uint64_t batches;  /* that were read */
  uint64_t good;     /* of them, those below COMPLETE */
  uint64_t rows;
  uint64_t good_rows;
  uint64_t problems;
  bool has_schema;
  bool other_schema; /* it is not the one that was asked for */
  bool foreign;      /* another program wrote it, or another version of ours */
} oa_check;

/* Checks the file open as FD from its start on.  Whatever is wrong in it is no
 * failure.  OA_ERR_IO: it cannot be read; OA_ERR_NOMEM; OA_ERR_BUSY. */
oa_status oa_check_file(int fd, const oa_check_options *options, oa_check *out,
                        oa_error *error);

/* What stands in [FROM, TO) of a file where no message could be read. */
typedef struct oa_check_rest {
  bool zero;     /* nothing but zeros: a power cut leaves them */
  bool messages; /* something that looks like a later message: the damage is
                    not only at the end */
} oa_check_rest;

/* OA_ERR_IO, OA_ERR_NOMEM. */
oa_status oa_check_look(int fd, uint64_t from, uint64_t to, oa_check_rest *out,
                        oa_error *error);

#endif
