/* SPDX-License-Identifier: Apache-2.0 */
/* flight_list.h - FlightInfo of what is stored.
 *
 * What needs a look into files - rows, and whether they are in a filter's
 * time - is found out for a short while only.  After that rows are unknown
 * (-1) and files count as matching: reading them leaves out what does not.
 *
 * One thread at a time.
 */
#ifndef OA_RECEIVE_FLIGHT_LIST_H
#define OA_RECEIVE_FLIGHT_LIST_H

#include "base/buf.h"
#include "receive/flight_ticket.h"
#include "store/dir.h"
#include "wire/emit.h"

/* The files of one signal. */
typedef struct oa_flight_list {
  const char *root;
  const char *extension;
  oa_flight_filter filter; /* its signal is the one whose files these are */
  oa_dir_list files;
  oa_buf schema;     /* the encapsulated Schema message of the signal */
  uint64_t until_ns; /* when looking into files ends, monotonic */
} oa_flight_list;

/* Lists the files of FILTER's signal.  OA_ERR_IO, OA_ERR_NOMEM. */
oa_status oa_flight_list_open(oa_flight_list *out, const char *root,
                              const char *extension,
                              const oa_flight_filter *filter, oa_error *error);
void oa_flight_list_close(oa_flight_list *list);

/* Whether file I has, or may have, rows in the filter's time. */
bool oa_flight_list_matches(const oa_flight_list *list, size_t i);

/* Writes the FlightInfo of file I, or of all that match. */
void oa_flight_list_put_file(const oa_flight_list *list, size_t i,
                             oa_emit *emit);
void oa_flight_list_put_all(const oa_flight_list *list, oa_emit *emit);

/* The index of the file NAME; false when there is none. */
bool oa_flight_list_find(const oa_flight_list *list, const oa_name *name,
                         size_t *i);

#endif
