/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "receive/receive_codec.h"

/* A thread that has had nothing to translate for this long gives the memory
 * for it back. */
#define IDLE_NS UINT64_C(2000000000)

/* In the order in which they are asked; the index is part of a call's
 * method. */
static const oa_protocol *const protocols[] = {
    &oa_protocol_grpc,
    &oa_protocol_http,
    &oa_protocol_otap,
    &oa_protocol_flight,
};
enum { PROTOCOL_COUNT = sizeof protocols / sizeof protocols[0] };

static const oa_protocol *protocol_of(int method) {
  return protocols[method >> OA_METHOD_BITS];
}

/* --- counting --- */

static int signal_of(int method) {
  if (method < 0) {
    return -1;
  }
  const oa_protocol *protocol = protocol_of(method);
  return protocol->signal == NULL
             ? -1
             : protocol->signal(method & ((1 << OA_METHOD_BITS) - 1));
}

static oa_refusal refusal_of(oa_grpc_code code) {
  switch (code) {
    case OA_GRPC_RESOURCE_EXHAUSTED:
      return OA_REFUSED_TOO_LARGE;
    case OA_GRPC_DEADLINE_EXCEEDED:
      return OA_REFUSED_DEADLINE;
    case OA_GRPC_UNAVAILABLE:
      return OA_REFUSED_SHUTDOWN;
    case OA_GRPC_UNAUTHENTICATED:
      return OA_REFUSED_UNAUTHENTICATED;
    case OA_GRPC_INVALID_ARGUMENT:
    case OA_GRPC_INTERNAL:
      return OA_REFUSED_MALFORMED;
    default:
      return OA_REFUSED_OTHER;
  }
}

static void count_refusal(oa_receiver *r, unsigned thread, int method,
                          oa_grpc_code code) {
  oa_counter_block *block = &r->options.counters->blocks[thread];
  const oa_refusal reason = refusal_of(code);
  const int signal = signal_of(method);
  if (signal >= 0) {
    oa_count(&block->signals[signal].requests, 1);
    oa_count(&block->signals[signal].refused[reason], 1);
  } else {
    oa_count(&block->refused[reason], 1);
  }
}

/* --- the head of a request --- */

static void refuse_stranger(oa_receiver *r, oa_call *call,
                            const char *challenge, const char *text) {
  count_refusal(r, call->thread, call->method, OA_GRPC_UNAUTHENTICATED);
  if (call->kind == OA_CALL_HTTP) {
    oa_receive_http_fail(
        r, call,
        &(oa_http_failure){
            .code = OA_GRPC_UNAUTHENTICATED,
            .text = text,
            .field = challenge == NULL ? NULL : "www-authenticate",
            .value = challenge});
    return;
  }
  oa_call_reply(call, &(oa_grpc_reply_data){.code = OA_GRPC_UNAUTHENTICATED,
                                            .text = text});
}

static bool may_send(oa_receiver *r, oa_call *call,
                     const oa_protocol *protocol) {
  const char *name = NULL;
  const char *challenge = NULL;
  const char *text = NULL;
  if (r->options.auth == NULL ||
      (protocol->open != NULL && protocol->open(oa_operation(call))) ||
      oa_auth_check(r->options.auth, call, &name, &challenge, &text)) {
    return true;
  }
  refuse_stranger(r, call, challenge, text);
  return false;
}

static bool on_admit(void *context, oa_call *call, const oa_request *request) {
  oa_receiver *r = context;
  for (int i = 0; i < PROTOCOL_COUNT; i++) {
    const oa_protocol *protocol = protocols[i];
    oa_call_kind kind = OA_CALL_UNARY;
    const int operation = protocol->match(request, &kind);
    if (operation >= 0) {
      call->kind = kind;
      call->method = (i << OA_METHOD_BITS) | operation;
      return may_send(r, call, protocol) &&
             (protocol->begin == NULL || protocol->begin(r, call, request));
    }
  }
  call->kind = request->grpc ? OA_CALL_UNARY : OA_CALL_HTTP;
  call->method = -1;
  oa_receive_unknown(r, call, request);
  return false;
}

/* --- the rest of it --- */

static void on_request(void *context, oa_call *call) {
  protocol_of(call->method)->request(context, call);
}

static void on_message(void *context, oa_call *call) {
  protocol_of(call->method)->message(context, call);
}

static void on_ended(void *context, oa_call *call) {
  protocol_of(call->method)->ended(context, call);
}

static void on_canceled(void *context, oa_call *call) {
  protocol_of(call->method)->canceled(context, call);
}

