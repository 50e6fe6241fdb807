/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "net/retry.h"

#define MIB ((size_t)1 << 20)

/* Takes BYTES in each of TIMES tenths of a second, after *TOTAL until NOW. */
static uint64_t take_some(oa_retry *r, uint64_t now, uint64_t *total, int times,
                          size_t bytes) {
  oa_retry_measure(r, *total, now);
  for (int i = 0; i < times; i++) {
    now += 100;
    *total += bytes;
    oa_retry_measure(r, *total, now);
  }
  return now;
}

static void the_delay_is_the_time_that_what_is_held_takes(void **state) {
  (void)state;
  static const size_t held[] = {50 * MIB, 100 * MIB, 400 * MIB};
  for (size_t i = 0; i < sizeof held / sizeof held[0]; i++) {
    oa_retry r = {0};
    uint64_t total = 0;
    const uint64_t now = take_some(&r, 1000, &total, 20, 10 * MIB);
    assert_int_equal(oa_retry_delay_ms(&r, held[i], 0, now),
                     held[i] / (MIB / 10));
  }
}

static void those_who_are_sent_away_come_back_one_by_one(void **state) {
  (void)state;
  oa_retry r = {0};
  uint64_t total = 0;
  const uint64_t now = take_some(&r, 1000, &total, 20, 10 * MIB);
  uint32_t last = oa_retry_delay_ms(&r, 0, MIB, now);
  assert_int_equal(last, OA_RETRY_MIN_MS + 10);
  for (int i = 0; i < 500; i++) {
    const uint32_t next = oa_retry_delay_ms(&r, 0, MIB, now);
    assert_int_equal(next, last + 10);
    last = next;
  }
  /* Their times pass, and are not counted again. */
  assert_int_equal(oa_retry_delay_ms(&r, 0, MIB, now + 4000), last + 10 - 4000);
  assert_int_equal(oa_retry_delay_ms(&r, 0, MIB, now + 60000),
                   OA_RETRY_MIN_MS + 10);
}

static void a_lull_does_not_make_it_longer(void **state) {
  (void)state;
  oa_retry r = {0};
  uint64_t total = 0;
  uint64_t now = take_some(&r, 1000, &total, 20, 10 * MIB);
  now = take_some(&r, now, &total, 2, 0);
  assert_in_range(oa_retry_delay_ms(&r, 100 * MIB, 0, now), 1000, 1200);
}

static void a_lower_speed_makes_it_longer_within_seconds(void **state) {
  (void)state;
  oa_retry r = {0};
  uint64_t total = 0;
  uint64_t now = take_some(&r, 1000, &total, 20, 10 * MIB);
  now = take_some(&r, now, &total, 60, MIB);
  assert_in_range(oa_retry_delay_ms(&r, 100 * MIB, 0, now), 9000, 10000);
  now = take_some(&r, now, &total, 1, 10 * MIB);
  oa_retry again = r;
  again.until_us = 0;
  assert_int_equal(oa_retry_delay_ms(&again, 100 * MIB, 0, now), 1000);
}

static void it_never_leaves_its_bounds(void **state) {
  (void)state;
  static const size_t sizes[] = {0, 1, MIB, SIZE_MAX / 2, SIZE_MAX};
  enum { SIZES = sizeof sizes / sizeof sizes[0] };
  for (size_t i = 0; i < (size_t)SIZES * SIZES; i++) {
    oa_retry r = {0};
    for (uint64_t now = 0; now < 1000; now++) {
      const uint32_t ms =
          oa_retry_delay_ms(&r, sizes[i / SIZES], sizes[i % SIZES], now);
      assert_in_range(ms, OA_RETRY_MIN_MS, OA_RETRY_MAX_MS);
    }
  }
}

static void beyond_the_longest_delay_they_do_not_come_all_at_once(
    void **state) {
  (void)state;
  oa_retry r = {0};
  uint64_t total = 0;
  const uint64_t now = take_some(&r, 1000, &total, 20, MIB);
  uint32_t last = 0;
  int same = 0;
  for (int i = 0; i < 5000; i++) {
    const uint32_t ms = oa_retry_delay_ms(&r, 100 * MIB, MIB, now);
    same += ms == last ? 1 : 0;
    last = ms;
  }
  assert_int_equal(same, 0);
}

static void nothing_is_held_against_a_service_without_a_past(void **state) {
  (void)state;
  oa_retry r = {0};
  assert_in_range(oa_retry_delay_ms(&r, 32 * MIB, 0, 5), 900, 1100);
  oa_retry_measure(&r, 0, 5);
  oa_retry_measure(&r, 0, 6);
  oa_retry_measure(&r, 0, 500);
  assert_in_range(oa_retry_delay_ms(&r, MIB, 0, 600), OA_RETRY_MIN_MS,
                  OA_RETRY_MAX_MS);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_delay_is_the_time_that_what_is_held_takes),
      cmocka_unit_test(those_who_are_sent_away_come_back_one_by_one),
      cmocka_unit_test(a_lull_does_not_make_it_longer),
      cmocka_unit_test(a_lower_speed_makes_it_longer_within_seconds),
      cmocka_unit_test(it_never_leaves_its_bounds),
      cmocka_unit_test(beyond_the_longest_delay_they_do_not_come_all_at_once),
      cmocka_unit_test(nothing_is_held_against_a_service_without_a_past),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
