/* SPDX-License-Identifier: Apache-2.0 */
/* LOGS with LOG_ATTRS. */
#include "base/text.h"
#include "otap/attributes.h"
#include "otlp/json_text.h"

/* The member of `body` that holds values of each type. */
static const uint8_t body_members[] = {
    [OA_VALUE_STR] = OA_OTAP_LOG_BODY_STR,
    [OA_VALUE_INT] = OA_OTAP_LOG_BODY_INT,
    [OA_VALUE_DOUBLE] = OA_OTAP_LOG_BODY_DOUBLE,
    [OA_VALUE_BOOL] = OA_OTAP_LOG_BODY_BOOL,
    [OA_VALUE_MAP] = OA_OTAP_LOG_BODY_SER,
    [OA_VALUE_SLICE] = OA_OTAP_LOG_BODY_SER,
    [OA_VALUE_BYTES] = OA_OTAP_LOG_BODY_BYTES};

/* The typed column, and in TEXT what people read in `body`. */
static oa_status put_typed(const oa_otap_decoder *d, const oa_otap_table *logs,
                           uint8_t type, uint32_t i, oa_buf *text) {
  oa_table *root = &d->builder->root;
  oa_column *column = root->columns;
  const oa_otap_column *from = &logs->columns[body_members[type]];
  const uint8_t *bytes;
  size_t len;
  uint64_t bits;
  double number;
  switch (type) {
    case OA_VALUE_INT:
      bits = oa_otap_u64(from, i);
      oa_put_u64(root, &column[OA_LOG_COL_BODY_INT], bits);
      return oa_json_put_int(text, (int64_t)bits);
    case OA_VALUE_DOUBLE:
      bits = oa_otap_u64(from, i);
      oa_put_u64(root, &column[OA_LOG_COL_BODY_DOUBLE], bits);
      memcpy(&number, &bits, sizeof number);
      return oa_json_put_double(text, number);
    case OA_VALUE_BOOL:
      oa_put_bool(root, &column[OA_LOG_COL_BODY_BOOL], oa_otap_bool(from, i));
      return oa_json_put_bool(text, oa_otap_bool(from, i));
    case OA_VALUE_BYTES:
      bytes = oa_otap_bytes(from, i, &len);
      OA_TRY(oa_otap_spend(d, len));
      bytes = bytes == NULL ? (const uint8_t *)"" : bytes;
      oa_put_bytes(root, &column[OA_LOG_COL_BODY_BYTES], bytes, len);
      return oa_json_put_bytes(text, bytes, len);
    default:
      OA_TRY(oa_otap_read_nested(d, logs, OA_OTAP_LOG_BODY_SER, type, i, &bytes,
                                 &len));
      oa_put_bytes(root, &column[OA_LOG_COL_BODY_SER], bytes, len);
      return oa_json_put_cbor(text, bytes, len);
  }
}

static oa_status body_type(const oa_otap_decoder *d, const oa_otap_table *logs,
                           uint32_t i, uint8_t *out) {
  const uint32_t type = oa_otap_u32(&logs->columns[OA_OTAP_LOG_BODY_TYPE], i);
  if (type > OA_VALUE_BYTES) {
    return oa_otap_refuse(d, logs, i, "body: %u is no type of value", type);
  }
  /* Empty bytes may come as null; any other null is the empty value. */
  const bool empty = type == OA_VALUE_EMPTY ||
                     (type != OA_VALUE_BYTES &&
                      oa_otap_is_null(&logs->columns[body_members[type]], i));
  *out = empty ? OA_VALUE_EMPTY : (uint8_t)type;
  return OA_OK;
}

