/* SPDX-License-Identifier: Apache-2.0 */
#include "service/service.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <uv.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "net/server.h"
#include "otlp/schema.h"
#include "service/admin.h"
#include "service/counters.h"
#include "service/metrics_text.h"
#include "service/pipeline.h"
#include "service/receive.h"
#include "service/secure.h"
#include "service/start_line.h"
#include "store/store.h"

/* Directory below output_dir and first word of file names. */
static const char prefix[] = "otlp";

enum { MS = 1000000, MAX_THREADS = 256 };

typedef enum phase {
  STARTING,
  RUNNING,
  STOPPING, /* no new data, the parts are still there */
  STOPPED,  /* the parts may be gone */
} phase;

struct oa_service {
  oa_config config;
  oa_log log;
  uint64_t started_ns;
  char *root; /* {output_dir}/otlp */
  oa_counters counters;
  oa_store *store;
  oa_pipeline *pipeline;
  oa_auth *auth;       /* NULL = everybody may send */
  oa_tls_context *tls; /* NULL = in the clear */
  char **origins;      /* of pages that may send */
  size_t origin_count;
  oa_receiver *receiver;
  oa_server *server;
  size_t listener_count;
  oa_admin *admin;
  /* The admin's thread looks at the parts while the owner stops them.  LOCK is
   * held while it does, and while PHASE changes; nothing slow happens under
   * it. */
  uv_mutex_t lock;
  bool has_lock;
  phase phase;
  oa_metrics_snapshot last; /* what is told when STOPPED */
};

/* --- callbacks of the admin, on its thread --- */

static bool is_ready(void *context, char *why, size_t size) {
  oa_service *service = context;
  uv_mutex_lock(&service->lock);
  bool ready = service->phase == RUNNING;
  if (ready) {
    ready = oa_pipeline_ready(service->pipeline, why, size);
  } else {
    snprintf(why, size, "%s",
             service->phase == STARTING ? "starting" : "stopping");
  }
  uv_mutex_unlock(&service->lock);
  return ready;
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
  oa_store_get_stats(service->store, &last->store);
  oa_server_get_stats(service->server, &last->server);
  last->ready = service->phase == RUNNING &&
                oa_pipeline_ready(service->pipeline, why, sizeof why);
}

static oa_status write_metrics(void *context, oa_buf *out) {
  oa_service *service = context;
  uv_mutex_lock(&service->lock);
  if (service->phase == RUNNING || service->phase == STOPPING) {
    take_snapshot(service);
  }
  oa_metrics_snapshot snapshot = service->last;
  uv_mutex_unlock(&service->lock);

  snapshot.version = OA_VERSION;
  snapshot.uptime_ns = oa_clock_monotonic_ns() - service->started_ns;
  oa_process_get_stats(&snapshot.process);
  return oa_metrics_write(&snapshot, out);
}

/* Once STOPPED, the admin no longer looks at the parts. */
static void enter(oa_service *service, phase next) {
  uv_mutex_lock(&service->lock);
  if (next == STOPPED && service->phase == STOPPING) {
    take_snapshot(service);
  }
  service->phase = next;
  uv_mutex_unlock(&service->lock);
}

/* --- start, from the bottom up --- */

static unsigned thread_count(const oa_config *config) {
  const uint64_t wanted =
      config->io_threads != 0 ? config->io_threads : uv_available_parallelism();
  return wanted < MAX_THREADS ? (unsigned)wanted : MAX_THREADS;
}

static oa_status start_base(oa_service *service, const oa_config *config,
                            oa_error *error) {
  oa_buf root = {0};
  oa_status status = oa_config_copy(&service->config, config);
  if (status == OA_OK) {
    status = oa_buf_printf(&root, "%s/%s", config->output_dir, prefix);
  }
  if (status == OA_OK) {
    service->root = oa_strndup((const char *)root.data, root.len);
    status = service->root == NULL ? OA_ERR_NOMEM : OA_OK;
  }
  oa_buf_free(&root);
  if (status == OA_OK) {
    status = oa_counters_init(&service->counters, thread_count(config));
  }
  if (status == OA_OK) {
    service->has_lock = uv_mutex_init(&service->lock) == 0;
    status = service->has_lock ? OA_OK : OA_ERR_NOMEM;
  }
  if (status != OA_OK) {
    return oa_error_set(error, status, "%s", oa_status_text(status));
  }
  service->log = (oa_log){.level = (oa_log_level)config->log_level,
                          .json = config->log_format != 0,
                          .fd = 2};
  return OA_OK;
}

/* A file is removed as a whole, so when it spans a long time its first rows
 * outlive their age by that much.  A quarter bounds the error. */
static uint64_t file_age(const oa_config *config) {
  const uint64_t keep[] = {config->trace_retention_ns,
                           config->metric_retention_ns,
                           config->log_retention_ns};
  uint64_t age = config->max_file_age_ns;
  for (size_t i = 0; i < sizeof keep / sizeof keep[0]; i++) {
    if (keep[i] != 0 && keep[i] / 4 < age) {
      age = keep[i] / 4;
    }
  }
  return age;
}

