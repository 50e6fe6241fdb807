/* SPDX-License-Identifier: Apache-2.0 */
/* otlp_arrow_builder.h - makes telemetry without an OpenTelemetry SDK: spans,
 * data points and log records with what belongs to them, as one OTLP export
 * request.
 *
 *   oa_builder *b;
 *   oa_builder_new(&b, OA_TRACES, &error);
 *   oa_build_resource(b, NULL);
 *   oa_build_string(b, OA_S("service.name"), OA_S("shop"));
 *   oa_build_scope(b, NULL);
 *   oa_build_span(b, &span);
 *   oa_build_int(b, OA_S("http.response.status_code"), 504);
 *   oa_build_event(b, now, OA_S("exception"), 0);
 *   oa_build_string(b, OA_S("exception.type"), OA_S("Timeout"));
 *   oa_build_span(b, &next);
 *   ...
 *   oa_service_export_built(service, b, &result, &error);
 *
 * Order.  A call belongs to what was opened last: attributes to the span, the
 * event, the resource, ... and an event to the span.  Whatever cannot hold what
 * is opened next is closed by itself, as the event above by the next span; to
 * go on with an outer one, close the inner one with oa_build_end().  The
 * attributes of a resource, a scope and a metric come before what these hold.
 *
 * Errors.  The calls return nothing, so that they can stand one under the
 * other; the first one that fails makes all that follow do nothing, and
 * oa_builder_finish() says what it was.  Out of order (a span without a scope),
 * a span's id that is all zeros, a number that its enum does not have, a length
 * without data: OA_ERR_CONFIG.  Too deep or too large: OA_ERR_LIMIT.
 *
 * What is passed in is copied.  Structs begin with their size: set it to
 * sizeof, and everything that is not needed to 0, as an initializer does.
 * Field names, units and meanings are those of OTLP (opentelemetry-proto 1.x);
 * times are nanoseconds since 1970-01-01 UTC.
 *
 * A builder belongs to one thread at a time.  Include <otlp_arrow.h>, which
 * includes this.
 */
#ifndef OTLP_ARROW_BUILDER_H
#define OTLP_ARROW_BUILDER_H

#include <stddef.h>
#include <stdint.h>

#include "otlp_arrow_base.h"

