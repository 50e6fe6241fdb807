/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "append_trial.h"
#include "arrow/ipc_read.h"
#include "arrow/ipc_write.h"

static void put_rich(trial *t, const char *name) {
  request r = {0};
  put_rich_request(&r, t->signal, name);
  take(t, &r);
}

/* Two resources in one request. */
static void put_two(trial *t, const char *name) {
  request r = {0};
  put_rich_request(&r, t->signal, name);
  put_rich_request(&r, t->signal, "other");
  take(t, &r);
}

/* Records with nothing in them, and a resource and scope that are empty. */
static void put_bare(trial *t) {
  request r = {0};
  open_records(&r);
  for (int i = 0; i < 3; i++) {
    oa_emit_close(&r.e, open_record(&r));
  }
  close_records(&r);
  r.resource = oa_emit_open(&r.e, 1, 1);
  oa_emit_close(&r.e, oa_emit_open(&r.e, 1, 1));
  r.scope = oa_emit_open(&r.e, 2, 1);
  oa_emit_close(&r.e, oa_emit_open(&r.e, 1, 1));
  oa_emit_close(&r.e, open_record(&r));
  close_records(&r);
  take(t, &r);
}

static void put_golden(trial *t) {
  uint8_t bytes[4096];
  char path[64];
  snprintf(path, sizeof path, "tests/golden/%s.pb", oa_signal_name(t->signal));
  FILE *file = fopen(path, "rb");
  assert_non_null(file);
  const size_t len = fread(bytes, 1, sizeof bytes, file);
  assert_int_equal(fclose(file), 0);
  assert_int_equal(give(t, bytes, len), OA_OK);
}

/* Everything that stands in FROM, as it stands there. */
static void append_from(trial *t, trial *from) {
  t->error = (oa_error){0};
  if (oa_otlp_append(t->builder, oa_otlp_schema(t->signal), columns_of(from),
                     rows_of(from), &t->result, &t->error) != OA_OK) {
    fail_msg("%s", t->error.text);
  }
  assert_string_equal(t->result.reason, "");
  assert_int_equal(t->result.rejected, 0);
}

static void appended_rows_are_those_that_decoding_gives(void **state) {
  (void)state;
  for (int signal = 0; signal < OA_SIGNAL_COUNT; signal++) {
    trial from;
    trial appended;
    trial decoded;
    trial_init(&from, (oa_signal)signal);
    trial_init(&appended, (oa_signal)signal);
    trial_init(&decoded, (oa_signal)signal);
    put_two(&from, "one");
    put_bare(&from);
    put_golden(&from);
    put_rich(&from, "two");
    for (int i = 0; i < 3; i++) { /* decoded ones in between */
      put_rich(&appended, "three");
      append_from(&appended, &from);
      put_rich(&decoded, "three");
      put_two(&decoded, "one");
      put_bare(&decoded);
      put_golden(&decoded);
      put_rich(&decoded, "two");
    }
    put_bare(&appended);
    put_bare(&decoded);
    assert_int_equal(rows_of(&appended), rows_of(&decoded));
    assert_same(encoded(&appended), encoded(&decoded));
    trial_free(&from);
    trial_free(&appended);
    trial_free(&decoded);
  }
}

static void points_count_as_items_and_metrics_without_do_not(void **state) {
  (void)state;
  for (int signal = 0; signal < OA_SIGNAL_COUNT; signal++) {
    trial from;
    trial to;
    trial_init(&from, (oa_signal)signal);
    trial_init(&to, (oa_signal)signal);
    put_golden(&from);
    const uint64_t items = from.result.accepted;
    assert_int_equal(items, signal == OA_METRICS ? 3 : 2);
    assert_int_equal(rows_of(&from), signal == OA_METRICS ? 4 : 2);
    append_from(&to, &from);
    assert_int_equal(to.result.accepted, items);
    assert_int_equal(rows_of(&to), rows_of(&from));
    trial_free(&from);
    trial_free(&to);
  }
}

/* --- through Arrow IPC --- */

