/* SPDX-License-Identifier: Apache-2.0 */
/* Which sealed files are merged, one after the other and the oldest first, and
 * how a copy takes the place of its file.
 *
 * The merger only ever writes aside: the store's own thread, which also
 * removes files, puts copies in place.  At each moment the directory holds one
 * whole file of each name, and whoever has the old one open reads it to its
 * end.  A crash leaves a hidden copy, which the next start removes, and a file
 * that is merged then. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include "store/merge_thread.h"
#include "store/store_impl.h"

enum {
  /* Free bytes that a copy of one byte needs: merging must not be what fills
   * the disk. */
  FREE_TIMES = 2,
  /* A copy may take one part in so many of the total size, since older files
   * have to make room for it. */
  TOTAL_PART = 4,
};

/* --- names --- */

/* Hidden, so that nobody takes it for data. */
static bool aside_path(const oa_series *stream, const oa_name *name,
                       char out[OA_PATH_SIZE]) {
  char text[OA_NAME_SIZE];
  char hidden[OA_NAME_SIZE + sizeof OA_MERGE_SUFFIX + 1];
  oa_name_text(&stream->rule, name, text);
  const int len = snprintf(hidden, sizeof hidden, ".%s" OA_MERGE_SUFFIX, text);
  return len > 0 && (size_t)len < sizeof hidden &&
         oa_path_join(out, stream->dir, hidden);
}

/* Whether TEXT is what aside_path() makes of some name. */
static bool is_aside(const oa_series *stream, const char *text) {
  char inner[OA_NAME_SIZE];
  oa_name name;
  const size_t tail = sizeof OA_MERGE_SUFFIX - 1;
  const size_t len = strlen(text);
  if (len < tail + 2 || len - tail - 1 >= sizeof inner || text[0] != '.' ||
      strcmp(text + len - tail, OA_MERGE_SUFFIX) != 0) {
    return false;
  }
  memcpy(inner, text + 1, len - tail - 1);
  inner[len - tail - 1] = '\0';
  return oa_name_parse(&stream->rule, inner, &name);
}

/* Removes what merges have left that a crash ended. */
static void remove_left(oa_store *store, const oa_series *stream) {
  char path[OA_PATH_SIZE];
  oa_error error;
  DIR *dir = opendir(stream->dir);
  const struct dirent *entry;
  while (dir != NULL && (entry = readdir(dir)) != NULL) {
    if (is_aside(stream, entry->d_name) &&
        oa_path_join(path, stream->dir, entry->d_name) &&
        store->disk.os->unlink(path) != 0 && errno != ENOENT) {
      oa_path_error(&error, errno, "cannot remove", path);
      oa_disk_complain(&store->disk, &error);
    }
  }
  if (dir != NULL) {
    closedir(dir);
  }
}

/* --- what waits --- */

/* No file up to SEQ needs merging. */
static void note_merged(oa_store *store, oa_series *stream, uint64_t seq) {
  if (seq > stream->merged_seq) {
    stream->merged_seq = seq;
  }
  if (stream->merged_seq != stream->noted_seq &&
      oa_mark_write(&store->disk, stream->dir, OA_MARK_MERGED,
                    stream->merged_seq)) {
    stream->noted_seq = stream->merged_seq;
  }
}

void oa_merge_start(oa_store *store, oa_series *stream) {
  remove_left(store, stream);
  if (store->merge_rows == 0) {
    return;
  }
  stream->noted_seq = oa_mark_read(stream->dir, OA_MARK_MERGED);
  /* A directory may have been emptied, and the counter begun again. */
  stream->merged_seq = stream->noted_seq < stream->next_seq
                           ? stream->noted_seq
                           : stream->next_seq - 1;
  stream->merge_look = true;
}

void oa_merge_sealed(oa_store *store, oa_series *stream, const oa_name *name,
                     uint64_t batches, int64_t rows, uint64_t size) {
  if (store->merge_rows == 0) {
    return;
  }
  if (oa_merge_pays(batches, rows, size, store->merge_rows)) {
    stream->merge_look = true;
  } else if (!stream->merge_look && !oa_series_is_behind(stream)) {
    note_merged(store, stream, name->seq);
  }
}

/* The files of other programs are theirs. */
static bool is_waiting(const oa_series *stream, const oa_name *name) {
  return name->kind != OA_NAME_ARROWS && name->seq > stream->merged_seq &&
         name->seq <= stream->sealed_seq;
}

/* Finds the next files in the directory. */
static void find_waiting(oa_store *store, oa_series *stream) {
  oa_dir_list list;
  oa_error error;
  if (oa_dir_read(&list, stream->dir, &stream->rule, &error) != OA_OK) {
    oa_disk_complain(&store->disk, &error);
    return;
  }
  for (size_t i = 0; i < list.count && stream->waiting_count < OA_MERGE_WAITING;
       i++) {
    if (is_waiting(stream, &list.items[i].name)) {
      stream->waiting[stream->waiting_count++] = list.items[i].name;
    }
  }
  oa_dir_list_free(&list);
  if (stream->waiting_count == 0) {
    /* Files that wait to be mended are looked at when they are. */
    stream->merge_look = false;
    note_merged(store, stream, stream->sealed_seq);
  }
}

/* The first waiting file is done with. */
static void drop_first(oa_store *store, oa_series *stream) {
  const uint64_t seq = stream->waiting[0].seq;
  stream->waiting_count--;
  memmove(stream->waiting, stream->waiting + 1,
          stream->waiting_count * sizeof stream->waiting[0]);
  /* Two names may have one number, though none that we gave. */
  if (stream->waiting_count == 0 || stream->waiting[0].seq > seq) {
    note_merged(store, stream, seq);
  }
}

