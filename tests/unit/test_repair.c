/* SPDX-License-Identifier: Apache-2.0 */
/* verify and repair through the public header. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "otlp_arrow_verify.h"
#include "store/lock.h"
#include "verify_trial.h"

typedef struct heard {
  uint64_t count;
  oa_finding_kind kind; /* of the last */
  char what[1200];
} heard;

static void hear(void *context, const oa_finding *finding) {
  heard *h = context;
  h->count++;
  h->kind = finding->kind;
  snprintf(h->what, sizeof h->what, "%s", finding->what);
  assert_non_null(finding->path);
  assert_non_null(finding->advice);
}

static oa_verify_result verify(const char *path) {
  heard h = {0};
  const oa_verify_options options = {.finding = hear, .context = &h};
  oa_verify_result result;
  assert_int_equal(oa_verify(path, &options, &result, NULL), OA_OK);
  assert_int_equal(h.count, result.problems + result.notes + result.unreadable);
  return result;
}

static oa_repair_result repair(const char *path, int dry_run, heard *h) {
  heard ignored;
  h = h == NULL ? &ignored : h;
  *h = (heard){0};
  const oa_repair_options options = {
      .dry_run = dry_run, .finding = hear, .context = h};
  oa_repair_result result;
  oa_error error = {0};
  const oa_status status = oa_repair(path, &options, &result, &error);
  assert_string_equal(error.text, "");
  assert_int_equal(status, OA_OK);
  return result;
}

static void aside_of(const place *p, char out[200]) {
  snprintf(out, 200, "%s.corrupt", p->path);
}

static void whole_files_are_left_alone(void **state) {
  const place *p = *state;
  oa_buf file = {0};
  size_t ends[BATCHES + 1];
  make_file(&file, ends, OA_CODING_LZ4);
  save(p->path, file.data, file.len);
  const oa_verify_result found = verify(p->root);
  assert_int_equal(found.files, 1);
  assert_int_equal(found.rows, BATCHES * ROWS);
  assert_int_equal(found.problems + found.notes, 0);
  const oa_repair_result done = repair(p->directory, 0, NULL);
  assert_int_equal(done.files, 1);
  assert_int_equal(done.repaired + done.aside + done.problems, 0);
  assert_true(holds(p->path, file.data, file.len));
  oa_buf_free(&file);
}

static void a_file_cut_anywhere_is_whole_up_to_the_cut(void **state) {
  const place *p = *state;
  oa_buf file = {0};
  size_t ends[BATCHES + 1];
  char aside[200];
  aside_of(p, aside);
  make_file(&file, ends, OA_CODING_NONE);
  for (size_t cut = 0; cut < file.len; cut += cut % 512 < 9 ? 1 : 173) {
    size_t batches = 0;
    while (batches < BATCHES && ends[batches + 1] <= cut) {
      batches++;
    }
    save(p->path, file.data, cut);
    assert_int_equal(verify(p->root).problems, 1);
    const oa_repair_result done = repair(p->directory, 0, NULL);
    assert_int_equal(done.problems, 0);
    assert_int_equal(verify(p->root).problems, 0);
    if (cut < ends[0]) {
      assert_int_equal(done.aside, 1);
      assert_true(holds(aside, file.data, cut));
      assert_int_equal(access(p->path, F_OK), -1);
      unlink(aside);
      continue;
    }
    uint8_t *wanted = malloc(ends[batches] + 8);
    assert_non_null(wanted);
    memcpy(wanted, file.data, ends[batches]);
    memcpy(wanted + ends[batches], file.data + ends[BATCHES], 8);
    assert_true(holds(p->path, wanted, ends[batches] + 8));
    assert_int_equal(access(aside, F_OK), -1);
    free(wanted);
  }
  oa_buf_free(&file);
}

