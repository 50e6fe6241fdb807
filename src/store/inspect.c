/* SPDX-License-Identifier: Apache-2.0 */
/* Threads have priorities of their own on Linux alone. */
#define _GNU_SOURCE 1

#include "store/inspect.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <uv.h>

#include "base/clock.h"
#include "base/mem.h"
#include "store/check.h"

enum {
  FIRST_ITEMS = 4, /* one open file a signal is what a crash leaves */
  NICE = 10,       /* behind those who take data, which goes on meanwhile */
};

struct oa_inspector {
  uv_thread_t thread;
  bool running;
  _Atomic size_t done;       /* items that the thread has finished */
  _Atomic uint64_t deadline; /* by the monotonic clock; UINT64_MAX = none */
  size_t given;
  size_t count;
  size_t capacity;
  oa_inspection *items;
};

/* --- in the thread --- */

static bool goes_on(void *context, uint64_t bytes) {
  const oa_inspector *inspector = context;
  (void)bytes;
  return oa_clock_monotonic_ns() < atomic_load(&inspector->deadline);
}

/* Brings SCAN, which knows frames alone, back to what can be read. */
static oa_status look_inside(oa_inspector *inspector, const char *path,
                             oa_store_scan *scan, oa_error *error) {
  const oa_check_options options = {.progress = goes_on, .context = inspector};
  oa_check check;
  const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
  if (fd < 0) {
    return oa_path_error(error, errno, "cannot open", path);
  }
  const oa_status status = oa_check_file(fd, &options, &check, error);
  close(fd);
  if (status != OA_OK || check.complete >= scan->complete) {
    return status;
  }
  scan->has_schema = check.complete > 0;
  scan->ended = false;
  scan->damaged = true;
  scan->whole = check.complete;
  scan->complete = check.complete;
  scan->batches = check.good;
  scan->rows = (int64_t)check.good_rows;
  return OA_OK;
}

static oa_status look(oa_inspector *inspector, oa_inspection *item) {
  char path[OA_PATH_SIZE];
  oa_series_path(item->stream, &item->name, path); /* of what never changes */
  OA_TRY(oa_store_scan_file(path, &item->scan, &item->error));
  return item->scan.has_schema
             ? look_inside(inspector, path, &item->scan, &item->error)
             : OA_OK;
}

static void look_at_all(oa_inspector *inspector) {
  for (size_t i = 0; i < inspector->count && goes_on(inspector, 0); i++) {
    oa_inspection *item = &inspector->items[i];
    item->status = look(inspector, item);
    if (item->status == OA_ERR_BUSY) {
      break; /* nobody waits for it any more */
    }
    atomic_store(&inspector->done, i + 1);
  }
}

static void run(void *context) {
  /* Where that is not allowed, it goes on as it is. */
  (void)setpriority(PRIO_PROCESS, (id_t)syscall(SYS_gettid), NICE);
  look_at_all(context);
}

/* --- in the store's --- */

oa_status oa_inspector_new(oa_inspector **out) {
  oa_inspector *inspector = oa_calloc(1, sizeof *inspector);
  if (inspector == NULL) {
    return OA_ERR_NOMEM;
  }
  atomic_init(&inspector->deadline, UINT64_MAX);
  *out = inspector;
  return OA_OK;
}

void oa_inspector_free(oa_inspector *inspector) {
  if (inspector != NULL) {
    oa_inspector_end(inspector, 0);
    oa_free(inspector->items);
    oa_free(inspector);
  }
}

oa_status oa_inspector_add(oa_inspector *inspector, oa_series *stream,
                           const oa_name *name) {
  if (inspector->count == inspector->capacity) {
    const size_t capacity =
        inspector->capacity == 0 ? FIRST_ITEMS : 2 * inspector->capacity;
    oa_inspection *items =
        oa_realloc(inspector->items, capacity * sizeof *items);
    if (items == NULL) {
      return OA_ERR_NOMEM;
    }
    inspector->items = items;
    inspector->capacity = capacity;
  }
  inspector->items[inspector->count++] =
      (oa_inspection){.stream = stream, .name = *name};
  return OA_OK;
}

void oa_inspector_start(oa_inspector *inspector) {
  atomic_store(&inspector->deadline, UINT64_MAX);
  atomic_store(&inspector->done, 0);
  inspector->given = 0;
  inspector->running =
      uv_thread_create(&inspector->thread, run, inspector) == 0;
  if (!inspector->running) {
    look_at_all(inspector);
  }
}

oa_inspection *oa_inspector_next(oa_inspector *inspector) {
  return inspector->given < atomic_load(&inspector->done)
             ? &inspector->items[inspector->given++]
             : NULL;
}

bool oa_inspector_is_busy(const oa_inspector *inspector) {
  return inspector->given < inspector->count;
}

void oa_inspector_end(oa_inspector *inspector, uint64_t patience_ns) {
  if (inspector->running) {
    atomic_store(&inspector->deadline, oa_clock_monotonic_ns() + patience_ns);
    uv_thread_join(&inspector->thread);
    inspector->running = false;
  }
}

size_t oa_inspector_keep(oa_inspector *inspector) {
  size_t kept = 0;
  oa_inspector_end(inspector, 0); /* it has done them all */
  for (size_t i = 0; i < inspector->count; i++) {
    if (inspector->items[i].again) {
      inspector->items[kept] = inspector->items[i];
      inspector->items[kept++].again = false;
    }
  }
  inspector->count = kept;
  inspector->given = 0;
  atomic_store(&inspector->done, 0);
  return kept;
}
