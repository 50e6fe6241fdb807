/* SPDX-License-Identifier: Apache-2.0 */
/* The files that are still to be sent: which these are, and in which order. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "forward/pending.h"
#include "store_trial.h"

static const oa_name_rule rule = {
    .prefix = "otlp", .stream = "traces", .extension = "arrow"};

static oa_pending_file file(uint64_t seq, int64_t rows, int64_t done) {
  oa_pending_file out = {.rows = rows, .done = done};
  oa_name_make(&out.name, TRIAL_WALL + seq * TRIAL_SECOND, seq);
  return out;
}

static void files_come_in_the_order_in_which_they_were_added(void **state) {
  enum { COUNT = 500 };
  oa_pending pending = {0};
  uint64_t next = 0;
  (void)state;
  assert_null(oa_pending_first(&pending));
  assert_null(oa_pending_last(&pending));
  for (uint64_t i = 0; i < COUNT; i++) {
    const oa_pending_file one = file(i, 10, 0);
    assert_int_equal(oa_pending_add(&pending, &one), OA_OK);
    assert_int_equal(oa_pending_last(&pending)->name.seq, i);
    if (i % 3 != 0) {
      assert_int_equal(oa_pending_first(&pending)->name.seq, next++);
      oa_pending_drop(&pending, oa_pending_first(&pending));
    }
  }
  /* Room of what is finished is used again. */
  assert_true(pending.capacity < COUNT);
  /* One out of the middle. */
  const oa_pending_file middle = file(next + 5, 0, 0);
  oa_pending_drop(&pending, oa_pending_find(&pending, &middle.name));
  assert_null(oa_pending_find(&pending, &middle.name));
  for (; next < COUNT; next++) {
    if (next != middle.name.seq) {
      assert_int_equal(oa_pending_first(&pending)->name.seq, next);
      oa_pending_drop(&pending, oa_pending_first(&pending));
    }
  }
  assert_null(oa_pending_first(&pending));
  oa_pending_free(&pending);
}

static void what_is_left_is_never_below_nothing(void **state) {
  (void)state;
  assert_int_equal(oa_pending_left(&(oa_pending_file){.rows = 5, .done = 3}),
                   2);
  assert_int_equal(oa_pending_left(&(oa_pending_file){.rows = 5, .done = 9}),
                   0);
  assert_int_equal(oa_pending_left(&(oa_pending_file){.rows = -1, .done = 0}),
                   0);
}

static void without_memory_nothing_changes(void **state) {
  oa_pending pending = {0};
  oa_pending_file one = file(1, 1, 0);
  (void)state;
  oa_mem_fail_after(0);
  assert_int_equal(oa_pending_add(&pending, &one), OA_ERR_NOMEM);
  oa_mem_fail_after(-1);
  while (pending.end < pending.capacity || pending.end == 0) {
    assert_int_equal(oa_pending_add(&pending, &one), OA_OK);
    one = file(pending.end + 1, 1, 0);
  }
  const size_t end = pending.end;
  oa_mem_fail_after(0);
  assert_int_equal(oa_pending_add(&pending, &one), OA_ERR_NOMEM);
  oa_mem_fail_after(-1);
  assert_int_equal(pending.end, end);
  assert_int_equal(oa_pending_add(&pending, &one), OA_OK);
  oa_pending_free(&pending);
}

/* --- a directory --- */

static void put(const trial *t, uint64_t seq, const char *extension) {
  char path[2 * TRIAL_PATH];
  char text[OA_NAME_SIZE];
  const oa_pending_file one = file(seq, 0, 0);
  const oa_name_rule other = {
      .prefix = "otlp", .stream = "traces", .extension = extension};
  oa_name_text(&other, &one.name, text);
  snprintf(path, sizeof path, "%s/%s", t->dir, text);
  write_bytes(path, "x", 1);
}

static oa_forward_point point_at(uint64_t seq, int64_t rows) {
  const oa_pending_file one = file(seq, 0, 0);
  oa_forward_point point = {.seq = seq, .rows = rows};
  memcpy(point.stamp, one.name.stamp, sizeof point.stamp);
  return point;
}

