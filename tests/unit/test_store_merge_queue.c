/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "merge_trial.h"
#include "store/merge_thread.h"

enum { BATCHES = 12, MAX_CALLS = 5000 };

static trial_files files;

static trial *new_merging_trial(void) {
  trial *t = new_trial();
  t->options.merge = true;
  t->options.merge_rows = 1000;
  t->options.codec = OA_CODING_ZSTD;
  return t;
}

/* Waits until the merger has ended what it does; it says nothing of its own
 * accord. */
static void wait_merger(const trial *t) {
  const struct timespec pause = {.tv_nsec = 1000000};
  for (int i = 0; i < 60000; i++) {
    if (t->store->merging == NULL || !oa_merger_is_busy(t->store->merger)) {
      return;
    }
    nanosleep(&pause, NULL);
  }
  fail_msg("the merger does not end");
}

/* Ticks until nothing waits any more. */
static void merge_all(const trial *t) {
  for (int i = 0; i < 100; i++) {
    oa_store_tick(t->store);
    if (t->store->merging == NULL) {
      return;
    }
    wait_merger(t);
  }
  fail_msg("there is always one more file to merge");
}

/* A sealed file of COUNT batches that begin with FIRST, FIRST + 10, ... */
static void make_file(trial *t, int64_t first, int count) {
  for (int i = 0; i < count; i++) {
    append(t, first + (int64_t)i * 10);
  }
  assert_int_equal(oa_store_seal(t->store, NULL), OA_OK);
}

typedef struct found {
  int64_t ids[TRIAL_MAX_IDS];
  size_t count;
  uint64_t batches;
  size_t files;
} found;

/* All rows of the stream, with each value looked at; every file must be whole
 * and ended. */
static void find_rows(const trial *t, found *out) {
  static const char texts[] = "abcdefghij";
  static const int from[] = {0, 1, 3, 3, 6, 10};
  *out = (found){0};
  list_files(t, "traces", ".arrow", &files);
  for (size_t i = 0; i < files.count; i++) {
    row_reader r;
    rows_open(&r, files.paths[i]);
    while (rows_next(&r)) {
      const int64_t id = ((const int64_t *)r.columns[0].values)[r.row];
      const int64_t k = id % 10;
      const char *kinds = kinds_of(id - k);
      size_t len;
      const uint8_t *kind = oa_array_dict_bytes(&r.columns[1], r.row, &len);
      const bool second = k == 1 || k >= 3;
      assert_int_equal(len, second ? 5 : 4);
      assert_memory_equal(kind, kinds + (second ? 4 : 0), len);
      const uint8_t *text = oa_array_bytes(&r.columns[2], r.row, &len);
      assert_int_equal(len, from[k + 1] - from[k]);
      assert_memory_equal(text, texts + from[k], len);
      assert_true(out->count < TRIAL_MAX_IDS);
      out->ids[out->count++] = id;
    }
    out->batches += r.batches;
    out->files++;
    rows_close(&r);
  }
}

/* Fails unless the rows are those of COUNT batches from 0 on, in order. */
static void expect_rows(const trial *t, int count, found *out) {
  find_rows(t, out);
  assert_int_equal(out->count, count * TRIAL_ROWS);
  for (size_t i = 0; i < out->count; i++) {
    assert_int_equal(out->ids[i], i / TRIAL_ROWS * 10 + i % TRIAL_ROWS);
  }
}

static size_t count_hidden(const trial *t, const char *suffix) {
  char path[2 * TRIAL_PATH];
  size_t count = 0;
  const struct dirent *entry;
  snprintf(path, sizeof path, "%s/traces", t->root);
  DIR *dir = opendir(path);
  assert_non_null(dir);
  while ((entry = readdir(dir)) != NULL) {
    const size_t len = strlen(entry->d_name);
    count += entry->d_name[0] == '.' && len > strlen(suffix) &&
             strcmp(entry->d_name + len - strlen(suffix), suffix) == 0;
  }
  closedir(dir);
  return count;
}

/* --- what happens --- */

