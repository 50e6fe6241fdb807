/* SPDX-License-Identifier: Apache-2.0 */
/* otlp_arrow_extend.h - the extension points: small structs of functions with
 * which a program has the library do a part of its work in another way.
 *
 *   oa_log_sink       takes log lines       oa_config_set_log()
 *   oa_allocator      gives memory          oa_set_allocator()
 *   oa_authenticator  says who may send     oa_config_set_authenticator()
 *   oa_sink           keeps batches         oa_config_set_sink()
 *   oa_codec          brings another form   oa_config_add_codec()
 *   oa_exporter       sends stored rows on  oa_config_set_exporter()
 *   oa_breaker        says when it may try  oa_config_set_breaker()
 *
 * They are copied when they are handed over; what their pointers lead to must
 * live until the service has stopped.  There is an example of each in
 * examples/.
 *
 * Include <otlp_arrow.h>, which includes this.
 */
#ifndef OTLP_ARROW_EXTEND_H
#define OTLP_ARROW_EXTEND_H

#include <stddef.h>
#include <stdint.h>

#include "otlp_arrow_base.h"

#ifdef __cplusplus
extern "C" {
#endif

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
 * files, and its directory is not touched; nothing is read back from it.  Its
 * functions must not call the service, which waits for them. */
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
  /* After the last call, at the end of the service; not when it could not
   * start.  NULL: nothing to do. */
  void (*close)(void *context);
} oa_sink;

struct oa_builder;

/* Takes LEN bytes; what it returns but OA_OK is to be returned at once. */
typedef oa_status (*oa_bytes_sink)(void *context, const void *bytes,
                                   size_t len);

/* How many a service may have. */
enum { OA_MAX_CODECS = 8 };

/* Another form of telemetry than OTLP's own: of requests that come in over HTTP
 * with its content type, and of what an exporter sends.  Either function may be
 * NULL.  Both are called by several threads at once. */
typedef struct oa_codec {
  void *context;
  /* The media type (RFC 9110, section 8.3.1) without parameters, such as
   * "text/csv"; none of OTLP's own, and of at most 127 bytes. */
  const char *content_type;
  /* Adds what BYTES hold to BUILDER, which is empty and of SIGNAL, with the
   * functions of otlp_arrow_builder.h; it is not to be kept or freed.  BYTES,
   * never NULL, are as a stranger sent them, out of their content encoding; LEN
   * may be 0.  What a thread of the service waits here its other connections
   * wait too.
   *
   * OA_OK: what was built is taken as OTLP is.  Else nothing is taken, and the
   * sender is told the text of ERROR: OA_ERR_UNSUPPORTED, this is not for
   * SIGNAL, with 415; OA_ERR_LIMIT 413; OA_ERR_BUSY, OA_ERR_IO and
   * OA_ERR_NOMEM, which are not the sender's fault, 503; all others, such as
   * OA_ERR_MALFORMED, 400.  What is built may be as large as a request
   * (protocols.max_request_size), or it is 413.  When BUILDER was used wrongly,
   * as oa_builder_finish() would say it, that is a slip of the codec: 500, and
   * a log line. */
  oa_status (*decode)(void *context, oa_signal signal, const void *bytes,
                      size_t len, struct oa_builder *builder, oa_error *error);
  /* Gives EMIT the rows of BATCH, which has the columns of SCHEMA (as for
   * oa_sink), as one body; EMIT may be called for one part after the other. */
  oa_status (*encode)(void *context, oa_signal signal,
                      const struct ArrowSchema *schema,
                      const struct ArrowArray *batch, oa_bytes_sink emit,
                      void *emit_context, oa_error *error);
} oa_codec;

/* Sends on what is stored.  Rows are read back from the files, in their order
 * for each signal, and where it stands is kept in a file beside them: so what
 * was not delivered when the service stopped, or was killed, is offered after
 * the next start, and what was delivered in the last second or so before a kill
 * comes twice.  What was stored before the first start with an exporter is not
 * offered, nor what retention removed meanwhile (that is counted).  One thread
 * of the service calls it, and nobody else waits for it; but a stop does, so it
 * must bound the time that it takes. */
typedef struct oa_exporter {
  void *context;
  /* NULL: deliver() is used.  Else deliver_bytes() is, with what its encode()
   * made; it is copied too, and so is its content type. */
  const oa_codec *codec;
  /* Delivers the rows of BATCH, all or none (as for oa_sink; arrays may have an
   * offset).  OA_OK: they are delivered.  OA_ERR_BUSY, OA_ERR_IO, OA_ERR_NOMEM:
   * not now; the same rows are offered again, later and later
   * (forwarding.retry), or after *RETRY_AFTER_MS, which is 0 before, if that is
   * set; of five minutes at most.  OA_ERR_LIMIT: fewer are offered, down to a
   * single row.  Others: never; the rows are passed over, counted, and logged
   * with the text of ERROR. */
  oa_status (*deliver)(void *context, oa_signal signal,
                       const struct ArrowSchema *schema,
                       const struct ArrowArray *batch, uint32_t *retry_after_ms,
                       oa_error *error);
  /* The same with a body of the codec's content type; BYTES are never NULL. */
  oa_status (*deliver_bytes)(void *context, oa_signal signal,
                             const char *content_type, const void *bytes,
                             size_t len, uint32_t *retry_after_ms,
                             oa_error *error);
  /* After the last call, at the end of the service.  NULL: nothing to do. */
  void (*close)(void *context);
} oa_exporter;

/* Says whether an exporter may try, so that an endpoint that fails is left in
 * peace.  Without one, that of forwarding.circuit_breaker does.  One thread
 * calls it; NOW_MS is on a clock that only goes forward. */
typedef struct oa_breaker {
  void *context;
  /* 0 = not now; *WAIT_MS, which is 1,000 before, is when to ask again.  Else
   * one delivery is tried, or none when there turns out to be nothing. */
  int (*allow)(void *context, uint64_t now_ms, uint32_t *wait_ms);
  /* What became of a delivery that was tried: 0 = the endpoint was not reached
   * or had no time (OA_ERR_BUSY, OA_ERR_IO, OA_ERR_NOMEM); else it answered, be
   * it with a refusal.  NULL: nobody wants to know. */
  void (*report)(void *context, uint64_t now_ms, int answered);
} oa_breaker;

#ifdef __cplusplus
}
#endif

#endif
