/* SPDX-License-Identifier: Apache-2.0 */
#include "net/connection.h"

#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "net/handshake.h"
#include "net/http1_session.h"
#include "net/http2.h"
#include "net/stream.h"

/* Times are in milliseconds. */
enum {
  /* For a peer that does not take what we send. */
  BLOCKED_TIMEOUT = 25000,
  /* For the peer to hang up; closing earlier may destroy our last words, as
   * a reset overtakes them. */
  LINGER_TIMEOUT = 1000,
  /* And bytes that are still taken, and thrown away, meanwhile. */
  LINGER_BYTES = 1024 * 1024,
  /* Requests that one HTTP/1.1 connection gets answered in a row before
   * others have their turn. */
  REQUESTS_AT_ONCE = 64,
  /* Connections that are ended in a row as their time is over. */
  ENDED_AT_ONCE = 64,
};

static void on_closed(uv_handle_t *handle) {
  oa_connection *connection = handle->data;
  oa_thread *thread = connection->thread;
  oa_buf_free(&connection->unsent);
  oa_transport_close(connection);
  oa_free(connection);
  atomic_fetch_sub(&thread->load, 1);
  oa_server_dismiss(thread->server);
  oa_thread_connection_gone(thread);
}

/* Frees what the protocol has. */
static void end_protocol(oa_connection *connection) {
  oa_stream_lose_all(connection);
  oa_turn_forget(connection);
  if (connection->session != NULL) {
    nghttp2_session_del(connection->session);
    connection->session = NULL;
  }
  oa_http1_close(connection);
}

void oa_connection_close(oa_connection *connection) {
  if (connection->state == OA_CONNECTION_CLOSED) {
    return;
  }
  connection->state = OA_CONNECTION_CLOSED;
  end_protocol(connection);
  oa_handshake_over(connection);
  oa_link_remove(&connection->in_thread);
  oa_link_remove(&connection->in_dirty);
  oa_link_remove(&connection->in_timed);
  oa_link_remove(&connection->in_blocked);
  oa_link_remove(&connection->in_put_off);
  oa_flow_forget(connection);
  uv_close((uv_handle_t *)&connection->tcp, on_closed);
}

static void set_timed(oa_connection *connection, oa_list *list) {
  connection->timed_at = uv_now(&connection->thread->loop);
  oa_list_push(list, &connection->in_timed);
}

void oa_connection_linger(oa_connection *connection) {
  if (connection->state == OA_CONNECTION_LINGER ||
      connection->state == OA_CONNECTION_CLOSED) {
    return;
  }
  end_protocol(connection);
  oa_handshake_over(connection);
  connection->state = OA_CONNECTION_LINGER;
  set_timed(connection, &connection->thread->lingering);
  oa_transport_shutdown(connection);
  /* HTTP/1 may have stopped to read: what still comes is thrown away, or
   * closing would answer it with a reset; and the peer's end ends it. */
  oa_transport_adjust(connection);
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
      if (!oa_transport_send(connection, buffer, len)) {
        return false;
      }
      len = 0;
    }
    if (got == 0) {
      break;
    }
    if (connection->blocked || frame_len > OA_THREAD_WRITE_SIZE) {
      /* The session has given this frame away already: keep it too. */
      if (!oa_transport_send(connection, frame, frame_len)) {
        return false;
      }
      continue;
    }
    memcpy(buffer + len, frame, frame_len);
    len += frame_len;
  }
  return true;
}

static bool ensure_write_buffer(oa_thread *thread) {
  if (thread->write_buffer == NULL) {
    thread->write_buffer = oa_malloc(OA_THREAD_WRITE_SIZE);
  }
  return thread->write_buffer != NULL;
}

static void flush_http2(oa_connection *connection) {
  if (!ensure_write_buffer(connection->thread)) {
    oa_connection_close(connection);
    return;
  }
  if (!send_frames(connection)) {
    return;
  }
  if (connection->blocked) {
    oa_transport_await(connection);
    return;
  }
  if (connection->failed || !nghttp2_session_want_read(connection->session)) {
    oa_connection_linger(connection);
  }
}

/* Has CONNECTION go on when others have had their turn. */
static void postpone(oa_connection *connection) {
  oa_thread *thread = connection->thread;
  connection->postponed = true;
  oa_list_push(&thread->postponed, &connection->in_dirty);
  oa_thread_go_on_soon(thread);
}

