/* SPDX-License-Identifier: Apache-2.0 */
/* Peers that speak something else, or HTTP/2 with bad intent.  After each of
 * them a well-behaved client is served and no memory is held. */
#include <sys/time.h>

#include "net_trial.h"

enum { FLOOD = 100000, USUAL = 100000 };

static const char PREFACE[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

static void tls_without_tls_gets_an_alert(void **state) {
  (void)state;
  static const uint8_t hello[] = {0x16, 0x03, 0x01, 0x00, 0x05, 1, 0, 0, 1, 3};
  fixture f;
  fixture_init(&f);
  fixture_start(&f);
  const int fd = connect_to(oa_server_port(f.server, 0));
  char text[64];
  assert_true(send_all(fd, hello, sizeof hello));
  shutdown(fd, SHUT_WR);
  assert_int_equal(read_all(fd, text, sizeof text), 7);
  assert_int_equal(text[0], 0x15);
  close(fd);
  serves_still(&f, USUAL);
  fixture_end(&f);
}

static void other_first_bytes_are_hung_up_on(void **state) {
  (void)state;
  static const struct {
    const char *bytes;
    size_t len;
  } cases[] = {{"\x16\x03\x01\x02\x00\x01\x00", 7},
               {"\0\0\0\0", 4},
               {"\xff\xff\xff\xff", 4},
               {"PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n", 24}};
  fixture f;
  fixture_init(&f);
  fixture_start(&f);
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    const int fd = connect_to(oa_server_port(f.server, 0));
    char text[256];
    assert_true(send_all(fd, cases[i].bytes, cases[i].len));
    read_all(fd, text, sizeof text);
    close(fd);
  }
  serves_still(&f, USUAL);
  fixture_end(&f);
}

static void an_unfinished_greeting_is_ended(void **state) {
  (void)state;
  enum { CUTS = sizeof PREFACE / 3 + 1 };
  int fds[CUTS];
  fixture f;
  fixture_init(&f);
  f.options.handshake_timeout_ms = 500;
  fixture_start(&f);
  for (size_t i = 0; i < CUTS; i++) {
    fds[i] = connect_to(oa_server_port(f.server, 0));
    send_all(fds[i], PREFACE, 3 * i);
  }
  for (size_t i = 0; i < CUTS; i++) {
    char text[256];
    read_all(fds[i], text, sizeof text);
    close(fds[i]);
  }
  serves_still(&f, USUAL);
  fixture_end(&f);
}

/* Raw frames. */

typedef struct wire {
  uint8_t bytes[65536];
  size_t len;
} wire;

static void put(wire *w, const void *data, size_t len) {
  assert_true(len <= sizeof w->bytes - w->len);
  memcpy(w->bytes + w->len, data, len);
  w->len += len;
}

static void put_frame(wire *w, uint8_t type, uint8_t flags, uint32_t stream,
                      const void *data, size_t len) {
  const uint8_t head[9] = {(uint8_t)(len >> 16),
                           (uint8_t)(len >> 8),
                           (uint8_t)len,
                           type,
                           flags,
                           (uint8_t)(stream >> 24),
                           (uint8_t)(stream >> 16),
                           (uint8_t)(stream >> 8),
                           (uint8_t)stream};
  put(w, head, sizeof head);
  if (len > 0) {
    put(w, data, len);
  }
}

/* :method POST, :scheme http, :path, :authority x, content-type. */
static size_t header_block(uint8_t *out) {
  size_t len = 0;
  out[len++] = 0x83;
  out[len++] = 0x86;
  out[len++] = 0x04; /* :path, not indexed */
  out[len++] = (uint8_t)(sizeof PATH - 1);
  memcpy(out + len, PATH, sizeof PATH - 1);
  len += sizeof PATH - 1;
  out[len++] = 0x01;
  out[len++] = 1;
  out[len++] = 'x';
  out[len++] = 0x0f;
  out[len++] = 0x10; /* content-type, not indexed */
  out[len++] = 16;
  memcpy(out + len, "application/grpc", 16);
  return len + 16;
}

