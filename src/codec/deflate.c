/* SPDX-License-Identifier: Apache-2.0 */
#include <libdeflate.h>
#include <lz4frame.h>
#include <stdbool.h>
#include <string.h>
#include <xxhash.h>
#include <zstd.h>

#include "base/mem.h"
#include "codec/codec.h"
#include "codec/strided.h"

enum { GZIP_LEVEL = 6, ZSTD_LEVEL = 1 };

/* The shortest matches that are looked for at zstd's level 1: in numbers of 4
 * and 8 bytes shorter ones pay (measured on telemetry: 4 % of all bytes). */
enum { TEXT_MATCH = 6, NUMBER_MATCH = 5 };

/* A table of 32 KiB: a smaller one is as good for what a batch holds, and
 * stays in the cache nearest to the core. */
enum { HASH_LOG = 13 };
enum { GZIP_LEVEL_MAX = 12, LZ4_LEVEL_MIN = -65537, LZ4_LEVEL_MAX = 12 };

/* RFC 8878: no block holds more than 128 KiB, and every decoder supports a
 * window of 8 MiB (descriptor 13 << 3: 2^(10 + 13) bytes). */
enum { ZSTD_BLOCK_MAX = 128 * 1024, ZSTD_WINDOW = 8 << 20 };
enum { ZSTD_WINDOW_BYTE = 13 << 3, ZSTD_RLE = 1 << 1, ZSTD_LAST = 1 };

/* LZ4 block format: a match may not reach into the last five bytes, which are
 * literals; a match is at least four bytes and its length field counts on in
 * bytes of 255. */
enum { LZ4_BLOCK_MAX = 4 << 20, LZ4_TAIL = 5, LZ4_SHORTEST = 32 };
enum { LZ4_MIN_MATCH = 4, LZ4_TOKEN_FULL = 15, LZ4_LENGTH_FULL = 255 };

/* A member of zeros in gzip. */
enum { GZIP_ZEROS = 64 * 1024 };

struct oa_deflater {
  oa_coding codec;
  int level;
  struct libdeflate_compressor *gzip;
  ZSTD_CCtx *zstd;
  ZSTD_CCtx *numbers;
  oa_strided *strided;
  LZ4F_cctx *lz4;
};

static oa_status open_gzip(oa_deflater *deflater, int level) {
  const int chosen = level == 0 ? GZIP_LEVEL : level;
  if (chosen < 1 || chosen > GZIP_LEVEL_MAX) {
    return OA_ERR_CONFIG;
  }
  deflater->gzip = libdeflate_alloc_compressor(chosen);
  return deflater->gzip == NULL ? OA_ERR_NOMEM : OA_OK;
}

/* Without a checksum, which is the default, and with the content size, so that
 * a reader knows at once how much memory it takes.  The match finder's sizes
 * are the level's for large inputs, whatever the size of this one, so that a
 * sample of a buffer is compressed as the whole is. */
static oa_status open_context(ZSTD_CCtx **out, int level, int min_match) {
  ZSTD_CCtx *zstd = ZSTD_createCCtx();
  *out = zstd;
  if (zstd == NULL) {
    return OA_ERR_NOMEM;
  }
  if (ZSTD_isError(
          ZSTD_CCtx_setParameter(zstd, ZSTD_c_compressionLevel, level)) ||
      ZSTD_isError(ZSTD_CCtx_setParameter(zstd, ZSTD_c_contentSizeFlag, 1))) {
    return OA_ERR_CONFIG;
  }
  if (level == ZSTD_LEVEL &&
      (ZSTD_isError(ZSTD_CCtx_setParameter(zstd, ZSTD_c_windowLog, 20)) ||
       ZSTD_isError(ZSTD_CCtx_setParameter(zstd, ZSTD_c_hashLog, HASH_LOG)) ||
       ZSTD_isError(ZSTD_CCtx_setParameter(zstd, ZSTD_c_strategy, ZSTD_fast)) ||
       ZSTD_isError(
           ZSTD_CCtx_setParameter(zstd, ZSTD_c_minMatch, min_match)))) {
    return OA_ERR_CONFIG;
  }
  return OA_OK;
}

