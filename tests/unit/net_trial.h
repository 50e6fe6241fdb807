/* SPDX-License-Identifier: Apache-2.0 */
/* net_trial.h - an HTTP/2 client that can also misbehave, for the tests of the
 * server.
 *
 * It does one thing at a time on the test's own thread.
 */
#ifndef OA_TEST_NET_TRIAL_H
#define OA_TEST_NET_TRIAL_H

#include "net_fixture.h"

/* The client. */

typedef struct answer {
  int http_status;
  int grpc_status; /* -1 = none */
  char message[512];
  char details[512];
  char type[64];
  char accepts[192];
  char retry_after[16];
  uint8_t body[256]; /* its beginning */
  size_t body_len;
  size_t body_total;
  bool closed;
  uint32_t error; /* of the stream's end */
} answer;

typedef struct source {
  const uint8_t *data;
  size_t len;
  size_t at;
  size_t frame;  /* largest DATA frame; 0 = any */
  size_t stop;   /* stands still here; SIZE_MAX = never */
  size_t pad;    /* bytes of padding in each frame */
  bool open_end; /* never says END_STREAM */
} source;

typedef struct client {
  fixture *f;
  int fd;
  nghttp2_session *session;
  answer answers[MAX_ANSWERS]; /* by (stream - 1) / 2 */
  source sources[MAX_ANSWERS];
  size_t pongs; /* answers to pings */
  bool goaway;
  bool eof;
  uint32_t goaway_error;
} client;

static inline answer *answer_of(client *c, int32_t stream) {
  const int32_t index = (stream - 1) / 2;
  assert_true(index >= 0 && index < MAX_ANSWERS);
  return &c->answers[index];
}

static ssize_t read_source(nghttp2_session *session, int32_t stream,
                           uint8_t *buf, size_t room, uint32_t *flags,
                           nghttp2_data_source *from, void *user) {
  source *s = from->ptr;
  (void)session;
  (void)stream;
  (void)user;
  if (s->at == s->stop) {
    return NGHTTP2_ERR_DEFERRED;
  }
  size_t part = s->len - s->at;
  part = part < room ? part : room;
  if (s->frame > 0 && part > s->frame) {
    part = s->frame;
  }
  if (s->stop > s->at && part > s->stop - s->at) {
    part = s->stop - s->at;
  }
  if (part > 0) {
    memcpy(buf, s->data + s->at, part);
  }
  s->at += part;
  if (s->at == s->len) {
    if (!s->open_end) {
      *flags |= NGHTTP2_DATA_FLAG_EOF;
    } else if (part == 0) {
      return NGHTTP2_ERR_DEFERRED;
    }
  }
  return (ssize_t)part;
}

static ssize_t choose_padding(nghttp2_session *session,
                              const nghttp2_frame *frame, size_t most,
                              void *user) {
  const client *c = user;
  (void)session;
  if (frame->hd.type != NGHTTP2_DATA) {
    return (ssize_t)frame->hd.length;
  }
  const size_t want =
      frame->hd.length + c->sources[(frame->hd.stream_id - 1) / 2].pad;
  return (ssize_t)(want < most ? want : most);
}

static void copy_text(char *to, size_t size, const uint8_t *from, size_t len) {
  const size_t part = len < size - 1 ? len : size - 1;
  memcpy(to, from, part);
  to[part] = '\0';
}

static int client_header(nghttp2_session *session, const nghttp2_frame *frame,
                         const uint8_t *name, size_t name_len,
                         const uint8_t *value, size_t value_len, uint8_t flags,
                         void *user) {
  answer *a = answer_of(user, frame->hd.stream_id);
  char key[64];
  char number[24];
  (void)session;
  (void)flags;
  copy_text(key, sizeof key, name, name_len);
  copy_text(number, sizeof number, value, value_len);
  if (strcmp(key, ":status") == 0) {
    a->http_status = (int)strtol(number, NULL, 10);
  } else if (strcmp(key, "grpc-status") == 0) {
    a->grpc_status = (int)strtol(number, NULL, 10);
  } else if (strcmp(key, "grpc-message") == 0) {
    copy_text(a->message, sizeof a->message, value, value_len);
  } else if (strcmp(key, "grpc-status-details-bin") == 0) {
    copy_text(a->details, sizeof a->details, value, value_len);
  } else if (strcmp(key, "content-type") == 0) {
    copy_text(a->type, sizeof a->type, value, value_len);
  } else if (strcmp(key, "grpc-accept-encoding") == 0) {
    copy_text(a->accepts, sizeof a->accepts, value, value_len);
  } else if (strcmp(key, "retry-after") == 0) {
    copy_text(a->retry_after, sizeof a->retry_after, value, value_len);
  }
  return 0;
}

