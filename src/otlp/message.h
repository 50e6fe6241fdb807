/* SPDX-License-Identifier: Apache-2.0 */
/* message.h - the OTLP messages as tables, for what need not be fast.
 *
 * The decoders know their fields by heart; these tables serve the two walks
 * that treat all messages alike: oa_message_explain() finds where a request is
 * malformed, and oa_message_canonical() copies a message without what OTLP
 * does not know.  Field numbers: opentelemetry-proto, common, resource,
 * trace, metrics and logs v1.
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

typedef struct oa_message oa_message;

typedef struct oa_message_field {
  uint32_t number;
  oa_message_kind kind;
  bool repeated;
  bool oneof; /* of the message's one oneof */
  const char *name;
  const oa_message *message; /* of OA_KIND_MESSAGE */
} oa_message_field;

struct oa_message {
  const oa_message_field *fields; /* by number */
  size_t count;
};

extern const oa_message oa_message_resource;
extern const oa_message oa_message_scope;

/* The Export request of SIGNAL. */
const oa_message *oa_message_request(oa_signal signal);

/* Appends to OUT an equal message with fields in order: unknown fields gone,
 * repeated singular fields merged, strings made UTF-8 (each counted in
 * *REPAIRED).  OA_ERR_LIMIT: values nested too deep. */
oa_status oa_message_canonical(const oa_message *message, oa_cursor cursor,
                               oa_buf *out, uint64_t *repaired);

/* Finds the first place where BYTES are no Export request of SIGNAL and says
 * it in ERROR: signal, field path, offset, what is wrong. */
void oa_message_explain(oa_signal signal, const uint8_t *bytes, size_t len,
                        oa_error *error);

#endif
