/* SPDX-License-Identifier: Apache-2.0 */
/* OpenTelemetry's Arrow protocol: three bidirectional streams, one a signal
 * (opentelemetry.proto.experimental.arrow.v1).  Every message is answered with
 * one BatchStatus, in order.
 *
 * Senders know four codes in a BatchStatus: OK, INVALID_ARGUMENT (never send
 * it again), RESOURCE_EXHAUSTED and UNAVAILABLE (send it again later).  Others
 * make them break the stream. */
#include "otap/otap.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "net/grpc.h"
#include "net/hpack.h"
#include "service/receive_answer.h"
#include "service/receive_impl.h"
#include "wire/cursor.h"
#include "wire/emit.h"

#define ARROW "/opentelemetry.proto.experimental.arrow.v1."

static const char *const paths[OA_SIGNAL_COUNT] = {
    [OA_TRACES] = ARROW "ArrowTracesService/ArrowTraces",
    [OA_METRICS] = ARROW "ArrowMetricsService/ArrowMetrics",
    [OA_LOGS] = ARROW "ArrowLogsService/ArrowLogs",
};

/* A peer that sends and does not read its answers must wait once so many of
 * their bytes lie here. */
enum { MAX_UNSENT = 64 * 1024 };

/* As much as the head of a call may have. */
enum { MAX_HEADERS = 16 * 1024 };

/* What one stream keeps, in call->user. */
typedef struct stream {
  oa_otap_stream *decoder;
  oa_hpack *hpack; /* NULL until a message brings headers */
  size_t counted;  /* of its memory, in the thread's sum */
  bool waiting;    /* the next message waits until answers have gone out */
} stream;

static int match(const oa_request *request, oa_call_kind *kind) {
  if (!request->grpc || strcmp(request->method, "POST") != 0) {
    return -1;
  }
  *kind = OA_CALL_STREAM;
  return oa_path_signal(paths, request->path);
}

static int signal_of(int operation) {
  return operation;
}

/* --- the life of a stream --- */

static bool begin(oa_receiver *r, oa_call *call, const oa_request *request) {
  (void)r;
  (void)request;
  stream *s = oa_calloc(1, sizeof *s);
  if (s != NULL &&
      oa_otap_stream_new(&s->decoder, (oa_signal)oa_operation(call), NULL) !=
          OA_OK) {
    oa_free(s);
    s = NULL;
  }
  if (s == NULL) {
    oa_call_reply(call, &(oa_grpc_reply_data){.code = OA_GRPC_UNAVAILABLE,
                                              .text = "out of memory",
                                              .retry_after_ms = 1000});
    return false;
  }
  call->user = s;
  return true;
}

static void free_stream(oa_receiver *r, oa_call *call) {
  stream *s = call->user;
  r->threads[call->thread].stream_bytes -= s->counted;
  oa_otap_stream_free(s->decoder);
  oa_hpack_free(s->hpack);
  oa_free(s);
  call->user = NULL;
}

/* Ends the stream; what it was sent before goes out first. */
static void end_stream(oa_receiver *r, oa_call *call, oa_grpc_code code,
                       const char *text) {
  free_stream(r, call);
  oa_call_reply(call, &(oa_grpc_reply_data){.code = code, .text = text});
}

/* Counts what the stream keeps now; false when all streams of the thread
 * together keep too much. */
static bool within_budget(oa_receiver *r, const oa_call *call) {
  oa_receive_thread *t = &r->threads[call->thread];
  stream *s = call->user;
  const size_t now = oa_otap_stream_memory(s->decoder);
  const bool grown = now > s->counted;
  t->stream_bytes = t->stream_bytes - s->counted + now;
  s->counted = now;
  return !grown || t->stream_bytes <= r->options.stream_budget;
}

/* --- the headers of a message --- */

/* What a message says of itself beside its tables. */
typedef struct envelope {
  int64_t batch_id;
  oa_cursor headers; /* an HPACK block; empty when there is none */
  uint64_t deadline_ns;
} envelope;

/* Looks at the outermost fields alone.  What is wrong with them is the
 * decoder's to say. */
