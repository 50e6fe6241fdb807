/* SPDX-License-Identifier: Apache-2.0 */
#include "api_builder_trial.h"

/* Each struct by its name, the call that takes it, and what comes before. */
typedef struct taker {
  const char *name;
  oa_signal signal;
  const char *after;
  void (*take)(oa_builder *b, const void *structure);
  const void *good; /* but for its size */
  size_t size;
  bool optional;
} taker;

static void take_resource(oa_builder *b, const void *s) {
  oa_build_resource(b, s);
}
static void take_scope(oa_builder *b, const void *s) {
  oa_build_scope(b, s);
}
static void take_span(oa_builder *b, const void *s) {
  oa_build_span(b, s);
}
static void take_link(oa_builder *b, const void *s) {
  oa_build_link(b, s);
}
static void take_metric(oa_builder *b, const void *s) {
  oa_build_metric(b, s);
}
static void take_number(oa_builder *b, const void *s) {
  oa_build_number_point(b, s);
}
static void take_histogram(oa_builder *b, const void *s) {
  oa_build_histogram_point(b, s);
}
static void take_exponential(oa_builder *b, const void *s) {
  oa_build_exponential_histogram_point(b, s);
}
static void take_summary(oa_builder *b, const void *s) {
  oa_build_summary_point(b, s);
}
static void take_exemplar(oa_builder *b, const void *s) {
  oa_build_exemplar(b, s);
}
static void take_record(oa_builder *b, const void *s) {
  oa_build_log_record(b, s);
}

static const oa_resource a_resource = {.size = sizeof a_resource};
static const oa_scope a_scope = {.size = sizeof a_scope};
static const oa_metric a_metric = {.size = sizeof a_metric, .type = OA_GAUGE};

static const taker takers[] = {
    {"oa_resource", OA_LOGS, "", take_resource, &a_resource, sizeof a_resource,
     true},
    {"oa_scope", OA_LOGS, "R", take_scope, &a_scope, sizeof a_scope, true},
    {"oa_span", OA_TRACES, "RS", take_span, &a_span, sizeof a_span, false},
    {"oa_span_link", OA_TRACES, "RSs", take_link, &a_link, sizeof a_link,
     false},
    {"oa_metric", OA_METRICS, "RS", take_metric, &a_metric, sizeof a_metric,
     false},
    {"oa_number_point", OA_METRICS, "RSG", take_number, &a_number,
     sizeof a_number, false},
    {"oa_histogram_point", OA_METRICS, "RSH", take_histogram, &a_histogram,
     sizeof a_histogram, false},
    {"oa_exponential_histogram_point", OA_METRICS, "RSX", take_exponential,
     &an_exponential, sizeof an_exponential, false},
    {"oa_summary_point", OA_METRICS, "RSU", take_summary, &a_summary,
     sizeof a_summary, false},
    {"oa_exemplar", OA_METRICS, "RSGn", take_exemplar, &an_exemplar,
     sizeof an_exemplar, false},
    {"oa_log_record", OA_LOGS, "RS", take_record, &a_record, sizeof a_record,
     false},
};

static void a_struct_that_is_too_small_is_named(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof takers / sizeof *takers; i++) {
    const taker *t = &takers[i];
    const size_t sizes[] = {0, 1, t->size - 8};
    for (size_t j = 0; j < 3; j++) {
      /* A block of no more than that: reading past it is found. */
      const size_t len = sizes[j] < sizeof(size_t) ? sizeof(size_t) : sizes[j];
      uint8_t *block = malloc(len);
      assert_non_null(block);
      memcpy(block, t->good, len);
      memcpy(block, &sizes[j], sizeof sizes[j]);
      oa_builder *b = builder_after(t->signal, t->after);
      t->take(b, block);
      free(block);
      assert_fails(b, OA_ERR_CONFIG, t->name);
      oa_builder_free(b);
    }
  }
}

