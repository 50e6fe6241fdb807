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

/* --- Extension points ----------------------------------------------------
 *
 * Small structs of functions.  They are copied when they are handed over;
 * what their pointers lead to must live until the service has stopped.
 */

/* Takes log lines. */
typedef struct oa_log_sink {
  void *context;
  /* TEXT is one line of UTF-8 without its end and without control characters;
   * it never holds telemetry or secrets.  Called by several threads at once,
   * which wait for it; it must not call the service. */
  void (*line)(void *context, oa_log_level level, const char *text);
} oa_log_sink;

/* Gives heap memory to the library. */
typedef struct oa_allocator {
  void *context;
  /* SIZE bytes, of any content, at a multiple of ALIGNMENT, which is a power of
   * two; NULL when there are none.  A SIZE of 0 may give NULL. */
  void *(*allocate)(void *context, size_t size, size_t alignment);
  /* As realloc(3), for blocks of an alignment that malloc(3) has; BLOCK may be
   * NULL. */
  void *(*resize)(void *context, void *block, size_t size);
  /* NULL is allowed. */
  void (*release)(void *context, void *block);
} oa_allocator;

/* A request that wants to come in, as an authenticator sees it. */
typedef struct oa_sender {
  const void *request;
  /* The value of the header field NAME, which is in lower case, and how long it
   * is: it is not terminated.  NULL when the request has no such field.  Valid
   * until check() returns. */
  const char *(*field)(const void *request, const char *name, size_t *len);
} oa_sender;

/* Says who may send.  It is asked once a request, before anything of the body
 * is looked at, for all protocols alike. */
typedef struct oa_authenticator {
  void *context;
  /* 0 = SENDER may not send.  Else *NAME may be set to a name for it, which
   * lives as long as the service.  Called by several threads at once, and what
   * a thread waits here its other connections wait too. */
  int (*check)(void *context, const oa_sender *sender, const char **name);
  /* What a refused HTTP request is told in www-authenticate (RFC 9110, section
   * 11.6.1), such as "Bearer"; NULL = nothing. */
  const char *challenge;
} oa_authenticator;

struct ArrowSchema;
struct ArrowArray;

/* Keeps batches in another way than in files.  A service with a sink writes no
 * files, and its directory is not touched; nothing is read back from it. */
typedef struct oa_sink {
  void *context;
  /* Keeps the rows of BATCH, all or none, which have the columns of SCHEMA (of
   * docs/schema.md, in the Arrow C Data Interface; both borrowed, and not
   * released, during the call).  Anything but OA_OK: nothing was kept, ERROR
   * says why; senders are told to come again, and rows that were acknowledged
   * are offered again until they are taken. */
  oa_status (*append)(void *context, oa_signal signal,
                      const struct ArrowSchema *schema,
                      const struct ArrowArray *batch, oa_error *error);
  /* Makes what was appended of SIGNAL as durable as it gets, for `ack: fsync`.
   * NULL: append does that. */
  oa_status (*sync)(void *context, oa_signal signal, oa_error *error);
  /* After the last call, at the end of the service.  NULL: nothing to do. */
  void (*close)(void *context);
} oa_sink;

#ifdef __cplusplus
}
#endif

#endif
