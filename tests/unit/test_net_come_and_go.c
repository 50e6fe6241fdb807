/* SPDX-License-Identifier: Apache-2.0 */
/* Many who connect, hang up or are sent away at the same moment keep nobody
 * waiting who is being served; and each of them is dealt with. */
#include "net_trial.h"

enum {
  CROWD = 200,
  WORD = 700,       /* bytes that each of the crowd sends first */
  MINE = 500,       /* bytes of the call of somebody else */
  HOLD = 900,       /* bytes of a call that the thread works on meanwhile */
  WORK_US = 200,    /* what one of the crowd costs */
  MOST_BEFORE = 40, /* of the crowd may come before somebody else's call */
  LATE = 150,       /* connections whose time is over, more than one turn's */
};

/* A server whose only thread works on a call until it is let go. */
typedef struct gate {
  fixture f;
  client *mine;
  uint8_t *hold;
  uint8_t *call;
  atomic_bool held;
  atomic_bool open;
  atomic_size_t came;   /* of the crowd */
  atomic_size_t went;   /* of the crowd */
  atomic_size_t before; /* those that came or went before my call */
} gate;

static void work_a_little(void) {
  const uint64_t end = oa_clock_monotonic_ns() + WORK_US * UINT64_C(1000);
  while (oa_clock_monotonic_ns() < end) {
  }
}

static void on_call(void *context, oa_call *call) {
  gate *g = context;
  if (call->message_len == HOLD) {
    const uint64_t end = now_ms() + PATIENCE;
    atomic_store(&g->held, true);
    while (!atomic_load(&g->open) && now_ms() < end) {
      pause_ms(1);
    }
  } else if (call->message_len == WORD) {
    atomic_fetch_add(&g->came, 1);
    work_a_little();
  } else if (call->message_len == MINE) {
    atomic_store(&g->before, atomic_load(&g->came) + atomic_load(&g->went));
  }
  on_request(context, call);
}

static void on_gone(void *context, oa_call *call) {
  gate *g = context;
  atomic_fetch_add(&g->went, 1);
  work_a_little();
  on_canceled(context, call);
}

static gate *gate_new(void) {
  gate *g = calloc(1, sizeof *g);
  assert_non_null(g);
  fixture_init(&g->f);
  g->f.handler.request = on_call;
  g->f.handler.canceled = on_gone;
  fixture_start(&g->f);
  g->mine = client_greet(&g->f);
  g->hold = make_frame(HOLD, false);
  g->call = make_frame(MINE, false);
  return g;
}

static void gate_free(gate *g) {
  client_close(g->mine);
  fixture_end(&g->f);
  oa_free(g->hold);
  oa_free(g->call);
  free(g);
}

static void await_connections(const gate *g, uint64_t wanted) {
  const uint64_t end = now_ms() + PATIENCE;
  while (server_stats(&g->f).connections_now != wanted) {
    assert_true(now_ms() < end);
    pause_ms(1);
  }
}

/* The thread does nothing but wait from here on. */
static void shut(gate *g, client *by) {
  const ask what = ask_for(g->hold, HOLD + 5);
  const uint64_t end = now_ms() + PATIENCE;
  client_ask(by, &what);
  while (!atomic_load(&g->held)) {
    assert_true(now_ms() < end);
    client_turn(by, 1);
  }
}

/* A crowd connects, of whom the server has not heard a word when HOLDER's call
 * shuts it. */
static client *shut_before(gate *g, int fds[CROWD]) {
  client *holder = client_greet(&g->f);
  for (size_t i = 0; i < CROWD; i++) {
    fds[i] = connect_to(oa_server_port(g->f.server, 0));
  }
  await_connections(g, CROWD + 2);
  shut(g, holder);
  return holder;
}

/* I call, behind all others, and the thread goes on. */
static void call_and_open(gate *g) {
  const ask what = ask_for(g->call, MINE + 5);
  const int32_t stream = client_ask(g->mine, &what);
  client_send_at_once(g->mine);
  atomic_store(&g->open, true);
  assert_int_equal(client_await(g->mine, stream)->grpc_status, 0);
}

static void await_atomic(const atomic_size_t *counter, size_t wanted) {
  const uint64_t end = now_ms() + PATIENCE;
  while (atomic_load(counter) < wanted) {
    assert_true(now_ms() < end);
    pause_ms(1);
  }
}

