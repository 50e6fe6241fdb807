/* SPDX-License-Identifier: Apache-2.0 */
/* Doing what is to be done with a file. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "api/repair_impl.h"
#include "arrow/ipc_write.h"
#include "base/mem.h"

enum {
  COPY_SIZE = 1024 * 1024,
  MAX_ASIDE = 10000, /* files set aside under one name */
};

static oa_status failed(const char *what, oa_error *error) {
  return oa_error_set(error, OA_ERR_IO, "%s: %s", what, strerror(errno));
}

/* --- bytes --- */

static oa_status write_at(int fd, const void *bytes, size_t len, uint64_t at,
                          oa_error *error) {
  const uint8_t *from = bytes;
  while (len > 0) {
    const ssize_t n = pwrite(fd, from, len, (off_t)at);
    if (n < 0 && errno == EINTR) {
      continue;
    }
    if (n <= 0) {
      errno = n == 0 ? EIO : errno;
      return failed("cannot write", error);
    }
    from += n;
    len -= (size_t)n;
    at += (uint64_t)n;
  }
  return OA_OK;
}

static oa_status copy(int from, int to, uint64_t len, oa_error *error) {
  oa_status status = OA_OK;
  uint8_t *buffer = oa_malloc(COPY_SIZE);
  if (buffer == NULL) {
    return oa_error_set(error, OA_ERR_NOMEM, "no memory to copy a file");
  }
  for (uint64_t at = 0; at < len && status == OA_OK;) {
    const size_t want =
        len - at < COPY_SIZE ? (size_t)(len - at) : (size_t)COPY_SIZE;
    const ssize_t n = pread(from, buffer, want, (off_t)at);
    if (n < 0 && errno == EINTR) {
      continue;
    }
    if (n <= 0) {
      errno = n == 0 ? EIO : errno; /* it was longer a moment ago */
      status = failed("cannot read", error);
      break;
    }
    status = write_at(to, buffer, (size_t)n, at, error);
    at += (uint64_t)n;
  }
  oa_free(buffer);
  return status;
}

/* Writes the end mark behind LEN bytes and makes all durable.  The time of
 * last write stays that of INFO: retention counts from it. */
static oa_status end_file(int fd, uint64_t len, const struct stat *info,
                          oa_error *error) {
  const struct timespec times[2] = {info->st_atim, info->st_mtim};
  oa_ipc_pieces end;
  oa_ipc_write_end(&end);
  OA_TRY(write_at(fd, end.iov[0].iov_base, end.iov[0].iov_len, len, error));
  (void)futimens(fd, times);
  return fsync(fd) == 0 ? OA_OK : failed("cannot fsync", error);
}

/* --- names --- */

oa_status oa_mend_sync_names(const char *path, oa_error *error) {
  char directory[PATH_MAX];
  oa_verify_directory(path, directory, sizeof directory);
  const int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) {
    return failed("cannot open the directory", error);
  }
  /* Some file systems know no fsync of directories. */
  const bool synced = fsync(fd) == 0 || errno == EINVAL || errno == ENOTSUP;
  const oa_status status =
      synced ? OA_OK : failed("cannot fsync the directory", error);
  close(fd);
  return status;
}

/* PATH.corrupt, PATH.corrupt.1, ...: the first that is free.  *THERE: a run
 * that was broken off has given the file that name already. */
static oa_status find_aside(const char *path, const struct stat *info,
                            char out[PATH_MAX], bool *there, oa_error *error) {
  struct stat at;
  *there = false;
  for (int i = 0; i < MAX_ASIDE; i++) {
    const int len = i == 0 ? snprintf(out, PATH_MAX, "%s.corrupt", path)
                           : snprintf(out, PATH_MAX, "%s.corrupt.%d", path, i);
    if (len <= 0 || len >= PATH_MAX) {
      return oa_error_set(error, OA_ERR_IO, "the path is too long");
    }
    if (lstat(out, &at) != 0) {
      return errno == ENOENT ? OA_OK : failed("cannot set it aside", error);
    }
    *there = at.st_dev == info->st_dev && at.st_ino == info->st_ino;
    if (*there) {
      return OA_OK;
    }
  }
  return oa_error_set(error, OA_ERR_IO,
                      "%d files were set aside under this name; remove some",
                      MAX_ASIDE);
}

/* Where a file cannot have two names, another one gets its bytes. */
static oa_status copy_aside(int fd, const struct stat *info, const char *aside,
                            oa_error *error) {
  const int to = open(aside, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC,
                      info->st_mode & 0777);
  if (to < 0) {
    return failed("cannot set it aside", error);
  }
  oa_status status = copy(fd, to, (uint64_t)info->st_size, error);
  if (status == OA_OK && fsync(to) != 0) {
    status = failed("cannot fsync", error);
  }
  close(to);
  if (status != OA_OK) {
    (void)unlink(aside);
  }
  return status;
}

