/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes between a connection and its socket, in the clear or under TLS. */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "base/mem.h"
#include "net/connection.h"
#include "net/handshake.h"
#include "net/http1_session.h"

enum {
  /* Buffers that one connection may fill in a row, so that one that always
   * has more does not keep the others waiting. */
  READS_AT_ONCE = 4,
  /* A peer that does not answer the kernel's probes is gone after about two
   * minutes, in seconds. */
  KEEPALIVE_IDLE = 60,
  KEEPALIVE_INTERVAL = 15,
  KEEPALIVE_PROBES = 4,
};

static uv_stream_t *stream_of(oa_connection *connection) {
  return (uv_stream_t *)&connection->tcp;
}

/* --- out --- */

static bool send_raw(oa_connection *connection, const uint8_t *data,
                     size_t len) {
  if (!connection->blocked) {
    /* uv_buf_t has no const form; libuv only reads from it. */
    uv_buf_t buf = uv_buf_init((char *)(uintptr_t)data, (unsigned)len);
    const int sent = uv_try_write(stream_of(connection), &buf, 1);
    if (sent == (int)len) {
      return true;
    }
    if (sent < 0 && sent != UV_EAGAIN) {
      oa_connection_close(connection);
      return false;
    }
    data += sent > 0 ? sent : 0;
    len -= sent > 0 ? (size_t)sent : 0;
  }
  if (oa_buf_put(&connection->unsent, data, len) != OA_OK) {
    oa_connection_close(connection);
    return false;
  }
  connection->blocked = true;
  return true;
}

/* Sends what TLS has gathered. */
static bool send_cipher(oa_connection *connection) {
  oa_buf *cipher = &connection->thread->cipher;
  const size_t len = cipher->len;
  cipher->len = 0;
  return len == 0 || send_raw(connection, cipher->data, len);
}

bool oa_transport_send(oa_connection *connection, const uint8_t *data,
                       size_t len) {
  if (connection->tls == NULL) {
    return send_raw(connection, data, len);
  }
  oa_buf *cipher = &connection->thread->cipher;
  if (oa_tls_send(connection->tls, data, len, cipher, NULL) != OA_OK) {
    cipher->len = 0;
    oa_connection_close(connection);
    return false;
  }
  return send_cipher(connection);
}

static void on_written(uv_write_t *request, int status) {
  oa_connection *connection = request->data;
  if (connection->state == OA_CONNECTION_CLOSED) {
    return;
  }
  connection->blocked = false;
  oa_link_remove(&connection->in_blocked);
  oa_buf_free(&connection->unsent);
  if (status != 0) {
    oa_connection_close(connection);
  } else {
    oa_transport_adjust(connection);
    oa_connection_touch(connection);
  }
  oa_thread_settle(connection->thread);
}

void oa_transport_await(oa_connection *connection) {
  uv_buf_t buf = uv_buf_init((char *)connection->unsent.data,
                             (unsigned)connection->unsent.len);
  connection->blocked_at = uv_now(&connection->thread->loop);
  oa_list_push(&connection->thread->blocked, &connection->in_blocked);
  oa_transport_adjust(connection);
  if (uv_write(&connection->write, stream_of(connection), &buf, 1,
               on_written) != 0) {
    oa_connection_close(connection);
  }
}

static void on_shutdown(uv_shutdown_t *request, int status) {
  (void)request;
  (void)status;
}

void oa_transport_shutdown(oa_connection *connection) {
  if (connection->tls != NULL) {
    oa_tls_close(connection->tls, &connection->thread->cipher);
    if (!send_cipher(connection)) {
      return;
    }
    if (connection->blocked && !oa_link_linked(&connection->in_blocked)) {
      oa_transport_await(connection);
    }
  }
  if (connection->state != OA_CONNECTION_CLOSED &&
      uv_shutdown(&connection->shutdown, stream_of(connection), on_shutdown) !=
          0) {
    oa_connection_close(connection);
  }
}

/* --- in --- */

/* A client that speaks HTTP in the clear to a port with TLS: it reads no alert
 * but may show a sentence. */
static void answer_cleartext(oa_connection *connection) {
  static const char text[] =
      "This port takes TLS only; set the client to https, or to use TLS.\n";
  char answer[256];
  const int len = snprintf(answer, sizeof answer,
                           "HTTP/1.1 400 Bad Request\r\n"
                           "Content-Type: text/plain; charset=utf-8\r\n"
                           "Content-Length: %zu\r\nConnection: close\r\n\r\n%s",
                           sizeof text - 1, text);
  oa_tls_free(connection->tls);
  connection->tls = NULL;
  connection->thread->cipher.len = 0;
  if (send_raw(connection, (const uint8_t *)answer, (size_t)len)) {
    if (connection->blocked) {
      oa_transport_await(connection);
    }
    oa_connection_linger(connection);
  }
}

