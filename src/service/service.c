/* SPDX-License-Identifier: Apache-2.0 */
#include "service/service.h"

#include "base/clock.h"
#include "base/log_limit.h"
#include "base/mem.h"
#include "service/secure.h"
#include "service/service_impl.h"
#include "service/start_line.h"

enum { MS = 1000000 };

static void log_start(const oa_service *service) {
  const uint16_t ports[OA_CONFIG_SOCKETS] = {
      [OA_PORT_PROTOBUF] = oa_service_protobuf_port(service),
      [OA_PORT_ARROW_FLIGHT] = oa_service_arrow_flight_port(service),
      [OA_PORT_DASHBOARD] = oa_service_dashboard_port(service),
  };
  oa_start_line line = {
      .version = OA_VERSION, .config = &service->config, .root = service->root};
  for (size_t i = 0; i < OA_CONFIG_SOCKETS; i++) {
    line.addresses[i] = service->addresses[i];
    line.ports[i] = ports[i];
  }
  oa_start_line_log(&line, &service->log);
}

oa_status oa_service_open(oa_service **out, const oa_config *config,
                          oa_error *error) {
  oa_service *service = oa_calloc(1, sizeof *service);
  if (service == NULL) {
    return oa_error_set(error, OA_ERR_NOMEM, "%s",
                        oa_status_text(OA_ERR_NOMEM));
  }
  service->started_ns = oa_clock_monotonic_ns();

  const oa_status status = oa_service_start_parts(service, config, error);
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

uint16_t oa_service_protobuf_port(const oa_service *service) {
  return service->config.protobuf_enabled ? oa_server_port(service->server, 0)
                                          : 0;
}

uint16_t oa_service_arrow_flight_port(const oa_service *service) {
  const size_t index = service->config.protobuf_enabled ? 1 : 0;
  return service->config.arrow_flight_enabled
             ? oa_server_port(service->server, index)
             : 0;
}

uint16_t oa_service_dashboard_port(const oa_service *service) {
  return oa_admin_port(service->admin);
}

oa_status oa_service_drain(oa_service *service, uint32_t timeout_ms) {
  return oa_pipeline_flush(service->pipeline, timeout_ms);
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

oa_status oa_service_close(oa_service *service, oa_error *error) {
  oa_status first = OA_OK;
  oa_error found = {0};

  if (service->phase == OA_SERVICE_RUNNING) {
    oa_service_enter(service, OA_SERVICE_STOPPING);
    oa_pipeline_announce_end(service->pipeline);
  }
  if (service->server != NULL) {
    oa_server_stop(service->server,
                   (uint32_t)(service->config.shutdown_timeout_ns / MS));
  }
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
  if (service->pipeline != NULL) {
    oa_service_note(&first, oa_pipeline_stop(service->pipeline, &found), error,
                    &found);
  }
  oa_service_note(&first, oa_store_close(service->store, &found), error,
                  &found);
  oa_admin_stop(service->admin);
  if (service->has_lock) {
    uv_mutex_destroy(&service->lock);
  }
  oa_log_tick(&service->log, UINT64_MAX);
  oa_log_limit_free(service->log.limit);
  for (size_t i = 0; i < service->origin_count; i++) {
    oa_free(service->origins[i]);
  }
  oa_free(service->origins);
  oa_counters_reset(&service->counters);
  oa_config_reset(&service->config);
  oa_free(service->root);
  oa_free(service);
  return first;
}
