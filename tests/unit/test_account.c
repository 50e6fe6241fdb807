/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <uv.h>

#include "base/account.h"
#include "base/arena.h"
#include "base/buf.h"
#include "base/dict.h"

enum { STEP = OA_PURSE_STEP };

static void a_purse_alone_counts_and_refuses_nothing(void **state) {
  (void)state;
  oa_purse purse = {0};
  assert_true(oa_purse_take(NULL, SIZE_MAX));
  oa_purse_give(NULL, 5);
  assert_true(oa_purse_take(&purse, (size_t)1 << 40));
  assert_int_equal(purse.used, (size_t)1 << 40);
  assert_false(oa_purse_take(&purse, SIZE_MAX)); /* but for nonsense */
  oa_purse_give(&purse, (size_t)1 << 40);
  assert_int_equal(purse.used, 0);
}

static void all_purses_together_stay_below_the_limit(void **state) {
  (void)state;
  oa_account account;
  oa_purse a = {.account = &account};
  oa_purse b = {.account = &account};
  oa_account_init(&account, 10 * STEP);
  assert_true(oa_purse_take(&a, 6 * STEP + 1));
  assert_int_equal(oa_account_used(&account), 7 * STEP);
  assert_false(oa_purse_take(&b, 3 * STEP + 1));
  assert_false(b.outgrown);
  assert_int_equal(b.used, 0);
  assert_true(oa_purse_take(&b, 3 * STEP));
  assert_false(oa_purse_take(&b, 1));
  assert_true(oa_purse_take(&a, STEP - 1)); /* it holds that already */
  assert_false(oa_purse_take(&a, 1));
  oa_purse_give(&a, 7 * STEP);
  assert_int_equal(oa_account_used(&account), 3 * STEP + a.held);
  assert_true(a.held <= 2 * STEP);
  assert_true(oa_purse_take(&b, 5 * STEP));
  oa_purse_close(&a);
  oa_purse_close(&b);
  assert_int_equal(oa_account_used(&account), 0);
}

static void the_last_bytes_can_be_taken_one_by_one(void **state) {
  (void)state;
  oa_account account;
  oa_purse a = {.account = &account};
  oa_account_init(&account, STEP + 10);
  assert_true(oa_purse_take(&a, STEP));
  for (int i = 0; i < 10; i++) {
    assert_true(oa_purse_take(&a, 1));
  }
  assert_false(oa_purse_take(&a, 1));
  oa_purse_close(&a);
}

static void a_purse_says_that_its_own_bound_was_in_the_way(void **state) {
  (void)state;
  oa_account account;
  oa_purse a = {.account = &account, .max = 100};
  oa_account_init(&account, STEP);
  assert_true(oa_purse_take(&a, 100));
  assert_false(oa_purse_take(&a, 1));
  assert_true(a.outgrown);
  a.max = 2 * STEP;
  assert_false(oa_purse_take(&a, STEP));
  assert_false(a.outgrown);
  a.forced = true; /* it passes both, and what comes after pays for it */
  assert_true(oa_purse_take(&a, 3 * STEP));
  a.forced = false;
  assert_false(oa_purse_take(&a, STEP));
  oa_purse_close(&a);
  assert_int_equal(oa_account_used(&account), 0);
}

static void what_moves_between_purses_is_counted_once(void **state) {
  (void)state;
  oa_account account;
  oa_purse a = {.account = &account};
  oa_purse b = {.account = &account};
  oa_account_init(&account, 10 * STEP);
  assert_true(oa_purse_take(&a, 9 * STEP + 1));
  assert_int_equal(oa_account_used(&account), 10 * STEP);
  /* Though there is no room to count it twice. */
  oa_purse_move(&a, &b, 9 * STEP);
  assert_int_equal(a.used, 1);
  assert_int_equal(b.used, 9 * STEP);
  assert_int_equal(oa_account_used(&account), 10 * STEP);
  oa_purse_give(&a, 1);
  oa_purse_close(&a);
  assert_int_equal(oa_account_used(&account), 9 * STEP);
  oa_purse_give(&b, 9 * STEP);
  oa_purse_close(&b);
  assert_int_equal(oa_account_used(&account), 0);

  /* And without an account. */
  oa_purse c = {0};
  oa_purse d = {0};
  assert_true(oa_purse_take(&c, 5));
  oa_purse_move(&c, &d, 3);
  assert_int_equal(c.used, 2);
  assert_int_equal(d.used, 3);
}

