/* SPDX-License-Identifier: Apache-2.0 */
/* Blocks that are used again: alone, and behind buffers and purses. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/spares.h"

enum { KIB = 1024 };

static size_t keep(oa_spares *spares, size_t size) {
  void *block = oa_malloc(size);
  assert_non_null(block);
  return oa_spares_keep(spares, block, size);
}

/* The size of the block that LEAST bytes get, which is freed; 0 = none. */
static size_t take(oa_spares *spares, size_t least) {
  size_t size = 0;
  void *block = oa_spares_take(spares, least, &size);
  assert_true(block != NULL || size == 0);
  oa_free(block);
  return size;
}

static void the_smallest_block_that_fits_is_taken(void **state) {
  (void)state;
  oa_spares spares = {0};
  assert_int_equal(take(&spares, 70 * KIB), 0);
  assert_int_equal(keep(&spares, 200 * KIB), 0);
  assert_int_equal(keep(&spares, 100 * KIB), 0);
  assert_int_equal(keep(&spares, 300 * KIB), 0);
  assert_int_equal(spares.bytes, 600 * KIB);
  assert_int_equal(take(&spares, 1000), 0); /* a spare would be a waste */
  assert_int_equal(take(&spares, 301 * KIB), 0);
  assert_int_equal(take(&spares, 101 * KIB), 200 * KIB);
  assert_int_equal(take(&spares, 101 * KIB), 300 * KIB);
  assert_int_equal(take(&spares, 101 * KIB), 0);
  assert_int_equal(take(&spares, 100 * KIB), 100 * KIB);
  assert_int_equal(spares.bytes, 0);
  assert_int_equal(spares.moves, 6);
}

static void small_and_huge_blocks_are_freed(void **state) {
  (void)state;
  oa_spares spares = {0};
  assert_int_equal(keep(&spares, OA_SPARES_FROM - 1), OA_SPARES_FROM - 1);
  assert_int_equal(keep(&spares, OA_SPARES_TO + 1), OA_SPARES_TO + 1);
  assert_int_equal(oa_spares_keep(&spares, NULL, 0), 0);
  assert_int_equal(spares.bytes, 0);
  assert_int_equal(oa_spares_free(&spares), 0);
}

static void there_is_a_bound_to_all_together(void **state) {
  (void)state;
  oa_spares spares = {0};
  size_t freed = 0;
  for (size_t i = 0; i < 10; i++) {
    freed += keep(&spares, OA_SPARES_TO);
    assert_true(spares.bytes <= OA_SPARES_ALL);
  }
  assert_int_equal(freed + spares.bytes, (size_t)10 * OA_SPARES_TO);
  assert_int_equal(oa_spares_free(&spares), OA_SPARES_ALL);
}

/* Many small blocks do not keep the large one out. */
static void a_larger_block_takes_the_place_of_the_smallest(void **state) {
  (void)state;
  oa_spares spares = {0};
  for (size_t i = 0; i < OA_SPARES_COUNT; i++) {
    assert_int_equal(keep(&spares, (70 + i) * KIB), 0);
  }
  assert_int_equal(keep(&spares, 70 * KIB), 70 * KIB);
  assert_int_equal(keep(&spares, 500 * KIB), 70 * KIB);
  assert_int_equal(take(&spares, 400 * KIB), 500 * KIB);
  assert_int_equal(take(&spares, OA_SPARES_FROM), 71 * KIB);
  oa_spares_free(&spares);
}

/* --- buffers --- */

typedef struct world {
  oa_account account;
  oa_spares spares;
  oa_purse purse;
} world;

static void world_init(world *w, size_t limit) {
  *w = (world){0};
  oa_account_init(&w->account, limit);
  w->purse.account = &w->account;
  w->purse.spares = &w->spares;
}

static void world_free(world *w) {
  (void)oa_purse_drop_spares(&w->purse);
  assert_int_equal(w->purse.used, 0);
  oa_purse_close(&w->purse);
  assert_int_equal(oa_account_used(&w->account), 0);
}

