/* SPDX-License-Identifier: Apache-2.0 */
#include "arrow/ipc_file.h"

#include "arrow/ipc_read.h"
#include "arrow/ipc_write.h"
#include "arrow/unify.h"
#include "base/mem.h"

/* "ARROW1" opens the file, padded to eight bytes, and ends it without. */
static const char magic[8] = "ARROW1";
enum { MAGIC_LEN = 6 };

enum { FRAME_LEN = 8 }; /* continuation mark and length of the metadata */

/* struct Block of File.fbs, with its padding. */
typedef struct block {
  int64_t offset;
  int32_t metadata_len; /* the frame included */
  int32_t padding;
  int64_t body_len;
} block;
_Static_assert(sizeof(block) == 24, "Block as it stands in the footer");

/* Layout of the footer, in bytes from its start.  The vectors follow the
 * table; each count stands four bytes before a multiple of eight, so that the
 * blocks behind it are aligned. */
enum {
  VTABLE = 4,
  VTABLE_LEN = 12, /* two sizes, four fields */
  TABLE = 16,
  TABLE_LEN = 20,
  FIELD_VERSION = 4,
  FIELD_SCHEMA = 8,
  FIELD_DICTIONARIES = 12,
  FIELD_BATCHES = 16,
  FIRST_VECTOR = 36,
  METADATA_V5 = 4
};

struct oa_ipc_file {
  oa_ipc_writer *writer;
  oa_unifier *unifier;
  uint64_t offset;     /* bytes of the file so far */
  oa_buf schema;       /* the flatbuffer of the Schema message */
  oa_buf messages;     /* scratch: what the writer made */
  oa_buf dictionaries; /* blocks */
  oa_buf batches;      /* blocks */
};

oa_status oa_ipc_file_new(oa_ipc_file **out, const oa_schema *schema,
                          oa_coding codec, int level, oa_error *error) {
  oa_ipc_file *file = oa_calloc(1, sizeof *file);
  if (file == NULL) {
    return oa_error_set(error, OA_ERR_NOMEM, "no memory for an Arrow file");
  }
  oa_status status = oa_ipc_writer_new(&file->writer, schema, codec, level);
  if (status == OA_OK) {
    status = oa_unifier_new(&file->unifier, schema, error);
  }
  if (status == OA_ERR_NOMEM) {
    oa_error_set(error, status, "no memory for an Arrow file");
  }
  if (status != OA_OK) {
    oa_ipc_file_free(file);
    return status;
  }
  *out = file;
  return OA_OK;
}

void oa_ipc_file_free(oa_ipc_file *file) {
  if (file == NULL) {
    return;
  }
  oa_ipc_writer_free(file->writer);
  oa_unifier_free(file->unifier);
  oa_buf_free(&file->schema);
  oa_buf_free(&file->messages);
  oa_buf_free(&file->dictionaries);
  oa_buf_free(&file->batches);
  oa_free(file);
}

/* Puts the writer's pieces one behind the other. */
static oa_status gather(oa_ipc_file *file, const oa_ipc_pieces *pieces) {
  file->messages.len = 0;
  OA_TRY(oa_buf_reserve(&file->messages, pieces->size));
  for (size_t i = 0; i < pieces->count; i++) {
    OA_TRY(oa_buf_put(&file->messages, pieces->iov[i].iov_base,
                      pieces->iov[i].iov_len));
  }
  return OA_OK;
}

static int32_t metadata_len(const uint8_t *message) {
  int32_t len;
  memcpy(&len, message + 4, sizeof len);
  return len;
}

/* Copies the gathered messages of KIND to OUT and notes where they stand. */
static oa_status put_messages(oa_ipc_file *file, oa_ipc_event kind, oa_buf *out,
                              oa_error *error) {
  oa_buf *blocks =
      kind == OA_IPC_DICTIONARY ? &file->dictionaries : &file->batches;

  for (size_t at = 0; at < file->messages.len;) {
    const uint8_t *message = file->messages.data + at;
    oa_ipc_event event;
    int64_t rows;
    size_t used;
    OA_TRY(oa_ipc_skip(message, file->messages.len - at, &used, &event, &rows,
                       error));
    at += used;
    if (event != kind) {
      continue;
    }
    const int32_t header = FRAME_LEN + metadata_len(message);
    const block where = {.offset = (int64_t)file->offset,
                         .metadata_len = header,
                         .body_len = (int64_t)used - header};
    OA_TRY(oa_buf_put(blocks, &where, sizeof where));
    OA_TRY(oa_buf_put(out, message, used));
    file->offset += used;
  }
  return OA_OK;
}

