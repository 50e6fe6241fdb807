/* SPDX-License-Identifier: Apache-2.0 */
/* forward.h - has an exporter send on what is stored.
 *
 * The files are the queue: a thread follows them, each signal by itself, as
 * they are written, ended, merged and removed, and hands the rows to the
 * exporter.  It has one batch in memory, and keeps where it stands in a small
 * file, so that nothing is left out after a crash, and at most what was
 * delivered in the last second or so comes twice.
 *
 * The store tells it of rows through oa_store_watch, on the writer's thread,
 * which never waits for the exporter.  All calls but those that say otherwise
 * come from the owner's thread.
 */
#ifndef OA_FORWARD_FORWARD_H
#define OA_FORWARD_FORWARD_H

#include "base/account.h"
#include "base/log.h"
#include "forward/breaker.h"
#include "forward/retry.h"
#include "otlp/schema.h"
#include "store/file_impl.h"
#include "store/store.h"

typedef struct oa_forward_options {
  const char *root; /* of the store; borrowed, and so are all strings here */
  const char *prefix;
  const char *extension;
  oa_exporter exporter;  /* its codec is not used */
  const oa_codec *codec; /* NULL = none */
  oa_breaker breaker;    /* allow NULL = CIRCUIT */
  oa_circuit_rules circuit;
  oa_retry_policy retry;
  oa_account *account; /* borrowed; counts the memory, which it never refuses */
  const oa_log *log;   /* borrowed; may be NULL */
  const oa_store_os *os; /* NULL = the usual one */
} oa_forward_options;

typedef struct oa_forward oa_forward;

/* Reads where it stands, has STORE, which is open and not yet written to, tell
 * it of its rows, and starts the thread.  OA_ERR_IO, OA_ERR_NOMEM. */
oa_status oa_forward_start(oa_forward **out, const oa_forward_options *options,
                           oa_store *store, oa_error *error);

/* Ends the thread, which goes on delivering what is left until UNTIL_NS
 * (monotonic), or until a delivery fails.  Nothing is written to the store any
 * more, and its files are sealed.  NULL is allowed. */
void oa_forward_stop(oa_forward *forward, uint64_t until_ns);

/* After the stop.  NULL is allowed. */
void oa_forward_free(oa_forward *forward);

typedef struct oa_forward_counts {
  uint64_t delivered;
  uint64_t refused; /* by the exporter, for good */
  uint64_t expired; /* after retry.max_elapsed_ns */
  uint64_t lost;    /* removed by retention before, or damaged */
  uint64_t waiting; /* to be delivered, as far as they are counted */
} oa_forward_counts;

typedef struct oa_forward_stats {
  oa_forward_counts signals[OA_SIGNAL_COUNT]; /* in rows */
  uint64_t failures;                          /* deliveries to be tried again */
  oa_circuit_state breaker; /* of a breaker of the program: closed or open, as
                               it said last */
} oa_forward_stats;

/* Any thread, until it is freed. */
void oa_forward_get_stats(const oa_forward *forward, oa_forward_stats *out);

#endif
