/* SPDX-License-Identifier: Apache-2.0 */
/* Many TLS handshakes at once: what they cost, and who gets on. */
#include "net_fixture.h"

#include <sys/resource.h>

#include "net/watch.h"
#include "tls_trial.h"

enum { HELLO_ROOM = 4096, CROWD = 60 };

/* --- a ClientHello in pieces ---------------------------------------------- */

/* One as OpenSSL makes it; gives its length. */
static size_t make_hello(uint8_t *out, size_t room) {
  SSL_CTX *context = SSL_CTX_new(TLS_client_method());
  SSL *ssl = SSL_new(context);
  BIO *in = BIO_new(BIO_s_mem());
  BIO *sent = BIO_new(BIO_s_mem());
  SSL_set_bio(ssl, in, sent);
  assert_int_equal(SSL_connect(ssl), -1);
  const int len = BIO_read(sent, out, (int)room);
  SSL_free(ssl);
  SSL_CTX_free(context);
  assert_true(len > 100);
  return (size_t)len;
}

static void a_hello_is_whole_with_its_last_byte(void **state) {
  (void)state;
  uint8_t hello[HELLO_ROOM];
  const size_t len = make_hello(hello, sizeof hello);
  for (size_t part = 0; part < len; part++) {
    assert_false(oa_tls_hello_is_whole(hello, part));
  }
  assert_true(oa_tls_hello_is_whole(hello, len));
  assert_true(oa_tls_hello_is_whole(hello, sizeof hello));
}

static void a_hello_may_come_in_many_records(void **state) {
  (void)state;
  uint8_t hello[HELLO_ROOM];
  uint8_t cut[4 * HELLO_ROOM];
  const size_t len = make_hello(hello, sizeof hello);
  for (size_t step = 1; step < 9; step++) {
    size_t to = 0;
    for (size_t at = 5; at < len; at += step) {
      const size_t part = step < len - at ? step : len - at;
      memcpy(cut + to, (uint8_t[]){22, 3, 1, 0, (uint8_t)part}, 5);
      memcpy(cut + to + 5, hello + at, part);
      to += 5 + part;
    }
    for (size_t part = 0; part < to; part++) {
      assert_false(oa_tls_hello_is_whole(cut, part));
    }
    assert_true(oa_tls_hello_is_whole(cut, to));
  }
}

static void what_is_no_hello_is_not_waited_for(void **state) {
  (void)state;
  static const struct {
    uint8_t bytes[12];
    size_t len;
  } cases[] = {
      {"GET", 1},                               /* HTTP */
      {{21, 3, 1, 0, 2}, 1},                    /* an alert */
      {{22, 3, 1, 0, 4, 2}, 6},                 /* a ServerHello */
      {{22, 3, 1, 0, 0}, 5},                    /* nothing in it */
      {{22, 3, 1, 0, 200, 1, 0, 0x40, 1}, 9},   /* longer than is taken */
      {{22, 3, 1, 0, 1, 1, 23, 3, 3, 0, 1}, 7}, /* another record between */
      {{22, 3, 1, 0, 4, 1, 0, 0, 0}, 9},        /* empty, but whole */
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    assert_true(oa_tls_hello_is_whole(cases[i].bytes, cases[i].len));
  }
}

/* --- a server ------------------------------------------------------------- */

typedef struct secured {
  fixture f;
  folder folder;
  identity id;
  oa_tls_context *context;
  uint8_t hello[HELLO_ROOM];
  size_t hello_len;
} secured;

static secured *secured_start(uint32_t handshakes) {
  secured *s = calloc(1, sizeof *s);
  assert_non_null(s);
  folder_open(&s->folder);
  s->id = identity_make("server", NULL, -1, 1);
  const oa_tls_files files = {
      .certificate = folder_certificate(&s->folder, &s->id, NULL),
      .key = folder_key(&s->folder, &s->id, NULL)};
  assert_int_equal(oa_tls_context_new(&s->context, &files, NULL, NULL), OA_OK);
  s->hello_len = make_hello(s->hello, sizeof s->hello);
  fixture_init(&s->f);
  s->f.options.tls = s->context;
  s->f.options.max_handshakes = handshakes;
  fixture_start(&s->f);
  return s;
}

static void secured_end(secured *s) {
  fixture_end(&s->f);
  oa_tls_context_release(s->context);
  identity_free(&s->id);
  folder_close(&s->folder);
  free(s);
}

