/* SPDX-License-Identifier: Apache-2.0 */
#include "arrow/ipc_write.h"

#include <assert.h>
#include <string.h>

#include "arrow/ipc_write_impl.h"
#include "base/mem.h"

/* Dictionaries up to this many bytes are kept to see whether they change.
 * Those of services, scopes and attribute keys are far smaller; one that is
 * larger holds ids or texts and is never the same twice. */
enum { KEEP_MAX = 64 * 1024 };

/* Buffers of a dictionary at most: validity, offsets, values. */
enum { DICTIONARY_BUFFERS = 3 };

/* The bytes of a dictionary as last made, and whether the stream has them.
 * They are compared as they are: a hash could be made to collide by whoever
 * chooses the strings. */
struct oa_ipc_dict_kept {
  oa_buf bytes;
  bool current;   /* BYTES hold the dictionary of the last batch made */
  bool in_stream; /* and that batch was committed */
};

static size_t count_dictionaries(const oa_field *fields, size_t count) {
  size_t sum = 0;
  for (size_t i = 0; i < count; i++) {
    sum += fields[i].dictionary ? 1 : 0;
    sum += count_dictionaries(fields[i].children, fields[i].child_count);
  }
  return sum;
}

oa_status oa_ipc_writer_new_shared(oa_ipc_writer **out, const oa_schema *schema,
                                   oa_coding codec, oa_deflater *deflater) {
  if (codec == OA_CODING_GZIP || codec == OA_CODING_DEFLATE) {
    return OA_ERR_CONFIG; /* not a codec of the format */
  }
  oa_ipc_writer *writer = oa_calloc(1, sizeof *writer);
  if (writer == NULL) {
    return OA_ERR_NOMEM;
  }
  writer->schema = schema;
  writer->align = OA_IPC_ALIGN;
  writer->codec = codec;
  writer->deflater = deflater;
  writer->shared = true;
  writer->dict_count = count_dictionaries(schema->fields, schema->field_count);
  if (writer->dict_count > 0) {
    writer->kept = oa_calloc(writer->dict_count, sizeof *writer->kept);
    if (writer->kept == NULL) {
      oa_ipc_writer_free(writer);
      return OA_ERR_NOMEM;
    }
  }
  *out = writer;
  return OA_OK;
}

oa_status oa_ipc_writer_new(oa_ipc_writer **out, const oa_schema *schema,
                            oa_coding codec, int level) {
  oa_ipc_writer *writer = NULL;
  OA_TRY(oa_ipc_writer_new_shared(&writer, schema, codec, NULL));
  writer->shared = false;
  if (codec != OA_CODING_NONE) {
    const oa_status status = oa_deflater_new(&writer->deflater, codec, level);
    if (status != OA_OK) {
      oa_ipc_writer_free(writer);
      return status;
    }
  }
  *out = writer;
  return OA_OK;
}

void oa_ipc_writer_free(oa_ipc_writer *writer) {
  if (writer == NULL) {
    return;
  }
  for (size_t i = 0; writer->kept != NULL && i < writer->dict_count; i++) {
    oa_buf_free(&writer->kept[i].bytes);
  }
  oa_free(writer->kept);
  if (!writer->shared) {
    oa_deflater_free(writer->deflater);
  }
  oa_buf_free(&writer->meta);
  oa_buf_free(&writer->body);
  oa_buf_free(&writer->trial);
  oa_buf_free(&writer->rebased);
  oa_buf_free(&writer->choices);
  oa_buf_free(&writer->pieces);
  oa_buf_free(&writer->iov);
  oa_buf_free(&writer->nodes);
  oa_buf_free(&writer->buffers);
  oa_free(writer);
}

static void begin(oa_ipc_writer *writer) {
  writer->meta.len = 0;
  writer->body.len = 0;
  writer->pieces.len = 0;
}

/* Now that the buffers have stopped moving, pieces become addresses. */
static oa_status finish(oa_ipc_writer *writer, oa_ipc_pieces *out) {
  const oa_ipc_piece *pieces = (const void *)writer->pieces.data;
  const size_t count = writer->pieces.len / sizeof *pieces;
  uint64_t size = 0;
  writer->iov.len = 0;
  OA_TRY(oa_buf_reserve(&writer->iov, count * sizeof(struct iovec)));
  for (size_t i = 0; i < count; i++) {
    struct iovec iov = {.iov_len = pieces[i].len};
    if (pieces[i].source == OA_IPC_OUTSIDE) {
      /* iovec has no const form; writev() only reads. */
      iov.iov_base = (void *)(uintptr_t)pieces[i].outside;
    } else if (pieces[i].source == OA_IPC_BODY) {
      iov.iov_base = writer->body.data + pieces[i].at;
    } else {
      iov.iov_base = writer->meta.data + pieces[i].at;
    }
    size += iov.iov_len;
    (void)oa_buf_put(&writer->iov, &iov, sizeof iov);
  }
  *out = (oa_ipc_pieces){
      .iov = (const void *)writer->iov.data, .count = count, .size = size};
  return OA_OK;
}

