/* SPDX-License-Identifier: Apache-2.0 */
/* status.h - the one way a function here says that it failed.
 *
 * oa_status itself is public and stands in otlp_arrow_base.h; inside, this
 * header is the one to include.
 */
#ifndef OA_BASE_STATUS_H
#define OA_BASE_STATUS_H

#include "otlp_arrow_base.h"

/* Returns from the caller's function when EXPR is not OA_OK. */
#define OA_TRY(EXPR)                   \
  do {                                 \
    oa_status oa_try_status_ = (EXPR); \
    if (oa_try_status_ != OA_OK) {     \
      return oa_try_status_;           \
    }                                  \
  } while (0)

#endif
