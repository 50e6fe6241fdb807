/* SPDX-License-Identifier: Apache-2.0 */
/* The table of keys, what of their values fits together, and how they are
 * printed. */
#include "config_trial.h"

/* --- the table --- */

static void every_row_of_the_table_is_sound(void **state) {
  (void)state;
  char env[OA_CONFIG_NAME_SIZE];
  char other[OA_CONFIG_NAME_SIZE];
  assert_true(oa_config_key_count > 50);
  for (size_t i = 0; i < oa_config_key_count; i++) {
    const oa_config_key *key = &oa_config_keys[i];
    oa_config_value value;
    oa_config_key_env(key, env);
    assert_true(strlen(env) + 1 < OA_CONFIG_NAME_SIZE);
    assert_int_equal(oa_config_value_parse(key, key->def, &value, NULL), OA_OK);
    assert_true(strlen(key->help) > 0);
    assert_true((key->state == OA_KEY_READY) == (key->feature == NULL));
    assert_false(oa_config_is_section(key->path, strlen(key->path)));
    for (size_t j = 0; j < i; j++) {
      oa_config_key_env(&oa_config_keys[j], other);
      assert_string_not_equal(env, other);
      assert_string_not_equal(key->path, oa_config_keys[j].path);
    }
  }
}

static void variables_have_the_documented_names(void **state) {
  static const char *const names[][2] = {
      {"output_dir", "OTLP_OUTPUT_DIR"},
      {"write_interval_secs", "OTLP_WRITE_INTERVAL_SECS"},
      {"protocols.protobuf_enabled", "OTLP_PROTOBUF_ENABLED"},
      {"protocols.protobuf_port", "OTLP_PROTOBUF_PORT"},
      {"protocols.arrow_flight_enabled", "OTLP_ARROW_FLIGHT_ENABLED"},
      {"protocols.arrow_flight_port", "OTLP_ARROW_FLIGHT_PORT"},
      {"storage.compression", "OTLP_STORAGE_COMPRESSION"},
      {"dashboard.static_dir", "OTLP_DASHBOARD_STATIC_DIR"},
      {"forwarding.authentication.credentials.key",
       "OTLP_FORWARDING_AUTHENTICATION_CREDENTIALS_KEY"},
      {"log.level", "OTLP_LOG_LEVEL"},
  };
  (void)state;
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
    char env[OA_CONFIG_NAME_SIZE];
    const oa_config_key *key =
        oa_config_key_find(names[i][0], strlen(names[i][0]));
    assert_non_null(key);
    oa_config_key_env(key, env);
    assert_string_equal(env, names[i][1]);
  }
}

static void defaults_are_the_documented_ones(void **state) {
  const oa_config *config = *state;
  assert_string_equal(config->output_dir, "./output_dir");
  assert_true(config->write_interval_ns == 5 * SECOND);
  assert_true(config->trace_retention_ns == 86400 * SECOND);
  assert_true(config->metric_retention_ns == 86400 * SECOND);
  assert_true(config->log_retention_ns == 86400 * SECOND);
  assert_int_equal(config->max_trace_rows, 262144);
  assert_int_equal(config->ack, OA_ACK_MEMORY);
  assert_int_equal(config->memory_limit, 256 << 20);
  assert_string_equal(config->bind_address, "127.0.0.1");
  assert_true(config->protobuf_enabled && config->arrow_flight_enabled);
  assert_int_equal(config->protobuf_port, 4317);
  assert_int_equal(config->arrow_flight_port, 4318);
  assert_int_equal(config->max_request_size, 64 << 20);
  assert_int_equal(config->batch_rows, 32768);
  assert_int_equal(config->compression, OA_COMPRESSION_ZSTD);
  assert_int_equal(config->max_file_size, 128 << 20);
  assert_true(config->max_file_age_ns == 3600 * SECOND);
  assert_string_equal(config->file_extension, "arrow");
  assert_int_equal(config->dashboard_port, 8080);
  assert_true(config->shutdown_timeout_ns == 10 * SECOND);
  assert_int_equal(oa_config_verify(config, NULL), OA_OK);
}

/* --- values that do not fit together --- */

