/* SPDX-License-Identifier: Apache-2.0 */
/* One table of the stream: from its columns to its part of the message, which
 * is the next piece of an Arrow IPC stream of its own. */
#include <assert.h>
#include <stdio.h>

#include "base/mem.h"
#include "otap/encode_impl.h"
#include "wire/emit.h"

/* Bytes that a sender may align buffers to at least; messages are small and
 * have many. */
enum { ALIGN = 8 };

/* BatchArrowRecords.arrow_payloads and the fields of ArrowPayload. */
enum {
  RECORDS_PAYLOADS = 2,
  PAYLOAD_SCHEMA_ID = 1,
  PAYLOAD_TYPE = 2,
  PAYLOAD_RECORD = 3
};

/* Members of the structs in a list of quantiles. */
static const oa_field quantile_members[] = {
    {.name = "quantile", .type = OA_TYPE_DOUBLE, .nullable = true},
    {.name = "value", .type = OA_TYPE_DOUBLE, .nullable = true},
};

static bool is_text(const oa_payload_column *spec, oa_payload_type type,
                    size_t column) {
  /* Bodies are mostly different from each other, and no dictionary has them
   * in the input. */
  return spec->type == OA_TYPE_UTF8 &&
         spec->dictionary != OA_DICTIONARY_NEVER &&
         !(type == OA_PAYLOAD_LOGS && column == OA_OTAP_LOG_BODY_STR);
}

oa_status oa_send_table_init(oa_send_table *table, oa_payload_type type,
                             uint64_t seed) {
  table->type = type;
  table->info = oa_payload_info_of(type);
  for (size_t i = 0; i < table->info->column_count; i++) {
    const oa_payload_column *spec = &table->info->columns[i];
    if (is_text(spec, type, i)) {
      OA_TRY(oa_send_text_new(&table->columns[i].text, spec->dictionary, seed));
    }
  }
  return OA_OK;
}

void oa_send_table_free(oa_send_table *table) {
  for (size_t i = 0; i < OA_PAYLOAD_MAX_COLUMNS; i++) {
    oa_send_text_free(table->columns[i].text);
  }
  oa_ipc_writer_free(table->writer);
  oa_buf_free(&table->head);
}

void oa_send_table_begin(oa_send_table *table, int64_t rows) {
  table->rows = rows;
  for (size_t i = 0; i < table->info->column_count; i++) {
    table->columns[i].used = false;
    table->columns[i].array =
        (oa_array){.length = rows,
                   .null_count = table->info->columns[i].required ? 0 : rows};
  }
}

/* --- the schema --- */

static oa_field field_of(const oa_send_table *table, size_t column) {
  const oa_payload_column *spec = &table->info->columns[column];
  const oa_send_text *text = table->columns[column].text;
  oa_field field = {.name = spec->name,
                    .type = spec->type,
                    .nullable = !spec->required,
                    .width = spec->width};
  if (spec->type == OA_TYPE_TIMESTAMP || spec->type == OA_TYPE_DURATION) {
    field.unit = OA_UNIT_NANO;
  }
  if (spec->type == OA_TYPE_TIMESTAMP) {
    field.timezone = "UTC";
  }
  if (text != NULL && !text->plain) {
    field.dictionary = true;
    field.index_type = text->index_type;
  }
  return field;
}

/* Places the seen columns that are members of INSIDE behind those that have a
 * place, and gives their number. */
static size_t place_columns(oa_send_table *table, int inside) {
  const size_t first = table->placed;
  for (size_t i = 0; i < table->info->column_count; i++) {
    if (table->info->columns[i].inside == inside && table->columns[i].seen) {
      table->fields[table->placed] = field_of(table, i);
      table->column_of[table->placed++] = (uint8_t)i;
    }
  }
  return table->placed - first;
}

/* Places the item of the list FIELD at *AT and moves that behind it. */
static void place_item(oa_send_table *table, oa_field *field, oa_type item,
                       size_t *at) {
  oa_field *child = &table->fields[(*at)++];
  *child = (oa_field){.name = "item", .type = item, .nullable = true};
  if (item == OA_TYPE_STRUCT) {
    child->children = quantile_members;
    child->child_count = sizeof quantile_members / sizeof *quantile_members;
  }
  field->children = child;
  field->child_count = 1;
}

