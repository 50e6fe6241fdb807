/* SPDX-License-Identifier: Apache-2.0 */
/* Peers that TLS must keep out, and what is said of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tls_trial.h"

typedef struct fixture {
  folder folder;
  identity ca;
  identity leaf;
  identity other_ca;
  oa_tls_context *open;   /* for everybody */
  oa_tls_context *closed; /* for those whom the CA knows */
} fixture;

static int set_up(void **state) {
  static fixture f;
  folder_open(&f.folder);
  f.ca = identity_make("trial CA", NULL, -1, 1);
  f.leaf = identity_make("localhost", &f.ca, -1, 1);
  f.other_ca = identity_make("another CA", NULL, -1, 1);
  oa_tls_files files = {
      .certificate = folder_certificate(&f.folder, &f.leaf, NULL),
      .key = folder_key(&f.folder, &f.leaf, NULL)};
  trial_must(oa_tls_context_new(&f.open, &files, NULL, NULL) == OA_OK);
  files.client_ca = folder_certificate(&f.folder, &f.ca, NULL);
  trial_must(oa_tls_context_new(&f.closed, &files, NULL, NULL) == OA_OK);
  *state = &f;
  return 0;
}

static int tear_down(void **state) {
  fixture *f = *state;
  oa_tls_context_release(f->open);
  oa_tls_context_release(f->closed);
  folder_close(&f->folder);
  identity_free(&f->ca);
  identity_free(&f->leaf);
  identity_free(&f->other_ca);
  return 0;
}

static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};

/* --- certificates of clients ---------------------------------------------- */

static void a_known_client_comes_in_and_is_named(void **state) {
  fixture *f = *state;
  identity id = identity_make("Gateway \xC3\xBC", &f->ca, -1, 1);
  for (size_t i = 0; i < 2; i++) {
    pair p;
    const client_options options = {.version = versions[i], .id = &id};
    pair_open(&p, f->closed, &options);
    pair_settle(&p);
    assert_true(pair_is_open(&p));
    char name[64];
    assert_int_equal(oa_tls_peer_name(p.server, name, sizeof name), 10);
    assert_string_equal(name, "Gateway \xC3\xBC");
    /* Cut between characters. */
    assert_int_equal(oa_tls_peer_name(p.server, name, 10), 8);
    assert_string_equal(name, "Gateway ");
    assert_int_equal(oa_tls_peer_name(p.server, name, 1), 0);
    /* A resumed session still knows who it is. */
    pair again;
    pair_open(
        &again, f->closed,
        &(client_options){
            .version = versions[i], .id = &id, .session = p.client.ticket});
    pair_settle(&again);
    assert_true(pair_is_open(&again));
    assert_true(SSL_session_reused(again.client.ssl) == 1);
    assert_int_equal(oa_tls_peer_name(again.server, name, sizeof name), 10);
    pair_close(&again);
    pair_close(&p);
  }
  identity_free(&id);
}

static void names_are_harmless_in_a_log(void **state) {
  fixture *f = *state;
  identity id = identity_make("a\nb\x1B[0m\x7F", &f->ca, -1, 1);
  identity nobody = identity_make(NULL, &f->ca, -1, 1);
  pair p;
  char name[64];
  pair_open(&p, f->closed, &(client_options){.id = &id});
  pair_settle(&p);
  assert_int_equal(oa_tls_peer_name(p.server, name, sizeof name), 8);
  assert_string_equal(name, "a?b?[0m?");
  pair_close(&p);
  pair_open(&p, f->closed, &(client_options){.id = &nobody});
  pair_settle(&p);
  assert_true(pair_is_open(&p));
  assert_int_equal(oa_tls_peer_name(p.server, name, sizeof name), 0);
  pair_close(&p);
  identity_free(&id);
  identity_free(&nobody);
}

