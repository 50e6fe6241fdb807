/* SPDX-License-Identifier: Apache-2.0 */
/* What goes back: headers, message and trailers of an answer. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "net/http1_session.h"
#include "net/http2.h"
#include "net/stream.h"

#define ACCEPTED OA_HTTP2_FIELD("grpc-accept-encoding", OA_ANSWER_ENCODINGS)

/* A field whose NAME is a literal and whose VALUE is copied. */
static nghttp2_nv field(const char *name, const char *value, size_t len) {
  return (nghttp2_nv){(uint8_t *)(uintptr_t)name, (uint8_t *)(uintptr_t)value,
                      strlen(name), len, NGHTTP2_NV_FLAG_NO_COPY_NAME};
}

/* Marks STREAM as answered; RESULT is what submitting the answer gave. */
static void submitted(oa_stream *stream, int result) {
  oa_connection *connection = stream->connection;
  stream->state = OA_STREAM_ANSWERED;
  oa_stream_time(stream);
  if (result != 0) {
    nghttp2_submit_rst_stream(connection->session, NGHTTP2_FLAG_NONE,
                              stream->id, NGHTTP2_CANCEL);
  }
  oa_connection_touch(connection);
}

/* --- gRPC --- */

size_t oa_answer_status(nghttp2_nv fields[OA_STATUS_FIELDS],
                        oa_trailer_text *text,
                        const oa_grpc_reply_data *reply) {
  size_t count = 0;
  const int digits =
      snprintf(text->number, sizeof text->number, "%u", (unsigned)reply->code);
  fields[count++] = field("grpc-status", text->number, (size_t)digits);
  if (reply->text != NULL && reply->text[0] != '\0') {
    const size_t len = oa_grpc_message_encode(text->message, reply->text);
    fields[count++] = field("grpc-message", text->message, len);
  }
  if (reply->retry_after_ms > 0) {
    const size_t len = oa_grpc_details_encode(
        text->details, reply->code, reply->text, reply->retry_after_ms);
    fields[count++] = field("grpc-status-details-bin", text->details, len);
  }
  return count;
}

/* An answer of trailers alone, as gRPC has it for errors. */
static void send_error(oa_stream *stream, const oa_grpc_reply_data *reply) {
  enum { FIRST = 3 };
  oa_trailer_text text = {.number = ""};
  nghttp2_nv fields[FIRST + OA_STATUS_FIELDS] = {
      OA_HTTP2_FIELD(":status", "200"),
      OA_HTTP2_FIELD("content-type", "application/grpc"), ACCEPTED};
  const size_t count = FIRST + oa_answer_status(fields + FIRST, &text, reply);
  submitted(stream, nghttp2_submit_response(stream->connection->session,
                                            stream->id, fields, count, NULL));
}

ssize_t oa_answer_cancel(nghttp2_session *session, int32_t id) {
  return nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, id,
                                   NGHTTP2_CANCEL) == 0
             ? NGHTTP2_ERR_DEFERRED
             : NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
}

static ssize_t read_out(nghttp2_session *session, int32_t id, uint8_t *buf,
                        size_t room, uint32_t *flags,
                        nghttp2_data_source *source, void *user) {
  oa_stream *stream = source->ptr;
  (void)user;
  const size_t left = stream->out_len - stream->out_at;
  const size_t part = left < room ? left : room;
  memcpy(buf, stream->out + stream->out_at, part);
  stream->out_at += part;
  if (stream->out_at < stream->out_len) {
    return (ssize_t)part;
  }
  *flags |= NGHTTP2_DATA_FLAG_EOF;
  if (stream->trailers) {
    nghttp2_nv status = OA_HTTP2_FIELD("grpc-status", "0");
    *flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
    if (nghttp2_submit_trailer(session, id, &status, 1) != 0) {
      return oa_answer_cancel(session, id);
    }
  }
  return (ssize_t)part;
}

/* Makes room for an answer body of LEN bytes. */
static bool make_out(oa_stream *stream, size_t len) {
  stream->out =
      len <= sizeof stream->out_small ? stream->out_small : oa_malloc(len);
  stream->out_len = stream->out == NULL ? 0 : len;
  stream->out_at = 0;
  return stream->out != NULL;
}

static void send_message(oa_stream *stream, const oa_grpc_reply_data *reply) {
  nghttp2_nv fields[] = {OA_HTTP2_FIELD(":status", "200"),
                         OA_HTTP2_FIELD("content-type", "application/grpc"),
                         ACCEPTED};
  const size_t len = reply->message_len;
  oa_grpc_prefix_encode(stream->out, len);
  if (len > 0) {
    memcpy(stream->out + OA_GRPC_PREFIX_SIZE, reply->message, len);
  }
  stream->trailers = true;
  const nghttp2_data_provider provider = {.source = {.ptr = stream},
                                          .read_callback = read_out};
  submitted(stream, nghttp2_submit_response(
                        stream->connection->session, stream->id, fields,
                        sizeof fields / sizeof fields[0], &provider));
}

