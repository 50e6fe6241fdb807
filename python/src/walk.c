/* SPDX-License-Identifier: Apache-2.0 */
/* Fields of Python objects as plain C values. */
#include "walk.h"

#include <string.h>

void py_walk_init(py_walk *walk, const py_names *names, oa_builder *builder) {
  *walk = (py_walk){.names = names, .builder = builder};
}

void py_walk_reset(py_walk *walk) {
  py_walk_begin(walk);
  Py_CLEAR(walk->kept);
}

void py_walk_begin(py_walk *walk) {
  while (walk->held_count > 0) {
    Py_DECREF(walk->held[--walk->held_count]);
  }
}

static int keep(py_walk *walk, PyObject *value) {
  if (walk->kept == NULL) {
    walk->kept = PyList_New(0);
  }
  return walk->kept == NULL ? -1 : PyList_Append(walk->kept, value);
}

int py_walk_hold(py_walk *walk, PyObject *value) {
  if (walk->held_count < PY_WALK_HELD) {
    walk->held[walk->held_count++] = value;
    return 0;
  }
  const int status = keep(walk, value);
  Py_DECREF(value);
  return status;
}

/* Writes what EXCEPTION says behind LIST[INDEX] into the walk's reason. */
static void note(py_walk *walk, PyObject *exception, const char *list,
                 Py_ssize_t index) {
  PyObject *said = exception == NULL ? NULL : PyObject_Str(exception);
  Py_ssize_t len = 0;
  const char *text = said == NULL ? NULL : PyUnicode_AsUTF8AndSize(said, &len);
  PyErr_Clear();
  PyOS_snprintf(walk->reason, sizeof walk->reason, "%s[%zd]: %s", list, index,
                text == NULL || len == 0 ? "it cannot be read" : text);
  Py_XDECREF(said);
}

int py_walk_leave_out(py_walk *walk, uint64_t *counter, const char *list,
                      Py_ssize_t index) {
  if (PyErr_ExceptionMatches(PyExc_MemoryError) ||
      !PyErr_ExceptionMatches(PyExc_Exception)) {
    return -1;
  }
  PyObject *type;
  PyObject *exception;
  PyObject *trace;
  PyErr_Fetch(&type, &exception, &trace);
  PyErr_NormalizeException(&type, &exception, &trace);
  if (walk->reason[0] == '\0') {
    note(walk, exception, list, index);
  }
  Py_XDECREF(type);
  Py_XDECREF(exception);
  Py_XDECREF(trace);
  (*counter)++;
  return 0;
}

PyObject *py_walk_get(const py_walk *walk, PyObject *object, py_name field,
                      py_name other) {
  PyObject *found = PyObject_GetAttr(object, walk->names->text[field]);
  if (found != NULL || field == other ||
      !PyErr_ExceptionMatches(PyExc_AttributeError)) {
    return found;
  }
  PyErr_Clear();
  return PyObject_GetAttr(object, walk->names->text[other]);
}

static int refuse_type(PyObject *value, const char *key, const char *wanted) {
  PyObject *type =
      PyObject_GetAttrString((PyObject *)Py_TYPE(value), "__name__");
  if (type != NULL) {
    PyErr_Format(PyExc_TypeError, "%s: expected %s, got %U", key, wanted, type);
    Py_DECREF(type);
  }
  return -1;
}

/* Text with lone surrogates, which UTF-8 has no bytes for: they are passed on
 * as they are, and the service mends them. */
static int surrogate_text(py_walk *walk, PyObject *value, oa_str *out) {
  char *data;
  Py_ssize_t len;
  PyErr_Clear();
  PyObject *bytes = PyUnicode_AsEncodedString(value, "utf-8", "surrogatepass");
  if (bytes == NULL) {
    return -1;
  }
  const int kept = keep(walk, bytes);
  if (kept == 0 && PyBytes_AsStringAndSize(bytes, &data, &len) == 0) {
    *out = (oa_str){.data = data, .len = (size_t)len};
  }
  Py_DECREF(bytes);
  return kept;
}

int py_walk_text(py_walk *walk, PyObject *value, const char *key, oa_str *out) {
  Py_ssize_t len;
  if (value == Py_None) {
    *out = (oa_str){0};
    return 0;
  }
  if (!PyUnicode_Check(value)) {
    return refuse_type(value, key, "str");
  }
  const char *data = PyUnicode_AsUTF8AndSize(value, &len);
  if (data != NULL) {
    *out = (oa_str){.data = data, .len = (size_t)len};
    return 0;
  }
  return PyErr_ExceptionMatches(PyExc_UnicodeError)
             ? surrogate_text(walk, value, out)
             : -1;
}

/* An OverflowError gets the name of its key. */
static int refuse_range(const char *key, const char *range) {
  if (PyErr_ExceptionMatches(PyExc_OverflowError)) {
    PyErr_Clear();
    PyErr_Format(PyExc_ValueError, "%s: not in %s", key, range);
  }
  return -1;
}