static int client_data(nghttp2_session *session, uint8_t flags, int32_t stream,
                       const uint8_t *data, size_t len, void *user) {
  answer *a = answer_of(user, stream);
  (void)session;
  (void)flags;
  const size_t room = sizeof a->body - a->body_len;
  const size_t part = len < room ? len : room;
  memcpy(a->body + a->body_len, data, part);
  a->body_len += part;
  a->body_total += len;
  return 0;
}

static int client_closed(nghttp2_session *session, int32_t stream,
                         uint32_t code, void *user) {
  answer *a = answer_of(user, stream);
  (void)session;
  a->closed = true;
  a->error = code;
  return 0;
}

static int client_frame(nghttp2_session *session, const nghttp2_frame *frame,
                        void *user) {
  client *c = user;
  (void)session;
  if (frame->hd.type == NGHTTP2_GOAWAY) {
    c->goaway = true;
    c->goaway_error = frame->goaway.error_code;
  }
  c->pongs += frame->hd.type == NGHTTP2_PING &&
              (frame->hd.flags & NGHTTP2_FLAG_ACK) != 0;
  return 0;
}

static inline int connect_to(uint16_t port) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  assert_true(fd >= 0);
  const void *any = &address;
  assert_int_equal(connect(fd, any, sizeof address), 0);
  return fd;
}

static inline client *client_open(fixture *f) {
  client *c = oa_calloc(1, sizeof *c);
  assert_non_null(c);
  c->f = f;
  c->fd = connect_to(oa_server_port(f->server, 0));
  for (size_t i = 0; i < MAX_ANSWERS; i++) {
    c->answers[i].grpc_status = -1;
  }
  nghttp2_session_callbacks *to = NULL;
  assert_int_equal(nghttp2_session_callbacks_new(&to), 0);
  nghttp2_session_callbacks_set_on_header_callback(to, client_header);
  nghttp2_session_callbacks_set_on_data_chunk_recv_callback(to, client_data);
  nghttp2_session_callbacks_set_on_stream_close_callback(to, client_closed);
  nghttp2_session_callbacks_set_on_frame_recv_callback(to, client_frame);
  nghttp2_session_callbacks_set_select_padding_callback(to, choose_padding);
  assert_int_equal(nghttp2_session_client_new(&c->session, to, c), 0);
  nghttp2_session_callbacks_del(to);
  assert_int_equal(
      nghttp2_submit_settings(c->session, NGHTTP2_FLAG_NONE, NULL, 0), 0);
  return c;
}

static inline void client_close(client *c) {
  nghttp2_session_del(c->session);
  close(c->fd);
  oa_free(c);
}

static inline bool send_all(int fd, const void *data, size_t len) {
  const uint8_t *at = data;
  while (len > 0) {
    const ssize_t sent = send(fd, at, len, MSG_NOSIGNAL);
    if (sent <= 0) {
      return false;
    }
    at += sent;
    len -= (size_t)sent;
  }
  return true;
}

/* Sends all that C has to send in one write, so that it is
 * read at once. */
static inline void client_send_at_once(client *c) {
  oa_buf all = {0};
  const uint8_t *data = NULL;
  ssize_t len;
  while ((len = nghttp2_session_mem_send(c->session, &data)) > 0) {
    assert_int_equal(oa_buf_put(&all, data, (size_t)len), OA_OK);
  }
  assert_true(send_all(c->fd, all.data, all.len));
  oa_buf_free(&all);
}

/* Sends what is to be sent and takes what comes within MS. */
static inline void client_turn(client *c, int ms) {
  const uint8_t *data = NULL;
  ssize_t len;
  while ((len = nghttp2_session_mem_send(c->session, &data)) > 0) {
    if (!send_all(c->fd, data, (size_t)len)) {
      c->eof = true;
      return;
    }
    struct pollfd soon = {.fd = c->fd, .events = POLLIN};
    if (poll(&soon, 1, 0) == 1) {
      break; /* a window may have come, or a refusal */
    }
  }
  struct pollfd wait = {.fd = c->fd, .events = POLLIN};
  if (poll(&wait, 1, ms) == 1) {
    uint8_t buf[16384];
    const ssize_t got = recv(c->fd, buf, sizeof buf, 0);
    if (got <= 0) {
      c->eof = true;
    } else {
      assert_int_equal(nghttp2_session_mem_recv(c->session, buf, (size_t)got),
                       got);
    }
  }
}