static void a_struct_of_a_later_version_is_taken(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof takers / sizeof *takers; i++) {
    const taker *t = &takers[i];
    union {
      size_t size;
      oa_exponential_histogram_point largest;
      uint8_t bytes[1024];
    } block;
    memset(&block, 0xEE, sizeof block);
    memcpy(&block, t->good, t->size);
    block.size = sizeof block;
    oa_builder *b = builder_after(t->signal, t->after);
    t->take(b, &block);
    assert_taken(b);
    oa_builder_free(b);
  }
}

static void a_struct_must_be_there(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof takers / sizeof *takers; i++) {
    const taker *t = &takers[i];
    oa_builder *b = builder_after(t->signal, t->after);
    t->take(b, NULL);
    if (t->optional) {
      assert_taken(b);
    } else {
      assert_fails(b, OA_ERR_CONFIG, t->name);
    }
    oa_builder_free(b);
  }
}

static void a_spans_ids_of_zeros_are_refused_and_a_links_are_not(void **state) {
  (void)state;
  for (int i = 0; i < 2; i++) {
    oa_span span = a_span;
    oa_span_link link = a_link;
    oa_builder *b = builder_after(OA_TRACES, "RSs");
    memset(i == 0 ? link.trace_id : link.span_id, 0, i == 0 ? 16 : 8);
    oa_build_link(b, &link);
    assert_taken(b);
    oa_builder_reset(b);
    oa_build_resource(b, NULL);
    oa_build_scope(b, NULL);
    memset(i == 0 ? span.trace_id : span.span_id, 0, i == 0 ? 16 : 8);
    oa_build_span(b, &span);
    assert_fails(b, OA_ERR_CONFIG, i == 0 ? "trace_id" : "span_id");
    assert_fails(b, OA_ERR_CONFIG, "a span");
    oa_builder_free(b);
  }
  /* One bit anywhere is enough. */
  for (size_t i = 0; i < 16; i++) {
    oa_span span = {.size = sizeof span};
    span.trace_id[i] = 0x80;
    span.span_id[i / 2] = 1;
    oa_builder *b = builder_after(OA_TRACES, "RS");
    oa_build_span(b, &span);
    assert_taken(b);
    oa_builder_free(b);
  }
}

/* An enum from elsewhere, as bindings may pass it. */
static void set_enum(void *at, size_t size, int value) {
  assert_int_equal(size, sizeof value);
  memcpy(at, &value, sizeof value);
}

#define SET(FIELD, VALUE) set_enum(&(FIELD), sizeof(FIELD), (VALUE))

static void numbers_that_are_in_no_enum_are_refused(void **state) {
  (void)state;
  static const int bad[] = {-1, 25, INT32_MAX, INT32_MIN};
  for (size_t i = 0; i < 4 * 8; i++) {
    const int value = bad[i % 4];
    oa_span span = a_span;
    oa_metric metric = a_metric;
    oa_number_point number = a_number;
    oa_exemplar exemplar = an_exemplar;
    oa_histogram_point histogram = a_histogram;
    oa_log_record record = a_record;
    oa_builder *b = NULL;
    switch (i / 4) {
      case 0:
        SET(span.kind, value);
        b = builder_after(OA_TRACES, "RS");
        oa_build_span(b, &span);
        assert_fails(b, OA_ERR_CONFIG, "kind");
        break;
      case 1:
        SET(span.status_code, value);
        b = builder_after(OA_TRACES, "RS");
        oa_build_span(b, &span);
        assert_fails(b, OA_ERR_CONFIG, "status_code");
        break;
      case 2:
        SET(metric.type, value);
        b = builder_after(OA_METRICS, "RS");
        oa_build_metric(b, &metric);
        assert_fails(b, OA_ERR_CONFIG, "type");
        break;
      case 3:
        SET(metric.temporality, value);
        b = builder_after(OA_METRICS, "RS");
        oa_build_metric(b, &metric);
        assert_fails(b, OA_ERR_CONFIG, "temporality");
        break;
      case 4:
        SET(number.number.type, value);
        b = builder_after(OA_METRICS, "RSG");
        oa_build_number_point(b, &number);
        assert_fails(b, OA_ERR_CONFIG, "number.type");
        break;
      case 5:
        SET(exemplar.number.type, value);
        b = builder_after(OA_METRICS, "RSGn");
        oa_build_exemplar(b, &exemplar);
        assert_fails(b, OA_ERR_CONFIG, "number.type");
        break;
      case 6:
        SET(histogram.has, value);
        b = builder_after(OA_METRICS, "RSH");
        oa_build_histogram_point(b, &histogram);
        assert_fails(b, OA_ERR_CONFIG, "has");
        break;
      default:
        record.severity_number = value;
        b = builder_after(OA_LOGS, "RS");
        oa_build_log_record(b, &record);
        assert_fails(b, OA_ERR_CONFIG, "severity_number");
        break;
    }
    oa_builder_free(b);
  }
}

