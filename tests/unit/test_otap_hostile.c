/* SPDX-License-Identifier: Apache-2.0 */
/* Real messages that are cut, changed, or met by a lack of memory: a result or
 * a reason, and a builder that has no row of a message that was refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "otap_trial.h"

static void read_golden(const char *name, oa_buf *out) {
  char path[64];
  uint8_t chunk[4096];
  size_t n;
  snprintf(path, sizeof path, "tests/golden/otap/%s.bar", name);
  FILE *file = fopen(path, "rb");
  assert_non_null(file); /* run it at the top of the tree */
  while ((n = fread(chunk, 1, sizeof chunk, file)) > 0) {
    assert_int_equal(oa_buf_put(out, chunk, n), OA_OK);
  }
  fclose(file);
}

static const struct {
  const char *name;
  oa_signal signal;
} golden[] = {{"t1", OA_TRACES}, {"g0", OA_TRACES}, {"m1", OA_METRICS},
              {"h", OA_METRICS}, {"l1", OA_LOGS},   {"gl", OA_LOGS}};

/* Decodes LEN bytes from memory of that size into a new stream and BUILDER. */
static oa_status decode_copy(oa_signal signal, oa_otlp_builder *builder,
                             const uint8_t *bytes, size_t len) {
  oa_otap_stream *otap = NULL;
  oa_otap_batch batch;
  oa_error error = {0};
  const int64_t rows = oa_otlp_builder_rows(builder);
  uint8_t *copy = oa_malloc(len + 1);
  assert_non_null(copy);
  memcpy(copy, bytes, len);
  assert_int_equal(oa_otap_stream_new(&otap, signal, NULL), OA_OK);
  const oa_status status =
      oa_otap_decode(otap, builder, copy, len, &batch, &error);
  if (status != OA_OK) {
    assert_int_equal(oa_otlp_builder_rows(builder), rows);
    assert_int_equal(error.code, status);
    assert_true(error.text[0] != '\0');
    assert_int_equal(batch.result.accepted, 0);
  }
  oa_otap_stream_free(otap);
  oa_free(copy);
  return status;
}

static void no_part_of_a_message_is_taken(void **state) {
  (void)state;
  for (size_t g = 0; g < sizeof golden / sizeof golden[0]; g++) {
    _Atomic uint64_t ords = 0;
    oa_otlp_builder *builder = NULL;
    oa_buf bytes = {0};
    read_golden(golden[g].name, &bytes);
    assert_int_equal(oa_otlp_builder_new(&builder, golden[g].signal, &ords),
                     OA_OK);
    size_t taken = 0;
    for (size_t len = 0; len < bytes.len; len++) {
      /* A message that ends between two payloads is one of fewer tables. */
      taken += decode_copy(golden[g].signal, builder, bytes.data, len) == OA_OK;
    }
    assert_true(taken < 16);
    assert_int_equal(
        decode_copy(golden[g].signal, builder, bytes.data, bytes.len), OA_OK);
    oa_otlp_builder_free(builder);
    oa_buf_free(&bytes);
  }
}

/* What is still taken must be telemetry that can be said in OTLP. */
static oa_status ignore(void *context, const uint8_t *bytes, size_t len) {
  (void)context;
  (void)bytes;
  (void)len;
  return OA_OK;
}

static void expect_telemetry(oa_signal signal, oa_otlp_builder *builder) {
  const oa_array *columns = NULL;
  oa_error error = {0};
  assert_int_equal(oa_otlp_builder_columns(builder, &columns), OA_OK);
  assert_int_equal(
      oa_otlp_encode(signal, columns, oa_otlp_builder_rows(builder), ignore,
                     NULL, &error),
      OA_OK);
}

