/* SPDX-License-Identifier: Apache-2.0 */
/* flight_ticket.h - which stored data a Flight client asks for.
 *
 * A filter is JSON of the client's: {"signal": "traces", "from_ns": 1,
 * "to_ns": 2}, all optional.  A ticket is text of ours, opaque to the client:
 * "traces/otlp_traces_20240501_120000_000001.arrow?1-2".  It is believed only
 * as far as it is one that we could have made: a signal, a name by the rule of
 * the store, a filter.  No byte of it becomes part of a path as it came.
 *
 * Any thread.
 */
#ifndef OA_RECEIVE_FLIGHT_TICKET_H
#define OA_RECEIVE_FLIGHT_TICKET_H

#include "base/error.h"
#include "otlp/schema.h"
#include "store/name.h"
#include "wire/cursor.h"

/* Times in nanoseconds since 1970: FROM <= time < TO. */
typedef struct oa_flight_filter {
  int signal; /* an oa_signal, -1 = not said */
  bool timed;
  uint64_t from;
  uint64_t to;
} oa_flight_filter;

/* Empty TEXT filters nothing.  OA_ERR_MALFORMED with a sentence. */
oa_status oa_flight_filter_read(oa_cursor text, oa_flight_filter *out,
                                oa_error *error);

typedef struct oa_flight_ticket {
  oa_signal signal;
  oa_name name;
  oa_flight_filter filter;
} oa_flight_ticket;

enum { OA_FLIGHT_TICKET_SIZE = OA_NAME_SIZE + 64 };

/* Names of the files of SIGNAL. */
oa_name_rule oa_flight_rule(oa_signal signal, const char *extension);

/* A file's name as it comes from a client; false when it is none of ours. */
bool oa_flight_name_read(oa_cursor text, oa_signal signal,
                         const char *extension, oa_name *out);

void oa_flight_ticket_write(const oa_flight_ticket *ticket,
                            const char *extension,
                            char out[OA_FLIGHT_TICKET_SIZE]);

/* OA_ERR_MALFORMED: no ticket of ours. */
oa_status oa_flight_ticket_read(oa_cursor text, const char *extension,
                                oa_flight_ticket *out, oa_error *error);

#endif
