/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "api/mock_impl.h"
#include "arrow/c_data_lend.h"
#include "arrow/ipc_write.h"
#include "base/mem.h"
#include "otlp/json.h"
#include "otlp/otlp.h"

/* --- one batch after the other --- */

typedef struct walk {
  oa_shelf_slice slice;
  size_t next;
  oa_ipc_reader *reader; /* NULL before the first batch */
  oa_buf message;        /* what the reader's batch lies in */
} walk;

static void end_walk(walk *w) {
  oa_ipc_reader_free(w->reader);
  oa_buf_free(&w->message);
  oa_shelf_slice_free(&w->slice);
}

/* Has READER know the columns of SIGNAL. */
static oa_status teach(oa_ipc_reader *reader, oa_signal signal,
                       oa_error *error) {
  oa_ipc_writer *writer;
  oa_ipc_pieces pieces;
  oa_ipc_event event;
  size_t used;
  oa_buf bytes = {0};
  OA_TRY(oa_ipc_writer_new(&writer, oa_otlp_schema(signal), OA_CODING_NONE, 0));
  oa_status status = oa_ipc_write_schema(writer, &pieces);
  for (size_t i = 0; status == OA_OK && i < pieces.count; i++) {
    status = oa_buf_put(&bytes, pieces.iov[i].iov_base, pieces.iov[i].iov_len);
  }
  if (status == OA_OK) {
    status = oa_ipc_read(reader, bytes.data, bytes.len, &used, &event, error);
  }
  oa_buf_free(&bytes);
  oa_ipc_writer_free(writer);
  return status;
}

static oa_status prepare(walk *w, oa_error *error) {
  oa_ipc_reader *reader;
  if (w->reader != NULL) {
    return OA_OK;
  }
  OA_TRY(oa_ipc_reader_new(&reader, &oa_ipc_limits_default));
  const oa_status status = teach(reader, w->slice.signal, error);
  if (status != OA_OK) {
    oa_ipc_reader_free(reader);
    return status;
  }
  w->reader = reader;
  return OA_OK;
}

/* Reads the batch at NEXT, and stays there.  OA_END; OA_ERR_NOMEM. */
static oa_status load(walk *w, const oa_array **columns, int64_t *rows,
                      oa_error *error) {
  oa_ipc_event event = OA_IPC_DICTIONARY;
  size_t len;
  size_t used;
  if (w->next == w->slice.count) {
    return OA_END;
  }
  OA_TRY(prepare(w, error));
  const uint8_t *bytes = oa_shelf_batch_bytes(w->slice.batches[w->next], &len);
  w->message.len = 0;
  OA_TRY(oa_buf_put(&w->message, bytes, len));
  for (size_t at = 0; event != OA_IPC_BATCH; at += used) {
    OA_TRY(oa_ipc_read(w->reader, w->message.data + at, len - at, &used, &event,
                       error));
  }
  *columns = oa_ipc_reader_columns(w->reader, rows);
  return OA_OK;
}

/* --- as a stream of arrays --- */

typedef struct stream {
  walk walk;
  oa_c_lender *lender; /* NULL before the first batch */
  bool failed;
  oa_error error;
} stream;

static int finish(stream *s, oa_status status) {
  s->failed = status != OA_OK;
  if (!s->failed) {
    return 0;
  }
  if (s->error.text[0] == '\0') {
    (void)oa_error_set(&s->error, status, "%s", oa_status_text(status));
  }
  return status == OA_ERR_NOMEM ? ENOMEM : EINVAL;
}

static oa_status next(stream *s, struct ArrowArray *out) {
  oa_c_rows rows = {.schema = oa_otlp_schema(s->walk.slice.signal)};
  OA_TRY(load(&s->walk, &rows.columns, &rows.count, &s->error));
  if (s->lender == NULL) {
    OA_TRY(oa_c_lender_new(&s->lender, s->walk.reader));
  }
  OA_TRY(oa_c_lender_export(s->lender, out, &rows, &s->walk.message));
  s->walk.next++;
  return OA_OK;
}

static int get_next(struct ArrowArrayStream *self, struct ArrowArray *out) {
  stream *s = self->private_data;
  struct ArrowArray array = {0}; /* released: the end */
  s->error.text[0] = '\0';
  const oa_status status = next(s, &array);
  if (status != OA_OK && status != OA_END) {
    return finish(s, status);
  }
  *out = array;
  return finish(s, OA_OK);
}

static int get_schema(struct ArrowArrayStream *self, struct ArrowSchema *out) {
  stream *s = self->private_data;
  s->error.text[0] = '\0';
  return finish(s,
                oa_c_schema_export(out, oa_otlp_schema(s->walk.slice.signal)));
}

static const char *get_last_error(struct ArrowArrayStream *self) {
  const stream *s = self->private_data;
  return s->failed ? s->error.text : NULL;
}

static void release(struct ArrowArrayStream *self) {
  stream *s = self->private_data;
  oa_c_lender_free(s->lender); /* before the reader, which it knows */
  end_walk(&s->walk);
  oa_free(s);
  self->private_data = NULL;
  self->release = NULL;
}

oa_status oa_mock_stream(struct ArrowArrayStream *out, oa_shelf_slice *slice,
                         oa_error *error) {
  stream *s = oa_calloc(1, sizeof *s);
  if (s == NULL) {
    oa_shelf_slice_free(slice);
    return oa_error_set(error, OA_ERR_NOMEM, "no memory for a stream");
  }
  s->walk.slice = *slice;
  *out = (struct ArrowArrayStream){.get_schema = get_schema,
                                   .get_next = get_next,
                                   .get_last_error = get_last_error,
                                   .release = release,
                                   .private_data = s};
  return OA_OK;
}

/* --- as lines of OTLP/JSON --- */

typedef struct lines {
  oa_signal signal;
  oa_text_sink sink;
  void *context;
  oa_buf text;
  bool refused; /* by the sink, which says nothing */
} lines;

static oa_status put_line(void *context, const uint8_t *message, size_t len) {
  lines *to = context;
  to->text.len = 0;
  OA_TRY(oa_otlp_json_write(to->signal, message, len, &to->text, NULL));
  OA_TRY(oa_buf_put_byte(&to->text, '\n'));
  const oa_status status =
      to->sink(to->context, (const char *)to->text.data, to->text.len);
  to->refused = status != OA_OK;
  return status;
}

static oa_status put_lines(walk *w, lines *to, oa_error *error) {
  const oa_array *columns;
  int64_t rows;
  oa_status status;
  while ((status = load(w, &columns, &rows, error)) == OA_OK) {
    OA_TRY(oa_otlp_encode(to->signal, columns, rows, put_line, to, error));
    w->next++;
  }
  return status == OA_END ? OA_OK : status;
}

oa_status oa_mock_lines(oa_shelf_slice *slice, oa_text_sink sink, void *context,
                        oa_error *error) {
  walk w = {.slice = *slice};
  lines to = {.signal = slice->signal, .sink = sink, .context = context};
  oa_error found = {0};
  const oa_status status = put_lines(&w, &to, &found);
  oa_buf_free(&to.text);
  end_walk(&w);
  if (status == OA_OK) {
    return OA_OK;
  }
  return oa_error_set(error, status, "%s",
                      to.refused || found.text[0] == '\0'
                          ? oa_status_text(status)
                          : found.text);
}
