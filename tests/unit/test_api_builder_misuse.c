/* SPDX-License-Identifier: Apache-2.0 */
#include "api_builder_trial.h"

/* What may be called after which calls; all else is a failure. */
typedef struct situation {
  oa_signal signal;
  const char *after;
  const char *allowed;
} situation;

#define ATTRIBUTES WITH_KEYS WITHOUT

static const situation situations[] = {
    {OA_TRACES, "", "R"},
    {OA_METRICS, "", "R"},
    {OA_LOGS, "", "R"},
    {OA_TRACES, "R", "RS." ATTRIBUTES},
    {OA_METRICS, "R.", "R"},
    {OA_LOGS, "RA", "RS." WITHOUT},
    {OA_TRACES, "RS", "RSs." ATTRIBUTES},
    {OA_METRICS, "RS", "RSGHXU." ATTRIBUTES},
    {OA_LOGS, "RS", "RSg." ATTRIBUTES},
    {OA_LOGS, "RSM", "RSg." ATTRIBUTES},
    {OA_TRACES, "RS.", "RS."},
    {OA_TRACES, "RSs", "RSsel." ATTRIBUTES},
    {OA_TRACES, "RSs.", "RSs."},
    {OA_TRACES, "RSse", "RSsel." ATTRIBUTES},
    {OA_TRACES, "RSse.", "RSsel." ATTRIBUTES},
    {OA_TRACES, "RSsl", "RSsel." ATTRIBUTES},
    {OA_TRACES, "RSsA", "RSsel." WITHOUT},
    {OA_TRACES, "RSsM", "RSsel." ATTRIBUTES},
    {OA_TRACES, "RSseMAm", "RSsel." ATTRIBUTES},
    {OA_TRACES, "RSslAm.", "RSsel." WITHOUT},
    {OA_METRICS, "RSG", "RSGHXUn." ATTRIBUTES},
    {OA_METRICS, "RSH", "RSGHXUh." ATTRIBUTES},
    {OA_METRICS, "RSX", "RSGHXUx." ATTRIBUTES},
    {OA_METRICS, "RSU", "RSGHXUu." ATTRIBUTES},
    {OA_METRICS, "RSGn", "RSGHXUnE." ATTRIBUTES},
    {OA_METRICS, "RSHh", "RSGHXUhE." ATTRIBUTES},
    {OA_METRICS, "RSXx", "RSGHXUxE." ATTRIBUTES},
    {OA_METRICS, "RSUu", "RSGHXUu." ATTRIBUTES},
    {OA_METRICS, "RSGn.", "RSGHXUn."},
    {OA_METRICS, "RSG.", "RSGHXU."},
    {OA_METRICS, "RSGnE", "RSGHXUnE." ATTRIBUTES},
    {OA_METRICS, "RSHhEA", "RSGHXUhE." WITHOUT},
    {OA_METRICS, "RSXxE.", "RSGHXUxE." ATTRIBUTES},
    {OA_LOGS, "RSg", "RSgP." ATTRIBUTES},
    {OA_LOGS, "RSgV", "RSgP." ATTRIBUTES},
    {OA_LOGS, "RSgA", "RSgP." WITHOUT},
    {OA_LOGS, "RSgP", WITHOUT},
    {OA_LOGS, "RSgPo", "RSg." ATTRIBUTES},
    {OA_LOGS, "RSgPa", "RSg." WITHOUT},
    {OA_LOGS, "RSgPm", "RSg." ATTRIBUTES},
    {OA_LOGS, "RSgPma.", "RSg." ATTRIBUTES},
    {OA_LOGS, "RSgPa.", "RSg." ATTRIBUTES},
    {OA_LOGS, "RSgPv.", "RSg."},
};

static void every_call_in_every_situation(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof situations / sizeof *situations; i++) {
    const situation *s = &situations[i];
    for (const char *letter = ALL_CALLS; *letter != '\0'; letter++) {
      oa_builder *b = builder_after(s->signal, s->after);
      call(b, *letter);
      const bool allowed = strchr(s->allowed, *letter) != NULL;
      if ((b->error.code == OA_OK) != allowed) {
        fail_msg("%c after \"%s\" is %s: %s", *letter, s->after,
                 allowed ? "refused" : "taken", b->error.text);
      }
      if (allowed) {
        if (*letter == 'P') {
          call(b, 'v'); /* a body needs one */
        }
        assert_taken(b);
      } else {
        assert_int_equal(failure_of(b).code, OA_ERR_CONFIG);
      }
      oa_builder_free(b);
    }
  }
}

