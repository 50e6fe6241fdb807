/* SPDX-License-Identifier: Apache-2.0 */
/* Long requests, which take long to decode: some milliseconds for each
 * mebibyte, and many more when somebody has packed millions of empty things
 * into a few kilobytes.  So they stand in a line, and another thread decodes
 * them, one at a time, while the I/O thread serves all others. */
#include "base/mem.h"
#include "receive/receive_impl.h"

typedef struct job {
  oa_call *call;
  oa_receive_reply reply;
  oa_receive_input input;
  oa_intake intake;
  oa_receive_held *held; /* NULL when nothing is waited for */
  struct job *next;
} job;

/* One I/O thread's line.  While LOAN is out, the other thread looks at the job
 * at the head, and has SCRATCH. */
struct oa_receive_line {
  oa_receiver *receiver;
  unsigned thread;
  job *head; /* the one that is being decoded stays here */
  job **tail;
  oa_loan *loan; /* NULL = nothing is being decoded */
  oa_buf scratch;
  oa_purse scratch_purse;
};

static oa_pipeline *pipeline_of(const oa_receive_line *line) {
  return line->receiver->options.pipeline;
}

static job *pop(oa_receive_line *line) {
  job *j = line->head;
  line->head = j->next;
  if (line->head == NULL) {
    line->tail = &line->head;
  }
  return j;
}

/* Answers the head of the line, which it leaves. */
static void answer(oa_receive_line *line, const oa_outcome *outcome) {
  job *j = pop(line);
  oa_buf_free(&line->scratch);
  oa_receive_answer(line->receiver, j->call, outcome, j->held, j->reply);
  oa_free(j);
}

/* Begins with the head of the line, or answers it. */
static void begin(oa_receive_line *line) {
  oa_outcome outcome;
  line->loan =
      oa_pipeline_lend(pipeline_of(line), &line->head->intake, &outcome);
  if (line->loan == NULL) {
    answer(line, &outcome);
  }
}

/* What has been decoded comes back and is answered, unless it must be decoded
 * once more. */
static void end(oa_receive_line *line) {
  oa_outcome outcome;
  if (oa_pipeline_return(pipeline_of(line), line->loan, &outcome)) {
    line->loan = NULL;
    answer(line, &outcome);
  }
}

void oa_receive_long_go_on(oa_receiver *r, unsigned thread) {
  oa_receive_line *line = r->threads[thread].line;
  if (line == NULL) {
    return;
  }
  while (line->loan != NULL && oa_loan_is_over(line->loan)) {
    end(line);
  }
  while (line->loan == NULL && line->head != NULL &&
         !oa_pipeline_is_paused(pipeline_of(line), thread)) {
    begin(line);
  }
}

/* --- what comes and goes --- */

static oa_receive_line *need_line(oa_receiver *r, unsigned thread) {
  oa_receive_thread *t = &r->threads[thread];
  if (t->line == NULL) {
    oa_receive_line *line = oa_calloc(1, sizeof *line);
    if (line == NULL) {
      return NULL;
    }
    line->receiver = r;
    line->thread = thread;
    line->tail = &line->head;
    line->scratch_purse.account = t->scratch_purse.account;
    line->scratch_purse.max = t->scratch_purse.max;
    line->scratch.purse = &line->scratch_purse;
    t->line = line;
  }
  return t->line;
}

/* Puts a request in the line.  False: there is no memory for that. */
static bool stand_in_line(oa_receiver *r, const oa_intake *intake,
                          const oa_receive_input *input, oa_receive_held *held,
                          oa_receive_reply reply) {
  oa_receive_line *line = need_line(r, intake->thread);
  job *j = line == NULL ? NULL : oa_calloc(1, sizeof *j);
  if (j == NULL) {
    return false;
  }
  *j = (job){.call = input->call,
             .reply = reply,
             .input = *input,
             .intake = *intake,
             .held = held};
  j->input.scratch = &line->scratch;
  j->intake.input = &j->input;
  *line->tail = j;
  line->tail = &j->next;
  oa_receive_long_go_on(r, intake->thread);
  return true;
}

oa_status oa_receive_protobuf(void *input, oa_otlp_builder *builder,
                              oa_otlp_result *result, oa_error *error) {
  const oa_receive_input *in = input;
  return oa_otlp_decode(builder, in->call->message, in->call->message_len,
                        result, error);
}

void oa_receive_decode(oa_receiver *r, oa_call *call, oa_signal signal,
                       oa_pipeline_decode decode, oa_receive_reply reply) {
  oa_receive_input input = {.call = call,
                            .signal = signal,
                            .scratch = &r->threads[call->thread].scratch};
  oa_intake intake = {.thread = call->thread,
                      .signal = signal,
                      .deadline_ns = call->deadline_ns,
                      .bytes = call->message_len,
                      .decode = decode,
                      .input = &input};
  oa_receive_held *held;
  oa_outcome outcome;
  if (!oa_receive_agree(r, call, &intake, reply, &held) ||
      (call->message_len >= OA_LONG_REQUEST &&
       stand_in_line(r, &intake, &input, held, reply))) {
    return;
  }
  oa_pipeline_take(r->options.pipeline, &intake, &outcome);
  oa_receive_answer(r, call, &outcome, held, reply);
}

void oa_receive_long_stop(oa_receiver *r, unsigned thread) {
  oa_receive_line *line = r->threads[thread].line;
  const oa_outcome too_late = {.code = OA_GRPC_UNAVAILABLE,
                               .retry_after_ms = 1000,
                               .text = "the service is stopping"};
  while (line != NULL && line->loan != NULL) {
    end(line);
  }
  while (line != NULL && line->head != NULL) {
    answer(line, &too_late);
  }
}

void oa_receive_long_free(oa_receive_line *line) {
  if (line != NULL) {
    oa_buf_free(&line->scratch);
    oa_purse_close(&line->scratch_purse);
    oa_free(line);
  }
}
