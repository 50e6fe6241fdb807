/* SPDX-License-Identifier: Apache-2.0 */
/* arena.h - memory that is taken piece by piece and given back all at once.
 *
 * For what lives and dies together, such as the arrays of one batch.  It has
 * a bound, so that hostile input cannot take more than its owner allows.
 * One thread at a time.
 */
#ifndef OA_BASE_ARENA_H
#define OA_BASE_ARENA_H

#include <stddef.h>

#include "base/account.h"
#include "base/status.h"

typedef struct oa_arena {
  struct oa_arena_chunk *chunks; /* the newest first */
  size_t used;                   /* bytes given out, with alignment */
  size_t max;
  oa_purse *purse; /* borrowed; counts the memory; NULL = nobody does */
} oa_arena;

/* An empty arena without a purse that never gives out more than MAX bytes. */
void oa_arena_init(oa_arena *arena, size_t max);

/* SIZE bytes, aligned for any type; or COUNT times SIZE zero bytes.
 * OA_ERR_LIMIT: MAX would be passed.  OA_ERR_NOMEM, also when the purse
 * refuses. */
oa_status oa_arena_get(oa_arena *arena, size_t size, void **out);
oa_status oa_arena_get_zeroed(oa_arena *arena, size_t count, size_t size,
                              void **out);

/* Takes back all memory; one small chunk stays for the next use. */
void oa_arena_reset(oa_arena *arena);

/* Gives all memory back to the system. */
void oa_arena_free(oa_arena *arena);

#endif
