/* SPDX-License-Identifier: Apache-2.0 */
/* store_trial.h - what the tests of the store share: a directory that goes
 * away, batches whose rows can be found again, and system calls that fail on
 * demand.  Include after cmocka.h. */
#ifndef OA_TESTS_STORE_TRIAL_H
#define OA_TESTS_STORE_TRIAL_H

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "arrow/ipc_read.h"
#include "base/mem.h"
#include "store/store_impl.h"

enum { TRIAL_PATH = 512, TRIAL_MAX_IDS = 4096, TRIAL_ROWS = 5 };

#define TRIAL_SECOND UINT64_C(1000000000)
/* 2024-03-05 06:07:08 UTC */
#define TRIAL_WALL (UINT64_C(1709618828) * TRIAL_SECOND)

/* --- system calls that fail on demand --- */

typedef enum trial_fault {
  FAULT_NONE,
  FAULT_ONCE,  /* the Nth call fails */
  FAULT_STAY,  /* the Nth and all later ones fail */
  FAULT_SHORT, /* from the Nth on, writev takes half and then nothing */
} trial_fault;

typedef struct trial_machine {
  trial_fault fault;
  long nth;
  int code;
  long calls; /* since fault was set */
  bool struck;
  bool halved;
  bool uncuttable;  /* ftruncate fails */
  size_t trickle;   /* bytes that writev takes at a time; 0 = all */
  uint64_t wall_ns; /* 0 = the real clocks */
  uint64_t mono_ns;
  long syncs;
} trial_machine;

static trial_machine machine;

static inline bool strike(void) {
  machine.calls++;
  const bool hit =
      (machine.fault == FAULT_ONCE && machine.calls == machine.nth) ||
      (machine.fault == FAULT_STAY && machine.calls >= machine.nth);
  if (hit) {
    machine.struck = true;
    errno = machine.code;
  }
  return hit;
}

static inline void set_fault(trial_fault fault, long nth, int code) {
  machine.fault = fault;
  machine.nth = nth;
  machine.code = code;
  machine.calls = 0;
  machine.struck = false;
  machine.halved = false;
}

static inline int trial_open(const char *path, int flags, mode_t mode) {
  return strike() ? -1 : open(path, flags, mode);
}

static inline ssize_t trial_writev(int fd, const struct iovec *iov, int count) {
  if (strike()) {
    return -1;
  }
  if (machine.fault == FAULT_SHORT && machine.calls >= machine.nth) {
    machine.struck = true;
    if (machine.halved) {
      errno = machine.code;
      return -1;
    }
    machine.halved = true;
    return write(fd, iov[0].iov_base, (iov[0].iov_len + 1) / 2);
  }
  if (machine.trickle > 0) {
    const size_t len = iov[0].iov_len;
    return write(fd, iov[0].iov_base,
                 len < machine.trickle ? len : machine.trickle);
  }
  return writev(fd, iov, count);
}

static inline int trial_ftruncate(int fd, off_t length) {
  if (machine.uncuttable) {
    errno = EIO;
    return -1;
  }
  return strike() ? -1 : ftruncate(fd, length);
}

/* Nothing here pulls the plug, so the disk is spared. */
static inline int trial_sync(int fd) {
  (void)fd;
  if (strike()) {
    return -1;
  }
  machine.syncs++;
  return 0;
}

static inline int trial_rename(const char *from, const char *to) {
  return strike() ? -1 : rename(from, to);
}

static inline int trial_unlink(const char *path) {
  return strike() ? -1 : unlink(path);
}

static inline int trial_mkdir(const char *path, mode_t mode) {
  return strike() ? -1 : mkdir(path, mode);
}

static inline uint64_t trial_wall(void) {
  return machine.wall_ns != 0 ? machine.wall_ns : oa_store_os_default.wall_ns();
}

static inline uint64_t trial_mono(void) {
  return machine.mono_ns != 0 ? machine.mono_ns
                              : oa_store_os_default.monotonic_ns();
}

