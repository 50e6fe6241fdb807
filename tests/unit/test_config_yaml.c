/* SPDX-License-Identifier: Apache-2.0 */
#include "config_trial.h"

/* --- YAML --- */

static void mistakes_in_the_file_have_line_and_column(void **state) {
  static const mistake mistakes[] = {
      {"output_dir: x\nprotocols:\n  protobuf_prot: 1\n",
       "t.yaml:3:3: protocols.protobuf_prot: unknown key; did you mean "
       "protocols.protobuf_port?"},
      {"protobuf_port: 4317\n",
       "t.yaml:1:1: protobuf_port: unknown key; did you mean "
       "protocols.protobuf_port?"},
      {"# a comment\nprotocls:\n  protobuf_port: 1\n",
       "t.yaml:2:1: protocls: unknown key; did you mean protocols?"},
      {"something_else_entirely: 1\n",
       "t.yaml:1:1: something_else_entirely: unknown key"},
      {"protocols:\n  protobuf_port: 99999\n",
       "t.yaml:2:18: protocols.protobuf_port: \"99999\" is not a port from 0 "
       "to 65535"},
      {"output_dir: a\noutput_dir: b\n",
       "t.yaml:2:1: output_dir: is there twice; remove one of them"},
      {"log: {level: info}\nack: memory\nlog: {format: json}\n",
       "t.yaml:3:1: log: is there twice; remove one of them"},
      {"protocols: 4317\n",
       "t.yaml:1:12: protocols: is a section; put its keys below it, further "
       "to the right"},
      {"protocols: [1]\n",
       "t.yaml:1:12: protocols: is a section and takes keys, not a list"},
      {"output_dir:\n  a: b\n",
       "t.yaml:2:3: output_dir: takes one value, not keys below it"},
      {"output_dir: [a]\n",
       "t.yaml:1:13: output_dir: takes one value, not a list"},
      {"output_dir:\n",
       "t.yaml:1:12: output_dir: has no value; give it one or remove the key"},
      {"- output_dir\n",
       "t.yaml:1:1: a configuration is made of lines \"key: value\""},
      {"output_dir\n",
       "t.yaml:1:1: a configuration is made of lines \"key: value\""},
      {"? [a]\n: b\n", "t.yaml:1:3: a key must be a plain word"},
      {"protocols.protobuf_port: 1\n",
       "t.yaml:1:1: protocols.protobuf_port: names with dots are for --set; "
       "here each part has a line of its own, further to the right than the "
       "one before"},
      {"bind_address: ::\n",
       "t.yaml:1:15: bind_address: \":\" is not an IP address; write \"::\", "
       "in "
       "quotes"},
      {"output_dir: x\n---\noutput_dir: y\n",
       "t.yaml:2:1: a second document; only one is allowed"},
      {"output_dir: !!str x\n",
       "t.yaml:1:13: output_dir: anchors, aliases and tags are not allowed"},
      {"output_dir: &a x\n",
       "t.yaml:1:13: output_dir: anchors, aliases and tags are not allowed"},
      {"output_dir: *a\n",
       "t.yaml:1:13: output_dir: anchors, aliases and tags are not allowed"},
      {"log: &a {level: info}\n",
       "t.yaml:1:6: log: anchors, aliases and tags are not allowed"},
      {"storage: {promote_attributes: &a [x]}\n",
       "t.yaml:1:31: storage.promote_attributes: anchors, aliases and tags "
       "are not allowed"},
      {"output_dir: \"a\\0b\"\n",
       "t.yaml:1:13: output_dir: the value holds a zero byte"},
      {"output_dir: 'x\n",
       "t.yaml:2:1: is not YAML: found unexpected end of stream"},
      {"log:\n\tlevel: info\n",
       "t.yaml:2:1: is not YAML: found character that cannot start any token "
       "(tabs cannot indent)"},
  };
  for (size_t i = 0; i < sizeof mistakes / sizeof mistakes[0]; i++) {
    expect_yaml_error(*state, &mistakes[i]);
  }
}

