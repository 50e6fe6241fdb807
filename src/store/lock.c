/* SPDX-License-Identifier: Apache-2.0 */
#include "store/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/dir.h"

enum { PID_TEXT = 24 };

static bool make_path(char out[OA_PATH_SIZE], const char *dir) {
  return oa_path_join(out, dir, OA_LOCK_NAME);
}

/* The process id in the lock file, or 0 when there is none to read. */
static long read_owner(int fd) {
  char text[PID_TEXT];
  long pid = 0;
  const ssize_t len = pread(fd, text, sizeof text, 0);
  for (ssize_t i = 0; i < len && i < 10; i++) {
    if (text[i] < '0' || text[i] > '9') {
      break;
    }
    pid = pid * 10 + (text[i] - '0');
  }
  return pid;
}

static oa_status say_owned(int fd, const char *dir, oa_error *error) {
  char shown[OA_PATH_SHOWN];
  const long pid = read_owner(fd);
  oa_path_show(shown, dir);
  if (pid == (long)getpid()) {
    return oa_error_set(error, OA_ERR_IO,
                        "%s is already in use by this process; give each "
                        "instance its own output directory",
                        shown);
  }
  if (pid == 0) {
    return oa_error_set(error, OA_ERR_IO,
                        "%s is in use by another process; stop it or choose "
                        "another output directory",
                        shown);
  }
  return oa_error_set(error, OA_ERR_IO,
                      "%s is in use by process %ld; stop it or choose another "
                      "output directory",
                      shown, pid);
}

/* The text is for people, so failing to write it costs nothing else. */
static void write_owner(int fd) {
  char text[PID_TEXT];
  const int len = snprintf(text, sizeof text, "%ld\n", (long)getpid());
  if (ftruncate(fd, 0) == 0 && len > 0) {
    const ssize_t ignored = pwrite(fd, text, (size_t)len, 0);
    (void)ignored;
  }
}

oa_status oa_lock_take(oa_lock *out, const char *dir, oa_error *error) {
  char path[OA_PATH_SIZE];
  if (!make_path(path, dir)) {
    return oa_error_set(error, OA_ERR_CONFIG, "the output path is too long");
  }
  const int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0640);
  if (fd < 0) {
    return oa_path_error(error, errno, "cannot create", path);
  }
  int result;
  do {
    result = flock(fd, LOCK_EX | LOCK_NB);
  } while (result != 0 && errno == EINTR);
  if (result != 0) {
    const oa_status status =
        errno == EWOULDBLOCK ? say_owned(fd, dir, error)
                             : oa_path_error(error, errno, "cannot lock", path);
    close(fd);
    return status;
  }
  write_owner(fd);
  out->fd = fd;
  return OA_OK;
}

oa_status oa_lock_renew(oa_lock *lock, const char *dir, oa_error *error) {
  char path[OA_PATH_SIZE];
  struct stat ours;
  struct stat there;
  if (make_path(path, dir) && lock->fd >= 0 && fstat(lock->fd, &ours) == 0 &&
      stat(path, &there) == 0 && ours.st_dev == there.st_dev &&
      ours.st_ino == there.st_ino) {
    return OA_OK;
  }
  oa_lock fresh;
  OA_TRY(oa_lock_take(&fresh, dir, error));
  oa_lock_release(lock);
  *lock = fresh;
  return OA_OK;
}

void oa_lock_release(oa_lock *lock) {
  if (lock->fd >= 0) {
    close(lock->fd); /* the lock goes with the last descriptor */
    lock->fd = -1;
  }
}
