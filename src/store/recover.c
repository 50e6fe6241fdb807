/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "store/inspect.h"
#include "store/mark.h"
#include "store/store_impl.h"

enum {
  COPY_SIZE = 65536,
  EOS_SIZE = 8,
  MAX_ASIDE = 10000, /* files set aside under one name */
};

static bool ends_in_eos(const char *path) {
  static const uint8_t eos[EOS_SIZE] = {0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0};
  uint8_t tail[EOS_SIZE];
  struct stat at;
  const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
  if (fd < 0) {
    return false;
  }
  const bool ends =
      fstat(fd, &at) == 0 && at.st_size >= EOS_SIZE &&
      pread(fd, tail, sizeof tail, at.st_size - EOS_SIZE) == EOS_SIZE &&
      memcmp(tail, eos, sizeof eos) == 0;
  close(fd);
  return ends;
}

/* The first of PATH.corrupt, PATH.corrupt.1, ... that is free.  Nobody else
 * makes such names while the lock is ours. */
static oa_status aside_path(char out[OA_PATH_SIZE], const char *path,
                            oa_error *error) {
  struct stat at;
  for (int i = 0; i < MAX_ASIDE; i++) {
    const int len = i == 0
                        ? snprintf(out, OA_PATH_SIZE, "%s.corrupt", path)
                        : snprintf(out, OA_PATH_SIZE, "%s.corrupt.%d", path, i);
    if (len < OA_PATH_SIZE && lstat(out, &at) != 0 && errno == ENOENT) {
      return OA_OK;
    }
  }
  return oa_path_error(error, EEXIST, "cannot set aside", path);
}

static oa_status set_aside(oa_store *store, const char *path, uint64_t size,
                           oa_error *error) {
  char aside[OA_PATH_SIZE];
  OA_TRY(aside_path(aside, path, error));
  if (store->disk.os->rename(path, aside) != 0) {
    return oa_path_error(error, errno, "cannot set aside", path);
  }
  oa_disk_count(&store->disk.counters.files_corrupt, 1);
  oa_log_line(store->disk.log, OA_LOG_WARN,
              "store: set aside %s (%" PRIu64
              " bytes): it does not begin with a whole schema",
              aside, size);
  return OA_OK;
}

/* Copies [from, to) of FD to the new file OUT.  *ZERO: nothing but zeros,
 * which is what a power cut leaves where data never arrived. */
static oa_status copy_range(oa_store *store, int fd, uint64_t from, uint64_t to,
                            oa_file *out, const char *path, bool *zero,
                            oa_error *error) {
  uint8_t *buffer = oa_malloc(COPY_SIZE);
  oa_status status = OA_OK;
  if (buffer == NULL) {
    return oa_error_set(error, OA_ERR_NOMEM, "no memory to copy a file");
  }
  *zero = true;
  while (from < to && status == OA_OK) {
    const size_t want =
        to - from < COPY_SIZE ? (size_t)(to - from) : (size_t)COPY_SIZE;
    const ssize_t n = pread(fd, buffer, want, (off_t)from);
    if (n <= 0) {
      status = oa_path_error(error, n == 0 ? EIO : errno, "cannot read", path);
      break;
    }
    for (ssize_t i = 0; i < n && *zero; i++) {
      *zero = buffer[i] == 0;
    }
    const struct iovec piece = {.iov_base = buffer, .iov_len = (size_t)n};
    const struct iovec none = {0};
    status = oa_file_append(out, &store->disk, path, none, &piece, 1, error);
    from += (uint64_t)n;
  }
  oa_free(buffer);
  return status;
}

/* Keeps what stands behind the whole messages of PATH and is neither a torn
 * message nor zeros: we cannot read it, but somebody may want to. */
static oa_status save_rest(oa_store *store, const char *path,
                           const oa_store_scan *scan, oa_error *error) {
  char aside[OA_PATH_SIZE];
  oa_file out;
  bool zero = false;
  OA_TRY(aside_path(aside, path, error));
  const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
  if (fd < 0) {
    return oa_path_error(error, errno, "cannot open", path);
  }
  oa_status status = oa_file_create(&out, &store->disk, aside, error);
  if (status != OA_OK) {
    close(fd);
    return OA_ERR_IO;
  }
  status = copy_range(store, fd, scan->complete, scan->size, &out, aside, &zero,
                      error);
  close(fd);
  if (status == OA_OK && oa_disk_fsync(&store->disk, out.fd) != 0) {
    status = oa_path_error(error, errno, "cannot fsync", aside);
  }
  oa_file_drop(&out);
  if (status != OA_OK || zero) {
    store->disk.os->unlink(aside);
    return status;
  }
  oa_disk_count(&store->disk.counters.files_corrupt, 1);
  oa_log_line(store->disk.log, OA_LOG_WARN,
              "store: the last %" PRIu64
              " bytes of a file are damaged and set aside as %s",
              scan->size - scan->complete, aside);
  return OA_OK;
}

