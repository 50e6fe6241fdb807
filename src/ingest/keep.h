/* SPDX-License-Identifier: Apache-2.0 */
/* keep.h - where batches go: the files of a store, or the sink of the program.
 *
 * The writer thread alone calls these.
 */
#ifndef OA_INGEST_KEEP_H
#define OA_INGEST_KEEP_H

#include "otlp/schema.h"
#include "store/store.h"

typedef struct oa_keep {
  oa_store *store;     /* borrowed; NULL with a sink */
  const oa_sink *sink; /* borrowed; NULL with a store */
} oa_keep;

/* Keeps ROWS rows of SIGNAL's columns, all or none. */
oa_status oa_keep_append(const oa_keep *keep, oa_signal signal,
                         const oa_array *columns, int64_t rows,
                         oa_error *error);

/* Makes durable what was appended of SIGNAL. */
oa_status oa_keep_sync(const oa_keep *keep, oa_signal signal, oa_error *error);

/* After a failure, without a batch at hand: whether BYTES could be appended
 * now. */
oa_status oa_keep_probe(const oa_keep *keep, size_t bytes, oa_error *error);

/* About once a second. */
void oa_keep_tick(const oa_keep *keep);

#endif
