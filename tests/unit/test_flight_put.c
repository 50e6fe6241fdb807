/* SPDX-License-Identifier: Apache-2.0 */
#include "flight_trial.h"

/* The rows of L, encoded, are COUNT times those of a rich request. */
static void assert_rich(landing *l, oa_signal signal, int count) {
  trial want;
  trial_init(&want, signal);
  for (int i = 0; i < count; i++) {
    request r = {0};
    put_rich_request(&r, signal, "flight");
    take(&want, &r);
  }
  assert_same(encoded(&l->t), encoded(&want));
  trial_free(&want);
}

static void our_own_columns_are_taken_as_they_are(void **state) {
  (void)state;
  static const oa_coding each[] = {OA_CODING_NONE, OA_CODING_LZ4,
                                   OA_CODING_ZSTD};
  for (int signal = 0; signal < OA_SIGNAL_COUNT; signal++) {
    for (size_t i = 0; i < 3; i++) {
      flow f = {0};
      landing l = {0};
      flow_rich(&f, (oa_signal)signal, 2, each[i],
                oa_signal_name((oa_signal)signal));
      land_ok(&l, &f);
      assert_int_equal(l.batches, 2);
      assert_int_equal(l.t.signal, signal);
      assert_int_equal(l.accepted, 2 * rich_items((oa_signal)signal));
      assert_int_equal(l.rejected, 0);
      assert_rich(&l, (oa_signal)signal, 2);
      landing_free(&l);
      flow_free(&f);
    }
  }
}

static void without_a_descriptor_the_columns_tell_the_signal(void **state) {
  (void)state;
  for (int signal = 0; signal < OA_SIGNAL_COUNT; signal++) {
    oa_schema schema = *oa_otlp_schema((oa_signal)signal);
    for (int word = 0; word < 2; word++) {
      flow f = {0};
      landing l = {0};
      trial t;
      rich_trial(&t, (oa_signal)signal);
      schema.metadata_count = 0;
      flow_table(&f, &schema, columns_of(&t), rows_of(&t), 1, OA_CODING_NONE,
                 word == 0 ? NULL : "whatever");
      land_ok(&l, &f);
      assert_int_equal(l.t.signal, signal);
      landing_free(&l);
      flow_free(&f);
      trial_free(&t);
    }
  }
}

/* A schema with one column and a row. */
static void flow_one(flow *f, const oa_field *field, const oa_array *column,
                     const char *word) {
  const oa_schema schema = {.fields = field, .field_count = 1};
  flow_table(f, &schema, column, column->length, 1, OA_CODING_NONE, word);
}

static const oa_field odd_field = {.name = "odd", .type = OA_TYPE_INT64};
static const int64_t odd_value = 7;
static const oa_array odd_column = {
    .length = 1, .values = &odd_value, .values_size = 8};

static void columns_that_tell_nothing_are_refused_with_what_would(
    void **state) {
  (void)state;
  flow f = {0};
  flow_one(&f, &odd_field, &odd_column, NULL);
  assert_refused(&f, OA_ERR_UNSUPPORTED, "[\"traces\"]");
  assert_refused(&f, OA_ERR_UNSUPPORTED, "otlp_proto");
  flow_free(&f);
}

static void missing_columns_are_named(void **state) {
  (void)state;
  flow f = {0};
  landing l = {0};
  flow_one(&f, &odd_field, &odd_column, "traces");
  const oa_status status = land(&l, &f);
  assert_int_not_equal(status, OA_OK);
  assert_true(strlen(l.error.text) > 10);
  landing_free(&l);
  flow_free(&f);
}

/* --- one column of requests --- */

/* Three requests in a binary column, the middle one null when NULLS. */
typedef struct proto_column {
  request requests[3];
  oa_buf bytes;
  int32_t small[4];
  int64_t large[4];
  uint8_t validity;
  oa_field field;
  oa_array array;
} proto_column;

