/* SPDX-License-Identifier: Apache-2.0 */
/* iofault.c - makes chosen file calls of a program fail (LD_PRELOAD).
 *
 * Only calls on what lies below OA_FAULT_DIR are counted.  Of those, calls
 * number FIRST to LAST of the classes in MASK of control.h fail with CODE, or
 * do only a part of their work when PART is set and they can.
 */
#define _GNU_SOURCE
#include "control.h"

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

enum {
  CALL_WRITE = 1,
  CALL_SYNC = 2,
  CALL_RENAME = 4,
  CALL_OPEN = 8,
  CALL_SIZE = 16,
  CALL_UNLINK = 32,
  CALL_MKDIR = 64,
  CALL_READ = 128,
  CALL_LIST = 256,
  CALL_FLAGS = 512,
};

static control *shared;
static const char *below;
static size_t below_len;

__attribute__((constructor)) static void start(void) {
  below = getenv("OA_FAULT_DIR");
  if (below != NULL) {
    below_len = strlen(below);
    shared = map_control();
  }
}

static bool is_below(const char *path) {
  return below != NULL && strncmp(path, below, below_len) == 0 &&
         (path[below_len] == '/' || path[below_len] == '\0');
}

static bool fd_is_below(int fd) {
  char link[40];
  char path[4200];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  const ssize_t len = readlink(link, path, sizeof path - 1);
  if (len <= 0) {
    return false;
  }
  path[len] = '\0';
  return is_below(path);
}

/* Whether this call is one that fails. */
static bool hit(void) {
  const int64_t number = atomic_fetch_add(&shared->calls, 1) + 1;
  if (number < shared->first || number > shared->last) {
    return false;
  }
  atomic_fetch_add(&shared->hits, 1);
  return true;
}

static bool counts(int kind) {
  return shared != NULL && shared->armed && (shared->mask & kind) != 0;
}

static bool fails_at(int kind, const char *path) {
  return counts(kind) && is_below(path) && hit();
}

static bool fails_on(int kind, int fd) {
  const int code = errno;
  const bool fails = counts(kind) && fd_is_below(fd) && hit();
  errno = code;
  return fails;
}

static int fail(void) {
  errno = (int)shared->code;
  return -1;
}

/* The next object's function of this name. */
/* NOLINTNEXTLINE(bugprone-macro-parentheses): a type takes none */
#define NEXT(NAME) ((__typeof__(&NAME))(uintptr_t)dlsym(RTLD_NEXT, #NAME))

/* --- writing --- */

ssize_t write(int fd, const void *data, size_t len) {
  if (fails_on(CALL_WRITE, fd)) {
    return shared->part && len > 1 ? NEXT(write)(fd, data, len / 2) : fail();
  }
  return NEXT(write)(fd, data, len);
}

ssize_t pwrite(int fd, const void *data, size_t len, off_t at) {
  if (fails_on(CALL_WRITE, fd)) {
    return shared->part && len > 1 ? NEXT(pwrite)(fd, data, len / 2, at)
                                   : fail();
  }
  return NEXT(pwrite)(fd, data, len, at);
}

ssize_t pwrite64(int fd, const void *data, size_t len, off_t at) {
  return pwrite(fd, data, len, at);
}

ssize_t writev(int fd, const struct iovec *iov, int count) {
  if (fails_on(CALL_WRITE, fd)) {
    if (!shared->part || count == 0 || iov[0].iov_len < 2) {
      return fail();
    }
    /* Half of the first piece: no whole message. */
    return NEXT(write)(fd, iov[0].iov_base, iov[0].iov_len / 2);
  }
  return NEXT(writev)(fd, iov, count);
}

ssize_t pwritev(int fd, const struct iovec *iov, int count, off_t at) {
  return fails_on(CALL_WRITE, fd) ? fail() : NEXT(pwritev)(fd, iov, count, at);
}

ssize_t copy_file_range(int from, off64_t *from_at, int to, off64_t *to_at,
                        size_t len, unsigned flags) {
  return fails_on(CALL_WRITE, to)
             ? fail()
             : NEXT(copy_file_range)(from, from_at, to, to_at, len, flags);
}

int fsync(int fd) {
  return fails_on(CALL_SYNC, fd) ? fail() : NEXT(fsync)(fd);
}

int fdatasync(int fd) {
  return fails_on(CALL_SYNC, fd) ? fail() : NEXT(fdatasync)(fd);
}

int ftruncate(int fd, off_t size) {
  return fails_on(CALL_SIZE, fd) ? fail() : NEXT(ftruncate)(fd, size);
}

