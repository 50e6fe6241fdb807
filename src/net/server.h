/* SPDX-License-Identifier: Apache-2.0 */
/* server.h - a gRPC server: N I/O threads, each with its own loop, its own
 * SO_REUSEPORT listeners and its own connections.
 *
 * A connection lives on one thread; nothing is shared between threads on the
 * way of a request.  The server knows HTTP/2, gRPC framing and compression,
 * and nothing of telemetry: what a path means is the handler's business.
 *
 * Memory: a stream may send `stream_window` bytes unasked.  A longer message
 * waits, and is granted the rest of its window only while the thread has
 * `body_budget` left, oldest first; so many big concurrent requests do not
 * grow memory, HTTP/2 flow control makes their senders wait.
 */
#ifndef OA_NET_SERVER_H
#define OA_NET_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/log.h"

enum { OA_SERVER_MAX_LISTENERS = 4 };

/* gRPC status codes (grpc/doc/statuscodes.md). */
typedef enum oa_grpc_code {
  OA_GRPC_OK = 0,
  OA_GRPC_CANCELLED = 1,
  OA_GRPC_UNKNOWN = 2,
  OA_GRPC_INVALID_ARGUMENT = 3,
  OA_GRPC_DEADLINE_EXCEEDED = 4,
  OA_GRPC_NOT_FOUND = 5,
  OA_GRPC_RESOURCE_EXHAUSTED = 8,
  OA_GRPC_UNIMPLEMENTED = 12,
  OA_GRPC_INTERNAL = 13,
  OA_GRPC_UNAVAILABLE = 14,
  OA_GRPC_UNAUTHENTICATED = 16,
} oa_grpc_code;

/* One unary call whose message has arrived whole.  It belongs to the thread
 * that handed it out and lives until oa_grpc_reply(). */
typedef struct oa_grpc_call {
  unsigned thread;        /* 0 .. threads-1 */
  int method;             /* what the handler's route() gave */
  const uint8_t *message; /* decompressed; valid until the reply */
  size_t message_len;
  uint64_t deadline_ns; /* monotonic; 0 = the client set no grpc-timeout */
  void *user;           /* the handler's, for calls it keeps for later */
} oa_grpc_call;

typedef struct oa_grpc_reply_data {
  oa_grpc_code code;
  const char *text;       /* grpc-message; NULL = none (percent-encoded here) */
  const uint8_t *message; /* the answer, with code OK; may be NULL when empty */
  size_t message_len;
  uint32_t retry_after_ms; /* 0 = no RetryInfo in grpc-status-details-bin */
} oa_grpc_reply_data;

/* Callbacks; all run on an I/O thread, never two at once for one thread. */
typedef struct oa_server_handler {
  /* Before the thread serves and after its last connection is gone.  Calls
   * that the handler still keeps are replied to in thread_stop() at the
   * latest; what is left after it is freed. */
  oa_status (*thread_start)(void *context, unsigned thread, oa_error *error);
  void (*thread_stop)(void *context, unsigned thread);
  /* A number >= 0 for a path that is served, -1 for UNIMPLEMENTED. */
  int (*route)(void *context, const char *path, size_t len);
  /* A whole message.  Exactly one oa_grpc_reply() must follow, at once or
   * later inside another callback of the same thread; also when the peer has
   * gone meanwhile. */
  void (*request)(void *context, oa_grpc_call *call);
  /* A call ended before REQUEST could see it (too large, bad compression, bad
   * frame, canceled, ...): for counters.  METHOD is -1 when the path is
   * unknown.  The three callbacks from here on may be NULL. */
  void (*refused)(void *context, unsigned thread, int method, oa_grpc_code code,
                  const char *reason);
  /* Every tick_ms. */
  void (*tick)(void *context, unsigned thread);
  /* After oa_server_wake(). */
  void (*wake)(void *context, unsigned thread);
} oa_server_handler;

typedef struct oa_listen {
  const char *address; /* IP literal */
  uint16_t port;       /* 0 = any free one */
} oa_listen;

typedef struct oa_server_options {
  unsigned threads; /* 0 = one per CPU that this process may use */
  oa_listen listeners[OA_SERVER_MAX_LISTENERS];
  size_t listener_count;
  size_t max_message;      /* bytes, compressed and decompressed */
  size_t max_connections;  /* over all threads */
  uint32_t max_streams;    /* concurrent, a connection */
  uint32_t stream_window;  /* bytes a stream may send unasked */
  size_t body_budget;      /* bytes of granted messages, a thread */
  size_t body_limit;       /* bytes of all bodies, also those that wait and
                              those that trickle, a thread; beyond it new
                              calls are UNAVAILABLE */
  size_t max_header_bytes; /* of one request's header list */
  uint32_t tick_ms;
  uint32_t handshake_timeout_ms; /* for the first bytes of HTTP/2 */
  uint32_t idle_timeout_ms;      /* connection without streams */
  uint32_t body_timeout_ms;      /* from a request's headers to its last byte,
                                    not counting time that we make it wait */
  const char *http1_text;        /* what an HTTP/1.1 client is told */
  const oa_server_handler *handler;
  void *context;
  const oa_log *log; /* may be NULL */
} oa_server_options;

typedef struct oa_server_stats {
  uint64_t connections_now;
  uint64_t connections_opened;
  uint64_t connections_refused;
  uint64_t bytes_received; /* message bytes as they came */
  uint64_t body_bytes_now; /* held in request bodies */
} oa_server_stats;

typedef struct oa_server oa_server;

/* Sensible values for everything but listeners, handler and context. */
void oa_server_options_init(oa_server_options *options);

/* Binds the listeners and starts the threads.  OA_ERR_IO names address and
 * port and what is wrong with them ("address already in use").  A second
 * process may not share the port although our threads do.  The handler, its
 * context, the log and the HTTP/1.1 text are borrowed until oa_server_free().
 * *OUT is set before any callback but thread_start() runs. */
oa_status oa_server_start(oa_server **out, const oa_server_options *options,
                          oa_error *error);

/* The port that listener INDEX really has. */
uint16_t oa_server_port(const oa_server *server, size_t index);
unsigned oa_server_threads(const oa_server *server);

/* Has the handler's wake() run soon on THREAD.  Any thread may call it, until
 * oa_server_free(). */
void oa_server_wake(oa_server *server, unsigned thread);

/* Ends CALL.  On the call's thread only. */
void oa_grpc_reply(oa_grpc_call *call, const oa_grpc_reply_data *reply);

/* Gives the memory of CALL's message back before the reply, so that the next
 * message may come in while this call waits (for a disk, say).  On the call's
 * thread only. */
void oa_grpc_message_done(oa_grpc_call *call);

/* Until resumed, no further message is granted window and no whole message is
 * handed to request() on THREAD.  On that thread only. */
void oa_server_pause(oa_server *server, unsigned thread, bool paused);

/* Stops accepting, sends GOAWAY, lets calls in flight end for at most
 * TIMEOUT_MS, closes, joins the threads.  Not from a callback. */
void oa_server_stop(oa_server *server, uint32_t timeout_ms);

void oa_server_get_stats(const oa_server *server, oa_server_stats *out);

/* After oa_server_stop(). */
void oa_server_free(oa_server *server);

#endif