/* Numbers the dictionaries as the IPC writer does: depth first. */
static void collect_texts(oa_send_table *table, const oa_field *fields,
                          size_t count) {
  for (size_t i = 0; i < count; i++) {
    const size_t place = (size_t)(&fields[i] - table->fields);
    if (fields[i].dictionary) {
      table->texts[table->text_count++] =
          table->columns[table->column_of[place]].text;
    } else if (fields[i].type == OA_TYPE_STRUCT) {
      collect_texts(table, fields[i].children, fields[i].child_count);
    }
  }
}

static void lay_out(oa_send_table *table) {
  table->placed = 0;
  const size_t top = place_columns(table, OA_PAYLOAD_TOP);
  for (size_t i = 0; i < top; i++) {
    if (table->fields[i].type == OA_TYPE_STRUCT) {
      table->fields[i].children = &table->fields[table->placed];
      table->fields[i].child_count = place_columns(table, table->column_of[i]);
    }
  }
  size_t items = table->placed;
  for (size_t i = 0; i < table->placed; i++) {
    if (table->fields[i].type == OA_TYPE_LIST) {
      place_item(table, &table->fields[i],
                 table->info->columns[table->column_of[i]].item, &items);
    }
  }
  table->schema = (oa_schema){.fields = table->fields, .field_count = top};
  table->text_count = 0;
  collect_texts(table, table->fields, top);
}

static oa_status keep_head(oa_send_table *table, const oa_ipc_pieces *pieces) {
  table->head.len = 0;
  for (size_t i = 0; i < pieces->count; i++) {
    OA_TRY(oa_buf_put(&table->head, pieces->iov[i].iov_base,
                      pieces->iov[i].iov_len));
  }
  return OA_OK;
}

/* A new schema is a new IPC stream under a new id; what the old one had is
 * forgotten on both sides. */
static oa_status begin_stream(oa_otap_encoder *encoder, oa_send_table *table) {
  oa_ipc_pieces pieces;
  table->begun = false;
  oa_ipc_writer_free(table->writer);
  table->writer = NULL;
  lay_out(table);
  OA_TRY(oa_ipc_writer_new_shared(&table->writer, &table->schema,
                                  encoder->options.codec, encoder->deflater));
  oa_ipc_writer_set_align(table->writer, ALIGN);
  OA_TRY(oa_ipc_write_schema(table->writer, &pieces));
  OA_TRY(keep_head(table, &pieces));
  for (size_t i = 0; i < table->text_count; i++) {
    assert(table->texts[i] != NULL);
    table->texts[i]->sent = -1;
  }
  table->schema_id = encoder->next_schema_id++;
  table->begun = true;
  table->changed = false;
  return OA_OK;
}

/* --- the record --- */

/* Array of a list that nobody put: its item has an array too. */
static oa_status no_items(oa_otap_encoder *encoder, oa_send_column *column,
                          oa_type item) {
  enum { MOST_MEMBERS = 2 };
  oa_array *arrays = NULL;
  OA_TRY(
      oa_send_get_zeroed(encoder, 1 + MOST_MEMBERS, sizeof *arrays, &arrays));
  if (item == OA_TYPE_STRUCT) {
    arrays[0].children = &arrays[1];
  }
  column->array.children = arrays;
  return OA_OK;
}

static oa_status make_arrays(oa_otap_encoder *encoder, oa_send_table *table,
                             oa_array **out) {
  oa_array *arrays = NULL;
  OA_TRY(oa_send_get(encoder, (int64_t)table->placed, sizeof *arrays, &arrays));
  for (size_t i = 0; i < table->placed; i++) {
    const size_t number = table->column_of[i];
    const oa_payload_column *spec = &table->info->columns[number];
    oa_send_column *column = &table->columns[number];
    if (spec->type == OA_TYPE_LIST && !column->used) {
      OA_TRY(no_items(encoder, column, spec->item));
    }
    arrays[i] = column->array;
    if (spec->type == OA_TYPE_STRUCT) {
      const oa_field *children = table->fields[i].children;
      arrays[i].children = arrays + (children - table->fields);
    }
  }
  *out = arrays;
  return OA_OK;
}

