/* SPDX-License-Identifier: Apache-2.0 */
/* same_rows.h - rows go out in each protocol and come back, for the three
 * targets that start from OTLP requests.
 *
 * What is decoded is the same telemetry again after a way through OTLP/JSON, a
 * file, and Arrow Flight: its requests are encoded to the same bytes.  OTAP
 * has no place for some things (see otap/encode.h) and makes one request of
 * all; but every row is there, with the same plain values, and from then on
 * nothing changes any more but the order of attributes.
 */
#ifndef OA_TESTS_FUZZ_SAME_ROWS_H
#define OA_TESTS_FUZZ_SAME_ROWS_H

#include <stdlib.h>
#include <string.h>

#include "arrow/bits.h"
#include "arrow/ipc_read.h"
#include "arrow/ipc_write.h"
#include "base/buf.h"
#include "flight/message.h"
#include "flight/put.h"
#include "flight/stored.h"
#include "otap/encode.h"
#include "otap/otap.h"
#include "otlp/json.h"
#include "otlp/message.h"
#include "otlp/otlp.h"
#include "wire/emit.h"

enum {
  /* Rows of an input that are enough: more only take time. */
  SAME_MAX_ROWS = 2000,
  SAME_MEMORY = 64 << 20,
};

/* For replay_main.c: each input takes long. */
extern const size_t oa_replay_mutations;
const size_t oa_replay_mutations = 8;

typedef struct rows {
  oa_signal signal;
  oa_otlp_builder *builder;
  const oa_array *columns;
  int64_t count;
} rows;

/* The numbers of requests, of one process. */
static _Atomic uint64_t same_ords;

static inline void require(bool holds) {
  if (!holds) {
    abort();
  }
}

static inline void rows_open(rows *r, oa_signal signal) {
  *r = (rows){.signal = signal};
  require(oa_otlp_builder_new(&r->builder, signal, &same_ords) == OA_OK);
}

static inline void rows_look(rows *r) {
  require(oa_otlp_builder_columns(r->builder, &r->columns) == OA_OK);
  r->count = oa_otlp_builder_rows(r->builder);
}

static inline void rows_close(rows *r) {
  oa_otlp_builder_free(r->builder);
}

/* One after another, each with its length in front. */
static oa_status keep_message(void *context, const uint8_t *message,
                              size_t len) {
  oa_buf *all = context;
  OA_TRY(oa_buf_put(all, &len, sizeof len));
  return oa_buf_put(all, message, len);
}

/* The next of them; false at the end. */
static inline bool next_message(const oa_buf *all, size_t *at,
                                const uint8_t **message, size_t *len) {
  if (*at >= all->len) {
    return false;
  }
  memcpy(len, all->data + *at, sizeof *len);
  *message = all->data + *at + sizeof *len;
  *at += sizeof *len + *len;
  return true;
}

static inline oa_buf requests_of(oa_signal signal, const oa_array *columns,
                                 int64_t count) {
  oa_buf out = {0};
  oa_error error = {0};
  require(oa_otlp_encode(signal, columns, count, keep_message, &out, &error) ==
          OA_OK);
  return out;
}

static inline void require_same(const oa_buf *a, const oa_buf *b) {
  require(a->len == b->len &&
          (a->len == 0 || memcmp(a->data, b->data, a->len) == 0));
}

/* --- JSON --- */

static inline bool says_nan(const oa_buf *text) {
  static const char word[] = "\"NaN\"";
  for (size_t i = 0; i + sizeof word - 1 <= text->len; i++) {
    if (memcmp(text->data + i, word, sizeof word - 1) == 0) {
      return true;
    }
  }
  return false;
}

