/* SPDX-License-Identifier: Apache-2.0 */
/* Forwarding over a store: what faults of disk, memory and other people do to
 * it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <uv.h>

#include "base/clock.h"
#include "forward/forward.h"
#include "forward_store.h"
#include "wait_for.h"

#define MS UINT64_C(1000000)

enum { CATCH_MOST = 100000 };

typedef struct catcher {
  uv_mutex_t lock;
  int64_t seen[CATCH_MOST];
  size_t count;
  bool refuse; /* for now */
} catcher;

static catcher catch;

static oa_status deliver(void *context, oa_signal signal,
                         const struct ArrowSchema *schema,
                         const struct ArrowArray *batch,
                         uint32_t *retry_after_ms, oa_error *error) {
  catcher *c = context;
  const struct ArrowArray *times = batch->children[OA_SPAN_START_TIME];
  const int64_t *values = times->buffers[1];
  (void)signal, (void)schema, (void)retry_after_ms, (void)error;
  uv_mutex_lock(&c->lock);
  const bool refuse = c->refuse;
  for (int64_t i = 0; !refuse && i < batch->length; i++) {
    c->seen[c->count++] = values[times->offset + i];
  }
  uv_mutex_unlock(&c->lock);
  return refuse ? OA_ERR_BUSY : OA_OK;
}

static void set_refuse(bool refuse) {
  uv_mutex_lock(&catch.lock);
  catch.refuse = refuse;
  uv_mutex_unlock(&catch.lock);
}

static size_t caught(void) {
  uv_mutex_lock(&catch.lock);
  const size_t count = catch.count;
  uv_mutex_unlock(&catch.lock);
  return count;
}

/* It has the spans FIRST to END - 1 behind the SKIP that it had before. */
static void assert_caught(size_t skip, int64_t first, int64_t end) {
  assert_int_equal(caught() - skip, end - first);
  for (int64_t i = first; i < end; i++) {
    assert_int_equal(catch.seen[skip + (size_t)(i - first)], i);
  }
}

static oa_forward_options options_of(const yard *y) {
  return (oa_forward_options){
      .root = y->root,
      .prefix = "otlp",
      .extension = "arrow",
      .exporter = {.context = &catch, .deliver = deliver},
      .circuit = {.failure_threshold = 1000000,
                  .success_threshold = 1,
                  .open_ms = 1,
                  .max_probes = 1},
      .retry = {.initial_ns = 2 * MS, .max_ns = 5 * MS}};
}

static oa_forward *begin(yard *y) {
  const oa_forward_options options = options_of(y);
  oa_forward *forward;
  oa_error error = {0};
  if (oa_forward_start(&forward, &options, y->store, &error) != OA_OK) {
    fail_msg("%s", error.text);
  }
  return forward;
}

static oa_forward_counts end(yard *y, oa_forward *forward) {
  oa_forward_stats stats;
  yard_seal(y);
  oa_forward_stop(forward, oa_clock_monotonic_ns() + 30000 * MS);
  oa_forward_get_stats(forward, &stats);
  oa_forward_free(forward);
  yard_close(y);
  return stats.signals[OA_TRACES];
}

/* --- */

static void a_power_cut_that_takes_a_file_has_nothing_sent_twice(void **state) {
  yard *y = *state;
  yard_files files;
  char command[2 * YARD_PATH];
  oa_forward *forward = begin(y);
  yard_append(y, 10);
  yard_seal(y);
  snprintf(command, sizeof command, "cp '%s/traces/.sealed' '%s/kept'", y->root,
           y->dir);
  assert_int_equal(system(command), 0);
  uv_sleep(1100); /* the next one has another time in its name */
  yard_append(y, 10);
  end(y, forward);
  assert_caught(0, 0, 20);
  yard_list(y, &files);
  assert_int_equal(files.count, 2);
  assert_int_equal(unlink(files.paths[1]), 0);
  snprintf(command, sizeof command, "cp '%s/kept' '%s/traces/.sealed'", y->dir,
           y->root);
  assert_int_equal(system(command), 0);
  uv_sleep(1100);
  yard_open(y);
  forward = begin(y);
  yard_append(y, 10);
  end(y, forward);
  yard_list(y, &files);
  assert_int_equal(files.count, 2);
  assert_non_null(strstr(files.paths[1], "_000002.")); /* again that number */
  assert_caught(20, 20, 30);
}

