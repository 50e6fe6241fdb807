/* SPDX-License-Identifier: Apache-2.0 */
/* admin_socket.h - the listening socket of admin.c, with errors for people.
 *
 * libmicrohttpd could bind by itself but would not say why it could not.
 */
#ifndef OA_SERVICE_ADMIN_SOCKET_H
#define OA_SERVICE_ADMIN_SOCKET_H

#include <stdint.h>

#include "base/error.h"

/* A socket that listens on ADDRESS (IP literal) and PORT; the port that it
 * has goes to *BOUND.  OA_ERR_IO, OA_ERR_CONFIG. */
oa_status oa_admin_listen(int *out, const char *address, uint16_t port,
                          uint16_t *bound, oa_error *error);

#endif
