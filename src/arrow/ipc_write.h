/* SPDX-License-Identifier: Apache-2.0 */
/* ipc_write.h - columns to messages of the Arrow IPC streaming format.
 *
 * The writer makes whole messages and never touches a file: it hands back a
 * list of pieces that the caller writes in order (writev).  Uncompressed
 * column buffers are pointed at, not copied.  Every body buffer starts at a
 * multiple of 64 bytes and every message at a multiple of 8.  Offsets of
 * strings that begin behind 0, as those of a part of an array do, are written
 * as if they began there.
 * (Arrow columnar format, "Encapsulated message format"; Message.fbs.)
 *
 * One thread at a time.
 */
#ifndef OA_ARROW_IPC_WRITE_H
#define OA_ARROW_IPC_WRITE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "arrow/array.h"
#include "base/status.h"
#include "codec/codec.h"

typedef struct oa_ipc_writer oa_ipc_writer;

/* The bytes of the messages made by the last call.  They are valid until the
 * next call that makes some, and those of column buffers as long as the
 * arrays.  COUNT may be above IOV_MAX.
 */
typedef struct oa_ipc_pieces {
  const struct iovec *iov;
  size_t count;
  uint64_t size; /* sum of the lengths */
} oa_ipc_pieces;

/* SCHEMA is borrowed until oa_ipc_writer_free().  CODEC: NONE, LZ4, ZSTD.
 * A compressed buffer that does not shrink is stored as it is (-1). */
oa_status oa_ipc_writer_new(oa_ipc_writer **out, const oa_schema *schema,
                            oa_coding codec, int level);

/* The same with a DEFLATER of CODEC that several writers share; it is borrowed
 * until oa_ipc_writer_free().  NULL with OA_CODING_NONE. */
oa_status oa_ipc_writer_new_shared(oa_ipc_writer **out, const oa_schema *schema,
                                   oa_coding codec, oa_deflater *deflater);
void oa_ipc_writer_free(oa_ipc_writer *writer);

/* The Schema message that opens a stream. */
oa_status oa_ipc_write_schema(oa_ipc_writer *writer, oa_ipc_pieces *out);

/* One batch: a DictionaryBatch (whole, never delta) for each dictionary
 * column, then the RecordBatch.  COLUMNS are as many as the schema's fields,
 * all ROWS long; dictionary columns share no dictionary ids.  An array with
 * field->dictionary may have no dictionary when no value is valid. */
oa_status oa_ipc_write_batch(oa_ipc_writer *writer, const oa_array *columns,
                             int64_t rows, oa_ipc_pieces *out);

/* One batch of a stream whose dictionaries grow, for readers that take deltas.
 * SENT has, for each dictionary id (depth first in the schema), how many of
 * the dictionary's entries stand in the stream: what is behind them is sent as
 * a delta, none when there is nothing behind.  0 sends all entries in place of
 * those that may stand there; -1 says that the stream has no such dictionary
 * yet, so that an empty one is sent too.  The caller counts; a writer is used
 * with this call or with oa_ipc_write_batch(), never with both. */
oa_status oa_ipc_write_growing(oa_ipc_writer *writer, const oa_array *columns,
                               int64_t rows, const int64_t *sent,
                               oa_ipc_pieces *out);

/* Has body buffers start at multiples of ALIGN bytes instead: 8 or 64.  Many
 * small messages are smaller so. */
void oa_ipc_writer_set_align(oa_ipc_writer *writer, size_t align);

/* The block of a stream that is written in blocks. */
enum { OA_IPC_BLOCK = 4096 };

/* Has every batch end at a multiple of OA_IPC_BLOCK bytes of the stream, by
 * padding its body, which the format allows; the first one counts with the
 * Schema message before it.  Long uncompressed column buffers whose memory
 * begins at such a multiple do so in the stream as well.  For files that are
 * written in whole disk blocks.  Before the first batch. */
void oa_ipc_writer_set_blocks(oa_ipc_writer *writer);

/* Asks STOP before each column of a batch, also one inside a list: when it
 * says true the call returns OA_ERR_BUSY.  For long work that must be able to
 * end, or to rest, at any time. */
void oa_ipc_writer_set_stop(oa_ipc_writer *writer, bool (*stop)(void *context),
                            void *context);

/* Says that the pieces of the last batch stand in the stream: small
 * dictionaries that stay the same are then left out of the next one.  Without
 * this call each batch has all its dictionaries, so that a caller whose append
 * failed simply does not call it. */
void oa_ipc_writer_commit(oa_ipc_writer *writer);

/* The eight bytes that end a stream. */
void oa_ipc_write_end(oa_ipc_pieces *out);

#endif
