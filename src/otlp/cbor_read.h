/* SPDX-License-Identifier: Apache-2.0 */
/* cbor_read.h - reads the CBOR of map and slice values, a token at a time.
 *
 * The subset of RFC 8949 that OpenTelemetry's Arrow format uses: 64-bit
 * integers, floats of any width, text, byte strings, true, false, null, and
 * arrays and maps of definite or indefinite length with text keys.  Tags,
 * chunked strings and other simple values are refused, as no sender writes
 * them.  The input is hostile: lengths, depth and nesting are checked.
 *
 * Any thread; a reader borrows its bytes and allocates nothing.
 */
#ifndef OA_OTLP_CBOR_READ_H
#define OA_OTLP_CBOR_READ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "otlp/otlp.h"

/* Open arrays and maps, one inside the other: those that a value may have,
 * and the list of attributes around it. */
enum { OA_CBOR_MAX_DEPTH = OA_OTLP_MAX_DEPTH + 1 };

typedef enum oa_cbor_kind {
  OA_CBOR_NULL,
  OA_CBOR_BOOL,
  OA_CBOR_INT,
  OA_CBOR_DOUBLE,
  OA_CBOR_TEXT,
  OA_CBOR_BYTES,
  OA_CBOR_ARRAY, /* its items follow, then OA_CBOR_CLOSE */
  OA_CBOR_MAP,   /* keys and values follow in turn, then OA_CBOR_CLOSE */
  OA_CBOR_KEY,   /* text: a key of the innermost map */
  OA_CBOR_CLOSE, /* ends the innermost array or map */
} oa_cbor_kind;

typedef struct oa_cbor_token {
  oa_cbor_kind kind;
  bool boolean;
  int64_t integer;
  uint64_t double_bits; /* bits, so that NaN payloads live */
  const uint8_t *bytes; /* TEXT, BYTES, KEY; borrows from the input */
  size_t len;
} oa_cbor_token;

typedef struct oa_cbor_level {
  uint64_t left; /* items to come; UINT64_MAX = until a break */
  bool map;
  bool want_value; /* in a map: a key stands before */
} oa_cbor_level;

typedef struct oa_cbor_reader {
  const uint8_t *at;
  const uint8_t *end;
  size_t depth;
  bool done;
  bool foreign;        /* also taken: text that is not UTF-8, as it is, and
                          "undefined" for null; to be set after init */
  size_t max_depth;    /* OA_CBOR_MAX_DEPTH at most; likewise */
  const char *problem; /* after a failure: what is wrong, for people */
  oa_cbor_level levels[OA_CBOR_MAX_DEPTH];
} oa_cbor_reader;

/* Prepares READER for the one value that BYTES hold. */
void oa_cbor_init(oa_cbor_reader *reader, const uint8_t *bytes, size_t len);

/* Reads the next token.  OA_END: the value is complete and no byte follows.
 * OA_ERR_TRUNCATED, OA_ERR_MALFORMED, OA_ERR_LIMIT (too deep): READER->problem
 * says more; the reader must not be used again. */
oa_status oa_cbor_next(oa_cbor_reader *reader, oa_cbor_token *out);

#endif
