/* SPDX-License-Identifier: Apache-2.0 */
/* tls_trial.h - certificates made on the spot, and an OpenSSL client that is
 * wired to one of our sessions in memory. */
#ifndef OA_TESTS_TLS_TRIAL_H
#define OA_TESTS_TLS_TRIAL_H

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "net/tls.h"

enum { TRIAL_DAY = 24 * 60 * 60 };

static inline void trial_must(bool ok) {
  if (!ok) {
    ERR_print_errors_fp(stderr);
    abort();
  }
}

/* --- certificates --------------------------------------------------------- */

typedef struct identity {
  EVP_PKEY *key;
  X509 *certificate;
} identity;

static inline void identity_name(X509_NAME *name, const char *common) {
  trial_must(common == NULL ||
             X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8,
                                        (const unsigned char *)common, -1, -1,
                                        0) == 1);
}

static inline void identity_extend(X509 *certificate, int nid,
                                   const char *value) {
  X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, nid, value);
  trial_must(extension != NULL &&
             X509_add_ext(certificate, extension, -1) == 1);
  X509_EXTENSION_free(extension);
}

/* A P-256 key and its certificate, signed by ISSUER, or by itself and a CA
 * when that is NULL; valid FROM..UNTIL days from now. */
static inline identity identity_make(const char *common, const identity *issuer,
                                     long from, long until) {
  static long serial = 1;
  identity made = {EVP_EC_gen("P-256"), X509_new()};
  X509 *certificate = made.certificate;
  trial_must(made.key != NULL && certificate != NULL);
  X509_set_version(certificate, 2);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate), serial++);
  X509_gmtime_adj(X509_getm_notBefore(certificate), from * TRIAL_DAY);
  X509_gmtime_adj(X509_getm_notAfter(certificate), until * TRIAL_DAY);
  identity_name(X509_get_subject_name(certificate), common);
  const identity *by = issuer != NULL ? issuer : &made;
  X509_set_issuer_name(certificate, X509_get_subject_name(by->certificate));
  X509_set_pubkey(certificate, made.key);
  identity_extend(certificate, NID_basic_constraints,
                  issuer == NULL ? "critical,CA:TRUE" : "CA:FALSE");
  trial_must(X509_sign(certificate, by->key, EVP_sha256()) > 0);
  return made;
}

static inline void identity_free(identity *id) {
  EVP_PKEY_free(id->key);
  X509_free(id->certificate);
}

/* --- files ---------------------------------------------------------------- */

enum { TRIAL_PATH = 128, TRIAL_FILES = 16 };

/* A folder of its own, whose files are named by number. */
typedef struct folder {
  char path[TRIAL_PATH / 2];
  char *files[TRIAL_FILES];
  int count;
} folder;

static inline void folder_open(folder *f) {
  *f = (folder){.path = "/tmp/oa-tls-XXXXXX"};
  trial_must(mkdtemp(f->path) != NULL);
}

/* A path that nothing is at yet. */
static inline const char *folder_name(folder *f) {
  trial_must(f->count < TRIAL_FILES);
  char *path = malloc(TRIAL_PATH);
  trial_must(path != NULL);
  snprintf(path, TRIAL_PATH, "%s/%d.pem", f->path, f->count);
  f->files[f->count++] = path;
  return path;
}

static inline const char *folder_text(folder *f, const char *text) {
  const char *path = folder_name(f);
  FILE *file = fopen(path, "w");
  trial_must(file != NULL && fputs(text, file) >= 0 && fclose(file) == 0);
  return path;
}

static inline const char *folder_certificate(folder *f, const identity *id,
                                             const identity *ca) {
  const char *path = folder_name(f);
  FILE *file = fopen(path, "w");
  trial_must(file != NULL && PEM_write_X509(file, id->certificate) == 1);
  trial_must(ca == NULL || PEM_write_X509(file, ca->certificate) == 1);
  trial_must(fclose(file) == 0);
  return path;
}

