/* SPDX-License-Identifier: Apache-2.0 */
/* stream.h - the IPC state of one OTAP stream, and the tables of the message
 * that is being decoded.
 *
 * Private to otap/.  For each type of table there is one reader, made anew
 * when the sender comes with another schema_id.  Where a known column stands
 * in the sender's schema is found once a schema.
 */
#ifndef OA_OTAP_STREAM_H
#define OA_OTAP_STREAM_H

#include "arrow/ipc_read.h"
#include "otap/column.h"
#include "otap/otap.h"
#include "otap/record.h"
#include "otap/scratch.h"

enum { OA_OTAP_ABSENT = -1 };

/* One type of table: its reader, and its content in this message. */
typedef struct oa_otap_slot {
  oa_ipc_reader *reader; /* NULL: not seen yet */
  oa_buf schema_id;
  bool present;                       /* in this message */
  int places[OA_PAYLOAD_MAX_COLUMNS]; /* of the columns, or OA_OTAP_ABSENT */
  oa_otap_map maps[OA_PAYLOAD_MAX_COLUMNS];
  oa_otap_table table;
} oa_otap_slot;

struct oa_otap_stream {
  oa_signal signal;
  oa_otap_limits limits;
  bool broken;           /* an earlier message was not read to its end */
  oa_inflater *inflater; /* its own, or that of its limits */
  oa_scratch scratch;
  oa_otap_slot *slots[OA_PAYLOAD_TYPE_END];
  size_t rows;  /* of all tables of this message */
  size_t spent; /* bytes that its dictionaries stood for: oa_otap_spend() */
};

/* Reads the tables of RECORD into the slots.  Rows that are left out, because
 * they stand behind a table's first batch, are noted in RESULT. */
oa_status oa_otap_stream_read(oa_otap_stream *stream,
                              const oa_otap_record *record,
                              oa_otlp_result *result, oa_error *error);

/* Forgets the tables and gives the memory back that only they needed. */
void oa_otap_stream_drop(oa_otap_stream *stream);

/* The table of TYPE with at least one row, or NULL. */
const oa_otap_table *oa_otap_stream_table(const oa_otap_stream *stream,
                                          oa_payload_type type);

#endif