static inline int trial_set_flags(int fd, int flags) {
  return strike() ? -1 : oa_store_os_default.set_flags(fd, flags);
}

static inline ssize_t trial_pread(int fd, void *out, size_t len, off_t at) {
  return strike() ? -1 : pread(fd, out, len, at);
}

static inline int trial_futimens(int fd, const struct timespec times[2]) {
  return strike() ? -1 : futimens(fd, times);
}

static const oa_store_os trial_os = {
    .open = trial_open,
    .writev = trial_writev,
    .ftruncate = trial_ftruncate,
    .fsync = trial_sync,
    .fdatasync = trial_sync,
    .set_flags = trial_set_flags,
    .pread = trial_pread,
    .futimens = trial_futimens,
    .rename = trial_rename,
    .unlink = trial_unlink,
    .mkdir = trial_mkdir,
    .wall_ns = trial_wall,
    .monotonic_ns = trial_mono,
};

/* --- batches: TRIAL_ROWS rows that begin with a given id --- */

static const oa_field trial_fields[] = {
    {.name = "id", .type = OA_TYPE_INT64},
    {.name = "kind",
     .type = OA_TYPE_UTF8,
     .dictionary = true,
     .index_type = OA_TYPE_INT32},
    {.name = "text", .type = OA_TYPE_UTF8},
};
static const oa_schema trial_schema = {
    .fields = trial_fields,
    .field_count = sizeof trial_fields / sizeof trial_fields[0],
};

typedef struct trial_batch {
  int64_t ids[TRIAL_ROWS];
  oa_array dictionary;
  oa_array columns[3];
} trial_batch;

/* The dictionary of a batch: two batches in a row have the same one, which is
 * then not written again, and the next two another. */
static inline const char *kinds_of(int64_t first) {
  return first / 20 % 2 == 0 ? "blueblack" : "pinkwhite";
}

static inline const oa_array *make_batch(trial_batch *batch, int64_t first) {
  static const int32_t kinds[TRIAL_ROWS] = {0, 1, 0, 1, 1};
  static const int32_t kind_offsets[] = {0, 4, 9};
  static const int32_t text_offsets[TRIAL_ROWS + 1] = {0, 1, 3, 3, 6, 10};
  memset(batch, 0, sizeof *batch);
  for (int64_t i = 0; i < TRIAL_ROWS; i++) {
    batch->ids[i] = first + i;
  }
  batch->dictionary = (oa_array){.length = 2,
                                 .offsets = kind_offsets,
                                 .values = kinds_of(first),
                                 .values_size = 9};
  batch->columns[0] = (oa_array){.length = TRIAL_ROWS,
                                 .values = batch->ids,
                                 .values_size = sizeof batch->ids};
  batch->columns[1] = (oa_array){.length = TRIAL_ROWS,
                                 .values = kinds,
                                 .values_size = sizeof kinds,
                                 .dictionary = &batch->dictionary};
  batch->columns[2] = (oa_array){.length = TRIAL_ROWS,
                                 .offsets = text_offsets,
                                 .values = "abcdefghij",
                                 .values_size = 10};
  return batch->columns;
}

/* --- a directory, a store in it --- */

typedef struct trial {
  char dir[TRIAL_PATH];
  char root[TRIAL_PATH];
  char lines[TRIAL_PATH]; /* the log */
  oa_log log;
  oa_store_stream streams[2];
  oa_store_options options;
  oa_store *store;
} trial;

static inline void remove_tree(const char *path) {
  DIR *dir = opendir(path);
  const struct dirent *entry;
  while (dir != NULL && (entry = readdir(dir)) != NULL) {
    char inner[2 * TRIAL_PATH];
    struct stat at;
    if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) {
      continue;
    }
    const int used =
        snprintf(inner, sizeof inner, "%s/%s", path, entry->d_name);
    assert_true(used > 0 && (size_t)used < sizeof inner);
    if (lstat(inner, &at) == 0 && S_ISDIR(at.st_mode)) {
      remove_tree(inner);
    } else {
      unlink(inner);
    }
  }
  if (dir != NULL) {
    closedir(dir);
    rmdir(path);
  }
}

