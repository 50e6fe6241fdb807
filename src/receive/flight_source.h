/* SPDX-License-Identifier: Apache-2.0 */
/* flight_source.h - a stored file, read for a Flight client.
 *
 * What is in the file when it is opened is read: the open file of a stream up
 * to its last whole message.  A file that retention removes meanwhile is read
 * to its end all the same.  With a filter, batches without any row in its time
 * are left out; the others come whole.
 *
 * One thread at a time.
 */
#ifndef OA_RECEIVE_FLIGHT_SOURCE_H
#define OA_RECEIVE_FLIGHT_SOURCE_H

#include "base/buf.h"
#include "receive/flight_ticket.h"

typedef struct oa_flight_source oa_flight_source;

/* Opens the file that TICKET names below ROOT, the store's directory.
 * OA_ERR_NOT_FOUND, OA_ERR_IO, OA_ERR_NOMEM. */
oa_status oa_flight_source_open(oa_flight_source **out, const char *root,
                                const char *extension,
                                const oa_flight_ticket *ticket,
                                oa_error *error);
void oa_flight_source_close(oa_flight_source *source);

/* The next message as a FlightData, which lives until the next call.  OA_END;
 * OA_ERR_MALFORMED: the file is damaged; OA_ERR_IO, OA_ERR_NOMEM. */
oa_status oa_flight_source_next(oa_flight_source *source, const oa_buf **out,
                                oa_error *error);

/* Goes over the file until a row in the filter's time is found.  *OUT is also
 * true when that is not known at UNTIL_NS, on the monotonic clock. */
oa_status oa_flight_source_overlaps(oa_flight_source *source, uint64_t until_ns,
                                    bool *out, oa_error *error);

size_t oa_flight_source_memory(const oa_flight_source *source);

#endif
