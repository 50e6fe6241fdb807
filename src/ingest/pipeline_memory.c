/* SPDX-License-Identifier: Apache-2.0 */
/* What requests may take, and what is done when that is not there.
 *
 * All memory that senders can make grow is in one account.  A builder has a
 * bound of its own besides, so that one request cannot have all of it: what
 * does not even fit an empty builder is refused for ever, and everything else
 * may come again. */
#include <inttypes.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/mem.h"
#include "ingest/pipeline_impl.h"

enum {
  /* A batch goes to the writer at this part of the memory, for each thread and
   * whatever its rows: so shards take half of it at most, and what is written
   * and what waits finds the rest. */
  BATCH_PART = 6,
  /* Free memory below this part is left to requests that are under way. */
  RESERVE_PART = 16,
  /* What a builder holds without rows, or for few, after a request that failed:
   * more is given back. */
  KEEP = 4 << 20,
};

size_t oa_pipeline_batch_bytes(const oa_pipeline *p) {
  const oa_account *account = p->options.limits.account;
  const size_t most = OA_PIPELINE_BATCH_BYTES;
  if (account == NULL) {
    return most;
  }
  const size_t part = account->limit / BATCH_PART / p->options.threads;
  return part < most ? part : most;
}

bool oa_pipeline_is_short(const oa_pipeline *p) {
  const oa_account *account = p->options.limits.account;
  return account != NULL && oa_account_used(account) >=
                                account->limit - account->limit / RESERVE_PART;
}

uint32_t oa_pipeline_retry_ms(oa_pipeline *p) {
  oa_pipeline_stats stats;
  oa_pipeline_get_stats(p, &stats);
  return oa_backlog_delay_ms(&p->backlog, stats.bytes_buffered,
                             oa_clock_monotonic_ns());
}

oa_status oa_pipeline_ensure_builder(oa_pipeline *p, oa_shard *s,
                                     oa_signal signal) {
  if (s->builder == NULL) {
    s->builder = oa_writer_reuse(p->writer, signal);
  }
  if (s->builder != NULL) {
    return OA_OK;
  }
  OA_TRY(oa_otlp_builder_new(&s->builder, signal, &p->ords));
  oa_otlp_limits limits = p->options.limits;
  const uint64_t rows = p->options.max_rows[signal];
  limits.max_rows = rows < UINT32_MAX ? (uint32_t)rows : 0;
  oa_otlp_builder_set_limits(s->builder, &limits);
  return OA_OK;
}

static void empty(oa_otlp_builder *builder) {
  if (builder != NULL && oa_otlp_builder_rows(builder) == 0) {
    oa_otlp_builder_reset(builder, 0);
  }
}

/* Gives back what nobody uses at the moment.  False: there was nothing. */
static bool make_room(oa_pipeline *p, const oa_loan *loan) {
  const oa_pipeline_thread *t = &p->threads[loan->intake.thread];
  const oa_account *account = p->options.limits.account;
  const size_t before = account == NULL ? 0 : oa_account_used(account);
  oa_writer_trim(p->writer);
  for (size_t i = 0; i < OA_SIGNAL_COUNT; i++) {
    empty(t->shards[i].builder);
  }
  empty(loan->shard->builder);
  return account != NULL && oa_account_used(account) < before;
}

/* Hands the rows over that LOAN's request came behind.  False: there is no
 * memory for that. */
static bool hand_over(oa_pipeline *p, const oa_loan *loan) {
  oa_pipeline_drop_unused_commit(loan->shard);
  return oa_pipeline_hand_over_shard(p, loan->intake.thread,
                                     loan->intake.signal, loan->shard);
}

/* After a failure: a builder that has grown for nothing does not stay so. */
static void shrink(oa_pipeline *p, const oa_loan *loan) {
  const oa_shard *s = loan->shard;
  if (s->builder == NULL || oa_otlp_builder_held(s->builder) <= KEEP) {
    return;
  }
  if (oa_otlp_builder_rows(s->builder) == 0) {
    oa_otlp_builder_reset(s->builder, 0);
  } else if (oa_otlp_builder_held(s->builder) / 2 >
             oa_otlp_builder_memory(s->builder)) {
    (void)hand_over(p, loan);
  }
}

