/* SPDX-License-Identifier: Apache-2.0 */
/* Plain HTTP: requests over HTTP/1.1 and HTTP/2 to the same handler. */
#include "net_trial.h"

/* What came back on FD until TEXT ends with WANT or the peer hung up. */
static size_t read_until(int fd, char *text, size_t size, const char *want) {
  const uint64_t end = now_ms() + PATIENCE;
  size_t len = 0;
  text[0] = '\0';
  while (now_ms() < end && (want == NULL || strstr(text, want) == NULL)) {
    struct pollfd wait = {.fd = fd, .events = POLLIN};
    if (poll(&wait, 1, 100) != 1) {
      continue;
    }
    const ssize_t got = recv(fd, text + len, size - 1 - len, 0);
    if (got <= 0) {
      break;
    }
    len += (size_t)got;
    text[len] = '\0';
  }
  return len;
}

static void ask_text(fixture *f, const char *request, char *text, size_t size) {
  const int fd = connect_to(oa_server_port(f->server, 0));
  assert_true(send_all(fd, request, strlen(request)));
  read_until(fd, text, size, NULL);
  close(fd);
}

static void a_request_of_each_kind_is_served(void **state) {
  (void)state;
  static const char *const requests[] = {
      "POST /v1/test HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
      "Content-Length: 5\r\n\r\nhello",
      "POST /v1/test?a=b HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
      "Transfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3;x=y\r\nllo\r\n0\r\n\r\n",
      "POST /v1/test HTTP/1.0\r\nContent-Length: 5\r\n\r\nhello"};
  fixture f;
  fixture_init(&f);
  f.http_reply.body = (const uint8_t *)"fine";
  f.http_reply.body_len = 4;
  f.http_reply.content_type = "text/plain";
  f.http_reply.fields[0] = (oa_http_field){"x-more", "yes"};
  fixture_start(&f);
  for (size_t i = 0; i < sizeof requests / sizeof requests[0]; i++) {
    for (size_t cut = 1; cut < strlen(requests[i]); cut += 13) {
      const int fd = connect_to(oa_server_port(f.server, 0));
      char text[1024];
      assert_true(send_all(fd, requests[i], cut));
      pause_ms(2);
      assert_true(send_all(fd, requests[i] + cut, strlen(requests[i]) - cut));
      read_until(fd, text, sizeof text, NULL);
      assert_int_equal(strncmp(text, "HTTP/1.1 200 ", 13), 0);
      assert_non_null(strstr(text, "\r\n\r\nfine"));
      assert_non_null(strstr(text, "x-more: yes\r\n"));
      assert_int_equal(f.message_len, 5);
      assert_memory_equal(f.message, "hello", 5);
      close(fd);
    }
  }
  fixture_end(&f);
}

static void connections_live_on_and_requests_may_be_sent_ahead(void **state) {
  (void)state;
  static const char one[] =
      "POST /v1/test HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello";
  static const char other[] = "GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n";
  fixture f;
  fixture_init(&f);
  fixture_start(&f);
  const int fd = connect_to(oa_server_port(f.server, 0));
  char text[4096];
  for (int i = 0; i < 20; i++) {
    assert_true(send_all(fd, one, sizeof one - 1));
    read_until(fd, text, sizeof text, "\r\n\r\n");
    assert_int_equal(strncmp(text, "HTTP/1.1 200 ", 13), 0);
  }
  char many[10 * sizeof one + 2 * sizeof other];
  size_t len = 0;
  for (int i = 0; i < 10; i++) {
    memcpy(many + len, one, sizeof one - 1);
    len += sizeof one - 1;
  }
  memcpy(many + len, other, sizeof other - 1);
  assert_true(send_all(fd, many, len + sizeof other - 1));
  read_until(fd, text, sizeof text, "nothing here");
  size_t answers = 0;
  for (const char *at = text; (at = strstr(at, "HTTP/1.1 200")) != NULL; at++) {
    answers++;
  }
  assert_int_equal(answers, 10);
  assert_non_null(strstr(text, "HTTP/1.1 404 "));
  await_count(&f, &f.requests, 30);
  close(fd);
  fixture_end(&f);
}

