/* SPDX-License-Identifier: Apache-2.0 */
/* From a request on a socket to rows in a file. */
#include "pipeline_trial.h"
#include "receive/receive.h"

enum { FOREVER = 3600 };

static const char *const paths[OA_SIGNAL_COUNT] = {
    "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
    "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export",
    "/opentelemetry.proto.collector.logs.v1.LogsService/Export",
};

typedef struct plant {
  yard yard;
  oa_counters counters;
  oa_pipeline_options options;
  oa_pipeline *pipeline;
  oa_receiver *receiver;
  fixture fixture;
  client *client;
} plant;

/* Batches wait for each other unless the test says otherwise. */
static plant *new_plant(void) {
  plant *p = calloc(1, sizeof *p);
  assert_non_null(p);
  yard_open(&p->yard);
  assert_int_equal(oa_counters_init(&p->counters, 1), OA_OK);
  p->options = (oa_pipeline_options){
      .keep = {.store = p->yard.store},
      .counters = &p->counters,
      .threads = 1,
      .batch_rows = 1000,
      .write_interval_ns = FOREVER * UINT64_C(1000000000),
      .max_rows = {100000, 100000, 100000},
      .memory_limit = 1 << 30,
  };
  return p;
}

static void start(plant *p) {
  assert_int_equal(oa_pipeline_new(&p->pipeline, &p->options, NULL), OA_OK);
  const oa_receiver_options options = {
      .pipeline = p->pipeline,
      .counters = &p->counters,
      .threads = p->options.threads,
      .max_message = 1 << 24,
      .stream_budget = 1 << 24,
      .root = p->yard.dir,
  };
  assert_int_equal(oa_receiver_new(&p->receiver, &options, NULL), OA_OK);
  fixture_init(&p->fixture);
  p->fixture.handler = oa_receiver_handler;
  p->fixture.options.context = p->receiver;
  fixture_start(&p->fixture);
  oa_pipeline_set_server(p->pipeline, p->fixture.server);
  p->client = client_open(&p->fixture);
}

static oa_status stop(plant *p, oa_error *error) {
  client_close(p->client);
  oa_server_stop(p->fixture.server, 1000);
  oa_pipeline_set_server(p->pipeline, NULL);
  oa_server_free(p->fixture.server);
  oa_receiver_free(p->receiver);
  uv_mutex_destroy(&p->fixture.lock);
  return oa_pipeline_stop(p->pipeline, error);
}

static void free_plant(plant *p) {
  set_disk(DISK_WORKS);
  yard_close(&p->yard);
  oa_counters_reset(&p->counters);
  free(p);
}

static answer *send_message(plant *p, const char *path, const uint8_t *bytes,
                            size_t len) {
  uint8_t *frame = make_frame(len, false);
  if (len > 0) {
    memcpy(frame + 5, bytes, len);
  }
  ask what = ask_for(frame, len + 5);
  what.path = path;
  answer *a = client_call(p->client, &what);
  oa_free(frame);
  return a;
}

static answer *send_bad(plant *p, oa_signal signal, int count, int bad) {
  oa_emit e = {0};
  put_records(&e, signal, count, bad);
  answer *a = send_message(p, paths[signal], e.out.data, e.out.len);
  oa_buf_free(&e.out);
  return a;
}

static void send_rows(plant *p, oa_signal signal, int count) {
  const answer *a = send_bad(p, signal, count, 0);
  if (a->grpc_status != OA_GRPC_OK) {
    fail_msg("status %d: %s", a->grpc_status, a->message);
  }
  assert_int_equal(a->body_len, 5); /* an empty response */
}

static oa_signal_totals totals_of(const plant *p, oa_signal signal) {
  oa_signal_totals totals;
  oa_counters_sum(&p->counters, signal, &totals);
  return totals;
}

static void await_stored(const plant *p, oa_signal signal, uint64_t wanted) {
  const uint64_t end = now_ms() + PATIENCE;
  while (totals_of(p, signal).items_stored < wanted) {
    assert_true(now_ms() < end);
    pause_ms(2);
  }
  assert_int_equal(totals_of(p, signal).items_stored, wanted);
}

static oa_pipeline_stats stats_of(plant *p) {
  oa_pipeline_stats stats;
  oa_pipeline_get_stats(p->pipeline, &stats);
  return stats;
}

