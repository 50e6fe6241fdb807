/* SPDX-License-Identifier: Apache-2.0 */
#include "store/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/dir.h"

enum {
  BOOT_TEXT = 40,              /* a UUID and its terminator */
  OWNER_TEXT = 24 + BOOT_TEXT, /* "PID BOOT\n" */
};

static bool make_path(char out[OA_PATH_SIZE], const char *dir) {
  return oa_path_join(out, dir, OA_LOCK_NAME);
}

/* The process id in the lock file, or 0 when there is none to read. */
static long read_owner(int fd) {
  char text[OWNER_TEXT];
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

/* Which run of the kernel this is; an empty text when it does not say. */
static void read_boot(char out[BOOT_TEXT]) {
  ssize_t len = -1;
  const int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
  if (fd >= 0) {
    len = read(fd, out, BOOT_TEXT - 1);
    close(fd);
  }
  out[len < 0 ? 0 : len] = '\0';
  out[strcspn(out, " \n")] = '\0';
}

/* Whether the lock file says that this run of the kernel has it all. */
static bool is_same_boot(int fd) {
  char boot[BOOT_TEXT];
  char text[OWNER_TEXT];
  read_boot(boot);
  const ssize_t len = pread(fd, text, sizeof text - 1, 0);
  text[len < 0 ? 0 : len] = '\0';
  const char *said = strchr(text, ' ');
  return boot[0] != '\0' && said != NULL &&
         strncmp(said + 1, boot, strlen(boot)) == 0;
}

/* Failing to write it costs a reader a name and the next start some time. */
static void write_owner(int fd, bool same_boot) {
  char boot[BOOT_TEXT] = "";
  char text[OWNER_TEXT];
  if (same_boot) {
    read_boot(boot);
  }
  const int len = snprintf(text, sizeof text, "%ld%s%s\n", (long)getpid(),
                           same_boot ? " " : "", boot);
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
  int fd;
  do {
    fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0640);
  } while (fd < 0 && errno == EINTR);
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
  out->fd = fd;
  out->same_boot = is_same_boot(fd);
  write_owner(fd, out->same_boot);
  return OA_OK;
}

void oa_lock_note_boot(oa_lock *lock) {
  if (lock->fd >= 0 && !lock->same_boot) {
    lock->same_boot = true;
    write_owner(lock->fd, true);
  }
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
  const bool same_boot = lock->same_boot;
  oa_lock_release(lock);
  *lock = fresh;
  if (same_boot) {
    oa_lock_note_boot(lock);
  }
  return OA_OK;
}

void oa_lock_disown(oa_lock *lock) {
  if (lock->fd >= 0) {
    close(lock->fd);
    lock->fd = -1;
  }
}

void oa_lock_release(oa_lock *lock) {
  if (lock->fd >= 0) {
    /* Children that were forked may have the descriptor too. */
    flock(lock->fd, LOCK_UN);
  }
  oa_lock_disown(lock);
}
