/* SPDX-License-Identifier: Apache-2.0 */
#include "service/secure.h"

#include <string.h>
#include <sys/stat.h>

#include "config/config_value.h"
#include "receive/auth.h"

oa_status oa_secure_load_tls(oa_tls_context **out, const oa_config *config,
                             const oa_log *log, oa_error *error) {
  const oa_tls_files files = {.certificate = config->tls_cert_file,
                              .key = config->tls_key_file,
                              .client_ca = config->tls_client_ca_file[0] == '\0'
                                               ? NULL
                                               : config->tls_client_ca_file};
  oa_error warning = {0};

  if (config->tls_cert_file[0] == '\0') {
    *out = NULL;
    return OA_OK;
  }
  const oa_status status = oa_tls_context_new(out, &files, &warning, error);
  if (status != OA_OK) {
    oa_error_prefix(error, "protocols.tls");
    return status == OA_ERR_NOMEM ? status : OA_ERR_CONFIG;
  }
  if (warning.code != OA_OK) {
    oa_log_line(log, OA_LOG_WARN, "%s", warning.text);
  }
  return OA_OK;
}

oa_status oa_secure_check(const oa_config *config, oa_error *error) {
  oa_tls_context *tls = NULL;
  oa_auth *auth = NULL;
  OA_TRY(oa_secure_load_tls(&tls, config, NULL, error));
  oa_tls_context_release(tls);
  OA_TRY(oa_auth_new(&auth, config, error));
  oa_auth_free(auth);
  return OA_OK;
}

/* --- warnings --- */

static void warn_of_file(const char *path, const oa_log *log) {
  struct stat found;
  char shown[OA_SHOWN_PATH_SIZE];
  if (path[0] == '\0' || stat(path, &found) != 0 ||
      (found.st_mode & (S_IROTH | S_IWOTH)) == 0) {
    return;
  }
  oa_config_show_path(path, shown);
  oa_log_line(log, OA_LOG_WARN,
              "%s holds secrets, and every user of this machine can %s it; "
              "chmod 600 it",
              shown, (found.st_mode & S_IWOTH) != 0 ? "change" : "read");
}

static bool is_loopback(const char *address) {
  return strncmp(address, "127.", 4) == 0 || strcmp(address, "::1") == 0;
}

static void warn_of_ports(const oa_config *config, const oa_log *log) {
  const bool tls = config->tls_cert_file[0] != '\0';
  const bool keys =
      config->auth_type != OA_AUTH_NONE || config->authenticator.check != NULL;
  if (is_loopback(config->bind_address)) {
    return;
  }
  if (!keys && config->tls_client_ca_file[0] == '\0') {
    oa_log_line(log, OA_LOG_WARN,
                "everybody who reaches %s can send and read telemetry; set "
                "protocols.authentication%s, or protocols.tls.client_ca_file "
                "(see docs/security.md)",
                config->bind_address, tls ? "" : " and protocols.tls");
  } else if (!tls) {
    oa_log_line(log, OA_LOG_WARN,
                "the keys of senders cross the network to %s in the clear; set "
                "protocols.tls (see docs/security.md)",
                config->bind_address);
  }
}

void oa_secure_warn(const oa_config *config, const oa_log *log) {
  warn_of_file(config->tls_key_file, log);
  warn_of_file(config->auth_keys_file, log);
  warn_of_ports(config, log);
}
