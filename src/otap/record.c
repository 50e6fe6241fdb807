/* SPDX-License-Identifier: Apache-2.0 */
#include "otap/record.h"

enum {
  TAG_BATCH_ID = OA_TAG(1, OA_WIRE_VARINT),
  TAG_PAYLOAD = OA_TAG(2, OA_WIRE_BYTES),
  TAG_HEADERS = OA_TAG(3, OA_WIRE_BYTES),
  TAG_SCHEMA_ID = OA_TAG(1, OA_WIRE_BYTES),
  TAG_TYPE = OA_TAG(2, OA_WIRE_VARINT),
  TAG_RECORD = OA_TAG(3, OA_WIRE_BYTES),
};

static oa_status explain(oa_error *error, oa_status status, size_t at) {
  return oa_error_set(error, status, "BatchArrowRecords: %s at byte %zu",
                      oa_status_text(status), at);
}

static oa_status read_fields(oa_otap_record *out, oa_cursor *cursor) {
  while (!oa_cursor_done(cursor)) {
    uint32_t tag;
    uint64_t number;
    oa_cursor payload;
    OA_TRY(oa_cursor_tag(cursor, &tag));
    switch (tag) {
      case TAG_BATCH_ID:
        OA_TRY(oa_cursor_varint(cursor, &number));
        out->batch_id = (int64_t)number;
        break;
      case TAG_PAYLOAD:
        OA_TRY(oa_cursor_bytes(cursor, &payload));
        out->payloads++;
        break;
      case TAG_HEADERS:
        OA_TRY(oa_cursor_bytes(cursor, &out->headers));
        break;
      default:
        OA_TRY(oa_cursor_skip(cursor, tag));
    }
  }
  return OA_OK;
}

oa_status oa_otap_record_read(oa_otap_record *out, const uint8_t *bytes,
                              size_t len, oa_error *error) {
  static const uint8_t nothing[1];
  *out = (oa_otap_record){0};
  out->bytes = oa_cursor_over(len == 0 ? nothing : bytes, len);
  oa_cursor cursor = out->bytes;
  const oa_status status = read_fields(out, &cursor);
  return status == OA_OK
             ? OA_OK
             : explain(error, status, (size_t)(cursor.at - out->bytes.at));
}

static oa_status read_payload(oa_cursor *cursor, oa_otap_payload *out) {
  while (!oa_cursor_done(cursor)) {
    uint32_t tag;
    OA_TRY(oa_cursor_tag(cursor, &tag));
    switch (tag) {
      case TAG_SCHEMA_ID:
        OA_TRY(oa_cursor_bytes(cursor, &out->schema_id));
        break;
      case TAG_TYPE:
        OA_TRY(oa_cursor_varint(cursor, &out->type));
        break;
      case TAG_RECORD:
        OA_TRY(oa_cursor_bytes(cursor, &out->record));
        break;
      default:
        OA_TRY(oa_cursor_skip(cursor, tag));
    }
  }
  return OA_OK;
}

oa_status oa_otap_record_next(oa_cursor *cursor, oa_otap_payload *out,
                              oa_error *error) {
  while (!oa_cursor_done(cursor)) {
    uint32_t tag;
    OA_TRY(oa_cursor_tag(cursor, &tag));
    if (tag != TAG_PAYLOAD) {
      OA_TRY(oa_cursor_skip(cursor, tag));
      continue;
    }
    oa_cursor payload;
    OA_TRY(oa_cursor_bytes(cursor, &payload));
    const uint8_t *start = payload.at;
    *out = (oa_otap_payload){0};
    out->schema_id = out->record = (oa_cursor){start, start};
    const oa_status status = read_payload(&payload, out);
    return status == OA_OK
               ? OA_OK
               : oa_error_set(error, status,
                              "BatchArrowRecords: %s at byte %zu of a payload",
                              oa_status_text(status),
                              (size_t)(payload.at - start));
  }
  return OA_END;
}
