/* SPDX-License-Identifier: Apache-2.0 */
#include "store/load.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FIRST_READ = 4096 };

/* Makes sure that the first WANT bytes from AT on are in BUF.  They are, as far
 * as the file has them. */
static oa_status load(int fd, uint64_t at, oa_buf *buf, size_t want,
                      oa_error *error) {
  struct stat info;
  if (fstat(fd, &info) != 0) {
    return oa_error_set(error, OA_ERR_IO, "%s", strerror(errno));
  }
  const uint64_t size = info.st_size < 0 ? 0 : (uint64_t)info.st_size;
  const uint64_t left = size > at ? size - at : 0;
  if (want > left) {
    want = (size_t)left;
  }
  if (want > buf->len && oa_buf_reserve(buf, want - buf->len) != OA_OK) {
    return oa_error_set(error, OA_ERR_NOMEM, "no memory for a message");
  }
  while (buf->len < want) {
    const ssize_t n = pread(fd, buf->data + buf->len, want - buf->len,
                            (off_t)(at + buf->len));
    if (n < 0 && errno == EINTR) {
      continue;
    }
    if (n < 0) {
      return oa_error_set(error, OA_ERR_IO, "%s", strerror(errno));
    }
    if (n == 0) {
      break; /* cut while we read */
    }
    buf->len += (size_t)n;
  }
  return OA_OK;
}

oa_status oa_load_message(int fd, uint64_t at, oa_buf *buf, oa_loaded *out,
                          oa_error *error) {
  size_t want = FIRST_READ;
  oa_error problem = {0};

  buf->len = 0;
  for (;;) {
    size_t used = 0;
    OA_TRY(load(fd, at, buf, want, error));
    const oa_status status = oa_ipc_skip(buf->data, buf->len, &used,
                                         &out->event, &out->rows, &problem);
    if (status == OA_OK || status == OA_END) {
      out->len = used;
      return status;
    }
    if (status != OA_ERR_TRUNCATED) {
      return oa_error_set(error, status, "%s", problem.text);
    }
    if (buf->len < want || used <= buf->len) {
      return status;
    }
    want = used;
  }
}
