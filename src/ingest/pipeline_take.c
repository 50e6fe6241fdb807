/* SPDX-License-Identifier: Apache-2.0 */
/* The way of a request into a shard: is there room, what does the decoder say,
 * and what does its sender hear.
 *
 * A usual request takes all of it at once.  A long one is decoded by another
 * thread meanwhile: that has the shard on loan, and who comes in between finds
 * an empty one. */
#include <inttypes.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/mem.h"
#include "ingest/pipeline_impl.h"

enum {
  /* What is added while the disk is broken: it is looked at five times a
   * second. */
  RETRY_DISK_MS = 500,
};

static uint64_t batch_rows(const oa_pipeline *p, oa_signal signal) {
  const uint64_t half = (p->options.max_rows[signal] + 1) / 2;
  return p->options.batch_rows < half ? p->options.batch_rows : half;
}

static oa_signal_counters *counters_of(oa_pipeline *p,
                                       const oa_intake *intake) {
  return &p->options.counters->blocks[intake->thread].signals[intake->signal];
}

/* --- no --- */

/* Counts a refusal and says how soon its sender may come back. */
static void refuse(oa_pipeline *p, const oa_intake *intake, oa_refusal reason,
                   oa_outcome *out) {
  oa_count(&counters_of(p, intake)->refused[reason], 1);
  switch (reason) {
    case OA_REFUSED_DISK:
      out->code = OA_GRPC_UNAVAILABLE;
      out->retry_after_ms = oa_pipeline_retry_ms(p) + RETRY_DISK_MS;
      break;
    case OA_REFUSED_BUFFER_FULL:
      out->code = OA_GRPC_UNAVAILABLE;
      out->retry_after_ms = oa_pipeline_retry_ms(p);
      break;
    case OA_REFUSED_TOO_LARGE:
      out->code = OA_GRPC_RESOURCE_EXHAUSTED; /* without a delay: for ever */
      break;
    case OA_REFUSED_DEADLINE:
      out->code = OA_GRPC_DEADLINE_EXCEEDED;
      break;
    default:
      out->code = OA_GRPC_INVALID_ARGUMENT;
  }
}

/* False when OUT says why the request cannot be taken now. */
static bool admit(oa_pipeline *p, const oa_intake *intake, oa_outcome *out) {
  oa_writer_load writer;
  oa_writer_get_load(p->writer, &writer);
  if (intake->deadline_ns != 0 &&
      oa_clock_monotonic_ns() > intake->deadline_ns) {
    snprintf(out->text, sizeof out->text,
             "the deadline passed before the request was read");
    refuse(p, intake, OA_REFUSED_DEADLINE, out);
    return false;
  }
  if (writer.failing) {
    char why[OA_ERROR_TEXT_SIZE];
    oa_writer_problem(p->writer, why, sizeof why);
    snprintf(out->text, sizeof out->text, "cannot write: %.200s", why);
    refuse(p, intake, OA_REFUSED_DISK, out);
    return false;
  }
  if (p->threads[intake->thread].stalled ||
      oa_pipeline_is_full(p, intake->signal)) {
    oa_pipeline_hand_over(p, intake->thread, intake->signal);
    snprintf(out->text, sizeof out->text, "the buffer is full");
    refuse(p, intake, OA_REFUSED_BUFFER_FULL, out);
    return false;
  }
  return true;
}

bool oa_pipeline_admits(oa_pipeline *p, const oa_intake *intake,
                        oa_outcome *out) {
  *out = (oa_outcome){.code = OA_GRPC_OK};
  if (admit(p, intake, out)) {
    return true;
  }
  oa_count(&counters_of(p, intake)->requests, 1);
  return false;
}

/* The request was not decoded: is it bad, too large, or is memory short? */
static void fail_decoding(oa_pipeline *p, const oa_intake *intake,
                          oa_status status, const oa_error *error,
                          oa_outcome *out) {
  oa_refusal reason = OA_REFUSED_MALFORMED;
  snprintf(out->text, sizeof out->text, "%s",
           error->text[0] != '\0' ? error->text : oa_status_text(status));
  if (status == OA_ERR_NOMEM) {
    reason = OA_REFUSED_BUFFER_FULL;
  } else if (status == OA_ERR_LIMIT) {
    reason = OA_REFUSED_TOO_LARGE;
    snprintf(out->text, sizeof out->text,
             "the request is more than one batch may be, %" PRIu64
             " rows or %zu bytes of columns: split it",
             p->options.max_rows[intake->signal], p->options.limits.max_memory);
  }
  refuse(p, intake, reason, out);
}

/* --- yes --- */

/* Whether the shard is a batch by its bytes: those that came, or those that
 * its rows take, which may be many more. */
static bool is_large(const oa_pipeline *p, const oa_shard *s) {
  const size_t most = oa_pipeline_batch_bytes(p);
  return s->bytes >= most || oa_otlp_builder_row_bytes(s->builder) >= most;
}

/* Counts what was decoded into S. */
static void keep(oa_pipeline *p, const oa_intake *intake, oa_shard *s,
                 int64_t rows, oa_outcome *out) {
  oa_signal_counters *counters = counters_of(p, intake);
  const oa_otlp_result *result = &out->result;
  s->items += result->accepted;
  s->bytes += intake->bytes;
  out->waits = intake->ack != OA_ACK_MEMORY && rows > 0;
  if (out->waits) {
    oa_pipeline_add_wait(p, intake->thread, s, intake->wait, intake->ack);
  } else {
    s->acked = s->acked || rows > 0;
    oa_pipeline_drop_unused_commit(s);
  }
  oa_count(&counters->items_accepted, result->accepted);
  oa_count(&counters->items_rejected, result->rejected);
  oa_count(&counters->strings_repaired, result->repaired);
}

