/* SPDX-License-Identifier: Apache-2.0 */
/* cursor.h - reads protobuf wire format from bytes that someone else owns.
 *
 * Knows the encoding (protobuf "Encoding" document), not any message.  The
 * short cases are inline, because every field of every span comes this way.
 * Statuses: OA_ERR_TRUNCATED when the bytes end inside a value,
 * OA_ERR_MALFORMED when no further bytes could mend it.
 */
#ifndef OA_WIRE_CURSOR_H
#define OA_WIRE_CURSOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/inline.h"
#include "base/status.h"

typedef enum oa_wire {
  OA_WIRE_VARINT = 0,
  OA_WIRE_FIXED64 = 1,
  OA_WIRE_BYTES = 2,
  OA_WIRE_GROUP = 3,
  OA_WIRE_END_GROUP = 4,
  OA_WIRE_FIXED32 = 5,
} oa_wire;

/* A tag as one number: what stands on the wire. */
#define OA_TAG(FIELD, WIRE) (((uint32_t)(FIELD) << 3) | (uint32_t)(WIRE))

/* Groups nested deeper than this are not skipped but malformed. */
enum { OA_WIRE_MAX_GROUPS = 64 };

/* The unread bytes.  A cursor borrows: it never allocates, frees or copies. */
typedef struct oa_cursor {
  const uint8_t *at;
  const uint8_t *end;
} oa_cursor;

OA_INLINE oa_cursor oa_cursor_over(const void *bytes, size_t len) {
  const uint8_t *at = bytes;
  /* No bytes may be NULL, to which C adds nothing, not even 0. */
  return (oa_cursor){.at = at, .end = len > 0 ? at + len : at};
}

OA_INLINE bool oa_cursor_done(const oa_cursor *cursor) {
  return cursor->at == cursor->end;
}

OA_INLINE size_t oa_cursor_left(const oa_cursor *cursor) {
  return (size_t)(cursor->end - cursor->at);
}

/* The rest of a varint whose first byte has its high bit set. */
oa_status oa_cursor_varint_long(oa_cursor *cursor, uint64_t *out);

/* Reads a varint.  On failure CURSOR has not moved. */
OA_INLINE oa_status oa_cursor_varint(oa_cursor *cursor, uint64_t *out) {
  if (cursor->at != cursor->end && *cursor->at < 0x80) {
    *out = *cursor->at++;
    return OA_OK;
  }
  return oa_cursor_varint_long(cursor, out);
}

/* Reads a field's tag.  Field number 0 and tags past 32 bits are malformed. */
OA_INLINE oa_status oa_cursor_tag(oa_cursor *cursor, uint32_t *out) {
  uint64_t value;
  OA_TRY(oa_cursor_varint(cursor, &value));
  if (value < 8 || value > UINT32_MAX) {
    return OA_ERR_MALFORMED;
  }
  *out = (uint32_t)value;
  return OA_OK;
}

OA_INLINE oa_status oa_cursor_fixed64(oa_cursor *cursor, uint64_t *out) {
  if (oa_cursor_left(cursor) < sizeof *out) {
    return OA_ERR_TRUNCATED;
  }
  memcpy(out, cursor->at, sizeof *out);
  cursor->at += sizeof *out;
  return OA_OK;
}

OA_INLINE oa_status oa_cursor_fixed32(oa_cursor *cursor, uint32_t *out) {
  if (oa_cursor_left(cursor) < sizeof *out) {
    return OA_ERR_TRUNCATED;
  }
  memcpy(out, cursor->at, sizeof *out);
  cursor->at += sizeof *out;
  return OA_OK;
}

/* Reads a length-delimited field as a cursor over its bytes, which borrows
 * from the same memory as CURSOR. */
OA_INLINE oa_status oa_cursor_bytes(oa_cursor *cursor, oa_cursor *out) {
  uint64_t len;
  OA_TRY(oa_cursor_varint(cursor, &len));
  /* Compare lengths, not pointers: at + len may overflow. */
  if (len > oa_cursor_left(cursor)) {
    return OA_ERR_TRUNCATED;
  }
  *out = (oa_cursor){cursor->at, cursor->at + len};
  cursor->at += len;
  return OA_OK;
}

/* Skips the value of a field whose tag was just read, whole groups too. */
oa_status oa_cursor_skip(oa_cursor *cursor, uint32_t tag);

OA_INLINE int64_t oa_zigzag(uint64_t value) {
  return (int64_t)(value >> 1) ^ -(int64_t)(value & 1);
}

#endif
