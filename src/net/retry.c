/* SPDX-License-Identifier: Apache-2.0 */
#include "net/retry.h"

enum {
  /* Shorter times say little about the speed. */
  MEASURE_MS = 100,
  /* The best speed is forgotten by one part in so many with each measurement:
   * in two seconds or so.  A moment in which little came says nothing about
   * what could be taken. */
  FADE = 16,
  /* Before anything was taken, and no less ever: a slow disk's. */
  FIRST_RATE = 32 << 20,
  LEAST_RATE = 64 << 10,
  /* Nobody is told to come later than all the others before this. */
  HORIZON_MS = OA_RETRY_MAX_MS - OA_RETRY_MAX_MS / 4,
  US_PER_MS = 1000,
};

void oa_retry_measure(oa_retry *retry, uint64_t total, uint64_t now) {
  const uint64_t past = now - retry->counted_at;
  if (retry->counted_at != 0 && past < MEASURE_MS) {
    return;
  }
  if (retry->counted_at != 0) {
    const uint64_t rate =
        (uint64_t)((double)(total - retry->counted) * 1000 / (double)past);
    const uint64_t before = retry->rate - retry->rate / FADE;
    const uint64_t best = rate > before ? rate : before;
    retry->rate = best > LEAST_RATE ? best : LEAST_RATE;
  }
  retry->counted = total;
  retry->counted_at = now;
}

/* Microseconds that BYTES take. */
static uint64_t time_of(const oa_retry *retry, size_t bytes) {
  const uint64_t rate = retry->rate == 0 ? FIRST_RATE : retry->rate;
  const double us = (double)bytes * 1e6 / (double)rate;
  const double most = (double)HORIZON_MS * US_PER_MS;
  return (uint64_t)(us < most ? us : most);
}

uint32_t oa_retry_delay_ms(oa_retry *retry, size_t held, size_t length,
                           uint64_t now) {
  const uint64_t now_us = now * US_PER_MS;
  const uint64_t least = (uint64_t)OA_RETRY_MIN_MS * US_PER_MS;
  const uint64_t before = time_of(retry, held);
  const uint64_t first = now_us + (before > least ? before : least);
  if (retry->until_us < first) {
    retry->until_us = first;
  }
  retry->until_us += time_of(retry, length);
  /* Those at the end come back within the last quarter, not all at once. */
  const uint64_t horizon = now_us + (uint64_t)HORIZON_MS * US_PER_MS;
  const uint64_t end = now_us + (uint64_t)OA_RETRY_MAX_MS * US_PER_MS;
  if (retry->until_us > end) {
    retry->until_us = horizon;
  }
  return (uint32_t)((retry->until_us - now_us) / US_PER_MS);
}
