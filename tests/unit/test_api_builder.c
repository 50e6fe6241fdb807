/* SPDX-License-Identifier: Apache-2.0 */
#include "otlp_arrow_builder.h"
#include "otlp_trial.h"

/* What is built must be what tests of the decoders write field by field:
 * otlp_trial.h has one request of each signal with every field of every
 * message. */

static oa_builder *new_builder(oa_signal signal) {
  oa_builder *b = NULL;
  oa_error error = {0};
  assert_int_equal(oa_builder_new(&b, signal, &error), OA_OK);
  return b;
}

/* The rows of B's request, encoded again. */
static oa_buf rows_built(oa_builder *b, oa_signal signal, uint64_t items) {
  const void *bytes = NULL;
  size_t len = 0;
  oa_error error = {0};
  trial t;
  if (oa_builder_finish(b, &bytes, &len, &error) != OA_OK) {
    fail_msg("%s", error.text);
  }
  assert_int_equal(len, oa_builder_size(b));
  trial_init(&t, signal);
  if (give(&t, bytes, len) != OA_OK) {
    fail_msg("%s", t.error.text);
  }
  assert_string_equal(t.result.reason, "");
  assert_int_equal(t.result.repaired, 0);
  assert_int_equal(t.result.accepted, items);
  assert_int_equal(oa_builder_items(b), items);
  const oa_buf rows = encoded(&t);
  trial_free(&t);
  return rows;
}

static oa_buf rows_sent(request *r, oa_signal signal) {
  trial t;
  trial_init(&t, signal);
  take(&t, r);
  const oa_buf rows = encoded(&t);
  trial_free(&t);
  return rows;
}

/* Frees R, and leaves B as it is. */
static void assert_built(oa_builder *b, oa_signal signal, request *r,
                         uint64_t items) {
  assert_same(rows_built(b, signal, items), rows_sent(r, signal));
}

/* --- the rich requests, built --- */

/* A value in DEPTH arrays, with KEY. */
static void build_deep(oa_builder *b, const char *key, unsigned depth) {
  for (unsigned i = 0; i < depth; i++) {
    oa_build_array(b, OA_S(i == 0 ? key : ""));
  }
  oa_build_int(b, OA_S(depth == 0 ? key : ""), 7);
  for (unsigned i = 0; i < depth; i++) {
    oa_build_end(b);
  }
}

static void build_attrs(oa_builder *b) {
  oa_build_string(b, OA_S("str"), OA_S("text"));
  oa_build_int(b, OA_S("int"), -5);
  oa_build_double(b, OA_S("double"), -0.0);
  oa_build_bool(b, OA_S("bool"), 0);
  oa_build_bytes(b, OA_S("bytes"), "\x00\xff", 2);
  oa_build_empty(b, OA_S("empty"));
  oa_build_map(b, OA_S("map"));
  oa_build_string(b, OA_S("a"), OA_S("b"));
  build_deep(b, "deep", 3);
  oa_build_end(b);
  oa_build_array(b, OA_S("slice"));
  for (int i = 0; i < 3; i++) {
    oa_build_int(b, OA_S(""), i);
  }
  oa_build_end(b);
}

static void set_ids(uint8_t *trace_id, uint8_t *span_id) {
  memcpy(trace_id, ID16, 16);
  memcpy(span_id, ID8, 8);
}

static void build_span(oa_builder *b) {
  oa_span span = {
      .size = sizeof span,
      .trace_state = OA_S("trace=state"),
      .flags = 257,
      .kind = OA_SPAN_SERVER,
      .name = OA_S("span"),
      .start_time_unix_nano = 20,
      .end_time_unix_nano = UINT64_MAX,
      .status_code = OA_STATUS_ERROR,
      .status_message = OA_S("message"),
      .dropped_attributes_count = 21,
      .dropped_events_count = 22,
      .dropped_links_count = 23,
  };
  oa_span_link link = {.size = sizeof link,
                       .trace_state = OA_S("link=state"),
                       .flags = 33,
                       .dropped_attributes_count = 32};
  set_ids(span.trace_id, span.span_id);
  memcpy(span.parent_span_id, ID8, 8);
  set_ids(link.trace_id, link.span_id);
  oa_build_span(b, &span);
  build_attrs(b);
  for (int i = 0; i < 2; i++) {
    oa_build_event(b, 30, OA_S("event"), 31);
    build_attrs(b);
  }
  oa_build_link(b, &link);
  build_attrs(b);
}

