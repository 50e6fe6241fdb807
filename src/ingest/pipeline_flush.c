/* SPDX-License-Identifier: Apache-2.0 */
/* Waiting until what was taken is in the files. */
#include "ingest/pipeline_flush.h"
#include "base/clock.h"
#include "ingest/pipeline_impl.h"

/* While a disk is slow, so often is looked whether the service ends. */
enum { NS_PER_MS = 1000000, POLL_MS = 5, LOOK_MS = 50 };

bool oa_pipeline_wake_thread(oa_pipeline *p, unsigned thread) {
  uv_mutex_lock(&p->server_lock);
  const bool served = p->server != NULL;
  if (served) {
    oa_server_wake(p->server, thread);
  }
  uv_mutex_unlock(&p->server_lock);
  return served;
}

void oa_pipeline_wake_all(oa_pipeline *p) {
  uv_mutex_lock(&p->server_lock);
  for (unsigned i = 0; p->server != NULL && !oa_pipeline_is_inlet(p, i); i++) {
    oa_server_wake(p->server, i);
  }
  uv_mutex_unlock(&p->server_lock);
  oa_pipeline_wake_inlets(p);
}

/* Rows of THREAD that wait for the next batch. */
static uint64_t rows_left(const oa_pipeline *p, unsigned thread) {
  const oa_pipeline_thread *t = &p->threads[thread];
  uint64_t rows = 0;
  for (size_t i = 0; i < OA_SIGNAL_COUNT; i++) {
    const oa_otlp_builder *builder = t->shards[i].builder;
    rows += oa_pipeline_lent_rows(t, (oa_signal)i);
    rows += builder == NULL ? 0 : (uint64_t)oa_otlp_builder_rows(builder);
  }
  return rows;
}

void oa_pipeline_obey_flush(oa_pipeline *p, unsigned thread) {
  oa_pipeline_thread *t = &p->threads[thread];
  const uint64_t asked = atomic_load(&p->flush);
  if (atomic_load(&t->flushed) < asked) {
    oa_pipeline_hand_over_all(p, thread);
    if (rows_left(p, thread) == 0) {
      atomic_store(&t->flushed, asked);
    }
  }
}

static bool has_server(oa_pipeline *p) {
  uv_mutex_lock(&p->server_lock);
  const bool has = p->server != NULL;
  uv_mutex_unlock(&p->server_lock);
  return has;
}

/* Without a server nobody's loop turns but for the inlets. */
static bool all_flushed(oa_pipeline *p, uint64_t number) {
  const bool served = has_server(p);
  for (unsigned i = 0; i < p->options.threads; i++) {
    if (!served && !oa_pipeline_is_inlet(p, i)) {
      continue;
    }
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
  oa_pipeline_wake_all(p);
  while (!all_flushed(p, number)) {
    if (oa_clock_monotonic_ns() >= end || atomic_load(&p->leave)) {
      return OA_ERR_BUSY;
    }
    uv_sleep(POLL_MS);
  }
  uint64_t submitted;
  uint64_t written;
  oa_writer_count(p->writer, &submitted, &written);
  oa_status status;
  do {
    const uint64_t now = oa_clock_monotonic_ns();
    const uint64_t left = now < end ? (end - now) / NS_PER_MS : 0;
    status = oa_writer_drain(p->writer, submitted,
                             left < LOOK_MS ? (uint32_t)left : LOOK_MS);
  } while (status == OA_ERR_BUSY && oa_clock_monotonic_ns() < end &&
           !atomic_load(&p->leave));
  return status;
}

/* --- without standing still --- */

void oa_pipeline_flush_begin(oa_pipeline *p, unsigned thread,
                             oa_flush_wait *wait) {
  oa_flush_wait **head = &p->threads[thread].waits;
  wait->number = atomic_fetch_add(&p->flush, 1) + 1;
  wait->handed_over = false;
  wait->next = *head;
  wait->link = head;
  if (wait->next != NULL) {
    wait->next->link = &wait->next;
  }
  *head = wait;
  oa_pipeline_wake_all(p);
}

void oa_pipeline_flush_forget(oa_flush_wait *wait) {
  if (wait->link == NULL) {
    return;
  }
  *wait->link = wait->next;
  if (wait->next != NULL) {
    wait->next->link = wait->link;
  }
  wait->link = NULL;
}

/* Whether all that WAIT waits for is in the files. */
static bool is_done(oa_pipeline *p, oa_flush_wait *wait) {
  if (!wait->handed_over && !all_flushed(p, wait->number)) {
    return false;
  }
  /* Only after that, so that what was handed over is counted. */
  uint64_t submitted;
  uint64_t written;
  oa_writer_count(p->writer, &submitted, &written);
  if (!wait->handed_over) {
    wait->handed_over = true;
    wait->batches = submitted;
  }
  return written >= wait->batches;
}

void oa_pipeline_tell_flushed(oa_pipeline *p, unsigned thread) {
  oa_flush_wait **at = &p->threads[thread].waits;
  while (*at != NULL) {
    oa_flush_wait *wait = *at;
    if (is_done(p, wait)) {
      oa_pipeline_flush_forget(wait);
      wait->done(wait);
      at = &p->threads[thread].waits; /* DONE may have changed the list */
    } else {
      at = &wait->next;
    }
  }
}
