/* SPDX-License-Identifier: Apache-2.0 */
#include "net/stream.h"

#include <assert.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"

enum {
  /* Streams kept for later calls; about 600 bytes each. */
  MAX_SPARE_STREAMS = 128,
  /* HTTP/2 counts this many bytes for each field besides its text (RFC 9113,
   * section 6.5.2). */
  FIELD_OVERHEAD = 32,
  /* A header list this many times over the limit is no mistake any more. */
  HEADER_EXCESS = 4,
};

oa_stream *oa_stream_open(oa_connection *connection, int32_t id) {
  oa_thread *thread = connection->thread;
  oa_stream *stream = thread->spare_streams;
  if (stream != NULL) {
    thread->spare_streams = stream->next_spare;
    thread->spare_stream_count--;
    memset(stream, 0, sizeof *stream);
  } else {
    stream = oa_calloc(1, sizeof *stream);
    if (stream == NULL) {
      return NULL;
    }
  }
  stream->thread = thread;
  stream->connection = connection;
  stream->id = id;
  stream->call.thread = thread->index;
  stream->call.method = -1;
  oa_list_push(&connection->streams, &stream->in_connection);
  connection->stream_count++;
  oa_connection_streams_changed(connection);
  oa_stream_time(stream);
  return stream;
}

void oa_stream_time(oa_stream *stream) {
  stream->timed_at = uv_now(&stream->thread->loop);
  oa_list_push(&stream->thread->timed, &stream->in_queue);
}

static bool is(const uint8_t *text, size_t len, const char *name) {
  return len == strlen(name) && memcmp(text, name, len) == 0;
}

static void take_path(oa_stream *stream, const uint8_t *value, size_t len) {
  const oa_server_options *options = stream->thread->options;
  stream->call.method =
      options->handler->route(options->context, (const char *)value, len);
  if (stream->call.method < 0) {
    const size_t most = sizeof stream->path - 1;
    const size_t kept = len < most ? len : most;
    memcpy(stream->path, value, kept);
    stream->path[kept] = '\0';
  }
}

oa_status oa_stream_header(oa_stream *stream, const uint8_t *name,
                           size_t name_len, const uint8_t *value,
                           size_t value_len) {
  const size_t most = stream->thread->options->max_header_bytes;
  stream->header_bytes += name_len + value_len + FIELD_OVERHEAD;
  if (stream->header_bytes > most) {
    return stream->header_bytes / HEADER_EXCESS > most ? OA_ERR_LIMIT : OA_OK;
  }
  if (stream->state != OA_STREAM_HEADERS) {
    return OA_OK; /* trailers of the request mean nothing to us */
  }
  if (is(name, name_len, ":method")) {
    stream->post = is(value, value_len, "POST");
  } else if (is(name, name_len, ":path")) {
    take_path(stream, value, value_len);
  } else if (is(name, name_len, "content-type")) {
    stream->grpc_type = oa_grpc_content_type_ok(value, value_len);
  } else if (is(name, name_len, "grpc-encoding")) {
    stream->encoding_unknown =
        oa_grpc_encoding_parse(value, value_len, &stream->codec) != OA_OK;
  } else if (is(name, name_len, "grpc-timeout")) {
    stream->timeout_malformed =
        oa_grpc_timeout_parse(value, value_len, &stream->timeout_ns) != OA_OK;
    if (stream->timeout_ns == 0) {
      stream->timeout_ns = 1; /* 0 stands for none */
    }
  }
  return OA_OK;
}

/* Refuses what is no gRPC call of ours on the level of HTTP. */
static bool refuse_http(oa_stream *stream) {
  if (stream->header_bytes > stream->thread->options->max_header_bytes) {
    oa_answer_refuse_http(stream, "431", OA_GRPC_RESOURCE_EXHAUSTED,
                          "The request's headers are too long.");
  } else if (stream->call.method < 0 && !stream->grpc_type) {
    oa_answer_refuse_http(stream, "404", OA_GRPC_UNIMPLEMENTED,
                          "There is nothing here; this port speaks gRPC.");
  } else if (!stream->post) {
    oa_answer_refuse_http(stream, "405", OA_GRPC_UNKNOWN,
                          "gRPC calls are made with the method POST.");
  } else if (!stream->grpc_type) {
    oa_answer_refuse_http(stream, "415", OA_GRPC_UNKNOWN,
                          "This path speaks gRPC: the content-type must be "
                          "application/grpc.");
  } else {
    return false;
  }
  return true;
}

