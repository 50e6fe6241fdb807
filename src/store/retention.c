/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "store/store_impl.h"

/* Steps of the clock below this are left to NTP's care. */
#define CLOCK_STEP_NS (UINT64_C(60) * 1000 * 1000 * 1000)

/* Between sweeps of a disk that stays full. */
#define FULL_SWEEP_NS (UINT64_C(1000) * 1000 * 1000)

/* Open files together take at most this part of the total size. */
enum { OPEN_PART = 2, EOS_SIZE = 8 };

static uint64_t since(uint64_t now, uint64_t then) {
  return now > then ? now - then : 0;
}

uint64_t oa_store_file_age(const oa_store *store, uint64_t mtime_ns) {
  const uint64_t wall = store->disk.os->wall_ns();
  /* What the clock would show had nobody set it since the start. */
  const uint64_t steady = store->start_wall_ns +
                          store->disk.os->monotonic_ns() - store->start_mono_ns;
  const uint64_t by_wall = since(wall, mtime_ns);
  const uint64_t by_steady = since(steady, mtime_ns);
  const uint64_t step = wall > steady ? wall - steady : steady - wall;
  if (step < CLOCK_STEP_NS || mtime_ns > steady) {
    return by_wall; /* the file was written after the step, if there was one */
  }
  if (mtime_ns > wall) {
    return by_steady; /* written before the clock was set back */
  }
  return by_wall < by_steady ? by_wall : by_steady;
}

/* The files of all streams while they are gone through; NEXT is the oldest of
 * each that may still be removed. */
typedef struct inventory {
  oa_dir_list lists[OA_STORE_MAX_STREAMS];
  size_t next[OA_STORE_MAX_STREAMS];
  uint64_t files;
  uint64_t bytes;
} inventory;

static bool is_open(const oa_series *stream, const oa_name *name) {
  return stream->file.fd >= 0 && oa_name_equal(&stream->name, name);
}

static void remove_file(oa_store *store, const oa_series *stream,
                        const oa_dir_entry *entry, inventory *all,
                        const char *why) {
  char path[OA_PATH_SIZE];
  char text[OA_NAME_SIZE];
  oa_series_path(stream, &entry->name, path);
  if (store->disk.os->unlink(path) != 0) {
    if (errno != ENOENT) {
      oa_error error;
      oa_path_error(&error, errno, "cannot remove", path);
      oa_disk_complain(&store->disk, &error);
      return;
    }
  } else {
    oa_disk_count(&store->disk.counters.files_removed, 1);
    oa_name_text(&stream->rule, &entry->name, text);
    oa_log_line(store->disk.log, OA_LOG_INFO,
                "store: removed %s (%" PRIu64 " bytes): %s", text, entry->size,
                why);
  }
  if (store->watch.removed != NULL) {
    store->watch.removed(store->watch.context,
                         (size_t)(stream - store->streams), &entry->name);
  }
  all->files--;
  all->bytes -= entry->size;
}

static void sweep_age(oa_store *store, size_t index, inventory *all) {
  const oa_series *stream = &store->streams[index];
  oa_dir_list *list = &all->lists[index];
  size_t kept = 0;
  for (size_t i = 0; i < list->count; i++) {
    const oa_dir_entry entry = list->items[i];
    if (stream->retention_ns > 0 && !is_open(stream, &entry.name) &&
        oa_store_file_age(store, entry.mtime_ns) >= stream->retention_ns) {
      remove_file(store, stream, &entry, all, "older than its retention");
    } else {
      list->items[kept++] = entry;
    }
  }
  list->count = kept;
}

/* The stream whose oldest file is the oldest, or stream_count.  Within a
 * stream the counter decides, whatever the clock said at the time. */
