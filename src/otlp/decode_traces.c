/* SPDX-License-Identifier: Apache-2.0 */
/* Spans (opentelemetry-proto, trace/v1/trace.proto). */
#include "otlp/builder_impl.h"

typedef struct span {
  oa_cursor trace_id, span_id, parent_span_id, trace_state, name, message;
  uint64_t start, end, kind, code;
  uint64_t dropped_attributes, dropped_events, dropped_links;
  uint32_t flags;
  bool has_status;
  uint32_t attributes, events, links; /* child rows before this span */
} span;

static oa_status decode_event(oa_otlp_builder *b, oa_cursor cursor) {
  oa_column *list = oa_builder_column(b, OA_SPAN_EVENTS);
  oa_table *table = list->child;
  oa_column *column = table->columns;
  oa_attrs *attrs = &b->attributes_2;
  const uint32_t before = attrs->table->length;
  uint64_t time = 0;
  uint64_t dropped = 0;
  oa_cursor name = {0};
  oa_cursor bytes;
  uint32_t tag;

  OA_TRY(oa_table_reserve(table));
  while (!oa_cursor_done(&cursor)) {
    OA_TRY(oa_cursor_tag(&cursor, &tag));
    switch (tag) {
      case OA_TAG(1, OA_WIRE_FIXED64):
        OA_TRY(oa_cursor_fixed64(&cursor, &time));
        break;
      case OA_TAG(2, OA_WIRE_BYTES):
        OA_TRY(oa_cursor_bytes(&cursor, &name));
        break;
      case OA_TAG(3, OA_WIRE_BYTES):
        OA_TRY(oa_cursor_bytes(&cursor, &bytes));
        OA_TRY(oa_attrs_put(b, attrs, before, bytes));
        break;
      case OA_TAG(4, OA_WIRE_VARINT):
        OA_TRY(oa_cursor_varint(&cursor, &dropped));
        break;
      default:
        OA_TRY(oa_cursor_skip(&cursor, tag));
    }
  }
  OA_TRY(oa_attrs_check(b, attrs, before));
  oa_put_time(table, &column[OA_EVENT_TIME], time);
  oa_put_text(table, &column[OA_EVENT_NAME], name.at, oa_cursor_left(&name));
  oa_put_list_since(table, &column[OA_EVENT_ATTRIBUTES], before);
  oa_put_u32_unless_zero(table, &column[OA_EVENT_DROPPED_ATTRIBUTES],
                         (uint32_t)dropped);
  table->length++;
  return OA_OK;
}

static oa_status decode_link(oa_otlp_builder *b, oa_cursor cursor) {
  oa_column *list = oa_builder_column(b, OA_SPAN_LINKS);
  oa_table *table = list->child;
  oa_column *column = table->columns;
  oa_attrs *attrs = &b->attributes_3;
  const uint32_t before = attrs->table->length;
  uint64_t dropped = 0;
  uint32_t flags = 0;
  oa_cursor trace_id = {0};
  oa_cursor span_id = {0};
  oa_cursor trace_state = {0};
  oa_cursor bytes;
  uint32_t tag;

  OA_TRY(oa_table_reserve(table));
  while (!oa_cursor_done(&cursor)) {
    OA_TRY(oa_cursor_tag(&cursor, &tag));
    switch (tag) {
      case OA_TAG(1, OA_WIRE_BYTES):
        OA_TRY(oa_cursor_bytes(&cursor, &trace_id));
        break;
      case OA_TAG(2, OA_WIRE_BYTES):
        OA_TRY(oa_cursor_bytes(&cursor, &span_id));
        break;
      case OA_TAG(3, OA_WIRE_BYTES):
        OA_TRY(oa_cursor_bytes(&cursor, &trace_state));
        break;
      case OA_TAG(4, OA_WIRE_BYTES):
        OA_TRY(oa_cursor_bytes(&cursor, &bytes));
        OA_TRY(oa_attrs_put(b, attrs, before, bytes));
        break;
      case OA_TAG(5, OA_WIRE_VARINT):
        OA_TRY(oa_cursor_varint(&cursor, &dropped));
        break;
      case OA_TAG(6, OA_WIRE_FIXED32):
        OA_TRY(oa_cursor_fixed32(&cursor, &flags));
        break;
      default:
        OA_TRY(oa_cursor_skip(&cursor, tag));
    }
  }
  if (!oa_id_ok(trace_id, OA_TRACE_ID_SIZE) ||
      !oa_id_ok(span_id, OA_SPAN_ID_SIZE)) {
    return oa_builder_reject(
        b, "a link's trace_id and span_id have %zu and %zu bytes, not 16 and 8",
        oa_cursor_left(&trace_id), oa_cursor_left(&span_id));
  }
  OA_TRY(oa_attrs_check(b, attrs, before));
  oa_put_id(table, &column[OA_LINK_TRACE_ID], trace_id, OA_TRACE_ID_SIZE);
  oa_put_id(table, &column[OA_LINK_SPAN_ID], span_id, OA_SPAN_ID_SIZE);
  oa_put_text_if_any(table, &column[OA_LINK_TRACE_STATE], trace_state);
  oa_put_u32_unless_zero(table, &column[OA_LINK_FLAGS], flags);
  oa_put_list_since(table, &column[OA_LINK_ATTRIBUTES], before);
  oa_put_u32_unless_zero(table, &column[OA_LINK_DROPPED_ATTRIBUTES],
                         (uint32_t)dropped);
  table->length++;
  return OA_OK;
}

