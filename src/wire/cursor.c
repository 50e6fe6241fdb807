/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/cursor.h"

enum { MAX_VARINT_BYTES = 10 };

oa_status oa_cursor_varint_long(oa_cursor *cursor, uint64_t *out) {
  uint64_t value = 0;
  const uint8_t *at = cursor->at;

  for (unsigned i = 0; i < MAX_VARINT_BYTES; i++) {
    if (at == cursor->end) {
      return OA_ERR_TRUNCATED;
    }
    const uint8_t byte = *at++;
    /* The tenth byte holds bit 63 alone; more would not fit 64 bits. */
    if (i == MAX_VARINT_BYTES - 1 && byte > 1) {
      return OA_ERR_MALFORMED;
    }
    value |= (uint64_t)(byte & 0x7f) << (7 * i);
    if (byte < 0x80) {
      cursor->at = at;
      *out = value;
      return OA_OK;
    }
  }
  return OA_ERR_MALFORMED;
}

static oa_status skip_value(oa_cursor *cursor, uint32_t tag) {
  uint64_t ignored;
  uint32_t ignored32;
  oa_cursor bytes;

  switch (tag & 7) {
    case OA_WIRE_VARINT:
      return oa_cursor_varint(cursor, &ignored);
    case OA_WIRE_FIXED64:
      return oa_cursor_fixed64(cursor, &ignored);
    case OA_WIRE_BYTES:
      return oa_cursor_bytes(cursor, &bytes);
    case OA_WIRE_FIXED32:
      return oa_cursor_fixed32(cursor, &ignored32);
    default:
      return OA_ERR_MALFORMED;
  }
}

oa_status oa_cursor_skip(oa_cursor *cursor, uint32_t tag) {
  if ((tag & 7) != OA_WIRE_GROUP) {
    return skip_value(cursor, tag);
  }
  uint32_t open[OA_WIRE_MAX_GROUPS];
  size_t depth = 0;
  open[depth++] = tag >> 3;
  while (depth > 0) {
    OA_TRY(oa_cursor_tag(cursor, &tag));
    if ((tag & 7) == OA_WIRE_END_GROUP) {
      if (tag >> 3 != open[--depth]) {
        return OA_ERR_MALFORMED;
      }
    } else if ((tag & 7) == OA_WIRE_GROUP) {
      if (depth == OA_WIRE_MAX_GROUPS) {
        return OA_ERR_MALFORMED;
      }
      open[depth++] = tag >> 3;
    } else {
      OA_TRY(skip_value(cursor, tag));
    }
  }
  return OA_OK;
}
