/* SPDX-License-Identifier: Apache-2.0 */
#include "service/service.h"

#include <pthread.h>
#include <signal.h>

#include "base/clock.h"
#include "base/log_limit.h"
#include "base/mem.h"
#include "ingest/inlet.h"
#include "service/secure.h"
#include "service/service_impl.h"
#include "service/start_line.h"

enum { MS = 1000000 };

static void log_start(const oa_service *service) {
  oa_start_line line = {
      .version = OA_VERSION, .config = &service->config, .root = service->root};
  for (size_t i = 0; i < OA_CONFIG_SOCKETS; i++) {
    line.addresses[i] = service->addresses[i];
    line.ports[i] = service->ports[i];
  }
  oa_start_line_log(&line, &service->log);
}

/* Threads inherit what is blocked: the program's signals are for the program's
 * threads. */
static oa_status start_quietly(oa_service *service, const oa_config *config,
                               oa_error *error) {
  static const int faults[] = {SIGSEGV, SIGBUS,  SIGFPE,
                               SIGILL,  SIGABRT, SIGTRAP};
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  /* A thread's own faults cannot be another's. */
  for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++) {
    sigdelset(&all, faults[i]);
  }
  pthread_sigmask(SIG_BLOCK, &all, &before);
  const oa_status status = oa_service_start_parts(service, config, error);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  return status;
}

oa_status oa_service_open(oa_service **out, const oa_config *config,
                          oa_error *error) {
  oa_service *service = oa_calloc(1, sizeof *service);
  if (service == NULL) {
    return oa_error_set(error, OA_ERR_NOMEM, "%s",
                        oa_status_text(OA_ERR_NOMEM));
  }
  service->started_ns = oa_clock_monotonic_ns();
  oa_gate_open(&service->gate);

  const oa_status status = start_quietly(service, config, error);
  if (status != OA_OK) {
    oa_service_close(service, NULL);
    return status;
  }
  oa_service_enter(service, OA_SERVICE_RUNNING);
  oa_secure_warn(&service->config, &service->log);
  log_start(service);
  *out = service;
  return OA_OK;
}

/* --- in between --- */

uint16_t oa_service_port_at(const oa_service *service, size_t which) {
  return service->ports[which];
}

void oa_service_set_patience(oa_service *service) {
  service->patience_ms = (uint32_t)(service->config.shutdown_timeout_ns / MS);
}

uint32_t oa_service_patience(const oa_service *service) {
  return service->patience_ms;
}

oa_status oa_service_drain(oa_service *service, uint32_t timeout_ms,
                           oa_error *error) {
  OA_TRY(oa_gate_enter(&service->gate, error));
  const oa_status status = oa_pipeline_flush(service->pipeline, timeout_ms);
  oa_gate_leave(&service->gate);
  return status == OA_OK
             ? OA_OK
             : oa_error_set(error, status,
                            "not everything was written within %u ms",
                            timeout_ms);
}

oa_status oa_service_put(oa_service *service, oa_intake *intake, bool *safe,
                         oa_outcome *out, oa_error *error) {
  if (!service->config.embedded) {
    return oa_error_set(error, OA_ERR_CONFIG,
                        "the service takes nothing from inside the program: "
                        "make its configuration with "
                        "oa_config_new_embedded()");
  }
  OA_TRY(oa_gate_enter(&service->gate, error));
  intake->ack = (oa_ack)service->config.ack;
  oa_pipeline_put(service->pipeline, intake, safe, out);
  oa_gate_leave(&service->gate);
  return OA_OK;
}

/* Keeps the first failure. */
void oa_service_note(oa_status *first, oa_status status, oa_error *error,
                     const oa_error *found) {
  if (*first == OA_OK && status != OA_OK) {
    *first = status;
    if (error != NULL) {
      *error = *found;
    }
  }
}

/* --- stop, from the top down --- */

/* Has those leave who are inside.  What they brought is written first, as far
 * as that is possible in time. */
static void clear_gate(oa_service *service, uint32_t timeout_ms) {
  const uint64_t end = oa_clock_monotonic_ns() + (uint64_t)timeout_ms * MS;
  oa_status status = OA_OK;
  oa_gate_close(&service->gate);
  if (service->pipeline == NULL) {
    return;
  }
  /* Each round serves those who came in before the gate was closed and put
   * their rows behind the last round. */
  while (status == OA_OK && !oa_gate_is_empty(&service->gate)) {
    uv_sleep(1);
    const uint64_t now = oa_clock_monotonic_ns();
    const uint64_t left = now < end ? (end - now) / MS : 0;
    status = left == 0 ? OA_ERR_BUSY
                       : oa_pipeline_flush(service->pipeline, (uint32_t)left);
  }
  oa_pipeline_stop_inlets(service->pipeline);
  oa_gate_wait(&service->gate);
  /* Who waited for an inlet brought rows behind that. */
  oa_pipeline_stop_inlets(service->pipeline);
}

