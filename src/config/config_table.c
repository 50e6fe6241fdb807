/* SPDX-License-Identifier: Apache-2.0 */
#include "config/config_table.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#define SECOND UINT64_C(1000000000)
#define HOUR (3600 * SECOND)
#define KIB UINT64_C(1024)
#define MIB (1024 * KIB)
#define GIB (1024 * MIB)

/* Far beyond any use, and far from where nanoseconds in 64 bits end. */
#define LONGEST (876000 * HOUR)
#define LARGEST OA_CONFIG_NO_BOUND

static const char *const acks[] = {"memory", "write", "fsync", NULL};
static const char *const compressions[] = {"none", "lz4", "zstd", NULL};
static const char *const levels[] = {"debug", "info", "warn", "error", NULL};
static const char *const formats[] = {"text", "json", NULL};
static const char *const frames[] = {"DENY", "SAMEORIGIN", NULL};
static const char *const protocols[] = {"protobuf", "arrow_flight",
                                        "http_protobuf", "otap", NULL};
static const char *const auth_types[] = {"none", "api_key", "bearer_token",
                                         "basic", NULL};

#define FIELD(NAME) .offset = offsetof(oa_config, NAME)
#define KEEP_HELP "remove files of this signal when older; 0 keeps them"
#define KEEP(PATH, NAME)                                                   \
  {                                                                        \
    .path = (PATH), .kind = OA_KIND_DURATION, FIELD(NAME), .def = "86400", \
    .min = 60 * SECOND, .max = LONGEST, .zero = true, .help = KEEP_HELP    \
  }
#define ROWS(PATH, NAME, WHAT)                                            \
  {                                                                       \
    .path = (PATH), .kind = OA_KIND_NUMBER, FIELD(NAME), .def = "262144", \
    .min = 1, .max = 16777216,                                            \
    .help = WHAT                                                          \
        " in memory at most; more are "                                   \
        "refused for a moment"                                            \
  }
#define PORT(PATH, ENV, NAME, DEF, HELP)                                    \
  {                                                                         \
    .path = (PATH), .env = (ENV), .kind = OA_KIND_PORT, FIELD(NAME),        \
    .def = (DEF), .min = 0, .max = 65535, .help = HELP "; 0 = any free one" \
  }
#define ABSENT(PATH, KIND, DEF, FEATURE, HELP)                            \
  {                                                                       \
    .path = (PATH), .kind = (KIND), .state = OA_KEY_ABSENT, .def = (DEF), \
    .max = 4096, .feature = (FEATURE), .help = (HELP)                     \
  }
#define ABSENT_CHOICE(PATH, DEF, CHOICES, FEATURE, HELP)                     \
  {                                                                          \
    .path = (PATH), .kind = OA_KIND_CHOICE, .state = OA_KEY_ABSENT,          \
    .def = (DEF), .choices = (CHOICES), .feature = (FEATURE), .help = (HELP) \
  }
#define SECRET(PATH, FEATURE, HELP)                                 \
  {                                                                 \
    .path = (PATH), .kind = OA_KIND_STRING, .state = OA_KEY_ABSENT, \
    .secret = true, .def = "", .max = 4096, .feature = (FEATURE),   \
    .help = (HELP)                                                  \
  }
/* A text that may be left out, for a feature that is here. */
#define TEXT(PATH, NAME, DEF, SECRET, HELP)                                  \
  {                                                                          \
    .path = (PATH), .kind = OA_KIND_STRING, .secret = (SECRET), FIELD(NAME), \
    .def = (DEF), .max = 4096, .help = (HELP)                                \
  }

