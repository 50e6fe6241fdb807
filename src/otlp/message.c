/* SPDX-License-Identifier: Apache-2.0 */
#include "otlp/message.h"

/* Both names of a field: JSON has the second one. */
#define NAMES(NAME, JSON) \
  .name = (NAME), .json = (JSON), .json_len = (uint8_t)(sizeof(JSON) - 1)
#define FIELD(NUMBER, NAME, JSON, KIND) \
  { .number = (NUMBER), .kind = (KIND), NAMES(NAME, JSON) }
#define FORM(NUMBER, NAME, JSON, KIND, FORM) \
  { .number = (NUMBER), .kind = (KIND), .form = (FORM), NAMES(NAME, JSON) }
#define ID(NUMBER, NAME, JSON) \
  FORM(NUMBER, NAME, JSON, OA_KIND_BYTES, OA_FORM_HEX)
#define DOUBLE(NUMBER, NAME, JSON) \
  FORM(NUMBER, NAME, JSON, OA_KIND_FIXED64, OA_FORM_DOUBLE)
#define OPTIONAL_DOUBLE(NUMBER, NAME, JSON)                        \
  {                                                                \
    .number = (NUMBER), .kind = OA_KIND_FIXED64, .optional = true, \
    .form = OA_FORM_DOUBLE, NAMES(NAME, JSON)                      \
  }
#define ENUM(NUMBER, NAME, JSON, VALUES)                           \
  {                                                                \
    .number = (NUMBER), .kind = OA_KIND_INT32, .values = (VALUES), \
    NAMES(NAME, JSON)                                              \
  }
#define ONEOF(NUMBER, NAME, JSON, KIND, FORM)                          \
  {                                                                    \
    .number = (NUMBER), .kind = (KIND), .oneof = true, .form = (FORM), \
    NAMES(NAME, JSON)                                                  \
  }
#define PACKED(NUMBER, NAME, JSON, KIND, FORM)                            \
  {                                                                       \
    .number = (NUMBER), .kind = (KIND), .repeated = true, .form = (FORM), \
    NAMES(NAME, JSON)                                                     \
  }
#define SUB(NUMBER, NAME, JSON, MESSAGE)                            \
  {                                                                 \
    .number = (NUMBER), .kind = OA_KIND_MESSAGE, NAMES(NAME, JSON), \
    .message = &(MESSAGE)                                           \
  }
#define ONEOF_SUB(NUMBER, NAME, JSON, MESSAGE)                  \
  {                                                             \
    .number = (NUMBER), .kind = OA_KIND_MESSAGE, .oneof = true, \
    NAMES(NAME, JSON), .message = &(MESSAGE)                    \
  }
/* An array or map inside a value. */
#define NESTED(NUMBER, NAME, JSON, MESSAGE)                     \
  {                                                             \
    .number = (NUMBER), .kind = OA_KIND_MESSAGE, .oneof = true, \
    .nested = true, NAMES(NAME, JSON), .message = &(MESSAGE)    \
  }
#define LIST_OF(NUMBER, NAME, JSON, MESSAGE)                       \
  {                                                                \
    .number = (NUMBER), .kind = OA_KIND_MESSAGE, .repeated = true, \
    NAMES(NAME, JSON), .message = &(MESSAGE)                       \
  }
#define MESSAGE(FIELDS) \
  { (FIELDS), sizeof(FIELDS) / sizeof((FIELDS)[0]) }

/* --- enums; all of them count from 0 without a gap --- */

static const char *const span_kinds[] = {"SPAN_KIND_UNSPECIFIED",
                                         "SPAN_KIND_INTERNAL",
                                         "SPAN_KIND_SERVER",
                                         "SPAN_KIND_CLIENT",
                                         "SPAN_KIND_PRODUCER",
                                         "SPAN_KIND_CONSUMER",
                                         NULL};

static const char *const status_codes[] = {
    "STATUS_CODE_UNSET", "STATUS_CODE_OK", "STATUS_CODE_ERROR", NULL};

#define LEVEL(NAME)                                     \
  "SEVERITY_NUMBER_" NAME, "SEVERITY_NUMBER_" NAME "2", \
      "SEVERITY_NUMBER_" NAME "3", "SEVERITY_NUMBER_" NAME "4"

