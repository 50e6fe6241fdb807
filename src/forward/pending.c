/* SPDX-License-Identifier: Apache-2.0 */
#include "forward/pending.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "store/mark.h"

enum { FIRST_CAPACITY = 16 };

void oa_pending_free(oa_pending *pending) {
  oa_free(pending->files);
  *pending = (oa_pending){0};
}

/* Makes room behind the end. */
static oa_status reserve(oa_pending *p) {
  if (p->end < p->capacity) {
    return OA_OK;
  }
  /* With half of them finished, moving is as cheap as growing, and needs no
   * memory. */
  if (p->first > 0 && p->first >= p->capacity / 2) {
    memmove(p->files, p->files + p->first,
            (p->end - p->first) * sizeof *p->files);
    p->end -= p->first;
    p->first = 0;
    return OA_OK;
  }
  const size_t capacity = p->capacity == 0 ? FIRST_CAPACITY : 2 * p->capacity;
  oa_pending_file *files = oa_realloc(p->files, capacity * sizeof *files);
  if (files == NULL) {
    return OA_ERR_NOMEM;
  }
  p->files = files;
  p->capacity = capacity;
  return OA_OK;
}

oa_status oa_pending_add(oa_pending *pending, const oa_pending_file *file) {
  OA_TRY(reserve(pending));
  pending->files[pending->end++] = *file;
  return OA_OK;
}

oa_pending_file *oa_pending_first(const oa_pending *pending) {
  return pending->first < pending->end ? &pending->files[pending->first] : NULL;
}

oa_pending_file *oa_pending_last(const oa_pending *pending) {
  return pending->first < pending->end ? &pending->files[pending->end - 1]
                                       : NULL;
}

oa_pending_file *oa_pending_find(const oa_pending *pending,
                                 const oa_name *name) {
  for (size_t i = pending->first; i < pending->end; i++) {
    if (oa_name_equal(&pending->files[i].name, name)) {
      return &pending->files[i];
    }
  }
  return NULL;
}

oa_pending_file *oa_pending_uncounted(const oa_pending *pending) {
  for (size_t i = pending->first; i < pending->end; i++) {
    if (pending->files[i].rows < 0) {
      return &pending->files[i];
    }
  }
  return NULL;
}

void oa_pending_drop(oa_pending *pending, oa_pending_file *file) {
  const size_t i = (size_t)(file - pending->files);
  if (i == pending->first) {
    pending->first++;
    return;
  }
  pending->end--;
  memmove(file, file + 1, (pending->end - i) * sizeof *file);
}

int64_t oa_pending_left(const oa_pending_file *file) {
  return file->rows > file->done ? file->rows - file->done : 0;
}

/* --- the directory --- */

/* The counter that the next new file gets, as the store has it. */
static uint64_t next_seq(const char *dir, const oa_dir_list *list) {
  const uint64_t sealed = oa_mark_read(dir, OA_MARK_SEALED);
  const uint64_t last =
      list->count == 0 ? 0 : list->items[list->count - 1].name.seq;
  return (sealed > last ? sealed : last) + 1;
}

/* How many rows of the file NAME are done with; -1: all of them. */
static int64_t rows_done(const oa_forward_point *point, const oa_name *name,
                         uint64_t next) {
  const int order = strcmp(name->stamp, point->stamp);
  if (name->kind == OA_NAME_ARROWS) {
    return -1; /* another program's */
  }
  if (name->seq == point->seq && order == 0) {
    return point->rows;
  }
  if (point->seq >= next) {
    /* The file is not there, and its number not even taken: either a power cut
     * took it, or the directory was emptied and the counter begun again.  Only
     * then there are files that are younger. */
    return order > 0 ? 0 : -1;
  }
  return name->seq >= point->seq ? 0 : -1;
}

oa_status oa_pending_list(oa_pending *pending, const char *dir,
                          const oa_name_rule *rule,
                          const oa_forward_point *point, oa_error *error) {
  oa_dir_list list;
  oa_status status = OA_OK;
  OA_TRY(oa_dir_read(&list, dir, rule, error));
  const uint64_t next = next_seq(dir, &list);
  for (size_t i = 0; i < list.count && status == OA_OK; i++) {
    const oa_name *name = &list.items[i].name;
    const oa_pending_file file = {
        .name = *name, .rows = -1, .done = rows_done(point, name, next)};
    if (file.done >= 0 && file.done < INT64_MAX) {
      status = oa_pending_add(pending, &file);
    }
  }
  oa_dir_list_free(&list);
  return status == OA_OK
             ? OA_OK
             : oa_error_set(error, status, "no memory to list files");
}

oa_status oa_pending_skip(oa_forward_point *point, const char *dir,
                          const oa_name_rule *rule, oa_error *error) {
  oa_dir_list list;
  OA_TRY(oa_dir_read(&list, dir, rule, error));
  *point = OA_FORWARD_BEGIN;
  point->seq = next_seq(dir, &list) - 1;
  point->rows = INT64_MAX;
  if (list.count > 0 && list.items[list.count - 1].name.seq == point->seq) {
    snprintf(point->stamp, sizeof point->stamp, "%s",
             list.items[list.count - 1].name.stamp);
  }
  oa_dir_list_free(&list);
  return OA_OK;
}
