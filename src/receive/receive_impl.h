/* SPDX-License-Identifier: Apache-2.0 */
/* receive_impl.h - what receive.c and the protocols' files share. */
#ifndef OA_RECEIVE_RECEIVE_IMPL_H
#define OA_RECEIVE_RECEIVE_IMPL_H

#include "codec/codec.h"
#include "receive/receive.h"

/* What one I/O thread keeps between requests; only that thread looks at it. */
typedef struct oa_receive_thread {
  _Alignas(64) oa_buf scratch; /* a request that was translated to protobuf */
  uint64_t scratch_ns;         /* when it was last used */
  oa_deflater *gzip;           /* NULL until an answer is compressed */
  oa_inflater *inflater;       /* of streams, see below; NULL at first */
  size_t stream_bytes;         /* that the streams of OTAP keep */
  oa_purse purse;              /* of streams and of what decodes them */
  oa_spares spares;            /* of that purse */
  uint64_t spares_moves;       /* at SPARES_NS, when they last changed */
  uint64_t spares_ns;
  oa_purse scratch_purse;       /* of SCRATCH, which has a bound of its own */
  struct oa_receive_line *line; /* of long requests; NULL until the first */
} oa_receive_thread;

/* More than this is not kept for the next request: few are so large. */
enum { OA_SCRATCH_KEEP = 4 << 20 };

/* Content types over HTTP: OTLP's own and those of codecs, with ", " between
 * them. */
enum { OA_ACCEPTED_SIZE = 48 + OA_MAX_CODECS * (OA_CODEC_MAX_TYPE + 2) };

struct oa_receiver {
  oa_receiver_options options;
  oa_receive_thread *threads;
  char accepted[OA_ACCEPTED_SIZE];
};

/* The streams of a thread decompress one after the other, so that one inflater
 * serves them all: it keeps as much as a window of zstd between messages.  It
 * lives as long as the thread.  OA_ERR_NOMEM. */
oa_status oa_receive_inflater(oa_receive_thread *thread, oa_inflater **out);

enum { OA_METHOD_BITS = 8 };

/* One protocol.  A call's method is (index of the protocol << OA_METHOD_BITS) |
 * OPERATION. */
typedef struct oa_protocol {
  /* The operation that REQUEST asks for, and its kind; -1 = not of this
   * protocol.  HTTP protocols also get requests whose HTTP method is wrong. */
  int (*match)(const oa_request *request, oa_call_kind *kind);
  /* After authentication; may be NULL.  Makes call->user, or replies and
   * returns false. */
  bool (*begin)(oa_receiver *receiver, oa_call *call,
                const oa_request *request);
  /* As in oa_server_handler; those that a protocol's kinds never see are
   * NULL. */
  void (*request)(oa_receiver *receiver, oa_call *call);
  void (*message)(oa_receiver *receiver, oa_call *call);
  void (*ended)(oa_receiver *receiver, oa_call *call);
  void (*canceled)(oa_receiver *receiver, oa_call *call);
  void (*drained)(oa_receiver *receiver, oa_call *call);
  void (*problem)(oa_receiver *receiver, oa_call *call,
                  const oa_http_problem *what);
  /* The signal of OPERATION, for the counters; -1 = none.  NULL: none has. */
  int (*signal)(int operation);
  /* Whether OPERATION is for everybody.  NULL: none is. */
  bool (*open)(int operation);
} oa_protocol;

extern const oa_protocol oa_protocol_grpc; /* OTLP/gRPC and health */
extern const oa_protocol oa_protocol_http; /* OTLP/HTTP */
extern const oa_protocol oa_protocol_otap;
extern const oa_protocol oa_protocol_flight;

static inline int oa_operation(const oa_call *call) {
  return call->method & ((1 << OA_METHOD_BITS) - 1);
}

/* "/opentelemetry.proto.collector.trace.v1.TraceService/Export", ... */
extern const char *const oa_grpc_paths[OA_SIGNAL_COUNT];

/* "/v1/traces", ... */
extern const char *const oa_http_paths[OA_SIGNAL_COUNT];

/* The signal that PATH is the path of, or -1. */
int oa_path_signal(const char *const paths[OA_SIGNAL_COUNT], const char *path);

/* Ends a plain HTTP call that failed, in the encoding of its request. */
typedef struct oa_http_failure {
  unsigned status; /* 0 = what CODE becomes */
  oa_grpc_code code;
  const char *text;
  uint32_t retry_after_ms; /* 0 = none */
  const char *field;       /* one further header field; NULL = none */
  const char *value;
} oa_http_failure;

void oa_receive_http_fail(oa_receiver *receiver, oa_call *call,
                          const oa_http_failure *failure);

/* The level that holds for CALL, by the configuration and its header.  False:
 * the header names none, see OA_ACK_UNKNOWN. */
bool oa_receive_ack(const oa_receiver *receiver, const oa_call *call,
                    oa_ack *level);

/* Replies to a UNARY or HTTP call. */
typedef void (*oa_receive_reply)(oa_receiver *receiver, oa_call *call,
                                 const oa_outcome *outcome);

/* Has the pipeline take the request of such a call, and REPLY called, now or
 * when its rows are as safe as its level asks for.  INTAKE's ack and wait are
 * filled here. */
void oa_receive_take(oa_receiver *receiver, oa_call *call, oa_intake *intake,
                     oa_receive_reply reply);

/* The same in steps.  What waits for the rows of a call: */
typedef struct oa_receive_held oa_receive_held;

/* Fills in INTAKE's ack and wait; *HELD is NULL when nothing is waited for.
 * False: the call has been refused. */
bool oa_receive_agree(oa_receiver *receiver, oa_call *call, oa_intake *intake,
                      oa_receive_reply reply, oa_receive_held **held);

/* Answers CALL, or lets HELD, which is taken, wait with that. */
void oa_receive_answer(oa_receiver *receiver, oa_call *call,
                       const oa_outcome *outcome, oa_receive_held *held,
                       oa_receive_reply reply);

/* --- receive_long.c --- */

/* Messages from this length on, decompressed, are long: what is shorter is
 * decoded in a few milliseconds, whatever is in it. */
enum { OA_LONG_REQUEST = 1 << 20 };

/* What the function gets that decodes a call's message.  It may run on another
 * thread than the call's, and looks at nothing else. */
typedef struct oa_receive_input {
  oa_call *call; /* for its message */
  oa_signal signal;
  oa_buf *scratch; /* for what is translated */
} oa_receive_input;

/* Has the pipeline take what DECODE can decode from an oa_receive_input: at
 * once, as oa_receive_take(), or when it is long beside the I/O thread. */
void oa_receive_decode(oa_receiver *receiver, oa_call *call, oa_signal signal,
                       oa_pipeline_decode decode, oa_receive_reply reply);

/* An oa_pipeline_decode for messages that are protobuf. */
oa_status oa_receive_protobuf(void *input, oa_otlp_builder *builder,
                              oa_otlp_result *result, oa_error *error);

/* Answers what has been decoded and begins with the next. */
void oa_receive_long_go_on(oa_receiver *receiver, unsigned thread);

/* Ends what is under way, and refuses what waits. */
void oa_receive_long_stop(oa_receiver *receiver, unsigned thread);

typedef struct oa_receive_line oa_receive_line;
void oa_receive_long_free(oa_receive_line *line);

/* Answers a request that no protocol knows with what its sender could do. */
void oa_receive_unknown(oa_receiver *receiver, oa_call *call,
                        const oa_request *request);

#endif
