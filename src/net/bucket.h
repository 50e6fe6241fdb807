/* SPDX-License-Identifier: Apache-2.0 */
/* bucket.h - how often a peer may do what costs us work: so many times at
 * once, and so many more a second.  Not thread-safe.
 */
#ifndef OA_NET_BUCKET_H
#define OA_NET_BUCKET_H

#include <stdbool.h>
#include <stdint.h>

typedef struct oa_bucket {
  int64_t left;
  int64_t burst;
  int64_t per_second;
  uint64_t filled_at; /* milliseconds */
} oa_bucket;

static inline oa_bucket oa_bucket_full(int64_t burst, int64_t per_second,
                                       uint64_t now_ms) {
  return (oa_bucket){.left = burst,
                     .burst = burst,
                     .per_second = per_second,
                     .filled_at = now_ms};
}

/* Gives MORE for something useful. */
static inline void oa_bucket_credit(oa_bucket *bucket, int64_t more) {
  bucket->left =
      more < bucket->burst - bucket->left ? bucket->left + more : bucket->burst;
}

/* Takes COST; false when there is less. */
static inline bool oa_bucket_take(oa_bucket *bucket, int64_t cost,
                                  uint64_t now_ms) {
  /* After an hour every bucket is full. */
  const uint64_t hour = 3600 * 1000;
  const uint64_t past = now_ms - bucket->filled_at;
  const int64_t more =
      (int64_t)(past < hour ? past : hour) * bucket->per_second / 1000;
  if (more > 0) {
    bucket->filled_at = now_ms;
    oa_bucket_credit(bucket, more);
  }
  if (bucket->left < cost) {
    return false;
  }
  bucket->left -= cost;
  return true;
}

#endif
