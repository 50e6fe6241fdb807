/* SPDX-License-Identifier: Apache-2.0 */
#include "base/text.h"

/* Length of the well-formed sequence at TEXT, or 0; then *BAD is the length
 * of the maximal ill-formed subpart, at least 1.  LEN is not 0. */
static size_t sequence(const uint8_t *text, size_t len, size_t *bad) {
  const uint8_t lead = text[0];
  uint8_t low = 0x80;
  uint8_t high = 0xBF;
  size_t more = 0;

  *bad = 1;
  if (lead < 0x80) {
    return 1;
  }
  if (lead >= 0xC2 && lead <= 0xDF) {
    more = 1;
  } else if (lead >= 0xE0 && lead <= 0xEF) {
    more = 2;
    low = lead == 0xE0 ? 0xA0 : low;
    high = lead == 0xED ? 0x9F : high;
  } else if (lead >= 0xF0 && lead <= 0xF4) {
    more = 3;
    low = lead == 0xF0 ? 0x90 : low;
    high = lead == 0xF4 ? 0x8F : high;
  } else {
    return 0;
  }
  for (size_t i = 1; i <= more; i++) {
    if (i >= len || text[i] < low || text[i] > high) {
      *bad = i;
      return 0;
    }
    low = 0x80;
    high = 0xBF;
  }
  return more + 1;
}

#define HIGH_BITS UINT64_C(0x8080808080808080) /* of bytes beyond ASCII */

/* Telemetry is nearly all ASCII: eight bytes at a time, the last ones together
 * with some before. */
static bool is_ascii(const uint8_t *text, size_t len) {
  uint64_t all = 0;
  uint64_t word = 0;
  if (len < sizeof word) {
    for (size_t i = 0; i < len; i++) {
      all |= text[i];
    }
  } else {
    for (size_t i = 0; i < len - sizeof word; i += sizeof word) {
      memcpy(&word, text + i, sizeof word);
      all |= word;
    }
    memcpy(&word, text + len - sizeof word, sizeof word);
    all |= word;
  }
  return (all & HIGH_BITS) == 0;
}

bool oa_utf8_valid(const uint8_t *text, size_t len) {
  size_t at = 0;
  size_t bad;
  if (is_ascii(text, len)) {
    return true;
  }
  while (at < len) {
    while (len - at >= 8) {
      uint64_t word;
      memcpy(&word, text + at, sizeof word);
      if ((word & HIGH_BITS) != 0) {
        break;
      }
      at += 8;
    }
    while (at < len && text[at] < 0x80) {
      at++;
    }
    if (at == len) {
      break;
    }
    const size_t n = sequence(text + at, len - at, &bad);
    if (n == 0) {
      return false;
    }
    at += n;
  }
  return true;
}

oa_status oa_utf8_repair(oa_buf *out, const uint8_t *text, size_t len) {
  static const uint8_t replacement[] = {0xEF, 0xBF, 0xBD};
  size_t at = 0;

  while (at < len) {
    size_t bad;
    const size_t n = sequence(text + at, len - at, &bad);
    if (n > 0) {
      OA_TRY(oa_buf_put(out, text + at, n));
      at += n;
    } else {
      OA_TRY(oa_buf_put(out, replacement, sizeof replacement));
      at += bad;
    }
  }
  return OA_OK;
}
