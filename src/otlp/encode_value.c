/* SPDX-License-Identifier: Apache-2.0 */
#include "otlp/cbor_read.h"
#include "otlp/encode_impl.h"

/* common.v1.AnyValue, .KeyValue, .ArrayValue and .KeyValueList. */
enum {
  ANY_STRING = 1,
  ANY_BOOL = 2,
  ANY_INT = 3,
  ANY_DOUBLE = 4,
  ANY_ARRAY = 5,
  ANY_KVLIST = 6,
  ANY_BYTES = 7,
  PAIR_KEY = 1,
  PAIR_VALUE = 2,
  LIST_VALUES = 1
};

/* What is open while a nested value is written. */
typedef struct level {
  oa_emit_nest list;  /* ArrayValue or KeyValueList */
  oa_emit_nest value; /* the AnyValue around it */
  oa_emit_nest pair;  /* the KeyValue around that, in a map */
  bool map;
} level;

static void emit_scalar(oa_emit *emit, const oa_cbor_token *token) {
  switch (token->kind) {
    case OA_CBOR_BOOL:
      oa_emit_varint(emit, ANY_BOOL, token->boolean);
      break;
    case OA_CBOR_INT:
      oa_emit_varint(emit, ANY_INT, (uint64_t)token->integer);
      break;
    case OA_CBOR_DOUBLE:
      oa_emit_fixed64(emit, ANY_DOUBLE, token->double_bits);
      break;
    case OA_CBOR_TEXT:
      oa_emit_bytes(emit, ANY_STRING, token->bytes, token->len);
      break;
    default: /* OA_CBOR_BYTES; null has no field */
      oa_emit_bytes(emit, ANY_BYTES, token->bytes, token->len);
      break;
  }
}

static void open_list(oa_emit *emit, level *at, bool map) {
  at->map = map;
  at->list = oa_emit_open(emit, map ? ANY_KVLIST : ANY_ARRAY, OA_WIDTH_SMALL);
}

/* Ends the list of levels[DEPTH] and the messages around it, up to the list
 * that holds it. */
static void close_list(oa_emit *emit, const level *levels, size_t depth) {
  oa_emit_close(emit, levels[depth].list);
  if (depth > 0) {
    oa_emit_close(emit, levels[depth].value);
    if (levels[depth - 1].map) {
      oa_emit_close(emit, levels[depth].pair);
    }
  }
}

/* One value inside levels[DEPTH - 1]; a map's KeyValue is open already. */
static void emit_nested(oa_emit *emit, level *levels, size_t *depth,
                        const oa_cbor_token *token) {
  level *at = &levels[*depth];
  const bool in_map = levels[*depth - 1].map;

  if (in_map && token->kind == OA_CBOR_NULL) {
    oa_emit_close(emit, at->pair); /* a KeyValue without value */
    return;
  }
  at->value =
      oa_emit_open(emit, in_map ? PAIR_VALUE : LIST_VALUES, OA_WIDTH_SMALL);
  if (token->kind == OA_CBOR_ARRAY || token->kind == OA_CBOR_MAP) {
    open_list(emit, at, token->kind == OA_CBOR_MAP);
    ++*depth;
    return;
  }
  if (token->kind != OA_CBOR_NULL) {
    emit_scalar(emit, token);
  }
  oa_emit_close(emit, at->value);
  if (in_map) {
    oa_emit_close(emit, at->pair);
  }
}

oa_status oa_encode_cbor(oa_encoder *encoder, uint8_t type, const uint8_t *cbor,
                         size_t len) {
  /* One more than may be open: the level of the values in the innermost. */
  level levels[OA_CBOR_MAX_DEPTH + 1] = {0};
  size_t depth = 0;
  oa_emit *emit = &encoder->emit;
  oa_cbor_reader reader;
  oa_cbor_token token = {0};
  oa_status status;

  oa_cbor_init(&reader, cbor, len);
  while ((status = oa_cbor_next(&reader, &token)) == OA_OK) {
    if (token.kind == OA_CBOR_CLOSE) {
      close_list(emit, levels, --depth);
    } else if (token.kind == OA_CBOR_KEY) {
      levels[depth].pair = oa_emit_open(emit, LIST_VALUES, OA_WIDTH_SMALL);
      oa_emit_bytes_set(emit, PAIR_KEY, token.bytes, token.len);
    } else if (depth > 0) {
      emit_nested(emit, levels, &depth, &token);
    } else if (token.kind ==
               (type == OA_VALUE_MAP ? OA_CBOR_MAP : OA_CBOR_ARRAY)) {
      open_list(emit, &levels[depth++], token.kind == OA_CBOR_MAP);
    } else {
      return oa_encode_refuse(encoder, "the CBOR is no %s, as its type says",
                              type == OA_VALUE_MAP ? "map" : "array");
    }
  }
  return status == OA_END
             ? OA_OK
             : oa_encode_refuse(encoder, "bad CBOR at byte %zu: %s",
                                (size_t)(reader.at - cbor), reader.problem);
}

/* The content of a scalar AnyValue, which needs no length of its own. */
typedef struct scalar {
  uint8_t tag;
  const uint8_t *bytes; /* string, bytes: LEN of them behind their length */
  size_t len;
  uint64_t bits; /* int, bool, double */
} scalar;

static size_t scalar_size(const scalar *value) {
  switch (value->tag & 7) {
    case OA_WIRE_BYTES:
      return 1 + oa_varint_size(value->len) + value->len;
    case OA_WIRE_FIXED64:
      return 1 + sizeof value->bits;
    default:
      return 1 + oa_varint_size(value->bits);
  }
}

