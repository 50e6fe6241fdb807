/* SPDX-License-Identifier: Apache-2.0 */
/* What a program may bring for sending on: the exporter and its codec, a
 * breaker, and the numbers that it gets back. */
#include <pthread.h>

#include <sys/stat.h>
#include <sys/wait.h>

#include "forward_trial.h"

static oa_status no_sink(void *context, oa_signal signal,
                         const struct ArrowSchema *schema,
                         const struct ArrowArray *batch, oa_error *error) {
  (void)context, (void)signal, (void)schema, (void)batch, (void)error;
  return OA_OK;
}

static oa_status no_encode(void *context, oa_signal signal,
                           const struct ArrowSchema *schema,
                           const struct ArrowArray *batch, oa_bytes_sink emit,
                           void *emit_context, oa_error *error) {
  (void)context, (void)signal, (void)schema, (void)batch, (void)emit;
  (void)emit_context, (void)error;
  return OA_OK;
}

static oa_status no_bytes(void *context, oa_signal signal,
                          const char *content_type, const void *bytes,
                          size_t len, uint32_t *retry_after_ms,
                          oa_error *error) {
  (void)context, (void)signal, (void)content_type, (void)bytes, (void)len;
  (void)retry_after_ms, (void)error;
  return OA_OK;
}

static void expect_refusal(const oa_exporter *exporter, const char *word) {
  oa_config *config;
  oa_error error = {0};
  assert_int_equal(oa_config_new_embedded(&config, NULL), OA_OK);
  assert_int_equal(oa_config_set_exporter(config, exporter, &error),
                   OA_ERR_CONFIG);
  assert_non_null(strstr(error.text, word));
  oa_config_free(config);
}

static void an_exporter_that_lacks_a_function_is_refused(void **state) {
  char endless[200];
  const oa_codec whole = {.content_type = "text/csv", .encode = no_encode};
  const oa_codec mute = {.content_type = "text/csv"};
  const oa_codec nameless = {.encode = no_encode};
  const oa_codec named = {.content_type = endless, .encode = no_encode};
  (void)state;
  memset(endless, 'a', sizeof endless - 1);
  endless[sizeof endless - 1] = '\0';
  expect_refusal(&(oa_exporter){.deliver_bytes = no_bytes}, "no deliver,");
  expect_refusal(&(oa_exporter){.codec = &whole, .deliver = depot_deliver},
                 "no deliver_bytes");
  expect_refusal(&(oa_exporter){.codec = &mute, .deliver_bytes = no_bytes},
                 "no encode");
  expect_refusal(&(oa_exporter){.codec = &nameless, .deliver_bytes = no_bytes},
                 "content type");
  expect_refusal(&(oa_exporter){.codec = &named, .deliver_bytes = no_bytes},
                 "content type");
  assert_int_equal(oa_config_set_exporter(NULL, NULL, NULL), OA_ERR_CONFIG);
  assert_int_equal(oa_config_set_breaker(NULL, NULL, NULL), OA_ERR_CONFIG);
  oa_config *config;
  assert_int_equal(oa_config_new_embedded(&config, NULL), OA_OK);
  assert_int_equal(
      oa_config_set_breaker(config, &(oa_breaker){.context = NULL}, NULL),
      OA_ERR_CONFIG);
  oa_config_free(config);
}

static void an_exporter_and_a_sink_do_not_go_together(void **state) {
  depot d;
  depot_init(&d);
  const oa_sink sink = {.append = no_sink};
  oa_config *config = forward_config(*state, &d);
  oa_service *service;
  oa_error error = {0};
  assert_int_equal(oa_config_check(config, &error), OA_OK);
  assert_int_equal(oa_config_set_sink(config, &sink, NULL), OA_OK);
  assert_int_equal(oa_config_check(config, &error), OA_ERR_CONFIG);
  assert_non_null(strstr(error.text, "sink"));
  assert_int_equal(oa_service_start(&service, config, &error), OA_ERR_CONFIG);
  assert_int_equal(oa_config_set_exporter(config, NULL, NULL), OA_OK);
  assert_int_equal(oa_config_check(config, &error), OA_OK);
  oa_config_free(config);
  depot_free(&d);
}

