/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "arrow/flat.h"
#include "arrow/ipc_format.h"
#include "arrow/ipc_read.h"
#include "base/mem.h"
#include "ipc_sample.h"
#include "otlp/schema.h"

static const oa_coding codecs[] = {OA_CODING_NONE, OA_CODING_LZ4,
                                   OA_CODING_ZSTD};

static oa_ipc_writer *open_writer(const oa_schema *schema, oa_coding codec) {
  oa_ipc_writer *writer = NULL;
  assert_int_equal(oa_ipc_writer_new(&writer, schema, codec, 0), OA_OK);
  return writer;
}

/* Reads STREAM and compares its batches. */
static void expect_batches(const oa_schema *schema, const oa_buf *stream,
                           const oa_array *const *batches, size_t count) {
  oa_ipc_reader *reader = NULL;
  oa_error error = {0};
  size_t seen = 0;
  oa_ipc_event event = OA_IPC_SCHEMA;
  assert_int_equal(oa_ipc_reader_new(&reader, NULL), OA_OK);
  for (size_t at = 0; at < stream->len;) {
    size_t used = 0;
    oa_status status = oa_ipc_read(reader, stream->data + at, stream->len - at,
                                   &used, &event, &error);
    if (status != OA_OK) {
      fail_msg("at %zu: %s", at, error.text);
    }
    assert_int_equal(used % 8, 0);
    at += used;
    if (event == OA_IPC_BATCH) {
      int64_t rows = 0;
      const oa_array *columns = oa_ipc_reader_columns(reader, &rows);
      assert_true(seen < count);
      assert_true(sample_all_equal(schema, batches[seen], columns));
      seen++;
    }
  }
  assert_int_equal(event, OA_IPC_EOS);
  assert_int_equal(seen, count);
  assert_true(oa_schema_equal(oa_ipc_reader_schema(reader), schema));
  oa_ipc_reader_free(reader);
}

static void round_trip(const oa_schema *schema, int64_t rows) {
  for (size_t c = 0; c < 3; c++) {
    sampler s = sample_open((uint64_t)rows + 7);
    const oa_array *batches[SAMPLE_STYLES];
    for (int style = 0; style < SAMPLE_STYLES; style++) {
      batches[style] = sample_columns(&s, schema, rows, (sample_style)style);
    }
    oa_buf stream =
        sample_stream(schema, codecs[c], batches, SAMPLE_STYLES, rows);
    expect_batches(schema, &stream, batches, SAMPLE_STYLES);
    oa_buf_free(&stream);
    oa_arena_free(&s.arena);
  }
}

static void every_type_comes_back_equal(void **state) {
  (void)state;
  static const int64_t counts[] = {0, 1, 2, 7, 8, 9, 63, 64, 65, 1000, 3001};
  for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
    round_trip(&sample_schema, counts[i]);
  }
}

static void the_schemas_of_all_signals_come_back_equal(void **state) {
  (void)state;
  for (int signal = 0; signal < OA_SIGNAL_COUNT; signal++) {
    round_trip(oa_otlp_schema((oa_signal)signal), 300);
  }
}

static void metadata_of_schema_and_fields_is_written(void **state) {
  (void)state;
  sampler s = sample_open(1);
  oa_buf stream = sample_stream(&sample_schema, OA_CODING_NONE, NULL, 0, 0);
  oa_ipc_reader *reader = NULL;
  oa_ipc_event event = OA_IPC_EOS;
  size_t used = 0;
  assert_int_equal(oa_ipc_reader_new(&reader, NULL), OA_OK);
  assert_int_equal(
      oa_ipc_read(reader, stream.data, stream.len, &used, &event, NULL), OA_OK);
  const oa_schema *schema = oa_ipc_reader_schema(reader);
  assert_int_equal(schema->metadata_count, 2);
  assert_string_equal(schema->metadata[0].key, "who");
  assert_string_equal(schema->metadata[0].value, "test");
  assert_string_equal(schema->metadata[1].value, "");
  for (size_t i = 0; i < SAMPLE_FIELDS; i++) {
    assert_int_equal(schema->fields[i].nullable, sample_fields[i].nullable);
    assert_int_equal(schema->fields[i].metadata_count,
                     sample_fields[i].metadata_count);
  }
  oa_ipc_reader_free(reader);
  oa_buf_free(&stream);
  oa_arena_free(&s.arena);
}

