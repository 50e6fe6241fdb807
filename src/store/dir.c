/* SPDX-License-Identifier: Apache-2.0 */
#include "store/dir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"

bool oa_path_join(char out[OA_PATH_SIZE], const char *dir, const char *name) {
  const int len = snprintf(out, OA_PATH_SIZE, "%s/%s", dir, name);
  return len > 0 && len < OA_PATH_SIZE;
}

void oa_path_show(char out[OA_PATH_SHOWN], const char *path) {
  const size_t len = strlen(path);
  if (len < OA_PATH_SHOWN) {
    memcpy(out, path, len + 1);
    return;
  }
  const size_t keep = OA_PATH_SHOWN - 4;
  memcpy(out, "...", 3);
  memcpy(out + 3, path + len - keep, keep + 1);
}

static const char *advice(int code) {
  switch (code) {
    case ENOSPC:
    case EDQUOT:
      return "; free some space or lower the retention";
    case EACCES:
    case EPERM:
      return "; give this user write access";
    case EROFS:
    case ENOTDIR:
      return "; choose a directory that can be written";
    case EMFILE:
    case ENFILE:
      return "; raise the limit of open files";
    default:
      return "";
  }
}

oa_status oa_path_error(oa_error *error, int code, const char *what,
                        const char *path) {
  char reason[64];
  char shown[OA_PATH_SHOWN];
  if (strerror_r(code, reason, sizeof reason) != 0) {
    snprintf(reason, sizeof reason, "error %d", code);
  }
  oa_path_show(shown, path);
  return oa_error_set(error, OA_ERR_IO, "%s %s: %s%s", what, shown, reason,
                      advice(code));
}

/* Makes the entry of PATH in its parent durable, as far as that is allowed: a
 * parent that others own may be closed to us. */
static void sync_parent(oa_disk *disk, const char *path) {
  char parent[OA_PATH_SIZE];
  const char *slash = strrchr(path, '/');
  const size_t len = slash == NULL ? 0 : (size_t)(slash - path);
  if (len == 0) {
    memcpy(parent, slash == NULL ? "." : "/", 2);
  } else {
    memcpy(parent, path, len);
    parent[len] = '\0';
  }
  (void)oa_dir_sync(disk, parent, NULL);
}

/* Makes the one directory PATH; its parent stands. */
static oa_status make_one(oa_disk *disk, const char *path, oa_error *error) {
  struct stat at;
  if (stat(path, &at) == 0) {
    return S_ISDIR(at.st_mode)
               ? OA_OK
               : oa_path_error(error, ENOTDIR, "cannot use", path);
  }
  if (disk->os->mkdir(path, 0750) != 0 && errno != EEXIST) {
    return oa_path_error(error, errno, "cannot create the directory", path);
  }
  sync_parent(disk, path);
  return OA_OK;
}

oa_status oa_dir_make(oa_disk *disk, const char *path, oa_error *error) {
  char part[OA_PATH_SIZE];
  const size_t len = strlen(path);
  if (len == 0 || len >= sizeof part) {
    return oa_error_set(error, OA_ERR_CONFIG,
                        "the output path is empty or too long");
  }
  memcpy(part, path, len + 1);
  for (size_t i = 1; i < len; i++) {
    if (part[i] == '/' && part[i - 1] != '/') {
      part[i] = '\0';
      OA_TRY(make_one(disk, part, error));
      part[i] = '/';
    }
  }
  OA_TRY(make_one(disk, part, error));
  /* The effective user is the one that will write. */
  if (faccessat(AT_FDCWD, path, W_OK | X_OK, AT_EACCESS) != 0) {
    return oa_path_error(error, errno, "cannot write into", path);
  }
  return OA_OK;
}

