/* SPDX-License-Identifier: Apache-2.0 */
/* Log records (opentelemetry-proto, logs/v1/logs.proto). */
#include "otlp/builder_impl.h"
#include "otlp/json_text.h"
#include "otlp/value.h"

typedef struct record {
  oa_cursor severity_text, trace_id, span_id, event_name;
  uint64_t time, observed_time, severity, dropped_attributes;
  uint32_t flags;
  oa_pieces body;
  uint32_t attributes; /* child rows before this record */
} record;

/* The typed columns, and in TEXT what people read in `body`. */
static oa_status put_typed_body(oa_otlp_builder *b, const oa_any *any,
                                uint8_t type, oa_buf *text) {
  oa_table *table = &b->root;
  oa_column *column = table->columns;
  double number;

  switch (type) {
    case OA_VALUE_INT:
      oa_put_u64(table, &column[OA_LOG_COL_BODY_INT], any->bits);
      return oa_json_put_int(text, (int64_t)any->bits);
    case OA_VALUE_DOUBLE:
      oa_put_u64(table, &column[OA_LOG_COL_BODY_DOUBLE], any->bits);
      memcpy(&number, &any->bits, sizeof number);
      return oa_json_put_double(text, number);
    case OA_VALUE_BOOL:
      oa_put_bool(table, &column[OA_LOG_COL_BODY_BOOL], any->bits != 0);
      return oa_json_put_bool(text, any->bits != 0);
    case OA_VALUE_BYTES:
      oa_put_bytes(table, &column[OA_LOG_COL_BODY_BYTES], any->bytes.at,
                   oa_cursor_left(&any->bytes));
      return oa_json_put_bytes(text, any->bytes.at,
                               oa_cursor_left(&any->bytes));
    default:
      oa_put_bytes(table, &column[OA_LOG_COL_BODY_SER], b->cbor.data,
                   b->cbor.len);
      return oa_json_put_cbor(text, b->cbor.data, b->cbor.len);
  }
}

static uint8_t body_type(const oa_any *any) {
  switch (any->tag) {
    case OA_ANY_STRING:
      return OA_VALUE_STR;
    case OA_ANY_INT:
      return OA_VALUE_INT;
    case OA_ANY_DOUBLE:
      return OA_VALUE_DOUBLE;
    case OA_ANY_BOOL:
      return OA_VALUE_BOOL;
    case OA_ANY_BYTES:
      return OA_VALUE_BYTES;
    case OA_ANY_ARRAY:
      return OA_VALUE_SLICE;
    case OA_ANY_MAP:
      return OA_VALUE_MAP;
    default:
      return OA_VALUE_EMPTY;
  }
}

static oa_status put_body(oa_otlp_builder *b, const record *r,
                          const oa_any *any) {
  oa_table *table = &b->root;
  oa_column *column = table->columns;
  const uint8_t type = body_type(any);

  if (r->body.count == 0) {
    return OA_OK;
  }
  if (type == OA_VALUE_STR) {
    oa_put_bytes(table, &column[OA_LOG_COL_BODY], any->bytes.at,
                 oa_cursor_left(&any->bytes));
  } else if (type != OA_VALUE_EMPTY) {
    b->text.len = 0;
    OA_TRY(put_typed_body(b, any, type, &b->text));
    oa_put_bytes(table, &column[OA_LOG_COL_BODY], b->text.data, b->text.len);
  }
  oa_put_u8(table, &column[OA_LOG_COL_BODY_TYPE], type);
  return OA_OK;
}

/* Reads the body as far as it can fail, before the row is written. */
static oa_status check_body(oa_otlp_builder *b, const record *r, oa_any *any) {
  OA_TRY(oa_any_read(r->body.bytes, any));
  if (any->tag != OA_ANY_ARRAY && any->tag != OA_ANY_MAP) {
    return OA_OK;
  }
  b->cbor.len = 0;
  const oa_status status =
      oa_any_put_cbor(any, b->depth_left_out, &b->cbor, &b->tree.repaired);
  return status == OA_ERR_LIMIT
             ? oa_builder_reject(b, "the body is nested deeper than %u",
                                 oa_builder_depth(b))
             : status;
}

