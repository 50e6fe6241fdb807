/* SPDX-License-Identifier: Apache-2.0 */
/* Threads have names and priorities of their own on Linux alone. */
#define _GNU_SOURCE 1

#include "store/merge_thread.h"

#include <stdatomic.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#include <uv.h>

#include "base/mem.h"

enum {
  /* Behind all others, but not so far that a busy machine would keep whoever
   * stops the thread waiting until it has run once more. */
  NICE = 10,
  REST_TIMES = 3, /* as long as it has worked */
};

/* Less is not worth going to sleep for; more at a time would keep whoever stops
 * the thread waiting. */
#define REST_AFTER_NS (UINT64_C(4) * 1000 * 1000)
#define REST_MAX_NS (UINT64_C(60) * 1000 * 1000)

struct oa_merger {
  uv_thread_t thread;
  uv_sem_t work;
  atomic_bool busy; /* the job is the thread's */
  atomic_bool stop; /* that job */
  atomic_bool quit;
  uint64_t worked_ns; /* CPU time when it last rested */
  oa_merge_job job;
};

static uint64_t cpu_ns(void) {
  struct timespec now = {0};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return (uint64_t)now.tv_sec * UINT64_C(1000000000) + (uint64_t)now.tv_nsec;
}

static bool rest_or_stop(void *context) {
  oa_merger *merger = context;
  if (atomic_load(&merger->stop)) {
    return true;
  }
  const uint64_t worked = cpu_ns() - merger->worked_ns;
  if (worked >= REST_AFTER_NS) {
    const uint64_t rest = worked * REST_TIMES;
    const struct timespec time = {
        .tv_nsec = (long)(rest < REST_MAX_NS ? rest : REST_MAX_NS)};
    (void)nanosleep(&time, NULL);
    merger->worked_ns = cpu_ns();
  }
  return atomic_load(&merger->stop);
}

static void run(void *context) {
  oa_merger *merger = context;
  /* Where that is not allowed, the rests must do. */
  (void)setpriority(PRIO_PROCESS, (id_t)syscall(SYS_gettid), NICE);
  for (;;) {
    uv_sem_wait(&merger->work);
    if (atomic_load(&merger->quit)) {
      return;
    }
    merger->worked_ns = cpu_ns();
    oa_merge_run(&merger->job);
    atomic_store(&merger->busy, false);
  }
}

oa_status oa_merger_new(oa_merger **out) {
  oa_merger *merger = oa_calloc(1, sizeof *merger);
  if (merger == NULL) {
    return OA_ERR_NOMEM;
  }
  if (uv_sem_init(&merger->work, 0) != 0) {
    oa_free(merger);
    return OA_ERR_NOMEM;
  }
  if (uv_thread_create(&merger->thread, run, merger) != 0) {
    uv_sem_destroy(&merger->work);
    oa_free(merger);
    return OA_ERR_IO;
  }
  *out = merger;
  return OA_OK;
}

void oa_merger_end(oa_merger *merger) {
  atomic_store(&merger->stop, true);
  atomic_store(&merger->quit, true);
  uv_sem_post(&merger->work);
  uv_thread_join(&merger->thread);
}

void oa_merger_free(oa_merger *merger) {
  uv_sem_destroy(&merger->work);
  oa_free(merger);
}

oa_merge_job *oa_merger_job(oa_merger *merger) {
  return &merger->job;
}

void oa_merger_start(oa_merger *merger) {
  merger->job.stop = rest_or_stop;
  merger->job.context = merger;
  merger->job.end = OA_MERGE_STOPPED; /* when it is not even begun */
  atomic_store(&merger->stop, false);
  atomic_store(&merger->busy, true);
  uv_sem_post(&merger->work);
}

bool oa_merger_is_busy(const oa_merger *merger) {
  return atomic_load(&merger->busy);
}

void oa_merger_stop(oa_merger *merger) {
  atomic_store(&merger->stop, true);
}
