/* SPDX-License-Identifier: Apache-2.0 */
#include "otap/encode.h"

#include <stdarg.h>
#include <stdio.h>
#include <sys/random.h>

#include "base/mem.h"
#include "otap/encode_impl.h"
#include "wire/emit.h"

/* Memory for the columns of one message; a batch that wants more is split. */
#define ARENA_MAX ((size_t)1 << 30)

/* Smaller messages could not even hold one row with its schemas. */
enum { MIN_BYTES = 64 * 1024 };

enum { RECORDS_BATCH_ID = 1 };

/* The tables of each signal in the order of the message. */
static const uint8_t trace_tables[] = {OA_PAYLOAD_SPANS,
                                       OA_PAYLOAD_RESOURCE_ATTRS,
                                       OA_PAYLOAD_SCOPE_ATTRS,
                                       OA_PAYLOAD_SPAN_ATTRS,
                                       OA_PAYLOAD_SPAN_EVENTS,
                                       OA_PAYLOAD_SPAN_LINKS,
                                       OA_PAYLOAD_SPAN_EVENT_ATTRS,
                                       OA_PAYLOAD_SPAN_LINK_ATTRS};
static const uint8_t log_tables[] = {OA_PAYLOAD_LOGS, OA_PAYLOAD_RESOURCE_ATTRS,
                                     OA_PAYLOAD_SCOPE_ATTRS,
                                     OA_PAYLOAD_LOG_ATTRS};
static const uint8_t metric_tables[] = {
    OA_PAYLOAD_METRICS,
    OA_PAYLOAD_RESOURCE_ATTRS,
    OA_PAYLOAD_SCOPE_ATTRS,
    OA_PAYLOAD_METRIC_ATTRS,
    OA_PAYLOAD_NUMBER_POINTS,
    OA_PAYLOAD_SUMMARY_POINTS,
    OA_PAYLOAD_HISTOGRAM_POINTS,
    OA_PAYLOAD_EXP_HISTOGRAM_POINTS,
    OA_PAYLOAD_NUMBER_POINT_ATTRS,
    OA_PAYLOAD_SUMMARY_POINT_ATTRS,
    OA_PAYLOAD_HISTOGRAM_POINT_ATTRS,
    OA_PAYLOAD_EXP_HISTOGRAM_POINT_ATTRS,
    OA_PAYLOAD_NUMBER_EXEMPLARS,
    OA_PAYLOAD_HISTOGRAM_EXEMPLARS,
    OA_PAYLOAD_EXP_HISTOGRAM_EXEMPLARS,
    OA_PAYLOAD_NUMBER_EXEMPLAR_ATTRS,
    OA_PAYLOAD_HISTOGRAM_EXEMPLAR_ATTRS,
    OA_PAYLOAD_EXP_HISTOGRAM_EXEMPLAR_ATTRS};

typedef struct table_list {
  const uint8_t *types;
  size_t count;
} table_list;

static const table_list table_lists[OA_SIGNAL_COUNT] = {
    [OA_TRACES] = {trace_tables, sizeof trace_tables},
    [OA_METRICS] = {metric_tables, sizeof metric_tables},
    [OA_LOGS] = {log_tables, sizeof log_tables},
};

/* --- helpers --- */

oa_status oa_send_refuse(const oa_otap_encoder *encoder, const char *format,
                         ...) {
  char text[OA_ERROR_TEXT_SIZE];
  va_list args;
  va_start(args, format);
  vsnprintf(text, sizeof text, format, args);
  va_end(args);
  return oa_error_set(encoder->error, OA_ERR_MALFORMED, "row %lld: %s",
                      (long long)encoder->row, text);
}

/* Through memcpy: a pointer to a pointer of any type is no void **. */
static void hand_out(void *out, void *block) {
  memcpy(out, &block, sizeof block);
}

oa_status oa_send_get(oa_otap_encoder *encoder, int64_t count, size_t size,
                      void *out) {
  void *block = NULL;
  if ((uint64_t)count > ARENA_MAX / size) {
    return OA_ERR_LIMIT;
  }
  OA_TRY(oa_arena_get(&encoder->arena, (size_t)count * size, &block));
  hand_out(out, block);
  return OA_OK;
}

oa_status oa_send_get_zeroed(oa_otap_encoder *encoder, int64_t count,
                             size_t size, void *out) {
  void *block = NULL;
  OA_TRY(oa_send_get(encoder, count, size, &block));
  memset(block, 0, (size_t)count * size);
  hand_out(out, block);
  return OA_OK;
}

