/* SPDX-License-Identifier: Apache-2.0 */
/* Requests in a form that the program has a codec for, from the request line to
 * the rows. */
#include "codec_trial.h"

/* --- what is taken --- */

static void each_signal_is_taken_and_answered_in_json(void **state) {
  static const char *const heads[OA_SIGNAL_COUNT] = {
      "POST /v1/traces HTTP/1.1\n" LINES, "POST /v1/metrics HTTP/1.1\n" LINES,
      POST_LOGS LINES};
  (void)state;
  scene *s = scene_open();
  for (int i = 0; i < OA_SIGNAL_COUNT; i++) {
    assert_int_equal(talk_text(s->house, heads[i], "a\nb\nc\n"), 200);
    assert_string_equal(heard(s->house), "{}");
    assert_true(has_field(s->house, JSON));
    const oa_signal_totals totals = totals_of(s->house, (oa_signal)i);
    assert_int_equal(totals.requests, 1);
    assert_int_equal(totals.items_accepted, 3);
    assert_int_equal(totals.bytes, 6);
  }
  assert_int_equal(s->trial.calls, 3);
  assert_int_equal(scene_close(s, OA_METRICS), 3);
}

static void parameters_and_case_of_the_type_do_not_matter(void **state) {
  static const char *const same[] = {
      "content-type: Text/X-LINES", "content-type: text/x-lines;charset=utf-8",
      "content-type:   text/x-lines ; header=present; a=\"b;c\""};
  static const char *const others[] = {
      "content-type: text/x-line", "content-type: text/x-lines2",
      "content-type: text", "content-type: text/x-lines/2",
      "content-type: x-lines"};
  char head[128];
  (void)state;
  scene *s = scene_open();
  for (size_t i = 0; i < sizeof same / sizeof same[0]; i++) {
    snprintf(head, sizeof head, POST_LOGS "%s", same[i]);
    assert_int_equal(talk_text(s->house, head, "a\n"), 200);
  }
  for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
    snprintf(head, sizeof head, POST_LOGS "%s", others[i]);
    assert_int_equal(talk_text(s->house, head, "a\n"), 415);
  }
  assert_int_equal(s->trial.calls, 3);
  assert_int_equal(scene_close(s, OA_LOGS), 3);
}

/* OTLP itself goes on as without codecs. */
static void otlp_never_meets_a_codec(void **state) {
  (void)state;
  scene *s = scene_open();
  assert_int_equal(
      talk_text(s->house, POST_LOGS JSON,
                "{\"resourceLogs\":[{\"scopeLogs\":[{\"logRecords\":[{}]}]}]}"),
      200);
  assert_int_equal(talk_text(s->house,
                             POST_LOGS "content-type: "
                                       "application/x-protobuf",
                             ""),
                   200);
  assert_int_equal(s->trial.calls, 0);
  assert_int_equal(scene_close(s, OA_LOGS), 1);
}

static void a_type_that_is_only_for_sending_is_not_taken(void **state) {
  (void)state;
  scene *s = scene_open();
  assert_int_equal(
      talk_text(s->house, POST_LOGS "content-type: text/x-out", "a\n"), 415);
  assert_string_equal(
      heard(s->house),
      "the content-type of this path is application/x-protobuf, "
      "application/json or text/x-lines; set it to what the body is\n");
  assert_true(has_field(s->house,
                        "accept: application/x-protobuf, "
                        "application/json, text/x-lines"));
  assert_int_equal(scene_close(s, OA_LOGS), 0);
}

static void the_longest_list_of_types_is_told_whole(void **state) {
  char type[OA_CODEC_MAX_TYPE + 1];
  (void)state;
  scene *s = scene_new();
  memset(type, 'z', sizeof type);
  type[4] = '/';
  type[sizeof type - 1] = '\0';
  for (int i = 2; i < OA_MAX_CODECS; i++) {
    type[0] = (char)('a' + i);
    const oa_codec codec = {.content_type = type, .decode = decode};
    assert_int_equal(oa_config_add_codec(s->config, &codec, NULL), OA_OK);
  }
  house_open(s->house);
  assert_int_equal(talk_text(s->house, POST_LOGS "content-type: text/none", ""),
                   415);
  assert_non_null(strstr(heard(s->house), type));
  assert_non_null(strstr(heard(s->house), "; set it to what the body is\n"));
  assert_int_equal(scene_close(s, OA_LOGS), 0);
}

