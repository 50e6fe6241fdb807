/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "base/error.h"

static void setting_returns_the_code_and_keeps_the_text(void **state) {
  (void)state;
  oa_error error = {0};
  assert_int_equal(oa_error_set(&error, OA_ERR_LIMIT, "%d of %s", 3, "x"),
                   OA_ERR_LIMIT);
  assert_int_equal(error.code, OA_ERR_LIMIT);
  assert_string_equal(error.text, "3 of x");
}

static void nobody_has_to_want_the_text(void **state) {
  (void)state;
  assert_int_equal(oa_error_set(NULL, OA_ERR_IO, "%s", "unheard"), OA_ERR_IO);
  oa_error_prefix(NULL, "%s", "place");
}

static void long_texts_are_cut_and_terminated(void **state) {
  (void)state;
  for (int len = OA_ERROR_TEXT_SIZE - 3; len < OA_ERROR_TEXT_SIZE + 3; len++) {
    oa_error error;
    memset(&error, 0x55, sizeof error);
    (void)oa_error_set(&error, OA_ERR_IO, "%0*d", len, 0);
    const size_t most = OA_ERROR_TEXT_SIZE - 1;
    assert_int_equal(strlen(error.text),
                     (size_t)len < most ? (size_t)len : most);
  }
}

static void a_place_stands_before_the_text(void **state) {
  (void)state;
  oa_error error = {0};
  (void)oa_error_set(&error, OA_ERR_CONFIG, "no such key");
  oa_error_prefix(&error, "%s:%d", "a.yaml", 3);
  assert_string_equal(error.text, "a.yaml:3: no such key");
  oa_error_prefix(&error, "reading");
  assert_string_equal(error.text, "reading: a.yaml:3: no such key");
  assert_int_equal(error.code, OA_ERR_CONFIG);
}

/* At every length of place and text: as much as fits, from the front. */
static void places_cut_the_text_at_its_end(void **state) {
  (void)state;
  for (int place = 0; place < 2 * OA_ERROR_TEXT_SIZE; place += 3) {
    for (int text = 1; text < OA_ERROR_TEXT_SIZE; text += 7) {
      oa_error error = {0};
      char want[4 * OA_ERROR_TEXT_SIZE];
      (void)oa_error_set(&error, OA_ERR_IO, "%0*d", text, 7);
      oa_error_prefix(&error, "%.*s", place, "");
      assert_memory_equal(error.text, ": 0", text > 1 ? 3 : 2);

      (void)oa_error_set(&error, OA_ERR_IO, "%0*d", text, 7);
      const int width = place > 0 ? place : 1;
      oa_error_prefix(&error, "%*s", width, "p");
      const int len =
          snprintf(want, sizeof want, "%*s: %0*d", width, "p", text, 7);
      assert_true(len > 0);
      want[OA_ERROR_TEXT_SIZE - 1] = '\0';
      assert_true(strlen(error.text) < OA_ERROR_TEXT_SIZE);
      if (width < OA_ERROR_TEXT_SIZE - 2) {
        assert_string_equal(error.text, want);
      } else {
        /* The place alone fills the room. */
        assert_memory_equal(error.text, want, OA_ERROR_TEXT_SIZE - 3);
      }
    }
  }
}

static void every_status_has_its_own_text(void **state) {
  (void)state;
  for (int a = OA_END; a <= OA_OK; a++) {
    const char *text = oa_status_text((oa_status)a);
    assert_string_not_equal(text, "unknown status");
    for (int b = OA_END; b < a; b++) {
      assert_string_not_equal(text, oa_status_text((oa_status)b));
    }
  }
  assert_string_equal(oa_status_text((oa_status)-1000), "unknown status");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(setting_returns_the_code_and_keeps_the_text),
      cmocka_unit_test(nobody_has_to_want_the_text),
      cmocka_unit_test(long_texts_are_cut_and_terminated),
      cmocka_unit_test(a_place_stands_before_the_text),
      cmocka_unit_test(places_cut_the_text_at_its_end),
      cmocka_unit_test(every_status_has_its_own_text),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
