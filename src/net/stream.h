/* SPDX-License-Identifier: Apache-2.0 */
/* stream.h - one request and its answer: an HTTP/2 stream, or what an HTTP/1.1
 * connection does at a time.
 *
 * Its life: HEADERS -> BODY (-> WAITING -> BODY) -> READY -> HANDED ->
 * ANSWERED; from each of the first four it may jump to ANSWERED when we refuse
 * it, or end when the peer gives up.  A streaming call goes from HANDED back to
 * BODY with each message.  Once handed out, other calls live until the reply,
 * even when their connection is gone.  Used by its own thread only.
 *
 * stream.c has its life, pace.c how slow it may be, flow.c the memory brake,
 * message.c what comes in, unpack.c decompresses it, turn.c whose turn it is,
 * call.c the handler's side, answer.c and outbox.c what goes out.
 */
#ifndef OA_NET_STREAM_H
#define OA_NET_STREAM_H

#include "base/buf.h"
#include "net/connection.h"
#include "net/grpc.h"
#include "net/head.h"
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
  OA_STREAM_OUT_SIZE = 128, /* answers up to this need no memory */
};

/* A streaming call has these besides. */
typedef struct oa_outbox {
  oa_buf bytes; /* frames that HTTP/2 has not taken yet, from AT on */
  size_t at;
  oa_link in_drained; /* the thread's list of those to be told */
  bool open;          /* the response headers have been sent */
  bool deferred;      /* the session waits to be told of more */
  bool finished;      /* the status is known; it follows what is queued */
  oa_grpc_code code;
  uint32_t retry_after_ms;
  oa_buf text;
} oa_outbox;

