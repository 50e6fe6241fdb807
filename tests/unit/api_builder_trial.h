/* SPDX-License-Identifier: Apache-2.0 */
/* api_builder_trial.h - every call of the telemetry builder behind one letter,
 * what a builder must then say, and the rows of what it has built.
 */
#ifndef OA_TESTS_UNIT_API_BUILDER_TRIAL_H
#define OA_TESTS_UNIT_API_BUILDER_TRIAL_H

#include "api/builder_impl.h"
#include "otlp_trial.h"

static inline oa_builder *new_builder(oa_signal signal) {
  oa_builder *b = NULL;
  assert_int_equal(oa_builder_new(&b, signal, NULL), OA_OK);
  return b;
}

/* What oa_builder_finish() says, which must be a sentence, or one without the
 * builder's own when B is NULL. */
static inline oa_error failure_of(oa_builder *b) {
  const void *bytes = ID16;
  size_t len = 77;
  oa_error error = {0};
  const oa_status status = oa_builder_finish(b, &bytes, &len, &error);
  assert_int_equal(status, error.code);
  if (status != OA_OK) {
    assert_ptr_equal(bytes, ID16); /* not touched */
    assert_int_equal(len, 77);
    assert_true(strlen(error.text) > 15);
    assert_non_null(strchr(error.text, ' '));
    assert_int_equal(oa_builder_finish(b, &bytes, &len, NULL), status);
  }
  return error;
}

static inline void assert_fails(oa_builder *b, oa_status status,
                                const char *text) {
  const oa_error error = failure_of(b);
  assert_int_equal(error.code, status);
  if (strstr(error.text, text) == NULL) {
    fail_msg("\"%s\" is not in \"%s\"", text, error.text);
  }
}

/* Makes T, and gives it what B has built. */
static inline void give_built(trial *t, oa_builder *b) {
  const void *bytes = NULL;
  size_t len = 0;
  oa_error error = {0};
  if (oa_builder_finish(b, &bytes, &len, &error) != OA_OK) {
    fail_msg("%s", error.text);
  }
  assert_int_equal(len, oa_builder_size(b));
  trial_init(t, b->signal);
  if (give(t, bytes, len) != OA_OK) {
    fail_msg("%s", t->error.text);
  }
  assert_string_equal(t->result.reason, "");
  assert_int_equal(t->result.accepted, oa_builder_items(b));
}

static inline void assert_taken(oa_builder *b) {
  trial t;
  give_built(&t, b);
  trial_free(&t);
}

/* The rows of B's request, encoded again. */
static inline oa_buf rows_built(oa_builder *b, uint64_t items) {
  trial t;
  give_built(&t, b);
  assert_int_equal(t.result.repaired, 0);
  assert_int_equal(t.result.accepted, items);
  const oa_buf rows = encoded(&t);
  trial_free(&t);
  return rows;
}

/* B's rows are those of R, field by field.  Frees R, and leaves B as it is. */
static inline void assert_built(oa_builder *b, request *r, uint64_t items) {
  trial t;
  trial_init(&t, b->signal);
  take(&t, r);
  const oa_buf sent = encoded(&t);
  trial_free(&t);
  assert_same(rows_built(b, items), sent);
}

/* Opens a ResourceX with an empty Resource and a ScopeX without its owner. */
static inline void open_small(request *r) {
  r->resource = oa_emit_open(&r->e, 1, 1);
  oa_emit_close(&r->e, oa_emit_open(&r->e, 1, 1));
  r->scope = oa_emit_open(&r->e, 2, 1);
}

/* A value in DEPTH arrays, with KEY. */
static inline void build_deep(oa_builder *b, const char *key, unsigned depth) {
  for (unsigned i = 0; i < depth; i++) {
    oa_build_array(b, OA_S(i == 0 ? key : ""));
  }
  oa_build_int(b, OA_S(depth == 0 ? key : ""), 7);
  for (unsigned i = 0; i < depth; i++) {
    oa_build_end(b);
  }
}

/* --- every call, each with a letter --- */

