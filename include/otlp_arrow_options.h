/* SPDX-License-Identifier: Apache-2.0 */
/* otlp_arrow_options.h - the configuration as one struct: a field for each key
 * of the YAML file, with the types of C.
 *
 *   oa_options options = {.size = sizeof options};
 *   options.output_dir = "telemetry";
 *   options.ack = OA_OPTION_ACK_WRITE;
 *   options.write_interval_ms = 500;
 *   options.protocols_protobuf_enabled = OA_ON;
 *   options.protocols_protobuf_port = OA_ANY_PORT;
 *   oa_config_set_options(config, &options, &error);
 *
 * A field is called as its key, "_" standing for ".", and `_ms` says that it
 * counts milliseconds.  One that is 0 or NULL is not set: the default stays, or
 * what file or environment say.  Where a key may be 0 a constant below stands
 * for that; a text may be set to "".  Bounds and meanings are those of the
 * keys, which oa_config_describe() prints.
 *
 * Include <otlp_arrow.h>, which includes this.
 */
#ifndef OTLP_ARROW_OPTIONS_H
#define OTLP_ARROW_OPTIONS_H

#include <stddef.h>
#include <stdint.h>

#include "otlp_arrow_base.h"

#ifdef __cplusplus
extern "C" {
#endif

struct oa_config;

/* Values of fields that are no plain amounts; each field names its own. */
#define OA_FOREVER UINT64_MAX
#define OA_NO_LIMIT UINT64_MAX
#define OA_NO_WAIT (UINT64_MAX - 1)
enum { OA_AUTO = -1, OA_ANY_PORT = -1 };

typedef enum oa_switch {
  OA_DEFAULT, /* not set */
  OA_ON,
  OA_OFF
} oa_switch;

/* Of the choices, 0 is not set. */

typedef enum oa_option_ack {
  OA_OPTION_ACK_MEMORY = 1,
  OA_OPTION_ACK_WRITE,
  OA_OPTION_ACK_FSYNC
} oa_option_ack;

typedef enum oa_option_auth {
  OA_OPTION_AUTH_NONE = 1,
  OA_OPTION_AUTH_API_KEY,
  OA_OPTION_AUTH_BEARER_TOKEN,
  OA_OPTION_AUTH_BASIC
} oa_option_auth;

typedef enum oa_option_compression {
  OA_OPTION_COMPRESSION_NONE = 1,
  OA_OPTION_COMPRESSION_LZ4,
  OA_OPTION_COMPRESSION_ZSTD
} oa_option_compression;

typedef enum oa_option_log_level {
  OA_OPTION_LOG_LEVEL_DEBUG = 1,
  OA_OPTION_LOG_LEVEL_INFO,
  OA_OPTION_LOG_LEVEL_WARN,
  OA_OPTION_LOG_LEVEL_ERROR
} oa_option_log_level;

typedef enum oa_option_log_format {
  OA_OPTION_LOG_FORMAT_TEXT = 1,
  OA_OPTION_LOG_FORMAT_JSON
} oa_option_log_format;

/* Sizes are bytes. */
typedef struct oa_options {
  size_t size; /* sizeof, set by the caller */

  const char *output_dir;
  uint64_t write_interval_ms;
  uint64_t trace_cleanup_interval_ms; /* or OA_FOREVER */
  uint64_t metric_cleanup_interval_ms;
  uint64_t log_cleanup_interval_ms;
  uint64_t max_trace_buffer_size; /* spans */
  uint64_t max_metric_buffer_size;
  uint64_t max_log_buffer_size;
  uint64_t memory_limit;
  const char *bind_address;
  uint64_t shutdown_timeout_ms; /* or OA_NO_WAIT */
  oa_option_ack ack;
  int net_io_threads; /* or OA_AUTO: one per CPU */

  uint64_t limits_connections;
  uint64_t limits_streams_per_connection;
  uint64_t limits_header_bytes;
  uint64_t limits_handshake_timeout_ms;
  uint64_t limits_idle_timeout_ms;
  uint64_t limits_body_timeout_ms;
  uint64_t limits_body_rate; /* bytes a second, or OA_NO_LIMIT */
  uint64_t limits_resets_per_second;
  uint64_t limits_control_frames;
  uint64_t limits_nesting;
  uint64_t limits_attributes_per_record;
  uint64_t limits_stream_dictionary_bytes;

  oa_switch protocols_protobuf_enabled;
  int protocols_protobuf_port; /* or OA_ANY_PORT, as the other ports */
  oa_switch protocols_arrow_flight_enabled;
  int protocols_arrow_flight_port;
  uint64_t protocols_max_request_size;
  const char *protocols_cors_allowed_origins; /* with commas between them */
  const char *protocols_tls_cert_file;
  const char *protocols_tls_key_file;
  const char *protocols_tls_client_ca_file;
  const char *protocols_authentication_keys_file;
  const char *protocols_authentication_credentials_key;
  const char *protocols_authentication_credentials_header_name;
  const char *protocols_authentication_credentials_token;
  const char *protocols_authentication_credentials_username;
  const char *protocols_authentication_credentials_password;
  oa_option_auth protocols_authentication_auth_type;

  int storage_compression_level; /* or OA_AUTO: that of the compression */
  oa_option_compression storage_compression;
  oa_switch storage_direct_io;
  oa_switch storage_merge;
  uint64_t storage_batch_rows;
  uint64_t storage_max_file_size;
  uint64_t storage_max_file_age_ms;
  uint64_t storage_max_total_size; /* or OA_NO_LIMIT */
  const char *storage_file_extension;

  uint64_t forwarding_circuit_breaker_failure_threshold;
  uint64_t forwarding_circuit_breaker_success_threshold;
  uint64_t forwarding_circuit_breaker_open_timeout_ms;
  uint64_t forwarding_circuit_breaker_half_open_max_requests;
  uint64_t forwarding_retry_initial_interval_ms;
  uint64_t forwarding_retry_max_interval_ms;
  uint64_t forwarding_retry_max_elapsed_time_ms; /* or OA_FOREVER */

  oa_switch dashboard_enabled;
  int dashboard_port;
  const char *dashboard_bind_address;

  oa_option_log_level log_level;
  oa_option_log_format log_format;
} oa_options;

/* Sets every key whose field in OPTIONS is set, as oa_config_set() does, or
 * none of them.  OPTIONS->size may be that of an older version of the struct;
 * of a newer one, what is behind ours must be 0.  OA_ERR_CONFIG: ERROR names
 * the key whose value is wrong, or says that the size is; OA_ERR_NOMEM. */
OA_API oa_status oa_config_set_options(struct oa_config *config,
                                       const oa_options *options,
                                       oa_error *error);

#ifdef __cplusplus
}
#endif

#endif
