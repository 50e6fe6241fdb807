/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "store_trial.h"

/* One below a multiple of the end mark: 0x00000000ffffffff as eight
 * little-endian bytes is exactly EOS. */
#define LIKE_EOS INT64_C(4294967295)

static trial_files files;
static trial_rows rows;

/* The bytes of an unsealed file with batches FIRST and SECOND; ENDS are the
 * lengths after the schema and each batch.  Leaves an empty directory. */
static uint8_t *make_unsealed(trial *t, int64_t first, int64_t second,
                              size_t ends[3], char path[TRIAL_PATH]) {
  size_t len;
  oa_store_scan scan;
  open_trial(t);
  append(t, first);
  ends[0] = t->store->streams[0].head.len;
  ends[1] = (size_t)t->store->streams[0].file.length;
  append(t, second);
  ends[2] = (size_t)t->store->streams[0].file.length;
  list_files(t, "traces", ".arrow", &files);
  memcpy(path, files.paths[0], TRIAL_PATH);
  assert_int_equal(oa_store_scan_file(path, &scan, NULL), OA_OK);
  assert_int_equal(scan.batches, 2);
  uint8_t *bytes = read_bytes(path, &len);
  assert_int_equal(len, ends[2]);
  crash_trial(t);
  remove_tree(t->root);
  return bytes;
}

/* Empties the stream's directory, ".sealed" included. */
static void clear_stream(const trial *t) {
  char path[2 * TRIAL_PATH];
  snprintf(path, sizeof path, "%s/traces", t->root);
  DIR *dir = opendir(path);
  const struct dirent *entry;
  assert_non_null(dir);
  while ((entry = readdir(dir)) != NULL) {
    (void)unlinkat(dirfd(dir), entry->d_name, 0); /* not "." and ".." */
  }
  closedir(dir);
}

static void put_torn(const trial *t, const char *path, const uint8_t *bytes,
                     size_t len) {
  char dir[2 * TRIAL_PATH];
  mkdir(t->root, 0750);
  snprintf(dir, sizeof dir, "%s/traces", t->root);
  mkdir(dir, 0750);
  unlink(path); /* ext4 waits for the disk when it is overwritten instead */
  write_bytes(path, bytes, len);
}

/* What a start makes of the first LEN bytes. */
static void check_torn(trial *t, const char *path, const uint8_t *bytes,
                       size_t len, const size_t ends[3]) {
  put_torn(t, path, bytes, len);
  open_trial(t);
  const oa_store_stats stats = stats_of(t);
  close_trial(t);
  if (len < ends[0]) {
    size_t kept;
    list_files(t, "traces", ".arrow", &files);
    assert_int_equal(files.count, 0);
    list_files(t, "traces", ".corrupt", &files);
    assert_int_equal(files.count, 1);
    uint8_t *aside = read_bytes(files.paths[0], &kept);
    assert_int_equal(kept, len);
    assert_memory_equal(aside, bytes, len);
    free(aside);
    assert_int_equal(stats.files_corrupt, 1);
    assert_int_equal(stats.files_now, 0);
  } else {
    read_stream(t, "traces", &rows);
    const size_t whole = len < ends[1] ? 0 : len < ends[2] ? 1 : 2;
    assert_int_equal(rows.count, whole * TRIAL_ROWS);
    assert_int_equal(count_batch(&rows, 0), whole > 0);
    assert_int_equal(count_batch(&rows, 10), whole > 1);
    struct stat at;
    assert_int_equal(stat(path, &at), 0);
    assert_int_equal(at.st_size, ends[whole] + 8);
    assert_int_equal(stats.files_recovered, 1);
    assert_int_equal(stats.files_corrupt, 0);
    assert_int_equal(stats.bytes_now, ends[whole] + 8);
  }
  clear_stream(t);
}

static void a_file_torn_at_any_byte_keeps_its_whole_batches(void **state) {
  (void)state;
  trial *t = new_trial();
  char path[TRIAL_PATH];
  size_t ends[3];
  uint8_t *bytes = make_unsealed(t, 0, 10, ends, path);
  for (size_t len = 0; len <= ends[2]; len++) {
    check_torn(t, path, bytes, len, ends);
  }
  free(bytes);
  free_trial(t);
}

