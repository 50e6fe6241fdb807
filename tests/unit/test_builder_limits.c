/* SPDX-License-Identifier: Apache-2.0 */
/* What a builder may take: bytes, rows, depth, attributes; from all protocols
 * alike. */
#include "otlp_trial.h"

#include "otap/otap.h"
#include "otap_sent.h"

#define FOR_EACH_SIGNAL(S) for (oa_signal S = 0; S < OA_SIGNAL_COUNT; S++)
#define MIB ((size_t)1 << 20)

static void limited_init(trial *t, oa_signal signal,
                         const oa_otlp_limits *limits) {
  trial_init(t, signal);
  oa_otlp_builder_set_limits(t->builder, limits);
}

/* COUNT records without anything: two bytes each. */
static void put_empty_records(request *r, oa_signal signal, int count) {
  open_records(r);
  oa_emit_nest metric = {0};
  oa_emit_nest data = {0};
  if (signal == OA_METRICS) {
    metric = open_record(r);
    data = oa_emit_open(&r->e, 5, 4);
  }
  for (int i = 0; i < count; i++) {
    const uint32_t field = signal == OA_METRICS ? 1 : 2;
    oa_emit_close(&r->e, oa_emit_open(&r->e, field, 1));
  }
  if (signal == OA_METRICS) {
    oa_emit_close(&r->e, data);
    oa_emit_close(&r->e, metric);
  }
  close_records(r);
}

/* --- memory --- */

static void a_request_that_is_too_large_changes_nothing(void **state) {
  (void)state;
  FOR_EACH_SIGNAL(signal) {
    trial t;
    request small = {0};
    request large = {0};
    limited_init(&t, signal, &(oa_otlp_limits){.max_memory = 2 * MIB});
    put_rich_request(&small, signal, "one");
    take(&t, &small);
    const oa_builder_mark mark = mark_of(&t);
    oa_buf before = encoded(&t);
    put_empty_records(&large, signal, 200000);
    assert_int_equal(give(&t, large.e.out.data, large.e.out.len), OA_ERR_LIMIT);
    assert_true(oa_otlp_builder_outgrown(t.builder));
    assert_true(oa_otlp_builder_held(t.builder) <= 2 * MIB);
    assert_mark(&t, &mark);
    assert_same(before, encoded(&t));
    oa_otlp_builder_reset(t.builder, 0);
    put_rich_request(&small, signal, "two");
    take(&t, &small);
    assert_false(oa_otlp_builder_outgrown(t.builder));
    request_free(&large);
    trial_free(&t);
  }
}

static void what_fits_an_empty_builder_fits_after_a_reset(void **state) {
  (void)state;
  FOR_EACH_SIGNAL(signal) {
    trial t;
    request r = {0};
    limited_init(&t, signal, &(oa_otlp_limits){.max_memory = 3 * MIB});
    put_empty_records(&r, signal, 10000);
    oa_status status = OA_OK;
    int taken = 0;
    for (; status == OA_OK; taken++) {
      status = give(&t, r.e.out.data, r.e.out.len);
    }
    assert_true(taken > 2);
    assert_int_equal(status, OA_ERR_LIMIT);
    assert_int_equal(rows_of(&t), 10000 * (taken - 1));
    /* With its memory kept or not. */
    for (int keep = 0; keep < 2; keep++) {
      oa_otlp_builder_reset(t.builder, keep == 0 ? SIZE_MAX : 0);
      assert_int_equal(give(&t, r.e.out.data, r.e.out.len), OA_OK);
    }
    oa_otlp_builder_reset(t.builder, 0);
    assert_int_equal(oa_otlp_builder_held(t.builder), 0);
    request_free(&r);
    trial_free(&t);
  }
}

