/* SPDX-License-Identifier: Apache-2.0 */
/* Telemetry of the program itself, which may fork and gets its signals. */
#include <dirent.h>
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>

#include "export_trial.h"

/* Its children cannot have threads, and a thread of its own takes signals. */
#ifdef __SANITIZE_THREAD__
static const bool has_tsan = true;
#else
static const bool has_tsan = false;
#endif

/* What a child cannot free, as the threads that use it are not there. */
static oa_service *of_the_parent;

static void a_child_is_refused_and_starts_its_own(void **state) {
  oa_service *service = start_in(*state, "memory");
  assert_int_equal(export_one(service), OA_OK);
  const pid_t child = fork();
  assert_true(child >= 0);
  if (child == 0) {
    char own[128];
    oa_error error = {0};
    oa_service_stats stats = {.size = sizeof stats};
    int wrong = 0;
    wrong |= export_text(service, record, NULL, &error) != OA_ERR_CLOSED;
    wrong |= strstr(error.text, "forked") == NULL ? 2 : 0;
    wrong |= oa_service_flush(service, 10, NULL) != OA_ERR_CLOSED ? 4 : 0;
    wrong |= oa_service_shutdown(service, 10, NULL) != OA_ERR_CLOSED ? 8 : 0;
    wrong |=
        oa_service_get_stats(service, &stats, NULL) != OA_ERR_CLOSED ? 16 : 0;
    wrong |= oa_service_stop(service, NULL) != OA_OK ? 32 : 0;
    of_the_parent = service;
    if (has_tsan) {
      _exit(wrong);
    }
    snprintf(own, sizeof own, "%s/child", (const char *)*state);
    service = start_in(own, "write");
    wrong |= export_one(service) != OA_OK ? 64 : 0;
    wrong |= oa_service_stop(service, NULL) != OA_OK ? 128 : 0;
    _exit(wrong);
  }
  int how;
  assert_int_equal(waitpid(child, &how, 0), child);
  assert_true(WIFEXITED(how));
  assert_int_equal(WEXITSTATUS(how), 0);
  assert_int_equal(export_one(service), OA_OK);
  stop(service);
  assert_int_equal(rows_in(*state), has_tsan ? 2 : 3);
}

static void a_child_that_does_nothing_keeps_no_lock(void **state) {
  int pipe_ends[2];
  char byte;
  oa_service *service = start_in(*state, "memory");
  assert_int_equal(pipe(pipe_ends), 0);
  const pid_t child = fork();
  assert_true(child >= 0);
  if (child == 0) {
    close(pipe_ends[1]);
    of_the_parent = service;
    _exit(read(pipe_ends[0], &byte, 1) == 0 ? 0 : 1);
  }
  stop(service);
  service = start_in(*state, "memory");
  stop(service);
  close(pipe_ends[1]);
  close(pipe_ends[0]);
  int how;
  assert_int_equal(waitpid(child, &how, 0), child);
}

static void count_signal(int number) {
  (void)number;
}

/* Whether each thread of the process but the one that asks blocks SIGUSR1. */
static bool others_block_signals(void) {
  bool blocked = true;
  DIR *tasks = opendir("/proc/self/task");
  const struct dirent *entry;
  assert_non_null(tasks);
  while ((entry = readdir(tasks)) != NULL) {
    char path[300];
    char line[256];
    if (entry->d_name[0] == '.' ||
        strtol(entry->d_name, NULL, 10) == getpid()) {
      continue;
    }
    snprintf(path, sizeof path, "/proc/self/task/%s/status", entry->d_name);
    FILE *file = fopen(path, "r");
    while (file != NULL && fgets(line, sizeof line, file) != NULL) {
      if (strncmp(line, "SigBlk:", 7) == 0) {
        const unsigned long long mask = strtoull(line + 7, NULL, 16);
        blocked = blocked && (mask >> (SIGUSR1 - 1) & 1) != 0;
      }
    }
    if (file != NULL) {
      fclose(file);
    }
  }
  closedir(tasks);
  return blocked;
}

static void signals_are_for_the_programs_threads(void **state) {
  sigset_t mask;
  signal(SIGUSR1, count_signal);
  oa_service *service = start_in(*state, "write");
  assert_int_equal(export_one(service), OA_OK);
  assert_true(others_block_signals() || has_tsan);
  assert_int_equal(pthread_sigmask(SIG_BLOCK, NULL, &mask), 0);
  assert_int_equal(sigismember(&mask, SIGUSR1), 0);
  stop(service);
  signal(SIGUSR1, SIG_DFL);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      IN_DIRECTORY(a_child_is_refused_and_starts_its_own),
      IN_DIRECTORY(a_child_that_does_nothing_keeps_no_lock),
      IN_DIRECTORY(signals_are_for_the_programs_threads),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