static inline trial *new_trial(void) {
  trial *t = calloc(1, sizeof *t);
  assert_non_null(t);
  memset(&machine, 0, sizeof machine);
  const char *base = getenv("TMPDIR");
  char made[256];
  snprintf(made, sizeof made, "%s/oa-store-XXXXXX",
           base == NULL ? "/tmp" : base);
  assert_non_null(mkdtemp(made));
  snprintf(t->dir, sizeof t->dir, "%s", made);
  snprintf(t->root, sizeof t->root, "%s/otlp", made);
  snprintf(t->lines, sizeof t->lines, "%s/log.txt", made);
  t->log = (oa_log){
      .level = OA_LOG_INFO,
      .fd = open(t->lines, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600)};
  assert_true(t->log.fd >= 0);
  t->streams[0] = (oa_store_stream){.name = "traces", .schema = &trial_schema};
  t->streams[1] = (oa_store_stream){.name = "logs", .schema = &trial_schema};
  t->options = (oa_store_options){.lock_dir = t->dir,
                                  .root = t->root,
                                  .prefix = "otlp",
                                  .extension = "arrow",
                                  .codec = OA_CODING_NONE,
                                  .streams = t->streams,
                                  .stream_count = 2,
                                  .log = &t->log};
  return t;
}

static inline void free_trial(trial *t) {
  set_fault(FAULT_NONE, 0, 0);
  oa_store_close(t->store, NULL);
  close(t->log.fd);
  remove_tree(t->dir);
  free(t);
}

static inline void open_trial(trial *t) {
  oa_error error = {0};
  if (oa_store_open_with(&t->store, &t->options, &trial_os, &error) != OA_OK) {
    fail_msg("open: %s", error.text);
  }
}

static inline void close_trial(trial *t) {
  oa_error error = {0};
  if (oa_store_close(t->store, &error) != OA_OK) {
    fail_msg("close: %s", error.text);
  }
  t->store = NULL;
}

/* Frees the store as a crash would: nothing is sealed. */
static inline void crash_trial(trial *t) {
  for (size_t s = 0; s < t->store->stream_count; s++) {
    oa_series_free(&t->store->streams[s]);
    t->store->streams[s].unsealed = false;
  }
  close_trial(t);
}

static inline oa_status append_to(trial *t, size_t stream, int64_t first,
                                  oa_error *error) {
  trial_batch batch;
  return oa_store_append(t->store, stream, make_batch(&batch, first),
                         TRIAL_ROWS, NULL, error);
}

static inline void append(trial *t, int64_t first) {
  oa_error error = {0};
  if (append_to(t, 0, first, &error) != OA_OK) {
    fail_msg("append: %s", error.text);
  }
}

static inline oa_store_stats stats_of(const trial *t) {
  oa_store_stats stats;
  oa_store_get_stats(t->store, &stats);
  return stats;
}

/* True when the log has a line with TEXT. */
static inline int logged(const trial *t, const char *text) {
  static char lines[1 << 20];
  const int fd = open(t->lines, O_RDONLY | O_CLOEXEC);
  const ssize_t len = read(fd, lines, sizeof lines - 1);
  int count = 0;
  close(fd);
  lines[len < 0 ? 0 : len] = '\0';
  for (const char *at = lines; (at = strstr(at, text)) != NULL; at++) {
    count++;
  }
  return count;
}

/* --- what is on the disk --- */

typedef struct trial_files {
  char paths[64][TRIAL_PATH];
  size_t count;
} trial_files;

static inline int compare_paths(const void *a, const void *b) {
  return strcmp(a, b);
}

