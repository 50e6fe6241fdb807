/* SPDX-License-Identifier: Apache-2.0 */
/* counters.h - what came in and what became of it.
 *
 * For each signal, in items (spans, data points, log records) that were
 * decoded, at any moment
 *   received = accepted + rejected
 *   accepted = stored + given up + buffered.
 * A sum is read while others count, so what is read must be read in the order
 * against the way of an item: what left first, what came last.  Then no reader
 * sees more leave than came, and the rest is what is buffered.  Requests that
 * are refused count as requests, as their items are mostly not known.
 *
 * One block a thread, so that I/O threads never write to the same cache line;
 * readers add the blocks up.  Blocks are written by their own thread and read
 * by any.
 */
#ifndef OA_INGEST_COUNTERS_H
#define OA_INGEST_COUNTERS_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "otlp/schema.h"

/* Why a request was refused; items of a refused request are not known unless
 * it was decoded, so these count requests. */
typedef enum oa_refusal {
  OA_REFUSED_MALFORMED,   /* INVALID_ARGUMENT */
  OA_REFUSED_TOO_LARGE,   /* RESOURCE_EXHAUSTED without RetryInfo */
  OA_REFUSED_BUFFER_FULL, /* UNAVAILABLE with RetryInfo */
  OA_REFUSED_DISK,        /* UNAVAILABLE: the store cannot write */
  OA_REFUSED_DEADLINE,    /* the client's grpc-timeout had passed */
  OA_REFUSED_SHUTDOWN,
  OA_REFUSED_UNAUTHENTICATED, /* no key, or a wrong one */
  OA_REFUSED_OTHER,
  OA_REFUSAL_COUNT
} oa_refusal;

typedef struct oa_signal_counters {
  _Atomic uint64_t requests;       /* whole messages seen */
  _Atomic uint64_t items_accepted; /* decoded into the buffer */
  _Atomic uint64_t items_rejected; /* left out by partial_success */
  _Atomic uint64_t items_stored;   /* in a file */
  _Atomic uint64_t items_given_up; /* accepted, and not stored: their senders,
                                      who waited, were told to try again */
  _Atomic uint64_t strings_repaired;
  _Atomic uint64_t bytes;                     /* of decompressed messages */
  _Atomic uint64_t refused[OA_REFUSAL_COUNT]; /* requests */
} oa_signal_counters;

typedef struct oa_counter_block {
  _Alignas(64) oa_signal_counters signals[OA_SIGNAL_COUNT];
  /* Requests whose signal cannot be told from their head. */
  _Atomic uint64_t refused[OA_REFUSAL_COUNT];
  _Atomic uint64_t alive_ns; /* monotonic: when the thread last went round */
} oa_counter_block;

typedef struct oa_counters {
  oa_counter_block *blocks; /* one an I/O thread, then one for the writer */
  size_t count;
} oa_counters;

/* THREADS I/O threads; block number THREADS is the writer's. */
oa_status oa_counters_init(oa_counters *counters, size_t threads);
void oa_counters_reset(oa_counters *counters);

static inline void oa_count(_Atomic uint64_t *counter, uint64_t n) {
  atomic_fetch_add_explicit(counter, n, memory_order_release);
}

/* BLOCK's thread has got round once more. */
void oa_counters_beat(oa_counter_block *block);

/* For how long the thread of block INDEX has not got round. */
uint64_t oa_counters_silence(const oa_counters *counters, size_t index);

/* A plain copy of the sums. */
typedef struct oa_signal_totals {
  uint64_t requests, items_accepted, items_rejected, items_stored;
  uint64_t items_given_up;
  uint64_t strings_repaired, bytes;
  uint64_t refused[OA_REFUSAL_COUNT];
} oa_signal_totals;

void oa_counters_sum(const oa_counters *counters, oa_signal signal,
                     oa_signal_totals *out);

/* Items that were taken and are not in a file yet. */
static inline uint64_t oa_totals_buffered(const oa_signal_totals *totals) {
  return totals->items_accepted - totals->items_stored - totals->items_given_up;
}

/* The sums of the refusals that have no signal. */
void oa_counters_sum_refused(const oa_counters *counters,
                             uint64_t out[OA_REFUSAL_COUNT]);

/* "malformed", "too_large", ...: label values of the metrics. */
const char *oa_refusal_name(oa_refusal reason);

#endif
