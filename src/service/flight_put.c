/* SPDX-License-Identifier: Apache-2.0 */
/* DoPut: batches in, a PutResult for each that was taken. */
#include "flight/put.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "otlp/json_text.h"
#include "service/flight_impl.h"

enum {
  /* What a client is told that it sent itself. */
  MAX_REF = 4096,
  RETRY_MS = 500,
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
  oa_flight_put *put;
  size_t counted;
  uint64_t taken;  /* batches */
  verdict pending; /* not told yet: the client does not read */
} storing;

static void release(oa_receiver *r, oa_call *call) {
  storing *state = call->user;
  oa_flight_count(r, call, &state->counted, 0);
  oa_flight_put_free(state->put);
  oa_free(state);
}

static bool ensure_state(oa_receiver *r, oa_call *call) {
  if (call->user != NULL) {
    return true;
  }
  oa_error error;
  storing *state = oa_calloc(1, sizeof *state);
  if (state == NULL || oa_flight_put_new(&state->put, r->options.max_message,
                                         OA_FLIGHT_PUT_MEMORY) != OA_OK) {
    oa_free(state);
    oa_error_set(&error, OA_ERR_NOMEM, "no memory for a stream");
    oa_flight_fail(r, call, OA_ERR_NOMEM, &error);
    return false;
  }
  call->user = state;
  return true;
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

/* --- batches --- */

/* Ends the stream at a batch that was not taken. */
static void refuse(oa_receiver *r, oa_call *call, oa_grpc_code code,
                   const char *why, uint32_t retry_after_ms) {
  const storing *state = call->user;
  char text[2 * OA_ERROR_TEXT_SIZE];
  snprintf(text, sizeof text,
           "batch %" PRIu64 ": %s; the %" PRIu64 " before it %s taken",
           state->taken, why, state->taken, state->taken == 1 ? "was" : "were");
  if (tell_pending(r, call)) {
    oa_flight_end(
        r, call,
        &(oa_grpc_reply_data){
            .code = code, .text = text, .retry_after_ms = retry_after_ms});
  }
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
    refuse(r, call, OA_GRPC_UNAVAILABLE, error->text, RETRY_MS);
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

/* Gives one batch to the pipeline.  False: the call was ended. */
static bool take(oa_receiver *r, oa_call *call, size_t bytes) {
  storing *state = call->user;
  const oa_intake intake = {
      .thread = call->thread,
      .signal = oa_flight_put_signal(state->put),
      .deadline_ns = call->deadline_ns,
      .bytes = bytes,
      .decode = oa_flight_put_decode,
      .input = state->put,
  };
  oa_outcome outcome;
  oa_pipeline_take(r->options.pipeline, &intake, &outcome);
  if (outcome.code != OA_GRPC_OK) {
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
    refuse(r, call, OA_GRPC_INVALID_ARGUMENT, text, 0);
    return false;
  }
  state->taken++;
  return note(r, call, &v, oa_flight_put_metadata(state->put));
}

/* Counts what the stream keeps.  False: all together keep too much. */
static bool within_budget(oa_receiver *r, oa_call *call) {
  storing *state = call->user;
  const size_t before = state->counted;
  oa_flight_count(r, call, &state->counted, oa_flight_put_memory(state->put));
  if (state->counted <= before ||
      r->threads[call->thread].stream_bytes <= r->options.stream_budget) {
    return true;
  }
  oa_flight_end(r, call,
                &(oa_grpc_reply_data){
                    .code = OA_GRPC_RESOURCE_EXHAUSTED,
                    .text = "the dictionaries of all streams together pass "
                            "the limit; close streams that are not used"});
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
  return within_budget(r, call);
}

static void on_ended(oa_receiver *r, oa_call *call) {
  if (call->user == NULL || tell_pending(r, call)) {
    oa_flight_end_ok(r, call);
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
