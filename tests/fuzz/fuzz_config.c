/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes at all, as a configuration file: it is taken, or refused with a
 * text that names it, and then nothing has changed.  What was taken prints as
 * a file that gives the same again. */
#include <stdlib.h>
#include <string.h>

#include "config/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void check(bool promise) {
  if (!promise) {
    abort();
  }
}

static oa_status read_yaml(oa_config *config, const void *bytes, size_t len,
                           oa_error *error) {
  return oa_config_read_yaml(config, "x.yaml", bytes, len, error);
}

/* Text without its comments: those name where a value came from. */
static size_t strip(oa_buf *text) {
  size_t to = 0;
  bool comment = false;
  for (size_t i = 0; i < text->len; i++) {
    const uint8_t c = text->data[i];
    comment = c != '\n' &&
              (comment || (c == '#' && i > 0 && text->data[i - 1] == ' '));
    if (!comment) {
      text->data[to++] = c;
    }
  }
  text->len = to;
  return to;
}

/* Printed, read and printed again: the same values. */
static void print_twice(const oa_config *config) {
  oa_config again;
  oa_buf first = {0};
  oa_buf second = {0};
  check(oa_config_init(&again) == OA_OK);
  check(oa_config_print_yaml(config, &first) == OA_OK);
  check(read_yaml(&again, first.data, first.len, NULL) == OA_OK);
  check(oa_config_print_yaml(&again, &second) == OA_OK);
  check(strip(&first) == strip(&second));
  check(first.len == 0 || memcmp(first.data, second.data, first.len) == 0);
  oa_buf_free(&first);
  oa_buf_free(&second);
  oa_config_reset(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len) {
  oa_config config;
  oa_error error = {0};
  check(oa_config_init(&config) == OA_OK);
  const oa_status status = read_yaml(&config, data, len, &error);
  if (status == OA_OK) {
    (void)oa_config_verify(&config, &error);
    print_twice(&config);
  } else {
    oa_config untouched;
    oa_buf have = {0};
    oa_buf want = {0};
    check(error.code == status);
    check(memchr(error.text, '\0', sizeof error.text) != NULL);
    check(error.text[0] != '\0');
    check(oa_config_init(&untouched) == OA_OK);
    check(oa_config_print_yaml(&config, &have) == OA_OK);
    check(oa_config_print_yaml(&untouched, &want) == OA_OK);
    check(have.len == want.len && memcmp(have.data, want.data, want.len) == 0);
    oa_buf_free(&have);
    oa_buf_free(&want);
    oa_config_reset(&untouched);
  }
  oa_config_reset(&config);
  return 0;
}
