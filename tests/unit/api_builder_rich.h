/* SPDX-License-Identifier: Apache-2.0 */
/* api_builder_rich.h - one request of each signal with every field of every
 * message, built by calls, and the same written field by field.
 *
 * What the calls build must be what otlp_trial.h writes for the tests of the
 * decoders.
 */
#ifndef OA_TESTS_UNIT_API_BUILDER_RICH_H
#define OA_TESTS_UNIT_API_BUILDER_RICH_H

#include "api_builder_trial.h"

static inline void build_attrs(oa_builder *b) {
  oa_build_string(b, OA_S("str"), OA_S("text"));
  oa_build_int(b, OA_S("int"), -5);
  oa_build_double(b, OA_S("double"), -0.0);
  oa_build_bool(b, OA_S("bool"), 0);
  oa_build_bytes(b, OA_S("bytes"), "\x00\xff", 2);
  oa_build_empty(b, OA_S("empty"));
  oa_build_map(b, OA_S("map"));
  oa_build_string(b, OA_S("a"), OA_S("b"));
  build_deep(b, "deep", 3);
  oa_build_end(b);
  oa_build_array(b, OA_S("slice"));
  for (int i = 0; i < 3; i++) {
    oa_build_int(b, OA_S(""), i);
  }
  oa_build_end(b);
}

static inline void set_ids(uint8_t *trace_id, uint8_t *span_id) {
  memcpy(trace_id, ID16, 16);
  memcpy(span_id, ID8, 8);
}

static inline void build_span(oa_builder *b) {
  oa_span span = {
      .size = sizeof span,
      .trace_state = OA_S("trace=state"),
      .flags = 257,
      .kind = OA_SPAN_SERVER,
      .name = OA_S("span"),
      .start_time_unix_nano = 20,
      .end_time_unix_nano = UINT64_MAX,
      .status_code = OA_STATUS_ERROR,
      .status_message = OA_S("message"),
      .dropped_attributes_count = 21,
      .dropped_events_count = 22,
      .dropped_links_count = 23,
  };
  oa_span_link link = {.size = sizeof link,
                       .trace_state = OA_S("link=state"),
                       .flags = 33,
                       .dropped_attributes_count = 32};
  set_ids(span.trace_id, span.span_id);
  memcpy(span.parent_span_id, ID8, 8);
  set_ids(link.trace_id, link.span_id);
  oa_build_span(b, &span);
  build_attrs(b);
  for (int i = 0; i < 2; i++) {
    oa_build_event(b, 30, OA_S("event"), 31);
    build_attrs(b);
  }
  oa_build_link(b, &link);
  build_attrs(b);
}

static inline void build_log(oa_builder *b) {
  oa_log_record record = {.size = sizeof record,
                          .time_unix_nano = 20,
                          .observed_time_unix_nano = 22,
                          .severity_number = 9,
                          .severity_text = OA_S("INFO"),
                          .event_name = OA_S("event"),
                          .flags = 1,
                          .dropped_attributes_count = 21};
  set_ids(record.trace_id, record.span_id);
  oa_build_log_record(b, &record);
  oa_build_body(b);
  oa_build_map(b, OA_S(""));
  oa_build_string(b, OA_S("k"), OA_S("v"));
  build_deep(b, "deep", 2);
  oa_build_end(b);
  build_attrs(b);
}

static inline void build_exemplar(oa_builder *b) {
  oa_exemplar exemplar = {
      .size = sizeof exemplar,
      .time_unix_nano = 40,
      .number = {.type = OA_DOUBLE, .value = {.as_double = 0.25}}};
  set_ids(exemplar.trace_id, exemplar.span_id);
  oa_build_exemplar(b, &exemplar);
  build_attrs(b);
}

static inline void build_number(oa_builder *b) {
  const oa_number_point point = {
      .size = sizeof point,
      .start_time_unix_nano = 20,
      .time_unix_nano = 21,
      .number = {.type = OA_INT, .value = {.as_int = -9}},
      .flags = 1};
  oa_build_number_point(b, &point);
}

