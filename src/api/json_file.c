/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/mem.h"
#include "otlp/json.h"
#include "otlp_arrow_reader.h"

enum {
  READ_SIZE = 1 << 18,
  /* The text of one request.  Far more than a receiver takes; a file that is
   * no JSON must not be read into memory as a whole. */
  MAX_TEXT = 1 << 29,
};

struct oa_json_file {
  int fd;
  char *path;
  oa_buf text;   /* what was read and is not done with */
  size_t at;     /* in TEXT, behind the current request */
  bool ended;    /* TEXT goes up to the end of the file */
  bool torn;     /* which is inside a request */
  uint64_t line; /* of the byte at AT */
  uint64_t request_line;
  oa_signal signal; /* OA_SIGNAL_COUNT before the first request */
  oa_buf request;   /* as protobuf */
  oa_buf json;      /* as we write it */
};

/* How far the end of a request has been looked for. */
typedef struct search {
  size_t at;
  unsigned depth; /* objects and arrays around AT */
  bool in_string;
  bool escape; /* AT is behind a backslash */
} search;

/* --- files --- */

static bool ends_with(const char *text, const char *end) {
  const size_t len = strlen(text);
  const size_t end_len = strlen(end);
  return len >= end_len && strcasecmp(text + len - end_len, end) == 0;
}

int oa_json_file_is(const char *path) {
  struct stat info;
  char first = 0;

  if (stat(path, &info) != 0 || !S_ISREG(info.st_mode)) {
    return 0;
  }
  if (ends_with(path, ".json") || ends_with(path, ".jsonl") ||
      ends_with(path, ".ndjson")) {
    return 1;
  }
  const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) {
    return 0;
  }
  const bool brace = read(fd, &first, 1) == 1 && first == '{';
  close(fd);
  return brace;
}

static oa_status out_of_memory(oa_error *error) {
  return oa_error_set(error, OA_ERR_NOMEM, "no memory for a JSON file");
}

oa_status oa_json_file_open(oa_json_file **out, const char *path,
                            oa_error *error) {
  oa_json_file *file = oa_calloc(1, sizeof *file);
  if (file == NULL) {
    return out_of_memory(error);
  }
  file->fd = -1;
  file->line = 1;
  file->signal = OA_SIGNAL_COUNT;
  file->path = oa_strdup(path);
  if (file->path == NULL) {
    oa_json_file_close(file);
    return out_of_memory(error);
  }
  file->fd = open(path, O_RDONLY | O_CLOEXEC);
  if (file->fd < 0) {
    const int reason = errno;
    oa_json_file_close(file);
    return oa_error_set(error, reason == ENOENT ? OA_ERR_NOT_FOUND : OA_ERR_IO,
                        "%s: %s", path, strerror(reason));
  }
  *out = file;
  return OA_OK;
}

void oa_json_file_close(oa_json_file *file) {
  if (file == NULL) {
    return;
  }
  if (file->fd >= 0) {
    close(file->fd);
  }
  oa_buf_free(&file->text);
  oa_buf_free(&file->request);
  oa_buf_free(&file->json);
  oa_free(file->path);
  oa_free(file);
}

/* --- requests --- */

/* Reads on; what is done with goes first. */
static oa_status fill(oa_json_file *file, oa_error *error) {
  if (file->at > 0) {
    file->text.len -= file->at;
    memmove(file->text.data, file->text.data + file->at, file->text.len);
    file->at = 0;
  }
  if (file->text.len > MAX_TEXT) {
    return oa_error_set(
        error, OA_ERR_LIMIT, "%s:%llu: a request of more than %d MiB of text",
        file->path, (unsigned long long)file->line, MAX_TEXT >> 20);
  }
  if (oa_buf_reserve(&file->text, READ_SIZE) != OA_OK) {
    return out_of_memory(error);
  }
  ssize_t n;
  do {
    n = read(file->fd, file->text.data + file->text.len, READ_SIZE);
  } while (n < 0 && errno == EINTR);
  if (n < 0) {
    return oa_error_set(error, OA_ERR_IO, "%s: %s", file->path,
                        strerror(errno));
  }
  file->ended = n == 0;
  file->text.len += (size_t)n;
  return OA_OK;
}

