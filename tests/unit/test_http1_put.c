/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "net/http1.h"

static void check(const oa_http1_answer *answer, const char *expected) {
  oa_buf out = {0};
  assert_int_equal(oa_buf_put(&out, "before", 6), OA_OK);
  assert_int_equal(oa_http1_put_head(&out, answer), OA_OK);
  assert_int_equal(oa_buf_put_byte(&out, 0), OA_OK);
  assert_memory_equal(out.data, "before", 6);
  assert_string_equal((const char *)out.data + 6, expected);
  oa_buf_free(&out);
}

static void a_head_has_its_length_and_fields(void **state) {
  (void)state;
  const oa_http1_header headers[] = {{"Content-Type", "application/json"},
                                     {"X-Empty", ""}};
  check(&(oa_http1_answer){.status = 200,
                           .headers = headers,
                           .header_count = 2,
                           .content_length = UINT64_C(12345678901234567890),
                           .minor = 1,
                           .keep_alive = true},
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nX-Empty: \r\n"
        "Content-Length: 12345678901234567890\r\n\r\n");
}

static void the_end_of_a_connection_is_announced(void **state) {
  (void)state;
  check(&(oa_http1_answer){.status = 400, .minor = 1},
        "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n"
        "Connection: close\r\n\r\n");
  check(&(oa_http1_answer){.status = 200, .minor = 0, .keep_alive = true},
        "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n"
        "Connection: keep-alive\r\n\r\n");
}

static void answers_that_have_no_body_have_no_length(void **state) {
  (void)state;
  check(&(oa_http1_answer){.status = 204, .minor = 1, .keep_alive = true},
        "HTTP/1.1 204 No Content\r\n\r\n");
  check(&(oa_http1_answer){.status = 304, .minor = 1, .keep_alive = true},
        "HTTP/1.1 304 Not Modified\r\n\r\n");
}

static void dates_are_written_as_http_wants_them(void **state) {
  (void)state;
  static const struct {
    uint64_t seconds;
    const char *text;
  } dates[] = {
      /* The example of RFC 9110 section 5.6.7. */
      {784111777, "Sun, 06 Nov 1994 08:49:37 GMT"},
      {1, "Thu, 01 Jan 1970 00:00:01 GMT"},
      {951782400, "Tue, 29 Feb 2000 00:00:00 GMT"},
      {4102444799, "Thu, 31 Dec 2099 23:59:59 GMT"},
      {UINT64_MAX, "Fri, 31 Dec 9999 23:59:59 GMT"},
  };
  for (size_t i = 0; i < sizeof dates / sizeof dates[0]; i++) {
    oa_buf expected = {0};
    assert_int_equal(oa_buf_printf(&expected,
                                   "HTTP/1.1 200 OK\r\nDate: %s\r\n"
                                   "Content-Length: 0\r\n\r\n",
                                   dates[i].text),
                     OA_OK);
    assert_int_equal(oa_buf_put_byte(&expected, 0), OA_OK);
    check(&(oa_http1_answer){.status = 200,
                             .date = dates[i].seconds,
                             .minor = 1,
                             .keep_alive = true},
          (const char *)expected.data);
    oa_buf_free(&expected);
  }
}

static void no_line_can_be_smuggled_into_a_head(void **state) {
  (void)state;
  static const oa_http1_header bad[] = {
      {"A", "b\r\nC: d"}, {"A", "b\nC: d"}, {"A", "b\rC"}, {"A", "\x01"},
      {"A", "\x7F"},      {"A\r\nB", "c"},  {"A:", "b"},   {"A B", "c"},
      {"", "b"},          {" A", "b"},      {"A\xC3", "b"}};
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    oa_buf out = {0};
    assert_int_equal(oa_buf_put(&out, "before", 6), OA_OK);
    const oa_http1_answer answer = {
        .status = 200, .headers = &bad[i], .header_count = 1};
    assert_int_equal(oa_http1_put_head(&out, &answer), OA_ERR_MALFORMED);
    assert_int_equal(out.len, 6);
    oa_buf_free(&out);
  }
}

static void every_status_that_is_used_has_a_name(void **state) {
  (void)state;
  static const unsigned used[] = {200, 204, 400, 401, 403, 404, 405, 406,
                                  408, 411, 413, 414, 415, 417, 429, 431,
                                  500, 501, 502, 503, 504, 505};
  for (size_t i = 0; i < sizeof used / sizeof used[0]; i++) {
    assert_true(oa_http1_reason(used[i])[0] != '\0');
  }
  assert_string_equal(oa_http1_reason(299), "");
  check(&(oa_http1_answer){.status = 299, .minor = 1, .keep_alive = true},
        "HTTP/1.1 299 \r\nContent-Length: 0\r\n\r\n");
}

static void without_memory_the_output_stays_as_it_was(void **state) {
  (void)state;
  char value[300];
  memset(value, 'v', sizeof value - 1);
  value[sizeof value - 1] = '\0';
  const oa_http1_header headers[] = {{"A", value}, {"B", value}};
  const oa_http1_answer answer = {
      .status = 200, .headers = headers, .header_count = 2, .date = 1};
  oa_status status = OA_ERR_NOMEM;
  int failures = 0;
  for (int64_t n = 0; status != OA_OK; n++) {
    oa_buf out = {0};
    oa_mem_fail_after(n);
    status = oa_http1_put_head(&out, &answer);
    oa_mem_fail_after(-1);
    if (status != OA_OK) {
      assert_int_equal(status, OA_ERR_NOMEM);
      assert_int_equal(out.len, 0);
      failures++;
    }
    oa_buf_free(&out);
  }
  assert_true(failures > 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_head_has_its_length_and_fields),
      cmocka_unit_test(the_end_of_a_connection_is_announced),
      cmocka_unit_test(answers_that_have_no_body_have_no_length),
      cmocka_unit_test(dates_are_written_as_http_wants_them),
      cmocka_unit_test(no_line_can_be_smuggled_into_a_head),
      cmocka_unit_test(every_status_that_is_used_has_a_name),
      cmocka_unit_test(without_memory_the_output_stays_as_it_was),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
