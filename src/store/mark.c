/* SPDX-License-Identifier: Apache-2.0 */
#include "store/mark.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { MARK_TEXT = 64, MARK_NAME = 32 };

/* DIR/.KIND and what follows; false when it does not fit. */
static bool mark_path(char out[OA_PATH_SIZE], const char *dir, const char *kind,
                      const char *rest) {
  char name[MARK_NAME];
  const int len = snprintf(name, sizeof name, ".%s%s", kind, rest);
  return len > 0 && len < MARK_NAME && oa_path_join(out, dir, name);
}

/* What stands before the counter; the number of bytes. */
static size_t mark_head(char out[MARK_TEXT], const char *kind) {
  const int len = snprintf(out, MARK_TEXT, "otlp-arrow %s ", kind);
  return len > 0 && len < MARK_TEXT ? (size_t)len : 0;
}

/* Reads the first MARK_TEXT - 1 bytes of PATH; false when it cannot. */
static bool read_text(const char *path, char out[MARK_TEXT]) {
  const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
  if (fd < 0) {
    return false;
  }
  const ssize_t len = read(fd, out, MARK_TEXT - 1);
  close(fd);
  out[len < 0 ? 0 : len] = '\0';
  return len > 0;
}

uint64_t oa_mark_read(const char *dir, const char *kind) {
  char path[OA_PATH_SIZE];
  char head[MARK_TEXT];
  char text[MARK_TEXT];
  const size_t first = mark_head(head, kind);
  uint64_t seq = 0;
  size_t i = first;
  if (!mark_path(path, dir, kind, "") || !read_text(path, text) ||
      strncmp(text, head, first) != 0) {
    return 0;
  }
  while (i < first + OA_NAME_DIGITS && text[i] >= '0' && text[i] <= '9') {
    seq = seq * 10 + (uint64_t)(text[i++] - '0');
  }
  /* Without its end the number may be cut or not be one: walk all files. */
  return text[i] == '\n' && text[i + 1] == '\0' ? seq : 0;
}

bool oa_mark_write(const oa_disk *disk, const char *dir, const char *kind,
                   uint64_t seq) {
  char path[OA_PATH_SIZE];
  char aside[OA_PATH_SIZE];
  char text[MARK_TEXT];
  const size_t first = mark_head(text, kind);
  if (!mark_path(path, dir, kind, "") ||
      !mark_path(aside, dir, kind, OA_MARK_NEW)) {
    return false;
  }
  const int len =
      snprintf(text + first, sizeof text - first, "%" PRIu64 "\n", seq);
  const int fd = oa_disk_open(
      disk, aside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW);
  if (fd < 0) {
    return false;
  }
  const struct iovec piece = {.iov_base = text, .iov_len = first + (size_t)len};
  /* Durable before it has the name: after a power cut an older number costs a
   * look into the files since then, an empty one into all of them. */
  const bool written =
      disk->os->writev(fd, &piece, 1) == (ssize_t)piece.iov_len &&
      disk->os->fdatasync(fd) == 0;
  close(fd);
  return written && disk->os->rename(aside, path) == 0;
}
