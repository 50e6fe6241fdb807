/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "arrow/flat.h"
#include "base/mem.h"

/* Root {0: i8 -3, 1: absent, 2: i64, 3: text, 4: [table {0: i32}], 5: [i64
 * pair], 6: u16}. */
static oa_buf example(oa_status *status) {
  oa_buf out = {0};
  oa_flat_builder flat;
  const size_t root = oa_flat_begin(&flat, &out);
  oa_flat_slot slots[7] = {
      {.width = 1, .value = -3},  {0},
      {.width = 8, .value = -99}, {.width = OA_FLAT_OFFSET},
      {.width = OA_FLAT_OFFSET},  {.width = OA_FLAT_OFFSET},
      {.width = 2, .value = 500},
  };
  const int64_t pairs[4] = {1, 2, 3, INT64_MIN};
  oa_flat_link(&flat, root, oa_flat_put_table(&flat, slots, 7));
  oa_flat_link(&flat, slots[3].at, oa_flat_put_text(&flat, "trace"));
  const size_t vector = oa_flat_put_vector(&flat, NULL, 2, OA_FLAT_OFFSET);
  oa_flat_link(&flat, slots[4].at, vector);
  for (size_t i = 0; i < 2; i++) {
    oa_flat_slot item = {.width = 4, .value = (int64_t)(70 + i)};
    oa_flat_link(&flat, vector + 4 + 4 * i, oa_flat_put_table(&flat, &item, 1));
  }
  oa_flat_link(&flat, slots[5].at, oa_flat_put_vector(&flat, pairs, 2, 16));
  *status = flat.status;
  return out;
}

static void what_is_written_is_read(void **state) {
  (void)state;
  oa_status status = OA_ERR_NOMEM;
  oa_buf buf = example(&status);
  assert_int_equal(status, OA_OK);
  oa_flat_table root;
  int64_t value = 0;
  assert_true(oa_flat_root(buf.data, buf.len, &root));
  assert_true(oa_flat_get(&root, 0, 1, 0, &value));
  assert_int_equal(value, -3);
  assert_true(oa_flat_get(&root, 1, 4, 77, &value));
  assert_int_equal(value, 77);
  assert_true(oa_flat_get(&root, 2, 8, 0, &value));
  assert_int_equal(value, -99);
  assert_true(oa_flat_get(&root, 6, 2, 0, &value));
  assert_int_equal(value, 500);
  assert_true(oa_flat_get(&root, 1000, 8, 5, &value));
  assert_int_equal(value, 5);

  const char *text = NULL;
  size_t len = 0;
  assert_true(oa_flat_get_text(&root, 3, &text, &len));
  assert_int_equal(len, 5);
  assert_memory_equal(text, "trace", 6); /* with its zero byte */
  assert_true(oa_flat_get_text(&root, 1, &text, &len));
  assert_null(text);

  oa_flat_vector vector;
  assert_true(oa_flat_get_vector(&root, 4, 4, &vector));
  assert_int_equal(vector.count, 2);
  for (size_t i = 0; i < 2; i++) {
    oa_flat_table item;
    assert_true(oa_flat_vector_table(&vector, i, &item));
    assert_true(oa_flat_get(&item, 0, 4, 0, &value));
    assert_int_equal(value, 70 + i);
  }
  assert_true(oa_flat_get_vector(&root, 5, 16, &vector));
  assert_int_equal(vector.count, 2);
  assert_int_equal(oa_flat_vector_word(&vector, 1, 16, 0), 3);
  assert_true(oa_flat_vector_word(&vector, 1, 16, 8) == INT64_MIN);
  oa_buf_free(&buf);
}

static void wide_values_stand_on_their_own_size(void **state) {
  (void)state;
  oa_status status = OA_ERR_NOMEM;
  oa_buf buf = example(&status);
  oa_flat_table root;
  oa_flat_vector vector;
  assert_true(oa_flat_root(buf.data, buf.len, &root));
  const uint16_t *vtable = (const void *)(buf.data + root.vtable);
  assert_int_equal((root.at + vtable[2 + 2]) % 8, 0);
  assert_true(oa_flat_get_vector(&root, 5, 16, &vector));
  assert_int_equal(vector.at % 8, 0);
  oa_buf_free(&buf);
}