static void a_scan_says_where_whole_messages_end(void **state) {
  (void)state;
  trial *t = new_trial();
  char path[TRIAL_PATH];
  size_t ends[3];
  uint8_t *bytes = make_unsealed(t, 0, 10, ends, path);
  for (size_t len = 0; len <= ends[2]; len++) {
    oa_store_scan scan;
    put_torn(t, path, bytes, len);
    assert_int_equal(oa_store_scan_file(path, &scan, NULL), OA_OK);
    assert_int_equal(scan.size, len);
    assert_true(scan.whole <= len);
    assert_true(scan.complete <= scan.whole);
    assert_int_equal(scan.has_schema, len >= ends[0]);
    assert_int_equal(scan.batches, len < ends[1] ? 0 : len < ends[2] ? 1 : 2);
    assert_int_equal(scan.rows, (int64_t)scan.batches * TRIAL_ROWS);
    assert_false(scan.ended);
    assert_false(scan.damaged);
  }
  free(bytes);
  free_trial(t);
}

static void a_schema_stands_first_and_once(void **state) {
  (void)state;
  trial *t = new_trial();
  char path[TRIAL_PATH];
  size_t ends[3];
  oa_store_scan scan;
  uint8_t *bytes = make_unsealed(t, 0, 10, ends, path);
  put_torn(t, path, bytes + ends[0], ends[1] - ends[0]);
  assert_int_equal(oa_store_scan_file(path, &scan, NULL), OA_OK);
  assert_false(scan.has_schema);
  assert_true(scan.damaged);
  assert_int_equal(scan.whole, 0);

  uint8_t *twice = malloc(2 * ends[2]);
  assert_non_null(twice);
  memcpy(twice, bytes, ends[2]);
  memcpy(twice + ends[2], bytes, ends[2]);
  put_torn(t, path, twice, 2 * ends[2]);
  assert_int_equal(oa_store_scan_file(path, &scan, NULL), OA_OK);
  assert_true(scan.damaged);
  assert_int_equal(scan.whole, ends[2]);
  assert_int_equal(scan.batches, 2);
  free(twice);
  free(bytes);
  free_trial(t);
}

static void a_scan_of_nothing_says_why(void **state) {
  (void)state;
  trial *t = new_trial();
  oa_store_scan scan;
  oa_error error = {0};
  assert_int_equal(oa_store_scan_file("/nonexistent/x.arrow", &scan, &error),
                   OA_ERR_IO);
  assert_non_null(strstr(error.text, "No such file"));
  assert_int_equal(oa_store_scan_file(t->dir, &scan, &error), OA_ERR_IO);
  assert_non_null(strstr(error.text, "not a regular file"));
  free_trial(t);
}

static void a_scan_of_a_large_message_reads_its_metadata_alone(void **state) {
  (void)state;
  enum { ROWS = 200000 };
  trial *t = new_trial();
  oa_field field = {.name = "id", .type = OA_TYPE_INT64};
  const oa_schema schema = {.fields = &field, .field_count = 1};
  int64_t *ids = calloc(ROWS, sizeof *ids);
  const oa_array column = {
      .length = ROWS, .values = ids, .values_size = ROWS * sizeof *ids};
  oa_store_scan scan;
  t->streams[0].schema = &schema;
  open_trial(t);
  for (int i = 0; i < 3; i++) {
    assert_int_equal(oa_store_append(t->store, 0, &column, ROWS, NULL, NULL),
                     OA_OK);
  }
  close_trial(t);
  list_files(t, "traces", ".arrow", &files);
  assert_int_equal(oa_store_scan_file(files.paths[0], &scan, NULL), OA_OK);
  assert_int_equal(scan.rows, 3 * ROWS);
  assert_true(scan.ended);
  assert_int_equal(scan.whole, scan.size);

  /* Cut inside the third. */
  assert_int_equal(truncate(files.paths[0], (off_t)scan.size - 100), 0);
  assert_int_equal(oa_store_scan_file(files.paths[0], &scan, NULL), OA_OK);
  assert_int_equal(scan.rows, 2 * ROWS);
  assert_false(scan.ended);
  assert_false(scan.damaged);
  free(ids);
  free_trial(t);
}