static void the_sentence_says_what_is_missing(void **state) {
  (void)state;
  static const struct {
    oa_signal signal;
    const char *calls;
    const char *text;
  } cases[] = {
      {OA_TRACES, "Rs", "a span needs a scope: call oa_build_scope() first"},
      {OA_TRACES, "S", "a scope needs a resource: call oa_build_resource()"},
      {OA_TRACES, "RSe", "an event needs a span: call oa_build_span() first"},
      {OA_TRACES, "RSs.l", "a link needs a span: call oa_build_span() first"},
      {OA_LOGS, "RSs",
       "a span does not belong to logs: oa_build_span() is "
       "for traces"},
      {OA_METRICS, "RSn", "a point needs a metric: call oa_build_metric()"},
      {OA_METRICS, "RSGh",
       "the metric is a gauge, and this point is not one "
       "of it: call oa_build_number_point()"},
      {OA_METRICS, "RSXn", "exponential histogram"},
      {OA_METRICS, "RSUuE", "an exemplar needs a point of a gauge, sum or"},
      {OA_METRICS, "RSGnG.V", "a scope's attributes come before its first"},
      {OA_METRICS, "RSGn.V", "a metric's metadata comes before its first"},
      {OA_TRACES, "RS.V", "a resource's attributes come before its first"},
      {OA_TRACES, "V", "call oa_build_resource() first"},
      {OA_TRACES, "RSsAV", "a value in an array has no key"},
      {OA_LOGS, "RSgPV", "a log record's body has no key"},
      {OA_LOGS, "RSgPg", "the log record's body has no value"},
      {OA_LOGS, "RSgP", "the log record's body has no value"},
      {OA_LOGS, "RSgPvP", "the log record has a body already"},
      {OA_LOGS, "R..", "oa_build_end() has nothing to close"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    oa_builder *b = new_builder(cases[i].signal);
    for (const char *letter = cases[i].calls; *letter != '\0'; letter++) {
      call(b, *letter);
    }
    assert_fails(b, OA_ERR_CONFIG, cases[i].text);
    oa_builder_free(b);
  }
}

static void the_first_failure_stays(void **state) {
  (void)state;
  oa_builder *b = builder_after(OA_TRACES, "RS");
  const size_t size = oa_builder_size(b);
  call(b, 'e');
  for (const char *letter = ALL_CALLS; *letter != '\0'; letter++) {
    call(b, *letter);
    assert_fails(b, OA_ERR_CONFIG, "an event needs a span");
    assert_int_equal(oa_builder_size(b), size);
    assert_int_equal(oa_builder_items(b), 0);
  }
  oa_builder_reset(b);
  call(b, 'R');
  assert_taken(b);
  oa_builder_free(b);
}

static void without_a_builder_nothing_happens(void **state) {
  (void)state;
  for (const char *letter = ALL_CALLS; *letter != '\0'; letter++) {
    call(NULL, *letter);
  }
  const void *bytes;
  size_t len;
  oa_error error = {0};
  oa_builder_reset(NULL);
  oa_builder_free(NULL);
  assert_int_equal(oa_builder_items(NULL), 0);
  assert_int_equal(oa_builder_size(NULL), 0);
  assert_int_equal(oa_builder_finish(NULL, &bytes, &len, &error),
                   OA_ERR_CONFIG);
  assert_true(strlen(error.text) > 15);
  oa_builder *b = new_builder(OA_LOGS);
  assert_int_equal(oa_builder_finish(b, NULL, &len, NULL), OA_ERR_CONFIG);
  assert_int_equal(oa_builder_finish(b, &bytes, NULL, NULL), OA_ERR_CONFIG);
  oa_builder_free(b);
  b = NULL;
  assert_int_equal(oa_builder_new(NULL, OA_LOGS, &error), OA_ERR_CONFIG);
  assert_int_equal(oa_builder_new(&b, OA_SIGNAL_COUNT, &error), OA_ERR_CONFIG);
  assert_int_equal(oa_builder_new(&b, (oa_signal)-1, &error), OA_ERR_CONFIG);
  assert_null(b);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_call_in_every_situation),
      cmocka_unit_test(the_sentence_says_what_is_missing),
      cmocka_unit_test(the_first_failure_stays),
      cmocka_unit_test(without_a_builder_nothing_happens),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
