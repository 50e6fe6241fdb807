/* SPDX-License-Identifier: Apache-2.0 */
/* One delivery: rows from the file, to the exporter, and what came of it. */
#include <inttypes.h>
#include <string.h>

#include "base/clock.h"
#include "forward/forward_impl.h"

#define SECOND_NS UINT64_C(1000000000)

enum {
  MS = OA_FORWARD_NS_PER_MS,
  /* A file that the disk does not give back is tried so often, a second
   * apart. */
  READ_TRIES = 10,
  /* After rows that were too many at a time, so many deliveries pass before
   * more are tried again. */
  MORE_AFTER = 16,
  /* A batch with less than one part in so many of what may be delivered waits
   * for no more, but takes along what is there. */
  SMALL_PART = 4,
  /* Deliveries without that after rows that could not be put together. */
  PLAIN_COUNT = 64,
};

void oa_forward_drop(oa_forward *f) {
  oa_delivery_drop(&f->delivery, true);
  oa_gather_drop(&f->gather);
  if (f->held != NULL) {
    oa_forward_source_drop(f->held->source);
    f->held = NULL;
  }
}

/* --- the breaker --- */

/* One that answers with no time at all must not have us spin. */
static uint64_t pause_of(uint32_t wait_ms) {
  enum { LEAST_MS = 10 };
  return (uint64_t)(wait_ms < LEAST_MS ? LEAST_MS : wait_ms) * MS;
}

/* What a breaker of the program says is not news to it, and may change with
 * each delivery. */
static void note_breaker(oa_forward *f, oa_circuit_state state) {
  const int before = atomic_exchange(&f->breaker, (int)state);
  if (before != (int)state && f->options.breaker.allow == NULL) {
    oa_log_line(
        f->options.log, state == OA_CIRCUIT_OPEN ? OA_LOG_WARN : OA_LOG_INFO,
        "forwarding: the circuit breaker is %s", oa_circuit_state_name(state));
  }
}

static bool is_allowed(oa_forward *f) {
  const oa_breaker *own = &f->options.breaker;
  const uint64_t now = oa_clock_monotonic_ns();
  uint32_t wait_ms = 1000;
  int allowed;
  if (own->allow != NULL) {
    allowed = own->allow(own->context, now / MS, &wait_ms);
    note_breaker(f, allowed ? OA_CIRCUIT_CLOSED : OA_CIRCUIT_OPEN);
  } else {
    allowed = oa_circuit_allow(&f->circuit, now / MS, &wait_ms);
    note_breaker(f, f->circuit.state);
  }
  if (!allowed) {
    f->breaker_due_ns = now + pause_of(wait_ms);
  }
  return allowed != 0;
}

static void report(oa_forward *f, bool answered) {
  const oa_breaker *own = &f->options.breaker;
  const uint64_t now_ms = oa_clock_monotonic_ns() / MS;
  if (own->allow != NULL) {
    if (own->report != NULL) {
      own->report(own->context, now_ms, answered);
    }
    return;
  }
  oa_circuit_report(&f->circuit, now_ms, answered);
  note_breaker(f, f->circuit.state);
}

/* --- rows --- */

static oa_status open_source(oa_forward_lane *lane, oa_purse *purse,
                             const oa_name *name, oa_error *error) {
  char text[OA_NAME_SIZE];
  char path[OA_PATH_SIZE];
  if (lane->source != NULL) {
    return OA_OK;
  }
  oa_name_text(&lane->rule, name, text);
  if (!oa_path_join(path, lane->dir, text)) {
    return oa_error_set(error, OA_ERR_MALFORMED, "its path is too long");
  }
  return oa_forward_source_open(&lane->source, path, lane->signal, purse,
                                error);
}

/* To begin again with it: after a failure nobody knows what was read. */
static void close_source(oa_forward *f, oa_forward_lane *lane) {
  if (f->held == lane) {
    f->held = NULL;
  }
  oa_forward_source_close(lane->source);
  lane->source = NULL;
}

/* The first file is over: all of it was read, or it cannot be. */
static void end_file(oa_forward *f, oa_forward_lane *lane) {
  close_source(f, lane);
  lane->read_faults = 0;
  uv_mutex_lock(&f->lock);
  oa_forward_lose(lane, oa_pending_first(&lane->pending));
  uv_mutex_unlock(&f->lock);
}

