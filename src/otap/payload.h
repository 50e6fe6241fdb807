/* SPDX-License-Identifier: Apache-2.0 */
/* payload.h - the tables of OpenTelemetry's Arrow protocol (OTAP), as data.
 *
 * A batch comes as up to some 15 small tables that refer to each other by id:
 * one root (spans, log records, metrics) and children (attributes, events,
 * data points, ...).  Here stands which tables there are (ArrowPayloadType of
 * arrow_service.proto), which service may send them, whose ids their
 * parent_id means, and which columns they have; the decoder and the encoder
 * both read it.  All constants, so any thread may call.
 *
 * What the protocol leaves open and both sides here agree on: the `resource`
 * or `scope` message of a row is absent when nothing but the id and the schema
 * URL is set for it (no attributes, and null for name, version and
 * dropped_attributes_count); an empty message that is present has a 0 or ""
 * that is not null.  A `status`, `body`, `positive` or `negative` struct that
 * is null is an absent message; any other is present.
 */
#ifndef OA_OTAP_PAYLOAD_H
#define OA_OTAP_PAYLOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "arrow/type.h"
#include "otlp/schema.h"

typedef enum oa_payload_type {
  OA_PAYLOAD_UNKNOWN = 0,
  OA_PAYLOAD_RESOURCE_ATTRS = 1,
  OA_PAYLOAD_SCOPE_ATTRS = 2,
  OA_PAYLOAD_METRICS = 10, /* UNIVARIATE_METRICS */
  OA_PAYLOAD_NUMBER_POINTS = 11,
  OA_PAYLOAD_SUMMARY_POINTS = 12,
  OA_PAYLOAD_HISTOGRAM_POINTS = 13,
  OA_PAYLOAD_EXP_HISTOGRAM_POINTS = 14,
  OA_PAYLOAD_NUMBER_POINT_ATTRS = 15,
  OA_PAYLOAD_SUMMARY_POINT_ATTRS = 16,
  OA_PAYLOAD_HISTOGRAM_POINT_ATTRS = 17,
  OA_PAYLOAD_EXP_HISTOGRAM_POINT_ATTRS = 18,
  OA_PAYLOAD_NUMBER_EXEMPLARS = 19,
  OA_PAYLOAD_HISTOGRAM_EXEMPLARS = 20,
  OA_PAYLOAD_EXP_HISTOGRAM_EXEMPLARS = 21,
  OA_PAYLOAD_NUMBER_EXEMPLAR_ATTRS = 22,
  OA_PAYLOAD_HISTOGRAM_EXEMPLAR_ATTRS = 23,
  OA_PAYLOAD_EXP_HISTOGRAM_EXEMPLAR_ATTRS = 24,
  OA_PAYLOAD_MULTIVARIATE_METRICS = 25, /* has no schema anywhere */
  OA_PAYLOAD_METRIC_ATTRS = 26,
  OA_PAYLOAD_LOGS = 30,
  OA_PAYLOAD_LOG_ATTRS = 31,
  OA_PAYLOAD_SPANS = 40,
  OA_PAYLOAD_SPAN_ATTRS = 41,
  OA_PAYLOAD_SPAN_EVENTS = 42,
  OA_PAYLOAD_SPAN_LINKS = 43,
  OA_PAYLOAD_SPAN_EVENT_ATTRS = 44,
  OA_PAYLOAD_SPAN_LINK_ATTRS = 45,
  OA_PAYLOAD_TYPE_END /* one past the last */
} oa_payload_type;

/* How the numbers of an id column are written when the field's metadata key
 * "encoding" does not say otherwise. */
typedef enum oa_payload_encoding {
  OA_ENCODING_PLAIN,
  OA_ENCODING_DELTA,       /* to the row before, nulls skipped */
  OA_ENCODING_QUASI_DELTA, /* to the row before while it looks alike */
} oa_payload_encoding;

/* Index types that a sender may choose for a dictionary. */
typedef enum oa_payload_dictionary {
  OA_DICTIONARY_NEVER,
  OA_DICTIONARY_8_16,
  OA_DICTIONARY_16,
} oa_payload_dictionary;

enum { OA_PAYLOAD_TOP = -1 };

