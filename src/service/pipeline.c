/* SPDX-License-Identifier: Apache-2.0 */
#include "service/pipeline.h"

#include <stdio.h>
#include <string.h>
#include <uv.h>

#include "base/clock.h"
#include "base/mem.h"
#include "service/receive.h"
#include "service/writer.h"

enum {
  NS_PER_MS = 1000000,
  /* A batch of unusually large rows goes to the writer by its bytes. */
  BATCH_BYTES = 32 << 20,
  /* At shut-down a failing disk is tried for this long. */
  STOP_TIMEOUT_MS = 2000,
  /* After this long without a request a thread gives its memory back. */
  IDLE_MS = 2000,
  POLL_MS = 5,
  /* Senders are made to wait this long for a slow disk; then they are told to
   * come back later, as an exporter's own deadline is some seconds. */
  PAUSE_MAX_MS = 1000,
};

/* What one I/O thread has decoded and not handed over yet. */
typedef struct shard {
  oa_otlp_builder *builder; /* NULL until the first request */
  uint64_t items;
  uint64_t bytes;    /* of the messages that its rows came in */
  uint64_t since_ns; /* of its first row */
} shard;

typedef struct io_thread {
  _Alignas(64) shard shards[OA_SIGNAL_COUNT];
  _Atomic uint64_t rows[OA_SIGNAL_COUNT]; /* for other threads to look at */
  _Atomic uint64_t bytes;
  _Atomic uint64_t flushed; /* the last flush that this thread has done */
  uint64_t busy_ns;         /* when the last request came */
  uint64_t paused_ns;       /* since when */
  bool paused;
  bool stalled; /* paused for too long: refuse until the writer goes on */
  bool trimmed;
} io_thread;

struct oa_pipeline {
  oa_pipeline_options options;
  oa_writer *writer;
  uv_mutex_t server_lock; /* it lives while it is woken from other threads */
  oa_server *server;
  _Atomic uint64_t ords;
  _Atomic uint64_t flush; /* number of the last flush asked for */
  io_thread *threads;
};

static uint64_t load(const _Atomic uint64_t *counter) {
  return atomic_load_explicit(counter, memory_order_relaxed);
}

static void store(_Atomic uint64_t *counter, uint64_t value) {
  atomic_store_explicit(counter, value, memory_order_relaxed);
}

/* --- shards --- */

/* Says what the thread's shards hold now. */
static void publish(io_thread *t) {
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
  io_thread *t = &p->threads[thread];
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
  shard *s = &p->threads[thread].shards[signal];
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
  *s = (shard){0};
  publish(&p->threads[thread]);
}

