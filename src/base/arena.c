/* SPDX-License-Identifier: Apache-2.0 */
#include "base/arena.h"

#include <stdint.h>
#include <string.h>

#include "base/mem.h"

/* Large pieces get a chunk of their own; small ones share. */
enum { ARENA_ALIGN = 16, ARENA_CHUNK = 16 * 1024 };

typedef struct oa_arena_chunk {
  struct oa_arena_chunk *next;
  size_t used;
  size_t cap;
} oa_arena_chunk;

enum { HEADER = (sizeof(oa_arena_chunk) + ARENA_ALIGN - 1) & ~15U };

void oa_arena_init(oa_arena *arena, size_t max) {
  *arena = (oa_arena){.max = max};
}

static uint8_t *bytes_of(oa_arena_chunk *chunk) {
  return (uint8_t *)chunk + HEADER;
}

static oa_status add_chunk(oa_arena *arena, size_t size) {
  const size_t cap = size < ARENA_CHUNK ? ARENA_CHUNK : size;
  if (!oa_purse_take(arena->purse, HEADER + cap)) {
    return OA_ERR_NOMEM;
  }
  oa_arena_chunk *chunk = oa_malloc(HEADER + cap);
  if (chunk == NULL) {
    oa_purse_give(arena->purse, HEADER + cap);
    return OA_ERR_NOMEM;
  }
  *chunk = (oa_arena_chunk){.next = arena->chunks, .cap = cap};
  arena->chunks = chunk;
  return OA_OK;
}

static void free_chunk(oa_arena *arena, oa_arena_chunk *chunk) {
  oa_purse_give(arena->purse, HEADER + chunk->cap);
  oa_free(chunk);
}

oa_status oa_arena_get(oa_arena *arena, size_t size, void **out) {
  if (size > SIZE_MAX / 2) {
    return OA_ERR_LIMIT;
  }
  const size_t whole = (size + ARENA_ALIGN - 1) & ~(size_t)(ARENA_ALIGN - 1);
  if (whole > arena->max || arena->used > arena->max - whole) {
    return OA_ERR_LIMIT;
  }
  oa_arena_chunk *chunk = arena->chunks;
  if (chunk == NULL || whole > chunk->cap - chunk->used) {
    OA_TRY(add_chunk(arena, whole));
    /* A chunk made for one large piece is full at once: the old one, with
     * its free end, stays in front. */
    if (chunk != NULL && whole >= ARENA_CHUNK) {
      oa_arena_chunk *large = arena->chunks;
      arena->chunks = chunk;
      large->next = chunk->next;
      chunk->next = large;
      chunk = large;
    } else {
      chunk = arena->chunks;
    }
  }
  *out = bytes_of(chunk) + chunk->used;
  chunk->used += whole;
  arena->used += whole;
  return OA_OK;
}

oa_status oa_arena_get_zeroed(oa_arena *arena, size_t count, size_t size,
                              void **out) {
  if (size != 0 && count > SIZE_MAX / size) {
    return OA_ERR_LIMIT;
  }
  void *block = NULL;
  OA_TRY(oa_arena_get(arena, count * size, &block));
  memset(block, 0, count * size);
  *out = block;
  return OA_OK;
}

void oa_arena_reset(oa_arena *arena) {
  oa_arena_chunk *kept = NULL;
  while (arena->chunks != NULL) {
    oa_arena_chunk *chunk = arena->chunks;
    arena->chunks = chunk->next;
    if (kept == NULL && chunk->cap == ARENA_CHUNK) {
      kept = chunk;
    } else {
      free_chunk(arena, chunk);
    }
  }
  if (kept != NULL) {
    kept->next = NULL;
    kept->used = 0;
  }
  arena->chunks = kept;
  arena->used = 0;
}

void oa_arena_free(oa_arena *arena) {
  while (arena->chunks != NULL) {
    oa_arena_chunk *chunk = arena->chunks;
    arena->chunks = chunk->next;
    free_chunk(arena, chunk);
  }
  arena->used = 0;
}