static void an_empty_body_is_the_codecs_to_judge(void **state) {
  (void)state;
  scene *s = scene_open();
  assert_int_equal(post(s, ""), 200);
  assert_string_equal(heard(s->house), "{}");
  s->trial.said = OA_ERR_TRUNCATED;
  assert_int_equal(post(s, ""), 400);
  assert_int_equal(s->trial.calls, 2);
  assert_int_equal(s->trial.nulls, 0);
  assert_int_equal(s->trial.bytes, 0);
  assert_int_equal(scene_close(s, OA_LOGS), 0);
}

static void the_rows_are_as_safe_as_the_sender_wants(void **state) {
  (void)state;
  scene *s = scene_open();
  assert_int_equal(
      talk_text(s->house, POST_LOGS LINES "\notlp-arrow-ack: fsync", "a\n"),
      200);
  assert_int_equal(rows_in_files(&s->house->yard, OA_LOGS), 1);
  assert_int_equal(atomic_load(&disk_syncs), 1);
  assert_int_equal(
      talk_text(s->house, POST_LOGS LINES "\notlp-arrow-ack: never", "a\n"),
      400);
  assert_int_equal(scene_close(s, OA_LOGS), 1);
}

/* --- what is not --- */

static void what_a_codec_says_is_told_with_its_status(void **state) {
  static const struct {
    oa_status said;
    int http;
    int code;
    oa_refusal reason;
    bool retry;
  } cases[] = {
      {OA_ERR_MALFORMED, 400, 3, OA_REFUSED_MALFORMED, false},
      {OA_ERR_TRUNCATED, 400, 3, OA_REFUSED_MALFORMED, false},
      {OA_ERR_CONFIG, 400, 3, OA_REFUSED_MALFORMED, false},
      {OA_ERR_NOT_FOUND, 400, 3, OA_REFUSED_MALFORMED, false},
      {OA_END, 400, 3, OA_REFUSED_MALFORMED, false},
      {(oa_status)17, 400, 3, OA_REFUSED_MALFORMED, false},
      {OA_ERR_UNSUPPORTED, 415, 12, OA_REFUSED_OTHER, false},
      {OA_ERR_LIMIT, 413, 8, OA_REFUSED_TOO_LARGE, false},
      {OA_ERR_BUSY, 503, 14, OA_REFUSED_BUFFER_FULL, true},
      {OA_ERR_IO, 503, 14, OA_REFUSED_BUFFER_FULL, true},
      {OA_ERR_NOMEM, 503, 14, OA_REFUSED_BUFFER_FULL, true},
  };
  char body[128];
  (void)state;
  scene *s = scene_open();
  snprintf(s->trial.text, sizeof s->trial.text, "line 3: no severity");
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    const uint64_t before =
        totals_of(s->house, OA_LOGS).refused[cases[i].reason];
    s->trial.said = cases[i].said;
    assert_int_equal(post(s, "a\nb\n"), cases[i].http);
    snprintf(body, sizeof body,
             "{\"code\":%d,\"message\":\"line 3: no severity\"}",
             cases[i].code);
    assert_string_equal(heard(s->house), body);
    assert_true(has_field(s->house, JSON));
    assert_int_equal(has_name(s->house, "retry-after"), cases[i].retry);
    const oa_signal_totals totals = totals_of(s->house, OA_LOGS);
    assert_int_equal(totals.refused[cases[i].reason], before + 1);
    assert_int_equal(totals.requests, i + 1);
    assert_int_equal(totals.items_accepted, 0);
  }
  assert_int_equal(s->trial.calls, sizeof cases / sizeof cases[0]);
  assert_int_equal(scene_close(s, OA_LOGS), 0);
}

