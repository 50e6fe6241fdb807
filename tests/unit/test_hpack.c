/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <nghttp2/nghttp2.h>
#include <stdbool.h>
#include <string.h>

#include "base/mem.h"
#include "net/hpack.h"

typedef struct seen {
  char text[512];
  size_t count;
} seen;

static void note(void *context, const uint8_t *name, size_t name_len,
                 const uint8_t *value, size_t value_len) {
  seen *s = context;
  strncat(s->text, (const char *)name, name_len);
  strncat(s->text, "=", 2);
  strncat(s->text, (const char *)value, value_len);
  strncat(s->text, ";", 2);
  s->count++;
}

static nghttp2_nv field(const char *name, const char *value) {
  return (nghttp2_nv){(uint8_t *)(uintptr_t)name, (uint8_t *)(uintptr_t)value,
                      strlen(name), strlen(value), NGHTTP2_NV_FLAG_NONE};
}

static size_t encode(nghttp2_hd_deflater *deflater, uint8_t *out, size_t size) {
  const nghttp2_nv fields[] = {field("grpc-timeout", "5S"),
                               field("x-tenant", "alpha")};
  const ssize_t len = nghttp2_hd_deflate_hd(deflater, out, size, fields, 2);
  assert_true(len > 0);
  return (size_t)len;
}

static void blocks_build_on_those_before(void **state) {
  (void)state;
  nghttp2_hd_deflater *deflater;
  oa_hpack *hpack;
  uint8_t first[128];
  uint8_t second[128];
  assert_int_equal(nghttp2_hd_deflate_new(&deflater, 4096), 0);
  const size_t first_len = encode(deflater, first, sizeof first);
  const size_t second_len = encode(deflater, second, sizeof second);
  assert_true(second_len < first_len);
  assert_int_equal(oa_hpack_new(&hpack), OA_OK);
  seen s = {0};
  assert_int_equal(oa_hpack_read(hpack, first, first_len, 4096, note, &s),
                   OA_OK);
  assert_string_equal(s.text, "grpc-timeout=5S;x-tenant=alpha;");
  s = (seen){0};
  assert_int_equal(oa_hpack_read(hpack, second, second_len, 4096, note, &s),
                   OA_OK);
  assert_string_equal(s.text, "grpc-timeout=5S;x-tenant=alpha;");
  assert_int_equal(oa_hpack_read(hpack, second, 0, 4096, note, &s), OA_OK);
  oa_hpack_free(hpack);
  /* Without the first, the second means nothing. */
  assert_int_equal(oa_hpack_new(&hpack), OA_OK);
  assert_int_equal(oa_hpack_read(hpack, second, second_len, 4096, note, &s),
                   OA_ERR_MALFORMED);
  oa_hpack_free(hpack);
  nghttp2_hd_deflate_del(deflater);
}

static void long_and_broken_blocks_are_refused(void **state) {
  (void)state;
  nghttp2_hd_deflater *deflater;
  uint8_t block[128];
  assert_int_equal(nghttp2_hd_deflate_new(&deflater, 4096), 0);
  const size_t len = encode(deflater, block, sizeof block);
  for (size_t cut = 0; cut <= len; cut++) {
    oa_hpack *hpack;
    seen s = {0};
    assert_int_equal(oa_hpack_new(&hpack), OA_OK);
    const oa_status status = oa_hpack_read(hpack, block, cut, 4096, note, &s);
    assert_true(status == OA_OK || status == OA_ERR_MALFORMED);
    assert_true(cut < len || status == OA_OK);
    oa_hpack_free(hpack);
    assert_int_equal(oa_hpack_new(&hpack), OA_OK);
    assert_true(oa_hpack_read(hpack, block, cut, 40, note, &s) != OA_OK ||
                cut < len);
    oa_hpack_free(hpack);
  }
  nghttp2_hd_deflate_del(deflater);
}

static void without_memory_it_says_so(void **state) {
  (void)state;
  nghttp2_hd_deflater *deflater;
  uint8_t block[128];
  assert_int_equal(nghttp2_hd_deflate_new(&deflater, 4096), 0);
  const size_t len = encode(deflater, block, sizeof block);
  bool done = false;
  for (long n = 0; !done; n++) {
    oa_hpack *hpack = NULL;
    seen s = {0};
    oa_mem_fail_after(n);
    oa_status status = oa_hpack_new(&hpack);
    if (status == OA_OK) {
      status = oa_hpack_read(hpack, block, len, 4096, note, &s);
    }
    oa_mem_fail_after(-1);
    assert_true(status == OA_OK || status == OA_ERR_NOMEM);
    done = status == OA_OK;
    oa_hpack_free(hpack);
  }
  nghttp2_hd_deflate_del(deflater);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(blocks_build_on_those_before),
      cmocka_unit_test(long_and_broken_blocks_are_refused),
      cmocka_unit_test(without_memory_it_says_so),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
