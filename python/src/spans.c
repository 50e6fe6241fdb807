/* SPDX-License-Identifier: Apache-2.0 */
/* ReadableSpan objects.  A span is put when all of its own fields are known to
 * be good, so that one that is not leaves nothing behind. */
#include "walk.h"

#include <string.h>

/* SpanFlags of OTLP. */
enum { HAS_IS_REMOTE = 0x100, IS_REMOTE = 0x200 };

/* A SpanContext; TRACE_STATE is a new reference. */
typedef struct context {
  uint8_t trace_id[16];
  uint8_t span_id[8];
  uint32_t flags;
  PyObject *trace_state;
} context;

/* The members of a SpanContext, which is a tuple of them. */
typedef struct members {
  PyObject *trace_id;
  PyObject *span_id;
  PyObject *is_remote;
  PyObject *trace_state;
} members;

static void drop_members(members *of) {
  Py_XDECREF(of->trace_id);
  Py_XDECREF(of->span_id);
  Py_XDECREF(of->is_remote);
  Py_XDECREF(of->trace_state);
}

static int get_members(const py_walk *walk, PyObject *object, members *out) {
  *out = (members){0};
  if (PyTuple_Check(object) && PyTuple_Size(object) >= 5) {
    out->trace_id = Py_NewRef(PyTuple_GetItem(object, 0));
    out->span_id = Py_NewRef(PyTuple_GetItem(object, 1));
    out->is_remote = Py_NewRef(PyTuple_GetItem(object, 2));
    out->trace_state = Py_NewRef(PyTuple_GetItem(object, 4));
    return 0;
  }
  PyObject *const *text = walk->names->text;
  out->trace_id = PyObject_GetAttr(object, text[PY_NAME_trace_id]);
  if (out->trace_id != NULL) {
    out->span_id = PyObject_GetAttr(object, text[PY_NAME_span_id]);
  }
  if (out->span_id != NULL) {
    out->is_remote = PyObject_GetAttr(object, text[PY_NAME_is_remote]);
  }
  if (out->is_remote != NULL) {
    out->trace_state = PyObject_GetAttr(object, text[PY_NAME_trace_state]);
  }
  if (out->trace_state == NULL) {
    drop_members(out);
    return -1;
  }
  return 0;
}

static int read_context(const py_walk *walk, PyObject *object, bool zero,
                        context *out) {
  members of;
  if (get_members(walk, object, &of) != 0) {
    return -1;
  }
  int status = py_walk_trace_id(of.trace_id, "trace_id", zero, out->trace_id);
  if (status == 0) {
    status = py_walk_span_id(of.span_id, "span_id", zero, out->span_id);
  }
  const int remote = status == 0 ? PyObject_IsTrue(of.is_remote) : -1;
  if (remote < 0) {
    drop_members(&of);
    return -1;
  }
  out->flags = HAS_IS_REMOTE | (remote ? IS_REMOTE : 0);
  out->trace_state = Py_NewRef(of.trace_state);
  drop_members(&of);
  return 0;
}

/* A TraceState as its header has it.  Most have nothing in them, which their
 * dict says fastest. */
static int trace_state_text(py_walk *walk, PyObject *state, oa_str *out) {
  PyObject *const *text = walk->names->text;
  *out = (oa_str){0};
  if (state == Py_None || PyUnicode_Check(state)) {
    return py_walk_text(walk, state, "trace_state", out);
  }
  PyObject *dict = PyObject_GetAttr(state, text[PY_NAME__dict]);
  if (dict == NULL) {
    PyErr_Clear();
  } else {
    const bool none = PyDict_Check(dict) && PyDict_Size(dict) == 0;
    Py_DECREF(dict);
    if (none) {
      return 0;
    }
  }
  PyObject *header =
      PyObject_CallMethodObjArgs(state, text[PY_NAME_to_header], NULL);
  if (header == NULL) {
    return -1;
  }
  if (py_walk_text(walk, header, "trace_state", out) != 0) {
    Py_DECREF(header);
    return -1;
  }
  return py_walk_hold(walk, header);
}

/* The SDK counts kinds from 0 = internal, OTLP from 1. */
static int read_kind(py_walk *walk, PyObject *span, oa_span *out) {
  long kind = 0;
  PyObject *value = py_walk_get(walk, span, PY_NAME__kind, PY_NAME_kind);
  if (value == NULL) {
    return -1;
  }
  const int status = py_walk_enum(walk, value, "kind", &kind);
  Py_DECREF(value);
  if (status != 0) {
    return -1;
  }
  if (kind < 0 || kind > OA_SPAN_CONSUMER - OA_SPAN_INTERNAL) {
    PyErr_Format(PyExc_ValueError, "kind: %ld is no SpanKind", kind);
    return -1;
  }
  out->kind = (oa_span_kind)(kind + OA_SPAN_INTERNAL);
  return 0;
}

