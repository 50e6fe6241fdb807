/* SPDX-License-Identifier: Apache-2.0 */
#include "ingest/counters.h"

#include "base/clock.h"
#include "base/mem.h"

oa_status oa_counters_init(oa_counters *counters, size_t threads) {
  const size_t count = threads + 1;
  if (threads > SIZE_MAX / 2 / sizeof(oa_counter_block)) {
    return OA_ERR_NOMEM;
  }
  oa_counter_block *blocks =
      oa_calloc_aligned(count, sizeof *blocks, _Alignof(oa_counter_block));
  if (blocks == NULL) {
    return OA_ERR_NOMEM;
  }
  *counters = (oa_counters){.blocks = blocks, .count = count};
  for (size_t i = 0; i < count; i++) {
    oa_counters_beat(&blocks[i]);
  }
  return OA_OK;
}

void oa_counters_reset(oa_counters *counters) {
  oa_free(counters->blocks);
  *counters = (oa_counters){0};
}

static uint64_t get(const _Atomic uint64_t *counter) {
  return atomic_load_explicit(counter, memory_order_acquire);
}

void oa_counters_beat(oa_counter_block *block) {
  atomic_store_explicit(&block->alive_ns, oa_clock_monotonic_ns(),
                        memory_order_relaxed);
}

uint64_t oa_counters_silence(const oa_counters *counters, size_t index) {
  const uint64_t alive = atomic_load_explicit(&counters->blocks[index].alive_ns,
                                              memory_order_relaxed);
  const uint64_t now = oa_clock_monotonic_ns();
  return now > alive ? now - alive : 0;
}

void oa_counters_sum(const oa_counters *counters, oa_signal signal,
                     oa_signal_totals *out) {
  oa_signal_totals sum = {0};
  for (size_t i = 0; i < counters->count; i++) {
    const oa_signal_counters *from = &counters->blocks[i].signals[signal];
    /* Before all that is accepted. */
    sum.items_stored += get(&from->items_stored);
    sum.items_given_up += get(&from->items_given_up);
  }
  for (size_t i = 0; i < counters->count; i++) {
    const oa_signal_counters *from = &counters->blocks[i].signals[signal];
    sum.requests += get(&from->requests);
    sum.items_accepted += get(&from->items_accepted);
    sum.items_rejected += get(&from->items_rejected);
    sum.strings_repaired += get(&from->strings_repaired);
    sum.bytes += get(&from->bytes);
    for (size_t reason = 0; reason < OA_REFUSAL_COUNT; reason++) {
      sum.refused[reason] += get(&from->refused[reason]);
    }
  }
  *out = sum;
}

void oa_counters_sum_refused(const oa_counters *counters,
                             uint64_t out[OA_REFUSAL_COUNT]) {
  for (size_t reason = 0; reason < OA_REFUSAL_COUNT; reason++) {
    out[reason] = 0;
    for (size_t i = 0; i < counters->count; i++) {
      out[reason] += get(&counters->blocks[i].refused[reason]);
    }
  }
}

const char *oa_refusal_name(oa_refusal reason) {
  switch (reason) {
    case OA_REFUSED_MALFORMED:
      return "malformed";
    case OA_REFUSED_TOO_LARGE:
      return "too_large";
    case OA_REFUSED_BUFFER_FULL:
      return "buffer_full";
    case OA_REFUSED_DISK:
      return "disk";
    case OA_REFUSED_DEADLINE:
      return "deadline";
    case OA_REFUSED_SHUTDOWN:
      return "shutdown";
    case OA_REFUSED_UNAUTHENTICATED:
      return "unauthenticated";
    case OA_REFUSED_OTHER:
    case OA_REFUSAL_COUNT:
      break;
  }
  return "other";
}
