/* SPDX-License-Identifier: Apache-2.0 */
/* connection.h - one TCP connection: what it speaks, what it reads and sends,
 * and how long it may take for it.
 *
 * The first bytes tell HTTP/2 from the rest.  Reading stops while the peer
 * does not take what we send, so a peer that only talks cannot make us hold
 * answers without bound.  Used by its own thread only.
 */
#ifndef OA_NET_CONNECTION_H
#define OA_NET_CONNECTION_H

#include <nghttp2/nghttp2.h>
#include <uv.h>

#include "base/buf.h"
#include "net/bucket.h"
#include "net/list.h"
#include "net/thread.h"

typedef enum oa_connection_state {
  OA_CONNECTION_PEEK,   /* first bytes */
  OA_CONNECTION_HTTP2,  /* served */
  OA_CONNECTION_HTTP1,  /* served */
  OA_CONNECTION_LINGER, /* all is said; waits for the peer to hang up */
  OA_CONNECTION_CLOSED, /* memory goes with the next turn of the loop */
} oa_connection_state;

/* Where a TLS handshake stands; see handshake.h. */
typedef enum oa_shake {
  OA_SHAKE_NONE,  /* there is none: in the clear, or over */
  OA_SHAKE_HELLO, /* the ClientHello is still coming */
  OA_SHAKE_LINE,  /* it is whole and waits for its turn */
  OA_SHAKE_GOING, /* OpenSSL has it */
} oa_shake;

enum { OA_CONNECTION_HEAD_SIZE = 4 };

typedef struct oa_connection {
  oa_thread *thread;
  uv_tcp_t tcp;
  oa_connection_state state;
  uint8_t head[OA_CONNECTION_HEAD_SIZE]; /* too few bytes to tell yet */
  size_t head_len;
  oa_tls *tls;                    /* NULL in the clear, and before its turn */
  nghttp2_session *session;       /* HTTP/2 */
  struct oa_http1_session *http1; /* HTTP/1.1 */
  oa_list streams;
  size_t stream_count;
  bool begun;          /* its first bytes have come */
  bool greeted;        /* the peer's SETTINGS have come */
  bool asked;          /* the head of its first HTTP/1.1 request has begun */
  uint32_t window;     /* what a stream may send unasked, as announced last */
  unsigned unsettled;  /* SETTINGS of ours that the peer has not confirmed */
  unsigned lone_calls; /* made one at a time */
  bool failed;         /* send what is left, then linger */
  bool postponed;      /* goes on in the next turn of the loop */
  bool hung_up;        /* said its last word, and waits for answers */
  oa_bucket calm;      /* frames that bring nothing */
  oa_bucket resets;    /* requests that came to nothing */

  /* Long messages that must wait; see flow.c. */
  oa_list waiting[OA_LANES];
  oa_link in_waiting[OA_LANES];
  size_t budgeted; /* bytes of those that may come in */
  size_t held;     /* bytes of all its bodies */

  /* Whole messages; see turn.c. */
  oa_list ready;
  oa_link in_turn; /* the thread's ready or backlog */
  bool back;       /* it stands back, and is not read */
  uint64_t back_at;
  uint64_t slice_turn; /* when it was served last, and since when */
  uint64_t slice_ns;

  oa_shake shake;
  oa_link in_shake;  /* the thread's hellos, in_line or shaking */
  uint64_t shook_at; /* when it took its place there */
  uint8_t origin;    /* a digest of its address */
  oa_buf hello;      /* what has come before its turn */

  oa_link in_put_off; /* the thread's put_off; it is not read then */
  bool leaving;       /* it stands there since it has hung up */

  oa_link in_thread;
  oa_link in_dirty;
  oa_link in_timed; /* handshaking, idle or lingering */
  uint64_t timed_at;
  size_t discarded; /* bytes that came while lingering */
  oa_link in_blocked;
  uint64_t blocked_at;
  uv_write_t write;
  oa_buf unsent; /* what the socket did not take; in flight when blocked */
  bool blocked;
  bool reading;
  unsigned reads; /* in this turn of the loop */
  uint64_t turn;
  uv_shutdown_t shutdown;
} oa_connection;