static void values_that_look_like_the_end_fool_nobody(void **state) {
  (void)state;
  static const uint8_t eos[8] = {0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0};
  trial *t = new_trial();
  char path[TRIAL_PATH];
  size_t ends[3];
  size_t cut = 0;
  uint8_t *bytes = make_unsealed(t, 0, LIKE_EOS, ends, path);
  for (size_t i = ends[1]; i + 8 < ends[2]; i++) {
    /* Not the beginning of a message: within a body. */
    if (i % 8 == 0 && memcmp(bytes + i, eos, 8) == 0) {
      cut = i + 8;
    }
  }
  assert_true(cut > 0);
  put_torn(t, path, bytes, cut);
  open_trial(t);
  assert_int_equal(stats_of(t).files_recovered, 1);
  close_trial(t);
  read_stream(t, "traces", &rows);
  assert_int_equal(rows.count, TRIAL_ROWS);
  assert_int_equal(count_batch(&rows, 0), 1);
  free(bytes);
  free_trial(t);
}

static void dictionaries_without_their_batch_are_cut_as_well(void **state) {
  (void)state;
  trial *t = new_trial();
  char path[TRIAL_PATH];
  size_t ends[3];
  oa_store_scan scan = {0};
  uint8_t *bytes = make_unsealed(t, 0, 20, ends, path); /* another dictionary */
  for (size_t len = ends[1] + 1; scan.whole <= ends[1]; len++) {
    assert_true(len < ends[2]);
    put_torn(t, path, bytes, len);
    assert_int_equal(oa_store_scan_file(path, &scan, NULL), OA_OK);
    assert_int_equal(scan.complete, ends[1]);
  }
  open_trial(t);
  close_trial(t);
  struct stat at;
  assert_int_equal(stat(path, &at), 0);
  assert_int_equal(at.st_size, ends[1] + 8);
  free(bytes);
  free_trial(t);
}

static void a_sealed_file_is_not_touched_again(void **state) {
  (void)state;
  trial *t = new_trial();
  struct stat before;
  struct stat after;
  open_trial(t);
  append(t, 0);
  close_trial(t);
  list_files(t, "traces", ".arrow", &files);
  assert_int_equal(stat(files.paths[0], &before), 0);
  const long syncs = machine.syncs;
  open_trial(t);
  assert_int_equal(machine.syncs, syncs);
  assert_int_equal(stats_of(t).files_recovered, 0);
  close_trial(t);
  assert_int_equal(stat(files.paths[0], &after), 0);
  assert_int_equal(before.st_size, after.st_size);
  assert_int_equal(before.st_ctim.tv_nsec, after.st_ctim.tv_nsec);
  free_trial(t);
}

static void a_lost_or_damaged_note_costs_only_time(void **state) {
  (void)state;
  static const char *const notes[] = {"", "otlp-arrow sealed 99",
                                      "otlp-arrow sealed 99x\n", "junk",
                                      "otlp-arrow sealed 9999999999999\n"};
  for (size_t i = 0; i < sizeof notes / sizeof notes[0]; i++) {
    trial *t = new_trial();
    char path[2 * TRIAL_PATH];
    open_trial(t);
    append(t, 0);
    close_trial(t);
    snprintf(path, sizeof path, "%s/traces/%s", t->root, OA_STORE_SEALED_NAME);
    write_bytes(path, notes[i], strlen(notes[i]));
    open_trial(t);
    assert_int_equal(t->store->streams[0].next_seq, 2);
    assert_int_equal(stats_of(t).files_recovered, 0);
    append(t, 10);
    close_trial(t);
    read_stream(t, "traces", &rows);
    assert_int_equal(rows.count, 2 * TRIAL_ROWS);
    free_trial(t);
  }
}

static void a_noted_file_that_was_cut_later_is_mended(void **state) {
  (void)state;
  trial *t = new_trial();
  struct stat at;
  open_trial(t);
  append(t, 0);
  append(t, 10);
  close_trial(t);
  list_files(t, "traces", ".arrow", &files);
  assert_int_equal(stat(files.paths[0], &at), 0);
  assert_int_equal(truncate(files.paths[0], at.st_size - 20), 0);
  open_trial(t);
  assert_int_equal(stats_of(t).files_recovered, 1);
  close_trial(t);
  read_stream(t, "traces", &rows);
  assert_int_equal(rows.count, TRIAL_ROWS);
  free_trial(t);
}

