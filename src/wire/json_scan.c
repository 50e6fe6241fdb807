/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/json_scan.h"

#include <string.h>

enum {
  MAX_DIGITS = 19,        /* that fit 64 bits, whatever they are */
  MAX_EXPONENT = 1 << 30, /* larger ones mean the same */
};

#define EACH_BYTE(VALUE) (UINT64_C(0x0101010101010101) * (VALUE))

/* The high bit of each byte of WORD that is 0; false ones only above. */
OA_INLINE uint64_t zero_bytes(uint64_t word) {
  return (word - EACH_BYTE(1)) & ~word & EACH_BYTE(0x80);
}

/* How many of the eight bytes at AT come before a quote, a backslash or a
 * control character.  Little-endian, as all of this program. */
OA_INLINE unsigned plain_bytes(const uint8_t *at) {
  uint64_t word;
  memcpy(&word, at, sizeof word);
  const uint64_t hits = zero_bytes(word ^ EACH_BYTE('"')) |
                        zero_bytes(word ^ EACH_BYTE('\\')) |
                        ((word - EACH_BYTE(0x20)) & ~word & EACH_BYTE(0x80));
  return hits == 0 ? 8 : (unsigned)__builtin_ctzll(hits) / 8;
}

OA_INLINE bool is_digit(uint8_t byte) {
  return byte >= '0' && byte <= '9';
}

static bool is_hex(uint8_t byte) {
  return is_digit(byte) || ((byte | 0x20) >= 'a' && (byte | 0x20) <= 'f');
}

/* Goes over the escape at AT. */
static oa_status skip_escape(oa_scan *scan) {
  size_t len = 2;
  if (scan->end - scan->at < 2) {
    scan->at = scan->end;
    return oa_scan_wrong(scan, "the string has no end");
  }
  if (scan->at[1] == 'u') {
    for (len = 2; len < 6; len++) {
      if (scan->at + len == scan->end) {
        scan->at = scan->end;
        return oa_scan_wrong(scan, "the string has no end");
      }
      if (!is_hex(scan->at[len])) {
        return oa_scan_wrong(scan, "\\u needs four hex digits");
      }
    }
  } else if (scan->at[1] == 0 || strchr("\"\\/bfnrt", scan->at[1]) == NULL) {
    return oa_scan_wrong(scan, "unknown escape");
  }
  scan->at += len;
  return OA_OK;
}

oa_status oa_scan_string(oa_scan *scan, oa_scan_text *out) {
  const uint8_t *start = ++scan->at;

  out->escaped = false;
  for (;;) {
    while (scan->end - scan->at >= 8) {
      const unsigned n = plain_bytes(scan->at);
      scan->at += n;
      if (n < 8) {
        break;
      }
    }
    while (scan->at != scan->end && *scan->at != '"' && *scan->at != '\\' &&
           *scan->at >= 0x20) {
      scan->at++; /* the last few bytes of the text */
    }
    if (scan->at == scan->end) {
      return oa_scan_wrong(scan, "the string has no end");
    }
    if (*scan->at == '"') {
      break;
    }
    if (*scan->at != '\\') {
      return oa_scan_wrong(scan, "control characters in strings are escaped");
    }
    out->escaped = true;
    OA_TRY(skip_escape(scan));
  }
  out->at = start;
  out->len = (size_t)(scan->at - start);
  scan->at++;
  return OA_OK;
}

/* Digits at AT into NUMBER.  Those that do not fit leave their weight in the
 * exponent; FRACTION says which side of the point they stand on. */
OA_INLINE oa_status take_digits(oa_scan *scan, oa_scan_number *number,
                                unsigned *count, bool fraction) {
  const uint8_t *at = scan->at;
  const uint8_t *const first = at;

  for (; at != scan->end && is_digit(*at); at++) {
    if (*count < MAX_DIGITS) {
      number->digits = number->digits * 10 + (*at - '0');
      *count += number->digits != 0;
      number->exponent -= fraction;
    } else {
      number->exact = number->exact && *at == '0';
      number->exponent += !fraction;
    }
  }
  scan->at = at;
  return at == first ? oa_scan_wrong(scan, "expected a digit") : OA_OK;
}

static oa_status take_exponent(oa_scan *scan, oa_scan_number *number) {
  bool negative = false;
  int64_t exponent = 0;

  scan->at++;
  if (scan->at != scan->end && (*scan->at == '+' || *scan->at == '-')) {
    negative = *scan->at == '-';
    scan->at++;
  }
  if (scan->at == scan->end || !is_digit(*scan->at)) {
    return oa_scan_wrong(scan, "expected a digit");
  }
  for (; scan->at != scan->end && is_digit(*scan->at); scan->at++) {
    if (exponent < MAX_EXPONENT) {
      exponent = exponent * 10 + (*scan->at - '0');
    }
  }
  number->exponent += negative ? -exponent : exponent;
  return OA_OK;
}

