/* SPDX-License-Identifier: Apache-2.0 */
/* otlp_rewrite.h - other ways to write the same protobuf message.
 *
 * A parser must take a message's fields in any order, let the last one of a
 * singular field win, join a message that comes in pieces, take repeated
 * numbers packed or not, and pass over what it does not know.
 */
#ifndef OA_TESTS_UNIT_OTLP_REWRITE_H
#define OA_TESTS_UNIT_OTLP_REWRITE_H

#include "otlp_trial.h"

typedef enum manner {
  BACKWARD, /* fields with high numbers first */
  DOUBLED,  /* every singular scalar stands there with another value first */
  PIECES,   /* every singular message comes field by field */
  UNPACKED, /* repeated numbers one by one */
  STRANGE,  /* with unknown fields and groups everywhere */
  MANNERS
} manner;

enum { REWRITE_MAX_FIELDS = 64 };

typedef struct wire_field {
  const oa_message_field *field; /* NULL = unknown */
  uint32_t tag;
  oa_cursor all;   /* with the tag */
  oa_cursor value; /* of a field with a length */
} wire_field;

static void rewrite(oa_emit *e, const oa_message *message, oa_cursor cursor,
                    manner how);

static inline size_t split(const oa_message *message, oa_cursor cursor,
                           wire_field *out) {
  size_t count = 0;
  while (!oa_cursor_done(&cursor)) {
    assert_true(count < REWRITE_MAX_FIELDS);
    wire_field *f = &out[count++];
    *f = (wire_field){.all = cursor};
    assert_int_equal(oa_cursor_tag(&cursor, &f->tag), OA_OK);
    if ((f->tag & 7) == OA_WIRE_BYTES) {
      assert_int_equal(oa_cursor_bytes(&cursor, &f->value), OA_OK);
    } else {
      assert_int_equal(oa_cursor_skip(&cursor, f->tag), OA_OK);
    }
    f->all.end = cursor.at;
    for (size_t i = 0; i < message->count; i++) {
      if (message->fields[i].number == f->tag >> 3) {
        f->field = &message->fields[i];
      }
    }
    assert_non_null(f->field);
  }
  return count;
}

static inline void put_raw(oa_emit *e, oa_cursor bytes) {
  assert_int_equal(oa_buf_put(&e->out, bytes.at, oa_cursor_left(&bytes)),
                   OA_OK);
}

static inline void put_strange(oa_emit *e) {
  static const uint8_t groups[] = {
      0xBB, 0x3E,                   /* group 999 begins */
      0x08, 0x01,                   /* field 1 */
      0xC3, 0x3E, 0xC4, 0x3E,       /* group 1000, empty */
      0x12, 0x03, 0xBC, 0x3E, 0x00, /* bytes like an end */
      0xBC, 0x3E,                   /* and ends */
  };
  oa_emit_varint(e, 1500, UINT64_MAX);
  oa_emit_fixed64(e, 1501, 1);
  oa_emit_fixed32(e, 1502, 1);
  oa_emit_bytes(e, 1503, ID8, 8);
  put_raw(e, oa_cursor_over(groups, sizeof groups));
}

static inline void put_other_value(oa_emit *e, const wire_field *f) {
  const uint32_t number = f->tag >> 3;
  switch (f->tag & 7) {
    case OA_WIRE_VARINT:
      oa_emit_varint(e, number, 77);
      break;
    case OA_WIRE_FIXED64:
      oa_emit_fixed64(e, number, 77);
      break;
    case OA_WIRE_FIXED32:
      oa_emit_fixed32(e, number, 77);
      break;
    default:
      oa_emit_bytes(e, number, (const uint8_t *)"another", 7);
      break;
  }
}

static inline void put_pieces(oa_emit *e, const wire_field *f, manner how) {
  wire_field fields[REWRITE_MAX_FIELDS];
  const oa_message *message = f->field->message;
  const size_t count = split(message, f->value, fields);
  oa_emit_bytes(e, f->tag >> 3, ID8, 0); /* an empty piece */
  for (size_t i = 0; i < count; i++) {
    const oa_emit_nest nest = oa_emit_open(e, f->tag >> 3, 1);
    rewrite(e, message, fields[i].all, how);
    oa_emit_close(e, nest);
  }
}

static inline void put_unpacked(oa_emit *e, const wire_field *f) {
  oa_cursor cursor = f->value;
  while (!oa_cursor_done(&cursor)) {
    uint64_t value;
    if (f->field->kind == OA_KIND_FIXED64) {
      assert_int_equal(oa_cursor_fixed64(&cursor, &value), OA_OK);
      oa_emit_fixed64(e, f->tag >> 3, value);
    } else {
      assert_int_equal(oa_cursor_varint(&cursor, &value), OA_OK);
      oa_emit_varint(e, f->tag >> 3, value);
    }
  }
}

static inline void put_field(oa_emit *e, const wire_field *f, manner how) {
  const bool message = f->field->kind == OA_KIND_MESSAGE;
  const bool numbers = f->field->kind < OA_KIND_STRING && f->field->repeated &&
                       (f->tag & 7) == OA_WIRE_BYTES;
  if (how == STRANGE) {
    put_strange(e);
  }
  if (message && how == PIECES && !f->field->repeated) {
    put_pieces(e, f, how);
  } else if (message) {
    const oa_emit_nest nest = oa_emit_open(e, f->tag >> 3, 2);
    rewrite(e, f->field->message, f->value, how);
    oa_emit_close(e, nest);
  } else if (numbers && how == UNPACKED) {
    put_unpacked(e, f);
  } else {
    if (how == DOUBLED && !f->field->repeated) {
      put_other_value(e, f);
    }
    put_raw(e, f->all);
  }
}

/* Appends MESSAGE, which CURSOR holds, to E in the manner HOW. */
static void rewrite(oa_emit *e, const oa_message *message, oa_cursor cursor,
                    manner how) {
  wire_field fields[REWRITE_MAX_FIELDS];
  const size_t count = split(message, cursor, fields);
  for (size_t n = message->count; how == BACKWARD && n > 0; n--) {
    for (size_t i = 0; i < count; i++) {
      if (fields[i].field == &message->fields[n - 1]) {
        put_field(e, &fields[i], how);
      }
    }
  }
  for (size_t i = 0; how != BACKWARD && i < count; i++) {
    put_field(e, &fields[i], how);
  }
  if (how == STRANGE) {
    put_strange(e);
  }
}

#endif
