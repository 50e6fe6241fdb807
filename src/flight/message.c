/* SPDX-License-Identifier: Apache-2.0 */
#include "flight/message.h"

#include <string.h>

/* Field numbers of Flight.proto. */
enum {
  DESCRIPTOR_TYPE = 1,
  DESCRIPTOR_CMD = 2,
  DESCRIPTOR_PATH = 3,

  DATA_DESCRIPTOR = 1,
  DATA_HEADER = 2,
  DATA_METADATA = 3,
  DATA_BODY = 1000,

  ACTION_TYPE = 1,
  ACTION_BODY = 2,

  HANDSHAKE_PAYLOAD = 2,

  INFO_SCHEMA = 1,
  INFO_DESCRIPTOR = 2,
  INFO_ENDPOINT = 3,
  INFO_RECORDS = 4,
  INFO_BYTES = 5,

  ENDPOINT_TICKET = 1,

  ONLY_FIELD = 1, /* of Ticket, Criteria, SchemaResult, PutResult, Result */
};

/* Reads the fields of a message that are bytes: field NUMBERS[i] into OUT[i].
 * Others are skipped; of one that comes twice the last counts. */
static oa_status read_bytes(oa_cursor cursor, const uint32_t *numbers,
                            oa_cursor *const *out, size_t count) {
  while (!oa_cursor_done(&cursor)) {
    uint32_t tag;
    size_t i = 0;
    OA_TRY(oa_cursor_tag(&cursor, &tag));
    while (i < count && tag != OA_TAG(numbers[i], OA_WIRE_BYTES)) {
      i++;
    }
    OA_TRY(i < count ? oa_cursor_bytes(&cursor, out[i])
                     : oa_cursor_skip(&cursor, tag));
  }
  return OA_OK;
}

/* A message that comes in pieces counts as one: OUT is filled up. */
static oa_status add_descriptor(oa_cursor cursor, oa_flight_descriptor *out) {
  while (!oa_cursor_done(&cursor)) {
    uint32_t tag;
    oa_cursor part;
    OA_TRY(oa_cursor_tag(&cursor, &tag));
    switch (tag) {
      case OA_TAG(DESCRIPTOR_TYPE, OA_WIRE_VARINT):
        OA_TRY(oa_cursor_varint(&cursor, &out->type));
        break;
      case OA_TAG(DESCRIPTOR_CMD, OA_WIRE_BYTES):
        OA_TRY(oa_cursor_bytes(&cursor, &out->cmd));
        break;
      case OA_TAG(DESCRIPTOR_PATH, OA_WIRE_BYTES):
        OA_TRY(oa_cursor_bytes(&cursor, &part));
        if (out->path_count < OA_FLIGHT_MAX_PATH) {
          out->path[out->path_count] = part;
        }
        out->path_count++;
        break;
      default:
        OA_TRY(oa_cursor_skip(&cursor, tag));
        break;
    }
  }
  return OA_OK;
}

oa_status oa_flight_read_descriptor(oa_cursor cursor,
                                    oa_flight_descriptor *out) {
  oa_flight_descriptor descriptor = {0};
  OA_TRY(add_descriptor(cursor, &descriptor));
  *out = descriptor;
  return OA_OK;
}

oa_status oa_flight_read_data(oa_cursor cursor, oa_flight_data *out) {
  oa_flight_data data = {0};
  while (!oa_cursor_done(&cursor)) {
    uint32_t tag;
    oa_cursor part;
    OA_TRY(oa_cursor_tag(&cursor, &tag));
    switch (tag) {
      case OA_TAG(DATA_DESCRIPTOR, OA_WIRE_BYTES):
        OA_TRY(oa_cursor_bytes(&cursor, &part));
        OA_TRY(add_descriptor(part, &data.descriptor));
        data.has_descriptor = true;
        break;
      case OA_TAG(DATA_HEADER, OA_WIRE_BYTES):
        OA_TRY(oa_cursor_bytes(&cursor, &data.header));
        break;
      case OA_TAG(DATA_METADATA, OA_WIRE_BYTES):
        OA_TRY(oa_cursor_bytes(&cursor, &data.metadata));
        break;
      case OA_TAG(DATA_BODY, OA_WIRE_BYTES):
        OA_TRY(oa_cursor_bytes(&cursor, &data.body));
        break;
      default:
        OA_TRY(oa_cursor_skip(&cursor, tag));
        break;
    }
  }
  *out = data;
  return OA_OK;
}