int ftruncate64(int fd, off64_t size) {
  return ftruncate(fd, size);
}

int fallocate(int fd, int mode, off_t at, off_t len) {
  return fails_on(CALL_SIZE, fd) ? fail() : NEXT(fallocate)(fd, mode, at, len);
}

int posix_fallocate(int fd, off_t at, off_t len) {
  return fails_on(CALL_SIZE, fd) ? (int)shared->code
                                 : NEXT(posix_fallocate)(fd, at, len);
}

int fcntl(int fd, int command, ...) {
  va_list more;
  va_start(more, command);
  void *argument = va_arg(more, void *);
  va_end(more);
  if (command == F_SETFL && fails_on(CALL_FLAGS, fd)) {
    return fail();
  }
  return NEXT(fcntl)(fd, command, argument);
}

/* --- reading --- */

ssize_t read(int fd, void *data, size_t len) {
  if (fails_on(CALL_READ, fd)) {
    return shared->part && len > 1 ? NEXT(read)(fd, data, len / 2) : fail();
  }
  return NEXT(read)(fd, data, len);
}

ssize_t pread(int fd, void *data, size_t len, off_t at) {
  if (fails_on(CALL_READ, fd)) {
    return shared->part && len > 1 ? NEXT(pread)(fd, data, len / 2, at)
                                   : fail();
  }
  return NEXT(pread)(fd, data, len, at);
}

ssize_t pread64(int fd, void *data, size_t len, off_t at) {
  return pread(fd, data, len, at);
}

ssize_t __read_chk(int fd, void *data, size_t len, size_t room);
ssize_t __read_chk(int fd, void *data, size_t len, size_t room) {
  (void)room;
  return read(fd, data, len);
}

ssize_t __pread_chk(int fd, void *data, size_t len, off_t at, size_t room);
ssize_t __pread_chk(int fd, void *data, size_t len, off_t at, size_t room) {
  (void)room;
  return pread(fd, data, len, at);
}

DIR *opendir(const char *path) {
  if (fails_at(CALL_LIST, path)) {
    fail();
    return NULL;
  }
  return NEXT(opendir)(path);
}

/* --- names --- */

static bool has_mode(int flags) {
  return (flags & (O_CREAT | O_TMPFILE)) != 0;
}

int open(const char *path, int flags, ...) {
  va_list more;
  va_start(more, flags);
  const mode_t mode = has_mode(flags) ? va_arg(more, mode_t) : 0;
  va_end(more);
  return fails_at(CALL_OPEN, path) ? fail() : NEXT(open)(path, flags, mode);
}

int open64(const char *path, int flags, ...) {
  va_list more;
  va_start(more, flags);
  const mode_t mode = has_mode(flags) ? va_arg(more, mode_t) : 0;
  va_end(more);
  return open(path, flags, mode);
}

int openat(int dir, const char *path, int flags, ...) {
  va_list more;
  va_start(more, flags);
  const mode_t mode = has_mode(flags) ? va_arg(more, mode_t) : 0;
  va_end(more);
  const bool ours = path[0] == '/' ? is_below(path) : fd_is_below(dir);
  if (ours && counts(CALL_OPEN) && hit()) {
    return fail();
  }
  return NEXT(openat)(dir, path, flags, mode);
}

int __open_2(const char *path, int flags);
int __open_2(const char *path, int flags) {
  return open(path, flags);
}

int __open64_2(const char *path, int flags);
int __open64_2(const char *path, int flags) {
  return open(path, flags);
}

int rename(const char *from, const char *to) {
  return fails_at(CALL_RENAME, to) ? fail() : NEXT(rename)(from, to);
}

int renameat(int from_dir, const char *from, int to_dir, const char *to) {
  return fails_at(CALL_RENAME, to) ? fail()
                                   : NEXT(renameat)(from_dir, from, to_dir, to);
}

int link(const char *from, const char *to) {
  return fails_at(CALL_RENAME, to) ? fail() : NEXT(link)(from, to);
}

int unlink(const char *path) {
  return fails_at(CALL_UNLINK, path) ? fail() : NEXT(unlink)(path);
}

int unlinkat(int dir, const char *path, int flags) {
  const bool ours = path[0] == '/' ? is_below(path) : fd_is_below(dir);
  if (ours && counts(CALL_UNLINK) && hit()) {
    return fail();
  }
  return NEXT(unlinkat)(dir, path, flags);
}

int mkdir(const char *path, mode_t mode) {
  return fails_at(CALL_MKDIR, path) ? fail() : NEXT(mkdir)(path, mode);
}
