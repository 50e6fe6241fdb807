/* SPDX-License-Identifier: Apache-2.0 */
#include "otap/stream.h"

#include <stdio.h>

#include "base/mem.h"
#include "otap/bind.h"

enum {
  /* Senders count "0", "1", ...: this is far above any need. */
  MAX_SCHEMA_ID = 256,
  /* A sender's schema has at most some 40 fields. */
  MAX_FIELDS = 256,
  MAX_DEPTH = 8,
  /* Rows of a root may have no bytes at all, so their number is bounded by
   * what came; ids have 16 bits, which is what any honest sender keeps to. */
  FREE_ROWS = 65536,
};

const oa_otap_limits oa_otap_limits_default = {
    .max_memory = (size_t)64 * 1024 * 1024,
    .max_payloads = 64,
    .max_rows = (size_t)2 * 1024 * 1024,
};

/* Zeroed memory that PURSE counts; NULL: there is none, or none left. */
static void *take_memory(oa_purse *purse, size_t size) {
  if (!oa_purse_take(purse, size)) {
    return NULL;
  }
  void *memory = oa_calloc(1, size);
  if (memory == NULL) {
    oa_purse_give(purse, size);
  }
  return memory;
}

static void give_memory(oa_purse *purse, void *memory, size_t size) {
  oa_free(memory);
  oa_purse_give(purse, size);
}

oa_status oa_otap_stream_new(oa_otap_stream **out, oa_signal signal,
                             const oa_otap_limits *limits) {
  const oa_otap_limits *chosen =
      limits == NULL ? &oa_otap_limits_default : limits;
  oa_otap_stream *stream = take_memory(chosen->purse, sizeof *stream);
  if (stream == NULL) {
    return OA_ERR_NOMEM;
  }
  stream->inflater = chosen->inflater;
  if (stream->inflater == NULL && oa_inflater_new(&stream->inflater) != OA_OK) {
    give_memory(chosen->purse, stream, sizeof *stream);
    return OA_ERR_NOMEM;
  }
  stream->signal = signal;
  stream->limits = *chosen;
  stream->scratch.purse = stream->limits.purse;
  *out = stream;
  return OA_OK;
}

/* --- slots --- */

static void reset_slot(oa_otap_slot *slot) {
  oa_ipc_reader_free(slot->reader);
  slot->reader = NULL;
  for (size_t i = 0; i < OA_PAYLOAD_MAX_COLUMNS; i++) {
    oa_otap_map_free(&slot->maps[i]);
  }
}

static void free_slot(oa_purse *purse, oa_otap_slot *slot) {
  if (slot == NULL) {
    return;
  }
  reset_slot(slot);
  oa_buf_free(&slot->schema_id);
  give_memory(purse, slot, sizeof *slot);
}

void oa_otap_stream_free(oa_otap_stream *stream) {
  if (stream == NULL) {
    return;
  }
  oa_purse *purse = stream->limits.purse;
  for (size_t i = 0; i < OA_PAYLOAD_TYPE_END; i++) {
    free_slot(purse, stream->slots[i]);
  }
  oa_scratch_free(&stream->scratch);
  if (stream->inflater != stream->limits.inflater) {
    oa_inflater_free(stream->inflater);
  }
  give_memory(purse, stream, sizeof *stream);
}

static size_t slot_memory(const oa_otap_slot *slot) {
  size_t memory = sizeof *slot + slot->schema_id.cap;
  if (slot->reader != NULL) {
    memory += oa_ipc_reader_memory(slot->reader);
  }
  for (size_t i = 0; i < OA_PAYLOAD_MAX_COLUMNS; i++) {
    memory += slot->maps[i].capacity * sizeof *slot->maps[i].numbers;
  }
  return memory;
}

static size_t slots_memory(const oa_otap_stream *stream) {
  size_t memory = 0;
  for (size_t i = 0; i < OA_PAYLOAD_TYPE_END; i++) {
    memory += stream->slots[i] == NULL ? 0 : slot_memory(stream->slots[i]);
  }
  return memory;
}

size_t oa_otap_stream_memory(const oa_otap_stream *stream) {
  return sizeof *stream + stream->scratch.size + slots_memory(stream);
}

