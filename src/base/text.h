/* SPDX-License-Identifier: Apache-2.0 */
/* text.h - UTF-8: is it valid, and what to store when it is not. */
#ifndef OA_BASE_TEXT_H
#define OA_BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"

/* True when the LEN bytes are well-formed UTF-8 (Unicode 15, table 3-7:
 * no surrogates, nothing overlong, nothing above U+10FFFF). */
bool oa_utf8_valid(const uint8_t *text, size_t len);

/* Appends TEXT with U+FFFD in place of each maximal ill-formed run, as
 * Unicode 15 section 3.9 recommends ("substitution of maximal subparts"). */
oa_status oa_utf8_repair(oa_buf *out, const uint8_t *text, size_t len);

#endif
