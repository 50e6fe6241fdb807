/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <string.h>

#include "base/mem.h"
#include "store/store_impl.h"

/* Names taken by others before we stop looking for a free one. */
enum { MAX_NAME_TRIES = 1000 };

void oa_series_path(const oa_series *stream, const oa_name *name,
                    char out[OA_PATH_SIZE]) {
  char text[OA_NAME_SIZE];
  oa_name_text(&stream->rule, name, text);
  /* oa_store_open() has checked that names fit. */
  (void)oa_path_join(out, stream->dir, text);
}

/* Forgets the open file once its descriptor is closed. */
static void end_file(oa_series *stream) {
  oa_file_drop(&stream->file);
  oa_ipc_writer_free(stream->writer);
  stream->writer = NULL;
  stream->head.len = 0;
  stream->rows = 0;
  stream->batches = 0;
}

/* Says how many rows the open file has. */
static void tell_rows(const oa_store *store, const oa_series *stream,
                      bool open) {
  if (store->watch.grew != NULL) {
    store->watch.grew(store->watch.context, (size_t)(stream - store->streams),
                      &stream->name, stream->rows, open);
  }
}

/* Leaves the open file to recovery. */
static void leave_file(oa_series *stream) {
  end_file(stream);
  stream->unsealed = true;
}

oa_status oa_series_seal(oa_store *store, oa_series *stream, oa_error *error) {
  if (stream->file.fd < 0) {
    return OA_OK;
  }
  char path[OA_PATH_SIZE];
  char text[OA_NAME_SIZE];
  oa_error why = {0};
  const uint64_t size = stream->file.length;
  oa_series_path(stream, &stream->name, path);
  const oa_status status =
      oa_file_seal(&stream->file, &store->disk, stream->dir, path, &why);
  oa_disk_count(&store->disk.counters.bytes_now, stream->file.length - size);
  if (status != OA_OK) {
    oa_disk_complain(&store->disk, &why);
    if (stream->file.fd < 0) {
      leave_file(stream);
      stream->lost = true;
    }
    if (error != NULL) {
      *error = why;
    }
    return status;
  }
  oa_name_text(&stream->rule, &stream->name, text);
  oa_disk_count(&store->disk.counters.files_sealed, 1);
  oa_log_line(store->disk.log, OA_LOG_INFO,
              "store: sealed %s: %" PRId64 " rows, %" PRIu64 " bytes", text,
              stream->rows, stream->file.length);
  const oa_name name = stream->name;
  const uint64_t batches = stream->batches;
  const int64_t rows = stream->rows;
  const uint64_t length = stream->file.length;
  tell_rows(store, stream, false);
  end_file(stream);
  oa_series_note_sealed(store, stream);
  oa_merge_sealed(store, stream, &name, batches, rows, length);
  return OA_OK;
}

/* Gives the file up when it is no longer ours alone. */
static void check_file(oa_store *store, oa_series *stream) {
  char path[OA_PATH_SIZE];
  oa_error why = {0};
  if (stream->file.fd < 0) {
    return;
  }
  oa_series_path(stream, &stream->name, path);
  const oa_status status = oa_file_check(&stream->file, path, &why);
  if (status == OA_OK) {
    return;
  }
  oa_disk_complain(&store->disk, &why);
  stream->lost = true;
  if (status == OA_ERR_NOT_FOUND) {
    end_file(stream); /* nothing is left to mend */
  } else {
    leave_file(stream);
  }
}

static bool is_old(const oa_store *store, const oa_series *stream) {
  return stream->max_age_ns > 0 &&
         store->disk.os->monotonic_ns() - stream->opened_ns >=
             stream->max_age_ns;
}

static bool is_large(const oa_store *store, const oa_series *stream) {
  const uint64_t most = oa_store_file_bound(store);
  return most > 0 && stream->file.length >= most;
}

/* A file that cannot be sealed yet goes on being written to: what stands in
 * the way (a full disk, mostly) stops the append as well. */
static void rotate(oa_store *store, oa_series *stream) {
  if (stream->file.fd >= 0 &&
      (is_large(store, stream) || is_old(store, stream))) {
    (void)oa_series_seal(store, stream, NULL);
  }
}

void oa_series_tick(oa_store *store, oa_series *stream) {
  check_file(store, stream);
  rotate(store, stream);
}

/* A writer for a new file, its Schema message in head. */
static oa_status start_writer(const oa_store *store, oa_series *stream) {
  oa_ipc_pieces pieces = {0};
  OA_TRY(oa_ipc_writer_new(&stream->writer, stream->schema, store->codec,
                           store->level));
  if (store->disk.direct) {
    oa_ipc_writer_set_blocks(stream->writer);
  }
  stream->head.len = 0;
  OA_TRY(oa_ipc_write_schema(stream->writer, &pieces));
  for (size_t i = 0; i < pieces.count; i++) {
    OA_TRY(oa_buf_put(&stream->head, pieces.iov[i].iov_base,
                      pieces.iov[i].iov_len));
  }
  return OA_OK;
}

static oa_status encode(const oa_store *store, oa_series *stream,
                        const oa_array *columns, int64_t rows,
                        oa_ipc_pieces *out, oa_error *error) {
  oa_status status = OA_OK;
  if (stream->writer == NULL) {
    status = start_writer(store, stream);
  }
  if (status == OA_OK) {
    status = oa_ipc_write_batch(stream->writer, columns, rows, out);
  }
  if (status != OA_OK) {
    if (stream->file.fd < 0) {
      end_file(stream);
    }
    return oa_error_set(error, status, "cannot encode a batch of %s: %s",
                        stream->rule.stream, oa_status_text(status));
  }
  return OA_OK;
}

