/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>

#include "store_trial.h"

static trial_files files;
static trial_rows rows;

static void nothing_is_made_before_the_first_batch(void **state) {
  (void)state;
  trial *t = new_trial();
  open_trial(t);
  list_files(t, "traces", "", &files);
  assert_int_equal(files.count, 0);
  assert_int_equal(oa_store_append(t->store, 0, NULL, 0, NULL, NULL), OA_OK);
  assert_int_equal(oa_store_sync(t->store, 0, NULL), OA_OK);
  assert_int_equal(oa_store_seal(t->store, NULL), OA_OK);
  list_files(t, "traces", "", &files);
  assert_int_equal(files.count, 0);
  close_trial(t);
  free_trial(t);
}

static void a_batch_is_in_the_file_when_append_returns(void **state) {
  (void)state;
  trial *t = new_trial();
  trial_batch batch;
  uint64_t written = 0;
  open_trial(t);
  assert_int_equal(oa_store_append(t->store, 0, make_batch(&batch, 100),
                                   TRIAL_ROWS, &written, NULL),
                   OA_OK);
  list_files(t, "traces", ".arrow", &files);
  assert_int_equal(files.count, 1);
  rows.count = 0;
  read_rows(files.paths[0], &rows);
  assert_false(rows.ended);
  assert_int_equal(count_batch(&rows, 100), 1);
  size_t len;
  free(read_bytes(files.paths[0], &len));
  assert_int_equal(len, written);
  const oa_store_stats stats = stats_of(t);
  assert_int_equal(stats.bytes_written, written);
  assert_int_equal(stats.batches_written, 1);
  assert_int_equal(stats.files_now, 1);
  assert_int_equal(stats.bytes_now, written);
  assert_int_equal(stats.fsyncs, machine.syncs);
  free_trial(t);
}

static void closing_ends_the_file_with_eos(void **state) {
  (void)state;
  static const uint8_t eos[8] = {0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0};
  trial *t = new_trial();
  open_trial(t);
  append(t, 0);
  append(t, 10);
  const long syncs = machine.syncs;
  close_trial(t);
  /* The file, the directory, the mark of what is sealed. */
  assert_int_equal(machine.syncs - syncs, 3);
  list_files(t, "traces", ".arrow", &files);
  assert_int_equal(files.count, 1);
  size_t len;
  uint8_t *bytes = read_bytes(files.paths[0], &len);
  assert_memory_equal(bytes + len - 8, eos, 8);
  free(bytes);
  read_stream(t, "traces", &rows);
  assert_int_equal(rows.count, 2 * TRIAL_ROWS);
  assert_int_equal(logged(t, "store: sealed otlp_traces_"), 1);
  assert_int_equal(logged(t, "10 rows"), 1);
  free_trial(t);
}

static void streams_have_their_own_directories(void **state) {
  (void)state;
  trial *t = new_trial();
  struct stat at;
  umask(022);
  open_trial(t);
  append(t, 0);
  assert_int_equal(append_to(t, 1, 50, NULL), OA_OK);
  close_trial(t);
  read_stream(t, "logs", &rows);
  assert_int_equal(count_batch(&rows, 50), 1);
  assert_int_equal(rows.count, TRIAL_ROWS);
  list_files(t, "logs", ".arrow", &files);
  assert_int_equal(stat(files.paths[0], &at), 0);
  assert_int_equal(at.st_mode & 0777, 0640);
  assert_int_equal(stat(t->root, &at), 0);
  assert_int_equal(at.st_mode & 0777, 0750);
  free_trial(t);
}

static void a_file_that_reached_its_size_is_sealed(void **state) {
  (void)state;
  trial *t = new_trial();
  open_trial(t);
  append(t, 0);
  const uint64_t one = stats_of(t).bytes_written;
  close_trial(t);

  t->options.max_file_size = one + 1; /* two batches reach it */
  open_trial(t);
  for (int64_t i = 1; i <= 6; i++) {
    append(t, i * 10);
  }
  assert_int_equal(stats_of(t).files_sealed, 3);
  assert_int_equal(stats_of(t).files_now, 4);
  close_trial(t);
  read_stream(t, "traces", &rows);
  assert_int_equal(rows.count, 7 * TRIAL_ROWS);
  for (int64_t i = 0; i <= 6; i++) {
    assert_int_equal(count_batch(&rows, i * 10), 1);
  }
  free_trial(t);
}