static oa_status open_zstd(oa_deflater *deflater, int level) {
  const int chosen = level == 0 ? ZSTD_LEVEL : level;
  if (chosen < ZSTD_minCLevel() || chosen > ZSTD_maxCLevel()) {
    return OA_ERR_CONFIG;
  }
  OA_TRY(open_context(&deflater->zstd, chosen, TEXT_MATCH));
  OA_TRY(open_context(&deflater->numbers, chosen, NUMBER_MATCH));
  return oa_strided_new(&deflater->strided);
}

static oa_status open_lz4(oa_deflater *deflater, int level) {
  if (level < LZ4_LEVEL_MIN || level > LZ4_LEVEL_MAX) {
    return OA_ERR_CONFIG;
  }
  if (LZ4F_isError(
          LZ4F_createCompressionContext(&deflater->lz4, LZ4F_VERSION))) {
    deflater->lz4 = NULL;
    return OA_ERR_NOMEM;
  }
  return OA_OK;
}

static oa_status open_codec(oa_deflater *deflater, int level) {
  switch (deflater->codec) {
    case OA_CODING_GZIP:
      return open_gzip(deflater, level);
    case OA_CODING_ZSTD:
      return open_zstd(deflater, level);
    case OA_CODING_LZ4:
      return open_lz4(deflater, level);
    case OA_CODING_NONE:
    case OA_CODING_DEFLATE:
      break;
  }
  return OA_ERR_CONFIG;
}

oa_status oa_deflater_new(oa_deflater **out, oa_coding codec, int level) {
  oa_deflater *deflater = oa_calloc(1, sizeof *deflater);
  if (deflater == NULL) {
    return OA_ERR_NOMEM;
  }
  deflater->codec = codec;
  deflater->level = level;
  oa_status status = open_codec(deflater, level);
  if (status != OA_OK) {
    oa_deflater_free(deflater);
    return status;
  }
  *out = deflater;
  return OA_OK;
}

void oa_deflater_free(oa_deflater *deflater) {
  if (deflater == NULL) {
    return;
  }
  if (deflater->gzip != NULL) {
    libdeflate_free_compressor(deflater->gzip);
  }
  ZSTD_freeCCtx(deflater->zstd);
  ZSTD_freeCCtx(deflater->numbers);
  oa_strided_free(deflater->strided);
  LZ4F_freeCompressionContext(deflater->lz4);
  oa_free(deflater);
}

static oa_status deflate_gzip(oa_deflater *deflater, const uint8_t *in,
                              size_t len, oa_buf *out) {
  const size_t bound = libdeflate_gzip_compress_bound(deflater->gzip, len);
  OA_TRY(oa_buf_reserve(out, bound));
  const size_t made = libdeflate_gzip_compress(deflater->gzip, in, len,
                                               out->data + out->len, bound);
  /* Zero means that it did not fit, which the bound excludes. */
  if (made == 0) {
    return OA_ERR_NOMEM;
  }
  out->len += made;
  return OA_OK;
}

static oa_status deflate_zstd(ZSTD_CCtx *zstd, const uint8_t *in, size_t len,
                              oa_buf *out) {
  const size_t bound = ZSTD_compressBound(len);
  if (ZSTD_isError(bound)) {
    return OA_ERR_LIMIT;
  }
  OA_TRY(oa_buf_reserve(out, bound));
  const size_t made =
      ZSTD_compress2(zstd, out->data + out->len, bound, in, len);
  if (ZSTD_isError(made)) {
    return OA_ERR_NOMEM; /* with room enough nothing else can fail */
  }
  out->len += made;
  return OA_OK;
}

