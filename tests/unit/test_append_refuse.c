/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "append_trial.h"

static const int32_t one_each[] = {0, 1, 2, 3};

/* --- batches that are not taken --- */

static void a_batch_without_its_columns_is_told_which(void **state) {
  (void)state;
  trial t;
  batch b = spans(2);
  b.count--;
  trial_init(&t, OA_TRACES);
  append_fails(&t, &b, OA_ERR_UNSUPPORTED,
               "column name is missing; traces need trace_id, span_id, name");
  trial_free(&t);
  trial_init(&t, OA_METRICS);
  b = spans(2);
  append_fails(&t, &b, OA_ERR_UNSUPPORTED,
               "column metric_name is missing; metrics need metric_name, "
               "metric_type, time_unix_nano");
  trial_free(&t);
  trial_init(&t, OA_LOGS);
  b = spans(2);
  append_fails(&t, &b, OA_ERR_UNSUPPORTED,
               "column time_unix_nano is missing; logs need time_unix_nano, "
               "body");
  trial_free(&t);
}

static void items_without_their_columns_are_told_which(void **state) {
  (void)state;
  const oa_field field = {.name = "str", .type = OA_TYPE_UTF8};
  static const char *const texts[] = {"a", "b"};
  trial t;
  batch b = spans(2);
  const oa_array column = texts_array(&b, 2, false, texts);
  add_structs(&b, "attributes", one_each, &field, &column, 1);
  trial_init(&t, OA_TRACES);
  append_fails(&t, &b, OA_ERR_UNSUPPORTED,
               "column attributes.key is missing; attributes need key, type");
  trial_free(&t);
}

/* Rows of nothing cost their sender nothing. */
static void a_required_column_of_nulls_is_not_taken(void **state) {
  (void)state;
  trial t;
  batch b = {.rows = INT32_MAX};
  static const char *const names[] = {"trace_id", "span_id", "name"};
  for (size_t i = 0; i < 3; i++) {
    const oa_field field = {.name = names[i], .type = OA_TYPE_NULL};
    add(&b, field, (oa_array){.length = b.rows, .null_count = b.rows});
  }
  trial_init(&t, OA_TRACES);
  b.rows /= 2;
  append_fails(&t, &b, OA_ERR_UNSUPPORTED,
               "column trace_id of traces is null, which cannot become "
               "fixed_size_binary[16]");
  b.rows = INT64_MAX;
  append_fails(&t, &b, OA_ERR_LIMIT, "traces: a limit would be passed");
  trial_free(&t);
}

static void a_type_that_would_lose_values_is_named(void **state) {
  (void)state;
  static const char *const texts[] = {"a", "b"};
  const uint64_t values[] = {1, 2};
  for (int i = 0; i < 8; i++) {
    trial t;
    batch b = spans(2);
    trial_init(&t, OA_TRACES);
    const char *want = "";
    switch (i) {
      case 0:
        add_texts(&b, "kind", OA_TYPE_UTF8, texts);
        want = "kind of traces is utf8, which cannot become int32";
        break;
      case 1:
        add_values(&b, "kind", OA_TYPE_DOUBLE, values, ALL_VALID);
        want = "kind of traces is double, which cannot become int32";
        break;
      case 2:
        add_values(&b, "trace_state", OA_TYPE_INT64, values, ALL_VALID);
        want =
            "trace_state of traces is int64, which cannot become "
            "dictionary<int32, utf8>";
        break;
      case 3:
        add_texts(&b, "trace_state", OA_TYPE_BINARY, texts);
        want =
            "trace_state of traces is binary, which cannot become "
            "dictionary<int32, utf8>";
        break;
      case 4:
        add_fixed(&b, "parent_span_id", 7, "0123456789abcd", ALL_VALID);
        want =
            "parent_span_id of traces is fixed_size_binary[7], which cannot "
            "become fixed_size_binary[8]";
        break;
      case 5:
        add_values(&b, "start_time_unix_nano", OA_TYPE_DURATION, values,
                   ALL_VALID);
        want = "start_time_unix_nano of traces is ";
        break;
      case 6: /* also when it holds no value */
        add_values(&b, "kind", OA_TYPE_DOUBLE, values, 0);
        want = "kind of traces is double, which cannot become int32";
        break;
      default:
        add_values(&b, "events", OA_TYPE_INT64, values, ALL_VALID);
        want = "events of traces is int64, which cannot become list<item: ";
        break;
    }
    assert_int_equal(append(&t, &b), OA_ERR_UNSUPPORTED);
    assert_int_equal(rows_of(&t), 0);
    if (strncmp(t.error.text, "column ", 7) != 0 ||
        strncmp(t.error.text + 7, want, strlen(want)) != 0) {
      fail_msg("%s", t.error.text);
    }
    batch_free(&b);
    trial_free(&t);
  }
}

