/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/log_limit.h"

/* A pair of datagram sockets keeps apart what was written apart: what one
 * read gives is what one write(2) wrote. */
typedef struct wire {
  int in;
  int out;
} wire;

static wire wire_new(void) {
  int ends[2];
  assert_int_equal(socketpair(AF_UNIX, SOCK_DGRAM, 0, ends), 0);
  return (wire){.in = ends[0], .out = ends[1]};
}

static void wire_free(const wire *w) {
  close(w->in);
  close(w->out);
}

/* The next write as a string, or NULL when there is none. */
static const char *next(const wire *w, char *text, size_t size) {
  const ssize_t len = recv(w->in, text, size - 1, MSG_DONTWAIT);
  if (len < 0) {
    return NULL;
  }
  text[len] = '\0';
  return text;
}

static void a_line_has_time_level_and_message(void **state) {
  (void)state;
  const wire w = wire_new();
  const oa_log log = {.level = OA_LOG_INFO, .fd = w.out};
  char text[4096];
  oa_log_line(&log, OA_LOG_WARN, "%s took %d ms", "fsync", 12);
  assert_non_null(next(&w, text, sizeof text));
  static const char shape[] = "dddd-dd-ddTdd:dd:dd.dddZ";
  for (size_t i = 0; i < sizeof shape - 1; i++) {
    if (shape[i] == 'd') {
      assert_in_range(text[i], '0', '9');
    } else {
      assert_int_equal(text[i], shape[i]);
    }
  }
  assert_string_equal(text + sizeof shape - 1, " warn  fsync took 12 ms\n");
  wire_free(&w);
}

static void every_line_is_one_write(void **state) {
  (void)state;
  const wire w = wire_new();
  oa_log log = {.level = OA_LOG_DEBUG, .fd = w.out};
  char text[4096];
  for (int json = 0; json < 2; json++) {
    log.json = json != 0;
    for (int i = 0; i < 5; i++) {
      oa_log_line(&log, OA_LOG_ERROR, "line %d", i);
    }
    for (int i = 0; i < 5; i++) {
      char want[32];
      snprintf(want, sizeof want, "line %d", i);
      assert_non_null(next(&w, text, sizeof text));
      assert_non_null(strstr(text, want));
      assert_ptr_equal(strchr(text, '\n'), text + strlen(text) - 1);
    }
    assert_null(next(&w, text, sizeof text));
  }
  wire_free(&w);
}

static void a_pipe_gets_the_lines_in_order(void **state) {
  (void)state;
  int ends[2];
  char text[4096];
  assert_int_equal(pipe(ends), 0);
  const oa_log log = {.level = OA_LOG_INFO, .fd = ends[1]};
  oa_log_line(&log, OA_LOG_INFO, "first");
  oa_log_line(&log, OA_LOG_INFO, "second");
  close(ends[1]);
  const ssize_t len = read(ends[0], text, sizeof text - 1);
  assert_true(len > 0);
  text[len] = '\0';
  const char *first = strstr(text, " info  first\n");
  const char *second = strstr(text, " info  second\n");
  assert_true(first != NULL && second != NULL && first < second);
  assert_ptr_equal(second + strlen(second), text + len);
  close(ends[0]);
}

static void lines_below_the_level_are_dropped(void **state) {
  (void)state;
  const wire w = wire_new();
  char text[4096];
  for (oa_log_level at = OA_LOG_DEBUG; at <= OA_LOG_ERROR; at++) {
    const oa_log log = {.level = at, .fd = w.out};
    for (oa_log_level of = OA_LOG_DEBUG; of <= OA_LOG_ERROR; of++) {
      oa_log_line(&log, of, "x");
      assert_int_equal(next(&w, text, sizeof text) != NULL, of >= at);
    }
  }
  oa_log_line(NULL, OA_LOG_ERROR, "nobody hears this");
  wire_free(&w);
}

