/* SPDX-License-Identifier: Apache-2.0 */
/* start_line.h - the one line that says what listens where, who may send, what
 * is kept for how long and when senders get their OK. */
#ifndef OA_SERVICE_START_LINE_H
#define OA_SERVICE_START_LINE_H

#include "base/log.h"
#include "net/server.h"
#include "service/config.h"

typedef struct oa_start_line {
  const char *version;
  const oa_config *config;
  const oa_server *server;
  size_t listener_count;
  uint16_t admin_port;
  const char *root; /* where files are */
} oa_start_line;

void oa_start_line_log(const oa_start_line *line, const oa_log *log);

#endif