static void put_numbers(oa_buf *buf, size_t len) {
  while (buf->len < len) {
    assert_int_equal(oa_buf_put_byte(buf, (uint8_t)(buf->len * 31)), OA_OK);
  }
  for (size_t i = 0; i < len; i++) {
    if (buf->data[i] != (uint8_t)(i * 31)) {
      fail_msg("byte %zu", i);
    }
  }
}

static void a_buffer_grows_into_the_memory_of_one_before(void **state) {
  (void)state;
  world w;
  world_init(&w, SIZE_MAX / 8);
  oa_buf first = {.purse = &w.purse};
  put_numbers(&first, 1000 * KIB);
  const uint8_t *data = first.data;
  const size_t cap = first.cap;
  oa_buf_free(&first);
  assert_int_equal(w.spares.bytes, cap);
  assert_int_equal(w.purse.used, cap); /* it counts while it waits */

  oa_buf second = {.purse = &w.purse};
  put_numbers(&second, 900 * KIB);
  assert_ptr_equal(second.data, data);
  assert_int_equal(second.cap, cap);
  assert_true(w.spares.bytes < cap); /* the block that it left */
  assert_int_equal(w.purse.used, cap + w.spares.bytes);
  oa_buf_free(&second);
  world_free(&w);
}

static void small_buffers_leave_spares_alone(void **state) {
  (void)state;
  world w;
  world_init(&w, SIZE_MAX / 8);
  oa_buf large = {.purse = &w.purse};
  put_numbers(&large, 500 * KIB);
  oa_buf_free(&large);
  const size_t bytes = w.spares.bytes;
  oa_buf small = {.purse = &w.purse};
  put_numbers(&small, 20 * KIB);
  assert_int_equal(w.spares.bytes, bytes);
  oa_buf_free(&small);
  assert_int_equal(w.spares.bytes, bytes);
  world_free(&w);
}

/* What waits gives way before anything is refused. */
static void spares_are_freed_before_memory_is_refused(void **state) {
  (void)state;
  world w;
  world_init(&w, 4096 * KIB);
  oa_buf buf = {.purse = &w.purse};
  put_numbers(&buf, 1000 * KIB);
  oa_buf_free(&buf);
  assert_true(w.spares.bytes > 0);
  assert_true(oa_purse_take(&w.purse, 3500 * KIB));
  assert_int_equal(w.spares.bytes, 0);
  assert_int_equal(w.purse.used, 3500 * KIB);
  assert_false(oa_purse_take(&w.purse, 1000 * KIB));
  oa_purse_give(&w.purse, 3500 * KIB);
  world_free(&w);
}

static void nothing_is_kept_when_memory_is_scarce(void **state) {
  (void)state;
  world w;
  world_init(&w, 4096 * KIB);
  oa_buf buf = {.purse = &w.purse};
  put_numbers(&buf, 500 * KIB);
  assert_true(oa_purse_take(&w.purse, 3000 * KIB));
  oa_buf_free(&buf);
  assert_int_equal(w.spares.bytes, 0);
  assert_int_equal(w.purse.used, 3000 * KIB);
  assert_false(oa_purse_drop_spares(&w.purse));
  oa_purse_give(&w.purse, 3000 * KIB);
  world_free(&w);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_smallest_block_that_fits_is_taken),
      cmocka_unit_test(small_and_huge_blocks_are_freed),
      cmocka_unit_test(there_is_a_bound_to_all_together),
      cmocka_unit_test(a_larger_block_takes_the_place_of_the_smallest),
      cmocka_unit_test(a_buffer_grows_into_the_memory_of_one_before),
      cmocka_unit_test(small_buffers_leave_spares_alone),
      cmocka_unit_test(spares_are_freed_before_memory_is_refused),
      cmocka_unit_test(nothing_is_kept_when_memory_is_scarce),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
