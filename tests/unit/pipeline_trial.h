/* SPDX-License-Identifier: Apache-2.0 */
/* pipeline_trial.h - a store in a directory of its own whose disk can be told
 * to fail or to stand still, and requests with a number of spans.
 */
#ifndef OA_TESTS_UNIT_PIPELINE_TRIAL_H
#define OA_TESTS_UNIT_PIPELINE_TRIAL_H

#include <dirent.h>
#include <fcntl.h>

#include "ingest/counters.h"
#include "net_trial.h"
#include "otlp/otlp.h"
#include "store/store_impl.h"
#include "wire/emit.h"

typedef enum disk {
  DISK_WORKS,
  DISK_FULL,
  DISK_STANDS_STILL,
  DISK_FAILS_FSYNC,
} disk;

/* System calls have no context, so the disk is one for all. */
static atomic_int disk_now;
static atomic_int disk_syncs; /* that went well */

static ssize_t disk_writev(int fd, const struct iovec *iov, int count) {
  while (atomic_load(&disk_now) == DISK_STANDS_STILL) {
    pause_ms(1);
  }
  if (atomic_load(&disk_now) == DISK_FULL) {
    errno = ENOSPC;
    return -1;
  }
  return oa_store_os_default.writev(fd, iov, count);
}

static int disk_fdatasync(int fd) {
  if (atomic_load(&disk_now) == DISK_FAILS_FSYNC) {
    errno = EIO;
    return -1;
  }
  atomic_fetch_add(&disk_syncs, 1);
  return oa_store_os_default.fdatasync(fd);
}

static inline void set_disk(disk now) {
  atomic_store(&disk_now, now);
}

typedef struct yard {
  char dir[64];
  oa_store_os os; /* borrowed by the store */
  oa_store *store;
} yard;

static inline void yard_open(yard *y) {
  oa_error error = {0};
  oa_store_stream streams[OA_SIGNAL_COUNT] = {{0}};
  y->os = oa_store_os_default;
  y->os.writev = disk_writev;
  y->os.fdatasync = disk_fdatasync;
  set_disk(DISK_WORKS);
  atomic_store(&disk_syncs, 0);
  snprintf(y->dir, sizeof y->dir, "/tmp/oa_yard_XXXXXX");
  assert_non_null(mkdtemp(y->dir));
  for (int i = 0; i < OA_SIGNAL_COUNT; i++) {
    streams[i].name = oa_signal_name((oa_signal)i);
    streams[i].schema = oa_otlp_schema((oa_signal)i);
  }
  const oa_store_options options = {.lock_dir = y->dir,
                                    .root = y->dir,
                                    .prefix = "otlp",
                                    .extension = "arrow",
                                    .codec = OA_CODING_NONE,
                                    .streams = streams,
                                    .stream_count = OA_SIGNAL_COUNT};
  if (oa_store_open_with(&y->store, &options, &y->os, &error) != OA_OK) {
    fail_msg("%s", error.text);
  }
}

static inline void yard_close(yard *y) {
  char erase[128];
  assert_int_equal(oa_store_close(y->store, NULL), OA_OK);
  snprintf(erase, sizeof erase, "rm -r '%s'", y->dir);
  assert_int_equal(system(erase), 0);
}

/* Rows of SIGNAL in all files. */
static inline int64_t rows_in_files(const yard *y, oa_signal signal) {
  char folder[96];
  int64_t rows = 0;
  const struct dirent *entry;
  snprintf(folder, sizeof folder, "%s/%s", y->dir, oa_signal_name(signal));
  /* ThreadSanitizer does not see the descriptor that opendir() takes. */
  DIR *dir = fdopendir(open(folder, O_RDONLY | O_DIRECTORY));
  assert_non_null(dir);
  while ((entry = readdir(dir)) != NULL) {
    char path[512];
    oa_store_scan scan;
    if (entry->d_name[0] != '.') {
      snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
      assert_int_equal(oa_store_scan_file(path, &scan, NULL), OA_OK);
      rows += scan.rows;
    }
  }
  closedir(dir);
  return rows;
}

/* COUNT records, of which the first BAD have a trace_id of one byte. */
static inline void put_records(oa_emit *e, oa_signal signal, int count,
                               int bad) {
  const uint32_t id = signal == OA_LOGS ? 9 : 1;
  const oa_emit_nest resource = oa_emit_open(e, 1, 2);
  const oa_emit_nest scope = oa_emit_open(e, 2, 2);
  for (int i = 0; i < count; i++) {
    const oa_emit_nest record = oa_emit_open(e, 2, 1);
    if (i < bad) {
      oa_emit_bytes(e, id, (const uint8_t *)"x", 1);
    }
    oa_emit_close(e, record);
  }
  oa_emit_close(e, scope);
  oa_emit_close(e, resource);
  assert_int_equal(e->status, OA_OK);
}

#endif
