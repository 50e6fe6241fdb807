/* SPDX-License-Identifier: Apache-2.0 */
#include "net/tls.h"

#include <assert.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "net/tls_impl.h"

enum {
  /* Record header and the header of the handshake message in it. */
  FIRST_BYTES = 9,
  RECORD_HEADER = 5,
  MESSAGE_HEADER = 4,
  CIPHER_CHANGE_RECORD = 20,
  HANDSHAKE_RECORD = 22,
  CLIENT_HELLO = 1,
  /* More than any record of ours grows by: header, nonce, tag. */
  RECORD_OVERHEAD = 64,
};

/* Where we are in the records and messages of a handshake that can still be
 * read. */
typedef struct watch {
  uint8_t record[RECORD_HEADER];
  uint8_t message[MESSAGE_HEADER];
  uint8_t record_len; /* bytes of the headers that are there */
  uint8_t message_len;
  size_t record_left; /* bytes behind them */
  size_t message_left;
  bool over;
} watch;

struct oa_tls {
  oa_tls_context *context;
  SSL *ssl;
  oa_tls_flow *flow; /* set during receive alone */
  oa_buf *out;       /* set during a call alone */
  const char *reason;
  const char *detail; /* or NULL */
  oa_tls_state state;
  bool cleartext;
  bool no_memory;
  bool close_sent;
  uint8_t first[FIRST_BYTES];
  uint8_t first_len;
  watch watch;
};

/* --- OpenSSL's way to our bytes ------------------------------------------- */

static int bio_read(BIO *bio, char *out, int size) {
  oa_tls *tls = BIO_get_data(bio);
  oa_tls_flow *flow = tls->flow;
  BIO_clear_retry_flags(bio);
  if (flow == NULL || flow->len == 0 || size <= 0) {
    BIO_set_retry_read(bio);
    return -1;
  }
  const size_t len = flow->len < (size_t)size ? flow->len : (size_t)size;
  memcpy(out, flow->data, len);
  flow->data += len;
  flow->len -= len;
  return (int)len;
}

static int bio_write(BIO *bio, const char *data, int len) {
  oa_tls *tls = BIO_get_data(bio);
  BIO_clear_retry_flags(bio);
  if (tls->out == NULL || len < 0) {
    return -1;
  }
  if (oa_buf_put(tls->out, data, (size_t)len) != OA_OK) {
    tls->no_memory = true;
    return -1;
  }
  return len;
}

static long bio_ctrl(BIO *bio, int command, long number, void *pointer) {
  (void)bio;
  (void)number;
  (void)pointer;
  return command == BIO_CTRL_FLUSH ? 1 : 0;
}

BIO_METHOD *oa_tls_bio_method(void) {
  BIO_METHOD *method = BIO_meth_new(BIO_TYPE_SOURCE_SINK, "otlp-arrow");
  if (method != NULL && (BIO_meth_set_read(method, bio_read) != 1 ||
                         BIO_meth_set_write(method, bio_write) != 1 ||
                         BIO_meth_set_ctrl(method, bio_ctrl) != 1)) {
    BIO_meth_free(method);
    return NULL;
  }
  return method;
}

/* --- life ----------------------------------------------------------------- */

oa_status oa_tls_new(oa_tls **out, oa_tls_context *context) {
  oa_tls *tls = oa_calloc(1, sizeof *tls);
  if (tls == NULL) {
    return OA_ERR_NOMEM;
  }
  tls->context = oa_tls_context_take(context);
  tls->ssl = SSL_new(context->ssl);
  BIO *bio = BIO_new(context->bio);
  if (tls->ssl == NULL || bio == NULL) {
    BIO_free(bio);
    oa_tls_free(tls);
    ERR_clear_error();
    return OA_ERR_NOMEM;
  }
  BIO_set_data(bio, tls);
  BIO_set_init(bio, 1);
  SSL_set_bio(tls->ssl, bio, bio);
  SSL_set_accept_state(tls->ssl);
  *out = tls;
  return OA_OK;
}

