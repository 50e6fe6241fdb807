/* SPDX-License-Identifier: Apache-2.0 */
/* start_line.h - the one line that says what listens where, who may send, what
 * is kept for how long and when senders get their OK. */
#ifndef OA_SERVICE_START_LINE_H
#define OA_SERVICE_START_LINE_H

#include "base/log.h"
#include "config/config.h"

typedef struct oa_start_line {
  const char *version;
  const oa_config *config;
  const char *addresses[OA_CONFIG_SOCKETS];
  uint16_t ports[OA_CONFIG_SOCKETS]; /* 0 = off */
  const char *root;                  /* where files are */
} oa_start_line;

void oa_start_line_log(const oa_start_line *line, const oa_log *log);

#endif