static void large_bodies_arrive_by_each_way(void **state) {
  (void)state;
  enum { LEN = 3000000 };
  fixture f;
  fixture_init(&f);
  fixture_start(&f);
  uint8_t *frame = make_frame(LEN, false);
  char head[160];
  char text[1024];
  int fd = connect_to(oa_server_port(f.server, 0));
  snprintf(head, sizeof head,
           "POST /v1/test HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n",
           (int)LEN);
  assert_true(send_all(fd, head, strlen(head)));
  assert_true(send_all(fd, frame + 5, LEN));
  read_until(fd, text, sizeof text, "\r\n\r\n");
  assert_int_equal(strncmp(text, "HTTP/1.1 200 ", 13), 0);
  assert_true(got_frame(&f, LEN));
  /* The same in one chunk, and the end apart. */
  snprintf(head, sizeof head,
           "POST /v1/test HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked"
           "\r\n\r\n%x\r\n",
           (unsigned)LEN);
  assert_true(send_all(fd, head, strlen(head)));
  assert_true(send_all(fd, frame + 5, LEN));
  pause_ms(20);
  assert_true(send_all(fd, "\r\n0\r\n\r\n", 7));
  read_until(fd, text, sizeof text, "\r\n\r\n");
  assert_int_equal(strncmp(text, "HTTP/1.1 200 ", 13), 0);
  assert_true(got_frame(&f, LEN));
  close(fd);
  client *c = client_open(&f);
  ask what = ask_for(frame + 5, LEN);
  what.path = HTTP_PATH;
  what.type = "application/x-protobuf";
  assert_int_equal(client_call(c, &what)->http_status, 200);
  assert_true(got_frame(&f, LEN));
  client_close(c);
  oa_free(frame);
  fixture_end(&f);
}

static void bodies_of_unknown_length_all_come_to_their_end(void **state) {
  (void)state;
  enum { CALLS = 40, LEN = 430000 };
  fixture f;
  fixture_init(&f);
  f.options.body_budget = 1000000;
  fixture_start(&f);
  client *a = client_open(&f);
  client *b = client_open(&f);
  uint8_t *frame = make_frame(LEN, false);
  ask what = ask_for(frame + 5, LEN);
  what.path = HTTP_PATH;
  what.type = NULL;
  int32_t streams[CALLS];
  const uint64_t begin = now_ms();
  for (int i = 0; i < CALLS; i++) {
    streams[i] = client_ask(i % 2 == 0 ? a : b, &what);
  }
  for (int i = 0; i < CALLS; i++) {
    client_turn(a, 0);
    client_turn(b, 0);
    assert_int_equal(client_await(i % 2 == 0 ? a : b, streams[i])->http_status,
                     200);
    assert_true(got_frame(&f, LEN));
  }
  /* None waits for another to be forgiven, which takes half a second. */
  assert_true(now_ms() - begin < PATIENCE / 2);
  assert_int_equal(f.requests, CALLS);
  oa_free(frame);
  client_close(a);
  client_close(b);
  fixture_end(&f);
}

static void too_large_bodies_are_refused(void **state) {
  (void)state;
  fixture f;
  fixture_init(&f);
  f.options.max_message = 100000;
  fixture_start(&f);
  char text[1024];
  ask_text(&f,
           "POST /v1/test HTTP/1.1\r\nHost: x\r\nContent-Length: 100001\r\n"
           "Expect: 100-continue\r\n\r\n",
           text, sizeof text);
  assert_int_equal(strncmp(text, "HTTP/1.1 413 ", 13), 0);
  uint8_t *frame = make_frame(200000, false);
  client *c = client_open(&f);
  ask what = ask_for(frame + 5, 200000);
  what.path = HTTP_PATH;
  what.type = NULL;
  assert_int_equal(client_call(c, &what)->http_status, 413);
  what.body.len = 100000;
  assert_int_equal(client_call(c, &what)->http_status, 200);
  what.body.len = 100001;
  assert_int_equal(client_call(c, &what)->http_status, 413);
  what.body.len = 0;
  assert_int_equal(client_call(c, &what)->http_status, 200);
  assert_int_equal(f.message_len, 0);
  oa_free(frame);
  client_close(c);
  fixture_end(&f);
}

static void who_expects_a_go_ahead_gets_it(void **state) {
  (void)state;
  fixture f;
  fixture_init(&f);
  fixture_start(&f);
  const int fd = connect_to(oa_server_port(f.server, 0));
  static const char head[] =
      "POST /v1/test HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n"
      "Expect: 100-continue\r\n\r\n";
  char text[1024];
  assert_true(send_all(fd, head, sizeof head - 1));
  read_until(fd, text, sizeof text, "\r\n\r\n");
  assert_string_equal(text, "HTTP/1.1 100 Continue\r\n\r\n");
  assert_true(send_all(fd, "hello", 5));
  read_until(fd, text, sizeof text, "\r\n\r\n");
  assert_int_equal(strncmp(text, "HTTP/1.1 200 ", 13), 0);
  close(fd);
  fixture_end(&f);
}

