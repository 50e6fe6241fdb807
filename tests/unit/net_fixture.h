/* SPDX-License-Identifier: Apache-2.0 */
/* net_fixture.h - a server with a handler that records, for its tests.
 *
 * Everything waits for at most PATIENCE milliseconds, so no test hangs.
 */
#ifndef OA_TEST_NET_FIXTURE_H
#define OA_TEST_NET_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <nghttp2/nghttp2.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <uv.h>

#include "base/clock.h"
#include "base/mem.h"
#include "net/server.h"

enum {
  PATIENCE = 20000,
  MAX_CALLS = 512,
  MAX_ANSWERS = 1200,
  METHOD_TRACES = 7,
  METHOD_STREAM = 8,
  METHOD_HTTP = 9,
};

static const char PATH[] = "/test.Service/Export";
static const char STREAM_PATH[] = "/test.Service/Stream";
static const char HTTP_PATH[] = "/v1/test";

/* What wake() does next on the I/O thread. */
typedef enum command { NOTHING, REPLY_KEPT, DONE_KEPT, PAUSE, RESUME } command;

typedef struct fixture {
  oa_server *server;
  oa_server_options options;
  oa_server_handler handler;
  uv_mutex_t lock; /* over all that follows */
  bool keep;       /* calls wait for REPLY_KEPT */
  bool echo;       /* messages of streams go back */
  oa_grpc_reply_data reply;
  oa_http_reply_data http_reply;
  oa_call *kept[MAX_CALLS];
  size_t kept_count;
  size_t requests;
  size_t refusals;
  oa_grpc_code refused_code;
  int refused_method;
  uint8_t *message; /* the last one */
  size_t message_len;
  size_t order[MAX_CALLS]; /* lengths of messages in order of arrival */
  _Atomic uint64_t most_held;
  size_t streams; /* and what became of them */
  size_t messages;
  size_t message_bytes;
  size_t ends;
  size_t cancels;
  size_t drains;
  size_t starts;
  size_t stops;
  size_t ticks;
  command todo;
  size_t done; /* commands carried out */
} fixture;

static oa_status on_start(void *context, unsigned thread, oa_error *error) {
  fixture *f = context;
  (void)thread;
  (void)error;
  uv_mutex_lock(&f->lock);
  f->starts++;
  uv_mutex_unlock(&f->lock);
  return OA_OK;
}

static void reply_kept(fixture *f) {
  for (size_t i = 0; i < f->kept_count; i++) {
    if (f->kept[i]->kind == OA_CALL_HTTP) {
      oa_call_reply_http(f->kept[i], &f->http_reply);
    } else {
      oa_call_reply(f->kept[i], &f->reply);
    }
  }
  f->kept_count = 0;
}

static void on_stop(void *context, unsigned thread) {
  fixture *f = context;
  (void)thread;
  uv_mutex_lock(&f->lock);
  f->stops++;
  reply_kept(f);
  uv_mutex_unlock(&f->lock);
}

static void note_refusal(fixture *f, int method, oa_grpc_code code) {
  uv_mutex_lock(&f->lock);
  f->refusals++;
  f->refused_code = code;
  f->refused_method = method;
  uv_mutex_unlock(&f->lock);
}

static bool refuse_with(fixture *f, oa_call *call, unsigned status,
                        const char *text) {
  const oa_http_reply_data reply = {.status = status,
                                    .content_type = "text/plain",
                                    .body = (const uint8_t *)text,
                                    .body_len = strlen(text)};
  note_refusal(f, -1, OA_GRPC_UNIMPLEMENTED);
  oa_call_reply_http(call, &reply);
  return false;
}

static bool on_admit(void *context, oa_call *call, const oa_request *request) {
  fixture *f = context;
  const bool known = strcmp(request->path, PATH) == 0;
  if (request->grpc && known) {
    call->method = METHOD_TRACES;
    call->kind = OA_CALL_UNARY;
    return true;
  }
  if (request->grpc && strcmp(request->path, STREAM_PATH) == 0) {
    call->method = METHOD_STREAM;
    call->kind = OA_CALL_STREAM;
    uv_mutex_lock(&f->lock);
    f->streams++;
    uv_mutex_unlock(&f->lock);
    return true;
  }
  if (request->grpc) {
    char text[256];
    snprintf(text, sizeof text, "unknown method %s", request->path);
    note_refusal(f, -1, OA_GRPC_UNIMPLEMENTED);
    oa_call_reply(call, &(oa_grpc_reply_data){.code = OA_GRPC_UNIMPLEMENTED,
                                              .text = text});
    return false;
  }
  if (strcmp(request->path, HTTP_PATH) == 0 &&
      strcmp(request->method, "POST") == 0) {
    call->method = METHOD_HTTP;
    return true;
  }
  return known ? refuse_with(f, call, 415, "this path speaks gRPC")
               : refuse_with(f, call, 404, "nothing here");
}

