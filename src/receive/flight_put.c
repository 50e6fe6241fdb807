/* SPDX-License-Identifier: Apache-2.0 */
/* DoPut: batches in, a PutResult for each that was taken. */
#include "flight/put.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "ingest/ack_line.h"
#include "otlp/json_text.h"
#include "receive/flight_impl.h"

enum {
  /* What a client is told that it sent itself. */
  MAX_REF = 4096,
};

/* The fate of one batch, or of several. */
typedef struct verdict {
  uint64_t batch; /* the number of the last one */
  uint64_t batches;
  uint64_t rows;
  uint64_t rejected;
  char reason[sizeof((oa_otlp_result *)0)->reason];
} verdict;

typedef struct storing {
  oa_receiver *receiver;
  oa_call *call;
  oa_flight_put *put;
  size_t counted;
  uint64_t taken;  /* batches */
  verdict pending; /* not told yet: the client does not read */
  oa_ack ack;
  oa_ack_line line;
  bool waiting; /* the next message waits for the line */
  bool ending;  /* once the line is empty, as follows */
  oa_grpc_reply_data end;
  char end_text[2 * OA_ERROR_TEXT_SIZE];
} storing;

/* A PutResult that waits. */
typedef struct late_verdict {
  oa_ack_entry entry;
  verdict verdict;
  size_t ref_len;
  uint8_t ref[MAX_REF];
} late_verdict;

static void release(oa_receiver *r, oa_call *call) {
  storing *state = call->user;
  oa_ack_entry *entry;
  while ((entry = oa_ack_line_take(&state->line)) != NULL) {
    oa_free(entry);
  }
  oa_flight_count(r, call, &state->counted, 0);
  oa_flight_put_free(state->put);
  oa_free(state);
}

static bool tell_pending(oa_receiver *r, oa_call *call);
static bool answer_late(void *context, oa_ack_entry *entry);
static void on_moved(void *context);

static bool ensure_state(oa_receiver *r, oa_call *call) {
  oa_ack ack;
  oa_error error;
  if (call->user != NULL) {
    return true;
  }
  if (!oa_receive_ack(r, call, &ack)) {
    oa_error_set(&error, OA_ERR_MALFORMED, "%s", OA_ACK_UNKNOWN);
    oa_flight_fail(r, call, OA_ERR_MALFORMED, &error);
    return false;
  }
  oa_inflater *inflater = NULL;
  storing *state = oa_calloc(1, sizeof *state);
  if (state == NULL ||
      oa_receive_inflater(&r->threads[call->thread], &inflater) != OA_OK ||
      oa_flight_put_new(&state->put, r->options.max_message,
                        OA_FLIGHT_PUT_MEMORY) != OA_OK) {
    oa_free(state);
    oa_error_set(&error, OA_ERR_NOMEM, "no memory for a stream");
    oa_flight_fail(r, call, OA_ERR_NOMEM, &error);
    return false;
  }
  oa_flight_put_set_purse(state->put, &r->threads[call->thread].purse);
  oa_flight_put_set_inflater(state->put, inflater);
  state->receiver = r;
  state->call = call;
  state->ack = ack;
  state->line =
      (oa_ack_line){.answer = answer_late, .moved = on_moved, .context = state};
  call->user = state;
  return true;
}

/* Ends the stream when all its batches are answered; until then no further
 * message is asked for. */
static void end_stream(oa_receiver *r, oa_call *call,
                       const oa_grpc_reply_data *reply) {
  storing *state = call->user;
  if (state->line.head == NULL) {
    if (tell_pending(r, call)) {
      oa_flight_end(r, call, reply);
    }
    return;
  }
  state->ending = true;
  state->end = *reply;
  if (reply->text != NULL) {
    snprintf(state->end_text, sizeof state->end_text, "%s", reply->text);
    state->end.text = state->end_text;
  }
}

/* --- answers --- */

static oa_status put_text(oa_buf *out, const char *key, const uint8_t *text,
                          size_t len) {
  oa_buf whole = {0};
  oa_status status = oa_buf_printf(out, ",\"%s\":", key);
  if (status == OA_OK) {
    status = oa_utf8_repair(&whole, text, len);
  }
  if (status == OA_OK) {
    status = oa_json_put_string(out, whole.data, whole.len);
  }
  oa_buf_free(&whole);
  return status;
}

static oa_status put_verdict(const verdict *v, oa_cursor ref, oa_buf *out) {
  const size_t ref_len = oa_cursor_left(&ref);
  OA_TRY(oa_buf_printf(
      out, "{\"batch\":%" PRIu64 ",\"rows\":%" PRIu64 ",\"rejected\":%" PRIu64,
      v->batch, v->rows, v->rejected));
  if (v->batches > 1) {
    OA_TRY(oa_buf_printf(out, ",\"batches\":%" PRIu64, v->batches));
  }
  if (v->reason[0] != '\0') {
    OA_TRY(
        put_text(out, "error", (const uint8_t *)v->reason, strlen(v->reason)));
  }
  if (ref_len > 0 && ref_len <= MAX_REF && oa_utf8_valid(ref.at, ref_len)) {
    OA_TRY(put_text(out, "ref", ref.at, ref_len));
  }
  return oa_buf_printf(out, "}");
}

