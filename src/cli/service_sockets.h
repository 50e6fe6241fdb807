/* SPDX-License-Identifier: Apache-2.0 */
/* service_sockets.h - listening sockets from a service manager, by the protocol
 * of sd_listen_fds(3).
 *
 * Descriptors follow 3.  Their names, "protobuf", "arrow-flight" and
 * "dashboard", say which port they stand for; those with other names take the
 * ports that are left, in this order.
 */
#ifndef OA_CLI_SERVICE_SOCKETS_H
#define OA_CLI_SERVICE_SOCKETS_H

#include <stdbool.h>
#include <stddef.h>

#include "otlp_arrow.h"

/* What the environment says; any may be NULL. */
typedef struct oa_sockets_environment {
  const char *pid;   /* LISTEN_PID: for whom the sockets are */
  const char *count; /* LISTEN_FDS */
  const char *names; /* LISTEN_FDNAMES: with ":" between them */
} oa_sockets_environment;

/* Gives CONFIG the sockets that FROM tells of, when they are for this process.
 * False with the reason in WHY. */
bool oa_sockets_take(oa_config *config, const oa_sockets_environment *from,
                     char *why, size_t size);

#endif
