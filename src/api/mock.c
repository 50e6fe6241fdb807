/* SPDX-License-Identifier: Apache-2.0 */
/* The service for other people's tests. */
#include "api/mock_impl.h"

#include <inttypes.h>
#include <stdatomic.h>

#include "api/refuse.h"
#include "base/mem.h"
#include "otlp/otlp.h"
#include "service/service.h"

struct oa_mock {
  oa_shelf *shelf;
  oa_service *service;
  /* Requests that were there at the last reset. */
  _Atomic uint64_t port_requests;
  _Atomic uint64_t own_requests;
};

/* --- start, stop --- */

static oa_status configure(oa_config *config, const oa_sink *sink,
                           oa_error *error) {
  oa_options options = {
      .size = sizeof options,
      .ack = OA_OPTION_ACK_WRITE,
      .bind_address = "127.0.0.1",
      .protocols_protobuf_enabled = OA_ON,
      .protocols_protobuf_port = OA_ANY_PORT,
      .protocols_arrow_flight_enabled = OA_ON,
      .protocols_arrow_flight_port = OA_ANY_PORT,
      /* Tests have few senders, and many of them run side by side. */
      .net_io_threads = 1,
      /* Items are there a moment before their sender has its answer. */
      .shutdown_timeout_ms = 1000,
      .log_level = OA_OPTION_LOG_LEVEL_ERROR,
  };
  OA_TRY(oa_config_set_options(config, &options, error));
  return oa_config_set_sink(config, sink, error);
}

static oa_status start_service(oa_mock *mock, oa_error *error) {
  const oa_sink sink = oa_shelf_sink(mock->shelf);
  oa_config *config;
  OA_TRY(oa_config_new_embedded(&config, error));
  oa_status status = configure(config, &sink, error);
  if (status == OA_OK) {
    status = oa_service_start(&mock->service, config, error);
  }
  oa_config_free(config);
  return status;
}

oa_status oa_mock_start(oa_mock **out, oa_error *error) {
  if (out == NULL) {
    return oa_refuse_null(error);
  }
  oa_mock *mock = oa_calloc(1, sizeof *mock);
  if (mock == NULL || oa_shelf_new(&mock->shelf, OA_MOCK_MAX_BYTES) != OA_OK) {
    oa_free(mock);
    return oa_error_set(error, OA_ERR_NOMEM, "no memory for a mock");
  }
  const oa_status status = start_service(mock, error);
  if (status != OA_OK) {
    oa_shelf_free(mock->shelf);
    oa_free(mock);
    return status;
  }
  *out = mock;
  return OA_OK;
}

oa_status oa_mock_stop(oa_mock *mock, oa_error *error) {
  if (mock == NULL) {
    return OA_OK;
  }
  const oa_status status = oa_service_stop(mock->service, error);
  oa_shelf_free(mock->shelf);
  oa_free(mock);
  return status;
}

/* --- what can be asked of it --- */

uint16_t oa_mock_port(const oa_mock *mock, oa_listener listener) {
  return mock == NULL ? 0 : oa_service_port(mock->service, listener);
}

oa_service *oa_mock_service(const oa_mock *mock) {
  return mock == NULL ? NULL : mock->service;
}

/* Since START, which moves on while others count. */
static uint64_t since(uint64_t now, const _Atomic uint64_t *start) {
  const uint64_t before = atomic_load(start);
  return now > before ? now - before : 0;
}

uint64_t oa_mock_grpc_calls_count(const oa_mock *mock) {
  oa_service_sums sums;
  return mock == NULL || oa_service_sum(mock->service, &sums, NULL) != OA_OK
             ? 0
             : since(sums.port_requests, &mock->port_requests);
}

uint64_t oa_mock_api_calls_count(const oa_mock *mock) {
  oa_service_sums sums;
  return mock == NULL || oa_service_sum(mock->service, &sums, NULL) != OA_OK
             ? 0
             : since(sums.own_requests, &mock->own_requests);
}

static bool is_signal(oa_signal signal) {
  return (unsigned)signal < OA_SIGNAL_COUNT;
}

uint64_t oa_mock_count(const oa_mock *mock, oa_signal signal) {
  return mock == NULL || !is_signal(signal) || oa_shelf_is_foreign(mock->shelf)
             ? 0
             : oa_shelf_rows(mock->shelf, signal);
}

static oa_status check(const oa_mock *mock, oa_error *error) {
  return oa_shelf_is_foreign(mock->shelf)
             ? oa_error_set(error, OA_ERR_CLOSED,
                            "the mock belongs to the process that forked this "
                            "one: start another here")
             : OA_OK;
}

static oa_status check_signal(const oa_mock *mock, oa_signal signal,
                              oa_error *error) {
  if (!is_signal(signal)) {
    return oa_error_set(error, OA_ERR_CONFIG, "no such signal");
  }
  return check(mock, error);
}

oa_status oa_mock_assert_received(oa_mock *mock, oa_signal signal,
                                  uint64_t count, uint32_t timeout_ms,
                                  oa_error *error) {
  static const char *const items[] = {"spans", "data points", "log records"};
  bool full;
  if (mock == NULL) {
    return oa_refuse_null(error);
  }
  OA_TRY(check_signal(mock, signal, error));
  const uint64_t found =
      oa_shelf_wait(mock->shelf, signal, count, timeout_ms, &full);
  if (found == count) {
    return OA_OK;
  }
  if (found > count) {
    return oa_error_set(error, OA_ERR_LIMIT,
                        "expected %" PRIu64 " %s, received %" PRIu64, count,
                        items[signal], found);
  }
  return oa_error_set(error, OA_ERR_BUSY,
                      "expected %" PRIu64 " %s, received %" PRIu64
                      " within %" PRIu32 " ms%s",
                      count, items[signal], found, timeout_ms,
                      full ? "; the mock is full: reset it" : "");
}

oa_status oa_mock_reset(oa_mock *mock, oa_error *error) {
  oa_service_sums sums;
  if (mock == NULL) {
    return oa_refuse_null(error);
  }
  OA_TRY(check(mock, error));
  OA_TRY(oa_service_sum(mock->service, &sums, error));
  oa_shelf_clear(mock->shelf);
  atomic_store(&mock->port_requests, sums.port_requests);
  atomic_store(&mock->own_requests, sums.own_requests);
  return OA_OK;
}

/* --- what came in --- */

static oa_status take(oa_mock *mock, oa_signal signal, oa_shelf_slice *out,
                      oa_error *error) {
  OA_TRY(check_signal(mock, signal, error));
  const oa_status status = oa_shelf_slice_take(out, mock->shelf, signal);
  return status == OA_OK
             ? OA_OK
             : oa_error_set(error, status, "no memory for what was received");
}

oa_status oa_mock_open(oa_mock *mock, struct ArrowArrayStream *stream,
                       oa_signal signal, oa_error *error) {
  oa_shelf_slice slice;
  if (mock == NULL || stream == NULL) {
    return oa_refuse_null(error);
  }
  OA_TRY(take(mock, signal, &slice, error));
  return oa_mock_stream(stream, &slice, error);
}

oa_status oa_mock_json(oa_mock *mock, oa_signal signal, oa_text_sink sink,
                       void *context, oa_error *error) {
  oa_shelf_slice slice;
  if (mock == NULL || sink == NULL) {
    return oa_refuse_null(error);
  }
  OA_TRY(take(mock, signal, &slice, error));
  return oa_mock_lines(&slice, sink, context, error);
}