/* Bodies and their buffers start where the header promises. */
static void check_places(const uint8_t *bytes, size_t len) {
  for (size_t at = 0; at < len;) {
    size_t used = 0;
    oa_ipc_event event = OA_IPC_EOS;
    int64_t rows = 0;
    assert_int_equal(at % 8, 0);
    assert_int_equal(
        oa_ipc_skip(bytes + at, len - at, &used, &event, &rows, NULL), OA_OK);
    uint32_t meta = 0;
    memcpy(&meta, bytes + at + 4, sizeof meta);
    if (event == OA_IPC_BATCH || event == OA_IPC_DICTIONARY) {
      oa_flat_table message;
      oa_flat_table batch;
      oa_flat_vector buffers;
      assert_int_equal((OA_IPC_PREFIX + meta) % 64, 0);
      assert_int_equal((used - OA_IPC_PREFIX - meta) % 64, 0);
      assert_true(oa_flat_root(bytes + at + OA_IPC_PREFIX, meta, &message));
      assert_true(oa_flat_get_table(&message, OA_MESSAGE_HEADER, &batch));
      if (event == OA_IPC_DICTIONARY) {
        oa_flat_table data;
        assert_true(oa_flat_get_table(&batch, OA_DICTIONARY_DATA, &data));
        batch = data;
      }
      assert_true(oa_flat_get_vector(&batch, OA_BATCH_BUFFERS, 16, &buffers));
      for (size_t i = 0; i < buffers.count; i++) {
        assert_int_equal(oa_flat_vector_word(&buffers, i, 16, 0) % 64, 0);
      }
    }
    at += used;
  }
}

static void buffers_start_at_multiples_of_64(void **state) {
  (void)state;
  for (size_t c = 0; c < 3; c++) {
    sampler s = sample_open(3);
    const oa_array *batch =
        sample_columns(&s, &sample_schema, 777, SAMPLE_MIXED);
    oa_buf stream = sample_stream(&sample_schema, codecs[c], &batch, 1, 777);
    check_places(stream.data, stream.len);
    oa_buf_free(&stream);
    oa_arena_free(&s.arena);
  }
}

static const oa_field wide_fields[] = {
    {.name = "id", .type = OA_TYPE_FIXED_BINARY, .nullable = true, .width = 16},
    {.name = "n", .type = OA_TYPE_INT64, .nullable = true},
};
static const oa_schema wide = {.fields = wide_fields, .field_count = 2};

static bool points_at(const oa_ipc_pieces *pieces, const void *memory,
                      size_t len) {
  for (size_t i = 0; i < pieces->count; i++) {
    if (pieces->iov[i].iov_base == memory && pieces->iov[i].iov_len == len) {
      return true;
    }
  }
  return false;
}

static void uncompressed_columns_are_not_copied(void **state) {
  (void)state;
  sampler s = sample_open(4);
  const oa_array *batch = sample_columns(&s, &wide, 10000, SAMPLE_FULL);
  oa_ipc_writer *writer = open_writer(&wide, OA_CODING_NONE);
  oa_ipc_pieces pieces;
  assert_int_equal(oa_ipc_write_batch(writer, batch, 10000, &pieces), OA_OK);
  assert_true(points_at(&pieces, batch[0].values, 160000));
  assert_true(points_at(&pieces, batch[1].values, 80000));
  oa_ipc_writer_free(writer);
  oa_arena_free(&s.arena);
}

static void random_ids_are_stored_as_they_are(void **state) {
  (void)state;
  for (size_t c = 1; c < 3; c++) {
    sampler s = sample_open(4);
    const oa_array *batch = sample_columns(&s, &wide, 10000, SAMPLE_FULL);
    oa_ipc_writer *writer = open_writer(&wide, codecs[c]);
    oa_ipc_pieces pieces;
    assert_int_equal(oa_ipc_write_batch(writer, batch, 10000, &pieces), OA_OK);
    assert_true(points_at(&pieces, batch[0].values, 160000));
    assert_true(pieces.size < 160000 + 80000 + 2000);
    oa_ipc_writer_free(writer);
    oa_arena_free(&s.arena);
  }
}

