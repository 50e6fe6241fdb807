/* SPDX-License-Identifier: Apache-2.0 */
/* Those who come and go.
 *
 * Thousands may connect, say their first word or hang up at the same moment,
 * and each costs some ten or hundred microseconds.  So they have a part of each
 * turn of the loop; who does not fit in is not read, and goes on in a later
 * turn, in the order in which they came.  Who is being served is served in
 * between.
 */
#include "base/clock.h"
#include "net/connection.h"

enum {
  /* Microseconds for each kind in a turn: some dozens of connections, or a few
   * handshakes. */
  PART_US = 700,
  NS_PER_US = 1000,
};

static uint64_t *spent_by(oa_thread *thread, oa_crowd_kind kind) {
  if (thread->crowd_turn != thread->turn) {
    thread->crowd_turn = thread->turn;
    for (size_t i = 0; i < OA_CROWD_KINDS; i++) {
      thread->crowd_ns[i] = 0;
    }
  }
  return &thread->crowd_ns[kind];
}

bool oa_crowd_may(oa_thread *thread, oa_crowd_kind kind) {
  return *spent_by(thread, kind) < (uint64_t)PART_US * NS_PER_US;
}

bool oa_crowd_is_early(oa_thread *thread) {
  return oa_list_first(&thread->put_off) != NULL ||
         !oa_crowd_may(thread, OA_CROWD_COME);
}

/* The time that did not go to handshakes, which come with first words. */
static uint64_t clock_for(const oa_thread *thread, oa_crowd_kind kind) {
  const uint64_t now = oa_clock_monotonic_ns();
  return kind == OA_CROWD_SHAKE ? now : now - thread->crowd_shook_ns;
}

uint64_t oa_crowd_begin(const oa_thread *thread, oa_crowd_kind kind) {
  return clock_for(thread, kind);
}

void oa_crowd_end(oa_thread *thread, oa_crowd_kind kind, uint64_t began) {
  const uint64_t took = clock_for(thread, kind) - began;
  *spent_by(thread, kind) += took;
  if (kind == OA_CROWD_SHAKE) {
    thread->crowd_shook_ns += took;
  }
}

void oa_crowd_put_off(oa_connection *connection, bool leaving) {
  oa_thread *thread = connection->thread;
  if (oa_list_first(&thread->put_off) == NULL) {
    oa_thread_go_on_soon(thread);
  }
  connection->leaving = leaving;
  oa_list_push(&thread->put_off, &connection->in_put_off);
  oa_transport_adjust(connection);
}

bool oa_crowd_go_on(oa_thread *thread) {
  oa_link *link;
  bool any = false;
  while ((link = oa_list_first(&thread->put_off)) != NULL &&
         oa_crowd_may(thread, OA_CROWD_COME)) {
    oa_connection *connection = OA_LIST_ENTRY(link, oa_connection, in_put_off);
    const uint64_t began = oa_crowd_begin(thread, OA_CROWD_COME);
    oa_link_remove(link);
    if (connection->leaving) {
      oa_connection_close(connection);
    } else {
      oa_transport_read_now(connection);
    }
    oa_thread_settle(thread);
    oa_crowd_end(thread, OA_CROWD_COME, began);
    any = true;
  }
  if (link != NULL) {
    oa_thread_go_on_soon(thread);
  }
  return any;
}
