/* SPDX-License-Identifier: Apache-2.0 */
/* refuse.h - what every call of the public API says when a pointer that it
 * needs is NULL: one sentence, so that a program may look for it.
 */
#ifndef OA_API_REFUSE_H
#define OA_API_REFUSE_H

#include "base/error.h"

/* Returns OA_ERR_CONFIG. */
static inline oa_status oa_refuse_null(oa_error *error) {
  return oa_error_set(error, OA_ERR_CONFIG,
                      "a parameter is NULL that must not be");
}

#endif
