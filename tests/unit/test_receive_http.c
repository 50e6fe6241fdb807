/* SPDX-License-Identifier: Apache-2.0 */
/* OTLP over HTTP, from the request line to the rows. */
#include <libdeflate.h>

#include "receive_trial.h"

#define POST_TRACES "POST /v1/traces HTTP/1.1\n"
#define PROTOBUF "content-type: application/x-protobuf"
#define JSON "content-type: application/json"
#define TWO_SPANS                                                      \
  "{\"resourceSpans\":[{\"scopeSpans\":[{\"spans\":[{\"name\":\"a\"}," \
  "{\"name\":\"b\"}]}]}]}"
#define ONE_BAD                                                            \
  "{\"resourceSpans\":[{\"scopeSpans\":[{\"spans\":[{\"traceId\":\"ab\"}," \
  "{\"name\":\"b\"}]}]}]}"

static const char *const paths[OA_SIGNAL_COUNT] = {"/v1/traces", "/v1/metrics",
                                                   "/v1/logs"};

static int post_records(house *h, oa_signal signal, int count, int bad) {
  char head[128];
  oa_emit e = {0};
  put_records(&e, signal, count, bad);
  snprintf(head, sizeof head, "POST %s HTTP/1.1\n" PROTOBUF, paths[signal]);
  const int status = talk(h, head, e.out.data, e.out.len);
  oa_buf_free(&e.out);
  return status;
}

static void each_signal_is_taken_as_protobuf(void **state) {
  (void)state;
  house *h = house_new();
  house_open(h);
  for (int signal = 0; signal < OA_SIGNAL_COUNT; signal++) {
    assert_int_equal(post_records(h, (oa_signal)signal, 3, 0), 200);
    assert_int_equal(heard_len(h), 0);
    assert_true(has_field(h, PROTOBUF));
    assert_int_equal(totals_of(h, (oa_signal)signal).requests, 1);
  }
  assert_int_equal(totals_of(h, OA_LOGS).items_accepted, 3);
  assert_int_equal(house_close(h, OA_TRACES), 3);
}

static void json_is_answered_in_json(void **state) {
  (void)state;
  house *h = house_new();
  house_open(h);
  assert_int_equal(talk_text(h, POST_TRACES JSON, TWO_SPANS), 200);
  assert_string_equal(heard(h), "{}");
  assert_true(has_field(h, JSON));
  assert_int_equal(talk_text(h, POST_TRACES JSON " ; charset=utf-8", TWO_SPANS),
                   200);
  assert_int_equal(talk_text(h, POST_TRACES JSON, "{}"), 200);
  assert_int_equal(house_close(h, OA_TRACES), 4);
}

static void what_is_left_out_is_told_in_both_encodings(void **state) {
  static const char json[] =
      "{\"partialSuccess\":{\"rejectedSpans\":\"1\",\"errorMessage\":\""
      "resource_spans[0].scope_spans[0].spans[0]: trace_id has 1 bytes, not "
      "16\"}}";
  (void)state;
  house *h = house_new();
  house_open(h);
  assert_int_equal(talk_text(h, POST_TRACES JSON, ONE_BAD), 200);
  assert_string_equal(heard(h), json);
  assert_int_equal(post_records(h, OA_TRACES, 3, 1), 200);
  assert_memory_equal(heard(h), "\x0A", 1); /* partial_success */
  assert_memory_equal(heard(h) + 2, "\x08\x01\x12", 3);
  assert_int_equal(totals_of(h, OA_TRACES).items_rejected, 2);
  assert_int_equal(house_close(h, OA_TRACES), 3);
}

static void bad_bodies_are_refused_in_their_encoding(void **state) {
  (void)state;
  house *h = house_new();
  house_open(h);
  assert_int_equal(talk_text(h, POST_TRACES JSON, "{\"resourceSpans\":[}"),
                   400);
  assert_non_null(strstr(heard(h),
                         "{\"code\":3,\"message\":\"traces: "
                         "resourceSpans[0] at byte 18"));
  assert_int_equal(talk_text(h, POST_TRACES JSON, ""), 400);
  assert_int_equal(talk(h, POST_TRACES PROTOBUF, "\x0A\x05", 2), 400);
  assert_memory_equal(heard(h), "\x08\x03\x12", 3); /* google.rpc.Status */
  assert_non_null(strstr(heard(h), "traces: resource_spans[0]"));
  assert_true(has_field(h, PROTOBUF));
  /* One encoding under the name of the other. */
  assert_int_equal(talk_text(h, POST_TRACES PROTOBUF, TWO_SPANS), 400);
  assert_int_equal(talk(h, POST_TRACES JSON, "\x0A\x00", 2), 400);
  assert_int_equal(totals_of(h, OA_TRACES).refused[OA_REFUSED_MALFORMED], 5);
  assert_int_equal(house_close(h, OA_TRACES), 0);
}