static void open_envelope(const oa_call *call, envelope *out) {
  enum { BATCH_ID = 1, HEADERS = 3 };
  oa_cursor cursor = oa_cursor_over(call->message, call->message_len);
  oa_status status = OA_OK;
  uint32_t tag;

  *out = (envelope){.deadline_ns = call->deadline_ns,
                    .headers = oa_cursor_over(call->message, 0)};
  while (status == OA_OK && !oa_cursor_done(&cursor) &&
         oa_cursor_tag(&cursor, &tag) == OA_OK) {
    uint64_t number = 0;
    if (tag == OA_TAG(HEADERS, OA_WIRE_BYTES)) {
      status = oa_cursor_bytes(&cursor, &out->headers);
    } else if (tag == OA_TAG(BATCH_ID, OA_WIRE_VARINT)) {
      status = oa_cursor_varint(&cursor, &number);
      out->batch_id = (int64_t)number;
    } else {
      status = oa_cursor_skip(&cursor, tag);
    }
  }
}

/* A message may have a deadline of its own, counted from when it came. */
static void take_field(void *context, const uint8_t *name, size_t name_len,
                       const uint8_t *value, size_t value_len) {
  static const char timeout[] = "grpc-timeout";
  envelope *e = context;
  uint64_t ns = 0;
  if (name_len == sizeof timeout - 1 && memcmp(name, timeout, name_len) == 0 &&
      oa_grpc_timeout_parse(value, value_len, &ns) == OA_OK) {
    const uint64_t now = oa_clock_monotonic_ns();
    const uint64_t end = ns > UINT64_MAX - now ? UINT64_MAX : now + ns;
    if (e->deadline_ns == 0 || end < e->deadline_ns) {
      e->deadline_ns = end;
    }
  }
}

/* Every block must be read, as the next ones build on it. */
static oa_status read_headers(const oa_call *call, envelope *e) {
  stream *s = call->user;
  open_envelope(call, e);
  if (oa_cursor_done(&e->headers)) {
    return OA_OK;
  }
  if (s->hpack == NULL) {
    OA_TRY(oa_hpack_new(&s->hpack));
  }
  return oa_hpack_read(s->hpack, e->headers.at, oa_cursor_left(&e->headers),
                       MAX_HEADERS, take_field, e);
}

/* --- messages --- */

typedef struct input {
  const oa_call *call;
  oa_otap_batch batch;
  oa_status status;
  oa_error error;
} input;

static void run_decoder(input *in, oa_otlp_builder *builder) {
  stream *s = in->call->user;
  in->status = oa_otap_decode(s->decoder, builder, in->call->message,
                              in->call->message_len, &in->batch, &in->error);
}

static oa_status decode(void *context, oa_otlp_builder *builder,
                        oa_otlp_result *result, oa_error *error) {
  input *in = context;
  run_decoder(in, builder);
  *result = in->batch.result;
  if (error != NULL) {
    *error = in->error;
  }
  /* A bound that this message passes it will pass again. */
  return in->status == OA_ERR_LIMIT ? OA_ERR_MALFORMED : in->status;
}

/* The code that a sender understands, for what the pipeline said. */
static oa_grpc_code code_of(const input *in, oa_grpc_code code) {
  if (in->status == OA_ERR_LIMIT) {
    return OA_GRPC_RESOURCE_EXHAUSTED;
  }
  if (in->status != OA_OK && in->status != OA_ERR_NOMEM) {
    return OA_GRPC_INVALID_ARGUMENT;
  }
  return code == OA_GRPC_OK ? OA_GRPC_OK : OA_GRPC_UNAVAILABLE;
}

/* Queues BatchStatus {batch_id, status_code, status_message}. */
static oa_status send_status(oa_call *call, int64_t batch_id, oa_grpc_code code,
                             const char *text) {
  oa_emit emit = {0};
  oa_emit_varint_set(&emit, 1, (uint64_t)batch_id);
  oa_emit_varint_set(&emit, 2, (uint64_t)code);
  oa_answer_emit_text(&emit, 3, text);
  oa_status status = emit.status;
  if (status == OA_OK) {
    status = oa_call_send(call, emit.out.data, emit.out.len);
  }
  oa_buf_free(&emit.out);
  return status;
}

static void describe(const oa_otlp_result *result, char *text, size_t size) {
  if (result->rejected > 0) {
    snprintf(text, size,
             "%" PRIu64 " of %" PRIu64 " records were left out; the first: %s",
             result->rejected, result->rejected + result->accepted,
             result->reason);
  } else {
    snprintf(text, size, "%s", result->reason);
  }
}

