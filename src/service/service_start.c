/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <unistd.h>

#include "base/log_limit.h"
#include "base/mem.h"
#include "otlp/schema.h"
#include "service/secure.h"
#include "service/service_impl.h"

/* Directory below output_dir and first word of file names. */
static const char prefix[] = "otlp";

enum {
  MAX_THREADS = 256,
  /* A program's threads wait for each other when more of them export at the
   * same moment; each costs the memory of a batch. */
  MAX_INLETS = 4,
  /* A request may take this part of the memory as it comes, and the columns of
   * one batch this part: so both fit at once, and others beside them. */
  MESSAGE_SHARE = 4,
  BATCH_SHARE = 2,
  /* A merged batch has a row for so many bytes of the memory: a quarter of it
   * or so, of usual rows. */
  MERGE_SHARE = 2048,
  /* The writer may well wait this long for a slow disk. */
  STUCK_MS = 60 * 1000,
};

unsigned oa_service_io_threads(const oa_config *config) {
  const uint64_t wanted =
      config->io_threads != 0 ? config->io_threads : uv_available_parallelism();
  if (!config->protobuf_enabled && !config->arrow_flight_enabled) {
    return 0;
  }
  return wanted < MAX_THREADS ? (unsigned)wanted : MAX_THREADS;
}

unsigned oa_service_inlets(const oa_config *config) {
  const unsigned wanted = uv_available_parallelism();
  if (!config->embedded) {
    return 0;
  }
  return wanted < MAX_INLETS ? wanted : MAX_INLETS;
}

static unsigned thread_count(const oa_config *config) {
  return oa_service_io_threads(config) + oa_service_inlets(config);
}

/* One request with its columns must fit beside what others have sent. */
static size_t largest_message(const oa_config *config) {
  const uint64_t most = config->memory_limit / MESSAGE_SHARE;
  return config->max_request_size < most ? config->max_request_size : most;
}

/* Rows of a large batch.  Merging holds one in several forms, outside of the
 * account; where memory_limit is small it makes smaller ones. */
static uint64_t merged_rows(const oa_config *config) {
  const uint64_t most = config->memory_limit / MERGE_SHARE;
  return config->batch_rows < most ? config->batch_rows : most;
}

static oa_status start_base(oa_service *service, const oa_config *config,
                            oa_error *error) {
  oa_buf root = {0};
  oa_status status = oa_config_copy(&service->config, config);
  oa_service_set_patience(service);
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
    status = oa_log_limit_new(&service->log.limit);
  }
  if (status == OA_OK) {
    service->has_lock = uv_mutex_init(&service->lock) == 0;
    service->has_end_lock = uv_mutex_init(&service->end_lock) == 0;
    status = service->has_lock && service->has_end_lock ? OA_OK : OA_ERR_NOMEM;
  }
  if (status != OA_OK) {
    return oa_error_set(error, status, "%s", oa_status_text(status));
  }
  oa_account_init(&service->account, config->memory_limit);
  service->stuck_ms = STUCK_MS;
  service->log.level = (oa_log_level)config->log_level;
  service->log.json = config->log_format != 0;
  service->log.fd = STDERR_FILENO;
  service->log.sink = config->log_sink;
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

static oa_coding codec_of(const oa_config *config) {
  switch ((oa_compression)config->compression) {
    case OA_COMPRESSION_NONE:
      return OA_CODING_NONE;
    case OA_COMPRESSION_LZ4:
      return OA_CODING_LZ4;
    case OA_COMPRESSION_ZSTD:
      break;
  }
  return OA_CODING_ZSTD;
}

void oa_service_store_rules(const oa_config *config, oa_store_rules *out) {
  *out = (oa_store_rules){
      .codec = codec_of(config),
      .level = (int)config->compression_level,
      .max_file_size = config->max_file_size,
      .max_file_age_ns = file_age(config),
      .max_total_size = config->max_total_size,
      .retention_ns = {[OA_TRACES] = config->trace_retention_ns,
                       [OA_METRICS] = config->metric_retention_ns,
                       [OA_LOGS] = config->log_retention_ns},
  };
}

static oa_status start_store(oa_service *service, oa_error *error) {
  const oa_config *config = &service->config;
  oa_store_rules rules;
  oa_service_store_rules(config, &rules);
  oa_store_stream streams[OA_SIGNAL_COUNT];
  for (int i = 0; i < OA_SIGNAL_COUNT; i++) {
    streams[i] = (oa_store_stream){.name = oa_signal_name((oa_signal)i),
                                   .schema = oa_otlp_schema((oa_signal)i),
                                   .retention_ns = rules.retention_ns[i]};
  }
  const oa_store_options options = {
      .lock_dir = config->output_dir,
      .root = service->root,
      .prefix = prefix,
      .extension = config->file_extension,
      .codec = rules.codec,
      .level = rules.level,
      .max_file_size = rules.max_file_size,
      .max_file_age_ns = rules.max_file_age_ns,
      .max_total_size = rules.max_total_size,
      /* What an exporter reads back soon had better be in the page cache. */
      .direct_io = config->direct_io && !config->has_exporter,
      .merge = config->merge,
      .merge_rows = (int64_t)merged_rows(config),
      .streams = streams,
      .stream_count = OA_SIGNAL_COUNT,
      .log = &service->log,
  };
  return oa_store_open(&service->store, &options, error);
}

