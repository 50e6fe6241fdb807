/* SPDX-License-Identifier: Apache-2.0 */
/* record.h - the protobuf message around the tables: BatchArrowRecords of
 * arrow_service.proto.
 *
 * Any thread; everything borrows from the message.
 */
#ifndef OA_OTAP_RECORD_H
#define OA_OTAP_RECORD_H

#include "base/error.h"
#include "wire/cursor.h"

/* One ArrowPayload. */
typedef struct oa_otap_payload {
  oa_cursor schema_id;
  uint64_t type;
  oa_cursor record;
} oa_otap_payload;

typedef struct oa_otap_record {
  int64_t batch_id;  /* 0 when the field is absent, as proto3 has it */
  oa_cursor headers; /* HPACK block */
  oa_cursor bytes;   /* the whole message, for oa_otap_record_next() */
  size_t payloads;
} oa_otap_record;

/* Reads everything but the payloads, which are only counted.  BATCH_ID is set
 * as soon as it is known, also on failure.  OA_ERR_MALFORMED,
 * OA_ERR_TRUNCATED. */
oa_status oa_otap_record_read(oa_otap_record *out, const uint8_t *bytes,
                              size_t len, oa_error *error);

/* The next payload at CURSOR, which starts as a copy of BYTES above.  OA_END:
 * there is none.  OA_ERR_MALFORMED, OA_ERR_TRUNCATED. */
oa_status oa_otap_record_next(oa_cursor *cursor, oa_otap_payload *out,
                              oa_error *error);

#endif