static const char *const severities[] = {"SEVERITY_NUMBER_UNSPECIFIED",
                                         LEVEL("TRACE"),
                                         LEVEL("DEBUG"),
                                         LEVEL("INFO"),
                                         LEVEL("WARN"),
                                         LEVEL("ERROR"),
                                         LEVEL("FATAL"),
                                         NULL};

static const char *const temporalities[] = {
    "AGGREGATION_TEMPORALITY_UNSPECIFIED", "AGGREGATION_TEMPORALITY_DELTA",
    "AGGREGATION_TEMPORALITY_CUMULATIVE", NULL};

/* --- common, resource --- */

static const oa_message any_value;

static const oa_message_field array_fields[] = {
    LIST_OF(1, "values", "values", any_value)};
static const oa_message array_value = MESSAGE(array_fields);

static const oa_message_field key_value_fields[] = {
    FIELD(1, "key", "key", OA_KIND_STRING),
    SUB(2, "value", "value", any_value)};
static const oa_message key_value = MESSAGE(key_value_fields);

static const oa_message_field list_fields[] = {
    LIST_OF(1, "values", "values", key_value)};
static const oa_message key_value_list = MESSAGE(list_fields);

static const oa_message_field any_fields[] = {
    ONEOF(1, "string_value", "stringValue", OA_KIND_STRING, OA_FORM_PLAIN),
    ONEOF(2, "bool_value", "boolValue", OA_KIND_BOOL, OA_FORM_PLAIN),
    ONEOF(3, "int_value", "intValue", OA_KIND_INT64, OA_FORM_PLAIN),
    ONEOF(4, "double_value", "doubleValue", OA_KIND_FIXED64, OA_FORM_DOUBLE),
    NESTED(5, "array_value", "arrayValue", array_value),
    NESTED(6, "kvlist_value", "kvlistValue", key_value_list),
    ONEOF(7, "bytes_value", "bytesValue", OA_KIND_BYTES, OA_FORM_PLAIN)};
static const oa_message any_value = MESSAGE(any_fields);

static const oa_message_field entity_fields[] = {
    FIELD(1, "schema_url", "schemaUrl", OA_KIND_STRING),
    FIELD(2, "type", "type", OA_KIND_STRING),
    PACKED(3, "id_keys", "idKeys", OA_KIND_STRING, OA_FORM_PLAIN),
    PACKED(4, "description_keys", "descriptionKeys", OA_KIND_STRING,
           OA_FORM_PLAIN)};
static const oa_message entity_ref = MESSAGE(entity_fields);

static const oa_message_field resource_fields[] = {
    LIST_OF(1, "attributes", "attributes", key_value),
    FIELD(2, "dropped_attributes_count", "droppedAttributesCount",
          OA_KIND_UINT32),
    LIST_OF(3, "entity_refs", "entityRefs", entity_ref)};
const oa_message oa_message_resource = MESSAGE(resource_fields);

static const oa_message_field scope_fields[] = {
    FIELD(1, "name", "name", OA_KIND_STRING),
    FIELD(2, "version", "version", OA_KIND_STRING),
    LIST_OF(3, "attributes", "attributes", key_value),
    FIELD(4, "dropped_attributes_count", "droppedAttributesCount",
          OA_KIND_UINT32)};
const oa_message oa_message_scope = MESSAGE(scope_fields);

/* --- traces --- */

static const oa_message_field event_fields[] = {
    FIELD(1, "time_unix_nano", "timeUnixNano", OA_KIND_FIXED64),
    FIELD(2, "name", "name", OA_KIND_STRING),
    LIST_OF(3, "attributes", "attributes", key_value),
    FIELD(4, "dropped_attributes_count", "droppedAttributesCount",
          OA_KIND_UINT32)};
static const oa_message event = MESSAGE(event_fields);

static const oa_message_field link_fields[] = {
    ID(1, "trace_id", "traceId"),
    ID(2, "span_id", "spanId"),
    FIELD(3, "trace_state", "traceState", OA_KIND_STRING),
    LIST_OF(4, "attributes", "attributes", key_value),
    FIELD(5, "dropped_attributes_count", "droppedAttributesCount",
          OA_KIND_UINT32),
    FIELD(6, "flags", "flags", OA_KIND_FIXED32)};
static const oa_message link_message = MESSAGE(link_fields);

static const oa_message_field status_fields[] = {
    FIELD(2, "message", "message", OA_KIND_STRING),
    ENUM(3, "code", "code", status_codes)};
static const oa_message status_message = MESSAGE(status_fields);

