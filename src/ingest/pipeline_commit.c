/* SPDX-License-Identifier: Apache-2.0 */
/* Senders who wait until their rows are in a file, or on the disk.
 *
 * A shard that somebody waits for goes to the writer as soon as that is idle.
 * While it is busy the shard grows, so under load one write and one fsync serve
 * many requests, and a lone sender waits for one of each. */
#include "base/mem.h"
#include "ingest/pipeline_impl.h"

oa_status oa_pipeline_prepare_commit(oa_shard *s) {
  if (s->commit == NULL) {
    s->commit = oa_calloc(1, sizeof *s->commit);
  }
  return s->commit != NULL ? OA_OK : OA_ERR_NOMEM;
}

void oa_pipeline_drop_unused_commit(oa_shard *s) {
  if (s->commit != NULL && s->commit->level == OA_ACK_MEMORY) {
    oa_free(s->commit);
    s->commit = NULL;
  }
}

/* Has this thread's wake() run when it has handled what its sockets hold now:
 * the requests among that are of the same commit. */
static void ask_for_wake(oa_pipeline *p, unsigned thread) {
  oa_pipeline_thread *t = &p->threads[thread];
  if (t->wake_asked || oa_pipeline_is_inlet(p, thread) ||
      !oa_writer_is_idle(p->writer, NULL)) {
    return; /* the writer will wake us, and an inlet need not be asked */
  }
  t->wake_asked = oa_pipeline_wake_thread(p, thread);
}

void oa_pipeline_add_wait(oa_pipeline *p, unsigned thread, oa_shard *s,
                          oa_ack_wait *wait, oa_ack level) {
  oa_commit *commit = s->commit;
  wait->level = level;
  wait->next = commit->waits;
  wait->link = &commit->waits;
  if (wait->next != NULL) {
    wait->next->link = &wait->next;
  }
  commit->waits = wait;
  if (level > commit->level) {
    commit->level = level;
  }
  p->threads[thread].commit_soon = true;
  ask_for_wake(p, thread);
}

void oa_pipeline_watch_commit(oa_pipeline_thread *t, oa_commit *commit) {
  oa_commit **tail = &t->commits;
  while (*tail != NULL) {
    tail = &(*tail)->next;
  }
  *tail = commit;
}

void oa_pipeline_commit(oa_pipeline *p, unsigned thread) {
  oa_pipeline_thread *t = &p->threads[thread];
  uint64_t cycle;
  /* Another thread's batch may have made the writer busy again since it was
   * idle; ours should be of the same commit. */
  if (!t->commit_soon ||
      (!oa_writer_is_idle(p->writer, &cycle) && cycle == t->cycle)) {
    return;
  }
  t->cycle = cycle;
  t->commit_soon = false;
  for (int signal = 0; signal < OA_SIGNAL_COUNT; signal++) {
    const oa_shard *s = &t->shards[signal];
    if (s->commit != NULL) {
      oa_pipeline_hand_over(p, thread, (oa_signal)signal);
      t->commit_soon = t->commit_soon || s->commit != NULL;
    }
  }
}

/* The first of COMMIT's waits of LEVEL at most, or NULL. */
static oa_ack_wait *next_wait(const oa_commit *commit, oa_ack level) {
  oa_ack_wait *wait = commit->waits;
  while (wait != NULL && wait->level > level) {
    wait = wait->next;
  }
  return wait;
}

/* Tells all that wait for LEVEL at most.  They may do anything but free
 * COMMIT. */
static void tell(oa_commit *commit, oa_ack level, const char *failure) {
  oa_ack_wait *wait;
  while ((wait = next_wait(commit, level)) != NULL) {
    oa_ack_forget(wait);
    wait->done(wait, failure);
  }
}

void oa_pipeline_settle(oa_pipeline *p, unsigned thread) {
  oa_commit **at = &p->threads[thread].commits;
  while (*at != NULL) {
    oa_commit *commit = *at;
    switch (atomic_load_explicit(&commit->state, memory_order_acquire)) {
      case OA_COMMIT_WAITS:
        at = &commit->next;
        break;
      case OA_COMMIT_WRITTEN:
        tell(commit, OA_ACK_WRITE, NULL);
        at = &commit->next;
        break;
      case OA_COMMIT_FINISHED:
        *at = commit->next;
        tell(commit, OA_ACK_FSYNC, NULL);
        oa_free(commit);
        break;
      case OA_COMMIT_FAILED:
        *at = commit->next;
        tell(commit, OA_ACK_FSYNC, commit->why);
        oa_free(commit);
        break;
    }
  }
}

void oa_pipeline_abandon_waits(oa_pipeline *p, unsigned thread) {
  static const char why[] = "the service stopped before the data was safe";
  oa_pipeline_thread *t = &p->threads[thread];
  oa_pipeline_settle(p, thread);
  for (size_t i = 0; i < OA_SIGNAL_COUNT; i++) {
    /* Still here when there was no memory to hand it over. */
    if (t->shards[i].commit != NULL) {
      tell(t->shards[i].commit, OA_ACK_FSYNC, why);
    }
  }
  for (oa_commit *commit = t->commits; commit != NULL; commit = commit->next) {
    tell(commit, OA_ACK_FSYNC, why);
  }
}

void oa_pipeline_free_commits(oa_pipeline_thread *t) {
  while (t->commits != NULL) {
    oa_commit *commit = t->commits;
    t->commits = commit->next;
    oa_free(commit);
  }
}
