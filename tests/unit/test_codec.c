/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <libdeflate.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

#include "base/mem.h"
#include "codec/codec.h"

enum { BIG = 1 << 22 };

static const oa_coding codecs[] = {OA_CODING_GZIP, OA_CODING_ZSTD,
                                   OA_CODING_LZ4};
enum { CODECS = sizeof codecs / sizeof codecs[0] };

/* Text-like bytes that every codec can shrink. */
static void fill(uint8_t *at, size_t len) {
  uint32_t state = 12345;
  for (size_t i = 0; i < len; i++) {
    state = state * 1664525u + 1013904223u;
    at[i] = (uint8_t)("service.name=cart"[(state >> 24) % 17]);
  }
}

static oa_buf packed(oa_coding codec, const uint8_t *in, size_t len) {
  oa_deflater *deflater = NULL;
  oa_buf out = {0};
  assert_int_equal(oa_deflater_new(&deflater, codec, 0), OA_OK);
  assert_int_equal(oa_deflate(deflater, in, len, &out), OA_OK);
  oa_deflater_free(deflater);
  return out;
}

static void every_size_comes_back_equal(void **state) {
  (void)state;
  static const size_t sizes[] = {0,     1,      7,      64,      4096,    65536,
                                 65537, 131072, 300001, 1 << 20, BIG - 1, BIG};
  uint8_t *data = oa_malloc(BIG);
  fill(data, BIG);
  oa_inflater *inflater = NULL;
  assert_int_equal(oa_inflater_new(&inflater), OA_OK);
  for (size_t c = 0; c < CODECS; c++) {
    for (size_t s = 0; s < sizeof sizes / sizeof sizes[0]; s++) {
      const size_t size = sizes[s];
      oa_buf small = packed(codecs[c], data, size);
      oa_buf out = {0};
      oa_error error = {0};
      assert_int_equal(oa_buf_put(&out, "head", 4), OA_OK);
      assert_int_equal(oa_inflate(inflater, codecs[c], small.data, small.len,
                                  size, &out, &error),
                       OA_OK);
      assert_int_equal(out.len, size + 4);
      assert_memory_equal(out.data, "head", 4);
      assert_int_equal(memcmp(out.data + 4, data, size), 0);

      uint8_t *exact = oa_malloc(size + 1);
      assert_int_equal(oa_inflate_exact(inflater, codecs[c], small.data,
                                        small.len, exact, size, &error),
                       OA_OK);
      assert_int_equal(memcmp(exact, data, size), 0);
      assert_int_equal(oa_inflate_exact(inflater, codecs[c], small.data,
                                        small.len, exact, size + 1, &error),
                       OA_ERR_MALFORMED);
      if (size > 0) {
        assert_int_equal(oa_inflate_exact(inflater, codecs[c], small.data,
                                          small.len, exact, size - 1, &error),
                         OA_ERR_MALFORMED);
      }
      oa_free(exact);
      oa_buf_free(&out);
      oa_buf_free(&small);
    }
  }
  oa_inflater_free(inflater);
  oa_free(data);
}

static void a_bomb_stops_at_the_bound(void **state) {
  (void)state;
  const size_t size = 64 << 20;
  const size_t max = 64 << 10;
  oa_inflater *inflater = NULL;
  assert_int_equal(oa_inflater_new(&inflater), OA_OK);
  for (size_t c = 0; c < CODECS; c++) {
    oa_deflater *deflater = NULL;
    oa_buf bomb = {0};
    oa_buf out = {0};
    oa_error error = {0};
    assert_int_equal(oa_deflater_new(&deflater, codecs[c], 0), OA_OK);
    assert_int_equal(oa_deflate_zeros(deflater, size, &bomb), OA_OK);
    assert_true(bomb.len < size / 200);
    assert_int_equal(
        oa_inflate(inflater, codecs[c], bomb.data, bomb.len, max, &out, &error),
        OA_ERR_LIMIT);
    assert_int_equal(error.code, OA_ERR_LIMIT);
    assert_int_equal(out.len, 0);
    assert_true(out.cap <= 2 * max);
    oa_buf_free(&out);
    oa_buf_free(&bomb);
    oa_deflater_free(deflater);
  }
  oa_inflater_free(inflater);
}

