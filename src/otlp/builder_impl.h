/* SPDX-License-Identifier: Apache-2.0 */
/* builder_impl.h - what the decoders of the three signals share.
 *
 * For the decoders in otlp/, otap/ and flight/ alone.  One of protobuf reads
 * one record's fields into locals, puts child rows (attributes, events, ...) as
 * it meets them, and writes the record's own row last.  So a record that turns
 * out bad costs no more than cutting the child tables back.
 */
#ifndef OA_OTLP_BUILDER_IMPL_H
#define OA_OTLP_BUILDER_IMPL_H

#include "arrow/table.h"
#include "otlp/otlp.h"
#include "wire/cursor.h"

enum {
  OA_TRACE_ID_SIZE = 16,
  OA_SPAN_ID_SIZE = 8,
  OA_BUILDER_MAX_TABLES = 10,
  OA_BUILDER_MAX_DICTS = 40,
  OA_ATTR_GUESSES = 128, /* a power of two */
  OA_ATTR_PREFIX = 52,   /* longer keys are not guessed */
  OA_ATTR_RECENT = 512,  /* a power of two */
  OA_ATTR_PENDING = 16,  /* texts on their way to the dictionary */
};

/* A record is bad by itself: leave it out, go on with the next.  This meaning
 * never leaves the decoders. */
#define OA_RECORD_REJECTED OA_ERR_UNSUPPORTED

/* How an attribute seen before began on the wire, up to where the value's
 * length stands, and its key's number in the dictionary.  A sender has few
 * keys, so most attributes are one that was seen before. */
typedef struct oa_attr_guess {
  uint32_t prefix_len; /* 0 = no guess */
  uint32_t key;
  uint8_t prefix[OA_ATTR_PREFIX];
} oa_attr_guess;

/* A text that came more than once: its ends, which tell nearly all apart, and
 * its number in the dictionary. */
typedef struct oa_attr_recent {
  uint64_t head;
  uint64_t tail;
  uint32_t len; /* UINT32_MAX = none */
  uint32_t number;
} oa_attr_recent;

/* A text whose number is not known yet: its row stands, with 0 for it.  The
 * search waits until the memory that it looks at has come near, which takes as
 * long as reading some attributes more. */
typedef struct oa_attr_pending {
  const uint8_t *text; /* in the request */
  size_t len;
  uint32_t hash;
  uint32_t row;
  oa_attr_recent *recent; /* where to keep it when it is not new */
} oa_attr_pending;

/* An attribute list's items: the child table and its columns. */
typedef struct oa_attrs {
  oa_table *table;
  oa_column *column; /* of OA_ATTR_KEY */
  oa_attr_guess guesses[OA_ATTR_GUESSES];
  oa_attr_recent recent[OA_ATTR_RECENT];
  oa_attr_pending pending[OA_ATTR_PENDING];
  uint32_t pending_from; /* pending are those in [from, to), modulo the size */
  uint32_t pending_to;
} oa_attrs;

/* What the rows of one resource or scope have in common: numbers in the
 * dictionaries of the columns, -1 = null. */
typedef struct oa_owner {
  int32_t number[5];
} oa_owner;

typedef struct oa_owners {
  oa_dict raw; /* the sub-messages as they came; numbers the entries */
  oa_owner *entries;
  size_t capacity;
} oa_owners;

/* How far a path into a request goes. */
enum {
  OA_LEVEL_RESOURCE = 1,
  OA_LEVEL_SCOPE,
  OA_LEVEL_RECORD,
  OA_LEVEL_POINT,
};

struct oa_otlp_builder {
  oa_signal signal;
  uint64_t generation; /* another one after strings left the dictionaries; no
                          two builders have the same */
  oa_table_tree tree;
  oa_table root;
  oa_table *tables[OA_BUILDER_MAX_TABLES]; /* all of them, root first */
  size_t table_count;
  oa_dict *dicts[OA_BUILDER_MAX_DICTS];
  size_t dict_count;

  oa_attrs attributes;   /* the records' own */
  oa_attrs attributes_2; /* of events, exemplars */
  oa_attrs attributes_3; /* of links, metric metadata */
  oa_owners resources;
  oa_owners scopes;
  oa_buf cbor;
  oa_buf text;
  oa_buf canonical;

  _Atomic uint64_t *ords;
  uint64_t resource_ord; /* the next numbers */
  uint64_t scope_ord;
  uint64_t metric_ord;
  uint64_t ord_end; /* none of them may pass it */

  /* The request that is being decoded. */
  oa_otlp_result *result;
  uint32_t index[4];      /* of resource, scope, record and data point in it */
  unsigned levels;        /* of index, that lead to what is read now */
  const char *point_list; /* "sum.data_points" and the like */
  size_t metadata_left;   /* bytes of metadata that may still be repeated */

  unsigned depth_left_out; /* OA_OTLP_MAX_DEPTH - the depth allowed: where
                              counting begins */
  uint32_t max_attributes; /* UINT32_MAX = any number */
  bool outgrown;           /* as oa_otlp_builder_outgrown() */
};