static void json_lines_are_json_whatever_the_message(void **state) {
  (void)state;
  const wire w = wire_new();
  const oa_log log = {.level = OA_LOG_DEBUG, .json = true, .fd = w.out};
  static const char *const names[] = {"debug", "info", "warn", "error"};
  char message[0x81];
  char text[4096];
  for (size_t i = 0; i < 0x7F; i++) {
    message[i] = (char)(i + 1); /* every control character, " and \ too */
  }
  message[0x7F] = '\0';
  for (oa_log_level of = OA_LOG_DEBUG; of <= OA_LOG_ERROR; of++) {
    oa_log_line(&log, of, "%s", message);
    assert_non_null(next(&w, text, sizeof text));
    json_error_t problem;
    json_t *line = json_loads(text, JSON_REJECT_DUPLICATES, &problem);
    assert_non_null(line);
    assert_int_equal(json_object_size(line), 3);
    assert_string_equal(json_string_value(json_object_get(line, "message")),
                        message);
    assert_string_equal(json_string_value(json_object_get(line, "level")),
                        names[of]);
    assert_int_equal(strlen(json_string_value(json_object_get(line, "time"))),
                     24);
    json_decref(line);
  }
  wire_free(&w);
}

/* Paths and values of other people's may be any bytes. */
static void json_lines_are_utf8_whatever_the_message(void **state) {
  (void)state;
  const wire w = wire_new();
  const oa_log log = {.level = OA_LOG_INFO, .json = true, .fd = w.out};
  static const char *const cases[][2] = {
      {"\303\244 \342\202\254 \360\237\222\251",
       "\303\244 \342\202\254 \360\237\222\251"},
      {"a\377b", "a\357\277\275b"},
      {"cut \342\202", "cut \357\277\275\357\277\275"},
      {"\303", "\357\277\275"},
      {"\355\240\200x", "\357\277\275\357\277\275\357\277\275x"},
  };
  char text[4096];
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    oa_log_line(&log, OA_LOG_INFO, "%s", cases[i][0]);
    assert_non_null(next(&w, text, sizeof text));
    json_error_t problem;
    json_t *line = json_loads(text, 0, &problem);
    assert_non_null(line);
    assert_string_equal(json_string_value(json_object_get(line, "message")),
                        cases[i][1]);
    json_decref(line);
  }
  wire_free(&w);
}

static void a_message_cannot_forge_a_line_of_json(void **state) {
  (void)state;
  const wire w = wire_new();
  const oa_log log = {.level = OA_LOG_INFO, .json = true, .fd = w.out};
  char text[4096];
  oa_log_line(&log, OA_LOG_INFO, "x\"}\n{\"level\":\"error");
  assert_non_null(next(&w, text, sizeof text));
  assert_ptr_equal(strchr(text, '\n'), text + strlen(text) - 1);
  assert_non_null(strstr(text, "x\\\"}\\u000a{\\\"level\\\":\\\"error"));
  wire_free(&w);
}

/* Of every length, and of what takes the most room: cut, but still a line. */
static void long_messages_are_cut_to_a_whole_line(void **state) {
  (void)state;
  const wire w = wire_new();
  static const char fillers[] = {'x', '"', '\1'};
  char message[3000];
  char text[8192];
  for (size_t filler = 0; filler < sizeof fillers; filler++) {
    for (size_t len = 300; len < sizeof message; len += 61) {
      memset(message, fillers[filler], len);
      message[len] = '\0';
      oa_log log = {.level = OA_LOG_INFO, .fd = w.out};
      oa_log_line(&log, OA_LOG_INFO, "%s", message);
      assert_non_null(next(&w, text, sizeof text));
      assert_int_equal(text[strlen(text) - 1], '\n');
      log.json = true;
      oa_log_line(&log, OA_LOG_INFO, "%s", message);
      assert_non_null(next(&w, text, sizeof text));
      assert_int_equal(text[strlen(text) - 1], '\n');
      json_error_t problem;
      json_t *line = json_loads(text, 0, &problem);
      assert_non_null(line);
      const char *kept = json_string_value(json_object_get(line, "message"));
      assert_memory_equal(kept, message, strlen(kept));
      assert_true(strlen(kept) >= 300);
      json_decref(line);
    }
  }
  wire_free(&w);
}