static void exactly_the_bound_is_allowed_and_one_more_is_not(void **state) {
  (void)state;
  uint8_t *data = oa_malloc(BIG);
  fill(data, BIG);
  oa_inflater *inflater = NULL;
  assert_int_equal(oa_inflater_new(&inflater), OA_OK);
  const oa_coding all[] = {OA_CODING_NONE, OA_CODING_GZIP, OA_CODING_ZSTD,
                           OA_CODING_LZ4};
  for (size_t c = 0; c < 4; c++) {
    oa_buf small = {0};
    if (all[c] == OA_CODING_NONE) {
      assert_int_equal(oa_buf_put(&small, data, 70000), OA_OK);
    } else {
      small = packed(all[c], data, 70000);
    }
    oa_buf out = {0};
    assert_int_equal(
        oa_inflate(inflater, all[c], small.data, small.len, 70000, &out, NULL),
        OA_OK);
    assert_int_equal(out.len, 70000);
    assert_int_equal(
        oa_inflate(inflater, all[c], small.data, small.len, 69999, &out, NULL),
        OA_ERR_LIMIT);
    assert_int_equal(out.len, 70000);
    oa_buf_free(&out);
    oa_buf_free(&small);
  }
  oa_inflater_free(inflater);
  oa_free(data);
}

static void damage_never_passes_silently_as_longer_output(void **state) {
  (void)state;
  uint8_t data[600];
  fill(data, sizeof data);
  oa_inflater *inflater = NULL;
  assert_int_equal(oa_inflater_new(&inflater), OA_OK);
  for (size_t c = 0; c < CODECS; c++) {
    oa_buf small = packed(codecs[c], data, sizeof data);
    oa_buf out = {0};
    for (size_t cut = 0; cut < small.len; cut++) {
      /* A copy of its own size, so that reading past it is caught. */
      uint8_t *copy = oa_malloc(cut + 1);
      memcpy(copy, small.data, cut);
      assert_int_equal(
          oa_inflate(inflater, codecs[c], copy, cut, 1 << 20, &out, NULL),
          OA_ERR_MALFORMED);
      assert_int_equal(out.len, 0);
      oa_free(copy);
    }
    for (size_t bit = 0; bit < small.len * 8; bit++) {
      small.data[bit / 8] ^= (uint8_t)(1u << (bit % 8));
      oa_status status = oa_inflate(inflater, codecs[c], small.data, small.len,
                                    1 << 20, &out, NULL);
      assert_true(status == OA_OK || status == OA_ERR_MALFORMED ||
                  status == OA_ERR_LIMIT);
      if (status != OA_OK) {
        assert_int_equal(out.len, 0);
      }
      out.len = 0;
      small.data[bit / 8] ^= (uint8_t)(1u << (bit % 8));
    }
    oa_buf_free(&out);
    oa_buf_free(&small);
  }
  oa_inflater_free(inflater);
}

static void other_bytes_behind_are_malformed(void **state) {
  (void)state;
  uint8_t data[600];
  fill(data, sizeof data);
  oa_inflater *inflater = NULL;
  assert_int_equal(oa_inflater_new(&inflater), OA_OK);
  for (size_t c = 0; c < CODECS; c++) {
    for (size_t extra = 1; extra < 40; extra += 6) {
      oa_buf small = packed(codecs[c], data, sizeof data);
      oa_buf out = {0};
      assert_int_equal(oa_buf_put_zeros(&small, extra), OA_OK);
      assert_int_equal(oa_inflate(inflater, codecs[c], small.data, small.len,
                                  1 << 20, &out, NULL),
                       OA_ERR_MALFORMED);
      assert_int_equal(out.len, 0);
      oa_buf_free(&out);
      oa_buf_free(&small);
    }
  }
  oa_inflater_free(inflater);
}