static void build_log(oa_builder *b) {
  oa_log_record record = {.size = sizeof record,
                          .time_unix_nano = 20,
                          .observed_time_unix_nano = 22,
                          .severity_number = 9,
                          .severity_text = OA_S("INFO"),
                          .event_name = OA_S("event"),
                          .flags = 1,
                          .dropped_attributes_count = 21};
  set_ids(record.trace_id, record.span_id);
  oa_build_log_record(b, &record);
  oa_build_body(b);
  oa_build_map(b, OA_S(""));
  oa_build_string(b, OA_S("k"), OA_S("v"));
  build_deep(b, "deep", 2);
  oa_build_end(b);
  build_attrs(b);
}

static void build_exemplar(oa_builder *b) {
  oa_exemplar exemplar = {
      .size = sizeof exemplar,
      .time_unix_nano = 40,
      .number = {.type = OA_DOUBLE, .value = {.as_double = 0.25}}};
  set_ids(exemplar.trace_id, exemplar.span_id);
  oa_build_exemplar(b, &exemplar);
  build_attrs(b);
}

static void build_number(oa_builder *b) {
  const oa_number_point point = {
      .size = sizeof point,
      .start_time_unix_nano = 20,
      .time_unix_nano = 21,
      .number = {.type = OA_INT, .value = {.as_int = -9}},
      .flags = 1};
  oa_build_number_point(b, &point);
}

static void build_histogram(oa_builder *b) {
  static const uint64_t counts[] = {1, 0, UINT64_MAX};
  double bounds[2];
  memcpy(bounds, counts, sizeof bounds);
  const oa_histogram_point point = {.size = sizeof point,
                                    .start_time_unix_nano = 20,
                                    .time_unix_nano = 21,
                                    .count = 22,
                                    .has = OA_HAS_SUM | OA_HAS_MIN | OA_HAS_MAX,
                                    .sum = 1.5,
                                    .min = 0,
                                    .max = 9,
                                    .bucket_counts = counts,
                                    .bucket_count = 3,
                                    .explicit_bounds = bounds,
                                    .bound_count = 2,
                                    .flags = 1};
  oa_build_histogram_point(b, &point);
}

static void build_exponential(oa_builder *b) {
  static const uint64_t counts[] = {1, 300, 0};
  const oa_buckets buckets = {.offset = -3, .counts = counts, .count = 3};
  const oa_exponential_histogram_point point = {
      .size = sizeof point,
      .start_time_unix_nano = 20,
      .time_unix_nano = 21,
      .count = 22,
      .has = OA_HAS_SUM | OA_HAS_MIN | OA_HAS_MAX,
      .sum = 1.5,
      .min = 0,
      .max = 9,
      .scale = -10,
      .zero_count = 23,
      .zero_threshold = 0.5,
      .positive = buckets,
      .negative = buckets,
      .flags = 1};
  oa_build_exponential_histogram_point(b, &point);
}

static void build_summary(oa_builder *b) {
  static const oa_quantile quantile = {.quantile = 0.99, .value = 7};
  const oa_summary_point point = {.size = sizeof point,
                                  .start_time_unix_nano = 20,
                                  .time_unix_nano = 21,
                                  .count = 22,
                                  .sum = 1.5,
                                  .quantiles = &quantile,
                                  .quantile_count = 1,
                                  .flags = 1};
  oa_build_summary_point(b, &point);
}

typedef void (*build)(oa_builder *b);