static void what_two_parsers_could_read_differently_is_refused(void **state) {
  (void)state;
  static const char *const requests[] = {
      "GET / HTTP/1.1\nHost: x\n\n",
      "GET / HTTP/1.1\r\nHost: x\r\nA: b\r\n c\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n"
      "Content-Length: 2\r\n\r\n",
      "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n"
      "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
      "GET / HTTP/1.1\r\nHost : x\r\n\r\n",
      "GET / HTTP/1.1\r\n\r\n",
      "POST /v1/test HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
      "zz\r\n"};
  fixture f;
  fixture_init(&f);
  fixture_start(&f);
  for (size_t i = 0; i < sizeof requests / sizeof requests[0]; i++) {
    char text[1024];
    ask_text(&f, requests[i], text, sizeof text);
    assert_int_equal(strncmp(text, "HTTP/1.1 400 ", 13), 0);
    assert_non_null(strstr(text, "onnection: close\r\n"));
  }
  assert_int_equal(read_count(&f, &f.requests), 0);
  fixture_end(&f);
}

static void bodies_wait_for_budget_in_their_sockets(void **state) {
  (void)state;
  enum { CALLS = 12, LEN = 400000 };
  fixture f;
  fixture_init(&f);
  f.options.body_budget = 500000;
  fixture_start(&f);
  uint8_t *frame = make_frame(LEN, false);
  char head[128];
  snprintf(head, sizeof head,
           "POST /v1/test HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n",
           (int)LEN);
  int fds[CALLS];
  /* The first one holds the budget until its last byte has come. */
  for (int i = 0; i < CALLS; i++) {
    fds[i] = connect_to(oa_server_port(f.server, 0));
    assert_true(send_all(fds[i], head, strlen(head)));
    assert_true(send_all(fds[i], frame + 5, 1000));
    pause_ms(1);
  }
  for (int i = 0; i < CALLS; i++) {
    char text[512];
    assert_true(send_all(fds[i], frame + 5 + 1000, LEN - 1000));
    read_until(fds[i], text, sizeof text, "\r\n\r\n");
    assert_int_equal(strncmp(text, "HTTP/1.1 200 ", 13), 0);
    assert_true(got_frame(&f, LEN));
    close(fds[i]);
  }
  assert_true(f.most_held <= 2 * LEN);
  oa_free(frame);
  fixture_end(&f);
}

static void a_late_reply_reaches_its_client(void **state) {
  (void)state;
  fixture f;
  fixture_init(&f);
  f.keep = true;
  fixture_start(&f);
  static const char request[] =
      "POST /v1/test HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello";
  const int fd = connect_to(oa_server_port(f.server, 0));
  const int gone = connect_to(oa_server_port(f.server, 0));
  assert_true(send_all(fd, request, sizeof request - 1));
  assert_true(send_all(gone, request, sizeof request - 1));
  await_count(&f, &f.kept_count, 2);
  close(gone);
  uv_mutex_lock(&f.lock);
  f.keep = false;
  uv_mutex_unlock(&f.lock);
  carry_out(&f, REPLY_KEPT);
  char text[512];
  read_until(fd, text, sizeof text, "\r\n\r\n");
  assert_int_equal(strncmp(text, "HTTP/1.1 200 ", 13), 0);
  close(fd);
  fixture_end(&f);
}

static void slow_heads_and_slow_bodies_are_given_up(void **state) {
  (void)state;
  fixture f;
  fixture_init(&f);
  f.options.handshake_timeout_ms = 500;
  f.options.body_timeout_ms = 300;
  fixture_start(&f);
  char text[512];
  ask_text(&f, "POST /v1/test HTTP/1.1\r\nHost:", text, sizeof text);
  ask_text(&f,
           "POST /v1/test HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhel",
           text, sizeof text);
  assert_int_equal(strncmp(text, "HTTP/1.1 408 ", 13), 0);
  fixture_end(&f);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_request_of_each_kind_is_served),
      cmocka_unit_test(connections_live_on_and_requests_may_be_sent_ahead),
      cmocka_unit_test(large_bodies_arrive_by_each_way),
      cmocka_unit_test(bodies_of_unknown_length_all_come_to_their_end),
      cmocka_unit_test(too_large_bodies_are_refused),
      cmocka_unit_test(who_expects_a_go_ahead_gets_it),
      cmocka_unit_test(what_two_parsers_could_read_differently_is_refused),
      cmocka_unit_test(bodies_wait_for_budget_in_their_sockets),
      cmocka_unit_test(a_late_reply_reaches_its_client),
      cmocka_unit_test(slow_heads_and_slow_bodies_are_given_up),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
