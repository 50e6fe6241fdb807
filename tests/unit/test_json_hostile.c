/* SPDX-License-Identifier: Apache-2.0 */
/* OTLP/JSON that is cut, damaged, or made to cost more than it may. */
#include "json_trial.h"

/* A request of SIGNAL with every field, as text. */
static oa_buf rich_text(oa_signal signal) {
  oa_emit e = {0};
  oa_buf text = {0};
  put_all_fields(&e, oa_message_request(signal), 3, 8);
  assert_int_equal(
      oa_otlp_json_write(signal, e.out.data, e.out.len, &text, NULL), OA_OK);
  oa_buf_free(&e.out);
  return text;
}

/* A copy that ends where it ends, so that a sanitizer sees a read behind. */
static uint8_t *exact_copy(const uint8_t *text, size_t len) {
  uint8_t *copy = malloc(len > 0 ? len : 1);
  assert_non_null(copy);
  memcpy(copy, text, len);
  return copy;
}

static void every_cut_of_a_request_ends_too_early(void **state) {
  (void)state;
  for (int signal = 0; signal < OA_SIGNAL_COUNT; signal++) {
    oa_buf text = rich_text((oa_signal)signal);
    oa_buf out = {0};
    const size_t step = text.len / 1500 + 1;
    for (size_t len = 0; len < text.len; len += len < 600 ? 1 : step) {
      oa_error error = {0};
      uint8_t *cut = exact_copy(text.data, len);
      assert_int_equal(
          oa_otlp_json_read((oa_signal)signal, cut, len, &out, &error),
          OA_ERR_TRUNCATED);
      assert_int_equal(out.len, 0);
      assert_true(error.text[0] != '\0');
      free(cut);
    }
    oa_buf_free(&out);
    oa_buf_free(&text);
  }
}

static void a_damaged_request_is_refused_or_still_a_request(void **state) {
  (void)state;
  static const uint8_t bytes[] = {0,   '"',  '{', '}', '[', ']', ',',
                                  ':', '\\', '0', 'n', ' ', 0xFF};
  size_t refused = 0;
  for (int signal = 0; signal < OA_SIGNAL_COUNT; signal++) {
    oa_buf text = rich_text((oa_signal)signal);
    uint8_t *copy = exact_copy(text.data, text.len);
    const size_t step = text.len / 400 + 1;
    for (size_t i = 0; i < text.len; i += i < 300 ? 1 : step) {
      for (size_t n = 0; n < sizeof bytes; n++) {
        oa_buf out = {0};
        oa_error error = {0};
        copy[i] = bytes[n];
        const oa_status status =
            oa_otlp_json_read((oa_signal)signal, copy, text.len, &out, &error);
        if (status == OA_OK) {
          oa_buf again = {0};
          assert_int_equal(oa_otlp_json_write((oa_signal)signal, out.data,
                                              out.len, &again, NULL),
                           OA_OK);
          oa_buf_free(&again);
        } else {
          assert_int_equal(out.len, 0);
          assert_true(error.text[0] != '\0');
          refused++;
        }
        oa_buf_free(&out);
      }
      copy[i] = text.data[i];
    }
    free(copy);
    oa_buf_free(&text);
  }
  assert_true(refused > 1000);
}

static void running_out_of_memory_leaves_the_output_as_it_was(void **state) {
  (void)state;
  oa_buf text = rich_text(OA_METRICS);
  int64_t n = 0;
  for (;; n++) {
    oa_buf out = {0};
    oa_error error = {0};
    assert_int_equal(oa_buf_put(&out, "x", 1), OA_OK);
    oa_mem_fail_after(n);
    const oa_status status =
        oa_otlp_json_read(OA_METRICS, text.data, text.len, &out, &error);
    oa_mem_fail_after(-1);
    const size_t len = out.len;
    oa_buf_free(&out);
    if (status == OA_OK) {
      break;
    }
    assert_int_equal(status, OA_ERR_NOMEM);
    assert_string_equal(error.text, "metrics: out of memory");
    assert_int_equal(len, 1);
  }
  assert_true(n > 0);
  oa_buf_free(&text);
}

/* Counts are cheap to write and long as protobuf: the output grows far past
 * what was reserved, and every step of it may fail. */
static void running_out_of_memory_while_growing_is_a_status(void **state) {
  (void)state;
  enum { COUNTS = 4000 };
  oa_buf text = {0};
  assert_int_equal(
      oa_buf_printf(&text,
                    "{\"resourceMetrics\":[{\"scopeMetrics\":[{"
                    "\"metrics\":[{\"histogram\":{\"dataPoints\":[{"
                    "\"bucketCounts\":[0"),
      OA_OK);
  for (int i = 1; i < COUNTS; i++) {
    assert_int_equal(oa_buf_put(&text, ",0", 2), OA_OK);
  }
  assert_int_equal(oa_buf_printf(&text, "]}]}}]}]}]}"), OA_OK);
  int64_t n = 0;
  for (;; n++) {
    oa_buf out = {0};
    oa_mem_fail_after(n);
    const oa_status status =
        oa_otlp_json_read(OA_METRICS, text.data, text.len, &out, NULL);
    oa_mem_fail_after(-1);
    const size_t len = out.len;
    oa_buf_free(&out);
    if (status == OA_OK) {
      assert_in_range(len, 8 * COUNTS, 4 * text.len);
      break;
    }
    assert_int_equal(status, OA_ERR_NOMEM);
    assert_int_equal(len, 0);
  }
  assert_true(n > 2);
  oa_buf_free(&text);
}

