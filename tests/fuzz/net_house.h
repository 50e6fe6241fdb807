/* SPDX-License-Identifier: Apache-2.0 */
/* net_house.h - a server for fuzz targets that feed it bytes of a connection.
 *
 * Its handler knows a path for each kind of call and answers with what it got;
 * one path answers only at the next tick, when the peer has usually gone.
 * The server lives as long as the process, as a service does: what one input
 * left behind would be there for the next.
 */
#ifndef OA_TESTS_FUZZ_NET_HOUSE_H
#define OA_TESTS_FUZZ_NET_HOUSE_H

#include <string.h>

#include "net/server.h"
#include "net_talk.h"

enum {
  HOUSE_KEPT = 256,
  HOUSE_MESSAGES = 64,
  /* Messages up to this are recorded. */
  HOUSE_RECORD = 1 << 18,
  /* After so many inputs nothing may be left of them. */
  HOUSE_CHECK_EVERY = 256,
};

typedef struct house {
  oa_server *server;
  oa_call *kept[HOUSE_KEPT];
  size_t kept_count;
  unsigned inputs;
  oa_buf echo;
  /* Of the last connection; read when it is over. */
  oa_buf messages; /* one after another */
  size_t lengths[HOUSE_MESSAGES];
  size_t count;
} house;

static inline void house_record(house *h, const oa_call *call) {
  if (h->count < HOUSE_MESSAGES &&
      h->messages.len + call->message_len <= HOUSE_RECORD) {
    require(oa_buf_put(&h->messages, call->message, call->message_len) ==
            OA_OK);
    h->lengths[h->count++] = call->message_len;
  }
}

/* The message is gone when the reply is made, so that it is copied. */
static inline void house_reply(house *h, oa_call *call) {
  oa_buf *copy = &h->echo;
  const bool streams = call->kind == OA_CALL_STREAM;
  copy->len = 0;
  require(streams ||
          oa_buf_put(copy, call->message, call->message_len) == OA_OK);
  if (call->kind == OA_CALL_HTTP) {
    oa_call_reply_http(call, &(oa_http_reply_data){.status = 200,
                                                   .content_type = "text/plain",
                                                   .body = copy->data,
                                                   .body_len = copy->len});
  } else {
    oa_call_reply(call, &(oa_grpc_reply_data){.code = OA_GRPC_OK,
                                              .message = copy->data,
                                              .message_len = copy->len});
  }
}

static bool house_admit(void *context, oa_call *call,
                        const oa_request *request) {
  (void)context;
  call->kind = OA_CALL_HTTP;
  if (request->grpc) {
    call->kind =
        strcmp(request->path, "/a/S") == 0 ? OA_CALL_STREAM : OA_CALL_UNARY;
  }
  call->method = strcmp(request->path, "/k") == 0 ? 1 : 0;
  if (strcmp(request->path, "/no") != 0) {
    return true;
  }
  if (request->grpc) {
    oa_call_reply(call, &(oa_grpc_reply_data){.code = OA_GRPC_UNAVAILABLE,
                                              .text = "not \xC3\xBC now",
                                              .retry_after_ms = 1500});
  } else {
    oa_call_reply_http(call, &(oa_http_reply_data){.status = 404});
  }
  return false;
}

static void house_request(void *context, oa_call *call) {
  house *h = context;
  house_record(h, call);
  if (call->method == 1 && h->kept_count < HOUSE_KEPT) {
    h->kept[h->kept_count++] = call;
  } else {
    house_reply(h, call);
  }
}

static void house_message(void *context, oa_call *call) {
  house *h = context;
  house_record(h, call);
  if (oa_call_unsent(call) < 65536) {
    require(oa_call_send(call, call->message, call->message_len) == OA_OK);
  }
  oa_call_message_done(call);
}

static void house_ended(void *context, oa_call *call) {
  house_reply(context, call);
}

static void house_canceled(void *context, oa_call *call) {
  (void)context;
  (void)call;
}

static void house_problem(void *context, oa_call *call,
                          const oa_http_problem *what) {
  (void)context;
  require(what->status >= 400 && what->status < 600 && what->text[0] != '\0');
  oa_call_reply_http(call,
                     &(oa_http_reply_data){.status = what->status,
                                           .body = (const uint8_t *)what->text,
                                           .body_len = strlen(what->text)});
}

static void house_let_go(void *context, unsigned thread) {
  house *h = context;
  (void)thread;
  for (size_t i = 0; i < h->kept_count; i++) {
    house_reply(h, h->kept[i]);
  }
  h->kept_count = 0;
}

static const oa_server_handler house_handler = {
    .thread_stop = house_let_go,
    .admit = house_admit,
    .request = house_request,
    .message = house_message,
    .ended = house_ended,
    .canceled = house_canceled,
    .problem = house_problem,
    .tick = house_let_go,
};

/* The process's server, with windows of WINDOW bytes. */
static inline house *house_of_process(uint32_t window) {
  static house h;
  if (h.server == NULL) {
    oa_server_options options;
    oa_error error = {0};
    oa_server_options_init(&options);
    options.threads = 1;
    options.listeners[0] = (oa_listen){.address = "127.0.0.1"};
    options.listener_count = 1;
    options.max_message = 1 << 20;
    options.stream_window = window;
    options.body_budget = 1 << 20;
    options.body_limit = 8 << 20;
    options.tick_ms = 2;
    options.handler = &house_handler;
    options.context = &h;
    require(oa_server_start(&h.server, &options, &error) == OA_OK);
  }
  return &h;
}

/* Nothing is left of earlier connections. */
static inline void house_settle(const house *h) {
  const int64_t end = now_ms() + TALK_PATIENCE;
  oa_server_stats stats;
  oa_server_get_stats(h->server, &stats);
  while (stats.connections_now > 0 || stats.body_bytes_now > 0) {
    require(now_ms() < end);
    poll(NULL, 0, 5);
    oa_server_get_stats(h->server, &stats);
  }
}

/* Has H take the bytes of one connection. */
static inline void house_visit(house *h, const uint8_t *data, size_t len,
                               oa_buf *answer) {
  h->messages.len = 0;
  h->count = 0;
  talk(oa_server_port(h->server, 0), data, len, answer);
  if (++h->inputs % HOUSE_CHECK_EVERY == 0) {
    house_settle(h);
  }
}

#endif
