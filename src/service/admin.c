/* SPDX-License-Identifier: Apache-2.0 */
#include "service/admin.h"

#include <microhttpd.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "net/inherit.h"
#include "service/admin_socket.h"
#include "service/metrics_text.h"

enum {
  MAX_CONNECTIONS = 64,
  IDLE_SECONDS = 10,
  /* Of one connection, for everything: the request's line and headers and the
   * answer's.  A longer request is answered 414 or 431. */
  CONNECTION_MEMORY = 8 * 1024,
  /* The default of 8 MiB is address space only, but strict limits count it;
   * sanitizers multiply what a frame needs. */
  STACK_SIZE = 256 * 1024,
  WHY_SIZE = 256,
};

struct oa_admin {
  struct MHD_Daemon *daemon;
  oa_admin_options options;
  char *about;
  uint16_t port;
};

typedef struct answer {
  unsigned code;
  const char *type;
  oa_buf body;
} answer;

static const char text_plain[] = "text/plain; charset=utf-8";
static const char json[] = "application/json";

static void log_nothing(void *context, const char *format, va_list args) {
  /* libmicrohttpd would write to standard error what strangers send. */
  (void)context;
  (void)format;
  (void)args;
}

/* --- what to say --- */

static oa_status put_json_text(oa_buf *out, const char *text) {
  OA_TRY(oa_buf_put_byte(out, '"'));
  for (; *text != '\0'; text++) {
    const unsigned char c = (unsigned char)*text;
    if (c < 0x20) {
      OA_TRY(oa_buf_printf(out, "\\u%04x", c));
      continue;
    }
    if (c == '"' || c == '\\') {
      OA_TRY(oa_buf_put_byte(out, '\\'));
    }
    OA_TRY(oa_buf_put_byte(out, c));
  }
  return oa_buf_put_byte(out, '"');
}

/* REASON is NULL when all is well. */
static oa_status put_state(answer *a, bool as_json, const char *state,
                           const char *reason) {
  a->code = reason == NULL ? MHD_HTTP_OK : MHD_HTTP_SERVICE_UNAVAILABLE;
  a->type = as_json ? json : text_plain;
  if (!as_json) {
    return oa_buf_printf(&a->body, "%s%s%s\n", state,
                         reason == NULL ? "" : ": ",
                         reason == NULL ? "" : reason);
  }
  OA_TRY(oa_buf_printf(&a->body, "{\"status\":\"%s\"", state));
  if (reason != NULL) {
    OA_TRY(oa_buf_printf(&a->body, ",\"reason\":"));
    OA_TRY(put_json_text(&a->body, reason));
  }
  return oa_buf_printf(&a->body, "}\n");
}

static bool wants_json(struct MHD_Connection *connection) {
  const char *accept = MHD_lookup_connection_value(connection, MHD_HEADER_KIND,
                                                   MHD_HTTP_HEADER_ACCEPT);
  return accept != NULL && strstr(accept, json) != NULL;
}

static oa_status answer_path(oa_admin *admin, struct MHD_Connection *connection,
                             const char *path, answer *a) {
  const oa_admin_options *options = &admin->options;
  if (strcmp(path, "/metrics") == 0) {
    a->type = OA_METRICS_CONTENT_TYPE;
    return options->metrics(options->context, &a->body);
  }
  if (strcmp(path, "/livez") == 0) {
    char why[WHY_SIZE] = "";
    const bool alive = options->alive(options->context, why, sizeof why);
    return put_state(a, wants_json(connection), alive ? "alive" : "stuck",
                     alive ? NULL : why);
  }
  if (strcmp(path, "/readyz") == 0 || strcmp(path, "/health") == 0) {
    char why[WHY_SIZE] = "";
    const bool ready = options->ready(options->context, why, sizeof why);
    return put_state(a, wants_json(connection), ready ? "ready" : "not ready",
                     ready ? NULL : why);
  }
  if (strcmp(path, "/") == 0) {
    return oa_buf_printf(&a->body, "%s", admin->about);
  }
  a->code = MHD_HTTP_NOT_FOUND;
  return oa_buf_printf(&a->body,
                       "There is nothing here; this port serves /, /health, "
                       "/livez, /readyz and /metrics.\n");
}

/* --- how to say it --- */

static enum MHD_Result send_answer(struct MHD_Connection *connection,
                                   const answer *a) {
  static const char *const headers[][2] = {
      {"X-Content-Type-Options", "nosniff"},
      {"X-Frame-Options", "DENY"},
      {"Cache-Control", "no-store"},
      {"Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'"},
      {"Referrer-Policy", "no-referrer"},
  };
  /* Copied, since the buffer is from our allocator and would have to be freed
   * by it, not by free(). */
  struct MHD_Response *response = MHD_create_response_from_buffer(
      a->body.len, a->body.data, MHD_RESPMEM_MUST_COPY);
  if (response == NULL) {
    return MHD_NO;
  }
  enum MHD_Result result =
      MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, a->type);
  for (size_t i = 0; i < sizeof headers / sizeof headers[0]; i++) {
    if (result == MHD_YES) {
      result = MHD_add_response_header(response, headers[i][0], headers[i][1]);
    }
  }
  if (result == MHD_YES && a->code == MHD_HTTP_METHOD_NOT_ALLOWED) {
    result =
        MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, "GET, HEAD");
  }
  if (result == MHD_YES) {
    result = MHD_queue_response(connection, a->code, response);
  }
  MHD_destroy_response(response);
  return result;
}

