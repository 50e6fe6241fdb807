/* SPDX-License-Identifier: Apache-2.0 */
/* What holds for the requests of all signals. */
#include "otlp_rewrite.h"

#define FOR_EACH_SIGNAL(S) for (oa_signal S = 0; S < OA_SIGNAL_COUNT; S++)

static void decode_and_encode_give_the_same_bytes_again(void **state) {
  (void)state;
  FOR_EACH_SIGNAL(signal) {
    trial first;
    trial second;
    request r = {0};
    trial_init(&first, signal);
    trial_init(&second, signal);
    put_rich_request(&r, signal, "one");
    const size_t len = r.e.out.len;
    take(&first, &r);
    assert_int_equal(first.result.accepted, rich_items(signal));
    assert_int_equal(first.result.rejected, 0);
    assert_string_equal(first.result.reason, "");
    oa_buf once = encoded(&first);
    /* It was written as our encoder writes. */
    assert_int_equal(once.len, sizeof len + len);
    assert_int_equal(give(&second, once.data + sizeof len, len), OA_OK);
    assert_same(once, encoded(&second));
    trial_free(&first);
    trial_free(&second);
  }
}

static void how_a_message_is_written_does_not_matter(void **state) {
  (void)state;
  FOR_EACH_SIGNAL(signal) {
    for (manner how = 0; how < MANNERS; how++) {
      trial plain;
      trial other;
      request r = {0};
      oa_emit rewritten = {0};
      trial_init(&plain, signal);
      trial_init(&other, signal);
      put_rich_request(&r, signal, "one");
      rewrite(&rewritten, oa_message_request(signal),
              oa_cursor_over(r.e.out.data, r.e.out.len), how);
      assert_int_equal(rewritten.status, OA_OK);
      take(&plain, &r);
      if (give(&other, rewritten.out.data, rewritten.out.len) != OA_OK) {
        fail_msg("manner %d: %s", (int)how, other.error.text);
      }
      assert_int_equal(other.result.accepted, plain.result.accepted);
      assert_int_equal(other.result.repaired, 0);
      assert_same(encoded(&plain), encoded(&other));
      oa_buf_free(&rewritten.out);
      trial_free(&plain);
      trial_free(&other);
    }
  }
}

static void a_request_that_is_cut_short_changes_nothing(void **state) {
  (void)state;
  FOR_EACH_SIGNAL(signal) {
    trial t;
    request r = {0};
    request next = {0};
    trial_init(&t, signal);
    put_rich_request(&r, signal, "one");
    take(&t, &r);
    const oa_builder_mark mark = mark_of(&t);
    oa_buf before = encoded(&t);
    put_rich_request(&next, signal, "two");
    size_t refused = 0;
    for (size_t len = 1; len < next.e.out.len; len++) {
      const oa_status status = give(&t, next.e.out.data, len);
      char head[32];
      char tail[64];
      assert_int_equal(status, OA_ERR_TRUNCATED);
      snprintf(head, sizeof head, "%s: ", oa_signal_name(signal));
      snprintf(tail, sizeof tail, "at byte 0 of %zu: ", len);
      assert_memory_equal(t.error.text, head, strlen(head));
      assert_non_null(strstr(t.error.text, tail));
      assert_int_equal(t.result.accepted, 0);
      assert_mark(&t, &mark);
      refused++;
    }
    assert_true(refused > 1000);
    assert_same(before, encoded(&t));
    take(&t, &next);
    assert_int_equal(rows_of(&t), 2 * rich_items(signal));
    trial_free(&t);
  }
}

/* Cuts the innermost messages, so that the error lies deep inside. */
static void any_byte_may_be_wrong(void **state) {
  (void)state;
  FOR_EACH_SIGNAL(signal) {
    trial t;
    request r = {0};
    size_t refused = 0;
    trial_init(&t, signal);
    put_rich_request(&r, signal, "one");
    assert_int_equal(give(&t, r.e.out.data, r.e.out.len), OA_OK);
    const oa_builder_mark mark = mark_of(&t);
    oa_buf before = encoded(&t);
    for (size_t i = 0; i < r.e.out.len; i++) {
      for (unsigned bit = 0; bit < 8; bit++) {
        r.e.out.data[i] ^= (uint8_t)(1U << bit);
        const oa_status status = give(&t, r.e.out.data, r.e.out.len);
        r.e.out.data[i] ^= (uint8_t)(1U << bit);
        if (status == OA_OK) {
          /* Another valid request: begin again with what was there. */
          oa_otlp_builder_reset(t.builder, SIZE_MAX);
          assert_int_equal(give(&t, r.e.out.data, r.e.out.len), OA_OK);
          continue;
        }
        assert_true(status == OA_ERR_TRUNCATED || status == OA_ERR_MALFORMED);
        assert_non_null(strstr(t.error.text, " at byte "));
        assert_mark(&t, &mark);
        refused++;
      }
    }
    assert_true(refused > 500);
    assert_same(before, encoded(&t));
    request_free(&r);
    trial_free(&t);
  }
}

