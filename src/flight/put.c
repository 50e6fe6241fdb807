/* SPDX-License-Identifier: Apache-2.0 */
#include "flight/put.h"

#include <stdio.h>
#include <string.h>

#include "arrow/ipc_read.h"
#include "base/mem.h"
#include "flight/cell.h"
#include "flight/flat.h"
#include "flight/requests.h"

/* Ours has 47 top-level fields and about 90 in all. */
enum { MAX_FIELDS = 1024, MAX_DEPTH = 16 };

/* What the dictionaries of a batch may stand for, in all memory that it may
 * take. */
enum { MORE_THAN_MEMORY = 4 };

struct oa_flight_put {
  oa_ipc_limits limits;
  oa_ipc_reader *reader;
  oa_inflater *inflater;           /* NULL: the reader has its own */
  oa_flight_descriptor descriptor; /* words point into WORDS */
  oa_buf words;
  bool described;
  bool has_schema;
  oa_signal signal;
  oa_flight_form form;

  oa_flight_data data; /* the message that is being read */
  bool whole;          /* its header is a whole stream, of which REST is left */
  oa_cursor rest;
  bool pending; /* it is one IPC message, not read yet */
  int64_t rows; /* of the current batch */
  oa_emit emit; /* a request made of it */
};

oa_status oa_flight_put_new(oa_flight_put **out, size_t max_message,
                            size_t max_memory) {
  oa_flight_put *put = oa_calloc(1, sizeof *put);
  if (put == NULL) {
    return OA_ERR_NOMEM;
  }
  put->limits = (oa_ipc_limits){.max_message = max_message,
                                .max_memory = max_memory,
                                .max_fields = MAX_FIELDS,
                                .max_depth = MAX_DEPTH};
  *out = put;
  return OA_OK;
}

void oa_flight_put_set_purse(oa_flight_put *put, oa_purse *purse) {
  put->limits.purse = purse;
  put->words.purse = purse;
  put->emit.out.purse = purse;
}

void oa_flight_put_set_inflater(oa_flight_put *put, oa_inflater *inflater) {
  put->inflater = inflater;
}

void oa_flight_put_free(oa_flight_put *put) {
  if (put == NULL) {
    return;
  }
  oa_ipc_reader_free(put->reader);
  oa_buf_free(&put->words);
  oa_buf_free(&put->emit.out);
  oa_free(put);
}

/* --- messages --- */

/* Keeps a descriptor beyond its message.  Longer words than these name nothing
 * here, so that only their beginning is kept. */
static oa_status keep_descriptor(oa_flight_put *put,
                                 const oa_flight_descriptor *from) {
  enum { LONGEST = 64 };
  oa_cursor parts[OA_FLIGHT_MAX_PATH + 1];
  const size_t count = OA_FLIGHT_MAX_PATH + 1;
  memcpy(parts, from->path, sizeof from->path);
  parts[OA_FLIGHT_MAX_PATH] = from->cmd;
  OA_TRY(oa_buf_reserve(&put->words, count * LONGEST));
  put->descriptor = *from;
  for (size_t i = 0; i < count; i++) {
    size_t len = oa_cursor_left(&parts[i]);
    const uint8_t *start = put->words.data + put->words.len;
    len = len < LONGEST ? len : LONGEST;
    OA_TRY(oa_buf_put(&put->words, parts[i].at, len));
    oa_cursor *kept = i < OA_FLIGHT_MAX_PATH ? &put->descriptor.path[i]
                                             : &put->descriptor.cmd;
    *kept = oa_cursor_over(start, len);
  }
  put->described = true;
  return OA_OK;
}

/* A reader that has read nothing. */
static oa_status renew_reader(oa_flight_put *put, oa_error *error) {
  oa_ipc_reader_free(put->reader);
  put->reader = NULL;
  put->has_schema = false;
  const oa_status status =
      put->inflater == NULL
          ? oa_ipc_reader_new(&put->reader, &put->limits)
          : oa_ipc_reader_new_with(&put->reader, &put->limits, put->inflater);
  return status == OA_OK
             ? OA_OK
             : oa_error_set(error, status, "no memory for an Arrow stream");
}

