/* SPDX-License-Identifier: Apache-2.0 */
/* inspect.h - a thread that reads files of the last run to their last value.
 *
 * Behind a power cut frames can be whole around data that never arrived, so
 * the files that were open then must be read in full before they are ended.
 * That takes seconds, which a start has not got: the service begins with new
 * files meanwhile, and readers see the old ones as they are, without an end.
 *
 * The thread only reads.  What is to be done with a file is done by the
 * store's own thread, which asks for what is ready and never waits for it but
 * at the end.  All calls come from that thread.
 */
#ifndef OA_STORE_INSPECT_H
#define OA_STORE_INSPECT_H

#include "store/store_impl.h"

typedef struct oa_inspector oa_inspector;

/* One file, and what was found in it. */
typedef struct oa_inspection {
  oa_series *stream;
  oa_name name;
  bool again; /* set by the store: to be looked at once more */
  oa_status status;
  oa_error error;     /* when STATUS is not OA_OK */
  oa_store_scan scan; /* up to where all can be read to the last value */
} oa_inspection;

/* OA_ERR_NOMEM. */
oa_status oa_inspector_new(oa_inspector **out);

/* Joins what runs, which ends soon, and frees.  NULL is allowed. */
void oa_inspector_free(oa_inspector *inspector);

/* Adds a file, while none is in work.  OA_ERR_NOMEM. */
oa_status oa_inspector_add(oa_inspector *inspector, oa_series *stream,
                           const oa_name *name);

/* Begins with what was added.  Where no thread can be had, all is done when
 * this returns. */
void oa_inspector_start(oa_inspector *inspector);

/* The next file that is ready, each once; NULL: none is. */
oa_inspection *oa_inspector_next(oa_inspector *inspector);

/* Whether files wait that oa_inspector_next() has not given yet. */
bool oa_inspector_is_busy(const oa_inspector *inspector);

/* Waits for the thread; what it has not done in PATIENCE_NS it leaves, which is
 * then never given by oa_inspector_next(). */
void oa_inspector_end(oa_inspector *inspector, uint64_t patience_ns);

/* Keeps, of files that were all given, those to be looked at once more; how
 * many there are. */
size_t oa_inspector_keep(oa_inspector *inspector);

#endif
