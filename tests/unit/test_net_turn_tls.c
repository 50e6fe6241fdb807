/* SPDX-License-Identifier: Apache-2.0 */
/* Turns under TLS, where one read brings several records. */
#include "turn_trial.h"

#include "tls_trial.h"

typedef struct secured {
  folder place;
  identity id;
  oa_tls_context *tls;
  SSL_CTX *context; /* the client's */
  busy *b;
} secured;

static secured secured_start(void) {
  secured s = {.id = identity_make("server", NULL, -1, 1)};
  folder_open(&s.place);
  const oa_tls_files files = {
      .certificate = folder_certificate(&s.place, &s.id, NULL),
      .key = folder_key(&s.place, &s.id, NULL)};
  assert_int_equal(oa_tls_context_new(&s.tls, &files, NULL, NULL), OA_OK);
  s.context = SSL_CTX_new(TLS_client_method());
  s.b = busy_start(s.tls);
  return s;
}

static SSL *greet(const secured *s) {
  struct sockaddr_in address = {.sin_family = AF_INET};
  address.sin_port = htons(oa_server_port(s->b->f.server, 0));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  const void *any = &address;
  assert_int_equal(connect(fd, any, sizeof address), 0);
  SSL *ssl = SSL_new(s->context);
  SSL_set_fd(ssl, fd);
  assert_int_equal(SSL_connect(ssl), 1);
  return ssl;
}

static void hang_up(SSL *ssl) {
  close(SSL_get_fd(ssl));
  SSL_free(ssl);
}

/* Reads until the peer's end; gives how many requests were answered. */
static size_t read_answers(SSL *ssl) {
  enum { ROOM = MANY * 512 };
  char *text = oa_calloc(1, ROOM);
  size_t len = 0;
  int got;
  assert_non_null(text);
  while (len + 1 < ROOM &&
         (got = SSL_read(ssl, text + len, (int)(ROOM - 1 - len))) > 0) {
    len += (size_t)got;
  }
  const size_t answers = count_answers(text);
  oa_free(text);
  return answers;
}

static void secured_end(secured *s) {
  SSL_CTX_free(s->context);
  busy_end(s->b);
  oa_tls_context_release(s->tls);
  identity_free(&s->id);
  folder_close(&s->place);
}

static void under_tls_they_do_not_either(void **state) {
  (void)state;
  secured s = secured_start();
  SSL *one = greet(&s);
  SSL *other = greet(&s);
  oa_buf all = requests_ahead();
  assert_int_equal(SSL_write(one, all.data, (int)all.len), (int)all.len);
  await_begun(s.b);
  char request[256];
  const int len = snprintf(request, sizeof request,
                           "POST %s HTTP/1.1\r\nHost: x\r\nContent-Length: "
                           "3\r\nConnection: close\r\n\r\nabc",
                           HTTP_PATH);
  assert_int_equal(SSL_write(other, request, len), len);
  atomic_store(&s.b->other_sent, true);
  assert_int_equal(read_answers(other), 1);
  assert_int_equal(read_answers(one), MANY);
  assert_true(place_of(&s.b->f, 3) <= MOST_BEFORE);
  oa_buf_free(&all);
  hang_up(one);
  hang_up(other);
  secured_end(&s);
}

/* MANY calls as a client writes them. */
static oa_buf calls_at_once(void) {
  oa_buf all = {0};
  uint8_t head[256];
  uint8_t frame[9 + 5 + HARD] = {0, (HARD + 5) >> 8, (HARD + 5) & 255, 0, 1};
  const uint8_t settings[9] = {0, 0, 0, NGHTTP2_SETTINGS};
  nghttp2_hd_deflater *deflater = NULL;
  static const char *const fields[][2] = {
      {":method", "POST"}, {":scheme", "https"},
      {":path", PATH},     {":authority", "x"},
      {"te", "trailers"},  {"content-type", "application/grpc"}};
  enum { FIELDS = sizeof fields / sizeof fields[0] };
  nghttp2_nv list[FIELDS];
  for (size_t i = 0; i < FIELDS; i++) {
    list[i] = (nghttp2_nv){(uint8_t *)(uintptr_t)fields[i][0],
                           (uint8_t *)(uintptr_t)fields[i][1],
                           strlen(fields[i][0]), strlen(fields[i][1]), 0};
  }
  frame[9 + 3] = HARD >> 8;
  frame[9 + 4] = HARD & 255;
  assert_int_equal(nghttp2_hd_deflate_new(&deflater, 4096), 0);
  oa_buf_put(&all, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 24);
  oa_buf_put(&all, settings, sizeof settings);
  for (int i = 0; i < MANY; i++) {
    const ssize_t len =
        nghttp2_hd_deflate_hd(deflater, head, sizeof head, list, FIELDS);
    assert_true(len > 0);
    const uint8_t id = (uint8_t)(2 * i + 1);
    const uint8_t begin[9] = {0, 0, (uint8_t)len, NGHTTP2_HEADERS, 4, 0, 0,
                              0, id};
    oa_buf_put(&all, begin, sizeof begin);
    oa_buf_put(&all, head, (size_t)len);
    frame[8] = id;
    assert_int_equal(oa_buf_put(&all, frame, sizeof frame), OA_OK);
  }
  nghttp2_hd_deflate_del(deflater);
  return all;
}

static void a_last_word_does_not_overtake_what_was_sent(void **state) {
  (void)state;
  secured s = secured_start();
  SSL *one = greet(&s);
  oa_buf all = calls_at_once();
  assert_int_equal(SSL_write(one, all.data, (int)all.len), (int)all.len);
  SSL_shutdown(one);
  atomic_store(&s.b->other_sent, true);
  await_count(&s.b->f, &s.b->f.requests, MANY);
  oa_buf_free(&all);
  hang_up(one);
  secured_end(&s);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(under_tls_they_do_not_either),
      cmocka_unit_test(a_last_word_does_not_overtake_what_was_sent),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
