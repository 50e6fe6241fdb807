/* SPDX-License-Identifier: Apache-2.0 */
/* What calls of the Flight service are answered, but for those that read
 * files. */
#include "flight_calls.h"

static void only_methods_of_the_service_match(void **state) {
  (void)state;
  oa_call_kind kind;
  oa_request head = {.method = "POST", .grpc = true};
  static const char *const others[] = {
      "/arrow.flight.protocol.FlightService/",
      "/arrow.flight.protocol.FlightService/DoPutt",
      "/arrow.flight.protocol.FlightService",
      "/v1/traces",
  };
  for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
    head.path = others[i];
    assert_int_equal(oa_protocol_flight.match(&head, &kind), -1);
  }
  head.path = "/arrow.flight.protocol.FlightService/DoPut";
  assert_true(oa_protocol_flight.match(&head, &kind) >= 0);
  head.grpc = false;
  assert_int_equal(oa_protocol_flight.match(&head, &kind), -1);
}

static void what_is_not_served_says_so(void **state) {
  (void)state;
  static const struct {
    const char *method;
    const char *text;
  } cases[] = {{"DoExchange", "DoPut"},
               {"PollFlightInfo", "GetFlightInfo"},
               {"Handshake", "no authentication"}};
  desk d;
  desk_open(&d, "/nowhere");
  for (size_t i = 0; i < 3; i++) {
    fake_call c;
    call_open(&d, &c, cases[i].method);
    assert_reply(&c, OA_GRPC_UNIMPLEMENTED, cases[i].text);
    call_free(&d, &c);
  }
  desk_close(&d);
}

/* --- DoPut --- */

static void each_batch_has_its_answer(void **state) {
  (void)state;
  desk d;
  fake_call c;
  flow f = {0};
  desk_open(&d, "/nowhere");
  call_open(&d, &c, "DoPut");
  flow_rich(&f, OA_LOGS, 2, OA_CODING_NONE, "logs");
  call_flow(&d, &c, &f);
  assert_int_equal(c.sent.count, 2);
  assert_answer(&c, 0, "{\"batch\":0,\"rows\":2,\"rejected\":0}");
  assert_answer(&c, 1, "{\"batch\":1,\"rows\":2,\"rejected\":0}");
  call_end(&d, &c);
  assert_reply(&c, OA_GRPC_OK, "");
  assert_int_equal(rows_of(&d.pipeline.landing.t), 4);
  call_free(&d, &c);
  flow_free(&f);
  desk_close(&d);
}

static void a_stream_without_messages_is_fine(void **state) {
  (void)state;
  desk d;
  fake_call c;
  desk_open(&d, "/nowhere");
  call_open(&d, &c, "DoPut");
  call_end(&d, &c);
  assert_reply(&c, OA_GRPC_OK, "");
  call_free(&d, &c);
  desk_close(&d);
}

/* Adds METADATA to the last message of F. */
static void add_metadata(flow *f, const char *metadata) {
  oa_emit e = {.out = f->messages[f->count - 1]};
  put_text(&e, 3, metadata);
  f->messages[f->count - 1] = e.out;
}

static void metadata_is_echoed_when_it_is_text(void **state) {
  (void)state;
  desk d;
  fake_call c;
  flow f = {0};
  desk_open(&d, "/nowhere");
  call_open(&d, &c, "DoPut");
  flow_rich(&f, OA_LOGS, 1, OA_CODING_NONE, "logs");
  add_metadata(&f, "a\"\n\u00fc");
  call_flow(&d, &c, &f);
  assert_answer(&c, 0,
                "{\"batch\":0,\"rows\":2,\"rejected\":0,"
                "\"ref\":\"a\\\"\\n\u00fc\"}");
  add_metadata(&f, "\xff");
  oa_buf *last = &f.messages[f.count - 1];
  call_message(&d, &c, last->data, last->len);
  assert_answer(&c, 1, "{\"batch\":1,\"rows\":2,\"rejected\":0}");
  call_free(&d, &c);
  flow_free(&f);
  desk_close(&d);
}