static void a_directory_that_was_emptied_is_begun_again(void **state) {
  yard *y = *state;
  char command[2 * YARD_PATH];
  oa_forward *forward = begin(y);
  for (int i = 0; i < 5; i++) {
    yard_append(y, 2);
    yard_seal(y);
  }
  end(y, forward);
  assert_caught(0, 0, 10);
  uv_sleep(1100);
  snprintf(command, sizeof command, "rm -r '%s/traces'", y->root);
  assert_int_equal(system(command), 0);
  set_refuse(true);
  yard_open(y);
  forward = begin(y);
  yard_append(y, 10);
  yard_append(y, 10);
  end(y, forward);
  assert_int_equal(caught(), 10);
  set_refuse(false);
  yard_open(y);
  forward = begin(y);
  yard_append(y, 5);
  end(y, forward);
  assert_caught(10, 10, 35);
}

static void what_a_crash_leaves_unsealed_is_sent(void **state) {
  yard *y = *state;
  set_refuse(true);
  oa_forward *forward = begin(y);
  yard_append(y, 10);
  yard_append(y, 10);
  oa_forward_stop(forward, 0);
  oa_forward_free(forward);
  oa_series_free(&y->store->streams[OA_TRACES]); /* as a crash would */
  yard_close(y);
  set_refuse(false);
  yard_open(y);
  forward = begin(y);
  yard_append(y, 10);
  end(y, forward);
  assert_caught(0, 0, 30);
}

static void files_that_others_remove_or_spoil_are_counted(void **state) {
  yard *y = *state;
  yard_files files;
  set_refuse(true);
  oa_forward *forward = begin(y);
  for (int i = 0; i < 5; i++) {
    yard_append(y, 10);
    yard_append(y, 10);
    yard_seal(y);
  }
  yard_list(y, &files);
  assert_int_equal(files.count, 5);
  assert_int_equal(unlink(files.paths[2]), 0);
  assert_int_equal(truncate(files.paths[3], 100), 0);
  struct stat info;
  assert_int_equal(stat(files.paths[4], &info), 0);
  /* All of its first batch, and a part of the second. */
  assert_int_equal(truncate(files.paths[4], info.st_size - 50), 0);
  set_refuse(false);
  WAIT_FOR(caught() == 50);
  oa_forward_stats stats;
  WAIT_FOR((oa_forward_get_stats(forward, &stats),
            stats.signals[OA_TRACES].waiting == 0));
  yard_append(y, 10);
  const oa_forward_counts counts = end(y, forward);
  assert_int_equal(counts.delivered, 60);
  assert_int_equal(counts.lost, 50);
  for (size_t i = 0; i < 60; i++) {
    assert_int_equal(catch.seen[i], i < 40 ? i : i < 50 ? i + 40 : i + 50);
  }
}

/* --- disk --- */

static int no_sync(int fd) {
  (void)fd;
  errno = EIO;
  return -1;
}

static void when_the_position_cannot_be_kept_rows_come_twice(void **state) {
  yard *y = *state;
  oa_store_os os = oa_store_os_default;
  oa_forward *forward = begin(y);
  yard_append(y, 10);
  end(y, forward);
  yard_open(y);
  oa_forward_options options = options_of(y);
  os.fdatasync = no_sync;
  options.os = &os;
  assert_int_equal(oa_forward_start(&forward, &options, y->store, NULL), OA_OK);
  yard_append(y, 10);
  WAIT_FOR(caught() == 20);
  end(y, forward);
  yard_open(y);
  forward = begin(y);
  end(y, forward);
  assert_int_equal(caught(), 30);
  for (int64_t i = 0; i < 30; i++) {
    assert_int_equal(catch.seen[i], i < 20 ? i : i - 10);
  }
}