static bool is_whole_stream(oa_cursor header) {
  static const uint8_t mark[] = {0xff, 0xff, 0xff, 0xff};
  return oa_cursor_left(&header) >= sizeof mark &&
         memcmp(header.at, mark, sizeof mark) == 0;
}

oa_status oa_flight_put_message(oa_flight_put *put, const uint8_t *message,
                                size_t len, oa_error *error) {
  const oa_cursor bytes =
      len > 0 ? oa_cursor_over(message, len) : (oa_cursor){0};
  const bool was_whole = put->whole;
  put->pending = false;
  put->whole = false;
  put->rest = (oa_cursor){0};
  const oa_status status = oa_flight_read_data(bytes, &put->data);
  if (status != OA_OK) {
    return oa_error_set(
        error, status, "the message is not a FlightData: its protobuf %s",
        status == OA_ERR_TRUNCATED ? "ends inside a field" : "is malformed");
  }
  if (put->data.has_descriptor && !put->described &&
      keep_descriptor(put, &put->data.descriptor) != OA_OK) {
    return oa_error_set(error, OA_ERR_NOMEM, "no memory for a descriptor");
  }
  if (oa_cursor_done(&put->data.header)) {
    return oa_cursor_done(&put->data.body)
               ? OA_OK /* a descriptor or metadata alone */
               : oa_error_set(error, OA_ERR_MALFORMED,
                              "a FlightData has a data_body but no "
                              "data_header");
  }
  put->whole = is_whole_stream(put->data.header);
  put->rest = put->data.header;
  put->pending = !put->whole;
  /* Whole streams have nothing to do with what came before. */
  return put->whole || was_whole || put->reader == NULL
             ? renew_reader(put, error)
             : OA_OK;
}

/* Reads one IPC message. */
static oa_status read_one(oa_flight_put *put, oa_ipc_event *event,
                          oa_error *error) {
  if (!put->whole) {
    if (!put->pending) {
      return OA_END;
    }
    put->pending = false;
    return oa_ipc_read_parts(
        put->reader, put->data.header.at, oa_cursor_left(&put->data.header),
        put->data.body.at, oa_cursor_left(&put->data.body), event, error);
  }
  size_t used = 0;
  OA_TRY(oa_ipc_read(put->reader, put->rest.at, oa_cursor_left(&put->rest),
                     &used, event, error));
  put->rest.at += used;
  return *event == OA_IPC_EOS ? OA_END : OA_OK;
}

/* A dictionary lets a few bytes stand for any number, and these forms are read
 * value by value. */
static oa_status check_dictionaries(const oa_flight_put *put,
                                    const oa_array *columns, oa_error *error) {
  const oa_schema *schema = oa_ipc_reader_schema(put->reader);
  uint64_t sum = 0;
  for (size_t i = 0; i < schema->field_count; i++) {
    const oa_cells cells = {.field = &schema->fields[i], .array = &columns[i]};
    if (cells.field->dictionary && oa_cell_fits(cells.field, OA_CELL_BYTES)) {
      sum += oa_cells_bytes(&cells);
    }
  }
  if (sum / MORE_THAN_MEMORY > put->limits.max_memory) {
    return oa_error_set(error, OA_ERR_LIMIT,
                        "the dictionaries of a batch stand for %llu bytes, at "
                        "most %d times %zu are taken; send smaller ones",
                        (unsigned long long)sum, (int)MORE_THAN_MEMORY,
                        put->limits.max_memory);
  }
  return OA_OK;
}

static oa_status check_batch(oa_flight_put *put, oa_error *error) {
  const oa_array *columns = oa_ipc_reader_columns(put->reader, &put->rows);
  if (put->rows > OA_FLIGHT_MAX_ROWS) {
    return oa_error_set(error, OA_ERR_LIMIT,
                        "a batch has %lld rows, at most %d are taken; send "
                        "smaller ones",
                        (long long)put->rows, (int)OA_FLIGHT_MAX_ROWS);
  }
  return put->form == OA_FLIGHT_ROWS ? OA_OK
                                     : check_dictionaries(put, columns, error);
}

