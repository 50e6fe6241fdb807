/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdbool.h>
#include <string.h>
#include <zstd.h>

#include "base/mem.h"
#include "codec/codec.h"

/* A zstd block holds at most this much: what the tests must cross. */
enum { BLOCK = 128 * 1024, BIG = 300000, LARGEST = 3 * BLOCK + 5000 };
enum { RANDOM_CASES = 2500 };

typedef struct trial {
  oa_deflater *deflater;
  oa_inflater *inflater;
  oa_buf packed;
  uint8_t *in;
  uint8_t *out;
} trial;

static void trial_init(trial *t) {
  *t = (trial){.in = oa_malloc(LARGEST), .out = oa_malloc(LARGEST)};
  assert_non_null(t->in);
  assert_non_null(t->out);
  assert_int_equal(oa_deflater_new(&t->deflater, OA_CODING_ZSTD, 0), OA_OK);
  assert_int_equal(oa_inflater_new(&t->inflater), OA_OK);
}

static void trial_reset(trial *t) {
  oa_deflater_free(t->deflater);
  oa_inflater_free(t->inflater);
  oa_buf_free(&t->packed);
  oa_free(t->in);
  oa_free(t->out);
}

/* What the last `len` bytes of `in` pack to comes back as it was. */
static void expect_back(trial *t, size_t len, oa_shape shape, size_t stride,
                        const char *what, size_t number) {
  /* At the end of its block, so that one read too many is found. */
  const uint8_t *in = t->in + (LARGEST - len);
  oa_error error = {0};
  t->packed.len = 0;
  assert_int_equal(oa_buf_put(&t->packed, "head", 4), OA_OK);
  if (oa_deflate_shaped(t->deflater, in, len, shape, stride, &t->packed) !=
      OA_OK) {
    fail_msg("%s %zu: %zu bytes, shape %d, stride %zu: not packed", what,
             number, len, (int)shape, stride);
  }
  assert_memory_equal(t->packed.data, "head", 4);
  memset(t->out, 0x5A, len);
  if (oa_inflate_exact(t->inflater, OA_CODING_ZSTD, t->packed.data + 4,
                       t->packed.len - 4, t->out, len, &error) != OA_OK) {
    fail_msg("%s %zu: %zu bytes, shape %d, stride %zu: %s", what, number, len,
             (int)shape, stride, error.text);
  }
  if (memcmp(t->out, in, len) != 0) {
    fail_msg("%s %zu: %zu bytes, shape %d, stride %zu: other bytes", what,
             number, len, (int)shape, stride);
  }
}

/* --- contents --- */

static uint64_t draw(uint64_t *seed) {
  *seed ^= *seed << 13;
  *seed ^= *seed >> 7;
  *seed ^= *seed << 17;
  return *seed >> 11;
}

static void put(uint8_t *at, size_t len, size_t i, const void *value,
                size_t width) {
  const size_t from = i * width;
  if (from < len) {
    memcpy(at + from, value, len - from < width ? len - from : width);
  }
}

static void fill_zeros(uint8_t *at, size_t len) {
  memset(at, 0, len);
}

static void fill_counter(uint8_t *at, size_t len) {
  for (uint32_t i = 0; i <= len / 4; i++) {
    put(at, len, i, &i, sizeof i);
  }
}

static void fill_random(uint8_t *at, size_t len) {
  uint64_t seed = 88172645463325252u;
  for (size_t i = 0; i < len; i++) {
    at[i] = (uint8_t)draw(&seed);
  }
}

static void fill_offsets(uint8_t *at, size_t len) {
  for (uint32_t i = 0; i <= len / 4; i++) {
    const uint32_t offset = i * 10;
    put(at, len, i, &offset, sizeof offset);
  }
}

static void fill_times(uint8_t *at, size_t len) {
  uint64_t seed = 12345;
  uint64_t time = UINT64_C(1700000000000000000);
  for (size_t i = 0; i <= len / 8; i++) {
    time += 1000 + draw(&seed) % 50000;
    put(at, len, i, &time, sizeof time);
  }
}

