/* SPDX-License-Identifier: Apache-2.0 */
/* stored.h - the messages of a stream file as FlightData, and the times in
 * them.
 *
 * A file and Flight hold the same IPC messages, framed differently, so reading
 * back copies bytes and decodes nothing.  Only a filter by time looks into a
 * batch, and then at one column of it.
 *
 * Any thread.
 */
#ifndef OA_FLIGHT_STORED_H
#define OA_FLIGHT_STORED_H

#include "arrow/ipc_read.h"
#include "base/buf.h"
#include "codec/codec.h"
#include "otlp/schema.h"

/* One message of a file: its flatbuffer stands META_AT behind its start, its
 * body BODY_AT. */
typedef struct oa_stored_message {
  oa_ipc_event event;
  size_t meta_at;
  size_t meta_len;
  size_t body_at;
  uint64_t body_len;
  uint64_t size; /* of all */
} oa_stored_message;

/* Looks at the message at the start of BYTES, whose body need not be there.
 * OA_ERR_TRUNCATED: *NEED bytes are needed for that.  OA_ERR_MALFORMED and
 * others as oa_ipc_read(). */
oa_status oa_stored_look(const uint8_t *bytes, size_t len,
                         oa_stored_message *out, size_t *need, oa_error *error);

/* Where the times of a file's rows stand in its batches. */
typedef struct oa_stored_times {
  size_t node;
  size_t buffer;
} oa_stored_times;

/* Finds the column that says when a row of SIGNAL was: the start of a span, the
 * time of others.  False when SCHEMA has none with nanoseconds. */
bool oa_stored_find_times(oa_signal signal, const oa_schema *schema,
                          oa_stored_times *out);

/* The times of one batch. */
typedef struct oa_stored_slice {
  int64_t rows;
  int64_t nulls;
  uint64_t at; /* in the body */
  uint64_t len;
  oa_coding codec;
} oa_stored_slice;

/* Finds them by META, the flatbuffer of a batch.  OA_ERR_MALFORMED,
 * OA_ERR_UNSUPPORTED. */
oa_status oa_stored_locate(const uint8_t *meta, size_t len,
                           const oa_stored_times *times, oa_stored_slice *out,
                           oa_error *error);

/* Whether one of the times in BYTES, which are the slice's, is in [FROM, LAST].
 * SCRATCH is memory to use.  OA_ERR_MALFORMED, OA_ERR_NOMEM. */
oa_status oa_stored_overlaps(const oa_stored_slice *slice, const uint8_t *bytes,
                             oa_inflater *inflater, oa_buf *scratch,
                             uint64_t from, uint64_t last, bool *out);

/* Appends the encapsulated Schema message of SIGNAL.  OA_ERR_NOMEM. */
oa_status oa_stored_put_schema(oa_signal signal, oa_buf *out);

#endif
