/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "ipc_stream.h"

/* A stream that pyarrow wrote: {parent_id: uint16 not null, key:
 * dictionary<uint8, utf8> not null}, dictionary ["k"], rows (0, "k"), (1,
 * "k"), end. */
static const char foreign_hex[] =
    "ffffffffc80000001000000000000a000c000600050008000a0000000001040004000000"
    "b8ffffff04000000020000006c00000014000000100018000800000007000c0010001400"
    "100000000000000514000000340000001c0000000400000000000000030000006b657900"
    "08000800000004000800000004000000baffffff08000000040004000400000010001400"
    "0800000007000c0000001000100000000000000210000000200000000400000000000000"
    "09000000706172656e745f6964000600080004000600000010000000ffffffffa8000000"
    "14000000000000000c0014000600050008000c000c000000000204001400000010000000"
    "0000000008000a0000000400080000001000000000000a0018000c00040008000a000000"
    "4c0000001000000001000000000000000000000003000000000000000000000000000000"
    "000000000000000000000000080000000000000008000000000000000100000000000000"
    "00000000010000000100000000000000000000000000000000000000010000006b000000"
    "00000000ffffffffb800000014000000000000000c0016000600050008000c000c000000"
    "0003040018000000100000000000000000000a0018000c00040008000a0000005c000000"
    "100000000200000000000000000000000400000000000000000000000000000000000000"
    "000000000000000004000000000000000800000000000000000000000000000008000000"
    "000000000200000000000000000000000200000002000000000000000000000000000000"
    "0200000000000000000000000000000000000100000000000000000000000000ffffffff"
    "00000000";

static uint8_t digit(char c) {
  return (uint8_t)(c <= '9' ? c - '0' : c - 'a' + 10);
}

static oa_buf foreign(void) {
  oa_buf out = {0};
  for (size_t i = 0; foreign_hex[i] != '\0'; i += 2) {
    const uint8_t byte =
        (uint8_t)(digit(foreign_hex[i]) << 4 | digit(foreign_hex[i + 1]));
    assert_int_equal(oa_buf_put_byte(&out, byte), OA_OK);
  }
  return out;
}

static void a_stream_of_another_writer_is_read(void **state) {
  (void)state;
  oa_buf stream = foreign();
  assert_int_equal(stream.len, 616);
  oa_ipc_reader *reader = open_reader(NULL);
  static const struct {
    oa_ipc_event event;
    size_t size;
  } steps[] = {{OA_IPC_SCHEMA, 208},
               {OA_IPC_DICTIONARY, 192},
               {OA_IPC_BATCH, 208},
               {OA_IPC_EOS, 8}};
  size_t at = 0;
  for (size_t i = 0; i < 4; i++) {
    size_t used = 0;
    size_t skipped = 0;
    int64_t rows = -1;
    oa_ipc_event event = OA_IPC_EOS;
    assert_int_equal(oa_ipc_skip(stream.data + at, stream.len - at, &skipped,
                                 &event, &rows, NULL),
                     OA_OK);
    assert_int_equal(event, steps[i].event);
    assert_int_equal(skipped, steps[i].size);
    assert_int_equal(rows, event == OA_IPC_BATCH ? 2 : 0);
    assert_int_equal(oa_ipc_read(reader, stream.data + at, stream.len - at,
                                 &used, &event, NULL),
                     OA_OK);
    assert_int_equal(event, steps[i].event);
    assert_int_equal(used, steps[i].size);
    at += used;
    if (event == OA_IPC_BATCH) {
      const oa_array *columns = oa_ipc_reader_columns(reader, &rows);
      const uint16_t *ids = columns[0].values;
      size_t len = 0;
      assert_int_equal(rows, 2);
      assert_int_equal(ids[0], 0);
      assert_int_equal(ids[1], 1);
      assert_int_equal(((const uint8_t *)columns[1].values)[1], 0);
      assert_memory_equal(oa_array_bytes(columns[1].dictionary, 0, &len), "k",
                          1);
      assert_int_equal(len, 1);
      assert_int_equal(oa_ipc_reader_codec(reader), OA_CODING_NONE);
    }
  }
  const oa_schema *schema = oa_ipc_reader_schema(reader);
  char name[64];
  assert_int_equal(schema->field_count, 2);
  assert_string_equal(schema->fields[0].name, "parent_id");
  assert_false(schema->fields[0].nullable);
  oa_field_type_name(&schema->fields[1], name, sizeof name);
  assert_string_equal(name, "dictionary<uint8, utf8>");
  size_t used = 0;
  oa_ipc_event event = OA_IPC_EOS;
  assert_int_equal(
      oa_ipc_read(reader, stream.data + at, 0, &used, &event, NULL), OA_END);
  oa_ipc_reader_free(reader);
  oa_buf_free(&stream);
}

