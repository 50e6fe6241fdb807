/* SPDX-License-Identifier: Apache-2.0 */
#include "api/options.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "api/refuse.h"
#include "config/config.h"
#include "config/config_table.h"

#define FIELD(NAME) .offset = offsetof(oa_options, NAME)
#define TEXT(KEY, NAME) \
  { .key = (KEY), FIELD(NAME), .kind = OA_OPTION_TEXT }
#define COUNT(KEY, NAME) \
  { .key = (KEY), FIELD(NAME), .kind = OA_OPTION_COUNT }
#define MS(KEY, NAME) \
  { .key = (KEY), FIELD(NAME), .kind = OA_OPTION_MS }
#define SWITCH(KEY, NAME) \
  { .key = (KEY), FIELD(NAME), .kind = OA_OPTION_SWITCH }
#define CHOICE(KEY, NAME) \
  { .key = (KEY), FIELD(NAME), .kind = OA_OPTION_CHOICE }
/* The same where a constant stands for 0. */
#define OR_ZERO(KEY, NAME, KIND, ZERO)                           \
  {                                                              \
    .key = (KEY), FIELD(NAME), .kind = (KIND), .has_zero = true, \
    .zero = (uint64_t)(ZERO)                                     \
  }
#define PORT(KEY, NAME) OR_ZERO(KEY, NAME, OA_OPTION_INT, OA_ANY_PORT)
#define KEEP(KEY, NAME) OR_ZERO(KEY, NAME, OA_OPTION_MS, OA_FOREVER)

const oa_option oa_option_table[] = {
    TEXT("output_dir", output_dir),
    MS("write_interval_secs", write_interval_ms),
    KEEP("trace_cleanup_interval_secs", trace_cleanup_interval_ms),
    KEEP("metric_cleanup_interval_secs", metric_cleanup_interval_ms),
    KEEP("log_cleanup_interval_secs", log_cleanup_interval_ms),
    COUNT("max_trace_buffer_size", max_trace_buffer_size),
    COUNT("max_metric_buffer_size", max_metric_buffer_size),
    COUNT("max_log_buffer_size", max_log_buffer_size),
    COUNT("memory_limit", memory_limit),
    TEXT("bind_address", bind_address),
    OR_ZERO("shutdown_timeout", shutdown_timeout_ms, OA_OPTION_MS, OA_NO_WAIT),
    CHOICE("ack", ack),
    OR_ZERO("net.io_threads", net_io_threads, OA_OPTION_INT, OA_AUTO),

    COUNT("limits.connections", limits_connections),
    COUNT("limits.streams_per_connection", limits_streams_per_connection),
    COUNT("limits.header_bytes", limits_header_bytes),
    MS("limits.handshake_timeout", limits_handshake_timeout_ms),
    MS("limits.idle_timeout", limits_idle_timeout_ms),
    MS("limits.body_timeout", limits_body_timeout_ms),
    OR_ZERO("limits.body_rate", limits_body_rate, OA_OPTION_COUNT, OA_NO_LIMIT),
    COUNT("limits.resets_per_second", limits_resets_per_second),
    COUNT("limits.control_frames", limits_control_frames),
    COUNT("limits.nesting", limits_nesting),
    COUNT("limits.attributes_per_record", limits_attributes_per_record),
    COUNT("limits.stream_dictionary_bytes", limits_stream_dictionary_bytes),

    SWITCH("protocols.protobuf_enabled", protocols_protobuf_enabled),
    PORT("protocols.protobuf_port", protocols_protobuf_port),
    SWITCH("protocols.arrow_flight_enabled", protocols_arrow_flight_enabled),
    PORT("protocols.arrow_flight_port", protocols_arrow_flight_port),
    COUNT("protocols.max_request_size", protocols_max_request_size),
    TEXT("protocols.cors_allowed_origins", protocols_cors_allowed_origins),
    TEXT("protocols.tls.cert_file", protocols_tls_cert_file),
    TEXT("protocols.tls.key_file", protocols_tls_key_file),
    TEXT("protocols.tls.client_ca_file", protocols_tls_client_ca_file),
    TEXT("protocols.authentication.keys_file",
         protocols_authentication_keys_file),
    TEXT("protocols.authentication.credentials.key",
         protocols_authentication_credentials_key),
    TEXT("protocols.authentication.credentials.header_name",
         protocols_authentication_credentials_header_name),
    TEXT("protocols.authentication.credentials.token",
         protocols_authentication_credentials_token),
    TEXT("protocols.authentication.credentials.username",
         protocols_authentication_credentials_username),
    TEXT("protocols.authentication.credentials.password",
         protocols_authentication_credentials_password),
    CHOICE("protocols.authentication.auth_type",
           protocols_authentication_auth_type),

    OR_ZERO("storage.compression_level", storage_compression_level,
            OA_OPTION_INT, OA_AUTO),
    CHOICE("storage.compression", storage_compression),
    SWITCH("storage.direct_io", storage_direct_io),
    SWITCH("storage.merge", storage_merge),
    COUNT("storage.batch_rows", storage_batch_rows),
    COUNT("storage.max_file_size", storage_max_file_size),
    MS("storage.max_file_age", storage_max_file_age_ms),
    OR_ZERO("storage.max_total_size", storage_max_total_size, OA_OPTION_COUNT,
            OA_NO_LIMIT),
    TEXT("storage.file_extension", storage_file_extension),

    COUNT("forwarding.circuit_breaker.failure_threshold",
          forwarding_circuit_breaker_failure_threshold),
    COUNT("forwarding.circuit_breaker.success_threshold",
          forwarding_circuit_breaker_success_threshold),
    MS("forwarding.circuit_breaker.open_timeout",
       forwarding_circuit_breaker_open_timeout_ms),
    COUNT("forwarding.circuit_breaker.half_open_max_requests",
          forwarding_circuit_breaker_half_open_max_requests),
    MS("forwarding.retry.initial_interval",
       forwarding_retry_initial_interval_ms),
    MS("forwarding.retry.max_interval", forwarding_retry_max_interval_ms),
    KEEP("forwarding.retry.max_elapsed_time",
         forwarding_retry_max_elapsed_time_ms),

    SWITCH("dashboard.enabled", dashboard_enabled),
    PORT("dashboard.port", dashboard_port),
    TEXT("dashboard.bind_address", dashboard_bind_address),

    CHOICE("log.level", log_level),
    CHOICE("log.format", log_format),
};

