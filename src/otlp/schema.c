/* SPDX-License-Identifier: Apache-2.0 */
#include "otlp/schema.h"

/* Shapes of a field, so that the tables below read as tables.  "Required"
 * columns hold the protobuf default (0, "") instead of null. */
#define REQUIRED(NAME, TYPE) \
  { .name = (NAME), .type = (TYPE) }
#define NULLABLE(NAME, TYPE) \
  { .name = (NAME), .type = (TYPE), .nullable = true }
#define DICTIONARY(NAME, TYPE, NULLS)                                        \
  {                                                                          \
    .name = (NAME), .type = (TYPE), .nullable = (NULLS), .dictionary = true, \
    .index_type = OA_TYPE_INT32                                              \
  }
#define TEXT(NAME) DICTIONARY(NAME, OA_TYPE_UTF8, true)
#define REQUIRED_TEXT(NAME) DICTIONARY(NAME, OA_TYPE_UTF8, false)
#define TIME(NAME)                                               \
  {                                                              \
    .name = (NAME), .type = OA_TYPE_TIMESTAMP, .nullable = true, \
    .unit = OA_UNIT_NANO, .timezone = "UTC"                      \
  }
#define ID(NAME, WIDTH, NULLS)                                         \
  {                                                                    \
    .name = (NAME), .type = OA_TYPE_FIXED_BINARY, .nullable = (NULLS), \
    .width = (WIDTH)                                                   \
  }
#define LIST(NAME, ITEM, NULLS)                                \
  {                                                            \
    .name = (NAME), .type = OA_TYPE_LIST, .nullable = (NULLS), \
    .children = (ITEM), .child_count = 1                       \
  }
#define ITEM(CHILDREN, COUNT)                                       \
  {                                                                 \
    .name = "item", .type = OA_TYPE_STRUCT, .children = (CHILDREN), \
    .child_count = (COUNT)                                          \
  }

static const oa_field attr_fields[OA_ATTR_COUNT] = {
    [OA_ATTR_KEY] = REQUIRED_TEXT("key"),
    [OA_ATTR_TYPE] = REQUIRED("type", OA_TYPE_UINT8),
    [OA_ATTR_STR] = TEXT("str"),
    [OA_ATTR_INT] = NULLABLE("int", OA_TYPE_INT64),
    [OA_ATTR_DOUBLE] = NULLABLE("double", OA_TYPE_DOUBLE),
    [OA_ATTR_BOOL] = NULLABLE("bool", OA_TYPE_BOOL),
    [OA_ATTR_BYTES] = NULLABLE("bytes", OA_TYPE_BINARY),
    [OA_ATTR_SER] = NULLABLE("ser", OA_TYPE_BINARY),
};
static const oa_field attr_item = ITEM(attr_fields, OA_ATTR_COUNT);

static const oa_field event_fields[OA_EVENT_COUNT] = {
    [OA_EVENT_TIME] = TIME("time_unix_nano"),
    [OA_EVENT_NAME] = REQUIRED_TEXT("name"),
    [OA_EVENT_ATTRIBUTES] = LIST("attributes", &attr_item, false),
    [OA_EVENT_DROPPED_ATTRIBUTES] =
        REQUIRED("dropped_attributes_count", OA_TYPE_UINT32),
};
static const oa_field event_item = ITEM(event_fields, OA_EVENT_COUNT);

static const oa_field link_fields[OA_LINK_COUNT] = {
    [OA_LINK_TRACE_ID] = ID("trace_id", 16, true),
    [OA_LINK_SPAN_ID] = ID("span_id", 8, true),
    [OA_LINK_TRACE_STATE] = TEXT("trace_state"),
    [OA_LINK_FLAGS] = REQUIRED("flags", OA_TYPE_UINT32),
    [OA_LINK_ATTRIBUTES] = LIST("attributes", &attr_item, false),
    [OA_LINK_DROPPED_ATTRIBUTES] =
        REQUIRED("dropped_attributes_count", OA_TYPE_UINT32),
};
static const oa_field link_item = ITEM(link_fields, OA_LINK_COUNT);

static const oa_field quantile_fields[OA_QUANTILE_COUNT] = {
    [OA_QUANTILE_QUANTILE] = REQUIRED("quantile", OA_TYPE_DOUBLE),
    [OA_QUANTILE_VALUE] = REQUIRED("value", OA_TYPE_DOUBLE),
};
static const oa_field quantile_item = ITEM(quantile_fields, OA_QUANTILE_COUNT);

static const oa_field exemplar_fields[OA_EXEMPLAR_COUNT] = {
    [OA_EXEMPLAR_TIME] = TIME("time_unix_nano"),
    [OA_EXEMPLAR_VALUE_INT] = NULLABLE("value_int", OA_TYPE_INT64),
    [OA_EXEMPLAR_VALUE_DOUBLE] = NULLABLE("value_double", OA_TYPE_DOUBLE),
    [OA_EXEMPLAR_SPAN_ID] = ID("span_id", 8, true),
    [OA_EXEMPLAR_TRACE_ID] = ID("trace_id", 16, true),
    [OA_EXEMPLAR_ATTRIBUTES] = LIST("attributes", &attr_item, false),
};
static const oa_field exemplar_item = ITEM(exemplar_fields, OA_EXEMPLAR_COUNT);

