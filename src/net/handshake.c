/* SPDX-License-Identifier: Apache-2.0 */
#include "net/handshake.h"

#include "net/limits.h"

enum {
  /* Begun in a row, before others have their turn. */
  BEGUN_AT_ONCE = 8,
  /* What is taken of a peer before it was answered: its ClientHello in
   * records, and no more that is worth keeping. */
  MAX_AHEAD = 2 * OA_TLS_MAX_HELLO,
};

/* A thread's part of WHOLE, and at least LEAST of it. */
static size_t part_of(const oa_thread *thread, size_t whole, size_t least) {
  const size_t part = whole / oa_server_threads(thread->server);
  const size_t floor = least < whole ? least : whole;
  return part > floor ? part : floor;
}

static size_t most_under_way(const oa_thread *thread) {
  return part_of(thread, thread->options->max_handshakes,
                 OA_LIMIT_THREAD_HANDSHAKES);
}

static size_t most_ahead(const oa_thread *thread) {
  return part_of(thread, OA_LIMIT_HELLO_BYTES, OA_LIMIT_THREAD_HELLO_BYTES);
}

static void forget_hello(oa_connection *connection) {
  connection->thread->hello_bytes -= connection->hello.cap;
  oa_buf_free(&connection->hello);
}

bool oa_handshake_is_ahead(const oa_connection *connection) {
  return connection->shake == OA_SHAKE_HELLO ||
         connection->shake == OA_SHAKE_LINE;
}

bool oa_handshake_is_under_way(const oa_connection *connection) {
  return connection->shake == OA_SHAKE_GOING;
}

bool oa_handshake_waits(const oa_connection *connection) {
  return connection->shake == OA_SHAKE_LINE;
}

void oa_handshake_expect(oa_connection *connection) {
  connection->shake = OA_SHAKE_HELLO;
  oa_list_push(&connection->thread->hellos, &connection->in_shake);
}

void oa_handshake_over(oa_connection *connection) {
  oa_thread *thread = connection->thread;
  if (connection->shake == OA_SHAKE_GOING) {
    thread->shaking_count--;
  }
  connection->shake = OA_SHAKE_NONE;
  oa_link_remove(&connection->in_shake);
  forget_hello(connection);
}

static void give_up(oa_connection *connection) {
  oa_thread_count(&connection->thread->late, 1);
  oa_connection_close(connection);
}

/* The oldest ones make room for what MORE bytes need.  Who is honest sends
 * a ClientHello in one go and is soon gone from here. */
static void make_room(oa_thread *thread, size_t more) {
  oa_link *link;
  while (thread->hello_bytes + more > most_ahead(thread) &&
         ((link = oa_list_first(&thread->hellos)) != NULL ||
          (link = oa_list_first(&thread->in_line)) != NULL)) {
    give_up(OA_LIST_ENTRY(link, oa_connection, in_shake));
  }
}

/* False: the connection has been closed. */
static bool keep(oa_connection *connection, const uint8_t *data, size_t len) {
  oa_thread *thread = connection->thread;
  oa_buf *hello = &connection->hello;
  const size_t before = hello->cap;
  if (hello->len + len > MAX_AHEAD) {
    oa_connection_close(connection);
    return false;
  }
  make_room(thread, len);
  if (connection->state == OA_CONNECTION_CLOSED) {
    return false;
  }
  if (oa_buf_put(hello, data, len) != OA_OK) {
    oa_connection_close(connection);
    return false;
  }
  thread->hello_bytes += hello->cap - before;
  return true;
}

/* True when one more handshake may be under way. */
static bool has_place(oa_thread *thread) {
  if (thread->shaking_count < most_under_way(thread)) {
    return true;
  }
  oa_link *link = oa_list_first(&thread->shaking);
  if (link == NULL) {
    return false;
  }
  oa_connection *oldest = OA_LIST_ENTRY(link, oa_connection, in_shake);
  if (uv_now(&thread->loop) - oldest->shook_at < OA_LIMIT_HANDSHAKE_GRACE_MS) {
    return false;
  }
  give_up(oldest);
  return true;
}

static void begin(oa_connection *connection, const uint8_t *data, size_t len) {
  oa_thread *thread = connection->thread;
  connection->shake = OA_SHAKE_GOING;
  connection->shook_at = uv_now(&thread->loop);
  oa_list_push(&thread->shaking, &connection->in_shake);
  thread->shaking_count++;
  oa_transport_begin_tls(connection, data, len);
}

void oa_handshake_receive(oa_connection *connection, const uint8_t *data,
                          size_t len) {
  oa_thread *thread = connection->thread;
  if (connection->hello.len == 0 && oa_list_first(&thread->in_line) == NULL &&
      oa_tls_hello_is_whole(data, len) && has_place(thread)) {
    begin(connection, data, len);
    return;
  }
  if (keep(connection, data, len) &&
      oa_tls_hello_is_whole(connection->hello.data, connection->hello.len)) {
    connection->shake = OA_SHAKE_LINE;
    connection->shook_at = uv_now(&thread->loop);
    oa_list_push(&thread->in_line, &connection->in_shake);
  }
}

void oa_handshake_expire(oa_thread *thread) {
  const uint64_t now = uv_now(&thread->loop);
  oa_link *link;
  while ((link = oa_list_first(&thread->in_line)) != NULL) {
    oa_connection *connection = OA_LIST_ENTRY(link, oa_connection, in_shake);
    if (now - connection->shook_at < OA_LIMIT_HANDSHAKE_WAIT_MS) {
      return;
    }
    give_up(connection);
  }
}

/* The newest first: whoever has waited long mostly has given up, or is one of
 * very many that are no clients. */
void oa_handshake_go_on(oa_thread *thread) {
  oa_link *link;
  int begun = 0;
  while ((link = oa_list_last(&thread->in_line)) != NULL) {
    if (begun++ == BEGUN_AT_ONCE) {
      oa_thread_go_on_soon(thread);
      return;
    }
    if (!has_place(thread)) {
      return;
    }
    oa_connection *connection = OA_LIST_ENTRY(link, oa_connection, in_shake);
    oa_buf hello = connection->hello;
    connection->hello = (oa_buf){0};
    thread->hello_bytes -= hello.cap;
    begin(connection, hello.data, hello.len);
    oa_buf_free(&hello);
    oa_transport_adjust(connection);
  }
}