/* One column, or one member of a struct column. */
typedef struct oa_payload_column {
  const char *name;
  int inside;    /* number of the struct it is a member of, or TOP */
  oa_type type;  /* of the values */
  oa_type item;  /* LIST: type of the items */
  int32_t width; /* FIXED_BINARY */
  bool required; /* a table with rows must have it */
  oa_payload_encoding encoding;
  oa_payload_dictionary dictionary;
} oa_payload_column;

typedef struct oa_payload_info {
  const char *name;       /* as in the .proto; NULL: no such type */
  oa_payload_type parent; /* whose ids parent_id means; UNKNOWN for a root */
  oa_signal signal;       /* OA_SIGNAL_COUNT: every service has it */
  const oa_payload_column *columns; /* by the enums below */
  size_t column_count;
} oa_payload_info;

/* What is known of TYPE, which may be any number; never NULL. */
const oa_payload_info *oa_payload_info_of(uint64_t type);

/* True when the service of SIGNAL may send TYPE (MULTIVARIATE_METRICS is never
 * allowed). */
bool oa_payload_allowed(uint64_t type, oa_signal signal);

/* SPANS, METRICS or LOGS. */
oa_payload_type oa_payload_root(oa_signal signal);

/* No table has more columns than this. */
enum { OA_PAYLOAD_MAX_COLUMNS = 28 };

/* --- columns, in the order in which they are written --- */

enum {
  OA_OTAP_ATTR_PARENT_ID,
  OA_OTAP_ATTR_KEY,
  OA_OTAP_ATTR_TYPE,
  OA_OTAP_ATTR_STR,
  OA_OTAP_ATTR_INT,
  OA_OTAP_ATTR_DOUBLE,
  OA_OTAP_ATTR_BOOL,
  OA_OTAP_ATTR_BYTES,
  OA_OTAP_ATTR_SER,
  OA_OTAP_ATTR_COUNT
};

/* What the three roots begin with. */
enum {
  OA_OTAP_ID,
  OA_OTAP_RESOURCE,
  OA_OTAP_RESOURCE_ID,
  OA_OTAP_RESOURCE_SCHEMA_URL,
  OA_OTAP_RESOURCE_DROPPED,
  OA_OTAP_SCOPE,
  OA_OTAP_SCOPE_ID,
  OA_OTAP_SCOPE_NAME,
  OA_OTAP_SCOPE_VERSION,
  OA_OTAP_SCOPE_DROPPED,
  OA_OTAP_SCHEMA_URL,
  OA_OTAP_ROOT_COUNT
};

enum {
  OA_OTAP_SPAN_START = OA_OTAP_ROOT_COUNT,
  OA_OTAP_SPAN_DURATION,
  OA_OTAP_SPAN_TRACE_ID,
  OA_OTAP_SPAN_SPAN_ID,
  OA_OTAP_SPAN_TRACE_STATE,
  OA_OTAP_SPAN_PARENT_SPAN_ID,
  OA_OTAP_SPAN_FLAGS,
  OA_OTAP_SPAN_NAME,
  OA_OTAP_SPAN_KIND,
  OA_OTAP_SPAN_DROPPED_ATTRIBUTES,
  OA_OTAP_SPAN_DROPPED_EVENTS,
  OA_OTAP_SPAN_DROPPED_LINKS,
  OA_OTAP_SPAN_STATUS,
  OA_OTAP_SPAN_STATUS_CODE,
  OA_OTAP_SPAN_STATUS_MESSAGE,
  OA_OTAP_SPAN_COUNT
};

enum {
  OA_OTAP_LOG_TIME = OA_OTAP_ROOT_COUNT,
  OA_OTAP_LOG_OBSERVED_TIME,
  OA_OTAP_LOG_TRACE_ID,
  OA_OTAP_LOG_SPAN_ID,
  OA_OTAP_LOG_SEVERITY_NUMBER,
  OA_OTAP_LOG_SEVERITY_TEXT,
  OA_OTAP_LOG_BODY,
  OA_OTAP_LOG_BODY_TYPE,
  OA_OTAP_LOG_BODY_STR,
  OA_OTAP_LOG_BODY_INT,
  OA_OTAP_LOG_BODY_DOUBLE,
  OA_OTAP_LOG_BODY_BOOL,
  OA_OTAP_LOG_BODY_BYTES,
  OA_OTAP_LOG_BODY_SER,
  OA_OTAP_LOG_DROPPED_ATTRIBUTES,
  OA_OTAP_LOG_FLAGS,
  OA_OTAP_LOG_EVENT_NAME,
  OA_OTAP_LOG_COUNT
};

