/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "http1_trial.h"

static const char PLAIN_GET[] =
    "GET /readyz?verbose=1&x=%20 HTTP/1.1\r\n"
    "Host: localhost:4318\r\n"
    "User-Agent:curl/8\r\n"
    "X-Empty:\r\n"
    "Accept: \t */* \t\r\n"
    "\r\n";

static const char POST[] =
    "POST /v1/traces HTTP/1.1\r\n"
    "host: [::1]:4318\r\n"
    "Content-Type: application/json; charset=utf-8\r\n"
    "Content-Length: 11\r\n"
    "EXPECT: 100-Continue\r\n"
    "\r\n"
    "hello world";

static const char CHUNKED[] =
    "POST /v1/logs HTTP/1.1\r\n"
    "Host: a\r\n"
    "Transfer-Encoding: Chunked\r\n"
    "\r\n"
    "5\r\nhello\r\n"
    "0001;name=value;other=\"quoted\"\r\n \r\n"
    "5 \t;x\r\nworld\r\n"
    "000\r\n"
    "X-Checksum: 12\r\nContent-Length: 7\r\n"
    "\r\n";

static const char OLD[] = "GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n";

static const char ABSOLUTE[] =
    "GET HTTP://example.org:80?q HTTP/1.1\r\n"
    "Host: other\r\n"
    "Connection: upgrade, , HTTP2-Settings ,close\r\n"
    "Upgrade: h2c\r\n"
    "HTTP2-Settings: AAMAAABk\r\n"
    "\r\n";

static void check_log(const char *input, const char *expected) {
  trial t;
  trial_open(&t);
  trial_feed(&t, input, strlen(input));
  assert_string_equal(trial_text(&t), expected);
  assert_true(oa_http1_idle(&t.reader));
  trial_close(&t);
}

static void a_request_without_body_is_understood(void **state) {
  (void)state;
  check_log(PLAIN_GET,
            "method=GET\npath=/readyz\nquery=verbose=1&x=%20\n"
            "host=localhost:4318\n"
            "minor=1 body=0 length=0 keep=1 expect=0 upgrade=0\n"
            "name=host\nvalue=localhost:4318\n"
            "name=user-agent\nvalue=curl/8\n"
            "name=x-empty\nvalue=\n"
            "name=accept\nvalue=*/*\n"
            "body=\n");
}

static void a_body_of_known_length_is_handed_on(void **state) {
  (void)state;
  check_log(POST,
            "method=POST\npath=/v1/traces\nquery=\nhost=[::1]:4318\n"
            "minor=1 body=1 length=11 keep=1 expect=1 upgrade=0\n"
            "name=host\nvalue=[::1]:4318\n"
            "name=content-type\nvalue=application/json; charset=utf-8\n"
            "name=content-length\nvalue=11\n"
            "name=expect\nvalue=100-Continue\n"
            "body=hello world\n");
}

static void chunks_are_joined_and_trailers_skipped(void **state) {
  (void)state;
  check_log(CHUNKED,
            "method=POST\npath=/v1/logs\nquery=\nhost=a\n"
            "minor=1 body=2 length=0 keep=1 expect=0 upgrade=0\n"
            "name=host\nvalue=a\n"
            "name=transfer-encoding\nvalue=Chunked\n"
            "body=hello world\n");
}

static void old_clients_may_keep_the_connection(void **state) {
  (void)state;
  check_log(OLD,
            "method=GET\npath=/\nquery=\nhost=\n"
            "minor=0 body=0 length=0 keep=1 expect=0 upgrade=0\n"
            "name=connection\nvalue=Keep-Alive\n"
            "body=\n");
}

static void the_host_of_an_absolute_target_counts(void **state) {
  (void)state;
  check_log(ABSOLUTE,
            "method=GET\npath=/\nquery=q\nhost=example.org:80\n"
            "minor=1 body=0 length=0 keep=0 expect=0 upgrade=1\n"
            "name=host\nvalue=other\n"
            "name=connection\nvalue=upgrade, , HTTP2-Settings ,close\n"
            "name=upgrade\nvalue=h2c\n"
            "name=http2-settings\nvalue=AAMAAABk\n"
            "body=\n");
}

