/* SPDX-License-Identifier: Apache-2.0 */
/* A program without an OpenTelemetry SDK that keeps telemetry of its own: a
 * trace of two spans, three metrics and a log record, in Arrow files and
 * without a service beside it.
 *
 *   cc telemetry.c $(pkg-config --cflags --libs otlp-arrow) -o telemetry
 *   ./telemetry output_dir
 *   otlp-arrow tail output_dir
 */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <otlp_arrow.h>

/* Ids are random in a real program; all zeros are refused. */
static const uint8_t trace_id[16] = {0x4b, 0xf9, 0x2f, 0x35, 0x77, 0xb3,
                                     0x4d, 0xa6, 0xa3, 0xce, 0x92, 0x9d,
                                     0x0e, 0x0e, 0x47, 0x36};
static const uint8_t server_id[8] = {0, 0xf0, 0x67, 0xaa, 0x0b, 0xa9, 2, 0xb7};
static const uint8_t client_id[8] = {0, 0xf0, 0x67, 0xaa, 0x0b, 0xa9, 2, 0xb8};
static const uint8_t cart_trace[16] = {1, 2, 3, 4, 5, 6, 7, 8,
                                       9, 8, 7, 6, 5, 4, 3, 2};

static const uint64_t millisecond = 1000000;