static void newcomers_keep_nobody_waiting(void **state) {
  (void)state;
  gate *g = gate_new();
  oa_buf word = {0};
  char head[128];
  char body[WORD] = {0};
  int fds[CROWD];
  const int len = snprintf(head, sizeof head,
                           "POST %s HTTP/1.1\r\nHost: x\r\n"
                           "Content-Length: %d\r\n\r\n",
                           HTTP_PATH, WORD);
  assert_int_equal(oa_buf_put(&word, head, (size_t)len), OA_OK);
  assert_int_equal(oa_buf_put(&word, body, sizeof body), OA_OK);
  client *holder = shut_before(g, fds);
  for (size_t i = 0; i < CROWD; i++) {
    assert_true(send_all(fds[i], word.data, word.len));
  }
  call_and_open(g);
  assert_true(atomic_load(&g->before) <= MOST_BEFORE);
  /* And all of them are answered. */
  for (size_t i = 0; i < CROWD; i++) {
    char text[16] = "";
    struct pollfd wait = {.fd = fds[i], .events = POLLIN};
    assert_int_equal(poll(&wait, 1, PATIENCE), 1);
    assert_true(recv(fds[i], text, 12, MSG_WAITALL) == 12);
    assert_string_equal(text, "HTTP/1.1 200");
    close(fds[i]);
  }
  assert_int_equal(atomic_load(&g->came), CROWD);
  oa_buf_free(&word);
  client_close(holder);
  await_connections(g, 1);
  gate_free(g);
}

static void those_who_hang_up_keep_nobody_waiting(void **state) {
  (void)state;
  gate *g = gate_new();
  client *holder = client_greet(&g->f);
  client *crowd[CROWD];
  ask stream = ask_for(g->call, MINE + 5);
  stream.path = STREAM_PATH;
  stream.body.open_end = true;
  for (size_t i = 0; i < CROWD; i++) {
    crowd[i] = client_open(&g->f);
    client_ask(crowd[i], &stream);
    client_await_count(crowd[i], &g->f.messages, i + 1);
  }
  shut(g, holder);
  for (size_t i = 0; i < CROWD; i++) {
    client_close(crowd[i]);
  }
  call_and_open(g);
  assert_true(atomic_load(&g->before) <= MOST_BEFORE);
  await_atomic(&g->went, CROWD);
  client_close(holder);
  await_connections(g, 1);
  gate_free(g);
}

static void newcomers_that_hang_up_or_say_nonsense_are_ended(void **state) {
  (void)state;
  static const char *const words[] = {"", "PRI * HTTP/2.0", "\x16\x03\x01",
                                      "\xff\xff", "GET / HTTP/1.1\r\n"};
  enum { WORDS = sizeof words / sizeof words[0] };
  gate *g = gate_new();
  int fds[CROWD];
  client *holder = shut_before(g, fds);
  for (size_t i = 0; i < CROWD; i++) {
    send_all(fds[i], words[i % WORDS], strlen(words[i % WORDS]));
    close(fds[i]);
  }
  call_and_open(g);
  client_close(holder);
  await_connections(g, 1);
  gate_free(g);
}

static void a_server_stops_while_many_wait_for_their_turn(void **state) {
  (void)state;
  gate *g = gate_new();
  int fds[CROWD];
  client *holder = shut_before(g, fds);
  for (size_t i = 0; i < CROWD; i++) {
    if (i % 2 == 0) {
      assert_true(send_all(fds[i], "PRI * HTTP/2.0\r\n", 16));
    } else {
      close(fds[i]);
    }
  }
  atomic_store(&g->open, true);
  oa_server_stop(g->f.server, 0);
  for (size_t i = 0; i < CROWD; i += 2) {
    close(fds[i]);
  }
  client_close(holder);
  gate_free(g);
}

static void all_whose_time_is_over_are_ended(void **state) {
  (void)state;
  fixture f;
  int fds[LATE];
  fixture_init(&f);
  f.options.handshake_timeout_ms = 300;
  f.options.idle_timeout_ms = 300;
  fixture_start(&f);
  for (size_t i = 0; i < LATE; i++) {
    fds[i] = connect_to(oa_server_port(f.server, 0));
  }
  for (size_t i = 0; i < LATE; i++) {
    char text[16];
    struct pollfd wait = {.fd = fds[i], .events = POLLIN};
    assert_int_equal(poll(&wait, 1, PATIENCE), 1);
    assert_int_equal(recv(fds[i], text, sizeof text, 0), 0);
    close(fds[i]);
  }
  fixture_end(&f);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(newcomers_keep_nobody_waiting),
      cmocka_unit_test(those_who_hang_up_keep_nobody_waiting),
      cmocka_unit_test(newcomers_that_hang_up_or_say_nonsense_are_ended),
      cmocka_unit_test(a_server_stops_while_many_wait_for_their_turn),
      cmocka_unit_test(all_whose_time_is_over_are_ended),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
