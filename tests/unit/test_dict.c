/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#include "base/dict.h"
#include "base/mem.h"

enum { MANY = 6000, LONGEST = 40 };

/* The model: what was added, one string a row. */
typedef struct model {
  uint8_t text[MANY][LONGEST];
  uint8_t len[MANY];
  uint32_t count;
} model;

static uint64_t draw(uint64_t *seed) {
  *seed = *seed * UINT64_C(6364136223846793005) + 1442695040888963407u;
  return *seed >> 32;
}

static int32_t find(const oa_dict *dict, const void *bytes, size_t len) {
  return oa_dict_find(dict, bytes, len, oa_dict_hash(dict, bytes, len));
}

static int32_t add(oa_dict *dict, const void *bytes, size_t len) {
  return oa_dict_add(dict, bytes, len, oa_dict_hash(dict, bytes, len));
}

static int32_t model_find(const model *m, const uint8_t *text, size_t len) {
  for (uint32_t i = 0; i < m->count; i++) {
    if (m->len[i] == len && memcmp(m->text[i], text, len) == 0) {
      return (int32_t)i;
    }
  }
  return -1;
}

static void expect_all(const oa_dict *dict, const model *m) {
  assert_int_equal(dict->count, m->count);
  for (uint32_t i = 0; i < m->count; i++) {
    size_t len = 0;
    const uint8_t *text = oa_dict_get(dict, (int32_t)i, &len);
    if (len != m->len[i] || (len > 0 && memcmp(text, m->text[i], len) != 0)) {
      fail_msg("string %u differs", i);
    }
    if (find(dict, m->text[i], len) != (int32_t)i) {
      fail_msg("string %u is not found", i);
    }
  }
}

/* Short strings of few letters, so that many are drawn twice. */
static size_t draw_text(uint64_t *seed, uint8_t *text) {
  const size_t len =
      draw(seed) % 4 == 0 ? draw(seed) % LONGEST : draw(seed) % 8;
  for (size_t i = 0; i < len; i++) {
    text[i] = (uint8_t)(draw(seed) % 5);
  }
  return len;
}

static void add_random(oa_dict *dict, model *m, uint64_t *seed) {
  uint8_t text[LONGEST];
  const size_t len = draw_text(seed, text);
  const int32_t want = model_find(m, text, len);
  assert_int_equal(find(dict, text, len), want);
  if (want < 0 && m->count < MANY) {
    assert_int_equal(add(dict, text, len), m->count);
    memcpy(m->text[m->count], text, len);
    m->len[m->count++] = (uint8_t)len;
  }
}

static void it_does_as_a_list_would(void **state) {
  (void)state;
  model *m = oa_calloc(1, sizeof *m);
  oa_dict dict = {.seed = 42};
  uint64_t seed = 1;
  assert_non_null(m);
  for (unsigned round = 0; round < 40; round++) {
    const uint32_t more = (uint32_t)(draw(&seed) % 400);
    for (uint32_t i = 0; i < more; i++) {
      add_random(&dict, m, &seed);
    }
    expect_all(&dict, m);
    if (round % 11 == 10) {
      oa_dict_clear(&dict);
      m->count = 0;
    } else {
      const uint32_t keep = (uint32_t)(draw(&seed) % (m->count + 2));
      oa_dict_truncate(&dict, keep);
      for (uint32_t i = keep; i < m->count; i++) {
        assert_int_equal(find(&dict, m->text[i], m->len[i]), -1);
      }
      m->count = keep < m->count ? keep : m->count;
    }
    expect_all(&dict, m);
  }
  oa_dict_free(&dict);
  oa_free(m);
}