static void a_file_is_sealed_by_the_monotonic_clock_alone(void **state) {
  (void)state;
  trial *t = new_trial();
  machine.mono_ns = 1000 * TRIAL_SECOND;
  machine.wall_ns = TRIAL_WALL;
  t->options.max_file_age_ns = 60 * TRIAL_SECOND;
  open_trial(t);
  append(t, 0);
  machine.wall_ns += 3600 * TRIAL_SECOND; /* set by somebody */
  machine.mono_ns += 59 * TRIAL_SECOND;
  oa_store_tick(t->store);
  assert_int_equal(stats_of(t).files_sealed, 0);
  machine.mono_ns += TRIAL_SECOND;
  oa_store_tick(t->store);
  assert_int_equal(stats_of(t).files_sealed, 1);

  append(t, 10); /* and without a tick, by the next append */
  machine.mono_ns += 61 * TRIAL_SECOND;
  append(t, 20);
  assert_int_equal(stats_of(t).files_sealed, 2);
  close_trial(t);
  read_stream(t, "traces", &rows);
  assert_int_equal(rows.count, 3 * TRIAL_ROWS);
  free_trial(t);
}

static void a_file_is_open_for_a_quarter_of_its_retention(void **state) {
  (void)state;
  trial *t = new_trial();
  machine.mono_ns = 1000 * TRIAL_SECOND;
  t->options.max_file_age_ns = 3600 * TRIAL_SECOND;
  t->streams[0].retention_ns = 400 * TRIAL_SECOND;
  open_trial(t);
  append(t, 0);
  machine.mono_ns += 99 * TRIAL_SECOND;
  oa_store_tick(t->store);
  assert_int_equal(stats_of(t).files_sealed, 0);
  machine.mono_ns += TRIAL_SECOND;
  oa_store_tick(t->store);
  assert_int_equal(stats_of(t).files_sealed, 1);
  free_trial(t);
}

static void names_never_collide_when_the_clock_goes_back(void **state) {
  (void)state;
  trial *t = new_trial();
  machine.wall_ns = TRIAL_WALL;
  for (int64_t i = 0; i < 12; i++) {
    open_trial(t); /* a restart each time */
    append(t, i * 10);
    close_trial(t);
    machine.wall_ns = TRIAL_WALL - (uint64_t)(i % 3) * 3600 * TRIAL_SECOND;
  }
  list_files(t, "traces", ".arrow", &files);
  assert_int_equal(files.count, 12);
  read_stream(t, "traces", &rows);
  assert_int_equal(rows.count, 12 * TRIAL_ROWS);
  free_trial(t);
}

static void the_counter_goes_on_when_all_files_are_gone(void **state) {
  (void)state;
  trial *t = new_trial();
  machine.wall_ns = TRIAL_WALL;
  open_trial(t);
  append(t, 0);
  close_trial(t);
  list_files(t, "traces", ".arrow", &files);
  assert_non_null(strstr(files.paths[0], "_000001.arrow"));
  assert_int_equal(unlink(files.paths[0]), 0);
  open_trial(t);
  append(t, 10);
  close_trial(t);
  list_files(t, "traces", ".arrow", &files);
  assert_non_null(strstr(files.paths[0], "_000002.arrow"));
  free_trial(t);
}

static void a_name_that_appeared_meanwhile_is_left_alone(void **state) {
  (void)state;
  trial *t = new_trial();
  char path[2 * TRIAL_PATH];
  size_t len;
  machine.wall_ns = TRIAL_WALL;
  open_trial(t);
  snprintf(path, sizeof path,
           "%s/traces/otlp_traces_20240305_060708_000001.arrow", t->root);
  write_bytes(path, "not ours", 8);
  append(t, 0);
  uint8_t *bytes = read_bytes(path, &len);
  assert_int_equal(len, 8);
  assert_memory_equal(bytes, "not ours", 8);
  free(bytes);
  list_files(t, "traces", "_000002.arrow", &files);
  assert_int_equal(files.count, 1);
  free_trial(t);
}

