/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/mem.h"
#include "receive/auth_keys.h"

static int setup(void **state) {
  char *path = strdup("/tmp/oa_keys_XXXXXX");
  assert_non_null(path);
  const int fd = mkstemp(path);
  assert_true(fd >= 0);
  close(fd);
  *state = path;
  return 0;
}

static int teardown(void **state) {
  unlink(*state);
  free(*state);
  return 0;
}

static void write_file(const char *path, const void *text, size_t len) {
  FILE *file = fopen(path, "wb");
  assert_non_null(file);
  assert_int_equal(fwrite(text, 1, len, file), len);
  assert_int_equal(fclose(file), 0);
}

static oa_auth_keys *new_keys(void) {
  oa_auth_keys *keys = NULL;
  assert_int_equal(oa_auth_keys_new(&keys), OA_OK);
  return keys;
}

static const char *find(const oa_auth_keys *keys, const char *text) {
  return oa_auth_keys_find(keys, text, strlen(text));
}

static void a_key_is_found_by_its_secret_alone(void **state) {
  (void)state;
  oa_auth_keys *keys = new_keys();
  assert_null(find(keys, ""));
  assert_int_equal(oa_auth_keys_add(keys, "one", 3, "secret-1", 8), OA_OK);
  assert_int_equal(oa_auth_keys_add(keys, "two", 3, "secret-2", 8), OA_OK);
  assert_string_equal(find(keys, "secret-1"), "one");
  assert_string_equal(find(keys, "secret-2"), "two");
  for (size_t len = 0; len < 8; len++) {
    assert_null(oa_auth_keys_find(keys, "secret-1", len));
  }
  assert_null(find(keys, "secret-10"));
  assert_null(find(keys, "Secret-1"));
  assert_null(find(keys, "one"));
  assert_null(oa_auth_keys_find(keys, "secret-1\0", 9));
  oa_auth_keys_free(keys);
}

static void a_file_has_a_key_a_line(void **state) {
  static const char text[] =
      "# who may send\n"
      "\n"
      "shop: aaaa\r\n"
      "  billing :  b b:b  \n"
      "\"quoted\": 'c#c'\n"
      "d:d";
  write_file(*state, text, sizeof text - 1);
  oa_auth_keys *keys = new_keys();
  assert_int_equal(oa_auth_keys_read(keys, *state, false, NULL), OA_OK);
  assert_int_equal(oa_auth_keys_count(keys), 4);
  assert_string_equal(find(keys, "aaaa"), "shop");
  assert_string_equal(find(keys, "b b:b"), "billing");
  assert_string_equal(find(keys, "c#c"), "quoted");
  assert_string_equal(find(keys, "d"), "d");
  oa_auth_keys_free(keys);

  keys = new_keys();
  assert_int_equal(oa_auth_keys_read(keys, *state, true, NULL), OA_OK);
  assert_null(find(keys, "aaaa"));
  assert_string_equal(find(keys, "shop:aaaa"), "shop");
  assert_string_equal(find(keys, "billing:b b:b"), "billing");
  oa_auth_keys_free(keys);
}

static void a_slip_is_told_with_its_line_and_without_the_secret(void **state) {
  static const struct {
    const char *text;
    const char *said;
  } slips[] = {
      {"a: hush\nhush", ":2: is not a key; write \"name: secret\""},
      {": hush",
       ":1: a name has 1 to 64 bytes (UTF-8, no control "
       "characters)"},
      {"a: hush1\n\na: hush2",
       ":3: the name is there twice; give each key its own"},
      {"a:\n", ":1: the secret is empty; write \"name: secret\""},
      {"a: ''\n", ":1: the secret is empty; write \"name: secret\""},
      {"a: hu\x01sh",
       ":1: a secret has at most 4096 bytes (UTF-8, no control "
       "characters)"},
      {"a: hu\xffsh",
       ":1: a secret has at most 4096 bytes (UTF-8, no control "
       "characters)"},
      {"0123456789012345678901234567890123456789012345678901234567890123456789"
       ": hush",
       ":1: a name has 1 to 64 bytes (UTF-8, no control characters)"},
  };
  for (size_t i = 0; i < sizeof slips / sizeof slips[0]; i++) {
    char said[512];
    oa_error error = {0};
    oa_auth_keys *keys = new_keys();
    write_file(*state, slips[i].text, strlen(slips[i].text));
    snprintf(said, sizeof said, "%s%s", (char *)*state, slips[i].said);
    assert_int_equal(oa_auth_keys_read(keys, *state, false, &error),
                     OA_ERR_CONFIG);
    assert_string_equal(error.text, said);
    assert_null(strstr(error.text, "hush"));
    oa_auth_keys_free(keys);
  }
}

static void a_file_that_is_not_there_is_named(void **state) {
  oa_error error = {0};
  (void)state;
  oa_auth_keys *keys = new_keys();
  assert_int_equal(oa_auth_keys_read(keys, "/no/such/keys", false, &error),
                   OA_ERR_CONFIG);
  assert_non_null(strstr(error.text, "/no/such/keys: cannot be read"));
  oa_auth_keys_free(keys);
}

static void files_have_a_bound(void **state) {
  enum { KEYS = 1025, BIG = 300000 };
  oa_buf text = {0};
  oa_error error = {0};
  for (int i = 0; i < KEYS; i++) {
    assert_int_equal(oa_buf_printf(&text, "n%d: s%d\n", i, i), OA_OK);
  }
  write_file(*state, text.data, text.len);
  oa_auth_keys *keys = new_keys();
  assert_int_equal(oa_auth_keys_read(keys, *state, false, &error),
                   OA_ERR_CONFIG);
  assert_non_null(strstr(error.text, ":1025: more than 1024 keys"));
  oa_auth_keys_free(keys);

  assert_int_equal(oa_buf_put_zeros(&text, BIG), OA_OK);
  write_file(*state, text.data, text.len);
  keys = new_keys();
  assert_int_equal(oa_auth_keys_read(keys, *state, false, &error),
                   OA_ERR_CONFIG);
  assert_non_null(strstr(error.text, "is larger than"));
  oa_auth_keys_free(keys);
  oa_buf_free(&text);
}

static void any_allocation_may_fail(void **state) {
  static const char text[] = "a: aaaa\nb: bbbb\n";
  int64_t n = 0;
  write_file(*state, text, sizeof text - 1);
  for (;; n++) {
    oa_auth_keys *keys = NULL;
    oa_mem_fail_after(n);
    oa_status status = oa_auth_keys_new(&keys);
    if (status == OA_OK) {
      status = oa_auth_keys_read(keys, *state, true, NULL);
    }
    oa_mem_fail_after(-1);
    oa_auth_keys_free(keys);
    if (status == OA_OK) {
      break;
    }
    assert_int_equal(status, OA_ERR_NOMEM);
  }
  assert_true(n >= 4);
}

#define WITH(TEST) cmocka_unit_test_setup_teardown(TEST, setup, teardown)

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_key_is_found_by_its_secret_alone),
      WITH(a_file_has_a_key_a_line),
      WITH(a_slip_is_told_with_its_line_and_without_the_secret),
      cmocka_unit_test(a_file_that_is_not_there_is_named),
      WITH(files_have_a_bound),
      WITH(any_allocation_may_fail),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