static const oa_field u64_item = REQUIRED("item", OA_TYPE_UINT64);
static const oa_field f64_item = REQUIRED("item", OA_TYPE_DOUBLE);

#define COMMON_FIELDS                                               \
  [OA_COL_RESOURCE_ORD] = REQUIRED("resource_ord", OA_TYPE_UINT64), \
  [OA_COL_SCOPE_ORD] = REQUIRED("scope_ord", OA_TYPE_UINT64),       \
  [OA_COL_SERVICE_NAME] = TEXT("service_name"),                     \
  [OA_COL_SERVICE_NAMESPACE] = TEXT("service_namespace"),           \
  [OA_COL_SERVICE_INSTANCE_ID] = TEXT("service_instance_id"),       \
  [OA_COL_RESOURCE] = DICTIONARY("resource", OA_TYPE_BINARY, true), \
  [OA_COL_RESOURCE_ATTRIBUTES] = TEXT("resource_attributes"),       \
  [OA_COL_RESOURCE_SCHEMA_URL] = TEXT("resource_schema_url"),       \
  [OA_COL_SCOPE] = DICTIONARY("scope", OA_TYPE_BINARY, true),       \
  [OA_COL_SCOPE_NAME] = TEXT("scope_name"),                         \
  [OA_COL_SCOPE_VERSION] = TEXT("scope_version"),                   \
  [OA_COL_SCOPE_ATTRIBUTES] = TEXT("scope_attributes"),             \
  [OA_COL_SCOPE_SCHEMA_URL] = TEXT("scope_schema_url")

static const oa_field span_fields[OA_SPAN_COUNT] = {
    COMMON_FIELDS,
    [OA_SPAN_TRACE_ID] = ID("trace_id", 16, true),
    [OA_SPAN_SPAN_ID] = ID("span_id", 8, true),
    [OA_SPAN_PARENT_SPAN_ID] = ID("parent_span_id", 8, true),
    [OA_SPAN_TRACE_STATE] = TEXT("trace_state"),
    [OA_SPAN_FLAGS] = REQUIRED("flags", OA_TYPE_UINT32),
    [OA_SPAN_NAME] = REQUIRED_TEXT("name"),
    [OA_SPAN_KIND] = REQUIRED("kind", OA_TYPE_INT32),
    [OA_SPAN_START_TIME] = TIME("start_time_unix_nano"),
    [OA_SPAN_END_TIME] = TIME("end_time_unix_nano"),
    [OA_SPAN_STATUS_CODE] = NULLABLE("status_code", OA_TYPE_INT32),
    [OA_SPAN_STATUS_MESSAGE] = TEXT("status_message"),
    [OA_SPAN_ATTRIBUTES] = LIST("attributes", &attr_item, false),
    [OA_SPAN_DROPPED_ATTRIBUTES] =
        REQUIRED("dropped_attributes_count", OA_TYPE_UINT32),
    [OA_SPAN_EVENTS] = LIST("events", &event_item, false),
    [OA_SPAN_DROPPED_EVENTS] = REQUIRED("dropped_events_count", OA_TYPE_UINT32),
    [OA_SPAN_LINKS] = LIST("links", &link_item, false),
    [OA_SPAN_DROPPED_LINKS] = REQUIRED("dropped_links_count", OA_TYPE_UINT32),
};

static const oa_field log_fields[OA_LOG_COL_COUNT] = {
    COMMON_FIELDS,
    [OA_LOG_COL_TIME] = TIME("time_unix_nano"),
    [OA_LOG_COL_OBSERVED_TIME] = TIME("observed_time_unix_nano"),
    [OA_LOG_COL_SEVERITY_NUMBER] = REQUIRED("severity_number", OA_TYPE_INT32),
    [OA_LOG_COL_SEVERITY_TEXT] = TEXT("severity_text"),
    [OA_LOG_COL_EVENT_NAME] = TEXT("event_name"),
    [OA_LOG_COL_BODY_TYPE] = NULLABLE("body_type", OA_TYPE_UINT8),
    [OA_LOG_COL_BODY] = NULLABLE("body", OA_TYPE_UTF8),
    [OA_LOG_COL_BODY_INT] = NULLABLE("body_int", OA_TYPE_INT64),
    [OA_LOG_COL_BODY_DOUBLE] = NULLABLE("body_double", OA_TYPE_DOUBLE),
    [OA_LOG_COL_BODY_BOOL] = NULLABLE("body_bool", OA_TYPE_BOOL),
    [OA_LOG_COL_BODY_BYTES] = NULLABLE("body_bytes", OA_TYPE_BINARY),
    [OA_LOG_COL_BODY_SER] = NULLABLE("body_ser", OA_TYPE_BINARY),
    [OA_LOG_COL_ATTRIBUTES] = LIST("attributes", &attr_item, false),
    [OA_LOG_COL_DROPPED_ATTRIBUTES] =
        REQUIRED("dropped_attributes_count", OA_TYPE_UINT32),
    [OA_LOG_COL_FLAGS] = REQUIRED("flags", OA_TYPE_UINT32),
    [OA_LOG_COL_TRACE_ID] = ID("trace_id", 16, true),
    [OA_LOG_COL_SPAN_ID] = ID("span_id", 8, true),
};

