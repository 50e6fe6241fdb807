/* SPDX-License-Identifier: Apache-2.0 */
#define ZSTD_STATIC_LINKING_ONLY /* ZSTD_compressSequences() */
#include "codec/strided.h"

#include <string.h>
#include <zstd.h>

#include "base/mem.h"

enum {
  BLOCK_MAX = 128 * 1024, /* of one block (RFC 8878) */
  MIN_MATCH = 3,          /* the shortest match that the format has */
  /* Between two matches there is at least one byte. */
  MATCHES_MAX = BLOCK_MAX / (MIN_MATCH + 1) + 1,
  LEVEL = 1,
  NO_TABLE = 6,   /* log of the smallest there is: zstd looks for no match */
  SEEN_BITS = 12, /* values remembered: those of some requests */
  WINDOW_LOG = 19,
  WINDOW = 1 << WINDOW_LOG, /* how far a match may reach back */
};

struct oa_strided {
  ZSTD_CCtx *zstd;
  oa_buf sequences; /* ZSTD_Sequence */
  uint32_t seen[1 << SEEN_BITS];
};

oa_status oa_strided_new(oa_strided **out) {
  oa_strided *strided = oa_calloc(1, sizeof *strided);
  if (strided == NULL) {
    return OA_ERR_NOMEM;
  }
  ZSTD_CCtx *zstd = ZSTD_createCCtx();
  strided->zstd = zstd;
  if (zstd == NULL ||
      ZSTD_isError(
          ZSTD_CCtx_setParameter(zstd, ZSTD_c_compressionLevel, LEVEL)) ||
      ZSTD_isError(ZSTD_CCtx_setParameter(zstd, ZSTD_c_minMatch, MIN_MATCH)) ||
      ZSTD_isError(ZSTD_CCtx_setParameter(zstd, ZSTD_c_hashLog, NO_TABLE)) ||
      ZSTD_isError(ZSTD_CCtx_setParameter(zstd, ZSTD_c_chainLog, NO_TABLE)) ||
      ZSTD_isError(
          ZSTD_CCtx_setParameter(zstd, ZSTD_c_windowLog, WINDOW_LOG)) ||
      ZSTD_isError(ZSTD_CCtx_setParameter(zstd, ZSTD_c_blockDelimiters,
                                          ZSTD_sf_noBlockDelimiters))) {
    oa_strided_free(strided);
    return OA_ERR_NOMEM;
  }
  *out = strided;
  return OA_OK;
}

void oa_strided_free(oa_strided *strided) {
  if (strided != NULL) {
    ZSTD_freeCCtx(strided->zstd);
    oa_buf_free(&strided->sequences);
    oa_free(strided);
  }
}

/* Bit I says that byte I at A equals that at B, for 8 bytes.  Hosts are
 * little-endian: the lowest bits are the first byte. */
static uint64_t compare_8(const uint8_t *a, const uint8_t *b) {
  const uint64_t low = UINT64_C(0x7F7F7F7F7F7F7F7F);
  uint64_t x;
  uint64_t y;
  memcpy(&x, a, sizeof x);
  memcpy(&y, b, sizeof y);
  x ^= y;
  const uint64_t zero = ~(((x & low) + low) | x | low); /* 0x80 in such bytes */
  return (zero >> 7) * UINT64_C(0x0102040810204080) >> 56;
}

/* The same for 64 bytes, or fewer: the bits behind LEN are 0. */
static uint64_t compare(const uint8_t *a, const uint8_t *b, size_t len) {
  uint64_t equal = 0;
  if (len == 64) { /* a loop without a condition is unrolled */
    for (size_t i = 0; i < 64; i += 8) {
      equal |= compare_8(a + i, b + i) << i;
    }
    return equal;
  }
  for (size_t i = 0; i < len; i++) {
    equal |= (uint64_t)(a[i] == b[i]) << i;
  }
  return equal;
}

/* Where the value at AT stood before, or AT; remembers it there. */
static size_t find_value(oa_strided *strided, const uint8_t *in, size_t at,
                         size_t width) {
  uint64_t head;
  memcpy(&head, in + at, sizeof head);
  const size_t slot =
      (size_t)((head * UINT64_C(0x9E3779B97F4A7C15)) >> (64 - SEEN_BITS));
  const size_t before = strided->seen[slot];
  strided->seen[slot] = (uint32_t)at;
  return before < at && at - before < WINDOW &&
                 memcmp(in + before, in + at, width) == 0
             ? before
             : at;
}