oa_status oa_flight_put_next(oa_flight_put *put, oa_error *error) {
  put->rows = 0;
  oa_buf_free(&put->emit.out);
  oa_emit_reset(&put->emit);
  if (put->reader != NULL) {
    oa_ipc_reader_drop_batch(put->reader);
  }
  for (;;) {
    oa_ipc_event event = OA_IPC_EOS;
    oa_error problem = {.text = ""};
    oa_status status = read_one(put, &event, &problem);
    if (status == OA_END) {
      return OA_END;
    }
    if (status == OA_OK && event == OA_IPC_SCHEMA) {
      status = oa_flight_find_form(&put->descriptor,
                                   oa_ipc_reader_schema(put->reader),
                                   &put->signal, &put->form, &problem);
      put->has_schema = status == OA_OK;
    } else if (status == OA_OK && event == OA_IPC_BATCH) {
      status = check_batch(put, &problem);
    }
    if (status != OA_OK) {
      return oa_error_set(
          error, status, "%s",
          problem.text[0] != '\0' ? problem.text : oa_status_text(status));
    }
    if (event == OA_IPC_BATCH) {
      return OA_OK;
    }
  }
}

oa_signal oa_flight_put_signal(const oa_flight_put *put) {
  return put->signal;
}

oa_cursor oa_flight_put_metadata(const oa_flight_put *put) {
  return put->data.metadata;
}

bool oa_flight_put_begun(const oa_flight_put *put, oa_signal *signal) {
  *signal = put->signal;
  return put->has_schema;
}

size_t oa_flight_put_memory(const oa_flight_put *put) {
  return sizeof *put + put->words.cap + put->emit.out.cap +
         (put->reader == NULL ? 0 : oa_ipc_reader_memory(put->reader));
}

/* --- batches --- */

static oa_status decode_flat(oa_flight_put *put, const oa_schema *schema,
                             const oa_array *columns, oa_otlp_builder *builder,
                             oa_otlp_result *result, oa_error *error) {
  oa_flat_loss loss;
  oa_emit_reset(&put->emit);
  const oa_status status = oa_flat_encode(put->signal, schema, columns,
                                          put->rows, &put->emit, &loss);
  if (status != OA_OK) {
    return oa_error_set(error, status, "flat columns: %s",
                        oa_status_text(status));
  }
  OA_TRY(oa_otlp_decode(builder, put->emit.out.data, put->emit.out.len, result,
                        error));
  if (loss.rows > 0) {
    result->rejected += loss.rows;
    snprintf(result->reason, sizeof result->reason, "%s", loss.reason);
  }
  return OA_OK;
}

static oa_status decode_batch(oa_flight_put *put, oa_otlp_builder *builder,
                              oa_otlp_result *result, oa_error *error) {
  int64_t rows;
  const oa_schema *schema = oa_ipc_reader_schema(put->reader);
  const oa_array *columns = oa_ipc_reader_columns(put->reader, &rows);
  switch (put->form) {
    case OA_FLIGHT_FLAT:
      return decode_flat(put, schema, columns, builder, result, error);
    case OA_FLIGHT_PROTO:
      return oa_requests_decode(builder, &schema->fields[0], &columns[0],
                                result, error);
    case OA_FLIGHT_ROWS:
      break;
  }
  return oa_otlp_append(builder, schema, columns, rows, result, error);
}

oa_status oa_flight_put_decode(void *input, oa_otlp_builder *builder,
                               oa_otlp_result *result, oa_error *error) {
  const bool alone = oa_otlp_builder_rows(builder) == 0;
  const oa_status status = decode_batch(input, builder, result, error);
  /* What is too much for an empty builder will never fit. */
  return status == OA_ERR_LIMIT && alone && !oa_otlp_builder_outgrown(builder)
             ? OA_ERR_MALFORMED
             : status;
}
