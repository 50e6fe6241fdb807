/* SPDX-License-Identifier: Apache-2.0 */
#include "net/connection.h"

#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "net/http2.h"
#include "net/stream.h"

/* Times are in milliseconds. */
enum {
  /* For a peer that takes nothing of what we send. */
  BLOCKED_TIMEOUT = 30000,
  /* For the peer to hang up; closing earlier may destroy our last words, as
   * a reset overtakes them. */
  LINGER_TIMEOUT = 1000,
  /* And bytes that are still taken, and thrown away, meanwhile. */
  LINGER_BYTES = 1024 * 1024,
  /* Between two log lines about the same mistake of clients. */
  TLS_LOG_INTERVAL = 60000,
};

static void on_closed(uv_handle_t *handle) {
  oa_connection *connection = handle->data;
  oa_thread *thread = connection->thread;
  oa_buf_free(&connection->unsent);
  oa_free(connection);
  atomic_fetch_sub(&thread->load, 1);
  oa_server_dismiss(thread->server);
  oa_thread_connection_gone(thread);
}

void oa_connection_close(oa_connection *connection) {
  if (connection->state == OA_CONNECTION_CLOSED) {
    return;
  }
  connection->state = OA_CONNECTION_CLOSED;
  oa_stream_lose_all(connection);
  if (connection->session != NULL) {
    nghttp2_session_del(connection->session);
    connection->session = NULL;
  }
  oa_link_remove(&connection->in_thread);
  oa_link_remove(&connection->in_dirty);
  oa_link_remove(&connection->in_timed);
  oa_link_remove(&connection->in_blocked);
  uv_close((uv_handle_t *)&connection->tcp, on_closed);
}

static void set_timed(oa_connection *connection, oa_list *list) {
  connection->timed_at = uv_now(&connection->thread->loop);
  oa_list_push(list, &connection->in_timed);
}

static void on_shutdown(uv_shutdown_t *request, int status) {
  (void)request;
  (void)status;
}

/* Says that nothing more will come and waits for the peer to do the same. */
static void linger(oa_connection *connection) {
  if (connection->state == OA_CONNECTION_LINGER ||
      connection->state == OA_CONNECTION_CLOSED) {
    return;
  }
  oa_stream_lose_all(connection);
  if (connection->session != NULL) {
    nghttp2_session_del(connection->session);
    connection->session = NULL;
  }
  connection->state = OA_CONNECTION_LINGER;
  set_timed(connection, &connection->thread->lingering);
  uv_stream_t *stream = (uv_stream_t *)&connection->tcp;
  if (uv_shutdown(&connection->shutdown, stream, on_shutdown) != 0) {
    oa_connection_close(connection);
  }
}

static void on_written(uv_write_t *request, int status);

static void lend_buffer(uv_handle_t *handle, size_t suggested, uv_buf_t *out) {
  oa_connection *connection = handle->data;
  oa_thread *thread = connection->thread;
  (void)suggested;
  if (thread->read_buffer == NULL) {
    thread->read_buffer = oa_malloc(OA_THREAD_READ_SIZE);
  }
  out->base = (char *)thread->read_buffer;
  out->len = thread->read_buffer == NULL ? 0 : OA_THREAD_READ_SIZE;
}

/* Sends LEN bytes, or keeps what the socket does not take.  False: the
 * connection has been closed. */