/* Makes the builder when there is none. */
static oa_status make_ready(oa_pipeline *p, oa_loan *loan) {
  oa_shard *s = loan->shard;
  OA_TRY(oa_pipeline_ensure_builder(p, s, loan->intake.signal));
  if (loan->intake.ack != OA_ACK_MEMORY) {
    OA_TRY(oa_pipeline_prepare_commit(s));
  }
  loan->before = oa_otlp_builder_rows(s->builder);
  loan->before_bytes = oa_otlp_builder_memory(s->builder);
  if (loan->before == 0) {
    s->since_ns = p->threads[loan->intake.thread].busy_ns;
  }
  return OA_OK;
}

void oa_pipeline_prepare(oa_pipeline *p, oa_loan *loan) {
  loan->status = make_ready(p, loan);
}

/* Whether the request may fit once what it met is out of the way, which is
 * begun with. */
static bool clear_way(oa_pipeline *p, const oa_loan *loan) {
  if (loan->status == OA_ERR_NOMEM) {
    return make_room(p, loan);
  }
  if (loan->before == 0) {
    return false;
  }
  /* The rows before were in the way: they go, and an empty builder comes. */
  return hand_over(p, loan);
}

bool oa_pipeline_try_again(oa_pipeline *p, oa_loan *loan) {
  if (loan->status != OA_ERR_NOMEM && loan->status != OA_ERR_LIMIT) {
    return false;
  }
  const bool again = !loan->again && clear_way(p, loan);
  loan->again = true;
  if (again && !(loan->intake.once && loan->decoded)) {
    oa_pipeline_prepare(p, loan);
    return true;
  }
  if (loan->status == OA_ERR_LIMIT && loan->before > 0) {
    /* It may fit when it comes again. */
    loan->status =
        oa_error_set(&loan->error, OA_ERR_NOMEM, "the buffer is full");
  }
  shrink(p, loan);
  return false;
}

oa_loan *oa_pipeline_new_loan(const oa_intake *intake) {
  oa_loan *loan = oa_calloc(1, sizeof *loan);
  if (loan == NULL) {
    return NULL;
  }
  loan->intake = *intake;
  loan->shard = &loan->lent;
  loan->slot = oa_writer_slot_new();
  if (loan->slot == NULL) {
    oa_free(loan);
    return NULL;
  }
  return loan;
}

void oa_pipeline_free_loan(oa_loan *loan) {
  if (loan != NULL) {
    oa_writer_slot_free(loan->slot);
    oa_free(loan);
  }
}

/* --- the end --- */

void oa_pipeline_hand_over_rest(oa_pipeline *p) {
  for (unsigned i = 0; i < p->options.threads; i++) {
    if (!oa_pipeline_is_inlet(p, i)) {
      oa_pipeline_hand_over_all(p, i);
    }
  }
  oa_pipeline_stop_inlets(p);
}

oa_status oa_pipeline_count_lost(oa_pipeline *p, oa_status status,
                                 oa_error *error) {
  uint64_t lost = 0;
  for (unsigned i = 0; i < p->options.threads; i++) {
    for (size_t s = 0; s < OA_SIGNAL_COUNT; s++) {
      const oa_shard *shard = &p->threads[i].shards[s];
      if (shard->builder != NULL && oa_otlp_builder_rows(shard->builder) > 0) {
        oa_count(&p->options.counters->blocks[p->options.threads]
                      .signals[s]
                      .items_given_up,
                 shard->items);
        lost += shard->acked ? shard->items : 0;
      }
    }
  }
  return lost == 0 || status != OA_OK
             ? status
             : oa_error_set(error, OA_ERR_NOMEM,
                            "%" PRIu64
                            " items could not be written and are lost: there "
                            "is no memory",
                            lost);
}