static const oa_field point_fields[OA_POINT_COUNT] = {
    COMMON_FIELDS,
    [OA_POINT_METRIC_ORD] = REQUIRED("metric_ord", OA_TYPE_UINT64),
    [OA_POINT_POINT_ORD] = NULLABLE("point_ord", OA_TYPE_UINT32),
    [OA_POINT_METRIC_NAME] = REQUIRED_TEXT("metric_name"),
    [OA_POINT_DESCRIPTION] = TEXT("description"),
    [OA_POINT_UNIT] = TEXT("unit"),
    [OA_POINT_METRIC_TYPE] = REQUIRED("metric_type", OA_TYPE_UINT8),
    [OA_POINT_METADATA] = LIST("metadata", &attr_item, false),
    [OA_POINT_TEMPORALITY] = NULLABLE("aggregation_temporality", OA_TYPE_INT32),
    [OA_POINT_IS_MONOTONIC] = NULLABLE("is_monotonic", OA_TYPE_BOOL),
    [OA_POINT_START_TIME] = TIME("start_time_unix_nano"),
    [OA_POINT_TIME] = TIME("time_unix_nano"),
    [OA_POINT_ATTRIBUTES] = LIST("attributes", &attr_item, false),
    [OA_POINT_FLAGS] = REQUIRED("flags", OA_TYPE_UINT32),
    [OA_POINT_VALUE_INT] = NULLABLE("value_int", OA_TYPE_INT64),
    [OA_POINT_VALUE_DOUBLE] = NULLABLE("value_double", OA_TYPE_DOUBLE),
    [OA_POINT_COUNT_COL] = NULLABLE("count", OA_TYPE_UINT64),
    [OA_POINT_SUM] = NULLABLE("sum", OA_TYPE_DOUBLE),
    [OA_POINT_MIN] = NULLABLE("min", OA_TYPE_DOUBLE),
    [OA_POINT_MAX] = NULLABLE("max", OA_TYPE_DOUBLE),
    [OA_POINT_BUCKET_COUNTS] = LIST("bucket_counts", &u64_item, false),
    [OA_POINT_EXPLICIT_BOUNDS] = LIST("explicit_bounds", &f64_item, false),
    [OA_POINT_SCALE] = NULLABLE("scale", OA_TYPE_INT32),
    [OA_POINT_ZERO_COUNT] = NULLABLE("zero_count", OA_TYPE_UINT64),
    [OA_POINT_ZERO_THRESHOLD] = NULLABLE("zero_threshold", OA_TYPE_DOUBLE),
    [OA_POINT_POSITIVE_OFFSET] = NULLABLE("positive_offset", OA_TYPE_INT32),
    [OA_POINT_POSITIVE_BUCKET_COUNTS] =
        LIST("positive_bucket_counts", &u64_item, false),
    [OA_POINT_NEGATIVE_OFFSET] = NULLABLE("negative_offset", OA_TYPE_INT32),
    [OA_POINT_NEGATIVE_BUCKET_COUNTS] =
        LIST("negative_bucket_counts", &u64_item, false),
    [OA_POINT_QUANTILES] = LIST("quantiles", &quantile_item, false),
    [OA_POINT_EXEMPLARS] = LIST("exemplars", &exemplar_item, false),
};

static const oa_key_value traces_metadata[] = {{"otlp.schema_version", "1"},
                                               {"otlp.signal", "traces"}};
static const oa_key_value metrics_metadata[] = {{"otlp.schema_version", "1"},
                                                {"otlp.signal", "metrics"}};
static const oa_key_value logs_metadata[] = {{"otlp.schema_version", "1"},
                                             {"otlp.signal", "logs"}};

static const oa_schema schemas[OA_SIGNAL_COUNT] = {
    [OA_TRACES] = {span_fields, OA_SPAN_COUNT, traces_metadata, 2},
    [OA_METRICS] = {point_fields, OA_POINT_COUNT, metrics_metadata, 2},
    [OA_LOGS] = {log_fields, OA_LOG_COL_COUNT, logs_metadata, 2},
};

const char *oa_signal_name(oa_signal signal) {
  static const char *const names[OA_SIGNAL_COUNT] = {"traces", "metrics",
                                                     "logs"};
  return names[signal];
}

const oa_schema *oa_otlp_schema(oa_signal signal) {
  return &schemas[signal];
}
