/* SPDX-License-Identifier: Apache-2.0 */
/* Arrow Flight: data comes in by DoPut and is read back by DoGet
 * (arrow.flight.protocol.FlightService).  All methods are served as streams,
 * since to the wire the others are streams of one message. */
#include <string.h>

#include "receive/flight_impl.h"

static const char service[] = "/arrow.flight.protocol.FlightService/";

static const oa_flight_method do_exchange = {
    .name = "DoExchange",
    .refusal = "DoExchange is not served: send with DoPut and read with DoGet",
};
static const oa_flight_method poll_info = {
    .name = "PollFlightInfo",
    .refusal = "PollFlightInfo is not served: GetFlightInfo answers at once",
};

/* The index is the operation of a call. */
static const oa_flight_method *const methods[] = {
    &oa_flight_handshake,  &oa_flight_list_flights,
    &oa_flight_get_info,   &poll_info,
    &oa_flight_get_schema, &oa_flight_do_get,
    &oa_flight_do_put,     &do_exchange,
    &oa_flight_do_action,  &oa_flight_list_actions,
};
enum { METHOD_COUNT = sizeof methods / sizeof methods[0] };

static const oa_flight_method *method_of(const oa_call *call) {
  return methods[oa_operation(call)];
}

static int match(const oa_request *request, oa_call_kind *kind) {
  const size_t len = sizeof service - 1;
  if (!request->grpc || strcmp(request->method, "POST") != 0 ||
      strncmp(request->path, service, len) != 0) {
    return -1;
  }
  for (int i = 0; i < METHOD_COUNT; i++) {
    if (strcmp(request->path + len, methods[i]->name) == 0) {
      *kind = OA_CALL_STREAM;
      return i;
    }
  }
  return -1;
}

static bool begin(oa_receiver *r, oa_call *call, const oa_request *request) {
  const oa_flight_method *method = method_of(call);
  const char *refusal = method->refusal;
  (void)request;
  call->user = NULL;
  if (method == &oa_flight_handshake && r->options.auth == NULL) {
    refusal =
        "no authentication is asked for here, so there is no handshake: call "
        "the other methods at once";
  }
  if (refusal != NULL) {
    oa_call_reply(call, &(oa_grpc_reply_data){.code = OA_GRPC_UNIMPLEMENTED,
                                              .text = refusal});
    return false;
  }
  return true;
}

static void release(oa_receiver *r, oa_call *call) {
  if (call->user != NULL) {
    method_of(call)->release(r, call);
    call->user = NULL;
  }
}

void oa_flight_end(oa_receiver *r, oa_call *call,
                   const oa_grpc_reply_data *reply) {
  release(r, call);
  oa_call_reply(call, reply);
}

static void on_message(oa_receiver *r, oa_call *call) {
  if (method_of(call)->message(r, call)) {
    oa_call_message_done(call);
  }
}

static void on_ended(oa_receiver *r, oa_call *call) {
  method_of(call)->ended(r, call);
}

static void on_drained(oa_receiver *r, oa_call *call) {
  if (method_of(call)->drained != NULL) {
    method_of(call)->drained(r, call);
  }
}

const oa_protocol oa_protocol_flight = {
    .match = match,
    .begin = begin,
    .message = on_message,
    .ended = on_ended,
    .canceled = release,
    .drained = on_drained,
};