oa_status oa_scan_number_at(oa_scan *scan, oa_scan_number *out) {
  unsigned count = 0;

  *out = (oa_scan_number){.at = scan->at, .exact = true};
  if (scan->at != scan->end && *scan->at == '-') {
    out->negative = true;
    scan->at++;
  }
  const uint8_t *first = scan->at;
  OA_TRY(take_digits(scan, out, &count, false));
  if (*first == '0' && scan->at - first > 1) {
    scan->at = first + 1;
    return oa_scan_wrong(scan, "a number has no zeros in front");
  }
  if (scan->at != scan->end && *scan->at == '.') {
    scan->at++;
    OA_TRY(take_digits(scan, out, &count, true));
  }
  if (scan->at != scan->end && (*scan->at == 'e' || *scan->at == 'E')) {
    OA_TRY(take_exponent(scan, out));
  }
  out->len = (size_t)(scan->at - out->at);
  return OA_OK;
}

oa_status oa_scan_word(oa_scan *scan, const char *word) {
  const uint8_t *const start = scan->at;
  for (; *word != '\0'; word++) {
    if (scan->at == scan->end || *scan->at != (uint8_t)*word) {
      scan->at = scan->at == scan->end ? scan->end : start;
      return oa_scan_wrong(scan, "expected a value");
    }
    scan->at++;
  }
  return OA_OK;
}

/* Containers around AT: a bit each, set for objects. */
typedef struct nest {
  size_t depth;
  uint64_t object[OA_SCAN_MAX_DEPTH / 64];
} nest;

static bool in_object(const nest *n) {
  const size_t top = n->depth - 1;
  return (n->object[top / 64] >> top % 64 & 1) != 0;
}

static oa_status enter(oa_scan *scan, nest *n, bool object) {
  if (n->depth == OA_SCAN_MAX_DEPTH) {
    scan->problem = "values are nested too deep";
    return OA_ERR_LIMIT;
  }
  const uint64_t bit = UINT64_C(1) << n->depth % 64;
  uint64_t *bits = &n->object[n->depth / 64];
  *bits = object ? *bits | bit : *bits & ~bit;
  n->depth++;
  scan->at++;
  return OA_OK;
}

/* The name of a member and the colon. */
static oa_status skip_name(oa_scan *scan) {
  oa_scan_text ignored;
  if (oa_scan_next(scan) != '"') {
    return oa_scan_wrong(scan, "expected a name in quotes");
  }
  OA_TRY(oa_scan_string(scan, &ignored));
  if (oa_scan_next(scan) != ':') {
    return oa_scan_wrong(scan, "expected ':'");
  }
  scan->at++;
  return OA_OK;
}

/* A value that is no container. */
static oa_status skip_scalar(oa_scan *scan, uint8_t first) {
  oa_scan_text text;
  oa_scan_number number;
  switch (first) {
    case '"':
      return oa_scan_string(scan, &text);
    case 't':
      return oa_scan_word(scan, "true");
    case 'f':
      return oa_scan_word(scan, "false");
    case 'n':
      return oa_scan_word(scan, "null");
    default:
      return first == '-' || is_digit(first)
                 ? oa_scan_number_at(scan, &number)
                 : oa_scan_wrong(scan, "expected a value");
  }
}

/* Behind a value: goes on to where the next one begins, out of the containers
 * that end here. */
static oa_status skip_to_next(oa_scan *scan, nest *n) {
  while (n->depth > 0) {
    const bool object = in_object(n);
    const uint8_t byte = oa_scan_next(scan);
    if (byte == ',') {
      scan->at++;
      return object ? skip_name(scan) : OA_OK;
    }
    if (byte != (object ? '}' : ']')) {
      return oa_scan_wrong(
          scan, object ? "expected ',' or '}'" : "expected ',' or ']'");
    }
    scan->at++;
    n->depth--;
  }
  return OA_OK;
}

oa_status oa_scan_skip(oa_scan *scan) {
  nest n = {0};
  do {
    const uint8_t first = oa_scan_next(scan);
    if (first == '{' || first == '[') {
      OA_TRY(enter(scan, &n, first == '{'));
      if (oa_scan_next(scan) != (first == '{' ? '}' : ']')) {
        if (first == '{') {
          OA_TRY(skip_name(scan));
        }
        continue;
      }
    } else {
      OA_TRY(skip_scalar(scan, first));
    }
    OA_TRY(skip_to_next(scan, &n));
  } while (n.depth > 0);
  return OA_OK;
}