/* Sends a PutResult.  False: the call was ended. */
static bool tell(oa_receiver *r, oa_call *call, const verdict *v,
                 oa_cursor ref) {
  oa_buf json = {0};
  oa_emit emit = {.status = put_verdict(v, ref, &json)};
  if (emit.status == OA_OK) {
    oa_flight_write_put_result(&emit, &json);
  }
  oa_buf_free(&json);
  return oa_flight_send(r, call, &emit);
}

/* What a client that reads again has missed. */
static bool tell_pending(oa_receiver *r, oa_call *call) {
  storing *state = call->user;
  const verdict pending = state->pending;
  state->pending = (verdict){0};
  return pending.batches == 0 || tell(r, call, &pending, (oa_cursor){0});
}

/* A client may send all before it reads any answer; making it wait would be
 * for ever.  So when much is unread, answers are added up instead of kept. */
static bool note(oa_receiver *r, oa_call *call, const verdict *v,
                 oa_cursor ref) {
  storing *state = call->user;
  verdict *pending = &state->pending;
  if (oa_call_unsent(call) <= OA_FLIGHT_MAX_UNSENT) {
    return tell_pending(r, call) && tell(r, call, v, ref);
  }
  pending->batch = v->batch;
  pending->batches += v->batches;
  pending->rows += v->rows;
  pending->rejected += v->rejected;
  if (pending->reason[0] == '\0') {
    memcpy(pending->reason, v->reason, sizeof pending->reason);
  }
  return true;
}

/* --- answers that wait --- */

static bool answer_late(void *context, oa_ack_entry *entry) {
  storing *state = context;
  late_verdict *late = (late_verdict *)entry; /* its first member */
  char text[OA_ERROR_TEXT_SIZE + 128];
  bool goes_on = true;
  if (!entry->failed) {
    goes_on = note(state->receiver, state->call, &late->verdict,
                   oa_cursor_over(late->ref, late->ref_len));
  } else {
    snprintf(text, sizeof text,
             "batch %" PRIu64 ": cannot write: %s; those before it are taken",
             late->verdict.batch, entry->why);
    if (tell_pending(state->receiver, state->call)) {
      oa_flight_end(
          state->receiver, state->call,
          &(oa_grpc_reply_data){.code = OA_GRPC_UNAVAILABLE,
                                .text = text,
                                .retry_after_ms = oa_pipeline_retry_ms(
                                    state->receiver->options.pipeline)});
    }
    goes_on = false;
  }
  oa_free(late);
  return goes_on;
}

/* What waited for answers to go out goes on. */
static void on_moved(void *context) {
  storing *state = context;
  if (state->ending && state->line.head == NULL) {
    oa_grpc_reply_data end = state->end;
    char text[sizeof state->end_text];
    memcpy(text, state->end_text, sizeof text);
    end.text = end.text == NULL ? NULL : text;
    if (tell_pending(state->receiver, state->call)) {
      oa_flight_end(state->receiver, state->call, &end);
    }
  } else if (!state->ending && state->waiting &&
             state->line.count < OA_ACK_LINE_MAX) {
    state->waiting = false;
    oa_call_message_done(state->call);
  }
}

static late_verdict *new_late(storing *state) {
  late_verdict *late = oa_malloc(sizeof *late);
  if (late != NULL) {
    oa_ack_entry_init(&late->entry, &state->line);
  }
  return late;
}

/* Tells V in its turn: behind those that wait, and with WAITS when the rows
 * are safe.  LATE is NULL when nothing has to wait.  False: the call was
 * ended. */
static bool answer(oa_receiver *r, oa_call *call, late_verdict *late,
                   bool waits, const verdict *v) {
  storing *state = call->user;
  const oa_cursor ref = oa_flight_put_metadata(state->put);
  const size_t len = oa_cursor_left(&ref);
  if (late == NULL || (!waits && state->line.head == NULL)) {
    oa_free(late);
    return note(r, call, v, ref);
  }
  late->verdict = *v;
  late->ref_len = len <= MAX_REF ? len : 0;
  if (late->ref_len > 0) {
    memcpy(late->ref, ref.at, late->ref_len);
  }
  oa_ack_line_add(&state->line, &late->entry, !waits);
  return true;
}

/* --- batches --- */

/* Ends the stream at a batch that was not taken. */
static void refuse(oa_receiver *r, oa_call *call, oa_grpc_code code,
                   const char *why, uint32_t retry_after_ms) {
  const storing *state = call->user;
  char text[2 * OA_ERROR_TEXT_SIZE];
  snprintf(text, sizeof text,
           "batch %" PRIu64 ": %s; the %" PRIu64 " before it %s taken",
           state->taken, why, state->taken, state->taken == 1 ? "was" : "were");
  end_stream(r, call,
             &(oa_grpc_reply_data){
                 .code = code, .text = text, .retry_after_ms = retry_after_ms});
}

