/* SPDX-License-Identifier: Apache-2.0 */
/* The configuration from one struct: each key has its field, and each field
 * sets its key and nothing else. */
#include "options_trial.h"

/* --- the table --- */

static void every_key_has_a_field(void **state) {
  (void)state;
  size_t usable = 0;
  for (size_t i = 0; i < oa_config_key_count; i++) {
    const oa_config_key *key = &oa_config_keys[i];
    const oa_option *option = option_of(key->path);
    if (key->state == OA_KEY_READY && option == NULL) {
      fail_msg("%s has no field in oa_options", key->path);
    }
    if (key->state != OA_KEY_READY && option != NULL) {
      fail_msg("%s is not in this version and has a field", key->path);
    }
    usable += key->state == OA_KEY_READY;
  }
  assert_int_equal(usable, oa_option_count);
}

static oa_option_kind kind_for(const oa_config_key *key) {
  switch (key->kind) {
    case OA_KIND_BOOL:
      return OA_OPTION_SWITCH;
    case OA_KIND_DURATION:
      return OA_OPTION_MS;
    case OA_KIND_CHOICE:
      return OA_OPTION_CHOICE;
    case OA_KIND_PORT:
      return OA_OPTION_INT;
    case OA_KIND_NUMBER:
    case OA_KIND_SIZE:
      return OA_OPTION_COUNT;
    default:
      return OA_OPTION_TEXT;
  }
}

static void fields_fit_their_keys(void **state) {
  (void)state;
  for (size_t i = 0; i < oa_option_count; i++) {
    const oa_option *option = &oa_option_table[i];
    const oa_config_key *key = key_of(option);
    if (option->kind != OA_OPTION_INT || key->kind != OA_KIND_NUMBER) {
      assert_int_equal(option->kind, kind_for(key));
    }
    /* 0 is not set: where a key takes it, there is another name for it. */
    const bool amount = key->kind > OA_KIND_BOOL && key->kind <= OA_KIND_PORT &&
                        key->kind != OA_KIND_CHOICE;
    assert_int_equal(option->has_zero, amount && (key->zero || key->min == 0));
  }
}

static int by_offset(const void *a, const void *b) {
  const oa_option *x = a;
  const oa_option *y = b;
  return x->offset < y->offset ? -1 : x->offset > y->offset;
}

/* A later version adds fields at the end: where this one has padding there, it
 * would read what nobody wrote. */
static void nothing_lies_behind_the_last_field(void **state) {
  (void)state;
  oa_option sorted[OA_CONFIG_MAX_KEYS];
  assert_true(oa_option_count <= OA_CONFIG_MAX_KEYS);
  memcpy(sorted, oa_option_table, oa_option_count * sizeof sorted[0]);
  qsort(sorted, oa_option_count, sizeof sorted[0], by_offset);
  size_t end = sizeof(size_t);
  for (size_t i = 0; i < oa_option_count; i++) {
    assert_in_range(sorted[i].offset, end, end + sizeof(int));
    end = sorted[i].offset + oa_option_width(sorted[i].kind);
  }
  assert_int_equal(end, sizeof(oa_options));
}

typedef struct named {
  const char *key;
  int value;
  const char *text;
} named;