/* The smallest block that holds all, so that most buffers are one block. */
static LZ4F_blockSizeID_t lz4_block(size_t len) {
  if (len <= 64 << 10) {
    return LZ4F_max64KB;
  }
  if (len <= 256 << 10) {
    return LZ4F_max256KB;
  }
  return len <= 1 << 20 ? LZ4F_max1MB : LZ4F_max4MB;
}

static oa_status deflate_lz4(oa_deflater *deflater, const uint8_t *in,
                             size_t len, oa_buf *out) {
  LZ4F_preferences_t how = LZ4F_INIT_PREFERENCES;
  how.frameInfo.blockSizeID = lz4_block(len);
  how.frameInfo.blockMode = LZ4F_blockIndependent;
  how.frameInfo.contentSize = len;
  how.compressionLevel = deflater->level;
  how.autoFlush = 1;
  const LZ4F_compressOptions_t stable = {.stableSrc = 1};
  const size_t bound = LZ4F_compressFrameBound(len, &how);
  OA_TRY(oa_buf_reserve(out, bound));

  uint8_t *at = out->data + out->len;
  size_t made = LZ4F_compressBegin(deflater->lz4, at, bound, &how);
  if (LZ4F_isError(made)) {
    return OA_ERR_NOMEM;
  }
  size_t step = LZ4F_compressUpdate(deflater->lz4, at + made, bound - made, in,
                                    len, &stable);
  if (LZ4F_isError(step)) {
    return OA_ERR_NOMEM;
  }
  made += step;
  step = LZ4F_compressEnd(deflater->lz4, at + made, bound - made, &stable);
  if (LZ4F_isError(step)) {
    return OA_ERR_NOMEM;
  }
  out->len += made + step;
  return OA_OK;
}

oa_status oa_deflate(oa_deflater *deflater, const uint8_t *in, size_t len,
                     oa_buf *out) {
  static const uint8_t nothing[1];
  const uint8_t *from = len == 0 ? nothing : in;
  if (deflater->codec == OA_CODING_GZIP) {
    return deflate_gzip(deflater, from, len, out);
  }
  if (deflater->codec == OA_CODING_ZSTD) {
    return deflate_zstd(deflater->zstd, from, len, out);
  }
  return deflate_lz4(deflater, from, len, out);
}

oa_status oa_deflate_shaped(oa_deflater *deflater, const uint8_t *in,
                            size_t len, oa_shape shape, size_t stride,
                            oa_buf *out) {
  if (deflater->codec != OA_CODING_ZSTD || len == 0 || shape == OA_SHAPE_TEXT) {
    return oa_deflate(deflater, in, len, out);
  }
  if (shape == OA_SHAPE_NUMBERS) {
    return deflate_zstd(deflater->numbers, in, len, out);
  }
  return oa_strided_deflate(deflater->strided, in, len, stride,
                            shape == OA_SHAPE_VALUES, out);
}

/* --- zeros --- */

static void put_le(uint8_t *at, uint64_t value, size_t bytes) {
  for (size_t i = 0; i < bytes; i++) {
    at[i] = (uint8_t)(value >> (8 * i));
  }
}

/* Frame header, then one block of "this byte, so often" for each 128 KiB. */
static oa_status zeros_zstd(size_t len, oa_buf *out) {
  /* Small content is its own window ("single segment", bit 5); the size
   * field has 8 bytes (3 << 6). */
  const bool single = len <= ZSTD_WINDOW;
  uint8_t head[4 + 1 + 1 + 8];
  size_t used = 4;
  put_le(head, UINT32_C(0xfd2fb528), 4);
  head[used++] = (uint8_t)(3 << 6 | (single ? 1 << 5 : 0));
  if (!single) {
    head[used++] = ZSTD_WINDOW_BYTE;
  }
  put_le(head + used, len, 8);
  used += 8;

  const size_t blocks = len / ZSTD_BLOCK_MAX + 1;
  OA_TRY(oa_buf_reserve(out, used + blocks * 4));
  (void)oa_buf_put(out, head, used);
  size_t left = len;
  do {
    const size_t part = left < ZSTD_BLOCK_MAX ? left : ZSTD_BLOCK_MAX;
    left -= part;
    /* An empty block of "this byte" would still name the byte: use a raw one,
     * which is of three bytes. */
    uint8_t block[4] = {0};
    put_le(block,
           part << 3 | (part > 0 ? ZSTD_RLE : 0) | (left == 0 ? ZSTD_LAST : 0),
           3);
    (void)oa_buf_put(out, block, part > 0 ? 4 : 3);
  } while (left > 0);
  return OA_OK;
}

