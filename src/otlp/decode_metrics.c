/* SPDX-License-Identifier: Apache-2.0 */
/* Metrics: one row for each data point (opentelemetry-proto,
 * metrics/v1/metrics.proto). */
#include "otlp/builder_impl.h"
#include "otlp/points_impl.h"

enum {
  TAG_NAME = OA_TAG(1, OA_WIRE_BYTES),
  TAG_DESCRIPTION = OA_TAG(2, OA_WIRE_BYTES),
  TAG_UNIT = OA_TAG(3, OA_WIRE_BYTES),
  TAG_GAUGE = OA_TAG(5, OA_WIRE_BYTES),
  TAG_SUM = OA_TAG(7, OA_WIRE_BYTES),
  TAG_HISTOGRAM = OA_TAG(9, OA_WIRE_BYTES),
  TAG_EXP_HISTOGRAM = OA_TAG(10, OA_WIRE_BYTES),
  TAG_SUMMARY = OA_TAG(11, OA_WIRE_BYTES),
  TAG_METADATA = OA_TAG(12, OA_WIRE_BYTES),
};

typedef struct metric {
  oa_cursor name, description, unit;
  oa_cursor data; /* from the data oneof's first piece that counts on */
  uint32_t data_tag;
  oa_cursor metadata; /* from its first piece to its last; none when empty */
  uint8_t type;
  uint64_t temporality, monotonic;
  uint32_t points; /* stored so far */
} metric;

/* The fields of the metric itself: its points come in a second pass, as
 * only then is it known which of the oneof's kinds counts. */
static oa_status read_metric(metric *m, oa_cursor cursor) {
  while (!oa_cursor_done(&cursor)) {
    const uint8_t *at = cursor.at;
    oa_cursor ignored;
    uint32_t tag;
    OA_TRY(oa_cursor_tag(&cursor, &tag));
    switch (tag) {
      case TAG_NAME:
        OA_TRY(oa_cursor_bytes(&cursor, &m->name));
        break;
      case TAG_DESCRIPTION:
        OA_TRY(oa_cursor_bytes(&cursor, &m->description));
        break;
      case TAG_UNIT:
        OA_TRY(oa_cursor_bytes(&cursor, &m->unit));
        break;
      case TAG_GAUGE:
      case TAG_SUM:
      case TAG_HISTOGRAM:
      case TAG_EXP_HISTOGRAM:
      case TAG_SUMMARY:
        OA_TRY(oa_cursor_bytes(&cursor, &ignored));
        if (tag != m->data_tag) {
          m->data_tag = tag;
          m->data.at = at;
        }
        break;
      case TAG_METADATA:
        OA_TRY(oa_cursor_bytes(&cursor, &ignored));
        m->metadata.at = m->metadata.at == NULL ? at : m->metadata.at;
        m->metadata.end = cursor.at;
        break;
      default:
        OA_TRY(oa_cursor_skip(&cursor, tag));
    }
  }
  m->data.end = cursor.end;
  return OA_OK;
}

/* The path from a metric to its points. */
static const char *point_list(uint32_t data_tag) {
  switch (data_tag) {
    case TAG_SUM:
      return "sum.data_points";
    case TAG_HISTOGRAM:
      return "histogram.data_points";
    case TAG_EXP_HISTOGRAM:
      return "exponential_histogram.data_points";
    case TAG_SUMMARY:
      return "summary.data_points";
    default:
      return "gauge.data_points";
  }
}

static uint8_t metric_type(uint32_t data_tag) {
  switch (data_tag) {
    case TAG_GAUGE:
      return OA_METRIC_GAUGE;
    case TAG_SUM:
      return OA_METRIC_SUM;
    case TAG_HISTOGRAM:
      return OA_METRIC_HISTOGRAM;
    case TAG_EXP_HISTOGRAM:
      return OA_METRIC_EXP_HISTOGRAM;
    case TAG_SUMMARY:
      return OA_METRIC_SUMMARY;
    default:
      return OA_METRIC_NONE;
  }
}

/* The metric's metadata as the list of the row to come. */
static oa_status put_metadata(oa_otlp_builder *b, const metric *m) {
  oa_attrs *attrs = &b->attributes_3;
  const uint32_t before = attrs->table->length;
  oa_cursor cursor = m->metadata;

  /* Every point repeats it: some bytes more in a request must not cost memory
   * by their number times that of the points. */
  if (oa_cursor_left(&cursor) > b->metadata_left) {
    return oa_builder_reject(b,
                             "the metric's metadata, once for each of its "
                             "points, is too long");
  }
  b->metadata_left -= oa_cursor_left(&cursor);
  while (!oa_cursor_done(&cursor)) {
    oa_cursor entry;
    uint32_t tag;
    OA_TRY(oa_cursor_tag(&cursor, &tag));
    if (tag != TAG_METADATA) {
      OA_TRY(oa_cursor_skip(&cursor, tag));
      continue;
    }
    OA_TRY(oa_cursor_bytes(&cursor, &entry));
    OA_TRY(oa_attrs_put(b, attrs, attrs->table->length, entry));
  }
  oa_put_list_since(&b->root, oa_builder_column(b, OA_POINT_METADATA), before);
  return OA_OK;
}

