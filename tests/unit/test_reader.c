/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <sys/stat.h>
#include <unistd.h>

#include "arrow/ipc_write.h"
#include "base/error.h"
#include "base/mem.h"
#include "otlp_arrow_reader.h"
#include "otlp_rows.h"

enum { BATCHES = 3, ROWS = 4 };

/* A directory of its own for each test. */
typedef struct place {
  char directory[64];
  char path[128];
} place;

static int make_place(void **state) {
  place *p = calloc(1, sizeof *p);
  snprintf(p->directory, sizeof p->directory, "/tmp/oa_reader_XXXXXX");
  if (p == NULL || mkdtemp(p->directory) == NULL) {
    return -1;
  }
  snprintf(p->path, sizeof p->path, "%s/otlp_traces_1.arrow", p->directory);
  *state = p;
  return 0;
}

static void remove_all(const char *directory) {
  DIR *entries = opendir(directory);
  const struct dirent *entry;
  while (entries != NULL && (entry = readdir(entries)) != NULL) {
    char path[512];
    if (entry->d_name[0] == '.' && strlen(entry->d_name) < 3) {
      continue;
    }
    snprintf(path, sizeof path, "%s/%s", directory, entry->d_name);
    if (unlink(path) != 0) {
      remove_all(path);
    }
  }
  if (entries != NULL) {
    closedir(entries);
  }
  rmdir(directory);
}

static int remove_place(void **state) {
  place *p = *state;
  remove_all(p->directory);
  free(p);
  return 0;
}

static void put_pieces(oa_buf *out, const oa_ipc_pieces *pieces) {
  for (size_t i = 0; i < pieces->count; i++) {
    assert_int_equal(
        oa_buf_put(out, pieces->iov[i].iov_base, pieces->iov[i].iov_len),
        OA_OK);
  }
}

/* BATCHES batches with ROWS spans each, names "b0r0", "b0r1", ...; times from
 * 1,000 on.  ENDS[i] is the length up to the end of batch I. */
static void make_file(oa_buf *out, size_t *ends, oa_coding codec) {
  oa_ipc_writer *writer;
  oa_ipc_pieces pieces;
  assert_int_equal(
      oa_ipc_writer_new(&writer, oa_otlp_schema(OA_TRACES), codec, 0), OA_OK);
  assert_int_equal(oa_ipc_write_schema(writer, &pieces), OA_OK);
  put_pieces(out, &pieces);
  for (uint64_t b = 0; b < BATCHES; b++) {
    rows r;
    rows_init(&r, OA_TRACES);
    for (uint64_t i = 0; i < ROWS; i++) {
      char name[16];
      snprintf(name, sizeof name, "b%ur%u", (unsigned)b, (unsigned)i);
      set_text(&r.table, OA_SPAN_NAME, name);
      set_u64(&r.table, OA_COL_RESOURCE_ORD, b * 10);
      set_u64(&r.table, OA_SPAN_START_TIME, 1000 + b * ROWS + i);
      end_row(&r.table);
    }
    assert_int_equal(
        oa_ipc_write_batch(writer, oa_table_finish(&r.table), ROWS, &pieces),
        OA_OK);
    put_pieces(out, &pieces);
    ends[b] = out->len;
    rows_free(&r);
  }
  oa_ipc_write_end(&pieces);
  put_pieces(out, &pieces);
  oa_ipc_writer_free(writer);
}

static void save(const char *path, const uint8_t *bytes, size_t len) {
  FILE *file = fopen(path, "wb");
  assert_non_null(file);
  assert_int_equal(fwrite(bytes, 1, len, file), len);
  assert_int_equal(fclose(file), 0);
}

