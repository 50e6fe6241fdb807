/* SPDX-License-Identifier: Apache-2.0 */
/* shelf.h - a sink that keeps what a service receives in memory, for those who
 * want to look at it.
 *
 * A batch becomes the messages of an Arrow IPC stream, which are as small as
 * its rows are; who looks holds the batches that are there and reads them
 * without anybody waiting for him.
 *
 * One thread appends; the rest is for any number of threads at once, in the
 * process that made the shelf.
 */
#ifndef OA_SERVICE_SHELF_H
#define OA_SERVICE_SHELF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "ingest/keep.h"

typedef struct oa_shelf oa_shelf;

/* A shelf that takes batches while they are MAX_BYTES together.
 * OA_ERR_NOMEM. */
oa_status oa_shelf_new(oa_shelf **out, size_t max_bytes);

/* NULL is allowed.  Slices may outlive it. */
void oa_shelf_free(oa_shelf *shelf);

/* What a service is to be given; it leads to SHELF. */
oa_sink oa_shelf_sink(oa_shelf *shelf);

/* Whether this is another process than the one that made SHELF, in which it
 * can only be freed. */
bool oa_shelf_is_foreign(const oa_shelf *shelf);

/* Rows of SIGNAL. */
uint64_t oa_shelf_rows(oa_shelf *shelf, oa_signal signal);

/* Waits until there are at least ROWS rows of SIGNAL, at most TIMEOUT_MS, and
 * says how many there are.  *FULL: a batch was turned away and nothing was
 * taken since. */
uint64_t oa_shelf_wait(oa_shelf *shelf, oa_signal signal, uint64_t rows,
                       uint32_t timeout_ms, bool *full);

/* Forgets all batches. */
void oa_shelf_clear(oa_shelf *shelf);

/* --- what is there at one moment --- */

/* The messages of one batch: its dictionaries and itself. */
typedef struct oa_shelf_batch oa_shelf_batch;

typedef struct oa_shelf_slice {
  oa_signal signal;
  oa_shelf_batch **batches; /* in the order in which they came */
  size_t count;
} oa_shelf_slice;

/* The batches of SIGNAL; they live until oa_shelf_slice_free().
 * OA_ERR_NOMEM. */
oa_status oa_shelf_slice_take(oa_shelf_slice *out, oa_shelf *shelf,
                              oa_signal signal);
void oa_shelf_slice_free(oa_shelf_slice *slice);

const uint8_t *oa_shelf_batch_bytes(const oa_shelf_batch *batch, size_t *len);

#endif
