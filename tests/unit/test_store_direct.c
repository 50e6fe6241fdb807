/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE /* O_DIRECT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "store_trial.h"

/* Large batches go past the page cache.  Whether the file system under the
 * tests can do that is not known, so the table of system calls says that it
 * can: what O_DIRECT asks for is checked here, and the bytes are written in
 * the usual way. */

enum {
  BLOCK = OA_DISK_BLOCK,
  BIG_ROWS = 280000, /* 5.3 MiB, more than the stage holds at a time */
  SMALL_ROWS = 10,
  MAX_LIVES = 200,
  MAX_FDS = 64,
};

/* Of the 20 bytes of a row, 8 do not shrink. */
_Static_assert(BIG_ROWS * 8 > OA_DISK_DIRECT_MIN, "big enough");
_Static_assert(BIG_ROWS * 8 > OA_DISK_STAGE, "more than one stage");

/* How the pretended file system takes writes of whole blocks. */
typedef enum refusal {
  REFUSE_NOTHING,
  REFUSE_FLAG,  /* it has no O_DIRECT, and says so at once */
  REFUSE_WRITE, /* it says so when it is written to */
} refusal;

typedef struct pretended {
  refusal refusal;
  bool on[MAX_FDS];   /* O_DIRECT, by descriptor */
  long direct_writes; /* that it took */
  long flag_calls;    /* that asked for O_DIRECT */
  long refused;       /* writes */
  size_t most;        /* bytes that a direct write takes; 0 = all */
  size_t own_bytes;   /* that were written from the columns' memory */
} pretended;

static pretended fs;
static trial_files files;

/* --- batches of any size --- */

static const oa_field big_fields[] = {
    {.name = "id", .type = OA_TYPE_INT64},
    {.name = "kind",
     .type = OA_TYPE_UTF8,
     .dictionary = true,
     .index_type = OA_TYPE_INT32},
    {.name = "more", .type = OA_TYPE_INT64},
};
static const oa_schema big_schema = {
    .fields = big_fields,
    .field_count = sizeof big_fields / sizeof big_fields[0],
};

/* Columns begin at the address of a block, or behind it. */
static _Alignas(BLOCK) int64_t room_for_ids[BIG_ROWS + 1];
static _Alignas(BLOCK) int64_t room_for_more[BIG_ROWS + 1];
static int64_t *big_ids = room_for_ids;
static int64_t *big_more = room_for_more;
static int32_t big_kinds[BIG_ROWS];

static void place_columns(size_t ids_behind, size_t more_behind) {
  big_ids = room_for_ids + ids_behind;
  big_more = room_for_more + more_behind;
}

static bool is_column(const void *at) {
  const uintptr_t ids = (uintptr_t)at - (uintptr_t)room_for_ids;
  const uintptr_t more = (uintptr_t)at - (uintptr_t)room_for_more;
  return ids < sizeof room_for_ids || more < sizeof room_for_more;
}

/* --- the pretended file system --- */

static int direct_open(const char *path, int flags, mode_t mode) {
  const int fd = trial_open(path, flags, mode);
  assert_true(fd < MAX_FDS);
  if (fd >= 0) {
    fs.on[fd] = false;
  }
  return fd;
}

static bool is_on(const trial *t) {
  return fs.on[t->store->streams[0].file.fd];
}

static int direct_set_flags(int fd, int flags) {
  const bool on = (flags & O_DIRECT) != 0;
  fs.flag_calls += on ? 1 : 0;
  if (strike()) {
    return -1;
  }
  if (on && fs.refusal == REFUSE_FLAG) {
    errno = EINVAL;
    return -1;
  }
  assert_true((flags & O_APPEND) != 0);
  fs.on[fd] = on;
  return oa_store_os_default.set_flags(fd, flags & ~O_DIRECT);
}

static ssize_t direct_writev(int fd, const struct iovec *iov, int count) {
  if (!fs.on[fd]) {
    return trial_writev(fd, iov, count);
  }
  /* open(2), O_DIRECT: address, length and place are in whole blocks. */
  const off_t end = lseek(fd, 0, SEEK_END);
  assert_int_equal(end % BLOCK, 0);
  for (int i = 0; i < count; i++) {
    assert_int_equal((uintptr_t)iov[i].iov_base % BLOCK, 0);
    assert_int_equal(iov[i].iov_len % BLOCK, 0);
    fs.own_bytes += is_column(iov[i].iov_base) ? iov[i].iov_len : 0;
  }
  if (fs.refusal == REFUSE_WRITE) {
    fs.refused++;
    errno = EINVAL;
    return -1;
  }
  fs.direct_writes++;
  if (fs.most > 0 && machine.fault == FAULT_NONE) {
    const size_t len = iov[0].iov_len;
    return write(fd, iov[0].iov_base, len < fs.most ? len : fs.most);
  }
  return trial_writev(fd, iov, count);
}