static const oa_message_field span_fields[] = {
    ID(1, "trace_id", "traceId"),
    ID(2, "span_id", "spanId"),
    FIELD(3, "trace_state", "traceState", OA_KIND_STRING),
    ID(4, "parent_span_id", "parentSpanId"),
    FIELD(5, "name", "name", OA_KIND_STRING),
    ENUM(6, "kind", "kind", span_kinds),
    FIELD(7, "start_time_unix_nano", "startTimeUnixNano", OA_KIND_FIXED64),
    FIELD(8, "end_time_unix_nano", "endTimeUnixNano", OA_KIND_FIXED64),
    LIST_OF(9, "attributes", "attributes", key_value),
    FIELD(10, "dropped_attributes_count", "droppedAttributesCount",
          OA_KIND_UINT32),
    LIST_OF(11, "events", "events", event),
    FIELD(12, "dropped_events_count", "droppedEventsCount", OA_KIND_UINT32),
    LIST_OF(13, "links", "links", link_message),
    FIELD(14, "dropped_links_count", "droppedLinksCount", OA_KIND_UINT32),
    SUB(15, "status", "status", status_message),
    FIELD(16, "flags", "flags", OA_KIND_FIXED32)};
static const oa_message span = MESSAGE(span_fields);

/* --- logs --- */

static const oa_message_field log_fields[] = {
    FIELD(1, "time_unix_nano", "timeUnixNano", OA_KIND_FIXED64),
    ENUM(2, "severity_number", "severityNumber", severities),
    FIELD(3, "severity_text", "severityText", OA_KIND_STRING),
    SUB(5, "body", "body", any_value),
    LIST_OF(6, "attributes", "attributes", key_value),
    FIELD(7, "dropped_attributes_count", "droppedAttributesCount",
          OA_KIND_UINT32),
    FIELD(8, "flags", "flags", OA_KIND_FIXED32),
    ID(9, "trace_id", "traceId"),
    ID(10, "span_id", "spanId"),
    FIELD(11, "observed_time_unix_nano", "observedTimeUnixNano",
          OA_KIND_FIXED64),
    FIELD(12, "event_name", "eventName", OA_KIND_STRING)};
static const oa_message log_record = MESSAGE(log_fields);

/* --- metrics --- */

static const oa_message_field exemplar_fields[] = {
    FIELD(2, "time_unix_nano", "timeUnixNano", OA_KIND_FIXED64),
    ONEOF(3, "as_double", "asDouble", OA_KIND_FIXED64, OA_FORM_DOUBLE),
    ID(4, "span_id", "spanId"),
    ID(5, "trace_id", "traceId"),
    ONEOF(6, "as_int", "asInt", OA_KIND_FIXED64, OA_FORM_SIGNED),
    LIST_OF(7, "filtered_attributes", "filteredAttributes", key_value)};
static const oa_message exemplar = MESSAGE(exemplar_fields);

static const oa_message_field number_fields[] = {
    FIELD(2, "start_time_unix_nano", "startTimeUnixNano", OA_KIND_FIXED64),
    FIELD(3, "time_unix_nano", "timeUnixNano", OA_KIND_FIXED64),
    ONEOF(4, "as_double", "asDouble", OA_KIND_FIXED64, OA_FORM_DOUBLE),
    LIST_OF(5, "exemplars", "exemplars", exemplar),
    ONEOF(6, "as_int", "asInt", OA_KIND_FIXED64, OA_FORM_SIGNED),
    LIST_OF(7, "attributes", "attributes", key_value),
    FIELD(8, "flags", "flags", OA_KIND_UINT32)};
static const oa_message number_point = MESSAGE(number_fields);

static const oa_message_field histogram_point_fields[] = {
    FIELD(2, "start_time_unix_nano", "startTimeUnixNano", OA_KIND_FIXED64),
    FIELD(3, "time_unix_nano", "timeUnixNano", OA_KIND_FIXED64),
    FIELD(4, "count", "count", OA_KIND_FIXED64),
    OPTIONAL_DOUBLE(5, "sum", "sum"),
    PACKED(6, "bucket_counts", "bucketCounts", OA_KIND_FIXED64, OA_FORM_PLAIN),
    PACKED(7, "explicit_bounds", "explicitBounds", OA_KIND_FIXED64,
           OA_FORM_DOUBLE),
    LIST_OF(8, "exemplars", "exemplars", exemplar),
    LIST_OF(9, "attributes", "attributes", key_value),
    FIELD(10, "flags", "flags", OA_KIND_UINT32),
    OPTIONAL_DOUBLE(11, "min", "min"),
    OPTIONAL_DOUBLE(12, "max", "max")};
