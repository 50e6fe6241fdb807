/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tls_trial.h"

/* One CA, one server and its files, for all tests. */
typedef struct fixture {
  folder folder;
  identity ca;
  identity leaf;
  oa_tls_files files;
  oa_tls_context *context;
} fixture;

static int set_up(void **state) {
  static fixture f;
  folder_open(&f.folder);
  f.ca = identity_make("trial CA", NULL, -1, 1);
  f.leaf = identity_make("localhost", &f.ca, -1, 1);
  f.files.certificate = folder_certificate(&f.folder, &f.leaf, &f.ca);
  f.files.key = folder_key(&f.folder, &f.leaf, NULL);
  oa_error warning;
  trial_must(oa_tls_context_new(&f.context, &f.files, &warning, NULL) == OA_OK);
  trial_must(warning.code == OA_OK);
  *state = &f;
  return 0;
}

static int tear_down(void **state) {
  fixture *f = *state;
  oa_tls_context_release(f->context);
  folder_close(&f->folder);
  identity_free(&f->ca);
  identity_free(&f->leaf);
  return 0;
}

static void both_versions_shake_hands(void **state) {
  fixture *f = *state;
  static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION, 0};
  static const char *const names[] = {"TLSv1.2", "TLSv1.3", "TLSv1.3"};
  for (size_t i = 0; i < 3; i++) {
    pair p;
    pair_open(&p, f->context,
              &(client_options){.version = versions[i], .ca = &f->ca});
    assert_int_equal(oa_tls_get_state(p.server), OA_TLS_HANDSHAKING);
    pair_settle(&p);
    assert_true(pair_is_open(&p));
    assert_string_equal(oa_tls_version(p.server), names[i]);
    /* The fast cipher, of which forward secrecy and AEAD are part. */
    assert_non_null(strstr(SSL_get_cipher_name(p.client.ssl), "AES"));
    assert_non_null(strstr(SSL_get_cipher_name(p.client.ssl), "128"));
    assert_non_null(strstr(SSL_get_cipher_name(p.client.ssl), "GCM"));
    char name[8];
    assert_int_equal(oa_tls_peer_name(p.server, name, sizeof name), 0);
    assert_string_equal(name, "");
    pair_close(&p);
  }
}

static void alpn_prefers_http2(void **state) {
  fixture *f = *state;
  static const struct {
    const char *offers;
    oa_tls_protocol agreed;
  } cases[] = {{NULL, OA_TLS_NO_ALPN},
               {"\x02h2", OA_TLS_HTTP2},
               {"\x08http/1.1", OA_TLS_HTTP1},
               {"\x08http/1.1\x02h2", OA_TLS_HTTP2},
               {"\x02h2\x08http/1.1", OA_TLS_HTTP2},
               {"\x02h3\x08http/1.1", OA_TLS_HTTP1},
               {"\x08grpc-exp\x02h2", OA_TLS_HTTP2}};
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    pair p;
    pair_open(&p, f->context, &(client_options){.alpn = cases[i].offers});
    pair_settle(&p);
    assert_true(pair_is_open(&p));
    assert_int_equal(oa_tls_get_protocol(p.server), cases[i].agreed);
    pair_close(&p);
  }
}

static void a_client_of_another_protocol_is_told_so(void **state) {
  fixture *f = *state;
  pair p;
  pair_open(&p, f->context, &(client_options){.alpn = "\x02h3\x04imap"});
  pair_settle(&p);
  assert_int_equal(oa_tls_get_state(p.server), OA_TLS_FAILED);
  assert_int_equal(p.status, OA_ERR_MALFORMED);
  assert_true(p.client.failed);
  assert_int_equal(ERR_GET_REASON(p.client.error),
                   SSL_R_TLSV1_ALERT_NO_APPLICATION_PROTOCOL);
  pair_close(&p);
}

static void send(pair *p, const void *data, size_t len) {
  assert_int_equal(oa_tls_send(p->server, data, len, &p->to_client, &p->error),
                   OA_OK);
}