#ifdef __cplusplus
extern "C" {
#endif

/* A terminated text as oa_str. */
#define OA_S(TEXT) oa_str_of(TEXT)

typedef struct oa_builder oa_builder;

/* An empty builder for items of SIGNAL.  OA_ERR_CONFIG, OA_ERR_NOMEM. */
OA_API oa_status oa_builder_new(oa_builder **out, oa_signal signal,
                                oa_error *error);
/* NULL is allowed. */
OA_API void oa_builder_free(oa_builder *builder);

/* Forgets what was built and a failure; keeps the memory. */
OA_API void oa_builder_reset(oa_builder *builder);

/* How many spans, data points or log records it has, and how many bytes the
 * request has so far. */
OA_API size_t oa_builder_items(const oa_builder *builder);
OA_API size_t oa_builder_size(const oa_builder *builder);

/* Closes all that is open and gives the request, an Export{Trace,Metrics,
 * Logs}ServiceRequest of LEN bytes that lives until the next call on BUILDER.
 * OA_ERR_NOMEM; OA_ERR_LIMIT: 2 GiB, or values nested deeper than 64;
 * OA_ERR_CONFIG: the calls made no sense.  May be called again; building can
 * go on with a resource. */
OA_API oa_status oa_builder_finish(oa_builder *builder, const void **bytes,
                                   size_t *len, oa_error *error);

/* --- What all items have --- */

typedef struct oa_resource {
  size_t size;
  oa_str schema_url;
  uint32_t dropped_attributes_count;
} oa_resource;

typedef struct oa_scope {
  size_t size;
  oa_str name;
  oa_str version;
  oa_str schema_url;
  uint32_t dropped_attributes_count;
} oa_scope;

/* Opens a resource; NULL stands for one without fields.  Attributes that
 * follow are its own. */
OA_API void oa_build_resource(oa_builder *builder, const oa_resource *resource);

/* Opens an instrumentation scope in the resource; NULL stands for none. */
OA_API void oa_build_scope(oa_builder *builder, const oa_scope *scope);

/* --- Attributes and other values ---
 *
 * KEY is the attribute's; inside of an array, and for a log record's body, it
 * must be empty. */

OA_API void oa_build_string(oa_builder *builder, oa_str key, oa_str value);
OA_API void oa_build_bytes(oa_builder *builder, oa_str key, const void *value,
                           size_t len);
OA_API void oa_build_int(oa_builder *builder, oa_str key, int64_t value);
OA_API void oa_build_double(oa_builder *builder, oa_str key, double value);
OA_API void oa_build_bool(oa_builder *builder, oa_str key, int value);
/* An attribute without a value. */
OA_API void oa_build_empty(oa_builder *builder, oa_str key);

/* Opens an array, whose items are the values that follow until
 * oa_build_end(), or a map, whose members are the attributes that follow. */
OA_API void oa_build_array(oa_builder *builder, oa_str key);
OA_API void oa_build_map(oa_builder *builder, oa_str key);

/* Closes what was opened last. */
OA_API void oa_build_end(oa_builder *builder);

/* --- Spans --- */

typedef enum oa_span_kind {
  OA_SPAN_UNSPECIFIED,
  OA_SPAN_INTERNAL,
  OA_SPAN_SERVER,
  OA_SPAN_CLIENT,
  OA_SPAN_PRODUCER,
  OA_SPAN_CONSUMER
} oa_span_kind;

typedef enum oa_span_status {
  OA_STATUS_UNSET,
  OA_STATUS_OK,
  OA_STATUS_ERROR
} oa_span_status;

typedef struct oa_span {
  size_t size;
  uint8_t trace_id[16];
  uint8_t span_id[8];
  uint8_t parent_span_id[8]; /* zeros = none */
  oa_str trace_state;
  uint32_t flags; /* SpanFlags */
  oa_span_kind kind;
  oa_str name;
  uint64_t start_time_unix_nano;
  uint64_t end_time_unix_nano;
  oa_span_status status_code; /* a span always has a status, as of SDKs */
  oa_str status_message;
  uint32_t dropped_attributes_count;
  uint32_t dropped_events_count;
  uint32_t dropped_links_count;
} oa_span;

typedef struct oa_span_link {
  size_t size;
  uint8_t trace_id[16]; /* may be all zeros, as SDKs link nothing too */
  uint8_t span_id[8];   /* likewise */
  oa_str trace_state;
  uint32_t flags;
  uint32_t dropped_attributes_count;
} oa_span_link;

OA_API void oa_build_span(oa_builder *builder, const oa_span *span);
OA_API void oa_build_event(oa_builder *builder, uint64_t time_unix_nano,
                           oa_str name, uint32_t dropped_attributes_count);
OA_API void oa_build_link(oa_builder *builder, const oa_span_link *link);

/* --- Metrics --- */

typedef enum oa_metric_type {
  OA_GAUGE = 1,
  OA_SUM,
  OA_HISTOGRAM,
  OA_EXPONENTIAL_HISTOGRAM,
  OA_SUMMARY
} oa_metric_type;

typedef enum oa_temporality {
  OA_TEMPORALITY_UNSPECIFIED,
  OA_DELTA,
  OA_CUMULATIVE
} oa_temporality;

typedef struct oa_metric {
  size_t size;
  oa_str name;
  oa_str description;
  oa_str unit;
  oa_metric_type type;
  oa_temporality temporality; /* of sums and histograms */
  int is_monotonic;           /* of sums */
} oa_metric;

/* Opens a metric; attributes before its first point are its metadata. */
OA_API void oa_build_metric(oa_builder *builder, const oa_metric *metric);

typedef enum oa_number_type {
  OA_NUMBER_NONE,
  OA_INT,
  OA_DOUBLE
} oa_number_type;

/* What a point and an exemplar measured. */
typedef struct oa_number {
  oa_number_type type;
  union {
    int64_t as_int;
    double as_double;
  } value;
} oa_number;

/* Which of the optional fields are there. */
enum { OA_HAS_SUM = 1, OA_HAS_MIN = 2, OA_HAS_MAX = 4 };

/* Of gauges and sums. */
typedef struct oa_number_point {
  size_t size;
  uint64_t start_time_unix_nano;
  uint64_t time_unix_nano;
  oa_number number;
  uint32_t flags; /* DataPointFlags */
} oa_number_point;

typedef struct oa_histogram_point {
  size_t size;
  uint64_t start_time_unix_nano;
  uint64_t time_unix_nano;
  uint64_t count;
  unsigned has; /* OA_HAS_... */
  double sum, min, max;
  const uint64_t *bucket_counts;
  size_t bucket_count;
  const double *explicit_bounds;
  size_t bound_count;
  uint32_t flags;
} oa_histogram_point;

typedef struct oa_buckets {
  int32_t offset;
  const uint64_t *counts;
  size_t count; /* 0, with COUNTS NULL and OFFSET 0: the field is left out */
} oa_buckets;

typedef struct oa_exponential_histogram_point {
  size_t size;
  uint64_t start_time_unix_nano;
  uint64_t time_unix_nano;
  uint64_t count;
  unsigned has;
  double sum, min, max;
  int32_t scale;
  uint64_t zero_count;
  double zero_threshold;
  oa_buckets positive, negative;
  uint32_t flags;
} oa_exponential_histogram_point;

typedef struct oa_quantile {
  double quantile;
  double value;
} oa_quantile;

typedef struct oa_summary_point {
  size_t size;
  uint64_t start_time_unix_nano;
  uint64_t time_unix_nano;
  uint64_t count;
  double sum;
  const oa_quantile *quantiles;
  size_t quantile_count;
  uint32_t flags;
} oa_summary_point;

/* A point of the metric's type; of another type it is OA_ERR_CONFIG. */
OA_API void oa_build_number_point(oa_builder *builder,
                                  const oa_number_point *point);
OA_API void oa_build_histogram_point(oa_builder *builder,
                                     const oa_histogram_point *point);
OA_API void oa_build_exponential_histogram_point(
    oa_builder *builder, const oa_exponential_histogram_point *point);
OA_API void oa_build_summary_point(oa_builder *builder,
                                   const oa_summary_point *point);

typedef struct oa_exemplar {
  size_t size;
  uint64_t time_unix_nano;
  oa_number number;
  uint8_t trace_id[16]; /* zeros = none */
  uint8_t span_id[8];   /* zeros = none */
} oa_exemplar;

/* An exemplar of the point; attributes that follow are its filtered ones. */
OA_API void oa_build_exemplar(oa_builder *builder, const oa_exemplar *exemplar);

/* --- Log records --- */

typedef struct oa_log_record {
  size_t size;
  uint64_t time_unix_nano;
  uint64_t observed_time_unix_nano;
  int32_t severity_number; /* 0 to 24 */
  oa_str severity_text;
  oa_str event_name;
  uint8_t trace_id[16]; /* zeros = none */
  uint8_t span_id[8];   /* zeros = none */
  uint32_t flags;
  uint32_t dropped_attributes_count;
} oa_log_record;

OA_API void oa_build_log_record(oa_builder *builder,
                                const oa_log_record *record);

/* The one value that follows, with an empty key, is the record's body. */
OA_API void oa_build_body(oa_builder *builder);

#ifdef __cplusplus
}
#endif

#endif
