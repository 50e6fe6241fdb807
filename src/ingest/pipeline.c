/* SPDX-License-Identifier: Apache-2.0 */
#include "ingest/pipeline_impl.h"

#include <inttypes.h>
#include <stdio.h>
#include <uv.h>

#include "base/clock.h"
#include "base/mem.h"

enum {
  NS_PER_MS = 1000000,
  /* At shut-down a failing disk is tried for this long. */
  STOP_TIMEOUT_MS = 2000,
  /* After this long without a request a thread gives its memory back. */
  IDLE_MS = 2000,
  /* Senders are made to wait this long for a slow disk; then they are told to
   * come back later, as an exporter's own deadline is some seconds. */
  PAUSE_MAX_MS = 1000,
  /* A moment of full buffers is how senders are slowed down; only after this
   * long is the service of no use to them. */
  FULL_MS = 5000,
};

static uint64_t load(const _Atomic uint64_t *counter) {
  return atomic_load_explicit(counter, memory_order_relaxed);
}

static void store(_Atomic uint64_t *counter, uint64_t value) {
  atomic_store_explicit(counter, value, memory_order_relaxed);
}

/* --- shards --- */

void oa_pipeline_publish(oa_pipeline_thread *t) {
  uint64_t bytes = t->loan == NULL ? 0 : t->loan->before_bytes;
  for (size_t i = 0; i < OA_SIGNAL_COUNT; i++) {
    const oa_otlp_builder *builder = t->shards[i].builder;
    const uint64_t rows =
        builder == NULL ? 0 : (uint64_t)oa_otlp_builder_rows(builder);
    store(&t->rows[i], rows + oa_pipeline_lent_rows(t, (oa_signal)i));
    bytes += builder == NULL ? 0 : oa_otlp_builder_memory(builder);
  }
  store(&t->bytes, bytes);
}

/* Whether a batch waits behind the one that is being written: then the senders
 * wait too, by flow control, as a third would only cost memory. */
static bool writer_is_behind(oa_pipeline *p) {
  oa_writer_load load_now;
  oa_writer_get_load(p->writer, &load_now);
  return load_now.queued > 1 && !load_now.failing &&
         load_now.bytes > oa_pipeline_batch_bytes(p) / 2;
}

void oa_pipeline_update_pause(oa_pipeline *p, unsigned thread) {
  oa_pipeline_thread *t = &p->threads[thread];
  const uint64_t now = oa_clock_monotonic_ns();
  const bool behind = writer_is_behind(p);
  if (oa_pipeline_is_inlet(p, thread)) {
    return; /* who comes is told to come back once the buffers are full */
  }
  if (!t->paused) {
    t->paused_ns = now;
  }
  t->stalled = behind && (t->stalled || now - t->paused_ns >=
                                            (uint64_t)PAUSE_MAX_MS * NS_PER_MS);
  const bool pause = behind && !t->stalled;
  if (pause == t->paused) {
    return;
  }
  uv_mutex_lock(&p->server_lock);
  oa_server *server = p->server;
  uv_mutex_unlock(&p->server_lock);
  /* This is one of its own threads, so it lives until the call is over. */
  if (server != NULL) {
    t->paused = pause;
    oa_server_pause(server, thread, pause);
  }
}

void oa_pipeline_submit(oa_pipeline *p, unsigned thread, oa_signal signal,
                        oa_shard *s, oa_writer_slot *slot) {
  const oa_writer_batch batch = {
      .signal = signal,
      .builder = s->builder,
      .items = s->items,
      .acked = s->acked,
      .bytes = oa_otlp_builder_memory(s->builder),
      .commit = s->commit,
  };
  if (s->commit != NULL) {
    oa_pipeline_watch_commit(&p->threads[thread], s->commit);
  }
  *s = (oa_shard){0};
  oa_writer_submit(p->writer, slot, &batch);
}

bool oa_pipeline_hand_over_shard(oa_pipeline *p, unsigned thread,
                                 oa_signal signal, oa_shard *s) {
  if (s->builder == NULL || oa_otlp_builder_rows(s->builder) == 0) {
    return false;
  }
  oa_writer_slot *slot = oa_writer_slot_new();
  if (slot != NULL) {
    oa_pipeline_submit(p, thread, signal, s, slot);
  }
  return slot != NULL;
}

void oa_pipeline_hand_over(oa_pipeline *p, unsigned thread, oa_signal signal) {
  oa_pipeline_thread *t = &p->threads[thread];
  if (oa_pipeline_hand_over_shard(p, thread, signal, &t->shards[signal])) {
    oa_pipeline_publish(t);
  }
}

