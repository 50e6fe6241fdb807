/* SPDX-License-Identifier: Apache-2.0 */
#include "api/reader_impl.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "otlp/otlp.h"
#include "otlp/text.h"
#include "store/load.h"

oa_status oa_reader_fail(const oa_reader *reader, oa_status status,
                         const oa_error *problem, oa_error *error) {
  const char *text =
      problem->text[0] == '\0' ? oa_status_text(status) : problem->text;
  return oa_error_set(error, status, "%s: %s", reader->path, text);
}

/* Brings the next message into memory; see oa_load_message(). */
static oa_status load_message(oa_reader *reader, oa_loaded *out,
                              oa_error *error) {
  return oa_load_message(reader->fd, reader->offset, &reader->message, out,
                         error);
}

/* Reads or skips the message in memory and moves on behind it. */
static oa_status take_message(oa_reader *reader, const oa_loaded *message,
                              oa_reader_step step, oa_error *error) {
  oa_ipc_event event = message->event;

  if (event != OA_IPC_BATCH || step == OA_STEP_READ) {
    size_t used;
    OA_TRY(oa_ipc_read(reader->ipc, reader->message.data, message->len, &used,
                       &event, error));
  }
  reader->offset += message->len;
  return OA_OK;
}

oa_status oa_reader_advance(oa_reader *reader, oa_reader_step step,
                            int64_t *rows, oa_error *error) {
  oa_loaded message;

  reader->columns = NULL;
  reader->is_bound = false;
  reader->rows = 0;
  while (!reader->ended) {
    oa_status status = load_message(reader, &message, error);
    reader->torn = status == OA_ERR_TRUNCATED;
    if (status == OA_ERR_TRUNCATED) {
      return OA_END;
    }
    OA_TRY(status);
    if (message.event == OA_IPC_SCHEMA) {
      return oa_error_set(error, OA_ERR_MALFORMED,
                          "a second schema at byte %llu",
                          (unsigned long long)reader->offset);
    }
    OA_TRY(take_message(reader, &message, step, error));
    reader->ended = message.event == OA_IPC_EOS;
    if (message.event == OA_IPC_BATCH) {
      *rows = message.rows;
      if (step == OA_STEP_READ) {
        reader->columns = oa_ipc_reader_columns(reader->ipc, &reader->rows);
        *rows = reader->rows;
      }
      return OA_OK;
    }
  }
  return OA_END;
}

oa_status oa_reader_rewind(oa_reader *reader, oa_error *error) {
  oa_ipc_event event;
  size_t used;

  oa_ipc_reader_free(reader->ipc);
  reader->ipc = NULL;
  reader->columns = NULL;
  reader->is_bound = false;
  reader->rows = 0;
  reader->ended = false;
  reader->torn = false;
  if (oa_ipc_reader_new(&reader->ipc, &oa_ipc_limits_default) != OA_OK) {
    return oa_error_set(error, OA_ERR_NOMEM, "no memory for a reader");
  }
  reader->offset = reader->schema.len;
  return oa_ipc_read(reader->ipc, reader->schema.data, reader->schema.len,
                     &used, &event, error);
}

/* The signal that the schema's metadata names. */
static int find_signal(const oa_schema *schema) {
  for (size_t i = 0; i < schema->metadata_count; i++) {
    if (strcmp(schema->metadata[i].key, "otlp.signal") != 0) {
      continue;
    }
    for (int signal = 0; signal < OA_SIGNAL_COUNT; signal++) {
      if (strcmp(schema->metadata[i].value,
                 oa_signal_name((oa_signal)signal)) == 0) {
        return signal;
      }
    }
  }
  return OA_SIGNAL_COUNT;
}