/* --- codec --- */

/* A body of one byte a row, and what became of it. */
typedef struct press {
  depot d;
  atomic_size_t bytes, bodies, calls;
  size_t chunk; /* bytes of one emit; 0 = a byte */
  atomic_int failures;
  oa_status answer;
} press;

static oa_status encode(void *context, oa_signal signal,
                        const struct ArrowSchema *schema,
                        const struct ArrowArray *batch, oa_bytes_sink emit,
                        void *emit_context, oa_error *error) {
  press *p = context;
  static char block[1 << 20];
  (void)signal, (void)schema;
  atomic_fetch_add(&p->calls, 1);
  if (atomic_load(&p->failures) > 0) {
    atomic_fetch_sub(&p->failures, 1);
    snprintf(error->text, sizeof error->text, "the press is jammed");
    return p->answer;
  }
  memset(block, 'x', sizeof block);
  for (int64_t i = 0; i < batch->length; i++) {
    const oa_status status =
        emit(emit_context, block, p->chunk == 0 ? 1 : p->chunk);
    if (status != OA_OK) {
      return status;
    }
  }
  return OA_OK;
}

static oa_status deliver_body(void *context, oa_signal signal,
                              const char *content_type, const void *bytes,
                              size_t len, uint32_t *retry_after_ms,
                              oa_error *error) {
  press *p = context;
  const size_t row = p->chunk == 0 ? 1 : p->chunk;
  (void)retry_after_ms, (void)error;
  if (strcmp(content_type, "text/x-es") != 0 || len % row != 0 ||
      ((const char *)bytes)[len - 1] != 'x') {
    return OA_ERR_CONFIG;
  }
  pthread_mutex_lock(&p->d.lock);
  p->d.rows[signal] += len / row;
  pthread_mutex_unlock(&p->d.lock);
  atomic_fetch_add(&p->bodies, 1);
  return OA_OK;
}

static oa_service *start_press(const char *directory, press *p) {
  char type[] = "text/x-es";
  const oa_codec codec = {.context = p, .content_type = type, .encode = encode};
  const oa_exporter exporter = {
      .context = p, .codec = &codec, .deliver_bytes = deliver_body};
  oa_config *config = forward_config(directory, &p->d);
  assert_int_equal(oa_config_set_exporter(config, &exporter, NULL), OA_OK);
  memset(type, '?', sizeof type - 1); /* it was copied */
  oa_service *service = start(config);
  oa_config_free(config);
  return service;
}

static void a_codec_makes_the_bodies(void **state) {
  press p = {.bytes = 0};
  depot_init(&p.d);
  oa_service *service = start_press(*state, &p);
  export_spans(service, 0, 100);
  export_spans(service, 100, 50);
  WAIT_FOR(depot_rows(&p.d, OA_TRACES) == 150);
  stop(service);
  assert_true(p.bodies >= 1 && p.bodies <= 2);
  depot_free(&p.d);
}

static void a_body_that_is_too_large_is_made_of_fewer_rows(void **state) {
  press p = {.chunk = 1 << 20};
  depot_init(&p.d);
  oa_service *service = start_press(*state, &p);
  export_spans(service, 0, 100); /* 100 MiB; at most 64 MiB are taken */
  WAIT_FOR(depot_rows(&p.d, OA_TRACES) == 100);
  assert_int_equal(stats_of(service).forwards[OA_TRACES].passed_over, 0);
  stop(service);
  assert_true(p.bodies >= 2);
  depot_free(&p.d);
}

static void a_codec_that_fails_is_asked_again_or_passed_over(void **state) {
  press p = {.failures = 2, .answer = OA_ERR_NOMEM};
  depot_init(&p.d);
  oa_service *service = start_press(*state, &p);
  export_spans(service, 0, 10);
  WAIT_FOR(depot_rows(&p.d, OA_TRACES) == 10);
  p.answer = OA_ERR_UNSUPPORTED;
  atomic_store(&p.failures, 1);
  export_spans(service, 10, 7);
  WAIT_FOR(stats_of(service).forwards[OA_TRACES].passed_over == 7);
  stop(service);
  assert_int_equal(p.calls, 4);
  depot_free(&p.d);
}