/* Values that do not shrink, so that the size of a batch is that of its
 * rows whatever the codec. */
static int64_t more_of(int64_t id) {
  const uint64_t x = (uint64_t)id * UINT64_C(0x9E3779B97F4A7C15);
  return (int64_t)(x ^ x >> 29);
}

static oa_status give(trial *t, int64_t first, int64_t rows, oa_error *error) {
  static const int32_t kind_offsets[] = {0, 4, 9};
  for (int64_t i = 0; i < rows; i++) {
    big_ids[i] = first + i;
    big_more[i] = more_of(first + i);
    big_kinds[i] = (int32_t)(i % 2);
  }
  const oa_array dictionary = {.length = 2,
                               .offsets = kind_offsets,
                               .values = kinds_of(first),
                               .values_size = 9};
  const size_t wide = (size_t)rows * sizeof(int64_t);
  const oa_array columns[3] = {
      {.length = rows, .values = big_ids, .values_size = wide},
      {.length = rows,
       .values = big_kinds,
       .values_size = (size_t)rows * sizeof(int32_t),
       .dictionary = &dictionary},
      {.length = rows, .values = big_more, .values_size = wide},
  };
  return oa_store_append(t->store, 0, columns, rows, NULL, error);
}

static void give_well(trial *t, int64_t first, int64_t rows) {
  oa_error error = {0};
  if (give(t, first, rows, &error) != OA_OK) {
    fail_msg("append: %s", error.text);
  }
}

static oa_store_os direct_os(void) {
  oa_store_os os = trial_os;
  os.set_flags = direct_set_flags;
  os.writev = direct_writev;
  os.open = direct_open;
  return os;
}

static oa_store_os os_in_use;

static oa_status open_store(trial *t) {
  os_in_use = direct_os();
  return oa_store_open_with(&t->store, &t->options, &os_in_use, NULL);
}

static trial *start(refusal how, oa_coding codec) {
  trial *t = new_trial();
  fs = (pretended){.refusal = how};
  t->streams[0].schema = &big_schema;
  t->options.direct_io = true;
  t->options.codec = codec;
  assert_int_equal(open_store(t), OA_OK);
  return t;
}

static uint64_t open_length(const trial *t) {
  return t->store->streams[0].file.length;
}

/* --- what stands in the files --- */

typedef struct found {
  int64_t first[64];
  int64_t rows[64];
  size_t count;
} found;

static void check_columns(const oa_array *columns, int64_t rows) {
  const int64_t *ids = columns[0].values;
  const int32_t *kinds = columns[1].values;
  const int64_t *more = columns[2].values;
  for (int64_t i = 0; i < rows; i++) {
    assert_int_equal(ids[i], ids[0] + i);
    assert_int_equal(kinds[i], i % 2);
    assert_int_equal(more[i], more_of(ids[i]));
  }
  assert_memory_equal(columns[1].dictionary->values, kinds_of(ids[0]), 9);
}

/* Adds the batches of PATH; fails at anything that is not whole and right.
 * Each ends where a block of BLOCK bytes ends. */
static void read_batches(const char *path, size_t block, found *out,
                         bool *ended) {
  size_t len;
  size_t at = 0;
  uint8_t *bytes = read_bytes(path, &len);
  oa_ipc_reader *reader = NULL;
  assert_int_equal(oa_ipc_reader_new(&reader, &oa_ipc_limits_default), OA_OK);
  for (*ended = false; at < len;) {
    size_t used = 0;
    oa_ipc_event event;
    oa_error error = {0};
    if (oa_ipc_read(reader, bytes + at, len - at, &used, &event, &error) !=
        OA_OK) {
      fail_msg("%s at %zu of %zu: %s", path, at, len, error.text);
    }
    at += used;
    *ended = event == OA_IPC_EOS;
    if (event == OA_IPC_BATCH) {
      int64_t rows;
      const oa_array *columns = oa_ipc_reader_columns(reader, &rows);
      check_columns(columns, rows);
      assert_int_equal(at % block, 0);
      assert_true(out->count < 64);
      out->first[out->count] = ((const int64_t *)columns[0].values)[0];
      out->rows[out->count++] = rows;
    }
  }
  oa_ipc_reader_free(reader);
  free(bytes);
}

