/* SPDX-License-Identifier: Apache-2.0 */
/* Attributes and other values: KeyValue and AnyValue of common.proto. */
#include "api/builder_impl.h"

enum {
  KEY_VALUE_KEY = 1,
  KEY_VALUE_VALUE = 2,
  ANY_STRING = 1,
  ANY_BOOL = 2,
  ANY_INT = 3,
  ANY_DOUBLE = 4,
  ANY_ARRAY = 5,
  ANY_MAP = 6,
  ANY_BYTES = 7,
  BODY = 5,
  SCOPE_OWNER = 1,
  /* Tags and lengths around a value's bytes: an attribute's, key's, value's and
   * the bytes' own. */
  MOST_AROUND = 4 * OA_FIELD_BYTES
};

/* Where a value goes, by what is innermost: a field, and whether what stands
 * there is a KeyValue. */
typedef struct place {
  uint8_t field; /* 0 = there is no room for values */
  bool keyed;
} place;

static const place places[OA_FRAME_KINDS] = {
    [OA_FRAME_RESOURCE] = {1, true},
    [OA_FRAME_SCOPE] = {3, true},
    [OA_FRAME_SPAN] = {9, true},
    [OA_FRAME_EVENT] = {3, true},
    [OA_FRAME_LINK] = {4, true},
    [OA_FRAME_METRIC] = {12, true},
    [OA_FRAME_NUMBER_POINT] = {7, true},
    [OA_FRAME_HISTOGRAM_POINT] = {9, true},
    [OA_FRAME_EXPONENTIAL_POINT] = {1, true},
    [OA_FRAME_SUMMARY_POINT] = {7, true},
    [OA_FRAME_EXEMPLAR] = {7, true},
    [OA_FRAME_LOG_RECORD] = {6, true},
    [OA_FRAME_BODY] = {BODY, false},
    [OA_FRAME_ARRAY] = {1, false},
    [OA_FRAME_MAP] = {1, true},
};

/* Whether resources, scopes and metrics can still have attributes: they come
 * before what these hold. */
static bool can_have_more(oa_builder *b, oa_frame *frame) {
  const char *order = NULL;
  switch (frame->kind) {
    case OA_FRAME_RESOURCE:
      order = "a resource's attributes come before its first scope";
      break;
    case OA_FRAME_SCOPE:
      order = "a scope's attributes come before its first item";
      break;
    case OA_FRAME_METRIC:
      order = "a metric's metadata comes before its first point";
      break;
    default:
      return true;
  }
  if (frame->filled) {
    oa_builder_refuse(b, OA_ERR_CONFIG, "%s", order);
    return false;
  }
  if (frame->kind == OA_FRAME_SCOPE && frame->nests == 1) {
    oa_builder_nest(b, frame, SCOPE_OWNER); /* it was opened with NULL */
  }
  return oa_builder_ready(b);
}

/* Where the next value with KEY goes; its field is 0 when it cannot. */
static place find_place(oa_builder *b, oa_str key) {
  static const place nowhere = {0, false};
  if (!oa_builder_ready(b)) {
    return nowhere;
  }
  oa_frame *top = oa_builder_top(b);
  const place found = places[top->kind];
  if (found.field == 0) {
    oa_builder_refuse(b, OA_ERR_CONFIG,
                      "an attribute needs something that it is of: call "
                      "oa_build_resource() first");
    return nowhere;
  }
  if (!found.keyed && key.len > 0) {
    oa_builder_refuse(b, OA_ERR_CONFIG, "%s no key: it must be empty",
                      top->kind == OA_FRAME_BODY ? "a log record's body has"
                                                 : "a value in an array has");
    return nowhere;
  }
  return can_have_more(b, top) ? found : nowhere;
}

/* Writes what stands before a value whose own fields take LEN bytes, and gives
 * the place of these; NULL after a failure. */
static uint8_t *begin_value(oa_builder *b, oa_str key, size_t len) {
  const place found = find_place(b, key);
  size_t need = len;
  if (found.field == 0 || !oa_builder_text_ok(b, "a key", key, &need)) {
    return NULL;
  }
  uint8_t *at = oa_builder_room(b, need + MOST_AROUND);
  if (at == NULL) {
    return NULL;
  }
  at = oa_tag_write(at, found.field, OA_WIRE_BYTES);
  if (found.keyed) {
    /* An empty key is left out, and so is an empty value. */
    const size_t key_len =
        key.len == 0 ? 0 : 1 + oa_varint_size(key.len) + key.len;
    const size_t value_len = len == 0 ? 0 : 1 + oa_varint_size(len) + len;
    at = oa_varint_write(at, key_len + value_len);
    at = oa_field_text(at, KEY_VALUE_KEY, key);
    if (len == 0) {
      return at;
    }
    at = oa_tag_write(at, KEY_VALUE_VALUE, OA_WIRE_BYTES);
  }
  return oa_varint_write(at, len);
}

