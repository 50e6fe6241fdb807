/* SPDX-License-Identifier: Apache-2.0 */
/* Where values come from: the file, the environment and the program. */
#include "config_trial.h"

/* --- each key from each source --- */

typedef enum source { YAML, ENV, SET } source;

static void put_yaml(const char *path, const char *value, char *out,
                     size_t size) {
  char line[256] = "";
  const char *part = path;
  int depth = 0;
  for (const char *dot = strchr(path, '.'); dot != NULL;
       dot = strchr(dot + 1, '.')) {
    const size_t used = strlen(line);
    snprintf(line + used, sizeof line - used, "%*s%.*s:\n", 2 * depth, "",
             (int)(dot - part), part);
    part = dot + 1;
    depth++;
  }
  snprintf(out, size, "%s%*s%s: %s\n", line, 2 * depth, "", part, value);
}

static oa_status give(oa_config *config, const oa_config_key *key,
                      const char *value, source from, oa_error *error) {
  char text[1024];
  char name[OA_CONFIG_NAME_SIZE];
  if (from == SET) {
    return oa_config_assign(config, key->path, value, error);
  }
  if (from == ENV) {
    oa_config_key_env(key, name);
    snprintf(text, sizeof text, "%s=%s", name, value);
    return read_one(config, text, error);
  }
  char quoted[256];
  if (strpbrk(value, "\"$:") != NULL) {
    snprintf(quoted, sizeof quoted, "'%s'", value);
    char *dollar = strstr(quoted, "${");
    if (dollar != NULL) {
      memmove(dollar + 1, dollar, strlen(dollar) + 1);
    }
    value = quoted;
  }
  put_yaml(key->path, value, text, sizeof text);
  return read_text(config, text, error);
}

static void every_key_comes_from_every_source(void **state) {
  (void)state;
  for (size_t i = 0; i < oa_config_key_count; i++) {
    const oa_config_key *key = &oa_config_keys[i];
    char *lines[3];
    for (source from = YAML; from <= SET; from++) {
      oa_config config;
      oa_error error = {0};
      assert_int_equal(oa_config_init(&config), OA_OK);
      oa_status status = give(&config, key, other_value(key), from, &error);
      if (key->state != OA_KEY_READY) {
        assert_int_equal(status, OA_ERR_CONFIG);
        assert_non_null(strstr(error.text, key->path));
        assert_non_null(strstr(error.text, "not available in this version"));
        assert_non_null(strstr(error.text, "remove the key"));
        lines[from] = NULL;
      } else {
        if (status != OA_OK) {
          fail_msg("%s: %s", key->path, error.text);
        }
        lines[from] = print_all(&config);
        /* Without the origins, which differ. */
        for (char *at = lines[from]; (at = strstr(at, "  # ")) != NULL;) {
          char *end = strchr(at, '\n');
          memmove(at, end, strlen(end) + 1);
        }
        const oa_config_source sources[] = {
            OA_CONFIG_FILE, OA_CONFIG_ENVIRONMENT, OA_CONFIG_SET};
        assert_int_equal(config.origins[i].source, sources[from]);
      }
      oa_config_reset(&config);
    }
    if (lines[0] != NULL) {
      assert_string_equal(lines[0], lines[1]);
      assert_string_equal(lines[0], lines[2]);
      for (source from = YAML; from <= SET; from++) {
        oa_free(lines[from]);
      }
    }
  }
}

static void absent_features_may_be_given_their_defaults(void **state) {
  oa_config *config = *state;
  oa_error error = {0};
  const oa_status status = read_text(
      config,
      "ack: memory\n"
      "storage: {attributes_json: false, promote_attributes: []}\n"
      "protocols:\n"
      "  tls: {cert_file: , key_file: '', client_ca_file: ~}\n"
      "  authentication:\n"
      "forwarding:\n"
      "  enabled: false\n"
      "  endpoint_url: null\n"
      "  protocol: protobuf\n"
      "  circuit_breaker: {failure_threshold: 5, open_timeout: 30s}\n"
      "  retry: {max_elapsed_time: 0}\n"
      "  authentication: {auth_type: none, credentials: {header_name: "
      "X-API-Key}}\n"
      "dashboard: {static_dir: '', x_frame_options: DENY}\n",
      &error);
  assert_string_equal(error.text, "");
  assert_int_equal(status, OA_OK);
}

static void absent_features_are_refused_by_name(void **state) {
  static const mistake mistakes[] = {
      {"forwarding: {enabled: true}",
       "t.yaml:1:23: forwarding.enabled: forwarding is not available in this "
       "version; remove the key or set it to false"},
      {"forwarding:\n  authentication:\n    credentials:\n      token: hush",
       "t.yaml:4:14: forwarding.authentication.credentials.token: "
       "forwarding is not available in this version; remove the key"},
      {"storage: {promote_attributes: [a, b]}",
       "t.yaml:1:31: storage.promote_attributes: promoting attributes is not "
       "available in this version; remove the key"},
      {"dashboard: {x_frame_options: SAMEORIGIN}",
       "t.yaml:1:30: dashboard.x_frame_options: framing the dashboard is not "
       "available in this version; remove the key or set it to DENY"},
  };
  for (size_t i = 0; i < sizeof mistakes / sizeof mistakes[0]; i++) {
    expect_yaml_error(*state, &mistakes[i]);
  }
}

