/* SPDX-License-Identifier: Apache-2.0 */
/* The message of a call: its frame, its memory, its turn. */
#include <assert.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "net/stream.h"

enum {
  /* A granted stream may send this much beyond its message, so that a client
   * that sends too much is told so instead of left to wait. */
  WINDOW_SLACK = 16,
  /* What HTTP/2 allows before our SETTINGS have been taken. */
  DEFAULT_WINDOW = 65535,
  /* A granted message that takes longer than this crawls, in milliseconds. */
  CRAWL_TIME = 500,
  /* What clients are told when memory is short, in milliseconds. */
  RETRY_DELAY = 1000,
};

static void hold(oa_stream *stream, size_t bytes) {
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

static oa_buf take_spare(oa_thread *thread) {
  for (size_t i = OA_THREAD_SPARE_BUFS; i-- > 0;) {
    if (thread->spare_bufs[i].data != NULL) {
      const oa_buf buf = thread->spare_bufs[i];
      thread->spare_bufs[i] = (oa_buf){0};
      return buf;
    }
  }
  return (oa_buf){0};
}

void oa_message_release(oa_stream *stream) {
  oa_thread *thread = stream->thread;
  set_budget(stream, 0);
  hold(stream, 0);
  oa_link_remove(&stream->in_granted);
  oa_pool_give(&thread->pool, &stream->block);
  if (stream->inflated.data != NULL) {
    spare(thread, &stream->inflated);
  }
  stream->call.message = NULL;
  stream->call.message_len = 0;
}

void oa_grpc_message_done(oa_grpc_call *call) {
  oa_message_release((oa_stream *)call);
}

void oa_message_trim(oa_thread *thread) {
  oa_pool_trim(&thread->pool);
  for (size_t i = 0; i < OA_THREAD_SPARE_BUFS; i++) {
    oa_buf_free(&thread->spare_bufs[i]);
  }
  oa_inflater_free(thread->inflater);
  thread->inflater = NULL;
}

static bool is_long(const oa_stream *stream) {
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

static void refuse_memory(oa_stream *stream) {
  oa_answer_refuse(stream, OA_GRPC_UNAVAILABLE, RETRY_DELAY,
                   "too many messages are held in memory; try again later");
}

/* Gives STREAM a block of SIZE bytes with what has come so far. */
static bool make_room(oa_stream *stream, size_t size) {
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

void oa_message_renew_window(oa_stream *stream) {
  if (!stream->granted && stream->padding == 0) {
    return;
  }
  const uint64_t whole = (uint64_t)stream->length + OA_GRPC_PREFIX_SIZE +
                         WINDOW_SLACK + stream->padding;
  const int32_t window = whole > INT32_MAX ? INT32_MAX : (int32_t)whole;
  nghttp2_session *session = stream->connection->session;
  if (window > nghttp2_session_get_stream_effective_local_window_size(
                   session, stream->id)) {
    nghttp2_session_set_local_window_size(session, NGHTTP2_FLAG_NONE,
                                          stream->id, window);
    oa_connection_touch(stream->connection);
  }
}

/* Lets the rest of STREAM's message in. */
static void grant(oa_stream *stream) {
  oa_thread *thread = stream->thread;
  const uint64_t deadline = stream->call.deadline_ns;
  if (deadline != 0 && oa_clock_monotonic_ns() > deadline) {
    oa_answer_refuse(stream, OA_GRPC_DEADLINE_EXCEEDED, 0,
                     "the deadline passed before the message could come in");
    return;
  }
  if (!make_room(stream, stream->length)) {
    refuse_memory(stream);
    return;
  }
  stream->state = OA_STREAM_BODY;
  stream->granted = true;
  set_budget(stream, stream->length);
  hold(stream, stream->length);
  stream->granted_at = uv_now(&thread->loop);
  oa_list_push(&thread->granted, &stream->in_granted);
  oa_stream_time(stream);
  oa_message_renew_window(stream);
}

void oa_message_grant(oa_thread *thread) {
  oa_link *link;
  while ((link = oa_list_first(&thread->waiting)) != NULL) {
    oa_stream *stream = OA_LIST_ENTRY(link, oa_stream, in_queue);
    if (!fits_budget(thread, stream->length)) {
      return;
    }
    grant(stream);
  }
}

void oa_message_forgive(oa_thread *thread) {
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

/* The first byte of a long message has come: its turn, or the queue. */
static bool begin_long(oa_stream *stream) {
  oa_thread *thread = stream->thread;
  if (oa_list_first(&thread->waiting) == NULL &&
      fits_budget(thread, stream->length)) {
    grant(stream);
    return stream->state == OA_STREAM_BODY;
  }
  size_t first = thread->options->stream_window;
  if (!stream->connection->settled && first < DEFAULT_WINDOW) {
    first = DEFAULT_WINDOW;
  }
  if (first > stream->length) {
    first = stream->length;
  }
  if (!make_room(stream, first)) {
    refuse_memory(stream);
    return false;
  }
  hold(stream, first);
  stream->state = OA_STREAM_WAITING;
  oa_list_push(&thread->waiting, &stream->in_queue);
  return true;
}

/* The five bytes are there.  False: the call has been refused. */
static bool begin_message(oa_stream *stream) {
  const oa_thread *thread = stream->thread;
  const uint8_t *prefix = stream->prefix;
  stream->length = (uint32_t)prefix[1] << 24 | (uint32_t)prefix[2] << 16 |
                   (uint32_t)prefix[3] << 8 | (uint32_t)prefix[4];
  if (prefix[0] > 1) {
    oa_answer_refuse(stream, OA_GRPC_INTERNAL, 0,
                     "malformed gRPC frame: its first byte is %u, not 0 or 1",
                     prefix[0]);
    return false;
  }
  if (prefix[0] == 1 && stream->codec == OA_CODEC_NONE) {
    oa_answer_refuse(stream, OA_GRPC_INTERNAL, 0,
                     "the message is marked as compressed, but there is no "
                     "grpc-encoding");
    return false;
  }
  if (stream->length > thread->options->max_message) {
    oa_answer_refuse(stream, OA_GRPC_RESOURCE_EXHAUSTED, 0,
                     "the message has %lu bytes; at most %zu are taken",
                     (unsigned long)stream->length,
                     thread->options->max_message);
    return false;
  }
  if (thread->held_bytes > thread->options->body_limit) {
    refuse_memory(stream);
    return false;
  }
  if (is_long(stream)) {
    return begin_long(stream);
  }
  if (stream->length > 0 && !make_room(stream, stream->length)) {
    refuse_memory(stream);
    return false;
  }
  hold(stream, stream->length);
  return true;
}

void oa_message_receive(oa_stream *stream, const uint8_t *data, size_t len) {
  while (len > 0 && (stream->state == OA_STREAM_BODY ||
                     stream->state == OA_STREAM_WAITING)) {
    size_t part;
    if (stream->prefix_len < OA_GRPC_PREFIX_SIZE) {
      part = OA_GRPC_PREFIX_SIZE - stream->prefix_len;
      part = part < len ? part : len;
      memcpy(stream->prefix + stream->prefix_len, data, part);
      stream->prefix_len = (uint8_t)(stream->prefix_len + part);
      if (stream->prefix_len == OA_GRPC_PREFIX_SIZE && !begin_message(stream)) {
        return;
      }
    } else {
      part = stream->length - stream->have;
      part = part < len ? part : len;
      if (part == 0) {
        oa_answer_refuse(stream, OA_GRPC_UNIMPLEMENTED, 0,
                         "more than one message in a unary call");
        return;
      }
      /* Flow control keeps the peer inside the block. */
      if (part > stream->block.size - stream->have) {
        oa_answer_refuse(stream, OA_GRPC_INTERNAL, 0,
                         "more data than flow control allowed");
        return;
      }
      memcpy(stream->block.data + stream->have, data, part);
      stream->have += (uint32_t)part;
    }
    data += part;
    len -= part;
  }
}

void oa_message_padded(oa_stream *stream, size_t padding) {
  if (padding > INT32_MAX - (size_t)stream->padding) {
    return;
  }
  stream->padding += (uint32_t)padding;
  if (stream->state == OA_STREAM_BODY &&
      stream->prefix_len == OA_GRPC_PREFIX_SIZE) {
    oa_message_renew_window(stream);
  }
}

void oa_message_end(oa_stream *stream) {
  stream->ended = true;
  if (stream->state != OA_STREAM_BODY && stream->state != OA_STREAM_WAITING) {
    return;
  }
  if (stream->prefix_len == 0) {
    oa_answer_refuse(stream, OA_GRPC_UNIMPLEMENTED, 0,
                     "no message in a unary call");
  } else if (stream->prefix_len < OA_GRPC_PREFIX_SIZE) {
    oa_answer_refuse(stream, OA_GRPC_INTERNAL, 0,
                     "the call ended inside the 5 bytes before its message");
  } else if (stream->have < stream->length) {
    oa_answer_refuse(stream, OA_GRPC_INTERNAL, 0,
                     "the call ended after %lu of %lu bytes of its message",
                     (unsigned long)stream->have,
                     (unsigned long)stream->length);
  } else {
    oa_thread *thread = stream->thread;
    stream->state = OA_STREAM_READY;
    oa_link_remove(&stream->in_granted);
    oa_list_push(&thread->ready, &stream->in_queue);
    oa_thread_count(&thread->received, stream->length);
    oa_message_deliver(thread);
  }
}

/* Decompresses the message.  False: the call has been refused. */
static bool inflate(oa_stream *stream) {
  oa_thread *thread = stream->thread;
  oa_error error = {0};
  oa_status status = OA_OK;
  if (thread->inflater == NULL) {
    status = oa_inflater_new(&thread->inflater);
  }
  if (status == OA_OK) {
    stream->inflated = take_spare(thread);
    status = oa_inflate(thread->inflater, stream->codec, stream->block.data,
                        stream->length, thread->options->max_message,
                        &stream->inflated, &error);
  }
  switch (status) {
    case OA_OK:
      break;
    case OA_ERR_LIMIT:
      oa_answer_refuse(stream, OA_GRPC_RESOURCE_EXHAUSTED, 0,
                       "the message has more than %zu bytes when decompressed",
                       thread->options->max_message);
      return false;
    case OA_ERR_NOMEM:
      refuse_memory(stream);
      return false;
    default:
      oa_answer_refuse(
          stream, OA_GRPC_INTERNAL, 0, "the message cannot be decompressed: %s",
          error.text[0] != '\0' ? error.text : oa_status_text(status));
      return false;
  }
  oa_pool_give(&thread->pool, &stream->block);
  set_budget(stream, stream->inflated.len);
  hold(stream, stream->inflated.len);
  stream->call.message = stream->inflated.data;
  stream->call.message_len = stream->inflated.len;
  return true;
}

static void hand_over(oa_stream *stream) {
  const oa_server_options *options = stream->thread->options;
  const uint64_t deadline = stream->call.deadline_ns;
  if (deadline != 0 && oa_clock_monotonic_ns() > deadline) {
    oa_answer_refuse(stream, OA_GRPC_DEADLINE_EXCEEDED, 0,
                     "the deadline passed before the call was looked at");
    return;
  }
  if (stream->prefix[0] == 1) {
    if (!inflate(stream)) {
      return;
    }
  } else {
    stream->call.message = stream->block.data;
    stream->call.message_len = stream->length;
  }
  stream->state = OA_STREAM_HANDED;
  oa_list_push(&stream->thread->handed, &stream->in_queue);
  options->handler->request(options->context, &stream->call);
}

void oa_message_deliver(oa_thread *thread) {
  /* A handler that resumes inside request() must not begin a second round. */
  if (thread->delivering) {
    return;
  }
  thread->delivering = true;
  oa_link *link;
  while (!thread->paused && (link = oa_list_first(&thread->ready)) != NULL) {
    hand_over(OA_LIST_ENTRY(link, oa_stream, in_queue));
  }
  thread->delivering = false;
}

void oa_grpc_reply(oa_grpc_call *call, const oa_grpc_reply_data *reply) {
  oa_stream *stream = (oa_stream *)call;
  assert(stream->state == OA_STREAM_HANDED);
  oa_message_release(stream);
  if (stream->connection == NULL) {
    oa_stream_free(stream);
  } else {
    oa_answer_send(stream, reply);
  }
}
