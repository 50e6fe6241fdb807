/* SPDX-License-Identifier: Apache-2.0 */
/* powercut.c - keeps a journal of what a program does to its files
 * (LD_PRELOAD).
 *
 * Everything that changes what lies below OA_POWER_DIR is appended to the file
 * OA_POWER_LOG, in the order in which it was done, with the data.  The replayer
 * (tests/soak/power.py) makes of it what a disk may hold after a power cut.
 *
 * A record is a head of seven 64-bit numbers, the path, the second path and the
 * data.  One lock is held over a call and its record.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

enum op {
  OP_CREATE = 1,
  OP_WRITE,
  OP_SIZE,
  OP_SYNC,
  OP_SYNC_DIR,
  OP_RENAME,
  OP_UNLINK,
  OP_MKDIR,
};

#define MAGIC INT64_C(0x4f41504f57455231)

typedef struct record {
  int64_t magic;
  int64_t op;
  int64_t inode;
  int64_t at; /* offset, or the new size */
  int64_t path_len;
  int64_t other_len;
  int64_t data_len;
} record;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int journal = -1;
static const char *below;
static size_t below_len;

/* NOLINTNEXTLINE(bugprone-macro-parentheses): a type takes none */
#define NEXT(NAME) ((__typeof__(&NAME))(uintptr_t)dlsym(RTLD_NEXT, #NAME))

__attribute__((constructor)) static void start(void) {
  const char *path = getenv("OA_POWER_LOG");
  below = getenv("OA_POWER_DIR");
  if (path != NULL && below != NULL) {
    below_len = strlen(below);
    journal = NEXT(open)(path, O_WRONLY | O_APPEND | O_CLOEXEC);
  }
}

static bool is_below(const char *path) {
  return journal >= 0 && strncmp(path, below, below_len) == 0 &&
         (path[below_len] == '/' || path[below_len] == '\0');
}

/* The path of FD when it is below; PATH has room for 4200 bytes. */
static bool fd_is_below(int fd, char *path) {
  char link[40];
  const int code = errno;
  if (journal < 0 || fd == journal) {
    return false;
  }
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  const ssize_t len = readlink(link, path, 4199);
  errno = code;
  if (len <= 0) {
    return false;
  }
  path[len] = '\0';
  return is_below(path);
}

static void put(const void *data, size_t len) {
  size_t done = 0;
  while (done < len) {
    const ssize_t n =
        NEXT(write)(journal, (const char *)data + done, len - done);
    if (n <= 0) {
      abort(); /* a journal with a gap proves nothing */
    }
    done += (size_t)n;
  }
}

static void note(enum op op, int64_t inode, int64_t at, const char *path,
                 const char *other, const struct iovec *iov, size_t size) {
  const int code = errno;
  const record head = {MAGIC,
                       op,
                       inode,
                       at,
                       (int64_t)strlen(path),
                       (int64_t)strlen(other),
                       (int64_t)size};
  put(&head, sizeof head);
  put(path, strlen(path));
  put(other, strlen(other));
  for (size_t left = size; left > 0; iov++) {
    const size_t part = iov->iov_len < left ? iov->iov_len : left;
    put(iov->iov_base, part);
    left -= part;
  }
  errno = code;
}

static int64_t inode_of(int fd) {
  struct stat at;
  return fstat(fd, &at) == 0 ? (int64_t)at.st_ino : -1;
}

/* Where a write to FD begins. */
static int64_t position(int fd) {
  struct stat at;
  if ((fcntl(fd, F_GETFL) & O_APPEND) != 0) {
    return fstat(fd, &at) == 0 ? (int64_t)at.st_size : -1;
  }
  return (int64_t)lseek(fd, 0, SEEK_CUR);
}

/* --- data --- */

static ssize_t note_write(int fd, const char *path, const struct iovec *iov,
                          int64_t at, ssize_t done) {
  if (done > 0) {
    note(OP_WRITE, inode_of(fd), at, path, "", iov, (size_t)done);
  }
  return done;
}

ssize_t writev(int fd, const struct iovec *iov, int count) {
  char path[4200];
  if (!fd_is_below(fd, path)) {
    return NEXT(writev)(fd, iov, count);
  }
  pthread_mutex_lock(&lock);
  const int64_t at = position(fd);
  const ssize_t done =
      note_write(fd, path, iov, at, NEXT(writev)(fd, iov, count));
  pthread_mutex_unlock(&lock);
  return done;
}

ssize_t write(int fd, const void *data, size_t len) {
  char path[4200];
  struct iovec one = {.iov_len = len};
  memcpy(&one.iov_base, &data, sizeof data);
  if (!fd_is_below(fd, path)) {
    return NEXT(write)(fd, data, len);
  }
  pthread_mutex_lock(&lock);
  const int64_t at = position(fd);
  const ssize_t done =
      note_write(fd, path, &one, at, NEXT(write)(fd, data, len));
  pthread_mutex_unlock(&lock);
  return done;
}

