/* SPDX-License-Identifier: Apache-2.0 */
/* codec_trial.h - a receiver with a codec of the program's own, which makes a
 * record of each line.
 */
#ifndef OA_TESTS_UNIT_CODEC_TRIAL_H
#define OA_TESTS_UNIT_CODEC_TRIAL_H

#include "base/log_limit.h"
#include "config/config.h"
#include "otlp_arrow.h"
#include "receive_trial.h"

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

static inline void build_item(oa_builder *b, oa_signal signal) {
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

static inline void build_lines(const trial *t, oa_builder *b, oa_signal signal,
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

static inline oa_status decode(void *context, oa_signal signal,
                               const void *bytes, size_t len,
                               oa_builder *builder, oa_error *error) {
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

static inline oa_status encode(void *context, oa_signal signal,
                               const struct ArrowSchema *schema,
                               const struct ArrowArray *batch,
                               oa_bytes_sink emit, void *emit_context,
                               oa_error *error) {
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

static inline scene *scene_new(void) {
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

static inline scene *scene_open(void) {
  scene *s = scene_new();
  house_open(s->house);
  return s;
}

static inline int64_t scene_close(scene *s, oa_signal signal) {
  const int64_t rows = house_close(s->house, signal);
  oa_config_free(s->config);
  free(s);
  return rows;
}

static inline int post(scene *s, const char *body) {
  return talk_text(s->house, POST_LOGS LINES, body);
}

#endif
