/* SPDX-License-Identifier: Apache-2.0 */
/* mem.h - the only place where this program asks for heap memory.
 *
 * Everything else calls these, so that a test can make the Nth allocation
 * fail and so that there is one spot to replace the allocator.
 * Any thread may call them.
 */
#ifndef OA_BASE_MEM_H
#define OA_BASE_MEM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "otlp_arrow_extend.h"

void *oa_malloc(size_t size);
void *oa_calloc(size_t count, size_t size);

/* The same at a multiple of ALIGNMENT, a power of two: for blocks that
 * threads must not share a cache line of. */
void *oa_calloc_aligned(size_t count, size_t size, size_t alignment);

/* SIZE bytes, not zeroed and not touched, at a multiple of ALIGNMENT, a power
 * of two that divides SIZE. */
void *oa_malloc_aligned(size_t size, size_t alignment);

/* On failure the old block stays as it was and stays the caller's. */
void *oa_realloc(void *block, size_t size);

/* NULL is allowed. */
void oa_free(void *block);

/* A heap copy of TEXT, or NULL when there is no memory. */
char *oa_strdup(const char *text);
char *oa_strndup(const char *text, size_t len);

/* See oa_set_allocator(). */
oa_status oa_mem_set_allocator(const oa_allocator *allocator);

/* Has the C library give memory that is free back to the system, as far as it
 * can; takes some milliseconds when much is free.  Any thread. */
void oa_mem_give_back(void);

/* For tests: after COUNT further allocations every later one fails, until the
 * next call.  A negative COUNT never fails. */
void oa_mem_fail_after(int64_t count);

/* Whether an allocation that is made in another way than by the functions above
 * must fail for that reason; counts it. */
bool oa_mem_refused(void);

#endif
