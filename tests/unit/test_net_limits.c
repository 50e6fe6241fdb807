/* SPDX-License-Identifier: Apache-2.0 */
/* Every limit of the server holds, says so, and harms nobody else. */
#include <sys/resource.h>

#include "net/bucket.h"
#include "net_trial.h"

enum { LONG = 300000, LARGE = 1000000, USUAL = 30000 };

static void a_bucket_gives_its_burst_and_then_its_rate(void **state) {
  (void)state;
  oa_bucket bucket = oa_bucket_full(5, 10, 1000);
  for (int i = 0; i < 5; i++) {
    assert_true(oa_bucket_take(&bucket, 1, 1000));
  }
  assert_false(oa_bucket_take(&bucket, 1, 1099));
  assert_true(oa_bucket_take(&bucket, 1, 1100));
  assert_false(oa_bucket_take(&bucket, 1, 1199));
  oa_bucket_credit(&bucket, 100);
  assert_int_equal(bucket.left, 5);
  /* After any time it is full and no fuller. */
  assert_true(oa_bucket_take(&bucket, 5, UINT64_MAX / 2));
  assert_false(oa_bucket_take(&bucket, 1, UINT64_MAX / 2));
}

/* --- floods --- */

/* C is sent away for what it did, and nobody else. */
static void is_sent_away(fixture *f, client *c) {
  CLIENT_UNTIL(c, c->goaway);
  assert_int_equal(c->goaway_error, NGHTTP2_ENHANCE_YOUR_CALM);
  assert_int_equal(server_stats(f).connections_flooded, 1);
  client_close(c);
  serves_still(f, USUAL);
}

/* Begins and cancels COUNT calls. */
static void cancel_calls(client *c, int count) {
  uint8_t *frame = make_frame(100, false);
  for (int i = 0; i < count && !c->eof && !c->goaway; i++) {
    ask what = ask_for(frame, 105);
    what.body.stop = 50;
    const int32_t stream = client_ask(c, &what);
    client_turn(c, 0);
    nghttp2_submit_rst_stream(c->session, NGHTTP2_FLAG_NONE, stream,
                              NGHTTP2_CANCEL);
    client_turn(c, 0);
  }
  client_run(c, 200);
  oa_free(frame);
}

static void calls_that_are_canceled_all_the_time_end_the_connection(
    void **state) {
  (void)state;
  fixture f;
  fixture_init(&f);
  f.options.max_resets = 4;
  f.options.max_streams = 20;
  fixture_start(&f);
  /* All that may be under way, and once more, is fine. */
  client *c = client_open(&f);
  cancel_calls(c, 40);
  assert_false(c->goaway);
  cancel_calls(c, 40);
  is_sent_away(&f, c);
  fixture_end(&f);
}

/* Sends COUNT pings, at most 100, in one write. */
static void send_pings(const client *c, size_t count) {
  static const uint8_t ping[17] = {0, 0, 8, 6};
  uint8_t all[100 * sizeof ping];
  assert_true(count <= 100);
  for (size_t i = 0; i < count; i++) {
    memcpy(all + i * sizeof ping, ping, sizeof ping);
  }
  assert_true(send_all(c->fd, all, count * sizeof ping));
}

static void answers_that_pile_up_end_the_connection(void **state) {
  (void)state;
  fixture f;
  fixture_init(&f);
  f.options.max_control_frames = 20;
  fixture_start(&f);
  client *c = client_greet(&f);
  for (int round = 0; round < 10; round++) {
    const size_t pongs = c->pongs;
    send_pings(c, 10);
    CLIENT_UNTIL(c, c->pongs == pongs + 10);
  }
  assert_false(c->goaway);
  send_pings(c, 100);
  is_sent_away(&f, c);
  fixture_end(&f);
}

