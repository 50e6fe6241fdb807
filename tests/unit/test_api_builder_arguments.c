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

#define TAKE(STRUCT, BUILD)                                         \
  static void take_##STRUCT(oa_builder *b, const void *structure) { \
    BUILD(b, structure);                                            \
  }

TAKE(oa_resource, oa_build_resource)
TAKE(oa_scope, oa_build_scope)
TAKE(oa_span, oa_build_span)
TAKE(oa_span_link, oa_build_link)
TAKE(oa_metric, oa_build_metric)
TAKE(oa_number_point, oa_build_number_point)
TAKE(oa_histogram_point, oa_build_histogram_point)
TAKE(oa_exponential_histogram_point, oa_build_exponential_histogram_point)
TAKE(oa_summary_point, oa_build_summary_point)
TAKE(oa_exemplar, oa_build_exemplar)
TAKE(oa_log_record, oa_build_log_record)

static const oa_resource a_resource = {.size = sizeof a_resource};
static const oa_scope a_scope = {.size = sizeof a_scope};
static const oa_metric a_metric = {.size = sizeof a_metric, .type = OA_GAUGE};

#define TAKER(STRUCT, SIGNAL, AFTER, GOOD, OPTIONAL) \
  { #STRUCT, SIGNAL, AFTER, take_##STRUCT, &(GOOD), sizeof(STRUCT), OPTIONAL }

static const taker takers[] = {
    TAKER(oa_resource, OA_LOGS, "", a_resource, true),
    TAKER(oa_scope, OA_LOGS, "R", a_scope, true),
    TAKER(oa_span, OA_TRACES, "RS", a_span, false),
    TAKER(oa_span_link, OA_TRACES, "RSs", a_link, false),
    TAKER(oa_metric, OA_METRICS, "RS", a_metric, false),
    TAKER(oa_number_point, OA_METRICS, "RSG", a_number, false),
    TAKER(oa_histogram_point, OA_METRICS, "RSH", a_histogram, false),
    TAKER(oa_exponential_histogram_point, OA_METRICS, "RSX", an_exponential,
          false),
    TAKER(oa_summary_point, OA_METRICS, "RSU", a_summary, false),
    TAKER(oa_exemplar, OA_METRICS, "RSGn", an_exemplar, false),
    TAKER(oa_log_record, OA_LOGS, "RS", a_record, false),
};

/* A struct of any type, to be changed. */
typedef union any_struct {
  size_t size;
  oa_exponential_histogram_point largest;
  uint8_t bytes[1024];
} any_struct;

/* The struct called NAME, as it is taken. */
static const taker *good_struct(const char *name, any_struct *out) {
  for (size_t i = 0; i < sizeof takers / sizeof *takers; i++) {
    if (strcmp(takers[i].name, name) == 0) {
      memcpy(out, takers[i].good, takers[i].size);
      return &takers[i];
    }
  }
  fail_msg("there is no %s", name);
  return NULL;
}

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
    any_struct block;
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

/* A number of a struct, by the name that a sentence gives it. */
typedef struct number {
  const char *of;
  const char *name;
  size_t offset, size;
} number;

#define NUMBER(STRUCT, NAME)                                        \
  {                                                                 \
    .of = #STRUCT, .name = #NAME, .offset = offsetof(STRUCT, NAME), \
    .size = sizeof(((const STRUCT *)NULL)->NAME)                    \
  }

static const number numbers[] = {
    NUMBER(oa_span, kind),
    NUMBER(oa_span, status_code),
    NUMBER(oa_metric, type),
    NUMBER(oa_metric, temporality),
    NUMBER(oa_number_point, number.type),
    NUMBER(oa_exemplar, number.type),
    NUMBER(oa_histogram_point, has),
    NUMBER(oa_log_record, severity_number),
};

/* An enum from elsewhere, as bindings may pass it. */
static void numbers_that_are_in_no_enum_are_refused(void **state) {
  (void)state;
  static const int bad[] = {-1, 25, INT32_MAX, INT32_MIN};
  for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
    assert_int_equal(numbers[i].size, sizeof *bad);
    for (size_t j = 0; j < 4; j++) {
      any_struct block;
      const taker *t = good_struct(numbers[i].of, &block);
      memcpy(block.bytes + numbers[i].offset, &bad[j], sizeof *bad);
      oa_builder *b = builder_after(t->signal, t->after);
      t->take(b, &block);
      assert_fails(b, OA_ERR_CONFIG, numbers[i].name);
      oa_builder_free(b);
    }
  }
}

