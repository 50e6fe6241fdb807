/* SPDX-License-Identifier: Apache-2.0 */
/* buf.h - a run of bytes that grows at its end.
 *
 * A zeroed oa_buf is an empty one.  The bytes move when the buffer grows, so
 * nobody keeps a pointer into it across a call that may grow it.  A buffer
 * with a purse counts its memory there, and does not grow when that refuses.
 */
#ifndef OA_BASE_BUF_H
#define OA_BASE_BUF_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/account.h"
#include "base/status.h"

typedef struct oa_buf {
  uint8_t *data;
  size_t len;
  size_t cap;
  oa_purse *purse; /* borrowed; NULL = its memory is not counted */
} oa_buf;

/* Makes room for EXTRA more bytes; the writes after it cannot fail.
 * OA_ERR_NOMEM, also when the purse refuses, leaves BUF as it was. */
oa_status oa_buf_grow(oa_buf *buf, size_t extra);

static inline oa_status oa_buf_reserve(oa_buf *buf, size_t extra) {
  return extra <= buf->cap - buf->len ? OA_OK : oa_buf_grow(buf, extra);
}

/* Appends a copy of LEN bytes of DATA. */
static inline oa_status oa_buf_put(oa_buf *buf, const void *data, size_t len) {
  OA_TRY(oa_buf_reserve(buf, len));
  if (len > 0) {
    memcpy(buf->data + buf->len, data, len);
    buf->len += len;
  }
  return OA_OK;
}

static inline oa_status oa_buf_put_byte(oa_buf *buf, uint8_t byte) {
  OA_TRY(oa_buf_reserve(buf, 1));
  buf->data[buf->len++] = byte;
  return OA_OK;
}

/* Appends LEN zero bytes. */
oa_status oa_buf_put_zeros(oa_buf *buf, size_t len);

/* Appends formatted text, without its terminator. */
oa_status oa_buf_printf(oa_buf *buf, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Gives the memory back and leaves an empty buffer with the same purse. */
void oa_buf_free(oa_buf *buf);

#endif
