/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "arrow/ipc_read.h"
#include "store/check.h"
#include "verify_trial.h"

/* What the last check told. */
typedef struct told {
  uint64_t count;
  uint64_t offset; /* of the first */
  uint64_t batch;
  char what[OA_ERROR_TEXT_SIZE];
} told;

static const oa_schema *choose(void *context, const oa_schema *found) {
  (void)context;
  (void)found;
  return oa_otlp_schema(OA_TRACES);
}

static void keep(void *context, uint64_t offset, uint64_t batch,
                 const char *what) {
  told *t = context;
  if (t->count++ == 0) {
    t->offset = offset;
    t->batch = batch;
    snprintf(t->what, sizeof t->what, "%s", what);
  }
}

static oa_check check_bytes(const place *p, const uint8_t *bytes, size_t len,
                            told *t) {
  told ignored;
  oa_check found;
  t = t == NULL ? &ignored : t;
  memset(t, 0, sizeof *t);
  const oa_check_options options = {
      .choose = choose, .problem = keep, .context = t};
  save(p->path, bytes, len);
  const int fd = open(p->path, O_RDONLY);
  assert_true(fd >= 0);
  assert_int_equal(oa_check_file(fd, &options, &found, NULL), OA_OK);
  close(fd);
  assert_int_equal(found.problems, t->count);
  return found;
}

static void a_whole_file_has_nothing_wrong(void **state) {
  static const oa_coding codecs[] = {OA_CODING_NONE, OA_CODING_LZ4,
                                     OA_CODING_ZSTD};
  for (size_t i = 0; i < 3; i++) {
    oa_buf file = {0};
    size_t ends[BATCHES + 1];
    told t;
    make_file(&file, ends, codecs[i]);
    const oa_check found = check_bytes(*state, file.data, file.len, &t);
    assert_string_equal(t.what, "");
    assert_int_equal(found.state, OA_CHECK_WHOLE);
    assert_int_equal(found.batches, BATCHES);
    assert_int_equal(found.rows, BATCHES * ROWS);
    assert_int_equal(found.complete, ends[BATCHES]);
    assert_int_equal(found.whole, file.len);
    assert_false(found.foreign);
    oa_buf_free(&file);
  }
}

static void a_cut_anywhere_is_found_where_it_is(void **state) {
  oa_buf file = {0};
  size_t ends[BATCHES + 1];
  make_file(&file, ends, OA_CODING_NONE);
  for (size_t cut = 0; cut < file.len; cut += cut % 64 < 9 ? 1 : 11) {
    size_t batches = 0;
    while (batches < BATCHES && ends[batches + 1] <= cut) {
      batches++;
    }
    const oa_check found = check_bytes(*state, file.data, cut, NULL);
    assert_int_equal(found.problems, 0);
    assert_int_equal(found.has_schema, cut >= ends[0]);
    assert_int_equal(found.good, batches);
    assert_int_equal(found.complete, cut < ends[0] ? 0 : ends[batches]);
    assert_int_equal(found.state,
                     found.whole == cut ? OA_CHECK_OPEN : OA_CHECK_TORN);
  }
  oa_buf_free(&file);
}

/* Marks the bytes of frames, flatbuffers and the end mark with 1, those of
 * dictionaries with 2. */
static uint8_t *metadata_of(const oa_buf *file) {
  uint8_t *map = calloc(1, file->len);
  assert_non_null(map);
  for (size_t at = 0; at < file->len;) {
    uint32_t metadata;
    size_t used = 0;
    oa_ipc_event event;
    int64_t count;
    assert_int_equal(oa_ipc_skip(file->data + at, file->len - at, &used, &event,
                                 &count, NULL),
                     OA_OK);
    memcpy(&metadata, file->data + at + 4, sizeof metadata);
    memset(map + at, event == OA_IPC_DICTIONARY ? 2 : 1, 8 + metadata);
    at += used;
  }
  return map;
}

static void every_flip_outside_of_values_is_found(void **state) {
  static const uint8_t flips[] = {0x01, 0x20, 0x80, 0xFF};
  oa_buf file = {0};
  size_t ends[BATCHES + 1];
  size_t seen = 0;
  make_file(&file, ends, OA_CODING_LZ4);
  uint8_t *metadata = metadata_of(&file);
  for (size_t at = 0; at < file.len; at += 5) {
    const uint8_t flip = flips[at / 5 % sizeof flips];
    file.data[at] ^= flip;
    const oa_check found = check_bytes(*state, file.data, file.len, NULL);
    file.data[at] ^= flip;
    const bool well = found.problems == 0 && found.state == OA_CHECK_WHOLE;
    /* The id of a dictionary that becomes that of another is a value, too. */
    const bool id =
        metadata[at] == 2 && file.data[at] < 32 && (file.data[at] ^ flip) < 32;
    if (well && metadata[at] && !id) {
      fail_msg("byte %zu, flip 0x%02x", at, flip);
    }
    seen += !well;
    size_t before = 0;
    while (before < BATCHES && ends[before + 1] <= at) {
      before++;
    }
    if (at >= ends[0]) {
      assert_true(found.good >= before);
    }
  }
  assert_true(seen > file.len / 5 / 2);
  free(metadata);
  oa_buf_free(&file);
}

