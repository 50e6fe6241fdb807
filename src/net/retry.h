/* SPDX-License-Identifier: Apache-2.0 */
/* retry.h - when a sender that found no room should come back.
 *
 * As soon as what is held, and what those bring who were sent away before it,
 * has been taken, at the speed at which messages are taken: so each has a time
 * of its own, and no more of them come back at once than can be served.  Who
 * comes sooner is refused again, which takes time from the others; who comes
 * much later leaves the service idle.
 *
 * Of one thread.  Times are in milliseconds of any clock that does not jump.
 */
#ifndef OA_NET_RETRY_H
#define OA_NET_RETRY_H

#include <stddef.h>
#include <stdint.h>

/* No shorter, or the refused would take more time than the others; no longer,
 * as exporters keep what they could not send for a few minutes at most. */
enum { OA_RETRY_MIN_MS = 100, OA_RETRY_MAX_MS = 30000 };

/* Zeroed: nothing is known yet. */
typedef struct oa_retry {
  uint64_t rate;    /* bytes a second at best of late; 0 = not known */
  uint64_t counted; /* bytes until ... */
  uint64_t counted_at;
  uint64_t until_us; /* when those who were sent away will have been served */
} oa_retry;

/* TOTAL bytes of messages have been taken so far.  To be called every now and
 * then. */
void oa_retry_measure(oa_retry *retry, uint64_t total, uint64_t now);

/* The delay for a message of LENGTH bytes while HELD bytes are before it. */
uint32_t oa_retry_delay_ms(oa_retry *retry, size_t held, size_t length,
                           uint64_t now);

#endif
