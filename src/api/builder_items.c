/* SPDX-License-Identifier: Apache-2.0 */
/* Resources, scopes, spans and log records: resource.proto, common.proto,
 * trace.proto and logs.proto. */
#include "api/builder_impl.h"

enum { TRACE_ID = 16, SPAN_ID = 8 };

/* --- resources and scopes --- */

/* The message of what all records have in common, in FRAME's own. */
static void open_owner(oa_builder *b, oa_frame *frame, oa_str schema_url) {
  enum { SCHEMA_URL = 3, OWNER = 1 };
  uint8_t *at = oa_builder_room(b, OA_FIELD_BYTES + schema_url.len);
  if (at != NULL) {
    oa_emit_wrote(&b->emit, oa_field_text(at, SCHEMA_URL, schema_url));
    oa_builder_nest(b, frame, OWNER);
  }
}

void oa_build_resource(oa_builder *b, const oa_resource *resource) {
  enum { DROPPED_ATTRIBUTES = 2 };
  static const oa_resource none = {.size = sizeof none};
  const oa_resource *r = resource == NULL ? &none : resource;
  size_t need = OA_FIELD_VARINT;

  if (!oa_builder_given(b, "oa_resource", r,
                        OA_FIRST_SIZE(oa_resource, dropped_attributes_count)) ||
      !oa_builder_text_ok(b, "schema_url", r->schema_url, &need)) {
    return;
  }
  oa_frame *frame = oa_builder_open(b, OA_FRAME_RESOURCE);
  if (frame == NULL) {
    return;
  }
  open_owner(b, frame, r->schema_url);
  uint8_t *at = oa_builder_room(b, need);
  if (at != NULL) {
    oa_emit_wrote(&b->emit, oa_field_varint(at, DROPPED_ATTRIBUTES,
                                            r->dropped_attributes_count));
  }
}

void oa_build_scope(oa_builder *b, const oa_scope *scope) {
  enum { NAME = 1, VERSION = 2, DROPPED_ATTRIBUTES = 4 };
  const oa_scope *s = scope;
  size_t need = OA_FIELD_VARINT + 2 * OA_FIELD_BYTES;

  if (!oa_builder_ready(b)) {
    return;
  }
  if (s == NULL) {
    (void)oa_builder_open(b, OA_FRAME_SCOPE);
    return;
  }
  if (!oa_builder_given(b, "oa_scope", s,
                        OA_FIRST_SIZE(oa_scope, dropped_attributes_count)) ||
      !oa_builder_text_ok(b, "schema_url", s->schema_url, &need) ||
      !oa_builder_text_ok(b, "name", s->name, &need) ||
      !oa_builder_text_ok(b, "version", s->version, &need)) {
    return;
  }
  oa_frame *frame = oa_builder_open(b, OA_FRAME_SCOPE);
  if (frame == NULL) {
    return;
  }
  open_owner(b, frame, s->schema_url);
  uint8_t *at = oa_builder_room(b, need);
  if (at != NULL) {
    at = oa_field_text(at, NAME, s->name);
    at = oa_field_text(at, VERSION, s->version);
    at = oa_field_varint(at, DROPPED_ATTRIBUTES, s->dropped_attributes_count);
    oa_emit_wrote(&b->emit, at);
  }
}

/* --- spans --- */

static bool ids_ok(oa_builder *b, const oa_span *s) {
  const bool no_trace = oa_id_is_zero(s->trace_id, TRACE_ID);
  if (no_trace || oa_id_is_zero(s->span_id, SPAN_ID)) {
    oa_builder_refuse(b, OA_ERR_CONFIG, "the %s of a span is all zeros",
                      no_trace ? "trace_id" : "span_id");
    return false;
  }
  return true;
}

