/* SPDX-License-Identifier: Apache-2.0 */
/* What a request is told that no protocol knows.  Most of them are one setting
 * away from being right, so the answer names that setting. */
#include <stdio.h>
#include <string.h>

#include "config/config_value.h"
#include "receive/receive_impl.h"

enum { TEXT_SIZE = 480 };

int oa_path_signal(const char *const paths[OA_SIGNAL_COUNT], const char *path) {
  for (int i = 0; i < OA_SIGNAL_COUNT; i++) {
    if (strcmp(paths[i], path) == 0) {
      return i;
    }
  }
  return -1;
}

static bool contains(const char *text, const char *part) {
  return strstr(text, part) != NULL;
}

/* --- gRPC --- */

static void write_grpc_text(const oa_request *request, const char *shown,
                            char *text) {
  const int signal = oa_path_signal(oa_http_paths, request->path);
  if (strcmp(request->method, "POST") != 0) {
    snprintf(text, TEXT_SIZE, "gRPC calls have the HTTP method POST");
  } else if (signal >= 0) {
    snprintf(text, TEXT_SIZE,
             "%s is a path of OTLP/HTTP: send the content-type "
             "application/x-protobuf or application/json to it, or gRPC to %s",
             shown, oa_grpc_paths[signal]);
  } else if (contains(request->path, "ProfilesService")) {
    snprintf(text, TEXT_SIZE,
             "%s: profiles are not taken in this version; traces, metrics and "
             "logs are",
             shown);
  } else {
    snprintf(
        text, TEXT_SIZE,
        "%s is not served here; served are OTLP (Export of TraceService, "
        "MetricsService and LogsService in opentelemetry.proto.collector), "
        "OTAP (ArrowTraces, ArrowMetrics, ArrowLogs), Arrow Flight and "
        "grpc.health.v1.Health/Check",
        shown);
  }
}

/* --- HTTP --- */

/* The path of OTLP/HTTP that PATH was probably meant to be, or NULL. */
static const char *near(const char *path) {
  static const char *const words[OA_SIGNAL_COUNT] = {
      [OA_TRACES] = "trace", [OA_METRICS] = "metric", [OA_LOGS] = "log"};
  for (int i = 0; i < OA_SIGNAL_COUNT; i++) {
    if (contains(path, words[i])) {
      return oa_http_paths[i];
    }
  }
  return NULL;
}

static unsigned write_http_text(const oa_request *request, const char *shown,
                                char *text) {
  const int signal = oa_path_signal(oa_grpc_paths, request->path);
  if (signal >= 0 || contains(request->path, ".v1.") ||
      contains(request->path, "arrow.flight.protocol.")) {
    snprintf(text, TEXT_SIZE,
             "%s is a gRPC method: call it over HTTP/2 with the content-type "
             "application/grpc, or POST the same request to %s",
             shown, signal >= 0 ? oa_http_paths[signal] : "/v1/traces");
    return 415;
  }
  if (contains(request->path, "profiles")) {
    snprintf(text, TEXT_SIZE,
             "%s: profiles are not taken in this version; traces, metrics and "
             "logs are",
             shown);
    return 404;
  }
  const char *meant = near(request->path);
  if (meant != NULL) {
    snprintf(text, TEXT_SIZE, "no such path: %s; POST to %s", shown, meant);
    return 404;
  }
  snprintf(text, TEXT_SIZE,
           "no such path: %s; this port takes OpenTelemetry data: POST it to "
           "/v1/traces, /v1/metrics or /v1/logs, or send gRPC (OTLP, OTAP, "
           "Arrow Flight); health and metrics are on the port of the dashboard",
           shown);
  return 404;
}

void oa_receive_unknown(oa_receiver *r, oa_call *call,
                        const oa_request *request) {
  char shown[OA_SHOWN_PATH_SIZE];
  char text[TEXT_SIZE];
  oa_config_show_path(request->path, shown);
  if (request->grpc) {
    write_grpc_text(request, shown, text);
    oa_call_reply(call, &(oa_grpc_reply_data){.code = OA_GRPC_UNIMPLEMENTED,
                                              .text = text});
    return;
  }
  const unsigned status = write_http_text(request, shown, text);
  oa_receive_http_fail(
      r, call,
      &(oa_http_failure){
          .status = status,
          .code = status == 404 ? OA_GRPC_NOT_FOUND : OA_GRPC_UNIMPLEMENTED,
          .text = text});
}
