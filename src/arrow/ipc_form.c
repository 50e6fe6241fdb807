/* SPDX-License-Identifier: Apache-2.0 */
#include "arrow/ipc_form.h"

#include <string.h>

#include "arrow/ipc_read_impl.h"
#include "arrow/ipc_write_impl.h"

/* A walk over the arrays of a message beside its nodes and buffers. */
typedef struct walk {
  const uint8_t *body;
  uint64_t body_len;
  oa_flat_vector nodes;
  oa_flat_vector buffers;
  oa_coding codec;
  size_t next_node;
  size_t next_buffer;
  uint64_t at;    /* where in the body the next buffer must begin */
  bool in_blocks; /* a buffer begins with a block, and so does the body */
  const char *why;
} walk;

static uint64_t bits_size(int64_t bits) {
  return ((uint64_t)bits + 7) / 8;
}

static bool all_zero(const uint8_t *bytes, uint64_t len) {
  /* The first byte is 0 and each other one is as the one before it. */
  return len == 0 || (bytes[0] == 0 &&
                      (len == 1 || memcmp(bytes, bytes + 1, len - 1) == 0));
}

static bool fail(walk *w, const char *why) {
  if (w->why == NULL) {
    w->why = why;
  }
  return false;
}

/* Bytes of the buffer [AT, AT + LEN) of the body before compression. */
static uint64_t plain_size(const walk *w, uint64_t at, uint64_t len) {
  int64_t size = 0;
  if (len == 0 || w->codec == OA_CODING_NONE) {
    return len;
  }
  /* The reader has read the buffer, so its length stands there. */
  memcpy(&size, w->body + at, sizeof size);
  return size == OA_IPC_NOT_COMPRESSED ? len - OA_IPC_LENGTH_SIZE
                                       : (uint64_t)size;
}

/* A buffer of LEN bytes begins at AT with a block, instead of right behind the
 * last one: then the body does, too. */
static void skip_to_block(walk *w, uint64_t at, uint64_t len) {
  if (w->codec != OA_CODING_NONE || at % OA_IPC_BLOCK != 0 || at < w->at ||
      at - w->at >= OA_IPC_BLOCK || at > w->body_len ||
      len < (uint64_t)OA_IPC_BLOCK * OA_IPC_OWN_BLOCKS ||
      !all_zero(w->body + w->at, at - w->at)) {
    return;
  }
  w->in_blocks = true;
  w->at = at;
}

/* The next buffer must lie behind the last one and have SIZE bytes. */
static bool take_buffer(walk *w, uint64_t size) {
  if (w->next_buffer >= w->buffers.count) {
    return fail(w, "a buffer is missing");
  }
  const size_t i = w->next_buffer++;
  const uint64_t at =
      (uint64_t)oa_flat_vector_word(&w->buffers, i, OA_IPC_PAIR_SIZE, 0);
  const uint64_t len =
      (uint64_t)oa_flat_vector_word(&w->buffers, i, OA_IPC_PAIR_SIZE, 8);
  skip_to_block(w, at, len);
  if (at != w->at) {
    return fail(w, "a buffer does not begin where it must");
  }
  if (plain_size(w, at, len) != size) {
    return fail(w, "a buffer is not as long as its values");
  }
  const uint64_t end = at + len;
  const uint64_t next = (end + OA_IPC_ALIGN - 1) / OA_IPC_ALIGN * OA_IPC_ALIGN;
  if (next > w->body_len || !all_zero(w->body + end, next - end)) {
    return fail(w, "the bytes between two buffers are not 0");
  }
  w->at = next;
  return true;
}

static bool take_array(walk *w, const oa_field *field, const oa_array *array,
                       bool indices);

static bool take_strings(walk *w, const oa_array *array) {
  const int32_t *offsets = array->offsets;
  if (offsets != NULL && offsets[0] != 0) {
    return fail(w, "offsets do not begin with 0");
  }
  return take_buffer(w, ((uint64_t)array->length + 1) * sizeof *offsets) &&
         take_buffer(w, offsets == NULL ? 0 : (uint64_t)offsets[array->length]);
}

