/* SPDX-License-Identifier: Apache-2.0 */
/* Telemetry of the program itself: the program takes the log lines, and the
 * batches that would go to files. */
#include <stdatomic.h>

#include "export_trial.h"

/* --- log lines --- */

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
  oa_config *config = embedded_config(*state);
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
  oa_config *config = embedded_config(own);
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
  oa_config *config = embedded_config(*state);
  assert_int_equal(oa_config_set_sink(config, &sink, NULL), OA_OK);
  oa_service *service = start(config);
  oa_config_free(config);
  assert_int_equal(export_one(service), OA_OK);
  assert_int_equal(oa_service_flush(service, 20000, NULL), OA_OK);
  assert_int_equal(s.rows, 1);
  assert_int_equal(s.appends, 4);
  stop(service);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      IN_DIRECTORY(log_lines_go_where_the_program_says),
      IN_DIRECTORY(a_program_keeps_batches_itself),
      IN_DIRECTORY(a_sink_is_offered_again_what_was_acknowledged),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
