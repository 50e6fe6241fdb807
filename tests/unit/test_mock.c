/* SPDX-License-Identifier: Apache-2.0 */
/* The service for other people's tests: what is sent to it can be seen as soon
 * as it is answered, decoded. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sys/wait.h>

#include "mock_trial.h"

/* --- a life --- */

static void two_mocks_have_ports_of_their_own(void **state) {
  (void)state;
  oa_mock *mocks[] = {start(), start()};
  uint16_t ports[4];
  for (size_t i = 0; i < 2; i++) {
    ports[2 * i] = oa_mock_port(mocks[i], OA_LISTENER_PROTOBUF);
    ports[2 * i + 1] = oa_mock_port(mocks[i], OA_LISTENER_ARROW_FLIGHT);
    assert_int_equal(oa_mock_port(mocks[i], OA_LISTENER_DASHBOARD), 0);
    assert_int_equal(oa_mock_port(mocks[i], (oa_listener)9), 0);
  }
  for (size_t i = 0; i < 4; i++) {
    assert_int_not_equal(ports[i], 0);
    for (size_t k = 0; k < i; k++) {
      assert_int_not_equal(ports[i], ports[k]);
    }
  }
  assert_int_equal(post_logs(ports[1], three_logs), 200);
  assert_int_equal(post_logs(ports[2], one_log), 200);
  assert_int_equal(oa_mock_count(mocks[0], OA_LOGS), 3);
  assert_int_equal(oa_mock_count(mocks[1], OA_LOGS), 1);
  stop(mocks[0]);
  assert_int_equal(post_logs(ports[0], one_log), 0); /* nobody listens */
  assert_int_equal(post_logs(ports[3], one_log), 200);
  assert_int_equal(oa_mock_count(mocks[1], OA_LOGS), 2);
  stop(mocks[1]);
}

static void neither_environment_nor_directory_matter(void **state) {
  (void)state;
  char before[1024];
  char directory[] = "/tmp/oa_mock_XXXXXX";
  assert_non_null(getcwd(before, sizeof before));
  assert_non_null(mkdtemp(directory));
  assert_int_equal(chdir(directory), 0);
  assert_int_equal(setenv("OTLP_ACK", "never", 1), 0);
  assert_int_equal(setenv("OTLP_PROTOBUF_ENABLED", "false", 1), 0);
  oa_mock *mock = start();
  assert_int_equal(post_logs(first_port(mock), one_log), 200);
  stop(mock);
  assert_int_equal(unsetenv("OTLP_ACK"), 0);
  assert_int_equal(unsetenv("OTLP_PROTOBUF_ENABLED"), 0);
  assert_int_equal(chdir(before), 0);
  assert_int_equal(rmdir(directory), 0); /* it is empty */
}

static void a_sender_that_is_not_done_keeps_nobody_from_stopping(void **state) {
  (void)state;
  oa_mock *mock = start();
  const int idle = connect_to(first_port(mock));
  const int busy = connect_to(first_port(mock));
  static const char half[] =
      "POST /v1/logs HTTP/1.1\r\nhost: x\r\ncontent-length: 99\r\n\r\n{";
  assert_true(idle >= 0 && busy >= 0);
  assert_true(send_all(busy, half, sizeof half - 1));
  const uint64_t begin = oa_clock_monotonic_ns();
  stop(mock);
  /* Its own time-outs are 10 s and more. */
  assert_true(oa_clock_monotonic_ns() - begin < UINT64_C(9000) * NS_PER_MS);
  close(idle);
  close(busy);
}