static void members_in_a_row_are_one_text(void **state) {
  (void)state;
  uint8_t *data = oa_malloc(BIG);
  fill(data, BIG);
  oa_inflater *inflater = NULL;
  assert_int_equal(oa_inflater_new(&inflater), OA_OK);
  for (size_t c = 0; c < 2; c++) {
    oa_buf all = packed(codecs[c], data, 200000);
    oa_buf second = packed(codecs[c], data + 200000, 0);
    oa_buf third = packed(codecs[c], data + 200000, 5);
    assert_int_equal(oa_buf_put(&all, second.data, second.len), OA_OK);
    assert_int_equal(oa_buf_put(&all, third.data, third.len), OA_OK);
    oa_buf out = {0};
    assert_int_equal(
        oa_inflate(inflater, codecs[c], all.data, all.len, 200005, &out, NULL),
        OA_OK);
    assert_int_equal(out.len, 200005);
    assert_int_equal(memcmp(out.data, data, out.len), 0);
    out.len = 0;
    assert_int_equal(
        oa_inflate(inflater, codecs[c], all.data, all.len, 200004, &out, NULL),
        OA_ERR_LIMIT);
    oa_buf_free(&out);
    oa_buf_free(&all);
    oa_buf_free(&second);
    oa_buf_free(&third);
  }
  /* An LZ4 frame stands alone. */
  oa_buf two = packed(OA_CODING_LZ4, data, 100);
  assert_int_equal(oa_buf_reserve(&two, two.len), OA_OK);
  assert_int_equal(oa_buf_put(&two, two.data, two.len), OA_OK);
  oa_buf out = {0};
  assert_int_equal(
      oa_inflate(inflater, OA_CODING_LZ4, two.data, two.len, 1000, &out, NULL),
      OA_ERR_MALFORMED);
  oa_buf_free(&out);
  oa_buf_free(&two);
  oa_inflater_free(inflater);
  oa_free(data);
}

static void some_data_says_how_long_it_becomes(void **state) {
  (void)state;
  enum { LEN = 100000 };
  uint8_t *data = oa_malloc(LEN);
  fill(data, LEN);
  oa_buf gzip = packed(OA_CODING_GZIP, data, LEN);
  oa_buf zstd = packed(OA_CODING_ZSTD, data, LEN);
  oa_buf lz4 = packed(OA_CODING_LZ4, data, LEN);
  assert_int_equal(oa_inflate_foretell(OA_CODING_GZIP, gzip.data, gzip.len),
                   LEN);
  assert_int_equal(oa_inflate_foretell(OA_CODING_ZSTD, zstd.data, zstd.len),
                   LEN);
  assert_int_equal(oa_inflate_foretell(OA_CODING_LZ4, lz4.data, lz4.len), 0);
  /* A lie has a bound, and what is no gzip or zstd says nothing. */
  memset(gzip.data + gzip.len - 4, 0xff, 4);
  assert_true(oa_inflate_foretell(OA_CODING_GZIP, gzip.data, gzip.len) <=
              gzip.len * 1032);
  for (size_t len = 0; len < 4; len++) {
    assert_int_equal(oa_inflate_foretell(OA_CODING_GZIP, gzip.data, len), 0);
    assert_int_equal(oa_inflate_foretell(OA_CODING_ZSTD, zstd.data, len), 0);
  }
  assert_int_equal(oa_inflate_foretell(OA_CODING_ZSTD, data, LEN), 0);
  oa_buf_free(&gzip);
  oa_buf_free(&zstd);
  oa_buf_free(&lz4);
  oa_free(data);
}

/* As streaming senders make it: no content size in the header. */
static oa_buf zstd_streamed(const uint8_t *in, size_t len, int window) {
  ZSTD_CCtx *context = ZSTD_createCCtx();
  oa_buf out = {0};
  ZSTD_CCtx_setParameter(context, ZSTD_c_windowLog, window);
  assert_int_equal(oa_buf_reserve(&out, ZSTD_compressBound(len) + 64), OA_OK);
  ZSTD_outBuffer to = {out.data, out.cap, 0};
  for (size_t at = 0; at < len; at += 1000) {
    ZSTD_inBuffer from = {in + at, len - at < 1000 ? len - at : 1000, 0};
    while (from.pos < from.size) {
      assert_false(ZSTD_isError(
          ZSTD_compressStream2(context, &to, &from, ZSTD_e_continue)));
    }
  }
  ZSTD_inBuffer none = {NULL, 0, 0};
  while (ZSTD_compressStream2(context, &to, &none, ZSTD_e_end) != 0) {
  }
  ZSTD_freeCCtx(context);
  out.len = to.pos;
  return out;
}

