/* SPDX-License-Identifier: Apache-2.0 */
/* json_read_impl.h - what a read of OTLP/JSON is, for the files that do it:
 * json_read.c walks the messages, json_scalar.c reads the values in them,
 * json_error.c says where it went wrong. */
#ifndef OA_OTLP_JSON_READ_IMPL_H
#define OA_OTLP_JSON_READ_IMPL_H

#include "otlp/json.h"
#include "wire/emit.h"
#include "wire/json_scan.h"
#include "wire/json_value.h"

/* An object whose members are being read. */
typedef struct oa_json_frame {
  const oa_message *message;
  const oa_message_field *field; /* of the current member; NULL = unknown */
  oa_emit_nest nest;
  uint32_t index; /* of the current element, when FIELD is repeated */
  uint32_t hint;  /* the field that is expected next */
  uint32_t width; /* that the length of the list's last element took */
  bool in_list;   /* between the brackets of FIELD */
  bool begun;     /* something stands before: a comma must follow */
} oa_json_frame;

typedef struct oa_json_reader {
  oa_scan scan;
  oa_emit emit;
  const uint8_t *text;  /* all of it */
  const uint8_t *value; /* where the value begins that makes no sense; NULL =
                           the text is wrong where the scan stands */
  uint64_t line;        /* of the first byte */
  size_t moved;         /* bytes of messages whose length was guessed wrong */
  size_t depth;
  oa_json_frame frames[OA_JSON_MAX_MESSAGES];
} oa_json_reader;

/* The value at the scan, which begins with FIRST, is not what FIELD needs. */
oa_status oa_json_wrong_value(oa_json_reader *reader, const uint8_t *value,
                              const char *problem);

/* Reads one value of FIELD, no message, that begins with FIRST, and emits it
 * with its tag. */
oa_status oa_json_read_scalar(oa_json_reader *reader,
                              const oa_message_field *field);

/* Reads the elements of FIELD, no messages, behind the opening bracket. */
oa_status oa_json_read_list(oa_json_reader *reader,
                            const oa_message_field *field);

/* TEXT without escapes.  It lies in the text itself or in the free room of the
 * output, up to the next thing that is written there, but OA_JSON_ROOM bytes
 * behind its end.  OA_ERR_NOMEM. */
enum { OA_JSON_ROOM = OA_EMIT_TAG_MAX + OA_EMIT_VARINT_MAX };
oa_status oa_json_plain(oa_json_reader *reader, oa_scan_text *text);

/* Writes the error of a read that failed with STATUS.  LABEL is what is read,
 * as "traces". */
oa_status oa_json_explain(const oa_json_reader *reader, oa_status status,
                          const char *label, oa_error *error);

#endif