static void a_batch_is_written_when_it_is_full(void **state) {
  (void)state;
  plant *p = new_plant();
  p->options.batch_rows = 10;
  start(p);
  for (int signal = 0; signal < OA_SIGNAL_COUNT; signal++) {
    send_rows(p, (oa_signal)signal, 9);
    assert_int_equal(stats_of(p).rows_buffered[signal], 9);
    assert_true(stats_of(p).bytes_buffered > 0);
  }
  pause_ms(100);
  assert_int_equal(totals_of(p, OA_TRACES).items_stored, 0);
  send_rows(p, OA_TRACES, 1);
  await_stored(p, OA_TRACES, 10);
  assert_int_equal(totals_of(p, OA_LOGS).items_stored, 0);
  assert_int_equal(stop(p, NULL), OA_OK); /* and the rest at the end */
  for (int signal = 0; signal < OA_SIGNAL_COUNT; signal++) {
    assert_int_equal(rows_in_files(&p->yard, (oa_signal)signal),
                     signal == OA_TRACES ? 10 : 9);
  }
  free_plant(p);
}

static void a_batch_is_written_when_it_is_old(void **state) {
  (void)state;
  plant *p = new_plant();
  p->options.write_interval_ns = 100 * UINT64_C(1000000);
  start(p);
  for (uint64_t i = 1; i <= 3; i++) {
    send_rows(p, OA_LOGS, 1);
    await_stored(p, OA_LOGS, i);
  }
  assert_int_equal(stop(p, NULL), OA_OK);
  assert_int_equal(rows_in_files(&p->yard, OA_LOGS), 3);
  free_plant(p);
}

static void assert_unavailable(const answer *a, const char *text) {
  assert_int_equal(a->grpc_status, OA_GRPC_UNAVAILABLE);
  assert_non_null(strstr(a->message, text));
  assert_true(a->details[0] != '\0'); /* RetryInfo */
}

static void a_full_buffer_makes_senders_come_back(void **state) {
  (void)state;
  for (int by_memory = 0; by_memory < 2; by_memory++) {
    plant *p = new_plant();
    if (by_memory == 1) {
      p->options.memory_limit = 1;
    } else {
      p->options.max_rows[OA_TRACES] = 4;
    }
    start(p);
    set_disk(DISK_STANDS_STILL);
    send_rows(p, OA_TRACES, 4);
    assert_unavailable(send_bad(p, OA_TRACES, 1, 0), "the buffer is full");
    assert_unavailable(send_bad(p, OA_TRACES, 1, 0), "the buffer is full");
    if (by_memory == 0) {
      send_rows(p, OA_LOGS, 1); /* each signal has its own bound */
    }
    assert_int_equal(totals_of(p, OA_TRACES).refused[OA_REFUSED_BUFFER_FULL],
                     2);
    assert_true(oa_pipeline_ready(p->pipeline, NULL, 0));
    set_disk(DISK_WORKS);
    await_stored(p, OA_TRACES, 4);
    const uint64_t end = now_ms() + PATIENCE;
    while (send_bad(p, OA_TRACES, 3, 0)->grpc_status != OA_GRPC_OK) {
      assert_true(now_ms() < end);
      pause_ms(5);
    }
    assert_int_equal(stop(p, NULL), OA_OK);
    assert_int_equal(rows_in_files(&p->yard, OA_TRACES), 7);
    free_plant(p);
  }
}

