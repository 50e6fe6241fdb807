/* SPDX-License-Identifier: Apache-2.0 */
/* bind.h - where the known columns stand in a sender's schema.
 *
 * Columns are found by name, so their order does not matter and unknown ones
 * are passed over.  Private to otap/.
 */
#ifndef OA_OTAP_BIND_H
#define OA_OTAP_BIND_H

#include "otap/stream.h"

/* Finds the columns of SLOT's table in SCHEMA, which lives as long as the
 * slot's reader.  OA_ERR_MALFORMED: one has another type than the protocol
 * says.  OA_ERR_UNSUPPORTED: an encoding that nobody knows. */
oa_status oa_otap_bind(oa_otap_slot *slot, const oa_schema *schema,
                       oa_error *error);

/* Points the columns at ARRAYS, the batch of this message.  OA_ERR_MALFORMED:
 * there are rows and a required column is missing. */
oa_status oa_otap_attach(oa_otap_slot *slot, const oa_array *arrays,
                         oa_error *error);

#endif
