/* SPDX-License-Identifier: Apache-2.0 */
/* One message from its bytes to the builder's rows. */
#include <stdarg.h>
#include <stdio.h>

#include "otap/decode_impl.h"

/* What a message's dictionaries may stand for, in all memory that it may take:
 * as much as an honest one that has no dictionaries, and some more. */
enum { MORE_THAN_MEMORY = 4 };

oa_status oa_otap_refuse(const oa_otap_decoder *d, const oa_otap_table *table,
                         uint32_t row, const char *format, ...) {
  char text[OA_ERROR_TEXT_SIZE];
  va_list args;
  va_start(args, format);
  vsnprintf(text, sizeof text, format, args);
  va_end(args);
  return oa_error_set(d->error, OA_ERR_MALFORMED, "%s: row %u: %s",
                      table->info->name, row, text);
}

oa_status oa_otap_spend(const oa_otap_decoder *d, size_t bytes) {
  oa_otap_stream *stream = d->stream;
  stream->spent += bytes;
  if (stream->spent / MORE_THAN_MEMORY <= stream->limits.max_memory) {
    return OA_OK;
  }
  return oa_error_set(d->error, OA_ERR_LIMIT,
                      "%s: the dictionaries of the message stand for more than "
                      "%d times the limit of %zu bytes: send smaller batches",
                      oa_signal_name(stream->signal), (int)MORE_THAN_MEMORY,
                      stream->limits.max_memory);
}

bool oa_otap_is_sorted(const oa_otap_join *join) {
  const uint32_t *parents = join->parents;
  uint32_t falls = 0;
  for (uint32_t i = 1; i < join->rows; i++) {
    falls |= parents[i] < parents[i - 1];
  }
  return falls == 0;
}

/* --- columns in scratch memory --- */

oa_status oa_otap_get_u32s(const oa_otap_decoder *d, const oa_otap_table *table,
                           size_t column, uint32_t **out) {
  void *block = NULL;
  OA_TRY(oa_scratch_get(d->scratch, table->rows, sizeof **out, &block));
  oa_otap_read_u32(&table->columns[column], table->rows, block);
  *out = block;
  return OA_OK;
}

oa_status oa_otap_get_u64s(const oa_otap_decoder *d, const oa_otap_table *table,
                           size_t column, uint64_t **out) {
  void *block = NULL;
  OA_TRY(oa_scratch_get(d->scratch, table->rows, sizeof **out, &block));
  oa_otap_read_u64(&table->columns[column], table->rows, block);
  *out = block;
  return OA_OK;
}

oa_status oa_otap_view_u64s(const oa_otap_decoder *d,
                            const oa_otap_table *table, size_t column,
                            const uint64_t **out) {
  const oa_otap_column *from = &table->columns[column];
  uint64_t *copy = NULL;
  if (!oa_otap_has_nulls(from) && from->index_width == 0) {
    *out = from->array->values;
    return OA_OK;
  }
  OA_TRY(oa_otap_get_u64s(d, table, column, &copy));
  *out = copy;
  return OA_OK;
}

oa_status oa_otap_get_texts(const oa_otap_decoder *d,
                            const oa_otap_table *table, size_t column,
                            oa_table *into, size_t to, int32_t **out) {
  void *block = NULL;
  OA_TRY(oa_scratch_get(d->scratch, table->rows, sizeof **out, &block));
  oa_otap_texts texts;
  OA_TRY(oa_otap_texts_open(&texts, table, &table->columns[column], d->builder,
                            into, &into->columns[to]));
  oa_otap_texts_read(&texts, 0, table->rows, block);
  *out = block;
  return oa_otap_texts_close(&texts, NULL);
}

oa_status oa_otap_get_valid(const oa_otap_decoder *d,
                            const oa_otap_table *table, size_t column,
                            uint8_t **out) {
  void *block = NULL;
  OA_TRY(oa_scratch_get_zeroed(d->scratch, table->rows / 8 + 1, 1, &block));
  for (uint32_t i = 0; i < table->rows; i += OA_WORD) {
    const unsigned part = oa_word_count(table->rows - i);
    oa_bits_put(block, i, part,
                oa_otap_valid_word(&table->columns[column], i, part));
  }
  *out = block;
  return OA_OK;
}

/* --- columns that go over as they are --- */

oa_status oa_otap_copy_times(const oa_otap_decoder *d,
                             const oa_otap_table *table, size_t column,
                             size_t to) {
  oa_table *root = &d->builder->root;
  const uint64_t *times = NULL;
  if (oa_otap_has(&table->columns[column])) {
    OA_TRY(oa_otap_view_u64s(d, table, column, &times));
    oa_otap_put_times(root, &root->columns[to], root->length, table->rows,
                      times);
  }
  return OA_OK;
}

oa_status oa_otap_copy_u32s(const oa_otap_decoder *d,
                            const oa_otap_table *table, size_t column,
                            size_t to) {
  oa_table *root = &d->builder->root;
  uint32_t *values = NULL;
  if (oa_otap_has(&table->columns[column])) {
    OA_TRY(oa_otap_get_u32s(d, table, column, &values));
    oa_otap_put_u32s(root, &root->columns[to], root->length, table->rows,
                     values);
  }
  return OA_OK;
}

