/* SPDX-License-Identifier: Apache-2.0 */
#include "c_data_trial.h"

#include <errno.h>
#include <pthread.h>
#include <unistd.h>

#include "arrow/ipc_write.h"
#include "otlp_arrow_stored.h"

enum { FILES = 2, BATCHES = 3 };

/* A directory with FILES files of a signal, each of BATCHES batches. */
typedef struct place {
  char directory[64];
  char paths[FILES][192];
  oa_otlp_builder *builder; /* what each batch has */
  const oa_array *columns;
  int64_t rows; /* of a batch */
  oa_signal signal;
} place;

static void put_pieces(oa_buf *out, const oa_ipc_pieces *pieces) {
  for (size_t i = 0; i < pieces->count; i++) {
    assert_int_equal(
        oa_buf_put(out, pieces->iov[i].iov_base, pieces->iov[i].iov_len),
        OA_OK);
  }
}

static void save(const char *path, const uint8_t *bytes, size_t len) {
  FILE *file = fopen(path, "wb");
  assert_non_null(file);
  assert_int_equal(fwrite(bytes, 1, len, file), len);
  assert_int_equal(fclose(file), 0);
}

static void make_file(const place *p, oa_coding codec, oa_buf *out) {
  oa_ipc_writer *writer;
  oa_ipc_pieces pieces;
  assert_int_equal(
      oa_ipc_writer_new(&writer, oa_otlp_schema(p->signal), codec, 0), OA_OK);
  assert_int_equal(oa_ipc_write_schema(writer, &pieces), OA_OK);
  put_pieces(out, &pieces);
  for (int i = 0; i < BATCHES; i++) {
    assert_int_equal(oa_ipc_write_batch(writer, p->columns, p->rows, &pieces),
                     OA_OK);
    put_pieces(out, &pieces);
    oa_ipc_writer_commit(writer); /* small dictionaries stand once */
  }
  oa_ipc_write_end(&pieces);
  put_pieces(out, &pieces);
  oa_ipc_writer_free(writer);
}

static void open_place(place *p, oa_signal signal, oa_coding codec) {
  static _Atomic uint64_t ords;
  oa_buf file = {0};
  char directory[] = "/tmp/oa_stored_XXXXXX";
  assert_non_null(mkdtemp(directory));
  *p = (place){.signal = signal};
  memcpy(p->directory, directory, sizeof directory);
  p->builder = golden(signal, 3, &ords);
  p->rows = oa_otlp_builder_rows(p->builder);
  assert_int_equal(oa_otlp_builder_columns(p->builder, &p->columns), OA_OK);
  make_file(p, codec, &file);
  for (int i = 0; i < FILES; i++) {
    snprintf(p->paths[i], sizeof p->paths[i],
             "%s/otlp_%s_20260101_00000%d_00000%d.arrow", directory,
             oa_signal_name(signal), i, i + 1);
    save(p->paths[i], file.data, file.len);
  }
  oa_buf_free(&file);
}

static void close_place(place *p) {
  for (int i = 0; i < FILES; i++) {
    unlink(p->paths[i]);
  }
  rmdir(p->directory);
  oa_otlp_builder_free(p->builder);
}

/* --- what a consumer does --- */

typedef struct batches {
  struct ArrowArray at[FILES * BATCHES];
  size_t count;
} batches;

static void read_all(struct ArrowArrayStream *stream, batches *out) {
  struct ArrowArray array = {0};
  out->count = 0;
  for (;;) {
    const int status = stream->get_next(stream, &array);
    if (status != 0) {
      fail_msg("%s", stream->get_last_error(stream));
    }
    if (array.release == NULL) {
      return;
    }
    assert_true(out->count < FILES * BATCHES);
    out->at[out->count++] = array;
  }
}

static void expect_batch(const struct ArrowSchema *schema,
                         const struct ArrowArray *array, const place *p,
                         int64_t from) {
  const oa_schema *ours = oa_otlp_schema(p->signal);
  oa_arena arena;
  oa_schema have;
  const oa_array *columns;
  int64_t rows;
  oa_arena_init(&arena, (size_t)1 << 30);
  assert_int_equal(oa_c_schema_import(&have, schema, &arena, NULL), OA_OK);
  assert_true(oa_schema_equal(&have, ours));
  assert_int_equal(
      oa_c_array_import(&columns, &rows, &have, array, &arena, NULL), OA_OK);
  assert_in_range(rows, 1, p->rows - from);
  expect_rows(ours, columns, rows, p->columns, from);
  oa_arena_free(&arena);
}

static void open_stream(struct ArrowArrayStream *stream, const place *p,
                        uint64_t from_ns, uint64_t to_ns) {
  const oa_stored_options options = {sizeof options, from_ns, to_ns};
  oa_error error = {0};
  const oa_status status =
      oa_stored_open(stream, p->directory, p->signal, &options, &error);
  assert_string_equal(error.text, "");
  assert_int_equal(status, OA_OK);
}

