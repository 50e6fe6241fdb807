/* SPDX-License-Identifier: Apache-2.0 */
/* merge_trial.h - what the tests of merging share: stream files of random
 * batches of any schema, and whether two files hold the same rows.  Include
 * after cmocka.h. */
#ifndef OA_TESTS_MERGE_TRIAL_H
#define OA_TESTS_MERGE_TRIAL_H

#include "ipc_sample.h"
#include "store/merge.h"
#include "store_trial.h"

/* A file being read, a row at a time. */
typedef struct row_reader {
  uint8_t *bytes;
  size_t len;
  size_t at;
  oa_ipc_reader *ipc;
  const oa_array *columns;
  int64_t rows;
  int64_t row;
  uint64_t batches;
  int64_t largest;
  size_t schema_len; /* of the Schema message */
} row_reader;

static inline void rows_open(row_reader *r, const char *path) {
  *r = (row_reader){0};
  r->bytes = read_bytes(path, &r->len);
  assert_int_equal(oa_ipc_reader_new(&r->ipc, NULL), OA_OK);
}

static inline void rows_close(row_reader *r) {
  oa_ipc_reader_free(r->ipc);
  free(r->bytes);
}

/* Moves to the next row; false at the end of the stream. */
static inline bool rows_next(row_reader *r) {
  r->row++;
  while (r->columns == NULL || r->row >= r->rows) {
    size_t used = 0;
    oa_ipc_event event;
    oa_error error = {0};
    if (oa_ipc_read(r->ipc, r->bytes + r->at, r->len - r->at, &used, &event,
                    &error) != OA_OK) {
      fail_msg("at %zu of %zu: %s", r->at, r->len, error.text);
    }
    r->at += used;
    r->columns = NULL;
    if (event == OA_IPC_SCHEMA) {
      r->schema_len = used;
    } else if (event == OA_IPC_EOS) {
      assert_int_equal(r->at, r->len);
      return false;
    } else if (event == OA_IPC_BATCH) {
      r->columns = oa_ipc_reader_columns(r->ipc, &r->rows);
      r->row = 0;
      r->batches++;
      r->largest = r->rows > r->largest ? r->rows : r->largest;
    }
  }
  return true;
}

static inline bool same_cell(const oa_field *field, const oa_array *a,
                             int64_t i, const oa_array *b, int64_t j) {
  if (oa_array_is_null(a, i) || oa_array_is_null(b, j)) {
    return oa_array_is_null(a, i) == oa_array_is_null(b, j);
  }
  if (field->dictionary ||
      (field->type != OA_TYPE_LIST && field->type != OA_TYPE_STRUCT)) {
    return sample_same_value(field, a, i, b, j);
  }
  if (field->type == OA_TYPE_STRUCT) {
    for (size_t k = 0; k < field->child_count; k++) {
      if (!same_cell(&field->children[k], &a->children[k], i, &b->children[k],
                     j)) {
        return false;
      }
    }
    return true;
  }
  int64_t x[2];
  int64_t y[2];
  oa_array_range(a, i, &x[0], &x[1]);
  oa_array_range(b, j, &y[0], &y[1]);
  bool same = x[1] - x[0] == y[1] - y[0];
  for (int64_t k = 0; same && k < x[1] - x[0]; k++) {
    same = same_cell(field->children, a->children, x[0] + k, b->children,
                     y[0] + k);
  }
  return same;
}

typedef struct file_shape {
  uint64_t batches;
  int64_t largest;
  int64_t rows;
} file_shape;

/* Fails unless both files hold the same schema, to the byte, and the same rows
 * in the same order. */
static inline void assert_same_rows(const char *left, const char *right,
                                    file_shape *before, file_shape *after) {
  row_reader a;
  row_reader b;
  int64_t row = 0;
  rows_open(&a, left);
  rows_open(&b, right);
  for (;; row++) {
    const bool more = rows_next(&a);
    assert_int_equal(more, rows_next(&b));
    if (!more) {
      break;
    }
    const oa_schema *schema = oa_ipc_reader_schema(a.ipc);
    for (size_t i = 0; i < schema->field_count; i++) {
      if (!same_cell(&schema->fields[i], &a.columns[i], a.row, &b.columns[i],
                     b.row)) {
        fail_msg("row %lld differs in %s", (long long)row,
                 schema->fields[i].name);
      }
    }
  }
  assert_int_equal(a.schema_len, b.schema_len);
  assert_memory_equal(a.bytes, b.bytes, a.schema_len);
  *before = (file_shape){a.batches, a.largest, row};
  *after = (file_shape){b.batches, b.largest, row};
  rows_close(&a);
  rows_close(&b);
}

