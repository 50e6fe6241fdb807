/* SPDX-License-Identifier: Apache-2.0 */
/* json_scan.h - reads JSON text (RFC 8259) from bytes that someone else owns.
 *
 * A scan is a place in the text; each call reads one thing there and moves
 * behind it.  Nothing is allocated, copied or kept as a tree, and nothing
 * recurses.  The grammar is checked strictly: no comments, no trailing commas,
 * no byte order mark.  Whether strings are UTF-8 is not looked at here.
 *
 * Failures are OA_ERR_MALFORMED (and OA_ERR_LIMIT for nesting): AT then stands
 * where the text goes wrong, and PROBLEM says what was expected there.  When
 * AT is the end of the text, more of it might have mended it.
 */
#ifndef OA_WIRE_JSON_SCAN_H
#define OA_WIRE_JSON_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/inline.h"
#include "base/status.h"

/* Objects and arrays inside each other in a value that is skipped.  More than
 * anybody means; a bound, so that the scan needs no memory. */
enum { OA_SCAN_MAX_DEPTH = 1024 };

typedef struct oa_scan {
  const uint8_t *at;
  const uint8_t *end;
  const char *problem; /* a static text, after a failure */
} oa_scan;

/* A string without its quotes.  Escapes are checked and still in it. */
typedef struct oa_scan_text {
  const uint8_t *at;
  size_t len;
  bool escaped;
} oa_scan_text;

/* A number is DIGITS * 10^EXPONENT when EXACT, which it is unless it has more
 * than 19 significant digits; AT and LEN are its text. */
typedef struct oa_scan_number {
  const uint8_t *at;
  size_t len;
  uint64_t digits;
  int64_t exponent;
  bool negative;
  bool exact;
} oa_scan_number;

OA_INLINE oa_scan oa_scan_over(const uint8_t *text, size_t len) {
  return (oa_scan){.at = text, .end = len > 0 ? text + len : text};
}

/* Sets PROBLEM and returns OA_ERR_MALFORMED. */
OA_INLINE oa_status oa_scan_wrong(oa_scan *scan, const char *problem) {
  scan->problem = problem;
  return OA_ERR_MALFORMED;
}

/* Goes over white space and returns the byte that follows, 0 at the end. */
OA_INLINE uint8_t oa_scan_next(oa_scan *scan) {
  while (scan->at != scan->end) {
    const uint8_t byte = *scan->at;
    if (byte > ' ' ||
        (byte != ' ' && byte != '\n' && byte != '\r' && byte != '\t')) {
      return byte;
    }
    scan->at++;
  }
  return 0;
}

/* A string, whose opening quote stands at AT. */
oa_status oa_scan_string(oa_scan *scan, oa_scan_text *out);

/* A number, whose first byte stands at AT. */
oa_status oa_scan_number_at(oa_scan *scan, oa_scan_number *out);

/* The word WORD: true, false or null. */
oa_status oa_scan_word(oa_scan *scan, const char *word);

/* Any value, after white space. */
oa_status oa_scan_skip(oa_scan *scan);

#endif
