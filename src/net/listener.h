/* SPDX-License-Identifier: Apache-2.0 */
/* listener.h - a listening socket, and its watch in one loop.
 *
 * Each thread has its own socket on the same port (SO_REUSEPORT), and the
 * kernel spreads connections over them.  That option would also let a second
 * process take half of the connections unnoticed, so the first socket is bound
 * and put to listening without it, which fails when anybody else listens.
 */
#ifndef OA_NET_LISTENER_H
#define OA_NET_LISTENER_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "base/error.h"
#include "net/server.h"

typedef struct oa_listener {
  struct oa_thread *thread;
  uv_poll_t poll;
  int fd;       /* -1 = none */
  bool opened;  /* poll has been initialized */
  bool resting; /* no descriptors were left: wait before accepting again */
} oa_listener;

/* Makes COUNT listening sockets for one address into FDS.  *PORT is the port
 * that they have, also when 0 was asked for.  OA_ERR_IO and OA_ERR_CONFIG name
 * the address; then FDS are all -1. */
oa_status oa_listener_bind(int *fds, unsigned count, const oa_listen *where,
                           uint16_t *port, oa_error *error);

/* Begins to accept connections in THREAD. */
oa_status oa_listener_open(oa_listener *listener, struct oa_thread *thread);

/* After a rest: tries again. */
void oa_listener_resume(oa_listener *listener);

/* Ends it and closes the socket. */
void oa_listener_close(oa_listener *listener);

#endif