static const build points[] = {[OA_GAUGE] = build_number,
                               [OA_SUM] = build_number,
                               [OA_HISTOGRAM] = build_histogram,
                               [OA_EXPONENTIAL_HISTOGRAM] = build_exponential,
                               [OA_SUMMARY] = build_summary};

static void build_metric(oa_builder *b, oa_metric_type type) {
  const oa_metric metric = {.size = sizeof metric,
                            .name = OA_S("metric"),
                            .description = OA_S("description"),
                            .unit = OA_S("unit"),
                            .type = type,
                            .temporality = OA_CUMULATIVE,
                            .is_monotonic = 1};
  oa_build_metric(b, &metric);
  build_attrs(b);
  for (int i = 0; i < 2; i++) {
    points[type](b);
    build_attrs(b);
    if (type != OA_SUMMARY) {
      build_exemplar(b);
    }
  }
}

static void build_rich(oa_builder *b, oa_signal signal, const char *name) {
  const oa_resource resource = {.size = sizeof resource,
                                .schema_url = OA_S("resource-url"),
                                .dropped_attributes_count = 10};
  const oa_scope scope = {.size = sizeof scope,
                          .name = OA_S(name),
                          .version = OA_S("version"),
                          .schema_url = OA_S("scope-url"),
                          .dropped_attributes_count = 11};
  oa_build_resource(b, &resource);
  oa_build_string(b, OA_S("service.name"), OA_S(name));
  build_attrs(b);
  oa_build_scope(b, &scope);
  build_attrs(b);
  for (int i = 0; signal != OA_METRICS && i < 2; i++) {
    signal == OA_TRACES ? build_span(b) : build_log(b);
  }
  for (int type = OA_GAUGE; signal == OA_METRICS && type <= OA_SUMMARY;
       type++) {
    build_metric(b, (oa_metric_type)type);
  }
}

/* The same, field by field. */
static void put_rich(request *r, oa_signal signal, const char *name) {
  oa_emit *e = &r->e;
  r->resource = oa_emit_open(e, 1, 2);
  const oa_emit_nest resource = oa_emit_open(e, 1, 2);
  put_str_attr(e, 1, "service.name", name);
  put_attrs(e, 1);
  oa_emit_varint(e, 2, 10);
  oa_emit_close(e, resource);
  r->scope = oa_emit_open(e, 2, 2);
  const oa_emit_nest scope = oa_emit_open(e, 1, 1);
  put_text(e, 1, name);
  put_text(e, 2, "version");
  put_attrs(e, 3);
  oa_emit_varint(e, 4, 11);
  oa_emit_close(e, scope);
  put_rich_records(r, signal);
  put_text(e, 3, "scope-url");
  oa_emit_close(e, r->scope);
  put_text(e, 3, "resource-url");
  oa_emit_close(e, r->resource);
  assert_int_equal(e->status, OA_OK);
}

