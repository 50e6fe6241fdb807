/* SPDX-License-Identifier: Apache-2.0 */
#include "ingest/writer.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <uv.h>

#include "base/clock.h"
#include "base/mem.h"

enum {
  NS_PER_MS = 1000000,
  TICK_MS = 1000, /* rotation by age and retention need no finer clock */
  RETRY_MS = 200, /* "within one second of space returning", with a margin */
  /* Emptied builders kept for each signal. */
  SPARES = 2,
  /* Senders wait for so many batches at most before the next fsync, although
   * more are queued. */
  MAX_UNSYNCED = 16,
};

struct oa_writer_slot {
  oa_writer_slot *next;
  oa_writer_batch batch;
  uint64_t rows;
};

struct oa_writer {
  oa_writer_options options;
  uv_thread_t thread;
  uv_mutex_t lock;      /* over all below that is not atomic */
  uv_cond_t work;       /* something was queued, or the end has come */
  uv_cond_t done;       /* a batch was written */
  oa_writer_slot *head; /* the batch being written stays here until it is */
  oa_writer_slot **tail;
  uint64_t submitted;
  uint64_t written;
  bool stopping;
  bool nudged;
  uint64_t give_up_ns; /* when stopping: until then writes are tried again */
  uint64_t lost_items;
  oa_otlp_builder *spare[OA_SIGNAL_COUNT][SPARES];
  char problem[OA_ERROR_TEXT_SIZE];

  /* The thread's own: what is written, and whose senders wait for fsync. */
  oa_commit *unsynced[MAX_UNSYNCED];
  bool dirty[OA_SIGNAL_COUNT]; /* the streams that they are in */
  size_t refused_bytes;        /* of the last batch that could not be written */

  _Atomic uint64_t unsynced_count;
  _Atomic uint64_t cycle;
  _Atomic uint64_t queued;
  _Atomic uint64_t rows[OA_SIGNAL_COUNT];
  _Atomic uint64_t bytes;
  atomic_bool failing;
};

static uint64_t load(const _Atomic uint64_t *counter) {
  return atomic_load_explicit(counter, memory_order_relaxed);
}

static void add(_Atomic uint64_t *counter, uint64_t n) {
  atomic_fetch_add_explicit(counter, n, memory_order_relaxed);
}

static void subtract(_Atomic uint64_t *counter, uint64_t n) {
  atomic_fetch_sub_explicit(counter, n, memory_order_relaxed);
}

/* --- the writer thread --- */

static void set_problem(oa_writer *writer, const char *text) {
  uv_mutex_lock(&writer->lock);
  snprintf(writer->problem, sizeof writer->problem, "%s", text);
  uv_mutex_unlock(&writer->lock);
  atomic_store(&writer->failing, text[0] != '\0');
}

static void clear_problem(oa_writer *writer) {
  if (atomic_load(&writer->failing)) {
    set_problem(writer, "");
    oa_log_line(writer->options.log, OA_LOG_INFO, "writing works again");
  }
}

static oa_status write_batch(oa_writer *writer, oa_writer_slot *n,
                             oa_error *error) {
  const oa_array *columns;
  oa_status status = oa_otlp_builder_columns(n->batch.builder, &columns);
  if (status != OA_OK) {
    oa_error_set(error, status, "%s", oa_status_text(status));
  } else {
    status = oa_keep_append(&writer->options.keep, n->batch.signal, columns,
                            (int64_t)n->rows, error);
  }
  if (status == OA_OK) {
    clear_problem(writer);
    return OA_OK;
  }
  /* The store has logged it; here it becomes visible to senders. */
  set_problem(writer, error->text);
  return status;
}

/* Keeps an emptied builder, or frees it when there are enough. */
static void keep_spare(oa_writer *writer, oa_signal signal,
                       oa_otlp_builder *builder) {
  uv_mutex_lock(&writer->lock);
  for (size_t i = 0; i < SPARES; i++) {
    if (writer->spare[signal][i] == NULL) {
      writer->spare[signal][i] = builder;
      builder = NULL;
      break;
    }
  }
  uv_mutex_unlock(&writer->lock);
  oa_otlp_builder_free(builder);
}