/* Adds to the list, where there is room for a block's matches. */
static void put(oa_buf *out, size_t literals, size_t match, size_t distance) {
  const ZSTD_Sequence sequence = {.litLength = (unsigned)literals,
                                  .matchLength = (unsigned)match,
                                  .offset = (unsigned)distance};
  memcpy(out->data + out->len, &sequence, sizeof sequence);
  out->len += sizeof sequence;
}

/* Adds the RUN bytes before END, when they are worth it. */
static void put_run(oa_buf *out, size_t end, size_t run, size_t stride,
                    size_t *literals) {
  if (run >= MIN_MATCH) {
    put(out, end - run - *literals, run, stride);
    *literals = end;
  }
}

/* Lists the matches in [AT, END) of IN.  *LITERALS is where the last match
 * before ended, and then where the last one in here does.  Bytes are compared
 * 64 at a time: where runs begin and end is as good as random, and a branch
 * for each would be guessed wrong. */
static void list_block(oa_buf *out, const uint8_t *in, size_t at, size_t end,
                       size_t stride, size_t *literals) {
  size_t run = 0; /* equal bytes right before AT */
  size_t len = 64;
  at = at < stride ? stride : at;
  for (; at < end && len == 64; at += len) {
    len = end - at < 64 ? end - at : 64;
    uint64_t equal = compare(in + at, in + at - stride, len);
    if (equal == UINT64_MAX) {
      run += 64;
      continue;
    }
    const size_t first = (size_t)__builtin_ctzll(~equal);
    put_run(out, at + first, run + first, stride, literals);
    equal &= UINT64_MAX << first;
    /* What reaches the end may go on behind it. */
    run = (size_t)__builtin_clzll(~equal);
    equal &= UINT64_MAX >> run;
    uint64_t starts;
    while ((starts = equal & equal >> 1 & equal >> 2) != 0) {
      const size_t from = (size_t)__builtin_ctzll(starts);
      const size_t more = (size_t)__builtin_ctzll(~(equal >> from));
      put_run(out, at + from + more, more, stride, literals);
      equal &= UINT64_MAX << (from + more);
    }
  }
  put_run(out, at, run, stride, literals);
}

/* The same for values of WIDTH bytes that come again whole or not at all. */
static void list_values(oa_strided *strided, const uint8_t *in, size_t at,
                        size_t end, size_t width, size_t *literals) {
  for (; end - at >= width; at += width) {
    const size_t before = find_value(strided, in, at, width);
    if (before < at) {
      put(&strided->sequences, at - *literals, width, at - before);
      *literals = at + width;
    }
  }
}

oa_status oa_strided_deflate(oa_strided *strided, const uint8_t *in, size_t len,
                             size_t stride, bool whole, oa_buf *out) {
  oa_buf *sequences = &strided->sequences;
  const size_t bound = ZSTD_compressBound(len);
  if (ZSTD_isError(bound)) {
    return OA_ERR_LIMIT;
  }
  size_t literals = 0;
  sequences->len = 0;
  memset(strided->seen, 0xFF, sizeof strided->seen); /* behind all values */
  /* zstd cuts the list into blocks by itself.  No match crosses a block's end,
   * so that it never has to cut one.  (Given with the blocks marked, 1.5.4
   * codes every distance in full; given with a last entry that has no match,
   * it makes frames that cannot be read.) */
  for (size_t at = 0; at < len; at += BLOCK_MAX) {
    const size_t end = len - at < BLOCK_MAX ? len : at + BLOCK_MAX;
    OA_TRY(oa_buf_reserve(sequences, MATCHES_MAX * sizeof(ZSTD_Sequence)));
    if (whole) {
      list_values(strided, in, at, end, stride, &literals);
    } else {
      list_block(sequences, in, at, end, stride, &literals);
    }
  }
  OA_TRY(oa_buf_reserve(out, bound));
  const ZSTD_Sequence *list = (const void *)sequences->data;
  const size_t made =
      ZSTD_compressSequences(strided->zstd, out->data + out->len, bound, list,
                             sequences->len / sizeof *list, in, len);
  if (ZSTD_isError(made)) {
    return OA_ERR_NOMEM; /* with room enough nothing else can fail */
  }
  out->len += made;
  return OA_OK;
}
