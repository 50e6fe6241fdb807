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
  ALL = 3 * MANY,
};

static uint32_t initial_window(const client *c) {
  return nghttp2_session_get_remote_settings(
      c->session, NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE);
}

static int32_t begin_call(client *c, const uint8_t *frame, size_t len) {
  const ask what = ask_for(frame, len + 5);
  return client_ask(c, &what);
}

/* A server with memory for LIMIT bytes, and a client with a long message. */
static client *enter(visit *v) {
  fixture_init(&v->f);
  v->f.options.body_limit = LIMIT;
  visit_start(v, LONG);
  client_settle(v->c);
  return v->c;
}

static void many_streams_may_send_less_unasked_and_all_pass(void **state) {
  (void)state;
  visit v;
  client *c = enter(&v);
  uint8_t *small = make_frame(SHORT, false);
  int32_t streams[ALL];
  carry_out(&v.f, PAUSE);
  client_ask_often(c, &v.what, streams, MANY);
  CLIENT_UNTIL(c, initial_window(c) == NARROW);
  for (size_t i = MANY; i < ALL; i++) {
    streams[i] =
        i % 2 == 0 ? client_ask(c, &v.what) : begin_call(c, small, SHORT);
  }
  client_run(c, 150);
  for (size_t i = MANY; i < ALL; i++) {
    CLIENT_UNTIL(c, c->sources[i].at == NARROW);
  }
  carry_out(&v.f, RESUME);
  client_await_ok(c, streams, ALL);
  assert_int_equal(v.f.refusals, 0);
  assert_int_equal(held_now(&v.f), 0);

  /* Few again: the usual window. */
  assert_int_equal(client_call(c, &v.what)->grpc_status, 0);
  for (size_t i = 0; i < 4; i++) {
    streams[i] = begin_call(c, small, SHORT);
  }
  client_await_ok(c, streams, 4);
  assert_int_equal(initial_window(c), WINDOW);
  assert_int_equal(v.f.requests, ALL + 5);
  oa_free(small);
  visit_leave(&v);
  fixture_end(&v.f);
}

/* What was on its way when the window became smaller still comes whole. */
static void a_message_that_has_begun_is_not_cut_off(void **state) {
  (void)state;
  enum { FIRST = 8 };
  visit v;
  client *c = enter(&v);
  uint8_t *small = make_frame(SHORT, false);
  int32_t begun[FIRST];
  int32_t streams[MANY];
  for (size_t i = 0; i < FIRST; i++) {
    ask what = ask_for(small, SHORT + 5);
    what.body.stop = i * 1000;
    begun[i] = client_ask(c, &what);
  }
  client_settle(c);
  client_ask_often(c, &v.what, streams, MANY);
  client_await_ok(c, streams, MANY);
  assert_int_equal(initial_window(c), NARROW);
  for (size_t i = 0; i < FIRST; i++) {
    assert_false(answer_of(c, begun[i])->closed);
    c->sources[(begun[i] - 1) / 2].stop = SIZE_MAX;
    assert_int_equal(nghttp2_session_resume_data(c->session, begun[i]), 0);
  }
  client_await_ok(c, begun, FIRST);
  oa_free(small);
  visit_leave(&v);
  fixture_end(&v.f);
}

static uint32_t seven_seconds(void *context, unsigned thread) {
  (void)context;
  (void)thread;
  return 7000;
}

static void the_refused_are_told_what_the_handler_says(void **state) {
  (void)state;
  visit v;
  fixture_init(&v.f);
  v.f.options.body_limit = 50000;
  v.f.handler.retry_ms = seven_seconds;
  visit_start(&v, 60000);
  ask first = v.what;
  first.body.stop = 1000;
  client_ask(v.c, &first);
  client_settle(v.c);
  const answer *a = client_call(v.c, &v.what);
  assert_int_equal(a->grpc_status, OA_GRPC_UNAVAILABLE);
  char expected[OA_GRPC_DETAILS_SIZE];
  const size_t len = oa_grpc_details_encode(
      expected, OA_GRPC_UNAVAILABLE,
      "too many messages are held in memory; try again later", 7000);
  assert_int_equal(strlen(a->details), len);
  assert_memory_equal(a->details, expected, len);
  visit_leave(&v);
  fixture_end(&v.f);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(many_streams_may_send_less_unasked_and_all_pass),
      cmocka_unit_test(a_message_that_has_begun_is_not_cut_off),
      cmocka_unit_test(the_refused_are_told_what_the_handler_says),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
