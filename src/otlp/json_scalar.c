/* SPDX-License-Identifier: Apache-2.0 */
#include <limits.h>

#include "otlp/json_read_impl.h"

static const char out_of_range[] = "the number is out of range";

oa_status oa_json_wrong_value(oa_json_reader *reader, const uint8_t *value,
                              const char *problem) {
  reader->value = value;
  return oa_scan_wrong(&reader->scan, problem);
}

oa_status oa_json_plain(oa_json_reader *reader, oa_scan_text *text) {
  if (!text->escaped) {
    return OA_OK;
  }
  uint8_t *room = oa_emit_room(&reader->emit, OA_JSON_ROOM + text->len);
  if (room == NULL) {
    return reader->emit.status;
  }
  text->len = oa_scan_unescape(text, room + OA_JSON_ROOM);
  text->at = room + OA_JSON_ROOM;
  text->escaped = false;
  return OA_OK;
}

/* The string at the scan, without escapes. */
static oa_status take_text(oa_json_reader *reader, const char *expected,
                           oa_scan_text *out) {
  if (oa_scan_next(&reader->scan) != '"') {
    return oa_scan_wrong(&reader->scan, expected);
  }
  OA_TRY(oa_scan_string(&reader->scan, out));
  return oa_json_plain(reader, out);
}

/* --- strings and bytes --- */

/* BYTES may lie where oa_json_plain() puts them. */
static void put_bytes(oa_json_reader *reader, uint32_t number,
                      const uint8_t *bytes, size_t len) {
  uint8_t *at = oa_emit_room(&reader->emit, OA_JSON_ROOM + len);
  if (at != NULL) {
    at = oa_tag_write(at, number, OA_WIRE_BYTES);
    at = oa_varint_write(at, len);
    memmove(at, bytes, len);
    oa_emit_wrote(&reader->emit, at + len);
  }
}

static oa_status read_string(oa_json_reader *reader, uint32_t number) {
  oa_scan_text text;
  OA_TRY(take_text(reader, "expected a string", &text));
  put_bytes(reader, number, text.at, text.len);
  return OA_OK;
}

/* An id.  How long it must be is for the decoder to say, which can reject one
 * record. */
static oa_status read_hex(oa_json_reader *reader, uint32_t number) {
  const uint8_t *const value = reader->scan.at;
  oa_scan_text text;
  OA_TRY(take_text(reader, "expected a string", &text));
  uint8_t *at = oa_emit_room(&reader->emit, OA_JSON_ROOM + text.len);
  if (at == NULL) {
    return reader->emit.status;
  }
  at = oa_tag_write(at, number, OA_WIRE_BYTES);
  at = oa_varint_write(at, text.len / 2);
  if (!oa_scan_hex(text.at, text.len, at)) {
    return oa_json_wrong_value(reader, value,
                               text.len % 2 != 0
                                   ? "an id has an even number of hex digits"
                                   : "an id has hex digits only");
  }
  oa_emit_wrote(&reader->emit, at + text.len / 2);
  return OA_OK;
}

static oa_status read_base64(oa_json_reader *reader, uint32_t number) {
  const uint8_t *const value = reader->scan.at;
  oa_scan_text text;
  size_t len = 0;
  OA_TRY(take_text(reader, "expected a string", &text));
  uint8_t *room = oa_emit_room(&reader->emit, OA_JSON_ROOM + text.len);
  if (room == NULL) {
    return reader->emit.status;
  }
  if (!oa_scan_base64(text.at, text.len, room + OA_JSON_ROOM, &len)) {
    return oa_json_wrong_value(reader, value, "the string is not base64");
  }
  put_bytes(reader, number, room + OA_JSON_ROOM, len);
  return OA_OK;
}

/* --- numbers --- */

/* All of TEXT as a number; VALUE is where it stands with its quote. */
static oa_status number_in(oa_json_reader *reader, const oa_scan_text *text,
                           const uint8_t *value, oa_scan_number *out) {
  oa_scan inner = oa_scan_over(text->at, text->len);
  if (oa_scan_number_at(&inner, out) != OA_OK || inner.at != inner.end) {
    return oa_json_wrong_value(reader, value, "the string is not a number");
  }
  return OA_OK;
}

