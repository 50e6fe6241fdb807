/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "append_trial.h"

/* What became of spans with one column more. */
static const oa_array *append_spans(trial *t, batch *b) {
  trial_init(t, OA_TRACES);
  append_all(t, b);
  return columns_of(t);
}

static void missing_columns_are_null_or_default(void **state) {
  (void)state;
  trial t;
  batch b = spans(2);
  const oa_array *columns = append_spans(&t, &b);
  assert_int_equal(t.result.accepted, 2);
  assert_text(&columns[OA_SPAN_NAME], 1, "two");
  assert_id(&columns[OA_SPAN_TRACE_ID], 1, ID16, 16);
  assert_null_at(&columns[OA_SPAN_PARENT_SPAN_ID], 1);
  assert_null_at(&columns[OA_SPAN_STATUS_CODE], 0);
  assert_null_at(&columns[OA_COL_RESOURCE], 0);
  assert_int_equal(u32_at(&columns[OA_SPAN_KIND], 1), 0);
  assert_int_equal(u32_at(&columns[OA_SPAN_FLAGS], 1), 0);
  trial_free(&t);
}

static void unknown_columns_and_columns_of_nulls_are_ignored(void **state) {
  (void)state;
  trial t;
  batch b = spans(2);
  const oa_field nothing = {.name = "trace_state", .type = OA_TYPE_NULL};
  add(&b, nothing, (oa_array){.length = 2, .null_count = 2});
  const oa_field empty = {.name = "events", .type = OA_TYPE_NULL};
  add(&b, empty, (oa_array){.length = 2, .null_count = 2});
  add_values(&b, "promoted", OA_TYPE_DURATION, "0123456789abcdef", ALL_VALID);
  const oa_array *columns = append_spans(&t, &b);
  assert_null_at(&columns[OA_SPAN_TRACE_STATE], 0);
  assert_null_at(&columns[OA_SPAN_TRACE_STATE], 1);
  trial_free(&t);
}

/* --- texts --- */

static void assert_states(const oa_array *column) {
  assert_text(column, 0, "a");
  assert_null_at(column, 1);
  assert_null_at(column, 2); /* an empty text is none here */
  assert_text(column, 3, "b\xC3\xBC");
}

static void texts_come_plain_or_large(void **state) {
  (void)state;
  static const char *const texts[] = {"a", NULL, "", "b\xC3\xBC"};
  static const oa_type types[] = {OA_TYPE_UTF8, OA_TYPE_LARGE_UTF8};
  for (size_t i = 0; i < 2; i++) {
    trial t;
    batch b = spans(4);
    add_texts(&b, "trace_state", types[i], texts);
    const oa_array *columns = append_spans(&t, &b);
    assert_states(&columns[OA_SPAN_TRACE_STATE]);
    trial_free(&t);
  }
}

/* The indices 2, 1 (null), 0, 3 of each width; what lies under the null is no
 * index. */
static const void *indices_of_width(size_t width, void *out) {
  static const uint8_t indices[] = {2, 0xFF, 0, 3};
  memset(out, 0, 4 * width);
  for (size_t i = 0; i < 4; i++) {
    memset((uint8_t *)out + i * width, i == 1 ? 0xFF : 0, width);
    ((uint8_t *)out)[i * width] = indices[i];
  }
  return out;
}

static void texts_come_in_dictionaries_of_any_index(void **state) {
  (void)state;
  static const char *const texts[] = {"", "unused", "a", "b\xC3\xBC"};
  for (oa_type index = OA_TYPE_INT8; index <= OA_TYPE_UINT64; index++) {
    trial t;
    batch b = spans(4);
    uint8_t indices[32];
    const oa_type type = index % 2 == 0 ? OA_TYPE_UTF8 : OA_TYPE_LARGE_UTF8;
    add_dictionary(&b, "trace_state", type, index,
                   indices_of_width(oa_type_width(index), indices), 13, texts,
                   4);
    const oa_array *columns = append_spans(&t, &b);
    assert_states(&columns[OA_SPAN_TRACE_STATE]);
    /* A value that no row uses does not come along. */
    assert_int_equal(columns[OA_SPAN_TRACE_STATE].dictionary->length, 2);
    trial_free(&t);
  }
}

