/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/mem.h"
#include "service/admin.h"
#include "service/metrics_text.h"

enum { ANSWER_SIZE = 65536, TIMEOUT_SECONDS = 20 };

/* What the callbacks say, set before a request. */
typedef struct world {
  oa_admin *admin;
  _Atomic(const char *) why; /* NULL = ready */
  const char *_Atomic stuck;
  _Atomic oa_status metrics;
} world;

static bool say_ready(void *context, char *why, size_t size) {
  const world *w = context;
  const char *reason = w->why;
  if (reason != NULL) {
    snprintf(why, size, "%s", reason);
  }
  return reason == NULL;
}

static bool say_alive(void *context, char *why, size_t size) {
  const world *w = context;
  const char *reason = w->stuck;
  if (reason != NULL) {
    snprintf(why, size, "%s", reason);
  }
  return reason == NULL;
}

static oa_status say_metrics(void *context, oa_buf *out) {
  const world *w = context;
  const oa_status status = w->metrics;
  return status != OA_OK ? status : oa_buf_printf(out, "# EOF\n");
}

static oa_status start(world *w, const char *address, uint16_t port,
                       oa_error *error) {
  const oa_admin_options options = {
      .address = address,
      .port = port,
      .about = "what this is\n",
      .alive = say_alive,
      .ready = say_ready,
      .metrics = say_metrics,
      .context = w,
  };
  return oa_admin_start(&w->admin, &options, error);
}

static int setup(void **state) {
  world *w = calloc(1, sizeof *w);
  assert_non_null(w);
  assert_int_equal(start(w, "127.0.0.1", 0, NULL), OA_OK);
  assert_true(oa_admin_port(w->admin) != 0);
  *state = w;
  return 0;
}

static int teardown(void **state) {
  world *w = *state;
  oa_admin_stop(w->admin);
  free(w);
  return 0;
}

/* --- a client of raw bytes --- */

static int dial(const world *w) {
  struct sockaddr_in to = {.sin_family = AF_INET,
                           .sin_port = htons(oa_admin_port(w->admin))};
  const struct timeval limit = {.tv_sec = TIMEOUT_SECONDS};
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  assert_true(fd >= 0);
  assert_int_equal(
      setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit), 0);
  assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
  return fd;
}

/* Reads until the peer closes; the number of bytes. */
static size_t read_all(int fd, char *out) {
  size_t len = 0;
  for (;;) {
    const ssize_t n = recv(fd, out + len, ANSWER_SIZE - 1 - len, 0);
    if (n <= 0) {
      break;
    }
    len += (size_t)n;
  }
  out[len] = '\0';
  return len;
}

/* Sends REQUEST as it is and collects what comes back. */
static void exchange(const world *w, const char *request, size_t len,
                     char *out) {
  const int fd = dial(w);
  size_t sent = 0;
  while (sent < len) {
    const ssize_t n = send(fd, request + sent, len - sent, MSG_NOSIGNAL);
    if (n <= 0) {
      break; /* refused before it was all said */
    }
    sent += (size_t)n;
  }
  read_all(fd, out);
  close(fd);
}

static void ask(const world *w, const char *method, const char *path,
                const char *headers, char *out) {
  char request[1024];
  const int len = snprintf(request, sizeof request,
                           "%s %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
                           "%s\r\n",
                           method, path, headers);
  assert_true(len > 0 && (size_t)len < sizeof request);
  exchange(w, request, (size_t)len, out);
}

static int code_of(const char *answer) {
  return strncmp(answer, "HTTP/1.1 ", 9) == 0
             ? (int)strtol(answer + 9, NULL, 10)
             : 0;
}

static const char *body_of(const char *answer) {
  const char *end = strstr(answer, "\r\n\r\n");
  assert_non_null(end);
  return end + 4;
}

static bool has_header(const char *answer, const char *header) {
  const char *end = strstr(answer, "\r\n\r\n");
  const size_t len = strlen(header);
  for (const char *at = strstr(answer, "\r\n"); at != NULL && at < end;
       at = strstr(at + 2, "\r\n")) {
    if (strncasecmp(at + 2, header, len) == 0 && at[2 + len] == '\r') {
      return true;
    }
  }
  return false;
}

/* --- answers --- */