static void zstd_without_a_size_is_read_and_bounded(void **state) {
  (void)state;
  uint8_t *data = oa_malloc(BIG);
  fill(data, BIG);
  oa_inflater *inflater = NULL;
  assert_int_equal(oa_inflater_new(&inflater), OA_OK);
  oa_buf small = zstd_streamed(data, BIG, 18);
  assert_true(ZSTD_getFrameContentSize(small.data, small.len) ==
              ZSTD_CONTENTSIZE_UNKNOWN);
  oa_buf out = {0};
  assert_int_equal(oa_inflate(inflater, OA_CODING_ZSTD, small.data, small.len,
                              BIG, &out, NULL),
                   OA_OK);
  assert_int_equal(out.len, BIG);
  assert_memory_equal(out.data, data, BIG);
  out.len = 0;
  assert_int_equal(oa_inflate(inflater, OA_CODING_ZSTD, small.data, small.len,
                              BIG - 1, &out, NULL),
                   OA_ERR_LIMIT);
  for (size_t cut = 0; cut < small.len; cut += 997) {
    assert_int_equal(
        oa_inflate(inflater, OA_CODING_ZSTD, small.data, cut, BIG, &out, NULL),
        OA_ERR_MALFORMED);
  }
  oa_buf_free(&small);

  /* A window far above the bound is refused before memory is taken for it. */
  small = zstd_streamed(data, BIG, 26);
  assert_int_equal(oa_inflate(inflater, OA_CODING_ZSTD, small.data, small.len,
                              BIG, &out, NULL),
                   OA_ERR_LIMIT);
  oa_buf_free(&small);
  oa_buf_free(&out);
  oa_inflater_free(inflater);
  oa_free(data);
}

static void a_claimed_size_alone_takes_no_memory(void **state) {
  (void)state;
  oa_inflater *inflater = NULL;
  oa_buf out = {0};
  assert_int_equal(oa_inflater_new(&inflater), OA_OK);
  /* 16 MiB claimed by a frame with one block of one raw byte. */
  const uint8_t zstd[] = {0x28, 0xb5, 0x2f, 0xfd, 0xa0, 0,   0,
                          0,    1,    0x09, 0,    0,    0x2a};
  assert_int_equal(oa_inflate(inflater, OA_CODING_ZSTD, zstd, sizeof zstd,
                              64 << 20, &out, NULL),
                   OA_ERR_MALFORMED);
  assert_int_equal(out.cap, 0);
  oa_inflater_free(inflater);
}

static void zeros_are_one_frame_for_the_public_library(void **state) {
  (void)state;
  static const size_t sizes[] = {
      0,       1,       31,      32,      33,      255,     256,
      65535,   131071,  131072,  131073,  262144,  524288,  4194303,
      4194304, 4194305, 4194320, 8388608, 8388609, 9000001, 33554432};
  oa_inflater *inflater = NULL;
  assert_int_equal(oa_inflater_new(&inflater), OA_OK);
  for (size_t c = 0; c < CODECS; c++) {
    oa_deflater *deflater = NULL;
    assert_int_equal(oa_deflater_new(&deflater, codecs[c], 0), OA_OK);
    for (size_t s = 0; s < sizeof sizes / sizeof sizes[0]; s++) {
      oa_buf small = {0};
      assert_int_equal(oa_deflate_zeros(deflater, sizes[s], &small), OA_OK);
      uint8_t *out = oa_malloc(sizes[s] + 1);
      memset(out, 0xaa, sizes[s] + 1);
      assert_int_equal(oa_inflate_exact(inflater, codecs[c], small.data,
                                        small.len, out, sizes[s], NULL),
                       OA_OK);
      for (size_t i = 0; i < sizes[s]; i++) {
        assert_int_equal(out[i], 0);
      }
      assert_int_equal(out[sizes[s]], 0xaa);
      if (codecs[c] == OA_CODING_ZSTD) {
        assert_true(ZSTD_getFrameContentSize(small.data, small.len) ==
                    sizes[s]);
      }
      oa_free(out);
      oa_buf_free(&small);
    }
    oa_deflater_free(deflater);
  }
  oa_inflater_free(inflater);
}