static void a_required_text_that_is_null_is_empty(void **state) {
  (void)state;
  static const char *const texts[] = {"a", NULL, "", NULL};
  static const char *const none[] = {NULL, NULL, NULL, NULL};
  for (int i = 0; i < 2; i++) {
    trial t;
    batch b = spans(4);
    b.count--;
    add_texts(&b, "name", OA_TYPE_UTF8, i == 0 ? texts : none);
    const oa_array *columns = append_spans(&t, &b);
    assert_text(&columns[OA_SPAN_NAME], 0, i == 0 ? "a" : "");
    for (int64_t row = 1; row < 4; row++) {
      assert_text(&columns[OA_SPAN_NAME], row, "");
    }
    trial_free(&t);
  }
}

static void texts_that_are_not_utf8_are_repaired_and_counted(void **state) {
  (void)state;
  static const char *const texts[] = {"a", "\xFF", "\xC3", "\xBC"};
  const uint8_t indices[] = {1, 1, 0, 1};
  trial t;
  batch b = spans(4);
  add_dictionary(&b, "trace_state", OA_TYPE_UTF8, OA_TYPE_UINT8, indices,
                 ALL_VALID, texts, 4);
  const oa_array *columns = append_spans(&t, &b);
  assert_text(&columns[OA_SPAN_TRACE_STATE], 0, "\xEF\xBF\xBD");
  assert_text(&columns[OA_SPAN_TRACE_STATE], 2, "a");
  assert_int_equal(t.result.repaired, 1); /* the value, once */
  trial_free(&t);

  /* Two halves of a character make none, though the bytes together do. */
  batch l = logs(4);
  l.count--;
  add_texts(&l, "body", OA_TYPE_UTF8, texts);
  trial_init(&t, OA_LOGS);
  append_all(&t, &l);
  columns = columns_of(&t);
  assert_plain(&columns[OA_LOG_COL_BODY], 0, "a");
  for (int64_t row = 1; row < 4; row++) {
    assert_plain(&columns[OA_LOG_COL_BODY], row, "\xEF\xBF\xBD");
  }
  assert_int_equal(t.result.repaired, 3);
  trial_free(&t);
}

static void a_dictionary_far_larger_than_the_rows_is_cut_down(void **state) {
  (void)state;
  enum { VALUES = 3000 };
  static char store[VALUES][16];
  static int64_t offsets[VALUES + 1];
  static char bytes[VALUES * 16];
  const int32_t indices[] = {2999, 7, 2999, 0};
  trial t;
  batch b = spans(4);
  for (int i = 0; i < VALUES; i++) {
    snprintf(store[i], sizeof store[i], "v%d", i);
    const size_t len = strlen(store[i]);
    memcpy(bytes + offsets[i], store[i], len);
    offsets[i + 1] = offsets[i] + (int64_t)len;
  }
  const oa_array values = {
      .length = VALUES, .offsets = offsets, .values = bytes};
  const oa_field field = {.name = "trace_state",
                          .type = OA_TYPE_LARGE_UTF8,
                          .nullable = true,
                          .dictionary = true,
                          .index_type = OA_TYPE_INT32};
  oa_array array = values_array(&b, 4, indices, sizeof *indices, 13);
  array.dictionary = &values;
  add(&b, field, array);
  const oa_array *columns = append_spans(&t, &b);
  assert_text(&columns[OA_SPAN_TRACE_STATE], 0, "v2999");
  assert_null_at(&columns[OA_SPAN_TRACE_STATE], 1);
  assert_text(&columns[OA_SPAN_TRACE_STATE], 2, "v2999");
  assert_text(&columns[OA_SPAN_TRACE_STATE], 3, "v0");
  trial_free(&t);
}