/* Hands the signal's batch over when it has become full. */
static void hand_over_full(oa_pipeline *p, unsigned thread, oa_signal signal) {
  const oa_shard *s = &p->threads[thread].shards[signal];
  if (s->builder != NULL &&
      ((uint64_t)oa_otlp_builder_rows(s->builder) >= batch_rows(p, signal) ||
       is_large(p, s))) {
    oa_pipeline_hand_over(p, thread, signal);
    oa_pipeline_update_pause(p, thread);
  }
}

/* --- a request's three steps --- */

/* False: OUT says why the request is not decoded. */
static bool begin(oa_pipeline *p, const oa_intake *intake, oa_outcome *out) {
  oa_pipeline_thread *t = &p->threads[intake->thread];
  t->busy_ns = oa_clock_monotonic_ns();
  t->trimmed = false;
  oa_count(&counters_of(p, intake)->requests, 1);
  *out = (oa_outcome){.code = OA_GRPC_OK};
  return admit(p, intake, out);
}

static void decode(oa_loan *loan) {
  if (loan->status == OA_OK) {
    loan->error = (oa_error){0};
    loan->status = loan->intake.decode(loan->intake.input, loan->shard->builder,
                                       &loan->result, &loan->error);
    loan->decoded = true;
  }
}

static void finish(oa_pipeline *p, oa_loan *loan, oa_outcome *out) {
  const oa_intake *intake = &loan->intake;
  oa_shard *s = loan->shard;
  *out = (oa_outcome){
      .code = OA_GRPC_OK, .decoded = loan->decoded, .result = loan->result};
  oa_count(&counters_of(p, intake)->bytes, intake->bytes);
  if (loan->status == OA_OK) {
    keep(p, intake, s, oa_otlp_builder_rows(s->builder) - loan->before, out);
  } else {
    oa_pipeline_drop_unused_commit(s);
    fail_decoding(p, intake, loan->status, &loan->error, out);
  }
}

void oa_pipeline_take(oa_pipeline *p, const oa_intake *intake,
                      oa_outcome *out) {
  oa_pipeline_thread *t = &p->threads[intake->thread];
  oa_loan loan = {.intake = *intake, .shard = &t->shards[intake->signal]};
  if (!begin(p, intake, out)) {
    return;
  }
  oa_pipeline_prepare(p, &loan);
  do {
    decode(&loan);
  } while (oa_pipeline_try_again(p, &loan));
  finish(p, &loan, out);
  hand_over_full(p, intake->thread, intake->signal);
  oa_pipeline_publish(t);
}

/* --- the same with another thread --- */

static void work(void *argument) {
  oa_loan *loan = argument;
  const unsigned thread = loan->intake.thread;
  oa_pipeline *p = loan->pipeline;
  decode(loan);
  atomic_store(&loan->over, true);
  oa_pipeline_wake_thread(p, thread);
}

static void start(oa_loan *loan) {
  atomic_store(&loan->over, false);
  loan->threaded = uv_thread_create(&loan->id, work, loan) == 0;
  if (!loan->threaded) {
    work(loan); /* better late than never */
  }
}

bool oa_loan_is_over(const oa_loan *loan) {
  return atomic_load(&loan->over);
}

oa_loan *oa_pipeline_lend(oa_pipeline *p, const oa_intake *intake,
                          oa_outcome *out) {
  oa_pipeline_thread *t = &p->threads[intake->thread];
  oa_shard *home = &t->shards[intake->signal];
  oa_loan *loan = oa_pipeline_new_loan(intake);
  if (!begin(p, intake, out)) {
    oa_pipeline_free_loan(loan);
    return NULL;
  }
  if (loan == NULL) {
    fail_decoding(p, intake, OA_ERR_NOMEM, &(oa_error){0}, out);
    return NULL;
  }
  loan->pipeline = p;
  loan->lent = *home;
  *home = (oa_shard){0};
  oa_pipeline_prepare(p, loan);
  t->loan = loan;
  oa_pipeline_publish(t);
  start(loan);
  return loan;
}

/* What was lent comes home; or it is a batch, when rows that came meanwhile are
 * there. */
static void take_home(oa_pipeline *p, oa_loan *loan) {
  const oa_intake *intake = &loan->intake;
  oa_pipeline_thread *t = &p->threads[intake->thread];
  oa_shard *home = &t->shards[intake->signal];
  if (home->builder == NULL) {
    *home = loan->lent;
  } else if (loan->lent.builder != NULL &&
             oa_otlp_builder_rows(loan->lent.builder) > 0) {
    oa_pipeline_submit(p, intake->thread, intake->signal, &loan->lent,
                       loan->slot);
    loan->slot = NULL;
  } else {
    oa_otlp_builder_free(loan->lent.builder);
  }
}

bool oa_pipeline_return(oa_pipeline *p, oa_loan *loan, oa_outcome *out) {
  const unsigned thread = loan->intake.thread;
  const oa_signal signal = loan->intake.signal;
  oa_pipeline_thread *t = &p->threads[thread];
  t->busy_ns = oa_clock_monotonic_ns();
  if (loan->threaded) {
    uv_thread_join(&loan->id);
  }
  if (oa_pipeline_try_again(p, loan)) {
    oa_pipeline_publish(t);
    start(loan);
    return false;
  }
  finish(p, loan, out);
  take_home(p, loan);
  t->loan = NULL;
  oa_pipeline_free_loan(loan);
  hand_over_full(p, thread, signal);
  oa_pipeline_publish(t);
  return true;
}

bool oa_pipeline_is_paused(const oa_pipeline *p, unsigned thread) {
  return p->threads[thread].paused;
}