static void data_goes_both_ways(void **state) {
  fixture *f = *state;
  pair p;
  pair_open(&p, f->context, &(client_options){0});
  assert_int_equal(
      oa_tls_send(p.server, (const uint8_t *)"x", 1, &p.to_client, &p.error),
      OA_ERR_BUSY);
  pair_settle(&p);
  assert_int_equal(SSL_write(p.client.ssl, "ping", 4), 4);
  send(&p, "pong", 4);
  send(&p, "", 0);
  send(&p, "!", 1);
  pair_settle(&p);
  assert_int_equal(p.plain.len, 4);
  assert_memory_equal(p.plain.data, "ping", 4);
  assert_int_equal(p.read.len, 5);
  assert_memory_equal(p.read.data, "pong!", 5);
  assert_int_equal(p.status, OA_OK);
  pair_close(&p);
}

static void the_client_speaks_first_in_one_flight(void **state) {
  fixture *f = *state;
  pair p;
  pair_open(&p, f->context, &(client_options){.version = TLS1_3_VERSION});
  client_shake(&p.client);
  pair_carry(&p);
  client_shake(&p.client);
  assert_true(p.client.done);
  /* Finished and data come together. */
  assert_int_equal(SSL_write(p.client.ssl, "early", 5), 5);
  pair_carry(&p);
  assert_int_equal(oa_tls_get_state(p.server), OA_TLS_OPEN);
  assert_int_equal(p.plain.len, 5);
  pair_close(&p);
}

static void any_cut_of_the_bytes_gives_the_same_data(void **state) {
  fixture *f = *state;
  char text[300];
  memset(text, 'd', sizeof text);
  for (size_t step = 1; step < 700; step += step < 80 ? 1 : 37) {
    for (size_t room = 1; room <= 256; room *= 16) {
      pair p;
      pair_open(&p, f->context,
                &(client_options){
                    .version = step % 2 == 0 ? TLS1_2_VERSION : TLS1_3_VERSION,
                    .alpn = "\x02h2"});
      p.step = step;
      p.room = room;
      pair_settle(&p);
      assert_true(pair_is_open(&p));
      for (int i = 0; i < 3; i++) {
        assert_int_equal(SSL_write(p.client.ssl, text, sizeof text),
                         sizeof text);
      }
      pair_settle(&p);
      assert_int_equal(p.plain.len, 3 * sizeof text);
      assert_int_equal(p.plain.data[3 * sizeof text - 1], 'd');
      pair_close(&p);
    }
  }
}

static void large_data_arrives_whole(void **state) {
  fixture *f = *state;
  enum { LARGE = 1 << 20 };
  uint8_t *data = malloc(LARGE);
  assert_non_null(data);
  for (size_t i = 0; i < LARGE; i++) {
    data[i] = (uint8_t)(i * 2654435761u >> 13);
  }
  for (size_t i = 0; i < 2; i++) {
    pair p;
    pair_open(
        &p, f->context,
        &(client_options){.version = i == 0 ? TLS1_2_VERSION : TLS1_3_VERSION});
    pair_settle(&p);
    p.step = 100003;
    p.room = 65536;
    assert_int_equal(SSL_write(p.client.ssl, data, LARGE), LARGE);
    send(&p, data, LARGE);
    /* Records are full: little is added. */
    assert_true(p.to_client.len > LARGE && p.to_client.len < LARGE + 65 * 32);
    pair_settle(&p);
    assert_int_equal(p.plain.len, LARGE);
    assert_memory_equal(p.plain.data, data, LARGE);
    assert_int_equal(p.read.len, LARGE);
    assert_memory_equal(p.read.data, data, LARGE);
    pair_close(&p);
  }
  free(data);
}

static void a_full_room_leaves_the_rest_for_the_next_call(void **state) {
  fixture *f = *state;
  pair p;
  pair_open(&p, f->context, &(client_options){0});
  pair_settle(&p);
  assert_int_equal(SSL_write(p.client.ssl, "0123456789", 10), 10);
  assert_int_equal(SSL_write(p.client.ssl, "abcdefghij", 10), 10);
  char *data = NULL;
  const long len = BIO_get_mem_data(p.client.out, &data);
  uint8_t room[4];
  oa_tls_flow flow = {.data = (const uint8_t *)data,
                      .len = (size_t)len,
                      .plain = room,
                      .room = sizeof room,
                      .out = &p.to_client};
  assert_int_equal(oa_tls_receive(p.server, &flow, NULL), OA_OK);
  assert_int_equal(flow.got, 4);
  assert_memory_equal(room, "0123", 4);
  /* The second record has not been read yet. */
  assert_true(flow.len > 10);
  size_t total = flow.got;
  while (oa_tls_receive(p.server, &flow, NULL) == OA_OK && flow.got > 0) {
    total += flow.got;
  }
  assert_int_equal(total, 20);
  assert_int_equal(flow.len, 0);
  pair_close(&p);
}

