/* SPDX-License-Identifier: Apache-2.0 */
/* reader_impl.h - what a reader is, for the files of api/ that read. */
#ifndef OA_API_READER_IMPL_H
#define OA_API_READER_IMPL_H

#include "arrow/ipc_read.h"
#include "base/buf.h"
#include "otlp/schema.h"
#include "otlp_arrow_reader.h"

struct oa_reader {
  int fd;
  char *path;
  oa_ipc_reader *ipc;
  int signal;      /* oa_signal; OA_SIGNAL_COUNT in other streams */
  uint64_t offset; /* in the file, of the next message */
  oa_buf message;  /* the last one read; columns point into it */
  oa_buf schema;   /* the Schema message */
  bool ended;
  bool torn;
  const oa_array *columns; /* of the batch that the reader is at, or NULL */
  int64_t rows;
  oa_array *bound; /* the signal's columns among them */
  bool is_bound;   /* for this batch */
  oa_buf line;
};

/* Says in ERROR, with the file's path in front, what PROBLEM says (or STATUS,
 * when nobody wrote a text) and returns STATUS. */
oa_status oa_reader_fail(const oa_reader *reader, oa_status status,
                         const oa_error *problem, oa_error *error);

/* What to do with batches on the way. */
typedef enum oa_reader_step {
  OA_STEP_READ, /* to columns */
  OA_STEP_SKIP, /* only their rows are counted */
} oa_reader_step;

/* Goes to the next batch; on success *ROWS is its number of rows.  Statuses of
 * oa_reader_next(); ERROR has no path in front. */
oa_status oa_reader_advance(oa_reader *reader, oa_reader_step step,
                            int64_t *rows, oa_error *error);

/* Goes back to before the first batch. */
oa_status oa_reader_rewind(oa_reader *reader, oa_error *error);

#endif
