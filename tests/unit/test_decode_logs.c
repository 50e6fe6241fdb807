/* SPDX-License-Identifier: Apache-2.0 */
#include "otlp_trial.h"

static void every_field_of_a_record_has_its_column(void **state) {
  (void)state;
  trial t;
  request r = {0};
  trial_init(&t, OA_LOGS);
  put_rich_request(&r, OA_LOGS, "one");
  take(&t, &r);
  const oa_array *c = columns_of(&t);
  for (int64_t i = 0; i < 2; i++) {
    const oa_array *items;
    int64_t at;
    assert_int_equal(u64_at(&c[OA_LOG_COL_TIME], i), 20);
    assert_int_equal(u64_at(&c[OA_LOG_COL_OBSERVED_TIME], i), 22);
    assert_int_equal(u32_at(&c[OA_LOG_COL_SEVERITY_NUMBER], i), 9);
    assert_text(&c[OA_LOG_COL_SEVERITY_TEXT], i, "INFO");
    assert_text(&c[OA_LOG_COL_EVENT_NAME], i, "event");
    assert_int_equal(u8_at(&c[OA_LOG_COL_BODY_TYPE], i), OA_VALUE_MAP);
    assert_plain(&c[OA_LOG_COL_BODY], i, "{\"k\":\"v\",\"deep\":[[7]]}");
    assert_plain(&c[OA_LOG_COL_BODY_SER], i,
                 "\xBF\x61k\x61v\x64"
                 "deep\x9F\x9F\x07\xFF\xFF\xFF");
    assert_int_equal(items_at(&c[OA_LOG_COL_ATTRIBUTES], i, &items, &at), 8);
    assert_int_equal(u32_at(&c[OA_LOG_COL_DROPPED_ATTRIBUTES], i), 21);
    assert_int_equal(u32_at(&c[OA_LOG_COL_FLAGS], i), 1);
    assert_id(&c[OA_LOG_COL_TRACE_ID], i, ID16, 16);
    assert_id(&c[OA_LOG_COL_SPAN_ID], i, ID8, 8);
  }
  trial_free(&t);
}

/* Bodies of all kinds, number KIND. */
static void put_body(oa_emit *e, int kind) {
  if (kind == 0) {
    return; /* none */
  }
  const oa_emit_nest body = oa_emit_open(e, 5, 1);
  switch (kind) {
    case 1:
      break; /* nothing is set */
    case 2:
      put_text(e, 1, "text");
      break;
    case 3:
      oa_emit_varint(e, 2, 1);
      break;
    case 4:
      oa_emit_varint(e, 3, (uint64_t)-7);
      break;
    case 5:
      put_double(e, 4, 0.5);
      break;
    case 6:
      put_deep_value(e, 1);
      break;
    case 7:
      oa_emit_bytes(e, 7, (const uint8_t *)"\xFF\x00", 2);
      break;
    default:
      put_text(e, 1, "");
      break;
  }
  oa_emit_close(e, body);
}

static void a_body_of_each_kind_has_its_column(void **state) {
  (void)state;
  static const struct {
    size_t column; /* OA_LOG_COL_COUNT = none */
    int type;      /* -1 = null */
    const char *body;
  } want[] = {
      {OA_LOG_COL_COUNT, -1, NULL},
      {OA_LOG_COL_COUNT, OA_VALUE_EMPTY, NULL},
      {OA_LOG_COL_COUNT, OA_VALUE_STR, "text"},
      {OA_LOG_COL_BODY_BOOL, OA_VALUE_BOOL, "true"},
      {OA_LOG_COL_BODY_INT, OA_VALUE_INT, "-7"},
      {OA_LOG_COL_BODY_DOUBLE, OA_VALUE_DOUBLE, "0.5"},
      {OA_LOG_COL_BODY_SER, OA_VALUE_SLICE, "[7]"},
      {OA_LOG_COL_BODY_BYTES, OA_VALUE_BYTES, "\"/wA=\""},
      {OA_LOG_COL_COUNT, OA_VALUE_STR, ""},
  };
  enum { KINDS = sizeof want / sizeof want[0] };
  trial t;
  request r = {0};
  trial_init(&t, OA_LOGS);
  open_records(&r);
  for (int kind = 0; kind < KINDS; kind++) {
    const oa_emit_nest record = open_record(&r);
    put_body(&r.e, kind);
    oa_emit_close(&r.e, record);
  }
  close_records(&r);
  const size_t len = r.e.out.len;
  take(&t, &r);
  const oa_array *c = columns_of(&t);
  for (int64_t i = 0; i < KINDS; i++) {
    if (want[i].type < 0) {
      assert_null_at(&c[OA_LOG_COL_BODY_TYPE], i);
    } else {
      assert_int_equal(u8_at(&c[OA_LOG_COL_BODY_TYPE], i), want[i].type);
    }
    if (want[i].body == NULL) {
      assert_null_at(&c[OA_LOG_COL_BODY], i);
    } else {
      assert_plain(&c[OA_LOG_COL_BODY], i, want[i].body);
    }
    for (size_t k = OA_LOG_COL_BODY_INT; k <= OA_LOG_COL_BODY_SER; k++) {
      assert_int_equal(oa_array_is_null(&c[k], i), k != want[i].column);
    }
  }
  oa_buf all = encoded(&t); /* none and nothing set are told apart */
  assert_int_equal(all.len, len + sizeof len);
  oa_buf_free(&all);
  trial_free(&t);
}