static void values_that_do_not_fit_together_are_refused(void **state) {
  static const mistake mistakes[] = {
      {"protocols: {protobuf_enabled: false, arrow_flight_enabled: false}",
       "t.yaml:1:31: protocols.protobuf_enabled: one of this and "
       "protocols.arrow_flight_enabled must be true"},
      {"protocols:\n  arrow_flight_port: 4317\n",
       "t.yaml:2:22: protocols.arrow_flight_port: is the same as "
       "protocols.protobuf_port"},
      {"dashboard: {port: 4317}",
       "t.yaml:1:19: dashboard.port: is the same as protocols.protobuf_port"},
      {"dashboard: {port: 4318}",
       "t.yaml:1:19: dashboard.port: is the same as "
       "protocols.arrow_flight_port"},
      {"memory_limit: 32MiB",
       "protocols.max_request_size: is more than memory_limit, which is 32MiB: "
       "no such request would ever fit; change one of them"},
      {"storage: {compression: none, compression_level: 3}",
       "t.yaml:1:49: storage.compression_level: means nothing with "
       "storage.compression none; remove it"},
      {"storage: {compression: lz4, compression_level: 13}",
       "t.yaml:1:48: storage.compression_level: lz4 has 1 to 12"},
      {"storage: {max_total_size: 1MiB}",
       "t.yaml:1:27: storage.max_total_size: is less than "
       "storage.max_file_size, which is 128MiB: lower that too"},
  };
  (void)state;
  for (size_t i = 0; i < sizeof mistakes / sizeof mistakes[0]; i++) {
    oa_config config;
    oa_error error = {0};
    assert_int_equal(oa_config_init(&config), OA_OK);
    assert_int_equal(read_text(&config, mistakes[i].input, &error), OA_OK);
    assert_int_equal(oa_config_verify(&config, &error), OA_ERR_CONFIG);
    assert_string_equal(error.text, mistakes[i].text);
    oa_config_reset(&config);
  }
}

static void ports_may_be_equal_where_that_is_no_conflict(void **state) {
  static const char *const texts[] = {
      "protocols: {protobuf_port: 0, arrow_flight_port: 0}\n"
      "dashboard: {port: 0}",
      "protocols: {protobuf_port: 5, arrow_flight_port: 5, "
      "arrow_flight_enabled: false}",
      "protocols: {protobuf_enabled: false}\ndashboard: {port: 4317}",
      "dashboard: {port: 4317, bind_address: 127.0.0.2}",
  };
  (void)state;
  for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
    oa_config config;
    assert_int_equal(oa_config_init(&config), OA_OK);
    assert_int_equal(read_text(&config, texts[i], NULL), OA_OK);
    assert_int_equal(oa_config_verify(&config, NULL), OA_OK);
    oa_config_reset(&config);
  }
}

/* --- printing --- */

static void what_is_printed_reads_back_the_same(void **state) {
  oa_config *config = *state;
  oa_config again;
  for (size_t i = 0; i < oa_config_key_count; i++) {
    const oa_config_key *key = &oa_config_keys[i];
    if (key->state == OA_KEY_READY) {
      assert_int_equal(
          oa_config_assign(config, key->path, other_value(key), NULL), OA_OK);
    }
  }
  assert_int_equal(
      oa_config_assign(config, "write_interval_secs", "0.0015", NULL), OA_OK);
  char *text = print_all(config);
  assert_int_equal(oa_config_init(&again), OA_OK);
  oa_error error = {0};
  if (read_text(&again, text, &error) != OA_OK) {
    fail_msg("%s", error.text);
  }
  for (size_t i = 0; i < oa_config_key_count; i++) {
    const oa_config_key *key = &oa_config_keys[i];
    if (key->state == OA_KEY_ABSENT) {
      continue;
    }
    const char *a = (const char *)config + key->offset;
    const char *b = (const char *)&again + key->offset;
    if (oa_config_kind_is_text(key->kind)) {
      const char *left;
      const char *right;
      memcpy(&left, a, sizeof left);
      memcpy(&right, b, sizeof right);
      assert_string_equal(key->secret ? "********" : left, right);
    } else {
      const size_t size =
          key->kind == OA_KIND_BOOL ? sizeof(bool) : sizeof(uint64_t);
      assert_memory_equal(a, b, size);
    }
  }
  oa_free(text);
  oa_config_reset(&again);
}