/* --- sizes --- */

static void pass_key(oa_builder *b, oa_str text) {
  oa_build_string(b, text, OA_S("v"));
}

static void pass_string(oa_builder *b, oa_str text) {
  oa_build_string(b, OA_S("k"), text);
}

static void pass_bytes(oa_builder *b, oa_str text) {
  oa_build_bytes(b, OA_S("k"), text.data, text.len);
}

static void pass_array_key(oa_builder *b, oa_str text) {
  oa_build_array(b, text);
}

static void pass_event_name(oa_builder *b, oa_str text) {
  oa_build_event(b, 0, text, 0);
}

/* Everything that has a length: a parameter of a call, or a pointer and a
 * number in a struct. */
typedef struct lengthy {
  const char *after; /* the calls before PASS */
  void (*pass)(oa_builder *b, oa_str text);
  const char *of; /* unless PASS is there */
  size_t data, len;
  bool is_read; /* one that takes its counts apart has to read them */
} lengthy;

#define TEXT(STRUCT, NAME)                                                  \
  {                                                                         \
    .of = #STRUCT, .data = offsetof(STRUCT, NAME) + offsetof(oa_str, data), \
    .len = offsetof(STRUCT, NAME) + offsetof(oa_str, len)                   \
  }
#define LIST(STRUCT, DATA, LEN, READ)              \
  {                                                \
    .of = #STRUCT, .data = offsetof(STRUCT, DATA), \
    .len = offsetof(STRUCT, LEN), .is_read = READ  \
  }

static const lengthy lengthies[] = {
    TEXT(oa_resource, schema_url),
    {.after = "RS", .pass = pass_key},
    {.after = "RS", .pass = pass_string},
    {.after = "RS", .pass = pass_bytes},
    {.after = "RS", .pass = pass_array_key},
    {.after = "RSs", .pass = pass_event_name},
    TEXT(oa_scope, name),
    TEXT(oa_scope, version),
    TEXT(oa_span, name),
    TEXT(oa_span, trace_state),
    TEXT(oa_span, status_message),
    TEXT(oa_span_link, trace_state),
    TEXT(oa_metric, name),
    TEXT(oa_metric, description),
    TEXT(oa_metric, unit),
    LIST(oa_histogram_point, bucket_counts, bucket_count, false),
    LIST(oa_histogram_point, explicit_bounds, bound_count, false),
    LIST(oa_exponential_histogram_point, positive.counts, positive.count, true),
    LIST(oa_exponential_histogram_point, negative.counts, negative.count, true),
    LIST(oa_summary_point, quantiles, quantile_count, false),
    TEXT(oa_log_record, severity_text),
    TEXT(oa_log_record, event_name),
};

enum { LENGTHIES = sizeof lengthies / sizeof *lengthies };

static oa_builder *build_with(const lengthy *l, oa_str text) {
  if (l->pass != NULL) {
    oa_builder *b = builder_after(OA_TRACES, l->after);
    l->pass(b, text);
    return b;
  }
  any_struct block;
  const taker *t = good_struct(l->of, &block);
  memcpy(block.bytes + l->data, &text.data, sizeof text.data);
  memcpy(block.bytes + l->len, &text.len, sizeof text.len);
  oa_builder *b = builder_after(t->signal, t->after);
  t->take(b, &block);
  return b;
}

static void a_length_without_data_is_refused(void **state) {
  (void)state;
  static const size_t lengths[] = {1, 8, 4096, SIZE_MAX};
  const oa_str none = {NULL, 0};
  for (size_t i = 0; i < LENGTHIES; i++) {
    oa_builder *b;
    for (size_t j = 0; j < 4; j++) {
      const oa_str text = {NULL, lengths[j]};
      b = build_with(&lengthies[i], text);
      assert_fails(b, OA_ERR_CONFIG, "no data");
      oa_builder_free(b);
    }
    b = build_with(&lengthies[i], none);
    assert_taken(b);
    oa_builder_free(b);
  }
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
  for (size_t i = 0; i < LENGTHIES; i++) {
    for (size_t j = 0; j < sizeof lengths / sizeof *lengths; j++) {
      if (!lengthies[i].is_read || lengths[j] > INT32_MAX) {
        const oa_str text = {byte, lengths[j]};
        oa_builder *b = build_with(&lengthies[i], text);
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