static void a_body_may_come_in_pieces(void **state) {
  (void)state;
  trial t;
  request r = {0};
  trial_init(&t, OA_LOGS);
  open_records(&r);
  const oa_emit_nest record = open_record(&r);
  put_body(&r.e, 2); /* another member of the oneof: it does not count */
  put_body(&r.e, 6);
  put_body(&r.e, 1);
  put_body(&r.e, 6);
  oa_emit_close(&r.e, record);
  close_records(&r);
  take(&t, &r);
  assert_plain(&columns_of(&t)[OA_LOG_COL_BODY], 0, "[7,7]");
  trial_free(&t);
}

static void bad_records_are_rejected_alone(void **state) {
  (void)state;
  trial t;
  request r = {0};
  trial_init(&t, OA_LOGS);
  open_records(&r);
  for (unsigned depth = 63; depth <= 66; depth++) {
    const oa_emit_nest record = open_record(&r);
    put_str_attr(&r.e, 6, "k", "v");
    const oa_emit_nest body = oa_emit_open(&r.e, 5, 1);
    put_deep_value(&r.e, depth);
    oa_emit_close(&r.e, body);
    oa_emit_close(&r.e, record);
  }
  const oa_emit_nest record = open_record(&r);
  oa_emit_bytes(&r.e, 9, ID16, 15);
  oa_emit_bytes(&r.e, 10, ID8, 8);
  oa_emit_close(&r.e, record);
  close_records(&r);
  take(&t, &r);
  assert_int_equal(t.result.accepted, 2);
  assert_int_equal(t.result.rejected, 3);
  assert_string_equal(t.result.reason,
                      "resource_logs[0].scope_logs[0].log_records[2]: the body "
                      "is nested deeper than 64");
  const oa_builder_mark mark = mark_of(&t);
  assert_int_equal(mark.lengths[0], 2);
  assert_int_equal(mark.lengths[1], 2); /* attributes */
  trial_free(&t);
}

static void text_that_is_not_utf8_is_repaired_everywhere(void **state) {
  (void)state;
  trial t;
  request r = {0};
  trial_init(&t, OA_LOGS);
  open_records(&r);
  const oa_emit_nest record = open_record(&r);
  put_text(&r.e, 3, "\xFF");
  put_text(&r.e, 12, "a\xC0");
  const oa_emit_nest body = oa_emit_open(&r.e, 5, 1);
  const oa_emit_nest map = oa_emit_open(&r.e, 6, 1);
  put_str_attr(&r.e, 1, "\xFE", "b\xFD");
  oa_emit_close(&r.e, map);
  oa_emit_close(&r.e, body);
  oa_emit_close(&r.e, record);
  close_records(&r);
  take(&t, &r);
  assert_int_equal(t.result.repaired, 4);
  const oa_array *c = columns_of(&t);
  assert_text(&c[OA_LOG_COL_SEVERITY_TEXT], 0, "\xEF\xBF\xBD");
  assert_text(&c[OA_LOG_COL_EVENT_NAME], 0, "a\xEF\xBF\xBD");
  assert_plain(&c[OA_LOG_COL_BODY], 0, "{\"\xEF\xBF\xBD\":\"b\xEF\xBF\xBD\"}");
  trial_free(&t);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_field_of_a_record_has_its_column),
      cmocka_unit_test(a_body_of_each_kind_has_its_column),
      cmocka_unit_test(a_body_may_come_in_pieces),
      cmocka_unit_test(bad_records_are_rejected_alone),
      cmocka_unit_test(text_that_is_not_utf8_is_repaired_everywhere),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
