/* SPDX-License-Identifier: Apache-2.0 */
#include "otap/scratch.h"

#include <string.h>

#include "base/mem.h"

enum {
  ALIGN = 16,
  /* Kept between messages: enough for some thousand items, and small beside
   * what a connection has anyway. */
  KEEP = 1024 * 1024,
};

typedef struct oa_scratch_extra {
  struct oa_scratch_extra *next;
  size_t size; /* of all of it */
} extra_block;

_Static_assert(sizeof(extra_block) == ALIGN, "what follows is aligned");

static void *obtain(oa_scratch *scratch, size_t size) {
  if (!oa_purse_take(scratch->purse, size)) {
    return NULL;
  }
  void *block = oa_malloc(size);
  if (block == NULL) {
    oa_purse_give(scratch->purse, size);
  }
  return block;
}

static void release(oa_scratch *scratch, void *block, size_t size) {
  oa_free(block);
  oa_purse_give(scratch->purse, size);
}

oa_status oa_scratch_get(oa_scratch *scratch, size_t count, size_t size,
                         void **out) {
  if (count > scratch->max / size) {
    return OA_ERR_LIMIT;
  }
  /* Never nothing, so that there is always a place to point at. */
  const size_t whole = (count * size + ALIGN) & ~(size_t)(ALIGN - 1);
  if (scratch->taken > scratch->max || whole > scratch->max - scratch->taken) {
    return OA_ERR_LIMIT;
  }
  if (whole <= scratch->size - scratch->used) {
    *out = scratch->block + scratch->used;
    scratch->used += whole;
  } else {
    extra_block *extra = obtain(scratch, sizeof *extra + whole);
    if (extra == NULL) {
      return OA_ERR_NOMEM;
    }
    extra->size = sizeof *extra + whole;
    extra->next = scratch->extra;
    scratch->extra = extra;
    *out = extra + 1;
  }
  scratch->taken += whole;
  return OA_OK;
}

oa_status oa_scratch_get_zeroed(oa_scratch *scratch, size_t count, size_t size,
                                void **out) {
  OA_TRY(oa_scratch_get(scratch, count, size, out));
  memset(*out, 0, count * size);
  return OA_OK;
}

static void free_extra(oa_scratch *scratch) {
  while (scratch->extra != NULL) {
    extra_block *extra = scratch->extra;
    scratch->extra = extra->next;
    release(scratch, extra, extra->size);
  }
}

void oa_scratch_reset(oa_scratch *scratch) {
  free_extra(scratch);
  if (scratch->taken > scratch->size && scratch->taken <= KEEP) {
    /* Without memory the old block stays, and extra blocks do it again. */
    const size_t more = scratch->taken + scratch->taken / 4;
    const size_t size = (more < KEEP ? more : KEEP) & ~(size_t)(ALIGN - 1);
    uint8_t *block = obtain(scratch, size);
    if (block != NULL) {
      release(scratch, scratch->block, scratch->size);
      scratch->block = block;
      scratch->size = size;
    }
  }
  scratch->used = 0;
  scratch->taken = 0;
}

void oa_scratch_free(oa_scratch *scratch) {
  free_extra(scratch);
  release(scratch, scratch->block, scratch->size);
  *scratch = (oa_scratch){.max = scratch->max, .purse = scratch->purse};
}
