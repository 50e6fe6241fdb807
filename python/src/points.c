/* SPDX-License-Identifier: Apache-2.0 */
/* Data points of all types, and their exemplars. */
#include "points.h"

#include <string.h>

/* OBJECT.NAME of what has just this name. */
static PyObject *get(const py_walk *walk, PyObject *object, py_name name) {
  return PyObject_GetAttr(object, walk->names->text[name]);
}

static int get_u64(const py_walk *walk, PyObject *object, py_name name,
                   uint64_t *out) {
  PyObject *value = get(walk, object, name);
  if (value == NULL) {
    return -1;
  }
  const int status = py_walk_u64(value, py_name_text(name), out);
  Py_DECREF(value);
  return status;
}

/* As get_u64() when OBJECT has such a field, else 0. */
static int get_u64_if_any(const py_walk *walk, PyObject *object, py_name name,
                          uint64_t *out) {
  *out = 0;
  if (!PyObject_HasAttr(object, walk->names->text[name])) {
    return 0;
  }
  return get_u64(walk, object, name, out);
}

/* The double in a field that may be None: then HAS does not get BIT. */
static int get_double(const py_walk *walk, PyObject *object, py_name name,
                      unsigned bit, unsigned *has, double *out) {
  PyObject *value = get(walk, object, name);
  int status = value == NULL ? -1 : 0;
  if (value != NULL && value != Py_None) {
    status = py_walk_double(value, py_name_text(name), out);
    *has |= bit;
  }
  Py_XDECREF(value);
  return status;
}

static int get_number(const py_walk *walk, PyObject *object, py_name name,
                      oa_number *out) {
  PyObject *value = get(walk, object, name);
  if (value == NULL) {
    return -1;
  }
  const int status = py_walk_number(value, py_name_text(name), out);
  Py_DECREF(value);
  return status;
}

/* --- Lists of numbers --- */

typedef struct numbers {
  void *items; /* uint64_t or double, of PyMem_Malloc() */
  size_t count;
} numbers;

static int convert(PyObject *item, const char *key, bool whole, void *items,
                   size_t i) {
  return whole ? py_walk_u64(item, key, (uint64_t *)items + i)
               : py_walk_double(item, key, (double *)items + i);
}

static int get_numbers(const py_walk *walk, PyObject *object, py_name name,
                       bool whole, numbers *out) {
  PyObject *found = get(walk, object, name);
  PyObject *tuple = NULL;
  *out = (numbers){0};
  if (found != NULL) {
    tuple = found == Py_None ? PyTuple_New(0) : PySequence_Tuple(found);
    Py_DECREF(found);
  }
  if (tuple == NULL) {
    return -1;
  }
  int status = 0;
  const size_t count = (size_t)PyTuple_Size(tuple);
  void *items = PyMem_Malloc((count + 1) * sizeof(uint64_t));
  if (items == NULL) {
    PyErr_NoMemory();
    status = -1;
  }
  for (size_t i = 0; status == 0 && i < count; i++) {
    status = convert(PyTuple_GetItem(tuple, (Py_ssize_t)i), py_name_text(name),
                     whole, items, i);
  }
  Py_DECREF(tuple);
  if (status != 0) {
    PyMem_Free(items);
    return -1;
  }
  *out = (numbers){.items = items, .count = count};
  return 0;
}

/* --- Exemplars --- */

static int exemplar_ids(const py_walk *walk, PyObject *object,
                        oa_exemplar *out) {
  PyObject *trace_id = get(walk, object, PY_NAME_trace_id);
  PyObject *span_id =
      trace_id == NULL ? NULL : get(walk, object, PY_NAME_span_id);
  int status = span_id == NULL ? -1 : 0;
  if (status == 0 && trace_id != Py_None && span_id != Py_None) {
    status = py_walk_trace_id(trace_id, "trace_id", true, out->trace_id);
    if (status == 0) {
      status = py_walk_span_id(span_id, "span_id", true, out->span_id);
    }
  }
  Py_XDECREF(trace_id);
  Py_XDECREF(span_id);
  return status;
}

static int put_exemplar(py_walk *walk, PyObject *object) {
  oa_exemplar fields = {.size = sizeof fields};
  py_attributes attributes;
  if (get_u64(walk, object, PY_NAME_time_unix_nano, &fields.time_unix_nano) !=
          0 ||
      get_number(walk, object, PY_NAME_value, &fields.number) != 0 ||
      exemplar_ids(walk, object, &fields) != 0 ||
      py_walk_open(walk, object, PY_NAME_filtered_attributes,
                   PY_NAME_filtered_attributes, &attributes) != 0) {
    return -1;
  }
  oa_build_exemplar(walk->builder, &fields);
  return py_walk_put(walk, &attributes);
}

/* What follows a point: its attributes and exemplars.  The point stands by now,
 * so a fault costs no more than itself. */
