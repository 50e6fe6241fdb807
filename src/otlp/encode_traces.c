/* SPDX-License-Identifier: Apache-2.0 */
#include "otlp/encode_impl.h"

/* trace.v1.Span, .Event, .Link and .Status. */
enum {
  SCOPE_SPANS = 2,
  SPAN_TRACE_ID = 1,
  SPAN_SPAN_ID = 2,
  SPAN_TRACE_STATE = 3,
  SPAN_PARENT_SPAN_ID = 4,
  SPAN_NAME = 5,
  SPAN_KIND = 6,
  SPAN_START_TIME = 7,
  SPAN_END_TIME = 8,
  SPAN_ATTRIBUTES = 9,
  SPAN_DROPPED_ATTRIBUTES = 10,
  SPAN_EVENTS = 11,
  SPAN_DROPPED_EVENTS = 12,
  SPAN_LINKS = 13,
  SPAN_DROPPED_LINKS = 14,
  SPAN_STATUS = 15,
  SPAN_FLAGS = 16,
  EVENT_TIME = 1,
  EVENT_NAME = 2,
  EVENT_ATTRIBUTES = 3,
  EVENT_DROPPED_ATTRIBUTES = 4,
  LINK_TRACE_ID = 1,
  LINK_SPAN_ID = 2,
  LINK_TRACE_STATE = 3,
  LINK_ATTRIBUTES = 4,
  LINK_DROPPED_ATTRIBUTES = 5,
  LINK_FLAGS = 6,
  STATUS_MESSAGE = 2,
  STATUS_CODE = 3
};

static oa_status encode_events(oa_encoder *encoder, const oa_array *list,
                               int64_t row) {
  oa_emit *emit = &encoder->emit;
  int64_t at;
  int64_t end;

  oa_array_range(list, row, &at, &end);
  for (; at < end; at++) {
    const oa_array *fields = list->children->children;
    const oa_emit_nest nest = oa_emit_open(emit, SPAN_EVENTS, OA_WIDTH_SMALL);
    oa_encode_time(encoder, EVENT_TIME, &fields[OA_EVENT_TIME], at);
    oa_encode_text(encoder, EVENT_NAME, &fields[OA_EVENT_NAME], at);
    OA_TRY(oa_encode_attributes(encoder, EVENT_ATTRIBUTES,
                                &fields[OA_EVENT_ATTRIBUTES], at));
    oa_emit_varint_set(emit, EVENT_DROPPED_ATTRIBUTES,
                       oa_u32_at(&fields[OA_EVENT_DROPPED_ATTRIBUTES], at));
    oa_emit_close(emit, nest);
  }
  return OA_OK;
}

static oa_status encode_links(oa_encoder *encoder, const oa_array *list,
                              int64_t row) {
  oa_emit *emit = &encoder->emit;
  int64_t at;
  int64_t end;

  oa_array_range(list, row, &at, &end);
  for (; at < end; at++) {
    const oa_array *fields = list->children->children;
    const oa_emit_nest nest = oa_emit_open(emit, SPAN_LINKS, OA_WIDTH_SMALL);
    oa_encode_id(encoder, LINK_TRACE_ID, &fields[OA_LINK_TRACE_ID], at, 16);
    oa_encode_id(encoder, LINK_SPAN_ID, &fields[OA_LINK_SPAN_ID], at, 8);
    oa_encode_text(encoder, LINK_TRACE_STATE, &fields[OA_LINK_TRACE_STATE], at);
    OA_TRY(oa_encode_attributes(encoder, LINK_ATTRIBUTES,
                                &fields[OA_LINK_ATTRIBUTES], at));
    oa_emit_varint_set(emit, LINK_DROPPED_ATTRIBUTES,
                       oa_u32_at(&fields[OA_LINK_DROPPED_ATTRIBUTES], at));
    oa_emit_fixed32_set(emit, LINK_FLAGS,
                        oa_u32_at(&fields[OA_LINK_FLAGS], at));
    oa_emit_close(emit, nest);
  }
  return OA_OK;
}

/* The code says whether there is a Status at all. */
static void encode_status(oa_encoder *encoder, int64_t row) {
  const oa_array *code = &encoder->columns[OA_SPAN_STATUS_CODE];
  oa_emit *emit = &encoder->emit;

  if (oa_array_is_null(code, row)) {
    return;
  }
  const oa_emit_nest nest = oa_emit_open(emit, SPAN_STATUS, OA_WIDTH_SMALL);
  oa_encode_text(encoder, STATUS_MESSAGE,
                 &encoder->columns[OA_SPAN_STATUS_MESSAGE], row);
  oa_emit_varint_set(emit, STATUS_CODE, oa_i32_at(code, row));
  oa_emit_close(emit, nest);
}

oa_status oa_encode_span(oa_encoder *encoder, int64_t row) {
  const oa_array *columns = encoder->columns;
  oa_emit *emit = &encoder->emit;

  const oa_emit_nest nest = oa_emit_open(emit, SCOPE_SPANS, OA_WIDTH_ITEM);
  oa_encode_id(encoder, SPAN_TRACE_ID, &columns[OA_SPAN_TRACE_ID], row, 16);
  oa_encode_id(encoder, SPAN_SPAN_ID, &columns[OA_SPAN_SPAN_ID], row, 8);
  oa_encode_text(encoder, SPAN_TRACE_STATE, &columns[OA_SPAN_TRACE_STATE], row);
  oa_encode_id(encoder, SPAN_PARENT_SPAN_ID, &columns[OA_SPAN_PARENT_SPAN_ID],
               row, 8);
  oa_encode_text(encoder, SPAN_NAME, &columns[OA_SPAN_NAME], row);
  oa_emit_varint_set(emit, SPAN_KIND, oa_i32_at(&columns[OA_SPAN_KIND], row));
  oa_encode_time(encoder, SPAN_START_TIME, &columns[OA_SPAN_START_TIME], row);
  oa_encode_time(encoder, SPAN_END_TIME, &columns[OA_SPAN_END_TIME], row);
  OA_TRY(oa_encode_attributes(encoder, SPAN_ATTRIBUTES,
                              &columns[OA_SPAN_ATTRIBUTES], row));
  oa_emit_varint_set(emit, SPAN_DROPPED_ATTRIBUTES,
                     oa_u32_at(&columns[OA_SPAN_DROPPED_ATTRIBUTES], row));
  OA_TRY(encode_events(encoder, &columns[OA_SPAN_EVENTS], row));
  oa_emit_varint_set(emit, SPAN_DROPPED_EVENTS,
                     oa_u32_at(&columns[OA_SPAN_DROPPED_EVENTS], row));
  OA_TRY(encode_links(encoder, &columns[OA_SPAN_LINKS], row));
  oa_emit_varint_set(emit, SPAN_DROPPED_LINKS,
                     oa_u32_at(&columns[OA_SPAN_DROPPED_LINKS], row));
  encode_status(encoder, row);
  oa_emit_fixed32_set(emit, SPAN_FLAGS,
                      oa_u32_at(&columns[OA_SPAN_FLAGS], row));
  oa_emit_close(emit, nest);
  return OA_OK;
}