static inline void build_histogram(oa_builder *b) {
  static const uint64_t counts[] = {1, 0, UINT64_MAX};
  double bounds[2];
  memcpy(bounds, counts, sizeof bounds);
  const oa_histogram_point point = {.size = sizeof point,
                                    .start_time_unix_nano = 20,
                                    .time_unix_nano = 21,
                                    .count = 22,
                                    .has = OA_HAS_SUM | OA_HAS_MIN | OA_HAS_MAX,
                                    .sum = 1.5,
                                    .min = 0,
                                    .max = 9,
                                    .bucket_counts = counts,
                                    .bucket_count = 3,
                                    .explicit_bounds = bounds,
                                    .bound_count = 2,
                                    .flags = 1};
  oa_build_histogram_point(b, &point);
}

static inline void build_exponential(oa_builder *b) {
  static const uint64_t counts[] = {1, 300, 0};
  const oa_buckets buckets = {.offset = -3, .counts = counts, .count = 3};
  const oa_exponential_histogram_point point = {
      .size = sizeof point,
      .start_time_unix_nano = 20,
      .time_unix_nano = 21,
      .count = 22,
      .has = OA_HAS_SUM | OA_HAS_MIN | OA_HAS_MAX,
      .sum = 1.5,
      .min = 0,
      .max = 9,
      .scale = -10,
      .zero_count = 23,
      .zero_threshold = 0.5,
      .positive = buckets,
      .negative = buckets,
      .flags = 1};
  oa_build_exponential_histogram_point(b, &point);
}

static inline void build_summary(oa_builder *b) {
  static const oa_quantile quantile = {.quantile = 0.99, .value = 7};
  const oa_summary_point point = {.size = sizeof point,
                                  .start_time_unix_nano = 20,
                                  .time_unix_nano = 21,
                                  .count = 22,
                                  .sum = 1.5,
                                  .quantiles = &quantile,
                                  .quantile_count = 1,
                                  .flags = 1};
  oa_build_summary_point(b, &point);
}

typedef void (*build)(oa_builder *b);

static const build rich_points[] = {
    [OA_GAUGE] = build_number,
    [OA_SUM] = build_number,
    [OA_HISTOGRAM] = build_histogram,
    [OA_EXPONENTIAL_HISTOGRAM] = build_exponential,
    [OA_SUMMARY] = build_summary};

static inline void build_rich_metric(oa_builder *b, oa_metric_type type) {
  const oa_metric metric = {.size = sizeof metric,
                            .name = OA_S("metric"),
                            .description = OA_S("description"),
                            .unit = OA_S("unit"),
                            .type = type,
                            .temporality = OA_CUMULATIVE,
                            .is_monotonic = 1};
  oa_build_metric(b, &metric);
  build_attrs(b);
  for (int i = 0; i < 2; i++) {
    rich_points[type](b);
    build_attrs(b);
    if (type != OA_SUMMARY) {
      build_exemplar(b);
    }
  }
}

static inline void build_rich(oa_builder *b, oa_signal signal,
                              const char *name) {
  const oa_resource resource = {.size = sizeof resource,
                                .schema_url = OA_S("resource-url"),
                                .dropped_attributes_count = 10};
  const oa_scope scope = {.size = sizeof scope,
                          .name = OA_S(name),
                          .version = OA_S("version"),
                          .schema_url = OA_S("scope-url"),
                          .dropped_attributes_count = 11};
  oa_build_resource(b, &resource);
  oa_build_string(b, OA_S("service.name"), OA_S(name));
  build_attrs(b);
  oa_build_scope(b, &scope);
  build_attrs(b);
  for (int i = 0; signal != OA_METRICS && i < 2; i++) {
    signal == OA_TRACES ? build_span(b) : build_log(b);
  }
  for (int type = OA_GAUGE; signal == OA_METRICS && type <= OA_SUMMARY;
       type++) {
    build_rich_metric(b, (oa_metric_type)type);
  }
}

/* The same, field by field. */
static inline void put_rich(request *r, oa_signal signal, const char *name) {
  oa_emit *e = &r->e;
  r->resource = oa_emit_open(e, 1, 2);
  const oa_emit_nest resource = oa_emit_open(e, 1, 2);
  put_str_attr(e, 1, "service.name", name);
  put_attrs(e, 1);
  oa_emit_varint(e, 2, 10);
  oa_emit_close(e, resource);
  put_rich_scope(r, signal, name);
}

#endif
