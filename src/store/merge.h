/* SPDX-License-Identifier: Apache-2.0 */
/* merge.h - writes a sealed file of small batches again, in large ones.
 *
 * Senders that wait for the disk make batches small, and small batches make
 * files large and slow to read.  The copy stands aside under a hidden name
 * until it is whole and durable; putting it in the place of the original is
 * the store's business, which owns the directory.  Rows, their order, their
 * values and the schema are the same before and after.
 *
 * One job touches nothing but its own memory and its two files, so any thread
 * may do it.
 */
#ifndef OA_STORE_MERGE_H
#define OA_STORE_MERGE_H

#include <sys/stat.h>

#include "codec/codec.h"
#include "store/dir.h"

#define OA_MERGE_SUFFIX ".merging"

typedef enum oa_merge_end {
  OA_MERGE_DONE,    /* the copy stands aside, whole and durable */
  OA_MERGE_NO_NEED, /* the file is best as it is */
  OA_MERGE_FAILED,  /* ERROR says why */
  OA_MERGE_STOPPED, /* `stop` said so */
} oa_merge_end;

typedef struct oa_merge_job {
  const oa_store_os *os;
  char path[OA_PATH_SIZE];
  char aside[OA_PATH_SIZE];
  oa_coding codec;
  int level;
  int64_t max_rows; /* of a batch */
  /* Asked often; it may rest meanwhile.  True: end soon.  May be NULL. */
  bool (*stop)(void *context);
  void *context;

  /* What came of it. */
  oa_merge_end end;
  oa_error error;
  struct stat from; /* the original */
  uint64_t size;    /* of the copy */
  uint64_t batches_before;
  uint64_t batches_after;
  int64_t rows;
} oa_merge_job;

/* Does the job.  Unless it is done, nothing stands aside after it, as far as
 * the disk lets us. */
void oa_merge_run(oa_merge_job *job);

/* Whether a file with BATCHES of ROWS rows together, SIZE bytes, is worth it:
 * there would be half as many batches at most. */
bool oa_merge_pays(uint64_t batches, int64_t rows, uint64_t size,
                   int64_t max_rows);

/* How large the copy of a file of SIZE bytes may become. */
uint64_t oa_merge_limit(uint64_t size);

#endif