static inline void through_json(oa_signal signal, const oa_buf *requests) {
  const uint8_t *message;
  size_t len;
  for (size_t at = 0; next_message(requests, &at, &message, &len);) {
    oa_buf text = {0};
    oa_buf again = {0};
    oa_error error = {0};
    const oa_buf want = {.data = (uint8_t *)(uintptr_t)message, .len = len};
    require(oa_otlp_json_write(signal, message, len, &text, &error) == OA_OK);
    require(oa_otlp_json_read(signal, text.data, text.len, &again, &error) ==
            OA_OK);
    if (says_nan(&text)) {
      /* JSON knows one of the many. */
      oa_buf twice = {0};
      require(oa_otlp_json_write(signal, again.data, again.len, &twice,
                                 &error) == OA_OK);
      require_same(&twice, &text);
      oa_buf_free(&twice);
    } else {
      require_same(&again, &want);
    }
    oa_buf_free(&text);
    oa_buf_free(&again);
  }
}

/* --- files --- */

static inline void put_pieces(oa_buf *out, const oa_ipc_pieces *pieces) {
  for (size_t i = 0; i < pieces->count; i++) {
    require(oa_buf_put(out, pieces->iov[i].iov_base, pieces->iov[i].iov_len) ==
            OA_OK);
  }
}

/* The rows as a stream of a schema and two batches. */
static inline oa_buf stream_of(const rows *r, oa_coding codec) {
  oa_ipc_writer *writer = NULL;
  oa_ipc_pieces pieces;
  oa_buf out = {0};
  require(oa_ipc_writer_new(&writer, oa_otlp_schema(r->signal), codec, 0) ==
          OA_OK);
  require(oa_ipc_write_schema(writer, &pieces) == OA_OK);
  put_pieces(&out, &pieces);
  require(oa_ipc_write_batch(writer, r->columns, r->count, &pieces) == OA_OK);
  put_pieces(&out, &pieces);
  oa_ipc_writer_free(writer);
  return out;
}

static inline void through_file(const rows *r, const oa_buf *stream,
                                const oa_buf *requests) {
  oa_array *columns =
      calloc(oa_otlp_schema(r->signal)->field_count, sizeof *columns);
  oa_ipc_reader *reader = NULL;
  oa_ipc_event event = OA_IPC_EOS;
  oa_error error = {0};
  int64_t count = 0;
  require(columns != NULL && oa_ipc_reader_new(&reader, NULL) == OA_OK);
  for (size_t at = 0; at < stream->len;) {
    size_t used = 0;
    require(oa_ipc_read(reader, stream->data + at, stream->len - at, &used,
                        &event, &error) == OA_OK);
    at += used;
  }
  require(event == OA_IPC_BATCH);
  const oa_array *found = oa_ipc_reader_columns(reader, &count);
  require(count == r->count);
  require(oa_otlp_bind(r->signal, oa_ipc_reader_schema(reader), found, columns,
                       &error) == OA_OK);
  oa_buf again = requests_of(r->signal, columns, count);
  require_same(&again, requests);
  oa_buf_free(&again);
  oa_ipc_reader_free(reader);
  free(columns);
}

/* --- Flight --- */

/* The message at AT of STREAM as FlightData. */
static inline oa_buf flight_data(const oa_buf *stream, size_t *at) {
  oa_stored_message m;
  size_t need = 0;
  oa_emit e = {0};
  const uint8_t *from = stream->data + *at;
  require(oa_stored_look(from, stream->len - *at, &m, &need, NULL) == OA_OK);
  oa_flight_write_data(&e, from + m.meta_at, m.meta_len, (size_t)m.body_len);
  require(oa_buf_put(&e.out, from + m.body_at, (size_t)m.body_len) == OA_OK);
  require(e.status == OA_OK);
  *at += (size_t)m.size;
  return e.out;
}