static void bodies_come_large_or_in_a_dictionary(void **state) {
  (void)state;
  static const char *const texts[] = {"b", NULL, "", "longer"};
  static const char *const values[] = {"unused", "b", "longer", ""};
  const uint16_t indices[] = {1, 0, 3, 2};
  for (int i = 0; i < 3; i++) {
    trial t;
    batch b = logs(4);
    b.count--;
    if (i < 2) {
      add_texts(&b, "body", i == 0 ? OA_TYPE_UTF8 : OA_TYPE_LARGE_UTF8, texts);
    } else {
      add_dictionary(&b, "body", OA_TYPE_UTF8, OA_TYPE_UINT16, indices, 13,
                     values, 4);
    }
    trial_init(&t, OA_LOGS);
    append_all(&t, &b);
    const oa_array *columns = columns_of(&t);
    assert_plain(&columns[OA_LOG_COL_BODY], 0, "b");
    assert_null_at(&columns[OA_LOG_COL_BODY], 1);
    assert_plain(&columns[OA_LOG_COL_BODY], 2, "");
    assert_plain(&columns[OA_LOG_COL_BODY], 3, "longer");
    /* Without a type a body is a text. */
    assert_int_equal(u8_at(&columns[OA_LOG_COL_BODY_TYPE], 2), OA_VALUE_STR);
    assert_null_at(&columns[OA_LOG_COL_BODY_TYPE], 1);
    trial_free(&t);
  }
}

/* --- ids --- */

static void ids_come_as_bytes_of_any_kind(void **state) {
  (void)state;
  static const char *const ids[] = {"abcdefgh", NULL, "", "stuvwxyz"};
  static const char *const values[] = {"stuvwxyz", "abcdefgh", "", "unused"};
  const int8_t indices[] = {1, -1, 2, 0};
  for (int i = 0; i < 4; i++) {
    trial t;
    batch b = spans(4);
    switch (i) {
      case 0:
        add_texts(&b, "parent_span_id", OA_TYPE_BINARY, ids);
        break;
      case 1:
        add_texts(&b, "parent_span_id", OA_TYPE_LARGE_BINARY, ids);
        break;
      case 2:
        add_dictionary(&b, "parent_span_id", OA_TYPE_BINARY, OA_TYPE_INT8,
                       indices, 13, values, 4);
        break;
      default:
        add_fixed(&b, "parent_span_id", 8, "abcdefgh????????????????stuvwxyz",
                  9);
        break;
    }
    const oa_array *columns = append_spans(&t, &b);
    const oa_array *parent = &columns[OA_SPAN_PARENT_SPAN_ID];
    assert_id(parent, 0, (const uint8_t *)"abcdefgh", 8);
    assert_null_at(parent, 1);
    assert_null_at(parent, 2);
    assert_id(parent, 3, (const uint8_t *)"stuvwxyz", 8);
    /* What lies under a null is zero, whatever was sent there. */
    assert_memory_equal((const uint8_t *)parent->values + 8, "\0\0\0\0\0\0\0\0",
                        8);
    trial_free(&t);
  }
}

static void ids_of_a_dictionary_of_fixed_bytes_are_gathered(void **state) {
  (void)state;
  const uint8_t indices[] = {1, 9, 0, 1};
  trial t;
  batch b = spans(4);
  const oa_field field = {.name = "parent_span_id",
                          .type = OA_TYPE_FIXED_BINARY,
                          .width = 8,
                          .nullable = true,
                          .dictionary = true,
                          .index_type = OA_TYPE_UINT8};
  const oa_array values = {
      .length = 2, .values = "abcdefghstuvwxyz", .values_size = 16};
  oa_array array = values_array(&b, 4, indices, 1, 13);
  array.dictionary = &values;
  add(&b, field, array);
  const oa_array *columns = append_spans(&t, &b);
  const oa_array *parent = &columns[OA_SPAN_PARENT_SPAN_ID];
  assert_id(parent, 0, (const uint8_t *)"stuvwxyz", 8);
  assert_null_at(parent, 1);
  assert_id(parent, 2, (const uint8_t *)"abcdefgh", 8);
  trial_free(&t);
}

/* --- numbers --- */