/* No request that is served here has any business to carry a body. */
static bool has_body(struct MHD_Connection *connection) {
  const char *length = MHD_lookup_connection_value(
      connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_CONTENT_LENGTH);
  return (length != NULL && strcmp(length, "0") != 0) ||
         MHD_lookup_connection_value(connection, MHD_HEADER_KIND,
                                     MHD_HTTP_HEADER_TRANSFER_ENCODING) != NULL;
}

static oa_status make_answer(oa_admin *admin, struct MHD_Connection *connection,
                             const char *url, bool served, answer *a) {
  if (!served) {
    a->code = MHD_HTTP_METHOD_NOT_ALLOWED;
    return oa_buf_printf(&a->body, "Only GET and HEAD are served here.\n");
  }
  if (has_body(connection)) {
    a->code = MHD_HTTP_BAD_REQUEST;
    return oa_buf_printf(&a->body, "A request here has no body.\n");
  }
  return answer_path(admin, connection, url, a);
}

/* Called when the headers are in, and again when the request is.  An answer
 * at the first call ends the connection, which is right for what is refused;
 * others may send their next request on it. */
static enum MHD_Result handle(void *context, struct MHD_Connection *connection,
                              const char *url, const char *method,
                              const char *version, const char *upload_data,
                              size_t *upload_data_size, void **request) {
  oa_admin *admin = context;
  answer a = {.code = MHD_HTTP_OK, .type = text_plain};
  const bool served = strcmp(method, MHD_HTTP_METHOD_GET) == 0 ||
                      strcmp(method, MHD_HTTP_METHOD_HEAD) == 0;
  (void)version;
  (void)upload_data;
  (void)upload_data_size;

  if (*request == NULL && served && !has_body(connection)) {
    *request = admin; /* any mark will do */
    return MHD_YES;
  }
  enum MHD_Result result = MHD_NO;
  if (make_answer(admin, connection, url, served, &a) == OA_OK) {
    result = send_answer(connection, &a);
  }
  oa_buf_free(&a.body);
  return result;
}

/* --- life --- */

/* Closes FD unless that has been done already: libmicrohttpd does not promise
 * who owns the socket when it fails to start. */
static void close_socket(int fd, ino_t inode) {
  struct stat now;
  if (fd >= 0 && fstat(fd, &now) == 0 && now.st_ino == inode) {
    close(fd);
  }
}

oa_status oa_admin_start(oa_admin **out, const oa_admin_options *options,
                         oa_error *error) {
  int fd = -1;
  struct stat socket = {0};
  oa_admin *admin = oa_calloc(1, sizeof *admin);
  oa_status status = OA_ERR_NOMEM;
  if (admin != NULL) {
    admin->options = *options;
    admin->about = oa_strdup(options->about);
  }
  if (admin == NULL || admin->about == NULL) {
    oa_error_set(error, status, "%s", oa_status_text(status));
    goto fail;
  }
  status = options->fd != 0
               ? oa_socket_adopt(&fd, 1, options->fd, &admin->port, error)
               : oa_admin_listen(&fd, options->address, options->port,
                                 &admin->port, error);
  if (status != OA_OK) {
    goto fail;
  }
  fstat(fd, &socket);
  /* Without ITC it would end its thread by shutdown(2) of the socket, also for
   * those whose socket it is. */
  admin->daemon = MHD_start_daemon(
      MHD_USE_EPOLL_INTERNAL_THREAD | MHD_USE_ITC, 0, NULL, NULL, handle, admin,
      MHD_OPTION_EXTERNAL_LOGGER, log_nothing, NULL, MHD_OPTION_LISTEN_SOCKET,
      fd, MHD_OPTION_CONNECTION_LIMIT, (unsigned)MAX_CONNECTIONS,
      MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)IDLE_SECONDS,
      MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_MEMORY,
      MHD_OPTION_CONNECTION_MEMORY_INCREMENT, (size_t)1024,
      MHD_OPTION_THREAD_STACK_SIZE, (size_t)STACK_SIZE,
      MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_END);
  if (admin->daemon == NULL) {
    status = oa_error_set(error, OA_ERR_IO,
                          "cannot start the thread for health and metrics");
    goto fail;
  }
  *out = admin;
  return OA_OK;

fail:
  close_socket(fd, socket.st_ino);
  oa_admin_stop(admin);
  return status;
}

uint16_t oa_admin_port(const oa_admin *admin) {
  return admin->port;
}

void oa_admin_stop(oa_admin *admin) {
  if (admin == NULL) {
    return;
  }
  if (admin->daemon != NULL) {
    MHD_stop_daemon(admin->daemon); /* closes the socket too */
  }
  oa_free(admin->about);
  oa_free(admin);
}
