/* SPDX-License-Identifier: Apache-2.0 */
/* What is left out of a request that is built, and what is not. */
#include "api_builder_trial.h"

static void a_scope_of_null_is_absent_until_it_has_an_attribute(void **state) {
  (void)state;
  oa_builder *b = builder_after(OA_LOGS, "RS");
  request r = {0};
  oa_emit *e = &r.e;
  call(b, 'g');
  oa_build_scope(b, NULL);
  oa_build_int(b, OA_S("a"), 1);
  oa_build_int(b, OA_S("b"), 2);
  call(b, 'g');
  const oa_scope empty = {.size = sizeof empty};
  oa_build_scope(b, &empty);
  call(b, 'g');

  const oa_emit_nest resource = oa_emit_open(e, 1, 1);
  oa_emit_close(e, oa_emit_open(e, 1, 1));
  for (int i = 0; i < 3; i++) {
    const oa_emit_nest scope = oa_emit_open(e, 2, 1);
    if (i > 0) {
      const oa_emit_nest owner = oa_emit_open(e, 1, 1);
      if (i == 1) {
        put_int_attr(e, 3, "a", 1);
        put_int_attr(e, 3, "b", 2);
      }
      oa_emit_close(e, owner);
    }
    oa_emit_close(e, oa_emit_open(e, 2, 1));
    oa_emit_close(e, scope);
  }
  oa_emit_close(e, resource);
  assert_built(b, &r, 3);
  oa_builder_free(b);
}

static void what_is_unset_is_left_out(void **state) {
  (void)state;
  static const uint8_t bare[] = {
      0x0a, 0x28,                               /* ResourceSpans */
      0x0a, 0x00,                               /* Resource */
      0x12, 0x24,                               /* ScopeSpans */
      0x12, 0x22,                               /* Span */
      0x0a, 0x10, 1,    0,    0, 0, 0, 0, 0, 0, /* trace_id */
      0,    0,    0,    0,    0, 0, 0, 0,       /**/
      0x12, 0x08, 2,    0,    0, 0, 0, 0, 0, 0, /* span_id */
      0x7a, 0x00,                               /* Status */
      0x5a, 0x02, 0x1a, 0x00,                   /* Event, attribute */
  };
  oa_builder *b = builder_after(OA_TRACES, "RS");
  const void *bytes = NULL;
  size_t len = 0;
  const oa_span span = {.size = sizeof span, .trace_id = {1}, .span_id = {2}};
  oa_build_span(b, &span);
  oa_build_event(b, 0, OA_S(NULL), 0);
  oa_build_empty(b, OA_S(NULL));
  assert_int_equal(oa_builder_finish(b, &bytes, &len, NULL), OA_OK);
  assert_int_equal(len, sizeof bare);
  assert_memory_equal(bytes, bare, len);
  oa_builder_free(b);
}

/* As SDKs send them; without COUNTS the field is left out. */
static void buckets_that_are_there_are_written_also_when_empty(void **state) {
  (void)state;
  static const uint64_t none[1] = {0};
  static const uint8_t tail[] = {0x42, 0, 0x4a, 0}; /* positive, negative */
  const oa_metric metric = {.size = sizeof metric,
                            .type = OA_EXPONENTIAL_HISTOGRAM};
  oa_exponential_histogram_point point = {.size = sizeof point};
  size_t sizes[2];
  for (int i = 0; i < 2; i++) {
    const void *bytes = NULL;
    oa_builder *b = builder_after(OA_METRICS, "RS");
    oa_build_metric(b, &metric);
    point.positive.counts = point.negative.counts = i == 0 ? NULL : none;
    oa_build_exponential_histogram_point(b, &point);
    assert_int_equal(oa_builder_finish(b, &bytes, &sizes[i], NULL), OA_OK);
    if (i == 1) {
      assert_int_equal(sizes[1], sizes[0] + sizeof tail);
      const uint8_t *end = (const uint8_t *)bytes + sizes[1];
      assert_memory_equal(end - sizeof tail, tail, sizeof tail);
    }
    oa_builder_free(b);
  }
}

/* Of points and exemplars: integers, doubles and nothing at all. */
static void zeros_that_are_there_are_written(void **state) {
  (void)state;
  static const oa_number_type types[] = {OA_INT, OA_DOUBLE, OA_NUMBER_NONE};
  static const uint32_t point_fields[] = {6, 4, 0};
  static const uint32_t exemplar_fields[] = {6, 3, 0};
  oa_builder *b = builder_after(OA_METRICS, "RS");
  request r = {0};
  oa_emit *e = &r.e;
  const oa_metric metric = {.size = sizeof metric, .type = OA_GAUGE};
  oa_build_metric(b, &metric);
  open_small(&r);
  const oa_emit_nest outer = oa_emit_open(e, 2, 1);
  const oa_emit_nest gauge = oa_emit_open(e, 5, 1);
  for (int i = 0; i < 3; i++) {
    const oa_number_point point = {.size = sizeof point,
                                   .number = {.type = types[i]}};
    const oa_exemplar exemplar = {.size = sizeof exemplar,
                                  .number = {.type = types[i]}};
    oa_build_number_point(b, &point);
    oa_build_exemplar(b, &exemplar);
    const oa_emit_nest nest = oa_emit_open(e, 1, 1);
    const oa_emit_nest inner = oa_emit_open(e, 5, 1);
    if (exemplar_fields[i] != 0) {
      oa_emit_fixed64(e, exemplar_fields[i], 0);
    }
    oa_emit_close(e, inner);
    if (point_fields[i] != 0) {
      oa_emit_fixed64(e, point_fields[i], 0);
    }
    oa_emit_close(e, nest);
  }
  oa_emit_close(e, gauge);
  oa_emit_close(e, outer);
  close_records(&r);
  assert_built(b, &r, 3);
  oa_builder_free(b);
}

/* A metric without points keeps its type, temporality and whether it is
 * monotonic. */
static void a_metric_without_points_is_one(void **state) {
  (void)state;
  static const uint32_t fields[] = {5, 7, 9, 10, 11};
  oa_builder *b = builder_after(OA_METRICS, "RS");
  request r = {0};
  oa_emit *e = &r.e;
  open_small(&r);
  for (int type = OA_GAUGE; type <= OA_SUMMARY; type++) {
    const oa_metric metric = {.size = sizeof metric,
                              .name = OA_S("none"),
                              .type = (oa_metric_type)type,
                              .temporality = OA_DELTA,
                              .is_monotonic = 7};
    oa_build_metric(b, &metric);
    oa_build_bool(b, OA_S("metadata"), 3);
    const oa_emit_nest nest = oa_emit_open(e, 2, 1);
    put_text(e, 1, "none");
    const oa_emit_nest data = oa_emit_open(e, fields[type - 1], 1);
    if (type >= OA_SUM && type <= OA_EXPONENTIAL_HISTOGRAM) {
      oa_emit_varint(e, 2, 1);
    }
    if (type == OA_SUM) {
      oa_emit_varint(e, 3, 1);
    }
    oa_emit_close(e, data);
    const pair p = open_pair(e, 12, "metadata");
    oa_emit_varint(e, 2, 1);
    close_pair(e, p);
    oa_emit_close(e, nest);
  }
  close_records(&r);
  assert_built(b, &r, 0);
  oa_builder_free(b);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_scope_of_null_is_absent_until_it_has_an_attribute),
      cmocka_unit_test(what_is_unset_is_left_out),
      cmocka_unit_test(buckets_that_are_there_are_written_also_when_empty),
      cmocka_unit_test(zeros_that_are_there_are_written),
      cmocka_unit_test(a_metric_without_points_is_one),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