static inline oa_column *oa_builder_column(oa_otlp_builder *builder,
                                           size_t column) {
  return &builder->root.columns[column];
}

/* oa_attrs_settle() of all. */
void oa_builder_settle(oa_otlp_builder *builder);

/* Forgets all guesses. */
void oa_builder_forget(oa_otlp_builder *builder);

/* Forgets the rows from ROWS on, and what a record that is not yet a row has
 * put into the child tables. */
void oa_builder_cut(oa_otlp_builder *builder, uint32_t rows);

/* Where a builder stands: before a request, to go back to when it fails. */
typedef struct oa_builder_place {
  uint32_t rows;
  uint32_t dicts[OA_BUILDER_MAX_DICTS];
} oa_builder_place;

void oa_builder_keep_place(const oa_otlp_builder *builder,
                           oa_builder_place *place);

/* Forgets all rows and strings since. */
void oa_builder_go_back(oa_otlp_builder *builder,
                        const oa_builder_place *place);

/* A request begins: nothing has failed yet. */
void oa_builder_begin(oa_otlp_builder *builder);

/* The status of a request that ended with STATUS, given what the tables say:
 * OA_ERR_LIMIT when they are as large as they may be. */
oa_status oa_builder_end(oa_otlp_builder *builder, oa_status status);

/* The depth that values may have. */
static inline unsigned oa_builder_depth(const oa_otlp_builder *builder) {
  return OA_OTLP_MAX_DEPTH - builder->depth_left_out;
}

/* Rejects the record when ATTRS has got more than the allowed number of rows
 * since there were BEFORE. */
oa_status oa_attrs_check(oa_otlp_builder *builder, const oa_attrs *attrs,
                         uint32_t before);

/* Notes why records are left out (the first reason is kept, with the path of
 * what is read now in front) and returns OA_RECORD_REJECTED. */
oa_status oa_builder_reject(oa_otlp_builder *builder, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Makes sure that the ords suffice for a request of LEN bytes. */
void oa_builder_reserve_ords(oa_otlp_builder *builder, size_t len);

/* The fills of the columns that a resource's or scope's rows share. */
oa_status oa_builder_fill_resource(oa_otlp_builder *builder, uint32_t from,
                                   oa_cursor resource, bool present,
                                   oa_cursor schema_url);
oa_status oa_builder_fill_scope(oa_otlp_builder *builder, uint32_t from,
                                oa_cursor scope, bool present,
                                oa_cursor schema_url);

/* The entry of the Resource or InstrumentationScope message RAW, read when it
 * is new.  OA_ERR_LIMIT: an attribute is nested too deep; OA_ERR_MALFORMED,
 * OA_ERR_TRUNCATED: it is no such message; OA_ERR_NOMEM. */
oa_status oa_builder_find_owner(oa_otlp_builder *builder, bool resource,
                                oa_cursor raw, int32_t *entry);

/* Fills the rows [FROM, TO) of the columns that ENTRY gives. */
void oa_builder_put_owner(oa_otlp_builder *builder, bool resource,
                          uint32_t from, uint32_t to, int32_t entry);

/* --- attrs.c --- */

void oa_attrs_init(oa_attrs *attrs, oa_table *table);

/* Finds the texts that are pending: before the request's bytes go, and before
 * rows are cut. */
void oa_attrs_settle(oa_attrs *attrs);

/* Forgets the guesses: after strings were taken out of the dictionaries. */
void oa_attrs_forget(oa_attrs *attrs);

/* One KeyValue message of a record whose attributes begin with row BEFORE: when
 * it has more than it may have, the columns do not grow for them.
 * OA_RECORD_REJECTED, OA_ERR_MALFORMED, OA_ERR_TRUNCATED, OA_ERR_NOMEM. */
oa_status oa_attrs_put(oa_otlp_builder *builder, oa_attrs *attrs,
                       uint32_t before, oa_cursor cursor);

/* Records (decode_*.c): one span, log record or metric. */
oa_status oa_decode_span(oa_otlp_builder *builder, oa_cursor cursor);
oa_status oa_decode_log(oa_otlp_builder *builder, oa_cursor cursor);
oa_status oa_decode_metric(oa_otlp_builder *builder, oa_cursor cursor);

/* A field that is an id: LEN bytes or none at all. */
static inline bool oa_id_ok(oa_cursor id, size_t len) {
  return oa_cursor_done(&id) || oa_cursor_left(&id) == len;
}

static inline void oa_put_id(oa_table *table, oa_column *column, oa_cursor id,
                             size_t len) {
  if (!oa_cursor_done(&id)) {
    oa_put_fixed(table, column, id.at, len);
  }
}

/* Text whose absence is null. */
static inline void oa_put_text_if_any(oa_table *table, oa_column *column,
                                      oa_cursor text) {
  if (!oa_cursor_done(&text)) {
    oa_put_text(table, column, text.at, oa_cursor_left(&text));
  }
}

/* A time whose 0 is null. */
static inline void oa_put_time(oa_table *table, oa_column *column,
                               uint64_t time) {
  if (time != 0) {
    oa_put_u64(table, column, time);
  }
}

#endif