/* --- sizes --- */

/* Calls with TEXT as number I of everything that has a length; NULL when there
 * are no more. */
static oa_builder *build_with(size_t i, oa_str text) {
  const void *data = text.data;
  const oa_resource resource = {.size = sizeof resource, .schema_url = text};
  oa_scope scope = a_scope;
  oa_span span = a_span;
  oa_span_link link = a_link;
  oa_metric metric = a_metric;
  oa_histogram_point histogram = a_histogram;
  oa_exponential_histogram_point exponential = an_exponential;
  oa_summary_point summary = a_summary;
  oa_log_record record = a_record;
  oa_builder *b = builder_after(i < 11   ? OA_TRACES
                                : i < 19 ? OA_METRICS
                                         : OA_LOGS,
                                "");
  if (i == 0) {
    oa_build_resource(b, &resource);
    return b;
  }
  call(b, 'R');
  call(b, 'S');
  switch (i) {
    case 1:
      oa_build_string(b, text, OA_S("v"));
      break;
    case 2:
      oa_build_string(b, OA_S("k"), text);
      break;
    case 3:
      oa_build_bytes(b, OA_S("k"), data, text.len);
      break;
    case 4:
      oa_build_array(b, text);
      break;
    case 5:
      span.name = text;
      oa_build_span(b, &span);
      break;
    case 6:
      span.trace_state = text;
      oa_build_span(b, &span);
      break;
    case 7:
      span.status_message = text;
      oa_build_span(b, &span);
      break;
    case 8:
      call(b, 's');
      oa_build_event(b, 0, text, 0);
      break;
    case 9:
      call(b, 's');
      link.trace_state = text;
      oa_build_link(b, &link);
      break;
    case 10:
      scope.name = scope.version = text;
      oa_build_scope(b, &scope);
      break;
    case 11:
      metric.name = text;
      oa_build_metric(b, &metric);
      break;
    case 12:
      metric.description = text;
      oa_build_metric(b, &metric);
      break;
    case 13:
      metric.unit = text;
      oa_build_metric(b, &metric);
      break;
    case 14:
      call(b, 'H');
      histogram.bucket_counts = data;
      histogram.bucket_count = text.len;
      oa_build_histogram_point(b, &histogram);
      break;
    case 15:
      call(b, 'H');
      histogram.explicit_bounds = data;
      histogram.bound_count = text.len;
      oa_build_histogram_point(b, &histogram);
      break;
    case 16:
      call(b, 'X');
      exponential.positive.counts = data;
      exponential.positive.count = text.len;
      oa_build_exponential_histogram_point(b, &exponential);
      break;
    case 17:
      call(b, 'X');
      exponential.negative.counts = data;
      exponential.negative.count = text.len;
      oa_build_exponential_histogram_point(b, &exponential);
      break;
    case 18:
      call(b, 'U');
      summary.quantiles = data;
      summary.quantile_count = text.len;
      oa_build_summary_point(b, &summary);
      break;
    case 19:
      record.severity_text = text;
      oa_build_log_record(b, &record);
      break;
    case 20:
      record.event_name = text;
      oa_build_log_record(b, &record);
      break;
    default:
      oa_builder_free(b);
      return NULL;
  }
  return b;
}