static const oa_span a_span = {
    .size = sizeof a_span, .trace_id = {1}, .span_id = {1}};
static const oa_span_link a_link = {
    .size = sizeof a_link, .trace_id = {1}, .span_id = {1}};
static const oa_number_point a_number = {.size = sizeof a_number};
static const oa_histogram_point a_histogram = {.size = sizeof a_histogram};
static const oa_exponential_histogram_point an_exponential = {
    .size = sizeof an_exponential};
static const oa_summary_point a_summary = {.size = sizeof a_summary};
static const oa_exemplar an_exemplar = {.size = sizeof an_exemplar};
static const oa_log_record a_record = {.size = sizeof a_record};

static inline void build_metric(oa_builder *b, oa_metric_type type) {
  const oa_metric metric = {.size = sizeof metric, .type = type};
  oa_build_metric(b, &metric);
}

/* Values with a key and the same without; these letters are in both. */
#define WITH_KEYS "VIDBYOAM"
#define WITHOUT "vidbyoam"
static const char ALL_CALLS[] = "RSselGHXUnhxuEgP." WITH_KEYS WITHOUT;

static inline void call_value(oa_builder *b, char letter) {
  const oa_str key = OA_S("k");
  const oa_str none = {NULL, 0};
  switch (letter) {
    case 'V':
    case 'v':
      oa_build_string(b, letter == 'V' ? key : none, OA_S("text"));
      break;
    case 'I':
    case 'i':
      oa_build_int(b, letter == 'I' ? key : none, -1);
      break;
    case 'D':
    case 'd':
      oa_build_double(b, letter == 'D' ? key : none, 1.5);
      break;
    case 'B':
    case 'b':
      oa_build_bool(b, letter == 'B' ? key : none, 1);
      break;
    case 'Y':
    case 'y':
      oa_build_bytes(b, letter == 'Y' ? key : none, ID8, 8);
      break;
    case 'O':
    case 'o':
      oa_build_empty(b, letter == 'O' ? key : none);
      break;
    case 'A':
    case 'a':
      oa_build_array(b, letter == 'A' ? key : none);
      break;
    case 'M':
    case 'm':
      oa_build_map(b, letter == 'M' ? key : none);
      break;
    default:
      fail_msg("there is no call %c", letter);
  }
}

static inline void call(oa_builder *b, char letter) {
  switch (letter) {
    case 'R':
      oa_build_resource(b, NULL);
      break;
    case 'S':
      oa_build_scope(b, NULL);
      break;
    case '.':
      oa_build_end(b);
      break;
    case 's':
      oa_build_span(b, &a_span);
      break;
    case 'e':
      oa_build_event(b, 1, OA_S("e"), 0);
      break;
    case 'l':
      oa_build_link(b, &a_link);
      break;
    case 'G':
      build_metric(b, OA_GAUGE);
      break;
    case 'H':
      build_metric(b, OA_HISTOGRAM);
      break;
    case 'X':
      build_metric(b, OA_EXPONENTIAL_HISTOGRAM);
      break;
    case 'U':
      build_metric(b, OA_SUMMARY);
      break;
    case 'n':
      oa_build_number_point(b, &a_number);
      break;
    case 'h':
      oa_build_histogram_point(b, &a_histogram);
      break;
    case 'x':
      oa_build_exponential_histogram_point(b, &an_exponential);
      break;
    case 'u':
      oa_build_summary_point(b, &a_summary);
      break;
    case 'E':
      oa_build_exemplar(b, &an_exemplar);
      break;
    case 'g':
      oa_build_log_record(b, &a_record);
      break;
    case 'P':
      oa_build_body(b);
      break;
    default:
      call_value(b, letter);
      break;
  }
}

static inline oa_builder *builder_after(oa_signal signal, const char *calls) {
  oa_builder *b = new_builder(signal);
  for (; *calls != '\0'; calls++) {
    call(b, *calls);
  }
  assert_int_equal(b->error.code, OA_OK);
  return b;
}

#endif