static void a_whole_file_is_described(void **state) {
  const place *p = *state;
  oa_buf file = {0};
  size_t ends[BATCHES];
  oa_reader *reader;
  oa_reader_info info;
  oa_reader_column column;
  make_file(&file, ends, OA_CODING_ZSTD);
  save(p->path, file.data, file.len);
  assert_int_equal(oa_reader_open(&reader, p->path, NULL), OA_OK);
  assert_int_equal(oa_reader_describe(reader, &info, NULL), OA_OK);
  assert_string_equal(info.signal, "traces");
  assert_int_equal(info.state, OA_READER_WHOLE);
  assert_int_equal(info.size, file.len);
  assert_int_equal(info.whole, file.len);
  assert_int_equal(info.batches, BATCHES);
  assert_int_equal(info.rows, BATCHES * ROWS);
  assert_int_equal(info.first_time, 1000);
  assert_int_equal(info.last_time, 1000 + BATCHES * ROWS - 1);
  assert_string_equal(info.compression, "zstd");
  assert_string_equal(info.problem, "");
  assert_int_equal(oa_reader_column_count(reader), OA_SPAN_COUNT);
  oa_reader_get_column(reader, OA_SPAN_NAME, &column);
  assert_string_equal(column.name, "name");
  assert_string_equal(column.type, "dictionary<int32, utf8>");
  assert_int_equal(column.nullable, 0);
  oa_reader_close(reader);
  oa_buf_free(&file);
}

/* Wherever a file is cut, all batches that are whole can be read. */
static void a_file_cut_anywhere_is_read_up_to_the_cut(void **state) {
  const place *p = *state;
  oa_buf file = {0};
  size_t ends[BATCHES];
  make_file(&file, ends, OA_CODING_NONE);
  for (size_t cut = 0; cut < file.len; cut += cut % 8 == 0 ? 1 : 61) {
    oa_reader *reader;
    oa_reader_info info;
    oa_error error = {0};
    uint64_t batches = 0;
    while (batches < BATCHES && ends[batches] <= cut) {
      batches++;
    }
    save(p->path, file.data, cut);
    const oa_status status = oa_reader_open(&reader, p->path, &error);
    if (status == OA_ERR_TRUNCATED) {
      assert_int_equal(batches, 0);
      assert_non_null(strstr(error.text, p->path));
      continue;
    }
    assert_int_equal(status, OA_OK);
    assert_int_equal(oa_reader_describe(reader, &info, NULL), OA_OK);
    assert_int_equal(info.batches, batches);
    assert_int_equal(info.rows, batches * ROWS);
    assert_true(info.whole <= cut);
    assert_int_equal(info.state,
                     info.whole == cut ? OA_READER_OPEN : OA_READER_TORN);
    assert_true((info.problem[0] != '\0') == (info.state == OA_READER_TORN));
    oa_reader_close(reader);
  }
  oa_buf_free(&file);
}

static void damage_is_said_and_costs_only_what_follows(void **state) {
  const place *p = *state;
  oa_buf file = {0};
  size_t ends[BATCHES];
  oa_reader *reader;
  oa_reader_info info;
  make_file(&file, ends, OA_CODING_NONE);
  memset(file.data + ends[0], 0x55, 16);
  save(p->path, file.data, file.len);
  assert_int_equal(oa_reader_open(&reader, p->path, NULL), OA_OK);
  assert_int_equal(oa_reader_describe(reader, &info, NULL), OA_OK);
  assert_int_equal(info.state, OA_READER_DAMAGED);
  assert_int_equal(info.batches, 1);
  assert_int_equal(info.whole, ends[0]);
  assert_int_equal(oa_reader_next(reader, NULL), OA_OK);
  assert_int_equal(oa_reader_next(reader, NULL), OA_ERR_MALFORMED);
  oa_reader_close(reader);
  oa_buf_free(&file);
}

