/* SPDX-License-Identifier: Apache-2.0 */
/* allocfault.c - makes chosen allocations of a program fail (LD_PRELOAD).
 *
 * Allocations number FIRST to LAST of control.h since it was armed give NULL,
 * whoever asks, our code and the libraries alike.  Only the program
 * OA_FAULT_PROGRAM is meant, not those that start it.  OA_FAULT_ONLY, a part
 * of a library's path, means what that library asks for, and OA_FAULT_SPARED
 * a library whose blocks may always grow.
 */
#define _GNU_SOURCE
#include "control.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static control *shared;

static void *(*next_malloc)(size_t);
static void *(*next_calloc)(size_t, size_t);
static void *(*next_realloc)(void *, size_t);
static int (*next_posix_memalign)(void **, size_t, size_t);
static void *(*next_aligned_alloc)(size_t, size_t);
static void (*next_free)(void *);

/* What dlsym() and early constructors ask for before we know the next malloc;
 * never given back. */
static _Alignas(16) char early[65536];
static size_t early_used;
static bool finding;
static bool sanitized;
static const char *only;  /* or NULL */
static const char *grows; /* or NULL */

static void *take_early(size_t size) {
  const size_t room = (size + 15) / 16 * 16;
  if (room > sizeof early - early_used) {
    _exit(99);
  }
  void *block = early + early_used;
  early_used += room;
  return block;
}

static bool is_early(const void *block) {
  return (const char *)block >= early &&
         (const char *)block < early + sizeof early;
}

static void *find(const char *name) {
  return dlsym(RTLD_NEXT, name);
}

static bool know(void) {
  if (next_free != NULL) {
    return true;
  }
  if (finding) {
    return false;
  }
  finding = true;
  next_malloc = (void *(*)(size_t))(uintptr_t)find("malloc");
  next_calloc = (void *(*)(size_t, size_t))(uintptr_t)find("calloc");
  next_realloc = (void *(*)(void *, size_t))(uintptr_t)find("realloc");
  next_posix_memalign =
      (int (*)(void **, size_t, size_t))(uintptr_t)find("posix_memalign");
  next_aligned_alloc =
      (void *(*)(size_t, size_t))(uintptr_t)find("aligned_alloc");
  next_free = (void (*)(void *))(uintptr_t)find("free");
  finding = false;
  return true;
}

__attribute__((constructor)) static void start(void) {
  const char *program = getenv("OA_FAULT_PROGRAM");
  know();
  only = getenv("OA_FAULT_ONLY");
  grows = getenv("OA_FAULT_SPARED");
  sanitized = dlsym(RTLD_DEFAULT, "__asan_init") != NULL;
  if (program != NULL && strcmp(program, program_invocation_short_name) == 0) {
    shared = map_control();
  }
}

static bool hit(void) {
  if (shared == NULL || !shared->armed) {
    return false;
  }
  const int64_t number = atomic_fetch_add(&shared->calls, 1) + 1;
  if (number < shared->first || number > shared->last) {
    return false;
  }
  atomic_fetch_add(&shared->hits, 1);
  errno = ENOMEM;
  return true;
}

static bool is_from(const void *caller, const char *library) {
  Dl_info from;
  return dladdr(caller, &from) != 0 && from.dli_fname != NULL &&
         strstr(from.dli_fname, library) != NULL;
}

/* AddressSanitizer's runtime ends the program when libc has no memory to tell
 * it about the stack of a new thread. */
static bool spared(const void *caller) {
  if (shared == NULL || !shared->armed) {
    return true;
  }
  return (sanitized && is_from(caller, "/libc.so")) ||
         (only != NULL && !is_from(caller, only));
}

void *malloc(size_t size) {
  if (!know()) {
    return take_early(size);
  }
  return !spared(__builtin_return_address(0)) && hit() ? NULL
                                                       : next_malloc(size);
}

void *calloc(size_t count, size_t size) {
  if (!know()) {
    return take_early(count * size); /* it is zero */
  }
  return !spared(__builtin_return_address(0)) && hit()
             ? NULL
             : next_calloc(count, size);
}

void *realloc(void *block, size_t size) {
  if (!know() || is_early(block)) {
    void *fresh = know() ? next_malloc(size) : take_early(size);
    if (fresh != NULL && block != NULL) {
      const size_t most = (size_t)(early + sizeof early - (char *)block);
      memcpy(fresh, block, size < most ? size : most);
    }
    return fresh;
  }
  const void *caller = __builtin_return_address(0);
  const bool may_grow = grows != NULL && is_from(caller, grows);
  return !spared(caller) && !may_grow && hit() ? NULL
                                               : next_realloc(block, size);
}

int posix_memalign(void **out, size_t alignment, size_t size) {
  know();
  return !spared(__builtin_return_address(0)) && hit()
             ? ENOMEM
             : next_posix_memalign(out, alignment, size);
}

void *aligned_alloc(size_t alignment, size_t size) {
  know();
  return !spared(__builtin_return_address(0)) && hit()
             ? NULL
             : next_aligned_alloc(alignment, size);
}

void free(void *block) {
  if (block != NULL && !is_early(block) && know()) {
    next_free(block);
  }
}