/* Lets the connection live for MS. */
static inline void client_run(client *c, uint64_t ms) {
  const uint64_t end = now_ms() + ms;
  while (!c->eof && now_ms() < end) {
    client_turn(c, 2);
  }
}

/* Runs C until CONDITION is true: on a busy machine no span of time is enough
 * for all frames to go out, or to come. */
#define CLIENT_UNTIL(C, CONDITION)                  \
  do {                                              \
    const uint64_t until_end = now_ms() + PATIENCE; \
    while (!(CONDITION)) {                          \
      assert_true(now_ms() < until_end);            \
      client_turn(C, 2);                            \
    }                                               \
  } while (0)

static inline void client_await_count(client *c, const size_t *counter,
                                      size_t wanted) {
  CLIENT_UNTIL(c, read_count(c->f, counter) >= wanted);
}

/* Runs until the server has seen all that C may send and has said what it has
 * to say to it: an answer to a ping may overtake others, the next does not. */
static inline void client_settle(client *c) {
  for (int i = 0; i < 2; i++) {
    const size_t pongs = c->pongs;
    CLIENT_UNTIL(c, nghttp2_session_want_write(c->session) == 0);
    nghttp2_submit_ping(c->session, NGHTTP2_FLAG_NONE, NULL);
    CLIENT_UNTIL(c, c->pongs > pongs);
  }
}

/* As client_open(), with the greetings over. */
static inline client *client_greet(fixture *f) {
  client *c = client_open(f);
  client_settle(c);
  return c;
}

/* Runs until STREAM is closed. */
static inline answer *client_await(client *c, int32_t stream) {
  const uint64_t end = now_ms() + PATIENCE;
  answer *a = answer_of(c, stream);
  while (!a->closed) {
    if (c->eof || now_ms() > end) {
      fail_msg("stream %d got no answer (%s)", (int)stream,
               c->eof ? "connection closed" : "time is over");
    }
    client_turn(c, 5);
  }
  /* What the handler has recorded is this thread's to read from here on. */
  uv_mutex_lock(&c->f->lock);
  uv_mutex_unlock(&c->f->lock);
  return a;
}

typedef struct ask {
  const char *path;
  const char *method;
  const char *type;     /* NULL = none */
  const char *encoding; /* NULL = none */
  const char *timeout;  /* NULL = none */
  const char *length;   /* content-length; NULL = none */
  source body;
} ask;

static inline ask ask_for(const uint8_t *data, size_t len) {
  return (ask){.path = PATH,
               .method = "POST",
               .type = "application/grpc",
               .body = {.data = data, .len = len, .stop = SIZE_MAX}};
}

/* A streaming call. */
static inline ask stream_of(const uint8_t *data, size_t len) {
  ask what = ask_for(data, len);
  what.path = STREAM_PATH;
  return what;
}

static inline nghttp2_nv text_field(const char *name, const char *value) {
  return (nghttp2_nv){(uint8_t *)(uintptr_t)name, (uint8_t *)(uintptr_t)value,
                      strlen(name), strlen(value), NGHTTP2_NV_FLAG_NONE};
}

static inline int32_t client_ask(client *c, const ask *what) {
  nghttp2_nv fields[10];
  size_t count = 0;
  fields[count++] = text_field(":method", what->method);
  fields[count++] = text_field(":scheme", "http");
  fields[count++] = text_field(":path", what->path);
  fields[count++] = text_field(":authority", "localhost");
  fields[count++] = text_field("te", "trailers");
  if (what->type != NULL) {
    fields[count++] = text_field("content-type", what->type);
  }
  if (what->encoding != NULL) {
    fields[count++] = text_field("grpc-encoding", what->encoding);
  }
  if (what->timeout != NULL) {
    fields[count++] = text_field("grpc-timeout", what->timeout);
  }
  if (what->length != NULL) {
    fields[count++] = text_field("content-length", what->length);
  }
  const int32_t next = (int32_t)nghttp2_session_get_next_stream_id(c->session);
  assert_true((next - 1) / 2 < MAX_ANSWERS);
  source *from = &c->sources[(next - 1) / 2];
  *from = what->body;
  nghttp2_data_provider provider = {.source = {.ptr = from},
                                    .read_callback = read_source};
  const int32_t stream =
      nghttp2_submit_request(c->session, NULL, fields, count, &provider, NULL);
  assert_int_equal(stream, next);
  return stream;
}

