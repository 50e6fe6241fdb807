/* SPDX-License-Identifier: Apache-2.0 */
/* Do the values fit together?  What no single key can know. */
#include <stdio.h>
#include <string.h>

#include "config/config_table.h"
#include "config/config_value.h"
#include "net/http_field.h"

/* OA_ERR_CONFIG with KEY and the place where its value came from. */
static oa_status refuse(const oa_config *config, const char *path,
                        const char *what, oa_error *error) {
  const oa_config_key *key = oa_config_key_find(path, strlen(path));
  const oa_config_origin *origin = &config->origins[key - oa_config_keys];
  char name[OA_CONFIG_NAME_SIZE];

  oa_error_set(error, OA_ERR_CONFIG, "%s: %s", path, what);
  if (origin->source == OA_CONFIG_FILE) {
    oa_error_prefix(error, "%s:%u:%u", config->file, origin->line,
                    origin->column);
  } else if (origin->source == OA_CONFIG_ENVIRONMENT) {
    oa_config_key_env(key, name);
    oa_error_prefix(error, "%s", name);
  }
  return OA_ERR_CONFIG;
}

static oa_status check_ports(const oa_config *config, oa_error *error) {
  if (!config->embedded && !config->protobuf_enabled &&
      !config->arrow_flight_enabled) {
    return refuse(config, "protocols.protobuf_enabled",
                  "one of this and protocols.arrow_flight_enabled must be true",
                  error);
  }
  if (config->protobuf_enabled && config->arrow_flight_enabled &&
      config->protobuf_port != 0 &&
      config->protobuf_port == config->arrow_flight_port) {
    return refuse(config, "protocols.arrow_flight_port",
                  "is the same as protocols.protobuf_port", error);
  }
  /* 0 is any free port; and with different addresses both may have it. */
  if (config->dashboard_port == 0 ||
      strcmp(config->bind_address, config->dashboard_address) != 0) {
    return OA_OK;
  }
  if (config->protobuf_enabled &&
      config->dashboard_port == config->protobuf_port) {
    return refuse(config, "dashboard.port",
                  "is the same as protocols.protobuf_port", error);
  }
  if (config->arrow_flight_enabled &&
      config->dashboard_port == config->arrow_flight_port) {
    return refuse(config, "dashboard.port",
                  "is the same as protocols.arrow_flight_port", error);
  }
  return OA_OK;
}

/* --- TLS and origins --- */

static oa_status check_tls(const oa_config *config, oa_error *error) {
  const bool cert = config->tls_cert_file[0] != '\0';
  const bool key = config->tls_key_file[0] != '\0';
  if (cert && !key) {
    return refuse(config, "protocols.tls.cert_file",
                  "needs protocols.tls.key_file, the private key that belongs "
                  "to it",
                  error);
  }
  if (key && !cert) {
    return refuse(config, "protocols.tls.key_file",
                  "needs protocols.tls.cert_file, the certificate that belongs "
                  "to it",
                  error);
  }
  if (config->tls_client_ca_file[0] != '\0' && !cert) {
    return refuse(config, "protocols.tls.client_ca_file",
                  "needs protocols.tls.cert_file and protocols.tls.key_file: "
                  "only under TLS senders show certificates",
                  error);
  }
  return OA_OK;
}

/* "*", or scheme and host and perhaps port, as a browser sends it. */
static bool is_origin(const char *item, size_t len) {
  static const char mark[] = "://";
  if (len == 1 && item[0] == '*') {
    return true;
  }
  size_t stars = 0;
  size_t host = 0;
  for (size_t i = 0; i < len; i++) {
    stars += item[i] == '*' ? 1U : 0U;
    if (host == 0 && i + 3 < len && memcmp(item + i, mark, 3) == 0) {
      host = i + 3;
    }
    if (item[i] <= ' ' || (host > 0 && i >= host && item[i] == '/')) {
      return false;
    }
  }
  return host > 3 && stars <= 1;
}

static oa_status check_origins(const oa_config *config, oa_error *error) {
  const char *list = config->cors_allowed_origins;
  const char *item;
  size_t len;
  while (oa_config_list_next(&list, &item, &len)) {
    if (!is_origin(item, len)) {
      char shown[OA_SHOWN_SIZE];
      char what[2 * OA_SHOWN_SIZE + 64];
      oa_config_show(item, len, shown);
      snprintf(what, sizeof what,
               "\"%s\" is not an origin; write https://host or "
               "https://host:port, without a path",
               shown);
      return refuse(config, "protocols.cors_allowed_origins", what, error);
    }
  }
  return OA_OK;
}

/* --- authentication --- */

#define CREDENTIALS "protocols.authentication.credentials."

typedef struct credential {
  const char *path;
  const char *value;
  oa_auth_type type; /* that it is for */
} credential;

/* A credential for another type is a slip: its owner thinks that it counts. */
static oa_status check_strays(const oa_config *config,
                              const credential *credentials, size_t count,
                              oa_error *error) {
  static const char *const names[] = {"none", "api_key", "bearer_token",
                                      "basic"};
  char what[160];
  for (size_t i = 0; i < count; i++) {
    const credential *c = &credentials[i];
    if (c->value[0] != '\0' && c->type != (oa_auth_type)config->auth_type) {
      snprintf(what, sizeof what,
               "means nothing with protocols.authentication.auth_type %s; set "
               "that to %s, or remove this",
               names[config->auth_type], names[c->type]);
      return refuse(config, c->path, what, error);
    }
  }
  return OA_OK;
}