/* --- rows that are left out --- */

static void ids_of_a_wrong_length_cost_their_row_alone(void **state) {
  (void)state;
  static const char *const ids[] = {"abcdefgh", "short", "", NULL};
  trial t;
  batch b = spans(4);
  add_texts(&b, "parent_span_id", OA_TYPE_BINARY, ids);
  trial_init(&t, OA_TRACES);
  append_refused(&t, &b, 1, "row 1, column parent_span_id: 5 bytes, not 8");
  assert_int_equal(t.result.accepted, 3);
  const oa_array *columns = columns_of(&t);
  assert_text(&columns[OA_SPAN_NAME], 0, "one");
  assert_text(&columns[OA_SPAN_NAME], 1, "three");
  assert_text(&columns[OA_SPAN_NAME], 2, "four");
  assert_id(&columns[OA_SPAN_PARENT_SPAN_ID], 0, (const uint8_t *)"abcdefgh",
            8);
  assert_null_at(&columns[OA_SPAN_PARENT_SPAN_ID], 1);
  trial_free(&t);
}

static void numbers_that_do_not_fit_cost_their_row(void **state) {
  (void)state;
  const int64_t kinds[] = {1, INT64_C(1) << 31, -(INT64_C(1) << 31), 4};
  const uint64_t codes[] = {1, 2, 3, UINT64_MAX};
  trial t;
  batch b = spans(4);
  add_values(&b, "kind", OA_TYPE_INT64, kinds, ALL_VALID);
  trial_init(&t, OA_TRACES);
  append_refused(&t, &b, 1,
                 "row 1, column kind: 2147483648 does not fit int32");
  b = spans(4);
  add_values(&b, "status_code", OA_TYPE_UINT64, codes, ALL_VALID);
  append_refused(
      &t, &b, 1,
      "row 3, column status_code: 18446744073709551615 does not fit int32");
  const int8_t flags[] = {0, -1, 1, -1};
  b = spans(4);
  add_values(&b, "flags", OA_TYPE_INT8, flags, 7); /* the last one is null */
  append_refused(&t, &b, 1, "row 1, column flags: -1 does not fit uint32");
  trial_free(&t);
}

static void times_that_do_not_fit_cost_their_row(void **state) {
  (void)state;
  const int64_t times[] = {1, INT64_MAX / 1000000000, -1,
                           INT64_MAX / 1000000000 + 1};
  trial t;
  batch b = spans(4);
  const oa_field field = {.name = "start_time_unix_nano",
                          .type = OA_TYPE_TIMESTAMP,
                          .unit = OA_UNIT_SECOND};
  add(&b, field, values_array(&b, 4, times, 8, ALL_VALID));
  trial_init(&t, OA_TRACES);
  append_refused(&t, &b, 2,
                 "row 2, column start_time_unix_nano: -1 does not fit "
                 "timestamp[ns, UTC]");
  b = spans(4);
  add_values(&b, "end_time_unix_nano", OA_TYPE_INT64, times, ALL_VALID);
  append_refused(&t, &b, 1,
                 "row 2, column end_time_unix_nano: -1 does not fit "
                 "timestamp[ns, UTC]");
  trial_free(&t);
}

static void all_rows_may_be_left_out(void **state) {
  (void)state;
  static const char *const ids[] = {"x", "x", "x", "x"};
  trial t;
  batch b = spans(4);
  add_texts(&b, "parent_span_id", OA_TYPE_BINARY, ids);
  trial_init(&t, OA_TRACES);
  append_refused(&t, &b, 4, "row 0, column parent_span_id: 1 bytes, not 8");
  assert_int_equal(t.result.accepted, 0);
  trial_free(&t);
}

/* --- attributes --- */

static void an_attribute_without_its_value_costs_its_row(void **state) {
  (void)state;
  static const char *const texts[] = {"a", NULL, "c"};
  const int64_t ints[] = {1, 2, 3};
  for (uint8_t type = 1; type <= 8; type++) {
    const uint8_t types[] = {1, type, 1};
    const attribute_columns c = {
        .types = types, .str = texts, .ints = ints, .ints_valid = 0};
    trial t;
    char want[96];
    batch b = spans(3);
    static const char *const names[] = {"",     "str", "int", "double",
                                        "bool", "ser", "ser"};
    add_attributes(&b, "attributes", one_each, &c);
    trial_init(&t, OA_TRACES);
    if (type == OA_VALUE_BYTES) { /* none are the same as no bytes */
      append_all(&t, &b);
    } else {
      if (type < OA_VALUE_BYTES) {
        snprintf(want, sizeof want,
                 "row 1, column attributes.%s: type %u has no value here",
                 names[type], type);
      } else {
        snprintf(want, sizeof want,
                 "row 1, column attributes.type: the type 8 is not known");
      }
      append_refused(&t, &b, 1, want);
    }
    trial_free(&t);
  }
}

