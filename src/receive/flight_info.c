/* SPDX-License-Identifier: Apache-2.0 */
/* ListFlights, GetFlightInfo, GetSchema: what is stored. */
#include "base/mem.h"
#include "flight/stored.h"
#include "receive/flight_impl.h"
#include "receive/flight_list.h"

/* --- ListFlights --- */

typedef struct listing {
  oa_flight_filter filter; /* signal: that of LIST, OA_SIGNAL_COUNT = done */
  bool files;              /* one FlightInfo a file, not a signal */
  bool only;               /* one signal was asked for */
  bool is_open;
  oa_flight_list list;
  size_t next; /* file */
} listing;

static void release_listing(oa_receiver *r, oa_call *call) {
  listing *state = call->user;
  (void)r;
  if (state->is_open) {
    oa_flight_list_close(&state->list);
  }
  oa_free(state);
}

static bool list_message(oa_receiver *r, oa_call *call) {
  oa_error error;
  oa_cursor text = {0};
  oa_flight_filter filter;
  const oa_status read = oa_flight_read_opaque(oa_flight_message(call), &text);
  if (!oa_flight_only(r, call, read, "Criteria")) {
    return false;
  }
  const oa_status status = oa_flight_filter_read(text, &filter, &error);
  if (status != OA_OK) {
    oa_flight_fail(r, call, status, &error);
    return false;
  }
  listing *state = oa_calloc(1, sizeof *state);
  if (state == NULL) {
    oa_error_set(&error, OA_ERR_NOMEM, "no memory for a list");
    oa_flight_fail(r, call, OA_ERR_NOMEM, &error);
    return false;
  }
  state->filter = filter;
  state->files = !oa_cursor_done(&text);
  state->only = filter.signal >= 0;
  state->filter.signal = state->only ? filter.signal : 0;
  call->user = state;
  return true;
}

/* Goes behind the current signal. */
static void next_signal(listing *state) {
  oa_flight_list_close(&state->list);
  state->is_open = false;
  state->next = 0;
  state->filter.signal =
      state->only ? OA_SIGNAL_COUNT : state->filter.signal + 1;
}

/* Writes the next FlightInfo, when there is one. */
static oa_status list_step(oa_receiver *r, listing *state, oa_emit *emit,
                           oa_error *error) {
  if (!state->is_open) {
    OA_TRY(oa_flight_list_open(&state->list, r->options.root,
                               oa_flight_extension(r), &state->filter, error));
    state->is_open = true;
  }
  if (!state->files) {
    oa_flight_list_put_all(&state->list, emit);
    next_signal(state);
  } else if (state->next == state->list.files.count) {
    next_signal(state);
  } else {
    const size_t i = state->next++;
    if (oa_flight_list_matches(&state->list, i)) {
      oa_flight_list_put_file(&state->list, i, emit);
    }
  }
  return OA_OK;
}

static void list_go_on(oa_receiver *r, oa_call *call) {
  listing *state = call->user;
  while (oa_call_unsent(call) <= OA_FLIGHT_MAX_UNSENT) {
    oa_error error;
    oa_emit emit = {0};
    if (state->filter.signal == OA_SIGNAL_COUNT) {
      oa_flight_end_ok(r, call);
      return;
    }
    const oa_status status = list_step(r, state, &emit, &error);
    if (status != OA_OK) {
      oa_flight_fail(r, call, status, &error);
      return;
    }
    if ((emit.out.len > 0 || emit.status != OA_OK) &&
        !oa_flight_send(r, call, &emit)) {
      return;
    }
  }
}

static void list_ended(oa_receiver *r, oa_call *call) {
  if (call->user == NULL) {
    oa_error error;
    oa_error_set(&error, OA_ERR_MALFORMED, "a Criteria is missing");
    oa_flight_fail(r, call, OA_ERR_MALFORMED, &error);
    return;
  }
  list_go_on(r, call);
}