static void end_value(oa_builder *b, const uint8_t *at) {
  oa_emit_wrote(&b->emit, at);
  if (oa_builder_top(b)->kind == OA_FRAME_BODY) {
    b->frames--; /* that was its one value */
  }
}

static void put_bytes(oa_builder *b, oa_str key, uint32_t field, oa_str value) {
  size_t need = 0;
  if (!oa_builder_ready(b) || !oa_builder_text_ok(b, "a value", value, &need)) {
    return;
  }
  uint8_t *at = begin_value(b, key, 1 + oa_varint_size(value.len) + value.len);
  if (at != NULL) {
    end_value(b, oa_field_bytes(at, field, value.data, value.len));
  }
}

void oa_build_string(oa_builder *b, oa_str key, oa_str value) {
  put_bytes(b, key, ANY_STRING, value);
}

void oa_build_bytes(oa_builder *b, oa_str key, const void *value, size_t len) {
  const oa_str bytes = {value, len};
  put_bytes(b, key, ANY_BYTES, bytes);
}

void oa_build_int(oa_builder *b, oa_str key, int64_t value) {
  uint8_t *at = begin_value(b, key, 1 + oa_varint_size((uint64_t)value));
  if (at != NULL) {
    at = oa_tag_write(at, ANY_INT, OA_WIRE_VARINT);
    end_value(b, oa_varint_write(at, (uint64_t)value));
  }
}

void oa_build_double(oa_builder *b, oa_str key, double value) {
  uint8_t *at = begin_value(b, key, 1 + sizeof value);
  if (at != NULL) {
    end_value(b, oa_field_double(at, ANY_DOUBLE, value));
  }
}

void oa_build_bool(oa_builder *b, oa_str key, int value) {
  uint8_t *at = begin_value(b, key, 2);
  if (at != NULL) {
    at = oa_tag_write(at, ANY_BOOL, OA_WIRE_VARINT);
    end_value(b, oa_varint_write(at, value != 0));
  }
}

void oa_build_empty(oa_builder *b, oa_str key) {
  uint8_t *at = begin_value(b, key, 0);
  if (at != NULL) {
    end_value(b, at);
  }
}

/* --- arrays and maps --- */

/* KIND is OA_FRAME_ARRAY or OA_FRAME_MAP, FIELD that of an AnyValue. */
static void open_values(oa_builder *b, oa_str key, oa_frame_kind kind,
                        uint32_t field) {
  const place found = find_place(b, key);
  size_t need = OA_FIELD_BYTES;
  if (found.field == 0 || !oa_builder_text_ok(b, "a key", key, &need)) {
    return;
  }
  if (b->depth >= OA_BUILD_MAX_DEPTH) {
    oa_builder_refuse(b, OA_ERR_LIMIT, "values are nested deeper than %d",
                      OA_BUILD_MAX_DEPTH);
    return;
  }
  oa_frame *frame = oa_builder_push(b, kind);
  b->depth++;
  oa_builder_nest(b, frame, found.field);
  if (found.keyed) {
    uint8_t *at = oa_builder_ready(b) ? oa_builder_room(b, need) : NULL;
    if (at == NULL) {
      return;
    }
    oa_emit_wrote(&b->emit, oa_field_text(at, KEY_VALUE_KEY, key));
    oa_builder_nest(b, frame, KEY_VALUE_VALUE);
  }
  if (oa_builder_ready(b)) {
    oa_builder_nest(b, frame, field);
  }
}

void oa_build_array(oa_builder *b, oa_str key) {
  open_values(b, key, OA_FRAME_ARRAY, ANY_ARRAY);
}

void oa_build_map(oa_builder *b, oa_str key) {
  open_values(b, key, OA_FRAME_MAP, ANY_MAP);
}

void oa_build_body(oa_builder *b) {
  if (!oa_builder_ready(b) || oa_builder_open(b, OA_FRAME_BODY) == NULL) {
    return;
  }
  oa_frame *record = oa_builder_top(b) - 1;
  if (record->has_body) {
    oa_builder_refuse(b, OA_ERR_CONFIG, "the log record has a body already");
  }
  record->has_body = true;
}