/* The body of row I, which is the row to come. */
static oa_status put_body(const oa_otap_decoder *d, const oa_otap_table *logs,
                          uint32_t i) {
  oa_table *root = &d->builder->root;
  oa_column *column = root->columns;
  oa_buf *text = &d->builder->text;
  uint8_t type = OA_VALUE_EMPTY;
  size_t len;
  OA_TRY(body_type(d, logs, i, &type));
  if (type == OA_VALUE_STR) {
    const uint8_t *bytes =
        oa_otap_bytes(&logs->columns[OA_OTAP_LOG_BODY_STR], i, &len);
    OA_TRY(oa_otap_spend(d, len));
    oa_put_bytes(root, &column[OA_LOG_COL_BODY], bytes, len);
  } else if (type != OA_VALUE_EMPTY) {
    text->len = 0;
    OA_TRY(put_typed(d, logs, type, i, text));
    oa_put_bytes(root, &column[OA_LOG_COL_BODY], text->data, text->len);
  }
  oa_put_u8(root, &column[OA_LOG_COL_BODY_TYPE], type);
  return OA_OK;
}

/* --- bodies that are texts --- */

/* How many rows are looked at together. */
enum { SOME_ROWS = 64 };

/* True when the rows [BEGIN, END) of TYPE, not encoded, are all WANTED. */
static bool have_type(const oa_otap_column *type, uint32_t begin, uint32_t end,
                      uint8_t wanted) {
  uint8_t other = 0;
  if (type->index_width > 0 || !oa_otap_all_set(type, begin, end)) {
    return false;
  }
  const uint8_t *types = type->array->values;
  for (uint32_t i = begin; i < end; i++) {
    other |= types[i] ^ wanted;
  }
  return other == 0;
}

/* True when the bodies [BEGIN, END) are texts that can be taken over as they
 * lie one after the other: each is UTF-8 for itself. */
static bool are_texts(const oa_otap_table *logs, uint32_t begin, uint32_t end) {
  const oa_otap_column *type = &logs->columns[OA_OTAP_LOG_BODY_TYPE];
  const oa_otap_column *text = &logs->columns[OA_OTAP_LOG_BODY_STR];
  if (!oa_otap_all_set(&logs->columns[OA_OTAP_LOG_BODY], begin, end) ||
      !have_type(type, begin, end, OA_VALUE_STR) ||
      !oa_otap_all_set(text, begin, end) || text->index_width > 0 ||
      text->array->offsets == NULL) {
    return false;
  }
  const int32_t *offsets = text->array->offsets;
  const uint8_t *bytes = text->array->values;
  const int32_t first = offsets[begin];
  const int32_t last = offsets[end];
  uint32_t inside = 0; /* texts that begin inside a character */
  for (uint32_t i = begin; i < end && offsets[i] < last; i++) {
    inside += (bytes[offsets[i]] & 0xC0) == 0x80;
  }
  if (inside > 0) {
    return false;
  }
  return first == last || oa_utf8_valid(bytes + first, (size_t)(last - first));
}

/* The bodies [BEGIN, END) of are_texts() to the rows from ROW on. */
static oa_status put_texts(oa_table *root, const oa_otap_table *logs,
                           uint32_t begin, uint32_t end, uint32_t row) {
  const oa_array *from = logs->columns[OA_OTAP_LOG_BODY_STR].array;
  const int32_t *offsets = from->offsets;
  const int32_t first = offsets[begin];
  const uint32_t count = end - begin;
  oa_column *column = &root->columns[OA_LOG_COL_BODY];
  oa_buf *bytes = &column->bytes;
  const size_t cap = bytes->cap;
  const size_t size = (size_t)(offsets[end] - first);
  if (size > (size_t)INT32_MAX - bytes->len) {
    return OA_ERR_NOMEM; /* as oa_put_bytes() has it */
  }
  const int32_t base = (int32_t)bytes->len - first;
  OA_TRY(oa_buf_reserve(bytes, size));
  root->tree->text += bytes->cap - cap;
  uint8_t *types =
      oa_otap_open_full(root, &root->columns[OA_LOG_COL_BODY_TYPE], row, count);
  if (types == NULL || oa_otap_open_full(root, column, row, count) == NULL) {
    return OA_ERR_NOMEM;
  }
  memset(types, OA_VALUE_STR, count);
  const int32_t *ends = offsets + begin + 1;
  int32_t *to = column->offsets + row + 1;
  for (uint32_t i = 0; i < count; i++) {
    to[i] = base + ends[i];
  }
  return size == 0
             ? OA_OK
             : oa_buf_put(bytes, (const uint8_t *)from->values + first, size);
}

