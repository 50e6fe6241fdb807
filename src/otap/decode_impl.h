/* SPDX-License-Identifier: Apache-2.0 */
/* decode_impl.h - what the files of the OTAP decoder share.
 *
 * Private to otap/.  By the time these run, all tables of a message are read
 * and their buffers checked.  First the ids are undone and joined, which finds
 * what is wrong with a message; then the builder's columns are written from
 * the row BASE on.  Whatever fails, the caller cuts the builder back.
 */
#ifndef OA_OTAP_DECODE_IMPL_H
#define OA_OTAP_DECODE_IMPL_H

#include "otap/join.h"
#include "otap/put.h"
#include "otap/stream.h"
#include "otap/texts.h"

typedef struct oa_otap_decoder {
  oa_otap_stream *stream;
  oa_scratch *scratch; /* of the stream */
  oa_otlp_builder *builder;
  oa_otlp_result *result;
  oa_error *error;
} oa_otap_decoder;

/* The table of TYPE with at least one row, or NULL. */
static inline const oa_otap_table *oa_otap_table_of(const oa_otap_decoder *d,
                                                    oa_payload_type type) {
  return oa_otap_stream_table(d->stream, type);
}

/* "TABLE: row N: ..." */
oa_status oa_otap_refuse(const oa_otap_decoder *d, const oa_otap_table *table,
                         uint32_t row, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* Counts BYTES that are read or made for one row and that other rows may have
 * too, by a dictionary, by one owner or by having no bytes at all: a few bytes
 * of a message can stand for any number of them.  OA_ERR_LIMIT. */
oa_status oa_otap_spend(const oa_otap_decoder *d, size_t bytes);

/* True when the children stand in the order of their parents' rows. */
bool oa_otap_is_sorted(const oa_otap_join *join);

/* --- values of a column in scratch memory (decode.c) --- */

oa_status oa_otap_get_u32s(const oa_otap_decoder *d, const oa_otap_table *table,
                           size_t column, uint32_t **out);
oa_status oa_otap_get_u64s(const oa_otap_decoder *d, const oa_otap_table *table,
                           size_t column, uint64_t **out);

/* The same where they are, when they can be read there. */
oa_status oa_otap_view_u64s(const oa_otap_decoder *d,
                            const oa_otap_table *table, size_t column,
                            const uint64_t **out);

/* Numbers in the dictionary of column TO of INTO. */
oa_status oa_otap_get_texts(const oa_otap_decoder *d,
                            const oa_otap_table *table, size_t column,
                            oa_table *into, size_t to, int32_t **out);

/* A bit for each row: 1 when it is not null. */
oa_status oa_otap_get_valid(const oa_otap_decoder *d,
                            const oa_otap_table *table, size_t column,
                            uint8_t **out);

/* --- columns of the root that are the builder's own, row for row --- */

oa_status oa_otap_copy_times(const oa_otap_decoder *d,
                             const oa_otap_table *table, size_t column,
                             size_t to);
oa_status oa_otap_copy_u32s(const oa_otap_decoder *d,
                            const oa_otap_table *table, size_t column,
                            size_t to);
oa_status oa_otap_copy_texts(const oa_otap_decoder *d,
                             const oa_otap_table *table, size_t column,
                             size_t to);
void oa_otap_copy_ids(const oa_otap_decoder *d, const oa_otap_table *table,
                      size_t column, size_t to);

/* --- resources and scopes (owners.c) --- */

/* Fills what the rows of a resource or scope have in common.  ENDS: the end of
 * the builder's rows that row i of ROOT became, counted from BASE; NULL when
 * each became one.  Raises the builder's length to the last one. */
oa_status oa_otap_fill_owners(const oa_otap_decoder *d,
                              const oa_otap_table *root, const uint32_t *ends);

/* --- signals (decode_*.c) --- */

oa_status oa_otap_decode_traces(const oa_otap_decoder *d,
                                const oa_otap_table *root);
oa_status oa_otap_decode_logs(const oa_otap_decoder *d,
                              const oa_otap_table *root);
oa_status oa_otap_decode_metrics(const oa_otap_decoder *d,
                                 const oa_otap_table *root);

#endif