/* Takes the head, which is written or given up, off the queue. */
static void finish(oa_writer *writer, oa_writer_slot *n, bool stored) {
  oa_signal_counters *counters =
      &writer->options.counters->signals[n->batch.signal];
  oa_otlp_builder_reset(
      n->batch.builder,
      oa_account_is_scarce(writer->options.account) ? 0 : SIZE_MAX);
  oa_count(stored ? &counters->items_stored : &counters->items_given_up,
           n->batch.items);
  subtract(&writer->queued, 1);
  subtract(&writer->rows[n->batch.signal], n->rows);
  subtract(&writer->bytes, n->batch.bytes);
  keep_spare(writer, n->batch.signal, n->batch.builder);

  uv_mutex_lock(&writer->lock);
  writer->head = n->next;
  if (writer->head == NULL) {
    writer->tail = &writer->head;
  }
  writer->written++;
  writer->lost_items += stored || !n->batch.acked ? 0 : n->batch.items;
  uv_cond_broadcast(&writer->done);
  uv_mutex_unlock(&writer->lock);
  oa_free(n);
}

/* --- those who wait --- */

/* The commit is not ours any more after that. */
static void tell(oa_commit *commit, oa_commit_state state) {
  atomic_store_explicit(&commit->state, state, memory_order_release);
}

static void tell_failure(oa_commit *commit, const char *why) {
  if (commit != NULL) {
    snprintf(commit->why, sizeof commit->why, "%s", why);
    tell(commit, OA_COMMIT_FAILED);
  }
}

/* The batch is in its file. */
static void tell_written(oa_writer *writer, const oa_writer_batch *batch) {
  oa_commit *commit = batch->commit;
  if (commit == NULL) {
    return;
  }
  if (commit->level == OA_ACK_WRITE) {
    tell(commit, OA_COMMIT_FINISHED);
    return;
  }
  writer->unsynced[load(&writer->unsynced_count)] = commit;
  writer->dirty[batch->signal] = true;
  add(&writer->unsynced_count, 1);
  tell(commit, OA_COMMIT_WRITTEN);
}

/* Makes durable what was written, and says so. */
static void sync_written(oa_writer *writer) {
  oa_error error = {0};
  oa_status status = OA_OK;
  for (size_t i = 0; i < OA_SIGNAL_COUNT; i++) {
    oa_error found = {0};
    if (writer->dirty[i] &&
        oa_keep_sync(&writer->options.keep, (oa_signal)i, &found) != OA_OK) {
      status = OA_ERR_IO;
      error = found;
    }
    writer->dirty[i] = false;
  }
  if (status != OA_OK) {
    set_problem(writer, error.text);
  }
  const uint64_t count = load(&writer->unsynced_count);
  for (uint64_t i = 0; i < count; i++) {
    if (status == OA_OK) {
      tell(writer->unsynced[i], OA_COMMIT_FINISHED);
    } else {
      tell_failure(writer->unsynced[i], error.text);
    }
  }
  subtract(&writer->unsynced_count, count);
}

/* --- the loop --- */

/* How long to wait for a batch. */
static uint64_t idle_ns(oa_writer *writer) {
  const uint64_t most = (uint64_t)TICK_MS * NS_PER_MS;
  const uint64_t due = writer->options.tick == NULL
                           ? UINT64_MAX
                           : writer->options.tick(writer->options.context);
  const uint64_t now = oa_clock_monotonic_ns();
  if (due <= now) {
    return NS_PER_MS; /* it could not be done for lack of memory */
  }
  return due - now < most ? due - now : most;
}

/* The next batch, NULL after PAUSE_MS (what idle_ns() says when that is 0)
 * without one or at the end. */
static oa_writer_slot *next_batch(oa_writer *writer, uint32_t pause_ms,
                                  bool *stop) {
  const uint64_t idle = idle_ns(writer);
  uv_mutex_lock(&writer->lock);
  if (pause_ms > 0 ||
      (writer->head == NULL && !writer->stopping && !writer->nudged)) {
    const uint64_t ns = pause_ms > 0 ? (uint64_t)pause_ms * NS_PER_MS : idle;
    uv_cond_timedwait(&writer->work, &writer->lock, ns);
  }
  writer->nudged = false;
  oa_writer_slot *n = writer->head;
  *stop = writer->stopping;
  uv_mutex_unlock(&writer->lock);
  return n;
}

