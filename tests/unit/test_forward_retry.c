/* SPDX-License-Identifier: Apache-2.0 */
/* How long to wait before the next attempt, and when to give up. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "forward/retry.h"

#define MS UINT64_C(1000000)

static const oa_retry_policy policy = {.initial_ns = 100 * MS,
                                       .max_ns = 3000 * MS};

static uint64_t numbers = 88172645463325252;

static uint64_t any_number(void) {
  numbers ^= numbers << 13;
  numbers ^= numbers >> 7;
  return numbers ^= numbers << 17;
}

static void waits_double_up_to_the_longest(void **state) {
  static const uint64_t most[] = {100, 200, 400, 800, 1600, 3000, 3000};
  (void)state;
  for (uint64_t i = 0; i < sizeof most / sizeof most[0]; i++) {
    uint64_t least = UINT64_MAX;
    uint64_t greatest = 0;
    for (int k = 0; k < 2000; k++) {
      const uint64_t wait = oa_retry_wait_ns(&policy, i + 1, 0, any_number());
      least = wait < least ? wait : least;
      greatest = wait > greatest ? wait : greatest;
    }
    /* Half of it is at random, and all of that half. */
    assert_true(least >= most[i] * MS / 2 && least < most[i] * MS * 6 / 10);
    assert_true(greatest <= most[i] * MS && greatest > most[i] * MS * 9 / 10);
  }
  assert_true(oa_retry_wait_ns(&policy, UINT64_MAX, 0, UINT64_MAX) <=
              3000 * MS);
}

static void no_bounds_overflow(void **state) {
  const oa_retry_policy vast = {.initial_ns = UINT64_MAX / 3,
                                .max_ns = UINT64_MAX};
  const oa_retry_policy equal = {.initial_ns = 5, .max_ns = 5};
  (void)state;
  for (uint64_t i = 1; i < 100; i++) {
    assert_true(oa_retry_wait_ns(&vast, i, 0, any_number()) >= UINT64_MAX / 6);
    assert_in_range(oa_retry_wait_ns(&equal, i, 0, any_number()), 2, 5);
  }
}

static void what_the_endpoint_asks_for_counts_up_to_a_bound(void **state) {
  (void)state;
  for (int k = 0; k < 1000; k++) {
    const uint64_t wait = oa_retry_wait_ns(&policy, 9, 1000, any_number());
    assert_true(wait >= 1000 * MS && wait <= 1100 * MS);
    const uint64_t bound =
        oa_retry_wait_ns(&policy, 1, UINT32_MAX, any_number());
    assert_true(bound >= OA_RETRY_MAX_ASKED_MS * MS &&
                bound <= OA_RETRY_MAX_ASKED_MS * MS * 11 / 10);
  }
}

static void it_is_over_only_when_there_is_an_end(void **state) {
  const oa_retry_policy bounded = {.max_elapsed_ns = 10};
  (void)state;
  assert_false(oa_retry_is_over(&policy, 0, UINT64_MAX));
  assert_false(oa_retry_is_over(&bounded, 100, 109));
  assert_true(oa_retry_is_over(&bounded, 100, 110));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(waits_double_up_to_the_longest),
      cmocka_unit_test(no_bounds_overflow),
      cmocka_unit_test(what_the_endpoint_asks_for_counts_up_to_a_bound),
      cmocka_unit_test(it_is_over_only_when_there_is_an_end),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
