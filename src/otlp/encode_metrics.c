/* SPDX-License-Identifier: Apache-2.0 */
#include "otlp/encode_impl.h"

/* metrics.v1.Metric and what is in it; each kind of point has its own
 * numbers. */
enum {
  SCOPE_METRICS = 2,
  METRIC_NAME = 1,
  METRIC_DESCRIPTION = 2,
  METRIC_UNIT = 3,
  METRIC_METADATA = 12,
  DATA_POINTS = 1, /* in Gauge, Sum, Histogram, ... alike */
  DATA_TEMPORALITY = 2,
  DATA_IS_MONOTONIC = 3,
  BUCKETS_OFFSET = 1,
  BUCKETS_COUNTS = 2,
  QUANTILE_QUANTILE = 1,
  QUANTILE_VALUE = 2,
  EXEMPLAR_TIME = 2,
  EXEMPLAR_AS_DOUBLE = 3,
  EXEMPLAR_SPAN_ID = 4,
  EXEMPLAR_TRACE_ID = 5,
  EXEMPLAR_AS_INT = 6,
  EXEMPLAR_ATTRIBUTES = 7
};

/* Numbers that the points share are the same in all: start_time 2, time 3,
 * count 4 and sum 5. */
enum { POINT_START_TIME = 2, POINT_TIME = 3, POINT_COUNT = 4, POINT_SUM = 5 };

enum {
  NUMBER_AS_DOUBLE = 4,
  NUMBER_EXEMPLARS = 5,
  NUMBER_AS_INT = 6,
  NUMBER_ATTRIBUTES = 7,
  NUMBER_FLAGS = 8
};

enum {
  HISTOGRAM_BUCKET_COUNTS = 6,
  HISTOGRAM_BOUNDS = 7,
  HISTOGRAM_EXEMPLARS = 8,
  HISTOGRAM_ATTRIBUTES = 9,
  HISTOGRAM_FLAGS = 10,
  HISTOGRAM_MIN = 11,
  HISTOGRAM_MAX = 12
};

enum {
  EXP_ATTRIBUTES = 1,
  EXP_SCALE = 6,
  EXP_ZERO_COUNT = 7,
  EXP_POSITIVE = 8,
  EXP_NEGATIVE = 9,
  EXP_FLAGS = 10,
  EXP_EXEMPLARS = 11,
  EXP_MIN = 12,
  EXP_MAX = 13,
  EXP_ZERO_THRESHOLD = 14
};

enum { SUMMARY_QUANTILES = 6, SUMMARY_ATTRIBUTES = 7, SUMMARY_FLAGS = 8 };

/* The member of Metric's oneof `data`, by metric_type; 0 = none. */
static const uint32_t data_field[] = {
    [OA_METRIC_NONE] = 0,
    [OA_METRIC_GAUGE] = 5,
    [OA_METRIC_SUM] = 7,
    [OA_METRIC_HISTOGRAM] = 9,
    [OA_METRIC_EXP_HISTOGRAM] = 10,
    [OA_METRIC_SUMMARY] = 11,
};

static int32_t i32_or_zero(const oa_array *array, int64_t i) {
  const int32_t *values = array->values;
  return values == NULL || oa_array_is_null(array, i) ? 0 : values[i];
}

static oa_status encode_exemplars(oa_encoder *encoder, uint32_t field,
                                  int64_t row) {
  const oa_array *list = &encoder->columns[OA_POINT_EXEMPLARS];
  oa_emit *emit = &encoder->emit;
  int64_t at;
  int64_t end;

  oa_array_range(list, row, &at, &end);
  for (; at < end; at++) {
    const oa_array *fields = list->children->children;
    const oa_emit_nest nest = oa_emit_open(emit, field, OA_WIDTH_SMALL);
    oa_encode_time(encoder, EXEMPLAR_TIME, &fields[OA_EXEMPLAR_TIME], at);
    oa_encode_optional64(encoder, EXEMPLAR_AS_DOUBLE,
                         &fields[OA_EXEMPLAR_VALUE_DOUBLE], at);
    oa_encode_id(encoder, EXEMPLAR_SPAN_ID, &fields[OA_EXEMPLAR_SPAN_ID], at,
                 8);
    oa_encode_id(encoder, EXEMPLAR_TRACE_ID, &fields[OA_EXEMPLAR_TRACE_ID], at,
                 16);
    oa_encode_optional64(encoder, EXEMPLAR_AS_INT,
                         &fields[OA_EXEMPLAR_VALUE_INT], at);
    OA_TRY(oa_encode_attributes(encoder, EXEMPLAR_ATTRIBUTES,
                                &fields[OA_EXEMPLAR_ATTRIBUTES], at));
    oa_emit_close(emit, nest);
  }
  return OA_OK;
}

