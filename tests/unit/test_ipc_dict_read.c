/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "ipc_stream.h"

static const oa_field name_field = {.name = "name",
                                    .type = OA_TYPE_UTF8,
                                    .nullable = true,
                                    .dictionary = true,
                                    .index_type = OA_TYPE_INT8};
static const oa_schema names = {.fields = &name_field, .field_count = 1};

/* Appends a dictionary and a batch of names to STREAM. */
static void put_names(oa_buf *stream, oa_ipc_writer *writer,
                      const oa_array *values, const int8_t *indices,
                      int64_t rows, bool delta) {
  const oa_array column = {.length = rows,
                           .values = indices,
                           .values_size = (size_t)rows,
                           .dictionary = values};
  oa_ipc_pieces pieces;
  const size_t at = stream->len;
  assert_int_equal(oa_ipc_write_batch(writer, &column, rows, &pieces), OA_OK);
  sample_append(stream, &pieces);
  if (delta) {
    const oa_flat_table head = head_of(stream->data + at);
    *slot_of(stream->data + at, &head, OA_DICTIONARY_IS_DELTA) = 1;
  }
}

static const int32_t two_offsets[3] = {0, 1, 3};
static const oa_array two_names = {
    .length = 2, .offsets = two_offsets, .values = "abb", .values_size = 3};
static const int32_t late_offsets[4] = {1, 4, 4, 6};
static const uint8_t late_valid = 0x05;
static const oa_array more_names = {.length = 3,
                                    .null_count = 1,
                                    .validity = &late_valid,
                                    .offsets = late_offsets,
                                    .values = "-cccdd",
                                    .values_size = 6};

static void expect_names(const uint8_t *bytes, size_t len, size_t batch,
                         const char *const *expected) {
  oa_ipc_reader *reader = open_reader(NULL);
  oa_ipc_event event = OA_IPC_EOS;
  int64_t rows = 0;
  for (size_t at = 0, seen = 0; seen <= batch;) {
    size_t used = 0;
    assert_int_equal(
        oa_ipc_read(reader, bytes + at, len - at, &used, &event, NULL), OA_OK);
    at += used;
    seen += event == OA_IPC_BATCH ? 1 : 0;
  }
  const oa_array *column = oa_ipc_reader_columns(reader, &rows);
  const int8_t *indices = column->values;
  for (int64_t i = 0; i < rows; i++) {
    size_t size = 0;
    assert_int_equal(oa_array_is_null(column, i), expected[i] == NULL);
    if (expected[i] != NULL) {
      const uint8_t *text =
          oa_array_bytes(column->dictionary, indices[i], &size);
      assert_int_equal(size, strlen(expected[i]));
      assert_int_equal(memcmp(text, expected[i], size), 0);
    }
  }
  oa_ipc_reader_free(reader);
}

static void dictionaries_are_replaced_and_added_to(void **state) {
  (void)state;
  static const int8_t first[3] = {1, 0, 1};
  static const int8_t second[5] = {0, 1, 2, 3, 4};
  static const int8_t third[3] = {0, 1, 2};
  for (size_t c = 0; c < 3; c++) {
    oa_ipc_writer *writer = NULL;
    oa_ipc_pieces pieces;
    oa_buf stream = {0};
    assert_int_equal(oa_ipc_writer_new(&writer, &names, codecs[c], 0), OA_OK);
    assert_int_equal(oa_ipc_write_schema(writer, &pieces), OA_OK);
    sample_append(&stream, &pieces);
    put_names(&stream, writer, &two_names, first, 3, false);
    put_names(&stream, writer, &more_names, second, 5, true);
    put_names(&stream, writer, &more_names, third, 3, false);
    put_names(&stream, writer, &two_names, second, 5, true);
    expect_names(stream.data, stream.len, 0,
                 (const char *const[]){"bb", "a", "bb"});
    /* A row that names a null value is null. */
    expect_names(stream.data, stream.len, 1,
                 (const char *const[]){"a", "bb", "ccc", NULL, "dd"});
    expect_names(stream.data, stream.len, 2,
                 (const char *const[]){"ccc", NULL, "dd"});
    expect_names(stream.data, stream.len, 3,
                 (const char *const[]){"ccc", NULL, "dd", "a", "bb"});
    oa_buf_free(&stream);
    oa_ipc_writer_free(writer);
  }
}