static void a_full_buffer_ends_the_stream_and_says_what_was_taken(
    void **state) {
  (void)state;
  desk d;
  fake_call c;
  flow f = {0};
  desk_open(&d, "/nowhere");
  call_open(&d, &c, "DoPut");
  flow_rich(&f, OA_LOGS, 1, OA_CODING_NONE, "logs");
  call_flow(&d, &c, &f);
  d.pipeline.answer = OA_GRPC_UNAVAILABLE;
  call_message(&d, &c, f.messages[f.count - 1].data,
               f.messages[f.count - 1].len);
  assert_reply(&c, OA_GRPC_UNAVAILABLE,
               "batch 1: the buffer is full; the 1 before it was taken");
  assert_int_equal(c.retry_after_ms, 500);
  assert_int_equal(c.sent.count, 1);
  call_free(&d, &c);
  flow_free(&f);
  desk_close(&d);
}

static void a_bad_stream_is_counted_and_ended(void **state) {
  (void)state;
  desk d;
  fake_call c;
  flow f = {0};
  oa_signal_totals sums;
  desk_open(&d, "/nowhere");
  call_open(&d, &c, "DoPut");
  call_message(&d, &c, (const uint8_t *)"\xff", 1);
  assert_reply(&c, OA_GRPC_INVALID_ARGUMENT, "FlightData");
  call_free(&d, &c);
  assert_int_equal(d.counters.blocks[0].refused[OA_REFUSED_MALFORMED], 1);

  call_open(&d, &c, "DoPut");
  flow_rich(&f, OA_LOGS, 1, OA_CODING_NONE, "logs");
  call_message(&d, &c, f.messages[0].data, f.messages[0].len);
  call_message(&d, &c, f.messages[0].data, f.messages[0].len);
  assert_reply(&c, OA_GRPC_INVALID_ARGUMENT, "second schema");
  oa_counters_sum(&d.counters, OA_LOGS, &sums);
  assert_int_equal(sums.refused[OA_REFUSED_MALFORMED], 1);
  call_free(&d, &c);
  flow_free(&f);
  desk_close(&d);
}

/* 20,000 batches are taken from a client that reads nothing; it is told of all
 * of them when it reads. */
static void answers_that_nobody_reads_are_added_up(void **state) {
  (void)state;
  enum { BATCHES = 40000 };
  desk d;
  fake_call c;
  flow f = {0};
  char want[200];
  desk_open(&d, "/nowhere");
  call_open(&d, &c, "DoPut");
  c.reads = false;
  static const oa_field fields[] = {
      {.name = "time_unix_nano", .type = OA_TYPE_INT64},
      {.name = "body", .type = OA_TYPE_UTF8, .nullable = true}};
  const oa_schema schema = {.fields = fields, .field_count = 2};
  const oa_array columns[] = {{.length = 1}, {.length = 1, .null_count = 1}};
  flow_table(&f, &schema, columns, 1, 1, OA_CODING_NONE, "logs");
  call_flow(&d, &c, &f);
  const oa_buf *batch = &f.messages[f.count - 1];
  for (int i = 1; i < BATCHES; i++) {
    call_message(&d, &c, batch->data, batch->len);
    assert_false(c.replied);
  }
  assert_true(c.unsent <= OA_FLIGHT_MAX_UNSENT + 200);
  const size_t told = c.unsent;
  c.unsent = 0;
  oa_protocol_flight.drained(&d.receiver, &c.call);
  assert_true(c.unsent > 0 && told > 100000);
  char text[200];
  answer_text(&c, c.sent.count - 1, text, sizeof text);
  snprintf(want, sizeof want, "{\"batch\":%d,\"rows\":", BATCHES - 1);
  assert_memory_equal(text, want, strlen(want));
  assert_non_null(strstr(text, ",\"batches\":"));
  call_end(&d, &c);
  assert_reply(&c, OA_GRPC_OK, "");
  assert_int_equal(rows_of(&d.pipeline.landing.t), BATCHES);
  call_free(&d, &c);
  flow_free(&f);
  desk_close(&d);
}

