/* SPDX-License-Identifier: Apache-2.0 */
/* flight_impl.h - what the files of the Flight service share.
 *
 * receive_flight.c knows which method a call asks for; each method is a small
 * struct of functions in a file of its own.  call->user is the method's state,
 * NULL until it makes one.
 */
#ifndef OA_RECEIVE_FLIGHT_IMPL_H
#define OA_RECEIVE_FLIGHT_IMPL_H

#include "flight/message.h"
#include "receive/flight_ticket.h"
#include "receive/receive_impl.h"

/* Answers stop when a client has not read this many bytes of them, and go on
 * when it has. */
enum { OA_FLIGHT_MAX_UNSENT = 1 << 20 };

/* What a stream that reads a file counts at least: so many readers at once are
 * few enough for the file descriptors too. */
enum { OA_FLIGHT_READER_COST = 256 << 10 };

typedef struct oa_flight_method {
  const char *name;
  /* Why it is not served; the functions are NULL then. */
  const char *refusal;
  /* A message has come; true: the next one may.  False: the call was ended, or
   * the method asks for the next one itself. */
  bool (*message)(oa_receiver *receiver, oa_call *call);
  /* The client sends no more. */
  void (*ended)(oa_receiver *receiver, oa_call *call);
  /* What was sent has gone out; NULL = that does not matter. */
  void (*drained)(oa_receiver *receiver, oa_call *call);
  /* Frees call->user. */
  void (*release)(oa_receiver *receiver, oa_call *call);
} oa_flight_method;

extern const oa_flight_method oa_flight_handshake;
extern const oa_flight_method oa_flight_list_flights;
extern const oa_flight_method oa_flight_get_info;
extern const oa_flight_method oa_flight_get_schema;
extern const oa_flight_method oa_flight_do_get;
extern const oa_flight_method oa_flight_do_put;
extern const oa_flight_method oa_flight_do_action;
extern const oa_flight_method oa_flight_list_actions;

/* --- flight_call.c --- */

/* Ends the call; its state is gone. */
void oa_flight_end(oa_receiver *receiver, oa_call *call,
                   const oa_grpc_reply_data *reply);
void oa_flight_end_ok(oa_receiver *receiver, oa_call *call);

/* The same with what STATUS is to a client. */
void oa_flight_fail(oa_receiver *receiver, oa_call *call, oa_status status,
                    const oa_error *error);

/* Sends what EMIT holds and frees it.  False: the call was ended. */
bool oa_flight_send(oa_receiver *receiver, oa_call *call, oa_emit *emit);

/* The call's message as a cursor. */
oa_cursor oa_flight_message(const oa_call *call);

/* For methods that take one message: false, and the call is ended, when there
 * was one before (call->user is set), or STATUS says that it is no NAME. */
bool oa_flight_only(oa_receiver *receiver, oa_call *call, oa_status status,
                    const char *name);

/* Corrects what the thread's streams keep: this one *COUNTED before and
 * NOW. */
void oa_flight_count(oa_receiver *receiver, const oa_call *call,
                     size_t *counted, size_t now);

/* --- flight_files.c --- */

/* The extension of file names. */
const char *oa_flight_extension(const oa_receiver *receiver);

/* The signal and, in *NAME, the file that a descriptor names: a path [signal],
 * [signal, file], both also behind "otlp", or as a command the signal or a
 * filter.  *HAS_NAME says whether there is a file.  OA_ERR_NOT_FOUND,
 * OA_ERR_MALFORMED with a sentence. */
oa_status oa_flight_resolve(const oa_receiver *receiver,
                            const oa_flight_descriptor *descriptor,
                            oa_flight_filter *filter, oa_name *name,
                            bool *has_name, oa_error *error);

#endif