static void a_removed_directory_is_made_again(void **state) {
  (void)state;
  trial *t = new_trial();
  oa_store *second = NULL;
  open_trial(t);
  append(t, 0);
  remove_tree(t->dir);
  append(t, 10);
  assert_int_equal(logged(t, "x"), 0); /* the log went as well */
  assert_int_equal(stats_of(t).write_errors, 1);
  /* The lock went with the directory and is there again. */
  assert_int_equal(oa_store_open(&second, &t->options, NULL), OA_ERR_IO);
  close_trial(t);
  read_stream(t, "traces", &rows);
  assert_int_equal(rows.count, TRIAL_ROWS);
  assert_int_equal(count_batch(&rows, 10), 1);
  free_trial(t);
}

static void sync_tells_that_a_removed_file_took_batches_along(void **state) {
  (void)state;
  trial *t = new_trial();
  oa_error error = {0};
  open_trial(t);
  append(t, 0);
  list_files(t, "traces", ".arrow", &files);
  assert_int_equal(unlink(files.paths[0]), 0);
  assert_int_equal(oa_store_sync(t->store, 0, &error), OA_ERR_IO);
  assert_non_null(strstr(error.text, "may be lost"));
  assert_int_equal(oa_store_sync(t->store, 0, &error), OA_OK);
  free_trial(t);
}

static void a_file_that_others_changed_is_not_written_on(void **state) {
  (void)state;
  trial *t = new_trial();
  open_trial(t);
  append(t, 0);
  list_files(t, "traces", ".arrow", &files);
  const int fd = open(files.paths[0], O_WRONLY | O_APPEND);
  assert_int_equal(write(fd, "junk", 4), 4);
  close(fd);
  append(t, 10);
  oa_store_tick(t->store); /* mends the first */
  close_trial(t);
  list_files(t, "traces", ".arrow", &files);
  assert_int_equal(files.count, 2);
  read_stream(t, "traces", &rows);
  assert_int_equal(count_batch(&rows, 0), 1);
  assert_int_equal(count_batch(&rows, 10), 1);
  assert_int_equal(logged(t, "another program changed"), 1);
  free_trial(t);
}

static void sync_writes_once_and_only_what_is_new(void **state) {
  (void)state;
  trial *t = new_trial();
  open_trial(t);
  long before = machine.syncs;
  append(t, 0);
  assert_int_equal(machine.syncs, before); /* append never waits for the disk */
  assert_int_equal(oa_store_sync(t->store, 0, NULL), OA_OK);
  assert_int_equal(machine.syncs, before + 2); /* the file and its name */
  append(t, 10);
  assert_int_equal(oa_store_sync(t->store, 0, NULL), OA_OK);
  assert_int_equal(oa_store_sync(t->store, 0, NULL), OA_OK);
  assert_int_equal(machine.syncs, before + 3);
  free_trial(t);
}

static void bad_options_are_refused_with_a_reason(void **state) {
  (void)state;
  trial *t = new_trial();
  oa_error error = {0};
  t->options.extension = "../arrow";
  assert_int_equal(oa_store_open(&t->store, &t->options, &error),
                   OA_ERR_CONFIG);
  assert_non_null(strstr(error.text, "extension"));
  t->options.extension = "arrow";
  t->options.stream_count = OA_STORE_MAX_STREAMS + 1;
  assert_int_equal(oa_store_open(&t->store, &t->options, &error),
                   OA_ERR_CONFIG);
  t->options.stream_count = 2;
  static char longer[OA_PATH_SIZE];
  memset(longer, 'a', sizeof longer - 1);
  t->options.root = longer;
  assert_int_equal(oa_store_open(&t->store, &t->options, &error),
                   OA_ERR_CONFIG);
  assert_non_null(strstr(error.text, "too long"));
  free_trial(t);
}

/* The administrator may write everywhere, so he becomes nobody. */
static void a_directory_that_cannot_be_written_is_named(void **state) {
  (void)state;
  trial *t = new_trial();
  oa_error error = {0};
  const bool admin = geteuid() == 0;
  assert_int_equal(mkdir(t->root, 0555), 0);
  assert_int_equal(chmod(t->dir, 0777), 0);
  assert_int_equal(chmod(t->root, 0555), 0);
  assert_int_equal(admin ? seteuid(65534) : 0, 0);
  const oa_status status = oa_store_open(&t->store, &t->options, &error);
  assert_int_equal(admin ? seteuid(0) : 0, 0);
  assert_int_equal(status, OA_ERR_IO);
  assert_non_null(strstr(error.text, "cannot write into"));
  assert_non_null(strstr(error.text, t->root));
  assert_non_null(strstr(error.text, "Permission denied"));
  assert_non_null(strstr(error.text, "give this user write access"));
  free_trial(t);
}

