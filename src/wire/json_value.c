/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/json_value.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
  /* No double needs more significant digits than 767 to be rounded right
   * (half of the smallest one); behind them only "more than 0" counts. */
  DOUBLE_DIGITS = 780,
  DOUBLE_TEXT = DOUBLE_DIGITS + 32,
  EXACT_POWERS = 22, /* 10^22 is the last power of ten that is a double */
  REPLACEMENT = 0xFFFD,
};

static const char not_integral[] = "the number is not an integer";
static const char out_of_range[] = "the number is out of range";

/* --- strings --- */

static unsigned hex_digit(uint8_t byte) {
  return byte <= '9' ? byte - 0x30U : (byte | 0x20U) - 0x61U + 10U;
}

static uint32_t hex_code(const uint8_t *at) {
  return hex_digit(at[0]) << 12 | hex_digit(at[1]) << 8 |
         hex_digit(at[2]) << 4 | hex_digit(at[3]);
}

static uint8_t *put_utf8(uint8_t *out, uint32_t code) {
  if (code < 0x80) {
    *out++ = (uint8_t)code;
    return out;
  }
  if (code < 0x800) {
    *out++ = (uint8_t)(0xC0 | code >> 6);
  } else if (code < 0x10000) {
    *out++ = (uint8_t)(0xE0 | code >> 12);
    *out++ = (uint8_t)(0x80 | (code >> 6 & 0x3F));
  } else {
    *out++ = (uint8_t)(0xF0 | code >> 18);
    *out++ = (uint8_t)(0x80 | (code >> 12 & 0x3F));
    *out++ = (uint8_t)(0x80 | (code >> 6 & 0x3F));
  }
  *out++ = (uint8_t)(0x80 | (code & 0x3F));
  return out;
}

static uint32_t short_escape(uint8_t byte) {
  switch (byte) {
    case 'b':
      return '\b';
    case 'f':
      return '\f';
    case 'n':
      return '\n';
    case 'r':
      return '\r';
    case 't':
      return '\t';
    default:
      return byte;
  }
}

/* The character of the escape at *AT, which moves behind it. */
static uint32_t take_escape(const uint8_t **at, const uint8_t *end) {
  const uint8_t *escape = *at;
  if (escape[1] != 'u') {
    *at += 2;
    return short_escape(escape[1]);
  }
  *at += 6;
  const uint32_t code = hex_code(escape + 2);
  if (code < 0xD800 || code > 0xDFFF) {
    return code;
  }
  if (code < 0xDC00 && end - *at >= 6 && (*at)[0] == '\\' && (*at)[1] == 'u') {
    const uint32_t low = hex_code(*at + 2);
    if (low >= 0xDC00 && low <= 0xDFFF) {
      *at += 6;
      return 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
    }
  }
  return REPLACEMENT;
}

size_t oa_scan_unescape(const oa_scan_text *text, uint8_t *out) {
  const uint8_t *at = text->at;
  const uint8_t *const end = at + text->len;
  const uint8_t *const start = out;

  while (at != end) {
    const uint8_t *escape = memchr(at, '\\', (size_t)(end - at));
    const size_t plain = (size_t)((escape == NULL ? end : escape) - at);
    memmove(out, at, plain);
    out += plain;
    at += plain;
    if (escape != NULL) {
      out = put_utf8(out, take_escape(&at, end));
    }
  }
  return (size_t)(out - start);
}

bool oa_scan_hex(const uint8_t *text, size_t len, uint8_t *out) {
  /* The value of each byte as a digit, plus one; 0 = it is none. */
  static const uint8_t values[256] = {
      ['0'] = 1,  ['1'] = 2,  ['2'] = 3,  ['3'] = 4,  ['4'] = 5,  ['5'] = 6,
      ['6'] = 7,  ['7'] = 8,  ['8'] = 9,  ['9'] = 10, ['a'] = 11, ['b'] = 12,
      ['c'] = 13, ['d'] = 14, ['e'] = 15, ['f'] = 16, ['A'] = 11, ['B'] = 12,
      ['C'] = 13, ['D'] = 14, ['E'] = 15, ['F'] = 16};
  if (len % 2 != 0) {
    return false;
  }
  for (size_t i = 0; i < len; i += 2) {
    const unsigned high = values[text[i]];
    const unsigned low = values[text[i + 1]];
    if (high == 0 || low == 0) {
      return false;
    }
    out[i / 2] = (uint8_t)((high - 1) << 4 | (low - 1));
  }
  return true;
}

static int base64_digit(uint8_t byte) {
  if (byte >= 'A' && byte <= 'Z') {
    return byte - 'A';
  }
  if (byte >= 'a' && byte <= 'z') {
    return byte - 'a' + 26;
  }
  if (byte >= '0' && byte <= '9') {
    return byte - '0' + 52;
  }
  if (byte == '+' || byte == '-') {
    return 62;
  }
  return byte == '/' || byte == '_' ? 63 : -1;
}

