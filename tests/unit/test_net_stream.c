/* SPDX-License-Identifier: Apache-2.0 */
/* Streaming calls: many messages in one, both ways, and how they end. */
#include "net_trial.h"

static void messages_come_one_by_one_and_the_end_is_told(void **state) {
  (void)state;
  static const struct {
    size_t count;
    size_t len;
    size_t frame;
  } cases[] = {{1, 0, 0},       {3, 0, 1},       {500, 10, 0},    {40, 1000, 7},
               {100, 70000, 0}, {20, 300000, 0}, {1, 3000000, 0}, {5000, 1, 0}};
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    const size_t total = cases[i].count * (cases[i].len + 5);
    fixture f;
    fixture_init(&f);
    fixture_start(&f);
    client *c = client_open(&f);
    uint8_t *frames = make_frames(cases[i].count, cases[i].len);
    ask what = stream_of(frames, total);
    what.body.frame = cases[i].frame;
    const answer *a = client_call(c, &what);
    assert_int_equal(a->http_status, 200);
    assert_int_equal(a->grpc_status, 0);
    assert_int_equal(f.messages, cases[i].count);
    assert_int_equal(f.message_bytes, cases[i].count * cases[i].len);
    assert_int_equal(f.ends, 1);
    assert_int_equal(f.cancels, 0);
    oa_free(frames);
    client_close(c);
    fixture_end(&f);
  }
}

static void what_is_sent_arrives_and_its_end_is_told(void **state) {
  (void)state;
  enum { COUNT = 10, LEN = 20000 };
  fixture f;
  fixture_init(&f);
  f.echo = true;
  fixture_start(&f);
  client *c = client_open(&f);
  uint8_t *frames = make_frames(COUNT, LEN);
  const ask what = stream_of(frames, (size_t)COUNT * (LEN + 5));
  const answer *a = client_call(c, &what);
  assert_int_equal(a->grpc_status, 0);
  assert_int_equal(a->body_total, COUNT * (LEN + 5));
  assert_memory_equal(a->body, frames, sizeof a->body);
  assert_true(f.drains > 0);
  oa_free(frames);
  client_close(c);
  fixture_end(&f);
}

static void the_answers_come_before_the_call_ends(void **state) {
  (void)state;
  fixture f;
  fixture_init(&f);
  f.echo = true;
  fixture_start(&f);
  client *c = client_open(&f);
  uint8_t *frames = make_frames(2, 100);
  ask what = stream_of(frames, 210);
  what.body.stop = 105;
  const int32_t stream = client_ask(c, &what);
  const answer *a = answer_of(c, stream);
  for (int i = 0; i < 1000 && a->body_total < 105; i++) {
    client_turn(c, 5);
  }
  assert_int_equal(a->body_total, 105);
  assert_int_equal(a->http_status, 200);
  assert_false(a->closed);
  c->sources[0].stop = SIZE_MAX;
  nghttp2_session_resume_data(c->session, stream);
  assert_int_equal(client_await(c, stream)->body_total, 210);
  oa_free(frames);
  client_close(c);
  fixture_end(&f);
}

/* A message that a fresh window has room for, behind one that used part of
 * it, needs more room than is left. */
static void a_message_behind_a_shorter_one_comes_whole(void **state) {
  (void)state;
  static const size_t firsts[] = {1, 10000, 28000, 32000, 40000};
  enum { LEN = 65000 };
  for (size_t i = 0; i < sizeof firsts / sizeof firsts[0]; i++) {
    fixture f;
    fixture_init(&f);
    fixture_start(&f);
    client *c = client_open(&f);
    const size_t before = firsts[i] + 5;
    const size_t total = before + LEN + 5;
    uint8_t *first = make_frames(1, firsts[i]);
    uint8_t *second = make_frames(1, LEN);
    uint8_t *frames = oa_malloc(total);
    assert_non_null(frames);
    memcpy(frames, first, before);
    memcpy(frames + before, second, LEN + 5);
    ask what = stream_of(frames, total);
    what.body.stop = before;
    const int32_t stream = client_ask(c, &what);
    for (int turn = 0; turn < 1000 && read_count(&f, &f.messages) == 0;
         turn++) {
      client_turn(c, 5);
    }
    client_run(c, 10);
    c->sources[0].stop = SIZE_MAX;
    nghttp2_session_resume_data(c->session, stream);
    assert_int_equal(client_await(c, stream)->grpc_status, 0);
    assert_int_equal(f.messages, 2);
    assert_int_equal(f.message_bytes, firsts[i] + LEN);
    oa_free(frames);
    oa_free(second);
    oa_free(first);
    client_close(c);
    fixture_end(&f);
  }
}