static void an_account_that_is_empty_is_no_fault_of_the_request(void **state) {
  (void)state;
  FOR_EACH_SIGNAL(signal) {
    oa_account account;
    oa_purse other = {.account = &account};
    trial t;
    request r = {0};
    oa_account_init(&account, 4 * MIB);
    limited_init(&t, signal, &(oa_otlp_limits){.account = &account});
    put_empty_records(&r, signal, 10000);
    assert_true(oa_purse_take(&other, 4 * MIB - OA_PURSE_STEP));
    assert_int_equal(give(&t, r.e.out.data, r.e.out.len), OA_ERR_NOMEM);
    assert_false(oa_otlp_builder_outgrown(t.builder));
    assert_int_equal(rows_of(&t), 0);
    oa_purse_close(&other);
    assert_int_equal(give(&t, r.e.out.data, r.e.out.len), OA_OK);
    assert_true(oa_account_used(&account) >= oa_otlp_builder_held(t.builder));
    request_free(&r);
    trial_free(&t);
    assert_int_equal(oa_account_used(&account), 0);
  }
}

static void columns_are_finished_although_nothing_is_left(void **state) {
  (void)state;
  FOR_EACH_SIGNAL(signal) {
    oa_account account;
    oa_purse other = {.account = &account};
    trial t;
    request r = {0};
    oa_account_init(&account, 16 * MIB);
    limited_init(&t, signal, &(oa_otlp_limits){.account = &account});
    put_rich_request(&r, signal, "one");
    take(&t, &r);
    put_empty_records(&r, signal, 1000); /* nulls behind values */
    take(&t, &r);
    while (oa_purse_take(&other, 1000)) {
    }
    assert_int_equal(columns_of(&t)[0].length, rows_of(&t));
    oa_purse_close(&other);
    trial_free(&t);
  }
}

static void a_builder_has_no_more_rows_than_it_may(void **state) {
  (void)state;
  FOR_EACH_SIGNAL(signal) {
    trial t;
    request r = {0};
    limited_init(&t, signal, &(oa_otlp_limits){.max_rows = 25});
    put_empty_records(&r, signal, 10);
    assert_int_equal(give(&t, r.e.out.data, r.e.out.len), OA_OK);
    assert_int_equal(give(&t, r.e.out.data, r.e.out.len), OA_OK);
    assert_int_equal(give(&t, r.e.out.data, r.e.out.len), OA_ERR_LIMIT);
    assert_true(oa_otlp_builder_outgrown(t.builder));
    assert_int_equal(rows_of(&t), 20);
    oa_otlp_builder_reset(t.builder, SIZE_MAX);
    assert_int_equal(give(&t, r.e.out.data, r.e.out.len), OA_OK);
    request_free(&r);
    trial_free(&t);
  }
}

/* --- nesting --- */

/* A record with an attribute in DEPTH arrays, and a plain one. */
static void put_deep_records(request *r, oa_signal signal, unsigned depth) {
  static const uint32_t field[] = {[OA_TRACES] = 9, [OA_LOGS] = 6};
  open_records(r);
  for (int i = 0; i < 2; i++) {
    const oa_emit_nest record = open_record(r);
    if (signal == OA_METRICS) {
      const oa_emit_nest data = oa_emit_open(&r->e, 5, 2);
      const oa_emit_nest point = oa_emit_open(&r->e, 1, 2);
      put_deep_attr(&r->e, 7, i == 0 ? depth : 1);
      oa_emit_close(&r->e, point);
      oa_emit_close(&r->e, data);
    } else {
      put_deep_attr(&r->e, field[signal], i == 0 ? depth : 1);
    }
    oa_emit_close(&r->e, record);
  }
  close_records(r);
}

static void a_record_nested_deeper_than_allowed_is_left_out(void **state) {
  (void)state;
  static const unsigned depths[] = {1, 2, 5, OA_OTLP_MAX_DEPTH};
  FOR_EACH_SIGNAL(signal) {
    for (size_t i = 0; i < sizeof depths / sizeof depths[0]; i++) {
      trial t;
      request r = {0};
      limited_init(&t, signal, &(oa_otlp_limits){.max_depth = depths[i]});
      put_deep_records(&r, signal, depths[i]);
      take(&t, &r);
      assert_int_equal(t.result.accepted, 2);
      put_deep_records(&r, signal, depths[i] + 1);
      take(&t, &r);
      assert_int_equal(t.result.accepted, 1);
      assert_int_equal(t.result.rejected, 1);
      char words[32];
      snprintf(words, sizeof words, "deeper than %u", depths[i]);
      assert_non_null(strstr(t.result.reason, words));
      trial_free(&t);
    }
  }
}

