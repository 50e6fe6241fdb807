/* SPDX-License-Identifier: Apache-2.0 */
/* file_impl.h - one open stream file, and the system calls that it needs.
 *
 * A file grows by whole messages only: an append that cannot be finished is
 * taken back.  When even that fails the descriptor is given up (fd is -1) and
 * the file waits for recovery, since nobody knows what it holds.
 *
 * The system calls stand in a table so that a test can make the Nth one fail.
 * Private to src/store and its tests.
 */
#ifndef OA_STORE_FILE_IMPL_H
#define OA_STORE_FILE_IMPL_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <time.h>

#include "arrow/ipc_write.h"
#include "base/error.h"
#include "base/log.h"

/* As the calls of the same names. */
typedef struct oa_store_os {
  int (*open)(const char *path, int flags, mode_t mode);
  ssize_t (*writev)(int fd, const struct iovec *iov, int count);
  int (*ftruncate)(int fd, off_t length);
  int (*fsync)(int fd);
  int (*fdatasync)(int fd);
  int (*set_flags)(int fd, int flags); /* fcntl(fd, F_SETFL, flags) */
  ssize_t (*pread)(int fd, void *out, size_t len, off_t at);
  int (*futimens)(int fd, const struct timespec times[2]);
  int (*rename)(const char *from, const char *to);
  int (*unlink)(const char *path);
  int (*mkdir)(const char *path, mode_t mode);
  uint64_t (*wall_ns)(void);
  uint64_t (*monotonic_ns)(void);
} oa_store_os;

extern const oa_store_os oa_store_os_default;

/* oa_store_stats while it changes: written by the writer's thread, read by
 * any.  Nothing is ordered by them, so every access is relaxed. */
typedef struct oa_store_counters {
  _Atomic uint64_t bytes_written;
  _Atomic uint64_t batches_written;
  _Atomic uint64_t files_sealed;
  _Atomic uint64_t files_removed;
  _Atomic uint64_t files_merged;
  _Atomic uint64_t merge_errors;
  _Atomic uint64_t files_recovered;
  _Atomic uint64_t files_corrupt;
  _Atomic uint64_t files_now;
  _Atomic uint64_t bytes_now;
  _Atomic uint64_t write_errors;
  _Atomic uint64_t write_ns;
  _Atomic uint64_t fsync_ns;
  _Atomic uint64_t fsyncs;
} oa_store_counters;

/* Large appends go past the page cache (O_DIRECT) in whole blocks: the kernel
 * then neither finds fresh pages for data that nobody will read soon, nor
 * copies into them, which cost more than all our work on a batch (measured).
 * Disks and file systems ask for multiples of 512 to 4096 bytes. */
enum {
  OA_DISK_BLOCK = OA_IPC_BLOCK,
  /* Memory that such writes are gathered in: a huge page, which the kernel
   * need not walk page by page for the disk. */
  OA_DISK_STAGE = 2 << 20,
  OA_DISK_DIRECT_MIN = 1 << 20, /* smaller appends go the usual way */
};

/* What everything that touches the disk is handed. */
typedef struct oa_disk {
  const oa_store_os *os;
  const oa_log *log;
  bool direct;    /* large appends may go past the page cache */
  bool full;      /* the last failure was for want of space */
  uint8_t *stage; /* OA_DISK_STAGE bytes, once needed */
  oa_store_counters counters;
  uint64_t complained_ns; /* of the last logged failure; 0 = none yet */
  uint64_t unlogged;      /* failures since then */
} oa_disk;

static inline void oa_disk_count(_Atomic uint64_t *counter, uint64_t by) {
  atomic_fetch_add_explicit(counter, by, memory_order_relaxed);
}

static inline uint64_t oa_disk_counted(const _Atomic uint64_t *counter) {
  return atomic_load_explicit(counter, memory_order_relaxed);
}

/* open(2) with the mode of files, again after EINTR. */
int oa_disk_open(const oa_disk *disk, const char *path, int flags);

/* Timed and counted; fsync(2) and fdatasync(2) again after EINTR. */
int oa_disk_fsync(oa_disk *disk, int fd);
int oa_disk_fdatasync(oa_disk *disk, int fd);

/* Counts a write failure and logs it: the first at once, then at most one
 * line in ten seconds that says how many there were. */
void oa_disk_complain(oa_disk *disk, const oa_error *error);

typedef struct oa_file {
  int fd;          /* -1 = none is open */
  uint64_t length; /* whole messages */
  bool dirty;      /* written since the last fsync */
  bool named;      /* its name in the directory is durable */
  bool direct;     /* O_DIRECT is on: only whole blocks can be written */
} oa_file;

/* Makes PATH, which must not exist.  OA_ERR_BUSY: it does exist;
 * OA_ERR_NOT_FOUND: its directory does not; OA_ERR_IO. */
oa_status oa_file_create(oa_file *out, oa_disk *disk, const char *path,
                         oa_error *error);

/* Opens the file PATH of LENGTH bytes to append to it.  OA_ERR_IO. */
oa_status oa_file_reopen(oa_file *out, const oa_disk *disk, const char *path,
                         uint64_t length, oa_error *error);

/* Cuts the file back to its length; false with errno when it cannot be. */
bool oa_file_cut(const oa_file *file, const oa_disk *disk);

/* OA_OK when the open file is still what this process made of it.
 * OA_ERR_NOT_FOUND: it was removed; OA_ERR_IO: another one changed it. */
oa_status oa_file_check(const oa_file *file, const char *path, oa_error *error);

/* Appends HEAD (when its length is not 0) and the COUNT pieces of IOV, all or
 * nothing.  OA_ERR_IO; the descriptor is closed when the file could not be cut
 * back, or the descriptor is of no more use. */
oa_status oa_file_append(oa_file *file, oa_disk *disk, const char *path,
                         struct iovec head, const struct iovec *iov,
                         size_t count, oa_error *error);

/* Makes what was appended durable, the name too.  After OA_ERR_IO the
 * descriptor is closed: a second fsync on it could claim what is not so. */
oa_status oa_file_sync(oa_file *file, oa_disk *disk, const char *dir,
                       const char *path, oa_error *error);

/* Writes EOS, makes all durable and closes.  OA_ERR_IO: when fd is still
 * open, EOS did not fit and the file is as before; otherwise the file waits
 * for recovery. */
oa_status oa_file_seal(oa_file *file, oa_disk *disk, const char *dir,
                       const char *path, oa_error *error);

/* Closes without a word. */
void oa_file_drop(oa_file *file);

#endif