/* Windows that were wide for a lone call become small when others come. */
static void a_call_at_rest_goes_on_when_windows_became_small(void **state) {
  (void)state;
  enum { COUNT = 50, LEN = 10000, REST = 20 };
  fixture f;
  fixture_init(&f);
  fixture_start(&f);
  client *c = client_open(&f);
  uint8_t *frames = make_frames(COUNT, LEN);
  ask what = stream_of(frames, (size_t)COUNT * (LEN + 5));
  for (int i = 0; i < 10; i++) { /* windows become wide */
    const ask alone = stream_of(frames, LEN + 5);
    assert_int_equal(client_call(c, &alone)->grpc_status, 0);
  }
  const size_t before = f.messages;
  what.body.stop = (size_t)REST * (LEN + 5);
  const int32_t stream = client_ask(c, &what);
  await_count(&f, &f.messages, before);
  for (int i = 0; i < 1000 && read_count(&f, &f.messages) < before + REST;
       i++) {
    client_turn(c, 5);
  }
  what.body.stop = 0;
  for (int i = 0; i < 4; i++) { /* and small again */
    client_ask(c, &what);
  }
  client_settle(c);
  source *body = &c->sources[(stream - 1) / 2];
  body->stop = SIZE_MAX;
  nghttp2_session_resume_data(c->session, stream);
  assert_int_equal(client_await(c, stream)->grpc_status, 0);
  assert_int_equal(f.messages, before + COUNT);
  oa_free(frames);
  client_close(c);
  fixture_end(&f);
}

static void a_busy_handler_gets_no_further_message(void **state) {
  (void)state;
  enum { COUNT = 30, LEN = 20000 };
  fixture f;
  fixture_init(&f);
  f.keep = true;
  fixture_start(&f);
  client *c = client_open(&f);
  uint8_t *frames = make_frames(COUNT, LEN);
  const ask what = stream_of(frames, (size_t)COUNT * (LEN + 5));
  const int32_t stream = client_ask(c, &what);
  for (size_t i = 1; i <= COUNT; i++) {
    const uint64_t end = now_ms() + PATIENCE;
    while (read_count(&f, &f.messages) < i && now_ms() < end) {
      client_turn(c, 1);
    }
    client_run(c, i < 4 ? 20 : 1);
    assert_int_equal(read_count(&f, &f.messages), i);
    /* No more than windows allow is on its way. */
    assert_true(c->sources[0].at <= i * (LEN + 5) + 2 * 65536);
    carry_out(&f, DONE_KEPT);
  }
  assert_int_equal(client_await(c, stream)->grpc_status, 0);
  assert_int_equal(f.ends, 1);
  oa_free(frames);
  client_close(c);
  fixture_end(&f);
}

static void a_client_that_gives_up_is_told_to_the_handler(void **state) {
  (void)state;
  fixture f;
  fixture_init(&f);
  fixture_start(&f);
  uint8_t *frames = make_frames(2, 100);
  client *c = client_open(&f);
  ask what = stream_of(frames, 210);
  what.body.stop = 150;
  const int32_t stream = client_ask(c, &what);
  client_await_count(c, &f.messages, 1);
  nghttp2_submit_rst_stream(c->session, NGHTTP2_FLAG_NONE, stream,
                            NGHTTP2_CANCEL);
  client_await_count(c, &f.cancels, 1);
  client_ask(c, &what);
  client_await_count(c, &f.streams, 2);
  client_close(c);
  await_count(&f, &f.cancels, 2);
  assert_int_equal(read_count(&f, &f.ends), 0);
  oa_free(frames);
  fixture_end(&f);
}

