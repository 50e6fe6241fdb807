/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "store_trial.h"

enum { DAY = 86400 };

static trial_files files;

static void set_mtime(const char *path, uint64_t wall_ns) {
  const struct timespec at = {.tv_sec = (time_t)(wall_ns / TRIAL_SECOND)};
  const struct timespec times[2] = {at, at};
  assert_int_equal(utimensat(AT_FDCWD, path, times, AT_SYMLINK_NOFOLLOW), 0);
}

static trial *new_timed_trial(void) {
  trial *t = new_trial();
  machine.wall_ns = TRIAL_WALL;
  machine.mono_ns = 5000 * TRIAL_SECOND;
  return t;
}

/* Makes and seals a file of STREAM that was last written now. */
static void make_sealed(trial *t, size_t stream, char path[TRIAL_PATH]) {
  assert_int_equal(append_to(t, stream, 0, NULL), OA_OK);
  char full[OA_PATH_SIZE];
  oa_series_path(&t->store->streams[stream], &t->store->streams[stream].name,
                 full);
  assert_int_equal(oa_store_seal(t->store, NULL), OA_OK);
  assert_true(strlen(full) < TRIAL_PATH);
  memcpy(path, full, strlen(full) + 1);
  set_mtime(path, machine.wall_ns);
}

static void pass_time(uint64_t seconds) {
  machine.wall_ns += seconds * TRIAL_SECOND;
  machine.mono_ns += seconds * TRIAL_SECOND;
}

static bool exists(const char *path) {
  struct stat at;
  return lstat(path, &at) == 0;
}

static void sealed_files_go_when_their_stream_says_so(void **state) {
  (void)state;
  trial *t = new_timed_trial();
  char trace[TRIAL_PATH];
  char text[TRIAL_PATH];
  t->streams[0].retention_ns = DAY * TRIAL_SECOND;
  t->streams[1].retention_ns = 0; /* for ever */
  open_trial(t);
  make_sealed(t, 0, trace);
  make_sealed(t, 1, text);
  pass_time(DAY - 1);
  oa_store_tick(t->store);
  assert_true(exists(trace));
  pass_time(61);
  oa_store_tick(t->store);
  assert_false(exists(trace));
  assert_true(exists(text));
  const oa_store_stats stats = stats_of(t);
  assert_int_equal(stats.files_removed, 1);
  assert_int_equal(stats.files_now, 1);
  assert_int_equal(logged(t, "older than its retention"), 1);
  free_trial(t);
}

static void the_open_file_stays_however_old_it_is(void **state) {
  (void)state;
  trial *t = new_timed_trial();
  t->streams[0].retention_ns = DAY * TRIAL_SECOND;
  open_trial(t);
  append(t, 0);
  list_files(t, "traces", ".arrow", &files);
  set_mtime(files.paths[0], TRIAL_WALL - 10 * DAY * TRIAL_SECOND);
  oa_store_sweep(t->store);
  t->store->max_total_size = 1;
  oa_store_sweep(t->store);
  assert_true(exists(files.paths[0]));
  assert_int_equal(stats_of(t).files_removed, 0);
  append(t, 10);
  free_trial(t);
}

