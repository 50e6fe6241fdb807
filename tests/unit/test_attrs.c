/* SPDX-License-Identifier: Apache-2.0 */
#include "otlp_trial.h"

/* The attributes of span ROW. */
typedef struct list {
  const oa_array *items;
  int64_t first, count;
} list;

static list attributes_of(trial *t, int64_t row) {
  list l = {0};
  l.count =
      items_at(&columns_of(t)[OA_SPAN_ATTRIBUTES], row, &l.items, &l.first);
  return l;
}

static void assert_str(const list *l, int64_t i, const char *key,
                       const char *text) {
  assert_in_range(i, 0, l->count - 1);
  assert_text(&l->items[OA_ATTR_KEY], l->first + i, key);
  assert_int_equal(u8_at(&l->items[OA_ATTR_TYPE], l->first + i), OA_VALUE_STR);
  assert_text(&l->items[OA_ATTR_STR], l->first + i, text);
}

static void assert_int(const list *l, int64_t i, const char *key,
                       int64_t value) {
  assert_in_range(i, 0, l->count - 1);
  assert_text(&l->items[OA_ATTR_KEY], l->first + i, key);
  assert_int_equal(u8_at(&l->items[OA_ATTR_TYPE], l->first + i), OA_VALUE_INT);
  assert_int_equal(u64_at(&l->items[OA_ATTR_INT], l->first + i),
                   (uint64_t)value);
}

/* Texts that come again and again, in some order: numbers of a small set. */
static void name_text(char *out, size_t size, unsigned i) {
  /* Long and short ones, of the same head and tail, that share a place. */
  static const char *const shapes[] = {"%u", "text-%u-text", "x%u",
                                       "same-head-%u-same-tail-same-tail"};
  snprintf(out, size, shapes[i % 4], i);
}

static void texts_are_right_whatever_their_order(void **state) {
  (void)state;
  enum { SPANS = 40, EACH = 41 };
  trial t;
  request r = {0};
  uint32_t seed = 1;
  unsigned chosen[SPANS][EACH];
  char text[64];
  trial_init(&t, OA_TRACES);
  for (unsigned span = 0; span < SPANS; span++) {
    open_records(&r);
    const oa_emit_nest record = open_record(&r);
    for (unsigned i = 0; i < EACH; i++) {
      seed = seed * 1103515245U + 12345U;
      chosen[span][i] = (seed >> 16) % (span < 20 ? 30 : 3000);
      name_text(text, sizeof text, chosen[span][i]);
      put_str_attr(&r.e, 9, "key", text);
    }
    oa_emit_close(&r.e, record);
    close_records(&r);
    if (span % 7 == 0) {
      take(&t, &r);
    }
  }
  take(&t, &r);
  for (unsigned span = 0; span < SPANS; span++) {
    const list l = attributes_of(&t, span);
    assert_int_equal(l.count, EACH);
    for (unsigned i = 0; i < EACH; i++) {
      name_text(text, sizeof text, chosen[span][i]);
      assert_str(&l, i, "key", text);
    }
  }
  trial_free(&t);
}

static void texts_that_differ_in_the_middle_alone_are_told_apart(void **state) {
  (void)state;
  trial t;
  request r = {0};
  trial_init(&t, OA_TRACES);
  static const char *const texts[] = {
      "12345678abcd12345678", "12345678efgh12345678", "12345678abcd12345678",
      "12345678abcd12345678", "12345678efgh12345678", "12345678efgh12345678"};
  open_records(&r);
  for (int round = 0; round < 3; round++) {
    const oa_emit_nest record = open_record(&r);
    for (size_t i = 0; i < 6; i++) {
      put_str_attr(&r.e, 9, "k", texts[i]);
    }
    /* A NUL counts, and so does a text's length. */
    for (size_t len = 0; len < 20; len++) {
      const pair p = open_pair(&r.e, 9, "z");
      oa_emit_bytes(&r.e, 1, (const uint8_t[20]){0}, len);
      close_pair(&r.e, p);
    }
    oa_emit_close(&r.e, record);
  }
  close_records(&r);
  take(&t, &r);
  for (int round = 0; round < 3; round++) {
    const list l = attributes_of(&t, round);
    for (int64_t i = 0; i < 6; i++) {
      assert_str(&l, i, "k", texts[i]);
    }
    for (int64_t i = 0; i < 20; i++) {
      size_t len;
      oa_array_dict_bytes(&l.items[OA_ATTR_STR], l.first + 6 + i, &len);
      assert_int_equal(len, i);
    }
  }
  trial_free(&t);
}

