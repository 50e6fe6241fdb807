/* SPDX-License-Identifier: Apache-2.0 */
/* The configuration from one struct: each key has its field, each field sets
 * its key and nothing else, and what is wrong changes nothing. */
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

/* --- trial --- */

static oa_config *make_config(void) {
  oa_config *config;
  assert_int_equal(oa_config_new(&config, NULL), OA_OK);
  return config;
}

static oa_status collect(void *context, const char *text, size_t len) {
  return oa_buf_put(context, text, len);
}

/* What is printed of CONFIG; to be freed. */
static char *printed(const oa_config *config) {
  oa_buf text = {0};
  assert_int_equal(oa_config_print(config, collect, &text), OA_OK);
  assert_int_equal(oa_buf_put_byte(&text, '\0'), OA_OK);
  return (char *)text.data;
}

static void expect_same(const oa_config *a, const oa_config *b) {
  char *first = printed(a);
  char *second = printed(b);
  assert_string_equal(first, second);
  oa_free(first);
  oa_free(second);
}

/* The number of lines of A and B that differ; both have as many. */
static int count_differences(const oa_config *a, const oa_config *b) {
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

static const oa_config_key *key_of(const oa_option *option) {
  const oa_config_key *key =
      oa_config_key_find(option->key, strlen(option->key));
  assert_non_null(key);
  return key;
}

static const oa_option *option_of(const char *path) {
  const oa_option *found = NULL;
  for (size_t i = 0; i < oa_option_count; i++) {
    if (strcmp(oa_option_table[i].key, path) == 0) {
      assert_null(found);
      found = &oa_option_table[i];
    }
  }
  return found;
}

static void put(oa_options *options, const oa_option *option, int64_t value) {
  char *at = (char *)options + option->offset;
  const uint64_t wide = (uint64_t)value;
  const int narrow = (int)value;
  if (oa_option_width(option->kind) == sizeof wide) {
    memcpy(at, &wide, sizeof wide);
  } else {
    memcpy(at, &narrow, sizeof narrow);
  }
}

static void put_text(oa_options *options, const oa_option *option,
                     const char *text) {
  memcpy((char *)options + option->offset, &text, sizeof text);
}

/* Some text that KEY takes and that is not its default. */
static const char *some_text(const oa_config_key *key) {
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
static void put_some(oa_options *options, const oa_option *option,
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

static void expect_refused(const oa_options *options, const char *text) {
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
