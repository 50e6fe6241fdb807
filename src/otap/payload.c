/* SPDX-License-Identifier: Apache-2.0 */
/* The tables of the OTAP specification, section 5, as its two reference
 * implementations write them where they differ from its text. */
#include "otap/payload.h"

#define COUNT(TABLE) (sizeof(TABLE) / sizeof(TABLE)[0])

/* Shapes of a column, so that the tables below read as tables. */
#define TOP .inside = OA_PAYLOAD_TOP
#define PLAIN(NAME, TYPE) \
  { .name = (NAME), TOP, .type = (TYPE) }
#define MUST(NAME, TYPE) \
  { .name = (NAME), TOP, .type = (TYPE), .required = true }
#define DICT(NAME, TYPE) \
  { .name = (NAME), TOP, .type = (TYPE), .dictionary = OA_DICTIONARY_8_16 }
#define MUST_DICT(NAME, TYPE)                              \
  {                                                        \
    .name = (NAME), TOP, .type = (TYPE), .required = true, \
    .dictionary = OA_DICTIONARY_8_16                       \
  }
#define DICT16(NAME, TYPE) \
  { .name = (NAME), TOP, .type = (TYPE), .dictionary = OA_DICTIONARY_16 }
#define MEMBER(STRUCT, NAME, TYPE) \
  { .name = (NAME), .inside = (STRUCT), .type = (TYPE) }
#define MEMBER_DICT(STRUCT, NAME, TYPE)                 \
  {                                                     \
    .name = (NAME), .inside = (STRUCT), .type = (TYPE), \
    .dictionary = OA_DICTIONARY_8_16                    \
  }
#define MEMBER_DICT16(STRUCT, NAME, TYPE)               \
  {                                                     \
    .name = (NAME), .inside = (STRUCT), .type = (TYPE), \
    .dictionary = OA_DICTIONARY_16                      \
  }
#define ID(NAME, TYPE) \
  { .name = (NAME), TOP, .type = (TYPE), .encoding = OA_ENCODING_DELTA }
#define MEMBER_ID(STRUCT, NAME, TYPE)                   \
  {                                                     \
    .name = (NAME), .inside = (STRUCT), .type = (TYPE), \
    .encoding = OA_ENCODING_DELTA                       \
  }
#define PARENT(TYPE, ENCODING)                                  \
  {                                                             \
    .name = "parent_id", TOP, .type = (TYPE), .required = true, \
    .encoding = (ENCODING)                                      \
  }
#define FIXED(NAME, WIDTH, KIND)                                         \
  {                                                                      \
    .name = (NAME), TOP, .type = OA_TYPE_FIXED_BINARY, .width = (WIDTH), \
    .dictionary = (KIND)                                                 \
  }
#define MUST_FIXED(NAME, WIDTH)                                          \
  {                                                                      \
    .name = (NAME), TOP, .type = OA_TYPE_FIXED_BINARY, .width = (WIDTH), \
    .required = true, .dictionary = OA_DICTIONARY_8_16                   \
  }
#define LIST(NAME, ITEM) \
  { .name = (NAME), TOP, .type = OA_TYPE_LIST, .item = (ITEM) }
#define MEMBER_LIST(STRUCT, NAME, ITEM) \
  { .name = (NAME), .inside = (STRUCT), .type = OA_TYPE_LIST, .item = (ITEM) }

/* --- attributes --- */

#define ATTR_COLUMNS                                       \
  [OA_OTAP_ATTR_KEY] = MUST_DICT("key", OA_TYPE_UTF8),     \
  [OA_OTAP_ATTR_TYPE] = MUST("type", OA_TYPE_UINT8),       \
  [OA_OTAP_ATTR_STR] = DICT16("str", OA_TYPE_UTF8),        \
  [OA_OTAP_ATTR_INT] = DICT16("int", OA_TYPE_INT64),       \
  [OA_OTAP_ATTR_DOUBLE] = PLAIN("double", OA_TYPE_DOUBLE), \
  [OA_OTAP_ATTR_BOOL] = PLAIN("bool", OA_TYPE_BOOL),       \
  [OA_OTAP_ATTR_BYTES] = DICT16("bytes", OA_TYPE_BINARY),  \
  [OA_OTAP_ATTR_SER] = DICT16("ser", OA_TYPE_BINARY)