static void a_growing_file_is_followed_to_its_end(void **state) {
  const place *p = *state;
  oa_buf file = {0};
  size_t ends[BATCHES];
  oa_reader *reader;
  const char *line;
  make_file(&file, ends, OA_CODING_NONE);
  save(p->path, file.data, ends[0] + 100);
  assert_int_equal(oa_reader_open(&reader, p->path, NULL), OA_OK);
  assert_int_equal(oa_reader_next(reader, NULL), OA_OK);
  assert_int_equal(oa_reader_next(reader, NULL), OA_END);
  assert_true(oa_reader_torn(reader));
  assert_false(oa_reader_ended(reader));
  save(p->path, file.data, ends[1]);
  assert_int_equal(oa_reader_next(reader, NULL), OA_OK);
  assert_int_equal(oa_reader_line(reader, 0, &line, NULL), OA_OK);
  assert_non_null(strstr(line, "\"b1r0\""));
  assert_int_equal(oa_reader_next(reader, NULL), OA_END);
  assert_false(oa_reader_torn(reader));
  save(p->path, file.data, file.len);
  assert_int_equal(oa_reader_next(reader, NULL), OA_OK);
  assert_int_equal(oa_reader_rows(reader), ROWS);
  assert_int_equal(oa_reader_next(reader, NULL), OA_END);
  assert_true(oa_reader_ended(reader));
  oa_reader_close(reader);
  oa_buf_free(&file);
}

static void the_last_rows_are_found(void **state) {
  const place *p = *state;
  static const struct {
    uint64_t want;
    uint64_t found;
  } cases[] = {{0, 0},        {1, ROWS},          {ROWS, ROWS}, {ROWS + 1, 8},
               {2 * ROWS, 8}, {2 * ROWS + 1, 12}, {1000000, 12}};
  oa_buf file = {0};
  size_t ends[BATCHES];
  oa_reader *reader;
  make_file(&file, ends, OA_CODING_NONE);
  save(p->path, file.data, file.len);
  assert_int_equal(oa_reader_open(&reader, p->path, NULL), OA_OK);
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    uint64_t found;
    uint64_t count = 0;
    assert_int_equal(oa_reader_seek_last(reader, cases[i].want, &found, NULL),
                     OA_OK);
    assert_int_equal(found, cases[i].found);
    while (oa_reader_next(reader, NULL) == OA_OK) {
      count += (uint64_t)oa_reader_rows(reader);
    }
    assert_int_equal(count, found);
  }
  oa_reader_close(reader);
  oa_buf_free(&file);
}

static oa_status keep(void *context, const void *message, size_t len) {
  return keep_request(context, message, len);
}

static oa_status stop(void *context, const void *message, size_t len) {
  (void)context;
  (void)message;
  (void)len;
  return OA_ERR_BUSY;
}

static void rows_become_the_requests_they_came_from(void **state) {
  const place *p = *state;
  oa_buf file = {0};
  size_t ends[BATCHES];
  oa_reader *reader;
  requests all = {0};
  oa_error error = {0};
  make_file(&file, ends, OA_CODING_LZ4);
  save(p->path, file.data, file.len);
  assert_int_equal(oa_reader_open(&reader, p->path, NULL), OA_OK);
  assert_int_equal(oa_reader_requests(reader, keep, &all, &error),
                   OA_ERR_CONFIG); /* at no batch yet */
  while (oa_reader_next(reader, NULL) == OA_OK) {
    assert_int_equal(oa_reader_requests(reader, keep, &all, NULL), OA_OK);
  }
  assert_int_equal(all.count, BATCHES);
  for (size_t b = 0; b < BATCHES; b++) {
    const oa_cursor scope = inside(inside(request_at(&all, b), 1, 0), 2, 0);
    assert_int_equal(count_of(scope, 2), ROWS);
  }
  requests_free(&all);
  uint64_t found;
  assert_int_equal(oa_reader_seek_last(reader, 1, &found, NULL), OA_OK);
  assert_int_equal(oa_reader_next(reader, NULL), OA_OK);
  assert_int_equal(oa_reader_requests(reader, stop, NULL, NULL), OA_ERR_BUSY);
  oa_reader_close(reader);
  oa_buf_free(&file);
}