static void nobody_may_allow_more_than_the_most(void **state) {
  (void)state;
  trial t;
  request r = {0};
  limited_init(&t, OA_LOGS, &(oa_otlp_limits){.max_depth = 1000});
  put_deep_records(&r, OA_LOGS, OA_OTLP_MAX_DEPTH + 1);
  take(&t, &r);
  assert_int_equal(t.result.rejected, 1);
  trial_free(&t);
}

static void bodies_and_resources_have_the_same_bound(void **state) {
  (void)state;
  for (unsigned depth = 3; depth <= 4; depth++) {
    trial t;
    request r = {0};
    limited_init(&t, OA_LOGS, &(oa_otlp_limits){.max_depth = 3});
    open_records(&r);
    const oa_emit_nest record = open_record(&r);
    const oa_emit_nest body = oa_emit_open(&r.e, 5, 1);
    put_deep_value(&r.e, depth);
    oa_emit_close(&r.e, body);
    oa_emit_close(&r.e, record);
    close_records(&r);
    take(&t, &r);
    assert_int_equal(t.result.rejected, depth > 3);

    r.resource = oa_emit_open(&r.e, 1, 2);
    const oa_emit_nest owner = oa_emit_open(&r.e, 1, 2);
    put_deep_attr(&r.e, 1, depth);
    oa_emit_close(&r.e, owner);
    r.scope = oa_emit_open(&r.e, 2, 2);
    oa_emit_close(&r.e, open_record(&r));
    close_records(&r);
    take(&t, &r);
    assert_int_equal(t.result.rejected, depth > 3);
    assert_int_equal(t.result.accepted, depth <= 3);
    trial_free(&t);
  }
}

/* --- attributes --- */

static void put_many(oa_emit *e, uint32_t field, int count) {
  for (int i = 0; i < count; i++) {
    put_int_attr(e, field, "key", i);
  }
}

/* One record that is good, and one that has COUNT attributes in PART. */
enum { ITSELF, FIRST_PART, SECOND_PART };

static void put_many_records(request *r, oa_signal signal, int place,
                             int count) {
  open_records(r);
  oa_emit *e = &r->e;
  for (int i = 0; i < 2; i++) {
    const int many = i == 0 ? count : 1;
    const oa_emit_nest record = open_record(r);
    if (signal == OA_TRACES && place == ITSELF) {
      put_many(e, 9, many);
    } else if (signal == OA_TRACES) {
      const oa_emit_nest piece =
          oa_emit_open(e, place == FIRST_PART ? 11 : 13, 3);
      put_many(e, place == FIRST_PART ? 3 : 4, many);
      oa_emit_close(e, piece);
    } else if (signal == OA_METRICS) {
      const oa_emit_nest data = oa_emit_open(e, 5, 3);
      const oa_emit_nest point = oa_emit_open(e, 1, 3);
      const oa_emit_nest exemplar =
          place == ITSELF ? point : oa_emit_open(e, 5, 3);
      put_many(e, 7, many);
      if (place != ITSELF) {
        oa_emit_close(e, exemplar);
      }
      oa_emit_close(e, point);
      oa_emit_close(e, data);
    } else {
      put_many(e, 6, many);
    }
    oa_emit_close(e, record);
  }
  close_records(r);
}

static int parts_of_signal(oa_signal signal) {
  return signal == OA_TRACES ? 3 : signal == OA_METRICS ? 2 : 1;
}

static void a_record_with_too_many_attributes_is_left_out(void **state) {
  (void)state;
  FOR_EACH_SIGNAL(signal) {
    for (int place = 0; place < parts_of_signal(signal); place++) {
      trial t;
      request r = {0};
      limited_init(&t, signal, &(oa_otlp_limits){.max_attributes = 5});
      put_many_records(&r, signal, place, 5);
      take(&t, &r);
      assert_int_equal(t.result.accepted, 2);
      put_many_records(&r, signal, place, 6);
      take(&t, &r);
      assert_int_equal(t.result.accepted, 1);
      assert_int_equal(t.result.rejected, 1);
      assert_non_null(
          strstr(t.result.reason, "6 attributes; at most 5 are taken"));
      trial_free(&t);
    }
  }
}

