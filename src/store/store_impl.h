/* SPDX-License-Identifier: Apache-2.0 */
/* store_impl.h - the store's state and how its parts meet.
 *
 * Each stream directory has a small file ".sealed" that holds a counter: every
 * file up to it was sealed and durable when that was written.  Start-up walks
 * only the files above it (and those that do not end in EOS), so an EOS-like
 * run of bytes at the end of a torn file fools nobody.  ".merged" does the same
 * for files that need no merging.
 *
 * Private to src/store and its tests.
 */
#ifndef OA_STORE_STORE_IMPL_H
#define OA_STORE_STORE_IMPL_H

#include "arrow/ipc_write.h"
#include "base/buf.h"
#include "store/dir.h"
#include "store/file_impl.h"
#include "store/lock.h"
#include "store/mark.h"
#include "store/name.h"
#include "store/store.h"

#define OA_STORE_SEALED_NAME "." OA_MARK_SEALED

/* Files that are remembered as waiting to be merged, each stream; those behind
 * them are found again in the directory. */
enum { OA_MERGE_WAITING = 16 };

typedef struct oa_series {
  oa_name_rule rule; /* borrows stream_name and the store's strings */
  char *stream_name;
  const oa_schema *schema;
  _Atomic uint64_t retention_ns;
  _Atomic uint64_t max_age_ns; /* of the open file; 0 = no bound */
  char *dir;

  uint64_t next_seq;
  uint64_t sealed_seq; /* what ".sealed" says */
  bool unsealed;       /* a file below next_seq waits to be mended */
  uint64_t first_seq;  /* next_seq when the store was opened */
  size_t inspected;    /* files below it that are with the inspector */
  bool lost;           /* a fsync failed since the last oa_store_sync() */

  oa_file file; /* fd -1 = none is open */
  oa_name name; /* of it */
  uint64_t opened_ns;
  int64_t rows;
  oa_ipc_writer *writer; /* one a file */
  oa_buf head;           /* its Schema message */
  uint64_t batches;

  /* --- merging, see merge_queue.c --- */
  uint64_t merged_seq;               /* no file up to it needs merging */
  uint64_t noted_seq;                /* what ".merged" says */
  bool merge_look;                   /* one above it may */
  oa_name waiting[OA_MERGE_WAITING]; /* the first of those, the oldest first */
  size_t waiting_count;
} oa_series;

struct oa_store {
  oa_disk disk;
  oa_lock lock;
  char *lock_dir;
  char *prefix;
  char *extension;
  /* Atomic because other threads may change them: oa_store_set_rules(). */
  _Atomic oa_coding codec;
  _Atomic int level;
  _Atomic uint64_t max_file_size;
  _Atomic uint64_t max_total_size;
  uint64_t start_wall_ns;
  uint64_t start_mono_ns;
  uint64_t next_mend_ns;
  uint64_t mend_wait_ns; /* doubles while mending fails */
  uint64_t last_sweep_ns;
  _Atomic uint64_t sweep_every_ns;
  /* Over the total size although a sweep did what it could, with so many files
   * sealed at that time; UINT64_MAX: not so. */
  uint64_t stuck_sealed;
  bool full; /* the disk was, when a batch was last given */

  int64_t merge_rows;       /* 0 = nothing is merged */
  struct oa_merger *merger; /* NULL before the first job */
  oa_series *merging;       /* the stream whose first waiting file is in work */
  uint64_t merge_room;      /* bytes that its copy may take */
  size_t merge_turn;        /* the stream that was looked at last */

  struct oa_inspector *inspector; /* NULL: it has nothing to do */

  oa_store_watch watch; /* grew NULL = nobody */

  oa_series streams[OA_STORE_MAX_STREAMS];
  size_t stream_count;
};

/* oa_store_open() with other system calls. */
oa_status oa_store_open_with(oa_store **out, const oa_store_options *options,
                             const oa_store_os *os, oa_error *error);

