/* SPDX-License-Identifier: Apache-2.0 */
/* mremap() is Linux's; where it is not there blocks are copied. */
#define _GNU_SOURCE

#include "base/pages.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

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

/* SIZE bytes of address space, nothing behind them yet; NULL: there is none. */
static void *map(size_t size) {
  if (oa_mem_refused()) {
    return NULL;
  }
  void *block = mmap(NULL, size, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  return block == MAP_FAILED ? NULL : block;
}

static void *obtain(size_t size) {
  return is_mapped(size) ? map(size) : oa_calloc(1, size);
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

/* --- blocks to be used whole --- */

enum { HUGE_PAGE = 2 * 1024 * 1024 };

/* The SIZE bytes of MAPPING from its first huge page on; MAPPING has a huge
 * page more, and gives back the pages around them. */
static uint8_t *cut(uint8_t *mapping, size_t size) {
  const size_t page = (size_t)sysconf(_SC_PAGESIZE);
  const size_t end = (size + page - 1) / page * page;
  const size_t before = -(uintptr_t)mapping % HUGE_PAGE;
  if (before > 0) {
    munmap(mapping, before);
  }
  munmap(mapping + before + end, HUGE_PAGE - before);
  return mapping + before;
}

void *oa_pages_new_whole(size_t size) {
  if (!MAPS) {
    return oa_calloc_aligned(1, size, (size_t)sysconf(_SC_PAGESIZE));
  }
  uint8_t *mapping = size > SIZE_MAX - HUGE_PAGE ? NULL : map(size + HUGE_PAGE);
  if (mapping == NULL) {
    return NULL;
  }
  uint8_t *block = cut(mapping, size);
#ifdef MADV_HUGEPAGE
  (void)madvise(block, size, MADV_HUGEPAGE); /* else it is only slower */
#endif
  return block;
}

void oa_pages_free_whole(void *block, size_t size) {
  if (!MAPS) {
    oa_free(block);
  } else if (block != NULL) {
    munmap(block, size);
  }
}
