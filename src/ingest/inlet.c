/* SPDX-License-Identifier: Apache-2.0 */
#include "ingest/inlet.h"

#include <stdio.h>

#include "base/clock.h"
#include "base/mem.h"
#include "ingest/pipeline_impl.h"

struct oa_inlet {
  _Alignas(64) uv_mutex_t lock; /* over the shards and commits of THREAD */
  uv_cond_t told;               /* somebody's rows are safe, or lost */
};

static unsigned first_inlet(const oa_pipeline *p) {
  return p->options.threads - p->options.inlets;
}

bool oa_pipeline_is_inlet(const oa_pipeline *p, unsigned thread) {
  return thread >= first_inlet(p);
}

static void free_some(oa_inlet *inlets, unsigned count) {
  for (unsigned i = 0; i < count; i++) {
    uv_cond_destroy(&inlets[i].told);
    uv_mutex_destroy(&inlets[i].lock);
  }
  oa_free(inlets);
}

oa_status oa_pipeline_open_inlets(oa_pipeline *p) {
  const unsigned count = p->options.inlets;
  oa_inlet *inlets;
  if (count == 0) {
    return OA_OK;
  }
  inlets = oa_calloc_aligned(count, sizeof *inlets, _Alignof(oa_inlet));
  if (inlets == NULL) {
    return OA_ERR_NOMEM;
  }
  for (unsigned i = 0; i < count; i++) {
    if (uv_mutex_init(&inlets[i].lock) != 0) {
      free_some(inlets, i);
      return OA_ERR_NOMEM;
    }
    if (uv_cond_init(&inlets[i].told) != 0) {
      uv_mutex_destroy(&inlets[i].lock);
      free_some(inlets, i);
      return OA_ERR_NOMEM;
    }
  }
  p->inlets = inlets;
  return OA_OK;
}

void oa_pipeline_free_inlets(oa_pipeline *p) {
  if (p->inlets != NULL) {
    free_some(p->inlets, p->options.inlets);
  }
}

/* --- what an I/O thread's loop does --- */

typedef void (*chore)(oa_pipeline *pipeline, unsigned thread);

static void for_each(oa_pipeline *p, chore work) {
  for (unsigned i = 0; i < p->options.inlets; i++) {
    uv_mutex_lock(&p->inlets[i].lock);
    work(p, first_inlet(p) + i);
    uv_mutex_unlock(&p->inlets[i].lock);
  }
}

void oa_pipeline_wake_inlets(oa_pipeline *p) {
  for_each(p, oa_pipeline_wake);
}

void oa_pipeline_stop_inlets(oa_pipeline *p) {
  atomic_store(&p->leave, true);
  for_each(p, oa_pipeline_thread_stop);
}

/* When the oldest rows of THREAD are due to be written. */
static uint64_t due_ns(const oa_pipeline *p, unsigned thread) {
  uint64_t due = UINT64_MAX;
  for (int signal = 0; signal < OA_SIGNAL_COUNT; signal++) {
    const oa_shard *s = &p->threads[thread].shards[signal];
    if (s->builder != NULL && oa_otlp_builder_rows(s->builder) > 0 &&
        s->since_ns + p->options.write_interval_ns < due) {
      due = s->since_ns + p->options.write_interval_ns;
    }
  }
  return due;
}

uint64_t oa_pipeline_tick_inlets(oa_pipeline *p) {
  uint64_t due = UINT64_MAX;
  for (unsigned i = 0; i < p->options.inlets; i++) {
    const unsigned thread = first_inlet(p) + i;
    uv_mutex_lock(&p->inlets[i].lock);
    oa_pipeline_tick(p, thread);
    const uint64_t next = due_ns(p, thread);
    uv_mutex_unlock(&p->inlets[i].lock);
    due = next < due ? next : due;
  }
  return due;
}

/* --- requests --- */

/* A free inlet, or the first that becomes free of those that are not. */
static unsigned enter(oa_pipeline *p) {
  const unsigned count = p->options.inlets;
  /* Threads begin at different ones, so that each finds warm memory. */
  const unsigned first = (unsigned)((uintptr_t)uv_thread_self() >> 12) % count;
  for (unsigned i = 0; i < count; i++) {
    const unsigned at = (first + i) % count;
    if (uv_mutex_trylock(&p->inlets[at].lock) == 0) {
      return at;
    }
  }
  uv_mutex_lock(&p->inlets[first].lock);
  return first;
}

typedef struct waiter {
  oa_ack_wait wait;
  oa_inlet *inlet;
  bool told;
  bool failed;
  char why[OA_ERROR_TEXT_SIZE];
} waiter;

/* With the inlet's lock held. */
static void on_told(oa_ack_wait *wait, const char *failure) {
  waiter *w = (waiter *)wait; /* its first member */
  w->told = true;
  w->failed = failure != NULL;
  if (w->failed) {
    snprintf(w->why, sizeof w->why, "%s", failure);
  }
  uv_cond_broadcast(&w->inlet->told);
}

void oa_pipeline_put(oa_pipeline *p, const oa_intake *intake, bool *safe,
                     oa_outcome *out) {
  const unsigned at = enter(p);
  oa_inlet *inlet = &p->inlets[at];
  waiter w = {.wait = {.done = on_told}, .inlet = inlet};
  oa_intake asked = *intake;
  asked.thread = first_inlet(p) + at;
  asked.wait = &w.wait;
  const bool idle = due_ns(p, asked.thread) == UINT64_MAX;
  oa_pipeline_take(p, &asked, out);
  if (out->waits) {
    /* To the writer at once, when it has nothing else to do. */
    oa_pipeline_wake(p, asked.thread);
    while (!w.told) {
      uv_cond_wait(&inlet->told, &inlet->lock);
    }
    if (w.failed) {
      snprintf(out->text, sizeof out->text, "cannot write: %s", w.why);
    }
  } else if (idle) {
    oa_writer_nudge(p->writer); /* it did not know of these rows' due time */
  }
  uv_mutex_unlock(&inlet->lock);
  *safe = !w.failed;
}
