/* SPDX-License-Identifier: Apache-2.0 */
/* http1.h - reads HTTP/1.1 requests (RFC 9112) and writes heads of answers.
 *
 * The reader is incremental and strict.  It owns no memory: the head of a
 * request is gathered in room that its owner gives, and body bytes are handed
 * on where they lie.  What two parsers could understand differently (bare LF,
 * folded lines, two lengths, ...) is refused, because such requests are how
 * one is hidden inside another.  Pure functions; one thread at a time for one
 * reader.
 */
#ifndef OA_NET_HTTP1_H
#define OA_NET_HTTP1_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

enum {
  /* Room that is enough for every client that we know of, and little enough
   * to give to each connection that has a request on its way. */
  OA_HTTP1_HEAD_SIZE = 16 * 1024,
  OA_HTTP1_MAX_FIELDS = 100,
  /* RFC 9112 section 3 asks for at least 8,000. */
  OA_HTTP1_MAX_LINE = 8 * 1024,
  /* Longest method: all registered ones are shorter. */
  OA_HTTP1_MAX_METHOD = 32,
  /* Digits of a chunk's size: more is not a size but an attack. */
  OA_HTTP1_MAX_CHUNK_DIGITS = 15,
  /* Chunk extensions, and trailers, of one request: skipped, thus only a
   * way to keep us busy. */
  OA_HTTP1_MAX_EXTENSIONS = 4 * 1024,
  OA_HTTP1_MAX_TRAILERS = 8 * 1024,
};

/* An interim answer to a request with `expect_100`. */
#define OA_HTTP1_CONTINUE "HTTP/1.1 100 Continue\r\n\r\n"

/* Characters in the owner's room, not terminated. */
typedef struct oa_http1_text {
  const char *data;
  size_t len;
} oa_http1_text;

/* Bytes of the connection. */
typedef struct oa_http1_bytes {
  const uint8_t *at;
  size_t len;
} oa_http1_bytes;

typedef struct oa_http1_field {
  oa_http1_text name;  /* in lower case */
  oa_http1_text value; /* without space around it */
} oa_http1_field;

/* Where a head goes; what it holds is what a head may have.  `line` bounds
 * the request line (method, target and version).  The owner keeps it, and
 * with it every text of the request, until the next oa_http1_start(). */
typedef struct oa_http1_room {
  char *head;
  size_t head_size; /* less than 2^31 */
  oa_http1_field *fields;
  size_t max_fields;
  size_t max_line;
} oa_http1_room;

typedef enum oa_http1_body {
  OA_HTTP1_NO_BODY,
  OA_HTTP1_LENGTH,  /* content_length bytes, more than none */
  OA_HTTP1_CHUNKED, /* nobody knows how many */
} oa_http1_body;

typedef struct oa_http1_request {
  oa_http1_text method;
  oa_http1_text target; /* as it was sent */
  oa_http1_text path;   /* still percent-encoded; "*" of OPTIONS */
  oa_http1_text query;  /* behind the "?", which may be missing */
  oa_http1_text host;   /* of an absolute target, else the Host field */
  unsigned minor;       /* HTTP/1.minor, 0 or 1 */
  const oa_http1_field *fields;
  size_t field_count;
  oa_http1_body body;
  uint64_t content_length; /* 0 unless body is OA_HTTP1_LENGTH */
  bool keep_alive;         /* the client expects more on this connection */
  bool expect_100;         /* it waits for OA_HTTP1_CONTINUE or a refusal */
  bool upgrade;            /* it offers another protocol (h2c, websocket);
                              RFC 9110 section 7.8 lets a server ignore that */
} oa_http1_request;

/* Why a request is no good.  The connection must be closed behind the answer:
 * nobody knows where the next request begins. */
typedef struct oa_http1_refusal {
  unsigned status;  /* 400, 414, 417, 431, 501, 505 */
  const char *text; /* a sentence, without a full stop, static */
} oa_http1_refusal;

typedef enum oa_http1_event {
  OA_HTTP1_MORE,    /* all input is used up */
  OA_HTTP1_HEAD,    /* `request` is complete; its body follows */
  OA_HTTP1_BODY,    /* some bytes of the body */
  OA_HTTP1_END,     /* the request is complete; comes again until start() */
  OA_HTTP1_REFUSED, /* `refusal` says why; comes again for ever */
} oa_http1_event;

/* Members below `refusal` are the reader's own. */
typedef struct oa_http1 {
  oa_http1_request request;
  oa_http1_refusal refusal;

  oa_http1_room room;
  uint32_t head_len;
  uint32_t line_start;
  unsigned state;
  uint32_t skipped;    /* bytes of extensions, then of trailers */
  unsigned digits;     /* of the chunk size */
  uint64_t body_left;  /* of the body, or of the chunk */
  unsigned seen;       /* fields that may come once */
  bool empty_line;     /* before the request line */
  bool other_coding;   /* a transfer coding that is not chunked */
  bool other_expected; /* an expectation that is not 100-continue */
  bool close;          /* Connection: close */
  bool persist;        /* Connection: keep-alive */
} oa_http1;

/* Begins a request, the first or, behind OA_HTTP1_END, the next one.  ROOM is
 * copied; what it points to is borrowed. */
void oa_http1_start(oa_http1 *reader, const oa_http1_room *room);

/* Reads on, up to the next event, and takes the bytes read off INPUT.  BODY is
 * set with OA_HTTP1_BODY alone and points into INPUT.  Bytes behind the end of
 * the request are left in INPUT. */
oa_http1_event oa_http1_next(oa_http1 *reader, oa_http1_bytes *input,
                             oa_http1_bytes *body);

/* No byte of the request has come yet: the connection is idle. */
bool oa_http1_idle(const oa_http1 *reader);

/* The first field called NAME, which is in lower case, or NULL. */
const oa_http1_field *oa_http1_find(const oa_http1_request *request,
                                    const char *name);

/* TEXT is WORD, whatever the case of its ASCII letters. */
bool oa_http1_equal(oa_http1_text text, const char *word);

typedef struct oa_http1_header {
  const char *name;
  const char *value;
} oa_http1_header;

typedef struct oa_http1_answer {
  unsigned status; /* 200 to 599 */
  const oa_http1_header *headers;
  size_t header_count;
  uint64_t content_length; /* left out where there can be none (204, 304) */
  uint64_t date;           /* seconds since 1970, 0 = no Date field */
  unsigned minor;          /* of the request: 0 is told about keep_alive */
  bool keep_alive;         /* false: says that the connection closes */
} oa_http1_answer;

/* Appends a head with all of HEADERS and Date, Content-Length and Connection,
 * which HEADERS must not contain.  OA_ERR_MALFORMED when a name is not a token
 * or a value has control bytes in it, such as a line break that somebody
 * smuggled into a value that we repeat; OA_ERR_NOMEM.  Then OUT is as it
 * was. */
oa_status oa_http1_put_head(oa_buf *out, const oa_http1_answer *answer);

/* SECONDS since 1970 as the value of a Date field (IMF-fixdate, RFC 9110
 * section 5.6.7), terminated. */
enum { OA_HTTP1_DATE_SIZE = 32 };
void oa_http1_date(char out[OA_HTTP1_DATE_SIZE], uint64_t seconds);

/* What STATUS is called, "" when it has no name here. */
const char *oa_http1_reason(unsigned status);

#endif
