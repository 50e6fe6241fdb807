/* SPDX-License-Identifier: Apache-2.0 */
/* Requests find their protocol, and those that fit none are told what would
 * fit. */
#include "net_trial.h"
#include "receive/receive_answer.h"
#include "receive_trial.h"

#define COLLECTOR "/opentelemetry.proto.collector."

typedef struct stray {
  const char *path;
  const char *text; /* what the sender is told, or part of it */
} stray;

static void grpc_that_fits_nothing_is_unimplemented(void **state) {
  static const stray strays[] = {
      {"/v1/traces",
       "/v1/traces is a path of OTLP/HTTP: send the content-type "
       "application/x-protobuf or application/json to it, or gRPC to "
       "/opentelemetry.proto.collector.trace.v1.TraceService/Export"},
      {"/v1/logs", "or gRPC to /opentelemetry.proto.collector.logs.v1."},
      {COLLECTOR "profiles.v1development.ProfilesService/Export",
       "profiles are not taken in this version; traces, metrics and logs are"},
      {COLLECTOR "trace.v1.TraceService/Exports",
       "TraceService/Exports is not served here; served are OTLP ("},
      {COLLECTOR "trace.v1.TraceService/Export/", "is not served here"},
      {"/grpc.health.v1.Health/Watch", "grpc.health.v1.Health/Check"},
      {"/", "/ is not served here"},
  };
  (void)state;
  house *h = house_new();
  house_open(h);
  client *c = client_open(&h->fixture);
  uint8_t *frame = make_frame(0, false);
  for (size_t i = 0; i < sizeof strays / sizeof strays[0]; i++) {
    ask what = ask_for(frame, 5);
    what.path = strays[i].path;
    const answer *a = client_call(c, &what);
    assert_int_equal(a->grpc_status, OA_GRPC_UNIMPLEMENTED);
    if (strstr(a->message, strays[i].text) == NULL) {
      fail_msg("%s", a->message);
    }
  }
  oa_free(frame);
  client_close(c);
  assert_int_equal(house_close(h, OA_TRACES), 0);
}

static void http_that_fits_nothing_is_told_what_would(void **state) {
  static const stray strays[] = {
      {"/v1/trace", "no such path: /v1/trace; POST to /v1/traces\n"},
      {"/api/logs", "no such path: /api/logs; POST to /v1/logs\n"},
      {"/v1/metrics/", "no such path: /v1/metrics/; POST to /v1/metrics\n"},
      {"/",
       "no such path: /; this port takes OpenTelemetry data: POST it to "
       "/v1/traces, /v1/metrics or /v1/logs, or send gRPC (OTLP, OTAP, "
       "Arrow Flight); health and metrics are on the port of the "
       "dashboard\n"},
      {"/v1development/profiles",
       "/v1development/profiles: profiles are not taken in this version; "
       "traces, metrics and logs are\n"},
  };
  (void)state;
  house *h = house_new();
  house_open(h);
  for (size_t i = 0; i < sizeof strays / sizeof strays[0]; i++) {
    char head[256];
    snprintf(head, sizeof head, "POST %s HTTP/1.1", strays[i].path);
    assert_int_equal(talk_text(h, head, ""), 404);
    assert_string_equal(heard(h), strays[i].text);
    assert_true(has_field(h, "content-type: text/plain; charset=utf-8"));
  }
  assert_int_equal(talk_text(h,
                             "POST /v1/trace HTTP/1.1\n"
                             "content-type: application/json",
                             "{}"),
                   404);
  assert_string_equal(heard(h),
                      "{\"code\":5,\"message\":\"no such path: /v1/trace; POST "
                      "to /v1/traces\"}");
  assert_int_equal(house_close(h, OA_TRACES), 0);
}

static void a_grpc_path_without_grpc_is_told_so(void **state) {
  (void)state;
  house *h = house_new();
  house_open(h);
  assert_int_equal(
      talk_text(h, "POST " COLLECTOR "logs.v1.LogsService/Export HTTP/1.1", ""),
      415);
  assert_string_equal(
      heard(h), COLLECTOR
      "logs.v1.LogsService/Export is a gRPC method: call it over "
      "HTTP/2 with the content-type application/grpc, or POST the "
      "same request to /v1/logs\n");
  assert_int_equal(house_close(h, OA_LOGS), 0);
}