static void encode_times(oa_encoder *encoder, int64_t row) {
  const oa_array *columns = encoder->columns;
  oa_encode_time(encoder, POINT_START_TIME, &columns[OA_POINT_START_TIME], row);
  oa_encode_time(encoder, POINT_TIME, &columns[OA_POINT_TIME], row);
}

static oa_status encode_number(oa_encoder *encoder, int64_t row) {
  const oa_array *columns = encoder->columns;

  if (!oa_array_is_null(&columns[OA_POINT_VALUE_INT], row) &&
      !oa_array_is_null(&columns[OA_POINT_VALUE_DOUBLE], row)) {
    return oa_encode_refuse(encoder, "value_int and value_double are both set");
  }
  encode_times(encoder, row);
  oa_encode_optional64(encoder, NUMBER_AS_DOUBLE,
                       &columns[OA_POINT_VALUE_DOUBLE], row);
  OA_TRY(encode_exemplars(encoder, NUMBER_EXEMPLARS, row));
  oa_encode_optional64(encoder, NUMBER_AS_INT, &columns[OA_POINT_VALUE_INT],
                       row);
  OA_TRY(oa_encode_attributes(encoder, NUMBER_ATTRIBUTES,
                              &columns[OA_POINT_ATTRIBUTES], row));
  oa_emit_varint_set(&encoder->emit, NUMBER_FLAGS,
                     oa_u32_at(&columns[OA_POINT_FLAGS], row));
  return OA_OK;
}

/* Row ROW of a list of 8-byte values; NULL stands for zeros. */
static const uint64_t *list_at(const oa_array *list, int64_t row,
                               size_t *count) {
  int64_t begin;
  int64_t end;
  oa_array_range(list, row, &begin, &end);
  const uint64_t *values = list->children->values;
  *count = (size_t)(end - begin);
  return values == NULL ? NULL : values + begin;
}

static oa_status encode_histogram(oa_encoder *encoder, int64_t row) {
  const oa_array *columns = encoder->columns;
  oa_emit *emit = &encoder->emit;
  size_t count;

  encode_times(encoder, row);
  oa_emit_fixed64_set(emit, POINT_COUNT,
                      oa_u64_or_zero(&columns[OA_POINT_COUNT_COL], row));
  oa_encode_optional64(encoder, POINT_SUM, &columns[OA_POINT_SUM], row);
  const uint64_t *counts =
      list_at(&columns[OA_POINT_BUCKET_COUNTS], row, &count);
  oa_emit_packed64(emit, HISTOGRAM_BUCKET_COUNTS, counts, count);
  const uint64_t *bounds =
      list_at(&columns[OA_POINT_EXPLICIT_BOUNDS], row, &count);
  oa_emit_packed64(emit, HISTOGRAM_BOUNDS, bounds, count);
  OA_TRY(encode_exemplars(encoder, HISTOGRAM_EXEMPLARS, row));
  OA_TRY(oa_encode_attributes(encoder, HISTOGRAM_ATTRIBUTES,
                              &columns[OA_POINT_ATTRIBUTES], row));
  oa_emit_varint_set(emit, HISTOGRAM_FLAGS,
                     oa_u32_at(&columns[OA_POINT_FLAGS], row));
  oa_encode_optional64(encoder, HISTOGRAM_MIN, &columns[OA_POINT_MIN], row);
  oa_encode_optional64(encoder, HISTOGRAM_MAX, &columns[OA_POINT_MAX], row);
  return OA_OK;
}