/* Writes the head of the queue.  False: it stays there, to be tried again. */
static bool handle_batch(oa_writer *writer, oa_writer_slot *n, bool stop) {
  oa_error error = {0};
  oa_backlog *backlog = writer->options.backlog;
  if (backlog != NULL) {
    oa_backlog_begin(backlog, oa_clock_monotonic_ns());
  }
  const oa_status status = write_batch(writer, n, &error);
  if (backlog != NULL) {
    oa_backlog_end(backlog, status == OA_OK ? n->batch.bytes : 0,
                   oa_clock_monotonic_ns());
  }
  if (status == OA_OK) {
    tell_written(writer, &n->batch);
    finish(writer, n, true);
    return true;
  }
  oa_commit *commit = n->batch.commit;
  n->batch.commit = NULL;
  writer->refused_bytes = n->batch.bytes;
  const bool keep =
      n->batch.acked && !(stop && oa_clock_monotonic_ns() > writer->give_up_ns);
  if (!keep) {
    finish(writer, n, false); /* first: who is told finds it counted */
  }
  tell_failure(commit, error.text);
  return !keep;
}

/* With nothing to write, looks whether the disk works again. */
static void probe(oa_writer *writer) {
  oa_error error = {0};
  if (oa_keep_probe(&writer->options.keep, writer->refused_bytes, &error) ==
      OA_OK) {
    clear_problem(writer);
  } else {
    set_problem(writer, error.text);
  }
}

/* One round: a batch, or the fsync after the last one, or nothing.  How long
 * to wait before the next; 0 = until there is work. */
static uint32_t turn(oa_writer *writer, oa_writer_slot *n, bool stop) {
  bool again = false;
  if (n == NULL) {
    if (!atomic_load(&writer->failing)) {
      return 0;
    }
    probe(writer);
  } else {
    again = !handle_batch(writer, n, stop);
  }
  const uint64_t unsynced = load(&writer->unsynced_count);
  if (unsynced == MAX_UNSYNCED ||
      (unsynced > 0 && (again || load(&writer->queued) == 0))) {
    sync_written(writer);
  }
  if (load(&writer->queued) == 0) {
    add(&writer->cycle, 1);
  }
  writer->options.progress(writer->options.context);
  return atomic_load(&writer->failing) && (again || load(&writer->queued) == 0)
             ? RETRY_MS
             : 0;
}

static void run(void *context) {
  oa_writer *writer = context;
  uint64_t ticked = oa_clock_monotonic_ns();
  uint32_t pause_ms = 0;

  for (;;) {
    bool stop;
    oa_writer_slot *n = next_batch(writer, pause_ms, &stop);
    if (n == NULL && stop) {
      break;
    }
    pause_ms = turn(writer, n, stop);
    oa_counters_beat(writer->options.counters);
    const uint64_t now = oa_clock_monotonic_ns();
    if (now - ticked >= (uint64_t)TICK_MS * NS_PER_MS) {
      oa_keep_tick(&writer->options.keep);
      ticked = now;
    }
  }
}

/* --- make and end --- */

oa_status oa_writer_start(oa_writer **out, const oa_writer_options *options,
                          oa_error *error) {
  oa_writer *writer = oa_calloc(1, sizeof *writer);
  if (writer == NULL) {
    return oa_error_set(error, OA_ERR_NOMEM, "writer: out of memory");
  }
  writer->options = *options;
  writer->tail = &writer->head;
  if (uv_mutex_init(&writer->lock) != 0) {
    oa_free(writer);
    return oa_error_set(error, OA_ERR_NOMEM, "writer: no mutex");
  }
  uv_cond_init(&writer->work);
  uv_cond_init(&writer->done);
  *out = writer; /* the thread's callbacks may want it at once */
  if (uv_thread_create(&writer->thread, run, writer) != 0) {
    *out = NULL;
    uv_cond_destroy(&writer->work);
    uv_cond_destroy(&writer->done);
    uv_mutex_destroy(&writer->lock);
    oa_free(writer);
    return oa_error_set(error, OA_ERR_IO, "writer: cannot start a thread");
  }
  return OA_OK;
}

