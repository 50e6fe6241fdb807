/* SPDX-License-Identifier: Apache-2.0 */
/* stored_source.h - the batches of one stored file as Arrow arrays.
 *
 * An array takes the memory that its batch was read into with it, so that rows
 * that are wanted as they stand are not copied: whole batches, and rows of one
 * that stand together.  Batches without a wanted row are not decoded but for
 * their times.
 *
 * One thread at a time; the arrays are anybody's.
 */
#ifndef OA_API_STORED_SOURCE_H
#define OA_API_STORED_SOURCE_H

#include "api/reader_impl.h"
#include "otlp_arrow_c_data.h"

/* Rows whose main time is from FROM to LAST; unless TIMED all rows, also those
 * without a time. */
typedef struct oa_time_range {
  bool timed;
  uint64_t from;
  uint64_t last;
} oa_time_range;

typedef struct oa_stored_source oa_stored_source;

/* Takes READER, also on failure, which is at the begin of a file.  Errors here
 * and below name the file.
 * OA_ERR_UNSUPPORTED: its columns are not those of SIGNAL; OA_ERR_NOMEM. */
oa_status oa_stored_source_new(oa_stored_source **out, oa_reader *reader,
                               oa_signal signal, const oa_time_range *range,
                               oa_error *error);
void oa_stored_source_free(oa_stored_source *source);

/* The next rows, at least one, with the columns of oa_otlp_schema().  OA_END:
 * there are no more, or the file is torn there.  After OA_ERR_IO and
 * OA_ERR_NOMEM the same rows can be asked for again; OA_ERR_MALFORMED and
 * others: the file is damaged. */
oa_status oa_stored_source_next(oa_stored_source *source,
                                struct ArrowArray *out, oa_error *error);

#endif
