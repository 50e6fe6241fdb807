/* SPDX-License-Identifier: Apache-2.0 */
/* MetricsData of the SDK: resources, scopes and metrics. */
#include "points.h"

/* OBJECT.NAME of what has just this name. */
static PyObject *get(const py_walk *walk, PyObject *object, py_name name) {
  return PyObject_GetAttr(object, walk->names->text[name]);
}

/* The kind that TYPE is called, or NULL without an exception. */
static const py_point_kind *kind_named(PyObject *type) {
  const py_point_kind *found = NULL;
  PyObject *name = PyObject_GetAttrString(type, "__name__");
  const char *text = name == NULL ? NULL : PyUnicode_AsUTF8AndSize(name, NULL);
  if (text != NULL) {
    found = py_point_kind_named(text);
  }
  PyErr_Clear();
  Py_XDECREF(name);
  return found;
}

/* By the names of DATA's class and of its bases, since the SDK's classes are
 * not known here. */
static const py_point_kind *kind_of(PyObject *data) {
  const py_point_kind *found = kind_named((PyObject *)Py_TYPE(data));
  PyObject *bases = found != NULL ? NULL
                                  : PyObject_GetAttrString(
                                        (PyObject *)Py_TYPE(data), "__mro__");
  const Py_ssize_t count = bases == NULL ? 0 : PyTuple_Size(bases);
  for (Py_ssize_t i = 0; found == NULL && i < count; i++) {
    found = kind_named(PyTuple_GetItem(bases, i));
  }
  Py_XDECREF(bases);
  if (found == NULL) {
    PyErr_Clear();
    PyErr_SetString(PyExc_TypeError,
                    "data: expected a Gauge, Sum, Histogram, "
                    "ExponentialHistogram or Summary");
  }
  return found;
}

static int read_sum(py_walk *walk, PyObject *data, oa_metric *out) {
  long temporality = 0;
  if (out->type == OA_GAUGE || out->type == OA_SUMMARY) {
    return 0;
  }
  PyObject *value = get(walk, data, PY_NAME_aggregation_temporality);
  if (value == NULL) {
    return -1;
  }
  int status =
      py_walk_enum(walk, value, "aggregation_temporality", &temporality);
  Py_DECREF(value);
  if (status == 0 && (temporality < OA_TEMPORALITY_UNSPECIFIED ||
                      temporality > OA_CUMULATIVE)) {
    PyErr_Format(PyExc_ValueError, "aggregation_temporality: %ld is none",
                 temporality);
    status = -1;
  }
  out->temporality = (oa_temporality)temporality;
  if (status == 0 && out->type == OA_SUM) {
    value = get(walk, data, PY_NAME_is_monotonic);
    out->is_monotonic = value == NULL ? -1 : PyObject_IsTrue(value);
    Py_XDECREF(value);
    status = out->is_monotonic < 0 ? -1 : 0;
  }
  return status;
}

static int put_points(py_walk *walk, PyObject *data, py_walk_item put) {
  PyObject *list = get(walk, data, PY_NAME_data_points);
  PyObject *points = list == NULL ? NULL : PySequence_Tuple(list);
  Py_XDECREF(list);
  if (points == NULL) {
    return -1;
  }
  int status = 0;
  const Py_ssize_t count = PyTuple_Size(points);
  for (Py_ssize_t i = 0; status == 0 && i < count; i++) {
    if (put(walk, PyTuple_GetItem(points, i)) != 0) {
      status = py_walk_leave_out(walk, &walk->left_out, "data_points", i);
    }
  }
  Py_DECREF(points);
  return status;
}

static int put_metric(py_walk *walk, PyObject *metric) {
  oa_metric fields = {.size = sizeof fields};
  py_walk_begin(walk);
  if (py_walk_get_text(walk, metric, PY_NAME_name, PY_NAME_name,
                       &fields.name) != 0 ||
      py_walk_get_text(walk, metric, PY_NAME_description, PY_NAME_description,
                       &fields.description) != 0 ||
      py_walk_get_text(walk, metric, PY_NAME_unit, PY_NAME_unit,
                       &fields.unit) != 0) {
    return -1;
  }
  PyObject *data = get(walk, metric, PY_NAME_data);
  const py_point_kind *of = data == NULL ? NULL : kind_of(data);
  int status = -1;
  if (of != NULL) {
    fields.type = of->type;
    status = read_sum(walk, data, &fields);
  }
  if (status == 0) {
    oa_build_metric(walk->builder, &fields);
    status = put_points(walk, data, of->put);
  }
  Py_XDECREF(data);
  return status;
}

/* --- What holds them --- */

/* Puts every item of OBJECT.NAME; a bad one is left out by itself. */
static int put_all(py_walk *walk, PyObject *object, py_name name,
                   py_walk_item put) {
  PyObject *list = get(walk, object, name);
  PyObject *items = list == NULL ? NULL : PySequence_Tuple(list);
  Py_XDECREF(list);
  if (items == NULL) {
    return -1;
  }
  int status = 0;
  const Py_ssize_t count = PyTuple_Size(items);
  for (Py_ssize_t i = 0; status == 0 && i < count; i++) {
    if (put(walk, PyTuple_GetItem(items, i)) != 0) {
      status = py_walk_leave_out(walk, &walk->left_out, py_name_text(name), i);
    }
  }
  Py_DECREF(items);
  return status;
}

static int put_scope(py_walk *walk, PyObject *scope_metrics) {
  PyObject *scope = get(walk, scope_metrics, PY_NAME_scope);
  if (scope == NULL || py_walk_scope(walk, scope) != 0) {
    Py_XDECREF(scope);
    return -1;
  }
  Py_DECREF(scope);
  return put_all(walk, scope_metrics, PY_NAME_metrics, put_metric);
}

static int put_resource(py_walk *walk, PyObject *resource_metrics) {
  PyObject *resource = get(walk, resource_metrics, PY_NAME_resource);
  if (resource == NULL || py_walk_resource(walk, resource) != 0) {
    Py_XDECREF(resource);
    return -1;
  }
  Py_DECREF(resource);
  return put_all(walk, resource_metrics, PY_NAME_scope_metrics, put_scope);
}

int py_walk_metrics(py_walk *walk, PyObject *metrics) {
  return put_all(walk, metrics, PY_NAME_resource_metrics, put_resource);
}