static void a_full_disk_is_told_to_senders_and_loses_nothing(void **state) {
  (void)state;
  char why[256];
  plant *p = new_plant();
  p->options.batch_rows = 2;
  start(p);
  set_disk(DISK_FULL);
  send_rows(p, OA_METRICS, 2);
  const uint64_t end = now_ms() + PATIENCE;
  while (oa_pipeline_ready(p->pipeline, why, sizeof why)) {
    assert_true(now_ms() < end);
    pause_ms(2);
  }
  assert_non_null(strstr(why, "No space left"));
  assert_unavailable(send_bad(p, OA_METRICS, 1, 0), "cannot write: ");
  assert_unavailable(send_bad(p, OA_TRACES, 1, 0), "No space left");
  assert_int_equal(totals_of(p, OA_METRICS).refused[OA_REFUSED_DISK], 1);
  assert_int_equal(stats_of(p).rows_buffered[OA_METRICS], 2);
  const answer *a = send_message(p, "/grpc.health.v1.Health/Check", NULL, 0);
  assert_int_equal(a->body[6], 2); /* NOT_SERVING */
  set_disk(DISK_WORKS);
  while (!oa_pipeline_ready(p->pipeline, NULL, 0)) {
    assert_true(now_ms() < end);
    pause_ms(2);
  }
  a = send_message(p, "/grpc.health.v1.Health/Check", NULL, 0);
  assert_int_equal(a->grpc_status, OA_GRPC_OK);
  assert_int_equal(a->body[6], 1); /* SERVING */
  send_rows(p, OA_METRICS, 1);
  assert_int_equal(stop(p, NULL), OA_OK);
  assert_int_equal(rows_in_files(&p->yard, OA_METRICS), 3);
  free_plant(p);
}

static void what_cannot_be_written_at_the_end_is_said(void **state) {
  (void)state;
  oa_error error = {0};
  plant *p = new_plant();
  start(p);
  send_rows(p, OA_TRACES, 5);
  set_disk(DISK_FULL);
  assert_int_equal(stop(p, &error), OA_ERR_IO);
  assert_non_null(strstr(error.text, "5 items"));
  free_plant(p);
}

static void a_flush_writes_all_there_is(void **state) {
  (void)state;
  plant *p = new_plant();
  start(p);
  for (int i = 1; i <= 3; i++) {
    send_rows(p, OA_LOGS, i);
    assert_int_equal(oa_pipeline_flush(p->pipeline, PATIENCE), OA_OK);
    assert_int_equal(stats_of(p).rows_buffered[OA_LOGS], 0);
  }
  assert_int_equal(totals_of(p, OA_LOGS).items_stored, 6);
  set_disk(DISK_STANDS_STILL);
  send_rows(p, OA_LOGS, 1);
  assert_int_equal(oa_pipeline_flush(p->pipeline, 100), OA_ERR_BUSY);
  set_disk(DISK_WORKS);
  assert_int_equal(oa_pipeline_flush(p->pipeline, PATIENCE), OA_OK);
  assert_int_equal(stop(p, NULL), OA_OK);
  assert_int_equal(rows_in_files(&p->yard, OA_LOGS), 7);
  free_plant(p);
}

static void rejected_records_are_told(void **state) {
  (void)state;
  static const char text[] =
      "resource_logs[0].scope_logs[0].log_records[0]: trace_id and span_id "
      "have 1 and 0 bytes, not 16 and 8";
  plant *p = new_plant();
  start(p);
  const answer *a = send_bad(p, OA_LOGS, 5, 2);
  assert_int_equal(a->grpc_status, OA_GRPC_OK);
  /* partial_success {rejected 2, error_message} */
  const uint8_t head[] = {0x0A, (uint8_t)(sizeof text - 1 + 4), 0x08, 2,
                          0x12, (uint8_t)(sizeof text - 1)};
  assert_int_equal(a->body_len, 5 + sizeof head + sizeof text - 1);
  assert_memory_equal(a->body + 5, head, sizeof head);
  assert_memory_equal(a->body + 5 + sizeof head, text, sizeof text - 1);
  assert_int_equal(totals_of(p, OA_LOGS).items_accepted, 3);
  assert_int_equal(totals_of(p, OA_LOGS).items_rejected, 2);
  assert_int_equal(stop(p, NULL), OA_OK);
  assert_int_equal(rows_in_files(&p->yard, OA_LOGS), 3);
  free_plant(p);
}

