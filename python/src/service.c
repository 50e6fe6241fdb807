/* SPDX-License-Identifier: Apache-2.0 */
/* Service: one embedded service and its builders. */
#include <errno.h>
#include <stdbool.h>
#include <time.h>

#include "core.h"
#include "handle.h"
#include "walk.h"

enum {
  /* Builders that are kept for the next export, of each signal: as many threads
   * as usually export at once. */
  SPARES = 4,
  /* One that has held a request larger than this is not kept. */
  SPARE_BYTES = 4 << 20,
  /* How long an export that waits for room goes without looking for signals. */
  NAP_MS = 50,
};

typedef struct py_service {
  PyObject_HEAD const py_state *state;
  py_handle *handle;
  /* What follows is under the GIL. */
  oa_builder *spares[OA_SIGNAL_COUNT][SPARES];
  uint64_t walk_ns; /* how long the last export held the GIL */
} py_service;

/* --- making and ending --- */

static int open_service(py_service *self, oa_config *config) {
  oa_error error = {0};
  oa_service *service = NULL;
  oa_status status;
  Py_BEGIN_ALLOW_THREADS;
  status = oa_service_start(&service, config, &error);
  Py_END_ALLOW_THREADS;
  if (status != OA_OK) {
    py_raise(self->state, status, &error);
    return -1;
  }
  self->handle = py_handle_new(service);
  if (self->handle == NULL) {
    PyErr_NoMemory();
    return -1;
  }
  return 0;
}

static PyObject *service_new(PyTypeObject *type, PyObject *arguments,
                             PyObject *keywords) {
  const py_state *state = PyType_GetModuleState(type);
  oa_config *config = py_configure(state, arguments, keywords);
  if (config == NULL) {
    return NULL;
  }
  allocfunc alloc = (allocfunc)PyType_GetSlot(type, Py_tp_alloc);
  py_service *self = (py_service *)alloc(type, 0);
  if (self != NULL) {
    self->state = state;
    if (open_service(self, config) != 0) {
      Py_CLEAR(self);
    }
  }
  oa_config_free(config);
  return (PyObject *)self;
}

static void service_dealloc(PyObject *object) {
  py_service *self = (py_service *)object;
  PyTypeObject *type = Py_TYPE(object);
  py_handle_free(self->handle);
  for (int signal = 0; signal < OA_SIGNAL_COUNT; signal++) {
    for (int i = 0; i < SPARES; i++) {
      oa_builder_free(self->spares[signal][i]);
    }
  }
  freefunc release = (freefunc)PyType_GetSlot(type, Py_tp_free);
  release(object);
  Py_DECREF(type);
}

/* --- exporting --- */

static oa_builder *take_builder(py_service *self, oa_signal signal) {
  oa_error error;
  oa_builder *builder = NULL;
  for (int i = 0; i < SPARES && builder == NULL; i++) {
    builder = self->spares[signal][i];
    self->spares[signal][i] = NULL;
  }
  if (builder != NULL) {
    return builder;
  }
  const oa_status status = oa_builder_new(&builder, signal, &error);
  if (status != OA_OK) {
    py_raise(self->state, status, &error);
  }
  return builder;
}

static void give_builder(py_service *self, oa_signal signal,
                         oa_builder *builder) {
  if (oa_builder_size(builder) <= SPARE_BYTES) {
    oa_builder_reset(builder);
    for (int i = 0; i < SPARES; i++) {
      if (self->spares[signal][i] == NULL) {
        self->spares[signal][i] = builder;
        return;
      }
    }
  }
  oa_builder_free(builder);
}

static uint64_t now_ns(void) {
  struct timespec at;
  clock_gettime(CLOCK_MONOTONIC, &at);
  return (uint64_t)at.tv_sec * 1000000000 + (uint64_t)at.tv_nsec;
}

static uint64_t now_ms(void) {
  return now_ns() / 1000000;
}

static void nap(uint64_t ms) {
  struct timespec left = {.tv_nsec = (long)ms * 1000000};
  while (nanosleep(&left, &left) != 0 && errno == EINTR) {
  }
}

static uint64_t min(uint64_t a, uint64_t b) {
  return a < b ? a : b;
}

