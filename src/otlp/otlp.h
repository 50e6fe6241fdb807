/* SPDX-License-Identifier: Apache-2.0 */
/* otlp.h - OTLP protobuf to columns and back.
 *
 * Decoding is one pass over the request bytes straight into growing columns;
 * encoding makes equal messages from the columns again.  The promise between
 * them: decode, then encode, gives an equal message, but for unknown fields
 * and ResourceX / ScopeX messages without children, which are not kept, and
 * for an attribute's value that is there and empty, which comes back absent.
 *
 * A builder belongs to one thread at a time.
 */
#ifndef OA_OTLP_OTLP_H
#define OA_OTLP_OTLP_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "arrow/array.h"
#include "base/error.h"
#include "otlp/schema.h"

/* Values nested deeper than this make their record rejected. */
enum { OA_OTLP_MAX_DEPTH = 64 };

typedef struct oa_otlp_builder oa_otlp_builder;

/* What one request did. */
typedef struct oa_otlp_result {
  uint64_t accepted; /* items: spans, data points, log records */
  uint64_t rejected; /* items left out, for partial_success */
  uint64_t repaired; /* strings that were not UTF-8 */
  char reason[192];  /* of the first rejection; "" when there is none */
} oa_otlp_result;

/* ORDS gives resource_ord, scope_ord and metric_ord their numbers; builders
 * of one service share it.  It is borrowed. */
oa_status oa_otlp_builder_new(oa_otlp_builder **out, oa_signal signal,
                              _Atomic uint64_t *ords);
void oa_otlp_builder_free(oa_otlp_builder *builder);

/* Decodes one Export*ServiceRequest and appends its rows.  All or nothing: on
 * failure the builder is as before.  BYTES are not needed after the call.
 * OA_ERR_MALFORMED, OA_ERR_TRUNCATED: ERROR names signal, field path and
 * offset.  OA_ERR_NOMEM; OA_ERR_LIMIT when 32-bit offsets would overflow. */
oa_status oa_otlp_decode(oa_otlp_builder *builder, const uint8_t *bytes,
                         size_t len, oa_otlp_result *result, oa_error *error);

int64_t oa_otlp_builder_rows(const oa_otlp_builder *builder);

/* Bytes of memory that the rows and their dictionaries take. */
size_t oa_otlp_builder_memory(const oa_otlp_builder *builder);

/* The columns as they are now; they point into BUILDER and live until the
 * next call that changes it.  OA_ERR_NOMEM. */
oa_status oa_otlp_builder_columns(oa_otlp_builder *builder,
                                  const oa_array **columns);

/* Forgets the rows and keeps the memory; with KEEP below the memory held,
 * gives all of it back. */
void oa_otlp_builder_reset(oa_otlp_builder *builder, size_t keep);

/* --- columns to OTLP (encode.c) --- */

/* Receives one Export*ServiceRequest; anything but OA_OK stops encoding. */
typedef oa_status (*oa_otlp_sink)(void *context, const uint8_t *message,
                                  size_t len);

/* Makes the requests that the rows came from, one call of SINK for each.
 * COLUMNS are those of oa_otlp_schema(SIGNAL), of valid arrays; a value that
 * no decoder of ours writes is OA_ERR_MALFORMED. */
oa_status oa_otlp_encode(oa_signal signal, const oa_array *columns,
                         int64_t rows, oa_otlp_sink sink, void *context,
                         oa_error *error);

/* Picks from a file's COLUMNS (of SCHEMA) those of SIGNAL's schema by name
 * into OUT, which has room for all of them.  OA_ERR_UNSUPPORTED names the
 * first column that is missing or of another type. */
oa_status oa_otlp_bind(oa_signal signal, const oa_schema *schema,
                       const oa_array *columns, oa_array *out, oa_error *error);

#endif