static uint64_t now(void) {
  struct timespec time;
  if (timespec_get(&time, TIME_UTC) == 0) {
    return 0;
  }
  return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

/* What all of it comes from: once a request is enough. */
static void build_origin(oa_builder *b) {
  oa_resource resource = {.size = sizeof resource};
  oa_scope scope = {.size = sizeof scope};
  resource.schema_url = OA_S("https://opentelemetry.io/schemas/1.37.0");
  scope.name = OA_S("shop.checkout");
  scope.version = OA_S("1.4.2");

  oa_build_resource(b, &resource);
  oa_build_string(b, OA_S("service.name"), OA_S("shop"));
  oa_build_string(b, OA_S("service.namespace"), OA_S("demo"));
  oa_build_int(b, OA_S("process.pid"), 4242);
  oa_build_scope(b, &scope);
  oa_build_string(b, OA_S("build"), OA_S("release"));
}

static void build_server_span(oa_builder *b, uint64_t start) {
  oa_span span = {.size = sizeof span, .kind = OA_SPAN_SERVER, .flags = 1};
  memcpy(span.trace_id, trace_id, sizeof trace_id);
  memcpy(span.span_id, server_id, sizeof server_id);
  span.name = OA_S("POST /checkout");
  span.trace_state = OA_S("shop=t61rcWkgMzE");
  span.start_time_unix_nano = start;
  span.end_time_unix_nano = start + 42 * millisecond;
  span.status_code = OA_STATUS_ERROR;
  span.status_message = OA_S("the payment timed out");
  span.dropped_attributes_count = 1;

  oa_build_span(b, &span);
  oa_build_string(b, OA_S("http.request.method"), OA_S("POST"));
  oa_build_int(b, OA_S("http.response.status_code"), 504);
  oa_build_double(b, OA_S("cart.value"), 129.9);
  oa_build_bool(b, OA_S("customer.returning"), 1);
  oa_build_array(b, OA_S("cart.items"));
  oa_build_string(b, OA_S(""), OA_S("kettle"));
  oa_build_string(b, OA_S(""), OA_S("cup"));
  oa_build_end(b);

  oa_build_event(b, start + 40 * millisecond, OA_S("exception"), 0);
  oa_build_string(b, OA_S("exception.type"), OA_S("PaymentTimeout"));
  oa_build_string(b, OA_S("exception.message"), OA_S("no answer in 30 ms"));

  oa_span_link link = {.size = sizeof link, .flags = 1};
  memcpy(link.trace_id, cart_trace, sizeof cart_trace);
  memcpy(link.span_id, client_id, sizeof client_id);
  oa_build_link(b, &link);
  oa_build_string(b, OA_S("link.kind"), OA_S("cart"));
}

static void build_traces(oa_builder *b, uint64_t start) {
  oa_span span = {.size = sizeof span, .kind = OA_SPAN_CLIENT, .flags = 1};
  memcpy(span.trace_id, trace_id, sizeof trace_id);
  memcpy(span.span_id, client_id, sizeof client_id);
  memcpy(span.parent_span_id, server_id, sizeof server_id);
  span.name = OA_S("POST /pay");
  span.start_time_unix_nano = start + 10 * millisecond;
  span.end_time_unix_nano = start + 40 * millisecond;

  build_origin(b);
  build_server_span(b, start);
  oa_build_span(b, &span); /* closes what the one before has open */
  oa_build_string(b, OA_S("server.address"), OA_S("pay.example.com"));
}

/* A gauge. */
static void build_queue(oa_builder *b, uint64_t time) {
  oa_metric metric = {.size = sizeof metric, .type = OA_GAUGE};
  oa_number_point point = {.size = sizeof point, .time_unix_nano = time};
  metric.name = OA_S("queue.length");
  metric.unit = OA_S("{order}");
  point.number.type = OA_INT;
  point.number.value.as_int = 7;

  oa_build_metric(b, &metric);
  oa_build_number_point(b, &point);
  oa_build_string(b, OA_S("queue"), OA_S("orders"));
}

/* A sum, with an exemplar that leads to the span. */
static void build_orders(oa_builder *b, uint64_t time) {
  oa_metric metric = {.size = sizeof metric,
                      .type = OA_SUM,
                      .temporality = OA_CUMULATIVE,
                      .is_monotonic = 1};
  oa_number_point point = {.size = sizeof point, .time_unix_nano = time};
  oa_exemplar exemplar = {.size = sizeof exemplar, .time_unix_nano = time};
  metric.name = OA_S("orders.value");
  metric.description = OA_S("What was ordered since the start");
  metric.unit = OA_S("EUR");
  point.start_time_unix_nano = time - 1000 * millisecond;
  point.number.type = OA_DOUBLE;
  point.number.value.as_double = 1299.5;
  exemplar.number.type = OA_DOUBLE;
  exemplar.number.value.as_double = 129.9;
  memcpy(exemplar.trace_id, trace_id, sizeof trace_id);
  memcpy(exemplar.span_id, server_id, sizeof server_id);

  oa_build_metric(b, &metric);
  oa_build_number_point(b, &point);
  oa_build_string(b, OA_S("currency"), OA_S("EUR"));
  oa_build_exemplar(b, &exemplar);
  oa_build_string(b, OA_S("customer"), OA_S("returning"));
}

/* A histogram. */
static void build_latency(oa_builder *b, uint64_t time) {
  static const uint64_t counts[] = {0, 3, 1, 0};
  static const double bounds[] = {0.01, 0.1, 1};
  oa_metric metric = {
      .size = sizeof metric, .type = OA_HISTOGRAM, .temporality = OA_DELTA};
  oa_histogram_point point = {.size = sizeof point,
                              .start_time_unix_nano = time - millisecond,
                              .time_unix_nano = time,
                              .count = 4,
                              .has = OA_HAS_SUM | OA_HAS_MIN | OA_HAS_MAX,
                              .sum = 0.25,
                              .min = 0.0125,
                              .max = 0.125,
                              .bucket_counts = counts,
                              .bucket_count = 4,
                              .explicit_bounds = bounds,
                              .bound_count = 3};
  metric.name = OA_S("http.server.request.duration");
  metric.unit = OA_S("s");

  oa_build_metric(b, &metric);
  oa_build_histogram_point(b, &point);
  oa_build_string(b, OA_S("http.route"), OA_S("/checkout"));
}

static void build_metrics(oa_builder *b, uint64_t time) {
  build_origin(b);
  build_queue(b, time);
  build_orders(b, time);
  build_latency(b, time);
}

static void build_logs(oa_builder *b, uint64_t time) {
  oa_log_record record = {.size = sizeof record,
                          .time_unix_nano = time + 40 * millisecond,
                          .observed_time_unix_nano = time + 41 * millisecond,
                          .severity_number = 17,
                          .flags = 1};
  record.severity_text = OA_S("ERROR");
  record.event_name = OA_S("checkout.failed");
  memcpy(record.trace_id, trace_id, sizeof trace_id);
  memcpy(record.span_id, server_id, sizeof server_id);

  build_origin(b);
  oa_build_log_record(b, &record);
  oa_build_string(b, OA_S("order"), OA_S("A-1017"));
  oa_build_body(b);
  oa_build_map(b, OA_S(""));
  oa_build_string(b, OA_S("message"), OA_S("checkout failed"));
  oa_build_int(b, OA_S("attempt"), 1);
  oa_build_end(b);
}

/* Builds and exports what BUILD makes of SIGNAL. */
static oa_status export_signal(oa_service *service, oa_signal signal,
                               void (*build)(oa_builder *b, uint64_t time),
                               oa_error *error) {
  oa_builder *b;
  oa_export_result result;
  oa_status status = oa_builder_new(&b, signal, error);
  if (status != OA_OK) {
    return status;
  }
  build(b, now());
  status = oa_service_export_built(service, b, &result, error);
  if (status == OA_OK) {
    printf("%u taken, %u rejected\n", (unsigned)result.accepted,
           (unsigned)result.rejected);
  }
  oa_builder_free(b);
  return status;
}

static int fail(const oa_error *error) {
  fprintf(stderr, "%s\n", error->text);
  return 1;
}

/* A service without ports, which writes to DIRECTORY. */
static oa_status start(oa_service **out, const char *directory,
                       oa_error *error) {
  oa_options options = {.size = sizeof options};
  oa_config *config;
  oa_status status = oa_config_new_embedded(&config, error);
  if (status != OA_OK) {
    return status;
  }
  options.output_dir = directory;
  status = oa_config_set_options(config, &options, error);
  if (status == OA_OK) {
    status = oa_service_start(out, config, error);
  }
  oa_config_free(config);
  return status;
}

int main(int count, char **args) {
  oa_service *service;
  oa_error error;

  if (count != 2) {
    fprintf(stderr, "usage: %s DIRECTORY\n", args[0]);
    return 2;
  }
  if (start(&service, args[1], &error) != OA_OK) {
    return fail(&error);
  }
  const int failed =
      export_signal(service, OA_TRACES, build_traces, &error) != OA_OK ||
      export_signal(service, OA_METRICS, build_metrics, &error) != OA_OK ||
      export_signal(service, OA_LOGS, build_logs, &error) != OA_OK;
  if (failed) {
    fail(&error);
  }
  if (oa_service_stop(service, &error) != OA_OK) { /* writes everything */
    return fail(&error);
  }
  return failed;
}
