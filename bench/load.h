/* SPDX-License-Identifier: Apache-2.0 */
/* load.h - the load generator's parts and what they share.
 *
 *   load.c         options, the loop over the connections, the result
 *   load_pack.c    the file with the bodies; counting what became of them
 *   load_link.c    a socket, with or without TLS
 *   load_http1.c   HTTP/1.1 with keep-alive, one request at a time
 *   load_http2.c   HTTP/2: gRPC calls and plain requests, M at a time
 *   load_stream.c  HTTP/2: gRPC streams of OTAP or Arrow Flight
 *
 * One thread.  Whatever goes wrong outside of an answer ends the program.
 */
#ifndef BENCH_LOAD_H
#define BENCH_LOAD_H

#include <nghttp2/nghttp2.h>
#include <openssl/ssl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum {
  MAX_CONNECTIONS = 256,
  PREFIX = 5,             /* gRPC: compressed flag, length */
  OUT_BYTES = 256 * 1024, /* gathered for one send() */
  UNAVAILABLE = 14,
};

/* A body with PREFIX before it. */
typedef struct frame {
  const uint8_t *data;
  size_t len;
} frame;

typedef enum load_kind {
  LOAD_GRPC,
  LOAD_HTTP1,
  LOAD_HTTP2,
  LOAD_OTAP,
  LOAD_FLIGHT
} load_kind;

typedef struct load load;
typedef struct connection connection;

/* What a protocol does on a connection. */
typedef struct protocol {
  void (*open)(connection *conn);
  void (*start)(connection *conn);  /* new requests, as many as may be */
  void (*gather)(connection *conn); /* bytes into the empty conn->out */
  void (*receive)(connection *conn, const uint8_t *data, size_t len);
} protocol;

struct connection {
  load *run;
  int fd;
  SSL *ssl;         /* NULL: cleartext */
  size_t in_flight; /* with those that rest */
  int64_t *resting; /* until when, of refused requests; one a stream */
  size_t resting_count;
  uint8_t *out; /* bytes to send next */
  size_t out_len, out_room, out_sent;
  nghttp2_session *session;
  struct exchange *exchange; /* HTTP/1.1 */
};

struct load {
  load_kind kind;
  const protocol *protocol;
  unsigned port, connections, streams;
  size_t window; /* units of a stream that may be unanswered */
  size_t requests;
  double rate;
  int64_t pause_ns;
  bool any_status;
  const char *path, *type, *ciphers;
  char authority[32];
  SSL_CTX *tls;
  nghttp2_session_callbacks *callbacks;
  frame *frames;
  size_t frame_count;
  connection conns[MAX_CONNECTIONS];
  size_t next;   /* first request not sent yet */
  size_t *again; /* requests to send again, a stack */
  size_t again_count;
  int64_t not_before; /* nothing is sent earlier */
  int64_t begin;
  int64_t *latency;
  size_t ok, failed, refused;
  int last_http, last_grpc; /* of the last failure */
  uint64_t bytes;
};

extern const protocol load_http1, load_http2, load_stream;

/* load_pack.c */
void die(const char *what) __attribute__((noreturn));
void *need(void *memory);
int64_t now_ns(void);
void open_pack(load *run, const char *path);
bool framed(const load *run); /* the prefix is sent too */
int64_t next_due(const load *run);
size_t take_next(load *run);
void count_ok(load *run, size_t bytes, int64_t start);
void count_refused(load *run, size_t number, bool rests);
void count_failed(load *run, size_t count, int http, int grpc);

/* load_link.c */
void make_tls(load *run);
void connect_to(load *run, connection *conn);
void put_out(connection *conn, const void *data, size_t len);
void flush(connection *conn);
void receive(connection *conn);

/* load_http2.c */
nghttp2_nv header(const char *name, const char *value);
void http2_gather(connection *conn);
void http2_receive(connection *conn, const uint8_t *data, size_t len);
void http2_session(connection *conn);

#endif