static found read_all_files(const trial *t, size_t block) {
  found all = {.count = 0};
  list_files(t, "traces", ".arrow", &files);
  for (size_t i = 0; i < files.count; i++) {
    bool ended;
    read_batches(files.paths[i], block, &all, &ended);
    assert_true(ended);
  }
  return all;
}

/* Closes, and expects the COUNT batches whose rows are ROWS and whose ids
 * begin at multiples of a million. */
static void finish(trial *t, const int64_t *rows, size_t count) {
  close_trial(t);
  const found all = read_all_files(t, BLOCK);
  assert_int_equal(all.count, count);
  for (size_t i = 0; i < count; i++) {
    assert_int_equal(all.first[i], (int64_t)i * 1000000);
    assert_int_equal(all.rows[i], rows[i]);
  }
  free_trial(t);
}

static const int64_t mixed[] = {BIG_ROWS, SMALL_ROWS, 1,          BIG_ROWS,
                                BIG_ROWS, 100001,     SMALL_ROWS, BIG_ROWS};
enum { MIXED = sizeof mixed / sizeof mixed[0] };

static void give_mixed(trial *t) {
  for (size_t i = 0; i < MIXED; i++) {
    give_well(t, (int64_t)i * 1000000, mixed[i]);
    assert_int_equal(open_length(t) % BLOCK, 0);
    assert_false(is_on(t)); /* never left on */
  }
}

/* --- tests --- */

static void large_and_small_batches_come_back_equal(void **state) {
  (void)state;
  static const oa_coding codecs[] = {OA_CODING_NONE, OA_CODING_LZ4,
                                     OA_CODING_ZSTD};
  for (size_t c = 0; c < 3; c++) {
    for (size_t place = 0; place < 4; place++) {
      trial *t = start(REFUSE_NOTHING, codecs[c]);
      place_columns(place % 2, place / 2);
      give_mixed(t);
      assert_true(fs.direct_writes > 0);
      finish(t, mixed, MIXED);
    }
  }
  place_columns(0, 0);
}

static void columns_in_blocks_are_written_from_where_they_are(void **state) {
  (void)state;
  enum { WHOLE = BIG_ROWS * sizeof(int64_t) / BLOCK * BLOCK };
  for (size_t place = 0; place < 4; place++) {
    trial *t = start(REFUSE_NOTHING, OA_CODING_NONE);
    place_columns(place % 2, place / 2);
    give_well(t, 0, BIG_ROWS);
    assert_int_equal(fs.own_bytes, WHOLE * (2 - place % 2 - place / 2));
    finish(t, (const int64_t[]){BIG_ROWS}, 1);
  }
  place_columns(0, 0);
}

static void they_do_on_the_real_file_system(void **state) {
  (void)state;
  trial *t = new_trial();
  t->streams[0].schema = &big_schema;
  t->options.direct_io = true;
  fs = (pretended){0};
  assert_int_equal(oa_store_open(&t->store, &t->options, NULL), OA_OK);
  give_mixed(t);
  finish(t, mixed, MIXED);
}

static void only_large_batches_go_past_the_page_cache(void **state) {
  (void)state;
  trial *t = start(REFUSE_NOTHING, OA_CODING_NONE);
  place_columns(1, 1);
  give_well(t, 0, SMALL_ROWS);
  assert_int_equal(fs.flag_calls, 0);
  give_well(t, 1000000, BIG_ROWS);
  assert_int_equal(fs.flag_calls, 1);
  assert_int_equal(fs.direct_writes, 3);
  place_columns(0, 0);
  give_well(t, 2000000, SMALL_ROWS);
  assert_int_equal(fs.flag_calls, 1);
  finish(t, (const int64_t[]){SMALL_ROWS, BIG_ROWS, SMALL_ROWS}, 3);
}