void oa_stream_begin(oa_stream *stream) {
  if (stream->state != OA_STREAM_HEADERS || refuse_http(stream)) {
    return;
  }
  if (stream->call.method < 0) {
    oa_answer_refuse(stream, OA_GRPC_UNIMPLEMENTED, 0, "unknown method %s",
                     stream->path);
  } else if (stream->encoding_unknown) {
    oa_answer_refuse(stream, OA_GRPC_UNIMPLEMENTED, 0,
                     "grpc-encoding is none of identity, gzip, zstd");
  } else if (stream->timeout_malformed) {
    oa_answer_refuse(stream, OA_GRPC_INTERNAL, 0, "malformed grpc-timeout");
  } else {
    if (stream->timeout_ns > 0) {
      const uint64_t now = oa_clock_monotonic_ns();
      stream->call.deadline_ns = stream->timeout_ns > UINT64_MAX - now
                                     ? UINT64_MAX
                                     : now + stream->timeout_ns;
    }
    stream->state = OA_STREAM_BODY;
  }
}

/* Tells the handler that a call ended before it could be handed over. */
static void report_canceled(const oa_stream *stream) {
  const oa_server_options *options = stream->thread->options;
  if (stream->state != OA_STREAM_HEADERS &&
      stream->state != OA_STREAM_ANSWERED &&
      options->handler->refused != NULL) {
    options->handler->refused(options->context, stream->thread->index,
                              stream->call.method, OA_GRPC_CANCELLED,
                              "the client gave the call up");
  }
}

void oa_stream_closed(oa_stream *stream) {
  oa_connection *connection = stream->connection;
  assert(connection != NULL);
  oa_link_remove(&stream->in_connection);
  connection->stream_count--;
  oa_connection_streams_changed(connection);
  stream->connection = NULL;
  if (stream->state == OA_STREAM_HANDED) {
    return;
  }
  report_canceled(stream);
  oa_stream_free(stream);
}

void oa_stream_lose_all(oa_connection *connection) {
  oa_link *link;
  while ((link = oa_list_first(&connection->streams)) != NULL) {
    oa_stream_closed(OA_LIST_ENTRY(link, oa_stream, in_connection));
  }
}

void oa_stream_free(oa_stream *stream) {
  oa_thread *thread = stream->thread;
  oa_message_release(stream);
  oa_link_remove(&stream->in_connection);
  oa_link_remove(&stream->in_queue);
  if (stream->out != stream->out_small) {
    oa_free(stream->out);
  }
  if (thread->spare_stream_count >= MAX_SPARE_STREAMS) {
    oa_free(stream);
    return;
  }
  stream->next_spare = thread->spare_streams;
  thread->spare_streams = stream;
  thread->spare_stream_count++;
}

void oa_stream_trim(oa_thread *thread) {
  while (thread->spare_streams != NULL) {
    oa_stream *stream = thread->spare_streams;
    thread->spare_streams = stream->next_spare;
    oa_free(stream);
  }
  thread->spare_stream_count = 0;
}

static void end_overdue(oa_stream *stream) {
  oa_connection *connection = stream->connection;
  const uint32_t limit = stream->thread->options->body_timeout_ms;
  switch (stream->state) {
    case OA_STREAM_BODY:
      oa_answer_refuse(stream, OA_GRPC_DEADLINE_EXCEEDED, 0,
                       "the message did not arrive within %u ms",
                       (unsigned)limit);
      break;
    case OA_STREAM_ANSWERED:
      /* The peer does not take the answer. */
      oa_link_remove(&stream->in_queue);
      nghttp2_submit_rst_stream(connection->session, NGHTTP2_FLAG_NONE,
                                stream->id, NGHTTP2_CANCEL);
      oa_connection_touch(connection);
      break;
    default:
      /* An unfinished header block stops all else on its connection. */
      oa_connection_close(connection);
      break;
  }
}

void oa_stream_expire(oa_thread *thread) {
  const uint64_t now = uv_now(&thread->loop);
  oa_link *link;
  while ((link = oa_list_first(&thread->timed)) != NULL) {
    oa_stream *stream = OA_LIST_ENTRY(link, oa_stream, in_queue);
    if (now - stream->timed_at < thread->options->body_timeout_ms) {
      return;
    }
    end_overdue(stream);
  }
}
