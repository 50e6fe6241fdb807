/* SPDX-License-Identifier: Apache-2.0 */
/* position.h - how far forwarding has come, in a small file beside the data.
 *
 * For each signal a file, by its counter and time, and a number of rows: not of
 * bytes or batches, since a sealed file is written again in larger batches.
 * The file is written aside and renamed over, and ends in a check sum: what is
 * not to the byte what we write is damaged.
 *
 * One thread at a time.
 */
#ifndef OA_FORWARD_POSITION_H
#define OA_FORWARD_POSITION_H

#include "base/error.h"
#include "otlp/schema.h"
#include "store/dir.h"

#define OA_POSITION_NAME ".forwarded"

/* Everything up to row ROWS of a file is done with, and all files before. */
typedef struct oa_forward_point {
  uint64_t seq;                  /* of the file's name */
  char stamp[OA_NAME_STAMP + 1]; /* likewise */
  int64_t rows;                  /* INT64_MAX = all that it has */
} oa_forward_point;

/* Stands before every file. */
#define OA_FORWARD_BEGIN \
  ((oa_forward_point){.stamp = "00000000_000000", .seq = 0, .rows = 0})

typedef struct oa_position {
  oa_forward_point points[OA_SIGNAL_COUNT];
} oa_position;

/* Reads the position in directory ROOT.  OA_ERR_NOT_FOUND: there is none;
 * OA_ERR_MALFORMED: it is damaged; OA_ERR_IO, OA_ERR_CONFIG. */
oa_status oa_position_read(oa_position *out, const char *root, oa_error *error);

/* Keeps POSITION in directory ROOT.  OA_ERR_IO: what was there is still there.
 * OA_ERR_CONFIG: ROOT is too long. */
oa_status oa_position_write(const oa_disk *disk, const char *root,
                            const oa_position *position, oa_error *error);

#endif
