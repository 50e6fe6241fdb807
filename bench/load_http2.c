/* SPDX-License-Identifier: Apache-2.0 */
/* load_http2.c - requests over HTTP/2, M at a time on a connection: unary gRPC
 * calls, or POST of a body. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "load.h"

typedef struct call {
  frame body;
  size_t sent;
  size_t number; /* which request, for sending it again */
  int64_t start;
  int http_status;
  int grpc_status;
  int64_t retry_ns; /* when the server wants to see it again; 0 = not said */
  char text[400];   /* what an answer says that is not good */
  size_t text_len;
} call;

static void put_text(call *c, const uint8_t *data, size_t len) {
  const size_t left = sizeof c->text - c->text_len;
  const size_t take = len < left ? len : left;
  memcpy(c->text + c->text_len, data, take);
  c->text_len += take;
}

static ssize_t read_body(nghttp2_session *session, int32_t stream,
                         uint8_t *into, size_t room, uint32_t *flags,
                         nghttp2_data_source *source, void *user) {
  (void)session, (void)stream, (void)user;
  call *c = source->ptr;
  const size_t left = c->body.len - c->sent;
  const size_t take = left < room ? left : room;
  memcpy(into, c->body.data + c->sent, take);
  c->sent += take;
  if (c->sent == c->body.len) {
    *flags |= NGHTTP2_DATA_FLAG_EOF;
  }
  return (ssize_t)take;
}

/* The next digit of base64 at *AT, or -1. */
static int digit(const uint8_t **at, const uint8_t *end) {
  static const char digits[] =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  const char *found = *at < end ? strchr(digits, *(*at)++) : NULL;
  return found == NULL || *found == '\0' ? -1 : (int)(found - digits);
}

static uint64_t number_at(const uint8_t **at, const uint8_t *end) {
  uint64_t value = 0;
  for (unsigned shift = 0; *at < end && shift < 64; shift += 7) {
    const uint8_t byte = *(*at)++;
    value |= (uint64_t)(byte & 0x7f) << shift;
    if (byte < 0x80) {
      break;
    }
  }
  return value;
}

/* google.rpc.RetryInfo.retry_delay in a grpc-status-details-bin, or 0.  It is
 * the last there: Any {2: RetryInfo {1: Duration {1: seconds, 2: nanos}}}. */
static int64_t retry_delay(const uint8_t *text, size_t len) {
  static const char name[] = "google.rpc.RetryInfo";
  uint8_t bytes[512];
  size_t count = 0;
  uint32_t bits = 0;
  unsigned have = 0;
  int next;
  for (const uint8_t *at = text;
       (next = digit(&at, text + len)) >= 0 && count < sizeof bytes;) {
    bits = bits << 6 | (uint32_t)next;
    have += 6;
    if (have >= 8) {
      have -= 8;
      bytes[count++] = (uint8_t)(bits >> have);
    }
  }
  const uint8_t *found = memmem(bytes, count, name, sizeof name - 1);
  if (found == NULL) {
    return 0;
  }
  const uint8_t *at = found + sizeof name - 1 + 4; /* two tags and lengths */
  const uint8_t *end = bytes + count;
  uint64_t delay = 0;
  while (at < end) {
    const uint8_t tag = *at++;
    delay += number_at(&at, end) * (tag == 0x08 ? 1000000000 : 1);
  }
  return (int64_t)delay;
}

static int on_header(nghttp2_session *session, const nghttp2_frame *about,
                     const uint8_t *name, size_t name_len, const uint8_t *value,
                     size_t value_len, uint8_t flags, void *user) {
  (void)flags, (void)user;
  call *c = nghttp2_session_get_stream_user_data(session, about->hd.stream_id);
  char text[16];
  if (c != NULL && name_len == 12 && memcmp(name, "grpc-message", 12) == 0) {
    put_text(c, value, value_len);
  }
  if (c != NULL && name_len == 23 &&
      memcmp(name, "grpc-status-details-bin", 23) == 0) {
    c->retry_ns = retry_delay(value, value_len);
  }
  if (c == NULL || value_len >= sizeof text) {
    return 0;
  }
  memcpy(text, value, value_len);
  text[value_len] = '\0';
  if (name_len == 7 && memcmp(name, ":status", 7) == 0) {
    c->http_status = (int)strtol(text, NULL, 10);
  } else if (name_len == 11 && memcmp(name, "grpc-status", 11) == 0) {
    c->grpc_status = (int)strtol(text, NULL, 10);
  }
  return 0;
}

static int on_data(nghttp2_session *session, uint8_t flags, int32_t stream,
                   const uint8_t *data, size_t len, void *user) {
  (void)flags, (void)user;
  call *c = nghttp2_session_get_stream_user_data(session, stream);
  if (c != NULL && c->http_status != 200) {
    put_text(c, data, len);
  }
  return 0;
}

