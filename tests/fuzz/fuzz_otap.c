/* SPDX-License-Identifier: Apache-2.0 */
/* Messages of one OTAP stream: a byte for the signal, then each message behind
 * two bytes of length.  Any bytes must be refused with a reason or taken; what
 * is taken must be telemetry that OTLP can say: encoded, taken again and
 * encoded to the same bytes. */
#include <stdlib.h>

#include "base/buf.h"
#include "otap/otap.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

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

static void encode(oa_signal signal, oa_otlp_builder *builder, oa_buf *out) {
  const oa_array *columns;
  oa_error error = {0};
  require(oa_otlp_builder_columns(builder, &columns) == OA_OK);
  require(oa_otlp_encode(signal, columns, oa_otlp_builder_rows(builder),
                         keep_request, out, &error) == OA_OK);
}

static void decode(oa_otlp_builder *builder, const oa_buf *requests) {
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

static void check_rows(oa_signal signal, oa_otlp_builder *builder) {
  _Atomic uint64_t ords = 0;
  oa_otlp_builder *again = NULL;
  oa_buf before = {0};
  oa_buf after = {0};
  require(oa_otlp_builder_new(&again, signal, &ords) == OA_OK);
  encode(signal, builder, &before);
  decode(again, &before);
  require(oa_otlp_builder_rows(builder) == oa_otlp_builder_rows(again));
  encode(signal, again, &after);
  require(
      before.len == after.len &&
      (before.len == 0 || memcmp(before.data, after.data, before.len) == 0));
  oa_otlp_builder_free(again);
  oa_buf_free(&before);
  oa_buf_free(&after);
}

/* Reads the messages; false when the stream cannot go on. */
static bool next(oa_otap_stream *stream, oa_otlp_builder *builder,
                 const uint8_t *bytes, size_t len) {
  oa_otap_batch out;
  oa_error error = {0};
  const int64_t rows = builder == NULL ? 0 : oa_otlp_builder_rows(builder);
  const oa_status status =
      oa_otap_decode(stream, builder, bytes, len, &out, &error);
  if (status != OA_OK) {
    require(error.code == status && error.text[0] != '\0');
    require(builder == NULL || oa_otlp_builder_rows(builder) == rows);
  }
  require(status != OA_OK || out.in_step);
  return out.in_step;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len) {
  static const oa_otap_limits limits = {
      .max_memory = 1 << 22, .max_payloads = 64, .max_rows = 1 << 15};
  _Atomic uint64_t ords = 0;
  oa_otap_stream *stream = NULL;
  oa_otlp_builder *builder = NULL;
  if (len == 0) {
    return 0;
  }
  const oa_signal signal = (oa_signal)(data[0] % OA_SIGNAL_COUNT);
  const bool keeps_rows = data[0] < 0x80;
  require(oa_otap_stream_new(&stream, signal, &limits) == OA_OK);
  require(oa_otlp_builder_new(&builder, signal, &ords) == OA_OK);
  bool goes_on = true;
  for (size_t at = 1; goes_on && at + 2 <= len;) {
    const size_t said = data[at] | (size_t)data[at + 1] << 8;
    at += 2;
    const size_t size = said < len - at ? said : len - at;
    goes_on = next(stream, keeps_rows ? builder : NULL, data + at, size);
    at += size;
  }
  if (oa_otlp_builder_rows(builder) > 0) {
    check_rows(signal, builder);
  }
  oa_otlp_builder_free(builder);
  oa_otap_stream_free(stream);
  return 0;
}
