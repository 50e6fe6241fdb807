/* SPDX-License-Identifier: Apache-2.0 */
/* tls.h - the server's side of TLS 1.2 and 1.3, over OpenSSL, in memory.
 *
 * A context holds certificate and rules; it is shared by threads and counted,
 * so that new certificates can take its place while old connections keep it.
 * A session is one connection's: bytes of the socket go in and plaintext comes
 * out, and the other way round.  No socket is touched here, so what waits, for
 * how long and how much is the caller's business.  A session is used by one
 * thread at a time.
 */
#ifndef OA_NET_TLS_H
#define OA_NET_TLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"

enum {
  /* A ClientHello is some hundred bytes, with tickets and post-quantum shares
   * a few thousand.  OpenSSL would set 128 KiB aside for one on a word of the
   * peer. */
  OA_TLS_MAX_HELLO = 16 * 1024,
  /* Certificates of a client, and of those that signed them. */
  OA_TLS_MAX_CLIENT_CHAIN = 32 * 1024,
  /* Plaintext that one record can hold: less room makes more calls. */
  OA_TLS_RECORD = 16 * 1024,
  /* After so long a client must show its certificate again. */
  OA_TLS_TICKET_SECONDS = 3600,
};

/* PEM files. */
typedef struct oa_tls_files {
  const char *certificate; /* the server's, then those that signed it */
  const char *key;
  const char *client_ca; /* NULL: clients need no certificate */
} oa_tls_files;

typedef struct oa_tls_context oa_tls_context;
typedef struct oa_tls oa_tls;

/* Loads FILES.  What is usable but will make clients refuse us (expired, not
 * valid yet) is told in WARNING, which may be NULL and whose code is OA_OK
 * when all is well.  OA_ERR_NOT_FOUND, OA_ERR_IO or OA_ERR_CONFIG name the
 * file and what is wrong with it.  Never asks a terminal for a pass phrase. */
oa_status oa_tls_context_new(oa_tls_context **out, const oa_tls_files *files,
                             oa_error *warning, oa_error *error);

/* One holder more, and one less; the last one frees.  Any thread may call
 * them.  NULL is allowed. */
oa_tls_context *oa_tls_context_take(oa_tls_context *context);
void oa_tls_context_release(oa_tls_context *context);

typedef enum oa_tls_state {
  OA_TLS_HANDSHAKING,
  OA_TLS_OPEN,
  OA_TLS_PEER_CLOSED, /* it has said that it sends no more; we still may */
  OA_TLS_FAILED,      /* close the connection, after what is to be sent */
} oa_tls_state;

typedef enum oa_tls_protocol {
  OA_TLS_NO_ALPN, /* the client has not said: its first bytes tell */
  OA_TLS_HTTP1,
  OA_TLS_HTTP2,
} oa_tls_protocol;

/* A session that waits for its ClientHello and holds CONTEXT. */
oa_status oa_tls_new(oa_tls **out, oa_tls_context *context);

/* True when DATA, the first bytes of a peer, hold a whole ClientHello, or
 * something that is none: a session can tell. */
bool oa_tls_hello_is_whole(const uint8_t *data, size_t len);

/* NULL is allowed. */
void oa_tls_free(oa_tls *tls);

/* What goes into oa_tls_receive() and comes out of it. */
typedef struct oa_tls_flow {
  const uint8_t *data; /* from the peer; moves on as it is read */
  size_t len;
  uint8_t *plain; /* where plaintext goes */
  size_t room;
  size_t got;  /* bytes of plaintext there now */
  oa_buf *out; /* what must be sent to the peer is appended here: handshake,
                  tickets, alerts; also when the call fails */
} oa_tls_flow;

/* Reads FLOW's data.  To be called until it gives no plaintext:
 *
 *   while ((status = oa_tls_receive(tls, &flow, &error)) == OA_OK &&
 *          flow.got > 0) { ... }
 *
 * All data is used up then.  OA_END after the peer's close_notify,
 * OA_ERR_MALFORMED when the session has failed (the text is OpenSSL's),
 * OA_ERR_NOMEM, which is the session's end, too. */
oa_status oa_tls_receive(oa_tls *tls, oa_tls_flow *flow, oa_error *error);

/* Appends LEN bytes of DATA to OUT, encrypted.  OA_ERR_BUSY during the
 * handshake; OA_ERR_NOMEM, after which it may be tried again;
 * OA_ERR_MALFORMED when the session has failed or was closed. */
oa_status oa_tls_send(oa_tls *tls, const uint8_t *data, size_t len, oa_buf *out,
                      oa_error *error);

/* Appends a close_notify, once, if the session is open. */
oa_status oa_tls_close(oa_tls *tls, oa_buf *out);

oa_tls_state oa_tls_get_state(const oa_tls *tls);

/* Once open: what ALPN (RFC 7301) has agreed on. */
oa_tls_protocol oa_tls_get_protocol(const oa_tls *tls);

/* The session has failed because the peer's first bytes were those of HTTP.
 * They have been left in the flow. */
bool oa_tls_cleartext(const oa_tls *tls);

/* Writes the common name of the client's certificate, which has been verified,
 * cut to SIZE with its terminator and free of control characters, and returns
 * its length: 0 when there is no certificate or no name in it. */
size_t oa_tls_peer_name(const oa_tls *tls, char *out, size_t size);

/* "TLSv1.3", static. */
const char *oa_tls_version(const oa_tls *tls);

#endif