static void put_pieces(oa_buf *out, const oa_ipc_pieces *pieces) {
  for (size_t i = 0; i < pieces->count; i++) {
    assert_int_equal(
        oa_buf_put(out, pieces->iov[i].iov_base, pieces->iov[i].iov_len),
        OA_OK);
  }
}

/* A stream of two batches: what FROM has, and that again with more. */
static oa_buf stream_of(trial *from, oa_coding codec) {
  oa_ipc_writer *writer = NULL;
  oa_ipc_pieces pieces;
  oa_buf out = {0};
  assert_int_equal(
      oa_ipc_writer_new(&writer, oa_otlp_schema(from->signal), codec, 1),
      OA_OK);
  assert_int_equal(oa_ipc_write_schema(writer, &pieces), OA_OK);
  put_pieces(&out, &pieces);
  for (int i = 0; i < 2; i++) {
    put_two(from, i == 0 ? "x" : "y");
    put_bare(from);
    assert_int_equal(
        oa_ipc_write_batch(writer, columns_of(from), rows_of(from), &pieces),
        OA_OK);
    put_pieces(&out, &pieces);
    oa_ipc_writer_commit(writer);
  }
  oa_ipc_writer_free(writer);
  return out;
}

static void append_stream(trial *to, const oa_buf *stream) {
  oa_ipc_reader *reader = NULL;
  assert_int_equal(oa_ipc_reader_new(&reader, NULL), OA_OK);
  for (size_t at = 0; at < stream->len;) {
    size_t used = 0;
    int64_t rows = 0;
    oa_ipc_event event = OA_IPC_EOS;
    assert_int_equal(oa_ipc_read(reader, stream->data + at, stream->len - at,
                                 &used, &event, &to->error),
                     OA_OK);
    at += used;
    if (event == OA_IPC_BATCH) {
      const oa_array *columns = oa_ipc_reader_columns(reader, &rows);
      if (oa_otlp_append(to->builder, oa_ipc_reader_schema(reader), columns,
                         rows, &to->result, &to->error) != OA_OK) {
        fail_msg("%s", to->error.text);
      }
      assert_string_equal(to->result.reason, "");
    }
  }
  oa_ipc_reader_free(reader);
}

static void streams_in_every_compression_come_back_equal(void **state) {
  (void)state;
  static const oa_coding codecs[] = {OA_CODING_NONE, OA_CODING_LZ4,
                                     OA_CODING_ZSTD};
  for (int i = 0; i < 3 * OA_SIGNAL_COUNT; i++) {
    const oa_signal signal = (oa_signal)(i % OA_SIGNAL_COUNT);
    trial from;
    trial to;
    trial want;
    trial_init(&from, signal);
    trial_init(&to, signal);
    trial_init(&want, signal);
    oa_buf stream = stream_of(&from, codecs[i / OA_SIGNAL_COUNT]);
    append_stream(&to, &stream);
    put_two(&want, "x");
    put_bare(&want);
    append_from(&want, &from);
    assert_same(encoded(&to), encoded(&want));
    oa_buf_free(&stream);
    trial_free(&from);
    trial_free(&to);
    trial_free(&want);
  }
}

/* A builder that is used again has old values in its memory. */
static void a_builder_that_was_reset_shows_nothing_old(void **state) {
  (void)state;
  for (int signal = 0; signal < OA_SIGNAL_COUNT; signal++) {
    trial rich;
    trial bare;
    trial to;
    trial_init(&rich, (oa_signal)signal);
    trial_init(&bare, (oa_signal)signal);
    trial_init(&to, (oa_signal)signal);
    put_two(&rich, "one");
    put_bare(&bare);
    for (int i = 0; i < 3; i++) {
      append_from(&to, &rich);
      append_from(&to, &rich);
      oa_otlp_builder_reset(to.builder, SIZE_MAX);
      append_from(&to, &bare);
      append_from(&to, &bare);
      oa_buf bytes = encoded(&to);
      append_from(&to, &rich);
      oa_otlp_builder_reset(to.builder, SIZE_MAX);
      put_bare(&to);
      put_bare(&to);
      assert_same(bytes, encoded(&to));
      append_from(&to, &rich);
      oa_otlp_builder_reset(to.builder, SIZE_MAX);
    }
    trial_free(&rich);
    trial_free(&bare);
    trial_free(&to);
  }
}