static void a_codec_without_words_still_has_an_answer(void **state) {
  (void)state;
  scene *s = scene_open();
  s->trial.silent = true;
  s->trial.said = OA_ERR_MALFORMED;
  assert_int_equal(post(s, "a\n"), 400);
  assert_non_null(strstr(heard(s->house), oa_status_text(OA_ERR_MALFORMED)));
  assert_int_equal(scene_close(s, OA_LOGS), 0);
}

static void the_text_of_a_codec_is_made_safe(void **state) {
  (void)state;
  scene *s = scene_open();
  s->trial.said = OA_ERR_MALFORMED;
  snprintf(s->trial.text, sizeof s->trial.text,
           "a\x01"
           "b\x1b[31mc\r\nd\x7F\xC2\x9B"
           "e\xFF\xC3(f\xC3\xA9");
  assert_int_equal(post(s, ""), 400);
  assert_string_equal(heard(s->house),
                      "{\"code\":3,\"message\":\"a b [31mc  d   "
                      "e\xEF\xBF\xBD\xEF\xBF\xBD(f\xC3\xA9\"}");
  /* A text without an end, cut inside a character. */
  memset(s->trial.text, 'y', sizeof s->trial.text);
  s->trial.text[OA_ERROR_TEXT_SIZE - 2] = (char)0xC2;
  s->trial.text[OA_ERROR_TEXT_SIZE - 1] = (char)0x85;
  assert_int_equal(post(s, ""), 400);
  assert_non_null(strstr(heard(s->house), "yyyy\xEF\xBF\xBD\"}"));
  assert_int_equal(
      heard_len(s->house),
      strlen("{\"code\":3,\"message\":\"\"}") + OA_ERROR_TEXT_SIZE - 2 + 3);
  assert_int_equal(scene_close(s, OA_LOGS), 0);
}

typedef struct lines {
  int count;
  char last[512];
} heard_lines;

static void take_line(void *context, oa_log_level level, const char *text) {
  heard_lines *l = context;
  l->count++;
  assert_int_equal(level, OA_LOG_ERROR);
  snprintf(l->last, sizeof l->last, "%s", text);
}

static void a_slip_of_the_codec_is_told_and_logged(void **state) {
  heard_lines got = {0};
  oa_log log = {.sink = {.context = &got, .line = take_line}};
  (void)state;
  scene *s = scene_new();
  assert_int_equal(oa_log_limit_new(&log.limit), OA_OK);
  s->house->options.log = &log;
  house_open(s->house);
  s->trial.slips = true;
  for (int i = 0; i < 30; i++) {
    /* Whether it hands the failure on or says nothing. */
    s->trial.said = i % 2 == 0 ? OA_OK : OA_ERR_CONFIG;
    assert_int_equal(post(s, "a\n"), 500);
    assert_string_equal(heard(s->house),
                        "{\"code\":13,\"message\":\"a log record needs a "
                        "scope: call oa_build_scope() first\"}");
  }
  assert_int_equal(got.count, OA_LOG_BURST);
  assert_non_null(strstr(got.last,
                         "the codec of text/x-lines cannot build "
                         "what it was sent: a log record needs"));
  assert_int_equal(totals_of(s->house, OA_LOGS).refused[OA_REFUSED_OTHER], 30);
  /* What the codec says of the sender counts more. */
  s->trial.said = OA_ERR_MALFORMED;
  assert_int_equal(post(s, "a\n"), 400);
  s->trial.slips = false;
  s->trial.said = OA_OK;
  assert_int_equal(post(s, "a\n"), 200);
  assert_int_equal(scene_close(s, OA_LOGS), 1);
  oa_log_limit_free(log.limit);
}

