/* SPDX-License-Identifier: Apache-2.0 */
/* ipc_read_impl.h - what the files of the IPC reader share. */
#ifndef OA_ARROW_IPC_READ_IMPL_H
#define OA_ARROW_IPC_READ_IMPL_H

#include <stdbool.h>

#include "arrow/flat.h"
#include "arrow/ipc_format.h"
#include "arrow/ipc_read.h"
#include "base/arena.h"
#include "codec/codec.h"

/* A dictionary as it stands in the stream.  Its bytes are the reader's own,
 * as it outlives its message, and grow in place with deltas. */
typedef struct oa_ipc_dict {
  int64_t id;
  oa_field values;  /* the field without its dictionary */
  bool known;       /* a DictionaryBatch was read */
  uint64_t version; /* another one whenever the values change */
  oa_buf validity;  /* one bit a value once any value is null */
  oa_buf offsets;
  oa_buf bytes;
  oa_array array; /* over the buffers */
} oa_ipc_dict;

enum { OA_IPC_NO_DICT = -1 };

struct oa_ipc_reader {
  oa_ipc_limits limits;
  oa_inflater *inflater;
  bool shares_inflater; /* it is the caller's */

  bool has_schema;
  oa_arena schema_arena;
  oa_schema schema;
  size_t field_total;
  int32_t *dict_of; /* for each field, depth first: index in DICTS or none */
  oa_ipc_dict *dicts;
  size_t dict_count;
  size_t dict_bytes; /* that all dictionaries hold */
  uint64_t replacements;

  oa_arena batch_arena;
  oa_array *columns; /* NULL: no batch was read */
  int64_t rows;
  oa_coding codec;
};

/* A message whose frame and Message table are checked. */
typedef struct oa_ipc_message {
  oa_ipc_event event;
  size_t size;        /* with its frame; 0 when there was none */
  size_t meta_at;     /* where the flatbuffer starts */
  size_t meta_len;    /* of the flatbuffer */
  uint64_t body_len;  /* as the message says */
  oa_flat_table head; /* Schema, DictionaryBatch or RecordBatch */
} oa_ipc_message;

/* --- frames (ipc_frame.c) --- */

/* Finds the one message at the start of BYTES; see oa_ipc_read(). */
oa_status oa_ipc_frame(const uint8_t *bytes, size_t len, size_t max_message,
                       oa_ipc_message *out, oa_error *error);

/* Reads the Message table alone. */
oa_status oa_ipc_header(const uint8_t *meta, size_t len, oa_ipc_message *out,
                        oa_error *error);

/* Reads the RecordBatch table BATCH: rows, and that its buffers are inside
 * BODY_LEN bytes and do not overlap so much that they sum up to more. */
oa_status oa_ipc_batch_table(const oa_flat_table *batch, uint64_t body_len,
                             int64_t *rows, oa_flat_vector *nodes,
                             oa_flat_vector *buffers, oa_error *error);

/* --- schema (ipc_schema_read.c) --- */

/* Fills the reader's schema, fields and dictionaries from a Schema table. */
oa_status oa_ipc_read_schema(oa_ipc_reader *reader, const oa_flat_table *head,
                             size_t meta_len, oa_error *error);

/* --- arrays (ipc_array_read.c) --- */

typedef struct oa_ipc_walk {
  oa_ipc_reader *reader;
  oa_flat_vector nodes;
  oa_flat_vector buffers;
  size_t next_node;
  size_t next_buffer;
  size_t next_field; /* depth-first number, for dict_of */
  oa_coding codec;
  const uint8_t *body;
  oa_error *error;
} oa_ipc_walk;

/* Reads the compression and opens a walk over a RecordBatch table. */
oa_status oa_ipc_walk_open(oa_ipc_walk *walk, oa_ipc_reader *reader,
                           const oa_flat_table *batch, const uint8_t *body,
                           uint64_t body_len, int64_t *rows, oa_error *error);

/* Reads the next array and its children into memory of the batch arena or of
 * the body. */
oa_status oa_ipc_walk_array(oa_ipc_walk *walk, const oa_field *field,
                            oa_array *out);

/* All nodes and buffers must have been used. */
oa_status oa_ipc_walk_close(oa_ipc_walk *walk);

/* --- dictionaries (ipc_dict_read.c) --- */

oa_status oa_ipc_read_dictionary(oa_ipc_reader *reader,
                                 const oa_ipc_message *message,
                                 const uint8_t *body, oa_error *error);

void oa_ipc_dict_reset(oa_ipc_dict *dict);

/* --- checks (ipc_validate.c) --- */

/* Null bits among the first LENGTH. */
int64_t oa_ipc_count_nulls(const uint8_t *bits, int64_t length);

/* LENGTH + 1 offsets that never fall and stay in [0, END]. */
bool oa_ipc_offsets32_valid(const int32_t *offsets, int64_t length,
                            int64_t end);
bool oa_ipc_offsets64_valid(const int64_t *offsets, int64_t length,
                            int64_t end);

/* Each index of a valid row is inside a dictionary of COUNT values. */
bool oa_ipc_indices_valid(const oa_array *array, oa_type type, int64_t count);

/* Index I, which is known to be valid. */
int64_t oa_ipc_index(const void *indices, oa_type type, int64_t i);

/* Makes rows of ARRAY null whose value in the dictionary is.  The indices of
 * TYPE are valid; BITS has room for a bit a row. */
void oa_ipc_fold_nulls(oa_array *array, oa_type type, uint8_t *bits);

#endif
