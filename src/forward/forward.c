/* SPDX-License-Identifier: Apache-2.0 */
#include "forward/forward.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "base/clock.h"
#include "base/mem.h"
#include "forward/forward_impl.h"

/* How often the position is kept while it moves. */
#define KEEP_EVERY_NS UINT64_C(1000000000)

/* When a directory could not be listed. */
#define LIST_AGAIN_NS UINT64_C(1000000000)

/* --- rows, with the lock held --- */

void oa_forward_lose(oa_forward_lane *lane, oa_pending_file *file) {
  const int64_t left = oa_pending_left(file);
  if (left > 0) {
    atomic_fetch_add(&lane->lost, (uint64_t)left);
    atomic_fetch_sub(&lane->waiting, (uint64_t)left);
    lane->unsaid += left;
  }
  oa_pending_drop(&lane->pending, file);
}

void oa_forward_advance(oa_forward *forward, oa_forward_lane *lane,
                        int64_t rows) {
  oa_pending_file *file = oa_pending_first(&lane->pending);
  const int64_t left = oa_pending_left(file);
  file->done += rows;
  atomic_fetch_sub(&lane->waiting, (uint64_t)(left - oa_pending_left(file)));
  lane->point.seq = file->name.seq;
  memcpy(lane->point.stamp, file->name.stamp, sizeof lane->point.stamp);
  lane->point.rows = file->done;
  forward->moved = true;
}

/* --- what the store tells, on the writer's thread --- */

/* NAME is written now. */
static void add_file(oa_forward_lane *lane, const oa_name *name, int64_t rows) {
  oa_pending_file file = {.name = *name, .rows = rows, .open = true};
  if (name->seq == lane->point.seq &&
      strcmp(name->stamp, lane->point.stamp) == 0) {
    file.done = lane->point.rows; /* we had found it in the directory */
  }
  if (oa_pending_add(&lane->pending, &file) == OA_OK) {
    atomic_fetch_add(&lane->waiting, (uint64_t)oa_pending_left(&file));
  } else {
    lane->incomplete = true; /* nothing behind it may be sent before it */
  }
}

static void grew(void *context, size_t stream, const oa_name *name,
                 int64_t rows, bool open) {
  oa_forward *forward = context;
  oa_forward_lane *lane = &forward->lanes[stream];
  uv_mutex_lock(&forward->lock);
  oa_pending_file *file = oa_pending_last(&lane->pending);
  if (file != NULL && oa_name_equal(&file->name, name)) {
    const int64_t left = oa_pending_left(file);
    file->rows = rows;
    file->open = open;
    atomic_fetch_add(&lane->waiting, (uint64_t)(oa_pending_left(file) - left));
  } else if (open && !lane->incomplete) {
    add_file(lane, name, rows);
  }
  uv_cond_signal(&forward->wake);
  uv_mutex_unlock(&forward->lock);
}

static void removed(void *context, size_t stream, const oa_name *name) {
  oa_forward *forward = context;
  oa_forward_lane *lane = &forward->lanes[stream];
  uv_mutex_lock(&forward->lock);
  oa_pending_file *file = oa_pending_find(&lane->pending, name);
  if (file != NULL && file == oa_pending_first(&lane->pending)) {
    file->gone = true; /* its rows may be with the exporter */
    uv_cond_signal(&forward->wake);
  } else if (file != NULL) {
    oa_forward_lose(lane, file);
  }
  uv_mutex_unlock(&forward->lock);
}

/* --- what there is to do, with the lock held --- */

/* A file that nothing is left of, or that is gone, makes place for the next. */
static void close_first(oa_forward *forward, oa_forward_lane *lane) {
  if (forward->held == lane) {
    oa_forward_drop(forward);
  }
  oa_forward_source_close(lane->source);
  lane->source = NULL;
  oa_forward_lose(lane, oa_pending_first(&lane->pending));
}

static bool has_work(oa_forward *forward, oa_forward_lane *lane) {
  oa_pending_file *file;
  while ((file = oa_pending_first(&lane->pending)) != NULL) {
    if (!file->gone && (file->rows < 0 || file->done < file->rows)) {
      return true;
    }
    if (!file->gone && file->open && file == oa_pending_last(&lane->pending)) {
      return false;
    }
    close_first(forward, lane);
    lane->failures = 0;
    lane->due_ns = 0;
  }
  return false;
}

