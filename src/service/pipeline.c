/* SPDX-License-Identifier: Apache-2.0 */
#include "service/pipeline_impl.h"

#include <stdio.h>
#include <string.h>
#include <uv.h>

#include "base/clock.h"
#include "base/mem.h"

enum {
  NS_PER_MS = 1000000,
  /* A batch of unusually large rows goes to the writer by its bytes. */
  BATCH_BYTES = 32 << 20,
  /* At shut-down a failing disk is tried for this long. */
  STOP_TIMEOUT_MS = 2000,
  /* After this long without a request a thread gives its memory back. */
  IDLE_MS = 2000,
  /* Senders are made to wait this long for a slow disk; then they are told to
   * come back later, as an exporter's own deadline is some seconds. */
  PAUSE_MAX_MS = 1000,
  /* When to come back: a full buffer empties within a batch's writing, a
   * broken disk is looked at five times a second. */
  RETRY_FULL_MS = 500,
  RETRY_DISK_MS = 1000,
};

static uint64_t load(const _Atomic uint64_t *counter) {
  return atomic_load_explicit(counter, memory_order_relaxed);
}

static void store(_Atomic uint64_t *counter, uint64_t value) {
  atomic_store_explicit(counter, value, memory_order_relaxed);
}

/* --- shards --- */

