/* SPDX-License-Identifier: Apache-2.0 */
#include "otlp_rewrite.h"

/* The resource of a rich request. */
static oa_cursor find_resource(const request *r) {
  oa_cursor cursor = oa_cursor_over(r->e.out.data, r->e.out.len);
  for (int level = 0; level < 2; level++) {
    uint32_t tag = 0;
    assert_int_equal(oa_cursor_tag(&cursor, &tag), OA_OK);
    assert_int_equal(tag, OA_TAG(1, OA_WIRE_BYTES));
    oa_cursor inner = {0};
    assert_int_equal(oa_cursor_bytes(&cursor, &inner), OA_OK);
    cursor = inner;
  }
  return cursor;
}

static void a_canonical_message_is_its_own_canonical_form(void **state) {
  (void)state;
  request r = {0};
  put_rich_request(&r, OA_LOGS, "one");
  const oa_cursor resource = find_resource(&r);
  for (manner how = 0; how < MANNERS; how++) {
    oa_emit other = {0};
    oa_buf out = {0};
    uint64_t repaired = 0;
    rewrite(&other, &oa_message_resource, resource, how);
    assert_int_equal(
        oa_message_canonical(&oa_message_resource,
                             oa_cursor_over(other.out.data, other.out.len),
                             &out, &repaired),
        OA_OK);
    assert_int_equal(out.len, oa_cursor_left(&resource));
    assert_memory_equal(out.data, resource.at, out.len);
    assert_int_equal(repaired, 0);
    oa_buf_free(&out);
    oa_buf_free(&other.out);
  }
  request_free(&r);
}

static void a_failure_leaves_what_was_there(void **state) {
  (void)state;
  request r = {0};
  put_rich_request(&r, OA_LOGS, "one");
  const oa_cursor resource = find_resource(&r);
  size_t failures = 0;
  for (oa_cursor part = resource; part.end > part.at; part.end--) {
    oa_buf out = {0};
    uint64_t repaired = 0;
    assert_int_equal(oa_buf_put(&out, "x", 1), OA_OK);
    const oa_status status =
        oa_message_canonical(&oa_message_resource, part, &out, &repaired);
    if (status != OA_OK) {
      assert_int_equal(status, OA_ERR_TRUNCATED);
      assert_int_equal(out.len, 1);
      failures++;
    }
    oa_buf_free(&out);
  }
  assert_true(failures > 100);
  for (int64_t n = 0;; n++) {
    oa_buf out = {0};
    uint64_t repaired = 0;
    oa_mem_fail_after(n);
    const oa_status status =
        oa_message_canonical(&oa_message_resource, resource, &out, &repaired);
    oa_mem_fail_after(-1);
    oa_buf_free(&out);
    if (status == OA_OK) {
      assert_true(n > 0);
      break;
    }
    assert_int_equal(status, OA_ERR_NOMEM);
  }
  request_free(&r);
}

static void assert_explained(oa_signal signal, const char *bytes, size_t len,
                             oa_status code, const char *text) {
  oa_error error = {0};
  oa_message_explain(signal, (const uint8_t *)bytes, len, &error);
  assert_int_equal(error.code, code);
  assert_string_equal(error.text, text);
}

static void the_first_bad_place_is_named(void **state) {
  (void)state;
  assert_explained(OA_LOGS, "\x0A", 1, OA_ERR_TRUNCATED,
                   "logs: resource_logs[0] at byte 0 of 1: the value passes "
                   "the end of its message");
  assert_explained(OA_METRICS, "\x0A\x00\x0A\x02\x1A\x05", 6, OA_ERR_TRUNCATED,
                   "metrics: resource_metrics[1].schema_url at byte 4 of 6: "
                   "the value passes the end of its message");
  assert_explained(OA_TRACES, "\x00", 1, OA_ERR_MALFORMED,
                   "traces: at byte 0 of 1: no valid protobuf encoding");
  assert_explained(OA_TRACES, "\x80\x80", 2, OA_ERR_TRUNCATED,
                   "traces: at byte 0 of 2: the value passes the end of its "
                   "message");
  /* A packed list of doubles that is not a multiple of eight bytes. */
  assert_explained(
      OA_METRICS, "\x0A\x0C\x12\x0A\x12\x08\x4A\x06\x0A\x04\x3A\x02zz", 14,
      OA_ERR_TRUNCATED,
      "metrics: resource_metrics[0].scope_metrics[0].metrics[0].histogram"
      ".data_points[0].explicit_bounds[0] at byte 12 of 14: the value passes "
      "the end of its message");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_canonical_message_is_its_own_canonical_form),
      cmocka_unit_test(a_failure_leaves_what_was_there),
      cmocka_unit_test(the_first_bad_place_is_named),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
