/* SPDX-License-Identifier: Apache-2.0 */
/* append_impl.h - what the files of oa_otlp_append() share.
 *
 * A sender's batch is bound by names to one source for each column of ours
 * (append_bind.c); what our decoders would have written otherwise is put
 * right or its row refused (append_agree.c, append_body.c, append_points.c);
 * resources and scopes are read (append_owner.c); then the rows that are left
 * are appended in ranges and numbered (append.c, append_ords.c).
 *
 * Private to otlp/.
 */
#ifndef OA_OTLP_APPEND_IMPL_H
#define OA_OTLP_APPEND_IMPL_H

#include "arrow/coerce.h"
#include "otlp/builder_impl.h"

/* A table of the batch: the rows themselves, or the items of a list. */
typedef struct oa_append_level {
  const struct oa_append_level *parent; /* NULL: the rows */
  const oa_source *list;                /* the parent's column */
} oa_append_level;

typedef struct oa_appender {
  oa_otlp_builder *builder;
  oa_arena arena; /* all that lives for this batch */
  int64_t rows;
  oa_append_level root;
  oa_source *columns; /* of the root table */
  bool *have;         /* the sender has the column at all */
  uint8_t *bad;       /* bits: rows that are left out */
  bool any_bad;
  int32_t *resources; /* of each row: entry of the builder, or -1 */
  int32_t *scopes;
  oa_buf text; /* bodies made here */
  oa_otlp_result *result;
  oa_error *error;
} oa_appender;

/* Which codes (0 to 15) of a row let a column hold a value there.  Other
 * values are dropped. */
typedef struct oa_append_rule {
  uint8_t column;
  uint16_t allowed;
  uint16_t must;   /* hold 0 or an empty value when there is none */
  uint16_t needed; /* are refused when there is none */
} oa_append_rule;

/* Leaves out the row that item ROW of LEVEL belongs to; the first one gives
 * the result its reason, with the column's name. */
void oa_append_refuse(oa_appender *a, const oa_append_level *level,
                      const char *column, int64_t row, const char *text);

/* Finds the sender's columns.  OA_ERR_UNSUPPORTED names one that is missing
 * or cannot be taken; OA_ERR_NOMEM, OA_ERR_LIMIT. */
oa_status oa_append_bind(oa_appender *a, const oa_schema *schema,
                         const oa_array *columns);

/* Puts the COUNT columns of RULES right for rows with CODES. */
oa_status oa_append_agree(oa_appender *a, const oa_append_level *level,
                          oa_source *sources, const uint8_t *codes,
                          int64_t rows, const oa_append_rule *rules,
                          size_t count);

/* The values of a uint8 column as codes up to MOST; null gives NONE, and a
 * row above MOST is refused. */
oa_status oa_append_codes(oa_appender *a, const oa_append_level *level,
                          const oa_source *source, int64_t rows, uint8_t most,
                          uint8_t none, const uint8_t **out);

/* Brings SOURCE, a column `ser`, into the form that we store; refuses rows
 * that are not CBOR of the kind that their code says.
 * OA_ERR_NOMEM, OA_ERR_LIMIT. */
oa_status oa_append_take_cbor(oa_appender *a, const oa_append_level *level,
                              oa_source *source, const uint8_t *codes,
                              int64_t rows);

/* Gives SOURCE the validity BITS; a copy of its values is zero under those
 * that were null before. */
oa_status oa_append_revalidate(oa_appender *a, oa_source *source, int64_t rows,
                               const uint8_t *bits);

/* The items of an attribute list. */
oa_status oa_append_check_attributes(oa_appender *a,
                                     const oa_append_level *level,
                                     oa_source *items, int64_t rows);

/* The rows of each signal. */
oa_status oa_append_check_spans(oa_appender *a);
oa_status oa_append_check_logs(oa_appender *a);
oa_status oa_append_check_points(oa_appender *a);

/* True when row ROW counts as an item: all but metrics without points. */
bool oa_append_is_item(const oa_appender *a, int64_t row);

/* Reads the resources and scopes of all rows. */
oa_status oa_append_find_owners(oa_appender *a);

/* Fills the columns that number and name the owners of the rows, which stand
 * in the builder from row FROM on; ORDS are the sender's own numbers. */
void oa_append_put_owners(oa_appender *a, const oa_source *ords, uint32_t from);

static inline bool oa_append_is_bad(const oa_appender *a, int64_t row) {
  return a->any_bad && oa_bit(a->bad, row);
}

/* True when SOURCE has no value in row I. */
static inline bool oa_source_is_null(const oa_source *source, int64_t i) {
  return source->absent || oa_array_is_null(&source->array, i);
}

#endif