static void what_is_no_stream_is_refused_with_its_path(void **state) {
  const place *p = *state;
  oa_reader *reader;
  oa_error error = {0};
  assert_int_equal(oa_reader_open(&reader, p->path, &error), OA_ERR_NOT_FOUND);
  assert_non_null(strstr(error.text, p->path));
  save(p->path, (const uint8_t *)"this is a text, not Arrow", 25);
  assert_int_equal(oa_reader_open(&reader, p->path, &error), OA_ERR_MALFORMED);
  assert_non_null(strstr(error.text, p->path));
  assert_int_equal(oa_reader_open(&reader, p->directory, &error), OA_ERR_IO);
}

static oa_status append(void *context, const void *bytes, size_t len) {
  return oa_buf_put(context, bytes, len);
}

/* One stream of a stream is the same rows again. */
static void an_output_stream_can_be_read_again(void **state) {
  const place *p = *state;
  oa_buf file = {0};
  oa_buf copy = {0};
  size_t ends[BATCHES];
  oa_reader *reader;
  oa_output *output;
  oa_reader_info info;
  const oa_output_options options = {.format = OA_OUTPUT_STREAM,
                                     .compression = OA_OUTPUT_LZ4,
                                     .write = append,
                                     .context = &copy};
  make_file(&file, ends, OA_CODING_NONE);
  save(p->path, file.data, file.len);
  assert_int_equal(oa_output_new(&output, &options, NULL), OA_OK);
  assert_int_equal(oa_output_finish(output, NULL), OA_ERR_CONFIG);
  for (int twice = 0; twice < 2; twice++) {
    assert_int_equal(oa_reader_open(&reader, p->path, NULL), OA_OK);
    assert_int_equal(oa_output_source(output, reader, NULL), OA_OK);
    while (oa_reader_next(reader, NULL) == OA_OK) {
      assert_int_equal(oa_output_batch(output, reader, NULL), OA_OK);
    }
    oa_reader_close(reader); /* the schema must outlive it */
  }
  assert_int_equal(oa_output_finish(output, NULL), OA_OK);
  oa_output_free(output);
  save(p->path, copy.data, copy.len);
  assert_int_equal(oa_reader_open(&reader, p->path, NULL), OA_OK);
  assert_int_equal(oa_reader_describe(reader, &info, NULL), OA_OK);
  assert_int_equal(info.state, OA_READER_WHOLE);
  assert_int_equal(info.rows, 2 * BATCHES * ROWS);
  assert_string_equal(info.compression, "lz4");
  assert_string_equal(info.signal, "traces");
  oa_reader_close(reader);
  oa_buf_free(&file);
  oa_buf_free(&copy);
}

static void files_are_listed_with_numbers_as_numbers(void **state) {
  const place *p = *state;
  static const char *const names[] = {
      "b_10.arrow", "b_9.arrow", "b_9.arrows",     "a.txt",
      ".h.arrow",   "arrow",     "b_9.arrow.tmp.1"};
  static const char *const want[] = {"b_9.arrow", "b_9.arrows", "b_10.arrow",
                                     "sub/c_1.arrow"};
  oa_file_list *list;
  oa_error error = {0};
  char path[256];
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
    snprintf(path, sizeof path, "%s/%s", p->directory, names[i]);
    save(path, (const uint8_t *)"", 0);
  }
  snprintf(path, sizeof path, "%s/sub", p->directory);
  assert_int_equal(mkdir(path, 0700), 0);
  snprintf(path, sizeof path, "%s/sub/up", p->directory);
  assert_int_equal(symlink("..", path), 0); /* a circle */
  snprintf(path, sizeof path, "%s/sub/c_1.arrow", p->directory);
  save(path, (const uint8_t *)"", 0);

  assert_int_equal(oa_file_list_new(&list, p->directory, NULL), OA_OK);
  assert_int_equal(oa_file_list_count(list), 4);
  for (size_t i = 0; i < 4; i++) {
    assert_string_equal(oa_file_list_path(list, i) + strlen(p->directory) + 1,
                        want[i]);
  }
  oa_file_list_free(list);
  assert_int_equal(oa_file_list_new(&list, path, NULL), OA_OK);
  assert_int_equal(oa_file_list_count(list), 1);
  oa_file_list_free(list);
  assert_int_equal(oa_file_list_new(&list, "/nonexistent", &error),
                   OA_ERR_NOT_FOUND);
  assert_non_null(strstr(error.text, "/nonexistent"));
}

