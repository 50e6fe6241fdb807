/* SPDX-License-Identifier: Apache-2.0 */
/* Whose message the handler gets next.
 *
 * One read may bring many messages, and each may take long.  So the messages
 * of a connection are handed over as they come for only so long in a turn of
 * the loop; then it stands back: what it has sent waits, it is not read, and it
 * goes on in a later turn, behind those that stood back before it.  Who sends
 * little is served in between.
 */
#include "base/clock.h"
#include "net/stream.h"

enum {
  /* Microseconds for one connection in a turn, and for all that have stood back
   * together.  Some usual messages fit, or one read of tiny ones; and what
   * comes after it costs nothing beside it. */
  SLICE_US = 2000,
  NS_PER_US = 1000,
  /* Who has stood back for so long, in milliseconds, has its times begin
   * anew. */
  LONG_MS = 250,
};

static bool is_over(uint64_t began_ns) {
  return oa_clock_monotonic_ns() - began_ns >= (uint64_t)SLICE_US * NS_PER_US;
}

/* True when CONNECTION has had its part of this turn. */
static bool is_spent(oa_connection *connection) {
  const oa_thread *thread = connection->thread;
  if (connection->slice_turn != thread->turn) {
    connection->slice_turn = thread->turn;
    connection->slice_ns = oa_clock_monotonic_ns();
    return false;
  }
  return is_over(connection->slice_ns);
}

static void stand_back(oa_connection *connection) {
  oa_thread *thread = connection->thread;
  if (!connection->back) {
    connection->back = true;
    connection->back_at = uv_now(&thread->loop);
  }
  oa_list_push(&thread->backlog, &connection->in_turn);
  oa_transport_adjust(connection);
}

void oa_turn_wait(oa_stream *stream) {
  oa_connection *connection = stream->connection;
  oa_list_push(&connection->ready, &stream->in_queue);
  if (!oa_link_linked(&connection->in_turn)) {
    oa_list_push(&stream->thread->ready, &connection->in_turn);
  }
}

/* Hands over what CONNECTION has, for as long as it may. */
static void serve(oa_connection *connection) {
  oa_thread *thread = connection->thread;
  oa_link *link;
  while (!thread->paused &&
         (link = oa_list_first(&connection->ready)) != NULL) {
    if (is_spent(connection)) {
      stand_back(connection);
      return;
    }
    oa_call_hand_over(OA_LIST_ENTRY(link, oa_stream, in_queue));
  }
  if (!thread->paused) {
    oa_link_remove(&connection->in_turn);
    if (connection->back) {
      oa_connection_touch(connection);
    }
  }
}

void oa_turn_deliver(oa_thread *thread) {
  /* A handler that resumes inside request() must not begin a second round. */
  if (thread->delivering) {
    return;
  }
  thread->delivering = true;
  oa_link *link;
  while (!thread->paused && (link = oa_list_first(&thread->ready)) != NULL) {
    serve(OA_LIST_ENTRY(link, oa_connection, in_turn));
  }
  thread->delivering = false;
}

void oa_turn_go_on(oa_thread *thread) {
  const uint64_t began = oa_clock_monotonic_ns();
  oa_link *link;
  while (!thread->paused && (link = oa_list_first(&thread->backlog)) != NULL) {
    oa_connection *connection = OA_LIST_ENTRY(link, oa_connection, in_turn);
    if (connection->slice_turn == thread->turn || is_over(began)) {
      return; /* it had its part, or all have had theirs */
    }
    oa_list_push(&thread->ready, link);
    oa_turn_deliver(thread);
  }
}

/* While it was not read, the peer could not show that it is no slow one. */
static void renew_times(oa_connection *connection, uint64_t waited) {
  const uint64_t now = uv_now(&connection->thread->loop);
  oa_link *link = oa_list_first(&connection->streams);
  for (; link != NULL; link = oa_list_next(&connection->streams, link)) {
    oa_stream *stream = OA_LIST_ENTRY(link, oa_stream, in_connection);
    const uint64_t granted = stream->granted_at + waited;
    stream->granted_at = granted < now ? granted : now;
    if (stream->state == OA_STREAM_HEADERS ||
        stream->state == OA_STREAM_ANSWERED ||
        (stream->state == OA_STREAM_BODY &&
         stream->call.kind != OA_CALL_STREAM)) {
      oa_stream_time(stream);
    } else if (stream->call.kind == OA_CALL_STREAM) {
      oa_stream_arrange(stream);
    }
    if (oa_link_linked(&stream->in_paced)) {
      oa_pace_begin(stream);
    }
  }
}

void oa_turn_settle(oa_connection *connection) {
  if (!connection->back || oa_link_linked(&connection->in_turn)) {
    return;
  }
  const uint64_t waited =
      uv_now(&connection->thread->loop) - connection->back_at;
  connection->back = false;
  if (waited >= LONG_MS) {
    renew_times(connection, waited);
  }
  if (connection->hung_up) {
    connection->hung_up = false;
    connection->failed = true;
  }
  oa_transport_adjust(connection);
}

void oa_turn_forget(oa_connection *connection) {
  oa_link_remove(&connection->in_turn);
  connection->back = false;
}