const size_t oa_option_count =
    sizeof oa_option_table / sizeof oa_option_table[0];

_Static_assert(sizeof(oa_switch) == sizeof(int) &&
                   sizeof(oa_option_ack) == sizeof(int) &&
                   sizeof(oa_option_auth) == sizeof(int) &&
                   sizeof(oa_option_compression) == sizeof(int) &&
                   sizeof(oa_option_log_level) == sizeof(int) &&
                   sizeof(oa_option_log_format) == sizeof(int),
               "enums are read as int");
_Static_assert(sizeof(oa_options) < OA_OPTIONS_MAX_SIZE, "and far from it");

size_t oa_option_width(oa_option_kind kind) {
  switch (kind) {
    case OA_OPTION_TEXT:
      return sizeof(const char *);
    case OA_OPTION_COUNT:
    case OA_OPTION_MS:
      return sizeof(uint64_t);
    default:
      return sizeof(int);
  }
}

/* --- one field as the text of its key --- */

enum { NUMBER_SIZE = 32 };

/* The same number for all kinds; negative ones are large. */
static uint64_t number_of(const oa_options *options, const oa_option *option) {
  const char *at = (const char *)options + option->offset;
  uint64_t wide;
  int narrow;
  if (oa_option_width(option->kind) == sizeof wide) {
    memcpy(&wide, at, sizeof wide);
    return wide;
  }
  memcpy(&narrow, at, sizeof narrow);
  return (uint64_t)narrow;
}

