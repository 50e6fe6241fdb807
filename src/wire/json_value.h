/* SPDX-License-Identifier: Apache-2.0 */
/* json_value.h - what the strings and numbers of a JSON text mean.
 *
 * Works on what json_scan.h has found and checked.  Any thread.
 */
#ifndef OA_WIRE_JSON_VALUE_H
#define OA_WIRE_JSON_VALUE_H

#include "wire/json_scan.h"

/* Writes TEXT without its escapes to OUT, which has room for TEXT's length,
 * and returns how long it is.  OUT may be where TEXT is.  Half of a surrogate
 * pair alone stands for no character and becomes U+FFFD. */
size_t oa_scan_unescape(const oa_scan_text *text, uint8_t *out);

/* NUMBER as an integer, also when it is written with a point or an exponent.
 * Both return NULL, or a static text that says why it is none; *OUT is then
 * not written. */
const char *oa_scan_uint64(const oa_scan_number *number, uint64_t *out);
const char *oa_scan_int64(const oa_scan_number *number, int64_t *out);

/* The double nearest to NUMBER.  Also NULL, or why there is none. */
const char *oa_scan_double(const oa_scan_number *number, double *out);

/* Decodes LEN hex digits of either case to OUT, which has room for half as
 * many bytes and may be where TEXT is.  False: one is none, or LEN is odd. */
bool oa_scan_hex(const uint8_t *text, size_t len, uint8_t *out);

/* Decodes base64 of the standard or the URL-safe alphabet (RFC 4648), with or
 * without padding, to OUT, which has room for LEN bytes and may be where TEXT
 * is; *OUT_LEN says how many there are.  False: it is no base64. */
bool oa_scan_base64(const uint8_t *text, size_t len, uint8_t *out,
                    size_t *out_len);

#endif