/* --- breakers --- */

static void an_endpoint_that_fails_is_left_in_peace(void **state) {
  depot d;
  depot_init(&d);
  d.answer = OA_ERR_IO;
  d.failures = -1;
  oa_config *config = forward_config(*state, &d);
  set(config, "forwarding.retry.max_interval", "5ms");
  set(config, "forwarding.circuit_breaker.failure_threshold", "3");
  set(config, "forwarding.circuit_breaker.open_timeout", "1h");
  oa_service *service = start(config);
  oa_config_free(config);
  export_spans(service, 0, 10);
  WAIT_FOR(depot_calls(&d) == 3);
  uv_sleep(200);
  assert_int_equal(depot_calls(&d), 3);
  assert_int_equal(stats_of(service).forwards[OA_TRACES].waiting, 10);
  const uint64_t begin = oa_clock_monotonic_ns();
  stop(service);
  assert_true(oa_clock_monotonic_ns() - begin < 5000 * MS);
  depot_free(&d);
}

typedef struct gatekeeper {
  atomic_int open, asked, answered, unreached, wrong;
} gatekeeper;

static int allow(void *context, uint64_t now_ms, uint32_t *wait_ms) {
  gatekeeper *g = context;
  atomic_fetch_add(&g->wrong, now_ms == 0 || *wait_ms != 1000);
  *wait_ms = 0; /* as soon as may be, which is not at once */
  atomic_fetch_add(&g->asked, 1);
  return atomic_load(&g->open);
}

static void hear(void *context, uint64_t now_ms, int answered) {
  gatekeeper *g = context;
  (void)now_ms;
  atomic_fetch_add(answered ? &g->answered : &g->unreached, 1);
}

static void a_breaker_of_the_program_says_when(void **state) {
  depot d;
  gatekeeper g = {.open = 0};
  const oa_breaker breaker = {.context = &g, .allow = allow, .report = hear};
  depot_init(&d);
  oa_config *config = forward_config(*state, &d);
  assert_int_equal(oa_config_set_breaker(config, &breaker, NULL), OA_OK);
  oa_service *service = start(config);
  oa_config_free(config);
  export_spans(service, 0, 10);
  WAIT_FOR(atomic_load(&g.asked) > 3);
  assert_int_equal(depot_calls(&d), 0);
  const int asked = atomic_load(&g.asked);
  uv_sleep(100);
  assert_true(atomic_load(&g.asked) - asked < 50);
  depot_fail(&d, OA_ERR_IO, 2);
  atomic_store(&g.open, 1);
  WAIT_FOR(depot_rows(&d, OA_TRACES) == 10);
  depot_fail(&d, OA_ERR_MALFORMED, 1);
  export_spans(service, 10, 1);
  WAIT_FOR(stats_of(service).forwards[OA_TRACES].passed_over == 1);
  stop(service);
  assert_int_equal(g.wrong, 0);
  assert_int_equal(g.unreached, 2);
  assert_int_equal(g.answered, 2); /* a refusal is an answer */
  depot_free(&d);
}

static void a_breaker_need_not_listen(void **state) {
  depot d;
  gatekeeper g = {.open = 1};
  const oa_breaker breaker = {.context = &g, .allow = allow};
  depot_init(&d);
  oa_config *config = forward_config(*state, &d);
  assert_int_equal(oa_config_set_breaker(config, &breaker, NULL), OA_OK);
  oa_service *service = start(config);
  oa_config_free(config);
  export_spans(service, 0, 10);
  WAIT_FOR(depot_rows(&d, OA_TRACES) == 10);
  stop(service);
  depot_free(&d);
}

/* --- beginning and end --- */

