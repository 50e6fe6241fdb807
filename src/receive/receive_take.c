/* SPDX-License-Identifier: Apache-2.0 */
/* Requests with one answer: when that goes out. */
#include <stdio.h>

#include "base/mem.h"
#include "receive/receive_impl.h"

/* A call whose rows are taken and not safe yet. */
struct oa_receive_held {
  oa_ack_wait wait;
  oa_receiver *receiver;
  oa_call *call;
  oa_receive_reply reply;
  oa_otlp_result result;
};

bool oa_receive_ack(const oa_receiver *r, const oa_call *call, oa_ack *level) {
  size_t len = 0;
  const char *text = oa_call_header(call, OA_ACK_HEADER, &len);
  *level = r->options.ack;
  return text == NULL || oa_ack_raise(level, text, len);
}

static void on_done(oa_ack_wait *wait, const char *failure) {
  oa_receive_held *h = (oa_receive_held *)wait; /* its first member */
  oa_outcome outcome = {.code = OA_GRPC_OK, .result = h->result};
  if (failure != NULL) {
    outcome.code = OA_GRPC_UNAVAILABLE;
    outcome.retry_after_ms =
        oa_pipeline_retry_ms(h->receiver->options.pipeline);
    snprintf(outcome.text, sizeof outcome.text, "cannot write: %s", failure);
  }
  h->reply(h->receiver, h->call, &outcome);
  oa_free(h);
}

/* Says no before the pipeline has seen the request. */
static void refuse(oa_receiver *r, oa_call *call, const oa_intake *intake,
                   oa_refusal reason, const oa_outcome *outcome,
                   oa_receive_reply reply) {
  oa_signal_counters *counters =
      &r->options.counters->blocks[call->thread].signals[intake->signal];
  oa_count(&counters->requests, 1);
  oa_count(&counters->refused[reason], 1);
  reply(r, call, outcome);
}

bool oa_receive_agree(oa_receiver *r, oa_call *call, oa_intake *intake,
                      oa_receive_reply reply, oa_receive_held **held) {
  oa_outcome outcome = {.code = OA_GRPC_INVALID_ARGUMENT,
                        .text = OA_ACK_UNKNOWN};
  *held = NULL;
  if (!oa_receive_ack(r, call, &intake->ack)) {
    refuse(r, call, intake, OA_REFUSED_MALFORMED, &outcome, reply);
    return false;
  }
  if (intake->ack == OA_ACK_MEMORY) {
    return true;
  }
  oa_receive_held *h = oa_malloc(sizeof *h);
  if (h == NULL) {
    outcome = (oa_outcome){
        .code = OA_GRPC_UNAVAILABLE,
        .retry_after_ms = oa_pipeline_retry_ms(r->options.pipeline),
        .text = "out of memory"};
    refuse(r, call, intake, OA_REFUSED_BUFFER_FULL, &outcome, reply);
    return false;
  }
  *h = (oa_receive_held){
      .wait = {.done = on_done}, .receiver = r, .call = call, .reply = reply};
  intake->wait = &h->wait;
  *held = h;
  return true;
}

void oa_receive_answer(oa_receiver *r, oa_call *call, const oa_outcome *outcome,
                       oa_receive_held *held, oa_receive_reply reply) {
  if (outcome->waits && held != NULL) {
    held->result = outcome->result;
    oa_call_message_done(call);
    return;
  }
  oa_free(held);
  reply(r, call, outcome);
}

void oa_receive_take(oa_receiver *r, oa_call *call, oa_intake *intake,
                     oa_receive_reply reply) {
  oa_receive_held *held;
  oa_outcome outcome;
  if (oa_receive_agree(r, call, intake, reply, &held)) {
    oa_pipeline_take(r->options.pipeline, intake, &outcome);
    oa_receive_answer(r, call, &outcome, held, reply);
  }
}
