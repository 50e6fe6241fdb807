/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "store_trial.h"

enum { BATCHES = 6, MAX_CALLS = 2000 };

static trial_files files;
static trial_rows rows;

/* What every reader may rely on at any moment: files of whole messages, but
 * for one that the machine would not let us cut back. */
static void check_files(const trial *t, size_t torn_allowed) {
  size_t torn = 0;
  list_files(t, "traces", ".arrow", &files);
  for (size_t i = 0; i < files.count; i++) {
    oa_store_scan scan;
    assert_int_equal(oa_store_scan_file(files.paths[i], &scan, NULL), OA_OK);
    torn += scan.whole != scan.size || scan.complete + 8 < scan.size;
  }
  assert_true(torn <= torn_allowed);
}

static void open_until_it_works(trial *t, trial_fault fault) {
  while (oa_store_open_with(&t->store, &t->options, &trial_os, NULL) != OA_OK) {
    assert_true(machine.struck);
    if (fault != FAULT_ONCE) {
      set_fault(FAULT_NONE, 0, 0);
    }
  }
}

/* Gives each batch until it is taken, as a sender would; the fault goes away
 * after it has shown itself. */
static void give_batches(trial *t, trial_fault fault) {
  for (int64_t i = 0; i < BATCHES; i++) {
    int tries = 0;
    oa_error error = {0};
    while (append_to(t, 0, i * 10, &error) != OA_OK) {
      assert_true(machine.struck);
      assert_true(strlen(error.text) > 0);
      check_files(t, fault == FAULT_STAY);
      set_fault(FAULT_NONE, 0, 0);
      assert_true(++tries < 2);
    }
    if (i == 2) {
      (void)oa_store_sync(t->store, 0, NULL);
    }
    oa_store_tick(t->store);
  }
}

/* One life of a store in which the NTH call strikes.  False when there were
 * fewer calls. */
static bool live_through(trial_fault fault, long nth, int code) {
  trial *t = new_trial();
  oa_error error = {0};
  t->options.max_file_size = 2500; /* so that files are rotated */
  set_fault(fault, nth, code);
  open_until_it_works(t, fault);
  give_batches(t, fault);
  const oa_status status = oa_store_close(t->store, &error);
  const bool struck = machine.struck || machine.fault == FAULT_NONE;
  t->store = NULL;
  assert_true(status == OA_OK || struck);

  /* The next start finds every batch once, in sealed files. */
  set_fault(FAULT_NONE, 0, 0);
  open_trial(t);
  close_trial(t);
  read_stream(t, "traces", &rows);
  assert_int_equal(rows.count, BATCHES * TRIAL_ROWS);
  for (int64_t i = 0; i < BATCHES; i++) {
    assert_int_equal(count_batch(&rows, i * 10), 1);
  }
  list_files(t, "traces", ".corrupt", &files);
  assert_true(files.count == 0 || fault == FAULT_STAY);
  free_trial(t);
  return struck;
}

static void survive_every_call(trial_fault fault, int code) {
  long nth = 1;
  while (live_through(fault, nth, code)) {
    nth++;
    assert_true(nth < MAX_CALLS);
  }
  assert_true(nth > 20);
}

static void a_full_disk_at_any_call_costs_no_batch(void **state) {
  (void)state;
  survive_every_call(FAULT_ONCE, ENOSPC);
  survive_every_call(FAULT_STAY, ENOSPC);
}

static void a_failing_disk_at_any_call_costs_no_batch(void **state) {
  (void)state;
  survive_every_call(FAULT_ONCE, EIO);
  survive_every_call(FAULT_STAY, EIO);
}

static void half_a_write_at_any_call_costs_no_batch(void **state) {
  (void)state;
  survive_every_call(FAULT_SHORT, ENOSPC);
}