/* The slot of TYPE with a reader for SCHEMA_ID. */
static oa_status open_slot(oa_otap_stream *stream, oa_payload_type type,
                           oa_cursor schema_id, oa_otap_slot **out) {
  const oa_ipc_limits limits = {.max_message = INT32_MAX,
                                .max_memory = 0, /* set before use */
                                .max_fields = MAX_FIELDS,
                                .max_depth = MAX_DEPTH,
                                .purse = stream->limits.purse};
  const size_t len = oa_cursor_left(&schema_id);
  oa_otap_slot *slot = stream->slots[type];
  if (slot == NULL) {
    slot = take_memory(stream->limits.purse, sizeof *slot);
    if (slot == NULL) {
      return OA_ERR_NOMEM;
    }
    stream->slots[type] = slot;
    slot->schema_id.purse = stream->limits.purse;
    for (size_t i = 0; i < OA_PAYLOAD_MAX_COLUMNS; i++) {
      slot->maps[i].purse = stream->limits.purse;
    }
  }
  *out = slot;
  if (slot->reader != NULL && slot->schema_id.len == len &&
      (len == 0 || memcmp(slot->schema_id.data, schema_id.at, len) == 0)) {
    return OA_OK;
  }
  reset_slot(slot);
  slot->table = (oa_otap_table){.type = type, .info = oa_payload_info_of(type)};
  slot->schema_id.len = 0;
  OA_TRY(oa_buf_put(&slot->schema_id, schema_id.at, len));
  return oa_ipc_reader_new_with(&slot->reader, &limits, stream->inflater);
}

/* --- tables --- */

/* Batches behind the first one of a table are left out, as all receivers of
 * this protocol do; but not in silence. */
static void note_rest(const oa_otap_stream *stream, oa_payload_type type,
                      oa_cursor rest, oa_otlp_result *result) {
  uint64_t left_out = 0;
  while (!oa_cursor_done(&rest)) {
    size_t used = 0;
    int64_t rows = 0;
    oa_ipc_event event = OA_IPC_EOS;
    if (oa_ipc_skip(rest.at, oa_cursor_left(&rest), &used, &event, &rows,
                    NULL) != OA_OK) {
      break;
    }
    left_out += (uint64_t)rows;
    rest.at += used;
  }
  if (left_out == 0) {
    return;
  }
  if (type == oa_payload_root(stream->signal)) {
    result->rejected += left_out;
  }
  if (result->reason[0] == '\0') {
    snprintf(result->reason, sizeof result->reason,
             "%s: %llu rows behind the payload's first record batch were left "
             "out: send one batch in a payload",
             oa_payload_info_of(type)->name, (unsigned long long)left_out);
  }
}

static oa_status take_rows(oa_otap_stream *stream, oa_otap_slot *slot,
                           size_t record_len, oa_error *error) {
  int64_t rows = 0;
  oa_otap_table *table = &slot->table;
  const oa_array *columns = oa_ipc_reader_columns(slot->reader, &rows);
  const bool root = table->type == oa_payload_root(stream->signal);
  if ((uint64_t)rows > stream->limits.max_rows - stream->rows) {
    return oa_error_set(error, OA_ERR_LIMIT,
                        "the message has more than %zu rows: send smaller "
                        "batches",
                        stream->limits.max_rows);
  }
  if (root && (uint64_t)rows > FREE_ROWS + (uint64_t)record_len) {
    return oa_error_set(error, OA_ERR_LIMIT,
                        "%lld rows in %zu bytes: send smaller batches",
                        (long long)rows, record_len);
  }
  stream->rows += (size_t)rows;
  table->rows = (uint32_t)rows;
  table->replacements = oa_ipc_reader_replacements(slot->reader);
  return oa_otap_attach(slot, columns, error);
}

