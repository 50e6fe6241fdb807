/* SPDX-License-Identifier: Apache-2.0 */
/* How slow a body may be.
 *
 * Each body that is under way is looked at once in a while, and must have
 * brought its share since the last time.  A sender who trickles holds a stream
 * and its memory for that long and no longer, however many they are.  Time in
 * which we make it wait does not count, unless it has not even sent what it may
 * send unasked.  And nobody waits for ever: a sender who could not be given its
 * turn is told to come back, as it would do by itself, having waited in vain.
 */
#include "net/stream.h"

enum {
  /* Waiting for a turn may take this part of the body time-out. */
  WAIT_PART = 2,
};

void oa_pace_begin(oa_stream *stream) {
  oa_thread *thread = stream->thread;
  if (thread->options->min_body_rate == 0) {
    return;
  }
  stream->paced_at = uv_now(&thread->loop);
  stream->paced_bytes = stream->brought;
  oa_list_push(&thread->paced, &stream->in_paced);
}

/* True when a message that waits has most of the window left that its peer was
 * given to begin with. */
static bool holds_back(const oa_stream *stream) {
  if (stream->http1) {
    return false; /* its bytes are in the socket, which we do not read */
  }
  nghttp2_session *session = stream->connection->session;
  const int32_t all = nghttp2_session_get_stream_effective_local_window_size(
      session, stream->id);
  const int32_t left =
      nghttp2_session_get_stream_local_window_size(session, stream->id);
  return all > 0 && left > all / 2;
}

/* True while something of STREAM has to come. */
static bool comes(const oa_stream *stream) {
  if (stream->state == OA_STREAM_WAITING) {
    return holds_back(stream);
  }
  return stream->state == OA_STREAM_HEADERS ||
         (stream->state == OA_STREAM_BODY &&
          (stream->call.kind != OA_CALL_STREAM || stream->prefix_len > 0));
}

static bool is_slow(const oa_stream *stream) {
  const oa_server_options *options = stream->thread->options;
  const uint64_t least =
      (uint64_t)options->min_body_rate * options->pace_ms / 1000;
  return stream->brought - stream->paced_bytes < least;
}

/* It has waited for its turn for as long as makes sense. */
static bool waits_in_vain(const oa_stream *stream) {
  const oa_thread *thread = stream->thread;
  return stream->state == OA_STREAM_WAITING &&
         uv_now(&thread->loop) - stream->timed_at >=
             thread->options->body_timeout_ms / WAIT_PART;
}

static void end_slow(oa_stream *stream) {
  oa_thread *thread = stream->thread;
  oa_thread_count(&thread->late_bodies, 1);
  if (stream->state == OA_STREAM_HEADERS) {
    /* An unfinished header block stops all else on its connection. */
    oa_connection_close(stream->connection);
    return;
  }
  stream->late = true;
  oa_answer_refuse(stream, OA_GRPC_DEADLINE_EXCEEDED, 0,
                   "the message came at fewer than %u bytes a second",
                   (unsigned)thread->options->min_body_rate);
}

static void check(oa_stream *stream) {
  const bool coming = comes(stream);
  const oa_connection *connection = stream->connection;
  /* We do not read while the peer does not, and while it stands back. */
  const bool reading = !connection->blocked && !connection->back;
  if (coming && reading && is_slow(stream)) {
    end_slow(stream);
  } else if (waits_in_vain(stream)) {
    oa_flow_refuse(stream);
  } else if (coming || stream->state == OA_STREAM_WAITING) {
    oa_pace_begin(stream);
  }
}

void oa_pace_check(oa_thread *thread) {
  const uint64_t now = uv_now(&thread->loop);
  oa_link *link;
  while ((link = oa_list_first(&thread->paced)) != NULL) {
    oa_stream *stream = OA_LIST_ENTRY(link, oa_stream, in_paced);
    if (now - stream->paced_at < thread->options->pace_ms) {
      return;
    }
    oa_link_remove(link);
    if (stream->connection != NULL) {
      check(stream);
    }
  }
}