/* Ids of 16 bytes; every one comes again soon. */
static void fill_ids(uint8_t *at, size_t len) {
  uint64_t seed = 777;
  uint64_t ids[16][2] = {{0}};
  for (size_t i = 0; i <= len / 16; i++) {
    uint64_t *id = ids[draw(&seed) % 16];
    if (draw(&seed) % 4 == 0) {
      id[0] = draw(&seed) * UINT64_C(0x9E3779B97F4A7C15);
      id[1] = draw(&seed) * UINT64_C(0x9E3779B97F4A7C15);
    }
    put(at, len, i, id, 16);
  }
}

typedef struct content {
  const char *name;
  void (*fill)(uint8_t *at, size_t len);
} content;

static const content contents[] = {
    {"zeros", fill_zeros},   {"counter", fill_counter},
    {"random", fill_random}, {"offsets", fill_offsets},
    {"times", fill_times},   {"ids", fill_ids},
};
enum { CONTENTS = sizeof contents / sizeof contents[0] };

static const size_t strides[] = {1, 4, 8, 16, 32, 128, 512};
enum { STRIDES = sizeof strides / sizeof strides[0] };

static bool takes(oa_shape shape, size_t stride) {
  return shape != OA_SHAPE_VALUES || stride >= 8;
}

static void every_size_and_shape_comes_back(void **state) {
  (void)state;
  static const size_t sizes[] = {0,   1,         2,     3,         15,
                                 127, BLOCK - 1, BLOCK, BLOCK + 1, BIG};
  trial t;
  trial_init(&t);
  for (size_t c = 0; c < CONTENTS; c++) {
    for (size_t s = 0; s < sizeof sizes / sizeof sizes[0]; s++) {
      contents[c].fill(t.in + (LARGEST - sizes[s]), sizes[s]);
      for (oa_shape shape = OA_SHAPE_TEXT; shape <= OA_SHAPE_VALUES; shape++) {
        for (size_t i = 0; i < STRIDES; i++) {
          if (takes(shape, strides[i])) {
            expect_back(&t, sizes[s], shape, strides[i], contents[c].name, s);
          }
        }
      }
    }
  }
  trial_reset(&t);
}

/* One repeat of each length from each place around the block's end. */
static void repeats_across_a_block_end_come_back(void **state) {
  (void)state;
  trial t;
  trial_init(&t);
  const size_t len = BLOCK + 600;
  uint8_t *in = t.in + (LARGEST - len);
  for (size_t stride = 4; stride <= 16; stride *= 2) {
    for (size_t before = 0; before <= 12; before++) {
      for (size_t run = 1; run <= 40; run += before % 3 + 1) {
        fill_random(in, len);
        for (size_t i = 0; i < run; i++) {
          in[BLOCK - before + i] = in[BLOCK - before + i - stride];
        }
        expect_back(&t, len, OA_SHAPE_STRIDED, stride, "run", run);
      }
    }
  }
  trial_reset(&t);
}

/* Repeats longer than a block that end shortly before or behind a block's end,
 * or that are about whole blocks long: what a cut leaves over may be shorter
 * than any match. */
static void repeats_of_whole_blocks_come_back(void **state) {
  (void)state;
  static const size_t starts[] = {16, 1000, BLOCK - 4, BLOCK - 1, BLOCK + 5};
  trial t;
  trial_init(&t);
  for (size_t i = 0; i < 5; i++) {
    for (size_t blocks = 1; blocks <= 2; blocks++) {
      for (size_t off = 0; off <= 16; off++) {
        /* 8 is no offset at all. */
        const size_t end = blocks * BLOCK + off - 8;
        const size_t ends[] = {end, end + starts[i]};
        for (size_t k = 0; k < 2; k++) {
          const size_t len = ends[k] + 600;
          uint8_t *in = t.in + (LARGEST - len);
          const size_t stride = strides[(off + i) % 3 + 1];
          fill_random(in, len);
          for (size_t at = starts[i]; at < ends[k]; at++) {
            in[at] = in[at - stride];
          }
          in[ends[k]] = (uint8_t)~in[ends[k] - stride];
          expect_back(&t, len, OA_SHAPE_STRIDED, stride, "end", ends[k]);
        }
      }
    }
  }
  trial_reset(&t);
}

