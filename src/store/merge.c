/* SPDX-License-Identifier: Apache-2.0 */
/* posix_fadvise() is in POSIX.1-2008, as optional. */
#define _DEFAULT_SOURCE 1

#include "store/merge.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "arrow/ipc_read.h"
#include "arrow/ipc_write.h"
#include "store/merge_rows.h"
#include "store/store_impl.h"

enum {
  READ_SIZE = 256 << 10,
  /* A batch that is larger than that is large enough, and its file with it. */
  MAX_MESSAGE = 64 << 20,
  MAX_MEMORY = 96 << 20, /* of one batch, decompressed, and dictionaries */
  /* So much waits for the disk at a time: one fsync of all would hold up those
   * that senders wait for. */
  SYNC_SIZE = 4 << 20,
  MORE_PART = 8, /* a copy may be longer by that part, and by MORE_BYTES */
  MORE_BYTES = 64 << 10,
};

/* The file as it is read, and the copy as it grows. */
typedef struct merge {
  oa_merge_job *job;
  oa_disk disk; /* our own: counters and all */
  oa_buf window;
  size_t at;     /* of the next message in the window */
  uint64_t next; /* where the window ends in the file */
  oa_ipc_reader *reader;
  oa_ipc_writer *writer; /* NULL before the schema */
  oa_merge_rows rows;
  oa_file out;
  uint64_t synced;
  int64_t rows_read;
  int64_t rows_written;
  int fd;       /* of the original */
  bool at_end;  /* the window has its last bytes */
  bool gathers; /* ROWS is there */
  bool created; /* the copy stands aside */
  bool no_need;
} merge;

uint64_t oa_merge_limit(uint64_t size) {
  return size + size / MORE_PART + MORE_BYTES;
}

bool oa_merge_pays(uint64_t batches, int64_t rows, uint64_t size,
                   int64_t max_rows) {
  if (batches < 2 || rows < 0 || max_rows <= 0 ||
      size / batches >= OA_MERGE_BYTES / 2) {
    return false;
  }
  const uint64_t most = (uint64_t)max_rows;
  const uint64_t target = (uint64_t)rows / most + ((uint64_t)rows % most != 0);
  return target <= batches / 2;
}

static bool stopped(const merge *m) {
  return m->job->stop != NULL && m->job->stop(m->job->context);
}

/* Ends the work without a fault of anybody's. */
static oa_status no_need(merge *m) {
  m->no_need = true;
  return OA_ERR_UNSUPPORTED;
}

static oa_status fail(merge *m, oa_status status, const char *text) {
  char shown[OA_PATH_SHOWN];
  oa_path_show(shown, m->job->path);
  return oa_error_set(&m->job->error, status, "cannot merge %s: %s", shown,
                      text);
}

/* --- read --- */

