/* SPDX-License-Identifier: Apache-2.0 */
/* http1_impl.h - what the sources of http1.h share: character classes and the
 * lines of a head.  http1.c feeds lines and reads bodies, http1_head.c
 * understands lines, http1_put.c writes.  Nobody else includes this. */
#ifndef OA_NET_HTTP1_IMPL_H
#define OA_NET_HTTP1_IMPL_H

#include "net/http1.h"

/* token characters, RFC 9110 section 5.6.2. */
static inline bool oa_http1_is_token(uint8_t c) {
  /* One bit for each character below 128: 0-31, 32-63, 64-95, 96-127. */
  static const uint32_t set[4] = {0, 0x03FF6CFAu, 0xC7FFFFFEu, 0x57FFFFFFu};
  return c < 128 && ((set[c >> 5] >> (c & 31)) & 1) != 0;
}

/* Characters inside a field value, RFC 9110 section 5.5. */
static inline bool oa_http1_is_value(uint8_t c) {
  return (c >= 0x20 && c != 0x7F) || c == '\t';
}

/* Remembers the reason and returns false, for `return refuse(...)`. */
static inline bool oa_http1_refuse(oa_http1 *reader, unsigned status,
                                   const char *text) {
  reader->refusal = (oa_http1_refusal){status, text};
  return false;
}

/* LINE, LEN bytes without its CRLF, is the request line.  False: refused. */
bool oa_http1_request_line(oa_http1 *reader, char *line, size_t len);

/* The same for a field line. */
bool oa_http1_field_line(oa_http1 *reader, char *line, size_t len);

/* All fields are there: what they say together. */
bool oa_http1_head_end(oa_http1 *reader);

#endif
