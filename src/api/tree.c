/* SPDX-License-Identifier: Apache-2.0 */
#include "api/tree.h"

#include <dirent.h>
#include <errno.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"

/* Directories inside each other; ours are three deep. */
enum { MAX_DEPTH = 16 };

typedef struct walker {
  bool hidden;
  oa_tree_visit visit;
  void *context;
  oa_error *error;
} walker;

static char *join(const char *directory, const char *name) {
  oa_buf path = {0};
  size_t len = strlen(directory);
  while (len > 1 && directory[len - 1] == '/') {
    len--;
  }
  if (oa_buf_put(&path, directory, len) != OA_OK ||
      (directory[len - 1] != '/' && oa_buf_put_byte(&path, '/') != OA_OK) ||
      oa_buf_put(&path, name, strlen(name) + 1) != OA_OK) {
    oa_buf_free(&path);
    return NULL;
  }
  return (char *)path.data;
}

static oa_status walk(const walker *w, const char *path, unsigned depth);

/* Takes PATH. */
static oa_status enter(const walker *w, char *path, const char *name,
                       unsigned depth) {
  struct stat info;
  if (lstat(path, &info) != 0) {
    oa_free(path);
    return OA_OK;
  }
  if (!S_ISDIR(info.st_mode)) {
    return w->visit(w->context, path, name, &info);
  }
  const oa_status status = walk(w, path, depth + 1);
  oa_free(path);
  return status;
}

static bool is_passed_over(const walker *w, const char *name) {
  return name[0] == '.' &&
         (!w->hidden || strcmp(name, ".") == 0 || strcmp(name, "..") == 0);
}

static oa_status walk(const walker *w, const char *path, unsigned depth) {
  oa_status status = OA_OK;
  const struct dirent *entry;
  if (depth > MAX_DEPTH) {
    return oa_error_set(w->error, OA_ERR_LIMIT,
                        "%s: directories nested deeper than %d", path,
                        MAX_DEPTH);
  }
  DIR *directory = opendir(path);
  if (directory == NULL) {
    return oa_error_set(w->error, OA_ERR_IO, "%s: %s", path, strerror(errno));
  }
  while (status == OA_OK && (entry = readdir(directory)) != NULL) {
    if (!is_passed_over(w, entry->d_name)) {
      char *inner = join(path, entry->d_name);
      status =
          inner == NULL ? OA_ERR_NOMEM : enter(w, inner, entry->d_name, depth);
    }
  }
  closedir(directory);
  return status;
}

oa_status oa_tree_walk(const char *path, bool hidden, oa_tree_visit visit,
                       void *context, oa_error *error) {
  const walker w = {
      .hidden = hidden, .visit = visit, .context = context, .error = error};
  struct stat info;
  if (path[0] == '\0' || stat(path, &info) != 0) {
    const int reason = path[0] == '\0' ? ENOENT : errno;
    return oa_error_set(error, reason == ENOENT ? OA_ERR_NOT_FOUND : OA_ERR_IO,
                        "%s: %s", path, strerror(reason));
  }
  if (S_ISDIR(info.st_mode)) {
    return walk(&w, path, 0);
  }
  char *copy = oa_strdup(path);
  return copy == NULL ? OA_ERR_NOMEM : visit(context, copy, NULL, &info);
}