static const oa_message histogram_point = MESSAGE(histogram_point_fields);

static const oa_message_field buckets_fields[] = {
    FIELD(1, "offset", "offset", OA_KIND_SINT32),
    PACKED(2, "bucket_counts", "bucketCounts", OA_KIND_UINT64, OA_FORM_PLAIN)};
static const oa_message buckets = MESSAGE(buckets_fields);

static const oa_message_field exp_point_fields[] = {
    LIST_OF(1, "attributes", "attributes", key_value),
    FIELD(2, "start_time_unix_nano", "startTimeUnixNano", OA_KIND_FIXED64),
    FIELD(3, "time_unix_nano", "timeUnixNano", OA_KIND_FIXED64),
    FIELD(4, "count", "count", OA_KIND_FIXED64),
    OPTIONAL_DOUBLE(5, "sum", "sum"),
    FIELD(6, "scale", "scale", OA_KIND_SINT32),
    FIELD(7, "zero_count", "zeroCount", OA_KIND_FIXED64),
    SUB(8, "positive", "positive", buckets),
    SUB(9, "negative", "negative", buckets),
    FIELD(10, "flags", "flags", OA_KIND_UINT32),
    LIST_OF(11, "exemplars", "exemplars", exemplar),
    OPTIONAL_DOUBLE(12, "min", "min"),
    OPTIONAL_DOUBLE(13, "max", "max"),
    DOUBLE(14, "zero_threshold", "zeroThreshold")};
static const oa_message exp_point = MESSAGE(exp_point_fields);

static const oa_message_field quantile_fields[] = {
    DOUBLE(1, "quantile", "quantile"), DOUBLE(2, "value", "value")};
static const oa_message quantile = MESSAGE(quantile_fields);

static const oa_message_field summary_point_fields[] = {
    FIELD(2, "start_time_unix_nano", "startTimeUnixNano", OA_KIND_FIXED64),
    FIELD(3, "time_unix_nano", "timeUnixNano", OA_KIND_FIXED64),
    FIELD(4, "count", "count", OA_KIND_FIXED64),
    DOUBLE(5, "sum", "sum"),
    LIST_OF(6, "quantile_values", "quantileValues", quantile),
    LIST_OF(7, "attributes", "attributes", key_value),
    FIELD(8, "flags", "flags", OA_KIND_UINT32)};
static const oa_message summary_point = MESSAGE(summary_point_fields);

static const oa_message_field gauge_fields[] = {
    LIST_OF(1, "data_points", "dataPoints", number_point)};
static const oa_message gauge = MESSAGE(gauge_fields);

static const oa_message_field sum_fields[] = {
    LIST_OF(1, "data_points", "dataPoints", number_point),
    ENUM(2, "aggregation_temporality", "aggregationTemporality", temporalities),
    FIELD(3, "is_monotonic", "isMonotonic", OA_KIND_BOOL)};
static const oa_message sum = MESSAGE(sum_fields);

static const oa_message_field histogram_fields[] = {
    LIST_OF(1, "data_points", "dataPoints", histogram_point),
    ENUM(2, "aggregation_temporality", "aggregationTemporality",
         temporalities)};
static const oa_message histogram = MESSAGE(histogram_fields);

static const oa_message_field exp_fields[] = {
    LIST_OF(1, "data_points", "dataPoints", exp_point),
    ENUM(2, "aggregation_temporality", "aggregationTemporality",
         temporalities)};
static const oa_message exp_histogram = MESSAGE(exp_fields);

static const oa_message_field summary_fields[] = {
    LIST_OF(1, "data_points", "dataPoints", summary_point)};
static const oa_message summary = MESSAGE(summary_fields);

static const oa_message_field metric_fields[] = {
    FIELD(1, "name", "name", OA_KIND_STRING),
    FIELD(2, "description", "description", OA_KIND_STRING),
    FIELD(3, "unit", "unit", OA_KIND_STRING),
    ONEOF_SUB(5, "gauge", "gauge", gauge),
    ONEOF_SUB(7, "sum", "sum", sum),
    ONEOF_SUB(9, "histogram", "histogram", histogram),
    ONEOF_SUB(10, "exponential_histogram", "exponentialHistogram",
              exp_histogram),
    ONEOF_SUB(11, "summary", "summary", summary),
    LIST_OF(12, "metadata", "metadata", key_value)};