static void an_error_says_where(void **state) {
  (void)state;
  trial t;
  request r = {0};
  trial_init(&t, OA_TRACES);
  r.resource = oa_emit_open(&r.e, 1, 1); /* so that nothing moves */
  r.scope = oa_emit_open(&r.e, 2, 1);
  oa_emit_close(&r.e, open_record(&r));
  const oa_emit_nest span = open_record(&r);
  put_str_attr(&r.e, 9, "fine", "x");
  const pair p = open_pair(&r.e, 9, "k");
  const size_t at = r.e.out.len;
  oa_emit_bytes(&r.e, 1, ID8, 8);
  close_pair(&r.e, p);
  oa_emit_close(&r.e, span);
  close_records(&r);
  const size_t len = r.e.out.len;
  r.e.out.data[at + 1] = 9;
  assert_int_equal(give(&t, r.e.out.data, len), OA_ERR_TRUNCATED);
  char want[160];
  snprintf(want, sizeof want,
           "traces: resource_spans[0].scope_spans[0].spans[1].attributes[1]"
           ".value.string_value at byte %zu of %zu: ",
           at, len);
  assert_memory_equal(t.error.text, want, strlen(want));
  r.e.out.data[at] = 0x07; /* there is no wire type 7, nor field 0 */
  assert_int_equal(give(&t, r.e.out.data, len), OA_ERR_MALFORMED);
  assert_non_null(strstr(t.error.text, "attributes[1].value at byte "));
  request_free(&r);
  trial_free(&t);
}

static void every_allocation_may_fail(void **state) {
  (void)state;
  FOR_EACH_SIGNAL(signal) {
    for (int full = 0; full < 2; full++) {
      trial t;
      request first = {0};
      request r = {0};
      int64_t n = 0;
      put_rich_request(&first, signal, "one");
      put_rich_request(&r, signal, "two");
      for (;; n++) {
        /* A new builder for each, as a failure may leave memory behind. */
        trial_init(&t, signal);
        if (full == 1) {
          assert_int_equal(give(&t, first.e.out.data, first.e.out.len), OA_OK);
        }
        const oa_builder_mark mark = mark_of(&t);
        oa_buf before = encoded(&t);
        oa_mem_fail_after(n);
        const oa_status status = give(&t, r.e.out.data, r.e.out.len);
        oa_mem_fail_after(-1);
        if (status == OA_OK) {
          oa_buf_free(&before);
          break;
        }
        assert_int_equal(status, OA_ERR_NOMEM);
        assert_true(t.error.text[0] != '\0');
        assert_mark(&t, &mark);
        assert_same(before, encoded(&t));
        assert_int_equal(give(&t, r.e.out.data, r.e.out.len), OA_OK);
        trial other;
        trial_init(&other, signal);
        if (full == 1) {
          assert_int_equal(give(&other, first.e.out.data, first.e.out.len),
                           OA_OK);
        }
        assert_int_equal(give(&other, r.e.out.data, r.e.out.len), OA_OK);
        assert_same(encoded(&other), encoded(&t));
        trial_free(&other);
        trial_free(&t);
      }
      assert_true(full == 1 || n > 50);
      request_free(&first);
      request_free(&r);
      trial_free(&t);
    }
  }
}

static void a_builder_needs_memory(void **state) {
  (void)state;
  FOR_EACH_SIGNAL(signal) {
    _Atomic uint64_t ords = 0;
    oa_otlp_builder *builder = NULL;
    int64_t n = 0;
    for (;; n++) {
      oa_mem_fail_after(n);
      const oa_status status = oa_otlp_builder_new(&builder, signal, &ords);
      oa_mem_fail_after(-1);
      if (status == OA_OK) {
        break;
      }
      assert_int_equal(status, OA_ERR_NOMEM);
      assert_null(builder);
    }
    assert_true(n > 5);
    oa_otlp_builder_free(builder);
  }
  oa_otlp_builder_free(NULL);
}

static void a_reset_builder_is_as_new(void **state) {
  (void)state;
  FOR_EACH_SIGNAL(signal) {
    for (int keep = 0; keep < 2; keep++) {
      trial used;
      trial fresh;
      request r = {0};
      trial_init(&used, signal);
      trial_init(&fresh, signal);
      put_rich_request(&r, signal, "one");
      take(&used, &r);
      const size_t memory = oa_otlp_builder_memory(used.builder);
      assert_true(memory > 0);
      oa_otlp_builder_reset(used.builder, keep == 1 ? memory : memory - 1);
      assert_int_equal(rows_of(&used), 0);
      assert_int_equal(oa_otlp_builder_memory(used.builder) > 0, keep == 1);
      const oa_builder_mark nothing = {0};
      assert_mark(&used, &nothing);
      for (int i = 0; i < 2; i++) {
        put_rich_request(&r, signal, "two");
        take(&used, &r);
        put_rich_request(&r, signal, "two");
        take(&fresh, &r);
      }
      const oa_builder_mark mark = mark_of(&fresh);
      assert_mark(&used, &mark);
      assert_same(encoded(&fresh), encoded(&used));
      trial_free(&used);
      trial_free(&fresh);
    }
  }
}

