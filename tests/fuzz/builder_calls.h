/* SPDX-License-Identifier: Apache-2.0 */
/* builder_calls.h - bytes that choose calls of the telemetry builder and what
 * they pass, and what must hold after any of them.
 *
 * For the fuzz target and for the unit test that plays random bytes.
 */
#ifndef OA_TESTS_FUZZ_BUILDER_CALLS_H
#define OA_TESTS_FUZZ_BUILDER_CALLS_H

#include <stdlib.h>
#include <string.h>

#include "otlp/otlp.h"
#include "otlp_arrow_builder.h"

typedef struct chooser {
  const uint8_t *at;
  const uint8_t *end;
} chooser;

static inline void must(bool holds) {
  if (!holds) {
    abort();
  }
}

static inline uint8_t choose_byte(chooser *c) {
  return c->at < c->end ? *c->at++ : 0;
}

/* Every value, and small ones and the ends more often. */
static inline uint64_t choose_number(chooser *c) {
  const uint8_t how = choose_byte(c);
  uint64_t value = 0;
  if (how < 200) {
    return how % 50;
  }
  if (how < 210) {
    return UINT64_MAX - how % 10;
  }
  for (int i = 0; i < 8; i++) {
    value = value << 8 | choose_byte(c);
  }
  return value >> (how % 8 * 8);
}

static inline double choose_double(chooser *c) {
  const uint64_t bits = choose_number(c);
  double value;
  memcpy(&value, &bits, sizeof value);
  return bits < 50 ? (double)bits - 25 : value;
}

/* Some of the bytes themselves; seldom one without data. */
static inline oa_str choose_text(chooser *c) {
  const uint8_t how = choose_byte(c);
  oa_str text = {NULL, how % 32};
  if (how == 255) {
    return text;
  }
  if (text.len > (size_t)(c->end - c->at)) {
    text.len = (size_t)(c->end - c->at);
  }
  if (text.len > 0) {
    text.data = (const char *)c->at;
    c->at += text.len;
  }
  return text;
}

/* Mostly empty ones are what fits; else a key of one letter. */
static inline oa_str choose_key(chooser *c) {
  const uint8_t how = choose_byte(c);
  const oa_str none = {NULL, 0};
  if (how < 96) {
    return none;
  }
  return how < 224 ? OA_S("k") : choose_text(c);
}

static inline void choose_id(chooser *c, uint8_t *id, size_t len) {
  const uint8_t how = choose_byte(c);
  memset(id, 0, len);
  id[how % len] = how < 250 ? (uint8_t)(how | 1) : 0;
}

/* A number of an enum that has LAST, seldom one that it has not. */
static inline unsigned choose_enum(chooser *c, unsigned first, unsigned last) {
  const uint8_t how = choose_byte(c);
  return how < 250 ? first + how % (last - first + 1) : last + how % 5;
}

static inline size_t choose_size(chooser *c, size_t size) {
  return choose_byte(c) < 252 ? size : choose_byte(c);
}

static inline oa_number choose_value(chooser *c) {
  oa_number number = {.type = (oa_number_type)choose_enum(c, 0, OA_DOUBLE)};
  number.value.as_int = (int64_t)choose_number(c);
  return number;
}

/* Up to 8 values of eight bytes, which live as long as SPACE. */
static inline size_t choose_values(chooser *c, uint64_t *space) {
  const size_t count = choose_byte(c) % 9;
  for (size_t i = 0; i < count; i++) {
    space[i] = choose_number(c);
  }
  return count;
}

static inline void play_span(oa_builder *b, chooser *c) {
  oa_span span = {.size = choose_size(c, sizeof span)};
  choose_id(c, span.trace_id, sizeof span.trace_id);
  choose_id(c, span.span_id, sizeof span.span_id);
  choose_id(c, span.parent_span_id, sizeof span.parent_span_id);
  span.trace_state = choose_text(c);
  span.flags = (uint32_t)choose_number(c);
  span.kind = (oa_span_kind)choose_enum(c, 0, OA_SPAN_CONSUMER);
  span.name = choose_text(c);
  span.start_time_unix_nano = choose_number(c);
  span.end_time_unix_nano = choose_number(c);
  span.status_code = (oa_span_status)choose_enum(c, 0, OA_STATUS_ERROR);
  span.status_message = choose_text(c);
  span.dropped_attributes_count = (uint32_t)choose_number(c);
  span.dropped_events_count = (uint32_t)choose_number(c);
  span.dropped_links_count = (uint32_t)choose_number(c);
  oa_build_span(b, &span);
}

