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

/* From bits that the slot's place does not depend on; never 0. */
static uint8_t tag_of(uint32_t hash) {
  const uint8_t tag = (uint8_t)(hash >> 24);
  return tag == 0 ? 1 : tag;
}

int32_t oa_dict_find(const oa_dict *dict, const void *bytes, size_t len,
                     uint32_t hash) {
  if (dict->tags == NULL) {
    return -1;
  }
  const uint8_t tag = tag_of(hash);
  for (uint32_t at = hash & dict->mask; dict->tags[at] != 0;
       at = (at + 1) & dict->mask) {
    if (dict->tags[at] == tag &&
        oa_dict_is(dict, dict->numbers[at], bytes, len)) {
      return (int32_t)dict->numbers[at];
    }
  }
  return -1;
}

static void place(oa_dict *dict, uint32_t number, uint32_t hash) {
  uint32_t at = hash & dict->mask;
  while (dict->tags[at] != 0) {
    at = (at + 1) & dict->mask;
  }
  dict->tags[at] = tag_of(hash);
  dict->numbers[at] = number;
}

static uint32_t hash_of(const oa_dict *dict, uint32_t number) {
  size_t len;
  const uint8_t *bytes = oa_dict_get(dict, (int32_t)number, &len);
  return oa_dict_hash(dict, bytes, len);
}

/* Bytes of SLOTS slots. */
static size_t slots_size(const oa_dict *dict, uint32_t slots) {
  return (size_t)slots * (sizeof *dict->tags + sizeof *dict->numbers);
}

static size_t offsets_size(const oa_dict *dict, uint32_t capacity) {
  return ((size_t)capacity + 1) * sizeof *dict->offsets;
}

static uint32_t slot_count(const oa_dict *dict) {
  return dict->tags == NULL ? 0 : dict->mask + 1;
}

static bool grow_slots(oa_dict *dict) {
  oa_purse *purse = dict->bytes.purse;
  const uint32_t old = slot_count(dict);
  if (old > UINT32_MAX / 4) {
    return false;
  }
  const uint32_t size = old == 0 ? FIRST_SLOTS : old * 2;
  /* For a moment there are both. */
  if (!oa_purse_take(purse, slots_size(dict, size))) {
    return false;
  }
  uint8_t *tags = oa_calloc(size, sizeof *tags);
  uint32_t *numbers = oa_malloc(size * sizeof *numbers);
  if (tags == NULL || numbers == NULL) {
    oa_free(tags);
    oa_free(numbers);
    oa_purse_give(purse, slots_size(dict, size));
    return false;
  }
  oa_free(dict->tags);
  oa_free(dict->numbers);
  oa_purse_give(purse, slots_size(dict, old));
  dict->tags = tags;
  dict->numbers = numbers;
  dict->mask = size - 1;
  for (uint32_t i = 0; i < dict->count; i++) {
    place(dict, i, hash_of(dict, i));
  }
  return true;
}

static bool grow_offsets(oa_dict *dict) {
  const uint32_t capacity =
      dict->capacity == 0 ? FIRST_STRINGS : dict->capacity * 2;
  const size_t size = offsets_size(dict, capacity);
  const size_t more =
      dict->offsets == NULL ? size : size - offsets_size(dict, dict->capacity);
  if (!oa_purse_take(dict->bytes.purse, more)) {
    return false;
  }
  int32_t *offsets = oa_realloc(dict->offsets, size);
  if (offsets == NULL) {
    oa_purse_give(dict->bytes.purse, more);
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
  /* At most every other slot is taken, so that a search stays short. */
  const bool full = dict->tags == NULL || dict->count > dict->mask / 2;
  if ((full && !grow_slots(dict)) ||
      (dict->count == dict->capacity && !grow_offsets(dict)) ||
      /* A byte more, so that an empty string has a place too. */
      oa_buf_reserve(&dict->bytes, len + 1) != OA_OK) {
    return -1;
  }
  (void)oa_buf_put(&dict->bytes, bytes, len);
  const uint32_t number = dict->count++;
  dict->offsets[dict->count] = (int32_t)dict->bytes.len;
  place(dict, number, hash);
  return (int32_t)number;
}

/* Frees the slot of the string that was added last: as no other stepped over
 * it, the slots are then as before the adding.  (Growing places all in the
 * order of their numbers again.) */
static void unplace(oa_dict *dict, uint32_t number) {
  uint32_t at = hash_of(dict, number) & dict->mask;
  while (dict->tags[at] == 0 || dict->numbers[at] != number) {
    at = (at + 1) & dict->mask;
  }
  dict->tags[at] = 0;
}

void oa_dict_truncate(oa_dict *dict, uint32_t count) {
  while (dict->count > count) {
    const uint32_t last = dict->count - 1;
    unplace(dict, last);
    dict->bytes.len = (size_t)dict->offsets[last];
    dict->count = last;
  }
}

void oa_dict_clear(oa_dict *dict) {
  dict->count = 0;
  dict->bytes.len = 0;
  if (dict->tags != NULL) {
    memset(dict->tags, 0, (size_t)dict->mask + 1);
  }
}

/* What there is beside the strings' bytes. */
static size_t index_memory(const oa_dict *dict) {
  const size_t offsets =
      dict->offsets == NULL ? 0 : offsets_size(dict, dict->capacity);
  return offsets + slots_size(dict, slot_count(dict));
}

size_t oa_dict_memory(const oa_dict *dict) {
  return dict->bytes.cap + index_memory(dict);
}

void oa_dict_free(oa_dict *dict) {
  oa_purse *purse = dict->bytes.purse;
  oa_purse_give(purse, index_memory(dict));
  oa_buf_free(&dict->bytes);
  oa_free(dict->offsets);
  oa_free(dict->tags);
  oa_free(dict->numbers);
  *dict = (oa_dict){.seed = dict->seed, .bytes = {.purse = purse}};
}
