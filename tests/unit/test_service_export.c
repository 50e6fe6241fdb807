/* SPDX-License-Identifier: Apache-2.0 */
/* Telemetry of the program itself: what is exported is in the files, and what
 * cannot be is refused with a sentence. */
#include "base/mem.h"
#include "export_trial.h"

static void what_is_exported_is_in_the_files(void **state) {
  oa_service *service = start_in(*state, "memory");
  oa_export_result result = {0};
  oa_error error = {0};
  oa_builder *builder;

  for (int i = 0; i < 3; i++) {
    assert_int_equal(oa_service_port(service, (oa_listener)i), 0);
  }
  assert_int_equal(export_text(service, record, &result, &error), OA_OK);
  assert_int_equal(result.accepted, 1);
  assert_int_equal(oa_builder_new(&builder, OA_TRACES, &error), OA_OK);
  build(builder, 100);
  assert_int_equal(oa_service_export_built(service, builder, &result, &error),
                   OA_OK);
  assert_int_equal(result.accepted, 100);
  oa_builder_free(builder);

  oa_service_stats stats = stats_of(service);
  assert_int_equal(stats.signals[OA_LOGS].received, 1);
  assert_int_equal(stats.signals[OA_TRACES].received, 100);
  assert_int_equal(oa_service_flush(service, 10000, &error), OA_OK);
  stats = stats_of(service);
  assert_int_equal(stats.signals[OA_TRACES].stored, 100);
  assert_int_equal(stats.signals[OA_TRACES].buffered, 0);
  assert_int_equal(rows_in(*state), 101);
  stop(service);
  assert_int_equal(rows_in(*state), 101);
}

static void rows_are_as_safe_as_ack_says_when_it_returns(void **state) {
  static const char *const levels[] = {"write", "fsync"};
  for (uint64_t i = 0; i < 2; i++) {
    oa_service *service = start_in(*state, levels[i]);
    assert_int_equal(export_one(service), OA_OK);
    assert_int_equal(rows_in(*state), 2 * i + 1);
    assert_int_equal(export_one(service), OA_OK);
    assert_int_equal(rows_in(*state), 2 * i + 2);
    stop(service);
  }
}

static void rows_are_written_after_the_write_interval(void **state) {
  oa_config *config = embedded_config(*state);
  set(config, "write_interval_secs", "0.05");
  oa_service *service = start(config);
  oa_config_free(config);
  uv_sleep(20); /* the writer sleeps, with nothing due */
  assert_int_equal(export_one(service), OA_OK);
  const uint64_t begin = oa_clock_monotonic_ns();
  while (rows_in(*state) == 0) {
    assert_true(oa_clock_monotonic_ns() - begin < 10000 * MS);
    uv_sleep(10);
  }
  stop(service);
}

static void bad_requests_are_refused_and_leave_nothing(void **state) {
  oa_service *service = start_in(*state, "memory");
  static const uint8_t cut[] = {0x0a, 0x7f, 0x01};
  oa_export_result result;
  oa_error error = {0};

  assert_int_equal(
      export_text(service, "{\"resourceLogs\":3}", &result, &error),
      OA_ERR_MALFORMED);
  assert_non_null(strstr(error.text, "resourceLogs"));
  assert_int_equal(oa_service_export(service, OA_TRACES, OA_FORM_PROTOBUF, cut,
                                     sizeof cut, &result, &error),
                   OA_ERR_TRUNCATED);
  assert_int_equal(result.accepted, 0);
  assert_int_equal(oa_service_export(service, OA_TRACES, OA_FORM_PROTOBUF, NULL,
                                     1, NULL, &error),
                   OA_ERR_CONFIG);
  assert_int_equal(oa_service_export(service, (oa_signal)7, OA_FORM_PROTOBUF,
                                     cut, 0, NULL, NULL),
                   OA_ERR_CONFIG);
  assert_int_equal(
      oa_service_export(service, OA_LOGS, (oa_form)9, cut, 0, NULL, NULL),
      OA_ERR_CONFIG);
  assert_int_equal(export_one(NULL), OA_ERR_CONFIG);
  assert_int_equal(oa_service_export_built(service, NULL, NULL, &error),
                   OA_ERR_CONFIG);
  oa_service_stats old = {.size = 8};
  assert_int_equal(oa_service_get_stats(service, &old, &error), OA_ERR_CONFIG);
  assert_int_equal(stats_of(service).signals[OA_LOGS].received, 0);
  assert_int_equal(stats_of(service).signals[OA_LOGS].refused, 1);
  stop(service);
  assert_int_equal(rows_in(*state), 0);
}

