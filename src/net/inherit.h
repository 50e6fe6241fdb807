/* SPDX-License-Identifier: Apache-2.0 */
/* inherit.h - listening sockets that somebody else has made: a service
 * manager, or the program that we live in.  They stay its own; we copy them.
 */
#ifndef OA_NET_INHERIT_H
#define OA_NET_INHERIT_H

#include <stdint.h>

#include "base/error.h"

enum { OA_ADDRESS_SIZE = 64 };

/* Where FD listens.  OA_ERR_CONFIG when it is no TCP socket that listens. */
oa_status oa_socket_inspect(int fd, char address[OA_ADDRESS_SIZE],
                            uint16_t *port, oa_error *error);

/* Makes COUNT copies of it into FDS, in place of oa_listener_bind(); they share
 * one queue of connections.  *PORT is the port that it has.  OA_ERR_CONFIG,
 * OA_ERR_IO; then FDS are all -1. */
oa_status oa_socket_adopt(int *fds, unsigned count, int fd, uint16_t *port,
                          oa_error *error);

#endif
