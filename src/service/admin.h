/* SPDX-License-Identifier: Apache-2.0 */
/* admin.h - health and metrics over HTTP/1.1, for orchestrators and people.
 *
 *   /livez    200 while every thread gets on, 503 and which does not
 *   /readyz   200 when data is taken, 503 and the reason when not
 *   /health   the same as /readyz
 *   /metrics  OpenMetrics 1.0
 *   /         what this port serves
 *
 * One thread, few connections, little memory each: it must not be a way to
 * hurt the service.  It knows nothing of the service but three callbacks, which
 * run on its thread.
 */
#ifndef OA_SERVICE_ADMIN_H
#define OA_SERVICE_ADMIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"

typedef struct oa_admin_options {
  const char *address; /* IP literal */
  uint16_t port;       /* 0 = any free one */
  int fd;              /* a socket that listens already, copied; 0 = none */
  const char *about;   /* the text of "/"; copied */
  /* These two are false with a reason in WHY. */
  bool (*alive)(void *context, char *why, size_t size);
  bool (*ready)(void *context, char *why, size_t size);
  /* Appends the exposition. */
  oa_status (*metrics)(void *context, oa_buf *out);
  void *context;
} oa_admin_options;

typedef struct oa_admin oa_admin;

/* Binds and starts the thread.  OA_ERR_IO names address and port and what is
 * wrong with them; OA_ERR_NOMEM. */
oa_status oa_admin_start(oa_admin **out, const oa_admin_options *options,
                         oa_error *error);

/* The port that it really has. */
uint16_t oa_admin_port(const oa_admin *admin);

/* Closes every connection, joins the thread and frees.  NULL is allowed. */
void oa_admin_stop(oa_admin *admin);

#endif