/* Cuts PATH to its last whole batch, ends it and makes it durable.  Its time
 * of last write stays, since its age counts from that. */
static oa_status seal_left(oa_store *store, const oa_series *stream,
                           const char *path, const oa_store_scan *scan,
                           oa_error *error) {
  oa_file file;
  struct stat at;
  const bool timed = stat(path, &at) == 0;
  OA_TRY(oa_file_reopen(&file, &store->disk, path, scan->complete, error));
  if (scan->complete < scan->size && !oa_file_cut(&file, &store->disk)) {
    oa_path_error(error, errno, "cannot cut the torn end of", path);
    oa_file_drop(&file);
    return OA_ERR_IO;
  }
  const oa_status status =
      oa_file_seal(&file, &store->disk, stream->dir, path, error);
  oa_file_drop(&file);
  if (timed) {
    const struct timespec times[2] = {at.st_atim, at.st_mtim};
    (void)utimensat(AT_FDCWD, path, times, 0);
  }
  return status;
}

/* A file that ends as it should, though perhaps not on the disk yet. */
static oa_status sync_left(oa_store *store, const char *path,
                           const oa_store_scan *scan, oa_error *error) {
  oa_file file;
  oa_status status = OA_OK;
  OA_TRY(oa_file_reopen(&file, &store->disk, path, scan->size, error));
  if (oa_disk_fsync(&store->disk, file.fd) != 0) {
    status = oa_path_error(error, errno, "cannot fsync", path);
  }
  oa_file_drop(&file);
  if (scan->whole < scan->size) {
    oa_log_line(store->disk.log, OA_LOG_WARN,
                "store: %s goes on for %" PRIu64
                " bytes behind its end mark; left as it is",
                path, scan->size - scan->whole);
  }
  return status;
}

/* Ends what stands in NAME, which SCAN has looked at. */
static oa_status mend_scanned(oa_store *store, const oa_series *stream,
                              const oa_name *name, const oa_store_scan *scan,
                              oa_error *error) {
  char path[OA_PATH_SIZE];
  char text[OA_NAME_SIZE];
  oa_series_path(stream, name, path);
  if (!scan->has_schema) {
    return set_aside(store, path, scan->size, error);
  }
  if (scan->ended) {
    return sync_left(store, path, scan, error);
  }
  if (scan->damaged) {
    OA_TRY(save_rest(store, path, scan, error));
  }
  OA_TRY(seal_left(store, stream, path, scan, error));
  oa_name_text(&stream->rule, name, text);
  oa_disk_count(&store->disk.counters.files_recovered, 1);
  oa_log_line(store->disk.log, OA_LOG_INFO,
              "store: recovered %s: %" PRIu64 " batches, %" PRId64
              " rows kept, %" PRIu64 " bytes of an unfinished batch cut",
              text, scan->batches, scan->rows, scan->size - scan->complete);
  return OA_OK;
}

static oa_status mend_file(oa_store *store, const oa_series *stream,
                           const oa_name *name, oa_error *error) {
  char path[OA_PATH_SIZE];
  struct stat at;
  oa_store_scan scan;
  oa_series_path(stream, name, path);
  if (lstat(path, &at) != 0 && errno == ENOENT) {
    return OA_OK; /* gone, so nothing is left to mend */
  }
  OA_TRY(oa_store_scan_file(path, &scan, error));
  return mend_scanned(store, stream, name, &scan, error);
}

/* The files of other programs are theirs to mend: ".arrows" when we write
 * something else belongs to one that does not know our lock. */
static bool needs_mending(const oa_series *stream, const oa_name *name,
                          bool start) {
  char path[OA_PATH_SIZE];
  if (name->kind == OA_NAME_ARROWS ||
      (stream->file.fd >= 0 && oa_name_equal(&stream->name, name))) {
    return false;
  }
  if (stream->inspected > 0 && name->seq < stream->first_seq) {
    return false; /* its turn comes when it was read */
  }
  if (name->seq > stream->sealed_seq) {
    return true;
  }
  oa_series_path(stream, name, path);
  return start && !ends_in_eos(path);
}

static void mend_listed(oa_store *store, oa_series *stream,
                        const oa_dir_list *list, bool start) {
  oa_error why;
  stream->unsealed = false;
  for (size_t i = 0; i < list->count; i++) {
    const oa_name *name = &list->items[i].name;
    if (needs_mending(stream, name, start) &&
        mend_file(store, stream, name, &why) != OA_OK) {
      oa_disk_complain(&store->disk, &why);
      stream->unsealed = true;
    }
  }
}

/* Leaves the files to the inspector that mend_listed() would mend. */
static oa_status inspect_listed(oa_store *store, oa_series *stream,
                                const oa_dir_list *list) {
  size_t count = 0;
  for (size_t i = 0; i < list->count; i++) {
    if (needs_mending(stream, &list->items[i].name, true)) {
      if (store->inspector == NULL) {
        OA_TRY(oa_inspector_new(&store->inspector));
      }
      OA_TRY(oa_inspector_add(store->inspector, stream, &list->items[i].name));
      count++;
    }
  }
  stream->inspected = count;
  return OA_OK;
}