/* --- damage --- */

static const oa_field small_fields[] = {
    {.name = "events",
     .type = OA_TYPE_LIST,
     .nullable = true,
     .children = &sample_inner,
     .child_count = 1},
    {.name = "id", .type = OA_TYPE_FIXED_BINARY, .nullable = true, .width = 8},
    {.name = "text", .type = OA_TYPE_LARGE_UTF8, .nullable = true},
};
static const oa_schema small = {.fields = small_fields, .field_count = 3};

static oa_buf small_stream(oa_coding codec) {
  sampler s = sample_open(11);
  const oa_array *batches[2] = {sample_columns(&s, &small, 12, SAMPLE_MIXED),
                                sample_columns(&s, &small, 12, SAMPLE_FULL)};
  oa_buf stream = sample_stream(&small, codec, batches, 2, 12);
  oa_arena_free(&s.arena);
  return stream;
}

static bool is_clean(oa_status status) {
  return status == OA_OK || status == OA_END || status == OA_ERR_TRUNCATED ||
         status == OA_ERR_MALFORMED || status == OA_ERR_UNSUPPORTED ||
         status == OA_ERR_LIMIT;
}

static void a_cut_is_truncated_or_the_end(void **state) {
  (void)state;
  size_t batches = 0;
  for (size_t c = 0; c < 4; c++) {
    oa_buf stream = c == 3 ? foreign() : small_stream(codecs[c]);
    for (size_t len = 0; len < stream.len; len++) {
      oa_status status = read_all(stream.data, len, 0, NULL, &batches, NULL);
      assert_true(status == OA_END || status == OA_ERR_TRUNCATED);
      /* Skipping finds the same ends. */
      oa_status skipped = OA_OK;
      for (size_t at = 0; skipped == OA_OK;) {
        size_t used = 0;
        oa_ipc_event event = OA_IPC_EOS;
        int64_t rows = 0;
        skipped =
            oa_ipc_skip(stream.data + at, len - at, &used, &event, &rows, NULL);
        assert_true(skipped != OA_ERR_TRUNCATED || used > len - at);
        at += used;
      }
      assert_int_equal(skipped, status);
    }
    assert_int_equal(read_all(stream.data, stream.len, 0, NULL, &batches, NULL),
                     OA_OK);
    assert_int_equal(batches, c == 3 ? 1 : 2);
    oa_buf_free(&stream);
  }
}

static void a_flipped_byte_gives_a_clean_status(void **state) {
  (void)state;
  static const uint8_t masks[] = {0x01, 0x04, 0x80, 0xff};
  size_t batches = 0;
  for (size_t c = 0; c < 4; c++) {
    oa_buf stream = c == 3 ? foreign() : small_stream(codecs[c]);
    for (size_t at = 0; at < stream.len; at++) {
      for (size_t m = 0; m < sizeof masks; m++) {
        stream.data[at] ^= masks[m];
        assert_true(is_clean(
            read_all(stream.data, stream.len, 0, NULL, &batches, NULL)));
        stream.data[at] ^= masks[m];
      }
    }
    oa_buf_free(&stream);
  }
}

static void a_missing_byte_gives_a_clean_status(void **state) {
  (void)state;
  size_t batches = 0;
  for (size_t c = 0; c < 4; c++) {
    oa_buf stream = c == 3 ? foreign() : small_stream(codecs[c]);
    uint8_t *copy = oa_malloc(stream.len);
    for (size_t at = 0; at < stream.len; at++) {
      memcpy(copy, stream.data, at);
      memcpy(copy + at, stream.data + at + 1, stream.len - at - 1);
      oa_status status =
          read_all(copy, stream.len - 1, 0, NULL, &batches, NULL);
      assert_true(is_clean(status));
    }
    oa_free(copy);
    oa_buf_free(&stream);
  }
}

