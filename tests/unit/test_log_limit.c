/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/log_limit.h"
#include "base/mem.h"

static const char first_kind[] = "first %d";
static const char second_kind[] = "second %d";

static int setup(void **state) {
  oa_log_limit *limit;
  assert_int_equal(oa_log_limit_new(&limit), OA_OK);
  *state = limit;
  return 0;
}

static int teardown(void **state) {
  oa_log_limit_free(*state);
  return 0;
}

/* How many of COUNT lines of KIND pass at NOW. */
static int pass(oa_log_limit *limit, const char *kind, int count, uint64_t now,
                uint64_t *held) {
  int passed = 0;
  for (int i = 0; i < count; i++) {
    uint64_t before = 0;
    passed += oa_log_limit_pass(limit, kind, OA_LOG_WARN, "text", now, &before);
    *held += before;
  }
  return passed;
}

static void a_burst_passes_and_the_rest_waits(void **state) {
  uint64_t held = 0;
  assert_int_equal(pass(*state, first_kind, 100, 7, &held), OA_LOG_BURST);
  assert_int_equal(held, 0);
  /* Kinds do not count for each other. */
  assert_int_equal(pass(*state, second_kind, 1, 7, &held), 1);
}

static void after_the_interval_lines_pass_again_and_tell(void **state) {
  uint64_t held = 0;
  assert_int_equal(pass(*state, first_kind, 100, 7, &held), OA_LOG_BURST);
  const uint64_t later = 7 + OA_LOG_INTERVAL_NS;
  assert_int_equal(pass(*state, first_kind, 5, later - 1, &held), 0);
  assert_int_equal(pass(*state, first_kind, 100, later, &held), OA_LOG_BURST);
  assert_int_equal(held, 105 - OA_LOG_BURST);
}

static void what_was_held_back_is_told_once(void **state) {
  uint64_t held = 0;
  oa_log_held told = {.count = 0};
  pass(*state, first_kind, OA_LOG_BURST + 3, 7, &held);
  pass(*state, second_kind, 1, 7, &held);
  assert_false(oa_log_limit_due(*state, 6 + OA_LOG_INTERVAL_NS, &told));
  assert_true(oa_log_limit_due(*state, 7 + OA_LOG_INTERVAL_NS, &told));
  assert_int_equal(told.count, 3);
  assert_int_equal(told.level, OA_LOG_WARN);
  assert_string_equal(told.text, "text");
  assert_false(oa_log_limit_due(*state, UINT64_MAX, &told));
}

static void an_example_is_cut_to_its_place(void **state) {
  char text[2000];
  uint64_t held = 0;
  oa_log_held told = {.count = 0};
  memset(text, 'x', sizeof text);
  text[sizeof text - 1] = '\0';
  for (int i = 0; i <= OA_LOG_BURST; i++) {
    oa_log_limit_pass(*state, first_kind, OA_LOG_INFO, text, 1, &held);
  }
  assert_true(oa_log_limit_due(*state, UINT64_MAX, &told));
  assert_int_equal(strlen(told.text), OA_LOG_SAMPLE_SIZE - 1);
}

/* More kinds than there are places: they are limited together. */
static void the_table_is_bounded(void **state) {
  static char kinds[4 * OA_LOG_KINDS];
  int passed = 0;
  uint64_t held = 0;
  for (size_t i = 0; i < sizeof kinds; i++) {
    passed += pass(*state, &kinds[i], 1, 5, &held);
  }
  assert_true(passed >= OA_LOG_KINDS);
  assert_true(passed < (int)sizeof kinds);
}

static void no_memory_is_said(void **state) {
  oa_log_limit *limit = NULL;
  (void)state;
  oa_mem_fail_after(0);
  assert_int_equal(oa_log_limit_new(&limit), OA_ERR_NOMEM);
  oa_mem_fail_after(-1);
  assert_null(limit);
  oa_log_limit_free(NULL);
}

#define WITH(TEST) cmocka_unit_test_setup_teardown(TEST, setup, teardown)

int main(void) {
  const struct CMUnitTest tests[] = {
      WITH(a_burst_passes_and_the_rest_waits),
      WITH(after_the_interval_lines_pass_again_and_tell),
      WITH(what_was_held_back_is_told_once),
      WITH(an_example_is_cut_to_its_place),
      WITH(the_table_is_bounded),
      cmocka_unit_test(no_memory_is_said),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
