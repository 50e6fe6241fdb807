/* SPDX-License-Identifier: Apache-2.0 */
/* A service for other people's tests to which strangers, many senders and a
 * shortage of memory come. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "mock_trial.h"

/* --- strangers --- */

static void hostile_bytes_to_the_ports_change_nothing(void **state) {
  (void)state;
  static const char *const starts[] = {
      "", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "POST /v1/logs HTTP/1.1\r\n",
      "\x16\x03\x01\x02",
      "GET / HTTP/1.1\r\nhost: a\r\ncontent-length: -1\r\n"};
  oa_mock *mock = start();
  uint32_t random = 2463534242U;
  for (size_t i = 0; i < 60; i++) {
    uint8_t bytes[700];
    const char *head = starts[i % (sizeof starts / sizeof starts[0])];
    const int fd =
        connect_to(i % 2 == 0 ? first_port(mock)
                              : oa_mock_port(mock, OA_LISTENER_ARROW_FLIGHT));
    assert_true(fd >= 0);
    for (size_t k = 0; k < sizeof bytes; k++) {
      random ^= random << 13;
      random ^= random >> 17;
      random ^= random << 5;
      bytes[k] = (uint8_t)random;
    }
    (void)send_all(fd, head, strlen(head));
    (void)send_all(fd, bytes, sizeof bytes);
    close(fd);
  }
  assert_int_equal(post_logs(first_port(mock), "[]"), 400);
  assert_int_equal(post_logs(first_port(mock), three_logs), 200);
  for (int i = 0; i < OA_SIGNAL_COUNT; i++) {
    assert_int_equal(oa_mock_count(mock, (oa_signal)i), i == OA_LOGS ? 3 : 0);
  }
  stop(mock);
}

/* --- many at once --- */

enum { SENDERS = 4, REQUESTS = 40, ALL = SENDERS * REQUESTS };

static void nothing_is_lost_of_many_senders(void **state) {
  (void)state;
  oa_mock *mock = start();
  sender senders[SENDERS];
  for (size_t i = 0; i < SENDERS; i++) {
    senders[i] = (sender){.mock = mock, .requests = REQUESTS};
    begin(&senders[i]);
  }
  assert_int_equal(
      oa_mock_assert_received(mock, OA_LOGS, ALL, PATIENCE_MS, NULL), OA_OK);
  for (size_t i = 0; i < SENDERS; i++) {
    finish(&senders[i]);
  }
  assert_int_equal(oa_mock_grpc_calls_count(mock), ALL / 2);
  assert_int_equal(oa_mock_api_calls_count(mock), ALL / 2);
  struct ArrowArrayStream stream = open_stream(mock, OA_LOGS);
  assert_int_equal(drain(&stream, OA_LOGS, NULL), ALL);
  stop(mock);
}

static oa_status count_bytes(void *context, const char *text, size_t len) {
  (void)text;
  *(size_t *)context += len;
  return OA_OK;
}

static void resets_and_looks_while_others_send(void **state) {
  (void)state;
  oa_mock *mock = start();
  sender senders[SENDERS];
  uint64_t most = 0;
  for (size_t i = 0; i < SENDERS; i++) {
    senders[i] = (sender){.mock = mock, .requests = REQUESTS};
    begin(&senders[i]);
  }
  for (int i = 0; i < 60; i++) {
    size_t bytes = 0;
    const uint64_t count = oa_mock_count(mock, OA_LOGS);
    struct ArrowArrayStream stream = open_stream(mock, OA_LOGS);
    assert_true((uint64_t)drain(&stream, OA_LOGS, NULL) >= count);
    assert_int_equal(oa_mock_json(mock, OA_LOGS, count_bytes, &bytes, NULL),
                     OA_OK);
    assert_true(count == 0 || bytes > 0);
    most = count > most ? count : most;
    if (i % 4 == 3) {
      assert_int_equal(oa_mock_reset(mock, NULL), OA_OK);
    }
  }
  for (size_t i = 0; i < SENDERS; i++) {
    finish(&senders[i]);
  }
  assert_true(most <= ALL);
  assert_true(oa_mock_count(mock, OA_LOGS) <= ALL);
  assert_int_equal(oa_mock_reset(mock, NULL), OA_OK);
  assert_int_equal(oa_mock_count(mock, OA_LOGS), 0);
  assert_int_equal(post_logs(first_port(mock), one_log), 200);
  assert_int_equal(oa_mock_count(mock, OA_LOGS), 1);
  stop(mock);
}

