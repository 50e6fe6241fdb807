/* SPDX-License-Identifier: Apache-2.0 */
/* merge_thread.h - the one thread that merges files, a job at a time.
 *
 * Its owner fills in a job, starts it, and looks now and then whether it has
 * ended: nobody ever waits for a lock that a thread of low priority holds.
 * It rests three times as long as it works, so it takes a quarter of a core at
 * most, and it is asked to end several times in each piece of work that takes
 * long.
 *
 * All calls from one thread, the store's.
 */
#ifndef OA_STORE_MERGE_THREAD_H
#define OA_STORE_MERGE_THREAD_H

#include "store/merge.h"

typedef struct oa_merger oa_merger;

/* Starts the thread.  OA_ERR_NOMEM, OA_ERR_IO. */
oa_status oa_merger_new(oa_merger **out);

/* Has the job stopped, waits until it is and ends the thread.  The job may
 * still be looked at. */
void oa_merger_end(oa_merger *merger);

/* After oa_merger_end(). */
void oa_merger_free(oa_merger *merger);

/* The job, while no one is in work: to be filled in, or looked at. */
oa_merge_job *oa_merger_job(oa_merger *merger);

/* Begins with the job; its `stop` is set here. */
void oa_merger_start(oa_merger *merger);

bool oa_merger_is_busy(const oa_merger *merger);

/* Asks the job in work to stop, and does not wait for it. */
void oa_merger_stop(oa_merger *merger);

#endif
