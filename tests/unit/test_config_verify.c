/* SPDX-License-Identifier: Apache-2.0 */
/* Values that are right alone and wrong together, and lists. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/mem.h"
#include "config/config.h"

typedef struct mistake {
  const char *yaml;
  const char *text;
} mistake;

static oa_status read_yaml(oa_config *config, const char *yaml,
                           oa_error *error) {
  assert_int_equal(oa_config_init(config), OA_OK);
  return oa_config_read_yaml(config, "t.yaml", yaml, strlen(yaml), error);
}

static void expect(const char *yaml, const char *text) {
  oa_config config;
  oa_error error = {0};
  if (read_yaml(&config, yaml, &error) != OA_OK) {
    fail_msg("%s", error.text);
  }
  const oa_status status = oa_config_verify(&config, &error);
  assert_string_equal(error.text, text);
  assert_int_equal(status, text[0] == '\0' ? OA_OK : OA_ERR_CONFIG);
  oa_config_reset(&config);
}

#define AUTH "protocols:\n  authentication:\n"

static void credentials_belong_to_their_type(void **state) {
  static const mistake mistakes[] = {
      {AUTH "    keys_file: k",
       "t.yaml:3:16: protocols.authentication.keys_file: means nothing with "
       "protocols.authentication.auth_type none; set that to api_key, "
       "bearer_token or basic"},
      {AUTH "    auth_type: bearer_token",
       "protocols.authentication.credentials.token: must be set, or "
       "protocols.authentication.keys_file"},
      {AUTH "    auth_type: api_key",
       "protocols.authentication.credentials.key: must be set, or "
       "protocols.authentication.keys_file"},
      {AUTH "    auth_type: basic",
       "protocols.authentication.credentials.username: must be set, or "
       "protocols.authentication.keys_file"},
      {AUTH "    auth_type: basic\n    credentials: {username: u}",
       "protocols.authentication.credentials.password: must be set: there is a "
       "username without a password"},
      {AUTH "    auth_type: basic\n    credentials: {password: hush}",
       "protocols.authentication.credentials.username: must be set: there is a "
       "password without a username"},
      {AUTH "    auth_type: basic\n"
            "    credentials: {username: 'a:b', password: hush}",
       "t.yaml:4:29: protocols.authentication.credentials.username: has a "
       "colon, which a user name of basic cannot have"},
      {AUTH "    credentials: {token: hush}",
       "t.yaml:3:26: protocols.authentication.credentials.token: means nothing "
       "with protocols.authentication.auth_type none; set that to "
       "bearer_token, or remove this"},
      {AUTH "    auth_type: api_key\n    credentials: {key: k, token: hush}",
       "t.yaml:4:34: protocols.authentication.credentials.token: means nothing "
       "with protocols.authentication.auth_type api_key; set that to "
       "bearer_token, or remove this"},
      {AUTH "    auth_type: api_key\n"
            "    credentials: {key: k, header_name: 'X Key'}",
       "t.yaml:4:40: protocols.authentication.credentials.header_name: is not "
       "the name of a header field; letters, digits and - make one"},
      {AUTH "    auth_type: api_key\n    credentials: {key: k}", ""},
      {AUTH "    auth_type: api_key\n    keys_file: k", ""},
      {AUTH "    auth_type: bearer_token\n    credentials: {token: hush}", ""},
      {AUTH "    auth_type: bearer_token\n    keys_file: k", ""},
      {AUTH "    auth_type: basic\n"
            "    credentials: {username: u, password: 'a:b'}",
       ""},
      {AUTH "    auth_type: basic\n    keys_file: k", ""},
  };
  (void)state;
  for (size_t i = 0; i < sizeof mistakes / sizeof mistakes[0]; i++) {
    expect(mistakes[i].yaml, mistakes[i].text);
    assert_null(strstr(mistakes[i].text, "hush"));
  }
}

static void a_program_has_one_way_to_know_its_senders(void **state) {
  static const char yaml[] =
      AUTH "    auth_type: api_key\n    credentials: {key: k}";
  oa_config config;
  oa_error error = {0};
  (void)state;
  assert_int_equal(read_yaml(&config, yaml, &error), OA_OK);
  config.authenticator.check =
      (int (*)(void *, const oa_sender *, const char **))(uintptr_t)1;
  assert_int_equal(oa_config_verify(&config, &error), OA_ERR_CONFIG);
  assert_string_equal(error.text,
                      "t.yaml:3:16: protocols.authentication.auth_type: means "
                      "nothing beside an authenticator of the program; remove "
                      "it");
  oa_config_reset(&config);
}

static void a_certificate_has_its_key(void **state) {
  static const mistake mistakes[] = {
      {"protocols: {tls: {cert_file: c}}",
       "t.yaml:1:30: protocols.tls.cert_file: needs protocols.tls.key_file, "
       "the private key that belongs to it"},
      {"protocols: {tls: {key_file: k}}",
       "t.yaml:1:29: protocols.tls.key_file: needs protocols.tls.cert_file, "
       "the certificate that belongs to it"},
      {"protocols: {tls: {client_ca_file: a}}",
       "t.yaml:1:35: protocols.tls.client_ca_file: needs "
       "protocols.tls.cert_file and protocols.tls.key_file: only under TLS "
       "senders show certificates"},
      {"protocols: {tls: {cert_file: c, key_file: k, client_ca_file: a}}", ""},
  };
  (void)state;
  for (size_t i = 0; i < sizeof mistakes / sizeof mistakes[0]; i++) {
    expect(mistakes[i].yaml, mistakes[i].text);
  }
}

#define CORS "protocols:\n  cors_allowed_origins: "
#define NO_ORIGIN                                                          \
  "\" is not an origin; write https://host or https://host:port, without " \
  "a path"

static void an_origin_is_one(void **state) {
  static const mistake mistakes[] = {
      {CORS "[]", ""},
      {CORS "['*']", ""},
      {CORS "[https://shop.example, 'http://localhost:3000']", ""},
      {CORS "https://a.example,https://*.b.example", ""},
      {CORS "[shop.example]",
       "t.yaml:2:25: protocols.cors_allowed_origins: \"shop.example" NO_ORIGIN},
      {CORS "['https://a.example', 'https://b.example/']",
       "t.yaml:2:25: protocols.cors_allowed_origins: "
       "\"https://b.example/" NO_ORIGIN},
      {CORS "['https://']",
       "t.yaml:2:25: protocols.cors_allowed_origins: \"https://" NO_ORIGIN},
      {CORS "['https://*.*']",
       "t.yaml:2:25: protocols.cors_allowed_origins: \"https://*.*" NO_ORIGIN},
  };
  (void)state;
  for (size_t i = 0; i < sizeof mistakes / sizeof mistakes[0]; i++) {
    expect(mistakes[i].yaml, mistakes[i].text);
  }
}

/* --- lists --- */