void oa_answer_send(oa_stream *stream, const oa_grpc_reply_data *reply) {
  if (stream->call.kind == OA_CALL_STREAM) {
    oa_outbox_finish(stream, reply);
    stream->state = OA_STREAM_ANSWERED;
    oa_stream_time(stream);
    oa_connection_touch(stream->connection);
  } else if (reply->code != OA_GRPC_OK) {
    send_error(stream, reply);
  } else if (reply->message_len > UINT32_MAX ||
             !make_out(stream, reply->message_len + OA_GRPC_PREFIX_SIZE)) {
    const oa_grpc_reply_data failed = {
        .code = OA_GRPC_INTERNAL,
        .text = "no memory for the answer; the request was served"};
    send_error(stream, &failed);
  } else {
    send_message(stream, reply);
  }
}

/* --- HTTP --- */

static void send_http2(oa_stream *stream, const oa_http_reply_data *reply) {
  enum { OWN = 4 };
  char status[12];
  char length[24];
  nghttp2_nv fields[OWN + OA_HTTP_MAX_FIELDS];
  size_t count = 0;
  int digits = snprintf(status, sizeof status, "%03u", reply->status % 1000);
  fields[count++] = field(":status", status, (size_t)digits);
  const char *date = oa_thread_date(stream->thread);
  fields[count++] = field("date", date, strlen(date));
  if (reply->content_type != NULL) {
    fields[count++] =
        field("content-type", reply->content_type, strlen(reply->content_type));
  }
  const bool body = reply->body_len > 0 && make_out(stream, reply->body_len);
  if (reply->status != 204) {
    digits = snprintf(length, sizeof length, "%zu", stream->out_len);
    fields[count++] = field("content-length", length, (size_t)digits);
  }
  for (size_t i = 0; i < OA_HTTP_MAX_FIELDS && reply->fields[i].name != NULL;
       i++) {
    const char *value = reply->fields[i].value;
    fields[count] = field(reply->fields[i].name, value, strlen(value));
    fields[count++].flags = NGHTTP2_NV_FLAG_NONE;
  }
  if (body) {
    memcpy(stream->out, reply->body, reply->body_len);
  }
  nghttp2_data_provider provider = {.source = {.ptr = stream},
                                    .read_callback = read_out};
  const bool shown = body && strcmp(stream->head.method, "HEAD") != 0;
  submitted(stream,
            nghttp2_submit_response(stream->connection->session, stream->id,
                                    fields, count, shown ? &provider : NULL));
}

void oa_answer_send_http(oa_stream *stream, const oa_http_reply_data *reply) {
  if (stream->http1) {
    stream->state = OA_STREAM_ANSWERED;
    oa_stream_time(stream);
    oa_http1_reply(stream, reply);
  } else {
    send_http2(stream, reply);
  }
}

/* --- refusals --- */

/* What an HTTP client is told for a CODE that the server gives by itself. */
static unsigned http_status(oa_grpc_code code) {
  switch (code) {
    case OA_GRPC_RESOURCE_EXHAUSTED:
      return 413;
    case OA_GRPC_DEADLINE_EXCEEDED:
      return 408;
    case OA_GRPC_UNAVAILABLE:
      return 503;
    case OA_GRPC_UNIMPLEMENTED:
      return 415;
    default:
      return 400;
  }
}

void oa_answer_refuse(oa_stream *stream, oa_grpc_code code,
                      uint32_t retry_after_ms, const char *format, ...) {
  char text[OA_ERROR_TEXT_SIZE + 64];
  const oa_server_options *options = stream->thread->options;
  va_list args;
  va_start(args, format);
  vsnprintf(text, sizeof text, format, args);
  va_end(args);
  oa_call_lost(stream, code, text);
  oa_flow_release(stream);
  if (stream->call.kind == OA_CALL_HTTP) {
    const oa_http_problem problem = {.status = http_status(code),
                                     .code = code,
                                     .text = text,
                                     .retry_after_ms = retry_after_ms};
    options->handler->problem(options->context, &stream->call, &problem);
    return;
  }
  const oa_grpc_reply_data reply = {
      .code = code, .text = text, .retry_after_ms = retry_after_ms};
  oa_answer_send(stream, &reply);
}

void oa_answer_refuse_http(oa_stream *stream, unsigned status,
                           oa_grpc_code code, const char *text) {
  oa_http_reply_data reply = {.status = status,
                              .content_type = "text/plain; charset=utf-8",
                              .body = (const uint8_t *)text,
                              .body_len = strlen(text)};
  if (status == 405) {
    reply.fields[0] = (oa_http_field){"allow", "POST"};
  }
  oa_call_lost(stream, code, text);
  oa_flow_release(stream);
  oa_answer_send_http(stream, &reply);
}

void oa_answer_sent(oa_stream *stream) {
  stream->sent = true;
  if (stream->ended) {
    return;
  }
  if (stream->head.grpc || stream->late) {
    oa_stream_part(stream);
  } else {
    /* Clients of HTTP tend to take a reset in the middle of what they send for
     * a failure, and then show nobody the answer: they get time to end. */
    oa_stream_time(stream);
  }
}