/* A number, which may stand in quotes. */
static oa_status take_number(oa_json_reader *reader, oa_scan_number *out) {
  const uint8_t first = oa_scan_next(&reader->scan);
  const uint8_t *const value = reader->scan.at;
  oa_scan_text text;

  if (first == '-' || (first >= '0' && first <= '9')) {
    return oa_scan_number_at(&reader->scan, out);
  }
  OA_TRY(take_text(reader, "expected a number", &text));
  return number_in(reader, &text, value, out);
}

static bool is_word(const oa_scan_text *text, const char *word) {
  const size_t len = strlen(word);
  return text->len == len && memcmp(text->at, word, len) == 0;
}

/* Infinities, and the NaN that has no further meaning. */
static bool special_double(const oa_scan_text *text, uint64_t *bits) {
  if (is_word(text, "NaN")) {
    *bits = UINT64_C(0x7FF8000000000000);
  } else if (is_word(text, "Infinity")) {
    *bits = UINT64_C(0x7FF0000000000000);
  } else if (is_word(text, "-Infinity")) {
    *bits = UINT64_C(0xFFF0000000000000);
  } else {
    return false;
  }
  return true;
}

static oa_status take_double(oa_json_reader *reader, uint64_t *bits) {
  const uint8_t first = oa_scan_next(&reader->scan);
  const uint8_t *const value = reader->scan.at;
  oa_scan_number number;
  oa_scan_text text;
  double result = 0;

  if (first == '"') {
    OA_TRY(take_text(reader, "", &text));
    if (special_double(&text, bits)) {
      return OA_OK;
    }
    OA_TRY(number_in(reader, &text, value, &number));
  } else {
    OA_TRY(take_number(reader, &number));
  }
  const char *problem = oa_scan_double(&number, &result);
  if (problem != NULL) {
    return oa_json_wrong_value(reader, value, problem);
  }
  memcpy(bits, &result, sizeof *bits);
  return OA_OK;
}

static oa_status take_unsigned(oa_json_reader *reader, uint64_t most,
                               uint64_t *bits) {
  oa_scan_number number;
  uint64_t result = 0;
  oa_scan_next(&reader->scan);
  const uint8_t *const value = reader->scan.at;

  OA_TRY(take_number(reader, &number));
  const char *problem = oa_scan_uint64(&number, &result);
  if (problem == NULL && result > most) {
    problem = out_of_range;
  }
  *bits = result;
  return problem == NULL ? OA_OK : oa_json_wrong_value(reader, value, problem);
}

static oa_status take_signed(oa_json_reader *reader, int64_t least,
                             int64_t most, uint64_t *bits) {
  oa_scan_number number;
  int64_t result = 0;
  oa_scan_next(&reader->scan);
  const uint8_t *const value = reader->scan.at;

  OA_TRY(take_number(reader, &number));
  const char *problem = oa_scan_int64(&number, &result);
  if (problem == NULL && (result < least || result > most)) {
    problem = out_of_range;
  }
  *bits = (uint64_t)result;
  return problem == NULL ? OA_OK : oa_json_wrong_value(reader, value, problem);
}

static oa_status take_bool(oa_json_reader *reader, uint64_t *bits) {
  const uint8_t first = oa_scan_next(&reader->scan);
  *bits = first == 't';
  if (first != 't' && first != 'f') {
    return oa_scan_wrong(&reader->scan, "expected true or false");
  }
  return oa_scan_word(&reader->scan, first == 't' ? "true" : "false");
}

/* OTLP has enums as numbers; their names are taken too. */
static oa_status take_enum(oa_json_reader *reader,
                           const oa_message_field *field, uint64_t *bits) {
  oa_scan look = reader->scan;
  oa_scan_text text;
  if (oa_scan_next(&look) != '"' || look.at + 1 == look.end ||
      look.at[1] <= '9') {
    return take_signed(reader, INT32_MIN, INT32_MAX, bits);
  }
  OA_TRY(take_text(reader, "", &text));
  for (size_t i = 0; field->values[i] != NULL; i++) {
    if (is_word(&text, field->values[i])) {
      *bits = i;
      return OA_OK;
    }
  }
  return oa_json_wrong_value(reader, look.at, "no name of this enum");
}