static void batches_come_as_they_were_written(void **state) {
  static const oa_coding codecs[] = {OA_CODING_NONE, OA_CODING_LZ4,
                                     OA_CODING_ZSTD};
  (void)state;
  for (int i = 0; i < 3 * OA_SIGNAL_COUNT; i++) {
    place p;
    struct ArrowArrayStream stream;
    struct ArrowSchema schema;
    batches all;
    open_place(&p, (oa_signal)(i / 3), codecs[i % 3]);
    open_stream(&stream, &p, 0, 0);
    assert_int_equal(stream.get_schema(&stream, &schema), 0);
    read_all(&stream, &all);
    assert_null(stream.get_last_error(&stream));
    stream.release(&stream);
    assert_null(stream.release);
    assert_int_equal(all.count, FILES * BATCHES);
    for (size_t k = 0; k < all.count; k++) {
      assert_int_equal(all.at[k].length, p.rows);
      expect_batch(&schema, &all.at[k], &p, 0);
      all.at[k].release(&all.at[k]);
    }
    schema.release(&schema);
    close_place(&p);
  }
}

/* Logs have a time each; rows next to each other make a part of a batch. */
static void a_range_cuts_batches(void **state) {
  place p;
  struct ArrowSchema schema;
  (void)state;
  open_place(&p, OA_LOGS, OA_CODING_LZ4);
  assert_int_equal(oa_c_schema_export(&schema, oa_otlp_schema(OA_LOGS)), OA_OK);
  const oa_array *times = &p.columns[OA_LOG_COL_TIME];
  const uint64_t *values = times->values;
  size_t some = 0;
  for (int64_t i = 0; i < p.rows; i++) {
    struct ArrowArrayStream stream;
    batches all;
    int64_t want = 0;
    int64_t have = 0;
    if (oa_array_is_null(times, i)) {
      continue;
    }
    for (int64_t k = 0; k < p.rows; k++) {
      want += !oa_array_is_null(times, k) && values[k] == values[i];
    }
    open_stream(&stream, &p, values[i], values[i] + 1);
    read_all(&stream, &all);
    stream.release(&stream);
    assert_int_equal(all.count, FILES * BATCHES);
    for (size_t k = 0; k < all.count; k++) {
      have += all.at[k].length;
      all.at[k].release(&all.at[k]);
    }
    assert_int_equal(have, want * FILES * BATCHES);
    some += want < p.rows;
  }
  assert_true(some > 0);
  schema.release(&schema);
  close_place(&p);
}

static void *release_one(void *array) {
  struct ArrowArray *one = array;
  one->release(one);
  return NULL;
}

/* Batches share dictionaries: the last one of all frees them, whoever that
 * is, while the stream reads on. */
static void batches_are_released_by_other_threads(void **state) {
  (void)state;
  for (int round = 0; round < 6; round++) {
    place p;
    struct ArrowArrayStream stream;
    struct ArrowArray arrays[FILES * BATCHES];
    pthread_t threads[FILES * BATCHES];
    open_place(&p, (oa_signal)(round % OA_SIGNAL_COUNT), OA_CODING_ZSTD);
    open_stream(&stream, &p, 0, 0);
    for (size_t i = 0; i < FILES * BATCHES; i++) {
      assert_int_equal(stream.get_next(&stream, &arrays[i]), 0);
      assert_non_null(arrays[i].release);
      assert_int_equal(
          pthread_create(&threads[i], NULL, release_one, &arrays[i]), 0);
    }
    stream.release(&stream);
    for (size_t i = 0; i < FILES * BATCHES; i++) {
      pthread_join(threads[i], NULL);
    }
    close_place(&p);
  }
}

static void a_stream_may_be_released_at_any_point(void **state) {
  place p;
  (void)state;
  open_place(&p, OA_TRACES, OA_CODING_LZ4);
  for (size_t stop = 0; stop < FILES * BATCHES; stop++) {
    struct ArrowArrayStream stream;
    struct ArrowArray last = {0};
    open_stream(&stream, &p, 0, 0);
    for (size_t i = 0; i < stop; i++) {
      if (last.release != NULL) {
        last.release(&last);
      }
      assert_int_equal(stream.get_next(&stream, &last), 0);
    }
    stream.release(&stream);
    if (last.release != NULL) {
      last.release(&last);
    }
  }
  close_place(&p);
}

/* A call that fails for want of memory can be made again, and no row is lost
 * or comes twice. */
