/* SPDX-License-Identifier: Apache-2.0 */
/* put.h - one DoPut stream: FlightData messages to batches for a builder.
 *
 *   oa_flight_put_message()            a FlightData has come
 *   while oa_flight_put_next() is OA_OK
 *     oa_flight_put_decode()           all or nothing, into a builder
 *
 * Each FlightData holds one IPC message: the schema, a dictionary (whole,
 * replacement or delta) or a batch.  Some old clients put a whole IPC stream
 * into data_header instead; then one FlightData has any number of batches.
 *
 * Every byte is hostile: memory, fields, depth and rows of a batch are
 * bounded.  After a failure of message() or next() the stream is of no more
 * use.  One thread at a time.
 */
#ifndef OA_FLIGHT_PUT_H
#define OA_FLIGHT_PUT_H

#include "codec/codec.h"
#include "flight/form.h"
#include "otlp/otlp.h"

typedef struct oa_flight_put oa_flight_put;

/* Rows of one batch.  A batch without buffers can claim any number of rows;
 * more than this do not fit a message of the usual limit either. */
enum { OA_FLIGHT_MAX_ROWS = 1 << 20 };

/* What dictionaries and a decompressed batch may take. */
#define OA_FLIGHT_PUT_MEMORY ((size_t)64 << 20)

/* MAX_MESSAGE and MAX_MEMORY are bytes of a message and of the stream's
 * dictionaries with one batch.  OA_ERR_NOMEM. */
oa_status oa_flight_put_new(oa_flight_put **out, size_t max_message,
                            size_t max_memory);
void oa_flight_put_free(oa_flight_put *put);

/* Before the first message: PURSE, which is borrowed, counts the memory. */
void oa_flight_put_set_purse(oa_flight_put *put, oa_purse *purse);

/* Before the first message: INFLATER, which is borrowed, decompresses, and may
 * serve many streams.  Without this the stream has its own. */
void oa_flight_put_set_inflater(oa_flight_put *put, oa_inflater *inflater);

/* Begins a FlightData of LEN bytes, which must live until the last call of
 * next() and decode() for it.  Statuses as next(). */
oa_status oa_flight_put_message(oa_flight_put *put, const uint8_t *message,
                                size_t len, oa_error *error);

/* Goes to the next batch of the message.  OA_END: it has no more.
 * OA_ERR_MALFORMED, OA_ERR_TRUNCATED, OA_ERR_UNSUPPORTED: ERROR has a sentence
 * for the sender.  OA_ERR_LIMIT: a bound would be passed.  OA_ERR_NOMEM. */
oa_status oa_flight_put_next(oa_flight_put *put, oa_error *error);

/* Of the batch that next() went to. */
oa_signal oa_flight_put_signal(const oa_flight_put *put);

/* The app_metadata of the message, empty when it has none. */
oa_cursor oa_flight_put_metadata(const oa_flight_put *put);

/* True, and the signal, once a schema was read. */
bool oa_flight_put_begun(const oa_flight_put *put, oa_signal *signal);

/* Bytes that the stream keeps until its next message. */
size_t oa_flight_put_memory(const oa_flight_put *put);

/* Appends the batch to a builder of its signal, all or nothing: an
 * oa_pipeline_decode, with a oa_flight_put as INPUT. */
oa_status oa_flight_put_decode(void *input, oa_otlp_builder *builder,
                               oa_otlp_result *result, oa_error *error);

#endif
