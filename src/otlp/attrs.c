/* SPDX-License-Identifier: Apache-2.0 */
#include "otlp/builder_impl.h"
#include "otlp/value.h"

void oa_attrs_init(oa_attrs *attrs, oa_table *table) {
  *attrs = (oa_attrs){.table = table, .column = table->columns};
}

/* Puts TEXT, which mostly is what GUESS numbers in the dictionary. */
static inline void put_guessed(oa_table *table, oa_column *column,
                               const uint8_t *text, size_t len,
                               uint32_t *guess) {
  if (!oa_dict_is(column->dict, *guess, text, len)) {
    const int32_t number = oa_column_intern(table, column, text, len);
    if (number < 0) {
      return;
    }
    *guess = (uint32_t)number;
  }
  oa_put_u32(table, column, *guess);
}

static oa_status put_nested(oa_otlp_builder *builder, oa_attrs *attrs,
                            const oa_any *any) {
  oa_buf *cbor = &builder->cbor;
  cbor->len = 0;
  const oa_status status =
      oa_any_put_cbor(any, 0, cbor, &builder->tree.repaired);
  if (status == OA_ERR_LIMIT) {
    return oa_builder_reject(builder,
                             "an attribute's value is nested deeper than %d",
                             OA_OTLP_MAX_DEPTH);
  }
  OA_TRY(status);
  oa_put_bytes(attrs->table, &attrs->column[OA_ATTR_SER], cbor->data,
               cbor->len);
  return OA_OK;
}

static oa_status put_any(oa_otlp_builder *builder, oa_attrs *attrs,
                         const oa_any *any, uint32_t ordinal) {
  oa_table *table = attrs->table;
  oa_column *column = attrs->column;
  const size_t len = oa_cursor_left(&any->bytes);
  uint8_t type = OA_VALUE_EMPTY;

  switch (any->tag) {
    case OA_ANY_STRING:
      type = OA_VALUE_STR;
      put_guessed(table, &column[OA_ATTR_STR], any->bytes.at, len,
                  &attrs->str_guess[ordinal % OA_ATTR_GUESSES]);
      break;
    case OA_ANY_INT:
      type = OA_VALUE_INT;
      oa_put_u64(table, &column[OA_ATTR_INT], any->bits);
      break;
    case OA_ANY_DOUBLE:
      type = OA_VALUE_DOUBLE;
      oa_put_u64(table, &column[OA_ATTR_DOUBLE], any->bits);
      break;
    case OA_ANY_BOOL:
      type = OA_VALUE_BOOL;
      oa_put_bool(table, &column[OA_ATTR_BOOL], any->bits != 0);
      break;
    case OA_ANY_BYTES:
      type = OA_VALUE_BYTES;
      oa_put_bytes(table, &column[OA_ATTR_BYTES], any->bytes.at, len);
      break;
    case OA_ANY_ARRAY:
    case OA_ANY_MAP:
      type = any->tag == OA_ANY_MAP ? OA_VALUE_MAP : OA_VALUE_SLICE;
      OA_TRY(put_nested(builder, attrs, any));
      break;
    default:
      break;
  }
  oa_put_u8(table, &column[OA_ATTR_TYPE], type);
  return OA_OK;
}

/* A value that is one scalar field and nothing else, as nearly all are. */
static inline bool read_scalar(oa_cursor cursor, oa_any *out) {
  uint32_t tag;
  oa_status status = OA_ERR_MALFORMED;
  if (oa_cursor_tag(&cursor, &tag) != OA_OK) {
    return false;
  }
  if (tag == OA_ANY_STRING || tag == OA_ANY_BYTES) {
    status = oa_cursor_bytes(&cursor, &out->bytes);
  } else if (tag == OA_ANY_INT || tag == OA_ANY_BOOL) {
    status = oa_cursor_varint(&cursor, &out->bits);
  } else if (tag == OA_ANY_DOUBLE) {
    status = oa_cursor_fixed64(&cursor, &out->bits);
  }
  out->tag = tag;
  return status == OA_OK && oa_cursor_done(&cursor);
}

/* A KeyValue that is one key, then one value, and nothing else. */
static inline bool read_plain(oa_cursor cursor, oa_cursor *key,
                              oa_cursor *value) {
  uint32_t tag;
  return oa_cursor_tag(&cursor, &tag) == OA_OK &&
         tag == OA_TAG(1, OA_WIRE_BYTES) &&
         oa_cursor_bytes(&cursor, key) == OA_OK &&
         oa_cursor_tag(&cursor, &tag) == OA_OK &&
         tag == OA_TAG(2, OA_WIRE_BYTES) &&
         oa_cursor_bytes(&cursor, value) == OA_OK && oa_cursor_done(&cursor);
}

oa_status oa_attrs_put(oa_otlp_builder *builder, oa_attrs *attrs,
                       oa_cursor cursor, uint32_t ordinal) {
  oa_table *table = attrs->table;
  oa_buf joined = {0};
  oa_cursor key;
  oa_cursor value;
  oa_any any = {0};
  oa_status status = oa_table_reserve(table);

  if (status == OA_OK && !read_plain(cursor, &key, &value)) {
    status = oa_key_value_read(cursor, &key, &value, &joined);
    if (status == OA_ERR_LIMIT) {
      status = oa_builder_reject(builder, "an attribute's value is in pieces");
    }
  }
  if (status == OA_OK && !read_scalar(value, &any)) {
    status = oa_any_read(value, &any);
  }
  if (status == OA_OK) {
    put_guessed(table, &attrs->column[OA_ATTR_KEY], key.at,
                oa_cursor_left(&key),
                &attrs->key_guess[ordinal % OA_ATTR_GUESSES]);
    status = put_any(builder, attrs, &any, ordinal);
  }
  if (status == OA_OK) {
    table->length++;
  }
  oa_buf_free(&joined);
  return status;
}
