/* SPDX-License-Identifier: Apache-2.0 */
/* The configuration from one struct: what is wrong changes nothing, and structs
 * of other versions are taken as far as they go. */
#include "options_trial.h"

/* --- what is wrong --- */

/* OPTIONS with right values beside what is in them: these are not set. */
static void expect_all_refused(oa_options options, const char *text) {
  options.size = sizeof options;
  options.limits_connections = 7;
  options.dashboard_bind_address = "::1";
  expect_refused(&options, text);
}

static void a_bad_value_is_refused_as_the_key_refuses_it(void **state) {
  (void)state;
  const struct {
    oa_options options;
    const char *key;
    const char *value;
  } all[] = {
      {{.write_interval_ms = 3600001}, "write_interval_secs", "3600001ms"},
      {{.write_interval_ms = OA_FOREVER},
       "write_interval_secs",
       "18446744073709551615ms"},
      {{.trace_cleanup_interval_ms = 59999},
       "trace_cleanup_interval_secs",
       "59999ms"},
      {{.trace_cleanup_interval_ms = OA_NO_WAIT},
       "trace_cleanup_interval_secs",
       "18446744073709551614ms"},
      {{.memory_limit = 1}, "memory_limit", "1"},
      {{.storage_batch_rows = OA_NO_LIMIT},
       "storage.batch_rows",
       "18446744073709551615"},
      {{.output_dir = ""}, "output_dir", ""},
      {{.bind_address = "here"}, "bind_address", "here"},
      {{.protocols_protobuf_port = 65536}, "protocols.protobuf_port", "65536"},
      {{.dashboard_port = -2}, "dashboard.port", "-2"},
      {{.net_io_threads = -2}, "net.io_threads", "-2"},
      {{.storage_compression_level = 20}, "storage.compression_level", "20"},
      {{.storage_file_extension = "Not This"},
       "storage.file_extension",
       "Not This"},
      {{.protocols_authentication_credentials_token = "line\nbreak"},
       "protocols.authentication.credentials.token",
       "line\nbreak"},
  };
  for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
    oa_config *config = make_config();
    oa_error error = {0};
    assert_int_equal(oa_config_set(config, all[i].key, all[i].value, &error),
                     OA_ERR_CONFIG);
    assert_ptr_equal(strstr(error.text, all[i].key), error.text);
    expect_all_refused(all[i].options, error.text);
    oa_config_free(config);
  }
}

static void a_number_that_its_enum_does_not_have_is_refused(void **state) {
  (void)state;
  expect_all_refused((oa_options){.ack = (oa_option_ack)4},
                     "ack: 4 is no value of its enum");
  expect_all_refused((oa_options){.ack = (oa_option_ack)-1},
                     "ack: -1 is no value of its enum");
  expect_all_refused((oa_options){.storage_merge = (oa_switch)3},
                     "storage.merge: 3 is no value of its enum");
  expect_all_refused((oa_options){.log_format = (oa_option_log_format)INT_MIN},
                     "log.format: -2147483648 is no value of its enum");
}

static void a_missing_parameter_is_refused(void **state) {
  (void)state;
  oa_config *config = make_config();
  const oa_options options = {.size = sizeof options};
  assert_int_equal(oa_config_set_options(NULL, &options, NULL), OA_ERR_CONFIG);
  assert_int_equal(oa_config_set_options(config, NULL, NULL), OA_ERR_CONFIG);
  oa_config_free(config);
}

/* --- versions of the struct --- */

static void a_shorter_struct_of_an_older_program_works(void **state) {
  (void)state;
  for (size_t size = 2 * sizeof(size_t); size <= sizeof(oa_options);
       size += sizeof(size_t)) {
    /* What lies behind the old struct in the program's memory. */
    oa_options options;
    memset(&options, 0xA5, sizeof options);
    memset(&options, 0, size);
    options.size = size;
    options.output_dir = "old";
    oa_config *config = make_config();
    oa_config *control = make_config();
    assert_int_equal(oa_config_set_options(config, &options, NULL), OA_OK);
    assert_int_equal(oa_config_set(control, "output_dir", "old", NULL), OA_OK);
    expect_same(config, control);
    oa_config_free(config);
    oa_config_free(control);
  }
}

typedef struct newer {
  oa_options options;
  uint64_t more[3];
} newer;

static void a_longer_struct_works_while_nothing_new_is_set(void **state) {
  (void)state;
  newer given = {.options = {.size = sizeof given, .output_dir = "new"}};
  oa_config *config = make_config();
  assert_int_equal(oa_config_set_options(config, &given.options, NULL), OA_OK);
  assert_string_equal(config->output_dir, "new");
  oa_config_free(config);

  char text[OA_ERROR_TEXT_SIZE];
  snprintf(text, sizeof text,
           "options has a value at byte %zu, which this version of the "
           "library does not know",
           offsetof(newer, more[2]));
  given.more[2] = 1;
  expect_refused(&given.options, text);
}

static void a_size_that_no_version_has_is_refused(void **state) {
  (void)state;
  static const size_t bad[] = {0,
                               1,
                               sizeof(size_t),
                               2 * sizeof(size_t) + 1,
                               SIZE_MAX,
                               SIZE_MAX - 7,
                               sizeof(oa_options) - 1,
                               sizeof(oa_options) + 4,
                               (size_t)-64,
                               OA_OPTIONS_MAX_SIZE + 8};
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    const oa_options options = {.size = bad[i], .output_dir = "x"};
    char text[OA_ERROR_TEXT_SIZE];
    snprintf(text, sizeof text, "options.size is %zu, not sizeof(oa_options)",
             bad[i]);
    expect_refused(&options, text);
  }
}

/* --- memory --- */

static void without_memory_nothing_is_set(void **state) {
  (void)state;
  oa_options options = {.size = sizeof options};
  oa_config *before = make_config();
  oa_config *config = make_config();
  oa_status status = OA_ERR_NOMEM;
  int64_t n = 0;
  char text[64];
  for (size_t i = 0; i < oa_option_count; i++) {
    put_some(&options, &oa_option_table[i], text);
  }
  for (; status != OA_OK; n++) {
    oa_error error = {0};
    oa_mem_fail_after(n);
    status = oa_config_set_options(config, &options, &error);
    oa_mem_fail_after(-1);
    if (status != OA_OK) {
      assert_int_equal(status, OA_ERR_NOMEM);
      assert_true(error.text[0] != '\0');
      expect_same(config, before);
    }
  }
  assert_true(n > 20);
  assert_int_equal(count_differences(config, before), oa_option_count);
  oa_config_free(before);
  oa_config_free(config);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_bad_value_is_refused_as_the_key_refuses_it),
      cmocka_unit_test(a_number_that_its_enum_does_not_have_is_refused),
      cmocka_unit_test(a_missing_parameter_is_refused),
      cmocka_unit_test(a_shorter_struct_of_an_older_program_works),
      cmocka_unit_test(a_longer_struct_works_while_nothing_new_is_set),
      cmocka_unit_test(a_size_that_no_version_has_is_refused),
      cmocka_unit_test(without_memory_nothing_is_set),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
