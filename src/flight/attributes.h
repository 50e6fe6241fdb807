/* SPDX-License-Identifier: Apache-2.0 */
/* attributes.h - a JSON object as OTLP attributes.
 *
 * The flat schemas hold attributes as JSON text.  The types of JSON become
 * those of OTLP: a number without point and exponent is an integer when it
 * fits 64 bits and a double otherwise, an array or an object is a nested value,
 * and null an attribute without a value.
 *
 * Any thread.
 */
#ifndef OA_FLIGHT_ATTRIBUTES_H
#define OA_FLIGHT_ATTRIBUTES_H

#include "base/buf.h"
#include "wire/emit.h"

/* Appends the members of the JSON object TEXT as KeyValue messages, each a
 * field FIELD of the message that is being written.  Empty text and null have
 * none.  SCRATCH is memory to use.  OA_ERR_MALFORMED and OA_ERR_LIMIT (nested
 * too deep): *PROBLEM says what is wrong at byte *AT of TEXT, and EMIT holds
 * part of it.  OA_ERR_NOMEM. */
oa_status oa_flight_put_attributes(oa_emit *emit, uint32_t field,
                                   oa_cursor text, oa_buf *scratch,
                                   const char **problem, size_t *at);

#endif
