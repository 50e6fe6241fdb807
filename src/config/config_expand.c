/* SPDX-License-Identifier: Apache-2.0 */
#include "config/config_expand.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config/config_value.h"

/* Room for a certificate chain; no single value is longer. */
enum { MAX_VALUE = 64 * 1024, MAX_REFERENCE = 4096, CHUNK = 4096 };

static oa_status refuse_file(const char *path, int number, oa_error *error) {
  char shown[OA_SHOWN_PATH_SIZE];
  char why[80];
  oa_config_show_path(path, shown);
  if (strerror_r(number, why, sizeof why) != 0) {
    why[0] = '\0';
  }
  return oa_error_set(error, number == ENOENT ? OA_ERR_NOT_FOUND : OA_ERR_IO,
                      "%s: cannot be read: %s", shown, why);
}

static oa_status read_all(int fd, const char *path, size_t max, oa_buf *out,
                          oa_error *error) {
  const size_t start = out->len;
  for (;;) {
    oa_status status = oa_buf_reserve(out, CHUNK);
    if (status != OA_OK) {
      return oa_error_set(error, status, "%s", oa_status_text(status));
    }
    const ssize_t n = read(fd, out->data + out->len, CHUNK);
    if (n < 0 && errno == EINTR) {
      continue;
    }
    if (n < 0) {
      return refuse_file(path, errno, error);
    }
    if (n == 0) {
      return OA_OK;
    }
    out->len += (size_t)n;
    if (out->len - start > max) {
      char shown[OA_SHOWN_PATH_SIZE];
      oa_config_show_path(path, shown);
      return oa_error_set(error, OA_ERR_LIMIT,
                          "%s: is larger than %zu bytes, which is too much",
                          shown, max);
    }
  }
}

oa_status oa_config_slurp(const char *path, size_t max, oa_buf *out,
                          oa_error *error) {
  const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
  if (fd < 0) {
    return refuse_file(path, errno, error);
  }
  oa_status status = read_all(fd, path, max, out, error);
  close(fd);
  return status;
}

/* Secrets are mounted as files that end with a line feed, which is not
 * theirs. */
static oa_status put_file(const char *path, oa_buf *out, oa_error *error) {
  const size_t start = out->len;
  oa_status status = oa_config_slurp(path, MAX_VALUE, out, error);
  if (status == OA_ERR_NOMEM) {
    return status;
  }
  if (status != OA_OK) {
    if (error != NULL) {
      error->code = OA_ERR_CONFIG; /* whatever ails the file */
    }
    return OA_ERR_CONFIG;
  }
  if (out->len > start && out->data[out->len - 1] == '\n') {
    out->len--;
  }
  if (out->len > start && out->data[out->len - 1] == '\r') {
    out->len--;
  }
  return OA_OK;
}

static oa_status put_variable(const char *name, oa_buf *out, oa_error *error) {
  const char *value = getenv(name);
  if (value == NULL) {
    char shown[OA_SHOWN_SIZE];
    oa_config_show(name, strlen(name), shown);
    return oa_error_set(error, OA_ERR_CONFIG,
                        "${env:%s}: no such environment variable", shown);
  }
  return oa_buf_put(out, value, strlen(value));
}

/* TEXT begins with "${"; *USED is the length of the whole reference. */
static oa_status put_reference(const char *text, size_t len, oa_buf *out,
                               size_t *used, oa_error *error) {
  char inner[MAX_REFERENCE];
  char shown[OA_SHOWN_SIZE];
  const char *end = memchr(text, '}', len);
  const size_t size = end == NULL ? 0 : (size_t)(end - text) - 2;

  if (end != NULL && size < sizeof inner) {
    memcpy(inner, text + 2, size);
    inner[size] = '\0';
    *used = size + 3;
    if (strncmp(inner, "env:", 4) == 0 && inner[4] != '\0') {
      return put_variable(inner + 4, out, error);
    }
    if (strncmp(inner, "file:", 5) == 0 && inner[5] != '\0') {
      return put_file(inner + 5, out, error);
    }
  }
  oa_config_show(text, end == NULL ? len : size + 3, shown);
  return oa_error_set(error, OA_ERR_CONFIG,
                      "%s: write ${env:NAME} or ${file:PATH}, and $${ for ${ "
                      "itself",
                      shown);
}

oa_status oa_config_expand(const char *text, size_t len, oa_buf *out,
                           oa_error *error) {
  const size_t start = out->len;
  oa_status status = OA_OK;
  size_t at = 0;

  while (at < len && status == OA_OK) {
    const char *here = text + at;
    const size_t left = len - at;
    size_t used = 1;
    if (left >= 3 && memcmp(here, "$${", 3) == 0) {
      status = oa_buf_put(out, "${", 2);
      used = 3;
    } else if (left >= 2 && memcmp(here, "${", 2) == 0) {
      status = put_reference(here, left, out, &used, error);
    } else {
      status = oa_buf_put_byte(out, (uint8_t)*here);
    }
    at += used;
    if (status == OA_OK && out->len - start > MAX_VALUE) {
      return oa_error_set(error, OA_ERR_CONFIG,
                          "the value is longer than 65536 bytes");
    }
  }
  if (status == OA_OK && out->len > start &&
      memchr(out->data + start, 0, out->len - start) != NULL) {
    return oa_error_set(error, OA_ERR_CONFIG, "the value holds a zero byte");
  }
  if (status == OA_OK) {
    status = oa_buf_put_byte(out, 0);
  }
  if (status == OA_ERR_NOMEM) {
    oa_error_set(error, status, "%s", oa_status_text(status));
  }
  return status;
}
