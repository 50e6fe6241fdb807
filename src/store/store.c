/* SPDX-License-Identifier: Apache-2.0 */
#include "store/store.h"

#include <string.h>

#include "base/mem.h"
#include "store/inspect.h"
#include "store/store_impl.h"

#define SECOND_NS UINT64_C(1000000000)

/* Between the first two attempts to mend a file that a failure left, and
 * between later ones at most. */
#define MEND_WAIT_NS (10 * SECOND_NS)
#define MEND_MAX_WAIT_NS (600 * SECOND_NS)

/* A stop waits so long at most for files of an earlier run to be read: about as
 * long as three large ones take, and far less than a service manager waits. */
#define END_PATIENCE_NS (5 * SECOND_NS)

/* Retention looks at the directories this often at least, and no oftener than
 * once a second. */
#define SWEEP_EVERY_NS (60 * SECOND_NS)

/* A sweep may come this part of a retention late. */
enum { SWEEP_PART = 10 };

/* "So old" holds for rows, not files: a file is sealed within this part of its
 * retention, which it begins to wait for only then. */
enum { AGE_PART = 4 };

/* Behind a name there may yet stand ".corrupt.9999". */
enum { MAX_SUFFIX = 16 };

static uint64_t smaller_bound(uint64_t a, uint64_t b) {
  if (a == 0 || b == 0) {
    return a + b; /* 0 = no bound */
  }
  return a < b ? a : b;
}

static oa_status copy_strings(oa_store *store, const oa_store_options *options,
                              oa_error *error) {
  store->lock_dir = oa_strdup(options->lock_dir);
  store->prefix = oa_strdup(options->prefix);
  store->extension = oa_strdup(options->extension);
  if (store->lock_dir == NULL || store->prefix == NULL ||
      store->extension == NULL) {
    return oa_error_set(error, OA_ERR_NOMEM, "no memory to open a store");
  }
  return OA_OK;
}

static oa_status init_stream(oa_store *store, const oa_store_options *options,
                             size_t index, oa_error *error) {
  const oa_store_stream *from = &options->streams[index];
  oa_series *stream = &store->streams[index];
  char path[OA_PATH_SIZE];
  const oa_name_rule rule = {options->prefix, from->name, options->extension};
  OA_TRY(oa_name_rule_check(&rule, error));
  if (!oa_path_join(path, options->root, from->name) ||
      strlen(path) + OA_NAME_SIZE + MAX_SUFFIX >= OA_PATH_SIZE) {
    return oa_error_set(error, OA_ERR_CONFIG,
                        "the output path is too long (%zu bytes)",
                        strlen(options->root));
  }
  stream->dir = oa_strdup(path);
  stream->stream_name = oa_strdup(from->name);
  if (stream->dir == NULL || stream->stream_name == NULL) {
    return oa_error_set(error, OA_ERR_NOMEM, "no memory to open a store");
  }
  stream->rule.prefix = store->prefix;
  stream->rule.stream = stream->stream_name;
  stream->rule.extension = store->extension;
  stream->schema = from->schema;
  stream->retention_ns = from->retention_ns;
  stream->max_age_ns =
      smaller_bound(options->max_file_age_ns, from->retention_ns / AGE_PART);
  return OA_OK;
}

static void choose_sweep_interval(oa_store *store) {
  uint64_t every = SWEEP_EVERY_NS;
  for (size_t s = 0; s < store->stream_count; s++) {
    const uint64_t part = store->streams[s].retention_ns / SWEEP_PART;
    if (part > 0 && part < every) {
      every = part;
    }
  }
  store->sweep_every_ns = every < SECOND_NS ? SECOND_NS : every;
}

void oa_store_set_watch(oa_store *store, const oa_store_watch *watch) {
  store->watch = *watch;
}