static void taking_again_what_was_given_asks_nobody(void **state) {
  (void)state;
  oa_account account;
  oa_purse a = {.account = &account};
  oa_account_init(&account, 4 * STEP);
  assert_true(oa_purse_take(&a, STEP + 1));
  const size_t used = oa_account_used(&account);
  for (size_t i = 0; i < 1000; i++) {
    oa_purse_give(&a, i % (STEP / 2));
    assert_int_equal(oa_account_used(&account), used);
    assert_true(oa_purse_take(&a, i % (STEP / 2)));
    assert_int_equal(oa_account_used(&account), used);
  }
  oa_purse_close(&a);
}

static void buffers_arenas_and_dictionaries_pay(void **state) {
  (void)state;
  oa_purse purse = {.max = 100000};
  oa_buf buf = {.purse = &purse};
  oa_arena arena;
  oa_dict dict = {.seed = 1, .bytes = {.purse = &purse}};
  char text[16];
  void *piece = NULL;

  oa_arena_init(&arena, SIZE_MAX);
  arena.purse = &purse;
  assert_int_equal(oa_buf_put_zeros(&buf, 20000), OA_OK);
  assert_int_equal(purse.used, buf.cap);
  /* Growing by half would be too much, growing by what is needed is not. */
  assert_int_equal(oa_buf_put_zeros(&buf, 75000), OA_OK);
  assert_int_equal(oa_buf_put_zeros(&buf, 10000), OA_ERR_NOMEM);
  assert_int_equal(buf.len, 95000);
  assert_int_equal(oa_arena_get(&arena, 10, &piece), OA_ERR_NOMEM);
  oa_buf_free(&buf);
  assert_int_equal(purse.used, 0);
  assert_ptr_equal(buf.purse, &purse);

  assert_int_equal(oa_arena_get(&arena, 10, &piece), OA_OK);
  assert_int_equal(oa_arena_get(&arena, 40000, &piece), OA_OK);
  assert_true(purse.used >= 40010);
  oa_arena_reset(&arena);
  oa_arena_free(&arena);
  assert_int_equal(purse.used, 0);

  int32_t added = 0;
  uint32_t i = 0;
  for (; added >= 0; i++) {
    const size_t len = (size_t)snprintf(text, sizeof text, "%u", i);
    added = oa_dict_add(&dict, text, len, oa_dict_hash(&dict, text, len));
    assert_true(purse.used <= purse.max);
    assert_int_equal(purse.used, oa_dict_memory(&dict));
  }
  assert_true(i > 1000);
  assert_int_equal(dict.count, i - 1);
  assert_true(oa_dict_is(&dict, 77, "77", 2));
  oa_dict_free(&dict);
  assert_int_equal(purse.used, 0);
  assert_ptr_equal(dict.bytes.purse, &purse);
}

/* --- threads --- */

typedef struct worker {
  oa_account *account;
  size_t most;
} worker;

static void work(void *context) {
  worker *w = context;
  oa_purse purse = {.account = w->account};
  uint64_t seed = (uint64_t)(uintptr_t)w | 1;
  for (int i = 0; i < 20000; i++) {
    seed = seed * UINT64_C(6364136223846793005) + 1;
    const size_t bytes = (size_t)(seed >> 40) % (3 * STEP);
    if (bytes % 2 == 0 && bytes <= purse.used) {
      oa_purse_give(&purse, bytes);
    } else {
      (void)oa_purse_take(&purse, bytes);
    }
    const size_t now = oa_account_used(w->account);
    w->most = now > w->most ? now : w->most;
  }
  oa_purse_close(&purse);
}

static void threads_never_pass_the_limit_together(void **state) {
  (void)state;
  enum { THREADS = 4 };
  oa_account account;
  uv_thread_t threads[THREADS];
  worker workers[THREADS];
  oa_account_init(&account, 20 * STEP + 3);
  for (int i = 0; i < THREADS; i++) {
    workers[i] = (worker){.account = &account};
    assert_int_equal(uv_thread_create(&threads[i], work, &workers[i]), 0);
  }
  for (int i = 0; i < THREADS; i++) {
    uv_thread_join(&threads[i]);
    assert_true(workers[i].most <= account.limit);
    assert_true(workers[i].most > account.limit / 2);
  }
  assert_int_equal(oa_account_used(&account), 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_purse_alone_counts_and_refuses_nothing),
      cmocka_unit_test(all_purses_together_stay_below_the_limit),
      cmocka_unit_test(the_last_bytes_can_be_taken_one_by_one),
      cmocka_unit_test(a_purse_says_that_its_own_bound_was_in_the_way),
      cmocka_unit_test(what_moves_between_purses_is_counted_once),
      cmocka_unit_test(taking_again_what_was_given_asks_nobody),
      cmocka_unit_test(buffers_arenas_and_dictionaries_pay),
      cmocka_unit_test(threads_never_pass_the_limit_together),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
