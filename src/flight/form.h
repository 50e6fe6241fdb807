/* SPDX-License-Identifier: Apache-2.0 */
/* form.h - what a DoPut stream holds: which signal, in which form.
 *
 * The descriptor may name the signal; otherwise the columns tell.  Three forms
 * are taken: the columns of docs/schema.md, the flat tables of older clients,
 * and one column of serialized OTLP requests.  docs/flight.md describes them.
 *
 * Any thread.
 */
#ifndef OA_FLIGHT_FORM_H
#define OA_FLIGHT_FORM_H

#include "arrow/type.h"
#include "base/error.h"
#include "flight/message.h"
#include "otlp/schema.h"

typedef enum oa_flight_form {
  OA_FLIGHT_ROWS,  /* the columns of our own files */
  OA_FLIGHT_FLAT,  /* see flat.h */
  OA_FLIGHT_PROTO, /* one binary column, OA_FLIGHT_PROTO_COLUMN */
} oa_flight_form;

#define OA_FLIGHT_PROTO_COLUMN "otlp_proto"

/* The signal that a word of a descriptor names; false when none. */
bool oa_flight_signal_named(oa_cursor word, oa_signal *out);

/* Decides.  OA_ERR_UNSUPPORTED with a sentence that lists what is accepted. */
oa_status oa_flight_find_form(const oa_flight_descriptor *descriptor,
                              const oa_schema *schema, oa_signal *signal,
                              oa_flight_form *form, oa_error *error);

/* The field NAME of SCHEMA and its index, or NULL. */
const oa_field *oa_flight_field(const oa_schema *schema, const char *name,
                                size_t *index);

#endif
