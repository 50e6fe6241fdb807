/* SPDX-License-Identifier: Apache-2.0 */
/* Telemetry of the program itself: what is exported is in the files, whoever
 * exports, flushes, forks and shuts down at the same time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <uv.h>

#include "base/clock.h"
#include "base/mem.h"
#include "otlp_arrow.h"

#define MS UINT64_C(1000000)

static int setup(void **state) {
  char *directory = strdup("/tmp/oa_export_XXXXXX");
  assert_non_null(directory);
  assert_non_null(mkdtemp(directory));
  *state = directory;
  return 0;
}

static int teardown(void **state) {
  char command[128];
  snprintf(command, sizeof command, "rm -r '%s'", (char *)*state);
  free(*state);
  return system(command);
}

static void set(oa_config *config, const char *key, const char *value) {
  oa_error error = {0};
  if (oa_config_set(config, key, value, &error) != OA_OK) {
    fail_msg("%s", error.text);
  }
}

static oa_config *make_config(const char *directory) {
  oa_config *config;
  assert_int_equal(oa_config_new_embedded(&config, NULL), OA_OK);
  set(config, "output_dir", directory);
  set(config, "log.level", "error");
  return config;
}

static oa_service *start(const oa_config *config) {
  oa_service *service;
  oa_error error = {0};
  if (oa_service_start(&service, config, &error) != OA_OK) {
    fail_msg("%s", error.text);
  }
  return service;
}

static oa_service *start_in(const char *directory, const char *ack) {
  oa_config *config = make_config(directory);
  set(config, "ack", ack);
  oa_service *service = start(config);
  oa_config_free(config);
  return service;
}

static void stop(oa_service *service) {
  oa_error error = {0};
  if (oa_service_stop(service, &error) != OA_OK) {
    fail_msg("%s", error.text);
  }
}

/* One log record. */
static const char record[] =
    "{\"resourceLogs\":[{\"scopeLogs\":[{\"logRecords\":[{\"timeUnixNano\":"
    "\"1700000000000000000\",\"body\":{\"stringValue\":\"hello\"}}]}]}]}";

static oa_status export_text(oa_service *service, const char *text,
                             oa_export_result *result, oa_error *error) {
  return oa_service_export(service, OA_LOGS, OA_FORM_JSON, text, strlen(text),
                           result, error);
}

static oa_status export_one(oa_service *service) {
  return export_text(service, record, NULL, NULL);
}

/* COUNT spans of this process. */
static void build(oa_builder *builder, size_t count) {
  oa_builder_reset(builder);
  oa_build_resource(builder, NULL);
  oa_build_string(builder, OA_S("service.name"), OA_S("test"));
  oa_build_scope(builder, NULL);
  for (size_t i = 0; i < count; i++) {
    const oa_span span = {.size = sizeof span,
                          .trace_id = {1},
                          .span_id = {(uint8_t)i, 1},
                          .name = OA_S("work"),
                          .start_time_unix_nano = 1 + i,
                          .end_time_unix_nano = 2 + i};
    oa_build_span(builder, &span);
    oa_build_int(builder, OA_S("i"), (int64_t)i);
  }
}

/* Rows in the files below DIRECTORY, all of which end as they should. */
static uint64_t rows_in(const char *directory) {
  oa_file_list *list;
  uint64_t rows = 0;
  oa_error error = {0};
  assert_int_equal(oa_file_list_new(&list, directory, &error), OA_OK);
  for (size_t i = 0; i < oa_file_list_count(list); i++) {
    oa_reader *reader;
    oa_reader_info info;
    assert_int_equal(
        oa_reader_open(&reader, oa_file_list_path(list, i), &error), OA_OK);
    assert_int_equal(oa_reader_describe(reader, &info, &error), OA_OK);
    rows += info.rows;
    oa_reader_close(reader);
  }
  oa_file_list_free(list);
  return rows;
}

static oa_service_stats stats_of(oa_service *service) {
  oa_service_stats stats = {.size = sizeof stats};
  assert_int_equal(oa_service_get_stats(service, &stats, NULL), OA_OK);
  return stats;
}

/* --- one thread --- */

