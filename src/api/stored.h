/* SPDX-License-Identifier: Apache-2.0 */
/* stored.h - all files below a directory of the service, and what each is by
 * its name: for verify and repair, which pass nothing over.
 *
 * Names are those of storage: {prefix}_{signal}_{stamp}_{seq}.{extension},
 * with any extension, since that can be configured.
 */
#ifndef OA_API_STORED_H
#define OA_API_STORED_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "otlp/schema.h"

typedef enum oa_stored_kind {
  OA_STORED_DATA,     /* a file that the service named */
  OA_STORED_LIKE,     /* *.arrow, *.arrows: Arrow under another name */
  OA_STORED_LOCK,     /* the lock of an output directory */
  OA_STORED_STATE,    /* what the service keeps for itself */
  OA_STORED_CORRUPT,  /* set aside */
  OA_STORED_LEFTOVER, /* half of something that was to become a file */
  OA_STORED_OTHER,    /* of somebody else */
  OA_STORED_SPECIAL,  /* neither file nor directory, or a link to one */
} oa_stored_kind;

/* What repair writes first, behind the name of the file that it will be. */
#define OA_STORED_REPAIR ".repair"

typedef struct oa_stored {
  char *path;
  const char *name; /* the last part of PATH */
  oa_stored_kind kind;
  oa_signal signal; /* of DATA; OA_SIGNAL_COUNT */
  uint64_t seq;     /* of DATA */
  uint64_t size;
  bool newest;  /* of DATA: no file of its directory has a higher counter */
  bool strayed; /* of DATA: it stands in the directory of another signal */
} oa_stored;

typedef struct oa_stored_list {
  oa_stored *items; /* sorted by path, numbers as numbers */
  size_t count;
  size_t capacity;
  uint64_t bytes; /* of DATA and LIKE */
} oa_stored_list;

/* PATH itself when it is a file, which then is DATA or LIKE whatever its name
 * is; else everything below it.  OA_ERR_NOT_FOUND, OA_ERR_IO, OA_ERR_LIMIT,
 * OA_ERR_NOMEM. */
oa_status oa_stored_list_read(oa_stored_list *out, const char *path,
                              oa_error *error);
void oa_stored_list_free(oa_stored_list *list);

/* The signal that the metadata of SCHEMA names, or OA_SIGNAL_COUNT. */
oa_signal oa_stored_signal(const oa_schema *schema);

/* Finds the output directory that DIRECTORY is or lies in, at most two levels
 * up: it has a lock file.  False when there is none. */
bool oa_stored_find_lock(const char *directory, char *out, size_t size);

/* True while a service owns the output directory DIRECTORY.  *PID is its
 * process id, or 0. */
bool oa_stored_is_owned(const char *directory, long *pid);

#endif
