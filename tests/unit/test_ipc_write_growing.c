/* SPDX-License-Identifier: Apache-2.0 */
/* Dictionaries that grow: what stands in the stream is not sent again, and our
 * reader sees the whole of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "arrow/ipc_read.h"
#include "arrow/ipc_write.h"
#include "base/mem.h"

static const oa_field fields[] = {
    {.name = "text",
     .type = OA_TYPE_UTF8,
     .nullable = true,
     .dictionary = true,
     .index_type = OA_TYPE_UINT8},
    {.name = "id",
     .type = OA_TYPE_FIXED_BINARY,
     .width = 2,
     .dictionary = true,
     .index_type = OA_TYPE_UINT16},
};
static const oa_schema schema = {.fields = fields, .field_count = 2};

static const int32_t offsets[] = {0, 1, 3, 6, 10};
static const char *const texts[] = {"a", "bc", "def", "ghij"};

typedef struct stream {
  oa_ipc_writer *writer;
  oa_ipc_reader *reader;
  oa_buf bytes;
  size_t at;
  size_t dictionaries; /* messages of the last batch */
} stream;

/* Appends the pieces and lets the reader read them. */
static void pass(stream *s, const oa_ipc_pieces *pieces) {
  s->dictionaries = 0;
  s->bytes.len = 0;
  for (size_t i = 0; i < pieces->count; i++) {
    assert_int_equal(
        oa_buf_put(&s->bytes, pieces->iov[i].iov_base, pieces->iov[i].iov_len),
        OA_OK);
  }
  for (size_t at = 0; at < s->bytes.len;) {
    size_t used = 0;
    oa_ipc_event event;
    oa_error error = {0};
    if (oa_ipc_read(s->reader, s->bytes.data + at, s->bytes.len - at, &used,
                    &event, &error) != OA_OK) {
      fail_msg("%s", error.text);
    }
    s->dictionaries += event == OA_IPC_DICTIONARY;
    at += used;
  }
}

static void stream_init(stream *s, oa_coding codec) {
  oa_ipc_pieces pieces;
  *s = (stream){0};
  assert_int_equal(oa_ipc_writer_new(&s->writer, &schema, codec, 0), OA_OK);
  assert_int_equal(oa_ipc_reader_new(&s->reader, &oa_ipc_limits_default),
                   OA_OK);
  oa_ipc_writer_set_align(s->writer, 8);
  assert_int_equal(oa_ipc_write_schema(s->writer, &pieces), OA_OK);
  pass(s, &pieces);
}

static void stream_free(stream *s) {
  oa_ipc_writer_free(s->writer);
  oa_ipc_reader_free(s->reader);
  oa_buf_free(&s->bytes);
}

/* Writes a row for each of the first LENGTH entries of both dictionaries, of
 * which the stream has SENT. */
static void write_batch(stream *s, int64_t length, const int64_t *sent) {
  static const uint8_t narrow[] = {0, 1, 2, 3};
  static const uint16_t wide[] = {0, 1, 2, 3};
  const oa_array text = {.length = length,
                         .offsets = offsets,
                         .values = "abcdefghij",
                         .values_size = (size_t)offsets[length]};
  const oa_array id = {.length = length, .values = "AABBCCDD"};
  const oa_array columns[] = {
      {.length = length, .values = narrow, .dictionary = &text},
      {.length = length, .values = wide, .dictionary = &id},
  };
  oa_ipc_pieces pieces;
  assert_int_equal(
      oa_ipc_write_growing(s->writer, columns, length, sent, &pieces), OA_OK);
  pass(s, &pieces);
}

static void assert_read(const stream *s, int64_t length) {
  int64_t rows;
  const oa_array *columns = oa_ipc_reader_columns(s->reader, &rows);
  assert_int_equal(rows, length);
  for (int64_t i = 0; i < rows; i++) {
    const uint8_t *narrow = columns[0].values;
    const uint16_t *wide = columns[1].values;
    const char *ids = columns[1].dictionary->values;
    size_t len;
    const uint8_t *text =
        oa_array_bytes(columns[0].dictionary, narrow[i], &len);
    assert_int_equal(len, strlen(texts[i]));
    assert_memory_equal(text, texts[i], len);
    assert_memory_equal(ids + wide[i] * 2, "AABBCCDD" + i * 2, 2);
  }
}

static void only_what_is_new_is_sent(void **state) {
  static const oa_coding codecs[] = {OA_CODING_NONE, OA_CODING_LZ4,
                                     OA_CODING_ZSTD};
  (void)state;
  for (size_t i = 0; i < 3; i++) {
    stream s;
    stream_init(&s, codecs[i]);
    write_batch(&s, 1, (const int64_t[]){-1, -1});
    assert_int_equal(s.dictionaries, 2);
    assert_read(&s, 1);
    write_batch(&s, 3, (const int64_t[]){1, 1});
    assert_int_equal(s.dictionaries, 2);
    assert_read(&s, 3);
    write_batch(&s, 3, (const int64_t[]){3, 3});
    assert_int_equal(s.dictionaries, 0);
    assert_read(&s, 3);
    write_batch(&s, 4, (const int64_t[]){3, 3});
    assert_int_equal(s.dictionaries, 2);
    assert_read(&s, 4);
    stream_free(&s);
  }
}