oa_send_table *oa_send_table_of(oa_otap_encoder *encoder,
                                oa_payload_type type) {
  oa_send_table *table = encoder->tables;
  while (table->type != type) {
    table++;
  }
  return table;
}

/* --- life --- */

static bool options_valid(const oa_otap_encoder_options *options) {
  return options->max_rows >= 0 && options->max_rows <= OA_OTAP_MAX_ROWS &&
         (options->max_bytes == 0 || options->max_bytes >= MIN_BYTES) &&
         options->codec != OA_CODING_GZIP;
}

static void set_options(oa_otap_encoder *encoder,
                        const oa_otap_encoder_options *options) {
  encoder->options = *options;
  if (options->max_rows == 0) {
    encoder->options.max_rows = OA_OTAP_MAX_ROWS;
  }
  if (options->max_bytes == 0 || options->max_bytes > INT32_MAX) {
    encoder->options.max_bytes = INT32_MAX;
  }
  encoder->chunk = encoder->options.max_rows;
}

static oa_status make_parts(oa_otap_encoder *encoder) {
  const table_list *list = &table_lists[encoder->signal];
  encoder->tables = oa_calloc(list->count, sizeof *encoder->tables);
  if (encoder->tables == NULL) {
    return OA_ERR_NOMEM;
  }
  encoder->table_count = list->count;
  for (size_t i = 0; i < list->count; i++) {
    OA_TRY(oa_send_table_init(&encoder->tables[i],
                              (oa_payload_type)list->types[i], encoder->seed));
  }
  OA_TRY(oa_send_owners_init(&encoder->resources, encoder->seed));
  OA_TRY(oa_send_owners_init(&encoder->scopes, encoder->seed));
  return encoder->options.codec == OA_CODING_NONE
             ? OA_OK
             : oa_deflater_new(&encoder->deflater, encoder->options.codec,
                               encoder->options.level);
}

oa_status oa_otap_encoder_new(oa_otap_encoder **out, oa_signal signal,
                              const oa_otap_encoder_options *options) {
  if (!options_valid(options)) {
    return OA_ERR_CONFIG;
  }
  oa_otap_encoder *encoder = oa_calloc(1, sizeof *encoder);
  if (encoder == NULL) {
    return OA_ERR_NOMEM;
  }
  encoder->signal = signal;
  set_options(encoder, options);
  oa_arena_init(&encoder->arena, ARENA_MAX);
  if (getrandom(&encoder->seed, sizeof encoder->seed, GRND_NONBLOCK) !=
      (ssize_t)sizeof encoder->seed) {
    /* Without randomness the address has to do. */
    encoder->seed = (uint64_t)(uintptr_t)encoder;
  }
  const oa_status status = make_parts(encoder);
  if (status != OA_OK) {
    oa_otap_encoder_free(encoder);
    return status;
  }
  *out = encoder;
  return OA_OK;
}

void oa_otap_encoder_free(oa_otap_encoder *encoder) {
  if (encoder == NULL) {
    return;
  }
  for (size_t i = 0; i < encoder->table_count; i++) {
    oa_send_table_free(&encoder->tables[i]);
  }
  oa_free(encoder->tables);
  oa_send_owners_free(&encoder->resources);
  oa_send_owners_free(&encoder->scopes);
  oa_deflater_free(encoder->deflater);
  oa_arena_free(&encoder->arena);
  oa_buf_free(&encoder->message);
  oa_buf_free(&encoder->scratch);
  oa_free(encoder);
}

/* --- messages --- */

static oa_status put_tables(oa_otap_encoder *encoder,
                            const oa_send_rows *rows) {
  switch (encoder->signal) {
    case OA_TRACES:
      OA_TRY(oa_send_put_spans(encoder, rows));
      break;
    case OA_LOGS:
      OA_TRY(oa_send_put_logs(encoder, rows));
      break;
    default:
      OA_TRY(oa_send_put_metrics(encoder, rows));
      break;
  }
  OA_TRY(oa_send_put_owner_attrs(encoder, true));
  return oa_send_put_owner_attrs(encoder, false);
}

