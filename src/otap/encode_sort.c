/* SPDX-License-Identifier: Apache-2.0 */
/* Sorts attributes so that equal ones stand together: by digits, in linear
 * time, as a message may hold a million of them. */
#include "otap/encode_impl.h"

enum { DIGIT_BITS = 11, DIGITS = 1 << DIGIT_BITS };

/* Up to so many are sorted by insertion. */
enum { FEW = 48 };

static bool stands_behind(const oa_send_attr *a, const oa_send_attr *b) {
  return a->group > b->group || (a->group == b->group && a->rank > b->rank);
}

static void sort_few(oa_send_attr *items, int64_t count) {
  for (int64_t i = 1; i < count; i++) {
    const oa_send_attr item = items[i];
    int64_t at = i;
    for (; at > 0 && stands_behind(&items[at - 1], &item); at--) {
      items[at] = items[at - 1];
    }
    items[at] = item;
  }
}

static uint32_t digit_of(const oa_send_attr *item, bool group, unsigned shift) {
  return ((group ? item->group : item->rank) >> shift) & (DIGITS - 1);
}

/* Puts FROM into TO by one digit; those with the same digit keep their order.
 * COUNTS is scratch. */
static void sort_digit(const oa_send_attr *from, oa_send_attr *to,
                       int64_t count, bool group, unsigned shift,
                       uint32_t *counts) {
  uint32_t sum = 0;
  memset(counts, 0, DIGITS * sizeof *counts);
  for (int64_t i = 0; i < count; i++) {
    counts[digit_of(&from[i], group, shift)]++;
  }
  for (size_t i = 0; i < DIGITS; i++) {
    const uint32_t here = counts[i];
    counts[i] = sum;
    sum += here;
  }
  for (int64_t i = 0; i < count; i++) {
    to[counts[digit_of(&from[i], group, shift)]++] = from[i];
  }
}

oa_status oa_send_sort_attrs(oa_otap_encoder *encoder, oa_send_attr **items,
                             int64_t count) {
  uint32_t counts[DIGITS];
  oa_send_attr *from = *items;
  oa_send_attr *to = NULL;
  uint32_t most[2] = {0, 0}; /* rank, group: all their bits */

  if (count <= FEW) {
    sort_few(from, count);
    return OA_OK;
  }
  OA_TRY(oa_send_get(encoder, count, sizeof *to, &to));
  for (int64_t i = 0; i < count; i++) {
    most[0] |= from[i].rank;
    most[1] |= from[i].group;
  }
  for (int group = 0; group < 2; group++) {
    for (unsigned shift = 0; shift < 32 && most[group] >> shift != 0;
         shift += DIGIT_BITS) {
      sort_digit(from, to, count, group != 0, shift, counts);
      oa_send_attr *swap = from;
      from = to;
      to = swap;
    }
  }
  *items = from;
  return OA_OK;
}
