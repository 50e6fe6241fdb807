/* SPDX-License-Identifier: Apache-2.0 */
#include "otlp/message.h"

#define FIELD(NUMBER, NAME, KIND) \
  { .number = (NUMBER), .kind = (KIND), .name = (NAME) }
#define ONEOF(NUMBER, NAME, KIND) \
  { .number = (NUMBER), .kind = (KIND), .oneof = true, .name = (NAME) }
#define PACKED(NUMBER, NAME, KIND) \
  { .number = (NUMBER), .kind = (KIND), .repeated = true, .name = (NAME) }
#define SUB(NUMBER, NAME, MESSAGE)                               \
  {                                                              \
    .number = (NUMBER), .kind = OA_KIND_MESSAGE, .name = (NAME), \
    .message = &(MESSAGE)                                        \
  }
#define ONEOF_SUB(NUMBER, NAME, MESSAGE)                        \
  {                                                             \
    .number = (NUMBER), .kind = OA_KIND_MESSAGE, .oneof = true, \
    .name = (NAME), .message = &(MESSAGE)                       \
  }
#define LIST_OF(NUMBER, NAME, MESSAGE)                             \
  {                                                                \
    .number = (NUMBER), .kind = OA_KIND_MESSAGE, .repeated = true, \
    .name = (NAME), .message = &(MESSAGE)                          \
  }
#define MESSAGE(FIELDS) \
  { (FIELDS), sizeof(FIELDS) / sizeof((FIELDS)[0]) }

/* --- common, resource --- */

static const oa_message any_value;

static const oa_message_field array_fields[] = {
    LIST_OF(1, "values", any_value)};
static const oa_message array_value = MESSAGE(array_fields);

static const oa_message_field key_value_fields[] = {
    FIELD(1, "key", OA_KIND_STRING), SUB(2, "value", any_value)};
static const oa_message key_value = MESSAGE(key_value_fields);

static const oa_message_field list_fields[] = {LIST_OF(1, "values", key_value)};
static const oa_message key_value_list = MESSAGE(list_fields);

static const oa_message_field any_fields[] = {
    ONEOF(1, "string_value", OA_KIND_STRING),
    ONEOF(2, "bool_value", OA_KIND_BOOL),
    ONEOF(3, "int_value", OA_KIND_INT64),
    ONEOF(4, "double_value", OA_KIND_FIXED64),
    ONEOF_SUB(5, "array_value", array_value),
    ONEOF_SUB(6, "kvlist_value", key_value_list),
    ONEOF(7, "bytes_value", OA_KIND_BYTES)};
static const oa_message any_value = MESSAGE(any_fields);

static const oa_message_field entity_fields[] = {
    FIELD(1, "schema_url", OA_KIND_STRING), FIELD(2, "type", OA_KIND_STRING),
    PACKED(3, "id_keys", OA_KIND_STRING),
    PACKED(4, "description_keys", OA_KIND_STRING)};
static const oa_message entity_ref = MESSAGE(entity_fields);

static const oa_message_field resource_fields[] = {
    LIST_OF(1, "attributes", key_value),
    FIELD(2, "dropped_attributes_count", OA_KIND_UINT32),
    LIST_OF(3, "entity_refs", entity_ref)};
const oa_message oa_message_resource = MESSAGE(resource_fields);

static const oa_message_field scope_fields[] = {
    FIELD(1, "name", OA_KIND_STRING), FIELD(2, "version", OA_KIND_STRING),
    LIST_OF(3, "attributes", key_value),
    FIELD(4, "dropped_attributes_count", OA_KIND_UINT32)};
const oa_message oa_message_scope = MESSAGE(scope_fields);

/* --- traces --- */

static const oa_message_field event_fields[] = {
    FIELD(1, "time_unix_nano", OA_KIND_FIXED64),
    FIELD(2, "name", OA_KIND_STRING), LIST_OF(3, "attributes", key_value),
    FIELD(4, "dropped_attributes_count", OA_KIND_UINT32)};
static const oa_message event = MESSAGE(event_fields);

static const oa_message_field link_fields[] = {
    FIELD(1, "trace_id", OA_KIND_BYTES),
    FIELD(2, "span_id", OA_KIND_BYTES),
    FIELD(3, "trace_state", OA_KIND_STRING),
    LIST_OF(4, "attributes", key_value),
    FIELD(5, "dropped_attributes_count", OA_KIND_UINT32),
    FIELD(6, "flags", OA_KIND_FIXED32)};
static const oa_message link_message = MESSAGE(link_fields);

static const oa_message_field status_fields[] = {
    FIELD(2, "message", OA_KIND_STRING), FIELD(3, "code", OA_KIND_INT32)};