/* A number, bool or enum as its bits on the wire. */
static oa_status take_bits(oa_json_reader *reader,
                           const oa_message_field *field, uint64_t *bits) {
  switch (field->kind) {
    case OA_KIND_BOOL:
      return take_bool(reader, bits);
    case OA_KIND_UINT32:
    case OA_KIND_FIXED32:
      return take_unsigned(reader, UINT32_MAX, bits);
    case OA_KIND_INT32:
      return field->values == NULL
                 ? take_signed(reader, INT32_MIN, INT32_MAX, bits)
                 : take_enum(reader, field, bits);
    case OA_KIND_SINT32:
      OA_TRY(take_signed(reader, INT32_MIN, INT32_MAX, bits));
      *bits = oa_zigzag32((int32_t)(uint32_t)*bits);
      return OA_OK;
    case OA_KIND_INT64:
      return take_signed(reader, INT64_MIN, INT64_MAX, bits);
    case OA_KIND_FIXED64:
      if (field->form == OA_FORM_DOUBLE) {
        return take_double(reader, bits);
      }
      if (field->form == OA_FORM_SIGNED) {
        return take_signed(reader, INT64_MIN, INT64_MAX, bits);
      }
      return take_unsigned(reader, UINT64_MAX, bits);
    default:
      return take_unsigned(reader, UINT64_MAX, bits);
  }
}

/* BITS at AT, as FIELD has them on the wire. */
static uint8_t *write_bits(uint8_t *at, const oa_message_field *field,
                           uint64_t bits) {
  const size_t size = field->kind == OA_KIND_FIXED64   ? sizeof(uint64_t)
                      : field->kind == OA_KIND_FIXED32 ? sizeof(uint32_t)
                                                       : 0;
  if (size == 0) {
    return oa_varint_write(at, bits);
  }
  memcpy(at, &bits, size); /* little-endian: the low bytes come first */
  return at + size;
}

oa_status oa_json_read_scalar(oa_json_reader *reader,
                              const oa_message_field *field) {
  uint64_t bits = 0;

  if (field->kind == OA_KIND_STRING) {
    return read_string(reader, field->number);
  }
  if (field->kind == OA_KIND_BYTES) {
    return field->form == OA_FORM_HEX ? read_hex(reader, field->number)
                                      : read_base64(reader, field->number);
  }
  OA_TRY(take_bits(reader, field, &bits));
  uint8_t *at = oa_emit_room(&reader->emit, OA_JSON_ROOM);
  if (at != NULL) {
    at = oa_varint_write(at, oa_message_tag(field));
    oa_emit_wrote(&reader->emit, write_bits(at, field, bits));
  }
  return OA_OK;
}

static oa_status read_element(oa_json_reader *reader,
                              const oa_message_field *field) {
  uint64_t bits = 0;
  if (field->kind == OA_KIND_STRING) {
    return read_string(reader, field->number);
  }
  OA_TRY(take_bits(reader, field, &bits));
  uint8_t *at = oa_emit_room(&reader->emit, OA_EMIT_VARINT_MAX);
  if (at != NULL) {
    oa_emit_wrote(&reader->emit, write_bits(at, field, bits));
  }
  return OA_OK;
}

oa_status oa_json_read_list(oa_json_reader *reader,
                            const oa_message_field *field) {
  oa_json_frame *frame = &reader->frames[reader->depth - 1];
  oa_emit_nest nest = {0};

  if (oa_scan_next(&reader->scan) == ']') {
    reader->scan.at++;
    return OA_OK;
  }
  frame->in_list = true;
  if (field->kind != OA_KIND_STRING) {
    nest = oa_emit_open(&reader->emit, field->number, 1);
  }
  for (;; frame->index++) {
    OA_TRY(read_element(reader, field));
    const uint8_t next = oa_scan_next(&reader->scan);
    if (next == ']') {
      break;
    }
    if (next != ',') {
      return oa_scan_wrong(&reader->scan, "expected ',' or ']'");
    }
    reader->scan.at++;
  }
  reader->scan.at++;
  frame->in_list = false;
  if (field->kind != OA_KIND_STRING) {
    oa_emit_close(&reader->emit, nest);
  }
  return OA_OK;
}