static void integers_come_in_any_width(void **state) {
  (void)state;
  const int8_t i8[] = {1, -2, 3};
  const int16_t i16[] = {1, -2, 3};
  const int32_t i32[] = {1, -2, 3};
  const int64_t i64[] = {1, -2, 3};
  const void *values[] = {i8, i16, i32, i64};
  for (size_t i = 0; i < 4; i++) {
    trial t;
    batch b = spans(3);
    add_values(&b, "kind", (oa_type)(OA_TYPE_INT8 + i), values[i], 3);
    add_values(&b, "status_code", (oa_type)(OA_TYPE_INT8 + i), values[i], 3);
    const oa_array *columns = append_spans(&t, &b);
    for (size_t k = 0; k < 2; k++) {
      const size_t at = k == 0 ? OA_SPAN_KIND : OA_SPAN_STATUS_CODE;
      assert_int_equal(u32_at(&columns[at], 0), 1);
      assert_int_equal((int32_t)u32_at(&columns[at], 1), -2);
    }
    assert_int_equal(u32_at(&columns[OA_SPAN_KIND], 2), 0);
    assert_null_at(&columns[OA_SPAN_STATUS_CODE], 2);
    trial_free(&t);
  }
  const uint8_t u8[] = {1, 2, 255};
  const uint16_t u16[] = {1, 2, 255};
  const uint64_t u64[] = {1, 2, 255};
  const void *naturals[] = {u8, u16, u64};
  static const oa_type types[] = {OA_TYPE_UINT8, OA_TYPE_UINT16,
                                  OA_TYPE_UINT64};
  for (size_t i = 0; i < 3; i++) {
    trial t;
    batch b = spans(3);
    add_values(&b, "flags", types[i], naturals[i], ALL_VALID);
    const oa_array *columns = append_spans(&t, &b);
    assert_int_equal(u32_at(&columns[OA_SPAN_FLAGS], 2), 255);
    trial_free(&t);
  }
}

static void times_come_in_any_unit(void **state) {
  (void)state;
  const int64_t values[] = {2, 0, 77};
  const uint64_t scale[] = {1000000000, 1000000, 1000, 1};
  for (int i = 0; i < 6; i++) {
    trial t;
    batch b = spans(3);
    oa_field field = {.name = "start_time_unix_nano",
                      .nullable = true,
                      .type = i < 4    ? OA_TYPE_TIMESTAMP
                              : i == 4 ? OA_TYPE_INT64
                                       : OA_TYPE_UINT64,
                      .unit = i < 4 ? (oa_time_unit)i : OA_UNIT_SECOND,
                      .timezone = i % 2 == 0 ? NULL : "Europe/Berlin"};
    add(&b, field, values_array(&b, 3, values, 8, 3));
    const oa_array *columns = append_spans(&t, &b);
    const oa_array *start = &columns[OA_SPAN_START_TIME];
    assert_int_equal(u64_at(start, 0), 2 * (i < 4 ? scale[i] : 1));
    assert_null_at(start, 1); /* 0 is no time */
    assert_null_at(start, 2);
    trial_free(&t);
  }
}

static void nanoseconds_keep_all_64_bits(void **state) {
  (void)state;
  const uint64_t values[] = {UINT64_MAX, 1, UINT64_C(1) << 63};
  for (int i = 0; i < 2; i++) {
    trial t;
    batch b = spans(3);
    const oa_field field = {.name = "end_time_unix_nano",
                            .type = i == 0 ? OA_TYPE_TIMESTAMP : OA_TYPE_UINT64,
                            .unit = OA_UNIT_NANO};
    add(&b, field, values_array(&b, 3, values, 8, ALL_VALID));
    const oa_array *columns = append_spans(&t, &b);
    assert_int_equal(u64_at(&columns[OA_SPAN_END_TIME], 0), UINT64_MAX);
    assert_int_equal(u64_at(&columns[OA_SPAN_END_TIME], 2), UINT64_C(1) << 63);
    trial_free(&t);
  }
}

