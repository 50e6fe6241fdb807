/* SPDX-License-Identifier: Apache-2.0 */
/* RecordBatch tables and bodies to arrays. */
#include <string.h>

#include "arrow/ipc_read_impl.h"

/* A frame cannot give more than this for each of its bytes; what claims more
 * is refused before memory is taken for it.  (zstd: a block of four bytes
 * makes 128 KiB.  lz4: a length byte makes at most 255.) */
enum { ZSTD_MOST = 32 * 1024, LZ4_MOST = 255 };

/* A buffer as it stands in the body, or decompressed. */
typedef struct bytes {
  const uint8_t *at;
  size_t len;
} bytes;

static oa_status damaged(const oa_ipc_walk *walk, const oa_field *field,
                         const char *what) {
  return oa_error_set(walk->error, OA_ERR_MALFORMED,
                      "Arrow batch: column \"%.80s\": %s", field->name, what);
}

static oa_status take(oa_ipc_walk *walk, size_t size, void **out) {
  oa_status status = oa_arena_get(&walk->reader->batch_arena, size, out);
  if (status == OA_ERR_LIMIT) {
    return oa_error_set(walk->error, status,
                        "Arrow batch: it takes more memory than the limit of "
                        "%zu bytes",
                        walk->reader->limits.max_memory);
  }
  return status;
}

static oa_status read_codec(oa_ipc_walk *walk, const oa_flat_table *batch) {
  oa_flat_table compression;
  int64_t codec = 0;
  int64_t method = 0;
  walk->codec = OA_CODING_NONE;
  if (!oa_flat_get_table(batch, OA_BATCH_COMPRESSION, &compression) ||
      !oa_flat_get(&compression, OA_COMPRESSION_CODEC, 1, 0, &codec) ||
      !oa_flat_get(&compression, OA_COMPRESSION_METHOD, 1, 0, &method)) {
    return oa_error_set(walk->error, OA_ERR_MALFORMED,
                        "Arrow batch: the compression is not a valid "
                        "flatbuffer");
  }
  if (compression.bytes == NULL) {
    return OA_OK;
  }
  if (method != 0 ||
      (codec != OA_COMPRESSION_LZ4 && codec != OA_COMPRESSION_ZSTD)) {
    return oa_error_set(walk->error, OA_ERR_UNSUPPORTED,
                        "Arrow batch: compression codec %lld, method %lld is "
                        "not known",
                        (long long)codec, (long long)method);
  }
  walk->codec = codec == OA_COMPRESSION_LZ4 ? OA_CODING_LZ4 : OA_CODING_ZSTD;
  return OA_OK;
}

oa_status oa_ipc_walk_open(oa_ipc_walk *walk, oa_ipc_reader *reader,
                           const oa_flat_table *batch, const uint8_t *body,
                           uint64_t body_len, int64_t *rows, oa_error *error) {
  *walk = (oa_ipc_walk){.reader = reader, .body = body, .error = error};
  OA_TRY(oa_ipc_batch_table(batch, body_len, rows, &walk->nodes, &walk->buffers,
                            error));
  return read_codec(walk, batch);
}

oa_status oa_ipc_walk_close(oa_ipc_walk *walk) {
  if (walk->next_node != walk->nodes.count ||
      walk->next_buffer != walk->buffers.count) {
    return oa_error_set(walk->error, OA_ERR_MALFORMED,
                        "Arrow batch: it has more nodes or buffers than its "
                        "columns");
  }
  return OA_OK;
}

/* --- buffers --- */

static oa_status inflate(oa_ipc_walk *walk, const oa_field *field, bytes raw,
                         bytes *out) {
  int64_t size = 0;
  if (raw.len < OA_IPC_LENGTH_SIZE) {
    return damaged(walk, field, "a compressed buffer has no length");
  }
  memcpy(&size, raw.at, sizeof size);
  raw.at += OA_IPC_LENGTH_SIZE;
  raw.len -= OA_IPC_LENGTH_SIZE;
  if (size == OA_IPC_NOT_COMPRESSED) {
    *out = raw;
    return OA_OK;
  }
  const size_t most = walk->codec == OA_CODING_ZSTD ? ZSTD_MOST : LZ4_MOST;
  if (size < 0 || (uint64_t)size / most > raw.len) {
    return damaged(walk, field, "a compressed buffer claims a wrong length");
  }
  void *block = NULL;
  OA_TRY(take(walk, (size_t)size, &block));
  oa_status status =
      oa_inflate_exact(walk->reader->inflater, walk->codec, raw.at, raw.len,
                       block, (size_t)size, walk->error);
  if (status == OA_ERR_MALFORMED) {
    oa_error_prefix(walk->error, "Arrow batch: column \"%.80s\"", field->name);
  }
  OA_TRY(status);
  *out = (bytes){block, (size_t)size};
  return OA_OK;
}

