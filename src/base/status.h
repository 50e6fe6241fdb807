/* SPDX-License-Identifier: Apache-2.0 */
/* status.h - the one way a function here says that it failed. */
#ifndef OA_BASE_STATUS_H
#define OA_BASE_STATUS_H

typedef enum oa_status {
  OA_OK = 0,
  OA_ERR_NOMEM = -1,
  OA_ERR_TRUNCATED = -2,   /* the input ends inside a value */
  OA_ERR_MALFORMED = -3,   /* the input can never become valid */
  OA_ERR_LIMIT = -4,       /* a configured bound would be passed */
  OA_ERR_BUSY = -5,        /* nothing is wrong: try again later */
  OA_ERR_IO = -6,          /* the operating system refused */
  OA_ERR_CONFIG = -7,      /* what the user asked for makes no sense */
  OA_ERR_UNSUPPORTED = -8, /* valid, but not understood here */
  OA_ERR_NOT_FOUND = -9,   /* a file or name that is not there */
  OA_END = -10,            /* no more items; not a failure */
} oa_status;

/* Returns from the caller's function when EXPR is not OA_OK. */
#define OA_TRY(EXPR)                   \
  do {                                 \
    oa_status oa_try_status_ = (EXPR); \
    if (oa_try_status_ != OA_OK) {     \
      return oa_try_status_;           \
    }                                  \
  } while (0)

/* A static text for STATUS, in lower case and without a full stop. */
const char *oa_status_text(oa_status status);

#endif
