/* SPDX-License-Identifier: Apache-2.0 */
/* c_data_lend.h - batches of an IPC reader that outlive it.
 *
 * A reader's columns point into its own memory, which it uses again for the
 * next batch.  A lender takes that memory out of the reader and makes it the
 * owner's of an exported array: nothing is copied but dictionaries, and these
 * once for all batches between which they stay the same.
 *
 * A lender belongs to one reader and one thread at a time; what it lends is
 * given back by any thread, also after the lender is freed.
 */
#ifndef OA_ARROW_C_DATA_LEND_H
#define OA_ARROW_C_DATA_LEND_H

#include "arrow/c_data.h"
#include "arrow/ipc_read.h"
#include "base/buf.h"

typedef struct oa_c_lender oa_c_lender;

/* READER has its schema and no purse, as what is lent is out of its hands; it
 * is borrowed until oa_c_lender_free(). OA_ERR_NOMEM. */
oa_status oa_c_lender_new(oa_c_lender **out, oa_ipc_reader *reader);
void oa_c_lender_free(oa_c_lender *lender);

/* Exports ROWS, whose columns are some of those that the reader is at, and
 * takes the batch out of it.  MESSAGE has the bytes that the batch was read
 * from; they go with it, and MESSAGE is left empty, when a column points into
 * them.  ROWS->dictionary is not used.  OA_ERR_NOMEM, then nothing was taken.
 */
oa_status oa_c_lender_export(oa_c_lender *lender, struct ArrowArray *out,
                             const oa_c_rows *rows, oa_buf *message);

#endif
