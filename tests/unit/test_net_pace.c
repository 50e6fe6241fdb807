/* SPDX-License-Identifier: Apache-2.0 */
/* How slow a peer may be, and for how long it may be made to wait. */
#include "net_trial.h"

enum { LONG = 300000 };

/* A server that wants RATE bytes a second and looks after MS. */
static void want_pace(fixture *f, uint32_t rate, uint32_t ms) {
  fixture_init(f);
  f->options.min_body_rate = rate;
  f->options.pace_ms = ms;
}

/* A is what someone is told who is too slow, the COUNTth to be so. */
static void is_too_slow(const fixture *f, const answer *a, uint64_t count) {
  assert_int_equal(a->grpc_status, OA_GRPC_DEADLINE_EXCEEDED);
  assert_non_null(strstr(a->message, "bytes a second"));
  assert_int_equal(server_stats(f).bodies_late, count);
}

/* Lets STREAM have STEP bytes more now and then until it ends or WHOLE are
 * sent. */
static answer *trickle(client *c, int32_t stream, size_t step, size_t whole) {
  source *s = &c->sources[(stream - 1) / 2];
  answer *a = answer_of(c, stream);
  const uint64_t end = now_ms() + PATIENCE;
  while (!a->closed && !c->eof && now_ms() < end) {
    s->stop = s->stop + step < whole ? s->stop + step : SIZE_MAX;
    nghttp2_session_resume_data(c->session, stream);
    client_run(c, 20);
  }
  return a;
}

static void a_body_below_the_rate_is_ended_and_one_above_it_is_not(
    void **state) {
  (void)state;
  visit v;
  want_pace(&v.f, 20000, 400);
  visit_start(&v, LONG);
  v.what.body.stop = 10;
  static const size_t lengths[] = {20000, LONG};
  for (size_t i = 0; i < 2; i++) {
    const size_t whole = lengths[i] + 5;
    v.frame[1] = 0;
    v.frame[2] = (uint8_t)(lengths[i] >> 16);
    v.frame[3] = (uint8_t)(lengths[i] >> 8);
    v.frame[4] = (uint8_t)lengths[i];
    v.what.body.len = whole;
    is_too_slow(&v.f, trickle(v.c, client_ask(v.c, &v.what), 5, whole), i + 1);
    const answer *a = trickle(v.c, client_ask(v.c, &v.what), 6000, whole);
    assert_int_equal(a->grpc_status, 0);
  }
  visit_leave(&v);
  await_held(&v.f, 0);
  fixture_end(&v.f);
}

static void a_stream_may_rest_between_messages_but_not_inside(void **state) {
  (void)state;
  visit v;
  want_pace(&v.f, 1000, 300);
  visit_start(&v, 1000);
  uint8_t both[2010];
  memcpy(both, v.frame, 1005);
  memcpy(both + 1005, v.frame, 1005);
  ask what = ask_for(both, sizeof both);
  what.path = STREAM_PATH;
  what.body.stop = 1005;
  const int32_t stream = client_ask(v.c, &what);
  client_run(v.c, 1000);
  assert_false(answer_of(v.c, stream)->closed);
  assert_int_equal(read_count(&v.f, &v.f.messages), 1);
  v.c->sources[0].stop = 1100;
  nghttp2_session_resume_data(v.c->session, stream);
  const answer *a = client_await(v.c, stream);
  assert_int_equal(a->grpc_status, OA_GRPC_DEADLINE_EXCEEDED);
  assert_int_equal(read_count(&v.f, &v.f.cancels), 1);
  visit_leave(&v);
  fixture_end(&v.f);
}

static void time_in_which_we_make_a_body_wait_does_not_count(void **state) {
  (void)state;
  visit v;
  want_pace(&v.f, 1000, 500);
  visit_start(&v, LONG);
  carry_out(&v.f, PAUSE);
  const int32_t stream = client_ask(v.c, &v.what);
  client_run(v.c, 1000);
  assert_false(answer_of(v.c, stream)->closed);
  carry_out(&v.f, RESUME);
  assert_int_equal(client_await(v.c, stream)->grpc_status, 0);
  visit_leave(&v);
  fixture_end(&v.f);
}