static oa_status start_forward(oa_service *service, oa_error *error) {
  const oa_config *config = &service->config;
  oa_codec codec = config->exporter_codec;
  codec.content_type = config->exporter_type;
  const oa_forward_options options = {
      .root = service->root,
      .prefix = prefix,
      .extension = config->file_extension,
      .exporter = config->exporter,
      .codec = codec.encode != NULL ? &codec : NULL,
      .breaker = config->breaker,
      .circuit = {.failure_threshold = config->breaker_failures,
                  .success_threshold = config->breaker_successes,
                  .open_ms = config->breaker_open_ns / 1000000,
                  .max_probes = config->breaker_probes},
      .retry = {.initial_ns = config->retry_initial_ns,
                .max_ns = config->retry_max_ns,
                .max_elapsed_ns = config->retry_elapsed_ns},
      .account = &service->account,
      .log = &service->log,
  };
  return config->has_exporter ? oa_forward_start(&service->forward, &options,
                                                 service->store, error)
                              : OA_OK;
}

void oa_service_pipeline_limits(const oa_config *config,
                                oa_pipeline_options *out) {
  *out = (oa_pipeline_options){
      .write_interval_ns = config->write_interval_ns,
      .max_rows = {[OA_TRACES] = config->max_trace_rows,
                   [OA_METRICS] = config->max_metric_rows,
                   [OA_LOGS] = config->max_log_rows},
  };
}

static bool has_sink(const oa_service *service) {
  return service->config.sink.append != NULL;
}

