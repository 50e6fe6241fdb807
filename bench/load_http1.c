/* SPDX-License-Identifier: Apache-2.0 */
/* load_http1.c - POST over HTTP/1.1: a connection is kept and has one request
 * at a time, as the exporters do it. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "load.h"

enum { MAX_HEAD = 8192, UNAVAILABLE_HTTP = 503, TOO_MANY_HTTP = 429 };

/* The one request of a connection and what has come of its answer. */
typedef struct exchange {
  size_t number;
  int64_t start;
  char head[MAX_HEAD];
  size_t head_len;
  bool in_body;
  int status;
  size_t body_left;
} exchange;

static void open_http1(connection *conn) {
  conn->exchange = need(calloc(1, sizeof *conn->exchange));
}

static void start(connection *conn) {
  load *run = conn->run;
  exchange *x = conn->exchange;
  char head[512];
  if (conn->in_flight > 0 || next_due(run) > now_ns()) {
    return;
  }
  x->number = take_next(run);
  x->start = now_ns();
  const frame body = run->frames[x->number % run->frame_count];
  const int len = snprintf(head, sizeof head,
                           "POST %s HTTP/1.1\r\nHost: %s\r\n"
                           "User-Agent: otlp-arrow-bench\r\n"
                           "Content-Type: %s\r\nContent-Length: %zu\r\n\r\n",
                           run->path, run->authority, run->type, body.len);
  put_out(conn, head, (size_t)len);
  put_out(conn, body.data, body.len);
  conn->in_flight = 1;
}

static void gather(connection *conn) {
  (void)conn; /* start() has put everything there */
}

static void finish(connection *conn) {
  load *run = conn->run;
  exchange *x = conn->exchange;
  if (run->any_status || x->status == 200) {
    count_ok(run, run->frames[x->number % run->frame_count].len, x->start);
  } else if (x->status == UNAVAILABLE_HTTP || x->status == TOO_MANY_HTTP) {
    count_refused(run, x->number, false);
  } else {
    count_failed(run, 1, x->status, -1);
  }
  conn->in_flight = 0;
  x->head_len = 0;
  x->in_body = false;
}

/* The whole head has come: what it says about the answer. */
static void read_head(exchange *x) {
  const char *length = strcasestr(x->head, "\r\ncontent-length:");
  errno = 0;
  if (strncmp(x->head, "HTTP/1.1 ", 9) != 0 || length == NULL) {
    die("an answer without a status or a length");
  }
  if (strcasestr(x->head, "\r\nconnection: close") != NULL) {
    fprintf(stderr, "%s", x->head);
    die("the server does not keep the connection");
  }
  x->status = (int)strtol(x->head + 9, NULL, 10);
  x->body_left = strtoul(length + strlen("\r\ncontent-length:"), NULL, 10);
  x->in_body = true;
}

static void receive_http1(connection *conn, const uint8_t *data, size_t len) {
  exchange *x = conn->exchange;
  for (size_t i = 0; i < len;) {
    if (!x->in_body) {
      if (x->head_len + 1 == MAX_HEAD || conn->in_flight == 0) {
        errno = 0;
        die("not an answer of HTTP/1.1");
      }
      x->head[x->head_len++] = (char)data[i++];
      x->head[x->head_len] = '\0';
      if (x->head_len >= 4 &&
          memcmp(x->head + x->head_len - 4, "\r\n\r\n", 4) == 0) {
        read_head(x);
      }
    } else {
      const size_t take = x->body_left < len - i ? x->body_left : len - i;
      x->body_left -= take;
      i += take;
    }
    if (x->in_body && x->body_left == 0) {
      finish(conn);
    }
  }
}

const protocol load_http1 = {
    .open = open_http1,
    .start = start,
    .gather = gather,
    .receive = receive_http1,
};