static void bodies_in_single_bytes_end_the_connection(void **state) {
  (void)state;
  visit v;
  fixture_init(&v.f);
  visit_start(&v, 60000);
  v.what.body.frame = 1;
  client_ask(v.c, &v.what);
  const uint64_t end = now_ms() + PATIENCE;
  while (!v.c->eof && !v.c->goaway && now_ms() < end) {
    client_turn(v.c, 1);
  }
  assert_int_equal(v.f.requests, 0);
  assert_int_equal(server_stats(&v.f).connections_flooded, 1);
  visit_leave(&v);
  serves_still(&v.f, USUAL);
  fixture_end(&v.f);
}

/* --- slow peers --- */

static void a_late_greeting_is_told_why(void **state) {
  (void)state;
  fixture f;
  fixture_init(&f);
  f.options.handshake_timeout_ms = 500;
  fixture_start(&f);
  const int fd = connect_to(oa_server_port(f.server, 0));
  char text[512] = {0};
  assert_true(send_all(fd, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 24));
  read_all(fd, text, sizeof text);
  /* The last frame: GOAWAY, 8 bytes, with SETTINGS_TIMEOUT. */
  bool found = false;
  for (size_t at = 0; at + 17 <= sizeof text; at++) {
    found = found || (memcmp(text + at, "\0\0\x08\x07\0\0\0\0\0", 9) == 0 &&
                      text[at + 16] == NGHTTP2_SETTINGS_TIMEOUT);
  }
  assert_true(found);
  assert_int_equal(server_stats(&f).connections_late, 1);
  close(fd);
  serves_still(&f, USUAL);
  fixture_end(&f);
}

/* --- descriptors --- */

static void connections_leave_descriptors_to_files(void **state) {
  (void)state;
  struct rlimit old;
  assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
  const struct rlimit few = {.rlim_cur = 64, .rlim_max = old.rlim_max};
  fixture f;
  fixture_init(&f);
  assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
  fixture_start(&f);
  assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
  int fds[40];
  for (size_t i = 0; i < 40; i++) {
    fds[i] = connect_to(oa_server_port(f.server, 0));
  }
  const uint64_t end = now_ms() + PATIENCE;
  while (server_stats(&f).connections_refused < 8 && now_ms() < end) {
    pause_ms(1);
  }
  assert_int_equal(server_stats(&f).connections_refused, 8);
  assert_int_equal(server_stats(&f).connections_now, 32);
  for (size_t i = 0; i < 40; i++) {
    close(fds[i]);
  }
  fixture_end(&f);
}

/* The highest descriptor that is open, and one. */
static rlim_t descriptors(void) {
  const int fd = dup(0);
  assert_true(fd >= 0);
  close(fd);
  return (rlim_t)fd;
}

static void without_descriptors_accepting_rests_and_goes_on(void **state) {
  (void)state;
  visit v;
  fixture_init(&v.f);
  visit_start(&v, USUAL);
  assert_int_equal(client_call(v.c, &v.what)->grpc_status, 0);
  struct rlimit old;
  assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
  /* These are there already; for their other ends nothing is left. */
  int fds[10];
  for (size_t i = 0; i < 10; i++) {
    fds[i] = socket(AF_INET, SOCK_STREAM, 0);
    assert_true(fds[i] >= 0);
  }
  const struct rlimit none = {.rlim_cur = descriptors(),
                              .rlim_max = old.rlim_max};
  assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
  struct sockaddr_in where = {.sin_family = AF_INET,
                              .sin_port = htons(oa_server_port(v.f.server, 0))};
  where.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const void *any = &where;
  const size_t before = read_count(&v.f, &v.f.ticks);
  for (size_t i = 0; i < 10; i++) {
    assert_int_equal(connect(fds[i], any, sizeof where), 0);
  }
  await_count(&v.f, &v.f.ticks, read_count(&v.f, &v.f.ticks) + 5);
  assert_int_equal(client_call(v.c, &v.what)->grpc_status, 0);
  /* Once a tick, not all the time. */
  const uint64_t pauses = server_stats(&v.f).accept_pauses;
  assert_true(pauses >= 3);
  assert_true(pauses <= read_count(&v.f, &v.f.ticks) - before + 3);
  assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
  serves_still(&v.f, USUAL);
  for (size_t i = 0; i < 10; i++) {
    close(fds[i]);
  }
  visit_leave(&v);
  fixture_end(&v.f);
}