static const oa_message metric = MESSAGE(metric_fields);

/* --- requests --- */

#define REQUEST(SIGNAL, CAMEL, RECORD, RECORD_NAME, RECORD_JSON)             \
  static const oa_message_field SIGNAL##_scope_fields[] = {                  \
      SUB(1, "scope", "scope", oa_message_scope),                            \
      LIST_OF(2, RECORD_NAME, RECORD_JSON, RECORD),                          \
      FIELD(3, "schema_url", "schemaUrl", OA_KIND_STRING)};                  \
  static const oa_message SIGNAL##_scope = MESSAGE(SIGNAL##_scope_fields);   \
  static const oa_message_field SIGNAL##_resource_fields[] = {               \
      SUB(1, "resource", "resource", oa_message_resource),                   \
      LIST_OF(2, "scope_" #SIGNAL, "scope" CAMEL, SIGNAL##_scope),           \
      FIELD(3, "schema_url", "schemaUrl", OA_KIND_STRING)};                  \
  static const oa_message SIGNAL##_resource =                                \
      MESSAGE(SIGNAL##_resource_fields);                                     \
  static const oa_message_field SIGNAL##_request_fields[] = {                \
      LIST_OF(1, "resource_" #SIGNAL, "resource" CAMEL, SIGNAL##_resource)}; \
  static const oa_message SIGNAL##_request = MESSAGE(SIGNAL##_request_fields)

REQUEST(spans, "Spans", span, "spans", "spans");
REQUEST(metrics, "Metrics", metric, "metrics", "metrics");
REQUEST(logs, "Logs", log_record, "log_records", "logRecords");

const oa_message *oa_message_request(oa_signal signal) {
  static const oa_message *const requests[OA_SIGNAL_COUNT] = {
      [OA_TRACES] = &spans_request,
      [OA_METRICS] = &metrics_request,
      [OA_LOGS] = &logs_request};
  return requests[signal];
}

/* --- answers --- */

#define RESPONSE(SIGNAL, NAME, JSON)                                           \
  static const oa_message_field SIGNAL##_partial_fields[] = {                  \
      FIELD(1, NAME, JSON, OA_KIND_INT64),                                     \
      FIELD(2, "error_message", "errorMessage", OA_KIND_STRING)};              \
  static const oa_message SIGNAL##_partial = MESSAGE(SIGNAL##_partial_fields); \
  static const oa_message_field SIGNAL##_response_fields[] = {                 \
      SUB(1, "partial_success", "partialSuccess", SIGNAL##_partial)};          \
  static const oa_message SIGNAL##_response = MESSAGE(SIGNAL##_response_fields)

RESPONSE(spans, "rejected_spans", "rejectedSpans");
RESPONSE(metrics, "rejected_data_points", "rejectedDataPoints");
RESPONSE(logs, "rejected_log_records", "rejectedLogRecords");

const oa_message *oa_message_response(oa_signal signal) {
  static const oa_message *const responses[OA_SIGNAL_COUNT] = {
      [OA_TRACES] = &spans_response,
      [OA_METRICS] = &metrics_response,
      [OA_LOGS] = &logs_response};
  return responses[signal];
}

/* Its details are of any type and are left out. */
static const oa_message_field rpc_status_fields[] = {
    FIELD(1, "code", "code", OA_KIND_INT32),
    FIELD(2, "message", "message", OA_KIND_STRING)};
const oa_message oa_message_rpc_status = MESSAGE(rpc_status_fields);

/* --- what all tables share --- */

size_t oa_message_find(const oa_message *message, uint32_t number) {
  size_t i = 0;
  while (i < message->count && message->fields[i].number != number) {
    i++;
  }
  return i;
}

static oa_wire wire_of(oa_message_kind kind) {
  switch (kind) {
    case OA_KIND_FIXED32:
      return OA_WIRE_FIXED32;
    case OA_KIND_FIXED64:
      return OA_WIRE_FIXED64;
    case OA_KIND_STRING:
    case OA_KIND_BYTES:
    case OA_KIND_MESSAGE:
      return OA_WIRE_BYTES;
    default:
      return OA_WIRE_VARINT;
  }
}

uint32_t oa_message_tag(const oa_message_field *field) {
  return OA_TAG(field->number, wire_of(field->kind));
}
