/* SPDX-License-Identifier: Apache-2.0 */
/* tool_job.h - one run of `otlp-arrow convert`, for the files that make it:
 * tool_convert.c reads the command line, tool_job.c reads the inputs and
 * tool_output.c keeps the file that they go to. */
#ifndef OA_CLI_TOOL_JOB_H
#define OA_CLI_TOOL_JOB_H

#include <limits.h>
#include <stdbool.h>

#include "cli/tool.h"

typedef enum tool_target {
  TOOL_TO_NOTHING,
  TOOL_TO_PROTO,
  TOOL_TO_JSON,
  TOOL_TO_OTAP,
  TOOL_TO_STREAM,
  TOOL_TO_FILE
} tool_target;

typedef struct tool_job {
  const char *input;
  const char *path; /* of the output; NULL = standard output */
  tool_target to;
  oa_output_compression compression;
  bool compression_given;
  FILE *file;
  int write_error;      /* errno of the output */
  bool direct;          /* the output is a device or a pipe */
  char aside[PATH_MAX]; /* where the output is written first */
  oa_output *output;    /* of Arrow targets */
  oa_otap_output *otap; /* of OTAP */
  char signal[16];      /* of the last request or file */
} tool_job;

/* True when the target is an Arrow file, not messages. */
static inline bool oa_job_is_arrow(const tool_job *job) {
  return job->to == TOOL_TO_STREAM || job->to == TOOL_TO_FILE;
}

/* --- tool_output.c; exit codes --- */

int oa_job_open_output(tool_job *job);

/* CODE is that of the conversion; a half output is removed. */
int oa_job_close_output(tool_job *job, int code);

/* An oa_output_write: bytes as they are. */
oa_status oa_job_write(void *job, const void *bytes, size_t len);

/* An oa_reader_sink: a request as the target wants it. */
oa_status oa_job_write_request(void *job, const void *message, size_t len);

/* Says why a conversion stopped: the output failed, or ERROR. */
int oa_job_explain(const tool_job *job, const oa_error *error);

/* --- tool_job.c --- */

/* Converts all of the input into the open output. */
int oa_job_run(tool_job *job);

#endif
