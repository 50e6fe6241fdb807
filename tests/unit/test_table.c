/* SPDX-License-Identifier: Apache-2.0 */
#include "table_trial.h"

static void step(world *w) {
  const uint32_t rows = draw(w) % 4 == 0 ? draw(w) % 400 : draw(w) % 40;
  const uint32_t room = ROWS - w->count;
  switch (draw(w) % 12) {
    case 0:
      oa_table_clear(&w->table);
      w->count = 0;
      break;
    case 1:
      oa_table_release(&w->table);
      assert_int_equal(w->tree.text, 0);
      assert_int_equal(w->table.row_bits, 0);
      w->count = 0;
      break;
    case 2:
    case 3:
      cut(w, w->count == 0 ? 0 : draw(w) % (w->count + 1));
      break;
    case 4:
      choose_percents(w);
      break;
    case 5:
      expect_rows(w); /* in the middle: later rows must not mind */
      break;
    case 6:
    case 7:
      add_filled_rows(w, rows < room ? rows : room);
      break;
    default:
      for (uint32_t i = 0; i < rows && i < room; i++) {
        add_row(w, false);
      }
      break;
  }
}

static void it_does_as_rows_of_values_would(void **state) {
  (void)state;
  for (uint64_t seed = 1; seed <= 60; seed++) {
    world w;
    world_init(&w, seed * UINT64_C(0x9E3779B97F4A7C15));
    for (int i = 0; i < 40; i++) {
      step(&w);
      if (i % 4 == 3) {
        expect_rows(&w);
      }
    }
    world_free(&w);
  }
}

/* Columns that held a value in every row are not zeroed by a clear; the rows
 * passed over in the next batch must hold no value of the last one. */
static void gaps_after_a_dense_batch_are_empty(void **state) {
  (void)state;
  static const uint32_t sparse[] = {0, 1, 10, 50, 99};
  for (size_t s = 0; s < sizeof sparse / sizeof sparse[0]; s++) {
    world w;
    world_init(&w, 17 + s);
    for (int round = 0; round < 12; round++) {
      for (size_t i = 0; i < CHANCES; i++) {
        w.percent[i] = round % 3 == 0 ? 100 : sparse[s];
      }
      const uint32_t rows = 1 + draw(&w) % 700;
      for (uint32_t i = 0; i < rows; i++) {
        add_row(&w, false);
        if (round % 4 == 1 && draw(&w) % 50 == 0) {
          cut(&w, w.count - draw(&w) % (w.count < 9 ? w.count : 9));
        }
      }
      expect_rows(&w);
      oa_table_clear(&w.table);
      w.count = 0;
    }
    world_free(&w);
  }
}

static void a_half_put_row_is_cut_away(void **state) {
  (void)state;
  world w;
  world_init(&w, 3);
  for (uint32_t i = 0; i < 200; i++) {
    add_row(&w, false);
    /* A row is begun and given up, as for a rejected record. */
    const uint32_t count = w.count;
    add_row(&w, false);
    w.table.length--;
    cut(&w, count);
  }
  expect_rows(&w);
  world_free(&w);
}

static void an_empty_table_has_empty_columns(void **state) {
  (void)state;
  world w;
  world_init(&w, 5);
  expect_rows(&w);
  assert_int_equal(w.tree.text, 0);
  assert_int_equal(oa_table_used(&w.table), 0);
  oa_table_clear(&w.table);
  oa_table_truncate(&w.table, 0);
  oa_table_release(&w.table);
  expect_rows(&w);
  world_free(&w);
}

static void equal_strings_have_one_number(void **state) {
  (void)state;
  world w;
  world_init(&w, 6);
  oa_column *name = column(&w, NAME);
  oa_column *tag = column(&w, TAG);
  assert_int_equal(oa_table_reserve(&w.table), OA_OK);
  assert_int_equal(oa_column_intern(&w.table, name, NULL, 0), 0);
  assert_int_equal(oa_column_intern(&w.table, name, (const uint8_t *)"a", 1),
                   1);
  assert_int_equal(
      oa_column_intern(&w.table, name, (const uint8_t *)"a\xFF", 2), 2);
  /* The repaired string, and the same given whole. */
  assert_int_equal(
      oa_column_intern(&w.table, name, (const uint8_t *)"a\xFF", 2), 2);
  assert_int_equal(
      oa_column_intern(&w.table, name, (const uint8_t *)"a\xEF\xBF\xBD", 4), 2);
  assert_int_equal(w.tree.repaired, 2);
  /* Binary stays as it is. */
  assert_int_equal(oa_column_intern(&w.table, tag, (const uint8_t *)"a\xFF", 2),
                   0);
  assert_int_equal(
      oa_column_intern(&w.table, tag, (const uint8_t *)"a\xEF\xBF\xBD", 4), 1);
  assert_int_equal(w.tree.repaired, 2);
  world_free(&w);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(it_does_as_rows_of_values_would),
      cmocka_unit_test(gaps_after_a_dense_batch_are_empty),
      cmocka_unit_test(a_half_put_row_is_cut_away),
      cmocka_unit_test(an_empty_table_has_empty_columns),
      cmocka_unit_test(equal_strings_have_one_number),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