static void an_interrupted_call_goes_unnoticed(void **state) {
  (void)state;
  bool struck = true;
  for (long nth = 1; struck; nth++) {
    trial *t = new_trial();
    t->options.max_file_size = 2500;
    open_trial(t); /* mkdir(2) is never interrupted */
    set_fault(FAULT_ONCE, nth, EINTR);
    for (int64_t i = 0; i < BATCHES; i++) {
      append(t, i * 10);
    }
    assert_int_equal(oa_store_sync(t->store, 0, NULL), OA_OK);
    assert_int_equal(stats_of(t).write_errors, 0);
    close_trial(t);
    struck = machine.struck;
    set_fault(FAULT_NONE, 0, 0);
    read_stream(t, "traces", &rows);
    assert_int_equal(rows.count, BATCHES * TRIAL_ROWS);
    free_trial(t);
    assert_true(nth < MAX_CALLS);
  }
}

static void short_writes_are_continued(void **state) {
  (void)state;
  for (size_t bytes = 1; bytes < 100; bytes += 7) {
    trial *t = new_trial();
    open_trial(t);
    machine.trickle = bytes;
    append(t, 0);
    append(t, 10);
    assert_int_equal(stats_of(t).write_errors, 0);
    close_trial(t);
    read_stream(t, "traces", &rows);
    assert_int_equal(rows.count, 2 * TRIAL_ROWS);
    free_trial(t);
  }
}

static void a_failed_append_leaves_the_length_as_it_was(void **state) {
  (void)state;
  trial *t = new_trial();
  oa_error error = {0};
  struct stat before;
  struct stat after;
  open_trial(t);
  append(t, 0);
  list_files(t, "traces", ".arrow", &files);
  assert_int_equal(stat(files.paths[0], &before), 0);
  const oa_store_stats old = stats_of(t);
  set_fault(FAULT_SHORT, 1, ENOSPC);
  assert_int_equal(append_to(t, 0, 10, &error), OA_ERR_IO);
  assert_non_null(strstr(error.text, "No space left on device"));
  assert_non_null(strstr(error.text, "otlp_traces_"));
  assert_int_equal(stat(files.paths[0], &after), 0);
  assert_int_equal(before.st_size, after.st_size);
  assert_int_equal(stats_of(t).bytes_written, old.bytes_written);
  assert_int_equal(stats_of(t).bytes_now, old.bytes_now);
  assert_int_equal(stats_of(t).write_errors, 1);
  set_fault(FAULT_NONE, 0, 0);
  append(t, 10);
  close_trial(t);
  list_files(t, "traces", ".arrow", &files);
  assert_int_equal(files.count, 1); /* the same file went on */
  free_trial(t);
}

static void a_first_batch_that_fails_leaves_no_file(void **state) {
  (void)state;
  trial *t = new_trial();
  open_trial(t);
  set_fault(FAULT_SHORT, 1, ENOSPC);
  assert_int_equal(append_to(t, 0, 0, NULL), OA_ERR_IO);
  list_files(t, "traces", "", &files);
  assert_int_equal(files.count, 0);
  assert_int_equal(stats_of(t).files_now, 0);
  free_trial(t);
}

static void a_file_that_cannot_be_cut_back_is_left_and_mended(void **state) {
  (void)state;
  trial *t = new_trial();
  machine.wall_ns = TRIAL_WALL;
  machine.mono_ns = 1000 * TRIAL_SECOND;
  open_trial(t);
  append(t, 0);
  append(t, 10);
  set_fault(FAULT_SHORT, 1, EIO);
  machine.uncuttable = true;
  assert_int_equal(append_to(t, 0, 20, NULL), OA_ERR_IO);
  check_files(t, 1);
  set_fault(FAULT_NONE, 0, 0);
  append(t, 20); /* goes to a new file */
  list_files(t, "traces", ".arrow", &files);
  assert_int_equal(files.count, 2);

  oa_store_tick(t->store); /* cannot be mended yet */
  check_files(t, 1);
  assert_int_equal(stats_of(t).files_recovered, 0);
  machine.uncuttable = false;
  machine.mono_ns += 11 * TRIAL_SECOND;
  oa_store_tick(t->store);
  assert_int_equal(stats_of(t).files_recovered, 1);
  check_files(t, 0);
  close_trial(t);
  read_stream(t, "traces", &rows);
  assert_int_equal(rows.count, 3 * TRIAL_ROWS);
  assert_int_equal(count_batch(&rows, 20), 1);
  free_trial(t);
}