static void bytes_may_stand_at_any_address(void **state) {
  (void)state;
  for (size_t c = 0; c < 3; c++) {
    sampler s = sample_open(12);
    const oa_array *batch =
        sample_columns(&s, &sample_schema, 30, SAMPLE_MIXED);
    oa_buf stream = sample_stream(&sample_schema, codecs[c], &batch, 1, 30);
    for (size_t shift = 0; shift < 8; shift++) {
      size_t batches = 0;
      assert_int_equal(
          read_all(stream.data, stream.len, shift, NULL, &batches, NULL),
          OA_OK);
      assert_int_equal(batches, 1);
    }
    oa_buf_free(&stream);
    oa_arena_free(&s.arena);
  }
}

static void text_is_not_a_stream(void **state) {
  (void)state;
  size_t batches = 0;
  oa_error error = {0};
  static const char text[] = "POST /v1/traces HTTP/1.1";
  assert_int_equal(
      read_all((const uint8_t *)text, sizeof text, 0, NULL, &batches, &error),
      OA_ERR_MALFORMED);
  assert_non_null(strstr(error.text, "continuation"));
  /* The framing of before 0.15 starts with the length. */
  oa_buf stream = foreign();
  assert_int_equal(
      read_all(stream.data + 4, stream.len - 4, 0, NULL, &batches, NULL),
      OA_ERR_MALFORMED);
  oa_buf_free(&stream);
}

/* --- order of messages --- */

static void a_stream_has_one_schema_and_it_is_first(void **state) {
  (void)state;
  oa_buf stream = foreign();
  size_t used = 0;
  oa_ipc_event event = OA_IPC_EOS;
  oa_error error = {0};
  oa_ipc_reader *reader = open_reader(NULL);
  assert_int_equal(oa_ipc_read(reader, stream.data + 400, stream.len - 400,
                               &used, &event, &error),
                   OA_ERR_MALFORMED);
  assert_non_null(strstr(error.text, "schema"));
  assert_null(oa_ipc_reader_schema(reader));
  assert_int_equal(
      oa_ipc_read(reader, stream.data, stream.len, &used, &event, NULL), OA_OK);
  assert_int_equal(
      oa_ipc_read(reader, stream.data, stream.len, &used, &event, &error),
      OA_ERR_MALFORMED);
  assert_non_null(strstr(error.text, "second schema"));
  /* The dictionary is still missing. */
  assert_int_equal(oa_ipc_read(reader, stream.data + 400, stream.len - 400,
                               &used, &event, &error),
                   OA_ERR_MALFORMED);
  assert_non_null(strstr(error.text, "\"key\""));
  oa_ipc_reader_free(reader);
  oa_buf_free(&stream);
}

static void a_message_in_parts_is_read_too(void **state) {
  (void)state;
  oa_buf stream = foreign();
  oa_ipc_event event = OA_IPC_EOS;
  oa_ipc_reader *reader = open_reader(NULL);
  static const uint8_t *none = NULL;
  const uint8_t *at = stream.data;
  assert_int_equal(
      oa_ipc_read_parts(reader, at + 8, 200, none, 0, &event, NULL), OA_OK);
  assert_int_equal(event, OA_IPC_SCHEMA);
  assert_int_equal(
      oa_ipc_read_parts(reader, at + 216, 168, at + 384, 16, &event, NULL),
      OA_OK);
  assert_int_equal(event, OA_IPC_DICTIONARY);
  assert_int_equal(
      oa_ipc_read_parts(reader, at + 408, 184, at + 592, 15, &event, NULL),
      OA_ERR_MALFORMED);
  assert_int_equal(
      oa_ipc_read_parts(reader, at + 408, 184, at + 592, 16, &event, NULL),
      OA_OK);
  assert_int_equal(event, OA_IPC_BATCH);
  touch(reader);
  oa_ipc_reader_free(reader);
  oa_buf_free(&stream);
}

/* --- arrays that lie --- */

static oa_status read_column(const oa_field *field, const oa_array *column,
                             oa_coding codec, const oa_ipc_limits *limits,
                             oa_error *error) {
  const oa_schema schema = {.fields = field, .field_count = 1};
  size_t batches = 0;
  oa_buf stream = sample_stream(&schema, codec, &column, 1, column->length);
  oa_status status =
      read_all(stream.data, stream.len, 0, limits, &batches, error);
  oa_buf_free(&stream);
  return status;
}