static void floats_become_doubles(void **state) {
  (void)state;
  static const uint8_t types[] = {OA_METRIC_GAUGE, OA_METRIC_SUM,
                                  OA_METRIC_GAUGE};
  const float values[] = {0.5F, -0.0F, 9};
  trial t;
  batch b = points(3, types);
  add_values(&b, "value_double", OA_TYPE_FLOAT, values, 3);
  trial_init(&t, OA_METRICS);
  append_all(&t, &b);
  const oa_array *column = &columns_of(&t)[OA_POINT_VALUE_DOUBLE];
  double first;
  const uint64_t bits = u64_at(column, 0);
  memcpy(&first, &bits, sizeof first);
  assert_true(first == 0.5);
  assert_int_equal(u64_at(column, 1), UINT64_C(1) << 63);
  assert_null_at(column, 2);
  trial_free(&t);
}

/* --- failure --- */

static batch foreign(void) {
  static const char *const ids[] = {"abcdefgh", NULL, "", "short"};
  static const char *const texts[] = {"a", NULL, "b", "c"};
  static const char *const sers[] = {"\x80", "\x81\x01", "\x80", "\x80"};
  static const uint8_t types[] = {OA_VALUE_SLICE, OA_VALUE_SLICE, 0,
                                  OA_VALUE_BYTES};
  static const int32_t offsets[] = {0, 1, 2, 3, 4};
  static const int16_t kinds[] = {1, 2, 3, 4};
  static const uint8_t indices[] = {1, 0, 0, 1};
  const attribute_columns c = {.types = types, .ser = sers};
  batch b = spans(4);
  add_texts(&b, "parent_span_id", OA_TYPE_LARGE_BINARY, ids);
  add_texts(&b, "service_name", OA_TYPE_UTF8, texts);
  add_texts(&b, "scope_name", OA_TYPE_UTF8, texts);
  add_texts(&b, "status_message", OA_TYPE_LARGE_UTF8, texts);
  add_values(&b, "kind", OA_TYPE_INT16, kinds, ALL_VALID);
  add_dictionary(&b, "trace_state", OA_TYPE_UTF8, OA_TYPE_UINT8, indices,
                 ALL_VALID, texts, 3);
  add_attributes(&b, "attributes", offsets, &c);
  return b;
}

static void without_memory_no_foreign_batch_is_appended(void **state) {
  (void)state;
  oa_status status = OA_ERR_NOMEM;
  int64_t failures = 0;
  batch b = foreign();
  for (; status != OA_OK; failures++) {
    trial t;
    trial_init(&t, OA_TRACES);
    const oa_builder_mark mark = mark_of(&t);
    oa_mem_fail_after(failures);
    status = append(&t, &b);
    oa_mem_fail_after(-1);
    if (status != OA_OK) {
      assert_int_equal(status, OA_ERR_NOMEM);
      assert_string_equal(t.error.text, "traces: out of memory");
      assert_mark(&t, &mark);
      assert_int_equal(append(&t, &b), OA_OK);
    }
    assert_int_equal(rows_of(&t), 3);
    assert_int_equal(t.result.rejected, 1);
    trial_free(&t);
  }
  assert_true(failures > 30);
  batch_free(&b);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(missing_columns_are_null_or_default),
      cmocka_unit_test(unknown_columns_and_columns_of_nulls_are_ignored),
      cmocka_unit_test(texts_come_plain_or_large),
      cmocka_unit_test(texts_come_in_dictionaries_of_any_index),
      cmocka_unit_test(a_required_text_that_is_null_is_empty),
      cmocka_unit_test(texts_that_are_not_utf8_are_repaired_and_counted),
      cmocka_unit_test(a_dictionary_far_larger_than_the_rows_is_cut_down),
      cmocka_unit_test(bodies_come_large_or_in_a_dictionary),
      cmocka_unit_test(ids_come_as_bytes_of_any_kind),
      cmocka_unit_test(ids_of_a_dictionary_of_fixed_bytes_are_gathered),
      cmocka_unit_test(integers_come_in_any_width),
      cmocka_unit_test(times_come_in_any_unit),
      cmocka_unit_test(nanoseconds_keep_all_64_bits),
      cmocka_unit_test(floats_become_doubles),
      cmocka_unit_test(without_memory_no_foreign_batch_is_appended),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