static oa_status read_record(oa_otlp_builder *b, record *r, oa_cursor cursor) {
  oa_cursor bytes;
  uint32_t tag;

  while (!oa_cursor_done(&cursor)) {
    OA_TRY(oa_cursor_tag(&cursor, &tag));
    switch (tag) {
      case OA_TAG(1, OA_WIRE_FIXED64):
        OA_TRY(oa_cursor_fixed64(&cursor, &r->time));
        break;
      case OA_TAG(2, OA_WIRE_VARINT):
        OA_TRY(oa_cursor_varint(&cursor, &r->severity));
        break;
      case OA_TAG(3, OA_WIRE_BYTES):
        OA_TRY(oa_cursor_bytes(&cursor, &r->severity_text));
        break;
      case OA_TAG(5, OA_WIRE_BYTES):
        OA_TRY(oa_pieces_add(&r->body, &cursor));
        break;
      case OA_TAG(6, OA_WIRE_BYTES):
        OA_TRY(oa_cursor_bytes(&cursor, &bytes));
        OA_TRY(oa_attrs_put(b, &b->attributes, r->attributes, bytes));
        break;
      case OA_TAG(7, OA_WIRE_VARINT):
        OA_TRY(oa_cursor_varint(&cursor, &r->dropped_attributes));
        break;
      case OA_TAG(8, OA_WIRE_FIXED32):
        OA_TRY(oa_cursor_fixed32(&cursor, &r->flags));
        break;
      case OA_TAG(9, OA_WIRE_BYTES):
        OA_TRY(oa_cursor_bytes(&cursor, &r->trace_id));
        break;
      case OA_TAG(10, OA_WIRE_BYTES):
        OA_TRY(oa_cursor_bytes(&cursor, &r->span_id));
        break;
      case OA_TAG(11, OA_WIRE_FIXED64):
        OA_TRY(oa_cursor_fixed64(&cursor, &r->observed_time));
        break;
      case OA_TAG(12, OA_WIRE_BYTES):
        OA_TRY(oa_cursor_bytes(&cursor, &r->event_name));
        break;
      default:
        OA_TRY(oa_cursor_skip(&cursor, tag));
    }
  }
  if (!oa_id_ok(r->trace_id, OA_TRACE_ID_SIZE) ||
      !oa_id_ok(r->span_id, OA_SPAN_ID_SIZE)) {
    return oa_builder_reject(
        b, "trace_id and span_id have %zu and %zu bytes, not 16 and 8",
        oa_cursor_left(&r->trace_id), oa_cursor_left(&r->span_id));
  }
  return OA_OK;
}

static oa_status put_record(oa_otlp_builder *b, const record *r,
                            const oa_any *body) {
  oa_table *table = &b->root;
  oa_column *column = table->columns;

  oa_put_time(table, &column[OA_LOG_COL_TIME], r->time);
  oa_put_time(table, &column[OA_LOG_COL_OBSERVED_TIME], r->observed_time);
  oa_put_u32_unless_zero(table, &column[OA_LOG_COL_SEVERITY_NUMBER],
                         (uint32_t)r->severity);
  oa_put_text_if_any(table, &column[OA_LOG_COL_SEVERITY_TEXT],
                     r->severity_text);
  oa_put_text_if_any(table, &column[OA_LOG_COL_EVENT_NAME], r->event_name);
  OA_TRY(put_body(b, r, body));
  oa_put_list_since(table, &column[OA_LOG_COL_ATTRIBUTES], r->attributes);
  oa_put_u32_unless_zero(table, &column[OA_LOG_COL_DROPPED_ATTRIBUTES],
                         (uint32_t)r->dropped_attributes);
  oa_put_u32_unless_zero(table, &column[OA_LOG_COL_FLAGS], r->flags);
  oa_put_id(table, &column[OA_LOG_COL_TRACE_ID], r->trace_id, OA_TRACE_ID_SIZE);
  oa_put_id(table, &column[OA_LOG_COL_SPAN_ID], r->span_id, OA_SPAN_ID_SIZE);
  table->length++;
  return OA_OK;
}

oa_status oa_decode_log(oa_otlp_builder *b, oa_cursor cursor) {
  record r = {.attributes = b->attributes.table->length};
  oa_any body = {0};

  OA_TRY(oa_table_reserve(&b->root));
  oa_status status = read_record(b, &r, cursor);
  if (status == OA_OK) {
    status = oa_attrs_check(b, &b->attributes, r.attributes);
  }
  if (status == OA_OK) {
    status = check_body(b, &r, &body);
  }
  if (status == OA_OK) {
    status = put_record(b, &r, &body);
    b->result->accepted++;
  } else if (status == OA_RECORD_REJECTED) {
    oa_builder_cut(b, b->root.length);
    b->result->rejected++;
    status = OA_OK;
  }
  oa_buf_free(&r.body.joined);
  return status;
}
