/* SPDX-License-Identifier: Apache-2.0 */
/* The public configuration and service: checks what strangers pass in and
 * hands it on. */
#include "service/service.h"

#include "api/refuse.h"
#include "base/mem.h"
#include "config/config.h"
#include "net/inherit.h"
#include "otlp_arrow.h"
#include "service/secure.h"

extern char **environ;

const char *oa_version(void) {
  return OA_VERSION;
}

oa_status oa_set_allocator(const oa_allocator *allocator) {
  return oa_mem_set_allocator(allocator);
}

static oa_status make_config(oa_config **out, bool embedded, oa_error *error) {
  if (out == NULL) {
    return oa_refuse_null(error);
  }
  oa_config *config = oa_calloc(1, sizeof *config);
  oa_status status = config == NULL ? OA_ERR_NOMEM
                     : embedded     ? oa_config_init_embedded(config)
                                    : oa_config_init(config);
  if (status != OA_OK) {
    oa_free(config);
    return oa_error_set(error, status, "%s", oa_status_text(status));
  }
  *out = config;
  return OA_OK;
}

oa_status oa_config_new(oa_config **out, oa_error *error) {
  return make_config(out, false, error);
}

oa_status oa_config_new_embedded(oa_config **out, oa_error *error) {
  return make_config(out, true, error);
}

void oa_config_free(oa_config *config) {
  if (config != NULL) {
    oa_config_reset(config);
    oa_free(config);
  }
}

oa_status oa_config_load_file(oa_config *config, const char *path,
                              oa_error *error) {
  return config == NULL || path == NULL
             ? oa_refuse_null(error)
             : oa_config_read_file(config, path, error);
}

oa_status oa_config_load_env(oa_config *config, oa_error *error) {
  return config == NULL ? oa_refuse_null(error)
                        : oa_config_read_env(config, environ, error);
}

oa_status oa_config_set(oa_config *config, const char *key, const char *value,
                        oa_error *error) {
  return config == NULL || key == NULL || value == NULL
             ? oa_refuse_null(error)
             : oa_config_assign(config, key, value, error);
}

/* Hands TEXT to SINK when it could be made, and frees it. */
static oa_status deliver(oa_status status, oa_buf *text, oa_text_sink sink,
                         void *context) {
  if (status == OA_OK) {
    status = sink(context, (const char *)text->data, text->len);
  }
  oa_buf_free(text);
  return status;
}

oa_status oa_config_print(const oa_config *config, oa_text_sink sink,
                          void *context) {
  oa_buf text = {0};
  if (config == NULL || sink == NULL) {
    return OA_ERR_CONFIG;
  }
  return deliver(oa_config_print_yaml(config, &text), &text, sink, context);
}

oa_status oa_config_describe(oa_text_sink sink, void *context) {
  oa_buf text = {0};
  if (sink == NULL) {
    return OA_ERR_CONFIG;
  }
  return deliver(oa_config_print_keys(&text), &text, sink, context);
}

oa_status oa_config_set_socket(oa_config *config, oa_listener listener,
                               int socket, oa_error *error) {
  char address[OA_ADDRESS_SIZE];
  uint16_t port;
  if (config == NULL || (unsigned)listener >= OA_CONFIG_SOCKETS) {
    return oa_refuse_null(error);
  }
  OA_TRY(oa_socket_inspect(socket, address, &port, error));
  config->sockets[listener] = socket;
  return OA_OK;
}

oa_status oa_config_check(const oa_config *config, oa_error *error) {
  if (config == NULL) {
    return oa_refuse_null(error);
  }
  OA_TRY(oa_config_verify(config, error));
  return oa_secure_check(config, error);
}

oa_status oa_service_start(oa_service **out, const oa_config *config,
                           oa_error *error) {
  if (out == NULL || config == NULL) {
    return oa_refuse_null(error);
  }
  OA_TRY(oa_config_verify(config, error));
  return oa_service_open(out, config, error);
}

uint16_t oa_service_port(const oa_service *service, oa_listener listener) {
  if (service == NULL || (unsigned)listener >= OA_CONFIG_SOCKETS) {
    return 0;
  }
  return oa_service_port_at(service, (size_t)listener);
}

oa_status oa_service_flush(oa_service *service, uint32_t timeout_ms,
                           oa_error *error) {
  return service == NULL ? oa_refuse_null(error)
                         : oa_service_drain(service, timeout_ms, error);
}

oa_status oa_service_reload(oa_service *service, const oa_config *config,
                            oa_error *error) {
  return service == NULL ? oa_refuse_null(error)
                         : oa_service_renew(service, config, error);
}

oa_status oa_service_check(oa_service *service, uint32_t silence_ms,
                           oa_error *error) {
  return service == NULL ? oa_refuse_null(error)
                         : oa_service_probe(service, silence_ms, error);
}

oa_status oa_service_stop(oa_service *service, oa_error *error) {
  return service == NULL ? OA_OK : oa_service_close(service, error);
}