/* The list from POINT on has FIRST with DONE rows, and COUNT files. */
static void expect(const trial *t, const oa_forward_point *point, size_t count,
                   uint64_t first, int64_t done) {
  oa_pending pending = {0};
  assert_int_equal(oa_pending_list(&pending, t->dir, &rule, point, NULL),
                   OA_OK);
  assert_int_equal(pending.end, count);
  if (count > 0) {
    assert_int_equal(pending.files[0].name.seq, first);
    assert_int_equal(pending.files[0].done, done);
    assert_int_equal(pending.files[0].rows, -1);
  }
  for (size_t i = 1; i < count; i++) {
    assert_true(pending.files[i].name.seq > pending.files[i - 1].name.seq);
    assert_int_equal(pending.files[i].done, 0);
  }
  oa_pending_free(&pending);
}

static void files_from_the_position_on_are_listed(void **state) {
  const trial *t = *state;
  for (uint64_t i = 3; i < 10; i++) {
    put(t, i, "arrow");
  }
  put(t, 20, "arrows"); /* another program's */
  oa_forward_point point = OA_FORWARD_BEGIN;
  expect(t, &point, 7, 3, 0);
  point = point_at(5, 77);
  expect(t, &point, 5, 5, 77);
  point = point_at(5, INT64_MAX);
  expect(t, &point, 4, 6, 0);
  point = point_at(2, 5); /* it is gone */
  expect(t, &point, 7, 3, 0);
  point = point_at(15, 5); /* and what came after as well */
  expect(t, &point, 0, 0, 0);
  /* Its number was given again, by a later time. */
  memcpy(point.stamp, "20000101_000000", sizeof point.stamp);
  point.seq = 9;
  expect(t, &point, 1, 9, 0);
}

/* The number is not taken: a power cut took the file, or somebody emptied the
 * directory. */
static void a_counter_that_has_begun_again_leaves_nothing_out(void **state) {
  const trial *t = *state;
  for (uint64_t i = 1; i < 4; i++) {
    put(t, i, "arrow");
  }
  oa_forward_point point = point_at(500, 5); /* later than all files */
  expect(t, &point, 0, 0, 0);
  memcpy(point.stamp, "20000101_000000", sizeof point.stamp); /* before */
  expect(t, &point, 3, 1, 0);
}

static void all_that_is_there_can_be_skipped(void **state) {
  const trial *t = *state;
  oa_forward_point point;
  assert_int_equal(oa_pending_skip(&point, t->dir, &rule, NULL), OA_OK);
  assert_int_equal(point.seq, 0);
  put(t, 1, "arrow");
  expect(t, &point, 1, 1, 0);
  assert_int_equal(oa_pending_skip(&point, t->dir, &rule, NULL), OA_OK);
  expect(t, &point, 0, 0, 0);
  put(t, 2, "arrow");
  expect(t, &point, 1, 2, 0);
  oa_disk disk = {.os = &trial_os};
  assert_true(oa_mark_write(&disk, t->dir, OA_MARK_SEALED, 40));
  assert_int_equal(oa_pending_skip(&point, t->dir, &rule, NULL), OA_OK);
  assert_int_equal(point.seq, 40);
  put(t, 41, "arrow");
  expect(t, &point, 1, 41, 0);
}

static void a_list_without_memory_says_so(void **state) {
  const trial *t = *state;
  const oa_forward_point point = OA_FORWARD_BEGIN;
  for (uint64_t i = 1; i < 40; i++) {
    put(t, i, "arrow");
  }
  for (int64_t n = 0;; n++) {
    oa_pending pending = {0};
    oa_forward_point skipped;
    oa_mem_fail_after(n);
    const oa_status status =
        oa_pending_list(&pending, t->dir, &rule, &point, NULL);
    oa_mem_fail_after(n);
    const oa_status other = oa_pending_skip(&skipped, t->dir, &rule, NULL);
    oa_mem_fail_after(-1);
    oa_pending_free(&pending);
    if (status == OA_OK && other == OA_OK) {
      assert_true(n > 1);
      break;
    }
    assert_true(status == OA_OK || status == OA_ERR_NOMEM);
    assert_true(other == OA_OK || other == OA_ERR_NOMEM);
  }
}

static int set_up(void **state) {
  *state = new_trial();
  return 0;
}

static int tear_down(void **state) {
  free_trial(*state);
  return 0;
}

#define TEST(NAME) cmocka_unit_test_setup_teardown(NAME, set_up, tear_down)

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(files_come_in_the_order_in_which_they_were_added),
      cmocka_unit_test(what_is_left_is_never_below_nothing),
      cmocka_unit_test(without_memory_nothing_changes),
      TEST(files_from_the_position_on_are_listed),
      TEST(a_counter_that_has_begun_again_leaves_nothing_out),
      TEST(all_that_is_there_can_be_skipped),
      TEST(a_list_without_memory_says_so),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
