/* SPDX-License-Identifier: Apache-2.0 */
#include "service/receive.h"

#include <string.h>

#include "wire/emit.h"

#define COLLECTOR "opentelemetry.proto.collector."

static const char *const services[OA_SIGNAL_COUNT] = {
    [OA_TRACES] = COLLECTOR "trace.v1.TraceService",
    [OA_METRICS] = COLLECTOR "metrics.v1.MetricsService",
    [OA_LOGS] = COLLECTOR "logs.v1.LogsService",
};

static bool path_is(const char *path, size_t len, const char *service,
                    const char *method) {
  const size_t service_len = strlen(service);
  const size_t method_len = strlen(method);
  return len == 1 + service_len + method_len && path[0] == '/' &&
         memcmp(path + 1, service, service_len) == 0 &&
         memcmp(path + 1 + service_len, method, method_len) == 0;
}

int oa_receive_route(void *context, const char *path, size_t len) {
  (void)context;
  for (int i = 0; i < OA_SIGNAL_COUNT; i++) {
    if (path_is(path, len, services[i], "/Export")) {
      return i;
    }
  }
  return path_is(path, len, "grpc.health.v1.Health", "/Check")
             ? OA_METHOD_HEALTH
             : -1;
}

void oa_receive_answer(oa_grpc_call *call, const oa_otlp_result *result) {
  oa_grpc_reply_data reply = {.code = OA_GRPC_OK};
  oa_emit emit = {0};
  /* A metric without points counts no items, but its loss has a reason. */
  if (result->rejected > 0 || result->reason[0] != '\0') {
    /* Export*ServiceResponse.partial_success {rejected_*, error_message} */
    const oa_emit_nest partial = oa_emit_open(&emit, 1, 1);
    oa_emit_varint_set(&emit, 1, result->rejected);
    oa_emit_bytes(&emit, 2, (const uint8_t *)result->reason,
                  strlen(result->reason));
    oa_emit_close(&emit, partial);
    if (emit.status == OA_OK) {
      reply.message = emit.out.data;
      reply.message_len = emit.out.len;
    }
  }
  oa_grpc_reply(call, &reply);
  oa_buf_free(&emit.out);
}

void oa_receive_fail(oa_grpc_call *call, oa_signal_counters *counters,
                     oa_status status, const oa_error *error) {
  oa_grpc_reply_data reply = {.text = error->text};
  if (status == OA_ERR_NOMEM || status == OA_ERR_LIMIT) {
    /* The batch is as large as it can be, or memory is short: both pass. */
    reply.code = OA_GRPC_UNAVAILABLE;
    reply.retry_after_ms = OA_RETRY_FULL_MS;
    oa_count(&counters->refused[OA_REFUSED_BUFFER_FULL], 1);
  } else {
    reply.code = OA_GRPC_INVALID_ARGUMENT;
    oa_count(&counters->refused[OA_REFUSED_MALFORMED], 1);
  }
  oa_grpc_reply(call, &reply);
}

/* Whether the request asks for the whole server, or a service that we have. */
static bool health_known(const oa_grpc_call *call) {
  oa_cursor cursor = oa_cursor_over(call->message, call->message_len);
  oa_cursor name = cursor;
  uint32_t tag;
  name.end = name.at;
  while (!oa_cursor_done(&cursor) && oa_cursor_tag(&cursor, &tag) == OA_OK) {
    const oa_status status = tag == OA_TAG(1, OA_WIRE_BYTES)
                                 ? oa_cursor_bytes(&cursor, &name)
                                 : oa_cursor_skip(&cursor, tag);
    if (status != OA_OK) {
      return false;
    }
  }
  bool known = oa_cursor_done(&name);
  for (int i = 0; i < OA_SIGNAL_COUNT && !known; i++) {
    known = oa_cursor_left(&name) == strlen(services[i]) &&
            memcmp(name.at, services[i], strlen(services[i])) == 0;
  }
  return known;
}

void oa_receive_health(oa_grpc_call *call, bool serving) {
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
  oa_grpc_reply(call, &reply);
}

oa_refusal oa_receive_refusal(oa_grpc_code code) {
  switch (code) {
    case OA_GRPC_RESOURCE_EXHAUSTED:
      return OA_REFUSED_TOO_LARGE;
    case OA_GRPC_DEADLINE_EXCEEDED:
      return OA_REFUSED_DEADLINE;
    case OA_GRPC_UNAVAILABLE:
      return OA_REFUSED_SHUTDOWN;
    case OA_GRPC_INVALID_ARGUMENT:
    case OA_GRPC_INTERNAL:
      return OA_REFUSED_MALFORMED;
    default:
      return OA_REFUSED_OTHER;
  }
}