void oa_tls_free(oa_tls *tls) {
  if (tls == NULL) {
    return;
  }
  SSL_free(tls->ssl);
  oa_tls_context_release(tls->context);
  oa_free(tls);
}

/* --- failing -------------------------------------------------------------- */

static oa_status tell(const oa_tls *tls, oa_error *error) {
  if (tls->no_memory) {
    return oa_error_set(error, OA_ERR_NOMEM, "TLS: there is no memory");
  }
  return oa_error_set(error, OA_ERR_MALFORMED, "TLS: %s%s%s", tls->reason,
                      tls->detail != NULL ? ": " : "",
                      tls->detail != NULL ? tls->detail : "");
}

static void fail(oa_tls *tls, const char *reason) {
  tls->state = OA_TLS_FAILED;
  tls->reason = reason;
}

/* Which of the errors in OpenSSL's queue to tell: the oldest one of TLS itself,
 * since those below it speak of ciphers and encodings, else the oldest. */
static unsigned long choose_error(void) {
  unsigned long chosen = ERR_peek_error();
  unsigned long code = ERR_get_error();
  while (code != 0) {
    if (ERR_GET_LIB(code) == ERR_LIB_SSL &&
        (ERR_GET_RFLAGS(code) & ERR_RFLAG_COMMON) == 0) {
      chosen = code;
      break;
    }
    code = ERR_get_error();
  }
  ERR_clear_error();
  return chosen;
}

/* The texts live as long as the library. */
static void fail_as_told(oa_tls *tls) {
  const unsigned long code = choose_error();
  const char *reason = ERR_reason_error_string(code);
  fail(tls, reason != NULL ? reason : "unknown error");
  if (ERR_GET_LIB(code) == ERR_LIB_SSL &&
      ERR_GET_REASON(code) == SSL_R_CERTIFICATE_VERIFY_FAILED) {
    tls->detail =
        X509_verify_cert_error_string(SSL_get_verify_result(tls->ssl));
  }
  if (ERR_GET_REASON(code) == ERR_R_MALLOC_FAILURE) {
    tls->no_memory = true;
  }
}

/* --- receiving ------------------------------------------------------------ */

/* Looks at the first bytes before OpenSSL sees them. */
static void look(oa_tls *tls, const oa_tls_flow *flow) {
  size_t more = FIRST_BYTES - (size_t)tls->first_len;
  more = more < flow->len ? more : flow->len;
  if (more == 0) {
    return;
  }
  uint8_t *first = tls->first;
  memcpy(first + tls->first_len, flow->data, more);
  tls->first_len = (uint8_t)(tls->first_len + more);
  if ((first[0] | 0x20) >= 'a' && (first[0] | 0x20) <= 'z') {
    tls->cleartext = true;
    fail(tls, "the peer speaks HTTP without TLS");
  } else if (first[0] != HANDSHAKE_RECORD) {
    fail(tls, "the peer does not speak TLS");
  }
  if (tls->first_len < FIRST_BYTES || tls->state == OA_TLS_FAILED) {
    return;
  }
  const size_t record = (size_t)first[3] << 8 | first[4];
  const size_t message =
      (size_t)first[6] << 16 | (size_t)first[7] << 8 | first[8];
  if (first[RECORD_HEADER] != CLIENT_HELLO || record < MESSAGE_HEADER) {
    fail(tls, "the peer does not begin with a ClientHello");
  } else if (message > OA_TLS_MAX_HELLO) {
    fail(tls, "the ClientHello is too long");
  }
}

