/* SPDX-License-Identifier: Apache-2.0 */
/* message.h - the protobuf messages of Arrow Flight, read and written.
 *
 * Only what a server needs: requests are read, answers are written.  Reading
 * copies nothing: what it gives points into the bytes that were read.  Field
 * numbers: Flight.proto, package arrow.flight.protocol.
 *
 * Any thread.  Readers return OA_ERR_TRUNCATED or OA_ERR_MALFORMED; writers
 * append to an oa_emit, where a failure sticks.
 */
#ifndef OA_FLIGHT_MESSAGE_H
#define OA_FLIGHT_MESSAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "wire/cursor.h"
#include "wire/emit.h"

/* FlightDescriptor.type */
enum {
  OA_FLIGHT_UNKNOWN = 0,
  OA_FLIGHT_PATH = 1,
  OA_FLIGHT_CMD = 2,
};

/* Parts of a path that are kept; nothing here has a longer one. */
enum { OA_FLIGHT_MAX_PATH = 4 };

typedef struct oa_flight_descriptor {
  uint64_t type;
  oa_cursor cmd;
  oa_cursor path[OA_FLIGHT_MAX_PATH];
  size_t path_count; /* also those that were not kept */
} oa_flight_descriptor;

typedef struct oa_flight_data {
  bool has_descriptor;
  oa_flight_descriptor descriptor;
  oa_cursor header; /* the flatbuffer of an IPC message */
  oa_cursor metadata;
  oa_cursor body;
} oa_flight_data;

typedef struct oa_flight_action {
  oa_cursor type;
  oa_cursor body;
} oa_flight_action;

oa_status oa_flight_read_data(oa_cursor cursor, oa_flight_data *out);
oa_status oa_flight_read_descriptor(oa_cursor cursor,
                                    oa_flight_descriptor *out);
oa_status oa_flight_read_action(oa_cursor cursor, oa_flight_action *out);

/* The one field, of bytes, that a Ticket and a Criteria have. */
oa_status oa_flight_read_opaque(oa_cursor cursor, oa_cursor *out);

/* The payload of a HandshakeRequest. */
oa_status oa_flight_read_handshake(oa_cursor cursor, oa_cursor *payload);

/* True when BYTES are TEXT. */
bool oa_flight_is(oa_cursor bytes, const char *text);

/* A FlightData up to the place where BODY_LEN bytes of body must follow. */
void oa_flight_write_data(oa_emit *emit, const uint8_t *header,
                          size_t header_len, size_t body_len);

/* A FlightInfo, in this order; endpoints have no location, which means the
 * server that was asked.  SCHEMA is an encapsulated Schema message.  RECORDS
 * and SIZE are -1 when they are not known. */
void oa_flight_info_open(oa_emit *emit, const oa_buf *schema,
                         const char *const *path, size_t path_count);
void oa_flight_info_endpoint(oa_emit *emit, const char *ticket);
void oa_flight_info_close(oa_emit *emit, int64_t records, int64_t size);

void oa_flight_write_schema_result(oa_emit *emit, const oa_buf *schema);
void oa_flight_write_put_result(oa_emit *emit, const oa_buf *metadata);
void oa_flight_write_result(oa_emit *emit, const uint8_t *body, size_t len);
void oa_flight_write_action_type(oa_emit *emit, const char *type,
                                 const char *description);
void oa_flight_write_handshake(oa_emit *emit, const uint8_t *payload,
                               size_t len);

#endif
