/* SPDX-License-Identifier: Apache-2.0 */
/* scratch.h - memory for the time that one message is decoded.
 *
 * Pieces are taken one after the other and all given back at once.  The block
 * is kept for the next message, which mostly needs as much: so a stream of
 * messages that resemble each other allocates nothing.  There is a bound, as
 * what is taken depends on the sender.  One thread at a time.
 */
#ifndef OA_OTAP_SCRATCH_H
#define OA_OTAP_SCRATCH_H

#include <stddef.h>
#include <stdint.h>

#include "base/account.h"
#include "base/status.h"

typedef struct oa_scratch {
  uint8_t *block;
  size_t size;  /* of the block */
  size_t used;  /* in the block */
  size_t taken; /* since the reset, also outside the block */
  size_t max;
  oa_purse *purse; /* borrowed; counts the memory; NULL = nobody does */
  struct oa_scratch_extra *extra; /* pieces that the block had no room for */
} oa_scratch;

/* COUNT items of SIZE bytes, aligned for numbers and not zeroed.
 * OA_ERR_LIMIT, OA_ERR_NOMEM. */
oa_status oa_scratch_get(oa_scratch *scratch, size_t count, size_t size,
                         void **out);
oa_status oa_scratch_get_zeroed(oa_scratch *scratch, size_t count, size_t size,
                                void **out);

/* Takes back all pieces.  The block stays when it is small, and grows to what
 * was taken so far. */
void oa_scratch_reset(oa_scratch *scratch);
void oa_scratch_free(oa_scratch *scratch);

#endif
