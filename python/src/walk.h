/* SPDX-License-Identifier: Apache-2.0 */
/* walk.h - from the SDK's Python objects into a builder.
 *
 * A walk reads ReadableSpan, MetricsData and ReadableLogRecord objects by the
 * fields that their classes keep, falls back to the public properties when an
 * object is of another make, and creates no Python object that it can do
 * without.  It holds the GIL all the time.
 *
 * Functions return 0, or -1 with a Python exception set, as CPython's do.  A
 * record that raises one is left out by itself: py_walk_leave_out().
 */
#ifndef OA_PYTHON_WALK_H
#define OA_PYTHON_WALK_H

#include <Python.h>
#include <otlp_arrow.h>
#include <stdbool.h>

#include "names.h"

/* Values nested deeper are stored as their text; the service's limit is
 * higher. */
enum { PY_WALK_MAX_DEPTH = 60, PY_WALK_REASON = 192, PY_WALK_HELD = 4 };

typedef struct py_walk {
  const py_names *names;
  oa_builder *builder;
  PyObject *kept;               /* a list of what texts point into, or NULL */
  PyObject *held[PY_WALK_HELD]; /* the same, of the item that is read */
  unsigned held_count;
  uint64_t left_out;  /* records that are not in the builder */
  uint64_t imperfect; /* events, links, values that are not as they were */
  char reason[PY_WALK_REASON]; /* of the first of both */
} py_walk;

void py_walk_init(py_walk *walk, const py_names *names, oa_builder *builder);
void py_walk_reset(py_walk *walk);

/* The exception that is set is about LIST[INDEX]: counts it in COUNTER and goes
 * on with 0, unless it is one that no record is to blame for (no memory, a
 * keyboard interrupt). */
int py_walk_leave_out(py_walk *walk, uint64_t *counter, const char *list,
                      Py_ssize_t index);

/* --- Fields --- */

/* OBJECT.FIELD, or OBJECT.OTHER when there is no such field; a new
 * reference. */
PyObject *py_walk_get(const py_walk *walk, PyObject *object, py_name field,
                      py_name other);

/* An item is read next: what the texts of the one before point into, which is
 * built by now, is let go. */
void py_walk_begin(py_walk *walk);

/* Holds on to VALUE, whose reference it takes, until the next item.  The object
 * that has it as a field may not: reading another field can run any code. */
int py_walk_hold(py_walk *walk, PyObject *value);

/* The text VALUE, None being an empty one.  It lives as long as VALUE and the
 * walk.  KEY names it in a TypeError. */
int py_walk_text(py_walk *walk, PyObject *value, const char *key, oa_str *out);

/* The number VALUE, None being 0. */
int py_walk_u64(PyObject *value, const char *key, uint64_t *out);
int py_walk_u32(PyObject *value, const char *key, uint32_t *out);
int py_walk_double(PyObject *value, const char *key, double *out);
int py_walk_number(PyObject *value, const char *key, oa_number *out);

/* Ids, which the SDK keeps as numbers.  0 is refused unless ZERO is allowed. */
int py_walk_trace_id(PyObject *value, const char *key, bool zero,
                     uint8_t out[16]);
int py_walk_span_id(PyObject *value, const char *key, bool zero,
                    uint8_t out[8]);

/* The number of a member of an Enum, or the number itself. */
int py_walk_enum(const py_walk *walk, PyObject *value, const char *key,
                 long *out);

/* The same by the name of the field: OBJECT.FIELD, else OBJECT.OTHER.  A text
 * lives until the next item is begun. */
int py_walk_get_text(py_walk *walk, PyObject *object, py_name field,
                     py_name other, oa_str *out);
int py_walk_get_u64(py_walk *walk, PyObject *object, py_name field,
                    py_name other, uint64_t *out);

/* --- Values (values.c) --- */

/* Attributes that were opened: a dict and how many were dropped. */
typedef struct py_attributes {
  PyObject *dict; /* NULL = none */
  uint32_t dropped;
} py_attributes;

/* Opens what OBJECT.FIELD or OBJECT.OTHER has; closed by putting. */
int py_walk_open(py_walk *walk, PyObject *object, py_name field, py_name other,
                 py_attributes *out);

/* Puts the attributes and lets go of them. */
int py_walk_put(py_walk *walk, py_attributes *attributes);

/* Lets go of attributes that are not put. */
void py_walk_close(py_attributes *attributes);

/* Puts VALUE under KEY, which is empty in arrays and for bodies.  One that
 * cannot be read becomes its text, or nothing. */
int py_walk_value(py_walk *walk, oa_str key, PyObject *value, unsigned depth);

/* --- Owners (owners.c) ---
 *
 * Open a resource and a scope in any case: -1 is for what nobody is to blame
 * for. */

int py_walk_resource(py_walk *walk, PyObject *resource);
int py_walk_scope(py_walk *walk, PyObject *scope);

/* Puts ITEM, number INDEX of the batch. */
typedef int (*py_walk_item)(py_walk *walk, PyObject *item);

/* Puts ITEMS, a tuple, grouped by resource and scope as the first of each
 * comes; LIST names them in reasons. */
int py_walk_groups(py_walk *walk, PyObject *items, const char *list,
                   py_walk_item put);

/* --- The signals (spans.c, metrics.c, logs.c) --- */

int py_walk_spans(py_walk *walk, PyObject *spans);
int py_walk_metrics(py_walk *walk, PyObject *metrics);
int py_walk_logs(py_walk *walk, PyObject *records);

#endif
