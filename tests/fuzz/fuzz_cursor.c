/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes at all: a walk over all fields, down into those that have a length,
 * must stop and stay inside its bounds; and what reading a field takes is what
 * skipping it takes. */
#include <stdlib.h>

#include "wire/cursor.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/* A field may be read as a message at each of so many levels. */
enum { MAX_DEPTH = 4 };

static void check(bool promise) {
  if (!promise) {
    abort();
  }
}

/* Reads the value behind TAG; groups are left to the skip. */
static oa_status read_value(oa_cursor *cursor, uint32_t tag, oa_cursor *inner) {
  uint64_t wide = 0;
  uint32_t narrow = 0;
  switch (tag & 7) {
    case OA_WIRE_VARINT:
      return oa_cursor_varint(cursor, &wide);
    case OA_WIRE_FIXED64:
      return oa_cursor_fixed64(cursor, &wide);
    case OA_WIRE_FIXED32:
      return oa_cursor_fixed32(cursor, &narrow);
    case OA_WIRE_BYTES:
      return oa_cursor_bytes(cursor, inner);
    default:
      return oa_cursor_skip(cursor, tag);
  }
}

static void walk(oa_cursor cursor, unsigned depth) {
  const uint8_t *const end = cursor.end;
  uint32_t tag = 0;
  while (!oa_cursor_done(&cursor) && oa_cursor_tag(&cursor, &tag) == OA_OK) {
    check(tag >> 3 != 0);
    const uint8_t *const value = cursor.at;
    oa_cursor skipped = cursor;
    oa_cursor inner = oa_cursor_over(cursor.at, 0);
    const oa_status status = read_value(&cursor, tag, &inner);
    check(oa_cursor_skip(&skipped, tag) == status);
    check(cursor.end == end && cursor.at >= value && cursor.at <= end);
    if (status != OA_OK) {
      check(status == OA_ERR_TRUNCATED || status == OA_ERR_MALFORMED);
      break;
    }
    check(skipped.at == cursor.at);
    check(inner.at >= value && inner.at <= inner.end && inner.end <= end);
    if (depth < MAX_DEPTH) {
      walk(inner, depth + 1);
    }
  }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len) {
  oa_cursor cursor = oa_cursor_over(data, len);
  uint64_t ignored = 0;

  walk(cursor, 0);
  while (oa_cursor_varint(&cursor, &ignored) == OA_OK) {
    check(cursor.at <= data + len);
  }
  return 0;
}
