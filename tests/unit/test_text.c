/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/text.h"

/* CODE in MORE + 1 bytes, whether UTF-8 would have it so or not. */
static size_t encode(uint8_t *out, uint32_t code, size_t more) {
  static const uint8_t leads[] = {0x00, 0xC0, 0xE0, 0xF0};
  out[0] = (uint8_t)(leads[more] | (code >> (6 * more)));
  for (size_t i = 1; i <= more; i++) {
    out[i] = (uint8_t)(0x80 | ((code >> (6 * (more - i))) & 0x3F));
  }
  return more + 1;
}

static size_t shortest(uint32_t code) {
  return code < 0x80 ? 0 : code < 0x800 ? 1 : code < 0x10000 ? 2 : 3;
}

static bool is_scalar(uint32_t code) {
  return code <= 0x10FFFF && (code < 0xD800 || code > 0xDFFF);
}

/* Every number that two, three or four bytes can hold, in its shortest form
 * and in the longer ones: that is all of table 3-7. */
static void exactly_the_scalar_values_in_shortest_form_are_valid(void **state) {
  (void)state;
  for (uint32_t code = 0; code < 0x200000; code++) {
    for (size_t more = shortest(code); more <= 3; more++) {
      uint8_t bytes[4];
      const size_t len = encode(bytes, code, more);
      const bool want = more == shortest(code) && is_scalar(code);
      if (oa_utf8_valid(bytes, len) != want) {
        fail_msg("U+%X in %zu bytes", code, len);
      }
    }
  }
}

static void sequences_that_end_early_are_not_valid(void **state) {
  (void)state;
  static const uint32_t codes[] = {0x80,   0x7FF,  0x800,   0xFFFF,
                                   0xD7FF, 0xE000, 0x10000, 0x10FFFF};
  for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++) {
    uint8_t bytes[5];
    const size_t len = encode(bytes, codes[i], shortest(codes[i]));
    for (size_t cut = 1; cut < len; cut++) {
      uint8_t *copy = oa_malloc(cut);
      memcpy(copy, bytes, cut);
      assert_false(oa_utf8_valid(copy, cut));
      oa_free(copy);
      const uint8_t after = bytes[cut];
      bytes[cut] = 'a';
      assert_false(oa_utf8_valid(bytes, len));
      bytes[cut] = after;
    }
  }
}

static void bytes_that_begin_nothing_are_not_valid(void **state) {
  (void)state;
  for (unsigned lead = 0x80; lead < 0x100; lead++) {
    const uint8_t bytes[] = {(uint8_t)lead, 0x80, 0x80, 0x80};
    if (lead < 0xC2 || lead > 0xF4) {
      for (size_t len = 1; len <= sizeof bytes; len++) {
        assert_false(oa_utf8_valid(bytes, len));
      }
    }
  }
}

/* ASCII goes by eight bytes: a bad byte is found at every place of them. */
static void every_place_of_a_long_text_is_looked_at(void **state) {
  (void)state;
  uint8_t text[64];
  memset(text, 'x', sizeof text);
  for (size_t len = 0; len <= sizeof text; len++) {
    assert_true(oa_utf8_valid(text, len));
    for (size_t at = 0; at < len; at++) {
      text[at] = 0xFF;
      assert_false(oa_utf8_valid(text, len));
      text[at] = 0xC3;
      assert_false(oa_utf8_valid(text, len));
      if (at + 1 < len) {
        text[at + 1] = 0xBC;
        assert_true(oa_utf8_valid(text, len));
        text[at + 1] = 'x';
      }
      text[at] = 'x';
    }
  }
  assert_true(oa_utf8_valid(NULL, 0));
}

typedef struct vector {
  const char *in;
  size_t in_len;
  const char *out;
  size_t out_len;
} vector;

