/* SPDX-License-Identifier: Apache-2.0 */
/* log_limit.h - how often one kind of log line is written.
 *
 * The first OA_LOG_BURST lines of a kind pass at once, further ones are held
 * back until OA_LOG_INTERVAL_NS after the first; then one line says how many
 * they were.  The table is bounded: kinds beyond it share one place.  Any
 * thread; for log.c and its test.
 */
#ifndef OA_BASE_LOG_LIMIT_H
#define OA_BASE_LOG_LIMIT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/log.h"
#include "base/status.h"

#define OA_LOG_INTERVAL_NS UINT64_C(10000000000)

enum { OA_LOG_BURST = 10, OA_LOG_KINDS = 64, OA_LOG_SAMPLE_SIZE = 160 };

typedef struct oa_log_limit oa_log_limit;

oa_status oa_log_limit_new(oa_log_limit **out);
void oa_log_limit_free(oa_log_limit *limit);

/* Whether a line of KIND may be written at NOW_NS.  When it is the first after
 * an interval in which some were held back, *HELD says how many.  When it may
 * not, TEXT (its beginning) is kept as the example for oa_log_limit_due(). */
bool oa_log_limit_pass(oa_log_limit *limit, const char *kind,
                       oa_log_level level, const char *text, uint64_t now_ns,
                       uint64_t *held);

/* Lines that were held back and not told of yet. */
typedef struct oa_log_held {
  oa_log_level level;
  uint64_t count;
  char text[OA_LOG_SAMPLE_SIZE]; /* the beginning of the last one */
} oa_log_held;

/* Takes one kind whose interval is over at NOW_NS; false when there is none. */
bool oa_log_limit_due(oa_log_limit *limit, uint64_t now_ns, oa_log_held *out);

#endif