static void on_problem(void *context, oa_call *call,
                       const oa_http_problem *what) {
  char seconds[16];
  oa_http_reply_data reply = {.status = what->status,
                              .content_type = "text/plain",
                              .body = (const uint8_t *)what->text,
                              .body_len = strlen(what->text)};
  (void)context;
  if (what->retry_after_ms > 0) {
    snprintf(seconds, sizeof seconds, "%u",
             (unsigned)(what->retry_after_ms + 999) / 1000);
    reply.fields[0] = (oa_http_field){"retry-after", seconds};
  }
  oa_call_reply_http(call, &reply);
}

/* Answers with what came, or says so at the end. */
static void on_message(void *context, oa_call *call) {
  fixture *f = context;
  uv_mutex_lock(&f->lock);
  f->messages++;
  f->message_bytes += call->message_len;
  const bool keep = f->keep && f->kept_count < MAX_CALLS;
  if (keep) {
    f->kept[f->kept_count++] = call;
  }
  uv_mutex_unlock(&f->lock);
  if (f->echo) {
    assert_int_equal(oa_call_send(call, call->message, call->message_len),
                     OA_OK);
  }
  if (!keep) {
    oa_call_message_done(call);
  }
}

static void on_ended(void *context, oa_call *call) {
  fixture *f = context;
  uv_mutex_lock(&f->lock);
  f->ends++;
  uv_mutex_unlock(&f->lock);
  oa_call_reply(call, &f->reply);
}

static void on_canceled(void *context, oa_call *call) {
  fixture *f = context;
  uv_mutex_lock(&f->lock);
  f->cancels++;
  for (size_t i = 0; i < f->kept_count; i++) {
    if (f->kept[i] == call) {
      f->kept[i] = f->kept[--f->kept_count];
    }
  }
  uv_mutex_unlock(&f->lock);
}

static void on_drained(void *context, oa_call *call) {
  fixture *f = context;
  assert_int_equal(oa_call_unsent(call), 0);
  uv_mutex_lock(&f->lock);
  f->drains++;
  uv_mutex_unlock(&f->lock);
}

static inline oa_server_stats server_stats(const fixture *f) {
  oa_server_stats stats;
  oa_server_get_stats(f->server, &stats);
  return stats;
}

static inline uint64_t held_now(const fixture *f) {
  return server_stats(f).body_bytes_now;
}

static void note_held(fixture *f) {
  if (f->server != NULL) {
    const uint64_t held = held_now(f);
    if (held > f->most_held) {
      f->most_held = held;
    }
  }
}

static void on_request(void *context, oa_call *call) {
  fixture *f = context;
  uv_mutex_lock(&f->lock);
  /* Not by oa_malloc(), which some tests make fail. */
  free(f->message);
  f->message = malloc(call->message_len + 1);
  if (f->message != NULL && call->message_len > 0) {
    memcpy(f->message, call->message, call->message_len);
  }
  f->message_len = call->message_len;
  if (f->requests < MAX_CALLS) {
    f->order[f->requests] = call->message_len;
  }
  f->requests++;
  note_held(f);
  if (f->keep && f->kept_count < MAX_CALLS) {
    f->kept[f->kept_count++] = call;
  } else if (call->kind == OA_CALL_HTTP) {
    oa_call_reply_http(call, &f->http_reply);
  } else {
    oa_call_reply(call, &f->reply);
  }
  uv_mutex_unlock(&f->lock);
}

static void on_refused(void *context, unsigned thread, int method,
                       oa_grpc_code code, const char *reason) {
  fixture *f = context;
  (void)thread;
  assert_non_null(reason);
  note_refusal(f, method, code);
}

static void on_tick(void *context, unsigned thread) {
  fixture *f = context;
  (void)thread;
  uv_mutex_lock(&f->lock);
  f->ticks++;
  note_held(f);
  uv_mutex_unlock(&f->lock);
}

/* Streams bring their next message at once, which takes the lock. */
static void done_kept(fixture *f) {
  oa_call *calls[MAX_CALLS];
  const size_t count = f->kept_count;
  memcpy(calls, f->kept, count * sizeof calls[0]);
  if (count > 0 && calls[0]->kind == OA_CALL_STREAM) {
    f->kept_count = 0;
  }
  uv_mutex_unlock(&f->lock);
  for (size_t i = 0; i < count; i++) {
    oa_call_message_done(calls[i]);
  }
  uv_mutex_lock(&f->lock);
}