/* And columns do not grow for what nobody will have. */
static void far_too_many_attributes_are_not_kept_meanwhile(void **state) {
  enum { MANY = 300000 };
  (void)state;
  FOR_EACH_SIGNAL(signal) {
    for (int place = 0; place < parts_of_signal(signal); place++) {
      trial t;
      request r = {0};
      limited_init(&t, signal, &(oa_otlp_limits){.max_attributes = 5});
      put_many_records(&r, signal, place, MANY);
      take(&t, &r);
      assert_int_equal(t.result.accepted, 1);
      assert_int_equal(t.result.rejected, 1);
      assert_non_null(strstr(t.result.reason, "more than 5 attributes"));
      assert_true(oa_otlp_builder_held(t.builder) < MANY);
      trial_free(&t);
    }
  }
}

static void columns_that_are_appended_have_the_same_bounds(void **state) {
  (void)state;
  FOR_EACH_SIGNAL(signal) {
    for (int place = 0; place < parts_of_signal(signal); place++) {
      trial from;
      trial to;
      request r = {0};
      trial_init(&from, signal);
      limited_init(&to, signal,
                   &(oa_otlp_limits){.max_attributes = 5, .max_depth = 3});
      put_many_records(&r, signal, place, 6);
      take(&from, &r);
      put_deep_records(&r, signal, 4);
      take(&from, &r);
      assert_int_equal(
          oa_otlp_append(to.builder, oa_otlp_schema(signal), columns_of(&from),
                         rows_of(&from), &to.result, &to.error),
          OA_OK);
      assert_int_equal(to.result.accepted, 2);
      assert_int_equal(to.result.rejected, 2);
      /* The first that is found, of the two. */
      assert_non_null(strstr(to.result.reason, place == ITSELF
                                                   ? "6 attributes; at most 5"
                                                   : "column "));
      trial_free(&from);
      trial_free(&to);
    }
  }
}

static void appending_stays_within_the_memory(void **state) {
  (void)state;
  FOR_EACH_SIGNAL(signal) {
    trial from;
    trial to;
    request r = {0};
    trial_init(&from, signal);
    limited_init(&to, signal, &(oa_otlp_limits){.max_memory = MIB});
    put_empty_records(&r, signal, 100000);
    take(&from, &r);
    assert_int_equal(
        oa_otlp_append(to.builder, oa_otlp_schema(signal), columns_of(&from),
                       rows_of(&from), &to.result, &to.error),
        OA_ERR_LIMIT);
    assert_true(oa_otlp_builder_outgrown(to.builder));
    assert_int_equal(rows_of(&to), 0);
    trial_free(&from);
    trial_free(&to);
  }
}

/* --- OTAP --- */

/* What FROM holds, sent to TO as OTAP. */
static oa_status send_otap(trial *from, trial *to, const oa_otap_limits *limits,
                           oa_otap_batch *batch) {
  oa_otap_encoder *encoder = NULL;
  oa_otap_stream *stream = NULL;
  sent all = {0};
  const oa_otap_encoder_options options = {.metric_attrs = true};
  assert_int_equal(oa_otap_encoder_new(&encoder, from->signal, &options),
                   OA_OK);
  assert_int_equal(oa_otap_encode(encoder, columns_of(from), rows_of(from),
                                  keep_sent, &all, &from->error),
                   OA_OK);
  assert_int_equal(all.count, 1);
  to->error = (oa_error){0};
  oa_status status = oa_otap_stream_new(&stream, from->signal, limits);
  if (status == OA_OK) {
    status = oa_otap_decode(stream, to->builder, all.messages[0].data,
                            all.messages[0].len, batch, &to->error);
  }
  oa_otap_stream_free(stream);
  oa_otap_encoder_free(encoder);
  sent_free(&all);
  return status;
}

