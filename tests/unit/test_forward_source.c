/* SPDX-License-Identifier: Apache-2.0 */
/* The rows of a stored file: while it grows, from any row on, and whatever
 * becomes of the file meanwhile. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "forward/source.h"
#include "forward_store.h"
#include "store/merge.h"

static oa_purse purse;

static oa_forward_source *open_at(const char *path) {
  oa_forward_source *source;
  oa_error error = {0};
  if (oa_forward_source_open(&source, path, OA_TRACES, &purse, &error) !=
      OA_OK) {
    fail_msg("%s", error.text);
  }
  return source;
}

/* Whether the batch has what it should: rows whose numbers follow FIRST. */
static void check_batch(const oa_forward_batch *batch, int64_t first) {
  const int64_t *times = batch->columns[OA_SPAN_START_TIME].values;
  for (int64_t i = 0; i < batch->rows; i++) {
    assert_int_equal(times[i], first + batch->first + i);
  }
}

/* Reads all rows of SOURCE from ROW on, of a file whose first one is number
 * FIRST; how many there are. */
static int64_t read_all(oa_forward_source *source, int64_t row, int64_t first) {
  oa_forward_batch batch;
  int64_t at = row;
  oa_error error = {0};
  oa_status status;
  while ((status = oa_forward_source_load(source, at, &batch, &error)) ==
         OA_OK) {
    assert_true(batch.first <= at && batch.first + batch.rows > at);
    check_batch(&batch, first);
    at = batch.first + batch.rows;
  }
  assert_int_equal(status, OA_END);
  return at - row;
}

static void the_rows_of_an_open_file_come_as_it_grows(void **state) {
  yard *y = *state;
  yard_files files;
  oa_forward_batch batch;
  yard_append(y, 3);
  yard_list(y, &files);
  oa_forward_source *source = open_at(files.paths[0]);
  int64_t row = 0;
  for (size_t i = 1; i < 40; i++) {
    assert_int_equal(oa_forward_source_load(source, row, &batch, NULL), OA_OK);
    check_batch(&batch, 0);
    row = batch.first + batch.rows;
    assert_int_equal(row, y->next);
    for (int k = 0; k < 3; k++) {
      assert_int_equal(oa_forward_source_load(source, row, &batch, NULL),
                       OA_END);
    }
    yard_append(y, 1 + i % 9);
  }
  yard_seal(y);
  assert_int_equal(read_all(source, row, 0), y->next - row);
  oa_forward_source_close(source);
}

static void any_row_can_be_the_first(void **state) {
  yard *y = *state;
  yard_files files;
  for (size_t i = 0; i < 12; i++) {
    yard_append(y, 1 + i % 5);
  }
  yard_seal(y);
  yard_list(y, &files);
  for (int64_t row = 0; row <= y->next + 2; row++) {
    oa_forward_source *source = open_at(files.paths[0]);
    assert_int_equal(read_all(source, row, 0),
                     row < y->next ? y->next - row : 0);
    oa_forward_source_close(source);
  }
}

static void a_batch_that_was_dropped_is_loaded_again(void **state) {
  yard *y = *state;
  yard_files files;
  oa_forward_batch batch;
  for (size_t i = 0; i < 10; i++) {
    yard_append(y, 10);
  }
  yard_list(y, &files);
  oa_forward_source *source = open_at(files.paths[0]);
  oa_forward_source_drop(source);
  for (int64_t row = 0; row < y->next; row += 5) {
    for (int k = 0; k < 3; k++) {
      assert_int_equal(oa_forward_source_load(source, row, &batch, NULL),
                       OA_OK);
      assert_int_equal(batch.first, row / 10 * 10);
      check_batch(&batch, 0);
      const size_t held = purse.used;
      oa_forward_source_drop(source);
      assert_true(purse.used < held);
    }
  }
  oa_forward_source_close(source);
  oa_forward_source_drop(NULL);
  oa_forward_source_close(NULL);
  assert_int_equal(purse.used, 0);
}