static void each_value_is_printed_with_its_origin(void **state) {
  oa_config *config = *state;
  assert_int_equal(
      read_text(config, "log:\n  level: warn\nack: memory\n", NULL), OA_OK);
  assert_int_equal(read_one(config, "OTLP_OUTPUT_DIR=/data", NULL), OA_OK);
  assert_int_equal(oa_config_assign(config, "net.io_threads", "2", NULL),
                   OA_OK);
  char *text = print_all(config);
  assert_non_null(strstr(text, "\n  level: warn  # t.yaml:2:10\n"));
  assert_non_null(strstr(text, "output_dir: \"/data\"  # OTLP_OUTPUT_DIR\n"));
  assert_non_null(strstr(text, "net:\n  io_threads: 2  # --set\n"));
  assert_non_null(strstr(text, "\n  port: 8080  # default\n"));
  assert_non_null(strstr(text, "trace_cleanup_interval_secs: 24h  # default"));
  assert_non_null(strstr(text, "\n    max_elapsed_time: 0  # default\n"));
  assert_null(strstr(text, "endpoint_url"));
  oa_free(text);
}

static void every_key_is_described(void **state) {
  oa_buf out = {0};
  (void)state;
  assert_int_equal(oa_config_print_keys(&out), OA_OK);
  assert_int_equal(oa_buf_put_byte(&out, 0), OA_OK);
  for (size_t i = 0; i < oa_config_key_count; i++) {
    char head[2 * OA_CONFIG_NAME_SIZE];
    char env[OA_CONFIG_NAME_SIZE];
    oa_config_key_env(&oa_config_keys[i], env);
    snprintf(head, sizeof head, "%s (%s)\n", oa_config_keys[i].path, env);
    assert_non_null(strstr((char *)out.data, head));
  }
  oa_buf_free(&out);
}

/* --- memory --- */

static oa_status do_everything(void) {
  static const char text[] =
      "output_dir: ${env:PATH}\nlog: {level: warn}\nbind_address: '::1'\n";
  oa_config config;
  oa_config copy;
  oa_buf out = {0};
  OA_TRY(oa_config_init(&config));
  oa_status status = read_text(&config, text, NULL);
  if (status == OA_OK) {
    status = read_one(&config, "OTLP_STORAGE_FILE_EXTENSION=arrows", NULL);
  }
  if (status == OA_OK) {
    status = oa_config_assign(&config, "output_dir", "/x", NULL);
  }
  if (status == OA_OK) {
    status = oa_config_print_yaml(&config, &out);
  }
  if (status == OA_OK) {
    status = oa_config_print_keys(&out);
  }
  if (status == OA_OK) {
    status = oa_config_copy(&copy, &config);
    if (status == OA_OK) {
      oa_config_reset(&copy);
    }
  }
  if (status == OA_OK) {
    /* The text of a refusal is built in memory as well. */
    status = oa_config_assign(&config, "ack", "x", NULL);
    status = status == OA_ERR_CONFIG ? OA_OK : status;
  }
  oa_buf_free(&out);
  oa_config_reset(&config);
  return status;
}

static void any_allocation_may_fail(void **state) {
  int64_t n = 0;
  (void)state;
  for (;; n++) {
    oa_mem_fail_after(n);
    const oa_status status = do_everything();
    oa_mem_fail_after(-1);
    if (status == OA_OK) {
      break;
    }
    assert_int_equal(status, OA_ERR_NOMEM);
  }
  assert_true(n > 10);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_row_of_the_table_is_sound),
      cmocka_unit_test(variables_have_the_documented_names),
      WITH(defaults_are_the_documented_ones),
      cmocka_unit_test(values_that_do_not_fit_together_are_refused),
      cmocka_unit_test(ports_may_be_equal_where_that_is_no_conflict),
      WITH(what_is_printed_reads_back_the_same),
      WITH(each_value_is_printed_with_its_origin),
      cmocka_unit_test(every_key_is_described),
      cmocka_unit_test(any_allocation_may_fail),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
