/* SPDX-License-Identifier: Apache-2.0 */
#include "net/stream.h"

#include <assert.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "net/unpack.h"

enum {
  /* Streams kept for later calls; about 1 KiB each. */
  MAX_SPARE_STREAMS = 128,
  /* A header list this many times over the limit is no mistake any more. */
  HEADER_EXCESS = 4,
  /* Milliseconds for a peer that was answered early to end its request. */
  PARTING_TIMEOUT = 5000,
};

oa_stream *oa_stream_open(oa_connection *connection, int32_t id) {
  oa_thread *thread = connection->thread;
  oa_stream *stream = thread->spare_streams;
  if (stream != NULL) {
    thread->spare_streams = stream->next_spare;
    thread->spare_stream_count--;
    const oa_buf fields = stream->head.fields;
    memset(stream, 0, sizeof *stream);
    stream->head.fields = fields;
  } else {
    stream = oa_calloc(1, sizeof *stream);
    if (stream == NULL) {
      return NULL;
    }
  }
  stream->thread = thread;
  stream->connection = connection;
  stream->id = id;
  stream->pending.purse = &thread->purse;
  stream->call.thread = thread->index;
  stream->call.method = -1;
  oa_list_push(&connection->streams, &stream->in_connection);
  connection->stream_count++;
  thread->stream_count++;
  oa_connection_streams_changed(connection);
  oa_stream_time(stream);
  return stream;
}

void oa_stream_time(oa_stream *stream) {
  oa_thread *thread = stream->thread;
  stream->timed_at = uv_now(&thread->loop);
  oa_list_push(stream->sent ? &thread->parting : &thread->timed,
               &stream->in_queue);
  oa_pace_begin(stream);
}

void oa_stream_arrange(oa_stream *stream) {
  if (stream->state != OA_STREAM_BODY && stream->state != OA_STREAM_HANDED) {
    return;
  }
  const bool coming = stream->state == OA_STREAM_BODY && stream->prefix_len > 0;
  if (coming || !oa_outbox_empty(stream)) {
    oa_stream_time(stream);
  } else {
    oa_list_push(&stream->thread->handed, &stream->in_queue);
  }
}

oa_status oa_stream_header(oa_stream *stream, const uint8_t *name,
                           size_t name_len, const uint8_t *value,
                           size_t value_len) {
  const size_t most = stream->thread->options->max_header_bytes;
  /* Trailers of the request mean nothing to us, but count. */
  const bool kept = stream->state == OA_STREAM_HEADERS;
  const oa_status status = oa_head_put(&stream->head, name, name_len, value,
                                       value_len, kept ? most : 0);
  return status != OA_OK || stream->head.bytes / HEADER_EXCESS > most
             ? OA_ERR_LIMIT
             : OA_OK;
}

/* Refuses what the handler need not see. */
static bool refuse_http(oa_stream *stream) {
  if (stream->head.bytes > stream->thread->options->max_header_bytes) {
    oa_answer_refuse_http(stream, 431, OA_GRPC_RESOURCE_EXHAUSTED,
                          "The request's headers are too long.");
  } else if (stream->head.grpc && stream->http1) {
    oa_answer_refuse_http(stream, 505, OA_GRPC_UNKNOWN,
                          "gRPC needs HTTP/2, and this was HTTP/1.1; set the "
                          "client to HTTP/2, or to OTLP over HTTP.");
  } else if (stream->head.grpc && strcmp(stream->head.method, "POST") != 0) {
    oa_answer_refuse_http(stream, 405, OA_GRPC_UNKNOWN,
                          "gRPC calls are made with the method POST.");
  } else {
    return false;
  }
  return true;
}

/* What the head says of the body.  False: the call has been refused. */
static bool check_body(oa_stream *stream) {
  const oa_head *head = &stream->head;
  const size_t most = stream->thread->options->max_message;
  if (head->encoding_unknown) {
    oa_answer_refuse(stream, OA_GRPC_UNIMPLEMENTED, 0,
                     head->grpc
                         ? "grpc-encoding is none of identity, gzip, zstd"
                         : "content-encoding is none of identity, gzip, zstd, "
                           "deflate");
  } else if (head->timeout_malformed) {
    oa_answer_refuse(stream, OA_GRPC_INTERNAL, 0, "malformed grpc-timeout");
  } else if (!head->grpc && head->length_known && head->content_length > most) {
    oa_answer_refuse(stream, OA_GRPC_RESOURCE_EXHAUSTED, 0,
                     "the body has %llu bytes; at most %zu are taken",
                     (unsigned long long)head->content_length, most);
  } else {
    return true;
  }
  return false;
}

static void set_deadline(oa_stream *stream) {
  const uint64_t timeout = stream->head.timeout_ns;
  if (timeout > 0) {
    const uint64_t now = oa_clock_monotonic_ns();
    stream->call.deadline_ns =
        timeout > UINT64_MAX - now ? UINT64_MAX : now + timeout;
  }
}