static oa_codec codec_of(const oa_config *config) {
  switch ((oa_compression)config->compression) {
    case OA_COMPRESSION_NONE:
      return OA_CODEC_NONE;
    case OA_COMPRESSION_LZ4:
      return OA_CODEC_LZ4;
    case OA_COMPRESSION_ZSTD:
      break;
  }
  return OA_CODEC_ZSTD;
}

static oa_status start_store(oa_service *service, oa_error *error) {
  const oa_config *config = &service->config;
  const uint64_t keep[OA_SIGNAL_COUNT] = {
      [OA_TRACES] = config->trace_retention_ns,
      [OA_METRICS] = config->metric_retention_ns,
      [OA_LOGS] = config->log_retention_ns,
  };
  oa_store_stream streams[OA_SIGNAL_COUNT];
  for (int i = 0; i < OA_SIGNAL_COUNT; i++) {
    streams[i] = (oa_store_stream){.name = oa_signal_name((oa_signal)i),
                                   .schema = oa_otlp_schema((oa_signal)i),
                                   .retention_ns = keep[i]};
  }
  const oa_store_options options = {
      .lock_dir = config->output_dir,
      .root = service->root,
      .prefix = prefix,
      .extension = config->file_extension,
      .codec = codec_of(config),
      .level = (int)config->compression_level,
      .max_file_size = config->max_file_size,
      .max_file_age_ns = file_age(config),
      .max_total_size = config->max_total_size,
      .direct_io = config->direct_io,
      .streams = streams,
      .stream_count = OA_SIGNAL_COUNT,
      .log = &service->log,
  };
  return oa_store_open(&service->store, &options, error);
}

static oa_status start_pipeline(oa_service *service, oa_error *error) {
  const oa_config *config = &service->config;
  const oa_pipeline_options options = {
      .store = service->store,
      .counters = &service->counters,
      .log = &service->log,
      .threads = thread_count(config),
      .batch_rows = (uint32_t)config->batch_rows,
      .write_interval_ns = config->write_interval_ns,
      .max_rows = {[OA_TRACES] = config->max_trace_rows,
                   [OA_METRICS] = config->max_metric_rows,
                   [OA_LOGS] = config->max_log_rows},
      .memory_limit = config->memory_limit,
  };
  return oa_pipeline_new(&service->pipeline, &options, error);
}

/* Copies the items of a list of the configuration. */
static oa_status split(const char *list, char ***out, size_t *count) {
  const char *at = list;
  const char *item;
  size_t len;
  size_t items = 0;
  while (oa_config_list_next(&at, &item, &len)) {
    items++;
  }
  *out = oa_calloc(items + 1, sizeof **out);
  if (*out == NULL) {
    return OA_ERR_NOMEM;
  }
  at = list;
  for (*count = 0; oa_config_list_next(&at, &item, &len); (*count)++) {
    (*out)[*count] = oa_strndup(item, len);
    if ((*out)[*count] == NULL) {
      return OA_ERR_NOMEM;
    }
  }
  return OA_OK;
}

/* Who may send, and how what they send is understood. */
static oa_status start_receiver(oa_service *service, oa_error *error) {
  /* Dictionaries of OTAP streams may take a quarter of the memory. */
  enum { STREAM_SHARE = 4 };
  const oa_config *config = &service->config;
  const unsigned threads = thread_count(config);
  const oa_status status = split(config->cors_allowed_origins,
                                 &service->origins, &service->origin_count);
  if (status != OA_OK) {
    return oa_error_set(error, status, "%s", oa_status_text(status));
  }
  OA_TRY(oa_secure_load_tls(&service->tls, config, &service->log, error));
  OA_TRY(oa_auth_new(&service->auth, config, error));
  const oa_receiver_options options = {
      .pipeline = service->pipeline,
      .counters = &service->counters,
      .log = &service->log,
      .auth = service->auth,
      .cors_origins = (const char *const *)service->origins,
      .cors_origin_count = service->origin_count,
      .max_message = config->max_request_size,
      .stream_budget = config->memory_limit / STREAM_SHARE / threads,
      .threads = threads,
      .root = service->root,
      .extension = service->config.file_extension,
  };
  return oa_receiver_new(&service->receiver, &options, error);
}

static oa_status start_server(oa_service *service, oa_error *error) {
  const oa_config *config = &service->config;
  const unsigned threads = thread_count(config);
  oa_server_options options;

  oa_server_options_init(&options);
  options.threads = threads;
  options.max_message = config->max_request_size;
  options.handler = &oa_receiver_handler;
  options.context = service->receiver;
  options.tls = service->tls;
  options.log = &service->log;
  /* Requests under way may take half of the memory, what is buffered the
   * rest. */
  const uint64_t budget = config->memory_limit / 2 / threads;
  if (budget < options.body_budget) {
    options.body_budget = budget;
  }
  if (config->protobuf_enabled) {
    options.listeners[options.listener_count++] =
        (oa_listen){.address = config->bind_address,
                    .port = (uint16_t)config->protobuf_port};
  }
  if (config->arrow_flight_enabled) {
    options.listeners[options.listener_count++] =
        (oa_listen){.address = config->bind_address,
                    .port = (uint16_t)config->arrow_flight_port};
  }
  service->listener_count = options.listener_count;
  OA_TRY(oa_server_start(&service->server, &options, error));
  oa_pipeline_set_server(service->pipeline, service->server);
  return OA_OK;
}

