/* SPDX-License-Identifier: Apache-2.0 */
/* json.h - OTLP/JSON to OTLP protobuf and back, as text is read and written.
 *
 * JSON never becomes columns by itself: it is transcoded to the protobuf bytes
 * of the same message in one pass, without a tree, and oa_otlp_decode() takes
 * those; the other way oa_otlp_encode() makes protobuf that is written as
 * JSON.  The messages are the tables of otlp/message.h.
 *
 * The mapping is proto3's with the deviations of the OTLP specification: ids
 * are hex, enums are numbers.  docs/otlp-json.md says what is taken besides
 * and what becomes of odd input.  Any thread; nothing is kept between calls.
 */
#ifndef OA_OTLP_JSON_H
#define OA_OTLP_JSON_H

#include "base/buf.h"
#include "base/error.h"
#include "otlp/message.h"
#include "otlp/schema.h"

/* Messages inside each other, unknown members aside.  A value in a map is
 * three of them, so this lets through what is deeper than OA_OTLP_MAX_DEPTH,
 * and the decoder can reject that record alone. */
enum { OA_JSON_MAX_MESSAGES = 512 };

/* Appends the Export request in TEXT as OTLP protobuf to OUT, at most four
 * times as long as TEXT.  All or nothing: on failure OUT is as before.
 * OA_ERR_TRUNCATED (the text ends too early), OA_ERR_MALFORMED: ERROR names
 * signal, JSON path and place.  OA_ERR_LIMIT: nested too deep, or 2 GiB.
 * OA_ERR_NOMEM. */
oa_status oa_otlp_json_read(oa_signal signal, const uint8_t *text, size_t len,
                            oa_buf *out, oa_error *error);

/* The same for a TEXT that begins in line LINE of a file, which ERROR counts
 * lines from. */
oa_status oa_otlp_json_read_line(oa_signal signal, uint64_t line,
                                 const uint8_t *text, size_t len, oa_buf *out,
                                 oa_error *error);

/* Appends MESSAGE, an Export request of SIGNAL, as one line of OTLP/JSON
 * without line end.  All or nothing.  OA_ERR_TRUNCATED, OA_ERR_MALFORMED:
 * MESSAGE is no such request; OA_ERR_LIMIT: values nested deeper than
 * OA_OTLP_MAX_DEPTH; OA_ERR_NOMEM. */
oa_status oa_otlp_json_write(oa_signal signal, const uint8_t *message,
                             size_t len, oa_buf *out, oa_error *error);

/* The same for any message, as the answers of a receiver:
 * oa_message_response(), oa_message_rpc_status. */
oa_status oa_message_json_write(const oa_message *message, const uint8_t *bytes,
                                size_t len, oa_buf *out);

/* Which signal the Export request in TEXT is of, by the first of its members
 * that is one's.  OA_END: TEXT is an object that has none of them.  Looks no
 * further than that member.  Before it: OA_ERR_TRUNCATED, OA_ERR_MALFORMED,
 * OA_ERR_LIMIT, OA_ERR_NOMEM. */
oa_status oa_otlp_json_signal(uint64_t line, const uint8_t *text, size_t len,
                              oa_signal *out, oa_error *error);

#endif
