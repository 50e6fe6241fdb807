/* SPDX-License-Identifier: Apache-2.0 */
/* What is stored: as a stream of Arrow batches, and as OTLP/JSON. */
#include <stdlib.h>
#include <string.h>

#include "core.h"

static const char CAPSULE[] = "arrow_array_stream";

/* The consumer moves the stream out, which leaves release NULL. */
static void drop_stream(PyObject *capsule) {
  struct ArrowArrayStream *stream = PyCapsule_GetPointer(capsule, CAPSULE);
  if (stream == NULL) {
    PyErr_Clear();
    return;
  }
  if (stream->release != NULL) {
    stream->release(stream);
  }
  free(stream);
}

PyObject *py_open_stored(PyObject *module, PyObject *arguments) {
  const char *path;
  int signal;
  unsigned long long from_ns;
  unsigned long long to_ns;
  if (!PyArg_ParseTuple(arguments, "siKK", &path, &signal, &from_ns, &to_ns)) {
    return NULL;
  }
  const oa_stored_options options = {
      .size = sizeof options, .from_ns = from_ns, .to_ns = to_ns};
  struct ArrowArrayStream *stream = calloc(1, sizeof *stream);
  if (stream == NULL) {
    return PyErr_NoMemory();
  }
  oa_error error = {0};
  oa_status status;
  Py_BEGIN_ALLOW_THREADS;
  status = oa_stored_open(stream, path, (oa_signal)signal, &options, &error);
  Py_END_ALLOW_THREADS;
  if (status != OA_OK) {
    free(stream);
    py_raise(PyModule_GetState(module), status, &error);
    return NULL;
  }
  PyObject *capsule = PyCapsule_New(stream, CAPSULE, drop_stream);
  if (capsule == NULL) {
    stream->release(stream);
    free(stream);
  }
  return capsule;
}

/* Appends a request to CONTEXT, a list. */
static oa_status take_request(void *context, const void *message, size_t len) {
  PyObject *text = PyUnicode_FromStringAndSize(message, (Py_ssize_t)len);
  const int status = text == NULL ? -1 : PyList_Append(context, text);
  Py_XDECREF(text);
  return status == 0 ? OA_OK : OA_ERR_NOMEM;
}

/* The requests of one file when it is of the signal called NAME. */
static oa_status read_file(const char *path, const char *name, PyObject *list,
                           oa_error *error) {
  oa_reader *reader = NULL;
  oa_status status = oa_reader_open(&reader, path, error);
  if (status == OA_ERR_TRUNCATED || status == OA_ERR_NOT_FOUND) {
    return OA_OK; /* nothing whole is in it yet, or it has gone */
  }
  if (status == OA_OK && strcmp(oa_reader_signal(reader), name) == 0) {
    while ((status = oa_reader_next(reader, error)) == OA_OK) {
      status = oa_reader_requests_json(reader, take_request, list, error);
      if (status != OA_OK) {
        break;
      }
    }
  }
  oa_reader_close(reader);
  return status == OA_END ? OA_OK : status;
}

PyObject *py_read_requests(PyObject *module, PyObject *arguments) {
  oa_error error = {0};
  const char *path;
  const char *name;
  oa_file_list *files = NULL;
  if (!PyArg_ParseTuple(arguments, "ss", &path, &name)) {
    return NULL;
  }
  PyObject *list = PyList_New(0);
  if (list == NULL) {
    return NULL;
  }
  oa_status status = oa_file_list_new(&files, path, &error);
  for (size_t i = 0; status == OA_OK && i < oa_file_list_count(files); i++) {
    status = read_file(oa_file_list_path(files, i), name, list, &error);
  }
  oa_file_list_free(files);
  if (status != OA_OK) {
    Py_DECREF(list);
    if (!PyErr_Occurred()) {
      py_raise(PyModule_GetState(module), status, &error);
    }
    return NULL;
  }
  return list;
}