static void missing_and_wrong_parameters_are_refused(void **state) {
  (void)state;
  oa_mock *mock = start();
  struct ArrowArrayStream stream;
  const oa_signal none = (oa_signal)3;
  assert_int_equal(oa_mock_start(NULL, NULL), OA_ERR_CONFIG);
  assert_int_equal(oa_mock_stop(NULL, NULL), OA_OK);
  assert_int_equal(oa_mock_port(NULL, OA_LISTENER_PROTOBUF), 0);
  assert_null(oa_mock_service(NULL));
  assert_int_equal(oa_mock_grpc_calls_count(NULL), 0);
  assert_int_equal(oa_mock_api_calls_count(NULL), 0);
  assert_int_equal(oa_mock_count(NULL, OA_LOGS), 0);
  assert_int_equal(oa_mock_count(mock, none), 0);
  assert_int_equal(oa_mock_assert_received(NULL, OA_LOGS, 0, 0, NULL),
                   OA_ERR_CONFIG);
  assert_int_equal(oa_mock_assert_received(mock, none, 0, 0, NULL),
                   OA_ERR_CONFIG);
  assert_int_equal(oa_mock_open(NULL, &stream, OA_LOGS, NULL), OA_ERR_CONFIG);
  assert_int_equal(oa_mock_open(mock, NULL, OA_LOGS, NULL), OA_ERR_CONFIG);
  assert_int_equal(oa_mock_open(mock, &stream, none, NULL), OA_ERR_CONFIG);
  assert_int_equal(oa_mock_json(NULL, OA_LOGS, collect, NULL, NULL),
                   OA_ERR_CONFIG);
  assert_int_equal(oa_mock_json(mock, OA_LOGS, NULL, NULL, NULL),
                   OA_ERR_CONFIG);
  assert_int_equal(oa_mock_json(mock, none, collect, NULL, NULL),
                   OA_ERR_CONFIG);
  assert_int_equal(oa_mock_reset(NULL, NULL), OA_ERR_CONFIG);
  stop(mock);
}

/* 0, or the number of the question that the child answered in another way. */
static int ask_in_child(oa_mock *mock) {
  struct ArrowArrayStream stream;
  const oa_status closed = OA_ERR_CLOSED;
  return oa_mock_assert_received(mock, OA_LOGS, 1, 0, NULL) != closed ? 1
         : oa_mock_open(mock, &stream, OA_LOGS, NULL) != closed       ? 2
         : oa_mock_json(mock, OA_LOGS, collect, NULL, NULL) != closed ? 3
         : oa_mock_reset(mock, NULL) != closed                        ? 4
         : export_logs(mock, one_log) != closed                       ? 5
         : oa_mock_count(mock, OA_LOGS) != 0                          ? 6
         : oa_mock_grpc_calls_count(mock) != 0                        ? 7
         : oa_mock_api_calls_count(mock) != 0                         ? 8
         : oa_mock_stop(mock, NULL) != OA_OK                          ? 9
                                                                      : 0;
}

static void a_forked_process_has_no_part_in_it(void **state) {
  (void)state;
  oa_mock *mock = start();
  int code = 0;
  assert_int_equal(export_logs(mock, one_log), OA_OK);
  const pid_t child = fork();
  assert_true(child >= 0);
  if (child == 0) {
    _exit(ask_in_child(mock));
  }
  assert_int_equal(waitpid(child, &code, 0), child);
  assert_true(WIFEXITED(code));
  assert_int_equal(WEXITSTATUS(code), 0);
  assert_int_equal(post_logs(first_port(mock), one_log), 200);
  assert_int_equal(oa_mock_count(mock, OA_LOGS), 2);
  stop(mock);
}

/* --- counting --- */

static void calls_and_items_are_there_with_the_answer(void **state) {
  (void)state;
  oa_mock *mock = start();
  const uint16_t ports[] = {first_port(mock),
                            oa_mock_port(mock, OA_LISTENER_ARROW_FLIGHT)};
  for (unsigned i = 0; i < 10; i++) {
    assert_int_equal(post_logs(ports[i % 2], three_logs), 200);
    assert_int_equal(oa_mock_count(mock, OA_LOGS), 4 * i + 3);
    assert_int_equal(oa_mock_grpc_calls_count(mock), i + 1);
    assert_int_equal(export_logs(mock, one_log), OA_OK);
    assert_int_equal(oa_mock_count(mock, OA_LOGS), 4 * i + 4);
    assert_int_equal(oa_mock_api_calls_count(mock), i + 1);
  }
  assert_int_equal(oa_mock_count(mock, OA_TRACES), 0);
  assert_int_equal(oa_mock_count(mock, OA_METRICS), 0);
  /* What is refused was a call as well. */
  assert_int_equal(
      post(ports[0], "/v1/traces", "application/x-protobuf", "x", 1), 400);
  assert_int_equal(oa_service_export(oa_mock_service(mock), OA_TRACES,
                                     OA_FORM_PROTOBUF, "x", 1, NULL, NULL),
                   OA_ERR_TRUNCATED);
  assert_int_equal(oa_mock_grpc_calls_count(mock), 11);
  assert_int_equal(oa_mock_api_calls_count(mock), 11);
  assert_int_equal(oa_mock_count(mock, OA_TRACES), 0);
  stop(mock);
}

