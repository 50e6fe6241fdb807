/* SPDX-License-Identifier: Apache-2.0 */
/* error.h - the sentence that goes with a status.
 *
 * The lowest layer that knows what is wrong writes the text once; the layers
 * above carry the pointer and at most put a place in front of it.  Every
 * parameter of type oa_error pointer may be NULL.  The struct itself is
 * public and stands in otlp_arrow_base.h.
 */
#ifndef OA_BASE_ERROR_H
#define OA_BASE_ERROR_H

#include "base/status.h"

/* Fills ERROR and returns CODE, so that a caller can write
 * `return oa_error_set(error, OA_ERR_LIMIT, "...")`. */
oa_status oa_error_set(oa_error *error, oa_status code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Puts a place such as "config.yaml:3" and ": " in front of the text. */
void oa_error_prefix(oa_error *error, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
