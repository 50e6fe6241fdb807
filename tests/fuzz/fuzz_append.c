/* SPDX-License-Identifier: Apache-2.0 */
/* Any Arrow stream at all, appended to a builder of each signal.
 *
 * What is taken must be encoded, and those requests must be taken whole by a
 * second builder, with as many rows, and be encoded again to the same bytes.
 * What is not taken must leave the builder as it was. */
#include <stdlib.h>

#include "arrow/ipc_read.h"
#include "base/buf.h"
#include "otlp/otlp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/* Rows of an input that are enough: more only take time. */
enum { MAX_ROWS = 1 << 14 };

static void require(bool holds) {
  if (!holds) {
    abort();
  }
}

/* One after another, each with its length in front. */
static oa_status keep_request(void *context, const uint8_t *message,
                              size_t len) {
  oa_buf *all = context;
  OA_TRY(oa_buf_put(all, &len, sizeof len));
  return oa_buf_put(all, message, len);
}

static oa_buf encode_all(oa_signal signal, oa_otlp_builder *builder) {
  const oa_array *columns;
  oa_error error = {0};
  oa_buf out = {0};
  require(oa_otlp_builder_columns(builder, &columns) == OA_OK);
  require(oa_otlp_encode(signal, columns, oa_otlp_builder_rows(builder),
                         keep_request, &out, &error) == OA_OK);
  return out;
}

static void decode_all(oa_otlp_builder *builder, const oa_buf *requests) {
  for (size_t at = 0; at < requests->len;) {
    size_t len;
    oa_otlp_result result;
    memcpy(&len, requests->data + at, sizeof len);
    at += sizeof len;
    require(oa_otlp_decode(builder, requests->data + at, len, &result, NULL) ==
            OA_OK);
    require(result.rejected == 0 && result.repaired == 0);
    at += len;
  }
}

static void come_back(oa_signal signal, oa_otlp_builder *first,
                      _Atomic uint64_t *ords) {
  oa_otlp_builder *second = NULL;
  require(oa_otlp_builder_new(&second, signal, ords) == OA_OK);
  oa_buf before = encode_all(signal, first);
  decode_all(second, &before);
  require(oa_otlp_builder_rows(first) == oa_otlp_builder_rows(second));
  oa_buf after = encode_all(signal, second);
  require(
      before.len == after.len &&
      (before.len == 0 || memcmp(before.data, after.data, before.len) == 0));
  oa_buf_free(&before);
  oa_buf_free(&after);
  oa_otlp_builder_free(second);
}

static void append(oa_otlp_builder *builder, const oa_ipc_reader *reader) {
  const int64_t before = oa_otlp_builder_rows(builder);
  oa_otlp_result result;
  oa_error error = {0};
  int64_t rows = 0;
  const oa_array *columns = oa_ipc_reader_columns(reader, &rows);
  const oa_status status = oa_otlp_append(builder, oa_ipc_reader_schema(reader),
                                          columns, rows, &result, &error);
  if (status != OA_OK) {
    require(oa_otlp_builder_rows(builder) == before && error.text[0] != '\0');
  } else {
    const int64_t added = oa_otlp_builder_rows(builder) - before;
    require(added <= rows && (uint64_t)added >= result.accepted);
    require((added == rows) == (result.reason[0] == '\0'));
  }
}

static void read_stream(oa_otlp_builder **builders, const uint8_t *data,
                        size_t len) {
  static const oa_ipc_limits limits = {.max_message = 1 << 20,
                                       .max_memory = 1 << 22,
                                       .max_fields = 256,
                                       .max_depth = 16};
  oa_ipc_reader *reader = NULL;
  require(oa_ipc_reader_new(&reader, &limits) == OA_OK);
  for (size_t at = 0; at < len;) {
    size_t used = 0;
    oa_ipc_event event = OA_IPC_EOS;
    oa_error error;
    if (oa_ipc_read(reader, data + at, len - at, &used, &event, &error) !=
        OA_OK) {
      break;
    }
    for (int i = 0; event == OA_IPC_BATCH && i < OA_SIGNAL_COUNT; i++) {
      if (oa_otlp_builder_rows(builders[i]) < MAX_ROWS) {
        append(builders[i], reader);
      }
    }
    at += used;
  }
  oa_ipc_reader_free(reader);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len) {
  _Atomic uint64_t ords = 0;
  oa_otlp_builder *builders[OA_SIGNAL_COUNT] = {NULL};
  for (int i = 0; i < OA_SIGNAL_COUNT; i++) {
    require(oa_otlp_builder_new(&builders[i], (oa_signal)i, &ords) == OA_OK);
  }
  read_stream(builders, data, len);
  for (int i = 0; i < OA_SIGNAL_COUNT; i++) {
    come_back((oa_signal)i, builders[i], &ords);
    oa_otlp_builder_free(builders[i]);
  }
  return 0;
}
