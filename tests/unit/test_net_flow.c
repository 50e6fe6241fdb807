/* SPDX-License-Identifier: Apache-2.0 */
/* Many calls at once: budget, order, pauses, and calls that end early. */
#include "net_trial.h"

enum { LONG = 300000, WINDOW = 65536 };

/* A call for a message of LEN bytes that stands still after STOP bytes. */
static int32_t ask_until(client *c, const uint8_t *frame, size_t len,
                         size_t stop) {
  ask what = ask_for(frame, len + 5);
  what.body.stop = stop;
  return client_ask(c, &what);
}

static void go_on(client *c, int32_t stream) {
  c->sources[(stream - 1) / 2].stop = SIZE_MAX;
  assert_int_equal(nghttp2_session_resume_data(c->session, stream), 0);
}

static void a_long_message_waits_for_budget(void **state) {
  (void)state;
  fixture f;
  fixture_init(&f);
  f.options.body_budget = 400000;
  fixture_start(&f);
  client *c = client_greet(&f);
  uint8_t *frame = make_frame(LONG, false);
  const int32_t first = ask_until(c, frame, LONG, 100000);
  const int32_t second = ask_until(c, frame, LONG, SIZE_MAX);
  client_run(c, 150);
  CLIENT_UNTIL(c, c->sources[0].at == 100000);
  CLIENT_UNTIL(c, c->sources[1].at == WINDOW);
  CLIENT_UNTIL(c, held_now(&f) == LONG + WINDOW - 5);
  go_on(c, first);
  assert_int_equal(client_await(c, first)->grpc_status, 0);
  assert_int_equal(client_await(c, second)->grpc_status, 0);
  assert_true(got_frame(&f, LONG));
  assert_int_equal(held_now(&f), 0);
  oa_free(frame);
  client_close(c);
  fixture_end(&f);
}

static void many_long_messages_stay_within_the_budget(void **state) {
  (void)state;
  enum { CALLS = 64, BUDGET = 1000000, SMALL_WINDOW = 16384 };
  fixture f;
  fixture_init(&f);
  f.options.body_budget = BUDGET;
  f.options.stream_window = SMALL_WINDOW;
  fixture_start(&f);
  client *a = client_greet(&f);
  client *b = client_greet(&f);
  uint8_t *frame = make_frame(LONG, false);
  for (int i = 0; i < CALLS; i++) {
    ask_until(i % 2 == 0 ? a : b, frame, LONG, SIZE_MAX);
  }
  for (int i = 0; i < CALLS; i++) {
    /* Both must go on: what one waits for may be held by the other. */
    client *c = i % 2 == 0 ? a : b;
    const answer *reply = answer_of(c, i / 2 * 2 + 1);
    const uint64_t end = now_ms() + PATIENCE;
    while (!reply->closed && now_ms() < end) {
      client_turn(a, 1);
      client_turn(b, 1);
    }
    assert_int_equal(reply->grpc_status, 0);
  }
  uv_mutex_lock(&f.lock);
  assert_int_equal(f.requests, CALLS);
  assert_true(f.most_held >= LONG);
  assert_true(f.most_held <= BUDGET + CALLS * SMALL_WINDOW);
  uv_mutex_unlock(&f.lock);
  oa_free(frame);
  client_close(a);
  client_close(b);
  fixture_end(&f);
}

static void a_message_beyond_the_budget_passes_alone(void **state) {
  (void)state;
  enum { HUGE_LEN = 10000000 };
  fixture f;
  fixture_init(&f);
  f.options.body_budget = 100000;
  fixture_start(&f);
  client *c = client_open(&f);
  uint8_t *frame = make_frame(HUGE_LEN, false);
  const int32_t first = ask_until(c, frame, HUGE_LEN, SIZE_MAX);
  const int32_t second = ask_until(c, frame, HUGE_LEN, SIZE_MAX);
  assert_int_equal(client_await(c, first)->grpc_status, 0);
  assert_int_equal(client_await(c, second)->grpc_status, 0);
  assert_true(got_frame(&f, HUGE_LEN));
  oa_free(frame);
  client_close(c);
  fixture_end(&f);
}