static const oa_message status_message = MESSAGE(status_fields);

static const oa_message_field span_fields[] = {
    FIELD(1, "trace_id", OA_KIND_BYTES),
    FIELD(2, "span_id", OA_KIND_BYTES),
    FIELD(3, "trace_state", OA_KIND_STRING),
    FIELD(4, "parent_span_id", OA_KIND_BYTES),
    FIELD(5, "name", OA_KIND_STRING),
    FIELD(6, "kind", OA_KIND_INT32),
    FIELD(7, "start_time_unix_nano", OA_KIND_FIXED64),
    FIELD(8, "end_time_unix_nano", OA_KIND_FIXED64),
    LIST_OF(9, "attributes", key_value),
    FIELD(10, "dropped_attributes_count", OA_KIND_UINT32),
    LIST_OF(11, "events", event),
    FIELD(12, "dropped_events_count", OA_KIND_UINT32),
    LIST_OF(13, "links", link_message),
    FIELD(14, "dropped_links_count", OA_KIND_UINT32),
    SUB(15, "status", status_message),
    FIELD(16, "flags", OA_KIND_FIXED32)};
static const oa_message span = MESSAGE(span_fields);

/* --- logs --- */

static const oa_message_field log_fields[] = {
    FIELD(1, "time_unix_nano", OA_KIND_FIXED64),
    FIELD(2, "severity_number", OA_KIND_INT32),
    FIELD(3, "severity_text", OA_KIND_STRING),
    SUB(5, "body", any_value),
    LIST_OF(6, "attributes", key_value),
    FIELD(7, "dropped_attributes_count", OA_KIND_UINT32),
    FIELD(8, "flags", OA_KIND_FIXED32),
    FIELD(9, "trace_id", OA_KIND_BYTES),
    FIELD(10, "span_id", OA_KIND_BYTES),
    FIELD(11, "observed_time_unix_nano", OA_KIND_FIXED64),
    FIELD(12, "event_name", OA_KIND_STRING)};
static const oa_message log_record = MESSAGE(log_fields);

/* --- metrics --- */

static const oa_message_field exemplar_fields[] = {
    FIELD(2, "time_unix_nano", OA_KIND_FIXED64),
    ONEOF(3, "as_double", OA_KIND_FIXED64),
    FIELD(4, "span_id", OA_KIND_BYTES),
    FIELD(5, "trace_id", OA_KIND_BYTES),
    ONEOF(6, "as_int", OA_KIND_FIXED64),
    LIST_OF(7, "filtered_attributes", key_value)};
static const oa_message exemplar = MESSAGE(exemplar_fields);

static const oa_message_field number_fields[] = {
    FIELD(2, "start_time_unix_nano", OA_KIND_FIXED64),
    FIELD(3, "time_unix_nano", OA_KIND_FIXED64),
    ONEOF(4, "as_double", OA_KIND_FIXED64),
    LIST_OF(5, "exemplars", exemplar),
    ONEOF(6, "as_int", OA_KIND_FIXED64),
    LIST_OF(7, "attributes", key_value),
    FIELD(8, "flags", OA_KIND_UINT32)};
static const oa_message number_point = MESSAGE(number_fields);

static const oa_message_field histogram_point_fields[] = {
    FIELD(2, "start_time_unix_nano", OA_KIND_FIXED64),
    FIELD(3, "time_unix_nano", OA_KIND_FIXED64),
    FIELD(4, "count", OA_KIND_FIXED64),
    FIELD(5, "sum", OA_KIND_FIXED64),
    PACKED(6, "bucket_counts", OA_KIND_FIXED64),
    PACKED(7, "explicit_bounds", OA_KIND_FIXED64),
    LIST_OF(8, "exemplars", exemplar),
    LIST_OF(9, "attributes", key_value),
    FIELD(10, "flags", OA_KIND_UINT32),
    FIELD(11, "min", OA_KIND_FIXED64),
    FIELD(12, "max", OA_KIND_FIXED64)};
static const oa_message histogram_point = MESSAGE(histogram_point_fields);

static const oa_message_field buckets_fields[] = {
    FIELD(1, "offset", OA_KIND_SINT32),
    PACKED(2, "bucket_counts", OA_KIND_UINT64)};
static const oa_message buckets = MESSAGE(buckets_fields);

