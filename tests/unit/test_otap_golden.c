/* SPDX-License-Identifier: Apache-2.0 */
/* Messages that the OpenTelemetry project's Go library made decode to the
 * requests that it made them from. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "otap/otap.h"
#include "otap_text.h"

static void read_golden(const char *name, const char *suffix, oa_buf *out) {
  char path[64];
  uint8_t chunk[4096];
  size_t n;
  snprintf(path, sizeof path, "tests/golden/otap/%s.%s", name, suffix);
  FILE *file = fopen(path, "rb");
  assert_non_null(file); /* run it at the top of the tree */
  out->len = 0;
  while ((n = fread(chunk, 1, sizeof chunk, file)) > 0) {
    assert_int_equal(oa_buf_put(out, chunk, n), OA_OK);
  }
  fclose(file);
}

/* The messages of one stream, one after the other. */
static void expect_stream(oa_signal signal, const char *const *names,
                          size_t count) {
  _Atomic uint64_t ords = 0;
  oa_otap_stream *stream = NULL;
  oa_otlp_builder *actual = NULL;
  oa_buf bytes = {0};
  assert_int_equal(oa_otap_stream_new(&stream, signal, NULL), OA_OK);
  assert_int_equal(oa_otlp_builder_new(&actual, signal, &ords), OA_OK);
  for (size_t i = 0; i < count; i++) {
    oa_otlp_builder *expected = NULL;
    oa_otlp_result result;
    oa_otap_batch batch;
    oa_error error = {0};
    const int64_t rows = oa_otlp_builder_rows(actual);
    assert_int_equal(oa_otlp_builder_new(&expected, signal, &ords), OA_OK);
    read_golden(names[i], "pb", &bytes);
    assert_int_equal(
        oa_otlp_decode(expected, bytes.data, bytes.len, &result, &error),
        OA_OK);
    read_golden(names[i], "bar", &bytes);
    const oa_status status =
        oa_otap_decode(stream, actual, bytes.data, bytes.len, &batch, &error);
    assert_string_equal(error.text, "");
    assert_int_equal(status, OA_OK);
    assert_int_equal(batch.batch_id, i);
    assert_true(batch.in_step);
    assert_int_equal(batch.result.accepted, result.accepted);
    expect_same_rows(actual, rows, expected, true);
    oa_otlp_builder_free(expected);
  }
  oa_otlp_builder_free(actual);
  oa_otap_stream_free(stream);
  oa_buf_free(&bytes);
}

static void spans_with_delta_dictionaries_are_the_request(void **state) {
  (void)state;
  static const char *const names[] = {"t1", "t2"};
  expect_stream(OA_TRACES, names, 2);
}

static void compressed_spans_are_the_request(void **state) {
  (void)state;
  static const char *const names[] = {"g0", "g1"};
  expect_stream(OA_TRACES, names, 2);
}

static void metrics_of_every_kind_are_the_request(void **state) {
  (void)state;
  static const char *const names[] = {"m1"};
  expect_stream(OA_METRICS, names, 1);
}

static void null_list_items_are_zeros(void **state) {
  (void)state;
  static const char *const names[] = {"h"};
  expect_stream(OA_METRICS, names, 1);
}

static void logs_are_the_request(void **state) {
  (void)state;
  static const char *const l1[] = {"l1"};
  static const char *const gl[] = {"gl"};
  expect_stream(OA_LOGS, l1, 1);
  expect_stream(OA_LOGS, gl, 1);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(spans_with_delta_dictionaries_are_the_request),
      cmocka_unit_test(compressed_spans_are_the_request),
      cmocka_unit_test(metrics_of_every_kind_are_the_request),
      cmocka_unit_test(null_list_items_are_zeros),
      cmocka_unit_test(logs_are_the_request),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