/* Says what the thread's shards hold now. */
static void publish(oa_pipeline_thread *t) {
  uint64_t bytes = 0;
  for (size_t i = 0; i < OA_SIGNAL_COUNT; i++) {
    const oa_otlp_builder *builder = t->shards[i].builder;
    store(&t->rows[i],
          builder == NULL ? 0 : (uint64_t)oa_otlp_builder_rows(builder));
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
         load_now.bytes > BATCH_BYTES / 2;
}

static void update_pause(oa_pipeline *p, unsigned thread) {
  oa_pipeline_thread *t = &p->threads[thread];
  const uint64_t now = oa_clock_monotonic_ns();
  const bool behind = writer_is_behind(p);
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

/* Hands the shard's rows to the writer. */
static void hand_over(oa_pipeline *p, unsigned thread, oa_signal signal) {
  oa_shard *s = &p->threads[thread].shards[signal];
  if (s->builder == NULL || oa_otlp_builder_rows(s->builder) == 0) {
    return;
  }
  const oa_writer_batch batch = {
      .signal = signal,
      .builder = s->builder,
      .items = s->items,
      .bytes = oa_otlp_builder_memory(s->builder),
  };
  if (oa_writer_submit(p->writer, &batch) != OA_OK) {
    return; /* no memory for a list node: it is tried again at the next tick */
  }
  *s = (oa_shard){0};
  publish(&p->threads[thread]);
}

static oa_status ensure_builder(oa_pipeline *p, oa_shard *s, oa_signal signal) {
  if (s->builder == NULL) {
    s->builder = oa_writer_reuse(p->writer, signal);
  }
  return s->builder != NULL
             ? OA_OK
             : oa_otlp_builder_new(&s->builder, signal, &p->ords);
}

static uint64_t batch_rows(const oa_pipeline *p, oa_signal signal) {
  const uint64_t half = (p->options.max_rows[signal] + 1) / 2;
  return p->options.batch_rows < half ? p->options.batch_rows : half;
}

/* --- requests --- */

static bool is_full(oa_pipeline *p, oa_signal signal) {
  oa_pipeline_stats stats;
  oa_pipeline_get_stats(p, &stats);
  return stats.rows_buffered[signal] >= p->options.max_rows[signal] ||
         stats.bytes_buffered >= p->options.memory_limit;
}

static oa_signal_counters *counters_of(oa_pipeline *p,
                                       const oa_intake *intake) {
  return &p->options.counters->blocks[intake->thread].signals[intake->signal];
}

/* Counts a refusal and says how soon its sender may come back. */
static void refuse(oa_pipeline *p, const oa_intake *intake, oa_refusal reason,
                   oa_outcome *out) {
  oa_count(&counters_of(p, intake)->refused[reason], 1);
  switch (reason) {
    case OA_REFUSED_DISK:
      out->code = OA_GRPC_UNAVAILABLE;
      out->retry_after_ms = RETRY_DISK_MS;
      break;
    case OA_REFUSED_BUFFER_FULL:
      out->code = OA_GRPC_UNAVAILABLE;
      out->retry_after_ms = RETRY_FULL_MS;
      break;
    case OA_REFUSED_DEADLINE:
      out->code = OA_GRPC_DEADLINE_EXCEEDED;
      break;
    default:
      out->code = OA_GRPC_INVALID_ARGUMENT;
  }
}

/* False when OUT says why the request cannot be taken now. */
static bool admit(oa_pipeline *p, const oa_intake *intake, oa_outcome *out) {
  oa_writer_load writer;
  oa_writer_get_load(p->writer, &writer);
  if (intake->deadline_ns != 0 &&
      oa_clock_monotonic_ns() > intake->deadline_ns) {
    snprintf(out->text, sizeof out->text,
             "the deadline passed before the request was read");
    refuse(p, intake, OA_REFUSED_DEADLINE, out);
    return false;
  }
  if (writer.failing) {
    char why[OA_ERROR_TEXT_SIZE];
    oa_writer_problem(p->writer, why, sizeof why);
    snprintf(out->text, sizeof out->text, "cannot write: %.200s", why);
    refuse(p, intake, OA_REFUSED_DISK, out);
    return false;
  }
  if (p->threads[intake->thread].stalled || is_full(p, intake->signal)) {
    hand_over(p, intake->thread, intake->signal);
    snprintf(out->text, sizeof out->text, "the buffer is full");
    refuse(p, intake, OA_REFUSED_BUFFER_FULL, out);
    return false;
  }
  return true;
}

/* The request was not decoded: is it bad, or is memory short? */
static void fail_decoding(oa_pipeline *p, const oa_intake *intake,
                          oa_status status, const oa_error *error,
                          oa_outcome *out) {
  snprintf(out->text, sizeof out->text, "%s",
           error->text[0] != '\0' ? error->text : oa_status_text(status));
  /* The batch is as large as it can be, or memory is short: both pass. */
  const bool passes = status == OA_ERR_NOMEM || status == OA_ERR_LIMIT;
  refuse(p, intake, passes ? OA_REFUSED_BUFFER_FULL : OA_REFUSED_MALFORMED,
         out);
}

/* Counts what was decoded and hands a batch over that has become full. */
static void keep(oa_pipeline *p, const oa_intake *intake,
                 const oa_otlp_result *result) {
  oa_pipeline_thread *t = &p->threads[intake->thread];
  oa_shard *s = &t->shards[intake->signal];
  oa_signal_counters *counters = counters_of(p, intake);

  s->items += result->accepted;
  s->bytes += intake->bytes;
  oa_count(&counters->items_accepted, result->accepted);
  oa_count(&counters->items_rejected, result->rejected);
  oa_count(&counters->strings_repaired, result->repaired);
  t->trimmed = false;
  if ((uint64_t)oa_otlp_builder_rows(s->builder) >=
          batch_rows(p, intake->signal) ||
      s->bytes >= BATCH_BYTES) {
    hand_over(p, intake->thread, intake->signal);
    update_pause(p, intake->thread);
  }
  publish(t);
}

void oa_pipeline_take(oa_pipeline *p, const oa_intake *intake,
                      oa_outcome *out) {
  oa_pipeline_thread *t = &p->threads[intake->thread];
  oa_shard *s = &t->shards[intake->signal];
  oa_signal_counters *counters = counters_of(p, intake);
  oa_error error = {0};

  *out = (oa_outcome){.code = OA_GRPC_OK};
  t->busy_ns = oa_clock_monotonic_ns();
  oa_count(&counters->requests, 1);
  if (!admit(p, intake, out)) {
    return;
  }
  oa_status status = ensure_builder(p, s, intake->signal);
  if (status == OA_OK) {
    if (oa_otlp_builder_rows(s->builder) == 0) {
      s->since_ns = t->busy_ns;
    }
    status = intake->decode(intake->input, s->builder, &out->result, &error);
    out->decoded = true;
  }
  oa_count(&counters->bytes, intake->bytes);
  if (status != OA_OK) {
    fail_decoding(p, intake, status, &error, out);
    return;
  }
  keep(p, intake, &out->result);
}

/* --- what the server's callbacks call --- */

static void hand_over_all(oa_pipeline *p, unsigned thread) {
  for (int signal = 0; signal < OA_SIGNAL_COUNT; signal++) {
    hand_over(p, thread, (oa_signal)signal);
  }
}

void oa_pipeline_thread_stop(oa_pipeline *p, unsigned thread) {
  hand_over_all(p, thread);
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
  publish(t);
  t->trimmed = true;
}

void oa_pipeline_tick(oa_pipeline *p, unsigned thread) {
  oa_pipeline_thread *t = &p->threads[thread];
  const uint64_t now = oa_clock_monotonic_ns();
  for (int signal = 0; signal < OA_SIGNAL_COUNT; signal++) {
    const oa_shard *s = &t->shards[signal];
    if (s->builder != NULL && oa_otlp_builder_rows(s->builder) > 0 &&
        now - s->since_ns >= p->options.write_interval_ns) {
      hand_over(p, thread, (oa_signal)signal);
    }
  }
  oa_pipeline_tell_flushed(p, thread);
  update_pause(p, thread);
  give_back(p, thread, now);
}

void oa_pipeline_wake(oa_pipeline *p, unsigned thread) {
  oa_pipeline_thread *t = &p->threads[thread];
  const uint64_t asked = load(&p->flush);
  if (load(&t->flushed) != asked) {
    hand_over_all(p, thread);
    atomic_store(&t->flushed, asked);
  }
  oa_pipeline_tell_flushed(p, thread);
  update_pause(p, thread);
}

/* On the writer thread: paused threads may go on. */
static void on_progress(void *context) {
  oa_pipeline_wake_all(context);
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
  /* Numbers that a later start cannot meet again. */
  atomic_init(&p->ords, (oa_clock_wall_ns() / UINT64_C(1000000000)) << 32);
  const oa_writer_options writer = {
      .store = options->store,
      .counters = &options->counters->blocks[options->threads],
      .log = options->log,
      .progress = on_progress,
      .context = p,
  };
  const oa_status status = oa_writer_start(&p->writer, &writer, error);
  if (status != OA_OK) {
    uv_mutex_destroy(&p->server_lock);
    oa_free(threads);
    oa_free(p);
    return status;
  }
  *out = p;
  return OA_OK;
}

void oa_pipeline_set_server(oa_pipeline *p, oa_server *server) {
  uv_mutex_lock(&p->server_lock);
  p->server = server;
  uv_mutex_unlock(&p->server_lock);
}

bool oa_pipeline_ready(oa_pipeline *p, char *why, size_t size) {
  oa_writer_load writer;
  oa_writer_get_load(p->writer, &writer);
  if (!writer.failing) {
    return true;
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
  const oa_status status = oa_writer_stop(p->writer, STOP_TIMEOUT_MS, error);
  for (unsigned i = 0; i < p->options.threads; i++) {
    for (size_t s = 0; s < OA_SIGNAL_COUNT; s++) {
      oa_otlp_builder_free(p->threads[i].shards[s].builder);
    }
  }
  uv_mutex_destroy(&p->server_lock);
  oa_free(p->threads);
  oa_free(p);
  return status;
}