static void every_field_of_every_message_comes_back(void **state) {
  (void)state;
  for (int signal = OA_TRACES; signal <= OA_LOGS; signal++) {
    oa_builder *b = new_builder((oa_signal)signal);
    request r = {0};
    build_rich(b, (oa_signal)signal, "one");
    put_rich(&r, (oa_signal)signal, "one");
    assert_built(b, (oa_signal)signal, &r, rich_items((oa_signal)signal));
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
    oa_buf first = rows_built(b, signal, rich_items(signal));
    assert_same(first, rows_built(b, signal, rich_items(signal)));
    build_rich(b, signal, "two");
    put_rich(&r, signal, "two");
    assert_built(b, signal, &r, 2 * rich_items(signal));
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
  assert_built(b, OA_TRACES, &r, 2);
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
  assert_built(b, OA_LOGS, &r, 0);
  oa_builder_free(b);
}

/* --- what is left out, and what is not --- */

static void build_small_log(oa_builder *b) {
  const oa_log_record record = {.size = sizeof record};
  oa_build_log_record(b, &record);
}

static void a_scope_of_null_is_absent_until_it_has_an_attribute(void **state) {
  (void)state;
  oa_builder *b = new_builder(OA_LOGS);
  request r = {0};
  oa_emit *e = &r.e;
  oa_build_resource(b, NULL);
  oa_build_scope(b, NULL);
  build_small_log(b);
  oa_build_scope(b, NULL);
  oa_build_int(b, OA_S("a"), 1);
  oa_build_int(b, OA_S("b"), 2);
  build_small_log(b);
  const oa_scope empty = {.size = sizeof empty};
  oa_build_scope(b, &empty);
  build_small_log(b);

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
  assert_built(b, OA_LOGS, &r, 3);
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
  oa_builder *b = new_builder(OA_TRACES);
  const void *bytes = NULL;
  size_t len = 0;
  const oa_span span = {.size = sizeof span, .trace_id = {1}, .span_id = {2}};
  oa_build_resource(b, NULL);
  oa_build_scope(b, NULL);
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
    oa_builder *b = new_builder(OA_METRICS);
    oa_build_resource(b, NULL);
    oa_build_scope(b, NULL);
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
  oa_builder *b = new_builder(OA_METRICS);
  request r = {0};
  oa_emit *e = &r.e;
  const oa_metric metric = {.size = sizeof metric, .type = OA_GAUGE};
  oa_build_resource(b, NULL);
  oa_build_scope(b, NULL);
  oa_build_metric(b, &metric);
  r.resource = oa_emit_open(e, 1, 1);
  oa_emit_close(e, oa_emit_open(e, 1, 1));
  r.scope = oa_emit_open(e, 2, 1);
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
  assert_built(b, OA_METRICS, &r, 3);
  oa_builder_free(b);
}

/* A metric without points keeps its type, temporality and whether it is
 * monotonic. */
static void a_metric_without_points_is_one(void **state) {
  (void)state;
  static const uint32_t fields[] = {5, 7, 9, 10, 11};
  oa_builder *b = new_builder(OA_METRICS);
  request r = {0};
  oa_emit *e = &r.e;
  oa_build_resource(b, NULL);
  oa_build_scope(b, NULL);
  const oa_emit_nest resource = oa_emit_open(e, 1, 1);
  oa_emit_close(e, oa_emit_open(e, 1, 1));
  const oa_emit_nest scope = oa_emit_open(e, 2, 1);
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
  oa_emit_close(e, scope);
  oa_emit_close(e, resource);
  assert_built(b, OA_METRICS, &r, 0);
  oa_builder_free(b);
}

/* --- bodies --- */

/* Writes the body that build_body() builds as number I. */
static void put_body(oa_emit *e, int i) {
  const oa_emit_nest body = oa_emit_open(e, 5, 1);
  switch (i) {
    case 0:
      put_text(e, 1, "text");
      break;
    case 1:
      oa_emit_varint(e, 3, (uint64_t)INT64_MIN);
      break;
    case 2:
      oa_emit_fixed64(e, 4, UINT64_C(0x7ff8000000000001)); /* NaN */
      break;
    case 3:
      oa_emit_varint(e, 2, 1);
      break;
    case 4:
      oa_emit_bytes(e, 7, ID8, 8);
      break;
    case 5:
      put_deep_value(e, 64);
      break;
    default:
      break;
  }
  oa_emit_close(e, body);
}

static void build_body(oa_builder *b, int i) {
  const uint64_t bits = UINT64_C(0x7ff8000000000001);
  double nan;
  memcpy(&nan, &bits, sizeof nan);
  oa_build_body(b);
  switch (i) {
    case 0:
      oa_build_string(b, OA_S(""), OA_S("text"));
      break;
    case 1:
      oa_build_int(b, OA_S(""), INT64_MIN);
      break;
    case 2:
      oa_build_double(b, OA_S(""), nan);
      break;
    case 3:
      oa_build_bool(b, OA_S(""), 1);
      break;
    case 4:
      oa_build_bytes(b, OA_S(""), ID8, 8);
      break;
    case 5:
      build_deep(b, "", 64);
      break;
    default:
      oa_build_empty(b, OA_S(""));
      break;
  }
}

static void a_body_is_a_value_of_any_type(void **state) {
  (void)state;
  oa_builder *b = new_builder(OA_LOGS);
  request r = {0};
  oa_emit *e = &r.e;
  oa_build_resource(b, NULL);
  oa_build_scope(b, NULL);
  r.resource = oa_emit_open(e, 1, 1);
  oa_emit_close(e, oa_emit_open(e, 1, 1));
  r.scope = oa_emit_open(e, 2, 1);
  for (int i = 0; i <= 6; i++) {
    const oa_emit_nest record = open_record(&r);
    put_body(e, i);
    put_int_attr(e, 6, "after", i);
    oa_emit_close(e, record);
    build_small_log(b);
    build_body(b, i);
    oa_build_int(b, OA_S("after"), i); /* the record's own again */
  }
  close_records(&r);
  assert_built(b, OA_LOGS, &r, 7);
  oa_builder_free(b);
}

/* --- order --- */

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
  assert_same(rows_built(b, OA_TRACES, 6), rows_built(careful, OA_TRACES, 6));
  assert_int_equal(oa_builder_size(b), oa_builder_size(careful));
  oa_builder_free(b);
  oa_builder_free(careful);
}