const oa_config_key oa_config_keys[] = {
    {.path = "output_dir",
     .kind = OA_KIND_PATH,
     FIELD(output_dir),
     .def = "./output_dir",
     .min = 1,
     .max = 4096,
     .help = "where files are kept; one process owns it"},
    {.path = "write_interval_secs",
     .kind = OA_KIND_DURATION,
     FIELD(write_interval_ns),
     .def = "5",
     .min = SECOND / 1000,
     .max = HOUR,
     .help = "what has come in is in a file after at most this time"},
    KEEP("trace_cleanup_interval_secs", trace_retention_ns),
    KEEP("metric_cleanup_interval_secs", metric_retention_ns),
    KEEP("log_cleanup_interval_secs", log_retention_ns),
    ROWS("max_trace_buffer_size", max_trace_rows, "spans"),
    ROWS("max_metric_buffer_size", max_metric_rows, "data points"),
    ROWS("max_log_buffer_size", max_log_rows, "log records"),
    {.path = "ack",
     .kind = OA_KIND_CHOICE,
     FIELD(ack),
     .def = "memory",
     .choices = acks,
     .help = "when a sender gets its OK: once what it sent is in memory, in a "
             "file, or on the disk; a sender may ask for more"},
    {.path = "memory_limit",
     .kind = OA_KIND_SIZE,
     FIELD(memory_limit),
     .def = "256MiB",
     .min = 16 * MIB,
     .max = LARGEST,
     .help = "bytes of requests and buffered data at most"},
    {.path = "bind_address",
     .kind = OA_KIND_IP,
     FIELD(bind_address),
     .def = "127.0.0.1",
     .help = "where senders connect; 0.0.0.0 or \"::\" for every interface"},
    {.path = "shutdown_timeout",
     .kind = OA_KIND_DURATION,
     FIELD(shutdown_timeout_ns),
     .def = "10s",
     .max = HOUR,
     .help = "how long a stop waits for requests that are under way"},

    {.path = "net.io_threads",
     .kind = OA_KIND_NUMBER,
     FIELD(io_threads),
     .def = "0",
     .max = 256,
     .help = "threads that receive; 0 = one per CPU"},

    /* Why each is what it is stands with the constants of the same names. */
    {.path = "limits.connections",
     .kind = OA_KIND_NUMBER,
     FIELD(max_connections),
     .def = "10000",
     .min = 1,
     .max = 1000000,
     .help = "connections at once; further ones are closed"},
    {.path = "limits.streams_per_connection",
     .kind = OA_KIND_NUMBER,
     FIELD(max_streams),
     .def = "100",
     .min = 1,
     .max = 10000,
     .help = "requests at once on one HTTP/2 connection"},
    {.path = "limits.header_bytes",
     .kind = OA_KIND_SIZE,
     FIELD(max_header_bytes),
     .def = "16KiB",
     .min = 2 * KIB,
     .max = MIB,
     .help = "names and values of a request's headers together"},
    {.path = "limits.handshake_timeout",
     .kind = OA_KIND_DURATION,
     FIELD(handshake_timeout_ns),
     .def = "10s",
     .min = SECOND / 10,
     .max = HOUR,
     .help = "from a connection's beginning to its first request's head"},
    {.path = "limits.idle_timeout",
     .kind = OA_KIND_DURATION,
     FIELD(idle_timeout_ns),
     .def = "5m",
     .min = SECOND,
     .max = 24 * HOUR,
     .help = "a connection on which nothing happens is closed"},
    {.path = "limits.body_timeout",
     .kind = OA_KIND_DURATION,
     FIELD(body_timeout_ns),
     .def = "30s",
     .min = SECOND,
     .max = HOUR,
     .help = "from a request's head to its last byte, waiting for us apart"},
    {.path = "limits.body_rate",
     .kind = OA_KIND_SIZE,
     FIELD(min_body_rate),
     .def = "1KiB",
     .max = GIB,
     .zero = true,
     .help = "bytes a second that a body has to bring; 0 = no bound"},
    {.path = "limits.resets_per_second",
     .kind = OA_KIND_NUMBER,
     FIELD(max_resets),
     .def = "100",
     .min = 1,
     .max = 1000000,
     .help = "requests that one HTTP/2 connection may begin and cancel"},
    {.path = "limits.control_frames",
     .kind = OA_KIND_NUMBER,
     FIELD(max_control_frames),
     .def = "1000",
     .min = 10,
     .max = 1000000,
     .help = "answers to PING and SETTINGS that a connection leaves unread"},
    {.path = "limits.nesting",
     .kind = OA_KIND_NUMBER,
     FIELD(max_nesting),
     .def = "64",
     .min = 1,
     .max = 64,
     .help = "lists and maps inside each other in an attribute or a body; "
             "records with deeper ones are rejected"},
    {.path = "limits.attributes_per_record",
     .kind = OA_KIND_NUMBER,
     FIELD(max_attributes),
     .def = "65536",
     .min = 1,
     .max = 16777216,
     .help = "attributes of a span, data point or log record; records with "
             "more are rejected"},
    {.path = "limits.stream_dictionary_bytes",
     .kind = OA_KIND_SIZE,
     FIELD(max_stream_bytes),
     .def = "16MiB",
     .min = MIB,
     .max = GIB,
     .help = "what one OTAP or Flight stream may have the service remember"},

    {.path = "protocols.protobuf_enabled",
     .env = "OTLP_PROTOBUF_ENABLED",
     .kind = OA_KIND_BOOL,
     FIELD(protobuf_enabled),
     .def = "true",
     .help = "listen on protocols.protobuf_port"},
    PORT("protocols.protobuf_port", "OTLP_PROTOBUF_PORT", protobuf_port, "4317",
         "the first port for OTLP"),
    {.path = "protocols.arrow_flight_enabled",
     .env = "OTLP_ARROW_FLIGHT_ENABLED",
     .kind = OA_KIND_BOOL,
     FIELD(arrow_flight_enabled),
     .def = "true",
     .help = "listen on protocols.arrow_flight_port"},
    PORT("protocols.arrow_flight_port", "OTLP_ARROW_FLIGHT_PORT",
         arrow_flight_port, "4318", "the second port"),
    {.path = "protocols.max_request_size",
     .kind = OA_KIND_SIZE,
     FIELD(max_request_size),
     .def = "64MiB",
     .min = KIB,
     .max = GIB,
     .help = "bytes of one request at most, before and after decompression"},
    {.path = "protocols.cors_allowed_origins",
     .kind = OA_KIND_LIST,
     FIELD(cors_allowed_origins),
     .def = "",
     .max = 4096,
     .help = "origins whose pages may send from a browser, such as "
             "https://shop.example; \"*\" for all"},
    TEXT("protocols.tls.cert_file", tls_cert_file, "", false,
         "certificate chain (PEM); with it both ports speak TLS and nothing "
         "else"),
    TEXT("protocols.tls.key_file", tls_key_file, "", false,
         "private key (PEM) of the certificate"),
    TEXT("protocols.tls.client_ca_file", tls_client_ca_file, "", false,
         "CA (PEM) that the certificates of senders must come from; without "
         "it they need none"),
    {.path = "protocols.authentication.auth_type",
     .kind = OA_KIND_CHOICE,
     FIELD(auth_type),
     .def = "none",
     .choices = auth_types,
     .help = "how senders prove who they are, on every protocol alike"},
    TEXT("protocols.authentication.keys_file", auth_keys_file, "", false,
         "more keys, a line each: \"name: secret\" (basic: user and password)"),
    TEXT("protocols.authentication.credentials.key", auth_key, "", true,
         "key of api_key"),
    {.path = "protocols.authentication.credentials.header_name",
     .kind = OA_KIND_STRING,
     FIELD(auth_header_name),
     .def = "X-API-Key",
     .min = 1,
     .max = 100,
     .help = "header of api_key"},
    TEXT("protocols.authentication.credentials.token", auth_token, "", true,
         "token of bearer_token"),
    TEXT("protocols.authentication.credentials.username", auth_username, "",
         false, "user name of basic"),
    TEXT("protocols.authentication.credentials.password", auth_password, "",
         true, "password of basic"),

    {.path = "storage.batch_rows",
     .kind = OA_KIND_NUMBER,
     FIELD(batch_rows),
     .def = "32768",
     .min = 1,
     .max = 16777216,
     .help = "rows of one record batch at most"},
    {.path = "storage.compression",
     .kind = OA_KIND_CHOICE,
     FIELD(compression),
     .def = "zstd",
     .choices = compressions,
     .help = "of the buffers in the files; every Arrow reader knows all"},
    {.path = "storage.compression_level",
     .kind = OA_KIND_NUMBER,
     FIELD(compression_level),
     .def = "0",
     .max = 19,
     .help = "0 = the default of the compression"},
    {.path = "storage.max_file_size",
     .kind = OA_KIND_SIZE,
     FIELD(max_file_size),
     .def = "128MiB",
     .min = 64 * KIB,
     .max = LARGEST,
     .help = "a file that has this many bytes is ended"},
    {.path = "storage.max_file_age",
     .kind = OA_KIND_DURATION,
     FIELD(max_file_age_ns),
     .def = "1h",
     .min = SECOND,
     .max = LONGEST,
     .help = "and so is one that has been open for this long; never more "
             "than a quarter of the time that files are kept"},
    {.path = "storage.max_total_size",
     .kind = OA_KIND_SIZE,
     FIELD(max_total_size),
     .def = "0",
     .min = MIB,
     .max = LARGEST,
     .zero = true,
     .help = "bytes of all files, the oldest go first; 0 = no bound"},
    {.path = "storage.file_extension",
     .kind = OA_KIND_WORD,
     FIELD(file_extension),
     .def = "arrow",
     .min = 1,
     .max = 16,
     .help = "of the files' names, without the dot"},
    {.path = "storage.direct_io",
     .kind = OA_KIND_BOOL,
     FIELD(direct_io),
     .def = "true",
     .help = "write large batches past the page cache (O_DIRECT) where the "
             "file system can"},
    {.path = "storage.merge",
     .kind = OA_KIND_BOOL,
     FIELD(merge),
     .def = "true",
     .help = "write ended files of small batches again, in large ones"},
    ABSENT("storage.attributes_json", OA_KIND_BOOL, "false",
           "the JSON form of attributes", "attributes as JSON columns too"),
    ABSENT("storage.promote_attributes", OA_KIND_LIST, "",
           "promoting attributes", "attributes with columns of their own"),

    ABSENT("forwarding.enabled", OA_KIND_BOOL, "false", "forwarding",
           "send what comes in to another endpoint too"),
    ABSENT("forwarding.endpoint_url", OA_KIND_STRING, "", "forwarding",
           "where to send"),
    ABSENT_CHOICE("forwarding.protocol", "protobuf", protocols, "forwarding",
                  "how to send"),
    ABSENT_CHOICE("forwarding.authentication.auth_type", "none", auth_types,
                  "forwarding", "how we prove who we are"),
    SECRET("forwarding.authentication.credentials.key", "forwarding",
           "key of api_key"),
    ABSENT("forwarding.authentication.credentials.header_name", OA_KIND_STRING,
           "X-API-Key", "forwarding", "header of api_key"),
    SECRET("forwarding.authentication.credentials.token", "forwarding",
           "token of bearer_token"),
    ABSENT("forwarding.authentication.credentials.username", OA_KIND_STRING, "",
           "forwarding", "user name of basic"),
    SECRET("forwarding.authentication.credentials.password", "forwarding",
           "password of basic"),
    /* Of an exporter of the program; there is none by configuration yet. */
    {.path = "forwarding.circuit_breaker.failure_threshold",
     .kind = OA_KIND_NUMBER,
     FIELD(breaker_failures),
     .def = "5",
     .min = 1,
     .max = 1000000,
     .help = "failures in a row after which an endpoint is left in peace"},
    {.path = "forwarding.circuit_breaker.success_threshold",
     .kind = OA_KIND_NUMBER,
     FIELD(breaker_successes),
     .def = "1",
     .min = 1,
     .max = 1000000,
     .help = "successes in a row after which it is used as before"},
    {.path = "forwarding.circuit_breaker.open_timeout",
     .kind = OA_KIND_DURATION,
     FIELD(breaker_open_ns),
     .def = "30s",
     .min = SECOND / 1000,
     .max = LONGEST,
     .help = "how long it is left in peace"},
    {.path = "forwarding.circuit_breaker.half_open_max_requests",
     .kind = OA_KIND_NUMBER,
     FIELD(breaker_probes),
     .def = "1",
     .min = 1,
     .max = 1000000,
     .help = "requests at once that then try whether it works"},
    {.path = "forwarding.retry.initial_interval",
     .kind = OA_KIND_DURATION,
     FIELD(retry_initial_ns),
     .def = "1s",
     .min = SECOND / 1000,
     .max = LONGEST,
     .help = "wait before the first further attempt; doubles each time"},
    {.path = "forwarding.retry.max_interval",
     .kind = OA_KIND_DURATION,
     FIELD(retry_max_ns),
     .def = "30s",
     .min = SECOND / 1000,
     .max = LONGEST,
     .help = "longest wait between attempts"},
    {.path = "forwarding.retry.max_elapsed_time",
     .kind = OA_KIND_DURATION,
     FIELD(retry_elapsed_ns),
     .def = "0",
     .min = SECOND / 1000,
     .max = LONGEST,
     .zero = true,
     .help = "after so long rows are passed over; 0 = never"},

    {.path = "dashboard.enabled",
     .kind = OA_KIND_BOOL,
     FIELD(dashboard_enabled),
     .def = "true",
     .help = "health and metrics are served on dashboard.port either way"},
    PORT("dashboard.port", NULL, dashboard_port, "8080",
         "port of health and metrics"),
    {.path = "dashboard.bind_address",
     .kind = OA_KIND_IP,
     FIELD(dashboard_address),
     .def = "127.0.0.1",
     .help = "address of health and metrics"},
    ABSENT("dashboard.static_dir", OA_KIND_STRING, "",
           "a dashboard of your own", "directory of another page"),
    ABSENT_CHOICE("dashboard.x_frame_options", "DENY", frames,
                  "framing the dashboard", "who may show it in a frame"),

    {.path = "log.level",
     .kind = OA_KIND_CHOICE,
     FIELD(log_level),
     .def = "info",
     .choices = levels,
     .help = "lines below it are not written"},
    {.path = "log.format",
     .kind = OA_KIND_CHOICE,
     FIELD(log_format),
     .def = "text",
     .choices = formats,
     .help = "lines for people, or a JSON object each"},
};