/* What the first batches were like is not what all will be like. */
static void ids_that_begin_to_repeat_are_compressed_in_the_end(void **state) {
  (void)state;
  for (size_t c = 1; c < 3; c++) {
    sampler s = sample_open(4);
    const oa_array *batch = sample_columns(&s, &wide, 10000, SAMPLE_FULL);
    oa_ipc_writer *writer = open_writer(&wide, codecs[c]);
    oa_ipc_pieces pieces;
    assert_int_equal(oa_ipc_write_batch(writer, batch, 10000, &pieces), OA_OK);
    assert_true(points_at(&pieces, batch[0].values, 160000));
    /* The same id eight times in a row. */
    uint8_t *ids = sample_take(&s, 160000);
    for (size_t i = 0; i < 10000; i++) {
      memcpy(ids + 16 * i, (const uint8_t *)batch[0].values + (i / 8) * 16, 16);
    }
    oa_array repeated[2] = {batch[0], batch[1]};
    repeated[0].values = ids;
    for (int i = 0; i < 16; i++) {
      assert_int_equal(oa_ipc_write_batch(writer, repeated, 10000, &pieces),
                       OA_OK);
    }
    assert_false(points_at(&pieces, ids, 160000));
    assert_true(pieces.size < 50000 + 80000 + 2000);
    oa_ipc_writer_free(writer);
    oa_arena_free(&s.arena);
  }
}

enum { BLOCK = 4096, BLOCK_BATCHES = 3 };

static void batches_end_where_blocks_end(void **state) {
  (void)state;
  static const int64_t counts[] = {0, 1, 5, 300, 4000};
  for (size_t c = 0; c < 3; c++) {
    for (size_t n = 0; n < sizeof counts / sizeof counts[0]; n++) {
      sampler s = sample_open(n);
      const oa_array *batches[BLOCK_BATCHES];
      oa_ipc_writer *writer = open_writer(&sample_schema, codecs[c]);
      oa_ipc_pieces pieces;
      oa_buf stream = {0};
      oa_ipc_writer_set_blocks(writer);
      assert_int_equal(oa_ipc_write_schema(writer, &pieces), OA_OK);
      sample_append(&stream, &pieces);
      for (size_t i = 0; i < BLOCK_BATCHES; i++) {
        /* The second is the first again: its dictionaries are left out. */
        batches[i] = i == 1 ? batches[0]
                            : sample_columns(&s, &sample_schema, counts[n],
                                             SAMPLE_MIXED);
        const size_t before = stream.len;
        assert_int_equal(
            oa_ipc_write_batch(writer, batches[i], counts[n], &pieces), OA_OK);
        sample_append(&stream, &pieces);
        assert_int_equal(stream.len % BLOCK, 0);
        assert_int_equal(stream.len - before, pieces.size);
        oa_ipc_writer_commit(writer);
      }
      check_places(stream.data, stream.len);
      oa_ipc_write_end(&pieces);
      sample_append(&stream, &pieces);
      expect_batches(&sample_schema, &stream, batches, BLOCK_BATCHES);
      oa_ipc_writer_free(writer);
      oa_buf_free(&stream);
      oa_arena_free(&s.arena);
    }
  }
}

static void padding_needs_no_more_than_a_block(void **state) {
  (void)state;
  sampler s = sample_open(3);
  oa_ipc_writer *plain = open_writer(&wide, OA_CODING_NONE);
  oa_ipc_writer *padded = open_writer(&wide, OA_CODING_NONE);
  oa_ipc_pieces pieces;
  oa_ipc_writer_set_blocks(padded);
  assert_int_equal(oa_ipc_write_schema(plain, &pieces), OA_OK);
  assert_int_equal(oa_ipc_write_schema(padded, &pieces), OA_OK);
  const uint64_t schema = pieces.size;
  for (int64_t rows = 0; rows < 700; rows++) {
    const oa_array *batch = sample_columns(&s, &wide, rows, SAMPLE_FULL);
    assert_int_equal(oa_ipc_write_batch(plain, batch, rows, &pieces), OA_OK);
    const uint64_t bare = schema + pieces.size;
    assert_int_equal(oa_ipc_write_batch(padded, batch, rows, &pieces), OA_OK);
    assert_int_equal(schema + pieces.size, (bare + BLOCK - 1) / BLOCK * BLOCK);
  }
  oa_ipc_writer_free(plain);
  oa_ipc_writer_free(padded);
  oa_arena_free(&s.arena);
}