static inline void play_link(oa_builder *b, chooser *c) {
  oa_span_link link = {.size = choose_size(c, sizeof link)};
  choose_id(c, link.trace_id, sizeof link.trace_id);
  choose_id(c, link.span_id, sizeof link.span_id);
  link.trace_state = choose_text(c);
  link.flags = (uint32_t)choose_number(c);
  link.dropped_attributes_count = (uint32_t)choose_number(c);
  oa_build_link(b, &link);
}

static inline void play_log(oa_builder *b, chooser *c) {
  oa_log_record record = {.size = choose_size(c, sizeof record)};
  record.time_unix_nano = choose_number(c);
  record.observed_time_unix_nano = choose_number(c);
  record.severity_number = (int32_t)choose_enum(c, 0, 24);
  record.severity_text = choose_text(c);
  record.event_name = choose_text(c);
  choose_id(c, record.trace_id, sizeof record.trace_id);
  choose_id(c, record.span_id, sizeof record.span_id);
  record.flags = (uint32_t)choose_number(c);
  record.dropped_attributes_count = (uint32_t)choose_number(c);
  oa_build_log_record(b, &record);
}

static inline void play_metric(oa_builder *b, chooser *c) {
  oa_metric metric = {.size = choose_size(c, sizeof metric)};
  metric.name = choose_text(c);
  metric.description = choose_text(c);
  metric.unit = choose_text(c);
  metric.type = (oa_metric_type)choose_enum(c, OA_GAUGE, OA_SUMMARY);
  metric.temporality = (oa_temporality)choose_enum(c, 0, OA_CUMULATIVE);
  metric.is_monotonic = choose_byte(c);
  oa_build_metric(b, &metric);
}

static inline void play_number(oa_builder *b, chooser *c) {
  oa_number_point point = {.size = choose_size(c, sizeof point)};
  point.start_time_unix_nano = choose_number(c);
  point.time_unix_nano = choose_number(c);
  point.number = choose_value(c);
  point.flags = (uint32_t)choose_number(c);
  oa_build_number_point(b, &point);
}

static inline void play_histogram(oa_builder *b, chooser *c) {
  oa_histogram_point point = {.size = choose_size(c, sizeof point)};
  uint64_t counts[8];
  double bounds[8];
  point.count = choose_number(c);
  point.has = choose_enum(c, 0, 7);
  point.sum = choose_double(c);
  point.min = choose_double(c);
  point.max = choose_double(c);
  point.bound_count = choose_values(c, counts);
  memcpy(bounds, counts, point.bound_count * sizeof *bounds);
  point.explicit_bounds = bounds;
  point.bucket_count = choose_values(c, counts);
  point.bucket_counts = choose_byte(c) < 250 ? counts : NULL;
  point.flags = (uint32_t)choose_number(c);
  oa_build_histogram_point(b, &point);
}

static inline void play_exponential(oa_builder *b, chooser *c) {
  oa_exponential_histogram_point point = {.size = choose_size(c, sizeof point)};
  uint64_t positive[8];
  uint64_t negative[8];
  point.time_unix_nano = choose_number(c);
  point.count = choose_number(c);
  point.has = choose_enum(c, 0, 7);
  point.max = choose_double(c);
  point.scale = (int32_t)choose_number(c);
  point.zero_count = choose_number(c);
  point.zero_threshold = choose_double(c);
  point.positive.offset = (int32_t)choose_number(c);
  point.positive.count = choose_values(c, positive);
  point.positive.counts = positive;
  point.negative.offset = (int32_t)choose_number(c);
  point.negative.count = choose_values(c, negative);
  point.negative.counts = choose_byte(c) < 250 ? negative : NULL;
  point.flags = (uint32_t)choose_number(c);
  oa_build_exponential_histogram_point(b, &point);
}

static inline void play_summary(oa_builder *b, chooser *c) {
  oa_summary_point point = {.size = choose_size(c, sizeof point)};
  oa_quantile quantiles[4];
  point.sum = choose_double(c);
  point.quantile_count = choose_byte(c) % 5;
  for (size_t i = 0; i < point.quantile_count; i++) {
    quantiles[i].quantile = choose_double(c);
    quantiles[i].value = choose_double(c);
  }
  point.quantiles = quantiles;
  oa_build_summary_point(b, &point);
}