/* Sleeps until UNTIL, with an eye on signals: -1 with an exception. */
static int sleep_until(uint64_t until) {
  for (uint64_t now = now_ms(); now < until; now = now_ms()) {
    const uint64_t part = min(until - now, NAP_MS);
    Py_BEGIN_ALLOW_THREADS;
    nap(part);
    Py_END_ALLOW_THREADS;
    if (PyErr_CheckSignals() != 0) {
      return -1;
    }
  }
  return 0;
}

/* One request: built, or bytes. */
typedef struct request {
  oa_builder *builder;
  oa_signal signal;
  oa_form form;
  const void *bytes;
  size_t len;
} request;

static oa_status export_once(oa_service *service, const request *what,
                             oa_export_result *result, oa_error *error) {
  return what->builder != NULL
             ? oa_service_export_built(service, what->builder, result, error)
             : oa_service_export(service, what->signal, what->form, what->bytes,
                                 what->len, result, error);
}

/* Exports WHAT, again and again while the service is busy and TIMEOUT_MS are
 * not over.  -1 with an exception. */
static int export_patiently(py_service *self, const request *what,
                            uint32_t timeout_ms, oa_export_result *result) {
  oa_service *service = py_handle_service(self->handle);
  const uint64_t deadline = now_ms() + timeout_ms;
  for (;;) {
    oa_error error = {0};
    oa_status status;
    Py_BEGIN_ALLOW_THREADS;
    status = export_once(service, what, result, &error);
    Py_END_ALLOW_THREADS;
    if (status == OA_OK) {
      return 0;
    }
    const uint64_t now = now_ms();
    if (status != OA_ERR_BUSY || now >= deadline) {
      py_raise(self->state, status, &error);
      return -1;
    }
    const uint64_t wait =
        result->retry_after_ms == 0 ? NAP_MS : result->retry_after_ms;
    if (sleep_until(min(now + wait, deadline)) != 0) {
      return -1;
    }
  }
}

/* (accepted, rejected, left out, imperfect, reason), or None when everything
 * was taken as it was. */
static PyObject *say(const oa_export_result *result, const py_walk *walk) {
  if (result->rejected == 0 && walk->left_out == 0 && walk->imperfect == 0) {
    Py_RETURN_NONE;
  }
  return Py_BuildValue(
      "KKKKN", (unsigned long long)result->accepted,
      (unsigned long long)result->rejected, (unsigned long long)walk->left_out,
      (unsigned long long)walk->imperfect,
      py_text(walk->reason[0] != '\0' ? walk->reason : result->reason));
}

typedef int (*walk_all)(py_walk *walk, PyObject *objects);

/* How an export is to be done. */
typedef struct order {
  oa_signal signal;
  walk_all walk;
  uint32_t timeout_ms;
  bool strict; /* nothing is taken unless all can be, as it is */
} order;

/* Whether what was walked may go on; else an exception is set. */
static bool is_fit(const order *how, const py_walk *walk) {
  if (how->strict && (walk->left_out > 0 || walk->imperfect > 0)) {
    PyObject *reason = py_text(walk->reason);
    if (reason != NULL) {
      PyErr_SetObject(PyExc_ValueError, reason);
      Py_DECREF(reason);
    }
    return false;
  }
  return true;
}

/* Whether there is anything to export; with none that may be for a failure:
 * STATUS is -1 with an exception then. */
static bool has_request(const py_service *self, oa_builder *builder,
                        int *status) {
  oa_error error = {0};
  const void *bytes;
  size_t len;
  if (oa_builder_size(builder) > 0) {
    return true; /* the export says what failed */
  }
  const oa_status code = oa_builder_finish(builder, &bytes, &len, &error);
  if (code != OA_OK) {
    py_raise(self->state, code, &error);
    *status = -1;
  }
  return false;
}