static void changed_bytes_are_a_result_or_a_reason(void **state) {
  (void)state;
  /* The second has short messages without compression. */
  static const char *const names[] = {"gl", "h"};
  static const oa_signal signals[] = {OA_LOGS, OA_METRICS};
  static const uint8_t masks[] = {0x01, 0x80, 0xff};
  for (size_t g = 0; g < 2; g++) {
    _Atomic uint64_t ords = 0;
    oa_otlp_builder *builder = NULL;
    oa_buf bytes = {0};
    read_golden(names[g], &bytes);
    assert_int_equal(oa_otlp_builder_new(&builder, signals[g], &ords), OA_OK);
    for (size_t at = 0; at < bytes.len; at++) {
      for (size_t i = 0; i < sizeof masks; i++) {
        bytes.data[at] ^= masks[i];
        (void)decode_copy(signals[g], builder, bytes.data, bytes.len);
        bytes.data[at] ^= masks[i];
      }
      if (at % 256 == 0) {
        expect_telemetry(signals[g], builder);
        oa_otlp_builder_reset(builder, SIZE_MAX);
      }
    }
    oa_otlp_builder_free(builder);
    oa_buf_free(&bytes);
  }
}

static void missing_bytes_are_a_result_or_a_reason(void **state) {
  (void)state;
  _Atomic uint64_t ords = 0;
  oa_otlp_builder *builder = NULL;
  oa_buf bytes = {0};
  oa_buf less = {0};
  read_golden("gl", &bytes);
  assert_int_equal(oa_otlp_builder_new(&builder, OA_LOGS, &ords), OA_OK);
  for (size_t at = 0; at < bytes.len; at++) {
    less.len = 0;
    assert_int_equal(oa_buf_put(&less, bytes.data, at), OA_OK);
    assert_int_equal(oa_buf_put(&less, bytes.data + at + 1, bytes.len - at - 1),
                     OA_OK);
    (void)decode_copy(OA_LOGS, builder, less.data, less.len);
  }
  expect_telemetry(OA_LOGS, builder);
  oa_otlp_builder_free(builder);
  oa_buf_free(&bytes);
  oa_buf_free(&less);
}

static void no_memory_is_a_status_and_changes_nothing(void **state) {
  (void)state;
  for (size_t g = 0; g < sizeof golden / sizeof golden[0]; g++) {
    oa_buf bytes = {0};
    oa_status status = OA_ERR_NOMEM;
    read_golden(golden[g].name, &bytes);
    for (int64_t n = 0; status != OA_OK; n++) {
      stream s;
      message m = {.e = {.out = bytes}};
      stream_init(&s, golden[g].signal, NULL);
      oa_mem_fail_after(n);
      status = take_message(&s, &m);
      oa_mem_fail_after(-1);
      assert_true(status == OA_OK || status == OA_ERR_NOMEM);
      if (status != OA_OK) {
        assert_int_equal(oa_otlp_builder_rows(s.builder), 0);
        /* When only the rows did not fit, the stream goes on. */
        const bool in_step = s.batch.in_step;
        assert_true(n > 0 || !in_step);
        for (size_t i = 0; i < s.builder->dict_count; i++) {
          assert_int_equal(s.builder->dicts[i]->count, 0);
        }
      }
      assert_true(n < 5000);
      stream_free(&s);
    }
    oa_buf_free(&bytes);
  }
}

static void no_memory_for_a_stream_is_a_status(void **state) {
  (void)state;
  oa_status status = OA_ERR_NOMEM;
  for (int64_t n = 0; status != OA_OK; n++) {
    oa_otap_stream *otap = NULL;
    oa_mem_fail_after(n);
    status = oa_otap_stream_new(&otap, OA_LOGS, NULL);
    oa_mem_fail_after(-1);
    assert_true(status == OA_OK || status == OA_ERR_NOMEM);
    assert_true(n > 0 || status == OA_ERR_NOMEM);
    oa_otap_stream_free(otap);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(no_part_of_a_message_is_taken),
      cmocka_unit_test(changed_bytes_are_a_result_or_a_reason),
      cmocka_unit_test(missing_bytes_are_a_result_or_a_reason),
      cmocka_unit_test(no_memory_is_a_status_and_changes_nothing),
      cmocka_unit_test(no_memory_for_a_stream_is_a_status),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
