/* SPDX-License-Identifier: Apache-2.0 */
#include "api/stored_source.h"

#include "arrow/c_data_lend.h"
#include "base/mem.h"
#include "flight/stored.h"
#include "otlp/otlp.h"
#include "store/merge_rows.h"

/* A part of a batch holds the whole in memory.  When it is less than one in so
 * many rows it is copied. */
enum { SLICE_PART = 4 };

struct oa_stored_source {
  oa_reader *reader;
  oa_c_lender *lender;
  oa_signal signal;
  oa_time_range range;
  bool has_batch; /* BOUND has not gone out yet */
  int64_t rows;
  oa_array *bound; /* the columns of the signal */
  /* For the look at times alone. */
  bool has_times;
  oa_stored_times times;
  oa_inflater *inflater;
  oa_buf scratch;
};

/* --- make, free --- */

static oa_status open_source(oa_stored_source *s, oa_error *error) {
  const oa_schema *schema = oa_ipc_reader_schema(s->reader->ipc);
  const size_t count = oa_otlp_schema(s->signal)->field_count;
  OA_TRY(oa_otlp_bind_check(s->signal, schema, error));
  OA_TRY(oa_c_lender_new(&s->lender, s->reader->ipc));
  s->bound = oa_calloc(count, sizeof *s->bound);
  if (s->bound == NULL) {
    return OA_ERR_NOMEM;
  }
  if (!s->range.timed) {
    return OA_OK;
  }
  s->has_times = oa_stored_find_times(s->signal, schema, &s->times);
  return oa_inflater_new(&s->inflater);
}

oa_status oa_stored_source_new(oa_stored_source **out, oa_reader *reader,
                               oa_signal signal, const oa_time_range *range,
                               oa_error *error) {
  oa_error problem = {0};
  oa_stored_source *s = oa_calloc(1, sizeof *s);
  if (s == NULL) {
    oa_reader_fail(reader, OA_ERR_NOMEM, &problem, error);
    oa_reader_close(reader);
    return OA_ERR_NOMEM;
  }
  s->reader = reader;
  s->signal = signal;
  s->range = *range;
  const oa_status status = open_source(s, &problem);
  if (status != OA_OK) {
    oa_reader_fail(reader, status, &problem, error);
    oa_stored_source_free(s);
    return status;
  }
  *out = s;
  return OA_OK;
}

void oa_stored_source_free(oa_stored_source *s) {
  if (s == NULL) {
    return;
  }
  oa_c_lender_free(s->lender);
  oa_reader_close(s->reader);
  oa_inflater_free(s->inflater);
  oa_buf_free(&s->scratch);
  oa_free(s->bound);
  oa_free(s);
}

/* --- read --- */

/* Whether the batch that was read over may have a row in the range.  What
 * cannot be told is found out when the batch is read, damage as well. */
static oa_status may_match(oa_stored_source *s, const oa_stored_message *m,
                           bool *out) {
  const uint8_t *bytes = s->reader->message.data;
  oa_stored_slice slice;
  *out = true;
  if (!s->has_times || oa_stored_locate(bytes + m->meta_at, m->meta_len,
                                        &s->times, &slice, NULL) != OA_OK) {
    return OA_OK;
  }
  const oa_status status =
      oa_stored_overlaps(&slice, bytes + m->body_at + slice.at, s->inflater,
                         &s->scratch, s->range.from, s->range.last, out);
  if (status != OA_OK) {
    *out = true;
  }
  return status == OA_ERR_NOMEM ? status : OA_OK;
}

/* Reads the batch that was read over, when it may have wanted rows. */
static oa_status read_match(oa_stored_source *s, oa_error *error) {
  oa_reader *reader = s->reader;
  oa_stored_message message;
  oa_ipc_event event;
  size_t need;
  bool wanted = false;
  OA_TRY(oa_stored_look(reader->message.data, reader->message.len, &message,
                        &need, error));
  oa_status status = may_match(s, &message, &wanted);
  if (status == OA_OK && wanted) {
    status = oa_ipc_read(reader->ipc, reader->message.data, message.size, &need,
                         &event, error);
    s->has_batch = status == OA_OK;
  }
  if (status != OA_OK) {
    reader->offset -= message.size; /* so that it can be tried again */
  }
  return status;
}

/* Goes to the next batch that may have wanted rows. */
static oa_status load(oa_stored_source *s, oa_error *error) {
  const oa_reader_step step = s->range.timed ? OA_STEP_SKIP : OA_STEP_READ;
  while (!s->has_batch) {
    OA_TRY(oa_reader_advance(s->reader, step, &s->rows, error));
    s->has_batch = !s->range.timed;
    if (s->range.timed) {
      OA_TRY(read_match(s, error));
    }
  }
  return OA_OK;
}