/* The session is over: by the peer's word, or by a failure. */
static void end_tls(oa_connection *connection, oa_status status,
                    const oa_error *error) {
  if (status == OA_END && connection->back) {
    connection->hung_up = true;
  } else if (status == OA_END) {
    oa_connection_linger(connection);
  } else if (oa_tls_cleartext(connection->tls)) {
    answer_cleartext(connection);
  } else {
    oa_log_line(connection->thread->options->log, OA_LOG_DEBUG,
                "closing a connection: TLS: %s", error->text);
    oa_connection_linger(connection);
  }
}

static void note_handshake(oa_connection *connection) {
  if (oa_handshake_is_under_way(connection) &&
      oa_tls_get_state(connection->tls) != OA_TLS_HANDSHAKING) {
    oa_handshake_over(connection);
  }
}

static void receive_tls(oa_connection *connection, const uint8_t *data,
                        size_t len) {
  oa_thread *thread = connection->thread;
  oa_error error = {0};
  if (thread->plain_buffer == NULL) {
    thread->plain_buffer = oa_malloc(OA_THREAD_PLAIN_SIZE);
    if (thread->plain_buffer == NULL) {
      oa_connection_close(connection);
      return;
    }
  }
  oa_tls_flow flow = {.data = data,
                      .len = len,
                      .plain = thread->plain_buffer,
                      .room = OA_THREAD_PLAIN_SIZE,
                      .out = &thread->cipher};
  oa_status status;
  while ((status = oa_tls_receive(connection->tls, &flow, &error)) == OA_OK &&
         flow.got > 0) {
    note_handshake(connection);
    if (!send_cipher(connection)) {
      return;
    }
    oa_connection_receive(connection, flow.plain, flow.got);
    if (connection->tls == NULL || connection->state == OA_CONNECTION_CLOSED) {
      return;
    }
  }
  note_handshake(connection);
  if (!send_cipher(connection)) {
    return;
  }
  if (connection->blocked && !oa_link_linked(&connection->in_blocked)) {
    oa_transport_await(connection);
  }
  if (status != OA_OK && connection->state != OA_CONNECTION_CLOSED) {
    end_tls(connection, status, &error);
  }
}

void oa_transport_begin_tls(oa_connection *connection, const uint8_t *data,
                            size_t len) {
  oa_tls_context *context = oa_server_take_tls(connection->thread->server);
  const oa_status status =
      context == NULL ? OA_ERR_CONFIG : oa_tls_new(&connection->tls, context);
  oa_tls_context_release(context);
  if (status == OA_OK) {
    receive_tls(connection, data, len);
  } else {
    oa_connection_close(connection);
  }
}

/* True for a newcomer when others have come in this turn. */
static bool is_early(const oa_connection *connection) {
  return !connection->begun && oa_crowd_is_early(connection->thread);
}

static bool ensure_read_buffer(oa_thread *thread) {
  if (thread->read_buffer == NULL) {
    thread->read_buffer = oa_malloc(OA_THREAD_READ_SIZE);
  }
  return thread->read_buffer != NULL;
}

static void lend_buffer(uv_handle_t *handle, size_t suggested, uv_buf_t *out) {
  oa_connection *connection = handle->data;
  oa_thread *thread = connection->thread;
  const bool ready = ensure_read_buffer(thread);
  (void)suggested;
  if (connection->turn != thread->turn) {
    connection->turn = thread->turn;
    connection->reads = 0;
  }
  if (connection->reads++ >= READS_AT_ONCE || is_early(connection)) {
    /* Without a buffer libuv leaves the rest for the next turn. */
    *out = uv_buf_init(NULL, 0);
    return;
  }
  out->base = (char *)thread->read_buffer;
  out->len = ready ? OA_THREAD_READ_SIZE : 0;
}

static void receive(oa_connection *connection, const uint8_t *data,
                    size_t len) {
  if (!connection->begun) {
    connection->begun = true;
    if (connection->thread->options->tls != NULL) {
      oa_handshake_expect(connection);
    }
  }
  if (oa_handshake_is_ahead(connection)) {
    oa_handshake_receive(connection, data, len);
  } else if (connection->tls != NULL &&
             connection->state != OA_CONNECTION_LINGER) {
    receive_tls(connection, data, len);
  } else {
    oa_connection_receive(connection, data, len);
  }
}

