/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/arena.h"
#include "base/mem.h"

static void pieces_are_aligned_and_apart(void **state) {
  (void)state;
  oa_arena arena;
  uint8_t *pieces[300];
  oa_arena_init(&arena, SIZE_MAX);
  for (size_t i = 0; i < 300; i++) {
    void *piece = NULL;
    assert_int_equal(oa_arena_get(&arena, i * 37 % 20011 + 1, &piece), OA_OK);
    assert_int_equal((uintptr_t)piece % 16, 0);
    memset(piece, (int)i & 0xff, i * 37 % 20011 + 1);
    pieces[i] = piece;
  }
  for (size_t i = 0; i < 300; i++) {
    assert_int_equal(pieces[i][0], i & 0xff);
    assert_int_equal(pieces[i][i * 37 % 20011], i & 0xff);
  }
  oa_arena_free(&arena);
}

static void large_pieces_do_not_waste_the_small_chunk(void **state) {
  (void)state;
  oa_arena arena;
  void *first = NULL;
  void *large = NULL;
  void *second = NULL;
  oa_arena_init(&arena, SIZE_MAX);
  assert_int_equal(oa_arena_get(&arena, 16, &first), OA_OK);
  assert_int_equal(oa_arena_get(&arena, 1 << 20, &large), OA_OK);
  assert_int_equal(oa_arena_get(&arena, 16, &second), OA_OK);
  assert_ptr_equal((uint8_t *)first + 16, second);
  memset(large, 1, 1 << 20);
  oa_arena_free(&arena);
}

static void the_bound_holds_and_reset_gives_it_back(void **state) {
  (void)state;
  oa_arena arena;
  void *piece = NULL;
  oa_arena_init(&arena, 100000);
  for (int round = 0; round < 3; round++) {
    assert_int_equal(oa_arena_get(&arena, 60000, &piece), OA_OK);
    assert_int_equal(oa_arena_get(&arena, 40001, &piece), OA_ERR_LIMIT);
    assert_int_equal(oa_arena_get(&arena, SIZE_MAX, &piece), OA_ERR_LIMIT);
    assert_int_equal(oa_arena_get_zeroed(&arena, SIZE_MAX, 16, &piece),
                     OA_ERR_LIMIT);
    assert_int_equal(oa_arena_get(&arena, 40000, &piece), OA_OK);
    oa_arena_reset(&arena);
    assert_int_equal(arena.used, 0);
  }
  oa_arena_free(&arena);
}

static void zeroed_memory_is_zero_also_when_used_again(void **state) {
  (void)state;
  oa_arena arena;
  void *piece = NULL;
  static const uint8_t zeros[1000];
  oa_arena_init(&arena, SIZE_MAX);
  for (int round = 0; round < 2; round++) {
    assert_int_equal(oa_arena_get_zeroed(&arena, 100, 10, &piece), OA_OK);
    assert_memory_equal(piece, zeros, 1000);
    memset(piece, 0xff, 1000);
    oa_arena_reset(&arena);
  }
  oa_arena_free(&arena);
}

static void no_memory_is_a_status(void **state) {
  (void)state;
  oa_arena arena;
  void *piece = NULL;
  oa_arena_init(&arena, SIZE_MAX);
  oa_mem_fail_after(0);
  assert_int_equal(oa_arena_get(&arena, 10, &piece), OA_ERR_NOMEM);
  oa_mem_fail_after(-1);
  assert_null(piece);
  assert_int_equal(oa_arena_get(&arena, 10, &piece), OA_OK);
  oa_arena_free(&arena);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(pieces_are_aligned_and_apart),
      cmocka_unit_test(large_pieces_do_not_waste_the_small_chunk),
      cmocka_unit_test(the_bound_holds_and_reset_gives_it_back),
      cmocka_unit_test(zeroed_memory_is_zero_also_when_used_again),
      cmocka_unit_test(no_memory_is_a_status),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