static void damage_behind_whole_batches_is_set_aside_not_lost(void **state) {
  (void)state;
  trial *t = new_trial();
  char path[TRIAL_PATH];
  size_t ends[3];
  size_t len;
  uint8_t *bytes = make_unsealed(t, 0, 10, ends, path);
  memset(bytes + ends[1], 0x55, 16);
  put_torn(t, path, bytes, ends[2]);
  open_trial(t);
  assert_int_equal(stats_of(t).files_corrupt, 1);
  close_trial(t);
  read_stream(t, "traces", &rows);
  assert_int_equal(rows.count, TRIAL_ROWS);
  list_files(t, "traces", ".corrupt", &files);
  assert_int_equal(files.count, 1);
  uint8_t *aside = read_bytes(files.paths[0], &len);
  assert_int_equal(len, ends[2] - ends[1]);
  assert_memory_equal(aside, bytes + ends[1], len);
  free(aside);
  free(bytes);
  free_trial(t);
}

static void zeros_behind_whole_batches_are_no_loss(void **state) {
  (void)state;
  trial *t = new_trial();
  char path[TRIAL_PATH];
  size_t ends[3];
  uint8_t *bytes = make_unsealed(t, 0, 10, ends, path);
  memset(bytes + ends[1], 0, ends[2] - ends[1]);
  put_torn(t, path, bytes, ends[2]);
  open_trial(t);
  assert_int_equal(stats_of(t).files_corrupt, 0);
  close_trial(t);
  read_stream(t, "traces", &rows);
  assert_int_equal(rows.count, TRIAL_ROWS);
  list_files(t, "traces", ".corrupt", &files);
  assert_int_equal(files.count, 0);
  free(bytes);
  free_trial(t);
}

/* A power cut may leave a file its length and not all of its data. */
static void data_that_never_arrived_is_cut_after_a_new_boot(void **state) {
  (void)state;
  static const int32_t end[] = {6, 10}; /* of the texts' offsets */
  static const char boot[] = "1 00000000-0000-0000-0000-000000000000\n";
  for (int rebooted = 0; rebooted < 2; rebooted++) {
    trial *t = new_trial();
    char path[TRIAL_PATH];
    char lock[2 * TRIAL_PATH];
    size_t ends[3];
    size_t at = 0;
    uint8_t *bytes = make_unsealed(t, 0, 10, ends, path);
    for (size_t i = ends[1]; i + sizeof end <= ends[2]; i++) {
      at = memcmp(bytes + i, end, sizeof end) == 0 ? i : at;
    }
    assert_true(at > 0);
    memset(bytes + at, 0, sizeof end);
    put_torn(t, path, bytes, ends[2]);
    if (rebooted) {
      snprintf(lock, sizeof lock, "%s/%s", t->dir, OA_LOCK_NAME);
      write_bytes(lock, boot, sizeof boot - 1);
    }
    open_trial(t);
    /* While the same kernel runs nobody looks: all writes are there. */
    close_trial(t);
    list_files(t, "traces", ".corrupt", &files);
    assert_int_equal(files.count, rebooted);
    oa_store_scan scan;
    assert_int_equal(oa_store_scan_file(path, &scan, NULL), OA_OK);
    assert_int_equal(scan.batches, rebooted ? 1 : 2);
    assert_true(scan.ended);
    free(bytes);
    free_trial(t);
  }
}

static void files_set_aside_do_not_replace_each_other(void **state) {
  (void)state;
  trial *t = new_trial();
  char path[2 * TRIAL_PATH];
  open_trial(t);
  close_trial(t);
  for (int i = 0; i < 3; i++) {
    const char byte = (char)('a' + i);
    snprintf(path, sizeof path, "%s/traces/otlp_traces_20240305_060708_9.arrow",
             t->root);
    write_bytes(path, &byte, 1);
    open_trial(t);
    close_trial(t);
  }
  list_files(t, "traces", "", &files);
  assert_int_equal(files.count, 3);
  for (size_t i = 0; i < 3; i++) {
    size_t len;
    uint8_t *bytes = read_bytes(files.paths[i], &len);
    assert_int_equal(len, 1);
    assert_int_equal(bytes[0], 'a' + i);
    free(bytes);
  }
  assert_int_equal(logged(t, "set aside"), 3);
  free_trial(t);
}

