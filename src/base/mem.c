/* SPDX-License-Identifier: Apache-2.0 */
#include "base/mem.h"

#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif

/* Process-wide on purpose: it stands for the machine's memory, of which there
 * is one.  Relaxed order is enough, as tests allocate from one thread. */
static _Atomic int64_t allowance = -1;

bool oa_mem_refused(void) {
  if (atomic_load_explicit(&allowance, memory_order_relaxed) < 0) {
    return false;
  }
  int64_t left = atomic_fetch_sub_explicit(&allowance, 1, memory_order_relaxed);
  if (left > 0) {
    return false;
  }
  atomic_store_explicit(&allowance, 0, memory_order_relaxed);
  return true;
}

void oa_mem_fail_after(int64_t count) {
  atomic_store_explicit(&allowance, count, memory_order_relaxed);
}

/* What the program gave; without functions malloc(3) and its brothers serve. */
static oa_allocator given;

oa_status oa_mem_set_allocator(const oa_allocator *allocator) {
  if (allocator == NULL) {
    given = (oa_allocator){0};
    return OA_OK;
  }
  if (allocator->allocate == NULL || allocator->resize == NULL ||
      allocator->release == NULL) {
    return OA_ERR_CONFIG;
  }
  given = *allocator;
  return OA_OK;
}

static void *allocate(size_t size, size_t alignment) {
  return given.allocate(given.context, size, alignment);
}

static void *clear(void *block, size_t size) {
  return block == NULL ? NULL : memset(block, 0, size);
}

void *oa_malloc(size_t size) {
  if (oa_mem_refused()) {
    return NULL;
  }
  return given.allocate != NULL ? allocate(size, _Alignof(max_align_t))
                                : malloc(size);
}

void *oa_calloc(size_t count, size_t size) {
  if (oa_mem_refused()) {
    return NULL;
  }
  if (given.allocate == NULL) {
    return calloc(count, size);
  }
  if (size > 0 && count > SIZE_MAX / size) {
    return NULL;
  }
  return clear(allocate(count * size, _Alignof(max_align_t)), count * size);
}

void *oa_calloc_aligned(size_t count, size_t size, size_t alignment) {
  if (oa_mem_refused() || (size > 0 && count > (SIZE_MAX - alignment) / size)) {
    return NULL;
  }
  /* aligned_alloc() wants a multiple of the alignment. */
  const size_t bytes = (count * size + alignment - 1) / alignment * alignment;
  return clear(given.allocate != NULL ? allocate(bytes, alignment)
                                      : aligned_alloc(alignment, bytes),
               bytes);
}

void *oa_malloc_aligned(size_t size, size_t alignment) {
  if (oa_mem_refused()) {
    return NULL;
  }
  return given.allocate != NULL ? allocate(size, alignment)
                                : aligned_alloc(alignment, size);
}

void *oa_realloc(void *block, size_t size) {
  if (oa_mem_refused()) {
    return NULL;
  }
  return given.resize != NULL ? given.resize(given.context, block, size)
                              : realloc(block, size);
}

void oa_free(void *block) {
  if (given.release != NULL) {
    given.release(given.context, block);
  } else {
    free(block);
  }
}

void oa_mem_give_back(void) {
#ifdef __GLIBC__
  malloc_trim(0);
#endif
}

char *oa_strndup(const char *text, size_t len) {
  char *copy = oa_malloc(len + 1);
  if (copy != NULL) {
    memcpy(copy, text, len);
    copy[len] = '\0';
  }
  return copy;
}

char *oa_strdup(const char *text) {
  return oa_strndup(text, strlen(text));
}
