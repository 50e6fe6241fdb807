/* SPDX-License-Identifier: Apache-2.0 */
/* value.h - AnyValue on the wire: which kind it is, and nested ones as CBOR.
 *
 * Protobuf allows a oneof to be set more than once (the last one counts) and a
 * message to come in pieces (they count together).  Both are done right here
 * and are slow; the usual value, set once, is read by the callers' fast path.
 */
#ifndef OA_OTLP_VALUE_H
#define OA_OTLP_VALUE_H

#include "base/buf.h"
#include "wire/cursor.h"

/* What BUF holds.  An empty one may have no memory, and a pointer to none may
 * not be added to. */
static inline oa_cursor oa_buf_cursor(const oa_buf *buf) {
  return buf->len > 0 ? oa_cursor_over(buf->data, buf->len) : (oa_cursor){0};
}

/* Tags of the AnyValue oneof. */
enum {
  OA_ANY_STRING = OA_TAG(1, OA_WIRE_BYTES),
  OA_ANY_BOOL = OA_TAG(2, OA_WIRE_VARINT),
  OA_ANY_INT = OA_TAG(3, OA_WIRE_VARINT),
  OA_ANY_DOUBLE = OA_TAG(4, OA_WIRE_FIXED64),
  OA_ANY_ARRAY = OA_TAG(5, OA_WIRE_BYTES),
  OA_ANY_MAP = OA_TAG(6, OA_WIRE_BYTES),
  OA_ANY_BYTES = OA_TAG(7, OA_WIRE_BYTES),
};

/* What an AnyValue holds. */
typedef struct oa_any {
  uint32_t tag;    /* 0 = nothing is set */
  uint64_t bits;   /* bool, int, double */
  oa_cursor bytes; /* string, bytes; of array and map the last piece */
  oa_cursor from;  /* array and map: all their pieces are in here */
} oa_any;

/* Reads an AnyValue.  OA_ERR_TRUNCATED, OA_ERR_MALFORMED. */
oa_status oa_any_read(oa_cursor cursor, oa_any *out);

/* Appends an array or map value as one CBOR item (RFC 8949; indefinite
 * lengths, as OTAP writers do).  Strings that are not UTF-8 are repaired and
 * counted.  DEPTH is the number of containers around it.
 * OA_ERR_LIMIT: nested too deep. */
oa_status oa_any_put_cbor(const oa_any *any, unsigned depth, oa_buf *out,
                          uint64_t *repaired);

/* Appends the attributes (repeated KeyValue with TAG) of a message as one
 * CBOR map.  DEPTH and statuses as above. */
oa_status oa_attributes_put_cbor(oa_cursor message, uint32_t tag,
                                 unsigned depth, oa_buf *out,
                                 uint64_t *repaired);

/* A singular sub-message: one field, or several that count together. */
typedef struct oa_pieces {
  oa_cursor bytes; /* all of them */
  size_t count;    /* 0 = the field is absent */
  oa_buf joined;   /* their copy when there are several; the owner frees it */
} oa_pieces;

/* Reads the next piece at CURSOR. */
oa_status oa_pieces_add(oa_pieces *pieces, oa_cursor *cursor);

/* One KeyValue.  JOINED is scratch memory that holds the value when it came
 * in several pieces; the caller frees it. */
oa_status oa_key_value_read(oa_cursor cursor, oa_cursor *key, oa_cursor *value,
                            oa_buf *joined);

#endif
