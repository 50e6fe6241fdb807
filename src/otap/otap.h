/* SPDX-License-Identifier: Apache-2.0 */
/* otap.h - OpenTelemetry's Arrow protocol (OTAP) to columns.
 *
 * A gRPC stream of one signal carries BatchArrowRecords messages.  Each brings
 * the next bytes of up to some 15 Arrow IPC streams, one a table, whose
 * schemas and dictionaries live as long as the gRPC stream: that state is an
 * oa_otap_stream.  What a message says ends up in the same builder, row for
 * row, as the equal OTLP request would.
 *
 * A message is taken whole or not at all.  It is refused when a row refers to
 * a parent that is not there, or when two rows have one id: both mean that
 * sender and receiver do not understand the ids alike, and then values would
 * be stored with the wrong owner.
 *
 * One thread at a time.
 */
#ifndef OA_OTAP_OTAP_H
#define OA_OTAP_OTAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "codec/codec.h"
#include "otlp/otlp.h"

typedef struct oa_otap_stream oa_otap_stream;

typedef struct oa_otap_limits {
  size_t max_memory;   /* bytes of IPC state kept, and decompressed and used
                          while a message is decoded, all together; what its
                          dictionaries stand for may be four times as much */
  size_t max_payloads; /* tables in a message */
  size_t max_rows;     /* rows of all tables of a message together */
  oa_purse *purse;     /* borrowed; counts that memory; NULL = nobody does */
  /* Borrowed, and may serve many streams: what it keeps between messages, a
   * window of zstd among it, is counted by nobody.  NULL: one of its own. */
  oa_inflater *inflater;
} oa_otap_limits;

/* 64 MiB, 64 tables, 2 Mi rows. */
extern const oa_otap_limits oa_otap_limits_default;

/* What is known of a message, also after a failure. */
typedef struct oa_otap_batch {
  int64_t batch_id; /* -1: not known */
  bool in_step;     /* the stream's state is that of the sender: it can go on */
  oa_otlp_result result;
  const uint8_t *headers; /* HPACK block; borrows from the message */
  size_t headers_len;
} oa_otap_batch;

/* LIMITS may be NULL for the defaults. */
oa_status oa_otap_stream_new(oa_otap_stream **out, oa_signal signal,
                             const oa_otap_limits *limits);
void oa_otap_stream_free(oa_otap_stream *stream);

/* Bytes of memory that STREAM keeps. */
size_t oa_otap_stream_memory(const oa_otap_stream *stream);

/* Decodes one BatchArrowRecords and appends its rows to BUILDER, all or
 * nothing.  BUILDER may be NULL: then only STREAM is kept in step with the
 * sender, so that a message can be refused and the stream go on.  BYTES are
 * not needed after the call but for OUT->headers.
 *
 * OA_ERR_MALFORMED, OA_ERR_TRUNCATED, OA_ERR_UNSUPPORTED: the message is bad;
 * OA_ERR_LIMIT: it passes a bound; OA_ERR_NOMEM.  ERROR names the table and,
 * where there is one, the column and row.  When OUT->in_step is false after a
 * failure, every later call fails: the caller ends the gRPC stream. */
oa_status oa_otap_decode(oa_otap_stream *stream, oa_otlp_builder *builder,
                         const uint8_t *bytes, size_t len, oa_otap_batch *out,
                         oa_error *error);

#endif
