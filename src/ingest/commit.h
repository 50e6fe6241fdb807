/* SPDX-License-Identifier: Apache-2.0 */
/* commit.h - the fate of one batch that senders wait for.
 *
 * An I/O thread makes it with the batch's first waiting request and frees it
 * when it is over.  The writer thread looks at it from oa_writer_submit() until
 * it says FINISHED or FAILED, and never after.
 */
#ifndef OA_INGEST_COMMIT_H
#define OA_INGEST_COMMIT_H

#include <stdatomic.h>

#include "base/error.h"
#include "ingest/ack.h"

typedef enum oa_commit_state {
  OA_COMMIT_WAITS,
  OA_COMMIT_WRITTEN,  /* in the file, and fsync is still to come */
  OA_COMMIT_FINISHED, /* as safe as its highest level asks for */
  OA_COMMIT_FAILED,
} oa_commit_state;

typedef struct oa_commit {
  _Atomic oa_commit_state state;
  char why[OA_ERROR_TEXT_SIZE]; /* with FAILED, written before it */

  /* The I/O thread's own. */
  oa_ack level;       /* the highest that one of WAITS asks for */
  oa_ack_wait *waits; /* the newest first */
  struct oa_commit *next;
} oa_commit;

#endif
