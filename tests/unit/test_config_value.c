/* SPDX-License-Identifier: Apache-2.0 */
#include "config_trial.h"

/* --- values --- */

static void durations_and_sizes_are_read_exactly(void **state) {
  static const struct {
    const char *text;
    uint64_t value;
  } durations[] =
      {
          {"5", 5 * SECOND},     {"0.5", SECOND / 2},
          {"1.25s", 1250000000}, {"500ms", SECOND / 2},
          {"5s", 5 * SECOND},    {"10m", 600 * SECOND},
          {"1h", 3600 * SECOND}, {"0.5h", 1800 * SECOND},
          {"1.500ms", 1500000},  {"3600", 3600 * SECOND},
          {"0.001", 1000000},
      },
    sizes[] = {
        {"16777216", 16777216}, {"64MiB", 64 << 20},     {"1GiB", 1 << 30},
        {"1.5GiB", 3 << 29},    {"20000KiB", 20480000},  {"64MB", 64000000},
        {"1gb", 1000000000},    {"20000000B", 20000000},
    };
  oa_config *config = *state;
  for (size_t i = 0; i < sizeof durations / sizeof durations[0]; i++) {
    assert_int_equal(oa_config_assign(config, "write_interval_secs",
                                      durations[i].text, NULL),
                     OA_OK);
    assert_true(config->write_interval_ns == durations[i].value);
  }
  for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
    assert_int_equal(
        oa_config_assign(config, "memory_limit", sizes[i].text, NULL), OA_OK);
    assert_true(config->memory_limit == sizes[i].value);
  }
}

static void bad_values_are_refused_with_what_is_allowed(void **state) {
  static const char *const cases[][3] = {
      {"protocols.protobuf_port", "65536",
       "\"65536\" is not a port from 0 to 65535"},
      {"protocols.protobuf_port", "-1", "\"-1\" is not a port"},
      {"protocols.protobuf_port", "4317 ", "\"4317 \" is not a port"},
      {"protocols.protobuf_port", "0x10", "is not a port"},
      {"protocols.protobuf_port", "1e3", "is not a port"},
      {"protocols.protobuf_port", "1.5", "is not a port"},
      {"protocols.protobuf_port", "99999999999999999999999", "is not a port"},
      {"protocols.protobuf_enabled", "maybe", "\"maybe\" is not true or false"},
      {"write_interval_secs", "0", "from 1ms to 1h"},
      {"write_interval_secs", "3601", "from 1ms to 1h"},
      {"write_interval_secs", "5x", "is not a duration"},
      {"write_interval_secs", "", "\"\" is not a duration"},
      {"write_interval_secs", ".", "is not a duration"},
      {"write_interval_secs", "5.", "is not a duration"},
      {"write_interval_secs", "NaN", "is not a duration"},
      {"write_interval_secs", "inf", "is not a duration"},
      {"write_interval_secs", "0.0000000001", "is not a duration"},
      {"write_interval_secs", "18446744073709551615h", "is not a duration"},
      {"trace_cleanup_interval_secs", "59", "is not 0 or a duration"},
      {"memory_limit", "1KiB",
       "is not a size (bytes, 64KiB, 64MiB, 1GiB) of 16MiB or more"},
      {"memory_limit", "18446744073709551615GiB", "is not a size"},
      {"max_trace_buffer_size", "0", "a number from 1 to 16777216"},
      {"storage.compression", "gzip", "\"gzip\" is not none, lz4 or zstd"},
      {"storage.file_extension", "../x", "a word of at most 16"},
      {"storage.file_extension", "Arrow", "a word of at most 16"},
      {"storage.file_extension", "abcdefghijklmnopq", "a word of at most 16"},
      {"bind_address", "localhost",
       "\"localhost\" is not an IP address; write 127.0.0.1"},
      {"bind_address", "1.2.3", "is not an IP address"},
      {"bind_address", "", "is not an IP address"},
      {"log.level", "verbose", "is not debug, info, warn or error"},
      {"output_dir", "a\nb", "\"a?b\" is not a text"},
      {"output_dir", "a\xff", "\"a?\" is not a text"},
      {"ack", "never", "\"never\" is not memory, write or fsync"},
      {"protocols", "x", "protocols: is a section, not a key"},
      {"protocols.protobuf_prot", "1",
       "protocols.protobuf_prot: unknown key; did you mean "
       "protocols.protobuf_port?"},
      {"nothing_like_it_at_all", "1", "nothing_like_it_at_all: unknown key"},
      {"", "1", ": unknown key"},
  };
  oa_config *config = *state;
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    oa_error error = {0};
    assert_int_equal(oa_config_assign(config, cases[i][0], cases[i][1], &error),
                     OA_ERR_CONFIG);
    assert_int_equal(error.code, OA_ERR_CONFIG);
    if (strstr(error.text, cases[i][2]) == NULL) {
      fail_msg("\"%s\" lacks \"%s\"", error.text, cases[i][2]);
    }
  }
  char *after = print_all(config);
  assert_null(strstr(after, "--set"));
  oa_free(after);
}

static void of_a_long_path_the_end_is_shown(void **state) {
  (void)state;
  char path[400];
  char shown[OA_SHOWN_PATH_SIZE];
  oa_config_show_path("etc/plain.yaml", shown);
  assert_string_equal(shown, "etc/plain.yaml");
  oa_config_show_path("", shown);
  assert_string_equal(shown, "");
  oa_config_show_path("a\nb\x1b\xff.yaml", shown);
  assert_string_equal(shown, "a?b??.yaml");

  const char *end = "/rest/of/path.yaml";
  for (size_t len = 100; len + strlen(end) < sizeof path; len++) {
    memset(path, 'd', len);
    memcpy(path + len, end, strlen(end) + 1);
    oa_config_show_path(path, shown);
    assert_true(strlen(shown) < OA_SHOWN_PATH_SIZE);
    assert_string_equal(shown + strlen(shown) - strlen(end), end);
    if (strlen(path) <= OA_SHOWN_PATH_SIZE - 4) {
      assert_string_equal(shown, path);
    } else {
      assert_memory_equal(shown, "...d", 4);
    }
  }

  /* Cut between characters, wherever they stand: nothing becomes a "?". */
  for (size_t shift = 0; shift < 3; shift++) {
    memset(path, 'x', shift);
    for (size_t i = 0; i < 90; i++) {
      memcpy(path + shift + 3 * i, "\xe2\x82\xac", 3);
    }
    path[shift + 270] = '\0';
    oa_config_show_path(path, shown);
    assert_memory_equal(shown, "...\xe2\x82\xac", 6);
    assert_null(strchr(shown, '?'));
  }
}

static void a_secret_is_never_shown(void **state) {
  static const char path[] = "forwarding.authentication.credentials.password";
  oa_error error = {0};
  char value[] = "hunter2\n";
  assert_int_equal(oa_config_assign(*state, path, value, &error),
                   OA_ERR_CONFIG);
  assert_null(strstr(error.text, "hunter2"));
  assert_non_null(strstr(error.text, "the value is not"));
  value[7] = '\0';
  assert_int_equal(oa_config_assign(*state, path, value, &error),
                   OA_ERR_CONFIG);
  assert_null(strstr(error.text, "hunter2"));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      WITH(durations_and_sizes_are_read_exactly),
      WITH(bad_values_are_refused_with_what_is_allowed),
      WITH(of_a_long_path_the_end_is_shown),
      WITH(a_secret_is_never_shown),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