/* Where the piece that is COLUMN's memory stands in the stream. */
static uint64_t place_of(const oa_ipc_pieces *pieces, uint64_t start,
                         const void *column) {
  uint64_t at = start;
  for (size_t i = 0; i < pieces->count; i++) {
    if (pieces->iov[i].iov_base == column) {
      return at;
    }
    at += pieces->iov[i].iov_len;
  }
  fail_msg("the column is not among the pieces");
  return 0;
}

/* So can a disk be given them as they are. */
static void long_columns_in_blocks_stand_in_blocks(void **state) {
  (void)state;
  enum { ROWS = 5 * BLOCK + 512 };
  static const oa_field fields[] = {{.name = "a", .type = OA_TYPE_INT64},
                                    {.name = "b", .type = OA_TYPE_UINT8},
                                    {.name = "c", .type = OA_TYPE_INT64},
                                    {.name = "d", .type = OA_TYPE_INT64}};
  static const oa_schema schema = {.fields = fields, .field_count = 4};
  static _Alignas(BLOCK) int64_t values[2 * ROWS + 1];
  static uint8_t bytes[ROWS];
  for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
    values[i] = (int64_t)i * 7;
  }
  /* The last but one begins behind the start of a block. */
  const oa_array columns[] = {
      {.length = ROWS, .values = values, .values_size = ROWS * 8},
      {.length = ROWS, .values = bytes, .values_size = ROWS},
      {.length = ROWS, .values = values + 1, .values_size = ROWS * 8},
      {.length = ROWS, .values = values + ROWS, .values_size = ROWS * 8}};
  const oa_array *batches[] = {columns, columns};
  oa_ipc_writer *writer = open_writer(&schema, OA_CODING_NONE);
  oa_ipc_pieces pieces;
  oa_buf stream = {0};
  oa_ipc_writer_set_blocks(writer);
  assert_int_equal(oa_ipc_write_schema(writer, &pieces), OA_OK);
  sample_append(&stream, &pieces);
  for (size_t i = 0; i < 2; i++) {
    const size_t before = stream.len;
    assert_int_equal(oa_ipc_write_batch(writer, columns, ROWS, &pieces), OA_OK);
    assert_int_equal(place_of(&pieces, before, values) % BLOCK, 0);
    assert_int_not_equal(place_of(&pieces, before, values + 1) % BLOCK, 0);
    assert_int_equal(place_of(&pieces, before, values + ROWS) % BLOCK, 0);
    sample_append(&stream, &pieces);
    assert_int_equal(stream.len % BLOCK, 0);
    assert_true(stream.len - before < ROWS * 25 + 6 * BLOCK);
    oa_ipc_writer_commit(writer);
  }
  oa_ipc_write_end(&pieces);
  sample_append(&stream, &pieces);
  expect_batches(&schema, &stream, batches, 2);
  oa_ipc_writer_free(writer);
  oa_buf_free(&stream);
}

static void columns_that_nobody_filled_cost_nothing(void **state) {
  (void)state;
  const int64_t rows = 1 << 20;
  sampler s = sample_open(5);
  const oa_array *batch = sample_columns(&s, &wide, rows, SAMPLE_ALL_NULL);
  for (size_t c = 0; c < 3; c++) {
    oa_ipc_writer *writer = open_writer(&wide, codecs[c]);
    oa_ipc_pieces pieces;
    assert_int_equal(oa_ipc_write_batch(writer, batch, rows, &pieces), OA_OK);
    if (codecs[c] == OA_CODING_NONE) {
      assert_true(pieces.size > 24U << 20);
      /* Large pieces are one page again and again. */
      const void *page = NULL;
      for (size_t i = 0; i < pieces.count; i++) {
        if (pieces.iov[i].iov_len >= 64 * 1024) {
          assert_true(page == NULL || page == pieces.iov[i].iov_base);
          page = pieces.iov[i].iov_base;
        }
      }
      assert_non_null(page);
    } else {
      assert_true(pieces.size < (codecs[c] == OA_CODING_ZSTD ? 4000 : 120000));
    }
    oa_ipc_writer_free(writer);
  }
  oa_arena_free(&s.arena);
}

