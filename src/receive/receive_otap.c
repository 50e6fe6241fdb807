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
#include "ingest/ack_line.h"
#include "net/grpc.h"
#include "net/hpack.h"
#include "receive/receive_answer.h"
#include "receive/receive_impl.h"
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
  oa_receiver *receiver;
  oa_call *call;
  oa_otap_stream *decoder;
  oa_hpack *hpack; /* NULL until a message brings headers */
  size_t counted;  /* of its memory, in the thread's sum */
  bool waiting;    /* the next message waits until answers have gone out */
  oa_ack ack;      /* of its messages at least */
  oa_ack_line line;
  bool ending; /* once the line is empty, as follows */
  oa_grpc_code end_code;
  char end_text[OA_ERROR_TEXT_SIZE + 96];
} stream;

/* A BatchStatus that waits. */
typedef struct late_status {
  oa_ack_entry entry;
  int64_t batch_id;
  oa_grpc_code code;
  char text[OA_ERROR_TEXT_SIZE + 64];
} late_status;

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

static bool answer_late(void *context, oa_ack_entry *entry);
static void on_moved(void *context);

static oa_status make_decoder(oa_receiver *r, const oa_call *call,
                              oa_otap_stream **out) {
  oa_receive_thread *t = &r->threads[call->thread];
  oa_otap_limits limits = oa_otap_limits_default;
  OA_TRY(oa_receive_inflater(t, &limits.inflater));
  limits.purse = &t->purse;
  return oa_otap_stream_new(out, (oa_signal)oa_operation(call), &limits);
}

static bool begin(oa_receiver *r, oa_call *call, const oa_request *request) {
  oa_ack ack;
  (void)request;
  if (!oa_receive_ack(r, call, &ack)) {
    oa_call_reply(call, &(oa_grpc_reply_data){.code = OA_GRPC_INVALID_ARGUMENT,
                                              .text = OA_ACK_UNKNOWN});
    return false;
  }
  stream *s = oa_calloc(1, sizeof *s);
  if (s != NULL && make_decoder(r, call, &s->decoder) != OA_OK) {
    oa_free(s);
    s = NULL;
  }
  if (s == NULL) {
    oa_call_reply(call, &(oa_grpc_reply_data){.code = OA_GRPC_UNAVAILABLE,
                                              .text = "out of memory",
                                              .retry_after_ms = 1000});
    return false;
  }
  s->receiver = r;
  s->call = call;
  s->ack = ack;
  s->line =
      (oa_ack_line){.answer = answer_late, .moved = on_moved, .context = s};
  call->user = s;
  return true;
}

static void free_stream(oa_receiver *r, oa_call *call) {
  stream *s = call->user;
  oa_ack_entry *entry;
  while ((entry = oa_ack_line_take(&s->line)) != NULL) {
    oa_free(entry);
  }
  r->threads[call->thread].stream_bytes -= s->counted;
  oa_otap_stream_free(s->decoder);
  oa_hpack_free(s->hpack);
  oa_free(s);
  call->user = NULL;
}

/* Ends the stream now; what it was sent before goes out first. */
static void end_now(oa_receiver *r, oa_call *call, oa_grpc_code code,
                    const char *text) {
  free_stream(r, call);
  oa_call_reply(call, &(oa_grpc_reply_data){.code = code, .text = text});
}

/* Ends the stream when all its messages are answered; until then no further
 * one is asked for. */
static void end_stream(oa_receiver *r, oa_call *call, oa_grpc_code code,
                       const char *text) {
  stream *s = call->user;
  if (s->line.head == NULL) {
    end_now(r, call, code, text);
    return;
  }
  s->ending = true;
  s->end_code = code;
  snprintf(s->end_text, sizeof s->end_text, "%s", text == NULL ? "" : text);
}

/* Counts what the stream keeps now; NULL, or what it passes by that. */
static const char *passed_bound(oa_receiver *r, const oa_call *call) {
  oa_receive_thread *t = &r->threads[call->thread];
  stream *s = call->user;
  const size_t now = oa_otap_stream_memory(s->decoder);
  const bool grown = now > s->counted;
  t->stream_bytes = t->stream_bytes - s->counted + now;
  s->counted = now;
  if (grown && r->options.max_stream != 0 && now > r->options.max_stream) {
    return "the dictionaries of the stream pass the limit";
  }
  return grown && t->stream_bytes > r->options.stream_budget
             ? "the dictionaries of all streams together pass the limit"
             : NULL;
}