static void check_refused(oa_tls_context *context,
                          const client_options *options, const char *text) {
  pair p;
  pair_open(&p, context, options);
  pair_settle(&p);
  assert_int_equal(p.status, OA_ERR_MALFORMED);
  assert_int_equal(oa_tls_get_state(p.server), OA_TLS_FAILED);
  assert_string_equal(p.error.text, text);
  assert_false(oa_tls_cleartext(p.server));
  /* The client was told with an alert, nothing more can be sent or read. */
  assert_true(p.client.failed);
  assert_int_equal(
      oa_tls_send(p.server, (const uint8_t *)"x", 1, &p.to_client, NULL),
      OA_ERR_MALFORMED);
  assert_int_equal(oa_tls_close(p.server, &p.to_client), OA_OK);
  assert_int_equal(p.to_client.len, 0);
  pair_give(&p, (const uint8_t *)"more", 4);
  assert_int_equal(p.status, OA_ERR_MALFORMED);
  assert_int_equal(p.plain.len, 0);
  pair_close(&p);
}

static void an_unknown_client_stays_outside(void **state) {
  fixture *f = *state;
  identity other = identity_make("intruder", &f->other_ca, -1, 1);
  identity late = identity_make("late", &f->ca, -2, -1);
  identity own = identity_make("own", NULL, -1, 1);
  for (size_t i = 0; i < 2; i++) {
    const int v = versions[i];
    check_refused(f->closed, &(client_options){.version = v},
                  "TLS: peer did not return a certificate");
    check_refused(f->closed, &(client_options){.version = v, .id = &other},
                  "TLS: certificate verify failed: unable to get local issuer "
                  "certificate");
    check_refused(f->closed, &(client_options){.version = v, .id = &late},
                  "TLS: certificate verify failed: certificate has expired");
    check_refused(f->closed, &(client_options){.version = v, .id = &own},
                  "TLS: certificate verify failed: self-signed certificate");
  }
  identity_free(&other);
  identity_free(&late);
  identity_free(&own);
}

static void a_client_without_certificate_reads_why(void **state) {
  fixture *f = *state;
  pair p;
  pair_open(&p, f->closed, &(client_options){.version = TLS1_3_VERSION});
  pair_settle(&p);
  assert_int_equal(ERR_GET_REASON(p.client.error),
                   SSL_R_TLSV13_ALERT_CERTIFICATE_REQUIRED);
  pair_close(&p);
}

static void a_client_that_does_not_trust_us_is_known_by_its_alert(
    void **state) {
  fixture *f = *state;
  for (size_t i = 0; i < 2; i++) {
    check_refused(f->open,
                  &(client_options){.version = versions[i], .ca = &f->other_ca},
                  "TLS: tlsv1 alert unknown ca");
  }
}

/* --- old and odd handshakes ----------------------------------------------- */

static void old_versions_are_refused(void **state) {
  fixture *f = *state;
  check_refused(f->open, &(client_options){.version = TLS1_1_VERSION},
                "TLS: unsupported protocol");
  check_refused(f->open, &(client_options){.version = TLS1_VERSION},
                "TLS: unsupported protocol");
}

static void renegotiation_is_refused(void **state) {
  fixture *f = *state;
  pair p;
  pair_open(&p, f->open, &(client_options){.version = TLS1_2_VERSION});
  pair_settle(&p);
  assert_true(pair_is_open(&p));
  assert_int_equal(SSL_renegotiate(p.client.ssl), 1);
  p.client.done = false;
  pair_settle(&p);
  assert_true(p.client.failed);
  assert_int_equal(ERR_GET_REASON(p.client.error), SSL_R_NO_RENEGOTIATION);
  pair_close(&p);
}

static void weak_ciphers_are_refused(void **state) {
  fixture *f = *state;
  static const char *const lists[] = {"ECDHE-ECDSA-AES128-SHA256",
                                      "ECDHE-ECDSA-AES128-SHA", "AES128-SHA"};
  for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++) {
    pair p;
    pair_open(&p, f->open, &(client_options){.version = TLS1_2_VERSION});
    assert_int_equal(SSL_set_cipher_list(p.client.ssl, lists[i]), 1);
    pair_settle(&p);
    assert_int_equal(p.status, OA_ERR_MALFORMED);
    assert_string_equal(p.error.text, "TLS: no shared cipher");
    pair_close(&p);
  }
}

/* --- other bytes ---------------------------------------------------------- */

/* What a session says of DATA, whole and a byte at a time. */
static void check_bytes(oa_tls_context *context, const char *data, size_t len,
                        const char *text, bool cleartext) {
  for (size_t step = 0; step < 2; step++) {
    pair p;
    pair_open(&p, context, &(client_options){0});
    p.step = step;
    pair_give(&p, (const uint8_t *)data, len);
    assert_int_equal(p.status, OA_ERR_MALFORMED);
    assert_int_equal(oa_tls_get_state(p.server), OA_TLS_FAILED);
    assert_string_equal(p.error.text, text);
    assert_int_equal(oa_tls_cleartext(p.server), cleartext);
    assert_int_equal(p.plain.len, 0);
    pair_close(&p);
  }
}