static void foreign_names_are_never_touched(void **state) {
  (void)state;
  static const char *const foreign[] = {
      "notes.txt",
      "otlp_traces_backup.arrow",
      "otlp_traces_20200101_000000_000001.parquet",
      "otlp_traces_20200101_000000_000001.arrow.corrupt",
      "otlp_logs_20200101_000000_000001.arrow",
      "other_traces_20200101_000000_000001.arrow",
  };
  trial *t = new_timed_trial();
  char path[2 * TRIAL_PATH];
  char link[2 * TRIAL_PATH];
  char dir[2 * TRIAL_PATH];
  t->streams[0].retention_ns = DAY * TRIAL_SECOND;
  t->options.max_total_size = 1;
  open_trial(t);
  for (size_t i = 0; i < sizeof foreign / sizeof foreign[0]; i++) {
    snprintf(path, sizeof path, "%s/traces/%s", t->root, foreign[i]);
    write_bytes(path, "precious", 8);
    set_mtime(path, TRIAL_WALL / 2);
  }
  /* Our pattern, but a link and a directory. */
  snprintf(link, sizeof link,
           "%s/traces/otlp_traces_20200101_000000_000002.arrow", t->root);
  assert_int_equal(symlink(path, link), 0);
  set_mtime(link, TRIAL_WALL / 2);
  snprintf(dir, sizeof dir,
           "%s/traces/otlp_traces_20200101_000000_000003.arrow", t->root);
  assert_int_equal(mkdir(dir, 0750), 0);
  oa_store_sweep(t->store);
  for (size_t i = 0; i < sizeof foreign / sizeof foreign[0]; i++) {
    snprintf(path, sizeof path, "%s/traces/%s", t->root, foreign[i]);
    assert_true(exists(path));
  }
  assert_true(exists(link));
  assert_true(exists(dir));
  assert_int_equal(stats_of(t).files_removed, 0);
  free_trial(t);
}

static void earlier_extensions_are_retained_and_removed_alike(void **state) {
  (void)state;
  static const char *const ours[] = {"ipc", "arrow", "arrows"};
  trial *t = new_timed_trial();
  char path[2 * TRIAL_PATH];
  t->options.extension = "ipc";
  t->streams[0].retention_ns = DAY * TRIAL_SECOND;
  open_trial(t);
  for (size_t i = 0; i < 3; i++) {
    snprintf(path, sizeof path, "%s/traces/otlp_traces_20200101_000000_1.%s",
             t->root, ours[i]);
    write_bytes(path, "x", 1);
    set_mtime(path, TRIAL_WALL - 2 * DAY * TRIAL_SECOND);
  }
  oa_store_sweep(t->store);
  assert_int_equal(stats_of(t).files_removed, 3);
  free_trial(t);
}

static void the_oldest_go_first_over_all_streams(void **state) {
  (void)state;
  trial *t = new_timed_trial();
  char paths[6][TRIAL_PATH];
  open_trial(t);
  for (size_t i = 0; i < 6; i++) {
    make_sealed(t, i % 2, paths[i]);
    pass_time(100);
  }
  const uint64_t each = stats_of(t).bytes_now / 6;
  t->store->max_total_size = each * 4;
  oa_store_tick(t->store);
  for (size_t i = 0; i < 6; i++) {
    assert_int_equal(exists(paths[i]), i >= 2);
  }
  assert_true(stats_of(t).bytes_now <= each * 4);
  assert_int_equal(stats_of(t).files_now, 4);
  assert_int_equal(logged(t, "more than the total size allows"), 2);
  free_trial(t);
}

static void the_bound_counts_open_files_but_spares_them(void **state) {
  (void)state;
  trial *t = new_timed_trial();
  char sealed[TRIAL_PATH];
  open_trial(t);
  make_sealed(t, 1, sealed);
  append(t, 0);
  t->store->max_total_size = stats_of(t).bytes_now - 1;
  pass_time(1);
  oa_store_tick(t->store);
  assert_false(exists(sealed));
  list_files(t, "traces", ".arrow", &files);
  assert_int_equal(files.count, 1);
  free_trial(t);
}

static void within_a_stream_the_counter_decides_not_the_clock(void **state) {
  (void)state;
  trial *t = new_timed_trial();
  char first[TRIAL_PATH];
  char second[TRIAL_PATH];
  open_trial(t);
  make_sealed(t, 0, first);
  make_sealed(t, 0, second);
  set_mtime(second, TRIAL_WALL / 2); /* written while the clock was wrong */
  t->store->max_total_size = stats_of(t).bytes_now - 1;
  oa_store_sweep(t->store);
  assert_false(exists(first));
  assert_true(exists(second));
  free_trial(t);
}