/* A message that is not whole yet, at every byte. */
static void a_torn_tail_is_the_end_until_it_is_whole(void **state) {
  yard *y = *state;
  yard_files files;
  struct stat before;
  struct stat after;
  oa_forward_batch batch;
  yard_append(y, 4);
  yard_list(y, &files);
  const char *path = files.paths[0];
  assert_int_equal(stat(path, &before), 0);
  yard_append(y, 4);
  assert_int_equal(stat(path, &after), 0);
  char copy[YARD_PATH + 8];
  char command[3 * YARD_PATH];
  snprintf(copy, sizeof copy, "%s.copy", path);
  snprintf(command, sizeof command, "cp '%s' '%s'", path, copy);
  assert_int_equal(system(command), 0);
  for (off_t size = after.st_size - 1; size >= before.st_size; size--) {
    assert_int_equal(truncate(copy, size), 0);
    oa_forward_source *source = open_at(copy);
    assert_int_equal(read_all(source, 0, 0), 4);
    assert_int_equal(oa_forward_source_load(source, 4, &batch, NULL), OA_END);
    oa_forward_source_close(source);
  }
  for (off_t size = before.st_size - 1; size >= 0; size -= 7) {
    oa_forward_source *source = NULL;
    oa_error error = {0};
    assert_int_equal(truncate(copy, size), 0);
    const oa_status status =
        oa_forward_source_open(&source, copy, OA_TRACES, &purse, &error);
    if (status == OA_OK) {
      assert_int_equal(read_all(source, 0, 0), 0);
      oa_forward_source_close(source);
    } else {
      assert_int_equal(status, OA_ERR_MALFORMED);
      assert_non_null(strstr(error.text, "schema"));
    }
  }
}

static bool go_on(void *context) {
  (void)context;
  return false;
}

/* The copy with large batches takes the file's place, before and while it is
 * read. */
static void merging_moves_no_row(void **state) {
  yard *y = *state;
  static oa_merge_job job;
  static yard_files files;
  oa_forward_batch batch;
  for (size_t i = 0; i < 30; i++) {
    yard_append(y, 7);
  }
  yard_seal(y);
  yard_list(y, &files);
  job = (oa_merge_job){
      .os = &oa_store_os_default, .max_rows = 100, .stop = go_on};
  snprintf(job.path, sizeof job.path, "%s", files.paths[0]);
  snprintf(job.aside, sizeof job.aside, "%s.aside", files.paths[0]);
  oa_forward_source *source = open_at(job.path);
  assert_int_equal(oa_forward_source_load(source, 60, &batch, NULL), OA_OK);
  assert_int_equal(batch.rows, 7);
  oa_merge_run(&job);
  assert_int_equal(job.end, OA_MERGE_DONE);
  assert_int_equal(rename(job.aside, job.path), 0);
  assert_int_equal(read_all(source, 60, 0), y->next - 60);
  oa_forward_source_close(source);

  source = open_at(job.path);
  assert_int_equal(oa_forward_source_load(source, 60, &batch, NULL), OA_OK);
  assert_true(batch.rows > 60); /* the same row, in another batch */
  assert_int_equal(read_all(source, 60, 0), y->next - 60);
  oa_forward_source_close(source);
}

static void a_file_that_is_removed_is_read_to_its_end(void **state) {
  yard *y = *state;
  yard_files files;
  oa_forward_batch batch;
  oa_forward_source *other;
  oa_error error = {0};
  for (size_t i = 0; i < 5; i++) {
    yard_append(y, 5);
  }
  yard_seal(y);
  yard_list(y, &files);
  oa_forward_source *source = open_at(files.paths[0]);
  assert_int_equal(oa_forward_source_load(source, 0, &batch, NULL), OA_OK);
  assert_int_equal(unlink(files.paths[0]), 0);
  assert_int_equal(
      oa_forward_source_open(&other, files.paths[0], OA_TRACES, &purse, &error),
      OA_ERR_NOT_FOUND);
  assert_int_equal(read_all(source, 5, 0), 20);
  oa_forward_source_close(source);
}

