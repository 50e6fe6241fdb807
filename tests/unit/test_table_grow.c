/* SPDX-License-Identifier: Apache-2.0 */
/* The memory of tables: what it counts, who pays, and what happens without. */
#include "base/pages.h"
#include "table_trial.h"

static void memory_counts_by_rows_and_texts(void **state) {
  (void)state;
  world w;
  world_init(&w, 7);
  for (size_t i = 0; i < CHANCES; i++) {
    w.percent[i] = 90;
  }
  for (uint32_t i = 0; i < 1000; i++) {
    add_row(&w, false);
  }
  /* Two of each: a bit, 1, 4, 8, 16 bytes, two offsets, two indices; and two
   * lists of one offset each. */
  const size_t bits = 2 * (1 + 8 * (1 + 4 + 8 + 16 + 8 + 8)) + 2 * 32;
  assert_int_equal(oa_table_used(&w.table), 1000 * bits / 8);
  assert_int_equal(oa_table_used(column(&w, COUNTS)->child),
                   column(&w, COUNTS)->child->length * 8);
  const size_t text = w.tree.text;
  size_t have = column(&w, PAIRS)->child->columns[1].bytes.cap;
  for (size_t i = 0; i < BOTH; i++) {
    have += column(&w, i)->bytes.cap;
  }
  assert_true(text > 1000);
  assert_int_equal(text, have);
  oa_table_clear(&w.table);
  assert_int_equal(oa_table_used(&w.table), 0);
  assert_int_equal(w.tree.text, text); /* it is kept */
  oa_table_release(&w.table);
  assert_int_equal(w.tree.text, 0);
  world_free(&w);
}

static void making_a_table_without_memory_is_a_status(void **state) {
  (void)state;
  for (int64_t n = 0;; n++) {
    oa_table_tree tree = {0};
    oa_table table;
    oa_mem_fail_after(n);
    const oa_status status = oa_table_init(&table, fields, COLUMNS, &tree, 1);
    oa_mem_fail_after(-1);
    oa_table_free(&table);
    if (status == OA_OK) {
      assert_true(n > 10);
      return;
    }
    assert_int_equal(status, OA_ERR_NOMEM);
  }
}

/* Wherever memory runs out: it is seen, and after cutting back to the rows
 * before, everything goes on as if nothing had been. */
static void a_failure_sticks_and_is_undone_by_a_cut(void **state) {
  (void)state;
  world w;
  world_init(&w, 8);
  uint32_t failures = 0;
  for (int round = 0; round < 60; round++) {
    const uint32_t before = w.count;
    const uint32_t rows = 1 + draw(&w) % 40;
    if (round % 10 == 9) {
      choose_percents(&w);
    }
    for (int64_t n = 0;; n++) {
      const uint64_t seed = w.seed;
      oa_mem_fail_after(n);
      add_filled_rows(&w, rows / 2);
      for (uint32_t i = 0; i < rows; i++) {
        add_row(&w, false);
      }
      (void)oa_table_finish(&w.table);
      oa_mem_fail_after(-1);
      if (!w.tree.failed) {
        break;
      }
      failures++;
      add_row(&w, false); /* sticky: nobody clears it but the owner */
      assert_true(w.tree.failed);
      w.tree.failed = false;
      cut(&w, before);
      expect_rows(&w);
      w.seed = seed;
    }
    expect_rows(&w);
    if (round % 20 == 19) {
      oa_table_release(&w.table);
      w.count = 0;
    }
  }
  assert_true(failures > 50);
  world_free(&w);
}

/* --- the purse --- */