/* Asks and waits for the answer. */
static inline answer *client_call(client *c, const ask *what) {
  return client_await(c, client_ask(c, what));
}

/* Asks COUNT times; STREAMS may be NULL. Returns the last stream. */
static inline int32_t client_ask_often(client *c, const ask *what,
                                       int32_t *streams, size_t count) {
  int32_t last = 0;
  for (size_t i = 0; i < count; i++) {
    last = client_ask(c, what);
    if (streams != NULL) {
      streams[i] = last;
    }
  }
  return last;
}

/* Waits until all COUNT STREAMS are answered, each of them well. */
static inline void client_await_ok(client *c, const int32_t *streams,
                                   size_t count) {
  for (size_t i = 0; i < count; i++) {
    assert_int_equal(client_await(c, streams[i])->grpc_status, 0);
  }
}

/* A gRPC frame around LEN bytes that repeat a pattern; freed by oa_free(). */
static inline uint8_t *make_frame(size_t len, bool compressed) {
  uint8_t *frame = oa_malloc(len + 5);
  assert_non_null(frame);
  frame[0] = compressed ? 1 : 0;
  frame[1] = (uint8_t)(len >> 24);
  frame[2] = (uint8_t)(len >> 16);
  frame[3] = (uint8_t)(len >> 8);
  frame[4] = (uint8_t)len;
  for (size_t i = 0; i < len; i++) {
    frame[5 + i] = (uint8_t)(i * 7 + i / 251);
  }
  return frame;
}

/* A server, a client of it and what this one asks: between fixture_init() and
 * visit_start() the test sets options, between visit_leave() and fixture_end()
 * it looks at what the client has left behind. */
typedef struct visit {
  fixture f;
  client *c;
  uint8_t *frame;
  ask what; /* the whole frame */
} visit;

/* COUNT frames of LEN bytes in a row; freed by oa_free(). */
static inline uint8_t *make_frames(size_t count, size_t len) {
  uint8_t *all = oa_malloc(count * (len + 5));
  uint8_t *one = make_frame(len, false);
  assert_non_null(all);
  for (size_t i = 0; i < count; i++) {
    memcpy(all + i * (len + 5), one, len + 5);
  }
  oa_free(one);
  return all;
}

/* Starts the server; the message is that of make_frame(LEN). */
static inline void visit_start(visit *v, size_t len) {
  fixture_start(&v->f);
  v->c = client_open(&v->f);
  v->frame = make_frame(len, false);
  v->what = ask_for(v->frame, len + 5);
}

static inline void visit_leave(visit *v) {
  oa_free(v->frame);
  client_close(v->c);
}

/* A well-behaved client is served with a message of LEN bytes, and then no
 * memory is held. */
static inline void serves_still(fixture *f, size_t len) {
  uint8_t *frame = make_frame(len, false);
  const ask what = ask_for(frame, len + 5);
  client *c = client_open(f);
  assert_int_equal(client_call(c, &what)->grpc_status, 0);
  client_close(c);
  oa_free(frame);
  await_held(f, 0);
}

/* True when the last message that F got is that of make_frame(LEN). */
static inline bool got_frame(fixture *f, size_t len) {
  uint8_t *frame = make_frame(len, false);
  uv_mutex_lock(&f->lock);
  const bool same =
      f->message_len == len && memcmp(f->message, frame + 5, len) == 0;
  uv_mutex_unlock(&f->lock);
  oa_free(frame);
  return same;
}

/* Reads until the peer hangs up; what fits goes into TEXT. */
static inline size_t read_all(int fd, char *text, size_t size) {
  size_t len = 0;
  const uint64_t end = now_ms() + PATIENCE;
  for (;;) {
    struct pollfd wait = {.fd = fd, .events = POLLIN};
    char buf[4096];
    if (now_ms() > end) {
      fail_msg("the connection stays open");
    }
    if (poll(&wait, 1, 100) != 1) {
      continue;
    }
    const ssize_t got = recv(fd, buf, sizeof buf, 0);
    if (got <= 0) {
      break;
    }
    for (ssize_t i = 0; i < got && len + 1 < size; i++) {
      text[len++] = buf[i];
    }
  }
  text[len] = '\0';
  return len;
}

#endif