/* Brings the batch into memory that has the row after the last one that is done
 * with. */
static oa_status load(oa_forward *f, oa_forward_lane *lane,
                      const oa_pending_file *file, oa_forward_batch *out,
                      oa_error *error) {
  if (f->held != lane) {
    oa_forward_drop(f);
  }
  OA_TRY(open_source(lane, &f->purse, &file->name, error));
  f->held = lane;
  return oa_forward_source_load(lane->source, file->done, out, error);
}

/* Has those rows not come, this is what follows from STATUS. */
static void miss(oa_forward *f, oa_forward_lane *lane,
                 const oa_pending_file *file, oa_status status,
                 const oa_error *error) {
  char text[OA_NAME_SIZE];
  oa_name_text(&lane->rule, &file->name, text);
  const bool opened = lane->source != NULL;
  lane->due_ns = oa_clock_monotonic_ns() + SECOND_NS;
  switch (status) {
    case OA_ERR_NOMEM:
      close_source(f, lane);
      break;
    case OA_ERR_IO:
      close_source(f, lane);
      oa_log_line(f->options.log, OA_LOG_WARN,
                  "forwarding: %s cannot be read: %s", text, error->text);
      if (!opened || ++lane->read_faults < READ_TRIES) {
        break;
      }
      lane->due_ns = 0;
      end_file(f, lane);
      break;
    case OA_END:
    case OA_ERR_NOT_FOUND:
      lane->due_ns = 0;
      end_file(f, lane);
      break;
    default:
      lane->due_ns = 0;
      oa_log_line(f->options.log, OA_LOG_WARN,
                  "forwarding: %s is damaged, the rest of it is passed over: "
                  "%s",
                  text, error->text);
      end_file(f, lane);
      break;
  }
}

/* --- what became of it --- */

/* COUNT rows are done with, in one way or another. */
static void done(oa_forward *f, oa_forward_lane *lane, int64_t count,
                 _Atomic uint64_t *counter) {
  uv_mutex_lock(&f->lock);
  oa_forward_advance(f, lane, count);
  uv_mutex_unlock(&f->lock);
  atomic_fetch_add(counter, (uint64_t)count);
  lane->failures = 0;
  lane->due_ns = 0;
}

static void pass_over(oa_forward *f, oa_forward_lane *lane, int64_t count,
                      _Atomic uint64_t *counter, const oa_error *error) {
  oa_log_line(f->options.log, OA_LOG_WARN,
              "forwarding: %" PRId64 " rows of %s are passed over, %s: %s",
              count, oa_signal_name(lane->signal),
              counter == &lane->expired ? "tried for too long" : "refused",
              error->text);
  done(f, lane, count, counter);
}

static uint64_t next_random(oa_forward *f) {
  /* xorshift64: only so that not everybody comes at once. */
  f->random ^= f->random << 13;
  f->random ^= f->random >> 7;
  f->random ^= f->random << 17;
  return f->random;
}

/* Not now. */
static void postpone(oa_forward *f, oa_forward_lane *lane, int64_t count,
                     uint32_t retry_after_ms, const oa_error *error) {
  const uint64_t now = oa_clock_monotonic_ns();
  atomic_fetch_add(&f->failures, 1);
  if (lane->failures++ == 0) {
    lane->failed_ns = now;
  }
  if (oa_retry_is_over(&f->options.retry, lane->failed_ns, now)) {
    pass_over(f, lane, count, &lane->expired, error);
    return;
  }
  const uint64_t wait = oa_retry_wait_ns(&f->options.retry, lane->failures,
                                         retry_after_ms, next_random(f));
  lane->due_ns = now + wait;
  f->failing = true;
  oa_log_line(f->options.log, OA_LOG_WARN,
              "forwarding: %s: %s; tried again in %" PRIu64 " ms",
              oa_signal_name(lane->signal), error->text, wait / MS);
}

static void delivered(oa_forward *f, oa_forward_lane *lane, int64_t count) {
  done(f, lane, count, &lane->delivered);
  if (lane->max_rows < OA_FORWARD_MAX_ROWS && ++lane->fitted == MORE_AFTER) {
    lane->max_rows *= 2; /* not all rows are as large as those were */
    lane->fitted = 0;
  }
  if (f->failing) {
    f->failing = false;
    oa_log_line(f->options.log, OA_LOG_INFO, "forwarding: works again");
  }
}