/* It has no data points that could be counted. */
static void a_metric_without_points_that_is_left_out_is_told(void **state) {
  (void)state;
  plant *p = new_plant();
  oa_emit e = {0};
  start(p);
  const oa_emit_nest resource = oa_emit_open(&e, 1, 3);
  const oa_emit_nest scope = oa_emit_open(&e, 2, 3);
  const oa_emit_nest metric = oa_emit_open(&e, 2, 3);
  const oa_emit_nest metadata = oa_emit_open(&e, 12, 3);
  oa_emit_nest values[2 * 65 + 1] = {{0}};
  values[0] = oa_emit_open(&e, 2, 3);
  for (size_t i = 1; i < sizeof values / sizeof values[0]; i++) {
    values[i] = oa_emit_open(&e, i % 2 == 1 ? 5 : 1, 3);
  }
  for (size_t i = sizeof values / sizeof values[0]; i > 0; i--) {
    oa_emit_close(&e, values[i - 1]);
  }
  oa_emit_close(&e, metadata);
  oa_emit_close(&e, metric);
  oa_emit_close(&e, scope);
  oa_emit_close(&e, resource);
  const answer *a = send_message(p, paths[OA_METRICS], e.out.data, e.out.len);
  oa_buf_free(&e.out);
  assert_int_equal(a->grpc_status, OA_GRPC_OK);
  assert_true(a->body_len > 9);
  assert_int_equal(a->body[7], 0x12); /* error_message, and nothing else */
  assert_memory_equal(a->body + 9, "resource_metrics[0]", 19);
  assert_int_equal(stop(p, NULL), OA_OK);
  assert_int_equal(rows_in_files(&p->yard, OA_METRICS), 0);
  free_plant(p);
}

static void what_is_no_request_is_refused_for_good(void **state) {
  (void)state;
  plant *p = new_plant();
  start(p);
  send_rows(p, OA_TRACES, 2);
  const answer *a =
      send_message(p, paths[OA_TRACES], (const uint8_t *)"\x0A\x05", 2);
  assert_int_equal(a->grpc_status, OA_GRPC_INVALID_ARGUMENT);
  assert_non_null(strstr(a->message, "traces: resource_spans[0] at byte 0"));
  assert_string_equal(a->details, "");
  assert_int_equal(totals_of(p, OA_TRACES).refused[OA_REFUSED_MALFORMED], 1);
  a = send_message(p, "/grpc.health.v1.Health/Check",
                   (const uint8_t *)"\x0A\x01x", 3);
  assert_int_equal(a->grpc_status, OA_GRPC_NOT_FOUND);
  assert_int_equal(stop(p, NULL), OA_OK);
  assert_int_equal(rows_in_files(&p->yard, OA_TRACES), 2);
  free_plant(p);
}

static void two_pipelines_live_in_one_process(void **state) {
  (void)state;
  plant *a = new_plant();
  plant *b = new_plant();
  a->options.batch_rows = 3;
  start(a);
  start(b);
  for (int i = 0; i < 50; i++) {
    send_rows(a, OA_TRACES, 2);
    send_rows(b, OA_TRACES, 3);
  }
  assert_int_equal(stop(a, NULL), OA_OK);
  send_rows(b, OA_TRACES, 1);
  assert_int_equal(stop(b, NULL), OA_OK);
  assert_int_equal(rows_in_files(&a->yard, OA_TRACES), 100);
  assert_int_equal(rows_in_files(&b->yard, OA_TRACES), 151);
  free_plant(a);
  free_plant(b);
}

static void a_pipeline_needs_memory(void **state) {
  (void)state;
  plant *p = new_plant();
  int64_t n = 0;
  for (;; n++) {
    oa_pipeline *pipeline = NULL;
    oa_error error = {0};
    oa_mem_fail_after(n);
    const oa_status status = oa_pipeline_new(&pipeline, &p->options, &error);
    oa_mem_fail_after(-1);
    if (status == OA_OK) {
      assert_int_equal(oa_pipeline_stop(pipeline, NULL), OA_OK);
      break;
    }
    assert_int_equal(status, OA_ERR_NOMEM);
    assert_null(pipeline);
  }
  assert_true(n >= 3);
  free_plant(p);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_batch_is_written_when_it_is_full),
      cmocka_unit_test(a_batch_is_written_when_it_is_old),
      cmocka_unit_test(a_full_buffer_makes_senders_come_back),
      cmocka_unit_test(a_full_disk_is_told_to_senders_and_loses_nothing),
      cmocka_unit_test(what_cannot_be_written_at_the_end_is_said),
      cmocka_unit_test(a_flush_writes_all_there_is),
      cmocka_unit_test(rejected_records_are_told),
      cmocka_unit_test(a_metric_without_points_that_is_left_out_is_told),
      cmocka_unit_test(what_is_no_request_is_refused_for_good),
      cmocka_unit_test(two_pipelines_live_in_one_process),
      cmocka_unit_test(a_pipeline_needs_memory),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
