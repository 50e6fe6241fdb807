/* SPDX-License-Identifier: Apache-2.0 */
#include "base/mem.h"

#include <stdatomic.h>
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

void *oa_malloc(size_t size) {
  return oa_mem_refused() ? NULL : malloc(size);
}

void *oa_calloc(size_t count, size_t size) {
  return oa_mem_refused() ? NULL : calloc(count, size);
}

void *oa_calloc_aligned(size_t count, size_t size, size_t alignment) {
  if (oa_mem_refused() || (size > 0 && count > (SIZE_MAX - alignment) / size)) {
    return NULL;
  }
  /* aligned_alloc() wants a multiple of the alignment. */
  const size_t bytes = (count * size + alignment - 1) / alignment * alignment;
  void *block = aligned_alloc(alignment, bytes);
  return block == NULL ? NULL : memset(block, 0, bytes);
}

void *oa_malloc_aligned(size_t size, size_t alignment) {
  return oa_mem_refused() ? NULL : aligned_alloc(alignment, size);
}

void *oa_realloc(void *block, size_t size) {
  return oa_mem_refused() ? NULL : realloc(block, size);
}

void oa_free(void *block) {
  free(block);
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