enum { BLOCK = 4096, LONG_ROWS = 16 * BLOCK / 8 + 1 };

/* A file of one batch with one long column, which begins with a block. */
static void make_long_file(oa_buf *out, const uint64_t *times) {
  oa_ipc_writer *writer;
  oa_ipc_pieces pieces;
  oa_array columns[OA_SPAN_COUNT];
  rows r;
  rows_init(&r, OA_TRACES);
  for (size_t i = 0; i < LONG_ROWS; i++) {
    set_text(&r.table, OA_SPAN_NAME, "name");
    set_u64(&r.table, OA_SPAN_START_TIME, times[i]);
    end_row(&r.table);
  }
  memcpy(columns, oa_table_finish(&r.table), sizeof columns);
  columns[OA_SPAN_START_TIME].values = times;
  assert_int_equal(
      oa_ipc_writer_new(&writer, oa_otlp_schema(OA_TRACES), OA_CODING_NONE, 0),
      OA_OK);
  oa_ipc_writer_set_blocks(writer);
  assert_int_equal(oa_ipc_write_schema(writer, &pieces), OA_OK);
  put_pieces(out, &pieces);
  assert_int_equal(oa_ipc_write_batch(writer, columns, LONG_ROWS, &pieces),
                   OA_OK);
  put_pieces(out, &pieces);
  oa_ipc_write_end(&pieces);
  put_pieces(out, &pieces);
  oa_ipc_writer_free(writer);
  rows_free(&r);
}

static void expect_found(const place *p, oa_buf *file, size_t at) {
  file->data[at] ^= 1;
  const oa_check found = check_bytes(p, file->data, file->len, NULL);
  file->data[at] ^= 1;
  if (found.problems == 0 && found.state == OA_CHECK_WHOLE) {
    fail_msg("byte %zu", at);
  }
}

static void what_blocks_leave_free_is_watched(void **state) {
  static _Alignas(BLOCK) uint64_t times[LONG_ROWS];
  oa_buf file = {0};
  told t;
  size_t at = 0;
  size_t gap = 0;
  for (size_t i = 0; i < LONG_ROWS; i++) {
    times[i] = UINT64_C(0x0101010101010101) + i;
  }
  make_long_file(&file, times);
  const oa_check found = check_bytes(*state, file.data, file.len, &t);
  assert_string_equal(t.what, "");
  assert_int_equal(found.rows, LONG_ROWS);

  while (memcmp(file.data + at, times, sizeof times) != 0) {
    at += BLOCK; /* it begins with a block, or this leaves the file */
    assert_true(at + sizeof times < file.len);
  }
  while (gap < BLOCK / 2 && file.data[at - gap - 1] == 0) {
    gap++;
  }
  assert_true(gap > 64);
  for (size_t i = 1; i <= gap; i += 13) {
    expect_found(*state, &file, at - i);
  }
  expect_found(*state, &file, at + sizeof times); /* up to the next buffer */

  uint8_t *metadata = metadata_of(&file);
  size_t body = at;
  while (metadata[body - 1] == 0) {
    body--;
  }
  assert_int_equal(body % BLOCK, 0);
  for (size_t i = 1; i < BLOCK && file.data[body - i] == 0; i += 13) {
    expect_found(*state, &file, body - i);
  }
  free(metadata);
  oa_buf_free(&file);
}

static void a_problem_has_its_place(void **state) {
  oa_buf file = {0};
  size_t ends[BATCHES + 1];
  told t;
  make_file(&file, ends, OA_CODING_NONE);
  file.data[ends[1] + 1] ^= 0xFF;
  oa_check found = check_bytes(*state, file.data, file.len, &t);
  assert_int_equal(t.count, 1);
  assert_int_equal(t.offset, ends[1]);
  assert_int_equal(t.batch, 2);
  assert_int_equal(found.state, OA_CHECK_DAMAGED);
  assert_int_equal(found.good, 1);
  assert_int_equal(found.good_rows, ROWS);
  assert_int_equal(found.complete, ends[1]);
  file.data[ends[1] + 1] ^= 0xFF;

  assert_int_equal(oa_buf_put(&file, "tail", 4), OA_OK);
  found = check_bytes(*state, file.data, file.len, &t);
  assert_int_equal(t.offset, file.len - 4);
  assert_int_equal(t.batch, 0);
  assert_non_null(strstr(t.what, "4 bytes follow"));
  assert_int_equal(found.good, BATCHES);
  oa_buf_free(&file);
}