static bool span_ok(oa_builder *b, const oa_span *s, size_t *need) {
  return oa_builder_given(b, "oa_span", s,
                          OA_FIRST_SIZE(oa_span, dropped_links_count)) &&
         ids_ok(b, s) &&
         oa_builder_within(b, "the kind of a span", s->kind,
                           OA_SPAN_UNSPECIFIED, OA_SPAN_CONSUMER) &&
         oa_builder_within(b, "the status_code of a span", s->status_code,
                           OA_STATUS_UNSET, OA_STATUS_ERROR) &&
         oa_builder_text_ok(b, "trace_state", s->trace_state, need) &&
         oa_builder_text_ok(b, "name", s->name, need) &&
         oa_builder_text_ok(b, "status_message", s->status_message, need);
}

/* Written also when all is unset, as SDKs do. */
static uint8_t *put_status(uint8_t *at, const oa_span *s) {
  enum { STATUS = 15, MESSAGE = 2, CODE = 3 };
  const size_t message = s->status_message.len;
  const size_t len =
      (message == 0 ? 0 : 1 + oa_varint_size(message) + message) +
      (s->status_code == OA_STATUS_UNSET ? 0 : 2);

  at = oa_tag_write(at, STATUS, OA_WIRE_BYTES);
  at = oa_varint_write(at, len);
  at = oa_field_text(at, MESSAGE, s->status_message);
  return oa_field_varint(at, CODE, s->status_code);
}

void oa_build_span(oa_builder *b, const oa_span *span) {
  enum {
    TRACE = 1,
    SPAN = 2,
    TRACE_STATE = 3,
    PARENT = 4,
    NAME = 5,
    KIND = 6,
    START_TIME = 7,
    END_TIME = 8,
    DROPPED_ATTRIBUTES = 10,
    DROPPED_EVENTS = 12,
    DROPPED_LINKS = 14,
    FLAGS = 16
  };
  const oa_span *s = span;
  size_t need = OA_FIELD_TRACE_ID + 2 * OA_FIELD_SPAN_ID + 4 * OA_FIELD_BYTES +
                2 * OA_FIELD_FIXED64 + 5 * OA_FIELD_VARINT + OA_FIELD_FIXED32;

  if (!span_ok(b, s, &need) || oa_builder_open(b, OA_FRAME_SPAN) == NULL) {
    return;
  }
  uint8_t *at = oa_builder_room(b, need);
  if (at == NULL) {
    return;
  }
  at = oa_field_bytes(at, TRACE, s->trace_id, TRACE_ID);
  at = oa_field_bytes(at, SPAN, s->span_id, SPAN_ID);
  at = oa_field_text(at, TRACE_STATE, s->trace_state);
  at = oa_field_id(at, PARENT, s->parent_span_id, SPAN_ID);
  at = oa_field_text(at, NAME, s->name);
  at = oa_field_varint(at, KIND, s->kind);
  at = oa_field_fixed64(at, START_TIME, s->start_time_unix_nano);
  at = oa_field_fixed64(at, END_TIME, s->end_time_unix_nano);
  at = oa_field_varint(at, DROPPED_ATTRIBUTES, s->dropped_attributes_count);
  at = oa_field_varint(at, DROPPED_EVENTS, s->dropped_events_count);
  at = oa_field_varint(at, DROPPED_LINKS, s->dropped_links_count);
  at = put_status(at, s);
  at = oa_field_fixed32(at, FLAGS, s->flags);
  oa_emit_wrote(&b->emit, at);
}

void oa_build_event(oa_builder *b, uint64_t time_unix_nano, oa_str name,
                    uint32_t dropped_attributes_count) {
  enum { TIME = 1, NAME = 2, DROPPED_ATTRIBUTES = 4 };
  size_t need = OA_FIELD_FIXED64 + OA_FIELD_BYTES + OA_FIELD_VARINT;

  if (!oa_builder_ready(b) || !oa_builder_text_ok(b, "name", name, &need) ||
      oa_builder_open(b, OA_FRAME_EVENT) == NULL) {
    return;
  }
  uint8_t *at = oa_builder_room(b, need);
  if (at != NULL) {
    at = oa_field_fixed64(at, TIME, time_unix_nano);
    at = oa_field_text(at, NAME, name);
    at = oa_field_varint(at, DROPPED_ATTRIBUTES, dropped_attributes_count);
    oa_emit_wrote(&b->emit, at);
  }
}