/* False: it was refused, and its stream rests for as long as the server said.
 */
static bool finish(connection *conn, const call *c, uint32_t code) {
  load *run = conn->run;
  const bool grpc = run->kind == LOAD_GRPC;
  if (run->any_status
          ? c->http_status != 0
          : c->http_status == 200 && (!grpc || c->grpc_status == 0)) {
    count_ok(run, c->body.len, c->start);
  } else if (grpc ? c->grpc_status == UNAVAILABLE : c->http_status == 503) {
    count_refused(run, c->number, c->retry_ns > 0);
    if (c->retry_ns > 0) {
      conn->resting[conn->resting_count++] = now_ns() + c->retry_ns;
      return false;
    }
  } else {
    if (run->failed == 0) {
      fprintf(stderr, "load: HTTP %d, gRPC %d, HTTP/2 error %u, \"%.*s\"\n",
              c->http_status, c->grpc_status, (unsigned)code, (int)c->text_len,
              c->text);
    }
    count_failed(run, 1, c->http_status, c->grpc_status);
  }
  return true;
}

static int on_close(nghttp2_session *session, int32_t stream, uint32_t code,
                    void *user) {
  connection *conn = user;
  call *c = nghttp2_session_get_stream_user_data(session, stream);
  if (c != NULL) {
    conn->in_flight -= finish(conn, c, code) ? 1 : 0;
    free(c);
  }
  return 0;
}

nghttp2_nv header(const char *name, const char *value) {
  return (nghttp2_nv){.name = (uint8_t *)(uintptr_t)name,
                      .value = (uint8_t *)(uintptr_t)value,
                      .namelen = strlen(name),
                      .valuelen = strlen(value)};
}

/* A session with the callbacks that run->callbacks has. */
void http2_session(connection *conn) {
  if (nghttp2_session_client_new(&conn->session, conn->run->callbacks, conn) !=
      0) {
    die("session");
  }
  nghttp2_submit_settings(conn->session, NGHTTP2_FLAG_NONE, NULL, 0);
}

static void open_http2(connection *conn) {
  load *run = conn->run;
  if (run->callbacks == NULL) {
    if (nghttp2_session_callbacks_new(&run->callbacks) != 0) {
      die("out of memory");
    }
    nghttp2_session_callbacks_set_on_header_callback(run->callbacks, on_header);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(run->callbacks,
                                                              on_data);
    nghttp2_session_callbacks_set_on_stream_close_callback(run->callbacks,
                                                           on_close);
  }
  conn->resting = need(calloc(run->streams, sizeof *conn->resting));
  http2_session(conn);
}

static void submit(connection *conn, size_t number) {
  load *run = conn->run;
  call *c = need(calloc(1, sizeof *c));
  c->number = number;
  c->body = run->frames[number % run->frame_count];
  c->start = now_ns();
  c->grpc_status = -1;
  char length[24];
  snprintf(length, sizeof length, "%zu", c->body.len);
  const nghttp2_nv headers[] = {
      header(":method", "POST"),
      header(":scheme", run->tls != NULL ? "https" : "http"),
      header(":authority", run->authority),
      header(":path", run->path),
      header("content-type", run->type),
      header("user-agent", "otlp-arrow-bench"),
      /* The last one is for gRPC or for other requests. */
      run->kind == LOAD_GRPC ? header("te", "trailers")
                             : header("content-length", length),
  };
  const nghttp2_data_provider body = {.source.ptr = c,
                                      .read_callback = read_body};
  if (nghttp2_submit_request(conn->session, NULL, headers,
                             sizeof headers / sizeof *headers, &body, c) < 0) {
    die("cannot submit a request");
  }
  conn->in_flight++;
}

/* Starts requests on CONN as far as streams and time allow. */
static void start(connection *conn) {
  load *run = conn->run;
  for (size_t i = conn->resting_count; i-- > 0;) {
    if (conn->resting[i] <= now_ns()) {
      conn->resting[i] = conn->resting[--conn->resting_count];
      conn->in_flight--;
    }
  }
  while (conn->in_flight < run->streams && next_due(run) <= now_ns()) {
    submit(conn, take_next(run));
  }
}

void http2_gather(connection *conn) {
  while (conn->out_len < OUT_BYTES) {
    const uint8_t *data;
    const ssize_t len = nghttp2_session_mem_send(conn->session, &data);
    if (len < 0) {
      die("nghttp2 cannot send");
    }
    if (len == 0) {
      return;
    }
    put_out(conn, data, (size_t)len);
  }
}

void http2_receive(connection *conn, const uint8_t *data, size_t len) {
  if (nghttp2_session_mem_recv(conn->session, data, len) < 0) {
    errno = 0;
    die("the server broke HTTP/2");
  }
}

const protocol load_http2 = {
    .open = open_http2,
    .start = start,
    .gather = http2_gather,
    .receive = http2_receive,
};
