/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "arrow/type.h"

static const oa_field parts[] = {
    {.name = "key",
     .type = OA_TYPE_UTF8,
     .dictionary = true,
     .index_type = OA_TYPE_INT32},
    {.name = "at",
     .type = OA_TYPE_TIMESTAMP,
     .unit = OA_UNIT_NANO,
     .timezone = "UTC"},
    {.name = "id", .type = OA_TYPE_FIXED_BINARY, .width = 16},
    {.name = "took", .type = OA_TYPE_DURATION, .unit = OA_UNIT_MILLI},
    {.name = "local", .type = OA_TYPE_TIMESTAMP, .unit = OA_UNIT_SECOND},
};
static const oa_field item = {.name = "item",
                              .type = OA_TYPE_STRUCT,
                              .children = parts,
                              .child_count = 5};
static const oa_field list = {.name = "events",
                              .type = OA_TYPE_LIST,
                              .children = &item,
                              .child_count = 1};

static void widths_are_those_of_the_format(void **state) {
  (void)state;
  assert_int_equal(oa_type_width(OA_TYPE_UINT8), 1);
  assert_int_equal(oa_type_width(OA_TYPE_INT16), 2);
  assert_int_equal(oa_type_width(OA_TYPE_FLOAT), 4);
  assert_int_equal(oa_type_width(OA_TYPE_DURATION), 8);
  assert_int_equal(oa_type_width(OA_TYPE_BOOL), 0);
  assert_int_equal(oa_type_width(OA_TYPE_UTF8), 0);
  assert_int_equal(oa_type_width(OA_TYPE_FIXED_BINARY), 0);
  assert_int_equal(oa_field_width(&parts[2]), 16);
  assert_int_equal(oa_field_width(&parts[1]), 8);
  assert_int_equal(oa_field_width(&parts[0]), 0);
}

static void names_read_as_people_write_them(void **state) {
  (void)state;
  char name[200];
  oa_field_type_name(&list, name, sizeof name);
  assert_string_equal(
      name,
      "list<item: struct<key: dictionary<int32, utf8>, at: timestamp[ns, "
      "UTC], id: fixed_size_binary[16], took: duration[ms], local: "
      "timestamp[s]>>");
}

static void names_are_cut_and_terminated_at_any_size(void **state) {
  (void)state;
  char whole[200];
  oa_field_type_name(&list, whole, sizeof whole);
  for (size_t size = 0; size < sizeof whole; size++) {
    char name[201];
    memset(name, 'x', sizeof name);
    oa_field_type_name(&list, name, size);
    assert_int_equal(name[size], 'x');
    if (size > 0) {
      assert_true(strlen(name) < size);
      assert_memory_equal(name, whole, strlen(name));
    }
  }
}

static void schemas_differ_by_each_part_that_counts(void **state) {
  (void)state;
  const oa_schema one = {.fields = parts, .field_count = 5};
  for (int change = 0; change < 10; change++) {
    oa_field copy[5];
    memcpy(copy, parts, sizeof copy);
    oa_schema two = {.fields = copy, .field_count = 5};
    bool same = false;
    switch (change) {
      case 0: /* neither counts */
        copy[0].nullable = true;
        copy[1].metadata_count = 0;
        same = true;
        break;
      case 1:
        copy[0].name = "Key";
        break;
      case 2:
        copy[0].type = OA_TYPE_BINARY;
        break;
      case 3:
        copy[0].dictionary = false;
        break;
      case 4:
        copy[0].index_type = OA_TYPE_UINT16;
        break;
      case 5:
        copy[1].unit = OA_UNIT_MICRO;
        break;
      case 6:
        copy[1].timezone = NULL;
        break;
      case 7:
        copy[2].width = 8;
        break;
      case 8:
        copy[3].unit = OA_UNIT_NANO;
        break;
      default:
        two.field_count = 4;
        break;
    }
    assert_int_equal(oa_schema_equal(&one, &two), same);
    assert_int_equal(oa_schema_equal(&two, &one), same);
  }
}

static void children_count_too(void **state) {
  (void)state;
  oa_field other_parts[5];
  memcpy(other_parts, parts, sizeof parts);
  oa_field other_item = item;
  other_item.children = other_parts;
  oa_field other = list;
  other.children = &other_item;
  const oa_schema one = {.fields = &list, .field_count = 1};
  const oa_schema two = {.fields = &other, .field_count = 1};
  assert_true(oa_schema_equal(&one, &two));
  other_parts[4].name = "elsewhere";
  assert_false(oa_schema_equal(&one, &two));
  other_parts[4].name = "local";
  other_item.child_count = 4;
  assert_false(oa_schema_equal(&one, &two));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(widths_are_those_of_the_format),
      cmocka_unit_test(names_read_as_people_write_them),
      cmocka_unit_test(names_are_cut_and_terminated_at_any_size),
      cmocka_unit_test(schemas_differ_by_each_part_that_counts),
      cmocka_unit_test(children_count_too),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