/* Bytes that mostly equal those STRIDE before, in runs of random lengths; near
 * the ends of blocks the runs are short, or long enough to step over them. */
static void fill_runs(uint8_t *in, size_t len, size_t stride, uint64_t *seed) {
  const size_t common = 1 + draw(seed) % 60;
  const size_t long_one = 1 + draw(seed) % 3 * (draw(seed) % 200000);
  const bool single = draw(seed) % 2 == 0;
  for (size_t at = 0; at < len;) {
    size_t fresh = single ? 1 : draw(seed) % 20;
    for (; fresh > 0 && at < len; fresh--) {
      in[at++] = (uint8_t)draw(seed);
    }
    const size_t near = at % BLOCK;
    size_t run = draw(seed) % common;
    if (near > BLOCK - 100 || near < 50) {
      run = draw(seed) % 9;
    } else if (draw(seed) % 50 == 0) {
      run = draw(seed) % long_one;
    } else if (draw(seed) % 100 == 0) {
      run = BLOCK - near + draw(seed) % 7 - 3; /* to about the block's end */
    }
    for (; run > 0 && at < len; run--, at++) {
      in[at] = at >= stride ? in[at - stride] : 0;
    }
  }
}

static void fill_values(uint8_t *in, size_t len, size_t width, uint64_t *seed) {
  const size_t far = 1 + draw(seed) % 3000;
  const size_t fresh = 1 + draw(seed) % 20;
  for (size_t at = 0; at < len; at += width) {
    const size_t size = len - at < width ? len - at : width;
    const size_t back = (1 + draw(seed) % far) * width;
    if (back <= at && draw(seed) % fresh != 0) {
      memcpy(in + at, in + at - back, size);
      continue;
    }
    for (size_t i = 0; i < size; i++) {
      in[at + i] = (uint8_t)draw(seed);
    }
  }
}

static size_t draw_length(uint64_t *seed) {
  switch (draw(seed) % 8) {
    case 0:
      return draw(seed) % 300;
    case 1:
      return draw(seed) % 20000;
    case 2:
      return 2 * BLOCK - 20 + draw(seed) % 40;
    case 3:
      return LARGEST - draw(seed) % 10000;
    default:
      return BLOCK - 20 + draw(seed) % 1000;
  }
}

static void random_columns_come_back(void **state) {
  (void)state;
  trial t;
  trial_init(&t);
  uint64_t seed = 0x2545F4914F6CDD1Du;
  for (size_t i = 0; i < RANDOM_CASES; i++) {
    const size_t len = draw_length(&seed);
    const bool whole = draw(&seed) % 4 == 0;
    const size_t stride =
        whole ? (size_t)8 << (draw(&seed) % 2) : strides[draw(&seed) % STRIDES];
    uint8_t *in = t.in + (LARGEST - len);
    if (whole) {
      fill_values(in, len, stride, &seed);
    } else {
      fill_runs(in, len, stride, &seed);
    }
    const oa_shape shape = whole                   ? OA_SHAPE_VALUES
                           : draw(&seed) % 20 == 0 ? OA_SHAPE_NUMBERS
                                                   : OA_SHAPE_STRIDED;
    expect_back(&t, len, shape, stride, "case", i);
  }
  trial_reset(&t);
}