static void damage_in_the_middle_keeps_both(void **state) {
  const place *p = *state;
  oa_buf file = {0};
  size_t ends[BATCHES + 1];
  char aside[200];
  heard h;
  aside_of(p, aside);
  make_file(&file, ends, OA_CODING_NONE);
  file.data[ends[1] + 40] ^= 0xFF;
  save(p->path, file.data, file.len);
  oa_repair_result done = repair(p->directory, 1, &h);
  assert_int_equal(done.problems, 1);
  assert_non_null(strstr(h.what, "to do: "));
  assert_true(holds(p->path, file.data, file.len));
  assert_int_equal(access(aside, F_OK), -1);

  done = repair(p->directory, 0, &h);
  assert_int_equal(done.repaired, 1);
  assert_int_equal(done.aside, 1);
  assert_int_equal(h.kind, OA_FINDING_DONE);
  assert_true(holds(aside, file.data, file.len));
  const oa_verify_result found = verify(p->root);
  assert_int_equal(found.problems, 0);
  assert_int_equal(found.notes, 1); /* the .corrupt file */
  assert_int_equal(found.rows, ROWS);
  done = repair(p->directory, 0, NULL);
  assert_int_equal(done.repaired + done.aside, 0);

  /* Again: the name is taken, by another file. */
  save(p->path, file.data, file.len);
  assert_int_equal(repair(p->directory, 0, NULL).aside, 1);
  snprintf(aside, sizeof aside, "%s.corrupt.1", p->path);
  assert_true(holds(aside, file.data, file.len));
  oa_buf_free(&file);
}

/* A schema that has a wrong byte, and can be read all the same, shows only once
 * the damage behind it is gone. */
static void one_run_mends_two_damages(void **state) {
  const place *p = *state;
  oa_buf file = {0};
  size_t ends[BATCHES + 1];
  char aside[200];
  size_t hidden = 0;
  heard h;
  aside_of(p, aside);
  make_file(&file, ends, OA_CODING_ZSTD);
  memset(file.data + ends[2] - 96, 0xEE, 64); /* values of the second batch */
  for (size_t at = 0; at < ends[0]; at += 31) {
    file.data[at] ^= 0x5A;
    save(p->path, file.data, file.len);
    const oa_repair_result done = repair(p->directory, 0, &h);
    hidden += strstr(h.what, "; behind it: ") != NULL ? 1 : 0;
    assert_int_equal(verify(p->root).problems, done.problems);
    const oa_repair_result again = repair(p->directory, 0, NULL);
    assert_int_equal(again.repaired + again.aside, 0);
    if (done.repaired > 0) {
      assert_true(holds(aside, file.data, file.len));
      assert_int_equal(verify(p->root).rows, ROWS);
    }
    unlink(aside);
    file.data[at] ^= 0x5A;
  }
  assert_true(hidden > 0);
  oa_buf_free(&file);
}

static void a_run_that_was_broken_off_is_taken_up(void **state) {
  const place *p = *state;
  oa_buf file = {0};
  size_t ends[BATCHES + 1];
  char aside[200];
  char half[200];
  aside_of(p, aside);
  snprintf(half, sizeof half, "%s.repair", p->path);
  make_file(&file, ends, OA_CODING_NONE);
  file.data[ends[2] + 40] ^= 0xFF;
  save(p->path, file.data, file.len);
  save(half, file.data, 100);
  assert_int_equal(link(p->path, aside), 0); /* as before the last rename */
  assert_int_equal(repair(p->directory, 0, NULL).problems, 0);
  assert_true(holds(aside, file.data, file.len));
  assert_int_equal(access(half, F_OK), -1);
  assert_int_equal(verify(p->root).rows, 2 * ROWS);
  snprintf(aside, sizeof aside, "%s.corrupt.1", p->path);
  assert_int_equal(access(aside, F_OK), -1);
  oa_buf_free(&file);
}

