/* SPDX-License-Identifier: Apache-2.0 */
/* dict.h - a set of byte strings, numbered in the order they were added.
 *
 * The strings lie back to back with 32-bit offsets: the values buffer of an
 * Arrow dictionary as it stands.  Hashes are seeded, so that a sender cannot
 * choose strings that collide.
 */
#ifndef OA_BASE_DICT_H
#define OA_BASE_DICT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/buf.h"
#include "base/inline.h"

/* A zeroed dictionary is an empty one; set seed before the first use.
 *
 * The hash table is two arrays: a byte of each slot's hash, and its string's
 * number.  A search looks at the bytes, which stay in the cache, and goes on
 * to the string only when they match: a string that is new, as ids are, costs
 * one look. */
typedef struct oa_dict {
  oa_buf bytes;      /* all strings; its purse pays for the rest too */
  int32_t *offsets;  /* count + 1; NULL while empty */
  uint8_t *tags;     /* of the slots; 0 = free */
  uint32_t *numbers; /* of the slots' strings */
  uint32_t count;
  uint32_t capacity; /* strings that offsets has room for */
  uint32_t mask;     /* slots - 1 */
  uint64_t seed;
} oa_dict;

uint32_t oa_dict_hash(const oa_dict *dict, const void *bytes, size_t len);

/* Has the memory that a search for HASH will look at brought near. */
OA_INLINE void oa_dict_prefetch(const oa_dict *dict, uint32_t hash) {
  if (dict->tags != NULL) {
    __builtin_prefetch(dict->tags + (hash & dict->mask));
    __builtin_prefetch(dict->numbers + (hash & dict->mask));
  }
}

/* The number of a string that is there, or -1.  HASH is oa_dict_hash()'s. */
int32_t oa_dict_find(const oa_dict *dict, const void *bytes, size_t len,
                     uint32_t hash);

/* Adds a string that is not there.  -1: no memory, the purse refuses, or the
 * strings would pass 2 GiB together; DICT is then as before. */
int32_t oa_dict_add(oa_dict *dict, const void *bytes, size_t len,
                    uint32_t hash);

/* The string with NUMBER. */
OA_INLINE const uint8_t *oa_dict_get(const oa_dict *dict, int32_t number,
                                     size_t *len) {
  const int32_t *offset = dict->offsets + number;
  *len = (size_t)(offset[1] - offset[0]);
  return dict->bytes.data + offset[0];
}

/* memcmp() for strings of which most are 8 to 32 bytes long: no call. */
OA_INLINE bool oa_bytes_equal(const uint8_t *a, const uint8_t *b, size_t len) {
  uint64_t x;
  uint64_t y;
  if (len < sizeof x) {
    for (size_t i = 0; i < len; i++) {
      if (a[i] != b[i]) {
        return false;
      }
    }
    return true;
  }
  for (size_t i = 0; i + sizeof x < len; i += sizeof x) {
    memcpy(&x, a + i, sizeof x);
    memcpy(&y, b + i, sizeof y);
    if (x != y) {
      return false;
    }
  }
  /* The last eight, which may overlap those before. */
  memcpy(&x, a + len - sizeof x, sizeof x);
  memcpy(&y, b + len - sizeof y, sizeof y);
  return x == y;
}

/* True when the string with NUMBER is there and equals BYTES. */
OA_INLINE bool oa_dict_is(const oa_dict *dict, uint32_t number,
                          const void *bytes, size_t len) {
  if (number >= dict->count) {
    return false;
  }
  size_t have;
  const uint8_t *text = oa_dict_get(dict, (int32_t)number, &have);
  return have == len && oa_bytes_equal(text, bytes, len);
}

/* Forgets the strings from number COUNT on. */
void oa_dict_truncate(oa_dict *dict, uint32_t count);

/* Forgets all strings and keeps the memory. */
void oa_dict_clear(oa_dict *dict);

/* Bytes of heap memory held. */
size_t oa_dict_memory(const oa_dict *dict);

void oa_dict_free(oa_dict *dict);

#endif