static size_t pick_oldest(const oa_store *store, inventory *all) {
  size_t best = store->stream_count;
  for (size_t s = 0; s < store->stream_count; s++) {
    const oa_dir_list *list = &all->lists[s];
    while (all->next[s] < list->count &&
           is_open(&store->streams[s], &list->items[all->next[s]].name)) {
      all->next[s]++;
    }
    if (all->next[s] < list->count &&
        (best == store->stream_count ||
         list->items[all->next[s]].mtime_ns <
             all->lists[best].items[all->next[best]].mtime_ns)) {
      best = s;
    }
  }
  return best;
}

/* Removes the oldest files until there is room for EXTRA more bytes. */
static void sweep_size(oa_store *store, inventory *all, uint64_t extra) {
  const uint64_t most = store->max_total_size;
  store->stuck_sealed = UINT64_MAX;
  while (most > 0 && all->bytes + extra > most) {
    const size_t s = pick_oldest(store, all);
    if (s == store->stream_count) {
      /* Only open files are left: until one of them is sealed, nothing can be
       * done. */
      store->stuck_sealed = oa_disk_counted(&store->disk.counters.files_sealed);
      return;
    }
    remove_file(store, &store->streams[s], &all->lists[s].items[all->next[s]++],
                all, "all files together take more than the total size allows");
  }
}

static void sweep(oa_store *store, uint64_t extra) {
  inventory all = {0};
  oa_error error;
  oa_status status = OA_OK;
  store->last_sweep_ns = store->disk.os->monotonic_ns();
  for (size_t s = 0; s < store->stream_count && status == OA_OK; s++) {
    const oa_series *stream = &store->streams[s];
    status = oa_dir_read(&all.lists[s], stream->dir, &stream->rule, &error);
    if (status == OA_OK) {
      all.files += all.lists[s].count;
      all.bytes += all.lists[s].bytes;
    }
  }
  if (status == OA_OK) {
    for (size_t s = 0; s < store->stream_count; s++) {
      sweep_age(store, s, &all);
    }
    sweep_size(store, &all, extra + store->merge_room);
    atomic_store_explicit(&store->disk.counters.files_now, all.files,
                          memory_order_relaxed);
    atomic_store_explicit(&store->disk.counters.bytes_now, all.bytes,
                          memory_order_relaxed);
  } else {
    oa_disk_complain(&store->disk, &error);
  }
  for (size_t s = 0; s < store->stream_count; s++) {
    oa_dir_list_free(&all.lists[s]);
  }
}

void oa_store_sweep(oa_store *store) {
  sweep(store, 0);
}

void oa_store_make_room(oa_store *store, uint64_t size) {
  const oa_store_counters *counters = &store->disk.counters;
  const uint64_t most = store->max_total_size;
  size += EOS_SIZE * store->stream_count; /* files are ended at any time */
  if (most == 0 ||
      oa_disk_counted(&counters->bytes_now) + store->merge_room + size <=
          most) {
    return;
  }
  if (store->stuck_sealed != oa_disk_counted(&counters->files_sealed)) {
    sweep(store, size);
  }
}

bool oa_store_free_room(oa_store *store) {
  const uint64_t removed = oa_disk_counted(&store->disk.counters.files_removed);
  if (!store->disk.full) {
    return false;
  }
  /* At once when the disk has become full; then as often as it is tried, but
   * not without a pause. */
  if (store->full &&
      store->disk.os->monotonic_ns() - store->last_sweep_ns < FULL_SWEEP_NS) {
    return false;
  }
  store->full = true;
  oa_merge_yield(store);
  sweep(store, 0);
  return oa_disk_counted(&store->disk.counters.files_removed) != removed;
}

uint64_t oa_store_file_bound(const oa_store *store) {
  const uint64_t most = store->max_total_size;
  const uint64_t size = store->max_file_size;
  const uint64_t part =
      most / (OPEN_PART * (store->stream_count + (store->stream_count == 0)));
  if (most == 0 || (size > 0 && size <= part)) {
    return size;
  }
  return part + (part == 0);
}
