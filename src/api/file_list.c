/* SPDX-License-Identifier: Apache-2.0 */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "api/tree.h"
#include "base/error.h"
#include "base/mem.h"
#include "otlp_arrow_reader.h"

struct oa_file_list {
  char **paths;
  size_t count;
  size_t capacity;
};

static bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

/* Compares the numbers at *A and *B and moves behind them. */
static int compare_numbers(const char **a, const char **b) {
  while (**a == '0') {
    ++*a;
  }
  while (**b == '0') {
    ++*b;
  }
  size_t a_len = 0;
  size_t b_len = 0;
  while (is_digit((*a)[a_len])) {
    a_len++;
  }
  while (is_digit((*b)[b_len])) {
    b_len++;
  }
  const int order =
      a_len != b_len ? (a_len < b_len ? -1 : 1) : strncmp(*a, *b, a_len);
  *a += a_len;
  *b += b_len;
  return order;
}

int oa_file_name_compare(const char *a, const char *b) {
  const char *first = a;
  const char *second = b;

  while (*a != '\0' && *b != '\0') {
    if (is_digit(*a) && is_digit(*b)) {
      const int order = compare_numbers(&a, &b);
      if (order != 0) {
        return order;
      }
      continue;
    }
    if (*a != *b) {
      return (unsigned char)*a < (unsigned char)*b ? -1 : 1;
    }
    a++;
    b++;
  }
  if (*a != *b) {
    return *a == '\0' ? -1 : 1;
  }
  return strcmp(first, second); /* "01" and "1" differ all the same */
}

static int compare_paths(const void *a, const void *b) {
  const char *const *first = a;
  const char *const *second = b;
  return oa_file_name_compare(*first, *second);
}

/* Takes PATH. */
static oa_status add_path(oa_file_list *list, char *path) {
  enum { FIRST = 16 };
  if (list->count == list->capacity) {
    const size_t capacity = list->capacity == 0 ? FIRST : list->capacity * 2;
    char **paths = oa_realloc(list->paths, capacity * sizeof *paths);
    if (paths == NULL) {
      oa_free(path);
      return OA_ERR_NOMEM;
    }
    list->paths = paths;
    list->capacity = capacity;
  }
  list->paths[list->count++] = path;
  return OA_OK;
}

static bool has_our_ending(const char *name) {
  const char *dot = strrchr(name, '.');
  return dot != NULL && dot != name &&
         (strcmp(dot, ".arrow") == 0 || strcmp(dot, ".arrows") == 0);
}

/* Takes PATH.  A link is as good as its file. */
static oa_status visit(void *context, char *path, const char *name,
                       const struct stat *info) {
  struct stat target;
  (void)info;
  if (name != NULL && (!has_our_ending(name) || stat(path, &target) != 0 ||
                       !S_ISREG(target.st_mode))) {
    oa_free(path);
    return OA_OK;
  }
  return add_path(context, path);
}

static oa_status fill(oa_file_list *list, const char *path, oa_error *error) {
  OA_TRY(oa_tree_walk(path, false, visit, list, error));
  if (list->count > 1) {
    qsort(list->paths, list->count, sizeof *list->paths, compare_paths);
  }
  return OA_OK;
}

oa_status oa_file_list_new(oa_file_list **out, const char *path,
                           oa_error *error) {
  oa_status status = OA_ERR_NOMEM;
  oa_file_list *list = oa_calloc(1, sizeof *list);
  if (list != NULL) {
    status = fill(list, path, error);
  }
  if (status == OA_ERR_NOMEM) {
    oa_error_set(error, status, "%s: no memory for the list of files", path);
  }
  if (status != OA_OK) {
    oa_file_list_free(list);
    return status;
  }
  *out = list;
  return OA_OK;
}

size_t oa_file_list_count(const oa_file_list *list) {
  return list->count;
}

const char *oa_file_list_path(const oa_file_list *list, size_t i) {
  return list->paths[i];
}

void oa_file_list_free(oa_file_list *list) {
  if (list == NULL) {
    return;
  }
  for (size_t i = 0; i < list->count; i++) {
    oa_free(list->paths[i]);
  }
  oa_free(list->paths);
  oa_free(list);
}