/* --- nesting --- */

static void put_times(oa_buf *out, const char *text, size_t times) {
  for (size_t i = 0; i < times; i++) {
    assert_int_equal(oa_buf_put(out, text, strlen(text)), OA_OK);
  }
}

/* Two log records; the body of the first is a string of LEN bytes in DEPTH
 * maps or arrays. */
static oa_buf deep_text(size_t depth, bool maps, size_t len) {
  const char *open = maps ? "{\"kvlistValue\":{\"values\":[{\"value\":"
                          : "{\"arrayValue\":{\"values\":[";
  oa_buf text = {0};
  put_times(
      &text,
      "{\"resourceLogs\":[{\"scopeLogs\":[{\"logRecords\":[{\"body\":", 1);
  put_times(&text, open, depth);
  put_times(&text, "{\"stringValue\":\"", 1);
  put_times(&text, "x", len);
  put_times(&text, "\"}", 1);
  put_times(&text, maps ? "}]}}" : "]}}", depth);
  put_times(&text, "},{\"severityText\":\"kept\"}]}]}]}", 1);
  return text;
}

static oa_status read_deep(size_t depth, bool maps, size_t len, oa_buf *out,
                           oa_error *error) {
  oa_buf text = deep_text(depth, maps, len);
  const oa_status status =
      oa_otlp_json_read(OA_LOGS, text.data, text.len, out, error);
  oa_buf_free(&text);
  return status;
}

static void a_value_nested_too_deep_costs_its_record_alone(void **state) {
  (void)state;
  static const struct {
    size_t depth;
    bool maps;
    uint64_t rejected;
  } cases[] = {
      {OA_OTLP_MAX_DEPTH, false, 0},      {OA_OTLP_MAX_DEPTH, true, 0},
      {OA_OTLP_MAX_DEPTH + 1, false, 1},  {OA_OTLP_MAX_DEPTH + 1, true, 1},
      {OA_OTLP_MAX_DEPTH + 60, false, 1}, {OA_OTLP_MAX_DEPTH + 60, true, 1}};
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    _Atomic uint64_t ords = 0;
    oa_otlp_builder *builder;
    oa_otlp_result result;
    oa_buf out = {0};
    assert_int_equal(read_deep(cases[i].depth, cases[i].maps, 5, &out, NULL),
                     OA_OK);
    assert_int_equal(oa_otlp_builder_new(&builder, OA_LOGS, &ords), OA_OK);
    assert_int_equal(oa_otlp_decode(builder, out.data, out.len, &result, NULL),
                     OA_OK);
    assert_int_equal(result.rejected, cases[i].rejected);
    assert_int_equal(result.accepted, 2 - cases[i].rejected);
    oa_otlp_builder_free(builder);
    oa_buf_free(&out);
  }
}

static void messages_inside_each_other_are_bounded(void **state) {
  (void)state;
  const size_t around =
      5; /* request, ResourceLogs, ScopeLogs, LogRecord, body */
  const size_t most = (OA_JSON_MAX_MESSAGES - around) / 2;
  oa_buf out = {0};
  oa_error error = {0};
  assert_int_equal(read_deep(most, false, 1, &out, &error), OA_OK);
  out.len = 0;
  assert_int_equal(read_deep(most + 1, false, 1, &out, &error), OA_ERR_LIMIT);
  assert_non_null(strstr(error.text, "logs: resourceLogs[0].scopeLogs[0]."));
  assert_non_null(strstr(error.text, "... at byte "));
  assert_non_null(strstr(error.text, "values are nested too deep"));
  assert_int_equal(out.len, 0);
  oa_buf_free(&out);
}

static void an_unknown_member_may_not_nest_for_ever_either(void **state) {
  (void)state;
  oa_buf text = {0};
  oa_buf out = {0};
  oa_error error = {0};
  put_times(&text, "{\"unknown\":", 1);
  put_times(&text, "[", 100000);
  assert_int_equal(
      oa_otlp_json_read(OA_LOGS, text.data, text.len, &out, &error),
      OA_ERR_LIMIT);
  assert_non_null(strstr(error.text, "values are nested too deep"));
  oa_buf_free(&text);
  oa_buf_free(&out);
}

/* Each level that was thought to be short moves all that is in it. */
static void a_long_text_in_many_levels_is_refused_before_it_costs(
    void **state) {
  (void)state;
  enum { LONG = 1 << 20 };
  oa_buf out = {0};
  oa_error error = {0};
  assert_int_equal(read_deep(20, true, LONG, &out, &error), OA_OK);
  out.len = 0;
  assert_int_equal(read_deep(150, true, LONG, &out, &error), OA_ERR_LIMIT);
  assert_non_null(
      strstr(error.text, "values are nested too deep for their length"));
  assert_int_equal(out.len, 0);
  oa_buf_free(&out);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_cut_of_a_request_ends_too_early),
      cmocka_unit_test(a_damaged_request_is_refused_or_still_a_request),
      cmocka_unit_test(running_out_of_memory_leaves_the_output_as_it_was),
      cmocka_unit_test(running_out_of_memory_while_growing_is_a_status),
      cmocka_unit_test(a_value_nested_too_deep_costs_its_record_alone),
      cmocka_unit_test(messages_inside_each_other_are_bounded),
      cmocka_unit_test(an_unknown_member_may_not_nest_for_ever_either),
      cmocka_unit_test(a_long_text_in_many_levels_is_refused_before_it_costs),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
