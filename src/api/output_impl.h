/* SPDX-License-Identifier: Apache-2.0 */
/* output_impl.h - what an output is, for the files of api/ that write it. */
#ifndef OA_API_OUTPUT_IMPL_H
#define OA_API_OUTPUT_IMPL_H

#include <stdatomic.h>

#include "api/reader_impl.h"
#include "arrow/ipc_file.h"
#include "arrow/ipc_write.h"
#include "otlp/otlp.h"

struct oa_output {
  oa_output_options options;
  oa_ipc_reader *schema_owner; /* keeps the schema when its reader is gone */
  const oa_schema *schema;     /* NULL before the first source */
  oa_ipc_writer *stream;       /* OA_OUTPUT_STREAM */
  oa_ipc_file *file;           /* OA_OUTPUT_FILE */
  oa_buf bytes;
  oa_otlp_builder *rows; /* of requests, not written yet; NULL = none came */
  oa_signal signal;      /* of ROWS */
  _Atomic uint64_t ords;
};

/* Writes what begins a file of the output's schema. */
oa_status oa_output_begin(oa_output *output, oa_error *error);

/* Writes ROWS rows of COLUMNS as one batch. */
oa_status oa_output_put(oa_output *output, const oa_array *columns,
                        int64_t rows, oa_error *error);

/* Writes the rows of requests that wait, if any. */
oa_status oa_output_flush(oa_output *output, oa_error *error);

#endif
