/* SPDX-License-Identifier: Apache-2.0 */
/* How much the HTTP/1.1 reader takes of each thing: as much as its bound says,
 * and not a byte more. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "http1_trial.h"

static const char BEGIN[] = "GET / HTTP/1.1\r\nHost: a\r\n";
static const char CHUNKED[] =
    "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";

static void put(oa_buf *out, const char *text) {
  assert_int_equal(oa_buf_put(out, text, strlen(text)), OA_OK);
}

static void fill(oa_buf *out, size_t count) {
  for (size_t i = 0; i < count; i++) {
    assert_int_equal(oa_buf_put_byte(out, 'x'), OA_OK);
  }
}

/* The verdict, when DATA comes in pieces of STEP bytes. */
static unsigned verdict_in(const oa_buf *data, const trial *like, size_t step) {
  trial t;
  trial_open_with(&t, like->room.head_size, like->room.max_fields,
                  like->room.max_line);
  for (size_t at = 0; at < data->len; at += step) {
    const size_t left = data->len - at;
    trial_feed(&t, data->data + at, left < step ? left : step);
  }
  const unsigned verdict = t.status != 0 ? t.status : t.ended == 1 ? 0 : 1;
  trial_close(&t);
  return verdict;
}

static void expect(oa_buf *data, size_t head, size_t fields, size_t line,
                   unsigned status) {
  const trial like = {
      .room = {.head_size = head, .max_fields = fields, .max_line = line}};
  assert_int_equal(verdict_in(data, &like, data->len), status);
  assert_int_equal(verdict_in(data, &like, 1), status);
  assert_int_equal(verdict_in(data, &like, 7), status);
  oa_buf_free(data);
}

static void a_head_may_fill_its_room(void **state) {
  (void)state;
  for (size_t more = 0; more < 3; more++) {
    oa_buf data = {0};
    put(&data, BEGIN);
    put(&data, "X: ");
    fill(&data, 200 - data.len - 4 + more);
    put(&data, "\r\n\r\n");
    assert_int_equal(data.len, 200 + more);
    expect(&data, 200, 10, 100, more == 0 ? 0 : 431);
  }
}

static void a_request_line_has_its_own_bound(void **state) {
  (void)state;
  for (size_t more = 0; more < 3; more++) {
    oa_buf data = {0};
    put(&data, "GET /");
    fill(&data, 50 - 5 - 9 + more);
    put(&data, " HTTP/1.1\r\nHost: a\r\n\r\n");
    expect(&data, 200, 10, 50, more == 0 ? 0 : 414);
  }
}

static void a_line_without_an_end_is_refused_in_time(void **state) {
  (void)state;
  oa_buf data = {0};
  fill(&data, 53);
  expect(&data, 200, 10, 50, 414);
  fill(&data, 52);
  expect(&data, 200, 10, 50, 1);
  /* Where the head ends, the line ends as well. */
  fill(&data, 41);
  expect(&data, 40, 10, 50, 414);
  fill(&data, 40);
  expect(&data, 40, 10, 50, 1);
  put(&data, BEGIN);
  fill(&data, 201 - data.len);
  expect(&data, 200, 10, 50, 431);
  put(&data, BEGIN);
  fill(&data, 200 - data.len);
  expect(&data, 200, 10, 50, 1);
}

static void fields_are_counted(void **state) {
  (void)state;
  for (size_t more = 0; more < 2; more++) {
    oa_buf data = {0};
    put(&data, BEGIN);
    for (size_t i = 1; i < 5 + more; i++) {
      put(&data, "a:b\r\n");
    }
    put(&data, "\r\n");
    expect(&data, 200, 5, 50, more == 0 ? 0 : 431);
  }
}

static void extensions_are_bounded_over_all_chunks(void **state) {
  (void)state;
  for (size_t more = 0; more < 2; more++) {
    oa_buf data = {0};
    put(&data, CHUNKED);
    for (size_t i = 0; i < 4; i++) {
      put(&data, "1;");
      fill(&data, OA_HTTP1_MAX_EXTENSIONS / 4 + (i == 3 ? more : 0));
      put(&data, "\r\na\r\n");
    }
    put(&data, "0\r\n\r\n");
    expect(&data, 200, 5, 50, more == 0 ? 0 : 431);
  }
  /* The space before an extension counts as well. */
  oa_buf data = {0};
  put(&data, CHUNKED);
  put(&data, "1");
  for (size_t i = 0; i <= OA_HTTP1_MAX_EXTENSIONS; i++) {
    put(&data, " ");
  }
  put(&data, ";");
  expect(&data, 200, 5, 50, 431);
}

static void trailers_are_bounded(void **state) {
  (void)state;
  for (size_t more = 0; more < 2; more++) {
    oa_buf data = {0};
    put(&data, CHUNKED);
    put(&data, "0\r\n");
    for (size_t i = 0; i < 8; i++) {
      put(&data, "A:");
      fill(&data, OA_HTTP1_MAX_TRAILERS / 8 - 4 + (i == 7 ? more : 0));
      put(&data, "\r\n");
    }
    put(&data, "\r\n");
    expect(&data, 200, 5, 50, more == 0 ? 0 : 431);
  }
}

static void extensions_and_trailers_have_each_their_own_bound(void **state) {
  (void)state;
  oa_buf data = {0};
  put(&data, CHUNKED);
  put(&data, "1;");
  fill(&data, OA_HTTP1_MAX_EXTENSIONS);
  put(&data, "\r\na\r\n0\r\nA:");
  fill(&data, OA_HTTP1_MAX_TRAILERS - 4);
  put(&data, "\r\n\r\n");
  expect(&data, 200, 5, 50, 0);
}

/* Only the caller knows how long a body may be: the reader holds none. */
static void bodies_may_be_long(void **state) {
  (void)state;
  oa_buf data = {0};
  put(&data, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n");
  fill(&data, 100000);
  expect(&data, 200, 5, 50, 0);
  put(&data, CHUNKED);
  for (size_t i = 0; i < 100; i++) {
    put(&data, "3e8\r\n");
    fill(&data, 1000);
    put(&data, "\r\n");
  }
  put(&data, "0\r\n\r\n");
  expect(&data, 200, 5, 50, 0);
}

static void the_largest_length_overflows_nothing(void **state) {
  (void)state;
  trial t;
  trial_open(&t);
  static const char text[] =
      "POST / HTTP/1.1\r\nHost: a\r\n"
      "Content-Length: 9223372036854775799\r\n\r\nab";
  trial_feed(&t, text, sizeof text - 1);
  assert_true(t.reader.request.content_length == UINT64_C(9223372036854775799));
  assert_int_equal(t.status, 0);
  assert_int_equal(t.ended, 0);
  assert_int_equal(t.body.len, 2);
  trial_close(&t);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_head_may_fill_its_room),
      cmocka_unit_test(a_request_line_has_its_own_bound),
      cmocka_unit_test(a_line_without_an_end_is_refused_in_time),
      cmocka_unit_test(fields_are_counted),
      cmocka_unit_test(extensions_are_bounded_over_all_chunks),
      cmocka_unit_test(trailers_are_bounded),
      cmocka_unit_test(extensions_and_trailers_have_each_their_own_bound),
      cmocka_unit_test(bodies_may_be_long),
      cmocka_unit_test(the_largest_length_overflows_nothing),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