ssize_t pwrite(int fd, const void *data, size_t len, off_t at) {
  char path[4200];
  struct iovec one = {.iov_len = len};
  memcpy(&one.iov_base, &data, sizeof data);
  if (!fd_is_below(fd, path)) {
    return NEXT(pwrite)(fd, data, len, at);
  }
  pthread_mutex_lock(&lock);
  /* Linux appends all the same when O_APPEND is set. */
  const bool appends = (fcntl(fd, F_GETFL) & O_APPEND) != 0;
  const int64_t where = appends ? position(fd) : (int64_t)at;
  const ssize_t done =
      note_write(fd, path, &one, where, NEXT(pwrite)(fd, data, len, at));
  pthread_mutex_unlock(&lock);
  return done;
}

/* Ways to change files that the journal does not know are closed. */
ssize_t copy_file_range(int from, off64_t *from_at, int to, off64_t *to_at,
                        size_t len, unsigned flags) {
  (void)from, (void)from_at, (void)to, (void)to_at, (void)len, (void)flags;
  errno = ENOSYS;
  return -1;
}

int ftruncate(int fd, off_t size) {
  char path[4200];
  if (!fd_is_below(fd, path)) {
    return NEXT(ftruncate)(fd, size);
  }
  pthread_mutex_lock(&lock);
  const int result = NEXT(ftruncate)(fd, size);
  if (result == 0) {
    note(OP_SIZE, inode_of(fd), (int64_t)size, path, "", NULL, 0);
  }
  pthread_mutex_unlock(&lock);
  return result;
}

static int sync_with(int fd, int (*next)(int)) {
  char path[4200];
  struct stat at;
  if (!fd_is_below(fd, path)) {
    return next(fd);
  }
  pthread_mutex_lock(&lock);
  const int result = next(fd);
  if (result == 0 && fstat(fd, &at) == 0) {
    note(S_ISDIR(at.st_mode) ? OP_SYNC_DIR : OP_SYNC, (int64_t)at.st_ino, 0,
         path, "", NULL, 0);
  }
  pthread_mutex_unlock(&lock);
  return result;
}

int fsync(int fd) {
  return sync_with(fd, NEXT(fsync));
}

int fdatasync(int fd) {
  return sync_with(fd, NEXT(fdatasync));
}

/* --- names --- */

int open(const char *path, int flags, ...) {
  va_list more;
  va_start(more, flags);
  const mode_t mode =
      (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(more, mode_t) : 0;
  va_end(more);
  if (!is_below(path) || (flags & (O_CREAT | O_TRUNC)) == 0) {
    return NEXT(open)(path, flags, mode);
  }
  pthread_mutex_lock(&lock);
  struct stat at;
  const bool was = lstat(path, &at) == 0;
  const int fd = NEXT(open)(path, flags, mode);
  if (fd >= 0 && !was) {
    note(OP_CREATE, inode_of(fd), 0, path, "", NULL, 0);
  } else if (fd >= 0 && (flags & O_TRUNC) != 0) {
    note(OP_SIZE, inode_of(fd), 0, path, "", NULL, 0);
  }
  pthread_mutex_unlock(&lock);
  return fd;
}

int open64(const char *path, int flags, ...) {
  va_list more;
  va_start(more, flags);
  const mode_t mode =
      (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(more, mode_t) : 0;
  va_end(more);
  return open(path, flags, mode);
}

int rename(const char *from, const char *to) {
  if (!is_below(from)) {
    return NEXT(rename)(from, to);
  }
  pthread_mutex_lock(&lock);
  const int result = NEXT(rename)(from, to);
  if (result == 0) {
    note(OP_RENAME, 0, 0, from, to, NULL, 0);
  }
  pthread_mutex_unlock(&lock);
  return result;
}

int unlink(const char *path) {
  if (!is_below(path)) {
    return NEXT(unlink)(path);
  }
  pthread_mutex_lock(&lock);
  const int result = NEXT(unlink)(path);
  if (result == 0) {
    note(OP_UNLINK, 0, 0, path, "", NULL, 0);
  }
  pthread_mutex_unlock(&lock);
  return result;
}

int mkdir(const char *path, mode_t mode) {
  if (!is_below(path)) {
    return NEXT(mkdir)(path, mode);
  }
  pthread_mutex_lock(&lock);
  const int result = NEXT(mkdir)(path, mode);
  if (result == 0) {
    note(OP_MKDIR, 0, 0, path, "", NULL, 0);
  }
  pthread_mutex_unlock(&lock);
  return result;
}
