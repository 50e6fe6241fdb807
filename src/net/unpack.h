/* SPDX-License-Identifier: Apache-2.0 */
/* unpack.h - decompression of messages.
 *
 * A few kilobytes may become the longest message there may be, which takes tens
 * of milliseconds.  So the I/O thread decompresses only what becomes no longer
 * than a usual message; the rest stands in a line, and a thread that lives for
 * one of them at a time does it, while all others are served.  Used by the
 * I/O thread only.
 */
#ifndef OA_NET_UNPACK_H
#define OA_NET_UNPACK_H

#include "net/stream.h"

/* Decompresses the message of STREAM, which is whole.  True: it can be handed
 * over.  False: the call has been refused, or its message waits in the line and
 * gets its turn to be handed over later. */
bool oa_unpack(oa_stream *stream);

/* Takes what has been decompressed.  True: there was some. */
bool oa_unpack_take(oa_thread *thread);

/* Begins with the next one in the line, when that may be. */
void oa_unpack_go_on(oa_thread *thread);

/* STREAM is about to be freed. */
void oa_unpack_forget(const oa_stream *stream);

/* Frees memory that is kept for later messages. */
void oa_unpack_trim(oa_thread *thread);

/* Waits for what is under way, and frees all. */
void oa_unpack_close(oa_thread *thread);

#endif
