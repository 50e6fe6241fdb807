/* SPDX-License-Identifier: Apache-2.0 */
/* OTLP over HTTP: POST /v1/traces and its brothers, protobuf or JSON (OTLP
 * specification, "OTLP/HTTP"), or what the program has a codec for.  The answer
 * has the encoding of the request, or is JSON. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "net/http_field.h"
#include "otlp/json.h"
#include "receive/cors.h"
#include "receive/receive_answer.h"
#include "receive/receive_codec.h"
#include "receive/receive_impl.h"

/* An operation is the signal and the encoding, or the number of the codec and
 * that there is one; or a preflight. */
enum {
  SIGNAL_BITS = 3,
  JSON_BIT = 4,
  PREFLIGHT = 8,
  CODEC_SHIFT = 4,
  CODEC_BITS = 7,
  CODEC_BIT = 1 << (OA_METHOD_BITS - 1)
};
_Static_assert(OA_SIGNAL_COUNT <= SIGNAL_BITS + 1, "a signal has two bits");
_Static_assert(OA_MAX_CODECS <= CODEC_BITS + 1, "a codec has three bits");

enum { TEXT_SIZE = 128 + OA_ACCEPTED_SIZE };

/* Below this gzip saves nothing worth its time. */
enum { GZIP_FROM = 200 };

static const char protobuf_type[] = "application/x-protobuf";
static const char json_type[] = "application/json";

const char *const oa_http_paths[OA_SIGNAL_COUNT] = {
    [OA_TRACES] = "/v1/traces",
    [OA_METRICS] = "/v1/metrics",
    [OA_LOGS] = "/v1/logs",
};

static int match(const oa_request *request, oa_call_kind *kind) {
  const int signal =
      request->grpc ? -1 : oa_path_signal(oa_http_paths, request->path);
  if (signal < 0) {
    return -1;
  }
  *kind = OA_CALL_HTTP;
  return strcmp(request->method, "OPTIONS") == 0 ? PREFLIGHT | signal : signal;
}

static int signal_of(int operation) {
  return (operation & PREFLIGHT) != 0 ? -1 : operation & SIGNAL_BITS;
}

/* A browser asks without credentials whether it may send with them. */
static bool is_open(int operation) {
  return (operation & PREFLIGHT) != 0;
}

/* --- encodings --- */

/* The encoding that the request's content-type names; TEXT = neither. */
static oa_answer_form otlp_form(const oa_call *call) {
  size_t len = 0;
  const char *type = oa_call_header(call, "content-type", &len);
  if (oa_field_is_type(type, len, protobuf_type) ||
      oa_field_is_type(type, len, "application/protobuf")) {
    return OA_ANSWER_PROTOBUF;
  }
  return oa_field_is_type(type, len, json_type) ? OA_ANSWER_JSON
                                                : OA_ANSWER_TEXT;
}

/* The encoding of an answer that is not about telemetry that was taken. */
static oa_answer_form form_of(const oa_receiver *r, const oa_call *call) {
  const oa_answer_form form = otlp_form(call);
  return form == OA_ANSWER_TEXT && oa_receive_codec_of(r, call) >= 0
             ? OA_ANSWER_JSON
             : form;
}

static const char *type_of(oa_answer_form form) {
  switch (form) {
    case OA_ANSWER_PROTOBUF:
      return protobuf_type;
    case OA_ANSWER_JSON:
      return json_type;
    case OA_ANSWER_TEXT:
      break;
  }
  return "text/plain; charset=utf-8";
}

/* --- answers --- */

typedef struct answer {
  unsigned status;
  oa_answer_form form;
  oa_buf body;
  oa_http_field fields[OA_HTTP_MAX_FIELDS];
  size_t field_count;
} answer;

static void put_field(answer *a, const char *name, const char *value) {
  a->fields[a->field_count++] = (oa_http_field){.name = name, .value = value};
}

