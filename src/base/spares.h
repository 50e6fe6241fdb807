/* SPDX-License-Identifier: Apache-2.0 */
/* spares.h - large blocks that wait for the next who needs one.
 *
 * The dictionaries of a stream grow to megabytes, and the stream that follows
 * it wants the same again: memory that the system gave once is cheaper than
 * memory that it has to find and clear.  A purse (base/account.h) with spares
 * goes on counting the blocks that lie here, and frees them rather than refuse
 * anything.
 *
 * One thread at a time.
 */
#ifndef OA_BASE_SPARES_H
#define OA_BASE_SPARES_H

#include <stddef.h>
#include <stdint.h>

enum {
  OA_SPARES_COUNT = 16,
  OA_SPARES_FROM = 64 * 1024,       /* bytes of a block, */
  OA_SPARES_TO = 8 * 1024 * 1024,   /* at most, */
  OA_SPARES_ALL = 32 * 1024 * 1024, /* and of all together */
};

/* Zeroed, it has none. */
typedef struct oa_spares {
  struct {
    void *block;
    size_t size; /* 0: the place is free */
  } kept[OA_SPARES_COUNT];
  size_t bytes;
  uint64_t moves; /* blocks that came or went: it stands still when idle */
} oa_spares;

/* Takes over BLOCK of SIZE bytes, of the heap.  It is freed when its size is
 * not one to keep, and a smaller one when there is no place: so many bytes. */
size_t oa_spares_keep(oa_spares *spares, void *block, size_t size);

/* The smallest block of at least LEAST bytes, which is the caller's then; *SIZE
 * is what it has.  NULL: there is none. */
void *oa_spares_take(oa_spares *spares, size_t least, size_t *size);

/* Frees all blocks: so many bytes. */
size_t oa_spares_free(oa_spares *spares);

#endif
