/* SPDX-License-Identifier: Apache-2.0 */
/* pages.h - zeroed memory in large blocks that grow without being copied.
 *
 * A large block is mapped: it takes no memory before it is written to, moves
 * by its page table alone, and goes back to the system at once when freed.  So
 * a column can have room for many more rows than it will get, and one that
 * grows is never there twice.  A small block is the heap's.
 *
 * Any thread.
 */
#ifndef OA_BASE_PAGES_H
#define OA_BASE_PAGES_H

#include <stddef.h>

/* Blocks below this many bytes come from the heap, where a page for each would
 * be a waste, and count in full. */
#define OA_PAGES_FROM ((size_t)128 * 1024)

/* A block of SIZE bytes, not 0, that begins with the first USED bytes of BLOCK
 * (of OLD_SIZE bytes, or NULL and 0) and is zero behind them, if BLOCK was.
 * SIZE is at least OLD_SIZE.  NULL: no memory, and BLOCK is as it was. */
void *oa_pages_resize(void *block, size_t old_size, size_t used, size_t size);

/* BLOCK has SIZE bytes, or is NULL. */
void oa_pages_free(void *block, size_t size);

/* SIZE zeroed bytes, not 0, at the start of a page, to be used to the end: on
 * huge pages, where the system has some.  NULL: no memory. */
void *oa_pages_new_whole(size_t size);
void oa_pages_free_whole(void *block, size_t size);

#endif