/* More texts wait than may wait at once, then the record is rejected. */
static void a_rejected_record_takes_its_pending_texts_along(void **state) {
  (void)state;
  trial t;
  request r = {0};
  char text[32];
  trial_init(&t, OA_TRACES);
  open_records(&r);
  for (int span = 0; span < 9; span++) {
    const oa_emit_nest record = open_record(&r);
    for (int i = 0; i < 5 + 4 * span; i++) {
      snprintf(text, sizeof text, "value %d of %d", i, span);
      put_str_attr(&r.e, 9, "key", text);
    }
    if (span % 2 == 1) {
      put_text(&r.e, 1, "short"); /* no trace_id */
    }
    oa_emit_close(&r.e, record);
  }
  close_records(&r);
  take(&t, &r);
  assert_int_equal(t.result.accepted, 5);
  assert_int_equal(t.result.rejected, 4);
  assert_string_equal(t.result.reason,
                      "resource_spans[0].scope_spans[0].spans[1]: trace_id has "
                      "5 bytes, not 16");
  for (int64_t row = 0; row < 5; row++) {
    const list l = attributes_of(&t, row);
    assert_int_equal(l.count, 5 + 8 * row);
    for (int64_t i = 0; i < l.count; i++) {
      snprintf(text, sizeof text, "value %d of %d", (int)i, (int)(2 * row));
      assert_str(&l, i, "key", text);
    }
  }
  trial_free(&t);
}

static void values_and_keys_may_have_any_length(void **state) {
  (void)state;
  static const size_t lengths[] = {0,   1,   2,   7,   8,   9,  16,
                                   47,  48,  49,  50,  51,  52, 53,
                                   100, 125, 126, 127, 128, 300};
  enum { COUNT = sizeof lengths / sizeof lengths[0], ROUNDS = 3 };
  trial t;
  request r = {0};
  char key[301];
  trial_init(&t, OA_TRACES);
  open_records(&r);
  for (int round = 0; round < ROUNDS; round++) {
    const oa_emit_nest record = open_record(&r);
    for (size_t i = 0; i < COUNT; i++) {
      memset(key, 'k', sizeof key);
      key[lengths[i]] = '\0';
      put_str_attr(&r.e, 9, key, key);
      put_int_attr(&r.e, 9, key, -(int64_t)i);
    }
    oa_emit_close(&r.e, record);
  }
  close_records(&r);
  take(&t, &r);
  for (int round = 0; round < ROUNDS; round++) {
    const list l = attributes_of(&t, round);
    assert_int_equal(l.count, 2 * COUNT);
    for (size_t i = 0; i < COUNT; i++) {
      memset(key, 'k', sizeof key);
      key[lengths[i]] = '\0';
      assert_str(&l, (int64_t)(2 * i), key, key);
      assert_int(&l, (int64_t)(2 * i) + 1, key, -(int64_t)i);
    }
  }
  trial_free(&t);
}

/* There are more keys than places for guesses. */
static void keys_that_collide_are_told_apart(void **state) {
  (void)state;
  enum { KEYS = 1000 };
  trial t;
  request r = {0};
  char key[32];
  trial_init(&t, OA_TRACES);
  open_records(&r);
  for (int round = 0; round < 3; round++) {
    const oa_emit_nest record = open_record(&r);
    for (int i = 0; i < KEYS; i++) {
      snprintf(key, sizeof key, "key.%d.of.many", i);
      put_int_attr(&r.e, 9, key, i);
    }
    oa_emit_close(&r.e, record);
  }
  close_records(&r);
  take(&t, &r);
  for (int round = 0; round < 3; round++) {
    const list l = attributes_of(&t, round);
    assert_int_equal(l.count, KEYS);
    for (int i = 0; i < KEYS; i++) {
      snprintf(key, sizeof key, "key.%d.of.many", i);
      assert_int(&l, i, key, i);
    }
  }
  trial_free(&t);
}

