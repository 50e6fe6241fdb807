/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdbool.h>
#include <string.h>

#include "base/mem.h"

static bool all_zero(const uint8_t *at, size_t len) {
  for (size_t i = 0; i < len; i++) {
    if (at[i] != 0) {
      return false;
    }
  }
  return true;
}

static void zeroed_memory_is_zero(void **state) {
  (void)state;
  for (size_t size = 1; size < 5000; size = size * 2 + 1) {
    uint8_t *block = oa_calloc(3, size);
    assert_non_null(block);
    assert_true(all_zero(block, 3 * size));
    memset(block, 0xFF, 3 * size);
    oa_free(block);
  }
  oa_free(NULL);
}

static void aligned_memory_is_aligned_and_zero(void **state) {
  (void)state;
  for (size_t alignment = sizeof(void *); alignment <= 4096; alignment *= 2) {
    for (size_t size = 1; size < 300; size += 37) {
      uint8_t *block = oa_calloc_aligned(3, size, alignment);
      assert_non_null(block);
      assert_int_equal((uintptr_t)block % alignment, 0);
      assert_true(all_zero(block, 3 * size));
      memset(block, 0xFF, 3 * size);
      oa_free(block);
    }
  }
}

static void products_that_overflow_are_refused(void **state) {
  (void)state;
  /* Through variables: the compiler would warn of what is tested here. */
  volatile size_t half = SIZE_MAX / 2;
  assert_null(oa_calloc_aligned(half, 3, 64));
  assert_null(oa_calloc_aligned(1, half * 2 + 1, 64));
}

static void resizing_keeps_the_bytes(void **state) {
  (void)state;
  uint8_t *block = oa_realloc(NULL, 10);
  assert_non_null(block);
  memcpy(block, "0123456789", 10);
  block = oa_realloc(block, 100000);
  assert_non_null(block);
  assert_memory_equal(block, "0123456789", 10);
  oa_mem_fail_after(0);
  assert_null(oa_realloc(block, 200000));
  oa_mem_fail_after(-1);
  assert_memory_equal(block, "0123456789", 10);
  oa_free(block);
}

static void copies_of_text_are_terminated(void **state) {
  (void)state;
  char *whole = oa_strdup("text");
  char *part = oa_strndup("text", 2);
  char *none = oa_strndup("text", 0);
  assert_string_equal(whole, "text");
  assert_string_equal(part, "te");
  assert_string_equal(none, "");
  oa_free(whole);
  oa_free(part);
  oa_free(none);
}

/* As the tests of all constructors rely on it. */
static void the_allowance_counts_every_way_to_allocate(void **state) {
  (void)state;
  for (int64_t n = 0; n < 10; n++) {
    void *blocks[8] = {0};
    size_t made = 0;
    oa_mem_fail_after(n);
    blocks[0] = oa_malloc(1);
    blocks[1] = oa_calloc(1, 1);
    blocks[2] = oa_calloc_aligned(1, 1, 64);
    blocks[3] = oa_realloc(NULL, 1);
    blocks[4] = oa_strdup("x");
    blocks[5] = oa_strndup("xy", 1);
    blocks[6] = oa_malloc(1);
    blocks[7] = oa_malloc(1);
    for (size_t i = 0; i < 8; i++) {
      made += blocks[i] != NULL;
      assert_int_equal(blocks[i] != NULL, (int64_t)i < n);
      oa_free(blocks[i]);
    }
    assert_int_equal(made, n < 8 ? n : 8);
  }
  /* Refused for good, until it is set anew. */
  oa_mem_fail_after(0);
  for (int i = 0; i < 100; i++) {
    assert_null(oa_malloc(1));
  }
  oa_mem_fail_after(-1);
  for (int i = 0; i < 100; i++) {
    void *block = oa_malloc(1);
    assert_non_null(block);
    oa_free(block);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(zeroed_memory_is_zero),
      cmocka_unit_test(aligned_memory_is_aligned_and_zero),
      cmocka_unit_test(products_that_overflow_are_refused),
      cmocka_unit_test(resizing_keeps_the_bytes),
      cmocka_unit_test(copies_of_text_are_terminated),
      cmocka_unit_test(the_allowance_counts_every_way_to_allocate),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