/* --- fairness --- */

/* A server with memory for BUDGET bytes of bodies; few come unasked. */
static void have_little(fixture *f, size_t budget) {
  fixture_init(f);
  f->options.body_budget = budget;
  f->options.stream_window = 16384;
}

static void connections_take_turns_with_long_messages(void **state) {
  (void)state;
  enum { MANY = 40 };
  visit v;
  have_little(&v.f, 400000);
  visit_start(&v, LONG);
  client *many = v.c;
  client *few = client_greet(&v.f);
  client_settle(many);
  carry_out(&v.f, PAUSE);
  const int32_t last = client_ask_often(many, &v.what, NULL, MANY);
  client_settle(many);
  uint8_t *other = make_frame(LONG - 1, false);
  ask late = ask_for(other, LONG + 4);
  const int32_t mine = client_ask(few, &late);
  client_settle(few);
  carry_out(&v.f, RESUME);
  while (!answer_of(many, last)->closed || !answer_of(few, mine)->closed) {
    client_turn(many, 1);
    client_turn(few, 1);
    assert_false(many->eof || few->eof);
  }
  assert_int_equal(answer_of(few, mine)->grpc_status, 0);
  assert_int_equal(v.f.requests, MANY + 1);
  size_t place = 0;
  while (v.f.order[place] != LONG - 1) {
    place++;
  }
  /* Not behind the forty that were there before it. */
  assert_true(place < 8);
  oa_free(other);
  visit_leave(&v);
  client_close(few);
  fixture_end(&v.f);
}

static void usual_messages_pass_large_ones_that_crawl(void **state) {
  (void)state;
  enum { LEN = 40000 };
  visit v;
  have_little(&v.f, 800000);
  v.f.options.body_limit = 1200000;
  visit_start(&v, LARGE);
  client *good = client_open(&v.f);
  client_settle(v.c);
  uint8_t *usual = make_frame(LEN, false);
  v.what.body.stop = 100000;
  int32_t slow[2];
  client_ask_often(v.c, &v.what, slow, 2);
  client_settle(v.c);
  ask mine = ask_for(usual, LEN + 5);
  for (int i = 0; i < 20; i++) {
    assert_int_equal(client_call(good, &mine)->grpc_status, 0);
  }
  /* What brings nothing is ended as soon as others need its memory, and told
   * when to come back. */
  for (size_t i = 0; i < 2; i++) {
    const answer *a = client_await(v.c, slow[i]);
    assert_int_equal(a->grpc_status, OA_GRPC_UNAVAILABLE);
    assert_true(strlen(a->details) > 0);
  }
  assert_int_equal(server_stats(&v.f).bodies_late, 2);
  await_held(&v.f, 0);
  oa_free(usual);
  visit_leave(&v);
  client_close(good);
  fixture_end(&v.f);
}

/* Plain requests that crawl, over HTTP/2 and HTTP/1.1. */
static void crawling_requests_are_told_when_to_come_back(void **state) {
  (void)state;
  enum { PART = 20000 };
  visit v;
  have_little(&v.f, 800000);
  v.f.options.body_limit = 1200000;
  visit_start(&v, LARGE);
  v.what.path = HTTP_PATH;
  v.what.type = "application/x-protobuf";
  v.what.length = "1000000";
  v.what.body.len = LARGE;
  v.what.body.stop = PART;
  const int32_t first = client_ask(v.c, &v.what);
  client_settle(v.c);
  char text[1024];
  const int len = snprintf(text, sizeof text,
                           "POST %s HTTP/1.1\r\nHost: x\r\n"
                           "Content-Length: %d\r\n\r\n",
                           HTTP_PATH, LARGE);
  const int fd = connect_to(oa_server_port(v.f.server, 0));
  assert_true(send_all(fd, text, (size_t)len));
  assert_true(send_all(fd, v.frame, PART));
  const answer *a = client_await(v.c, first);
  assert_int_equal(a->http_status, 503);
  assert_true(strtol(a->retry_after, NULL, 10) > 0);
  /* Another that waits for the memory of this one. */
  client_ask(v.c, &v.what);
  const uint64_t end = now_ms() + PATIENCE;
  while (server_stats(&v.f).bodies_late < 2 && now_ms() < end) {
    client_turn(v.c, 2);
  }
  read_all(fd, text, sizeof text); /* it ends, although it would live on */
  assert_non_null(strstr(text, "HTTP/1.1 503 "));
  assert_non_null(strstr(text, "\r\nretry-after: "));
  close(fd);
  visit_leave(&v);
  await_held(&v.f, 0);
  fixture_end(&v.f);
}

