/* SPDX-License-Identifier: Apache-2.0 */
/* load.h - brings the messages of a stream file into memory, one at a time.
 *
 * By pread(2), not by mapping: a file that shrinks meanwhile must not end the
 * process.  Memory is asked for what is there, not for what a message claims.
 * One buffer is used by one thread at a time.
 */
#ifndef OA_STORE_LOAD_H
#define OA_STORE_LOAD_H

#include "arrow/ipc_read.h"
#include "base/buf.h"

typedef struct oa_loaded {
  size_t len;
  oa_ipc_event event;
  int64_t rows; /* of a record batch */
} oa_loaded;

/* Brings the message at byte AT of FD into BUF, whole, in place of what BUF
 * had.  OA_END: nothing stands there; OA_ERR_TRUNCATED: not all of it does;
 * neither is a failure, so both leave ERROR as it is.  OA_ERR_IO,
 * OA_ERR_NOMEM; OA_ERR_MALFORMED and others: no message stands there. */
oa_status oa_load_message(int fd, uint64_t at, oa_buf *buf, oa_loaded *out,
                          oa_error *error);

#endif
