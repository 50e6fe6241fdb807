/* SPDX-License-Identifier: Apache-2.0 */
#include "ingest/backlog.h"

#define NS_PER_MS UINT64_C(1000000)
#define NS_PER_S UINT64_C(1000000000)

/* Before anything was written: a slow disk's. */
#define FIRST_RATE (UINT64_C(32) << 20)

/* No disk is slower than this for long; it keeps the division sound. */
#define LEAST_RATE (UINT64_C(64) << 10)

/* The last write counts one part in so many: the rate follows a disk that has
 * become slow within a second or two, and not each write that was odd. */
enum { WEIGHT = 4 };

/* What is added at random, at most: one part in so many of the delay. */
enum { SPREAD = 2 };

static uint64_t load(const _Atomic uint64_t *value) {
  return atomic_load_explicit(value, memory_order_relaxed);
}

static void store(_Atomic uint64_t *value, uint64_t to) {
  atomic_store_explicit(value, to, memory_order_relaxed);
}

void oa_backlog_init(oa_backlog *backlog) {
  atomic_init(&backlog->rate, 0);
  atomic_init(&backlog->begun_ns, 0);
  atomic_init(&backlog->asked, 0);
}

void oa_backlog_begin(oa_backlog *backlog, uint64_t now_ns) {
  store(&backlog->begun_ns, now_ns);
}

void oa_backlog_end(oa_backlog *backlog, size_t bytes, uint64_t now_ns) {
  const uint64_t begun = load(&backlog->begun_ns);
  const uint64_t took = now_ns > begun ? now_ns - begun : 1;
  store(&backlog->begun_ns, 0);
  if (begun == 0 || bytes == 0) {
    return;
  }
  const double rate = (double)bytes * (double)NS_PER_S / (double)took;
  const uint64_t before = load(&backlog->rate);
  const double now =
      before == 0 ? rate : (double)before + (rate - (double)before) / WEIGHT;
  store(&backlog->rate, now < (double)LEAST_RATE ? LEAST_RATE : (uint64_t)now);
}

/* A number that looks like none of its neighbors (splitmix64). */
static uint64_t scramble(uint64_t x) {
  x = (x + 1) * UINT64_C(0x9E3779B97F4A7C15);
  x = (x ^ x >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
  x = (x ^ x >> 27) * UINT64_C(0x94D049BB133111EB);
  return x ^ x >> 31;
}

uint32_t oa_backlog_delay_ms(oa_backlog *backlog, size_t waiting,
                             uint64_t now_ns) {
  const uint64_t known = load(&backlog->rate);
  const uint64_t rate = known == 0 ? FIRST_RATE : known;
  const uint64_t begun = load(&backlog->begun_ns);
  uint64_t ms = (uint64_t)((double)waiting * 1000 / (double)rate);
  /* What has stood still for some time will, for all we know, do so for as
   * long again. */
  if (begun != 0 && now_ns > begun && (now_ns - begun) / NS_PER_MS > ms) {
    ms = (now_ns - begun) / NS_PER_MS;
  }
  if (ms < OA_BACKLOG_MIN_MS) {
    ms = OA_BACKLOG_MIN_MS;
  }
  const uint64_t asked =
      atomic_fetch_add_explicit(&backlog->asked, 1, memory_order_relaxed);
  /* The longest delays are spread too: below their bound. */
  const uint64_t most = OA_BACKLOG_MAX_MS * SPREAD / (SPREAD + 1);
  ms = ms < most ? ms : most;
  ms += scramble(asked ^ now_ns) % (ms / SPREAD + 1);
  return (uint32_t)ms;
}