static void what_a_stranger_writes_is_not_repeated_raw(void **state) {
  (void)state;
  house *h = house_new();
  house_open(h);
  talk_text(h, "GET /\x01\xff\x7f HTTP/1.1", "");
  const char *body = heard(h);
  for (size_t i = 0; body[i] != '\0' && body[i] != '\n'; i++) {
    assert_true(body[i] >= ' ' && body[i] <= '~');
  }
  assert_int_equal(house_close(h, OA_TRACES), 0);
}

static void every_code_has_its_http_status(void **state) {
  static const struct {
    oa_grpc_code code;
    unsigned status;
  } pairs[] = {
      {OA_GRPC_OK, 200},
      {OA_GRPC_INVALID_ARGUMENT, 400},
      {OA_GRPC_UNAUTHENTICATED, 401},
      {OA_GRPC_PERMISSION_DENIED, 403},
      {OA_GRPC_NOT_FOUND, 404},
      {OA_GRPC_UNIMPLEMENTED, 404},
      {OA_GRPC_RESOURCE_EXHAUSTED, 413},
      {OA_GRPC_UNAVAILABLE, 503},
      {OA_GRPC_DEADLINE_EXCEEDED, 504},
      {OA_GRPC_INTERNAL, 500},
      {OA_GRPC_UNKNOWN, 500},
  };
  (void)state;
  for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
    assert_int_equal(oa_answer_http_status(pairs[i].code), pairs[i].status);
  }
}

static void an_answer_is_utf8_wherever_it_was_cut(void **state) {
  (void)state;
  oa_buf out = {0};
  assert_int_equal(oa_answer_put_failure(&out, OA_GRPC_INVALID_ARGUMENT,
                                         "caf\xc3", OA_ANSWER_JSON),
                   OA_OK);
  assert_int_equal(out.len, 29);
  assert_memory_equal(out.data, "{\"code\":3,\"message\":\"caf\xef\xbf\xbd\"}",
                      29);
  oa_buf_free(&out);
  assert_int_equal(oa_answer_put_failure(&out, OA_GRPC_INVALID_ARGUMENT,
                                         "caf\xc3", OA_ANSWER_PROTOBUF),
                   OA_OK);
  assert_int_equal(out.len, 10);
  assert_memory_equal(out.data,
                      "\x08\x03\x12\x06"
                      "caf\xef\xbf\xbd",
                      10);
  oa_buf_free(&out);
}

static void an_answer_needs_memory(void **state) {
  static const oa_otlp_result result = {.rejected = 2, .reason = "why"};
  (void)state;
  for (oa_answer_form form = OA_ANSWER_PROTOBUF; form <= OA_ANSWER_TEXT;
       form++) {
    for (int failure = 0; failure < 2; failure++) {
      oa_status status = OA_ERR_NOMEM;
      int64_t n = 0;
      if (failure == 0 && form == OA_ANSWER_TEXT) {
        continue;
      }
      for (; status != OA_OK; n++) {
        oa_buf out = {0};
        oa_mem_fail_after(n);
        status = failure == 0
                     ? oa_answer_put_export(&out, OA_LOGS, &result, form)
                     : oa_answer_put_failure(&out, OA_GRPC_UNKNOWN, "x", form);
        oa_mem_fail_after(-1);
        assert_true(status == OA_OK || status == OA_ERR_NOMEM);
        oa_buf_free(&out);
      }
      assert_true(n > 1);
    }
  }
}

static void a_receiver_needs_memory(void **state) {
  (void)state;
  house *h = house_new();
  int64_t n = 0;
  for (;; n++) {
    oa_receiver *receiver = NULL;
    oa_mem_fail_after(n);
    const oa_status status = oa_receiver_new(&receiver, &h->options, NULL);
    oa_mem_fail_after(-1);
    if (status == OA_OK) {
      oa_receiver_free(receiver);
      break;
    }
    assert_int_equal(status, OA_ERR_NOMEM);
    assert_null(receiver);
  }
  assert_int_equal(n, 2);
  house_open(h);
  house_close(h, OA_TRACES);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(grpc_that_fits_nothing_is_unimplemented),
      cmocka_unit_test(http_that_fits_nothing_is_told_what_would),
      cmocka_unit_test(a_grpc_path_without_grpc_is_told_so),
      cmocka_unit_test(what_a_stranger_writes_is_not_repeated_raw),
      cmocka_unit_test(every_code_has_its_http_status),
      cmocka_unit_test(an_answer_is_utf8_wherever_it_was_cut),
      cmocka_unit_test(an_answer_needs_memory),
      cmocka_unit_test(a_receiver_needs_memory),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