static inline void play_exemplar(oa_builder *b, chooser *c) {
  oa_exemplar exemplar = {.size = choose_size(c, sizeof exemplar)};
  exemplar.time_unix_nano = choose_number(c);
  exemplar.number = choose_value(c);
  choose_id(c, exemplar.trace_id, sizeof exemplar.trace_id);
  choose_id(c, exemplar.span_id, sizeof exemplar.span_id);
  oa_build_exemplar(b, &exemplar);
}

static inline void play_owner(oa_builder *b, chooser *c, bool resource) {
  oa_resource r = {.size = choose_size(c, sizeof r)};
  oa_scope s = {.size = choose_size(c, sizeof s)};
  const bool none = choose_byte(c) % 2 == 0;
  s.name = choose_text(c);
  s.version = choose_text(c);
  r.schema_url = s.schema_url = choose_text(c);
  r.dropped_attributes_count = (uint32_t)choose_number(c);
  s.dropped_attributes_count = r.dropped_attributes_count;
  if (resource) {
    oa_build_resource(b, none ? NULL : &r);
  } else {
    oa_build_scope(b, none ? NULL : &s);
  }
}

static inline void play_value(oa_builder *b, chooser *c, unsigned kind) {
  const oa_str key = choose_key(c);
  oa_str text;
  switch (kind) {
    case 0:
      oa_build_string(b, key, choose_text(c));
      break;
    case 1:
      oa_build_int(b, key, (int64_t)choose_number(c));
      break;
    case 2:
      oa_build_double(b, key, choose_double(c));
      break;
    case 3:
      oa_build_bool(b, key, choose_byte(c) % 2);
      break;
    case 4:
      text = choose_text(c);
      oa_build_bytes(b, key, text.data, text.len);
      break;
    case 5:
      oa_build_empty(b, key);
      break;
    case 6:
      oa_build_array(b, key);
      break;
    default:
      oa_build_map(b, key);
      break;
  }
}

/* One call that any builder has, or one that SIGNAL's has. */
static inline void play_call(oa_builder *b, oa_signal signal, chooser *c) {
  static void (*const plays[3][8])(oa_builder *, chooser *) = {
      {play_span, play_span, play_span, play_link, play_span, play_link,
       play_link, play_log},
      {play_metric, play_number, play_histogram, play_exponential, play_summary,
       play_exemplar, play_metric, play_span},
      {play_log, play_log, play_log, play_log, play_log, play_log, play_log,
       play_metric},
  };
  const uint8_t op = choose_byte(c);
  if (op < 12) {
    play_owner(b, c, true);
  } else if (op < 28) {
    play_owner(b, c, false);
  } else if (op < 60) {
    oa_build_end(b);
  } else if (op < 156) {
    play_value(b, c, op % 8);
  } else if (op < 250) {
    plays[signal][op % 8](b, c);
  } else if (op < 254 || signal == OA_METRICS) {
    oa_build_event(b, choose_number(c), choose_text(c), op);
  } else {
    oa_build_body(b);
  }
}

/* The request is taken whole, or there is a sentence. */
static inline bool check_built(oa_builder *b, oa_signal signal) {
  const void *bytes = NULL;
  size_t len = 0;
  oa_error error = {0};
  const oa_status status = oa_builder_finish(b, &bytes, &len, &error);
  if (status != OA_OK) {
    must(status == error.code && strlen(error.text) > 15 && bytes == NULL);
    return false;
  }
  _Atomic uint64_t ords = 0;
  oa_otlp_builder *decoder = NULL;
  oa_otlp_result result;
  must(oa_otlp_builder_new(&decoder, signal, &ords) == OA_OK);
  must(oa_otlp_decode(decoder, bytes, len, &result, &error) == OA_OK);
  must(result.rejected == 0 && result.reason[0] == '\0');
  must(result.accepted == oa_builder_items(b));
  must(len == oa_builder_size(b));
  oa_otlp_builder_free(decoder);
  return true;
}

/* Plays DATA to B, which is of SIGNAL; gives whether there is a request. */
static inline bool play_calls(oa_builder *b, oa_signal signal,
                              const uint8_t *data, size_t len) {
  chooser c = {data, data + len};
  while (c.at < c.end) {
    play_call(b, signal, &c);
  }
  return check_built(b, signal);
}

#endif