static void a_body_past_the_limit_is_too_large(void **state) {
  (void)state;
  house *h = house_new();
  h->options.max_message = 1000;
  house_open(h);
  char *body = calloc(1, 200000);
  assert_non_null(body);
  assert_int_equal(talk(h, POST_TRACES JSON, body, 200000), 413);
  assert_non_null(strstr(heard(h), "{\"code\":8,\"message\":\""));
  assert_false(has_name(h, "retry-after"));
  free(body);
  assert_int_equal(totals_of(h, OA_TRACES).refused[OA_REFUSED_TOO_LARGE], 1);
  assert_int_equal(talk_text(h, POST_TRACES JSON, TWO_SPANS), 200);
  assert_int_equal(house_close(h, OA_TRACES), 2);
}

static void what_the_body_is_must_be_said(void **state) {
  static const char *const types[] = {"x: y", "content-type: text/plain",
                                      "content-type: application/jsonl",
                                      "content-type: multipart/form-data"};
  (void)state;
  house *h = house_new();
  house_open(h);
  for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
    char head[128];
    snprintf(head, sizeof head, POST_TRACES "%s", types[i]);
    assert_int_equal(talk_text(h, head, TWO_SPANS), 415);
    assert_string_equal(heard(h),
                        "the content-type of this path is "
                        "application/x-protobuf or application/json; set it to "
                        "what the body is\n");
  }
  assert_int_equal(
      talk_text(h, POST_TRACES JSON "\ncontent-encoding: br", TWO_SPANS), 415);
  assert_true(has_field(h, "accept-encoding: gzip, zstd, deflate, identity"));
  assert_int_equal(house_close(h, OA_TRACES), 0);
}

static void only_post_is_allowed(void **state) {
  static const char *const methods[] = {"GET", "PUT", "DELETE", "PATCH"};
  (void)state;
  house *h = house_new();
  house_open(h);
  for (size_t i = 0; i < sizeof methods / sizeof methods[0]; i++) {
    char head[128];
    snprintf(head, sizeof head, "%s /v1/logs HTTP/1.1\n" JSON, methods[i]);
    assert_int_equal(talk_text(h, head, ""), 405);
    assert_true(has_field(h, "allow: POST, OPTIONS"));
  }
  assert_int_equal(house_close(h, OA_LOGS), 0);
}

static void a_full_disk_says_when_to_come_back(void **state) {
  (void)state;
  house *h = house_new();
  house_open(h);
  set_disk(DISK_FULL);
  assert_int_equal(post_records(h, OA_TRACES, 1, 0), 200);
  oa_pipeline_flush(h->pipeline, 10);
  const uint64_t end = now_ms() + PATIENCE;
  while (oa_pipeline_ready(h->pipeline, NULL, 0)) {
    assert_true(now_ms() < end);
    pause_ms(2);
  }
  assert_int_equal(talk_text(h, POST_TRACES JSON, TWO_SPANS), 503);
  assert_true(has_field(h, "retry-after: 1"));
  assert_non_null(strstr(heard(h), "{\"code\":14,\"message\":\"cannot write"));
  set_disk(DISK_WORKS);
  while (!oa_pipeline_ready(h->pipeline, NULL, 0)) {
    assert_true(now_ms() < end);
    pause_ms(2);
  }
  assert_int_equal(talk_text(h, POST_TRACES JSON, TWO_SPANS), 200);
  assert_int_equal(house_close(h, OA_TRACES), 3);
}

/* --- compressed answers --- */

static void long_answers_are_squeezed_on_demand(void **state) {
  char head[512];
  char text[2048];
  size_t len = 0;
  (void)state;
  house *h = house_new();
  house_open(h);
  /* A name that is unknown makes a long answer: it is repeated, cut. */
  snprintf(head, sizeof head,
           "POST /%0120d HTTP/1.1\n" JSON "\naccept-encoding: br, gzip", 7);
  assert_int_equal(talk_text(h, head, ""), 404);
  assert_true(has_field(h, "content-encoding: gzip"));
  struct libdeflate_decompressor *d = libdeflate_alloc_decompressor();
  assert_int_equal(libdeflate_gzip_decompress(d, heard(h), heard_len(h), text,
                                              sizeof text, &len),
                   LIBDEFLATE_SUCCESS);
  libdeflate_free_decompressor(d);
  assert_true(len > 200);
  assert_memory_equal(text, "{\"code\":5,\"message\":\"no such path: ", 35);
  assert_int_equal(
      talk_text(h, POST_TRACES JSON "\naccept-encoding: gzip", TWO_SPANS), 200);
  assert_false(has_name(h, "content-encoding"));
  assert_string_equal(heard(h), "{}");
  assert_int_equal(
      talk_text(h, POST_TRACES JSON "\naccept-encoding: gzip, identity;q=0",
                TWO_SPANS),
      200);
  assert_true(has_field(h, "content-encoding: gzip"));
  assert_int_equal(house_close(h, OA_TRACES), 4);
}