static void a_crawling_message_does_not_keep_others_out(void **state) {
  (void)state;
  fixture f;
  fixture_init(&f);
  f.options.body_budget = 100000;
  fixture_start(&f);
  client *c = client_open(&f);
  uint8_t *frame = make_frame(LONG, false);
  const int32_t crawling = ask_until(c, frame, LONG, 70000);
  const int32_t second = ask_until(c, frame, LONG, SIZE_MAX);
  assert_int_equal(client_await(c, second)->grpc_status, 0);
  assert_false(answer_of(c, crawling)->closed);
  go_on(c, crawling);
  assert_int_equal(client_await(c, crawling)->grpc_status, 0);
  assert_int_equal(held_now(&f), 0);
  oa_free(frame);
  client_close(c);
  fixture_end(&f);
}

static void beyond_the_body_limit_calls_are_told_to_come_again(void **state) {
  (void)state;
  fixture f;
  fixture_init(&f);
  f.options.body_limit = 50000;
  fixture_start(&f);
  client *c = client_open(&f);
  uint8_t *frame = make_frame(60000, false);
  const int32_t first = ask_until(c, frame, 60000, 1000);
  client_settle(c);
  ask what = ask_for(frame, 60005);
  const answer *a = client_call(c, &what);
  assert_int_equal(a->grpc_status, OA_GRPC_UNAVAILABLE);
  assert_true(strlen(a->details) > 0);
  go_on(c, first);
  assert_int_equal(client_await(c, first)->grpc_status, 0);
  assert_int_equal(client_call(c, &what)->grpc_status, 0);
  oa_free(frame);
  client_close(c);
  fixture_end(&f);
}

static void a_pause_keeps_messages_and_their_order(void **state) {
  (void)state;
  enum { CALLS = 6 };
  fixture f;
  fixture_init(&f);
  f.options.body_timeout_ms = 600;
  fixture_start(&f);
  client *c = client_greet(&f);
  carry_out(&f, PAUSE);
  uint8_t *frames[CALLS];
  for (size_t i = 0; i < CALLS; i++) {
    frames[i] = make_frame(100 + i, false);
    ask_until(c, frames[i], 100 + i, SIZE_MAX);
  }
  uint8_t *frame = make_frame(LONG, false);
  const int32_t waiting = ask_until(c, frame, LONG, SIZE_MAX);
  /* Longer than the body time-out: waiting is not the client's fault. */
  client_run(c, 900);
  assert_int_equal(read_count(&f, &f.requests), 0);
  assert_int_equal(c->sources[CALLS].at, WINDOW);
  carry_out(&f, RESUME);
  for (int i = 0; i < CALLS; i++) {
    assert_int_equal(client_await(c, 2 * i + 1)->grpc_status, 0);
    assert_int_equal(f.order[i], 100 + i);
    oa_free(frames[i]);
  }
  assert_int_equal(client_await(c, waiting)->grpc_status, 0);
  oa_free(frame);
  client_close(c);
  fixture_end(&f);
}

static void a_late_reply_reaches_the_client(void **state) {
  (void)state;
  fixture f;
  fixture_init(&f);
  f.keep = true;
  fixture_start(&f);
  client *c = client_open(&f);
  uint8_t *frame = make_frame(LONG, false);
  const int32_t stream = ask_until(c, frame, LONG, SIZE_MAX);
  client_await_count(c, &f.requests, 1);
  assert_int_equal(held_now(&f), LONG);
  carry_out(&f, DONE_KEPT);
  assert_int_equal(held_now(&f), 0);
  assert_false(answer_of(c, stream)->closed);
  carry_out(&f, REPLY_KEPT);
  assert_int_equal(client_await(c, stream)->grpc_status, 0);
  oa_free(frame);
  client_close(c);
  fixture_end(&f);
}

