/* SPDX-License-Identifier: Apache-2.0 */
/* OTLP over gRPC, and gRPC's health check.  The OTLP specification
 * ("OTLP/gRPC response", "Failures") decides which code a sender sees, and so
 * whether it tries again. */
#include <string.h>

#include "receive/receive_answer.h"
#include "receive/receive_impl.h"
#include "wire/cursor.h"

#define COLLECTOR "/opentelemetry.proto.collector."

/* Operations are numbered as oa_signal; then come the others. */
enum { HEALTH = OA_SIGNAL_COUNT };

static const char export_method[] = "/Export";

const char *const oa_grpc_paths[OA_SIGNAL_COUNT] = {
    [OA_TRACES] = COLLECTOR "trace.v1.TraceService/Export",
    [OA_METRICS] = COLLECTOR "metrics.v1.MetricsService/Export",
    [OA_LOGS] = COLLECTOR "logs.v1.LogsService/Export",
};

static int match(const oa_request *request, oa_call_kind *kind) {
  if (!request->grpc || strcmp(request->method, "POST") != 0) {
    return -1;
  }
  *kind = OA_CALL_UNARY;
  if (strcmp(request->path, "/grpc.health.v1.Health/Check") == 0) {
    return HEALTH;
  }
  return oa_path_signal(oa_grpc_paths, request->path);
}

static int signal_of(int operation) {
  return operation < OA_SIGNAL_COUNT ? operation : -1;
}

/* Whoever watches a service need not be one of its senders. */
static bool is_open(int operation) {
  return operation == HEALTH;
}

/* --- Export --- */

static void reply(oa_receiver *r, oa_call *call, const oa_outcome *outcome) {
  oa_buf answer = {0};
  oa_grpc_reply_data data = {.code = outcome->code,
                             .retry_after_ms = outcome->retry_after_ms};
  (void)r;
  if (outcome->code != OA_GRPC_OK) {
    data.text = outcome->text;
  } else if (oa_answer_put_export(&answer, (oa_signal)oa_operation(call),
                                  &outcome->result,
                                  OA_ANSWER_PROTOBUF) == OA_OK) {
    data.message = answer.data;
    data.message_len = answer.len;
  }
  oa_call_reply(call, &data);
  oa_buf_free(&answer);
}

/* --- health --- */

/* Whether NAME is the service of one of the paths. */
static bool is_service(oa_cursor name) {
  for (int i = 0; i < OA_SIGNAL_COUNT; i++) {
    const char *service = oa_grpc_paths[i] + 1;
    const size_t len = strlen(service) - (sizeof export_method - 1);
    if (oa_cursor_left(&name) == len && memcmp(name.at, service, len) == 0) {
      return true;
    }
  }
  return false;
}

/* Whether the request asks for the whole server, or a service that we have. */
static bool health_known(const oa_call *call) {
  oa_cursor cursor = oa_cursor_over(call->message, call->message_len);
  oa_cursor name = cursor;
  uint32_t tag;
  name.end = name.at;
  while (!oa_cursor_done(&cursor)) {
    oa_status status = oa_cursor_tag(&cursor, &tag);
    if (status == OA_OK) {
      status = tag == OA_TAG(1, OA_WIRE_BYTES) ? oa_cursor_bytes(&cursor, &name)
                                               : oa_cursor_skip(&cursor, tag);
    }
    if (status != OA_OK) {
      return false;
    }
  }
  return oa_cursor_done(&name) || is_service(name);
}

static void answer_health(oa_receiver *r, oa_call *call) {
  const bool serving = oa_pipeline_ready(r->options.pipeline, NULL, 0);
  /* HealthCheckResponse.status: 1 SERVING, 2 NOT_SERVING. */
  const uint8_t message[] = {OA_TAG(1, OA_WIRE_VARINT), serving ? 1 : 2};
  oa_grpc_reply_data reply = {
      .message = message,
      .message_len = sizeof message,
  };
  if (!health_known(call)) {
    reply = (oa_grpc_reply_data){.code = OA_GRPC_NOT_FOUND,
                                 .text = "no such service here"};
  }
  oa_call_reply(call, &reply);
}

static void on_request(oa_receiver *r, oa_call *call) {
  if (oa_operation(call) == HEALTH) {
    answer_health(r, call);
  } else {
    oa_receive_decode(r, call, (oa_signal)oa_operation(call),
                      oa_receive_protobuf, reply);
  }
}

const oa_protocol oa_protocol_grpc = {
    .match = match,
    .request = on_request,
    .signal = signal_of,
    .open = is_open,
};
