/* SPDX-License-Identifier: Apache-2.0 */
/* pipeline.h - from a decoded request to rows in a file.
 *
 *   request -> decode into the I/O thread's own shard -> [full or old, or the
 *   writer is idle and a sender waits] -> queue -> writer thread -> store
 *
 * Shards belong to their I/O thread, so the way of a request takes no lock;
 * only a full batch crosses threads.  The writer thread owns the store.
 */
#ifndef OA_INGEST_PIPELINE_H
#define OA_INGEST_PIPELINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/log.h"
#include "ingest/ack.h"
#include "ingest/counters.h"
#include "ingest/keep.h"
#include "net/server.h"
#include "otlp/otlp.h"
#include "store/store.h"

typedef struct oa_pipeline_options {
  oa_keep keep;          /* used by the writer thread alone; a store's streams
                            are numbered as oa_signal */
  oa_counters *counters; /* borrowed; initialized with THREADS */
  const oa_log *log;
  /* Who has shards: the server's I/O threads, and behind them INLETS for the
   * threads of the program (inlet.h). */
  unsigned threads;
  unsigned inlets;
  uint32_t batch_rows; /* rows after which a batch goes to the writer */
  /* These two may change while it runs. */
  _Atomic uint64_t write_interval_ns;         /* age after which it goes */
  _Atomic uint64_t max_rows[OA_SIGNAL_COUNT]; /* buffered, all threads */
  uint64_t memory_limit; /* bytes of shards and waiting batches */
  oa_otlp_limits limits; /* of each builder, with the account of the whole */
} oa_pipeline_options;

typedef struct oa_pipeline oa_pipeline;

/* Starts the writer thread. */
oa_status oa_pipeline_new(oa_pipeline **out, const oa_pipeline_options *options,
                          oa_error *error);

/* Puts the two of OPTIONS that may change in force.  Any thread. */
void oa_pipeline_set_limits(oa_pipeline *pipeline,
                            const oa_pipeline_options *options);

/* Decodes INPUT into BUILDER, all or nothing: oa_otlp_decode() and its brothers
 * of the other protocols, with their statuses. */
typedef oa_status (*oa_pipeline_decode)(void *input, oa_otlp_builder *builder,
                                        oa_otlp_result *result,
                                        oa_error *error);

typedef struct oa_intake {
  unsigned thread; /* the I/O thread that asks */
  oa_signal signal;
  uint64_t deadline_ns; /* as oa_call */
  size_t bytes;         /* of the message, for the counters */
  oa_pipeline_decode decode;
  void *input;
  bool once; /* DECODE cannot be called a second time for this request */
  oa_ack ack;
  oa_ack_wait *wait; /* for ACK above MEMORY */
} oa_intake;

typedef struct oa_outcome {
  oa_grpc_code code; /* OK: the rows are in the shard */
  bool waits; /* with OK: the intake's WAIT will say when they are safe */
  uint32_t retry_after_ms;
  bool decoded; /* the decoder has run, whatever it said */
  oa_otlp_result result;
  char text[OA_ERROR_TEXT_SIZE + 64]; /* when not OK */
} oa_outcome;

/* Takes one request, or says why not: UNAVAILABLE with a delay when buffers are
 * full or the disk fails (the decoder has not run then, unless memory ended
 * inside it), DEADLINE_EXCEEDED, INVALID_ARGUMENT when the decoder says that
 * the request is bad, RESOURCE_EXHAUSTED when it is more than a batch may be.
 * Counts all of it.  On the I/O thread. */
void oa_pipeline_take(oa_pipeline *pipeline, const oa_intake *intake,
                      oa_outcome *out);

/* The same for a request that takes long to decode: a thread beside does that,
 * with the shard on loan, and requests that come in between are taken as ever.
 * One at a time for each I/O thread, on which all of these are called. */
typedef struct oa_loan oa_loan;

/* NULL: OUT says why it is not taken.  What INTAKE points to lives until the
 * loan is returned. */
oa_loan *oa_pipeline_lend(oa_pipeline *pipeline, const oa_intake *intake,
                          oa_outcome *out);

/* Whether it has been decoded; wake() runs when it has. */
bool oa_loan_is_over(const oa_loan *loan);

/* Waits until it is over.  True: LOAN is gone, and OUT says what became of the
 * request.  False: there is room now, and it is decoded once more. */
bool oa_pipeline_return(oa_pipeline *pipeline, oa_loan *loan, oa_outcome *out);

/* Whether senders of THREAD have to wait for the writer, so that nothing new
 * should be begun.  On that thread. */
bool oa_pipeline_is_paused(const oa_pipeline *pipeline, unsigned thread);

/* Has the server's wake() run soon on THREAD.  False: nobody serves.  Any
 * thread. */
bool oa_pipeline_wake_thread(oa_pipeline *pipeline, unsigned thread);

/* Whether a request would be taken now, so that what is dear need not be done
 * for one that is not; false: it is counted, and OUT says why.  Of INTAKE,
 * THREAD, SIGNAL and DEADLINE_NS are looked at.  On the I/O thread. */
bool oa_pipeline_admits(oa_pipeline *pipeline, const oa_intake *intake,
                        oa_outcome *out);

/* After how many milliseconds a sender that is refused now should come again:
 * it follows what waits and the speed of the disk.  Any thread. */
uint32_t oa_pipeline_retry_ms(oa_pipeline *pipeline);

/* What the server's callbacks of these names must call. */
void oa_pipeline_thread_stop(oa_pipeline *pipeline, unsigned thread);
void oa_pipeline_tick(oa_pipeline *pipeline, unsigned thread);
void oa_pipeline_wake(oa_pipeline *pipeline, unsigned thread);

/* Once the server runs, and NULL before it is freed: whom to wake. */
void oa_pipeline_set_server(oa_pipeline *pipeline, oa_server *server);

/* What the health service and /readyz say; false with a reason in WHY: the
 * disk fails, or the buffers have been full for some seconds. */
bool oa_pipeline_ready(oa_pipeline *pipeline, char *why, size_t size);

/* From here on it is not ready, as the service stops.  Any thread. */
void oa_pipeline_announce_end(oa_pipeline *pipeline);

typedef struct oa_pipeline_stats {
  uint64_t rows_buffered[OA_SIGNAL_COUNT];
  uint64_t bytes_buffered; /* shards and batches that wait or are written */
  uint64_t batches_waiting;
} oa_pipeline_stats;

void oa_pipeline_get_stats(oa_pipeline *pipeline, oa_pipeline_stats *out);

/* Has every shard handed to the writer and waits until it is in the files, at
 * most TIMEOUT_MS.  OA_ERR_BUSY when that was not enough.  Any thread but an
 * I/O thread. */
oa_status oa_pipeline_flush(oa_pipeline *pipeline, uint32_t timeout_ms);

/* Nobody puts requests into the inlets any more: hands over what they have, and
 * tells those who wait that it is too late. */
void oa_pipeline_stop_inlets(oa_pipeline *pipeline);

/* After oa_server_stop(): writes what is left (the thread_stop callbacks have
 * queued it), joins the writer thread, frees.  Returns the last write
 * failure, when rows were lost by it. */
oa_status oa_pipeline_stop(oa_pipeline *pipeline, oa_error *error);

#endif