static inline void through_flight(const rows *r, const oa_buf *stream,
                                  const oa_buf *requests) {
  oa_flight_put *put = NULL;
  oa_error error = {0};
  rows back;
  rows_open(&back, r->signal);
  require(oa_flight_put_new(&put, SAME_MEMORY, SAME_MEMORY) == OA_OK);
  for (size_t at = 0; at < stream->len;) {
    oa_buf message = flight_data(stream, &at);
    require(oa_flight_put_message(put, message.data, message.len, &error) ==
            OA_OK);
    oa_status status;
    while ((status = oa_flight_put_next(put, &error)) == OA_OK) {
      oa_otlp_result result = {0};
      require(oa_flight_put_signal(put) == r->signal);
      require(oa_flight_put_decode(put, back.builder, &result, &error) ==
              OA_OK);
      require(result.rejected == 0 && result.reason[0] == '\0');
    }
    require(status == OA_END);
    oa_buf_free(&message);
  }
  rows_look(&back);
  require(back.count == r->count);
  oa_buf again = requests_of(r->signal, back.columns, back.count);
  require_same(&again, requests);
  oa_buf_free(&again);
  oa_flight_put_free(put);
  rows_close(&back);
}

/* --- OTAP --- */

/* FROM as messages of one stream, and what its receiver makes of them. */
static inline void send_otap(const rows *from, rows *to, oa_coding codec) {
  oa_otap_encoder *encoder = NULL;
  oa_otap_stream *stream = NULL;
  oa_buf messages = {0};
  oa_error error = {0};
  const uint8_t *message;
  size_t len;
  const oa_otap_encoder_options options = {.codec = codec,
                                           .metric_attrs = true};
  rows_open(to, from->signal);
  require(oa_otap_encoder_new(&encoder, from->signal, &options) == OA_OK);
  require(oa_otap_stream_new(&stream, from->signal, NULL) == OA_OK);
  require(oa_otap_encode(encoder, from->columns, from->count, keep_message,
                         &messages, &error) == OA_OK);
  for (size_t at = 0; next_message(&messages, &at, &message, &len);) {
    oa_otap_batch batch;
    require(oa_otap_decode(stream, to->builder, message, len, &batch, &error) ==
            OA_OK);
    require(batch.in_step && batch.result.rejected == 0);
  }
  rows_look(to);
  require(to->count == from->count);
  oa_buf_free(&messages);
  oa_otap_stream_free(stream);
  oa_otap_encoder_free(encoder);
}

static inline bool ends_with(const char *text, const char *end) {
  const size_t text_len = strlen(text);
  const size_t len = strlen(end);
  return text_len >= len && strcmp(text + text_len - len, end) == 0;
}

/* Texts and numbers.  Not ids, as those of zeros become none, and nothing in
 * which attributes stand in an order. */
static inline bool is_plain(const oa_field *field) {
  return field->type != OA_TYPE_LIST && field->type != OA_TYPE_STRUCT &&
         !ends_with(field->name, "_ord") && !ends_with(field->name, "_id") &&
         !ends_with(field->name, "_attributes") &&
         strcmp(field->name, "resource") != 0 &&
         strcmp(field->name, "scope") != 0;
}

static inline bool same_plain(const oa_field *field, const oa_array *a,
                              const oa_array *b, int64_t i) {
  if (oa_array_is_null(a, i) || oa_array_is_null(b, i)) {
    return oa_array_is_null(a, i) == oa_array_is_null(b, i);
  }
  if (field->type == OA_TYPE_UTF8 || field->type == OA_TYPE_BINARY) {
    size_t a_len;
    size_t b_len;
    const uint8_t *x = field->dictionary ? oa_array_dict_bytes(a, i, &a_len)
                                         : oa_array_bytes(a, i, &a_len);
    const uint8_t *y = field->dictionary ? oa_array_dict_bytes(b, i, &b_len)
                                         : oa_array_bytes(b, i, &b_len);
    return a_len == b_len && (a_len == 0 || memcmp(x, y, a_len) == 0);
  }
  if (field->type == OA_TYPE_BOOL) {
    return (a->values != NULL && oa_bit(a->values, i)) ==
           (b->values != NULL && oa_bit(b->values, i));
  }
  static const uint8_t zeros[16] = {0};
  const size_t width = oa_field_width(field);
  const size_t at = (size_t)i * width;
  return memcmp(a->values == NULL ? zeros : (const uint8_t *)a->values + at,
                b->values == NULL ? zeros : (const uint8_t *)b->values + at,
                width) == 0;
}

