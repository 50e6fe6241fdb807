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
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "arrow/array.h"
#include "base/account.h"
#include "base/error.h"
#include "otlp/schema.h"

/* Values nested deeper than this make their record rejected: as deep as anybody
 * nests, and shallow enough that all who walk through values may recurse. */
enum { OA_OTLP_MAX_DEPTH = 64 };

/* What one builder may take.  0 stands for no bound of its own. */
typedef struct oa_otlp_limits {
  oa_account *account;     /* borrowed; its memory is counted there */
  size_t max_memory;       /* bytes of one builder */
  uint32_t max_rows;       /* of one builder */
  uint32_t max_depth;      /* of values; never more than OA_OTLP_MAX_DEPTH */
  uint32_t max_attributes; /* of a record, and of each part of one that has
                              attributes: events, links, exemplars */
} oa_otlp_limits;

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

/* For a builder that has nothing yet. */
void oa_otlp_builder_set_limits(oa_otlp_builder *builder,
                                const oa_otlp_limits *limits);

/* Whether the last decoding failed because the builder would have passed its
 * own bounds (max_memory, max_rows): the same may fit an empty one. */
bool oa_otlp_builder_outgrown(const oa_otlp_builder *builder);

/* Decodes one Export*ServiceRequest and appends its rows.  All or nothing: on
 * failure the builder is as before.  BYTES are not needed after the call.
 * OA_ERR_MALFORMED, OA_ERR_TRUNCATED: ERROR names signal, field path and
 * offset.  OA_ERR_LIMIT: a bound of the builder would be passed.  OA_ERR_NOMEM,
 * also when its account is empty. */
oa_status oa_otlp_decode(oa_otlp_builder *builder, const uint8_t *bytes,
                         size_t len, oa_otlp_result *result, oa_error *error);

/* Appends ROWS rows of an Arrow record batch, as an IPC reader gives it.
 * COLUMNS are valid and not BUILDER's own.
 * SCHEMA is the sender's: columns are found by name, at every depth.  Those
 * that we do not know are ignored, and those that are missing are null or 0,
 * but for a few without which there is no telemetry.  Other types are taken
 * when nothing is lost (see arrow/coerce.h).  The sender's numbers (`_ord`)
 * keep rows together and requests apart, and are replaced by our own; columns
 * that are copies of others (`service_name`, `scope_attributes`, ...) are made
 * anew, and used only to make a `resource` or `scope` that is missing.
 *
 * Rows become what oa_otlp_decode() would have written.  One that cannot, such
 * as an id of a wrong length, is left out and counted, and the first of them
 * gives result->reason with its row and column.  All or nothing otherwise: on
 * failure the builder is as before.
 * OA_ERR_UNSUPPORTED names a column that is missing or of a type that cannot
 * be taken; OA_ERR_LIMIT and OA_ERR_NOMEM as above, and OA_ERR_LIMIT when the
 * batch would take too much memory by itself. */
oa_status oa_otlp_append(oa_otlp_builder *builder, const oa_schema *schema,
                         const oa_array *columns, int64_t rows,
                         oa_otlp_result *result, oa_error *error);

int64_t oa_otlp_builder_rows(const oa_otlp_builder *builder);

/* Bytes of memory that the rows and their dictionaries take. */
size_t oa_otlp_builder_memory(const oa_otlp_builder *builder);

/* Bytes that the rows take without their texts and dictionaries. */
size_t oa_otlp_builder_row_bytes(const oa_otlp_builder *builder);

/* Bytes of memory that BUILDER holds, also for rows to come. */
size_t oa_otlp_builder_held(const oa_otlp_builder *builder);

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

/* Whether oa_otlp_bind() would find all columns.  OA_ERR_UNSUPPORTED. */
oa_status oa_otlp_bind_check(oa_signal signal, const oa_schema *schema,
                             oa_error *error);

#endif