static void streams_keep_no_more_than_their_share(void **state) {
  (void)state;
  desk d;
  fake_call c;
  flow f = {0};
  desk_open(&d, "/nowhere");
  d.receiver.options.stream_budget = 100;
  call_open(&d, &c, "DoPut");
  flow_rich(&f, OA_TRACES, 1, OA_CODING_NONE, "traces");
  call_flow(&d, &c, &f);
  assert_reply(&c, OA_GRPC_RESOURCE_EXHAUSTED, "all streams together");
  call_free(&d, &c);
  flow_free(&f);
  desk_close(&d);
}

static void a_call_that_is_canceled_leaves_nothing(void **state) {
  (void)state;
  desk d;
  fake_call c;
  flow f = {0};
  desk_open(&d, "/nowhere");
  flow_rich(&f, OA_TRACES, 1, OA_CODING_NONE, "traces");
  for (size_t part = 0; part <= f.count; part++) {
    const flow some = {.count = part};
    flow begun = f;
    begun.count = some.count;
    call_open(&d, &c, "DoPut");
    call_flow(&d, &c, &begun);
    call_free(&d, &c);
    assert_int_equal(d.thread.stream_bytes, 0);
  }
  flow_free(&f);
  desk_close(&d);
}

static void memory_that_ends_is_said_as_something_that_passes(void **state) {
  (void)state;
  flow f = {0};
  bool whole = false;
  flow_rich(&f, OA_LOGS, 1, OA_CODING_ZSTD, "logs");
  for (int64_t n = 0; !whole; n++) {
    desk d;
    fake_call c;
    desk_open(&d, "/nowhere");
    trial_init(&d.pipeline.landing.t, OA_LOGS);
    call_open(&d, &c, "DoPut");
    oa_mem_fail_after(n);
    call_flow(&d, &c, &f);
    oa_mem_fail_after(-1);
    whole = !c.replied;
    /* The pretended pipeline calls a lack of memory the sender's fault. */
    assert_true(whole || c.code == OA_GRPC_UNAVAILABLE ||
                c.code == OA_GRPC_INVALID_ARGUMENT);
    call_free(&d, &c);
    desk_close(&d);
    assert_true(n < 10000);
  }
  flow_free(&f);
}

/* --- actions --- */

static void actions_are_listed(void **state) {
  (void)state;
  desk d;
  fake_call c;
  desk_open(&d, "/nowhere");
  call_open(&d, &c, "ListActions");
  call_message(&d, &c, NULL, 0);
  call_end(&d, &c);
  assert_reply(&c, OA_GRPC_OK, "");
  assert_int_equal(c.sent.count, 3);
  assert_answer(&c, 0, "flush");
  assert_answer(&c, 1, "stats");
  assert_answer(&c, 2, "health");
  call_free(&d, &c);
  desk_close(&d);
}

static void health_says_why_not(void **state) {
  (void)state;
  desk d;
  fake_call c;
  desk_open(&d, "/nowhere");
  for (int i = 0; i < 2; i++) {
    call_open(&d, &c, "DoAction");
    call_field(&d, &c, 1, "health");
    call_end(&d, &c);
    assert_reply(&c, OA_GRPC_OK, "");
    assert_answer(&c, 0,
                  i == 0 ? "{\"ready\":true}"
                         : "{\"ready\":false,\"why\":\"the \\\"disk\\\"\"}");
    call_free(&d, &c);
    d.pipeline.answer = OA_GRPC_UNAVAILABLE;
  }
  desk_close(&d);
}

static void stats_are_the_counters(void **state) {
  (void)state;
  desk d;
  fake_call c;
  char text[1000];
  desk_open(&d, "/nowhere");
  oa_count(&d.counters.blocks[0].signals[OA_LOGS].requests, 42);
  call_open(&d, &c, "DoAction");
  call_field(&d, &c, 1, "stats");
  call_end(&d, &c);
  answer_text(&c, 0, text, sizeof text);
  assert_non_null(strstr(text, "\"logs\":{\"requests\":42,"));
  assert_true(text[0] == '{');
  call_free(&d, &c);
  desk_close(&d);
}