static inline uint64_t mix(uint64_t x) { /* splitmix64 */
  x += UINT64_C(0x9e3779b97f4a7c15);
  x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
  x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
  return x ^ (x >> 31);
}

static inline uint64_t sum_of_bytes(oa_cursor bytes) {
  uint64_t sum = oa_cursor_left(&bytes);
  for (; bytes.at < bytes.end; bytes.at++) {
    sum = mix(sum ^ *bytes.at);
  }
  return sum;
}

/* Equal for messages that say the same in another order. */
static inline uint64_t meaning(const oa_message *message, oa_cursor cursor) {
  uint64_t sum = 0;
  while (!oa_cursor_done(&cursor)) {
    uint32_t tag = 0;
    uint64_t value = 0;
    uint32_t half = 0;
    oa_cursor bytes = {0};
    require(oa_cursor_tag(&cursor, &tag) == OA_OK);
    const size_t index = oa_message_find(message, tag >> 3);
    require(index < message->count);
    const oa_message_field *field = &message->fields[index];
    oa_status status = OA_ERR_MALFORMED;
    if ((tag & 7) == OA_WIRE_VARINT) {
      status = oa_cursor_varint(&cursor, &value);
    } else if ((tag & 7) == OA_WIRE_FIXED64) {
      status = oa_cursor_fixed64(&cursor, &value);
    } else if ((tag & 7) == OA_WIRE_FIXED32) {
      status = oa_cursor_fixed32(&cursor, &half);
      value = half;
    } else if ((tag & 7) == OA_WIRE_BYTES) {
      status = oa_cursor_bytes(&cursor, &bytes);
      value = field->kind == OA_KIND_MESSAGE ? meaning(field->message, bytes)
                                             : sum_of_bytes(bytes);
    }
    require(status == OA_OK);
    sum += mix(mix(tag) ^ value);
  }
  return sum;
}

static inline uint64_t meaning_of_all(oa_signal signal, const oa_buf *all) {
  const uint8_t *message;
  size_t len;
  uint64_t sum = 0;
  for (size_t at = 0; next_message(all, &at, &message, &len);) {
    sum +=
        mix(meaning(oa_message_request(signal), oa_cursor_over(message, len)));
  }
  return sum;
}

static inline void through_otap(const rows *r) {
  const oa_schema *schema = oa_otlp_schema(r->signal);
  rows once;
  rows twice;
  send_otap(r, &once, OA_CODING_NONE);
  for (size_t c = 0; c < schema->field_count; c++) {
    for (int64_t i = 0; is_plain(&schema->fields[c]) && i < r->count; i++) {
      require(
          same_plain(&schema->fields[c], &r->columns[c], &once.columns[c], i));
    }
  }
  send_otap(&once, &twice, OA_CODING_ZSTD);
  oa_buf first = requests_of(r->signal, once.columns, once.count);
  oa_buf second = requests_of(r->signal, twice.columns, twice.count);
  require(first.len == second.len && meaning_of_all(r->signal, &first) ==
                                         meaning_of_all(r->signal, &second));
  oa_buf_free(&first);
  oa_buf_free(&second);
  rows_close(&once);
  rows_close(&twice);
}

static inline int same_everywhere(oa_signal signal, const uint8_t *data,
                                  size_t len) {
  rows r;
  oa_otlp_result result;
  rows_open(&r, signal);
  if (oa_otlp_decode(r.builder, data, len, &result, NULL) == OA_OK) {
    rows_look(&r);
    if (r.count > 0 && r.count <= SAME_MAX_ROWS) {
      oa_buf requests = requests_of(signal, r.columns, r.count);
      oa_buf stream = stream_of(&r, OA_CODING_NONE);
      through_json(signal, &requests);
      through_file(&r, &stream, &requests);
      through_flight(&r, &stream, &requests);
      through_otap(&r);
      oa_buf_free(&stream);
      oa_buf_free(&requests);
    }
  }
  rows_close(&r);
  return 0;
}

#endif
