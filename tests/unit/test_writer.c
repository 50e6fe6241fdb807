/* SPDX-License-Identifier: Apache-2.0 */
#include "ingest/writer.h"
#include "pipeline_trial.h"
#include "wait_for.h"

typedef struct trial {
  yard yard;
  oa_counters counters;
  _Atomic uint64_t ords;
  atomic_int progress;
  oa_writer *writer;
} trial;

static void on_progress(void *context) {
  trial *t = context;
  atomic_fetch_add(&t->progress, 1);
}

static int setup(void **state) {
  trial *t = calloc(1, sizeof *t);
  assert_non_null(t);
  yard_open(&t->yard);
  assert_int_equal(oa_counters_init(&t->counters, 0), OA_OK);
  const oa_writer_options options = {.keep = {.store = t->yard.store},
                                     .counters = &t->counters.blocks[0],
                                     .progress = on_progress,
                                     .context = t};
  assert_int_equal(oa_writer_start(&t->writer, &options, NULL), OA_OK);
  *state = t;
  return 0;
}

/* Waits for all that was submitted. */
static oa_status drain(oa_writer *writer, uint32_t timeout_ms) {
  uint64_t submitted;
  uint64_t written;
  oa_writer_count(writer, &submitted, &written);
  return oa_writer_drain(writer, submitted, timeout_ms);
}

static void stop(trial *t, oa_status want, oa_error *error) {
  assert_int_equal(oa_writer_stop(t->writer, 50, error), want);
  t->writer = NULL;
}

static int teardown(void **state) {
  trial *t = *state;
  assert_null(t->writer);
  set_disk(DISK_WORKS);
  yard_close(&t->yard);
  oa_counters_reset(&t->counters);
  free(t);
  return 0;
}

static oa_otlp_builder *make_builder(trial *t, int rows) {
  oa_otlp_builder *builder = NULL;
  oa_otlp_result result;
  oa_emit e = {0};
  assert_int_equal(oa_otlp_builder_new(&builder, OA_TRACES, &t->ords), OA_OK);
  put_records(&e, OA_TRACES, rows, 0);
  assert_int_equal(
      oa_otlp_decode(builder, e.out.data, e.out.len, &result, NULL), OA_OK);
  oa_buf_free(&e.out);
  return builder;
}

static void submit(trial *t, int rows) {
  const oa_writer_batch batch = {.signal = OA_TRACES,
                                 .builder = make_builder(t, rows),
                                 .items = (uint64_t)rows,
                                 .acked = true,
                                 .bytes = 1000};
  oa_writer_slot *slot = oa_writer_slot_new();
  assert_non_null(slot);
  oa_writer_submit(t->writer, slot, &batch);
}

static uint64_t stored(trial *t) {
  oa_signal_totals totals;
  oa_counters_sum(&t->counters, OA_TRACES, &totals);
  return totals.items_stored;
}

static void batches_come_into_the_files(void **state) {
  trial *t = *state;
  oa_writer_load now;
  for (int i = 1; i <= 5; i++) {
    submit(t, i);
  }
  assert_int_equal(drain(t->writer, PATIENCE), OA_OK);
  assert_int_equal(stored(t), 15);
  oa_writer_get_load(t->writer, &now);
  assert_int_equal(now.queued, 0);
  assert_int_equal(now.rows[OA_TRACES], 0);
  assert_int_equal(now.bytes, 0);
  assert_false(now.failing);
  stop(t, OA_OK, NULL);
  assert_int_equal(atomic_load(&t->progress), 5);
  assert_int_equal(rows_in_files(&t->yard, OA_TRACES), 15);
}

static void emptied_builders_come_back(void **state) {
  trial *t = *state;
  submit(t, 3);
  submit(t, 3);
  assert_int_equal(drain(t->writer, PATIENCE), OA_OK);
  assert_null(oa_writer_reuse(t->writer, OA_LOGS));
  oa_otlp_builder *builder = oa_writer_reuse(t->writer, OA_TRACES);
  assert_non_null(builder);
  assert_int_equal(oa_otlp_builder_rows(builder), 0);
  oa_otlp_builder_free(builder);
  oa_writer_trim(t->writer);
  assert_null(oa_writer_reuse(t->writer, OA_TRACES));
  stop(t, OA_OK, NULL);
}

static void what_a_full_disk_refuses_is_written_later(void **state) {
  trial *t = *state;
  char why[256];
  oa_writer_load now;
  set_disk(DISK_FULL);
  submit(t, 3);
  submit(t, 4);
  assert_int_equal(drain(t->writer, 300), OA_ERR_BUSY);
  WAIT_FOR((oa_writer_get_load(t->writer, &now), now.failing));
  assert_int_equal(now.queued, 2);
  assert_int_equal(now.rows[OA_TRACES], 7);
  assert_int_equal(now.bytes, 2000);
  oa_writer_problem(t->writer, why, sizeof why);
  assert_non_null(strstr(why, "No space left"));
  set_disk(DISK_WORKS);
  assert_int_equal(drain(t->writer, PATIENCE), OA_OK);
  oa_writer_get_load(t->writer, &now);
  assert_false(now.failing);
  oa_writer_problem(t->writer, why, sizeof why);
  assert_string_equal(why, "");
  stop(t, OA_OK, NULL);
  assert_int_equal(rows_in_files(&t->yard, OA_TRACES), 7);
}

static void stop_writes_what_waits(void **state) {
  trial *t = *state;
  set_disk(DISK_STANDS_STILL);
  for (int i = 0; i < 10; i++) {
    submit(t, 2);
  }
  assert_int_equal(drain(t->writer, 20), OA_ERR_BUSY);
  set_disk(DISK_WORKS);
  stop(t, OA_OK, NULL);
  assert_int_equal(stored(t), 20);
  assert_int_equal(rows_in_files(&t->yard, OA_TRACES), 20);
}

static void stop_says_what_is_lost(void **state) {
  trial *t = *state;
  oa_error error = {0};
  set_disk(DISK_FULL);
  submit(t, 3);
  submit(t, 4);
  stop(t, OA_ERR_IO, &error);
  assert_non_null(strstr(error.text, "7 items"));
  assert_non_null(strstr(error.text, "No space left"));
  assert_int_equal(stored(t), 0);
}

static void without_memory_there_is_no_slot_and_no_writer(void **state) {
  trial *t = *state;
  oa_mem_fail_after(0);
  oa_writer_slot *slot = oa_writer_slot_new();
  oa_mem_fail_after(-1);
  assert_null(slot);
  oa_writer_slot_free(slot);
  oa_writer *other = NULL;
  oa_error error = {0};
  oa_mem_fail_after(0);
  const oa_writer_options options = {.keep = {.store = t->yard.store}};
  assert_int_equal(oa_writer_start(&other, &options, &error), OA_ERR_NOMEM);
  oa_mem_fail_after(-1);
  assert_null(other);
  stop(t, OA_OK, NULL);
}

#define WITH(TEST) cmocka_unit_test_setup_teardown(TEST, setup, teardown)

int main(void) {
  const struct CMUnitTest tests[] = {
      WITH(batches_come_into_the_files),
      WITH(emptied_builders_come_back),
      WITH(what_a_full_disk_refuses_is_written_later),
      WITH(stop_writes_what_waits),
      WITH(stop_says_what_is_lost),
      WITH(without_memory_there_is_no_slot_and_no_writer),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
