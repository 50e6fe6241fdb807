/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "merge_trial.h"
#include "otlp/otlp.h"
#include "otlp/schema.h"

enum { MAX_TRIES = 5000, SEEDS = 4, LEFT_SIZE = 15 };

static void run_and_expect(merge_trial *t, oa_merge_end end) {
  oa_merge_run(t->job);
  if (t->job->end != end) {
    fail_msg("ended with %d instead of %d: %s", t->job->end, end,
             t->job->error.text);
  }
  assert_file_as_kept(t);
  assert_int_equal(is_there(t->job->aside), end == OA_MERGE_DONE);
}

/* --- what comes out --- */

static void merge_samples(oa_signal signal, oa_coding from, oa_coding to,
                          uint64_t seed) {
  merge_trial *t = new_merge_trial();
  file_shape before;
  file_shape after;
  t->job->codec = to;
  write_samples(t->job->path, oa_otlp_schema(signal), from, seed, 60, 40);
  keep_file(t);
  run_and_expect(t, OA_MERGE_DONE);
  assert_same_rows(t->job->path, t->job->aside, &before, &after);
  assert_int_equal(before.batches, 60);
  assert_int_equal(before.batches, t->job->batches_before);
  assert_int_equal(after.batches, t->job->batches_after);
  assert_int_equal(after.batches, (before.rows + 999) / 1000);
  assert_true(after.largest <= 1000);
  assert_int_equal(after.rows, t->job->rows);
  free_merge_trial(t);
}

static void all_rows_and_the_schema_stay_as_they_are(void **state) {
  (void)state;
  static const oa_coding codecs[] = {OA_CODING_NONE, OA_CODING_LZ4,
                                     OA_CODING_ZSTD};
  for (int signal = 0; signal < OA_SIGNAL_COUNT; signal++) {
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
      merge_samples((oa_signal)signal, codecs[seed % 3], OA_CODING_ZSTD, seed);
    }
    merge_samples((oa_signal)signal, OA_CODING_NONE, OA_CODING_NONE, 77);
    merge_samples((oa_signal)signal, OA_CODING_LZ4, OA_CODING_LZ4, 78);
  }
}

static void the_time_of_last_write_and_the_mode_stay(void **state) {
  (void)state;
  merge_trial *t = new_merge_trial();
  const struct timespec times[2] = {{.tv_sec = 1000, .tv_nsec = 1},
                                    {.tv_sec = 2000, .tv_nsec = 123456000}};
  struct stat at;
  write_samples(t->job->path, oa_otlp_schema(OA_LOGS), OA_CODING_ZSTD, 5, 20,
                10);
  assert_int_equal(chmod(t->job->path, 0604), 0);
  assert_int_equal(utimensat(AT_FDCWD, t->job->path, times, 0), 0);
  keep_file(t);
  run_and_expect(t, OA_MERGE_DONE);
  assert_int_equal(stat(t->job->aside, &at), 0);
  assert_int_equal(at.st_mtim.tv_sec, 2000);
  assert_int_equal(at.st_mtim.tv_nsec, 123456000);
  assert_int_equal(at.st_mode & 07777, 0604);
  assert_int_equal(at.st_size, t->job->size);
  free_merge_trial(t);
}

static void large_rows_make_batches_of_bounded_memory(void **state) {
  (void)state;
  enum { ROWS = 20, SIZE = 512 << 10, BATCHES = 8 };
  static const oa_field fields[] = {{.name = "text", .type = OA_TYPE_UTF8}};
  static const oa_schema schema = {.fields = fields, .field_count = 1};
  merge_trial *t = new_merge_trial();
  char *text = malloc((size_t)ROWS * SIZE);
  int32_t offsets[ROWS + 1] = {0};
  assert_non_null(text);
  memset(text, 'x', (size_t)ROWS * SIZE);
  for (int32_t i = 0; i < ROWS; i++) {
    offsets[i + 1] = (i + 1) * SIZE;
  }
  const oa_array column = {.length = ROWS,
                           .offsets = offsets,
                           .values = text,
                           .values_size = (size_t)ROWS * SIZE};
  const oa_array *batches[BATCHES];
  for (size_t i = 0; i < BATCHES; i++) {
    batches[i] = &column;
  }
  oa_buf stream =
      sample_stream(&schema, OA_CODING_ZSTD, batches, BATCHES, ROWS);
  write_bytes(t->job->path, stream.data, stream.len);
  oa_buf_free(&stream);
  keep_file(t);
  /* Of batches of 10 MiB no two go into one of 16, though rows alone would
   * allow it for all: the file stays. */
  run_and_expect(t, OA_MERGE_NO_NEED);
  assert_int_equal(t->job->batches_after, BATCHES);
  free(text);
  free_merge_trial(t);
}

/* --- what is better left alone --- */