static void an_empty_request_is_taken(void **state) {
  (void)state;
  FOR_EACH_SIGNAL(signal) {
    trial t;
    request r = {0};
    trial_init(&t, signal);
    assert_int_equal(give(&t, NULL, 0), OA_OK);
    assert_int_equal(oa_otlp_decode(t.builder, NULL, 0, &t.result, &t.error),
                     OA_OK);
    open_records(&r); /* and one whose ScopeX holds nothing */
    close_records(&r);
    take(&t, &r);
    assert_int_equal(rows_of(&t), 0);
    assert_int_equal(t.result.accepted, 0);
    trial_free(&t);
  }
}

/* ROWS rows in SCOPES scopes of RESOURCES resources. */
static void put_grid(request *r, int resources, int scopes, int rows) {
  for (int i = 0; i < resources; i++) {
    r->resource = oa_emit_open(&r->e, 1, 1);
    for (int j = 0; j < scopes; j++) {
      r->scope = oa_emit_open(&r->e, 2, 1);
      for (int k = 0; k < rows; k++) {
        oa_emit_close(&r->e, open_record(r));
      }
      oa_emit_close(&r->e, r->scope);
    }
    oa_emit_close(&r->e, r->resource);
  }
}

static void ords_tell_requests_resources_and_scopes_apart(void **state) {
  (void)state;
  FOR_EACH_SIGNAL(signal) {
    trial t;
    request r = {0};
    trial_init(&t, signal);
    put_grid(&r, 2, 2, 2);
    take(&t, &r);
    put_grid(&r, 1, 1, 1);
    take(&t, &r);
    assert_int_equal(rows_of(&t), 9);
    const oa_array *resource = &columns_of(&t)[OA_COL_RESOURCE_ORD];
    const oa_array *scope = &columns_of(&t)[OA_COL_SCOPE_ORD];
    const uint64_t from = u64_at(resource, 0);
    const uint64_t scope_from = u64_at(scope, 0);
    for (int64_t i = 0; i < 8; i++) {
      assert_int_equal(u64_at(resource, i), from + (uint64_t)i / 4);
      assert_int_equal(u64_at(scope, i), scope_from + (uint64_t)i / 2);
    }
    /* The next request leaves a number out. */
    assert_int_equal(u64_at(resource, 8), from + 3);
    assert_int_equal(u64_at(scope, 8), scope_from + 4);
    trial_free(&t);
  }
}

static void builders_with_one_counter_never_share_a_number(void **state) {
  (void)state;
  trial a;
  trial b;
  request r = {0};
  trial_init(&a, OA_LOGS);
  trial_init(&b, OA_LOGS);
  oa_otlp_builder_free(b.builder);
  assert_int_equal(oa_otlp_builder_new(&b.builder, OA_LOGS, &a.ords), OA_OK);
  uint64_t last[2] = {0};
  for (int i = 0; i < 4; i++) {
    put_grid(&r, 1, 1, 1);
    take(&a, &r);
    put_grid(&r, 1, 1, 1);
    take(&b, &r);
  }
  last[0] = u64_at(&columns_of(&a)[OA_COL_RESOURCE_ORD], 3);
  last[1] = u64_at(&columns_of(&b)[OA_COL_RESOURCE_ORD], 0);
  assert_true(last[0] < last[1]); /* b's block lies behind a's */
  assert_int_equal(last[0],
                   u64_at(&columns_of(&a)[OA_COL_RESOURCE_ORD], 0) + 6);
  trial_free(&a);
  trial_free(&b);
}

static void requests_come_back_one_by_one(void **state) {
  (void)state;
  trial t;
  request r = {0};
  trial_init(&t, OA_TRACES);
  size_t sizes[3];
  for (int i = 0; i < 3; i++) {
    put_grid(&r, i + 1, 2, 1);
    sizes[i] = r.e.out.len;
    take(&t, &r);
  }
  oa_buf all = encoded(&t);
  size_t at = 0;
  for (int i = 0; i < 3; i++) {
    size_t len;
    memcpy(&len, all.data + at, sizeof len);
    assert_int_equal(len, sizes[i]);
    at += sizeof len + len;
  }
  assert_int_equal(at, all.len);
  oa_buf_free(&all);
  trial_free(&t);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(decode_and_encode_give_the_same_bytes_again),
      cmocka_unit_test(how_a_message_is_written_does_not_matter),
      cmocka_unit_test(a_request_that_is_cut_short_changes_nothing),
      cmocka_unit_test(any_byte_may_be_wrong),
      cmocka_unit_test(an_error_says_where),
      cmocka_unit_test(every_allocation_may_fail),
      cmocka_unit_test(a_builder_needs_memory),
      cmocka_unit_test(a_reset_builder_is_as_new),
      cmocka_unit_test(an_empty_request_is_taken),
      cmocka_unit_test(ords_tell_requests_resources_and_scopes_apart),
      cmocka_unit_test(builders_with_one_counter_never_share_a_number),
      cmocka_unit_test(requests_come_back_one_by_one),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