/* Writes PATH: COUNT batches of random rows, up to MAX_ROWS each, with nulls,
 * without, and all empty in turn. */
static inline void write_samples(const char *path, const oa_schema *schema,
                                 oa_coding codec, uint64_t seed, size_t count,
                                 int64_t max_rows) {
  sampler s = sample_open(seed);
  oa_ipc_writer *writer = NULL;
  oa_ipc_pieces pieces;
  oa_buf out = {0};
  assert_int_equal(oa_ipc_writer_new(&writer, schema, codec, 0), OA_OK);
  assert_int_equal(oa_ipc_write_schema(writer, &pieces), OA_OK);
  sample_append(&out, &pieces);
  for (size_t i = 0; i < count; i++) {
    const int64_t rows = (int64_t)(sample_next(&s) % (uint64_t)max_rows) + 1;
    const sample_style style =
        (sample_style)(sample_next(&s) % (uint64_t)SAMPLE_STYLES);
    const oa_array *columns = sample_columns(&s, schema, rows, style);
    assert_int_equal(oa_ipc_write_batch(writer, columns, rows, &pieces), OA_OK);
    sample_append(&out, &pieces);
    oa_ipc_writer_commit(writer);
    oa_arena_reset(&s.arena);
  }
  oa_ipc_write_end(&pieces);
  sample_append(&out, &pieces);
  oa_ipc_writer_free(writer);
  write_bytes(path, out.data, out.len);
  oa_buf_free(&out);
  oa_arena_free(&s.arena);
}

/* --- one job on one file --- */

typedef struct merge_trial {
  char dir[TRIAL_PATH];
  char kept[2 * TRIAL_PATH]; /* as the file was */
  oa_merge_job *job;
} merge_trial;

static inline merge_trial *new_merge_trial(void) {
  merge_trial *t = calloc(1, sizeof *t);
  const char *base = getenv("TMPDIR");
  assert_non_null(t);
  memset(&machine, 0, sizeof machine);
  snprintf(t->dir, sizeof t->dir, "%s/oa-merge-XXXXXX",
           base == NULL ? "/tmp" : base);
  assert_non_null(mkdtemp(t->dir));
  t->job = calloc(1, sizeof *t->job);
  assert_non_null(t->job);
  t->job->os = &trial_os;
  t->job->codec = OA_CODING_ZSTD;
  t->job->level = 1;
  t->job->max_rows = 1000;
  snprintf(t->job->path, sizeof t->job->path, "%s/file.arrow", t->dir);
  snprintf(t->job->aside, sizeof t->job->aside, "%s/.file.arrow.merging",
           t->dir);
  snprintf(t->kept, sizeof t->kept, "%s/kept", t->dir);
  return t;
}

static inline void free_merge_trial(merge_trial *t) {
  set_fault(FAULT_NONE, 0, 0);
  remove_tree(t->dir);
  free(t->job);
  free(t);
}

static inline bool is_there(const char *path) {
  struct stat at;
  return lstat(path, &at) == 0;
}

/* Remembers the file as it is. */
static inline void keep_file(const merge_trial *t) {
  size_t len;
  uint8_t *bytes = read_bytes(t->job->path, &len);
  write_bytes(t->kept, bytes, len);
  free(bytes);
}

static inline void assert_file_as_kept(const merge_trial *t) {
  size_t len;
  size_t kept_len;
  uint8_t *bytes = read_bytes(t->job->path, &len);
  uint8_t *kept = read_bytes(t->kept, &kept_len);
  assert_int_equal(len, kept_len);
  assert_memory_equal(bytes, kept, len);
  free(bytes);
  free(kept);
}

#endif