/* The files of stream NAME that end in SUFFIX, by name. */
static inline void list_files(const trial *t, const char *name,
                              const char *suffix, trial_files *out) {
  char path[2 * TRIAL_PATH];
  snprintf(path, sizeof path, "%s/%s", t->root, name);
  DIR *dir = opendir(path);
  const struct dirent *entry;
  out->count = 0;
  while (dir != NULL && (entry = readdir(dir)) != NULL) {
    const size_t len = strlen(entry->d_name);
    const size_t tail = strlen(suffix);
    if (entry->d_name[0] != '.' && len > tail &&
        strcmp(entry->d_name + len - tail, suffix) == 0) {
      assert_true(out->count < 64);
      const int used = snprintf(out->paths[out->count++], TRIAL_PATH, "%s/%s",
                                path, entry->d_name);
      assert_true(used > 0 && used < TRIAL_PATH);
    }
  }
  if (dir != NULL) {
    closedir(dir);
  }
  qsort(out->paths, out->count, sizeof out->paths[0], compare_paths);
}

static inline uint8_t *read_bytes(const char *path, size_t *len) {
  struct stat at;
  const int fd = open(path, O_RDONLY | O_CLOEXEC);
  assert_true(fd >= 0);
  assert_int_equal(fstat(fd, &at), 0);
  *len = (size_t)at.st_size;
  uint8_t *bytes = malloc(*len + 1);
  assert_non_null(bytes);
  assert_int_equal(read(fd, bytes, *len), at.st_size);
  close(fd);
  return bytes;
}

static inline void write_bytes(const char *path, const void *bytes,
                               size_t len) {
  const int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);
  assert_true(fd >= 0);
  assert_int_equal(write(fd, bytes, len), len);
  close(fd);
}

typedef struct trial_rows {
  int64_t ids[TRIAL_MAX_IDS];
  size_t count;
  bool ended;
} trial_rows;

/* Adds the ids of the whole stream file PATH; fails when it is not whole. */
static inline void read_rows(const char *path, trial_rows *out) {
  size_t len;
  size_t at = 0;
  uint8_t *bytes = read_bytes(path, &len);
  oa_ipc_reader *reader = NULL;
  assert_int_equal(oa_ipc_reader_new(&reader, &oa_ipc_limits_default), OA_OK);
  out->ended = false;
  while (at < len) {
    size_t used = 0;
    oa_ipc_event event;
    oa_error error = {0};
    assert_false(out->ended);
    if (oa_ipc_read(reader, bytes + at, len - at, &used, &event, &error) !=
        OA_OK) {
      fail_msg("%s at %zu of %zu: %s", path, at, len, error.text);
    }
    at += used;
    out->ended = event == OA_IPC_EOS;
    if (event == OA_IPC_BATCH) {
      int64_t rows;
      const oa_array *columns = oa_ipc_reader_columns(reader, &rows);
      assert_int_equal(rows, TRIAL_ROWS);
      const oa_array *kinds = columns[1].dictionary;
      assert_int_equal(kinds->length, 2);
      assert_memory_equal(kinds->values,
                          kinds_of(((const int64_t *)columns[0].values)[0]), 9);
      assert_true(out->count + TRIAL_ROWS <= TRIAL_MAX_IDS);
      memcpy(out->ids + out->count, columns[0].values,
             (size_t)rows * sizeof(int64_t));
      out->count += (size_t)rows;
    }
  }
  oa_ipc_reader_free(reader);
  free(bytes);
}

/* The ids of all files of the stream, each of which must be sealed. */
static inline void read_stream(const trial *t, const char *name,
                               trial_rows *out) {
  static trial_files files;
  list_files(t, name, ".arrow", &files);
  out->count = 0;
  for (size_t i = 0; i < files.count; i++) {
    read_rows(files.paths[i], out);
    assert_true(out->ended);
  }
}

/* How often the batch that begins with FIRST is among ROWS. */
static inline int count_batch(const trial_rows *rows, int64_t first) {
  int count = 0;
  for (size_t i = 0; i + TRIAL_ROWS <= rows->count; i += TRIAL_ROWS) {
    if (rows->ids[i] == first) {
      for (int64_t k = 0; k < TRIAL_ROWS; k++) {
        assert_int_equal(rows->ids[i + (size_t)k], first + k);
      }
      count++;
    }
  }
  return count;
}

#endif