/* FROM: an address of this machine. */
static int connect_from(const secured *s, const char *from) {
  struct sockaddr_in address = {.sin_family = AF_INET};
  address.sin_port = htons(oa_server_port(s->f.server, 0));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  assert_true(fd >= 0);
  struct sockaddr_in own = {.sin_family = AF_INET};
  assert_int_equal(inet_pton(AF_INET, from, &own.sin_addr), 1);
  const void *any = &own;
  assert_int_equal(bind(fd, any, sizeof own), 0);
  any = &address;
  assert_int_equal(connect(fd, any, sizeof address), 0);
  return fd;
}

static int connect_to(const secured *s) {
  return connect_from(s, "127.0.0.1");
}

static void send_hello(int fd, const uint8_t *data, size_t len) {
  assert_int_equal(send(fd, data, len, MSG_NOSIGNAL), (int)len);
}

/* True when a whole handshake works. */
static bool is_served(const secured *s) {
  const int fd = connect_to(s);
  SSL_CTX *context = SSL_CTX_new(TLS_client_method());
  SSL *ssl = SSL_new(context);
  SSL_set_fd(ssl, fd);
  const bool served = SSL_connect(ssl) == 1;
  SSL_free(ssl);
  SSL_CTX_free(context);
  close(fd);
  return served;
}

/* As a client does, which comes back. */
static bool is_served_soon(const secured *s) {
  const uint64_t end = now_ms() + PATIENCE;
  while (now_ms() < end) {
    if (is_served(s)) {
      return true;
    }
    pause_ms(20);
  }
  return false;
}

static void crowd_open(const secured *s, int fds[CROWD], size_t len) {
  for (size_t i = 0; i < CROWD; i++) {
    fds[i] = connect_from(s, "127.0.0.2");
    send_hello(fds[i], s->hello, len);
  }
}

static void crowd_close(const int fds[CROWD]) {
  for (size_t i = 0; i < CROWD; i++) {
    close(fds[i]);
  }
}

