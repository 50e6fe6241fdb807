/* SPDX-License-Identifier: Apache-2.0 */
/* requests.h - a column of serialized OTLP requests.
 *
 * Each value is an Export*ServiceRequest and stays a request of its own, so
 * that what is read back later is cut as it was sent.  The column is taken
 * whole or not at all.
 *
 * A builder belongs to one thread at a time.
 */
#ifndef OA_FLIGHT_REQUESTS_H
#define OA_FLIGHT_REQUESTS_H

#include "arrow/array.h"
#include "otlp/otlp.h"

/* Appends the requests of ARRAY, of type BINARY or LARGE_BINARY, to BUILDER;
 * nulls are passed over.  Statuses as oa_otlp_decode(); ERROR names the row. */
oa_status oa_requests_decode(oa_otlp_builder *builder, const oa_field *field,
                             const oa_array *array, oa_otlp_result *result,
                             oa_error *error);

#endif