static oa_status next_buffer(oa_ipc_walk *walk, const oa_field *field,
                             bytes *out) {
  if (walk->next_buffer >= walk->buffers.count) {
    return damaged(walk, field, "a buffer is missing");
  }
  const size_t i = walk->next_buffer++;
  /* Both were checked when the walk was opened. */
  const bytes raw = {
      walk->body + oa_flat_vector_word(&walk->buffers, i, OA_IPC_PAIR_SIZE, 0),
      (size_t)oa_flat_vector_word(&walk->buffers, i, OA_IPC_PAIR_SIZE, 8)};
  if (raw.len == 0 || walk->codec == OA_CODING_NONE) {
    *out = raw;
    return OA_OK;
  }
  return inflate(walk, field, raw, out);
}

/* COUNT values of WIDTH bytes, aligned for their type.  NULL without any. */
static oa_status next_values(oa_ipc_walk *walk, const oa_field *field,
                             uint64_t count, size_t width, const void **out) {
  bytes b = {0};
  OA_TRY(next_buffer(walk, field, &b));
  if (count == 0 || width == 0) {
    *out = NULL;
    return OA_OK;
  }
  if (count > b.len / width) {
    return damaged(walk, field, "a buffer is shorter than its values");
  }
  const bool number = width == 2 || width == 4 || width == 8;
  if (!number || (uintptr_t)b.at % width == 0) {
    *out = b.at;
    return OA_OK;
  }
  void *copy = NULL;
  OA_TRY(take(walk, (size_t)count * width, &copy));
  memcpy(copy, b.at, (size_t)count * width);
  *out = copy;
  return OA_OK;
}

/* --- arrays --- */

static oa_status next_node(oa_ipc_walk *walk, const oa_field *field,
                           oa_array *out) {
  if (walk->next_node >= walk->nodes.count) {
    return damaged(walk, field, "its length is missing");
  }
  const size_t i = walk->next_node++;
  out->length = oa_flat_vector_word(&walk->nodes, i, OA_IPC_PAIR_SIZE, 0);
  out->null_count = oa_flat_vector_word(&walk->nodes, i, OA_IPC_PAIR_SIZE, 8);
  if (out->length < 0 || out->length == INT64_MAX || out->null_count < 0 ||
      out->null_count > out->length) {
    return damaged(walk, field, "its length or null count is not possible");
  }
  return OA_OK;
}

static uint64_t bits_size(int64_t bits) {
  return (uint64_t)bits / 8 + (bits % 8 != 0 ? 1 : 0);
}

static oa_status next_validity(oa_ipc_walk *walk, const oa_field *field,
                               oa_array *out) {
  bytes b = {0};
  OA_TRY(next_buffer(walk, field, &b));
  if (out->length == 0 || (b.len == 0 && out->null_count == 0)) {
    return OA_OK;
  }
  if (bits_size(out->length) > b.len) {
    return damaged(walk, field, "the validity bitmap is too short");
  }
  if (oa_ipc_count_nulls(b.at, out->length) != out->null_count) {
    return damaged(walk, field, "the null count is not that of the bitmap");
  }
  out->validity = out->null_count == 0 ? NULL : b.at;
  return OA_OK;
}

static oa_status next_fixed(oa_ipc_walk *walk, const oa_field *field,
                            size_t width, oa_array *out) {
  OA_TRY(next_values(walk, field, (uint64_t)out->length, width, &out->values));
  out->values_size = (size_t)out->length * width;
  return OA_OK;
}

static oa_status next_bits(oa_ipc_walk *walk, const oa_field *field,
                           oa_array *out) {
  const uint64_t size = bits_size(out->length);
  OA_TRY(next_values(walk, field, size, 1, &out->values));
  out->values_size = (size_t)size;
  return OA_OK;
}

static oa_status next_offsets(oa_ipc_walk *walk, const oa_field *field,
                              size_t width, oa_array *out) {
  /* Without rows the buffer may be empty: all zero says the same. */
  const uint64_t count = out->length == 0 ? 0 : (uint64_t)out->length + 1;
  return next_values(walk, field, count, width, &out->offsets);
}