static void text_that_is_not_utf8_is_repaired_and_counted(void **state) {
  (void)state;
  trial t;
  request r = {0};
  trial_init(&t, OA_TRACES);
  for (int round = 0; round < 3; round++) {
    open_records(&r);
    const oa_emit_nest record = open_record(&r);
    for (int i = 0; i < 20; i++) {
      put_str_attr(&r.e, 9, "k", "a\xFFz");
      put_str_attr(&r.e, 9, "\xC3", "fine");
      put_str_attr(&r.e, 9, "k", "a\xEF\xBF\xBDz"); /* U+FFFD itself */
    }
    oa_emit_close(&r.e, record);
    close_records(&r);
    take(&t, &r);
    assert_int_equal(t.result.repaired, 40);
    const list l = attributes_of(&t, round);
    for (int64_t i = 0; i < 60; i += 3) {
      assert_str(&l, i, "k", "a\xEF\xBF\xBDz");
      assert_str(&l, i + 1, "\xEF\xBF\xBD", "fine");
      assert_str(&l, i + 2, "k", "a\xEF\xBF\xBDz");
    }
  }
  trial_free(&t);
}

/* The same key with each kind of value, so that a guess meets them all. */
static void a_key_may_have_values_of_all_kinds(void **state) {
  (void)state;
  trial t;
  request r = {0};
  trial_init(&t, OA_TRACES);
  open_records(&r);
  const oa_emit_nest record = open_record(&r);
  for (int round = 0; round < 2; round++) {
    put_str_attr(&r.e, 9, "k", "");
    put_int_attr(&r.e, 9, "k", INT64_MIN);
    pair p = open_pair(&r.e, 9, "k");
    put_double(&r.e, 4, 1.0);
    close_pair(&r.e, p);
    p = open_pair(&r.e, 9, "k");
    oa_emit_varint(&r.e, 2, 300);
    close_pair(&r.e, p);
    p = open_pair(&r.e, 9, "k");
    oa_emit_bytes(&r.e, 7, ID8, 0);
    close_pair(&r.e, p);
    close_pair(&r.e, open_pair(&r.e, 9, "k"));
    put_deep_attr(&r.e, 9, 1);
    p = open_pair(&r.e, 9, "k");
    oa_emit_bytes(&r.e, 6, ID8, 0);
    close_pair(&r.e, p);
    p = open_pair(&r.e, 9, "k"); /* the last of a oneof counts */
    put_text(&r.e, 1, "first");
    oa_emit_varint(&r.e, 3, 5);
    close_pair(&r.e, p);
  }
  oa_emit_close(&r.e, record);
  close_records(&r);
  take(&t, &r);
  const list l = attributes_of(&t, 0);
  static const uint8_t types[] = {
      OA_VALUE_STR,   OA_VALUE_INT,   OA_VALUE_DOUBLE,
      OA_VALUE_BOOL,  OA_VALUE_BYTES, OA_VALUE_EMPTY,
      OA_VALUE_SLICE, OA_VALUE_MAP,   OA_VALUE_INT};
  static const size_t column[] = {OA_ATTR_STR,  OA_ATTR_INT,   OA_ATTR_DOUBLE,
                                  OA_ATTR_BOOL, OA_ATTR_BYTES, OA_ATTR_COUNT,
                                  OA_ATTR_SER,  OA_ATTR_SER,   OA_ATTR_INT};
  assert_int_equal(l.count, 18);
  for (int64_t i = 0; i < 18; i++) {
    assert_int_equal(u8_at(&l.items[OA_ATTR_TYPE], i), types[i % 9]);
    for (size_t c = OA_ATTR_STR; c < OA_ATTR_COUNT; c++) {
      assert_int_equal(oa_array_is_null(&l.items[c], i), c != column[i % 9]);
    }
  }
  assert_int_equal(u64_at(&l.items[OA_ATTR_INT], 1), (uint64_t)INT64_MIN);
  assert_int_equal(u64_at(&l.items[OA_ATTR_INT], 8), 5);
  assert_true(oa_bit(l.items[OA_ATTR_BOOL].values, 3));
  assert_plain(&l.items[OA_ATTR_SER], 6, "\x9F\x07\xFF");
  assert_plain(&l.items[OA_ATTR_SER], 7, "\xBF\xFF");
  trial_free(&t);
}