static void enumerators_are_called_as_the_choices(void **state) {
  (void)state;
  static const named all[] = {
      {"ack", OA_OPTION_ACK_MEMORY, "memory"},
      {"ack", OA_OPTION_ACK_WRITE, "write"},
      {"ack", OA_OPTION_ACK_FSYNC, "fsync"},
      {"protocols.authentication.auth_type", OA_OPTION_AUTH_NONE, "none"},
      {"protocols.authentication.auth_type", OA_OPTION_AUTH_API_KEY, "api_key"},
      {"protocols.authentication.auth_type", OA_OPTION_AUTH_BEARER_TOKEN,
       "bearer_token"},
      {"protocols.authentication.auth_type", OA_OPTION_AUTH_BASIC, "basic"},
      {"storage.compression", OA_OPTION_COMPRESSION_NONE, "none"},
      {"storage.compression", OA_OPTION_COMPRESSION_LZ4, "lz4"},
      {"storage.compression", OA_OPTION_COMPRESSION_ZSTD, "zstd"},
      {"log.level", OA_OPTION_LOG_LEVEL_DEBUG, "debug"},
      {"log.level", OA_OPTION_LOG_LEVEL_INFO, "info"},
      {"log.level", OA_OPTION_LOG_LEVEL_WARN, "warn"},
      {"log.level", OA_OPTION_LOG_LEVEL_ERROR, "error"},
      {"log.format", OA_OPTION_LOG_FORMAT_TEXT, "text"},
      {"log.format", OA_OPTION_LOG_FORMAT_JSON, "json"},
  };
  size_t choices = 0;
  for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
    oa_options options = {.size = sizeof options};
    oa_config *config = make_config();
    oa_config *control = make_config();
    put(&options, option_of(all[i].key), all[i].value);
    assert_int_equal(oa_config_set_options(config, &options, NULL), OA_OK);
    assert_int_equal(oa_config_set(control, all[i].key, all[i].text, NULL),
                     OA_OK);
    expect_same(config, control);
    oa_config_free(config);
    oa_config_free(control);
  }
  for (size_t i = 0; i < oa_option_count; i++) {
    const oa_config_key *key = key_of(&oa_option_table[i]);
    for (size_t n = 0; key->choices != NULL && key->choices[n] != NULL; n++) {
      choices++;
    }
  }
  assert_int_equal(choices, sizeof all / sizeof all[0]); /* none left out */
}

/* --- setting --- */

static void a_field_set_alone_changes_its_key_alone(void **state) {
  (void)state;
  oa_config *before = make_config();
  for (size_t i = 0; i < oa_option_count; i++) {
    const oa_option *option = &oa_option_table[i];
    oa_options options = {.size = sizeof options};
    oa_config *config = make_config();
    oa_config *control = make_config();
    oa_error error = {0};
    char text[64];
    put_some(&options, option, text);
    if (oa_config_set_options(config, &options, &error) != OA_OK) {
      fail_msg("%s", error.text);
    }
    if (oa_config_set(control, option->key, text, &error) != OA_OK) {
      fail_msg("%s", error.text);
    }
    expect_same(config, control);
    assert_int_equal(count_differences(config, before), 1);
    oa_config_free(config);
    oa_config_free(control);
  }
  oa_config_free(before);
}

/* They are masked where the rest is printed. */
static void secrets_are_set_too(void **state) {
  (void)state;
  oa_config *config = make_config();
  const oa_options options = {
      .size = sizeof options,
      .protocols_authentication_credentials_key = "key",
      .protocols_authentication_credentials_token = "token",
      .protocols_authentication_credentials_password = "pass"};
  assert_int_equal(oa_config_set_options(config, &options, NULL), OA_OK);
  assert_string_equal(config->auth_key, "key");
  assert_string_equal(config->auth_token, "token");
  assert_string_equal(config->auth_password, "pass");
  oa_config_free(config);
}

static void constants_stand_for_0(void **state) {
  (void)state;
  size_t found = 0;
  for (size_t i = 0; i < oa_option_count; i++) {
    const oa_option *option = &oa_option_table[i];
    if (!option->has_zero) {
      continue;
    }
    oa_options options = {.size = sizeof options};
    oa_config *config = make_config();
    oa_config *control = make_config();
    put(&options, option, (int64_t)option->zero);
    assert_int_equal(oa_config_set_options(config, &options, NULL), OA_OK);
    assert_int_equal(oa_config_set(control, option->key, "0", NULL), OA_OK);
    expect_same(config, control);
    oa_config_free(config);
    oa_config_free(control);
    found++;
  }
  assert_true(found >= 10);
}

static void constants_mean_what_they_say(void **state) {
  (void)state;
  oa_config *config = make_config();
  const oa_options options = {.size = sizeof options,
                              .trace_cleanup_interval_ms = OA_FOREVER,
                              .shutdown_timeout_ms = OA_NO_WAIT,
                              .net_io_threads = OA_AUTO,
                              .limits_body_rate = OA_NO_LIMIT,
                              .protocols_protobuf_port = OA_ANY_PORT,
                              .dashboard_port = OA_ANY_PORT,
                              .storage_max_total_size = OA_NO_LIMIT,
                              .storage_compression_level = OA_AUTO};
  assert_int_equal(oa_config_set_options(config, &options, NULL), OA_OK);
  assert_int_equal(config->trace_retention_ns, 0);
  assert_int_equal(config->shutdown_timeout_ns, 0);
  assert_int_equal(config->io_threads, 0);
  assert_int_equal(config->min_body_rate, 0);
  assert_int_equal(config->protobuf_port, 0);
  assert_int_equal(config->dashboard_port, 0);
  assert_int_equal(config->max_total_size, 0);
  assert_int_equal(config->compression_level, 0);
  assert_int_equal(config->arrow_flight_port, 4318); /* not set */
  oa_config_free(config);
}