static size_t count_dictionaries_in(const oa_ipc_pieces *pieces) {
  oa_buf bytes = {0};
  size_t found = 0;
  sample_append(&bytes, pieces);
  for (size_t at = 0; at < bytes.len;) {
    size_t used = 0;
    oa_ipc_event event = OA_IPC_EOS;
    int64_t rows = 0;
    assert_int_equal(oa_ipc_skip(bytes.data + at, bytes.len - at, &used, &event,
                                 &rows, NULL),
                     OA_OK);
    found += event == OA_IPC_DICTIONARY ? 1 : 0;
    at += used;
  }
  oa_buf_free(&bytes);
  return found;
}

static const oa_field name_field = {.name = "name",
                                    .type = OA_TYPE_UTF8,
                                    .dictionary = true,
                                    .index_type = OA_TYPE_INT32};
static const oa_schema names = {.fields = &name_field, .field_count = 1};

static void only_committed_dictionaries_are_left_out(void **state) {
  (void)state;
  sampler s = sample_open(6);
  const oa_array *one = sample_columns(&s, &names, 50, SAMPLE_FULL);
  const oa_array *two = sample_columns(&s, &names, 50, SAMPLE_FULL);
  oa_ipc_writer *writer = open_writer(&names, OA_CODING_NONE);
  oa_ipc_pieces pieces;
  const struct {
    const oa_array *batch;
    size_t dictionaries;
    bool commit;
  } steps[] = {
      {one, 1, false}, /* the append failed: */
      {one, 1, true},  /* so it comes again */
      {one, 0, true},  {one, 0, false}, {two, 1, false},
      {one, 1, true}, /* the stream still has ONE, which is not known */
      {one, 0, true},  {two, 1, true},  {two, 0, true},
  };
  for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
    assert_int_equal(oa_ipc_write_batch(writer, steps[i].batch, 50, &pieces),
                     OA_OK);
    assert_int_equal(count_dictionaries_in(&pieces), steps[i].dictionaries);
    if (steps[i].commit) {
      oa_ipc_writer_commit(writer);
    }
  }
  oa_ipc_writer_free(writer);
  oa_arena_free(&s.arena);
}

static void a_dictionary_that_only_moved_its_borders_is_written(void **state) {
  (void)state;
  const int32_t indices[2] = {0, 1};
  const int32_t first[3] = {0, 1, 3};
  const int32_t second[3] = {0, 2, 3};
  oa_array values = {
      .length = 2, .offsets = first, .values = "abc", .values_size = 3};
  const oa_array column = {
      .length = 2, .values = indices, .values_size = 8, .dictionary = &values};
  oa_ipc_writer *writer = open_writer(&names, OA_CODING_NONE);
  oa_ipc_pieces pieces;
  assert_int_equal(oa_ipc_write_batch(writer, &column, 2, &pieces), OA_OK);
  oa_ipc_writer_commit(writer);
  values.offsets = second;
  assert_int_equal(oa_ipc_write_batch(writer, &column, 2, &pieces), OA_OK);
  assert_int_equal(count_dictionaries_in(&pieces), 1);
  oa_ipc_writer_free(writer);
}

static void the_end_is_eight_bytes(void **state) {
  (void)state;
  static const uint8_t end[8] = {0xff, 0xff, 0xff, 0xff};
  oa_ipc_pieces pieces;
  oa_ipc_write_end(&pieces);
  assert_int_equal(pieces.count, 1);
  assert_int_equal(pieces.size, 8);
  assert_memory_equal(pieces.iov[0].iov_base, end, 8);
}