/* Takes LEN bytes of handshake messages. */
static void watch_messages(oa_tls *tls, const uint8_t *data, size_t len) {
  watch *w = &tls->watch;
  while (len > 0) {
    if (w->message_left > 0) {
      const size_t part = w->message_left < len ? w->message_left : len;
      w->message_left -= part;
      data += part;
      len -= part;
      continue;
    }
    w->message[w->message_len++] = *data++;
    len--;
    if (w->message_len < MESSAGE_HEADER) {
      continue;
    }
    w->message_len = 0;
    w->message_left = (size_t)w->message[1] << 16 | (size_t)w->message[2] << 8 |
                      (size_t)w->message[3];
    if (w->message[0] == CLIENT_HELLO && w->message_left > OA_TLS_MAX_HELLO) {
      fail(tls, "the ClientHello is too long");
      return;
    }
  }
}

/* The header of a record is there. */
static void watch_record(oa_tls *tls) {
  watch *w = &tls->watch;
  w->record_len = 0;
  w->record_left = (size_t)w->record[3] << 8 | w->record[4];
  /* From here on the rest is encrypted.  In TLS 1.3 a change of ciphers means
   * nothing and may stand before a second ClientHello. */
  w->over = w->record[0] != HANDSHAKE_RECORD &&
            (w->record[0] != CIPHER_CHANGE_RECORD ||
             SSL_version(tls->ssl) == TLS1_2_VERSION);
}

/* Looks for a second ClientHello (RFC 8446, section 4.1.4), for which OpenSSL
 * sets as much memory aside as it says it is long. */
static void watch_handshake(oa_tls *tls, const uint8_t *data, size_t len) {
  watch *w = &tls->watch;
  while (len > 0 && !w->over && tls->state == OA_TLS_HANDSHAKING) {
    if (w->record_left == 0) {
      w->record[w->record_len++] = *data++;
      len--;
      if (w->record_len == RECORD_HEADER) {
        watch_record(tls);
      }
      continue;
    }
    const size_t part = w->record_left < len ? w->record_left : len;
    if (w->record[0] == HANDSHAKE_RECORD) {
      watch_messages(tls, data, part);
    }
    w->record_left -= part;
    data += part;
    len -= part;
  }
}

static void read_plain(oa_tls *tls, oa_tls_flow *flow) {
  ERR_clear_error();
  int read = 1;
  while (flow->got < flow->room && read > 0) {
    size_t got = 0;
    read = SSL_read_ex(tls->ssl, flow->plain + flow->got,
                       flow->room - flow->got, &got);
    flow->got += got;
  }
  if (tls->state == OA_TLS_HANDSHAKING && SSL_is_init_finished(tls->ssl)) {
    tls->state = OA_TLS_OPEN;
  }
  if (read > 0) {
    return;
  }
  switch (SSL_get_error(tls->ssl, read)) {
    case SSL_ERROR_WANT_READ:
      break;
    case SSL_ERROR_ZERO_RETURN:
      tls->state = OA_TLS_PEER_CLOSED;
      break;
    default:
      fail_as_told(tls);
      break;
  }
}

oa_status oa_tls_receive(oa_tls *tls, oa_tls_flow *flow, oa_error *error) {
  assert(flow->room > 0 && flow->out != NULL);
  flow->got = 0;
  if (tls->first_len < FIRST_BYTES && tls->state != OA_TLS_FAILED) {
    look(tls, flow);
  }
  if (tls->state == OA_TLS_HANDSHAKING) {
    watch_handshake(tls, flow->data, flow->len);
  }
  if (tls->state == OA_TLS_HANDSHAKING || tls->state == OA_TLS_OPEN) {
    tls->flow = flow;
    tls->out = flow->out;
    read_plain(tls, flow);
    tls->flow = NULL;
    tls->out = NULL;
  }
  /* The end is told when all plaintext before it has been given. */
  if (flow->got > 0) {
    return OA_OK;
  }
  switch (tls->state) {
    case OA_TLS_FAILED:
      return tell(tls, error);
    case OA_TLS_PEER_CLOSED:
      return OA_END;
    default:
      return OA_OK;
  }
}

/* --- sending -------------------------------------------------------------- */

