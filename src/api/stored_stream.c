/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "api/refuse.h"
#include "api/stored.h"
#include "api/stored_source.h"
#include "arrow/c_data.h"
#include "base/mem.h"
#include "otlp_arrow_stored.h"

/* A file to be read. */
typedef struct file {
  char *path;
  char *name; /* within PATH */
  bool ours;  /* its name is one of the service, and says SEQ */
  uint64_t seq;
} file;

typedef struct stream {
  oa_signal signal;
  oa_time_range range;
  bool single; /* a file was asked for, not a directory */
  file *files; /* in the order in which they were written */
  size_t count;
  size_t next;
  oa_stored_source *source; /* the file that is being read, or NULL */
  bool failed;              /* the last call did; ERROR says how */
  oa_error error;
} stream;

/* --- the files --- */

/* Puts a directory's end between path and name, or takes it away again. */
static void cut(file *f, char with) {
  if (f->name > f->path) {
    f->name[-1] = with;
  }
}

static const char *directory_of(const file *f) {
  return f->name > f->path ? f->path : "";
}

/* While paths are cut.  The counter in a name rises also when the clock is set
 * back. */
static int compare_files(const void *a, const void *b) {
  const file *first = a;
  const file *second = b;
  const int order =
      oa_file_name_compare(directory_of(first), directory_of(second));
  if (order != 0) {
    return order;
  }
  if (first->ours != second->ours) {
    return first->ours ? -1 : 1;
  }
  if (first->ours && first->seq != second->seq) {
    return first->seq < second->seq ? -1 : 1;
  }
  return oa_file_name_compare(first->name, second->name);
}

static bool wants(const stream *s, const oa_stored *item) {
  return s->single || item->kind == OA_STORED_LIKE ||
         (item->kind == OA_STORED_DATA && item->signal == s->signal);
}

/* Takes the paths that are wanted out of LIST. */
static oa_status take_files(stream *s, oa_stored_list *list) {
  s->files = oa_calloc(list->count + 1, sizeof *s->files);
  if (s->files == NULL) {
    return OA_ERR_NOMEM;
  }
  for (size_t i = 0; i < list->count; i++) {
    oa_stored *item = &list->items[i];
    if (wants(s, item)) {
      s->files[s->count++] =
          (file){.path = item->path,
                 .name = item->path + (item->name - item->path),
                 .ours = item->kind == OA_STORED_DATA,
                 .seq = item->seq};
      item->path = NULL;
    }
  }
  return OA_OK;
}

static oa_status find_files(stream *s, const char *path, oa_error *error) {
  oa_stored_list list;
  OA_TRY(oa_stored_list_read(&list, path, error));
  s->single = list.count == 1 && strcmp(list.items[0].path, path) == 0;
  const oa_status status = take_files(s, &list);
  oa_stored_list_free(&list);
  if (status != OA_OK) {
    return oa_error_set(error, status, "%s: no memory for the list of files",
                        path);
  }
  for (size_t i = 0; i < s->count; i++) {
    cut(&s->files[i], '\0');
  }
  if (s->count > 1) {
    qsort(s->files, s->count, sizeof *s->files, compare_files);
  }
  for (size_t i = 0; i < s->count; i++) {
    cut(&s->files[i], '/');
  }
  return OA_OK;
}

/* Whether a file that READER has opened has rows of the signal.  Files of
 * others may lie beside ours; the one that was asked for must fit. */
static oa_status check_signal(const stream *s, const oa_reader *reader,
                              bool *fits, oa_error *error) {
  *fits = reader->signal == (int)s->signal ||
          (s->single && reader->signal == OA_SIGNAL_COUNT);
  if (*fits || !s->single) {
    return OA_OK;
  }
  return oa_error_set(error, OA_ERR_UNSUPPORTED, "%s: it holds %s, not %s",
                      reader->path, oa_signal_name((oa_signal)reader->signal),
                      oa_signal_name(s->signal));
}

/* Opens F.  Without a source and with OA_OK it is to be passed over. */
static oa_status open_file(stream *s, const file *f, oa_error *error) {
  oa_reader *reader = NULL;
  bool fits = false;
  oa_status status = oa_reader_open(&reader, f->path, error);
  if (status == OA_ERR_NOT_FOUND || status == OA_ERR_TRUNCATED) {
    return OA_OK; /* retention was here, or its schema is being written */
  }
  if (!s->single && !f->ours &&
      (status == OA_ERR_MALFORMED || status == OA_ERR_UNSUPPORTED)) {
    return OA_OK; /* Arrow of another kind */
  }
  OA_TRY(status);
  status = check_signal(s, reader, &fits, error);
  if (!fits) {
    oa_reader_close(reader);
    return status;
  }
  return oa_stored_source_new(&s->source, reader, s->signal, &s->range, error);
}

/* Opens the next file that has rows of the signal.  OA_END: no more.  After
 * another failure the file at `next` is the one that it came from. */