/* What STATUS, of the codec or the exporter, means for COUNT rows. */
static void settle(oa_forward *f, oa_forward_lane *lane, int64_t count,
                   oa_status status, uint32_t retry_after_ms,
                   const oa_error *error) {
  switch (status) {
    case OA_OK:
      delivered(f, lane, count);
      break;
    case OA_ERR_BUSY:
    case OA_ERR_IO:
    case OA_ERR_NOMEM:
      postpone(f, lane, count, retry_after_ms, error);
      break;
    case OA_ERR_LIMIT:
      if (count > 1) {
        lane->max_rows = count / 2;
        lane->fitted = 0;
        break;
      }
      pass_over(f, lane, count, &lane->refused, error);
      break;
    default:
      pass_over(f, lane, count, &lane->refused, error);
      break;
  }
}

static bool is_reach(oa_status status) {
  return status == OA_ERR_BUSY || status == OA_ERR_IO || status == OA_ERR_NOMEM;
}

/* --- a turn --- */

/* How many of BATCH's rows are delivered together now. */
static int64_t count_of(const oa_forward_lane *lane,
                        const oa_pending_file *file,
                        const oa_forward_batch *batch) {
  int64_t count = batch->first + batch->rows - file->done;
  if (file->rows >= 0 && count > oa_pending_left(file)) {
    count = oa_pending_left(file);
  }
  return count < lane->max_rows ? count : lane->max_rows;
}

/* Puts what has come since to a small BATCH.  False: it did not work, and the
 * rows are to be loaded again. */
static bool gather(oa_forward *f, oa_forward_lane *lane,
                   const oa_pending_file *file, oa_forward_batch *batch) {
  const int64_t end = batch->first + batch->rows;
  lane->ahead = false;
  if (lane->plain > 0) {
    lane->plain--;
    return true;
  }
  if (end >= file->rows || end - file->done >= lane->max_rows / SMALL_PART) {
    return true;
  }
  if (oa_gather_take(&f->gather, lane->signal, lane->source, file->done,
                     file->rows, lane->max_rows, batch) == OA_OK) {
    lane->ahead = true;
    return true;
  }
  lane->plain = PLAIN_COUNT;
  close_source(f, lane);
  return false;
}

/* Makes ready what is to be delivered; OA_END: nothing is, for now. */
static oa_status make(oa_forward *f, oa_forward_lane *lane,
                      const oa_pending_file *file, int64_t *count,
                      oa_error *error) {
  oa_forward_batch batch;
  const oa_status status = load(f, lane, file, &batch, error);
  if (status != OA_OK) {
    miss(f, lane, file, status, error);
    return OA_END;
  }
  lane->read_faults = 0;
  if (!gather(f, lane, file, &batch)) {
    return OA_END;
  }
  *count = count_of(lane, file, &batch);
  return oa_delivery_make(&f->delivery, lane->signal, batch.columns,
                          file->done - batch.first, *count, error);
}

static void try_rows(oa_forward *f, oa_forward_lane *lane,
                     const oa_pending_file *file) {
  oa_error error = {0};
  uint32_t retry_after_ms = 0;
  int64_t count = 0;
  oa_status status = make(f, lane, file, &count, &error);
  if (status == OA_OK) {
    status = oa_delivery_send(&f->delivery, &retry_after_ms, &error);
    report(f, !is_reach(status));
  } else {
    oa_circuit_cancel(&f->circuit);
  }
  oa_delivery_drop(&f->delivery, false);
  if (count == 0) {
    return;
  }
  if (status != OA_OK && lane->ahead) {
    close_source(f, lane);
  }
  settle(f, lane, count, status, retry_after_ms, &error);
}

void oa_forward_turn(oa_forward *f, oa_forward_lane *lane) {
  if (!is_allowed(f)) {
    return;
  }
  uv_mutex_lock(&f->lock);
  const oa_pending_file file = *oa_pending_first(&lane->pending);
  uv_mutex_unlock(&f->lock);
  try_rows(f, lane, &file);
}
