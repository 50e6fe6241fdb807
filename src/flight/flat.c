/* SPDX-License-Identifier: Apache-2.0 */
#include "flight/flat.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "flight/attributes.h"
#include "flight/cell.h"
#include "flight/form.h"

/* --- the columns --- */

enum {
  TRACE_ID,
  SPAN_ID,
  PARENT,
  NAME,
  KIND,
  START,
  END,
  STATUS_CODE,
  STATUS_MESSAGE,
  SPAN_ATTRIBUTES,
  SPAN_COLUMNS,

  METRIC_NAME = 0,
  NUMBER,
  TIME,
  METRIC_TYPE,
  POINT_ATTRIBUTES,
  POINT_COLUMNS,
};

typedef struct flat_column {
  const char *name;
  oa_cell_kind kind;
  bool required;
} flat_column;

static const flat_column span_columns[SPAN_COLUMNS] = {
    [TRACE_ID] = {"trace_id", OA_CELL_BYTES, true},
    [SPAN_ID] = {"span_id", OA_CELL_BYTES, true},
    [PARENT] = {"parent_span_id", OA_CELL_BYTES, false},
    [NAME] = {"name", OA_CELL_TEXT, true},
    [KIND] = {"kind", OA_CELL_INTEGER, true},
    [START] = {"start_time_unix_nano", OA_CELL_INTEGER, true},
    [END] = {"end_time_unix_nano", OA_CELL_INTEGER, true},
    [STATUS_CODE] = {"status_code", OA_CELL_INTEGER, true},
    [STATUS_MESSAGE] = {"status_message", OA_CELL_TEXT, false},
    [SPAN_ATTRIBUTES] = {"attributes", OA_CELL_TEXT, false},
};

static const flat_column point_columns[POINT_COLUMNS] = {
    [METRIC_NAME] = {"metric_name", OA_CELL_TEXT, true},
    [NUMBER] = {"value", OA_CELL_NUMBER, true},
    [TIME] = {"timestamp_unix_nano", OA_CELL_INTEGER, true},
    [METRIC_TYPE] = {"metric_type", OA_CELL_TEXT, true},
    [POINT_ATTRIBUTES] = {"attributes", OA_CELL_TEXT, false},
};

static const flat_column *columns_of(oa_signal signal, size_t *count) {
  switch (signal) {
    case OA_TRACES:
      *count = SPAN_COLUMNS;
      return span_columns;
    case OA_METRICS:
      *count = POINT_COLUMNS;
      return point_columns;
    default:
      *count = 0;
      return NULL;
  }
}

static const flat_column *find(const flat_column *columns, size_t count,
                               const char *name) {
  for (size_t i = 0; i < count; i++) {
    if (strcmp(columns[i].name, name) == 0) {
      return &columns[i];
    }
  }
  return NULL;
}

/* Spans without an attributes column look like a few of our own columns; then
 * the types tell, which older clients never vary. */
static bool has_flat_types(oa_signal signal, const oa_schema *schema) {
  const oa_field *attributes = oa_flight_field(schema, "attributes", NULL);
  if (signal == OA_METRICS) {
    return true; /* `value` is no column of ours */
  }
  if (attributes != NULL) {
    return oa_cell_fits(attributes, OA_CELL_TEXT);
  }
  return oa_flight_field(schema, "trace_id", NULL)->type == OA_TYPE_BINARY &&
         oa_flight_field(schema, "start_time_unix_nano", NULL)->type ==
             OA_TYPE_UINT64;
}

bool oa_flat_is(oa_signal signal, const oa_schema *schema) {
  size_t count;
  const flat_column *columns = columns_of(signal, &count);
  for (size_t i = 0; i < schema->field_count; i++) {
    if (find(columns, count, schema->fields[i].name) == NULL) {
      return false;
    }
  }
  for (size_t i = 0; i < count; i++) {
    if (columns[i].required &&
        oa_flight_field(schema, columns[i].name, NULL) == NULL) {
      return false;
    }
  }
  return count > 0 && has_flat_types(signal, schema);
}