oa_status oa_ipc_write_schema(oa_ipc_writer *writer, oa_ipc_pieces *out) {
  begin(writer);
  OA_TRY(oa_ipc_put_schema(writer->schema, &writer->meta));
  OA_TRY(oa_ipc_put_piece(
      writer, (oa_ipc_piece){.source = OA_IPC_META, .len = writer->meta.len}));
  writer->schema_size = writer->meta.len;
  return finish(writer, out);
}

/* --- batches --- */

static size_t put_compression(oa_flat_builder *flat, oa_coding codec) {
  oa_flat_slot slots[] = {
      [OA_COMPRESSION_CODEC] = {.width = 1,
                                .value = codec == OA_CODING_ZSTD
                                             ? OA_COMPRESSION_ZSTD
                                             : OA_COMPRESSION_LZ4},
      [OA_COMPRESSION_METHOD] = {.width = 1, .value = 0},
  };
  return oa_flat_put_table(flat, slots, 2);
}

/* The RecordBatch table over the collected nodes and buffers. */
static size_t put_batch_table(oa_ipc_writer *writer, oa_flat_builder *flat,
                              int64_t rows) {
  const bool packed = writer->codec != OA_CODING_NONE;
  oa_flat_slot slots[OA_BATCH_SLOTS] = {
      [OA_BATCH_LENGTH] = {.width = 8, .value = rows},
      [OA_BATCH_NODES] = {.width = OA_FLAT_OFFSET},
      [OA_BATCH_BUFFERS] = {.width = OA_FLAT_OFFSET},
      [OA_BATCH_COMPRESSION] = {.width = packed ? OA_FLAT_OFFSET : 0},
  };
  const size_t table = oa_flat_put_table(flat, slots, OA_BATCH_SLOTS);
  oa_flat_link(flat, slots[OA_BATCH_NODES].at,
               oa_flat_put_vector(flat, writer->nodes.data,
                                  writer->nodes.len / OA_IPC_PAIR_SIZE,
                                  OA_IPC_PAIR_SIZE));
  oa_flat_link(flat, slots[OA_BATCH_BUFFERS].at,
               oa_flat_put_vector(flat, writer->buffers.data,
                                  writer->buffers.len / OA_IPC_PAIR_SIZE,
                                  OA_IPC_PAIR_SIZE));
  if (packed) {
    oa_flat_link(flat, slots[OA_BATCH_COMPRESSION].at,
                 put_compression(flat, writer->codec));
  }
  return table;
}

oa_status oa_ipc_put_header(oa_ipc_writer *writer, int64_t rows,
                            oa_ipc_kind kind) {
  const size_t frame = writer->meta.len;
  oa_flat_builder flat;
  OA_TRY(oa_buf_put_zeros(&writer->meta, OA_IPC_PREFIX));
  const size_t root = oa_flat_begin(&flat, &writer->meta);
  if (kind.dictionary < 0) {
    const size_t slot =
        oa_ipc_put_message(&flat, root, OA_IPC_HEADER_BATCH, writer->body_at);
    oa_flat_link(&flat, slot, put_batch_table(writer, &flat, rows));
  } else {
    const size_t slot = oa_ipc_put_message(
        &flat, root, OA_IPC_HEADER_DICTIONARY, writer->body_at);
    oa_flat_slot slots[OA_DICTIONARY_SLOTS] = {
        [OA_DICTIONARY_ID] = {.width = 8, .value = kind.dictionary},
        [OA_DICTIONARY_DATA] = {.width = OA_FLAT_OFFSET},
        [OA_DICTIONARY_IS_DELTA] = {.width = 1, .value = kind.delta},
    };
    oa_flat_link(&flat, slot,
                 oa_flat_put_table(&flat, slots, OA_DICTIONARY_SLOTS));
    oa_flat_link(&flat, slots[OA_DICTIONARY_DATA].at,
                 put_batch_table(writer, &flat, rows));
  }
  OA_TRY(flat.status);
  return oa_ipc_end_frame(&writer->meta, frame);
}

/* Bytes of the stream since the last multiple of the block, when the header
 * that comes has HEADER of them. */
static size_t over_block(const oa_ipc_writer *writer, size_t header) {
  const oa_ipc_piece *pieces = (const void *)writer->pieces.data;
  const size_t count = writer->pieces.len / sizeof *pieces;
  uint64_t size = header + (writer->begun ? 0 : writer->schema_size);
  for (size_t i = 0; i < count; i++) {
    size += pieces[i].len;
  }
  return (size_t)(size % OA_IPC_BLOCK);
}

