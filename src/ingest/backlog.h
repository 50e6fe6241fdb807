/* SPDX-License-Identifier: Apache-2.0 */
/* backlog.h - how long a sender that was refused should stay away.
 *
 * As long as what waits takes to be written, at the speed of the last writes:
 * who comes back sooner is refused again, who comes much later leaves the disk
 * idle.  When one write goes on for longer than that, the disk stands still,
 * and the delay grows with the time that it has done so.  Each answer is spread
 * at random, so that all who were refused at once do not come back at once.
 *
 * The writer thread tells of its writes; any thread asks.
 */
#ifndef OA_INGEST_BACKLOG_H
#define OA_INGEST_BACKLOG_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

/* No shorter, or the refused would take more time than the others; no longer,
 * as exporters keep what they could not send for a few minutes at most. */
enum { OA_BACKLOG_MIN_MS = 100, OA_BACKLOG_MAX_MS = 30000 };

typedef struct oa_backlog {
  _Atomic uint64_t rate;     /* bytes a second; 0 = nothing was written yet */
  _Atomic uint64_t begun_ns; /* of the write that goes on; 0 = none */
  _Atomic uint64_t asked;    /* answers so far, for the spreading */
} oa_backlog;

void oa_backlog_init(oa_backlog *backlog);

/* A write begins at NOW_NS (monotonic), or has ended with BYTES written; 0: it
 * failed.  By one thread. */
void oa_backlog_begin(oa_backlog *backlog, uint64_t now_ns);
void oa_backlog_end(oa_backlog *backlog, size_t bytes, uint64_t now_ns);

/* The delay, in milliseconds, when WAITING bytes are before the sender's. */
uint32_t oa_backlog_delay_ms(oa_backlog *backlog, size_t waiting,
                             uint64_t now_ns);

#endif