static void proto_init(proto_column *p, oa_signal signal, bool nulls,
                       bool large) {
  *p = (proto_column){.validity = 5};
  for (int i = 0; i < 3; i++) {
    put_rich_request(&p->requests[i], signal, "flight");
    assert_int_equal(oa_buf_put(&p->bytes, p->requests[i].e.out.data,
                                p->requests[i].e.out.len),
                     OA_OK);
    p->small[i + 1] = (int32_t)p->bytes.len;
    p->large[i + 1] = (int64_t)p->bytes.len;
  }
  p->field = (oa_field){.name = "otlp_proto",
                        .type = large ? OA_TYPE_LARGE_BINARY : OA_TYPE_BINARY,
                        .nullable = true};
  p->array = (oa_array){
      .length = 3,
      .null_count = nulls ? 1 : 0,
      .validity = nulls ? &p->validity : NULL,
      .offsets = large ? (const void *)p->large : (const void *)p->small,
      .values = p->bytes.data,
      .values_size = p->bytes.len};
}

static void proto_free(proto_column *p) {
  for (int i = 0; i < 3; i++) {
    request_free(&p->requests[i]);
  }
  oa_buf_free(&p->bytes);
}

static void a_column_of_requests_is_taken(void **state) {
  (void)state;
  for (int how = 0; how < 4; how++) {
    for (int signal = 0; signal < OA_SIGNAL_COUNT; signal++) {
      proto_column p;
      flow f = {0};
      landing l = {0};
      const bool nulls = (how & 1) != 0;
      proto_init(&p, (oa_signal)signal, nulls, how >= 2);
      flow_one(&f, &p.field, &p.array, oa_signal_name((oa_signal)signal));
      land_ok(&l, &f);
      assert_int_equal(l.accepted,
                       (nulls ? 2 : 3) * rich_items((oa_signal)signal));
      assert_rich(&l, (oa_signal)signal, nulls ? 2 : 3);
      landing_free(&l);
      flow_free(&f);
      proto_free(&p);
    }
  }
}

static void a_column_of_requests_needs_the_signals_name(void **state) {
  (void)state;
  proto_column p;
  flow f = {0};
  proto_init(&p, OA_LOGS, false, false);
  flow_one(&f, &p.field, &p.array, NULL);
  assert_refused(&f, OA_ERR_UNSUPPORTED, "descriptor path");
  flow_free(&f);
  proto_free(&p);
}

/* The first rows are good: they must go again. */
static void a_column_with_one_bad_request_is_refused_whole(void **state) {
  (void)state;
  proto_column p;
  flow f = {0};
  landing l = {0};
  proto_init(&p, OA_LOGS, false, false);
  p.small[2]--;
  flow_one(&f, &p.field, &p.array, "logs");
  assert_int_equal(land(&l, &f), OA_ERR_TRUNCATED);
  assert_true(strstr(l.error.text, "row 1") != NULL);
  assert_int_equal(rows_of(&l.t), 0);
  landing_free(&l);
  flow_free(&f);
  proto_free(&p);
}

/* --- whole streams in data_header --- */

static void flow_whole(flow *f, oa_signal signal, int batches) {
  trial t;
  oa_emit e = {0};
  rich_trial(&t, signal);
  oa_buf bytes = stream_bytes(oa_otlp_schema(signal), columns_of(&t),
                              rows_of(&t), batches);
  oa_emit_bytes(&e, 2, bytes.data, bytes.len);
  flow_add(f, &e);
  oa_buf_free(&bytes);
  trial_free(&t);
}

static void a_whole_stream_in_the_header_gives_all_its_batches(void **state) {
  (void)state;
  flow f = {0};
  landing l = {0};
  flow_whole(&f, OA_TRACES, 3);
  flow_whole(&f, OA_TRACES, 2);
  land_ok(&l, &f);
  assert_int_equal(l.batches, 5);
  assert_rich(&l, OA_TRACES, 5);
  landing_free(&l);
  flow_free(&f);
}

static void a_batch_does_not_belong_to_a_whole_stream_before_it(void **state) {
  (void)state;
  flow f = {0};
  flow rest = {0};
  flow_whole(&f, OA_TRACES, 1);
  flow_rich(&rest, OA_TRACES, 1, OA_CODING_NONE, NULL);
  f.messages[f.count++] = rest.messages[--rest.count];
  assert_refused(&f, OA_ERR_MALFORMED, "schema");
  flow_free(&f);
  flow_free(&rest);
}

/* --- the order of messages --- */