static void cbor_that_is_none_costs_its_row(void **state) {
  (void)state;
  const uint8_t types[] = {OA_VALUE_MAP, OA_VALUE_SLICE, OA_VALUE_SLICE};
  static const char *const sers[][3] = {
      {"\xA1\x61k\x01", "\x82\x01", "\x81\x01"},
      {"\xA1\x61k\x01", "\xA1\x61k\x01", "\x9F\xFF"},
      {"\xBF\xFF", "\x81\x01\x01", "\x80"},
      {"\xBF\xFF", "\x01", "\x80"},
      {"\xBF\xFF", "", "\x80"},
  };
  for (size_t i = 0; i < 5; i++) {
    const attribute_columns c = {.types = types, .ser = sers[i]};
    trial t;
    batch b = spans(3);
    add_attributes(&b, "attributes", one_each, &c);
    trial_init(&t, OA_TRACES);
    assert_int_equal(append(&t, &b), OA_OK);
    assert_int_equal(t.result.rejected, 1);
    assert_int_equal(rows_of(&t), 2);
    const char *want = "row 1, column attributes.ser: not valid CBOR: ";
    if (strncmp(t.result.reason, want, strlen(want)) != 0) {
      fail_msg("%s", t.result.reason);
    }
    oa_buf bytes = encoded(&t);
    oa_buf_free(&bytes);
    batch_free(&b);
    trial_free(&t);
  }
}

/* A bad attribute of an event leaves out the span that has the event. */
static void items_at_any_depth_cost_the_row_they_belong_to(void **state) {
  (void)state;
  static const char *const names[] = {"e", "f", "g"};
  const uint8_t types[] = {0, 9, 0};
  const int32_t in_rows[] = {0, 1, 1, 3};
  const attribute_columns c = {.types = types};
  trial t;
  batch b = spans(3);
  oa_field fields[2] = {{.name = "name", .type = OA_TYPE_UTF8}};
  oa_array columns[2] = {texts_array(&b, 3, false, names)};
  add_attributes(&b, "attributes", one_each, &c);
  b.count--; /* it goes into the events instead */
  fields[1] = b.fields[b.count];
  columns[1] = b.columns[b.count];
  add_structs(&b, "events", in_rows, fields, columns, 2);
  trial_init(&t, OA_TRACES);
  append_refused(&t, &b, 1,
                 "row 2, column events.attributes.type: the type 9 is not "
                 "known");
  const oa_array *items;
  int64_t first;
  assert_int_equal(items_at(&columns_of(&t)[OA_SPAN_EVENTS], 0, &items, &first),
                   1);
  assert_text(&items[OA_EVENT_NAME], first, "e");
  assert_int_equal(items_at(&columns_of(&t)[OA_SPAN_EVENTS], 1, &items, &first),
                   0);
  trial_free(&t);
}

static void null_items_cost_their_row(void **state) {
  (void)state;
  const uint8_t types[] = {0, 0, 0};
  const attribute_columns c = {.types = types};
  trial t;
  batch b = spans(3);
  oa_array *list = add_attributes(&b, "attributes", one_each, &c);
  oa_array items = list->children[0];
  set_valid(&b, &items, 5);
  list->children = &items;
  trial_init(&t, OA_TRACES);
  append_refused(&t, &b, 1, "row 1, column attributes: an item is null");
  trial_free(&t);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_batch_without_its_columns_is_told_which),
      cmocka_unit_test(items_without_their_columns_are_told_which),
      cmocka_unit_test(a_required_column_of_nulls_is_not_taken),
      cmocka_unit_test(a_type_that_would_lose_values_is_named),
      cmocka_unit_test(ids_of_a_wrong_length_cost_their_row_alone),
      cmocka_unit_test(numbers_that_do_not_fit_cost_their_row),
      cmocka_unit_test(times_that_do_not_fit_cost_their_row),
      cmocka_unit_test(all_rows_may_be_left_out),
      cmocka_unit_test(an_attribute_without_its_value_costs_its_row),
      cmocka_unit_test(cbor_that_is_none_costs_its_row),
      cmocka_unit_test(items_at_any_depth_cost_the_row_they_belong_to),
      cmocka_unit_test(null_items_cost_their_row),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
