/* SPDX-License-Identifier: Apache-2.0 */
/* ipc_format.h - numbers of the Arrow IPC format that reader and writer share.
 *
 * From Message.fbs and Schema.fbs of the Arrow columnar format, version 1.x.
 * For the ipc_*.c files only.
 */
#ifndef OA_ARROW_IPC_FORMAT_H
#define OA_ARROW_IPC_FORMAT_H

#include <stdint.h>

/* A message: this word, the length of the metadata, metadata, body. */
enum { OA_IPC_PREFIX = 8, OA_IPC_ALIGN = 64 };
#define OA_IPC_CONTINUATION UINT32_C(0xffffffff)

/* In a stream of whole blocks uncompressed buffers of so many may begin with
 * one, which is beyond what the format asks for. */
enum { OA_IPC_OWN_BLOCKS = 16 };

enum { OA_IPC_V4 = 3, OA_IPC_V5 = 4 };

/* Message.header_type */
enum {
  OA_IPC_HEADER_SCHEMA = 1,
  OA_IPC_HEADER_DICTIONARY = 2,
  OA_IPC_HEADER_BATCH = 3,
};

/* Field ids. */
enum {
  OA_MESSAGE_VERSION,
  OA_MESSAGE_HEADER_TYPE,
  OA_MESSAGE_HEADER,
  OA_MESSAGE_BODY_LENGTH,
  OA_MESSAGE_SLOTS
};
enum {
  OA_SCHEMA_ENDIANNESS,
  OA_SCHEMA_FIELDS,
  OA_SCHEMA_METADATA,
  OA_SCHEMA_SLOTS
};
enum {
  OA_FIELD_NAME,
  OA_FIELD_NULLABLE,
  OA_FIELD_TYPE_TYPE,
  OA_FIELD_TYPE,
  OA_FIELD_DICTIONARY,
  OA_FIELD_CHILDREN,
  OA_FIELD_METADATA,
  OA_FIELD_SLOTS
};
enum { OA_PAIR_KEY, OA_PAIR_VALUE, OA_PAIR_SLOTS };
enum {
  OA_ENCODING_ID,
  OA_ENCODING_INDEX_TYPE,
  OA_ENCODING_ORDERED,
  OA_ENCODING_KIND
};
enum {
  OA_BATCH_LENGTH,
  OA_BATCH_NODES,
  OA_BATCH_BUFFERS,
  OA_BATCH_COMPRESSION,
  OA_BATCH_SLOTS
};
enum {
  OA_DICTIONARY_ID,
  OA_DICTIONARY_DATA,
  OA_DICTIONARY_IS_DELTA,
  OA_DICTIONARY_SLOTS
};
enum { OA_COMPRESSION_CODEC, OA_COMPRESSION_METHOD };
enum { OA_COMPRESSION_LZ4 = 0, OA_COMPRESSION_ZSTD = 1 };

/* FieldNode {length, null_count} and Buffer {offset, length}: two int64. */
enum { OA_IPC_PAIR_SIZE = 16 };

/* Compressed buffers start with their length as int64; this one says that the
 * bytes after it are as they are. */
enum { OA_IPC_LENGTH_SIZE = 8, OA_IPC_NOT_COMPRESSED = -1 };

/* Field.type_type: the union Type. */
enum {
  OA_CODE_NULL = 1,
  OA_CODE_INT = 2,
  OA_CODE_FLOAT = 3,
  OA_CODE_BINARY = 4,
  OA_CODE_UTF8 = 5,
  OA_CODE_BOOL = 6,
  OA_CODE_TIMESTAMP = 10,
  OA_CODE_LIST = 12,
  OA_CODE_STRUCT = 13,
  OA_CODE_FIXED_BINARY = 15,
  OA_CODE_DURATION = 18,
  OA_CODE_LARGE_BINARY = 19,
  OA_CODE_LARGE_UTF8 = 20,
};

/* FloatingPoint.precision */
enum { OA_PRECISION_SINGLE = 1, OA_PRECISION_DOUBLE = 2 };

#endif