static bool put_out(oa_connection *connection, const uint8_t *data,
                    size_t len) {
  uv_stream_t *stream = (uv_stream_t *)&connection->tcp;
  if (!connection->blocked) {
    /* uv_buf_t has no const form; libuv only reads from it. */
    uv_buf_t buf = uv_buf_init((char *)(uintptr_t)data, (unsigned)len);
    const int sent = uv_try_write(stream, &buf, 1);
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

/* Hands what the socket did not take to the loop. */
static void await_socket(oa_connection *connection) {
  uv_stream_t *stream = (uv_stream_t *)&connection->tcp;
  uv_buf_t buf = uv_buf_init((char *)connection->unsent.data,
                             (unsigned)connection->unsent.len);
  connection->blocked_at = uv_now(&connection->thread->loop);
  oa_list_push(&connection->thread->blocked, &connection->in_blocked);
  uv_read_stop(stream);
  if (uv_write(&connection->write, stream, &buf, 1, on_written) != 0) {
    oa_connection_close(connection);
  }
}

/* Gathers frames into the thread's buffer and sends it whenever it is full.
 * False: the connection has been closed. */
static bool send_frames(oa_connection *connection) {
  uint8_t *buffer = connection->thread->write_buffer;
  size_t len = 0;
  while (!connection->blocked) {
    const uint8_t *frame = NULL;
    const ssize_t got = nghttp2_session_mem_send(connection->session, &frame);
    if (got < 0) {
      oa_connection_close(connection);
      return false;
    }
    const size_t frame_len = (size_t)got;
    if (len > 0 && (got == 0 || frame_len > OA_THREAD_WRITE_SIZE - len)) {
      if (!put_out(connection, buffer, len)) {
        return false;
      }
      len = 0;
    }
    if (got == 0) {
      break;
    }
    if (connection->blocked || frame_len > OA_THREAD_WRITE_SIZE) {
      /* The session has given this frame away already: keep it too. */
      if (!put_out(connection, frame, frame_len)) {
        return false;
      }
      continue;
    }
    memcpy(buffer + len, frame, frame_len);
    len += frame_len;
  }
  return true;
}

void oa_connection_flush(oa_connection *connection) {
  oa_thread *thread = connection->thread;
  oa_link_remove(&connection->in_dirty);
  if (connection->blocked || connection->state != OA_CONNECTION_HTTP2) {
    return;
  }
  if (thread->write_buffer == NULL) {
    thread->write_buffer = oa_malloc(OA_THREAD_WRITE_SIZE);
    if (thread->write_buffer == NULL) {
      oa_connection_close(connection);
      return;
    }
  }
  if (!send_frames(connection)) {
    return;
  }
  if (connection->blocked) {
    await_socket(connection);
    return;
  }
  if (connection->failed || !nghttp2_session_want_read(connection->session)) {
    linger(connection);
  }
}

static void on_read(uv_stream_t *stream, ssize_t count, const uv_buf_t *buf);

static void on_written(uv_write_t *request, int status) {
  oa_connection *connection = request->data;
  if (connection->state == OA_CONNECTION_CLOSED) {
    return;
  }
  connection->blocked = false;
  oa_link_remove(&connection->in_blocked);
  oa_buf_free(&connection->unsent);
  uv_stream_t *stream = (uv_stream_t *)&connection->tcp;
  if (status != 0 || uv_read_start(stream, lend_buffer, on_read) != 0) {
    oa_connection_close(connection);
  } else {
    oa_connection_touch(connection);
  }
  oa_thread_settle(connection->thread);
}

void oa_connection_touch(oa_connection *connection) {
  if (!oa_link_linked(&connection->in_dirty)) {
    oa_list_push(&connection->thread->dirty, &connection->in_dirty);
  }
}

/* Tells an HTTP/1.1 client where it is. */
static void answer_http1(oa_connection *connection) {
  const char *text = connection->thread->options->http1_text;
  oa_buf out = {0};
  if (oa_buf_printf(&out,
                    "HTTP/1.1 400 Bad Request\r\n"
                    "Content-Type: text/plain; charset=utf-8\r\n"
                    "Content-Length: %zu\r\nConnection: close\r\n\r\n%s\n",
                    strlen(text) + 1, text) != OA_OK) {
    oa_connection_close(connection);
    return;
  }
  if (put_out(connection, out.data, out.len)) {
    if (connection->blocked) {
      await_socket(connection);
    }
    linger(connection);
  }
  oa_buf_free(&out);
}

static void refuse_tls(oa_connection *connection) {
  oa_thread *thread = connection->thread;
  const uint64_t now = uv_now(&thread->loop);
  if (thread->tls_told_at == 0 ||
      now - thread->tls_told_at > TLS_LOG_INTERVAL) {
    thread->tls_told_at = now;
    oa_log_line(thread->options->log, OA_LOG_INFO,
                "closed a connection that began with a TLS handshake: this "
                "port has no TLS; set the client to plaintext (insecure)");
  }
  oa_connection_close(connection);
}

/* Looks at the first bytes; true when all that came is HTTP/2 so far and HEAD
 * and DATA are for the session. */
static bool peek(oa_connection *connection, const uint8_t *data, size_t len) {
  static const uint8_t preface[OA_CONNECTION_HEAD_SIZE] = {'P', 'R', 'I', ' '};
  uint8_t head[OA_CONNECTION_HEAD_SIZE];
  const size_t old = connection->head_len;
  const size_t more = len < sizeof head - old ? len : sizeof head - old;
  memcpy(head, connection->head, old);
  memcpy(head + old, data, more);
  const size_t have = old + more;

  if (memcmp(head, preface, have) == 0) {
    if (have < sizeof head) {
      memcpy(connection->head, head, have);
      connection->head_len = have;
      return false;
    }
    return true;
  }
  if (head[0] == 0x16) {
    refuse_tls(connection);
  } else if (head[0] >= 'A' && head[0] <= 'Z') {
    answer_http1(connection);
  } else {
    oa_connection_close(connection);
  }
  return false;
}

static void receive(oa_connection *connection, const uint8_t *data,
                    size_t len) {
  if (connection->state == OA_CONNECTION_PEEK) {
    if (!peek(connection, data, len)) {
      return;
    }
    if (oa_http2_open(connection) != OA_OK) {
      oa_connection_close(connection);
      return;
    }
    connection->state = OA_CONNECTION_HTTP2;
    oa_http2_receive(connection, connection->head, connection->head_len);
  }
  if (connection->state == OA_CONNECTION_HTTP2) {
    oa_http2_receive(connection, data, len);
    oa_connection_touch(connection);
  } else if (connection->state == OA_CONNECTION_LINGER) {
    connection->discarded += len;
    if (connection->discarded > LINGER_BYTES) {
      oa_connection_close(connection);
    }
  }
}

static void on_read(uv_stream_t *stream, ssize_t count, const uv_buf_t *buf) {
  oa_connection *connection = stream->data;
  oa_thread *thread = connection->thread;
  if (count < 0) {
    oa_connection_close(connection);
  } else if (count > 0) {
    thread->busy_at = uv_now(&thread->loop);
    receive(connection, (const uint8_t *)buf->base, (size_t)count);
  }
  oa_thread_settle(thread);
}

/* Fills a zeroed CONNECTION whose handle has FD. */
static void begin(oa_connection *connection) {
  oa_thread *thread = connection->thread;
  oa_list_init(&connection->streams);
  connection->write.data = connection;
  oa_list_push(&thread->connections, &connection->in_thread);
  set_timed(connection, &thread->handshaking);
  uv_stream_t *stream = (uv_stream_t *)&connection->tcp;
  /* Without it answers wait for the peer's delayed acknowledgment. */
  uv_tcp_nodelay(&connection->tcp, 1);
  if (uv_read_start(stream, lend_buffer, on_read) != 0) {
    oa_connection_close(connection);
  }
}

void oa_connection_accept(oa_thread *thread, int fd) {
  oa_connection *connection = NULL;
  if (!oa_server_admit(thread->server)) {
    goto refuse;
  }
  connection = oa_calloc(1, sizeof *connection);
  if (connection == NULL || uv_tcp_init(&thread->loop, &connection->tcp) != 0) {
    oa_free(connection);
    oa_server_dismiss(thread->server);
    goto refuse;
  }
  connection->thread = thread;
  connection->tcp.data = connection;
  thread->live++;
  oa_thread_count(&thread->opened, 1);
  if (uv_tcp_open(&connection->tcp, fd) != 0) {
    close(fd);
    connection->state = OA_CONNECTION_CLOSED;
    uv_close((uv_handle_t *)&connection->tcp, on_closed);
    return;
  }
  begin(connection);
  return;

refuse:
  close(fd);
  atomic_fetch_sub(&thread->load, 1);
  oa_thread_count(&thread->refused, 1);
}

void oa_connection_streams_changed(oa_connection *connection) {
  if (connection->state != OA_CONNECTION_HTTP2 || !connection->greeted) {
    return;
  }
  if (connection->stream_count > 0) {
    oa_link_remove(&connection->in_timed);
  } else {
    set_timed(connection, &connection->thread->idle);
  }
}

void oa_connection_greeted(oa_connection *connection) {
  connection->greeted = true;
  oa_link_remove(&connection->in_timed);
  oa_connection_streams_changed(connection);
}

void oa_connection_say_goaway(oa_connection *connection, bool final) {
  if (connection->state == OA_CONNECTION_PEEK) {
    oa_connection_close(connection);
    return;
  }
  if (connection->state != OA_CONNECTION_HTTP2) {
    return;
  }
  if (final || connection->stream_count == 0) {
    nghttp2_submit_goaway(
        connection->session, NGHTTP2_FLAG_NONE,
        nghttp2_session_get_last_proc_stream_id(connection->session),
        NGHTTP2_NO_ERROR, NULL, 0);
  } else {
    nghttp2_submit_shutdown_notice(connection->session);
  }
  oa_connection_touch(connection);
}

/* The first connection of LIST when it is older than LIMIT. */
static oa_connection *overdue(const oa_list *list, uint64_t now,
                              uint64_t limit) {
  oa_link *link = oa_list_first(list);
  if (link == NULL) {
    return NULL;
  }
  oa_connection *connection = OA_LIST_ENTRY(link, oa_connection, in_timed);
  return now - connection->timed_at >= limit ? connection : NULL;
}

void oa_connection_expire(oa_thread *thread) {
  const uint64_t now = uv_now(&thread->loop);
  oa_connection *late;
  const uint64_t handshake = thread->options->handshake_timeout_ms;
  while ((late = overdue(&thread->handshaking, now, handshake)) != NULL) {
    oa_connection_close(late);
  }
  while ((late = overdue(&thread->lingering, now, LINGER_TIMEOUT)) != NULL) {
    oa_connection_close(late);
  }
  const uint64_t idle = thread->options->idle_timeout_ms;
  while ((late = overdue(&thread->idle, now, idle)) != NULL) {
    oa_link_remove(&late->in_timed);
    oa_connection_say_goaway(late, true);
  }
  oa_link *link;
  while ((link = oa_list_first(&thread->blocked)) != NULL) {
    late = OA_LIST_ENTRY(link, oa_connection, in_blocked);
    if (now - late->blocked_at < BLOCKED_TIMEOUT) {
      break;
    }
    oa_connection_close(late);
  }
}
