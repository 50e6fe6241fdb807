/* SPDX-License-Identifier: Apache-2.0 */
/* pipeline_impl.h - what pipeline.c (the way of requests) and pipeline_flush.c
 * (waiting for the files) share. */
#ifndef OA_SERVICE_PIPELINE_IMPL_H
#define OA_SERVICE_PIPELINE_IMPL_H

#include <stdatomic.h>
#include <uv.h>

#include "service/pipeline.h"
#include "service/writer.h"

/* What one I/O thread has decoded and not handed over yet. */
typedef struct oa_shard {
  oa_otlp_builder *builder; /* NULL until the first request */
  uint64_t items;
  uint64_t bytes;    /* of the messages that its rows came in */
  uint64_t since_ns; /* of its first row */
} oa_shard;

typedef struct oa_pipeline_thread {
  _Alignas(64) oa_shard shards[OA_SIGNAL_COUNT];
  _Atomic uint64_t rows[OA_SIGNAL_COUNT]; /* for other threads to look at */
  _Atomic uint64_t bytes;
  _Atomic uint64_t flushed; /* the last flush that this thread has done */
  uint64_t busy_ns;         /* when the last request came */
  uint64_t paused_ns;       /* since when */
  bool paused;
  bool stalled; /* paused for too long: refuse until the writer goes on */
  bool trimmed;
  struct oa_flush_wait *waits; /* flushes that somebody here waits for */
} oa_pipeline_thread;

struct oa_pipeline {
  oa_pipeline_options options;
  oa_writer *writer;
  uv_mutex_t server_lock; /* it lives while it is woken from other threads */
  oa_server *server;
  _Atomic uint64_t ords;
  _Atomic uint64_t flush; /* number of the last flush asked for */
  oa_pipeline_thread *threads;
};

/* Has every I/O thread look what there is to do.  Any thread. */
void oa_pipeline_wake_all(oa_pipeline *pipeline);

/* Calls those on THREAD whose flush is done. */
void oa_pipeline_tell_flushed(oa_pipeline *pipeline, unsigned thread);

#endif
