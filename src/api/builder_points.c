/* SPDX-License-Identifier: Apache-2.0 */
/* Metrics and their points: metrics.proto. */
#include "api/builder_impl.h"

/* All points have these. */
enum { START_TIME = 2, TIME = 3, COUNT = 4, SUM = 5 };

void oa_build_metric(oa_builder *b, const oa_metric *metric) {
  enum { NAME = 1, DESCRIPTION = 2, UNIT = 3 };
  const oa_metric *m = metric;
  size_t need = (size_t)3 * OA_FIELD_BYTES;

  if (!oa_builder_given(b, "oa_metric", m,
                        OA_FIRST_SIZE(oa_metric, is_monotonic)) ||
      !oa_builder_within(b, "the type of a metric", m->type, OA_GAUGE,
                         OA_SUMMARY) ||
      !oa_builder_within(b, "the temporality of a metric", m->temporality,
                         OA_TEMPORALITY_UNSPECIFIED, OA_CUMULATIVE) ||
      !oa_builder_text_ok(b, "name", m->name, &need) ||
      !oa_builder_text_ok(b, "description", m->description, &need) ||
      !oa_builder_text_ok(b, "unit", m->unit, &need)) {
    return;
  }
  oa_frame *frame = oa_builder_open(b, OA_FRAME_METRIC);
  uint8_t *at = frame == NULL ? NULL : oa_builder_room(b, need);
  if (at == NULL) {
    return;
  }
  frame->metric_type = (uint8_t)m->type;
  frame->temporality = (uint8_t)m->temporality;
  frame->is_monotonic = m->is_monotonic != 0;
  at = oa_field_text(at, NAME, m->name);
  at = oa_field_text(at, DESCRIPTION, m->description);
  at = oa_field_text(at, UNIT, m->unit);
  oa_emit_wrote(&b->emit, at);
}

/* --- points --- */

/* A point of KIND in a metric of its type; false when that is not open. */
static bool open_point(oa_builder *b, oa_frame_kind kind) {
  static const struct {
    const char *name;
    const char *call;
    uint8_t kind;
  } types[] = {
      [OA_GAUGE] = {"a gauge", "oa_build_number_point()",
                    OA_FRAME_NUMBER_POINT},
      [OA_SUM] = {"a sum", "oa_build_number_point()", OA_FRAME_NUMBER_POINT},
      [OA_HISTOGRAM] = {"a histogram", "oa_build_histogram_point()",
                        OA_FRAME_HISTOGRAM_POINT},
      [OA_EXPONENTIAL_HISTOGRAM] = {"an exponential histogram",
                                    "oa_build_exponential_histogram_point()",
                                    OA_FRAME_EXPONENTIAL_POINT},
      [OA_SUMMARY] = {"a summary", "oa_build_summary_point()",
                      OA_FRAME_SUMMARY_POINT},
  };
  if (oa_builder_open(b, kind) == NULL) {
    return false;
  }
  const oa_frame *metric = oa_builder_top(b) - 1;
  if (types[metric->metric_type].kind != kind) {
    oa_builder_refuse(b, OA_ERR_CONFIG,
                      "the metric is %s, and this point is not one of it: call "
                      "%s",
                      types[metric->metric_type].name,
                      types[metric->metric_type].call);
    return false;
  }
  return true;
}

static bool number_ok(oa_builder *b, const char *name,
                      const oa_number *number) {
  return oa_builder_within(b, name, number->type, OA_NUMBER_NONE, OA_DOUBLE);
}

/* The fields of integers and doubles differ, and are those of the message. */
static uint8_t *put_number(uint8_t *at, const oa_number *number,
                           uint32_t as_int, uint32_t as_double) {
  if (number->type == OA_INT) {
    at = oa_tag_write(at, as_int, OA_WIRE_FIXED64);
    return oa_put_raw(at, &number->value.as_int, sizeof(int64_t));
  }
  return number->type == OA_DOUBLE
             ? oa_field_double(at, as_double, number->value.as_double)
             : at;
}

void oa_build_number_point(oa_builder *b, const oa_number_point *point) {
  enum { AS_DOUBLE = 4, AS_INT = 6, FLAGS = 8 };
  const oa_number_point *p = point;

  if (!oa_builder_given(b, "oa_number_point", p,
                        OA_FIRST_SIZE(oa_number_point, flags)) ||
      !number_ok(b, "number.type of a point", &p->number) ||
      !open_point(b, OA_FRAME_NUMBER_POINT)) {
    return;
  }
  uint8_t *at = oa_builder_room(b, 3 * OA_FIELD_FIXED64 + OA_FIELD_VARINT);
  if (at != NULL) {
    at = oa_field_fixed64(at, START_TIME, p->start_time_unix_nano);
    at = oa_field_fixed64(at, TIME, p->time_unix_nano);
    at = put_number(at, &p->number, AS_INT, AS_DOUBLE);
    at = oa_field_varint(at, FLAGS, p->flags);
    oa_emit_wrote(&b->emit, at);
  }
}

