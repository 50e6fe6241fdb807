/* SPDX-License-Identifier: Apache-2.0 */
/* mremap() is Linux's; where it is not there blocks are copied. */
#define _GNU_SOURCE

#include "base/pages.h"

#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>

#include "base/mem.h"

/* Checkers of memory know the heap's blocks alone. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || \
    !defined(MREMAP_MAYMOVE)
enum { MAPS = 0 };
#else
enum { MAPS = 1 };
#endif

static bool is_mapped(size_t size) {
  return MAPS && size >= OA_PAGES_FROM;
}

static void *obtain(size_t size) {
  if (!is_mapped(size)) {
    return oa_calloc(1, size);
  }
  if (oa_mem_refused()) {
    return NULL;
  }
  void *block = mmap(NULL, size, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  return block == MAP_FAILED ? NULL : block;
}

void oa_pages_free(void *block, size_t size) {
  if (block == NULL || !is_mapped(size)) {
    oa_free(block);
  } else {
    munmap(block, size);
  }
}

#ifdef MREMAP_MAYMOVE
static void *remap(void *block, size_t old_size, size_t size) {
  if (oa_mem_refused()) {
    return NULL;
  }
  void *moved = mremap(block, old_size, size, MREMAP_MAYMOVE);
  return moved == MAP_FAILED ? NULL : moved;
}
#endif

void *oa_pages_resize(void *block, size_t old_size, size_t used, size_t size) {
#ifdef MREMAP_MAYMOVE
  if (block != NULL && is_mapped(old_size)) {
    return remap(block, old_size, size);
  }
#endif
  void *bigger = obtain(size);
  if (bigger == NULL) {
    return NULL;
  }
  if (block != NULL && used > 0) {
    memcpy(bigger, block, used);
  }
  oa_pages_free(block, old_size);
  return bigger;
}