/* --- room --- */

bool oa_pipeline_is_full(oa_pipeline *p, oa_signal signal) {
  oa_pipeline_stats stats;
  oa_pipeline_get_stats(p, &stats);
  return stats.rows_buffered[signal] >= p->options.max_rows[signal] ||
         stats.bytes_buffered >= p->options.memory_limit ||
         oa_pipeline_is_short(p);
}

/* --- what the server's callbacks call --- */

void oa_pipeline_hand_over_all(oa_pipeline *p, unsigned thread) {
  for (int signal = 0; signal < OA_SIGNAL_COUNT; signal++) {
    oa_pipeline_hand_over(p, thread, (oa_signal)signal);
  }
}

void oa_pipeline_thread_stop(oa_pipeline *p, unsigned thread) {
  oa_pipeline_hand_over_all(p, thread);
  /* Who waits for a flush waits for it no longer. */
  atomic_store(&p->threads[thread].flushed, UINT64_MAX);
  oa_pipeline_abandon_waits(p, thread);
}

/* An idle thread keeps no memory for traffic that does not come. */
static void give_back(oa_pipeline *p, unsigned thread, uint64_t now) {
  oa_pipeline_thread *t = &p->threads[thread];
  if (t->trimmed || now - t->busy_ns < (uint64_t)IDLE_MS * NS_PER_MS) {
    return;
  }
  for (size_t i = 0; i < OA_SIGNAL_COUNT; i++) {
    oa_shard *s = &t->shards[i];
    if (s->builder != NULL && oa_otlp_builder_rows(s->builder) > 0) {
      return;
    }
    oa_otlp_builder_free(s->builder);
    s->builder = NULL;
  }
  oa_writer_trim(p->writer);
  oa_pipeline_publish(t);
  t->trimmed = true;
}

/* Notes since when there has been no room for some signal. */
static void watch_room(oa_pipeline *p, uint64_t now) {
  bool full = p->threads[0].stalled;
  for (int signal = 0; signal < OA_SIGNAL_COUNT; signal++) {
    full = full || oa_pipeline_is_full(p, (oa_signal)signal);
  }
  if (!full) {
    store(&p->full_since_ns, 0);
  } else if (load(&p->full_since_ns) == 0) {
    store(&p->full_since_ns, now);
  }
}

/* For how long, when that is too long; else 0. */
static uint64_t full_seconds(const oa_pipeline *p) {
  const uint64_t since = load(&p->full_since_ns);
  const uint64_t now = oa_clock_monotonic_ns();
  const uint64_t ms = since == 0 || now < since ? 0 : (now - since) / NS_PER_MS;
  return ms < FULL_MS ? 0 : ms / 1000;
}

void oa_pipeline_tick(oa_pipeline *p, unsigned thread) {
  oa_pipeline_thread *t = &p->threads[thread];
  const uint64_t now = oa_clock_monotonic_ns();
  for (int signal = 0; signal < OA_SIGNAL_COUNT; signal++) {
    const oa_shard *s = &t->shards[signal];
    if (s->builder != NULL && oa_otlp_builder_rows(s->builder) > 0 &&
        now - s->since_ns >= p->options.write_interval_ns) {
      oa_pipeline_hand_over(p, thread, (oa_signal)signal);
    }
  }
  oa_pipeline_obey_flush(p, thread);
  oa_pipeline_commit(p, thread);
  oa_pipeline_settle(p, thread);
  oa_pipeline_tell_flushed(p, thread);
  oa_pipeline_update_pause(p, thread);
  give_back(p, thread, now);
  if (thread == 0) {
    watch_room(p, now);
  }
}

void oa_pipeline_wake(oa_pipeline *p, unsigned thread) {
  oa_pipeline_thread *t = &p->threads[thread];
  oa_pipeline_obey_flush(p, thread);
  t->wake_asked = false;
  oa_pipeline_commit(p, thread);
  oa_pipeline_settle(p, thread);
  oa_pipeline_tell_flushed(p, thread);
  oa_pipeline_update_pause(p, thread);
}

/* On the writer thread: paused threads may go on. */
static void on_progress(void *context) {
  oa_pipeline_wake_all(context);
}

static uint64_t on_tick(void *context) {
  return oa_pipeline_tick_inlets(context);
}

static oa_status start_writer(oa_pipeline *p, oa_error *error) {
  const oa_pipeline_options *options = &p->options;
  const oa_writer_options writer = {
      .keep = options->keep,
      .counters = &options->counters->blocks[options->threads],
      .log = options->log,
      .progress = on_progress,
      .tick = on_tick,
      .context = p,
      .backlog = &p->backlog,
      .account = options->limits.account,
  };
  return oa_writer_start(&p->writer, &writer, error);
}