static void setting_the_clock_does_not_make_files_old(void **state) {
  (void)state;
  const uint64_t hour = 3600 * TRIAL_SECOND;
  const uint64_t years = UINT64_C(10) * 365 * DAY * TRIAL_SECOND;
  trial *t = new_timed_trial();
  open_trial(t);
  pass_time(3600);
  assert_true(oa_store_file_age(t->store, TRIAL_WALL) == hour);

  machine.wall_ns += years; /* ten years ahead */
  assert_true(oa_store_file_age(t->store, TRIAL_WALL) == hour);
  const uint64_t late = machine.wall_ns;
  pass_time(60);
  assert_true(oa_store_file_age(t->store, late) == 60 * TRIAL_SECOND);

  machine.wall_ns -= 2 * years; /* ten years behind */
  assert_true(oa_store_file_age(t->store, TRIAL_WALL) ==
              hour + 60 * TRIAL_SECOND);
  assert_true(oa_store_file_age(t->store, machine.wall_ns) == 0);
  pass_time(60);
  assert_true(oa_store_file_age(t->store, late) == 0);
  assert_true(oa_store_file_age(t->store, 0) > 0);
  assert_true(oa_store_file_age(t->store, UINT64_MAX) == 0);
  free_trial(t);
}

static void a_file_that_cannot_be_removed_is_counted_and_kept(void **state) {
  (void)state;
  trial *t = new_timed_trial();
  char path[TRIAL_PATH];
  t->streams[0].retention_ns = DAY * TRIAL_SECOND;
  open_trial(t);
  make_sealed(t, 0, path);
  pass_time(2 * DAY);
  set_fault(FAULT_STAY, 1, EIO);
  oa_store_tick(t->store);
  set_fault(FAULT_NONE, 0, 0);
  assert_true(exists(path));
  assert_true(stats_of(t).write_errors > 0);
  assert_int_equal(stats_of(t).files_now, 1);
  pass_time(61);
  oa_store_tick(t->store);
  assert_false(exists(path));
  free_trial(t);
}

static void retention_runs_at_start_and_while_the_disk_is_full(void **state) {
  (void)state;
  trial *t = new_timed_trial();
  char first[TRIAL_PATH];
  char second[TRIAL_PATH];
  open_trial(t);
  make_sealed(t, 0, first);
  pass_time(DAY / 2);
  make_sealed(t, 0, second);
  close_trial(t);
  t->streams[0].retention_ns = DAY * TRIAL_SECOND;
  pass_time(DAY / 2 + 1);
  open_trial(t);
  assert_false(exists(first));
  assert_true(exists(second));

  set_fault(FAULT_SHORT, 1, ENOSPC);
  assert_int_equal(append_to(t, 0, 10, NULL), OA_ERR_IO);
  pass_time(DAY);
  oa_store_tick(t->store);
  assert_false(exists(second));
  free_trial(t);
}

/* Bytes of all files of both streams, as the system counts them. */
static uint64_t bytes_there(const trial *t) {
  uint64_t sum = 0;
  for (size_t s = 0; s < 2; s++) {
    list_files(t, t->streams[s].name, ".arrow", &files);
    for (size_t i = 0; i < files.count; i++) {
      struct stat at;
      assert_int_equal(stat(files.paths[i], &at), 0);
      sum += (uint64_t)at.st_size;
    }
  }
  return sum;
}

static void the_total_size_is_never_passed(void **state) {
  (void)state;
  trial *t = new_timed_trial();
  uint64_t most = 0;
  t->options.max_total_size = 40000;
  t->options.max_file_size = 3000;
  open_trial(t);
  for (int64_t i = 0; i < 400; i++) { /* no time passes, nothing ticks */
    assert_int_equal(append_to(t, i % 3 == 0, i * 10, NULL), OA_OK);
    const uint64_t sum = bytes_there(t);
    assert_true(sum <= 40000);
    assert_int_equal(sum, stats_of(t).bytes_now);
    most = sum > most ? sum : most;
  }
  assert_true(most > 40000 - 2 * 3500); /* nor is more removed than must be */
  assert_true(stats_of(t).files_removed > 10);
  free_trial(t);
}

