/* SPDX-License-Identifier: Apache-2.0 */
/* The server as a whole: ports, threads, limits, its start and its end. */
#include "net_trial.h"

static void a_taken_port_is_named(void **state) {
  (void)state;
  static const unsigned threads[] = {1, 4};
  for (size_t i = 0; i < 2; i++) {
    for (size_t k = 0; k < 2; k++) {
      fixture f;
      fixture g;
      fixture_init(&f);
      fixture_init(&g);
      f.options.threads = threads[i];
      g.options.threads = threads[k];
      fixture_start(&f);
      const uint16_t port = oa_server_port(f.server, 0);
      g.options.listeners[0].port = port;
      g.options.listeners[0].key = "its.port";
      oa_error error = {0};
      oa_server *none = NULL;
      assert_int_equal(oa_server_start(&none, &g.options, &error), OA_ERR_IO);
      assert_null(none);
      char where[32];
      snprintf(where, sizeof where, "127.0.0.1:%u", (unsigned)port);
      assert_non_null(strstr(error.text, where));
      assert_non_null(strstr(error.text,
                             "address already in use; stop the other program, "
                             "or choose another its.port"));
      assert_int_equal(g.starts, 0);
      fixture_end(&g);
      fixture_end(&f);
    }
  }
}

static void a_port_is_free_again_after_the_end(void **state) {
  (void)state;
  fixture f;
  fixture_init(&f);
  fixture_start(&f);
  const uint16_t port = oa_server_port(f.server, 0);
  client *c = client_open(&f);
  client_run(c, 20);
  fixture_end(&f);
  client_close(c);
  fixture_init(&f);
  f.options.listeners[0].port = port;
  fixture_start(&f);
  assert_int_equal(oa_server_port(f.server, 0), port);
  fixture_end(&f);
}

static void bad_options_are_refused(void **state) {
  (void)state;
  fixture f;
  oa_server *none = NULL;
  oa_error error = {0};
  fixture_init(&f);
  f.options.listeners[0].address = "localhost";
  assert_int_equal(oa_server_start(&none, &f.options, &error), OA_ERR_CONFIG);
  assert_non_null(strstr(error.text, "localhost"));
  f.options.listeners[0].address = "127.0.0.1";
  f.options.listener_count = 0;
  assert_int_equal(oa_server_start(&none, &f.options, &error), OA_ERR_CONFIG);
  f.options.listener_count = OA_SERVER_MAX_LISTENERS + 1;
  assert_int_equal(oa_server_start(&none, &f.options, &error), OA_ERR_CONFIG);
  f.options.listener_count = 1;
  f.options.max_message = SIZE_MAX;
  assert_int_equal(oa_server_start(&none, &f.options, &error), OA_ERR_CONFIG);
  f.options.max_message = 1000;
  f.options.stream_window = 0;
  assert_int_equal(oa_server_start(&none, &f.options, &error), OA_ERR_CONFIG);
  f.options.stream_window = 65536;
  f.handler.request = NULL;
  assert_int_equal(oa_server_start(&none, &f.options, &error), OA_ERR_CONFIG);
  f.handler.request = on_request;
  /* An address of documentation, which no interface here has. */
  f.options.listeners[0].address = "192.0.2.1";
  assert_int_equal(oa_server_start(&none, &f.options, &error), OA_ERR_IO);
  assert_non_null(strstr(error.text, "192.0.2.1"));
  assert_null(none);
  fixture_end(&f);
}

static oa_status fail_second(void *context, unsigned thread, oa_error *error) {
  fixture *f = context;
  if (thread == 1) {
    return oa_error_set(error, OA_ERR_LIMIT, "thread one will not");
  }
  uv_mutex_lock(&f->lock);
  f->starts++;
  uv_mutex_unlock(&f->lock);
  return OA_OK;
}

static void a_failing_thread_start_ends_all(void **state) {
  (void)state;
  fixture f;
  oa_server *none = NULL;
  oa_error error = {0};
  fixture_init(&f);
  f.options.threads = 3;
  f.handler.thread_start = fail_second;
  assert_int_equal(oa_server_start(&none, &f.options, &error), OA_ERR_LIMIT);
  assert_string_equal(error.text, "thread one will not");
  assert_int_equal(f.starts, 1);
  assert_int_equal(f.stops, 1);
  fixture_end(&f);
}