static const oa_payload_column attrs16[] = {
    [OA_OTAP_ATTR_PARENT_ID] = PARENT(OA_TYPE_UINT16, OA_ENCODING_QUASI_DELTA),
    ATTR_COLUMNS,
};
static const oa_payload_column attrs32[] = {
    [OA_OTAP_ATTR_PARENT_ID] = {.name = "parent_id",
                                TOP,
                                .type = OA_TYPE_UINT32,
                                .required = true,
                                .encoding = OA_ENCODING_QUASI_DELTA,
                                .dictionary = OA_DICTIONARY_8_16},
    ATTR_COLUMNS,
};

/* --- roots --- */

#define ROOT_COLUMNS                                                         \
  [OA_OTAP_ID] = ID("id", OA_TYPE_UINT16),                                   \
  [OA_OTAP_RESOURCE] = PLAIN("resource", OA_TYPE_STRUCT),                    \
  [OA_OTAP_RESOURCE_ID] = MEMBER_ID(OA_OTAP_RESOURCE, "id", OA_TYPE_UINT16), \
  [OA_OTAP_RESOURCE_SCHEMA_URL] =                                            \
      MEMBER_DICT(OA_OTAP_RESOURCE, "schema_url", OA_TYPE_UTF8),             \
  [OA_OTAP_RESOURCE_DROPPED] =                                               \
      MEMBER(OA_OTAP_RESOURCE, "dropped_attributes_count", OA_TYPE_UINT32),  \
  [OA_OTAP_SCOPE] = PLAIN("scope", OA_TYPE_STRUCT),                          \
  [OA_OTAP_SCOPE_ID] = MEMBER_ID(OA_OTAP_SCOPE, "id", OA_TYPE_UINT16),       \
  [OA_OTAP_SCOPE_NAME] = MEMBER_DICT(OA_OTAP_SCOPE, "name", OA_TYPE_UTF8),   \
  [OA_OTAP_SCOPE_VERSION] =                                                  \
      MEMBER_DICT(OA_OTAP_SCOPE, "version", OA_TYPE_UTF8),                   \
  [OA_OTAP_SCOPE_DROPPED] =                                                  \
      MEMBER(OA_OTAP_SCOPE, "dropped_attributes_count", OA_TYPE_UINT32),     \
  [OA_OTAP_SCHEMA_URL] = DICT("schema_url", OA_TYPE_UTF8)

static const oa_payload_column spans[] = {
    ROOT_COLUMNS,
    [OA_OTAP_SPAN_START] = MUST("start_time_unix_nano", OA_TYPE_TIMESTAMP),
    [OA_OTAP_SPAN_DURATION] =
        MUST_DICT("duration_time_unix_nano", OA_TYPE_DURATION),
    [OA_OTAP_SPAN_TRACE_ID] = MUST_FIXED("trace_id", 16),
    [OA_OTAP_SPAN_SPAN_ID] = MUST_FIXED("span_id", 8),
    [OA_OTAP_SPAN_TRACE_STATE] = DICT("trace_state", OA_TYPE_UTF8),
    [OA_OTAP_SPAN_PARENT_SPAN_ID] =
        FIXED("parent_span_id", 8, OA_DICTIONARY_NEVER),
    [OA_OTAP_SPAN_FLAGS] = PLAIN("flags", OA_TYPE_UINT32),
    [OA_OTAP_SPAN_NAME] = MUST_DICT("name", OA_TYPE_UTF8),
    [OA_OTAP_SPAN_KIND] = DICT("kind", OA_TYPE_INT32),
    [OA_OTAP_SPAN_DROPPED_ATTRIBUTES] =
        PLAIN("dropped_attributes_count", OA_TYPE_UINT32),
    [OA_OTAP_SPAN_DROPPED_EVENTS] =
        PLAIN("dropped_events_count", OA_TYPE_UINT32),
    [OA_OTAP_SPAN_DROPPED_LINKS] = PLAIN("dropped_links_count", OA_TYPE_UINT32),
    [OA_OTAP_SPAN_STATUS] = PLAIN("status", OA_TYPE_STRUCT),
    [OA_OTAP_SPAN_STATUS_CODE] =
        MEMBER_DICT(OA_OTAP_SPAN_STATUS, "code", OA_TYPE_INT32),
    [OA_OTAP_SPAN_STATUS_MESSAGE] =
        MEMBER_DICT(OA_OTAP_SPAN_STATUS, "status_message", OA_TYPE_UTF8),
};

