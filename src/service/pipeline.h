/* SPDX-License-Identifier: Apache-2.0 */
/* pipeline.h - from a whole request to rows in a file.
 *
 *   request -> decode into the I/O thread's own shard -> [full or old] ->
 *   queue -> writer thread -> store
 *
 * Shards belong to their I/O thread, so the way of a request takes no lock;
 * only a full batch crosses threads.  The writer thread owns the store.
 */
#ifndef OA_SERVICE_PIPELINE_H
#define OA_SERVICE_PIPELINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/log.h"
#include "net/server.h"
#include "service/counters.h"
#include "store/store.h"

typedef struct oa_pipeline_options {
  oa_store *store;       /* borrowed; used by the writer thread alone. Streams
                            are numbered as oa_signal */
  oa_counters *counters; /* borrowed; initialized with THREADS */
  const oa_log *log;
  unsigned threads;           /* I/O threads that the server will have */
  uint32_t batch_rows;        /* rows after which a batch goes to the writer */
  uint64_t write_interval_ns; /* age after which it goes */
  uint64_t max_rows[OA_SIGNAL_COUNT]; /* buffered, all threads together */
  uint64_t memory_limit;              /* bytes of shards and waiting batches */
} oa_pipeline_options;

typedef struct oa_pipeline oa_pipeline;

/* Starts the writer thread. */
oa_status oa_pipeline_new(oa_pipeline **out, const oa_pipeline_options *options,
                          oa_error *error);

/* For oa_server_options.handler, with the pipeline as context.  Methods are
 * numbered: 0..2 the Export of each oa_signal, 3 grpc.health.v1.Health/Check.
 */
extern const oa_server_handler oa_pipeline_handler;

/* Once the server runs, and NULL before it is freed: whom to wake. */
void oa_pipeline_set_server(oa_pipeline *pipeline, oa_server *server);

/* What the health service and /readyz say; false with a reason in WHY. */
bool oa_pipeline_ready(oa_pipeline *pipeline, char *why, size_t size);

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

/* After oa_server_stop(): writes what is left (the thread_stop callbacks have
 * queued it), joins the writer thread, frees.  Returns the last write
 * failure, when rows were lost by it. */
oa_status oa_pipeline_stop(oa_pipeline *pipeline, oa_error *error);

#endif
