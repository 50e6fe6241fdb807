/* SPDX-License-Identifier: Apache-2.0 */
/* receive_trial.h - the whole way from a socket to the pipeline, and a sender
 * that speaks HTTP/1.1.
 */
#ifndef OA_TESTS_UNIT_RECEIVE_TRIAL_H
#define OA_TESTS_UNIT_RECEIVE_TRIAL_H

#include "pipeline_trial.h"
#include "receive/receive.h"

enum { TALK_SIZE = 65536 };

typedef struct house {
  yard yard;
  oa_counters counters;
  oa_pipeline *pipeline;
  oa_receiver_options options;
  oa_receiver *receiver;
  fixture fixture;
  char said[TALK_SIZE]; /* the last answer */
  size_t said_len;
} house;

/* What a pipeline of H is made with, where a test needs nothing special. */
static inline oa_pipeline_options pipeline_of(house *h) {
  return (oa_pipeline_options){
      .keep = {.store = h->yard.store},
      .counters = &h->counters,
      .threads = 1,
      .batch_rows = 1000,
      .write_interval_ns = 3600 * UINT64_C(1000000000),
      .max_rows = {1000, 1000, 1000},
      .memory_limit = 1 << 30,
  };
}

static inline house *house_new(void) {
  house *h = calloc(1, sizeof *h);
  assert_non_null(h);
  yard_open(&h->yard);
  assert_int_equal(oa_counters_init(&h->counters, 1), OA_OK);
  const oa_pipeline_options pipeline = pipeline_of(h);
  assert_int_equal(oa_pipeline_new(&h->pipeline, &pipeline, NULL), OA_OK);
  h->options = (oa_receiver_options){.pipeline = h->pipeline,
                                     .counters = &h->counters,
                                     .threads = 1,
                                     .max_message = 1 << 20,
                                     .stream_budget = 1 << 20,
                                     .root = h->yard.dir,
                                     .extension = "arrow"};
  return h;
}

static inline void house_open(house *h) {
  assert_int_equal(oa_receiver_new(&h->receiver, &h->options, NULL), OA_OK);
  fixture_init(&h->fixture);
  h->fixture.handler = oa_receiver_handler;
  h->fixture.options.context = h->receiver;
  h->fixture.options.max_message = h->options.max_message;
  fixture_start(&h->fixture);
  oa_pipeline_set_server(h->pipeline, h->fixture.server);
}

/* Returns the rows of SIGNAL that were stored. */
static inline int64_t house_close(house *h, oa_signal signal) {
  oa_server_stop(h->fixture.server, 1000);
  oa_pipeline_set_server(h->pipeline, NULL);
  oa_server_free(h->fixture.server);
  oa_receiver_free(h->receiver);
  uv_mutex_destroy(&h->fixture.lock);
  assert_int_equal(oa_pipeline_stop(h->pipeline, NULL), OA_OK);
  const int64_t rows = rows_in_files(&h->yard, signal);
  yard_close(&h->yard);
  oa_counters_reset(&h->counters);
  free(h);
  return rows;
}

/* Sends HEAD (lines with "\n", without the empty one), BODY of LEN bytes with
 * its length, and reads to the end of the connection.  Returns the status. */
static inline int talk(house *h, const char *head, const void *body,
                       size_t len) {
  char lines[16384];
  size_t used = 0;
  for (const char *at = head; *at != '\0'; at++) {
    assert_true(used + 128 < sizeof lines);
    if (*at == '\n') {
      lines[used++] = '\r';
    }
    lines[used++] = *at;
  }
  lines[used] = '\0';
  const int fd = connect_to(oa_server_port(h->fixture.server, 0));
  used += (size_t)snprintf(lines + used, sizeof lines - used,
                           "\r\nhost: x\r\nconnection: close\r\n"
                           "content-length: %zu\r\n\r\n",
                           len);
  assert_true(send_all(fd, lines, used));
  send_all(fd, body, len); /* may be refused halfway */
  h->said_len = 0;
  for (;;) {
    const ssize_t got =
        recv(fd, h->said + h->said_len, sizeof h->said - 1 - h->said_len, 0);
    if (got <= 0) {
      break;
    }
    h->said_len += (size_t)got;
  }
  h->said[h->said_len] = '\0';
  close(fd);
  assert_true(strncmp(h->said, "HTTP/1.1 ", 9) == 0);
  return (int)strtol(h->said + 9, NULL, 10);
}

static inline int talk_text(house *h, const char *head, const char *body) {
  return talk(h, head, body, strlen(body));
}

/* The body of the last answer. */
static inline const char *heard(const house *h) {
  const char *end = strstr(h->said, "\r\n\r\n");
  assert_non_null(end);
  return end + 4;
}

static inline size_t heard_len(const house *h) {
  return h->said_len - (size_t)(heard(h) - h->said);
}

/* Whether the head of the last answer has LINE, such as "vary: origin". */
static inline bool has_field(const house *h, const char *line) {
  char wanted[512];
  snprintf(wanted, sizeof wanted, "\r\n%s\r\n", line);
  const char *found = strstr(h->said, wanted);
  return found != NULL && found < heard(h);
}

static inline bool has_name(const house *h, const char *name) {
  char wanted[64];
  snprintf(wanted, sizeof wanted, "\r\n%s:", name);
  const char *found = strstr(h->said, wanted);
  return found != NULL && found < heard(h);
}

static inline oa_signal_totals totals_of(const house *h, oa_signal signal) {
  oa_signal_totals totals;
  oa_counters_sum(&h->counters, signal, &totals);
  return totals;
}

#endif
