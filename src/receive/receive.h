/* SPDX-License-Identifier: Apache-2.0 */
/* receive.h - what the ports serve: OTLP over gRPC and HTTP, OTAP, Arrow
 * Flight, gRPC health.
 *
 * receive.c tells protocols apart, asks who the sender is before any byte of a
 * body is looked at, and hands calls to the file of their protocol
 * (receive_*.c), which decodes into the pipeline and answers in its own words.
 */
#ifndef OA_RECEIVE_RECEIVE_H
#define OA_RECEIVE_RECEIVE_H

#include "config/config_codec.h"
#include "ingest/pipeline.h"
#include "net/server.h"
#include "receive/auth.h"

typedef struct oa_receiver_options {
  oa_pipeline *pipeline;
  oa_counters *counters;
  const oa_log *log;
  oa_auth *auth;                   /* NULL = everybody may send */
  const oa_config_codecs *codecs;  /* of other forms; NULL = none */
  const char *const *cors_origins; /* as configured; "*" = any */
  size_t cors_origin_count;
  size_t max_message;
  oa_ack ack;            /* of every request at least */
  oa_account *account;   /* of what senders can make grow; NULL = none */
  size_t max_stream;     /* bytes that one stream may keep; 0 = no bound */
  size_t stream_budget;  /* bytes that the streams of one thread may keep */
  unsigned threads;      /* I/O threads that the server will have */
  const char *extension; /* of its files, without the dot */
  const char *root;      /* the store's directory, for reading back */
} oa_receiver_options;

typedef struct oa_receiver oa_receiver;

/* All pointers in OPTIONS are borrowed while the receiver lives. */
oa_status oa_receiver_new(oa_receiver **out, const oa_receiver_options *options,
                          oa_error *error);
void oa_receiver_free(oa_receiver *receiver);

/* For oa_server_options, with the receiver as context. */
extern const oa_server_handler oa_receiver_handler;

#endif