static void a_child_leaves_the_exporter_to_its_parent(void **state) {
  depot d;
  int status = -1;
  depot_init(&d);
  oa_service *service = start_forwarding(*state, &d);
  export_spans(service, 0, 10);
  WAIT_FOR(depot_rows(&d, OA_TRACES) == 10);
  const pid_t child = fork();
  if (child == 0) {
    oa_service_stats stats = {.size = sizeof stats};
    const bool closed =
        oa_service_get_stats(service, &stats, NULL) == OA_ERR_CLOSED &&
        export_one(service) == OA_ERR_CLOSED &&
        oa_service_stop(service, NULL) == OA_OK && d.closes == 0;
    _exit(closed ? 0 : 1);
  }
  assert_int_equal(waitpid(child, &status, 0), child);
  assert_int_equal(status, 0);
  export_spans(service, 10, 10);
  WAIT_FOR(depot_rows(&d, OA_TRACES) == 20);
  stop(service);
  assert_in_order(&d, 0, 20);
  assert_int_equal(d.closes, 1);
  depot_free(&d);
}

static void a_start_that_fails_leaves_nothing_behind(void **state) {
  depot d;
  depot_init(&d);
  oa_config *config = forward_config(*state, &d);
  oa_service *taken = start(config);
  oa_service *service;
  oa_error error = {0};
  assert_int_equal(oa_service_start(&service, config, &error), OA_ERR_IO);
  assert_int_equal(d.closes, 0); /* it is still the program's */
  stop(taken);
  assert_int_equal(d.closes, 1);
  char path[256];
  snprintf(path, sizeof path, "%s/otlp/.forwarded", (char *)*state);
  assert_int_equal(unlink(path), 0);
  assert_int_equal(mkdir(path, 0700), 0);
  assert_int_equal(oa_service_start(&service, config, &error), OA_ERR_IO);
  assert_non_null(strstr(error.text, ".forwarded"));
  oa_config_free(config);
  depot_free(&d);
}

/* --- numbers --- */

static void an_older_program_gets_the_numbers_that_it_knows(void **state) {
  enum { FIRST = offsetof(oa_service_stats, forwards) };
  depot d;
  depot_init(&d);
  oa_service *service = start_forwarding(*state, &d);
  export_spans(service, 0, 10);
  WAIT_FOR(stats_of(service).forwards[OA_TRACES].forwarded == 10);
  oa_service_stats stats;
  memset(&stats, 0xee, sizeof stats);
  stats.size = FIRST;
  assert_int_equal(oa_service_get_stats(service, &stats, NULL), OA_OK);
  assert_int_equal(stats.size, FIRST);
  assert_int_equal(stats.signals[OA_TRACES].stored, 10);
  for (size_t i = FIRST; i < sizeof stats; i++) {
    assert_int_equal(((const uint8_t *)&stats)[i], 0xee);
  }
  stats.size = FIRST - 1;
  assert_int_equal(oa_service_get_stats(service, &stats, NULL), OA_ERR_CONFIG);
  /* A newer program. */
  struct {
    oa_service_stats known;
    uint64_t more;
  } newer = {.known = {.size = sizeof newer}, .more = 77};
  assert_int_equal(oa_service_get_stats(service, &newer.known, NULL), OA_OK);
  assert_int_equal(newer.known.forwards[OA_TRACES].forwarded, 10);
  assert_int_equal(newer.more, 77);
  stop(service);
  depot_free(&d);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(an_exporter_that_lacks_a_function_is_refused),
      IN_DIRECTORY(an_exporter_and_a_sink_do_not_go_together),
      IN_DIRECTORY(a_codec_makes_the_bodies),
      IN_DIRECTORY(a_body_that_is_too_large_is_made_of_fewer_rows),
      IN_DIRECTORY(a_codec_that_fails_is_asked_again_or_passed_over),
      IN_DIRECTORY(an_endpoint_that_fails_is_left_in_peace),
      IN_DIRECTORY(a_breaker_of_the_program_says_when),
      IN_DIRECTORY(a_breaker_need_not_listen),
      IN_DIRECTORY(a_child_leaves_the_exporter_to_its_parent),
      IN_DIRECTORY(a_start_that_fails_leaves_nothing_behind),
      IN_DIRECTORY(an_older_program_gets_the_numbers_that_it_knows),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