oa_status oa_otap_copy_texts(const oa_otap_decoder *d,
                             const oa_otap_table *table, size_t column,
                             size_t to) {
  oa_table *root = &d->builder->root;
  int32_t *numbers = NULL;
  if (oa_otap_has(&table->columns[column]) ||
      !root->columns[to].field->nullable) {
    OA_TRY(oa_otap_get_texts(d, table, column, root, to, &numbers));
    oa_otap_put_texts(root, &root->columns[to], root->length, table->rows,
                      numbers);
  }
  return OA_OK;
}

void oa_otap_copy_ids(const oa_otap_decoder *d, const oa_otap_table *table,
                      size_t column, size_t to) {
  oa_table *root = &d->builder->root;
  oa_otap_put_ids(root, &root->columns[to], root->length, table->rows,
                  &table->columns[column], NULL);
}

/* --- all or nothing --- */

static oa_status write_rows(const oa_otap_decoder *d,
                            const oa_otap_table *root) {
  switch (d->stream->signal) {
    case OA_TRACES:
      return oa_otap_decode_traces(d, root);
    case OA_METRICS:
      return oa_otap_decode_metrics(d, root);
    default:
      return oa_otap_decode_logs(d, root);
  }
}

/* Tables beside a root without rows have no parents to belong to. */
static oa_status refuse_orphans(const oa_otap_decoder *d) {
  for (size_t i = 0; i < OA_PAYLOAD_TYPE_END; i++) {
    const oa_otap_table *table = oa_otap_table_of(d, (oa_payload_type)i);
    if (table != NULL) {
      return oa_otap_refuse(d, table, 0, "the root table has no rows");
    }
  }
  return OA_OK;
}

static oa_status write_all(const oa_otap_decoder *d) {
  oa_otlp_builder *b = d->builder;
  const oa_otap_table *root =
      oa_otap_table_of(d, oa_payload_root(d->stream->signal));
  oa_builder_place before = {0};
  if (root == NULL) {
    return refuse_orphans(d);
  }
  oa_builder_keep_place(b, &before);
  b->result = d->result;
  b->levels = 0;
  oa_builder_begin(b);
  /* A number for each resource, scope and metric: two bytes of a request. */
  oa_builder_reserve_ords(b, 2 * (size_t)root->rows);
  oa_status status = write_rows(d, root);
  b->resource_ord++; /* the number between requests */
  b->result = NULL;
  d->result->repaired = b->tree.repaired;
  status = oa_builder_end(b, status);
  if (status != OA_OK) {
    oa_builder_go_back(b, &before);
  }
  return status;
}

/* --- messages --- */

static oa_status read_all(oa_otap_stream *stream, const oa_otap_record *record,
                          oa_otap_batch *out, oa_error *error) {
  const oa_payload_type root = oa_payload_root(stream->signal);
  if (record->payloads == 0) {
    return oa_error_set(error, OA_ERR_MALFORMED,
                        "BatchArrowRecords: it has no payload");
  }
  if (record->payloads > stream->limits.max_payloads) {
    return oa_error_set(error, OA_ERR_LIMIT,
                        "BatchArrowRecords: it has %zu payloads, more than the "
                        "limit of %zu",
                        record->payloads, stream->limits.max_payloads);
  }
  OA_TRY(oa_otap_stream_read(stream, record, &out->result, error));
  const oa_otap_slot *slot = stream->slots[root];
  if (slot == NULL || !slot->present) {
    return oa_error_set(error, OA_ERR_MALFORMED,
                        "BatchArrowRecords: no payload is the root table %s",
                        oa_payload_info_of(root)->name);
  }
  return OA_OK;
}

static oa_status decode(oa_otap_stream *stream, oa_otlp_builder *builder,
                        const uint8_t *bytes, size_t len, oa_otap_batch *out,
                        oa_error *error) {
  oa_otap_record record;
  oa_otap_decoder d = {.stream = stream,
                       .scratch = &stream->scratch,
                       .builder = builder,
                       .result = &out->result,
                       .error = error};
  if (stream->broken) {
    return oa_error_set(error, OA_ERR_MALFORMED,
                        "an earlier message of the stream could not be read: "
                        "open a new stream");
  }
  stream->broken = true;
  OA_TRY(oa_otap_record_read(&record, bytes, len, error));
  out->batch_id = record.batch_id;
  out->headers = record.headers.at;
  out->headers_len = oa_cursor_left(&record.headers);
  OA_TRY(read_all(stream, &record, out, error));
  stream->broken = false;
  return builder == NULL ? OA_OK : write_all(&d);
}

oa_status oa_otap_decode(oa_otap_stream *stream, oa_otlp_builder *builder,
                         const uint8_t *bytes, size_t len, oa_otap_batch *out,
                         oa_error *error) {
  oa_error said = {0};
  *out = (oa_otap_batch){.batch_id = -1};
  const oa_status status = decode(stream, builder, bytes, len, out, &said);
  out->in_step = !stream->broken;
  oa_otap_stream_drop(stream);
  if (status == OA_OK) {
    return OA_OK;
  }
  out->result = (oa_otlp_result){0};
  if (said.code != status && status == OA_ERR_LIMIT) {
    return oa_error_set(error, status,
                        "%s: the stream takes more memory than the limit of "
                        "%zu bytes",
                        oa_signal_name(stream->signal),
                        stream->limits.max_memory);
  }
  if (said.code != status) {
    return oa_error_set(error, status, "%s: %s", oa_signal_name(stream->signal),
                        oa_status_text(status));
  }
  return oa_error_set(error, status, "%s", said.text);
}