static void what_is_exported_is_in_the_files(void **state) {
  oa_service *service = start_in(*state, "memory");
  oa_export_result result = {0};
  oa_error error = {0};
  oa_builder *builder;

  for (int i = 0; i < 3; i++) {
    assert_int_equal(oa_service_port(service, (oa_listener)i), 0);
  }
  assert_int_equal(export_text(service, record, &result, &error), OA_OK);
  assert_int_equal(result.accepted, 1);
  assert_int_equal(oa_builder_new(&builder, OA_TRACES, &error), OA_OK);
  build(builder, 100);
  assert_int_equal(oa_service_export_built(service, builder, &result, &error),
                   OA_OK);
  assert_int_equal(result.accepted, 100);
  oa_builder_free(builder);

  oa_service_stats stats = stats_of(service);
  assert_int_equal(stats.signals[OA_LOGS].received, 1);
  assert_int_equal(stats.signals[OA_TRACES].received, 100);
  assert_int_equal(oa_service_flush(service, 10000, &error), OA_OK);
  stats = stats_of(service);
  assert_int_equal(stats.signals[OA_TRACES].stored, 100);
  assert_int_equal(stats.signals[OA_TRACES].buffered, 0);
  assert_int_equal(rows_in(*state), 101);
  stop(service);
  assert_int_equal(rows_in(*state), 101);
}

static void rows_are_as_safe_as_ack_says_when_it_returns(void **state) {
  static const char *const levels[] = {"write", "fsync"};
  for (uint64_t i = 0; i < 2; i++) {
    oa_service *service = start_in(*state, levels[i]);
    assert_int_equal(export_one(service), OA_OK);
    assert_int_equal(rows_in(*state), 2 * i + 1);
    assert_int_equal(export_one(service), OA_OK);
    assert_int_equal(rows_in(*state), 2 * i + 2);
    stop(service);
  }
}

static void rows_are_written_after_the_write_interval(void **state) {
  oa_config *config = make_config(*state);
  set(config, "write_interval_secs", "0.05");
  oa_service *service = start(config);
  oa_config_free(config);
  uv_sleep(20); /* the writer sleeps, with nothing due */
  assert_int_equal(export_one(service), OA_OK);
  const uint64_t begin = oa_clock_monotonic_ns();
  while (rows_in(*state) == 0) {
    assert_true(oa_clock_monotonic_ns() - begin < 10000 * MS);
    uv_sleep(10);
  }
  stop(service);
}

static void bad_requests_are_refused_and_leave_nothing(void **state) {
  oa_service *service = start_in(*state, "memory");
  static const uint8_t cut[] = {0x0a, 0x7f, 0x01};
  oa_export_result result;
  oa_error error = {0};

  assert_int_equal(
      export_text(service, "{\"resourceLogs\":3}", &result, &error),
      OA_ERR_MALFORMED);
  assert_non_null(strstr(error.text, "resourceLogs"));
  assert_int_equal(oa_service_export(service, OA_TRACES, OA_FORM_PROTOBUF, cut,
                                     sizeof cut, &result, &error),
                   OA_ERR_TRUNCATED);
  assert_int_equal(result.accepted, 0);
  assert_int_equal(oa_service_export(service, OA_TRACES, OA_FORM_PROTOBUF, NULL,
                                     1, NULL, &error),
                   OA_ERR_CONFIG);
  assert_int_equal(oa_service_export(service, (oa_signal)7, OA_FORM_PROTOBUF,
                                     cut, 0, NULL, NULL),
                   OA_ERR_CONFIG);
  assert_int_equal(
      oa_service_export(service, OA_LOGS, (oa_form)9, cut, 0, NULL, NULL),
      OA_ERR_CONFIG);
  assert_int_equal(export_one(NULL), OA_ERR_CONFIG);
  assert_int_equal(oa_service_export_built(service, NULL, NULL, &error),
                   OA_ERR_CONFIG);
  oa_service_stats old = {.size = 8};
  assert_int_equal(oa_service_get_stats(service, &old, &error), OA_ERR_CONFIG);
  assert_int_equal(stats_of(service).signals[OA_LOGS].received, 0);
  assert_int_equal(stats_of(service).signals[OA_LOGS].refused, 1);
  stop(service);
  assert_int_equal(rows_in(*state), 0);
}