static oa_status read_status(span *s, oa_cursor cursor) {
  uint32_t tag;
  s->has_status = true;
  while (!oa_cursor_done(&cursor)) {
    OA_TRY(oa_cursor_tag(&cursor, &tag));
    if (tag == OA_TAG(2, OA_WIRE_BYTES)) {
      OA_TRY(oa_cursor_bytes(&cursor, &s->message));
    } else if (tag == OA_TAG(3, OA_WIRE_VARINT)) {
      OA_TRY(oa_cursor_varint(&cursor, &s->code));
    } else {
      OA_TRY(oa_cursor_skip(&cursor, tag));
    }
  }
  return OA_OK;
}

static oa_status read_span(oa_otlp_builder *b, span *s, oa_cursor cursor) {
  oa_cursor bytes;
  uint32_t tag;

  while (!oa_cursor_done(&cursor)) {
    OA_TRY(oa_cursor_tag(&cursor, &tag));
    switch (tag) {
      case OA_TAG(1, OA_WIRE_BYTES):
        OA_TRY(oa_cursor_bytes(&cursor, &s->trace_id));
        break;
      case OA_TAG(2, OA_WIRE_BYTES):
        OA_TRY(oa_cursor_bytes(&cursor, &s->span_id));
        break;
      case OA_TAG(3, OA_WIRE_BYTES):
        OA_TRY(oa_cursor_bytes(&cursor, &s->trace_state));
        break;
      case OA_TAG(4, OA_WIRE_BYTES):
        OA_TRY(oa_cursor_bytes(&cursor, &s->parent_span_id));
        break;
      case OA_TAG(5, OA_WIRE_BYTES):
        OA_TRY(oa_cursor_bytes(&cursor, &s->name));
        break;
      case OA_TAG(6, OA_WIRE_VARINT):
        OA_TRY(oa_cursor_varint(&cursor, &s->kind));
        break;
      case OA_TAG(7, OA_WIRE_FIXED64):
        OA_TRY(oa_cursor_fixed64(&cursor, &s->start));
        break;
      case OA_TAG(8, OA_WIRE_FIXED64):
        OA_TRY(oa_cursor_fixed64(&cursor, &s->end));
        break;
      case OA_TAG(9, OA_WIRE_BYTES):
        OA_TRY(oa_cursor_bytes(&cursor, &bytes));
        OA_TRY(oa_attrs_put(b, &b->attributes, s->attributes, bytes));
        break;
      case OA_TAG(10, OA_WIRE_VARINT):
        OA_TRY(oa_cursor_varint(&cursor, &s->dropped_attributes));
        break;
      case OA_TAG(11, OA_WIRE_BYTES):
        OA_TRY(oa_cursor_bytes(&cursor, &bytes));
        OA_TRY(decode_event(b, bytes));
        break;
      case OA_TAG(12, OA_WIRE_VARINT):
        OA_TRY(oa_cursor_varint(&cursor, &s->dropped_events));
        break;
      case OA_TAG(13, OA_WIRE_BYTES):
        OA_TRY(oa_cursor_bytes(&cursor, &bytes));
        OA_TRY(decode_link(b, bytes));
        break;
      case OA_TAG(14, OA_WIRE_VARINT):
        OA_TRY(oa_cursor_varint(&cursor, &s->dropped_links));
        break;
      case OA_TAG(15, OA_WIRE_BYTES):
        OA_TRY(oa_cursor_bytes(&cursor, &bytes));
        OA_TRY(read_status(s, bytes));
        break;
      case OA_TAG(16, OA_WIRE_FIXED32):
        OA_TRY(oa_cursor_fixed32(&cursor, &s->flags));
        break;
      default:
        OA_TRY(oa_cursor_skip(&cursor, tag));
    }
  }
  if (!oa_id_ok(s->trace_id, OA_TRACE_ID_SIZE)) {
    return oa_builder_reject(b, "trace_id has %zu bytes, not 16",
                             oa_cursor_left(&s->trace_id));
  }
  if (!oa_id_ok(s->span_id, OA_SPAN_ID_SIZE) ||
      !oa_id_ok(s->parent_span_id, OA_SPAN_ID_SIZE)) {
    return oa_builder_reject(
        b, "span_id and parent_span_id have %zu and %zu bytes, not 8",
        oa_cursor_left(&s->span_id), oa_cursor_left(&s->parent_span_id));
  }
  return oa_attrs_check(b, &b->attributes, s->attributes);
}