static void an_empty_file_changes_nothing(void **state) {
  static const char *const texts[] = {"",  "# only this\n",     "---\n", "{}",
                                      "~", "log:\nstorage: ~\n"};
  (void)state;
  for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
    oa_config config;
    assert_int_equal(oa_config_init(&config), OA_OK);
    assert_int_equal(read_text(&config, texts[i], NULL), OA_OK);
    for (size_t k = 0; k < oa_config_key_count; k++) {
      assert_int_equal(config.origins[k].source, OA_CONFIG_DEFAULT);
    }
    oa_config_reset(&config);
  }
}

static void a_second_file_is_refused(void **state) {
  assert_int_equal(read_text(*state, "ack: memory\n", NULL), OA_OK);
  assert_int_equal(read_text(*state, "ack: memory\n", NULL), OA_ERR_CONFIG);
}

static void a_failed_file_leaves_no_trace(void **state) {
  oa_config *config = *state;
  char *before = print_all(config);
  assert_int_equal(
      read_text(config, "output_dir: /x\nnet: {io_threads: x}\n", NULL),
      OA_ERR_CONFIG);
  char *after = print_all(config);
  assert_string_equal(before, after);
  oa_free(before);
  oa_free(after);
}

/* --- references --- */

static void references_are_replaced(void **state) {
  oa_config *config = *state;
  char path[] = "/tmp/oa_config_XXXXXX";
  char text[256];
  const int fd = mkstemp(path);
  assert_true(fd >= 0);
  assert_int_equal(write(fd, "from_file\r\n", 11), 11);
  close(fd);
  assert_int_equal(setenv("TEST_DIR", "env ${env:HOME}", 1), 0);
  snprintf(text, sizeof text,
           "output_dir: \"/a/${env:TEST_DIR}/${file:%s}/$${b}/$c\"\n", path);
  oa_error error = {0};
  const oa_status status = read_text(config, text, &error);
  unlink(path);
  assert_string_equal(error.text, "");
  assert_int_equal(status, OA_OK);
  assert_string_equal(config->output_dir,
                      "/a/env ${env:HOME}/from_file/${b}/$c");
}

static void references_that_lead_nowhere_are_refused(void **state) {
  static const mistake mistakes[] = {
      {"output_dir: ${env:NO_SUCH_THING_HERE}\n",
       "t.yaml:1:13: output_dir: ${env:NO_SUCH_THING_HERE}: no such "
       "environment variable"},
      {"output_dir: ${file:/no/such}\n",
       "t.yaml:1:13: output_dir: /no/such: cannot be read: No such file or "
       "directory"},
      {"output_dir: ${HOME}\n",
       "t.yaml:1:13: output_dir: ${HOME}: write ${env:NAME} or ${file:PATH}, "
       "and $${ for ${ itself"},
      {"output_dir: ${env:}\n",
       "t.yaml:1:13: output_dir: ${env:}: write ${env:NAME} or ${file:PATH}, "
       "and $${ for ${ itself"},
      {"output_dir: a${env:HOME\n",
       "t.yaml:1:13: output_dir: ${env:HOME: write ${env:NAME} or "
       "${file:PATH}, and $${ for ${ itself"},
      {"output_dir: ${file:/dev/zero}\n",
       "t.yaml:1:13: output_dir: /dev/zero: is larger than 65536 bytes, which "
       "is too much"},
      {"output_dir: ${file:/tmp}\n",
       "t.yaml:1:13: output_dir: /tmp: cannot be read: Is a directory"},
  };
  for (size_t i = 0; i < sizeof mistakes / sizeof mistakes[0]; i++) {
    expect_yaml_error(*state, &mistakes[i]);
  }
}

/* --- hostile input --- */

/* Reads LEN bytes made of UNIT over and over; the time is bounded. */
static oa_status read_repeated(const char *unit, size_t len, oa_error *error) {
  oa_config config;
  char *text = malloc(len);
  const size_t n = strlen(unit);
  assert_non_null(text);
  for (size_t i = 0; i < len; i++) {
    text[i] = unit[i % n];
  }
  assert_int_equal(oa_config_init(&config), OA_OK);
  const clock_t start = clock();
  oa_status status = oa_config_read_yaml(&config, "t.yaml", text, len, error);
  assert_true((double)(clock() - start) / CLOCKS_PER_SEC < 10);
  oa_config_reset(&config);
  free(text);
  return status;
}

