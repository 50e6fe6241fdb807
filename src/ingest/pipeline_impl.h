/* SPDX-License-Identifier: Apache-2.0 */
/* pipeline_impl.h - what pipeline.c (shards and their ways out),
 * pipeline_take.c (the way of requests), pipeline_memory.c (their room),
 * pipeline_commit.c (waiting for their own rows) and pipeline_flush.c (waiting
 * for all) share. */
#ifndef OA_INGEST_PIPELINE_IMPL_H
#define OA_INGEST_PIPELINE_IMPL_H

#include <stdatomic.h>
#include <uv.h>

#include "ingest/backlog.h"
#include "ingest/commit.h"
#include "ingest/pipeline.h"
#include "ingest/writer.h"

/* What one I/O thread has decoded and not handed over yet. */
typedef struct oa_shard {
  oa_otlp_builder *builder; /* NULL until the first request */
  uint64_t items;
  bool acked;        /* some of its rows' senders have their OK */
  uint64_t bytes;    /* of the messages that its rows came in */
  uint64_t since_ns; /* of its first row */
  oa_commit *commit; /* NULL = nobody waits for it */
} oa_shard;

/* A request while it is decoded. */
struct oa_loan {
  oa_intake intake;
  oa_shard *shard; /* the thread's own, or LENT */
  oa_shard lent;
  oa_writer_slot *slot; /* for what is lent */
  int64_t before;       /* rows of the shard, whose bytes these are */
  uint64_t before_bytes;
  bool again;   /* that it may be decoded once more is used up */
  bool decoded; /* INTAKE's function has run */
  oa_status status;
  oa_error error;
  oa_otlp_result result;
  /* Of what is lent. */
  oa_pipeline *pipeline;
  uv_thread_t id;
  bool threaded;    /* ID is to be joined */
  atomic_bool over; /* the decoder has run */
};

typedef struct oa_pipeline_thread {
  _Alignas(64) oa_shard shards[OA_SIGNAL_COUNT];
  oa_loan *loan; /* NULL = none; what it says of BEFORE is ours to read */
  _Atomic uint64_t rows[OA_SIGNAL_COUNT]; /* for other threads to look at */
  _Atomic uint64_t bytes;
  _Atomic uint64_t flushed; /* the last flush that this thread has done */
  uint64_t busy_ns;         /* when the last request came */
  uint64_t paused_ns;       /* since when */
  bool paused;
  bool stalled; /* paused for too long: refuse until the writer goes on */
  bool trimmed;
  struct oa_flush_wait *waits; /* flushes that somebody here waits for */
  oa_commit *commits; /* handed over and not over yet, the oldest first */
  bool commit_soon;   /* a shard has a commit */
  bool wake_asked;    /* to hand such shards over */
  uint64_t cycle;     /* of the writer, when that was done last */
} oa_pipeline_thread;

/* The lock of a shard that threads share; see inlet.h. */
typedef struct oa_inlet oa_inlet;

struct oa_pipeline {
  oa_pipeline_options options;
  oa_writer *writer;
  uv_mutex_t server_lock; /* it lives while it is woken from other threads */
  oa_server *server;
  _Atomic uint64_t ords;
  _Atomic uint64_t flush;         /* number of the last flush asked for */
  _Atomic uint64_t full_since_ns; /* 0 = there is room */
  atomic_bool ending;
  atomic_bool leave; /* who waits goes, done or not */
  oa_backlog backlog;
  oa_pipeline_thread *threads;
  oa_inlet *inlets; /* of the last OPTIONS.INLETS of THREADS */
};

/* --- inlet.c --- */

oa_status oa_pipeline_open_inlets(oa_pipeline *pipeline);
void oa_pipeline_free_inlets(oa_pipeline *pipeline);

/* Whether THREAD stands for threads of the program: nobody's loop turns for
 * it. */
bool oa_pipeline_is_inlet(const oa_pipeline *pipeline, unsigned thread);

/* oa_pipeline_wake() for each; the caller holds no lock. */
void oa_pipeline_wake_inlets(oa_pipeline *pipeline);

/* oa_pipeline_tick() for each.  When the next rows are due, on the monotonic
 * clock; UINT64_MAX = there are none. */
uint64_t oa_pipeline_tick_inlets(oa_pipeline *pipeline);

/* --- pipeline_*.c --- */

/* Gives S, which has rows, and SLOT to the writer. */
void oa_pipeline_submit(oa_pipeline *pipeline, unsigned thread,
                        oa_signal signal, oa_shard *s, oa_writer_slot *slot);

