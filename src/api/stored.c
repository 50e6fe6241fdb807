/* SPDX-License-Identifier: Apache-2.0 */
#include "api/stored.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "api/tree.h"
#include "base/mem.h"
#include "otlp_arrow_reader.h"
#include "store/lock.h"
#include "store/mark.h"
#include "store/merge.h"
#include "store/name.h"
#include "store/store.h"

enum {
  LOCK_LEVELS = 2,  /* output_dir/otlp/traces */
  FIRST_ITEMS = 64, /* room in a new list */
};

/* --- names --- */

static bool ends_with(const char *text, const char *end) {
  const size_t len = strlen(text);
  const size_t end_len = strlen(end);
  return len > end_len && strcmp(text + len - end_len, end) == 0;
}

/* NAME without ".corrupt" or ".corrupt.N". */
static bool is_corrupt(const char *name) {
  const char *at = strstr(name, ".corrupt");
  if (at == NULL || at == name) {
    return false;
  }
  at += strlen(".corrupt");
  return *at == '\0' || (*at == '.' && at[1] != '\0' &&
                         strspn(at + 1, "0123456789") == strlen(at + 1));
}

/* Fills what NAME says when the service gave it. */
static bool parse_data(const char *name, oa_stored *out) {
  const char *dot = strchr(name, '.');
  oa_name found;
  oa_error ignored;
  for (int i = 0; dot != NULL && i < OA_SIGNAL_COUNT; i++) {
    const oa_name_rule rule = {.prefix = "otlp",
                               .stream = oa_signal_name((oa_signal)i),
                               .extension = dot + 1};
    if (oa_name_rule_check(&rule, &ignored) == OA_OK &&
        oa_name_parse(&rule, name, &found)) {
      out->signal = (oa_signal)i;
      out->seq = found.seq;
      return true;
    }
  }
  return false;
}

static bool is_one_of(const char *name, const char *const *names) {
  while (*names != NULL && strcmp(name, *names) != 0) {
    names++;
  }
  return *names != NULL;
}

static oa_stored_kind kind_of(const char *name, oa_stored *out) {
  static const char *const states[] = {"." OA_MARK_SEALED, "." OA_MARK_MERGED,
                                       NULL};
  static const char *const halves[] = {"." OA_MARK_SEALED OA_MARK_NEW,
                                       "." OA_MARK_MERGED OA_MARK_NEW,
                                       OA_STORE_PROBE_NAME, NULL};
  if (strcmp(name, OA_LOCK_NAME) == 0) {
    return OA_STORED_LOCK;
  }
  if (is_corrupt(name)) {
    return OA_STORED_CORRUPT;
  }
  /* What the service writes beside a file has a name that begins with a dot
   * or ends behind the file's own. */
  if (ends_with(name, OA_STORED_REPAIR) ||
      (name[0] == '.' && ends_with(name, OA_MERGE_SUFFIX)) ||
      is_one_of(name, halves)) {
    return OA_STORED_LEFTOVER;
  }
  if (is_one_of(name, states)) {
    return OA_STORED_STATE;
  }
  if (parse_data(name, out)) {
    return OA_STORED_DATA;
  }
  return name[0] != '.' &&
                 (ends_with(name, ".arrow") || ends_with(name, ".arrows"))
             ? OA_STORED_LIKE
             : OA_STORED_OTHER;
}

/* The name of the directory that ITEM stands in is that of another signal. */
static bool has_strayed(const oa_stored *item) {
  const char *end = item->name - 1; /* the slash */
  for (int i = 0; item->name > item->path && i < OA_SIGNAL_COUNT; i++) {
    const char *signal = oa_signal_name((oa_signal)i);
    const size_t len = strlen(signal);
    if ((size_t)(end - item->path) > len &&
        memcmp(end - len, signal, len) == 0 &&
        end[-(ptrdiff_t)len - 1] == '/') {
      return item->signal != (oa_signal)i;
    }
  }
  return false;
}

/* --- the list --- */

/* Takes PATH. */
static oa_status add(oa_stored_list *list, char *path, const struct stat *info,
                     bool special) {
  if (list->count == list->capacity) {
    const size_t capacity =
        list->capacity == 0 ? FIRST_ITEMS : list->capacity * 2;
    oa_stored *items = oa_realloc(list->items, capacity * sizeof *items);
    if (items == NULL) {
      oa_free(path);
      return OA_ERR_NOMEM;
    }
    list->items = items;
    list->capacity = capacity;
  }
  oa_stored *item = &list->items[list->count++];
  const char *slash = strrchr(path, '/');
  *item = (oa_stored){.path = path,
                      .name = slash == NULL ? path : slash + 1,
                      .signal = OA_SIGNAL_COUNT,
                      .size = (uint64_t)info->st_size};
  item->kind = special ? OA_STORED_SPECIAL : kind_of(item->name, item);
  item->strayed = item->kind == OA_STORED_DATA && has_strayed(item);
  return OA_OK;
}

