/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stdio.h>

#include "otlp/encode_impl.h"
#include "otlp/otlp.h"

/* Fields that the messages of the three signals have in common. */
enum {
  REQUEST_RESOURCES = 1, /* Export*ServiceRequest.resource_* */
  RESOURCE_RESOURCE = 1, /* Resource*.resource, .scope_*, .schema_url */
  RESOURCE_SCOPES = 2,
  RESOURCE_SCHEMA_URL = 3,
  SCOPE_SCOPE = 1, /* Scope*.scope, .schema_url; items are field 2 */
  SCOPE_SCHEMA_URL = 3
};

oa_status oa_encode_refuse(const oa_encoder *encoder, const char *format, ...) {
  char text[OA_ERROR_TEXT_SIZE];
  va_list args;
  va_start(args, format);
  vsnprintf(text, sizeof text, format, args);
  va_end(args);
  return oa_error_set(encoder->error, OA_ERR_MALFORMED, "row %lld: %s",
                      (long long)encoder->row, text);
}

/* The end of the run of rows from BEGIN on that have BEGIN's value. */
static int64_t run_end(const oa_array *ord, int64_t begin, int64_t end) {
  const uint64_t *values = ord->values;
  int64_t at = begin + 1;

  if (values == NULL) {
    return end;
  }
  while (at < end && values[at] == values[begin]) {
    at++;
  }
  return at;
}

static oa_status encode_metrics(oa_encoder *encoder, int64_t begin,
                                int64_t end) {
  const oa_array *ord = &encoder->columns[OA_POINT_METRIC_ORD];
  for (int64_t at = begin; at < end;) {
    const int64_t next = run_end(ord, at, end);
    encoder->row = at;
    OA_TRY(oa_encode_metric(encoder, at, next));
    at = next;
  }
  return OA_OK;
}

static oa_status encode_items(oa_encoder *encoder, oa_signal signal,
                              int64_t begin, int64_t end) {
  if (signal == OA_METRICS) {
    return encode_metrics(encoder, begin, end);
  }
  for (int64_t row = begin; row < end; row++) {
    encoder->row = row;
    OA_TRY(signal == OA_TRACES ? oa_encode_span(encoder, row)
                               : oa_encode_log(encoder, row));
    OA_TRY(encoder->emit.status);
  }
  return OA_OK;
}

/* Resource and InstrumentationScope are kept as the messages they came as;
 * an empty one is present all the same. */
static void encode_kept(oa_encoder *encoder, uint32_t field, size_t column,
                        int64_t row) {
  size_t len;
  const uint8_t *bytes = oa_text_at(&encoder->columns[column], row, &len);
  if (bytes != NULL) {
    oa_emit_bytes(&encoder->emit, field, bytes, len);
  }
}

static oa_status encode_scope(oa_encoder *encoder, oa_signal signal,
                              int64_t begin, int64_t end) {
  const oa_emit_nest nest =
      oa_emit_open(&encoder->emit, RESOURCE_SCOPES, OA_WIDTH_GROUP);
  encode_kept(encoder, SCOPE_SCOPE, OA_COL_SCOPE, begin);
  OA_TRY(encode_items(encoder, signal, begin, end));
  oa_encode_text(encoder, SCOPE_SCHEMA_URL,
                 &encoder->columns[OA_COL_SCOPE_SCHEMA_URL], begin);
  oa_emit_close(&encoder->emit, nest);
  return OA_OK;
}

static oa_status encode_resource(oa_encoder *encoder, oa_signal signal,
                                 int64_t begin, int64_t end) {
  const oa_array *ord = &encoder->columns[OA_COL_SCOPE_ORD];
  const oa_emit_nest nest =
      oa_emit_open(&encoder->emit, REQUEST_RESOURCES, OA_WIDTH_GROUP);
  encode_kept(encoder, RESOURCE_RESOURCE, OA_COL_RESOURCE, begin);
  for (int64_t at = begin; at < end;) {
    const int64_t next = run_end(ord, at, end);
    OA_TRY(encode_scope(encoder, signal, at, next));
    at = next;
  }
  oa_encode_text(encoder, RESOURCE_SCHEMA_URL,
                 &encoder->columns[OA_COL_RESOURCE_SCHEMA_URL], begin);
  oa_emit_close(&encoder->emit, nest);
  return OA_OK;
}

/* Writes one request and moves *AT behind its rows. */
static oa_status encode_request(oa_encoder *encoder, oa_signal signal,
                                int64_t *at, int64_t rows) {
  const oa_array *ord = &encoder->columns[OA_COL_RESOURCE_ORD];
  uint64_t last;

  oa_emit_reset(&encoder->emit);
  do {
    const int64_t end = run_end(ord, *at, rows);
    last = oa_u64_at(ord, *at);
    OA_TRY(encode_resource(encoder, signal, *at, end));
    *at = end;
    /* Resources of one request have numbers that follow each other. */
  } while (*at < rows && oa_u64_at(ord, *at) == last + 1);

  return encoder->emit.out.len > INT32_MAX ? OA_ERR_LIMIT
                                           : encoder->emit.status;
}

oa_status oa_otlp_encode(oa_signal signal, const oa_array *columns,
                         int64_t rows, oa_otlp_sink sink, void *context,
                         oa_error *error) {
  oa_encoder encoder = {.columns = columns, .error = error};
  oa_status status = OA_OK;

  for (int64_t at = 0; at < rows && status == OA_OK;) {
    status = encode_request(&encoder, signal, &at, rows);
    if (status == OA_ERR_LIMIT) {
      oa_error_set(error, status, "row %lld: the request would pass 2 GiB",
                   (long long)encoder.row);
    } else if (status == OA_ERR_NOMEM) {
      oa_error_set(error, status, "no memory for a request");
    } else if (status == OA_OK) {
      status = sink(context, encoder.emit.out.data, encoder.emit.out.len);
    }
  }
  oa_buf_free(&encoder.emit.out);
  return status;
}