/* Whether there is a credential of the type at hand, or a file of keys. */
static oa_status check_present(const oa_config *config, oa_error *error) {
  const bool file = config->auth_keys_file[0] != '\0';
  const bool user = config->auth_username[0] != '\0';
  const bool password = config->auth_password[0] != '\0';
  static const char or_file[] =
      "must be set, or protocols.authentication.keys_file";
  switch ((oa_auth_type)config->auth_type) {
    case OA_AUTH_NONE:
      return file ? refuse(config, "protocols.authentication.keys_file",
                           "means nothing with "
                           "protocols.authentication.auth_type none; set that "
                           "to api_key, bearer_token or basic",
                           error)
                  : OA_OK;
    case OA_AUTH_API_KEY:
      return config->auth_key[0] != '\0' || file
                 ? OA_OK
                 : refuse(config, CREDENTIALS "key", or_file, error);
    case OA_AUTH_BEARER_TOKEN:
      return config->auth_token[0] != '\0' || file
                 ? OA_OK
                 : refuse(config, CREDENTIALS "token", or_file, error);
    case OA_AUTH_BASIC:
      break;
  }
  if (user != password) {
    return refuse(config,
                  user ? CREDENTIALS "password" : CREDENTIALS "username",
                  user ? "must be set: there is a username without a password"
                       : "must be set: there is a password without a username",
                  error);
  }
  return user || file ? OA_OK
                      : refuse(config, CREDENTIALS "username", or_file, error);
}

static oa_status check_authentication(const oa_config *config,
                                      oa_error *error) {
  const credential credentials[] = {
      {CREDENTIALS "key", config->auth_key, OA_AUTH_API_KEY},
      {CREDENTIALS "token", config->auth_token, OA_AUTH_BEARER_TOKEN},
      {CREDENTIALS "username", config->auth_username, OA_AUTH_BASIC},
      {CREDENTIALS "password", config->auth_password, OA_AUTH_BASIC},
  };
  const char *header = config->auth_header_name;
  OA_TRY(check_strays(config, credentials,
                      sizeof credentials / sizeof credentials[0], error));
  OA_TRY(check_present(config, error));
  if (config->auth_type != OA_AUTH_NONE &&
      config->authenticator.check != NULL) {
    return refuse(config, "protocols.authentication.auth_type",
                  "means nothing beside an authenticator of the program; "
                  "remove it",
                  error);
  }
  if (!oa_field_is_name_list(header, strlen(header)) ||
      strpbrk(header, ", \t") != NULL) {
    return refuse(config, CREDENTIALS "header_name",
                  "is not the name of a header field; letters, digits and - "
                  "make one",
                  error);
  }
  if (strchr(config->auth_username, ':') != NULL) {
    return refuse(config, CREDENTIALS "username",
                  "has a colon, which a user name of basic cannot have", error);
  }
  return OA_OK;
}

/* --- forwarding --- */

static oa_status check_forwarding(const oa_config *config, oa_error *error) {
  if (config->has_exporter && config->sink.append != NULL) {
    return oa_error_set(error, OA_ERR_CONFIG,
                        "there are an exporter and a sink of the program: an "
                        "exporter sends on what is in files, and with a sink "
                        "there are none; use one of them");
  }
  if (config->retry_initial_ns > config->retry_max_ns) {
    return refuse(config, "forwarding.retry.initial_interval",
                  "is more than forwarding.retry.max_interval", error);
  }
  return OA_OK;
}

/* --- sizes --- */

static oa_status check_sizes(const oa_config *config, oa_error *error) {
  char other[OA_CONFIG_NUMBER_SIZE];
  char what[160];
  if (config->max_request_size > config->memory_limit) {
    oa_size_text(config->memory_limit, other);
    snprintf(what, sizeof what,
             "is more than memory_limit, which is %s: no such request would "
             "ever fit; change one of them",
             other);
    return refuse(config, "protocols.max_request_size", what, error);
  }
  if (config->max_total_size != 0 &&
      config->max_total_size < config->max_file_size) {
    oa_size_text(config->max_file_size, other);
    snprintf(what, sizeof what,
             "is less than storage.max_file_size, which is %s: lower that too",
             other);
    return refuse(config, "storage.max_total_size", what, error);
  }
  return OA_OK;
}

/* --- all --- */

oa_status oa_config_verify(const oa_config *config, oa_error *error) {
  enum { HIGHEST_LZ4 = 12 };

  OA_TRY(check_ports(config, error));
  OA_TRY(check_tls(config, error));
  OA_TRY(check_origins(config, error));
  OA_TRY(check_authentication(config, error));
  OA_TRY(check_forwarding(config, error));
  OA_TRY(check_sizes(config, error));
  if (config->compression == OA_COMPRESSION_NONE &&
      config->compression_level != 0) {
    return refuse(config, "storage.compression_level",
                  "means nothing with storage.compression none; remove it",
                  error);
  }
  if (config->compression == OA_COMPRESSION_LZ4 &&
      config->compression_level > HIGHEST_LZ4) {
    return refuse(config, "storage.compression_level", "lz4 has 1 to 12",
                  error);
  }
  return OA_OK;
}
