/* SPDX-License-Identifier: Apache-2.0 */
/* retry.h - when to try again what could not be delivered.  Pure arithmetic. */
#ifndef OA_FORWARD_RETRY_H
#define OA_FORWARD_RETRY_H

#include <stdbool.h>
#include <stdint.h>

/* An exporter that says when to come again is believed up to this. */
#define OA_RETRY_MAX_ASKED_MS UINT32_C(300000)

typedef struct oa_retry_policy {
  uint64_t initial_ns;     /* the first wait */
  uint64_t max_ns;         /* the longest */
  uint64_t max_elapsed_ns; /* after that since the first failure it is given up;
                              0 = never */
} oa_retry_policy;

/* How long to wait after FAILURES (at least 1) in a row: twice as long each
 * time, up to the longest, of which a half at random, so that those whom one
 * fault met do not come back at the same moment.  When ASKED_MS is not 0 it
 * counts instead, with up to a tenth more.  RANDOM is any number. */
uint64_t oa_retry_wait_ns(const oa_retry_policy *policy, uint64_t failures,
                          uint32_t asked_ms, uint64_t random);

/* Whether what first failed at SINCE_NS is given up at NOW_NS. */
bool oa_retry_is_over(const oa_retry_policy *policy, uint64_t since_ns,
                      uint64_t now_ns);

#endif
