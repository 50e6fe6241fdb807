/* SPDX-License-Identifier: Apache-2.0 */
/* receive_answer.h - the bodies of answers: Export*ServiceResponse and
 * google.rpc.Status, as protobuf and as JSON.
 *
 * The shapes are those of the OTLP specification, "OTLP/gRPC response" and
 * "OTLP/HTTP response".  Any thread; all functions append to a buffer of the
 * caller, and a failure (OA_ERR_NOMEM) may leave part of the text in it.
 */
#ifndef OA_RECEIVE_RECEIVE_ANSWER_H
#define OA_RECEIVE_RECEIVE_ANSWER_H

#include "base/buf.h"
#include "net/server.h"
#include "otlp/otlp.h"
#include "wire/emit.h"

typedef enum oa_answer_form {
  OA_ANSWER_PROTOBUF,
  OA_ANSWER_JSON,
  OA_ANSWER_TEXT, /* for people; has no Export*ServiceResponse */
} oa_answer_form;

/* Empty when all was taken, or with partial_success. */
oa_status oa_answer_put_export(oa_buf *out, oa_signal signal,
                               const oa_otlp_result *result,
                               oa_answer_form form);

oa_status oa_answer_put_failure(oa_buf *out, oa_grpc_code code,
                                const char *text, oa_answer_form form);

/* Appends TEXT as field FIELD, made UTF-8: one that was cut to fit may end
 * inside a character. */
void oa_answer_emit_text(oa_emit *emit, uint32_t field, const char *text);

/* The HTTP status that stands for CODE: which ones an exporter tries again is
 * the same for both. */
unsigned oa_answer_http_status(oa_grpc_code code);

#endif
