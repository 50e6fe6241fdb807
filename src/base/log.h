/* SPDX-License-Identifier: Apache-2.0 */
/* log.h - leveled log lines to standard error, one write(2) a line, or to the
 * program that has us inside.
 *
 * A logger is a value that its owner passes down; there is no global one.
 * Lines never hold telemetry or secrets.  What strangers can make us say is
 * bounded: a line has at most some 2 KB, control characters and bytes that are
 * not UTF-8 are shown, not sent, and with a limit a kind of line is written
 * only so often.  Any thread may log.
 */
#ifndef OA_BASE_LOG_H
#define OA_BASE_LOG_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"
#include "otlp_arrow_extend.h"

typedef struct oa_log {
  _Atomic oa_log_level level; /* lines below it are dropped */
  atomic_bool json;           /* one JSON object a line instead of text */
  int fd;                     /* where lines go; 2 is standard error */
  oa_log_sink sink;           /* where they go instead, when it is set */
  struct oa_log_limit *limit; /* borrowed; NULL = every line is written */
} oa_log;

/* Writes one line.  LOG may be NULL: then nothing is written.  Lines of one
 * FORMAT, a string literal, are of one kind for the limit. */
void oa_log_line(const oa_log *log, oa_log_level level, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Says how many lines were held back in intervals that have ended before
 * NOW_NS (monotonic; UINT64_MAX = say it all now).  About once a second and
 * at the end. */
void oa_log_tick(const oa_log *log, uint64_t now_ns);

#endif
