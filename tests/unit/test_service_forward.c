/* SPDX-License-Identifier: Apache-2.0 */
/* What is stored is sent on: once and in order while all goes well, and again
 * from where it stood when it did not. */
#include <pthread.h>

#include "forward_trial.h"

/* How many files of spans there are. */
static size_t files_in(const char *directory) {
  oa_file_list *list;
  assert_int_equal(oa_file_list_new(&list, directory, NULL), OA_OK);
  const size_t count = oa_file_list_count(list);
  oa_file_list_free(list);
  return count;
}

static int position_in(const char *directory) {
  char path[256];
  snprintf(path, sizeof path, "%s/otlp/.forwarded", directory);
  return access(path, F_OK) == 0;
}

static void what_is_stored_is_delivered_in_order(void **state) {
  depot d;
  depot_init(&d);
  oa_service *service = start_forwarding(*state, &d);
  for (int64_t i = 0; i < 50; i++) {
    export_spans(service, 100 * i, 100);
  }
  assert_int_equal(export_one(service), OA_OK);
  WAIT_FOR(depot_rows(&d, OA_TRACES) == 5000 && depot_rows(&d, OA_LOGS) == 1);
  const oa_service_stats stats = stats_of(service);
  assert_int_equal(stats.forwards[OA_TRACES].passed_over, 0);
  stop(service);
  assert_in_order(&d, 0, 5000);
  assert_int_equal(d.closes, 1);
  depot_free(&d);
}

/* Senders that wait for the file make batches small, and small batches make
 * work for the merger. */
static void note_merge(void *context, oa_log_level level, const char *text) {
  atomic_int *merged = context;
  (void)level;
  atomic_fetch_add(merged, strstr(text, "store: merged") != NULL);
}

static void rotation_and_merging_change_nothing_for_the_exporter(void **state) {
  enum { EXPORTS = 600, SPANS = 20 };
  atomic_int merged = 0;
  const oa_log_sink log = {.context = &merged, .line = note_merge};
  depot d;
  depot_init(&d);
  d.delay_ms = 5;
  oa_config *config = forward_config(*state, &d);
  assert_int_equal(oa_config_set_log(config, &log, NULL), OA_OK);
  set(config, "log.level", "info");
  set(config, "storage.max_file_size", "128KiB");
  set(config, "storage.compression", "none");
  oa_service *service = start(config);
  oa_config_free(config);
  int64_t count = 0;
  while (count < EXPORTS * SPANS || atomic_load(&merged) == 0) {
    assert_true(count < DEPOT_SEEN);
    export_spans(service, count, SPANS);
    count += SPANS;
  }
  WAIT_FOR(depot_rows(&d, OA_TRACES) == (size_t)count);
  stop(service);
  assert_in_order(&d, 0, count);
  assert_true(files_in(*state) > 5);
  depot_free(&d);
}

/* Each of 200 requests is a batch; while the first is with the exporter, the
 * others come. */
static void small_batches_that_wait_are_put_together(void **state) {
  depot d;
  depot_init(&d);
  pthread_mutex_lock(&d.lock);
  oa_service *service = start_forwarding(*state, &d);
  for (int64_t i = 0; i < 200; i++) {
    export_spans(service, 5 * i, 5);
  }
  d.failures = 2; /* what was put together comes again as well */
  d.answer = OA_ERR_IO;
  pthread_mutex_unlock(&d.lock);
  WAIT_FOR(depot_rows(&d, OA_TRACES) == 1000);
  stop(service);
  assert_in_order(&d, 0, 1000);
  assert_true(d.calls <= 10);
  depot_free(&d);
}

static void a_large_batch_comes_in_parts(void **state) {
  depot d;
  depot_init(&d);
  oa_service *service = start_forwarding(*state, &d);
  export_spans(service, 0, 20000);
  WAIT_FOR(depot_rows(&d, OA_TRACES) == 20000);
  stop(service);
  assert_in_order(&d, 0, 20000);
  assert_true(d.most <= 8192);
  depot_free(&d);
}

