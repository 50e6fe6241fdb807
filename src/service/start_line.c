/* SPDX-License-Identifier: Apache-2.0 */
#include "service/start_line.h"

#include <stdio.h>
#include <string.h>

#include "config/config_value.h"

enum { PART_SIZE = 300 };

/* "127.0.0.1:4317", or with brackets when the address is of version 6. */
static void put_address(char *line, size_t size, const char *before,
                        const char *address, uint16_t port) {
  const size_t used = strlen(line);
  const bool six = strchr(address, ':') != NULL;
  snprintf(line + used, size - used, "%s%s%s%s:%u", before, six ? "[" : "",
           address, six ? "]" : "", (unsigned)port);
}

static void put_retention(char *line, size_t size, const char *name,
                          uint64_t ns) {
  const size_t used = strlen(line);
  char text[OA_CONFIG_NUMBER_SIZE];
  oa_duration_text(ns, text);
  snprintf(line + used, size - used, ", %s %s", name,
           ns == 0 ? "for ever" : text);
}

/* "TLS with client certificates, bearer tokens" */
static void put_security(char *line, size_t size, const oa_config *config) {
  static const char *const types[] = {
      [OA_AUTH_NONE] = "no authentication",
      [OA_AUTH_API_KEY] = "API keys",
      [OA_AUTH_BEARER_TOKEN] = "bearer tokens",
      [OA_AUTH_BASIC] = "user and password",
  };
  const char *transport = config->tls_cert_file[0] == '\0' ? "cleartext"
                          : config->tls_client_ca_file[0] == '\0'
                              ? "TLS"
                              : "TLS with client certificates";
  snprintf(line, size, "%s, %s", transport,
           config->authenticator.check != NULL ? "own authentication"
                                               : types[config->auth_type]);
}

void oa_start_line_log(const oa_start_line *line, const oa_log *log) {
  static const char *const compressions[] = {"uncompressed", "lz4", "zstd"};
  static const char *const acks[] = {"memory", "write", "fsync"};
  const oa_config *config = line->config;
  char ports[PART_SIZE] = "";
  char admin[PART_SIZE / 3] = "";
  char kept[PART_SIZE / 3] = "";
  char security[PART_SIZE / 3] = "";

  for (size_t i = 0; i < OA_PORT_DASHBOARD; i++) {
    if (line->ports[i] != 0) {
      put_address(ports, sizeof ports,
                  ports[0] == '\0'
                      ? "OTLP/gRPC, OTLP/HTTP, OTAP and Arrow Flight on "
                      : " and ",
                  line->addresses[i], line->ports[i]);
    }
  }
  if (ports[0] == '\0') {
    snprintf(ports, sizeof ports, "for this program alone");
    snprintf(security, sizeof security, "no ports");
  } else {
    put_security(security, sizeof security, config);
  }
  if (line->ports[OA_PORT_DASHBOARD] != 0) {
    put_address(admin, sizeof admin, "health and metrics on http://",
                line->addresses[OA_PORT_DASHBOARD],
                line->ports[OA_PORT_DASHBOARD]);
  }
  put_retention(kept, sizeof kept, "traces", config->trace_retention_ns);
  put_retention(kept, sizeof kept, "metrics", config->metric_retention_ns);
  put_retention(kept, sizeof kept, "logs", config->log_retention_ns);
  oa_log_line(log, OA_LOG_INFO,
              "otlp-arrow %s ready: %s (%s), %s%sfiles in %s (%s%s), ack=%s",
              line->version, ports, security, admin,
              admin[0] == '\0' ? "" : ", ", line->root,
              compressions[config->compression], kept, acks[config->ack]);
}