static bool has_ok(oa_builder *b, unsigned has) {
  return oa_builder_within(b, "`has` of a point", has, 0,
                           OA_HAS_SUM | OA_HAS_MIN | OA_HAS_MAX);
}

/* COUNT values of eight bytes, which are fixed64 or double. */
static uint8_t *put_packed64(uint8_t *at, uint32_t field, const void *values,
                             size_t count) {
  return count == 0
             ? at
             : oa_field_bytes(at, field, values, count * sizeof(uint64_t));
}

void oa_build_histogram_point(oa_builder *b, const oa_histogram_point *point) {
  enum { BUCKET_COUNTS = 6, BOUNDS = 7, FLAGS = 10, MIN = 11, MAX = 12 };
  const oa_histogram_point *p = point;
  size_t need = 6 * OA_FIELD_FIXED64 + 2 * OA_FIELD_BYTES + OA_FIELD_VARINT;

  if (!oa_builder_given(b, "oa_histogram_point", p,
                        OA_FIRST_SIZE(oa_histogram_point, flags)) ||
      !has_ok(b, p->has) ||
      !oa_builder_counted(b, "bucket_counts", p->bucket_counts, p->bucket_count,
                          sizeof *p->bucket_counts, &need) ||
      !oa_builder_counted(b, "explicit_bounds", p->explicit_bounds,
                          p->bound_count, sizeof *p->explicit_bounds, &need) ||
      !open_point(b, OA_FRAME_HISTOGRAM_POINT)) {
    return;
  }
  uint8_t *at = oa_builder_room(b, need);
  if (at == NULL) {
    return;
  }
  at = oa_field_fixed64(at, START_TIME, p->start_time_unix_nano);
  at = oa_field_fixed64(at, TIME, p->time_unix_nano);
  at = oa_field_fixed64(at, COUNT, p->count);
  at = p->has & OA_HAS_SUM ? oa_field_double(at, SUM, p->sum) : at;
  at = put_packed64(at, BUCKET_COUNTS, p->bucket_counts, p->bucket_count);
  at = put_packed64(at, BOUNDS, p->explicit_bounds, p->bound_count);
  at = oa_field_varint(at, FLAGS, p->flags);
  at = p->has & OA_HAS_MIN ? oa_field_double(at, MIN, p->min) : at;
  at = p->has & OA_HAS_MAX ? oa_field_double(at, MAX, p->max) : at;
  oa_emit_wrote(&b->emit, at);
}

/* --- exponential histograms --- */

/* What the counts take as varints, which is added to NEED; a failure is noted
 * when they cannot be or fit. */
static size_t counts_size(oa_builder *b, const char *name,
                          const oa_buckets *buckets, size_t *need) {
  size_t size = 0;
  size_t least = *need; /* a count takes a byte or more */
  if (!oa_builder_counted(b, name, buckets->counts, buckets->count, 1,
                          &least)) {
    return 0;
  }
  for (size_t i = 0; i < buckets->count && size <= b->limit; i++) {
    size += oa_varint_size(buckets->counts[i]);
  }
  if (size > b->limit - *need) {
    oa_builder_no_room(b, SIZE_MAX);
    return 0;
  }
  *need += size;
  return size;
}

static uint8_t *put_buckets(uint8_t *at, uint32_t field,
                            const oa_buckets *buckets, size_t counts) {
  enum { OFFSET = 1, COUNTS = 2 };
  const uint64_t offset = oa_zigzag32(buckets->offset);
  const size_t len = (offset == 0 ? 0 : 1 + oa_varint_size(offset)) +
                     (counts == 0 ? 0 : 1 + oa_varint_size(counts) + counts);
  if (len == 0 && buckets->counts == NULL) {
    return at;
  }
  at = oa_tag_write(at, field, OA_WIRE_BYTES);
  at = oa_varint_write(at, len);
  at = oa_field_varint(at, OFFSET, offset);
  if (counts > 0) {
    at = oa_tag_write(at, COUNTS, OA_WIRE_BYTES);
    at = oa_varint_write(at, counts);
  }
  for (size_t i = 0; i < buckets->count; i++) {
    at = oa_varint_write(at, buckets->counts[i]);
  }
  return at;
}