static void thousands_are_found_after_every_cut(void **state) {
  (void)state;
  oa_dict dict = {.seed = 7};
  char text[16];
  for (uint32_t i = 0; i < 20000; i++) {
    const int len = snprintf(text, sizeof text, "id-%u", i);
    assert_int_equal(add(&dict, text, (size_t)len), i);
  }
  for (uint32_t keep = 20000; keep > 0; keep = keep * 3 / 4) {
    oa_dict_truncate(&dict, keep);
    for (uint32_t i = 0; i < 20000; i += 1 + i % 3) {
      const int len = snprintf(text, sizeof text, "id-%u", i);
      assert_int_equal(find(&dict, text, (size_t)len),
                       i < keep ? (int32_t)i : -1);
    }
  }
  oa_dict_free(&dict);
}

static void the_empty_string_is_a_string(void **state) {
  (void)state;
  oa_dict dict = {.seed = 1};
  size_t len = 9;
  assert_int_equal(find(&dict, "", 0), -1);
  assert_int_equal(add(&dict, "", 0), 0);
  assert_int_equal(find(&dict, "", 0), 0);
  (void)oa_dict_get(&dict, 0, &len);
  assert_int_equal(len, 0);
  assert_true(oa_dict_is(&dict, 0, "", 0));
  assert_false(oa_dict_is(&dict, 0, "x", 1));
  assert_false(oa_dict_is(&dict, 1, "", 0));
  assert_int_equal(add(&dict, "x", 1), 1);
  oa_dict_truncate(&dict, 1);
  assert_int_equal(find(&dict, "", 0), 0);
  assert_int_equal(find(&dict, "x", 1), -1);
  oa_dict_truncate(&dict, 0);
  assert_int_equal(find(&dict, "", 0), -1);
  oa_dict_free(&dict);
}

/* Strings whose hashes begin at the last slots step over the end of the table
 * to its front; a cut must follow them there. */
static void strings_of_one_slot_wrap_around_and_are_cut(void **state) {
  (void)state;
  enum { CROWD = 12 };
  oa_dict dict = {.seed = 3};
  char texts[CROWD][16];
  uint32_t found = 0;
  assert_int_equal(add(&dict, "first", 5), 0); /* makes the table */
  for (uint32_t i = 0; found < CROWD; i++) {
    char text[16];
    const int len = snprintf(text, sizeof text, "%u", i);
    const uint32_t hash = oa_dict_hash(&dict, text, (size_t)len);
    if ((hash & dict.mask) >= dict.mask - 1) {
      memcpy(texts[found++], text, sizeof text);
    }
  }
  for (uint32_t i = 0; i < CROWD; i++) {
    assert_int_equal(add(&dict, texts[i], strlen(texts[i])), i + 1);
  }
  for (uint32_t keep = CROWD + 1; keep-- > 0;) {
    oa_dict_truncate(&dict, keep);
    assert_int_equal(find(&dict, "first", 5), keep > 0 ? 0 : -1);
    for (uint32_t i = 0; i < CROWD; i++) {
      assert_int_equal(find(&dict, texts[i], strlen(texts[i])),
                       i + 1 < keep ? (int32_t)i + 1 : -1);
    }
  }
  oa_dict_free(&dict);
}

/* A hash that its caller forces on two strings: they are told apart still. */
static void equal_hashes_are_no_equal_strings(void **state) {
  (void)state;
  oa_dict dict = {.seed = 5};
  for (int32_t i = 0; i < 20; i++) {
    const uint8_t text[] = {'k', (uint8_t)i};
    assert_int_equal(oa_dict_find(&dict, text, 2, 0x12345678), -1);
    assert_int_equal(oa_dict_add(&dict, text, 2, 0x12345678), i);
  }
  for (int32_t i = 0; i < 20; i++) {
    const uint8_t text[] = {'k', (uint8_t)i};
    assert_int_equal(oa_dict_find(&dict, text, 2, 0x12345678), i);
    assert_int_equal(oa_dict_find(&dict, text, 1, 0x12345678), -1);
  }
  oa_dict_free(&dict);
}