const oa_flight_method oa_flight_list_flights = {
    .name = "ListFlights",
    .message = list_message,
    .ended = list_ended,
    .drained = list_go_on,
    .release = release_listing,
};

/* --- GetFlightInfo, GetSchema --- */

/* The answer, made when the request comes and sent when it has ended. */
static void release_answer(oa_receiver *r, oa_call *call) {
  oa_emit *answer = call->user;
  (void)r;
  oa_buf_free(&answer->out);
  oa_free(answer);
}

static void send_answer(oa_receiver *r, oa_call *call) {
  oa_error error;
  if (call->user == NULL) {
    oa_error_set(&error, OA_ERR_MALFORMED, "a FlightDescriptor is missing");
    oa_flight_fail(r, call, OA_ERR_MALFORMED, &error);
  } else if (oa_flight_send(r, call, call->user)) {
    oa_flight_end_ok(r, call);
  }
}

static oa_status put_info(oa_receiver *r, const oa_flight_filter *filter,
                          const oa_name *name, oa_emit *emit, oa_error *error) {
  oa_flight_list list;
  oa_status status = OA_OK;
  size_t i = 0;
  OA_TRY(oa_flight_list_open(&list, r->options.root, oa_flight_extension(r),
                             filter, error));
  if (name == NULL) {
    oa_flight_list_put_all(&list, emit);
  } else if (oa_flight_list_find(&list, name, &i)) {
    oa_flight_list_put_file(&list, i, emit);
  } else {
    status = oa_error_set(error, OA_ERR_NOT_FOUND,
                          "this file is not stored here; files are removed "
                          "when they are older than their retention");
  }
  oa_flight_list_close(&list);
  return status;
}

static oa_status put_schema(const oa_flight_filter *filter, oa_emit *emit,
                            oa_error *error) {
  oa_buf schema = {0};
  const oa_status status =
      oa_stored_put_schema((oa_signal)filter->signal, &schema);
  if (status == OA_OK) {
    oa_flight_write_schema_result(emit, &schema);
  }
  oa_buf_free(&schema);
  return status == OA_OK
             ? OA_OK
             : oa_error_set(error, status, "no memory for a schema");
}

static oa_status make_answer(oa_receiver *r, const oa_flight_descriptor *from,
                             bool schema, oa_emit *emit, oa_error *error) {
  oa_flight_filter filter;
  oa_name name;
  bool has_name = false;
  OA_TRY(oa_flight_resolve(r, from, &filter, &name, &has_name, error));
  return schema ? put_schema(&filter, emit, error)
                : put_info(r, &filter, has_name ? &name : NULL, emit, error);
}

static bool describe(oa_receiver *r, oa_call *call, bool schema) {
  oa_error error;
  oa_flight_descriptor descriptor;
  const oa_status read =
      oa_flight_read_descriptor(oa_flight_message(call), &descriptor);
  if (!oa_flight_only(r, call, read, "FlightDescriptor")) {
    return false;
  }
  oa_emit *answer = oa_calloc(1, sizeof *answer);
  oa_status status =
      answer != NULL ? OA_OK : oa_error_set(&error, OA_ERR_NOMEM, "no memory");
  if (status == OA_OK) {
    call->user = answer;
    status = make_answer(r, &descriptor, schema, answer, &error);
  }
  if (status != OA_OK) {
    oa_flight_fail(r, call, status, &error);
    return false;
  }
  return true;
}

static bool info_message(oa_receiver *r, oa_call *call) {
  return describe(r, call, false);
}

static bool schema_message(oa_receiver *r, oa_call *call) {
  return describe(r, call, true);
}

const oa_flight_method oa_flight_get_info = {
    .name = "GetFlightInfo",
    .message = info_message,
    .ended = send_answer,
    .release = release_answer,
};

const oa_flight_method oa_flight_get_schema = {
    .name = "GetSchema",
    .message = schema_message,
    .ended = send_answer,
    .release = release_answer,
};