/* How many of FDS were answered so far. */
static size_t count_answered(const int fds[CROWD]) {
  size_t count = 0;
  for (size_t i = 0; i < CROWD; i++) {
    uint8_t byte;
    count += recv(fds[i], &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 1;
  }
  return count;
}

/* Waits until COUNT of them have been answered. */
static void await_answered(const int fds[CROWD], size_t count) {
  const uint64_t end = now_ms() + PATIENCE;
  while (count_answered(fds) < count && now_ms() < end) {
    pause_ms(5);
  }
  assert_true(count_answered(fds) >= count);
}

static void half_handshakes_do_not_keep_others_out(void **state) {
  (void)state;
  secured *s = secured_start(4);
  int fds[CROWD];
  crowd_open(s, fds, s->hello_len);
  /* All places are taken by those who never go on. */
  await_answered(fds, 4);
  assert_true(is_served_soon(s));
  oa_server_stats stats;
  oa_server_get_stats(s->f.server, &stats);
  assert_true(stats.connections_late > 0);
  crowd_close(fds);
  secured_end(s);
}

/* However many stand in the line, and how many come after it. */
static void who_comes_from_elsewhere_goes_first(void **state) {
  (void)state;
  enum { BEFORE = 20, MOST = 30 };
  secured *s = secured_start(4);
  int fds[CROWD];
  int guest = -1;
  for (size_t i = 0; i < CROWD; i++) {
    if (i == BEFORE) {
      guest = connect_to(s);
      send_hello(guest, s->hello, s->hello_len);
    }
    fds[i] = connect_from(s, "127.0.0.2");
    send_hello(fds[i], s->hello, s->hello_len);
  }
  uint8_t byte;
  const struct timeval soon = {.tv_sec = PATIENCE / 1000};
  setsockopt(guest, SOL_SOCKET, SO_RCVTIMEO, &soon, sizeof soon);
  assert_int_equal(recv(guest, &byte, 1, MSG_PEEK), 1);
  /* Each place is held for a quarter of a second, and the newest would be
   * looked at first. */
  assert_true(count_answered(fds) < MOST);
  close(guest);
  crowd_close(fds);
  secured_end(s);
}

static void a_hello_that_is_not_whole_takes_no_place(void **state) {
  (void)state;
  secured *s = secured_start(4);
  int fds[CROWD];
  crowd_open(s, fds, s->hello_len - 1);
  for (int i = 0; i < 8; i++) {
    assert_true(is_served(s));
  }
  assert_int_equal(count_answered(fds), 0);
  for (size_t i = 0; i < 4; i++) {
    send_hello(fds[i], s->hello + s->hello_len - 1, 1);
  }
  await_answered(fds, 4);
  assert_int_equal(count_answered(fds), 4);
  crowd_close(fds);
  secured_end(s);
}

/* A client that goes on when it is looked at. */
typedef struct guest {
  int fd;
  SSL *ssl;
  bool served;
} guest;

static void guest_come(guest *g, const secured *s, SSL_CTX *context) {
  const struct timeval soon = {.tv_usec = 1000};
  g->fd = connect_to(s);
  g->ssl = SSL_new(context);
  SSL_set_fd(g->ssl, g->fd);
  setsockopt(g->fd, SOL_SOCKET, SO_RCVTIMEO, &soon, sizeof soon);
}

static void guest_leave(guest *g) {
  SSL_free(g->ssl);
  close(g->fd);
}

/* Goes on with the handshake; comes again when it was sent away. */
static void guest_look(guest *g, const secured *s, SSL_CTX *context) {
  const int status = SSL_connect(g->ssl);
  g->served = status == 1;
  if (!g->served && SSL_get_error(g->ssl, status) != SSL_ERROR_WANT_READ) {
    guest_leave(g);
    guest_come(g, s, context);
  }
}

static void each_of_an_honest_crowd_is_served(void **state) {
  (void)state;
  secured *s = secured_start(2);
  SSL_CTX *context = SSL_CTX_new(TLS_client_method());
  guest guests[CROWD] = {0};
  for (size_t i = 0; i < CROWD; i++) {
    guest_come(&guests[i], s, context);
  }
  size_t served = 0;
  const uint64_t end = now_ms() + PATIENCE;
  while (served < CROWD && now_ms() < end) {
    for (size_t i = 0; i < CROWD; i++) {
      if (!guests[i].served) {
        guest_look(&guests[i], s, context);
        served += guests[i].served;
      }
    }
  }
  assert_int_equal(served, CROWD);
  for (size_t i = 0; i < CROWD; i++) {
    guest_leave(&guests[i]);
  }
  SSL_CTX_free(context);
  secured_end(s);
}

/* --- the table of descriptors --------------------------------------------- */

static void a_reserved_table_has_a_place_for_each_descriptor(void **state) {
  (void)state;
  uv_loop_t loop;
  oa_watch watch = {.room = 0};
  assert_int_equal(uv_loop_init(&loop), 0);
  assert_int_equal(oa_watch_reserve(&watch, &loop, 700), OA_OK);
  assert_true(watch.room > 700);
  uv_run(&loop, UV_RUN_DEFAULT);
  /* No memory is asked for what was promised, and nothing promised without. */
  oa_mem_fail_after(0);
  assert_true(oa_watch_fits(&watch, 700));
  assert_false(oa_watch_fits(&watch, (int)watch.room));
  oa_mem_fail_after(-1);
  const size_t before = watch.room;
  assert_true(oa_watch_fits(&watch, (int)before));
  assert_true(watch.room > before);
  assert_int_equal(uv_loop_close(&loop), 0);
}

static void more_is_not_reserved_than_the_process_may_open(void **state) {
  (void)state;
  struct rlimit old;
  assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
  const struct rlimit low = {.rlim_cur = 100, .rlim_max = old.rlim_max};
  assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
  uv_loop_t loop;
  oa_watch watch = {.room = 0};
  assert_int_equal(uv_loop_init(&loop), 0);
  assert_int_equal(oa_watch_reserve(&watch, &loop, 1000000), OA_OK);
  assert_true(watch.room >= 99 && watch.room < 1000);
  uv_run(&loop, UV_RUN_DEFAULT);
  assert_int_equal(uv_loop_close(&loop), 0);
  assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_hello_is_whole_with_its_last_byte),
      cmocka_unit_test(a_hello_may_come_in_many_records),
      cmocka_unit_test(what_is_no_hello_is_not_waited_for),
      cmocka_unit_test(half_handshakes_do_not_keep_others_out),
      cmocka_unit_test(who_comes_from_elsewhere_goes_first),
      cmocka_unit_test(a_hello_that_is_not_whole_takes_no_place),
      cmocka_unit_test(each_of_an_honest_crowd_is_served),
      cmocka_unit_test(a_reserved_table_has_a_place_for_each_descriptor),
      cmocka_unit_test(more_is_not_reserved_than_the_process_may_open),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
