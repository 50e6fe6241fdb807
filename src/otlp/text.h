/* SPDX-License-Identifier: Apache-2.0 */
/* text.h - one line for people from one row: what `otlp-arrow tail` prints.
 *
 * The line is not meant to be parsed and may change.  It holds no control
 * characters, whatever the telemetry holds, so that it is safe to print.
 */
#ifndef OA_OTLP_TEXT_H
#define OA_OTLP_TEXT_H

#include "arrow/array.h"
#include "base/buf.h"
#include "otlp/schema.h"

/* Appends the line of row ROW, without a line end.  COLUMNS are those of
 * oa_otlp_schema(SIGNAL), of valid arrays.  OA_ERR_NOMEM; OA_ERR_MALFORMED
 * and others when a nested value cannot be read. */
oa_status oa_otlp_text_line(oa_buf *out, oa_signal signal,
                            const oa_array *columns, int64_t row);

/* Appends NANOSECONDS since 1970 as "2024-05-01T12:00:00.123456789Z". */
oa_status oa_otlp_text_time(oa_buf *out, uint64_t nanoseconds);

#endif
