/* SPDX-License-Identifier: Apache-2.0 */
/* What needs no server; the answers are tested with the pipeline. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "service/receive.h"

static int route(const char *path) {
  return oa_receive_route(NULL, path, strlen(path));
}

static void the_four_methods_have_a_route_and_no_others(void **state) {
  (void)state;
  static const char metrics[] =
      "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export";
  assert_int_equal(
      route("/opentelemetry.proto.collector.trace.v1.TraceService/Export"),
      OA_TRACES);
  assert_int_equal(route(metrics), OA_METRICS);
  assert_int_equal(
      route("/opentelemetry.proto.collector.logs.v1.LogsService/Export"),
      OA_LOGS);
  assert_int_equal(route("/grpc.health.v1.Health/Check"), OA_METHOD_HEALTH);
  assert_int_equal(route(""), -1);
  assert_int_equal(route("/"), -1);
  assert_int_equal(route("/grpc.health.v1.Health/Watch"), -1);
  assert_int_equal(route("/grpc.health.v1.Health/Check/"), -1);
  assert_int_equal(route("grpc.health.v1.Health/Check"), -1);
  for (size_t len = 0; len < sizeof metrics - 1; len++) {
    assert_int_equal(oa_receive_route(NULL, metrics, len), -1);
  }
}

static void a_refusal_is_counted_under_its_reason(void **state) {
  (void)state;
  assert_int_equal(oa_receive_refusal(OA_GRPC_RESOURCE_EXHAUSTED),
                   OA_REFUSED_TOO_LARGE);
  assert_int_equal(oa_receive_refusal(OA_GRPC_DEADLINE_EXCEEDED),
                   OA_REFUSED_DEADLINE);
  assert_int_equal(oa_receive_refusal(OA_GRPC_UNAVAILABLE),
                   OA_REFUSED_SHUTDOWN);
  assert_int_equal(oa_receive_refusal(OA_GRPC_INVALID_ARGUMENT),
                   OA_REFUSED_MALFORMED);
  assert_int_equal(oa_receive_refusal(OA_GRPC_INTERNAL), OA_REFUSED_MALFORMED);
  assert_int_equal(oa_receive_refusal(OA_GRPC_CANCELLED), OA_REFUSED_OTHER);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_four_methods_have_a_route_and_no_others),
      cmocka_unit_test(a_refusal_is_counted_under_its_reason),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
