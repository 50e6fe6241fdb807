/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "ipc_stream.h"

static void other_types_are_refused_by_name(void **state) {
  (void)state;
  static const struct {
    uint8_t code;
    const char *name;
  } cases[] = {{7, "decimal"},      {8, "date"},        {9, "time"},
               {11, "interval"},    {14, "union"},      {16, "fixed-size list"},
               {17, "map"},         {21, "large list"}, {22, "run-end"},
               {23, "binary view"}, {24, "utf8 view"},  {25, "list view"},
               {99, "unknown"}};
  const oa_field field = {.name = "odd one", .type = OA_TYPE_UTF8};
  const oa_schema schema = {.fields = &field, .field_count = 1};
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    oa_buf stream = sample_stream(&schema, OA_CODING_NONE, NULL, 0, 0);
    const oa_flat_table head = head_of(stream.data);
    oa_flat_vector fields;
    oa_flat_table table;
    oa_error error = {0};
    size_t batches = 0;
    assert_true(oa_flat_get_vector(&head, OA_SCHEMA_FIELDS, 4, &fields));
    assert_true(oa_flat_vector_table(&fields, 0, &table));
    *slot_of(stream.data, &table, OA_FIELD_TYPE_TYPE) = cases[i].code;
    assert_int_equal(
        read_all(stream.data, stream.len, 0, NULL, &batches, &error),
        OA_ERR_UNSUPPORTED);
    assert_non_null(strstr(error.text, cases[i].name));
    assert_non_null(strstr(error.text, "\"odd one\""));
    oa_buf_free(&stream);
  }
}

static void big_endian_data_is_refused(void **state) {
  (void)state;
  oa_buf stream = sample_stream(&sample_schema, OA_CODING_NONE, NULL, 0, 0);
  const oa_flat_table head = head_of(stream.data);
  oa_error error = {0};
  size_t batches = 0;
  *slot_of(stream.data, &head, OA_SCHEMA_ENDIANNESS) = 1;
  assert_int_equal(read_all(stream.data, stream.len, 0, NULL, &batches, &error),
                   OA_ERR_UNSUPPORTED);
  assert_non_null(strstr(error.text, "big-endian"));
  oa_buf_free(&stream);
}

/* A Schema message whose COUNT columns are one table, with PAIRS pairs of
 * metadata that are one table too. */
static oa_buf folded(size_t count, size_t pairs) {
  oa_buf out = {0};
  oa_flat_builder flat;
  assert_int_equal(oa_buf_put_zeros(&out, 8), OA_OK);
  const size_t root = oa_flat_begin(&flat, &out);
  oa_flat_slot message[] = {{.width = 2, .value = OA_IPC_V5},
                            {.width = 1, .value = OA_IPC_HEADER_SCHEMA},
                            {.width = OA_FLAT_OFFSET}};
  oa_flat_slot schema[] = {{0}, {.width = OA_FLAT_OFFSET}};
  oa_flat_slot field[OA_FIELD_SLOTS] = {
      [OA_FIELD_NAME] = {.width = OA_FLAT_OFFSET},
      [OA_FIELD_TYPE_TYPE] = {.width = 1, .value = OA_CODE_BINARY},
      [OA_FIELD_TYPE] = {.width = OA_FLAT_OFFSET},
      [OA_FIELD_METADATA] = {.width = OA_FLAT_OFFSET},
  };
  oa_flat_slot pair[] = {{.width = OA_FLAT_OFFSET}, {.width = OA_FLAT_OFFSET}};
  oa_flat_link(&flat, root, oa_flat_put_table(&flat, message, 3));
  oa_flat_link(&flat, message[2].at, oa_flat_put_table(&flat, schema, 2));
  const size_t fields = oa_flat_put_vector(&flat, NULL, count, 4);
  oa_flat_link(&flat, schema[1].at, fields);
  const size_t table = oa_flat_put_table(&flat, field, OA_FIELD_SLOTS);
  oa_flat_link(&flat, field[OA_FIELD_NAME].at, oa_flat_put_text(&flat, "x"));
  oa_flat_link(&flat, field[OA_FIELD_TYPE].at,
               oa_flat_put_table(&flat, NULL, 0));
  const size_t vector = oa_flat_put_vector(&flat, NULL, pairs, 4);
  oa_flat_link(&flat, field[OA_FIELD_METADATA].at, vector);
  const size_t one = oa_flat_put_table(&flat, pair, 2);
  const size_t text = oa_flat_put_text(&flat, "a text of some length");
  oa_flat_link(&flat, pair[0].at, text);
  oa_flat_link(&flat, pair[1].at, text);
  for (size_t i = 0; i < count; i++) {
    oa_flat_link(&flat, fields + 4 + 4 * i, table);
  }
  for (size_t i = 0; i < pairs; i++) {
    oa_flat_link(&flat, vector + 4 + 4 * i, one);
  }
  assert_int_equal(flat.status, OA_OK);
  assert_int_equal(oa_buf_put_zeros(&out, (8 - out.len % 8) % 8), OA_OK);
  const uint32_t head[2] = {OA_IPC_CONTINUATION, (uint32_t)out.len - 8};
  memcpy(out.data, head, sizeof head);
  return out;
}

static void one_table_named_often_does_not_unfold_to_gigabytes(void **state) {
  (void)state;
  size_t batches = 0;
  oa_error error = {0};
  oa_buf stream = folded(2, 2);
  assert_int_equal(read_all(stream.data, stream.len, 0, NULL, &batches, &error),
                   OA_END);
  oa_buf_free(&stream);
  /* 4,000 columns with 20,000 pairs each: 100 KB that would become 4 GB. */
  stream = folded(4000, 20000);
  assert_true(stream.len < 100000);
  assert_int_equal(read_all(stream.data, stream.len, 0, NULL, &batches, &error),
                   OA_ERR_LIMIT);
  assert_non_null(strstr(error.text, "unfolds"));
  oa_buf_free(&stream);
}

static void names_are_utf8(void **state) {
  (void)state;
  const oa_field field = {.name = "caf\xe9", .type = OA_TYPE_INT8};
  const oa_schema schema = {.fields = &field, .field_count = 1};
  oa_buf stream = sample_stream(&schema, OA_CODING_NONE, NULL, 0, 0);
  size_t batches = 0;
  oa_error error = {0};
  assert_int_equal(read_all(stream.data, stream.len, 0, NULL, &batches, &error),
                   OA_ERR_MALFORMED);
  assert_non_null(strstr(error.text, "UTF-8"));
  oa_buf_free(&stream);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(other_types_are_refused_by_name),
      cmocka_unit_test(big_endian_data_is_refused),
      cmocka_unit_test(one_table_named_often_does_not_unfold_to_gigabytes),
      cmocka_unit_test(names_are_utf8),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