/* *HELD is what the text points into, a new reference. */
static int read_status(py_walk *walk, PyObject *span, PyObject **held,
                       oa_span *out) {
  long code = 0;
  PyObject *status = py_walk_get(walk, span, PY_NAME__status, PY_NAME_status);
  *held = status;
  if (status == NULL) {
    return -1;
  }
  if (status == Py_None) {
    return 0;
  }
  PyObject *value =
      py_walk_get(walk, status, PY_NAME__status_code, PY_NAME_status_code);
  if (value == NULL) {
    return -1;
  }
  const int result = py_walk_enum(walk, value, "status", &code);
  Py_DECREF(value);
  if (result != 0) {
    return -1;
  }
  if (code < OA_STATUS_UNSET || code > OA_STATUS_ERROR) {
    PyErr_Format(PyExc_ValueError, "status: %ld is no StatusCode", code);
    return -1;
  }
  out->status_code = (oa_span_status)code;
  return py_walk_get_text(walk, status, PY_NAME__description,
                          PY_NAME_description, &out->status_message);
}

static int read_parent(py_walk *walk, PyObject *span, oa_span *out) {
  context parent;
  PyObject *value = py_walk_get(walk, span, PY_NAME__parent, PY_NAME_parent);
  if (value == NULL) {
    return -1;
  }
  out->flags = HAS_IS_REMOTE;
  if (value == Py_None) {
    Py_DECREF(value);
    return 0;
  }
  const int status = read_context(walk, value, true, &parent);
  Py_DECREF(value);
  if (status != 0) {
    return -1;
  }
  Py_DECREF(parent.trace_state);
  memcpy(out->parent_span_id, parent.span_id, sizeof out->parent_span_id);
  out->flags = parent.flags;
  return 0;
}

/* *HELD is what the trace state points into, a new reference. */
static int read_own_context(py_walk *walk, PyObject *span, PyObject **held,
                            oa_span *out) {
  context own;
  PyObject *value = py_walk_get(walk, span, PY_NAME__context, PY_NAME_context);
  if (value == NULL) {
    return -1;
  }
  if (value == Py_None) {
    Py_DECREF(value);
    PyErr_SetString(PyExc_ValueError, "context: there is none, so no ids");
    return -1;
  }
  const int status = read_context(walk, value, false, &own);
  Py_DECREF(value);
  if (status != 0) {
    return -1;
  }
  *held = own.trace_state;
  memcpy(out->trace_id, own.trace_id, sizeof out->trace_id);
  memcpy(out->span_id, own.span_id, sizeof out->span_id);
  return trace_state_text(walk, own.trace_state, &out->trace_state);
}

/* The items of a BoundedList, and how many it has lost. */
typedef struct list {
  PyObject *items; /* NULL = none */
  uint32_t dropped;
} list;

static int open_list(py_walk *walk, PyObject *span, py_name field,
                     py_name other, list *out) {
  PyObject *const *text = walk->names->text;
  *out = (list){0};
  PyObject *found = py_walk_get(walk, span, field, other);
  if (found == NULL) {
    return -1;
  }
  PyObject *inner = NULL;
  if (found != Py_None && !PyTuple_Check(found) && !PyList_Check(found)) {
    inner = PyObject_GetAttr(found, text[PY_NAME__dq]);
    PyObject *dropped =
        inner == NULL ? NULL : PyObject_GetAttr(found, text[PY_NAME_dropped]);
    if (dropped == NULL ||
        py_walk_u32(dropped, "dropped", &out->dropped) != 0) {
      PyErr_Clear();
    }
    Py_XDECREF(dropped);
  }
  PyObject *items = inner != NULL ? inner : found;
  const Py_ssize_t size = items == Py_None ? 0 : PyObject_Size(items);
  if (size > 0) {
    out->items = PySequence_Tuple(items);
  }
  Py_XDECREF(inner);
  Py_DECREF(found);
  return size < 0 || (size > 0 && out->items == NULL) ? -1 : 0;
}

static int put_event(py_walk *walk, PyObject *event) {
  py_attributes attributes;
  uint64_t time;
  oa_str name;
  py_walk_begin(walk);
  if (py_walk_get_text(walk, event, PY_NAME__name, PY_NAME_name, &name) != 0 ||
      py_walk_get_u64(walk, event, PY_NAME__timestamp, PY_NAME_timestamp,
                      &time) != 0 ||
      py_walk_open(walk, event, PY_NAME__attributes, PY_NAME_attributes,
                   &attributes) != 0) {
    return -1;
  }
  oa_build_event(walk->builder, time, name, attributes.dropped);
  return py_walk_put(walk, &attributes);
}

