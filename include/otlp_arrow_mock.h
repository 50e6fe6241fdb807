/* SPDX-License-Identifier: Apache-2.0 */
/* otlp_arrow_mock.h - a service for the tests of programs that send telemetry:
 * a real one, on free ports of this machine, that keeps what it receives in
 * memory, where the test can look at it.
 *
 *   oa_mock *mock;
 *   oa_mock_start(&mock, &error);
 *   uint16_t port = oa_mock_port(mock, OA_LISTENER_PROTOBUF);
 *   ... what is tested sends to it ...
 *   if (oa_mock_assert_received(mock, OA_TRACES, 3, 5000, &error)) {
 *     puts(error.text); // expected 3 spans, received 2 within 5000 ms
 *   }
 *   oa_mock_stop(mock, &error);
 *
 * What a sender has its OK for can be seen from that moment on (it is started
 * with ack: write).  No file is written, and no environment and no file of
 * configuration is read.  What is received is counted in items: spans, data
 * points (a metric without points counts as one), log records.
 *
 * All functions but oa_mock_start() and oa_mock_stop() may be called by any
 * number of threads at once, while others send.  In a process that was forked
 * from the one that started the mock they return OA_ERR_CLOSED, or 0.  Several
 * mocks can live in one process.
 *
 * Include <otlp_arrow.h>, which includes this.
 */
#ifndef OTLP_ARROW_MOCK_H
#define OTLP_ARROW_MOCK_H

#include <stddef.h>
#include <stdint.h>

#include "otlp_arrow.h"
#include "otlp_arrow_base.h"
#include "otlp_arrow_c_data.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct oa_mock oa_mock;

/* What a mock keeps at most, in bytes of Arrow IPC messages.  Senders of more
 * are told to come again, as by a service whose disk is full; oa_mock_reset()
 * makes room. */
enum { OA_MOCK_MAX_BYTES = 256 << 20 };

/* Starts a mock that listens on 127.0.0.1 when this returns; the caller ends
 * it with oa_mock_stop().  OA_ERR_IO, OA_ERR_NOMEM; then nothing is left
 * running. */
OA_API oa_status oa_mock_start(oa_mock **out, oa_error *error);

/* The port of LISTENER: both take OTLP over gRPC and HTTP, OTAP and Arrow
 * Flight.  0 for the dashboard, which is off. */
OA_API uint16_t oa_mock_port(const oa_mock *mock, oa_listener listener);

/* The service inside, for oa_service_export() and its like: what comes in
 * without a port.  It is MOCK's and must not be stopped. */
OA_API oa_service *oa_mock_service(const oa_mock *mock);

/* Export requests since the start or the last reset, the refused ones too: over
 * a port, whatever the protocol, and through oa_mock_service(). */
OA_API uint64_t oa_mock_grpc_calls_count(const oa_mock *mock);
OA_API uint64_t oa_mock_api_calls_count(const oa_mock *mock);

/* Items of SIGNAL since the start or the last reset. */
OA_API uint64_t oa_mock_count(const oa_mock *mock, oa_signal signal);

/* Waits, at most TIMEOUT_MS, until COUNT items of SIGNAL are there.  OA_OK when
 * there are exactly as many.  OA_ERR_BUSY: not in this time; OA_ERR_LIMIT: more
 * came; ERROR has both numbers. */
OA_API oa_status oa_mock_assert_received(oa_mock *mock, oa_signal signal,
                                         uint64_t count, uint32_t timeout_ms,
                                         oa_error *error);

/* Fills STREAM with the items of SIGNAL that are there now, in the order in
 * which they came, as record batches with the columns of docs/schema.md; one
 * of no batches when there are none.  It may outlive MOCK and resets.  Its
 * rules are those of oa_stored_open().  OA_ERR_CONFIG, OA_ERR_NOMEM. */
OA_API oa_status oa_mock_open(oa_mock *mock, struct ArrowArrayStream *stream,
                              oa_signal signal, oa_error *error);

/* Gives SINK the same as OTLP/JSON, a request a call, each a line with its
 * end.  OA_ERR_CONFIG, OA_ERR_NOMEM, or what SINK returned. */
OA_API oa_status oa_mock_json(oa_mock *mock, oa_signal signal,
                              oa_text_sink sink, void *context,
                              oa_error *error);

/* Forgets what was received and counted; the ports and connections stay.  What
 * is under way meanwhile may come before or after. */
OA_API oa_status oa_mock_reset(oa_mock *mock, oa_error *error);

/* Stops listening, lets requests that are under way end for at most a second,
 * and frees MOCK, also when it returns a failure.  No other call may be under
 * way.  NULL is allowed. */
OA_API oa_status oa_mock_stop(oa_mock *mock, oa_error *error);

#ifdef __cplusplus
}
#endif

#endif