static oa_status start_admin(oa_service *service, oa_error *error) {
  const oa_admin_options options = {
      .address = service->config.dashboard_address,
      .port = (uint16_t)service->config.dashboard_port,
      .about = "otlp-arrow " OA_VERSION
               "\n\n"
               "/health   200 when data is taken, 503 and why when not\n"
               "/readyz   the same\n"
               "/livez    200 while the process runs\n"
               "/metrics  OpenMetrics\n",
      .ready = is_ready,
      .metrics = write_metrics,
      .context = service,
  };
  return oa_admin_start(&service->admin, &options, error);
}

oa_status oa_service_open(oa_service **out, const oa_config *config,
                          oa_error *error) {
  oa_service *service = oa_calloc(1, sizeof *service);
  if (service == NULL) {
    return oa_error_set(error, OA_ERR_NOMEM, "%s",
                        oa_status_text(OA_ERR_NOMEM));
  }
  service->started_ns = oa_clock_monotonic_ns();

  oa_status status = start_base(service, config, error);
  if (status == OA_OK) {
    status = start_store(service, error);
  }
  if (status == OA_OK) {
    status = start_pipeline(service, error);
  }
  if (status == OA_OK) {
    status = start_receiver(service, error);
  }
  if (status == OA_OK) {
    status = start_server(service, error);
  }
  if (status == OA_OK) {
    status = start_admin(service, error);
  }
  if (status != OA_OK) {
    oa_service_close(service, NULL);
    return status;
  }
  enter(service, RUNNING);
  oa_secure_warn(&service->config, &service->log);
  oa_start_line_log(
      &(oa_start_line){.version = OA_VERSION,
                       .config = &service->config,
                       .server = service->server,
                       .listener_count = service->listener_count,
                       .admin_port = oa_admin_port(service->admin),
                       .root = service->root},
      &service->log);
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
static void note(oa_status *first, oa_status status, oa_error *error,
                 const oa_error *found) {
  if (*first == OA_OK && status != OA_OK) {
    *first = status;
    if (error != NULL) {
      *error = *found;
    }
  }
}

static oa_status renew_tls(oa_service *service, oa_error *error) {
  oa_tls_context *tls = NULL;
  if (service->tls == NULL) {
    return OA_OK;
  }
  OA_TRY(oa_secure_load_tls(&tls, &service->config, &service->log, error));
  oa_server_set_tls(service->server, tls);
  oa_tls_context_release(service->tls);
  service->tls = tls;
  oa_log_line(&service->log, OA_LOG_INFO,
              "reloaded: new connections get the certificate in %s",
              service->config.tls_cert_file);
  return OA_OK;
}

static oa_status renew_keys(oa_service *service, oa_error *error) {
  size_t count = 0;
  OA_TRY(oa_auth_reload(service->auth, &count, error));
  if (count > 0) {
    oa_log_line(&service->log, OA_LOG_INFO,
                "reloaded: %zu keys, with those in %s", count,
                service->config.auth_keys_file);
  }
  return OA_OK;
}

oa_status oa_service_renew(oa_service *service, oa_error *error) {
  oa_status first = OA_OK;
  oa_error found = {0};
  if (service->tls == NULL && service->config.auth_keys_file[0] == '\0') {
    oa_log_line(&service->log, OA_LOG_INFO,
                "nothing to reload: there are neither certificates nor a file "
                "of keys; other settings need a restart");
    return OA_OK;
  }
  oa_status status = renew_tls(service, &found);
  if (status != OA_OK) {
    oa_log_line(&service->log, OA_LOG_ERROR,
                "%s; the certificate that was there before stays", found.text);
  }
  note(&first, status, error, &found);
  status = renew_keys(service, &found);
  if (status != OA_OK) {
    oa_log_line(&service->log, OA_LOG_ERROR,
                "%s; the keys that were there before stay", found.text);
  }
  note(&first, status, error, &found);
  return first;
}

/* --- stop, from the top down --- */

oa_status oa_service_close(oa_service *service, oa_error *error) {
  oa_status first = OA_OK;
  oa_error found = {0};

  if (service->phase == RUNNING) {
    enter(service, STOPPING);
  }
  if (service->server != NULL) {
    oa_server_stop(service->server,
                   (uint32_t)(service->config.shutdown_timeout_ns / MS));
  }
  if (service->has_lock) {
    enter(service, STOPPED);
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
    note(&first, oa_pipeline_stop(service->pipeline, &found), error, &found);
  }
  note(&first, oa_store_close(service->store, &found), error, &found);
  oa_admin_stop(service->admin);
  if (service->has_lock) {
    uv_mutex_destroy(&service->lock);
  }
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
