/* SPDX-License-Identifier: Apache-2.0 */
/* What is built must be what tests of the decoders write field by field. */
#include "api_builder_rich.h"

static void every_field_of_every_message_comes_back(void **state) {
  (void)state;
  for (int signal = OA_TRACES; signal <= OA_LOGS; signal++) {
    oa_builder *b = new_builder((oa_signal)signal);
    request r = {0};
    build_rich(b, (oa_signal)signal, "one");
    put_rich(&r, (oa_signal)signal, "one");
    assert_built(b, &r, rich_items((oa_signal)signal));
    oa_builder_free(b);
  }
}

static void finishing_twice_gives_the_same_and_building_goes_on(void **state) {
  (void)state;
  for (int i = OA_TRACES; i <= OA_LOGS; i++) {
    const oa_signal signal = (oa_signal)i;
    oa_builder *b = new_builder(signal);
    request r = {0};
    build_rich(b, signal, "one");
    put_rich(&r, signal, "one");
    oa_buf first = rows_built(b, rich_items(signal));
    assert_same(first, rows_built(b, rich_items(signal)));
    build_rich(b, signal, "two");
    put_rich(&r, signal, "two");
    assert_built(b, &r, 2 * rich_items(signal));
    oa_builder_free(b);
  }
}

static void a_reset_builder_is_as_new(void **state) {
  (void)state;
  oa_builder *b = new_builder(OA_TRACES);
  oa_error error = {0};
  const void *bytes;
  size_t len;
  request r = {0};
  build_rich(b, OA_TRACES, "gone");
  oa_build_body(b); /* a failure */
  assert_int_equal(oa_builder_finish(b, &bytes, &len, &error), OA_ERR_CONFIG);
  oa_builder_reset(b);
  assert_int_equal(oa_builder_items(b), 0);
  assert_int_equal(oa_builder_size(b), 0);
  build_rich(b, OA_TRACES, "stays");
  put_rich(&r, OA_TRACES, "stays");
  assert_built(b, &r, 2);
  oa_builder_free(b);
}

static void a_builder_without_calls_gives_an_empty_request(void **state) {
  (void)state;
  oa_builder *b = new_builder(OA_LOGS);
  const void *bytes = NULL;
  size_t len = 1;
  assert_int_equal(oa_builder_finish(b, &bytes, &len, NULL), OA_OK);
  assert_non_null(bytes);
  assert_int_equal(len, 0);
  oa_build_resource(b, NULL);
  oa_build_scope(b, NULL);
  request r = {0};
  assert_built(b, &r, 0);
  oa_builder_free(b);
}

static void what_is_inside_closes_by_itself(void **state) {
  (void)state;
  oa_builder *b = new_builder(OA_TRACES);
  oa_builder *careful = new_builder(OA_TRACES);
  const oa_span span = {.size = sizeof span, .trace_id = {1}, .span_id = {1}};
  const oa_span_link link = {
      .size = sizeof link, .trace_id = {1}, .span_id = {1}};
  for (int i = 0; i < 2; i++) {
    oa_builder *to = i == 0 ? b : careful;
    for (int j = 0; j < 3; j++) {
      oa_build_resource(to, NULL);
      oa_build_scope(to, NULL);
      oa_build_span(to, &span);
      oa_build_event(to, 1, OA_S("e"), 0);
      oa_build_map(to, OA_S("m"));
      oa_build_array(to, OA_S("a"));
      for (int k = 0; to == careful && k < 3; k++) {
        oa_build_end(to);
      }
      oa_build_link(to, &link);
      for (int k = 0; to == careful && k < 2; k++) {
        oa_build_end(to); /* the link, the span */
      }
      oa_build_span(to, &span);
      for (int k = 0; to == careful && k < 3; k++) {
        oa_build_end(to); /* all */
      }
    }
  }
  assert_same(rows_built(b, 6), rows_built(careful, 6));
  assert_int_equal(oa_builder_size(b), oa_builder_size(careful));
  oa_builder_free(b);
  oa_builder_free(careful);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_field_of_every_message_comes_back),
      cmocka_unit_test(finishing_twice_gives_the_same_and_building_goes_on),
      cmocka_unit_test(a_reset_builder_is_as_new),
      cmocka_unit_test(a_builder_without_calls_gives_an_empty_request),
      cmocka_unit_test(what_is_inside_closes_by_itself),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
