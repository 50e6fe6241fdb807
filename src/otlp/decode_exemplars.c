/* SPDX-License-Identifier: Apache-2.0 */
#include "otlp/points_impl.h"

typedef struct sample {
  uint64_t time, value;
  uint32_t value_tag; /* 0 = none */
  oa_cursor span_id, trace_id;
  uint32_t attributes; /* where they begin */
} sample;

static oa_status read_exemplar(oa_otlp_builder *b, sample *e,
                               oa_cursor cursor) {
  oa_attrs *attrs = &b->attributes_2;
  oa_cursor bytes;
  uint32_t tag;

  while (!oa_cursor_done(&cursor)) {
    OA_TRY(oa_cursor_tag(&cursor, &tag));
    switch (tag) {
      case OA_TAG(2, OA_WIRE_FIXED64):
        OA_TRY(oa_cursor_fixed64(&cursor, &e->time));
        break;
      case OA_TAG(3, OA_WIRE_FIXED64):
      case OA_TAG(6, OA_WIRE_FIXED64):
        OA_TRY(oa_cursor_fixed64(&cursor, &e->value));
        e->value_tag = tag;
        break;
      case OA_TAG(4, OA_WIRE_BYTES):
        OA_TRY(oa_cursor_bytes(&cursor, &e->span_id));
        break;
      case OA_TAG(5, OA_WIRE_BYTES):
        OA_TRY(oa_cursor_bytes(&cursor, &e->trace_id));
        break;
      case OA_TAG(7, OA_WIRE_BYTES):
        OA_TRY(oa_cursor_bytes(&cursor, &bytes));
        OA_TRY(oa_attrs_put(b, attrs, e->attributes, bytes));
        break;
      default:
        OA_TRY(oa_cursor_skip(&cursor, tag));
    }
  }
  if (!oa_id_ok(e->trace_id, OA_TRACE_ID_SIZE) ||
      !oa_id_ok(e->span_id, OA_SPAN_ID_SIZE)) {
    return oa_builder_reject(
        b,
        "an exemplar's trace_id and span_id have %zu and %zu bytes, not 16 "
        "and 8",
        oa_cursor_left(&e->trace_id), oa_cursor_left(&e->span_id));
  }
  return OA_OK;
}

oa_status oa_decode_exemplar(oa_otlp_builder *b, oa_cursor cursor) {
  oa_table *table = oa_builder_column(b, OA_POINT_EXEMPLARS)->child;
  oa_column *column = table->columns;
  const uint32_t before = b->attributes_2.table->length;
  sample e = {.attributes = before};

  OA_TRY(oa_table_reserve(table));
  OA_TRY(read_exemplar(b, &e, cursor));
  OA_TRY(oa_attrs_check(b, &b->attributes_2, before));
  oa_put_time(table, &column[OA_EXEMPLAR_TIME], e.time);
  if (e.value_tag == OA_TAG(3, OA_WIRE_FIXED64)) {
    oa_put_u64(table, &column[OA_EXEMPLAR_VALUE_DOUBLE], e.value);
  } else if (e.value_tag != 0) {
    oa_put_u64(table, &column[OA_EXEMPLAR_VALUE_INT], e.value);
  }
  oa_put_id(table, &column[OA_EXEMPLAR_SPAN_ID], e.span_id, OA_SPAN_ID_SIZE);
  oa_put_id(table, &column[OA_EXEMPLAR_TRACE_ID], e.trace_id, OA_TRACE_ID_SIZE);
  oa_put_list_since(table, &column[OA_EXEMPLAR_ATTRIBUTES], before);
  table->length++;
  return OA_OK;
}
