/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <signal.h>
#include <sys/wait.h>

#include "store_trial.h"

static void a_second_store_in_the_process_is_refused(void **state) {
  (void)state;
  trial *t = new_trial();
  oa_store *second = NULL;
  oa_error error = {0};
  open_trial(t);
  assert_int_equal(oa_store_open(&second, &t->options, &error), OA_ERR_IO);
  assert_null(second);
  assert_non_null(strstr(error.text, t->dir));
  assert_non_null(strstr(error.text, "in use by this process"));
  close_trial(t);
  open_trial(t);
  close_trial(t);
  free_trial(t);
}

/* Holds the lock in another process until it is told to go. */
static pid_t start_owner(const char *dir, int *release) {
  int ready[2];
  int go[2];
  char byte = 0;
  assert_int_equal(pipe(ready), 0);
  assert_int_equal(pipe(go), 0);
  const pid_t pid = fork();
  assert_true(pid >= 0);
  if (pid == 0) {
    oa_lock lock = {.fd = -1};
    close(go[1]);
    if (oa_lock_take(&lock, dir, NULL) != OA_OK ||
        write(ready[1], "x", 1) < 1) {
      _exit(1);
    }
    _exit(read(go[0], &byte, 1) == 1 ? 0 : 1);
  }
  close(ready[1]);
  close(go[0]);
  assert_int_equal(read(ready[0], &byte, 1), 1);
  close(ready[0]);
  *release = go[1];
  return pid;
}

static void another_process_is_named_by_its_id(void **state) {
  (void)state;
  trial *t = new_trial();
  oa_error error = {0};
  char expected[64];
  int release;
  const pid_t pid = start_owner(t->dir, &release);
  assert_int_equal(oa_store_open(&t->store, &t->options, &error), OA_ERR_IO);
  snprintf(expected, sizeof expected, "in use by process %ld; stop it",
           (long)pid);
  assert_non_null(strstr(error.text, expected));

  /* However the owner ends, its lock ends with it. */
  assert_int_equal(write(release, "x", 1), 1);
  assert_int_equal(waitpid(pid, NULL, 0), pid);
  close(release);
  open_trial(t);
  close_trial(t);
  free_trial(t);
}

static void the_file_holds_our_process_id(void **state) {
  (void)state;
  trial *t = new_trial();
  char path[2 * TRIAL_PATH];
  char expected[32];
  size_t len;
  open_trial(t);
  snprintf(path, sizeof path, "%s/%s", t->dir, OA_LOCK_NAME);
  uint8_t *bytes = read_bytes(path, &len);
  snprintf(expected, sizeof expected, "%ld ", (long)getpid());
  assert_true(len > strlen(expected));
  assert_memory_equal(bytes, expected, strlen(expected));
  assert_int_equal(bytes[len - 1], '\n');
  free(bytes);
  free_trial(t);
}

/* The file says which run of the kernel has all that stands here, once all of
 * it was looked at. */
static void a_new_boot_is_noticed_until_it_is_noted(void **state) {
  (void)state;
  trial *t = new_trial();
  char path[2 * TRIAL_PATH];
  oa_lock lock = {.fd = -1};
  assert_int_equal(oa_lock_take(&lock, t->dir, NULL), OA_OK);
  assert_false(lock.same_boot); /* nobody has looked yet */
  oa_lock_release(&lock);
  assert_int_equal(oa_lock_take(&lock, t->dir, NULL), OA_OK);
  assert_false(lock.same_boot);
  oa_lock_note_boot(&lock);
  assert_true(lock.same_boot);
  oa_lock_release(&lock);
  assert_int_equal(oa_lock_take(&lock, t->dir, NULL), OA_OK);
  assert_true(lock.same_boot);
  oa_lock_release(&lock);
  snprintf(path, sizeof path, "%s/%s", t->dir, OA_LOCK_NAME);
  static const char other[] = "1 00000000-0000-0000-0000-000000000000\n";
  write_bytes(path, other, sizeof other - 1);
  assert_int_equal(oa_lock_take(&lock, t->dir, NULL), OA_OK);
  assert_false(lock.same_boot);
  oa_lock_release(&lock);
  free_trial(t);
}

static void an_unreadable_owner_still_gives_a_sentence(void **state) {
  (void)state;
  trial *t = new_trial();
  oa_error error = {0};
  char path[2 * TRIAL_PATH];
  open_trial(t);
  snprintf(path, sizeof path, "%s/%s", t->dir, OA_LOCK_NAME);
  write_bytes(path, "\xff\xfe junk", 7);
  oa_store *second = NULL;
  assert_int_equal(oa_store_open(&second, &t->options, &error), OA_ERR_IO);
  assert_non_null(strstr(error.text, "in use by another process"));
  free_trial(t);
}

static void a_link_in_the_place_of_the_file_is_not_followed(void **state) {
  (void)state;
  trial *t = new_trial();
  char path[2 * TRIAL_PATH];
  char victim[2 * TRIAL_PATH];
  size_t len;
  snprintf(path, sizeof path, "%s/%s", t->dir, OA_LOCK_NAME);
  snprintf(victim, sizeof victim, "%s/victim", t->dir);
  write_bytes(victim, "precious", 8);
  assert_int_equal(symlink(victim, path), 0);
  assert_int_equal(oa_store_open(&t->store, &t->options, NULL), OA_ERR_IO);
  uint8_t *bytes = read_bytes(victim, &len);
  assert_int_equal(len, 8);
  free(bytes);
  free_trial(t);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_second_store_in_the_process_is_refused),
      cmocka_unit_test(another_process_is_named_by_its_id),
      cmocka_unit_test(the_file_holds_our_process_id),
      cmocka_unit_test(a_new_boot_is_noticed_until_it_is_noted),
      cmocka_unit_test(an_unreadable_owner_still_gives_a_sentence),
      cmocka_unit_test(a_link_in_the_place_of_the_file_is_not_followed),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