static void a_full_disk_is_told_before_anything_is_decoded(void **state) {
  (void)state;
  scene *s = scene_open();
  set_disk(DISK_FULL);
  assert_int_equal(post(s, "a\n"), 200);
  oa_pipeline_flush(s->house->pipeline, 10);
  const uint64_t end = now_ms() + PATIENCE;
  while (oa_pipeline_ready(s->house->pipeline, NULL, 0)) {
    assert_true(now_ms() < end);
    pause_ms(2);
  }
  assert_int_equal(post(s, "a\n"), 503);
  assert_true(has_field(s->house, "retry-after: 1"));
  assert_non_null(
      strstr(heard(s->house), "{\"code\":14,\"message\":\"cannot write"));
  assert_int_equal(s->trial.calls, 1);
  const oa_signal_totals totals = totals_of(s->house, OA_LOGS);
  assert_int_equal(totals.requests, 2);
  assert_int_equal(totals.refused[OA_REFUSED_DISK], 1);
  set_disk(DISK_WORKS);
  assert_int_equal(scene_close(s, OA_LOGS), 1);
}

static int refuse_all(void *context, const oa_sender *sender,
                      const char **name) {
  (void)context;
  (void)sender;
  (void)name;
  return 0;
}

static void a_stranger_reaches_no_codec(void **state) {
  const oa_authenticator closed = {.check = refuse_all, .challenge = "Bearer"};
  oa_auth *auth;
  (void)state;
  scene *s = scene_new();
  assert_int_equal(oa_config_set_authenticator(s->config, &closed, NULL),
                   OA_OK);
  assert_int_equal(oa_auth_new(&auth, s->config, NULL), OA_OK);
  s->house->options.auth = auth;
  house_open(s->house);
  assert_int_equal(post(s, "a\n"), 401);
  assert_true(has_field(s->house, "www-authenticate: Bearer"));
  assert_true(has_field(s->house, JSON));
  assert_int_equal(s->trial.calls, 0);
  assert_int_equal(scene_close(s, OA_LOGS), 0);
  oa_auth_free(auth);
}

static void a_page_of_a_listed_origin_may_send(void **state) {
  static const char *const origins[] = {"https://shop.example"};
  (void)state;
  scene *s = scene_new();
  s->house->options.cors_origins = origins;
  s->house->options.cors_origin_count = 1;
  house_open(s->house);
  for (int good = 0; good < 2; good++) {
    s->trial.said = good == 1 ? OA_OK : OA_ERR_MALFORMED;
    assert_int_equal(
        talk_text(s->house, POST_LOGS LINES "\norigin: https://shop.example",
                  "a\n"),
        good == 1 ? 200 : 400);
    assert_true(has_field(s->house,
                          "access-control-allow-origin: https://shop.example"));
  }
  assert_int_equal(
      talk_text(s->house,
                "OPTIONS /v1/logs HTTP/1.1\norigin: https://shop.example\n"
                "access-control-request-headers: content-type",
                ""),
      204);
  assert_true(
      has_field(s->house, "access-control-allow-headers: content-type"));
  assert_int_equal(s->trial.calls, 2);
  assert_int_equal(scene_close(s, OA_LOGS), 1);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(each_signal_is_taken_and_answered_in_json),
      cmocka_unit_test(parameters_and_case_of_the_type_do_not_matter),
      cmocka_unit_test(otlp_never_meets_a_codec),
      cmocka_unit_test(a_type_that_is_only_for_sending_is_not_taken),
      cmocka_unit_test(the_longest_list_of_types_is_told_whole),
      cmocka_unit_test(an_empty_body_is_the_codecs_to_judge),
      cmocka_unit_test(the_rows_are_as_safe_as_the_sender_wants),
      cmocka_unit_test(what_a_codec_says_is_told_with_its_status),
      cmocka_unit_test(a_codec_without_words_still_has_an_answer),
      cmocka_unit_test(the_text_of_a_codec_is_made_safe),
      cmocka_unit_test(a_slip_of_the_codec_is_told_and_logged),
      cmocka_unit_test(a_full_disk_is_told_before_anything_is_decoded),
      cmocka_unit_test(a_stranger_reaches_no_codec),
      cmocka_unit_test(a_page_of_a_listed_origin_may_send),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
