/* SPDX-License-Identifier: Apache-2.0 */
/* http1_session.h - the HTTP/1.1 side of a connection: one request at a time
 * becomes a stream, its answer goes back, and the next one begins.
 *
 * What a client sends ahead (pipelining, bodies that must wait for memory)
 * stays in the socket as far as possible: reading stops.  Used by the
 * connection's own thread only.
 */
#ifndef OA_NET_HTTP1_SESSION_H
#define OA_NET_HTTP1_SESSION_H

#include "net/connection.h"
#include "net/http1.h"
#include "net/stream.h"

typedef struct oa_http1_session {
  oa_http1 reader;
  oa_http1_room room; /* memory while a request is under way */
  oa_stream *stream;  /* its call, until the answer has gone */
  bool started;       /* the reader is inside a request */
  bool answered;      /* early, and the rest of the request is thrown away */
  bool complete;      /* all of the request has been read */
  bool closing;       /* nothing after the answer under way */
  bool last;          /* the request under way is the last one */
  uint64_t discarded; /* bytes behind an early answer */
  oa_buf rest;        /* body bytes that the stream could not take yet */
  oa_buf pending;     /* bytes behind them */
  oa_buf out;         /* to be sent */
} oa_http1_session;

/* Makes CONNECTION's session. */
oa_status oa_http1_open(oa_connection *connection);

/* Frees what CONNECTION's session has. */
void oa_http1_close(oa_connection *connection);

/* LEN bytes have come. */
void oa_http1_receive(oa_connection *connection, const uint8_t *data,
                      size_t len);

/* True when reading must rest: what has come cannot be worked on yet. */
bool oa_http1_waits(const oa_connection *connection);

/* Works on what could not be worked on before, and gives what is to be sent
 * in connection->http1->out.  True: after that the connection is over. */
bool oa_http1_work(oa_connection *connection);

/* After OUT has been sent: the answered request is over, the next may begin.
 * True when there is something to work on. */
bool oa_http1_sent(oa_connection *connection);

/* Puts the answer of STREAM into OUT. */
void oa_http1_reply(oa_stream *stream, const oa_http_reply_data *reply);

/* The head of a request did not come in time: answers so.  False: there is
 * nothing to answer to, or it has its answer. */
bool oa_http1_time_out(oa_connection *connection);

/* No request after the one under way. */
void oa_http1_say_goaway(oa_connection *connection);

#endif
