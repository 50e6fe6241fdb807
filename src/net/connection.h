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
#include "net/list.h"
#include "net/thread.h"

typedef enum oa_connection_state {
  OA_CONNECTION_PEEK,   /* first bytes */
  OA_CONNECTION_HTTP2,  /* served */
  OA_CONNECTION_LINGER, /* all is said; waits for the peer to hang up */
  OA_CONNECTION_CLOSED, /* memory goes with the next turn of the loop */
} oa_connection_state;

enum { OA_CONNECTION_HEAD_SIZE = 4 };

typedef struct oa_connection {
  oa_thread *thread;
  uv_tcp_t tcp;
  oa_connection_state state;
  uint8_t head[OA_CONNECTION_HEAD_SIZE]; /* too few bytes to tell yet */
  size_t head_len;
  nghttp2_session *session;
  oa_list streams;
  size_t stream_count;
  bool greeted;     /* the peer's SETTINGS have come */
  bool settled;     /* the peer has taken ours */
  bool failed;      /* send what is left, then linger */
  int64_t calm;     /* control frames that the peer may still send now */
  uint64_t calm_at; /* loop time when calm was last raised */

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
  uv_shutdown_t shutdown;
} oa_connection;

/* Takes the accepted socket FD over, which THREAD has counted in its load. */
void oa_connection_accept(oa_thread *thread, int fd);

/* To be called when there may be something to send. */
void oa_connection_touch(oa_connection *connection);

/* Sends what the session has, until the socket is full; ends the connection
 * when the session is over. */
void oa_connection_flush(oa_connection *connection);

/* Joins and leaves the idle list as its streams come and go. */
void oa_connection_streams_changed(oa_connection *connection);

/* The greeting is complete: no time limit but idleness from here. */
void oa_connection_greeted(oa_connection *connection);

/* Ends it at once; its streams are canceled. */
void oa_connection_close(oa_connection *connection);

/* Tells the peer that no new call is welcome.  FINAL names the last one; a
 * first, general notice lets calls under way arrive. */
void oa_connection_say_goaway(oa_connection *connection, bool final);

/* Ends connections whose time is over. */
void oa_connection_expire(oa_thread *thread);

#endif