static void starting_survives_each_failing_allocation(void **state) {
  (void)state;
  fixture f;
  fixture_init(&f);
  f.options.threads = 2;
  oa_status status = OA_ERR_NOMEM;
  for (int n = 0; n < 100 && status != OA_OK; n++) {
    oa_error error = {0};
    oa_server *server = NULL;
    oa_mem_fail_after(n);
    status = oa_server_start(&server, &f.options, &error);
    oa_mem_fail_after(-1);
    if (status == OA_OK) {
      fixture_set_server(&f, server);
    } else {
      assert_int_equal(status, OA_ERR_NOMEM);
      assert_true(strlen(error.text) > 0);
    }
  }
  assert_int_equal(status, OA_OK);
  fixture_end(&f);
}

static void threads_and_listeners_all_serve(void **state) {
  (void)state;
  enum { CLIENTS = 16, THREADS = 4 };
  fixture f;
  fixture_init(&f);
  f.options.threads = THREADS;
  f.options.listener_count = 2;
  f.options.listeners[1].address = "::1";
  fixture_start(&f);
  assert_int_equal(oa_server_threads(f.server), THREADS);
  assert_int_equal(f.starts, THREADS);
  assert_true(oa_server_port(f.server, 1) != 0);
  assert_int_equal(oa_server_port(f.server, 2), 0);
  client *clients[CLIENTS];
  uint8_t *frame = make_frame(200000, false);
  ask what = ask_for(frame, 200005);
  for (int i = 0; i < CLIENTS; i++) {
    clients[i] = client_open(&f);
    for (int k = 0; k < 4; k++) {
      client_ask(clients[i], &what);
    }
  }
  for (int i = 0; i < CLIENTS; i++) {
    for (int k = 0; k < 4; k++) {
      assert_int_equal(client_await(clients[i], 2 * k + 1)->grpc_status, 0);
    }
    client_close(clients[i]);
  }
  assert_int_equal(f.requests, CLIENTS * 4);
  oa_free(frame);
  fixture_end(&f);
}

/* Which threads have served a call. */
static void note_thread(void *context, oa_call *call) {
  fixture *f = context;
  uv_mutex_lock(&f->lock);
  f->order[call->thread]++;
  f->requests++;
  oa_call_reply(call, &f->reply);
  uv_mutex_unlock(&f->lock);
}

static void connections_are_spread_evenly(void **state) {
  (void)state;
  enum { CLIENTS = 12, THREADS = 4 };
  fixture f;
  fixture_init(&f);
  f.options.threads = THREADS;
  f.handler.request = note_thread;
  fixture_start(&f);
  client *clients[CLIENTS];
  uint8_t *frame = make_frame(10, false);
  ask what = ask_for(frame, 15);
  for (int i = 0; i < CLIENTS; i++) {
    clients[i] = client_open(&f);
    assert_int_equal(client_call(clients[i], &what)->grpc_status, 0);
  }
  for (int i = 0; i < THREADS; i++) {
    assert_int_equal(f.order[i], CLIENTS / THREADS);
  }
  for (int i = 0; i < CLIENTS; i++) {
    client_close(clients[i]);
  }
  oa_free(frame);
  fixture_end(&f);
}

static void two_servers_live_in_one_process(void **state) {
  (void)state;
  fixture f;
  fixture g;
  fixture_init(&f);
  fixture_init(&g);
  fixture_start(&f);
  fixture_start(&g);
  assert_int_not_equal(oa_server_port(f.server, 0),
                       oa_server_port(g.server, 0));
  uint8_t *frame = make_frame(10, false);
  ask what = ask_for(frame, 15);
  client *c = client_open(&f);
  assert_int_equal(client_call(c, &what)->grpc_status, 0);
  client_close(c);
  fixture_end(&f);
  c = client_open(&g);
  assert_int_equal(client_call(c, &what)->grpc_status, 0);
  client_close(c);
  oa_free(frame);
  fixture_end(&g);
}

static void connections_are_bounded(void **state) {
  (void)state;
  fixture f;
  fixture_init(&f);
  f.options.max_connections = 2;
  fixture_start(&f);
  client *a = client_open(&f);
  client *b = client_open(&f);
  client_run(a, 20);
  client_run(b, 20);
  client *c = client_open(&f);
  client_run(c, PATIENCE);
  assert_true(c->eof);
  client_close(a);
  client_close(c);
  oa_server_stats stats;
  const uint64_t end = now_ms() + PATIENCE;
  do {
    pause_ms(1);
    oa_server_get_stats(f.server, &stats);
  } while (stats.connections_now > 1 && now_ms() < end);
  assert_int_equal(stats.connections_refused, 1);
  uint8_t *frame = make_frame(10, false);
  ask what = ask_for(frame, 15);
  c = client_open(&f);
  assert_int_equal(client_call(c, &what)->grpc_status, 0);
  oa_free(frame);
  client_close(b);
  client_close(c);
  fixture_end(&f);
}

