/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/mem.h"
#include "net/list.h"
#include "net/pool.h"

static void blocks_are_large_enough_and_writable(void **state) {
  (void)state;
  oa_pool pool;
  oa_pool_init(&pool, 1 << 20);
  static const size_t sizes[] = {1,     4096,  4097,   65535,   65536,
                                 65537, 81920, 400000, 1 << 20, 5000000};
  for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
    oa_block block = oa_pool_take(&pool, sizes[i]);
    assert_non_null(block.data);
    assert_true(block.size >= sizes[i]);
    assert_true(block.size <= sizes[i] + sizes[i] / 4 + 4096);
    memset(block.data, 0xa5, block.size);
    oa_pool_give(&pool, &block);
    assert_null(block.data);
    oa_pool_give(&pool, &block);
  }
  oa_pool_trim(&pool);
  assert_int_equal(pool.pooled, 0);
}

static void sizes_out_of_range_give_nothing(void **state) {
  (void)state;
  oa_pool pool;
  oa_pool_init(&pool, 1 << 20);
  assert_null(oa_pool_take(&pool, 0).data);
  assert_null(oa_pool_take(&pool, ((size_t)1 << 31) + 1).data);
  assert_null(oa_pool_take(&pool, SIZE_MAX).data);
}

static void a_freed_block_is_used_again(void **state) {
  (void)state;
  oa_pool pool;
  oa_pool_init(&pool, 1 << 20);
  oa_block block = oa_pool_take(&pool, 400000);
  const uint8_t *data = block.data;
  oa_pool_give(&pool, &block);
  block = oa_pool_take(&pool, 399000);
  assert_ptr_equal(block.data, data);
  assert_int_equal(pool.pooled, 0);
  oa_pool_give(&pool, &block);
  oa_pool_trim(&pool);
}

static void free_blocks_never_pass_the_bound(void **state) {
  (void)state;
  enum { COUNT = 10, SIZE = 100000, BOUND = 300000 };
  oa_pool pool;
  oa_block blocks[COUNT];
  oa_pool_init(&pool, BOUND);
  for (size_t i = 0; i < COUNT; i++) {
    blocks[i] = oa_pool_take(&pool, SIZE);
    assert_non_null(blocks[i].data);
  }
  for (size_t i = 0; i < COUNT; i++) {
    oa_pool_give(&pool, &blocks[i]);
    assert_true(pool.pooled <= BOUND);
  }
  assert_true(pool.pooled >= SIZE);
  oa_pool_trim(&pool);
}

/* Fills POOL with free blocks of SIZE bytes, COUNT of them. */
static void fill(oa_pool *pool, size_t size, size_t count) {
  oa_block blocks[64];
  assert_true(count <= 64);
  for (size_t i = 0; i < count; i++) {
    blocks[i] = oa_pool_take(pool, size);
    assert_non_null(blocks[i].data);
  }
  for (size_t i = 0; i < count; i++) {
    oa_pool_give(pool, &blocks[i]);
  }
}

static void sizes_that_nobody_asks_for_make_way(void **state) {
  (void)state;
  static const size_t old[] = {4096, 16384, 1 << 20};
  for (size_t i = 0; i < sizeof old / sizeof old[0]; i++) {
    oa_pool pool;
    oa_pool_init(&pool, 1 << 20);
    fill(&pool, old[i], old[i] < 1 << 20 ? 64 : 1);
    fill(&pool, 200000, 4);
    oa_block block = oa_pool_take(&pool, 200000);
    const size_t before = pool.pooled;
    assert_true(before >= (size_t)3 * 200000);
    oa_pool_give(&pool, &block);
    assert_int_equal(pool.pooled, before + 229376);
    oa_pool_trim(&pool);
    assert_int_equal(pool.pooled, 0);
  }
}

