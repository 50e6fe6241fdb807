/* SPDX-License-Identifier: Apache-2.0 */
/* gather.h - the rows of many small batches in one, so that a delivery is worth
 * its way.
 *
 * Senders that wait for the file make batches small.  An exporter that keeps up
 * gets them as they come; for one that does not, what has come meanwhile is put
 * together.
 *
 * One thread at a time.
 */
#ifndef OA_FORWARD_GATHER_H
#define OA_FORWARD_GATHER_H

#include "forward/source.h"
#include "store/merge_rows.h"

/* A zeroed one is empty. */
typedef struct oa_gather {
  oa_merge_rows rows;
  oa_signal signal; /* that it is for, when it is ready */
  bool ready;
} oa_gather;

/* Gathers rows of SOURCE from FROM to END - 1, at most MAX; *BATCH, which is
 * loaded, has the first of them and becomes all of them, which stay until the
 * next call.  It may be as it was when they are not to be put together.  After
 * a failure SOURCE may be anywhere: OA_ERR_NOMEM, OA_ERR_UNSUPPORTED. */
oa_status oa_gather_take(oa_gather *gather, oa_signal signal,
                         oa_forward_source *source, int64_t from, int64_t end,
                         int64_t max, oa_forward_batch *batch);

/* Gives its memory back. */
void oa_gather_drop(oa_gather *gather);

#endif