static void a_length_without_data_is_refused(void **state) {
  (void)state;
  static const size_t lengths[] = {1, 8, 4096, SIZE_MAX};
  for (size_t i = 0; i < 21; i++) {
    for (size_t j = 0; j < 4; j++) {
      const oa_str text = {NULL, lengths[j]};
      oa_builder *b = build_with(i, text);
      assert_fails(b, OA_ERR_CONFIG, "no data");
      oa_builder_free(b);
    }
  }
  const oa_str none = {NULL, 0};
  for (size_t i = 0; i < 21; i++) {
    oa_builder *b = build_with(i, none);
    assert_taken(b);
    oa_builder_free(b);
  }
  assert_null(build_with(21, none));
}

/* Nothing may be read: there is one byte. */
static void lengths_beyond_2_gib_are_refused(void **state) {
  (void)state;
  static const size_t lengths[] = {SIZE_MAX,     SIZE_MAX - 1,  SIZE_MAX - 40,
                                   SIZE_MAX / 8, SIZE_MAX / 16, SIZE_MAX / 2,
                                   INT64_MAX,    UINT32_MAX,    INT32_MAX};
  char *byte = malloc(1);
  assert_non_null(byte);
  *byte = 'x';
  for (size_t i = 0; i < 21; i++) {
    for (size_t j = 0; j < sizeof lengths / sizeof *lengths; j++) {
      /* One that takes its counts apart has to read them. */
      if ((i != 16 && i != 17) || lengths[j] > INT32_MAX) {
        const oa_str text = {byte, lengths[j]};
        oa_builder *b = build_with(i, text);
        assert_fails(b, OA_ERR_LIMIT, "does not fit");
        oa_builder_free(b);
      }
    }
  }
  free(byte);
}

/* The same bound, brought near. */
static void a_request_never_passes_its_limit(void **state) {
  (void)state;
  static const char text[200];
  const oa_str value = {text, sizeof text};
  for (size_t limit = 0; limit < 3000; limit += 7) {
    oa_builder *b = new_builder(OA_LOGS);
    b->limit = limit;
    call(b, 'R');
    call(b, 'S');
    for (int i = 0; i < 20; i++) {
      call(b, 'g');
      oa_build_string(b, OA_S("k"), value);
      call(b, 'A');
      call(b, 'm');
      call(b, 'B');
    }
    assert_in_range(oa_builder_size(b), 0, limit + 100);
    assert_fails(b, OA_ERR_LIMIT, "");
    oa_builder_reset(b);
    b->limit = INT32_MAX;
    call(b, 'R');
    assert_taken(b);
    oa_builder_free(b);
  }
}

/* An attribute of more than 127 bytes in an array, whose lengths were taken for
 * shorter: closing it takes more bytes. */
static oa_builder *builder_that_grows_when_closed(void) {
  static const char text[200];
  const oa_str value = {text, sizeof text};
  const oa_str none = {NULL, 0};
  oa_builder *b = builder_after(OA_LOGS, "RSgA");
  oa_build_string(b, none, value);
  return b;
}

static void closing_keeps_to_the_limit_too(void **state) {
  (void)state;
  oa_builder *b = builder_that_grows_when_closed();
  const size_t open = oa_builder_size(b);
  assert_taken(b);
  const size_t closed = oa_builder_size(b);
  assert_in_range(closed, open + 1, open + 20);
  oa_builder_free(b);
  for (size_t limit = open; limit <= closed; limit++) {
    b = builder_that_grows_when_closed();
    b->limit = limit;
    if (limit < closed) {
      assert_fails(b, OA_ERR_LIMIT, "larger than");
    } else {
      assert_taken(b);
    }
    oa_builder_free(b);
  }
}

