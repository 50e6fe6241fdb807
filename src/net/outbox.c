/* SPDX-License-Identifier: Apache-2.0 */
/* What a streaming call sends: messages as they come, its status at last. */
#include <string.h>

#include "base/mem.h"
#include "net/http2.h"
#include "net/stream.h"

/* Bytes that have been sent and still stand in front of the queue. */
enum { MOVE_AT = 64 * 1024 };

bool oa_outbox_empty(const oa_stream *stream) {
  return stream->out_queue.at == stream->out_queue.bytes.len;
}

void oa_outbox_free(oa_stream *stream) {
  oa_link_remove(&stream->out_queue.in_drained);
  oa_buf_free(&stream->out_queue.bytes);
  oa_buf_free(&stream->out_queue.text);
}

static oa_grpc_reply_data status_of(oa_outbox *box) {
  /* The text is terminated, or there was no memory for it. */
  return (oa_grpc_reply_data){
      .code = box->code,
      .text = box->text.len > 0 ? (const char *)box->text.data : NULL,
      .retry_after_ms = box->retry_after_ms};
}

/* All is sent: the status follows. */
static ssize_t end(nghttp2_session *session, oa_stream *stream,
                   uint32_t *flags) {
  oa_trailer_text text = {.number = ""};
  nghttp2_nv fields[OA_STATUS_FIELDS];
  const oa_grpc_reply_data reply = status_of(&stream->out_queue);
  const size_t count = oa_answer_status(fields, &text, &reply);
  *flags |= NGHTTP2_DATA_FLAG_EOF | NGHTTP2_DATA_FLAG_NO_END_STREAM;
  return nghttp2_submit_trailer(session, stream->id, fields, count) == 0
             ? 0
             : oa_answer_cancel(session, stream->id);
}

static ssize_t read_queue(nghttp2_session *session, int32_t id, uint8_t *buf,
                          size_t room, uint32_t *flags,
                          nghttp2_data_source *source, void *user) {
  oa_stream *stream = source->ptr;
  oa_outbox *box = &stream->out_queue;
  const size_t left = box->bytes.len - box->at;
  const size_t part = left < room ? left : room;
  (void)id;
  (void)user;
  if (part == 0) {
    if (box->finished) {
      return end(session, stream, flags);
    }
    box->deferred = true;
    return NGHTTP2_ERR_DEFERRED;
  }
  memcpy(buf, box->bytes.data + box->at, part);
  box->at += part;
  if (stream->state == OA_STREAM_ANSWERED) {
    oa_stream_time(stream);
  } else {
    oa_stream_arrange(stream);
  }
  if (part == left) {
    box->bytes.len = 0;
    box->at = 0;
    if (!box->finished) {
      oa_list_push(&stream->thread->drained, &box->in_drained);
    }
  }
  return (ssize_t)part;
}

void oa_outbox_open(oa_stream *stream) {
  const nghttp2_nv fields[] = {
      OA_HTTP2_FIELD(":status", "200"),
      OA_HTTP2_FIELD("content-type", "application/grpc"),
      OA_HTTP2_FIELD("grpc-accept-encoding", OA_ANSWER_ENCODINGS)};
  const nghttp2_data_provider provider = {.source = {.ptr = stream},
                                          .read_callback = read_queue};
  oa_connection *connection = stream->connection;
  stream->out_queue.open = true;
  if (nghttp2_submit_response(connection->session, stream->id, fields,
                              sizeof fields / sizeof fields[0],
                              &provider) != 0) {
    nghttp2_submit_rst_stream(connection->session, NGHTTP2_FLAG_NONE,
                              stream->id, NGHTTP2_CANCEL);
  }
  oa_connection_touch(connection);
}

/* The session must look for more. */
static void resume(oa_stream *stream) {
  if (stream->out_queue.deferred) {
    stream->out_queue.deferred = false;
    nghttp2_session_resume_data(stream->connection->session, stream->id);
  }
  oa_connection_touch(stream->connection);
}

oa_status oa_call_send(oa_call *call, const uint8_t *message, size_t len) {
  oa_stream *stream = (oa_stream *)call;
  oa_outbox *box = &stream->out_queue;
  uint8_t prefix[OA_GRPC_PREFIX_SIZE];
  if (box->at > MOVE_AT) {
    box->bytes.len -= box->at;
    memmove(box->bytes.data, box->bytes.data + box->at, box->bytes.len);
    box->at = 0;
  }
  oa_grpc_prefix_encode(prefix, len);
  OA_TRY(oa_buf_reserve(&box->bytes, sizeof prefix + len));
  const bool first = oa_outbox_empty(stream);
  oa_buf_put(&box->bytes, prefix, sizeof prefix);
  oa_buf_put(&box->bytes, message, len);
  oa_link_remove(&box->in_drained);
  if (first) {
    oa_stream_arrange(stream);
  }
  resume(stream);
  return OA_OK;
}

size_t oa_call_unsent(const oa_call *call) {
  const oa_stream *stream = (const oa_stream *)call;
  return stream->out_queue.bytes.len - stream->out_queue.at;
}

void oa_outbox_finish(oa_stream *stream, const oa_grpc_reply_data *reply) {
  oa_outbox *box = &stream->out_queue;
  oa_buf_free(&stream->pending);
  box->finished = true;
  box->code = reply->code;
  box->retry_after_ms = reply->retry_after_ms;
  if (reply->text != NULL &&
      oa_buf_put(&box->text, reply->text, strlen(reply->text) + 1) != OA_OK) {
    box->text.len = 0;
  }
  oa_link_remove(&box->in_drained);
  if (!box->open) {
    oa_outbox_open(stream);
  } else {
    resume(stream);
  }
}