/* True when SQUEEZED holds the body as gzip because the sender likes it so. */
static bool squeeze(oa_receiver *r, const oa_call *call, const answer *a,
                    oa_buf *squeezed) {
  oa_receive_thread *t = &r->threads[call->thread];
  size_t len = 0;
  bool plain = true;
  const char *accept = oa_call_header(call, "accept-encoding", &len);
  if (a->body.len == 0 || !oa_field_accepts_gzip(accept, len, &plain) ||
      (plain && a->body.len < GZIP_FROM)) {
    return false;
  }
  if (t->gzip == NULL &&
      oa_deflater_new(&t->gzip, OA_CODING_GZIP, 0) != OA_OK) {
    t->gzip = NULL;
    return false; /* it goes out as it is, then */
  }
  return oa_deflate(t->gzip, a->body.data, a->body.len, squeezed) == OA_OK;
}

/* Sends the answer and frees its body. */
static void answer_with(oa_receiver *r, oa_call *call, answer *a) {
  oa_http_reply_data reply = {.status = a->status,
                              .content_type = type_of(a->form)};
  oa_cors cors;
  oa_buf squeezed = {0};

  oa_cors_read(&cors, call, r->options.cors_origins,
               r->options.cors_origin_count);
  oa_cors_put(&cors, a->fields, &a->field_count);
  const oa_buf *body = &a->body;
  if (squeeze(r, call, a, &squeezed)) {
    put_field(a, "content-encoding", "gzip");
    body = &squeezed;
  }
  memcpy(reply.fields, a->fields, a->field_count * sizeof a->fields[0]);
  reply.body = body->data;
  reply.body_len = body->len;
  oa_call_reply_http(call, &reply);
  oa_buf_free(&squeezed);
  oa_buf_free(&a->body);
}

void oa_receive_http_fail(oa_receiver *r, oa_call *call,
                          const oa_http_failure *failure) {
  enum { MS_PER_S = 1000 };
  char seconds[16];
  answer a = {.status = failure->status != 0
                            ? failure->status
                            : oa_answer_http_status(failure->code),
              .form = form_of(r, call)};
  if (oa_answer_put_failure(&a.body, failure->code, failure->text, a.form) !=
      OA_OK) {
    a.body.len = 0; /* the status says the most important */
  }
  if (failure->retry_after_ms > 0) {
    snprintf(seconds, sizeof seconds, "%u",
             (failure->retry_after_ms + MS_PER_S - 1) / MS_PER_S);
    put_field(&a, "retry-after", seconds);
  }
  if (failure->field != NULL) {
    put_field(&a, failure->field, failure->value);
  }
  answer_with(r, call, &a);
}

/* --- the head of a request --- */

static void answer_preflight(oa_receiver *r, oa_call *call) {
  oa_http_reply_data reply = {.status = 204};
  oa_cors cors;
  size_t used = 0;
  oa_cors_read(&cors, call, r->options.cors_origins,
               r->options.cors_origin_count);
  oa_cors_put_preflight(&cors, call, reply.fields, &used);
  reply.fields[used] =
      (oa_http_field){.name = "allow", .value = "POST, OPTIONS"};
  oa_call_reply_http(call, &reply);
}

/* With a codec, call->method says which; without one, CALL is answered. */
static bool find_codec(oa_receiver *r, oa_call *call) {
  char text[TEXT_SIZE];
  const int which = oa_receive_codec_of(r, call);
  if (which >= 0) {
    call->method |= JSON_BIT | CODEC_BIT | which << CODEC_SHIFT;
    return true;
  }
  const char *last = strrchr(r->accepted, ',');
  snprintf(text, sizeof text,
           "the content-type of this path is %.*s or%s; set it to what the "
           "body is",
           (int)(last - r->accepted), r->accepted, last + 1);
  oa_receive_http_fail(r, call,
                       &(oa_http_failure){.status = 415,
                                          .code = OA_GRPC_INVALID_ARGUMENT,
                                          .text = text,
                                          .field = "accept",
                                          .value = r->accepted});
  return false;
}