/* A null offset is a point without this Buckets message. */
static oa_status encode_buckets(oa_encoder *encoder, uint32_t field,
                                const oa_array *offset, const oa_array *list) {
  const int64_t row = encoder->row;
  oa_emit *emit = &encoder->emit;
  size_t count;
  const uint64_t *counts = list_at(list, row, &count);

  if (oa_array_is_null(offset, row)) {
    return count == 0
               ? OA_OK
               : oa_encode_refuse(encoder, "bucket counts without an offset");
  }
  const oa_emit_nest nest = oa_emit_open(emit, field, OA_WIDTH_SMALL);
  oa_emit_varint_set(emit, BUCKETS_OFFSET,
                     oa_zigzag32(i32_or_zero(offset, row)));
  oa_emit_packed_varint(emit, BUCKETS_COUNTS, counts, count);
  oa_emit_close(emit, nest);
  return OA_OK;
}

static oa_status encode_exponential(oa_encoder *encoder, int64_t row) {
  const oa_array *columns = encoder->columns;
  oa_emit *emit = &encoder->emit;

  OA_TRY(oa_encode_attributes(encoder, EXP_ATTRIBUTES,
                              &columns[OA_POINT_ATTRIBUTES], row));
  encode_times(encoder, row);
  oa_emit_fixed64_set(emit, POINT_COUNT,
                      oa_u64_or_zero(&columns[OA_POINT_COUNT_COL], row));
  oa_encode_optional64(encoder, POINT_SUM, &columns[OA_POINT_SUM], row);
  oa_emit_varint_set(emit, EXP_SCALE,
                     oa_zigzag32(i32_or_zero(&columns[OA_POINT_SCALE], row)));
  oa_emit_fixed64_set(emit, EXP_ZERO_COUNT,
                      oa_u64_or_zero(&columns[OA_POINT_ZERO_COUNT], row));
  OA_TRY(encode_buckets(encoder, EXP_POSITIVE,
                        &columns[OA_POINT_POSITIVE_OFFSET],
                        &columns[OA_POINT_POSITIVE_BUCKET_COUNTS]));
  OA_TRY(encode_buckets(encoder, EXP_NEGATIVE,
                        &columns[OA_POINT_NEGATIVE_OFFSET],
                        &columns[OA_POINT_NEGATIVE_BUCKET_COUNTS]));
  oa_emit_varint_set(emit, EXP_FLAGS, oa_u32_at(&columns[OA_POINT_FLAGS], row));
  OA_TRY(encode_exemplars(encoder, EXP_EXEMPLARS, row));
  oa_encode_optional64(encoder, EXP_MIN, &columns[OA_POINT_MIN], row);
  oa_encode_optional64(encoder, EXP_MAX, &columns[OA_POINT_MAX], row);
  oa_emit_fixed64_set(emit, EXP_ZERO_THRESHOLD,
                      oa_u64_or_zero(&columns[OA_POINT_ZERO_THRESHOLD], row));
  return OA_OK;
}

static oa_status encode_summary(oa_encoder *encoder, int64_t row) {
  const oa_array *columns = encoder->columns;
  const oa_array *list = &columns[OA_POINT_QUANTILES];
  oa_emit *emit = &encoder->emit;
  int64_t at;
  int64_t end;

  encode_times(encoder, row);
  oa_emit_fixed64_set(emit, POINT_COUNT,
                      oa_u64_or_zero(&columns[OA_POINT_COUNT_COL], row));
  oa_emit_fixed64_set(emit, POINT_SUM,
                      oa_u64_or_zero(&columns[OA_POINT_SUM], row));
  oa_array_range(list, row, &at, &end);
  for (; at < end; at++) {
    const oa_array *fields = list->children->children;
    const oa_emit_nest nest =
        oa_emit_open(emit, SUMMARY_QUANTILES, OA_WIDTH_SMALL);
    oa_emit_fixed64_set(emit, QUANTILE_QUANTILE,
                        oa_u64_at(&fields[OA_QUANTILE_QUANTILE], at));
    oa_emit_fixed64_set(emit, QUANTILE_VALUE,
                        oa_u64_at(&fields[OA_QUANTILE_VALUE], at));
    oa_emit_close(emit, nest);
  }
  OA_TRY(oa_encode_attributes(encoder, SUMMARY_ATTRIBUTES,
                              &columns[OA_POINT_ATTRIBUTES], row));
  oa_emit_varint_set(emit, SUMMARY_FLAGS,
                     oa_u32_at(&columns[OA_POINT_FLAGS], row));
  return OA_OK;
}