static uint8_t *scalar_write(uint8_t *at, const scalar *value) {
  *at++ = value->tag;
  switch (value->tag & 7) {
    case OA_WIRE_BYTES:
      at = oa_varint_write(at, value->len);
      memcpy(at, value->bytes, value->len);
      return at + value->len;
    case OA_WIRE_FIXED64:
      memcpy(at, &value->bits, sizeof value->bits);
      return at + sizeof value->bits;
    default:
      return oa_varint_write(at, value->bits);
  }
}

/* A whole KeyValue in one go: all lengths are known before it is written. */
static void emit_pair(oa_emit *emit, uint32_t field, const uint8_t *key,
                      size_t key_len, const scalar *value) {
  const size_t inner = value == NULL ? 0 : scalar_size(value);
  size_t size = key_len == 0 ? 0 : 1 + oa_varint_size(key_len) + key_len;

  if (value != NULL) {
    size += 1 + oa_varint_size(inner) + inner;
  }
  uint8_t *at = oa_emit_room(emit, OA_EMIT_TAG_MAX + OA_EMIT_VARINT_MAX + size);
  if (at == NULL) {
    return;
  }
  at = oa_tag_write(at, field, OA_WIRE_BYTES);
  at = oa_varint_write(at, size);
  if (key_len > 0) {
    *at++ = OA_TAG(PAIR_KEY, OA_WIRE_BYTES);
    at = oa_varint_write(at, key_len);
    memcpy(at, key, key_len);
    at += key_len;
  }
  if (value != NULL) {
    *at++ = OA_TAG(PAIR_VALUE, OA_WIRE_BYTES);
    at = oa_varint_write(at, inner);
    at = scalar_write(at, value);
  }
  oa_emit_wrote(emit, at);
}

static oa_status emit_tree(oa_encoder *encoder, uint32_t field,
                           const oa_array *fields, int64_t i) {
  const oa_array *cbor = &fields[OA_ATTR_SER];
  oa_emit *emit = &encoder->emit;
  size_t len;

  const oa_emit_nest pair = oa_emit_open(emit, field, OA_WIDTH_SMALL);
  oa_encode_text(encoder, PAIR_KEY, &fields[OA_ATTR_KEY], i);
  const oa_emit_nest value = oa_emit_open(emit, PAIR_VALUE, OA_WIDTH_SMALL);
  if (oa_array_is_null(cbor, i)) {
    return oa_encode_refuse(encoder, "a map or array attribute without value");
  }
  const uint8_t *bytes = oa_array_bytes(cbor, i, &len);
  OA_TRY(
      oa_encode_cbor(encoder, oa_u8_at(&fields[OA_ATTR_TYPE], i), bytes, len));
  oa_emit_close(emit, value);
  oa_emit_close(emit, pair);
  return OA_OK;
}

/* Reads the scalar of attribute I; false when the value's column is null. */
static bool read_scalar(const oa_array *fields, uint8_t type, int64_t i,
                        scalar *out) {
  const oa_array *column;

  switch (type) {
    case OA_VALUE_STR:
      out->tag = OA_TAG(ANY_STRING, OA_WIRE_BYTES);
      out->bytes = oa_text_at(&fields[OA_ATTR_STR], i, &out->len);
      return out->bytes != NULL;
    case OA_VALUE_INT:
      column = &fields[OA_ATTR_INT];
      out->tag = OA_TAG(ANY_INT, OA_WIRE_VARINT);
      out->bits = oa_u64_at(column, i);
      return !oa_array_is_null(column, i);
    case OA_VALUE_DOUBLE:
      column = &fields[OA_ATTR_DOUBLE];
      out->tag = OA_TAG(ANY_DOUBLE, OA_WIRE_FIXED64);
      out->bits = oa_u64_at(column, i);
      return !oa_array_is_null(column, i);
    case OA_VALUE_BOOL:
      column = &fields[OA_ATTR_BOOL];
      out->tag = OA_TAG(ANY_BOOL, OA_WIRE_VARINT);
      out->bits = oa_bool_at(column, i);
      return !oa_array_is_null(column, i);
    default: /* OA_VALUE_BYTES: empty ones may be null, as in OTAP */
      column = &fields[OA_ATTR_BYTES];
      out->tag = OA_TAG(ANY_BYTES, OA_WIRE_BYTES);
      out->bytes = oa_array_bytes(column, i, &out->len);
      if (oa_array_is_null(column, i)) {
        out->len = 0;
      }
      return true;
  }
}

static oa_status encode_attribute(oa_encoder *encoder, uint32_t field,
                                  const oa_array *fields, int64_t i) {
  const uint8_t type = oa_u8_at(&fields[OA_ATTR_TYPE], i);
  scalar value;
  size_t key_len;

  if (type == OA_VALUE_MAP || type == OA_VALUE_SLICE) {
    return emit_tree(encoder, field, fields, i);
  }
  if (type > OA_VALUE_BYTES) {
    return oa_encode_refuse(encoder, "an attribute has the unknown type %u",
                            type);
  }
  const uint8_t *key = oa_text_at(&fields[OA_ATTR_KEY], i, &key_len);
  if (type == OA_VALUE_EMPTY) {
    emit_pair(&encoder->emit, field, key, key_len, NULL);
    return OA_OK;
  }
  if (!read_scalar(fields, type, i, &value)) {
    return oa_encode_refuse(
        encoder, "an attribute has type %u and no value of that type", type);
  }
  emit_pair(&encoder->emit, field, key, key_len, &value);
  return OA_OK;
}

oa_status oa_encode_attributes(oa_encoder *encoder, uint32_t field,
                               const oa_array *list, int64_t row) {
  int64_t at;
  int64_t end;

  oa_array_range(list, row, &at, &end);
  for (; at < end; at++) {
    OA_TRY(encode_attribute(encoder, field, list->children->children, at));
  }
  return OA_OK;
}
