/* SPDX-License-Identifier: Apache-2.0 */
#include "receive/receive_answer.h"

#include <string.h>

#include "base/text.h"
#include "otlp/json.h"

void oa_answer_emit_text(oa_emit *emit, uint32_t field, const char *text) {
  oa_buf whole = {0};
  const oa_status status =
      oa_utf8_repair(&whole, (const uint8_t *)text, strlen(text));
  if (status == OA_OK) {
    oa_emit_bytes_set(emit, field, whole.data, whole.len);
  } else if (emit->status == OA_OK) {
    emit->status = status;
  }
  oa_buf_free(&whole);
}

/* --- protobuf --- */

/* Takes what EMIT has written. */
static oa_status hand_over(oa_emit *emit, oa_buf *out) {
  oa_status status = emit->status;
  if (status == OA_OK) {
    status = oa_buf_put(out, emit->out.data, emit->out.len);
  }
  oa_buf_free(&emit->out);
  return status;
}

/* Export*ServiceResponse.partial_success {rejected_*, error_message} */
static oa_status put_partial(oa_buf *out, const oa_otlp_result *result) {
  oa_emit emit = {0};
  const oa_emit_nest partial = oa_emit_open(&emit, 1, 1);
  oa_emit_varint_set(&emit, 1, result->rejected);
  oa_answer_emit_text(&emit, 2, result->reason);
  oa_emit_close(&emit, partial);
  return hand_over(&emit, out);
}

/* google.rpc.Status {code, message} */
static oa_status put_status(oa_buf *out, oa_grpc_code code, const char *text) {
  oa_emit emit = {0};
  oa_emit_varint_set(&emit, 1, (uint64_t)code);
  oa_answer_emit_text(&emit, 2, text);
  return hand_over(&emit, out);
}

/* --- both --- */

/* Appends MESSAGE, which is freed, in FORM. */
static oa_status put_message(oa_buf *out, const oa_message *type,
                             oa_buf *message, oa_answer_form form) {
  const oa_status status =
      form == OA_ANSWER_JSON
          ? oa_message_json_write(type, message->data, message->len, out)
          : oa_buf_put(out, message->data, message->len);
  oa_buf_free(message);
  return status;
}

oa_status oa_answer_put_export(oa_buf *out, oa_signal signal,
                               const oa_otlp_result *result,
                               oa_answer_form form) {
  oa_buf message = {0};
  /* A metric without points counts no items, but its loss has a reason. */
  if (result->rejected > 0 || result->reason[0] != '\0') {
    OA_TRY(put_partial(&message, result));
  }
  return put_message(out, oa_message_response(signal), &message, form);
}

oa_status oa_answer_put_failure(oa_buf *out, oa_grpc_code code,
                                const char *text, oa_answer_form form) {
  oa_buf message = {0};
  if (form == OA_ANSWER_TEXT) {
    return oa_buf_printf(out, "%s\n", text);
  }
  OA_TRY(put_status(&message, code, text));
  return put_message(out, &oa_message_rpc_status, &message, form);
}

unsigned oa_answer_http_status(oa_grpc_code code) {
  switch (code) {
    case OA_GRPC_OK:
      return 200;
    case OA_GRPC_INVALID_ARGUMENT:
      return 400;
    case OA_GRPC_UNAUTHENTICATED:
      return 401;
    case OA_GRPC_PERMISSION_DENIED:
      return 403;
    case OA_GRPC_NOT_FOUND:
    case OA_GRPC_UNIMPLEMENTED:
      return 404;
    case OA_GRPC_RESOURCE_EXHAUSTED:
      return 413;
    case OA_GRPC_UNAVAILABLE:
      return 503;
    case OA_GRPC_DEADLINE_EXCEEDED:
      return 504;
    default:
      return 500;
  }
}