/* Walks and exports; the GIL is let go between both. */
static PyObject *export_walked(py_service *self, const order *how,
                               PyObject *objects) {
  oa_export_result result = {0};
  py_walk walk;
  oa_builder *builder = take_builder(self, how->signal);
  if (builder == NULL) {
    return NULL;
  }
  const uint64_t begin = now_ns();
  py_walk_init(&walk, &self->state->names, builder);
  int status = how->walk(&walk, objects);
  py_walk_reset(&walk);
  self->walk_ns = now_ns() - begin;
  if (status == 0 && !is_fit(how, &walk)) {
    status = -1;
  }
  if (status == 0 && has_request(self, builder, &status)) {
    const request what = {.builder = builder};
    status = export_patiently(self, &what, how->timeout_ms, &result);
  }
  give_builder(self, how->signal, builder);
  return status == 0 ? say(&result, &walk) : NULL;
}

static bool is_usable(const py_service *self) {
  if (py_handle_is_ours(self->handle)) {
    return true;
  }
  py_raise(self->state, OA_ERR_CLOSED, NULL);
  return false;
}

/* (objects, timeout_ms, strict) */
static int read_order(py_service *self, PyObject *arguments, order *how,
                      PyObject **objects) {
  unsigned timeout_ms;
  int strict = 0;
  if (!PyArg_ParseTuple(arguments, "OI|p", objects, &timeout_ms, &strict) ||
      !is_usable(self)) {
    return -1;
  }
  how->timeout_ms = timeout_ms;
  how->strict = strict != 0;
  return 0;
}

/* Spans and log records come as a sequence or an iterator. */
static PyObject *export_sequence(PyObject *object, PyObject *arguments,
                                 order how) {
  py_service *self = (py_service *)object;
  PyObject *objects;
  if (read_order(self, arguments, &how, &objects) != 0) {
    return NULL;
  }
  PyObject *tuple = PySequence_Tuple(objects);
  if (tuple == NULL) {
    return NULL;
  }
  PyObject *said = export_walked(self, &how, tuple);
  Py_DECREF(tuple);
  return said;
}

static PyObject *export_spans(PyObject *object, PyObject *arguments) {
  const order how = {.signal = OA_TRACES, .walk = py_walk_spans};
  return export_sequence(object, arguments, how);
}

static PyObject *export_logs(PyObject *object, PyObject *arguments) {
  const order how = {.signal = OA_LOGS, .walk = py_walk_logs};
  return export_sequence(object, arguments, how);
}

static PyObject *export_metrics(PyObject *object, PyObject *arguments) {
  py_service *self = (py_service *)object;
  order how = {.signal = OA_METRICS, .walk = py_walk_metrics};
  PyObject *metrics;
  return read_order(self, arguments, &how, &metrics) == 0
             ? export_walked(self, &how, metrics)
             : NULL;
}

static PyObject *export_bytes(PyObject *object, PyObject *arguments) {
  py_service *self = (py_service *)object;
  oa_export_result result = {0};
  const py_walk nothing = {0};
  int signal;
  int json;
  PyObject *bytes;
  unsigned timeout_ms;
  char *data;
  Py_ssize_t len;
  if (!PyArg_ParseTuple(arguments, "ipO!I", &signal, &json, &PyBytes_Type,
                        &bytes, &timeout_ms) ||
      PyBytes_AsStringAndSize(bytes, &data, &len) != 0 || !is_usable(self)) {
    return NULL;
  }
  const request what = {.signal = (oa_signal)signal,
                        .form = json ? OA_FORM_JSON : OA_FORM_PROTOBUF,
                        .bytes = data,
                        .len = (size_t)len};
  if (export_patiently(self, &what, timeout_ms, &result) != 0) {
    return NULL;
  }
  return say(&result, &nothing);
}

/* --- the rest --- */

static PyObject *service_flush(PyObject *object, PyObject *arguments) {
  py_service *self = (py_service *)object;
  oa_error error = {0};
  unsigned timeout_ms;
  oa_status status;
  if (!PyArg_ParseTuple(arguments, "I", &timeout_ms) || !is_usable(self)) {
    return NULL;
  }
  Py_BEGIN_ALLOW_THREADS;
  status =
      oa_service_flush(py_handle_service(self->handle), timeout_ms, &error);
  Py_END_ALLOW_THREADS;
  if (status != OA_OK && status != OA_ERR_BUSY) {
    py_raise(self->state, status, &error);
    return NULL;
  }
  return PyBool_FromLong(status == OA_OK);
}

