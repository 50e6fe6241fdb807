/* SPDX-License-Identifier: Apache-2.0 */
/* A shard that another thread decodes into, and those who come meanwhile. */
#include "ingest/pipeline_impl.h"
#include "pipeline_trial.h"

enum { BATCH = 100, MOST = 1000 };

typedef struct plant {
  yard yard;
  oa_counters counters;
  oa_pipeline *pipeline;
} plant;

static plant *open_plant(void) {
  plant *p = calloc(1, sizeof *p);
  assert_non_null(p);
  yard_open(&p->yard);
  assert_int_equal(oa_counters_init(&p->counters, 1), OA_OK);
  const oa_pipeline_options options = {
      .keep = {.store = p->yard.store},
      .counters = &p->counters,
      .threads = 1,
      .batch_rows = BATCH,
      .write_interval_ns = 3600 * UINT64_C(1000000000),
      .max_rows = {MOST, MOST, MOST},
      .memory_limit = 1 << 30,
  };
  assert_int_equal(oa_pipeline_new(&p->pipeline, &options, NULL), OA_OK);
  return p;
}

/* Returns the rows that were stored. */
static int64_t close_plant(plant *p) {
  assert_int_equal(oa_pipeline_stop(p->pipeline, NULL), OA_OK);
  const int64_t rows = rows_in_files(&p->yard, OA_LOGS);
  yard_close(&p->yard);
  oa_counters_reset(&p->counters);
  free(p);
  return rows;
}

typedef struct request {
  oa_emit body;
  int decoded;      /* how often */
  oa_status status; /* what the decoder says the first time, when not OK */
} request;

static oa_status decode(void *input, oa_otlp_builder *builder,
                        oa_otlp_result *result, oa_error *error) {
  request *r = input;
  if (r->decoded++ == 0 && r->status != OA_OK) {
    return oa_error_set(error, r->status, "as told");
  }
  return oa_otlp_decode(builder, r->body.out.data, r->body.out.len, result,
                        error);
}

static oa_intake intake_of(request *r) {
  return (oa_intake){.signal = OA_LOGS,
                     .bytes = r->body.out.len,
                     .decode = decode,
                     .input = r};
}

static request ask_for_rows(int count) {
  request r = {0};
  put_records(&r.body, OA_LOGS, count, 0);
  return r;
}

static void free_request(request *r) {
  oa_buf_free(&r->body.out);
}

/* The usual way. */
static oa_grpc_code take(plant *p, int count) {
  request r = ask_for_rows(count);
  const oa_intake intake = intake_of(&r);
  oa_outcome out;
  oa_pipeline_take(p->pipeline, &intake, &out);
  free_request(&r);
  return out.code;
}

static oa_loan *lend(plant *p, request *r) {
  const oa_intake intake = intake_of(r);
  oa_outcome out;
  oa_loan *loan = oa_pipeline_lend(p->pipeline, &intake, &out);
  assert_non_null(loan);
  return loan;
}

static oa_grpc_code give_back(plant *p, oa_loan *loan) {
  oa_outcome out;
  while (!oa_pipeline_return(p->pipeline, loan, &out)) { /* once more */
  }
  return out.code;
}

static uint64_t buffered(plant *p) {
  oa_pipeline_stats stats;
  oa_pipeline_get_stats(p->pipeline, &stats);
  return stats.rows_buffered[OA_LOGS];
}

static uint64_t stored(plant *p) {
  oa_signal_totals totals;
  oa_counters_sum(&p->counters, OA_LOGS, &totals);
  return totals.items_stored;
}

static void await_stored(plant *p, uint64_t wanted) {
  const uint64_t end = now_ms() + PATIENCE;
  while (stored(p) < wanted) {
    assert_true(now_ms() < end);
    pause_ms(1);
  }
  assert_int_equal(stored(p), wanted);
}

static void a_shard_comes_home_with_its_rows(void **state) {
  (void)state;
  plant *p = open_plant();
  assert_int_equal(take(p, 3), OA_GRPC_OK);
  request r = ask_for_rows(4);
  oa_loan *loan = lend(p, &r);
  assert_int_equal(buffered(p), 3); /* they are not forgotten meanwhile */
  assert_int_equal(give_back(p, loan), OA_GRPC_OK);
  assert_int_equal(buffered(p), 7);
  assert_int_equal(take(p, 1), OA_GRPC_OK);
  assert_int_equal(stored(p), 0); /* all of it is one batch */
  free_request(&r);
  assert_int_equal(close_plant(p), 8);
}

