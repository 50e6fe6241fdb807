/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "ingest/backlog.h"

#define MS UINT64_C(1000000)
#define S (1000 * MS)
#define MIB ((size_t)1 << 20)

/* WRITES writes of BYTES, each taking TAKES nanoseconds. */
static uint64_t write_some(oa_backlog *b, uint64_t now, int writes,
                           size_t bytes, uint64_t takes) {
  for (int i = 0; i < writes; i++) {
    oa_backlog_begin(b, now);
    now += takes;
    oa_backlog_end(b, bytes, now);
    now += 50 * MS; /* nothing to do */
  }
  return now;
}

static void expect_about(uint32_t ms, uint32_t least) {
  assert_in_range(ms, least, least + least / 2);
}

static void the_delay_is_the_time_that_what_waits_takes(void **state) {
  (void)state;
  oa_backlog b;
  oa_backlog_init(&b);
  const uint64_t now = write_some(&b, 5 * S, 10, 10 * MIB, 100 * MS);
  for (int i = 0; i < 100; i++) {
    expect_about(oa_backlog_delay_ms(&b, 100 * MIB, now), 1000);
    expect_about(oa_backlog_delay_ms(&b, 200 * MIB, now), 2000);
  }
}

static void a_disk_that_becomes_slow_is_noticed(void **state) {
  (void)state;
  oa_backlog b;
  oa_backlog_init(&b);
  uint64_t now = write_some(&b, 5 * S, 10, 10 * MIB, 100 * MS);
  now = write_some(&b, now, 20, 10 * MIB, S);
  assert_in_range(oa_backlog_delay_ms(&b, 100 * MIB, now), 9000, 16000);
  now = write_some(&b, now, 20, 10 * MIB, 100 * MS);
  assert_in_range(oa_backlog_delay_ms(&b, 100 * MIB, now), 990, 2000);
}

static void a_disk_that_stands_still_makes_it_grow(void **state) {
  (void)state;
  oa_backlog b;
  oa_backlog_init(&b);
  uint64_t now = write_some(&b, 5 * S, 10, 10 * MIB, 100 * MS);
  oa_backlog_begin(&b, now);
  expect_about(oa_backlog_delay_ms(&b, 30 * MIB, now), 300);
  expect_about(oa_backlog_delay_ms(&b, 30 * MIB, now + 2 * S), 2000);
  expect_about(oa_backlog_delay_ms(&b, 30 * MIB, now + 8 * S), 8000);
  oa_backlog_end(&b, 0, now + 9 * S); /* it failed: no rate */
  expect_about(oa_backlog_delay_ms(&b, 30 * MIB, now + 9 * S), 300);
}

static void it_has_bounds_whatever_happens(void **state) {
  (void)state;
  oa_backlog b;
  oa_backlog_init(&b);
  for (int round = 0; round < 3; round++) {
    assert_in_range(oa_backlog_delay_ms(&b, 0, 0), OA_BACKLOG_MIN_MS,
                    OA_BACKLOG_MIN_MS * 3 / 2);
    assert_in_range(oa_backlog_delay_ms(&b, SIZE_MAX, 0),
                    OA_BACKLOG_MAX_MS / 3 * 2, OA_BACKLOG_MAX_MS);
    assert_in_range(oa_backlog_delay_ms(&b, 1, UINT64_MAX), OA_BACKLOG_MIN_MS,
                    OA_BACKLOG_MAX_MS);
    if (round == 0) {
      (void)write_some(&b, S, 50, 1, 3600 * S);
    } else {
      (void)write_some(&b, S, 50, SIZE_MAX / 2, 1);
    }
  }
  oa_backlog_begin(&b, 10 * S);
  oa_backlog_end(&b, MIB, 9 * S); /* a clock that runs backwards */
  assert_in_range(oa_backlog_delay_ms(&b, MIB, 0), OA_BACKLOG_MIN_MS,
                  OA_BACKLOG_MAX_MS);
}

static void not_all_come_back_at_once(void **state) {
  (void)state;
  enum { SENDERS = 1000, PARTS = 10 };
  unsigned parts[PARTS] = {0};
  oa_backlog b;
  oa_backlog_init(&b);
  const uint64_t now = write_some(&b, 5 * S, 10, 10 * MIB, 100 * MS);
  for (int i = 0; i < SENDERS; i++) {
    const uint32_t ms = oa_backlog_delay_ms(&b, 100 * MIB, now);
    const uint32_t part = (ms - 1000) * PARTS / 501;
    assert_true(ms >= 1000 && part < PARTS);
    parts[part]++;
  }
  for (int i = 0; i < PARTS; i++) {
    assert_in_range(parts[i], SENDERS / PARTS / 2, SENDERS / PARTS * 2);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_delay_is_the_time_that_what_waits_takes),
      cmocka_unit_test(a_disk_that_becomes_slow_is_noticed),
      cmocka_unit_test(a_disk_that_stands_still_makes_it_grow),
      cmocka_unit_test(it_has_bounds_whatever_happens),
      cmocka_unit_test(not_all_come_back_at_once),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