static void what_is_expected_is_compared_with_what_is_there(void **state) {
  (void)state;
  oa_mock *mock = start();
  oa_error error = {0};
  assert_int_equal(oa_mock_assert_received(mock, OA_LOGS, 0, 0, &error), OA_OK);
  assert_int_equal(oa_mock_assert_received(mock, OA_TRACES, 1, 20, &error),
                   OA_ERR_BUSY);
  assert_string_equal(error.text, "expected 1 spans, received 0 within 20 ms");
  assert_int_equal(export_logs(mock, three_logs), OA_OK);
  assert_int_equal(oa_mock_assert_received(mock, OA_LOGS, 3, 0, &error), OA_OK);
  assert_int_equal(oa_mock_assert_received(mock, OA_LOGS, 4, 0, &error),
                   OA_ERR_BUSY);
  assert_string_equal(error.text,
                      "expected 4 log records, received 3 within 0 ms");
  assert_int_equal(
      oa_mock_assert_received(mock, OA_LOGS, 2, PATIENCE_MS, &error),
      OA_ERR_LIMIT);
  assert_int_equal(error.code, OA_ERR_LIMIT);
  assert_string_equal(error.text, "expected 2 log records, received 3");
  assert_int_equal(oa_mock_assert_received(mock, OA_METRICS, 1, 0, NULL),
                   OA_ERR_BUSY);
  stop(mock);
}

static void waiting_ends_when_the_last_item_comes(void **state) {
  (void)state;
  oa_mock *mock = start();
  sender s = {.mock = mock, .requests = 5, .pause_ms = 20};
  const uint64_t from = oa_clock_monotonic_ns();
  begin(&s);
  assert_int_equal(oa_mock_assert_received(mock, OA_LOGS, 5, PATIENCE_MS, NULL),
                   OA_OK);
  assert_true(oa_clock_monotonic_ns() - from <
              (uint64_t)PATIENCE_MS / 2 * NS_PER_MS);
  finish(&s);
  stop(mock);
}

static void a_reset_forgets_all_and_the_ports_stay(void **state) {
  (void)state;
  oa_mock *mock = start();
  const uint16_t port = first_port(mock);
  for (unsigned i = 0; i < 3; i++) {
    assert_int_equal(oa_mock_grpc_calls_count(mock), 0);
    assert_int_equal(oa_mock_api_calls_count(mock), 0);
    assert_int_equal(oa_mock_count(mock, OA_LOGS), 0);
    expect_json(mock, OA_LOGS, "");
    assert_int_equal(post_logs(port, three_logs), 200);
    assert_int_equal(export_logs(mock, one_log), OA_OK);
    assert_int_equal(oa_mock_grpc_calls_count(mock), 1);
    assert_int_equal(oa_mock_api_calls_count(mock), 1);
    assert_int_equal(oa_mock_assert_received(mock, OA_LOGS, 4, 0, NULL), OA_OK);
    assert_int_equal(oa_mock_reset(mock, NULL), OA_OK);
    assert_int_equal(first_port(mock), port);
  }
  stop(mock);
}

/* --- content --- */

static void json_is_what_was_sent(void **state) {
  (void)state;
  oa_mock *mock = start();
  assert_int_equal(post_logs(first_port(mock), three_logs), 200);
  assert_int_equal(export_logs(mock, one_log), OA_OK);
  char want[512];
  snprintf(want, sizeof want, "%s\n%s\n", three_logs, one_log);
  expect_json(mock, OA_LOGS, want);
  expect_json(mock, OA_TRACES, "");
  stop(mock);
}

/* A recorded request with everything in it, after it was decoded and encoded,
 * as a line. */
static oa_status put_line(void *context, const uint8_t *message, size_t len) {
  oa_buf *text = context;
  OA_TRY(oa_otlp_json_write(OA_TRACES, message, len, text, NULL));
  return oa_buf_put_byte(text, '\n');
}

static oa_status put_metrics_line(void *context, const uint8_t *message,
                                  size_t len) {
  oa_buf *text = context;
  OA_TRY(oa_otlp_json_write(OA_METRICS, message, len, text, NULL));
  return oa_buf_put_byte(text, '\n');
}

static oa_status put_logs_line(void *context, const uint8_t *message,
                               size_t len) {
  oa_buf *text = context;
  OA_TRY(oa_otlp_json_write(OA_LOGS, message, len, text, NULL));
  return oa_buf_put_byte(text, '\n');
}