static void names_compare_as_people_read_them(void **state) {
  (void)state;
  static const char *const rising[] = {"",    "a",    "a1",    "a01b", "a2",
                                       "a10", "a10b", "a100b", "b"};
  const size_t count = sizeof rising / sizeof rising[0];
  for (size_t i = 0; i < count; i++) {
    for (size_t k = 0; k < count; k++) {
      const int order = oa_file_name_compare(rising[i], rising[k]);
      assert_true(i < k ? order < 0 : i > k ? order > 0 : order == 0);
    }
  }
  assert_true(oa_file_name_compare("a1", "a01") != 0);
}

static void running_out_of_memory_is_a_status(void **state) {
  const place *p = *state;
  oa_buf file = {0};
  size_t ends[BATCHES];
  make_file(&file, ends, OA_CODING_ZSTD);
  save(p->path, file.data, file.len);
  for (int64_t n = 0;; n++) {
    oa_reader *reader = NULL;
    oa_file_list *list = NULL;
    oa_output *output = NULL;
    oa_error error = {0};
    oa_buf copy = {0};
    const char *line;
    const oa_output_options options = {.format = OA_OUTPUT_FILE,
                                       .compression = OA_OUTPUT_ZSTD,
                                       .write = append,
                                       .context = &copy};
    /* What the callback does with memory is its own affair. */
    assert_int_equal(oa_buf_reserve(&copy, 1 << 20), OA_OK);
    oa_mem_fail_after(n);
    oa_status status = oa_file_list_new(&list, p->directory, &error);
    if (status == OA_OK) {
      status = oa_reader_open(&reader, oa_file_list_path(list, 0), &error);
    }
    if (status == OA_OK) {
      status = oa_reader_next(reader, &error);
    }
    if (status == OA_OK) {
      status = oa_reader_line(reader, 0, &line, &error);
    }
    if (status == OA_OK) {
      status = oa_output_new(&output, &options, &error);
    }
    if (status == OA_OK) {
      status = oa_output_source(output, reader, &error);
    }
    if (status == OA_OK) {
      status = oa_output_batch(output, reader, &error);
    }
    if (status == OA_OK) {
      status = oa_output_finish(output, &error);
    }
    oa_mem_fail_after(-1);
    oa_output_free(output);
    oa_reader_close(reader);
    oa_file_list_free(list);
    oa_buf_free(&copy);
    if (status == OA_OK) {
      assert_true(n > 10);
      break;
    }
    if (status != OA_ERR_NOMEM || error.code != OA_ERR_NOMEM) {
      fail_msg("allocation %d: %d, %s", (int)n, status, error.text);
    }
  }
  oa_buf_free(&file);
}

#define IN_PLACE(TEST) \
  cmocka_unit_test_setup_teardown(TEST, make_place, remove_place)

int main(void) {
  const struct CMUnitTest tests[] = {
      IN_PLACE(a_whole_file_is_described),
      IN_PLACE(a_file_cut_anywhere_is_read_up_to_the_cut),
      IN_PLACE(damage_is_said_and_costs_only_what_follows),
      IN_PLACE(a_growing_file_is_followed_to_its_end),
      IN_PLACE(the_last_rows_are_found),
      IN_PLACE(rows_become_the_requests_they_came_from),
      IN_PLACE(what_is_no_stream_is_refused_with_its_path),
      IN_PLACE(an_output_stream_can_be_read_again),
      IN_PLACE(files_are_listed_with_numbers_as_numbers),
      cmocka_unit_test(names_compare_as_people_read_them),
      IN_PLACE(running_out_of_memory_is_a_status),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
