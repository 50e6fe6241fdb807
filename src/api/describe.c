/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "api/reader_impl.h"
#include "codec/codec.h"

static const char *codec_name(int codec) {
  switch (codec) {
    case OA_CODING_LZ4:
      return "lz4";
    case OA_CODING_ZSTD:
      return "zstd";
    default:
      return "none";
  }
}

/* The column that holds the main time of the rows, or NULL. */
static const oa_array *find_time(const oa_reader *reader) {
  const char *name =
      reader->signal == OA_TRACES ? "start_time_unix_nano" : "time_unix_nano";
  const oa_schema *schema = oa_ipc_reader_schema(reader->ipc);

  for (size_t i = 0; i < schema->field_count; i++) {
    const oa_field *field = &schema->fields[i];
    if (strcmp(field->name, name) == 0 && field->type == OA_TYPE_TIMESTAMP &&
        !field->dictionary && field->unit == OA_UNIT_NANO) {
      return &reader->columns[i];
    }
  }
  return NULL;
}

static void widen_times(const oa_reader *reader, oa_reader_info *info) {
  const oa_array *times = find_time(reader);
  if (times == NULL || times->values == NULL) {
    return;
  }
  const uint64_t *values = times->values;
  for (int64_t i = 0; i < times->length; i++) {
    /* OTLP's times are unsigned, and 0 is none. */
    if (oa_array_is_null(times, i) || values[i] == 0) {
      continue;
    }
    if (info->first_time == 0 || values[i] < info->first_time) {
      info->first_time = values[i];
    }
    if (values[i] > info->last_time) {
      info->last_time = values[i];
    }
  }
}

static oa_status count_batches(oa_reader *reader, oa_reader_info *info,
                               oa_error *error) {
  oa_status status;
  int64_t rows = 0;

  while ((status = oa_reader_advance(reader, OA_STEP_READ, &rows, error)) ==
         OA_OK) {
    const char *name = codec_name(oa_ipc_reader_codec(reader->ipc));
    info->compression = info->batches == 0                     ? name
                        : strcmp(info->compression, name) == 0 ? name
                                                               : "mixed";
    info->batches++;
    info->rows += (uint64_t)rows;
    widen_times(reader, info);
  }
  return status;
}

static void judge(const oa_reader *reader, oa_status status,
                  const oa_error *error, oa_reader_info *info) {
  const unsigned long long rest =
      (unsigned long long)(info->size - info->whole);

  if (status != OA_END) {
    info->state = OA_READER_DAMAGED;
    snprintf(info->problem, sizeof info->problem, "at byte %llu: %.200s",
             (unsigned long long)info->whole, error->text);
  } else if (reader->ended && rest > 0) {
    info->state = OA_READER_DAMAGED;
    snprintf(info->problem, sizeof info->problem,
             "%llu bytes follow the end of the stream", rest);
  } else if (reader->torn) {
    info->state = OA_READER_TORN;
    snprintf(info->problem, sizeof info->problem,
             "%llu bytes of an unfinished message", rest);
  } else {
    info->state = reader->ended ? OA_READER_WHOLE : OA_READER_OPEN;
  }
}

oa_status oa_reader_describe(oa_reader *reader, oa_reader_info *info,
                             oa_error *error) {
  oa_reader_info found = {.signal = oa_reader_signal(reader),
                          .compression = "none"};
  oa_error problem = {0};
  struct stat file;

  oa_status status = oa_reader_rewind(reader, &problem);
  if (status == OA_OK) {
    status = count_batches(reader, &found, &problem);
  }
  if (status == OA_ERR_NOMEM || status == OA_ERR_IO) {
    return oa_reader_fail(reader, status, &problem, error);
  }
  if (fstat(reader->fd, &file) != 0) {
    return oa_reader_fail(reader, OA_ERR_IO, &problem, error);
  }
  found.whole = reader->offset;
  found.size = (uint64_t)file.st_size < found.whole ? found.whole
                                                    : (uint64_t)file.st_size;
  judge(reader, status, &problem, &found);
  status = oa_reader_rewind(reader, &problem);
  if (status != OA_OK) {
    return oa_reader_fail(reader, status, &problem, error);
  }
  *info = found;
  return OA_OK;
}

/* Skips batches until COUNT of them are behind the reader or none is left;
 * *ROWS grows by the rows of those skipped. */
static oa_status skip(oa_reader *reader, uint64_t count, uint64_t *skipped,
                      uint64_t *rows, oa_error *error) {
  oa_status status = OA_OK;
  int64_t n = 0;

  while (*skipped < count && (status = oa_reader_advance(reader, OA_STEP_SKIP,
                                                         &n, error)) == OA_OK) {
    *skipped += 1;
    *rows += (uint64_t)n;
  }
  return status == OA_END ? OA_OK : status;
}

oa_status oa_reader_seek_last(oa_reader *reader, uint64_t rows, uint64_t *found,
                              oa_error *error) {
  uint64_t batches = 0;
  uint64_t total = 0;
  uint64_t passed = 0;
  uint64_t skipped = 0;
  oa_error problem = {0};

  oa_status status = oa_reader_rewind(reader, &problem);
  if (status == OA_OK) {
    status = skip(reader, UINT64_MAX, &batches, &total, &problem);
  }
  if (status == OA_OK) {
    status = oa_reader_rewind(reader, &problem);
  }
  /* Go on while the batches behind this one suffice. */
  while (status == OA_OK && skipped < batches) {
    const uint64_t offset = reader->offset;
    const uint64_t before = passed;
    status = skip(reader, skipped + 1, &skipped, &passed, &problem);
    if (status == OA_OK && total - passed < rows) {
      /* One too far: the dictionaries read so far do no harm. */
      reader->offset = offset;
      passed = before;
      break;
    }
  }
  if (status != OA_OK) {
    return oa_reader_fail(reader, status, &problem, error);
  }
  *found = total - passed;
  return OA_OK;
}
