/* SPDX-License-Identifier: Apache-2.0 */
/* DoPut tells of a batch when that is as safe as was asked for, and in the
 * order of the batches. */
#include "flight_calls.h"

typedef struct scene {
  desk d;
  fake_call c;
  flow f;
} scene;

static int setup(void **state) {
  scene *s = calloc(1, sizeof *s);
  assert_non_null(s);
  desk_open(&s->d, "/nowhere");
  s->d.receiver.options.ack = OA_ACK_WRITE;
  flow_rich(&s->f, OA_LOGS, 3, OA_CODING_NONE, "logs");
  call_open(&s->d, &s->c, "DoPut");
  *state = s;
  return 0;
}

static int teardown(void **state) {
  scene *s = *state;
  call_free(&s->d, &s->c);
  assert_int_equal(waiting(&s->d.pipeline), 0);
  flow_free(&s->f);
  desk_close(&s->d);
  free(s);
  return 0;
}

static void answers_come_when_the_batches_are_safe(void **state) {
  scene *s = *state;
  call_flow(&s->d, &s->c, &s->f);
  assert_int_equal(s->c.done, s->f.count); /* nothing waits to be read */
  assert_int_equal(waiting(&s->d.pipeline), 3);
  assert_int_equal(s->c.sent.count, 0);
  settle(&s->d.pipeline, 0, NULL);
  assert_int_equal(s->c.sent.count, 1);
  assert_answer(&s->c, 0, "{\"batch\":0,\"rows\":2,\"rejected\":0}");
}

static void answers_keep_their_order(void **state) {
  scene *s = *state;
  call_flow(&s->d, &s->c, &s->f);
  settle(&s->d.pipeline, 2, NULL);
  settle(&s->d.pipeline, 1, NULL);
  assert_int_equal(s->c.sent.count, 0);
  settle(&s->d.pipeline, 0, NULL);
  assert_int_equal(s->c.sent.count, 3);
  assert_answer(&s->c, 2, "{\"batch\":2,\"rows\":2,\"rejected\":0}");
}

static void the_end_waits_for_the_last_answer(void **state) {
  scene *s = *state;
  call_flow(&s->d, &s->c, &s->f);
  call_end(&s->d, &s->c);
  assert_false(s->c.replied);
  for (int i = 0; i < 3; i++) {
    assert_false(s->c.replied);
    settle(&s->d.pipeline, 0, NULL);
  }
  assert_int_equal(s->c.sent.count, 3);
  assert_reply(&s->c, OA_GRPC_OK, "");
}

static void a_batch_that_is_not_safe_ends_the_stream(void **state) {
  scene *s = *state;
  call_flow(&s->d, &s->c, &s->f);
  settle(&s->d.pipeline, 0, NULL);
  settle(&s->d.pipeline, 0, "no space");
  assert_reply(&s->c, OA_GRPC_UNAVAILABLE,
               "batch 1: cannot write: no space; those before it are taken");
  assert_true(s->c.retry_after_ms > 0);
  assert_int_equal(s->c.sent.count, 1);
}

/* What is wrong with a later message is said after the answers before it. */
static void a_bad_message_is_answered_in_its_turn(void **state) {
  scene *s = *state;
  call_flow(&s->d, &s->c, &s->f);
  s->c.call.message = (const uint8_t *)"\xff";
  s->c.call.message_len = 1;
  oa_protocol_flight.message(&s->d.receiver, &s->c.call);
  assert_false(s->c.replied);
  for (int i = 0; i < 3; i++) {
    settle(&s->d.pipeline, 0, NULL);
  }
  assert_int_equal(s->c.sent.count, 3);
  assert_reply(&s->c, OA_GRPC_INVALID_ARGUMENT, "FlightData");
}

static void many_unsafe_batches_make_the_next_message_wait(void **state) {
  scene *s = *state;
  const oa_buf *last = &s->f.messages[s->f.count - 1];
  call_flow(&s->d, &s->c, &s->f);
  while (waiting(&s->d.pipeline) < OA_ACK_LINE_MAX - 1) {
    call_message(&s->d, &s->c, last->data, last->len);
  }
  const int done = s->c.done;
  s->c.call.message = last->data;
  s->c.call.message_len = last->len;
  oa_protocol_flight.message(&s->d.receiver, &s->c.call);
  assert_int_equal(waiting(&s->d.pipeline), OA_ACK_LINE_MAX);
  assert_int_equal(s->c.done, done);
  settle(&s->d.pipeline, 0, NULL);
  assert_int_equal(s->c.done, done + 1);
}

static void a_header_raises_the_level_and_never_lowers_it(void **state) {
  scene *s = *state;
  s->c.ack = "memory";
  call_flow(&s->d, &s->c, &s->f);
  assert_int_equal(waiting(&s->d.pipeline), 3);
  call_free(&s->d, &s->c);
  assert_int_equal(waiting(&s->d.pipeline), 0);

  s->d.receiver.options.ack = OA_ACK_MEMORY;
  call_open(&s->d, &s->c, "DoPut");
  s->c.ack = "fsync";
  call_flow(&s->d, &s->c, &s->f);
  assert_int_equal(waiting(&s->d.pipeline), 3);
  call_free(&s->d, &s->c);

  call_open(&s->d, &s->c, "DoPut");
  s->c.ack = "soon";
  call_message(&s->d, &s->c, s->f.messages[0].data, s->f.messages[0].len);
  assert_reply(&s->c, OA_GRPC_INVALID_ARGUMENT, "otlp-arrow-ack: say");
}

/* Sends the flow as far as its messages are asked for. */
static void call_while_asked(scene *s, fake_call *c) {
  for (size_t i = 0; i < s->f.count && c->done == (int)i; i++) {
    c->call.message = s->f.messages[i].data;
    c->call.message_len = s->f.messages[i].len;
    oa_protocol_flight.message(&s->d.receiver, &c->call);
  }
}

static void memory_may_end_anywhere(void **state) {
  scene *s = *state;
  call_flow(&s->d, &s->c, &s->f); /* makes what the desk itself needs */
  for (int n = 0;; n++) {
    fake_call c;
    assert_true(n < 10000);
    call_open(&s->d, &c, "DoPut");
    oa_mem_fail_after(n);
    call_while_asked(s, &c);
    oa_mem_fail_after(-1);
    const bool whole = c.done == (int)s->f.count;
    while (!c.replied && waiting(&s->d.pipeline) > 3) {
      settle(&s->d.pipeline, 3, NULL); /* the first three are the scene's */
    }
    assert_true(whole || c.replied);
    assert_int_equal(c.code, whole ? OA_GRPC_OK : OA_GRPC_UNAVAILABLE);
    call_free(&s->d, &c);
    if (whole) {
      return;
    }
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(answers_come_when_the_batches_are_safe,
                                      setup, teardown),
      cmocka_unit_test_setup_teardown(answers_keep_their_order, setup,
                                      teardown),
      cmocka_unit_test_setup_teardown(the_end_waits_for_the_last_answer, setup,
                                      teardown),
      cmocka_unit_test_setup_teardown(a_batch_that_is_not_safe_ends_the_stream,
                                      setup, teardown),
      cmocka_unit_test_setup_teardown(a_bad_message_is_answered_in_its_turn,
                                      setup, teardown),
      cmocka_unit_test_setup_teardown(
          many_unsafe_batches_make_the_next_message_wait, setup, teardown),
      cmocka_unit_test_setup_teardown(
          a_header_raises_the_level_and_never_lowers_it, setup, teardown),
      cmocka_unit_test_setup_teardown(memory_may_end_anywhere, setup, teardown),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
