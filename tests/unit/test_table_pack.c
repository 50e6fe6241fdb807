/* SPDX-License-Identifier: Apache-2.0 */
/* Large buffers that are put beside each other between two batches. */
#include "table_trial.h"

/* Some six MiB of columns. */
enum { MANY = 60000, PAGE = 4096 };

static void many_init(world *w, uint64_t seed) {
  world_init(w, seed);
  oa_free(w->rows);
  w->rows = oa_calloc(MANY * 2, sizeof(row));
  assert_non_null(w->rows);
}

static void fill(world *w, uint32_t rows, uint32_t percent) {
  for (size_t i = 0; i < CHANCES; i++) {
    w->percent[i] = i % 5 == 0 ? 100 : percent;
  }
  while (w->count < rows && !w->tree.failed) {
    add_row(w, false);
  }
}

static void next_batch(world *w) {
  oa_table_pack_clear(&w->table);
  w->count = 0;
}

static bool is_packed(const world *w, const void *block) {
  const oa_table_pack *pack = &w->tree.pack;
  return pack->block != NULL && (const uint8_t *)block >= pack->block &&
         (const uint8_t *)block < pack->block + pack->size;
}

/* Whatever the batches before have left, gaps and empty columns among it. */
static void rows_are_the_same_in_a_pack(void **state) {
  (void)state;
  static const uint32_t percents[] = {98, 50, 100, 0, 100};
  world w;
  many_init(&w, 1);
  for (size_t i = 0; i < sizeof percents / sizeof percents[0]; i++) {
    fill(&w, MANY, percents[i]);
    expect_rows(&w);
    next_batch(&w);
    assert_int_equal(w.table.length, 0);
    assert_non_null(w.tree.pack.block);
  }
  world_free(&w);
  assert_null(w.tree.pack.block);
}

static void a_large_buffer_lies_in_the_pack_and_a_small_one_does_not(
    void **state) {
  (void)state;
  world w;
  many_init(&w, 2);
  fill(&w, MANY, 90);
  next_batch(&w);
  fill(&w, MANY, 90);
  size_t inside = 0;
  for (size_t i = 0; i < BOTH; i++) {
    const oa_column *c = column(&w, i);
    const size_t width = i % LEAVES == BOOL ? 0 : i % LEAVES == U8 ? 1 : 4;
    if (MANY * width >= 64 * 1024) {
      assert_true(is_packed(&w, c->values));
      assert_int_equal((uintptr_t)c->values % PAGE, 0);
      inside++;
    } else if (width == 0) {
      assert_false(is_packed(&w, c->values));
    }
  }
  assert_int_equal(inside, 2 * (LEAVES - 2));
  assert_true(is_packed(&w, column(&w, COUNTS)->child->columns[0].values));
  world_free(&w);
}

static void few_rows_are_not_packed(void **state) {
  (void)state;
  world w;
  many_init(&w, 3);
  fill(&w, ROWS, 90);
  next_batch(&w);
  assert_null(w.tree.pack.block);
  fill(&w, ROWS, 90);
  expect_rows(&w);
  world_free(&w);
}

/* The same batches again and again stay where they are. */
static void a_pack_is_made_once(void **state) {
  (void)state;
  world w;
  many_init(&w, 4);
  fill(&w, MANY, 90);
  next_batch(&w);
  const uint8_t *block = w.tree.pack.block;
  const size_t used = w.tree.purse.used;
  for (int i = 0; i < 3; i++) {
    fill(&w, MANY, 90);
    expect_rows(&w);
    assert_ptr_equal(w.tree.pack.block, block);
    next_batch(&w);
    assert_ptr_equal(w.tree.pack.block, block);
  }
  assert_true(w.tree.purse.used <= used + used / 8);
  world_free(&w);
}

/* More rows than there is room for: the buffers move out, and the next pack is
 * made for them. */
static void a_batch_may_outgrow_the_pack(void **state) {
  (void)state;
  world w;
  many_init(&w, 5);
  fill(&w, MANY, 90);
  next_batch(&w);
  fill(&w, 2 * MANY, 90);
  expect_rows(&w);
  assert_false(is_packed(&w, column(&w, U64)->values));
  next_batch(&w);
  assert_true(is_packed(&w, column(&w, U64)->values));
  const uint8_t *block = w.tree.pack.block;
  fill(&w, 2 * MANY, 90);
  expect_rows(&w);
  next_batch(&w);
  assert_ptr_equal(w.tree.pack.block, block);
  world_free(&w);
}

static void rows_in_a_pack_may_be_cut(void **state) {
  (void)state;
  world w;
  many_init(&w, 6);
  fill(&w, MANY, 60);
  next_batch(&w);
  fill(&w, MANY, 60);
  cut(&w, MANY / 3);
  expect_rows(&w);
  fill(&w, MANY, 100);
  expect_rows(&w);
  world_free(&w);
}

/* Without memory, wherever it ends, there is no pack, or no memory is kept. */
static void without_memory_the_table_goes_on_without_a_pack(void **state) {
  (void)state;
  for (int64_t n = 0; n < 6; n++) {
    world w;
    many_init(&w, 7);
    fill(&w, MANY, 70);
    oa_mem_fail_after(n);
    next_batch(&w);
    oa_mem_fail_after(-1);
    assert_false(w.tree.failed);
    fill(&w, ROWS, 70);
    expect_rows(&w);
    world_free(&w);
    assert_int_equal(w.tree.purse.used, 0);
  }
}

static void a_pack_is_paid_for_and_given_back(void **state) {
  (void)state;
  oa_account account;
  world w;
  oa_account_init(&account, SIZE_MAX / 8);
  many_init(&w, 8);
  w.tree.purse.account = &account;
  fill(&w, MANY, 90);
  const size_t before = w.tree.purse.used;
  next_batch(&w);
  assert_true(w.tree.purse.used >= w.tree.pack.size);
  assert_true(w.tree.purse.used <= before + before / 4);
  oa_table_release(&w.table);
  assert_null(w.tree.pack.block);
  assert_int_equal(w.tree.purse.used, w.tree.scratch.cap);
  fill(&w, ROWS, 90);
  expect_rows(&w);
  world_free(&w);
  assert_int_equal(w.tree.purse.used, 0);
  oa_purse_close(&w.tree.purse);
  assert_int_equal(oa_account_used(&account), 0);
}

/* Memory that is refused is not taken by a pack either. */
static void a_pack_that_is_refused_is_not_kept(void **state) {
  (void)state;
  world w;
  many_init(&w, 9);
  fill(&w, MANY, 90);
  w.tree.purse.max = w.tree.purse.used / 2;
  next_batch(&w);
  assert_null(w.tree.pack.block);
  assert_true(w.tree.purse.used <= w.tree.purse.max);
  assert_false(w.tree.failed);
  fill(&w, ROWS, 90);
  expect_rows(&w);
  world_free(&w);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(rows_are_the_same_in_a_pack),
      cmocka_unit_test(
          a_large_buffer_lies_in_the_pack_and_a_small_one_does_not),
      cmocka_unit_test(few_rows_are_not_packed),
      cmocka_unit_test(a_pack_is_made_once),
      cmocka_unit_test(a_batch_may_outgrow_the_pack),
      cmocka_unit_test(rows_in_a_pack_may_be_cut),
      cmocka_unit_test(without_memory_the_table_goes_on_without_a_pack),
      cmocka_unit_test(a_pack_is_paid_for_and_given_back),
      cmocka_unit_test(a_pack_that_is_refused_is_not_kept),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
