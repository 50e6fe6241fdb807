/* SPDX-License-Identifier: Apache-2.0 */
/* receive.h - OTLP over gRPC: paths, answers, and what a failure is called.
 *
 * The OTLP specification ("OTLP/gRPC response", "Failures") decides which
 * code a sender sees, and so whether it tries again.  Run on I/O threads.
 */
#ifndef OA_SERVICE_RECEIVE_H
#define OA_SERVICE_RECEIVE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "net/server.h"
#include "otlp/otlp.h"
#include "service/counters.h"

enum {
  /* Methods are numbered as oa_signal; then come the others. */
  OA_METHOD_HEALTH = OA_SIGNAL_COUNT,
  /* When to come back: a full buffer empties within a batch's writing, a
   * broken disk is looked at five times a second. */
  OA_RETRY_FULL_MS = 500,
  OA_RETRY_DISK_MS = 1000,
};

/* As oa_server_handler.route. */
int oa_receive_route(void *context, const char *path, size_t len);

/* Answers a decoded request: empty, or with partial_success. */
void oa_receive_answer(oa_grpc_call *call, const oa_otlp_result *result);

/* Answers and counts a request that could not be decoded. */
void oa_receive_fail(oa_grpc_call *call, oa_signal_counters *counters,
                     oa_status status, const oa_error *error);

/* Answers grpc.health.v1.Health/Check. */
void oa_receive_health(oa_grpc_call *call, bool serving);

/* Under which reason a refusal with CODE is counted. */
oa_refusal oa_receive_refusal(oa_grpc_code code);

#endif