static void hostile_files_are_refused_soon(void **state) {
  static const char *const units[] = {
      "[",        "{",     "{a: ",      "- ",       "? ",
      "a: ",      "a:\n ", "&a ",       "*a ",      "!!binary ",
      "'",        "\"",    "\"\\",      "|\n",      "%YAML ",
      "---\n",    "...\n", ",",         "\xff\xfe", "\xef\xbb\xbf",
      "\x80",     "\x01",  "log: {",    "a",        "${",
      "<<: *a\n", "\t",    "\"\\u0000", "log:\n  ",
  };
  (void)state;
  for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
    oa_error error = {0};
    const oa_status status = read_repeated(units[i], 200000, &error);
    if (status != OA_ERR_CONFIG) {
      fail_msg("\"%s\" gave %d", units[i], status);
    }
    assert_true(strncmp(error.text, "t.yaml:", 7) == 0);
  }
}

static void a_huge_file_is_refused(void **state) {
  oa_error error = {0};
  char path[] = "/tmp/oa_config_XXXXXX";
  const int fd = mkstemp(path);
  assert_true(fd >= 0);
  assert_int_equal(ftruncate(fd, 5 << 20), 0);
  close(fd);
  const oa_status status = oa_config_read_file(*state, path, &error);
  unlink(path);
  assert_int_equal(status, OA_ERR_LIMIT);
  assert_non_null(strstr(error.text, "is larger than 1048576 bytes"));
  assert_int_equal(read_repeated("# \n", (1 << 20) + 1, &error), OA_ERR_CONFIG);
  assert_int_equal(read_repeated("# \n", 1 << 20, &error), OA_OK);
}

static void files_that_cannot_be_read_are_named(void **state) {
  oa_error error = {0};
  assert_int_equal(oa_config_read_file(*state, "/no/such.yaml", &error),
                   OA_ERR_NOT_FOUND);
  assert_string_equal(
      error.text, "/no/such.yaml: cannot be read: No such file or directory");
  assert_int_equal(oa_config_read_file(*state, "/tmp", &error), OA_ERR_IO);
  assert_string_equal(error.text, "/tmp: cannot be read: Is a directory");
}

static void a_long_key_is_shown_shortened_and_clean(void **state) {
  char text[3000];
  oa_error error = {0};
  memset(text, 'k', sizeof text);
  memcpy(text, "\"a\\x1b[31m", 10);
  memcpy(text + sizeof text - 5, "\": 1\n", 5);
  assert_int_equal(
      oa_config_read_yaml(*state, "t.yaml", text, sizeof text, &error),
      OA_ERR_CONFIG);
  assert_null(strchr(error.text, 0x1b));
  assert_true(strlen(error.text) < 120);
}

static void random_bytes_never_hurt(void **state) {
  static const char seed_text[] =
      "output_dir: \"x\"\nprotocols: {protobuf_port: 1, tls: {cert_file: }}\n"
      "storage:\n  promote_attributes: []\n  compression: 'lz4'\n";
  uint32_t random = 12345;
  (void)state;
  for (int round = 0; round < 3000; round++) {
    char text[sizeof seed_text];
    oa_config config;
    memcpy(text, seed_text, sizeof text);
    for (int change = 0; change < 4; change++) {
      random = random * 1664525 + 1013904223;
      text[(random >> 8) % (sizeof text - 1)] = (char)(random >> 24);
    }
    assert_int_equal(oa_config_init(&config), OA_OK);
    oa_config_read_yaml(&config, "t.yaml", text, sizeof text - 1, NULL);
    oa_config_reset(&config);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      WITH(mistakes_in_the_file_have_line_and_column),
      cmocka_unit_test(an_empty_file_changes_nothing),
      WITH(a_second_file_is_refused),
      WITH(a_failed_file_leaves_no_trace),
      WITH(references_are_replaced),
      WITH(references_that_lead_nowhere_are_refused),
      cmocka_unit_test(hostile_files_are_refused_soon),
      WITH(a_huge_file_is_refused),
      WITH(files_that_cannot_be_read_are_named),
      WITH(a_long_key_is_shown_shortened_and_clean),
      cmocka_unit_test(random_bytes_never_hurt),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