/* Ends the columns: indices made, the schema as it must be. */
static oa_status settle(oa_otap_encoder *encoder, oa_send_table *table) {
  for (size_t i = 0; i < table->info->column_count; i++) {
    oa_send_column *column = &table->columns[i];
    bool wider = false;
    if (column->used && !column->seen) {
      column->seen = true;
      table->changed = true;
    }
    if (column->text != NULL && column->seen) {
      OA_TRY(oa_send_text_finish(encoder, column, table->rows, &wider));
      table->changed |= wider;
    }
  }
  return table->begun && !table->changed ? OA_OK : begin_stream(encoder, table);
}

/* Appends the ArrowPayload: lengths are known beforehand. */
static oa_status put_payload(oa_otap_encoder *encoder,
                             const oa_send_table *table, bool with_head,
                             const oa_ipc_pieces *pieces) {
  enum { FRAME_MAX = 64 };
  char id[24];
  const size_t id_len = (size_t)snprintf(id, sizeof id, "%llu",
                                         (unsigned long long)table->schema_id);
  const uint64_t record = pieces->size + (with_head ? table->head.len : 0);
  const uint64_t size = 1 + oa_varint_size(id_len) + id_len + 1 +
                        oa_varint_size((uint64_t)table->type) + 1 +
                        oa_varint_size(record) + record;
  oa_buf *out = &encoder->message;
  if (size + FRAME_MAX > encoder->options.max_bytes - out->len) {
    return OA_ERR_LIMIT;
  }
  OA_TRY(oa_buf_reserve(out, (size_t)size + FRAME_MAX));
  uint8_t *at = out->data + out->len;
  at = oa_varint_write(oa_tag_write(at, RECORDS_PAYLOADS, OA_WIRE_BYTES), size);
  at = oa_varint_write(oa_tag_write(at, PAYLOAD_SCHEMA_ID, OA_WIRE_BYTES),
                       id_len);
  memcpy(at, id, id_len);
  at += id_len;
  at = oa_varint_write(oa_tag_write(at, PAYLOAD_TYPE, OA_WIRE_VARINT),
                       (uint64_t)table->type);
  at = oa_varint_write(oa_tag_write(at, PAYLOAD_RECORD, OA_WIRE_BYTES), record);
  out->len = (size_t)(at - out->data);
  if (with_head) {
    OA_TRY(oa_buf_put(out, table->head.data, table->head.len));
  }
  for (size_t i = 0; i < pieces->count; i++) {
    OA_TRY(oa_buf_put(out, pieces->iov[i].iov_base, pieces->iov[i].iov_len));
  }
  return OA_OK;
}

oa_status oa_send_table_write(oa_otap_encoder *encoder, oa_send_table *table) {
  int64_t sent[OA_PAYLOAD_MAX_COLUMNS];
  oa_array *arrays = NULL;
  oa_ipc_pieces pieces;
  if (table->rows == 0) {
    return OA_OK;
  }
  const uint64_t before = encoder->next_schema_id;
  table->written = true;
  OA_TRY(settle(encoder, table));
  OA_TRY(make_arrays(encoder, table, &arrays));
  for (size_t i = 0; i < table->text_count; i++) {
    sent[i] = table->texts[i]->sent;
  }
  OA_TRY(
      oa_ipc_write_growing(table->writer, arrays, table->rows, sent, &pieces));
  return put_payload(encoder, table, encoder->next_schema_id != before,
                     &pieces);
}

void oa_send_table_commit(oa_send_table *table) {
  for (size_t i = 0; table->written && i < table->text_count; i++) {
    table->texts[i]->sent = table->texts[i]->dict.count;
  }
  table->written = false;
  table->rows = 0;
}

void oa_send_table_abandon(oa_send_table *table) {
  if (table->rows > 0) {
    /* Whether its peer has the message is not known.  What is sent next shall
     * not drag along what only this message had. */
    table->begun = false;
    for (size_t i = 0; i < table->info->column_count; i++) {
      if (table->columns[i].text != NULL) {
        oa_send_text_forget(table->columns[i].text);
      }
    }
  }
  table->written = false;
  table->rows = 0;
}