static oa_status start_pipeline(oa_service *service, oa_error *error) {
  const oa_config *config = &service->config;
  const oa_pipeline_options options = {
      .keep = {.store = service->store,
               .sink = has_sink(service) ? &service->config.sink : NULL},
      .counters = &service->counters,
      .log = &service->log,
      .threads = thread_count(config),
      .inlets = oa_service_inlets(config),
      .batch_rows = (uint32_t)config->batch_rows,
      .write_interval_ns = config->write_interval_ns,
      .max_rows = {[OA_TRACES] = config->max_trace_rows,
                   [OA_METRICS] = config->max_metric_rows,
                   [OA_LOGS] = config->max_log_rows},
      .memory_limit = config->memory_limit,
      .limits = {.account = &service->account,
                 .max_memory = config->memory_limit / BATCH_SHARE,
                 .max_depth = (uint32_t)config->max_nesting,
                 .max_attributes = (uint32_t)config->max_attributes},
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
static oa_status start_receiver(oa_service *service, unsigned threads,
                                oa_error *error) {
  /* Dictionaries of OTAP streams may take a quarter of the memory. */
  enum { STREAM_SHARE = 4 };
  const oa_config *config = &service->config;
  const oa_status status = split(config->cors_allowed_origins,
                                 &service->origins, &service->origin_count);
  if (status != OA_OK) {
    return oa_error_set(error, status, "%s", oa_status_text(status));
  }
  if (largest_message(config) < config->max_request_size) {
    oa_log_line(&service->log, OA_LOG_WARN,
                "a quarter of memory_limit is less than "
                "protocols.max_request_size: requests of more than %zu bytes "
                "are refused",
                largest_message(config));
  }
  OA_TRY(oa_secure_load_tls(&service->tls, config, &service->log, error));
  OA_TRY(oa_auth_new(&service->auth, config, error));
  const oa_receiver_options options = {
      .pipeline = service->pipeline,
      .counters = &service->counters,
      .log = &service->log,
      .auth = service->auth,
      .codecs = &service->config.codecs,
      .cors_origins = (const char *const *)service->origins,
      .cors_origin_count = service->origin_count,
      .account = &service->account,
      .max_message = largest_message(config),
      .ack = (oa_ack)config->ack,
      .stream_budget = config->memory_limit / STREAM_SHARE / threads,
      .max_stream = config->max_stream_bytes,
      .threads = threads,
      .root = service->root,
      .extension = service->config.file_extension,
  };
  return oa_receiver_new(&service->receiver, &options, error);
}

static uint32_t milliseconds(uint64_t ns) {
  const uint64_t ms = ns / 1000000;
  return ms < UINT32_MAX ? (uint32_t)ms : UINT32_MAX;
}

static void set_limits(oa_server_options *options, const oa_config *config) {
  options->max_connections = config->max_connections;
  options->max_streams = (uint32_t)config->max_streams;
  options->max_header_bytes = config->max_header_bytes;
  options->handshake_timeout_ms = milliseconds(config->handshake_timeout_ns);
  options->idle_timeout_ms = milliseconds(config->idle_timeout_ns);
  options->body_timeout_ms = milliseconds(config->body_timeout_ns);
  options->min_body_rate = (uint32_t)config->min_body_rate;
  options->max_resets = (uint32_t)config->max_resets;
  options->max_control_frames = (uint32_t)config->max_control_frames;
}

static oa_status start_server(oa_service *service, unsigned threads,
                              oa_error *error) {
  const oa_config *config = &service->config;
  oa_server_options options;

  oa_server_options_init(&options);
  options.threads = threads;
  options.max_message = largest_message(config);
  options.account = &service->account;
  options.handler = &oa_receiver_handler;
  options.context = service->receiver;
  options.tls = service->tls;
  options.log = &service->log;
  /* Requests that come in fast may take an eighth of the memory; one of the
   * largest may come besides.  The account bounds all of them. */
  const uint64_t budget = config->memory_limit / 8 / threads;
  if (budget < options.body_budget) {
    options.body_budget = budget;
  }
  const uint64_t limit = largest_message(config) + options.body_budget;
  if (limit < options.body_limit) {
    options.body_limit = limit;
  }
  set_limits(&options, config);
  if (config->protobuf_enabled) {
    options.listeners[options.listener_count++] =
        (oa_listen){.address = config->bind_address,
                    .port = (uint16_t)config->protobuf_port,
                    .key = "protocols.protobuf_port",
                    .fd = config->sockets[OA_PORT_PROTOBUF]};
  }
  if (config->arrow_flight_enabled) {
    options.listeners[options.listener_count++] =
        (oa_listen){.address = config->bind_address,
                    .port = (uint16_t)config->arrow_flight_port,
                    .key = "protocols.arrow_flight_port",
                    .fd = config->sockets[OA_PORT_ARROW_FLIGHT]};
  }
  service->listener_count = options.listener_count;
  OA_TRY(oa_server_start(&service->server, &options, error));
  if (config->protobuf_enabled) {
    service->ports[OA_PORT_PROTOBUF] = oa_server_port(service->server, 0);
  }
  if (config->arrow_flight_enabled) {
    service->ports[OA_PORT_ARROW_FLIGHT] =
        oa_server_port(service->server, config->protobuf_enabled ? 1 : 0);
  }
  oa_pipeline_set_server(service->pipeline, service->server);
  return OA_OK;
}

/* Where each port is: as configured, or as the sockets that were given are. */
static oa_status find_addresses(oa_service *service, oa_error *error) {
  const oa_config *config = &service->config;
  for (size_t i = 0; i < OA_CONFIG_SOCKETS; i++) {
    uint16_t port;
    if (config->sockets[i] != 0 &&
        ((i == OA_PORT_PROTOBUF && !config->protobuf_enabled) ||
         (i == OA_PORT_ARROW_FLIGHT && !config->arrow_flight_enabled))) {
      return oa_error_set(error, OA_ERR_CONFIG,
                          "there is a socket for a port that is off; set "
                          "protocols.%s_enabled to true",
                          i == OA_PORT_PROTOBUF ? "protobuf" : "arrow_flight");
    }
    if (config->sockets[i] != 0) {
      OA_TRY(oa_socket_inspect(config->sockets[i], service->addresses[i], &port,
                               error));
      continue;
    }
    snprintf(service->addresses[i], sizeof service->addresses[i], "%s",
             i == OA_PORT_DASHBOARD ? config->dashboard_address
                                    : config->bind_address);
  }
  return OA_OK;
}

static oa_status start_admin(oa_service *service, oa_error *error) {
  const oa_admin_options options = {
      .address = service->config.dashboard_address,
      .port = (uint16_t)service->config.dashboard_port,
      .fd = service->config.sockets[OA_PORT_DASHBOARD],
      .about = "otlp-arrow " OA_VERSION
               "\n\n"
               "/health   200 when data is taken, 503 and why when not\n"
               "/readyz   the same\n"
               "/livez    200 while every thread gets on, 503 when one is "
               "stuck\n"
               "/metrics  OpenMetrics\n",
      .alive = oa_service_is_alive,
      .ready = oa_service_is_ready,
      .metrics = oa_service_write_metrics,
      .context = service,
  };
  return oa_admin_start(&service->admin, &options, error);
}

oa_status oa_service_start_parts(oa_service *service, const oa_config *config,
                                 oa_error *error) {
  OA_TRY(start_base(service, config, error));
  OA_TRY(find_addresses(service, error));
  /* Before the store, whose start takes long when a crash has left much to
   * mend: meanwhile there is somebody to say that the service is starting. */
  if (!config->embedded || config->dashboard_enabled) {
    OA_TRY(start_admin(service, error));
    service->ports[OA_PORT_DASHBOARD] = oa_admin_port(service->admin);
  }
  if (!has_sink(service)) {
    OA_TRY(start_store(service, error));
    OA_TRY(start_forward(service, error));
  }
  OA_TRY(start_pipeline(service, error));
  const unsigned threads = oa_service_io_threads(config);
  if (threads > 0) {
    OA_TRY(start_receiver(service, threads, error));
    OA_TRY(start_server(service, threads, error));
  }
  return OA_OK;
}
