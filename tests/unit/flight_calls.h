/* SPDX-License-Identifier: Apache-2.0 */
/* flight_calls.h - calls without a server and a pipeline without a disk, so
 * that a test decides when a client reads and what is full.
 *
 * Defines the functions that receive_flight.c and its brothers call.  Include
 * it in one test program, first.
 */
#ifndef OA_TESTS_UNIT_FLIGHT_CALLS_H
#define OA_TESTS_UNIT_FLIGHT_CALLS_H

#include "flight_trial.h"

#include "ingest/ack_line.h"
#include "ingest/pipeline_flush.h"
#include "receive/flight_impl.h"

/* A call and what became of it. */
typedef struct fake_call {
  oa_call call;
  flow sent;     /* the messages sent to the client */
  size_t unsent; /* what the client has not read, as the test says */
  bool reads;    /* it reads at once */
  int done;      /* messages given back */
  bool replied;
  oa_grpc_code code;
  char text[600];
  uint32_t retry_after_ms;
  const char *header; /* its authorization field */
  const char *ack;    /* its otlp-arrow-ack field */
} fake_call;

static inline fake_call *fake_of(const oa_call *call) {
  return (fake_call *)(uintptr_t)call;
}

const char *oa_call_header(const oa_call *call, const char *name, size_t *len) {
  const bool ack = strcmp(name, OA_ACK_HEADER) == 0;
  const char *value = ack ? fake_of(call)->ack : fake_of(call)->header;
  if (value == NULL || (!ack && strcmp(name, "authorization") != 0)) {
    return NULL;
  }
  *len = strlen(value);
  return value;
}

void oa_call_reply(oa_call *call, const oa_grpc_reply_data *reply) {
  fake_call *fake = fake_of(call);
  assert_false(fake->replied);
  fake->replied = true;
  fake->code = reply->code;
  fake->retry_after_ms = reply->retry_after_ms;
  snprintf(fake->text, sizeof fake->text, "%s",
           reply->text == NULL ? "" : reply->text);
}

oa_status oa_call_send(oa_call *call, const uint8_t *message, size_t len) {
  fake_call *fake = fake_of(call);
  oa_emit e = {0};
  assert_false(fake->replied);
  OA_TRY(oa_buf_put(&e.out, message, len));
  if (fake->sent.count == FLOW_MAX) { /* only the last ones are kept */
    oa_buf_free(&fake->sent.messages[0]);
    memmove(fake->sent.messages, fake->sent.messages + 1,
            (FLOW_MAX - 1) * sizeof fake->sent.messages[0]);
    fake->sent.count--;
  }
  flow_add(&fake->sent, &e);
  fake->unsent += fake->reads ? 0 : len;
  return OA_OK;
}

size_t oa_call_unsent(const oa_call *call) {
  return fake_of(call)->unsent;
}

void oa_call_message_done(oa_call *call) {
  assert_false(fake_of(call)->replied);
  fake_of(call)->done++;
}

/* --- the pipeline --- */

struct oa_pipeline {
  landing landing;
  oa_grpc_code answer; /* to every batch, when not OK */
  oa_flush_wait *wait;
  oa_ack_wait *waits; /* of batches, the last one first */
};

void oa_pipeline_take(oa_pipeline *p, const oa_intake *intake,
                      oa_outcome *out) {
  oa_error error = {.text = ""};
  *out = (oa_outcome){.code = p->answer};
  if (p->answer != OA_GRPC_OK) {
    snprintf(out->text, sizeof out->text, "the buffer is full");
    out->retry_after_ms = 500;
    return;
  }
  if (p->landing.t.builder == NULL) {
    trial_init(&p->landing.t, intake->signal);
  }
  out->decoded = true;
  const oa_status status =
      intake->decode(intake->input, p->landing.t.builder, &out->result, &error);
  if (status != OA_OK) {
    out->code =
        status == OA_ERR_NOMEM ? OA_GRPC_UNAVAILABLE : OA_GRPC_INVALID_ARGUMENT;
    snprintf(out->text, sizeof out->text, "%s", error.text);
  } else if (intake->ack != OA_ACK_MEMORY) {
    oa_ack_wait *wait = intake->wait;
    out->waits = true;
    wait->next = p->waits;
    wait->link = &p->waits;
    if (wait->next != NULL) {
      wait->next->link = &wait->next;
    }
    p->waits = wait;
  }
}

uint32_t oa_pipeline_retry_ms(oa_pipeline *p) {
  (void)p;
  return 500;
}

/* The number of those who wait for a batch. */
static inline int waiting(const oa_pipeline *p) {
  int count = 0;
  for (const oa_ack_wait *wait = p->waits; wait != NULL; wait = wait->next) {
    count++;
  }
  return count;
}

/* The batch that came as number INDEX of those that wait is safe, or not. */
static inline void settle(oa_pipeline *p, int index, const char *failure) {
  oa_ack_wait *wait = p->waits;
  for (int i = waiting(p) - 1; i > index; i--) {
    wait = wait->next;
  }
  oa_ack_forget(wait);
  wait->done(wait, failure);
}