void oa_store_set_rules(oa_store *store, const oa_store_rules *rules) {
  store->codec = rules->codec;
  store->level = rules->level;
  store->max_file_size = rules->max_file_size;
  store->max_total_size = rules->max_total_size;
  for (size_t s = 0; s < store->stream_count; s++) {
    store->streams[s].retention_ns = rules->retention_ns[s];
    store->streams[s].max_age_ns = smaller_bound(
        rules->max_file_age_ns, rules->retention_ns[s] / AGE_PART);
  }
  choose_sweep_interval(store);
}

/* Everything in memory; touches no file. */
static oa_status init(oa_store *store, const oa_store_options *options,
                      oa_error *error) {
  OA_TRY(copy_strings(store, options, error));
  store->disk.log = options->log;
  store->disk.direct = options->direct_io;
  store->codec = options->codec;
  store->level = options->level;
  store->max_file_size = options->max_file_size;
  store->max_total_size = options->max_total_size;
  store->merge_rows = options->merge ? options->merge_rows : 0;
  store->stuck_sealed = UINT64_MAX;
  store->start_wall_ns = store->disk.os->wall_ns();
  store->start_mono_ns = store->disk.os->monotonic_ns();
  for (size_t s = 0; s < options->stream_count; s++) {
    OA_TRY(init_stream(store, options, s, error));
  }
  choose_sweep_interval(store);
  store->mend_wait_ns = MEND_WAIT_NS;
  return OA_OK;
}

/* Nothing is left that was written before a power cut, perhaps, and was not
 * looked at. */
static void note_boot(oa_store *store) {
  for (size_t s = 0; s < store->stream_count; s++) {
    if (oa_series_is_behind(&store->streams[s])) {
      return;
    }
  }
  oa_lock_note_boot(&store->lock);
}

/* Directories, lock and what the last run left. */
static oa_status take_over(oa_store *store, const char *root, oa_error *error) {
  OA_TRY(oa_dir_make(&store->disk, store->lock_dir, error));
  OA_TRY(oa_lock_take(&store->lock, store->lock_dir, error));
  OA_TRY(oa_dir_make(&store->disk, root, error));
  for (size_t s = 0; s < store->stream_count; s++) {
    OA_TRY(oa_dir_make(&store->disk, store->streams[s].dir, error));
    OA_TRY(oa_series_recover(store, &store->streams[s], error));
  }
  oa_recover_start(store);
  note_boot(store);
  oa_store_sweep(store);
  return OA_OK;
}

static void destroy(oa_store *store) {
  oa_inspector_free(store->inspector);
  oa_merge_end_all(store);
  for (size_t s = 0; s < OA_STORE_MAX_STREAMS; s++) {
    oa_series *stream = &store->streams[s];
    oa_series_free(stream);
    oa_free(stream->dir);
    oa_free(stream->stream_name);
  }
  oa_lock_release(&store->lock);
  oa_free(store->lock_dir);
  oa_free(store->prefix);
  oa_free(store->extension);
  oa_free(store->disk.stage);
  oa_free(store);
}

void oa_store_disown(oa_store *store) {
  if (store != NULL) {
    oa_lock_disown(&store->lock);
  }
}

oa_status oa_store_open_with(oa_store **out, const oa_store_options *options,
                             const oa_store_os *os, oa_error *error) {
  if (options->stream_count > OA_STORE_MAX_STREAMS) {
    return oa_error_set(error, OA_ERR_CONFIG, "a store has at most %d streams",
                        OA_STORE_MAX_STREAMS);
  }
  oa_store *store = oa_calloc(1, sizeof *store);
  if (store == NULL) {
    return oa_error_set(error, OA_ERR_NOMEM, "no memory to open a store");
  }
  store->disk.os = os;
  store->lock.fd = -1;
  for (size_t s = 0; s < OA_STORE_MAX_STREAMS; s++) {
    store->streams[s].file.fd = -1;
  }
  store->stream_count = options->stream_count;

  oa_status status = init(store, options, error);
  if (status == OA_OK) {
    status = take_over(store, options->root, error);
  }
  if (status != OA_OK) {
    destroy(store);
    return status;
  }
  *out = store;
  return OA_OK;
}