static void sealed_files_of_small_batches_become_large_ones(void **state) {
  (void)state;
  static found rows;
  trial *t = new_merging_trial();
  struct stat before;
  struct stat after;
  open_trial(t);
  make_file(t, 0, BATCHES);
  append(t, BATCHES * 10); /* the open file is never touched */
  append(t, BATCHES * 10 + 10);
  list_files(t, "traces", ".arrow", &files);
  assert_int_equal(stat(files.paths[0], &before), 0);
  merge_all(t);
  assert_int_equal(stat(files.paths[0], &after), 0);
  assert_int_not_equal(before.st_ino, after.st_ino);
  assert_int_equal(before.st_mtim.tv_sec, after.st_mtim.tv_sec);
  assert_int_equal(before.st_mtim.tv_nsec, after.st_mtim.tv_nsec);
  assert_true(after.st_size < before.st_size);
  assert_int_equal(stats_of(t).files_merged, 1);
  assert_int_equal(stats_of(t).merge_errors, 0);
  assert_int_equal(stats_of(t).files_now, 2);
  assert_int_equal(logged(t, "60 rows in 1 batches instead of 12"), 1);
  const uint64_t counted = stats_of(t).bytes_now;
  oa_store_sweep(t->store);
  assert_int_equal(stats_of(t).bytes_now, counted);
  close_trial(t);
  expect_rows(t, BATCHES + 2, &rows);
  assert_int_equal(rows.batches, 3);
  free_trial(t);
}

static void switched_off_nothing_of_it_runs(void **state) {
  (void)state;
  static found rows;
  trial *t = new_merging_trial();
  t->options.merge = false;
  open_trial(t);
  make_file(t, 0, BATCHES);
  oa_store_tick(t->store);
  assert_null(t->store->merger);
  close_trial(t);
  expect_rows(t, BATCHES, &rows);
  assert_int_equal(rows.batches, BATCHES);
  assert_int_equal(count_hidden(t, "merged"), 0);
  free_trial(t);
}

static void large_batches_start_no_thread(void **state) {
  (void)state;
  trial *t = new_merging_trial();
  t->options.merge_rows = TRIAL_ROWS;
  open_trial(t);
  oa_store_tick(t->store); /* looks at what the last run has left */
  make_file(t, 0, BATCHES);
  assert_false(t->store->streams[0].merge_look);
  oa_store_tick(t->store);
  assert_null(t->store->merger);
  assert_int_equal(stats_of(t).files_merged, 0);
  free_trial(t);
}

static void files_of_an_earlier_run_are_merged_once(void **state) {
  (void)state;
  static found rows;
  trial *t = new_merging_trial();
  enum { FILES = OA_MERGE_WAITING + 3 };
  open_trial(t);
  for (int i = 0; i < FILES; i++) {
    make_file(t, (int64_t)i * 20, 2);
  }
  append(t, FILES * 20);
  append(t, FILES * 20 + 10);
  crash_trial(t); /* one was open, none was merged */

  open_trial(t);
  merge_all(t);
  assert_int_equal(stats_of(t).files_merged, FILES + 1);
  expect_rows(t, 2 * (FILES + 1), &rows);
  assert_int_equal(rows.files, FILES + 1);
  assert_int_equal(rows.batches, FILES + 1);
  close_trial(t);

  open_trial(t);
  merge_all(t);
  assert_null(t->store->merger); /* there was nothing to look at */
  free_trial(t);
}

static void a_mark_from_the_future_hides_no_file(void **state) {
  (void)state;
  char path[2 * TRIAL_PATH];
  trial *t = new_merging_trial();
  open_trial(t);
  close_trial(t);
  snprintf(path, sizeof path, "%s/traces/.merged", t->root);
  write_bytes(path, "otlp-arrow merged 99999\n", 24);
  open_trial(t);
  make_file(t, 0, BATCHES);
  merge_all(t);
  assert_int_equal(stats_of(t).files_merged, 1);
  free_trial(t);
}

/* --- others have a hand in it --- */

static void start_merging(trial *t) {
  open_trial(t);
  make_file(t, 0, BATCHES);
  list_files(t, "traces", ".arrow", &files);
  oa_store_tick(t->store);
  assert_non_null(t->store->merging);
  wait_merger(t);
  assert_int_equal(count_hidden(t, OA_MERGE_SUFFIX), 1);
}