static oa_status open_next(stream *s, oa_error *error) {
  while (s->source == NULL) {
    if (s->next == s->count) {
      return OA_END;
    }
    OA_TRY(open_file(s, &s->files[s->next], error));
    s->next++;
  }
  return OA_OK;
}

/* --- the stream's functions --- */

static int error_number(oa_status status) {
  switch (status) {
    case OA_ERR_NOMEM:
      return ENOMEM;
    case OA_ERR_IO:
    case OA_ERR_NOT_FOUND:
      return EIO;
    default:
      return EINVAL;
  }
}

static int finish(stream *s, oa_status status) {
  s->failed = status != OA_OK;
  return status == OA_OK ? 0 : error_number(status);
}

/* What is wrong with a file stays so: a caller who asks again gets the next
 * one.  Memory and disks may come back. */
static bool is_lasting(oa_status status) {
  return status != OA_ERR_NOMEM && status != OA_ERR_IO;
}

static void end_file(stream *s) {
  oa_stored_source_free(s->source);
  s->source = NULL;
}

static oa_status next(stream *s, struct ArrowArray *out) {
  for (;;) {
    oa_status status = open_next(s, &s->error);
    if (status != OA_OK) {
      s->next += status != OA_END && is_lasting(status) ? 1 : 0;
      return status;
    }
    status = oa_stored_source_next(s->source, out, &s->error);
    if (status != OA_OK && is_lasting(status)) {
      end_file(s);
    }
    if (status != OA_END) {
      return status;
    }
  }
}

static int get_next(struct ArrowArrayStream *self, struct ArrowArray *out) {
  stream *s = self->private_data;
  struct ArrowArray array = {0}; /* released: the end */
  const oa_status status = next(s, &array);
  if (status != OA_OK && status != OA_END) {
    return finish(s, status);
  }
  *out = array;
  return finish(s, OA_OK);
}

static int get_schema(struct ArrowArrayStream *self, struct ArrowSchema *out) {
  stream *s = self->private_data;
  const oa_status status = oa_c_schema_export(out, oa_otlp_schema(s->signal));
  if (status != OA_OK) {
    (void)oa_error_set(&s->error, status, "no memory for a schema");
  }
  return finish(s, status);
}

static const char *get_last_error(struct ArrowArrayStream *self) {
  const stream *s = self->private_data;
  return s->failed ? s->error.text : NULL;
}

static void free_stream(stream *s) {
  oa_stored_source_free(s->source);
  for (size_t i = 0; i < s->count; i++) {
    oa_free(s->files[i].path);
  }
  oa_free(s->files);
  oa_free(s);
}

static void release(struct ArrowArrayStream *self) {
  free_stream(self->private_data);
  self->private_data = NULL;
  self->release = NULL;
}

/* --- open --- */

static oa_status check(const struct ArrowArrayStream *out, const char *path,
                       oa_signal signal, const oa_stored_options *options,
                       oa_error *error) {
  if (out == NULL || path == NULL) {
    return oa_refuse_null(error);
  }
  if ((unsigned)signal >= OA_SIGNAL_COUNT) {
    return oa_error_set(error, OA_ERR_CONFIG, "no such signal");
  }
  if (options != NULL && options->size < sizeof *options) {
    return oa_error_set(error, OA_ERR_CONFIG,
                        "options.size is not sizeof(oa_stored_options)");
  }
  return OA_OK;
}

/* Lists the files and opens the first one, so that a caller hears at once what
 * the whole directory suffers from. */
static oa_status begin(stream *s, const char *path, oa_error *error) {
  OA_TRY(find_files(s, path, error));
  const oa_status status = open_next(s, &s->error);
  if (status == OA_OK || status == OA_END) {
    return OA_OK;
  }
  /* Damage to one file of many is for those who read it. */
  return s->single || status == OA_ERR_UNSUPPORTED || status == OA_ERR_NOMEM
             ? oa_error_set(error, status, "%s", s->error.text)
             : OA_OK;
}

static oa_time_range range_of(const oa_stored_options *options) {
  if (options == NULL || (options->from_ns == 0 && options->to_ns == 0)) {
    return (oa_time_range){.timed = false};
  }
  /* Also the last nanosecond there is may be asked for: 0 - 1. */
  return (oa_time_range){
      .timed = true, .from = options->from_ns, .last = options->to_ns - 1};
}

oa_status oa_stored_open(struct ArrowArrayStream *out, const char *path,
                         oa_signal signal, const oa_stored_options *options,
                         oa_error *error) {
  OA_TRY(check(out, path, signal, options, error));
  stream *s = oa_calloc(1, sizeof *s);
  if (s == NULL) {
    return oa_error_set(error, OA_ERR_NOMEM, "no memory for a stream");
  }
  s->signal = signal;
  s->range = range_of(options);
  const oa_status status = begin(s, path, error);
  if (status != OA_OK) {
    free_stream(s);
    return status;
  }
  *out = (struct ArrowArrayStream){.get_schema = get_schema,
                                   .get_next = get_next,
                                   .get_last_error = get_last_error,
                                   .release = release,
                                   .private_data = s};
  return OA_OK;
}