static void a_list_is_written_in_many_ways(void **state) {
  static const char *const ways[] = {CORS "[https://a, 'https://b:1']",
                                     CORS "\n  - https://a\n  - https://b:1",
                                     CORS "'https://a,https://b:1'",
                                     CORS "' https://a , https://b:1 ,'"};
  static const char *const items[] = {"https://a", "https://b:1"};
  (void)state;
  for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++) {
    oa_config config;
    oa_error error = {0};
    const char *item;
    size_t len;
    size_t count = 0;
    if (read_yaml(&config, ways[i], &error) != OA_OK) {
      fail_msg("%s", error.text);
    }
    const char *list = config.cors_allowed_origins;
    for (; oa_config_list_next(&list, &item, &len); count++) {
      assert_int_equal(len, strlen(items[count]));
      assert_memory_equal(item, items[count], len);
    }
    assert_int_equal(count, 2);

    oa_buf printed = {0};
    assert_int_equal(oa_config_print_yaml(&config, &printed), OA_OK);
    assert_int_equal(oa_buf_put_byte(&printed, 0), OA_OK);
    assert_non_null(strstr((const char *)printed.data,
                           "cors_allowed_origins: [\"https://a\", "
                           "\"https://b:1\"]  # t.yaml:"));
    oa_buf_free(&printed);
    oa_config_reset(&config);
  }
}

static void a_bad_list_is_refused_at_its_place(void **state) {
  static const mistake mistakes[] = {
      {CORS "[a, [b]]",
       "t.yaml:2:29: protocols.cors_allowed_origins: a list holds texts and "
       "nothing else"},
      {CORS "[a, {b: c}]",
       "t.yaml:2:29: protocols.cors_allowed_origins: a list holds texts and "
       "nothing else"},
      {CORS "['a,b']",
       "t.yaml:2:26: protocols.cors_allowed_origins: an item of a list is not "
       "empty and has no comma"},
      {CORS "['']",
       "t.yaml:2:26: protocols.cors_allowed_origins: an item of a list is not "
       "empty and has no comma"},
      {CORS "['${env:OA_NO_SUCH}']",
       "t.yaml:2:26: protocols.cors_allowed_origins: ${env:OA_NO_SUCH}: no "
       "such environment variable"},
      {CORS "[a", "t.yaml:3:1: is not YAML: did not find expected ',' or ']'"},
      {"output_dir: [a]",
       "t.yaml:1:13: output_dir: takes one value, not a list"},
      {"protocols: [a]",
       "t.yaml:1:12: protocols: is a section and takes keys, not a list"},
  };
  (void)state;
  for (size_t i = 0; i < sizeof mistakes / sizeof mistakes[0]; i++) {
    oa_config config;
    oa_error error = {0};
    const oa_status status = read_yaml(&config, mistakes[i].yaml, &error);
    assert_string_equal(error.text, mistakes[i].text);
    assert_int_equal(status, OA_ERR_CONFIG);
    oa_config_reset(&config);
  }
}

