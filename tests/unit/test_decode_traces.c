/* SPDX-License-Identifier: Apache-2.0 */
#include "otlp_trial.h"

static void every_field_of_a_span_has_its_column(void **state) {
  (void)state;
  trial t;
  request r = {0};
  trial_init(&t, OA_TRACES);
  put_rich_request(&r, OA_TRACES, "one");
  take(&t, &r);
  const oa_array *c = columns_of(&t);
  assert_int_equal(rows_of(&t), 2);
  for (int64_t i = 0; i < 2; i++) {
    assert_id(&c[OA_SPAN_TRACE_ID], i, ID16, 16);
    assert_id(&c[OA_SPAN_SPAN_ID], i, ID8, 8);
    assert_id(&c[OA_SPAN_PARENT_SPAN_ID], i, ID8, 8);
    assert_text(&c[OA_SPAN_TRACE_STATE], i, "trace=state");
    assert_int_equal(u32_at(&c[OA_SPAN_FLAGS], i), 257);
    assert_text(&c[OA_SPAN_NAME], i, "span");
    assert_int_equal(u32_at(&c[OA_SPAN_KIND], i), 2);
    assert_int_equal(u64_at(&c[OA_SPAN_START_TIME], i), 20);
    assert_int_equal(u64_at(&c[OA_SPAN_END_TIME], i), UINT64_MAX);
    assert_int_equal(u32_at(&c[OA_SPAN_STATUS_CODE], i), 2);
    assert_text(&c[OA_SPAN_STATUS_MESSAGE], i, "message");
    assert_int_equal(u32_at(&c[OA_SPAN_DROPPED_ATTRIBUTES], i), 21);
    assert_int_equal(u32_at(&c[OA_SPAN_DROPPED_EVENTS], i), 22);
    assert_int_equal(u32_at(&c[OA_SPAN_DROPPED_LINKS], i), 23);
    const oa_array *items;
    int64_t at;
    assert_int_equal(items_at(&c[OA_SPAN_ATTRIBUTES], i, &items, &at), 8);
    assert_int_equal(items_at(&c[OA_SPAN_EVENTS], i, &items, &at), 2);
    assert_int_equal(u64_at(&items[OA_EVENT_TIME], at + 1), 30);
    assert_text(&items[OA_EVENT_NAME], at, "event");
    assert_int_equal(u32_at(&items[OA_EVENT_DROPPED_ATTRIBUTES], at), 31);
    assert_int_equal(items_at(&c[OA_SPAN_LINKS], i, &items, &at), 1);
    assert_id(&items[OA_LINK_TRACE_ID], at, ID16, 16);
    assert_id(&items[OA_LINK_SPAN_ID], at, ID8, 8);
    assert_text(&items[OA_LINK_TRACE_STATE], at, "link=state");
    assert_int_equal(u32_at(&items[OA_LINK_FLAGS], at), 33);
    assert_int_equal(u32_at(&items[OA_LINK_DROPPED_ATTRIBUTES], at), 32);
    const oa_array *attributes;
    assert_int_equal(items_at(&items[OA_LINK_ATTRIBUTES], at, &attributes, &at),
                     8);
  }
  trial_free(&t);
}

static void what_is_not_set_is_null_or_the_default(void **state) {
  (void)state;
  static const size_t nulls[] = {
      OA_SPAN_TRACE_ID,    OA_SPAN_SPAN_ID,       OA_SPAN_PARENT_SPAN_ID,
      OA_SPAN_TRACE_STATE, OA_SPAN_START_TIME,    OA_SPAN_END_TIME,
      OA_SPAN_STATUS_CODE, OA_SPAN_STATUS_MESSAGE};
  trial t;
  request r = {0};
  trial_init(&t, OA_TRACES);
  open_records(&r);
  oa_emit_close(&r.e, open_record(&r));
  close_records(&r);
  take(&t, &r);
  const oa_array *c = columns_of(&t);
  const oa_array *items;
  int64_t at;
  for (size_t i = 0; i < sizeof nulls / sizeof nulls[0]; i++) {
    assert_null_at(&c[nulls[i]], 0);
  }
  assert_text(&c[OA_SPAN_NAME], 0, "");
  assert_int_equal(u32_at(&c[OA_SPAN_KIND], 0), 0);
  assert_int_equal(u32_at(&c[OA_SPAN_FLAGS], 0), 0);
  assert_int_equal(items_at(&c[OA_SPAN_EVENTS], 0, &items, &at), 0);
  trial_free(&t);
}