static void those_who_come_meanwhile_are_taken(void **state) {
  (void)state;
  plant *p = open_plant();
  assert_int_equal(take(p, 3), OA_GRPC_OK);
  request r = ask_for_rows(4);
  oa_loan *loan = lend(p, &r);
  assert_int_equal(take(p, 5), OA_GRPC_OK);
  assert_int_equal(buffered(p), 8);
  assert_int_equal(give_back(p, loan), OA_GRPC_OK);
  await_stored(p, 7); /* what was lent goes, theirs stay */
  assert_int_equal(buffered(p), 5);
  free_request(&r);
  assert_int_equal(close_plant(p), 12);
}

static void a_full_shard_goes_on_to_the_writer(void **state) {
  (void)state;
  plant *p = open_plant();
  request r = ask_for_rows(BATCH);
  oa_loan *loan = lend(p, &r);
  assert_int_equal(give_back(p, loan), OA_GRPC_OK);
  await_stored(p, BATCH);
  free_request(&r);
  assert_int_equal(close_plant(p), BATCH);
}

static void a_bad_request_leaves_the_rows(void **state) {
  (void)state;
  for (int meanwhile = 0; meanwhile < 2; meanwhile++) {
    for (int before = 0; before < 2; before++) {
      plant *p = open_plant();
      assert_int_equal(take(p, before), OA_GRPC_OK);
      request r = ask_for_rows(4);
      r.status = OA_ERR_MALFORMED;
      oa_loan *loan = lend(p, &r);
      assert_int_equal(take(p, meanwhile), OA_GRPC_OK);
      assert_int_equal(give_back(p, loan), OA_GRPC_INVALID_ARGUMENT);
      assert_int_equal(r.decoded, 1);
      free_request(&r);
      assert_int_equal(close_plant(p), before + meanwhile);
    }
  }
}

static void rows_in_the_way_go_first(void **state) {
  (void)state;
  plant *p = open_plant();
  assert_int_equal(take(p, 3), OA_GRPC_OK);
  request r = ask_for_rows(4);
  r.status = OA_ERR_LIMIT;
  oa_loan *loan = lend(p, &r);
  assert_int_equal(give_back(p, loan), OA_GRPC_OK);
  assert_int_equal(r.decoded, 2);
  await_stored(p, 3);
  free_request(&r);
  /* What does not fit an empty builder never will. */
  request s = ask_for_rows(MOST + 1);
  loan = lend(p, &s);
  assert_int_equal(give_back(p, loan), OA_GRPC_RESOURCE_EXHAUSTED);
  free_request(&s);
  assert_int_equal(close_plant(p), 7);
}

static void without_memory_nothing_is_lent(void **state) {
  (void)state;
  plant *p = open_plant();
  assert_int_equal(take(p, 1), OA_GRPC_OK);
  request r = ask_for_rows(2);
  const oa_intake intake = intake_of(&r);
  for (int after = 0; after < 2; after++) {
    oa_outcome out;
    oa_mem_fail_after(after);
    assert_null(oa_pipeline_lend(p->pipeline, &intake, &out));
    oa_mem_fail_after(-1);
    assert_int_equal(out.code, OA_GRPC_UNAVAILABLE);
    assert_true(out.retry_after_ms > 0);
  }
  r.status = OA_ERR_NOMEM; /* it ends inside the decoder, and none is freed */
  oa_loan *loan = lend(p, &r);
  assert_int_equal(give_back(p, loan), OA_GRPC_UNAVAILABLE);
  loan = lend(p, &r);
  assert_int_equal(give_back(p, loan), OA_GRPC_OK);
  free_request(&r);
  assert_int_equal(close_plant(p), 3);
}

/* Somebody asks to flush while rows that are acknowledged are lent. */
static void a_flush_waits_for_them(void **state) {
  (void)state;
  plant *p = open_plant();
  const oa_pipeline_thread *t = &p->pipeline->threads[0];
  assert_int_equal(take(p, 3), OA_GRPC_OK);
  request r = ask_for_rows(4);
  oa_loan *loan = lend(p, &r);
  atomic_store(&p->pipeline->flush, 1);
  oa_pipeline_obey_flush(p->pipeline, 0);
  assert_int_equal(atomic_load(&t->flushed), 0);
  assert_int_equal(give_back(p, loan), OA_GRPC_OK);
  oa_pipeline_obey_flush(p->pipeline, 0);
  assert_int_equal(atomic_load(&t->flushed), 1);
  await_stored(p, 7);
  free_request(&r);
  assert_int_equal(close_plant(p), 7);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_shard_comes_home_with_its_rows),
      cmocka_unit_test(those_who_come_meanwhile_are_taken),
      cmocka_unit_test(a_full_shard_goes_on_to_the_writer),
      cmocka_unit_test(a_bad_request_leaves_the_rows),
      cmocka_unit_test(rows_in_the_way_go_first),
      cmocka_unit_test(without_memory_nothing_is_lent),
      cmocka_unit_test(a_flush_waits_for_them),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