static void what_failed_is_tried_again_until_it_succeeds(void **state) {
  depot d;
  depot_init(&d);
  d.answer = OA_ERR_IO;
  d.failures = 7; /* more than open the breaker */
  oa_service *service = start_forwarding(*state, &d);
  export_spans(service, 0, 10);
  export_spans(service, 10, 10);
  WAIT_FOR(depot_rows(&d, OA_TRACES) == 20);
  depot_fail(&d, OA_ERR_BUSY, 1);
  export_spans(service, 20, 10);
  WAIT_FOR(depot_rows(&d, OA_TRACES) == 30);
  stop(service);
  assert_in_order(&d, 0, 30);
  depot_free(&d);
}

static void what_is_refused_for_good_is_passed_over_and_counted(void **state) {
  depot d;
  depot_init(&d);
  d.answer = OA_ERR_MALFORMED;
  d.failures = 1;
  oa_service *service = start_forwarding(*state, &d);
  export_spans(service, 0, 10);
  WAIT_FOR(stats_of(service).forwards[OA_TRACES].passed_over == 10);
  export_spans(service, 10, 5);
  WAIT_FOR(stats_of(service).forwards[OA_TRACES].forwarded == 5);
  assert_int_equal(stats_of(service).forwards[OA_TRACES].waiting, 0);
  stop(service);
  assert_in_order(&d, 10, 15);
  depot_free(&d);
}

static void what_fails_for_too_long_is_passed_over(void **state) {
  depot d;
  depot_init(&d);
  d.answer = OA_ERR_IO;
  d.failures = -1;
  oa_config *config = forward_config(*state, &d);
  set(config, "forwarding.retry.max_elapsed_time", "30ms");
  set(config, "forwarding.circuit_breaker.failure_threshold", "1000000");
  oa_service *service = start(config);
  oa_config_free(config);
  export_spans(service, 0, 10);
  WAIT_FOR(stats_of(service).forwards[OA_TRACES].passed_over == 10);
  depot_fail(&d, OA_OK, 0);
  export_spans(service, 10, 10);
  WAIT_FOR(stats_of(service).forwards[OA_TRACES].forwarded == 10);
  stop(service);
  assert_in_order(&d, 10, 20);
  depot_free(&d);
}

/* Takes three rows at a time, and none that is before the tenth. */
static oa_status narrow(void *context, oa_signal signal,
                        const struct ArrowSchema *schema,
                        const struct ArrowArray *batch,
                        uint32_t *retry_after_ms, oa_error *error) {
  const struct ArrowArray *times =
      column_of(schema, batch, "start_time_unix_nano");
  const int64_t *values = times->buffers[1];
  return batch->length > 3 || values[batch->offset + times->offset] < 10
             ? OA_ERR_LIMIT
             : depot_deliver(context, signal, schema, batch, retry_after_ms,
                             error);
}

static void what_is_too_much_at_a_time_is_offered_in_parts(void **state) {
  depot d;
  depot_init(&d);
  oa_exporter exporter = depot_exporter(&d);
  oa_config *config = forward_config(*state, &d);
  exporter.deliver = narrow;
  assert_int_equal(oa_config_set_exporter(config, &exporter, NULL), OA_OK);
  oa_service *service = start(config);
  oa_config_free(config);
  export_spans(service, 0, 100);
  WAIT_FOR(depot_rows(&d, OA_TRACES) == 90);
  WAIT_FOR(stats_of(service).forwards[OA_TRACES].passed_over == 10);
  stop(service);
  assert_in_order(&d, 10, 100);
  depot_free(&d);
}

static void a_signal_that_fails_holds_up_no_other(void **state) {
  depot d;
  depot_init(&d);
  d.answer = OA_ERR_BUSY;
  d.failures = -1;
  d.only = OA_TRACES;
  oa_config *config = forward_config(*state, &d);
  set(config, "forwarding.circuit_breaker.failure_threshold", "1000000");
  oa_service *service = start(config);
  oa_config_free(config);
  export_spans(service, 0, 10);
  for (int i = 0; i < 5; i++) {
    assert_int_equal(export_one(service), OA_OK);
  }
  WAIT_FOR(depot_rows(&d, OA_LOGS) == 5);
  assert_int_equal(depot_rows(&d, OA_TRACES), 0);
  depot_fail(&d, OA_OK, 0);
  WAIT_FOR(depot_rows(&d, OA_TRACES) == 10);
  stop(service);
  depot_free(&d);
}

