/* SPDX-License-Identifier: Apache-2.0 */
/* turn_trial.h - a server whose handler takes long with some messages, to see
 * who is served meanwhile.
 *
 * The first of these messages is worked on until somebody else has sent, so
 * the tests know the order in which all came.
 */
#ifndef OA_TEST_TURN_TRIAL_H
#define OA_TEST_TURN_TRIAL_H

#include "base/buf.h"
#include "net_fixture.h"

enum {
  MANY = 40,        /* messages that take long, in one write */
  HARD = 1000,      /* bytes of one */
  EASY = 500,       /* bytes of one that does not */
  MOST_BEFORE = 5,  /* of the hard ones may come before an easy one */
  HARD_MS = 10,     /* what a hard one takes */
  NOBODY_MS = 5000, /* after this the hard ones wait for nobody any more */
};

/* A fixture whose first hard message takes until somebody else has sent. */
typedef struct busy {
  fixture f;
  atomic_bool other_sent;
  atomic_bool begun;
} busy;

static inline void work(busy *b, const oa_call *call) {
  if (call->message_len != HARD) {
    return;
  }
  atomic_store(&b->begun, true);
  const uint64_t end = now_ms() + NOBODY_MS;
  while (!atomic_load(&b->other_sent) && now_ms() < end) {
    pause_ms(1);
  }
  pause_ms(HARD_MS);
}

static inline void work_on_request(void *context, oa_call *call) {
  work(context, call);
  on_request(context, call);
}

static inline void work_on_message(void *context, oa_call *call) {
  fixture *f = context;
  work(context, call);
  uv_mutex_lock(&f->lock);
  if (f->requests < MAX_CALLS) {
    f->order[f->requests++] = call->message_len;
  }
  uv_mutex_unlock(&f->lock);
  on_message(context, call);
}

static inline busy *busy_start(oa_tls_context *tls) {
  busy *b = calloc(1, sizeof *b);
  assert_non_null(b);
  fixture_init(&b->f);
  b->f.handler.request = work_on_request;
  b->f.handler.message = work_on_message;
  b->f.options.tls = tls;
  fixture_start(&b->f);
  return b;
}

static inline void busy_end(busy *b) {
  assert_int_equal(b->f.refusals, 0);
  fixture_end(&b->f);
  free(b);
}

static inline void await_begun(busy *b) {
  const uint64_t end = now_ms() + PATIENCE;
  while (!atomic_load(&b->begun)) {
    assert_true(now_ms() < end);
    pause_ms(1);
  }
}

/* Where the message of LEN bytes came that was the last, or the first one. */
static inline size_t place_of(fixture *f, size_t len) {
  uv_mutex_lock(&f->lock);
  size_t place = 0;
  while (place < f->requests && f->order[place] != len) {
    place++;
  }
  uv_mutex_unlock(&f->lock);
  return place;
}

/* MANY requests in a row; the last one closes the connection. */
static inline oa_buf requests_ahead(void) {
  oa_buf all = {0};
  char head[128];
  char body[HARD];
  memset(body, 'x', sizeof body);
  for (int i = 0; i < MANY; i++) {
    const int len =
        snprintf(head, sizeof head,
                 "POST %s HTTP/1.1\r\nHost: x\r\n%sContent-Length: %d\r\n\r\n",
                 HTTP_PATH, i + 1 == MANY ? "Connection: close\r\n" : "", HARD);
    assert_int_equal(oa_buf_put(&all, head, (size_t)len), OA_OK);
    assert_int_equal(oa_buf_put(&all, body, sizeof body), OA_OK);
  }
  return all;
}

static inline size_t count_answers(const char *text) {
  size_t answers = 0;
  while ((text = strstr(text, "HTTP/1.1 200 ")) != NULL) {
    answers++;
    text++;
  }
  return answers;
}

#endif