static void who_waits_and_holds_back_is_as_slow_as_others(void **state) {
  (void)state;
  visit v;
  want_pace(&v.f, 1000, 500);
  visit_start(&v, LONG);
  carry_out(&v.f, PAUSE);
  v.what.body.stop = 10;
  is_too_slow(&v.f, client_call(v.c, &v.what), 1);
  visit_leave(&v);
  fixture_end(&v.f);
}

static void who_waits_in_vain_is_told_to_come_back(void **state) {
  (void)state;
  visit v;
  want_pace(&v.f, 1000, 300);
  v.f.options.body_timeout_ms = 1000;
  visit_start(&v, LONG);
  carry_out(&v.f, PAUSE);
  const answer *a = client_call(v.c, &v.what);
  assert_int_equal(a->grpc_status, OA_GRPC_UNAVAILABLE);
  assert_int_equal(server_stats(&v.f).bodies_late, 0);
  visit_leave(&v);
  await_held(&v.f, 0);
  fixture_end(&v.f);
}

/* Sends TEXT and then PART every 20 ms; the answer is the status. */
static int drip(const fixture *f, const char *text, const char *part) {
  const int fd = connect_to(oa_server_port(f->server, 0));
  char reply[512];
  const uint64_t end = now_ms() + PATIENCE;
  struct pollfd wait = {.fd = fd, .events = POLLIN};
  assert_true(send_all(fd, text, strlen(text)));
  while (poll(&wait, 1, 20) == 0 && now_ms() < end) {
    send_all(fd, part, strlen(part));
  }
  read_all(fd, reply, sizeof reply);
  close(fd);
  return strncmp(reply, "HTTP/1.1 ", 9) == 0 ? (int)strtol(reply + 9, NULL, 10)
                                             : 0;
}

static void slow_requests_of_http1_are_answered_408(void **state) {
  (void)state;
  fixture f;
  want_pace(&f, 1000, 500);
  f.options.handshake_timeout_ms = 500;
  fixture_start(&f);
  assert_int_equal(
      drip(&f,
           "POST /v1/test HTTP/1.1\r\nHost: x\r\nContent-Length: 9999\r\n\r\n",
           "x"),
      408);
  assert_int_equal(
      drip(&f,
           "POST /v1/test HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: "
           "chunked\r\n\r\n",
           "1\r\nx\r\n"),
      408);
  assert_int_equal(server_stats(&f).bodies_late, 2);
  assert_int_equal(drip(&f, "POST /v1/test HTTP/1.1\r\n", "x: y\r\n"), 408);
  assert_int_equal(server_stats(&f).connections_late, 1);
  fixture_end(&f);
}

/* Sends PART every 20 ms and gives after how many milliseconds it was hung up
 * on. */
static uint64_t last_for(int fd, const char *part) {
  const uint64_t began = now_ms();
  struct pollfd wait = {.fd = fd, .events = POLLIN};
  while (poll(&wait, 1, 20) == 0 && now_ms() < began + PATIENCE) {
    send_all(fd, part, strlen(part));
  }
  return now_ms() - began;
}

static void the_first_head_has_no_more_time_than_the_greeting(void **state) {
  (void)state;
  enum { LIMIT = 2000, LATE = 1500 };
  fixture f;
  fixture_init(&f);
  f.options.handshake_timeout_ms = LIMIT;
  fixture_start(&f);
  const uint64_t began = now_ms();
  const int fd = connect_to(oa_server_port(f.server, 0));
  pause_ms(LATE);
  /* What this machine slept too long is not the peer's fault. */
  const uint64_t slept = now_ms() - began;
  assert_true(send_all(fd, "POST", 4));
  const uint64_t lasted = last_for(fd, " ");
  assert_true(slept >= LIMIT || lasted < LIMIT);
  close(fd);
  fixture_end(&f);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_body_below_the_rate_is_ended_and_one_above_it_is_not),
      cmocka_unit_test(a_stream_may_rest_between_messages_but_not_inside),
      cmocka_unit_test(time_in_which_we_make_a_body_wait_does_not_count),
      cmocka_unit_test(who_waits_and_holds_back_is_as_slow_as_others),
      cmocka_unit_test(who_waits_in_vain_is_told_to_come_back),
      cmocka_unit_test(slow_requests_of_http1_are_answered_408),
      cmocka_unit_test(the_first_head_has_no_more_time_than_the_greeting),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
