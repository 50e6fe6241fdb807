/* SPDX-License-Identifier: Apache-2.0 */
/* ipc_file.h - batches to an Arrow IPC file, the format for random access.
 *
 * Such a file is the messages of a stream between two marks, with a footer
 * that says where each is.  Only one dictionary a column is allowed, so the
 * indices of all batches are renumbered and the dictionaries written last,
 * which the format allows.  (Arrow columnar format, "IPC File Format";
 * File.fbs.)
 *
 * One thread at a time.  Each call appends bytes to a buffer of the caller,
 * who writes them in order.
 */
#ifndef OA_ARROW_IPC_FILE_H
#define OA_ARROW_IPC_FILE_H

#include "arrow/array.h"
#include "base/buf.h"
#include "base/error.h"
#include "codec/codec.h"

typedef struct oa_ipc_file oa_ipc_file;

/* SCHEMA is borrowed until oa_ipc_file_free().  OA_ERR_UNSUPPORTED: a
 * dictionary column is not of text or binary with int32 indices. */
oa_status oa_ipc_file_new(oa_ipc_file **out, const oa_schema *schema,
                          oa_coding codec, int level, oa_error *error);
void oa_ipc_file_free(oa_ipc_file *file);

/* The mark and the schema; once, before all batches. */
oa_status oa_ipc_file_begin(oa_ipc_file *file, oa_buf *out, oa_error *error);

/* One batch of ROWS rows. */
oa_status oa_ipc_file_batch(oa_ipc_file *file, const oa_array *columns,
                            int64_t rows, oa_buf *out, oa_error *error);

/* The dictionaries, the footer and the mark; once, at the end. */
oa_status oa_ipc_file_end(oa_ipc_file *file, oa_buf *out, oa_error *error);

#endif