int py_walk_u64(PyObject *value, const char *key, uint64_t *out) {
  if (value == Py_None) {
    *out = 0;
    return 0;
  }
  if (!PyLong_Check(value)) {
    return refuse_type(value, key, "int");
  }
  const unsigned long long number = PyLong_AsUnsignedLongLong(value);
  if (number == (unsigned long long)-1 && PyErr_Occurred()) {
    return refuse_range(key, "0 .. 2**64-1");
  }
  *out = number;
  return 0;
}

int py_walk_u32(PyObject *value, const char *key, uint32_t *out) {
  uint64_t number;
  if (py_walk_u64(value, key, &number) != 0) {
    return -1;
  }
  /* Counts, which say nothing more once they are that large. */
  *out = number < UINT32_MAX ? (uint32_t)number : UINT32_MAX;
  return 0;
}

int py_walk_double(PyObject *value, const char *key, double *out) {
  if (!PyFloat_Check(value) && !PyLong_Check(value)) {
    return refuse_type(value, key, "float");
  }
  const double number = PyFloat_AsDouble(value);
  if (number == -1.0 && PyErr_Occurred()) {
    return refuse_range(key, "the range of a double");
  }
  *out = number;
  return 0;
}

int py_walk_number(PyObject *value, const char *key, oa_number *out) {
  int overflow = 0;
  if (PyLong_Check(value)) {
    const long long number = PyLong_AsLongLongAndOverflow(value, &overflow);
    if (overflow == 0) {
      *out = (oa_number){.type = OA_INT, .value.as_int = number};
      return number == -1 && PyErr_Occurred() ? -1 : 0;
    }
  }
  /* A number that is too large for an integer is one that is not exact. */
  out->type = OA_DOUBLE;
  return py_walk_double(value, key, &out->value.as_double);
}

static void big_endian(uint64_t number, uint8_t out[8]) {
  for (unsigned i = 0; i < 8; i++) {
    out[i] = (uint8_t)(number >> (56 - 8 * i));
  }
}

int py_walk_span_id(PyObject *value, const char *key, bool zero,
                    uint8_t out[8]) {
  uint64_t number;
  if (py_walk_u64(value, key, &number) != 0) {
    return -1;
  }
  if (number == 0 && !zero) {
    PyErr_Format(PyExc_ValueError, "%s: must not be 0", key);
    return -1;
  }
  big_endian(number, out);
  return 0;
}

/* The upper half of a number of 128 bits; the lower one fits a C type. */
static int upper_half(PyObject *value, const char *key, uint64_t *out) {
  PyObject *bits = PyLong_FromLong(64);
  PyObject *upper = bits == NULL ? NULL : PyNumber_Rshift(value, bits);
  Py_XDECREF(bits);
  if (upper == NULL) {
    return -1;
  }
  const unsigned long long number = PyLong_AsUnsignedLongLong(upper);
  Py_DECREF(upper);
  if (number == (unsigned long long)-1 && PyErr_Occurred()) {
    return refuse_range(key, "0 .. 2**128-1");
  }
  *out = number;
  return 0;
}

int py_walk_trace_id(PyObject *value, const char *key, bool zero,
                     uint8_t out[16]) {
  uint64_t upper = 0;
  uint64_t lower = 0;
  if (value != Py_None) {
    if (!PyLong_Check(value)) {
      return refuse_type(value, key, "int");
    }
    if (upper_half(value, key, &upper) != 0) {
      return -1;
    }
    lower = PyLong_AsUnsignedLongLongMask(value);
  }
  if (upper == 0 && lower == 0 && !zero) {
    PyErr_Format(PyExc_ValueError, "%s: must not be 0", key);
    return -1;
  }
  big_endian(upper, out);
  big_endian(lower, out + 8);
  return 0;
}

int py_walk_enum(const py_walk *walk, PyObject *value, const char *key,
                 long *out) {
  if (value == Py_None) {
    *out = 0;
    return 0;
  }
  PyObject *number =
      PyLong_Check(value)
          ? Py_NewRef(value)
          : PyObject_GetAttr(value, walk->names->text[PY_NAME__value_]);
  if (number == NULL || !PyLong_Check(number)) {
    PyErr_Clear();
    Py_XDECREF(number);
    return refuse_type(value, key, "a member of the SDK's Enum");
  }
  *out = PyLong_AsLong(number);
  Py_DECREF(number);
  return *out == -1 && PyErr_Occurred() ? refuse_range(key, "the Enum") : 0;
}

int py_walk_get_text(py_walk *walk, PyObject *object, py_name field,
                     py_name other, oa_str *out) {
  PyObject *value = py_walk_get(walk, object, field, other);
  if (value == NULL) {
    return -1;
  }
  if (py_walk_text(walk, value, py_name_text(other), out) != 0) {
    Py_DECREF(value);
    return -1;
  }
  return py_walk_hold(walk, value);
}

int py_walk_get_u64(py_walk *walk, PyObject *object, py_name field,
                    py_name other, uint64_t *out) {
  PyObject *value = py_walk_get(walk, object, field, other);
  if (value == NULL) {
    return -1;
  }
  const int status = py_walk_u64(value, py_name_text(other), out);
  Py_DECREF(value);
  return status;
}
