/* SPDX-License-Identifier: Apache-2.0 */
/* Looks whether the disk takes data again, when there is none to try it
 * with. */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "store/store_impl.h"

enum {
  CHUNK = 64 << 10,
  /* A batch larger than that tells more than a probe can. */
  MAX_CHUNKS = 128,
};

/* 0 or an errno. */
static int fill(const oa_disk *disk, int fd, size_t chunks) {
  static const uint8_t zeros[CHUNK];
  for (size_t i = 0; i < chunks; i++) {
    for (size_t done = 0; done < CHUNK;) {
      /* writev() takes what it only reads as if it wrote to it. */
      const struct iovec piece = {.iov_base = (void *)(uintptr_t)zeros,
                                  .iov_len = CHUNK - done};
      const ssize_t n = disk->os->writev(fd, &piece, 1);
      if (n < 0 && errno == EINTR) {
        continue;
      }
      if (n <= 0) {
        return n == 0 ? EIO : errno;
      }
      done += (size_t)n;
    }
  }
  return 0;
}

oa_status oa_store_probe(oa_store *store, size_t bytes, oa_error *error) {
  oa_disk *disk = &store->disk;
  char path[OA_PATH_SIZE];
  size_t chunks = bytes / CHUNK + 1;
  if (chunks > MAX_CHUNKS) {
    chunks = MAX_CHUNKS;
  }
  OA_TRY(oa_dir_make(disk, store->streams[0].dir, error));
  (void)oa_path_join(path, store->streams[0].dir, OA_STORE_PROBE_NAME);
  const int fd =
      oa_disk_open(disk, path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC);
  if (fd < 0) {
    return oa_path_error(error, errno, "cannot create", path);
  }
  int code = fill(disk, fd, chunks);
  if (code == 0 && oa_disk_fdatasync(disk, fd) != 0) {
    code = errno;
  }
  close(fd);
  if (disk->os->unlink(path) != 0 && code == 0) {
    code = errno;
  }
  return code == 0 ? OA_OK : oa_path_error(error, code, "cannot write", path);
}
