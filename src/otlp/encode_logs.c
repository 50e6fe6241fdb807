/* SPDX-License-Identifier: Apache-2.0 */
#include "otlp/encode_impl.h"

/* logs.v1.LogRecord and the scalars of common.v1.AnyValue. */
enum {
  SCOPE_LOG_RECORDS = 2,
  LOG_TIME = 1,
  LOG_SEVERITY_NUMBER = 2,
  LOG_SEVERITY_TEXT = 3,
  LOG_BODY = 5,
  LOG_ATTRIBUTES = 6,
  LOG_DROPPED_ATTRIBUTES = 7,
  LOG_FLAGS = 8,
  LOG_TRACE_ID = 9,
  LOG_SPAN_ID = 10,
  LOG_OBSERVED_TIME = 11,
  LOG_EVENT_NAME = 12,
  ANY_STRING = 1,
  ANY_BOOL = 2,
  ANY_INT = 3,
  ANY_DOUBLE = 4,
  ANY_BYTES = 7
};

/* The column that holds a body of each type. */
static const size_t body_column[] = {
    [OA_VALUE_STR] = OA_LOG_COL_BODY,
    [OA_VALUE_INT] = OA_LOG_COL_BODY_INT,
    [OA_VALUE_DOUBLE] = OA_LOG_COL_BODY_DOUBLE,
    [OA_VALUE_BOOL] = OA_LOG_COL_BODY_BOOL,
    [OA_VALUE_MAP] = OA_LOG_COL_BODY_SER,
    [OA_VALUE_SLICE] = OA_LOG_COL_BODY_SER,
    [OA_VALUE_BYTES] = OA_LOG_COL_BODY_BYTES,
};

static oa_status encode_body_value(oa_encoder *encoder, uint8_t type,
                                   int64_t row) {
  const oa_array *column = &encoder->columns[body_column[type]];
  oa_emit *emit = &encoder->emit;
  const uint8_t *bytes;
  size_t len = 0;

  if (oa_array_is_null(column, row)) {
    if (type != OA_VALUE_BYTES) {
      return oa_encode_refuse(
          encoder, "the body has type %u and no value of that type", type);
    }
    oa_emit_bytes(emit, ANY_BYTES, (const uint8_t *)"", 0);
    return OA_OK;
  }
  switch (type) {
    case OA_VALUE_INT:
      oa_emit_varint(emit, ANY_INT, oa_u64_at(column, row));
      return OA_OK;
    case OA_VALUE_DOUBLE:
      oa_emit_fixed64(emit, ANY_DOUBLE, oa_u64_at(column, row));
      return OA_OK;
    case OA_VALUE_BOOL:
      oa_emit_varint(emit, ANY_BOOL, oa_bool_at(column, row));
      return OA_OK;
    case OA_VALUE_MAP:
    case OA_VALUE_SLICE:
      bytes = oa_array_bytes(column, row, &len);
      return oa_encode_cbor(encoder, type, bytes, len);
    default:
      bytes = oa_array_bytes(column, row, &len);
      oa_emit_bytes(emit, type == OA_VALUE_STR ? ANY_STRING : ANY_BYTES, bytes,
                    len);
      return OA_OK;
  }
}

/* A null type is a record without body, type 0 an AnyValue without value. */
static oa_status encode_body(oa_encoder *encoder, int64_t row) {
  const oa_array *types = &encoder->columns[OA_LOG_COL_BODY_TYPE];

  if (oa_array_is_null(types, row)) {
    return OA_OK;
  }
  const uint8_t type = oa_u8_at(types, row);
  if (type > OA_VALUE_BYTES) {
    return oa_encode_refuse(encoder, "the body has the unknown type %u", type);
  }
  const oa_emit_nest nest =
      oa_emit_open(&encoder->emit, LOG_BODY, OA_WIDTH_SMALL);
  if (type != OA_VALUE_EMPTY) {
    OA_TRY(encode_body_value(encoder, type, row));
  }
  oa_emit_close(&encoder->emit, nest);
  return OA_OK;
}

oa_status oa_encode_log(oa_encoder *encoder, int64_t row) {
  const oa_array *columns = encoder->columns;
  oa_emit *emit = &encoder->emit;

  const oa_emit_nest nest =
      oa_emit_open(emit, SCOPE_LOG_RECORDS, OA_WIDTH_ITEM);
  oa_encode_time(encoder, LOG_TIME, &columns[OA_LOG_COL_TIME], row);
  oa_emit_varint_set(emit, LOG_SEVERITY_NUMBER,
                     oa_i32_at(&columns[OA_LOG_COL_SEVERITY_NUMBER], row));
  oa_encode_text(encoder, LOG_SEVERITY_TEXT, &columns[OA_LOG_COL_SEVERITY_TEXT],
                 row);
  OA_TRY(encode_body(encoder, row));
  OA_TRY(oa_encode_attributes(encoder, LOG_ATTRIBUTES,
                              &columns[OA_LOG_COL_ATTRIBUTES], row));
  oa_emit_varint_set(emit, LOG_DROPPED_ATTRIBUTES,
                     oa_u32_at(&columns[OA_LOG_COL_DROPPED_ATTRIBUTES], row));
  oa_emit_fixed32_set(emit, LOG_FLAGS,
                      oa_u32_at(&columns[OA_LOG_COL_FLAGS], row));
  oa_encode_id(encoder, LOG_TRACE_ID, &columns[OA_LOG_COL_TRACE_ID], row, 16);
  oa_encode_id(encoder, LOG_SPAN_ID, &columns[OA_LOG_COL_SPAN_ID], row, 8);
  oa_encode_time(encoder, LOG_OBSERVED_TIME, &columns[OA_LOG_COL_OBSERVED_TIME],
                 row);
  oa_encode_text(encoder, LOG_EVENT_NAME, &columns[OA_LOG_COL_EVENT_NAME], row);
  oa_emit_close(emit, nest);
  return OA_OK;
}
