/* SPDX-License-Identifier: Apache-2.0 */
/* dir.h - paths, directories and what stands in them.
 *
 * Paths live in buffers on the stack, so that nothing here but a listing can
 * run out of memory; that they fit is checked when the store is opened.
 */
#ifndef OA_STORE_DIR_H
#define OA_STORE_DIR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "store/file_impl.h"
#include "store/name.h"

enum {
  OA_PATH_SIZE = 4096, /* what Linux takes, terminator included */
  OA_PATH_SHOWN = 132, /* of it in an error text, which has 256 bytes */
};

/* DIR/NAME; false when it does not fit. */
bool oa_path_join(char out[OA_PATH_SIZE], const char *dir, const char *name);

/* PATH as an error text shows it: its end, when it is long. */
void oa_path_show(char out[OA_PATH_SHOWN], const char *path);

/* "WHAT PATH: reason" and, where we know one, what to do.  OA_ERR_IO. */
oa_status oa_path_error(oa_error *error, int code, const char *what,
                        const char *path);

/* Makes PATH and its parents (0750) where they are missing.  OA_ERR_IO also
 * when it stands there but cannot be written. */
oa_status oa_dir_make(oa_disk *disk, const char *path, oa_error *error);

/* Makes the names in directory PATH durable. */
oa_status oa_dir_sync(oa_disk *disk, const char *path, oa_error *error);

typedef struct oa_dir_entry {
  oa_name name;
  uint64_t size;
  uint64_t mtime_ns; /* since 1970 UTC */
} oa_dir_entry;

typedef struct oa_dir_list {
  oa_dir_entry *items; /* by counter, then time stamp */
  size_t count;
  size_t capacity;
  uint64_t bytes;
} oa_dir_list;

/* Lists the regular files in PATH whose names follow RULE.  A directory that
 * is not there gives an empty list.  OA_ERR_IO, OA_ERR_NOMEM. */
oa_status oa_dir_read(oa_dir_list *out, const char *path,
                      const oa_name_rule *rule, oa_error *error);
void oa_dir_list_free(oa_dir_list *list);

#endif