/* The reason why this code exists. */
static void what_is_known_of_the_bytes_makes_them_smaller(void **state) {
  (void)state;
  trial t;
  trial_init(&t);
  uint8_t *in = t.in + (LARGEST - BIG);
  fill_times(in, BIG);
  expect_back(&t, BIG, OA_SHAPE_TEXT, 8, "times", 0);
  const size_t times = t.packed.len;
  expect_back(&t, BIG, OA_SHAPE_STRIDED, 8, "times", 1);
  assert_true(t.packed.len < times);
  fill_offsets(in, BIG);
  expect_back(&t, BIG, OA_SHAPE_TEXT, 4, "offsets", 0);
  const size_t offsets = t.packed.len;
  expect_back(&t, BIG, OA_SHAPE_STRIDED, 4, "offsets", 1);
  assert_true(t.packed.len * 2 < offsets);
  fill_ids(in, BIG);
  expect_back(&t, BIG, OA_SHAPE_VALUES, 16, "ids", 0);
  assert_true(t.packed.len * 2 < BIG);
  fill_random(in, BIG);
  expect_back(&t, BIG, OA_SHAPE_STRIDED, 8, "random", 0);
  assert_true(t.packed.len < BIG + 100);
  trial_reset(&t);
}

static void a_frame_depends_on_its_own_bytes_alone(void **state) {
  (void)state;
  trial t;
  trial_init(&t);
  for (oa_shape shape = OA_SHAPE_TEXT; shape <= OA_SHAPE_VALUES; shape++) {
    oa_buf first = {0};
    fill_ids(t.in, BIG);
    assert_int_equal(
        oa_deflate_shaped(t.deflater, t.in, 5000, shape, 16, &first), OA_OK);
    oa_buf other = {0};
    assert_int_equal(
        oa_deflate_shaped(t.deflater, t.in, BIG, shape, 16, &other), OA_OK);
    oa_buf again = {0};
    assert_int_equal(
        oa_deflate_shaped(t.deflater, t.in, 5000, shape, 16, &again), OA_OK);
    assert_int_equal(again.len, first.len);
    assert_memory_equal(again.data, first.data, first.len);
    oa_buf_free(&first);
    oa_buf_free(&other);
    oa_buf_free(&again);
  }
  trial_reset(&t);
}

/* A reader that keeps the window only, and not all that was before. */
static void ids_from_far_back_need_no_larger_window(void **state) {
  (void)state;
  const size_t len = (1 << 20) + 64;
  const size_t gap = 1000000; /* a multiple of 16 */
  uint8_t *in = oa_malloc(len);
  uint8_t *out = oa_malloc(len);
  oa_deflater *deflater = NULL;
  oa_buf packed = {0};
  assert_true(in != NULL && out != NULL);
  fill_random(in, len);
  /* One id for far longer than the window, then those of the beginning. */
  for (size_t at = 4096; at + 16 <= len; at += 16) {
    const size_t far = at - gap;
    memmove(in + at, in + (at >= gap && far < 4096 ? far : 4096), 16);
  }
  assert_int_equal(oa_deflater_new(&deflater, OA_CODING_ZSTD, 0), OA_OK);
  assert_int_equal(
      oa_deflate_shaped(deflater, in, len, OA_SHAPE_VALUES, 16, &packed),
      OA_OK);
  ZSTD_DCtx *zstd = ZSTD_createDCtx();
  ZSTD_inBuffer from = {.src = packed.data, .size = packed.len};
  size_t left = 1;
  size_t made = 0;
  while (left != 0 && made < len) {
    uint8_t part[1000];
    ZSTD_outBuffer to = {.dst = part, .size = sizeof part};
    left = ZSTD_decompressStream(zstd, &to, &from);
    assert_false(ZSTD_isError(left));
    assert_true(to.pos <= len - made);
    memcpy(out + made, part, to.pos);
    made += to.pos;
  }
  assert_int_equal(made, len);
  assert_int_equal(memcmp(in, out, len), 0);
  ZSTD_freeDCtx(zstd);
  oa_deflater_free(deflater);
  oa_buf_free(&packed);
  oa_free(in);
  oa_free(out);
}