oa_status oa_tls_send(oa_tls *tls, const uint8_t *data, size_t len, oa_buf *out,
                      oa_error *error) {
  if (tls->state == OA_TLS_HANDSHAKING) {
    return oa_error_set(error, OA_ERR_BUSY, "TLS: the handshake is not over");
  }
  if (tls->state == OA_TLS_FAILED) {
    return tell(tls, error);
  }
  if (tls->close_sent) {
    return oa_error_set(error, OA_ERR_MALFORMED, "TLS: the session is closed");
  }
  if (len == 0) {
    return OA_OK;
  }
  /* One record more, for a change of keys that the peer has asked for. */
  const size_t records = len / OA_TLS_RECORD + 2;
  if (len > SIZE_MAX / 2 ||
      oa_buf_reserve(out, len + records * RECORD_OVERHEAD) != OA_OK) {
    return oa_error_set(error, OA_ERR_NOMEM, "TLS: there is no memory");
  }
  size_t sent = 0;
  ERR_clear_error();
  tls->out = out;
  const int written = SSL_write_ex(tls->ssl, data, len, &sent);
  tls->out = NULL;
  if (written <= 0) {
    fail_as_told(tls);
    return tell(tls, error);
  }
  return OA_OK;
}

oa_status oa_tls_close(oa_tls *tls, oa_buf *out) {
  if ((tls->state != OA_TLS_OPEN && tls->state != OA_TLS_PEER_CLOSED) ||
      tls->close_sent) {
    return OA_OK;
  }
  OA_TRY(oa_buf_reserve(out, RECORD_OVERHEAD));
  ERR_clear_error();
  tls->out = out;
  /* What the peer answers does not matter any more. */
  (void)SSL_shutdown(tls->ssl);
  tls->out = NULL;
  tls->close_sent = true;
  ERR_clear_error();
  return OA_OK;
}

/* --- what became of it ---------------------------------------------------- */

oa_tls_state oa_tls_get_state(const oa_tls *tls) {
  return tls->state;
}

bool oa_tls_cleartext(const oa_tls *tls) {
  return tls->cleartext;
}

const char *oa_tls_version(const oa_tls *tls) {
  return SSL_get_version(tls->ssl);
}

oa_tls_protocol oa_tls_get_protocol(const oa_tls *tls) {
  const unsigned char *name = NULL;
  unsigned int len = 0;
  SSL_get0_alpn_selected(tls->ssl, &name, &len);
  /* One of those that choose_protocol() knows. */
  if (len == 0) {
    return OA_TLS_NO_ALPN;
  }
  return len == 2 ? OA_TLS_HTTP2 : OA_TLS_HTTP1;
}

/* Copies TEXT so that it is harmless in a log. */
static size_t put_name(const unsigned char *text, size_t len, char *out,
                       size_t size) {
  len = len < size - 1 ? len : size - 1;
  while (len > 0 && !oa_utf8_valid(text, len)) {
    len--;
  }
  for (size_t i = 0; i < len; i++) {
    out[i] = text[i] < 0x20 || text[i] == 0x7F ? '?' : (char)text[i];
  }
  out[len] = '\0';
  return len;
}

size_t oa_tls_peer_name(const oa_tls *tls, char *out, size_t size) {
  assert(size > 0);
  out[0] = '\0';
  const X509 *peer = SSL_get0_peer_certificate(tls->ssl);
  if (peer == NULL) {
    return 0;
  }
  const X509_NAME *subject = X509_get_subject_name(peer);
  const int at = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
  if (at < 0) {
    return 0;
  }
  const X509_NAME_ENTRY *entry = X509_NAME_get_entry(subject, at);
  unsigned char *text = NULL;
  const int len = ASN1_STRING_to_UTF8(&text, X509_NAME_ENTRY_get_data(entry));
  if (len < 0) {
    ERR_clear_error();
    return 0;
  }
  const size_t written = put_name(text, (size_t)len, out, size);
  OPENSSL_free(text);
  return written;
}