static void await_connections(const fixture *f, uint64_t wanted) {
  const uint64_t end = now_ms() + PATIENCE;
  oa_server_stats stats;
  do {
    pause_ms(1);
    oa_server_get_stats(f->server, &stats);
  } while (stats.connections_now != wanted && now_ms() < end);
  assert_int_equal(stats.connections_now, wanted);
}

static void a_reply_after_the_client_has_gone_is_harmless(void **state) {
  (void)state;
  fixture f;
  fixture_init(&f);
  f.keep = true;
  fixture_start(&f);
  client *c = client_open(&f);
  uint8_t *frame = make_frame(1000, false);
  const int32_t reset = ask_until(c, frame, 1000, SIZE_MAX);
  ask_until(c, frame, 1000, SIZE_MAX);
  client_await_count(c, &f.requests, 2);
  nghttp2_submit_rst_stream(c->session, NGHTTP2_FLAG_NONE, reset,
                            NGHTTP2_CANCEL);
  client_settle(c);
  client_close(c);
  await_connections(&f, 0);
  assert_int_equal(held_now(&f), 2000);
  carry_out(&f, REPLY_KEPT);
  assert_int_equal(held_now(&f), 0);
  oa_free(frame);
  fixture_end(&f);
}

static void canceled_calls_return_their_budget(void **state) {
  (void)state;
  fixture f;
  fixture_init(&f);
  f.options.body_budget = 100000;
  fixture_start(&f);
  client *c = client_open(&f);
  uint8_t *frame = make_frame(LONG, false);
  const int32_t granted = ask_until(c, frame, LONG, 100000);
  const int32_t waiting = ask_until(c, frame, LONG, SIZE_MAX);
  const int32_t last = ask_until(c, frame, LONG, SIZE_MAX);
  client_settle(c);
  nghttp2_submit_rst_stream(c->session, NGHTTP2_FLAG_NONE, waiting,
                            NGHTTP2_CANCEL);
  nghttp2_submit_rst_stream(c->session, NGHTTP2_FLAG_NONE, granted,
                            NGHTTP2_CANCEL);
  assert_int_equal(client_await(c, last)->grpc_status, 0);
  await_held(&f, 0);
  assert_int_equal(f.requests, 1);
  assert_int_equal(f.refusals, 2);
  assert_int_equal(f.refused_code, OA_GRPC_CANCELLED);
  oa_free(frame);
  client_close(c);
  fixture_end(&f);
}

static void a_lost_connection_returns_its_budget(void **state) {
  (void)state;
  fixture f;
  fixture_init(&f);
  f.options.body_budget = 100000;
  fixture_start(&f);
  client *gone = client_open(&f);
  client *c = client_open(&f);
  uint8_t *frame = make_frame(LONG, false);
  ask_until(gone, frame, LONG, 100000);
  ask_until(gone, frame, LONG, SIZE_MAX);
  client_settle(gone);
  const int32_t last = ask_until(c, frame, LONG, SIZE_MAX);
  client_settle(c);
  client_close(gone);
  assert_int_equal(client_await(c, last)->grpc_status, 0);
  await_held(&f, 0);
  assert_int_equal(f.requests, 1);
  oa_free(frame);
  client_close(c);
  fixture_end(&f);
}

static void a_body_that_trickles_is_ended(void **state) {
  (void)state;
  static const size_t lengths[] = {100, LONG};
  fixture f;
  fixture_init(&f);
  f.options.body_timeout_ms = 200;
  fixture_start(&f);
  client *c = client_open(&f);
  for (size_t i = 0; i < 2; i++) {
    for (size_t stop = 3; stop < 30; stop += 20) {
      uint8_t *frame = make_frame(lengths[i], false);
      const int32_t stream = ask_until(c, frame, lengths[i], stop);
      const answer *a = client_await(c, stream);
      assert_int_equal(a->grpc_status, OA_GRPC_DEADLINE_EXCEEDED);
      assert_int_equal(f.refused_code, OA_GRPC_DEADLINE_EXCEEDED);
      oa_free(frame);
    }
  }
  await_held(&f, 0);
  client_close(c);
  fixture_end(&f);
}

