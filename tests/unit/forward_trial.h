/* SPDX-License-Identifier: Apache-2.0 */
/* forward_trial.h - an exporter that writes down which rows it is given, and
 * fails when it is told to; spans that can be told apart by their start time.
 */
#ifndef OA_TESTS_UNIT_FORWARD_TRIAL_H
#define OA_TESTS_UNIT_FORWARD_TRIAL_H

#include <inttypes.h>
#include <stdatomic.h>

#include "export_trial.h"
#include "wait_for.h"

enum { DEPOT_SEEN = 1 << 20 };

typedef struct depot {
  pthread_mutex_t lock;
  int64_t *seen; /* start times of spans, in the order of their arrival */
  size_t count;
  size_t rows[OA_SIGNAL_COUNT];
  size_t calls;
  uint64_t first_call_ns;
  uint64_t last_call_ns;
  size_t most; /* rows of a call */
  /* What it says to the next FAILURES calls; below 0: to all. */
  oa_status answer;
  int64_t failures;
  uint32_t retry_after_ms;
  uint64_t delay_ms; /* of each call */
  int only;          /* the signal that fails; -1 = all */
  size_t closes;
} depot;

static inline void depot_init(depot *d) {
  *d = (depot){.only = -1};
  assert_int_equal(pthread_mutex_init(&d->lock, NULL), 0);
  d->seen = calloc(DEPOT_SEEN, sizeof *d->seen);
  assert_non_null(d->seen);
}

static inline void depot_free(depot *d) {
  free(d->seen);
  pthread_mutex_destroy(&d->lock);
}

/* What is to become of the next calls. */
static inline void depot_fail(depot *d, oa_status answer, int64_t failures) {
  pthread_mutex_lock(&d->lock);
  d->answer = answer;
  d->failures = failures;
  pthread_mutex_unlock(&d->lock);
}

static inline const struct ArrowArray *column_of(
    const struct ArrowSchema *schema, const struct ArrowArray *batch,
    const char *name) {
  for (int64_t i = 0; i < schema->n_children; i++) {
    if (strcmp(schema->children[i]->name, name) == 0) {
      return batch->children[i];
    }
  }
  return NULL;
}

/* With the lock held. */
static inline bool depot_fails(depot *d, oa_signal signal) {
  if (d->failures == 0 || (d->only >= 0 && d->only != (int)signal)) {
    return false;
  }
  d->failures -= d->failures > 0;
  return true;
}

static inline oa_status depot_deliver(void *context, oa_signal signal,
                                      const struct ArrowSchema *schema,
                                      const struct ArrowArray *batch,
                                      uint32_t *retry_after_ms,
                                      oa_error *error) {
  depot *d = context;
  const struct ArrowArray *times =
      column_of(schema, batch, "start_time_unix_nano");
  oa_status status = OA_OK;
  uv_sleep((unsigned)d->delay_ms);
  pthread_mutex_lock(&d->lock);
  d->last_call_ns = oa_clock_monotonic_ns();
  d->first_call_ns = d->calls == 0 ? d->last_call_ns : d->first_call_ns;
  d->calls++;
  d->most = (size_t)batch->length > d->most ? (size_t)batch->length : d->most;
  if (batch->length == 0) {
    status = OA_ERR_CONFIG;
  } else if (depot_fails(d, signal)) {
    status = d->answer;
    *retry_after_ms = d->retry_after_ms;
    snprintf(error->text, sizeof error->text, "the depot says no");
  } else {
    d->rows[signal] += (size_t)batch->length;
    for (int64_t i = 0; signal == OA_TRACES && i < batch->length; i++) {
      const int64_t *values = times->buffers[1];
      if (d->count < DEPOT_SEEN) {
        d->seen[d->count++] = values[batch->offset + times->offset + i];
      }
    }
  }
  pthread_mutex_unlock(&d->lock);
  return status;
}

static inline void depot_close(void *context) {
  depot *d = context;
  d->closes++;
}

static inline oa_exporter depot_exporter(depot *d) {
  return (oa_exporter){
      .context = d, .deliver = depot_deliver, .close = depot_close};
}

static inline size_t depot_rows(depot *d, oa_signal signal) {
  pthread_mutex_lock(&d->lock);
  const size_t rows = d->rows[signal];
  pthread_mutex_unlock(&d->lock);
  return rows;
}

static inline size_t depot_calls(depot *d) {
  pthread_mutex_lock(&d->lock);
  const size_t calls = d->calls;
  pthread_mutex_unlock(&d->lock);
  return calls;
}

/* Whether it has the spans FIRST to END - 1, each once and in order. */
static inline void assert_in_order(const depot *d, int64_t first, int64_t end) {
  assert_int_equal(d->count, end - first);
  for (int64_t i = first; i < end; i++) {
    assert_int_equal(d->seen[i - first], i);
  }
}

/* COUNT spans whose start times are FIRST and on. */
static inline void export_spans(oa_service *service, int64_t first,
                                size_t count) {
  oa_builder *builder;
  oa_error error = {0};
  assert_int_equal(oa_builder_new(&builder, OA_TRACES, &error), OA_OK);
  oa_build_resource(builder, NULL);
  oa_build_string(builder, OA_S("service.name"), OA_S("shop"));
  oa_build_scope(builder, NULL);
  for (size_t i = 0; i < count; i++) {
    const oa_span span = {.size = sizeof span,
                          .trace_id = {1},
                          .span_id = {1},
                          .name = OA_S("work"),
                          .start_time_unix_nano = (uint64_t)first + i,
                          .end_time_unix_nano = (uint64_t)first + i + 1};
    oa_build_span(builder, &span);
    oa_build_int(builder, OA_S("i"), (int64_t)i);
  }
  const oa_status status =
      oa_service_export_built(service, builder, NULL, &error);
  oa_builder_free(builder);
  if (status != OA_OK) {
    fail_msg("%s", error.text);
  }
}

/* A service with an exporter, that retries within milliseconds. */
static inline oa_config *forward_config(const char *directory, depot *d) {
  const oa_exporter exporter = depot_exporter(d);
  oa_config *config = embedded_config(directory);
  set(config, "ack", "write");
  set(config, "forwarding.retry.initial_interval", "5ms");
  set(config, "forwarding.retry.max_interval", "20ms");
  set(config, "forwarding.circuit_breaker.open_timeout", "20ms");
  assert_int_equal(oa_config_set_exporter(config, &exporter, NULL), OA_OK);
  return config;
}

static inline oa_service *start_forwarding(const char *directory, depot *d) {
  oa_config *config = forward_config(directory, d);
  oa_service *service = start(config);
  oa_config_free(config);
  return service;
}

#endif
