/* SPDX-License-Identifier: Apache-2.0 */
#include "forward/retry.h"

enum { NS_PER_MS = 1000000, ASKED_PART = 10 };

uint64_t oa_retry_wait_ns(const oa_retry_policy *policy, uint64_t failures,
                          uint32_t asked_ms, uint64_t random) {
  if (asked_ms > 0) {
    const uint64_t ms =
        asked_ms < OA_RETRY_MAX_ASKED_MS ? asked_ms : OA_RETRY_MAX_ASKED_MS;
    const uint64_t asked = ms * NS_PER_MS;
    return asked + random % (asked / ASKED_PART + 1);
  }
  uint64_t wait = policy->initial_ns;
  for (uint64_t i = 1; i < failures && wait < policy->max_ns; i++) {
    wait = wait <= policy->max_ns / 2 ? wait * 2 : policy->max_ns;
  }
  if (wait > policy->max_ns) {
    wait = policy->max_ns;
  }
  return wait / 2 + random % (wait - wait / 2 + 1);
}

bool oa_retry_is_over(const oa_retry_policy *policy, uint64_t since_ns,
                      uint64_t now_ns) {
  return policy->max_elapsed_ns > 0 &&
         now_ns - since_ns >= policy->max_elapsed_ns;
}
