/* SPDX-License-Identifier: Apache-2.0 */
/* ipc_read.h - messages of the Arrow IPC streaming format to columns.
 *
 * Every byte is hostile: each flatbuffer offset, count and length is checked
 * before it is followed, and each array is validated before it is handed out
 * (offsets rise and stay inside, indices are inside their dictionary, buffers
 * hold what the lengths promise, UTF-8 is not checked).  Nothing is allocated
 * from a declared size before that size is compared with the limit.
 * A row whose value in its dictionary is null is handed out as null itself.
 *
 * One thread at a time.
 */
#ifndef OA_ARROW_IPC_READ_H
#define OA_ARROW_IPC_READ_H

#include <stddef.h>
#include <stdint.h>

#include "arrow/array.h"
#include "base/account.h"
#include "base/error.h"
#include "codec/codec.h"

typedef struct oa_ipc_reader oa_ipc_reader;

typedef struct oa_ipc_limits {
  size_t max_message; /* bytes of one message, metadata and body */
  size_t max_memory;  /* bytes decompressed or kept at a time */
  size_t max_fields;  /* fields of a schema, at all depths */
  unsigned max_depth; /* nesting of fields */
  oa_purse *purse;    /* borrowed; counts all memory; NULL = nobody does */
} oa_ipc_limits;

/* 1 GiB a message, 4 GiB of memory, 4,096 fields, depth 64. */
extern const oa_ipc_limits oa_ipc_limits_default;

typedef enum oa_ipc_event {
  OA_IPC_SCHEMA,
  OA_IPC_DICTIONARY,
  OA_IPC_BATCH,
  OA_IPC_EOS,
} oa_ipc_event;

oa_status oa_ipc_reader_new(oa_ipc_reader **out, const oa_ipc_limits *limits);
void oa_ipc_reader_free(oa_ipc_reader *reader);

/* The same with the decompression state of the caller, which several readers
 * may share that are used in turn; it is borrowed. */
oa_status oa_ipc_reader_new_with(oa_ipc_reader **out,
                                 const oa_ipc_limits *limits,
                                 oa_inflater *inflater);

/* Reads the one message at the start of BYTES, which stay the caller's and
 * must live until the next call (columns point into them).  On success *USED
 * is its length in BYTES and *EVENT its kind.
 * OA_ERR_TRUNCATED: BYTES end inside the message; *USED is then the number of
 * bytes needed as far as it is known.  OA_END: BYTES is empty.
 * OA_ERR_MALFORMED, OA_ERR_UNSUPPORTED, OA_ERR_LIMIT: ERROR says what. */
oa_status oa_ipc_read(oa_ipc_reader *reader, const uint8_t *bytes, size_t len,
                      size_t *used, oa_ipc_event *event, oa_error *error);

/* Like oa_ipc_read() for a message whose flatbuffer and body stand apart and
 * without a frame, as in Arrow Flight. */
oa_status oa_ipc_read_parts(oa_ipc_reader *reader, const uint8_t *header,
                            size_t header_len, const uint8_t *body,
                            size_t body_len, oa_ipc_event *event,
                            oa_error *error);

/* Length of the whole message at BYTES from its frame and its bodyLength
 * alone, without reading columns: the way to find where a torn file ends.
 * Statuses as oa_ipc_read(), with the default limit of a message; *EVENT says
 * the kind, *ROWS the rows of a RecordBatch (0 for the others). */
oa_status oa_ipc_skip(const uint8_t *bytes, size_t len, size_t *used,
                      oa_ipc_event *event, int64_t *rows, oa_error *error);

/* After OA_IPC_SCHEMA; lives as long as the reader. */
const oa_schema *oa_ipc_reader_schema(const oa_ipc_reader *reader);

/* The columns of the last OA_IPC_BATCH, valid until the next call that reads.
 */
const oa_array *oa_ipc_reader_columns(const oa_ipc_reader *reader,
                                      int64_t *rows);

/* Forgets the last batch and gives its memory back; schema and dictionaries
 * stay. */
void oa_ipc_reader_drop_batch(oa_ipc_reader *reader);

/* Bytes of memory that schema, dictionaries and the last batch take. */
size_t oa_ipc_reader_memory(const oa_ipc_reader *reader);

/* Sets another max_memory for the messages to come: for readers that have a
 * bound together. */
void oa_ipc_reader_set_max_memory(oa_ipc_reader *reader, size_t max_memory);

/* A number that is another one after a known dictionary was replaced, but not
 * when values were only added: what was derived from a dictionary's values
 * holds as long as it stays. */
uint64_t oa_ipc_reader_replacements(const oa_ipc_reader *reader);

/* Compression of the last batch's body. */
int oa_ipc_reader_codec(const oa_ipc_reader *reader);

#endif
