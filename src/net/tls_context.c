/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <uv.h>

#include "base/mem.h"
#include "net/tls_impl.h"

/* HTTP/2 needs forward secrecy and AEAD under TLS 1.2 (RFC 9113 section
 * 9.2.2), and nobody else needs less.  AES-128 first: as safe as a P-256 key
 * and a quarter faster than AES-256. */
static const char CIPHERS_12[] =
    "ECDHE+AES128+AESGCM:ECDHE+AESGCM:ECDHE+CHACHA20";
static const char CIPHERS_13[] =
    "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:"
    "TLS_CHACHA20_POLY1305_SHA256";

/* Not ffdhe8192, of which a client may make us compute many. */
static const char GROUPS[] = "X25519:P-256:P-384";

enum { SECURITY_LEVEL = 2, MAX_VERIFY_DEPTH = 8 };

/* --- what is wrong with a file -------------------------------------------- */

/* The text of the oldest error in OpenSSL's queue: the cause of the others. */
static const char *first_reason(unsigned long code) {
  const char *reason = ERR_reason_error_string(code);
  return reason != NULL ? reason : "unknown error";
}

/* OpenSSL does not say why a file could not be read. */
static oa_status check_readable(const char *path, oa_error *error) {
  FILE *file = fopen(path, "rb");
  int number = errno;
  if (file != NULL) {
    number = fgetc(file) == EOF && ferror(file) != 0 ? errno : 0;
    fclose(file);
  }
  if (number == 0) {
    return OA_OK;
  }
  return oa_error_set(error, number == ENOENT ? OA_ERR_NOT_FOUND : OA_ERR_IO,
                      "%s: %s", path, uv_strerror(-number));
}

/* Why OpenSSL did not find a WHAT in PATH. */
static oa_status explain(const char *path, const char *what, oa_error *error) {
  const unsigned long code = ERR_peek_error();
  const int reason = ERR_GET_REASON(code);
  switch (ERR_GET_LIB(code)) {
    case ERR_LIB_PEM:
    case ERR_LIB_OSSL_DECODER:
    case ERR_LIB_X509:
      if (reason == PEM_R_NO_START_LINE || reason == ERR_R_UNSUPPORTED ||
          reason == X509_R_NO_CERTIFICATE_OR_CRL_FOUND) {
        return oa_error_set(error, OA_ERR_CONFIG,
                            "%s: holds no usable %s in PEM form", path, what);
      }
      break;
    default:
      break;
  }
  return oa_error_set(error, OA_ERR_CONFIG, "%s: holds no usable %s (%s)", path,
                      what, first_reason(code));
}

/* --- loading -------------------------------------------------------------- */

/* Takes the place of OpenSSL's own, which asks the terminal. */
static int no_pass_phrase(char *out, int size, int writing, void *asked) {
  (void)out;
  (void)size;
  (void)writing;
  if (asked != NULL) {
    *(bool *)asked = true;
  }
  return -1;
}

static oa_status load_certificate(SSL_CTX *ssl, const char *path,
                                  oa_error *error) {
  OA_TRY(check_readable(path, error));
  ERR_clear_error();
  if (SSL_CTX_use_certificate_chain_file(ssl, path) != 1) {
    return explain(path, "certificate", error);
  }
  return OA_OK;
}

static oa_status load_key(SSL_CTX *ssl, const oa_tls_files *files,
                          oa_error *error) {
  bool asked = false;
  OA_TRY(check_readable(files->key, error));
  ERR_clear_error();
  SSL_CTX_set_default_passwd_cb_userdata(ssl, &asked);
  const int loaded =
      SSL_CTX_use_PrivateKey_file(ssl, files->key, SSL_FILETYPE_PEM);
  SSL_CTX_set_default_passwd_cb_userdata(ssl, NULL);
  if (asked) {
    return oa_error_set(error, OA_ERR_CONFIG,
                        "%s: the key is encrypted with a pass phrase; store "
                        "it unencrypted, readable by this user alone",
                        files->key);
  }
  if (loaded != 1 && ERR_GET_LIB(ERR_peek_error()) != ERR_LIB_X509) {
    return explain(files->key, "private key", error);
  }
  if (loaded != 1 || SSL_CTX_check_private_key(ssl) != 1) {
    return oa_error_set(error, OA_ERR_CONFIG,
                        "%s: the key does not belong to the certificate in %s",
                        files->key, files->certificate);
  }
  return OA_OK;
}

/* Clients must have a certificate that one in the file has signed. */
static oa_status load_client_ca(SSL_CTX *ssl, const char *path,
                                oa_error *error) {
  /* OpenSSL resumes no session of a verified client without one. */
  static const unsigned char session_context[] = "otlp-arrow";
  OA_TRY(check_readable(path, error));
  ERR_clear_error();
  if (SSL_CTX_load_verify_file(ssl, path) != 1) {
    return explain(path, "certificate", error);
  }
  STACK_OF(X509_NAME) *names = SSL_load_client_CA_file(path);
  if (names == NULL) {
    return explain(path, "certificate", error);
  }
  SSL_CTX_set_client_CA_list(ssl, names);
  SSL_CTX_set_verify(ssl, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT,
                     NULL);
  SSL_CTX_set_verify_depth(ssl, MAX_VERIFY_DEPTH);
  SSL_CTX_set_max_cert_list(ssl, OA_TLS_MAX_CLIENT_CHAIN);
  if (SSL_CTX_set_session_id_context(ssl, session_context,
                                     sizeof session_context - 1) != 1) {
    return OA_ERR_NOMEM;
  }
  return OA_OK;
}

/* --- what is odd about a certificate -------------------------------------- */

