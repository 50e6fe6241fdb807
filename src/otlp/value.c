/* SPDX-License-Identifier: Apache-2.0 */
#include "otlp/value.h"

#include "otlp/cbor_write.h"
#include "otlp/otlp.h"

enum {
  /* A value in several pieces is copied together, once for each level of
   * nesting.  No encoder does that, so this bound only stops attackers. */
  MAX_JOINED = 1 << 20,
};

oa_status oa_any_read(oa_cursor cursor, oa_any *out) {
  oa_any any = {0};
  while (!oa_cursor_done(&cursor)) {
    const uint8_t *at = cursor.at;
    uint32_t tag;
    OA_TRY(oa_cursor_tag(&cursor, &tag));
    switch (tag) {
      case OA_ANY_BOOL:
      case OA_ANY_INT:
        OA_TRY(oa_cursor_varint(&cursor, &any.bits));
        break;
      case OA_ANY_DOUBLE:
        OA_TRY(oa_cursor_fixed64(&cursor, &any.bits));
        break;
      case OA_ANY_STRING:
      case OA_ANY_BYTES:
        OA_TRY(oa_cursor_bytes(&cursor, &any.bytes));
        break;
      case OA_ANY_ARRAY:
      case OA_ANY_MAP:
        OA_TRY(oa_cursor_bytes(&cursor, &any.bytes));
        if (tag != any.tag) {
          any.from.at = at;
        }
        break;
      default:
        OA_TRY(oa_cursor_skip(&cursor, tag));
        continue;
    }
    any.tag = tag;
  }
  any.from.end = cursor.end;
  *out = any;
  return OA_OK;
}

/* --- CBOR --- */

static oa_status put_value(oa_cursor cursor, unsigned depth, oa_buf *out,
                           uint64_t *repaired) {
  oa_any any;
  OA_TRY(oa_any_read(cursor, &any));
  switch (any.tag) {
    case OA_ANY_STRING:
      return oa_cbor_put_text(out, any.bytes.at, oa_cursor_left(&any.bytes),
                              repaired);
    case OA_ANY_BOOL:
      return oa_buf_put_byte(out,
                             (uint8_t)(OA_CBOR_BYTE_FALSE + (any.bits != 0)));
    case OA_ANY_INT:
      return oa_cbor_put_int(out, any.bits);
    case OA_ANY_DOUBLE:
      return oa_cbor_put_double(out, any.bits);
    case OA_ANY_BYTES:
      return oa_cbor_put_bytes(out, any.bytes.at, oa_cursor_left(&any.bytes));
    case OA_ANY_ARRAY:
    case OA_ANY_MAP:
      return oa_any_put_cbor(&any, depth, out, repaired);
    default:
      return oa_buf_put_byte(out, OA_CBOR_BYTE_NULL);
  }
}

static oa_status put_entry(oa_cursor cursor, unsigned depth, oa_buf *out,
                           uint64_t *repaired) {
  oa_buf joined = {0};
  oa_cursor key;
  oa_cursor value;
  oa_status status = oa_key_value_read(cursor, &key, &value, &joined);
  if (status == OA_OK) {
    status = oa_cbor_put_text(out, key.at, oa_cursor_left(&key), repaired);
  }
  if (status == OA_OK) {
    status = put_value(value, depth, out, repaired);
  }
  oa_buf_free(&joined);
  return status;
}

/* The items of all occurrences of field TAG in FROM: values or entries. */
static oa_status put_items(oa_cursor from, uint32_t tag, bool map,
                           unsigned depth, oa_buf *out, uint64_t *repaired) {
  while (!oa_cursor_done(&from)) {
    uint32_t found;
    oa_cursor item;
    OA_TRY(oa_cursor_tag(&from, &found));
    if (found != tag) {
      OA_TRY(oa_cursor_skip(&from, found));
      continue;
    }
    OA_TRY(oa_cursor_bytes(&from, &item));
    OA_TRY(map ? put_entry(item, depth, out, repaired)
               : put_value(item, depth, out, repaired));
  }
  return OA_OK;
}

oa_status oa_any_put_cbor(const oa_any *any, unsigned depth, oa_buf *out,
                          uint64_t *repaired) {
  const bool map = any->tag == OA_ANY_MAP;
  oa_cursor from = any->from;

  if (depth >= OA_OTLP_MAX_DEPTH) {
    return OA_ERR_LIMIT;
  }
  OA_TRY(oa_buf_put_byte(out, map ? OA_CBOR_BYTE_MAP : OA_CBOR_BYTE_ARRAY));
  while (!oa_cursor_done(&from)) {
    uint32_t tag;
    oa_cursor piece;
    OA_TRY(oa_cursor_tag(&from, &tag));
    if (tag != any->tag) {
      OA_TRY(oa_cursor_skip(&from, tag));
      continue;
    }
    OA_TRY(oa_cursor_bytes(&from, &piece));
    OA_TRY(put_items(piece, OA_TAG(1, OA_WIRE_BYTES), map, depth + 1, out,
                     repaired));
  }
  return oa_buf_put_byte(out, OA_CBOR_BYTE_BREAK);
}

oa_status oa_attributes_put_cbor(oa_cursor message, uint32_t tag,
                                 unsigned depth, oa_buf *out,
                                 uint64_t *repaired) {
  OA_TRY(oa_buf_put_byte(out, OA_CBOR_BYTE_MAP));
  OA_TRY(put_items(message, tag, true, depth, out, repaired));
  return oa_buf_put_byte(out, OA_CBOR_BYTE_BREAK);
}

oa_status oa_pieces_add(oa_pieces *pieces, oa_cursor *cursor) {
  oa_cursor piece;
  OA_TRY(oa_cursor_bytes(cursor, &piece));
  if (pieces->count == 1) {
    OA_TRY(oa_buf_put(&pieces->joined, pieces->bytes.at,
                      oa_cursor_left(&pieces->bytes)));
  }
  if (pieces->count > 0) {
    OA_TRY(oa_buf_put(&pieces->joined, piece.at, oa_cursor_left(&piece)));
    piece = oa_buf_cursor(&pieces->joined);
  }
  pieces->bytes = piece;
  pieces->count++;
  return OA_OK;
}

oa_status oa_key_value_read(oa_cursor cursor, oa_cursor *key, oa_cursor *value,
                            oa_buf *joined) {
  size_t values = 0;

  *key = *value = (oa_cursor){cursor.end, cursor.end};
  while (!oa_cursor_done(&cursor)) {
    uint32_t tag;
    OA_TRY(oa_cursor_tag(&cursor, &tag));
    if (tag == OA_TAG(1, OA_WIRE_BYTES)) {
      OA_TRY(oa_cursor_bytes(&cursor, key));
    } else if (tag == OA_TAG(2, OA_WIRE_BYTES)) {
      oa_cursor piece;
      OA_TRY(oa_cursor_bytes(&cursor, &piece));
      if (values == 1) {
        OA_TRY(oa_buf_put(joined, value->at, oa_cursor_left(value)));
      }
      if (values > 0) {
        if (joined->len + oa_cursor_left(&piece) > MAX_JOINED) {
          return OA_ERR_LIMIT;
        }
        OA_TRY(oa_buf_put(joined, piece.at, oa_cursor_left(&piece)));
      }
      *value = piece;
      values++;
    } else {
      OA_TRY(oa_cursor_skip(&cursor, tag));
    }
  }
  if (values > 1) {
    *value = oa_buf_cursor(joined);
  }
  return OA_OK;
}