/* One block of PART zeros: a zero, "copy the byte before, so often", and the
 * five literals that end a block.  The room is there. */
static void zeros_lz4_block(size_t part, oa_buf *out) {
  uint8_t *size = out->data + out->len;
  uint8_t *at = size + 4;
  if (part < LZ4_SHORTEST) {
    put_le(size, part | UINT32_C(0x80000000), 4); /* stored as it is */
    memset(at, 0, part);
    out->len += 4 + part;
    return;
  }
  size_t more = part - 1 - LZ4_TAIL - LZ4_MIN_MATCH - LZ4_TOKEN_FULL;
  *at++ = 1 << 4 | LZ4_TOKEN_FULL;
  *at++ = 0;
  *at++ = 1; /* distance, two bytes */
  *at++ = 0;
  const size_t full = more / LZ4_LENGTH_FULL;
  memset(at, LZ4_LENGTH_FULL, full);
  at += full;
  *at++ = (uint8_t)(more % LZ4_LENGTH_FULL);
  *at++ = LZ4_TAIL << 4;
  memset(at, 0, LZ4_TAIL);
  at += LZ4_TAIL;
  put_le(size, (size_t)(at - size) - 4, 4);
  out->len = (size_t)(at - out->data);
}

static oa_status zeros_lz4(size_t len, oa_buf *out) {
  /* LZ4 frame format: version 01, independent blocks, content size; blocks of
   * at most 4 MiB; then the second byte of the descriptor's XXH32. */
  uint8_t head[4 + 2 + 8 + 1];
  put_le(head, UINT32_C(0x184d2204), 4);
  head[4] = 1 << 6 | 1 << 5 | 1 << 3;
  head[5] = 7 << 4;
  put_le(head + 6, len, 8);
  head[14] = (uint8_t)(XXH32(head + 4, 10, 0) >> 8);

  const size_t blocks = len / LZ4_BLOCK_MAX + 1;
  OA_TRY(oa_buf_reserve(out, sizeof head + len / LZ4_LENGTH_FULL +
                                 blocks * (4 + LZ4_SHORTEST) + 4));
  (void)oa_buf_put(out, head, sizeof head);
  for (size_t left = len; left > 0;) {
    const size_t part = left < LZ4_BLOCK_MAX ? left : LZ4_BLOCK_MAX;
    zeros_lz4_block(part, out);
    left -= part;
  }
  return oa_buf_put_zeros(out, 4); /* the mark of the end */
}

/* Members of 64 KiB of zeros: the library compresses whole buffers only. */
static oa_status zeros_gzip(oa_deflater *deflater, size_t len, oa_buf *out) {
  static const uint8_t zeros[GZIP_ZEROS];
  const size_t before = out->len;
  size_t left = len;
  do {
    const size_t part = left < GZIP_ZEROS ? left : GZIP_ZEROS;
    oa_status status = deflate_gzip(deflater, zeros, part, out);
    if (status != OA_OK) {
      out->len = before;
      return status;
    }
    left -= part;
  } while (left > 0);
  return OA_OK;
}

oa_status oa_deflate_zeros(oa_deflater *deflater, size_t len, oa_buf *out) {
  if (deflater->codec == OA_CODING_GZIP) {
    return zeros_gzip(deflater, len, out);
  }
  return deflater->codec == OA_CODING_ZSTD ? zeros_zstd(len, out)
                                           : zeros_lz4(len, out);
}
