/* SPDX-License-Identifier: Apache-2.0 */
/* flat.h - the flat tables of older clients, as OTLP requests.
 *
 *   traces:  trace_id, span_id, parent_span_id, name, kind,
 *            start_time_unix_nano, end_time_unix_nano, status_code,
 *            status_message, attributes (JSON text)
 *   metrics: metric_name, value, timestamp_unix_nano, metric_type
 *            ("gauge", "sum", "histogram"), attributes (JSON text)
 *
 * They know no resource, scope, event or link.  Rows become protobuf, which
 * the OTLP decoder takes; there are few such clients, so that this need not be
 * fast.  docs/flight.md says what becomes of each column.
 *
 * Any thread.
 */
#ifndef OA_FLIGHT_FLAT_H
#define OA_FLIGHT_FLAT_H

#include "arrow/array.h"
#include "base/error.h"
#include "otlp/schema.h"
#include "wire/emit.h"

/* How `kind` is numbered.  The clients wrote the order of an SDK's enum and
 * their server read another one; neither is OTLP's.  A sender says which by
 * the schema metadata OA_FLAT_KINDS_KEY: "sdk" (the default), "reader" or
 * "otlp". */
typedef enum oa_flat_kinds {
  OA_FLAT_KINDS_SDK,    /* client, server, producer, consumer, internal */
  OA_FLAT_KINDS_READER, /* internal, server, client, producer, consumer */
  OA_FLAT_KINDS_OTLP,   /* as SpanKind of trace.proto */
} oa_flat_kinds;

#define OA_FLAT_KINDS_KEY "otlp.span_kinds"

/* True when SCHEMA is the flat table of SIGNAL: no other columns than its, and
 * those without which it is none. */
bool oa_flat_is(oa_signal signal, const oa_schema *schema);

/* OA_ERR_UNSUPPORTED names a column of a type that it cannot have. */
oa_status oa_flat_check(oa_signal signal, const oa_schema *schema,
                        oa_error *error);

/* What could not be taken. */
typedef struct oa_flat_loss {
  uint64_t rows;
  char reason[160]; /* of the first one */
} oa_flat_loss;

/* Appends the ROWS of COLUMNS to EMIT as one Export request of SIGNAL.  Rows
 * that make no sense are left out and counted.  OA_ERR_NOMEM, OA_ERR_LIMIT. */
oa_status oa_flat_encode(oa_signal signal, const oa_schema *schema,
                         const oa_array *columns, int64_t rows, oa_emit *emit,
                         oa_flat_loss *loss);

#endif
