/* SPDX-License-Identifier: Apache-2.0 */
/* config_trial.h - a fresh configuration for each test, and ways to fill and
 * print it.
 */
#ifndef OA_TESTS_UNIT_CONFIG_TRIAL_H
#define OA_TESTS_UNIT_CONFIG_TRIAL_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"
#include "config/config.h"
#include "config/config_table.h"
#include "config/config_value.h"

#define SECOND UINT64_C(1000000000)

/* A test that is given a fresh configuration. */
#define WITH(TEST) cmocka_unit_test_setup_teardown(TEST, setup, teardown)

/* What the wrong input is and what the sentence about it must be. */
typedef struct mistake {
  const char *input;
  const char *text;
} mistake;

static inline int setup(void **state) {
  oa_config *config = malloc(sizeof *config);
  assert_non_null(config);
  assert_int_equal(oa_config_init(config), OA_OK);
  *state = config;
  return 0;
}

static inline int teardown(void **state) {
  oa_config_reset(*state);
  free(*state);
  return 0;
}

static inline oa_status read_text(oa_config *config, const char *text,
                                  oa_error *error) {
  return oa_config_read_yaml(config, "t.yaml", text, strlen(text), error);
}

static inline oa_status read_one(oa_config *config, const char *entry,
                                 oa_error *error) {
  char copy[1024];
  char *environment[] = {copy, NULL};
  snprintf(copy, sizeof copy, "%s", entry);
  return oa_config_read_env(config, environment, error);
}

static inline void expect_yaml_error(oa_config *config, const mistake *m) {
  oa_error error = {0};
  assert_int_equal(read_text(config, m->input, &error), OA_ERR_CONFIG);
  assert_string_equal(error.text, m->text);
  assert_null(config->file);
}

static inline char *print_all(const oa_config *config) {
  oa_buf out = {0};
  assert_int_equal(oa_config_print_yaml(config, &out), OA_OK);
  assert_int_equal(oa_buf_put_byte(&out, 0), OA_OK);
  return (char *)out.data;
}

/* A value for KEY that is allowed and not its default. */
static inline const char *other_value(const oa_config_key *key) {
  static const struct {
    const char *path;
    const char *value;
  } special[] = {{"output_dir", "/tmp/a dir \"x\" \\ ${y}"},
                 {"storage.compression_level", "3"},
                 {"net.io_threads", "7"},
                 {"limits.header_bytes", "8KiB"},
                 {"limits.control_frames", "50"}};
  for (size_t i = 0; i < sizeof special / sizeof special[0]; i++) {
    if (strcmp(special[i].path, key->path) == 0) {
      return special[i].value;
    }
  }
  switch (key->kind) {
    case OA_KIND_BOOL:
      return strcmp(key->def, "true") == 0 ? "false" : "true";
    case OA_KIND_NUMBER:
      return "9";
    case OA_KIND_DURATION:
      return "90s";
    case OA_KIND_SIZE:
      return "48MiB";
    case OA_KIND_PORT:
      return "1234";
    case OA_KIND_IP:
      return "::1";
    case OA_KIND_CHOICE:
      return key->choices[strcmp(key->def, key->choices[0]) == 0 ? 1 : 0];
    default:
      return "other";
  }
}

#endif