/* --- stream.c: the open file of one stream --- */

oa_status oa_series_append(oa_store *store, oa_series *stream,
                           const oa_array *columns, int64_t rows,
                           uint64_t *written, oa_error *error);
oa_status oa_series_sync(oa_store *store, oa_series *stream, oa_error *error);

/* Seals the open file, if any.  A failure is logged and counted here. */
oa_status oa_series_seal(oa_store *store, oa_series *stream, oa_error *error);

/* Gives the open file up when others removed or changed it, and seals it when
 * it is old enough. */
void oa_series_tick(oa_store *store, oa_series *stream);

/* Frees all but the strings; the file is closed as it is. */
void oa_series_free(oa_series *stream);

/* The path of NAME in the stream's directory. */
void oa_series_path(const oa_series *stream, const oa_name *name,
                    char out[OA_PATH_SIZE]);

/* --- recover.c: files that nobody sealed --- */

/* At start-up: sets the stream's counter and mends every file that may need
 * it.  A file that cannot be mended now is logged and waits.  After a restart
 * of the machine all are left to the inspector (inspect.h).  OA_ERR_IO: the
 * directory cannot be listed; OA_ERR_NOMEM. */
oa_status oa_series_recover(oa_store *store, oa_series *stream,
                            oa_error *error);

/* Later: mends what failures have left, when they have left something. */
void oa_series_mend(oa_store *store, oa_series *stream);

/* Whether a file below the open one is not sealed yet. */
bool oa_series_is_behind(const oa_series *stream);

/* Begins to read what was left to the inspector. */
void oa_recover_start(oa_store *store);

/* Mends the files that it has read meanwhile. */
void oa_recover_take(oa_store *store);

/* When it has read all: has it read those again that could not be mended. */
void oa_recover_again(oa_store *store);

/* Mends what it can read in PATIENCE_NS; the rest waits for the next start. */
void oa_recover_end(oa_store *store, uint64_t patience_ns);

/* Writes ".sealed" when more is sealed than it says. */
void oa_series_note_sealed(oa_store *store, oa_series *stream);

/* --- retention.c --- */

/* Removes files that are too old or, oldest first, too many bytes, and counts
 * what is left. */
void oa_store_sweep(oa_store *store);

/* Sees to it that SIZE more bytes keep within the total size, as far as sealed
 * files are left to be removed. */
void oa_store_make_room(oa_store *store, uint64_t size);

/* After a write that failed for want of space: removes what is due.  True when
 * that has made some room. */
bool oa_store_free_room(oa_store *store);

/* How large an open file may become: with a small total size there must be
 * sealed files to remove.  0 = no bound. */
uint64_t oa_store_file_bound(const oa_store *store);

/* Age of a file by a clock that may have been set meanwhile. */
uint64_t oa_store_file_age(const oa_store *store, uint64_t mtime_ns);

/* --- scan.c --- */

/* oa_store_scan_file() of the first SIZE bytes of FD.  OA_ERR_BUSY: STOP (may
 * be NULL), which is asked before each message, said true. */
oa_status oa_scan_fd(int fd, uint64_t size, oa_store_scan *out,
                     bool (*stop)(void *context), void *context);

/* --- merge_queue.c: which files are merged, and when --- */

/* At start-up, after recovery: removes what merges have left, and looks
 * whether files wait. */
void oa_merge_start(oa_store *store, oa_series *stream);

/* The file NAME was sealed. */
void oa_merge_sealed(oa_store *store, oa_series *stream, const oa_name *name,
                     uint64_t batches, int64_t rows, uint64_t size);

/* Puts a copy that is ready in its place and begins with the next.  Never
 * waits for the merger. */
void oa_merge_tick(oa_store *store);

/* Has the merger give up what it does, which it can do again: for its room. */
void oa_merge_yield(oa_store *store);

/* Ends the merger; a copy that is ready is put in its place. */
void oa_merge_end_all(oa_store *store);

#endif