static int put_rest(py_walk *walk, PyObject *point, py_attributes *attributes) {
  if (py_walk_put(walk, attributes) != 0 &&
      py_walk_leave_out(walk, &walk->imperfect, "attributes", 0) != 0) {
    return -1;
  }
  PyObject *list = NULL;
  if (PyObject_HasAttr(point, walk->names->text[PY_NAME_exemplars])) {
    list = get(walk, point, PY_NAME_exemplars);
  }
  if (list == NULL || list == Py_None) {
    PyErr_Clear();
    Py_XDECREF(list);
    return 0;
  }
  PyObject *tuple = PySequence_Tuple(list);
  Py_DECREF(list);
  int status = tuple == NULL ? -1 : 0;
  const Py_ssize_t count = tuple == NULL ? 0 : PyTuple_Size(tuple);
  for (Py_ssize_t i = 0; status == 0 && i < count; i++) {
    if (put_exemplar(walk, PyTuple_GetItem(tuple, i)) != 0) {
      status = py_walk_leave_out(walk, &walk->imperfect, "exemplars", i);
    }
  }
  Py_XDECREF(tuple);
  return status;
}

/* --- Points --- */

static int get_flags(const py_walk *walk, PyObject *point, uint32_t *out) {
  uint64_t flags;
  if (get_u64_if_any(walk, point, PY_NAME_flags, &flags) != 0) {
    return -1;
  }
  *out = (uint32_t)flags;
  return 0;
}

static int get_times(const py_walk *walk, PyObject *point, uint64_t *start,
                     uint64_t *time) {
  return get_u64(walk, point, PY_NAME_start_time_unix_nano, start) != 0
             ? -1
             : get_u64(walk, point, PY_NAME_time_unix_nano, time);
}

static int open_attributes(py_walk *walk, PyObject *point, py_attributes *out) {
  return py_walk_open(walk, point, PY_NAME_attributes, PY_NAME_attributes, out);
}

/* A point of a gauge or sum. */
static int put_value(py_walk *walk, PyObject *point, bool has_start) {
  oa_number_point fields = {.size = sizeof fields};
  py_attributes attributes;
  if ((has_start && get_u64(walk, point, PY_NAME_start_time_unix_nano,
                            &fields.start_time_unix_nano) != 0) ||
      get_u64(walk, point, PY_NAME_time_unix_nano, &fields.time_unix_nano) !=
          0 ||
      get_number(walk, point, PY_NAME_value, &fields.number) != 0 ||
      get_flags(walk, point, &fields.flags) != 0 ||
      open_attributes(walk, point, &attributes) != 0) {
    return -1;
  }
  oa_build_number_point(walk->builder, &fields);
  return put_rest(walk, point, &attributes);
}

static int put_number(py_walk *walk, PyObject *point) {
  return put_value(walk, point, true);
}

/* A gauge's start says nothing, and OTLP exporters do not send it. */
static int put_gauge(py_walk *walk, PyObject *point) {
  return put_value(walk, point, false);
}

/* Whether what both kinds of histogram have, under the same names, is read
 * into FIELDS. */
#define GET_DISTRIBUTION(WALK, POINT, FIELDS)                           \
  (get_times((WALK), (POINT), &(FIELDS)->start_time_unix_nano,          \
             &(FIELDS)->time_unix_nano) == 0 &&                         \
   get_u64((WALK), (POINT), PY_NAME_count, &(FIELDS)->count) == 0 &&    \
   get_double((WALK), (POINT), PY_NAME_sum, OA_HAS_SUM, &(FIELDS)->has, \
              &(FIELDS)->sum) == 0 &&                                   \
   get_double((WALK), (POINT), PY_NAME_min, OA_HAS_MIN, &(FIELDS)->has, \
              &(FIELDS)->min) == 0 &&                                   \
   get_double((WALK), (POINT), PY_NAME_max, OA_HAS_MAX, &(FIELDS)->has, \
              &(FIELDS)->max) == 0)

static int put_histogram(py_walk *walk, PyObject *point) {
  oa_histogram_point fields = {.size = sizeof fields};
  numbers counts = {0};
  numbers bounds = {0};
  py_attributes attributes;
  int status = -1;
  if (GET_DISTRIBUTION(walk, point, &fields) &&
      get_flags(walk, point, &fields.flags) == 0 &&
      get_numbers(walk, point, PY_NAME_bucket_counts, true, &counts) == 0 &&
      get_numbers(walk, point, PY_NAME_explicit_bounds, false, &bounds) == 0 &&
      open_attributes(walk, point, &attributes) == 0) {
    fields.bucket_counts = counts.items;
    fields.bucket_count = counts.count;
    fields.explicit_bounds = bounds.items;
    fields.bound_count = bounds.count;
    oa_build_histogram_point(walk->builder, &fields);
    status = put_rest(walk, point, &attributes);
  }
  PyMem_Free(counts.items);
  PyMem_Free(bounds.items);
  return status;
}