static void control_characters_are_shown_not_sent(void **state) {
  (void)state;
  const wire w = wire_new();
  const oa_log log = {.level = OA_LOG_INFO, .fd = w.out};
  static const char *const cases[][2] = {
      {"a\nb\rc\td", "a\\x0ab\\x0dc\\x09d"},
      {"\033[2Jgone\177", "\\x1b[2Jgone\\x7f"},
      {"\302\205\302\233", "\\x85\\x9b"},
      {"\302\240\303\244", "\302\240\303\244"},
      {"a\377b\342\202", "a\357\277\275b\357\277\275\357\277\275"},
  };
  char text[4096];
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    oa_log_line(&log, OA_LOG_INFO, "%s", cases[i][0]);
    assert_non_null(next(&w, text, sizeof text));
    char *end = strchr(text, '\n');
    assert_ptr_equal(end, text + strlen(text) - 1);
    *end = '\0';
    assert_string_equal(strstr(text, " info  ") + 7, cases[i][1]);
  }
  wire_free(&w);
}

static void a_kind_of_line_is_written_only_so_often(void **state) {
  (void)state;
  const wire w = wire_new();
  oa_log log = {.level = OA_LOG_INFO, .fd = w.out};
  char text[4096];
  assert_int_equal(oa_log_limit_new(&log.limit), OA_OK);
  for (int i = 0; i < 1000; i++) {
    oa_log_line(&log, OA_LOG_WARN, "flood %d", i);
  }
  oa_log_line(&log, OA_LOG_INFO, "another kind");
  for (int i = 0; i < OA_LOG_BURST; i++) {
    char want[32];
    snprintf(want, sizeof want, "flood %d\n", i);
    assert_non_null(strstr(next(&w, text, sizeof text), want));
  }
  assert_non_null(strstr(next(&w, text, sizeof text), "another kind"));
  assert_null(next(&w, text, sizeof text));
  /* Too early, then at the end of all. */
  oa_log_tick(&log, oa_clock_monotonic_ns());
  assert_null(next(&w, text, sizeof text));
  oa_log_tick(&log, UINT64_MAX);
  char want[80];
  snprintf(want, sizeof want,
           " warn  flood 999 (%d more like this in the last 10 s)\n",
           1000 - OA_LOG_BURST);
  assert_non_null(strstr(next(&w, text, sizeof text), want));
  oa_log_tick(&log, UINT64_MAX);
  assert_null(next(&w, text, sizeof text));
  oa_log_tick(NULL, UINT64_MAX);
  oa_log_limit_free(log.limit);
  wire_free(&w);
}

static void a_log_that_cannot_be_written_is_no_failure(void **state) {
  (void)state;
  const oa_log log = {.level = OA_LOG_INFO, .fd = -1};
  oa_log_line(&log, OA_LOG_ERROR, "lost");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_line_has_time_level_and_message),
      cmocka_unit_test(every_line_is_one_write),
      cmocka_unit_test(a_pipe_gets_the_lines_in_order),
      cmocka_unit_test(lines_below_the_level_are_dropped),
      cmocka_unit_test(json_lines_are_json_whatever_the_message),
      cmocka_unit_test(json_lines_are_utf8_whatever_the_message),
      cmocka_unit_test(a_message_cannot_forge_a_line_of_json),
      cmocka_unit_test(long_messages_are_cut_to_a_whole_line),
      cmocka_unit_test(control_characters_are_shown_not_sent),
      cmocka_unit_test(a_kind_of_line_is_written_only_so_often),
      cmocka_unit_test(a_log_that_cannot_be_written_is_no_failure),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