static void a_record_that_cannot_be_kept_is_left_out_and_named(void **state) {
  oa_service *service = start_in(*state, "memory");
  oa_export_result result;
  assert_int_equal(
      export_text(service,
                  "{\"resourceLogs\":[{\"scopeLogs\":[{\"logRecords\":[{"
                  "\"traceId\":\"ab\"},{\"severityNumber\":9}]}]}]}",
                  &result, NULL),
      OA_OK);
  assert_int_equal(result.accepted, 1);
  assert_int_equal(result.rejected, 1);
  assert_non_null(strstr(result.reason, "trace"));
  stop(service);
  assert_int_equal(rows_in(*state), 1);
}

static void a_full_buffer_says_when_to_come_back(void **state) {
  oa_config *config = make_config(*state);
  set(config, "max_log_buffer_size", "1");
  set(config, "write_interval_secs", "3600");
  oa_service *service = start(config);
  oa_config_free(config);
  oa_export_result result = {0};
  oa_error error = {0};
  oa_status status = OA_OK;
  int taken = 0;
  while (status == OA_OK && taken < 1000) {
    status = export_text(service, record, &result, &error);
    taken += status == OA_OK;
  }
  assert_int_equal(status, OA_ERR_BUSY);
  assert_true(result.retry_after_ms > 0);
  assert_int_equal(result.accepted, 0);
  const uint64_t begin = oa_clock_monotonic_ns();
  while (export_one(service) != OA_OK) {
    assert_true(oa_clock_monotonic_ns() - begin < 10000 * MS);
    uv_sleep(1);
  }
  stop(service);
  assert_int_equal(rows_in(*state), taken + 1);
}

static void a_service_for_others_takes_nothing_from_inside(void **state) {
  oa_config *config;
  oa_error error = {0};
  assert_int_equal(oa_config_new(&config, NULL), OA_OK);
  set(config, "output_dir", *state);
  set(config, "protocols.protobuf_port", "0");
  set(config, "protocols.arrow_flight_port", "0");
  set(config, "dashboard.port", "0");
  set(config, "log.level", "error");
  oa_service *service = start(config);
  oa_config_free(config);
  assert_int_equal(export_text(service, record, NULL, &error), OA_ERR_CONFIG);
  assert_non_null(strstr(error.text, "oa_config_new_embedded"));
  stop(service);
}

static void ports_can_be_on_beside(void **state) {
  oa_config *config = make_config(*state);
  set(config, "protocols.protobuf_enabled", "true");
  set(config, "protocols.protobuf_port", "0");
  set(config, "dashboard.enabled", "true");
  set(config, "dashboard.port", "0");
  set(config, "ack", "write");
  oa_service *service = start(config);
  oa_config_free(config);
  assert_int_not_equal(oa_service_port(service, OA_LISTENER_PROTOBUF), 0);
  assert_int_equal(oa_service_port(service, OA_LISTENER_ARROW_FLIGHT), 0);
  assert_int_not_equal(oa_service_port(service, OA_LISTENER_DASHBOARD), 0);
  assert_int_equal(export_one(service), OA_OK);
  assert_int_equal(rows_in(*state), 1);
  assert_int_equal(oa_service_check(service, 60000, NULL), OA_OK);
  stop(service);
}

static void a_directory_belongs_to_one_service(void **state) {
  oa_service *service = start_in(*state, "memory");
  oa_config *config = make_config(*state);
  oa_service *second = NULL;
  oa_error error = {0};
  assert_int_equal(oa_service_start(&second, config, &error), OA_ERR_IO);
  assert_null(second);
  assert_non_null(strstr(error.text, (const char *)*state));
  assert_int_equal(export_one(service), OA_OK);
  stop(service);
  second = start(config);
  stop(second);
  oa_config_free(config);
}

static void starting_fails_whole_without_memory(void **state) {
  oa_config *config = make_config(*state);
  oa_status status = OA_ERR_NOMEM;
  oa_service *service = NULL;
  int64_t n = 0;
  for (; status != OA_OK && n < 100000; n++) {
    oa_mem_fail_after(n);
    status = oa_service_start(&service, config, NULL);
    oa_mem_fail_after(-1);
  }
  assert_int_equal(status, OA_OK);
  assert_true(n > 10);
  stop(service);
  oa_config_free(config);
}

typedef struct heard {
  atomic_uint lines;
  char text[4096];
} heard;

