/* SPDX-License-Identifier: Apache-2.0 */
#include "net/handshake.h"

#include <netinet/in.h>
#include <string.h>

#include "net/limits.h"

enum {
  /* What is taken of a peer before it was answered: its ClientHello in
   * records, and no more that is worth keeping. */
  MAX_AHEAD = 2 * OA_TLS_MAX_HELLO,
  /* Of the line so many are looked at, the newest ones, for the one whose
   * neighbors have the fewest handshakes under way. */
  LOOKED_AT = 64,
  /* Leading bytes of an IPv6 address that one subscriber has. */
  SUBNET_SIZE = 8,
  /* Sent away in a row, as they have waited for too long; the others with the
   * next tick. */
  ENDED_AT_ONCE = 64,
  IPV4_SIZE = 4,
};

/* Where CONNECTION comes from, as a small number: strangers may share one,
 * which does them no harm but in a flood. */
static uint8_t origin_of(const oa_connection *connection) {
  struct sockaddr_storage peer = {0};
  int size = sizeof peer;
  uint8_t bytes[SUBNET_SIZE] = {0};
  void *any = &peer;
  if (uv_tcp_getpeername(&connection->tcp, any, &size) != 0) {
    return 0;
  }
  if (peer.ss_family == AF_INET) {
    const struct sockaddr_in *v4 = any;
    memcpy(bytes, &v4->sin_addr, IPV4_SIZE);
  } else if (peer.ss_family == AF_INET6) {
    const struct sockaddr_in6 *v6 = any;
    const uint8_t *at = v6->sin6_addr.s6_addr;
    const bool mapped = IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr);
    memcpy(bytes, mapped ? at + sizeof v6->sin6_addr - IPV4_SIZE : at,
           mapped ? IPV4_SIZE : SUBNET_SIZE);
  }
  uint32_t hash = 2166136261U; /* FNV-1a */
  for (size_t i = 0; i < sizeof bytes; i++) {
    hash = (hash ^ bytes[i]) * 16777619U;
  }
  return (uint8_t)(hash >> 24 ^ hash >> 8);
}

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
  connection->origin = origin_of(connection);
  oa_list_push(&connection->thread->hellos, &connection->in_shake);
}

void oa_handshake_over(oa_connection *connection) {
  oa_thread *thread = connection->thread;
  if (connection->shake == OA_SHAKE_GOING) {
    thread->shaking_count--;
    thread->shaking_by[connection->origin]--;
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
  thread->shaking_by[connection->origin]++;
  const uint64_t began = oa_crowd_begin(thread, OA_CROWD_SHAKE);
  oa_transport_begin_tls(connection, data, len);
  oa_crowd_end(thread, OA_CROWD_SHAKE, began);
}

void oa_handshake_receive(oa_connection *connection, const uint8_t *data,
                          size_t len) {
  oa_thread *thread = connection->thread;
  if (connection->hello.len == 0 && oa_list_first(&thread->in_line) == NULL &&
      oa_crowd_may(thread, OA_CROWD_SHAKE) &&
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
  int ended = 0;
  while (ended++ < ENDED_AT_ONCE &&
         (link = oa_list_first(&thread->in_line)) != NULL) {
    oa_connection *connection = OA_LIST_ENTRY(link, oa_connection, in_shake);
    if (now - connection->shook_at < OA_LIMIT_HANDSHAKE_WAIT_MS) {
      return;
    }
    give_up(connection);
  }
}

/* Whose turn it is in the line, which is not empty.  The newest first: whoever
 * has waited long mostly has given up, or is one of very many that are no
 * clients; but before these goes whoever comes from where few do. */
static oa_connection *next_in_line(const oa_thread *thread) {
  oa_connection *best = NULL;
  int looked_at = 0;
  for (oa_link *link = oa_list_last(&thread->in_line);
       link != NULL && looked_at < LOOKED_AT;
       link = oa_list_before(&thread->in_line, link), looked_at++) {
    oa_connection *one = OA_LIST_ENTRY(link, oa_connection, in_shake);
    if (best == NULL ||
        thread->shaking_by[one->origin] < thread->shaking_by[best->origin]) {
      best = one;
    }
  }
  return best;
}

void oa_handshake_go_on(oa_thread *thread) {
  while (oa_list_first(&thread->in_line) != NULL) {
    if (!oa_crowd_may(thread, OA_CROWD_SHAKE)) {
      oa_thread_go_on_soon(thread);
      return;
    }
    if (!has_place(thread)) {
      return;
    }
    oa_connection *connection = next_in_line(thread);
    if (connection == NULL) {
      return;
    }
    oa_buf hello = connection->hello;
    connection->hello = (oa_buf){0};
    thread->hello_bytes -= hello.cap;
    begin(connection, hello.data, hello.len);
    oa_buf_free(&hello);
    oa_transport_adjust(connection);
  }
}