static oa_status open_file(oa_reader *reader, oa_error *error) {
  struct stat info;

  reader->fd = open(reader->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (reader->fd < 0) {
    return oa_error_set(error, errno == ENOENT ? OA_ERR_NOT_FOUND : OA_ERR_IO,
                        "%s", strerror(errno));
  }
  if (fstat(reader->fd, &info) != 0 || !S_ISREG(info.st_mode)) {
    return oa_error_set(error, OA_ERR_IO, "not a regular file");
  }
  return OA_OK;
}

static oa_status read_schema(oa_reader *reader, oa_error *error) {
  oa_loaded message;

  oa_status status = load_message(reader, &message, error);
  if (status == OA_END || status == OA_ERR_TRUNCATED) {
    return oa_error_set(error, OA_ERR_TRUNCATED,
                        "the file ends before its schema is complete");
  }
  if (status == OA_OK && message.event != OA_IPC_SCHEMA) {
    status = oa_error_set(error, OA_ERR_MALFORMED,
                          "the first message is not a schema");
  }
  if (status != OA_OK) {
    oa_error_prefix(error, "not an Arrow IPC stream");
    return status;
  }
  if (oa_buf_put(&reader->schema, reader->message.data, message.len) != OA_OK) {
    return oa_error_set(error, OA_ERR_NOMEM, "no memory for the schema");
  }
  OA_TRY(oa_reader_rewind(reader, error));
  reader->signal = find_signal(oa_ipc_reader_schema(reader->ipc));
  return OA_OK;
}

oa_status oa_reader_open(oa_reader **out, const char *path, oa_error *error) {
  oa_error problem = {0};
  oa_reader *reader = oa_calloc(1, sizeof *reader);
  if (reader == NULL) {
    return oa_error_set(error, OA_ERR_NOMEM, "no memory for a reader");
  }
  reader->fd = -1;
  reader->signal = OA_SIGNAL_COUNT;
  reader->path = oa_strdup(path);
  if (reader->path == NULL) {
    oa_reader_close(reader);
    return oa_error_set(error, OA_ERR_NOMEM, "no memory for a reader");
  }
  oa_status status = open_file(reader, &problem);
  if (status == OA_OK) {
    status = read_schema(reader, &problem);
  }
  if (status != OA_OK) {
    oa_reader_fail(reader, status, &problem, error);
    oa_reader_close(reader);
    return status;
  }
  *out = reader;
  return OA_OK;
}

void oa_reader_close(oa_reader *reader) {
  if (reader == NULL) {
    return;
  }
  if (reader->fd >= 0) {
    close(reader->fd);
  }
  oa_ipc_reader_free(reader->ipc);
  oa_buf_free(&reader->message);
  oa_buf_free(&reader->schema);
  oa_buf_free(&reader->line);
  oa_free(reader->bound);
  oa_free(reader->path);
  oa_free(reader);
}

const char *oa_reader_signal(const oa_reader *reader) {
  return reader->signal == OA_SIGNAL_COUNT
             ? ""
             : oa_signal_name((oa_signal)reader->signal);
}

size_t oa_reader_column_count(const oa_reader *reader) {
  return oa_ipc_reader_schema(reader->ipc)->field_count;
}

void oa_reader_get_column(const oa_reader *reader, size_t i,
                          oa_reader_column *out) {
  const oa_field *field = &oa_ipc_reader_schema(reader->ipc)->fields[i];
  out->name = field->name;
  out->nullable = field->nullable;
  oa_field_type_name(field, out->type, sizeof out->type);
}

oa_status oa_reader_next(oa_reader *reader, oa_error *error) {
  oa_error problem = {0};
  int64_t rows;
  const oa_status status =
      oa_reader_advance(reader, OA_STEP_READ, &rows, &problem);
  return status == OA_OK || status == OA_END
             ? status
             : oa_reader_fail(reader, status, &problem, error);
}

int oa_reader_ended(const oa_reader *reader) {
  return reader->ended;
}

int oa_reader_torn(const oa_reader *reader) {
  return reader->torn;
}

int64_t oa_reader_rows(const oa_reader *reader) {
  return reader->rows;
}

static oa_status bind(oa_reader *reader, oa_error *error) {
  if (reader->is_bound) {
    return OA_OK;
  }
  if (reader->columns == NULL) {
    return oa_error_set(error, OA_ERR_CONFIG, "the reader is at no batch");
  }
  if (reader->signal == OA_SIGNAL_COUNT) {
    return oa_error_set(error, OA_ERR_UNSUPPORTED,
                        "its schema does not say otlp.signal = traces, "
                        "metrics or logs; it was not written by otlp-arrow");
  }
  const oa_signal signal = (oa_signal)reader->signal;
  if (reader->bound == NULL) {
    reader->bound =
        oa_calloc(oa_otlp_schema(signal)->field_count, sizeof *reader->bound);
    if (reader->bound == NULL) {
      return oa_error_set(error, OA_ERR_NOMEM, "no memory for columns");
    }
  }
  OA_TRY(oa_otlp_bind(signal, oa_ipc_reader_schema(reader->ipc),
                      reader->columns, reader->bound, error));
  reader->is_bound = true;
  return OA_OK;
}

typedef struct relay {
  oa_reader_sink sink;
  void *context;
  oa_status status; /* what the sink said last */
} relay;

static oa_status pass_on(void *context, const uint8_t *message, size_t len) {
  relay *to = context;
  to->status = to->sink(to->context, message, len);
  return to->status;
}

oa_status oa_reader_requests(oa_reader *reader, oa_reader_sink sink,
                             void *context, oa_error *error) {
  relay to = {.sink = sink, .context = context, .status = OA_OK};
  oa_error problem = {0};

  oa_status status = bind(reader, &problem);
  if (status == OA_OK) {
    status = oa_otlp_encode((oa_signal)reader->signal, reader->bound,
                            reader->rows, pass_on, &to, &problem);
  }
  /* When the sink stops it is the caller who knows why. */
  return status == OA_OK || to.status != OA_OK
             ? status
             : oa_reader_fail(reader, status, &problem, error);
}

oa_status oa_reader_line(oa_reader *reader, int64_t row, const char **line,
                         oa_error *error) {
  oa_error problem = {0};
  oa_status status = bind(reader, &problem);
  if (status != OA_OK) {
    return oa_reader_fail(reader, status, &problem, error);
  }
  if (row < 0 || row >= reader->rows) {
    return oa_error_set(error, OA_ERR_CONFIG, "the batch has no row %lld",
                        (long long)row);
  }
  reader->line.len = 0;
  status = oa_otlp_text_line(&reader->line, (oa_signal)reader->signal,
                             reader->bound, row);
  if (status == OA_OK) {
    status = oa_buf_put_byte(&reader->line, '\0');
  }
  if (status != OA_OK) {
    oa_error_set(&problem, status, "row %lld cannot be shown: %s",
                 (long long)row, oa_status_text(status));
    return oa_reader_fail(reader, status, &problem, error);
  }
  *line = (const char *)reader->line.data;
  return OA_OK;
}
