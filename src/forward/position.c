/* SPDX-License-Identifier: Apache-2.0 */
#include "forward/position.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* A line a signal, and two more. */
enum { TEXT_SIZE = 512, DIGITS = 19 };

#define NEW_SUFFIX ".new"

/* --- text --- */

/* FNV-1a, 64 bits: against bits that turn, not against people. */
static uint64_t sum(const char *text, size_t len) {
  uint64_t hash = UINT64_C(0xcbf29ce484222325);
  for (size_t i = 0; i < len; i++) {
    hash = (hash ^ (uint8_t)text[i]) * UINT64_C(0x100000001b3);
  }
  return hash;
}

/* The lines are far shorter than their place, so nothing is ever cut. */
static size_t print(char out[TEXT_SIZE], const oa_position *position) {
  int len = snprintf(out, TEXT_SIZE, "otlp-arrow forwarded 1\n");
  for (int i = 0; i < OA_SIGNAL_COUNT; i++) {
    const oa_forward_point *at = &position->points[i];
    len += snprintf(out + len, TEXT_SIZE - (size_t)len,
                    "%s %" PRIu64 " %s %" PRId64 "\n",
                    oa_signal_name((oa_signal)i), at->seq, at->stamp, at->rows);
  }
  len += snprintf(out + len, TEXT_SIZE - (size_t)len, "sum %016" PRIx64 "\n",
                  sum(out, (size_t)len));
  return (size_t)len;
}

/* Moves *AT over WORD and the space behind it. */
static bool skip(const char **at, const char *word) {
  const size_t len = strlen(word);
  if (strncmp(*at, word, len) != 0 || (*at)[len] != ' ') {
    return false;
  }
  *at += len + 1;
  return true;
}

/* Takes the digits at *AT and END behind them. */
static bool number(const char **at, char end, uint64_t *out) {
  uint64_t value = 0;
  size_t count = 0;
  while ((*at)[count] >= '0' && (*at)[count] <= '9' && count < DIGITS) {
    value = value * 10 + (uint64_t)((*at)[count] - '0');
    count++;
  }
  if (count == 0 || (*at)[count] != end || value > INT64_MAX) {
    return false;
  }
  *at += count + 1;
  *out = value;
  return true;
}

static bool point(const char **at, oa_forward_point *out) {
  uint64_t rows;
  if (!number(at, ' ', &out->seq)) {
    return false;
  }
  for (size_t i = 0; i < OA_NAME_STAMP; i++, (*at)++) {
    if (**at != '_' && (**at < '0' || **at > '9')) {
      return false;
    }
    out->stamp[i] = **at;
  }
  out->stamp[OA_NAME_STAMP] = '\0';
  if (**at != ' ') {
    return false;
  }
  (*at)++;
  if (!number(at, '\n', &rows)) {
    return false;
  }
  out->rows = (int64_t)rows;
  return true;
}

/* What prints to the same bytes is what was printed. */
static bool parse(oa_position *out, const char *text, size_t len) {
  char again[TEXT_SIZE];
  const char *at = strchr(text, '\n');
  for (int i = 0; at != NULL && i < OA_SIGNAL_COUNT; i++) {
    at += i == 0;
    if (!skip(&at, oa_signal_name((oa_signal)i)) ||
        !point(&at, &out->points[i])) {
      return false;
    }
  }
  return at != NULL && print(again, out) == len &&
         memcmp(again, text, len) == 0;
}

/* --- files --- */

static oa_status path_of(char out[OA_PATH_SIZE], const char *root,
                         const char *name, oa_error *error) {
  return oa_path_join(out, root, name)
             ? OA_OK
             : oa_error_set(error, OA_ERR_CONFIG,
                            "the output path is too long");
}

static oa_status read_text(const char *path, char out[TEXT_SIZE], size_t *len,
                           oa_error *error) {
  const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
  if (fd < 0) {
    const int code = errno;
    oa_path_error(error, code, "cannot open", path);
    return code == ENOENT ? OA_ERR_NOT_FOUND : OA_ERR_IO;
  }
  ssize_t n;
  do {
    n = read(fd, out, TEXT_SIZE - 1);
  } while (n < 0 && errno == EINTR);
  const int code = errno;
  close(fd);
  if (n < 0) {
    return oa_path_error(error, code, "cannot read", path);
  }
  out[n] = '\0';
  *len = (size_t)n;
  return OA_OK;
}

oa_status oa_position_read(oa_position *out, const char *root,
                           oa_error *error) {
  char path[OA_PATH_SIZE];
  char text[TEXT_SIZE];
  oa_position found;
  size_t len = 0;
  OA_TRY(path_of(path, root, OA_POSITION_NAME, error));
  OA_TRY(read_text(path, text, &len, error));
  if (strlen(text) != len || !parse(&found, text, len)) {
    char shown[OA_PATH_SHOWN];
    oa_path_show(shown, path);
    return oa_error_set(error, OA_ERR_MALFORMED, "%s is damaged", shown);
  }
  *out = found;
  return OA_OK;
}

static oa_status write_text(const oa_disk *disk, const char *path,
                            const oa_position *position, oa_error *error) {
  char text[TEXT_SIZE];
  const struct iovec piece = {.iov_base = text,
                              .iov_len = print(text, position)};
  const int fd = oa_disk_open(
      disk, path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW);
  if (fd < 0) {
    return oa_path_error(error, errno, "cannot create", path);
  }
  oa_status status = OA_OK;
  errno = ENOSPC; /* of a write that takes a part only */
  if (disk->os->writev(fd, &piece, 1) != (ssize_t)piece.iov_len) {
    status = oa_path_error(error, errno, "cannot write", path);
  } else if (disk->os->fdatasync(fd) != 0) {
    /* Durable before it has the name: an empty one would have everything
     * offered again. */
    status = oa_path_error(error, errno, "cannot fdatasync", path);
  }
  close(fd);
  return status;
}

oa_status oa_position_write(const oa_disk *disk, const char *root,
                            const oa_position *position, oa_error *error) {
  char path[OA_PATH_SIZE];
  char aside[OA_PATH_SIZE];
  OA_TRY(path_of(path, root, OA_POSITION_NAME, error));
  OA_TRY(path_of(aside, root, OA_POSITION_NAME NEW_SUFFIX, error));
  OA_TRY(write_text(disk, aside, position, error));
  return disk->os->rename(aside, path) == 0
             ? OA_OK
             : oa_path_error(error, errno, "cannot rename to", path);
}