/* Takes the accepted socket FD over, which THREAD has counted in its load. */
void oa_connection_accept(oa_thread *thread, int fd);

/* To be called when there may be something to send, or to go on with. */
void oa_connection_touch(oa_connection *connection);

/* Goes on with what waits, and sends what there is, until the socket is full;
 * ends the connection when it is over. */
void oa_connection_flush(oa_connection *connection);

/* Joins and leaves the idle list as its streams come and go. */
void oa_connection_streams_changed(oa_connection *connection);

/* The greeting is complete: no time limit but idleness from here. */
void oa_connection_greeted(oa_connection *connection);

/* The head of a request has begun, and must be complete soon; that of the
 * first one as soon after the connection was made. */
void oa_connection_expect(oa_connection *connection);

/* Counts and logs that it was ended for a flood of frames. */
void oa_connection_note_flood(oa_connection *connection);

/* Has it end with the next flush: it broke the protocol, or memory is short. */
void oa_connection_fail(oa_connection *connection);

/* Ends it at once; its streams are canceled. */
void oa_connection_close(oa_connection *connection);

/* Says that nothing more will come and waits for the peer to do the same. */
void oa_connection_linger(oa_connection *connection);

/* Tells the peer that no new call is welcome.  FINAL names the last one; a
 * first, general notice lets calls under way arrive. */
void oa_connection_say_goaway(oa_connection *connection, bool final);

/* Ends connections whose time is over, or some of them: then the thread's
 * `overdue` says so. */
void oa_connection_expire(oa_thread *thread);

/* LEN plain bytes have come. */
void oa_connection_receive(oa_connection *connection, const uint8_t *data,
                           size_t len);

/* crowd.c */

/* True while KIND has a part of this turn left. */
bool oa_crowd_may(oa_thread *thread, oa_crowd_kind kind);

/* True when who comes or goes has to wait, as others do. */
bool oa_crowd_is_early(oa_thread *thread);

/* Around what is done for it: END takes what BEGIN gave. */
uint64_t oa_crowd_begin(const oa_thread *thread, oa_crowd_kind kind);
void oa_crowd_end(oa_thread *thread, oa_crowd_kind kind, uint64_t began);

/* CONNECTION, whose first bytes have come or which, LEAVING, has hung up, waits
 * for a later turn, and is not read. */
void oa_crowd_put_off(oa_connection *connection, bool leaving);

/* A new turn: those who were put off go on.  True: there were some. */
bool oa_crowd_go_on(oa_thread *thread);

/* turn.c */

/* After its last message has been handed over, CONNECTION is read again. */
void oa_turn_settle(oa_connection *connection);

/* CONNECTION has no streams any more. */
void oa_turn_forget(oa_connection *connection);

/* transport.c */

/* Begins to read.  OA_ERR_IO. */
oa_status oa_transport_open(oa_connection *connection);

/* Gives CONNECTION its session, whose peer has sent LEN bytes. */
void oa_transport_begin_tls(oa_connection *connection, const uint8_t *data,
                            size_t len);

/* Sends LEN plain bytes, or keeps what the socket does not take.  False: the
 * connection has been closed. */
bool oa_transport_send(oa_connection *connection, const uint8_t *data,
                       size_t len);

/* Hands what the socket did not take to the loop. */
void oa_transport_await(oa_connection *connection);

/* Reads what has come without waiting for the loop to say so. */
void oa_transport_read_now(oa_connection *connection);

/* Reads, or rests, as what waits asks for. */
void oa_transport_adjust(oa_connection *connection);

/* Says that nothing more will come. */
void oa_transport_shutdown(oa_connection *connection);

void oa_transport_close(oa_connection *connection);

#endif