/* The lane whose turn it is, or NULL; *WAKE_NS is then when one is due. */
static oa_forward_lane *pick(oa_forward *forward, uint64_t now,
                             uint64_t *wake_ns) {
  /* Rows that are in memory come first. */
  size_t turn = forward->turn + (forward->held == NULL);
  for (size_t i = 0; i < OA_SIGNAL_COUNT; i++) {
    oa_forward_lane *lane = &forward->lanes[(turn + i) % OA_SIGNAL_COUNT];
    if (!has_work(forward, lane)) {
      continue;
    }
    const uint64_t due = lane->due_ns > forward->breaker_due_ns
                             ? lane->due_ns
                             : forward->breaker_due_ns;
    if (due <= now) {
      forward->turn = (turn + i) % OA_SIGNAL_COUNT;
      return lane;
    }
    *wake_ns = due < *wake_ns ? due : *wake_ns;
  }
  return NULL;
}

/* Reads directories again of which a file could not be noted. */
static uint64_t complete(oa_forward *forward, uint64_t now) {
  uint64_t wake_ns = UINT64_MAX;
  for (int i = 0; i < OA_SIGNAL_COUNT; i++) {
    oa_forward_lane *lane = &forward->lanes[i];
    if (!lane->incomplete) {
      continue;
    }
    if (forward->held == lane) {
      oa_forward_drop(forward);
    }
    oa_forward_source_close(lane->source);
    lane->source = NULL;
    if (oa_forward_list(lane, NULL) != OA_OK) {
      wake_ns = now + LIST_AGAIN_NS;
    }
  }
  return wake_ns;
}

static void wait(oa_forward *forward, uint64_t now, uint64_t wake_ns) {
  oa_forward_drop(forward); /* nobody knows for how long */
  if (wake_ns == UINT64_MAX) {
    uv_cond_wait(&forward->wake, &forward->lock);
  } else if (wake_ns > now) {
    (void)uv_cond_timedwait(&forward->wake, &forward->lock, wake_ns - now);
  }
}

/* --- the thread --- */

typedef enum next_step {
  STEP_TURN,
  STEP_KEEP, /* the position */
  STEP_LOOK, /* again */
  STEP_END,
} next_step;

/* Waits for something to do. */
static next_step next(oa_forward *forward, oa_forward_lane **lane) {
  uv_mutex_lock(&forward->lock);
  const uint64_t now = oa_clock_monotonic_ns();
  const bool stopping = forward->stopping;
  next_step step = STEP_LOOK;
  uint64_t wake_ns = complete(forward, now);
  *lane = stopping && now >= forward->until_ns ? NULL
                                               : pick(forward, now, &wake_ns);
  if (forward->moved && forward->kept_ns + KEEP_EVERY_NS <= now) {
    step = STEP_KEEP;
  } else if (*lane != NULL) {
    step = STEP_TURN;
  } else if (stopping) {
    step = STEP_END; /* what fails or may not be tried waits for the next start
                      */
  } else {
    if (forward->moved && forward->kept_ns + KEEP_EVERY_NS < wake_ns) {
      wake_ns = forward->kept_ns + KEEP_EVERY_NS;
    }
    wait(forward, now, wake_ns);
  }
  uv_mutex_unlock(&forward->lock);
  return step;
}

/* Without the lock, as a log of the program's own may take its time. */
static void say_lost(oa_forward *forward) {
  for (int i = 0; i < OA_SIGNAL_COUNT; i++) {
    oa_forward_lane *lane = &forward->lanes[i];
    uv_mutex_lock(&forward->lock);
    const int64_t rows = lane->unsaid;
    lane->unsaid = 0;
    uv_mutex_unlock(&forward->lock);
    if (rows > 0) {
      oa_log_line(forward->options.log, OA_LOG_WARN,
                  "forwarding: %" PRId64
                  " rows of %s are gone from the disk and were not delivered",
                  rows, oa_signal_name(lane->signal));
    }
  }
}

static void run(void *context) {
  oa_forward *forward = context;
  next_step step = STEP_LOOK;
  oa_forward_count(forward);
  while (step != STEP_END) {
    oa_forward_lane *lane;
    step = next(forward, &lane);
    if (step == STEP_TURN) {
      oa_forward_turn(forward, lane);
    } else if (step == STEP_KEEP) {
      oa_forward_keep(forward);
    }
    say_lost(forward);
  }
  oa_forward_drop(forward);
  if (forward->moved) {
    oa_forward_keep(forward);
  }
}

/* --- make and end --- */

