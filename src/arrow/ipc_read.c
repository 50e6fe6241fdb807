/* SPDX-License-Identifier: Apache-2.0 */
#include "arrow/ipc_read.h"

#include "arrow/ipc_read_impl.h"
#include "base/mem.h"

oa_status oa_ipc_reader_new_with(oa_ipc_reader **out,
                                 const oa_ipc_limits *limits,
                                 oa_inflater *inflater) {
  oa_ipc_reader *reader = oa_calloc(1, sizeof *reader);
  if (reader == NULL) {
    return OA_ERR_NOMEM;
  }
  reader->limits = limits == NULL ? oa_ipc_limits_default : *limits;
  reader->inflater = inflater;
  reader->shares_inflater = true;
  oa_arena_init(&reader->batch_arena, reader->limits.max_memory);
  reader->batch_arena.purse = reader->limits.purse;
  *out = reader;
  return OA_OK;
}

oa_status oa_ipc_reader_new(oa_ipc_reader **out, const oa_ipc_limits *limits) {
  oa_inflater *inflater = NULL;
  OA_TRY(oa_inflater_new(&inflater));
  const oa_status status = oa_ipc_reader_new_with(out, limits, inflater);
  if (status != OA_OK) {
    oa_inflater_free(inflater);
    return status;
  }
  (*out)->shares_inflater = false;
  return OA_OK;
}

void oa_ipc_reader_free(oa_ipc_reader *reader) {
  if (reader == NULL) {
    return;
  }
  for (size_t i = 0; i < reader->dict_count; i++) {
    oa_ipc_dict_reset(&reader->dicts[i]);
  }
  if (!reader->shares_inflater) {
    oa_inflater_free(reader->inflater);
  }
  oa_arena_free(&reader->schema_arena);
  oa_arena_free(&reader->batch_arena);
  oa_free(reader);
}

static oa_status read_batch(oa_ipc_reader *reader,
                            const oa_ipc_message *message, const uint8_t *body,
                            oa_error *error) {
  const oa_schema *schema = &reader->schema;
  oa_ipc_walk walk;
  int64_t rows = 0;
  void *block = NULL;
  OA_TRY(oa_ipc_walk_open(&walk, reader, &message->head, body,
                          message->body_len, &rows, error));
  OA_TRY(oa_arena_get(&reader->batch_arena,
                      (schema->field_count + 1) * sizeof(oa_array), &block));
  oa_array *columns = block;
  for (size_t i = 0; i < schema->field_count; i++) {
    OA_TRY(oa_ipc_walk_array(&walk, &schema->fields[i], &columns[i]));
    if (columns[i].length != rows) {
      return oa_error_set(error, OA_ERR_MALFORMED,
                          "Arrow batch: column \"%.80s\" has %lld values for "
                          "%lld rows",
                          schema->fields[i].name, (long long)columns[i].length,
                          (long long)rows);
    }
  }
  OA_TRY(oa_ipc_walk_close(&walk));
  reader->columns = columns;
  reader->rows = rows;
  reader->codec = walk.codec;
  return OA_OK;
}

void oa_ipc_reader_drop_batch(oa_ipc_reader *reader) {
  reader->columns = NULL;
  reader->rows = 0;
  oa_arena_reset(&reader->batch_arena);
}

static oa_status read_message(oa_ipc_reader *reader,
                              const oa_ipc_message *message,
                              const uint8_t *body, oa_error *error) {
  oa_ipc_reader_drop_batch(reader);
  /* What dictionaries keep is no longer there for batches. */
  const size_t most = reader->limits.max_memory;
  reader->batch_arena.max =
      reader->dict_bytes < most ? most - reader->dict_bytes : 0;
  if (message->event == OA_IPC_EOS) {
    return OA_OK;
  }
  if (message->event == OA_IPC_SCHEMA) {
    if (reader->has_schema) {
      return oa_error_set(error, OA_ERR_MALFORMED,
                          "Arrow stream: it has a second schema");
    }
    return oa_ipc_read_schema(reader, &message->head, message->meta_len, error);
  }
  if (!reader->has_schema) {
    return oa_error_set(error, OA_ERR_MALFORMED,
                        "Arrow stream: it does not start with a schema");
  }
  if (message->event == OA_IPC_DICTIONARY) {
    return oa_ipc_read_dictionary(reader, message, body, error);
  }
  return read_batch(reader, message, body, error);
}

oa_status oa_ipc_read(oa_ipc_reader *reader, const uint8_t *bytes, size_t len,
                      size_t *used, oa_ipc_event *event, oa_error *error) {
  oa_ipc_message message;
  oa_status status =
      oa_ipc_frame(bytes, len, reader->limits.max_message, &message, error);
  if (status == OA_ERR_TRUNCATED) {
    *used = message.size;
  }
  OA_TRY(status);
  const uint8_t *body = bytes + message.size - (size_t)message.body_len;
  OA_TRY(read_message(reader, &message, body, error));
  *used = message.size;
  *event = message.event;
  return OA_OK;
}

oa_status oa_ipc_read_parts(oa_ipc_reader *reader, const uint8_t *header,
                            size_t header_len, const uint8_t *body,
                            size_t body_len, oa_ipc_event *event,
                            oa_error *error) {
  oa_ipc_message message = {0};
  if (header_len > reader->limits.max_message ||
      body_len > reader->limits.max_message - header_len) {
    return oa_error_set(error, OA_ERR_LIMIT,
                        "Arrow message: it is longer than the limit of %zu "
                        "bytes",
                        reader->limits.max_message);
  }
  OA_TRY(oa_ipc_header(header, header_len, &message, error));
  if (message.body_len != body_len) {
    return oa_error_set(error, OA_ERR_MALFORMED,
                        "Arrow message: a body of %zu bytes came where %llu "
                        "were announced",
                        body_len, (unsigned long long)message.body_len);
  }
  static const uint8_t nothing[1];
  OA_TRY(read_message(reader, &message, body_len == 0 ? nothing : body, error));
  *event = message.event;
  return OA_OK;
}

const oa_schema *oa_ipc_reader_schema(const oa_ipc_reader *reader) {
  return reader->has_schema ? &reader->schema : NULL;
}

const oa_array *oa_ipc_reader_columns(const oa_ipc_reader *reader,
                                      int64_t *rows) {
  *rows = reader->rows;
  return reader->columns;
}

size_t oa_ipc_reader_memory(const oa_ipc_reader *reader) {
  return reader->schema_arena.used + reader->dict_bytes +
         reader->batch_arena.used;
}

void oa_ipc_reader_set_max_memory(oa_ipc_reader *reader, size_t max_memory) {
  reader->limits.max_memory = max_memory;
}

uint64_t oa_ipc_reader_replacements(const oa_ipc_reader *reader) {
  return reader->replacements;
}

int oa_ipc_reader_codec(const oa_ipc_reader *reader) {
  return (int)reader->codec;
}
