/* SPDX-License-Identifier: Apache-2.0 */
#include <libdeflate.h>
#include <lz4frame.h>
#include <stdbool.h>
#include <string.h>
#include <zstd.h>
#include <zstd_errors.h>

#include "base/mem.h"
#include "codec/codec.h"

/* A window is memory beside the output.  8 MiB is what RFC 8878 asks every
 * decoder to support; more is allowed only where the output may be as large. */
enum { ZSTD_WINDOW_LOG_LOW = 23, ZSTD_WINDOW_LOG_HIGH = 27 };

/* The shortest block is a 3-byte header and one repeated byte, and no block
 * makes more than 128 KiB: a frame that claims more than this lies. */
enum { ZSTD_BLOCK_BYTES = 4, ZSTD_BLOCK_MAX = 128 * 1024 };

enum { LZ4_MAX_RATIO = 255, DEFLATE_MAX_RATIO = 1032 };

/* First output memory when nothing is known about the size. */
enum { FIRST_ROOM = 64 * 1024, GUESS_RATIO = 4 };

struct oa_inflater {
  struct libdeflate_decompressor *gzip;
  ZSTD_DCtx *zstd;
  LZ4F_dctx *lz4;
};

/* Where decompressed bytes go: the free end of BUF, or fixed memory when BUF
 * is NULL.  BUF's length stays as it was until all has gone well. */
typedef struct target {
  oa_buf *buf;
  uint8_t *base;
  size_t len;
  size_t cap;
  size_t max;
  uint8_t none; /* something to point at while there is no memory */
} target;

typedef struct source {
  const uint8_t *at;
  size_t len;
} source;

oa_status oa_inflater_new(oa_inflater **out) {
  oa_inflater *inflater = oa_calloc(1, sizeof *inflater);
  if (inflater == NULL) {
    return OA_ERR_NOMEM;
  }
  *out = inflater;
  return OA_OK;
}

void oa_inflater_free(oa_inflater *inflater) {
  if (inflater == NULL) {
    return;
  }
  if (inflater->gzip != NULL) {
    libdeflate_free_decompressor(inflater->gzip);
  }
  ZSTD_freeDCtx(inflater->zstd);
  LZ4F_freeDecompressionContext(inflater->lz4);
  oa_free(inflater);
}

static void open_buf(target *to, oa_buf *buf, size_t max) {
  *to = (target){.buf = buf, .max = max};
  to->cap = buf->cap - buf->len < max ? buf->cap - buf->len : max;
  to->base = buf->data == NULL ? &to->none : buf->data + buf->len;
}

static size_t room(const target *to) {
  return to->cap - to->len;
}

/* Makes room for WANT more bytes, or for as many as MAX leaves. */
static oa_status make_room(target *to, size_t want) {
  const size_t left = to->max - to->len;
  const size_t extra = want < left ? want : left;
  if (to->buf == NULL || extra <= room(to)) {
    return OA_OK;
  }
  OA_TRY(oa_buf_reserve(to->buf, to->len + extra));
  const size_t have = to->buf->cap - to->buf->len;
  to->cap = have < to->max ? have : to->max;
  to->base = to->buf->data + to->buf->len;
  return OA_OK;
}

static bool at_bound(const target *to) {
  return to->cap == to->max;
}

static size_t guess(size_t len) {
  const size_t low = len < FIRST_ROOM ? FIRST_ROOM : len;
  return low > SIZE_MAX / GUESS_RATIO ? low : low * GUESS_RATIO;
}