static void a_file_removed_meanwhile_does_not_come_back(void **state) {
  (void)state;
  trial *t = new_merging_trial();
  t->streams[0].retention_ns = TRIAL_SECOND;
  machine.wall_ns = oa_store_os_default.wall_ns();
  machine.mono_ns = 1000 * TRIAL_SECOND;
  start_merging(t);
  /* By retention, between the copy and the rename. */
  machine.wall_ns += 100 * TRIAL_SECOND;
  machine.mono_ns += 100 * TRIAL_SECOND;
  oa_store_sweep(t->store);
  assert_false(is_there(files.paths[0]));
  oa_store_tick(t->store);
  assert_false(is_there(files.paths[0]));
  assert_int_equal(count_hidden(t, OA_MERGE_SUFFIX), 0);
  assert_int_equal(stats_of(t).files_merged, 0);
  assert_int_equal(stats_of(t).merge_errors, 0);
  assert_int_equal(stats_of(t).files_now, 0);
  free_trial(t);
}

static void a_file_replaced_meanwhile_stays(void **state) {
  (void)state;
  size_t len;
  trial *t = new_merging_trial();
  start_merging(t);
  char path[TRIAL_PATH];
  memcpy(path, files.paths[0], sizeof path);
  assert_int_equal(unlink(path), 0);
  write_bytes(path, "somebody's own", 14);
  oa_store_tick(t->store);
  uint8_t *bytes = read_bytes(path, &len);
  assert_int_equal(len, 14);
  assert_memory_equal(bytes, "somebody's own", 14);
  free(bytes);
  assert_int_equal(count_hidden(t, OA_MERGE_SUFFIX), 0);
  free_trial(t);
}

static void who_has_the_file_open_reads_on_in_the_old_one(void **state) {
  (void)state;
  static found rows;
  trial *t = new_merging_trial();
  size_t len;
  start_merging(t);
  uint8_t *before = read_bytes(files.paths[0], &len);
  const int fd = open(files.paths[0], O_RDONLY | O_CLOEXEC);
  uint8_t *bytes = malloc(len);
  assert_true(fd >= 0);
  assert_non_null(bytes);
  const ssize_t half = (ssize_t)(len / 2);
  assert_int_equal(read(fd, bytes, (size_t)half), half);
  oa_store_tick(t->store);
  assert_int_equal(stats_of(t).files_merged, 1);
  assert_int_equal(read(fd, bytes + half, len - (size_t)half),
                   len - (size_t)half);
  assert_memory_equal(before, bytes, len);
  close(fd);
  free(before);
  free(bytes);
  expect_rows(t, BATCHES, &rows);
  assert_int_equal(rows.batches, 1);
  free_trial(t);
}

static void leftovers_go_at_the_next_start_and_nothing_else(void **state) {
  (void)state;
  static const struct {
    const char *name;
    bool goes;
  } names[] = {
      {".otlp_traces_20240305_060708_000001.arrow.merging", true},
      {".otlp_traces_20240305_060708_7.arrows.merging", true},
      {".otlp_logs_20240305_060708_000001.arrow.merging", false},
      {".otlp_traces_20240305_060708_000001.arrow.mergin", false},
      {".otlp_traces_20240305_060708_000001.txt.merging", false},
      {"otlp_traces_20240305_060708_000001.arrow.merging", false},
      {"..otlp_traces_20240305_060708_000001.arrow.merging", false},
      {".otlp_traces_20240305_060708_000001.arrow.merging.merging", false},
      {".notes.merging", false},
      {".merging", false},
  };
  trial *t = new_merging_trial();
  char path[2 * TRIAL_PATH];
  open_trial(t);
  close_trial(t);
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
    snprintf(path, sizeof path, "%s/traces/%s", t->root, names[i].name);
    write_bytes(path, "half a copy", 11);
  }
  t->options.merge = false; /* whoever made them, they are of no use */
  open_trial(t);
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
    snprintf(path, sizeof path, "%s/traces/%s", t->root, names[i].name);
    if (is_there(path) == names[i].goes) {
      fail_msg("%s", names[i].name);
    }
  }
  free_trial(t);
}