static inline const char *folder_key(folder *f, const identity *id,
                                     const char *phrase) {
  const char *path = folder_name(f);
  FILE *file = fopen(path, "w");
  const unsigned char *secret = (const unsigned char *)phrase;
  const int len = phrase != NULL ? (int)strlen(phrase) : 0;
  trial_must(file != NULL &&
             PEM_write_PrivateKey(file, id->key,
                                  phrase != NULL ? EVP_aes_128_cbc() : NULL,
                                  secret, len, NULL, NULL) == 1);
  trial_must(fclose(file) == 0);
  return path;
}

static inline void folder_close(folder *f) {
  for (int i = 0; i < f->count; i++) {
    unlink(f->files[i]);
    free(f->files[i]);
  }
  rmdir(f->path);
}

/* --- a client ------------------------------------------------------------- */

typedef struct client_options {
  int version;          /* the only one it speaks; 0 = any */
  const char *alpn;     /* in wire form, or NULL */
  const identity *id;   /* or NULL */
  const identity *ca;   /* that must have signed the server's; NULL = any */
  SSL_SESSION *session; /* to be resumed, or NULL */
} client_options;

typedef struct client {
  SSL_CTX *context;
  SSL *ssl;
  SSL_SESSION *ticket; /* the newest */
  BIO *in;
  BIO *out;
  bool done;   /* with the handshake */
  bool failed; /* an error that is not waiting */
  unsigned long error;
} client;

static inline int client_keep_ticket(SSL *ssl, SSL_SESSION *session) {
  client *c = SSL_get_app_data(ssl);
  SSL_SESSION_free(c->ticket);
  c->ticket = session;
  return 1;
}