void oa_build_exponential_histogram_point(
    oa_builder *b, const oa_exponential_histogram_point *point) {
  enum {
    SCALE = 6,
    ZERO_COUNT = 7,
    POSITIVE = 8,
    NEGATIVE = 9,
    FLAGS = 10,
    MIN = 12,
    MAX = 13,
    ZERO_THRESHOLD = 14
  };
  const oa_exponential_histogram_point *p = point;

  if (!oa_builder_given(b, "oa_exponential_histogram_point", p,
                        OA_FIRST_SIZE(oa_exponential_histogram_point, flags)) ||
      !has_ok(b, p->has)) {
    return;
  }
  size_t need = 0;
  const size_t positive =
      counts_size(b, "positive.counts", &p->positive, &need);
  const size_t negative =
      counts_size(b, "negative.counts", &p->negative, &need);
  if (!oa_builder_ready(b) || !open_point(b, OA_FRAME_EXPONENTIAL_POINT)) {
    return;
  }
  uint8_t *at = oa_builder_room(b, 8 * OA_FIELD_FIXED64 + 4 * OA_FIELD_VARINT +
                                       4 * OA_FIELD_BYTES + need);
  if (at == NULL) {
    return;
  }
  at = oa_field_fixed64(at, START_TIME, p->start_time_unix_nano);
  at = oa_field_fixed64(at, TIME, p->time_unix_nano);
  at = oa_field_fixed64(at, COUNT, p->count);
  at = p->has & OA_HAS_SUM ? oa_field_double(at, SUM, p->sum) : at;
  at = oa_field_varint(at, SCALE, oa_zigzag32(p->scale));
  at = oa_field_fixed64(at, ZERO_COUNT, p->zero_count);
  at = put_buckets(at, POSITIVE, &p->positive, positive);
  at = put_buckets(at, NEGATIVE, &p->negative, negative);
  at = oa_field_varint(at, FLAGS, p->flags);
  at = p->has & OA_HAS_MIN ? oa_field_double(at, MIN, p->min) : at;
  at = p->has & OA_HAS_MAX ? oa_field_double(at, MAX, p->max) : at;
  at = oa_field_fixed64(at, ZERO_THRESHOLD, oa_double_bits(p->zero_threshold));
  oa_emit_wrote(&b->emit, at);
}

/* --- summaries and exemplars --- */

static uint8_t *put_quantile(uint8_t *at, const oa_quantile *quantile) {
  enum { QUANTILES = 6, QUANTILE = 1, VALUE = 2 };
  const uint64_t where = oa_double_bits(quantile->quantile);
  const uint64_t value = oa_double_bits(quantile->value);

  at = oa_tag_write(at, QUANTILES, OA_WIRE_BYTES);
  at = oa_varint_write(at, (where == 0 ? 0U : 9U) + (value == 0 ? 0U : 9U));
  at = oa_field_fixed64(at, QUANTILE, where);
  return oa_field_fixed64(at, VALUE, value);
}

void oa_build_summary_point(oa_builder *b, const oa_summary_point *point) {
  enum { FLAGS = 8, QUANTILE_SIZE = OA_FIELD_BYTES + 2 * OA_FIELD_FIXED64 };
  const oa_summary_point *p = point;
  size_t need = 4 * OA_FIELD_FIXED64 + OA_FIELD_VARINT;

  if (!oa_builder_given(b, "oa_summary_point", p,
                        OA_FIRST_SIZE(oa_summary_point, flags)) ||
      !oa_builder_counted(b, "quantiles", p->quantiles, p->quantile_count,
                          QUANTILE_SIZE, &need) ||
      !open_point(b, OA_FRAME_SUMMARY_POINT)) {
    return;
  }
  uint8_t *at = oa_builder_room(b, need);
  if (at == NULL) {
    return;
  }
  at = oa_field_fixed64(at, START_TIME, p->start_time_unix_nano);
  at = oa_field_fixed64(at, TIME, p->time_unix_nano);
  at = oa_field_fixed64(at, COUNT, p->count);
  at = oa_field_fixed64(at, SUM, oa_double_bits(p->sum));
  for (size_t i = 0; i < p->quantile_count; i++) {
    at = put_quantile(at, &p->quantiles[i]);
  }
  at = oa_field_varint(at, FLAGS, p->flags);
  oa_emit_wrote(&b->emit, at);
}

void oa_build_exemplar(oa_builder *b, const oa_exemplar *exemplar) {
  enum { EXEMPLAR_TIME = 2, AS_DOUBLE = 3, SPAN = 4, TRACE = 5, AS_INT = 6 };
  const oa_exemplar *e = exemplar;

  if (!oa_builder_given(b, "oa_exemplar", e,
                        OA_FIRST_SIZE(oa_exemplar, span_id)) ||
      !number_ok(b, "number.type of an exemplar", &e->number) ||
      oa_builder_open(b, OA_FRAME_EXEMPLAR) == NULL) {
    return;
  }
  uint8_t *at = oa_builder_room(
      b, 2 * OA_FIELD_FIXED64 + OA_FIELD_TRACE_ID + OA_FIELD_SPAN_ID);
  if (at != NULL) {
    at = oa_field_fixed64(at, EXEMPLAR_TIME, e->time_unix_nano);
    at = put_number(at, &e->number, AS_INT, AS_DOUBLE);
    at = oa_field_id(at, SPAN, e->span_id, sizeof e->span_id);
    at = oa_field_id(at, TRACE, e->trace_id, sizeof e->trace_id);
    oa_emit_wrote(&b->emit, at);
  }
}
