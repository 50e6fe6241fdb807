/* SPDX-License-Identifier: Apache-2.0 */
/* stream.h - one HTTP/2 stream, which is one gRPC call.
 *
 * Its life: HEADERS -> BODY (-> WAITING -> BODY) -> READY -> HANDED ->
 * ANSWERED; from each of the first four it may jump to ANSWERED when we refuse
 * it, or end when the peer gives up.  Once handed out it lives until the
 * reply, even when its connection is gone.  Used by its own thread only.
 *
 * stream.c has its life, message.c its message, answer.c its answer.
 */
#ifndef OA_NET_STREAM_H
#define OA_NET_STREAM_H

#include "base/buf.h"
#include "net/connection.h"
#include "net/grpc.h"
#include "net/list.h"
#include "net/pool.h"
#include "net/server.h"

typedef enum oa_stream_state {
  OA_STREAM_HEADERS,  /* its header block is still coming */
  OA_STREAM_BODY,     /* its message may come in */
  OA_STREAM_WAITING,  /* a long message that must wait for its window */
  OA_STREAM_READY,    /* whole; waits to be handed over */
  OA_STREAM_HANDED,   /* the handler has it */
  OA_STREAM_ANSWERED, /* the answer is on its way; what comes is ignored */
} oa_stream_state;

enum {
  OA_STREAM_PATH_SIZE = 128, /* of an unknown path, for the answer */
  OA_STREAM_OUT_SIZE = 128,  /* answers up to this need no memory */
};

typedef struct oa_stream {
  oa_grpc_call call; /* the first: the handler's pointer is ours, too */
  oa_thread *thread;
  oa_connection *connection; /* NULL when the peer has gone */
  int32_t id;
  oa_stream_state state;
  oa_link in_connection;
  oa_link in_queue; /* the thread's timed, waiting, ready or handed */
  uint64_t timed_at;
  struct oa_stream *next_spare;

  /* From the header block. */
  size_t header_bytes;
  oa_codec codec;
  bool post;
  bool grpc_type;
  bool encoding_unknown;
  bool timeout_malformed;
  bool ended; /* the peer has said END_STREAM */
  uint64_t timeout_ns;
  char path[OA_STREAM_PATH_SIZE];

  /* The message. */
  uint8_t prefix[OA_GRPC_PREFIX_SIZE];
  uint8_t prefix_len;
  uint32_t length; /* what the prefix says */
  uint32_t have;
  uint32_t padding; /* flow control counts it, the message does not */
  oa_block block;
  oa_buf inflated;
  bool granted;
  bool slow; /* granted, but no longer counted by the budget */
  oa_link in_granted;
  uint64_t granted_at;
  size_t budgeted; /* bytes in the thread's granted_bytes or slow_bytes */
  size_t held;     /* bytes in the thread's held_bytes */

  /* The answer's body. */
  uint8_t out_small[OA_STREAM_OUT_SIZE];
  uint8_t *out;
  size_t out_len;
  size_t out_at;
  bool trailers;
} oa_stream;

/* stream.c */

/* A stream whose headers begin, or NULL when there is no memory. */
oa_stream *oa_stream_open(oa_connection *connection, int32_t id);

/* One header field.  OA_ERR_LIMIT: the list is so long that the connection
 * should go. */
oa_status oa_stream_header(oa_stream *stream, const uint8_t *name,
                           size_t name_len, const uint8_t *value,
                           size_t value_len);

/* The header block is complete: refuses the call or lets its message in. */
void oa_stream_begin(oa_stream *stream);

/* HTTP/2 has done with STREAM. */
void oa_stream_closed(oa_stream *stream);

/* The same for all streams of CONNECTION. */
void oa_stream_lose_all(oa_connection *connection);

/* Frees STREAM, which nobody knows any more. */
void oa_stream_free(oa_stream *stream);

/* Puts STREAM under the body time-out, which begins anew. */
void oa_stream_time(oa_stream *stream);

/* Ends what is overdue. */
void oa_stream_expire(oa_thread *thread);

/* Frees the streams that are kept for later calls. */
void oa_stream_trim(oa_thread *thread);

/* message.c */

/* LEN bytes of DATA frames. */
void oa_message_receive(oa_stream *stream, const uint8_t *data, size_t len);

/* PADDING bytes that used up window without being message. */
void oa_message_padded(oa_stream *stream, size_t padding);

/* END_STREAM. */
void oa_message_end(oa_stream *stream);

/* Tells the peer again how much STREAM may send, after SETTINGS changed it. */
void oa_message_renew_window(oa_stream *stream);

/* Grants windows to waiting streams while the budget allows. */
void oa_message_grant(oa_thread *thread);

/* Takes granted messages that crawl off the budget, so that a few slow
 * senders do not keep out all others. */
void oa_message_forgive(oa_thread *thread);

/* Hands whole messages over until the handler pauses. */
void oa_message_deliver(oa_thread *thread);

/* Gives back all memory and budget of the message. */
void oa_message_release(oa_stream *stream);

/* Frees memory that is kept for later messages. */
void oa_message_trim(oa_thread *thread);

/* answer.c */

/* Sends a gRPC answer. */
void oa_answer_send(oa_stream *stream, const oa_grpc_reply_data *reply);

/* Ends a call that the handler has not seen, with CODE and a reason. */
void oa_answer_refuse(oa_stream *stream, oa_grpc_code code,
                      uint32_t retry_after_ms, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* Ends a request that is no gRPC call with an HTTP status of three digits. */
void oa_answer_refuse_http(oa_stream *stream, const char *status,
                           oa_grpc_code code, const char *text);

/* After END_STREAM has gone out: has the peer stop sending, if it still is. */
void oa_answer_sent(oa_stream *stream);

#endif