/* Creates the next file under the first free name. */
static oa_status create_file(oa_store *store, oa_series *stream,
                             char path[OA_PATH_SIZE], oa_error *error) {
  oa_status status = OA_ERR_BUSY;
  for (int i = 0; i < MAX_NAME_TRIES && status == OA_ERR_BUSY; i++) {
    oa_name_make(&stream->name, store->disk.os->wall_ns(), stream->next_seq);
    oa_series_path(stream, &stream->name, path);
    status = oa_file_create(&stream->file, &store->disk, path, error);
    if (status == OA_OK || status == OA_ERR_BUSY) {
      stream->next_seq++;
    }
  }
  return status;
}

static oa_status open_file(oa_store *store, oa_series *stream,
                           char path[OA_PATH_SIZE], oa_error *error) {
  oa_status status = create_file(store, stream, path, error);
  if (status == OA_ERR_NOT_FOUND) {
    /* Somebody removed the directory, the lock with it perhaps. */
    OA_TRY(oa_dir_make(&store->disk, store->lock_dir, error));
    OA_TRY(oa_lock_renew(&store->lock, store->lock_dir, error));
    OA_TRY(oa_dir_make(&store->disk, stream->dir, error));
    status = create_file(store, stream, path, error);
  }
  if (status != OA_OK) {
    return OA_ERR_IO; /* the text is there */
  }
  stream->opened_ns = store->disk.os->monotonic_ns();
  stream->rows = 0;
  stream->batches = 0;
  oa_disk_count(&store->disk.counters.files_now, 1);
  return OA_OK;
}

/* After a failed append: a file without a batch goes, as it holds nothing. */
static void tidy(oa_store *store, oa_series *stream, const char *path,
                 bool fresh) {
  if (fresh) {
    end_file(stream);
    if (store->disk.os->unlink(path) == 0) {
      oa_disk_count(&store->disk.counters.files_now,
                    UINT64_MAX); /* minus one */
    } else {
      stream->unsealed = true;
    }
  } else if (stream->file.fd < 0) {
    leave_file(stream);
    stream->lost = true;
  }
}

static oa_status write_batch(oa_store *store, oa_series *stream,
                             const oa_ipc_pieces *pieces, uint64_t *written,
                             oa_error *error) {
  char path[OA_PATH_SIZE];
  struct iovec head = {0};
  const bool fresh = stream->file.fd < 0;
  if (fresh) {
    const oa_status status = open_file(store, stream, path, error);
    if (status != OA_OK) {
      end_file(stream);
      return status;
    }
    head.iov_base = stream->head.data;
    head.iov_len = stream->head.len;
  } else {
    oa_series_path(stream, &stream->name, path);
  }
  const oa_status status =
      oa_file_append(&stream->file, &store->disk, path, head, pieces->iov,
                     pieces->count, error);
  if (status != OA_OK) {
    tidy(store, stream, path, fresh);
    return status;
  }
  oa_ipc_writer_commit(stream->writer);
  *written = head.iov_len + pieces->size;
  return OA_OK;
}

oa_status oa_series_append(oa_store *store, oa_series *stream,
                           const oa_array *columns, int64_t rows,
                           uint64_t *written, oa_error *error) {
  oa_ipc_pieces pieces = {0};
  oa_error why = {0};
  uint64_t size = 0;
  check_file(store, stream);
  rotate(store, stream);
  OA_TRY(encode(store, stream, columns, rows, &pieces, error));
  oa_store_make_room(
      store, pieces.size + (stream->file.fd < 0 ? stream->head.len : 0));
  store->disk.full = false;
  oa_status status = write_batch(store, stream, &pieces, &size, &why);
  if (status != OA_OK && oa_store_free_room(store)) {
    OA_TRY(encode(store, stream, columns, rows, &pieces, error));
    status = write_batch(store, stream, &pieces, &size, &why);
  }
  if (status != OA_OK) {
    oa_disk_complain(&store->disk, &why);
    if (error != NULL) {
      *error = why;
    }
    return status;
  }
  stream->rows += rows;
  stream->batches++;
  tell_rows(store, stream, true);
  store->full = false;
  oa_disk_count(&store->disk.counters.bytes_written, size);
  oa_disk_count(&store->disk.counters.bytes_now, size);
  oa_disk_count(&store->disk.counters.batches_written, 1);
  if (written != NULL) {
    *written = size;
  }
  /* The batch is in the file, so nothing after it can fail the call. */
  rotate(store, stream);
  return OA_OK;
}

oa_status oa_series_sync(oa_store *store, oa_series *stream, oa_error *error) {
  check_file(store, stream);
  if (stream->file.fd >= 0) {
    char path[OA_PATH_SIZE];
    oa_error why = {0};
    oa_series_path(stream, &stream->name, path);
    const oa_status status =
        oa_file_sync(&stream->file, &store->disk, stream->dir, path, &why);
    if (status != OA_OK) {
      oa_disk_complain(&store->disk, &why);
      leave_file(stream);
      stream->lost = false; /* it is said here */
      if (error != NULL) {
        *error = why;
      }
      return status;
    }
  }
  if (stream->lost) {
    stream->lost = false;
    return oa_error_set(error, OA_ERR_IO,
                        "batches of %s may be lost: an earlier write or fsync "
                        "failed",
                        stream->rule.stream);
  }
  return OA_OK;
}

void oa_series_free(oa_series *stream) {
  end_file(stream);
  oa_buf_free(&stream->head);
}