/* --- the headers of a message --- */

/* What a message says of itself beside its tables. */
typedef struct envelope {
  int64_t batch_id;
  oa_cursor headers; /* an HPACK block; empty when there is none */
  uint64_t deadline_ns;
  oa_ack ack;
  bool ack_unknown; /* its header names no level */
} envelope;

/* Looks at the outermost fields alone.  What is wrong with them is the
 * decoder's to say. */
static void open_envelope(const oa_call *call, envelope *out) {
  enum { BATCH_ID = 1, HEADERS = 3 };
  const stream *s = call->user;
  oa_cursor cursor = oa_cursor_over(call->message, call->message_len);
  oa_status status = OA_OK;
  uint32_t tag;

  *out = (envelope){.deadline_ns = call->deadline_ns,
                    .ack = s->ack,
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

static bool is_field(const char *wanted, const uint8_t *name, size_t len) {
  return len == strlen(wanted) && memcmp(name, wanted, len) == 0;
}

/* A message may have a deadline of its own, counted from when it came, and
 * ask for more than its stream before it is acknowledged. */
static void take_field(void *context, const uint8_t *name, size_t name_len,
                       const uint8_t *value, size_t value_len) {
  envelope *e = context;
  uint64_t ns = 0;
  if (is_field("grpc-timeout", name, name_len) &&
      oa_grpc_timeout_parse(value, value_len, &ns) == OA_OK) {
    const uint64_t now = oa_clock_monotonic_ns();
    const uint64_t end = ns > UINT64_MAX - now ? UINT64_MAX : now + ns;
    if (e->deadline_ns == 0 || end < e->deadline_ns) {
      e->deadline_ns = end;
    }
  }
  if (is_field(OA_ACK_HEADER, name, name_len) &&
      !oa_ack_raise(&e->ack, (const char *)value, value_len)) {
    e->ack_unknown = true;
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
  bool outgrown; /* the builder has got too large by it */
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
  in->outgrown = oa_otlp_builder_outgrown(builder);
  /* A bound that this message passes by itself it will pass again. */
  return in->status == OA_ERR_LIMIT && !in->outgrown ? OA_ERR_MALFORMED
                                                     : in->status;
}

/* The code that a sender understands, for what the pipeline said. */
static oa_grpc_code code_of(const input *in, oa_grpc_code code) {
  if (in->status == OA_ERR_LIMIT && in->outgrown) {
    /* Others may have been in the way; if not it is never to come again. */
    return code == OA_GRPC_UNAVAILABLE ? code : OA_GRPC_INVALID_ARGUMENT;
  }
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

static bool answer_late(void *context, oa_ack_entry *entry) {
  stream *s = context;
  late_status *late = (late_status *)entry; /* its first member */
  if (entry->failed) {
    late->code = OA_GRPC_UNAVAILABLE;
    snprintf(late->text, sizeof late->text, "cannot write: %s", entry->why);
  }
  const oa_status status =
      send_status(s->call, late->batch_id, late->code, late->text);
  oa_free(late);
  if (status != OA_OK) {
    end_now(s->receiver, s->call, OA_GRPC_UNAVAILABLE, "out of memory");
    return false;
  }
  return true;
}

static late_status *new_late(stream *s) {
  late_status *late = oa_malloc(sizeof *late);
  if (late != NULL) {
    oa_ack_entry_init(&late->entry, &s->line);
  }
  return late;
}

/* Answers the message that came last, in its turn: behind those that wait, and
 * with WAITS when its rows are safe.  LATE, which may be NULL, is taken. */
static oa_status answer(oa_call *call, late_status *late, bool waits,
                        int64_t batch_id, oa_grpc_code code, const char *text) {
  stream *s = call->user;
  if (!waits && s->line.head == NULL) {
    oa_free(late);
    return send_status(call, batch_id, code, text);
  }
  if (late == NULL) {
    late = new_late(s);
  }
  if (late == NULL) {
    return OA_ERR_NOMEM;
  }
  late->batch_id = batch_id;
  late->code = code;
  snprintf(late->text, sizeof late->text, "%s", text);
  oa_ack_line_add(&s->line, &late->entry, !waits);
  return OA_OK;
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
                 oa_ack_wait *wait, oa_outcome *outcome) {
  const oa_intake intake = {
      .thread = call->thread,
      .signal = (oa_signal)oa_operation(call),
      .deadline_ns = e->deadline_ns,
      .bytes = call->message_len,
      .decode = decode,
      .input = in,
      .once = true, /* it changes the stream's dictionaries */
      .ack = e->ack,
      .wait = wait,
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

/* The headers are no HPACK block, or name no level, or there is no memory. */
static void refuse_headers(oa_receiver *r, oa_call *call, const envelope *e,
                           oa_status status) {
  const bool memory = status == OA_ERR_NOMEM;
  oa_signal_counters *counters =
      &r->options.counters->blocks[call->thread].signals[oa_operation(call)];
  oa_count(&counters->requests, 1);
  oa_count(&counters->refused[memory ? OA_REFUSED_BUFFER_FULL
                                     : OA_REFUSED_MALFORMED],
           1);
  const input in = {.status = memory ? status : OA_ERR_MALFORMED};
  const oa_grpc_code code =
      memory ? OA_GRPC_UNAVAILABLE : OA_GRPC_INVALID_ARGUMENT;
  const char *said = "headers: is not an HPACK block of at most 16384 bytes";
  if (memory) {
    said = "out of memory";
  } else if (e->ack_unknown) {
    said = OA_ACK_UNKNOWN;
  }
  if (answer(call, NULL, false, e->batch_id, code, said) != OA_OK) {
    end_stream(r, call, OA_GRPC_UNAVAILABLE, "out of memory");
    return;
  }
  break_stream(r, call, &in, code, said);
}

static bool must_wait(const oa_call *call) {
  const stream *s = call->user;
  return oa_call_unsent(call) > MAX_UNSENT || s->line.count >= OA_ACK_LINE_MAX;
}

static void on_message(oa_receiver *r, oa_call *call) {
  stream *s = call->user;
  input in = {.call = call, .batch = {.batch_id = -1}};
  late_status *late = NULL;
  envelope e;
  oa_outcome outcome;

  oa_status status = read_headers(call, &e);
  if (status == OA_OK && e.ack != OA_ACK_MEMORY) {
    late = new_late(s);
    status = late == NULL ? OA_ERR_NOMEM : OA_OK;
  }
  if (status != OA_OK || e.ack_unknown) {
    oa_free(late);
    refuse_headers(r, call, &e, status);
    return;
  }
  take(r, call, &e, &in, late == NULL ? NULL : &late->entry.wait, &outcome);
  oa_grpc_code code = code_of(&in, outcome.code);
  /* A number below 0 is odd but a number; -1 may also stand for none. */
  const bool known = in.status == OA_OK || in.batch.batch_id >= 0;
  if (!known) {
    if (late != NULL) {
      oa_ack_forget(&late->entry.wait);
    }
    oa_free(late);
  } else if (answer(call, late, outcome.waits, in.batch.batch_id, code,
                    outcome.text) != OA_OK) {
    end_stream(r, call, OA_GRPC_UNAVAILABLE, "out of memory");
    return;
  }
  if (in.status != OA_OK && (!known || !in.batch.in_step)) {
    break_stream(r, call, &in, code, outcome.text);
    return;
  }
  const char *passed = passed_bound(r, call);
  if (passed != NULL) {
    break_stream(r, call, &in, OA_GRPC_RESOURCE_EXHAUSTED, passed);
    return;
  }
  if (must_wait(call)) {
    s->waiting = true;
    return;
  }
  oa_call_message_done(call);
}

/* What waited for answers to go out goes on. */
static void on_moved(void *context) {
  stream *s = context;
  if (s->ending) {
    if (s->line.head == NULL) {
      char text[sizeof s->end_text]; /* outlives the stream */
      memcpy(text, s->end_text, sizeof text);
      end_now(s->receiver, s->call, s->end_code, text[0] == '\0' ? NULL : text);
    }
  } else if (s->waiting && !must_wait(s->call)) {
    s->waiting = false;
    oa_call_message_done(s->call);
  }
}

static void on_drained(oa_receiver *r, oa_call *call) {
  (void)r;
  if (call->user != NULL) {
    on_moved(call->user);
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
