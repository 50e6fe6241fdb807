/* SPDX-License-Identifier: Apache-2.0 */
/* mark.h - small files in a stream's directory that hold a counter.
 *
 * ".sealed": every file up to it was sealed and durable when that was written.
 * ".merged": no file up to it needs merging.
 * A lost or old mark costs time, never correctness.
 */
#ifndef OA_STORE_MARK_H
#define OA_STORE_MARK_H

#include <stdbool.h>
#include <stdint.h>

#include "store/dir.h"

#define OA_MARK_SEALED "sealed"
#define OA_MARK_MERGED "merged"
#define OA_MARK_NEW ".new" /* behind the name of one that is being written */

/* What the mark ".KIND" in directory DIR says; 0 when there is none, or none
 * that is whole. */
uint64_t oa_mark_read(const char *dir, const char *kind);

/* False when it could not be written; the old one is then still there. */
bool oa_mark_write(const oa_disk *disk, const char *dir, const char *kind,
                   uint64_t seq);

#endif
