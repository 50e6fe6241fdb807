/* SPDX-License-Identifier: Apache-2.0 */
#include "base/text.h"
#include "otlp/message.h"
#include "otlp/otlp.h"
#include "otlp/value.h"
#include "wire/emit.h"

enum {
  /* A value is two messages (AnyValue, then ArrayValue or KeyValueList with
   * KeyValue), so this is never reached before the limit on values. */
  MAX_MESSAGES = 3 * OA_OTLP_MAX_DEPTH + 16,
};

typedef struct walk {
  oa_buf *out;
  uint64_t *repaired;
  unsigned values;   /* containers of values around this place */
  unsigned messages; /* messages around this place */
} walk;

static oa_status copy_message(walk *w, const oa_message *message,
                              oa_cursor cursor);

static oa_status put_varint(oa_buf *out, uint64_t value) {
  OA_TRY(oa_buf_reserve(out, OA_EMIT_VARINT_MAX));
  out->len = (size_t)(oa_varint_write(out->data + out->len, value) - out->data);
  return OA_OK;
}

/* Puts the length in front of the bytes from START on, which are a field's. */
static oa_status put_length(oa_buf *out, size_t start) {
  const size_t len = out->len - start;
  OA_TRY(put_varint(out, len));
  const size_t size = out->len - start - len;
  uint8_t prefix[OA_EMIT_VARINT_MAX];
  memcpy(prefix, out->data + start + len, size);
  memmove(out->data + start + size, out->data + start, len);
  memcpy(out->data + start, prefix, size);
  return OA_OK;
}

static oa_status put_string(walk *w, const oa_message_field *field,
                            oa_cursor text) {
  const size_t len = oa_cursor_left(&text);
  OA_TRY(put_varint(w->out, oa_message_tag(field)));
  if (field->kind == OA_KIND_BYTES || oa_utf8_valid(text.at, len)) {
    OA_TRY(put_varint(w->out, len));
    return oa_buf_put(w->out, text.at, len);
  }
  *w->repaired += 1;
  const size_t start = w->out->len;
  OA_TRY(oa_utf8_repair(w->out, text.at, len));
  return put_length(w->out, start);
}

static uint64_t cut(oa_message_kind kind, uint64_t value) {
  switch (kind) {
    case OA_KIND_BOOL:
      return value != 0;
    case OA_KIND_UINT32:
      return (uint32_t)value;
    case OA_KIND_INT32:
      return (uint64_t)(int64_t)(int32_t)(uint32_t)value;
    default:
      return value;
  }
}

/* A number without its tag. */
static oa_status put_number(walk *w, const oa_message_field *field,
                            uint64_t value) {
  value = cut(field->kind, value);
  if (field->kind == OA_KIND_FIXED64) {
    return oa_buf_put(w->out, &value, sizeof value);
  }
  if (field->kind == OA_KIND_FIXED32) {
    const uint32_t half = (uint32_t)value;
    return oa_buf_put(w->out, &half, sizeof half);
  }
  return put_varint(w->out, value);
}

/* A scalar that is the default is left out, unless its presence counts. */
static oa_status put_scalar(walk *w, const oa_message_field *field,
                            uint64_t value) {
  if (cut(field->kind, value) == 0 && !field->oneof && !field->optional) {
    return OA_OK;
  }
  OA_TRY(put_varint(w->out, oa_message_tag(field)));
  return put_number(w, field, value);
}

static oa_status put_message(walk *w, const oa_message_field *field,
                             oa_cursor bytes) {
  OA_TRY(put_varint(w->out, oa_message_tag(field)));
  const size_t start = w->out->len;
  const bool value = field->nested;
  if (w->messages >= MAX_MESSAGES ||
      (value && w->values >= OA_OTLP_MAX_DEPTH)) {
    return OA_ERR_LIMIT;
  }
  w->messages++;
  w->values += value;
  oa_status status = copy_message(w, field->message, bytes);
  w->messages--;
  w->values -= value;
  return status == OA_OK ? put_length(w->out, start) : status;
}

/* One occurrence of a field, its value unread. */
static oa_status read_value(oa_cursor *cursor, uint32_t tag, uint64_t *scalar,
                            oa_cursor *bytes) {
  uint32_t half;
  switch (tag & 7) {
    case OA_WIRE_VARINT:
      return oa_cursor_varint(cursor, scalar);
    case OA_WIRE_FIXED64:
      return oa_cursor_fixed64(cursor, scalar);
    case OA_WIRE_FIXED32:
      OA_TRY(oa_cursor_fixed32(cursor, &half));
      *scalar = half;
      return OA_OK;
    case OA_WIRE_BYTES:
      return oa_cursor_bytes(cursor, bytes);
    default:
      return oa_cursor_skip(cursor, tag);
  }
}

/* Where the field that the oneof ends up with begins to count: behind the
 * last occurrence of another one.  0 in *WINNER when none is set. */