/* ROWS spans, of which some lack what others have. */
static void put_spans(trial *t, int64_t rows) {
  request r = {0};
  open_records(&r);
  for (int64_t i = 0; i < rows; i++) {
    const oa_emit_nest span = open_record(&r);
    if (i % 3 != 0) {
      oa_emit_bytes(&r.e, 1, ID16, 16);
      oa_emit_fixed64(&r.e, 7, (uint64_t)i % 5);
      put_text(&r.e, 3, i % 4 == 0 ? "state" : "");
      put_int_attr(&r.e, 9, "n", i);
    }
    if (i % 70 < 3) {
      put_attrs(&r.e, 9);
    }
    oa_emit_close(&r.e, span);
  }
  close_records(&r);
  take(t, &r);
}

/* Rows in all numbers around the 64 of a word. */
static void any_number_of_rows_is_appended_behind_any_other(void **state) {
  (void)state;
  for (int64_t rows = 1; rows < 140; rows += rows < 60 ? 7 : 1) {
    trial from;
    trial to;
    trial want;
    trial_init(&from, OA_TRACES);
    trial_init(&to, OA_TRACES);
    trial_init(&want, OA_TRACES);
    put_spans(&from, rows);
    for (int i = 0; i < 3; i++) {
      append_from(&to, &from);
      put_spans(&want, rows);
    }
    assert_int_equal(rows_of(&to), 3 * rows);
    assert_same(encoded(&to), encoded(&want));
    trial_free(&from);
    trial_free(&to);
    trial_free(&want);
  }
}

/* --- failure --- */

static void without_memory_nothing_is_appended(void **state) {
  (void)state;
  for (int signal = 0; signal < OA_SIGNAL_COUNT; signal++) {
    trial from;
    trial to;
    trial want;
    oa_otlp_result result;
    trial_init(&from, (oa_signal)signal);
    trial_init(&want, (oa_signal)signal);
    put_two(&from, "one");
    put_bare(&from);
    put_bare(&want);
    append_from(&want, &from);
    const oa_array *columns = columns_of(&from);
    int64_t failures = 0;
    for (oa_status status = OA_ERR_NOMEM; status != OA_OK; failures++) {
      oa_error error = {0};
      trial_init(&to, (oa_signal)signal);
      put_bare(&to); /* most columns have no memory yet */
      const oa_builder_mark mark = mark_of(&to);
      oa_buf before = encoded(&to);
      oa_mem_fail_after(failures);
      status = oa_otlp_append(to.builder, oa_otlp_schema(to.signal), columns,
                              rows_of(&from), &result, &error);
      oa_mem_fail_after(-1);
      if (status != OA_OK) {
        assert_int_equal(status, OA_ERR_NOMEM);
        assert_true(error.text[0] != '\0');
        assert_mark(&to, &mark);
        assert_same(before, encoded(&to));
        append_from(&to, &from); /* it can be used as ever */
      } else {
        oa_buf_free(&before);
      }
      oa_buf bytes = encoded(&want);
      assert_same(bytes, encoded(&to));
      trial_free(&to);
    }
    assert_true(failures > 40);
    trial_free(&from);
    trial_free(&want);
  }
}

static void a_batch_without_rows_adds_none(void **state) {
  (void)state;
  trial t;
  batch b = spans(0);
  trial_init(&t, OA_TRACES);
  append_all(&t, &b);
  assert_int_equal(rows_of(&t), 0);
  assert_int_equal(t.result.accepted, 0);
  trial_free(&t);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(appended_rows_are_those_that_decoding_gives),
      cmocka_unit_test(points_count_as_items_and_metrics_without_do_not),
      cmocka_unit_test(streams_in_every_compression_come_back_equal),
      cmocka_unit_test(a_builder_that_was_reset_shows_nothing_old),
      cmocka_unit_test(any_number_of_rows_is_appended_behind_any_other),
      cmocka_unit_test(without_memory_nothing_is_appended),
      cmocka_unit_test(a_batch_without_rows_adds_none),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
