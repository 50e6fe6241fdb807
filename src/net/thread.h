/* SPDX-License-Identifier: Apache-2.0 */
/* thread.h - one I/O thread: its loop, its listeners, its connections and the
 * memory of its requests.
 *
 * Nothing here is shared with other threads but the atomics and the
 * asynchronous handle at the end.  Everything runs on the thread itself,
 * unless a comment says otherwise.
 */
#ifndef OA_NET_THREAD_H
#define OA_NET_THREAD_H

#include <nghttp2/nghttp2.h>
#include <stdatomic.h>
#include <uv.h>

#include "base/buf.h"
#include "codec/codec.h"
#include "net/http1.h"
#include "net/list.h"
#include "net/listener.h"
#include "net/pool.h"
#include "net/retry.h"
#include "net/server.h"
#include "net/watch.h"

enum {
  /* Large enough that a 400 KB body takes few system calls, small enough to
   * stay in the second-level cache until it has been copied out. */
  OA_THREAD_READ_SIZE = 128 * 1024,
  /* Frames gathered for one write. */
  OA_THREAD_WRITE_SIZE = 32 * 1024,
  /* Plaintext of four records of TLS. */
  OA_THREAD_PLAIN_SIZE = 64 * 1024,
  /* Decompressed messages whose memory is kept for the next ones. */
  OA_THREAD_SPARE_BUFS = 4,
  /* Digests of addresses. */
  OA_THREAD_ORIGINS = 256,
  /* Accepted sockets on their way from one thread to another. */
  OA_THREAD_INBOX = 64,
};

/* Long messages stand in two queues, so that usual ones never wait behind
 * those that fill the budget alone. */
typedef enum oa_lane { OA_LANE_USUAL, OA_LANE_LARGE, OA_LANES } oa_lane;

/* What comes and goes has a part of each turn of the loop; see crowd.c. */
typedef enum oa_crowd_kind {
  OA_CROWD_ACCEPT,
  OA_CROWD_COME,  /* to take first words, and to close */
  OA_CROWD_SHAKE, /* to begin TLS handshakes */
  OA_CROWD_KINDS,
} oa_crowd_kind;

typedef struct oa_thread {
  oa_server *server;
  const oa_server_options *options;
  unsigned index;
  uv_loop_t loop;
  oa_watch watch;
  uv_timer_t timer;
  uv_prepare_t prepare; /* counts the turns of the loop */
  uint64_t turn;
  oa_listener listeners[OA_SERVER_MAX_LISTENERS];
  nghttp2_option *http2_option;
  nghttp2_session_callbacks *http2_callbacks;

  oa_pool pool;
  uint8_t *read_buffer;  /* OA_THREAD_READ_SIZE, or NULL while idle */
  uint8_t *write_buffer; /* OA_THREAD_WRITE_SIZE, or NULL while idle */
  uint8_t *plain_buffer; /* OA_THREAD_PLAIN_SIZE, or NULL without TLS */
  oa_buf cipher;         /* what TLS has to send, while it is being sent */
  struct oa_stream *spare_streams;
  size_t spare_stream_count;
  oa_inflater *inflater;        /* made for the first compressed message */
  struct oa_unpacker *unpacker; /* made for the first that becomes long */
  oa_buf spare_bufs[OA_THREAD_SPARE_BUFS];
  oa_purse purse; /* of the pool and of decompressed messages */

  /* Connections.  Those with a time limit stand, oldest first, in the list of
   * their limit. */
  oa_list connections;
  oa_list hellos;  /* a ClientHello is still coming */
  oa_list in_line; /* it is whole, and waits for its turn */
  oa_list shaking; /* TLS handshakes under way */
  size_t shaking_count;
  uint32_t shaking_by[OA_THREAD_ORIGINS]; /* the same by where they are from */
  size_t hello_bytes;                     /* memory of hellos and in_line */
  oa_list handshaking;
  oa_list idle;
  oa_list lingering;
  oa_list blocked;     /* the peer does not read */
  oa_list dirty;       /* something to send */
  oa_list postponed;   /* go on in the next turn of the loop */
  oa_list put_off;     /* newcomers and leavers whose turn it is not yet */
  uint64_t crowd_turn; /* the turn that crowd_ns is about */
  uint64_t crowd_ns[OA_CROWD_KINDS];
  uint64_t crowd_shook_ns; /* that ever went to handshakes */
  bool overdue;        /* there are more whose time is over than were ended */
  size_t live;         /* connections whose memory is still there */
  size_t stream_count; /* that peers have open */

  /* Streams. */
  oa_list timed;    /* must get on: message still coming or answer going */
  oa_list parting;  /* answered before the peer had said all */
  oa_list paced;    /* the same, by when their bytes were last looked at */
  oa_list granted;  /* long messages coming in, by time of their grant */
  oa_list crawling; /* those that the budget no longer counts */
  oa_list waiting[OA_LANES]; /* connections with long messages that may not
                                come in yet, in the order of their turns */
  oa_list ready;     /* connections whose whole messages are handed over next */
  oa_list backlog;   /* and those that go on in a later turn of the loop */
  oa_list unpacking; /* messages that are to be decompressed; see unpack.h */
  oa_list handed;    /* the handler has them, or they rest */
  oa_list drained;   /* streaming calls whose outbox has become empty */
  size_t granted_bytes[OA_LANES];
  size_t slow_bytes;  /* of crawling messages */
  size_t held_bytes;  /* of all bodies */
  size_t ahead_bytes; /* that may come of messages that have not begun */
  oa_retry retry;     /* when those come back who were refused */
  uint64_t busy_at;   /* loop time of the last read */
  uint64_t ticked_at;
  uint64_t patient_until; /* nothing is overdue before */
  uint64_t trimmed_at;
  size_t gone;          /* connections since then */
  uint64_t tls_told_at; /* log lines of which one a while is enough */
  uint64_t refusal_told_at;
  uint64_t accept_told_at;
  uint64_t flood_told_at;
  uint64_t date_at; /* seconds; what date says */
  char date[OA_HTTP1_DATE_SIZE];
  bool paused;
  bool delivering;
  bool stopping;
  bool goaway_sent;
  uint64_t stop_at; /* loop time when connections are closed at last */

  /* Touched by other threads. */
  uv_async_t async;
  uv_mutex_t async_lock; /* over the next three */
  bool async_open;
  int inbox[OA_THREAD_INBOX];
  size_t inbox_len;
  atomic_uint_fast32_t load; /* connections, also those in the inbox */
  atomic_bool wake_wanted;
  atomic_bool stop_wanted;
  atomic_uint_fast32_t stop_timeout_ms;
  /* Written by this thread alone, read by any. */
  atomic_uint_fast64_t opened;
  atomic_uint_fast64_t refused;
  atomic_uint_fast64_t late;
  atomic_uint_fast64_t flooded;
  atomic_uint_fast64_t late_bodies;
  atomic_uint_fast64_t accept_pauses;
  atomic_uint_fast64_t received;
  atomic_uint_fast64_t held;

  uv_thread_t id;
  bool loop_open; /* loop, locks and semaphores are there */
  bool running;   /* id is a thread to join */
  uv_sem_t started;
  uv_sem_t go;
  bool go_ahead; /* said before go: serve, or end at once */
  oa_status start_status;
  oa_error start_error;
} oa_thread;