static void a_second_schema_is_refused(void **state) {
  (void)state;
  flow f = {0};
  flow_rich(&f, OA_LOGS, 1, OA_CODING_NONE, "logs");
  flow_rich(&f, OA_LOGS, 1, OA_CODING_NONE, NULL);
  assert_refused(&f, OA_ERR_MALFORMED, "second schema");
  flow_free(&f);
}

static void a_batch_without_a_schema_is_refused(void **state) {
  (void)state;
  flow f = {0};
  flow only = {0};
  flow_rich(&f, OA_LOGS, 1, OA_CODING_NONE, "logs");
  only.messages[only.count++] = f.messages[--f.count];
  assert_refused(&only, OA_ERR_MALFORMED, "schema");
  flow_free(&f);
  flow_free(&only);
}

static void a_body_without_a_header_is_refused(void **state) {
  (void)state;
  flow f = {0};
  oa_emit e = {0};
  oa_emit_bytes(&e, 1000, (const uint8_t *)"body", 4);
  flow_add(&f, &e);
  assert_refused(&f, OA_ERR_MALFORMED, "data_header");
  flow_free(&f);
}

/* A descriptor may come alone, and so may metadata. */
static void messages_without_a_header_hold_no_batch(void **state) {
  (void)state;
  flow f = {0};
  landing l = {0};
  oa_emit e = {0};
  put_path(&e, "otlp", "metrics");
  flow_add(&f, &e);
  put_text(&e, 3, "metadata");
  flow_add(&f, &e);
  flow_add(&f, &e); /* empty */
  flow_rich(&f, OA_METRICS, 1, OA_CODING_NONE, NULL);
  land_ok(&l, &f);
  assert_int_equal(l.batches, 1);
  assert_int_equal(l.t.signal, OA_METRICS);
  landing_free(&l);
  flow_free(&f);
}

static void what_is_no_protobuf_is_refused(void **state) {
  (void)state;
  flow f = {0};
  oa_emit e = {0};
  assert_int_equal(oa_buf_put(&e.out, "\x12\x7f", 2), OA_OK);
  flow_add(&f, &e);
  assert_refused(&f, OA_ERR_TRUNCATED, "FlightData");
  flow_free(&f);
}

static void the_metadata_of_a_message_is_handed_out(void **state) {
  (void)state;
  oa_flight_put *put = NULL;
  oa_emit e = {0};
  oa_signal signal;
  put_text(&e, 3, "mine");
  assert_int_equal(oa_flight_put_new(&put, 1 << 20, 1 << 20), OA_OK);
  assert_int_equal(oa_flight_put_message(put, e.out.data, e.out.len, NULL),
                   OA_OK);
  assert_int_equal(oa_flight_put_next(put, NULL), OA_END);
  assert_true(oa_flight_is(oa_flight_put_metadata(put), "mine"));
  assert_false(oa_flight_put_begun(put, &signal));
  assert_true(oa_flight_put_memory(put) > 0);
  oa_flight_put_free(put);
  oa_buf_free(&e.out);
}

/* --- bounds --- */

static void a_batch_of_endless_rows_is_refused(void **state) {
  (void)state;
  static const oa_field field = {
      .name = "severity_text", .type = OA_TYPE_NULL, .nullable = true};
  const oa_array column = {.length = (int64_t)OA_FLIGHT_MAX_ROWS + 1,
                           .null_count = (int64_t)OA_FLIGHT_MAX_ROWS + 1};
  flow f = {0};
  flow_one(&f, &field, &column, NULL);
  assert_refused(&f, OA_ERR_LIMIT, "smaller");
  flow_free(&f);
}

static void memory_of_a_stream_is_bounded(void **state) {
  (void)state;
  flow f = {0};
  landing l = {0};
  flow_rich(&f, OA_TRACES, 1, OA_CODING_ZSTD, "traces");
  assert_int_equal(land_with(&l, &f, 500), OA_ERR_LIMIT);
  landing_free(&l);
  flow_free(&f);
}

/* --- damage --- */

/* Every cut, and changes at every place, of every message: no crash, nothing
 * by half, and a sentence when it is refused. */