static void a_record_that_cannot_be_kept_is_left_out_and_named(void **state) {
  oa_service *service = start_in(*state, "memory");
  oa_export_result result;
  assert_int_equal(
      export_text(service,
                  "{\"resourceLogs\":[{\"scopeLogs\":[{\"logRecords\":[{"
                  "\"traceId\":\"ab\"},{\"severityNumber\":9}]}]}]}",
                  &result, NULL),
      OA_OK);
  assert_int_equal(result.accepted, 1);
  assert_int_equal(result.rejected, 1);
  assert_non_null(strstr(result.reason, "trace"));
  stop(service);
  assert_int_equal(rows_in(*state), 1);
}

static void a_full_buffer_says_when_to_come_back(void **state) {
  oa_config *config = embedded_config(*state);
  set(config, "max_log_buffer_size", "1");
  set(config, "write_interval_secs", "3600");
  oa_service *service = start(config);
  oa_config_free(config);
  oa_export_result result = {0};
  oa_error error = {0};
  oa_status status = OA_OK;
  int taken = 0;
  while (status == OA_OK && taken < 1000) {
    status = export_text(service, record, &result, &error);
    taken += status == OA_OK;
  }
  assert_int_equal(status, OA_ERR_BUSY);
  assert_true(result.retry_after_ms > 0);
  assert_int_equal(result.accepted, 0);
  const uint64_t begin = oa_clock_monotonic_ns();
  while (export_one(service) != OA_OK) {
    assert_true(oa_clock_monotonic_ns() - begin < 10000 * MS);
    uv_sleep(1);
  }
  stop(service);
  assert_int_equal(rows_in(*state), taken + 1);
}

static void a_service_for_others_takes_nothing_from_inside(void **state) {
  oa_config *config = listening_config(*state);
  oa_error error = {0};
  oa_service *service = start(config);
  oa_config_free(config);
  assert_int_equal(export_text(service, record, NULL, &error), OA_ERR_CONFIG);
  assert_non_null(strstr(error.text, "oa_config_new_embedded"));
  stop(service);
}

static void ports_can_be_on_beside(void **state) {
  oa_config *config = embedded_config(*state);
  set(config, "protocols.protobuf_enabled", "true");
  set(config, "protocols.protobuf_port", "0");
  set(config, "dashboard.enabled", "true");
  set(config, "dashboard.port", "0");
  set(config, "ack", "write");
  oa_service *service = start(config);
  oa_config_free(config);
  assert_int_not_equal(oa_service_port(service, OA_LISTENER_PROTOBUF), 0);
  assert_int_equal(oa_service_port(service, OA_LISTENER_ARROW_FLIGHT), 0);
  assert_int_not_equal(oa_service_port(service, OA_LISTENER_DASHBOARD), 0);
  assert_int_equal(export_one(service), OA_OK);
  assert_int_equal(rows_in(*state), 1);
  assert_int_equal(oa_service_check(service, 60000, NULL), OA_OK);
  stop(service);
}

static void a_directory_belongs_to_one_service(void **state) {
  oa_service *service = start_in(*state, "memory");
  oa_config *config = embedded_config(*state);
  oa_service *second = NULL;
  oa_error error = {0};
  assert_int_equal(oa_service_start(&second, config, &error), OA_ERR_IO);
  assert_null(second);
  assert_non_null(strstr(error.text, (const char *)*state));
  assert_int_equal(export_one(service), OA_OK);
  stop(service);
  second = start(config);
  stop(second);
  oa_config_free(config);
}

static void starting_fails_whole_without_memory(void **state) {
  oa_config *config = embedded_config(*state);
  oa_status status = OA_ERR_NOMEM;
  oa_service *service = NULL;
  int64_t n = 0;
  for (; status != OA_OK && n < 100000; n++) {
    oa_mem_fail_after(n);
    status = oa_service_start(&service, config, NULL);
    oa_mem_fail_after(-1);
  }
  assert_int_equal(status, OA_OK);
  assert_true(n > 10);
  stop(service);
  oa_config_free(config);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      IN_DIRECTORY(what_is_exported_is_in_the_files),
      IN_DIRECTORY(rows_are_as_safe_as_ack_says_when_it_returns),
      IN_DIRECTORY(rows_are_written_after_the_write_interval),
      IN_DIRECTORY(bad_requests_are_refused_and_leave_nothing),
      IN_DIRECTORY(a_record_that_cannot_be_kept_is_left_out_and_named),
      IN_DIRECTORY(a_full_buffer_says_when_to_come_back),
      IN_DIRECTORY(a_service_for_others_takes_nothing_from_inside),
      IN_DIRECTORY(ports_can_be_on_beside),
      IN_DIRECTORY(a_directory_belongs_to_one_service),
      IN_DIRECTORY(starting_fails_whole_without_memory),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