static void hear(void *context, oa_log_level level, const char *text) {
  heard *h = context;
  if (level == OA_LOG_INFO && atomic_fetch_add(&h->lines, 1) == 0) {
    snprintf(h->text, sizeof h->text, "%s", text);
  }
}

static void log_lines_go_where_the_program_says(void **state) {
  heard h = {.lines = 0};
  const oa_log_sink sink = {.context = &h, .line = hear};
  const oa_log_sink none = {.context = &h};
  oa_config *config = make_config(*state);
  set(config, "log.level", "info");
  assert_int_equal(oa_config_set_log(config, &none, NULL), OA_ERR_CONFIG);
  assert_int_equal(oa_config_set_log(config, &sink, NULL), OA_OK);
  oa_service *service = start(config);
  stop(service);
  oa_config_free(config);
  assert_true(h.lines > 0);
  assert_non_null(strstr(h.text, "ready"));
  assert_null(strchr(h.text, '\n'));
}

/* --- other places than files --- */

typedef struct shelf {
  atomic_long rows;
  atomic_int columns, appends, syncs, closes;
  atomic_int failures; /* of appends to come */
} shelf;

static oa_status shelve(void *context, oa_signal signal,
                        const struct ArrowSchema *schema,
                        const struct ArrowArray *batch, oa_error *error) {
  shelf *s = context;
  atomic_fetch_add(&s->appends, 1);
  if (atomic_load(&s->failures) > 0) {
    atomic_fetch_sub(&s->failures, 1);
    error->code = OA_ERR_IO;
    snprintf(error->text, sizeof error->text, "the shelf is full");
    return OA_ERR_IO;
  }
  if (signal != OA_LOGS || schema->n_children != batch->n_children) {
    return OA_ERR_CONFIG;
  }
  atomic_store(&s->columns, (int)batch->n_children);
  atomic_fetch_add(&s->rows, (long)batch->length);
  return OA_OK;
}

static oa_status settle(void *context, oa_signal signal, oa_error *error) {
  shelf *s = context;
  (void)signal;
  (void)error;
  atomic_fetch_add(&s->syncs, 1);
  return OA_OK;
}

static void leave_shelf(void *context) {
  shelf *s = context;
  atomic_fetch_add(&s->closes, 1);
}

static void a_program_keeps_batches_itself(void **state) {
  shelf s = {.rows = 0};
  char own[128];
  const oa_sink sink = {
      .context = &s, .append = shelve, .sync = settle, .close = leave_shelf};
  const oa_sink half = {.context = &s};
  oa_export_result result = {0};
  oa_error error = {0};
  snprintf(own, sizeof own, "%s/none", (const char *)*state);
  oa_config *config = make_config(own);
  set(config, "ack", "fsync");
  assert_int_equal(oa_config_set_sink(config, &half, NULL), OA_ERR_CONFIG);
  assert_int_equal(oa_config_set_sink(config, &sink, NULL), OA_OK);
  oa_service *service = start(config);
  oa_config_free(config);

  assert_int_equal(export_one(service), OA_OK);
  assert_int_equal(s.rows, 1);
  assert_true(s.columns > 10);
  assert_int_equal(s.syncs, 1);

  /* Who waits is told, and has it to send again. */
  atomic_store(&s.failures, 1);
  assert_int_equal(export_text(service, record, &result, &error), OA_ERR_IO);
  assert_non_null(strstr(error.text, "the shelf is full"));
  assert_int_equal(result.accepted, 0);
  const uint64_t begin = oa_clock_monotonic_ns();
  while (export_text(service, record, &result, &error) != OA_OK) {
    assert_true(oa_clock_monotonic_ns() - begin < 10000 * MS);
    uv_sleep(5);
  }
  assert_int_equal(s.rows, 2);
  assert_int_equal(stats_of(service).signals[OA_LOGS].stored, 2);
  stop(service);
  assert_int_equal(s.closes, 1);
  assert_int_not_equal(access(own, F_OK), 0);
}

static void a_sink_is_offered_again_what_was_acknowledged(void **state) {
  shelf s = {.rows = 0, .failures = 3};
  const oa_sink sink = {.context = &s, .append = shelve};
  oa_config *config = make_config(*state);
  assert_int_equal(oa_config_set_sink(config, &sink, NULL), OA_OK);
  oa_service *service = start(config);
  oa_config_free(config);
  assert_int_equal(export_one(service), OA_OK);
  assert_int_equal(oa_service_flush(service, 20000, NULL), OA_OK);
  assert_int_equal(s.rows, 1);
  assert_int_equal(s.appends, 4);
  stop(service);
}

