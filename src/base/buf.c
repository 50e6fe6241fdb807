/* SPDX-License-Identifier: Apache-2.0 */
#include "base/buf.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/mem.h"

enum { SMALLEST = 64 };

oa_status oa_buf_grow(oa_buf *buf, size_t extra) {
  if (extra > SIZE_MAX / 2 - buf->len) {
    return OA_ERR_NOMEM;
  }
  const size_t need = buf->len + extra;
  size_t cap = buf->cap < SMALLEST ? SMALLEST : buf->cap + buf->cap / 2;
  if (cap < need) {
    cap = need;
  }
  if (!oa_purse_take(buf->purse, cap - buf->cap)) {
    cap = need; /* then without room for more */
    if (!oa_purse_take(buf->purse, cap - buf->cap)) {
      return OA_ERR_NOMEM;
    }
  }
  uint8_t *data = oa_realloc(buf->data, cap);
  if (data == NULL) {
    oa_purse_give(buf->purse, cap - buf->cap);
    return OA_ERR_NOMEM;
  }
  buf->data = data;
  buf->cap = cap;
  return OA_OK;
}

oa_status oa_buf_put_zeros(oa_buf *buf, size_t len) {
  OA_TRY(oa_buf_reserve(buf, len));
  if (len > 0) {
    memset(buf->data + buf->len, 0, len);
    buf->len += len;
  }
  return OA_OK;
}

oa_status oa_buf_printf(oa_buf *buf, const char *format, ...) {
  va_list args;
  va_start(args, format);
  int need = vsnprintf(NULL, 0, format, args);
  va_end(args);
  if (need < 0) {
    return OA_ERR_MALFORMED;
  }
  /* One byte more for the terminator that vsnprintf insists on. */
  OA_TRY(oa_buf_reserve(buf, (size_t)need + 1));
  va_start(args, format);
  vsnprintf((char *)buf->data + buf->len, (size_t)need + 1, format, args);
  va_end(args);
  buf->len += (size_t)need;
  return OA_OK;
}

void oa_buf_free(oa_buf *buf) {
  oa_free(buf->data);
  oa_purse_give(buf->purse, buf->cap);
  *buf = (oa_buf){.purse = buf->purse};
}
