/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes at all, as what a sender compressed: decompression must stop at
 * its bound and say so.  And as a column of numbers: what is compressed with
 * any shape and stride decompresses to the same bytes.
 *
 * The first byte chooses codec, shape and stride. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "codec/codec.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

enum { MAX_OUTPUT = 1 << 20, BLOCK = 128 * 1024, CODECS = 4, SHAPES = 4 };

static void check(int promise) {
  if (!promise) {
    abort();
  }
}

static void expand(oa_inflater *inflater, oa_coding codec, const uint8_t *data,
                   size_t len) {
  oa_buf out = {0};
  oa_error error = {0};
  check(oa_buf_put(&out, "head", 4) == OA_OK);
  const oa_status status =
      oa_inflate(inflater, codec, data, len, MAX_OUTPUT, &out, &error);
  check(out.len >= 4 && out.len - 4 <= MAX_OUTPUT);
  check(memcmp(out.data, "head", 4) == 0);
  if (status == OA_OK) {
    /* The other way to the same bytes. */
    const size_t size = out.len - 4;
    uint8_t *exact = oa_malloc(size + 1);
    check(exact != NULL);
    check(codec == OA_CODING_NONE ||
          oa_inflate_exact(inflater, codec, data, len, exact, size, NULL) ==
              OA_OK);
    check(codec == OA_CODING_NONE || memcmp(exact, out.data + 4, size) == 0);
    oa_free(exact);
  } else {
    check(out.len == 4 && error.code == status);
  }
  oa_buf_free(&out);
}

static void there_and_back(oa_inflater *inflater, oa_deflater *deflater,
                           oa_coding codec, oa_shape shape, size_t stride,
                           const uint8_t *data, size_t len) {
  oa_buf packed = {0};
  uint8_t *back = oa_malloc(len + 1);
  check(back != NULL);
  check(oa_deflate_shaped(deflater, data, len, shape, stride, &packed) ==
        OA_OK);
  check(oa_inflate_exact(inflater, codec, packed.data, packed.len, back, len,
                         NULL) == OA_OK);
  check(len == 0 || memcmp(back, data, len) == 0);
  oa_free(back);
  oa_buf_free(&packed);
}

/* The input again and again, up to a little past a block's end: short inputs
 * are all that a fuzzer tries, and blocks end far behind them. */
static uint8_t *repeated(const uint8_t *data, size_t len, size_t size) {
  uint8_t *all = oa_malloc(size);
  check(all != NULL);
  for (size_t at = 0; at < size; at += len) {
    memcpy(all + at, data, size - at < len ? size - at : len);
  }
  return all;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len) {
  if (len < 2) {
    return 0;
  }
  const oa_coding codec = (oa_coding)(data[0] % CODECS);
  const oa_shape shape = (oa_shape)(data[0] / CODECS % SHAPES);
  size_t stride = (size_t)1 << (data[0] / (CODECS * SHAPES) % 10);
  if (shape == OA_SHAPE_VALUES) {
    stride = stride < 8 ? 8 : 16;
  }
  oa_inflater *inflater = NULL;
  check(oa_inflater_new(&inflater) == OA_OK);
  expand(inflater, codec, data + 1, len - 1);
  if (codec == OA_CODING_NONE) {
    expand(inflater, OA_CODING_DEFLATE, data + 1, len - 1);
  }
  if (codec != OA_CODING_NONE) {
    oa_deflater *deflater = NULL;
    check(oa_deflater_new(&deflater, codec, 0) == OA_OK);
    there_and_back(inflater, deflater, codec, shape, stride, data + 1, len - 1);
    if (codec == OA_CODING_ZSTD && shape >= OA_SHAPE_STRIDED) {
      const size_t size = BLOCK + (size_t)data[1] * 4 + 1;
      uint8_t *all = repeated(data + 1, len - 1, size);
      there_and_back(inflater, deflater, codec, shape, stride, all, size);
      oa_free(all);
    }
    oa_deflater_free(deflater);
  }
  oa_inflater_free(inflater);
  return 0;
}
