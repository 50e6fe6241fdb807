/* SPDX-License-Identifier: Apache-2.0 */
/* strided.h - zstd frames for columns of numbers.
 *
 * Offsets, times and dictionary indices differ from their neighbors in the low
 * bytes only.  A general match finder does not see that, as the equal runs are
 * of three or four bytes; but the distance of the match is known beforehand.
 * So the matches are listed here, and zstd only encodes them (RFC 8878).
 *
 * Private to codec/.  One thread at a time.
 */
#ifndef OA_CODEC_STRIDED_H
#define OA_CODEC_STRIDED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

typedef struct oa_strided oa_strided;

oa_status oa_strided_new(oa_strided **out);
void oa_strided_free(oa_strided *strided);

/* Appends one whole frame.  STRIDE is at least 1.  WHOLE: values of STRIDE
 * bytes (at least 8, a divisor of 128 KiB) that equal one shortly before or
 * none at all, such as ids. */
oa_status oa_strided_deflate(oa_strided *strided, const uint8_t *in, size_t len,
                             size_t stride, bool whole, oa_buf *out);

#endif