static void cleartext_is_recognized_and_left(void **state) {
  fixture *f = *state;
  static const char *const texts[] = {
      "GET / HTTP/1.1\r\n\r\n", "POST /v1/traces HTTP/1.1\r\n",
      "OPTIONS * HTTP/1.1\r\n", "DELETE / HTTP/1.1\r\n",
      "PRI * HTTP/2.0\r\n\r\n"};
  for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
    check_bytes(f->open, texts[i], strlen(texts[i]),
                "TLS: the peer speaks HTTP without TLS", true);
  }
  /* The answer is the caller's: plain HTTP, and no alert before it. */
  pair p;
  pair_open(&p, f->open, &(client_options){0});
  uint8_t room[16];
  oa_tls_flow flow = {.data = (const uint8_t *)texts[0],
                      .len = strlen(texts[0]),
                      .plain = room,
                      .room = sizeof room,
                      .out = &p.to_client};
  assert_int_equal(oa_tls_receive(p.server, &flow, NULL), OA_ERR_MALFORMED);
  assert_int_equal(flow.len, strlen(texts[0]));
  assert_int_equal(p.to_client.len, 0);
  pair_close(&p);
}

static void garbage_is_refused(void **state) {
  fixture *f = *state;
  static const struct {
    const char *bytes;
    size_t len;
    const char *text;
  } cases[] = {
      {"\0\0\0\0\0\0\0\0\0\0", 10, "TLS: the peer does not speak TLS"},
      {"{\"a\":1}", 7, "TLS: the peer does not speak TLS"},
      {"\x80\x2E\x01\x03\x01\0\0\0\0\0", 10,
       "TLS: the peer does not speak TLS"},
      {"\x17\x03\x03\0\x10\0\0\0\0\0", 10, "TLS: the peer does not speak TLS"},
      {"\x15\x03\x03\0\x02\x01\0\0\0\0", 10,
       "TLS: the peer does not speak TLS"},
      {"\x16\x03\x01\0\x20\x02\0\0\x1C\0", 10,
       "TLS: the peer does not begin with a ClientHello"},
      /* So short a record that the message's length would hide behind it. */
      {"\x16\x03\x01\0\x01\x01\x16\x03\x01\0", 10,
       "TLS: the peer does not begin with a ClientHello"},
      {"\x16\x03\x01\x40\0\x01\0\x40\x01\0", 10,
       "TLS: the ClientHello is too long"},
      {"\x16\x03\x01\0\x20\x01\xFF\xFF\xFF\0", 10,
       "TLS: the ClientHello is too long"},
      {"\x16\x02\x01\0\x20\x01\0\0\x1C\0", 10, "TLS: wrong version number"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    check_bytes(f->open, cases[i].bytes, cases[i].len, cases[i].text, false);
  }
}

/* The client's first flight, as it is. */
static long first_flight(pair *p, char **data) {
  client_shake(&p->client);
  return BIO_get_mem_data(p->client.out, data);
}

static void a_handshake_cut_short_waits(void **state) {
  fixture *f = *state;
  pair whole;
  pair_open(&whole, f->open, &(client_options){0});
  char *data = NULL;
  const long len = first_flight(&whole, &data);
  assert_true(len > 100);
  for (size_t cut = 1; cut < (size_t)len; cut++) {
    pair p;
    pair_open(&p, f->open, &(client_options){0});
    pair_give(&p, (const uint8_t *)data, cut);
    assert_int_equal(p.status, OA_OK);
    assert_int_equal(oa_tls_get_state(p.server), OA_TLS_HANDSHAKING);
    assert_int_equal(p.to_client.len, 0);
    pair_close(&p);
  }
  pair_close(&whole);
}

/* OpenSSL would set 128 KiB aside for it on a word of the peer. */
static void a_second_hello_is_bounded_like_the_first(void **state) {
  fixture *f = *state;
  static const uint8_t second[] = {20, 3, 3,  0, 1, 1, 22, 3, 3,    0,
                                   1,  1, 22, 3, 3, 0, 3,  1, 0xff, 0xff};
  for (size_t step = 0; step < 3; step++) {
    pair p;
    pair_open(&p, f->open, &(client_options){.version = TLS1_3_VERSION});
    p.step = step;
    /* The share of a group that we do not have asks for another hello. */
    assert_int_equal(SSL_set1_groups_list(p.client.ssl, "P-521:X25519"), 1);
    char *data = NULL;
    const long len = first_flight(&p, &data);
    pair_give(&p, (const uint8_t *)data, (size_t)len);
    assert_int_equal(p.status, OA_OK);
    assert_true(p.to_client.len > 0);
    assert_int_equal(oa_tls_get_state(p.server), OA_TLS_HANDSHAKING);
    pair_give(&p, second, sizeof second);
    assert_int_equal(p.status, OA_ERR_MALFORMED);
    assert_non_null(strstr(p.error.text, "ClientHello is too long"));
    pair_close(&p);
    /* And one of the usual length is not in the way. */
    pair_open(&p, f->open, &(client_options){.version = TLS1_3_VERSION});
    p.step = step;
    assert_int_equal(SSL_set1_groups_list(p.client.ssl, "P-521:X25519"), 1);
    pair_settle(&p);
    assert_true(pair_is_open(&p));
    pair_close(&p);
  }
}

static void every_changed_byte_of_a_hello_is_survived(void **state) {
  fixture *f = *state;
  pair whole;
  pair_open(&whole, f->open, &(client_options){.alpn = "\x02h2"});
  char *data = NULL;
  const long len = first_flight(&whole, &data);
  size_t refused = 0;
  for (size_t at = 0; at < (size_t)len; at++) {
    pair p;
    pair_open(&p, f->open, &(client_options){0});
    data[at] = (char)~data[at];
    pair_give(&p, (const uint8_t *)data, (size_t)len);
    data[at] = (char)~data[at];
    /* Some bytes are random, and some offers can be missed. */
    assert_true(p.status == OA_OK || p.status == OA_ERR_MALFORMED);
    assert_true(oa_tls_get_state(p.server) != OA_TLS_OPEN);
    refused += p.status != OA_OK ? 1 : 0;
    pair_close(&p);
  }
  assert_true(refused > 20);
  pair_close(&whole);
}

static void every_changed_byte_of_data_is_found(void **state) {
  fixture *f = *state;
  for (size_t i = 0; i < 2; i++) {
    for (size_t at = 5; at < 30; at++) {
      pair p;
      pair_open(&p, f->open, &(client_options){.version = versions[i]});
      pair_settle(&p);
      assert_int_equal(SSL_write(p.client.ssl, "good", 4), 4);
      pair_carry(&p);
      assert_int_equal(SSL_write(p.client.ssl, "changed!", 8), 8);
      char *data = NULL;
      const long len = BIO_get_mem_data(p.client.out, &data);
      assert_true(len >= 30);
      data[at] ^= 1;
      pair_give(&p, (const uint8_t *)data, (size_t)len);
      assert_int_equal(p.status, OA_ERR_MALFORMED);
      assert_string_equal(p.error.text,
                          "TLS: decryption failed or bad record mac");
      assert_int_equal(p.plain.len, 4);
      pair_close(&p);
    }
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_known_client_comes_in_and_is_named),
      cmocka_unit_test(names_are_harmless_in_a_log),
      cmocka_unit_test(an_unknown_client_stays_outside),
      cmocka_unit_test(a_client_without_certificate_reads_why),
      cmocka_unit_test(a_client_that_does_not_trust_us_is_known_by_its_alert),
      cmocka_unit_test(old_versions_are_refused),
      cmocka_unit_test(renegotiation_is_refused),
      cmocka_unit_test(weak_ciphers_are_refused),
      cmocka_unit_test(cleartext_is_recognized_and_left),
      cmocka_unit_test(garbage_is_refused),
      cmocka_unit_test(a_handshake_cut_short_waits),
      cmocka_unit_test(a_second_hello_is_bounded_like_the_first),
      cmocka_unit_test(every_changed_byte_of_a_hello_is_survived),
      cmocka_unit_test(every_changed_byte_of_data_is_found),
  };
  return cmocka_run_group_tests(tests, set_up, tear_down);
}