static void a_bad_message_ends_the_call_with_a_reason(void **state) {
  (void)state;
  fixture f;
  fixture_init(&f);
  f.options.max_message = 1000;
  fixture_start(&f);
  client *c = client_open(&f);
  uint8_t *frames = make_frames(2, 100);
  frames[105] = 7;
  ask what = stream_of(frames, 210);
  const answer *a = client_call(c, &what);
  assert_int_equal(a->grpc_status, OA_GRPC_INTERNAL);
  assert_int_equal(f.messages, 1);
  assert_int_equal(f.cancels, 1);
  frames[105] = 0;
  frames[108] = 0xFF;
  a = client_call(c, &what);
  assert_int_equal(a->grpc_status, OA_GRPC_RESOURCE_EXHAUSTED);
  frames[108] = 0;
  what.body.len = 150;
  a = client_call(c, &what);
  assert_int_equal(a->grpc_status, OA_GRPC_INTERNAL);
  frames[0] = 1;
  a = client_call(c, &what);
  assert_int_equal(a->grpc_status, OA_GRPC_INTERNAL);
  assert_int_equal(f.cancels, 4);
  assert_int_equal(f.refusals, 4);
  oa_free(frames);
  client_close(c);
  fixture_end(&f);
}

static void a_message_that_never_ends_is_given_up(void **state) {
  (void)state;
  fixture f;
  fixture_init(&f);
  f.options.body_timeout_ms = 400;
  fixture_start(&f);
  client *c = client_open(&f);
  uint8_t *frames = make_frames(2, 100);
  ask what = stream_of(frames, 210);
  what.body.stop = 105;
  const int32_t idle = client_ask(c, &what);
  what.body.stop = 106;
  const int32_t late = client_ask(c, &what);
  assert_int_equal(client_await(c, late)->grpc_status,
                   OA_GRPC_DEADLINE_EXCEEDED);
  client_run(c, 500);
  assert_false(answer_of(c, idle)->closed);
  oa_free(frames);
  client_close(c);
  fixture_end(&f);
}

static void long_messages_of_streams_wait_for_budget(void **state) {
  (void)state;
  enum { CALLS = 24, LEN = 300000 };
  fixture f;
  fixture_init(&f);
  f.options.body_budget = 700000;
  fixture_start(&f);
  client *c = client_open(&f);
  uint8_t *frames = make_frames(3, LEN);
  int32_t streams[CALLS];
  for (int i = 0; i < CALLS; i++) {
    const ask what = stream_of(frames, (size_t)3 * (LEN + 5));
    streams[i] = client_ask(c, &what);
  }
  for (int i = 0; i < CALLS; i++) {
    assert_int_equal(client_await(c, streams[i])->grpc_status, 0);
  }
  assert_int_equal(f.messages, 3 * CALLS);
  assert_true(f.most_held < 700000 + CALLS * 65536);
  oa_free(frames);
  client_close(c);
  fixture_end(&f);
}

static void stopping_ends_streams_at_rest(void **state) {
  (void)state;
  fixture f;
  fixture_init(&f);
  fixture_start(&f);
  client *c = client_open(&f);
  uint8_t *frames = make_frames(1, 100);
  ask what = stream_of(frames, 105);
  what.body.open_end = true;
  client_ask(c, &what);
  client_await_count(c, &f.messages, 1);
  const uint64_t before = now_ms();
  oa_server_stop(f.server, 5000);
  assert_true(now_ms() - before < 4000);
  assert_int_equal(f.cancels, 1);
  oa_free(frames);
  client_close(c);
  fixture_end(&f);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(messages_come_one_by_one_and_the_end_is_told),
      cmocka_unit_test(what_is_sent_arrives_and_its_end_is_told),
      cmocka_unit_test(the_answers_come_before_the_call_ends),
      cmocka_unit_test(a_message_behind_a_shorter_one_comes_whole),
      cmocka_unit_test(a_call_at_rest_goes_on_when_windows_became_small),
      cmocka_unit_test(a_busy_handler_gets_no_further_message),
      cmocka_unit_test(a_client_that_gives_up_is_told_to_the_handler),
      cmocka_unit_test(a_bad_message_ends_the_call_with_a_reason),
      cmocka_unit_test(a_message_that_never_ends_is_given_up),
      cmocka_unit_test(long_messages_of_streams_wait_for_budget),
      cmocka_unit_test(stopping_ends_streams_at_rest),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
