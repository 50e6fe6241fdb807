/* SPDX-License-Identifier: Apache-2.0 */
#include "forward/source.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "otlp/otlp.h"
#include "store/load.h"

struct oa_forward_source {
  int fd;
  oa_signal signal;
  oa_ipc_reader *reader;
  oa_buf message;  /* the batch's bytes, which columns point into */
  uint64_t offset; /* of the next message */
  int64_t row;     /* the first one behind what was read */
  oa_array *bound; /* the signal's columns */
  /* The batch in memory, or the last one that was. */
  bool loaded;
  uint64_t at; /* its message */
  int64_t first;
  int64_t rows;
};

/* --- open, close --- */

static oa_status open_file(oa_forward_source *s, const char *path,
                           oa_error *error) {
  struct stat info;
  s->fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
  if (s->fd < 0) {
    const int code = errno;
    return oa_error_set(error, code == ENOENT ? OA_ERR_NOT_FOUND : OA_ERR_IO,
                        "cannot open: %s", strerror(code));
  }
  if (fstat(s->fd, &info) != 0 || !S_ISREG(info.st_mode)) {
    return oa_error_set(error, OA_ERR_MALFORMED, "not a regular file");
  }
  return OA_OK;
}

static oa_status read_schema(oa_forward_source *s, oa_error *error) {
  oa_loaded message;
  size_t used;
  const oa_status status =
      oa_load_message(s->fd, 0, &s->message, &message, error);
  if (status == OA_END || status == OA_ERR_TRUNCATED ||
      (status == OA_OK && message.event != OA_IPC_SCHEMA)) {
    return oa_error_set(error, OA_ERR_MALFORMED,
                        "it does not begin with a schema");
  }
  OA_TRY(status);
  OA_TRY(oa_ipc_read(s->reader, s->message.data, message.len, &used,
                     &message.event, error));
  s->offset = message.len;
  const oa_schema *schema = oa_ipc_reader_schema(s->reader);
  OA_TRY(oa_otlp_bind_check(s->signal, schema, error));
  s->bound =
      oa_calloc(oa_otlp_schema(s->signal)->field_count, sizeof *s->bound);
  return s->bound == NULL
             ? oa_error_set(error, OA_ERR_NOMEM, "no memory for columns")
             : OA_OK;
}

oa_status oa_forward_source_open(oa_forward_source **out, const char *path,
                                 oa_signal signal, oa_purse *purse,
                                 oa_error *error) {
  oa_ipc_limits limits = oa_ipc_limits_default;
  oa_forward_source *s = oa_calloc(1, sizeof *s);
  limits.purse = purse;
  if (s == NULL) {
    return oa_error_set(error, OA_ERR_NOMEM, "no memory for a file");
  }
  s->fd = -1;
  s->signal = signal;
  s->message.purse = purse;
  oa_status status = oa_ipc_reader_new(&s->reader, &limits);
  if (status != OA_OK) {
    oa_error_set(error, status, "no memory for a file");
  } else {
    status = open_file(s, path, error);
  }
  if (status == OA_OK) {
    status = read_schema(s, error);
  }
  if (status != OA_OK) {
    oa_forward_source_close(s);
    return status;
  }
  *out = s;
  return OA_OK;
}

void oa_forward_source_close(oa_forward_source *s) {
  if (s == NULL) {
    return;
  }
  if (s->fd >= 0) {
    close(s->fd);
  }
  oa_ipc_reader_free(s->reader);
  oa_buf_free(&s->message);
  oa_free(s->bound);
  oa_free(s);
}

void oa_forward_source_drop(oa_forward_source *s) {
  if (s == NULL) {
    return;
  }
  if (s->loaded) {
    oa_ipc_reader_drop_batch(s->reader);
    s->offset = s->at;
    s->row = s->first;
    s->loaded = false;
  }
  oa_buf_free(&s->message);
}

/* --- read --- */

/* Reads what the message in memory says: a batch only when it has row ROW. */
static oa_status take(oa_forward_source *s, const oa_loaded *message,
                      int64_t row, oa_error *error) {
  oa_ipc_event event = message->event;
  size_t used;
  if (event == OA_IPC_SCHEMA || message->rows < 0 ||
      message->rows > INT64_MAX - s->row) {
    return oa_error_set(error, OA_ERR_MALFORMED,
                        "a message that cannot stand at byte %llu",
                        (unsigned long long)s->offset);
  }
  const bool skip = event == OA_IPC_BATCH && s->row + message->rows <= row;
  if (!skip) {
    OA_TRY(oa_ipc_read(s->reader, s->message.data, message->len, &used, &event,
                       error));
  }
  if (event == OA_IPC_BATCH) {
    s->loaded = !skip;
    s->at = s->offset;
    s->first = s->row;
    s->rows = message->rows;
    s->row += message->rows;
  }
  s->offset += message->len;
  return event == OA_IPC_EOS ? OA_END : OA_OK;
}

static oa_status bind(oa_forward_source *s, oa_forward_batch *out,
                      oa_error *error) {
  int64_t rows;
  const oa_array *columns = oa_ipc_reader_columns(s->reader, &rows);
  OA_TRY(oa_otlp_bind(s->signal, oa_ipc_reader_schema(s->reader), columns,
                      s->bound, error));
  *out =
      (oa_forward_batch){.columns = s->bound, .first = s->first, .rows = rows};
  return OA_OK;
}

oa_status oa_forward_source_load(oa_forward_source *s, int64_t row,
                                 oa_forward_batch *out, oa_error *error) {
  while (!s->loaded || row >= s->first + s->rows) {
    oa_loaded message;
    s->loaded = false;
    const oa_status status =
        oa_load_message(s->fd, s->offset, &s->message, &message, error);
    if (status == OA_ERR_TRUNCATED) {
      return OA_END;
    }
    OA_TRY(status);
    OA_TRY(take(s, &message, row, error));
  }
  return bind(s, out, error);
}
