/* SPDX-License-Identifier: Apache-2.0 */
/* More streams than there is memory for what each may send unasked. */
#include "net_trial.h"

#include "net/grpc.h"

enum {
  LONG = 300000,
  SHORT = 20000, /* comes unasked while streams are few */
  WINDOW = 65536,
  NARROW = 4096,
  LIMIT = 64 * WINDOW,
  MANY = 24, /* of which LIMIT has a quarter and more */
};

static uint32_t initial_window(const client *c) {
  return nghttp2_session_get_remote_settings(
      c->session, NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE);
}

static int32_t begin_call(client *c, const uint8_t *frame, size_t len) {
  const ask what = ask_for(frame, len + 5);
  return client_ask(c, &what);
}

static void expect_ok(client *c, const int32_t *streams, size_t count) {
  for (size_t i = 0; i < count; i++) {
    assert_int_equal(client_await(c, streams[i])->grpc_status, 0);
  }
}

static void many_streams_may_send_less_unasked_and_all_pass(void **state) {
  (void)state;
  fixture f;
  fixture_init(&f);
  f.options.body_limit = LIMIT;
  fixture_start(&f);
  client *c = client_open(&f);
  client_run(c, 50);
  uint8_t *frame = make_frame(LONG, false);
  uint8_t *small = make_frame(SHORT, false);
  int32_t streams[3 * MANY];
  carry_out(&f, PAUSE);
  for (size_t i = 0; i < MANY; i++) {
    streams[i] = begin_call(c, frame, LONG);
  }
  client_run(c, 150);
  assert_int_equal(initial_window(c), NARROW);
  for (size_t i = MANY; i < 3 * MANY; i++) {
    streams[i] =
        i % 2 == 0 ? begin_call(c, frame, LONG) : begin_call(c, small, SHORT);
  }
  client_run(c, 150);
  for (size_t i = MANY; i < 3 * MANY; i++) {
    assert_int_equal(c->sources[i].at, NARROW);
  }
  carry_out(&f, RESUME);
  expect_ok(c, streams, 3 * MANY);
  assert_int_equal(f.refusals, 0);
  assert_int_equal(held_now(&f), 0);

  /* Few again: the usual window. */
  expect_ok(c, (int32_t[]){begin_call(c, frame, LONG)}, 1);
  for (size_t i = 0; i < 4; i++) {
    streams[i] = begin_call(c, small, SHORT);
  }
  expect_ok(c, streams, 4);
  assert_int_equal(initial_window(c), WINDOW);
  assert_int_equal(f.requests, 3 * MANY + 5);
  oa_free(frame);
  oa_free(small);
  client_close(c);
  fixture_end(&f);
}

/* What was on its way when the window became smaller still comes whole. */
static void a_message_that_has_begun_is_not_cut_off(void **state) {
  (void)state;
  enum { FIRST = 8 };
  fixture f;
  fixture_init(&f);
  f.options.body_limit = LIMIT;
  fixture_start(&f);
  client *c = client_open(&f);
  client_run(c, 50);
  uint8_t *small = make_frame(SHORT, false);
  uint8_t *frame = make_frame(LONG, false);
  int32_t begun[FIRST];
  int32_t streams[MANY];
  for (size_t i = 0; i < FIRST; i++) {
    ask what = ask_for(small, SHORT + 5);
    what.body.stop = i * 1000;
    begun[i] = client_ask(c, &what);
  }
  client_run(c, 100);
  for (size_t i = 0; i < MANY; i++) {
    streams[i] = begin_call(c, frame, LONG);
  }
  expect_ok(c, streams, MANY);
  assert_int_equal(initial_window(c), NARROW);
  for (size_t i = 0; i < FIRST; i++) {
    assert_false(answer_of(c, begun[i])->closed);
    c->sources[(begun[i] - 1) / 2].stop = SIZE_MAX;
    assert_int_equal(nghttp2_session_resume_data(c->session, begun[i]), 0);
  }
  expect_ok(c, begun, FIRST);
  oa_free(frame);
  oa_free(small);
  client_close(c);
  fixture_end(&f);
}

static uint32_t seven_seconds(void *context, unsigned thread) {
  (void)context;
  (void)thread;
  return 7000;
}

static void the_refused_are_told_what_the_handler_says(void **state) {
  (void)state;
  enum { LEN = 60000 };
  fixture f;
  fixture_init(&f);
  f.options.body_limit = 50000;
  f.handler.retry_ms = seven_seconds;
  fixture_start(&f);
  client *c = client_open(&f);
  uint8_t *frame = make_frame(LEN, false);
  ask first = ask_for(frame, LEN + 5);
  first.body.stop = 1000;
  client_ask(c, &first);
  client_run(c, 50);
  const ask what = ask_for(frame, LEN + 5);
  const answer *a = client_call(c, &what);
  assert_int_equal(a->grpc_status, OA_GRPC_UNAVAILABLE);
  char expected[OA_GRPC_DETAILS_SIZE];
  const size_t len = oa_grpc_details_encode(
      expected, OA_GRPC_UNAVAILABLE,
      "too many messages are held in memory; try again later", 7000);
  assert_int_equal(strlen(a->details), len);
  assert_memory_equal(a->details, expected, len);
  oa_free(frame);
  client_close(c);
  fixture_end(&f);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(many_streams_may_send_less_unasked_and_all_pass),
      cmocka_unit_test(a_message_that_has_begun_is_not_cut_off),
      cmocka_unit_test(the_refused_are_told_what_the_handler_says),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
