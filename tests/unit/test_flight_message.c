/* SPDX-License-Identifier: Apache-2.0 */
#include "flight_trial.h"

static oa_cursor over(const oa_emit *e) {
  assert_int_equal(e->status, OA_OK);
  return e->out.len > 0 ? oa_cursor_over(e->out.data, e->out.len)
                        : (oa_cursor){0};
}

static void a_flight_data_is_read_as_it_was_written(void **state) {
  (void)state;
  oa_emit e = {0};
  oa_flight_data data;
  put_path(&e, "otlp", "logs");
  put_text(&e, 3, "mine");
  oa_flight_write_data(&e, (const uint8_t *)"header", 6, 4);
  assert_int_equal(oa_buf_put(&e.out, "body", 4), OA_OK);
  assert_int_equal(oa_flight_read_data(over(&e), &data), OA_OK);
  assert_true(data.has_descriptor);
  assert_int_equal(data.descriptor.type, OA_FLIGHT_PATH);
  assert_int_equal(data.descriptor.path_count, 2);
  assert_true(oa_flight_is(data.descriptor.path[0], "otlp"));
  assert_true(oa_flight_is(data.descriptor.path[1], "logs"));
  assert_true(oa_flight_is(data.header, "header"));
  assert_true(oa_flight_is(data.metadata, "mine"));
  assert_true(oa_flight_is(data.body, "body"));
  oa_buf_free(&e.out);
}

static void the_body_has_the_tag_that_arrow_gives_it(void **state) {
  (void)state;
  oa_emit e = {0};
  oa_flight_write_data(&e, (const uint8_t *)"h", 1, 3);
  static const uint8_t want[] = {0x12, 1, 'h', 0xC2, 0x3E, 3};
  assert_int_equal(e.out.len, sizeof want);
  assert_memory_equal(e.out.data, want, sizeof want);
  oa_buf_free(&e.out);
}

static void a_message_without_a_body_has_no_field_for_it(void **state) {
  (void)state;
  oa_emit e = {0};
  oa_flight_write_data(&e, (const uint8_t *)"h", 1, 0);
  assert_int_equal(e.out.len, 3);
  oa_buf_free(&e.out);
}

static void a_descriptor_in_pieces_counts_as_one(void **state) {
  (void)state;
  oa_emit e = {0};
  oa_flight_data data;
  put_path(&e, "a", NULL);
  put_path(&e, "b", NULL);
  assert_int_equal(oa_flight_read_data(over(&e), &data), OA_OK);
  assert_int_equal(data.descriptor.path_count, 2);
  assert_true(oa_flight_is(data.descriptor.path[1], "b"));
  oa_buf_free(&e.out);
}

static void long_paths_are_counted_and_not_kept(void **state) {
  (void)state;
  oa_emit e = {0};
  oa_flight_descriptor d;
  for (int i = 0; i < 100; i++) {
    put_text(&e, 3, "x");
  }
  assert_int_equal(oa_flight_read_descriptor(over(&e), &d), OA_OK);
  assert_int_equal(d.path_count, 100);
  oa_buf_free(&e.out);
}

static void unknown_fields_are_skipped(void **state) {
  (void)state;
  oa_emit e = {0};
  oa_flight_action action;
  oa_cursor bytes;
  oa_emit_varint(&e, 9, 300);
  put_text(&e, 1, "flush");
  oa_emit_fixed64(&e, 8, 1);
  put_text(&e, 2, "body");
  assert_int_equal(oa_flight_read_action(over(&e), &action), OA_OK);
  assert_true(oa_flight_is(action.type, "flush"));
  assert_true(oa_flight_is(action.body, "body"));
  assert_int_equal(oa_flight_read_opaque(over(&e), &bytes), OA_OK);
  assert_true(oa_flight_is(bytes, "flush"));
  assert_int_equal(oa_flight_read_handshake(over(&e), &bytes), OA_OK);
  assert_true(oa_flight_is(bytes, "body"));
  oa_buf_free(&e.out);
}

static void empty_messages_have_empty_fields(void **state) {
  (void)state;
  oa_flight_data data;
  oa_flight_action action;
  oa_cursor bytes;
  assert_int_equal(oa_flight_read_data((oa_cursor){0}, &data), OA_OK);
  assert_false(data.has_descriptor);
  assert_true(oa_cursor_done(&data.header));
  assert_int_equal(oa_flight_read_action((oa_cursor){0}, &action), OA_OK);
  assert_true(oa_flight_is(action.type, ""));
  assert_int_equal(oa_flight_read_opaque((oa_cursor){0}, &bytes), OA_OK);
  assert_true(oa_cursor_done(&bytes));
}

/* Reads field FIELD of MESSAGE, bytes. */
static oa_cursor field_of(oa_cursor message, uint32_t field) {
  oa_cursor found = {0};
  while (!oa_cursor_done(&message)) {
    uint32_t tag;
    assert_int_equal(oa_cursor_tag(&message, &tag), OA_OK);
    if (tag == OA_TAG(field, OA_WIRE_BYTES)) {
      assert_int_equal(oa_cursor_bytes(&message, &found), OA_OK);
    } else {
      assert_int_equal(oa_cursor_skip(&message, tag), OA_OK);
    }
  }
  return found;
}