static uint32_t load32(const uint8_t *at) {
  return (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 |
         (uint32_t)at[3] << 24;
}

static oa_status too_large(const target *to, oa_error *error) {
  return oa_error_set(error, OA_ERR_LIMIT,
                      "decompressed data passes the limit of %zu bytes",
                      to->max);
}

/* --- gzip --- */

/* The last four bytes are the length of the last member.  With one member,
 * the common case, that is exact; otherwise it only costs a second try. */
static size_t gzip_hint(source from) {
  const size_t most = from.len > SIZE_MAX / DEFLATE_MAX_RATIO
                          ? SIZE_MAX
                          : from.len * DEFLATE_MAX_RATIO;
  const size_t hint = from.len < 4 ? 0 : load32(from.at + from.len - 4);
  return hint < most ? hint : most;
}

/* One of libdeflate's functions that decompress one member or stream. */
typedef enum libdeflate_result (*reader)(struct libdeflate_decompressor *,
                                         const void *, size_t, void *, size_t,
                                         size_t *, size_t *);

static oa_status read_one(oa_inflater *inflater, reader read, source *from,
                          target *to, oa_error *error) {
  for (;;) {
    size_t used = 0;
    size_t made = 0;
    switch (read(inflater->gzip, from->at, from->len, to->base + to->len,
                 room(to), &used, &made)) {
      case LIBDEFLATE_SUCCESS:
        from->at += used;
        from->len -= used;
        to->len += made;
        return OA_OK;
      case LIBDEFLATE_INSUFFICIENT_SPACE:
        if (at_bound(to)) {
          return too_large(to, error);
        }
        OA_TRY(make_room(to, 2 * (room(to) + FIRST_ROOM)));
        break;
      default:
        return OA_ERR_MALFORMED;
    }
  }
}

static oa_status need_libdeflate(oa_inflater *inflater) {
  if (inflater->gzip == NULL) {
    inflater->gzip = libdeflate_alloc_decompressor();
  }
  return inflater->gzip == NULL ? OA_ERR_NOMEM : OA_OK;
}

static oa_status inflate_gzip(oa_inflater *inflater, source from, target *to,
                              oa_error *error) {
  OA_TRY(need_libdeflate(inflater));
  OA_TRY(make_room(to, gzip_hint(from)));
  do {
    const oa_status status =
        read_one(inflater, libdeflate_gzip_decompress_ex, &from, to, error);
    if (status == OA_ERR_MALFORMED) {
      return oa_error_set(error, status, "gzip data is damaged or cut short");
    }
    OA_TRY(status);
  } while (from.len > 0);
  return OA_OK;
}

/* --- deflate --- */

/* HTTP's "deflate" is the zlib format (RFC 9110, section 8.4.1.2), and many
 * senders leave its header and checksum out.  RFC 1950: method 8, a window of
 * at most 32 KiB, and a check that the two bytes are a multiple of 31. */
static bool is_zlib(source from) {
  return from.len >= 2 && (from.at[0] & 0x0f) == 8 && from.at[0] >> 4 <= 7 &&
         (from.at[0] * 256 + from.at[1]) % 31 == 0;
}

static oa_status inflate_deflate(oa_inflater *inflater, source from, target *to,
                                 oa_error *error) {
  source rest = from;
  oa_status status = OA_ERR_MALFORMED;
  OA_TRY(need_libdeflate(inflater));
  OA_TRY(make_room(to, guess(from.len)));
  if (is_zlib(from)) {
    status =
        read_one(inflater, libdeflate_zlib_decompress_ex, &rest, to, error);
  }
  /* The first two bytes of one without a header may look like one. */
  if (status == OA_ERR_MALFORMED) {
    rest = from;
    status =
        read_one(inflater, libdeflate_deflate_decompress_ex, &rest, to, error);
  }
  if (status == OA_ERR_MALFORMED) {
    return oa_error_set(error, status, "deflate data is damaged or cut short");
  }
  OA_TRY(status);
  return rest.len == 0
             ? OA_OK
             : oa_error_set(error, OA_ERR_MALFORMED,
                            "%zu bytes follow the deflate data", rest.len);
}

/* --- zstd --- */

static oa_status zstd_failed(size_t code, const target *to, oa_error *error) {
  switch (ZSTD_getErrorCode(code)) {
    case ZSTD_error_memory_allocation:
      return OA_ERR_NOMEM;
    case ZSTD_error_frameParameter_windowTooLarge:
      return oa_error_set(error, OA_ERR_LIMIT,
                          "zstd window is larger than the limit");
    case ZSTD_error_dstSize_tooSmall:
      return too_large(to, error);
    default:
      return oa_error_set(error, OA_ERR_MALFORMED, "zstd data is damaged: %s",
                          ZSTD_getErrorName(code));
  }
}

static int window_log(size_t max) {
  int log = ZSTD_WINDOW_LOG_LOW;
  while (log < ZSTD_WINDOW_LOG_HIGH && ((size_t)1 << log) < max) {
    log++;
  }
  return log;
}

/* A frame that does not say how long its content is. */
static oa_status zstd_stream(oa_inflater *inflater, source frame, target *to,
                             oa_error *error) {
  ZSTD_inBuffer in = {frame.at, frame.len, 0};

  ZSTD_DCtx_reset(inflater->zstd, ZSTD_reset_session_only);
  ZSTD_DCtx_setParameter(inflater->zstd, ZSTD_d_windowLogMax,
                         window_log(to->max));
  OA_TRY(make_room(to, guess(frame.len)));
  for (;;) {
    if (room(to) == 0) {
      OA_TRY(make_room(to, to->len + FIRST_ROOM));
    }
    /* At the bound one byte shows whether the frame goes on. */
    const bool full = room(to) == 0;
    uint8_t extra;
    ZSTD_outBuffer out = {&extra, 1, 0};
    if (!full) {
      out = (ZSTD_outBuffer){to->base + to->len, room(to), 0};
    }
    const size_t left = ZSTD_decompressStream(inflater->zstd, &out, &in);
    if (ZSTD_isError(left)) {
      return zstd_failed(left, to, error);
    }
    if (full && out.pos > 0) {
      return too_large(to, error);
    }
    to->len += out.pos;
    if (left == 0) {
      return OA_OK;
    }
    if (in.pos == in.size && out.pos < out.size) {
      return oa_error_set(error, OA_ERR_MALFORMED, "zstd data is cut short");
    }
  }
}

/* A frame that says how long its content is goes straight to its place. */
static oa_status zstd_sized(oa_inflater *inflater, source frame,
                            unsigned long long content, target *to,
                            oa_error *error) {
  if (content > to->max - to->len) {
    return too_large(to, error);
  }
  if (content / ZSTD_BLOCK_MAX > frame.len / ZSTD_BLOCK_BYTES) {
    return oa_error_set(error, OA_ERR_MALFORMED,
                        "zstd frame of %zu bytes claims %llu bytes", frame.len,
                        content);
  }
  OA_TRY(make_room(to, (size_t)content));
  const size_t made = ZSTD_decompressDCtx(inflater->zstd, to->base + to->len,
                                          room(to), frame.at, frame.len);
  if (ZSTD_isError(made)) {
    return zstd_failed(made, to, error);
  }
  to->len += made;
  return OA_OK;
}

/* Only the format of RFC 8878: the library may also read older ones. */
static bool is_zstd(source from, bool *skippable) {
  if (from.len < 4) {
    return false;
  }
  const uint32_t magic = load32(from.at);
  *skippable = (magic & UINT32_C(0xfffffff0)) == UINT32_C(0x184d2a50);
  return *skippable || magic == UINT32_C(0xfd2fb528);
}

static oa_status zstd_frame(oa_inflater *inflater, source *from, target *to,
                            oa_error *error) {
  bool skippable = false;
  if (!is_zstd(*from, &skippable)) {
    return oa_error_set(error, OA_ERR_MALFORMED,
                        "zstd data does not start with a zstd frame");
  }
  const size_t size = ZSTD_findFrameCompressedSize(from->at, from->len);
  if (ZSTD_isError(size)) {
    return oa_error_set(error, OA_ERR_MALFORMED,
                        "zstd data is damaged or cut short");
  }
  const source frame = {from->at, size};
  from->at += size;
  from->len -= size;
  if (skippable) {
    return OA_OK;
  }
  const unsigned long long content =
      ZSTD_getFrameContentSize(frame.at, frame.len);
  if (content == ZSTD_CONTENTSIZE_UNKNOWN) {
    return zstd_stream(inflater, frame, to, error);
  }
  return zstd_sized(inflater, frame, content, to, error);
}

static oa_status inflate_zstd(oa_inflater *inflater, source from, target *to,
                              oa_error *error) {
  if (inflater->zstd == NULL) {
    inflater->zstd = ZSTD_createDCtx();
    if (inflater->zstd == NULL) {
      return OA_ERR_NOMEM;
    }
  }
  do {
    OA_TRY(zstd_frame(inflater, &from, to, error));
  } while (from.len > 0);
  return OA_OK;
}

/* --- lz4 --- */

static oa_status lz4_failed(size_t code, oa_error *error) {
  const char *name = LZ4F_getErrorName(code);
  if (strcmp(name, "ERROR_allocation_failed") == 0) {
    return OA_ERR_NOMEM;
  }
  return oa_error_set(error, OA_ERR_MALFORMED, "lz4 data is damaged: %s", name);
}

/* Reads the frame header and makes room for the content it promises, so that
 * the output does not move later. */
static oa_status lz4_open(oa_inflater *inflater, source *from, target *to,
                          bool *settled, oa_error *error) {
  LZ4F_frameInfo_t info = LZ4F_INIT_FRAMEINFO;
  size_t used = from->len;
  const size_t code = LZ4F_getFrameInfo(inflater->lz4, &info, from->at, &used);
  if (LZ4F_isError(code)) {
    return lz4_failed(code, error);
  }
  from->at += used;
  from->len -= used;
  if (info.contentSize > to->max) {
    return too_large(to, error);
  }
  if (info.contentSize / LZ4_MAX_RATIO > from->len) {
    return oa_error_set(error, OA_ERR_MALFORMED,
                        "lz4 frame of %zu bytes claims %llu bytes", from->len,
                        info.contentSize);
  }
  *settled = to->buf == NULL || info.contentSize > 0;
  return make_room(
      to, info.contentSize > 0 ? (size_t)info.contentSize : guess(from->len));
}

static oa_status lz4_blocks(oa_inflater *inflater, source *from, target *to,
                            bool settled, oa_error *error) {
  /* Output that stays in place is its own dictionary for linked blocks. */
  const LZ4F_decompressOptions_t options = {.stableDst = settled ? 1 : 0};

  for (;;) {
    if (room(to) == 0 && !settled) {
      OA_TRY(make_room(to, to->len + FIRST_ROOM));
    }
    const bool full = room(to) == 0;
    uint8_t extra;
    size_t made = full ? 1 : room(to);
    size_t used = from->len;
    const size_t left = LZ4F_decompress(
        inflater->lz4, full ? &extra : to->base + to->len, &made,
        from->len == 0 ? &to->none : from->at, &used, &options);
    if (LZ4F_isError(left)) {
      return lz4_failed(left, error);
    }
    from->at += used;
    from->len -= used;
    if (full && made > 0) {
      return at_bound(to) ? too_large(to, error)
                          : oa_error_set(error, OA_ERR_MALFORMED,
                                         "lz4 frame holds more than it says");
    }
    to->len += made;
    if (left == 0) {
      return OA_OK;
    }
    if (from->len == 0 && made == 0) {
      return oa_error_set(error, OA_ERR_MALFORMED, "lz4 data is cut short");
    }
  }
}

static oa_status inflate_lz4(oa_inflater *inflater, source from, target *to,
                             oa_error *error) {
  /* Below 7 bytes there is no header, and other magics are other formats. */
  if (from.len < 7 || load32(from.at) != UINT32_C(0x184d2204)) {
    return oa_error_set(error, OA_ERR_MALFORMED,
                        "lz4 data does not start with an LZ4 frame");
  }
  if (inflater->lz4 == NULL) {
    if (LZ4F_isError(
            LZ4F_createDecompressionContext(&inflater->lz4, LZ4F_VERSION))) {
      inflater->lz4 = NULL;
      return OA_ERR_NOMEM;
    }
  }
  LZ4F_resetDecompressionContext(inflater->lz4);

  bool settled = false;
  OA_TRY(lz4_open(inflater, &from, to, &settled, error));
  OA_TRY(lz4_blocks(inflater, &from, to, settled, error));
  if (from.len > 0) {
    return oa_error_set(error, OA_ERR_MALFORMED,
                        "%zu bytes follow the LZ4 frame", from.len);
  }
  return OA_OK;
}

/* --- all --- */

static oa_status inflate(oa_inflater *inflater, oa_coding codec, source from,
                         target *to, oa_error *error) {
  switch (codec) {
    case OA_CODING_NONE:
      if (from.len > to->max) {
        return too_large(to, error);
      }
      OA_TRY(make_room(to, from.len));
      if (from.len > 0) {
        memcpy(to->base + to->len, from.at, from.len);
        to->len += from.len;
      }
      return OA_OK;
    case OA_CODING_GZIP:
      return inflate_gzip(inflater, from, to, error);
    case OA_CODING_DEFLATE:
      return inflate_deflate(inflater, from, to, error);
    case OA_CODING_ZSTD:
      return inflate_zstd(inflater, from, to, error);
    case OA_CODING_LZ4:
      return inflate_lz4(inflater, from, to, error);
  }
  return oa_error_set(error, OA_ERR_UNSUPPORTED, "unknown compression");
}

oa_status oa_inflate(oa_inflater *inflater, oa_coding codec, const uint8_t *in,
                     size_t len, size_t max, oa_buf *out, oa_error *error) {
  target to;
  open_buf(&to, out, max);
  OA_TRY(inflate(inflater, codec, (source){in, len}, &to, error));
  out->len += to.len;
  return OA_OK;
}

size_t oa_inflate_foretell(oa_coding codec, const uint8_t *in, size_t len) {
  if (codec == OA_CODING_GZIP) {
    return gzip_hint((source){in, len});
  }
  if (codec == OA_CODING_ZSTD) {
    const unsigned long long content = ZSTD_getFrameContentSize(in, len);
    const bool known = content != ZSTD_CONTENTSIZE_UNKNOWN &&
                       content != ZSTD_CONTENTSIZE_ERROR;
    return known && content < SIZE_MAX ? (size_t)content : 0;
  }
  return 0;
}

oa_status oa_inflate_exact(oa_inflater *inflater, oa_coding codec,
                           const uint8_t *in, size_t len, uint8_t *out,
                           size_t size, oa_error *error) {
  target to = {.cap = size, .max = size};
  to.base = size == 0 ? &to.none : out;
  oa_status status = inflate(inflater, codec, (source){in, len}, &to, error);
  if (status == OA_ERR_LIMIT || (status == OA_OK && to.len != size)) {
    return oa_error_set(error, OA_ERR_MALFORMED,
                        "decompressed data is not the %zu bytes that were "
                        "promised",
                        size);
  }
  return status;
}
