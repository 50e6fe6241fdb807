/* SPDX-License-Identifier: Apache-2.0 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "load.h"

static void die_tls(const char *what) {
  char text[256];
  ERR_error_string_n(ERR_get_error(), text, sizeof text);
  fprintf(stderr, "load: %s: %s\n", what, text);
  exit(1);
}

/* TLS 1.3 with the one cipher suite that is asked for.  The certificate is the
 * benchmark's own; nobody checks it. */
void make_tls(load *run) {
  run->tls = need(SSL_CTX_new(TLS_client_method()));
  if (SSL_CTX_set_min_proto_version(run->tls, TLS1_3_VERSION) != 1 ||
      SSL_CTX_set_ciphersuites(run->tls, run->ciphers) != 1) {
    die_tls("cannot set up TLS");
  }
  SSL_CTX_set_mode(run->tls, SSL_MODE_ENABLE_PARTIAL_WRITE |
                                 SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
}

static void start_tls(load *run, connection *conn) {
  static const unsigned char h2[] = "\x02h2";
  static const unsigned char http1[] = "\x08http/1.1";
  const bool old = run->kind == LOAD_HTTP1;
  conn->ssl = need(SSL_new(run->tls));
  if (SSL_set_alpn_protos(conn->ssl, old ? http1 : h2,
                          (unsigned)(old ? sizeof http1 : sizeof h2) - 1) !=
          0 ||
      SSL_set_fd(conn->ssl, conn->fd) != 1 || SSL_connect(conn->ssl) != 1) {
    die_tls("the TLS handshake failed");
  }
}

void connect_to(load *run, connection *conn) {
  const struct sockaddr_in to = {
      .sin_family = AF_INET,
      .sin_port = htons((uint16_t)run->port),
      .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
  };
  const int one = 1;
  conn->run = run;
  conn->fd = socket(AF_INET, SOCK_STREAM, 0);
  if (conn->fd < 0 ||
      connect(conn->fd, (const struct sockaddr *)&to, sizeof to) != 0) {
    die("connect");
  }
  setsockopt(conn->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  if (run->tls != NULL) {
    start_tls(run, conn);
  }
  fcntl(conn->fd, F_SETFL, O_NONBLOCK);
}

void put_out(connection *conn, const void *data, size_t len) {
  if (conn->out_len + len > conn->out_room) {
    conn->out_room = conn->out_len + len + OUT_BYTES;
    conn->out = need(realloc(conn->out, conn->out_room));
  }
  memcpy(conn->out + conn->out_len, data, len);
  conn->out_len += len;
}

/* As send() and recv(), with EAGAIN for everything that passes by waiting. */
static ssize_t send_some(connection *conn, const uint8_t *data, size_t len) {
  if (conn->ssl == NULL) {
    return send(conn->fd, data, len, MSG_NOSIGNAL | MSG_DONTWAIT);
  }
  ERR_clear_error();
  const int sent = SSL_write(conn->ssl, data, (int)len);
  if (sent > 0) {
    return sent;
  }
  const int why = SSL_get_error(conn->ssl, sent);
  if (why != SSL_ERROR_WANT_WRITE && why != SSL_ERROR_WANT_READ) {
    die_tls("SSL_write");
  }
  errno = EAGAIN;
  return -1;
}

static ssize_t receive_some(connection *conn, uint8_t *data, size_t room) {
  if (conn->ssl == NULL) {
    return recv(conn->fd, data, room, MSG_DONTWAIT);
  }
  ERR_clear_error();
  const int got = SSL_read(conn->ssl, data, (int)room);
  if (got > 0) {
    return got;
  }
  const int why = SSL_get_error(conn->ssl, got);
  if (why == SSL_ERROR_ZERO_RETURN) {
    return 0;
  }
  if (why != SSL_ERROR_WANT_READ && why != SSL_ERROR_WANT_WRITE) {
    die_tls("SSL_read");
  }
  errno = EAGAIN;
  return -1;
}

/* Sends until nothing is left or the socket is full. */
void flush(connection *conn) {
  for (;;) {
    if (conn->out_sent == conn->out_len) {
      conn->out_sent = conn->out_len = 0;
      conn->run->protocol->gather(conn);
      if (conn->out_len == 0) {
        return;
      }
    }
    const ssize_t sent = send_some(conn, conn->out + conn->out_sent,
                                   conn->out_len - conn->out_sent);
    if (sent < 0) {
      if (errno == EAGAIN || errno == EINTR) {
        return;
      }
      die("send");
    }
    conn->out_sent += (size_t)sent;
  }
}

void receive(connection *conn) {
  uint8_t buffer[65536];
  for (;;) {
    const ssize_t got = receive_some(conn, buffer, sizeof buffer);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) {
      return;
    }
    if (got <= 0) {
      errno = got == 0 ? 0 : errno;
      die("the server closed a connection");
    }
    conn->run->protocol->receive(conn, buffer, (size_t)got);
  }
}