static void each_path_answers(void **state) {
  static const char *const paths[][2] = {
      {"/", "what this is\n"},    {"/livez", "alive\n"},
      {"/readyz", "ready\n"},     {"/health", "ready\n"},
      {"/health?x=y", "ready\n"}, {"/metrics", "# EOF\n"},
  };
  char answer[ANSWER_SIZE];
  for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
    ask(*state, "GET", paths[i][0], "", answer);
    assert_int_equal(code_of(answer), 200);
    assert_string_equal(body_of(answer), paths[i][1]);
  }
}

static void metrics_have_their_content_type(void **state) {
  char answer[ANSWER_SIZE];
  ask(*state, "GET", "/metrics", "", answer);
  assert_true(has_header(answer, "Content-Type: " OA_METRICS_CONTENT_TYPE));
}

static void every_answer_has_the_security_headers(void **state) {
  static const char *const requests[][2] = {{"GET", "/"},
                                            {"GET", "/metrics"},
                                            {"GET", "/nowhere"},
                                            {"HEAD", "/health"},
                                            {"POST", "/"}};
  char answer[ANSWER_SIZE];
  for (size_t i = 0; i < sizeof requests / sizeof requests[0]; i++) {
    ask(*state, requests[i][0], requests[i][1], "", answer);
    assert_true(has_header(answer, "X-Content-Type-Options: nosniff"));
    assert_true(has_header(answer, "X-Frame-Options: DENY"));
    assert_true(has_header(answer, "Cache-Control: no-store"));
    assert_true(has_header(answer,
                           "Content-Security-Policy: default-src 'none'; "
                           "frame-ancestors 'none'"));
    assert_null(strstr(answer, "Server:"));
  }
}

static void not_ready_says_why(void **state) {
  world *w = *state;
  char answer[ANSWER_SIZE];
  w->why = "the disk is \"full\"\n\\";
  ask(w, "GET", "/readyz", "", answer);
  assert_int_equal(code_of(answer), 503);
  assert_string_equal(body_of(answer), "not ready: the disk is \"full\"\n\\\n");
  ask(w, "GET", "/health", "Accept: text/html, application/json;q=0.9\r\n",
      answer);
  assert_int_equal(code_of(answer), 503);
  assert_true(has_header(answer, "Content-Type: application/json"));
  assert_string_equal(body_of(answer),
                      "{\"status\":\"not ready\",\"reason\":\"the disk is "
                      "\\\"full\\\"\\u000a\\\\\"}\n");
  ask(w, "GET", "/livez", "", answer);
  assert_int_equal(code_of(answer), 200);
}

static void json_is_given_to_who_asks(void **state) {
  char answer[ANSWER_SIZE];
  ask(*state, "GET", "/readyz", "Accept: application/json\r\n", answer);
  assert_int_equal(code_of(answer), 200);
  assert_string_equal(body_of(answer), "{\"status\":\"ready\"}\n");
  ask(*state, "GET", "/livez", "Accept: application/json\r\n", answer);
  assert_string_equal(body_of(answer), "{\"status\":\"alive\"}\n");
}

static void a_stuck_thread_is_no_life(void **state) {
  char answer[ANSWER_SIZE];
  world *w = *state;
  w->stuck = "the writer thread has stood still for 61 s";
  ask(w, "GET", "/livez", "", answer);
  assert_int_equal(code_of(answer), 503);
  assert_string_equal(body_of(answer),
                      "stuck: the writer thread has stood still for 61 s\n");
  ask(w, "GET", "/readyz", "", answer);
  assert_int_equal(code_of(answer), 200);
  w->stuck = NULL;
  ask(w, "GET", "/livez", "", answer);
  assert_int_equal(code_of(answer), 200);
}

static void head_has_headers_and_no_body(void **state) {
  char answer[ANSWER_SIZE];
  ask(*state, "HEAD", "/health", "", answer);
  assert_int_equal(code_of(answer), 200);
  assert_true(has_header(answer, "Content-Length: 6"));
  assert_string_equal(body_of(answer), "");
}

