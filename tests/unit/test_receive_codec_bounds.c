/* SPDX-License-Identifier: Apache-2.0 */
/* Requests in a form that the program has a codec for: how large they may be,
 * and many at a time. */
#include "codec_trial.h"
#include "service_directory.h"

/* --- how much --- */

static void a_body_past_the_limit_reaches_no_codec(void **state) {
  char body[4000];
  (void)state;
  scene *s = scene_new();
  s->house->options.max_message = 1000;
  house_open(s->house);
  memset(body, 'a', sizeof body);
  assert_int_equal(talk(s->house, POST_LOGS LINES, body, sizeof body), 413);
  assert_non_null(strstr(heard(s->house), "{\"code\":8,\"message\":\""));
  assert_int_equal(s->trial.calls, 0);
  assert_int_equal(scene_close(s, OA_LOGS), 0);
}

static void what_is_built_is_bounded_as_requests_are(void **state) {
  (void)state;
  scene *s = scene_new();
  s->house->options.max_message = 1000;
  house_open(s->house);
  s->trial.swell = 1;
  s->trial.bulge = 800;
  assert_int_equal(post(s, "a\n"), 200);
  assert_int_equal(post(s, "a\nb\n"), 413);
  assert_non_null(
      strstr(heard(s->house), "{\"code\":8,\"message\":\"as OTLP: "));
  assert_false(has_name(s->house, "retry-after"));
  s->trial.bulge = 1001; /* one that never fits */
  assert_int_equal(post(s, "a\n"), 413);
  const oa_signal_totals totals = totals_of(s->house, OA_LOGS);
  assert_int_equal(totals.refused[OA_REFUSED_TOO_LARGE], 2);
  assert_int_equal(scene_close(s, OA_LOGS), 1);
}

static void what_is_built_is_paid_for(void **state) {
  oa_account account;
  oa_purse other = {.account = &account};
  (void)state;
  scene *s = scene_new();
  oa_account_init(&account, 1 << 20);
  s->house->options.account = &account;
  s->house->options.max_message = 64 << 20;
  house_open(s->house);
  s->trial.swell = 7;
  s->trial.bulge = 65000; /* 455 KB, of at most 512 KiB for one */
  assert_true(oa_purse_take(&other, 700000));
  assert_int_equal(post(s, "a\n"), 503);
  assert_true(has_name(s->house, "retry-after"));
  oa_purse_close(&other);
  assert_int_equal(post(s, "a\n"), 200);
  assert_true(oa_account_used(&account) > 450000);
  s->trial.swell = 10; /* which no time helps */
  assert_int_equal(post(s, "a\n"), 413);
  assert_false(has_name(s->house, "retry-after"));
  assert_int_equal(scene_close(s, OA_LOGS), 1);
  assert_int_equal(oa_account_used(&account), 0);
}

static void what_is_left_out_is_told(void **state) {
  (void)state;
  scene *s = scene_new();
  house *h = s->house;
  assert_int_equal(oa_pipeline_stop(h->pipeline, NULL), OA_OK);
  oa_pipeline_options narrow = pipeline_of(h);
  narrow.limits.max_attributes = 2;
  assert_int_equal(oa_pipeline_new(&h->pipeline, &narrow, NULL), OA_OK);
  h->options.pipeline = h->pipeline;
  house_open(h);
  s->trial.swell = 3;
  assert_int_equal(post(s, "a\nb\n"), 200);
  assert_non_null(strstr(heard(h),
                         "{\"partialSuccess\":{"
                         "\"rejectedLogRecords\":\"2\","
                         "\"errorMessage\":\""));
  s->trial.swell = 2;
  assert_int_equal(post(s, "a\nb\n"), 200);
  assert_int_equal(totals_of(h, OA_LOGS).items_rejected, 2);
  assert_int_equal(scene_close(s, OA_LOGS), 2);
}

static void without_memory_nothing_is_lost(void **state) {
  oa_error error;
  oa_buf out = {0};
  const oa_codec_input in = {
      .signal = OA_LOGS, .bytes = "a\nb\n", .len = 4, .max = 1 << 20};
  int64_t n = 0;
  oa_status status;
  (void)state;
  scene *s = scene_new();
  s->trial.swell = 1;
  s->trial.bulge = 5000;
  do {
    oa_mem_fail_after(n++);
    status =
        s->config->codecs.run(&s->config->codecs.items[1], &in, &out, &error);
    oa_mem_fail_after(-1);
    assert_true(status == OA_OK || status == OA_ERR_NOMEM);
    assert_true(status == OA_OK || out.len == 0);
  } while (status != OA_OK);
  assert_true(n > 2);
  assert_true(out.len > 10000);
  oa_buf_free(&out);
  house_open(s->house);
  assert_int_equal(scene_close(s, OA_LOGS), 0);
}

/* --- several threads --- */

enum { SENDERS = 4, POSTS = 40 };

typedef struct crowd {
  uint16_t port;
  atomic_int taken;
} crowd;

static void post_often(void *context) {
  static const char request[] =
      "POST /v1/logs HTTP/1.1\r\nhost: x\r\nconnection: close\r\n"
      "content-type: text/x-lines\r\ncontent-length: 4\r\n\r\na\nb\n";
  crowd *c = context;
  for (int i = 0; i < POSTS; i++) {
    char back[1024];
    size_t len = 0;
    ssize_t got;
    const int fd = connect_to(c->port);
    if (send_all(fd, request, sizeof request - 1)) {
      while ((got = recv(fd, back + len, sizeof back - 1 - len, 0)) > 0) {
        len += (size_t)got;
      }
      back[len] = '\0';
      atomic_fetch_add(&c->taken,
                       strncmp(back, "HTTP/1.1 200 ", 13) == 0 ? 1 : 0);
    }
    close(fd);
  }
}

static void threads_decode_at_the_same_time(void **state) {
  uv_thread_t threads[SENDERS];
  oa_service_stats stats = {.size = sizeof stats};
  trial t = {.swell = 3, .bulge = 10};
  crowd c = {0};
  const oa_codec lines = {
      .context = &t, .content_type = "text/x-lines", .decode = decode};
  oa_config *config = listening_config(*state);
  set(config, "protocols.arrow_flight_enabled", "false");
  set(config, "net.io_threads", "3");
  assert_int_equal(oa_config_add_codec(config, &lines, NULL), OA_OK);
  oa_service *service = start(config);
  oa_config_free(config); /* the service has its own */
  c.port = oa_service_port(service, OA_LISTENER_PROTOBUF);
  for (size_t i = 0; i < SENDERS; i++) {
    assert_int_equal(uv_thread_create(&threads[i], post_often, &c), 0);
  }
  /* A reload changes nothing about codecs. */
  assert_int_equal(oa_service_reload(service, NULL, NULL), OA_OK);
  for (size_t i = 0; i < SENDERS; i++) {
    uv_thread_join(&threads[i]);
  }
  assert_int_equal(c.taken, SENDERS * POSTS);
  assert_int_equal(t.calls, SENDERS * POSTS);
  assert_int_equal(oa_service_get_stats(service, &stats, NULL), OA_OK);
  assert_int_equal(stats.signals[OA_LOGS].received, 2 * SENDERS * POSTS);
  stop(service);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_body_past_the_limit_reaches_no_codec),
      cmocka_unit_test(what_is_built_is_bounded_as_requests_are),
      cmocka_unit_test(what_is_built_is_paid_for),
      cmocka_unit_test(what_is_left_out_is_told),
      cmocka_unit_test(without_memory_nothing_is_lost),
      IN_DIRECTORY(threads_decode_at_the_same_time),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