static void flush_http1(oa_connection *connection) {
  bool over = false;
  bool more = true;
  int done = 0;
  while (more && !over && !connection->blocked) {
    if (done++ == REQUESTS_AT_ONCE) {
      postpone(connection);
      break;
    }
    over = oa_http1_work(connection) || connection->failed;
    const oa_buf *out = &connection->http1->out;
    if (out->len > 0 && !oa_transport_send(connection, out->data, out->len)) {
      return;
    }
    more = oa_http1_sent(connection);
  }
  if (connection->blocked) {
    if (over) {
      connection->failed = true; /* it ends when the rest has gone */
    }
    oa_transport_await(connection);
  } else if (over) {
    oa_connection_linger(connection);
    return;
  }
  oa_transport_adjust(connection);
}

void oa_connection_flush(oa_connection *connection) {
  oa_link_remove(&connection->in_dirty);
  connection->postponed = false;
  oa_turn_settle(connection);
  if (connection->blocked) {
    return;
  }
  if (connection->state == OA_CONNECTION_HTTP2) {
    flush_http2(connection);
  } else if (connection->state == OA_CONNECTION_HTTP1) {
    flush_http1(connection);
  }
}

void oa_connection_touch(oa_connection *connection) {
  if (!oa_link_linked(&connection->in_dirty)) {
    oa_list_push(&connection->thread->dirty, &connection->in_dirty);
  }
}

void oa_connection_note_flood(oa_connection *connection) {
  oa_thread *thread = connection->thread;
  oa_thread_count(&thread->flooded, 1);
  if (oa_thread_may_tell(thread, &thread->flood_told_at)) {
    oa_log_line(thread->options->log, OA_LOG_WARN,
                "closed a connection that flooded: too many canceled requests, "
                "PING, SETTINGS or other frames that bring nothing");
  }
}

void oa_connection_fail(oa_connection *connection) {
  connection->failed = true;
  oa_connection_touch(connection);
}

/* TLS where there is none: an alert that its library understands, and a line
 * in the log, as the client's own text will say little. */
static void refuse_tls(oa_connection *connection) {
  /* A fatal alert of TLS 1.2 (RFC 5246, section 7.2): protocol_version. */
  static const uint8_t alert[] = {0x15, 0x03, 0x03, 0x00, 0x02, 0x02, 70};
  oa_thread *thread = connection->thread;
  if (oa_thread_may_tell(thread, &thread->tls_told_at)) {
    oa_log_line(thread->options->log, OA_LOG_INFO,
                "closed a connection that began with a TLS handshake: this "
                "port has no TLS; set the client to plaintext (insecure)");
  }
  if (oa_transport_send(connection, alert, sizeof alert)) {
    oa_connection_linger(connection);
  }
}

static void begin_protocol(oa_connection *connection, oa_connection_state state,
                           oa_status status) {
  if (status == OA_OK) {
    connection->state = state;
  } else {
    oa_connection_close(connection);
  }
}

/* Looks at the first bytes; true when they have told the protocol, which HEAD
 * and DATA are for then. */
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
    begin_protocol(connection, OA_CONNECTION_HTTP2, oa_http2_open(connection));
  } else if (head[0] == 0x16 && connection->tls == NULL) {
    refuse_tls(connection);
  } else if (((head[0] | 0x20) >= 'a' && (head[0] | 0x20) <= 'z') ||
             head[0] == '\r') {
    connection->greeted = true;
    begin_protocol(connection, OA_CONNECTION_HTTP1, oa_http1_open(connection));
  } else {
    oa_connection_close(connection);
  }
  return connection->state == OA_CONNECTION_HTTP2 ||
         connection->state == OA_CONNECTION_HTTP1;
}

static void take(oa_connection *connection, const uint8_t *data, size_t len) {
  if (connection->state == OA_CONNECTION_HTTP2) {
    oa_http2_receive(connection, data, len);
    oa_connection_touch(connection);
  } else if (connection->state == OA_CONNECTION_HTTP1) {
    oa_http1_receive(connection, data, len);
  } else if (connection->state == OA_CONNECTION_LINGER) {
    connection->discarded += len;
    if (connection->discarded > LINGER_BYTES) {
      oa_connection_close(connection);
    }
  }
}

void oa_connection_receive(oa_connection *connection, const uint8_t *data,
                           size_t len) {
  if (connection->state == OA_CONNECTION_PEEK) {
    if (!peek(connection, data, len)) {
      return;
    }
    take(connection, connection->head, connection->head_len);
  }
  take(connection, data, len);
}