static bool take_list(walk *w, const oa_field *field, const oa_array *array) {
  const int32_t *offsets = array->offsets;
  const int64_t items = offsets == NULL ? 0 : offsets[array->length];
  if (offsets != NULL && offsets[0] != 0) {
    return fail(w, "offsets do not begin with 0");
  }
  if (array->children[0].length != items) {
    return fail(w, "a list does not end where its items do");
  }
  return take_buffer(w, ((uint64_t)array->length + 1) * sizeof *offsets) &&
         take_array(w, field->children, array->children,
                    field->children->dictionary);
}

static bool take_struct(walk *w, const oa_field *field, const oa_array *array) {
  for (size_t i = 0; i < field->child_count; i++) {
    if (array->children[i].length != array->length) {
      return fail(w, "a member is not as long as its struct");
    }
    if (!take_array(w, &field->children[i], &array->children[i],
                    field->children[i].dictionary)) {
      return false;
    }
  }
  return true;
}

static bool take_plain(walk *w, const oa_field *field, const oa_array *array) {
  switch (field->type) {
    case OA_TYPE_BOOL:
      return take_buffer(w, bits_size(array->length));
    case OA_TYPE_UTF8:
    case OA_TYPE_BINARY:
      return take_strings(w, array);
    case OA_TYPE_LIST:
      return take_list(w, field, array);
    case OA_TYPE_STRUCT:
      return take_struct(w, field, array);
    case OA_TYPE_NULL:
    case OA_TYPE_LARGE_UTF8:
    case OA_TYPE_LARGE_BINARY:
      return fail(w, "it has a type that is not ours");
    default:
      return take_buffer(w, (uint64_t)array->length * oa_field_width(field));
  }
}

/* The values of ARRAY, or the indices into their dictionary. */
static bool take_array(walk *w, const oa_field *field, const oa_array *array,
                       bool indices) {
  const size_t node = w->next_node++;
  if (node >= w->nodes.count ||
      oa_flat_vector_word(&w->nodes, node, OA_IPC_PAIR_SIZE, 0) !=
          array->length ||
      oa_flat_vector_word(&w->nodes, node, OA_IPC_PAIR_SIZE, 8) !=
          array->null_count) {
    return fail(w, "a length or null count is not that of the values");
  }
  if (!take_buffer(w, array->null_count == 0 ? 0 : bits_size(array->length))) {
    return false;
  }
  return indices ? take_buffer(w, (uint64_t)array->length *
                                      oa_type_width(field->index_type))
                 : take_plain(w, field, array);
}

/* --- messages --- */

/* Lengthens META to HEADER bytes if that is how far it is to a block. */
static oa_status pad_header(const walk *w, size_t header, oa_buf *meta) {
  if (!w->in_blocks || header < meta->len ||
      header - meta->len >= OA_IPC_BLOCK) {
    return OA_OK;
  }
  OA_TRY(oa_buf_put_zeros(meta, header - meta->len));
  return oa_ipc_end_frame(meta, 0);
}

/* The same message with the frame and flatbuffer that our writer makes. */
static oa_status same_header(const walk *w, int64_t rows, oa_ipc_kind kind,
                             const uint8_t *message, size_t header,
                             oa_buf *scratch, bool *same) {
  oa_ipc_writer writer = {
      .codec = w->codec, .meta = *scratch, .body_at = w->body_len};
  /* Lent, and only read. */
  writer.nodes =
      (oa_buf){.data = (uint8_t *)(uintptr_t)(w->nodes.bytes + w->nodes.at),
               .len = w->nodes.count * OA_IPC_PAIR_SIZE};
  writer.buffers =
      (oa_buf){.data = (uint8_t *)(uintptr_t)(w->buffers.bytes + w->buffers.at),
               .len = w->buffers.count * OA_IPC_PAIR_SIZE};
  oa_status status = oa_ipc_put_header(&writer, rows, kind);
  if (status == OA_OK) {
    status = pad_header(w, header, &writer.meta);
  }
  *scratch = writer.meta; /* it may have moved */
  *same = status == OA_OK && scratch->len == header &&
          memcmp(scratch->data, message, header) == 0;
  return status;
}