static oa_status next_strings(oa_ipc_walk *walk, const oa_field *field,
                              size_t width, oa_array *out) {
  bytes data;
  OA_TRY(next_offsets(walk, field, width, out));
  OA_TRY(next_buffer(walk, field, &data));
  if (out->offsets == NULL) {
    return OA_OK;
  }
  const int64_t length = out->length;
  /* A buffer is at most as long as a message, far below the sign. */
  const int64_t end = (int64_t)data.len;
  if (width == sizeof(int32_t)) {
    const int32_t *offsets = out->offsets;
    if (!oa_ipc_offsets32_valid(offsets, length, end)) {
      return damaged(walk, field, "its offsets fall or leave the data");
    }
    out->values_size = (size_t)offsets[length];
  } else {
    const int64_t *offsets = out->offsets;
    if (!oa_ipc_offsets64_valid(offsets, length, end)) {
      return damaged(walk, field, "its offsets fall or leave the data");
    }
    out->values_size = (size_t)offsets[length];
  }
  out->values = data.at;
  return OA_OK;
}

/* Rows whose value in the dictionary is null are null themselves, so that
 * nobody after this has to look twice. */
static oa_status fold_nulls(oa_ipc_walk *walk, const oa_field *field,
                            oa_array *out) {
  const oa_array *values = out->dictionary;
  const size_t size = (size_t)bits_size(out->length);
  void *block = NULL;
  if (values->null_count == 0 || out->null_count == out->length) {
    return OA_OK;
  }
  OA_TRY(take(walk, size, &block));
  oa_ipc_fold_nulls(out, field->index_type, block);
  return OA_OK;
}

static oa_status next_indices(oa_ipc_walk *walk, const oa_field *field,
                              const oa_ipc_dict *dict, oa_array *out) {
  OA_TRY(next_fixed(walk, field, oa_type_width(field->index_type), out));
  out->dictionary = &dict->array;
  if (!dict->known && out->null_count < out->length) {
    return damaged(walk, field, "its dictionary was not sent");
  }
  if (!oa_ipc_indices_valid(out, field->index_type, dict->array.length)) {
    return damaged(walk, field, "an index is outside its dictionary");
  }
  return fold_nulls(walk, field, out);
}

static oa_status next_children(oa_ipc_walk *walk, const oa_field *field,
                               oa_array *out) {
  void *block = NULL;
  if (field->child_count == 0) {
    return OA_OK;
  }
  OA_TRY(take(walk, field->child_count * sizeof(oa_array), &block));
  oa_array *children = block;
  for (size_t i = 0; i < field->child_count; i++) {
    OA_TRY(oa_ipc_walk_array(walk, &field->children[i], &children[i]));
    if (field->type == OA_TYPE_STRUCT && children[i].length < out->length) {
      return damaged(walk, &field->children[i],
                     "it is shorter than its parent");
    }
  }
  out->children = children;
  return OA_OK;
}

static oa_status next_list(oa_ipc_walk *walk, const oa_field *field,
                           oa_array *out) {
  OA_TRY(next_offsets(walk, field, sizeof(int32_t), out));
  OA_TRY(next_children(walk, field, out));
  if (out->offsets != NULL &&
      !oa_ipc_offsets32_valid(out->offsets, out->length,
                              out->children[0].length)) {
    return damaged(walk, field, "its offsets fall or leave the items");
  }
  return OA_OK;
}

static oa_status next_plain(oa_ipc_walk *walk, const oa_field *field,
                            oa_array *out) {
  switch (field->type) {
    case OA_TYPE_BOOL:
      return next_bits(walk, field, out);
    case OA_TYPE_UTF8:
    case OA_TYPE_BINARY:
      return next_strings(walk, field, sizeof(int32_t), out);
    case OA_TYPE_LARGE_UTF8:
    case OA_TYPE_LARGE_BINARY:
      return next_strings(walk, field, sizeof(int64_t), out);
    case OA_TYPE_LIST:
      return next_list(walk, field, out);
    case OA_TYPE_STRUCT:
      return next_children(walk, field, out);
    default:
      return next_fixed(walk, field, oa_field_width(field), out);
  }
}

oa_status oa_ipc_walk_array(oa_ipc_walk *walk, const oa_field *field,
                            oa_array *out) {
  const size_t number = walk->next_field++;
  *out = (oa_array){0};
  OA_TRY(next_node(walk, field, out));
  if (field->type == OA_TYPE_NULL) {
    out->null_count = out->length;
    return OA_OK;
  }
  OA_TRY(next_validity(walk, field, out));
  if (field->dictionary) {
    const oa_ipc_reader *reader = walk->reader;
    return next_indices(walk, field, &reader->dicts[reader->dict_of[number]],
                        out);
  }
  return next_plain(walk, field, out);
}