bool oa_scan_base64(const uint8_t *text, size_t len, uint8_t *out,
                    size_t *out_len) {
  uint32_t bits = 0;
  size_t written = 0;

  if (len % 4 == 0 && len > 0 && text[len - 1] == '=') {
    len -= text[len - 2] == '=' ? 2 : 1;
  }
  if (len % 4 == 1) {
    return false;
  }
  for (size_t i = 0; i < len; i++) {
    const int digit = base64_digit(text[i]);
    if (digit < 0) {
      return false;
    }
    bits = bits << 6 | (uint32_t)digit;
    if (i % 4 != 0) { /* the digits of a group end 1, 2 and 3 bytes */
      out[written++] = (uint8_t)(bits >> (6 - 2 * (i % 4)));
    }
  }
  *out_len = written;
  return true;
}

/* --- numbers --- */

/* A number with more digits than the scan keeps is an integer of 64 bits only
 * when it has 20 of them and nothing behind the point. */
static const char *long_integer(const oa_scan_number *number, uint64_t *out) {
  enum { KEPT = 19 };
  unsigned seen = 0; /* significant digits */
  unsigned last = 0; /* the twentieth */

  if (number->exponent < 1) {
    return not_integral;
  }
  if (number->exponent > 1) {
    return out_of_range;
  }
  for (size_t i = 0; i < number->len; i++) {
    const uint8_t byte = number->at[i];
    if ((byte | 0x20) == 'e') {
      break;
    }
    if (byte < '0' || byte > '9' || (seen == 0 && byte == '0')) {
      continue;
    }
    if (seen > KEPT && byte != '0') {
      return not_integral;
    }
    last = seen++ == KEPT ? byte - (unsigned)'0' : last;
  }
  if (__builtin_mul_overflow(number->digits, 10, out) ||
      __builtin_add_overflow(*out, last, out)) {
    return out_of_range;
  }
  return NULL;
}

/* Without its sign. */
static const char *magnitude(const oa_scan_number *number, uint64_t *out) {
  uint64_t value = number->digits;

  if (!number->exact) {
    return long_integer(number, out);
  }
  int64_t exponent = value == 0 ? 0 : number->exponent;
  for (; exponent < 0; exponent++) {
    if (value % 10 != 0) {
      return not_integral;
    }
    value /= 10;
  }
  for (; exponent > 0; exponent--) {
    if (__builtin_mul_overflow(value, 10, &value)) {
      return out_of_range;
    }
  }
  *out = value;
  return NULL;
}

const char *oa_scan_uint64(const oa_scan_number *number, uint64_t *out) {
  uint64_t value = 0;
  const char *problem = magnitude(number, &value);
  if (problem == NULL && number->negative && value != 0) {
    problem = out_of_range;
  }
  if (problem == NULL) {
    *out = value;
  }
  return problem;
}

const char *oa_scan_int64(const oa_scan_number *number, int64_t *out) {
  uint64_t value = 0;
  const char *problem = magnitude(number, &value);
  if (problem == NULL && value > (uint64_t)INT64_MAX + number->negative) {
    problem = out_of_range;
  }
  if (problem == NULL) {
    *out = (int64_t)(number->negative ? 0 - value : value);
  }
  return problem;
}

/* Asks the C library.  The text that it gets has no point, because what that
 * looks like depends on the process's locale. */
static double slow_double(const oa_scan_number *number) {
  enum { KEPT = 19, LARGEST = 20000 };
  char text[DOUBLE_TEXT];
  size_t len = 0;
  bool more = false;

  for (size_t i = 0; i < number->len; i++) {
    const uint8_t byte = number->at[i];
    if ((byte | 0x20) == 'e') {
      break;
    }
    if (byte < '0' || byte > '9' || (len == 0 && byte == '0')) {
      continue;
    }
    if (len < DOUBLE_DIGITS) {
      text[len++] = (char)byte;
    } else {
      more = more || byte != '0';
    }
  }
  int64_t exponent = number->exponent;
  if (!number->exact) {
    if (more) {
      text[len++] = '1';
    }
    exponent -= (int64_t)len - KEPT;
  } else {
    /* Zeros that the scan left in the exponent are not repeated. */
    len = (size_t)snprintf(text, sizeof text, "%llu",
                           (unsigned long long)number->digits);
  }
  exponent = exponent > LARGEST    ? LARGEST
             : exponent < -LARGEST ? -LARGEST
                                   : exponent;
  snprintf(text + len, sizeof text - len, "e%d", (int)exponent);
  return strtod(text, NULL);
}

const char *oa_scan_double(const oa_scan_number *number, double *out) {
  static const double powers[EXACT_POWERS + 1] = {
      1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
      1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
  const uint64_t most = UINT64_C(1) << 53;
  const int64_t exponent = number->exponent;
  double value;

  /* Both factors are doubles, so one operation rounds once, which is right. */
  if (number->exact && number->digits <= most && exponent >= -EXACT_POWERS &&
      exponent <= EXACT_POWERS) {
    value = (double)number->digits;
    value = exponent < 0 ? value / powers[-exponent] : value * powers[exponent];
  } else {
    value = number->digits == 0 ? 0 : slow_double(number);
  }
  if (isinf(value)) {
    return out_of_range;
  }
  *out = number->negative ? -value : value;
  return NULL;
}
