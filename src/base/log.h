/* SPDX-License-Identifier: Apache-2.0 */
/* log.h - leveled log lines to standard error, one write(2) a line.
 *
 * A logger is a value that its owner passes down; there is no global one.
 * Lines never hold telemetry or secrets.  Any thread may log.
 */
#ifndef OA_BASE_LOG_H
#define OA_BASE_LOG_H

#include <stdbool.h>

typedef enum oa_log_level {
  OA_LOG_DEBUG,
  OA_LOG_INFO,
  OA_LOG_WARN,
  OA_LOG_ERROR,
} oa_log_level;

typedef struct oa_log {
  oa_log_level level; /* lines below it are dropped */
  bool json;          /* one JSON object a line instead of text */
  int fd;             /* where lines go; 2 is standard error */
} oa_log;

/* Writes one line.  LOG may be NULL: then nothing is written. */
void oa_log_line(const oa_log *log, oa_log_level level, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