void oa_build_link(oa_builder *b, const oa_span_link *link) {
  enum {
    TRACE = 1,
    SPAN = 2,
    TRACE_STATE = 3,
    DROPPED_ATTRIBUTES = 5,
    FLAGS = 6
  };
  size_t need = OA_FIELD_TRACE_ID + OA_FIELD_SPAN_ID + OA_FIELD_BYTES +
                OA_FIELD_VARINT + OA_FIELD_FIXED32;

  if (!oa_builder_given(
          b, "oa_span_link", link,
          OA_FIRST_SIZE(oa_span_link, dropped_attributes_count)) ||
      !oa_builder_text_ok(b, "trace_state", link->trace_state, &need) ||
      oa_builder_open(b, OA_FRAME_LINK) == NULL) {
    return;
  }
  uint8_t *at = oa_builder_room(b, need);
  if (at != NULL) {
    at = oa_field_bytes(at, TRACE, link->trace_id, TRACE_ID);
    at = oa_field_bytes(at, SPAN, link->span_id, SPAN_ID);
    at = oa_field_text(at, TRACE_STATE, link->trace_state);
    at =
        oa_field_varint(at, DROPPED_ATTRIBUTES, link->dropped_attributes_count);
    at = oa_field_fixed32(at, FLAGS, link->flags);
    oa_emit_wrote(&b->emit, at);
  }
}

/* --- log records --- */

static bool log_ok(oa_builder *b, const oa_log_record *r, size_t *need) {
  return oa_builder_given(
             b, "oa_log_record", r,
             OA_FIRST_SIZE(oa_log_record, dropped_attributes_count)) &&
         oa_builder_within(b, "the severity_number of a log record",
                           r->severity_number, 0, 24) &&
         oa_builder_text_ok(b, "severity_text", r->severity_text, need) &&
         oa_builder_text_ok(b, "event_name", r->event_name, need);
}

void oa_build_log_record(oa_builder *b, const oa_log_record *record) {
  enum {
    TIME = 1,
    SEVERITY_NUMBER = 2,
    SEVERITY_TEXT = 3,
    DROPPED_ATTRIBUTES = 7,
    FLAGS = 8,
    TRACE = 9,
    SPAN = 10,
    OBSERVED_TIME = 11,
    EVENT_NAME = 12
  };
  const oa_log_record *r = record;
  size_t need = 2 * OA_FIELD_FIXED64 + 2 * OA_FIELD_VARINT +
                2 * OA_FIELD_BYTES + OA_FIELD_FIXED32 + OA_FIELD_TRACE_ID +
                OA_FIELD_SPAN_ID;

  if (!log_ok(b, r, &need) || oa_builder_open(b, OA_FRAME_LOG_RECORD) == NULL) {
    return;
  }
  uint8_t *at = oa_builder_room(b, need);
  if (at == NULL) {
    return;
  }
  at = oa_field_fixed64(at, TIME, r->time_unix_nano);
  at = oa_field_varint(at, SEVERITY_NUMBER, (uint64_t)r->severity_number);
  at = oa_field_text(at, SEVERITY_TEXT, r->severity_text);
  at = oa_field_varint(at, DROPPED_ATTRIBUTES, r->dropped_attributes_count);
  at = oa_field_fixed32(at, FLAGS, r->flags);
  at = oa_field_id(at, TRACE, r->trace_id, TRACE_ID);
  at = oa_field_id(at, SPAN, r->span_id, SPAN_ID);
  at = oa_field_fixed64(at, OBSERVED_TIME, r->observed_time_unix_nano);
  at = oa_field_text(at, EVENT_NAME, r->event_name);
  oa_emit_wrote(&b->emit, at);
}