static inline void client_open(client *c, const client_options *options) {
  *c = (client){.context = SSL_CTX_new(TLS_client_method())};
  SSL_CTX *context = c->context;
  trial_must(context != NULL);
  if (options->version != 0) {
    /* Old versions exist at level 0 alone. */
    SSL_CTX_set_security_level(context,
                               options->version < TLS1_2_VERSION ? 0 : 1);
    SSL_CTX_set_min_proto_version(context, options->version);
    SSL_CTX_set_max_proto_version(context, options->version);
  }
  if (options->id != NULL) {
    SSL_CTX_use_certificate(context, options->id->certificate);
    SSL_CTX_use_PrivateKey(context, options->id->key);
  }
  if (options->ca != NULL) {
    X509_STORE_add_cert(SSL_CTX_get_cert_store(context),
                        options->ca->certificate);
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
  }
  SSL_CTX_set_session_cache_mode(
      context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
  SSL_CTX_sess_set_new_cb(context, client_keep_ticket);
  c->ssl = SSL_new(context);
  c->in = BIO_new(BIO_s_mem());
  c->out = BIO_new(BIO_s_mem());
  trial_must(c->ssl != NULL && c->in != NULL && c->out != NULL);
  BIO_set_mem_eof_return(c->in, -1);
  SSL_set_bio(c->ssl, c->in, c->out);
  SSL_set_connect_state(c->ssl);
  SSL_set_app_data(c->ssl, c);
  if (options->alpn != NULL) {
    SSL_set_alpn_protos(c->ssl, (const unsigned char *)options->alpn,
                        (unsigned)strlen(options->alpn));
  }
  if (options->session != NULL) {
    trial_must(SSL_set_session(c->ssl, options->session) == 1);
  }
}

static inline void client_close(client *c) {
  SSL_SESSION_free(c->ticket);
  SSL_free(c->ssl);
  SSL_CTX_free(c->context);
}

/* Remembers what went wrong, if it is more than waiting. */
static inline void client_look(client *c, int result) {
  const int why = SSL_get_error(c->ssl, result);
  if (result <= 0 && why != SSL_ERROR_WANT_READ &&
      why != SSL_ERROR_ZERO_RETURN && !c->failed) {
    c->failed = true;
    c->error = ERR_peek_error();
  }
}

/* Goes on with the handshake. */
static inline void client_shake(client *c) {
  ERR_clear_error();
  if (!c->done && !c->failed) {
    const int result = SSL_do_handshake(c->ssl);
    c->done = result == 1;
    client_look(c, result);
  }
}

/* Plaintext that has come; what comes with it is dealt with. */
static inline void client_read(client *c, oa_buf *plain) {
  unsigned char room[4096];
  int got = 1;
  while (got > 0) {
    ERR_clear_error();
    got = SSL_read(c->ssl, room, sizeof room);
    if (got > 0) {
      trial_must(oa_buf_put(plain, room, (size_t)got) == OA_OK);
    }
  }
  client_look(c, got);
}

/* --- both ends ------------------------------------------------------------ */

typedef struct pair {
  client client;
  oa_tls *server;
  oa_status status; /* of the last receive */
  oa_error error;
  oa_buf plain;     /* what the server has read */
  oa_buf read;      /* what the client has read */
  oa_buf to_client; /* encrypted */
  size_t step;      /* bytes given to the server at once; 0 = all */
  size_t room;      /* for plaintext at once */
} pair;

static inline void pair_open(pair *p, oa_tls_context *context,
                             const client_options *options) {
  *p = (pair){.room = OA_TLS_RECORD};
  client_open(&p->client, options);
  trial_must(oa_tls_new(&p->server, context) == OA_OK);
}

static inline void pair_close(pair *p) {
  client_close(&p->client);
  oa_tls_free(p->server);
  oa_buf_free(&p->plain);
  oa_buf_free(&p->read);
  oa_buf_free(&p->to_client);
}

/* Gives LEN bytes to the server, each piece in a block of its own size. */
static inline void pair_give(pair *p, const uint8_t *data, size_t len) {
  const size_t step = p->step != 0 ? p->step : len;
  uint8_t *plain = malloc(p->room);
  trial_must(plain != NULL);
  for (size_t at = 0; at < len; at += step) {
    const size_t size = len - at < step ? len - at : step;
    uint8_t *piece = malloc(size);
    trial_must(piece != NULL);
    memcpy(piece, data + at, size);
    oa_tls_flow flow = {.data = piece,
                        .len = size,
                        .plain = plain,
                        .room = p->room,
                        .out = &p->to_client};
    while ((p->status = oa_tls_receive(p->server, &flow, &p->error)) == OA_OK &&
           flow.got > 0) {
      trial_must(oa_buf_put(&p->plain, plain, flow.got) == OA_OK);
    }
    trial_must(p->status != OA_OK || flow.len == 0);
    free(piece);
  }
  free(plain);
}

/* Carries what each end has to say to the other one, once.  False when there
 * was nothing. */
static inline bool pair_carry(pair *p) {
  char *data = NULL;
  const long len = BIO_get_mem_data(p->client.out, &data);
  const bool moved = len > 0 || p->to_client.len > 0;
  if (len > 0) {
    uint8_t *copy = malloc((size_t)len);
    trial_must(copy != NULL);
    memcpy(copy, data, (size_t)len);
    (void)BIO_reset(p->client.out);
    pair_give(p, copy, (size_t)len);
    free(copy);
  }
  if (p->to_client.len > 0) {
    BIO_write(p->client.in, p->to_client.data, (int)p->to_client.len);
    p->to_client.len = 0;
  }
  return moved;
}

/* Until nobody has anything to say any more. */
static inline void pair_settle(pair *p) {
  do {
    client_shake(&p->client);
    if (p->client.done) {
      client_read(&p->client, &p->read);
    }
  } while (pair_carry(p));
}

static inline bool pair_is_open(const pair *p) {
  return p->client.done && !p->client.failed &&
         oa_tls_get_state(p->server) == OA_TLS_OPEN;
}

#endif