static void on_drained(void *context, oa_call *call) {
  const oa_protocol *protocol = protocol_of(call->method);
  if (protocol->drained != NULL) {
    protocol->drained(context, call);
  }
}

static void on_problem(void *context, oa_call *call,
                       const oa_http_problem *what) {
  protocol_of(call->method)->problem(context, call, what);
}

static void on_refused(void *context, unsigned thread, int method,
                       oa_grpc_code code, const char *reason) {
  (void)reason;
  count_refusal(context, thread, method, code);
}

static uint32_t on_retry_ms(void *context, unsigned thread) {
  oa_receiver *r = context;
  (void)thread;
  return oa_pipeline_retry_ms(r->options.pipeline);
}

/* --- threads --- */

static oa_status on_thread_start(void *context, unsigned thread,
                                 oa_error *error) {
  (void)context;
  (void)thread;
  (void)error;
  return OA_OK;
}

static void on_thread_stop(void *context, unsigned thread) {
  oa_receiver *r = context;
  oa_receive_long_stop(r, thread);
  oa_pipeline_thread_stop(r->options.pipeline, thread);
}

/* What waits to be used again does not wait for ever. */
static void drop_idle(const oa_receiver *r, oa_receive_thread *t) {
  const uint64_t now = oa_clock_monotonic_ns();
  if (t->scratch.cap > 0 && now - t->scratch_ns > IDLE_NS) {
    oa_buf_free(&t->scratch);
  }
  if (t->spares.moves != t->spares_moves) {
    t->spares_moves = t->spares.moves;
    t->spares_ns = now;
  }
  if (t->spares.bytes > 0 && (now - t->spares_ns > IDLE_NS ||
                              oa_account_is_scarce(r->options.account))) {
    (void)oa_purse_drop_spares(&t->purse);
  }
}

static void on_tick(void *context, unsigned thread) {
  oa_receiver *r = context;
  oa_receive_thread *t = &r->threads[thread];
  oa_counters_beat(&r->options.counters->blocks[thread]);
  if (thread == 0) {
    oa_log_tick(r->options.log, oa_clock_monotonic_ns());
  }
  oa_pipeline_tick(r->options.pipeline, thread);
  oa_receive_long_go_on(r, thread);
  drop_idle(r, t);
}

static void on_wake(void *context, unsigned thread) {
  oa_receiver *r = context;
  oa_receive_long_go_on(r, thread);
  oa_pipeline_wake(r->options.pipeline, thread);
}

const oa_server_handler oa_receiver_handler = {
    .thread_start = on_thread_start,
    .thread_stop = on_thread_stop,
    .admit = on_admit,
    .request = on_request,
    .message = on_message,
    .ended = on_ended,
    .canceled = on_canceled,
    .drained = on_drained,
    .problem = on_problem,
    .refused = on_refused,
    .retry_ms = on_retry_ms,
    .tick = on_tick,
    .wake = on_wake,
};

/* --- make, end --- */

oa_status oa_receiver_new(oa_receiver **out, const oa_receiver_options *options,
                          oa_error *error) {
  oa_receiver *r = oa_calloc(1, sizeof *r);
  oa_receive_thread *threads = oa_calloc_aligned(
      options->threads, sizeof *threads, _Alignof(oa_receive_thread));
  if (r == NULL || threads == NULL) {
    oa_free(r);
    oa_free(threads);
    return oa_error_set(error, OA_ERR_NOMEM, "receiver: out of memory");
  }
  r->options = *options;
  r->threads = threads;
  oa_receive_codec_list(r);
  for (unsigned i = 0; i < options->threads; i++) {
    threads[i].purse.account = options->account;
    threads[i].purse.spares = &threads[i].spares;
    threads[i].scratch_purse.account = options->account;
    /* What is more is no batch either. */
    threads[i].scratch_purse.max =
        options->account == NULL ? 0 : options->account->limit / 2;
    threads[i].scratch.purse = &threads[i].scratch_purse;
  }
  *out = r;
  return OA_OK;
}

void oa_receiver_free(oa_receiver *r) {
  if (r == NULL) {
    return;
  }
  for (unsigned i = 0; i < r->options.threads; i++) {
    oa_receive_long_free(r->threads[i].line);
    oa_buf_free(&r->threads[i].scratch);
    (void)oa_purse_drop_spares(&r->threads[i].purse);
    oa_purse_close(&r->threads[i].purse);
    oa_purse_close(&r->threads[i].scratch_purse);
    oa_deflater_free(r->threads[i].gzip);
    oa_inflater_free(r->threads[i].inflater);
  }
  oa_free(r->threads);
  oa_free(r);
}