static void unknown_paths_are_told_the_known_ones(void **state) {
  static const char *const paths[] = {
      "/metrics/",          "/METRICS", "//",       "/../etc/passwd",
      "/%2e%2e/etc/passwd", "/api",     "/x?health"};
  char answer[ANSWER_SIZE];
  for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
    ask(*state, "GET", paths[i], "", answer);
    assert_int_equal(code_of(answer), 404);
    assert_non_null(strstr(body_of(answer), "/metrics"));
    assert_null(strstr(body_of(answer), "passwd"));
  }
}

static void other_methods_are_refused(void **state) {
  static const char *const methods[] = {"POST",  "PUT",     "DELETE", "PATCH",
                                        "TRACE", "OPTIONS", "get",    "XYZZY"};
  char answer[ANSWER_SIZE];
  for (size_t i = 0; i < sizeof methods / sizeof methods[0]; i++) {
    ask(*state, methods[i], "/metrics", "", answer);
    assert_int_equal(code_of(answer), 405);
    assert_true(has_header(answer, "Allow: GET, HEAD"));
  }
}

static void a_connection_serves_many_requests(void **state) {
  char answer[ANSWER_SIZE];
  static const char twice[] =
      "GET /livez HTTP/1.1\r\nHost: x\r\n\r\n"
      "GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
  exchange(*state, twice, sizeof twice - 1, answer);
  assert_int_equal(code_of(answer), 200);
  const char *second = strstr(answer + 9, "HTTP/1.1 ");
  assert_non_null(second);
  assert_int_equal(code_of(second), 200);
}

static void metrics_that_cannot_be_made_end_the_connection(void **state) {
  world *w = *state;
  char answer[ANSWER_SIZE];
  w->metrics = OA_ERR_NOMEM;
  ask(w, "GET", "/metrics", "", answer);
  assert_true(code_of(answer) != 200);
  w->metrics = OA_OK;
  ask(w, "GET", "/metrics", "", answer);
  assert_int_equal(code_of(answer), 200);
}

/* --- hostile clients --- */

static void expect_alive(const world *w) {
  char answer[ANSWER_SIZE];
  ask(w, "GET", "/livez", "", answer);
  assert_int_equal(code_of(answer), 200);
}

static void long_requests_are_refused(void **state) {
  char answer[ANSWER_SIZE];
  const size_t size = 1 << 20;
  char *request = malloc(size);
  assert_non_null(request);

  memset(request, 'a', size);
  memcpy(request, "GET /", 5);
  exchange(*state, request, size, answer);
  const int first = code_of(answer);
  assert_true(first == 0 || (first >= 400 && first < 500));

  const char start_line[] = "GET /livez HTTP/1.1\r\nHost: x\r\nX: ";
  memset(request, 'a', size);
  memcpy(request, start_line, sizeof start_line - 1);
  exchange(*state, request, size, answer);
  const int second = code_of(answer);
  assert_true(second == 0 || (second >= 400 && second < 500));
  free(request);
  expect_alive(*state);
}

static void bad_bytes_are_refused(void **state) {
  static const char *const requests[] = {
      "GET\r\n\r\n",
      "GET /livez HTTP/9.9\r\n\r\n",
      "GET /livez HTTP/1.1\r\n\r\n", /* no Host */
      "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
      "\x16\x03\x01\x02\x01\x01\x01\x01\xfc\x03\x03\r\n\r\n",
      "GET /livez HTTP/1.1\r\nHost: x\r\nno colon\r\n\r\n",
      "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999999"
      "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
      "fffffffffffffffff\r\n",
  };
  char answer[ANSWER_SIZE];
  for (size_t i = 0; i < sizeof requests / sizeof requests[0]; i++) {
    const int fd = dial(*state);
    send(fd, requests[i], strlen(requests[i]), MSG_NOSIGNAL);
    shutdown(fd, SHUT_WR);
    read_all(fd, answer);
    close(fd);
    assert_int_not_equal(code_of(answer), 200);
  }
  expect_alive(*state);
}

static void a_body_is_not_waited_for(void **state) {
  static const char request[] =
      "GET /livez HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000000\r\n\r\nabc";
  char answer[ANSWER_SIZE];
  exchange(*state, request, sizeof request - 1, answer);
  assert_int_equal(code_of(answer), 400);
  expect_alive(*state);
}

