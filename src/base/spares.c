/* SPDX-License-Identifier: Apache-2.0 */
#include "base/spares.h"

#include "base/mem.h"

/* The place of the smallest block, or a free one. */
static size_t smallest(const oa_spares *spares) {
  size_t at = 0;
  for (size_t i = 1; i < OA_SPARES_COUNT; i++) {
    if (spares->kept[i].size < spares->kept[at].size) {
      at = i;
    }
  }
  return at;
}

size_t oa_spares_keep(oa_spares *spares, void *block, size_t size) {
  const size_t at = smallest(spares);
  const size_t before = spares->kept[at].size;
  if (size < OA_SPARES_FROM || size > OA_SPARES_TO || size <= before ||
      spares->bytes - before > OA_SPARES_ALL - size) {
    oa_free(block);
    return size;
  }
  oa_free(spares->kept[at].block);
  spares->kept[at].block = block;
  spares->kept[at].size = size;
  spares->bytes += size - before;
  spares->moves++;
  return before;
}

void *oa_spares_take(oa_spares *spares, size_t least, size_t *size) {
  size_t best = OA_SPARES_COUNT;
  if (spares->bytes == 0 || least < OA_SPARES_FROM) {
    return NULL;
  }
  for (size_t i = 0; i < OA_SPARES_COUNT; i++) {
    if (spares->kept[i].size >= least &&
        (best == OA_SPARES_COUNT ||
         spares->kept[i].size < spares->kept[best].size)) {
      best = i;
    }
  }
  if (best == OA_SPARES_COUNT) {
    return NULL;
  }
  void *block = spares->kept[best].block;
  *size = spares->kept[best].size;
  spares->kept[best].block = NULL;
  spares->kept[best].size = 0;
  spares->bytes -= *size;
  spares->moves++;
  return block;
}

size_t oa_spares_free(oa_spares *spares) {
  const size_t bytes = spares->bytes;
  for (size_t i = 0; i < OA_SPARES_COUNT; i++) {
    oa_free(spares->kept[i].block);
  }
  *spares = (oa_spares){0};
  return bytes;
}