/* --- memory --- */

static void a_start_without_memory_says_so(void **state) {
  yard *y = *state;
  const oa_forward_options options = options_of(y);
  yard_append(y, 10);
  yard_seal(y);
  oa_forward_free(NULL);
  oa_forward_stop(NULL, 0);
  for (int64_t n = 0;; n++) {
    oa_forward *forward = NULL;
    oa_error error = {0};
    oa_mem_fail_after(n);
    const oa_status status =
        oa_forward_start(&forward, &options, y->store, &error);
    oa_mem_fail_after(-1);
    if (status == OA_OK) {
      assert_true(n > 1);
      oa_forward_stop(forward, 0);
      oa_forward_free(forward);
      break;
    }
    assert_int_equal(status, OA_ERR_NOMEM);
    assert_true(error.text[0] != '\0');
  }
}

static void (*true_grew)(void *context, size_t stream, const oa_name *name,
                         int64_t rows, bool open);
static int starved;

/* The first files are told of when there is no memory to note them. */
static void grew_starved(void *context, size_t stream, const oa_name *name,
                         int64_t rows, bool open) {
  if (starved > 0) {
    starved--;
    oa_mem_fail_after(0);
  }
  true_grew(context, stream, name, rows, open);
  oa_mem_fail_after(-1);
}

static void a_file_that_could_not_be_noted_is_found_again(void **state) {
  yard *y = *state;
  oa_forward *forward = begin(y);
  true_grew = y->store->watch.grew;
  y->store->watch.grew = grew_starved;
  starved = 3;
  for (int i = 0; i < 10; i++) {
    yard_append(y, 10);
    yard_append(y, 10);
    if (i % 2 == 1) {
      yard_seal(y);
    }
  }
  WAIT_FOR(caught() == 200);
  end(y, forward);
  assert_caught(0, 0, 200);
}

/* Allocations of the thread fail at any time; it only takes longer. */
static void without_memory_now_and_then_all_is_sent(void **state) {
  yard *y = *state;
  set_refuse(true);
  oa_forward *forward = begin(y);
  for (int i = 0; i < 5; i++) {
    yard_append(y, 10);
    yard_append(y, 10);
    yard_append(y, 10);
    yard_seal(y);
  }
  oa_mem_fail_after(0);
  set_refuse(false);
  for (int64_t n = 0; n < 40; n++) {
    uv_sleep(5);
    oa_mem_fail_after(n % 13);
  }
  oa_mem_fail_after(-1);
  WAIT_FOR(caught() == 150);
  end(y, forward);
  assert_caught(0, 0, 150);
}

static int set_up(void **state) {
  memset(&catch, 0, sizeof catch);
  assert_int_equal(uv_mutex_init(&catch.lock), 0);
  *state = new_yard();
  return 0;
}

static int tear_down(void **state) {
  free_yard(*state);
  uv_mutex_destroy(&catch.lock);
  return 0;
}

#define TEST(NAME) cmocka_unit_test_setup_teardown(NAME, set_up, tear_down)

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(a_power_cut_that_takes_a_file_has_nothing_sent_twice),
      TEST(a_directory_that_was_emptied_is_begun_again),
      TEST(what_a_crash_leaves_unsealed_is_sent),
      TEST(files_that_others_remove_or_spoil_are_counted),
      TEST(when_the_position_cannot_be_kept_rows_come_twice),
      TEST(a_start_without_memory_says_so),
      TEST(a_file_that_could_not_be_noted_is_found_again),
      TEST(without_memory_now_and_then_all_is_sent),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