/* Made by Python: bytes.decode("utf-8", errors="replace").encode(). */
static const vector vectors[] = {
    {"", 0, "", 0},
    {"plain", 5, "plain", 5},
    {"\200", 1, "\357\277\275", 3},
    {"\277", 1, "\357\277\275", 3},
    {"\200\200\200", 3, "\357\277\275\357\277\275\357\277\275", 9},
    {"a\377b", 3, "a\357\277\275b", 5},
    {"\376", 1, "\357\277\275", 3},
    {"\300\257", 2, "\357\277\275\357\277\275", 6},
    {"\301\277", 2, "\357\277\275\357\277\275", 6},
    {"\302", 1, "\357\277\275", 3},
    {"\302a", 2, "\357\277\275a", 4},
    {"\337\277", 2, "\337\277", 2},
    {"\337\300", 2, "\357\277\275\357\277\275", 6},
    {"\340\200\200", 3, "\357\277\275\357\277\275\357\277\275", 9},
    {"\340\237\277", 3, "\357\277\275\357\277\275\357\277\275", 9},
    {"\340\240\200", 3, "\340\240\200", 3},
    {"\340\240", 2, "\357\277\275", 3},
    {"\340\240a", 3, "\357\277\275a", 4},
    {"\341\200", 2, "\357\277\275", 3},
    {"\341\200\302", 3, "\357\277\275\357\277\275", 6},
    {"\342\202\254", 3, "\342\202\254", 3},
    {"\342\202", 2, "\357\277\275", 3},
    {"\342(\241", 3, "\357\277\275(\357\277\275", 7},
    {"\355\237\277", 3, "\355\237\277", 3},
    {"\355\240\200", 3, "\357\277\275\357\277\275\357\277\275", 9},
    {"\355\277\277", 3, "\357\277\275\357\277\275\357\277\275", 9},
    {"\355\237", 2, "\357\277\275", 3},
    {"\356\200\200", 3, "\356\200\200", 3},
    {"\357\277\277", 3, "\357\277\277", 3},
    {"\357\277\275", 3, "\357\277\275", 3},
    {"\360\200\200\200", 4, "\357\277\275\357\277\275\357\277\275\357\277\275",
     12},
    {"\360\217\277\277", 4, "\357\277\275\357\277\275\357\277\275\357\277\275",
     12},
    {"\360\220\200\200", 4, "\360\220\200\200", 4},
    {"\360\220\200", 3, "\357\277\275", 3},
    {"\360\220", 2, "\357\277\275", 3},
    {"\360", 1, "\357\277\275", 3},
    {"\360\220\200a", 4, "\357\277\275a", 4},
    {"\360\237\222\251", 4, "\360\237\222\251", 4},
    {"\360\237\222", 3, "\357\277\275", 3},
    {"\361\200\200\341\200\302b\200c\200\277d", 12,
     "\357\277\275\357\277\275\357\277\275b\357\277\275c\357\277\275\357\277"
     "\275d",
     21},
    {"\364\217\277\277", 4, "\364\217\277\277", 4},
    {"\364\220\200\200", 4, "\357\277\275\357\277\275\357\277\275\357\277\275",
     12},
    {"\364\221\222\223\377A\200\277B", 9,
     "\357\277\275\357\277\275\357\277\275\357\277\275\357\277\275A\357\277\275"
     "\357\277\275B",
     23},
    {"\365\200\200\200", 4, "\357\277\275\357\277\275\357\277\275\357\277\275",
     12},
    {"\367\277\277\277", 4, "\357\277\275\357\277\275\357\277\275\357\277\275",
     12},
    {"\370\210\200\200\200", 5,
     "\357\277\275\357\277\275\357\277\275\357\277\275\357\277\275", 15},
    {"\374\204\200\200\200\200", 6,
     "\357\277\275\357\277\275\357\277\275\357\277\275\357\277\275\357\277\275",
     18},
    {"a\361\200\200\341\200\302b\200c\200\277d", 13,
     "a\357\277\275\357\277\275\357\277\275b\357\277\275c\357\277\275\357\277"
     "\275d",
     22},
    {"\300\257\340\200\277\360\201\202A", 9,
     "\357\277\275\357\277\275\357\277\275\357\277\275\357\277\275\357\277\275"
     "\357\277\275\357\277\275A",
     25},
    {"\355\240\200\355\277\277\355\257A", 9,
     "\357\277\275\357\277\275\357\277\275\357\277\275\357\277\275\357\277\275"
     "\357\277\275\357\277\275A",
     25},
    {"\341\200\342\360\221\222\361\277A", 9,
     "\357\277\275\357\277\275\357\277\275\357\277\275A", 13},
    {"\342\202\342\202\254", 5, "\357\277\275\342\202\254", 6},
    {"\360\237\360\237\222\251", 6, "\357\277\275\360\237\222\251", 7},
    {"12345678\377", 9, "12345678\357\277\275", 11},
    {"1234567\303\244", 9, "1234567\303\244", 9},
    {"12345678\342\202", 10, "12345678\357\277\275", 11},
    {"\000\377\000", 3, "\000\357\277\275\000", 5},
    {"\303(", 2, "\357\277\275(", 4},
    {"caf\351", 4, "caf\357\277\275", 6},
    {"\357\273\277bom", 6, "\357\273\277bom", 6},
};