static void idle_connections_are_sent_away(void **state) {
  (void)state;
  fixture f;
  fixture_init(&f);
  f.options.idle_timeout_ms = 100;
  fixture_start(&f);
  client *c = client_open(&f);
  client_run(c, PATIENCE);
  assert_true(c->goaway);
  assert_int_equal(c->goaway_error, NGHTTP2_NO_ERROR);
  assert_true(c->eof);
  client_close(c);
  fixture_end(&f);
}

static void ticks_and_wakes_come(void **state) {
  (void)state;
  fixture f;
  fixture_init(&f);
  fixture_start(&f);
  await_count(&f, &f.ticks, 3);
  carry_out(&f, NOTHING);
  oa_server_stop(f.server, 100);
  /* Late wakes, as of a writer that has just finished, do nothing. */
  oa_server_wake(f.server, 0);
  fixture_end(&f);
}

typedef struct stopping {
  oa_server *server;
  uint32_t timeout;
  uint64_t took;
} stopping;

static void stop_server(void *argument) {
  stopping *s = argument;
  const uint64_t begin = now_ms();
  oa_server_stop(s->server, s->timeout);
  s->took = now_ms() - begin;
}

static void stopping_lets_calls_in_flight_end(void **state) {
  (void)state;
  fixture f;
  fixture_init(&f);
  f.keep = true;
  fixture_start(&f);
  client *c = client_open(&f);
  client *idle = client_open(&f);
  uint8_t *frame = make_frame(200000, false);
  ask what = ask_for(frame, 200005);
  const int32_t kept = client_ask(c, &what);
  what.body.stop = 100000;
  const int32_t coming = client_ask(c, &what);
  client_settle(idle);
  client_await_count(c, &f.requests, 1);
  client_settle(c);
  stopping s = {.server = f.server, .timeout = PATIENCE};
  uv_thread_t thread;
  assert_int_equal(uv_thread_create(&thread, stop_server, &s), 0);
  const uint64_t end = now_ms() + PATIENCE;
  while (!c->goaway && now_ms() < end) {
    client_turn(c, 5);
  }
  assert_true(c->goaway);
  client_run(idle, PATIENCE);
  assert_true(idle->goaway && idle->eof);
  client_close(idle);

  c->sources[1].stop = SIZE_MAX;
  nghttp2_session_resume_data(c->session, coming);
  while (read_count(&f, &f.requests) < 2 && now_ms() < end) {
    client_turn(c, 5);
  }
  carry_out(&f, REPLY_KEPT);
  assert_int_equal(client_await(c, kept)->grpc_status, 0);
  assert_int_equal(client_await(c, coming)->grpc_status, 0);
  client_run(c, PATIENCE);
  assert_true(c->eof);
  client_close(c);
  uv_thread_join(&thread);
  assert_true(s.took < PATIENCE);
  oa_free(frame);
  fixture_end(&f);
}

static void stopping_is_bounded_in_time(void **state) {
  (void)state;
  static const uint32_t timeouts[] = {0, 200};
  for (size_t i = 0; i < 2; i++) {
    fixture f;
    fixture_init(&f);
    f.keep = true;
    fixture_start(&f);
    client *c = client_open(&f);
    uint8_t *frame = make_frame(1000, false);
    ask what = ask_for(frame, 1005);
    client_ask(c, &what);
    what.body.stop = 500;
    client_ask(c, &what);
    client_await_count(c, &f.requests, 1);
    client_run(c, 20);
    stopping s = {.server = f.server, .timeout = timeouts[i]};
    stop_server(&s);
    assert_true(s.took < timeouts[i] + 1500);
    /* The call that was kept has been replied to in thread_stop(). */
    assert_int_equal(f.kept_count, 0);
    oa_free(frame);
    client_close(c);
    fixture_end(&f);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_taken_port_is_named),
      cmocka_unit_test(a_port_is_free_again_after_the_end),
      cmocka_unit_test(bad_options_are_refused),
      cmocka_unit_test(a_failing_thread_start_ends_all),
      cmocka_unit_test(starting_survives_each_failing_allocation),
      cmocka_unit_test(threads_and_listeners_all_serve),
      cmocka_unit_test(connections_are_spread_evenly),
      cmocka_unit_test(two_servers_live_in_one_process),
      cmocka_unit_test(connections_are_bounded),
      cmocka_unit_test(idle_connections_are_sent_away),
      cmocka_unit_test(ticks_and_wakes_come),
      cmocka_unit_test(stopping_lets_calls_in_flight_end),
      cmocka_unit_test(stopping_is_bounded_in_time),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