/* The rest of a body that was answered early is thrown away, and the next
 * request served, if it comes in time. */
static void the_rest_of_a_refused_body_must_come_soon(void **state) {
  (void)state;
  static const char head[] =
      "POST /nothing HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n";
  static const char next[] =
      "POST /v1/test HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
      "Content-Length: 2\r\n\r\nab";
  char text[1024];
  char body[1000];
  memset(body, 'x', sizeof body);
  fixture f;
  fixture_init(&f);
  f.options.handshake_timeout_ms = 1000;
  fixture_start(&f);
  for (int whole = 0; whole < 2; whole++) {
    const int fd = connect_to(oa_server_port(f.server, 0));
    assert_true(send_all(fd, head, sizeof head - 1));
    assert_true(send_all(fd, body, 10));
    if (whole) {
      await_count(&f, &f.refusals, 2);
      assert_true(send_all(fd, body, sizeof body - 10));
      assert_true(send_all(fd, next, sizeof next - 1));
    }
    read_all(fd, text, sizeof text);
    assert_non_null(strstr(text, "HTTP/1.1 404 "));
    assert_null(strstr(text, "HTTP/1.1 408 "));
    assert_int_equal(strstr(text, "HTTP/1.1 200 ") != NULL, whole);
    close(fd);
  }
  assert_int_equal(server_stats(&f).connections_late, 1);
  fixture_end(&f);
}

static void requests_sent_ahead_are_all_answered_in_turns(void **state) {
  (void)state;
  enum { AHEAD = 500 };
  static const char one[] =
      "POST /v1/test HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nab";
  static const char last[] =
      "POST /v1/test HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
      "Content-Length: 2\r\n\r\nab";
  fixture f;
  fixture_init(&f);
  fixture_start(&f);
  const int fd = connect_to(oa_server_port(f.server, 0));
  char *text = oa_malloc((size_t)AHEAD * 512);
  assert_non_null(text);
  for (size_t i = 0; i + 1 < AHEAD; i++) {
    memcpy(text + i * (sizeof one - 1), one, sizeof one - 1);
  }
  assert_true(send_all(fd, text, (AHEAD - 1) * (sizeof one - 1)));
  assert_true(send_all(fd, last, sizeof last - 1));
  read_all(fd, text, (size_t)AHEAD * 512);
  size_t answers = 0;
  for (char *at = text; (at = strstr(at, "HTTP/1.1 200 ")) != NULL; at++) {
    answers++;
  }
  assert_int_equal(answers, AHEAD);
  oa_free(text);
  close(fd);
  fixture_end(&f);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_bucket_gives_its_burst_and_then_its_rate),
      cmocka_unit_test(calls_that_are_canceled_all_the_time_end_the_connection),
      cmocka_unit_test(answers_that_pile_up_end_the_connection),
      cmocka_unit_test(bodies_in_single_bytes_end_the_connection),
      cmocka_unit_test(a_late_greeting_is_told_why),
      cmocka_unit_test(connections_leave_descriptors_to_files),
      cmocka_unit_test(without_descriptors_accepting_rests_and_goes_on),
      cmocka_unit_test(connections_take_turns_with_long_messages),
      cmocka_unit_test(usual_messages_pass_large_ones_that_crawl),
      cmocka_unit_test(crawling_requests_are_told_when_to_come_back),
      cmocka_unit_test(the_rest_of_a_refused_body_must_come_soon),
      cmocka_unit_test(requests_sent_ahead_are_all_answered_in_turns),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
