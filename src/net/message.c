/* SPDX-License-Identifier: Apache-2.0 */
/* What comes in: the messages of gRPC, each behind its five bytes, and the
 * bodies of HTTP. */
#include <string.h>

#include "net/stream.h"

static bool is_http(const oa_stream *stream) {
  return stream->call.kind == OA_CALL_HTTP;
}

/* A message of stream->length bytes begins.  False: it has been refused. */
static bool begin(oa_stream *stream) {
  stream->begun = true;
  if (oa_flow_is_full(stream)) {
    oa_flow_refuse(stream);
    return false;
  }
  if (oa_flow_is_long(stream)) {
    return oa_flow_begin_long(stream);
  }
  if (stream->length > 0 && !oa_flow_make_room(stream, stream->length)) {
    oa_flow_refuse(stream);
    return false;
  }
  oa_flow_hold(stream, stream->length);
  if (stream->call.kind == OA_CALL_STREAM || stream->padded) {
    /* What came before it may have left less room than it needs. */
    oa_window_renew(stream);
  }
  return true;
}

/* The first byte of a body has come. */
static bool begin_body(oa_stream *stream) {
  const oa_server_options *options = stream->thread->options;
  stream->open_ended = !stream->head.length_known;
  stream->length = stream->open_ended ? options->stream_window / 2
                                      : (uint32_t)stream->head.content_length;
  return begin(stream);
}

