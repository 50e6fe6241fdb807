/* SPDX-License-Identifier: Apache-2.0 */
/* flight_pipeline.h - a flush that an I/O thread can wait for.
 *
 * oa_pipeline_flush() blocks, which an I/O thread must not.  Here it is asked
 * for, and a callback on the same thread says when it is done; in between the
 * thread serves others.
 *
 * All calls and the callback are on the I/O thread THREAD.
 */
#ifndef OA_INGEST_PIPELINE_FLUSH_H
#define OA_INGEST_PIPELINE_FLUSH_H

#include "ingest/pipeline.h"

/* One wait.  It belongs to the caller, who fills DONE and leaves the rest to
 * the pipeline. */
typedef struct oa_flush_wait {
  /* All rows that had been taken before are in the files.  The wait is the
   * caller's again. */
  void (*done)(struct oa_flush_wait *wait);
  uint64_t number;  /* of the flush */
  bool handed_over; /* all threads have done it */
  uint64_t batches; /* submitted by then */
  struct oa_flush_wait *next;
  struct oa_flush_wait **link; /* what points here; NULL = does not wait */
} oa_flush_wait;

/* Has every shard handed to the writer.  DONE comes from a later callback of
 * the server, never from inside this call. */
void oa_pipeline_flush_begin(oa_pipeline *pipeline, unsigned thread,
                             oa_flush_wait *wait);

/* Nobody waits any more; nothing happens when WAIT does not. */
void oa_pipeline_flush_forget(oa_flush_wait *wait);

#endif
