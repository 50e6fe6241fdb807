/* SPDX-License-Identifier: Apache-2.0 */
/* ipc_write_impl.h - what the files of the IPC writer share. */
#ifndef OA_ARROW_IPC_WRITE_IMPL_H
#define OA_ARROW_IPC_WRITE_IMPL_H

#include "arrow/flat.h"
#include "arrow/ipc_format.h"
#include "arrow/ipc_write.h"

typedef struct oa_ipc_dict_kept oa_ipc_dict_kept;

/* How one buffer of each batch is compressed. */
typedef struct oa_ipc_choice {
  oa_shape shape;
  uint32_t stride;
  uint16_t batches; /* for which it still holds; 0 = choose anew */
  bool raw;         /* it does not shrink */
} oa_ipc_choice;

struct oa_ipc_writer {
  const oa_schema *schema;
  oa_coding codec;
  oa_deflater *deflater;
  bool shared;            /* the deflater is somebody else's */
  size_t align;           /* of body buffers */
  oa_buf meta;            /* frames and flatbuffers of all messages of a call */
  oa_buf body;            /* bytes of bodies that are not column memory */
  oa_buf trial;           /* compressed samples */
  oa_buf rebased;         /* offsets of an array that is part of another */
  oa_buf choices;         /* oa_ipc_choice, a buffer of the batch each */
  size_t choice_at;       /* of the buffer that comes next */
  size_t fan;             /* items a row of the list around; 0 = none */
  oa_buf pieces;          /* piece */
  oa_buf iov;             /* struct iovec, made of the pieces at the end */
  oa_buf nodes;           /* int64 pairs of the message being made */
  oa_buf buffers;         /* int64 pairs of the message being made */
  bool blocks;            /* calls end where one of the stream does */
  bool in_blocks;         /* the body being made has to begin with one */
  size_t schema_size;     /* bytes of the Schema message */
  bool begun;             /* the stream holds the schema and a batch */
  uint64_t body_at;       /* bytes of the body of the message being made */
  oa_ipc_dict_kept *kept; /* a dictionary id each */
  size_t dict_count;
  bool (*stop)(void *context); /* NULL: nobody wants to */
  void *stop_context;
};

/* Ends a message in META whose flatbuffer is complete: pads it and fills in
 * the frame that stands at FRAME. */
oa_status oa_ipc_end_frame(oa_buf *meta, size_t frame);

/* Writes a Message table over HEADER_TYPE and links ROOT to it; gives the slot
 * of the header. */
size_t oa_ipc_put_message(oa_flat_builder *flat, size_t root, int header_type,
                          uint64_t body_length);

/* Which message it is. */
typedef struct oa_ipc_kind {
  int64_t dictionary; /* its id, or negative: a RecordBatch */
  bool delta;
} oa_ipc_kind;

/* Puts the frame and flatbuffer of the message whose nodes, buffers and body
 * length stand in WRITER behind META. */
oa_status oa_ipc_put_header(oa_ipc_writer *writer, int64_t rows,
                            oa_ipc_kind kind);

/* Appends the framed Schema message of SCHEMA to OUT. */
oa_status oa_ipc_put_schema(const oa_schema *schema, oa_buf *out);

/* --- the body (ipc_body.c) --- */

/* Adds the buffers and nodes of ARRAY and of its children; those of its
 * values when INDICES is false, those of its dictionary indices otherwise. */
oa_status oa_ipc_put_array(oa_ipc_writer *writer, const oa_field *field,
                           const oa_array *array);

/* Lengthens the body by LEN zero bytes. */
oa_status oa_ipc_put_zeros(oa_ipc_writer *writer, size_t len);

/* Where bytes of a message come from until the buffers stop moving. */
typedef enum oa_ipc_source {
  OA_IPC_META,
  OA_IPC_BODY,
  OA_IPC_OUTSIDE
} oa_ipc_source;

typedef struct oa_ipc_piece {
  oa_ipc_source source;
  size_t at;           /* in META or BODY */
  const void *outside; /* with OUTSIDE */
  size_t len;
} oa_ipc_piece;

oa_status oa_ipc_put_piece(oa_ipc_writer *writer, oa_ipc_piece piece);

#endif