oa_status oa_dir_sync(oa_disk *disk, const char *path, oa_error *error) {
  const int fd = oa_disk_open(disk, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) {
    return oa_path_error(error, errno, "cannot open", path);
  }
  oa_status status = OA_OK;
  /* Some file systems know no fsync of directories; there it is not needed or
   * not to be had. */
  if (oa_disk_fsync(disk, fd) != 0 && errno != EINVAL && errno != ENOTSUP) {
    status = oa_path_error(error, errno, "cannot fsync", path);
  }
  close(fd);
  return status;
}

static int by_age(const void *left, const void *right) {
  const oa_name *a = &((const oa_dir_entry *)left)->name;
  const oa_name *b = &((const oa_dir_entry *)right)->name;
  if (a->seq != b->seq) {
    return a->seq < b->seq ? -1 : 1;
  }
  const int order = strcmp(a->stamp, b->stamp);
  return order != 0 ? order : (int)a->kind - (int)b->kind;
}

static oa_status push(oa_dir_list *list, const oa_name *name,
                      const struct stat *at) {
  if (list->count == list->capacity) {
    const size_t capacity = list->capacity == 0 ? 64 : list->capacity * 2;
    oa_dir_entry *items =
        oa_realloc(list->items, capacity * sizeof *list->items);
    if (items == NULL) {
      return OA_ERR_NOMEM;
    }
    list->items = items;
    list->capacity = capacity;
  }
  oa_dir_entry *entry = &list->items[list->count++];
  entry->name = *name;
  entry->size = at->st_size < 0 ? 0 : (uint64_t)at->st_size;
  /* Times outside 1970 .. 2554 stand for themselves no better than the ends
   * of what the type holds. */
  const int64_t seconds = (int64_t)at->st_mtim.tv_sec;
  if (seconds < 0) {
    entry->mtime_ns = 0;
  } else if (seconds >= (int64_t)(UINT64_MAX / UINT64_C(1000000000))) {
    entry->mtime_ns = UINT64_MAX;
  } else {
    entry->mtime_ns = (uint64_t)seconds * UINT64_C(1000000000) +
                      (uint64_t)at->st_mtim.tv_nsec;
  }
  list->bytes += entry->size;
  return OA_OK;
}

static oa_status read_entries(oa_dir_list *list, DIR *dir,
                              const oa_name_rule *rule) {
  for (;;) {
    errno = 0; /* the end and a failure look the same but for this */
    const struct dirent *entry = readdir(dir);
    if (entry == NULL) {
      return errno == 0 ? OA_OK : OA_ERR_IO;
    }
    oa_name name;
    struct stat at;
    if (oa_name_parse(rule, entry->d_name, &name) &&
        fstatat(dirfd(dir), entry->d_name, &at, AT_SYMLINK_NOFOLLOW) == 0 &&
        S_ISREG(at.st_mode)) {
      OA_TRY(push(list, &name, &at));
    }
  }
}

oa_status oa_dir_read(oa_dir_list *out, const char *path,
                      const oa_name_rule *rule, oa_error *error) {
  oa_dir_list list = {0};
  /* Not opendir(): ThreadSanitizer does not see that it takes a descriptor, and
   * mistakes it for the one of that number before. */
  const int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  DIR *dir = fd < 0 ? NULL : fdopendir(fd);
  if (dir == NULL) {
    const int code = errno;
    if (fd >= 0) {
      close(fd);
    }
    if (code != ENOENT) {
      return oa_path_error(error, code, "cannot list", path);
    }
    *out = list;
    return OA_OK;
  }
  const oa_status status = read_entries(&list, dir, rule);
  const int code = errno;
  closedir(dir);
  if (status != OA_OK) {
    oa_dir_list_free(&list);
    return status == OA_ERR_IO
               ? oa_path_error(error, code, "cannot list", path)
               : oa_error_set(error, status, "no memory to list files");
  }
  if (list.count > 1) {
    qsort(list.items, list.count, sizeof *list.items, by_age);
  }
  *out = list;
  return OA_OK;
}

void oa_dir_list_free(oa_dir_list *list) {
  oa_free(list->items);
  memset(list, 0, sizeof *list);
}