static oa_status make_message(oa_otap_encoder *encoder,
                              const oa_send_rows *rows) {
  oa_buf *message = &encoder->message;
  oa_arena_reset(&encoder->arena);
  message->len = 0;
  OA_TRY(put_tables(encoder, rows));
  if (encoder->next_batch_id != 0) {
    OA_TRY(oa_buf_reserve(message, OA_EMIT_TAG_MAX + OA_EMIT_VARINT_MAX));
    uint8_t *at = oa_tag_write(message->data, RECORDS_BATCH_ID, OA_WIRE_VARINT);
    at = oa_varint_write(at, (uint64_t)encoder->next_batch_id);
    message->len = (size_t)(at - message->data);
  }
  for (size_t i = 0; i < encoder->table_count; i++) {
    OA_TRY(oa_send_table_write(encoder, &encoder->tables[i]));
  }
  return OA_OK;
}

/* Where a message that begins at BEGIN ends: metrics stay whole, however many
 * points they have. */
static int64_t find_end(const oa_otap_encoder *encoder, int64_t begin,
                        int64_t rows) {
  int64_t end = begin + encoder->chunk;
  if (end >= rows || encoder->signal != OA_METRICS) {
    return end < rows ? end : rows;
  }
  const int64_t wanted = end;
  while (end > begin && !oa_send_metric_begins(encoder->columns, end)) {
    end--;
  }
  if (end > begin) {
    return end;
  }
  for (end = wanted; end < rows; end++) {
    if (oa_send_metric_begins(encoder->columns, end)) {
      break;
    }
  }
  return end;
}

static oa_status fail(oa_otap_encoder *encoder, oa_status status,
                      int64_t begin) {
  if (status == OA_ERR_LIMIT) {
    return oa_error_set(encoder->error, status,
                        "row %lld: a message of it alone would pass %zu bytes",
                        (long long)begin, encoder->options.max_bytes);
  }
  if (status == OA_ERR_NOMEM) {
    return oa_error_set(encoder->error, status, "no memory for a message");
  }
  return status; /* the text is there */
}

static void end_message(oa_otap_encoder *encoder, bool taken) {
  for (size_t i = 0; i < encoder->table_count; i++) {
    if (taken) {
      oa_send_table_commit(&encoder->tables[i]);
    } else {
      oa_send_table_abandon(&encoder->tables[i]);
    }
  }
  oa_arena_reset(&encoder->arena);
}

/* After messages that were far from too large, longer ones may do again. */
static void grow_chunk(oa_otap_encoder *encoder) {
  const oa_otap_encoder_options *options = &encoder->options;
  if (encoder->message.len < options->max_bytes / 4) {
    encoder->chunk *= 2;
  }
  if (encoder->chunk > options->max_rows) {
    encoder->chunk = options->max_rows;
  }
}

/* Sends the rows from *AT on as one message and moves *AT behind them.  Where
 * they are too many for one, it halves their number. */
static oa_status send_message(oa_otap_encoder *encoder, int64_t *at,
                              int64_t rows, oa_otap_sink sink, void *context) {
  for (;;) {
    const int64_t end = find_end(encoder, *at, rows);
    const oa_send_rows range = {.first = *at, .count = end - *at};
    oa_status status = make_message(encoder, &range);
    if (status == OA_OK) {
      encoder->next_batch_id++;
      status = sink(context, encoder->message.data, encoder->message.len);
      end_message(encoder, status == OA_OK);
      *at = end;
      grow_chunk(encoder);
      return status;
    }
    end_message(encoder, false);
    if (status != OA_ERR_LIMIT || range.count == 1 || encoder->chunk == 1) {
      return fail(encoder, status, *at);
    }
    const int64_t tried =
        range.count < encoder->chunk ? range.count : encoder->chunk;
    encoder->chunk = (tried + 1) / 2;
  }
}

oa_status oa_otap_encode(oa_otap_encoder *encoder, const oa_array *columns,
                         int64_t rows, oa_otap_sink sink, void *context,
                         oa_error *error) {
  oa_status status = OA_OK;
  if (rows > INT32_MAX) {
    return oa_error_set(error, OA_ERR_LIMIT, "%lld rows in one batch",
                        (long long)rows);
  }
  encoder->call++;
  encoder->columns = columns;
  encoder->error = error;
  encoder->row = 0;
  if (oa_send_owners_begin(&encoder->resources, &columns[OA_COL_RESOURCE]) !=
          OA_OK ||
      oa_send_owners_begin(&encoder->scopes, &columns[OA_COL_SCOPE]) != OA_OK) {
    return fail(encoder, OA_ERR_NOMEM, 0);
  }
  for (int64_t at = 0; at < rows && status == OA_OK;) {
    status = send_message(encoder, &at, rows, sink, context);
  }
  encoder->columns = NULL;
  encoder->error = NULL;
  return status;
}