static void open_files_alone_do_not_pass_a_small_total_size(void **state) {
  (void)state;
  trial *t = new_timed_trial();
  t->options.max_total_size = 12000; /* two streams: 3,000 for an open file */
  open_trial(t);
  for (int64_t i = 0; i < 100; i++) {
    assert_int_equal(append_to(t, i % 2 == 0, i * 10, NULL), OA_OK);
    assert_true(bytes_there(t) <= 12000);
  }
  assert_true(stats_of(t).files_sealed > 10);
  assert_int_equal(oa_store_file_bound(t->store), 3000);
  t->store->max_file_size = 2000;
  assert_int_equal(oa_store_file_bound(t->store), 2000);
  t->store->max_total_size = 0;
  assert_int_equal(oa_store_file_bound(t->store), 2000);
  t->store->max_file_size = 0;
  assert_int_equal(oa_store_file_bound(t->store), 0);
  t->store->max_total_size = 1;
  assert_int_equal(oa_store_file_bound(t->store), 1);
  free_trial(t);
}

static void a_full_disk_is_freed_of_old_files_at_once(void **state) {
  (void)state;
  static const int codes[] = {ENOSPC, EDQUOT};
  for (size_t i = 0; i < 2; i++) {
    trial *t = new_timed_trial();
    char old[TRIAL_PATH];
    t->streams[1].retention_ns = DAY * TRIAL_SECOND;
    open_trial(t);
    make_sealed(t, 1, old);
    append(t, 0);
    pass_time(DAY);
    assert_true(exists(old));
    set_fault(FAULT_ONCE, 1, codes[i]);
    append(t, 10); /* is not even refused */
    assert_true(machine.struck);
    assert_false(exists(old));
    assert_int_equal(stats_of(t).write_errors, 0);
    free_trial(t);
  }
}

static void a_disk_that_stays_full_is_looked_at_once_a_second(void **state) {
  (void)state;
  trial *t = new_timed_trial();
  char old[TRIAL_PATH];
  t->streams[1].retention_ns = DAY * TRIAL_SECOND;
  open_trial(t);
  append(t, 0);
  set_fault(FAULT_SHORT, 1, ENOSPC);
  assert_int_equal(append_to(t, 0, 10, NULL), OA_ERR_IO);
  set_fault(FAULT_NONE, 0, 0);
  make_sealed(t, 1, old);        /* a batch so small that there was room */
  set_fault(FAULT_ONCE, 1, EIO); /* nothing that space would mend */
  assert_int_equal(append_to(t, 0, 10, NULL), OA_ERR_IO);
  set_mtime(old, TRIAL_WALL - 2 * DAY * TRIAL_SECOND);
  set_fault(FAULT_ONCE, 1, EIO);
  assert_int_equal(append_to(t, 0, 10, NULL), OA_ERR_IO);
  assert_true(exists(old));

  t->store->full = true; /* still */
  set_fault(FAULT_ONCE, 1, ENOSPC);
  assert_int_equal(append_to(t, 0, 10, NULL), OA_ERR_IO);
  assert_true(exists(old));
  pass_time(1);
  set_fault(FAULT_ONCE, 1, ENOSPC);
  append(t, 10);
  assert_false(exists(old));
  free_trial(t);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(sealed_files_go_when_their_stream_says_so),
      cmocka_unit_test(the_open_file_stays_however_old_it_is),
      cmocka_unit_test(foreign_names_are_never_touched),
      cmocka_unit_test(earlier_extensions_are_retained_and_removed_alike),
      cmocka_unit_test(the_oldest_go_first_over_all_streams),
      cmocka_unit_test(the_bound_counts_open_files_but_spares_them),
      cmocka_unit_test(within_a_stream_the_counter_decides_not_the_clock),
      cmocka_unit_test(setting_the_clock_does_not_make_files_old),
      cmocka_unit_test(a_file_that_cannot_be_removed_is_counted_and_kept),
      cmocka_unit_test(the_total_size_is_never_passed),
      cmocka_unit_test(open_files_alone_do_not_pass_a_small_total_size),
      cmocka_unit_test(a_full_disk_is_freed_of_old_files_at_once),
      cmocka_unit_test(a_disk_that_stays_full_is_looked_at_once_a_second),
      cmocka_unit_test(retention_runs_at_start_and_while_the_disk_is_full),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