static void levels_of_each_codec_are_checked(void **state) {
  (void)state;
  static const struct {
    oa_coding codec;
    int level;
    oa_status status;
  } cases[] = {
      {OA_CODING_DEFLATE, 0, OA_ERR_CONFIG},
      {OA_CODING_NONE, 0, OA_ERR_CONFIG},
      {OA_CODING_GZIP, 1, OA_OK},
      {OA_CODING_GZIP, 12, OA_OK},
      {OA_CODING_GZIP, 13, OA_ERR_CONFIG},
      {OA_CODING_GZIP, -1, OA_ERR_CONFIG},
      {OA_CODING_ZSTD, -7, OA_OK},
      {OA_CODING_ZSTD, 3, OA_OK},
      {OA_CODING_ZSTD, 23, OA_ERR_CONFIG},
      {OA_CODING_LZ4, -8, OA_OK},
      {OA_CODING_LZ4, 9, OA_OK},
      {OA_CODING_LZ4, 13, OA_ERR_CONFIG},
  };
  oa_inflater *inflater = NULL;
  assert_int_equal(oa_inflater_new(&inflater), OA_OK);
  uint8_t data[5000];
  fill(data, sizeof data);
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    oa_deflater *deflater = NULL;
    assert_int_equal(oa_deflater_new(&deflater, cases[i].codec, cases[i].level),
                     cases[i].status);
    if (cases[i].status != OA_OK) {
      assert_null(deflater);
      continue;
    }
    oa_buf small = {0};
    oa_buf out = {0};
    assert_int_equal(oa_deflate(deflater, data, sizeof data, &small), OA_OK);
    assert_int_equal(oa_inflate(inflater, cases[i].codec, small.data, small.len,
                                sizeof data, &out, NULL),
                     OA_OK);
    assert_memory_equal(out.data, data, sizeof data);
    oa_buf_free(&small);
    oa_buf_free(&out);
    oa_deflater_free(deflater);
  }
  oa_inflater_free(inflater);
}

static void no_memory_is_a_status(void **state) {
  (void)state;
  uint8_t data[5000];
  fill(data, sizeof data);
  for (size_t c = 0; c < CODECS; c++) {
    oa_buf small = packed(codecs[c], data, sizeof data);
    oa_status status = OA_ERR_NOMEM;
    for (int64_t n = 0; status != OA_OK; n++) {
      oa_inflater *inflater = NULL;
      oa_deflater *deflater = NULL;
      oa_buf again = {0};
      oa_buf out = {0};
      oa_mem_fail_after(n);
      status = oa_inflater_new(&inflater);
      if (status == OA_OK) {
        status = oa_deflater_new(&deflater, codecs[c], 0);
      }
      if (status == OA_OK) {
        status = oa_deflate(deflater, data, sizeof data, &again);
      }
      if (status == OA_OK) {
        status = oa_inflate(inflater, codecs[c], again.data, again.len,
                            sizeof data, &out, NULL);
      }
      oa_mem_fail_after(-1);
      assert_true(status == OA_OK || status == OA_ERR_NOMEM);
      assert_true(n < 20);
      oa_buf_free(&again);
      oa_buf_free(&out);
      oa_inflater_free(inflater);
      oa_deflater_free(deflater);
    }
    oa_buf_free(&small);
  }
}