static void stop_server(oa_service *service, uint32_t timeout_ms) {
  if (service->server != NULL) {
    oa_server_stop(service->server, timeout_ms);
  }
  clear_gate(service, timeout_ms);
  if (service->has_lock) {
    oa_service_enter(service, OA_SERVICE_STOPPED);
  }
  if (service->pipeline != NULL) {
    oa_pipeline_set_server(service->pipeline, NULL);
  }
  if (service->server != NULL) {
    oa_server_free(service->server);
  }
  oa_receiver_free(service->receiver);
  oa_auth_free(service->auth);
  oa_tls_context_release(service->tls);
}

/* Sends on what is left, while the directory is still ours. */
static oa_status stop_forward(oa_service *service, uint64_t until_ns,
                              oa_error *error) {
  oa_status status = OA_OK;
  if (service->forward != NULL) {
    status = oa_store_seal(service->store, error);
    oa_forward_stop(service->forward, until_ns);
  }
  return status;
}

/* Tells the program's own parts that nobody calls them any more. */
static void close_own(oa_service *service) {
  const oa_exporter *exporter = &service->config.exporter;
  const oa_sink *sink = &service->config.sink;
  if (exporter->close != NULL) {
    exporter->close(exporter->context);
  }
  if (sink->close != NULL) {
    sink->close(sink->context);
  }
}

static oa_status stop_parts(oa_service *service, uint32_t timeout_ms,
                            oa_error *error) {
  const uint64_t until_ns = oa_clock_monotonic_ns() + (uint64_t)timeout_ms * MS;
  oa_status first = OA_OK;
  oa_error found = {0};
  const bool ran = service->phase == OA_SERVICE_RUNNING;
  if (ran) {
    oa_service_enter(service, OA_SERVICE_STOPPING);
    oa_pipeline_announce_end(service->pipeline);
  }
  stop_server(service, timeout_ms);
  if (service->pipeline != NULL) {
    oa_service_note(&first, oa_pipeline_stop(service->pipeline, &found), error,
                    &found);
  }
  oa_service_note(&first, stop_forward(service, until_ns, &found), error,
                  &found);
  oa_service_note(&first, oa_store_close(service->store, &found), error,
                  &found);
  if (ran) { /* after a start that failed they are still the program's */
    close_own(service);
  }
  oa_admin_stop(service->admin);
  oa_log_tick(&service->log, UINT64_MAX);
  return first;
}

oa_status oa_service_end(oa_service *service, uint32_t timeout_ms,
                         oa_error *error) {
  if (oa_gate_is_foreign(&service->gate)) {
    return oa_gate_enter(&service->gate, error);
  }
  uv_mutex_lock(&service->end_lock);
  if (!service->ended) {
    service->end_status = stop_parts(service, timeout_ms, &service->end_error);
    service->ended = true;
  }
  uv_mutex_unlock(&service->end_lock);
  if (service->end_status != OA_OK && error != NULL) {
    *error = service->end_error;
  }
  return service->end_status;
}

static void free_service(oa_service *service) {
  oa_forward_free(service->forward);
  if (service->has_lock) {
    uv_mutex_destroy(&service->lock);
  }
  if (service->has_end_lock) {
    uv_mutex_destroy(&service->end_lock);
  }
  oa_log_limit_free(service->log.limit);
  for (size_t i = 0; i < service->origin_count; i++) {
    oa_free(service->origins[i]);
  }
  oa_free(service->origins);
  oa_counters_reset(&service->counters);
  oa_config_reset(&service->config);
  oa_free(service->root);
  oa_free(service);
}

oa_status oa_service_close(oa_service *service, oa_error *error) {
  if (oa_gate_is_foreign(&service->gate)) {
    oa_store_disown(service->store);
    return OA_OK;
  }
  const oa_status status =
      service->has_end_lock
          ? oa_service_end(service, oa_service_patience(service), error)
          : stop_parts(service, 0, error);
  free_service(service);
  return status;
}