static void a_purse_pays_for_all_and_gets_all_back(void **state) {
  (void)state;
  oa_account account;
  world w;
  oa_account_init(&account, SIZE_MAX / 8);
  world_init(&w, 9);
  w.tree.purse.account = &account;
  for (uint32_t i = 0; i < ROWS; i++) {
    add_row(&w, false);
  }
  expect_rows(&w);
  const size_t used = w.tree.purse.used;
  assert_true(used >= oa_table_used(&w.table) + w.tree.text);
  assert_true(oa_account_used(&account) >= used);
  oa_table_clear(&w.table);
  assert_int_equal(w.tree.purse.used, used); /* the memory is kept */
  w.count = 0;
  oa_table_release(&w.table);
  assert_int_equal(w.tree.purse.used, w.tree.scratch.cap);
  for (uint32_t i = 0; i < 100; i++) {
    add_row(&w, false);
  }
  expect_rows(&w);
  world_free(&w);
  assert_int_equal(w.tree.purse.used, 0);
  oa_purse_close(&w.tree.purse);
  assert_int_equal(oa_account_used(&account), 0);
}

/* Whatever is refused, wherever: as with an allocation that fails. */
static void rows_that_are_refused_are_undone_by_a_cut(void **state) {
  (void)state;
  world w;
  world_init(&w, 10);
  uint32_t refusals = 0;
  w.tree.purse.max = 1;
  while (w.count < ROWS - 100) {
    const uint64_t seed = w.seed;
    const uint32_t before = w.count;
    add_filled_rows(&w, 30);
    for (uint32_t i = 0; i < 30; i++) {
      add_row(&w, false);
    }
    assert_true(w.tree.purse.used <= w.tree.purse.max);
    if (w.tree.failed) {
      refusals++;
      w.tree.failed = false;
      w.seed = seed;
      cut(&w, before);
      w.tree.purse.max += w.tree.purse.max < 4096 ? 512 : 4096;
    }
    const bool forced = w.tree.purse.forced;
    w.tree.purse.forced = true; /* looking finishes the columns */
    expect_rows(&w);
    w.tree.purse.forced = forced;
    if (w.tree.purse.max < w.tree.purse.used) {
      w.tree.purse.max = w.tree.purse.used;
    }
  }
  assert_true(refusals > 50);
  world_free(&w);
}

static void a_bound_is_used_to_its_end(void **state) {
  (void)state;
  enum { MAX = 4 << 20 };
  oa_table_tree tree = {.purse = {.max = MAX}};
  oa_table table;
  assert_int_equal(oa_table_init(&table, fields, COLUMNS, &tree, 1), OA_OK);
  while (oa_table_reserve(&table) == OA_OK && !tree.failed) {
    oa_put_u64(&table, &table.columns[U64], table.length);
    oa_put_u32(&table, &table.columns[U32], table.length);
    table.length++;
  }
  assert_true(tree.failed);
  assert_true(tree.purse.outgrown);
  assert_true(tree.purse.used <= MAX);
  /* Twelve bytes and two bits a row, and hardly any of it is left over. */
  assert_true(table.length > MAX / 12 / 10 * 9);
  oa_table_free(&table);
}

static void a_table_has_no_more_rows_than_it_may(void **state) {
  (void)state;
  oa_table_tree tree = {0};
  oa_table table;
  assert_int_equal(oa_table_init(&table, fields, COLUMNS, &tree, 1), OA_OK);
  table.max_rows = 100;
  for (uint32_t i = 0; i < 100; i++) {
    assert_int_equal(oa_table_reserve(&table), OA_OK);
    oa_put_u64(&table, &table.columns[U64], i);
    table.length++;
  }
  assert_false(tree.failed);
  assert_int_equal(oa_table_reserve(&table), OA_ERR_LIMIT);
  assert_true(tree.failed && tree.outgrown);
  oa_table_free(&table);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(memory_counts_by_rows_and_texts),
      cmocka_unit_test(making_a_table_without_memory_is_a_status),
      cmocka_unit_test(a_failure_sticks_and_is_undone_by_a_cut),
      cmocka_unit_test(a_purse_pays_for_all_and_gets_all_back),
      cmocka_unit_test(rows_that_are_refused_are_undone_by_a_cut),
      cmocka_unit_test(a_bound_is_used_to_its_end),
      cmocka_unit_test(a_table_has_no_more_rows_than_it_may),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