/* LEN bytes stand in the thread's buffer. */
static void take(oa_connection *connection, size_t len) {
  oa_thread *thread = connection->thread;
  thread->busy_at = uv_now(&thread->loop);
  receive(connection, thread->read_buffer, len);
  oa_transport_adjust(connection);
}

/* After a full buffer libuv asks for the next one at once, or says that nothing
 * is left: the answers to both go out together. */
static bool goes_on(const oa_connection *connection, ssize_t count) {
  return count == OA_THREAD_READ_SIZE && connection->reading;
}

static void on_read(uv_stream_t *stream, ssize_t count, const uv_buf_t *buf) {
  oa_connection *connection = stream->data;
  oa_thread *thread = connection->thread;
  (void)buf; /* it is the thread's */
  if (count == UV_ENOBUFS && thread->read_buffer != NULL) {
    if (is_early(connection)) {
      oa_crowd_put_off(connection, false);
    }
    oa_thread_settle(thread);
    return; /* its turn is over */
  }
  if (count < 0 && oa_crowd_is_early(thread)) {
    oa_crowd_put_off(connection, true);
    return;
  }
  /* First bytes, or the end, and what follows at once from them. */
  const bool comes_or_goes = count < 0 || (count > 0 && !connection->begun);
  const uint64_t began =
      comes_or_goes ? oa_crowd_begin(thread, OA_CROWD_COME) : 0;
  if (count > 0) {
    take(connection, (size_t)count);
  } else if (count < 0) {
    oa_connection_close(connection);
  }
  if (!goes_on(connection, count)) {
    oa_thread_settle(thread);
  }
  if (comes_or_goes) {
    oa_crowd_end(thread, OA_CROWD_COME, began);
  }
}

void oa_transport_read_now(oa_connection *connection) {
  oa_thread *thread = connection->thread;
  uv_os_fd_t fd = -1;
  ssize_t count = -1;
  if (ensure_read_buffer(thread) &&
      uv_fileno((uv_handle_t *)&connection->tcp, &fd) == 0) {
    count = recv(fd, thread->read_buffer, OA_THREAD_READ_SIZE, 0);
  } else {
    errno = ENOMEM;
  }
  if (count > 0) {
    take(connection, (size_t)count);
  } else if (count < 0 && (errno == EAGAIN || errno == EINTR)) {
    oa_transport_adjust(connection);
  } else {
    oa_connection_close(connection);
  }
}

void oa_transport_adjust(oa_connection *connection) {
  if (connection->state == OA_CONNECTION_CLOSED) {
    return;
  }
  const bool waits = connection->back || oa_handshake_waits(connection) ||
                     oa_link_linked(&connection->in_put_off) ||
                     (connection->state == OA_CONNECTION_HTTP1 &&
                      (connection->postponed || oa_http1_waits(connection)));
  const bool read = !connection->blocked && !waits;
  if (read && !connection->reading) {
    connection->reading =
        uv_read_start(stream_of(connection), lend_buffer, on_read) == 0;
    if (!connection->reading) {
      oa_connection_close(connection);
    }
  } else if (!read && connection->reading) {
    connection->reading = false;
    uv_read_stop(stream_of(connection));
  }
}

/* Streaming calls may be silent for as long as they like, so the kernel is
 * asked to find out whose peer has gone without a word.  All of it may fail. */
static void keep_alive(oa_connection *connection) {
  const int interval = KEEPALIVE_INTERVAL;
  const int probes = KEEPALIVE_PROBES;
  uv_os_fd_t fd = -1;
  uv_tcp_keepalive(&connection->tcp, 1, KEEPALIVE_IDLE);
  if (uv_fileno((uv_handle_t *)&connection->tcp, &fd) == 0) {
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &interval, sizeof interval);
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &probes, sizeof probes);
  }
}

oa_status oa_transport_open(oa_connection *connection) {
  connection->write.data = connection;
  /* Without it answers wait for the peer's delayed acknowledgment. */
  uv_tcp_nodelay(&connection->tcp, 1);
  keep_alive(connection);
  connection->reading =
      uv_read_start(stream_of(connection), lend_buffer, on_read) == 0;
  return connection->reading ? OA_OK : OA_ERR_IO;
}

void oa_transport_close(oa_connection *connection) {
  oa_tls_free(connection->tls);
  connection->tls = NULL;
}
