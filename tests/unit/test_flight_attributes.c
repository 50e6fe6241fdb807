/* SPDX-License-Identifier: Apache-2.0 */
#include "flight_trial.h"

#include "flight/attributes.h"
#include "otlp/json_text.h"

typedef struct parsed {
  oa_status status;
  const char *problem;
  size_t at;
  oa_buf json; /* the attributes as our own JSON text again */
} parsed;

/* TEXT as the attributes of a log record, decoded, as JSON again. */
static parsed parse(const char *text) {
  parsed out = {.status = OA_OK};
  request r = {0};
  oa_buf scratch = {0};
  trial t;
  trial_init(&t, OA_LOGS);
  open_records(&r);
  const oa_emit_nest record = open_record(&r);
  out.status =
      oa_flight_put_attributes(&r.e, 6, oa_cursor_over(text, strlen(text)),
                               &scratch, &out.problem, &out.at);
  oa_emit_close(&r.e, record);
  if (out.status == OA_OK) {
    close_records(&r);
    take(&t, &r);
    assert_int_equal(rows_of(&t), 1);
    const oa_array *c = columns_of(&t);
    assert_int_equal(
        oa_json_put_attributes(&out.json, &c[OA_LOG_COL_ATTRIBUTES], 0), OA_OK);
  }
  request_free(&r);
  oa_buf_free(&scratch);
  trial_free(&t);
  return out;
}

static void assert_parsed(const char *text, const char *want) {
  parsed p = parse(text);
  if (p.status != OA_OK) {
    fail_msg("%s: %s at %zu", text, p.problem, p.at);
  }
  assert_bytes(p.json.data, p.json.len, want, strlen(want));
  oa_buf_free(&p.json);
}

static void assert_wrong(const char *text, size_t at) {
  const parsed p = parse(text);
  assert_int_equal(p.status, OA_ERR_MALFORMED);
  assert_non_null(p.problem);
  assert_int_equal(p.at, at);
}

static void the_types_of_json_are_kept(void **state) {
  (void)state;
  assert_parsed("{\"s\":\"text\",\"i\":-5,\"d\":2.5,\"t\":true,\"f\":false}",
                "{\"s\":\"text\",\"i\":-5,\"d\":2.5,\"t\":true,\"f\":false}");
}

static void numbers_are_integers_when_they_look_like_it_and_fit(void **state) {
  (void)state;
  assert_parsed("{\"a\":9223372036854775807}", "{\"a\":9223372036854775807}");
  assert_parsed("{\"a\":-9223372036854775808}", "{\"a\":-9223372036854775808}");
  assert_parsed("{\"a\":9223372036854775808}", "{\"a\":9.223372036854776e+18}");
  assert_parsed("{\"a\":1.0,\"b\":1e2}", "{\"a\":1.0,\"b\":100.0}");
}

static void nested_values_are_kept(void **state) {
  (void)state;
  assert_parsed("{\"a\":[1,[true,\"x\"],{}],\"b\":{\"c\":{\"d\":[]}}}",
                "{\"a\":[1,[true,\"x\"],{}],\"b\":{\"c\":{\"d\":[]}}}");
}

static void null_is_an_attribute_without_a_value(void **state) {
  (void)state;
  assert_parsed("{\"a\":null,\"b\":[null,1]}", "{\"a\":null,\"b\":[null,1]}");
}

static void escapes_are_undone(void **state) {
  (void)state;
  assert_parsed("{\"k\\u0041\":\"\\u00fc\\ud83d\\ude00\\n\\\"\"}",
                "{\"kA\":\"\u00fc\U0001F600\\n\\\"\"}");
}

static void space_is_allowed_between_all_parts(void **state) {
  (void)state;
  assert_parsed(" { \"a\" : [ 1 , 2 ] , \"b\" : { } } \n",
                "{\"a\":[1,2],\"b\":{}}");
}

static void no_text_and_null_have_no_attributes(void **state) {
  (void)state;
  assert_parsed("", "{}");
  assert_parsed("{}", "{}");
  assert_parsed(" null ", "{}");
}

static void what_is_no_object_is_refused_with_its_place(void **state) {
  (void)state;
  assert_wrong("[]", 0);
  assert_wrong("{\"a\":1", 6);
  assert_wrong("{\"a\":1,}", 7);
  assert_wrong("{\"a\" 1}", 5);
  assert_wrong("{a:1}", 1);
  assert_wrong("{\"a\":1}x", 7);
  assert_wrong("{\"a\":[1 2]}", 8);
  assert_wrong("{\"a\":}", 5);
  assert_wrong("{\"a\":1e999}", 5);
  assert_wrong("nul", 3);
}

static void deep_values_are_refused(void **state) {
  (void)state;
  char text[1024] = "{\"a\":";
  for (int i = 0; i < OA_OTLP_MAX_DEPTH; i++) {
    memcpy(text + strlen(text), "[", 2);
  }
  for (int i = 0; i < OA_OTLP_MAX_DEPTH; i++) {
    memcpy(text + strlen(text), "]", 2);
  }
  memcpy(text + strlen(text), "}", 2);
  parsed p = parse(text);
  assert_int_equal(p.status, OA_OK);
  oa_buf_free(&p.json);
  memmove(text + 6, text + 5, strlen(text + 5) + 1);
  text[5] = '[';
  p = parse(text);
  assert_int_equal(p.status, OA_ERR_LIMIT);
  assert_string_equal(p.problem, "nested too deep");
}

static void every_failed_allocation_is_reported(void **state) {
  (void)state;
  static const char text[] = "{\"a\":\"\\u00fc\",\"b\":[1,{\"c\":true}]}";
  oa_status status = OA_ERR_NOMEM;
  for (int64_t n = 0; status != OA_OK; n++) {
    oa_emit e = {0};
    oa_buf scratch = {0};
    const char *problem = NULL;
    size_t at = 0;
    oa_mem_fail_after(n);
    status = oa_flight_put_attributes(
        &e, 1, oa_cursor_over(text, sizeof text - 1), &scratch, &problem, &at);
    oa_mem_fail_after(-1);
    assert_true(status == OA_OK || status == OA_ERR_NOMEM);
    oa_buf_free(&e.out);
    oa_buf_free(&scratch);
    assert_true(n < 100);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_types_of_json_are_kept),
      cmocka_unit_test(numbers_are_integers_when_they_look_like_it_and_fit),
      cmocka_unit_test(nested_values_are_kept),
      cmocka_unit_test(null_is_an_attribute_without_a_value),
      cmocka_unit_test(escapes_are_undone),
      cmocka_unit_test(space_is_allowed_between_all_parts),
      cmocka_unit_test(no_text_and_null_have_no_attributes),
      cmocka_unit_test(what_is_no_object_is_refused_with_its_place),
      cmocka_unit_test(deep_values_are_refused),
      cmocka_unit_test(every_failed_allocation_is_reported),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
