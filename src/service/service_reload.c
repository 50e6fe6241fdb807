/* SPDX-License-Identifier: Apache-2.0 */
/* Changing a running service.  First all that can fail is made ready, then it
 * is put in force, so that a bad file changes nothing. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "config/config_change.h"
#include "service/secure.h"
#include "service/service_impl.h"

enum { LIST_SIZE = 768 };

/* Names of keys, with commas between them. */
typedef struct names {
  char text[LIST_SIZE];
  size_t len;
} names;

static void add_name(names *list, const char *name) {
  const int len =
      snprintf(list->text + list->len, sizeof list->text - list->len, "%s%s",
               list->len == 0 ? "" : ", ", name);
  if (len > 0 && (size_t)len < sizeof list->text - list->len) {
    list->len += (size_t)len;
  } else {
    /* Too many to name; the line says enough without the last ones. */
    list->text[list->len] = '\0';
  }
}

static bool begins(const char *text, const char *with) {
  return strncmp(text, with, strlen(with)) == 0;
}

/* --- what can be changed --- */

static bool keeps_tls(const oa_service *service, const oa_config *next) {
  return service->tls != NULL && next->tls_cert_file[0] != '\0';
}

static bool keeps_keys(const oa_service *service, const oa_config *next) {
  return service->auth != NULL && service->config.authenticator.check == NULL &&
         next->auth_type == service->config.auth_type;
}

static bool is_live(const oa_service *service, const oa_config *next,
                    const char *path) {
  static const char *const plain[] = {
      "write_interval_secs",
      "trace_cleanup_interval_secs",
      "metric_cleanup_interval_secs",
      "log_cleanup_interval_secs",
      "max_trace_buffer_size",
      "max_metric_buffer_size",
      "max_log_buffer_size",
      "shutdown_timeout",
      "storage.compression",
      "storage.compression_level",
      "storage.max_file_size",
      "storage.max_file_age",
      "storage.max_total_size",
      "log.level",
      "log.format",
  };
  static const char *const keys[] = {
      "protocols.authentication.keys_file",
      "protocols.authentication.credentials.key",
      "protocols.authentication.credentials.token",
      "protocols.authentication.credentials.username",
      "protocols.authentication.credentials.password",
  };
  for (size_t i = 0; i < sizeof plain / sizeof plain[0]; i++) {
    if (strcmp(path, plain[i]) == 0) {
      return true;
    }
  }
  for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
    if (strcmp(path, keys[i]) == 0) {
      return keeps_keys(service, next);
    }
  }
  return begins(path, "protocols.tls.") && keeps_tls(service, next);
}

/* --- putting it in force --- */

static bool secrets_differ(const oa_config *a, const oa_config *b) {
  return strcmp(a->auth_key, b->auth_key) != 0 ||
         strcmp(a->auth_token, b->auth_token) != 0 ||
         strcmp(a->auth_username, b->auth_username) != 0 ||
         strcmp(a->auth_password, b->auth_password) != 0 ||
         strcmp(a->auth_keys_file, b->auth_keys_file) != 0;
}

static oa_status renew_keys(oa_service *service, const oa_config *next,
                            oa_error *error) {
  size_t count = 0;
  if (!keeps_keys(service, next) || (next->auth_keys_file[0] == '\0' &&
                                     !secrets_differ(next, &service->config))) {
    return OA_OK;
  }
  OA_TRY(oa_auth_reload(service->auth, next, &count, error));
  oa_log_line(&service->log, OA_LOG_INFO, "reloaded: %zu keys%s%s", count,
              next->auth_keys_file[0] == '\0' ? "" : ", with those in ",
              next->auth_keys_file);
  return OA_OK;
}

static void renew_tls(oa_service *service, oa_tls_context *tls,
                      const char *path) {
  if (tls == NULL) {
    return;
  }
  oa_server_set_tls(service->server, tls);
  oa_tls_context_release(service->tls);
  service->tls = tls;
  oa_log_line(&service->log, OA_LOG_INFO,
              "reloaded: new connections get the certificate in %s", path);
}

/* Moves what may change from NEXT into the service's configuration. */
static void take_values(oa_service *service, oa_config *next) {
  names taken = {.len = 0};
  names later = {.len = 0};
  for (size_t i = 0; i < oa_config_key_count; i++) {
    const oa_config_key *key = &oa_config_keys[i];
    if (!oa_config_same(&service->config, next, key)) {
      add_name(is_live(service, next, key->path) ? &taken : &later, key->path);
    }
  }
  for (size_t i = 0; i < oa_config_key_count; i++) {
    const oa_config_key *key = &oa_config_keys[i];
    if (is_live(service, next, key->path)) {
      oa_config_exchange(&service->config, next, key);
    }
  }
  oa_service_set_patience(service);
  service->log.json = service->config.log_format != 0;
  /* Whoever sees lines of this level, before or after, sees these. */
  const oa_log_level level = (oa_log_level)service->config.log_level;
  if (level < service->log.level) {
    service->log.level = level;
  }
  if (taken.len > 0) {
    oa_log_line(&service->log, OA_LOG_INFO, "reloaded: %s", taken.text);
  }
  if (later.len > 0) {
    oa_log_line(&service->log, OA_LOG_WARN, "changed, but needs a restart: %s",
                later.text);
  }
  if (taken.len == 0 && later.len == 0) {
    oa_log_line(&service->log, OA_LOG_INFO, "reloaded: no setting has changed");
  }
  service->log.level = level;
}

static void tell_parts(oa_service *service) {
  oa_store_rules rules;
  oa_pipeline_options limits;
  oa_service_store_rules(&service->config, &rules);
  if (service->store != NULL) {
    oa_store_set_rules(service->store, &rules);
  }
  oa_service_pipeline_limits(&service->config, &limits);
  oa_pipeline_set_limits(service->pipeline, &limits);
}

static oa_status renew(oa_service *service, oa_config *next, oa_error *error) {
  oa_tls_context *tls = NULL;
  if (keeps_tls(service, next)) {
    OA_TRY(oa_secure_load_tls(&tls, next, &service->log, error));
  }
  const oa_status status = renew_keys(service, next, error);
  if (status != OA_OK) {
    oa_tls_context_release(tls);
    return status;
  }
  /* From here on nothing fails. */
  renew_tls(service, tls, next->tls_cert_file);
  take_values(service, next);
  tell_parts(service);
  return OA_OK;
}

static oa_status check_and_renew(oa_service *service, const oa_config *config,
                                 oa_error *error) {
  oa_config next;
  oa_error found = {0};
  oa_status status =
      oa_config_copy(&next, config == NULL ? &service->config : config);
  if (status != OA_OK) {
    oa_error_set(&found, status, "%s", oa_status_text(status));
  } else {
    status = oa_config_verify(&next, &found);
    if (status == OA_OK) {
      status = renew(service, &next, &found);
    }
    oa_config_reset(&next);
  }
  if (status != OA_OK) {
    oa_log_line(&service->log, OA_LOG_ERROR,
                "cannot reload: %s; nothing has changed", found.text);
    if (error != NULL) {
      *error = found;
    }
  }
  return status;
}

oa_status oa_service_renew(oa_service *service, const oa_config *config,
                           oa_error *error) {
  OA_TRY(oa_gate_enter(&service->gate, error));
  const oa_status status = check_and_renew(service, config, error);
  oa_gate_leave(&service->gate);
  return status;
}
