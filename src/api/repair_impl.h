/* SPDX-License-Identifier: Apache-2.0 */
/* repair_impl.h - what is to be done with one file, and doing it.
 *
 * The plan is made by reading alone, so that a dry run says what a run does.
 * Doing it is safe at every instant: a cut takes only bytes that belong to no
 * whole batch; everything else is written beside, checked, made durable and
 * renamed over, while the old file gets its other name first.
 */
#ifndef OA_API_REPAIR_IMPL_H
#define OA_API_REPAIR_IMPL_H

#include <limits.h>

#include "api/verify_impl.h"
#include "base/buf.h"

typedef enum oa_mend {
  OA_MEND_NOTHING, /* it is whole */
  OA_MEND_CUT,     /* cut the end off, when there is some, and end it */
  OA_MEND_REWRITE, /* a new file up to the damage; the old one goes aside */
  OA_MEND_SCHEMA,  /* the same, with the schema that it must have had */
  OA_MEND_ASIDE,   /* nothing in it can be read: it goes aside */
  OA_MEND_LEAVE,   /* it can be read, but is not what it should be */
} oa_mend;

typedef struct oa_mend_plan {
  oa_mend mend;
  oa_check found;                /* with SCHEMA: as if it had the right one */
  uint64_t offset;               /* of the first damage */
  uint64_t batch;                /* its number, or 0 */
  char what[OA_ERROR_TEXT_SIZE]; /* it is; "" = the file only ends too soon */
  oa_buf head;                   /* SCHEMA: the message */
} oa_mend_plan;

/* Reads the file open as FD.  The plan is freed with oa_mend_plan_free().
 * OA_ERR_IO, OA_ERR_NOMEM. */
oa_status oa_mend_plan_make(oa_mend_plan *out, int fd, oa_signal signal,
                            oa_error *error);
void oa_mend_plan_free(oa_mend_plan *plan);

/* Does it.  FD is the file PATH, open for reading and writing.  ASIDE is where
 * the old file stands now, or "".  OA_ERR_IO, OA_ERR_NOMEM: the file is as it
 * was. */
oa_status oa_mend_do(const oa_mend_plan *plan, int fd, const char *path,
                     char aside[PATH_MAX], oa_error *error);

/* Makes the names in the directory of PATH durable.  OA_ERR_IO. */
oa_status oa_mend_sync_names(const char *path, oa_error *error);

#endif