oa_status oa_flat_check(oa_signal signal, const oa_schema *schema,
                        oa_error *error) {
  static const char *const wanted[] = {
      [OA_CELL_INTEGER] = "an integer or a timestamp",
      [OA_CELL_NUMBER] = "a number",
      [OA_CELL_TEXT] = "utf8",
      [OA_CELL_BYTES] = "binary",
  };
  size_t count;
  const flat_column *columns = columns_of(signal, &count);
  for (size_t i = 0; i < schema->field_count; i++) {
    const oa_field *field = &schema->fields[i];
    const flat_column *column = find(columns, count, field->name);
    if (column != NULL && field->type != OA_TYPE_NULL &&
        !oa_cell_fits(field, column->kind)) {
      char have[64];
      oa_field_type_name(field, have, sizeof have);
      return oa_error_set(error, OA_ERR_UNSUPPORTED,
                          "column %s of the flat %s table is %s, expected %s",
                          field->name, oa_signal_name(signal), have,
                          wanted[column->kind]);
    }
  }
  return OA_OK;
}

/* --- rows to protobuf --- */

/* Field numbers of trace.proto and metrics.proto. */
enum {
  RESOURCE_X = 1, /* of the request, then in each the one below */
  SCOPE_X = 2,
  RECORD = 2,

  SPAN_TRACE_ID_FIELD = 1,
  SPAN_SPAN_ID_FIELD = 2,
  SPAN_PARENT_FIELD = 4,
  SPAN_NAME_FIELD = 5,
  SPAN_KIND_FIELD = 6,
  SPAN_START_FIELD = 7,
  SPAN_END_FIELD = 8,
  SPAN_ATTRIBUTES_FIELD = 9,
  SPAN_STATUS_FIELD = 15,
  STATUS_MESSAGE_FIELD = 2,
  STATUS_CODE_FIELD = 3,

  METRIC_NAME_FIELD = 1,
  METRIC_GAUGE_FIELD = 5,
  METRIC_SUM_FIELD = 7,
  METRIC_METADATA_FIELD = 12,
  POINTS_FIELD = 1,
  POINT_TIME_FIELD = 3,
  POINT_DOUBLE_FIELD = 4,
  POINT_ATTRIBUTES_FIELD = 7,

  KEY_FIELD = 1,
  VALUE_FIELD = 2,
  STRING_FIELD = 1,
};

/* What a metric says of its type when it is not stored as that. */
static const char type_key[] = "flat.metric_type";

typedef struct encoder {
  oa_emit *emit;
  oa_flat_loss *loss;
  oa_buf scratch;
  oa_flat_kinds kinds;
  oa_cells cells[SPAN_COLUMNS];
} encoder;

/* Row ROW is left out.  The meaning of the status never leaves this file. */
#define ROW_REJECTED OA_ERR_UNSUPPORTED