oa_status oa_store_open(oa_store **out, const oa_store_options *options,
                        oa_error *error) {
  return oa_store_open_with(out, options, &oa_store_os_default, error);
}

oa_status oa_store_append(oa_store *store, size_t stream,
                          const oa_array *columns, int64_t rows,
                          uint64_t *written, oa_error *error) {
  if (written != NULL) {
    *written = 0;
  }
  if (rows == 0) {
    return OA_OK;
  }
  return oa_series_append(store, &store->streams[stream], columns, rows,
                          written, error);
}

oa_status oa_store_sync(oa_store *store, size_t stream, oa_error *error) {
  return oa_series_sync(store, &store->streams[stream], error);
}

static void mend(oa_store *store, uint64_t now) {
  bool left = false;
  oa_recover_take(store);
  note_boot(store);
  if (now < store->next_mend_ns) {
    return;
  }
  oa_recover_again(store);
  for (size_t s = 0; s < store->stream_count; s++) {
    oa_series_mend(store, &store->streams[s]);
    left = left || oa_series_is_behind(&store->streams[s]);
  }
  if (!left) {
    store->mend_wait_ns = MEND_WAIT_NS;
    return;
  }
  store->next_mend_ns = now + store->mend_wait_ns;
  store->mend_wait_ns *= 2;
  if (store->mend_wait_ns > MEND_MAX_WAIT_NS) {
    store->mend_wait_ns = MEND_MAX_WAIT_NS;
  }
}

void oa_store_tick(oa_store *store) {
  const uint64_t now = store->disk.os->monotonic_ns();
  for (size_t s = 0; s < store->stream_count; s++) {
    oa_series_tick(store, &store->streams[s]);
  }
  mend(store, now);
  oa_merge_tick(store);
  const bool over =
      store->max_total_size > 0 &&
      oa_disk_counted(&store->disk.counters.bytes_now) > store->max_total_size;
  if (now - store->last_sweep_ns >=
      (over ? SECOND_NS : store->sweep_every_ns)) {
    oa_store_sweep(store);
  }
}

oa_status oa_store_seal(oa_store *store, oa_error *error) {
  oa_status first = OA_OK;
  for (size_t s = 0; s < store->stream_count; s++) {
    const oa_status status = oa_series_seal(store, &store->streams[s],
                                            first == OA_OK ? error : NULL);
    if (first == OA_OK) {
      first = status;
    }
  }
  return first;
}

oa_status oa_store_close(oa_store *store, oa_error *error) {
  if (store == NULL) {
    return OA_OK;
  }
  oa_merge_yield(store); /* it ends while we seal */
  const oa_status status = oa_store_seal(store, error);
  for (size_t s = 0; s < store->stream_count; s++) {
    /* A last chance to leave whole files behind. */
    oa_series_mend(store, &store->streams[s]);
  }
  oa_recover_end(store, END_PATIENCE_NS);
  note_boot(store);
  destroy(store);
  return status;
}

void oa_store_get_stats(const oa_store *store, oa_store_stats *out) {
  const oa_store_counters *from = &store->disk.counters;
  *out = (oa_store_stats){
      .bytes_written = oa_disk_counted(&from->bytes_written),
      .batches_written = oa_disk_counted(&from->batches_written),
      .files_sealed = oa_disk_counted(&from->files_sealed),
      .files_removed = oa_disk_counted(&from->files_removed),
      .files_merged = oa_disk_counted(&from->files_merged),
      .merge_errors = oa_disk_counted(&from->merge_errors),
      .files_recovered = oa_disk_counted(&from->files_recovered),
      .files_corrupt = oa_disk_counted(&from->files_corrupt),
      .files_now = oa_disk_counted(&from->files_now),
      .bytes_now = oa_disk_counted(&from->bytes_now),
      .write_errors = oa_disk_counted(&from->write_errors),
      .write_ns = oa_disk_counted(&from->write_ns),
      .fsync_ns = oa_disk_counted(&from->fsync_ns),
      .fsyncs = oa_disk_counted(&from->fsyncs),
  };
}
