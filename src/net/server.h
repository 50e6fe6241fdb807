/* SPDX-License-Identifier: Apache-2.0 */
/* server.h - a server for gRPC and HTTP: N I/O threads, each with its own loop,
 * its own SO_REUSEPORT listeners and its own connections.
 *
 * Every port takes every protocol: HTTP/2 and HTTP/1.1, in the clear or under
 * TLS; the first bytes of a connection tell.  A connection lives on one
 * thread; nothing is shared between threads on the way of a request.  The
 * server knows framing, compression and flow control, and nothing of
 * telemetry: what a path means is the handler's business.
 *
 * Memory: a stream may send `stream_window` bytes unasked.  A longer message
 * waits, and is granted the rest of its window only while the thread has
 * `body_budget` left, connection after connection, each with its oldest; so
 * many big concurrent requests do not grow memory, flow control makes their
 * senders wait, and no connection waits for all that another one has.
 */
#ifndef OA_NET_SERVER_H
#define OA_NET_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/account.h"
#include "base/error.h"
#include "base/log.h"
#include "net/tls.h"

enum { OA_SERVER_MAX_LISTENERS = 4 };

/* gRPC status codes (grpc/doc/statuscodes.md). */
typedef enum oa_grpc_code {
  OA_GRPC_OK = 0,
  OA_GRPC_CANCELLED = 1,
  OA_GRPC_UNKNOWN = 2,
  OA_GRPC_INVALID_ARGUMENT = 3,
  OA_GRPC_DEADLINE_EXCEEDED = 4,
  OA_GRPC_NOT_FOUND = 5,
  OA_GRPC_PERMISSION_DENIED = 7,
  OA_GRPC_RESOURCE_EXHAUSTED = 8,
  OA_GRPC_UNIMPLEMENTED = 12,
  OA_GRPC_INTERNAL = 13,
  OA_GRPC_UNAVAILABLE = 14,
  OA_GRPC_UNAUTHENTICATED = 16,
} oa_grpc_code;

typedef enum oa_call_kind {
  OA_CALL_UNARY,  /* gRPC: one message in, one reply */
  OA_CALL_STREAM, /* gRPC: any number of messages in, and out before the reply
                   */
  OA_CALL_HTTP,   /* a plain HTTP request with its body, one reply */
} oa_call_kind;

/* One call.  It belongs to the thread that handed it out.  UNARY and HTTP
 * calls live until the reply, also when their peer has gone meanwhile; STREAM
 * calls until the reply or canceled(). */
typedef struct oa_call {
  unsigned thread; /* 0 .. threads-1 */
  oa_call_kind kind;
  int method;             /* what the handler's admit() gave */
  const uint8_t *message; /* or the body of HTTP; decompressed */
  size_t message_len;
  uint64_t deadline_ns; /* monotonic; 0 = the client set no grpc-timeout */
  void *user;           /* the handler's own */
} oa_call;

/* What the head of a request says, beside its fields. */
typedef struct oa_request {
  const char *method; /* "POST" */
  const char *path;   /* without the query; cut when it is longer than any that
                         is served */
  bool grpc;          /* its content-type is application/grpc */
  bool tls;
} oa_request;

typedef struct oa_grpc_reply_data {
  oa_grpc_code code;
  const char *text;       /* grpc-message; NULL = none (percent-encoded here) */
  const uint8_t *message; /* the answer, with code OK; may be NULL when empty.
                             Not for STREAM, see oa_call_send() */
  size_t message_len;
  uint32_t retry_after_ms; /* 0 = no RetryInfo in grpc-status-details-bin */
} oa_grpc_reply_data;

typedef struct oa_http_field {
  const char *name; /* lower-case */
  const char *value;
} oa_http_field;

enum { OA_HTTP_MAX_FIELDS = 8 };

typedef struct oa_http_reply_data {
  unsigned status;
  const char *content_type; /* NULL = none */
  oa_http_field
      fields[OA_HTTP_MAX_FIELDS]; /* further ones, until a NULL name */
  const uint8_t *body;
  size_t body_len;
} oa_http_reply_data;

/* Why the server itself refuses an HTTP request that admit() let in. */
typedef struct oa_http_problem {
  unsigned status; /* 400, 408, 413, 415, 503 */
  oa_grpc_code code;
  const char *text;
  uint32_t retry_after_ms; /* 0 = none */
} oa_http_problem;

/* Callbacks; all run on an I/O thread, never two at once for one thread. */
typedef struct oa_server_handler {
  /* Before the thread serves and after its last connection is gone.  Calls
   * that the handler still keeps are replied to in thread_stop() at the
   * latest; what is left after it is freed. */
  oa_status (*thread_start)(void *context, unsigned thread, oa_error *error);
  void (*thread_stop)(void *context, unsigned thread);
  /* The head of a request has come, and no byte of what follows was looked at.
   * Sets CALL's kind and method (and user) and returns true; or replies at
   * once and returns false.  REQUEST lives during the callback only. */
  bool (*admit)(void *context, oa_call *call, const oa_request *request);
  /* UNARY, HTTP: all of it is there.  Exactly one reply must follow, at once
   * or later inside another callback of the same thread. */
  void (*request)(void *context, oa_call *call);
  /* STREAM: a whole message.  oa_call_message_done() must follow, at once or
   * later; the next message comes after it. */
  void (*message)(void *context, oa_call *call);
  /* STREAM: the peer will send no more.  The reply must follow. */
  void (*ended)(void *context, oa_call *call);
  /* STREAM: it is over without our reply; CALL is gone after the callback. */
  void (*canceled)(void *context, oa_call *call);
  /* STREAM: what oa_call_send() took has been sent.  May be NULL. */
  void (*drained)(void *context, oa_call *call);
  /* HTTP: oa_call_reply_http() must follow inside the callback. */
  void (*problem)(void *context, oa_call *call, const oa_http_problem *what);
  /* A UNARY or HTTP call that was let in ended before REQUEST could see it, or
   * the server ended a STREAM (too large, bad compression, bad frame, canceled,
   * ...): for counters.  The callbacks from here on may be NULL. */
  void (*refused)(void *context, unsigned thread, int method, oa_grpc_code code,
                  const char *reason);
  /* How long what the handler has taken keeps it busy, in milliseconds: who
   * found no room is told to come back no sooner. */
  uint32_t (*retry_ms)(void *context, unsigned thread);
  /* Every tick_ms. */
  void (*tick)(void *context, unsigned thread);
  /* After oa_server_wake(). */
  void (*wake)(void *context, unsigned thread);
} oa_server_handler;

