/* SPDX-License-Identifier: Apache-2.0 */
/* Who sends a lot of work at once does not keep others waiting until all of it
 * is done; and nothing of it is lost, refused or ended meanwhile. */
#include "net_trial.h"
#include "turn_trial.h"

/* Who else there is: calls while the first hard message is worked on. */
static void call_beside(busy *b, client *other, const uint8_t *easy) {
  await_begun(b);
  const ask quick = ask_for(easy, EASY + 5);
  const int32_t mine = client_ask(other, &quick);
  client_send_at_once(other);
  atomic_store(&b->other_sent, true);
  assert_int_equal(client_await(other, mine)->grpc_status, 0);
}

/* Two connections, of which one has much to do and the other little. */
typedef struct rivals {
  busy *b;
  client *one;
  client *other;
  uint8_t *hard;
  uint8_t *easy;
} rivals;

static rivals rivals_open(void) {
  rivals r = {.b = busy_start(NULL)};
  r.one = client_greet(&r.b->f);
  r.other = client_greet(&r.b->f);
  r.hard = make_frame(HARD, false);
  r.easy = make_frame(EASY, false);
  return r;
}

static void rivals_close(rivals *r) {
  oa_free(r->hard);
  oa_free(r->easy);
  client_close(r->one);
  client_close(r->other);
  busy_end(r->b);
}

static void many_calls_of_one_do_not_go_before_one_of_another(void **state) {
  (void)state;
  rivals r = rivals_open();
  fixture *f = &r.b->f;
  uint8_t *own = make_frame(EASY + 1, false);
  int32_t streams[MANY + 1];
  const ask what = ask_for(r.hard, HARD + 5);
  client_ask_often(r.one, &what, streams, MANY);
  const ask last = ask_for(own, EASY + 6);
  streams[MANY] = client_ask(r.one, &last);
  client_send_at_once(r.one);
  call_beside(r.b, r.other, r.easy);
  client_await_ok(r.one, streams, MANY + 1);
  assert_int_equal(f->requests, MANY + 2);
  assert_true(place_of(f, EASY) <= MOST_BEFORE);
  /* One's own have kept their order. */
  assert_int_equal(place_of(f, EASY + 1), MANY + 1);
  oa_free(own);
  rivals_close(&r);
}

static void many_messages_of_a_stream_do_not_either(void **state) {
  (void)state;
  rivals r = rivals_open();
  const fixture *f = &r.b->f;
  uint8_t *all = oa_malloc((size_t)MANY * (HARD + 5));
  assert_non_null(all);
  for (size_t i = 0; i < MANY; i++) {
    memcpy(all + i * (HARD + 5), r.hard, HARD + 5);
  }
  ask what = ask_for(all, (size_t)MANY * (HARD + 5));
  what.path = STREAM_PATH;
  const int32_t stream = client_ask(r.one, &what);
  client_send_at_once(r.one);
  call_beside(r.b, r.other, r.easy);
  assert_int_equal(client_await(r.one, stream)->grpc_status, 0);
  assert_int_equal(f->messages, MANY);
  assert_int_equal(f->ends, 1);
  assert_int_equal(f->cancels, 0);
  assert_true(place_of(&r.b->f, EASY) <= MOST_BEFORE);
  oa_free(all);
  rivals_close(&r);
}

static void requests_sent_ahead_do_not_either(void **state) {
  (void)state;
  enum { ROOM = MANY * 512 };
  busy *b = busy_start(NULL);
  client *other = client_greet(&b->f);
  uint8_t *easy = make_frame(EASY, false);
  const int fd = connect_to(oa_server_port(b->f.server, 0));
  oa_buf all = requests_ahead();
  assert_true(send_all(fd, all.data, all.len));
  /* Its last word does not overtake what it has sent. */
  shutdown(fd, SHUT_WR);
  call_beside(b, other, easy);
  char *text = oa_malloc(ROOM);
  assert_non_null(text);
  read_all(fd, text, ROOM);
  assert_int_equal(count_answers(text), MANY);
  assert_true(place_of(&b->f, EASY) <= MOST_BEFORE);
  oa_free(text);
  oa_free(easy);
  oa_buf_free(&all);
  close(fd);
  client_close(other);
  busy_end(b);
}

