/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/mem.h"

static void pieces_lie_back_to_back(void **state) {
  (void)state;
  oa_buf buf = {0};
  assert_int_equal(oa_buf_put(&buf, "ab", 2), OA_OK);
  assert_int_equal(oa_buf_put(&buf, NULL, 0), OA_OK);
  assert_int_equal(oa_buf_put_byte(&buf, 'c'), OA_OK);
  assert_int_equal(oa_buf_put_zeros(&buf, 2), OA_OK);
  assert_int_equal(oa_buf_put_zeros(&buf, 0), OA_OK);
  assert_int_equal(oa_buf_printf(&buf, "%d-%s", 17, "x"), OA_OK);
  assert_int_equal(buf.len, 9);
  assert_memory_equal(buf.data, "abc\0\00017-x", 9);
  oa_buf_free(&buf);
  assert_null(buf.data);
  assert_int_equal(buf.len + buf.cap, 0);
}

static void growing_keeps_what_is_there(void **state) {
  (void)state;
  oa_buf buf = {0};
  for (size_t i = 0; i < 100000; i++) {
    assert_int_equal(oa_buf_put_byte(&buf, (uint8_t)(i * 13)), OA_OK);
    assert_true(buf.len <= buf.cap);
  }
  for (size_t i = 0; i < buf.len; i++) {
    if (buf.data[i] != (uint8_t)(i * 13)) {
      fail_msg("byte %zu", i);
    }
  }
  /* Geometric, but no more than half as much again. */
  assert_true(buf.cap <= buf.len + buf.len / 2 + 1);
  oa_buf_free(&buf);
}

static void room_made_before_is_not_made_again(void **state) {
  (void)state;
  oa_buf buf = {0};
  assert_int_equal(oa_buf_reserve(&buf, 5000), OA_OK);
  assert_true(buf.cap >= 5000);
  assert_int_equal(buf.len, 0);
  const uint8_t *before = buf.data;
  oa_mem_fail_after(0);
  for (size_t i = 0; i < 1000; i++) {
    assert_int_equal(oa_buf_put(&buf, "12345", 5), OA_OK);
  }
  oa_mem_fail_after(-1);
  assert_ptr_equal(buf.data, before);
  oa_buf_free(&buf);
}

static void text_fits_at_every_length(void **state) {
  (void)state;
  for (int len = 0; len < 300; len++) {
    oa_buf buf = {0};
    assert_int_equal(oa_buf_put(&buf, ">", 1), OA_OK);
    assert_int_equal(oa_buf_printf(&buf, "%0*d", len, 0), OA_OK);
    assert_int_equal(buf.len, 1 + (len == 0 ? 1 : len));
    for (size_t i = 1; i < buf.len; i++) {
      assert_int_equal(buf.data[i], '0');
    }
    oa_buf_free(&buf);
  }
}

static void sizes_that_no_memory_has_are_refused(void **state) {
  (void)state;
  oa_buf buf = {0};
  assert_int_equal(oa_buf_put(&buf, "abc", 3), OA_OK);
  assert_int_equal(oa_buf_reserve(&buf, SIZE_MAX), OA_ERR_NOMEM);
  assert_int_equal(oa_buf_reserve(&buf, SIZE_MAX - 2), OA_ERR_NOMEM);
  assert_int_equal(oa_buf_put_zeros(&buf, SIZE_MAX / 2), OA_ERR_NOMEM);
  assert_int_equal(buf.len, 3);
  assert_memory_equal(buf.data, "abc", 3);
  oa_buf_free(&buf);
}

static void no_memory_leaves_the_buffer_as_it_was(void **state) {
  (void)state;
  oa_buf buf = {0};
  assert_int_equal(oa_buf_put(&buf, "abc", 3), OA_OK);
  const oa_buf before = buf;
  uint8_t big[500] = {0};
  oa_mem_fail_after(0);
  assert_int_equal(oa_buf_put(&buf, big, sizeof big), OA_ERR_NOMEM);
  assert_int_equal(oa_buf_put_zeros(&buf, sizeof big), OA_ERR_NOMEM);
  assert_int_equal(oa_buf_printf(&buf, "%500d", 1), OA_ERR_NOMEM);
  oa_mem_fail_after(-1);
  assert_memory_equal(&buf, &before, sizeof buf);
  assert_memory_equal(buf.data, "abc", 3);
  assert_int_equal(oa_buf_put(&buf, big, sizeof big), OA_OK);
  oa_buf_free(&buf);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(pieces_lie_back_to_back),
      cmocka_unit_test(growing_keeps_what_is_there),
      cmocka_unit_test(room_made_before_is_not_made_again),
      cmocka_unit_test(text_fits_at_every_length),
      cmocka_unit_test(sizes_that_no_memory_has_are_refused),
      cmocka_unit_test(no_memory_leaves_the_buffer_as_it_was),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