static void a_file_in_the_place_of_the_directory_is_named(void **state) {
  (void)state;
  trial *t = new_trial();
  oa_error error = {0};
  write_bytes(t->root, "x", 1);
  assert_int_equal(oa_store_open(&t->store, &t->options, &error), OA_ERR_IO);
  assert_non_null(strstr(error.text, "Not a directory; choose a "));
  free_trial(t);
}

/* Reads until it has seen all batches. */
static void *watch_stats(void *context) {
  const trial *t = context;
  uint64_t last = 0;
  while (last < 200) {
    const uint64_t now = stats_of(t).batches_written;
    if (now < last) {
      return context;
    }
    last = now;
  }
  return NULL;
}

static void statistics_may_be_read_by_any_thread(void **state) {
  (void)state;
  trial *t = new_trial();
  pthread_t thread;
  void *failed;
  t->options.max_file_size = 20000;
  open_trial(t);
  assert_int_equal(pthread_create(&thread, NULL, watch_stats, t), 0);
  for (int64_t i = 0; i < 200; i++) {
    append(t, i * 10);
  }
  assert_int_equal(pthread_join(thread, &failed), 0);
  assert_null(failed);
  free_trial(t);
}

static void no_memory_is_survived_everywhere(void **state) {
  (void)state;
  trial *t = new_trial();
  oa_status status = OA_ERR_NOMEM;
  int64_t n = 0;
  open_trial(t); /* so that there is something to list */
  append(t, 1000);
  close_trial(t);
  for (; status != OA_OK; n++) {
    assert_true(n < 1000);
    oa_mem_fail_after(n);
    status = oa_store_open_with(&t->store, &t->options, &trial_os, NULL);
    assert_true(status == OA_OK || status == OA_ERR_NOMEM);
  }
  assert_true(n > 3);
  status = OA_ERR_NOMEM;
  for (n = 0; status != OA_OK; n++) {
    assert_true(n < 1000);
    oa_mem_fail_after(n);
    status = append_to(t, 0, 0, NULL);
    assert_true(status == OA_OK || status == OA_ERR_NOMEM);
  }
  assert_true(n > 1);
  for (n = 0; n < 20; n++) {
    oa_mem_fail_after(n);
    machine.mono_ns = trial_mono() + 3600 * TRIAL_SECOND;
    oa_store_tick(t->store);
  }
  oa_mem_fail_after(-1);
  close_trial(t);
  read_stream(t, "traces", &rows);
  assert_int_equal(rows.count, 2 * TRIAL_ROWS);
  free_trial(t);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(nothing_is_made_before_the_first_batch),
      cmocka_unit_test(a_batch_is_in_the_file_when_append_returns),
      cmocka_unit_test(closing_ends_the_file_with_eos),
      cmocka_unit_test(streams_have_their_own_directories),
      cmocka_unit_test(a_file_that_reached_its_size_is_sealed),
      cmocka_unit_test(a_file_is_sealed_by_the_monotonic_clock_alone),
      cmocka_unit_test(a_file_is_open_for_a_quarter_of_its_retention),
      cmocka_unit_test(names_never_collide_when_the_clock_goes_back),
      cmocka_unit_test(the_counter_goes_on_when_all_files_are_gone),
      cmocka_unit_test(a_name_that_appeared_meanwhile_is_left_alone),
      cmocka_unit_test(a_removed_directory_is_made_again),
      cmocka_unit_test(sync_tells_that_a_removed_file_took_batches_along),
      cmocka_unit_test(a_file_that_others_changed_is_not_written_on),
      cmocka_unit_test(sync_writes_once_and_only_what_is_new),
      cmocka_unit_test(bad_options_are_refused_with_a_reason),
      cmocka_unit_test(a_directory_that_cannot_be_written_is_named),
      cmocka_unit_test(a_file_in_the_place_of_the_directory_is_named),
      cmocka_unit_test(statistics_may_be_read_by_any_thread),
      cmocka_unit_test(no_memory_is_survived_everywhere),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