bool oa_pipeline_ready(oa_pipeline *p, char *why, size_t size) {
  if (p->answer != OA_GRPC_OK) {
    snprintf(why, size, "the \"disk\"");
  }
  return p->answer == OA_GRPC_OK;
}

void oa_pipeline_get_stats(oa_pipeline *p, oa_pipeline_stats *out) {
  (void)p;
  *out = (oa_pipeline_stats){.bytes_buffered = 7};
}

void oa_pipeline_flush_begin(oa_pipeline *p, unsigned thread,
                             oa_flush_wait *wait) {
  (void)thread;
  p->wait = wait;
  wait->link = &p->wait;
}

void oa_pipeline_flush_forget(oa_flush_wait *wait) {
  if (wait->link != NULL) {
    *wait->link = NULL;
    wait->link = NULL;
  }
}

/* --- a receiver and its calls --- */

typedef struct desk {
  oa_pipeline pipeline;
  oa_counters counters;
  oa_receive_thread thread;
  oa_receiver receiver;
} desk;

static inline void desk_open(desk *d, const char *root) {
  *d = (desk){.pipeline = {.answer = OA_GRPC_OK}};
  assert_int_equal(oa_counters_init(&d->counters, 1), OA_OK);
  d->receiver = (oa_receiver){.options = {.pipeline = &d->pipeline,
                                          .counters = &d->counters,
                                          .max_message = 64 << 20,
                                          .stream_budget = 64 << 20,
                                          .threads = 1,
                                          .root = root,
                                          .extension = "arrow"},
                              .threads = &d->thread};
}

static inline void desk_close(desk *d) {
  assert_int_equal(d->thread.stream_bytes, 0);
  landing_free(&d->pipeline.landing);
  oa_inflater_free(d->thread.inflater);
  oa_counters_reset(&d->counters);
}

/* Begins a call of METHOD. */
static inline void call_open(desk *d, fake_call *c, const char *method) {
  char path[128];
  oa_call_kind kind = OA_CALL_UNARY;
  snprintf(path, sizeof path, "/arrow.flight.protocol.FlightService/%s",
           method);
  const oa_request head = {.method = "POST", .path = path, .grpc = true};
  *c = (fake_call){.reads = true};
  c->call.method = oa_protocol_flight.match(&head, &kind);
  c->call.kind = kind;
  assert_true(c->call.method >= 0);
  assert_int_equal(kind, OA_CALL_STREAM);
  const bool begun = oa_protocol_flight.begin(&d->receiver, &c->call, &head);
  assert_int_equal(begun, !c->replied);
}

static inline void call_free(desk *d, fake_call *c) {
  if (!c->replied) {
    oa_protocol_flight.canceled(&d->receiver, &c->call);
  }
  flow_free(&c->sent);
}

static inline void call_message(desk *d, fake_call *c, const uint8_t *bytes,
                                size_t len) {
  const int done = c->done;
  uint8_t *copy = malloc(len + 1);
  assert_non_null(copy);
  if (len > 0) {
    memcpy(copy, bytes, len);
  }
  c->call.message = copy;
  c->call.message_len = len;
  oa_protocol_flight.message(&d->receiver, &c->call);
  free(copy);
  assert_true(c->replied || c->done == done + 1);
}

/* A message that is one field of bytes or text. */
static inline void call_field(desk *d, fake_call *c, uint32_t field,
                              const char *text) {
  oa_emit e = {0};
  put_text(&e, field, text);
  call_message(d, c, e.out.data, e.out.len);
  oa_buf_free(&e.out);
}

static inline void call_flow(desk *d, fake_call *c, const flow *f) {
  for (size_t i = 0; i < f->count && !c->replied; i++) {
    call_message(d, c, f->messages[i].data, f->messages[i].len);
  }
}

static inline void call_end(desk *d, fake_call *c) {
  oa_protocol_flight.ended(&d->receiver, &c->call);
}

static inline void assert_reply(const fake_call *c, oa_grpc_code code,
                                const char *part) {
  assert_true(c->replied);
  if (c->code != code || strstr(c->text, part) == NULL) {
    fail_msg("%d \"%s\", expected %d \"%s\"", (int)c->code, c->text, (int)code,
             part);
  }
}

/* The one field of answer I, as text. */
static inline void answer_text(const fake_call *c, size_t i, char *out,
                               size_t size) {
  oa_cursor text = {0};
  assert_true(i < c->sent.count);
  assert_int_equal(
      oa_flight_read_opaque(
          oa_cursor_over(c->sent.messages[i].data, c->sent.messages[i].len),
          &text),
      OA_OK);
  snprintf(out, size, "%.*s", (int)oa_cursor_left(&text),
           (const char *)text.at);
}

static inline void assert_answer(const fake_call *c, size_t i,
                                 const char *want) {
  char text[1000];
  answer_text(c, i, text, sizeof text);
  assert_string_equal(text, want);
}

#endif
