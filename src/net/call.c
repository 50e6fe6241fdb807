/* SPDX-License-Identifier: Apache-2.0 */
/* The handler's side of a call: it is handed over, and replied to. */
#include <assert.h>
#include <string.h>

#include "base/clock.h"
#include "net/stream.h"
#include "net/unpack.h"

static oa_stream *stream_of(const oa_call *call) {
  return (oa_stream *)(uintptr_t)call;
}

const char *oa_call_header(const oa_call *call, const char *name, size_t *len) {
  return oa_head_find(&stream_of(call)->head, name, len);
}

/* --- handing over --- */

static bool is_compressed(const oa_stream *stream) {
  return stream->call.kind == OA_CALL_HTTP
             ? stream->head.codec != OA_CODING_NONE && stream->length > 0
             : stream->prefix[0] == 1;
}

void oa_call_hand_over(oa_stream *stream) {
  const oa_server_options *options = stream->thread->options;
  const uint64_t deadline = stream->call.deadline_ns;
  if (deadline != 0 && oa_clock_monotonic_ns() > deadline) {
    oa_answer_refuse(stream, OA_GRPC_DEADLINE_EXCEEDED, 0,
                     "the deadline passed before the call was looked at");
    return;
  }
  if (is_compressed(stream)) {
    if (!oa_unpack(stream)) {
      return;
    }
  } else {
    stream->call.message = stream->block.data;
    stream->call.message_len = stream->length;
  }
  stream->state = OA_STREAM_HANDED;
  oa_list_push(&stream->thread->handed, &stream->in_queue);
  if (stream->call.kind != OA_CALL_STREAM) {
    options->handler->request(options->context, &stream->call);
    return;
  }
  stream->handing = true;
  options->handler->message(options->context, &stream->call);
  stream->handing = false;
  oa_message_go_on(stream);
}

void oa_call_tell_drained(oa_thread *thread) {
  const oa_server_options *options = thread->options;
  oa_link *link;
  while ((link = oa_list_first(&thread->drained)) != NULL) {
    oa_stream *stream = OA_LIST_ENTRY(link, oa_stream, out_queue.in_drained);
    oa_link_remove(link);
    oa_stream_arrange(stream);
    if (options->handler->drained != NULL) {
      options->handler->drained(options->context, &stream->call);
    }
  }
}

void oa_call_lost(oa_stream *stream, oa_grpc_code code, const char *reason) {
  const oa_server_options *options = stream->thread->options;
  const oa_server_handler *handler = options->handler;
  const bool streaming = stream->call.kind == OA_CALL_STREAM;
  /* A streaming call that a client ends between messages lost nothing. */
  const bool lost =
      code != OA_GRPC_CANCELLED || !streaming || stream->prefix_len > 0;
  if (handler->refused != NULL && lost &&
      (stream->admitted || stream->state != OA_STREAM_HEADERS ||
       code != OA_GRPC_CANCELLED)) {
    handler->refused(options->context, stream->thread->index,
                     stream->call.method, code, reason);
  }
  if (streaming && stream->admitted) {
    stream->admitted = false;
    handler->canceled(options->context, &stream->call);
  }
}

/* --- the handler's calls --- */

static void check_may_reply(const oa_stream *stream) {
  (void)stream;
  assert(stream->state != OA_STREAM_ANSWERED);
  assert(stream->state == OA_STREAM_HANDED || !stream->admitted ||
         stream->call.kind == OA_CALL_STREAM);
}

void oa_call_reply(oa_call *call, const oa_grpc_reply_data *reply) {
  oa_stream *stream = stream_of(call);
  check_may_reply(stream);
  oa_flow_release(stream);
  if (stream->connection == NULL) {
    oa_stream_free(stream);
  } else {
    oa_answer_send(stream, reply);
  }
}

void oa_call_reply_http(oa_call *call, const oa_http_reply_data *reply) {
  oa_stream *stream = stream_of(call);
  oa_flow_release(stream);
  if (stream->connection == NULL) {
    oa_stream_free(stream);
  } else {
    oa_answer_send_http(stream, reply);
  }
}

void oa_call_message_done(oa_call *call) {
  oa_stream *stream = stream_of(call);
  oa_flow_release(stream);
  if (call->kind != OA_CALL_STREAM || stream->state != OA_STREAM_HANDED) {
    return;
  }
  stream->begun = false;
  stream->prefix_len = 0;
  stream->have = 0;
  stream->granted = false;
  stream->state = OA_STREAM_BODY;
  oa_stream_arrange(stream);
  oa_window_credit(stream);
  stream->length = 0;
  oa_message_go_on(stream);
}
