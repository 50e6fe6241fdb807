/* SPDX-License-Identifier: Apache-2.0 */
/* Requests in a form that the program has a codec for, from the request line to
 * the rows. */
#include "base/log_limit.h"
#include "config/config.h"
#include "otlp_arrow.h"
#include "receive_trial.h"
#include "service_directory.h"

#define POST_LOGS "POST /v1/logs HTTP/1.1\n"
#define LINES "content-type: text/x-lines"
#define JSON "content-type: application/json"

/* A codec that makes a record of each line, and what it has seen. */
typedef struct trial {
  oa_status said; /* what it says besides */
  bool silent;    /* and no text with it */
  bool slips;     /* builds in an order that is none */
  size_t swell;   /* attributes of a record */
  size_t bulge;   /* bytes of each of them */
  char text[OA_ERROR_TEXT_SIZE];
  atomic_int calls;
  atomic_int nulls; /* calls without bytes */
  atomic_size_t bytes;
} trial;

static void build_item(oa_builder *b, oa_signal signal) {
  if (signal == OA_TRACES) {
    oa_build_span(b, &(oa_span){.size = sizeof(oa_span),
                                .trace_id = {1},
                                .span_id = {2},
                                .name = OA_S("s")});
  } else if (signal == OA_METRICS) {
    oa_build_metric(
        b, &(oa_metric){
               .size = sizeof(oa_metric), .name = OA_S("m"), .type = OA_GAUGE});
    oa_build_number_point(
        b, &(oa_number_point){.size = sizeof(oa_number_point),
                              .number = {OA_INT, {.as_int = 7}}});
  } else {
    oa_build_log_record(b, &(oa_log_record){.size = sizeof(oa_log_record)});
  }
}

static void build_lines(const trial *t, oa_builder *b, oa_signal signal,
                        const char *text, size_t len) {
  static const char filler[65536];
  oa_build_resource(b, NULL);
  oa_build_scope(b, NULL);
  for (size_t i = 0; i < len; i++) {
    if (text[i] == '\n') {
      build_item(b, signal);
      for (size_t j = 0; j < t->swell; j++) {
        oa_build_string(b, OA_S("k"), (oa_str){filler, t->bulge});
      }
    }
  }
}

static oa_status decode(void *context, oa_signal signal, const void *bytes,
                        size_t len, oa_builder *builder, oa_error *error) {
  trial *t = context;
  atomic_fetch_add(&t->calls, 1);
  atomic_fetch_add(&t->nulls, bytes == NULL ? 1 : 0);
  atomic_fetch_add(&t->bytes, len);
  if (t->slips) {
    oa_build_log_record(builder,
                        &(oa_log_record){.size = sizeof(oa_log_record)});
  } else {
    build_lines(t, builder, signal, bytes, len);
  }
  if (t->said != OA_OK && !t->silent) {
    memcpy(error->text, t->text, sizeof error->text);
  }
  return t->said;
}

static oa_status encode(void *context, oa_signal signal,
                        const struct ArrowSchema *schema,
                        const struct ArrowArray *batch, oa_bytes_sink emit,
                        void *emit_context, oa_error *error) {
  (void)context;
  (void)signal;
  (void)schema;
  (void)batch;
  (void)emit;
  (void)emit_context;
  (void)error;
  return OA_OK;
}

typedef struct scene {
  house *house;
  oa_config *config;
  trial trial;
} scene;

static scene *scene_new(void) {
  scene *s = calloc(1, sizeof *s);
  assert_non_null(s);
  s->house = house_new();
  assert_int_equal(oa_config_new(&s->config, NULL), OA_OK);
  const oa_codec out = {.content_type = "text/x-out", .encode = encode};
  const oa_codec lines = {
      .context = &s->trial, .content_type = "text/X-Lines", .decode = decode};
  assert_int_equal(oa_config_add_codec(s->config, &out, NULL), OA_OK);
  assert_int_equal(oa_config_add_codec(s->config, &lines, NULL), OA_OK);
  s->house->options.codecs = &s->config->codecs;
  return s;
}

static scene *scene_open(void) {
  scene *s = scene_new();
  house_open(s->house);
  return s;
}

static int64_t scene_close(scene *s, oa_signal signal) {
  const int64_t rows = house_close(s->house, signal);
  oa_config_free(s->config);
  free(s);
  return rows;
}

static int post(scene *s, const char *body) {
  return talk_text(s->house, POST_LOGS LINES, body);
}

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
      cmocka_unit_test(a_body_past_the_limit_reaches_no_codec),
      cmocka_unit_test(what_is_built_is_bounded_as_requests_are),
      cmocka_unit_test(what_is_built_is_paid_for),
      cmocka_unit_test(what_is_left_out_is_told),
      cmocka_unit_test(without_memory_nothing_is_lost),
      IN_DIRECTORY(threads_decode_at_the_same_time),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