static void seeds_give_other_hashes(void **state) {
  (void)state;
  const oa_dict a = {.seed = 1};
  const oa_dict b = {.seed = 2};
  uint32_t same = 0;
  for (uint32_t i = 0; i < 1000; i++) {
    same += oa_dict_hash(&a, &i, sizeof i) == oa_dict_hash(&b, &i, sizeof i);
  }
  assert_true(same < 5);
}

static void bytes_are_compared_whole_at_every_length(void **state) {
  (void)state;
  for (size_t len = 0; len <= 70; len++) {
    uint8_t *a = oa_malloc(len + 1);
    uint8_t *b = oa_malloc(len + 1);
    for (size_t i = 0; i < len; i++) {
      a[i] = b[i] = (uint8_t)(i * 31);
    }
    assert_true(oa_bytes_equal(a, b, len));
    for (size_t i = 0; i < len; i++) {
      b[i] ^= 0x80;
      assert_false(oa_bytes_equal(a, b, len));
      b[i] ^= 0x80;
    }
    oa_free(a);
    oa_free(b);
  }
}

static void clearing_keeps_the_memory_and_freeing_gives_it_back(void **state) {
  (void)state;
  oa_dict dict = {.seed = 11};
  assert_int_equal(oa_dict_memory(&dict), 0);
  for (uint32_t i = 0; i < 1000; i++) {
    assert_int_equal(add(&dict, &i, sizeof i), i);
  }
  const size_t memory = oa_dict_memory(&dict);
  /* Strings, offsets, and at least two slots of five bytes a string. */
  assert_true(memory >= (size_t)1000 * (4 + 4 + 2 * 5));
  assert_true(memory <= (size_t)1000 * 64);
  oa_dict_clear(&dict);
  assert_int_equal(oa_dict_memory(&dict), memory);
  for (uint32_t i = 0; i < 1000; i++) {
    assert_int_equal(find(&dict, &i, sizeof i), -1);
    assert_int_equal(add(&dict, &i, sizeof i), i);
  }
  assert_int_equal(oa_dict_memory(&dict), memory);
  oa_dict_free(&dict);
  assert_int_equal(oa_dict_memory(&dict), 0);
  assert_int_equal(dict.seed, 11);
  oa_dict_clear(&dict);
  oa_dict_truncate(&dict, 0);
  assert_int_equal(find(&dict, "x", 1), -1);
}

static void no_memory_leaves_the_strings_as_they_were(void **state) {
  (void)state;
  oa_dict dict = {.seed = 13};
  uint32_t refused = 0;
  for (uint32_t i = 0; i < 2000; i++) {
    for (int64_t n = 0;; n++) {
      oa_mem_fail_after(n);
      const int32_t number = add(&dict, &i, sizeof i);
      oa_mem_fail_after(-1);
      if (number >= 0) {
        assert_int_equal(number, i);
        break;
      }
      refused++;
      assert_int_equal(dict.count, i);
      assert_int_equal(find(&dict, &i, sizeof i), -1);
      assert_true(i == 0 ||
                  find(&dict, &(uint32_t){i - 1}, sizeof i) == (int32_t)i - 1);
    }
  }
  assert_true(refused > 10);
  for (uint32_t i = 0; i < 2000; i++) {
    assert_int_equal(find(&dict, &i, sizeof i), i);
  }
  oa_dict_free(&dict);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(it_does_as_a_list_would),
      cmocka_unit_test(thousands_are_found_after_every_cut),
      cmocka_unit_test(the_empty_string_is_a_string),
      cmocka_unit_test(strings_of_one_slot_wrap_around_and_are_cut),
      cmocka_unit_test(equal_hashes_are_no_equal_strings),
      cmocka_unit_test(seeds_give_other_hashes),
      cmocka_unit_test(bytes_are_compared_whole_at_every_length),
      cmocka_unit_test(clearing_keeps_the_memory_and_freeing_gives_it_back),
      cmocka_unit_test(no_memory_leaves_the_strings_as_they_were),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