/* Reads messages up to the first RecordBatch; all else takes OTHERS bytes. */
static oa_status read_table(oa_otap_stream *stream, oa_otap_slot *slot,
                            size_t others, oa_cursor record,
                            oa_otlp_result *result, oa_error *error) {
  const size_t len = oa_cursor_left(&record);
  const size_t most = stream->limits.max_memory;
  oa_ipc_reader_set_max_memory(slot->reader, others < most ? most - others : 0);
  while (!oa_cursor_done(&record)) {
    size_t used = 0;
    oa_ipc_event event = OA_IPC_EOS;
    OA_TRY(oa_ipc_read(slot->reader, record.at, oa_cursor_left(&record), &used,
                       &event, error));
    record.at += used;
    if (event == OA_IPC_SCHEMA) {
      OA_TRY(oa_otap_bind(slot, oa_ipc_reader_schema(slot->reader), error));
    } else if (event == OA_IPC_BATCH) {
      OA_TRY(take_rows(stream, slot, len, error));
      note_rest(stream, slot->table.type, record, result);
      return OA_OK;
    } else if (event == OA_IPC_EOS) {
      break;
    }
  }
  return OA_OK;
}

static oa_status refuse_type(const oa_otap_stream *stream, uint64_t type,
                             oa_error *error) {
  const oa_payload_info *info = oa_payload_info_of(type);
  return oa_error_set(error, OA_ERR_MALFORMED,
                      "payload type %llu (%s) is not one that a stream of %s "
                      "may have",
                      (unsigned long long)type,
                      info->name == NULL ? "unknown" : info->name,
                      oa_signal_name(stream->signal));
}

/* USED is what all slots take, and is kept so. */
static oa_status read_payload(oa_otap_stream *stream,
                              const oa_otap_payload *payload, size_t *used,
                              oa_otlp_result *result, oa_error *error) {
  oa_otap_slot *slot = NULL;
  if (!oa_payload_allowed(payload->type, stream->signal)) {
    return refuse_type(stream, payload->type, error);
  }
  const oa_payload_type type = (oa_payload_type)payload->type;
  const char *name = oa_payload_info_of(type)->name;
  if (oa_cursor_left(&payload->schema_id) > MAX_SCHEMA_ID) {
    return oa_error_set(error, OA_ERR_LIMIT,
                        "%s: the schema_id is longer than %d bytes", name,
                        MAX_SCHEMA_ID);
  }
  if (stream->slots[type] != NULL) {
    *used -= slot_memory(stream->slots[type]);
  }
  OA_TRY(open_slot(stream, type, payload->schema_id, &slot));
  if (slot->present) {
    return oa_error_set(error, OA_ERR_MALFORMED,
                        "%s: the message has this table twice", name);
  }
  slot->present = true;
  const size_t others =
      *used + slot_memory(slot) - oa_ipc_reader_memory(slot->reader);
  const oa_status status =
      read_table(stream, slot, others, payload->record, result, error);
  *used += slot_memory(slot);
  if (status != OA_OK && status != OA_ERR_NOMEM) {
    oa_error_prefix(error, "%s", name);
  }
  return status;
}

oa_status oa_otap_stream_read(oa_otap_stream *stream,
                              const oa_otap_record *record,
                              oa_otlp_result *result, oa_error *error) {
  oa_otap_payload payload;
  oa_cursor cursor = record->bytes;
  size_t used = slots_memory(stream);
  oa_status status;
  while ((status = oa_otap_record_next(&cursor, &payload, error)) == OA_OK) {
    OA_TRY(read_payload(stream, &payload, &used, result, error));
  }
  if (status != OA_END) {
    return status;
  }
  const size_t most = stream->limits.max_memory;
  stream->scratch.max = used < most ? most - used : 0;
  return OA_OK;
}

void oa_otap_stream_drop(oa_otap_stream *stream) {
  for (size_t i = 0; i < OA_PAYLOAD_TYPE_END; i++) {
    oa_otap_slot *slot = stream->slots[i];
    if (slot != NULL && slot->present) {
      slot->present = false;
      slot->table.rows = 0;
      if (slot->reader != NULL) {
        oa_ipc_reader_drop_batch(slot->reader);
      }
    }
  }
  stream->rows = 0;
  stream->spent = 0;
  oa_scratch_reset(&stream->scratch);
}

const oa_otap_table *oa_otap_stream_table(const oa_otap_stream *stream,
                                          oa_payload_type type) {
  const oa_otap_slot *slot = stream->slots[type];
  return slot != NULL && slot->present && slot->table.rows > 0 ? &slot->table
                                                               : NULL;
}