static void what_is_no_file_of_the_signal_is_refused(void **state) {
  yard *y = *state;
  yard_files files;
  oa_forward_source *source;
  oa_error error = {0};
  yard_append(y, 5);
  yard_list(y, &files);
  assert_int_equal(
      oa_forward_source_open(&source, files.paths[0], OA_LOGS, &purse, &error),
      OA_ERR_UNSUPPORTED);
  assert_int_equal(
      oa_forward_source_open(&source, y->root, OA_TRACES, &purse, &error),
      OA_ERR_MALFORMED);
}

/* Bytes that turn, one by one, anywhere: an error or other values, and never
 * more rows. */
static void damage_is_an_error_and_nothing_else(void **state) {
  yard *y = *state;
  yard_files files;
  struct stat info;
  for (size_t i = 0; i < 3; i++) {
    yard_append(y, 3);
  }
  yard_seal(y);
  yard_list(y, &files);
  assert_int_equal(stat(files.paths[0], &info), 0);
  const int fd = open(files.paths[0], O_RDWR);
  assert_true(fd >= 0);
  int refused = 0;
  for (off_t at = 0; at < info.st_size; at += 3) {
    uint8_t byte;
    assert_int_equal(pread(fd, &byte, 1, at), 1);
    const uint8_t other = byte ^ 0x41;
    assert_int_equal(pwrite(fd, &other, 1, at), 1);
    oa_forward_source *source;
    oa_forward_batch batch;
    int64_t row = 0;
    oa_status status = oa_forward_source_open(&source, files.paths[0],
                                              OA_TRACES, &purse, NULL);
    while (status == OA_OK) {
      status = oa_forward_source_load(source, row, &batch, NULL);
      if (status == OA_OK) {
        assert_true(batch.first + batch.rows > row);
        row = batch.first + batch.rows;
      } else {
        oa_forward_source_close(source);
      }
    }
    refused += status != OA_END;
    assert_int_equal(pwrite(fd, &byte, 1, at), 1);
  }
  assert_true(refused > 100);
  close(fd);
}

static void without_memory_it_says_so_and_goes_on(void **state) {
  yard *y = *state;
  yard_files files;
  for (size_t i = 0; i < 4; i++) {
    yard_append(y, 6);
  }
  yard_list(y, &files);
  for (int64_t n = 0;; n++) {
    oa_forward_source *source = NULL;
    oa_forward_batch batch;
    oa_mem_fail_after(n);
    oa_status status = oa_forward_source_open(&source, files.paths[0],
                                              OA_TRACES, &purse, NULL);
    const bool opened = status == OA_OK;
    if (opened) {
      status = oa_forward_source_load(source, 20, &batch, NULL);
    }
    oa_mem_fail_after(-1);
    if (status != OA_OK) {
      assert_int_equal(status, OA_ERR_NOMEM);
    }
    if (opened) { /* the same can be asked again */
      assert_int_equal(oa_forward_source_load(source, 20, &batch, NULL), OA_OK);
      check_batch(&batch, 0);
      oa_forward_source_close(source);
    }
    assert_int_equal(purse.used, 0);
    if (status == OA_OK) {
      assert_true(n > 5);
      break;
    }
  }
}

static int set_up(void **state) {
  purse = (oa_purse){.used = 0};
  *state = new_yard();
  return 0;
}

static int tear_down(void **state) {
  free_yard(*state);
  return 0;
}

#define TEST(NAME) cmocka_unit_test_setup_teardown(NAME, set_up, tear_down)

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(the_rows_of_an_open_file_come_as_it_grows),
      TEST(any_row_can_be_the_first),
      TEST(a_batch_that_was_dropped_is_loaded_again),
      TEST(a_torn_tail_is_the_end_until_it_is_whole),
      TEST(merging_moves_no_row),
      TEST(a_file_that_is_removed_is_read_to_its_end),
      TEST(what_is_no_file_of_the_signal_is_refused),
      TEST(damage_is_an_error_and_nothing_else),
      TEST(without_memory_it_says_so_and_goes_on),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
