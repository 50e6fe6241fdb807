/* SPDX-License-Identifier: Apache-2.0 */
#include "receive/receive_codec.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "net/http_field.h"

static size_t count_of(const oa_receiver *r) {
  return r->options.codecs == NULL ? 0 : r->options.codecs->count;
}

int oa_receive_codec_of(const oa_receiver *r, const oa_call *call) {
  const size_t count = count_of(r);
  if (count == 0) {
    return -1;
  }
  size_t len = 0;
  const char *type = oa_call_header(call, "content-type", &len);
  for (size_t i = 0; i < count; i++) {
    const oa_codec *codec = &r->options.codecs->items[i];
    if (codec->decode != NULL &&
        oa_field_is_type(type, len, codec->content_type)) {
      return (int)i;
    }
  }
  return -1;
}

void oa_receive_codec_list(oa_receiver *r) {
  static const char ours[] = "application/x-protobuf, application/json";
  size_t len = sizeof ours - 1;
  memcpy(r->accepted, ours, sizeof ours);
  for (size_t i = 0; i < count_of(r); i++) {
    const oa_codec *codec = &r->options.codecs->items[i];
    if (codec->decode != NULL) {
      len += (size_t)snprintf(r->accepted + len, sizeof r->accepted - len,
                              ", %s", codec->content_type);
    }
  }
}

/* --- what a codec could not take --- */

/* Blanks control characters (U+0000 to U+001F, U+007F to U+009F): the text goes
 * to a stranger's screen, and may have come from another one. */
static void clean(char *text) {
  for (unsigned char *at = (unsigned char *)text; *at != '\0'; at++) {
    if (at[0] == 0xC2 && at[1] >= 0x80 && at[1] < 0xA0) {
      at[0] = ' ';
      at[1] = ' ';
    } else if (*at < ' ' || *at == 0x7F) {
      *at = ' ';
    }
  }
}

typedef struct verdict {
  unsigned http; /* 0 = what CODE becomes */
  oa_grpc_code code;
  oa_refusal reason;
} verdict;

static verdict verdict_of(oa_status status) {
  switch (status) {
    case OA_ERR_BUSY:
    case OA_ERR_IO:
    case OA_ERR_NOMEM:
      return (verdict){0, OA_GRPC_UNAVAILABLE, OA_REFUSED_BUFFER_FULL};
    case OA_ERR_LIMIT:
      return (verdict){0, OA_GRPC_RESOURCE_EXHAUSTED, OA_REFUSED_TOO_LARGE};
    case OA_ERR_UNSUPPORTED:
      return (verdict){415, OA_GRPC_UNIMPLEMENTED, OA_REFUSED_OTHER};
    case OA_ERR_CONFIG:
      return (verdict){0, OA_GRPC_INTERNAL, OA_REFUSED_OTHER};
    default:
      return (verdict){0, OA_GRPC_INVALID_ARGUMENT, OA_REFUSED_MALFORMED};
  }
}

static void refuse(oa_receiver *r, oa_call *call, const oa_codec *codec,
                   oa_signal signal, oa_error *error) {
  const verdict v = verdict_of(error->code);
  oa_signal_counters *counters =
      &r->options.counters->blocks[call->thread].signals[signal];
  oa_count(&counters->requests, 1);
  oa_count(&counters->bytes, call->message_len);
  oa_count(&counters->refused[v.reason], 1);
  clean(error->text);
  if (error->code == OA_ERR_CONFIG) {
    oa_log_line(r->options.log, OA_LOG_ERROR,
                "the codec of %s cannot build what it was sent: %s",
                codec->content_type, error->text);
  }
  oa_receive_http_fail(
      r, call,
      &(oa_http_failure){
          .status = v.http,
          .code = v.code,
          .text = error->text[0] != '\0' ? error->text
                                         : oa_status_text(error->code),
          .retry_after_ms = v.code == OA_GRPC_UNAVAILABLE
                                ? oa_pipeline_retry_ms(r->options.pipeline)
                                : 0});
}

/* --- what it could --- */

static oa_status build(oa_receiver *r, const oa_call *call,
                       const oa_codec *codec, oa_signal signal,
                       oa_error *error) {
  oa_buf *scratch = &r->threads[call->thread].scratch;
  const oa_codec_input in = {
      .signal = signal,
      .bytes = call->message == NULL ? (const uint8_t *)"" : call->message,
      .len = call->message_len,
      .max = r->options.max_message,
  };
  if (scratch->purse != NULL) {
    scratch->purse->outgrown = false;
  }
  const oa_status status = r->options.codecs->run(codec, &in, scratch, error);
  /* Too much for ever, or memory that may be there later? */
  const bool never = status == OA_ERR_NOMEM && scratch->purse != NULL &&
                     scratch->purse->outgrown;
  error->code = never ? OA_ERR_LIMIT : status;
  return error->code;
}

static oa_status decode(void *input, oa_otlp_builder *builder,
                        oa_otlp_result *result, oa_error *error) {
  const oa_buf *built = input;
  return oa_otlp_decode(builder, built->data, built->len, result, error);
}

void oa_receive_codec_take(oa_receiver *r, oa_call *call, size_t which,
                           oa_signal signal, oa_receive_reply reply) {
  oa_receive_thread *t = &r->threads[call->thread];
  const oa_codec *codec = &r->options.codecs->items[which];
  oa_error error;
  oa_outcome outcome;
  oa_intake intake = {
      .thread = call->thread,
      .signal = signal,
      .deadline_ns = call->deadline_ns,
      .bytes = call->message_len,
      .decode = decode,
      .input = &t->scratch,
  };
  /* Who is told to come back later need not be decoded now. */
  if (!oa_pipeline_admits(r->options.pipeline, &intake, &outcome)) {
    reply(r, call, &outcome);
    return;
  }
  t->scratch_ns = oa_clock_monotonic_ns();
  if (build(r, call, codec, signal, &error) == OA_OK) {
    oa_receive_take(r, call, &intake, reply);
  } else {
    refuse(r, call, codec, signal, &error);
  }
  if (t->scratch.cap > OA_SCRATCH_KEEP) {
    oa_buf_free(&t->scratch);
  }
}