bool oa_series_is_behind(const oa_series *stream) {
  return stream->unsealed || stream->inspected > 0;
}

void oa_series_note_sealed(oa_store *store, oa_series *stream) {
  const uint64_t next =
      stream->file.fd >= 0 ? stream->name.seq : stream->next_seq;
  if (!oa_series_is_behind(stream) && next - 1 != stream->sealed_seq &&
      oa_mark_write(&store->disk, stream->dir, OA_MARK_SEALED, next - 1)) {
    stream->sealed_seq = next - 1;
  }
}

oa_status oa_series_recover(oa_store *store, oa_series *stream,
                            oa_error *error) {
  oa_dir_list list;
  stream->sealed_seq = oa_mark_read(stream->dir, OA_MARK_SEALED);
  stream->next_seq = stream->sealed_seq + 1;
  OA_TRY(oa_dir_read(&list, stream->dir, &stream->rule, error));
  if (list.count > 0 &&
      list.items[list.count - 1].name.seq >= stream->next_seq) {
    stream->next_seq = list.items[list.count - 1].name.seq + 1;
  }
  stream->first_seq = stream->next_seq;
  oa_status status = OA_OK;
  if (store->lock.same_boot) {
    mend_listed(store, stream, &list, true);
  } else {
    status = inspect_listed(store, stream, &list);
  }
  oa_dir_list_free(&list);
  if (status != OA_OK) {
    return oa_error_set(error, status, "no memory to look at files");
  }
  oa_series_note_sealed(store, stream);
  oa_merge_start(store, stream);
  return OA_OK;
}

/* Files that are with the inspector. */
static size_t count_inspected(const oa_store *store) {
  size_t count = 0;
  for (size_t s = 0; s < store->stream_count; s++) {
    count += store->streams[s].inspected;
  }
  return count;
}

void oa_recover_start(oa_store *store) {
  const size_t count = count_inspected(store);
  if (count > 0) {
    oa_log_line(store->disk.log, OA_LOG_INFO,
                "store: the machine was restarted: reading %zu files in the "
                "background that no stop has ended",
                count);
    oa_inspector_start(store->inspector);
  }
}

/* Mends a file that was read. */
static oa_status mend_inspected(oa_store *store, const oa_inspection *item,
                                oa_error *error) {
  char path[OA_PATH_SIZE];
  struct stat at;
  oa_series_path(item->stream, &item->name, path);
  if (lstat(path, &at) != 0 && errno == ENOENT) {
    return OA_OK; /* removed meanwhile: it was too old, or too much */
  }
  if (item->status != OA_OK) {
    *error = item->error;
    return item->status;
  }
  if (at.st_size < 0 || (uint64_t)at.st_size != item->scan.size) {
    return oa_path_error(error, EBUSY, "another program changes", path);
  }
  return mend_scanned(store, item->stream, &item->name, &item->scan, error);
}

void oa_recover_take(oa_store *store) {
  oa_inspection *item;
  oa_error why = {0};
  if (store->inspector == NULL) {
    return;
  }
  while ((item = oa_inspector_next(store->inspector)) != NULL) {
    if (mend_inspected(store, item, &why) != OA_OK) {
      oa_disk_complain(&store->disk, &why);
      item->again = true;
      continue;
    }
    oa_series *stream = item->stream;
    stream->inspected--;
    if (!oa_series_is_behind(stream)) {
      oa_series_note_sealed(store, stream);
      stream->merge_look = store->merge_rows > 0;
    }
  }
  if (count_inspected(store) == 0) {
    oa_inspector_free(store->inspector);
    store->inspector = NULL;
  }
}

void oa_recover_again(oa_store *store) {
  if (store->inspector != NULL && !oa_inspector_is_busy(store->inspector) &&
      oa_inspector_keep(store->inspector) > 0) {
    oa_inspector_start(store->inspector);
  }
}

void oa_recover_end(oa_store *store, uint64_t patience_ns) {
  oa_recover_take(store);
  oa_recover_again(store);
  if (store->inspector == NULL) {
    return;
  }
  oa_inspector_end(store->inspector, patience_ns);
  oa_recover_take(store);
  const size_t left = count_inspected(store);
  if (left > 0) {
    oa_log_line(store->disk.log, OA_LOG_WARN,
                "store: %zu files that an earlier run left without an end stay "
                "so; the next start goes on with them",
                left);
  }
}

void oa_series_mend(oa_store *store, oa_series *stream) {
  oa_dir_list list;
  oa_error why;
  if (!stream->unsealed) {
    return;
  }
  if (oa_dir_read(&list, stream->dir, &stream->rule, &why) != OA_OK) {
    oa_disk_complain(&store->disk, &why);
    return;
  }
  mend_listed(store, stream, &list, false);
  oa_dir_list_free(&list);
  oa_series_note_sealed(store, stream);
  stream->merge_look = store->merge_rows > 0;
}