static int put_link(py_walk *walk, PyObject *link) {
  oa_span_link fields = {.size = sizeof fields};
  py_attributes attributes;
  context to;
  py_walk_begin(walk);
  PyObject *value = py_walk_get(walk, link, PY_NAME__context, PY_NAME_context);
  if (value == NULL) {
    return -1;
  }
  int status = read_context(walk, value, true, &to);
  Py_DECREF(value);
  if (status != 0) {
    return -1;
  }
  status = trace_state_text(walk, to.trace_state, &fields.trace_state);
  if (status == 0) {
    status = py_walk_open(walk, link, PY_NAME__attributes, PY_NAME_attributes,
                          &attributes);
  }
  if (status == 0) {
    memcpy(fields.trace_id, to.trace_id, sizeof fields.trace_id);
    memcpy(fields.span_id, to.span_id, sizeof fields.span_id);
    fields.flags = to.flags;
    fields.dropped_attributes_count = attributes.dropped;
    oa_build_link(walk->builder, &fields);
    status = py_walk_put(walk, &attributes);
  }
  Py_DECREF(to.trace_state);
  return status;
}

/* Puts the items of LIST and lets go of it; a bad one costs itself. */
static int put_list(py_walk *walk, list *of, const char *name,
                    py_walk_item put) {
  int status = 0;
  const Py_ssize_t count = of->items == NULL ? 0 : PyTuple_Size(of->items);
  for (Py_ssize_t i = 0; i < count && status == 0; i++) {
    if (put(walk, PyTuple_GetItem(of->items, i)) != 0) {
      status = py_walk_leave_out(walk, &walk->imperfect, name, i);
    }
  }
  Py_CLEAR(of->items);
  return status;
}

/* What a span is made of.  The references hold what texts point into. */
typedef struct parts {
  oa_span span;
  PyObject *trace_state;
  PyObject *status;
  py_attributes attributes;
  list events;
  list links;
} parts;

static int read_head(py_walk *walk, PyObject *span, parts *out) {
  oa_span *to = &out->span;
  if (py_walk_get_text(walk, span, PY_NAME__name, PY_NAME_name, &to->name) !=
          0 ||
      read_own_context(walk, span, &out->trace_state, to) != 0 ||
      read_parent(walk, span, to) != 0 || read_kind(walk, span, to) != 0 ||
      py_walk_get_u64(walk, span, PY_NAME__start_time, PY_NAME_start_time,
                      &to->start_time_unix_nano) != 0 ||
      py_walk_get_u64(walk, span, PY_NAME__end_time, PY_NAME_end_time,
                      &to->end_time_unix_nano) != 0 ||
      read_status(walk, span, &out->status, to) != 0 ||
      py_walk_open(walk, span, PY_NAME__attributes, PY_NAME_attributes,
                   &out->attributes) != 0 ||
      open_list(walk, span, PY_NAME__events, PY_NAME_events, &out->events) !=
          0 ||
      open_list(walk, span, PY_NAME__links, PY_NAME_links, &out->links) != 0) {
    return -1;
  }
  to->dropped_attributes_count = out->attributes.dropped;
  to->dropped_events_count = out->events.dropped;
  to->dropped_links_count = out->links.dropped;
  return 0;
}

static void drop_parts(parts *of) {
  Py_XDECREF(of->trace_state);
  Py_XDECREF(of->status);
  py_walk_close(&of->attributes);
  Py_XDECREF(of->events.items);
  Py_XDECREF(of->links.items);
}

static int put_span(py_walk *walk, PyObject *span) {
  parts of = {.span = {.size = sizeof of.span}};
  py_walk_begin(walk);
  int status = read_head(walk, span, &of);
  if (status == 0) {
    oa_build_span(walk->builder, &of.span);
    if (py_walk_put(walk, &of.attributes) != 0) {
      status = py_walk_leave_out(walk, &walk->imperfect, "attributes", 0);
    }
    if (status == 0) {
      status = put_list(walk, &of.events, "events", put_event);
    }
    if (status == 0) {
      status = put_list(walk, &of.links, "links", put_link);
    }
  }
  drop_parts(&of);
  return status;
}

int py_walk_spans(py_walk *walk, PyObject *spans) {
  return py_walk_groups(walk, spans, "spans", put_span);
}
