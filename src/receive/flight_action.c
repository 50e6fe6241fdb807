/* SPDX-License-Identifier: Apache-2.0 */
/* ListActions, DoAction: flush, stats, health.  Handshake. */
#include <inttypes.h>
#include <string.h>

#include "base/mem.h"
#include "ingest/pipeline_flush.h"
#include "otlp/json_text.h"
#include "receive/flight_impl.h"

typedef enum action { FLUSH, STATS, HEALTH, ACTION_COUNT } action;

static const struct {
  const char *type;
  const char *description;
} actions[ACTION_COUNT] = {
    [FLUSH] = {"flush", "write all that was taken before to the files"},
    [STATS] = {"stats", "what came in and what became of it, as JSON"},
    [HEALTH] = {"health", "whether data is taken, as JSON"},
};

/* --- ListActions --- */

/* What was asked for and what is answered. */
typedef struct asked {
  action action;
  oa_flush_wait wait;
  oa_receiver *receiver;
  oa_call *call;
} asked;

static void release(oa_receiver *r, oa_call *call) {
  asked *state = call->user;
  (void)r;
  oa_pipeline_flush_forget(&state->wait);
  oa_free(state);
}

/* Makes the state of a call that has its one message. */
static bool remember(oa_receiver *r, oa_call *call, action what) {
  oa_error error;
  asked *state = oa_calloc(1, sizeof *state);
  if (state == NULL) {
    oa_error_set(&error, OA_ERR_NOMEM, "no memory");
    oa_flight_fail(r, call, OA_ERR_NOMEM, &error);
    return false;
  }
  *state = (asked){.action = what, .receiver = r, .call = call};
  call->user = state;
  return true;
}

static bool list_message(oa_receiver *r, oa_call *call) {
  return oa_flight_only(r, call, OA_OK, "Empty") &&
         remember(r, call, ACTION_COUNT);
}

static void list_ended(oa_receiver *r, oa_call *call) {
  for (int i = 0; i < ACTION_COUNT; i++) {
    oa_emit emit = {0};
    oa_flight_write_action_type(&emit, actions[i].type, actions[i].description);
    if (!oa_flight_send(r, call, &emit)) {
      return;
    }
  }
  oa_flight_end_ok(r, call);
}

const oa_flight_method oa_flight_list_actions = {
    .name = "ListActions",
    .message = list_message,
    .ended = list_ended,
    .release = release,
};

/* --- DoAction --- */

static bool action_message(oa_receiver *r, oa_call *call) {
  oa_error error;
  oa_flight_action wanted = {0};
  const oa_status read =
      oa_flight_read_action(oa_flight_message(call), &wanted);
  if (!oa_flight_only(r, call, read, "Action")) {
    return false;
  }
  for (int i = 0; i < ACTION_COUNT; i++) {
    if (oa_flight_is(wanted.type, actions[i].type)) {
      return remember(r, call, (action)i);
    }
  }
  oa_error_set(&error, OA_ERR_UNSUPPORTED,
               "no such action; there are flush, stats and health");
  oa_flight_fail(r, call, OA_ERR_UNSUPPORTED, &error);
  return false;
}

static oa_status put_health(oa_receiver *r, oa_buf *out) {
  char why[OA_ERROR_TEXT_SIZE] = "";
  if (oa_pipeline_ready(r->options.pipeline, why, sizeof why)) {
    return oa_buf_printf(out, "{\"ready\":true}");
  }
  OA_TRY(oa_buf_printf(out, "{\"ready\":false,\"why\":"));
  OA_TRY(oa_json_put_string(out, (const uint8_t *)why, strlen(why)));
  return oa_buf_printf(out, "}");
}

static oa_status put_refusals(const uint64_t refused[OA_REFUSAL_COUNT],
                              oa_buf *out) {
  OA_TRY(oa_buf_printf(out, "\"refused\":{"));
  for (int i = 0; i < OA_REFUSAL_COUNT; i++) {
    OA_TRY(oa_buf_printf(out, "%s\"%s\":%" PRIu64, i == 0 ? "" : ",",
                         oa_refusal_name((oa_refusal)i), refused[i]));
  }
  return oa_buf_printf(out, "}");
}

