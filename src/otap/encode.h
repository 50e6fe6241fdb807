/* SPDX-License-Identifier: Apache-2.0 */
/* encode.h - columns to the messages of OpenTelemetry's Arrow protocol (OTAP).
 *
 * An encoder is the sending side of one stream: it knows which schemas and
 * which dictionary entries its peer has, so that a message holds only what is
 * new.  A message (BatchArrowRecords) stands for one batch of rows; rows are
 * split over several when the 16-bit ids of the format would not do.
 *
 * What the format has no place for is lost: entity references of a resource,
 * the difference between an id of zeros and none, the order of the attributes
 * of one item (they are sorted, which is what makes them small), where among
 * others an exemplar without a value stood, and which of the rows came in one
 * request.  The order of rows, events, links and points is kept.
 *
 * One thread at a time.
 */
#ifndef OA_OTAP_ENCODE_H
#define OA_OTAP_ENCODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "arrow/array.h"
#include "base/error.h"
#include "codec/codec.h"
#include "otlp/schema.h"

/* Rows of a root table at most: their ids have 16 bits, and a common peer
 * refuses the number 65,535. */
enum { OA_OTAP_MAX_ROWS = 65535 };

typedef struct oa_otap_encoder oa_otap_encoder;

typedef struct oa_otap_encoder_options {
  oa_coding codec; /* of the Arrow bodies: NONE, LZ4, ZSTD */
  int level;
  bool metric_attrs; /* send Metric.metadata: some peers break off the stream
                        when they meet that table */
  int64_t max_rows;  /* of a message; 0 = OA_OTAP_MAX_ROWS */
  size_t max_bytes;  /* of a message; 0 = 2 GiB */
} oa_otap_encoder_options;

/* OA_ERR_NOMEM; OA_ERR_CONFIG: an option makes no sense. */
oa_status oa_otap_encoder_new(oa_otap_encoder **out, oa_signal signal,
                              const oa_otap_encoder_options *options);
void oa_otap_encoder_free(oa_otap_encoder *encoder);

/* Receives one BatchArrowRecords, which is valid during the call.  Anything
 * but OA_OK stops encoding and is what the caller gets, without a text. */
typedef oa_status (*oa_otap_sink)(void *context, const uint8_t *message,
                                  size_t len);

/* Encodes ROWS rows of oa_otlp_schema()'s COLUMNS, as oa_otlp_bind() gives
 * them.  OA_ERR_MALFORMED: a value that no decoder of ours writes; ERROR names
 * its row.  OA_ERR_LIMIT: one row (metrics: one metric) alone passes
 * max_bytes.  OA_ERR_NOMEM.
 * After a failure, messages that SINK took are part of the stream, and the
 * encoder may go on: what it sends next does not lean on what got lost. */
oa_status oa_otap_encode(oa_otap_encoder *encoder, const oa_array *columns,
                         int64_t rows, oa_otap_sink sink, void *context,
                         oa_error *error);

#endif