static void otap_messages_have_the_same_bounds(void **state) {
  (void)state;
  FOR_EACH_SIGNAL(signal) {
    for (int place = 0; place < parts_of_signal(signal); place++) {
      trial from;
      trial to;
      request r = {0};
      oa_otap_batch batch;
      trial_init(&from, signal);
      limited_init(&to, signal, &(oa_otlp_limits){.max_attributes = 5});
      put_many_records(&r, signal, place, 6);
      take(&from, &r);
      assert_int_equal(send_otap(&from, &to, NULL, &batch), OA_ERR_MALFORMED);
      assert_non_null(strstr(to.error.text, "6 attributes; at most 5"));
      assert_true(batch.in_step);
      assert_int_equal(rows_of(&to), 0);
      oa_otlp_builder_reset(from.builder, 0);
      put_many_records(&r, signal, place, 5);
      take(&from, &r);
      assert_int_equal(send_otap(&from, &to, NULL, &batch), OA_OK);
      oa_otlp_builder_reset(from.builder, 0);
      trial_free(&from);
      trial_free(&to);
    }
  }
}

static void otap_values_have_the_same_depth(void **state) {
  (void)state;
  FOR_EACH_SIGNAL(signal) {
    for (unsigned depth = 3; depth <= 4; depth++) {
      trial from;
      trial to;
      request r = {0};
      oa_otap_batch batch;
      trial_init(&from, signal);
      limited_init(&to, signal, &(oa_otlp_limits){.max_depth = 3});
      put_deep_records(&r, signal, depth);
      take(&from, &r);
      assert_int_equal(send_otap(&from, &to, NULL, &batch),
                       depth > 3 ? OA_ERR_MALFORMED : OA_OK);
      trial_free(&from);
      trial_free(&to);
    }
  }
}

/* Wherever the stream's purse refuses: the sender may try again, and nothing is
 * left behind. */
static void an_otap_stream_without_memory_is_refused_for_now(void **state) {
  (void)state;
  FOR_EACH_SIGNAL(signal) {
    trial from;
    request r = {0};
    size_t max = 1;
    oa_status status = OA_ERR_NOMEM;
    trial_init(&from, signal);
    put_rich_request(&r, signal, "one");
    take(&from, &r);
    for (int tries = 0; status != OA_OK; tries++, max += 1 + max / 8) {
      oa_purse purse = {.max = max};
      oa_otap_limits limits = oa_otap_limits_default;
      oa_otap_batch batch;
      trial to;
      limits.purse = &purse;
      trial_init(&to, signal);
      status = send_otap(&from, &to, &limits, &batch);
      assert_true(status == OA_OK || status == OA_ERR_NOMEM);
      assert_int_equal(purse.used, 0);
      assert_true(tries < 500);
      trial_free(&to);
    }
    assert_true(max > 1000);
    trial_free(&from);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_request_that_is_too_large_changes_nothing),
      cmocka_unit_test(what_fits_an_empty_builder_fits_after_a_reset),
      cmocka_unit_test(an_account_that_is_empty_is_no_fault_of_the_request),
      cmocka_unit_test(columns_are_finished_although_nothing_is_left),
      cmocka_unit_test(a_builder_has_no_more_rows_than_it_may),
      cmocka_unit_test(a_record_nested_deeper_than_allowed_is_left_out),
      cmocka_unit_test(nobody_may_allow_more_than_the_most),
      cmocka_unit_test(bodies_and_resources_have_the_same_bound),
      cmocka_unit_test(a_record_with_too_many_attributes_is_left_out),
      cmocka_unit_test(far_too_many_attributes_are_not_kept_meanwhile),
      cmocka_unit_test(columns_that_are_appended_have_the_same_bounds),
      cmocka_unit_test(appending_stays_within_the_memory),
      cmocka_unit_test(otap_messages_have_the_same_bounds),
      cmocka_unit_test(otap_values_have_the_same_depth),
      cmocka_unit_test(an_otap_stream_without_memory_is_refused_for_now),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