/* The stream is no valid one: nothing of the pipeline has counted that. */
static void refuse_stream(oa_receiver *r, oa_call *call, oa_status status,
                          const oa_error *error) {
  const storing *state = call->user;
  oa_counter_block *block = &r->options.counters->blocks[call->thread];
  const oa_refusal reason =
      status == OA_ERR_LIMIT ? OA_REFUSED_TOO_LARGE : OA_REFUSED_MALFORMED;
  oa_signal signal;
  if (status == OA_ERR_NOMEM) {
    refuse(r, call, OA_GRPC_UNAVAILABLE, error->text,
           oa_pipeline_retry_ms(r->options.pipeline));
    return;
  }
  if (oa_flight_put_begun(state->put, &signal)) {
    oa_count(&block->signals[signal].requests, 1);
    oa_count(&block->signals[signal].refused[reason], 1);
  } else {
    oa_count(&block->refused[reason], 1);
  }
  refuse(r, call,
         status == OA_ERR_LIMIT ? OA_GRPC_RESOURCE_EXHAUSTED
                                : OA_GRPC_INVALID_ARGUMENT,
         error->text, 0);
}

/* Gives one batch to the pipeline.  False: the call was ended, or will be. */
static bool take(oa_receiver *r, oa_call *call, size_t bytes) {
  storing *state = call->user;
  late_verdict *late = NULL;
  if (state->ack != OA_ACK_MEMORY) {
    late = new_late(state);
    if (late == NULL) {
      refuse(r, call, OA_GRPC_UNAVAILABLE, "out of memory",
             oa_pipeline_retry_ms(r->options.pipeline));
      return false;
    }
  }
  const oa_intake intake = {
      .thread = call->thread,
      .signal = oa_flight_put_signal(state->put),
      .deadline_ns = call->deadline_ns,
      .bytes = bytes,
      .decode = oa_flight_put_decode,
      .input = state->put,
      .ack = state->ack,
      .wait = late == NULL ? NULL : &late->entry.wait,
  };
  oa_outcome outcome;
  oa_pipeline_take(r->options.pipeline, &intake, &outcome);
  if (outcome.code != OA_GRPC_OK) {
    oa_free(late);
    refuse(r, call, outcome.code, outcome.text, outcome.retry_after_ms);
    return false;
  }
  verdict v = {.batch = state->taken,
               .batches = 1,
               .rows = outcome.result.accepted,
               .rejected = outcome.result.rejected};
  snprintf(v.reason, sizeof v.reason, "%s", outcome.result.reason);
  if (v.rows == 0 && v.rejected > 0) {
    char text[sizeof v.reason + 64];
    snprintf(text, sizeof text, "no row could be taken; the first: %s",
             v.reason);
    oa_free(late); /* nothing was taken, so it does not wait */
    refuse(r, call, OA_GRPC_INVALID_ARGUMENT, text, 0);
    return false;
  }
  state->taken++;
  return answer(r, call, late, outcome.waits, &v);
}

/* Counts what the stream keeps.  False: it, or all together, keep too much. */
static bool within_budget(oa_receiver *r, oa_call *call) {
  storing *state = call->user;
  const size_t before = state->counted;
  oa_flight_count(r, call, &state->counted, oa_flight_put_memory(state->put));
  const bool alone =
      r->options.max_stream != 0 && state->counted > r->options.max_stream;
  if (state->counted <= before ||
      (!alone &&
       r->threads[call->thread].stream_bytes <= r->options.stream_budget)) {
    return true;
  }
  end_stream(r, call,
             &(oa_grpc_reply_data){
                 .code = OA_GRPC_RESOURCE_EXHAUSTED,
                 .text = alone ? "the dictionaries of the stream pass the "
                                 "limit; open a new stream"
                               : "the dictionaries of all streams together "
                                 "pass the limit; close streams that are not "
                                 "used"});
  return false;
}

static bool on_message(oa_receiver *r, oa_call *call) {
  oa_error error = {.text = ""};
  if (!ensure_state(r, call)) {
    return false;
  }
  storing *state = call->user;
  size_t bytes = call->message_len;
  oa_status status = oa_flight_put_message(state->put, call->message,
                                           call->message_len, &error);
  while (status == OA_OK) {
    status = oa_flight_put_next(state->put, &error);
    if (status == OA_OK && !take(r, call, bytes)) {
      return false;
    }
    bytes = 0;
  }
  if (status != OA_END) {
    refuse_stream(r, call, status, &error);
    return false;
  }
  if (!within_budget(r, call)) {
    return false;
  }
  state->waiting = state->line.count >= OA_ACK_LINE_MAX;
  return !state->waiting;
}

static void on_ended(oa_receiver *r, oa_call *call) {
  if (call->user == NULL) {
    oa_flight_end_ok(r, call);
  } else {
    end_stream(r, call, &(oa_grpc_reply_data){.code = OA_GRPC_OK});
  }
}

static void on_drained(oa_receiver *r, oa_call *call) {
  if (call->user != NULL) {
    (void)tell_pending(r, call);
  }
}

const oa_flight_method oa_flight_do_put = {
    .name = "DoPut",
    .message = on_message,
    .ended = on_ended,
    .drained = on_drained,
    .release = release,
};
