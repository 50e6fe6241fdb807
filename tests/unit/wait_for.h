/* SPDX-License-Identifier: Apache-2.0 */
/* wait_for.h - for what other threads bring about: looks again and again, and
 * fails the test when it has not come after 30 seconds. */
#ifndef OA_TESTS_WAIT_FOR_H
#define OA_TESTS_WAIT_FOR_H

#include <uv.h>

#include "base/clock.h"

#define WAIT_FOR(CONDITION)                              \
  do {                                                   \
    const uint64_t wait_begin = oa_clock_monotonic_ns(); \
    while (!(CONDITION)) {                               \
      assert_true(oa_clock_monotonic_ns() - wait_begin < \
                  UINT64_C(30000000000));                \
      uv_sleep(2);                                       \
    }                                                    \
  } while (0)

#endif
