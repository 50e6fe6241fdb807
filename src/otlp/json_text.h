/* SPDX-License-Identifier: Apache-2.0 */
/* json_text.h - values as JSON text, for people and for SQL.
 *
 * Used for resource_attributes, scope_attributes and the text of log bodies
 * that are not strings.  The text is not used to make OTLP again: byte
 * strings become base64, NaN and infinities become strings, and a key that
 * stands twice stands twice.  Doubles always have a point or an exponent.
 * Control characters and text-direction overrides are escaped, so the text is
 * also safe to show on a terminal.
 *
 * Any thread; all functions append to a buffer of the caller, and a failure
 * (OA_ERR_NOMEM) may leave part of the text in it.
 */
#ifndef OA_OTLP_JSON_TEXT_H
#define OA_OTLP_JSON_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "arrow/array.h"
#include "base/buf.h"

/* TEXT is UTF-8; it is written between quotes. */
oa_status oa_json_put_string(oa_buf *out, const uint8_t *text, size_t len);

oa_status oa_json_put_int(oa_buf *out, int64_t value);

/* The shortest decimal that reads back as the same double. */
oa_status oa_json_put_double(oa_buf *out, double value);

oa_status oa_json_put_bool(oa_buf *out, bool value);

/* A string of base64 (RFC 4648, section 4). */
oa_status oa_json_put_bytes(oa_buf *out, const uint8_t *bytes, size_t len);

/* A map or slice value.  Also OA_ERR_TRUNCATED, OA_ERR_MALFORMED and
 * OA_ERR_LIMIT, as oa_cbor_next(). */
oa_status oa_json_put_cbor(oa_buf *out, const uint8_t *cbor, size_t len);

/* Attribute I of ITEMS, the struct array of an attribute list: its value.
 * OA_ERR_MALFORMED when its type is not one of ours. */
oa_status oa_json_put_attribute(oa_buf *out, const oa_array *items, int64_t i);

/* The attributes of row ROW of LIST as one JSON object. */
oa_status oa_json_put_attributes(oa_buf *out, const oa_array *list,
                                 int64_t row);

/* The same for the attributes [BEGIN, END) of ITEMS. */
oa_status oa_json_put_items(oa_buf *out, const oa_array *items, int64_t begin,
                            int64_t end);

#endif