/* --- memory --- */

static void starting_fails_whole_without_memory(void **state) {
  (void)state;
  oa_status status = OA_ERR_NOMEM;
  oa_mock *mock = NULL;
  int64_t n = 0;
  for (; status != OA_OK && n < 100000; n++) {
    oa_error error = {0};
    oa_mem_fail_after(n);
    status = oa_mock_start(&mock, &error);
    oa_mem_fail_after(-1);
    assert_true(status == OA_OK || error.text[0] != '\0');
  }
  assert_int_equal(status, OA_OK);
  assert_true(n > 10);
  assert_int_equal(post_logs(first_port(mock), one_log), 200);
  stop(mock);
}

/* Streams of LEN rows from MOCK, an allocation later failing each time.  What
 * fails for want of memory can be asked for again. */
static int64_t open_short_of_memory(oa_mock *mock, int64_t n,
                                    oa_status *status) {
  struct ArrowArrayStream stream;
  struct ArrowArray batch;
  int64_t rows = 0;
  oa_mem_fail_after(n);
  *status = oa_mock_open(mock, &stream, OA_TRACES, NULL);
  if (*status != OA_OK) {
    return 0;
  }
  for (;;) {
    const int code = stream.get_next(&stream, &batch);
    oa_mem_fail_after(-1);
    if (code != 0) {
      *status = OA_ERR_NOMEM;
      assert_non_null(stream.get_last_error(&stream));
      continue;
    }
    if (batch.release == NULL) {
      break;
    }
    rows += batch.length;
    batch.release(&batch);
  }
  stream.release(&stream);
  return rows;
}

static void looking_without_memory_harms_nothing(void **state) {
  (void)state;
  oa_mock *mock = start();
  oa_status status = OA_ERR_NOMEM;
  size_t bytes = 0;
  int64_t n;
  send_golden(mock, OA_TRACES);
  uv_sleep(50); /* its threads have nothing to allocate any more */
  const int64_t rows = (int64_t)oa_mock_count(mock, OA_TRACES);
  int64_t opened = 0;
  for (n = 0; status != OA_OK; n++) {
    opened = open_short_of_memory(mock, n, &status);
    oa_mem_fail_after(-1);
    assert_true(opened == 0 || opened == rows);
  }
  assert_int_equal(opened, rows);
  assert_true(n > 10);

  status = OA_ERR_NOMEM;
  for (n = 0; status != OA_OK; n++) {
    oa_error error = {0};
    bytes = 0;
    oa_mem_fail_after(n);
    status = oa_mock_json(mock, OA_TRACES, count_bytes, &bytes, &error);
    oa_mem_fail_after(-1);
    assert_true(status == OA_OK || status == OA_ERR_NOMEM);
    assert_int_equal(error.code, status);
  }
  assert_true(n > 10 && bytes > 0);
  assert_int_equal(post_logs(first_port(mock), one_log), 200);
  assert_int_equal(oa_mock_count(mock, OA_LOGS), 1);
  stop(mock);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(hostile_bytes_to_the_ports_change_nothing),
      cmocka_unit_test(nothing_is_lost_of_many_senders),
      cmocka_unit_test(resets_and_looks_while_others_send),
      cmocka_unit_test(starting_fails_whole_without_memory),
      cmocka_unit_test(looking_without_memory_harms_nothing),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
