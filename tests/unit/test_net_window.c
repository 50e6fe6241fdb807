/* SPDX-License-Identifier: Apache-2.0 */
/* How much of the next messages of a streaming call may come while the handler
 * still has one. */
#include "net_trial.h"

enum { LEN = 200000, FRAME = LEN + 5, UNASKED = 65536 };

static int32_t open_stream(client *c, const uint8_t *messages, size_t count) {
  const ask what = stream_of(messages, count * FRAME);
  return client_ask(c, &what);
}

/* Lets C's streams send until they may not for a while. */
static void send_all_that_may(client *c) {
  client_run(c, 150);
}

static size_t sent_by(const client *c, size_t streams) {
  size_t sum = 0;
  for (size_t i = 0; i < streams; i++) {
    sum += c->sources[i].at;
  }
  return sum;
}

static void messages_come_while_one_is_handled(void **state) {
  (void)state;
  enum { COUNT = 12 };
  fixture f;
  fixture_init(&f);
  f.keep = true;
  fixture_start(&f);
  client *c = client_open(&f);
  uint8_t *messages = make_frames(COUNT, LEN);
  const int32_t stream = open_stream(c, messages, COUNT);
  for (size_t i = 1; i <= COUNT; i++) {
    client_await_count(c, &f.messages, i);
    CLIENT_UNTIL(c, i == COUNT || c->sources[0].at >= (i + 1) * FRAME);
    send_all_that_may(c);
    assert_int_equal(read_count(&f, &f.messages), i);
    const size_t ahead = c->sources[0].at - i * FRAME;
    assert_true(ahead <= 2 * FRAME + UNASKED);
    carry_out(&f, DONE_KEPT);
  }
  assert_int_equal(client_await(c, stream)->grpc_status, 0);
  assert_int_equal(f.message_bytes, (size_t)COUNT * LEN);
  assert_int_equal(held_now(&f), 0);
  oa_free(messages);
  client_close(c);
  fixture_end(&f);
}

/* All streams together send so much ahead, and all come to their end. */
static void many_streams_share_what_may_come_ahead(void **state) {
  (void)state;
  enum { STREAMS = 20, COUNT = 4, BUDGET = 8000000, AHEAD = BUDGET / 4 };
  fixture f;
  fixture_init(&f);
  f.keep = true;
  f.options.body_budget = BUDGET;
  fixture_start(&f);
  client *c = client_open(&f);
  uint8_t *messages = make_frames(COUNT, LEN);
  int32_t streams[STREAMS];
  for (size_t i = 0; i < STREAMS; i++) {
    streams[i] = open_stream(c, messages, COUNT);
  }
  for (size_t i = 1; i <= COUNT; i++) {
    const size_t taken = i * STREAMS * FRAME;
    client_await_count(c, &f.messages, i * STREAMS);
    CLIENT_UNTIL(
        c, i == COUNT || sent_by(c, STREAMS) > taken + STREAMS * UNASKED / 2);
    send_all_that_may(c);
    const size_t ahead = sent_by(c, STREAMS) - taken;
    assert_true(ahead <= AHEAD + STREAMS * UNASKED);
    carry_out(&f, DONE_KEPT);
  }
  for (size_t i = 0; i < STREAMS; i++) {
    assert_int_equal(client_await(c, streams[i])->grpc_status, 0);
  }
  assert_int_equal(f.message_bytes, (size_t)STREAMS * COUNT * LEN);
  assert_int_equal(held_now(&f), 0);
  oa_free(messages);
  client_close(c);
  fixture_end(&f);
}

/* What a stream may send ahead is another's again when it has gone. */
static void a_stream_that_ends_leaves_its_part_to_others(void **state) {
  (void)state;
  enum { ROUNDS = 30, COUNT = 3, BUDGET = 2400000 };
  fixture f;
  fixture_init(&f);
  f.keep = true;
  f.options.body_budget = BUDGET; /* for one such stream at a time */
  fixture_start(&f);
  client *c = client_open(&f);
  uint8_t *messages = make_frames(COUNT, LEN);
  for (size_t i = 0; i < ROUNDS; i++) {
    const int32_t stream = open_stream(c, messages, COUNT);
    client_await_count(c, &f.messages, i + 1);
    CLIENT_UNTIL(c, c->sources[i].at >= 2 * FRAME);
    nghttp2_submit_rst_stream(c->session, NGHTTP2_FLAG_NONE, stream,
                              NGHTTP2_CANCEL);
    client_await_count(c, &f.cancels, i + 1);
    carry_out(&f, REPLY_KEPT);
  }
  assert_int_equal(held_now(&f), 0);
  oa_free(messages);
  client_close(c);
  fixture_end(&f);
}

static void nothing_comes_ahead_while_the_handler_pauses(void **state) {
  (void)state;
  enum { COUNT = 4 };
  fixture f;
  fixture_init(&f);
  fixture_start(&f);
  client *c = client_open(&f);
  uint8_t *messages = make_frames(COUNT, LEN);
  ask what = stream_of(messages, (size_t)COUNT * FRAME);
  what.body.stop = 1000;
  carry_out(&f, PAUSE);
  const int32_t stream = client_ask(c, &what);
  client_settle(c);
  c->sources[0].stop = SIZE_MAX;
  nghttp2_session_resume_data(c->session, stream);
  send_all_that_may(c);
  assert_true(c->sources[0].at <= UNASKED);
  carry_out(&f, RESUME);
  assert_int_equal(client_await(c, stream)->grpc_status, 0);
  assert_int_equal(f.message_bytes, (size_t)COUNT * LEN);
  oa_free(messages);
  client_close(c);
  fixture_end(&f);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(messages_come_while_one_is_handled),
      cmocka_unit_test(many_streams_share_what_may_come_ahead),
      cmocka_unit_test(a_stream_that_ends_leaves_its_part_to_others),
      cmocka_unit_test(nothing_comes_ahead_while_the_handler_pauses),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