/* Lengths of one to four bytes, in any order. */
static void lengths_of_all_sizes_are_right(void **state) {
  (void)state;
  static const size_t sizes[] = {0,     1,      100,   127,     128, 129,
                                 16300, 16383,  16384, 16385,   5,   2097152,
                                 3,     300000, 1,     2097100, 64};
  oa_builder *b = new_builder(OA_LOGS);
  char *text = malloc(2097152);
  request r = {0};
  oa_emit *e = &r.e;
  assert_non_null(text);
  memset(text, 'x', 2097152);
  oa_build_resource(b, NULL);
  oa_build_scope(b, NULL);
  r.resource = oa_emit_open(e, 1, 1);
  oa_emit_close(e, oa_emit_open(e, 1, 1));
  r.scope = oa_emit_open(e, 2, 1);
  for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
    const oa_str value = {text, sizes[i]};
    build_small_log(b);
    oa_build_string(b, OA_S("k"), value);
    oa_build_array(b, value);
    oa_build_string(b, OA_S(""), value);
    const oa_emit_nest record = open_record(&r);
    pair p = open_pair(e, 6, "k");
    oa_emit_bytes(e, 1, (const uint8_t *)text, sizes[i]);
    close_pair(e, p);
    p.entry = oa_emit_open(e, 6, 1);
    oa_emit_bytes(e, 1, (const uint8_t *)text, sizes[i]);
    p.value = oa_emit_open(e, 2, 1);
    const oa_emit_nest array = oa_emit_open(e, 5, 1);
    const oa_emit_nest item = oa_emit_open(e, 1, 1);
    oa_emit_bytes(e, 1, (const uint8_t *)text, sizes[i]);
    oa_emit_close(e, item);
    oa_emit_close(e, array);
    close_pair(e, p);
    oa_emit_close(e, record);
  }
  close_records(&r);
  assert_built(b, OA_LOGS, &r, sizeof sizes / sizeof *sizes);
  free(text);
  oa_builder_free(b);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_field_of_every_message_comes_back),
      cmocka_unit_test(finishing_twice_gives_the_same_and_building_goes_on),
      cmocka_unit_test(a_reset_builder_is_as_new),
      cmocka_unit_test(a_builder_without_calls_gives_an_empty_request),
      cmocka_unit_test(a_scope_of_null_is_absent_until_it_has_an_attribute),
      cmocka_unit_test(what_is_unset_is_left_out),
      cmocka_unit_test(buckets_that_are_there_are_written_also_when_empty),
      cmocka_unit_test(zeros_that_are_there_are_written),
      cmocka_unit_test(a_metric_without_points_is_one),
      cmocka_unit_test(a_body_is_a_value_of_any_type),
      cmocka_unit_test(what_is_inside_closes_by_itself),
      cmocka_unit_test(lengths_of_all_sizes_are_right),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
