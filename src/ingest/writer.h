/* SPDX-License-Identifier: Apache-2.0 */
/* writer.h - the one thread that owns the store, and its queue.
 *
 * I/O threads hand over whole builders; the writer appends them to the files
 * in order, and hands the emptied builders back for the next batch, so that a
 * busy service neither allocates nor faults in fresh memory for each.
 *
 * When a write fails, senders who wait for it are told.  A batch with rows
 * that were acknowledged stays at the head of the queue and is tried again
 * until it succeeds: they are never dropped for an error of the disk while the
 * process lives.  Other batches are given up, as their senders send them again.
 *
 * Group commit: one fsync serves all that was written since the last one, and
 * happens when nothing more waits to be written.
 */
#ifndef OA_INGEST_WRITER_H
#define OA_INGEST_WRITER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/log.h"
#include "ingest/backlog.h"
#include "ingest/commit.h"
#include "ingest/counters.h"
#include "ingest/keep.h"
#include "otlp/otlp.h"
#include "store/store.h"

typedef struct oa_writer oa_writer;

typedef struct oa_writer_options {
  oa_keep keep;               /* used by the writer thread alone */
  oa_counter_block *counters; /* the writer's own block */
  const oa_log *log;
  /* On the writer thread, after each batch and each failure, without a lock:
   * there may be room again. */
  void (*progress)(void *context);
  /* On the writer thread, without a lock, in each round: when it wants to be
   * called again at the latest, on the monotonic clock.  May be NULL. */
  uint64_t (*tick)(void *context);
  void *context;
  oa_backlog *backlog;       /* borrowed; told of each write; may be NULL */
  const oa_account *account; /* borrowed; when it has little left, emptied
                                builders keep nothing; may be NULL */
} oa_writer_options;

/* A batch on its way to a file. */
typedef struct oa_writer_batch {
  oa_signal signal;
  oa_otlp_builder *builder;
  uint64_t items;
  bool acked;        /* some of its rows' senders have their OK */
  size_t bytes;      /* of memory */
  oa_commit *commit; /* NULL = nobody waits */
} oa_writer_batch;

oa_status oa_writer_start(oa_writer **out, const oa_writer_options *options,
                          oa_error *error);

/* A batch's place in the queue, made before: then it can be queued for certain.
 * NULL: there is no memory. */
typedef struct oa_writer_slot oa_writer_slot;
oa_writer_slot *oa_writer_slot_new(void);
void oa_writer_slot_free(oa_writer_slot *slot);

/* Takes BATCH with its builder, and SLOT.  Any thread. */
void oa_writer_submit(oa_writer *writer, oa_writer_slot *slot,
                      const oa_writer_batch *batch);

/* Has the writer thread call options.tick.  Any thread. */
void oa_writer_nudge(oa_writer *writer);

/* An emptied builder for SIGNAL, which is then the caller's, or NULL. */
oa_otlp_builder *oa_writer_reuse(oa_writer *writer, oa_signal signal);

/* Frees the emptied builders: for a service that has become idle. */
void oa_writer_trim(oa_writer *writer);

/* Whether a batch would be begun with at once.  Each time this comes true the
 * number in *CYCLE (may be NULL) is another one.  Without a lock; any thread.
 */
bool oa_writer_is_idle(const oa_writer *writer, uint64_t *cycle);

typedef struct oa_writer_load {
  uint64_t queued;                /* batches waiting or being written */
  uint64_t rows[OA_SIGNAL_COUNT]; /* waiting or being written */
  uint64_t bytes;                 /* of memory, the same */
  bool failing;                   /* the last write failed */
} oa_writer_load;

/* A moment's picture, without a lock; any thread. */
void oa_writer_get_load(const oa_writer *writer, oa_writer_load *out);

/* Why writing fails, or an empty text. */
void oa_writer_problem(oa_writer *writer, char *why, size_t size);

/* How many batches were submitted ever, and how many of those, in the same
 * order, have been written or given up.  Any thread. */
void oa_writer_count(oa_writer *writer, uint64_t *submitted, uint64_t *written);

/* Waits until TARGET batches have been written or given up.  OA_ERR_BUSY after
 * TIMEOUT_MS.  Any thread. */
oa_status oa_writer_drain(oa_writer *writer, uint64_t target,
                          uint32_t timeout_ms);

/* Writes what is queued, ends the thread, frees.  When a batch still cannot
 * be written after TIMEOUT_MS it is given up: OA_ERR_IO says how many items. */
oa_status oa_writer_stop(oa_writer *writer, uint32_t timeout_ms,
                         oa_error *error);

#endif
