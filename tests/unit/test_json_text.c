/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "arrow/table.h"
#include "base/mem.h"
#include "otlp/json_text.h"
#include "otlp/otlp.h"

/* Compares what OUT holds and empties it. */
static void assert_text(oa_buf *out, const char *want) {
  assert_int_equal(oa_buf_put_byte(out, '\0'), OA_OK);
  assert_string_equal((const char *)out->data, want);
  out->len = 0;
}

static void assert_string(const char *text, size_t len, const char *want) {
  oa_buf out = {0};
  assert_int_equal(oa_json_put_string(&out, (const uint8_t *)text, len), OA_OK);
  assert_text(&out, want);
  oa_buf_free(&out);
}

static void strings_are_escaped_as_json_and_terminals_need(void **state) {
  (void)state;
  assert_string("", 0, "\"\"");
  assert_string("plain \xc3\xa9 \xe6\x97\xa5", 12,
                "\"plain \xc3\xa9 \xe6\x97\xa5\"");
  assert_string("a\"b\\c", 5, "\"a\\\"b\\\\c\"");
  assert_string("\n\r\t", 3, "\"\\n\\r\\t\"");
  assert_string("\0\x1b[1m", 5, "\"\\u0000\\u001b[1m\"");
  assert_string("\x7f", 1, "\"\\u007f\"");
  assert_string("\xc2\x9b\xc2\xa0", 4, "\"\\u009b\xc2\xa0\"");
  assert_string("\xe2\x80\xae\xe2\x80\xa8\xe2\x81\xa6\xe2\x80\xa6", 12,
                "\"\\u202e\\u2028\\u2066\xe2\x80\xa6\"");
  /* Cut in the middle of a character: nothing is read behind the end. */
  assert_string("\xe2\x80", 2, "\"\xe2\x80\"");
  assert_string("\xc2", 1, "\"\xc2\"");
}

static void integers_have_all_their_digits(void **state) {
  (void)state;
  oa_buf out = {0};
  oa_json_put_int(&out, 0);
  assert_text(&out, "0");
  oa_json_put_int(&out, INT64_MIN);
  assert_text(&out, "-9223372036854775808");
  oa_json_put_int(&out, INT64_MAX);
  assert_text(&out, "9223372036854775807");
  oa_buf_free(&out);
}

static void doubles_are_short_and_read_back_equal(void **state) {
  (void)state;
  static const struct {
    double value;
    const char *text;
  } cases[] = {
      {0.0, "0.0"},
      {-0.0, "-0.0"},
      {1.0, "1.0"},
      {0.1, "0.1"},
      {1e21, "1e+21"},
      {2.5, "2.5"},
      {5e-324, "4.94065645841247e-324"},
      {1.7976931348623157e308, "1.7976931348623157e+308"},
      {0.30000000000000004, "0.30000000000000004"},
  };
  oa_buf out = {0};
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    oa_json_put_double(&out, cases[i].value);
    oa_buf_put_byte(&out, '\0');
    const double back = strtod((const char *)out.data, NULL);
    assert_memory_equal(&back, &cases[i].value, sizeof back);
    out.len--;
    assert_text(&out, cases[i].text);
  }
  oa_json_put_double(&out, (double)NAN);
  assert_text(&out, "\"NaN\"");
  oa_json_put_double(&out, (double)-INFINITY);
  assert_text(&out, "\"-Infinity\"");
  oa_json_put_double(&out, (double)INFINITY);
  assert_text(&out, "\"Infinity\"");
  oa_buf_free(&out);
}

static void bytes_are_base64_with_padding(void **state) {
  (void)state;
  static const char *const cases[] = {
      "\"\"",         "\"Zg==\"",     "\"Zm8=\"",    "\"Zm9v\"",
      "\"Zm9vYg==\"", "\"Zm9vYmE=\"", "\"Zm9vYmFy\""};
  oa_buf out = {0};
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    oa_json_put_bytes(&out, (const uint8_t *)"foobar", i);
    assert_text(&out, cases[i]);
  }
  oa_json_put_bytes(&out, (const uint8_t *)"\xff\xfe\xfb", 3);
  assert_text(&out, "\"//77\"");
  oa_buf_free(&out);
}

static void nested_values_become_nested_json(void **state) {
  (void)state;
  /* {"a": [1, null, {}, [], true], "a": {"b": h'00'}, "c": 2.0} */
  static const uint8_t cbor[] = {
      0xbf, 0x61, 'a', 0x9f, 0x01, 0xf6, 0xa0, 0x80, 0xf5, 0xff, 0x61, 'a',
      0xbf, 0x61, 'b', 0x41, 0x00, 0xff, 0x61, 'c',  0xf9, 0x40, 0x00, 0xff};
  oa_buf out = {0};
  assert_int_equal(oa_json_put_cbor(&out, cbor, sizeof cbor), OA_OK);
  assert_text(&out,
              "{\"a\":[1,null,{},[],true],\"a\":{\"b\":\"AA==\"},\"c\":2.0}");
  for (size_t cut = 0; cut < sizeof cbor; cut++) {
    assert_int_equal(oa_json_put_cbor(&out, cbor, cut), OA_ERR_TRUNCATED);
    out.len = 0;
  }
  oa_buf_free(&out);
}