static oa_status oneof_winner(const oa_message *message, oa_cursor cursor,
                              uint32_t *winner, const uint8_t **from) {
  uint64_t scalar;
  oa_cursor bytes;
  *winner = 0;
  *from = cursor.at;
  while (!oa_cursor_done(&cursor)) {
    uint32_t tag;
    const uint8_t *at = cursor.at;
    OA_TRY(oa_cursor_tag(&cursor, &tag));
    OA_TRY(read_value(&cursor, tag, &scalar, &bytes));
    for (size_t i = 0; i < message->count; i++) {
      const oa_message_field *field = &message->fields[i];
      if (field->oneof && oa_message_tag(field) == tag && tag != *winner) {
        *winner = tag;
        *from = at;
      }
    }
  }
  return OA_OK;
}

/* Copies all that CURSOR holds of FIELD: each occurrence of a repeated one,
 * the last of a scalar, the pieces of a message joined. */
static oa_status copy_field(walk *w, const oa_message_field *field,
                            oa_cursor cursor) {
  oa_buf joined = {0};
  oa_cursor last = {0};
  uint64_t scalar = 0;
  size_t seen = 0;
  oa_status status = OA_OK;

  while (status == OA_OK && !oa_cursor_done(&cursor)) {
    uint32_t tag = 0;
    oa_cursor bytes = {0};
    uint64_t value = 0;
    status = oa_cursor_tag(&cursor, &tag);
    if (status == OA_OK) {
      status = read_value(&cursor, tag, &value, &bytes);
    }
    if (status != OA_OK || tag != oa_message_tag(field)) {
      continue;
    }
    if (field->repeated) {
      status = field->kind == OA_KIND_MESSAGE ? put_message(w, field, bytes)
                                              : put_string(w, field, bytes);
      continue;
    }
    if (field->kind == OA_KIND_MESSAGE && seen > 0) {
      if (seen == 1) {
        status = oa_buf_put(&joined, last.at, oa_cursor_left(&last));
      }
      if (status == OA_OK) {
        status = oa_buf_put(&joined, bytes.at, oa_cursor_left(&bytes));
      }
    }
    seen++;
    last = bytes;
    scalar = value;
  }
  if (status == OA_OK && seen > 0) {
    if (field->kind == OA_KIND_MESSAGE) {
      status = put_message(w, field, seen > 1 ? oa_buf_cursor(&joined) : last);
    } else if (field->kind == OA_KIND_STRING || field->kind == OA_KIND_BYTES) {
      if (field->oneof || !oa_cursor_done(&last)) {
        status = put_string(w, field, last);
      }
    } else {
      status = put_scalar(w, field, scalar);
    }
  }
  oa_buf_free(&joined);
  return status;
}

/* The numbers of one packed run. */
static oa_status copy_run(walk *w, const oa_message_field *field,
                          oa_cursor run) {
  const uint32_t tag = oa_message_tag(field);
  while (!oa_cursor_done(&run)) {
    uint64_t value = 0;
    oa_cursor none;
    OA_TRY(read_value(&run, tag, &value, &none));
    OA_TRY(put_number(w, field, value));
  }
  return OA_OK;
}

/* Repeated numbers may come packed, in several runs, or one by one. */
static oa_status copy_numbers(walk *w, const oa_message_field *field,
                              oa_cursor cursor) {
  const size_t before = w->out->len;
  OA_TRY(put_varint(w->out, OA_TAG(field->number, OA_WIRE_BYTES)));
  const size_t start = w->out->len;
  while (!oa_cursor_done(&cursor)) {
    uint32_t tag;
    oa_cursor bytes = {0};
    uint64_t value = 0;
    OA_TRY(oa_cursor_tag(&cursor, &tag));
    OA_TRY(read_value(&cursor, tag, &value, &bytes));
    if (tag == OA_TAG(field->number, OA_WIRE_BYTES)) {
      OA_TRY(copy_run(w, field, bytes));
    } else if (tag == oa_message_tag(field)) {
      OA_TRY(put_number(w, field, value));
    }
  }
  if (w->out->len == start) {
    w->out->len = before;
    return OA_OK;
  }
  return put_length(w->out, start);
}

static oa_status copy_message(walk *w, const oa_message *message,
                              oa_cursor cursor) {
  uint32_t winner;
  const uint8_t *from;
  OA_TRY(oneof_winner(message, cursor, &winner, &from));
  for (size_t i = 0; i < message->count; i++) {
    const oa_message_field *field = &message->fields[i];
    oa_cursor rest = cursor;
    if (field->oneof) {
      if (oa_message_tag(field) != winner) {
        continue;
      }
      rest.at = from;
    }
    OA_TRY(field->repeated && field->kind < OA_KIND_STRING
               ? copy_numbers(w, field, rest)
               : copy_field(w, field, rest));
  }
  return OA_OK;
}

oa_status oa_message_canonical(const oa_message *message, oa_cursor cursor,
                               oa_buf *out, uint64_t *repaired) {
  walk w = {.out = out, .repaired = repaired};
  const size_t len = out->len;
  const oa_status status = copy_message(&w, message, cursor);
  if (status != OA_OK) {
    out->len = len;
  }
  return status;
}