static void either_end_may_close_first(void **state) {
  fixture *f = *state;
  pair p;
  pair_open(&p, f->context, &(client_options){0});
  /* Nothing to say before the handshake is over. */
  assert_int_equal(oa_tls_close(p.server, &p.to_client), OA_OK);
  assert_int_equal(p.to_client.len, 0);
  pair_settle(&p);
  assert_int_equal(SSL_write(p.client.ssl, "last", 4), 4);
  SSL_shutdown(p.client.ssl);
  pair_carry(&p);
  /* What came before the end is given before the end is told. */
  assert_int_equal(p.plain.len, 4);
  assert_int_equal(p.status, OA_END);
  assert_int_equal(oa_tls_get_state(p.server), OA_TLS_PEER_CLOSED);
  /* We may still answer. */
  send(&p, "answer", 6);
  assert_int_equal(oa_tls_close(p.server, &p.to_client), OA_OK);
  const size_t len = p.to_client.len;
  assert_int_equal(oa_tls_close(p.server, &p.to_client), OA_OK);
  assert_int_equal(p.to_client.len, len);
  assert_int_equal(
      oa_tls_send(p.server, (const uint8_t *)"x", 1, &p.to_client, &p.error),
      OA_ERR_MALFORMED);
  assert_string_equal(p.error.text, "TLS: the session is closed");
  pair_settle(&p);
  assert_int_equal(p.read.len, 6);
  assert_true((SSL_get_shutdown(p.client.ssl) & SSL_RECEIVED_SHUTDOWN) != 0);
  pair_close(&p);

  pair_open(&p, f->context, &(client_options){0});
  pair_settle(&p);
  assert_int_equal(oa_tls_close(p.server, &p.to_client), OA_OK);
  pair_settle(&p);
  assert_true((SSL_get_shutdown(p.client.ssl) & SSL_RECEIVED_SHUTDOWN) != 0);
  assert_int_equal(oa_tls_get_state(p.server), OA_TLS_OPEN);
  pair_close(&p);
}

static void a_new_context_leaves_old_sessions_alone(void **state) {
  fixture *f = *state;
  oa_tls_context *old = NULL;
  assert_int_equal(oa_tls_context_new(&old, &f->files, NULL, NULL), OA_OK);
  pair p;
  pair_open(&p, old, &(client_options){.ca = &f->ca});
  pair_settle(&p);
  pair waiting;
  pair_open(&waiting, old, &(client_options){.ca = &f->ca});
  assert_ptr_equal(oa_tls_context_take(old), old);
  oa_tls_context_release(old);
  oa_tls_context_release(old);
  /* Only the sessions hold it now. */
  assert_int_equal(SSL_write(p.client.ssl, "still", 5), 5);
  pair_settle(&p);
  assert_int_equal(p.plain.len, 5);
  pair_close(&p);
  pair_settle(&waiting);
  assert_true(pair_is_open(&waiting));
  pair_close(&waiting);
  assert_null(oa_tls_context_take(NULL));
  oa_tls_context_release(NULL);
}

static void a_ticket_shortens_the_next_handshake(void **state) {
  fixture *f = *state;
  for (int version = TLS1_2_VERSION; version <= TLS1_3_VERSION; version++) {
    pair first;
    pair_open(&first, f->context, &(client_options){.version = version});
    pair_settle(&first);
    assert_non_null(first.client.ticket);
    pair second;
    pair_open(
        &second, f->context,
        &(client_options){.version = version, .session = first.client.ticket});
    pair_settle(&second);
    assert_true(pair_is_open(&second));
    assert_true(SSL_session_reused(second.client.ssl) == 1);
    pair_close(&second);
    /* A context with other certificates does not know the ticket. */
    oa_tls_context *fresh = NULL;
    assert_int_equal(oa_tls_context_new(&fresh, &f->files, NULL, NULL), OA_OK);
    pair_open(
        &second, fresh,
        &(client_options){.version = version, .session = first.client.ticket});
    oa_tls_context_release(fresh);
    pair_settle(&second);
    assert_true(pair_is_open(&second));
    assert_true(SSL_session_reused(second.client.ssl) == 0);
    pair_close(&second);
    pair_close(&first);
  }
}