/* --- a copy takes the place of its file --- */

static void fail(oa_store *store, const oa_error *error) {
  oa_disk_count(&store->disk.counters.merge_errors, 1);
  oa_log_line(store->disk.log, OA_LOG_WARN,
              "store: %s; the file stays as it is", error->text);
}

/* Whether PATH is still the file that was read: retention or a user may have
 * removed it, and it must not come back. */
static bool is_same(const char *path, const struct stat *from) {
  struct stat at;
  return lstat(path, &at) == 0 && at.st_dev == from->st_dev &&
         at.st_ino == from->st_ino && at.st_size == from->st_size &&
         at.st_mtim.tv_sec == from->st_mtim.tv_sec &&
         at.st_mtim.tv_nsec == from->st_mtim.tv_nsec;
}

static void publish(oa_store *store, const oa_series *stream,
                    const oa_merge_job *job) {
  const uint64_t before = (uint64_t)job->from.st_size;
  char text[OA_NAME_SIZE];
  oa_error error;
  if (!is_same(job->path, &job->from)) {
    (void)store->disk.os->unlink(job->aside);
    return;
  }
  if (store->disk.os->rename(job->aside, job->path) != 0) {
    oa_path_error(&error, errno, "cannot rename to", job->path);
    (void)store->disk.os->unlink(job->aside);
    fail(store, &error);
    return;
  }
  /* Both files are whole, so it does not matter for the rows which of them a
   * power cut leaves. */
  if (oa_dir_sync(&store->disk, stream->dir, &error) != OA_OK) {
    oa_disk_complain(&store->disk, &error);
  }
  oa_disk_count(&store->disk.counters.bytes_now, job->size - before);
  oa_disk_count(&store->disk.counters.files_merged, 1);
  oa_name_text(&stream->rule, &stream->waiting[0], text);
  oa_log_line(store->disk.log, OA_LOG_INFO,
              "store: merged %s: %" PRId64 " rows in %" PRIu64
              " batches instead of %" PRIu64 ", %" PRIu64
              " bytes instead of %" PRIu64,
              text, job->rows, job->batches_after, job->batches_before,
              job->size, before);
}

/* Takes over what came of a job. */
static void finish(oa_store *store) {
  oa_series *stream = store->merging;
  const oa_merge_job *job = oa_merger_job(store->merger);
  store->merging = NULL;
  store->merge_room = 0;
  if (job->end == OA_MERGE_STOPPED) {
    return; /* it goes on waiting */
  }
  if (job->end == OA_MERGE_DONE) {
    publish(store, stream, job);
  } else if (job->end == OA_MERGE_FAILED) {
    fail(store, &job->error);
  }
  drop_first(store, stream);
}

/* --- begin --- */

/* Whether the disk has room for a copy of SIZE bytes beside the file. */
static bool has_room(const oa_series *stream, uint64_t size) {
  struct statvfs at;
  return statvfs(stream->dir, &at) != 0 ||
         (uint64_t)at.f_bavail * at.f_frsize >=
             FREE_TIMES * oa_merge_limit(size);
}

static bool has_merger(oa_store *store) {
  if (store->merger == NULL && oa_merger_new(&store->merger) != OA_OK) {
    store->merger = NULL;
  }
  return store->merger != NULL;
}

/* Begins with the first waiting file of STREAM; false when it is not to be
 * merged now. */
static bool begin(oa_store *store, oa_series *stream) {
  const oa_name *name = &stream->waiting[0];
  char path[OA_PATH_SIZE];
  struct stat at;
  oa_series_path(stream, name, path);
  if (lstat(path, &at) != 0 || !S_ISREG(at.st_mode)) {
    drop_first(store, stream);
    return false;
  }
  const uint64_t most = store->max_total_size;
  const uint64_t size = at.st_size < 0 ? 0 : (uint64_t)at.st_size;
  if (most > 0 && oa_merge_limit(size) > most / TOTAL_PART) {
    drop_first(store, stream);
    return false;
  }
  if (!has_room(stream, size) || !has_merger(store)) {
    return false;
  }
  oa_merge_job *job = oa_merger_job(store->merger);
  job->os = store->disk.os;
  job->codec = store->codec;
  job->level = store->level;
  job->max_rows = store->merge_rows;
  memcpy(job->path, path, sizeof path);
  if (!aside_path(stream, name, job->aside)) {
    drop_first(store, stream);
    return false;
  }
  store->merging = stream;
  store->merge_room = oa_merge_limit(size);
  oa_merger_start(store->merger);
  return true;
}

void oa_merge_tick(oa_store *store) {
  if (store->merge_rows == 0 || store->full) {
    return;
  }
  if (store->merging != NULL) {
    if (oa_merger_is_busy(store->merger)) {
      return;
    }
    finish(store);
  }
  for (size_t i = 0; i < store->stream_count; i++) {
    store->merge_turn = (store->merge_turn + 1) % store->stream_count;
    oa_series *stream = &store->streams[store->merge_turn];
    if (stream->waiting_count == 0 && stream->merge_look) {
      find_waiting(store, stream);
    }
    if (stream->waiting_count > 0 && begin(store, stream)) {
      return;
    }
  }
}

void oa_merge_yield(oa_store *store) {
  if (store->merging != NULL) {
    oa_merger_stop(store->merger);
  }
}

void oa_merge_end_all(oa_store *store) {
  if (store->merger == NULL) {
    return;
  }
  oa_merger_end(store->merger);
  if (store->merging != NULL) {
    finish(store); /* a copy may have become ready all the same */
  }
  oa_merger_free(store->merger);
  store->merger = NULL;
}