/* --- the end --- */

static void closing_does_not_wait_for_a_merge(void **state) {
  (void)state;
  static found rows;
  trial *t = new_merging_trial();
  t->options.merge_rows = 1 << 20;
  open_trial(t);
  make_file(t, 0, TRIAL_MAX_IDS / TRIAL_ROWS);
  oa_store_tick(t->store);
  assert_non_null(t->store->merging);
  close_trial(t); /* in the middle of it, or a little before or after */
  expect_rows(t, TRIAL_MAX_IDS / TRIAL_ROWS, &rows);
  assert_int_equal(count_hidden(t, OA_MERGE_SUFFIX), 0);

  open_trial(t);
  merge_all(t);
  expect_rows(t, TRIAL_MAX_IDS / TRIAL_ROWS, &rows);
  assert_int_equal(rows.batches, 1);
  free_trial(t);
}

static void a_copy_that_is_ready_is_used_at_the_end(void **state) {
  (void)state;
  static found rows;
  trial *t = new_merging_trial();
  start_merging(t);
  close_trial(t);
  expect_rows(t, BATCHES, &rows);
  assert_int_equal(rows.batches, 1);
  free_trial(t);
}

/* --- trouble --- */

/* Everything from the NTH call on comes to nothing, and then the process is
 * gone: that is what a crash at that call leaves. */
static bool crash_at(long nth) {
  static found rows;
  trial *t = new_merging_trial();
  open_trial(t);
  make_file(t, 0, BATCHES / 2);
  make_file(t, BATCHES * 5, BATCHES / 2);
  set_fault(FAULT_STAY, nth, EIO);
  for (int i = 0; i < 4; i++) {
    oa_store_tick(t->store);
    wait_merger(t);
  }
  oa_store_tick(t->store);
  crash_trial(t);
  const bool struck = machine.struck;
  set_fault(FAULT_NONE, 0, 0);
  expect_rows(t, BATCHES, &rows);

  open_trial(t);
  assert_int_equal(count_hidden(t, OA_MERGE_SUFFIX), 0);
  merge_all(t);
  expect_rows(t, BATCHES, &rows);
  assert_int_equal(rows.files, 2);
  assert_int_equal(rows.batches, 2);
  free_trial(t);
  return struck;
}

static void a_crash_at_any_call_leaves_each_row_once(void **state) {
  (void)state;
  long nth = 1;
  while (crash_at(nth)) {
    nth++;
    assert_true(nth < MAX_CALLS);
  }
  assert_true(nth > 20);
}

/* One call fails, and life goes on. */
static bool fail_at(long nth, int code) {
  static found rows;
  trial *t = new_merging_trial();
  open_trial(t);
  make_file(t, 0, BATCHES / 2);
  make_file(t, BATCHES * 5, BATCHES / 2);
  set_fault(FAULT_ONCE, nth, code);
  for (int i = 0; i < 6; i++) {
    oa_store_tick(t->store);
    wait_merger(t);
  }
  const bool struck = machine.struck;
  set_fault(FAULT_NONE, 0, 0);
  assert_null(t->store->merging); /* it is not tried again and again */
  const oa_store_stats stats = stats_of(t);
  assert_true(stats.merge_errors <= struck);
  assert_int_equal(logged(t, "the file stays as it is"), stats.merge_errors);
  assert_int_equal(stats.files_merged, 2 - stats.merge_errors);
  expect_rows(t, BATCHES, &rows);
  append(t, BATCHES * 10);
  close_trial(t);
  open_trial(t);
  assert_int_equal(count_hidden(t, OA_MERGE_SUFFIX), 0);
  expect_rows(t, BATCHES + 1, &rows);
  free_trial(t);
  return struck;
}

static void a_failing_call_costs_no_row_and_at_most_one_merge(void **state) {
  (void)state;
  static const int codes[] = {ENOSPC, EIO};
  for (size_t i = 0; i < 2; i++) {
    long nth = 1;
    while (fail_at(nth, codes[i])) {
      nth++;
      assert_true(nth < MAX_CALLS);
    }
    assert_true(nth > 20);
  }
}