static oa_status put_signal(oa_receiver *r, oa_signal signal,
                            uint64_t rows_buffered, oa_buf *out) {
  oa_signal_totals sums;
  oa_counters_sum(r->options.counters, signal, &sums);
  OA_TRY(oa_buf_printf(
      out,
      "\"%s\":{\"requests\":%" PRIu64 ",\"items_accepted\":%" PRIu64
      ",\"items_rejected\":%" PRIu64 ",\"items_stored\":%" PRIu64
      ",\"strings_repaired\":%" PRIu64 ",\"bytes\":%" PRIu64
      ",\"rows_buffered\":%" PRIu64 ",",
      oa_signal_name(signal), sums.requests, sums.items_accepted,
      sums.items_rejected, sums.items_stored, sums.strings_repaired, sums.bytes,
      rows_buffered));
  OA_TRY(put_refusals(sums.refused, out));
  return oa_buf_printf(out, "}");
}

static oa_status put_stats(oa_receiver *r, oa_buf *out) {
  oa_pipeline_stats stats;
  oa_pipeline_get_stats(r->options.pipeline, &stats);
  OA_TRY(oa_buf_printf(out, "{\"signals\":{"));
  for (int i = 0; i < OA_SIGNAL_COUNT; i++) {
    OA_TRY(oa_buf_printf(out, "%s", i == 0 ? "" : ","));
    OA_TRY(put_signal(r, (oa_signal)i, stats.rows_buffered[i], out));
  }
  return oa_buf_printf(
      out, "},\"bytes_buffered\":%" PRIu64 ",\"batches_waiting\":%" PRIu64 "}",
      stats.bytes_buffered, stats.batches_waiting);
}

/* Sends BODY as the one Result, and ends. */
static void answer(oa_receiver *r, oa_call *call, oa_status status,
                   oa_buf *body) {
  oa_emit emit = {.status = status};
  if (status == OA_OK) {
    oa_flight_write_result(&emit, body->data, body->len);
  }
  oa_buf_free(body);
  if (oa_flight_send(r, call, &emit)) {
    oa_flight_end_ok(r, call);
  }
}

static void on_flushed(oa_flush_wait *wait) {
  asked *state = (asked *)(void *)((uint8_t *)wait - offsetof(asked, wait));
  oa_buf body = {0};
  const oa_status status = oa_buf_printf(&body, "{\"flushed\":true}");
  answer(state->receiver, state->call, status, &body);
}

static void action_ended(oa_receiver *r, oa_call *call) {
  asked *state = call->user;
  oa_buf body = {0};
  if (state == NULL) {
    oa_error error;
    oa_error_set(&error, OA_ERR_MALFORMED, "an Action is missing");
    oa_flight_fail(r, call, OA_ERR_MALFORMED, &error);
    return;
  }
  if (state->action == FLUSH) {
    state->wait.done = on_flushed;
    oa_pipeline_flush_begin(r->options.pipeline, call->thread, &state->wait);
    return;
  }
  const oa_status status =
      state->action == STATS ? put_stats(r, &body) : put_health(r, &body);
  answer(r, call, status, &body);
}

const oa_flight_method oa_flight_do_action = {
    .name = "DoAction",
    .message = action_message,
    .ended = action_ended,
    .release = release,
};

/* --- Handshake --- */

/* The header fields of the call have proved who the client is, as for every
 * call.  What it is told to use from now on is what it used. */
static bool handshake_message(oa_receiver *r, oa_call *call) {
  oa_cursor payload = {0};
  oa_emit emit = {0};
  size_t len = 0;
  const oa_status read =
      oa_flight_read_handshake(oa_flight_message(call), &payload);
  if (!oa_flight_only(r, call, read, "HandshakeRequest") ||
      !remember(r, call, ACTION_COUNT)) {
    return false;
  }
  const char *token = oa_call_header(call, "authorization", &len);
  oa_flight_write_handshake(&emit, (const uint8_t *)token,
                            token == NULL ? 0 : len);
  return oa_flight_send(r, call, &emit);
}

const oa_flight_method oa_flight_handshake = {
    .name = "Handshake",
    .message = handshake_message,
    .ended = oa_flight_end_ok,
    .release = release,
};
