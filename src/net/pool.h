/* SPDX-License-Identifier: Apache-2.0 */
/* pool.h - memory for request bodies, used again while it is warm.
 *
 * A body of some hundred KiB from the system costs a page fault every 4 KiB,
 * more than reading it from the socket; so freed blocks are kept, the last one
 * first, up to a bound.  Beyond it the sizes that nobody has asked for longest
 * go first, as bodies may have other sizes today than they had yesterday.
 * Large blocks are mapped directly, so that trimming really gives them back.
 * One pool belongs to one thread.
 */
#ifndef OA_NET_POOL_H
#define OA_NET_POOL_H

#include <stddef.h>
#include <stdint.h>

#include "base/account.h"

/* Four sizes in each doubling from 4 KiB to 2 GiB. */
enum { OA_POOL_CLASSES = 20 * 4 };

/* A block; zeroed when there is none. */
typedef struct oa_block {
  uint8_t *data;
  size_t size; /* at least what was asked for */
} oa_block;

typedef struct oa_pool {
  void *free[OA_POOL_CLASSES]; /* each free block begins with the next one */
  uint64_t asked[OA_POOL_CLASSES]; /* when for the class: the number of the
                                      request */
  uint64_t requests;
  size_t pooled; /* bytes in free blocks */
  size_t max_pooled;
  oa_purse *purse; /* borrowed; counts all blocks; NULL = nobody does */
} oa_pool;

/* An empty pool that keeps at most MAX_POOLED bytes of free blocks. */
void oa_pool_init(oa_pool *pool, size_t max_pooled);

/* A block of at least SIZE bytes; data is NULL when there is no memory, the
 * purse refuses, or SIZE is 0 or above 2 GiB. */
oa_block oa_pool_take(oa_pool *pool, size_t size);

/* Gives BLOCK back and zeroes it.  A zeroed block is allowed. */
void oa_pool_give(oa_pool *pool, oa_block *block);

/* Returns all free blocks to the system. */
void oa_pool_trim(oa_pool *pool);

#endif
