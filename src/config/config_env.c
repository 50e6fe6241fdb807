/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "config/config_table.h"
#include "config/config_value.h"

static const char prefix[] = "OTLP_";

static bool ends_with(const char *name, size_t len, const char *end) {
  const size_t n = strlen(end);
  return len >= n && memcmp(name + len - n, end, n) == 0;
}

static bool contains(const char *name, size_t len, const char *part) {
  const size_t n = strlen(part);
  for (size_t i = 0; i + n <= len; i++) {
    if (memcmp(name + i, part, n) == 0) {
      return true;
    }
  }
  return false;
}

/* Kubernetes and container links describe each service of the neighborhood in
 * the environment: one called "otlp" gives OTLP_SERVICE_HOST,
 * OTLP_PORT_4317_TCP_ADDR, OTLP_PORT=tcp://10.0.0.1:4317 and others (see
 * "Discovering services" in the Kubernetes documentation).  Nobody meant us. */
static bool made_by_platform(const char *name, size_t len, const char *value) {
  return ends_with(name, len, "_SERVICE_HOST") ||
         ends_with(name, len, "_SERVICE_PORT") ||
         contains(name, len, "_SERVICE_PORT_") ||
         (contains(name, len, "_PORT_") &&
          (contains(name, len, "_TCP") || contains(name, len, "_UDP"))) ||
         (ends_with(name, len, "_PORT") && strstr(value, "://") != NULL);
}

static const oa_config_key *find(const char *name, size_t len) {
  for (size_t i = 0; i < oa_config_key_count; i++) {
    char env[OA_CONFIG_NAME_SIZE];
    oa_config_key_env(&oa_config_keys[i], env);
    if (strlen(env) == len && memcmp(env, name, len) == 0) {
      return &oa_config_keys[i];
    }
  }
  return NULL;
}

static oa_status refuse(const char *name, size_t len, oa_error *error) {
  char shown[OA_SHOWN_SIZE];
  char near[OA_CONFIG_NAME_SIZE];

  oa_config_show(name, len, shown);
  if (oa_config_suggest_env(shown, near)) {
    return oa_error_set(error, OA_ERR_CONFIG,
                        "%s: unknown environment variable; did you mean %s?",
                        shown, near);
  }
  return oa_error_set(error, OA_ERR_CONFIG,
                      "%s: unknown environment variable; names that begin "
                      "with OTLP_ are settings of this program, so unset it",
                      shown);
}

static oa_status take(oa_config *config, const char *name, size_t len,
                      const char *value, oa_error *error) {
  const oa_config_origin origin = {.source = OA_CONFIG_ENVIRONMENT};
  const oa_config_key *key = find(name, len);
  if (key == NULL) {
    return made_by_platform(name, len, value) ? OA_OK
                                              : refuse(name, len, error);
  }
  oa_status status = oa_config_put(config, key, value, origin, error);
  if (status != OA_OK) {
    oa_error_prefix(error, "%.*s", (int)len, name);
  }
  return status;
}

oa_status oa_config_read_env(oa_config *config, char *const *environment,
                             oa_error *error) {
  oa_config copy;
  oa_status status = oa_config_copy(&copy, config);
  if (status != OA_OK) {
    return oa_error_set(error, status, "%s", oa_status_text(status));
  }
  for (; *environment != NULL && status == OA_OK; environment++) {
    const char *entry = *environment;
    const char *equals = strchr(entry, '=');
    if (equals != NULL && strncmp(entry, prefix, sizeof prefix - 1) == 0) {
      status = take(&copy, entry, (size_t)(equals - entry), equals + 1, error);
    }
  }
  if (status != OA_OK) {
    oa_config_reset(&copy);
    return status;
  }
  oa_config_reset(config);
  *config = copy;
  return OA_OK;
}