static const oa_message_field exp_point_fields[] = {
    LIST_OF(1, "attributes", key_value),
    FIELD(2, "start_time_unix_nano", OA_KIND_FIXED64),
    FIELD(3, "time_unix_nano", OA_KIND_FIXED64),
    FIELD(4, "count", OA_KIND_FIXED64),
    FIELD(5, "sum", OA_KIND_FIXED64),
    FIELD(6, "scale", OA_KIND_SINT32),
    FIELD(7, "zero_count", OA_KIND_FIXED64),
    SUB(8, "positive", buckets),
    SUB(9, "negative", buckets),
    FIELD(10, "flags", OA_KIND_UINT32),
    LIST_OF(11, "exemplars", exemplar),
    FIELD(12, "min", OA_KIND_FIXED64),
    FIELD(13, "max", OA_KIND_FIXED64),
    FIELD(14, "zero_threshold", OA_KIND_FIXED64)};
static const oa_message exp_point = MESSAGE(exp_point_fields);

static const oa_message_field quantile_fields[] = {
    FIELD(1, "quantile", OA_KIND_FIXED64), FIELD(2, "value", OA_KIND_FIXED64)};
static const oa_message quantile = MESSAGE(quantile_fields);

static const oa_message_field summary_point_fields[] = {
    FIELD(2, "start_time_unix_nano", OA_KIND_FIXED64),
    FIELD(3, "time_unix_nano", OA_KIND_FIXED64),
    FIELD(4, "count", OA_KIND_FIXED64),
    FIELD(5, "sum", OA_KIND_FIXED64),
    LIST_OF(6, "quantile_values", quantile),
    LIST_OF(7, "attributes", key_value),
    FIELD(8, "flags", OA_KIND_UINT32)};
static const oa_message summary_point = MESSAGE(summary_point_fields);

static const oa_message_field gauge_fields[] = {
    LIST_OF(1, "data_points", number_point)};
static const oa_message gauge = MESSAGE(gauge_fields);

static const oa_message_field sum_fields[] = {
    LIST_OF(1, "data_points", number_point),
    FIELD(2, "aggregation_temporality", OA_KIND_INT32),
    FIELD(3, "is_monotonic", OA_KIND_BOOL)};
static const oa_message sum = MESSAGE(sum_fields);

static const oa_message_field histogram_fields[] = {
    LIST_OF(1, "data_points", histogram_point),
    FIELD(2, "aggregation_temporality", OA_KIND_INT32)};
static const oa_message histogram = MESSAGE(histogram_fields);

static const oa_message_field exp_fields[] = {
    LIST_OF(1, "data_points", exp_point),
    FIELD(2, "aggregation_temporality", OA_KIND_INT32)};
static const oa_message exp_histogram = MESSAGE(exp_fields);

static const oa_message_field summary_fields[] = {
    LIST_OF(1, "data_points", summary_point)};
static const oa_message summary = MESSAGE(summary_fields);

static const oa_message_field metric_fields[] = {
    FIELD(1, "name", OA_KIND_STRING),
    FIELD(2, "description", OA_KIND_STRING),
    FIELD(3, "unit", OA_KIND_STRING),
    ONEOF_SUB(5, "gauge", gauge),
    ONEOF_SUB(7, "sum", sum),
    ONEOF_SUB(9, "histogram", histogram),
    ONEOF_SUB(10, "exponential_histogram", exp_histogram),
    ONEOF_SUB(11, "summary", summary),
    LIST_OF(12, "metadata", key_value)};
static const oa_message metric = MESSAGE(metric_fields);

/* --- requests --- */

#define REQUEST(SIGNAL, RECORD, RECORD_NAME)                               \
  static const oa_message_field SIGNAL##_scope_fields[] = {                \
      SUB(1, "scope", oa_message_scope), LIST_OF(2, RECORD_NAME, RECORD),  \
      FIELD(3, "schema_url", OA_KIND_STRING)};                             \
  static const oa_message SIGNAL##_scope = MESSAGE(SIGNAL##_scope_fields); \
  static const oa_message_field SIGNAL##_resource_fields[] = {             \
      SUB(1, "resource", oa_message_resource),                             \
      LIST_OF(2, "scope_" #SIGNAL, SIGNAL##_scope),                        \
      FIELD(3, "schema_url", OA_KIND_STRING)};                             \
  static const oa_message SIGNAL##_resource =                              \
      MESSAGE(SIGNAL##_resource_fields);                                   \
  static const oa_message_field SIGNAL##_request_fields[] = {              \
      LIST_OF(1, "resource_" #SIGNAL, SIGNAL##_resource)};                 \
  static const oa_message SIGNAL##_request = MESSAGE(SIGNAL##_request_fields)

REQUEST(spans, span, "spans");
REQUEST(metrics, metric, "metrics");
REQUEST(logs, log_record, "log_records");

const oa_message *oa_message_request(oa_signal signal) {
  static const oa_message *const requests[OA_SIGNAL_COUNT] = {
      [OA_TRACES] = &spans_request,
      [OA_METRICS] = &metrics_request,
      [OA_LOGS] = &logs_request};
  return requests[signal];
}
