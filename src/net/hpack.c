/* SPDX-License-Identifier: Apache-2.0 */
#include "net/hpack.h"

#include <nghttp2/nghttp2.h>
#include <stdbool.h>

#include "base/mem.h"
#include "net/http2.h"

enum {
  /* HTTP/2 counts this many bytes for each field besides its text (RFC 9113,
   * section 6.5.2). */
  FIELD_OVERHEAD = 32,
};

struct oa_hpack {
  nghttp2_mem mem; /* the inflater keeps a pointer to it */
  nghttp2_hd_inflater *inflater;
};

oa_status oa_hpack_new(oa_hpack **out) {
  oa_hpack *hpack = oa_calloc(1, sizeof *hpack);
  if (hpack == NULL) {
    return OA_ERR_NOMEM;
  }
  hpack->mem = oa_http2_mem();
  if (nghttp2_hd_inflate_new2(&hpack->inflater, &hpack->mem) != 0) {
    oa_free(hpack);
    return OA_ERR_NOMEM;
  }
  *out = hpack;
  return OA_OK;
}

void oa_hpack_free(oa_hpack *hpack) {
  if (hpack != NULL) {
    nghttp2_hd_inflate_del(hpack->inflater);
    oa_free(hpack);
  }
}

oa_status oa_hpack_read(oa_hpack *hpack, const uint8_t *block, size_t len,
                        size_t most, oa_hpack_sink sink, void *context) {
  size_t sum = 0;
  for (;;) {
    nghttp2_nv field;
    int flags = 0;
    const ssize_t used =
        nghttp2_hd_inflate_hd2(hpack->inflater, &field, &flags, block, len, 1);
    if (used < 0) {
      return used == NGHTTP2_ERR_NOMEM ? OA_ERR_NOMEM : OA_ERR_MALFORMED;
    }
    block += used;
    len -= (size_t)used;
    if ((flags & NGHTTP2_HD_INFLATE_EMIT) != 0) {
      sum += field.namelen + field.valuelen + FIELD_OVERHEAD;
      if (sum > most) {
        return OA_ERR_LIMIT;
      }
      sink(context, field.name, field.namelen, field.value, field.valuelen);
    }
    if ((flags & NGHTTP2_HD_INFLATE_FINAL) != 0) {
      nghttp2_hd_inflate_end_headers(hpack->inflater);
      return OA_OK;
    }
    if ((flags & NGHTTP2_HD_INFLATE_EMIT) == 0 && len == 0) {
      return OA_ERR_MALFORMED; /* cut short */
    }
  }
}