static oa_status read_names(const oa_array *values, const int8_t *indices,
                            int64_t rows, bool delta, oa_error *error) {
  oa_ipc_writer *writer = NULL;
  oa_ipc_pieces pieces;
  oa_buf stream = {0};
  size_t batches = 0;
  assert_int_equal(oa_ipc_writer_new(&writer, &names, OA_CODING_NONE, 0),
                   OA_OK);
  assert_int_equal(oa_ipc_write_schema(writer, &pieces), OA_OK);
  sample_append(&stream, &pieces);
  put_names(&stream, writer, values, indices, rows, delta);
  oa_status status =
      read_all(stream.data, stream.len, 0, NULL, &batches, error);
  oa_buf_free(&stream);
  oa_ipc_writer_free(writer);
  return status;
}

static void indices_stay_inside_their_dictionary(void **state) {
  (void)state;
  static const int8_t good[2] = {1, 0};
  static const int8_t above[2] = {0, 2};
  static const int8_t below[2] = {-1, 0};
  oa_error error = {0};
  assert_int_equal(read_names(&two_names, good, 2, false, &error), OA_END);
  assert_int_equal(read_names(&two_names, above, 2, false, &error),
                   OA_ERR_MALFORMED);
  assert_non_null(strstr(error.text, "\"name\""));
  assert_int_equal(read_names(&two_names, below, 2, false, &error),
                   OA_ERR_MALFORMED);
  assert_int_equal(read_names(&two_names, good, 2, true, &error),
                   OA_ERR_MALFORMED);
  assert_non_null(strstr(error.text, "not sent"));
}

static void dictionaries_count_as_memory(void **state) {
  (void)state;
  static const int8_t indices[1] = {0};
  oa_ipc_writer *writer = NULL;
  oa_ipc_pieces pieces;
  oa_buf stream = {0};
  size_t batches = 0;
  oa_error error = {0};
  assert_int_equal(oa_ipc_writer_new(&writer, &names, OA_CODING_NONE, 0),
                   OA_OK);
  assert_int_equal(oa_ipc_write_schema(writer, &pieces), OA_OK);
  sample_append(&stream, &pieces);
  for (int i = 0; i < 2000; i++) {
    put_names(&stream, writer, i == 0 ? &two_names : &more_names, indices, 1,
              i > 0);
  }
  oa_ipc_limits limits = oa_ipc_limits_default;
  limits.max_memory = 10000;
  assert_int_equal(
      read_all(stream.data, stream.len, 0, &limits, &batches, &error),
      OA_ERR_LIMIT);
  assert_non_null(strstr(error.text, "10000 bytes"));
  assert_true(batches > 100 && batches < 1000);
  assert_int_equal(read_all(stream.data, stream.len, 0, NULL, &batches, NULL),
                   OA_END);
  assert_int_equal(batches, 2000);
  oa_buf_free(&stream);
  oa_ipc_writer_free(writer);
}

static void a_failed_delta_leaves_the_dictionary(void **state) {
  (void)state;
  static const int8_t first[2] = {1, 0};
  static const int8_t second[5] = {0, 1, 2, 3, 4};
  oa_ipc_writer *writer = NULL;
  oa_ipc_pieces pieces;
  oa_buf stream = {0};
  assert_int_equal(oa_ipc_writer_new(&writer, &names, OA_CODING_NONE, 0),
                   OA_OK);
  assert_int_equal(oa_ipc_write_schema(writer, &pieces), OA_OK);
  sample_append(&stream, &pieces);
  put_names(&stream, writer, &two_names, first, 2, false);
  put_names(&stream, writer, &more_names, second, 5, true);
  for (int64_t n = 0; n < 4; n++) {
    oa_ipc_reader *reader = open_reader(NULL);
    oa_ipc_event event = OA_IPC_EOS;
    for (size_t at = 0; at < stream.len;) {
      size_t used = 0;
      oa_mem_fail_after(n);
      oa_status status = oa_ipc_read(reader, stream.data + at, stream.len - at,
                                     &used, &event, NULL);
      oa_mem_fail_after(-1);
      if (status != OA_OK) {
        assert_int_equal(status, OA_ERR_NOMEM);
        assert_int_equal(oa_ipc_read(reader, stream.data + at, stream.len - at,
                                     &used, &event, NULL),
                         OA_OK);
      }
      at += used;
    }
    int64_t rows = 0;
    size_t len = 0;
    const oa_array *column = oa_ipc_reader_columns(reader, &rows);
    assert_int_equal(rows, 5);
    assert_int_equal(column->null_count, 1);
    assert_int_equal(column->dictionary->length, 5);
    assert_memory_equal(oa_array_bytes(column->dictionary, 4, &len), "dd", 2);
    oa_ipc_reader_free(reader);
  }
  oa_buf_free(&stream);
  oa_ipc_writer_free(writer);
}

