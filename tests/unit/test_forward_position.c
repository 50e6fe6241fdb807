/* SPDX-License-Identifier: Apache-2.0 */
/* The position of forwarding: what is kept is found again, or it is said that
 * it cannot be. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "forward/position.h"
#include "store_trial.h"

static oa_disk disk = {.os = &trial_os};

static oa_position sample(uint64_t seed) {
  oa_position p;
  for (uint64_t i = 0; i < OA_SIGNAL_COUNT; i++) {
    p.points[i] = (oa_forward_point){.seq = seed + i,
                                     .stamp = "20260102_030405",
                                     .rows = (int64_t)(seed * 7 + i)};
  }
  return p;
}

static void assert_same(const oa_position *a, const oa_position *b) {
  for (int i = 0; i < OA_SIGNAL_COUNT; i++) {
    assert_int_equal(a->points[i].seq, b->points[i].seq);
    assert_int_equal(a->points[i].rows, b->points[i].rows);
    assert_string_equal(a->points[i].stamp, b->points[i].stamp);
  }
}

static void keep(const char *root, const oa_position *position) {
  oa_error error = {0};
  if (oa_position_write(&disk, root, position, &error) != OA_OK) {
    fail_msg("%s", error.text);
  }
}

static void what_is_kept_is_found(void **state) {
  trial *t = *state;
  oa_position found;
  oa_position kept = sample(1);
  assert_int_equal(oa_position_read(&found, t->dir, NULL), OA_ERR_NOT_FOUND);
  keep(t->dir, &kept);
  assert_int_equal(oa_position_read(&found, t->dir, NULL), OA_OK);
  assert_same(&found, &kept);
  kept.points[0] = OA_FORWARD_BEGIN;
  kept.points[1].rows = INT64_MAX;
  kept.points[2].seq = UINT64_C(999999999999);
  keep(t->dir, &kept);
  assert_int_equal(oa_position_read(&found, t->dir, NULL), OA_OK);
  assert_same(&found, &kept);
}

static void path_in(const trial *t, char out[2 * TRIAL_PATH]) {
  snprintf(out, 2 * TRIAL_PATH, "%s/%s", t->dir, OA_POSITION_NAME);
}

/* Every byte that is another one, and every end. */
static void what_is_not_as_it_was_written_is_damaged(void **state) {
  trial *t = *state;
  char path[2 * TRIAL_PATH];
  oa_error error = {0};
  oa_position found;
  const oa_position kept = sample(12);
  size_t len;
  keep(t->dir, &kept);
  path_in(t, path);
  uint8_t *bytes = read_bytes(path, &len);
  for (size_t i = 0; i < len; i++) {
    for (int bit = 0; bit < 8; bit++) {
      bytes[i] ^= (uint8_t)(1 << bit);
      write_bytes(path, bytes, len);
      assert_int_equal(oa_position_read(&found, t->dir, &error),
                       OA_ERR_MALFORMED);
      assert_non_null(strstr(error.text, "damaged"));
      bytes[i] ^= (uint8_t)(1 << bit);
    }
    write_bytes(path, bytes, i);
    assert_int_equal(oa_position_read(&found, t->dir, NULL), OA_ERR_MALFORMED);
  }
  bytes[len] = '\n';
  write_bytes(path, bytes, len + 1);
  assert_int_equal(oa_position_read(&found, t->dir, NULL), OA_ERR_MALFORMED);
  write_bytes(path, bytes, len);
  assert_int_equal(oa_position_read(&found, t->dir, NULL), OA_OK);
  free(bytes);
}

static void a_position_that_is_no_file_is_an_error(void **state) {
  trial *t = *state;
  char path[2 * TRIAL_PATH];
  oa_position found;
  oa_error error = {0};
  path_in(t, path);
  assert_int_equal(mkdir(path, 0700), 0);
  assert_int_equal(oa_position_read(&found, t->dir, &error), OA_ERR_IO);
  assert_true(error.text[0] != '\0');
  const oa_position next = sample(3);
  assert_int_equal(oa_position_write(&disk, t->dir, &next, &error), OA_ERR_IO);
  rmdir(path);
  char endless[2 * OA_PATH_SIZE];
  memset(endless, 'a', sizeof endless - 1);
  endless[sizeof endless - 1] = '\0';
  assert_int_equal(oa_position_read(&found, endless, &error), OA_ERR_CONFIG);
  assert_int_equal(oa_position_write(&disk, endless, &next, &error),
                   OA_ERR_CONFIG);
}

/* Each system call once, and short writes. */
static void when_it_cannot_be_kept_the_old_one_stays(void **state) {
  trial *t = *state;
  const oa_position old = sample(5);
  const oa_position next = sample(6);
  oa_position found;
  long faults = 0;
  for (int kind = 0; kind < 2; kind++) {
    for (long nth = 1;; nth++) {
      keep(t->dir, &old);
      set_fault(kind == 0 ? FAULT_ONCE : FAULT_SHORT, nth, ENOSPC);
      oa_error error = {0};
      const oa_status status = oa_position_write(&disk, t->dir, &next, &error);
      const bool struck = machine.struck;
      set_fault(FAULT_NONE, 0, 0);
      assert_int_equal(oa_position_read(&found, t->dir, NULL), OA_OK);
      if (!struck) {
        assert_int_equal(status, OA_OK);
        assert_same(&found, &next);
        break;
      }
      faults++;
      assert_int_equal(status, OA_ERR_IO);
      assert_true(error.text[0] != '\0');
      assert_same(&found, &old);
    }
  }
  assert_true(faults >= 4);
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
      TEST(what_is_kept_is_found),
      TEST(what_is_not_as_it_was_written_is_damaged),
      TEST(a_position_that_is_no_file_is_an_error),
      TEST(when_it_cannot_be_kept_the_old_one_stays),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
