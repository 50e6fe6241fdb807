/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdio.h>

#include "base/clock.h"
#include "service/service_impl.h"

enum { MS = 1000000 };

bool oa_service_is_ready(void *context, char *why, size_t size) {
  oa_service *service = context;
  uv_mutex_lock(&service->lock);
  bool ready = service->phase == OA_SERVICE_RUNNING;
  if (ready) {
    ready = oa_pipeline_ready(service->pipeline, why, size);
  } else {
    snprintf(why, size, "%s",
             service->phase == OA_SERVICE_STARTING ? "starting" : "stopping");
  }
  uv_mutex_unlock(&service->lock);
  return ready;
}

oa_status oa_service_probe(oa_service *service, uint32_t silence_ms,
                           oa_error *error) {
  if (oa_gate_is_foreign(&service->gate)) {
    return oa_gate_enter(&service->gate, error);
  }
  uv_mutex_lock(&service->lock);
  const bool running = service->phase == OA_SERVICE_RUNNING;
  uv_mutex_unlock(&service->lock);
  const size_t threads = service->counters.count;
  const size_t io_threads = oa_service_io_threads(&service->config);
  for (size_t i = 0; running && i < threads; i++) {
    if (i >= io_threads && i < threads - 1) {
      continue; /* an inlet has no thread of its own */
    }
    const uint64_t ms = oa_counters_silence(&service->counters, i) / MS;
    if (ms <= silence_ms) {
      continue;
    }
    char which[32] = "the writer thread";
    if (i < threads - 1) {
      snprintf(which, sizeof which, "I/O thread %zu", i);
    }
    return oa_error_set(error, OA_ERR_BUSY,
                        "%s has stood still for %" PRIu64 " s", which,
                        ms / 1000);
  }
  return OA_OK;
}

bool oa_service_is_alive(void *context, char *why, size_t size) {
  oa_service *service = context;
  oa_error error = {0};
  if (oa_service_probe(service, service->stuck_ms, &error) == OA_OK) {
    return true;
  }
  snprintf(why, size, "%s", error.text);
  return false;
}

/* With the lock held and everything alive. */
static void take_snapshot(oa_service *service) {
  oa_metrics_snapshot *last = &service->last;
  char why[OA_ERROR_TEXT_SIZE];
  for (int i = 0; i < OA_SIGNAL_COUNT; i++) {
    oa_counters_sum(&service->counters, (oa_signal)i, &last->signals[i]);
  }
  oa_counters_sum_refused(&service->counters, last->refused);
  oa_pipeline_get_stats(service->pipeline, &last->pipeline);
  if (service->store != NULL) {
    oa_store_get_stats(service->store, &last->store);
  }
  if (service->server != NULL) {
    oa_server_get_stats(service->server, &last->server);
  }
  last->forwards = service->forward != NULL;
  if (last->forwards) {
    oa_forward_get_stats(service->forward, &last->forward);
  }
  last->ready = service->phase == OA_SERVICE_RUNNING &&
                oa_pipeline_ready(service->pipeline, why, sizeof why);
}

oa_status oa_service_write_metrics(void *context, oa_buf *out) {
  oa_service *service = context;
  uv_mutex_lock(&service->lock);
  if (service->phase == OA_SERVICE_RUNNING ||
      service->phase == OA_SERVICE_STOPPING) {
    take_snapshot(service);
  }
  oa_metrics_snapshot snapshot = service->last;
  uv_mutex_unlock(&service->lock);

  snapshot.version = OA_VERSION;
  snapshot.uptime_ns = oa_clock_monotonic_ns() - service->started_ns;
  oa_process_get_stats(&snapshot.process);
  return oa_metrics_write(&snapshot, out);
}

/* Requests that the threads [FROM, END) have taken. */
static uint64_t sum_requests(const oa_counters *counters, size_t from,
                             size_t end) {
  uint64_t sum = 0;
  for (size_t i = from; i < end; i++) {
    for (size_t signal = 0; signal < OA_SIGNAL_COUNT; signal++) {
      sum += atomic_load_explicit(&counters->blocks[i].signals[signal].requests,
                                  memory_order_acquire);
    }
  }
  return sum;
}

oa_status oa_service_sum(oa_service *service, oa_service_sums *out,
                         oa_error *error) {
  if (oa_gate_is_foreign(&service->gate)) {
    return oa_gate_enter(&service->gate, error);
  }
  oa_pipeline_stats stats = {0};
  uv_mutex_lock(&service->lock);
  if (service->phase == OA_SERVICE_RUNNING ||
      service->phase == OA_SERVICE_STOPPING) {
    oa_pipeline_get_stats(service->pipeline, &stats);
  }
  uv_mutex_unlock(&service->lock);
  for (int i = 0; i < OA_SIGNAL_COUNT; i++) {
    oa_counters_sum(&service->counters, (oa_signal)i, &out->signals[i]);
  }
  out->forward = (oa_forward_stats){.failures = 0};
  if (service->forward != NULL) {
    oa_forward_get_stats(service->forward, &out->forward);
  }
  out->bytes_buffered = stats.bytes_buffered;
  out->memory_used = oa_account_used(&service->account);
  const size_t io_threads = oa_service_io_threads(&service->config);
  out->port_requests = sum_requests(&service->counters, 0, io_threads);
  /* The last block is the writer's. */
  out->own_requests =
      sum_requests(&service->counters, io_threads, service->counters.count - 1);
  return OA_OK;
}

/* Once STOPPED, the admin no longer looks at the parts. */
void oa_service_enter(oa_service *service, oa_service_phase next) {
  uv_mutex_lock(&service->lock);
  if (next == OA_SERVICE_STOPPED && service->phase == OA_SERVICE_STOPPING) {
    take_snapshot(service);
  }
  service->phase = next;
  uv_mutex_unlock(&service->lock);
}