/* Goes over white space to where the next request begins. */
static oa_status find_begin(oa_json_file *file, oa_error *error) {
  for (;;) {
    for (; file->at < file->text.len; file->at++) {
      const uint8_t byte = file->text.data[file->at];
      if (byte == '\n') {
        file->line++;
      } else if (byte != ' ' && byte != '\t' && byte != '\r') {
        return OA_OK;
      }
    }
    if (file->ended) {
      return OA_END;
    }
    OA_TRY(fill(file, error));
  }
}

/* Goes on to the end of the object; true when it is reached.  Only brackets
 * and strings are looked at.  What does not begin with a bracket ends with its
 * line. */
static bool find_end(const oa_json_file *file, search *s) {
  const uint8_t *text = file->text.data + file->at;
  const size_t len = file->text.len - file->at;

  while (s->at < len) {
    const uint8_t byte = text[s->at++];
    if (s->in_string) {
      s->in_string = byte != '"' || s->escape;
      s->escape = byte == '\\' && !s->escape;
    } else if (byte == '"') {
      s->in_string = true;
    } else if (byte == '{' || byte == '[') {
      s->depth++;
    } else if ((byte == '}' || byte == ']') && s->depth > 0) {
      s->depth--;
    }
    if (s->depth == 0 && (byte == '\n' || byte == '}' || byte == ']')) {
      return true;
    }
  }
  return false;
}

/* The next request as text, LEN bytes at AT.  All that is left of the file
 * when it ends inside the request. */
static oa_status find_request(oa_json_file *file, size_t *len, bool *whole,
                              oa_error *error) {
  search s = {0};

  OA_TRY(find_begin(file, error));
  while (!(*whole = find_end(file, &s)) && !file->ended) {
    OA_TRY(fill(file, error));
  }
  *len = s.at;
  return OA_OK;
}

static uint64_t count_lines(const uint8_t *text, size_t len) {
  uint64_t lines = 0;
  const uint8_t *const end = text + len;
  while (text != end && (text = memchr(text, '\n', (size_t)(end - text)))) {
    lines++;
    text++;
  }
  return lines;
}

/* Transcodes the request of LEN bytes at AT.  OA_END: it holds nothing. */
static oa_status read_request(oa_json_file *file, size_t len, oa_error *error) {
  const uint8_t *text = file->text.data + file->at;
  oa_signal signal;

  file->request.len = 0;
  OA_TRY(oa_otlp_json_signal(file->line, text, len, &signal, error));
  OA_TRY(oa_otlp_json_read_line(signal, file->line, text, len, &file->request,
                                error));
  file->signal = signal;
  file->request_line = file->line;
  return OA_OK;
}

oa_status oa_json_file_next(oa_json_file *file, oa_error *error) {
  oa_status status;

  file->signal = OA_SIGNAL_COUNT;
  do {
    size_t len = 0;
    bool whole = false;
    OA_TRY(find_request(file, &len, &whole, error));
    oa_error problem = {0};
    status = read_request(file, len, &problem);
    if (status == OA_ERR_TRUNCATED && !whole) {
      file->torn = true;
      return OA_END;
    }
    if (status != OA_OK && status != OA_END) {
      return oa_error_set(error, status, "%s:%llu: %s", file->path,
                          (unsigned long long)file->line, problem.text);
    }
    file->line += count_lines(file->text.data + file->at, len);
    file->at += len;
  } while (status == OA_END);
  return OA_OK;
}

int oa_json_file_torn(const oa_json_file *file) {
  return file->torn;
}

uint64_t oa_json_file_line(const oa_json_file *file) {
  return file->request_line;
}

const char *oa_json_file_signal(const oa_json_file *file) {
  return file->signal == OA_SIGNAL_COUNT ? "" : oa_signal_name(file->signal);
}

const void *oa_json_file_request(const oa_json_file *file, size_t *len) {
  *len = file->request.len;
  return file->request.data;
}

oa_status oa_json_file_text(oa_json_file *file, const char **text, size_t *len,
                            oa_error *error) {
  if (file->signal == OA_SIGNAL_COUNT) {
    return oa_error_set(error, OA_ERR_CONFIG, "the file is at no request");
  }
  file->json.len = 0;
  OA_TRY(oa_otlp_json_write(file->signal, file->request.data, file->request.len,
                            &file->json, error));
  *text = (const char *)file->json.data;
  *len = file->json.len;
  return OA_OK;
}
