/* SPDX-License-Identifier: Apache-2.0 */
/* slow_disk.c - a disk that takes OA_SLOW_BYTES_PER_S and no more.
 *
 * Preloaded into the service, it sleeps after each write to a regular file for
 * as long as such a disk would have taken.
 */
#define _GNU_SOURCE

#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

static double rate(void) {
  const char *text = getenv("OA_SLOW_BYTES_PER_S");
  const double given = text == NULL ? 0 : strtod(text, NULL);
  return given > 1 ? given : 1e18;
}

static ssize_t pay(int fd, ssize_t written) {
  struct stat found;
  if (written > 0 && fstat(fd, &found) == 0 && S_ISREG(found.st_mode)) {
    const double seconds = (double)written / rate();
    struct timespec left = {
        .tv_sec = (time_t)seconds,
        .tv_nsec = (long)((seconds - (double)(time_t)seconds) * 1e9)};
    while (nanosleep(&left, &left) != 0) {
    }
  }
  return written;
}

/* The real function NAME; a pointer to data cannot be cast to one to code. */
static void find(void *function, const char *name) {
  void *symbol = dlsym(RTLD_NEXT, name);
  memcpy(function, &symbol, sizeof symbol);
}

ssize_t write(int fd, const void *bytes, size_t len) {
  ssize_t (*real)(int, const void *, size_t);
  find(&real, "write");
  return pay(fd, real(fd, bytes, len));
}

ssize_t writev(int fd, const struct iovec *iov, int count) {
  ssize_t (*real)(int, const struct iovec *, int);
  find(&real, "writev");
  return pay(fd, real(fd, iov, count));
}

ssize_t pwrite(int fd, const void *bytes, size_t len, off_t at) {
  ssize_t (*real)(int, const void *, size_t, off_t);
  find(&real, "pwrite");
  return pay(fd, real(fd, bytes, len, at));
}
