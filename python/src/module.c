/* SPDX-License-Identifier: Apache-2.0 */
/* The module _core. */
#include <string.h>

#include "core.h"
#include "handle.h"

PyObject *py_text(const char *text) {
  return PyUnicode_DecodeUTF8(text, (Py_ssize_t)strlen(text), "replace");
}

void py_raise(const py_state *state, oa_status status, const oa_error *error) {
  const char *text = error != NULL && error->text[0] != '\0'
                         ? error->text
                         : oa_status_text(status);
  PyObject *exception = PyObject_CallFunction(state->make_error, "iN",
                                              (int)status, py_text(text));
  if (exception != NULL) {
    PyErr_SetObject((PyObject *)Py_TYPE(exception), exception);
    Py_DECREF(exception);
  }
}

static PyObject *version(PyObject *module, PyObject *ignored) {
  (void)module;
  (void)ignored;
  return PyUnicode_FromString(oa_version());
}

static PyMethodDef functions[] = {
    {"version", version, METH_NOARGS, NULL},
    {"describe", py_describe, METH_NOARGS, NULL},
    {"effective", (PyCFunction)(void (*)(void))py_effective,
     METH_VARARGS | METH_KEYWORDS, NULL},
    {"open_stored", py_open_stored, METH_VARARGS, NULL},
    {"read_requests", py_read_requests, METH_VARARGS, NULL},
    {NULL, NULL, 0, NULL},
};

static int execute(PyObject *module) {
  py_state *state = PyModule_GetState(module);
  if (py_names_init(&state->names) != 0) {
    return -1;
  }
  if (py_handle_watch_exit() != 0) {
    PyErr_SetString(PyExc_RuntimeError,
                    "the interpreter takes no more functions for its end");
    return -1;
  }
  PyObject *errors = PyImport_ImportModule("otlp_arrow_library._errors");
  if (errors == NULL) {
    return -1;
  }
  state->make_error = PyObject_GetAttrString(errors, "make");
  Py_DECREF(errors);
  PyObject *type =
      state->make_error == NULL
          ? NULL
          : PyType_FromModuleAndSpec(module, &py_service_spec, NULL);
  const int status =
      type == NULL ? -1 : PyModule_AddType(module, (PyTypeObject *)type);
  Py_XDECREF(type);
  return status;
}

static int traverse(PyObject *module, visitproc visit, void *arg) {
  py_state *state = PyModule_GetState(module);
  Py_VISIT(state->make_error);
  return 0;
}

static int clear(PyObject *module) {
  py_state *state = PyModule_GetState(module);
  Py_CLEAR(state->make_error);
  py_names_clear(&state->names);
  return 0;
}

static void release(void *module) {
  (void)clear(module);
}

static PyModuleDef_Slot slots[] = {
    {Py_mod_exec, (void *)execute},
    {0, NULL},
};

static PyModuleDef definition = {
    .m_base = PyModuleDef_HEAD_INIT,
    .m_name = "_core",
    .m_size = sizeof(py_state),
    .m_methods = functions,
    .m_slots = slots,
    .m_traverse = traverse,
    .m_clear = clear,
    .m_free = release,
};

PyMODINIT_FUNC PyInit__core(void);

PyMODINIT_FUNC PyInit__core(void) {
  return PyModuleDef_Init(&definition);
}
