/* SPDX-License-Identifier: Apache-2.0 */
/* The frame that the three requests share: ResourceX holds ScopeX holds
 * records.  Field numbers are the same for all signals
 * (opentelemetry-proto, collector/ and trace|metrics|logs v1). */
#include "otlp/builder_impl.h"
#include "otlp/message.h"
#include "otlp/value.h"

typedef oa_status (*decode_record)(oa_otlp_builder *, oa_cursor);

static oa_status decode_level(oa_otlp_builder *builder, oa_cursor cursor,
                              unsigned level, decode_record record);

enum {
  TAG_OWNER = OA_TAG(1, OA_WIRE_BYTES), /* resource, scope */
  TAG_CHILD = OA_TAG(2, OA_WIRE_BYTES), /* scope_x, records */
  TAG_SCHEMA_URL = OA_TAG(3, OA_WIRE_BYTES),
  TAG_RESOURCE_X = OA_TAG(1, OA_WIRE_BYTES),
};

/* Bytes of metrics' metadata that one request may have repeated. */
enum { METADATA_MAX = 64 * 1024 * 1024 };

/* When the owner was rejected its records go with it. */
static oa_status settle(oa_otlp_builder *builder, oa_status status,
                        uint32_t rows, uint64_t accepted) {
  if (status != OA_RECORD_REJECTED) {
    return status;
  }
  oa_builder_cut(builder, rows);
  builder->result->rejected += builder->result->accepted - accepted;
  builder->result->accepted = accepted;
  return OA_OK;
}

/* One child: a ScopeX of a ResourceX, or a record of a ScopeX. */
static oa_status decode_child(oa_otlp_builder *builder, oa_cursor *cursor,
                              unsigned level, decode_record record) {
  oa_cursor bytes;
  OA_TRY(oa_cursor_bytes(cursor, &bytes));
  OA_TRY(level == OA_LEVEL_RESOURCE
             ? decode_level(builder, bytes, OA_LEVEL_SCOPE, record)
             : record(builder, bytes));
  builder->index[level]++;
  return OA_OK;
}

/* Reads a ResourceX or ScopeX, the owner too. */
static oa_status read_level(oa_otlp_builder *builder, oa_cursor cursor,
                            unsigned level, decode_record record,
                            oa_pieces *owner, oa_cursor *url) {
  while (!oa_cursor_done(&cursor)) {
    uint32_t tag;
    OA_TRY(oa_cursor_tag(&cursor, &tag));
    if (tag == TAG_CHILD) {
      OA_TRY(decode_child(builder, &cursor, level, record));
    } else if (tag == TAG_OWNER) {
      OA_TRY(oa_pieces_add(owner, &cursor));
    } else if (tag == TAG_SCHEMA_URL) {
      OA_TRY(oa_cursor_bytes(&cursor, url));
    } else {
      OA_TRY(oa_cursor_skip(&cursor, tag));
    }
  }
  return OA_OK;
}

/* LEVEL is OA_LEVEL_RESOURCE or OA_LEVEL_SCOPE.  The owner may stand behind
 * its records, so the columns that it gives are filled at the end. */
static oa_status decode_level(oa_otlp_builder *builder, oa_cursor cursor,
                              unsigned level, decode_record record) {
  oa_cursor url = {0};
  oa_pieces owner = {0};
  const uint32_t rows = builder->root.length;
  const uint64_t accepted = builder->result->accepted;

  builder->index[level] = 0;
  builder->levels = level + 1;
  oa_status status = read_level(builder, cursor, level, record, &owner, &url);
  builder->levels = level;
  if (status == OA_OK && builder->root.length > rows) {
    status = level == OA_LEVEL_RESOURCE
                 ? oa_builder_fill_resource(builder, rows, owner.bytes,
                                            owner.count > 0, url)
                 : oa_builder_fill_scope(builder, rows, owner.bytes,
                                         owner.count > 0, url);
  }
  oa_buf_free(&owner.joined);
  return settle(builder, status, rows, accepted);
}

static oa_status decode_request(oa_otlp_builder *builder, oa_cursor cursor,
                                decode_record record) {
  builder->index[0] = 0;
  while (!oa_cursor_done(&cursor)) {
    uint32_t tag;
    OA_TRY(oa_cursor_tag(&cursor, &tag));
    if (tag != TAG_RESOURCE_X) {
      OA_TRY(oa_cursor_skip(&cursor, tag));
      continue;
    }
    oa_cursor bytes;
    OA_TRY(oa_cursor_bytes(&cursor, &bytes));
    OA_TRY(decode_level(builder, bytes, OA_LEVEL_RESOURCE, record));
    builder->index[0]++;
  }
  return OA_OK;
}

oa_status oa_otlp_decode(oa_otlp_builder *builder, const uint8_t *bytes,
                         size_t len, oa_otlp_result *result, oa_error *error) {
  static const decode_record records[OA_SIGNAL_COUNT] = {
      [OA_TRACES] = oa_decode_span,
      [OA_METRICS] = oa_decode_metric,
      [OA_LOGS] = oa_decode_log,
  };
  oa_builder_place before = {0};
  oa_builder_keep_place(builder, &before);
  *result = (oa_otlp_result){0};
  builder->result = result;
  oa_builder_begin(builder);
  builder->metadata_left = METADATA_MAX;
  oa_builder_reserve_ords(builder, len);

  const oa_cursor cursor =
      len > 0 ? oa_cursor_over(bytes, len) : (oa_cursor){0};
  oa_status status = decode_request(builder, cursor, records[builder->signal]);
  oa_builder_settle(builder);
  builder->resource_ord++; /* the number between requests */
  builder->result = NULL;
  result->repaired = builder->tree.repaired;
  status = oa_builder_end(builder, status);
  if (status == OA_OK) {
    return OA_OK;
  }
  oa_builder_go_back(builder, &before);
  *result = (oa_otlp_result){0};
  if (status == OA_ERR_TRUNCATED || status == OA_ERR_MALFORMED) {
    oa_message_explain(builder->signal, bytes, len, error);
    return status;
  }
  return oa_error_set(error, status, "%s: %s", oa_signal_name(builder->signal),
                      oa_status_text(status));
}
