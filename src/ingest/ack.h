/* SPDX-License-Identifier: Apache-2.0 */
/* ack.h - when a sender gets its OK, and how an answer waits for that.
 *
 * The configured level holds for everybody; a request may ask for more with
 * the header (gRPC: metadata) OA_ACK_HEADER, and never gets less.
 */
#ifndef OA_INGEST_ACK_H
#define OA_INGEST_ACK_H

#include <stdbool.h>
#include <stddef.h>

/* In rising order of what they promise. */
typedef enum oa_ack {
  OA_ACK_MEMORY, /* decoded into the buffer */
  OA_ACK_WRITE,  /* in a file: survives the process */
  OA_ACK_FSYNC,  /* on the disk: survives the machine */
} oa_ack;

#define OA_ACK_HEADER "otlp-arrow-ack"

/* Raises *LEVEL to the one that the LEN bytes at TEXT name.  False: they name
 * none; *LEVEL is as before. */
bool oa_ack_raise(oa_ack *level, const char *text, size_t len);

/* What a sender is told whose header names no level. */
#define OA_ACK_UNKNOWN OA_ACK_HEADER ": say \"memory\", \"write\" or \"fsync\""

/* Somebody whose rows are taken and not yet as safe as asked for.  It belongs
 * to the caller, who fills DONE and leaves the rest to the pipeline. */
typedef struct oa_ack_wait {
  /* FAILURE is NULL when the rows are safe, else a sentence: they may be lost,
   * and their sender should send them again.  Called once, on the I/O thread
   * that took the rows, never from inside oa_pipeline_take(); the wait is the
   * caller's again. */
  void (*done)(struct oa_ack_wait *wait, const char *failure);
  oa_ack level;
  struct oa_ack_wait *next;
  struct oa_ack_wait **link; /* what points here; NULL = does not wait */
} oa_ack_wait;

/* Nobody waits any more; nothing happens when WAIT does not. */
void oa_ack_forget(oa_ack_wait *wait);

#endif
