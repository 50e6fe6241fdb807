/* SPDX-License-Identifier: Apache-2.0 */
/* bits.h - validity bits and boolean values, 64 at a time.
 *
 * Arrow's bitmaps may be read from any bit on and are appended at any bit, so
 * a word here is up to 64 bits that need not begin at a byte.  No byte is
 * touched that holds none of the bits asked for.  Any thread.
 */
#ifndef OA_ARROW_BITS_H
#define OA_ARROW_BITS_H

#include <stdint.h>
#include <string.h>

#include "arrow/array.h"
#include "base/inline.h"

enum { OA_WORD = 64 };

/* COUNT ones, from 0 to 64. */
OA_INLINE uint64_t oa_ones(unsigned count) {
  return count >= OA_WORD ? UINT64_MAX : (UINT64_C(1) << count) - 1;
}

/* How many of the rows that are left go into one word. */
OA_INLINE unsigned oa_word_count(int64_t left) {
  return left < OA_WORD ? (unsigned)left : OA_WORD;
}

/* COUNT bits, from 1 to 64, of BITS from bit AT on; those above are 0. */
OA_INLINE uint64_t oa_bits_get(const uint8_t *bits, int64_t at,
                               unsigned count) {
  const uint8_t *from = bits + (at >> 3);
  const unsigned shift = (unsigned)(at & 7);
  const unsigned bytes = (shift + count + 7) / 8;
  uint64_t word = 0;
  if (bytes >= sizeof word) {
    memcpy(&word, from, sizeof word);
  } else {
    for (unsigned i = 0; i < bytes; i++) {
      word |= (uint64_t)from[i] << (8 * i);
    }
  }
  word >>= shift;
  if (shift > 0 && bytes > sizeof word) {
    word |= (uint64_t)from[sizeof word] << (OA_WORD - shift);
  }
  return word & oa_ones(count);
}

/* Adds the COUNT low bits of WORD to BITS from bit AT on, which are 0. */
OA_INLINE void oa_bits_put(uint8_t *bits, int64_t at, unsigned count,
                           uint64_t word) {
  uint8_t *to = bits + (at >> 3);
  const unsigned shift = (unsigned)(at & 7);
  const unsigned bytes = (shift + count + 7) / 8;
  const uint64_t low = word << shift;
  if (bytes >= sizeof word) {
    uint64_t have;
    memcpy(&have, to, sizeof have);
    have |= low;
    memcpy(to, &have, sizeof have);
  } else {
    for (unsigned i = 0; i < bytes; i++) {
      to[i] |= (uint8_t)(low >> (8 * i));
    }
  }
  if (shift > 0 && bytes > sizeof word) {
    to[sizeof word] |= (uint8_t)(word >> (OA_WORD - shift));
  }
}

/* Sets the bits [FROM, TO) of BITS. */
static inline void oa_bits_fill(uint8_t *bits, uint32_t from, uint32_t to) {
  if (from >= to) {
    return;
  }
  const uint32_t first = from >> 3;
  const uint32_t last = (to - 1) >> 3;
  const uint8_t head = (uint8_t)(0xFFU << (from & 7));
  const uint8_t tail = (uint8_t)(0xFFU >> (7 - ((to - 1) & 7)));
  if (first == last) {
    bits[first] |= head & tail;
    return;
  }
  bits[first] |= head;
  memset(bits + first + 1, 0xFF, last - first - 1);
  bits[last] |= tail;
}

/* Which of the COUNT rows of ARRAY from AT on hold a value. */
OA_INLINE uint64_t oa_valid_word(const oa_array *array, int64_t at,
                                 unsigned count) {
  if (array->validity != NULL) {
    return oa_bits_get(array->validity, at, count);
  }
  return array->null_count == 0 ? oa_ones(count) : 0;
}

#endif
