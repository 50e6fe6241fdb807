/* SPDX-License-Identifier: Apache-2.0 */
#include "handle.h"

#include <Python.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum {
  /* How long the end of an object, and that of the interpreter, waits for
   * disks; and how long services wait for who still sends. */
  FREE_TIMEOUT_MS = 10000,
  SENDERS_TIMEOUT_MS = 1000,
};

typedef enum state { OPEN, ENDING, ENDED } state;

struct py_handle {
  py_handle *next; /* of all that are open; under the GIL */
  py_handle **link;
  oa_service *service;
  pid_t pid;
  pthread_mutex_t mutex; /* over what follows */
  pthread_cond_t changed;
  state state;
  bool orphan; /* nobody waits: the thread frees it */
  oa_status status;
  oa_error error;
};

/* Py_AtExit() hands its functions nothing, so this stands alone.  Changed with
 * the GIL held, read when no other Python thread is left. */
static py_handle *first_open;

/* Threads inherit what is blocked where they are made; Python wants signals in
 * its main thread.  Those that a fault of the thread itself causes come to it
 * all the same. */
static void block_signals(sigset_t *before) {
  static const int own[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGABRT};
  sigset_t all;
  sigfillset(&all);
  for (size_t i = 0; i < sizeof own / sizeof *own; i++) {
    sigdelset(&all, own[i]);
  }
  pthread_sigmask(SIG_BLOCK, &all, before);
}

static int init_sync(py_handle *handle) {
  pthread_condattr_t attr;
  if (pthread_mutex_init(&handle->mutex, NULL) != 0) {
    return -1;
  }
  if (pthread_condattr_init(&attr) != 0) {
    pthread_mutex_destroy(&handle->mutex);
    return -1;
  }
  pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
  const int status = pthread_cond_init(&handle->changed, &attr);
  pthread_condattr_destroy(&attr);
  if (status != 0) {
    pthread_mutex_destroy(&handle->mutex);
  }
  return status;
}

py_handle *py_handle_new(oa_service *service) {
  py_handle *handle = calloc(1, sizeof *handle);
  if (handle == NULL || init_sync(handle) != 0) {
    free(handle);
    (void)oa_service_stop(service, NULL);
    return NULL;
  }
  handle->service = service;
  handle->pid = getpid();
  handle->next = first_open;
  handle->link = &first_open;
  if (first_open != NULL) {
    first_open->link = &handle->next;
  }
  first_open = handle;
  return handle;
}

oa_service *py_handle_service(const py_handle *handle) {
  return handle->service;
}

bool py_handle_is_ours(const py_handle *handle) {
  return handle->pid == getpid();
}

static void destroy(py_handle *handle) {
  (void)oa_service_stop(handle->service, NULL);
  pthread_cond_destroy(&handle->changed);
  pthread_mutex_destroy(&handle->mutex);
  free(handle);
}

/* Returns whether nobody waits for it any more. */
static bool end_service(py_handle *handle) {
  oa_error error = {0};
  const oa_status status =
      oa_service_shutdown(handle->service, SENDERS_TIMEOUT_MS, &error);
  pthread_mutex_lock(&handle->mutex);
  handle->status = status;
  handle->error = error;
  handle->state = ENDED;
  const bool orphan = handle->orphan;
  pthread_cond_broadcast(&handle->changed);
  pthread_mutex_unlock(&handle->mutex);
  return orphan;
}

static void *run_end(void *argument) {
  if (end_service(argument)) {
    destroy(argument);
  }
  return NULL;
}

void py_handle_begin_end(py_handle *handle) {
  pthread_t thread;
  pthread_mutex_lock(&handle->mutex);
  const bool begins = handle->state == OPEN;
  if (begins) {
    handle->state = ENDING;
  }
  pthread_mutex_unlock(&handle->mutex);
  if (!begins) {
    return;
  }
  sigset_t before;
  block_signals(&before);
  const int failed = pthread_create(&thread, NULL, run_end, handle);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  if (failed == 0) {
    pthread_detach(thread);
  } else {
    /* Without a thread it takes as long as it takes. */
    (void)end_service(handle);
  }
}

static struct timespec after(uint32_t ms) {
  struct timespec at;
  clock_gettime(CLOCK_MONOTONIC, &at);
  at.tv_sec += ms / 1000;
  at.tv_nsec += (long)(ms % 1000) * 1000000;
  if (at.tv_nsec >= 1000000000) {
    at.tv_nsec -= 1000000000;
    at.tv_sec++;
  }
  return at;
}

oa_status py_handle_wait(py_handle *handle, uint32_t timeout_ms,
                         oa_error *error) {
  const struct timespec end = after(timeout_ms);
  int waited = 0;
  pthread_mutex_lock(&handle->mutex);
  while (handle->state != ENDED && waited != ETIMEDOUT) {
    waited = pthread_cond_timedwait(&handle->changed, &handle->mutex, &end);
  }
  oa_status status = OA_ERR_BUSY;
  if (handle->state == ENDED) {
    status = handle->status;
    if (status != OA_OK && error != NULL) {
      *error = handle->error;
    }
  }
  pthread_mutex_unlock(&handle->mutex);
  return status;
}

static void forget(py_handle *handle) {
  *handle->link = handle->next;
  if (handle->next != NULL) {
    handle->next->link = handle->link;
  }
}

/* Frees what has ended; else that is left to the thread that ends it. */
static void let_go(py_handle *handle) {
  pthread_mutex_lock(&handle->mutex);
  const bool ended = handle->state == ENDED;
  handle->orphan = !ended;
  pthread_mutex_unlock(&handle->mutex);
  if (ended) {
    destroy(handle);
  }
}

void py_handle_free(py_handle *handle) {
  if (handle == NULL) {
    return;
  }
  forget(handle);
  /* In a forked process its memory stays: locks in it may be held by threads
   * that are not there. */
  if (py_handle_is_ours(handle)) {
    Py_BEGIN_ALLOW_THREADS;
    py_handle_begin_end(handle);
    (void)py_handle_wait(handle, FREE_TIMEOUT_MS, NULL);
    let_go(handle);
    Py_END_ALLOW_THREADS;
  }
}

/* All begin before any is waited for.  Threads that are inside of a service
 * are told and go; what they have is not freed. */
static void end_all(void) {
  for (py_handle *at = first_open; at != NULL; at = at->next) {
    if (py_handle_is_ours(at)) {
      py_handle_begin_end(at);
    }
  }
  for (py_handle *at = first_open; at != NULL; at = at->next) {
    if (py_handle_is_ours(at)) {
      (void)py_handle_wait(at, FREE_TIMEOUT_MS, NULL);
    }
  }
}

int py_handle_watch_exit(void) {
  static bool watched; /* a module may be loaded more than once */
  if (!watched && Py_AtExit(end_all) != 0) {
    return -1;
  }
  watched = true;
  return 0;
}
