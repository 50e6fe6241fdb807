/* SPDX-License-Identifier: Apache-2.0 */
/* The memory brake: what the bodies of a thread hold, and whose turn it is to
 * send a long one. */
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "net/stream.h"

enum {
  /* A granted stream may send this much beyond its message, so that a client
   * that sends too much is told so instead of left to wait. */
  WINDOW_SLACK = 16,
  /* A granted message that takes longer than this crawls, in milliseconds. */
  CRAWL_TIME = 500,
  /* What clients are told when memory is short, in milliseconds. */
  RETRY_DELAY = 1000,
};

void oa_flow_hold(oa_stream *stream, size_t bytes) {
  oa_thread *thread = stream->thread;
  thread->held_bytes += bytes - stream->held;
  stream->held = bytes;
  atomic_store_explicit(&thread->held, thread->held_bytes,
                        memory_order_relaxed);
}

static void set_budget(oa_stream *stream, size_t bytes) {
  size_t *sum = stream->slow ? &stream->thread->slow_bytes
                             : &stream->thread->granted_bytes;
  *sum += bytes - stream->budgeted;
  stream->budgeted = bytes;
}

void oa_flow_recount(oa_stream *stream, size_t bytes) {
  oa_pool_give(&stream->thread->pool, &stream->block);
  set_budget(stream, bytes);
  oa_flow_hold(stream, bytes);
}

/* Keeps the memory of a decompressed message for the next one. */
static void spare(oa_thread *thread, oa_buf *buf) {
  for (size_t i = 0; i < OA_THREAD_SPARE_BUFS; i++) {
    if (thread->spare_bufs[i].data == NULL &&
        buf->cap <= thread->options->body_budget) {
      thread->spare_bufs[i] = *buf;
      thread->spare_bufs[i].len = 0;
      *buf = (oa_buf){0};
      return;
    }
  }
  oa_buf_free(buf);
}

oa_buf oa_flow_take_spare(oa_thread *thread) {
  for (size_t i = OA_THREAD_SPARE_BUFS; i-- > 0;) {
    if (thread->spare_bufs[i].data != NULL) {
      const oa_buf buf = thread->spare_bufs[i];
      thread->spare_bufs[i] = (oa_buf){0};
      return buf;
    }
  }
  return (oa_buf){0};
}

void oa_flow_release(oa_stream *stream) {
  oa_thread *thread = stream->thread;
  set_budget(stream, 0);
  oa_flow_hold(stream, 0);
  stream->slow = false;
  oa_link_remove(&stream->in_granted);
  oa_pool_give(&thread->pool, &stream->block);
  if (stream->inflated.data != NULL) {
    spare(thread, &stream->inflated);
  }
  stream->call.message = NULL;
  stream->call.message_len = 0;
}

void oa_flow_trim(oa_thread *thread) {
  oa_pool_trim(&thread->pool);
  for (size_t i = 0; i < OA_THREAD_SPARE_BUFS; i++) {
    oa_buf_free(&thread->spare_bufs[i]);
  }
  oa_inflater_free(thread->inflater);
  thread->inflater = NULL;
}

bool oa_flow_is_long(const oa_stream *stream) {
  return (size_t)stream->length + OA_GRPC_PREFIX_SIZE >
         stream->thread->options->stream_window;
}

static bool fits_budget(const oa_thread *thread, size_t length) {
  const size_t budget = thread->options->body_budget;
  /* One message always may come in, however large it is. */
  return !thread->paused && (thread->granted_bytes == 0 ||
                             (thread->granted_bytes < budget &&
                              length <= budget - thread->granted_bytes));
}

void oa_flow_refuse(oa_stream *stream) {
  oa_answer_refuse(stream, OA_GRPC_UNAVAILABLE, RETRY_DELAY,
                   "too many messages are held in memory; try again later");
}

bool oa_flow_make_room(oa_stream *stream, size_t size) {
  if (size <= stream->block.size) {
    return true;
  }
  oa_pool *pool = &stream->thread->pool;
  oa_block block = oa_pool_take(pool, size);
  if (block.data == NULL) {
    return false;
  }
  if (stream->have > 0) {
    memcpy(block.data, stream->block.data, stream->have);
  }
  oa_pool_give(pool, &stream->block);
  stream->block = block;
  return true;
}

/* --- windows --- */

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

/* Has STREAM's peer be able to send WANT bytes. */
static void ensure_window(oa_stream *stream, size_t want) {
  oa_connection *connection = stream->connection;
  int64_t now = 0;
  if (!get_window(stream, &now)) {
    return;
  }
  const int64_t more = (int64_t)want - now;
  if (more > 0 && more <= INT32_MAX) {
    nghttp2_submit_window_update(connection->session, NGHTTP2_FLAG_NONE,
                                 stream->id, (int32_t)more);
    oa_connection_touch(connection);
  }
}

