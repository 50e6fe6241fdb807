/* SPDX-License-Identifier: Apache-2.0 */
/* ReadableLogRecord objects of the SDK: a LogRecord with its resource and
 * scope.  Older SDKs give LogData, which has the same fields. */
#include "walk.h"

/* SeverityNumber of OTLP. */
enum { MAX_SEVERITY = 24 };

static int read_severity(py_walk *walk, PyObject *record, oa_log_record *out) {
  long number = 0;
  PyObject *value = py_walk_get(walk, record, PY_NAME_severity_number,
                                PY_NAME_severity_number);
  if (value == NULL) {
    return -1;
  }
  const int status = py_walk_enum(walk, value, "severity_number", &number);
  Py_DECREF(value);
  if (status != 0) {
    return -1;
  }
  if (number < 0 || number > MAX_SEVERITY) {
    PyErr_Format(PyExc_ValueError, "severity_number: %ld is not in 0 .. 24",
                 number);
    return -1;
  }
  out->severity_number = (int32_t)number;
  return 0;
}

static int read_ids(py_walk *walk, PyObject *record, oa_log_record *out) {
  PyObject *trace_id =
      py_walk_get(walk, record, PY_NAME_trace_id, PY_NAME_trace_id);
  PyObject *span_id =
      trace_id == NULL
          ? NULL
          : py_walk_get(walk, record, PY_NAME_span_id, PY_NAME_span_id);
  int status = -1;
  if (span_id != NULL) {
    status = py_walk_trace_id(trace_id, "trace_id", true, out->trace_id);
    if (status == 0) {
      status = py_walk_span_id(span_id, "span_id", true, out->span_id);
    }
  }
  Py_XDECREF(trace_id);
  Py_XDECREF(span_id);
  return status;
}

/* Records of older SDKs have no event name. */
static int read_event_name(py_walk *walk, PyObject *record,
                           oa_log_record *out) {
  if (py_walk_get_text(walk, record, PY_NAME_event_name, PY_NAME_event_name,
                       &out->event_name) == 0) {
    return 0;
  }
  if (!PyErr_ExceptionMatches(PyExc_AttributeError)) {
    return -1;
  }
  PyErr_Clear();
  return 0;
}

static int read_record(py_walk *walk, PyObject *record, oa_log_record *out) {
  uint64_t flags = 0;
  if (py_walk_get_u64(walk, record, PY_NAME_timestamp, PY_NAME_timestamp,
                      &out->time_unix_nano) != 0 ||
      py_walk_get_u64(walk, record, PY_NAME_observed_timestamp,
                      PY_NAME_observed_timestamp,
                      &out->observed_time_unix_nano) != 0 ||
      read_severity(walk, record, out) != 0 ||
      py_walk_get_text(walk, record, PY_NAME_severity_text,
                       PY_NAME_severity_text, &out->severity_text) != 0 ||
      read_event_name(walk, record, out) != 0 ||
      read_ids(walk, record, out) != 0 ||
      py_walk_get_u64(walk, record, PY_NAME_trace_flags, PY_NAME_trace_flags,
                      &flags) != 0) {
    return -1;
  }
  out->flags = (uint32_t)flags;
  return 0;
}

static int put_body(py_walk *walk, PyObject *body) {
  oa_build_body(walk->builder);
  return py_walk_value(walk, (oa_str){0}, body, 1);
}

static int put_record(py_walk *walk, PyObject *record) {
  oa_log_record fields = {.size = sizeof fields};
  py_attributes attributes = {0};
  PyObject *body = NULL;
  py_walk_begin(walk);
  if (read_record(walk, record, &fields) != 0 ||
      py_walk_open(walk, record, PY_NAME_attributes, PY_NAME_attributes,
                   &attributes) != 0) {
    return -1;
  }
  body = PyObject_GetAttr(record, walk->names->text[PY_NAME_body]);
  if (body == NULL) {
    py_walk_close(&attributes);
    return -1;
  }
  fields.dropped_attributes_count = attributes.dropped;
  oa_build_log_record(walk->builder, &fields);
  int status = 0;
  if (py_walk_put(walk, &attributes) != 0) {
    status = py_walk_leave_out(walk, &walk->imperfect, "attributes", 0);
  }
  if (status == 0 && put_body(walk, body) != 0) {
    status = py_walk_leave_out(walk, &walk->imperfect, "body", 0);
  }
  Py_DECREF(body);
  return status;
}

static int put_readable(py_walk *walk, PyObject *readable) {
  PyObject *record =
      PyObject_GetAttr(readable, walk->names->text[PY_NAME_log_record]);
  if (record == NULL) {
    return -1;
  }
  const int status = put_record(walk, record);
  Py_DECREF(record);
  return status;
}

int py_walk_logs(py_walk *walk, PyObject *records) {
  return py_walk_groups(walk, records, "records", put_readable);
}
