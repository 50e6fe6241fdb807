/* SPDX-License-Identifier: Apache-2.0 */
/* core.h - what the files of the module _core share. */
#ifndef OA_PYTHON_CORE_H
#define OA_PYTHON_CORE_H

#include <Python.h>
#include <otlp_arrow.h>

#include "names.h"

typedef struct py_state {
  py_names names;
  PyObject *make_error; /* _errors.make: (status, text) -> an exception */
} py_state;

/* A text of the library as a str.  It may be cut within a character, and names
 * of files may be anything. */
PyObject *py_text(const char *text);

/* Raises what STATUS stands for; ERROR's text, or that of the status. */
void py_raise(const py_state *state, oa_status status, const oa_error *error);

/* The type Service (service.c). */
extern PyType_Spec py_service_spec;

/* The configuration of (settings, config, environment), for oa_config_free();
 * NULL with an exception. */
oa_config *py_configure(const py_state *state, PyObject *arguments,
                        PyObject *keywords);

/* describe(): every key and its meaning; effective(settings, config,
 * environment): the values in force, as YAML.  (config.c) */
PyObject *py_describe(PyObject *module, PyObject *ignored);
PyObject *py_effective(PyObject *module, PyObject *arguments,
                       PyObject *keywords);

/* open_stored(path, signal, from_ns, to_ns): a PyCapsule with an
 * ArrowArrayStream.  read_requests(path, signal): a list of OTLP/JSON texts.
 * (stored.c) */
PyObject *py_open_stored(PyObject *module, PyObject *arguments);
PyObject *py_read_requests(PyObject *module, PyObject *arguments);

#endif
