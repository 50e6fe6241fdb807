/* SPDX-License-Identifier: Apache-2.0 */
/* handshake.h - which connections are in a TLS handshake, and which wait.
 *
 * A handshake under way costs some 50 KiB of OpenSSL's memory and half a
 * millisecond of work, which a peer gets for a few hundred bytes.  So OpenSSL
 * sees a peer only when its ClientHello is whole; no more than so many
 * handshakes are under way at once; and when others wait, those that do not
 * come to their end make room.  Used by the connection's own thread only.
 */
#ifndef OA_NET_HANDSHAKE_H
#define OA_NET_HANDSHAKE_H

#include "net/connection.h"

/* The first bytes of CONNECTION, which is to speak TLS, are about to come. */
void oa_handshake_expect(oa_connection *connection);

/* LEN bytes of a connection whose handshake has not begun. */
void oa_handshake_receive(oa_connection *connection, const uint8_t *data,
                          size_t len);

/* True until the handshake begins. */
bool oa_handshake_is_ahead(const oa_connection *connection);

/* True while CONNECTION waits for its turn, and reading must rest. */
bool oa_handshake_waits(const oa_connection *connection);

/* True from then on until it is over. */
bool oa_handshake_is_under_way(const oa_connection *connection);

/* The handshake is over, well or not; or will never be. */
void oa_handshake_over(oa_connection *connection);

/* Sends those away who have waited for too long. */
void oa_handshake_expire(oa_thread *thread);

/* Has those begin whose turn it is. */
void oa_handshake_go_on(oa_thread *thread);

#endif