static void a_dictionary_can_be_replaced(void **state) {
  (void)state;
  stream s;
  stream_init(&s, OA_CODING_NONE);
  write_batch(&s, 4, (const int64_t[]){-1, -1});
  write_batch(&s, 2, (const int64_t[]){0, 0});
  assert_int_equal(s.dictionaries, 2);
  assert_read(&s, 2);
  int64_t rows;
  const oa_array *columns = oa_ipc_reader_columns(s.reader, &rows);
  assert_int_equal(columns[0].dictionary->length, 2);
  stream_free(&s);
}

static void an_empty_dictionary_is_sent_once(void **state) {
  (void)state;
  const oa_array nothing = {0};
  const oa_array columns[] = {{.length = 2, .null_count = 2},
                              {.dictionary = &nothing, .length = 0}};
  const oa_schema one = {.fields = fields, .field_count = 1};
  oa_ipc_writer *writer = NULL;
  oa_ipc_pieces pieces;
  assert_int_equal(oa_ipc_writer_new(&writer, &one, OA_CODING_NONE, 0), OA_OK);
  assert_int_equal(
      oa_ipc_write_growing(writer, columns, 2, (const int64_t[]){-1}, &pieces),
      OA_OK);
  const uint64_t with = pieces.size;
  assert_int_equal(
      oa_ipc_write_growing(writer, columns, 2, (const int64_t[]){0}, &pieces),
      OA_OK);
  assert_true(pieces.size + 64 < with);
  oa_ipc_writer_free(writer);
}

/* Strings that are the middle of a longer array. */
static void a_part_of_an_array_is_written_as_a_whole_one(void **state) {
  static const oa_field plain[] = {{.name = "text", .type = OA_TYPE_UTF8}};
  static const oa_schema one = {.fields = plain, .field_count = 1};
  static const oa_coding codecs[] = {OA_CODING_NONE, OA_CODING_LZ4,
                                     OA_CODING_ZSTD};
  (void)state;
  for (size_t i = 0; i < 3; i++) {
    stream s = {0};
    oa_ipc_pieces pieces;
    int64_t rows;
    const oa_array part = {.length = 2,
                           .offsets = offsets + 1,
                           .values = "abcdefghij",
                           .values_size = 10};
    assert_int_equal(oa_ipc_writer_new(&s.writer, &one, codecs[i], 0), OA_OK);
    assert_int_equal(oa_ipc_reader_new(&s.reader, &oa_ipc_limits_default),
                     OA_OK);
    assert_int_equal(oa_ipc_write_schema(s.writer, &pieces), OA_OK);
    pass(&s, &pieces);
    assert_int_equal(oa_ipc_write_batch(s.writer, &part, 2, &pieces), OA_OK);
    pass(&s, &pieces);
    const oa_array *columns = oa_ipc_reader_columns(s.reader, &rows);
    assert_int_equal(rows, 2);
    assert_int_equal(((const int32_t *)columns->offsets)[0], 0);
    assert_int_equal(((const int32_t *)columns->offsets)[2], 5);
    assert_memory_equal(columns->values, "bcdef", 5);
    stream_free(&s);
  }
}

static void writers_may_share_a_deflater(void **state) {
  (void)state;
  oa_deflater *deflater = NULL;
  oa_ipc_writer *a = NULL;
  oa_ipc_writer *b = NULL;
  assert_int_equal(oa_deflater_new(&deflater, OA_CODING_ZSTD, 0), OA_OK);
  assert_int_equal(
      oa_ipc_writer_new_shared(&a, &schema, OA_CODING_ZSTD, deflater), OA_OK);
  assert_int_equal(
      oa_ipc_writer_new_shared(&b, &schema, OA_CODING_ZSTD, deflater), OA_OK);
  assert_int_equal(
      oa_ipc_writer_new_shared(&b, &schema, OA_CODING_GZIP, deflater),
      OA_ERR_CONFIG);
  oa_ipc_writer_free(a);
  oa_ipc_writer_free(b);
  oa_deflater_free(deflater);
}

static void growth_survives_a_lack_of_memory(void **state) {
  (void)state;
  const oa_array text = {.length = 4,
                         .offsets = offsets,
                         .values = "abcdefghij",
                         .values_size = 10};
  const oa_array id = {.length = 4, .values = "AABBCCDD"};
  const oa_array columns[] = {{.length = 2, .dictionary = &text},
                              {.length = 2, .dictionary = &id}};
  oa_status status = OA_ERR_NOMEM;
  int64_t n = 0;
  for (; status != OA_OK; n++) {
    oa_ipc_writer *writer = NULL;
    oa_ipc_pieces pieces;
    oa_mem_fail_after(n);
    status = oa_ipc_writer_new(&writer, &schema, OA_CODING_NONE, 0);
    if (status == OA_OK) {
      status = oa_ipc_write_growing(writer, columns, 2, (const int64_t[]){1, 3},
                                    &pieces);
    }
    oa_mem_fail_after(-1);
    assert_true(status == OA_OK || status == OA_ERR_NOMEM);
    oa_ipc_writer_free(writer);
  }
  assert_true(n > 3);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(only_what_is_new_is_sent),
      cmocka_unit_test(a_dictionary_can_be_replaced),
      cmocka_unit_test(an_empty_dictionary_is_sent_once),
      cmocka_unit_test(a_part_of_an_array_is_written_as_a_whole_one),
      cmocka_unit_test(writers_may_share_a_deflater),
      cmocka_unit_test(growth_survives_a_lack_of_memory),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