/* Reads everything that example() has, wherever the bytes lead. */
static void visit(const uint8_t *bytes, size_t len) {
  oa_flat_table root;
  oa_flat_table item;
  oa_flat_vector vector;
  const char *text = NULL;
  size_t text_len = 0;
  int64_t value = 0;
  volatile uint8_t sum = 0;
  if (!oa_flat_root(bytes, len, &root)) {
    return;
  }
  for (size_t id = 0; id < 8; id++) {
    for (size_t width = 1; width <= 8; width *= 2) {
      (void)oa_flat_get(&root, id, width, 0, &value);
    }
    if (oa_flat_get_text(&root, id, &text, &text_len)) {
      for (size_t i = 0; i < text_len; i++) {
        sum = (uint8_t)(sum + (uint8_t)text[i]);
      }
    }
    if (oa_flat_get_table(&root, id, &item)) {
      (void)oa_flat_get(&item, 0, 8, 0, &value);
    }
    if (oa_flat_get_vector(&root, id, 4, &vector)) {
      for (size_t i = 0; i < vector.count; i++) {
        if (oa_flat_vector_table(&vector, i, &item)) {
          (void)oa_flat_get(&item, 0, 4, 0, &value);
        }
      }
    }
    if (oa_flat_get_vector(&root, id, 16, &vector)) {
      for (size_t i = 0; i < vector.count; i++) {
        value ^= oa_flat_vector_word(&vector, i, 16, 8);
      }
    }
  }
}

static void no_bytes_lead_outside(void **state) {
  (void)state;
  oa_status status = OA_ERR_NOMEM;
  oa_buf buf = example(&status);
  for (size_t len = 0; len <= buf.len; len++) {
    uint8_t *copy = oa_malloc(len + 1);
    memcpy(copy, buf.data, len);
    visit(copy, len);
    oa_free(copy);
  }
  static const uint8_t values[] = {0, 1, 3, 4, 7, 0x7f, 0x80, 0xfe, 0xff};
  uint8_t *copy = oa_malloc(buf.len);
  for (size_t at = 0; at < buf.len; at++) {
    for (size_t v = 0; v < sizeof values; v++) {
      memcpy(copy, buf.data, buf.len);
      copy[at] = values[v];
      visit(copy, buf.len);
      if (at + 4 <= buf.len) {
        memset(copy + at, values[v], 4);
        visit(copy, buf.len);
      }
    }
  }
  oa_free(copy);
  oa_buf_free(&buf);
}

static void damaged_tables_are_refused(void **state) {
  (void)state;
  oa_flat_table table;
  const uint8_t empty[4] = {0};
  assert_false(oa_flat_root(empty, 0, &table));
  assert_false(oa_flat_root(empty, 3, &table));
  assert_false(oa_flat_root(empty, 4, &table)); /* names itself */
  /* The vtable would lie before the buffer. */
  const uint8_t before[] = {4, 0, 0, 0, 0xff, 0, 0, 0};
  assert_false(oa_flat_root(before, sizeof before, &table));
  /* A vtable with an odd length. */
  const uint8_t odd[] = {8, 0, 0, 0, 5, 0, 4, 0, 4, 0, 0, 0};
  assert_false(oa_flat_root(odd, sizeof odd, &table));
  const uint8_t good[] = {8, 0, 0, 0, 4, 0, 4, 0, 4, 0, 0, 0};
  assert_true(oa_flat_root(good, sizeof good, &table));
}

static void a_vtable_that_lies_about_the_length_is_read(void **state) {
  (void)state;
  /* Root offset; vtable {8 bytes, table of 8, fields at 8 and 4}; the table,
   * which takes 16: a vtable made for another one, as Go's writer shares it. */
  const uint8_t bytes[] = {12, 0, 0, 0, 8, 0, 8, 0, 8, 0, 4, 0, 8, 0,
                           0,  0, 7, 0, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0};
  oa_flat_table table;
  int64_t value = 0;
  assert_true(oa_flat_root(bytes, sizeof bytes, &table));
  assert_true(oa_flat_get(&table, 0, 8, 0, &value));
  assert_int_equal(value, 9);
  assert_true(oa_flat_get(&table, 1, 4, 0, &value));
  assert_int_equal(value, 7);
  /* What leaves the buffer is damage all the same. */
  assert_true(oa_flat_root(bytes, sizeof bytes - 1, &table));
  assert_false(oa_flat_get(&table, 0, 8, 0, &value));
}

static void no_memory_is_a_status(void **state) {
  (void)state;
  oa_status status = OA_ERR_NOMEM;
  for (int64_t n = 0; status != OA_OK; n++) {
    oa_mem_fail_after(n);
    oa_buf buf = example(&status);
    oa_mem_fail_after(-1);
    assert_true(status == OA_OK || status == OA_ERR_NOMEM);
    assert_true(n < 20);
    assert_true(n > 0 || status == OA_ERR_NOMEM);
    oa_buf_free(&buf);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(what_is_written_is_read),
      cmocka_unit_test(wide_values_stand_on_their_own_size),
      cmocka_unit_test(no_bytes_lead_outside),
      cmocka_unit_test(damaged_tables_are_refused),
      cmocka_unit_test(a_vtable_that_lies_about_the_length_is_read),
      cmocka_unit_test(no_memory_is_a_status),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