static oa_status init_lane(oa_forward *forward, oa_signal signal,
                           oa_error *error) {
  oa_forward_lane *lane = &forward->lanes[signal];
  lane->signal = signal;
  lane->max_rows = OA_FORWARD_MAX_ROWS;
  lane->rule = (oa_name_rule){.prefix = forward->options.prefix,
                              .stream = oa_signal_name(signal),
                              .extension = forward->options.extension};
  return oa_path_join(lane->dir, forward->options.root, oa_signal_name(signal))
             ? OA_OK
             : oa_error_set(error, OA_ERR_CONFIG,
                            "the output path is too long");
}

static oa_status init(oa_forward *forward, const oa_forward_options *options,
                      oa_error *error) {
  forward->options = *options;
  forward->disk.os = options->os == NULL ? &oa_store_os_default : options->os;
  forward->disk.log = options->log;
  forward->purse = (oa_purse){.account = options->account, .forced = true};
  oa_delivery_init(&forward->delivery, &options->exporter, options->codec);
  forward->delivery.body.purse = &forward->purse;
  oa_circuit_init(&forward->circuit, &options->circuit);
  if (getrandom(&forward->random, sizeof forward->random, GRND_NONBLOCK) < 0 ||
      forward->random == 0) {
    forward->random = oa_clock_monotonic_ns() | 1;
  }
  for (int i = 0; i < OA_SIGNAL_COUNT; i++) {
    OA_TRY(init_lane(forward, (oa_signal)i, error));
  }
  return oa_forward_resume(forward, error);
}

static oa_status start_thread(oa_forward *forward, oa_error *error) {
  const oa_store_watch watch = {
      .context = forward, .grew = grew, .removed = removed};
  if (uv_thread_create(&forward->thread, run, forward) != 0) {
    return oa_error_set(error, OA_ERR_IO, "forwarding: cannot start a thread");
  }
  forward->has_thread = true;
  oa_store_set_watch(forward->store, &watch);
  return OA_OK;
}

oa_status oa_forward_start(oa_forward **out, const oa_forward_options *options,
                           oa_store *store, oa_error *error) {
  oa_forward *forward = oa_calloc(1, sizeof *forward);
  if (forward == NULL) {
    return oa_error_set(error, OA_ERR_NOMEM, "no memory for forwarding");
  }
  if (uv_mutex_init(&forward->lock) != 0) {
    oa_free(forward);
    return oa_error_set(error, OA_ERR_NOMEM, "forwarding: no mutex");
  }
  uv_cond_init(&forward->wake);
  forward->store = store;
  oa_status status = init(forward, options, error);
  if (status == OA_OK) {
    status = start_thread(forward, error);
  }
  if (status != OA_OK) {
    oa_forward_free(forward);
    return status;
  }
  *out = forward;
  return OA_OK;
}

void oa_forward_stop(oa_forward *forward, uint64_t until_ns) {
  if (forward == NULL || !forward->has_thread) {
    return;
  }
  uv_mutex_lock(&forward->lock);
  forward->stopping = true;
  forward->until_ns = until_ns;
  atomic_store(&forward->hurry, true);
  uv_cond_signal(&forward->wake);
  uv_mutex_unlock(&forward->lock);
  uv_thread_join(&forward->thread);
  forward->has_thread = false;
  oa_store_set_watch(forward->store, &(const oa_store_watch){.grew = NULL});
  for (int i = 0; i < OA_SIGNAL_COUNT; i++) {
    oa_forward_source_close(forward->lanes[i].source);
    forward->lanes[i].source = NULL;
  }
  oa_delivery_reset(&forward->delivery);
  oa_purse_close(&forward->purse);
}

void oa_forward_free(oa_forward *forward) {
  if (forward == NULL) {
    return;
  }
  for (int i = 0; i < OA_SIGNAL_COUNT; i++) {
    oa_pending_free(&forward->lanes[i].pending);
  }
  uv_cond_destroy(&forward->wake);
  uv_mutex_destroy(&forward->lock);
  oa_free(forward);
}

void oa_forward_get_stats(const oa_forward *forward, oa_forward_stats *out) {
  for (int i = 0; i < OA_SIGNAL_COUNT; i++) {
    const oa_forward_lane *lane = &forward->lanes[i];
    out->signals[i] = (oa_forward_counts){
        .delivered = atomic_load(&lane->delivered),
        .refused = atomic_load(&lane->refused),
        .expired = atomic_load(&lane->expired),
        .lost = atomic_load(&lane->lost),
        .waiting = atomic_load(&lane->waiting),
    };
  }
  out->failures = atomic_load(&forward->failures);
  out->breaker = (oa_circuit_state)atomic_load(&forward->breaker);
}