/* One name of NAME_SIZE bytes, all LETTER, is added to the dictionary. */
enum { NAME_SIZE = 50000, NAME_COUNT = 60 };
static void put_long_name(oa_buf *stream, oa_ipc_writer *writer, int8_t number,
                          char letter) {
  static const int32_t offsets[2] = {0, NAME_SIZE};
  char *text = oa_malloc(NAME_SIZE);
  assert_non_null(text);
  memset(text, letter, NAME_SIZE);
  const oa_array value = {.length = 1,
                          .offsets = offsets,
                          .values = text,
                          .values_size = NAME_SIZE};
  put_names(stream, writer, &value, &number, 1, number > 0);
  oa_free(text);
}

/* The reader keeps all of them, also when it has to move them. */
static void a_dictionary_of_megabytes_grows_by_additions(void **state) {
  (void)state;
  oa_purse purse = {0};
  const oa_ipc_limits limits = {.max_message = 1 << 20,
                                .max_memory = 16 << 20,
                                .max_fields = 8,
                                .max_depth = 2,
                                .purse = &purse};
  oa_ipc_writer *writer = NULL;
  oa_ipc_reader *reader = NULL;
  oa_ipc_pieces pieces;
  oa_buf stream = {0};
  int64_t rows = 0;
  assert_int_equal(oa_ipc_writer_new(&writer, &names, OA_CODING_NONE, 0),
                   OA_OK);
  assert_int_equal(oa_ipc_write_schema(writer, &pieces), OA_OK);
  sample_append(&stream, &pieces);
  for (int8_t i = 0; i < NAME_COUNT; i++) {
    put_long_name(&stream, writer, i, (char)('A' + i));
  }
  assert_int_equal(oa_ipc_reader_new(&reader, &limits), OA_OK);
  for (size_t at = 0, used = 0; at < stream.len; at += used) {
    oa_ipc_event event = OA_IPC_EOS;
    assert_int_equal(oa_ipc_read(reader, stream.data + at, stream.len - at,
                                 &used, &event, NULL),
                     OA_OK);
  }
  const oa_array *column = oa_ipc_reader_columns(reader, &rows);
  assert_int_equal(column->dictionary->length, NAME_COUNT);
  for (int64_t i = 0; i < NAME_COUNT; i++) {
    size_t len;
    const uint8_t *text = oa_array_bytes(column->dictionary, i, &len);
    assert_int_equal(len, NAME_SIZE);
    for (size_t j = 0; j < len; j++) {
      assert_int_equal(text[j], 'A' + i);
    }
  }
  assert_true(purse.used >= (size_t)NAME_COUNT * NAME_SIZE);
  oa_ipc_reader_free(reader);
  assert_int_equal(purse.used, 0);
  oa_buf_free(&stream);
  oa_ipc_writer_free(writer);
}

/* Reads a schema, a dictionary, an addition and a replacement; what READER
 * says of its dictionaries goes into SEEN after each batch. */