/* Fills a zeroed CONNECTION whose handle has FD. */
static void begin(oa_connection *connection) {
  oa_thread *thread = connection->thread;
  oa_list_init(&connection->streams);
  oa_list_init(&connection->ready);
  oa_list_init(&connection->waiting[OA_LANE_USUAL]);
  oa_list_init(&connection->waiting[OA_LANE_LARGE]);
  oa_list_push(&thread->connections, &connection->in_thread);
  set_timed(connection, &thread->handshaking);
  if (oa_transport_open(connection) != OA_OK) {
    oa_connection_close(connection);
  }
}

void oa_connection_accept(oa_thread *thread, int fd) {
  oa_connection *connection = NULL;
  if (!oa_watch_fits(&thread->watch, fd) || !oa_server_admit(thread->server)) {
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
  if (oa_thread_may_tell(thread, &thread->refusal_told_at)) {
    oa_log_line(thread->options->log, OA_LOG_WARN,
                "refused a connection: %zu are open, and no more are taken "
                "(limits.connections)",
                thread->options->max_connections);
  }
  close(fd);
  atomic_fetch_sub(&thread->load, 1);
  oa_thread_count(&thread->refused, 1);
}

void oa_connection_streams_changed(oa_connection *connection) {
  if ((connection->state != OA_CONNECTION_HTTP2 &&
       connection->state != OA_CONNECTION_HTTP1) ||
      !connection->greeted) {
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

void oa_connection_expect(oa_connection *connection) {
  if (!connection->asked) {
    connection->asked = true; /* still among those, since it was accepted */
    return;
  }
  set_timed(connection, &connection->thread->handshaking);
}

void oa_connection_say_goaway(oa_connection *connection, bool final) {
  if (connection->state == OA_CONNECTION_PEEK) {
    oa_connection_close(connection);
    return;
  }
  if (connection->state == OA_CONNECTION_HTTP1) {
    oa_http1_say_goaway(connection);
  }
  if (connection->state != OA_CONNECTION_HTTP2) {
    return;
  }
  if (final) {
    oa_stream_dismiss_idle(connection);
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

static void end_idle(oa_connection *connection) {
  oa_link_remove(&connection->in_timed);
  oa_connection_say_goaway(connection, true);
}

/* Its greeting, or the head of its request, did not come in time. */
static void end_handshake(oa_connection *connection) {
  oa_thread_count(&connection->thread->late, 1);
  oa_link_remove(&connection->in_timed);
  if (connection->state == OA_CONNECTION_HTTP1 &&
      oa_http1_time_out(connection)) {
    return;
  }
  if (connection->state == OA_CONNECTION_HTTP2 && !connection->failed) {
    nghttp2_session_terminate_session(connection->session,
                                      NGHTTP2_SETTINGS_TIMEOUT);
    oa_connection_fail(connection);
    return;
  }
  oa_connection_close(connection);
}

/* The next one whose time is over, or NULL, and what ends it. */
static oa_connection *next_overdue(const oa_thread *thread,
                                   void (**end)(oa_connection *)) {
  const oa_server_options *options = thread->options;
  const uint64_t now = uv_now(&thread->loop);
  oa_connection *late =
      overdue(&thread->handshaking, now, options->handshake_timeout_ms);
  *end = end_handshake;
  if (late == NULL) {
    late = overdue(&thread->lingering, now, LINGER_TIMEOUT);
    *end = oa_connection_close;
  }
  if (late == NULL) {
    late = overdue(&thread->idle, now, options->idle_timeout_ms);
    *end = end_idle;
  }
  oa_link *link = oa_list_first(&thread->blocked);
  if (late == NULL && link != NULL) {
    late = OA_LIST_ENTRY(link, oa_connection, in_blocked);
    late = now - late->blocked_at >= BLOCKED_TIMEOUT ? late : NULL;
    *end = oa_connection_close;
  }
  return late;
}

void oa_connection_expire(oa_thread *thread) {
  void (*end)(oa_connection *) = NULL;
  oa_connection *late;
  int ended = 0;
  thread->overdue = false;
  while ((late = next_overdue(thread, &end)) != NULL) {
    if (ended++ == ENDED_AT_ONCE) {
      thread->overdue = true;
      oa_thread_go_on_soon(thread);
      return;
    }
    end(late);
  }
}
