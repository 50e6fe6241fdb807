/* SPDX-License-Identifier: Apache-2.0 */
/* Files that a power cut left open are read in the background. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include <cmocka.h>

#include "store/inspect.h"
#include "store_trial.h"

enum { PATIENCE_MS = 30000 };

static trial_files files;
static trial_rows rows;

/* As if the machine had been started anew since. */
static void restart_machine(const trial *t) {
  static const char boot[] = "1 00000000-0000-0000-0000-000000000000\n";
  char lock[2 * TRIAL_PATH];
  snprintf(lock, sizeof lock, "%s/%s", t->dir, OA_LOCK_NAME);
  write_bytes(lock, boot, sizeof boot - 1);
}

static bool knows_boot(const trial *t) {
  char lock[2 * TRIAL_PATH];
  size_t len;
  snprintf(lock, sizeof lock, "%s/%s", t->dir, OA_LOCK_NAME);
  uint8_t *bytes = read_bytes(lock, &len);
  const bool knows = memchr(bytes, ' ', len) != NULL;
  free(bytes);
  return knows;
}

/* The last text's end does not arrive: the frames stay whole. */
static void lose_values(const char *path, size_t second) {
  static const int32_t end[] = {6, 10};
  size_t len;
  size_t at = 0;
  uint8_t *bytes = read_bytes(path, &len);
  for (size_t i = second; i + sizeof end <= len; i++) {
    at = memcmp(bytes + i, end, sizeof end) == 0 ? i : at;
  }
  assert_true(at > 0);
  memset(bytes + at, 0, sizeof end);
  unlink(path);
  write_bytes(path, bytes, len);
  free(bytes);
}

/* A trial with one file, files.paths[0], of the stream "traces" with the
 * batches 0 and 10, left open by a power cut; DAMAGED: in the second one. */
static trial *leave_open(bool damaged) {
  trial *t = new_trial();
  open_trial(t);
  append(t, 0);
  const size_t second = (size_t)t->store->streams[0].file.length;
  append(t, 10);
  list_files(t, "traces", ".arrow", &files);
  crash_trial(t);
  restart_machine(t);
  if (damaged) {
    lose_values(files.paths[0], second);
  }
  return t;
}

static bool is_done(const trial *t) {
  return t->store->streams[0].inspected == 0;
}

static bool has_failed(const trial *t) {
  return stats_of(t).write_errors > 0;
}

static void tick_until(const trial *t, bool (*is_so)(const trial *t)) {
  const struct timespec pause = {.tv_nsec = 1000000};
  for (int i = 0; i < PATIENCE_MS && !is_so(t); i++) {
    oa_store_tick(t->store);
    nanosleep(&pause, NULL);
  }
  assert_true(is_so(t));
}

/* Starts while the disk gives FAULT for writing, and until that was met: one
 * file is still to be mended. */
static void open_on_bad_disk(trial *t, int fault) {
  open_trial(t);
  set_fault(FAULT_STAY, 1, fault);
  tick_until(t, has_failed);
  set_fault(FAULT_NONE, 0, 0);
  assert_int_equal(t->store->streams[0].inspected, 1);
}

/* After close_trial(). */
static void expect_batches(const trial *t, size_t count) {
  read_stream(t, "traces", &rows);
  assert_int_equal(rows.count, count * TRIAL_ROWS);
}

/* Ends as kill -9 does: what is being read stays as it is. */
static void kill_trial(trial *t) {
  oa_inspector_free(t->store->inspector);
  t->store->inspector = NULL;
  for (size_t s = 0; s < t->store->stream_count; s++) {
    t->store->streams[s].inspected = 0;
  }
  t->store->lock.same_boot = true; /* it is not noted at the end */
  crash_trial(t);
}

static void new_data_is_taken_while_old_files_are_read(void **state) {
  (void)state;
  oa_store_scan scan;
  trial *t = leave_open(true);
  open_trial(t);
  const oa_series *stream = &t->store->streams[0];
  assert_int_equal(stream->inspected, 1);
  append(t, 20);
  assert_int_equal(oa_store_seal(t->store, NULL), OA_OK);
  /* Until the first is ended the second is not noted as all that is. */
  assert_int_equal(oa_mark_read(stream->dir, OA_MARK_SEALED), 0);
  assert_int_equal(oa_store_scan_file(files.paths[0], &scan, NULL), OA_OK);
  assert_false(scan.ended);
  assert_false(knows_boot(t));

  tick_until(t, is_done);
  assert_int_equal(oa_mark_read(stream->dir, OA_MARK_SEALED), 2);
  assert_true(knows_boot(t));
  assert_int_equal(stats_of(t).files_recovered, 1);
  assert_int_equal(stats_of(t).files_corrupt, 1);
  assert_null(t->store->inspector); /* its thread is gone */
  close_trial(t);
  expect_batches(t, 2);
  assert_int_equal(count_batch(&rows, 0), 1);
  assert_int_equal(count_batch(&rows, 20), 1);
  free_trial(t);
}