/* What a sender calls "deflate": with zlib's header, or RAW without it. */
static oa_buf deflated(const uint8_t *in, size_t len, bool raw) {
  struct libdeflate_compressor *c = libdeflate_alloc_compressor(6);
  oa_buf out = {0};
  assert_non_null(c);
  assert_int_equal(oa_buf_reserve(&out, len + 1024), OA_OK);
  out.len = raw ? libdeflate_deflate_compress(c, in, len, out.data, out.cap)
                : libdeflate_zlib_compress(c, in, len, out.data, out.cap);
  assert_true(out.len > 0);
  libdeflate_free_compressor(c);
  return out;
}

static void deflate_is_read_with_and_without_its_header(void **state) {
  (void)state;
  static const size_t sizes[] = {0, 1, 100, 65536, 300001, BIG};
  uint8_t *data = oa_malloc(BIG);
  oa_inflater *inflater = NULL;
  fill(data, BIG);
  assert_int_equal(oa_inflater_new(&inflater), OA_OK);
  for (size_t i = 0; i < 2 * sizeof sizes / sizeof sizes[0]; i++) {
    const size_t size = sizes[i / 2];
    oa_buf small = deflated(data, size, i % 2 == 1);
    oa_buf out = {0};
    assert_int_equal(oa_inflate(inflater, OA_CODING_DEFLATE, small.data,
                                small.len, size, &out, NULL),
                     OA_OK);
    assert_int_equal(out.len, size);
    assert_true(size == 0 || memcmp(out.data, data, size) == 0);
    out.len = 0;
    if (size > 0) {
      assert_int_equal(oa_inflate(inflater, OA_CODING_DEFLATE, small.data,
                                  small.len, size - 1, &out, NULL),
                       OA_ERR_LIMIT);
      assert_int_equal(out.len, 0);
    }
    oa_buf_free(&out);
    oa_buf_free(&small);
  }
  oa_inflater_free(inflater);
  oa_free(data);
}

static void damaged_deflate_is_refused(void **state) {
  (void)state;
  uint8_t data[1000];
  oa_inflater *inflater = NULL;
  oa_buf out = {0};
  oa_error error = {0};
  fill(data, sizeof data);
  assert_int_equal(oa_inflater_new(&inflater), OA_OK);
  for (int raw = 0; raw < 2; raw++) {
    oa_buf small = deflated(data, sizeof data, raw == 1);
    for (size_t len = 0; len < small.len; len++) {
      assert_int_equal(oa_inflate(inflater, OA_CODING_DEFLATE, small.data, len,
                                  4096, &out, &error),
                       OA_ERR_MALFORMED);
    }
    assert_int_equal(oa_buf_put(&small, "more", 4), OA_OK);
    assert_int_equal(oa_inflate(inflater, OA_CODING_DEFLATE, small.data,
                                small.len, 4096, &out, &error),
                     OA_ERR_MALFORMED);
    if (raw == 0) { /* the checksum */
      small.len -= 4;
      small.data[small.len - 1] ^= 1;
      assert_int_equal(oa_inflate(inflater, OA_CODING_DEFLATE, small.data,
                                  small.len, 4096, &out, &error),
                       OA_ERR_MALFORMED);
    }
    oa_buf_free(&small);
  }
  assert_int_equal(out.len, 0);
  oa_buf_free(&out);
  oa_inflater_free(inflater);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(deflate_is_read_with_and_without_its_header),
      cmocka_unit_test(damaged_deflate_is_refused),
      cmocka_unit_test(every_size_comes_back_equal),
      cmocka_unit_test(a_bomb_stops_at_the_bound),
      cmocka_unit_test(exactly_the_bound_is_allowed_and_one_more_is_not),
      cmocka_unit_test(damage_never_passes_silently_as_longer_output),
      cmocka_unit_test(other_bytes_behind_are_malformed),
      cmocka_unit_test(members_in_a_row_are_one_text),
      cmocka_unit_test(some_data_says_how_long_it_becomes),
      cmocka_unit_test(zstd_without_a_size_is_read_and_bounded),
      cmocka_unit_test(a_claimed_size_alone_takes_no_memory),
      cmocka_unit_test(zeros_are_one_frame_for_the_public_library),
      cmocka_unit_test(levels_of_each_codec_are_checked),
      cmocka_unit_test(no_memory_is_a_status),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
