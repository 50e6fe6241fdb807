/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/clock.h"
#include "store/file_impl.h"

/* One line in this time says enough about a full disk. */
#define COMPLAINT_INTERVAL_NS (UINT64_C(10) * 1000 * 1000 * 1000)

_Static_assert(sizeof(off_t) >= 8, "files may be larger than 2 GiB");

/* open(2) has a variable number of arguments, which a table cannot hold. */
static int open_file(const char *path, int flags, mode_t mode) {
  return open(path, flags, mode);
}

static int set_flags(int fd, int flags) {
  return fcntl(fd, F_SETFL, flags);
}

const oa_store_os oa_store_os_default = {
    .open = open_file,
    .writev = writev,
    .ftruncate = ftruncate,
    .fsync = fsync,
    .fdatasync = fdatasync,
    .set_flags = set_flags,
    .pread = pread,
    .futimens = futimens,
    .rename = rename,
    .unlink = unlink,
    .mkdir = mkdir,
    .wall_ns = oa_clock_wall_ns,
    .monotonic_ns = oa_clock_monotonic_ns,
};

int oa_disk_open(const oa_disk *disk, const char *path, int flags) {
  int fd;
  do {
    fd = disk->os->open(path, flags, 0640);
  } while (fd < 0 && errno == EINTR);
  return fd;
}

static int sync_timed(oa_disk *disk, int (*sync_file)(int fd), int fd) {
  const uint64_t start = oa_clock_monotonic_ns();
  int result;
  do {
    result = sync_file(fd);
  } while (result != 0 && errno == EINTR);
  const int code = errno;
  oa_disk_count(&disk->counters.fsync_ns, oa_clock_monotonic_ns() - start);
  oa_disk_count(&disk->counters.fsyncs, 1);
  errno = code;
  return result;
}

int oa_disk_fsync(oa_disk *disk, int fd) {
  return sync_timed(disk, disk->os->fsync, fd);
}

int oa_disk_fdatasync(oa_disk *disk, int fd) {
  return sync_timed(disk, disk->os->fdatasync, fd);
}

void oa_disk_complain(oa_disk *disk, const oa_error *error) {
  const uint64_t now = disk->os->monotonic_ns();
  oa_disk_count(&disk->counters.write_errors, 1);
  if (disk->complained_ns != 0 &&
      now - disk->complained_ns < COMPLAINT_INTERVAL_NS) {
    disk->unlogged++;
    return;
  }
  if (disk->unlogged > 0) {
    oa_log_line(disk->log, OA_LOG_ERROR,
                "store: %s (and %" PRIu64 " more failures since the last line)",
                error->text, disk->unlogged);
  } else {
    oa_log_line(disk->log, OA_LOG_ERROR, "store: %s", error->text);
  }
  disk->complained_ns = now;
  disk->unlogged = 0;
}