/* Pads the message whose body was just made and whose header, at META, may
 * still be made anew: the header, so that a body with buffers in whole blocks
 * begins with one, and the body, so that all messages of the call end with
 * one. */
static oa_status pad_to_block(oa_ipc_writer *writer, size_t meta, int64_t rows,
                              oa_ipc_kind kind) {
  const size_t header = writer->meta.len - meta;
  size_t pad = 0;
  if (writer->in_blocks) {
    const size_t start =
        over_block(writer, header) - (size_t)writer->body_at % OA_IPC_BLOCK;
    pad = (0 - start) % OA_IPC_BLOCK;
  }
  const size_t over = over_block(writer, header + pad);
  OA_TRY(oa_ipc_put_zeros(writer, over == 0 ? 0 : OA_IPC_BLOCK - over));
  writer->meta.len = meta;
  OA_TRY(oa_ipc_put_header(writer, rows, kind));
  OA_TRY(oa_buf_put_zeros(&writer->meta, pad));
  return oa_ipc_end_frame(&writer->meta, meta);
}

/* One message: the header's piece stands before those of the body, but its
 * bytes are made after them. */
static oa_status put_message(oa_ipc_writer *writer, const oa_field *fields,
                             const oa_array *columns, size_t count,
                             int64_t rows, oa_ipc_kind kind) {
  const size_t first = writer->pieces.len;
  const size_t meta = writer->meta.len;
  /* A dictionary that is left out must not move the places of the others. */
  writer->choice_at =
      (kind.dictionary < 0 ? writer->dict_count : (size_t)kind.dictionary) *
      DICTIONARY_BUFFERS;
  writer->nodes.len = 0;
  writer->buffers.len = 0;
  writer->body_at = 0;
  writer->in_blocks = false;
  OA_TRY(oa_ipc_put_piece(writer,
                          (oa_ipc_piece){.source = OA_IPC_META, .at = meta}));
  for (size_t i = 0; i < count; i++) {
    OA_TRY(oa_ipc_put_array(writer, &fields[i], &columns[i]));
  }
  OA_TRY(oa_ipc_put_header(writer, rows, kind));
  if (kind.dictionary < 0 && writer->blocks) {
    OA_TRY(pad_to_block(writer, meta, rows, kind));
  }
  oa_ipc_piece *piece = (void *)(writer->pieces.data + first);
  piece->len = writer->meta.len - meta;
  return OA_OK;
}

/* --- dictionaries --- */

/* Bytes of the values of a dictionary. */
static size_t values_size(const oa_field *values, const oa_array *array) {
  const size_t width = oa_field_width(values);
  return width == 0 ? array->values_size : width * (size_t)array->length;
}

static bool keepable(const oa_field *values, const oa_array *array) {
  const bool strings = values->type == OA_TYPE_UTF8 ||
                       values->type == OA_TYPE_BINARY ||
                       oa_field_width(values) > 0;
  /* The length first: only then no product overflows. */
  if (!strings || array->null_count != 0 ||
      array->length > KEEP_MAX / (int64_t)sizeof(int32_t)) {
    return false;
  }
  const size_t size = values_size(values, array);
  return size <= KEEP_MAX && (size == 0 || array->values != NULL);
}

static bool same_bytes(const uint8_t *a, const void *b, size_t len) {
  return len == 0 || memcmp(a, b, len) == 0;
}

/* Compares the dictionary with the kept bytes and keeps it instead. */
static oa_status keep(oa_ipc_dict_kept *kept, const oa_field *values,
                      const oa_array *array, bool *same) {
  const int64_t length = array->length;
  const size_t offsets =
      array->offsets == NULL ? 0 : ((size_t)length + 1) * sizeof(int32_t);
  const size_t size = values_size(values, array);
  oa_buf *bytes = &kept->bytes;
  const uint8_t *at = bytes->data;
  *same = kept->current && bytes->len == sizeof length + offsets + size &&
          same_bytes(at, &length, sizeof length) &&
          same_bytes(at + sizeof length, array->offsets, offsets) &&
          same_bytes(at + sizeof length + offsets, array->values, size);
  if (*same) {
    return OA_OK;
  }
  kept->current = false;
  kept->in_stream = false;
  bytes->len = 0;
  OA_TRY(oa_buf_put(bytes, &length, sizeof length));
  OA_TRY(oa_buf_put(bytes, array->offsets, offsets));
  OA_TRY(oa_buf_put(bytes, array->values, size));
  kept->current = true;
  return OA_OK;
}

