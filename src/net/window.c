/* SPDX-License-Identifier: Apache-2.0 */
/* What the peer of an HTTP/2 stream may send. */
#include "net/stream.h"

enum {
  /* A granted stream may send this much beyond its message, so that a client
   * that sends too much is told so instead of left to wait. */
  SLACK = 16,
  /* A streaming call may also send what two messages as long as this one have,
   * so that neither side waits for the other between two; at most so much, ...
   */
  AHEAD_MAX = 512 * 1024,
  /* ... together this part of the budget, and nothing once this part of the
   * body limit is held. */
  AHEAD_PART = 4,
  HELD_PART = 2,
};

/* What STREAM's peer may send.  Negative: it must not, as it sent more than the
 * smaller windows of newer settings allow; nghttp2's own sum says 0 then.
 * False: HTTP/2 has no such stream any more. */
static bool get_window(const oa_stream *stream, int64_t *out) {
  nghttp2_session *session = stream->connection->session;
  const int32_t size = nghttp2_session_get_stream_effective_local_window_size(
      session, stream->id);
  const int32_t used = nghttp2_session_get_stream_effective_recv_data_length(
      session, stream->id);
  *out = (int64_t)size - used;
  return size >= 0 && used >= 0;
}

/* Has STREAM's peer be able to send WANT bytes, if it may not send LEAST. */
static void ensure_window(oa_stream *stream, size_t least, size_t want) {
  oa_connection *connection = stream->connection;
  int64_t now = 0;
  if (!get_window(stream, &now) || now >= (int64_t)least) {
    return;
  }
  const int64_t more = (int64_t)want - now;
  if (more > 0 && more <= INT32_MAX) {
    nghttp2_submit_window_update(connection->session, NGHTTP2_FLAG_NONE,
                                 stream->id, (int32_t)more);
    oa_connection_touch(connection);
  }
}

/* --- ahead of the next message --- */

void oa_window_set_ahead(oa_stream *stream, size_t bytes) {
  oa_thread *thread = stream->thread;
  thread->ahead_bytes += bytes - stream->ahead;
  stream->ahead = bytes;
}

/* Bytes that are there, but not part of the message yet. */
static size_t waiting(const oa_stream *stream) {
  return stream->pending.len + stream->behind;
}

/* Bytes of STREAM's message that have not been taken. */
static size_t missing(const oa_stream *stream) {
  return stream->begun ? stream->length - stream->have : 0;
}

/* Those that are still to come. */
static size_t left_of_message(const oa_stream *stream) {
  const size_t left = missing(stream);
  return left - (stream->behind < left ? stream->behind : left);
}

/* Counts what STREAM's peer may send of messages that have not begun. */
static void count_ahead(oa_stream *stream) {
  const size_t usual = missing(stream) + stream->thread->options->stream_window;
  int64_t window = 0;
  if (stream->connection == NULL || stream->ended ||
      !get_window(stream, &window) || window < 0) {
    window = 0;
  }
  const size_t open = (size_t)window + waiting(stream);
  oa_window_set_ahead(stream, open > usual ? open - usual : 0);
}

/* What STREAM may send beyond its message, which tells how long the next ones
 * will be. */
static size_t ahead_of(const oa_stream *stream) {
  const oa_thread *thread = stream->thread;
  const oa_server_options *options = thread->options;
  const size_t two = (size_t)stream->length * 2;
  const size_t want = two < AHEAD_MAX ? two : AHEAD_MAX;
  const size_t others = thread->ahead_bytes - stream->ahead;
  return thread->paused || others + want > options->body_budget / AHEAD_PART ||
                 thread->held_bytes > options->body_limit / HELD_PART
             ? 0
             : want;
}

/* --- when it changes --- */

/* The window of what stands behind STREAM's message. */
static void credit(oa_stream *stream, size_t ahead) {
  const size_t most = stream->thread->options->stream_window + ahead;
  if (stream->connection == NULL || stream->ended || waiting(stream) >= most) {
    return;
  }
  /* What is pending may not grow beyond a window either. */
  const size_t want = most - waiting(stream);
  ensure_window(stream, want / 2, want);
}

void oa_window_credit(oa_stream *stream) {
  credit(stream, ahead_of(stream));
  count_ahead(stream);
}

/* Most of a streaming call's messages have their window already: it came with
 * the answer to one before. */
static void renew_streaming(oa_stream *stream) {
  const size_t left = left_of_message(stream);
  ensure_window(stream, left, left + SLACK + ahead_of(stream));
  count_ahead(stream);
}

void oa_window_renew(oa_stream *stream) {
  const bool streaming = stream->call.kind == OA_CALL_STREAM;
  if (stream->http1 || stream->state != OA_STREAM_BODY) {
    return;
  }
  if (streaming && stream->begun) {
    renew_streaming(stream);
  } else if (streaming) {
    credit(stream, 0);
  } else if (stream->begun) {
    const size_t want = left_of_message(stream) + SLACK;
    ensure_window(stream, want, want);
  }
}