typedef struct oa_listen {
  const char *address; /* IP literal */
  uint16_t port;       /* 0 = any free one */
  const char *key;     /* what the port is called where it is set, or NULL */
  int fd; /* a socket that listens already, in place of address and port; the
             threads share copies of it.  0 = none */
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
  oa_account *account;     /* borrowed; counts the bodies, and a call whose body
                              it has no room for is UNAVAILABLE; NULL = none */
  size_t max_header_bytes; /* of one request's header list */
  uint32_t max_resets;     /* requests a second that one connection begins and
                              cancels, besides a burst */
  uint32_t max_control_frames; /* answers to PING and SETTINGS that wait */
  uint32_t max_handshakes;     /* of TLS under way at once, over all threads */
  uint32_t tick_ms;
  uint32_t handshake_timeout_ms; /* for TLS and the first bytes of HTTP */
  uint32_t idle_timeout_ms;      /* connection without streams */
  uint32_t body_timeout_ms;      /* from a request's headers to its last byte,
                                    not counting time that we make it wait */
  uint32_t min_body_rate;        /* bytes a second that a body must bring, not
                                    counting that time either; 0 = no bound */
  uint32_t pace_ms;              /* how often that is looked at */
  oa_tls_context *tls; /* NULL = none.  With it nothing goes in the clear.
                          The server takes a reference */
  const oa_server_handler *handler;
  void *context;
  const oa_log *log; /* may be NULL */
} oa_server_options;

typedef struct oa_server_stats {
  uint64_t connections_now;
  uint64_t connections_opened;
  uint64_t connections_refused; /* over max_connections */
  uint64_t connections_late;    /* not done with their greeting in time */
  uint64_t connections_flooded; /* ended for frames that bring only work */
  uint64_t bodies_late;         /* ended because they came too slowly */
  uint64_t accept_pauses;       /* no descriptor was left for a connection */
  uint64_t bytes_received;      /* message bytes as they came */
  uint64_t body_bytes_now;      /* held in request bodies */
} oa_server_stats;

typedef struct oa_server oa_server;

/* Sensible values for everything but listeners, handler and context. */
void oa_server_options_init(oa_server_options *options);

/* Binds the listeners and starts the threads.  OA_ERR_IO names address and
 * port and what is wrong with them ("address already in use").  A second
 * process may not share the port although our threads do.  The handler, its
 * context and the log are borrowed until oa_server_free().
 * *OUT is set before any callback but thread_start() runs. */
oa_status oa_server_start(oa_server **out, const oa_server_options *options,
                          oa_error *error);

/* The port that listener INDEX really has. */
uint16_t oa_server_port(const oa_server *server, size_t index);
unsigned oa_server_threads(const oa_server *server);

/* Has the handler's wake() run soon on THREAD.  Any thread may call it, until
 * oa_server_free(). */
void oa_server_wake(oa_server *server, unsigned thread);

/* New connections use TLS from here on, old ones keep theirs.  Only for a
 * server that began with TLS.  Any thread. */
void oa_server_set_tls(oa_server *server, oa_tls_context *tls);

/* The functions on calls are for the call's thread only. */

/* A header field of the request by its lower-case NAME, NULL when it is not
 * there (the first one, when it came several times).  Valid until the reply.
 * Not terminated: *LEN says how long it is. */
const char *oa_call_header(const oa_call *call, const char *name, size_t *len);

/* Ends a gRPC CALL, one of the kind HTTP. */
void oa_call_reply(oa_call *call, const oa_grpc_reply_data *reply);
void oa_call_reply_http(oa_call *call, const oa_http_reply_data *reply);

/* Queues one message of a STREAM, copied.  OA_ERR_NOMEM. */
oa_status oa_call_send(oa_call *call, const uint8_t *message, size_t len);

/* Bytes that oa_call_send() took and HTTP/2 has not: a peer that does not
 * read.  The handler stops sending when they are many, until drained(). */
size_t oa_call_unsent(const oa_call *call);

/* Gives the memory of CALL's message back, so that the next message may come
 * in; UNARY and HTTP: before the reply while this call waits (for a disk,
 * say). */
void oa_call_message_done(oa_call *call);

/* Until resumed, no further message is granted window and no whole message is
 * handed out on THREAD.  On that thread only. */
void oa_server_pause(oa_server *server, unsigned thread, bool paused);

/* Stops accepting, sends GOAWAY, lets calls in flight end for at most
 * TIMEOUT_MS, closes, joins the threads.  Not from a callback. */
void oa_server_stop(oa_server *server, uint32_t timeout_ms);

void oa_server_get_stats(const oa_server *server, oa_server_stats *out);

/* After oa_server_stop(). */
void oa_server_free(oa_server *server);

#endif
