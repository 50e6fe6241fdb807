/* SPDX-License-Identifier: Apache-2.0 */
/* Frames: where a message starts and ends, and of which kind it is. */
#include <string.h>

#include "arrow/ipc_read_impl.h"

const oa_ipc_limits oa_ipc_limits_default = {
    .max_message = (size_t)1 << 30,
    .max_memory = (size_t)4 << 30,
    .max_fields = 4096,
    .max_depth = 64,
};

static oa_status damaged(oa_error *error, const char *what) {
  return oa_error_set(error, OA_ERR_MALFORMED, "Arrow message: %s", what);
}

oa_status oa_ipc_header(const uint8_t *meta, size_t len, oa_ipc_message *out,
                        oa_error *error) {
  oa_flat_table message;
  int64_t version = 0;
  int64_t type = 0;
  int64_t body = 0;
  if (!oa_flat_root(meta, len, &message) ||
      !oa_flat_get(&message, OA_MESSAGE_VERSION, 2, 0, &version) ||
      !oa_flat_get(&message, OA_MESSAGE_HEADER_TYPE, 1, 0, &type) ||
      !oa_flat_get(&message, OA_MESSAGE_BODY_LENGTH, 8, 0, &body) ||
      !oa_flat_get_table(&message, OA_MESSAGE_HEADER, &out->head)) {
    return damaged(error, "the metadata is not a flatbuffer of a Message");
  }
  if (version != OA_IPC_V5 && version != OA_IPC_V4) {
    return oa_error_set(error, OA_ERR_UNSUPPORTED,
                        "Arrow message: metadata version %lld, not V4 or V5",
                        (long long)version + 1);
  }
  if (body < 0) {
    return damaged(error, "the body length is negative");
  }
  if (out->head.bytes == NULL) {
    return damaged(error, "the header is missing");
  }
  switch (type) {
    case OA_IPC_HEADER_SCHEMA:
      out->event = OA_IPC_SCHEMA;
      break;
    case OA_IPC_HEADER_DICTIONARY:
      out->event = OA_IPC_DICTIONARY;
      break;
    case OA_IPC_HEADER_BATCH:
      out->event = OA_IPC_BATCH;
      break;
    default:
      return oa_error_set(error, OA_ERR_UNSUPPORTED,
                          "Arrow message: header type %lld is not a schema, "
                          "dictionary or record batch",
                          (long long)type);
  }
  out->body_len = (uint64_t)body;
  out->meta_len = len;
  return OA_OK;
}

/* The first eight bytes: the continuation mark and the metadata length. */
static oa_status read_prefix(const uint8_t *bytes, size_t len,
                             uint32_t *meta_len, oa_error *error) {
  static const uint8_t mark[4] = {0xff, 0xff, 0xff, 0xff};
  if (memcmp(bytes, mark, len < 4 ? len : 4) != 0) {
    return damaged(error,
                   "no continuation mark (other bytes, or the framing from "
                   "before Arrow 0.15)");
  }
  if (len < OA_IPC_PREFIX) {
    return OA_ERR_TRUNCATED;
  }
  memcpy(meta_len, bytes + 4, sizeof *meta_len);
  if (*meta_len > INT32_MAX || *meta_len % 8 != 0) {
    return damaged(error, "the metadata length is not a multiple of 8");
  }
  return OA_OK;
}

static oa_status cut_short(oa_ipc_message *out, uint64_t need,
                           oa_error *error) {
  out->size = (size_t)need;
  return oa_error_set(error, OA_ERR_TRUNCATED,
                      "Arrow message: it is cut short, %llu bytes are needed",
                      (unsigned long long)need);
}

static oa_status too_long(size_t max, oa_error *error) {
  return oa_error_set(error, OA_ERR_LIMIT,
                      "Arrow message: it is longer than the limit of %zu bytes",
                      max);
}