/* The same with the LEN bytes FROM, which stand in the stream once, as TO. */
static oa_status read_changed(const oa_field *field, const oa_array *column,
                              const void *from, const void *to, size_t len,
                              oa_error *error) {
  const oa_schema schema = {.fields = field, .field_count = 1};
  size_t batches = 0;
  size_t found = 0;
  oa_buf stream =
      sample_stream(&schema, OA_CODING_NONE, &column, 1, column->length);
  for (size_t at = 0; at + len <= stream.len; at++) {
    if (memcmp(stream.data + at, from, len) == 0) {
      memcpy(stream.data + at, to, len);
      found++;
    }
  }
  assert_int_equal(found, 1);
  oa_status status =
      read_all(stream.data, stream.len, 0, NULL, &batches, error);
  oa_buf_free(&stream);
  return status;
}

static void offsets_never_fall_or_leave_the_data(void **state) {
  (void)state;
  static const int32_t good[3] = {0, 1, 3};
  static const int64_t good_wide[3] = {0, 1, 3};
  static const int32_t bad[][3] = {
      {0, 4, 3}, {0, 2, 7}, {-1, 0, 3}, {0, INT32_MIN, 3}, {4, 2, 3}};
  static const oa_field item = {.name = "item", .type = OA_TYPE_NULL};
  const oa_field text = {.name = "text", .type = OA_TYPE_UTF8};
  const oa_field list = {.name = "list",
                         .type = OA_TYPE_LIST,
                         .children = &item,
                         .child_count = 1};
  const oa_field large = {.name = "large", .type = OA_TYPE_LARGE_BINARY};
  const oa_array items = {.length = 3, .null_count = 3};
  const oa_array strings = {
      .length = 2, .offsets = good, .values = "abc", .values_size = 3};
  const oa_array lists = {.length = 2, .offsets = good, .children = &items};
  const oa_array larges = {
      .length = 2, .offsets = good_wide, .values = "abc", .values_size = 3};
  for (size_t i = 0; i < 5; i++) {
    const int64_t wide[3] = {bad[i][0], bad[i][1], bad[i][2]};
    oa_error error = {0};
    assert_int_equal(
        read_changed(&text, &strings, good, bad[i], sizeof good, &error),
        OA_ERR_MALFORMED);
    assert_non_null(strstr(error.text, "\"text\""));
    assert_int_equal(
        read_changed(&list, &lists, good, bad[i], sizeof good, &error),
        OA_ERR_MALFORMED);
    assert_non_null(strstr(error.text, "\"list\""));
    assert_int_equal(
        read_changed(&large, &larges, good_wide, wide, sizeof wide, &error),
        OA_ERR_MALFORMED);
  }
}

static void the_null_count_is_that_of_the_bitmap(void **state) {
  (void)state;
  const oa_field field = {.name = "n", .type = OA_TYPE_INT32, .nullable = true};
  static const int32_t values[10] = {0};
  static const uint8_t bits[2] = {0xf7, 0xff};
  oa_array column = {
      .length = 10, .null_count = 1, .validity = bits, .values = values};
  assert_int_equal(read_column(&field, &column, OA_CODING_NONE, NULL, NULL),
                   OA_OK);
  column.null_count = 2;
  assert_int_equal(read_column(&field, &column, OA_CODING_NONE, NULL, NULL),
                   OA_ERR_MALFORMED);
  column.null_count = 11;
  assert_int_equal(read_column(&field, &column, OA_CODING_NONE, NULL, NULL),
                   OA_ERR_MALFORMED);
}

static void buffers_may_not_share_bytes(void **state) {
  (void)state;
  const oa_field fields[2] = {{.name = "a", .type = OA_TYPE_INT64},
                              {.name = "b", .type = OA_TYPE_INT64}};
  const oa_schema schema = {.fields = fields, .field_count = 2};
  static const int64_t numbers[8] = {1, 2, 3, 4, 5, 6, 7, 8};
  const oa_array columns[2] = {{.length = 8, .values = numbers},
                               {.length = 8, .values = numbers}};
  const oa_array *batch = columns;
  oa_buf stream = sample_stream(&schema, OA_CODING_NONE, &batch, 1, 8);
  size_t used = 0;
  size_t batches = 0;
  oa_ipc_event event = OA_IPC_EOS;
  int64_t rows = 0;
  oa_error error = {0};
  assert_int_equal(
      oa_ipc_skip(stream.data, stream.len, &used, &event, &rows, NULL), OA_OK);
  uint8_t *message = stream.data + used;
  const oa_flat_table head = head_of(message);
  oa_flat_vector buffers;
  assert_true(oa_flat_get_vector(&head, OA_BATCH_BUFFERS, 16, &buffers));
  const int64_t same[2] = {0, 128};
  memcpy(message + 8 + buffers.at + 16, same, sizeof same);
  assert_int_equal(read_all(stream.data, stream.len, 0, NULL, &batches, &error),
                   OA_ERR_MALFORMED);
  assert_non_null(strstr(error.text, "longer than the body"));
  assert_int_equal(
      oa_ipc_skip(message, stream.len - used, &used, &event, &rows, NULL),
      OA_ERR_MALFORMED);
  oa_buf_free(&stream);
}

