/* SPDX-License-Identifier: Apache-2.0 */
/* tree.h - every file below a directory.
 *
 * Links to directories are not followed, as they could form a circle, and
 * directories inside each other are bounded.
 */
#ifndef OA_API_TREE_H
#define OA_API_TREE_H

#include <stdbool.h>
#include <sys/stat.h>

#include "base/error.h"

/* Takes PATH.  NAME is its last part and INFO what lstat() says of it; when
 * PATH is what was asked for itself, NAME is NULL and INFO what stat() says.
 * Anything but OA_OK ends the walk. */
typedef oa_status (*oa_tree_visit)(void *context, char *path, const char *name,
                                   const struct stat *info);

/* Visits PATH when it is no directory, else what lies below it and is none
 * itself; HIDDEN: also what begins with a dot.  What goes away meanwhile is
 * passed over.  OA_ERR_NOT_FOUND, OA_ERR_IO, OA_ERR_LIMIT with a sentence;
 * OA_ERR_NOMEM; what VISIT returns. */
oa_status oa_tree_walk(const char *path, bool hidden, oa_tree_visit visit,
                       void *context, oa_error *error);

#endif