static void a_flight_info_has_schema_path_tickets_and_sizes(void **state) {
  (void)state;
  static const char *const path[] = {"traces", "file"};
  oa_emit e = {0};
  oa_buf schema = {0};
  oa_flight_descriptor d;
  assert_int_equal(oa_buf_put(&schema, "schema", 6), OA_OK);
  oa_flight_info_open(&e, &schema, path, 2);
  oa_flight_info_endpoint(&e, "first");
  oa_flight_info_endpoint(&e, "second");
  oa_flight_info_close(&e, -1, 70);
  assert_true(oa_flight_is(field_of(over(&e), 1), "schema"));
  assert_int_equal(oa_flight_read_descriptor(field_of(over(&e), 2), &d), OA_OK);
  assert_int_equal(d.type, OA_FLIGHT_PATH);
  assert_true(oa_flight_is(d.path[1], "file"));
  const oa_cursor ticket = field_of(field_of(over(&e), 3), 1);
  assert_true(oa_flight_is(field_of(ticket, 1), "second"));
  static const uint8_t sizes[] = {0x20, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
                                  0xff, 0xff, 0xff, 0x01, 0x28, 70};
  assert_memory_equal(e.out.data + e.out.len - sizeof sizes, sizes,
                      sizeof sizes);
  oa_buf_free(&schema);
  oa_buf_free(&e.out);
}

static void small_answers_are_their_one_field(void **state) {
  (void)state;
  oa_buf bytes = {0};
  assert_int_equal(oa_buf_put(&bytes, "abc", 3), OA_OK);
  oa_emit e = {0};
  oa_flight_write_schema_result(&e, &bytes);
  oa_flight_write_put_result(&e, &bytes);
  oa_flight_write_result(&e, bytes.data, bytes.len);
  assert_int_equal(e.out.len, 15);
  assert_true(oa_flight_is(field_of(over(&e), 1), "abc"));
  oa_emit_reset(&e);
  oa_flight_write_action_type(&e, "flush", "writes");
  assert_true(oa_flight_is(field_of(over(&e), 1), "flush"));
  assert_true(oa_flight_is(field_of(over(&e), 2), "writes"));
  oa_emit_reset(&e);
  oa_flight_write_handshake(&e, bytes.data, bytes.len);
  assert_true(oa_flight_is(field_of(over(&e), 2), "abc"));
  oa_buf_free(&e.out);
  oa_buf_free(&bytes);
}

/* Every cut and every changed byte: what is given stays inside the bytes. */
static void damaged_messages_are_read_safely(void **state) {
  (void)state;
  oa_emit e = {0};
  put_path(&e, "otlp", "logs");
  put_text(&e, 3, "metadata");
  oa_flight_write_data(&e, (const uint8_t *)"header", 6, 4);
  assert_int_equal(oa_buf_put(&e.out, "body", 4), OA_OK);
  for (size_t i = 0; i < e.out.len * 257; i++) {
    const size_t place = i / 257;
    const size_t len = i % 257 == 0 ? place : e.out.len;
    uint8_t *copy = malloc(len + 1);
    assert_non_null(copy);
    memcpy(copy + 1, e.out.data, len);
    if (i % 257 != 0) {
      copy[1 + place] = (uint8_t)(i % 257 - 1);
    }
    const oa_cursor cursor = oa_cursor_over(copy + 1, len);
    oa_flight_data data;
    oa_flight_action action;
    oa_cursor bytes;
    uint64_t sum = 0;
    if (oa_flight_read_data(cursor, &data) == OA_OK) {
      for (; data.header.at != data.header.end; data.header.at++) {
        sum += *data.header.at;
      }
      for (; data.body.at != data.body.end; data.body.at++) {
        sum += *data.body.at;
      }
    }
    (void)oa_flight_read_action(cursor, &action);
    (void)oa_flight_read_opaque(cursor, &bytes);
    assert_true(sum < 256 * 1000);
    free(copy);
  }
  oa_buf_free(&e.out);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_flight_data_is_read_as_it_was_written),
      cmocka_unit_test(the_body_has_the_tag_that_arrow_gives_it),
      cmocka_unit_test(a_message_without_a_body_has_no_field_for_it),
      cmocka_unit_test(a_descriptor_in_pieces_counts_as_one),
      cmocka_unit_test(long_paths_are_counted_and_not_kept),
      cmocka_unit_test(unknown_fields_are_skipped),
      cmocka_unit_test(empty_messages_have_empty_fields),
      cmocka_unit_test(a_flight_info_has_schema_path_tickets_and_sizes),
      cmocka_unit_test(small_answers_are_their_one_field),
      cmocka_unit_test(damaged_messages_are_read_safely),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
