/* SPDX-License-Identifier: Apache-2.0 */
/* A running service gets other keys and another configuration. */
#include <time.h>

#include "base/mem.h"
#include "service_trial.h"

static void keys_come_and_go_while_it_runs(void **state) {
  char path[128];
  oa_error error = {0};
  oa_config *config = listening_config(*state);
  snprintf(path, sizeof path, "%s/keys", (char *)*state);
  set(config, "protocols.authentication.auth_type", "bearer_token");
  set(config, "protocols.authentication.keys_file", path);
  assert_int_equal(oa_config_check(config, &error), OA_ERR_CONFIG);
  assert_non_null(strstr(error.text, path));
  write_file(path, "a: first\n");
  assert_int_equal(oa_config_check(config, NULL), OA_OK);
  oa_service *service = start(config);
  const uint16_t port = oa_service_port(service, OA_LISTENER_ARROW_FLIGHT);
  assert_int_equal(export_with(port, ""), 401);
  assert_int_equal(export_with(port, "Authorization: Bearer first\r\n"), 200);
  write_file(path, "a: second\n");
  assert_int_equal(oa_service_reload(service, NULL, &error), OA_OK);
  assert_int_equal(export_with(port, "Authorization: Bearer first\r\n"), 401);
  assert_int_equal(export_with(port, "Authorization: Bearer second\r\n"), 200);
  write_file(path, "second\n");
  assert_int_equal(oa_service_reload(service, NULL, &error), OA_ERR_CONFIG);
  assert_int_equal(error.code, OA_ERR_CONFIG);
  assert_non_null(strstr(error.text, ":1: is not a key"));
  assert_int_equal(export_with(port, "Authorization: Bearer second\r\n"), 200);
  assert_int_equal(oa_service_reload(NULL, NULL, &error), OA_ERR_CONFIG);
  stop(service);
  oa_config_free(config);
}

/* Where TEXT stands in what the service says of itself, or NULL. */
static const char *find_metric(oa_service *service, const char *text) {
  static char answer[ANSWER_SIZE];
  get(oa_service_port(service, OA_LISTENER_DASHBOARD), "/metrics", answer);
  return strstr(answer, text);
}

static bool is_written_within(oa_service *service, int ms) {
  for (; ms > 0; ms -= 20) {
    if (find_metric(service,
                    "otlp_arrow_stored_items_total{signal=\"logs\"} 1") !=
        NULL) {
      return true;
    }
    nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
  }
  return false;
}

static void a_reload_puts_a_new_configuration_in_force(void **state) {
  oa_config *config = listening_config(*state);
  set(config, "write_interval_secs", "3600");
  oa_service *service = start(config);
  send_log_record(service);
  assert_false(is_written_within(service, 300));
  set(config, "write_interval_secs", "0.05");
  set(config, "net.io_threads", "1"); /* stays as it is until a restart */
  assert_int_equal(oa_service_reload(service, config, NULL), OA_OK);
  assert_true(is_written_within(service, 10000));
  stop(service);
  oa_config_free(config);
}

static void a_wrong_configuration_is_not_put_in_force(void **state) {
  oa_error error = {0};
  oa_config *config = listening_config(*state);
  set(config, "write_interval_secs", "3600");
  oa_service *service = start(config);
  send_log_record(service);
  set(config, "write_interval_secs", "0.05");
  set(config, "protocols.protobuf_port", "4317");
  set(config, "protocols.arrow_flight_port", "4317");
  assert_int_equal(oa_service_reload(service, config, &error), OA_ERR_CONFIG);
  assert_non_null(strstr(error.text, "arrow_flight_port"));
  assert_false(is_written_within(service, 500));
  stop(service);
  oa_config_free(config);
}

static void a_reload_without_memory_changes_nothing(void **state) {
  oa_config *config = listening_config(*state);
  set(config, "protocols.authentication.auth_type", "api_key");
  set(config, "protocols.authentication.credentials.key", "first");
  oa_service *service = start(config);
  const uint16_t port = oa_service_port(service, OA_LISTENER_PROTOBUF);
  set(config, "protocols.authentication.credentials.key", "second");
  int64_t n = 0;
  for (;; n++) {
    oa_mem_fail_after(n);
    const oa_status status = oa_service_reload(service, config, NULL);
    oa_mem_fail_after(-1);
    if (status == OA_OK) {
      break;
    }
    assert_int_equal(status, OA_ERR_NOMEM);
    assert_int_equal(export_with(port, "X-API-Key: first\r\n"), 200);
  }
  assert_true(n > 5);
  assert_int_equal(export_with(port, "X-API-Key: first\r\n"), 401);
  assert_int_equal(export_with(port, "X-API-Key: second\r\n"), 200);
  stop(service);
  oa_config_free(config);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      IN_DIRECTORY(keys_come_and_go_while_it_runs),
      IN_DIRECTORY(a_reload_puts_a_new_configuration_in_force),
      IN_DIRECTORY(a_wrong_configuration_is_not_put_in_force),
      IN_DIRECTORY(a_reload_without_memory_changes_nothing),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