static void an_exporter_says_when_to_come_again(void **state) {
  depot d;
  depot_init(&d);
  d.answer = OA_ERR_BUSY;
  d.failures = 1;
  d.retry_after_ms = 1500;
  oa_service *service = start_forwarding(*state, &d);
  export_spans(service, 0, 1);
  WAIT_FOR(depot_calls(&d) == 2);
  stop(service);
  /* Without that it would be some 5 ms. */
  assert_true(d.last_call_ns - d.first_call_ns > 1000 * MS);
  assert_in_order(&d, 0, 1);
  depot_free(&d);
}

static void an_exporter_that_waits_holds_up_nobody(void **state) {
  depot d;
  depot_init(&d);
  pthread_mutex_lock(&d.lock); /* the exporter stands there now */
  oa_service *service = start_forwarding(*state, &d);
  for (int64_t i = 0; i < 20; i++) {
    export_spans(service, 10 * i, 10);
  }
  assert_int_equal(oa_service_flush(service, 30000, NULL), OA_OK);
  assert_int_equal(stats_of(service).signals[OA_TRACES].stored, 200);
  assert_int_equal(stats_of(service).forwards[OA_TRACES].waiting, 200);
  pthread_mutex_unlock(&d.lock);
  stop(service);
  assert_in_order(&d, 0, 200);
  depot_free(&d);
}

/* --- starts and stops --- */

static void a_stop_delivers_what_is_left(void **state) {
  depot d;
  depot_init(&d);
  d.delay_ms = 5;
  oa_service *service = start_forwarding(*state, &d);
  for (int64_t i = 0; i < 100; i++) {
    export_spans(service, 10 * i, 10);
  }
  stop(service);
  assert_in_order(&d, 0, 1000);
  depot_free(&d);
}

static void what_a_stop_leaves_comes_after_the_next_start(void **state) {
  enum { ROUNDS = 5 };
  depot d;
  depot_init(&d);
  d.delay_ms = 1;
  for (int64_t round = 0; round < ROUNDS; round++) {
    oa_service *service = start_forwarding(*state, &d);
    for (int64_t i = 0; i < 20; i++) {
      export_spans(service, 100 * round + 5 * i, 5);
    }
    /* No time at all, but in the last round. */
    assert_int_equal(
        oa_service_shutdown(service, round == ROUNDS - 1 ? 30000 : 0, NULL),
        OA_OK);
    stop(service);
  }
  assert_in_order(&d, 0, 100 * ROUNDS);
  depot_free(&d);
}

static void a_dead_endpoint_does_not_hold_up_a_stop(void **state) {
  depot d;
  depot_init(&d);
  d.answer = OA_ERR_IO;
  d.failures = -1;
  oa_config *config = forward_config(*state, &d);
  set(config, "shutdown_timeout", "1h");
  set(config, "forwarding.retry.initial_interval", "30s");
  set(config, "forwarding.retry.max_interval", "30s");
  oa_service *service = start(config);
  oa_config_free(config);
  export_spans(service, 0, 10);
  WAIT_FOR(depot_calls(&d) == 1);
  const uint64_t begin = oa_clock_monotonic_ns();
  stop(service);
  assert_true(oa_clock_monotonic_ns() - begin < 5000 * MS);
  depot_fail(&d, OA_OK, 0);
  service = start_forwarding(*state, &d);
  WAIT_FOR(depot_rows(&d, OA_TRACES) == 10);
  stop(service);
  assert_in_order(&d, 0, 10);
  assert_int_equal(d.closes, 2);
  depot_free(&d);
}