static void memory_that_comes_back_loses_nothing(void **state) {
  static const struct {
    uint64_t from, to;
  } ranges[] = {{0, 0}, {1, 0}, {1, UINT64_C(1) << 62}};
  (void)state;
  for (size_t r = 0; r < sizeof ranges / sizeof ranges[0]; r++) {
    place p;
    int64_t whole = -1;
    open_place(&p, OA_TRACES, OA_CODING_ZSTD);
    bool failed = true;
    for (int64_t n = 0; failed; n++) {
      struct ArrowArrayStream stream;
      const oa_stored_options options = {sizeof options, ranges[r].from,
                                         ranges[r].to};
      oa_error error = {0};
      failed = false;
      oa_mem_fail_after(n);
      oa_status status =
          oa_stored_open(&stream, p.directory, OA_TRACES, &options, &error);
      if (status != OA_OK) {
        oa_mem_fail_after(-1);
        assert_int_equal(status, OA_ERR_NOMEM);
        assert_true(error.text[0] != '\0');
        failed = true;
        continue;
      }
      int64_t rows = 0;
      for (;;) {
        struct ArrowArray array = {0};
        const int code = stream.get_next(&stream, &array);
        if (code != 0) {
          assert_int_equal(code, ENOMEM);
          assert_non_null(stream.get_last_error(&stream));
          failed = true;
          oa_mem_fail_after(-1);
          continue;
        }
        if (array.release == NULL) {
          break;
        }
        rows += array.length;
        array.release(&array);
      }
      struct ArrowSchema schema;
      const int code = stream.get_schema(&stream, &schema);
      oa_mem_fail_after(-1);
      if (code == 0) {
        schema.release(&schema);
      } else {
        assert_int_equal(code, ENOMEM);
        failed = true;
      }
      stream.release(&stream);
      whole = whole < 0 ? rows : whole;
      assert_int_equal(rows, whole);
    }
    assert_true(whole > 0);
    close_place(&p);
  }
}

static void what_makes_no_sense_is_refused(void **state) {
  struct ArrowArrayStream stream;
  oa_stored_options options = {sizeof options, 0, 0};
  oa_error error;
  place p;
  (void)state;
  open_place(&p, OA_LOGS, OA_CODING_NONE);
  assert_int_equal(oa_stored_open(NULL, p.directory, OA_LOGS, NULL, &error),
                   OA_ERR_CONFIG);
  assert_int_equal(oa_stored_open(&stream, NULL, OA_LOGS, NULL, &error),
                   OA_ERR_CONFIG);
  assert_int_equal(
      oa_stored_open(&stream, p.directory, OA_SIGNAL_COUNT, NULL, &error),
      OA_ERR_CONFIG);
  options.size = 8;
  assert_int_equal(
      oa_stored_open(&stream, p.directory, OA_LOGS, &options, NULL),
      OA_ERR_CONFIG);
  assert_int_equal(
      oa_stored_open(&stream, "/tmp/oa_not_there", OA_LOGS, NULL, &error),
      OA_ERR_NOT_FOUND);
  /* A text is no Arrow, when it is asked for by its name. */
  save(p.paths[0], (const uint8_t *)"once upon a time, there was no file", 35);
  assert_int_equal(oa_stored_open(&stream, p.paths[0], OA_LOGS, NULL, &error),
                   OA_ERR_MALFORMED);
  assert_non_null(strstr(error.text, p.paths[0]));
  close_place(&p);
}

/* Each byte of a batch may be any: the stream says so or gives something, and
 * goes on with the next file. */
static void damage_is_told_and_passed(void **state) {
  place p;
  oa_buf whole = {0};
  int told = 0;
  (void)state;
  open_place(&p, OA_METRICS, OA_CODING_LZ4);
  read_file(p.paths[0], &whole);
  for (size_t at = 0; at < whole.len; at += whole.len / 150 + 1) {
    struct ArrowArrayStream stream;
    struct ArrowArray array = {0};
    const uint8_t byte = whole.data[at];
    size_t good = 0;
    int failures = 0;
    whole.data[at] = (uint8_t)~byte;
    save(p.paths[0], whole.data, whole.len);
    whole.data[at] = byte;
    if (oa_stored_open(&stream, p.directory, OA_METRICS, NULL, NULL) != OA_OK) {
      continue; /* its columns have other names */
    }
    do {
      const int code = stream.get_next(&stream, &array);
      if (code != 0) {
        assert_int_equal(code, EINVAL);
        assert_non_null(strstr(stream.get_last_error(&stream), p.paths[0]));
        failures++;
        continue;
      }
      if (array.release == NULL) {
        break;
      }
      good++;
      array.release(&array);
    } while (failures < 3);
    assert_true(failures < 2);
    assert_true(good >= BATCHES);
    told += failures;
    stream.release(&stream);
  }
  assert_true(told > 0);
  oa_buf_free(&whole);
  close_place(&p);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(batches_come_as_they_were_written),
      cmocka_unit_test(a_range_cuts_batches),
      cmocka_unit_test(batches_are_released_by_other_threads),
      cmocka_unit_test(a_stream_may_be_released_at_any_point),
      cmocka_unit_test(memory_that_comes_back_loses_nothing),
      cmocka_unit_test(what_makes_no_sense_is_refused),
      cmocka_unit_test(damage_is_told_and_passed),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