static void a_flush_is_answered_when_it_is_done(void **state) {
  (void)state;
  desk d;
  fake_call c;
  desk_open(&d, "/nowhere");
  call_open(&d, &c, "DoAction");
  call_field(&d, &c, 1, "flush");
  call_end(&d, &c);
  assert_false(c.replied);
  oa_flush_wait *wait = d.pipeline.wait;
  assert_non_null(wait);
  oa_pipeline_flush_forget(wait);
  wait->done(wait);
  assert_reply(&c, OA_GRPC_OK, "");
  assert_answer(&c, 0, "{\"flushed\":true}");
  call_free(&d, &c);

  call_open(&d, &c, "DoAction");
  call_field(&d, &c, 1, "flush");
  call_end(&d, &c);
  call_free(&d, &c); /* canceled: nobody waits any more */
  assert_null(d.pipeline.wait);
  desk_close(&d);
}

static void unknown_actions_are_refused(void **state) {
  (void)state;
  desk d;
  fake_call c;
  desk_open(&d, "/nowhere");
  call_open(&d, &c, "DoAction");
  call_field(&d, &c, 1, "explode");
  assert_reply(&c, OA_GRPC_INVALID_ARGUMENT, "flush, stats and health");
  call_free(&d, &c);
  desk_close(&d);
}

static void a_second_message_and_none_at_all_are_refused(void **state) {
  (void)state;
  static const char *const methods[] = {"DoAction", "ListActions"};
  desk d;
  fake_call c;
  desk_open(&d, "/nowhere");
  for (size_t i = 0; i < 2; i++) {
    call_open(&d, &c, methods[i]);
    call_field(&d, &c, 1, "stats");
    call_field(&d, &c, 1, "stats");
    assert_reply(&c, OA_GRPC_INVALID_ARGUMENT, "one message");
    call_free(&d, &c);
  }
  call_open(&d, &c, "DoAction");
  call_end(&d, &c);
  assert_reply(&c, OA_GRPC_INVALID_ARGUMENT, "missing");
  call_free(&d, &c);
  call_open(&d, &c, "DoAction");
  call_message(&d, &c, (const uint8_t *)"\x0a\x7f", 2);
  assert_reply(&c, OA_GRPC_INVALID_ARGUMENT, "no Action");
  call_free(&d, &c);
  desk_close(&d);
}

/* Whoever came so far has proved who it is by its header fields. */
static void a_handshake_gives_back_what_proved_the_client(void **state) {
  (void)state;
  desk d;
  fake_call c;
  oa_cursor payload;
  char nobody = 0;
  desk_open(&d, "/nowhere");
  d.receiver.options.auth = (oa_auth *)(void *)&nobody;
  call_open(&d, &c, "Handshake");
  c.header = "Bearer token";
  call_field(&d, &c, 2, "payload");
  assert_int_equal(c.sent.count, 1);
  assert_int_equal(
      oa_flight_read_handshake(
          oa_cursor_over(c.sent.messages[0].data, c.sent.messages[0].len),
          &payload),
      OA_OK);
  assert_true(oa_flight_is(payload, "Bearer token"));
  call_end(&d, &c);
  assert_reply(&c, OA_GRPC_OK, "");
  call_free(&d, &c);
  desk_close(&d);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(only_methods_of_the_service_match),
      cmocka_unit_test(what_is_not_served_says_so),
      cmocka_unit_test(each_batch_has_its_answer),
      cmocka_unit_test(a_stream_without_messages_is_fine),
      cmocka_unit_test(metadata_is_echoed_when_it_is_text),
      cmocka_unit_test(a_full_buffer_ends_the_stream_and_says_what_was_taken),
      cmocka_unit_test(a_bad_stream_is_counted_and_ended),
      cmocka_unit_test(answers_that_nobody_reads_are_added_up),
      cmocka_unit_test(streams_keep_no_more_than_their_share),
      cmocka_unit_test(a_call_that_is_canceled_leaves_nothing),
      cmocka_unit_test(memory_that_ends_is_said_as_something_that_passes),
      cmocka_unit_test(actions_are_listed),
      cmocka_unit_test(health_says_why_not),
      cmocka_unit_test(stats_are_the_counters),
      cmocka_unit_test(a_flush_is_answered_when_it_is_done),
      cmocka_unit_test(unknown_actions_are_refused),
      cmocka_unit_test(a_second_message_and_none_at_all_are_refused),
      cmocka_unit_test(a_handshake_gives_back_what_proved_the_client),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