static void sources_have_ranks_in_any_order(void **state) {
  (void)state;
  for (int order = 0; order < 6; order++) {
    static const int orders[6][3] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2},
                                     {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
    oa_config config;
    assert_int_equal(oa_config_init(&config), OA_OK);
    for (int i = 0; i < 3; i++) {
      switch (orders[order][i]) {
        case 0:
          assert_int_equal(
              read_text(&config,
                        "memory_limit: 100MiB\nbind_address: 10.0.0.1\n"
                        "protocols: {protobuf_port: 1}\n",
                        NULL),
              OA_OK);
          break;
        case 1: {
          char port[] = "OTLP_PROTOBUF_PORT=2";
          char address[] = "OTLP_BIND_ADDRESS=10.0.0.2";
          char *environment[] = {port, address, NULL};
          assert_int_equal(oa_config_read_env(&config, environment, NULL),
                           OA_OK);
          break;
        }
        default:
          assert_int_equal(
              oa_config_assign(&config, "protocols.protobuf_port", "3", NULL),
              OA_OK);
      }
    }
    assert_int_equal(config.memory_limit, 100 << 20);
    assert_string_equal(config.bind_address, "10.0.0.2");
    assert_int_equal(config.protobuf_port, 3);
    oa_config_reset(&config);
  }
}

static void a_value_that_is_overruled_must_be_right_too(void **state) {
  oa_config *config = *state;
  const mistake m = {"output_dir: ''",
                     "t.yaml:1:13: output_dir: \"\" is not a text of 1 to 4096 "
                     "bytes (UTF-8, no control characters)"};
  assert_int_equal(oa_config_assign(config, "output_dir", "/x", NULL), OA_OK);
  expect_yaml_error(config, &m);
  assert_string_equal(config->output_dir, "/x");
}

/* --- the environment --- */

static void unknown_variables_are_refused_with_a_suggestion(void **state) {
  static const mistake mistakes[] = {
      {"OTLP_PROTOBUF_PROT=1",
       "OTLP_PROTOBUF_PROT: unknown environment variable; did you mean "
       "OTLP_PROTOBUF_PORT?"},
      {"OTLP_COMPRESSION=lz4",
       "OTLP_COMPRESSION: unknown environment variable; did you mean "
       "OTLP_STORAGE_COMPRESSION?"},
      {"OTLP_XQZ=1",
       "OTLP_XQZ: unknown environment variable; names that begin with OTLP_ "
       "are settings of this program, so unset it"},
      {"OTLP_PROTOBUF_PORT=abc",
       "OTLP_PROTOBUF_PORT: protocols.protobuf_port: \"abc\" is not a port "
       "from 0 to 65535"},
      {"OTLP_OUTPUT_DIR=",
       "OTLP_OUTPUT_DIR: output_dir: \"\" is not a text of 1 to 4096 bytes "
       "(UTF-8, no control characters)"},
      {"OTLP_=1",
       "OTLP_: unknown environment variable; names that begin with OTLP_ are "
       "settings of this program, so unset it"},
      {"OTLP_FORWARDING_ENABLED=true",
       "OTLP_FORWARDING_ENABLED: forwarding.enabled: forwarding is not "
       "available in this version; remove the key or set it to false"},
  };
  for (size_t i = 0; i < sizeof mistakes / sizeof mistakes[0]; i++) {
    oa_error error = {0};
    assert_int_equal(read_one(*state, mistakes[i].input, &error),
                     OA_ERR_CONFIG);
    assert_string_equal(error.text, mistakes[i].text);
  }
}

static void other_peoples_variables_are_left_alone(void **state) {
  static const char *const entries[] = {
      "OTEL_EXPORTER_OTLP_ENDPOINT=http://x",
      "PATH=/bin",
      "no equals sign",
      "OTLP_SERVICE_HOST=10.0.0.1",
      "OTLP_SERVICE_PORT=4317",
      "OTLP_SERVICE_PORT_GRPC=4317",
      "OTLP_PORT=tcp://10.0.0.1:4317",
      "OTLP_PORT_4317_TCP=tcp://10.0.0.1:4317",
      "OTLP_PORT_4317_TCP_ADDR=10.0.0.1",
      "OTLP_SINK_PORT_4317_UDP_PROTO=udp",
  };
  for (size_t i = 0; i < sizeof entries / sizeof entries[0]; i++) {
    oa_error error = {0};
    if (read_one(*state, entries[i], &error) != OA_OK) {
      fail_msg("%s", error.text);
    }
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_key_comes_from_every_source),
      WITH(absent_features_may_be_given_their_defaults),
      WITH(absent_features_are_refused_by_name),
      cmocka_unit_test(sources_have_ranks_in_any_order),
      WITH(a_value_that_is_overruled_must_be_right_too),
      WITH(unknown_variables_are_refused_with_a_suggestion),
      WITH(other_peoples_variables_are_left_alone),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
