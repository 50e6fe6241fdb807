/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <string.h>
#include <time.h>

#include "base/mem.h"
#include "ingest/counters.h"

static void blocks_are_whole_cache_lines(void **state) {
  (void)state;
  for (size_t threads = 0; threads < 9; threads++) {
    oa_counters counters;
    assert_int_equal(oa_counters_init(&counters, threads), OA_OK);
    assert_int_equal(counters.count, threads + 1);
    for (size_t i = 0; i < counters.count; i++) {
      assert_int_equal((uintptr_t)&counters.blocks[i] % 64, 0);
    }
    oa_counters_reset(&counters);
    assert_null(counters.blocks);
    oa_counters_reset(&counters);
  }
}

static void counters_begin_at_zero(void **state) {
  oa_counters counters;
  const oa_signal_totals zero = {0};
  (void)state;
  assert_int_equal(oa_counters_init(&counters, 3), OA_OK);
  for (int i = 0; i < OA_SIGNAL_COUNT; i++) {
    oa_signal_totals totals;
    memset(&totals, 0xFF, sizeof totals);
    oa_counters_sum(&counters, (oa_signal)i, &totals);
    assert_memory_equal(&totals, &zero, sizeof zero);
  }
  oa_counters_reset(&counters);
}

static void sums_go_over_all_blocks_and_one_signal(void **state) {
  oa_counters counters;
  oa_signal_totals totals;
  (void)state;
  assert_int_equal(oa_counters_init(&counters, 2), OA_OK);
  for (size_t i = 0; i < counters.count; i++) {
    oa_signal_counters *logs = &counters.blocks[i].signals[OA_LOGS];
    oa_count(&logs->requests, 1);
    oa_count(&logs->items_accepted, 10);
    oa_count(&logs->items_rejected, 100);
    oa_count(&logs->items_stored, 1000);
    oa_count(&logs->strings_repaired, 10000);
    oa_count(&logs->bytes, UINT64_C(1) << 40);
    for (size_t reason = 0; reason < OA_REFUSAL_COUNT; reason++) {
      oa_count(&logs->refused[reason], reason + 1);
    }
  }
  oa_counters_sum(&counters, OA_LOGS, &totals);
  assert_int_equal(totals.requests, 3);
  assert_int_equal(totals.items_accepted, 30);
  assert_int_equal(totals.items_rejected, 300);
  assert_int_equal(totals.items_stored, 3000);
  assert_int_equal(totals.strings_repaired, 30000);
  assert_true(totals.bytes == UINT64_C(3) << 40);
  for (size_t reason = 0; reason < OA_REFUSAL_COUNT; reason++) {
    assert_int_equal(totals.refused[reason], 3 * (reason + 1));
  }
  oa_counters_sum(&counters, OA_TRACES, &totals);
  assert_int_equal(totals.requests, 0);
  oa_counters_reset(&counters);
}

enum { WRITERS = 4, ROUNDS = 20000 };

typedef struct writer {
  oa_counter_block *block;
  pthread_t thread;
} writer;

/* Items pass from one thread to another, as from I/O threads to the writer; a
 * reader never sees more go than came. */
typedef struct passage {
  oa_counters counters;
  _Atomic uint64_t handed; /* by the first, to the second */
  atomic_bool over;
} passage;

static void *take_in(void *context) {
  passage *p = context;
  for (int i = 0; i < ROUNDS; i++) {
    oa_count(&p->counters.blocks[0].signals[OA_LOGS].items_accepted, 3);
    atomic_fetch_add_explicit(&p->handed, 3, memory_order_release);
  }
  return NULL;
}

static void *let_out(void *context) {
  passage *p = context;
  oa_signal_counters *mine = &p->counters.blocks[1].signals[OA_LOGS];
  uint64_t done = 0;
  while (done < UINT64_C(3) * ROUNDS) {
    const uint64_t until =
        atomic_load_explicit(&p->handed, memory_order_acquire);
    for (; done < until; done++) {
      oa_count(done % 5 == 0 ? &mine->items_given_up : &mine->items_stored, 1);
    }
  }
  atomic_store(&p->over, true);
  return NULL;
}