static void a_failed_fsync_is_not_tried_again_on_the_same_file(void **state) {
  (void)state;
  trial *t = new_trial();
  oa_error error = {0};
  open_trial(t);
  append(t, 0);
  set_fault(FAULT_ONCE, 1, EIO);
  assert_int_equal(oa_store_sync(t->store, 0, &error), OA_ERR_IO);
  assert_non_null(strstr(error.text, "cannot fdatasync"));
  append(t, 10);
  list_files(t, "traces", ".arrow", &files);
  assert_int_equal(files.count, 2);
  assert_int_equal(oa_store_sync(t->store, 0, NULL), OA_OK);
  oa_store_tick(t->store);
  rows.count = 0;
  read_rows(files.paths[0], &rows);
  assert_true(rows.ended); /* what was good is sealed */
  assert_int_equal(count_batch(&rows, 0), 1);
  assert_int_equal(stats_of(t).files_recovered, 1);
  free_trial(t);
}

static void a_seal_that_fails_is_told_by_the_next_sync(void **state) {
  (void)state;
  trial *t = new_trial();
  t->options.max_file_size = 1; /* each batch seals its file */
  open_trial(t);
  /* open, writev, then EOS: writev, fsync. */
  set_fault(FAULT_ONCE, 4, EIO);
  append(t, 0);
  assert_true(machine.struck);
  assert_int_equal(oa_store_sync(t->store, 0, NULL), OA_ERR_IO);
  assert_int_equal(oa_store_sync(t->store, 0, NULL), OA_OK);
  free_trial(t);
}

static void failures_are_counted_and_logged_sparingly(void **state) {
  (void)state;
  trial *t = new_trial();
  machine.wall_ns = TRIAL_WALL;
  machine.mono_ns = 1000 * TRIAL_SECOND;
  open_trial(t);
  append(t, 0);
  for (int i = 0; i < 50; i++) {
    set_fault(FAULT_SHORT, 1, ENOSPC);
    assert_int_equal(append_to(t, 0, 10, NULL), OA_ERR_IO);
  }
  assert_int_equal(stats_of(t).write_errors, 50);
  assert_int_equal(logged(t, "No space left"), 1);
  machine.mono_ns += 10 * TRIAL_SECOND;
  set_fault(FAULT_SHORT, 1, ENOSPC);
  assert_int_equal(append_to(t, 0, 10, NULL), OA_ERR_IO);
  assert_int_equal(logged(t, "No space left"), 2);
  assert_int_equal(logged(t, "and 49 more failures"), 1);
  free_trial(t);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_full_disk_at_any_call_costs_no_batch),
      cmocka_unit_test(a_failing_disk_at_any_call_costs_no_batch),
      cmocka_unit_test(half_a_write_at_any_call_costs_no_batch),
      cmocka_unit_test(an_interrupted_call_goes_unnoticed),
      cmocka_unit_test(short_writes_are_continued),
      cmocka_unit_test(a_failed_append_leaves_the_length_as_it_was),
      cmocka_unit_test(a_first_batch_that_fails_leaves_no_file),
      cmocka_unit_test(a_file_that_cannot_be_cut_back_is_left_and_mended),
      cmocka_unit_test(a_failed_fsync_is_not_tried_again_on_the_same_file),
      cmocka_unit_test(a_seal_that_fails_is_told_by_the_next_sync),
      cmocka_unit_test(failures_are_counted_and_logged_sparingly),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
