/* SPDX-License-Identifier: Apache-2.0 */
/* What goes back: headers, message and trailers of an answer. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "net/stream.h"

/* A header field of two literals; the session need not copy them. */
#define FIELD(NAME, VALUE)                                           \
  {                                                                  \
    (uint8_t *)(NAME), (uint8_t *)(VALUE), sizeof(NAME) - 1,         \
        sizeof(VALUE) - 1,                                           \
        NGHTTP2_NV_FLAG_NO_COPY_NAME | NGHTTP2_NV_FLAG_NO_COPY_VALUE \
  }

#define ACCEPTED FIELD("grpc-accept-encoding", "identity,gzip,zstd")

enum { MAX_FIELDS = 8 };

/* A field whose NAME is a literal and whose VALUE is copied. */
static nghttp2_nv field(const char *name, char *value, size_t len) {
  return (nghttp2_nv){(uint8_t *)(uintptr_t)name, (uint8_t *)value,
                      strlen(name), len, NGHTTP2_NV_FLAG_NO_COPY_NAME};
}

/* Marks STREAM as answered; RESULT is what submitting the answer gave. */
static void submitted(oa_stream *stream, int result) {
  oa_connection *connection = stream->connection;
  stream->state = OA_STREAM_ANSWERED;
  oa_stream_time(stream);
  if (result != 0) {
    nghttp2_submit_rst_stream(connection->session, NGHTTP2_FLAG_NONE,
                              stream->id, NGHTTP2_INTERNAL_ERROR);
  }
  oa_connection_touch(connection);
}

/* An answer of trailers alone, as gRPC has it for errors. */
static void send_error(oa_stream *stream, const oa_grpc_reply_data *reply) {
  char number[12];
  char message[OA_GRPC_MESSAGE_SIZE];
  char details[OA_GRPC_DETAILS_SIZE];
  nghttp2_nv fields[MAX_FIELDS] = {FIELD(":status", "200"),
                                   FIELD("content-type", "application/grpc"),
                                   ACCEPTED};
  size_t count = 3;
  const int digits =
      snprintf(number, sizeof number, "%u", (unsigned)reply->code);
  fields[count++] = field("grpc-status", number, (size_t)digits);
  if (reply->text != NULL && reply->text[0] != '\0') {
    const size_t len = oa_grpc_message_encode(message, reply->text);
    fields[count++] = field("grpc-message", message, len);
  }
  if (reply->retry_after_ms > 0) {
    const size_t len = oa_grpc_details_encode(details, reply->code, reply->text,
                                              reply->retry_after_ms);
    fields[count++] = field("grpc-status-details-bin", details, len);
  }
  submitted(stream, nghttp2_submit_response(stream->connection->session,
                                            stream->id, fields, count, NULL));
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
    nghttp2_nv status = FIELD("grpc-status", "0");
    *flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
    if (nghttp2_submit_trailer(session, id, &status, 1) != 0) {
      return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
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
  nghttp2_nv fields[] = {FIELD(":status", "200"),
                         FIELD("content-type", "application/grpc"), ACCEPTED};
  const size_t len = reply->message_len;
  uint8_t *out = stream->out;
  out[0] = 0;
  out[1] = (uint8_t)(len >> 24);
  out[2] = (uint8_t)(len >> 16);
  out[3] = (uint8_t)(len >> 8);
  out[4] = (uint8_t)len;
  if (len > 0) {
    memcpy(out + OA_GRPC_PREFIX_SIZE, reply->message, len);
  }
  stream->trailers = true;
  const nghttp2_data_provider provider = {.source = {.ptr = stream},
                                          .read_callback = read_out};
  submitted(stream, nghttp2_submit_response(
                        stream->connection->session, stream->id, fields,
                        sizeof fields / sizeof fields[0], &provider));
}

void oa_answer_send(oa_stream *stream, const oa_grpc_reply_data *reply) {
  if (reply->code != OA_GRPC_OK) {
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

static void tell_refused(const oa_stream *stream, oa_grpc_code code,
                         const char *reason) {
  const oa_server_options *options = stream->thread->options;
  if (options->handler->refused != NULL) {
    options->handler->refused(options->context, stream->thread->index,
                              stream->call.method, code, reason);
  }
}

void oa_answer_refuse(oa_stream *stream, oa_grpc_code code,
                      uint32_t retry_after_ms, const char *format, ...) {
  char text[OA_ERROR_TEXT_SIZE + 64];
  va_list args;
  va_start(args, format);
  vsnprintf(text, sizeof text, format, args);
  va_end(args);
  const oa_grpc_reply_data reply = {
      .code = code, .text = text, .retry_after_ms = retry_after_ms};
  tell_refused(stream, code, text);
  oa_message_release(stream);
  send_error(stream, &reply);
}

void oa_answer_refuse_http(oa_stream *stream, const char *status,
                           oa_grpc_code code, const char *text) {
  char number[4];
  snprintf(number, sizeof number, "%s", status);
  nghttp2_nv fields[MAX_FIELDS] = {
      field(":status", number, 3),
      FIELD("content-type", "text/plain; charset=utf-8")};
  size_t count = 2;
  if (strcmp(status, "405") == 0) {
    fields[count++] = (nghttp2_nv)FIELD("allow", "POST");
  }
  const size_t len = strlen(text);
  tell_refused(stream, code, text);
  oa_message_release(stream);
  nghttp2_data_provider provider = {.source = {.ptr = stream},
                                    .read_callback = read_out};
  const bool body = make_out(stream, len);
  if (body) {
    memcpy(stream->out, text, len);
  }
  submitted(stream,
            nghttp2_submit_response(stream->connection->session, stream->id,
                                    fields, count, body ? &provider : NULL));
}

void oa_answer_sent(oa_stream *stream) {
  if (!stream->ended) {
    /* RFC 9113, section 8.1: an early answer is followed by NO_ERROR. */
    nghttp2_submit_rst_stream(stream->connection->session, NGHTTP2_FLAG_NONE,
                              stream->id, NGHTTP2_NO_ERROR);
  }
}
