/* SPDX-License-Identifier: Apache-2.0 */
/* Protobuf to OTLP/JSON.  A message whose fields each stand in one place, as
 * all encoders write them, becomes text as it is read.  JSON cannot say a name
 * twice, so any other message is first brought into its canonical form. */
#include "base/text.h"
#include "otlp/json.h"
#include "otlp/json_text.h"
#include "otlp/otlp.h"
#include "otlp/value.h"

enum {
  /* As in canonical.c: no message within the limit of nested values has more
   * messages inside each other. */
  MAX_MESSAGES = 3 * OA_OTLP_MAX_DEPTH + 16,
};

typedef struct writer {
  oa_buf *out;
  unsigned messages; /* around this place */
  bool scattered;    /* a field stands in more than one place */
} writer;

/* The object that is being written. */
typedef struct object {
  const oa_message_field *list; /* that is open, or NULL */
  uint32_t seen;                /* a bit for each field */
  bool oneof;                   /* one of its members was seen */
  bool begun;                   /* a comma must come before the next member */
} object;

static oa_status write_message(writer *w, const oa_message *message,
                               oa_cursor cursor);

/* --- values --- */

static oa_status put_text(oa_buf *out, const char *text) {
  return oa_buf_put(out, text, strlen(text));
}

static oa_status put_unsigned(oa_buf *out, uint64_t value) {
  char digits[20];
  size_t at = sizeof digits;
  do {
    digits[--at] = (char)('0' + value % 10);
    value /= 10;
  } while (value > 0);
  return oa_buf_put(out, digits + at, sizeof digits - at);
}

/* 64-bit integers stand in quotes: JSON numbers are doubles for many. */
static oa_status put_quoted(oa_buf *out, uint64_t bits, bool is_signed) {
  OA_TRY(oa_buf_put_byte(out, '"'));
  OA_TRY(is_signed ? oa_json_put_int(out, (int64_t)bits)
                   : put_unsigned(out, bits));
  return oa_buf_put_byte(out, '"');
}

static oa_status put_double(oa_buf *out, uint64_t bits) {
  double value;
  memcpy(&value, &bits, sizeof value);
  return oa_json_put_double(out, value);
}

static oa_status put_bits(oa_buf *out, const oa_message_field *field,
                          uint64_t bits) {
  switch (field->kind) {
    case OA_KIND_BOOL:
      return oa_json_put_bool(out, bits != 0);
    case OA_KIND_UINT32:
    case OA_KIND_FIXED32:
      return put_unsigned(out, (uint32_t)bits);
    case OA_KIND_INT32:
      return oa_json_put_int(out, (int32_t)(uint32_t)bits);
    case OA_KIND_SINT32:
      return oa_json_put_int(out, oa_zigzag((uint32_t)bits));
    case OA_KIND_FIXED64:
      return field->form == OA_FORM_DOUBLE
                 ? put_double(out, bits)
                 : put_quoted(out, bits, field->form == OA_FORM_SIGNED);
    default:
      return put_quoted(out, bits, field->kind == OA_KIND_INT64);
  }
}

static oa_status put_hex(oa_buf *out, oa_cursor bytes) {
  static const char digits[] = "0123456789abcdef";
  OA_TRY(oa_buf_reserve(out, 2 * oa_cursor_left(&bytes) + 2));
  OA_TRY(oa_buf_put_byte(out, '"'));
  for (; bytes.at != bytes.end; bytes.at++) {
    const char pair[2] = {digits[*bytes.at >> 4], digits[*bytes.at & 15]};
    OA_TRY(oa_buf_put(out, pair, sizeof pair));
  }
  return oa_buf_put_byte(out, '"');
}

/* JSON is UTF-8; what is not becomes U+FFFD. */
static oa_status put_string(oa_buf *out, oa_cursor text) {
  const size_t len = oa_cursor_left(&text);
  oa_buf repaired = {0};
  if (oa_utf8_valid(text.at, len)) {
    return oa_json_put_string(out, text.at, len);
  }
  oa_status status = oa_utf8_repair(&repaired, text.at, len);
  if (status == OA_OK) {
    status = oa_json_put_string(out, repaired.data, repaired.len);
  }
  oa_buf_free(&repaired);
  return status;
}

static oa_status put_bytes(writer *w, const oa_message_field *field,
                           oa_cursor bytes) {
  if (field->kind == OA_KIND_MESSAGE) {
    return write_message(w, field->message, bytes);
  }
  if (field->kind == OA_KIND_STRING) {
    return put_string(w->out, bytes);
  }
  return field->form == OA_FORM_HEX
             ? put_hex(w->out, bytes)
             : oa_json_put_bytes(w->out, bytes.at, oa_cursor_left(&bytes));
}

/* --- members --- */

/* Writes what stands before a value of FIELD: closes the list before, and
 * names the member when this is its first value. */
static oa_status begin_value(writer *w, object *o,
                             const oa_message_field *field) {
  if (o->list == field) {
    return oa_buf_put_byte(w->out, ',');
  }
  if (o->list != NULL) {
    OA_TRY(oa_buf_put_byte(w->out, ']'));
    o->list = NULL;
  }
  if (o->begun) {
    OA_TRY(oa_buf_put_byte(w->out, ','));
  }
  o->begun = true;
  OA_TRY(oa_buf_put_byte(w->out, '"'));
  OA_TRY(oa_buf_put(w->out, field->json, field->json_len));
  OA_TRY(put_text(w->out, field->repeated ? "\":[" : "\":"));
  o->list = field->repeated ? field : NULL;
  return OA_OK;
}