static bool begin(oa_receiver *r, oa_call *call, const oa_request *request) {
  if ((oa_operation(call) & PREFLIGHT) != 0) {
    answer_preflight(r, call);
    return false;
  }
  if (strcmp(request->method, "POST") != 0) {
    oa_receive_http_fail(
        r, call,
        &(oa_http_failure){.status = 405,
                           .code = OA_GRPC_UNIMPLEMENTED,
                           .text = "telemetry is sent here with POST; what is "
                                   "stored is not read here",
                           .field = "allow",
                           .value = "POST, OPTIONS"});
    return false;
  }
  switch (otlp_form(call)) {
    case OA_ANSWER_PROTOBUF:
      return true;
    case OA_ANSWER_JSON:
      call->method |= JSON_BIT;
      return true;
    case OA_ANSWER_TEXT:
      break;
  }
  return find_codec(r, call);
}

/* --- the body --- */

/* Reads the JSON into the scratch memory, as protobuf. */
static oa_status translate(const oa_receive_input *in, oa_error *error) {
  const oa_purse *purse = in->scratch->purse;
  in->scratch->len = 0;
  const oa_status status = oa_otlp_json_read(
      in->signal, in->call->message, in->call->message_len, in->scratch, error);
  if (status == OA_ERR_NOMEM) {
    /* Too much for ever, or memory that may be there later? */
    return purse != NULL && purse->outgrown ? OA_ERR_LIMIT : status;
  }
  return status == OA_OK ? OA_OK : OA_ERR_MALFORMED;
}

static oa_status decode_json(void *input, oa_otlp_builder *builder,
                             oa_otlp_result *result, oa_error *error) {
  const oa_receive_input *in = input;
  if (in->scratch->purse != NULL) {
    in->scratch->purse->outgrown = false;
  }
  oa_status status = translate(in, error);
  if (status == OA_OK) {
    status = oa_otlp_decode(builder, in->scratch->data, in->scratch->len,
                            result, error);
  }
  if (in->scratch->cap > OA_SCRATCH_KEEP) {
    oa_buf_free(in->scratch);
  }
  return status;
}

static void reply(oa_receiver *r, oa_call *call, const oa_outcome *outcome) {
  const bool json = (oa_operation(call) & JSON_BIT) != 0;
  if (outcome->code != OA_GRPC_OK) {
    oa_receive_http_fail(
        r, call,
        &(oa_http_failure){.code = outcome->code,
                           .text = outcome->text,
                           .retry_after_ms = outcome->retry_after_ms});
    return;
  }
  answer a = {.status = 200,
              .form = json ? OA_ANSWER_JSON : OA_ANSWER_PROTOBUF};
  if (oa_answer_put_export(&a.body, (oa_signal)signal_of(oa_operation(call)),
                           &outcome->result, a.form) != OA_OK) {
    a.body.len = 0; /* the rows are taken: an error would double them */
  }
  answer_with(r, call, &a);
}

static void on_request(oa_receiver *r, oa_call *call) {
  oa_receive_thread *t = &r->threads[call->thread];
  const int operation = oa_operation(call);
  const oa_signal signal = (oa_signal)signal_of(operation);
  if ((operation & CODEC_BIT) != 0) {
    const size_t which = (size_t)(operation >> CODEC_SHIFT & CODEC_BITS);
    oa_receive_codec_take(r, call, which, signal, reply);
    return;
  }
  if ((operation & JSON_BIT) != 0) {
    t->scratch_ns = oa_clock_monotonic_ns();
  }
  oa_receive_decode(
      r, call, signal,
      (operation & JSON_BIT) != 0 ? decode_json : oa_receive_protobuf, reply);
}

/* What the server found wrong: too large, damaged, an unknown encoding. */
static void on_problem(oa_receiver *r, oa_call *call,
                       const oa_http_problem *what) {
  const bool encoding = what->status == 415;
  oa_receive_http_fail(
      r, call,
      &(oa_http_failure){
          .status = what->status,
          /* INTERNAL, as gRPC has it for damaged bytes, would blame us. */
          .code = what->status == 400 ? OA_GRPC_INVALID_ARGUMENT : what->code,
          .text = what->text,
          .retry_after_ms = what->retry_after_ms,
          .field = encoding ? "accept-encoding" : NULL,
          .value = encoding ? "gzip, zstd, deflate, identity" : NULL});
}

const oa_protocol oa_protocol_http = {
    .match = match,
    .begin = begin,
    .request = on_request,
    .problem = on_problem,
    .signal = signal_of,
    .open = is_open,
};