static void none_do_when_it_is_not_wanted(void **state) {
  (void)state;
  trial *t = new_trial();
  fs = (pretended){0};
  t->streams[0].schema = &big_schema;
  assert_int_equal(open_store(t), OA_OK);
  give_well(t, 0, BIG_ROWS);
  assert_int_equal(fs.flag_calls, 0);
  assert_null(t->store->disk.stage);
  close_trial(t);
  oa_store_scan scan;
  list_files(t, "traces", ".arrow", &files);
  assert_int_equal(oa_store_scan_file(files.paths[0], &scan, NULL), OA_OK);
  assert_int_equal(scan.rows, BIG_ROWS);
  free_trial(t);
}

static void a_file_system_without_it_is_written_to_as_usual(void **state) {
  (void)state;
  trial *t = start(REFUSE_FLAG, OA_CODING_NONE);
  give_mixed(t);
  assert_int_equal(fs.flag_calls, 1); /* asked once, and never again */
  assert_int_equal(fs.direct_writes, 0);
  assert_int_equal(stats_of(t).write_errors, 0);
  finish(t, mixed, MIXED);
}

static void one_that_says_so_late_costs_one_more_try(void **state) {
  (void)state;
  trial *t = start(REFUSE_WRITE, OA_CODING_NONE);
  oa_error error = {0};
  give_well(t, 0, SMALL_ROWS);
  const uint64_t length = open_length(t);
  assert_int_equal(give(t, 1000000, BIG_ROWS, &error), OA_ERR_IO);
  assert_non_null(strstr(error.text, "Invalid argument"));
  assert_int_equal(open_length(t), length);
  assert_false(is_on(t));
  give_well(t, 1000000, BIG_ROWS);
  give_well(t, 2000000, BIG_ROWS);
  assert_int_equal(fs.refused, 1);
  assert_int_equal(stats_of(t).write_errors, 1);
  finish(t, (const int64_t[]){SMALL_ROWS, BIG_ROWS, BIG_ROWS}, 3);
}

static void short_writes_of_whole_blocks_go_on(void **state) {
  (void)state;
  static const size_t most[] = {BLOCK, 3 * BLOCK, 64 * BLOCK,
                                OA_DISK_STAGE - BLOCK};
  for (size_t i = 0; i < sizeof most / sizeof most[0]; i++) {
    trial *t = start(REFUSE_NOTHING, OA_CODING_NONE);
    fs.most = most[i];
    give_well(t, 0, BIG_ROWS);
    give_well(t, 1000000, BIG_ROWS);
    assert_int_equal(stats_of(t).write_errors, 0);
    finish(t, (const int64_t[]){BIG_ROWS, BIG_ROWS}, 2);
  }
}

static void other_short_writes_are_cut_back(void **state) {
  (void)state;
  static const size_t most[] = {1, BLOCK - 1, BLOCK + 1, OA_DISK_STAGE - 512};
  for (size_t i = 0; i < sizeof most / sizeof most[0]; i++) {
    trial *t = start(REFUSE_NOTHING, OA_CODING_NONE);
    struct stat at;
    give_well(t, 0, BIG_ROWS);
    const uint64_t length = open_length(t);
    fs.most = most[i];
    assert_int_equal(give(t, 1000000, BIG_ROWS, NULL), OA_ERR_IO);
    assert_int_equal(open_length(t), length);
    list_files(t, "traces", ".arrow", &files);
    assert_int_equal(stat(files.paths[0], &at), 0);
    assert_int_equal(at.st_size, length);
    fs.most = 0;
    give_well(t, 1000000, BIG_ROWS);
    finish(t, (const int64_t[]){BIG_ROWS, BIG_ROWS}, 2);
  }
}

/* --- one life in which the NTH call fails --- */

static const int64_t life[] = {SMALL_ROWS, BIG_ROWS, BIG_ROWS, SMALL_ROWS};
enum { LIFE = sizeof life / sizeof life[0] };

/* Between two calls no file has half a message, but for one that could not
 * be cut back. */
static void check_whole(const trial *t, size_t torn_allowed) {
  size_t torn = 0;
  list_files(t, "traces", ".arrow", &files);
  for (size_t i = 0; i < files.count; i++) {
    oa_store_scan scan;
    assert_int_equal(oa_store_scan_file(files.paths[i], &scan, NULL), OA_OK);
    torn += scan.whole != scan.size || scan.damaged;
  }
  assert_true(torn <= torn_allowed);
}