static void sizes_in_use_do_not_drive_each_other_out(void **state) {
  (void)state;
  oa_pool pool;
  oa_pool_init(&pool, 1 << 20);
  oa_block large = oa_pool_take(&pool, 500000);
  oa_block small = oa_pool_take(&pool, 4096);
  const uint8_t *first = large.data;
  const uint8_t *second = small.data;
  for (int i = 0; i < 100; i++) {
    oa_pool_give(&pool, &large);
    oa_pool_give(&pool, &small);
    small = oa_pool_take(&pool, 4096);
    large = oa_pool_take(&pool, 500000);
    assert_ptr_equal(large.data, first);
    assert_ptr_equal(small.data, second);
  }
  oa_pool_give(&pool, &large);
  oa_pool_give(&pool, &small);
  oa_pool_trim(&pool);
}

static void a_short_purse_costs_other_sizes_no_more_than_it_must(void **state) {
  (void)state;
  enum { LIMIT = 4 << 20 };
  oa_account account;
  oa_purse purse = {.account = &account};
  oa_pool pool;
  oa_account_init(&account, LIMIT);
  oa_pool_init(&pool, LIMIT);
  pool.purse = &purse;
  fill(&pool, 65536, 60);
  const size_t full = pool.pooled;
  oa_block block = oa_pool_take(&pool, 1 << 20);
  assert_non_null(block.data);
  assert_true(pool.pooled < full);
  assert_true(pool.pooled > full / 2);
  /* All that is free may have to go. */
  oa_block most = oa_pool_take(&pool, (3 << 20) - (256 << 10));
  assert_non_null(most.data);
  assert_null(oa_pool_take(&pool, 1 << 20).data);
  assert_int_equal(pool.pooled, 0);
  oa_pool_give(&pool, &block);
  oa_pool_give(&pool, &most);
  oa_pool_trim(&pool);
  assert_int_equal(purse.used, 0);
  oa_purse_close(&purse);
}

static void no_memory_gives_no_block(void **state) {
  (void)state;
  oa_pool pool;
  oa_pool_init(&pool, 1 << 20);
  oa_mem_fail_after(0);
  oa_block block = oa_pool_take(&pool, 5000);
  oa_mem_fail_after(-1);
  assert_null(block.data);
  block = oa_pool_take(&pool, 5000);
  assert_non_null(block.data);
  oa_pool_give(&pool, &block);
  oa_pool_trim(&pool);
}

static void lists_keep_the_order_of_arrival(void **state) {
  (void)state;
  oa_list list;
  oa_list other;
  oa_link links[3] = {{0}};
  oa_list_init(&list);
  oa_list_init(&other);
  assert_null(oa_list_first(&list));
  for (size_t i = 0; i < 3; i++) {
    oa_list_push(&list, &links[i]);
  }
  assert_ptr_equal(oa_list_first(&list), &links[0]);
  oa_list_push(&list, &links[0]);
  assert_ptr_equal(oa_list_first(&list), &links[1]);
  assert_ptr_equal(oa_list_next(&list, &links[2]), &links[0]);
  assert_null(oa_list_next(&list, &links[0]));
  oa_list_push(&other, &links[2]);
  assert_ptr_equal(oa_list_next(&list, &links[1]), &links[0]);
  oa_link_remove(&links[1]);
  oa_link_remove(&links[1]);
  assert_false(oa_link_linked(&links[1]));
  assert_ptr_equal(oa_list_first(&list), &links[0]);
  assert_ptr_equal(oa_list_first(&other), &links[2]);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(blocks_are_large_enough_and_writable),
      cmocka_unit_test(sizes_out_of_range_give_nothing),
      cmocka_unit_test(a_freed_block_is_used_again),
      cmocka_unit_test(free_blocks_never_pass_the_bound),
      cmocka_unit_test(sizes_that_nobody_asks_for_make_way),
      cmocka_unit_test(sizes_in_use_do_not_drive_each_other_out),
      cmocka_unit_test(a_short_purse_costs_other_sizes_no_more_than_it_must),
      cmocka_unit_test(no_memory_gives_no_block),
      cmocka_unit_test(lists_keep_the_order_of_arrival),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