static const struct {
  const char *head; /* without its empty line */
  bool keep_alive;
  bool expect_100;
} connections[] = {
    {"GET / HTTP/1.1\r\nHost: a\r\n", true, false},
    {"GET / HTTP/1.1\r\nHost: a\r\nConnection: CLOSE\r\n", false, false},
    {"GET / HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, close\r\n", false,
     false},
    {"GET / HTTP/1.1\r\nHost: a\r\nConnection: x\r\nConnection: close\r\n",
     false, false},
    {"GET / HTTP/1.1\r\nHost: a\r\nConnection: closed\r\n", true, false},
    {"GET / HTTP/1.0\r\n", false, false},
    {"GET / HTTP/1.0\r\nConnection: x, keep-alive\r\n", true, false},
    {"GET / HTTP/1.0\r\nConnection: keep-alive\r\nConnection: close\r\n", false,
     false},
    /* Nothing follows that one could wait for. */
    {"GET / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n", true, false},
    {"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n"
     "Expect: 100-continue\r\n",
     true, false},
    {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n"
     "Expect: 100-continue\r\n",
     true, true},
    {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n"
     "Expect: 100-continue\r\n",
     true, true},
    /* HTTP/1.0 knows no expectation. */
    {"POST / HTTP/1.0\r\nContent-Length: 1\r\nExpect: 100-continue\r\n", false,
     false},
};

static void what_the_client_expects_of_the_connection_is_known(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof connections / sizeof connections[0]; i++) {
    trial t;
    trial_open(&t);
    oa_http1_bytes input = {(const uint8_t *)connections[i].head,
                            strlen(connections[i].head)};
    oa_http1_bytes body;
    assert_int_equal(oa_http1_next(&t.reader, &input, &body), OA_HTTP1_MORE);
    input = (oa_http1_bytes){(const uint8_t *)"\r\n", 2};
    assert_int_equal(oa_http1_next(&t.reader, &input, &body), OA_HTTP1_HEAD);
    assert_int_equal(t.reader.request.keep_alive, connections[i].keep_alive);
    assert_int_equal(t.reader.request.expect_100, connections[i].expect_100);
    trial_close(&t);
  }
}

static const char *const good[] = {PLAIN_GET, POST, CHUNKED, OLD, ABSOLUTE};
enum { GOOD = sizeof good / sizeof good[0] };

static void every_cut_of_a_request_gives_the_same_events(void **state) {
  (void)state;
  for (size_t i = 0; i < GOOD; i++) {
    const size_t len = strlen(good[i]);
    trial whole;
    trial_cut(good[i], len, 0, 0, &whole);
    assert_int_equal(whole.ended, 1);
    const char *expected = trial_text(&whole);
    for (size_t a = 0; a <= len; a++) {
      for (size_t b = a; b <= len; b += 1 + (b - a) / 8) {
        trial t;
        trial_cut(good[i], len, a, b, &t);
        assert_string_equal(trial_text(&t), expected);
        trial_close(&t);
      }
    }
    trial bytes;
    trial_open(&bytes);
    for (size_t at = 0; at < len; at++) {
      trial_feed(&bytes, good[i] + at, 1);
    }
    assert_string_equal(trial_text(&bytes), expected);
    trial_close(&bytes);
    trial_close(&whole);
  }
}

/* A reader must never say one thing of whole bytes and another of pieces, be
 * they good or not; and no byte may harm it. */
static void every_change_of_a_byte_is_judged_alike_whole_and_cut(void **state) {
  (void)state;
  static const uint8_t flips[] = {0x01, 0x02, 0x04, 0x08, 0x10,
                                  0x20, 0x40, 0x80, 0xFF, 0x0D};
  for (size_t i = 0; i < GOOD; i++) {
    const size_t len = strlen(good[i]);
    char *changed = malloc(len);
    assert_non_null(changed);
    memcpy(changed, good[i], len);
    for (size_t at = 0; at < len; at++) {
      for (size_t f = 0; f < sizeof flips; f++) {
        changed[at] = (char)((uint8_t)changed[at] ^ flips[f]);
        trial whole;
        trial cut;
        trial_cut(changed, len, 0, 0, &whole);
        trial_cut(changed, len, at, at + 1, &cut);
        assert_string_equal(trial_text(&whole), trial_text(&cut));
        trial_close(&whole);
        trial_close(&cut);
        changed[at] = good[i][at];
      }
    }
    free(changed);
  }
}

static void every_lost_byte_is_judged_alike_whole_and_cut(void **state) {
  (void)state;
  for (size_t i = 0; i < GOOD; i++) {
    const size_t len = strlen(good[i]);
    char *shorter = malloc(len);
    assert_non_null(shorter);
    for (size_t at = 0; at < len; at++) {
      memcpy(shorter, good[i], at);
      memcpy(shorter + at, good[i] + at + 1, len - at - 1);
      trial whole;
      trial cut;
      trial_cut(shorter, len - 1, 0, 0, &whole);
      trial_cut(shorter, len - 1, at / 2, at, &cut);
      assert_string_equal(trial_text(&whole), trial_text(&cut));
      trial_close(&whole);
      trial_close(&cut);
    }
    free(shorter);
  }
}