static oa_status reject(encoder *e, int64_t row, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static oa_status reject(encoder *e, int64_t row, const char *format, ...) {
  if (e->loss->rows++ == 0) {
    char what[128];
    va_list args;
    va_start(args, format);
    vsnprintf(what, sizeof what, format, args);
    va_end(args);
    snprintf(e->loss->reason, sizeof e->loss->reason, "row %lld: %s",
             (long long)row, what);
  }
  return ROW_REJECTED;
}

/* The bytes of a value, none when it is null. */
static oa_cursor bytes_at(const encoder *e, size_t column, int64_t row) {
  const oa_cursor none = {0};
  return oa_cell_is_null(&e->cells[column], row)
             ? none
             : oa_cell_bytes(&e->cells[column], row);
}

static void put_bytes(encoder *e, uint32_t field, oa_cursor bytes) {
  oa_emit_bytes_set(e->emit, field, bytes.at, oa_cursor_left(&bytes));
}

/* An integer, 0 when it is null. */
static uint64_t integer_at(const encoder *e, size_t column, int64_t row) {
  uint64_t value = 0;
  return !oa_cell_is_null(&e->cells[column], row) &&
                 oa_cell_integer(&e->cells[column], row, &value)
             ? value
             : 0;
}

static oa_status put_time(encoder *e, uint32_t field, size_t column,
                          int64_t row) {
  const oa_cells *cells = &e->cells[column];
  uint64_t value = 0;
  if (cells->field == NULL || oa_cell_is_null(cells, row)) {
    return OA_OK;
  }
  if (!oa_cell_integer(cells, row, &value)) {
    return reject(e, row, "%s is past the year 2262", cells->field->name);
  }
  oa_emit_fixed64_set(e->emit, field, value);
  return OA_OK;
}

static oa_status put_attributes(encoder *e, uint32_t field, size_t column,
                                int64_t row) {
  const char *problem = NULL;
  size_t at = 0;
  const oa_status status = oa_flight_put_attributes(
      e->emit, field, bytes_at(e, column, row), &e->scratch, &problem, &at);
  if (problem == NULL || e->emit->status != OA_OK) {
    return status;
  }
  return reject(e, row, "attributes: %s at byte %zu", problem, at);
}

static bool is_zero(oa_cursor bytes) {
  while (bytes.at != bytes.end && *bytes.at == 0) {
    bytes.at++;
  }
  return bytes.at == bytes.end;
}

static uint64_t kind_of(oa_flat_kinds kinds, uint64_t value) {
  enum { UNSPECIFIED, INTERNAL, SERVER, CLIENT, PRODUCER, CONSUMER };
  static const uint8_t sdk[] = {CLIENT, SERVER, PRODUCER, CONSUMER, INTERNAL};
  static const uint8_t reader[] = {INTERNAL, SERVER, CLIENT, PRODUCER,
                                   CONSUMER};
  if (kinds == OA_FLAT_KINDS_OTLP) {
    return value;
  }
  if (value >= sizeof sdk) {
    return UNSPECIFIED;
  }
  return kinds == OA_FLAT_KINDS_SDK ? sdk[value] : reader[value];
}

static void put_status(encoder *e, int64_t row) {
  const uint64_t code = integer_at(e, STATUS_CODE, row);
  const oa_cursor text = bytes_at(e, STATUS_MESSAGE, row);
  if (code == 0 && oa_cursor_done(&text)) {
    return;
  }
  const oa_emit_nest status = oa_emit_open(e->emit, SPAN_STATUS_FIELD, 1);
  put_bytes(e, STATUS_MESSAGE_FIELD, text);
  oa_emit_varint_set(e->emit, STATUS_CODE_FIELD, code);
  oa_emit_close(e->emit, status);
}

static oa_status put_span(encoder *e, int64_t row) {
  const oa_emit_nest span = oa_emit_open(e->emit, RECORD, 2);
  const oa_cursor parent = bytes_at(e, PARENT, row);
  put_bytes(e, SPAN_TRACE_ID_FIELD, bytes_at(e, TRACE_ID, row));
  put_bytes(e, SPAN_SPAN_ID_FIELD, bytes_at(e, SPAN_ID, row));
  if (!is_zero(parent)) {
    put_bytes(e, SPAN_PARENT_FIELD, parent);
  }
  put_bytes(e, SPAN_NAME_FIELD, bytes_at(e, NAME, row));
  if (!oa_cell_is_null(&e->cells[KIND], row)) {
    oa_emit_varint_set(e->emit, SPAN_KIND_FIELD,
                       kind_of(e->kinds, integer_at(e, KIND, row)));
  }
  OA_TRY(put_time(e, SPAN_START_FIELD, START, row));
  OA_TRY(put_time(e, SPAN_END_FIELD, END, row));
  OA_TRY(put_attributes(e, SPAN_ATTRIBUTES_FIELD, SPAN_ATTRIBUTES, row));
  put_status(e, row);
  oa_emit_close(e->emit, span);
  return e->emit->status;
}

static void put_metadata(encoder *e, oa_cursor type) {
  const oa_emit_nest pair = oa_emit_open(e->emit, METRIC_METADATA_FIELD, 1);
  oa_emit_bytes(e->emit, KEY_FIELD, (const uint8_t *)type_key,
                sizeof type_key - 1);
  const oa_emit_nest value = oa_emit_open(e->emit, VALUE_FIELD, 1);
  put_bytes(e, STRING_FIELD, type);
  oa_emit_close(e->emit, value);
  oa_emit_close(e->emit, pair);
}

static oa_status put_point(encoder *e, int64_t row) {
  const oa_emit_nest point = oa_emit_open(e->emit, POINTS_FIELD, 1);
  OA_TRY(put_time(e, POINT_TIME_FIELD, TIME, row));
  if (!oa_cell_is_null(&e->cells[NUMBER], row)) {
    const double value = oa_cell_number(&e->cells[NUMBER], row);
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    oa_emit_fixed64(e->emit, POINT_DOUBLE_FIELD, bits);
  }
  OA_TRY(put_attributes(e, POINT_ATTRIBUTES_FIELD, POINT_ATTRIBUTES, row));
  oa_emit_close(e->emit, point);
  return OA_OK;
}

/* A row is a metric with one point.  Of a histogram the client kept one number
 * only, so that it is a gauge, as all types are that are not known. */
static oa_status put_metric(encoder *e, int64_t row) {
  const oa_cursor type = bytes_at(e, METRIC_TYPE, row);
  const bool sum = oa_flight_is(type, "sum");
  const oa_emit_nest metric = oa_emit_open(e->emit, RECORD, 1);
  put_bytes(e, METRIC_NAME_FIELD, bytes_at(e, METRIC_NAME, row));
  const oa_emit_nest data =
      oa_emit_open(e->emit, sum ? METRIC_SUM_FIELD : METRIC_GAUGE_FIELD, 1);
  OA_TRY(put_point(e, row));
  oa_emit_close(e->emit, data);
  if (!sum && !oa_flight_is(type, "gauge") && !oa_cursor_done(&type)) {
    put_metadata(e, type);
  }
  oa_emit_close(e->emit, metric);
  return e->emit->status;
}

static oa_flat_kinds kinds_of(const oa_schema *schema) {
  for (size_t i = 0; i < schema->metadata_count; i++) {
    if (strcmp(schema->metadata[i].key, OA_FLAT_KINDS_KEY) == 0) {
      const char *value = schema->metadata[i].value;
      if (strcmp(value, "otlp") == 0) {
        return OA_FLAT_KINDS_OTLP;
      }
      if (strcmp(value, "reader") == 0) {
        return OA_FLAT_KINDS_READER;
      }
    }
  }
  return OA_FLAT_KINDS_SDK;
}

static void bind(encoder *e, oa_signal signal, const oa_schema *schema,
                 const oa_array *columns) {
  size_t count;
  const flat_column *wanted = columns_of(signal, &count);
  for (size_t i = 0; i < count; i++) {
    size_t at = 0;
    const oa_field *field = oa_flight_field(schema, wanted[i].name, &at);
    if (field != NULL) {
      e->cells[i] = (oa_cells){.field = field, .array = &columns[at]};
    }
  }
}

oa_status oa_flat_encode(oa_signal signal, const oa_schema *schema,
                         const oa_array *columns, int64_t rows, oa_emit *emit,
                         oa_flat_loss *loss) {
  encoder e = {.emit = emit, .loss = loss, .kinds = kinds_of(schema)};
  *loss = (oa_flat_loss){0};
  bind(&e, signal, schema, columns);

  const oa_emit_nest resource = oa_emit_open(emit, RESOURCE_X, 4);
  const oa_emit_nest scope = oa_emit_open(emit, SCOPE_X, 4);
  oa_status status = OA_OK;
  for (int64_t row = 0; row < rows && status == OA_OK; row++) {
    const size_t before = emit->out.len;
    status = signal == OA_TRACES ? put_span(&e, row) : put_metric(&e, row);
    if (status == ROW_REJECTED) {
      emit->out.len = before;
      status = OA_OK;
    }
  }
  oa_emit_close(emit, scope);
  oa_emit_close(emit, resource);
  oa_buf_free(&e.scratch);
  return status == OA_OK ? emit->status : status;
}
