/* SPDX-License-Identifier: Apache-2.0 */
/* options_trial.h - sets fields of oa_options by their keys, and compares what
 * configurations print.
 */
#ifndef OA_TESTS_UNIT_OPTIONS_TRIAL_H
#define OA_TESTS_UNIT_OPTIONS_TRIAL_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/options.h"
#include "base/buf.h"
#include "base/mem.h"
#include "config/config.h"
#include "config/config_table.h"

static inline oa_config *make_config(void) {
  oa_config *config;
  assert_int_equal(oa_config_new(&config, NULL), OA_OK);
  return config;
}

static inline oa_status collect(void *context, const char *text, size_t len) {
  return oa_buf_put(context, text, len);
}

/* What is printed of CONFIG; to be freed. */
static inline char *printed(const oa_config *config) {
  oa_buf text = {0};
  assert_int_equal(oa_config_print(config, collect, &text), OA_OK);
  assert_int_equal(oa_buf_put_byte(&text, '\0'), OA_OK);
  return (char *)text.data;
}

static inline void expect_same(const oa_config *a, const oa_config *b) {
  char *first = printed(a);
  char *second = printed(b);
  assert_string_equal(first, second);
  oa_free(first);
  oa_free(second);
}

/* The number of lines of A and B that differ; both have as many. */
static inline int count_differences(const oa_config *a, const oa_config *b) {
  char *first = printed(a);
  char *second = printed(b);
  int differ = 0;
  const char *x = first;
  const char *y = second;
  while (*x != '\0' && *y != '\0') {
    const size_t m = strcspn(x, "\n");
    const size_t n = strcspn(y, "\n");
    differ += m != n || memcmp(x, y, n) != 0;
    x += m + (x[m] != '\0');
    y += n + (y[n] != '\0');
  }
  assert_true(*x == '\0' && *y == '\0');
  oa_free(first);
  oa_free(second);
  return differ;
}

static inline const oa_config_key *key_of(const oa_option *option) {
  const oa_config_key *key =
      oa_config_key_find(option->key, strlen(option->key));
  assert_non_null(key);
  return key;
}

static inline const oa_option *option_of(const char *path) {
  const oa_option *found = NULL;
  for (size_t i = 0; i < oa_option_count; i++) {
    if (strcmp(oa_option_table[i].key, path) == 0) {
      assert_null(found);
      found = &oa_option_table[i];
    }
  }
  return found;
}

static inline void put(oa_options *options, const oa_option *option,
                       int64_t value) {
  char *at = (char *)options + option->offset;
  const uint64_t wide = (uint64_t)value;
  const int narrow = (int)value;
  if (oa_option_width(option->kind) == sizeof wide) {
    memcpy(at, &wide, sizeof wide);
  } else {
    memcpy(at, &narrow, sizeof narrow);
  }
}

static inline void put_text(oa_options *options, const oa_option *option,
                            const char *text) {
  memcpy((char *)options + option->offset, &text, sizeof text);
}

/* Some text that KEY takes and that is not its default. */
static inline const char *some_text(const oa_config_key *key) {
  switch (key->kind) {
    case OA_KIND_IP:
      return "::1";
    case OA_KIND_WORD:
      return "ipc";
    case OA_KIND_LIST:
      return "https://a.example, https://b.example";
    default:
      return "some \"text\"";
  }
}

/* Sets OPTION to something that is not the default, and says what that is in
 * the words of the file, in other units than the library would choose. */
static inline void put_some(oa_options *options, const oa_option *option,
                            char text[64]) {
  const oa_config_key *key = key_of(option);
  const uint64_t ms = key->max / 1000000;
  switch (option->kind) {
    case OA_OPTION_TEXT:
      put_text(options, option, some_text(key));
      snprintf(text, 64, "%s", some_text(key));
      return;
    case OA_OPTION_MS:
      put(options, option, (int64_t)ms);
      snprintf(text, 64, "%" PRIu64 "us", ms * 1000);
      return;
    case OA_OPTION_SWITCH:
      put(options, option, strcmp(key->def, "true") == 0 ? OA_OFF : OA_ON);
      snprintf(text, 64, "%s", strcmp(key->def, "true") == 0 ? "no" : "yes");
      return;
    case OA_OPTION_CHOICE:
      put(options, option, 2);
      if (strcmp(key->def, key->choices[1]) == 0) {
        put(options, option, 1);
      }
      snprintf(text, 64, "%s",
               key->choices[strcmp(key->def, key->choices[1]) == 0 ? 0 : 1]);
      return;
    default:
      put(options, option, (int64_t)key->max);
      snprintf(text, 64, "%" PRIu64, key->max);
  }
}

static inline void expect_refused(const oa_options *options, const char *text) {
  oa_config *config = make_config();
  oa_config *before = make_config();
  oa_error error = {0};
  assert_int_equal(oa_config_set_options(config, options, &error),
                   OA_ERR_CONFIG);
  assert_int_equal(error.code, OA_ERR_CONFIG);
  assert_string_equal(error.text, text);
  expect_same(config, before);
  oa_config_free(config);
  oa_config_free(before);
}

#endif