/* --- limits --- */

static void limits_hold(void **state) {
  (void)state;
  oa_buf stream = small_stream(OA_CODING_ZSTD);
  size_t batches = 0;
  oa_ipc_limits limits = oa_ipc_limits_default;
  assert_int_equal(
      read_all(stream.data, stream.len, 0, &limits, &batches, NULL), OA_OK);
  limits.max_message = 300;
  assert_int_equal(
      read_all(stream.data, stream.len, 0, &limits, &batches, NULL),
      OA_ERR_LIMIT);
  limits = oa_ipc_limits_default;
  limits.max_memory = 100;
  assert_int_equal(
      read_all(stream.data, stream.len, 0, &limits, &batches, NULL),
      OA_ERR_LIMIT);
  limits = oa_ipc_limits_default;
  limits.max_fields = 6;
  assert_int_equal(
      read_all(stream.data, stream.len, 0, &limits, &batches, NULL),
      OA_ERR_LIMIT);
  limits.max_fields = 7;
  assert_int_equal(
      read_all(stream.data, stream.len, 0, &limits, &batches, NULL), OA_OK);
  limits.max_depth = 1;
  assert_int_equal(
      read_all(stream.data, stream.len, 0, &limits, &batches, NULL),
      OA_ERR_LIMIT);
  limits.max_depth = 2;
  assert_int_equal(
      read_all(stream.data, stream.len, 0, &limits, &batches, NULL), OA_OK);
  oa_buf_free(&stream);
}

static void a_bomb_takes_no_more_than_the_limit(void **state) {
  (void)state;
  const oa_field field = {.name = "n", .type = OA_TYPE_INT64};
  const oa_array column = {.length = 1 << 20};
  oa_ipc_limits limits = oa_ipc_limits_default;
  for (size_t c = 1; c < 3; c++) {
    oa_error error = {0};
    limits.max_memory = (8 << 20) + (64 << 10);
    assert_int_equal(read_column(&field, &column, codecs[c], &limits, &error),
                     OA_OK);
    limits.max_memory = 8 << 20;
    assert_int_equal(read_column(&field, &column, codecs[c], &limits, &error),
                     OA_ERR_LIMIT);
    assert_non_null(strstr(error.text, "8388608"));
  }
}

static void no_memory_is_a_status(void **state) {
  (void)state;
  for (size_t c = 0; c < 3; c++) {
    sampler s = sample_open(13);
    const oa_array *batch =
        sample_columns(&s, &sample_schema, 20, SAMPLE_MIXED);
    oa_buf stream = sample_stream(&sample_schema, codecs[c], &batch, 1, 20);
    oa_status status = OA_ERR_NOMEM;
    int64_t n = 0;
    for (; status != OA_OK; n++) {
      size_t batches = 0;
      oa_mem_fail_after(n);
      status = read_all(stream.data, stream.len, 3, NULL, &batches, NULL);
      oa_mem_fail_after(-1);
      assert_true(status == OA_OK || status == OA_ERR_NOMEM);
      assert_true(n < 1000);
    }
    assert_true(n > 5);
    oa_buf_free(&stream);
    oa_arena_free(&s.arena);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_stream_of_another_writer_is_read),
      cmocka_unit_test(a_cut_is_truncated_or_the_end),
      cmocka_unit_test(a_flipped_byte_gives_a_clean_status),
      cmocka_unit_test(a_missing_byte_gives_a_clean_status),
      cmocka_unit_test(bytes_may_stand_at_any_address),
      cmocka_unit_test(text_is_not_a_stream),
      cmocka_unit_test(a_stream_has_one_schema_and_it_is_first),
      cmocka_unit_test(a_message_in_parts_is_read_too),
      cmocka_unit_test(offsets_never_fall_or_leave_the_data),
      cmocka_unit_test(the_null_count_is_that_of_the_bitmap),
      cmocka_unit_test(buffers_may_not_share_bytes),
      cmocka_unit_test(limits_hold),
      cmocka_unit_test(a_bomb_takes_no_more_than_the_limit),
      cmocka_unit_test(no_memory_is_a_status),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