/* The same with a slot of its own.  False: it has no rows, or there is no
 * memory for the slot. */
bool oa_pipeline_hand_over_shard(oa_pipeline *pipeline, unsigned thread,
                                 oa_signal signal, oa_shard *s);

/* Hands the shard's rows to the writer.  Does nothing when memory is short: the
 * next tick tries again. */
void oa_pipeline_hand_over(oa_pipeline *pipeline, unsigned thread,
                           oa_signal signal);

/* The same with all its shards. */
void oa_pipeline_hand_over_all(oa_pipeline *pipeline, unsigned thread);

/* The same with what is left, once the threads are gone. */
void oa_pipeline_hand_over_rest(oa_pipeline *pipeline);

/* Once the writer has ended: gives up what could not be handed over.  STATUS,
 * or OA_ERR_NOMEM when some of it was acknowledged. */
oa_status oa_pipeline_count_lost(oa_pipeline *pipeline, oa_status status,
                                 oa_error *error);

/* A batch of unusually large rows goes to the writer by its bytes. */
#define OA_PIPELINE_BATCH_BYTES ((size_t)32 << 20)

/* The same, when there is less memory. */
size_t oa_pipeline_batch_bytes(const oa_pipeline *pipeline);

/* Whether new requests are to be refused for lack of memory. */
bool oa_pipeline_is_short(const oa_pipeline *pipeline);

/* Has other threads see what the shards of THREAD hold. */
void oa_pipeline_publish(oa_pipeline_thread *thread);

/* Whether the senders of THREAD are to wait, by flow control. */
void oa_pipeline_update_pause(oa_pipeline *pipeline, unsigned thread);

/* Whether so many rows, or bytes, are buffered that no more may come. */
bool oa_pipeline_is_full(oa_pipeline *pipeline, oa_signal signal);

/* Rows of SIGNAL that were in the shard when it was lent. */
static inline uint64_t oa_pipeline_lent_rows(const oa_pipeline_thread *thread,
                                             oa_signal signal) {
  const oa_loan *loan = thread->loan;
  return loan != NULL && loan->intake.signal == signal ? (uint64_t)loan->before
                                                       : 0;
}

/* A loan of a shard that is still to be filled in, with its slot; or NULL. */
oa_loan *oa_pipeline_new_loan(const oa_intake *intake);
void oa_pipeline_free_loan(oa_loan *loan);

/* Makes the shard ready to be decoded into; the status is in LOAN. */
void oa_pipeline_prepare(oa_pipeline *pipeline, oa_loan *loan);

/* After that failed, or the decoder: makes room where there is some.  True: it
 * may be decoded once more.  False: LOAN's status is the last word.
 * OA_ERR_LIMIT: it does not fit an empty builder either. */
bool oa_pipeline_try_again(oa_pipeline *pipeline, oa_loan *loan);

oa_status oa_pipeline_ensure_builder(oa_pipeline *pipeline, oa_shard *shard,
                                     oa_signal signal);

/* Before a request is decoded that will wait: makes the shard's commit.
 * OA_ERR_NOMEM. */
oa_status oa_pipeline_prepare_commit(oa_shard *shard);

/* Nobody came to wait: an empty request, or a bad one. */
void oa_pipeline_drop_unused_commit(oa_shard *shard);

/* Its rows are in the shard. */
void oa_pipeline_add_wait(oa_pipeline *pipeline, unsigned thread,
                          oa_shard *shard, oa_ack_wait *wait, oa_ack level);

/* The shard's batch was handed over with its COMMIT. */
void oa_pipeline_watch_commit(oa_pipeline_thread *thread, oa_commit *commit);

/* Hands over the shards that somebody waits for, unless the writer is busy:
 * then they grow until it is not. */
void oa_pipeline_commit(oa_pipeline *pipeline, unsigned thread);

/* Tells those whose rows are safe, or lost. */
void oa_pipeline_settle(oa_pipeline *pipeline, unsigned thread);

/* The end of the thread: nobody can wait any longer. */
void oa_pipeline_abandon_waits(oa_pipeline *pipeline, unsigned thread);

/* Once the writer has ended. */
void oa_pipeline_free_commits(oa_pipeline_thread *thread);

/* Has every I/O thread look what there is to do.  Any thread. */
void oa_pipeline_wake_all(oa_pipeline *pipeline);

/* Hands over what a flush waits for; once there is memory for that. */
void oa_pipeline_obey_flush(oa_pipeline *pipeline, unsigned thread);

/* Calls those on THREAD whose flush is done. */
void oa_pipeline_tell_flushed(oa_pipeline *pipeline, unsigned thread);

#endif