/* Serving while the Nth allocation fails: an error or a lost connection is
 * allowed, and nothing may be damaged or leak. */
static void failing_memory_costs_calls_but_not_the_server(void **state) {
  (void)state;
  enum { MOST = 400 };
  fixture f;
  fixture_init(&f);
  fixture_start(&f);
  uint8_t *frame = make_frame(5000, false);
  bool served = false;
  for (int n = 0; n < MOST && !served; n++) {
    client *c = client_open(&f);
    oa_mem_fail_after(n);
    const int32_t stream = ask_until(c, frame, 5000, SIZE_MAX);
    const uint64_t end = now_ms() + 2000;
    while (!c->eof && !answer_of(c, stream)->closed && now_ms() < end) {
      client_turn(c, 2);
    }
    oa_mem_fail_after(-1);
    served = answer_of(c, stream)->grpc_status == 0;
    client_close(c);
    await_connections(&f, 0);
  }
  assert_true(served);
  await_held(&f, 0);
  oa_free(frame);
  fixture_end(&f);
}

static uint32_t initial_window(const client *c) {
  return nghttp2_session_get_remote_settings(
      c->session, NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE);
}

static void a_lone_client_may_send_more_unasked_until_it_is_not(void **state) {
  (void)state;
  enum { CALLS = 12, TOGETHER = 6, WIDE = 1 << 20 };
  fixture f;
  fixture_init(&f);
  fixture_start(&f);
  client *c = client_greet(&f);
  assert_int_equal(initial_window(c), WINDOW);
  uint8_t *frame = make_frame(LONG, false);
  for (int i = 0; i < CALLS; i++) {
    const int32_t one = ask_until(c, frame, LONG, SIZE_MAX);
    assert_int_equal(client_await(c, one)->grpc_status, 0);
  }
  assert_int_equal(initial_window(c), WIDE);
  int32_t streams[TOGETHER];
  for (int i = 0; i < TOGETHER; i++) {
    streams[i] = ask_until(c, frame, LONG, SIZE_MAX);
  }
  for (int i = 0; i < TOGETHER; i++) {
    assert_int_equal(client_await(c, streams[i])->grpc_status, 0);
  }
  assert_int_equal(initial_window(c), WINDOW);
  assert_int_equal(f.requests, CALLS + TOGETHER);
  assert_true(got_frame(&f, LONG));
  assert_int_equal(held_now(&f), 0);
  oa_free(frame);
  client_close(c);
  fixture_end(&f);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_long_message_waits_for_budget),
      cmocka_unit_test(many_long_messages_stay_within_the_budget),
      cmocka_unit_test(a_message_beyond_the_budget_passes_alone),
      cmocka_unit_test(a_crawling_message_does_not_keep_others_out),
      cmocka_unit_test(beyond_the_body_limit_calls_are_told_to_come_again),
      cmocka_unit_test(a_pause_keeps_messages_and_their_order),
      cmocka_unit_test(a_late_reply_reaches_the_client),
      cmocka_unit_test(a_reply_after_the_client_has_gone_is_harmless),
      cmocka_unit_test(canceled_calls_return_their_budget),
      cmocka_unit_test(a_lost_connection_returns_its_budget),
      cmocka_unit_test(a_body_that_trickles_is_ended),
      cmocka_unit_test(failing_memory_costs_calls_but_not_the_server),
      cmocka_unit_test(a_lone_client_may_send_more_unasked_until_it_is_not),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