static void a_damaged_schema_is_written_anew(void **state) {
  const place *p = *state;
  oa_buf file = {0};
  size_t ends[BATCHES + 1];
  char aside[200];
  aside_of(p, aside);
  make_file(&file, ends, OA_CODING_LZ4);
  for (size_t at = 0; at < ends[0]; at += 97) {
    file.data[at] ^= 0x80;
    save(p->path, file.data, file.len);
    assert_int_equal(verify(p->root).problems > 0, 1);
    assert_int_equal(repair(p->directory, 0, NULL).problems, 0);
    assert_true(holds(aside, file.data, file.len));
    file.data[at] ^= 0x80;
    assert_true(holds(p->path, file.data, file.len));
    unlink(aside);
  }
  oa_buf_free(&file);
}

static void an_owned_directory_is_refused(void **state) {
  const place *p = *state;
  oa_buf file = {0};
  size_t ends[BATCHES + 1];
  oa_lock lock;
  oa_repair_result result;
  oa_error error = {0};
  const oa_repair_options options = {0};
  make_file(&file, ends, OA_CODING_NONE);
  save(p->path, file.data, ends[1] + 50);
  assert_int_equal(oa_lock_take(&lock, p->root, NULL), OA_OK);
  assert_int_equal(oa_repair(p->directory, &options, &result, &error),
                   OA_ERR_BUSY);
  assert_non_null(strstr(error.text, "stop the service"));
  /* The newest file of its owner may be in the middle of a batch. */
  const oa_verify_result found = verify(p->directory);
  assert_int_equal(found.problems, 0);
  assert_int_equal(found.open, 1);
  oa_lock_release(&lock);
  assert_int_equal(verify(p->directory).problems, 1);
  assert_true(holds(p->path, file.data, ends[1] + 50));
  oa_buf_free(&file);
}

static void other_directories_are_refused(void **state) {
  const place *p = *state;
  const oa_repair_options options = {0};
  oa_repair_result result;
  assert_int_equal(oa_repair(p->root, &options, &result, NULL), OA_ERR_CONFIG);
  assert_int_equal(oa_repair("/nonexistent", &options, &result, NULL),
                   OA_ERR_NOT_FOUND);
  const oa_verify_options looks = {0};
  oa_verify_result found;
  assert_int_equal(oa_verify("/nonexistent", &looks, &found, NULL),
                   OA_ERR_NOT_FOUND);
  assert_int_equal(oa_verify("", &looks, &found, NULL), OA_ERR_NOT_FOUND);
}

static void without_memory_nothing_is_changed(void **state) {
  const place *p = *state;
  oa_buf file = {0};
  size_t ends[BATCHES + 1];
  bool done = false;
  make_file(&file, ends, OA_CODING_NONE);
  file.data[ends[1] + 40] ^= 0xFF;
  save(p->path, file.data, file.len);
  for (int64_t n = 0; !done; n++) {
    const oa_repair_options options = {0};
    const oa_verify_options looks = {0};
    oa_repair_result result = {0};
    oa_verify_result found = {0};
    oa_mem_fail_after(n);
    (void)oa_verify(p->root, &looks, &found, NULL);
    oa_mem_fail_after(n);
    const oa_status status = oa_repair(p->directory, &options, &result, NULL);
    oa_mem_fail_after(-1);
    assert_true(status == OA_OK || status == OA_ERR_NOMEM);
    done = status == OA_OK && result.problems == 0;
    assert_true(n < 5000);
    if (!done) {
      assert_true(holds(p->path, file.data, file.len));
    }
  }
  assert_int_equal(verify(p->root).problems, 0);
  oa_buf_free(&file);
}

#define TEST(NAME) \
  cmocka_unit_test_setup_teardown(NAME, make_place, remove_place)

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(whole_files_are_left_alone),
      TEST(a_file_cut_anywhere_is_whole_up_to_the_cut),
      TEST(damage_in_the_middle_keeps_both),
      TEST(one_run_mends_two_damages),
      TEST(a_run_that_was_broken_off_is_taken_up),
      TEST(a_damaged_schema_is_written_anew),
      TEST(an_owned_directory_is_refused),
      TEST(other_directories_are_refused),
      TEST(without_memory_nothing_is_changed),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