const size_t oa_config_key_count =
    sizeof oa_config_keys / sizeof oa_config_keys[0];

_Static_assert(sizeof oa_config_keys / sizeof oa_config_keys[0] <=
                   OA_CONFIG_MAX_KEYS,
               "oa_config.origins has a place for each key");

const oa_config_key *oa_config_key_find(const char *path, size_t len) {
  for (size_t i = 0; i < oa_config_key_count; i++) {
    const char *known = oa_config_keys[i].path;
    if (strlen(known) == len && memcmp(known, path, len) == 0) {
      return &oa_config_keys[i];
    }
  }
  return NULL;
}

bool oa_config_is_section(const char *path, size_t len) {
  for (size_t i = 0; i < oa_config_key_count; i++) {
    const char *known = oa_config_keys[i].path;
    if (strlen(known) > len && memcmp(known, path, len) == 0 &&
        known[len] == '.') {
      return true;
    }
  }
  return false;
}

void oa_config_key_env(const oa_config_key *key,
                       char out[OA_CONFIG_NAME_SIZE]) {
  if (key->env != NULL) {
    snprintf(out, OA_CONFIG_NAME_SIZE, "%s", key->env);
    return;
  }
  snprintf(out, OA_CONFIG_NAME_SIZE, "OTLP_%s", key->path);
  for (char *at = out; *at != '\0'; at++) {
    *at = *at == '.' ? '_' : (char)toupper((unsigned char)*at);
  }
}