static void fields_of_0_leave_what_others_said(void **state) {
  (void)state;
  oa_config *config = make_config();
  oa_config *control = make_config();
  const oa_options options = {.size = sizeof options, .bind_address = "::1"};
  for (int i = 0; i < 2; i++) {
    oa_config *one = i == 0 ? config : control;
    assert_int_equal(oa_config_set(one, "ack", "fsync", NULL), OA_OK);
    assert_int_equal(oa_config_set(one, "protocols.tls.cert_file", "c", NULL),
                     OA_OK);
  }
  assert_int_equal(oa_config_set_options(config, &options, NULL), OA_OK);
  assert_int_equal(oa_config_set(control, "bind_address", "::1", NULL), OA_OK);
  expect_same(config, control);

  /* A text can be taken back, other than a field that is not set. */
  const oa_options back = {.size = sizeof back, .protocols_tls_cert_file = ""};
  assert_int_equal(oa_config_set_options(config, &back, NULL), OA_OK);
  assert_string_equal(config->tls_cert_file, "");
  oa_config_free(config);
  oa_config_free(control);
}

static void a_field_counts_more_than_the_file_whatever_the_order(void **state) {
  (void)state;
  static const char yaml[] = "write_interval_secs: 9\nack: fsync\n";
  oa_config *config = make_config();
  const oa_options options = {.size = sizeof options, .write_interval_ms = 250};
  assert_int_equal(oa_config_set_options(config, &options, NULL), OA_OK);
  assert_int_equal(
      oa_config_read_yaml(config, "t.yaml", yaml, sizeof yaml - 1, NULL),
      OA_OK);
  assert_int_equal(config->write_interval_ns, 250000000);
  assert_int_equal(config->ack, OA_ACK_FSYNC);
  oa_config_free(config);
}

static oa_status take_batch(void *context, oa_signal signal,
                            const struct ArrowSchema *schema,
                            const struct ArrowArray *batch, oa_error *error) {
  (void)context, (void)signal, (void)schema, (void)batch, (void)error;
  return OA_OK;
}

static oa_status decode_csv(void *context, oa_signal signal, const void *bytes,
                            size_t len, struct oa_builder *builder,
                            oa_error *error) {
  (void)context, (void)signal, (void)bytes, (void)len, (void)builder;
  (void)error;
  return OA_OK;
}

static void what_has_no_key_stays(void **state) {
  (void)state;
  const oa_sink sink = {.append = take_batch};
  const oa_codec codec = {.content_type = "text/csv", .decode = decode_csv};
  const oa_options options = {.size = sizeof options, .bind_address = "::1"};
  oa_config *config;
  assert_int_equal(oa_config_new_embedded(&config, NULL), OA_OK);
  assert_int_equal(oa_config_set_sink(config, &sink, NULL), OA_OK);
  assert_int_equal(oa_config_add_codec(config, &codec, NULL), OA_OK);
  assert_int_equal(oa_config_set_options(config, &options, NULL), OA_OK);
  assert_true(config->embedded);
  assert_ptr_equal(config->sink.append, take_batch);
  assert_int_equal(config->codecs.count, 1);
  assert_string_equal(config->codecs.types[0], "text/csv");
  assert_int_equal(oa_config_add_codec(config, &codec, NULL), OA_ERR_CONFIG);
  oa_config_free(config);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_key_has_a_field),
      cmocka_unit_test(fields_fit_their_keys),
      cmocka_unit_test(nothing_lies_behind_the_last_field),
      cmocka_unit_test(enumerators_are_called_as_the_choices),
      cmocka_unit_test(a_field_set_alone_changes_its_key_alone),
      cmocka_unit_test(secrets_are_set_too),
      cmocka_unit_test(constants_stand_for_0),
      cmocka_unit_test(constants_mean_what_they_say),
      cmocka_unit_test(fields_of_0_leave_what_others_said),
      cmocka_unit_test(a_field_counts_more_than_the_file_whatever_the_order),
      cmocka_unit_test(what_has_no_key_stays),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