/* All of a body's guessed length is there and it goes on. */
static bool extend(oa_stream *stream) {
  const size_t most = stream->thread->options->max_message;
  if (!stream->open_ended || stream->have > most) {
    oa_answer_refuse(stream, OA_GRPC_RESOURCE_EXHAUSTED, 0,
                     "the body has more than %zu bytes", most);
    return false;
  }
  const size_t twice = (size_t)stream->length * 2;
  stream->length = (uint32_t)(twice > most ? most + 1 : twice);
  return oa_flow_begin_long(stream);
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
  if (prefix[0] == 1 && stream->head.codec == OA_CODING_NONE) {
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
  return begin(stream);
}

/* Takes bytes of the prefix; 0: the call has been refused. */
static size_t take_prefix(oa_stream *stream, const uint8_t *data, size_t len) {
  size_t part = OA_GRPC_PREFIX_SIZE - stream->prefix_len;
  part = part < len ? part : len;
  const bool first = stream->prefix_len == 0;
  memcpy(stream->prefix + stream->prefix_len, data, part);
  stream->prefix_len = (uint8_t)(stream->prefix_len + part);
  stream->behind = len - part;
  if (first && stream->call.kind == OA_CALL_STREAM) {
    oa_stream_arrange(stream);
  }
  const bool refused =
      stream->prefix_len == OA_GRPC_PREFIX_SIZE && !begin_message(stream);
  stream->behind = 0;
  return refused ? 0 : part;
}

static bool may_take(const oa_stream *stream) {
  return stream->state == OA_STREAM_BODY || stream->state == OA_STREAM_WAITING;
}

/* Takes bytes of the message; 0: the call has been refused, or must wait. */
static size_t take_bytes(oa_stream *stream, const uint8_t *data, size_t len) {
  size_t part = stream->length - stream->have;
  part = part < len ? part : len;
  if (part == 0 && is_http(stream)) {
    stream->behind = len;
    const bool extended = extend(stream);
    stream->behind = 0;
    return extended && may_take(stream) ? take_bytes(stream, data, len) : 0;
  }
  if (part == 0) {
    oa_answer_refuse(stream, OA_GRPC_UNIMPLEMENTED, 0,
                     "more than one message in a unary call");
    return 0;
  }
  if (stream->http1 && stream->state == OA_STREAM_WAITING) {
    return 0;
  }
  /* Flow control keeps the peer inside the block, but for windows that were
   * open before the message had to wait. */
  if (part > stream->block.size - stream->have &&
      !oa_flow_make_room(stream, stream->have + part)) {
    oa_flow_refuse(stream);
    return 0;
  }
  if (stream->held < stream->have + part) {
    oa_flow_hold(stream, stream->have + part);
  }
  memcpy(stream->block.data + stream->have, data, part);
  stream->have += (uint32_t)part;
  return part;
}

/* The message is whole: it waits for its turn to be handed over, which mostly
 * comes at once. */
static void complete(oa_stream *stream) {
  oa_thread *thread = stream->thread;
  stream->state = OA_STREAM_READY;
  oa_link_remove(&stream->in_granted);
  oa_turn_wait(stream);
  oa_thread_count(&thread->received, stream->length);
  oa_turn_deliver(thread);
}

/* Takes what can be taken now and returns how much that was. */
static size_t take(oa_stream *stream, const uint8_t *data, size_t len) {
  size_t at = 0;
  while (at < len && may_take(stream)) {
    size_t part = 0;
    if (stream->begun) {
      part = take_bytes(stream, data + at, len - at);
    } else if (!is_http(stream)) {
      part = take_prefix(stream, data + at, len - at);
    } else {
      stream->behind = len - at;
      const bool begun = begin_body(stream);
      stream->behind = 0;
      if (begun) {
        continue;
      }
    }
    if (part == 0) {
      break;
    }
    at += part;
    if (stream->call.kind == OA_CALL_STREAM && stream->begun &&
        stream->have == stream->length && may_take(stream)) {
      stream->behind = len - at;
      complete(stream);
      stream->behind = 0;
    }
  }
  return at;
}

size_t oa_message_receive(oa_stream *stream, const uint8_t *data, size_t len) {
  const bool streaming = stream->call.kind == OA_CALL_STREAM;
  size_t at = 0;
  stream->brought += len;
  if (!streaming || stream->pending.len == 0) {
    stream->receiving = true;
    at = take(stream, data, len);
    stream->receiving = false;
  }
  if (at < len && streaming &&
      (stream->state == OA_STREAM_READY || stream->state == OA_STREAM_HANDED ||
       stream->pending.len > 0) &&
      oa_buf_put(&stream->pending, data + at, len - at) != OA_OK) {
    oa_flow_refuse(stream);
  }
  return at;
}

/* The peer has said its last word and the handler has nothing of it left. */
static void tell_ended(oa_stream *stream) {
  const oa_server_options *options = stream->thread->options;
  if (!stream->ended || stream->told_ended || stream->state != OA_STREAM_BODY ||
      stream->pending.len > 0) {
    return;
  }
  if (stream->prefix_len > 0) {
    oa_answer_refuse(stream, OA_GRPC_INTERNAL, 0,
                     "the call ended inside a message");
    return;
  }
  stream->told_ended = true;
  options->handler->ended(options->context, &stream->call);
}

void oa_message_go_on(oa_stream *stream) {
  if (stream->receiving || stream->handing) {
    return; /* whoever is at it goes on by itself */
  }
  while (stream->pending.len > 0 && may_take(stream)) {
    oa_buf bytes = stream->pending;
    stream->pending = (oa_buf){.purse = bytes.purse};
    stream->receiving = true;
    const size_t at = take(stream, bytes.data, bytes.len);
    stream->receiving = false;
    if (at < bytes.len && stream->state != OA_STREAM_ANSWERED) {
      memmove(bytes.data, bytes.data + at, bytes.len - at);
      bytes.len -= at;
      stream->pending = bytes;
    } else {
      oa_buf_free(&bytes);
    }
  }
  tell_ended(stream);
}

void oa_message_padded(oa_stream *stream) {
  stream->padded = true;
  if (stream->state == OA_STREAM_BODY && stream->begun) {
    oa_window_renew(stream);
  }
}

static void end_http(oa_stream *stream) {
  if (!stream->begun) {
    stream->length = 0;
  } else if (stream->open_ended) {
    stream->length = stream->have;
  }
  if (stream->have < stream->length ||
      (!stream->begun && stream->head.length_known &&
       stream->head.content_length > 0)) {
    oa_answer_refuse(stream, OA_GRPC_INTERNAL, 0,
                     "the body ended after %lu of %llu bytes",
                     (unsigned long)stream->have,
                     (unsigned long long)stream->head.content_length);
  } else if (stream->length > stream->thread->options->max_message) {
    extend(stream);
  } else {
    complete(stream);
  }
}

static void end_unary(oa_stream *stream) {
  if (stream->prefix_len == 0) {
    oa_answer_refuse(stream, OA_GRPC_UNIMPLEMENTED, 0,
                     "no message in a unary call");
  } else if (!stream->begun) {
    oa_answer_refuse(stream, OA_GRPC_INTERNAL, 0,
                     "the call ended inside the 5 bytes before its message");
  } else if (stream->have < stream->length) {
    oa_answer_refuse(stream, OA_GRPC_INTERNAL, 0,
                     "the call ended after %lu of %lu bytes of its message",
                     (unsigned long)stream->have,
                     (unsigned long)stream->length);
  } else {
    complete(stream);
  }
}

void oa_message_end(oa_stream *stream) {
  stream->ended = true;
  if (stream->call.kind == OA_CALL_STREAM) {
    if (!stream->receiving) {
      oa_message_go_on(stream);
    }
  } else if (!may_take(stream)) {
    return;
  } else if (is_http(stream)) {
    end_http(stream);
  } else {
    end_unary(stream);
  }
}