static void gzip_is_not_a_codec_of_the_format(void **state) {
  (void)state;
  oa_ipc_writer *writer = NULL;
  assert_int_equal(oa_ipc_writer_new(&writer, &wide, OA_CODING_GZIP, 0),
                   OA_ERR_CONFIG);
  assert_int_equal(oa_ipc_writer_new(&writer, &wide, OA_CODING_ZSTD, 99),
                   OA_ERR_CONFIG);
  assert_null(writer);
}

static oa_status write_all(const oa_array *batch, oa_coding codec) {
  oa_ipc_writer *writer = NULL;
  oa_ipc_pieces pieces;
  oa_status status = oa_ipc_writer_new(&writer, &sample_schema, codec, 0);
  if (status == OA_OK) {
    status = oa_ipc_write_schema(writer, &pieces);
  }
  if (status == OA_OK) {
    status = oa_ipc_write_batch(writer, batch, 40, &pieces);
  }
  oa_ipc_writer_free(writer);
  return status;
}

static void no_memory_is_a_status(void **state) {
  (void)state;
  sampler s = sample_open(8);
  const oa_array *batch = sample_columns(&s, &sample_schema, 40, SAMPLE_MIXED);
  for (size_t c = 0; c < 3; c++) {
    oa_status status = OA_ERR_NOMEM;
    int64_t n = 0;
    for (; status != OA_OK; n++) {
      oa_mem_fail_after(n);
      status = write_all(batch, codecs[c]);
      oa_mem_fail_after(-1);
      assert_true(status == OA_OK || status == OA_ERR_NOMEM);
      assert_true(n < 1000);
    }
    assert_true(n > 10);
  }
  oa_arena_free(&s.arena);
}

static void a_writer_goes_on_after_a_failure(void **state) {
  (void)state;
  sampler s = sample_open(9);
  const oa_array *batch = sample_columns(&s, &sample_schema, 40, SAMPLE_MIXED);
  for (int64_t n = 0; n < 40; n++) {
    oa_ipc_writer *writer = open_writer(&sample_schema, OA_CODING_ZSTD);
    oa_ipc_pieces pieces;
    oa_buf stream = {0};
    assert_int_equal(oa_ipc_write_schema(writer, &pieces), OA_OK);
    sample_append(&stream, &pieces);
    oa_mem_fail_after(n);
    (void)oa_ipc_write_batch(writer, batch, 40, &pieces);
    oa_mem_fail_after(-1);
    assert_int_equal(oa_ipc_write_batch(writer, batch, 40, &pieces), OA_OK);
    sample_append(&stream, &pieces);
    oa_ipc_write_end(&pieces);
    sample_append(&stream, &pieces);
    expect_batches(&sample_schema, &stream, &batch, 1);
    oa_buf_free(&stream);
    oa_ipc_writer_free(writer);
  }
  oa_arena_free(&s.arena);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_type_comes_back_equal),
      cmocka_unit_test(the_schemas_of_all_signals_come_back_equal),
      cmocka_unit_test(metadata_of_schema_and_fields_is_written),
      cmocka_unit_test(buffers_start_at_multiples_of_64),
      cmocka_unit_test(uncompressed_columns_are_not_copied),
      cmocka_unit_test(random_ids_are_stored_as_they_are),
      cmocka_unit_test(ids_that_begin_to_repeat_are_compressed_in_the_end),
      cmocka_unit_test(batches_end_where_blocks_end),
      cmocka_unit_test(padding_needs_no_more_than_a_block),
      cmocka_unit_test(long_columns_in_blocks_stand_in_blocks),
      cmocka_unit_test(columns_that_nobody_filled_cost_nothing),
      cmocka_unit_test(only_committed_dictionaries_are_left_out),
      cmocka_unit_test(a_dictionary_that_only_moved_its_borders_is_written),
      cmocka_unit_test(the_end_is_eight_bytes),
      cmocka_unit_test(gzip_is_not_a_codec_of_the_format),
      cmocka_unit_test(no_memory_is_a_status),
      cmocka_unit_test(a_writer_goes_on_after_a_failure),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
