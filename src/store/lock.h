/* SPDX-License-Identifier: Apache-2.0 */
/* lock.h - one owner for an output directory.
 *
 * The lock is on an open file, not on its existence: it goes with the process
 * however that ends, and two stores in one process exclude each other too.
 * The file holds the owner's process id, for people, and which run of the
 * kernel has all that was written here.  It is never removed, since removing it
 * would let two processes hold two locks.
 */
#ifndef OA_STORE_LOCK_H
#define OA_STORE_LOCK_H

#include <stdbool.h>

#include "base/error.h"

#define OA_LOCK_NAME ".otlp-arrow.lock"

typedef struct oa_lock {
  int fd; /* -1 = not held */
  /* The kernel has run since all that stands here was written, or looked at:
   * no power cut has come between, and every write that was done is there. */
  bool same_boot;
} oa_lock;

/* Takes the lock of directory DIR.  OA_ERR_IO with a sentence that names the
 * owner when there is one. */
oa_status oa_lock_take(oa_lock *out, const char *dir, oa_error *error);

/* Takes the lock again when its file was removed behind our back. */
oa_status oa_lock_renew(oa_lock *lock, const char *dir, oa_error *error);

/* Everything in the directory was looked at: `same_boot` from now on, for those
 * too who take the lock later. */
void oa_lock_note_boot(oa_lock *lock);

void oa_lock_release(oa_lock *lock);

/* In a process that was forked, which shares the lock without owning it: lets
 * go of its descriptor, and the owner keeps the lock. */
void oa_lock_disown(oa_lock *lock);

#endif