static const oa_payload_column logs[] = {
    ROOT_COLUMNS,
    [OA_OTAP_LOG_TIME] = PLAIN("time_unix_nano", OA_TYPE_TIMESTAMP),
    [OA_OTAP_LOG_OBSERVED_TIME] =
        PLAIN("observed_time_unix_nano", OA_TYPE_TIMESTAMP),
    [OA_OTAP_LOG_TRACE_ID] = FIXED("trace_id", 16, OA_DICTIONARY_8_16),
    [OA_OTAP_LOG_SPAN_ID] = FIXED("span_id", 8, OA_DICTIONARY_8_16),
    [OA_OTAP_LOG_SEVERITY_NUMBER] = DICT("severity_number", OA_TYPE_INT32),
    [OA_OTAP_LOG_SEVERITY_TEXT] = DICT("severity_text", OA_TYPE_UTF8),
    [OA_OTAP_LOG_BODY] = PLAIN("body", OA_TYPE_STRUCT),
    [OA_OTAP_LOG_BODY_TYPE] = MEMBER(OA_OTAP_LOG_BODY, "type", OA_TYPE_UINT8),
    [OA_OTAP_LOG_BODY_STR] =
        MEMBER_DICT16(OA_OTAP_LOG_BODY, "str", OA_TYPE_UTF8),
    [OA_OTAP_LOG_BODY_INT] =
        MEMBER_DICT16(OA_OTAP_LOG_BODY, "int", OA_TYPE_INT64),
    [OA_OTAP_LOG_BODY_DOUBLE] =
        MEMBER(OA_OTAP_LOG_BODY, "double", OA_TYPE_DOUBLE),
    [OA_OTAP_LOG_BODY_BOOL] = MEMBER(OA_OTAP_LOG_BODY, "bool", OA_TYPE_BOOL),
    [OA_OTAP_LOG_BODY_BYTES] =
        MEMBER_DICT16(OA_OTAP_LOG_BODY, "bytes", OA_TYPE_BINARY),
    [OA_OTAP_LOG_BODY_SER] =
        MEMBER_DICT16(OA_OTAP_LOG_BODY, "ser", OA_TYPE_BINARY),
    [OA_OTAP_LOG_DROPPED_ATTRIBUTES] =
        PLAIN("dropped_attributes_count", OA_TYPE_UINT32),
    [OA_OTAP_LOG_FLAGS] = PLAIN("flags", OA_TYPE_UINT32),
    [OA_OTAP_LOG_EVENT_NAME] = DICT("event_name", OA_TYPE_UTF8),
};

static const oa_payload_column metrics[] = {
    ROOT_COLUMNS,
    [OA_OTAP_METRIC_TYPE] = MUST("metric_type", OA_TYPE_UINT8),
    [OA_OTAP_METRIC_NAME] = MUST_DICT("name", OA_TYPE_UTF8),
    [OA_OTAP_METRIC_DESCRIPTION] = DICT("description", OA_TYPE_UTF8),
    [OA_OTAP_METRIC_UNIT] = DICT("unit", OA_TYPE_UTF8),
    [OA_OTAP_METRIC_TEMPORALITY] =
        DICT("aggregation_temporality", OA_TYPE_INT32),
    [OA_OTAP_METRIC_IS_MONOTONIC] = PLAIN("is_monotonic", OA_TYPE_BOOL),
};

/* --- events and links --- */

static const oa_payload_column events[] = {
    [OA_OTAP_EVENT_ID] = ID("id", OA_TYPE_UINT32),
    [OA_OTAP_EVENT_PARENT_ID] = PARENT(OA_TYPE_UINT16, OA_ENCODING_QUASI_DELTA),
    [OA_OTAP_EVENT_TIME] = PLAIN("time_unix_nano", OA_TYPE_TIMESTAMP),
    [OA_OTAP_EVENT_NAME] = MUST_DICT("name", OA_TYPE_UTF8),
    [OA_OTAP_EVENT_DROPPED_ATTRIBUTES] =
        PLAIN("dropped_attributes_count", OA_TYPE_UINT32),
};

static const oa_payload_column links[] = {
    [OA_OTAP_LINK_ID] = ID("id", OA_TYPE_UINT32),
    [OA_OTAP_LINK_PARENT_ID] = PARENT(OA_TYPE_UINT16, OA_ENCODING_QUASI_DELTA),
    [OA_OTAP_LINK_TRACE_ID] = MUST_FIXED("trace_id", 16),
    [OA_OTAP_LINK_SPAN_ID] = MUST_FIXED("span_id", 8),
    [OA_OTAP_LINK_TRACE_STATE] = DICT("trace_state", OA_TYPE_UTF8),
    [OA_OTAP_LINK_DROPPED_ATTRIBUTES] =
        PLAIN("dropped_attributes_count", OA_TYPE_UINT32),
    [OA_OTAP_LINK_FLAGS] = PLAIN("flags", OA_TYPE_UINT32),
};