/* The decoder's state is lost, or there is too much of it. */
static void break_stream(oa_receiver *r, oa_call *call, const input *in,
                         oa_grpc_code code, const char *text) {
  char why[OA_ERROR_TEXT_SIZE + 96];
  snprintf(why, sizeof why, "%s; open a new stream", text);
  /* A message that is bad makes the stream's dictionaries unknown, which is
   * not the fault of the batches after it: INTERNAL lets their sender try
   * them again on another stream. */
  end_stream(r, call,
             in->status == OA_OK || code != OA_GRPC_INVALID_ARGUMENT
                 ? code
                 : OA_GRPC_INTERNAL,
             why);
}

static void take(oa_receiver *r, oa_call *call, const envelope *e, input *in,
                 oa_outcome *outcome) {
  const oa_intake intake = {
      .thread = call->thread,
      .signal = (oa_signal)oa_operation(call),
      .deadline_ns = e->deadline_ns,
      .bytes = call->message_len,
      .decode = decode,
      .input = in,
  };
  oa_pipeline_take(r->options.pipeline, &intake, outcome);
  if (!outcome->decoded) {
    /* The message may bring dictionaries that later ones need. */
    run_decoder(in, NULL);
    if (in->status != OA_OK) {
      snprintf(outcome->text, sizeof outcome->text, "%s", in->error.text);
    }
  } else if (outcome->code == OA_GRPC_OK) {
    describe(&outcome->result, outcome->text, sizeof outcome->text);
  }
}

/* The headers are garbage, or there is no memory for them. */
static void refuse_headers(oa_receiver *r, oa_call *call, const envelope *e,
                           oa_status status) {
  static const char text[] =
      "headers: is not an HPACK block of at most 16384 bytes";
  const bool memory = status == OA_ERR_NOMEM;
  oa_signal_counters *counters =
      &r->options.counters->blocks[call->thread].signals[oa_operation(call)];
  oa_count(&counters->requests, 1);
  oa_count(&counters->refused[memory ? OA_REFUSED_BUFFER_FULL
                                     : OA_REFUSED_MALFORMED],
           1);
  const input in = {.status = status};
  const oa_grpc_code code =
      memory ? OA_GRPC_UNAVAILABLE : OA_GRPC_INVALID_ARGUMENT;
  const char *said = memory ? "out of memory" : text;
  if (send_status(call, e->batch_id, code, said) != OA_OK) {
    end_stream(r, call, OA_GRPC_UNAVAILABLE, "out of memory");
    return;
  }
  break_stream(r, call, &in, code, said);
}

static void on_message(oa_receiver *r, oa_call *call) {
  stream *s = call->user;
  input in = {.call = call, .batch = {.batch_id = -1}};
  envelope e;
  oa_outcome outcome;

  const oa_status status = read_headers(call, &e);
  if (status != OA_OK) {
    refuse_headers(r, call, &e, status);
    return;
  }
  take(r, call, &e, &in, &outcome);
  oa_grpc_code code = code_of(&in, outcome.code);
  const bool known = in.batch.batch_id >= 0;
  if (known &&
      send_status(call, in.batch.batch_id, code, outcome.text) != OA_OK) {
    end_stream(r, call, OA_GRPC_UNAVAILABLE, "out of memory");
    return;
  }
  if (in.status != OA_OK && (!known || !in.batch.in_step)) {
    break_stream(r, call, &in, code, outcome.text);
    return;
  }
  if (!within_budget(r, call)) {
    break_stream(r, call, &in, OA_GRPC_RESOURCE_EXHAUSTED,
                 "the dictionaries of all streams together pass the limit");
    return;
  }
  if (oa_call_unsent(call) > MAX_UNSENT) {
    s->waiting = true;
    return;
  }
  oa_call_message_done(call);
}

static void on_drained(oa_receiver *r, oa_call *call) {
  stream *s = call->user;
  (void)r;
  if (s != NULL && s->waiting) {
    s->waiting = false;
    oa_call_message_done(call);
  }
}

static void on_ended(oa_receiver *r, oa_call *call) {
  end_stream(r, call, OA_GRPC_OK, NULL);
}

const oa_protocol oa_protocol_otap = {
    .match = match,
    .begin = begin,
    .message = on_message,
    .ended = on_ended,
    .canceled = free_stream,
    .drained = on_drained,
    .signal = signal_of,
};