static int get_i32(const py_walk *walk, PyObject *object, py_name name,
                   int32_t *out) {
  PyObject *value = get(walk, object, name);
  if (value == NULL) {
    return -1;
  }
  const long number = PyLong_AsLong(value);
  Py_DECREF(value);
  if (number == -1 && PyErr_Occurred()) {
    return -1;
  }
  if (number < INT32_MIN || number > INT32_MAX) {
    PyErr_Format(PyExc_ValueError, "%s: %ld does not fit 32 bits",
                 py_name_text(name), number);
    return -1;
  }
  *out = (int32_t)number;
  return 0;
}

/* Buckets without counts are none. */
static int get_buckets(const py_walk *walk, PyObject *point, py_name name,
                       numbers *counts, oa_buckets *out) {
  PyObject *buckets = get(walk, point, name);
  if (buckets == NULL || buckets == Py_None) {
    Py_XDECREF(buckets);
    return buckets == NULL ? -1 : 0;
  }
  int32_t offset = 0;
  int status = get_i32(walk, buckets, PY_NAME_offset, &offset);
  if (status == 0) {
    status = get_numbers(walk, buckets, PY_NAME_bucket_counts, true, counts);
  }
  Py_DECREF(buckets);
  if (status == 0 && counts->count > 0) {
    *out = (oa_buckets){
        .offset = offset, .counts = counts->items, .count = counts->count};
  }
  return status;
}

static int get_scale(const py_walk *walk, PyObject *point,
                     oa_exponential_histogram_point *out) {
  unsigned ignored = 0;
  if (get_i32(walk, point, PY_NAME_scale, &out->scale) != 0) {
    return -1;
  }
  if (!PyObject_HasAttr(point, walk->names->text[PY_NAME_zero_threshold])) {
    return 0;
  }
  return get_double(walk, point, PY_NAME_zero_threshold, 1, &ignored,
                    &out->zero_threshold);
}

static int put_exponential(py_walk *walk, PyObject *point) {
  oa_exponential_histogram_point fields = {.size = sizeof fields};
  numbers positive = {0};
  numbers negative = {0};
  py_attributes attributes;
  int status = -1;
  if (GET_DISTRIBUTION(walk, point, &fields) &&
      get_u64(walk, point, PY_NAME_zero_count, &fields.zero_count) == 0 &&
      get_scale(walk, point, &fields) == 0 &&
      get_flags(walk, point, &fields.flags) == 0 &&
      get_buckets(walk, point, PY_NAME_positive, &positive, &fields.positive) ==
          0 &&
      get_buckets(walk, point, PY_NAME_negative, &negative, &fields.negative) ==
          0 &&
      open_attributes(walk, point, &attributes) == 0) {
    oa_build_exponential_histogram_point(walk->builder, &fields);
    status = put_rest(walk, point, &attributes);
  }
  PyMem_Free(positive.items);
  PyMem_Free(negative.items);
  return status;
}

/* A summary's quantiles are pairs, one number behind the other. */
static int put_summary(py_walk *walk, PyObject *point) {
  oa_summary_point fields = {.size = sizeof fields};
  numbers flat = {0};
  py_attributes attributes;
  unsigned ignored = 0;
  int status = -1;
  if (get_times(walk, point, &fields.start_time_unix_nano,
                &fields.time_unix_nano) == 0 &&
      get_u64(walk, point, PY_NAME_count, &fields.count) == 0 &&
      get_double(walk, point, PY_NAME_sum, OA_HAS_SUM, &ignored, &fields.sum) ==
          0 &&
      get_flags(walk, point, &fields.flags) == 0 &&
      get_numbers(walk, point, PY_NAME_quantiles, false, &flat) == 0 &&
      open_attributes(walk, point, &attributes) == 0) {
    /* Two doubles in a row are what an oa_quantile is. */
    fields.quantiles = flat.items;
    fields.quantile_count = flat.count / 2;
    oa_build_summary_point(walk->builder, &fields);
    status = put_rest(walk, point, &attributes);
  }
  PyMem_Free(flat.items);
  return status;
}

/* --- By the class --- */

static const py_point_kind kinds[] = {
    {"Gauge", OA_GAUGE, put_gauge},
    {"GaugeWithStart", OA_GAUGE, put_number}, /* a dict's */
    {"Sum", OA_SUM, put_number},
    {"Histogram", OA_HISTOGRAM, put_histogram},
    {"ExponentialHistogram", OA_EXPONENTIAL_HISTOGRAM, put_exponential},
    {"Summary", OA_SUMMARY, put_summary},
};

const py_point_kind *py_point_kind_named(const char *name) {
  for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
    if (strcmp(kinds[i].name, name) == 0) {
      return &kinds[i];
    }
  }
  return NULL;
}
