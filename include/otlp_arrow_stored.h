/* SPDX-License-Identifier: Apache-2.0 */
/* otlp_arrow_stored.h - stored telemetry as a stream of Arrow record batches
 * (Arrow C Stream Interface), for every library that takes one.
 *
 * Include <otlp_arrow.h>, which includes this.
 */
#ifndef OTLP_ARROW_STORED_H
#define OTLP_ARROW_STORED_H

#include <stddef.h>
#include <stdint.h>

#include "otlp_arrow_base.h"
#include "otlp_arrow_c_data.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct oa_stored_options {
  size_t size; /* sizeof, set by the caller */
  /* Rows whose main time (the start of spans, the time of others) is FROM_NS or
   * later and before TO_NS, nanoseconds since 1970; TO_NS 0 = no end.  With
   * both 0 rows without a time come too. */
  uint64_t from_ns;
  uint64_t to_ns;
} oa_stored_options;

/* Fills STREAM with the batches of SIGNAL that are stored at PATH: one file, or
 * a directory and what is below it, in the order in which they were written.
 * Files that are open or torn are read to their last whole batch.  A directory
 * without files of SIGNAL gives a stream of no batches.  The files are opened
 * one after the other as the stream is read; those that retention removes
 * meanwhile are passed over.  Columns that the service does not write are left
 * out.  Rows are not copied where it can be avoided: a batch holds the memory
 * that it was read into.  OPTIONS may be NULL.
 *
 * The stream, and each array that it gives, is released by its release
 * callback, in any order and by any thread; the stream is read by one thread at
 * a time.  Its errors are errno values with a text: EINVAL (the text names the
 * file and what is wrong with it; the next call goes on with the file after
 * it), EIO and ENOMEM (the next call tries the same again).
 *
 * OA_ERR_CONFIG, OA_ERR_NOT_FOUND, OA_ERR_IO, OA_ERR_NOMEM.
 * OA_ERR_UNSUPPORTED: PATH, or the first file of SIGNAL in it, has other
 * columns than those of the service.  OA_ERR_MALFORMED: PATH is a file that is
 * no Arrow stream. */
OA_API oa_status oa_stored_open(struct ArrowArrayStream *stream,
                                const char *path, oa_signal signal,
                                const oa_stored_options *options,
                                oa_error *error);

#ifdef __cplusplus
}
#endif

#endif
