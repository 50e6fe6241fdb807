/* SPDX-License-Identifier: Apache-2.0 */
/* clock.c - a time of day that jumps (LD_PRELOAD).
 *
 * OA_CLOCK_FILE holds one 64-bit number of nanoseconds that are added to
 * CLOCK_REALTIME; the tester changes it while the program runs.  Files get the
 * changed time as well: the kernel knows only its own, so each write is
 * followed by setting the time of the file.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define SECOND INT64_C(1000000000)

static _Atomic int64_t *offset;

__attribute__((constructor)) static void start(void) {
  const char *path = getenv("OA_CLOCK_FILE");
  const int fd = path == NULL ? -1 : open(path, O_RDWR | O_CLOEXEC);
  if (fd < 0) {
    return;
  }
  void *map = mmap(NULL, sizeof *offset, PROT_READ, MAP_SHARED, fd, 0);
  close(fd);
  offset = map == MAP_FAILED ? NULL : map;
}

/* NOLINTNEXTLINE(bugprone-macro-parentheses): a type takes none */
#define NEXT(NAME) ((__typeof__(&NAME))(uintptr_t)dlsym(RTLD_NEXT, #NAME))

static void move(struct timespec *at) {
  if (offset == NULL) {
    return;
  }
  const int64_t by = *offset;
  int64_t nanoseconds = at->tv_nsec + by % SECOND;
  at->tv_sec += (time_t)(by / SECOND);
  if (nanoseconds < 0) {
    nanoseconds += SECOND;
    at->tv_sec--;
  } else if (nanoseconds >= SECOND) {
    nanoseconds -= SECOND;
    at->tv_sec++;
  }
  at->tv_nsec = (long)nanoseconds;
}

int clock_gettime(clockid_t id, struct timespec *out) {
  const int result = NEXT(clock_gettime)(id, out);
  if (result == 0 && (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE)) {
    move(out);
  }
  return result;
}

int gettimeofday(struct timeval *restrict out, void *restrict zone) {
  struct timespec now;
  (void)zone;
  if (clock_gettime(CLOCK_REALTIME, &now) != 0) {
    return -1;
  }
  out->tv_sec = now.tv_sec;
  out->tv_usec = now.tv_nsec / 1000;
  return 0;
}

time_t time(time_t *out) {
  struct timespec now;
  if (clock_gettime(CLOCK_REALTIME, &now) != 0) {
    return -1;
  }
  if (out != NULL) {
    *out = now.tv_sec;
  }
  return now.tv_sec;
}

static void stamp(int fd) {
  const int code = errno;
  struct stat at;
  if (offset != NULL && fstat(fd, &at) == 0 && S_ISREG(at.st_mode)) {
    struct timespec times[2] = {{0, UTIME_OMIT}, {0, 0}};
    clock_gettime(CLOCK_REALTIME, &times[1]);
    (void)futimens(fd, times);
  }
  errno = code;
}

ssize_t write(int fd, const void *data, size_t len) {
  const ssize_t done = NEXT(write)(fd, data, len);
  if (done > 0) {
    stamp(fd);
  }
  return done;
}

ssize_t pwrite(int fd, const void *data, size_t len, off_t at) {
  const ssize_t done = NEXT(pwrite)(fd, data, len, at);
  if (done > 0) {
    stamp(fd);
  }
  return done;
}

ssize_t writev(int fd, const struct iovec *iov, int count) {
  const ssize_t done = NEXT(writev)(fd, iov, count);
  if (done > 0) {
    stamp(fd);
  }
  return done;
}

int ftruncate(int fd, off_t size) {
  const int result = NEXT(ftruncate)(fd, size);
  if (result == 0) {
    stamp(fd);
  }
  return result;
}