void oa_stream_begin(oa_stream *stream) {
  if (stream->state != OA_STREAM_HEADERS) {
    return;
  }
  oa_head_finish(&stream->head);
  if (refuse_http(stream)) {
    return;
  }
  const oa_server_options *options = stream->thread->options;
  const oa_request request = {.method = stream->head.method,
                              .path = stream->head.path,
                              .grpc = stream->head.grpc,
                              .tls = stream->connection->tls != NULL};
  stream->call.kind = stream->head.grpc ? OA_CALL_UNARY : OA_CALL_HTTP;
  if (!options->handler->admit(options->context, &stream->call, &request)) {
    assert(stream->state == OA_STREAM_ANSWERED);
    return;
  }
  stream->admitted = true;
  if (!check_body(stream)) {
    return;
  }
  set_deadline(stream);
  stream->state = OA_STREAM_BODY;
  if (stream->call.kind == OA_CALL_STREAM) {
    oa_outbox_open(stream);
    oa_stream_arrange(stream);
  }
}

void oa_stream_closed(oa_stream *stream) {
  oa_connection *connection = stream->connection;
  assert(connection != NULL);
  oa_link_remove(&stream->in_connection);
  connection->stream_count--;
  stream->thread->stream_count--;
  connection->budgeted -= stream->budgeted;
  connection->held -= stream->held;
  oa_connection_streams_changed(connection);
  stream->connection = NULL;
  if (stream->state == OA_STREAM_HANDED &&
      stream->call.kind != OA_CALL_STREAM) {
    return;
  }
  if (stream->state != OA_STREAM_ANSWERED) {
    oa_call_lost(stream, OA_GRPC_CANCELLED, "the client gave the call up");
  }
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
  oa_unpack_forget(stream);
  oa_flow_release(stream);
  oa_outbox_free(stream);
  oa_buf_free(&stream->pending);
  oa_link_remove(&stream->in_connection);
  oa_link_remove(&stream->in_queue);
  oa_link_remove(&stream->in_paced);
  if (stream->out != stream->out_small) {
    oa_free(stream->out);
    stream->out = NULL;
  }
  oa_head_clear(&stream->head);
  if (thread->spare_stream_count >= MAX_SPARE_STREAMS) {
    oa_buf_free(&stream->head.fields);
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
    oa_buf_free(&stream->head.fields);
    oa_free(stream);
  }
  thread->spare_stream_count = 0;
}

void oa_stream_part(oa_stream *stream) {
  nghttp2_submit_rst_stream(stream->connection->session, NGHTTP2_FLAG_NONE,
                            stream->id, NGHTTP2_NO_ERROR);
}

/* The peer does not take what we send, or goes on sending after it. */
static void give_up(oa_stream *stream) {
  oa_connection *connection = stream->connection;
  if (stream->http1) {
    oa_connection_close(connection);
    return;
  }
  oa_link_remove(&stream->in_queue);
  if (stream->sent) {
    oa_stream_part(stream);
  } else {
    nghttp2_submit_rst_stream(connection->session, NGHTTP2_FLAG_NONE,
                              stream->id, NGHTTP2_CANCEL);
  }
  oa_connection_touch(connection);
}

static void end_overdue(oa_stream *stream) {
  const uint32_t limit = stream->thread->options->body_timeout_ms;
  const bool stuck =
      stream->call.kind == OA_CALL_STREAM && !oa_outbox_empty(stream);
  if (stream->state != OA_STREAM_ANSWERED && !stuck) {
    oa_thread_count(&stream->thread->late_bodies, 1);
  }
  if (stream->state == OA_STREAM_HEADERS) {
    /* An unfinished header block stops all else on its connection. */
    oa_connection_close(stream->connection);
  } else if (stream->state == OA_STREAM_ANSWERED || stuck) {
    give_up(stream);
  } else {
    stream->late = true;
    oa_answer_refuse(stream, OA_GRPC_DEADLINE_EXCEEDED, 0,
                     "the message did not arrive within %u ms",
                     (unsigned)limit);
  }
}

/* Those of LIST that have been in it for LIMIT. */
static void expire(const oa_list *list, uint64_t now, uint64_t limit) {
  oa_link *link;
  while ((link = oa_list_first(list)) != NULL) {
    oa_stream *stream = OA_LIST_ENTRY(link, oa_stream, in_queue);
    if (now - stream->timed_at < limit) {
      return;
    }
    if (stream->connection->back) {
      oa_stream_time(stream); /* we do not read it */
    } else {
      end_overdue(stream);
    }
  }
}

void oa_stream_expire(oa_thread *thread) {
  const uint64_t now = uv_now(&thread->loop);
  expire(&thread->timed, now, thread->options->body_timeout_ms);
  /* A stop waits for none of them; not 0, so that each is looked at once. */
  expire(&thread->parting, now, thread->stopping ? 1 : PARTING_TIMEOUT);
}

void oa_stream_dismiss_idle(oa_connection *connection) {
  oa_link *link = oa_list_first(&connection->streams);
  while (link != NULL) {
    oa_link *next = oa_list_next(&connection->streams, link);
    oa_stream *stream = OA_LIST_ENTRY(link, oa_stream, in_connection);
    if (stream->call.kind == OA_CALL_STREAM &&
        stream->state == OA_STREAM_BODY && stream->prefix_len == 0 &&
        oa_outbox_empty(stream)) {
      oa_answer_refuse(stream, OA_GRPC_UNAVAILABLE, 0,
                       "the server is shutting down");
    }
    link = next;
  }
}