static void a_list_has_a_bound(void **state) {
  enum { ITEMS = 40000 };
  (void)state;
  oa_buf yaml = {0};
  oa_config config;
  oa_error error = {0};
  assert_int_equal(oa_buf_printf(&yaml, CORS "["), OA_OK);
  for (int i = 0; i < ITEMS; i++) {
    assert_int_equal(oa_buf_printf(&yaml, "a, "), OA_OK);
  }
  assert_int_equal(oa_buf_put(&yaml, "]", 2), OA_OK);
  assert_int_equal(read_yaml(&config, (const char *)yaml.data, &error),
                   OA_ERR_CONFIG);
  assert_non_null(strstr(error.text, "the list is too long"));
  oa_config_reset(&config);
  oa_buf_free(&yaml);
}

static void secrets_are_never_printed(void **state) {
  static const char yaml[] =
      AUTH "    credentials: {key: hush1, token: hush2, password: hush3}";
  (void)state;
  oa_config config;
  oa_buf printed = {0};
  assert_int_equal(read_yaml(&config, yaml, NULL), OA_OK);
  assert_int_equal(oa_config_print_yaml(&config, &printed), OA_OK);
  assert_int_equal(oa_buf_put_byte(&printed, 0), OA_OK);
  assert_null(strstr((const char *)printed.data, "hush"));
  assert_non_null(
      strstr((const char *)printed.data, "token: \"********\"  # t.yaml:3"));
  oa_buf_free(&printed);
  oa_config_reset(&config);
}

static void what_is_sent_on_has_bounds_that_fit(void **state) {
#define BREAKER "forwarding:\n  circuit_breaker: "
#define RETRY "forwarding:\n  retry: "
  static const char *const wrong[] = {
      BREAKER "{failure_threshold: 0}",
      BREAKER "{success_threshold: 0}",
      BREAKER "{half_open_max_requests: 0}",
      BREAKER "{half_open_max_requests: 1000001}",
      BREAKER "{open_timeout: 0}",
      RETRY "{initial_interval: 0}",
      RETRY "{max_interval: 100us}",
      RETRY "{max_elapsed_time: never}",
  };
  (void)state;
  for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
    oa_config config;
    oa_error error = {0};
    assert_int_equal(read_yaml(&config, wrong[i], &error), OA_ERR_CONFIG);
    assert_non_null(strstr(error.text, "forwarding."));
    oa_config_reset(&config);
  }
  expect(RETRY "{initial_interval: 2m}",
         "t.yaml:2:29: forwarding.retry.initial_interval: is more than "
         "forwarding.retry.max_interval");
  expect(RETRY
         "{initial_interval: 30s, max_elapsed_time: 0}\n"
         "  circuit_breaker: {open_timeout: 1ms}",
         "");
}

static void any_allocation_may_fail(void **state) {
  static const char yaml[] = CORS "[https://a, https://b]\n";
  (void)state;
  oa_config config;
  int64_t n = 0;
  assert_int_equal(oa_config_init(&config), OA_OK);
  for (;; n++) {
    oa_mem_fail_after(n);
    const oa_status status =
        oa_config_read_yaml(&config, "t.yaml", yaml, sizeof yaml - 1, NULL);
    oa_mem_fail_after(-1);
    if (status == OA_OK) {
      break;
    }
    assert_int_equal(status, OA_ERR_NOMEM);
  }
  assert_true(n > 5);
  assert_string_equal(config.cors_allowed_origins, "https://a,https://b");
  oa_config_reset(&config);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(credentials_belong_to_their_type),
      cmocka_unit_test(a_program_has_one_way_to_know_its_senders),
      cmocka_unit_test(a_certificate_has_its_key),
      cmocka_unit_test(an_origin_is_one),
      cmocka_unit_test(a_list_is_written_in_many_ways),
      cmocka_unit_test(a_bad_list_is_refused_at_its_place),
      cmocka_unit_test(a_list_has_a_bound),
      cmocka_unit_test(secrets_are_never_printed),
      cmocka_unit_test(what_is_sent_on_has_bounds_that_fit),
      cmocka_unit_test(any_allocation_may_fail),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