void oa_flow_credit(oa_stream *stream) {
  const size_t window = stream->thread->options->stream_window;
  if (stream->connection == NULL || stream->ended ||
      stream->pending.len >= window) {
    return;
  }
  /* What is pending may not grow beyond a window either. */
  const size_t want = window - stream->pending.len;
  int64_t now = 0;
  if (get_window(stream, &now) && now < (int64_t)(want / 2)) {
    ensure_window(stream, want);
  }
}

void oa_flow_renew_window(oa_stream *stream) {
  const bool streaming = stream->call.kind == OA_CALL_STREAM;
  if (stream->http1 || stream->state != OA_STREAM_BODY) {
    return;
  }
  if (streaming && !stream->begun) {
    oa_flow_credit(stream);
    return;
  }
  if (!stream->granted && !stream->padded && !streaming) {
    return;
  }
  const size_t left = stream->length - stream->have;
  const size_t behind = stream->behind < left ? stream->behind : left;
  ensure_window(stream, left - behind + WINDOW_SLACK);
}

/* --- turns --- */

/* Lets the rest of STREAM's message in. */
static void grant(oa_stream *stream) {
  oa_thread *thread = stream->thread;
  const uint64_t deadline = stream->call.deadline_ns;
  if (deadline != 0 && oa_clock_monotonic_ns() > deadline) {
    oa_answer_refuse(stream, OA_GRPC_DEADLINE_EXCEEDED, 0,
                     "the deadline passed before the message could come in");
    return;
  }
  if (!oa_flow_make_room(stream, stream->length)) {
    oa_flow_refuse(stream);
    return;
  }
  stream->state = OA_STREAM_BODY;
  stream->granted = true;
  set_budget(stream, stream->length);
  oa_flow_hold(stream, stream->length);
  if (!oa_link_linked(&stream->in_granted) && !stream->slow) {
    stream->granted_at = uv_now(&thread->loop);
    oa_list_push(&thread->granted, &stream->in_granted);
  }
  oa_stream_time(stream);
  if (stream->http1) {
    oa_connection_touch(stream->connection);
  } else {
    oa_flow_renew_window(stream);
  }
}

/* A body of unknown length may have to wait again and again while it holds
 * budget.  The one that was granted first always goes on, so that some body
 * comes to its end. */
static void grant_oldest(oa_thread *thread) {
  oa_link *link = oa_list_first(&thread->granted);
  while (link != NULL && !thread->paused) {
    oa_stream *stream = OA_LIST_ENTRY(link, oa_stream, in_granted);
    if (stream->state != OA_STREAM_WAITING) {
      return;
    }
    grant(stream);
    /* It stands first still, unless it was refused. */
    link = oa_list_first(&thread->granted);
  }
}

void oa_flow_grant(oa_thread *thread) {
  oa_link *link;
  grant_oldest(thread);
  while ((link = oa_list_first(&thread->waiting)) != NULL) {
    oa_stream *stream = OA_LIST_ENTRY(link, oa_stream, in_queue);
    if (!fits_budget(thread, stream->length - stream->budgeted)) {
      return;
    }
    grant(stream);
  }
}

void oa_flow_forgive(oa_thread *thread) {
  const uint64_t now = uv_now(&thread->loop);
  oa_link *link;
  while ((link = oa_list_first(&thread->granted)) != NULL) {
    oa_stream *stream = OA_LIST_ENTRY(link, oa_stream, in_granted);
    const size_t bytes = stream->budgeted;
    if (now - stream->granted_at < CRAWL_TIME ||
        thread->slow_bytes + bytes > thread->options->body_limit) {
      return;
    }
    oa_link_remove(&stream->in_granted);
    set_budget(stream, 0);
    stream->slow = true;
    set_budget(stream, bytes);
  }
}

/* Memory for what may come of a waiting HTTP/2 message all the same. */
static bool hold_first(oa_stream *stream) {
  const int32_t window = nghttp2_session_get_stream_local_window_size(
      stream->connection->session, stream->id);
  size_t first =
      stream->have + stream->behind + (size_t)(window > 0 ? window : 0);
  first = first < stream->length ? first : stream->length;
  if (!oa_flow_make_room(stream, first)) {
    return false;
  }
  oa_flow_hold(stream, first);
  return true;
}

bool oa_flow_begin_long(oa_stream *stream) {
  oa_thread *thread = stream->thread;
  const bool oldest =
      oa_list_first(&thread->granted) == &stream->in_granted && !thread->paused;
  if (oldest || (oa_list_first(&thread->waiting) == NULL &&
                 fits_budget(thread, stream->length - stream->budgeted))) {
    grant(stream);
    return stream->state == OA_STREAM_BODY;
  }
  /* The bytes of HTTP/1.1 wait in their socket. */
  if (!stream->http1 && !hold_first(stream)) {
    oa_flow_refuse(stream);
    return false;
  }
  stream->state = OA_STREAM_WAITING;
  oa_list_push(&thread->waiting, &stream->in_queue);
  return true;
}
