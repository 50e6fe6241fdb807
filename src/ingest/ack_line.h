/* SPDX-License-Identifier: Apache-2.0 */
/* ack_line.h - the answers of one stream, in the order of its messages.
 *
 * A message is decoded at once and answered when its rows are as safe as was
 * asked for; in between others come in.  Each answer that cannot go out yet is
 * an entry of the line; those behind it wait for it.
 *
 * All of it belongs to the stream's I/O thread.
 */
#ifndef OA_INGEST_ACK_LINE_H
#define OA_INGEST_ACK_LINE_H

#include "base/error.h"
#include "ingest/ack.h"

/* Answers of one stream that may wait; then its next message does. */
enum { OA_ACK_LINE_MAX = 64 };

typedef struct oa_ack_line oa_ack_line;

/* The head of what a protocol keeps for an answer. */
typedef struct oa_ack_entry {
  oa_ack_wait wait; /* for the pipeline */
  oa_ack_line *line;
  struct oa_ack_entry *next;
  bool settled;
  bool failed;
  char why[OA_ERROR_TEXT_SIZE]; /* when it failed */
} oa_ack_entry;

struct oa_ack_line {
  oa_ack_entry *head;
  oa_ack_entry *tail;
  size_t count;
  /* Sends the answer and frees ENTRY, the first of the line.  False: the
   * stream is over and the line with it. */
  bool (*answer)(void *context, oa_ack_entry *entry);
  /* Answers have gone out that had to wait: the next message may come, or the
   * stream end. */
  void (*moved)(void *context);
  void *context;
};

/* Makes ENTRY ready to be waited with, before the rows are taken. */
void oa_ack_entry_init(oa_ack_entry *entry, oa_ack_line *line);

/* Puts ENTRY behind all others.  SETTLED: it waits for nothing but them. */
void oa_ack_line_add(oa_ack_line *line, oa_ack_entry *entry, bool settled);

/* Answers what can be answered now.  False: the stream is over. */
bool oa_ack_line_advance(oa_ack_line *line);

/* The first entry, taken out of the line and of the pipeline, or NULL: for the
 * end of a stream whose peer has gone. */
oa_ack_entry *oa_ack_line_take(oa_ack_line *line);

#endif