static void put_span(oa_otlp_builder *b, const span *s) {
  oa_table *table = &b->root;
  oa_column *column = table->columns;

  oa_put_id(table, &column[OA_SPAN_TRACE_ID], s->trace_id, OA_TRACE_ID_SIZE);
  oa_put_id(table, &column[OA_SPAN_SPAN_ID], s->span_id, OA_SPAN_ID_SIZE);
  oa_put_id(table, &column[OA_SPAN_PARENT_SPAN_ID], s->parent_span_id,
            OA_SPAN_ID_SIZE);
  oa_put_text_if_any(table, &column[OA_SPAN_TRACE_STATE], s->trace_state);
  oa_put_u32_unless_zero(table, &column[OA_SPAN_FLAGS], s->flags);
  oa_put_text(table, &column[OA_SPAN_NAME], s->name.at,
              oa_cursor_left(&s->name));
  oa_put_u32_unless_zero(table, &column[OA_SPAN_KIND], (uint32_t)s->kind);
  oa_put_time(table, &column[OA_SPAN_START_TIME], s->start);
  oa_put_time(table, &column[OA_SPAN_END_TIME], s->end);
  if (s->has_status) {
    oa_put_u32(table, &column[OA_SPAN_STATUS_CODE], (uint32_t)s->code);
    oa_put_text_if_any(table, &column[OA_SPAN_STATUS_MESSAGE], s->message);
  }
  oa_put_list_since(table, &column[OA_SPAN_ATTRIBUTES], s->attributes);
  oa_put_u32_unless_zero(table, &column[OA_SPAN_DROPPED_ATTRIBUTES],
                         (uint32_t)s->dropped_attributes);
  oa_put_list_since(table, &column[OA_SPAN_EVENTS], s->events);
  oa_put_u32_unless_zero(table, &column[OA_SPAN_DROPPED_EVENTS],
                         (uint32_t)s->dropped_events);
  oa_put_list_since(table, &column[OA_SPAN_LINKS], s->links);
  oa_put_u32_unless_zero(table, &column[OA_SPAN_DROPPED_LINKS],
                         (uint32_t)s->dropped_links);
  table->length++;
}

oa_status oa_decode_span(oa_otlp_builder *b, oa_cursor cursor) {
  span s = {
      .attributes = b->attributes.table->length,
      .events = oa_builder_column(b, OA_SPAN_EVENTS)->child->length,
      .links = oa_builder_column(b, OA_SPAN_LINKS)->child->length,
  };
  OA_TRY(oa_table_reserve(&b->root));
  const oa_status status = read_span(b, &s, cursor);
  if (status == OA_RECORD_REJECTED) {
    oa_builder_cut(b, b->root.length);
    b->result->rejected++;
    return OA_OK;
  }
  OA_TRY(status);
  put_span(b, &s);
  b->result->accepted++;
  return OA_OK;
}