static void closing_without_memory_is_told(void **state) {
  (void)state;
  oa_builder *b = builder_that_grows_when_closed();
  b->emit.out.cap = b->emit.out.len; /* as if it were full */
  oa_mem_fail_after(0);
  assert_fails(b, OA_ERR_NOMEM, "no memory");
  oa_mem_fail_after(-1);
  oa_builder_free(b);
}

static void values_nest_64_deep_and_no_deeper(void **state) {
  (void)state;
  static const char *const owners[] = {"R", "RS", "RSg", "RSgP"};
  for (size_t i = 0; i < 4; i++) {
    for (unsigned depth = 1; depth <= 70; depth++) {
      oa_builder *b = builder_after(OA_LOGS, owners[i]);
      for (unsigned j = 0; j < depth; j++) {
        call(b, j % 2 == 0 ? 'm' : 'a');
      }
      if (depth <= 64) {
        call(b, 'v');
        assert_taken(b);
      } else {
        assert_fails(b, OA_ERR_LIMIT, "deeper than 64");
      }
      oa_builder_free(b);
    }
  }
  /* The deepest that there is: exemplars of points. */
  oa_builder *b = builder_after(OA_METRICS, "RSGnE");
  for (unsigned j = 0; j < 64; j++) {
    call(b, 'm');
  }
  call(b, 'V');
  assert_taken(b);
  /* Closing makes room again. */
  call(b, 'R');
  for (int i = 0; i < 200; i++) {
    call(b, 'M');
    call(b, '.');
  }
  assert_taken(b);
  oa_builder_free(b);
}

/* --- memory --- */

static void whatever_allocation_fails_is_told(void **state) {
  (void)state;
  static const char *const calls[] = {
      "RVSVsVAv.MVelVsVVVV", "RVSVGVnVEVXxHVhVUu", "RVSVgVPmVaa...VgPaaag"};
  for (int i = OA_TRACES; i <= OA_LOGS; i++) {
    int64_t n = 0;
    for (bool done = false; !done; n++) {
      oa_builder *b = NULL;
      oa_error error = {0};
      oa_mem_fail_after(n);
      if (oa_builder_new(&b, (oa_signal)i, &error) != OA_OK) {
        oa_mem_fail_after(-1);
        assert_null(b);
        assert_int_equal(error.code, OA_ERR_NOMEM);
        assert_true(strlen(error.text) > 10);
        continue;
      }
      for (int round = 0; round < 20; round++) {
        for (const char *letter = calls[i]; *letter != '\0'; letter++) {
          call(b, *letter);
        }
      }
      error = failure_of(b);
      oa_mem_fail_after(-1);
      done = error.code == OA_OK;
      if (done) {
        assert_taken(b);
      } else {
        assert_fails(b, OA_ERR_NOMEM, "no memory");
      }
      oa_builder_reset(b); /* and then it works */
      call(b, 'R');
      assert_taken(b);
      oa_builder_free(b);
    }
    assert_in_range(n, 4, 100);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_struct_that_is_too_small_is_named),
      cmocka_unit_test(a_struct_of_a_later_version_is_taken),
      cmocka_unit_test(a_struct_must_be_there),
      cmocka_unit_test(a_spans_ids_of_zeros_are_refused_and_a_links_are_not),
      cmocka_unit_test(numbers_that_are_in_no_enum_are_refused),
      cmocka_unit_test(a_length_without_data_is_refused),
      cmocka_unit_test(lengths_beyond_2_gib_are_refused),
      cmocka_unit_test(a_request_never_passes_its_limit),
      cmocka_unit_test(closing_keeps_to_the_limit_too),
      cmocka_unit_test(closing_without_memory_is_told),
      cmocka_unit_test(values_nest_64_deep_and_no_deeper),
      cmocka_unit_test(whatever_allocation_fails_is_told),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
