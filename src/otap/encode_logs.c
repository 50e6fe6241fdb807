/* SPDX-License-Identifier: Apache-2.0 */
#include "otap/encode_impl.h"
#include "otlp/cbor_read.h"

/* Where a body of each type stands: in the input and in the table. */
static const uint8_t body_columns[][2] = {
    [OA_VALUE_STR] = {OA_LOG_COL_BODY, OA_OTAP_LOG_BODY_STR},
    [OA_VALUE_INT] = {OA_LOG_COL_BODY_INT, OA_OTAP_LOG_BODY_INT},
    [OA_VALUE_DOUBLE] = {OA_LOG_COL_BODY_DOUBLE, OA_OTAP_LOG_BODY_DOUBLE},
    [OA_VALUE_BOOL] = {OA_LOG_COL_BODY_BOOL, OA_OTAP_LOG_BODY_BOOL},
    [OA_VALUE_MAP] = {OA_LOG_COL_BODY_SER, OA_OTAP_LOG_BODY_SER},
    [OA_VALUE_SLICE] = {OA_LOG_COL_BODY_SER, OA_OTAP_LOG_BODY_SER},
    [OA_VALUE_BYTES] = {OA_LOG_COL_BODY_BYTES, OA_OTAP_LOG_BODY_BYTES},
};

static uint8_t type_at(const oa_array *types, int64_t row) {
  const uint8_t *values = types->values;
  return values == NULL || oa_array_is_null(types, row) ? OA_VALUE_EMPTY
                                                        : values[row];
}

static oa_status check_cbor(oa_otap_encoder *encoder, uint8_t type) {
  oa_cbor_reader reader;
  oa_cbor_token token = {0};
  size_t len;
  const uint8_t *bytes = oa_array_bytes(&encoder->columns[OA_LOG_COL_BODY_SER],
                                        encoder->row, &len);
  oa_cbor_init(&reader, bytes, len);
  oa_status status = oa_cbor_next(&reader, &token);
  if (status == OA_OK &&
      token.kind != (type == OA_VALUE_MAP ? OA_CBOR_MAP : OA_CBOR_ARRAY)) {
    return oa_send_refuse(encoder, "the CBOR is no %s, as its type says",
                          type == OA_VALUE_MAP ? "map" : "array");
  }
  while (status == OA_OK) {
    status = oa_cbor_next(&reader, &token);
  }
  return status == OA_END
             ? OA_OK
             : oa_send_refuse(encoder, "bad CBOR at byte %zu: %s",
                              (size_t)(reader.at - bytes), reader.problem);
}

/* Every body has the value that its type says; *ONLY_TEXT when none has
 * another than text. */
static oa_status check_bodies(oa_otap_encoder *encoder,
                              const oa_send_rows *rows, bool *only_text) {
  const oa_array *types = &encoder->columns[OA_LOG_COL_BODY_TYPE];
  *only_text = true;
  for (int64_t i = 0; i < rows->count; i++) {
    const int64_t row = oa_send_row(rows, i);
    const uint8_t type = type_at(types, row);
    encoder->row = row;
    if (type > OA_VALUE_BYTES) {
      return oa_send_refuse(encoder, "the body has the unknown type %u", type);
    }
    *only_text &= type == OA_VALUE_STR || type == OA_VALUE_EMPTY;
    if (type == OA_VALUE_EMPTY || type == OA_VALUE_BYTES) {
      continue; /* empty bytes may be null, as in OTAP */
    }
    if (oa_array_is_null(&encoder->columns[body_columns[type][0]], row)) {
      return oa_send_refuse(
          encoder, "the body has type %u and no value of that type", type);
    }
    if (type == OA_VALUE_MAP || type == OA_VALUE_SLICE) {
      OA_TRY(check_cbor(encoder, type));
    }
  }
  return OA_OK;
}

/* The input's text column also has the JSON form of other bodies: rows that
 * are no text become null. */
static oa_status put_text(oa_otap_encoder *encoder, oa_send_table *table,
                          const oa_send_rows *rows, bool only_text) {
  const oa_array *types = &encoder->columns[OA_LOG_COL_BODY_TYPE];
  oa_array text = encoder->columns[OA_LOG_COL_BODY];
  if (only_text) {
    return oa_send_put_bytes(encoder, table, OA_OTAP_LOG_BODY_STR, &text, rows);
  }
  uint32_t *index = NULL;
  uint8_t *bits = NULL;
  const int64_t end = rows->first + rows->count;
  OA_TRY(oa_send_get(encoder, rows->count, sizeof *index, &index));
  OA_TRY(oa_send_get_zeroed(encoder, end / 8 + 1, 1, &bits));
  text.null_count = text.length;
  for (int64_t i = 0; i < rows->count; i++) {
    const int64_t row = oa_send_row(rows, i);
    index[i] = (uint32_t)row;
    if (type_at(types, row) == OA_VALUE_STR) {
      oa_send_set_bits(bits, row, row + 1);
    }
  }
  text.validity = bits;
  const oa_send_rows gathered = {.index = index, .count = rows->count};
  return oa_send_put_bytes(encoder, table, OA_OTAP_LOG_BODY_STR, &text,
                           &gathered);
}