/* What the schema that the stream has says, and a file need not keep. */
static oa_status check_nulls(const oa_field *fields, const oa_array *arrays,
                             size_t count, oa_error *error) {
  for (size_t i = 0; i < count; i++) {
    if (!fields[i].nullable && arrays[i].null_count != 0) {
      return oa_error_set(error, OA_ERR_MALFORMED,
                          "column %s has a null, which it cannot have",
                          fields[i].name);
    }
    OA_TRY(check_nulls(fields[i].children, arrays[i].children,
                       fields[i].child_count, error));
  }
  return OA_OK;
}

static oa_status bind(oa_stored_source *s, oa_error *error) {
  const oa_schema *want = oa_otlp_schema(s->signal);
  const oa_ipc_reader *ipc = s->reader->ipc;
  const oa_array *columns = oa_ipc_reader_columns(ipc, &s->rows);
  OA_TRY(oa_otlp_bind(s->signal, oa_ipc_reader_schema(ipc), columns, s->bound,
                      error));
  return check_nulls(want->fields, s->bound, want->field_count, error);
}

/* --- pick rows --- */

static size_t time_column(oa_signal signal) {
  switch (signal) {
    case OA_TRACES:
      return OA_SPAN_START_TIME;
    case OA_METRICS:
      return OA_POINT_TIME;
    default:
      return OA_LOG_COL_TIME;
  }
}

static bool wants(const oa_stored_source *s, int64_t row) {
  const oa_array *times = &s->bound[time_column(s->signal)];
  const uint64_t *values = times->values;
  if (!s->range.timed) {
    return true;
  }
  if (oa_array_is_null(times, row)) {
    return false;
  }
  const uint64_t time = values == NULL ? 0 : values[row];
  return time >= s->range.from && time <= s->range.last;
}

typedef struct run {
  int64_t from;
  int64_t end;
} run;

/* The next rows from AT on that are wanted and stand together; none at the
 * end. */
static run next_run(const oa_stored_source *s, int64_t at) {
  while (at < s->rows && !wants(s, at)) {
    at++;
  }
  run r = {at, at};
  while (r.end < s->rows && wants(s, r.end)) {
    r.end++;
  }
  return r;
}

/* --- copy rows --- */

static void free_gathered(void *context) {
  oa_merge_rows *gathered = context;
  oa_merge_rows_free(gathered);
  oa_free(gathered);
}

static oa_status gather_runs(const oa_stored_source *s, oa_merge_rows *to) {
  run r = next_run(s, 0);
  for (; r.from < s->rows; r = next_run(s, r.end)) {
    OA_TRY(oa_merge_rows_take_part(to, s->bound, s->rows, r.from, r.end));
  }
  return OA_OK;
}

static oa_status export_gathered(const oa_stored_source *s,
                                 oa_merge_rows *gathered,
                                 struct ArrowArray *out) {
  oa_c_rows rows = {.schema = oa_otlp_schema(s->signal)};
  OA_TRY(gather_runs(s, gathered));
  rows.columns = oa_merge_rows_finish(gathered, &rows.count);
  if (rows.columns == NULL) {
    return OA_ERR_NOMEM;
  }
  const oa_c_owner owner = {.release = free_gathered, .context = gathered};
  OA_TRY(oa_c_array_export(out, &rows, owner));
  oa_arena_free(&gathered->arena); /* it described what has been copied */
  return OA_OK;
}

static oa_status gather(const oa_stored_source *s, struct ArrowArray *out) {
  oa_merge_rows *gathered = oa_calloc(1, sizeof *gathered);
  if (gathered == NULL) {
    return OA_ERR_NOMEM;
  }
  oa_status status =
      oa_merge_rows_init(gathered, oa_otlp_schema(s->signal), s->rows);
  if (status == OA_OK) {
    status = export_gathered(s, gathered, out);
  }
  if (status != OA_OK) {
    free_gathered(gathered);
  }
  return status;
}

/* --- next --- */

/* OA_END: no row of the batch is wanted. */
static oa_status put_rows(oa_stored_source *s, struct ArrowArray *out) {
  const run first = next_run(s, 0);
  if (first.from >= s->rows) {
    return OA_END;
  }
  const int64_t count = first.end - first.from;
  const bool alone = next_run(s, first.end).from >= s->rows;
  if (!alone || count < s->rows / SLICE_PART) {
    return gather(s, out);
  }
  const oa_c_rows rows = {.schema = oa_otlp_schema(s->signal),
                          .columns = s->bound,
                          .from = first.from,
                          .count = count};
  return oa_c_lender_export(s->lender, out, &rows, &s->reader->message);
}

static oa_status next(oa_stored_source *s, struct ArrowArray *out,
                      oa_error *error) {
  for (;;) {
    OA_TRY(load(s, error));
    OA_TRY(bind(s, error));
    const oa_status status = put_rows(s, out);
    if (status == OA_OK || status == OA_END) {
      s->has_batch = false;
    }
    if (status != OA_END) {
      return status;
    }
  }
}

oa_status oa_stored_source_next(oa_stored_source *s, struct ArrowArray *out,
                                oa_error *error) {
  oa_error problem = {0};
  const oa_status status = next(s, out, &problem);
  return status == OA_OK || status == OA_END
             ? status
             : oa_reader_fail(s->reader, status, &problem, error);
}