/* The text lies in memory that goes with the attribute. */
static void a_value_in_pieces_is_joined(void **state) {
  (void)state;
  trial t;
  request r = {0};
  trial_init(&t, OA_TRACES);
  open_records(&r);
  const oa_emit_nest record = open_record(&r);
  for (int i = 0; i < 40; i++) {
    char text[32];
    const oa_emit_nest entry = oa_emit_open(&r.e, 9, 1);
    snprintf(text, sizeof text, "text %d", i);
    put_text(&r.e, 1, "k");
    for (int piece = 0; piece < 3; piece++) {
      const oa_emit_nest value = oa_emit_open(&r.e, 2, 1);
      if (piece < 2) {
        put_text(&r.e, 1, piece == 0 ? "no" : text);
      }
      oa_emit_close(&r.e, value);
    }
    oa_emit_close(&r.e, entry);
  }
  oa_emit_close(&r.e, record);
  close_records(&r);
  take(&t, &r);
  const list l = attributes_of(&t, 0);
  for (int i = 0; i < 40; i++) {
    char text[32];
    snprintf(text, sizeof text, "text %d", i);
    assert_str(&l, i, "k", text);
  }
  trial_free(&t);
}

static void nesting_has_a_limit(void **state) {
  (void)state;
  trial t;
  request r = {0};
  trial_init(&t, OA_TRACES);
  open_records(&r);
  for (unsigned depth = 63; depth <= 66; depth++) {
    const oa_emit_nest record = open_record(&r);
    put_deep_attr(&r.e, 9, depth);
    oa_emit_close(&r.e, record);
  }
  close_records(&r);
  take(&t, &r);
  assert_int_equal(t.result.accepted, 2);
  assert_int_equal(t.result.rejected, 2);
  assert_string_equal(t.result.reason,
                      "resource_spans[0].scope_spans[0].spans[2]: an "
                      "attribute's value is nested deeper than 64");
  assert_same(encoded(&t), encoded(&t));
  trial_free(&t);
}

/* A key learned in a request that fails is not in the dictionary. */
static void guesses_do_not_outlive_a_failed_request(void **state) {
  (void)state;
  trial t;
  request r = {0};
  trial_init(&t, OA_TRACES);
  open_records(&r);
  oa_emit_nest record = open_record(&r);
  put_str_attr(&r.e, 9, "gone", "vanished");
  put_str_attr(&r.e, 9, "gone", "vanished");
  put_str_attr(&r.e, 9, "gone", "vanished");
  oa_emit_close(&r.e, record);
  close_records(&r);
  oa_buf_put_byte(&r.e.out, 0x0A); /* a field without its length */
  assert_int_equal(give(&t, r.e.out.data, r.e.out.len), OA_ERR_TRUNCATED);
  request_free(&r);
  open_records(&r);
  record = open_record(&r);
  put_str_attr(&r.e, 9, "stays", "here");
  put_str_attr(&r.e, 9, "gone", "vanished");
  oa_emit_close(&r.e, record);
  close_records(&r);
  take(&t, &r);
  const list l = attributes_of(&t, 0);
  assert_int_equal(l.count, 2);
  assert_str(&l, 0, "stays", "here");
  assert_str(&l, 1, "gone", "vanished");
  trial_free(&t);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(texts_are_right_whatever_their_order),
      cmocka_unit_test(texts_that_differ_in_the_middle_alone_are_told_apart),
      cmocka_unit_test(a_rejected_record_takes_its_pending_texts_along),
      cmocka_unit_test(values_and_keys_may_have_any_length),
      cmocka_unit_test(keys_that_collide_are_told_apart),
      cmocka_unit_test(text_that_is_not_utf8_is_repaired_and_counted),
      cmocka_unit_test(a_key_may_have_values_of_all_kinds),
      cmocka_unit_test(a_value_in_pieces_is_joined),
      cmocka_unit_test(nesting_has_a_limit),
      cmocka_unit_test(guesses_do_not_outlive_a_failed_request),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
