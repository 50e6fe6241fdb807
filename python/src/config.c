/* SPDX-License-Identifier: Apache-2.0 */
/* The configuration that keywords, environment and a file make together. */
#include <stdbool.h>

#include "core.h"

static int set_pairs(oa_config *config, const py_state *state,
                     PyObject *pairs) {
  oa_error error;
  const Py_ssize_t count = PyTuple_Size(pairs);
  for (Py_ssize_t i = 0; i < count; i++) {
    const char *key;
    const char *value;
    if (!PyArg_ParseTuple(PyTuple_GetItem(pairs, i), "ss", &key, &value)) {
      return -1;
    }
    const oa_status status = oa_config_set(config, key, value, &error);
    if (status != OA_OK) {
      py_raise(state, status, &error);
      return -1;
    }
  }
  return 0;
}

/* The environment of the process is read with the GIL held, as Python changes
 * it. */
static int fill(oa_config *config, const py_state *state, PyObject *pairs,
                const char *file, bool environment) {
  oa_error error;
  oa_status status = OA_OK;
  if (file != NULL) {
    status = oa_config_load_file(config, file, &error);
  }
  if (status == OA_OK && environment) {
    status = oa_config_load_env(config, &error);
  }
  if (status != OA_OK) {
    py_raise(state, status, &error);
    return -1;
  }
  return set_pairs(config, state, pairs);
}

oa_config *py_configure(const py_state *state, PyObject *arguments,
                        PyObject *keywords) {
  static char *names[] = {"settings", "config", "environment", NULL};
  PyObject *pairs;
  const char *file;
  int environment;
  if (!PyArg_ParseTupleAndKeywords(arguments, keywords, "O!zp", names,
                                   &PyTuple_Type, &pairs, &file,
                                   &environment)) {
    return NULL;
  }
  oa_error error;
  oa_config *config = NULL;
  const oa_status status = oa_config_new_embedded(&config, &error);
  if (status != OA_OK) {
    py_raise(state, status, &error);
    return NULL;
  }
  if (fill(config, state, pairs, file, environment != 0) != 0) {
    oa_config_free(config);
    return NULL;
  }
  return config;
}

/* --- texts about it --- */

static oa_status append(void *context, const char *text, size_t len) {
  PyObject *part = PyUnicode_DecodeUTF8(text, (Py_ssize_t)len, "replace");
  const int status = part == NULL ? -1 : PyList_Append(context, part);
  Py_XDECREF(part);
  return status == 0 ? OA_OK : OA_ERR_NOMEM;
}

/* The parts as one text, unless STATUS is a failure.  Takes PARTS. */
static PyObject *join(const py_state *state, oa_status status,
                      PyObject *parts) {
  PyObject *text = NULL;
  if (status == OA_OK) {
    PyObject *empty = PyUnicode_FromString("");
    text = empty == NULL ? NULL : PyUnicode_Join(empty, parts);
    Py_XDECREF(empty);
  } else if (!PyErr_Occurred()) {
    py_raise(state, status, NULL);
  }
  Py_DECREF(parts);
  return text;
}

PyObject *py_describe(PyObject *module, PyObject *ignored) {
  (void)ignored;
  PyObject *parts = PyList_New(0);
  return parts == NULL ? NULL
                       : join(PyModule_GetState(module),
                              oa_config_describe(append, parts), parts);
}

PyObject *py_effective(PyObject *module, PyObject *arguments,
                       PyObject *keywords) {
  const py_state *state = PyModule_GetState(module);
  oa_config *config = py_configure(state, arguments, keywords);
  if (config == NULL) {
    return NULL;
  }
  PyObject *parts = PyList_New(0);
  PyObject *text = NULL;
  if (parts != NULL) {
    text = join(state, oa_config_print(config, append, parts), parts);
  }
  oa_config_free(config);
  return text;
}