static void large_batches_stay(void **state) {
  (void)state;
  assert_false(oa_merge_pays(0, 0, 0, 100));
  assert_false(oa_merge_pays(1, 5, 100, 100));
  assert_true(oa_merge_pays(2, 100, 100, 100));
  assert_false(oa_merge_pays(2, 101, 100, 100));
  assert_false(oa_merge_pays(3, 101, 100, 100));
  assert_true(oa_merge_pays(4, 200, 100, 100));
  assert_false(oa_merge_pays(4, 201, 100, 100));
  assert_false(oa_merge_pays(100, 200, UINT64_C(1) << 30, 100));
  assert_false(oa_merge_pays(100, 200, 100, 0));
  assert_true(oa_merge_pays(UINT64_MAX, INT64_MAX, UINT64_MAX, INT64_MAX));

  merge_trial *t = new_merge_trial();
  write_samples(t->job->path, oa_otlp_schema(OA_LOGS), OA_CODING_ZSTD, 5, 4,
                10);
  keep_file(t);
  t->job->max_rows = 5;
  run_and_expect(t, OA_MERGE_NO_NEED);
  free_merge_trial(t);
}

static void what_a_table_cannot_hold_as_it_is_stays(void **state) {
  (void)state;
  merge_trial *t = new_merge_trial();
  /* Every type there is, nullable lists among them. */
  write_samples(t->job->path, &sample_schema, OA_CODING_NONE, 3, 20, 10);
  keep_file(t);
  run_and_expect(t, OA_MERGE_NO_NEED);

  static const oa_field fields[] = {{.name = "text", .type = OA_TYPE_UTF8}};
  static const oa_schema schema = {.fields = fields, .field_count = 1};
  static const int32_t offsets[] = {0, 2, 3};
  const oa_array good = {
      .length = 2, .offsets = offsets, .values = "abc", .values_size = 3};
  oa_array bad = good;
  bad.values =
      "a\xff"
      "c"; /* no UTF-8: a table would mend it */
  const oa_array *batches[] = {&good, &bad};
  oa_buf stream = sample_stream(&schema, OA_CODING_NONE, batches, 2, 2);
  write_bytes(t->job->path, stream.data, stream.len);
  oa_buf_free(&stream);
  keep_file(t);
  run_and_expect(t, OA_MERGE_NO_NEED);

  static const uint8_t holes[] = {1};
  oa_array null = good;
  null.validity = holes; /* a null where the schema allows none */
  null.null_count = 1;
  batches[1] = &null;
  stream = sample_stream(&schema, OA_CODING_NONE, batches, 2, 2);
  write_bytes(t->job->path, stream.data, stream.len);
  oa_buf_free(&stream);
  keep_file(t);
  run_and_expect(t, OA_MERGE_NO_NEED);
  free_merge_trial(t);
}

static void a_file_that_is_not_whole_stays(void **state) {
  (void)state;
  merge_trial *t = new_merge_trial();
  size_t len;
  oa_merge_run(t->job);
  assert_int_equal(t->job->end, OA_MERGE_NO_NEED); /* it is not there */
  write_samples(t->job->path, oa_otlp_schema(OA_TRACES), OA_CODING_LZ4, 9, 6,
                4);
  uint8_t *bytes = read_bytes(t->job->path, &len);
  for (size_t cut = 0; cut < len; cut += 1 + cut / 16) {
    write_bytes(t->job->path, bytes, cut);
    keep_file(t);
    run_and_expect(t, OA_MERGE_NO_NEED);
  }
  write_bytes(t->job->path, bytes, len - 8); /* no end mark */
  keep_file(t);
  run_and_expect(t, OA_MERGE_NO_NEED);
  bytes = realloc(bytes, len + 8);
  assert_non_null(bytes);
  memset(bytes + len, 0, 8); /* something behind it */
  write_bytes(t->job->path, bytes, len + 8);
  keep_file(t);
  run_and_expect(t, OA_MERGE_NO_NEED);
  free(bytes);
  free_merge_trial(t);
}

static void a_damaged_byte_never_harms_more_than_its_file_had(void **state) {
  (void)state;
  merge_trial *t = new_merge_trial();
  size_t len;
  size_t done = 0;
  size_t failed = 0;
  write_samples(t->job->path, oa_otlp_schema(OA_LOGS), OA_CODING_LZ4, 11, 4, 4);
  uint8_t *bytes = read_bytes(t->job->path, &len);
  for (size_t i = 0; i < len; i += 17) {
    bytes[i] ^= (uint8_t)(1U << (i % 8));
    write_bytes(t->job->path, bytes, len);
    keep_file(t);
    oa_merge_run(t->job);
    assert_file_as_kept(t);
    assert_int_equal(is_there(t->job->aside), t->job->end == OA_MERGE_DONE);
    if (t->job->end == OA_MERGE_DONE) {
      /* What readers see is what they saw before. */
      file_shape before;
      file_shape after;
      assert_same_rows(t->job->path, t->job->aside, &before, &after);
      assert_int_equal(unlink(t->job->aside), 0);
      done++;
    } else if (t->job->end == OA_MERGE_FAILED) {
      assert_true(strlen(t->job->error.text) > 0);
      failed++;
    }
    bytes[i] ^= (uint8_t)(1U << (i % 8));
  }
  assert_true(done > 0 && failed > 0);
  free(bytes);
  free_merge_trial(t);
}

