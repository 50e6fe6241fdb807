/* SPDX-License-Identifier: Apache-2.0 */
#include "base/buf.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/mem.h"

enum { SMALLEST = 64 };

static oa_spares *spares_of(const oa_buf *buf) {
  return buf->purse == NULL ? NULL : buf->purse->spares;
}

static void release(const oa_buf *buf) {
  oa_spares *spares = spares_of(buf);
  if (spares != NULL && !oa_account_is_scarce(buf->purse->account)) {
    oa_purse_give(buf->purse, oa_spares_keep(spares, buf->data, buf->cap));
  } else {
    oa_free(buf->data);
    oa_purse_give(buf->purse, buf->cap);
  }
}

/* Moves BUF into a spare block of at least NEED bytes.  False: there is none.
 */
static bool move(oa_buf *buf, size_t need) {
  size_t cap = 0;
  oa_spares *spares = spares_of(buf);
  uint8_t *data = spares == NULL ? NULL : oa_spares_take(spares, need, &cap);
  if (data == NULL) {
    return false;
  }
  if (buf->len > 0) {
    memcpy(data, buf->data, buf->len);
  }
  release(buf);
  buf->data = data;
  buf->cap = cap;
  return true;
}

oa_status oa_buf_grow(oa_buf *buf, size_t extra) {
  if (extra > SIZE_MAX / 2 - buf->len) {
    return OA_ERR_NOMEM;
  }
  const size_t need = buf->len + extra;
  if (move(buf, need)) {
    return OA_OK;
  }
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
  release(buf);
  *buf = (oa_buf){.purse = buf->purse};
}