/* The columns or, with KIND.dictionary, the values of that dictionary. */
static bool take_all(walk *w, const oa_ipc_reader *reader, oa_ipc_kind kind) {
  for (size_t i = 0; kind.dictionary >= 0 && i < reader->dict_count; i++) {
    const oa_ipc_dict *dict = &reader->dicts[i];
    if (dict->id == kind.dictionary) {
      return take_array(w, &dict->values, &dict->array, false);
    }
  }
  for (size_t i = 0; i < reader->schema.field_count; i++) {
    const oa_field *field = &reader->schema.fields[i];
    if (!take_array(w, field, &reader->columns[i], field->dictionary)) {
      return false;
    }
  }
  return true;
}

/* Opens the walk over BATCH, which the reader has found valid. */
static bool open_walk(walk *w, const oa_flat_table *batch, int64_t *rows) {
  oa_flat_table compression;
  int64_t codec = 0;
  if (oa_ipc_batch_table(batch, w->body_len, rows, &w->nodes, &w->buffers,
                         NULL) != OA_OK ||
      !oa_flat_get_table(batch, OA_BATCH_COMPRESSION, &compression)) {
    return false;
  }
  if (compression.bytes != NULL) {
    if (!oa_flat_get(&compression, OA_COMPRESSION_CODEC, 1, 0, &codec)) {
      return false;
    }
    w->codec = codec == OA_COMPRESSION_ZSTD ? OA_CODING_ZSTD : OA_CODING_LZ4;
  }
  return true;
}

static oa_status check_body(const oa_ipc_reader *reader,
                            const oa_ipc_message *message, const uint8_t *bytes,
                            oa_buf *scratch, int64_t *dictionary,
                            const char **why) {
  const size_t header = message->size - (size_t)message->body_len;
  walk w = {.body = bytes + header, .body_len = message->body_len};
  oa_flat_table batch = message->head;
  oa_ipc_kind kind = {.dictionary = -1};
  int64_t rows = 0;
  int64_t delta = 0;
  bool same = false;

  if (message->event == OA_IPC_DICTIONARY &&
      (!oa_flat_get(&message->head, OA_DICTIONARY_ID, 8, 0, &kind.dictionary) ||
       !oa_flat_get(&message->head, OA_DICTIONARY_IS_DELTA, 1, 0, &delta) ||
       !oa_flat_get_table(&message->head, OA_DICTIONARY_DATA, &batch))) {
    *why = "its metadata is damaged";
    return OA_OK;
  }
  if (delta != 0) {
    *why = "it adds to a dictionary instead of replacing it";
    return OA_OK;
  }
  if (kind.dictionary >= 0 && kind.dictionary <= *dictionary) {
    *why = "the dictionaries do not stand in their order";
    return OA_OK;
  }
  *dictionary = kind.dictionary;
  if (!open_walk(&w, &batch, &rows)) {
    *why = "its metadata is damaged";
    return OA_OK;
  }
  if (!take_all(&w, reader, kind)) {
    *why = w.why;
    return OA_OK;
  }
  if (w.next_node != w.nodes.count || w.next_buffer != w.buffers.count ||
      !all_zero(w.body + w.at, w.body_len - w.at)) {
    *why = "the bytes behind its buffers are not 0";
    return OA_OK;
  }
  OA_TRY(same_header(&w, rows, kind, bytes, header, scratch, &same));
  *why = same ? NULL : "its metadata has other bytes than it must have";
  return OA_OK;
}

oa_status oa_ipc_form_schema(const oa_schema *schema, oa_buf *out) {
  return oa_ipc_put_schema(schema, out);
}

oa_status oa_ipc_form_check(const oa_ipc_reader *reader, const uint8_t *message,
                            size_t len, oa_buf *scratch, int64_t *dictionary,
                            const char **why) {
  oa_ipc_message found;
  scratch->len = 0;
  if (oa_ipc_frame(message, len, reader->limits.max_message, &found, NULL) !=
          OA_OK ||
      found.size != len) {
    *why = "it is no whole message";
    return OA_OK;
  }
  if (found.event == OA_IPC_EOS) {
    *why = NULL;
    return OA_OK;
  }
  if (found.event != OA_IPC_SCHEMA) {
    return check_body(reader, &found, message, scratch, dictionary, why);
  }
  OA_TRY(oa_ipc_put_schema(&reader->schema, scratch));
  *why = scratch->len == len && memcmp(scratch->data, message, len) == 0
             ? NULL
             : "its metadata has other bytes than it must have";
  return OA_OK;
}