/* Gives the file PATH, open as FD, a second name. */
static oa_status name_aside(int fd, const char *path, const struct stat *info,
                            char aside[PATH_MAX], oa_error *error) {
  bool there;
  OA_TRY(find_aside(path, info, aside, &there, error));
  if (!there && link(path, aside) != 0) {
    OA_TRY(copy_aside(fd, info, aside, error));
  }
  return oa_mend_sync_names(path, error);
}

/* --- the ways to mend --- */

static oa_status cut(const oa_mend_plan *plan, int fd, const struct stat *info,
                     oa_error *error) {
  const uint64_t len = plan->found.complete;
  if (len < plan->found.size && ftruncate(fd, (off_t)len) != 0) {
    return failed("cannot cut it", error);
  }
  return end_file(fd, len, info, error);
}

static oa_status set_aside(const char *path, const struct stat *info,
                           char aside[PATH_MAX], oa_error *error) {
  bool there;
  OA_TRY(find_aside(path, info, aside, &there, error));
  if ((there ? unlink(path) : rename(path, aside)) != 0) {
    return failed("cannot set it aside", error);
  }
  return oa_mend_sync_names(path, error);
}

/* What was written is read again before the old file makes way for it. */
static oa_status prove(int fd, const oa_mend_plan *plan, oa_error *error) {
  const oa_check_options options = {0};
  oa_check found;
  OA_TRY(oa_check_file(fd, &options, &found, error));
  if (found.state != OA_CHECK_WHOLE || found.good != plan->found.good) {
    return oa_error_set(error, OA_ERR_IO,
                        "the disk gives back other bytes than were written");
  }
  return OA_OK;
}

/* The new file, open as TO, up to the damage. */
static oa_status fill(const oa_mend_plan *plan, int fd, int to,
                      const struct stat *info, oa_error *error) {
  const uint64_t len = plan->found.complete;
  OA_TRY(copy(fd, to, len, error));
  if (plan->mend == OA_MEND_SCHEMA) {
    OA_TRY(write_at(to, plan->head.data, plan->head.len, 0, error));
  }
  (void)fchmod(to, info->st_mode & 0777);
  /* Only root can; others own what they may write here anyway. */
  const int ignored = fchown(to, info->st_uid, info->st_gid);
  (void)ignored;
  OA_TRY(end_file(to, len, info, error));
  return prove(to, plan, error);
}

static oa_status rewrite(const oa_mend_plan *plan, int fd, const char *path,
                         const struct stat *info, char aside[PATH_MAX],
                         oa_error *error) {
  char fresh[PATH_MAX];
  const int len = snprintf(fresh, sizeof fresh, "%s%s", path, OA_STORED_REPAIR);
  if (len <= 0 || (size_t)len >= sizeof fresh) {
    return oa_error_set(error, OA_ERR_IO, "the path is too long");
  }
  (void)unlink(fresh); /* of a run that was broken off */
  const int to = open(fresh, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0640);
  if (to < 0) {
    return failed("cannot make the new file", error);
  }
  oa_status status = fill(plan, fd, to, info, error);
  close(to);
  if (status == OA_OK) {
    status = name_aside(fd, path, info, aside, error);
  }
  if (status == OA_OK && rename(fresh, path) != 0) {
    status = failed("cannot put the new file in its place", error);
  }
  if (status != OA_OK) {
    (void)unlink(fresh);
    return status;
  }
  return oa_mend_sync_names(path, error);
}

oa_status oa_mend_do(const oa_mend_plan *plan, int fd, const char *path,
                     char aside[PATH_MAX], oa_error *error) {
  struct stat info;
  aside[0] = '\0';
  if (fstat(fd, &info) != 0) {
    return failed("cannot look at it", error);
  }
  if ((uint64_t)info.st_size != plan->found.size) {
    return oa_error_set(error, OA_ERR_IO,
                        "another program writes it; stop that first");
  }
  switch (plan->mend) {
    case OA_MEND_CUT:
      return cut(plan, fd, &info, error);
    case OA_MEND_REWRITE:
    case OA_MEND_SCHEMA:
      return rewrite(plan, fd, path, &info, aside, error);
    case OA_MEND_ASIDE:
      return set_aside(path, &info, aside, error);
    case OA_MEND_NOTHING:
    case OA_MEND_LEAVE:
      break;
  }
  return OA_OK;
}
