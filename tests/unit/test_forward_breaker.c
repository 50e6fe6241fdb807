/* SPDX-License-Identifier: Apache-2.0 */
/* The circuit breaker: every way from one state to the next. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "forward/breaker.h"

static const oa_circuit_rules rules = {.failure_threshold = 3,
                                       .success_threshold = 2,
                                       .open_ms = 1000,
                                       .max_probes = 2};

static oa_circuit fresh(void) {
  oa_circuit circuit;
  oa_circuit_init(&circuit, &rules);
  return circuit;
}

/* 0 = allowed; else when to ask again. */
static uint32_t ask(oa_circuit *circuit, uint64_t now_ms) {
  uint32_t wait_ms = 12345;
  return oa_circuit_allow(circuit, now_ms, &wait_ms) ? 0 : wait_ms;
}

static void fail_at(oa_circuit *circuit, uint64_t now_ms, int times) {
  for (int i = 0; i < times; i++) {
    assert_int_equal(ask(circuit, now_ms), 0);
    oa_circuit_report(circuit, now_ms, 0);
  }
}

static void it_opens_after_failures_in_a_row(void **state) {
  (void)state;
  oa_circuit circuit = fresh();
  for (int i = 0; i < 5; i++) { /* two are not three */
    fail_at(&circuit, 10, 2);
    assert_int_equal(ask(&circuit, 10), 0);
    oa_circuit_report(&circuit, 10, 1);
    assert_int_equal(circuit.state, OA_CIRCUIT_CLOSED);
  }
  fail_at(&circuit, 20, 3);
  assert_int_equal(circuit.state, OA_CIRCUIT_OPEN);
}

static void open_it_allows_nothing_until_its_time(void **state) {
  (void)state;
  oa_circuit circuit = fresh();
  fail_at(&circuit, 500, 3);
  assert_int_equal(ask(&circuit, 500), 1000);
  assert_int_equal(ask(&circuit, 1400), 100);
  assert_int_equal(ask(&circuit, 1499), 1);
  assert_int_equal(circuit.state, OA_CIRCUIT_OPEN);
  /* What was on the way when it opened says nothing now. */
  oa_circuit_report(&circuit, 1499, 1);
  assert_int_equal(circuit.state, OA_CIRCUIT_OPEN);
  assert_int_equal(ask(&circuit, 1500), 0);
  assert_int_equal(circuit.state, OA_CIRCUIT_HALF_OPEN);
}

static void half_open_it_allows_some_at_once(void **state) {
  (void)state;
  oa_circuit circuit = fresh();
  fail_at(&circuit, 0, 3);
  assert_int_equal(ask(&circuit, 1000), 0);
  assert_int_equal(ask(&circuit, 1000), 0);
  assert_int_equal(ask(&circuit, 1000), 12345); /* what it was before */
  oa_circuit_cancel(&circuit);
  assert_int_equal(ask(&circuit, 1001), 0);
  assert_int_equal(ask(&circuit, 1001), 12345);
  oa_circuit_report(&circuit, 1002, 1);
  assert_int_equal(circuit.state, OA_CIRCUIT_HALF_OPEN);
  assert_int_equal(ask(&circuit, 1002), 0);
}

static void successes_in_a_row_close_it(void **state) {
  (void)state;
  oa_circuit circuit = fresh();
  fail_at(&circuit, 0, 3);
  for (int i = 0; i < 2; i++) {
    assert_int_equal(circuit.state,
                     i == 0 ? OA_CIRCUIT_OPEN : OA_CIRCUIT_HALF_OPEN);
    assert_int_equal(ask(&circuit, 2000), 0);
    oa_circuit_report(&circuit, 2000, 1);
  }
  assert_int_equal(circuit.state, OA_CIRCUIT_CLOSED);
  fail_at(&circuit, 2000, 2); /* it counts from the beginning */
  assert_int_equal(circuit.state, OA_CIRCUIT_CLOSED);
}

static void a_failure_half_open_opens_it_for_its_whole_time(void **state) {
  (void)state;
  oa_circuit circuit = fresh();
  fail_at(&circuit, 0, 3);
  assert_int_equal(ask(&circuit, 1000), 0);
  oa_circuit_report(&circuit, 1000, 1); /* one of two */
  assert_int_equal(ask(&circuit, 1010), 0);
  oa_circuit_report(&circuit, 1020, 0);
  assert_int_equal(circuit.state, OA_CIRCUIT_OPEN);
  assert_int_equal(ask(&circuit, 1020), 1000);
  assert_int_equal(ask(&circuit, 2020), 0);
  oa_circuit_report(&circuit, 2020, 1); /* again one of two */
  assert_int_equal(circuit.state, OA_CIRCUIT_HALF_OPEN);
}

static void a_very_long_time_is_not_cut_short(void **state) {
  (void)state;
  oa_circuit circuit = fresh();
  circuit.rules.open_ms = UINT64_C(1) << 40;
  fail_at(&circuit, 7, 3);
  assert_true(ask(&circuit, 7) == UINT32_MAX);
}

static void states_have_names(void **state) {
  (void)state;
  assert_string_equal(oa_circuit_state_name(OA_CIRCUIT_CLOSED), "closed");
  assert_string_equal(oa_circuit_state_name(OA_CIRCUIT_HALF_OPEN), "half open");
  assert_string_equal(oa_circuit_state_name(OA_CIRCUIT_OPEN), "open");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(it_opens_after_failures_in_a_row),
      cmocka_unit_test(open_it_allows_nothing_until_its_time),
      cmocka_unit_test(half_open_it_allows_some_at_once),
      cmocka_unit_test(successes_in_a_row_close_it),
      cmocka_unit_test(a_failure_half_open_opens_it_for_its_whole_time),
      cmocka_unit_test(a_very_long_time_is_not_cut_short),
      cmocka_unit_test(states_have_names),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
