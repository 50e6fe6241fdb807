/* SPDX-License-Identifier: Apache-2.0 */
#include "flight/form.h"

#include <string.h>

#include "flight/flat.h"

/* What schemas of our own files say of themselves. */
static const char signal_key[] = "otlp.signal";

const oa_field *oa_flight_field(const oa_schema *schema, const char *name,
                                size_t *index) {
  for (size_t i = 0; i < schema->field_count; i++) {
    if (strcmp(schema->fields[i].name, name) == 0) {
      if (index != NULL) {
        *index = i;
      }
      return &schema->fields[i];
    }
  }
  return NULL;
}

bool oa_flight_signal_named(oa_cursor word, oa_signal *out) {
  for (int i = 0; i < OA_SIGNAL_COUNT; i++) {
    if (oa_flight_is(word, oa_signal_name((oa_signal)i))) {
      *out = (oa_signal)i;
      return true;
    }
  }
  return false;
}

/* The path [signal] or ["otlp", signal], or the signal as a command. */
static bool described(const oa_flight_descriptor *descriptor, oa_signal *out) {
  if (descriptor->path_count == 1) {
    return oa_flight_signal_named(descriptor->path[0], out);
  }
  if (descriptor->path_count == 2 &&
      oa_flight_is(descriptor->path[0], "otlp")) {
    return oa_flight_signal_named(descriptor->path[1], out);
  }
  return descriptor->path_count == 0 &&
         oa_flight_signal_named(descriptor->cmd, out);
}

static bool has(const oa_schema *schema, const char *name) {
  return oa_flight_field(schema, name, NULL) != NULL;
}

/* The signal that the schema's metadata or its columns tell. */
static bool recognized(const oa_schema *schema, oa_signal *out) {
  static const char *const of_logs[] = {"body", "body_type", "severity_number",
                                        "severity_text",
                                        "observed_time_unix_nano"};
  for (size_t i = 0; i < schema->metadata_count; i++) {
    const char *value = schema->metadata[i].value;
    if (strcmp(schema->metadata[i].key, signal_key) == 0 &&
        oa_flight_signal_named(oa_cursor_over(value, strlen(value)), out)) {
      return true;
    }
  }
  if (has(schema, "metric_name")) {
    *out = OA_METRICS;
    return true;
  }
  if (has(schema, "span_id") && has(schema, "start_time_unix_nano")) {
    *out = OA_TRACES;
    return true;
  }
  for (size_t i = 0; i < sizeof of_logs / sizeof of_logs[0]; i++) {
    if (has(schema, of_logs[i])) {
      *out = OA_LOGS;
      return true;
    }
  }
  return false;
}

static bool is_proto(const oa_schema *schema) {
  if (schema->field_count != 1 ||
      strcmp(schema->fields[0].name, OA_FLIGHT_PROTO_COLUMN) != 0) {
    return false;
  }
  const oa_type type = schema->fields[0].type;
  return type == OA_TYPE_BINARY || type == OA_TYPE_LARGE_BINARY;
}

static oa_status undecided(const oa_schema *schema, oa_error *error) {
  if (is_proto(schema)) {
    return oa_error_set(error, OA_ERR_UNSUPPORTED,
                        "a column otlp_proto can hold any signal: name it by "
                        "the descriptor path [\"traces\"], [\"metrics\"] or "
                        "[\"logs\"]");
  }
  return oa_error_set(
      error, OA_ERR_UNSUPPORTED,
      "neither the descriptor nor the columns tell the signal; send the path "
      "[\"traces\"], [\"metrics\"] or [\"logs\"] with the columns of "
      "docs/schema.md, the flat columns of docs/flight.md, or one binary "
      "column otlp_proto");
}

oa_status oa_flight_find_form(const oa_flight_descriptor *descriptor,
                              const oa_schema *schema, oa_signal *signal,
                              oa_flight_form *form, oa_error *error) {
  if (!described(descriptor, signal) && !recognized(schema, signal)) {
    return undecided(schema, error);
  }
  if (is_proto(schema)) {
    *form = OA_FLIGHT_PROTO;
    return OA_OK;
  }
  if (oa_flat_is(*signal, schema)) {
    *form = OA_FLIGHT_FLAT;
    return oa_flat_check(*signal, schema, error);
  }
  *form = OA_FLIGHT_ROWS;
  return OA_OK;
}
