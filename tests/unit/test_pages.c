/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/pages.h"

static void expect(const uint8_t *block, size_t used, size_t size) {
  for (size_t i = 0; i < size; i++) {
    const uint8_t want = i < used ? (uint8_t)(i * 7 + 1) : 0;
    if (block[i] != want) {
      fail_msg("byte %zu is %u, not %u", i, block[i], want);
    }
  }
}

static void a_block_keeps_its_bytes_and_is_zero_behind_them(void **state) {
  (void)state;
  static const size_t sizes[] = {1,
                                 64,
                                 OA_PAGES_FROM - 1,
                                 OA_PAGES_FROM,
                                 OA_PAGES_FROM + 5,
                                 4 * OA_PAGES_FROM + 4097,
                                 64 * OA_PAGES_FROM};
  uint8_t *block = NULL;
  size_t have = 0;
  for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
    uint8_t *bigger = oa_pages_resize(block, have, have, sizes[i]);
    assert_non_null(bigger);
    expect(bigger, have, sizes[i]);
    for (size_t k = have; k < sizes[i]; k++) {
      bigger[k] = (uint8_t)(k * 7 + 1);
    }
    block = bigger;
    have = sizes[i];
  }
  oa_pages_free(block, have);
  oa_pages_free(NULL, 0);
  oa_pages_free(NULL, OA_PAGES_FROM);
}

static void without_memory_the_block_is_as_it_was(void **state) {
  (void)state;
  static const size_t sizes[] = {16, OA_PAGES_FROM};
  for (size_t i = 0; i < 2; i++) {
    uint8_t *block = oa_pages_resize(NULL, 0, 0, sizes[i]);
    assert_non_null(block);
    block[3] = 4;
    oa_mem_fail_after(0);
    assert_null(oa_pages_resize(block, sizes[i], 16, 8 * OA_PAGES_FROM));
    assert_null(oa_pages_resize(NULL, 0, 0, sizes[i]));
    oa_mem_fail_after(-1);
    assert_int_equal(block[3], 4);
    oa_pages_free(block, sizes[i]);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_block_keeps_its_bytes_and_is_zero_behind_them),
      cmocka_unit_test(without_memory_the_block_is_as_it_was),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
