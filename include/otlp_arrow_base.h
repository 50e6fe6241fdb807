/* SPDX-License-Identifier: Apache-2.0 */
/* otlp_arrow_base.h - the types that every part of the C API shares: how a
 * function says that it failed, and the sentence that goes with it.
 *
 * Include <otlp_arrow.h>, which includes this.
 */
#ifndef OTLP_ARROW_BASE_H
#define OTLP_ARROW_BASE_H

#include <stddef.h>

#if defined(__GNUC__) || defined(__clang__)
#define OA_API __attribute__((visibility("default")))
#else
#define OA_API
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* 0 or negative.  Values stay as they are for ever; new ones may be added. */
typedef enum oa_status {
  OA_OK = 0,
  OA_ERR_NOMEM = -1,       /* there is no memory now */
  OA_ERR_TRUNCATED = -2,   /* the input ends inside a value */
  OA_ERR_MALFORMED = -3,   /* the input can never become valid */
  OA_ERR_LIMIT = -4,       /* a configured bound would be passed */
  OA_ERR_BUSY = -5,        /* nothing is wrong: try again later */
  OA_ERR_IO = -6,          /* the operating system refused */
  OA_ERR_CONFIG = -7,      /* what the user asked for makes no sense */
  OA_ERR_UNSUPPORTED = -8, /* valid, but not understood here */
  OA_ERR_NOT_FOUND = -9,   /* a file or name that is not there */
  OA_END = -10,            /* no more items; not a failure */
  OA_ERR_CLOSED = -11      /* the object was shut down, or is of the process
                              that forked this one */
} oa_status;

/* A static text for STATUS, in lower case and without a full stop. */
OA_API const char *oa_status_text(oa_status status);

enum { OA_ERROR_TEXT_SIZE = 256 };

/* Filled by a call that fails; left as it is by one that succeeds.  It lies in
 * the caller's memory and needs no freeing.  Wherever a function takes a
 * pointer to one, NULL is allowed. */
typedef struct oa_error {
  oa_status code;
  char text[OA_ERROR_TEXT_SIZE]; /* always terminated; cut when too long */
} oa_error;

/* The kinds of telemetry. */
typedef enum oa_signal {
  OA_TRACES,  /* items are spans */
  OA_METRICS, /* items are data points */
  OA_LOGS,    /* items are log records */
  OA_SIGNAL_COUNT
} oa_signal;

/* LEN bytes at DATA, borrowed and not terminated; DATA may be NULL when LEN is
 * 0.  Texts are UTF-8; what is not is mended on its way in. */
typedef struct oa_str {
  const char *data;
  size_t len;
} oa_str;

/* What TEXT, which is terminated or NULL, is as oa_str. */
static inline oa_str oa_str_of(const char *text) {
  oa_str str;
  str.data = text;
  str.len = 0;
  while (text != NULL && text[str.len] != '\0') {
    str.len++;
  }
  return str;
}

/* In rising order. */
typedef enum oa_log_level {
  OA_LOG_DEBUG,
  OA_LOG_INFO,
  OA_LOG_WARN,
  OA_LOG_ERROR
} oa_log_level;

#ifdef __cplusplus
}
#endif

#endif
