/* SPDX-License-Identifier: Apache-2.0 */
/* MAP_ANONYMOUS is in every system that we run on, and since 2024 in POSIX,
 * but the C library hides it from programs that ask for POSIX 2008 alone. */
#define _DEFAULT_SOURCE

#include "net/pool.h"

#include <string.h>
#include <sys/mman.h>

#include "base/mem.h"

enum { SMALLEST_SHIFT = 12, LARGEST_SHIFT = 31 };

/* From here on blocks are mapped.  Below, a mapping would waste too much of
 * its last page and the heap gives them back well enough. */
static const size_t MAPPED_SIZE = (size_t)64 * 1024;

/* The size of the blocks of class INDEX: 4, 5, 6, 7, 8, 10, 12, ... KiB. */
static size_t class_size(size_t index) {
  const size_t octave = (size_t)1 << (SMALLEST_SHIFT + index / 4);
  return octave + octave / 4 * (index % 4);
}

/* The smallest class that holds SIZE bytes, or OA_POOL_CLASSES. */
static size_t class_of(size_t size) {
  size_t index = 0;
  while (index < OA_POOL_CLASSES && class_size(index | 3) < size) {
    index += 4;
  }
  while (index < OA_POOL_CLASSES && class_size(index) < size) {
    index++;
  }
  return index;
}

static void *allocate(size_t size) {
  if (size < MAPPED_SIZE) {
    return oa_malloc(size);
  }
  void *data = mmap(NULL, size, PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  return data == MAP_FAILED ? NULL : data;
}

static void release(oa_pool *pool, void *data, size_t size) {
  oa_purse_give(pool->purse, size);
  if (size < MAPPED_SIZE) {
    oa_free(data);
  } else {
    munmap(data, size);
  }
}

/* A free block begins with the address of the next one. */
static void *next_of(const void *block) {
  void *next;
  memcpy(&next, block, sizeof next);
  return next;
}

/* Takes the first free block of class INDEX out, which has one. */
static void *unlink_first(oa_pool *pool, size_t index) {
  void *data = pool->free[index];
  pool->free[index] = next_of(data);
  pool->pooled -= class_size(index);
  return data;
}

/* Gives one free block back to the system: of the size that was asked for
 * longest ago, if that was before request BEFORE.  False: there is none. */
static bool evict(oa_pool *pool, uint64_t before) {
  size_t oldest = OA_POOL_CLASSES;
  for (size_t i = 0; i < OA_POOL_CLASSES; i++) {
    if (pool->free[i] != NULL && pool->asked[i] < before) {
      before = pool->asked[i];
      oldest = i;
    }
  }
  if (oldest == OA_POOL_CLASSES) {
    return false;
  }
  release(pool, unlink_first(pool, oldest), class_size(oldest));
  return true;
}

static void *obtain(oa_pool *pool, size_t size) {
  while (!oa_purse_take(pool->purse, size)) {
    /* Free blocks of other sizes are in the way. */
    if (!evict(pool, UINT64_MAX)) {
      return NULL;
    }
  }
  void *data = allocate(size);
  if (data == NULL) {
    oa_purse_give(pool->purse, size);
  }
  return data;
}

void oa_pool_init(oa_pool *pool, size_t max_pooled) {
  memset(pool, 0, sizeof *pool);
  pool->max_pooled = max_pooled;
}

oa_block oa_pool_take(oa_pool *pool, size_t size) {
  oa_block block = {0};
  if (size == 0 || size > (size_t)1 << LARGEST_SHIFT) {
    return block;
  }
  const size_t index = class_of(size);
  const size_t real = class_size(index);
  pool->asked[index] = ++pool->requests;
  void *data = pool->free[index] != NULL ? unlink_first(pool, index)
                                         : obtain(pool, real);
  if (data != NULL) {
    block.data = data;
    block.size = real;
  }
  return block;
}

void oa_pool_give(oa_pool *pool, oa_block *block) {
  if (block->data == NULL) {
    return;
  }
  const size_t index = class_of(block->size);
  while (block->size > pool->max_pooled - pool->pooled &&
         evict(pool, pool->asked[index])) {
  }
  if (block->size > pool->max_pooled - pool->pooled) {
    release(pool, block->data, block->size);
  } else {
    void *next = pool->free[index];
    memcpy(block->data, &next, sizeof next);
    pool->free[index] = block->data;
    pool->pooled += block->size;
  }
  *block = (oa_block){0};
}

void oa_pool_trim(oa_pool *pool) {
  for (size_t index = 0; pool->pooled > 0 && index < OA_POOL_CLASSES; index++) {
    while (pool->free[index] != NULL) {
      release(pool, unlink_first(pool, index), class_size(index));
    }
  }
}