static void warn_of_time(const ASN1_TIME *time, const char *path,
                         const char *what, oa_error *warning) {
  struct tm utc;
  if (ASN1_TIME_to_tm(time, &utc) == 1) {
    oa_error_set(warning, OA_ERR_CONFIG,
                 "%s: the certificate %s %04d-%02d-%02d %02d:%02d:%02d UTC; "
                 "clients will refuse it",
                 path, what, utc.tm_year + 1900, utc.tm_mon + 1, utc.tm_mday,
                 utc.tm_hour, utc.tm_min, utc.tm_sec);
  }
}

static void check_time(const SSL_CTX *ssl, const char *path,
                       oa_error *warning) {
  const X509 *certificate = SSL_CTX_get0_certificate(ssl);
  const ASN1_TIME *from = X509_get0_notBefore(certificate);
  const ASN1_TIME *until = X509_get0_notAfter(certificate);
  if (X509_cmp_current_time(until) < 0) {
    warn_of_time(until, path, "has expired on", warning);
  } else if (X509_cmp_current_time(from) > 0) {
    warn_of_time(from, path, "is not valid before", warning);
  }
}

/* --- the rules ------------------------------------------------------------ */

/* h2 when the client has it, else http/1.1.  A client that offers neither is
 * told so (RFC 7301 section 3.2) rather than misunderstood. */
static int choose_protocol(SSL *ssl, const unsigned char **out,
                           unsigned char *out_len, const unsigned char *offers,
                           unsigned int len, void *arg) {
  static const unsigned char ours[] = "\x02h2\x08http/1.1";
  unsigned char *chosen = NULL;
  (void)ssl;
  (void)arg;
  if (SSL_select_next_proto(&chosen, out_len, ours, sizeof ours - 1, offers,
                            len) != OPENSSL_NPN_NEGOTIATED) {
    return SSL_TLSEXT_ERR_ALERT_FATAL;
  }
  *out = chosen;
  return SSL_TLSEXT_ERR_OK;
}

static bool set_rules(SSL_CTX *ssl) {
  if (SSL_CTX_set_min_proto_version(ssl, TLS1_2_VERSION) != 1 ||
      SSL_CTX_set_max_proto_version(ssl, TLS1_3_VERSION) != 1 ||
      SSL_CTX_set_cipher_list(ssl, CIPHERS_12) != 1 ||
      SSL_CTX_set_ciphersuites(ssl, CIPHERS_13) != 1) {
    return false;
  }
  /* An OpenSSL that lacks one of them, by law or policy, keeps its own. */
  (void)SSL_CTX_set1_groups_list(ssl, GROUPS);
  ERR_clear_error();
  if (SSL_CTX_get_security_level(ssl) < SECURITY_LEVEL) {
    SSL_CTX_set_security_level(ssl, SECURITY_LEVEL);
  }
  SSL_CTX_set_options(ssl, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION |
                               SSL_OP_CIPHER_SERVER_PREFERENCE |
                               SSL_OP_PRIORITIZE_CHACHA);
  /* Idle connections give their record buffers back. */
  SSL_CTX_set_mode(ssl, SSL_MODE_RELEASE_BUFFERS);
  /* Sessions live in the clients' tickets, none in our memory. */
  SSL_CTX_set_session_cache_mode(ssl, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_timeout(ssl, OA_TLS_TICKET_SECONDS);
  SSL_CTX_set_default_passwd_cb(ssl, no_pass_phrase);
  SSL_CTX_set_alpn_select_cb(ssl, choose_protocol, NULL);
  return SSL_CTX_set_num_tickets(ssl, 1) == 1;
}

static oa_status load(SSL_CTX *ssl, const oa_tls_files *files,
                      oa_error *warning, oa_error *error) {
  OA_TRY(load_certificate(ssl, files->certificate, error));
  OA_TRY(load_key(ssl, files, error));
  if (files->client_ca != NULL) {
    OA_TRY(load_client_ca(ssl, files->client_ca, error));
  }
  if (warning != NULL) {
    *warning = (oa_error){.code = OA_OK};
    check_time(ssl, files->certificate, warning);
  }
  return OA_OK;
}

oa_status oa_tls_context_new(oa_tls_context **out, const oa_tls_files *files,
                             oa_error *warning, oa_error *error) {
  oa_status status =
      oa_error_set(error, OA_ERR_NOMEM, "TLS: there is not enough memory");
  oa_tls_context *context = oa_calloc(1, sizeof *context);
  if (context == NULL) {
    return status;
  }
  atomic_init(&context->holders, 1);
  context->bio = oa_tls_bio_method();
  context->ssl = SSL_CTX_new(TLS_server_method());
  if (context->bio == NULL || context->ssl == NULL) {
    goto fail;
  }
  if (!set_rules(context->ssl)) {
    status = oa_error_set(error, OA_ERR_UNSUPPORTED,
                          "TLS: the installed OpenSSL lacks what is needed "
                          "(%s)",
                          first_reason(ERR_peek_error()));
    goto fail;
  }
  status = load(context->ssl, files, warning, error);
  if (status != OA_OK) {
    goto fail;
  }
  *out = context;
  return OA_OK;

fail:
  ERR_clear_error();
  oa_tls_context_release(context);
  return status;
}

oa_tls_context *oa_tls_context_take(oa_tls_context *context) {
  if (context != NULL) {
    atomic_fetch_add_explicit(&context->holders, 1, memory_order_relaxed);
  }
  return context;
}

void oa_tls_context_release(oa_tls_context *context) {
  if (context == NULL || atomic_fetch_sub_explicit(&context->holders, 1,
                                                   memory_order_acq_rel) > 1) {
    return;
  }
  SSL_CTX_free(context->ssl);
  BIO_meth_free(context->bio);
  oa_free(context);
}