/* --- the end --- */

static void after_the_shutdown_everything_says_so(void **state) {
  oa_service *service = start_in(*state, "memory");
  oa_error error = {0};
  assert_int_equal(export_one(service), OA_OK);
  assert_int_equal(oa_service_shutdown(service, UINT32_MAX, &error), OA_OK);
  assert_int_equal(rows_in(*state), 1);
  assert_int_equal(export_text(service, record, NULL, &error), OA_ERR_CLOSED);
  assert_non_null(strstr(error.text, "shut down"));
  assert_int_equal(oa_service_flush(service, 1000, &error), OA_ERR_CLOSED);
  assert_int_equal(oa_service_reload(service, NULL, &error), OA_ERR_CLOSED);
  assert_int_equal(oa_service_shutdown(service, 0, &error), OA_OK);
  assert_int_equal(stats_of(service).signals[OA_LOGS].stored, 1);
  stop(service);
}

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
#ifdef __SANITIZE_THREAD__
    _exit(wrong); /* its children cannot have threads */
#endif
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
#ifdef __SANITIZE_THREAD__
  assert_int_equal(rows_in(*state), 2);
#else
  assert_int_equal(rows_in(*state), 3);
#endif
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
#ifndef __SANITIZE_THREAD__
  assert_true(others_block_signals());
#endif
  assert_int_equal(pthread_sigmask(SIG_BLOCK, NULL, &mask), 0);
  assert_int_equal(sigismember(&mask, SIGUSR1), 0);
  stop(service);
  signal(SIGUSR1, SIG_DFL);
}

/* --- many threads --- */

enum { THREADS = 64, EACH = 40, SPANS = 8 };

typedef struct crowd {
  oa_service *service;
  atomic_uint accepted; /* requests */
  atomic_uint closed;
  atomic_uint other;
} crowd;

static void export_some(void *context) {
  crowd *c = context;
  oa_builder *builder;
  if (oa_builder_new(&builder, OA_TRACES, NULL) != OA_OK) {
    atomic_fetch_add(&c->other, 1);
    return;
  }
  build(builder, SPANS);
  for (int i = 0; i < EACH; i++) {
    const oa_status status =
        oa_service_export_built(c->service, builder, NULL, NULL);
    if (status == OA_OK) {
      atomic_fetch_add(&c->accepted, 1);
    } else if (status == OA_ERR_CLOSED) {
      atomic_fetch_add(&c->closed, 1);
    } else {
      atomic_fetch_add(&c->other, 1);
    }
    if (i % 16 == 3 && oa_service_flush(c->service, 60000, NULL) != OA_OK &&
        status == OA_OK) {
      /* Only a shutdown may come between. */
      atomic_fetch_add(
          &c->other,
          oa_service_flush(c->service, 1, NULL) == OA_ERR_CLOSED ? 0 : 1);
    }
  }
  oa_builder_free(builder);
}

/* 64 threads; the service is shut down after DELAY_MS by two more when that is
 * not negative, else at the end. */
static void run_crowd(const char *directory, const char *ack, int delay_ms) {
  crowd c = {.service = start_in(directory, ack)};
  uv_thread_t threads[THREADS];
  for (int i = 0; i < THREADS; i++) {
    assert_int_equal(uv_thread_create(&threads[i], export_some, &c), 0);
  }
  if (delay_ms >= 0) {
    uv_sleep((unsigned)delay_ms);
    assert_int_equal(oa_service_shutdown(c.service, UINT32_MAX, NULL), OA_OK);
  }
  for (int i = 0; i < THREADS; i++) {
    uv_thread_join(&threads[i]);
  }
  assert_int_equal(oa_service_shutdown(c.service, UINT32_MAX, NULL), OA_OK);
  const oa_service_stats stats = stats_of(c.service);
  stop(c.service);
  const uint64_t rows = rows_in(directory);
  assert_int_equal(stats.signals[OA_TRACES].stored, rows);
  assert_int_equal(stats.signals[OA_TRACES].buffered, 0);
  assert_int_equal(rows, (uint64_t)c.accepted * SPANS);
  assert_int_equal(c.accepted + c.closed + c.other, THREADS * EACH);
  assert_int_equal(c.other, 0);
  assert_true(delay_ms >= 0 || c.closed == 0);
}

