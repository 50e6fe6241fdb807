/* SPDX-License-Identifier: Apache-2.0 */
/* message.h - the OTLP messages as tables.
 *
 * The decoders and encoders of columns know their fields by heart; these
 * tables serve the walks that treat all messages alike: OTLP/JSON
 * (otlp/json.h), oa_message_explain(), which finds where a request is
 * malformed, and oa_message_canonical(), which brings a message into the one
 * form that all equal ones share.  Field numbers: opentelemetry-proto,
 * common, resource, trace, metrics, logs and collector v1.
 */
#ifndef OA_OTLP_MESSAGE_H
#define OA_OTLP_MESSAGE_H

#include "base/buf.h"
#include "base/error.h"
#include "otlp/schema.h"
#include "wire/cursor.h"

typedef enum oa_message_kind {
  OA_KIND_UINT32, /* varints; the name says what they are cut to */
  OA_KIND_UINT64,
  OA_KIND_INT32, /* also enums */
  OA_KIND_SINT32,
  OA_KIND_INT64,
  OA_KIND_BOOL,
  OA_KIND_FIXED32,
  OA_KIND_FIXED64, /* also doubles */
  OA_KIND_STRING,
  OA_KIND_BYTES,
  OA_KIND_MESSAGE,
} oa_message_kind;

/* What JSON must know beyond the kind. */
typedef enum oa_message_form {
  OA_FORM_PLAIN,
  OA_FORM_SIGNED, /* of a fixed64: an sfixed64 */
  OA_FORM_DOUBLE, /* of a fixed64: a double */
  OA_FORM_HEX,    /* of bytes: an id, which JSON has as hex digits */
} oa_message_form;

typedef struct oa_message oa_message;

typedef struct oa_message_field {
  uint32_t number;
  oa_message_kind kind;
  oa_message_form form;
  bool repeated;
  bool oneof;    /* of the message's one oneof */
  bool optional; /* its presence counts, as a oneof member's does */
  bool nested;   /* a value that holds values, whose depth is bounded */
  uint8_t json_len;
  const char *name;          /* as in the .proto file */
  const char *json;          /* the same in lowerCamelCase */
  const oa_message *message; /* of OA_KIND_MESSAGE */
  const char *const *values; /* of an enum: names from 0 on, NULL at the end */
} oa_message_field;

struct oa_message {
  const oa_message_field *fields; /* by number */
  size_t count;
};

extern const oa_message oa_message_resource;
extern const oa_message oa_message_scope;

/* The Export request of SIGNAL. */
const oa_message *oa_message_request(oa_signal signal);

/* The Export response of SIGNAL. */
const oa_message *oa_message_response(oa_signal signal);

/* google.rpc.Status without its details. */
extern const oa_message oa_message_rpc_status;

/* The index in MESSAGE of the field with NUMBER, or its count of fields. */
size_t oa_message_find(const oa_message *message, uint32_t number);

/* The tag of one value of FIELD (of a packed one: when it stands alone). */
uint32_t oa_message_tag(const oa_message_field *field);

/* Appends to OUT an equal message with fields in order: unknown fields gone,
 * repeated singular fields merged, repeated numbers packed, strings made UTF-8
 * (each counted in *REPAIRED).  OA_ERR_LIMIT: values nested too deep. */
oa_status oa_message_canonical(const oa_message *message, oa_cursor cursor,
                               oa_buf *out, uint64_t *repaired);

/* Finds the first place where BYTES are no Export request of SIGNAL and says
 * it in ERROR: signal, field path, offset, what is wrong. */
void oa_message_explain(oa_signal signal, const uint8_t *bytes, size_t len,
                        oa_error *error);

#endif
