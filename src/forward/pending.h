/* SPDX-License-Identifier: Apache-2.0 */
/* pending.h - the files of one signal whose rows are still to be sent on.
 *
 * The first is the one that is read, and the last may be the one that is
 * written.  There are as many as files are in the directory and were not
 * delivered, which retention bounds.
 *
 * No lock of its own: forward.c has one over it.
 */
#ifndef OA_FORWARD_PENDING_H
#define OA_FORWARD_PENDING_H

#include "forward/position.h"

typedef struct oa_pending_file {
  oa_name name;
  int64_t rows; /* that it has; -1 = nobody has counted them yet */
  int64_t done; /* of them */
  bool open;    /* more may come */
  bool gone;    /* retention has removed it */
} oa_pending_file;

/* A zeroed one is empty. */
typedef struct oa_pending {
  oa_pending_file *files;
  size_t first; /* of them that is not finished */
  size_t end;
  size_t capacity;
} oa_pending;

void oa_pending_free(oa_pending *pending);

/* OA_ERR_NOMEM: PENDING is as it was. */
oa_status oa_pending_add(oa_pending *pending, const oa_pending_file *file);

/* NULL when there is none; valid until the next call that adds or drops. */
oa_pending_file *oa_pending_first(const oa_pending *pending);
oa_pending_file *oa_pending_last(const oa_pending *pending);
oa_pending_file *oa_pending_find(const oa_pending *pending,
                                 const oa_name *name);

/* The first one that nobody has counted, or NULL. */
oa_pending_file *oa_pending_uncounted(const oa_pending *pending);

void oa_pending_drop(oa_pending *pending, oa_pending_file *file);

/* Rows that FILE is known to have and that are not done with. */
int64_t oa_pending_left(const oa_pending_file *file);

/* Adds the files in directory DIR that are not done with, as POINT has it.
 * OA_ERR_IO, OA_ERR_NOMEM. */
oa_status oa_pending_list(oa_pending *pending, const char *dir,
                          const oa_name_rule *rule,
                          const oa_forward_point *point, oa_error *error);

/* Sets POINT behind everything that is in DIR.  The same. */
oa_status oa_pending_skip(oa_forward_point *point, const char *dir,
                          const oa_name_rule *rule, oa_error *error);

#endif
