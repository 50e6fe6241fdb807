/* SPDX-License-Identifier: Apache-2.0 */
/* ipc_form.h - whether a message stands as our writer would have laid it out.
 *
 * Arrow has no checksums.  But our writer leaves nothing to chance: from what
 * a message says there follows every byte of its metadata, where each buffer
 * lies and how long it is, and that all bytes between them are 0.  So any
 * damage outside of the values themselves shows.
 *
 * Messages of other writers are valid all the same; ask only about files that
 * begin as ours do.  One thread at a time.
 */
#ifndef OA_ARROW_IPC_FORM_H
#define OA_ARROW_IPC_FORM_H

#include "arrow/ipc_read.h"
#include "base/buf.h"

/* MESSAGE is the whole message of LEN bytes that READER has just read with
 * OA_OK.  *WHY is NULL when it has our form, else a static text of what
 * differs.  *DICTIONARY, -1 at first, goes from call to call: dictionaries
 * stand in the order of their ids before the batch.  SCRATCH may hold anything
 * before and after.  OA_ERR_NOMEM. */
oa_status oa_ipc_form_check(const oa_ipc_reader *reader, const uint8_t *message,
                            size_t len, oa_buf *scratch, int64_t *dictionary,
                            const char **why);

/* The bytes that our writer begins a stream of SCHEMA with, appended to OUT.
 * OA_ERR_NOMEM. */
oa_status oa_ipc_form_schema(const oa_schema *schema, oa_buf *out);

#endif