static void too_many_connections_hurt_nobody_for_long(void **state) {
  enum { MANY = 100 };
  int fds[MANY];
  for (size_t i = 0; i < MANY; i++) {
    fds[i] = dial(*state);
    send(fds[i], "GET /li", 7, MSG_NOSIGNAL);
  }
  for (size_t i = 0; i < MANY; i++) {
    close(fds[i]);
  }
  expect_alive(*state);
}

static void *ask_often(void *context) {
  char answer[ANSWER_SIZE];
  for (int i = 0; i < 50; i++) {
    ask(context, "GET", i % 2 == 0 ? "/metrics" : "/readyz", "", answer);
    if (code_of(answer) != 200) {
      return context;
    }
  }
  return NULL;
}

static void concurrent_clients_are_all_served(void **state) {
  pthread_t threads[8];
  for (size_t i = 0; i < 8; i++) {
    assert_int_equal(pthread_create(&threads[i], NULL, ask_often, *state), 0);
  }
  for (size_t i = 0; i < 8; i++) {
    void *result;
    assert_int_equal(pthread_join(threads[i], &result), 0);
    assert_null(result);
  }
}

/* --- life --- */

static void a_taken_port_is_named(void **state) {
  world *w = *state;
  world second = {0};
  oa_error error = {0};
  char wanted[128];
  assert_int_equal(start(&second, "127.0.0.1", oa_admin_port(w->admin), &error),
                   OA_ERR_IO);
  snprintf(wanted, sizeof wanted,
           "cannot listen on 127.0.0.1:%u for health and metrics: Address "
           "already in use; set dashboard.port to another one",
           (unsigned)oa_admin_port(w->admin));
  assert_string_equal(error.text, wanted);
  assert_null(second.admin);
}

static void a_foreign_address_is_named(void **state) {
  world w = {0};
  oa_error error = {0};
  (void)state;
  assert_int_equal(start(&w, "192.0.2.1", 0, &error), OA_ERR_IO);
  assert_non_null(strstr(error.text, "192.0.2.1:0"));
  assert_int_equal(start(&w, "nonsense", 0, &error), OA_ERR_CONFIG);
}

static void the_port_is_free_after_a_stop(void **state) {
  world w = {0};
  (void)state;
  assert_int_equal(start(&w, "127.0.0.1", 0, NULL), OA_OK);
  const uint16_t port = oa_admin_port(w.admin);
  const int fd = dial(&w); /* an open connection does not hold it up */
  oa_admin_stop(w.admin);
  assert_int_equal(start(&w, "127.0.0.1", port, NULL), OA_OK);
  assert_int_equal(oa_admin_port(w.admin), port);
  close(fd);
  oa_admin_stop(w.admin);
  oa_admin_stop(NULL);
}

static void any_allocation_may_fail(void **state) {
  world w = {0};
  int64_t n = 0;
  (void)state;
  for (;; n++) {
    oa_mem_fail_after(n);
    const oa_status status = start(&w, "127.0.0.1", 0, NULL);
    oa_mem_fail_after(-1);
    if (status == OA_OK) {
      break;
    }
    assert_int_equal(status, OA_ERR_NOMEM);
    assert_null(w.admin);
  }
  assert_true(n > 0);
  oa_admin_stop(w.admin);
}

#define WITH(TEST) cmocka_unit_test_setup_teardown(TEST, setup, teardown)

int main(void) {
  const struct CMUnitTest tests[] = {
      WITH(each_path_answers),
      WITH(metrics_have_their_content_type),
      WITH(every_answer_has_the_security_headers),
      WITH(not_ready_says_why),
      WITH(json_is_given_to_who_asks),
      WITH(a_stuck_thread_is_no_life),
      WITH(head_has_headers_and_no_body),
      WITH(unknown_paths_are_told_the_known_ones),
      WITH(other_methods_are_refused),
      WITH(a_connection_serves_many_requests),
      WITH(metrics_that_cannot_be_made_end_the_connection),
      WITH(long_requests_are_refused),
      WITH(bad_bytes_are_refused),
      WITH(a_body_is_not_waited_for),
      WITH(too_many_connections_hurt_nobody_for_long),
      WITH(concurrent_clients_are_all_served),
      WITH(a_taken_port_is_named),
      cmocka_unit_test(a_foreign_address_is_named),
      cmocka_unit_test(the_port_is_free_after_a_stop),
      cmocka_unit_test(any_allocation_may_fail),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