static void damaged_streams_do_no_harm(void **state) {
  (void)state;
  flow f = {0};
  flow_rich(&f, OA_LOGS, 1, OA_CODING_NONE, "logs");
  flow_whole(&f, OA_LOGS, 1);
  for (size_t i = 0; i < f.count; i++) {
    oa_buf *message = &f.messages[i];
    const size_t whole = message->len;
    const size_t stride = whole > 4000 ? 7 : 1;
    for (size_t at = 0; at < whole; at += stride) {
      landing l = {0};
      message->len = at;
      if (land(&l, &f) != OA_OK) {
        assert_true(l.error.text[0] != '\0');
      }
      landing_free(&l);
      message->len = whole;
      const uint8_t before = message->data[at];
      message->data[at] ^= (uint8_t)(1U << (at % 8));
      l = (landing){0};
      if (land(&l, &f) != OA_OK) {
        assert_true(l.error.text[0] != '\0');
      }
      landing_free(&l);
      message->data[at] = before;
    }
  }
  flow_free(&f);
}

static void every_failed_allocation_is_reported(void **state) {
  (void)state;
  oa_status status = OA_ERR_NOMEM;
  flow f = {0};
  flow_rich(&f, OA_TRACES, 1, OA_CODING_ZSTD, "traces");
  flow_whole(&f, OA_TRACES, 1);
  for (int64_t n = 0; status != OA_OK; n++) {
    landing l = {0};
    oa_mem_fail_after(n);
    status = land(&l, &f);
    oa_mem_fail_after(-1);
    assert_true(status == OA_OK || status == OA_ERR_NOMEM);
    landing_free(&l);
    assert_true(n < 10000);
  }
  flow_free(&f);
}

/* A few bytes of indices would be hours of work. */
static void a_dictionary_is_not_read_again_without_end(void **state) {
  (void)state;
  enum { ROWS = 100, SIZE = 4000, MEMORY = 64 * 1024 };
  static const int32_t indices[ROWS];
  static const int32_t offsets[2] = {0, SIZE};
  static const oa_field field = {.name = "otlp_proto",
                                 .type = OA_TYPE_BINARY,
                                 .dictionary = true,
                                 .index_type = OA_TYPE_INT32};
  uint8_t empties[SIZE] = {0}; /* requests of empty resources */
  for (size_t i = 0; i < SIZE; i += 2) {
    empties[i] = 0x0A;
  }
  const oa_array values = {
      .length = 1, .offsets = offsets, .values = empties, .values_size = SIZE};
  oa_array column = {.values = indices, .dictionary = &values};
  for (int many = 0; many < 2; many++) {
    flow f = {0};
    landing l = {0};
    column.length = many ? ROWS : ROWS / 2;
    flow_one(&f, &field, &column, "logs");
    assert_int_equal(land_with(&l, &f, MEMORY), many ? OA_ERR_LIMIT : OA_OK);
    assert_true(!many || strstr(l.error.text, "stand for 400000 bytes"));
    landing_free(&l);
    flow_free(&f);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(our_own_columns_are_taken_as_they_are),
      cmocka_unit_test(without_a_descriptor_the_columns_tell_the_signal),
      cmocka_unit_test(columns_that_tell_nothing_are_refused_with_what_would),
      cmocka_unit_test(missing_columns_are_named),
      cmocka_unit_test(a_column_of_requests_is_taken),
      cmocka_unit_test(a_column_of_requests_needs_the_signals_name),
      cmocka_unit_test(a_column_with_one_bad_request_is_refused_whole),
      cmocka_unit_test(a_whole_stream_in_the_header_gives_all_its_batches),
      cmocka_unit_test(a_batch_does_not_belong_to_a_whole_stream_before_it),
      cmocka_unit_test(a_second_schema_is_refused),
      cmocka_unit_test(a_batch_without_a_schema_is_refused),
      cmocka_unit_test(a_body_without_a_header_is_refused),
      cmocka_unit_test(messages_without_a_header_hold_no_batch),
      cmocka_unit_test(what_is_no_protobuf_is_refused),
      cmocka_unit_test(the_metadata_of_a_message_is_handed_out),
      cmocka_unit_test(a_batch_of_endless_rows_is_refused),
      cmocka_unit_test(memory_of_a_stream_is_bounded),
      cmocka_unit_test(damaged_streams_do_no_harm),
      cmocka_unit_test(every_failed_allocation_is_reported),
      cmocka_unit_test(a_dictionary_is_not_read_again_without_end),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