/* --- data points and exemplars --- */

#define POINT_COLUMNS                                                       \
  [OA_OTAP_POINT_ID] = ID("id", OA_TYPE_UINT32),                            \
  [OA_OTAP_POINT_PARENT_ID] = PARENT(OA_TYPE_UINT16, OA_ENCODING_DELTA),    \
  [OA_OTAP_POINT_START] = PLAIN("start_time_unix_nano", OA_TYPE_TIMESTAMP), \
  [OA_OTAP_POINT_TIME] = PLAIN("time_unix_nano", OA_TYPE_TIMESTAMP),        \
  [OA_OTAP_POINT_FLAGS] = PLAIN("flags", OA_TYPE_UINT32)

static const oa_payload_column number_points[] = {
    POINT_COLUMNS,
    [OA_OTAP_NUMBER_INT] = PLAIN("int_value", OA_TYPE_INT64),
    [OA_OTAP_NUMBER_DOUBLE] = PLAIN("double_value", OA_TYPE_DOUBLE),
};

static const oa_payload_column summary_points[] = {
    POINT_COLUMNS,
    [OA_OTAP_SUMMARY_COUNT] = PLAIN("count", OA_TYPE_UINT64),
    [OA_OTAP_SUMMARY_SUM] = PLAIN("sum", OA_TYPE_DOUBLE),
    [OA_OTAP_SUMMARY_QUANTILE] = LIST("quantile", OA_TYPE_STRUCT),
};

static const oa_payload_column histogram_points[] = {
    POINT_COLUMNS,
    [OA_OTAP_HISTOGRAM_COUNT] = PLAIN("count", OA_TYPE_UINT64),
    [OA_OTAP_HISTOGRAM_SUM] = PLAIN("sum", OA_TYPE_DOUBLE),
    [OA_OTAP_HISTOGRAM_BUCKET_COUNTS] = LIST("bucket_counts", OA_TYPE_UINT64),
    [OA_OTAP_HISTOGRAM_EXPLICIT_BOUNDS] =
        LIST("explicit_bounds", OA_TYPE_DOUBLE),
    [OA_OTAP_HISTOGRAM_MIN] = PLAIN("min", OA_TYPE_DOUBLE),
    [OA_OTAP_HISTOGRAM_MAX] = PLAIN("max", OA_TYPE_DOUBLE),
};

static const oa_payload_column exp_histogram_points[] = {
    POINT_COLUMNS,
    [OA_OTAP_EXP_COUNT] = PLAIN("count", OA_TYPE_UINT64),
    [OA_OTAP_EXP_SUM] = PLAIN("sum", OA_TYPE_DOUBLE),
    [OA_OTAP_EXP_SCALE] = PLAIN("scale", OA_TYPE_INT32),
    [OA_OTAP_EXP_ZERO_COUNT] = PLAIN("zero_count", OA_TYPE_UINT64),
    [OA_OTAP_EXP_POSITIVE] = PLAIN("positive", OA_TYPE_STRUCT),
    [OA_OTAP_EXP_POSITIVE_OFFSET] =
        MEMBER(OA_OTAP_EXP_POSITIVE, "offset", OA_TYPE_INT32),
    [OA_OTAP_EXP_POSITIVE_BUCKET_COUNTS] =
        MEMBER_LIST(OA_OTAP_EXP_POSITIVE, "bucket_counts", OA_TYPE_UINT64),
    [OA_OTAP_EXP_NEGATIVE] = PLAIN("negative", OA_TYPE_STRUCT),
    [OA_OTAP_EXP_NEGATIVE_OFFSET] =
        MEMBER(OA_OTAP_EXP_NEGATIVE, "offset", OA_TYPE_INT32),
    [OA_OTAP_EXP_NEGATIVE_BUCKET_COUNTS] =
        MEMBER_LIST(OA_OTAP_EXP_NEGATIVE, "bucket_counts", OA_TYPE_UINT64),
    [OA_OTAP_EXP_MIN] = PLAIN("min", OA_TYPE_DOUBLE),
    [OA_OTAP_EXP_MAX] = PLAIN("max", OA_TYPE_DOUBLE),
    [OA_OTAP_EXP_ZERO_THRESHOLD] = PLAIN("zero_threshold", OA_TYPE_DOUBLE),
};