/* Fills THREAD, which is zeroed, for SERVER.  The owner's thread calls this
 * and the next three, and oa_thread_reset() also after a failure. */
oa_status oa_thread_init(oa_thread *thread, oa_server *server,
                         const oa_server_options *options, unsigned index,
                         oa_error *error);

/* Starts it and waits until the handler's thread_start() has been.  It serves
 * after oa_thread_go(). */
oa_status oa_thread_start(oa_thread *thread, oa_error *error);
void oa_thread_go(oa_thread *thread, bool ahead);

/* Any thread may call these three. */

/* Has THREAD serve the accepted socket FD, whose connection is counted in its
 * load already.  False when it cannot; FD stays the caller's. */
bool oa_thread_offer(oa_thread *thread, int fd);

void oa_thread_wake(oa_thread *thread);
void oa_thread_stop(oa_thread *thread, uint32_t timeout_ms);

/* Frees what THREAD, whose thread has ended or never began, holds. */
void oa_thread_reset(oa_thread *thread);

/* What every loop callback does at its end: hands whole messages over, grants
 * windows and sends what has gathered. */
void oa_thread_settle(oa_thread *thread);

/* Has what was postponed go on in the next turn of the loop. */
void oa_thread_go_on_soon(oa_thread *thread);

/* True when a log line that was last written at *TOLD_AT is due again, and
 * notes that it is written now. */
bool oa_thread_may_tell(oa_thread *thread, uint64_t *told_at);

/* The Date of an answer that is made now (RFC 9110, section 6.6.1). */
const char *oa_thread_date(oa_thread *thread);

/* To be called when the memory of a connection has gone. */
void oa_thread_connection_gone(oa_thread *thread);

/* Adds to a counter that only this thread writes. */
static inline void oa_thread_count(atomic_uint_fast64_t *counter,
                                   uint64_t more) {
  const uint64_t now = atomic_load_explicit(counter, memory_order_relaxed);
  atomic_store_explicit(counter, now + more, memory_order_relaxed);
}

/* The TLS rules for new connections, taken; NULL when there are none. */
oa_tls_context *oa_server_take_tls(oa_server *server);

/* The thread to serve a connection that SELF has accepted.  The kernel spreads
 * connections by a hash, which for a few of them is often lopsided; so one
 * goes to the thread with the fewest, and counts in its load from here on. */
oa_thread *oa_server_choose(oa_server *server, oa_thread *self);

/* The number of connections of all threads, raised and lowered. */
bool oa_server_admit(oa_server *server);
void oa_server_dismiss(oa_server *server);

#endif