static void a_status_may_come_in_pieces(void **state) {
  (void)state;
  trial t;
  request r = {0};
  trial_init(&t, OA_TRACES);
  open_records(&r);
  const oa_emit_nest span = open_record(&r);
  for (int i = 0; i < 3; i++) {
    const oa_emit_nest status = oa_emit_open(&r.e, 15, 1);
    if (i == 0) {
      put_text(&r.e, 2, "m");
    } else if (i == 1) {
      oa_emit_varint(&r.e, 3, 1);
    }
    oa_emit_close(&r.e, status);
  }
  oa_emit_close(&r.e, span);
  const oa_emit_nest second = open_record(&r);
  oa_emit_bytes(&r.e, 15, ID8, 0); /* there, but nothing is set */
  oa_emit_close(&r.e, second);
  close_records(&r);
  take(&t, &r);
  const oa_array *c = columns_of(&t);
  assert_int_equal(u32_at(&c[OA_SPAN_STATUS_CODE], 0), 1);
  assert_text(&c[OA_SPAN_STATUS_MESSAGE], 0, "m");
  assert_int_equal(u32_at(&c[OA_SPAN_STATUS_CODE], 1), 0);
  assert_null_at(&c[OA_SPAN_STATUS_MESSAGE], 1);
  trial_free(&t);
}

/* Ids of LEN bytes in FIELD of a span, or with LINK of a link. */
static void put_span_with_id(request *r, bool link, uint32_t field,
                             size_t len) {
  static const uint8_t zeros[32];
  const oa_emit_nest span = open_record(r);
  put_str_attr(&r->e, 9, "k", "v");
  const oa_emit_nest inner = oa_emit_open(&r->e, 13, 1);
  put_str_attr(&r->e, 4, "k", "v");
  if (link) {
    oa_emit_bytes(&r->e, field, zeros, len);
  }
  oa_emit_close(&r->e, inner);
  if (!link) {
    oa_emit_bytes(&r->e, field, zeros, len);
  }
  oa_emit_close(&r->e, span);
}

static void ids_have_their_length_or_are_empty(void **state) {
  (void)state;
  static const struct {
    bool link;
    uint32_t field;
    size_t len;
    const char *reason;
  } ids[] = {
      {false, 1, 16, "trace_id has %zu bytes, not 16"},
      {false, 2, 8, "span_id and parent_span_id have %zu and 0 bytes, not 8"},
      {false, 4, 8, "span_id and parent_span_id have 0 and %zu bytes, not 8"},
      {true, 1, 16,
       "a link's trace_id and span_id have %zu and 0 bytes, not 16 and 8"},
      {true, 2, 8,
       "a link's trace_id and span_id have 0 and %zu bytes, not 16 and 8"},
  };
  for (size_t i = 0; i < sizeof ids / sizeof ids[0]; i++) {
    for (size_t len = 0; len <= 32; len++) {
      trial t;
      request r = {0};
      trial_init(&t, OA_TRACES);
      open_records(&r);
      put_span_with_id(&r, ids[i].link, ids[i].field, len);
      put_span_with_id(&r, false, 1, 0);
      close_records(&r);
      take(&t, &r);
      const bool fine = len == 0 || len == ids[i].len;
      assert_int_equal(t.result.accepted, fine ? 2 : 1);
      assert_int_equal(t.result.rejected, fine ? 0 : 1);
      const oa_array *items;
      int64_t at;
      const oa_array *c = columns_of(&t);
      for (int64_t row = 0; row < rows_of(&t); row++) {
        assert_int_equal(items_at(&c[OA_SPAN_LINKS], row, &items, &at), 1);
        assert_int_equal(at, row);
        assert_int_equal(items_at(&c[OA_SPAN_ATTRIBUTES], row, &items, &at), 1);
      }
      if (!fine) {
        char want[192];
        char number[8];
        const char *hole = strstr(ids[i].reason, "%zu");
        snprintf(number, sizeof number, "%zu", len);
        snprintf(want, sizeof want,
                 "resource_spans[0].scope_spans[0].spans[0]: %.*s%s%s",
                 (int)(hole - ids[i].reason), ids[i].reason, number, hole + 3);
        assert_string_equal(t.result.reason, want);
      }
      trial_free(&t);
    }
  }
}

static void numbers_are_cut_to_their_width(void **state) {
  (void)state;
  trial t;
  request r = {0};
  trial_init(&t, OA_TRACES);
  open_records(&r);
  const oa_emit_nest span = open_record(&r);
  oa_emit_varint(&r.e, 6, (uint64_t)-1); /* an enum below zero */
  oa_emit_varint(&r.e, 10, UINT64_C(0x100000002));
  oa_emit_close(&r.e, span);
  close_records(&r);
  take(&t, &r);
  assert_int_equal(u32_at(&columns_of(&t)[OA_SPAN_KIND], 0), UINT32_MAX);
  assert_int_equal(u32_at(&columns_of(&t)[OA_SPAN_DROPPED_ATTRIBUTES], 0), 2);
  trial_free(&t);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_field_of_a_span_has_its_column),
      cmocka_unit_test(what_is_not_set_is_null_or_the_default),
      cmocka_unit_test(a_status_may_come_in_pieces),
      cmocka_unit_test(ids_have_their_length_or_are_empty),
      cmocka_unit_test(numbers_are_cut_to_their_width),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