static void threads_lose_nothing(void **state) {
  run_crowd(*state, "memory", -1);
}

static void threads_that_wait_for_the_disk_lose_nothing(void **state) {
  run_crowd(*state, "fsync", -1);
}

static void a_shutdown_among_threads_keeps_what_was_accepted(void **state) {
  run_crowd(*state, "memory", 5);
}

static void a_shutdown_among_threads_that_wait_tells_them(void **state) {
  run_crowd(*state, "write", 20);
}

/* --- memory of the program's --- */

typedef struct purse {
  atomic_size_t blocks;
  atomic_size_t taken;
} purse;

static void *take_block(void *context, size_t size, size_t alignment) {
  purse *p = context;
  void *block = NULL;
  const size_t least = alignment < sizeof(void *) ? sizeof(void *) : alignment;
  if (posix_memalign(&block, least, size) != 0) {
    return NULL;
  }
  atomic_fetch_add(&p->blocks, 1);
  atomic_fetch_add(&p->taken, 1);
  return block;
}

static void *resize_block(void *context, void *block, size_t size) {
  purse *p = context;
  void *bigger = realloc(block, size);
  atomic_fetch_add(&p->blocks, block == NULL && bigger != NULL ? 1 : 0);
  return bigger;
}

static void release_block(void *context, void *block) {
  purse *p = context;
  atomic_fetch_sub(&p->blocks, block == NULL ? 0 : 1);
  free(block);
}

static void the_program_gives_the_memory_and_gets_it_back(void **state) {
  purse p = {.blocks = 0};
  oa_allocator allocator = {
      .context = &p, .allocate = take_block, .resize = resize_block};
  assert_int_equal(oa_set_allocator(&allocator), OA_ERR_CONFIG);
  allocator.release = release_block;
  assert_int_equal(oa_set_allocator(&allocator), OA_OK);
  run_crowd(*state, "memory", -1);
  assert_int_equal(oa_set_allocator(NULL), OA_OK);
  assert_true(p.taken > 100);
  assert_int_equal(p.blocks, 0);
}

int main(void) {
#define IN_DIRECTORY(TEST) \
  cmocka_unit_test_setup_teardown(TEST, setup, teardown)
  const struct CMUnitTest tests[] = {
      IN_DIRECTORY(what_is_exported_is_in_the_files),
      IN_DIRECTORY(rows_are_as_safe_as_ack_says_when_it_returns),
      IN_DIRECTORY(rows_are_written_after_the_write_interval),
      IN_DIRECTORY(bad_requests_are_refused_and_leave_nothing),
      IN_DIRECTORY(a_record_that_cannot_be_kept_is_left_out_and_named),
      IN_DIRECTORY(a_full_buffer_says_when_to_come_back),
      IN_DIRECTORY(a_service_for_others_takes_nothing_from_inside),
      IN_DIRECTORY(ports_can_be_on_beside),
      IN_DIRECTORY(a_directory_belongs_to_one_service),
      IN_DIRECTORY(starting_fails_whole_without_memory),
      IN_DIRECTORY(log_lines_go_where_the_program_says),
      IN_DIRECTORY(a_program_keeps_batches_itself),
      IN_DIRECTORY(a_sink_is_offered_again_what_was_acknowledged),
      IN_DIRECTORY(after_the_shutdown_everything_says_so),
      IN_DIRECTORY(a_child_is_refused_and_starts_its_own),
      IN_DIRECTORY(a_child_that_does_nothing_keeps_no_lock),
      IN_DIRECTORY(signals_are_for_the_programs_threads),
      IN_DIRECTORY(threads_lose_nothing),
      IN_DIRECTORY(the_program_gives_the_memory_and_gets_it_back),
      IN_DIRECTORY(threads_that_wait_for_the_disk_lose_nothing),
      IN_DIRECTORY(a_shutdown_among_threads_keeps_what_was_accepted),
      IN_DIRECTORY(a_shutdown_among_threads_that_wait_tells_them),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