static oa_status decode_point(oa_otlp_builder *b, metric *m, oa_cursor cursor) {
  const uint32_t attributes = b->attributes.table->length;
  oa_status status;

  OA_TRY(oa_table_reserve(&b->root));
  b->levels = OA_LEVEL_POINT;
  switch (m->type) {
    case OA_METRIC_HISTOGRAM:
      status = oa_decode_histogram_point(b, cursor);
      break;
    case OA_METRIC_EXP_HISTOGRAM:
      status = oa_decode_exp_histogram_point(b, cursor);
      break;
    case OA_METRIC_SUMMARY:
      status = oa_decode_summary_point(b, cursor);
      break;
    default:
      status = oa_decode_number_point(b, cursor);
      break;
  }
  if (status == OA_OK) {
    status = oa_attrs_check(b, &b->attributes, attributes);
  }
  b->levels = OA_LEVEL_RECORD;
  if (status == OA_OK) {
    status = put_metadata(b, m);
  }
  if (status == OA_RECORD_REJECTED) {
    oa_builder_cut(b, b->root.length);
    b->result->rejected++;
    return OA_OK;
  }
  OA_TRY(status);
  oa_put_u32(&b->root, oa_builder_column(b, OA_POINT_POINT_ORD), m->points++);
  b->root.length++;
  b->result->accepted++;
  return OA_OK;
}

/* One piece of the data oneof. */
static oa_status decode_data(oa_otlp_builder *b, metric *m, oa_cursor cursor) {
  while (!oa_cursor_done(&cursor)) {
    oa_cursor point;
    uint32_t tag;
    OA_TRY(oa_cursor_tag(&cursor, &tag));
    switch (tag) {
      case OA_TAG(1, OA_WIRE_BYTES):
        OA_TRY(oa_cursor_bytes(&cursor, &point));
        OA_TRY(decode_point(b, m, point));
        b->index[OA_LEVEL_RECORD]++;
        break;
      case OA_TAG(2, OA_WIRE_VARINT):
        OA_TRY(oa_cursor_varint(&cursor, &m->temporality));
        break;
      case OA_TAG(3, OA_WIRE_VARINT):
        OA_TRY(oa_cursor_varint(&cursor, &m->monotonic));
        break;
      default:
        OA_TRY(oa_cursor_skip(&cursor, tag));
    }
  }
  return OA_OK;
}

static oa_status decode_pieces(oa_otlp_builder *b, metric *m) {
  oa_cursor cursor = m->data;
  while (m->data_tag != 0 && !oa_cursor_done(&cursor)) {
    oa_cursor piece;
    uint32_t tag;
    OA_TRY(oa_cursor_tag(&cursor, &tag));
    if (tag != m->data_tag) {
      OA_TRY(oa_cursor_skip(&cursor, tag));
      continue;
    }
    OA_TRY(oa_cursor_bytes(&cursor, &piece));
    OA_TRY(decode_data(b, m, piece));
  }
  return OA_OK;
}

/* A metric without points is a row too, with null for point_ord. */
static oa_status put_empty_metric(oa_otlp_builder *b, const metric *m) {
  OA_TRY(oa_table_reserve(&b->root));
  const oa_status status = put_metadata(b, m);
  if (status == OA_RECORD_REJECTED) {
    oa_builder_cut(b, b->root.length);
    return OA_OK;
  }
  OA_TRY(status);
  b->root.length++;
  return OA_OK;
}

static void fill_text(oa_otlp_builder *b, size_t column, uint32_t from,
                      oa_cursor text, bool required) {
  if (required || !oa_cursor_done(&text)) {
    oa_column *to = oa_builder_column(b, column);
    const int32_t number =
        oa_column_intern(&b->root, to, text.at, oa_cursor_left(&text));
    if (number >= 0) {
      oa_fill_u32(&b->root, to, from, (uint32_t)number);
    }
  }
}

/* What all rows of a metric have in common. */
static void fill_metric(oa_otlp_builder *b, const metric *m, uint32_t from) {
  oa_table *root = &b->root;
  oa_column *column = root->columns;

  fill_text(b, OA_POINT_METRIC_NAME, from, m->name, true);
  fill_text(b, OA_POINT_DESCRIPTION, from, m->description, false);
  fill_text(b, OA_POINT_UNIT, from, m->unit, false);
  oa_fill_u64(root, &column[OA_POINT_METRIC_ORD], from, b->metric_ord++);
  oa_fill_u8(root, &column[OA_POINT_METRIC_TYPE], from, m->type);
  if (m->type == OA_METRIC_SUM || m->type == OA_METRIC_HISTOGRAM ||
      m->type == OA_METRIC_EXP_HISTOGRAM) {
    oa_fill_u32(root, &column[OA_POINT_TEMPORALITY], from,
                (uint32_t)m->temporality);
  }
  if (m->type == OA_METRIC_SUM) {
    oa_fill_bool(root, &column[OA_POINT_IS_MONOTONIC], from, m->monotonic != 0);
  }
}

oa_status oa_decode_metric(oa_otlp_builder *b, oa_cursor cursor) {
  const uint32_t from = b->root.length;
  const uint64_t rejected = b->result->rejected;
  metric m = {0};

  OA_TRY(read_metric(&m, cursor));
  m.type = metric_type(m.data_tag);
  b->point_list = point_list(m.data_tag);
  b->index[OA_LEVEL_RECORD] = 0;
  OA_TRY(decode_pieces(b, &m));
  if (b->root.length == from && b->result->rejected == rejected) {
    OA_TRY(put_empty_metric(b, &m));
  }
  if (b->root.length > from) {
    fill_metric(b, &m, from);
  }
  return OA_OK;
}
