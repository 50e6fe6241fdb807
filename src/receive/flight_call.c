/* SPDX-License-Identifier: Apache-2.0 */
#include "receive/flight_impl.h"

void oa_flight_end_ok(oa_receiver *r, oa_call *call) {
  oa_flight_end(r, call, &(oa_grpc_reply_data){.code = OA_GRPC_OK});
}

void oa_flight_fail(oa_receiver *r, oa_call *call, oa_status status,
                    const oa_error *error) {
  oa_grpc_reply_data reply = {.text = error->text};
  switch (status) {
    case OA_ERR_NOMEM:
      reply.code = OA_GRPC_UNAVAILABLE;
      reply.retry_after_ms = oa_pipeline_retry_ms(r->options.pipeline);
      break;
    case OA_ERR_NOT_FOUND:
      reply.code = OA_GRPC_NOT_FOUND;
      break;
    case OA_ERR_LIMIT:
      reply.code = OA_GRPC_RESOURCE_EXHAUSTED;
      break;
    case OA_ERR_IO:
      reply.code = OA_GRPC_INTERNAL;
      break;
    default:
      reply.code = OA_GRPC_INVALID_ARGUMENT;
      break;
  }
  oa_flight_end(r, call, &reply);
}

bool oa_flight_send(oa_receiver *r, oa_call *call, oa_emit *emit) {
  oa_status status = emit->status;
  if (status == OA_OK) {
    status = oa_call_send(call, emit->out.data, emit->out.len);
  }
  oa_buf_free(&emit->out);
  *emit = (oa_emit){0};
  if (status != OA_OK) {
    oa_error error;
    oa_error_set(&error, OA_ERR_NOMEM, "no memory for an answer");
    oa_flight_fail(r, call, OA_ERR_NOMEM, &error);
    return false;
  }
  return true;
}

oa_cursor oa_flight_message(const oa_call *call) {
  return call->message_len > 0
             ? oa_cursor_over(call->message, call->message_len)
             : (oa_cursor){0};
}

bool oa_flight_only(oa_receiver *r, oa_call *call, oa_status status,
                    const char *name) {
  oa_error error;
  if (call->user != NULL) {
    status = oa_error_set(&error, OA_ERR_MALFORMED,
                          "this method takes one message, of type %s", name);
  } else if (status != OA_OK) {
    oa_error_set(&error, status, "the message is no %s: %s", name,
                 oa_status_text(status));
  }
  if (status != OA_OK) {
    oa_flight_fail(r, call, status, &error);
    return false;
  }
  return true;
}

void oa_flight_count(oa_receiver *r, const oa_call *call, size_t *counted,
                     size_t now) {
  oa_receive_thread *t = &r->threads[call->thread];
  t->stream_bytes = t->stream_bytes - *counted + now;
  *counted = now;
}