/* NULL: VALUE is none of the choices. */
static const char *choice_text(const oa_option *option, uint64_t value) {
  const oa_config_key *key =
      oa_config_key_find(option->key, strlen(option->key));
  size_t count = 0;
  while (key->choices[count] != NULL) {
    count++;
  }
  return value <= count ? key->choices[value - 1] : NULL;
}

/* What VALUE, which is set, is in the words of the file.  NULL: nothing. */
static const char *number_text(const oa_option *option, uint64_t value,
                               char out[NUMBER_SIZE]) {
  if (option->has_zero && value == option->zero) {
    return "0";
  }
  switch (option->kind) {
    case OA_OPTION_CHOICE:
      return choice_text(option, value);
    case OA_OPTION_SWITCH:
      return value == OA_ON ? "true" : value == OA_OFF ? "false" : NULL;
    case OA_OPTION_INT:
      snprintf(out, NUMBER_SIZE, "%" PRId64, (int64_t)value);
      return out;
    case OA_OPTION_MS:
      snprintf(out, NUMBER_SIZE, "%" PRIu64 "ms", value);
      return out;
    default:
      snprintf(out, NUMBER_SIZE, "%" PRIu64, value);
      return out;
  }
}

static oa_status put_number(oa_config *config, const oa_options *options,
                            const oa_option *option, oa_error *error) {
  const uint64_t value = number_of(options, option);
  char buffer[NUMBER_SIZE];
  if (value == 0) {
    return OA_OK;
  }
  const char *text = number_text(option, value, buffer);
  if (text == NULL) {
    return oa_error_set(error, OA_ERR_CONFIG,
                        "%s: %" PRId64 " is no value of its enum", option->key,
                        (int64_t)value);
  }
  return oa_config_assign(config, option->key, text, error);
}

static oa_status put_text(oa_config *config, const oa_options *options,
                          const oa_option *option, oa_error *error) {
  const char *text;
  memcpy(&text, (const char *)options + option->offset, sizeof text);
  return text == NULL ? OA_OK
                      : oa_config_assign(config, option->key, text, error);
}

/* --- all of them --- */

/* Copies as much of OPTIONS as we know. */
static oa_status read_options(oa_options *out, const oa_options *options,
                              oa_error *error) {
  const size_t size = options->size;
  const uint8_t *bytes = (const uint8_t *)options;
  /* The size of a struct is a multiple of its alignment. */
  if (size < oa_option_table[0].offset + sizeof(const char *) ||
      size > OA_OPTIONS_MAX_SIZE || size % _Alignof(oa_options) != 0) {
    return oa_error_set(error, OA_ERR_CONFIG,
                        "options.size is %zu, not sizeof(oa_options)", size);
  }
  for (size_t i = sizeof *out; i < size; i++) {
    if (bytes[i] != 0) {
      return oa_error_set(error, OA_ERR_CONFIG,
                          "options has a value at byte %zu, which this "
                          "version of the library does not know",
                          i);
    }
  }
  *out = (oa_options){0};
  memcpy(out, options, size < sizeof *out ? size : sizeof *out);
  return OA_OK;
}

static oa_status put_all(oa_config *config, const oa_options *options,
                         oa_error *error) {
  for (size_t i = 0; i < oa_option_count; i++) {
    const oa_option *option = &oa_option_table[i];
    OA_TRY(option->kind == OA_OPTION_TEXT
               ? put_text(config, options, option, error)
               : put_number(config, options, option, error));
  }
  return OA_OK;
}

oa_status oa_config_set_options(oa_config *config, const oa_options *options,
                                oa_error *error) {
  oa_options known;
  oa_config changed;
  if (config == NULL || options == NULL) {
    return oa_refuse_null(error);
  }
  OA_TRY(read_options(&known, options, error));
  oa_status status = oa_config_copy(&changed, config);
  if (status != OA_OK) {
    return oa_error_set(error, status, "%s", oa_status_text(status));
  }
  status = put_all(&changed, &known, error);
  if (status != OA_OK) {
    oa_config_reset(&changed);
    return status;
  }
  oa_config_reset(config);
  *config = changed;
  return OA_OK;
}