/* An input that ends at its block's end, whatever the stride. */
static void strides_as_long_as_the_input_come_back(void **state) {
  (void)state;
  trial t;
  trial_init(&t);
  fill_counter(t.in, LARGEST);
  for (size_t len = 1; len < 600; len += 7) {
    for (size_t stride = len - 1; stride <= len + 1; stride++) {
      if (stride > 0) {
        expect_back(&t, len, OA_SHAPE_STRIDED, stride, "long stride", stride);
      }
    }
  }
  trial_reset(&t);
}

static void other_codecs_do_as_without_a_shape(void **state) {
  (void)state;
  static const oa_coding others[] = {OA_CODING_GZIP, OA_CODING_LZ4};
  trial t;
  trial_init(&t);
  fill_times(t.in, BIG);
  for (size_t c = 0; c < 2; c++) {
    oa_deflater *deflater = NULL;
    oa_buf plain = {0};
    oa_buf shaped = {0};
    assert_int_equal(oa_deflater_new(&deflater, others[c], 0), OA_OK);
    assert_int_equal(oa_deflate(deflater, t.in, BIG, &plain), OA_OK);
    for (oa_shape shape = OA_SHAPE_TEXT; shape <= OA_SHAPE_VALUES; shape++) {
      shaped.len = 0;
      assert_int_equal(
          oa_deflate_shaped(deflater, t.in, BIG, shape, 8, &shaped), OA_OK);
      assert_int_equal(shaped.len, plain.len);
      assert_int_equal(memcmp(shaped.data, plain.data, plain.len), 0);
    }
    oa_buf_free(&plain);
    oa_buf_free(&shaped);
    oa_deflater_free(deflater);
  }
  trial_reset(&t);
}

static void no_memory_is_a_status_and_the_next_frame_is_whole(void **state) {
  (void)state;
  trial t;
  trial_init(&t);
  fill_times(t.in, LARGEST);
  for (oa_shape shape = OA_SHAPE_TEXT; shape <= OA_SHAPE_VALUES; shape++) {
    oa_status status = OA_ERR_NOMEM;
    for (int64_t n = 0; status != OA_OK; n++) {
      oa_deflater *deflater = NULL;
      oa_buf out = {0};
      oa_mem_fail_after(n);
      status = oa_deflater_new(&deflater, OA_CODING_ZSTD, 0);
      if (status == OA_OK) {
        status = oa_deflate_shaped(deflater, t.in, BIG, shape, 8, &out);
      }
      oa_mem_fail_after(-1);
      if (status != OA_OK) {
        assert_int_equal(status, OA_ERR_NOMEM);
        assert_int_equal(out.len, 0);
      } else {
        assert_true(n > 1);
      }
      if (deflater != NULL && status != OA_OK) {
        assert_int_equal(oa_deflate_shaped(deflater, t.in, BIG, shape, 8, &out),
                         OA_OK);
        assert_int_equal(oa_inflate_exact(t.inflater, OA_CODING_ZSTD, out.data,
                                          out.len, t.out, BIG, NULL),
                         OA_OK);
        assert_int_equal(memcmp(t.out, t.in, BIG), 0);
      }
      oa_buf_free(&out);
      oa_deflater_free(deflater);
    }
  }
  trial_reset(&t);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_size_and_shape_comes_back),
      cmocka_unit_test(repeats_across_a_block_end_come_back),
      cmocka_unit_test(repeats_of_whole_blocks_come_back),
      cmocka_unit_test(random_columns_come_back),
      cmocka_unit_test(what_is_known_of_the_bytes_makes_them_smaller),
      cmocka_unit_test(a_frame_depends_on_its_own_bytes_alone),
      cmocka_unit_test(ids_from_far_back_need_no_larger_window),
      cmocka_unit_test(strides_as_long_as_the_input_come_back),
      cmocka_unit_test(other_codecs_do_as_without_a_shape),
      cmocka_unit_test(no_memory_is_a_status_and_the_next_frame_is_whole),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