static char *golden_lines(oa_signal signal, int64_t *rows) {
  static const oa_otlp_sink sinks[] = {put_line, put_metrics_line,
                                       put_logs_line};
  static _Atomic uint64_t ords;
  oa_otlp_builder *builder = golden(signal, 2, &ords);
  const oa_array *columns;
  oa_buf text = {0};
  *rows = oa_otlp_builder_rows(builder);
  assert_int_equal(oa_otlp_builder_columns(builder, &columns), OA_OK);
  assert_int_equal(
      oa_otlp_encode(signal, columns, *rows, sinks[signal], &text, NULL),
      OA_OK);
  assert_int_equal(oa_buf_put_byte(&text, '\0'), OA_OK);
  oa_otlp_builder_free(builder);
  return (char *)text.data;
}

static void everything_comes_back_as_lines_and_as_batches(void **state) {
  (void)state;
  oa_mock *mock = start();
  oa_mock *copy = start();
  for (int i = 0; i < OA_SIGNAL_COUNT; i++) {
    const oa_signal signal = (oa_signal)i;
    int64_t rows;
    char *want = golden_lines(signal, &rows);
    send_golden(mock, signal);
    assert_int_equal(oa_mock_count(mock, signal), rows);
    expect_json(mock, signal, want);
    /* Nothing is lost in the batches either. */
    struct ArrowArrayStream stream = open_stream(mock, signal);
    assert_int_equal(drain(&stream, signal, copy), rows);
    expect_json(copy, signal, want);
    oa_free(want);
  }
  stop(mock);
  stop(copy);
}

static void a_stream_outlives_a_reset_and_the_mock(void **state) {
  (void)state;
  oa_mock *mock = start();
  struct ArrowArray held;
  assert_int_equal(export_logs(mock, three_logs), OA_OK);
  assert_int_equal(export_logs(mock, one_log), OA_OK);
  struct ArrowArrayStream first = open_stream(mock, OA_LOGS);
  struct ArrowArrayStream empty = open_stream(mock, OA_TRACES);
  assert_int_equal(export_logs(mock, one_log), OA_OK);
  assert_int_equal(oa_mock_reset(mock, NULL), OA_OK);
  struct ArrowArrayStream second = open_stream(mock, OA_LOGS);
  assert_int_equal(first.get_next(&first, &held), 0);
  stop(mock);
  assert_int_equal(held.length, 3);
  assert_int_equal(drain(&first, OA_LOGS, NULL), 1);
  assert_int_equal(drain(&second, OA_LOGS, NULL), 0);
  assert_int_equal(drain(&empty, OA_TRACES, NULL), 0);
  held.release(&held);
}

static oa_status refuse(void *context, const char *text, size_t len) {
  (void)text;
  (void)len;
  (*(int *)context)++;
  return OA_ERR_UNSUPPORTED;
}

static void what_a_reader_of_lines_says_is_returned(void **state) {
  (void)state;
  oa_mock *mock = start();
  oa_error error = {0};
  int calls = 0;
  assert_int_equal(oa_mock_json(mock, OA_LOGS, refuse, &calls, &error), OA_OK);
  assert_int_equal(calls, 0);
  assert_int_equal(export_logs(mock, one_log), OA_OK);
  assert_int_equal(export_logs(mock, one_log), OA_OK);
  assert_int_equal(oa_mock_json(mock, OA_LOGS, refuse, &calls, &error),
                   OA_ERR_UNSUPPORTED);
  assert_int_equal(calls, 1);
  assert_string_equal(error.text, oa_status_text(OA_ERR_UNSUPPORTED));
  stop(mock);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(two_mocks_have_ports_of_their_own),
      cmocka_unit_test(neither_environment_nor_directory_matter),
      cmocka_unit_test(a_sender_that_is_not_done_keeps_nobody_from_stopping),
      cmocka_unit_test(missing_and_wrong_parameters_are_refused),
      cmocka_unit_test(a_forked_process_has_no_part_in_it),
      cmocka_unit_test(calls_and_items_are_there_with_the_answer),
      cmocka_unit_test(what_is_expected_is_compared_with_what_is_there),
      cmocka_unit_test(waiting_ends_when_the_last_item_comes),
      cmocka_unit_test(a_reset_forgets_all_and_the_ports_stay),
      cmocka_unit_test(json_is_what_was_sent),
      cmocka_unit_test(everything_comes_back_as_lines_and_as_batches),
      cmocka_unit_test(a_stream_outlives_a_reset_and_the_mock),
      cmocka_unit_test(what_a_reader_of_lines_says_is_returned),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