static void what_is_buffered_is_never_less_than_nothing(void **state) {
  passage p = {0};
  pthread_t in;
  pthread_t out;
  oa_signal_totals totals;
  (void)state;
  assert_int_equal(oa_counters_init(&p.counters, 1), OA_OK);
  assert_int_equal(pthread_create(&out, NULL, let_out, &p), 0);
  assert_int_equal(pthread_create(&in, NULL, take_in, &p), 0);
  do {
    oa_counters_sum(&p.counters, OA_LOGS, &totals);
    assert_true(oa_totals_buffered(&totals) <= UINT64_C(3) * ROUNDS);
  } while (!atomic_load(&p.over));
  pthread_join(in, NULL);
  pthread_join(out, NULL);
  oa_counters_sum(&p.counters, OA_LOGS, &totals);
  assert_int_equal(oa_totals_buffered(&totals), 0);
  assert_int_equal(totals.items_stored + totals.items_given_up, 3 * ROUNDS);
  assert_true(totals.items_given_up > 0);
  oa_counters_reset(&p.counters);
}

static void a_thread_that_stands_still_is_seen(void **state) {
  oa_counters counters;
  (void)state;
  assert_int_equal(oa_counters_init(&counters, 1), OA_OK);
  /* Both are as old as the counters; one goes round again. */
  nanosleep(&(struct timespec){.tv_nsec = 30000000}, NULL);
  oa_counters_beat(&counters.blocks[1]);
  assert_true(oa_counters_silence(&counters, 0) >= UINT64_C(30000000));
  const uint64_t since = oa_counters_silence(&counters, 1);
  assert_true(since < oa_counters_silence(&counters, 0));
  oa_counters_reset(&counters);
}

static void *count_up(void *context) {
  const writer *self = context;
  oa_signal_counters *traces = &self->block->signals[OA_TRACES];
  for (int i = 0; i < ROUNDS; i++) {
    oa_count(&traces->items_accepted, 2);
    oa_count(&traces->items_stored, 1);
  }
  return NULL;
}

static void no_count_is_lost_between_threads(void **state) {
  oa_counters counters;
  oa_signal_totals totals;
  writer writers[WRITERS];
  (void)state;
  assert_int_equal(oa_counters_init(&counters, WRITERS), OA_OK);
  for (size_t i = 0; i < WRITERS; i++) {
    writers[i].block = &counters.blocks[i];
    assert_int_equal(
        pthread_create(&writers[i].thread, NULL, count_up, &writers[i]), 0);
  }
  for (int i = 0; i < 1000; i++) {
    oa_counters_sum(&counters, OA_TRACES, &totals);
    assert_true(totals.items_stored <= totals.items_accepted);
  }
  for (size_t i = 0; i < WRITERS; i++) {
    pthread_join(writers[i].thread, NULL);
  }
  oa_counters_sum(&counters, OA_TRACES, &totals);
  assert_int_equal(totals.items_accepted, 2 * WRITERS * ROUNDS);
  assert_int_equal(totals.items_stored, WRITERS * ROUNDS);
  oa_counters_reset(&counters);
}

static void every_reason_has_a_name_of_its_own(void **state) {
  (void)state;
  for (int i = 0; i < OA_REFUSAL_COUNT; i++) {
    const char *name = oa_refusal_name((oa_refusal)i);
    assert_int_equal(strspn(name, "abcdefghijklmnopqrstuvwxyz_"), strlen(name));
    for (int j = 0; j < i; j++) {
      assert_string_not_equal(name, oa_refusal_name((oa_refusal)j));
    }
  }
}

static void no_memory_and_absurd_counts_are_refused(void **state) {
  oa_counters counters = {0};
  (void)state;
  oa_mem_fail_after(0);
  assert_int_equal(oa_counters_init(&counters, 1), OA_ERR_NOMEM);
  oa_mem_fail_after(-1);
  assert_int_equal(oa_counters_init(&counters, SIZE_MAX), OA_ERR_NOMEM);
  assert_null(counters.blocks);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(blocks_are_whole_cache_lines),
      cmocka_unit_test(counters_begin_at_zero),
      cmocka_unit_test(sums_go_over_all_blocks_and_one_signal),
      cmocka_unit_test(no_count_is_lost_between_threads),
      cmocka_unit_test(what_is_buffered_is_never_less_than_nothing),
      cmocka_unit_test(a_thread_that_stands_still_is_seen),
      cmocka_unit_test(every_reason_has_a_name_of_its_own),
      cmocka_unit_test(no_memory_and_absurd_counts_are_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