static void a_stop_waits_for_what_is_being_read(void **state) {
  (void)state;
  trial *t = leave_open(false);
  open_trial(t);
  close_trial(t);
  assert_true(knows_boot(t));
  expect_batches(t, 2);
  free_trial(t);
}

static void a_kill_meanwhile_has_the_next_start_read_them(void **state) {
  (void)state;
  trial *t = leave_open(true);
  for (int i = 0; i < 3; i++) {
    open_trial(t);
    assert_int_equal(t->store->streams[0].inspected, 1 + i);
    append(t, 20 + 20 * i);
    kill_trial(t);
    assert_false(knows_boot(t));
  }
  open_trial(t);
  tick_until(t, is_done);
  close_trial(t);
  assert_true(knows_boot(t));
  expect_batches(t, 4);
  for (int i = 0; i < 4; i++) {
    assert_int_equal(count_batch(&rows, i == 0 ? 0 : 20 * i), 1);
  }
  free_trial(t);
}

static void a_file_that_is_removed_meanwhile_is_no_fault(void **state) {
  (void)state;
  trial *t = leave_open(false);
  open_trial(t);
  unlink(files.paths[0]);
  tick_until(t, is_done);
  assert_int_equal(stats_of(t).write_errors, 0);
  assert_true(knows_boot(t));
  close_trial(t);
  free_trial(t);
}

static void a_file_that_cannot_be_mended_is_read_again_later(void **state) {
  (void)state;
  trial *t = leave_open(false);
  machine.wall_ns = TRIAL_WALL;
  machine.mono_ns = TRIAL_SECOND;
  open_on_bad_disk(t, EIO);
  assert_false(knows_boot(t));
  /* A file of this run need not wait for it. */
  append(t, 20);
  t->store->streams[0].unsealed = true;
  machine.mono_ns += 3600 * TRIAL_SECOND;
  oa_store_tick(t->store);
  assert_false(t->store->streams[0].unsealed);
  machine.mono_ns += 3600 * TRIAL_SECOND;
  tick_until(t, is_done);
  oa_store_tick(t->store); /* the last of both may have been our own file */
  assert_true(knows_boot(t));
  close_trial(t);
  expect_batches(t, 3);
  free_trial(t);
}

static void a_stop_mends_what_could_not_be_mended_before(void **state) {
  (void)state;
  trial *t = leave_open(false);
  open_on_bad_disk(t, ENOSPC);
  close_trial(t);
  expect_batches(t, 2);
  free_trial(t);
}

static void what_is_not_read_in_time_is_left(void **state) {
  (void)state;
  oa_inspector *inspector = NULL;
  trial *t = leave_open(false);
  open_trial(t);
  tick_until(t, is_done);
  assert_int_equal(oa_inspector_new(&inspector), OA_OK);
  const oa_name name = {.seq = 1};
  /* The first alone may be done before the end is there. */
  for (int i = 0; i < 1000; i++) {
    assert_int_equal(oa_inspector_add(inspector, &t->store->streams[0], &name),
                     OA_OK);
  }
  oa_inspector_start(inspector);
  oa_inspector_end(inspector, 0);
  size_t given = 0;
  const oa_inspection *item;
  while ((item = oa_inspector_next(inspector)) != NULL) {
    assert_int_equal(item->status, OA_ERR_IO); /* there is no such file */
    given++;
  }
  assert_int_equal(oa_inspector_is_busy(inspector), given < 1000);
  oa_inspector_free(inspector);
  close_trial(t);
  free_trial(t);
}

static void memory_that_is_refused_ends_the_start_alone(void **state) {
  (void)state;
  oa_status status = OA_ERR_NOMEM;
  trial *t = leave_open(true);
  for (long n = 0; status != OA_OK; n++) {
    assert_true(n < 10000);
    restart_machine(t);
    oa_mem_fail_after(n);
    status = oa_store_open_with(&t->store, &t->options, &trial_os, NULL);
    oa_mem_fail_after(-1);
  }
  /* The thread may have been refused some, which costs a second look. */
  machine.wall_ns = TRIAL_WALL;
  machine.mono_ns = oa_store_os_default.monotonic_ns() + 3600 * TRIAL_SECOND;
  tick_until(t, is_done);
  close_trial(t);
  expect_batches(t, 1);
  free_trial(t);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(new_data_is_taken_while_old_files_are_read),
      cmocka_unit_test(a_stop_waits_for_what_is_being_read),
      cmocka_unit_test(a_kill_meanwhile_has_the_next_start_read_them),
      cmocka_unit_test(a_file_that_is_removed_meanwhile_is_no_fault),
      cmocka_unit_test(a_file_that_cannot_be_mended_is_read_again_later),
      cmocka_unit_test(a_stop_mends_what_could_not_be_mended_before),
      cmocka_unit_test(what_is_not_read_in_time_is_left),
      cmocka_unit_test(memory_that_is_refused_ends_the_start_alone),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
