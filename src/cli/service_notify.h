/* SPDX-License-Identifier: Apache-2.0 */
/* service_notify.h - tells a service manager how we are: the protocol of
 * sd_notify(3), datagrams of lines on a Unix socket.
 *
 * It is small and stable, so no library is needed for it.  Without a manager
 * that wants to know, nothing is sent.  One thread at a time.
 */
#ifndef OA_CLI_SERVICE_NOTIFY_H
#define OA_CLI_SERVICE_NOTIFY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/un.h>

typedef struct oa_notify {
  int fd; /* -1 = nobody wants to know */
  struct sockaddr_un to;
  socklen_t to_len;
  uint64_t watchdog_us; /* 0 = no watchdog */
} oa_notify;

/* What the environment says; any may be NULL. */
typedef struct oa_notify_environment {
  const char *socket;       /* NOTIFY_SOCKET: a path, or "@" and a name */
  const char *watchdog_us;  /* WATCHDOG_USEC */
  const char *watchdog_pid; /* WATCHDOG_PID */
} oa_notify_environment;

/* False with the reason in WHY when there is a socket that cannot be used; OUT
 * is then as if there were none. */
bool oa_notify_open(oa_notify *out, const oa_notify_environment *from,
                    char *why, size_t size);
void oa_notify_close(oa_notify *notify);

/* Sends "NAME=VALUE" lines as one datagram.  False when that failed. */
bool oa_notify_send(const oa_notify *notify, const char *lines);

/* RELOADING=1 and its time, as managers that wait for the end of a reload
 * want it. */
bool oa_notify_reloading(const oa_notify *notify);

#endif