/* --- browsers --- */

static const char *const origins[] = {"https://shop.example",
                                      "https://*.dev.example"};

static void a_listed_origin_may_send(void **state) {
  static const char *const listed[] = {
      "https://shop.example", "https://a.dev.example", "HTTPS://Shop.Example"};
  static const char *const others[] = {
      "https://shop.example.evil", "https://dev.example",
      "http://shop.example",       "null",
      "https://shop.example:8443", "xhttps://shop.example"};
  char head[512];
  char field[128];
  (void)state;
  house *h = house_new();
  h->options.cors_origins = origins;
  h->options.cors_origin_count = 2;
  house_open(h);
  for (size_t i = 0; i < sizeof listed / sizeof listed[0]; i++) {
    snprintf(head, sizeof head, POST_TRACES JSON "\norigin: %s", listed[i]);
    snprintf(field, sizeof field, "access-control-allow-origin: %s", listed[i]);
    for (int good = 0; good < 2; good++) { /* errors are shown to it too */
      assert_int_equal(talk_text(h, head, good == 1 ? TWO_SPANS : "x"),
                       good == 1 ? 200 : 400);
      assert_true(has_field(h, field));
      assert_true(has_field(h, "access-control-allow-credentials: true"));
      assert_true(has_field(h, "vary: origin"));
    }
  }
  for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
    snprintf(head, sizeof head, POST_TRACES JSON "\norigin: %s", others[i]);
    assert_int_equal(talk_text(h, head, TWO_SPANS), 200);
    assert_false(has_name(h, "access-control-allow-origin"));
  }
  assert_int_equal(house_close(h, OA_TRACES), 18);
}

static void a_preflight_is_answered(void **state) {
  (void)state;
  house *h = house_new();
  h->options.cors_origins = origins;
  h->options.cors_origin_count = 2;
  house_open(h);
  assert_int_equal(
      talk_text(h,
                "OPTIONS /v1/metrics HTTP/1.1\norigin: https://shop.example\n"
                "access-control-request-method: POST\n"
                "access-control-request-headers: content-type,x-my-key",
                ""),
      204);
  assert_true(
      has_field(h, "access-control-allow-origin: https://shop.example"));
  assert_true(has_field(h, "access-control-allow-methods: POST"));
  assert_true(
      has_field(h, "access-control-allow-headers: content-type,x-my-key"));
  assert_true(has_name(h, "access-control-max-age"));
  assert_true(has_field(h, "vary: origin"));
  /* A list that is none is not repeated. */
  assert_int_equal(
      talk_text(h,
                "OPTIONS /v1/logs HTTP/1.1\norigin: https://shop.example\n"
                "access-control-request-headers: a: b",
                ""),
      204);
  assert_true(has_field(h,
                        "access-control-allow-headers: content-type, "
                        "content-encoding, authorization, x-api-key, "
                        "otlp-arrow-ack"));
  assert_int_equal(
      talk_text(h, "OPTIONS /v1/logs HTTP/1.1\norigin: https://b.example", ""),
      204);
  assert_false(has_name(h, "access-control-allow-origin"));
  assert_false(has_name(h, "access-control-allow-headers"));
  assert_int_equal(house_close(h, OA_TRACES), 0);
}

static void a_star_lets_everybody_send_without_credentials(void **state) {
  static const char *const star[] = {"*"};
  (void)state;
  house *h = house_new();
  h->options.cors_origins = star;
  h->options.cors_origin_count = 1;
  house_open(h);
  assert_int_equal(
      talk_text(h, POST_TRACES JSON "\norigin: https://a.b", TWO_SPANS), 200);
  assert_true(has_field(h, "access-control-allow-origin: *"));
  assert_false(has_name(h, "access-control-allow-credentials"));
  assert_int_equal(talk_text(h, POST_TRACES JSON, TWO_SPANS), 200);
  assert_false(has_name(h, "access-control-allow-origin"));
  assert_int_equal(house_close(h, OA_TRACES), 4);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(each_signal_is_taken_as_protobuf),
      cmocka_unit_test(json_is_answered_in_json),
      cmocka_unit_test(what_is_left_out_is_told_in_both_encodings),
      cmocka_unit_test(bad_bodies_are_refused_in_their_encoding),
      cmocka_unit_test(a_body_past_the_limit_is_too_large),
      cmocka_unit_test(what_the_body_is_must_be_said),
      cmocka_unit_test(only_post_is_allowed),
      cmocka_unit_test(a_full_disk_says_when_to_come_back),
      cmocka_unit_test(long_answers_are_squeezed_on_demand),
      cmocka_unit_test(a_listed_origin_may_send),
      cmocka_unit_test(a_preflight_is_answered),
      cmocka_unit_test(a_star_lets_everybody_send_without_credentials),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