static const oa_payload_column exemplars[] = {
    [OA_OTAP_EXEMPLAR_ID] = ID("id", OA_TYPE_UINT32),
    [OA_OTAP_EXEMPLAR_PARENT_ID] = {.name = "parent_id",
                                    TOP,
                                    .type = OA_TYPE_UINT32,
                                    .required = true,
                                    .encoding = OA_ENCODING_QUASI_DELTA,
                                    .dictionary = OA_DICTIONARY_8_16},
    [OA_OTAP_EXEMPLAR_TIME] = MUST("time_unix_nano", OA_TYPE_TIMESTAMP),
    [OA_OTAP_EXEMPLAR_INT] = DICT("int_value", OA_TYPE_INT64),
    [OA_OTAP_EXEMPLAR_DOUBLE] = PLAIN("double_value", OA_TYPE_DOUBLE),
    [OA_OTAP_EXEMPLAR_SPAN_ID] = FIXED("span_id", 8, OA_DICTIONARY_8_16),
    [OA_OTAP_EXEMPLAR_TRACE_ID] = FIXED("trace_id", 16, OA_DICTIONARY_8_16),
};

/* --- which table is whose --- */

#define TABLE(NAME, SIGNAL, PARENT_TYPE, COLUMNS)                \
  {                                                              \
    .name = (NAME), .signal = (SIGNAL), .parent = (PARENT_TYPE), \
    .columns = (COLUMNS), .column_count = COUNT(COLUMNS)         \
  }

