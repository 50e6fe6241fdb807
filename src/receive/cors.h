/* SPDX-License-Identifier: Apache-2.0 */
/* cors.h - lets pages of chosen origins send telemetry from a browser.
 *
 * A browser asks before it sends (a "preflight"), and shows an answer to a page
 * only when the answer names the page's origin (Fetch Standard, "CORS
 * protocol").  An origin that is not listed is not refused: its answers just
 * lack these fields, and the browser does the rest.  Any thread.
 */
#ifndef OA_RECEIVE_CORS_H
#define OA_RECEIVE_CORS_H

#include <stdbool.h>
#include <stddef.h>

#include "net/server.h"

enum { OA_CORS_TEXT_SIZE = 256 };

/* Whom an answer is for.  The fields of an answer point into it. */
typedef struct oa_cors {
  bool any;                       /* every origin is welcome */
  char origin[OA_CORS_TEXT_SIZE]; /* the request's, when it is listed */
  char headers[OA_CORS_TEXT_SIZE];
} oa_cors;

/* Fills OUT for CALL.  ORIGINS as configured: "https://shop.example",
 * "https://" "*.example" with one star for any text, or "*" alone. */
void oa_cors_read(oa_cors *out, const oa_call *call, const char *const *origins,
                  size_t count);

/* Appends the fields of an answer, of which *USED are taken: at most three. */
void oa_cors_put(const oa_cors *cors, oa_http_field *fields, size_t *used);

/* Those of the answer to a preflight: three more. */
void oa_cors_put_preflight(oa_cors *cors, const oa_call *call,
                           oa_http_field *fields, size_t *used);

#endif
