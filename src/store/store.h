/* SPDX-License-Identifier: Apache-2.0 */
/* store.h - batches in Arrow IPC stream files, rotated, sealed and retained.
 *
 * A store owns one directory (lock file) with one sub-directory a stream.
 * It knows streams by name and schema, not what they mean.  A file is
 * appended in whole IPC messages only: the file is the log.
 *
 *   {root}/{stream}/{prefix}_{stream}_{UTC yyyymmdd_hhmmss}_{seq}.{extension}
 *
 * All calls come from one thread, the writer, but those that say otherwise.
 */
#ifndef OA_STORE_STORE_H
#define OA_STORE_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "arrow/array.h"
#include "base/error.h"
#include "base/log.h"
#include "codec/codec.h"
#include "store/name.h"

enum { OA_STORE_MAX_STREAMS = 8 };

typedef struct oa_store_stream {
  const char *name;        /* "traces": directory and part of the file name */
  const oa_schema *schema; /* borrowed while the store lives */
  uint64_t retention_ns;   /* age after its last write at which a sealed file
                              goes; 0 = never */
} oa_store_stream;

typedef struct oa_store_options {
  const char *lock_dir;  /* where the lock file stands (output_dir) */
  const char *root;      /* parent of the stream directories */
  const char *prefix;    /* "otlp" */
  const char *extension; /* "arrow", without the dot */
  oa_coding codec;
  int level;
  uint64_t max_file_size;   /* bytes; rotate when a file has reached it;
                               0 = no bound */
  uint64_t max_file_age_ns; /* rotate when a file has been open that long, or
                               for a quarter of the retention; 0 = no bound */
  uint64_t max_total_size;  /* bytes of all files; 0 = no bound */
  bool direct_io; /* large batches go past the page cache where it can be */
  bool merge;     /* sealed files of small batches are written again, in large
                     ones, by a thread of low priority */
  int64_t merge_rows; /* of a large batch */
  const oa_store_stream *streams;
  size_t stream_count;
  const oa_log *log; /* may be NULL; lives as long as the store */
} oa_store_options;

typedef struct oa_store_stats {
  uint64_t bytes_written; /* since start, all streams */
  uint64_t batches_written;
  uint64_t files_sealed;
  uint64_t files_removed;
  uint64_t files_merged;    /* written again with larger batches */
  uint64_t merge_errors;    /* files that could not be; they stay as they are */
  uint64_t files_recovered; /* left open by a crash or a failure, since cut to
                               whole batches and sealed */
  uint64_t files_corrupt;   /* set aside as .corrupt */
  uint64_t files_now;       /* in the directory, the open ones included */
  uint64_t bytes_now;       /* their size */
  uint64_t write_errors;
  uint64_t write_ns; /* time in write calls */
  uint64_t fsync_ns;
  uint64_t fsyncs;
} oa_store_stats;

typedef struct oa_store oa_store;

/* Makes the directories, takes the lock, cuts torn tails of files left open
 * by the last run and seals them; when the machine was restarted since, that
 * is begun here, by a thread, and done in oa_store_tick().  OA_ERR_IO with a
 * sentence for people: the directory cannot be used, or another process owns
 * it.  OA_ERR_CONFIG: a name in OPTIONS cannot be part of a file name.
 * OA_ERR_NOMEM. The strings of OPTIONS are copied; schemas and log are
 * borrowed. */
oa_status oa_store_open(oa_store **out, const oa_store_options *options,
                        oa_error *error);

/* Is told, on the writer's thread, what becomes of the rows. */
typedef struct oa_store_watch {
  void *context;
  /* File NAME of STREAM has ROWS rows, all of them whole in it; OPEN: more may
   * follow. */
  void (*grew)(void *context, size_t stream, const oa_name *name, int64_t rows,
               bool open);
  /* Retention has removed it. */
  void (*removed)(void *context, size_t stream, const oa_name *name);
} oa_store_watch;

/* Has WATCH told from now on; before the first append, and not during a call
 * to STORE. */
void oa_store_set_watch(oa_store *store, const oa_store_watch *watch);

/* What may change while a store is open, as in its options. */
typedef struct oa_store_rules {
  oa_coding codec; /* of files that are begun from then on */
  int level;
  uint64_t max_file_size;
  uint64_t max_file_age_ns;
  uint64_t max_total_size;
  uint64_t retention_ns[OA_STORE_MAX_STREAMS];
} oa_store_rules;

/* Puts RULES in force.  Any thread. */
void oa_store_set_rules(oa_store *store, const oa_store_rules *rules);

/* Appends one batch to the stream's open file, opening or rotating it first
 * when due.  On failure the file is cut back to its last whole message and
 * the batch may be given again: OA_ERR_IO, OA_ERR_NOMEM.  *WRITTEN (may be
 * NULL) is the number of bytes appended.  No rows: nothing is written. */
oa_status oa_store_append(oa_store *store, size_t stream,
                          const oa_array *columns, int64_t rows,
                          uint64_t *written, oa_error *error);

/* Makes all batches of the stream durable (fdatasync of its open file).
 * OA_ERR_IO: at least one batch since the last call may not be; it is said
 * once, and the file in question is closed and sealed by a later tick. */
oa_status oa_store_sync(oa_store *store, size_t stream, oa_error *error);

/* The file in a stream's directory that a probe makes and removes. */
#define OA_STORE_PROBE_NAME ".probe"

/* Whether the disk takes BYTES (about) again: for when a write failed and
 * nothing is left to be written.  OA_ERR_IO. */
oa_status oa_store_probe(oa_store *store, size_t bytes, oa_error *error);

/* Rotates by age, removes what is too old or too much, and mends files that a
 * failure left unsealed.  Cheap when nothing is due; call it about once a
 * second.  Failures are logged and counted. */
void oa_store_tick(oa_store *store);

/* Seals the open files (EOS, fsync of file and directory); the next append
 * opens new ones. */
oa_status oa_store_seal(oa_store *store, oa_error *error);

/* Seals, unlocks and frees.  The first failure is returned; STORE is gone
 * all the same.  NULL is allowed. */
oa_status oa_store_close(oa_store *store, oa_error *error);

/* In a process that was forked: lets go of the directory's lock, which its
 * descriptor would hold longer than the owner lives.  NULL is allowed. */
void oa_store_disown(oa_store *store);

/* A snapshot of the counters; any thread. */
void oa_store_get_stats(const oa_store *store, oa_store_stats *out);

/* --- Reading a stream file (used by recovery and by the tool) --- */

typedef struct oa_store_scan {
  uint64_t whole;    /* bytes up to the end of the last whole message */
  uint64_t complete; /* bytes up to the end of the last record batch, or of the
                        schema when there is none: dictionaries behind it serve
                        nothing */
  uint64_t size;     /* bytes of the file */
  bool ended;        /* the last whole message is EOS */
  bool has_schema;   /* the first message is a whole Schema */
  bool damaged;      /* what stands at WHOLE is no message, not even the
                        beginning of one */
  uint64_t batches;  /* record batches */
  int64_t rows;
} oa_store_scan;

/* Walks the messages of PATH by their frames alone.  A torn or damaged tail
 * is not a failure: it is what WHOLE < SIZE says.  OA_ERR_IO, OA_ERR_NOMEM. */
oa_status oa_store_scan_file(const char *path, oa_store_scan *out,
                             oa_error *error);

#endif
