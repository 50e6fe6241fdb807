/* SPDX-License-Identifier: Apache-2.0 */
#define XXH_INLINE_ALL
#include "base/dict.h"

#include <xxhash.h>

#include "base/mem.h"

enum {
  FIRST_SLOTS = 64,
  FIRST_STRINGS = 32,
};

uint32_t oa_dict_hash(const oa_dict *dict, const void *bytes, size_t len) {
  return (uint32_t)XXH3_64bits_withSeed(bytes, len, dict->seed);
}

int32_t oa_dict_find(const oa_dict *dict, const void *bytes, size_t len,
                     uint32_t hash) {
  if (dict->slots == NULL) {
    return -1;
  }
  for (uint32_t at = hash & dict->mask;; at = (at + 1) & dict->mask) {
    const oa_dict_slot slot = dict->slots[at];
    if (slot.number == 0) {
      return -1;
    }
    if (slot.hash == hash && oa_dict_is(dict, slot.number - 1, bytes, len)) {
      return (int32_t)(slot.number - 1);
    }
  }
}

static void place(oa_dict_slot *slots, uint32_t mask, oa_dict_slot slot) {
  uint32_t at = slot.hash & mask;
  while (slots[at].number != 0) {
    at = (at + 1) & mask;
  }
  slots[at] = slot;
}

static bool grow_slots(oa_dict *dict) {
  const uint32_t old = dict->slots == NULL ? 0 : dict->mask + 1;
  if (old > UINT32_MAX / 4) {
    return false;
  }
  const uint32_t size = old == 0 ? FIRST_SLOTS : old * 2;
  oa_dict_slot *slots = oa_calloc(size, sizeof *slots);
  if (slots == NULL) {
    return false;
  }
  for (uint32_t i = 0; i < old; i++) {
    if (dict->slots[i].number != 0) {
      place(slots, size - 1, dict->slots[i]);
    }
  }
  oa_free(dict->slots);
  dict->slots = slots;
  dict->mask = size - 1;
  return true;
}

static bool grow_offsets(oa_dict *dict) {
  const uint32_t capacity =
      dict->capacity == 0 ? FIRST_STRINGS : dict->capacity * 2;
  int32_t *offsets =
      oa_realloc(dict->offsets, ((size_t)capacity + 1) * sizeof *offsets);
  if (offsets == NULL) {
    return false;
  }
  offsets[0] = 0;
  dict->offsets = offsets;
  dict->capacity = capacity;
  return true;
}

int32_t oa_dict_add(oa_dict *dict, const void *bytes, size_t len,
                    uint32_t hash) {
  if (len > (size_t)INT32_MAX - dict->bytes.len ||
      dict->count >= INT32_MAX / 2) {
    return -1;
  }
  /* At most three slots of four are taken, so that a search stays short. */
  const bool full =
      dict->slots == NULL || dict->count >= dict->mask - dict->mask / 4;
  if ((full && !grow_slots(dict)) ||
      (dict->count == dict->capacity && !grow_offsets(dict)) ||
      oa_buf_put(&dict->bytes, bytes, len) != OA_OK) {
    return -1;
  }
  const uint32_t number = dict->count++;
  dict->offsets[dict->count] = (int32_t)dict->bytes.len;
  place(dict->slots, dict->mask, (oa_dict_slot){hash, number + 1});
  return (int32_t)number;
}

/* Frees the slot of the string with NUMBER and closes the gap behind it, so
 * that searches still find the strings that had to step over it. */
static void unplace(oa_dict *dict, uint32_t number, uint32_t hash) {
  uint32_t hole = hash & dict->mask;
  while (dict->slots[hole].number != number + 1) {
    hole = (hole + 1) & dict->mask;
  }
  for (uint32_t at = (hole + 1) & dict->mask; dict->slots[at].number != 0;
       at = (at + 1) & dict->mask) {
    const uint32_t home = dict->slots[at].hash & dict->mask;
    /* May move into the hole only when its home is not behind it. */
    if (((at - home) & dict->mask) >= ((at - hole) & dict->mask)) {
      dict->slots[hole] = dict->slots[at];
      hole = at;
    }
  }
  dict->slots[hole].number = 0;
}

void oa_dict_truncate(oa_dict *dict, uint32_t count) {
  while (dict->count > count) {
    const uint32_t number = dict->count - 1;
    size_t len;
    const uint8_t *bytes = oa_dict_get(dict, (int32_t)number, &len);
    unplace(dict, number, oa_dict_hash(dict, bytes, len));
    dict->bytes.len -= len;
    dict->count--;
  }
}

void oa_dict_clear(oa_dict *dict) {
  dict->count = 0;
  dict->bytes.len = 0;
  if (dict->slots != NULL) {
    memset(dict->slots, 0, ((size_t)dict->mask + 1) * sizeof *dict->slots);
  }
}

size_t oa_dict_memory(const oa_dict *dict) {
  size_t memory = dict->bytes.cap;
  if (dict->slots != NULL) {
    memory += ((size_t)dict->mask + 1) * sizeof *dict->slots;
  }
  if (dict->offsets != NULL) {
    memory += ((size_t)dict->capacity + 1) * sizeof *dict->offsets;
  }
  return memory;
}

void oa_dict_free(oa_dict *dict) {
  oa_buf_free(&dict->bytes);
  oa_free(dict->offsets);
  oa_free(dict->slots);
  *dict = (oa_dict){.seed = dict->seed};
}