/* True when all is written, False when the time was not enough: it goes on. */
static PyObject *service_shutdown(PyObject *object, PyObject *arguments) {
  py_service *self = (py_service *)object;
  oa_error error = {0};
  unsigned timeout_ms;
  oa_status status = OA_OK;
  if (!PyArg_ParseTuple(arguments, "I", &timeout_ms)) {
    return NULL;
  }
  if (py_handle_is_ours(self->handle)) {
    Py_BEGIN_ALLOW_THREADS;
    py_handle_begin_end(self->handle);
    status = py_handle_wait(self->handle, timeout_ms, &error);
    Py_END_ALLOW_THREADS;
  }
  if (status != OA_OK && status != OA_ERR_BUSY) {
    py_raise(self->state, status, &error);
    return NULL;
  }
  return PyBool_FromLong(status == OA_OK);
}

static PyObject *signal_stats(const oa_signal_stats *of) {
  return Py_BuildValue("{sKsKsKsKsKsK}", "received",
                       (unsigned long long)of->received, "rejected",
                       (unsigned long long)of->rejected, "stored",
                       (unsigned long long)of->stored, "given_up",
                       (unsigned long long)of->given_up, "buffered",
                       (unsigned long long)of->buffered, "refused",
                       (unsigned long long)of->refused);
}

static PyObject *service_stats(PyObject *object, PyObject *ignored) {
  py_service *self = (py_service *)object;
  oa_service_stats stats = {.size = sizeof stats};
  oa_error error = {0};
  (void)ignored;
  if (!is_usable(self)) {
    return NULL;
  }
  const oa_status status =
      oa_service_get_stats(py_handle_service(self->handle), &stats, &error);
  if (status != OA_OK) {
    py_raise(self->state, status, &error);
    return NULL;
  }
  return Py_BuildValue("{sNsNsNsKsK}", "traces",
                       signal_stats(&stats.signals[OA_TRACES]), "metrics",
                       signal_stats(&stats.signals[OA_METRICS]), "logs",
                       signal_stats(&stats.signals[OA_LOGS]), "bytes_buffered",
                       (unsigned long long)stats.bytes_buffered, "memory_used",
                       (unsigned long long)stats.memory_used);
}

/* (protobuf, arrow_flight, dashboard); 0 = off. */
static PyObject *service_ports(PyObject *object, PyObject *ignored) {
  const py_service *self = (py_service *)object;
  (void)ignored;
  if (!is_usable(self)) {
    return NULL;
  }
  const oa_service *service = py_handle_service(self->handle);
  return Py_BuildValue("iii", oa_service_port(service, OA_LISTENER_PROTOBUF),
                       oa_service_port(service, OA_LISTENER_ARROW_FLIGHT),
                       oa_service_port(service, OA_LISTENER_DASHBOARD));
}

/* Nanoseconds in which the last export held the GIL; for measurements. */
static PyObject *service_held(PyObject *object, PyObject *ignored) {
  const py_service *self = (py_service *)object;
  (void)ignored;
  return PyLong_FromUnsignedLongLong(self->walk_ns);
}

static PyMethodDef methods[] = {
    {"export_spans", export_spans, METH_VARARGS, NULL},
    {"export_metrics", export_metrics, METH_VARARGS, NULL},
    {"export_logs", export_logs, METH_VARARGS, NULL},
    {"export_bytes", export_bytes, METH_VARARGS, NULL},
    {"flush", service_flush, METH_VARARGS, NULL},
    {"shutdown", service_shutdown, METH_VARARGS, NULL},
    {"stats", service_stats, METH_NOARGS, NULL},
    {"ports", service_ports, METH_NOARGS, NULL},
    {"held", service_held, METH_NOARGS, NULL},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot slots[] = {
    {Py_tp_new, (void *)service_new},
    {Py_tp_dealloc, (void *)service_dealloc},
    {Py_tp_methods, methods},
    {0, NULL},
};

PyType_Spec py_service_spec = {
    .name = "otlp_arrow_library._core.Service",
    .basicsize = sizeof(py_service),
    .flags = Py_TPFLAGS_DEFAULT,
    .slots = slots,
};