/* The elements of a packed field. */
static oa_status write_packed(writer *w, object *o,
                              const oa_message_field *field, oa_cursor run) {
  while (!oa_cursor_done(&run)) {
    uint64_t bits;
    OA_TRY(field->kind == OA_KIND_FIXED64 ? oa_cursor_fixed64(&run, &bits)
                                          : oa_cursor_varint(&run, &bits));
    OA_TRY(begin_value(w, o, field));
    OA_TRY(put_bits(w->out, field, bits));
  }
  return OA_OK;
}

/* A field without presence that holds its default is left out. */
static bool is_kept(const oa_message_field *field, bool is_default) {
  return !is_default || field->oneof || field->optional || field->repeated;
}

static oa_status write_number(writer *w, object *o,
                              const oa_message_field *field,
                              oa_cursor *cursor) {
  uint64_t bits;
  uint32_t half;

  if (field->kind == OA_KIND_FIXED32) {
    OA_TRY(oa_cursor_fixed32(cursor, &half));
    bits = half;
  } else {
    OA_TRY(field->kind == OA_KIND_FIXED64 ? oa_cursor_fixed64(cursor, &bits)
                                          : oa_cursor_varint(cursor, &bits));
  }
  if (!is_kept(field, bits == 0)) {
    return OA_OK;
  }
  OA_TRY(begin_value(w, o, field));
  return put_bits(w->out, field, bits);
}

/* Notes that FIELD number I stands here; false when it stood elsewhere. */
static bool note(object *o, const oa_message_field *field, size_t i) {
  const uint32_t bit = UINT32_C(1) << i;
  const bool again = (o->seen & bit) != 0 && o->list != field;
  const bool other = field->oneof && o->oneof;
  o->seen |= bit;
  o->oneof = o->oneof || field->oneof;
  return !again && !other;
}

static oa_status write_field(writer *w, object *o,
                             const oa_message_field *field, uint32_t tag,
                             oa_cursor *cursor) {
  oa_cursor bytes;

  if ((tag & 7) != OA_WIRE_BYTES) {
    return write_number(w, o, field, cursor);
  }
  OA_TRY(oa_cursor_bytes(cursor, &bytes));
  if (field->kind < OA_KIND_STRING) {
    return write_packed(w, o, field, bytes);
  }
  const bool empty = oa_cursor_done(&bytes);
  if (!is_kept(field, empty && field->kind != OA_KIND_MESSAGE)) {
    return OA_OK;
  }
  OA_TRY(begin_value(w, o, field));
  return put_bytes(w, field, bytes);
}

/* True when a value of FIELD may stand behind TAG. */
static bool is_tag_of(const oa_message_field *field, uint32_t tag) {
  return tag == oa_message_tag(field) ||
         (field->repeated && field->kind < OA_KIND_STRING &&
          tag == OA_TAG(field->number, OA_WIRE_BYTES));
}

static oa_status write_members(writer *w, const oa_message *message,
                               oa_cursor cursor) {
  object o = {0};

  OA_TRY(oa_buf_put_byte(w->out, '{'));
  while (!oa_cursor_done(&cursor)) {
    uint32_t tag;
    OA_TRY(oa_cursor_tag(&cursor, &tag));
    const size_t i = oa_message_find(message, tag >> 3);
    if (i == message->count || !is_tag_of(&message->fields[i], tag)) {
      OA_TRY(oa_cursor_skip(&cursor, tag));
      continue;
    }
    if (!note(&o, &message->fields[i], i)) {
      w->scattered = true;
      return OA_ERR_UNSUPPORTED;
    }
    OA_TRY(write_field(w, &o, &message->fields[i], tag, &cursor));
  }
  if (o.list != NULL) {
    OA_TRY(oa_buf_put_byte(w->out, ']'));
  }
  return oa_buf_put_byte(w->out, '}');
}

static oa_status write_message(writer *w, const oa_message *message,
                               oa_cursor cursor) {
  if (w->messages == MAX_MESSAGES) {
    return OA_ERR_LIMIT;
  }
  w->messages++;
  const oa_status status = write_members(w, message, cursor);
  w->messages--;
  return status;
}

static oa_status write_scattered(const oa_message *message, oa_cursor cursor,
                                 oa_buf *out) {
  oa_buf canonical = {0};
  uint64_t repaired = 0;
  writer w = {.out = out};

  oa_status status =
      oa_message_canonical(message, cursor, &canonical, &repaired);
  if (status == OA_OK) {
    status = write_message(&w, message, oa_buf_cursor(&canonical));
  }
  oa_buf_free(&canonical);
  return status;
}

oa_status oa_message_json_write(const oa_message *message, const uint8_t *bytes,
                                size_t len, oa_buf *out) {
  const oa_cursor cursor =
      len > 0 ? oa_cursor_over(bytes, len) : (oa_cursor){0};
  const size_t before = out->len;
  writer w = {.out = out};

  oa_status status = write_message(&w, message, cursor);
  if (w.scattered) {
    out->len = before;
    status = write_scattered(message, cursor, out);
  }
  if (status != OA_OK) {
    out->len = before;
  }
  return status;
}

oa_status oa_otlp_json_write(oa_signal signal, const uint8_t *message,
                             size_t len, oa_buf *out, oa_error *error) {
  const oa_status status =
      oa_message_json_write(oa_message_request(signal), message, len, out);
  if (status == OA_ERR_TRUNCATED || status == OA_ERR_MALFORMED) {
    oa_message_explain(signal, message, len, error);
    return status;
  }
  return status == OA_OK
             ? OA_OK
             : oa_error_set(error, status, "%s: %s", oa_signal_name(signal),
                            oa_status_text(status));
}
