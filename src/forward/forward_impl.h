/* SPDX-License-Identifier: Apache-2.0 */
/* forward_impl.h - what the files of forwarding share.
 *
 * forward.c is the thread's life, what the store tells it and what it waits
 * for; forward_turn.c is one delivery; forward_keep.c is where it stands.
 * Nobody else may include this.
 */
#ifndef OA_FORWARD_FORWARD_IMPL_H
#define OA_FORWARD_FORWARD_IMPL_H

#include <stdatomic.h>
#include <uv.h>

#include "forward/delivery.h"
#include "forward/forward.h"
#include "forward/gather.h"
#include "forward/pending.h"
#include "forward/position.h"
#include "forward/source.h"

enum { OA_FORWARD_NS_PER_MS = 1000000 };

/* Rows of one delivery at most: spans of the usual size make some 4 MB of it,
 * which is what receivers of OTLP take of a message by default. */
enum { OA_FORWARD_MAX_ROWS = 8192 };

/* The signals by themselves: one that is refused does not hold up another. */
typedef struct oa_forward_lane {
  oa_signal signal;
  oa_name_rule rule;
  char dir[OA_PATH_SIZE];

  /* Under the lock. */
  oa_pending pending;
  bool incomplete; /* a file could not be noted: the directory is to be read */
  int64_t unsaid;  /* rows that were lost and not logged */

  /* The thread's own. */
  oa_forward_source *source; /* the first pending file; NULL = not open */
  oa_forward_point point;
  int64_t max_rows;     /* of the next delivery */
  unsigned fitted;      /* deliveries since it was lowered or raised */
  unsigned plain;       /* so many more come as they are stored */
  bool ahead;           /* the source is past what is delivered */
  uint64_t failures;    /* in a row, of this delivery */
  uint64_t failed_ns;   /* the first of them */
  uint64_t due_ns;      /* not before */
  unsigned read_faults; /* in a row */

  _Atomic uint64_t delivered;
  _Atomic uint64_t refused;
  _Atomic uint64_t expired;
  _Atomic uint64_t lost;
  _Atomic uint64_t waiting;
} oa_forward_lane;

struct oa_forward {
  oa_forward_options options;
  oa_disk disk;
  oa_store *store;
  uv_thread_t thread;
  bool has_thread;
  uv_mutex_t lock;
  uv_cond_t wake;
  bool stopping; /* under the lock, and so is until_ns */
  uint64_t until_ns;
  _Atomic bool hurry; /* as stopping, for those without the lock */

  oa_forward_lane lanes[OA_SIGNAL_COUNT];
  size_t turn;           /* the lane that was last */
  oa_forward_lane *held; /* whose batch is in memory, or NULL */
  oa_gather gather;
  oa_delivery delivery;
  oa_purse purse;
  oa_circuit circuit;
  uint64_t breaker_due_ns; /* not to be asked before */
  uint64_t random;
  bool failing; /* the last delivery did, and that is logged */
  bool moved;   /* since the position was kept */
  bool rooted;  /* the position's name is durable */
  uint64_t kept_ns;

  _Atomic uint64_t failures;
  _Atomic int breaker; /* oa_circuit_state */
};

/* --- forward.c --- */

/* With the lock held: FILE, which is pending on LANE, is dropped; what is left
 * of it is lost. */
void oa_forward_lose(oa_forward_lane *lane, oa_pending_file *file);

/* With the lock held: ROWS more rows of the first file are done with. */
void oa_forward_advance(oa_forward *forward, oa_forward_lane *lane,
                        int64_t rows);

/* --- forward_turn.c --- */

/* Tries to deliver the next rows of LANE, which has some. */
void oa_forward_turn(oa_forward *forward, oa_forward_lane *lane);

/* Gives the memory of the batch back that is held. */
void oa_forward_drop(oa_forward *forward);

/* --- forward_keep.c --- */

/* At the start: where it stands, and the files that are to be sent. */
oa_status oa_forward_resume(oa_forward *forward, oa_error *error);

/* Reads LANE's directory again, with the lock held. */
oa_status oa_forward_list(oa_forward_lane *lane, oa_error *error);

/* Counts the rows of files that nobody has counted. */
void oa_forward_count(oa_forward *forward);

/* Keeps the position. */
void oa_forward_keep(oa_forward *forward);

#endif