static bool live_through(trial_fault fault, long nth, int code) {
  trial *t = start(REFUSE_NOTHING, OA_CODING_NONE);
  set_fault(fault, nth, code);
  for (size_t i = 0; i < LIFE; i++) {
    int tries = 0;
    while (give(t, (int64_t)i * 1000000, life[i], NULL) != OA_OK) {
      assert_true(machine.struck);
      check_whole(t, fault == FAULT_STAY);
      set_fault(FAULT_NONE, 0, 0);
      assert_true(++tries < 2);
    }
    oa_store_tick(t->store);
  }
  (void)oa_store_close(t->store, NULL);
  t->store = NULL;
  const bool struck = machine.struck || machine.fault == FAULT_NONE;
  set_fault(FAULT_NONE, 0, 0);

  /* The next start mends what is left; every batch is there once. */
  assert_int_equal(open_store(t), OA_OK);
  close_trial(t);
  /* Files begun after the file system said no have no blocks. */
  const found all = read_all_files(t, 1);
  assert_int_equal(all.count, LIFE);
  for (size_t i = 0; i < LIFE; i++) {
    assert_int_equal(all.first[i], (int64_t)i * 1000000);
    assert_int_equal(all.rows[i], life[i]);
  }
  free_trial(t);
  return struck;
}

static void survive_every_call(trial_fault fault, int code) {
  long nth = 1;
  while (live_through(fault, nth, code)) {
    nth++;
    assert_true(nth < MAX_LIVES);
  }
  assert_true(nth > 10);
}

static void a_call_that_fails_costs_no_batch(void **state) {
  (void)state;
  survive_every_call(FAULT_ONCE, ENOSPC);
  survive_every_call(FAULT_ONCE, EINVAL);
}

static void a_disk_that_stays_full_costs_no_batch(void **state) {
  (void)state;
  survive_every_call(FAULT_STAY, ENOSPC);
}

static void half_a_write_costs_no_batch(void **state) {
  (void)state;
  survive_every_call(FAULT_SHORT, ENOSPC);
}

static void an_interrupted_write_goes_unnoticed(void **state) {
  (void)state;
  bool struck = true;
  for (long nth = 1; struck; nth++) {
    trial *t = start(REFUSE_NOTHING, OA_CODING_NONE);
    give_well(t, 0, SMALL_ROWS);
    set_fault(FAULT_ONCE, nth, EINTR);
    give_well(t, 1000000, BIG_ROWS);
    struck = machine.struck;
    assert_int_equal(stats_of(t).write_errors, 0);
    set_fault(FAULT_NONE, 0, 0);
    finish(t, (const int64_t[]){SMALL_ROWS, BIG_ROWS}, 2);
    assert_true(nth < MAX_LIVES);
  }
}

static void without_memory_for_it_writing_goes_on(void **state) {
  (void)state;
  oa_status status = OA_ERR_NOMEM;
  for (int64_t n = 0; status != OA_OK; n++) {
    trial *t = start(REFUSE_NOTHING, OA_CODING_NONE);
    give_well(t, 0, SMALL_ROWS);
    oa_mem_fail_after(n);
    status = give(t, 1000000, BIG_ROWS, NULL);
    oa_mem_fail_after(-1);
    assert_true(status == OA_OK || status == OA_ERR_NOMEM);
    if (status != OA_OK) {
      give_well(t, 1000000, BIG_ROWS);
    }
    finish(t, (const int64_t[]){SMALL_ROWS, BIG_ROWS}, 2);
    assert_true(n < 50);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(large_and_small_batches_come_back_equal),
      cmocka_unit_test(columns_in_blocks_are_written_from_where_they_are),
      cmocka_unit_test(they_do_on_the_real_file_system),
      cmocka_unit_test(only_large_batches_go_past_the_page_cache),
      cmocka_unit_test(none_do_when_it_is_not_wanted),
      cmocka_unit_test(a_file_system_without_it_is_written_to_as_usual),
      cmocka_unit_test(one_that_says_so_late_costs_one_more_try),
      cmocka_unit_test(short_writes_of_whole_blocks_go_on),
      cmocka_unit_test(other_short_writes_are_cut_back),
      cmocka_unit_test(a_call_that_fails_costs_no_batch),
      cmocka_unit_test(a_disk_that_stays_full_costs_no_batch),
      cmocka_unit_test(half_a_write_costs_no_batch),
      cmocka_unit_test(an_interrupted_write_goes_unnoticed),
      cmocka_unit_test(without_memory_for_it_writing_goes_on),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
