/* SPDX-License-Identifier: Apache-2.0 */
/* config.h - what the user asked for, as typed values.
 *
 * One table (config_table.c) knows every key: its YAML path, environment
 * variable, type, default, bounds and help.  Reading, checking and printing
 * all go by that table, so a new option is one row there and one field here.
 *
 * Sources have ranks: --set over environment over file over default, whatever
 * the order in which they are read.  A call that fails leaves the
 * configuration as it was.  One thread at a time.
 */
#ifndef OA_CONFIG_CONFIG_H
#define OA_CONFIG_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"
#include "config/config_codec.h"
#include "ingest/ack.h"
#include "otlp_arrow_extend.h"

typedef enum oa_compression {
  OA_COMPRESSION_NONE,
  OA_COMPRESSION_LZ4,
  OA_COMPRESSION_ZSTD,
} oa_compression;

typedef enum oa_auth_type {
  OA_AUTH_NONE,
  OA_AUTH_API_KEY,
  OA_AUTH_BEARER_TOKEN,
  OA_AUTH_BASIC,
} oa_auth_type;

/* In the order of their ranks. */
typedef enum oa_config_source {
  OA_CONFIG_DEFAULT,
  OA_CONFIG_FILE,
  OA_CONFIG_ENVIRONMENT,
  OA_CONFIG_SET,
} oa_config_source;

typedef struct oa_config_origin {
  oa_config_source source;
  unsigned line; /* of the value, with OA_CONFIG_FILE; from 1 */
  unsigned column;
} oa_config_origin;

enum { OA_CONFIG_MAX_KEYS = 96 };

/* The ports, as oa_listener of the public header numbers them. */
enum {
  OA_PORT_PROTOBUF,
  OA_PORT_ARROW_FLIGHT,
  OA_PORT_DASHBOARD,
  OA_CONFIG_SOCKETS
};

/* Strings are never NULL and belong to the configuration.  Enums and ports
 * are kept as uint64_t so that the table needs three kinds of storage only. */
typedef struct oa_config {
  char *output_dir;
  uint64_t write_interval_ns;
  uint64_t trace_retention_ns; /* 0 = for ever */
  uint64_t metric_retention_ns;
  uint64_t log_retention_ns;
  uint64_t max_trace_rows;
  uint64_t max_metric_rows;
  uint64_t max_log_rows;
  uint64_t ack; /* oa_ack */
  uint64_t memory_limit;
  char *bind_address;
  uint64_t shutdown_timeout_ns;
  uint64_t io_threads; /* 0 = one per CPU */

  uint64_t max_connections;
  uint64_t max_streams; /* of one connection */
  uint64_t max_header_bytes;
  uint64_t handshake_timeout_ns;
  uint64_t idle_timeout_ns;
  uint64_t body_timeout_ns;
  uint64_t min_body_rate; /* bytes a second; 0 = no bound */
  uint64_t max_resets;    /* a second, of one connection */
  uint64_t max_control_frames;
  uint64_t max_nesting;
  uint64_t max_attributes;
  uint64_t max_stream_bytes;

  bool embedded; /* for telemetry of the program itself: no port is a must */
  bool protobuf_enabled;
  uint64_t protobuf_port; /* 0 = any free one */
  bool arrow_flight_enabled;
  uint64_t arrow_flight_port;
  uint64_t max_request_size;
  char *cors_allowed_origins; /* see oa_config_list_next() */
  char *tls_cert_file;        /* "" = no TLS */
  char *tls_key_file;
  char *tls_client_ca_file;
  uint64_t auth_type; /* oa_auth_type */
  char *auth_keys_file;
  char *auth_key;
  char *auth_header_name;
  char *auth_token;
  char *auth_username;
  char *auth_password;

  uint64_t batch_rows;
  uint64_t compression;       /* oa_compression */
  uint64_t compression_level; /* 0 = the codec's own default */
  uint64_t max_file_size;
  uint64_t max_file_age_ns;
  uint64_t max_total_size; /* 0 = no bound */
  char *file_extension;
  bool direct_io;
  bool merge;

  uint64_t breaker_failures; /* in a row that open it */
  uint64_t breaker_successes;
  uint64_t breaker_open_ns;
  uint64_t breaker_probes; /* at once */
  uint64_t retry_initial_ns;
  uint64_t retry_max_ns;
  uint64_t retry_elapsed_ns; /* 0 = no end */

  bool dashboard_enabled;
  uint64_t dashboard_port;
  char *dashboard_address;

  uint64_t log_level; /* oa_log_level */
  uint64_t log_format;

  int sockets[OA_CONFIG_SOCKETS]; /* that listen already, by OA_PORT_...; 0 =
                                     none */
  oa_authenticator authenticator; /* in place of auth_...; check NULL = none */
  oa_sink sink;                   /* in place of files; append NULL = none */
  oa_config_codecs codecs;        /* of other forms than OTLP's own */
  oa_exporter exporter; /* of what is stored; has_exporter says whether there
                           is one; its codec is the next */
  bool has_exporter;
  oa_codec exporter_codec;                   /* encode NULL = none */
  char exporter_type[OA_CODEC_MAX_TYPE + 1]; /* its content type */
  oa_breaker breaker;   /* in place of breaker_...; allow NULL = none */
  oa_log_sink log_sink; /* in place of standard error; line NULL = none */

  char *file; /* the YAML file that was read; NULL = none */
  oa_config_origin origins[OA_CONFIG_MAX_KEYS]; /* by row of the table */
} oa_config;

/* Fills CONFIG with the defaults.  OA_ERR_NOMEM leaves nothing to free. */
oa_status oa_config_init(oa_config *config);

/* The same for a program that embeds the service: its ports are off. */
oa_status oa_config_init_embedded(oa_config *config);
void oa_config_reset(oa_config *config);

/* OUT is uninitialized memory; reset it when done. */
oa_status oa_config_copy(oa_config *out, const oa_config *config);

/* Reads one YAML file; a second one is refused.  OA_ERR_IO and
 * OA_ERR_NOT_FOUND when it cannot be read, OA_ERR_CONFIG with
 * file:line:column, key and what to do. */
oa_status oa_config_read_file(oa_config *config, const char *path,
                              oa_error *error);

/* The same for bytes in memory; NAME stands for the file in texts. */
oa_status oa_config_read_yaml(oa_config *config, const char *name,
                              const char *bytes, size_t len, oa_error *error);

/* Takes every OTLP_ variable of ENVIRONMENT (as `environ`, "NAME=value" and
 * NULL at the end).  A name that is not ours is OA_ERR_CONFIG, except those
 * that container platforms make up for a service called "otlp...". */
oa_status oa_config_read_env(oa_config *config, char *const *environment,
                             oa_error *error);

/* KEY is the dotted YAML path. */
oa_status oa_config_assign(oa_config *config, const char *key,
                           const char *value, oa_error *error);

/* What no single key can know: whether the values fit together. */
oa_status oa_config_verify(const oa_config *config, oa_error *error);

/* Takes the next item of LIST, a key's value of several texts with commas
 * between them, into *ITEM and *LEN; false at its end. */
bool oa_config_list_next(const char **list, const char **item, size_t *len);

/* Appends the effective configuration as YAML that oa_config_read_yaml()
 * takes, each value with its origin as a comment, secrets masked. */
oa_status oa_config_print_yaml(const oa_config *config, oa_buf *out);

/* Appends one paragraph a key: path, variable, default, bounds, help. */
oa_status oa_config_print_keys(oa_buf *out);

#endif
