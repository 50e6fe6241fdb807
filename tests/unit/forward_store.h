/* SPDX-License-Identifier: Apache-2.0 */
/* forward_store.h - a store of real spans, whose start times are their numbers.
 * Include after cmocka.h. */
#ifndef OA_TESTS_UNIT_FORWARD_STORE_H
#define OA_TESTS_UNIT_FORWARD_STORE_H

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "otlp/otlp.h"
#include "otlp_arrow.h"
#include "store/store_impl.h"

enum { YARD_PATH = 512 };

typedef struct yard {
  char dir[128];
  char root[160];
  oa_store_stream streams[OA_SIGNAL_COUNT];
  oa_store_options options;
  oa_store *store;
  _Atomic uint64_t ords;
  int64_t next; /* number of the next span */
} yard;

static inline void yard_open(yard *y) {
  oa_error error = {0};
  if (oa_store_open(&y->store, &y->options, &error) != OA_OK) {
    fail_msg("%s", error.text);
  }
}

static inline void yard_close(yard *y) {
  assert_int_equal(oa_store_close(y->store, NULL), OA_OK);
  y->store = NULL;
}

static inline yard *new_yard(void) {
  yard *y = calloc(1, sizeof *y);
  assert_non_null(y);
  snprintf(y->dir, sizeof y->dir, "/tmp/oa-forward-XXXXXX");
  assert_non_null(mkdtemp(y->dir));
  snprintf(y->root, sizeof y->root, "%s/otlp", y->dir);
  for (int i = 0; i < OA_SIGNAL_COUNT; i++) {
    y->streams[i] = (oa_store_stream){.name = oa_signal_name((oa_signal)i),
                                      .schema = oa_otlp_schema((oa_signal)i)};
  }
  y->options = (oa_store_options){.lock_dir = y->dir,
                                  .root = y->root,
                                  .prefix = "otlp",
                                  .extension = "arrow",
                                  .codec = OA_CODING_NONE,
                                  .streams = y->streams,
                                  .stream_count = OA_SIGNAL_COUNT};
  yard_open(y);
  return y;
}

static inline void free_yard(yard *y) {
  char command[192];
  oa_store_close(y->store, NULL);
  snprintf(command, sizeof command, "rm -r '%s'", y->dir);
  assert_int_equal(system(command), 0);
  free(y);
}

/* The columns of COUNT spans, in BUILDER, which is to be freed. */
static inline const oa_array *yard_spans(yard *y, oa_otlp_builder **builder,
                                         size_t count) {
  oa_builder *b;
  const void *bytes;
  size_t len;
  oa_otlp_result result;
  const oa_array *columns;
  assert_int_equal(oa_builder_new(&b, OA_TRACES, NULL), OA_OK);
  oa_build_resource(b, NULL);
  oa_build_string(b, OA_S("service.name"), OA_S("shop"));
  oa_build_scope(b, NULL);
  for (size_t i = 0; i < count; i++) {
    char name[32];
    snprintf(name, sizeof name, "work %d", (int)(y->next % 7));
    const oa_span span = {.size = sizeof span,
                          .trace_id = {1},
                          .span_id = {1},
                          .name = {name, strlen(name)},
                          .start_time_unix_nano = (uint64_t)y->next,
                          .end_time_unix_nano = (uint64_t)y->next + 1};
    oa_build_span(b, &span);
    y->next++;
  }
  assert_int_equal(oa_builder_finish(b, &bytes, &len, NULL), OA_OK);
  assert_int_equal(oa_otlp_builder_new(builder, OA_TRACES, &y->ords), OA_OK);
  assert_int_equal(oa_otlp_decode(*builder, bytes, len, &result, NULL), OA_OK);
  assert_int_equal(oa_otlp_builder_columns(*builder, &columns), OA_OK);
  oa_builder_free(b);
  return columns;
}

/* Appends a batch of COUNT spans. */
static inline void yard_append(yard *y, size_t count) {
  oa_otlp_builder *builder;
  oa_error error = {0};
  const oa_array *columns = yard_spans(y, &builder, count);
  if (oa_store_append(y->store, OA_TRACES, columns, (int64_t)count, NULL,
                      &error) != OA_OK) {
    fail_msg("%s", error.text);
  }
  oa_otlp_builder_free(builder);
}

static inline void yard_seal(yard *y) {
  assert_int_equal(oa_store_seal(y->store, NULL), OA_OK);
}

static inline int by_name(const void *a, const void *b) {
  return strcmp(a, b);
}

typedef struct yard_files {
  char paths[64][YARD_PATH];
  size_t count;
} yard_files;

/* The files of spans, the oldest first. */
static inline void yard_list(const yard *y, yard_files *out) {
  char path[YARD_PATH];
  snprintf(path, sizeof path, "%s/traces", y->root);
  DIR *dir = opendir(path);
  const struct dirent *entry;
  assert_non_null(dir);
  out->count = 0;
  while ((entry = readdir(dir)) != NULL) {
    if (entry->d_name[0] != '.') {
      assert_true(out->count < 64);
      snprintf(out->paths[out->count++], YARD_PATH, "%s/traces/%.200s", y->root,
               entry->d_name);
    }
  }
  closedir(dir);
  qsort(out->paths, out->count, sizeof out->paths[0], by_name);
}

#endif