oa_status oa_pipeline_new(oa_pipeline **out, const oa_pipeline_options *options,
                          oa_error *error) {
  oa_pipeline *p = oa_calloc(1, sizeof *p);
  oa_pipeline_thread *threads = oa_calloc_aligned(
      options->threads, sizeof *threads, _Alignof(oa_pipeline_thread));
  if (p == NULL || threads == NULL) {
    oa_free(p);
    oa_free(threads);
    return oa_error_set(error, OA_ERR_NOMEM, "pipeline: out of memory");
  }
  if (uv_mutex_init(&p->server_lock) != 0) {
    oa_free(p);
    oa_free(threads);
    return oa_error_set(error, OA_ERR_NOMEM, "pipeline: no mutex");
  }
  p->options = *options;
  p->threads = threads;
  oa_backlog_init(&p->backlog);
  /* Numbers that a later start cannot meet again. */
  atomic_init(&p->ords, (oa_clock_wall_ns() / UINT64_C(1000000000)) << 32);
  oa_status status = oa_pipeline_open_inlets(p);
  if (status != OA_OK) {
    oa_error_set(error, status, "pipeline: no locks");
  } else {
    status = start_writer(p, error);
  }
  if (status != OA_OK) {
    oa_pipeline_free_inlets(p);
    uv_mutex_destroy(&p->server_lock);
    oa_free(threads);
    oa_free(p);
    return status;
  }
  *out = p;
  return OA_OK;
}

void oa_pipeline_set_limits(oa_pipeline *p,
                            const oa_pipeline_options *options) {
  store(&p->options.write_interval_ns, load(&options->write_interval_ns));
  for (size_t i = 0; i < OA_SIGNAL_COUNT; i++) {
    store(&p->options.max_rows[i], load(&options->max_rows[i]));
  }
}

void oa_pipeline_set_server(oa_pipeline *p, oa_server *server) {
  uv_mutex_lock(&p->server_lock);
  p->server = server;
  uv_mutex_unlock(&p->server_lock);
}

void oa_pipeline_announce_end(oa_pipeline *p) {
  atomic_store(&p->ending, true);
}

bool oa_pipeline_ready(oa_pipeline *p, char *why, size_t size) {
  oa_writer_load writer;
  oa_writer_get_load(p->writer, &writer);
  const uint64_t full = full_seconds(p);
  if (atomic_load(&p->ending)) {
    if (why != NULL) {
      snprintf(why, size, "stopping");
    }
    return false;
  }
  if (!writer.failing && full == 0) {
    return true;
  }
  if (!writer.failing) {
    if (why != NULL) {
      snprintf(why, size,
               "the buffers have been full for %llu s: files are written more "
               "slowly than data comes in",
               (unsigned long long)full);
    }
    return false;
  }
  if (why != NULL) {
    oa_writer_problem(p->writer, why, size);
  }
  return false;
}

void oa_pipeline_get_stats(oa_pipeline *p, oa_pipeline_stats *out) {
  oa_writer_load writer;
  oa_writer_get_load(p->writer, &writer);
  *out = (oa_pipeline_stats){.bytes_buffered = writer.bytes,
                             .batches_waiting = writer.queued};
  for (size_t i = 0; i < OA_SIGNAL_COUNT; i++) {
    out->rows_buffered[i] = writer.rows[i];
  }
  for (unsigned i = 0; i < p->options.threads; i++) {
    const oa_pipeline_thread *t = &p->threads[i];
    out->bytes_buffered += load(&t->bytes);
    for (size_t s = 0; s < OA_SIGNAL_COUNT; s++) {
      out->rows_buffered[s] += load(&t->rows[s]);
    }
  }
}

oa_status oa_pipeline_stop(oa_pipeline *p, oa_error *error) {
  oa_pipeline_hand_over_rest(p);
  oa_status status = oa_writer_stop(p->writer, STOP_TIMEOUT_MS, error);
  status = oa_pipeline_count_lost(p, status, error);
  for (unsigned i = 0; i < p->options.threads; i++) {
    for (size_t s = 0; s < OA_SIGNAL_COUNT; s++) {
      oa_otlp_builder_free(p->threads[i].shards[s].builder);
      oa_free(p->threads[i].shards[s].commit);
    }
    oa_pipeline_free_commits(&p->threads[i]);
  }
  oa_pipeline_free_inlets(p);
  uv_mutex_destroy(&p->server_lock);
  oa_free(p->threads);
  oa_free(p);
  return status;
}