static void read_three(oa_ipc_reader *reader, uint64_t *seen, size_t *memory) {
  static const int8_t indices[1] = {0};
  oa_ipc_writer *writer = NULL;
  oa_ipc_pieces pieces;
  oa_buf stream = {0};
  size_t batches = 0;
  assert_int_equal(oa_ipc_writer_new(&writer, &names, OA_CODING_ZSTD, 0),
                   OA_OK);
  assert_int_equal(oa_ipc_write_schema(writer, &pieces), OA_OK);
  sample_append(&stream, &pieces);
  put_names(&stream, writer, &two_names, indices, 1, false);
  put_names(&stream, writer, &more_names, indices, 1, true);
  put_names(&stream, writer, &two_names, indices, 1, false);
  for (size_t at = 0; at < stream.len;) {
    size_t used = 0;
    oa_ipc_event event = OA_IPC_EOS;
    assert_int_equal(oa_ipc_read(reader, stream.data + at, stream.len - at,
                                 &used, &event, NULL),
                     OA_OK);
    at += used;
    if (event == OA_IPC_BATCH) {
      seen[batches] = oa_ipc_reader_replacements(reader);
      memory[batches++] = oa_ipc_reader_memory(reader);
      oa_ipc_reader_drop_batch(reader);
    }
  }
  assert_int_equal(batches, 3);
  oa_buf_free(&stream);
  oa_ipc_writer_free(writer);
}

static void replacements_are_told_from_additions(void **state) {
  (void)state;
  oa_ipc_reader *reader = open_reader(NULL);
  uint64_t seen[3];
  size_t memory[3];
  read_three(reader, seen, memory);
  assert_true(seen[0] == seen[1]);
  assert_true(seen[1] != seen[2]);
  assert_true(memory[1] > memory[0]);
  assert_true(memory[2] < memory[1]);
  oa_ipc_reader_free(reader);
}

static void readers_may_share_an_inflater(void **state) {
  (void)state;
  oa_inflater *inflater = NULL;
  assert_int_equal(oa_inflater_new(&inflater), OA_OK);
  for (int i = 0; i < 2; i++) {
    oa_ipc_reader *reader = NULL;
    uint64_t seen[3];
    size_t memory[3];
    assert_int_equal(oa_ipc_reader_new_with(&reader, NULL, inflater), OA_OK);
    read_three(reader, seen, memory);
    oa_ipc_reader_free(reader);
  }
  oa_inflater_free(inflater);
}

static void the_memory_limit_may_change_between_messages(void **state) {
  (void)state;
  static const int8_t indices[1] = {0};
  oa_ipc_reader *reader = open_reader(NULL);
  oa_ipc_writer *writer = NULL;
  oa_ipc_pieces pieces;
  oa_buf stream = {0};
  oa_ipc_event event = OA_IPC_EOS;
  oa_error error = {0};
  size_t used = 0;
  assert_int_equal(oa_ipc_writer_new(&writer, &names, OA_CODING_NONE, 0),
                   OA_OK);
  assert_int_equal(oa_ipc_write_schema(writer, &pieces), OA_OK);
  sample_append(&stream, &pieces);
  const size_t at = stream.len;
  put_names(&stream, writer, &two_names, indices, 1, false);
  assert_int_equal(
      oa_ipc_read(reader, stream.data, stream.len, &used, &event, NULL), OA_OK);
  oa_ipc_reader_set_max_memory(reader, 8);
  assert_int_equal(oa_ipc_read(reader, stream.data + at, stream.len - at, &used,
                               &event, &error),
                   OA_ERR_LIMIT);
  assert_non_null(strstr(error.text, "limit of 8 bytes"));
  oa_ipc_reader_set_max_memory(reader, 4096);
  assert_int_equal(oa_ipc_read(reader, stream.data + at, stream.len - at, &used,
                               &event, &error),
                   OA_OK);
  oa_buf_free(&stream);
  oa_ipc_writer_free(writer);
  oa_ipc_reader_free(reader);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(dictionaries_are_replaced_and_added_to),
      cmocka_unit_test(indices_stay_inside_their_dictionary),
      cmocka_unit_test(dictionaries_count_as_memory),
      cmocka_unit_test(a_failed_delta_leaves_the_dictionary),
      cmocka_unit_test(a_dictionary_of_megabytes_grows_by_additions),
      cmocka_unit_test(replacements_are_told_from_additions),
      cmocka_unit_test(readers_may_share_an_inflater),
      cmocka_unit_test(the_memory_limit_may_change_between_messages),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