typedef struct oa_stream {
  oa_call call; /* the first: the handler's pointer is ours, too */
  oa_thread *thread;
  oa_connection *connection; /* NULL when the peer has gone */
  int32_t id;
  oa_stream_state state;
  oa_link in_connection;
  oa_link in_queue; /* the thread's timed, handed or unpacking, or the
                       connection's waiting or ready */
  uint64_t timed_at;
  oa_link in_paced;
  uint64_t paced_at;
  uint64_t paced_bytes; /* what had come then */
  uint64_t brought;     /* bytes of bodies so far */
  struct oa_stream *next_spare;
  oa_head head;
  bool http1;    /* the request of an HTTP/1.1 connection */
  bool admitted; /* the handler knows it, and is told when it ends early */
  bool ended;    /* the peer has said END_STREAM */
  bool sent;     /* HTTP/2 has the last of the answer; the peer may say more */

  /* The message that is coming in. */
  uint8_t prefix[OA_GRPC_PREFIX_SIZE];
  uint8_t prefix_len;
  bool begun;      /* its length is known, or its body has begun */
  bool open_ended; /* its length is a guess, and grows */
  uint32_t length;
  uint32_t have;
  size_t behind; /* bytes in hand behind the prefix that is being looked at, or
                    behind the message that is being handed over */
  bool padded;   /* padding has used up some of the window */
  oa_block block;
  oa_buf inflated;
  bool granted;
  bool slow; /* granted, but no longer counted by the budget */
  bool late; /* refused as it came too slowly, which the rest would, too */
  oa_lane lane;
  oa_link in_granted; /* the thread's granted or crawling */
  uint64_t granted_at;
  size_t budgeted; /* bytes in the thread's granted_bytes or slow_bytes */
  size_t held;     /* bytes in the thread's held_bytes */

  /* Streaming calls. */
  bool receiving;  /* inside oa_message_receive() */
  bool handing;    /* inside the handler's message() */
  bool told_ended; /* the handler's ended() has been */
  oa_buf pending;  /* bytes behind the message that the handler has */
  size_t ahead;    /* bytes that may come of further messages, beyond what any
                      stream may send unasked */
  oa_outbox out_queue;

  /* The body of other answers. */
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

/* The header block is complete: refuses the call or lets its body in. */
void oa_stream_begin(oa_stream *stream);

/* HTTP has done with STREAM. */
void oa_stream_closed(oa_stream *stream);

/* The same for all streams of CONNECTION. */
void oa_stream_lose_all(oa_connection *connection);

/* Frees STREAM, which nobody knows any more. */
void oa_stream_free(oa_stream *stream);

/* Puts STREAM under the body time-out, or a short one when its answer has been
 * sent; it begins anew. */
void oa_stream_time(oa_stream *stream);

/* Puts a streaming call where it belongs: under the time-out while a message is
 * coming in or an answer going out, among the patient ones otherwise. */
void oa_stream_arrange(oa_stream *stream);

/* The answer of STREAM has been sent, and nothing more is wanted from the peer:
 * RFC 9113, section 8.1. */
void oa_stream_part(oa_stream *stream);

/* Ends what is overdue. */
void oa_stream_expire(oa_thread *thread);

/* Ends the streaming calls of CONNECTION that are at rest: we are stopping. */
void oa_stream_dismiss_idle(oa_connection *connection);

/* Frees the streams that are kept for later calls. */
void oa_stream_trim(oa_thread *thread);

/* flow.c */

/* Says how many bytes of bodies STREAM holds. */
void oa_flow_hold(oa_stream *stream, size_t bytes);

/* Gives STREAM a block of SIZE bytes with what has come so far. */
bool oa_flow_make_room(oa_stream *stream, size_t size);

/* Counts decompressed bytes instead of those that came. */
void oa_flow_recount(oa_stream *stream, size_t bytes);

/* The length of a message that is longer than what may come unasked is known:
 * its turn, or the queue.  False: the call has been refused. */
bool oa_flow_begin_long(oa_stream *stream);

/* True when LENGTH is more than what may come unasked. */
bool oa_flow_is_long(const oa_stream *stream);

/* What streams of a connection that has many may send unasked, where NOW is
 * what they may so far. */
uint32_t oa_flow_first_window(const oa_thread *thread, uint32_t now);

/* True when so much is held that STREAM's message may not come in.  Whose
 * connection has little of it may go a bit further, so that those who hold
 * most do not keep out the others. */
bool oa_flow_is_full(const oa_stream *stream);

/* Refuses STREAM because too much is held. */
void oa_flow_refuse(oa_stream *stream);

/* Grants windows to waiting streams while the budget allows. */
void oa_flow_grant(oa_thread *thread);

/* Takes granted messages that crawl off the budget, so that a few slow
 * senders do not keep out all others, and ends the slowest when they hold
 * too much. */
void oa_flow_forgive(oa_thread *thread);

/* CONNECTION has no streams any more. */
void oa_flow_forget(oa_connection *connection);

/* Memory for a decompressed message, and that of one kept for the next; BUF,
 * which may be empty, is so afterwards. */
oa_buf oa_flow_take_spare(oa_thread *thread);
void oa_flow_give_spare(oa_thread *thread, oa_buf *buf);

/* Gives back all memory and budget of the message. */
void oa_flow_release(oa_stream *stream);

/* Frees memory that is kept for later messages. */
void oa_flow_trim(oa_thread *thread);

/* window.c */

/* Tells the peer again how much STREAM may send, after SETTINGS changed it or
 * padding or earlier messages of the call used it up. */
void oa_window_renew(oa_stream *stream);

/* The message of a streaming call is done with: room for the next one. */
void oa_window_credit(oa_stream *stream);

/* Counts BYTES that STREAM's peer may send of messages that have not begun. */
void oa_window_set_ahead(oa_stream *stream, size_t bytes);

/* pace.c */

/* The rate of STREAM's body is looked at from here on anew. */
void oa_pace_begin(oa_stream *stream);

/* Ends bodies that come too slowly. */
void oa_pace_check(oa_thread *thread);

/* message.c */

/* LEN bytes of a body.  Returns how many were taken; fewer than LEN only for
 * HTTP/1.1, when the rest must wait. */
size_t oa_message_receive(oa_stream *stream, const uint8_t *data, size_t len);

/* Bytes have used up window without being message. */
void oa_message_padded(oa_stream *stream);

/* END_STREAM. */
void oa_message_end(oa_stream *stream);

/* A streaming call may go on behind the message that the handler had. */
void oa_message_go_on(oa_stream *stream);

/* turn.c */

/* STREAM's message is whole, and waits to be handed over. */
void oa_turn_wait(oa_stream *stream);

/* Hands whole messages over, until the handler pauses or their connections have
 * had their part of this turn of the loop. */
void oa_turn_deliver(oa_thread *thread);

/* A new turn: those that stood back go on. */
void oa_turn_go_on(oa_thread *thread);

/* call.c */

/* Hands STREAM's message over. */
void oa_call_hand_over(oa_stream *stream);

/* Tells handlers whose outboxes have become empty. */
void oa_call_tell_drained(oa_thread *thread);

/* Tells the handler that CALL ended early, as far as it knows the call. */
void oa_call_lost(oa_stream *stream, oa_grpc_code code, const char *reason);

/* answer.c */

/* Sends a gRPC answer, or an HTTP one. */
void oa_answer_send(oa_stream *stream, const oa_grpc_reply_data *reply);
void oa_answer_send_http(oa_stream *stream, const oa_http_reply_data *reply);

/* Ends a call that the handler has not replied to, with CODE and a reason, in
 * the words of its protocol. */
void oa_answer_refuse(oa_stream *stream, oa_grpc_code code,
                      uint32_t retry_after_ms, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* Ends a request that the handler has not seen with an HTTP status. */
void oa_answer_refuse_http(oa_stream *stream, unsigned status,
                           oa_grpc_code code, const char *text);

/* In a callback that gives data: memory ended inside an answer.  CANCEL lets a
 * gRPC peer try again, which INTERNAL_ERROR, what nghttp2 would say, does not.
 * Gives what the callback must return. */
ssize_t oa_answer_cancel(nghttp2_session *session, int32_t id);

/* After END_STREAM has gone out: has the peer stop sending, if it still is. */
void oa_answer_sent(oa_stream *stream);

/* outbox.c */

/* The response headers of a streaming call. */
void oa_outbox_open(oa_stream *stream);

/* Ends it with CODE behind what is queued. */
void oa_outbox_finish(oa_stream *stream, const oa_grpc_reply_data *reply);

bool oa_outbox_empty(const oa_stream *stream);
void oa_outbox_free(oa_stream *stream);

/* The header fields of a gRPC status; TEXT is scratch memory for them. */
enum { OA_STATUS_FIELDS = 3 };
typedef struct oa_trailer_text {
  char number[12];
  char message[OA_GRPC_MESSAGE_SIZE];
  char details[OA_GRPC_DETAILS_SIZE];
} oa_trailer_text;
size_t oa_answer_status(nghttp2_nv fields[OA_STATUS_FIELDS],
                        oa_trailer_text *text, const oa_grpc_reply_data *reply);

#endif