static int greet(const fixture *f) {
  wire *w = oa_calloc(1, sizeof *w);
  const int fd = connect_to(oa_server_port(f->server, 0));
  put(w, PREFACE, sizeof PREFACE - 1);
  put_frame(w, NGHTTP2_SETTINGS, 0, 0, NULL, 0);
  assert_true(send_all(fd, w->bytes, w->len));
  oa_free(w);
  return fd;
}

/* Takes what there is to take, so that the server is never blocked; false at
 * its end. */
static bool drain(int fd) {
  char buf[65536];
  ssize_t got;
  do {
    got = recv(fd, buf, sizeof buf, MSG_DONTWAIT);
  } while (got > 0);
  return got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
}

/* Sends FLOOD frames that MAKE writes; true when the server hung up. */
static bool flood(fixture *f, void (*make)(wire *w, uint32_t number),
                  bool reading) {
  const int fd = greet(f);
  wire *w = oa_calloc(1, sizeof *w);
  bool alive = true;
  struct timeval patience = {.tv_sec = 5};
  setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
  for (uint32_t i = 0; alive && i < FLOOD; i++) {
    make(w, i);
    if (w->len > 4096 || i + 1 == FLOOD) {
      alive = send_all(fd, w->bytes, w->len);
      w->len = 0;
      if (reading && alive) {
        alive = drain(fd);
      }
    }
  }
  /* The kernel may have taken everything before the server saw it. */
  const uint64_t end = now_ms() + (reading ? PATIENCE : 100);
  while (alive && now_ms() < end) {
    pause_ms(5);
    alive = drain(fd);
  }
  close(fd);
  oa_free(w);
  serves_still(f, USUAL);
  return !alive;
}

static void make_ping(wire *w, uint32_t number) {
  (void)number;
  put_frame(w, NGHTTP2_PING, 0, 0, "12345678", 8);
}

static void make_settings(wire *w, uint32_t number) {
  (void)number;
  put_frame(w, NGHTTP2_SETTINGS, 0, 0, NULL, 0);
}

static void make_priority(wire *w, uint32_t number) {
  (void)number;
  put_frame(w, NGHTTP2_PRIORITY, 0, 1, "\0\0\0\0\1", 5);
}

static void make_empty_data(wire *w, uint32_t number) {
  if (number == 0) {
    uint8_t block[64];
    put_frame(w, NGHTTP2_HEADERS, NGHTTP2_FLAG_END_HEADERS, 1, block,
              header_block(block));
  }
  put_frame(w, NGHTTP2_DATA, 0, 1, NULL, 0);
}

static void make_reset(wire *w, uint32_t number) {
  uint8_t block[64];
  put_frame(w, NGHTTP2_HEADERS, NGHTTP2_FLAG_END_HEADERS, 2 * number + 1, block,
            header_block(block));
  put_frame(w, NGHTTP2_RST_STREAM, 0, 2 * number + 1, "\0\0\0\x8", 4);
}

static void make_continuation(wire *w, uint32_t number) {
  uint8_t block[64];
  if (number == 0) {
    put_frame(w, NGHTTP2_HEADERS, 0, 1, block, header_block(block));
  }
  /* x: y, never indexed */
  put_frame(w, NGHTTP2_CONTINUATION, 0, 1, "\x10\1x\1y", 5);
}

static void make_header_bomb(wire *w, uint32_t number) {
  uint8_t block[16384];
  if (number == 0) {
    /* One field of about 3,900 bytes goes into the table, ... */
    size_t len = header_block(block);
    block[len++] = 0x40;
    block[len++] = 1;
    block[len++] = 'x';
    block[len++] = 0x7f;
    block[len++] = 0xbd;
    block[len++] = 0x1d; /* 127 + 0x3d + 0x1d * 128 = 3900 */
    memset(block + len, 'a', 3900);
    put_frame(w, NGHTTP2_HEADERS, 0, 1, block, len + 3900);
  } else {
    /* ... and then a byte each brings it back. */
    memset(block, 0xbe, 1000);
    put_frame(w, NGHTTP2_CONTINUATION, 0, 1, block, 1000);
  }
}