oa_status oa_ipc_frame(const uint8_t *bytes, size_t len, size_t max_message,
                       oa_ipc_message *out, oa_error *error) {
  *out = (oa_ipc_message){0};
  if (len == 0) {
    return OA_END;
  }
  uint32_t meta_len = 0;
  oa_status status = read_prefix(bytes, len, &meta_len, error);
  if (status == OA_ERR_TRUNCATED) {
    return cut_short(out, OA_IPC_PREFIX, error);
  }
  OA_TRY(status);
  if (meta_len == 0) {
    *out = (oa_ipc_message){.event = OA_IPC_EOS, .size = OA_IPC_PREFIX};
    return OA_OK;
  }
  const uint64_t head = (uint64_t)OA_IPC_PREFIX + meta_len;
  if (head > max_message) {
    return too_long(max_message, error);
  }
  if (head > len) {
    return cut_short(out, head, error);
  }
  OA_TRY(oa_ipc_header(bytes + OA_IPC_PREFIX, meta_len, out, error));
  out->meta_at = OA_IPC_PREFIX;
  if (out->body_len % 8 != 0) {
    return damaged(error, "the body length is not a multiple of 8");
  }
  if (out->body_len > max_message - head) {
    return too_long(max_message, error);
  }
  if (head + out->body_len > len) {
    return cut_short(out, head + out->body_len, error);
  }
  out->size = (size_t)(head + out->body_len);
  return OA_OK;
}

oa_status oa_ipc_batch_table(const oa_flat_table *batch, uint64_t body_len,
                             int64_t *rows, oa_flat_vector *nodes,
                             oa_flat_vector *buffers, oa_error *error) {
  if (!oa_flat_get(batch, OA_BATCH_LENGTH, 8, 0, rows) ||
      !oa_flat_get_vector(batch, OA_BATCH_NODES, OA_IPC_PAIR_SIZE, nodes) ||
      !oa_flat_get_vector(batch, OA_BATCH_BUFFERS, OA_IPC_PAIR_SIZE, buffers)) {
    return damaged(error, "the record batch is not a valid flatbuffer");
  }
  if (*rows < 0) {
    return damaged(error, "the number of rows is negative");
  }
  /* Buffers may not share bytes: otherwise a short message could name the
   * same bytes for thousands of columns, to be checked once for each. */
  uint64_t left = body_len;
  for (size_t i = 0; i < buffers->count; i++) {
    const int64_t at = oa_flat_vector_word(buffers, i, OA_IPC_PAIR_SIZE, 0);
    const int64_t len = oa_flat_vector_word(buffers, i, OA_IPC_PAIR_SIZE, 8);
    if (at < 0 || len < 0 || (uint64_t)at > body_len ||
        (uint64_t)len > body_len - (uint64_t)at) {
      return damaged(error, "a buffer reaches out of the body");
    }
    if ((uint64_t)len > left) {
      return damaged(error, "the buffers are together longer than the body");
    }
    left -= (uint64_t)len;
  }
  return OA_OK;
}

/* What oa_ipc_skip() looks at beyond the frame. */
static oa_status skim(const oa_ipc_message *message, int64_t *rows,
                      oa_error *error) {
  oa_flat_table batch = message->head;
  oa_flat_vector nodes;
  oa_flat_vector buffers;
  int64_t count = 0;
  if (message->event != OA_IPC_DICTIONARY && message->event != OA_IPC_BATCH) {
    return OA_OK;
  }
  if (message->event == OA_IPC_DICTIONARY &&
      (!oa_flat_get_table(&message->head, OA_DICTIONARY_DATA, &batch) ||
       batch.bytes == NULL)) {
    return damaged(error, "the dictionary has no data");
  }
  OA_TRY(oa_ipc_batch_table(&batch, message->body_len, &count, &nodes, &buffers,
                            error));
  *rows = message->event == OA_IPC_BATCH ? count : 0;
  return OA_OK;
}

oa_status oa_ipc_skip(const uint8_t *bytes, size_t len, size_t *used,
                      oa_ipc_event *event, int64_t *rows, oa_error *error) {
  oa_ipc_message message;
  oa_status status = oa_ipc_frame(bytes, len, oa_ipc_limits_default.max_message,
                                  &message, error);
  if (status == OA_ERR_TRUNCATED) {
    *used = message.size;
  }
  OA_TRY(status);
  int64_t count = 0;
  OA_TRY(skim(&message, &count, error));
  *used = message.size;
  *event = message.event;
  *rows = count;
  return OA_OK;
}