static void on_wake(void *context, unsigned thread) {
  fixture *f = context;
  uv_mutex_lock(&f->lock);
  const command todo = f->todo;
  f->todo = NOTHING;
  switch (todo) {
    case REPLY_KEPT:
      reply_kept(f);
      break;
    case DONE_KEPT:
      done_kept(f);
      break;
    case PAUSE:
    case RESUME:
      oa_server_pause(f->server, thread, todo == PAUSE);
      break;
    case NOTHING:
      break;
  }
  f->done++;
  uv_mutex_unlock(&f->lock);
}

/* Sensible options for one thread on a free port. */
static inline void fixture_init(fixture *f) {
  memset(f, 0, sizeof *f);
  uv_mutex_init(&f->lock);
  oa_server_options_init(&f->options);
  f->handler = (oa_server_handler){.thread_start = on_start,
                                   .thread_stop = on_stop,
                                   .admit = on_admit,
                                   .message = on_message,
                                   .ended = on_ended,
                                   .canceled = on_canceled,
                                   .drained = on_drained,
                                   .problem = on_problem,
                                   .request = on_request,
                                   .refused = on_refused,
                                   .tick = on_tick,
                                   .wake = on_wake};
  f->reply.code = OA_GRPC_OK;
  f->http_reply.status = 200;
  f->options.threads = 1;
  /* What the figures of the tests are made for. */
  f->options.stream_window = 65536;
  f->options.body_budget = (size_t)4 * 1024 * 1024;
  f->options.tick_ms = 20;
  f->options.listeners[0].address = "127.0.0.1";
  f->options.listener_count = 1;
  f->options.handler = &f->handler;
  f->options.context = f;
}

/* Its ticks, which look at it, may come before that. */
static inline void fixture_set_server(fixture *f, oa_server *server) {
  uv_mutex_lock(&f->lock);
  f->server = server;
  uv_mutex_unlock(&f->lock);
}

static inline void fixture_start(fixture *f) {
  oa_error error = {0};
  oa_server *server = NULL;
  if (oa_server_start(&server, &f->options, &error) != OA_OK) {
    fail_msg("%s", error.text);
  }
  fixture_set_server(f, server);
}

static inline void fixture_end(fixture *f) {
  if (f->server != NULL) {
    oa_server_stop(f->server, 1000);
    assert_int_equal(f->starts, f->stops);
    const oa_server_stats stats = server_stats(f);
    assert_int_equal(stats.connections_now, 0);
    assert_int_equal(stats.body_bytes_now, 0);
    oa_server_free(f->server);
  }
  free(f->message);
  uv_mutex_destroy(&f->lock);
}

static inline uint64_t now_ms(void) {
  return oa_clock_monotonic_ns() / 1000000;
}

static inline void pause_ms(int ms) {
  poll(NULL, 0, ms);
}

/* Waits until *COUNTER, which F's lock guards, is at least WANTED. */
static inline void await_count(fixture *f, const size_t *counter,
                               size_t wanted) {
  const uint64_t end = now_ms() + PATIENCE;
  for (;;) {
    uv_mutex_lock(&f->lock);
    const size_t now = *counter;
    uv_mutex_unlock(&f->lock);
    if (now >= wanted) {
      return;
    }
    if (now_ms() > end) {
      fail_msg("waited in vain: %zu instead of %zu", now, wanted);
    }
    pause_ms(1);
  }
}

static inline size_t read_count(fixture *f, const size_t *counter) {
  uv_mutex_lock(&f->lock);
  const size_t now = *counter;
  uv_mutex_unlock(&f->lock);
  return now;
}

/* Gives how many commands will have been carried out with this one. */
static inline size_t want(fixture *f, command todo) {
  uv_mutex_lock(&f->lock);
  f->todo = todo;
  const size_t done = f->done + 1;
  uv_mutex_unlock(&f->lock);
  oa_server_wake(f->server, 0);
  return done;
}

static inline void carry_out(fixture *f, command todo) {
  await_count(f, &f->done, want(f, todo));
}

static inline void await_held(const fixture *f, uint64_t wanted) {
  const uint64_t end = now_ms() + PATIENCE;
  while (held_now(f) != wanted) {
    if (now_ms() > end) {
      fail_msg("%lu bytes held instead of %lu", (unsigned long)held_now(f),
               (unsigned long)wanted);
    }
    pause_ms(1);
  }
}

#endif