oa_status oa_writer_stop(oa_writer *writer, uint32_t timeout_ms,
                         oa_error *error) {
  uv_mutex_lock(&writer->lock);
  writer->stopping = true;
  writer->give_up_ns =
      oa_clock_monotonic_ns() + (uint64_t)timeout_ms * NS_PER_MS;
  uv_cond_signal(&writer->work);
  uv_mutex_unlock(&writer->lock);
  uv_thread_join(&writer->thread);

  const uint64_t lost = writer->lost_items;
  oa_status status = OA_OK;
  if (lost > 0) {
    status = oa_error_set(error, OA_ERR_IO,
                          "%llu items could not be written and are lost: %s",
                          (unsigned long long)lost, writer->problem);
  }
  oa_writer_trim(writer);
  uv_cond_destroy(&writer->work);
  uv_cond_destroy(&writer->done);
  uv_mutex_destroy(&writer->lock);
  oa_free(writer);
  return status;
}

/* --- for the I/O threads --- */

oa_writer_slot *oa_writer_slot_new(void) {
  return oa_calloc(1, sizeof(oa_writer_slot));
}

void oa_writer_slot_free(oa_writer_slot *slot) {
  oa_free(slot);
}

void oa_writer_submit(oa_writer *writer, oa_writer_slot *slot,
                      const oa_writer_batch *batch) {
  *slot = (oa_writer_slot){
      .batch = *batch, .rows = (uint64_t)oa_otlp_builder_rows(batch->builder)};
  add(&writer->queued, 1);
  add(&writer->rows[batch->signal], slot->rows);
  add(&writer->bytes, batch->bytes);
  uv_mutex_lock(&writer->lock);
  *writer->tail = slot;
  writer->tail = &slot->next;
  writer->submitted++;
  uv_cond_signal(&writer->work);
  uv_mutex_unlock(&writer->lock);
}

void oa_writer_nudge(oa_writer *writer) {
  uv_mutex_lock(&writer->lock);
  writer->nudged = true;
  uv_cond_signal(&writer->work);
  uv_mutex_unlock(&writer->lock);
}

oa_otlp_builder *oa_writer_reuse(oa_writer *writer, oa_signal signal) {
  oa_otlp_builder *builder = NULL;
  uv_mutex_lock(&writer->lock);
  for (size_t i = 0; i < SPARES && builder == NULL; i++) {
    builder = writer->spare[signal][i];
    writer->spare[signal][i] = NULL;
  }
  uv_mutex_unlock(&writer->lock);
  return builder;
}

void oa_writer_trim(oa_writer *writer) {
  for (int signal = 0; signal < OA_SIGNAL_COUNT; signal++) {
    for (;;) {
      oa_otlp_builder *builder = oa_writer_reuse(writer, (oa_signal)signal);
      if (builder == NULL) {
        break;
      }
      oa_otlp_builder_free(builder);
    }
  }
}

bool oa_writer_is_idle(const oa_writer *writer, uint64_t *cycle) {
  if (cycle != NULL) {
    *cycle = load(&writer->cycle);
  }
  return load(&writer->queued) == 0 && load(&writer->unsynced_count) == 0;
}

void oa_writer_get_load(const oa_writer *writer, oa_writer_load *out) {
  out->queued = load(&writer->queued);
  out->bytes = load(&writer->bytes);
  out->failing = atomic_load(&writer->failing);
  for (size_t i = 0; i < OA_SIGNAL_COUNT; i++) {
    out->rows[i] = load(&writer->rows[i]);
  }
}

void oa_writer_problem(oa_writer *writer, char *why, size_t size) {
  uv_mutex_lock(&writer->lock);
  snprintf(why, size, "%s", writer->problem);
  uv_mutex_unlock(&writer->lock);
}

void oa_writer_count(oa_writer *writer, uint64_t *submitted,
                     uint64_t *written) {
  uv_mutex_lock(&writer->lock);
  *submitted = writer->submitted;
  *written = writer->written;
  uv_mutex_unlock(&writer->lock);
}

oa_status oa_writer_drain(oa_writer *writer, uint64_t target,
                          uint32_t timeout_ms) {
  const uint64_t end =
      oa_clock_monotonic_ns() + (uint64_t)timeout_ms * NS_PER_MS;
  oa_status status = OA_OK;
  uv_mutex_lock(&writer->lock);
  while (status == OA_OK && writer->written < target) {
    const uint64_t now = oa_clock_monotonic_ns();
    if (now >= end) {
      status = OA_ERR_BUSY;
    } else {
      uv_cond_timedwait(&writer->done, &writer->lock, end - now);
    }
  }
  uv_mutex_unlock(&writer->lock);
  return status;
}
