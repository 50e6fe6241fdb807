/* SPDX-License-Identifier: Apache-2.0 */
/* otlp_round.h - the round trip that the three OTLP fuzz targets make.
 *
 * Any bytes are decoded.  When they are taken, the columns are encoded; those
 * requests must be taken whole by a second builder, with as many rows, and
 * encoded again to the same bytes.
 */
#ifndef OA_TESTS_FUZZ_OTLP_ROUND_H
#define OA_TESTS_FUZZ_OTLP_ROUND_H

#include <stdlib.h>

#include "base/buf.h"
#include "otlp/otlp.h"

/* One after another, each with its length in front. */
static oa_status keep_request(void *context, const uint8_t *message,
                              size_t len) {
  oa_buf *all = context;
  OA_TRY(oa_buf_put(all, &len, sizeof len));
  return oa_buf_put(all, message, len);
}

static void require(bool holds) {
  if (!holds) {
    abort();
  }
}

static void encode_all(oa_signal signal, oa_otlp_builder *builder,
                       oa_buf *out) {
  const oa_array *columns;
  oa_error error = {0};
  require(oa_otlp_builder_columns(builder, &columns) == OA_OK);
  require(oa_otlp_encode(signal, columns, oa_otlp_builder_rows(builder),
                         keep_request, out, &error) == OA_OK);
}

static void decode_all(oa_otlp_builder *builder, const oa_buf *requests) {
  for (size_t at = 0; at < requests->len;) {
    size_t len;
    oa_otlp_result result;
    memcpy(&len, requests->data + at, sizeof len);
    at += sizeof len;
    require(oa_otlp_decode(builder, requests->data + at, len, &result, NULL) ==
            OA_OK);
    require(result.rejected == 0 && result.repaired == 0 &&
            result.reason[0] == '\0');
    at += len;
  }
}

static int round_trip(oa_signal signal, const uint8_t *data, size_t len) {
  _Atomic uint64_t ords = 0;
  oa_otlp_builder *first = NULL;
  oa_otlp_builder *second = NULL;
  oa_otlp_result result;
  oa_error error = {0};
  oa_buf before = {0};
  oa_buf after = {0};

  require(oa_otlp_builder_new(&first, signal, &ords) == OA_OK);
  const oa_status status = oa_otlp_decode(first, data, len, &result, &error);
  if (status == OA_OK) {
    require(oa_otlp_builder_new(&second, signal, &ords) == OA_OK);
    encode_all(signal, first, &before);
    decode_all(second, &before);
    require(oa_otlp_builder_rows(first) == oa_otlp_builder_rows(second));
    encode_all(signal, second, &after);
    require(
        before.len == after.len &&
        (before.len == 0 || memcmp(before.data, after.data, before.len) == 0));
  } else {
    require(oa_otlp_builder_rows(first) == 0 && error.text[0] != '\0');
  }
  oa_otlp_builder_free(first);
  oa_otlp_builder_free(second);
  oa_buf_free(&before);
  oa_buf_free(&after);
  return 0;
}

#endif
