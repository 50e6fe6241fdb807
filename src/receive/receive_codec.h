/* SPDX-License-Identifier: Apache-2.0 */
/* receive_codec.h - OTLP/HTTP in other forms: requests whose content-type the
 * program has brought a codec for.
 *
 * What a codec builds is a request of OTLP in the thread's scratch memory, and
 * goes on as one that came so.  The sender is answered in JSON, since a codec
 * has no words for it.  Called on the I/O thread of the call.
 */
#ifndef OA_RECEIVE_RECEIVE_CODEC_H
#define OA_RECEIVE_RECEIVE_CODEC_H

#include "receive/receive_impl.h"

/* The number of the codec that decodes what CALL has for a content-type, or
 * -1. */
int oa_receive_codec_of(const oa_receiver *receiver, const oa_call *call);

/* Has codec WHICH decode the body of CALL, and what it built taken; REPLY is
 * called unless the codec itself was the end of it. */
void oa_receive_codec_take(oa_receiver *receiver, oa_call *call, size_t which,
                           oa_signal signal, oa_receive_reply reply);

/* Fills receiver->accepted. */
void oa_receive_codec_list(oa_receiver *receiver);

#endif