static oa_status open_original(merge *m) {
  oa_merge_job *job = m->job;
  m->fd = oa_disk_open(&m->disk, job->path,
                       O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
  if (m->fd < 0) {
    return errno == ENOENT
               ? no_need(m)
               : oa_path_error(&job->error, errno, "cannot open", job->path);
  }
  if (fstat(m->fd, &job->from) != 0 || !S_ISREG(job->from.st_mode)) {
    return no_need(m);
  }
  (void)posix_fadvise(m->fd, 0, 0, POSIX_FADV_SEQUENTIAL);
  return OA_OK;
}

/* Whether the file is whole, and has batches that are too small. */
static oa_status look(merge *m) {
  oa_merge_job *job = m->job;
  oa_store_scan scan;
  OA_TRY(oa_scan_fd(m->fd, (uint64_t)job->from.st_size, &scan, job->stop,
                    job->context));
  if (!scan.ended || !scan.has_schema || scan.damaged ||
      scan.whole != scan.size ||
      !oa_merge_pays(scan.batches, scan.rows, scan.size, job->max_rows)) {
    return no_need(m);
  }
  job->batches_before = scan.batches;
  job->rows = scan.rows;
  return OA_OK;
}

/* Brings the next NEED bytes into the window, or all that are left. */
static oa_status fill(merge *m, size_t need) {
  oa_buf *w = &m->window;
  if (m->at > 0) {
    memmove(w->data, w->data + m->at, w->len - m->at);
    w->len -= m->at;
    m->at = 0;
  }
  const size_t want = need > READ_SIZE ? need : READ_SIZE;
  if (oa_buf_reserve(w, want > w->len ? want - w->len : 0) != OA_OK) {
    return fail(m, OA_ERR_NOMEM, "no memory");
  }
  while (w->len < need && !m->at_end) {
    const ssize_t n = m->job->os->pread(m->fd, w->data + w->len, want - w->len,
                                        (off_t)m->next);
    if (n < 0 && errno == EINTR) {
      continue;
    }
    if (n < 0) {
      return oa_path_error(&m->job->error, errno, "cannot read", m->job->path);
    }
    m->at_end = n == 0;
    w->len += (size_t)n;
    m->next += (uint64_t)n;
  }
  return OA_OK;
}

/* Reads the next message; *BYTES is where it stands, *LEN its length. */
static oa_status read_message(merge *m, oa_ipc_event *event,
                              const uint8_t **bytes, size_t *len) {
  size_t need = 1;
  for (;;) {
    const size_t have = m->window.len - m->at;
    if (have < need && m->at_end) {
      return fail(m, OA_ERR_MALFORMED, "it was cut meanwhile");
    }
    if (have < need) {
      OA_TRY(fill(m, need));
      continue;
    }
    *bytes = m->window.data + m->at;
    const oa_status status =
        oa_ipc_read(m->reader, *bytes, have, len, event, &m->job->error);
    if (status == OA_OK) {
      m->at += *len;
      return OA_OK;
    }
    if (status == OA_ERR_LIMIT) {
      return no_need(m); /* so large that it had better stay */
    }
    if (status != OA_ERR_TRUNCATED) {
      return status;
    }
    need = *len > have ? *len : have + 1;
  }
}

/* --- write --- */

static oa_status write_pieces(merge *m, const oa_ipc_pieces *pieces) {
  oa_merge_job *job = m->job;
  const struct iovec none = {0};
  if (m->out.length + pieces->size >
      oa_merge_limit((uint64_t)job->from.st_size)) {
    return no_need(m);
  }
  OA_TRY(oa_file_append(&m->out, &m->disk, job->aside, none, pieces->iov,
                        pieces->count, &job->error));
  if (m->out.length - m->synced < SYNC_SIZE) {
    return OA_OK;
  }
  if (oa_disk_fdatasync(&m->disk, m->out.fd) != 0) {
    return oa_path_error(&job->error, errno, "cannot fdatasync", job->aside);
  }
  /* Neither file is looked at again soon: others need the page cache. */
  (void)posix_fadvise(m->out.fd, 0, (off_t)m->out.length, POSIX_FADV_DONTNEED);
  (void)posix_fadvise(m->fd, 0, (off_t)m->next, POSIX_FADV_DONTNEED);
  m->synced = m->out.length;
  return OA_OK;
}

/* The schema that we would write must be, to the byte, the one that is there:
 * then everything in it is kept. */
static oa_status check_schema(merge *m, const oa_ipc_pieces *pieces,
                              const uint8_t *bytes, size_t len) {
  size_t at = 0;
  if (bytes == NULL || pieces->size != len) {
    return no_need(m);
  }
  for (size_t i = 0; i < pieces->count; i++) {
    if (memcmp(pieces->iov[i].iov_base, bytes + at, pieces->iov[i].iov_len) !=
        0) {
      return no_need(m);
    }
    at += pieces->iov[i].iov_len;
  }
  return OA_OK;
}

/* What stands there is left of a merge that a crash ended. */
static oa_status create_copy(merge *m) {
  oa_merge_job *job = m->job;
  if (job->os->unlink(job->aside) != 0 && errno != ENOENT) {
    return oa_path_error(&job->error, errno, "cannot remove", job->aside);
  }
  const oa_status status =
      oa_file_create(&m->out, &m->disk, job->aside, &job->error);
  if (status != OA_OK) {
    m->out.fd = -1;
    return OA_ERR_IO;
  }
  m->created = true;
  (void)fchmod(m->out.fd, job->from.st_mode & 07777);
  return OA_OK;
}

static oa_status begin_copy(merge *m, const uint8_t *bytes, size_t len) {
  oa_merge_job *job = m->job;
  const oa_schema *schema = oa_ipc_reader_schema(m->reader);
  oa_ipc_pieces pieces = {0};
  if (!oa_merge_rows_fit(schema)) {
    return no_need(m);
  }
  m->gathers = true;
  if (oa_merge_rows_init(&m->rows, schema, job->max_rows) != OA_OK ||
      oa_ipc_writer_new(&m->writer, schema, job->codec, job->level) != OA_OK ||
      oa_ipc_write_schema(m->writer, &pieces) != OA_OK) {
    return fail(m, OA_ERR_NOMEM, "no memory");
  }
  oa_ipc_writer_set_stop(m->writer, job->stop, job->context);
  OA_TRY(check_schema(m, &pieces, bytes, len));
  OA_TRY(create_copy(m));
  return write_pieces(m, &pieces);
}

/* Writes what was gathered. */
static oa_status write_rows(merge *m) {
  oa_ipc_pieces pieces = {0};
  int64_t count = 0;
  const oa_array *columns = oa_merge_rows_finish(&m->rows, &count);
  if (columns == NULL) {
    return fail(m, OA_ERR_NOMEM, "no memory");
  }
  if (count == 0) {
    return OA_OK;
  }
  const oa_status status =
      oa_ipc_write_batch(m->writer, columns, count, &pieces);
  if (status != OA_OK) {
    return fail(m, status, oa_status_text(status));
  }
  OA_TRY(write_pieces(m, &pieces));
  oa_ipc_writer_commit(m->writer);
  oa_merge_rows_clear(&m->rows);
  m->rows_written += count;
  m->job->batches_after++;
  return OA_OK;
}

static oa_status take_batch(merge *m, size_t len) {
  int64_t count;
  const oa_array *columns = oa_ipc_reader_columns(m->reader, &count);
  const size_t memory = oa_ipc_reader_memory(m->reader);
  m->rows_read += count;
  if (!oa_merge_rows_fits(&m->rows, count, memory > len ? memory : len)) {
    OA_TRY(write_rows(m));
  }
  oa_merge_rows_next(&m->rows);
  const oa_status status = oa_merge_rows_take(&m->rows, columns, count);
  if (status == OA_ERR_UNSUPPORTED) {
    return no_need(m);
  }
  if (status != OA_OK) {
    return fail(m, status, oa_status_text(status));
  }
  return oa_merge_rows_full(&m->rows) ? write_rows(m) : OA_OK;
}

static oa_status copy_messages(merge *m) {
  oa_ipc_event event = OA_IPC_SCHEMA;
  while (event != OA_IPC_EOS) {
    const uint8_t *bytes = NULL;
    size_t len = 0;
    if (stopped(m)) {
      return OA_ERR_BUSY;
    }
    OA_TRY(read_message(m, &event, &bytes, &len));
    if (event == OA_IPC_SCHEMA) {
      OA_TRY(begin_copy(m, bytes, len));
    } else if (event == OA_IPC_BATCH) {
      OA_TRY(take_batch(m, len));
    }
  }
  return OA_OK;
}

/* EOS; the time of last write is that of the original, since age counts from
 * there; all on the disk. */
static oa_status end_copy(merge *m) {
  oa_merge_job *job = m->job;
  const struct timespec times[2] = {job->from.st_atim, job->from.st_mtim};
  oa_ipc_pieces end;
  if (m->writer == NULL) {
    return fail(m, OA_ERR_MALFORMED, "it has no schema");
  }
  OA_TRY(write_rows(m));
  if (job->batches_after > job->batches_before / 2) {
    return no_need(m);
  }
  oa_ipc_write_end(&end);
  OA_TRY(write_pieces(m, &end));
  if (job->os->futimens(m->out.fd, times) != 0) {
    return oa_path_error(&job->error, errno, "cannot set the time of",
                         job->aside);
  }
  if (oa_disk_fsync(&m->disk, m->out.fd) != 0) {
    return oa_path_error(&job->error, errno, "cannot fsync", job->aside);
  }
  job->size = m->out.length;
  return OA_OK;
}

/* Looks at the copy as any reader would, before it takes anything's place. */
static oa_status check_copy(merge *m) {
  oa_merge_job *job = m->job;
  oa_store_scan scan;
  OA_TRY(oa_store_scan_file(job->aside, &scan, &job->error));
  if (!scan.ended || scan.whole != scan.size || scan.size != job->size ||
      scan.rows != job->rows || scan.batches != job->batches_after ||
      m->rows_read != job->rows || m->rows_written != job->rows) {
    return fail(m, OA_ERR_MALFORMED, "the copy is not what it should be");
  }
  return OA_OK;
}

static oa_status work(merge *m) {
  OA_TRY(open_original(m));
  OA_TRY(look(m));
  oa_ipc_limits limits = oa_ipc_limits_default;
  limits.max_message = MAX_MESSAGE;
  limits.max_memory = MAX_MEMORY;
  if (oa_ipc_reader_new(&m->reader, &limits) != OA_OK) {
    return fail(m, OA_ERR_NOMEM, "no memory");
  }
  OA_TRY(copy_messages(m));
  OA_TRY(end_copy(m));
  return check_copy(m);
}

/* Gives everything back; the copy goes when it is not to be used. */
static void clean(merge *m, bool keep) {
  if (m->fd >= 0) {
    close(m->fd);
  }
  if (m->out.fd >= 0) {
    oa_file_drop(&m->out);
  }
  if (m->created && !keep) {
    (void)m->job->os->unlink(m->job->aside);
  }
  if (m->gathers) {
    oa_merge_rows_free(&m->rows);
  }
  oa_ipc_writer_free(m->writer);
  oa_ipc_reader_free(m->reader);
  oa_buf_free(&m->window);
}

void oa_merge_run(oa_merge_job *job) {
  merge m = {.job = job, .disk = {.os = job->os}, .fd = -1, .out = {.fd = -1}};
  job->error = (oa_error){0};
  job->batches_after = 0;
  const oa_status status = work(&m);
  if (status == OA_OK) {
    job->end = OA_MERGE_DONE;
  } else if (m.no_need) {
    job->end = OA_MERGE_NO_NEED;
  } else {
    job->end = stopped(&m) ? OA_MERGE_STOPPED : OA_MERGE_FAILED;
  }
  clean(&m, status == OA_OK);
  if (status != OA_OK && job->error.text[0] == '\0') {
    (void)fail(&m, status, oa_status_text(status));
  }
}