static void floods_end_the_connection_and_nothing_else(void **state) {
  (void)state;
  static void (*const makers[])(wire *, uint32_t) = {
      make_ping,  make_settings,     make_priority,   make_empty_data,
      make_reset, make_continuation, make_header_bomb};
  fixture f;
  fixture_init(&f);
  fixture_start(&f);
  for (size_t i = 0; i < sizeof makers / sizeof makers[0]; i++) {
    if (!flood(&f, makers[i], true)) {
      fail_msg("flood %zu was endured", i);
    }
    flood(&f, makers[i], false);
  }
  assert_true(read_count(&f, &f.requests) ==
              2 * sizeof makers / sizeof makers[0]);
  fixture_end(&f);
}

static uint32_t next_random(uint32_t *seed) {
  *seed = *seed * 1664525 + 1013904223;
  return *seed >> 8;
}

/* Frames of a real call with some bytes changed, and plain noise. */
static void random_bytes_do_no_harm(void **state) {
  (void)state;
  enum { ROUNDS = 400 };
  uint32_t seed = 20240611;
  fixture f;
  fixture_init(&f);
  f.options.body_timeout_ms = 200;
  fixture_start(&f);
  wire *w = oa_calloc(1, sizeof *w);
  uint8_t *frame = make_frame(3000, false);
  for (int round = 0; round < ROUNDS; round++) {
    const int fd = greet(&f);
    uint8_t block[64];
    w->len = 0;
    for (uint32_t id = 1; id < 8; id += 2) {
      put_frame(w, NGHTTP2_HEADERS, NGHTTP2_FLAG_END_HEADERS, id, block,
                header_block(block));
      put_frame(w, NGHTTP2_DATA, 0, id, frame, 1000);
      put_frame(w, NGHTTP2_DATA, NGHTTP2_FLAG_END_STREAM, id, frame + 1000,
                2005);
    }
    const uint32_t changes = 1 + next_random(&seed) % 20;
    for (uint32_t i = 0; i < changes; i++) {
      w->bytes[next_random(&seed) % w->len] = (uint8_t)next_random(&seed);
    }
    if (round % 10 == 0) {
      for (size_t i = 0; i < w->len; i++) {
        w->bytes[i] = (uint8_t)next_random(&seed);
      }
    }
    send_all(fd, w->bytes, next_random(&seed) % w->len + 1);
    pause_ms(1);
    drain(fd);
    close(fd);
  }
  oa_free(frame);
  oa_free(w);
  serves_still(&f, USUAL);
  fixture_end(&f);
}

static void a_peer_that_never_reads_is_bounded(void **state) {
  (void)state;
  fixture f;
  fixture_init(&f);
  f.reply.code = OA_GRPC_INVALID_ARGUMENT;
  char text[1000];
  memset(text, '%', sizeof text);
  text[sizeof text - 1] = '\0';
  f.reply.text = text;
  fixture_start(&f);
  const int fd = greet(&f);
  const int small = 4096;
  setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
  wire *w = oa_calloc(1, sizeof *w);
  uint32_t id = 1;
  struct timeval patience = {.tv_usec = 300000};
  setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
  /* Each call costs 60 bytes and its answer 3,000: the server must stop
   * reading long before it has gathered answers to all. */
  for (int i = 0; i < FLOOD; i++) {
    uint8_t block[64];
    w->len = 0;
    put_frame(w, NGHTTP2_HEADERS, NGHTTP2_FLAG_END_HEADERS, id, block,
              header_block(block));
    put_frame(w, NGHTTP2_DATA, NGHTTP2_FLAG_END_STREAM, id, "\0\0\0\0\0", 5);
    id += 2;
    if (!send_all(fd, w->bytes, w->len)) {
      break;
    }
  }
  assert_true(read_count(&f, &f.requests) < FLOOD / 2);
  close(fd);
  oa_free(w);
  uv_mutex_lock(&f.lock);
  f.reply = (oa_grpc_reply_data){.code = OA_GRPC_OK};
  uv_mutex_unlock(&f.lock);
  serves_still(&f, USUAL);
  fixture_end(&f);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(tls_without_tls_gets_an_alert),
      cmocka_unit_test(other_first_bytes_are_hung_up_on),
      cmocka_unit_test(an_unfinished_greeting_is_ended),
      cmocka_unit_test(floods_end_the_connection_and_nothing_else),
      cmocka_unit_test(random_bytes_do_no_harm),
      cmocka_unit_test(a_peer_that_never_reads_is_bounded),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
