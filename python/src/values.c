/* SPDX-License-Identifier: Apache-2.0 */
/* Attribute values of every type that OTLP has.  What it has no type for is
 * stored as its text, as "Mapping Arbitrary Data to OTLP AnyValue" of the
 * OpenTelemetry specification asks. */
#include "walk.h"

/* str(VALUE), or nothing when that fails. */
static int put_as_text(py_walk *walk, oa_str key, PyObject *value) {
  PyObject *said = PyObject_Str(value);
  oa_str text;
  if (said != NULL && py_walk_text(walk, said, "value", &text) == 0) {
    oa_build_string(walk->builder, key, text);
    Py_DECREF(said);
    return 0;
  }
  Py_XDECREF(said);
  oa_build_empty(walk->builder, key);
  return py_walk_leave_out(walk, &walk->imperfect, "value", 0);
}

/* An exception was raised while VALUE was looked into. */
static int put_broken(py_walk *walk, oa_str key, PyObject *value) {
  if (py_walk_leave_out(walk, &walk->imperfect, "value", 0) != 0) {
    return -1;
  }
  return put_as_text(walk, key, value);
}

static int put_items(py_walk *walk, PyObject *tuple, unsigned depth) {
  const Py_ssize_t count = PyTuple_Size(tuple);
  for (Py_ssize_t i = 0; i < count; i++) {
    PyObject *item = PyTuple_GetItem(tuple, i);
    if (item == NULL || py_walk_value(walk, (oa_str){0}, item, depth) != 0) {
      return -1;
    }
  }
  return 0;
}

static int put_sequence(py_walk *walk, oa_str key, PyObject *value,
                        unsigned depth) {
  PyObject *tuple = PySequence_Tuple(value);
  if (tuple == NULL) {
    return put_broken(walk, key, value);
  }
  oa_build_array(walk->builder, key);
  const int status = put_items(walk, tuple, depth + 1);
  oa_build_end(walk->builder);
  Py_DECREF(tuple);
  return status;
}

/* KEY as a text that lives as long as *HELD, which is a new reference. */
static int key_text(py_walk *walk, PyObject *key, PyObject **held,
                    oa_str *out) {
  *held = PyUnicode_Check(key) ? Py_NewRef(key) : PyObject_Str(key);
  return *held == NULL ? -1 : py_walk_text(walk, *held, "key", out);
}

static int put_member(py_walk *walk, PyObject *key, PyObject *value,
                      unsigned depth) {
  PyObject *held;
  oa_str text;
  int status = key_text(walk, key, &held, &text);
  if (status == 0) {
    status = py_walk_value(walk, text, value, depth);
  }
  Py_XDECREF(held);
  return status;
}

/* The members of DICT.  Reading a value of a strange type runs its code, which
 * may change DICT; the walk then ends early, with what is still there, or after
 * as many as there were. */
static int put_members(py_walk *walk, PyObject *dict, unsigned depth) {
  Py_ssize_t place = 0;
  PyObject *key;
  PyObject *value;
  int status = 0;
  Py_ssize_t left = PyDict_Size(dict);
  while (status == 0 && left-- > 0 && PyDict_Next(dict, &place, &key, &value)) {
    Py_INCREF(key);
    Py_INCREF(value);
    status = put_member(walk, key, value, depth);
    Py_DECREF(key);
    Py_DECREF(value);
  }
  return status;
}

/* MAPPING as a dict, a new reference. */
static PyObject *dict_of(PyObject *mapping) {
  if (PyDict_Check(mapping)) {
    return Py_NewRef(mapping);
  }
  PyObject *dict = PyDict_New();
  if (dict != NULL && PyDict_Update(dict, mapping) != 0) {
    Py_CLEAR(dict);
  }
  return dict;
}

static int put_mapping(py_walk *walk, oa_str key, PyObject *value,
                       unsigned depth) {
  PyObject *dict = dict_of(value);
  if (dict == NULL) {
    return put_broken(walk, key, value);
  }
  oa_build_map(walk->builder, key);
  const int status = put_members(walk, dict, depth + 1);
  oa_build_end(walk->builder);
  Py_DECREF(dict);
  return status;
}