oa_status oa_ipc_file_begin(oa_ipc_file *file, oa_buf *out, oa_error *error) {
  oa_ipc_pieces pieces;

  OA_TRY(oa_ipc_write_schema(file->writer, &pieces));
  OA_TRY(gather(file, &pieces));
  if (file->messages.len < FRAME_LEN) {
    return oa_error_set(error, OA_ERR_MALFORMED, "the schema has no message");
  }
  OA_TRY(oa_buf_put(&file->schema, file->messages.data + FRAME_LEN,
                    (size_t)metadata_len(file->messages.data)));
  OA_TRY(oa_buf_put(out, magic, sizeof magic));
  OA_TRY(oa_buf_put(out, file->messages.data, file->messages.len));
  file->offset = sizeof magic + file->messages.len;
  return OA_OK;
}

oa_status oa_ipc_file_batch(oa_ipc_file *file, const oa_array *columns,
                            int64_t rows, oa_buf *out, oa_error *error) {
  const oa_array *renumbered;
  oa_ipc_pieces pieces;

  OA_TRY(oa_unifier_renumber(file->unifier, columns, &renumbered, error));
  OA_TRY(oa_ipc_write_batch(file->writer, renumbered, rows, &pieces));
  OA_TRY(gather(file, &pieces));
  return put_messages(file, OA_IPC_BATCH, out, error);
}

static void store16(uint8_t *at, uint16_t value) {
  memcpy(at, &value, sizeof value);
}

static void store32(uint8_t *at, uint32_t value) {
  memcpy(at, &value, sizeof value);
}

static uint32_t load32(const uint8_t *at) {
  uint32_t value;
  memcpy(&value, at, sizeof value);
  return value;
}

/* Where the Schema table stands in our own Message flatbuffer: field 2 of the
 * root table, `header`. */
static size_t find_schema(const uint8_t *message) {
  const uint32_t table = load32(message);
  const uint32_t vtable = table - load32(message + table);
  uint16_t header;
  memcpy(&header, message + vtable + 4 + (size_t)2 * 2, sizeof header);
  return table + header + load32(message + table + header);
}

/* Appends a vector of blocks whose offset field stands at FIELD. */
static oa_status put_blocks(oa_buf *footer, size_t field,
                            const oa_buf *blocks) {
  uint8_t count[4];
  store32(count, (uint32_t)(blocks->len / sizeof(block)));
  OA_TRY(oa_buf_put_zeros(footer, (12 - footer->len % 8) % 8));
  store32(footer->data + field, (uint32_t)(footer->len - field));
  OA_TRY(oa_buf_put(footer, count, sizeof count));
  return oa_buf_put(footer, blocks->data, blocks->len);
}

/* The footer's schema is the table inside the Schema message, which is taken
 * over whole: offsets in a flatbuffer are relative, so it stays valid. */
static oa_status put_footer(oa_ipc_file *file, oa_buf *footer) {
  OA_TRY(oa_buf_put_zeros(footer, FIRST_VECTOR));
  store32(footer->data, TABLE);
  store16(footer->data + VTABLE, VTABLE_LEN);
  store16(footer->data + VTABLE + 2, TABLE_LEN);
  store16(footer->data + VTABLE + 4, FIELD_VERSION);
  store16(footer->data + VTABLE + 6, FIELD_SCHEMA);
  store16(footer->data + VTABLE + 8, FIELD_DICTIONARIES);
  store16(footer->data + VTABLE + 10, FIELD_BATCHES);
  store32(footer->data + TABLE, TABLE - VTABLE);
  store16(footer->data + TABLE + FIELD_VERSION, METADATA_V5);
  OA_TRY(put_blocks(footer, TABLE + FIELD_DICTIONARIES, &file->dictionaries));
  OA_TRY(put_blocks(footer, TABLE + FIELD_BATCHES, &file->batches));

  const size_t schema = footer->len + find_schema(file->schema.data);
  const size_t field = TABLE + FIELD_SCHEMA;
  store32(footer->data + field, (uint32_t)(schema - field));
  return oa_buf_put(footer, file->schema.data, file->schema.len);
}

oa_status oa_ipc_file_end(oa_ipc_file *file, oa_buf *out, oa_error *error) {
  oa_ipc_pieces pieces;
  oa_buf footer = {0};
  uint8_t len[4];

  OA_TRY(oa_ipc_write_batch(
      file->writer, oa_unifier_dictionaries(file->unifier), 0, &pieces));
  OA_TRY(gather(file, &pieces));
  OA_TRY(put_messages(file, OA_IPC_DICTIONARY, out, error));
  oa_ipc_write_end(&pieces);
  OA_TRY(gather(file, &pieces));
  OA_TRY(oa_buf_put(out, file->messages.data, file->messages.len));

  oa_status status = put_footer(file, &footer);
  if (status == OA_OK) {
    store32(len, (uint32_t)footer.len);
    status = oa_buf_put(out, footer.data, footer.len);
  }
  oa_buf_free(&footer);
  OA_TRY(status);
  OA_TRY(oa_buf_put(out, len, sizeof len));
  return oa_buf_put(out, magic, MAGIC_LEN);
}