static oa_status encode_point(oa_encoder *encoder, uint8_t type, int64_t row) {
  switch (type) {
    case OA_METRIC_HISTOGRAM:
      return encode_histogram(encoder, row);
    case OA_METRIC_EXP_HISTOGRAM:
      return encode_exponential(encoder, row);
    case OA_METRIC_SUMMARY:
      return encode_summary(encoder, row);
    default:
      return encode_number(encoder, row);
  }
}

static oa_status encode_points(oa_encoder *encoder, uint8_t type, int64_t begin,
                               int64_t end) {
  const oa_array *ord = &encoder->columns[OA_POINT_POINT_ORD];
  const oa_array *types = &encoder->columns[OA_POINT_METRIC_TYPE];

  for (int64_t row = begin; row < end; row++) {
    encoder->row = row;
    if (oa_u8_at(types, row) != type) {
      return oa_encode_refuse(encoder, "metric_type changes within a metric");
    }
    if (oa_array_is_null(ord, row)) {
      continue; /* a metric without points */
    }
    const oa_emit_nest nest =
        oa_emit_open(&encoder->emit, DATA_POINTS, OA_WIDTH_SMALL);
    OA_TRY(encode_point(encoder, type, row));
    oa_emit_close(&encoder->emit, nest);
    OA_TRY(encoder->emit.status);
  }
  return OA_OK;
}

static oa_status encode_data(oa_encoder *encoder, uint8_t type, int64_t begin,
                             int64_t end) {
  const oa_array *temporality = &encoder->columns[OA_POINT_TEMPORALITY];
  const oa_array *monotonic = &encoder->columns[OA_POINT_IS_MONOTONIC];
  oa_emit *emit = &encoder->emit;
  const bool has_temporality =
      type != OA_METRIC_GAUGE && type != OA_METRIC_SUMMARY;

  const oa_emit_nest nest = oa_emit_open(emit, data_field[type], OA_WIDTH_ITEM);
  OA_TRY(encode_points(encoder, type, begin, end));
  if (has_temporality && !oa_array_is_null(temporality, begin)) {
    oa_emit_varint_set(emit, DATA_TEMPORALITY, oa_i32_at(temporality, begin));
  }
  if (type == OA_METRIC_SUM && !oa_array_is_null(monotonic, begin)) {
    oa_emit_varint_set(emit, DATA_IS_MONOTONIC, oa_bool_at(monotonic, begin));
  }
  oa_emit_close(emit, nest);
  return OA_OK;
}

oa_status oa_encode_metric(oa_encoder *encoder, int64_t begin, int64_t end) {
  const oa_array *columns = encoder->columns;
  const uint8_t type = oa_u8_at(&columns[OA_POINT_METRIC_TYPE], begin);
  oa_emit *emit = &encoder->emit;

  if (type > OA_METRIC_SUMMARY) {
    return oa_encode_refuse(encoder, "the metric has the unknown type %u",
                            type);
  }
  const oa_emit_nest nest = oa_emit_open(emit, SCOPE_METRICS, OA_WIDTH_ITEM);
  oa_encode_text(encoder, METRIC_NAME, &columns[OA_POINT_METRIC_NAME], begin);
  oa_encode_text(encoder, METRIC_DESCRIPTION, &columns[OA_POINT_DESCRIPTION],
                 begin);
  oa_encode_text(encoder, METRIC_UNIT, &columns[OA_POINT_UNIT], begin);
  if (type != OA_METRIC_NONE) {
    OA_TRY(encode_data(encoder, type, begin, end));
  }
  OA_TRY(oa_encode_attributes(encoder, METRIC_METADATA,
                              &columns[OA_POINT_METADATA], begin));
  oa_emit_close(emit, nest);
  return OA_OK;
}