static int put_int(py_walk *walk, oa_str key, PyObject *value) {
  int overflow = 0;
  const long long number = PyLong_AsLongLongAndOverflow(value, &overflow);
  if (overflow != 0) {
    return put_as_text(walk, key, value);
  }
  if (number == -1 && PyErr_Occurred()) {
    return -1;
  }
  oa_build_int(walk->builder, key, number);
  return 0;
}

static int put_bytes(py_walk *walk, oa_str key, PyObject *value) {
  char *data;
  Py_ssize_t len;
  PyObject *bytes = PyBytes_FromObject(value);
  if (bytes == NULL || PyBytes_AsStringAndSize(bytes, &data, &len) != 0) {
    Py_XDECREF(bytes);
    return -1;
  }
  oa_build_bytes(walk->builder, key, data, (size_t)len);
  Py_DECREF(bytes);
  return 0;
}

static bool is_mapping(const py_walk *walk, PyObject *value) {
  return PyDict_Check(value) ||
         (PyMapping_Check(value) &&
          PyObject_HasAttr(value, walk->names->text[PY_NAME_keys]));
}

static int put_other(py_walk *walk, oa_str key, PyObject *value,
                     unsigned depth) {
  if (PyBytes_Check(value) || PyByteArray_Check(value)) {
    return put_bytes(walk, key, value);
  }
  if (depth >= PY_WALK_MAX_DEPTH) {
    return put_as_text(walk, key, value);
  }
  if (is_mapping(walk, value)) {
    return put_mapping(walk, key, value, depth);
  }
  if (PySequence_Check(value)) {
    return put_sequence(walk, key, value, depth);
  }
  return put_as_text(walk, key, value);
}

static int put_text(py_walk *walk, oa_str key, PyObject *value) {
  oa_str text;
  if (py_walk_text(walk, value, "value", &text) != 0) {
    return -1;
  }
  oa_build_string(walk->builder, key, text);
  return 0;
}

int py_walk_value(py_walk *walk, oa_str key, PyObject *value, unsigned depth) {
  /* The most frequent types first; the rest of the tests are for subclasses. */
  if (PyUnicode_Check(value)) {
    return put_text(walk, key, value);
  }
  if (value == Py_True || value == Py_False) {
    oa_build_bool(walk->builder, key, value == Py_True);
  } else if (PyLong_Check(value)) {
    return put_int(walk, key, value);
  } else if (PyFloat_Check(value)) {
    oa_build_double(walk->builder, key, PyFloat_AsDouble(value));
  } else if (value == Py_None) {
    oa_build_empty(walk->builder, key);
  } else {
    return put_other(walk, key, value, depth);
  }
  return 0;
}

/* What BoundedAttributes keeps. */
static int open_bounded(py_walk *walk, PyObject *object, py_attributes *out) {
  const py_names *names = walk->names;
  PyObject *dict = PyObject_GetAttr(object, names->text[PY_NAME__dict]);
  if (dict == NULL || !PyDict_Check(dict)) {
    Py_XDECREF(dict);
    PyErr_Clear();
    dict = dict_of(object);
    out->dict = dict;
    return dict == NULL ? -1 : 0;
  }
  PyObject *dropped = PyObject_GetAttr(object, names->text[PY_NAME_dropped]);
  if (dropped == NULL) {
    PyErr_Clear();
  } else if (py_walk_u32(dropped, "dropped", &out->dropped) != 0) {
    PyErr_Clear();
    out->dropped = 0;
  }
  Py_XDECREF(dropped);
  out->dict = dict;
  return 0;
}

int py_walk_open(py_walk *walk, PyObject *object, py_name field, py_name other,
                 py_attributes *out) {
  int status = 0;
  *out = (py_attributes){0};
  PyObject *found = py_walk_get(walk, object, field, other);
  if (found == NULL) {
    return -1;
  }
  if (PyDict_Check(found)) {
    out->dict = Py_NewRef(found);
  } else if (found != Py_None) {
    status = open_bounded(walk, found, out);
  }
  Py_DECREF(found);
  return status;
}

int py_walk_put(py_walk *walk, py_attributes *attributes) {
  int status = 0;
  if (attributes->dict != NULL) {
    status = put_members(walk, attributes->dict, 1);
    py_walk_close(attributes);
  }
  return status;
}

void py_walk_close(py_attributes *attributes) {
  Py_CLEAR(attributes->dict);
}
