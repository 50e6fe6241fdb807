/* SPDX-License-Identifier: Apache-2.0 */
/* DoGet: a ticket in, the messages of a stored file out. */
#include "base/mem.h"
#include "receive/flight_impl.h"
#include "receive/flight_source.h"

enum { RETRY_MS = 1000 };

typedef struct reading {
  oa_flight_source *source;
  size_t counted;
} reading;

static void release(oa_receiver *r, oa_call *call) {
  reading *state = call->user;
  oa_flight_count(r, call, &state->counted, 0);
  oa_flight_source_close(state->source);
  oa_free(state);
}

/* Others that read and do not take what they asked for may not make this
 * thread keep more and more. */
static bool has_room(oa_receiver *r, oa_call *call, size_t mine) {
  if (r->threads[call->thread].stream_bytes - mine <=
      r->options.stream_budget) {
    return true;
  }
  oa_flight_end(
      r, call,
      &(oa_grpc_reply_data){.code = OA_GRPC_UNAVAILABLE,
                            .text = "too much is being read at once; try again",
                            .retry_after_ms = RETRY_MS});
  return false;
}

static bool on_message(oa_receiver *r, oa_call *call) {
  oa_error error;
  oa_cursor text = {0};
  oa_flight_ticket ticket;
  const char *extension = oa_flight_extension(r);
  const oa_status read = oa_flight_read_opaque(oa_flight_message(call), &text);
  if (!oa_flight_only(r, call, read, "Ticket") || !has_room(r, call, 0)) {
    return false;
  }
  oa_status status = oa_flight_ticket_read(text, extension, &ticket, &error);
  reading *state = NULL;
  if (status == OA_OK) {
    state = oa_calloc(1, sizeof *state);
    status =
        state == NULL ? oa_error_set(&error, OA_ERR_NOMEM, "no memory") : OA_OK;
  }
  if (status == OA_OK) {
    status = oa_flight_source_open(&state->source, r->options.root, extension,
                                   &ticket, &error);
  }
  if (status != OA_OK) {
    oa_free(state);
    oa_flight_fail(r, call, status, &error);
    return false;
  }
  call->user = state;
  oa_flight_count(r, call, &state->counted, OA_FLIGHT_READER_COST);
  return true;
}

/* Ends a read that failed.  What is wrong with a file is not the client's
 * fault. */
static void fail(oa_receiver *r, oa_call *call, oa_status status,
                 const oa_error *error) {
  oa_flight_fail(r, call, status == OA_ERR_NOMEM ? status : OA_ERR_IO, error);
}

/* Sends until the client is behind, or to the end. */
static void go_on(oa_receiver *r, oa_call *call) {
  reading *state = call->user;
  while (oa_call_unsent(call) <= OA_FLIGHT_MAX_UNSENT) {
    oa_error error;
    const oa_buf *message = NULL;
    if (!has_room(r, call, state->counted)) {
      return;
    }
    oa_status status = oa_flight_source_next(state->source, &message, &error);
    if (status == OA_END) {
      oa_flight_end_ok(r, call);
      return;
    }
    if (status == OA_OK &&
        oa_call_send(call, message->data, message->len) != OA_OK) {
      status = oa_error_set(&error, OA_ERR_NOMEM, "no memory for a message");
    }
    if (status != OA_OK) {
      fail(r, call, status, &error);
      return;
    }
    oa_flight_count(r, call, &state->counted,
                    OA_FLIGHT_READER_COST + oa_call_unsent(call) +
                        oa_flight_source_memory(state->source));
  }
}

static void on_ended(oa_receiver *r, oa_call *call) {
  if (call->user == NULL) {
    oa_error error;
    oa_error_set(&error, OA_ERR_MALFORMED, "DoGet needs a Ticket");
    oa_flight_fail(r, call, OA_ERR_MALFORMED, &error);
    return;
  }
  go_on(r, call);
}

static void on_drained(oa_receiver *r, oa_call *call) {
  go_on(r, call);
}

const oa_flight_method oa_flight_do_get = {
    .name = "DoGet",
    .message = on_message,
    .ended = on_ended,
    .drained = on_drained,
    .release = release,
};