static void random_damage_never_stops_the_start(void **state) {
  (void)state;
  trial *t = new_trial();
  char path[TRIAL_PATH];
  size_t ends[3];
  uint32_t seed = 12345;
  uint8_t *bytes = make_unsealed(t, 0, 10, ends, path);
  uint8_t *copy = malloc(ends[2]);
  for (int i = 0; i < 500; i++) {
    memcpy(copy, bytes, ends[2]);
    for (int k = 0; k < 3; k++) {
      seed = seed * 1664525U + 1013904223U;
      copy[(seed >> 8) % ends[2]] ^= (uint8_t)(1U << (seed >> 29));
    }
    put_torn(t, path, copy, ends[2]);
    open_trial(t);
    append(t, 20);
    close_trial(t);
    oa_store_scan scan;
    list_files(t, "traces", ".arrow", &files);
    for (size_t f = 0; f < files.count; f++) {
      assert_int_equal(oa_store_scan_file(files.paths[f], &scan, NULL), OA_OK);
      assert_true(scan.ended);
    }
    clear_stream(t);
  }
  free(copy);
  free(bytes);
  free_trial(t);
}

static void files_of_the_older_program_are_not_mended(void **state) {
  (void)state;
  trial *t = new_trial();
  char path[2 * TRIAL_PATH];
  size_t len;
  open_trial(t);
  close_trial(t);
  snprintf(path, sizeof path, "%s/traces/otlp_traces_20240305_060708_9.arrows",
           t->root);
  write_bytes(path, "torn", 4);
  open_trial(t);
  assert_int_equal(stats_of(t).files_now, 1);
  close_trial(t);
  free(read_bytes(path, &len));
  assert_int_equal(len, 4);
  free_trial(t);
}

static void a_mended_file_keeps_the_time_of_its_last_write(void **state) {
  (void)state;
  trial *t = new_trial();
  char path[TRIAL_PATH];
  size_t ends[3];
  struct stat at;
  uint8_t *bytes = make_unsealed(t, 0, 10, ends, path);
  put_torn(t, path, bytes, ends[2] - 1);
  const struct timespec times[2] = {{1600000000, 0}, {1600000000, 0}};
  assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
  open_trial(t);
  close_trial(t);
  assert_int_equal(stat(path, &at), 0);
  assert_int_equal(at.st_mtim.tv_sec, 1600000000);
  free(bytes);
  free_trial(t);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_file_torn_at_any_byte_keeps_its_whole_batches),
      cmocka_unit_test(a_scan_says_where_whole_messages_end),
      cmocka_unit_test(a_schema_stands_first_and_once),
      cmocka_unit_test(a_scan_of_nothing_says_why),
      cmocka_unit_test(a_scan_of_a_large_message_reads_its_metadata_alone),
      cmocka_unit_test(values_that_look_like_the_end_fool_nobody),
      cmocka_unit_test(dictionaries_without_their_batch_are_cut_as_well),
      cmocka_unit_test(a_sealed_file_is_not_touched_again),
      cmocka_unit_test(a_lost_or_damaged_note_costs_only_time),
      cmocka_unit_test(a_noted_file_that_was_cut_later_is_mended),
      cmocka_unit_test(damage_behind_whole_batches_is_set_aside_not_lost),
      cmocka_unit_test(zeros_behind_whole_batches_are_no_loss),
      cmocka_unit_test(data_that_never_arrived_is_cut_after_a_new_boot),
      cmocka_unit_test(files_set_aside_do_not_replace_each_other),
      cmocka_unit_test(random_damage_never_stops_the_start),
      cmocka_unit_test(files_of_the_older_program_are_not_mended),
      cmocka_unit_test(a_mended_file_keeps_the_time_of_its_last_write),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