/* --- who waits for us --- */

static void who_waits_for_us_is_not_late(void **state) {
  (void)state;
  busy *b = calloc(1, sizeof *b);
  assert_non_null(b);
  fixture_init(&b->f);
  b->f.handler.request = work_on_request;
  b->f.options.body_timeout_ms = 350;
  b->f.options.pace_ms = 300;
  b->f.options.min_body_rate = 20000;
  b->f.options.idle_timeout_ms = 300;
  atomic_store(&b->other_sent, true);
  fixture_start(&b->f);
  client *c = client_greet(&b->f);
  uint8_t *hard = make_frame(HARD, false);
  uint8_t *slow = make_frame(EASY, false);
  /* Its rest is sent with what takes long, and is behind it. */
  ask what = ask_for(slow, EASY + 5);
  what.body.stop = 100;
  const int32_t first = client_ask(c, &what);
  int32_t streams[MANY];
  const ask much = ask_for(hard, HARD + 5);
  client_ask_often(c, &much, streams, MANY);
  client_send_at_once(c);
  await_begun(b);
  c->sources[(first - 1) / 2].stop = SIZE_MAX;
  nghttp2_session_resume_data(c->session, first);
  client_send_at_once(c);
  client_await_ok(c, streams, MANY);
  assert_int_equal(client_await(c, first)->grpc_status, 0);
  assert_int_equal(server_stats(&b->f).bodies_late, 0);
  oa_free(hard);
  oa_free(slow);
  client_close(c);
  busy_end(b);
}

static void who_gives_up_meanwhile_leaves_nothing(void **state) {
  (void)state;
  for (int end = 0; end < 3; end++) {
    busy *b = busy_start(NULL);
    client *c = client_greet(&b->f);
    uint8_t *hard = make_frame(HARD, false);
    const ask what = ask_for(hard, HARD + 5);
    client_ask_often(c, &what, NULL, MANY);
    client_send_at_once(c);
    await_begun(b);
    atomic_store(&b->other_sent, true);
    await_count(&b->f, &b->f.requests, 2);
    if (end == 0) {
      client_close(c);
      await_held(&b->f, 0);
    } else {
      /* We stop: those that are here are served when there is time. */
      oa_server_stop(b->f.server, end == 1 ? 5000 : 0);
      assert_true(end == 1 ? b->f.requests == MANY : b->f.requests <= MANY);
      client_close(c);
    }
    oa_free(hard);
    fixture_end(&b->f);
    free(b);
  }
}

static void a_pause_holds_those_who_stand_back(void **state) {
  (void)state;
  busy *b = busy_start(NULL);
  client *c = client_greet(&b->f);
  uint8_t *hard = make_frame(HARD, false);
  const ask what = ask_for(hard, HARD + 5);
  const int32_t last = client_ask_often(c, &what, NULL, MANY);
  client_send_at_once(c);
  await_begun(b);
  const size_t paused = want(&b->f, PAUSE);
  atomic_store(&b->other_sent, true);
  await_count(&b->f, &b->f.done, paused);
  const size_t before = read_count(&b->f, &b->f.requests);
  assert_true(before < MANY);
  client_run(c, 100);
  assert_int_equal(read_count(&b->f, &b->f.requests), before);
  carry_out(&b->f, RESUME);
  assert_int_equal(client_await(c, last)->grpc_status, 0);
  await_count(&b->f, &b->f.requests, MANY);
  oa_free(hard);
  client_close(c);
  busy_end(b);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(many_calls_of_one_do_not_go_before_one_of_another),
      cmocka_unit_test(many_messages_of_a_stream_do_not_either),
      cmocka_unit_test(requests_sent_ahead_do_not_either),
      cmocka_unit_test(who_waits_for_us_is_not_late),
      cmocka_unit_test(who_gives_up_meanwhile_leaves_nothing),
      cmocka_unit_test(a_pause_holds_those_who_stand_back),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
