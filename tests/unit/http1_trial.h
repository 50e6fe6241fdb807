/* SPDX-License-Identifier: Apache-2.0 */
/* http1_trial.h - feeds an HTTP/1.1 reader and writes down what it says, so
 * that two ways of feeding the same bytes can be compared as texts. */
#ifndef OA_TESTS_HTTP1_TRIAL_H
#define OA_TESTS_HTTP1_TRIAL_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "net/http1.h"

typedef struct trial {
  char *head; /* exactly as large as the reader was told */
  oa_http1_field *fields;
  oa_http1_room room;
  oa_http1 reader;
  unsigned status; /* of the refusal, 0 = none */
  unsigned ended;  /* requests */
  oa_buf body;     /* of the request at hand */
  oa_buf log;
} trial;

static inline void trial_must(bool ok) {
  if (!ok) {
    abort();
  }
}

static inline void trial_open_with(trial *t, size_t head, size_t fields,
                                   size_t line) {
  *t = (trial){.head = malloc(head),
               .fields = calloc(fields, sizeof *t->fields)};
  trial_must(t->head != NULL && t->fields != NULL);
  t->room = (oa_http1_room){.head = t->head,
                            .head_size = head,
                            .fields = t->fields,
                            .max_fields = fields,
                            .max_line = line};
  oa_http1_start(&t->reader, &t->room);
}

static inline void trial_open(trial *t) {
  trial_open_with(t, OA_HTTP1_HEAD_SIZE, OA_HTTP1_MAX_FIELDS,
                  OA_HTTP1_MAX_LINE);
}

static inline void trial_close(trial *t) {
  free(t->head);
  free(t->fields);
  oa_buf_free(&t->body);
  oa_buf_free(&t->log);
}

static inline void trial_say(trial *t, const char *what, oa_http1_text text) {
  trial_must(oa_buf_printf(&t->log, "%s=", what) == OA_OK &&
             oa_buf_put(&t->log, text.data, text.len) == OA_OK &&
             oa_buf_put_byte(&t->log, '\n') == OA_OK);
}

static inline void trial_say_head(trial *t) {
  const oa_http1_request *r = &t->reader.request;
  trial_say(t, "method", r->method);
  trial_say(t, "path", r->path);
  trial_say(t, "query", r->query);
  trial_say(t, "host", r->host);
  trial_must(oa_buf_printf(&t->log,
                           "minor=%u body=%d length=%llu keep=%d expect=%d "
                           "upgrade=%d\n",
                           r->minor, (int)r->body,
                           (unsigned long long)r->content_length,
                           (int)r->keep_alive, (int)r->expect_100,
                           (int)r->upgrade) == OA_OK);
  for (size_t i = 0; i < r->field_count; i++) {
    trial_say(t, "name", r->fields[i].name);
    trial_say(t, "value", r->fields[i].value);
  }
}

static inline void trial_end(trial *t) {
  trial_say(t, "body",
            (oa_http1_text){(const char *)t->body.data, t->body.len});
  t->body.len = 0;
  t->ended++;
  oa_http1_start(&t->reader, &t->room);
}

/* True while there is more to come out of INPUT. */
static inline bool trial_step(trial *t, oa_http1_bytes *input) {
  const uint8_t *end = input->at + input->len;
  oa_http1_bytes body = {NULL, 0};
  const oa_http1_event event = oa_http1_next(&t->reader, input, &body);
  trial_must(input->at + input->len == end);
  switch (event) {
    case OA_HTTP1_HEAD:
      trial_say_head(t);
      return true;
    case OA_HTTP1_BODY:
      trial_must(body.len > 0 && body.at + body.len == input->at);
      trial_must(oa_buf_put(&t->body, body.at, body.len) == OA_OK);
      return true;
    case OA_HTTP1_END:
      trial_end(t);
      return input->len > 0;
    case OA_HTTP1_REFUSED:
      if (t->status == 0) {
        t->status = t->reader.refusal.status;
        trial_must(oa_buf_printf(&t->log, "refused %u %s\n", t->status,
                                 t->reader.refusal.text) == OA_OK);
      }
      return false;
    default:
      trial_must(input->len == 0);
      return false;
  }
}

/* The bytes stand in a block of exactly their size. */
static inline void trial_feed(trial *t, const void *data, size_t len) {
  uint8_t *copy = malloc(len > 0 ? len : 1);
  trial_must(copy != NULL);
  if (len > 0) {
    memcpy(copy, data, len);
  }
  oa_http1_bytes input = {copy, len};
  while (trial_step(t, &input)) {
  }
  free(copy);
}

/* The log as a text, for comparing. */
static inline const char *trial_text(trial *t) {
  trial_must(oa_buf_put_byte(&t->log, 0) == OA_OK);
  t->log.len--;
  return (const char *)t->log.data;
}

/* The status with which DATA is refused, 0 when it is one or more whole
 * requests, 1 when more must come. */
static inline unsigned trial_verdict(const void *data, size_t len) {
  trial t;
  trial_open(&t);
  trial_feed(&t, data, len);
  unsigned verdict = t.status;
  if (verdict == 0 && (t.ended == 0 || !oa_http1_idle(&t.reader))) {
    verdict = 1;
  }
  trial_close(&t);
  return verdict;
}

/* Writes what the reader says of DATA to LOG when it is cut at A and B. */
static inline void trial_cut(const char *data, size_t len, size_t a, size_t b,
                             trial *t) {
  trial_open(t);
  trial_feed(t, data, a);
  trial_feed(t, data + a, b - a);
  trial_feed(t, data + b, len - b);
}

#endif
