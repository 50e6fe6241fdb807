/* SPDX-License-Identifier: Apache-2.0 */
/* What is to be done with a file. */
#include <stdio.h>
#include <string.h>

#include "api/repair_impl.h"
#include "arrow/ipc_form.h"

/* What is looked at: the first LIMIT bytes of FD, or all with 0. */
typedef struct subject {
  int fd;
  oa_signal signal;
  uint64_t limit;
} subject;

typedef struct plan_context {
  oa_mend_plan *plan;
  oa_signal signal;
} plan_context;

static const oa_schema *choose(void *context, const oa_schema *found) {
  plan_context *c = context;
  return oa_verify_choose(&c->signal, found);
}

static void keep_first(void *context, uint64_t offset, uint64_t batch,
                       const char *what) {
  const plan_context *c = context;
  oa_mend_plan *plan = c->plan;
  if (plan->what[0] == '\0') {
    plan->offset = offset;
    plan->batch = batch;
    snprintf(plan->what, sizeof plan->what, "%s", what);
  }
}

/* The schema of SIGNAL is always the same, so a file that is damaged in it
 * alone can have it again.  *WELL: more batches are whole so. */
static oa_status try_schema(oa_mend_plan *plan, const subject *of, bool *well,
                            oa_error *error) {
  plan_context context = {.plan = plan, .signal = of->signal};
  oa_check found;
  plan->head.len = 0;
  if (oa_ipc_form_schema(oa_otlp_schema(of->signal), &plan->head) != OA_OK) {
    return oa_error_set(error, OA_ERR_NOMEM, "no memory for a schema");
  }
  const oa_check_options options = {.choose = choose,
                                    .context = &context,
                                    .head = plan->head.data,
                                    .head_len = plan->head.len,
                                    .limit = of->limit};
  OA_TRY(oa_check_file(of->fd, &options, &found, error));
  *well = found.good > plan->found.good;
  if (*well) {
    plan->mend = OA_MEND_SCHEMA;
    plan->found = found;
  }
  return OA_OK;
}

/* Nothing is wrong but that it ends too soon.  When messages stand behind the
 * one that is cut short, then it is not cut short, but damaged. */
static oa_status plan_end(oa_mend_plan *plan, int fd, oa_error *error) {
  const oa_check *found = &plan->found;
  oa_check_rest rest = {0};
  if (found->state == OA_CHECK_TORN) {
    OA_TRY(oa_check_look(fd, found->whole, found->size, &rest, error));
  }
  plan->mend = rest.messages ? OA_MEND_REWRITE : OA_MEND_CUT;
  if (rest.messages) {
    plan->offset = found->whole;
    plan->batch = found->batches + 1;
    snprintf(plan->what, sizeof plan->what,
             "a message says that it is longer than the file");
  }
  return OA_OK;
}

static oa_status plan_damage(oa_mend_plan *plan, const subject *of,
                             oa_error *error) {
  const oa_check *found = &plan->found;
  oa_check_rest rest;
  bool well = false;
  if (found->complete == 0 || found->foreign) {
    OA_TRY(try_schema(plan, of, &well, error));
    if (well) {
      return OA_OK;
    }
  }
  if (found->complete == 0) {
    const bool readable = found->has_schema && found->batches > 0;
    plan->mend = readable ? OA_MEND_LEAVE : OA_MEND_ASIDE;
    return OA_OK;
  }
  /* A power cut leaves zeros where the data had not arrived. */
  OA_TRY(oa_check_look(of->fd, found->complete, found->size, &rest, error));
  plan->mend = rest.zero ? OA_MEND_CUT : OA_MEND_REWRITE;
  return OA_OK;
}

/* Fills in PLAN, which is empty. */
static oa_status make(oa_mend_plan *plan, const subject *of, oa_error *error) {
  plan_context context = {.plan = plan, .signal = of->signal};
  const oa_check_options options = {.choose = choose,
                                    .problem = keep_first,
                                    .context = &context,
                                    .limit = of->limit};
  OA_TRY(oa_check_file(of->fd, &options, &plan->found, error));
  if (plan->found.state == OA_CHECK_WHOLE) {
    return OA_OK;
  }
  return plan->found.has_schema && plan->found.problems == 0
             ? plan_end(plan, of->fd, error)
             : plan_damage(plan, of, error);
}

/* Takes over INNER, which is for what PLAN would keep.  Both damages are told,
 * the one that comes first in the file first. */
static void take_inner(oa_mend_plan *plan, oa_mend_plan *inner) {
  const uint64_t size = plan->found.size;
  char what[OA_ERROR_TEXT_SIZE];
  snprintf(what, sizeof what, "%.120s; behind it: %.100s", inner->what,
           plan->what);
  oa_mend_plan_free(plan);
  *plan = *inner;
  plan->found.size = size;
  memcpy(plan->what, what, sizeof what);
  *inner = (oa_mend_plan){0};
}

/* Damage can hide other damage: what is kept must be well by itself, so that
 * it is not found wrong when the file is looked at again. */
static oa_status plan_kept(oa_mend_plan *plan, int fd, oa_signal signal,
                           oa_error *error) {
  const subject kept = {
      .fd = fd, .signal = signal, .limit = plan->found.complete};
  oa_mend_plan inner = {.mend = OA_MEND_NOTHING};
  const oa_status status = make(&inner, &kept, error);
  if (status == OA_OK &&
      (inner.mend == OA_MEND_SCHEMA || inner.mend == OA_MEND_ASIDE)) {
    take_inner(plan, &inner);
  }
  oa_mend_plan_free(&inner);
  return status;
}

oa_status oa_mend_plan_make(oa_mend_plan *out, int fd, oa_signal signal,
                            oa_error *error) {
  const subject all = {.fd = fd, .signal = signal};
  oa_mend_plan plan = {.mend = OA_MEND_NOTHING};
  oa_status status = make(&plan, &all, error);
  if (status == OA_OK && plan.found.problems > 0 && plan.found.complete > 0 &&
      (plan.mend == OA_MEND_REWRITE || plan.mend == OA_MEND_CUT)) {
    status = plan_kept(&plan, fd, signal, error);
  }
  if (status != OA_OK) {
    oa_mend_plan_free(&plan);
    return status;
  }
  if (plan.what[0] == '\0' && plan.mend == OA_MEND_ASIDE) {
    snprintf(plan.what, sizeof plan.what,
             "the file ends before its schema is complete");
  }
  *out = plan;
  return OA_OK;
}

void oa_mend_plan_free(oa_mend_plan *plan) {
  oa_buf_free(&plan->head);
}