oa_status oa_flight_read_action(oa_cursor cursor, oa_flight_action *out) {
  static const uint32_t numbers[] = {ACTION_TYPE, ACTION_BODY};
  oa_flight_action action = {0};
  oa_cursor *const fields[] = {&action.type, &action.body};
  OA_TRY(read_bytes(cursor, numbers, fields, 2));
  *out = action;
  return OA_OK;
}

oa_status oa_flight_read_opaque(oa_cursor cursor, oa_cursor *out) {
  static const uint32_t number = ONLY_FIELD;
  oa_cursor bytes = {0};
  oa_cursor *const field = &bytes;
  OA_TRY(read_bytes(cursor, &number, &field, 1));
  *out = bytes;
  return OA_OK;
}

oa_status oa_flight_read_handshake(oa_cursor cursor, oa_cursor *payload) {
  static const uint32_t number = HANDSHAKE_PAYLOAD;
  oa_cursor bytes = {0};
  oa_cursor *const field = &bytes;
  OA_TRY(read_bytes(cursor, &number, &field, 1));
  *payload = bytes;
  return OA_OK;
}

bool oa_flight_is(oa_cursor bytes, const char *text) {
  const size_t len = strlen(text);
  return oa_cursor_left(&bytes) == len &&
         (len == 0 || memcmp(bytes.at, text, len) == 0);
}

/* --- writing --- */

static void put_text(oa_emit *emit, uint32_t field, const char *text) {
  oa_emit_bytes(emit, field, (const uint8_t *)text, strlen(text));
}

static void put_buf(oa_emit *emit, uint32_t field, const oa_buf *buf) {
  oa_emit_bytes_set(emit, field, buf->data, buf->len);
}

void oa_flight_write_data(oa_emit *emit, const uint8_t *header,
                          size_t header_len, size_t body_len) {
  oa_emit_bytes(emit, DATA_HEADER, header, header_len);
  if (body_len == 0) {
    return;
  }
  uint8_t *at = oa_emit_room(emit, OA_EMIT_TAG_MAX + OA_EMIT_VARINT_MAX);
  if (at != NULL) {
    at = oa_tag_write(at, DATA_BODY, OA_WIRE_BYTES);
    oa_emit_wrote(emit, oa_varint_write(at, body_len));
  }
}

void oa_flight_info_open(oa_emit *emit, const oa_buf *schema,
                         const char *const *path, size_t path_count) {
  put_buf(emit, INFO_SCHEMA, schema);
  const oa_emit_nest descriptor = oa_emit_open(emit, INFO_DESCRIPTOR, 1);
  oa_emit_varint(emit, DESCRIPTOR_TYPE, OA_FLIGHT_PATH);
  for (size_t i = 0; i < path_count; i++) {
    put_text(emit, DESCRIPTOR_PATH, path[i]);
  }
  oa_emit_close(emit, descriptor);
}

void oa_flight_info_endpoint(oa_emit *emit, const char *ticket) {
  const oa_emit_nest endpoint = oa_emit_open(emit, INFO_ENDPOINT, 1);
  const oa_emit_nest inner = oa_emit_open(emit, ENDPOINT_TICKET, 1);
  put_text(emit, ONLY_FIELD, ticket);
  oa_emit_close(emit, inner);
  oa_emit_close(emit, endpoint);
}

void oa_flight_info_close(oa_emit *emit, int64_t records, int64_t size) {
  oa_emit_varint_set(emit, INFO_RECORDS, (uint64_t)records);
  oa_emit_varint_set(emit, INFO_BYTES, (uint64_t)size);
}

void oa_flight_write_schema_result(oa_emit *emit, const oa_buf *schema) {
  put_buf(emit, ONLY_FIELD, schema);
}

void oa_flight_write_put_result(oa_emit *emit, const oa_buf *metadata) {
  put_buf(emit, ONLY_FIELD, metadata);
}

void oa_flight_write_result(oa_emit *emit, const uint8_t *body, size_t len) {
  oa_emit_bytes_set(emit, ONLY_FIELD, body, len);
}

void oa_flight_write_action_type(oa_emit *emit, const char *type,
                                 const char *description) {
  put_text(emit, ACTION_TYPE, type);
  put_text(emit, ACTION_BODY, description);
}

void oa_flight_write_handshake(oa_emit *emit, const uint8_t *payload,
                               size_t len) {
  oa_emit_bytes_set(emit, HANDSHAKE_PAYLOAD, payload, len);
}
