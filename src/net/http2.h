/* SPDX-License-Identifier: Apache-2.0 */
/* http2.h - the HTTP/2 session of a connection: settings, limits, and what
 * frames mean for streams.
 *
 * Limits against floods stand here.  DATA uses up the connection's window only
 * on paper (it is given back at once); what a stream may send is governed by
 * message.c.  Used by the connection's own thread only.
 */
#ifndef OA_NET_HTTP2_H
#define OA_NET_HTTP2_H

#include <nghttp2/nghttp2.h>

#include "net/connection.h"

/* A header field of two literals, which the session need not copy. */
#define OA_HTTP2_FIELD(NAME, VALUE)                                  \
  {                                                                  \
    (uint8_t *)(NAME), (uint8_t *)(VALUE), sizeof(NAME) - 1,         \
        sizeof(VALUE) - 1,                                           \
        NGHTTP2_NV_FLAG_NO_COPY_NAME | NGHTTP2_NV_FLAG_NO_COPY_VALUE \
  }

/* Has nghttp2 take its memory where we take ours. */
nghttp2_mem oa_http2_mem(void);

/* What the sessions of one thread have in common; freed with nghttp2's own
 * functions, also after a failure. */
oa_status oa_http2_prepare(nghttp2_option **option,
                           nghttp2_session_callbacks **callbacks,
                           const oa_server_options *options);

/* Makes CONNECTION's session and queues our SETTINGS. */
oa_status oa_http2_open(oa_connection *connection);

/* Has the session take LEN bytes.  When they break the protocol, the
 * connection is marked as failed. */
void oa_http2_receive(oa_connection *connection, const uint8_t *data,
                      size_t len);

#endif