/* The entries of DICTIONARY from FROM on; offsets stay those of the whole. */
static oa_array entries_from(const oa_array *dictionary, const oa_field *values,
                             int64_t from) {
  const size_t width = oa_field_width(values);
  oa_array rest = *dictionary;
  rest.length -= from;
  if (rest.values != NULL && width > 0) {
    rest.values = (const uint8_t *)rest.values + (size_t)from * width;
  }
  if (rest.offsets != NULL) {
    rest.offsets = (const int32_t *)rest.offsets + from;
  }
  return rest;
}

/* What the stream lacks of a dictionary of which it has SENT entries. */
static oa_status put_growth(oa_ipc_writer *writer, const oa_field *plain,
                            const oa_array *values, size_t id, int64_t sent) {
  const oa_ipc_kind kind = {.dictionary = (int64_t)id, .delta = sent > 0};
  if (sent == values->length) {
    return OA_OK;
  }
  assert(sent < values->length && values->null_count == 0);
  const oa_array rest = entries_from(values, plain, sent > 0 ? sent : 0);
  return put_message(writer, plain, &rest, 1, rest.length, kind);
}

static oa_status put_dictionary(oa_ipc_writer *writer, const oa_field *field,
                                const oa_array *array, size_t id,
                                const int64_t *sent) {
  static const oa_array nothing = {0};
  const oa_array *values =
      array->dictionary == NULL ? &nothing : array->dictionary;
  oa_field plain = *field;
  plain.dictionary = false;

  if (sent != NULL) {
    return put_growth(writer, &plain, values, id, sent[id]);
  }
  oa_ipc_dict_kept *kept = &writer->kept[id];
  if (keepable(&plain, values)) {
    bool same = false;
    OA_TRY(keep(kept, &plain, values, &same));
    if (same && kept->in_stream) {
      return OA_OK;
    }
  } else {
    kept->current = false;
    kept->in_stream = false;
  }
  return put_message(writer, &plain, values, 1, values->length,
                     (oa_ipc_kind){.dictionary = (int64_t)id});
}

static oa_status put_dictionaries(oa_ipc_writer *writer, const oa_field *fields,
                                  const oa_array *columns, size_t count,
                                  const int64_t *sent, size_t *next_id) {
  for (size_t i = 0; i < count; i++) {
    if (fields[i].dictionary) {
      OA_TRY(
          put_dictionary(writer, &fields[i], &columns[i], (*next_id)++, sent));
    }
    OA_TRY(put_dictionaries(writer, fields[i].children, columns[i].children,
                            fields[i].child_count, sent, next_id));
  }
  return OA_OK;
}

static oa_status write_batch(oa_ipc_writer *writer, const oa_array *columns,
                             int64_t rows, const int64_t *sent,
                             oa_ipc_pieces *out) {
  const oa_schema *schema = writer->schema;
  size_t next_id = 0;
  for (size_t i = 0; i < schema->field_count; i++) {
    assert(columns[i].length == rows);
  }
  begin(writer);
  OA_TRY(put_dictionaries(writer, schema->fields, columns, schema->field_count,
                          sent, &next_id));
  OA_TRY(put_message(writer, schema->fields, columns, schema->field_count, rows,
                     (oa_ipc_kind){.dictionary = -1}));
  return finish(writer, out);
}

oa_status oa_ipc_write_batch(oa_ipc_writer *writer, const oa_array *columns,
                             int64_t rows, oa_ipc_pieces *out) {
  return write_batch(writer, columns, rows, NULL, out);
}

oa_status oa_ipc_write_growing(oa_ipc_writer *writer, const oa_array *columns,
                               int64_t rows, const int64_t *sent,
                               oa_ipc_pieces *out) {
  return write_batch(writer, columns, rows, sent, out);
}

void oa_ipc_writer_set_align(oa_ipc_writer *writer, size_t align) {
  writer->align = align;
}

void oa_ipc_writer_set_blocks(oa_ipc_writer *writer) {
  writer->blocks = true;
}

void oa_ipc_writer_set_stop(oa_ipc_writer *writer, bool (*stop)(void *context),
                            void *context) {
  writer->stop = stop;
  writer->stop_context = context;
}

void oa_ipc_writer_commit(oa_ipc_writer *writer) {
  writer->begun = true;
  for (size_t i = 0; i < writer->dict_count; i++) {
    writer->kept[i].in_stream = writer->kept[i].current;
  }
}

void oa_ipc_write_end(oa_ipc_pieces *out) {
  static const uint32_t words[2] = {OA_IPC_CONTINUATION, 0};
  static const struct iovec end = {.iov_base = (void *)(uintptr_t)words,
                                   .iov_len = sizeof words};
  *out = (oa_ipc_pieces){.iov = &end, .count = 1, .size = sizeof words};
}