static const oa_payload_info infos[OA_PAYLOAD_TYPE_END] = {
    /* Their parents are resource.id and scope.id of the root. */
    [OA_PAYLOAD_RESOURCE_ATTRS] =
        TABLE("RESOURCE_ATTRS", OA_SIGNAL_COUNT, OA_PAYLOAD_UNKNOWN, attrs16),
    [OA_PAYLOAD_SCOPE_ATTRS] =
        TABLE("SCOPE_ATTRS", OA_SIGNAL_COUNT, OA_PAYLOAD_UNKNOWN, attrs16),
    [OA_PAYLOAD_METRICS] =
        TABLE("UNIVARIATE_METRICS", OA_METRICS, OA_PAYLOAD_UNKNOWN, metrics),
    [OA_PAYLOAD_NUMBER_POINTS] = TABLE("NUMBER_DATA_POINTS", OA_METRICS,
                                       OA_PAYLOAD_METRICS, number_points),
    [OA_PAYLOAD_SUMMARY_POINTS] = TABLE("SUMMARY_DATA_POINTS", OA_METRICS,
                                        OA_PAYLOAD_METRICS, summary_points),
    [OA_PAYLOAD_HISTOGRAM_POINTS] = TABLE("HISTOGRAM_DATA_POINTS", OA_METRICS,
                                          OA_PAYLOAD_METRICS, histogram_points),
    [OA_PAYLOAD_EXP_HISTOGRAM_POINTS] =
        TABLE("EXP_HISTOGRAM_DATA_POINTS", OA_METRICS, OA_PAYLOAD_METRICS,
              exp_histogram_points),
    [OA_PAYLOAD_NUMBER_POINT_ATTRS] =
        TABLE("NUMBER_DP_ATTRS", OA_METRICS, OA_PAYLOAD_NUMBER_POINTS, attrs32),
    [OA_PAYLOAD_SUMMARY_POINT_ATTRS] = TABLE(
        "SUMMARY_DP_ATTRS", OA_METRICS, OA_PAYLOAD_SUMMARY_POINTS, attrs32),
    [OA_PAYLOAD_HISTOGRAM_POINT_ATTRS] = TABLE(
        "HISTOGRAM_DP_ATTRS", OA_METRICS, OA_PAYLOAD_HISTOGRAM_POINTS, attrs32),
    [OA_PAYLOAD_EXP_HISTOGRAM_POINT_ATTRS] =
        TABLE("EXP_HISTOGRAM_DP_ATTRS", OA_METRICS,
              OA_PAYLOAD_EXP_HISTOGRAM_POINTS, attrs32),
    [OA_PAYLOAD_NUMBER_EXEMPLARS] = TABLE("NUMBER_DP_EXEMPLARS", OA_METRICS,
                                          OA_PAYLOAD_NUMBER_POINTS, exemplars),
    [OA_PAYLOAD_HISTOGRAM_EXEMPLARS] =
        TABLE("HISTOGRAM_DP_EXEMPLARS", OA_METRICS, OA_PAYLOAD_HISTOGRAM_POINTS,
              exemplars),
    [OA_PAYLOAD_EXP_HISTOGRAM_EXEMPLARS] =
        TABLE("EXP_HISTOGRAM_DP_EXEMPLARS", OA_METRICS,
              OA_PAYLOAD_EXP_HISTOGRAM_POINTS, exemplars),
    [OA_PAYLOAD_NUMBER_EXEMPLAR_ATTRS] =
        TABLE("NUMBER_DP_EXEMPLAR_ATTRS", OA_METRICS,
              OA_PAYLOAD_NUMBER_EXEMPLARS, attrs32),
    [OA_PAYLOAD_HISTOGRAM_EXEMPLAR_ATTRS] =
        TABLE("HISTOGRAM_DP_EXEMPLAR_ATTRS", OA_METRICS,
              OA_PAYLOAD_HISTOGRAM_EXEMPLARS, attrs32),
    [OA_PAYLOAD_EXP_HISTOGRAM_EXEMPLAR_ATTRS] =
        TABLE("EXP_HISTOGRAM_DP_EXEMPLAR_ATTRS", OA_METRICS,
              OA_PAYLOAD_EXP_HISTOGRAM_EXEMPLARS, attrs32),
    [OA_PAYLOAD_MULTIVARIATE_METRICS] = {.name = "MULTIVARIATE_METRICS",
                                         .signal = OA_METRICS},
    [OA_PAYLOAD_METRIC_ATTRS] =
        TABLE("METRIC_ATTRS", OA_METRICS, OA_PAYLOAD_METRICS, attrs16),
    [OA_PAYLOAD_LOGS] = TABLE("LOGS", OA_LOGS, OA_PAYLOAD_UNKNOWN, logs),
    [OA_PAYLOAD_LOG_ATTRS] =
        TABLE("LOG_ATTRS", OA_LOGS, OA_PAYLOAD_LOGS, attrs16),
    [OA_PAYLOAD_SPANS] = TABLE("SPANS", OA_TRACES, OA_PAYLOAD_UNKNOWN, spans),
    [OA_PAYLOAD_SPAN_ATTRS] =
        TABLE("SPAN_ATTRS", OA_TRACES, OA_PAYLOAD_SPANS, attrs16),
    [OA_PAYLOAD_SPAN_EVENTS] =
        TABLE("SPAN_EVENTS", OA_TRACES, OA_PAYLOAD_SPANS, events),
    [OA_PAYLOAD_SPAN_LINKS] =
        TABLE("SPAN_LINKS", OA_TRACES, OA_PAYLOAD_SPANS, links),
    [OA_PAYLOAD_SPAN_EVENT_ATTRS] =
        TABLE("SPAN_EVENT_ATTRS", OA_TRACES, OA_PAYLOAD_SPAN_EVENTS, attrs32),
    [OA_PAYLOAD_SPAN_LINK_ATTRS] =
        TABLE("SPAN_LINK_ATTRS", OA_TRACES, OA_PAYLOAD_SPAN_LINKS, attrs32),
};

_Static_assert(COUNT(logs) <= OA_PAYLOAD_MAX_COLUMNS &&
                   COUNT(spans) <= OA_PAYLOAD_MAX_COLUMNS,
               "the roots have the most columns");

const oa_payload_info *oa_payload_info_of(uint64_t type) {
  return &infos[type < OA_PAYLOAD_TYPE_END ? type : OA_PAYLOAD_UNKNOWN];
}

bool oa_payload_allowed(uint64_t type, oa_signal signal) {
  const oa_payload_info *info = oa_payload_info_of(type);
  return info->columns != NULL &&
         (info->signal == signal || info->signal == OA_SIGNAL_COUNT);
}

oa_payload_type oa_payload_root(oa_signal signal) {
  static const oa_payload_type roots[OA_SIGNAL_COUNT] = {
      [OA_TRACES] = OA_PAYLOAD_SPANS,
      [OA_METRICS] = OA_PAYLOAD_METRICS,
      [OA_LOGS] = OA_PAYLOAD_LOGS};
  return roots[signal];
}