static void keys_may_change_on_the_way(void **state) {
  fixture *f = *state;
  pair p;
  pair_open(&p, f->context, &(client_options){.version = TLS1_3_VERSION});
  pair_settle(&p);
  for (int i = 0; i < 5; i++) {
    assert_int_equal(SSL_key_update(p.client.ssl, SSL_KEY_UPDATE_REQUESTED), 1);
    assert_int_equal(SSL_write(p.client.ssl, "new", 3), 3);
    pair_settle(&p);
    send(&p, "keys", 4);
    pair_settle(&p);
  }
  assert_int_equal(p.plain.len, 15);
  assert_int_equal(p.read.len, 20);
  assert_false(p.client.failed);
  pair_close(&p);
}

/* OpenSSL's own allocations are not counted. */
static void without_memory_no_session_is_made_and_none_is_lost(void **state) {
  fixture *f = *state;
  oa_tls *tls = NULL;
  oa_mem_fail_after(0);
  assert_int_equal(oa_tls_new(&tls, f->context), OA_ERR_NOMEM);
  oa_tls_context *context = NULL;
  assert_int_equal(oa_tls_context_new(&context, &f->files, NULL, NULL),
                   OA_ERR_NOMEM);
  oa_mem_fail_after(-1);
  assert_null(tls);
  assert_null(context);

  pair p;
  pair_open(&p, f->context, &(client_options){0});
  pair_settle(&p);
  oa_buf_free(&p.to_client);
  oa_mem_fail_after(0);
  assert_int_equal(
      oa_tls_send(p.server, (const uint8_t *)"x", 1, &p.to_client, &p.error),
      OA_ERR_NOMEM);
  assert_int_equal(oa_tls_close(p.server, &p.to_client), OA_ERR_NOMEM);
  oa_mem_fail_after(-1);
  send(&p, "again", 5);
  pair_settle(&p);
  assert_int_equal(p.read.len, 5);
  pair_close(&p);

  /* In the handshake it is the end, and is told as what it is. */
  pair_open(&p, f->context, &(client_options){0});
  client_shake(&p.client);
  char *data = NULL;
  const long len = BIO_get_mem_data(p.client.out, &data);
  uint8_t room[16];
  oa_tls_flow flow = {.data = (const uint8_t *)data,
                      .len = (size_t)len,
                      .plain = room,
                      .room = sizeof room,
                      .out = &p.to_client};
  oa_mem_fail_after(0);
  const oa_status status = oa_tls_receive(p.server, &flow, &p.error);
  oa_mem_fail_after(-1);
  assert_int_equal(status, OA_ERR_NOMEM);
  assert_int_equal(oa_tls_get_state(p.server), OA_TLS_FAILED);
  pair_close(&p);
  oa_tls_free(NULL);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(both_versions_shake_hands),
      cmocka_unit_test(alpn_prefers_http2),
      cmocka_unit_test(a_client_of_another_protocol_is_told_so),
      cmocka_unit_test(data_goes_both_ways),
      cmocka_unit_test(the_client_speaks_first_in_one_flight),
      cmocka_unit_test(any_cut_of_the_bytes_gives_the_same_data),
      cmocka_unit_test(large_data_arrives_whole),
      cmocka_unit_test(a_full_room_leaves_the_rest_for_the_next_call),
      cmocka_unit_test(either_end_may_close_first),
      cmocka_unit_test(a_new_context_leaves_old_sessions_alone),
      cmocka_unit_test(a_ticket_shortens_the_next_handshake),
      cmocka_unit_test(keys_may_change_on_the_way),
      cmocka_unit_test(without_memory_no_session_is_made_and_none_is_lost),
  };
  return cmocka_run_group_tests(tests, set_up, tear_down);
}
