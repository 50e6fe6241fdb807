/* SPDX-License-Identifier: Apache-2.0 */
/* verify_trial.h - what the tests of check, verify and repair share: a small
 * file of spans, and a directory that goes away.  Include after cmocka.h. */
#ifndef OA_TESTS_VERIFY_TRIAL_H
#define OA_TESTS_VERIFY_TRIAL_H

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "arrow/ipc_write.h"
#include "base/error.h"
#include "base/mem.h"
#include "otlp_rows.h"

enum { BATCHES = 3, ROWS = 4 };

typedef struct place {
  char root[64];
  char directory[80]; /* of traces */
  char path[160];     /* of a file there */
} place;

static inline int make_place(void **state) {
  place *p = calloc(1, sizeof *p);
  if (p == NULL) {
    return -1;
  }
  snprintf(p->root, sizeof p->root, "/tmp/oa_verify_XXXXXX");
  if (mkdtemp(p->root) == NULL) {
    free(p);
    return -1;
  }
  snprintf(p->directory, sizeof p->directory, "%s/traces", p->root);
  snprintf(p->path, sizeof p->path,
           "%s/otlp_traces_20240102_030405_000001.arrow", p->directory);
  *state = p;
  return mkdir(p->directory, 0750);
}

static inline void empty_directory(const char *path) {
  DIR *dir = opendir(path);
  const struct dirent *entry;
  while (dir != NULL && (entry = readdir(dir)) != NULL) {
    (void)unlinkat(dirfd(dir), entry->d_name, 0); /* not "." and ".." */
  }
  if (dir != NULL) {
    closedir(dir);
  }
}

static inline int remove_place(void **state) {
  place *p = *state;
  empty_directory(p->directory);
  rmdir(p->directory);
  empty_directory(p->root);
  rmdir(p->root);
  free(p);
  return 0;
}

static inline void put_pieces(oa_buf *out, const oa_ipc_pieces *pieces) {
  for (size_t i = 0; i < pieces->count; i++) {
    assert_int_equal(
        oa_buf_put(out, pieces->iov[i].iov_base, pieces->iov[i].iov_len),
        OA_OK);
  }
}

/* A whole file: BATCHES batches with ROWS spans each.  ENDS[0] is the length
 * of the schema, ENDS[I] that up to the end of batch I. */
static inline void make_file(oa_buf *out, size_t ends[BATCHES + 1],
                             oa_coding codec) {
  oa_ipc_writer *writer;
  oa_ipc_pieces pieces;
  assert_int_equal(
      oa_ipc_writer_new(&writer, oa_otlp_schema(OA_TRACES), codec, 0), OA_OK);
  assert_int_equal(oa_ipc_write_schema(writer, &pieces), OA_OK);
  put_pieces(out, &pieces);
  ends[0] = out->len;
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
    oa_ipc_writer_commit(writer);
    ends[b + 1] = out->len;
    rows_free(&r);
  }
  oa_ipc_write_end(&pieces);
  put_pieces(out, &pieces);
  oa_ipc_writer_free(writer);
}

static inline void save(const char *path, const uint8_t *bytes, size_t len) {
  unlink(path); /* ext4 waits for the disk when it is overwritten instead */
  FILE *file = fopen(path, "wb");
  assert_non_null(file);
  assert_int_equal(fwrite(bytes, 1, len, file), len);
  assert_int_equal(fclose(file), 0);
}

/* True when the file PATH has just these bytes. */
static inline bool holds(const char *path, const uint8_t *bytes, size_t len) {
  struct stat info;
  uint8_t *data = malloc(len + 1);
  FILE *file = fopen(path, "rb");
  bool same = data != NULL && file != NULL && stat(path, &info) == 0 &&
              (size_t)info.st_size == len && fread(data, 1, len, file) == len &&
              memcmp(data, bytes, len) == 0;
  if (file != NULL) {
    fclose(file);
  }
  free(data);
  return same;
}

#endif