static void put_attribute(oa_table *items, const char *key, uint8_t type) {
  assert_int_equal(oa_table_reserve(items), OA_OK);
  oa_put_text(items, &items->columns[OA_ATTR_KEY], (const uint8_t *)key,
              strlen(key));
  oa_put_u8(items, &items->columns[OA_ATTR_TYPE], type);
}

static void attributes_of_every_type_become_members(void **state) {
  (void)state;
  const oa_schema *schema = oa_otlp_schema(OA_TRACES);
  const oa_field *field = &schema->fields[OA_SPAN_ATTRIBUTES];
  static const uint8_t slice[] = {0x81, 0x01};
  const double number = 0.5;
  uint64_t bits;
  oa_table_tree tree = {0};
  oa_table table = {0};
  oa_buf out = {0};

  memcpy(&bits, &number, sizeof bits);
  assert_int_equal(oa_table_init(&table, field, 1, &tree, 1), OA_OK);
  assert_int_equal(oa_table_reserve(&table), OA_OK);
  table.length++; /* a row without attributes */
  assert_int_equal(oa_table_reserve(&table), OA_OK);
  oa_table *items = table.columns[0].child;
  put_attribute(items, "s", OA_VALUE_STR);
  oa_put_text(items, &items->columns[OA_ATTR_STR], (const uint8_t *)"x", 1);
  items->length++;
  put_attribute(items, "i", OA_VALUE_INT);
  oa_put_u64(items, &items->columns[OA_ATTR_INT], (uint64_t)-7);
  items->length++;
  put_attribute(items, "d", OA_VALUE_DOUBLE);
  oa_put_u64(items, &items->columns[OA_ATTR_DOUBLE], bits);
  items->length++;
  put_attribute(items, "b", OA_VALUE_BOOL);
  oa_put_bool(items, &items->columns[OA_ATTR_BOOL], true);
  items->length++;
  put_attribute(items, "l", OA_VALUE_SLICE);
  oa_put_bytes(items, &items->columns[OA_ATTR_SER], slice, sizeof slice);
  items->length++;
  put_attribute(items, "e", OA_VALUE_EMPTY);
  items->length++;
  put_attribute(items, "y", OA_VALUE_BYTES);
  items->length++;
  oa_put_list(&table, &table.columns[0]);
  table.length++;
  assert_false(tree.failed);

  const oa_array *list = oa_table_finish(&table);
  assert_int_equal(oa_json_put_attributes(&out, list, 0), OA_OK);
  assert_text(&out, "{}");
  assert_int_equal(oa_json_put_attributes(&out, list, 1), OA_OK);
  assert_text(&out,
              "{\"s\":\"x\",\"i\":-7,\"d\":0.5,\"b\":true,\"l\":[1],"
              "\"e\":null,\"y\":\"\"}");

  put_attribute(items, "u", 99);
  items->length++;
  list = oa_table_finish(&table);
  assert_int_equal(oa_json_put_attribute(&out, list->children, 7),
                   OA_ERR_MALFORMED);
  oa_buf_free(&out);
  oa_table_free(&table);
  oa_buf_free(&tree.scratch);
}

static void running_out_of_memory_is_a_status(void **state) {
  (void)state;
  static const uint8_t cbor[] = {0xa2, 0x61, 'a',  0x78, 0x03, '\n', '\n', '\n',
                                 0x61, 'b',  0x83, 0x01, 0xf5, 0x41, 0};
  for (int64_t n = 0;; n++) {
    oa_buf out = {0};
    oa_mem_fail_after(n);
    const oa_status status = oa_json_put_cbor(&out, cbor, sizeof cbor);
    oa_mem_fail_after(-1);
    oa_buf_free(&out);
    if (status == OA_OK) {
      assert_true(n > 0);
      return;
    }
    assert_int_equal(status, OA_ERR_NOMEM);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(strings_are_escaped_as_json_and_terminals_need),
      cmocka_unit_test(integers_have_all_their_digits),
      cmocka_unit_test(doubles_are_short_and_read_back_equal),
      cmocka_unit_test(bytes_are_base64_with_padding),
      cmocka_unit_test(nested_values_become_nested_json),
      cmocka_unit_test(attributes_of_every_type_become_members),
      cmocka_unit_test(running_out_of_memory_is_a_status),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