static void a_first_start_begins_with_what_is_stored_from_then_on(
    void **state) {
  depot d;
  depot_init(&d);
  oa_service *service = start_in(*state, "write");
  export_spans(service, 0, 10);
  stop(service);
  assert_int_equal(position_in(*state), 0); /* without an exporter: no trace */
  service = start_forwarding(*state, &d);
  export_spans(service, 10, 10);
  WAIT_FOR(depot_rows(&d, OA_TRACES) == 10);
  stop(service);
  assert_int_equal(position_in(*state), 1);
  /* Stored while there was none for a time. */
  service = start_in(*state, "write");
  export_spans(service, 20, 10);
  stop(service);
  service = start_forwarding(*state, &d);
  export_spans(service, 30, 10);
  WAIT_FOR(depot_rows(&d, OA_TRACES) == 30);
  stop(service);
  assert_in_order(&d, 10, 40);
  depot_free(&d);
}

static void with_a_damaged_position_all_is_sent_again(void **state) {
  depot d;
  char path[256];
  depot_init(&d);
  oa_service *service = start_forwarding(*state, &d);
  export_spans(service, 0, 10);
  stop(service);
  snprintf(path, sizeof path, "%s/otlp/.forwarded", (char *)*state);
  write_file(path, "otlp-arrow forwarded 1\ntraces 1");
  service = start_forwarding(*state, &d);
  export_spans(service, 10, 10);
  WAIT_FOR(depot_rows(&d, OA_TRACES) == 30);
  stop(service);
  for (int64_t i = 0; i < 30; i++) {
    assert_int_equal(d.seen[i], i < 10 ? i : i - 10);
  }
  depot_free(&d);
}

static void what_retention_removes_is_counted(void **state) {
  depot d;
  depot_init(&d);
  d.answer = OA_ERR_IO;
  d.failures = -1;
  oa_config *config = forward_config(*state, &d);
  set(config, "storage.max_file_size", "1MiB");
  set(config, "storage.max_total_size", "4MiB");
  set(config, "storage.compression", "none");
  set(config, "storage.merge", "false");
  oa_service *service = start(config);
  oa_config_free(config);
  int64_t count = 0;
  while (stats_of(service).forwards[OA_TRACES].passed_over == 0) {
    assert_true(count < DEPOT_SEEN);
    export_spans(service, count, 1000);
    count += 1000;
  }
  depot_fail(&d, OA_OK, 0);
  WAIT_FOR(stats_of(service).forwards[OA_TRACES].waiting == 0);
  const oa_service_stats stats = stats_of(service);
  assert_int_equal(stats.forwards[OA_TRACES].forwarded +
                       stats.forwards[OA_TRACES].passed_over,
                   count);
  stop(service);
  assert_int_equal(d.count, stats.forwards[OA_TRACES].forwarded);
  for (size_t i = 1; i < d.count; i++) {
    assert_true(d.seen[i] > d.seen[i - 1]);
  }
  assert_int_equal(d.seen[d.count - 1], count - 1);
  depot_free(&d);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      IN_DIRECTORY(what_is_stored_is_delivered_in_order),
      IN_DIRECTORY(rotation_and_merging_change_nothing_for_the_exporter),
      IN_DIRECTORY(small_batches_that_wait_are_put_together),
      IN_DIRECTORY(a_large_batch_comes_in_parts),
      IN_DIRECTORY(what_failed_is_tried_again_until_it_succeeds),
      IN_DIRECTORY(what_is_refused_for_good_is_passed_over_and_counted),
      IN_DIRECTORY(what_fails_for_too_long_is_passed_over),
      IN_DIRECTORY(what_is_too_much_at_a_time_is_offered_in_parts),
      IN_DIRECTORY(a_signal_that_fails_holds_up_no_other),
      IN_DIRECTORY(an_exporter_says_when_to_come_again),
      IN_DIRECTORY(an_exporter_that_waits_holds_up_nobody),
      IN_DIRECTORY(a_stop_delivers_what_is_left),
      IN_DIRECTORY(what_a_stop_leaves_comes_after_the_next_start),
      IN_DIRECTORY(a_dead_endpoint_does_not_hold_up_a_stop),
      IN_DIRECTORY(a_first_start_begins_with_what_is_stored_from_then_on),
      IN_DIRECTORY(with_a_damaged_position_all_is_sent_again),
      IN_DIRECTORY(what_retention_removes_is_counted),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