/* --- what fails --- */

/* True when the NTH call was made. */
static bool survive(trial_fault fault, long nth, int code) {
  merge_trial *t = new_merge_trial();
  write_samples(t->job->path, oa_otlp_schema(OA_LOGS), OA_CODING_ZSTD, 5, 30,
                20);
  write_bytes(t->job->aside, "left by a crash", LEFT_SIZE);
  keep_file(t);
  set_fault(fault, nth, code);
  oa_merge_run(t->job);
  const bool struck = machine.struck;
  set_fault(FAULT_NONE, 0, 0);
  assert_file_as_kept(t);
  if (t->job->end == OA_MERGE_DONE) {
    file_shape before;
    file_shape after;
    assert_true(!struck || code == EINTR);
    assert_same_rows(t->job->path, t->job->aside, &before, &after);
  } else {
    assert_int_equal(t->job->end, OA_MERGE_FAILED);
    assert_true(struck);
    assert_true(strlen(t->job->error.text) > 0);
    /* What cannot be removed is left, and what was not come to. */
    struct stat at;
    assert_true(lstat(t->job->aside, &at) != 0 || fault == FAULT_STAY ||
                at.st_size == LEFT_SIZE);
  }
  free_merge_trial(t);
  return struck;
}

static void a_call_that_fails_leaves_the_file_and_no_copy(void **state) {
  (void)state;
  static const int codes[] = {ENOSPC, EIO, EDQUOT, EINTR};
  static const trial_fault faults[] = {FAULT_ONCE, FAULT_STAY, FAULT_SHORT};
  for (size_t f = 0; f < 3; f++) {
    for (size_t c = 0; c < 4; c++) {
      long nth = 1;
      /* What is interrupted for ever is not what happens. */
      while ((codes[c] != EINTR || faults[f] == FAULT_ONCE) &&
             survive(faults[f], nth, codes[c])) {
        nth++;
        assert_true(nth < MAX_TRIES);
      }
      assert_true(nth > 8 || codes[c] == EINTR);
    }
  }
}

static void memory_that_runs_out_leaves_the_file_and_no_copy(void **state) {
  (void)state;
  merge_trial *t = new_merge_trial();
  write_samples(t->job->path, oa_otlp_schema(OA_METRICS), OA_CODING_ZSTD, 5, 10,
                20);
  keep_file(t);
  int64_t count = 0;
  do {
    oa_mem_fail_after(count);
    count += 1 + count / 16;
    oa_merge_run(t->job);
    oa_mem_fail_after(-1);
    assert_file_as_kept(t);
    assert_int_equal(is_there(t->job->aside), t->job->end == OA_MERGE_DONE);
    if (t->job->end != OA_MERGE_DONE) {
      assert_int_equal(t->job->end, OA_MERGE_FAILED);
      assert_true(strlen(t->job->error.text) > 0);
    }
    assert_true(count < MAX_TRIES);
  } while (t->job->end != OA_MERGE_DONE);
  assert_true(count > 20);
  free_merge_trial(t);
}

static bool stop_later(void *context) {
  int64_t *left = context;
  return --*left < 0;
}

static void it_stops_whenever_it_is_told_to(void **state) {
  (void)state;
  merge_trial *t = new_merge_trial();
  int64_t asked = 0;
  int64_t left;
  write_samples(t->job->path, oa_otlp_schema(OA_LOGS), OA_CODING_ZSTD, 5, 30,
                20);
  keep_file(t);
  t->job->stop = stop_later;
  t->job->context = &left;
  do {
    left = asked;
    oa_merge_run(t->job);
    assert_file_as_kept(t);
    assert_int_equal(is_there(t->job->aside), t->job->end == OA_MERGE_DONE);
    assert_true(t->job->end == OA_MERGE_DONE ||
                t->job->end == OA_MERGE_STOPPED);
    asked += 1 + asked / 8;
    assert_true(asked < 1000000);
  } while (t->job->end != OA_MERGE_DONE);
  assert_true(asked > 30); /* each message at least */
  free_merge_trial(t);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(all_rows_and_the_schema_stay_as_they_are),
      cmocka_unit_test(the_time_of_last_write_and_the_mode_stay),
      cmocka_unit_test(large_rows_make_batches_of_bounded_memory),
      cmocka_unit_test(large_batches_stay),
      cmocka_unit_test(what_a_table_cannot_hold_as_it_is_stays),
      cmocka_unit_test(a_file_that_is_not_whole_stays),
      cmocka_unit_test(a_damaged_byte_never_harms_more_than_its_file_had),
      cmocka_unit_test(a_call_that_fails_leaves_the_file_and_no_copy),
      cmocka_unit_test(memory_that_runs_out_leaves_the_file_and_no_copy),
      cmocka_unit_test(it_stops_whenever_it_is_told_to),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
