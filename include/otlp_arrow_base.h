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
  OA_ERR_NOMEM = -1,
  OA_ERR_TRUNCATED = -2,   /* the input ends inside a value */
  OA_ERR_MALFORMED = -3,   /* the input can never become valid */
  OA_ERR_LIMIT = -4,       /* a configured bound would be passed */
  OA_ERR_BUSY = -5,        /* nothing is wrong: try again later */
  OA_ERR_IO = -6,          /* the operating system refused */
  OA_ERR_CONFIG = -7,      /* what the user asked for makes no sense */
  OA_ERR_UNSUPPORTED = -8, /* valid, but not understood here */
  OA_ERR_NOT_FOUND = -9,   /* a file or name that is not there */
  OA_END = -10             /* no more items; not a failure */
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

/* --- Extension points ----------------------------------------------------
 *
 * Small structs of functions.  They are copied when they are handed over;
 * what their pointers lead to must live until the service has stopped.
 */

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

#ifdef __cplusplus
}
#endif

#endif