static oa_status put_body(oa_otap_encoder *encoder, oa_send_table *table,
                          const oa_send_rows *rows) {
  const oa_array *columns = encoder->columns;
  const oa_array *types = &columns[OA_LOG_COL_BODY_TYPE];
  bool only_text;

  OA_TRY(check_bodies(encoder, rows, &only_text));
  OA_TRY(oa_send_put_struct(encoder, table, OA_OTAP_LOG_BODY, types, rows));
  if (!table->columns[OA_OTAP_LOG_BODY].used) {
    return OA_OK;
  }
  OA_TRY(
      oa_send_put_values(encoder, table, OA_OTAP_LOG_BODY_TYPE, types, rows));
  OA_TRY(put_text(encoder, table, rows, only_text));
  if (only_text) {
    return OA_OK;
  }
  OA_TRY(oa_send_put_values(encoder, table, OA_OTAP_LOG_BODY_INT,
                            &columns[OA_LOG_COL_BODY_INT], rows));
  OA_TRY(oa_send_put_values(encoder, table, OA_OTAP_LOG_BODY_DOUBLE,
                            &columns[OA_LOG_COL_BODY_DOUBLE], rows));
  OA_TRY(oa_send_put_bools(encoder, table, OA_OTAP_LOG_BODY_BOOL,
                           &columns[OA_LOG_COL_BODY_BOOL], rows));
  OA_TRY(oa_send_put_bytes(encoder, table, OA_OTAP_LOG_BODY_BYTES,
                           &columns[OA_LOG_COL_BODY_BYTES], rows));
  return oa_send_put_bytes(encoder, table, OA_OTAP_LOG_BODY_SER,
                           &columns[OA_LOG_COL_BODY_SER], rows);
}

oa_status oa_send_put_logs(oa_otap_encoder *encoder, const oa_send_rows *rows) {
  static const uint8_t values[][2] = {
      {OA_OTAP_LOG_TIME, OA_LOG_COL_TIME},
      {OA_OTAP_LOG_OBSERVED_TIME, OA_LOG_COL_OBSERVED_TIME},
      {OA_OTAP_LOG_TRACE_ID, OA_LOG_COL_TRACE_ID},
      {OA_OTAP_LOG_SPAN_ID, OA_LOG_COL_SPAN_ID},
  };
  static const uint8_t counts[][2] = {
      {OA_OTAP_LOG_SEVERITY_NUMBER, OA_LOG_COL_SEVERITY_NUMBER},
      {OA_OTAP_LOG_DROPPED_ATTRIBUTES, OA_LOG_COL_DROPPED_ATTRIBUTES},
      {OA_OTAP_LOG_FLAGS, OA_LOG_COL_FLAGS},
  };
  const oa_array *columns = encoder->columns;
  const oa_array *attributes = &columns[OA_LOG_COL_ATTRIBUTES];
  oa_send_table *table = oa_send_table_of(encoder, OA_PAYLOAD_LOGS);
  bool *needs = NULL;
  uint32_t *ids = NULL;

  oa_send_table_begin(table, rows->count);
  OA_TRY(oa_send_put_root(encoder, table, rows));
  for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
    OA_TRY(oa_send_put_values(encoder, table, values[i][0],
                              &columns[values[i][1]], rows));
  }
  for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
    OA_TRY(oa_send_put_counts(encoder, table, counts[i][0],
                              &columns[counts[i][1]], rows));
  }
  OA_TRY(oa_send_put_text(encoder, table, OA_OTAP_LOG_SEVERITY_TEXT,
                          &columns[OA_LOG_COL_SEVERITY_TEXT], rows));
  OA_TRY(oa_send_put_text(encoder, table, OA_OTAP_LOG_EVENT_NAME,
                          &columns[OA_LOG_COL_EVENT_NAME], rows));
  OA_TRY(put_body(encoder, table, rows));
  OA_TRY(oa_send_get_zeroed(encoder, rows->count, sizeof *needs, &needs));
  oa_send_need_lists(needs, attributes, rows);
  OA_TRY(oa_send_put_ids(encoder, table, OA_OTAP_ID, needs, &ids));
  return oa_send_put_attr_list(encoder, OA_PAYLOAD_LOG_ATTRS, attributes, rows,
                               ids);
}
