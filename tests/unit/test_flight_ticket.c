/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "receive/flight_ticket.h"

static oa_cursor over(const char *text) {
  return oa_cursor_over(text, strlen(text));
}

static const char file[] = "otlp_traces_20240501_120000_000007.arrow";

static void a_ticket_reads_back_as_it_was_written(void **state) {
  (void)state;
  oa_flight_ticket ticket;
  oa_flight_ticket back;
  char text[OA_FLIGHT_TICKET_SIZE];
  memset(&ticket, 0, sizeof ticket);
  assert_true(
      oa_flight_name_read(over(file), OA_TRACES, "arrow", &ticket.name));
  for (int timed = 0; timed < 2; timed++) {
    ticket.filter = (oa_flight_filter){
        .timed = timed != 0, .from = timed == 0 ? 0 : 5, .to = UINT64_MAX};
    oa_flight_ticket_write(&ticket, "arrow", text);
    assert_string_equal(
        text, timed == 0 ? "traces/otlp_traces_20240501_120000_000007.arrow"
                         : "traces/otlp_traces_20240501_120000_000007.arrow"
                           "?5-18446744073709551615");
    assert_int_equal(oa_flight_ticket_read(over(text), "arrow", &back, NULL),
                     OA_OK);
    assert_int_equal(back.signal, OA_TRACES);
    assert_true(oa_name_equal(&back.name, &ticket.name));
    assert_int_equal(back.filter.timed, timed != 0);
    assert_int_equal(back.filter.from, ticket.filter.from);
    assert_int_equal(back.filter.to, UINT64_MAX);
  }
}

/* Nothing that the store would not call a file becomes one. */
static void tickets_of_others_are_refused(void **state) {
  (void)state;
  static const char *const bad[] = {
      "",
      "/",
      "traces",
      "traces/",
      "/etc/passwd",
      "traces//etc/passwd",
      "traces/../metrics/otlp_metrics_20240501_120000_000007.arrow",
      "traces/../otlp_traces_20240501_120000_000007.arrow",
      "../traces/otlp_traces_20240501_120000_000007.arrow",
      "profiles/otlp_profiles_20240501_120000_000007.arrow",
      "traces/otlp_metrics_20240501_120000_000007.arrow",
      "traces/otlp_traces_20240501_120000_000007.arrow/",
      "traces/otlp_traces_20240501_120000_000007.arrow.corrupt",
      "traces/otlp_traces_20240501_120000_000007.txt",
      "traces/otlp_traces_20240501_120000_.arrow",
      "traces/.sealed",
      "traces/otlp_traces_20240501_120000_000007.arrow?",
      "traces/otlp_traces_20240501_120000_000007.arrow?1",
      "traces/otlp_traces_20240501_120000_000007.arrow?1-",
      "traces/otlp_traces_20240501_120000_000007.arrow?-1",
      "traces/otlp_traces_20240501_120000_000007.arrow?1-x",
      "traces/otlp_traces_20240501_120000_000007.arrow?1-18446744073709551616",
      "TRACES/otlp_traces_20240501_120000_000007.arrow",
  };
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    oa_flight_ticket ticket;
    oa_error error = {0};
    if (oa_flight_ticket_read(over(bad[i]), "arrow", &ticket, &error) !=
        OA_ERR_MALFORMED) {
      fail_msg("\"%s\" is a ticket", bad[i]);
    }
    assert_true(strstr(error.text, "ticket") != NULL);
  }
}

static void a_byte_of_zero_does_not_end_a_name(void **state) {
  (void)state;
  static const char name[] = "otlp_traces_20240501_120000_000007.arrow\0/../x";
  oa_name out;
  assert_false(oa_flight_name_read(oa_cursor_over(name, sizeof name - 1),
                                   OA_TRACES, "arrow", &out));
  assert_false(oa_flight_name_read(oa_cursor_over(name, strlen(name) + 1),
                                   OA_TRACES, "arrow", &out));
}

static void names_longer_than_any_of_ours_are_refused(void **state) {
  (void)state;
  char name[4096];
  oa_name out;
  memset(name, '0', sizeof name);
  memcpy(name, file, 34);
  for (size_t len = strlen(file); len < sizeof name; len += 13) {
    assert_false(oa_flight_name_read(oa_cursor_over(name, len), OA_TRACES,
                                     "arrow", &out));
  }
}

/* --- filters --- */

static void a_filter_says_signal_and_times(void **state) {
  (void)state;
  oa_flight_filter f;
  assert_int_equal(oa_flight_filter_read(over(""), &f, NULL), OA_OK);
  assert_true(f.signal == -1 && !f.timed);
  assert_int_equal(oa_flight_filter_read(over(" { } "), &f, NULL), OA_OK);
  assert_true(f.signal == -1 && !f.timed);
  assert_int_equal(oa_flight_filter_read(
                       over("{\"signal\":\"logs\",\"from_ns\":5}"), &f, NULL),
                   OA_OK);
  assert_int_equal(f.signal, OA_LOGS);
  assert_true(f.timed && f.from == 5 && f.to == UINT64_MAX);
  assert_int_equal(
      oa_flight_filter_read(
          over(" {\"to_ns\" : \"1714564800000000000\", \"signal\":\"traces\"}"),
          &f, NULL),
      OA_OK);
  assert_int_equal(f.signal, OA_TRACES);
  assert_true(f.timed && f.from == 0);
  assert_int_equal(f.to, UINT64_C(1714564800000000000));
}

static void a_bad_filter_is_refused_with_its_place(void **state) {
  (void)state;
  static const char *const bad[] = {
      "x",
      "[]",
      "{",
      "{\"signal\"}",
      "{\"signal\":1}",
      "{\"signal\":\"profiles\"}",
      "{\"from_ns\":-1}",
      "{\"from_ns\":1.5}",
      "{\"from_ns\":\"x\"}",
      "{\"from_ns\":\"1}",
      "{\"from_ns\":18446744073709551616}",
      "{\"from_ns\":1,}",
      "{\"from_ns\":1} 2",
      "{\"from\":1}",
      "{\"signal\":\"logs\" \"from_ns\":1}",
  };
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    oa_flight_filter f;
    oa_error error = {0};
    if (oa_flight_filter_read(over(bad[i]), &f, &error) != OA_ERR_MALFORMED) {
      fail_msg("\"%s\" is a filter", bad[i]);
    }
    assert_true(strstr(error.text, "at byte ") != NULL);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_ticket_reads_back_as_it_was_written),
      cmocka_unit_test(tickets_of_others_are_refused),
      cmocka_unit_test(a_byte_of_zero_does_not_end_a_name),
      cmocka_unit_test(names_longer_than_any_of_ours_are_refused),
      cmocka_unit_test(a_filter_says_signal_and_times),
      cmocka_unit_test(a_bad_filter_is_refused_with_its_place),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