static void bytes_that_are_no_stream_are_refused(void **state) {
  uint8_t bytes[4096];
  told t;
  for (unsigned i = 0; i < 300; i++) {
    uint32_t x = i * 2654435761U + 1;
    for (size_t k = 0; k < sizeof bytes; k++) {
      x = x * 1664525U + 1013904223U;
      bytes[k] = (uint8_t)(x >> 24);
    }
    memset(bytes, 0xFF, i % 9); /* some begin like a message */
    const oa_check found = check_bytes(*state, bytes, 64 + i * 13, &t);
    assert_false(found.has_schema);
    assert_int_equal(found.complete, 0);
    assert_true(found.problems > 0 || found.state == OA_CHECK_TORN);
  }
}

static void another_schema_is_said(void **state) {
  const oa_field field = {.name = "n", .type = OA_TYPE_INT64};
  const oa_schema schema = {.fields = &field, .field_count = 1};
  oa_ipc_writer *writer;
  oa_ipc_pieces pieces;
  oa_buf file = {0};
  told t;
  assert_int_equal(oa_ipc_writer_new(&writer, &schema, OA_CODING_NONE, 0),
                   OA_OK);
  assert_int_equal(oa_ipc_write_schema(writer, &pieces), OA_OK);
  put_pieces(&file, &pieces);
  oa_ipc_writer_free(writer);
  const oa_check found = check_bytes(*state, file.data, file.len, &t);
  assert_true(found.other_schema);
  assert_non_null(strstr(t.what, "column 1 is n int64"));
  assert_int_equal(found.complete, 0);
  oa_buf_free(&file);
}

static bool stop(void *context, uint64_t bytes) {
  (void)bytes;
  return --*(int *)context > 0;
}

static void a_check_can_be_ended(void **state) {
  const place *p = *state;
  oa_buf file = {0};
  size_t ends[BATCHES + 1];
  int left = 2;
  oa_check found;
  const oa_check_options options = {.progress = stop, .context = &left};
  make_file(&file, ends, OA_CODING_NONE);
  save(p->path, file.data, file.len);
  const int fd = open(p->path, O_RDONLY);
  assert_int_equal(oa_check_file(fd, &options, &found, NULL), OA_ERR_BUSY);
  assert_int_equal(left, 0);
  close(fd);
  oa_buf_free(&file);
}

static void later_messages_are_found_behind_damage(void **state) {
  const place *p = *state;
  oa_buf file = {0};
  size_t ends[BATCHES + 1];
  oa_check_rest rest;
  make_file(&file, ends, OA_CODING_NONE);
  save(p->path, file.data, file.len);
  int fd = open(p->path, O_RDONLY);
  assert_int_equal(oa_check_look(fd, ends[1], file.len, &rest, NULL), OA_OK);
  assert_true(rest.messages);
  assert_false(rest.zero);
  /* Only the one at the beginning, which could not be read. */
  assert_int_equal(oa_check_look(fd, ends[BATCHES], file.len, &rest, NULL),
                   OA_OK);
  assert_false(rest.messages);
  close(fd);
  memset(file.data + ends[1], 0, file.len - ends[1]);
  save(p->path, file.data, file.len);
  fd = open(p->path, O_RDONLY);
  assert_int_equal(oa_check_look(fd, ends[1], file.len, &rest, NULL), OA_OK);
  assert_true(rest.zero);
  assert_false(rest.messages);
  close(fd);
  oa_buf_free(&file);
}

static void no_memory_is_said(void **state) {
  const place *p = *state;
  oa_buf file = {0};
  size_t ends[BATCHES + 1];
  oa_check found = {0};
  oa_status status = OA_ERR_NOMEM;
  make_file(&file, ends, OA_CODING_ZSTD);
  save(p->path, file.data, file.len);
  const oa_check_options options = {.choose = choose};
  for (int64_t n = 0; status != OA_OK; n++) {
    const int fd = open(p->path, O_RDONLY);
    oa_mem_fail_after(n);
    status = oa_check_file(fd, &options, &found, NULL);
    oa_mem_fail_after(-1);
    close(fd);
    assert_true(n < 1000);
    assert_true(status == OA_OK || status == OA_ERR_NOMEM);
  }
  assert_int_equal(found.state, OA_CHECK_WHOLE);
  oa_buf_free(&file);
}

#define TEST(NAME) \
  cmocka_unit_test_setup_teardown(NAME, make_place, remove_place)

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(a_whole_file_has_nothing_wrong),
      TEST(a_cut_anywhere_is_found_where_it_is),
      TEST(every_flip_outside_of_values_is_found),
      TEST(what_blocks_leave_free_is_watched),
      TEST(a_problem_has_its_place),
      TEST(bytes_that_are_no_stream_are_refused),
      TEST(another_schema_is_said),
      TEST(a_check_can_be_ended),
      TEST(later_messages_are_found_behind_damage),
      TEST(no_memory_is_said),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
