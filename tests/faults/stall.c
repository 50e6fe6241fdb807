/* SPDX-License-Identifier: Apache-2.0 */
/* stall.c - a disk that stands still or is full, at a tester's word
 * (LD_PRELOAD).
 *
 * While the file OA_STALL_FILE exists, writes to regular files wait for it to
 * go away when it is empty, and fail with ENOSPC when it is not.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

static void *real(const char *name) {
  return dlsym(RTLD_NEXT, name);
}

/* True when the call on FD is to fail. */
static bool fails(int fd) {
  const char *path = getenv("OA_STALL_FILE");
  struct stat word;
  struct stat file;
  if (path == NULL || fstat(fd, &file) != 0 || !S_ISREG(file.st_mode)) {
    return false;
  }
  while (stat(path, &word) == 0) {
    if (word.st_size > 0) {
      errno = ENOSPC;
      return true;
    }
    nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
  }
  return false;
}

/* Conversions from object to function pointers are POSIX's, not C's. */
#define CALL(NAME, TYPE, ...)                  \
  do {                                         \
    TYPE call;                                 \
    void *found = real(NAME);                  \
    memcpy(&call, &found, sizeof call);        \
    return fails(fd) ? -1 : call(__VA_ARGS__); \
  } while (0)

typedef ssize_t (*write_call)(int, const void *, size_t);
typedef ssize_t (*writev_call)(int, const struct iovec *, int);
typedef ssize_t (*pwrite_call)(int, const void *, size_t, off64_t);
typedef ssize_t (*pwritev_call)(int, const struct iovec *, int, off64_t);

ssize_t write(int fd, const void *data, size_t len) {
  CALL("write", write_call, fd, data, len);
}

ssize_t writev(int fd, const struct iovec *parts, int count) {
  CALL("writev", writev_call, fd, parts, count);
}

ssize_t pwrite(int fd, const void *data, size_t len, off_t at) {
  CALL("pwrite", pwrite_call, fd, data, len, at);
}

ssize_t pwrite64(int fd, const void *data, size_t len, off64_t at) {
  CALL("pwrite64", pwrite_call, fd, data, len, at);
}

ssize_t pwritev(int fd, const struct iovec *parts, int count, off_t at) {
  CALL("pwritev", pwritev_call, fd, parts, count, at);
}

ssize_t pwritev64(int fd, const struct iovec *parts, int count, off64_t at) {
  CALL("pwritev64", pwritev_call, fd, parts, count, at);
}