enum {
  OA_OTAP_METRIC_TYPE = OA_OTAP_ROOT_COUNT,
  OA_OTAP_METRIC_NAME,
  OA_OTAP_METRIC_DESCRIPTION,
  OA_OTAP_METRIC_UNIT,
  OA_OTAP_METRIC_TEMPORALITY,
  OA_OTAP_METRIC_IS_MONOTONIC,
  OA_OTAP_METRIC_COUNT
};

enum {
  OA_OTAP_EVENT_ID,
  OA_OTAP_EVENT_PARENT_ID,
  OA_OTAP_EVENT_TIME,
  OA_OTAP_EVENT_NAME,
  OA_OTAP_EVENT_DROPPED_ATTRIBUTES,
  OA_OTAP_EVENT_COUNT
};

enum {
  OA_OTAP_LINK_ID,
  OA_OTAP_LINK_PARENT_ID,
  OA_OTAP_LINK_TRACE_ID,
  OA_OTAP_LINK_SPAN_ID,
  OA_OTAP_LINK_TRACE_STATE,
  OA_OTAP_LINK_DROPPED_ATTRIBUTES,
  OA_OTAP_LINK_FLAGS,
  OA_OTAP_LINK_COUNT
};

/* What the four tables of data points begin with. */
enum {
  OA_OTAP_POINT_ID,
  OA_OTAP_POINT_PARENT_ID,
  OA_OTAP_POINT_START,
  OA_OTAP_POINT_TIME,
  OA_OTAP_POINT_FLAGS,
  OA_OTAP_POINT_COMMON_COUNT
};

enum {
  OA_OTAP_NUMBER_INT = OA_OTAP_POINT_COMMON_COUNT,
  OA_OTAP_NUMBER_DOUBLE,
  OA_OTAP_NUMBER_COUNT
};

enum {
  OA_OTAP_SUMMARY_COUNT = OA_OTAP_POINT_COMMON_COUNT,
  OA_OTAP_SUMMARY_SUM,
  OA_OTAP_SUMMARY_QUANTILE, /* list of struct<quantile, value>: double */
  OA_OTAP_SUMMARY_COLUMN_COUNT
};

enum {
  OA_OTAP_HISTOGRAM_COUNT = OA_OTAP_POINT_COMMON_COUNT,
  OA_OTAP_HISTOGRAM_SUM,
  OA_OTAP_HISTOGRAM_BUCKET_COUNTS,
  OA_OTAP_HISTOGRAM_EXPLICIT_BOUNDS,
  OA_OTAP_HISTOGRAM_MIN,
  OA_OTAP_HISTOGRAM_MAX,
  OA_OTAP_HISTOGRAM_COLUMN_COUNT
};

enum {
  OA_OTAP_EXP_COUNT = OA_OTAP_POINT_COMMON_COUNT,
  OA_OTAP_EXP_SUM,
  OA_OTAP_EXP_SCALE,
  OA_OTAP_EXP_ZERO_COUNT,
  OA_OTAP_EXP_POSITIVE,
  OA_OTAP_EXP_POSITIVE_OFFSET,
  OA_OTAP_EXP_POSITIVE_BUCKET_COUNTS,
  OA_OTAP_EXP_NEGATIVE,
  OA_OTAP_EXP_NEGATIVE_OFFSET,
  OA_OTAP_EXP_NEGATIVE_BUCKET_COUNTS,
  OA_OTAP_EXP_MIN,
  OA_OTAP_EXP_MAX,
  OA_OTAP_EXP_ZERO_THRESHOLD,
  OA_OTAP_EXP_COLUMN_COUNT
};

enum {
  OA_OTAP_EXEMPLAR_ID,
  OA_OTAP_EXEMPLAR_PARENT_ID,
  OA_OTAP_EXEMPLAR_TIME,
  OA_OTAP_EXEMPLAR_INT,
  OA_OTAP_EXEMPLAR_DOUBLE,
  OA_OTAP_EXEMPLAR_SPAN_ID,
  OA_OTAP_EXEMPLAR_TRACE_ID,
  OA_OTAP_EXEMPLAR_COUNT
};

#endif