/* Others go row by row, as their values have any length and kind. */
static oa_status put_bodies(const oa_otap_decoder *d, const oa_otap_table *logs,
                            uint32_t begin, uint32_t end, uint32_t base) {
  oa_table *root = &d->builder->root;
  for (uint32_t i = begin; i < end; i++) {
    if (!oa_otap_is_null(&logs->columns[OA_OTAP_LOG_BODY], i)) {
      root->length = base + i;
      OA_TRY(put_body(d, logs, i));
    }
  }
  return OA_OK;
}

static oa_status write_bodies(const oa_otap_decoder *d,
                              const oa_otap_table *logs) {
  oa_table *root = &d->builder->root;
  const uint32_t base = root->length;
  const uint32_t rows =
      oa_otap_has(&logs->columns[OA_OTAP_LOG_BODY]) ? logs->rows : 0;
  for (uint32_t end, at = 0; at < rows; at = end) {
    end = rows - at < SOME_ROWS ? rows : at + SOME_ROWS;
    if (are_texts(logs, at, end)) {
      OA_TRY(put_texts(root, logs, at, end, base + at));
    } else {
      OA_TRY(put_bodies(d, logs, at, end, base));
    }
  }
  root->length = base;
  return OA_OK;
}

static oa_status write_columns(const oa_otap_decoder *d,
                               const oa_otap_table *logs) {
  OA_TRY(oa_otap_copy_times(d, logs, OA_OTAP_LOG_TIME, OA_LOG_COL_TIME));
  OA_TRY(oa_otap_copy_times(d, logs, OA_OTAP_LOG_OBSERVED_TIME,
                            OA_LOG_COL_OBSERVED_TIME));
  OA_TRY(oa_otap_copy_u32s(d, logs, OA_OTAP_LOG_SEVERITY_NUMBER,
                           OA_LOG_COL_SEVERITY_NUMBER));
  OA_TRY(oa_otap_copy_texts(d, logs, OA_OTAP_LOG_SEVERITY_TEXT,
                            OA_LOG_COL_SEVERITY_TEXT));
  OA_TRY(oa_otap_copy_texts(d, logs, OA_OTAP_LOG_EVENT_NAME,
                            OA_LOG_COL_EVENT_NAME));
  OA_TRY(oa_otap_copy_u32s(d, logs, OA_OTAP_LOG_DROPPED_ATTRIBUTES,
                           OA_LOG_COL_DROPPED_ATTRIBUTES));
  OA_TRY(oa_otap_copy_u32s(d, logs, OA_OTAP_LOG_FLAGS, OA_LOG_COL_FLAGS));
  oa_otap_copy_ids(d, logs, OA_OTAP_LOG_TRACE_ID, OA_LOG_COL_TRACE_ID);
  oa_otap_copy_ids(d, logs, OA_OTAP_LOG_SPAN_ID, OA_LOG_COL_SPAN_ID);
  return write_bodies(d, logs);
}

oa_status oa_otap_decode_logs(const oa_otap_decoder *d,
                              const oa_otap_table *logs) {
  oa_otlp_builder *b = d->builder;
  oa_otap_ids ids;
  oa_otap_attrs attrs;
  OA_TRY(oa_otap_ids_index(logs, OA_OTAP_ID, d->scratch, &ids, d->error));
  OA_TRY(oa_otap_attrs_read(d, OA_PAYLOAD_LOG_ATTRS, &b->attributes, &ids,
                            logs->rows, &attrs));
  OA_TRY(oa_table_reserve_rows(&b->root, logs->rows));
  OA_TRY(oa_otap_attrs_write(d, &b->attributes, &attrs, 1, &b->root,
                             oa_builder_column(b, OA_LOG_COL_ATTRIBUTES),
                             b->root.length, logs->rows, NULL));
  OA_TRY(write_columns(d, logs));
  OA_TRY(oa_otap_fill_owners(d, logs, NULL));
  d->result->accepted += logs->rows;
  return OA_OK;
}