static void memory_that_runs_out_costs_no_row(void **state) {
  (void)state;
  static found rows;
  uint64_t merged = 0;
  for (int64_t count = 0; merged == 0; count += 1 + count / 8) {
    trial *t = new_merging_trial();
    open_trial(t);
    make_file(t, 0, BATCHES);
    oa_mem_fail_after(count);
    oa_store_tick(t->store);
    wait_merger(t);
    oa_store_tick(t->store);
    wait_merger(t);
    merged = stats_of(t).files_merged;
    oa_mem_fail_after(-1);
    merge_all(t);
    assert_int_equal(stats_of(t).files_merged + stats_of(t).merge_errors, 1);
    assert_int_equal(count_hidden(t, OA_MERGE_SUFFIX), 0);
    expect_rows(t, BATCHES, &rows);
    free_trial(t);
    assert_true(count < MAX_CALLS);
  }
}

static void a_full_disk_has_the_merger_give_up_its_room(void **state) {
  (void)state;
  static found rows;
  trial *t = new_merging_trial();
  t->options.merge_rows = 1 << 20;
  open_trial(t);
  make_file(t, 0, TRIAL_MAX_IDS / TRIAL_ROWS - 1);
  oa_store_tick(t->store);
  assert_non_null(t->store->merging);
  t->store->disk.full = true; /* as a write that failed leaves it */
  assert_false(oa_store_free_room(t->store));
  wait_merger(t);
  oa_store_tick(t->store);
  assert_int_equal(stats_of(t).merge_errors, 0);
  append(t, TRIAL_MAX_IDS / TRIAL_ROWS * 10 - 10); /* there is room again */
  merge_all(t);
  assert_int_equal(stats_of(t).files_merged, 1);
  assert_int_equal(oa_store_seal(t->store, NULL), OA_OK);
  expect_rows(t, TRIAL_MAX_IDS / TRIAL_ROWS, &rows);
  free_trial(t);
}

static void a_small_total_size_leaves_no_room_for_copies(void **state) {
  (void)state;
  trial *t = new_merging_trial();
  t->options.max_total_size = 200000; /* a copy may take 64 KiB and more */
  open_trial(t);
  make_file(t, 0, BATCHES);
  merge_all(t);
  assert_null(t->store->merger);
  assert_int_equal(stats_of(t).files_merged, 0);
  assert_int_equal(stats_of(t).merge_errors, 0);
  t->store->max_total_size = 2000000;
  make_file(t, 1000, BATCHES);
  oa_store_tick(t->store);
  assert_true(t->store->merge_room > 0);
  wait_merger(t);
  merge_all(t);
  assert_int_equal(t->store->merge_room, 0);
  assert_int_equal(stats_of(t).files_merged, 1);
  free_trial(t);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(sealed_files_of_small_batches_become_large_ones),
      cmocka_unit_test(switched_off_nothing_of_it_runs),
      cmocka_unit_test(large_batches_start_no_thread),
      cmocka_unit_test(files_of_an_earlier_run_are_merged_once),
      cmocka_unit_test(a_mark_from_the_future_hides_no_file),
      cmocka_unit_test(a_file_removed_meanwhile_does_not_come_back),
      cmocka_unit_test(a_file_replaced_meanwhile_stays),
      cmocka_unit_test(who_has_the_file_open_reads_on_in_the_old_one),
      cmocka_unit_test(leftovers_go_at_the_next_start_and_nothing_else),
      cmocka_unit_test(closing_does_not_wait_for_a_merge),
      cmocka_unit_test(a_copy_that_is_ready_is_used_at_the_end),
      cmocka_unit_test(a_crash_at_any_call_leaves_each_row_once),
      cmocka_unit_test(a_failing_call_costs_no_row_and_at_most_one_merge),
      cmocka_unit_test(memory_that_runs_out_costs_no_row),
      cmocka_unit_test(a_full_disk_has_the_merger_give_up_its_room),
      cmocka_unit_test(a_small_total_size_leaves_no_room_for_copies),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