static void requests_may_follow_each_other_at_once(void **state) {
  (void)state;
  trial t;
  oa_buf all = {0};
  oa_buf expected = {0};
  for (size_t i = 0; i < GOOD; i++) {
    trial one;
    trial_cut(good[i], strlen(good[i]), 0, 0, &one);
    assert_int_equal(oa_buf_put(&expected, one.log.data, one.log.len), OA_OK);
    assert_int_equal(oa_buf_put(&all, good[i], strlen(good[i])), OA_OK);
    trial_close(&one);
  }
  assert_int_equal(oa_buf_put_byte(&expected, 0), OA_OK);
  trial_open(&t);
  trial_feed(&t, all.data, all.len);
  assert_int_equal(t.ended, GOOD);
  assert_string_equal(trial_text(&t), (const char *)expected.data);
  trial_close(&t);
  oa_buf_free(&all);
  oa_buf_free(&expected);
}

static void bytes_behind_a_request_are_left(void **state) {
  (void)state;
  static const uint8_t text[] =
      "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nabGET /";
  trial t;
  trial_open(&t);
  oa_http1_bytes input = {text, sizeof text - 1};
  oa_http1_bytes body = {NULL, 0};
  assert_true(oa_http1_idle(&t.reader));
  assert_int_equal(oa_http1_next(&t.reader, &input, &body), OA_HTTP1_HEAD);
  assert_int_equal(input.len, 7);
  assert_false(oa_http1_idle(&t.reader));
  assert_int_equal(oa_http1_next(&t.reader, &input, &body), OA_HTTP1_BODY);
  /* No copy was made. */
  assert_ptr_equal(body.at, text + sizeof text - 1 - 7);
  assert_int_equal(body.len, 2);
  for (int i = 0; i < 3; i++) {
    assert_int_equal(oa_http1_next(&t.reader, &input, &body), OA_HTTP1_END);
    assert_int_equal(input.len, 5);
  }
  oa_http1_start(&t.reader, &t.room);
  assert_true(oa_http1_idle(&t.reader));
  assert_int_equal(oa_http1_next(&t.reader, &input, &body), OA_HTTP1_MORE);
  assert_false(oa_http1_idle(&t.reader));
  assert_int_equal(input.len, 0);
  trial_close(&t);
}

static void a_refusal_is_final(void **state) {
  (void)state;
  trial t;
  trial_open(&t);
  trial_feed(&t, "GET / HTTP/1.1\n", 15);
  assert_int_equal(t.status, 400);
  oa_http1_bytes input = {(const uint8_t *)PLAIN_GET, strlen(PLAIN_GET)};
  oa_http1_bytes body;
  assert_int_equal(oa_http1_next(&t.reader, &input, &body), OA_HTTP1_REFUSED);
  assert_int_equal(input.len, strlen(PLAIN_GET));
  assert_non_null(t.reader.refusal.text);
  trial_close(&t);
}

static void fields_are_found_by_name(void **state) {
  (void)state;
  trial t;
  trial_open(&t);
  static const uint8_t text[] =
      "GET / HTTP/1.1\r\nHost: a\r\nX-Two: 1\r\nx-two: 2\r\n\r\n";
  oa_http1_bytes input = {text, sizeof text - 1};
  oa_http1_bytes body;
  assert_int_equal(oa_http1_next(&t.reader, &input, &body), OA_HTTP1_HEAD);
  const oa_http1_request *request = &t.reader.request;
  const oa_http1_field *found = oa_http1_find(request, "x-two");
  assert_non_null(found);
  assert_true(oa_http1_equal(found->value, "1"));
  assert_null(oa_http1_find(request, "x-tw"));
  assert_null(oa_http1_find(request, "x-twos"));
  assert_true(oa_http1_equal(request->method, "get"));
  assert_false(oa_http1_equal(request->method, "ge"));
  trial_close(&t);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_request_without_body_is_understood),
      cmocka_unit_test(a_body_of_known_length_is_handed_on),
      cmocka_unit_test(chunks_are_joined_and_trailers_skipped),
      cmocka_unit_test(old_clients_may_keep_the_connection),
      cmocka_unit_test(the_host_of_an_absolute_target_counts),
      cmocka_unit_test(what_the_client_expects_of_the_connection_is_known),
      cmocka_unit_test(every_cut_of_a_request_gives_the_same_events),
      cmocka_unit_test(every_change_of_a_byte_is_judged_alike_whole_and_cut),
      cmocka_unit_test(every_lost_byte_is_judged_alike_whole_and_cut),
      cmocka_unit_test(requests_may_follow_each_other_at_once),
      cmocka_unit_test(bytes_behind_a_request_are_left),
      cmocka_unit_test(a_refusal_is_final),
      cmocka_unit_test(fields_are_found_by_name),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