static oa_status ensure_builder(oa_pipeline *p, shard *s, oa_signal signal) {
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

static void refuse(oa_pipeline *p, oa_grpc_call *call, oa_signal signal,
                   oa_refusal reason, const oa_grpc_reply_data *reply) {
  oa_count(&p->options.counters->blocks[call->thread]
                .signals[signal]
                .refused[reason],
           1);
  oa_grpc_reply(call, reply);
}

/* False when the call was answered with why it cannot be taken now. */
static bool admit(oa_pipeline *p, oa_grpc_call *call, oa_signal signal) {
  oa_writer_load writer;
  oa_writer_get_load(p->writer, &writer);
  if (call->deadline_ns != 0 && oa_clock_monotonic_ns() > call->deadline_ns) {
    refuse(p, call, signal, OA_REFUSED_DEADLINE,
           &(oa_grpc_reply_data){
               .code = OA_GRPC_DEADLINE_EXCEEDED,
               .text = "the deadline passed before the request was read"});
    return false;
  }
  if (writer.failing) {
    char text[OA_ERROR_TEXT_SIZE];
    char why[OA_ERROR_TEXT_SIZE];
    oa_writer_problem(p->writer, why, sizeof why);
    snprintf(text, sizeof text, "cannot write: %.200s", why);
    refuse(p, call, signal, OA_REFUSED_DISK,
           &(oa_grpc_reply_data){.code = OA_GRPC_UNAVAILABLE,
                                 .text = text,
                                 .retry_after_ms = OA_RETRY_DISK_MS});
    return false;
  }
  if (p->threads[call->thread].stalled || is_full(p, signal)) {
    hand_over(p, call->thread, signal);
    refuse(p, call, signal, OA_REFUSED_BUFFER_FULL,
           &(oa_grpc_reply_data){.code = OA_GRPC_UNAVAILABLE,
                                 .text = "the buffer is full",
                                 .retry_after_ms = OA_RETRY_FULL_MS});
    return false;
  }
  return true;
}

static void receive(oa_pipeline *p, oa_grpc_call *call, oa_signal signal) {
  io_thread *t = &p->threads[call->thread];
  shard *s = &t->shards[signal];
  oa_signal_counters *counters =
      &p->options.counters->blocks[call->thread].signals[signal];
  const unsigned thread = call->thread;
  oa_otlp_result result = {0};
  oa_error error = {0};

  oa_count(&counters->requests, 1);
  if (!admit(p, call, signal)) {
    return;
  }
  oa_status status = ensure_builder(p, s, signal);
  if (status == OA_OK) {
    if (oa_otlp_builder_rows(s->builder) == 0) {
      s->since_ns = oa_clock_monotonic_ns();
    }
    status = oa_otlp_decode(s->builder, call->message, call->message_len,
                            &result, &error);
  }
  oa_count(&counters->bytes, call->message_len);
  if (status != OA_OK) {
    oa_receive_fail(call, counters, status, &error);
    return;
  }
  s->items += result.accepted;
  s->bytes += call->message_len;
  oa_count(&counters->items_accepted, result.accepted);
  oa_count(&counters->items_rejected, result.rejected);
  oa_count(&counters->strings_repaired, result.repaired);
  oa_receive_answer(call, &result);

  t->trimmed = false;
  if ((uint64_t)oa_otlp_builder_rows(s->builder) >= batch_rows(p, signal) ||
      s->bytes >= BATCH_BYTES) {
    hand_over(p, thread, signal);
    update_pause(p, thread);
  }
  publish(t);
}

/* --- callbacks of the server --- */

static oa_status on_thread_start(void *context, unsigned thread,
                                 oa_error *error) {
  (void)context;
  (void)thread;
  (void)error;
  return OA_OK;
}

static void hand_over_all(oa_pipeline *p, unsigned thread) {
  for (int signal = 0; signal < OA_SIGNAL_COUNT; signal++) {
    hand_over(p, thread, (oa_signal)signal);
  }
}

static void on_thread_stop(void *context, unsigned thread) {
  hand_over_all(context, thread);
}

static void on_request(void *context, oa_grpc_call *call) {
  oa_pipeline *p = context;
  p->threads[call->thread].busy_ns = oa_clock_monotonic_ns();
  if (call->method == OA_METHOD_HEALTH) {
    oa_receive_health(call, oa_pipeline_ready(p, NULL, 0));
    return;
  }
  receive(p, call, (oa_signal)call->method);
}

static void on_refused(void *context, unsigned thread, int method,
                       oa_grpc_code code, const char *reason) {
  oa_pipeline *p = context;
  (void)reason;
  if (method >= 0 && method < OA_SIGNAL_COUNT) {
    oa_signal_counters *counters =
        &p->options.counters->blocks[thread].signals[method];
    oa_count(&counters->requests, 1);
    oa_count(&counters->refused[oa_receive_refusal(code)], 1);
  }
}

/* An idle thread keeps no memory for traffic that does not come. */
static void give_back(oa_pipeline *p, unsigned thread, uint64_t now) {
  io_thread *t = &p->threads[thread];
  if (t->trimmed || now - t->busy_ns < (uint64_t)IDLE_MS * NS_PER_MS) {
    return;
  }
  for (size_t i = 0; i < OA_SIGNAL_COUNT; i++) {
    shard *s = &t->shards[i];
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

static void on_tick(void *context, unsigned thread) {
  oa_pipeline *p = context;
  io_thread *t = &p->threads[thread];
  const uint64_t now = oa_clock_monotonic_ns();
  for (int signal = 0; signal < OA_SIGNAL_COUNT; signal++) {
    const shard *s = &t->shards[signal];
    if (s->builder != NULL && oa_otlp_builder_rows(s->builder) > 0 &&
        now - s->since_ns >= p->options.write_interval_ns) {
      hand_over(p, thread, (oa_signal)signal);
    }
  }
  update_pause(p, thread);
  give_back(p, thread, now);
}

static void on_wake(void *context, unsigned thread) {
  oa_pipeline *p = context;
  io_thread *t = &p->threads[thread];
  const uint64_t asked = load(&p->flush);
  if (load(&t->flushed) != asked) {
    hand_over_all(p, thread);
    atomic_store(&t->flushed, asked);
  }
  update_pause(p, thread);
}

const oa_server_handler oa_pipeline_handler = {
    .thread_start = on_thread_start,
    .thread_stop = on_thread_stop,
    .route = oa_receive_route,
    .request = on_request,
    .refused = on_refused,
    .tick = on_tick,
    .wake = on_wake,
};

/* On the writer thread: paused threads may go on. */
static void on_progress(void *context) {
  oa_pipeline *p = context;
  uv_mutex_lock(&p->server_lock);
  for (unsigned i = 0; p->server != NULL && i < p->options.threads; i++) {
    oa_server_wake(p->server, i);
  }
  uv_mutex_unlock(&p->server_lock);
}

/* --- make, look, end --- */

oa_status oa_pipeline_new(oa_pipeline **out, const oa_pipeline_options *options,
                          oa_error *error) {
  oa_pipeline *p = oa_calloc(1, sizeof *p);
  io_thread *threads =
      oa_calloc_aligned(options->threads, sizeof *threads, _Alignof(io_thread));
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
    const io_thread *t = &p->threads[i];
    out->bytes_buffered += load(&t->bytes);
    for (size_t s = 0; s < OA_SIGNAL_COUNT; s++) {
      out->rows_buffered[s] += load(&t->rows[s]);
    }
  }
}

static bool has_server(oa_pipeline *p) {
  uv_mutex_lock(&p->server_lock);
  const bool has = p->server != NULL;
  uv_mutex_unlock(&p->server_lock);
  return has;
}

static bool all_flushed(oa_pipeline *p, uint64_t number) {
  for (unsigned i = 0; i < p->options.threads; i++) {
    if (atomic_load(&p->threads[i].flushed) < number) {
      return false;
    }
  }
  return true;
}

oa_status oa_pipeline_flush(oa_pipeline *p, uint32_t timeout_ms) {
  const uint64_t end =
      oa_clock_monotonic_ns() + (uint64_t)timeout_ms * NS_PER_MS;
  const uint64_t number = atomic_fetch_add(&p->flush, 1) + 1;
  on_progress(p);
  while (has_server(p) && !all_flushed(p, number)) {
    if (oa_clock_monotonic_ns() >= end) {
      return OA_ERR_BUSY;
    }
    uv_sleep(POLL_MS);
  }
  const uint64_t now = oa_clock_monotonic_ns();
  const uint64_t left = now < end ? (end - now) / NS_PER_MS : 0;
  return oa_writer_drain(p->writer, (uint32_t)left);
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