/* Takes PATH. */
static oa_status visit(void *context, char *path, const char *name,
                       const struct stat *info) {
  oa_stored_list *list = context;
  struct stat found = *info;
  /* What a link to a file is, the file is. */
  bool special = !S_ISREG(found.st_mode);
  if (S_ISLNK(found.st_mode) && stat(path, &found) == 0) {
    special = !S_ISREG(found.st_mode);
  }
  OA_TRY(add(list, path, &found, special));
  oa_stored *item = &list->items[list->count - 1];
  if (name == NULL && item->kind != OA_STORED_DATA &&
      item->kind != OA_STORED_SPECIAL) {
    item->kind = OA_STORED_LIKE; /* it was asked for */
  }
  return OA_OK;
}

static int compare_items(const void *a, const void *b) {
  const oa_stored *first = a;
  const oa_stored *second = b;
  return oa_file_name_compare(first->path, second->path);
}

static bool same_series(const oa_stored *a, const oa_stored *b) {
  const size_t len = (size_t)(a->name - a->path);
  return a->kind == OA_STORED_DATA && b->kind == OA_STORED_DATA &&
         a->signal == b->signal && len == (size_t)(b->name - b->path) &&
         memcmp(a->path, b->path, len) == 0;
}

/* Marks the files that may be open.  Those of a directory and signal stand
 * together, though not by their counters when the clock was set. */
static void mark_newest(oa_stored_list *list) {
  oa_stored *newest = NULL;
  for (size_t i = 0; i < list->count; i++) {
    oa_stored *item = &list->items[i];
    if (item->kind != OA_STORED_DATA) {
      continue;
    }
    if (newest == NULL || !same_series(newest, item)) {
      item->newest = true;
      newest = item;
    } else if (item->seq >= newest->seq) {
      newest->newest = false;
      item->newest = true;
      newest = item;
    }
  }
}

static oa_status fill(oa_stored_list *list, const char *path, oa_error *error) {
  OA_TRY(oa_tree_walk(path, true, visit, list, error));
  if (list->count > 1) {
    qsort(list->items, list->count, sizeof *list->items, compare_items);
  }
  mark_newest(list);
  for (size_t i = 0; i < list->count; i++) {
    const oa_stored *item = &list->items[i];
    list->bytes += item->kind == OA_STORED_DATA || item->kind == OA_STORED_LIKE
                       ? item->size
                       : 0;
  }
  return OA_OK;
}

oa_status oa_stored_list_read(oa_stored_list *out, const char *path,
                              oa_error *error) {
  oa_stored_list list = {0};
  const oa_status status = fill(&list, path, error);
  if (status == OA_ERR_NOMEM) {
    oa_error_set(error, status, "%s: no memory for the list of files", path);
  }
  if (status != OA_OK) {
    oa_stored_list_free(&list);
    return status;
  }
  *out = list;
  return OA_OK;
}

void oa_stored_list_free(oa_stored_list *list) {
  for (size_t i = 0; i < list->count; i++) {
    oa_free(list->items[i].path);
  }
  oa_free(list->items);
  memset(list, 0, sizeof *list);
}

oa_signal oa_stored_signal(const oa_schema *schema) {
  for (size_t i = 0; i < schema->metadata_count; i++) {
    if (strcmp(schema->metadata[i].key, "otlp.signal") != 0) {
      continue;
    }
    for (int signal = 0; signal < OA_SIGNAL_COUNT; signal++) {
      if (strcmp(schema->metadata[i].value,
                 oa_signal_name((oa_signal)signal)) == 0) {
        return (oa_signal)signal;
      }
    }
  }
  return OA_SIGNAL_COUNT;
}

/* --- the lock --- */

bool oa_stored_find_lock(const char *directory, char *out, size_t size) {
  static const char *const ways[LOCK_LEVELS + 1] = {"", "/..", "/../.."};
  char path[PATH_MAX];
  struct stat info;
  for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++) {
    const int len = snprintf(path, sizeof path, "%s%s/%s", directory, ways[i],
                             OA_LOCK_NAME);
    if (len > 0 && (size_t)len < sizeof path && lstat(path, &info) == 0 &&
        S_ISREG(info.st_mode)) {
      const int used = snprintf(out, size, "%s%s", directory, ways[i]);
      return used > 0 && (size_t)used < size;
    }
  }
  return false;
}

bool oa_stored_is_owned(const char *directory, long *pid) {
  char path[PATH_MAX];
  char text[24];
  *pid = 0;
  const int len = snprintf(path, sizeof path, "%s/%s", directory, OA_LOCK_NAME);
  if (len <= 0 || (size_t)len >= sizeof path) {
    return false;
  }
  const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
  if (fd < 0) {
    return false;
  }
  /* Held for an instant only: a service that starts in it would say that the
   * directory is in use. */
  const bool owned = flock(fd, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
  const ssize_t n = owned ? pread(fd, text, sizeof text - 1, 0) : 0;
  close(fd);
  if (n > 0) {
    text[n] = '\0';
    *pid = strtol(text, NULL, 10);
  }
  return owned;
}