static void repairing_replaces_maximal_subparts(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof vectors / sizeof vectors[0]; i++) {
    const vector *v = &vectors[i];
    /* A block of its own size: one read too many is found. */
    uint8_t *in = oa_malloc(v->in_len + (v->in_len == 0));
    memcpy(in, v->in, v->in_len);
    oa_buf out = {0};
    assert_int_equal(oa_buf_put(&out, ">", 1), OA_OK);
    assert_int_equal(oa_utf8_repair(&out, in, v->in_len), OA_OK);
    if (out.len != v->out_len + 1 ||
        memcmp(out.data + 1, v->out, v->out_len) != 0) {
      fail_msg("vector %zu", i);
    }
    const bool same =
        v->in_len == v->out_len && memcmp(v->in, v->out, v->in_len) == 0;
    assert_int_equal(oa_utf8_valid(in, v->in_len), same);
    oa_buf_free(&out);
    oa_free(in);
  }
}

static void what_is_repaired_is_valid_and_stays_as_it_is(void **state) {
  (void)state;
  uint64_t seed = 99;
  for (unsigned round = 0; round < 20000; round++) {
    uint8_t text[24];
    seed = seed * UINT64_C(6364136223846793005) + 1;
    const size_t len = (seed >> 40) % sizeof text;
    for (size_t i = 0; i < len; i++) {
      seed = seed * UINT64_C(6364136223846793005) + 1;
      /* Mostly bytes that have a meaning above ASCII. */
      text[i] = (uint8_t)((seed >> 56) | (round % 3 == 0 ? 0 : 0x80));
    }
    oa_buf once = {0};
    oa_buf twice = {0};
    assert_int_equal(oa_utf8_repair(&once, text, len), OA_OK);
    assert_true(oa_utf8_valid(once.data, once.len));
    assert_true(once.len <= 3 * len);
    assert_int_equal(oa_utf8_repair(&twice, once.data, once.len), OA_OK);
    assert_int_equal(twice.len, once.len);
    assert_true(once.len == 0 || memcmp(once.data, twice.data, once.len) == 0);
    oa_buf_free(&once);
    oa_buf_free(&twice);
  }
}

static void repairing_without_memory_is_a_status(void **state) {
  (void)state;
  uint8_t text[200];
  memset(text, 0xFF, sizeof text);
  for (int64_t n = 0;; n++) {
    oa_buf out = {0};
    oa_mem_fail_after(n);
    const oa_status status = oa_utf8_repair(&out, text, sizeof text);
    oa_mem_fail_after(-1);
    const size_t len = out.len;
    oa_buf_free(&out);
    if (status == OA_OK) {
      assert_int_equal(len, 3 * sizeof text);
      assert_true(n > 1);
      return;
    }
    assert_int_equal(status, OA_ERR_NOMEM);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(exactly_the_scalar_values_in_shortest_form_are_valid),
      cmocka_unit_test(sequences_that_end_early_are_not_valid),
      cmocka_unit_test(bytes_that_begin_nothing_are_not_valid),
      cmocka_unit_test(every_place_of_a_long_text_is_looked_at),
      cmocka_unit_test(repairing_replaces_maximal_subparts),
      cmocka_unit_test(what_is_repaired_is_valid_and_stays_as_it_is),
      cmocka_unit_test(repairing_without_memory_is_a_status),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
